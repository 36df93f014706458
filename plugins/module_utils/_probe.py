# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What only a diagnosis and a compliance check take of a host, after the look: the figures of the queues, and the probes. Looks as in _system.

It is apart from _look so that a module which only reads stays small on the wire.
"""

import glob
import os
import re
import select
import signal
import time
from collections import Counter
from typing import Any, Dict, List, Optional, Sequence, Set, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import (
    _acceptance, _cf, _filesystem, _hazards, _look, _lookups, _names, _network, _qf, _readcf, _route, _schedule, _services, _spool, _summary,
    _system, _text)

INSPECTED_MAX = 20000   # control files looked into; what is wrong with a spool shows in the first few
SUBJECTS_MAX = 2000     # messages whose subject is read: enough to tell a share
_SUBJECT_LENGTH = 80
_DOMAINS_MAX = 3
_PORTS = (25, 465, 587)
_STUCK_MAX = 20
_NEW = 60               # seconds after which a message in the queue of the MTA is not one that has just come
_MOMENT = 0.5           # seconds, and what is on its way is locked or gone
_PASSING_MAX = 200      # messages, no more are on their way
_SHORT = 2000           # messages that are read again at once
_ORPHAN = 86400         # seconds, as sendmail_debris has it
_LIMITS = {'fsize': 8, 'as': 8192}   # kilobytes, too few for a submission
_NOBODY, _ACCESS_SECONDS = 65534, 5.0
_PLACES_MAX = 3         # of a smart host
_FILE_LEAST, _MAILBOXES, _WRITERS = 8192, '/var/mail', ('sensible-mda', 'procmail', 'mail.local')
_MESSAGE_LEAST = 1024   # bytes; headers take half of it
_NAMES = ('/usr/sbin/sendmail', '/usr/lib/sendmail')   # what programs call
_SUBMITTERS = ('cron', 'crond', 'atd', 'sshd', 'apache2', 'httpd', 'php-fpm')   # services that start what submits mail


def probe(look: _look.Look, subjects: bool = False) -> _look.Look:
    """Take what waiting mail needs, after _services.served(). Bounded in time; changes nothing.

    C(subjects): whether the subjects of messages may be read.
    """
    look = _acceptance.by_rules(_acceptance.by_program(_readcf.judged(look)))
    facts = _summary.facts(look, 'totals')
    directories = look.directories.get('msp', [])
    paths = sorted(set(path for directory in directories for path in (directory.path, directory.control, directory.data)))
    hazards: Dict[str, List[Any]] = {}
    inspected = 0
    if None not in (look.submitter['uid'], look.submitter['gid']):
        hazards, inspected = _hazards.survey(look, 'msp', INSPECTED_MAX)
    domains = [one['domain'] for one in facts['queues'].get('msp', {}).get('top', {}).get('domains', []) if one['domain'] != '(local)'][:_DOMAINS_MAX]
    service = look.layout.mta_service
    return look._replace(
        queues=facts['queues'], errors=look.errors + unread(facts['queues']), hazards=hazards, endangered=endangered(hazards), inspected=inspected,
        places=[_system.file_state(path) for path in paths],
        filesystems=dict((name, _worst(places)) for name, places in look.directories.items() if places),
        sockets=_sockets(look, _network.listeners(_ports(look), look.processes)),
        active=_system.unit_states([service])[service]['active'] == 'active' if look.services['init'] == 'systemd' else None,
        processes=_seen(look),
        locked=_in_delivery(look, facts['queues'].get('msp', {}).get('last_attempt_age')), obstacles=obstacles(look),
        stuck=_stuck(look, facts['queues'], set(identifier for pairs in hazards.values() for _text, identifier in pairs)),
        stranded=_stranded(look), passing=_passing(look, facts['queues'].get('msp', {})), orphans=_orphans(look, facts['queues'].get('msp', {})),
        ahead=_ahead(look, facts['queues'].get('msp', {})),
        passed_over=_passed_over(look), mta_kept=_mta_kept(look, facts['queues'].get('mta', {})), mta_interval=_mta_interval(look),
        mta_command=_started(look)[1], mta_shut=_mta_shut(look), confined=_confined(look),
        unacknowledged=_network.unacknowledged([(place['address'], place['port']) for place in (look.relay or {}).get('places', [])]),
        smart_host=_smart_host(look), shut_out=_shut_out(look, facts['queues'].get('msp', {})),
        lookups=_lookups.look_around(domains),
        mailer_gone=_mailer_gone(look.configurations.get('mta')), dead_letters=_dead_letters(look.settings.get('msp', {})),
        hosts_access=_hosts_access(), subjects=_subjects(look) if subjects else ([], 0))


def unread(queues: Dict[str, Any]) -> List[Dict[str, Any]]:
    """The directories that could be opened and then not be read to their end, as errors of a look: what is in them nobody knows."""
    return [{'queue': name, 'path': one['path'],
             'error': next((error['error'] for error in queue['errors'] if error['path'] == one['path']), 'it could not be read'), 'link': None}
            for name, queue in queues.items() for one in queue['directories'] if one['messages'] is None]


def _hosts_access() -> List[str]:
    """The rules of /etc/hosts.deny that name Sendmail or all daemons, as hosts_access(5) reads them: ["/etc/hosts.deny: rule"]."""
    text = (_system.read_file('/etc/hosts.deny')['data'] or b'').decode('latin-1').replace('\\\n', '')
    rules = [line.strip() for line in text.splitlines() if not line.startswith('#')]
    return ['/etc/hosts.deny: %s' % _text.printable(rule[:200].encode('latin-1')) for rule in rules
            if {'sendmail', 'all'} & set(rule.partition(':')[0].lower().replace(',', ' ').split())]


def _worst(directories: Sequence[_spool.QueueDirectory]) -> Dict[str, Any]:
    """The file system with the least room under the directories of a queue, those of df too (filesys_setup() in queue.c)."""
    found = [_filesystem.under(path) for path in sorted({path for one in directories for path in (one.control, one.data)})]
    worst = min(found, key=lambda room: (not room['read_only'], not room['immutable'], not room['inodes'] or room['inodes_free'] > 0,
                                         room['blocks_free'] is None, room['blocks_free'] or 0))
    return dict(worst, unmounted=next((room['unmounted'] for room in found if room['unmounted']), None))


def _ports(look: _look.Look) -> Tuple[int, ...]:
    """Where an MTA may listen: the usual ports, and those of both configurations."""
    named = [port for cf in look.configurations.values() if cf is not None for port in _route.daemon_ports(cf)]
    return tuple(sorted(set(_PORTS) | set(named)))


def _sockets(look: _look.Look, listeners: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """Those of Sendmail. Who holds one cannot be seen without CAP_SYS_PTRACE, as in many containers; while a daemon runs, it is on its ports."""
    cf = look.configurations.get('mta')
    own = _route.daemon_ports(cf) if cf is not None and any(process['role'] == 'daemon' for process in look.processes) else []
    return [one for one in listeners
            if one['sendmail'] or (one['name'] or '').startswith('sendmail') or one['sendmail'] is None and one['pid'] is None and one['port'] in own]


def _seen(look: _look.Look) -> List[Dict[str, Any]]:
    """The processes with what L(sees) says; and C(other) of the MTA, where it does not work in the queue of sendmail.cf: that was renamed, or the
    file was changed, after the start. Who is the MTA, and that it was told of no other queue, stands in its pid file.
    """
    pid, command = _started(look)
    plain = command and not re.search(r'Queue|-C|-[oO] ?Q', command)
    homes = set(home for one in look.directories.get('mta', []) for path in (one.path, one.control) for home in (
        os.path.realpath(path), os.path.dirname(os.path.realpath(path))))
    return [dict(one, sees=sees(one) or ('other' if plain and pid == one['pid'] and homes and (
        one['cwd'] or '/').rsplit(' (', 1)[0] not in homes | {'/'} else None)) for one in look.processes]


def _mta_shut(look: _look.Look) -> List[str]:
    """Where the MTA cannot write in its queue, because RunAsUser in sendmail.cf has it work as an ordinary user (drop_privileges() in main.c)."""
    try:
        uid, gid, _trusted = _hazards.runner(look, 'mta')
        return ['RunAsUser in %s is %s, and %s is %s:%s %s: the MTA cannot write into it.' % (
            (look.files['mta']['path'], _system.printable(look.settings['mta']['run_as_user']), _system.printable(path)) + tuple(
                _system.file_state(path)[key] for key in ('owner', 'group', 'mode')))
            for path in sorted(set(path for one in look.directories.get('mta', []) for path in (one.control, one.data)))
            if _hazards.refused(path, os.stat(path), uid, gid, 7, '', '')]
    except (_text.SendmailError, OSError):
        return []


def _confined(look: _look.Look) -> List[str]:
    """What a daemon of root may not do. For mail of this host .forward is read, and mailers run, as somebody else."""
    found = []
    cf = look.configurations.get('mta')
    local = _delivers(cf)
    mailboxes = cf and local and os.path.basename(cf.mailers.get('local', {}).get('path', '')) in _WRITERS and not os.path.exists('/etc/procmailrc')
    foreign = any(_system.file_state(one.control)['uid'] for one in look.directories.get('mta', []))
    for process in look.processes:
        here = '/proc/%d/' % process['pid']
        status = re.search(rb'\nUid:\t\d+\t0\t(?:.*\n)*CapEff:\t(\w+)', _system.slurp(here + 'status', 8192))
        if process['role'] != 'daemon' or process['queue'] != 'mta' or not status:
            continue
        what = ['has no %s (CapabilityBoundingSet=)' % name for name, bit, needs in (
            ('CAP_DAC_OVERRIDE', 1, foreign), ('CAP_SETGID', 6, local), ('CAP_SETUID', 7, local)) if needs and not int(status.group(1), 16) >> bit & 1]
        what += ['may write no file of more than %s bytes (LimitFSIZE=)' % size for size in re.findall(
            'Max file size +([0-9]+)', _system.slurp(here + 'limits', 4096).decode('ascii', 'replace')) if int(size) < _FILE_LEAST]
        try:
            if mailboxes and not os.path.samestat(os.stat(here + 'root' + _MAILBOXES), os.stat(_MAILBOXES)):
                what.append('sees something else as %s (InaccessiblePaths=, a mount)' % _MAILBOXES)
            elif mailboxes and _frozen(here + 'root' + _MAILBOXES):
                what.append('sees %s read-only (ProtectSystem=, ReadOnlyPaths=, a mount)' % _MAILBOXES)
            elif mailboxes and not os.statvfs(_MAILBOXES).f_bavail:
                what.append('delivers into %s, which is full' % _MAILBOXES)
        except PermissionError:                                               # without CAP_SYS_PTRACE nobody sees what the process sees
            pass
        except OSError as error:
            what.append('delivers into %s: %s' % (_MAILBOXES, error.strerror))
        found += ['Process %d (%s) %s.' % (process['pid'], process['title'], one) for one in what]
    return found


def sees(process: Dict[str, Any]) -> Optional[str]:
    """What a daemon or runner sees that others do not. The directory that it works in is C(hidden), where something was mounted over it after
    the process was started, or for the process alone, or C(read_only) to it, as by ProtectSystem= of its unit; C(network): it has one of its own.
    """
    path, here = process.get('cwd') or '', '/proc/%d/cwd' % process['pid']
    try:
        if path[:1] != '/' or path.endswith(' (deleted)'):
            return None
        if not os.path.samestat(os.stat(here), os.stat(path)):
            return 'hidden'
        if _frozen(here):
            return 'read_only'
        return 'network' if os.readlink('/proc/%d/ns/net' % process['pid']) != os.readlink('/proc/self/ns/net') else None
    except OSError:
        return None


def endangered(hazards: Dict[str, List[Any]]) -> Dict[str, int]:
    """How many messages each kind of hazard threatens, and C(content) how many are not whole; one with two hazards is one message."""
    ids = dict((kind, set(identifier or text for text, identifier in pairs)) for kind, pairs in hazards.items())
    whole = set().union(*[ids.get(kind, set()) for kind in ('damaged', 'aborts', 'no_data', 'unreadable')])
    return dict([(kind, len(found)) for kind, found in ids.items()] + [('content', len(whole))])


def _in_delivery(look: _look.Look, last_attempt_age: Optional[int]) -> List[Dict[str, Any]]:
    """Messages of the client queue that somebody has locked: [{id, pid, seconds, title}].

    C(seconds) this message has been in delivery at most: since its last attempt, since the process was started, and, where one process has
    all the locks, since the youngest attempt in the queue, which was the message before it.
    """
    locks = _system.locks() or {}
    processes = dict((process['pid'], process) for process in look.processes)
    found, held = [], set((os.makedev(major, minor), inode) for major, minor, inode in locks)
    for directory in look.directories.get('msp', []) if locks else []:
        scan = _spool.Pass(directory, None, False, held)
        try:
            with _spool.Opened(directory) as opened:
                for _batch in scan.batches():
                    pass
                for name in sorted(scan.locked):
                    about = os.stat(name, dir_fd=opened.control, follow_symlinks=False)
                    lock = locks.get((os.major(about.st_dev), os.minor(about.st_dev), about.st_ino))
                    if not lock:
                        continue
                    process = processes.get(lock['pid'])
                    row = _qf.head(_spool.read_block(opened.control, name))
                    tried = (int(row[_qf.LAST_ATTEMPT]) or int(row[_qf.CREATED])) if row else 0
                    since = max(tried, process['started']) if process and process['started'] else None
                    found.append({'id': _system.printable(name[2:]), 'pid': lock['pid'], 'seconds': since and max(0, look.now - since),
                                  'title': process['title'] if process else ''})
        except OSError:
            continue   # it has just been delivered, or the directory is among the errors already
    if last_attempt_age is not None and len(set(one['pid'] for one in found)) == 1:
        for one in found:
            one['seconds'] = one['seconds'] and min(one['seconds'], last_attempt_age)
    return found


def _may(about: os.stat_result, gid: Optional[int], bits: int) -> bool:
    """Whether somebody who is not the owner, with this group, has these permissions (an octal digit)."""
    return about.st_mode >> (3 if about.st_gid == gid else 0) & bits == bits


def obstacles(look: _look.Look) -> List[str]:
    """What keeps an ordinary user from submitting mail, beside owner and mode of the program and of the queue directory, as sentences."""
    binary = look.program['sendmail']
    if binary is None:
        return []
    found = []
    names = [name for name in _NAMES if os.path.exists(name)]
    # Where a package brought the first name it is the one that cron, mail(1) and PHP call: the other alone does not serve them.
    if _NAMES[0] not in names and (look.layout.family in ('debian', 'redhat', 'suse') or not names and look.layout.family != 'freebsd'):
        found.append('There is no program %s, by which others submit mail; Sendmail itself is %s.' % (_NAMES[0], _system.printable(binary)))
    try:
        about = os.stat(binary)
        for name in names if look.program.get('is_sendmail') else ():
            other = _system.look_into(os.path.realpath(name))['other_mta'] if not os.path.samefile(name, binary) else None
            if other not in (None, 'unknown'):
                found.append('%s is %s: programs that call it do not reach Sendmail.' % (name, other))
        if not about.st_mode & 0o001:
            found.append('%s has mode %04o: others cannot run it.' % (_system.printable(binary), about.st_mode & 0o7777))
        flags = os.statvfs(binary).f_flag
        if flags & os.ST_NOSUID:
            found.append('%s is on a file system that is mounted nosuid, so its set-group-ID bit does not count.' % _system.printable(binary))
        if flags & os.ST_NOEXEC:
            found.append('%s is on a file system that is mounted noexec: nobody can run it.' % _system.printable(binary))
    except OSError as error:
        return found + ['%s: %s.' % (_system.printable(binary), error.strerror)]
    needs = _system.command(['ldd', binary])
    found += ['%s needs %s, which is not found: nobody can run it.' % (_system.printable(binary), library) for library in dict.fromkeys(
        re.findall(r'([\w.+-]+) => not found', needs))]
    # Before the program runs only the rights of others count, then those of its group too.
    ways = [(path, None) for path in [binary] + names[:1]] + [(look.files['msp']['path'], about.st_gid)]
    ways += [(directory.control, about.st_gid) for directory in look.directories.get('msp', [])]
    for path, gid in ways:
        for above in _above(os.path.realpath(path)):
            try:
                if not _may(os.stat(above), gid, 1):
                    found.append('%s is %s:%s %s: an ordinary user cannot pass through it to %s.' % tuple(
                        [_system.printable(above)] + [_system.file_state(above)[key] for key in ('owner', 'group', 'mode')] + [_system.printable(path)]))
            except OSError:
                continue   # what is not there is another fault
    try:
        if not _may(os.stat(look.files['msp']['path']), about.st_gid, 4):
            found.append('%s is %s:%s %s: an ordinary user cannot read it.' % tuple(look.files['msp'][key] for key in ('path', 'owner', 'group', 'mode')))
    except OSError:
        pass
    submit = look.configurations.get('msp')
    most = submit.number('MaxMessageSize') if submit else 0
    if 0 < most < _MESSAGE_LEAST:
        found.append('MaxMessageSize in %s is %d bytes: larger messages are refused.' % (look.files['msp']['path'], most))
    return list(dict.fromkeys((found or _kernel_refuses(look, binary, about.st_gid, re.findall(r'(/\S+) \(', needs))) + _limited() + _without_privileges(
        [directory.control for directory in look.directories.get('msp', [])])))


def _limited(root: str = '') -> List[str]:
    """Rules of limits.conf(5) for all users that leave no room for the program or a message."""
    found = []
    for path in [root + '/etc/security/limits.conf'] + sorted(glob.glob(root + '/etc/security/limits.d/*.conf')):
        for line in _system.script(path).splitlines():
            words = line.partition('#')[0].split()
            if len(words) == 4 and words[0] == '*' and words[3].isdecimal() and int(words[3]) < _LIMITS.get(words[2], 0):
                found.append(_system.printable('%s: "%s" leaves no room for mail.' % (path, ' '.join(words))))
    return found


def _kernel_refuses(look: _look.Look, binary: str, gid: int, libraries: List[str]) -> List[str]:
    """What else the kernel does not allow an ordinary user."""
    wanted = [(binary, os.X_OK, _NOBODY), (look.files['msp']['path'], os.R_OK, gid), ('/etc/passwd', os.R_OK, gid)]
    for path in sorted(set(path for one in look.directories.get('msp', []) for path in (one.control, one.data))):
        room = _filesystem.under(path)
        try:
            if _may(os.stat(path), gid, 3) and not room['read_only'] and not room['immutable']:
                wanted.append((path, os.W_OK | os.X_OK, gid))
        except OSError:
            continue
    # Whoever submits reads these too: class files, RunAsUser=smmsp:smmsp, and the name servers for the domains of recipients.
    submit = look.configurations.get('msp')
    needed = [path for _number, _line, path in _readcf.class_files(submit)] + ['/etc/group'] * (':' in (submit.option('RunAsUser') or '')) if submit else []
    wanted += [(path, os.R_OK, gid) for path in needed + ['/etc/resolv.conf'] + libraries]
    return ['The kernel refuses an ordinary user %s %s: see modes and access control lists (getfacl) on the way.'
            % ({os.X_OK: 'to run', os.R_OK: 'to read'}.get(mode, 'to write into'), _system.printable(path))
            for (path, mode, _gid), allowed in zip(wanted, allows(wanted)) if not allowed and os.path.exists(path)]


def allows(wanted: Sequence[Tuple[str, int, int]]) -> List[bool]:
    """Whether nobody with that group may, for each (path, mode of access(2), group); [] where that cannot be asked."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.setgroups([])
            said = b''
            for path, mode, gid in wanted:
                os.setresgid(gid, gid, gid)
                os.setresuid(_NOBODY, 0, 0)         # access(2) goes by the real ids
                said += b'1' if os.access(path, mode) else b'0'
            os.write(writing, said)
        finally:
            os._exit(0)
    os.close(writing)
    ready = select.select([reading], [], [], _ACCESS_SECONDS)[0]
    answer = os.read(reading, len(wanted)) if ready else b''
    os.close(reading)
    if not ready:
        os.kill(child, signal.SIGKILL)
    try:
        os.waitpid(child, 0)
    except ChildProcessError:      # where SIGCHLD is ignored, which is inherited, nothing is left to wait for
        pass
    return [one == ord('1') for one in answer]


