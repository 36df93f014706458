# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What only a compliance check needs to know of a host, beside the probes, and its options. Looks as in _system.

The controller judges (L(_controls)): so the texts of the controls stay there.
"""

import os
import re
import select
import socket
import stat
import struct
import time
from typing import Any, Dict, List, Optional, Sequence, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import (
    _acceptance, _filesystem, _look, _names, _policy, _probe, _qf, _qshape, _route, _services, _spool, _system)

FILES_MAX = 5000        # looked at for modes, in all of the configuration
_NAMES_MAX = 200000     # of a queue, before left-over files are only counted
_SETTLED = 3600         # seconds after which a data file or a rewrite without a control file belongs to nobody
_PRIVATE = ('10', '127', 'localhost', 'localdomain', 'local', 'lan', 'home', 'corp', 'internal', 'intranet', 'private')   # RFC 6761, 6762 G
_LISTED = 20            # of what is listed without a natural bound
# What is not judged, or no plain value.
_AT_HOME = ('directories', 'held', 'layout', 'configurations', 'accounts', 'sendmail_conf', 'locked', 'subjects')

PROFILES = ('baseline', 'stig')   # each with the controls of those before it
SEVERITIES = ('low', 'medium', 'high', 'critical')
# Thresholds: {name: (kind, default)}. Kinds: duration and size are text that _text reads; number, names, flag, and version are what they say.
THRESHOLDS: Dict[str, Tuple[str, Any]] = {
    'version': ('version', '8.15.2'), 'listen': ('names', ['127.*', '::1']), 'runner_interval': ('duration', '30m'), 'last_attempt': ('duration', '65m'),
    'privacy_mta': ('names', ['authwarnings', 'noexpn', 'novrfy', 'restrictqrun']), 'privacy_msp': ('names', ['restrictqrun']),
    'queue_return': ('duration', '5d'), 'msp_age': ('duration', '4h'), 'mta_age': ('duration', '5d'), 'msp_messages': ('number', 100),
    'mta_messages': ('number', 1000), 'queue_bytes': ('size', '1G'), 'quarantined': ('number', 0), 'free_blocks': ('number', 10),
    'free_inodes': ('number', 5), 'name_seconds': ('number', 5),
    'certificate_left': ('duration', '14d'), 'wanted': ('flag', False)}
_TYPES: Dict[str, Dict[str, str]] = {'names': {'type': 'list', 'elements': 'str'}, 'number': {'type': 'int'}, 'flag': {'type': 'bool'}}
OPTIONS = {
    'thresholds': {'type': 'dict', 'options': dict(
        (name, dict(_TYPES.get(kind, {'type': 'str'}), default=default))
        for name, (kind, default) in THRESHOLDS.items())},
    'overrides': {'type': 'list', 'elements': 'dict', 'default': [], 'options': {
        'id': {'type': 'str', 'required': True}, 'severity': {'type': 'str', 'choices': list(SEVERITIES)}, 'enabled': {'type': 'bool', 'default': True}}},
    'waivers': {'type': 'list', 'elements': 'dict', 'default': [], 'options': dict(
        (name, {'type': 'str', 'required': True}) for name in ('id', 'reason', 'expires'))},
    'profile': {'type': 'str', 'choices': list(PROFILES), 'default': PROFILES[0]},
    'directory': {'type': 'path'},
}


def audit(look: _look.Look, profile: str = PROFILES[0]) -> _look.Look:
    """Add what the controls of a profile need beside the probes. Bounded in time; changes nothing."""
    wanted = _wanted(look)
    leftovers, total = {}, {}
    for queue, directories in look.directories.items():
        leftovers[queue], total[queue] = _leftovers(queue, directories, look)
    domains, cut = _qshape.domains(look, look.directories, _bucket)
    look = look._replace(
        family=look.layout.family, wanted=wanted, writable=_writable(look, wanted), relaying=_relaying(look), name_servers=_name_servers(),
        leftovers=leftovers, leftovers_total=total, domains=dict(domains), domains_cut=cut)
    return look._replace(policy=_policy.policy(look, profile != PROFILES[0]))


def plain(profile: str) -> Dict[str, Any]:
    """All that the controls of a profile judge, as plain values of a Look, in some ten kilobytes whatever the queues hold."""
    found = _look.look('program')
    look = audit(_probe.probe(_services.served(found, _acceptance.ask(found, _acceptance.sample(found)))), profile)
    told = [process for process in look.processes if process['role'] == 'daemon' or process['rejecting']]
    look = look._replace(
        hazards=dict((kind, pairs[:_LISTED]) for kind, pairs in look.hazards.items()), processes=told[:_LISTED], runners=look.runners[:_LISTED],
        listeners=look.listeners[:_LISTED], sockets=look.sockets[:_LISTED], places=look.places[:_LISTED], dead_letters=look.dead_letters[:_LISTED],
        errors=look.errors[:_LISTED], writable=look.writable[:_LISTED], relaying=look.relaying[:_LISTED], obstacles=look.obstacles[:_LISTED])
    return dict((name, value) for name, value in look._asdict().items() if name not in _AT_HOME)


def _wanted(look: _look.Look) -> List[Dict[str, Any]]:
    """What must belong to whom, as the platform's table has it, with the accounts that the configuration names."""
    layout = look.layout
    if not layout.rules:
        return []
    users: Dict[Optional[str], str] = {layout.msp_user: look.submitter['user']}
    groups: Dict[Optional[str], str] = {layout.msp_group: look.submitter['group']}
    places = [('binary', look.program['sendmail'] or layout.rules['binary'].path), ('submit_cf', layout.submit_cf), ('sendmail_cf', layout.sendmail_cf),
              ('mail_dir', layout.rules['mail_dir'].path)]
    for queue, directories in look.directories.items():
        places += [(queue + '_queue', path) for path in sorted(set(path for one in directories for path in (one.path, one.control, one.data)))]
    found = []
    for key, path in places:
        rule, state = layout.rules[key], _system.file_state(path)
        if key == 'binary' and look.configurations.get('msp') is None and int(state['mode'] or '0', 8) & 0o4000:
            # As in sendmail_permissions: without submit.cf it is the set-user-ID bit by which users submit (sendmail/SECURITY).
            rule = rule._replace(group=state['group'], mode=int(state['mode'], 8) & ~0o022)
        # Its user can work in what is his own, as in sendmail_permissions.
        owner = state['owner'] if key == 'msp_queue' and state['owner'] == look.submitter['user'] else (
            _mta_runner(look, rule.owner) if key == 'mta_queue' else users.get(rule.owner, rule.owner))
        found.append({'key': key, 'path': _system.printable(path), 'owner': owner, 'group': groups.get(rule.group, rule.group),
                      'mode': '%04o' % rule.mode, 'spare': _filesystem.spare(key, rule.mode), 'found': state})
    return found


