# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real processes of the test, and what ps says elsewhere."""
import json
import os
import shutil
import subprocess
import sys
import time

import pytest

from ansible_collections.mailops.sendmail.plugins.module_utils import _platform, _processes, _runners, _system

linux = pytest.mark.skipif(not sys.platform.startswith('linux'), reason='reads /proc')


def test_processes(tmp_path):
    program = str(tmp_path / 'sendmail-msp')
    shutil.copy(shutil.which('sleep'), program)
    user = _system.user_name(os.geteuid())
    titled = subprocess.Popen(['sendmail: MSP: Queue runner@00:30:00 for /var/spool/mqueue-client', '60'], executable=program)
    plain = subprocess.Popen([program, '61'])
    try:
        deadline = time.time() + 60
        while time.time() < deadline:
            found = {process['pid']: process for process in _processes.processes('smmsp')}
            if titled.pid in found and plain.pid in found and found[plain.pid]['name'] == 'sendmail-msp':
                break
            time.sleep(0.05)
        runner = found[titled.pid]
        assert (runner['role'], runner['queue'], runner['interval'], runner['user'], runner['ppid']) == ('queue_runner', 'msp', 1800, user, os.getpid())
        assert abs(runner['started'] - time.time()) < 30
        assert (found[plain.pid]['role'], found[plain.pid]['queue']) == ('other', 'mta')
        assert {process['pid']: process for process in _processes.processes(user)}[plain.pid]['queue'] == 'msp'
        assert os.getpid() not in found
        json.dumps(list(found.values()))
    finally:
        for process in (titled, plain):
            process.kill()
            process.wait()


FREEBSD_PS = '''    1     0    0 12-03:04:05 init             /sbin/init --
  731     1    0    01:02:03 sendmail         sendmail: accepting connections (sendmail)
  734     1   25       02:03 sendmail         sendmail: Queue runner@00:30:00 for /var/spool/clientmqueue (sendmail)
  738     1    0       00:09 cron             /usr/sbin/cron -s
  900   734   25       00:01 sendmail         /usr/libexec/sendmail/sendmail -Ac -q
'''


def test_processes_where_there_is_no_proc(monkeypatch):
    monkeypatch.setattr(_system, 'command', lambda argv, seconds=10: FREEBSD_PS if argv[0] == 'ps' else '')
    monkeypatch.setattr(_system, 'user_name', {0: 'root', 25: 'smmsp'}.get)
    now = time.time()
    found = {process['pid']: process for process in _processes._ps('smmsp')}
    assert {pid: (process['role'], process['queue'], process['interval']) for pid, process in found.items()} == {
        731: ('daemon', 'mta', None), 734: ('queue_runner', 'msp', 1800), 738: ('cron', None, None), 900: ('queue_run', 'msp', None)}
    assert abs(found[731]['started'] - (now - 3723)) < 3
    runners = _runners.queue_runners(_platform.FREEBSD, list(found.values()), '/nonexistent')
    assert [(runner['source'], runner['interval'], runner['active']) for runner in runners] == [('rc_conf', 1800, True), ('periodic', 86400, True)]


@linux
def test_ps_of_this_system_is_read_the_same_way():
    assert shutil.which('ps') is None or isinstance(_processes._ps('smmsp'), list)
    output = _system.command(['ps', '-axwwo', 'pid=,ppid=,uid=,etime=,comm=,args='])
    assert output == '' or any(line.split()[0] == str(os.getpid()) for line in output.splitlines())