def _above(path: str) -> List[str]:
    parts = path.split('/')[1:-1]
    return ['/' + '/'.join(parts[:number]) for number in range(len(parts) + 1)]


def _without_privileges(places: Sequence[str]) -> List[str]:
    """Services whose children cannot submit: with no_new_privs no set-group-ID bit counts for them; or they see the queue, C(places), read-only."""
    found = []
    for entry in _system.names('/proc'):
        if entry.isdecimal():
            status = _system.slurp('/proc/%s/status' % entry, 8192)
            name = status[6:status.find(b'\n')].decode('utf-8', 'replace')
            # Not of an ordinary user, who can call what he starts so.
            if (name in _SUBMITTERS or name.startswith('php-fpm')) and re.search(rb'\nPPid:\t1\n(?:.*\n)*Uid:\t\d{1,3}\t', status):
                who = '%s (process %s)' % (_system.printable(name), entry)
                found += ['%s runs with no_new_privs: what it starts cannot submit mail.' % who] * (b'\nNoNewPrivs:\t1' in status)
                found += ['%s sees %s read-only (ProtectSystem= of its unit): what it starts cannot submit mail.' % (who, _system.printable(place))
                          for place in places if _frozen('/proc/%s/root%s' % (entry, place)) and not _frozen(place)]
    return found