def _mta_runner(look: _look.Look, owner: Optional[str]) -> Optional[str]:
    """RunAsUser of the MTA, which it becomes before it writes to its queue, where it has one."""
    user = look.settings.get('mta', {}).get('run_as_user') or '0'
    user = _system.user_name(int(user)) if user.isdigit() else user
    return owner if user == 'root' else user


def _entries(path: str) -> List[str]:
    return _system.slurp_all(path, 1 << 20).decode('utf-8', 'surrogateescape').splitlines()


def _writable(look: _look.Look, wanted: List[Dict[str, Any]]) -> List[str]:
    """Configuration, programs and directories that everybody may write to, sticky or not."""
    found, left = [], FILES_MAX
    paths = [one['path'] for one in wanted if one['key'] in ('binary', 'submit_cf', 'sendmail_cf')] + ['/etc/aliases', '/etc/aliases.db']
    rules = look.layout.rules
    paths += [rules[key].path for key in ('msp_statistics', 'mta_statistics', 'msp_pid', 'mta_pid') if key in rules]
    for top, _directories, names in os.walk(os.path.dirname(look.layout.submit_cf)):
        paths += [top] + [os.path.join(top, name) for name in names]
        left -= 1 + len(names)
        if left < 0:
            break
    for path in paths[:FILES_MAX]:
        try:
            mode = os.lstat(path).st_mode
        except OSError:
            continue
        if mode & 0o002 and not stat.S_ISLNK(mode):
            found.append('%s has mode %04o.' % (_system.printable(path), stat.S_IMODE(mode)))
    return sorted(set(found))


def _relaying(look: _look.Look) -> List[str]:
    """What in the configuration of the MTA lets strangers send mail through it, as sentences."""
    state = _system.read_file(look.layout.sendmail_cf, 4 << 20)
    cf = look.configurations['mta']
    if state['data'] is None or cf is None:
        return []
    text = state['data'].decode('utf-8', 'surrogateescape')
    rules = '\n'.join(line for line in text.splitlines() if line[:1] == 'R')
    found = []
    # proto.m4 leaves the whole check out for FEATURE(promiscuous_relay).
    if re.search(r'(?m)^SBasic_check_rcpt', text) and 'Relaying denied' not in rules:
        found.append('sendmail.cf never says "Relaying denied": FEATURE(promiscuous_relay).')
    if 'FROM local' in rules:
        found.append('sendmail.cf relays for whoever claims a local sender: FEATURE(relay_local_from).')
    if 'RELAY FROM sender ok' in rules:
        found.append('sendmail.cf relays by the sender address: FEATURE(relay_mail_from).')
    # $m is the domain of this host, whatever that is: none that is open to all.
    words = _route.meant(cf, ' '.join(cf.classes.get('R', [])), 'own.host.invalid').split()
    entries = [(entry, 'class R in sendmail.cf') for entry in words]
    for one in cf.class_files:
        path = re.sub(r'^-o\s*', '', one['file']).split(' ')[0]
        if one['class'] == 'R' and path.startswith('/'):
            entries += [(line.strip(), path) for line in _entries(path) if line.strip()[:1] not in ('', '#')]
    for path in re.findall(r'(?m)^K\s*access\s.*\s(/\S+?)(?:\.db)?\s*$', text):
        for line in _entries(path):
            match = re.match(r'(?i)(?:(?:Connect|From|To|Spam):)?(\S*)\s+RELAY\s*$', line)
            if match and line[:1] != '#':
                entries.append((match.group(1), path))
    own = socket.gethostname().partition('.')[0].lower()
    for entry, place in entries:
        name = entry.strip('.').lower()
        # A public top-level domain, everybody, or a whole class A network that is not private.
        if name in ('', '*') or not re.search(r'[.:\[]', name) and name not in _PRIVATE + (own,):
            found.append('%s relays for all of %s.' % (_system.printable(place), repr(entry.encode('utf-8', 'surrogateescape').decode('ascii', 'replace'))))
    return found


