# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Sendmail's processes and the cron daemons of this host. Looks as in _system.

Anybody can give a process a title and a name. Who a process is comes from the program it runs and from whom it runs as; a title only says
what a proved Sendmail does.
"""

import os
import pwd
import re
import time
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence, Set, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import _schedule, _system

_CRON_DAEMONS = ('cron', 'crond', 'fcron', 'dcron', 'bcron-sched', 'cronie', 'busybox')
# They read no crontab of the system, neither /etc/crontab nor /etc/cron.d: miscutils/crond.c of busybox, fcrontab(5).
OWN_TABLES = ('busybox', 'fcron')
MOST = 20000   # processes that are looked at
Process = Dict[str, Any]


class Trust(NamedTuple):
    """Whom to believe: C(uids) that only an administrator can run something as, and the program with its group."""

    msp_user: str
    uids: Set[int]
    binary: Optional[os.stat_result]
    gid: Optional[int]
    seen: Dict[Tuple[int, int], bool]   # (device, inode) of other programs: whether they are Sendmail


def _trust(users: Sequence[str], binary: Optional[str]) -> Trust:
    uids = {0}
    for user in users:
        try:
            uids.add(pwd.getpwnam(user).pw_uid)
        except KeyError:
            pass
    try:
        about = os.stat(binary) if binary else None
    except OSError:
        about = None
    return Trust(users[0], uids, about, about.st_gid if about and about.st_mode & 0o2000 else None, {})


def _is_sendmail(path: str, uid: int, gid: int, trust: Trust) -> bool:
    """Whether the process behind C(path), /proc/PID/exe, is Sendmail.

    Without CAP_SYS_PTRACE, as in many containers, nobody may look at a set-group-ID program. Then its user tells, or the effective group,
    which an ordinary user has from the program alone.
    """
    try:
        about = os.stat(path)
    except OSError:
        return uid in trust.uids or gid == trust.gid
    if trust.binary is not None and os.path.samestat(about, trust.binary):
        return True
    if uid not in trust.uids:
        return False
    key = (about.st_dev, about.st_ino)   # another build, or the one before an upgrade
    if key not in trust.seen:
        trust.seen[key] = _system.look_into(path)['is_sendmail']
    return trust.seen[key]


def _process(pid: int, ppid: int, uid: int, started: Optional[int], name: bytes, argv: List[str], trust: Trust) -> Process:
    title = argv[0] if len(argv) == 1 or argv[0].startswith('sendmail: ') else ''
    record = {'pid': pid, 'ppid': ppid, 'user': _system.user_name(uid), 'started': started, 'name': _system.printable(name), 'cwd': None, 'unit': None,
              'title': _system.printable(' '.join(argv).strip()[:300].encode('utf-8', 'surrogateescape'))}
    record.update(_schedule.process_role(title, argv))
    if record['role'] in ('daemon', 'queue_runner', 'queue_run') and uid not in trust.uids:
        record.update(role='other', rejecting=None, full=None)   # an ordinary user cannot start one, but can call it so
    # Only the mail submission program runs as its user; ordinary titles do not say which of the two they belong to.
    record['queue'] = 'msp' if record.pop('prefix') == 'MSP' or record['user'] == trust.msp_user else 'mta'
    return record


def _settled(found: List[Process]) -> List[Process]:
    """A child of a daemon is none: the title of a session shows what its client says."""
    daemons = set(process['pid'] for process in found if process['role'] == 'daemon')
    for process in found:
        if process['role'] == 'daemon' and process['ppid'] in daemons:
            process.update(role='session', rejecting=None, full=None)
    return found


def in_container(pid: str, status: bytes = b'') -> bool:
    """Whether a process has its own process ids, or another root directory."""
    inner = re.search(rb'NSpid:\s*(.*)', status or _system.slurp('/proc/%s/status' % pid, 8192))
    try:
        return (len(inner.group(1).split()) > 1 if inner else              # since Linux 4.1
                os.readlink('/proc/%s/ns/pid' % pid) != os.readlink('/proc/self/ns/pid')) or not os.path.samefile('/proc/%s/root' % pid, '/')
    except OSError:
        return False


def _is_busybox(pid: str) -> bool:
    try:
        return os.path.basename(os.readlink('/proc/%s/exe' % pid)).startswith('busybox')
    except OSError:
        return False


def processes(users: Sequence[str] = ('smmsp',), binary: Optional[str] = None) -> List[Process]:
    """Sendmail's processes and the cron daemons of this host (not those inside containers on it).

    C(users): whom Sendmail may run as beside root, first the user of the mail submission program; C(binary): path of the real program.
    Returns [{pid, ppid, user, started (epoch), name, title, role, queue, interval, directory, id, rejecting, full, unit, cwd, stopped}]; roles as in
    C(_schedule.process_role), and C(cron). C(unit) is the systemd unit; C(cwd) of a daemon or runner its directory, with " (deleted)" behind
    one that is gone, None where that cannot be seen. Without a Linux /proc from ps(1).
    """
    trust = _trust(users, binary)
    if os.uname().sysname != 'Linux' or not os.path.exists('/proc/self/stat'):     # NetBSD has one too
        return _settled(_ps(trust, os.uname().sysname))
    found = []
    boot = re.search(rb'(?m)^btime (\d+)', _system.slurp_all('/proc/stat'))
    for entry in os.listdir('/proc')[:MOST]:
        if not entry.isdecimal():
            continue
        line = _system.slurp('/proc/%s/stat' % entry, 1024)
        name = line[line.find(b'(') + 1:line.rfind(b')')]
        cron = name.decode('utf-8', 'replace') in _CRON_DAEMONS
        if not cron and not name.startswith(b'sendmail'):
            continue
        status = _system.slurp('/proc/%s/status' % entry, 8192)
        # Effective ones; the owner of /proc/PID is root for a set-group-ID program.
        uid, gid = re.search(rb'Uid:\s*\d+\s+(\d+)', status), re.search(rb'Gid:\s*\d+\s+(\d+)', status)
        fields = line[line.rfind(b')') + 2:].split()
        if not uid or not gid or len(fields) < 20 or fields[0] in b'ZX' or in_container(entry, status):
            continue
        if int(uid.group(1)) if cron else not _is_sendmail('/proc/%s/exe' % entry, int(uid.group(1)), int(gid.group(1)), trust):
            continue
        argv = _system.slurp('/proc/%s/cmdline' % entry, 4096).decode('utf-8', 'surrogateescape').rstrip('\0 ').split('\0')
        if cron and _is_busybox(entry):
            if 'crond' not in [os.path.basename(word) for word in argv[:2]]:
                continue
            name = b'busybox'
        started = int(boot.group(1)) + int(fields[19]) // os.sysconf('SC_CLK_TCK') if boot else None
        record = _process(int(entry), int(fields[1]), int(uid.group(1)), started, name, argv, trust)
        unit = re.search(rb'/([^/\n]+\.service)', _system.slurp('/proc/%s/cgroup' % entry, 4096))
        record.update(stopped=fields[0] == b'T', unit=unit and _system.printable(unit.group(1)), **({'role': 'cron', 'queue': None} if cron else {}))
        if record['role'] in ('daemon', 'queue_runner'):
            try:
                record['cwd'] = _system.printable(os.readlink('/proc/%s/cwd' % entry))
            except OSError:
                pass
        found.append(record)
    return _settled(found)


def asleep(pid: Optional[int]) -> bytes:
    """What stays the same of a process as long as a signal has it stopped: its state, and how often it has run. Empty for any other."""
    status = _system.slurp('/proc/%s/status' % pid, 8192)
    return b''.join(re.findall(rb'(?m)^(?:State|.*ctxt_switches):.*', status)) if re.search(rb'(?m)^State:\s*T', status) else b''


# Where others see the processes of jails and zones as well.
_PLACES = {'FreeBSD': 'jid', 'SunOS': 'zoneid'}


def _ps_command(system: str) -> List[str]:
    """POSIX has -e, and in BSD that shows the environment. FreeBSD takes all behind an = for the heading of a column: one option for each keyword."""
    keywords = (_PLACES.get(system, 'pid'), 'pid', 'ppid', 'uid', 'gid', 'etime', 'comm', 'args')
    return ['ps', '-e' if system in ('SunOS', 'AIX', 'HP-UX') else '-axww'] + [word for keyword in keywords for word in ('-o', keyword + '=')]


def _ps(trust: Trust, system: str) -> List[Process]:
    found = []
    now = time.time()
    lines = _system.command(_ps_command(system)).splitlines()[:MOST]
    matches = [match for match in (re.match(
        r'\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)\s+(\S+)\s+(.*)', line) for line in lines) if match]
    here = next((match.group(1) for match in matches if int(match.group(2)) == os.getpid()), None)
    for match in matches:
        if system in _PLACES and here not in (None, match.group(1)):
            continue
        pid, ppid, uid, gid = (int(part) for part in match.groups()[1:5])
        name, arguments = os.path.basename(match.group(10)), match.group(11)
        cron = name in _CRON_DAEMONS
        if uid if cron else not (name.startswith('sendmail') and (uid in trust.uids or gid == trust.gid)):
            continue
        days, hours, minutes, seconds = (int(part or 0) for part in match.groups()[5:9])
        text = re.sub(r' \(sendmail\)$', '', arguments)                       # FreeBSD puts the program's name behind a title
        argv = [text] if text.startswith('sendmail: ') else text.split()
        record = _process(pid, ppid, uid, int(now - (((days * 24 + hours) * 60 + minutes) * 60 + seconds)), name.encode('utf-8'), argv, trust)
        record.update({'role': 'cron', 'queue': None} if cron else {})
        found.append(record)
    return found


def cron_runs(found: Iterable[Process]) -> bool:
    """Whether a cron daemon that reads /etc/cron.d, and is not stopped by SIGSTOP, is among the L(processes)."""
    return any(process['role'] == 'cron' and process.get('name') not in OWN_TABLES and not process.get('stopped') for process in found)