def _frozen(path: str) -> bool:
    try:
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def _stuck(look: _look.Look, queues: Dict[str, Any], known: Set[str]) -> List[Dict[str, Any]]:
    """Control files that no run will ever try: unfinished for longer than Sendmail waits, or unreadable for it.

    C(known): messages of which something is said already, by their printable ids.
    """
    found: List[Dict[str, Any]] = []
    for queue, directories in look.directories.items():
        if not queues[queue]['messages'].get('incomplete') and not queues[queue]['messages'].get('unreadable'):
            continue
        for directory in directories:
            one = _spool.Pass(directory, ('queued',), False, look.held or frozenset())
            try:
                with _spool.Opened(directory) as opened:
                    for _batch in one.batches():
                        pass
                    why = dict((error['path'], error['error']) for error in one.errors)
                    found += [{'path': path, 'why': text} for path, text in sorted(why.items()) if os.path.basename(path)[:1] == '.']
                    for name, state in one.damaged:
                        path = _system.printable(os.path.join(directory.control, name))
                        about = os.stat(name, dir_fd=opened.control, follow_symlinks=False)
                        if (state == 'incomplete' and (look.now - about.st_mtime <= _hazards.EMPTY_SECONDS or name in one.locked)
                                or _system.printable(name[2:]) in known):
                            continue   # it is being written
                        found.append({'path': path, 'why': why.get(path) or (
                            'it has no final dot: every run leaves it' if about.st_size else 'it is empty: the next run removes it and its data file')})
            except OSError:
                continue
    return found[:_STUCK_MAX]


