# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

# PRIVATE to the mailops.sendmail collection: it can change or go in any release.

"""Everything about one host that a diagnosis and a compliance check judge: the observation, the figures of the queues, and the probes."""

import glob
import os
import re
from collections import Counter

from ansible_collections.mailops.sendmail.plugins.module_utils import (
    _filesystem, _hazards, _host, _log, _names, _observation, _qf, _spool, _summary, _text)

INSPECTED_MAX = 20000   # control files looked into; what is wrong with a spool shows in the first few
SUBJECTS_MAX = 2000     # messages whose subject is read: enough to tell a share
_SUBJECT_LENGTH = 80
_DOMAINS_MAX = 3
_PORTS = (25, 465, 587)
_LOG_AGE, _LOG_SECONDS, _LOG_LINES, _LOG_BYTES = 7 * 86400, 3.0, 20000, 4 << 20
_LOG_LINE = 300         # characters of a line that are shown


def examine(look, subjects=False):
    """Probe what waiting mail needs, after C(look) of _observation.observe(). Bounded in time; changes nothing. Returns _observation.Examination.

    C(subjects): whether the subjects of messages may be read.
    """
    at = look.at
    facts = _summary.facts(look, 'totals')
    settings = look.settings.get('msp', {})
    user, group = settings.get('run_as_user') or at.layout.msp_user, settings.get('run_as_group') or at.layout.msp_group
    accounts = {'user': user, 'uid': look.accounts[user]['uid'], 'group': group, 'gid': look.accounts[group]['group']}
    directories = at.queues.get('msp', [])
    paths = sorted(set(path for directory in directories for path in (directory.path, directory.control, directory.data)))
    hazards, inspected = _hazards.survey(look, 'msp', INSPECTED_MAX) if None not in (accounts['uid'], accounts['gid']) else ({}, 0)
    domains = [one['domain'] for one in facts['queues'].get('msp', {}).get('top', {}).get('domains', []) if one['domain'] != '(local)'][:_DOMAINS_MAX]
    relay = look.relay
    everywhere = [one for one in _host.listeners(_PORTS, look.processes) if (one['name'] or '').startswith('sendmail')]
    service = dict(look.services['mta'], active=None)
    if look.services['init'] == 'systemd':
        service['active'] = _host.unit_states([at.layout.mta_service]).get(at.layout.mta_service, {}).get('active') == 'active'
    files = dict((name, dict(state, problems=at.configurations[name].problems if at.configurations[name] else [])) for name, state in at.files.items())
    return _observation.Examination(
        now=at.now, queues=facts['queues'], hazards=hazards, inspected=inspected, settings=look.settings, files=files, errors=at.errors,
        accounts=accounts, program=look.program,
        directories=[_host.file_state(path) for path in paths],
        filesystems=dict((name, _worst(places)) for name, places in at.queues.items() if places), relay=relay, greeting=look.greeting,
        listeners=[one for one in look.listeners if relay is None or _serves(one['address'], relay['host'])], everywhere=everywhere,
        processes=look.processes, runners=look.runners, service=service, load=look.load[0] if look.load else 0.0,
        locked=_in_delivery(look), resolver_changed=look.resolver_changed,
        lookups=_names.look_around(relay['host'] if relay and not relay['literal'] else None, domains), dead_letters=_dead_letters(settings),
        refusal=_host.refusal(relay['host'], relay['port']) if relay and look.greeting['answered'] else None, hosts_access=_hosts_access(),
        subjects=_subjects(look) if subjects else ([], 0))


def _serves(address, host):
    """Whether a socket bound to C(address) takes connections to C(host)."""
    return address in (host, '0.0.0.0', '::') or host == 'localhost' and address in ('127.0.0.1', '::1')  # noqa: S104 - read, not bound


