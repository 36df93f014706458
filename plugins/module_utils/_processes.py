# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

# PRIVATE to the mailops.sendmail collection: it can change or go in any release.

"""Sendmail's processes and the cron daemons of this host. Looks as in _system."""

import os
import re
import time
from typing import Any, Dict, List, Optional, Sequence

from ansible_collections.mailops.sendmail.plugins.module_utils import _schedule, _system

_CRON_DAEMONS = ('cron', 'crond', 'fcron', 'dcron', 'bcron-sched', 'cronie')
MOST = 20000   # processes that are looked at
Process = Dict[str, Any]


def _process(pid: int, ppid: int, user: str, started: Optional[int], name: bytes, argv: List[str], msp_user: str) -> Process:
    title = argv[0] if len(argv) == 1 or argv[0].startswith('sendmail: ') else ''
    record = {'pid': pid, 'ppid': ppid, 'user': user, 'started': started, 'name': _system.printable(name),
              'title': _system.printable(' '.join(argv).strip()[:300].encode('utf-8', 'surrogateescape'))}
    record.update(_schedule.process_role(title, argv))
    # Only the mail submission program runs as its user; ordinary titles do not say which of the two they belong to.
    record['queue'] = 'msp' if record.pop('prefix') == 'MSP' or user == msp_user else 'mta'
    return record


def processes(msp_user: str = 'smmsp') -> List[Process]:
    """Sendmail's processes and the cron daemons of this host (not those inside containers on it).

    Returns [{pid, ppid, user, started (epoch), name, title, role, queue, interval, directory, id, rejecting, unit}]; roles as in
    C(_schedule.process_role), and C(cron). C(unit) is the systemd unit. Without a Linux /proc from ps(1).
    """
    if not os.path.exists('/proc/self/stat'):
        return _ps(msp_user)
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
        inner = re.search(rb'NSpid:\s*(.*)', status)
        uid = re.search(rb'Uid:\s*\d+\s+(\d+)', status)                       # the owner of /proc/PID is root for a set-group-ID program
        fields = line[line.rfind(b')') + 2:].split()
        if not uid or len(fields) < 20 or fields[0] in b'ZX' or (inner and len(inner.group(1).split()) > 1):
            continue
        argv = _system.slurp('/proc/%s/cmdline' % entry, 4096).decode('utf-8', 'surrogateescape').rstrip('\0 ').split('\0')
        started = boot and int(boot.group(1)) + int(fields[19]) // os.sysconf('SC_CLK_TCK')
        record = _process(int(entry), int(fields[1]), _system.user_name(int(uid.group(1))), started, name, argv, msp_user)
        unit = re.search(rb'/([^/\n]+\.service)', _system.slurp('/proc/%s/cgroup' % entry, 4096))
        record.update(unit=unit and _system.printable(unit.group(1)), **({'role': 'cron', 'queue': None} if cron else {}))
        found.append(record)
    return found


def _ps(msp_user: str) -> List[Process]:
    found = []
    now = time.time()
    for line in _system.command(['ps', '-axwwo', 'pid=,ppid=,uid=,etime=,comm=,args=']).splitlines()[:MOST]:
        match = re.match(r'\s*(\d+)\s+(\d+)\s+(\d+)\s+(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)\s+(\S+)\s+(.*)', line)
        if not match or not (match.group(8).startswith('sendmail') or match.group(8) in _CRON_DAEMONS):
            continue
        days, hours, minutes, seconds = (int(part or 0) for part in match.groups()[3:7])
        text = re.sub(r' \(sendmail\)$', '', match.group(9))                  # FreeBSD puts the program's name behind a title
        argv = [text] if text.startswith('sendmail: ') else text.split()
        record = _process(int(match.group(1)), int(match.group(2)), _system.user_name(int(match.group(3))),
                          int(now - (((days * 24 + hours) * 60 + minutes) * 60 + seconds)), match.group(8).encode('utf-8'), argv, msp_user)
        record.update(unit=None, **({'role': 'cron', 'queue': None} if match.group(8) in _CRON_DAEMONS else {}))
        found.append(record)
    return found


def cron_runs(found: Sequence[Process]) -> bool:
    """Whether a cron daemon is among the L(processes)."""
    return any(process['role'] == 'cron' for process in found)