def _stranded(look: _look.Look) -> List[Dict[str, Any]]:
    """Directories that are a queue on some platform or below one, hold mail, and are worked on by no queue of this host."""
    known = set(_system.printable(os.path.realpath(one.control)) for directories in look.directories.values() for one in directories)
    # Of another instance. Anybody can call what he starts by another role.
    known |= set(process[key] for process in look.processes if process['role'] in ('daemon', 'queue_runner') for key in ('cwd', 'directory'))
    return [one for one in _look.left_behind(look.directories) if one['path'] not in known]


def _passed_over(look: _look.Look) -> int:
    """How many messages of the client queue have a priority that the load leaves out."""
    settings = look.settings.get('msp')
    bound = _schedule.priority_bound(int(look.load[0] + 0.5), settings) if settings and look.load else None
    count = 0
    for directory in look.directories.get('msp', []) if bound is not None else []:
        try:
            with _spool.Opened(directory) as opened:
                for batch in _spool.Pass(directory, ('queued',), False, frozenset()).batches():
                    for name in batch.names:
                        try:
                            found = re.search(rb'(?m)^P(\d+)$', _spool.read_block(opened.control, name)[:512])
                        except OSError:
                            continue
                        count += 1 if found and int(found.group(1)) > (bound or 0) else 0
        except OSError:
            continue
    return count


