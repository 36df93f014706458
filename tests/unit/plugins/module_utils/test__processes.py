# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real processes of the test, and what ps says elsewhere."""
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import types
from pathlib import Path

import pytest

from ansible_collections.mailops.sendmail.plugins.module_utils import _platform, _processes, _runners, _system

linux = pytest.mark.skipif(not sys.platform.startswith('linux'), reason='reads /proc')


def sleeper(path):
    shutil.copy(shutil.which('sleep'), str(path))
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def open_path():
    """A directory that an ordinary user gets to, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as path:
        os.chmod(path, 0o755)
        yield Path(path)


class Running:
    """A process with a title and a name of its choice, run as this user or as C(nobody)."""

    def __init__(self, program, title, nobody=False):
        self.argv, self.program, self.nobody = [title, '60'], program, nobody

    def __enter__(self):
        drop = 'os.setgroups([]); os.setgid(65534); os.setuid(65534);' if self.nobody else ''
        script = 'import os, sys; %s os.execv(sys.argv[1], sys.argv[2:])' % drop
        self.process = subprocess.Popen([sys.executable, '-c', script, self.program] + self.argv)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            # The name of the program comes first, its arguments when it is loaded.
            with open('/proc/%d/comm' % self.process.pid) as name, open('/proc/%d/cmdline' % self.process.pid, 'rb') as arguments:
                if name.read().strip() == os.path.basename(self.program)[:15] and arguments.read().startswith(os.fsencode(self.argv[0])):
                    return self.process.pid
            time.sleep(0.02)
        raise AssertionError('it does not run')

    def __exit__(self, *exception):
        self.process.kill()
        self.process.wait()


def by_pid(*arguments):
    return {process['pid']: process for process in _processes.processes(*arguments)}


RUNNER = 'sendmail: MSP: Queue runner@00:30:00 for /var/spool/mqueue-client'
USER = pwd.getpwuid(os.geteuid()).pw_name


@linux
def test_processes(tmp_path):
    program = sleeper(tmp_path / 'sendmail-msp')
    with Running(program, RUNNER) as titled, Running(program, 'sendmail') as plain:
        found = by_pid(('nosuchuser', USER), program)
        runner = found[titled]
        assert (runner['role'], runner['queue'], runner['interval'], runner['user'], runner['ppid']) == ('queue_runner', 'msp', 1800, USER, os.getpid())
        assert runner['cwd'] == os.getcwd()
        assert abs(runner['started'] - time.time()) < 30
        assert (found[plain]['role'], found[plain]['queue'], found[plain]['cwd']) == ('other', 'mta', None)
        assert by_pid((USER,), program)[plain]['queue'] == 'msp'
        assert os.getpid() not in found
        json.dumps(list(found.values()))


@linux
def test_a_stopped_process_is_the_same_until_it_runs(tmp_path):
    with Running(sleeper(tmp_path / 'sleep'), 'sleep') as pid:
        def stopped():
            os.kill(pid, signal.SIGSTOP)
            os.waitpid(pid, os.WUNTRACED)
            return _processes.asleep(pid)
        assert _processes.asleep(pid) == b''
        first = stopped()
        assert first.startswith(b'State:\tT')
        assert _processes.asleep(pid) == first
        os.kill(pid, signal.SIGCONT)
        os.waitpid(pid, os.WCONTINUED)
        assert _processes.asleep(pid) == b''
        again = stopped()
        assert again and again != first
    assert _processes.asleep(None) == _processes.asleep(pid) == b''


@linux
def test_what_only_looks_like_sendmail_is_not(tmp_path):
    """A copy of sleep with the name and the title of a runner; the program itself is another file."""
    real = sleeper(tmp_path / 'real')
    with Running(sleeper(tmp_path / 'sendmail'), RUNNER) as pid:
        assert pid not in by_pid((USER,), real)


@linux
@pytest.mark.skipif(os.geteuid() != 0, reason='becomes another user')
@pytest.mark.parametrize('title', [
    RUNNER, 'sendmail: MTA: accepting connections', 'sendmail: rejecting connections on daemon MTA: load average: 90',
    'sendmail: running queue: /var/spool/mqueue-client'])
def test_the_title_of_an_ordinary_user_counts_for_nothing(open_path, title):
    """Whoever runs the real program can choose its first argument."""
    program = sleeper(open_path / 'sendmail')
    with Running(program, title, nobody=True) as pid:
        found = by_pid(('root',), program)
        assert (found[pid]['role'], found[pid]['rejecting']) == ('other', None)
        assert pid not in by_pid(('root',), sleeper(open_path / 'real'))


@linux
@pytest.mark.skipif(os.geteuid() != 0, reason='becomes another user')
def test_a_cron_of_an_ordinary_user_is_none(open_path):
    program = sleeper(open_path / 'cron')
    with Running(program, '/usr/sbin/cron', nobody=True) as theirs, Running(program, '/usr/sbin/cron') as ours:
        found = by_pid(('root',), None)
        assert theirs not in found
        assert found[ours]['role'] == 'cron'


@linux
@pytest.mark.skipif(os.geteuid() != 0, reason='a cron of an ordinary user is none')
def test_the_cron_of_busybox_reads_no_cron_d(tmp_path):
    """miscutils/crond.c: CRONTABS is all it reads. The name of the process is that of the link it was started by."""
    box = sleeper(tmp_path / 'busybox')
    with Running(box, 'crond') as crond, Running(box, 'sh') as other, Running(sleeper(tmp_path / 'crond'), '/usr/sbin/crond') as real:
        found = by_pid(('root',), None)
        assert (found[crond]['role'], found[crond]['name'], found[real]['name']) == ('cron', 'busybox', 'crond')
        assert other not in found
        assert not _processes.cron_runs([found[crond]])
        assert _processes.cron_runs([found[crond], found[real]])


@linux
def test_another_build_that_root_runs_is_sendmail(tmp_path):
    """After an upgrade the daemon still runs the old program."""
    program = sleeper(tmp_path / 'sendmail')
    with open(program, 'ab') as stream:
        stream.write(b'\0readqf: %s: incomplete\0')
    with Running(program, 'sendmail: MTA: accepting connections') as pid:
        os.unlink(program)
        assert by_pid((USER,), sleeper(tmp_path / 'new'))[pid]['role'] == 'daemon'


@linux
def test_a_directory_that_is_gone_is_seen(tmp_path, monkeypatch):
    program = sleeper(tmp_path / 'sendmail')
    (tmp_path / 'queue').mkdir()
    monkeypatch.chdir(tmp_path / 'queue')
    with Running(program, 'sendmail: MTA: accepting connections') as pid:
        monkeypatch.chdir(tmp_path)
        (tmp_path / 'queue').rmdir()
        assert by_pid((USER,), program)[pid]['cwd'] == str(tmp_path / 'queue') + ' (deleted)'


@linux
@pytest.mark.skipif(not shutil.which('unshare'), reason='makes a namespace')
@pytest.mark.parametrize('kernel', ['of today', 'before 4.1'])
def test_a_daemon_in_a_container_is_not_one_of_this_host(tmp_path, monkeypatch, kernel):
    """NSpid came with Linux 4.1: Red Hat 7 has 3.10. What is taken for a daemon of the host may be ended with it."""
    program = sleeper(tmp_path / 'sendmail')
    if kernel != 'of today':
        slurp = _system.slurp
        monkeypatch.setattr(_system, 'slurp', lambda path, most: re.sub(rb'NSpid:.*', b'', slurp(path, most)))
    inside = subprocess.Popen(['unshare', '--pid', '--fork', sys.executable, '-c', 'import os, sys; print(1, flush=True); os.execv(%r, %r)' % (
        program, ['sendmail: MTA: accepting connections', '60'])], stdout=subprocess.PIPE)
    child = None
    try:
        if inside.stdout.readline() != b'1\n':
            pytest.skip('no namespaces here')
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with open('/proc/%d/task/%d/children' % (inside.pid, inside.pid)) as stream:
                child = int(stream.read())
            with open('/proc/%d/comm' % child) as stream:
                if stream.read() == 'sendmail\n':
                    break
            time.sleep(0.02)
        with Running(program, 'sendmail: MTA: accepting connections') as ours:
            found = by_pid((USER,), program)
            assert ours in found
            assert child not in found
    finally:
        os.kill(child or inside.pid, signal.SIGKILL)
        inside.wait()
        inside.stdout.close()


@linux
@pytest.mark.skipif(os.geteuid() != 0, reason='only root can have another root directory')
@pytest.mark.parametrize('how, ours', [
    ('os.chdir("/")', True),
    # "podman run --pid=host", a chroot.
    ('os.chroot(sys.argv[1])', False),
    # PrivateTmp=, ProtectSystem= and so on: systemd mounts / elsewhere and makes that the root.
    ('os.system("mount --rbind / %s" % sys.argv[1]) == 0 or sys.exit(3); os.chroot(sys.argv[1])', True)])
def test_a_daemon_with_another_root_is_not_one_of_this_host(tmp_path, how, ours):
    code = 'import os, sys, time; open("/proc/self/comm", "w").write("sendmail"); %s; print(1, flush=True); time.sleep(60)' % how
    argv = ['sendmail: accepting connections', '-S', '-c', code, str(tmp_path)]
    start = 'import os, sys; os.execv(%r, %r)' % (os.path.realpath(sys.executable), argv)
    wrapper = ['unshare', '--mount'] if 'rbind' in how else []
    with subprocess.Popen(wrapper + [sys.executable, '-c', start], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          env=dict(os.environ, PYTHONHOME=sys.base_prefix)) as inside:
        try:
            if inside.stdout.readline() != b'1\n':
                pytest.skip('no mounts here')
            assert (inside.pid in by_pid((USER,), os.path.realpath(sys.executable))) is ours
        finally:
            inside.kill()


@pytest.mark.parametrize('uid, gid, expected', [(0, 0, True), (105, 9, True), (1000, 108, True), (1000, 1000, False)])
def test_where_the_program_cannot_be_seen_the_user_tells(uid, gid, expected):
    trust = _processes.Trust('smmsp', {0, 105}, None, 108, {})
    assert _processes._is_sendmail('/nonexistent/exe', uid, gid, trust) is expected


def test_a_session_that_says_it_accepts_connections_is_no_daemon():
    trust = _processes.Trust('smmsp', {0, 105}, None, 108, {})
    found = [_processes._process(pid, ppid, 0, 1, b'sendmail', [title], trust) for pid, ppid, title in (
        (7, 1, 'sendmail: MTA: accepting connections'), (8, 7, 'sendmail: MTA: [10.0.0.1]: rejecting connections on daemon x'))]
    assert [(process['role'], process['rejecting']) for process in _processes._settled(found)] == [('daemon', None), ('session', None)]


FREEBSD_PS = '''   0 1     0    0     0 12-03:04:05 init             /sbin/init --
   0   731     1    0     0    01:02:03 sendmail         sendmail: accepting connections (sendmail)
   0   734     1   25    25       02:03 sendmail         sendmail: Queue runner@00:30:00 for /var/spool/clientmqueue (sendmail)
   0   738     1    0     0       00:09 cron             /usr/sbin/cron -s
   0   900   734   25    25       00:01 sendmail         /usr/libexec/sendmail/sendmail -Ac -q
   0   901   734 1001  1001       00:01 sendmail         sendmail: accepting connections
   0   902   734 1001    25       00:01 sendmail         sendmail: accepting connections
   0   903   734 1001  1001       00:01 cron             cron
   7   950     1    0     0    01:02:03 sendmail         sendmail: accepting connections (sendmail)
'''
OURS = '   %d %5d     1    0     0    00:00 python3          python3\n'
TRUST = _processes.Trust('smmsp', {0, 25}, None, 25, {})


def test_processes_where_there_is_no_proc(monkeypatch):
    monkeypatch.setattr(_system, 'command', lambda argv, seconds=10: FREEBSD_PS + OURS % (0, os.getpid()) if argv[0] == 'ps' else '')
    monkeypatch.setattr(_system, 'user_name', {0: 'root', 25: 'smmsp', 1001: 'alice'}.get)
    now = time.time()
    found = {process['pid']: process for process in _processes._ps(TRUST, 'FreeBSD')}
    assert {pid: (process['role'], process['queue'], process['interval']) for pid, process in found.items()} == {
        731: ('daemon', 'mta', None), 734: ('queue_runner', 'msp', 1800), 738: ('cron', None, None), 900: ('queue_run', 'msp', None),
        902: ('other', 'mta', None)}
    assert abs(found[731]['started'] - (now - 3723)) < 3
    runners = _runners.queue_runners(_platform.FREEBSD, list(found.values()), '/nonexistent')
    assert [(runner['source'], runner['interval'], runner['active']) for runner in runners] == [('rc_conf', 1800, True), ('periodic', 86400, True)]


def test_netbsd_has_a_proc_like_that_of_linux(monkeypatch):
    """mount_procfs(8), -o linux: stat is there, and status is the BSDs' own (procfs_vnops.c, procfs_status.c)."""
    monkeypatch.setattr(_processes.os, 'uname', lambda: types.SimpleNamespace(sysname='NetBSD'))
    monkeypatch.setattr(_processes, '_ps', lambda trust, system: [{'role': system, 'ppid': 1, 'pid': 2}])
    assert [one['role'] for one in _processes.processes()] == ['NetBSD']