def _hosts_access():
    """The rules of /etc/hosts.deny that name Sendmail or all daemons, as hosts_access(5) reads them: ["/etc/hosts.deny: rule"]."""
    text = (_host.read_file('/etc/hosts.deny')['data'] or b'').decode('latin-1').replace('\\\n', '')
    rules = [line.strip() for line in text.splitlines() if not line.startswith('#')]
    return ['/etc/hosts.deny: %s' % _text.printable(rule[:200].encode('latin-1')) for rule in rules
            if {'sendmail', 'all'} & set(rule.partition(':')[0].lower().replace(',', ' ').split())]


def _worst(directories):
    """The file system with the least room under the directories of a queue."""
    found = [_filesystem.under(directory.control) for directory in directories]
    return min(found, key=lambda room: (not room['read_only'], not room['immutable'], room['blocks_free'] is None, room['blocks_free'] or 0))


def _in_delivery(look):
    """Messages of the client queue that somebody has locked: [{id, pid, seconds, title}]; seconds since that process was started."""
    locks = _host.locks() or {}
    processes = dict((process['pid'], process) for process in look.processes)
    found = []
    for directory in look.at.queues.get('msp', []) if locks else []:
        one = _spool.Pass(directory, None, False, set((os.makedev(major, minor), inode) for major, minor, inode in locks))
        try:
            with _spool.Opened(directory) as opened:
                for _batch in one.batches():
                    pass
                for name in sorted(one.locked):
                    about = os.stat(name, dir_fd=opened.control, follow_symlinks=False)
                    lock = locks.get((os.major(about.st_dev), os.minor(about.st_dev), about.st_ino))
                    process = processes.get(lock['pid']) if lock else None
                    if lock:
                        found.append({'id': _text.printable(os.fsencode(name[2:])), 'pid': lock['pid'],
                                      'seconds': look.at.now - process['started'] if process and process['started'] else None,
                                      'title': process['title'] if process else ''})
        except OSError:
            continue   # it has just been delivered, or the directory is among the errors already
    return found


def _subjects(look):
    """([(what subjects have in common, messages), ...] the most frequent first, messages looked at): digits stand as #, so that runs of a job are alike."""
    found, looked = Counter(), 0
    for directory in look.at.queues.get('msp', []):
        try:
            with _spool.Opened(directory) as opened:
                for batch in _spool.Pass(directory, None, False, frozenset()).batches():
                    for name in batch.names:
                        if name[:2] != 'qf':
                            continue
                        if looked == SUBJECTS_MAX:
                            return found.most_common(_summary.TOP), looked
                        try:
                            headers = _qf.parse(_spool.read_whole(opened.control, name)[0]).headers
                        except (OSError, _text.SendmailError):
                            continue
                        looked += 1
                        subject = next((value for header, value in headers if header.lower() == b'subject'), b'')
                        found[_text.printable(re.sub(rb'[0-9]+', b'#', b' '.join(_qf.header_text(subject).split()))[:_SUBJECT_LENGTH])] += 1
        except OSError:
            continue   # the directory is among the errors already
    return found.most_common(_summary.TOP), looked


def log_of(now):
    """What gives _causes.diagnosis() the newest lines of the log of the host, of the last week."""
    def read(patterns):
        found = _log.latest(patterns, now - _LOG_AGE, _LOG_SECONDS, _LOG_BYTES, _LOG_LINES)
        return dict((key, _summary.shortened(line, _LOG_LINE)) for key, line in found.items())
    return read


def _dead_letters(settings):
    """Where Sendmail saves what it refuses at once: [{path, size, mtime}]."""
    paths = [path for path in (settings.get('dead_letter_drop'), '/var/lib/sendmail/dead.letter', '/root/dead.letter') if path]
    found = []
    for path in paths + sorted(glob.glob('/home/*/dead.letter'))[:200]:
        try:
            about = os.lstat(path)
        except OSError:
            continue
        found.append({'path': _text.printable(os.fsencode(path)), 'size': about.st_size, 'mtime': int(about.st_mtime)})
    return found