def _mta_kept(look: _look.Look, figures: Dict[str, Any]) -> int:
    """How many messages in the MTA's queue were never tried, are in nobody's hands, and are no longer new: a daemon that delivers tries at once."""
    if figures.get('delivering') is None or figures['never_tried'] <= figures['delivering']:
        return 0
    return sum(1 for row in _rows(look, 'mta').values() if not int(row[_qf.ATTEMPTS]) and look.now - int(row[_qf.CREATED]) > _NEW)


def _rows(look: _look.Look, queue: str) -> Dict[str, Any]:
    """The rows of _qf.head() of the waiting messages of a queue that are in nobody's hands now, by the path of the control file."""
    held = set((os.makedev(major, minor), inode) for major, minor, inode in _system.locks() or {})
    found: Dict[str, Any] = {}
    for directory in look.directories.get(queue, []):
        scan = _spool.Pass(directory, ('queued',), False, held)
        try:
            for batch in scan.batches():
                found.update((os.path.join(directory.control, name), row) for name, row in zip(batch.names, batch.rows) if name not in scan.locked)
        except OSError:
            continue
    return found


def _ahead(look: _look.Look, figures: Dict[str, Any]) -> int:
    """How many messages were last tried in the future. Of what was tried now the age is 0 too."""
    if figures.get('last_attempt_age') != 0:
        return 0
    return sum(1 for row in _rows(look, 'msp').values() if int(row[_qf.LAST_ATTEMPT]) > look.now + _NEW)