def test_ps_of_freebsd_prints_one_column_for_each_option():
    """keyword.c of FreeBSD's ps: "pid=,ppid=" is one column with the heading ",ppid="."""
    words = _processes._ps_command('FreeBSD')[2:]
    assert words[::2] == ['-o'] * 8
    assert all(word.endswith('=') and ',' not in word for word in words[1::2])


@pytest.mark.parametrize('jail, daemons', [(0, {731}), (7, {950})])
def test_ps_of_freebsd_shows_the_processes_of_all_jails(monkeypatch, jail, daemons):
    """jail(8); a jail itself sees its own number. Its daemon is none of the host's."""
    text = FREEBSD_PS + OURS % (jail, os.getpid())
    monkeypatch.setattr(_system, 'command', lambda argv, seconds=10: text if '-o jid= ' in ' '.join(argv) else '')
    assert {process['pid'] for process in _processes._ps(TRUST, 'FreeBSD') if process['role'] == 'daemon'} == daemons


SOLARIS_PS = '''    0     1     0     0     0 12-03:04:05 /sbin/init                       /sbin/init
    0   731     1     0     0    01:02:03 /usr/lib/smtp/sendmail/sendmail  /usr/lib/sendmail -bl -q15m
    0   734     1    25    25       02:03 /usr/lib/smtp/sendmail/sendmail  /usr/lib/sendmail -Ac -q15m
    3   950     1     0     0    01:02:03 /usr/lib/smtp/sendmail/sendmail  /usr/lib/sendmail -bd -q15m
    0   738     1     0     0       00:09 /usr/sbin/cron                   /usr/sbin/cron
    0 %5d     1     0     0       00:00 /usr/bin/python3                 python3
'''


def test_ps_of_solaris_has_no_x_and_names_programs_by_their_paths(monkeypatch):
    """ps(1) of Solaris and illumos: -e, comm is the path of the program, and the global zone shows the others. Sendmail sets no titles there (conf.h)."""
    argv = _processes._ps_command('SunOS')
    assert (argv[:2], argv[2:4]) == (['ps', '-e'], ['-o', 'zoneid='])
    monkeypatch.setattr(_system, 'command', lambda argv, seconds=10: SOLARIS_PS % os.getpid())
    found = [(process['pid'], process['role'], process['interval']) for process in _processes._ps(TRUST, 'SunOS')]
    assert found == [(731, 'daemon', 900), (734, 'queue_runner', 900), (738, 'cron', None)]


@linux
@pytest.mark.skipif(shutil.which('ps') is None, reason='there is no ps here')
def test_ps_of_this_system_takes_these_columns():
    rows = [line.split() for line in _system.command(_processes._ps_command('Linux')).splitlines()]
    own = str(os.getpid())
    assert [row[:5] for row in rows if row[0] == own] == [[own, own, *map(str, (os.getppid(), os.geteuid(), os.getegid()))]]
