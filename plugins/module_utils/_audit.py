# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

# PRIVATE to the mailops.sendmail collection: it can change or go in any release.

"""What only a compliance check needs to know of a host, beside what _examination.examine() found. Looks as in _host.

The host looks and the controller judges (the action plugin sendmail_compliance_info, with _controls): so the texts of the controls need
not be sent to every host.
"""

import os
import re
import select
import socket
import stat
import struct
import time
from typing import Any, Dict, List, NamedTuple, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import (
    _examination, _host, _observation, _qf, _qshape, _spool, _text)

FILES_MAX = 5000         # looked at for modes, in all of the configuration
_NAMES_MAX = 200000      # of a queue directory, before left-over files are only counted
_DNS_PORT = 53
_SETTLED = 3600          # seconds after which a data file or a rewrite without a control file belongs to nobody
_ACCESS = '/etc/mail/access'
_LISTED = 20             # of what is listed without a natural bound

SEVERITIES = ('low', 'medium', 'high', 'critical')
# Thresholds: {name: (kind, default)}. Kinds: duration and size are text that _text reads; number, names, and version are what they say.
THRESHOLDS: Dict[str, Tuple[str, Any]] = {
    'version': ('version', '8.15.2'), 'listen': ('names', ['127.*', '::1']), 'runner_interval': ('duration', '30m'), 'last_attempt': ('duration', '65m'),
    'privacy_mta': ('names', ['authwarnings', 'noexpn', 'novrfy', 'restrictqrun']), 'privacy_msp': ('names', ['restrictqrun']),
    'queue_return': ('duration', '5d'), 'msp_age': ('duration', '4h'), 'mta_age': ('duration', '5d'), 'msp_messages': ('number', 100),
    'mta_messages': ('number', 1000), 'queue_bytes': ('size', '1G'), 'quarantined': ('number', 0), 'free_blocks': ('number', 10),
    'free_inodes': ('number', 5), 'name_seconds': ('number', 5)}
OPTIONS = {
    'thresholds': {'type': 'dict', 'options': dict(
        (name, dict({'names': {'type': 'list', 'elements': 'str'}, 'number': {'type': 'int'}}.get(kind, {'type': 'str'}), default=default))
        for name, (kind, default) in THRESHOLDS.items())},
    'overrides': {'type': 'list', 'elements': 'dict', 'default': [], 'options': {
        'id': {'type': 'str', 'required': True}, 'severity': {'type': 'str', 'choices': list(SEVERITIES)}, 'enabled': {'type': 'bool', 'default': True}}},
    'waivers': {'type': 'list', 'elements': 'dict', 'default': [], 'options': dict(
        (name, {'type': 'str', 'required': True}) for name in ('id', 'reason', 'expires'))},
}


class Audit(NamedTuple):
    """Plain values for the predicates of _controls."""

    family: str
    wanted: List[Dict[str, Any]]          # {key, path, owner, group, mode, found}: found is a state of _host.file_state()
    writable: List[str]                   # paths that everybody may write to
    relaying: List[str]                   # sentences: what lets strangers relay
    name_servers: List[Dict[str, Any]]    # {address, error}, error None for one that answers
    leftovers: Dict[str, List[str]]       # by queue: paths that belong to no message, the first of them
    leftovers_total: Dict[str, int]
    domains: Dict[str, Dict[str, int]]    # recipients by domain and age bucket, of both queues
    domains_cut: bool
    endangered: Dict[str, int]            # messages by kind of hazard


def audit(look, examination):
    """Look at what the controls need beside the examination. Bounded in time; changes nothing. Returns Audit."""
    wanted = _wanted(look, examination)
    leftovers, total = {}, {}
    for queue, directories in look.at.queues.items():
        leftovers[queue], total[queue] = _leftovers(queue, directories, examination)
    domains, cut = _qshape.domains(look, look.at.queues, _bucket)
    return Audit(
        family=look.at.layout.family, wanted=wanted, writable=_writable(look, wanted), relaying=_relaying(look), name_servers=name_servers(),
        leftovers=leftovers, leftovers_total=total, domains=dict(domains), domains_cut=cut,
        endangered=dict((kind, len(set(pairs))) for kind, pairs in examination.hazards.items()))


def look_all():
    """Everything that the controls judge, as plain values: {examination, audit}, in some ten kilobytes whatever the queues hold."""
    look = _observation.observe()
    e = _examination.examine(look)
    found = audit(look, e)
    told = [process for process in e.processes if process['role'] == 'daemon' or process['rejecting']]
    e = e._replace(hazards=dict((kind, pairs[:_LISTED]) for kind, pairs in e.hazards.items()), processes=told[:_LISTED], locked=[],
                   runners=e.runners[:_LISTED], everywhere=e.everywhere[:_LISTED], dead_letters=e.dead_letters[:_LISTED], errors=e.errors[:_LISTED])
    return {'examination': dict(e._asdict()), 'audit': dict(found._replace(writable=found.writable[:_LISTED], relaying=found.relaying[:_LISTED])._asdict())}