def _passing(look: _look.Look, figures: Dict[str, Any]) -> int:
    """How many messages were never tried because they are just on their way. Figures and locks are of different moments: what waits is there twice.

    A long queue is not read twice more for that: there the messages that somebody has in hand count.
    """
    untried = figures.get('never_tried') or 0
    if not untried or untried > _PASSING_MAX:
        return 0
    if figures['messages']['queued'] > _SHORT:
        return min(untried, len(look.locked))

    def waits() -> Set[str]:
        return set(path for path, row in _rows(look, 'msp').items() if not int(row[_qf.ATTEMPTS]))
    waiting = waits()
    if waiting:
        time.sleep(_MOMENT)
        waiting &= waits()
    return max(0, untried - len(waiting))


def _orphans(look: _look.Look, figures: Dict[str, Any]) -> int:
    """How many data files have had no control file for a day; a younger one may be coming in."""
    old: List[str] = []
    controls: Set[str] = set()   # of all directories, for a d line
    try:
        for directory in look.directories.get('msp', []) if figures.get('debris', {}).get('data_without_control') else []:
            with _spool.Opened(directory) as opened:
                for where in set((opened.data, opened.control)):
                    with _spool.scan(where) as entries:
                        for entry in entries:
                            if entry.name[:2] != 'df':
                                controls.add(entry.name[2:])
                            elif look.now - entry.stat(follow_symlinks=False).st_mtime > _ORPHAN:
                                old.append(entry.name[2:])
    except OSError:
        return 0   # the next look tells
    return len(set(old) - controls)