def _leftovers(queue: str, directories: Sequence[_spool.QueueDirectory], look: _look.Look) -> Tuple[List[str], int]:
    """Files that belong to no message, settled for an hour: (the first paths, how many)."""
    debris = look.queues.get(queue, {}).get('debris', {})
    suspects = sum(debris.get(kind, 0) for kind in ('data_without_control', 'temporary', 'pushed_aside', 'foreign', 'special'))
    if not suspects:
        return [], 0
    found, controls = [], set()
    for directory in directories:
        try:
            with _spool.Opened(directory) as opened:
                for descriptor, place in dict(((opened.data, directory.data), (opened.control, directory.control))).items():
                    with _spool.scan(descriptor) as entries:
                        for entry in entries:
                            if len(found) + len(controls) > _NAMES_MAX:
                                return [], suspects
                            if entry.name[:2] in _qf.CONTROL_PREFIXES:
                                controls.add(entry.name[2:])
                            elif entry.name[:2] in ('df', 'tf', 'Tf', 'xf') and look.now - entry.stat(follow_symlinks=False).st_mtime > _SETTLED:
                                found.append((entry.name[:2], entry.name[2:], os.path.join(place, entry.name)))
        except OSError:
            continue   # it is among the errors of the look
    # A rewrite is left over beside its control file too.
    paths = sorted(_system.printable(path) for prefix, identifier, path in found if prefix in ('tf', 'Tf') or prefix == 'df' and identifier not in controls)
    strange = debris.get('foreign', 0) + debris.get('special', 0)
    return paths[:20], len(paths) + strange


BUCKETS = (('1h', 3600), ('4h', 14400), ('1d', 86400), ('5d', 432000))   # what is older stands under OLDER
OLDER = '5d+'


def _bucket(age: int) -> str:
    return next((name for name, bound in BUCKETS if age < bound), OLDER)


def _name_servers(path: str = '/etc/resolv.conf', seconds: float = 3.0) -> List[Dict[str, Any]]:
    """Ask each name server of resolv.conf(5) for this host's own name, all at once: [{address, error}]. Any answer but a failure counts.

    Who said nothing or was not there is asked once more after half of the seconds, as a resolver does: one packet may be lost.
    """
    addresses = _names.servers(_system.script(path))
    labels = [label[:63] for label in os.fsencode(socket.gethostname()).split(b'.') if label]
    number = os.getpid() & 0xffff
    query = struct.pack('>HHHHHH', number, 0x0100, 1, 0, 0, 0) + b''.join(struct.pack('B', len(label)) + label for label in labels) + b'\0\0\1\0\1'
    found: List[Dict[str, Any]] = [{'address': address, 'error': 'no answer within %g seconds' % seconds} for address in addresses]
    pending = {}
    for record in found:
        try:
            pending[socket.socket(socket.AF_INET6 if ':' in record['address'] else socket.AF_INET, socket.SOCK_DGRAM)] = record
        except OSError as error:   # a kernel without IPv6
            record['error'] = error.strerror
    for last in (False, True):
        # From now: who was asked late, because the machine was busy, may answer late.
        until, waiting = time.monotonic() + seconds / 2, []
        for peer, record in pending.items():
            try:
                peer.connect((record['address'], _names.DNS_PORT))
                peer.send(query)
                waiting.append(peer)
            except OSError as error:
                record['error'] = error.strerror
        while waiting:
            ready = select.select(waiting, [], [], max(0, until - time.monotonic()))[0]
            for peer in ready:
                waiting.remove(peer)
                try:
                    reply = peer.recv(4096)
                except OSError as error:
                    pending[peer]['error'] = error.strerror
                else:
                    pending.pop(peer)['error'] = _names.verdict(reply, number)
                    peer.close()
            if not ready:
                break
        if pending and not last:
            time.sleep(max(0, until - time.monotonic()))
    for peer in pending:
        peer.close()
    return found