def _wanted(look, e):
    """What must belong to whom, as the platform's table has it, with the accounts that the configuration names."""
    layout = look.at.layout
    users, groups = {layout.msp_user: e.accounts['user']}, {layout.msp_group: e.accounts['group']}
    places = [('binary', e.program['sendmail'] or layout.rules['binary'].path), ('submit_cf', layout.submit_cf), ('sendmail_cf', layout.sendmail_cf),
              ('mail_dir', layout.rules['mail_dir'].path)]
    for queue, directories in look.at.queues.items():
        places += [(queue + '_queue', path) for path in sorted(set(path for one in directories for path in (one.path, one.control, one.data)))]
    found = []
    for key, path in places:
        rule = layout.rules[key]
        found.append({'key': key, 'path': _printable(path), 'owner': users.get(rule.owner, rule.owner), 'group': groups.get(rule.group, rule.group),
                      'mode': '%04o' % rule.mode, 'found': _host.file_state(path)})
    return found


def _printable(path):
    return _text.printable(os.fsencode(path))


def _writable(look, wanted):
    """Configuration, programs and directories that everybody may write to; the sticky bit makes no difference to a file in them."""
    found, left = [], FILES_MAX
    paths = [one['path'] for one in wanted if one['key'] in ('binary', 'submit_cf', 'sendmail_cf')] + ['/etc/aliases', '/etc/aliases.db']
    paths += [look.at.layout.rules[key].path for key in ('msp_statistics', 'mta_statistics', 'msp_pid', 'mta_pid')]
    for top, _directories, names in os.walk(look.at.layout.rules['mail_dir'].path):
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
            found.append('%s has mode %04o.' % (_printable(path), stat.S_IMODE(mode)))
    return sorted(set(found))


def _relaying(look):
    """What in the configuration of the MTA lets strangers send mail through it, as sentences."""
    state = _host.read_file(look.at.layout.sendmail_cf, 4 << 20)
    cf = look.at.configurations['mta']
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
    entries = [(entry, 'class R in sendmail.cf') for entry in cf.classes.get('R', [])]
    for one in cf.class_files:
        path = re.sub(r'^-o\s*', '', one['file']).split(' ')[0]
        if one['class'] == 'R' and path.startswith('/'):
            entries += [(line.strip(), path) for line in _script(path).splitlines() if line.strip()[:1] not in ('', '#')]
    for line in _script(_ACCESS).splitlines():
        match = re.match(r'(?i)(?:(?:Connect|From|To|Spam):)?(\S*)\s+RELAY\s*$', line)
        if match and line[:1] != '#':
            entries.append((match.group(1), _ACCESS))
    own = socket.gethostname().partition('.')[0].lower()
    for entry, place in entries:
        name = entry.strip('.').lower()
        # A top-level domain, everybody, or a whole class A network that is not private.
        if name in ('', '*') or not re.search(r'[.:\[]', name) and name not in ('localhost', own, '10', '127'):
            found.append('%s relays for all of %s.' % (_printable(place), repr(entry.encode('utf-8', 'surrogateescape').decode('ascii', 'replace'))))
    return found


def _script(path):
    return _host.slurp_all(path, 1 << 20).decode('utf-8', 'surrogateescape')


def _verdict(reply, number):
    """What is wrong with a reply to the query C(number), None for an answer."""
    code = struct.unpack('>H', reply[2:4])[0] & 15 if len(reply) > 11 and reply[:2] == struct.pack('>H', number) else 1
    # NXDOMAIN is an answer.
    return None if code in (0, 3) else {2: 'SERVFAIL', 5: 'REFUSED'}.get(code, 'reply code %d' % code)


def name_servers(path='/etc/resolv.conf', seconds=3.0):
    """Ask each name server of resolv.conf(5) for this host's own name, all at once: [{address, error}]. Any answer but a failure counts.

    Who said nothing or was not there is asked once more after half of the seconds, as a resolver does: one packet may be lost.
    """
    addresses = re.findall(r'(?m)^\s*nameserver\s+([0-9A-Fa-f.:]+)(?:%\S*)?\s*$', _script(path))[:3] or ['127.0.0.1']
    labels = [label[:63] for label in os.fsencode(socket.gethostname()).split(b'.') if label]
    number = os.getpid() & 0xffff
    query = struct.pack('>HHHHHH', number, 0x0100, 1, 0, 0, 0) + b''.join(struct.pack('B', len(label)) + label for label in labels) + b'\0\0\1\0\1'
    found = [{'address': address, 'error': 'no answer within %g seconds' % seconds} for address in addresses]
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
                peer.connect((record['address'], _DNS_PORT))
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
                    pending.pop(peer)['error'] = _verdict(reply, number)
                    peer.close()
            if not ready:
                break
        if pending and not last:
            time.sleep(max(0, until - time.monotonic()))
    for peer in pending:
        peer.close()
    return found


def _leftovers(queue, directories, e):
    """Files that belong to no message, settled for an hour: (the first of their paths, how many). Only looked for where the figures say so."""
    debris = e.queues.get(queue, {}).get('debris', {})
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
                            elif entry.name[:2] in ('df', 'tf', 'Tf', 'xf') and e.now - entry.stat(follow_symlinks=False).st_mtime > _SETTLED:
                                found.append((entry.name[:2], entry.name[2:], os.path.join(place, entry.name)))
        except OSError:
            continue   # it is among the errors of the look
    # A transcript does no harm. A rewrite is left over beside its control file too.
    paths = sorted(_printable(path) for prefix, identifier, path in found if prefix in ('tf', 'Tf') or prefix == 'df' and identifier not in controls)
    strange = debris.get('foreign', 0) + debris.get('special', 0)
    return paths[:20], len(paths) + strange


BUCKETS = (('1h', 3600), ('4h', 14400), ('1d', 86400), ('5d', 432000))   # what is older stands under OLDER
OLDER = '5d+'


def _bucket(age):
    return next((name for name, bound in BUCKETS if age < bound), OLDER)