def _delivers(cf: Optional[_cf.Configuration]) -> bool:
    """Whether mail for this host stays here: MAIL_HUB (H) and LOCAL_RELAY (R) hand it on."""
    return bool(cf and not cf.macros.get('H') and not cf.macros.get('R'))


def _mailer_gone(cf: Optional[_cf.Configuration]) -> Optional[str]:
    """The program of the mailer local where it is not there."""
    path = cf.mailers.get('local', {}).get('path', '') if cf and _delivers(cf) else ''
    return _system.printable(path) if path[:1] == '/' and not os.access(path, os.X_OK) else None


def _started(look: _look.Look) -> Tuple[int, str]:
    """Number and command line of the running MTA, which it leaves in its pid file (log_sendmail_pid() in util.c); (0, '') where it is not there."""
    lines = _system.script(look.settings.get('mta', {}).get('pid_file') or '/var/run/sendmail.pid', 4096).splitlines()
    pids = [process['pid'] for process in look.processes if process['role'] == 'daemon']
    return (int(lines[0]), lines[1]) if len(lines) > 1 and lines[0].isdecimal() and int(lines[0]) in pids else (0, '')


def _mta_interval(look: _look.Look) -> Optional[int]:
    """Seconds between two runs of the MTA's queue: of a runner of its own, or from the command that a daemon leaves in its pid file."""
    own = [process['interval'] for process in look.processes if process['role'] in ('daemon', 'queue_runner') and process['queue'] == 'mta'
           and process['interval']]
    own += filter(None, [_schedule.process_role('', _started(look)[1].split())['interval']])
    return min(own) if own else None


def _smart_host(look: _look.Look) -> List[str]:
    """Why no connection to the smart host of the MTA comes about, by name and address; [] where one does, or where there is none."""
    cf = look.configurations.get('mta')
    way = _route.submission(cf, _network.own_names(look.interfaces['addresses'])[0]) if cf and any(
        process['role'] == 'daemon' for process in look.processes) else None
    if not cf or not way or cf.mailers.get(way.mailer.lower(), {}).get('path') not in ('[IPC]', '[TCP]'):
        return []
    questions, sources = _route.questions(way), _route.sources(cf)
    resolved = _names.resolve(questions, _services.NAME_SECONDS) if questions else {}
    found = ['%s: %s' % (_system.printable(name), one['mx_error'] or one['error']) for name, one in sorted(resolved.items())
             if one['mx_error'] or one['error'] and not one['mx']]
    for place in _route.places(way, resolved, look.interfaces['addresses'])[:_PLACES_MAX]:
        answer = _network.greeting(place.address, place.port, _services.CONNECT_SECONDS, 0.0, (0, 0), sources.get(6 if ':' in place.address else 4))
        if answer['connected'] or place.this_host:
            return []
        found.append('%s port %d: %s' % (place.address, place.port, answer['error']))
    return [one.replace('_', ' ') for one in found]


def _shut_out(look: _look.Look, figures: Dict[str, Any]) -> str:
    """Why a packet filter keeps an ordinary user from the relay, who has the group of the program: asked where mail waits that found nobody there."""
    reasons = set(one['reason'] for one in figures.get('top', {}).get('reasons', []))
    if not (look.greeting or {}).get('answered') or reasons.isdisjoint(('connection_refused', 'connection_timeout', 'no_route', 'not_permitted')):
        return ''
    sources, error = _route.sources(look.configurations.get('msp')), ''
    for place in (look.relay or {}).get('places', [])[:_PLACES_MAX]:
        answer = _network.greeting(place['address'], place['port'], _services.CONNECT_SECONDS, 0.0, (_NOBODY, look.submitter['gid'] or 0),
                                   sources.get(6 if ':' in place['address'] else 4))
        if answer['connected']:
            return ''
        error = answer['error']
    return error


def _subjects(look: _look.Look) -> Tuple[List[Tuple[str, int]], int]:
    """([(what subjects have in common, messages), ...] the most frequent first, messages looked at): digits stand as #, so that runs of a job are alike."""
    found: Dict[str, int] = Counter()
    looked = 0
    for directory in look.directories.get('msp', []):
        try:
            with _spool.Opened(directory) as opened:
                for batch in _spool.Pass(directory, None, False, frozenset()).batches():
                    for name in batch.names:
                        if name[:2] != 'qf':
                            continue
                        if looked == SUBJECTS_MAX:
                            return Counter(found).most_common(_summary.TOP), looked
                        try:
                            headers = _qf.parse(_spool.read_whole(opened.control, name)[0]).headers
                        except (OSError, _text.SendmailError):
                            continue
                        looked += 1
                        subject = next((value for header, value in headers if header.lower() == b'subject'), b'')
                        found[_text.printable(re.sub(rb'[0-9]+', b'#', b' '.join(_qf.header_text(subject).split()))[:_SUBJECT_LENGTH])] += 1
        except OSError:
            continue   # the directory is among the errors already
    return Counter(found).most_common(_summary.TOP), looked


def _dead_letters(settings: Dict[str, Any]) -> List[Dict[str, Any]]:
    """Where Sendmail saves what it refuses at once: [{path, size, mtime}]."""
    paths = [path for path in (settings.get('dead_letter_drop'), '/var/lib/sendmail/dead.letter', '/root/dead.letter') if path]
    found: Dict[Tuple[int, int], Dict[str, Any]] = {}   # one file may have two names
    for path in paths + sorted(glob.glob('/home/*/dead.letter'))[:200]:
        try:
            about = os.lstat(path)
        except OSError:
            continue
        found[about.st_dev, about.st_ino] = {'path': _system.printable(path), 'size': about.st_size, 'mtime': int(about.st_mtime)}
    return list(found.values())


def ledger_open(directory: str) -> bool:
    """Whether a list of messages lies in the directory of a ledger: _ledger.START, whose floor a diagnosis does without."""
    return os.path.lexists(os.path.join(directory, 'start.jsonl'))
