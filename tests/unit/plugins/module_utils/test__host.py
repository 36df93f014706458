# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The looks at the machine, at real processes, sockets and files of the test where that is possible, else at a host laid out in a directory."""
import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time

import pytest

from ansible_collections.mailops.sendmail.plugins.module_utils import _host, _platform

linux = pytest.mark.skipif(not sys.platform.startswith('linux'), reason='reads /proc')


def lay(root, files):
    for path, text in files.items():
        target = root / path.lstrip('/')
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text if isinstance(text, bytes) else text.encode())
        target.chmod(0o644)
    return str(root)


# Programs

ELF = b'\x7fELF\0%s\0/etc/mail/sendmail.cf\0Queue runner@\0readqf: %%s: incomplete\0HASINITGROUPS\0' + b'\0' * 70000
FLOCK = (ELF % b'8.17.1.9') + b'\0HASFLOCK\0'


def test_sendmail_through_alternatives(tmp_path):
    root = lay(tmp_path, {'/usr/libexec/sendmail/sendmail': FLOCK})
    (tmp_path / 'usr/sbin').mkdir()
    (tmp_path / 'etc').mkdir()
    (tmp_path / 'etc/alternatives-sendmail').symlink_to(root + '/usr/libexec/sendmail/sendmail')
    (tmp_path / 'usr/sbin/sendmail').symlink_to(root + '/etc/alternatives-sendmail')
    os.chmod(root + '/usr/libexec/sendmail/sendmail', 0o2755)
    found = _host.program(_platform.DEBIAN, root)
    real = os.path.realpath(root) + '/usr/libexec/sendmail/sendmail'
    assert (found['path'], found['target'], found['sendmail']) == (root + '/usr/sbin/sendmail', real, real)
    assert (found['is_sendmail'], found['version'], found['lock'], found['configuration']) == (True, '8.17.1.9', 'flock', '/etc/mail')
    assert (found['mode'], found['setgid'], found['other_mta']) == ('2755', True, None)


def test_a_build_without_flock_locks_with_fcntl(tmp_path):
    root = lay(tmp_path, {'/usr/sbin/sendmail': ELF % b'8.15.2'})
    found = _host.program(_platform.UPSTREAM, root)
    assert (found['version'], found['lock'], found['setgid']) == ('8.15.2', 'fcntl', False)


@pytest.mark.parametrize('name, content, other', [
    ('exim4', b'\x7fELF Exim', 'exim'), ('postfix-sendmail', b'', 'postfix'), ('sendmail', b'\x7fELF postfix_config', 'postfix'), ('dma', b'\x7fELF', 'dma'),
    ('smtpctl', b'\x7fELF usage: smtpctl', 'opensmtpd'), ('sendmail', b'#!/bin/sh\nexit 0\n', 'unknown'), ('msmtp', b'\x7fELF', 'msmtp'),
])
def test_another_mailer_owns_the_name_and_sendmail_is_there_too(tmp_path, name, content, other):
    root = lay(tmp_path, {'/usr/lib/x/' + name: content, '/usr/libexec/sendmail/sendmail': FLOCK})
    (tmp_path / 'usr/sbin').mkdir()
    (tmp_path / 'usr/sbin/sendmail').symlink_to(root + '/usr/lib/x/' + name)
    found = _host.program(_platform.DEBIAN, root)
    assert (found['is_sendmail'], found['other_mta']) == (False, other)
    assert found['target'].endswith('/usr/lib/x/' + name)
    assert found['sendmail'].endswith('/usr/libexec/sendmail/sendmail')
    assert found['version'] == '8.17.1.9'


def test_no_program_and_freebsds_mailer_conf(tmp_path):
    found = _host.program(_platform.DEBIAN, str(tmp_path))
    assert (found['path'], found['sendmail'], found['is_sendmail'], found['setgid']) == (None, None, False, False)
    root = lay(tmp_path, {'/etc/mail/mailer.conf': '# x\nsendmail\t/usr/local/sbin/mine\nmailq /x\n', '/usr/local/sbin/mine': FLOCK,
                          '/usr/sbin/sendmail': b'wrapper'})
    assert _host.program(_platform.FREEBSD, root)['path'] == root + '/usr/local/sbin/mine'


# Files

def test_read_file(tmp_path):
    path = tmp_path / 'f'
    path.write_bytes(b'x' * 100)
    path.chmod(0o640)
    found = _host.read_file(str(path), 40)
    assert (found['data'], found['truncated'], found['mode'], found['size'], found['kind'], found['error']) == (b'x' * 40, True, '0640', 100, 'file', None)
    assert _host.read_file(str(path))['truncated'] is False
    missing = _host.read_file(str(tmp_path / 'none'))
    assert (missing['exists'], missing['data'], missing['error']) == (False, None, None)
    os.mkfifo(str(tmp_path / 'fifo'))
    start = time.time()
    fifo = _host.read_file(str(tmp_path / 'fifo'))
    assert (fifo['kind'], fifo['data'], fifo['error']) == ('fifo', None, 'not a regular file')
    assert _host.read_file(str(tmp_path))['error'] == 'not a regular file'
    assert time.time() - start < 20
    (tmp_path / 'link').symlink_to('none')
    assert _host.file_state(str(tmp_path / 'link'), follow=False)['kind'] == 'link'
    assert _host.file_state(str(path) + '/below')['exists'] is False


def test_os_release_and_platform(tmp_path):
    root = lay(tmp_path, {'/etc/os-release': 'ID="rocky"\nID_LIKE="rhel centos fedora"\nPRETTY_NAME=\'Rocky\'\n'})
    assert _host.os_release(root)['ID_LIKE'] == 'rhel centos fedora'
    if sys.platform.startswith('linux'):
        assert _host.platform(root).family == 'redhat'


def test_processes(tmp_path):
    program = str(tmp_path / 'sendmail-msp')
    shutil.copy(shutil.which('sleep'), program)
    user = _host._user(os.geteuid())
    titled = subprocess.Popen(['sendmail: MSP: Queue runner@00:30:00 for /var/spool/mqueue-client', '60'], executable=program)
    plain = subprocess.Popen([program, '61'])
    try:
        deadline = time.time() + 60
        while time.time() < deadline:
            found = {process['pid']: process for process in _host.processes('smmsp')}
            if titled.pid in found and plain.pid in found and found[plain.pid]['name'] == 'sendmail-msp':
                break
            time.sleep(0.05)
        runner = found[titled.pid]
        assert (runner['role'], runner['queue'], runner['interval'], runner['user'], runner['ppid']) == ('queue_runner', 'msp', 1800, user, os.getpid())
        assert abs(runner['started'] - time.time()) < 30
        assert (found[plain.pid]['role'], found[plain.pid]['queue']) == ('other', 'mta')
        assert {process['pid']: process for process in _host.processes(user)}[plain.pid]['queue'] == 'msp'
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
    monkeypatch.setattr(_host, '_command', lambda argv, seconds=10: FREEBSD_PS if argv[0] == 'ps' else '')
    monkeypatch.setattr(_host, '_user', {0: 'root', 25: 'smmsp'}.get)
    now = time.time()
    found = {process['pid']: process for process in _host._ps('smmsp')}
    assert {pid: (process['role'], process['queue'], process['interval']) for pid, process in found.items()} == {
        731: ('daemon', 'mta', None), 734: ('queue_runner', 'msp', 1800), 738: ('cron', None, None), 900: ('queue_run', 'msp', None)}
    assert abs(found[731]['started'] - (now - 3723)) < 3
    runners = _host.queue_runners(_platform.FREEBSD, list(found.values()), '/nonexistent')
    assert [(runner['source'], runner['interval'], runner['active']) for runner in runners] == [('rc_conf', 1800, True), ('periodic', 86400, True)]


@linux
def test_ps_of_this_system_is_read_the_same_way():
    assert shutil.which('ps') is None or isinstance(_host._ps('smmsp'), list)
    output = _host._command(['ps', '-axwwo', 'pid=,ppid=,uid=,etime=,comm=,args='])
    assert output == '' or any(line.split()[0] == str(os.getpid()) for line in output.splitlines())


def test_command_that_hangs_or_is_missing():
    start = time.time()
    assert _host._command(['sleep', '60'], seconds=0.3) == ''
    assert _host._command(['/nonexistent']) == ''
    assert time.time() - start < 30


# Sockets

def refuse(*arguments):
    raise OSError(95, 'Operation not supported')


@linux
@pytest.mark.parametrize('diagnosis', [True, False])
def test_listeners(diagnosis, monkeypatch):
    if not diagnosis:                           # a kernel without sock_diag: /proc/net/tcp instead
        monkeypatch.setattr(_host, '_listening', refuse)
    with socket.socket() as four, socket.socket(socket.AF_INET6) as six:
        four.bind(('127.0.0.1', 0))
        port = four.getsockname()[1]
        four.listen(1)
        ports = [port]
        try:
            six.bind(('::1', 0))
            six.listen(1)
            ports.append(six.getsockname()[1])
        except OSError:                         # no IPv6 here
            pass
        found = {record['port']: record for record in _host.listeners(ports, [{'pid': os.getpid()}])}
        assert set(found) == set(ports)
        assert (found[port]['address'], found[port]['pid']) == ('127.0.0.1', os.getpid())
        if len(ports) > 1:
            assert found[ports[1]]['address'] == '::1'
        assert [record['pid'] for record in _host.listeners([port])] == [os.getpid()]
        assert port in [record['port'] for record in _host.listeners(None, [{'pid': os.getpid()}])]
    assert _host.listeners([port]) == []


SOCKSTAT = '''USER     COMMAND    PID   FD PROTO  LOCAL ADDRESS         FOREIGN ADDRESS
root     sendmail   731   3  tcp4   127.0.0.1:25          *:*
root     sendmail   731   4  tcp6   *:587                 *:*
'''


def test_listeners_from_sockstat(monkeypatch):
    monkeypatch.setattr(_host, '_command', lambda argv, seconds=10: SOCKSTAT)
    assert _host._sockstat((25, 587)) == [
        {'address': '127.0.0.1', 'port': 25, 'inode': None, 'pid': 731, 'name': 'sendmail'},
        {'address': '::', 'port': 587, 'inode': None, 'pid': 731, 'name': 'sendmail'}]


@pytest.fixture
def server():
    """An SMTP server for one connection: what it says first, and what it heard."""
    listening = socket.socket()
    listening.bind(('127.0.0.1', 0))
    listening.listen(1)
    heard, threads = [], []

    def start(*parts):
        def serve():
            peer = listening.accept()[0]
            with peer:
                for part in parts:
                    peer.sendall(part)
                    time.sleep(0.05)
                try:
                    heard.append(peer.recv(100))
                    peer.sendall(b'221 bye\r\n')
                except OSError:             # the client has gone
                    pass
        threads.append(threading.Thread(target=serve, daemon=True))
        threads[0].start()
        return listening.getsockname()[1]
    yield start, heard, lambda: threads[0].join(30)
    listening.close()


def test_greeting(server):
    start, heard, wait = server
    found = _host.greeting('127.0.0.1', start(b'220-first\r\n22', b'0 h ESMTP \x1b[1m\r\n'), 30)
    wait()
    assert (found['connected'], found['answered'], found['code'], found['text'], found['error']) == (True, True, 220, '220 h ESMTP \\x1b[1m', None)
    assert heard == [b'QUIT\r\n']


@pytest.mark.parametrize('parts, code, error', [((b'554 no\r\n',), 554, None), ((b'421 4.3.2 busy\r\n',), 421, None), ((b'hello\r\n' * 2000,), None, None),
                                                ((), None, 'connection_timeout')])
def test_greetings_that_are_none(server, parts, code, error):
    start = server[0]
    found = _host.greeting('127.0.0.1', start(*parts), 30 if parts else 0.7)
    assert (found['connected'], found['answered'], found['code'], found['error']) == (True, False, code, error)
    assert found['seconds'] < 20


def test_a_clock_that_is_set_back_makes_no_wait_longer(server, monkeypatch):
    port, times, start = server[0](), iter([1e9]), time.monotonic()
    monkeypatch.setattr(time, 'time', lambda: next(times, 1e9 - 40))
    found = _host.greeting('127.0.0.1', port, 0.7)
    assert found['error'] == 'connection_timeout'
    assert 0.5 < found['seconds'] < 20
    assert time.monotonic() - start < 20


def test_nobody_listens_and_no_such_name(monkeypatch):
    with socket.socket() as held:
        held.bind(('127.0.0.1', 0))
        found = _host.greeting('127.0.0.1', held.getsockname()[1], 30)
    assert (found['connected'], found['error']) == (False, 'connection_refused')
    monkeypatch.setattr(socket, 'getaddrinfo', lambda *arguments: time.sleep(60))
    start = time.time()
    assert _host.greeting('relay.example.test', 25, 0.3)['error'] == 'name_lookup'
    assert time.time() - start < 15


def test_several_addresses_are_tried_in_order(server, monkeypatch):
    port = server[0](b'220 second\r\n')
    with socket.socket() as held:
        held.bind(('127.0.0.1', 0))
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, '')
        addresses = [kind + (held.getsockname(),), kind + (('127.0.0.1', port),)]
        monkeypatch.setattr(socket, 'getaddrinfo', lambda *arguments: addresses)
        found = _host.greeting('two.example.test', 25, 30)
    assert (found['answered'], found['text'], found['error']) == (True, '220 second', None)


# The system

@linux
def test_locks(tmp_path):
    paths = [tmp_path / name for name in ('flocked', 'fcntled', 'shared')]
    for path in paths:
        path.write_text('x')
    with open(str(paths[0]), 'r+') as one, open(str(paths[1]), 'r+') as two, open(str(paths[2]), 'r+') as three:
        fcntl.flock(one, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.lockf(two, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(three, fcntl.LOCK_SH | fcntl.LOCK_NB)
        found = {key[2]: lock for key, lock in _host.locks().items()}
        assert found[paths[0].stat().st_ino] == {'kind': 'FLOCK', 'pid': os.getpid()}
        assert found[paths[1].stat().st_ino] == {'kind': 'POSIX', 'pid': os.getpid()}
        assert found.get(paths[2].stat().st_ino, {}).get('pid') != os.getpid()


def test_a_call_that_hangs_is_given_up():
    start = time.time()
    with pytest.raises(TimeoutError):
        _host.bounded(0.2, time.sleep, 60)
    assert time.time() - start < 15
    with pytest.raises(ZeroDivisionError):
        _host.bounded(1, lambda: 1 // 0)


def test_accounts_load_and_processors():
    found = _host.accounts(['root', 'no-such-user-here'])
    assert (found['root']['uid'], found['root']['gid']) == (0, 0)
    assert set(found['no-such-user-here'].values()) == {None}
    assert _host.cpus() >= 1
    assert len(_host.load_average()) == 3


def test_unit_states(monkeypatch):
    text = ('Id=a.service\nLoadState=loaded\nActiveState=active\nSubState=exited\nUnitFileState=enabled\nFragmentPath=/x\n\n'
            'Id=b.timer\nLoadState=not-found\nActiveState=inactive\n')
    monkeypatch.setattr(_host, '_command', lambda argv, seconds=10: text)
    found = _host.unit_states(['a.service', 'b.timer'])
    assert found['a.service'] == {'load': 'loaded', 'active': 'active', 'sub': 'exited', 'enabled': 'enabled', 'path': '/x'}
    assert found['b.timer']['load'] == 'not-found'
    monkeypatch.setattr(_host, '_command', lambda argv, seconds=10: '')
    assert _host.unit_states(['a.service'])['a.service']['active'] is None


# Queue runners

@pytest.mark.parametrize('files, links, expected', [
    ({'/usr/lib/systemd/system/sendmail.service': '[Unit]'}, {'/etc/systemd/system/multi-user.target.wants/sendmail.service': '/x'},
     {'unit': '/usr/lib/systemd/system/sendmail.service', 'init_script': None, 'enabled': True, 'masked': False}),
    ({'/usr/lib/systemd/system/sendmail.service': '[Unit]'}, {},
     {'unit': '/usr/lib/systemd/system/sendmail.service', 'init_script': None, 'enabled': False, 'masked': False}),
    ({'/run/systemd/system/x': ''}, {'/etc/systemd/system/sendmail.service': '/dev/null', '/etc/systemd/system/multi-user.target.wants/sendmail.service': '/x'},
     {'unit': '/etc/systemd/system/sendmail.service', 'init_script': None, 'enabled': False, 'masked': True}),
    # Without systemd, as in a container, a mask keeps nobody from starting anything.
    ({'/etc/init.d/sendmail': '#!/bin/sh'}, {'/etc/systemd/system/sendmail.service': '/dev/null', '/etc/rc2.d/S03sendmail': '../init.d/sendmail'},
     {'unit': '/etc/systemd/system/sendmail.service', 'init_script': '/etc/init.d/sendmail', 'enabled': True, 'masked': False}),
    ({'/etc/init.d/sendmail': '#!/bin/sh', '/run/systemd/system/x': ''}, {'/run/systemd/generator.late/multi-user.target.wants/sendmail.service': '/x'},
     {'unit': None, 'init_script': '/etc/init.d/sendmail', 'enabled': True, 'masked': False}),
    ({'/etc/init.d/sendmail': '#!/bin/sh'}, {'/etc/rc2.d/S03sendmail': '../init.d/sendmail'},
     {'unit': None, 'init_script': '/etc/init.d/sendmail', 'enabled': True, 'masked': False}),
    ({'/etc/init.d/sendmail': '#!/bin/sh'}, {'/etc/rc2.d/K01sendmail': '../init.d/sendmail'},
     {'unit': None, 'init_script': '/etc/init.d/sendmail', 'enabled': False, 'masked': False}),
    ({}, {}, {'unit': None, 'init_script': None, 'enabled': None, 'masked': False}),
])
def test_service(tmp_path, files, links, expected):
    root = lay(tmp_path, files)
    for path, target in links.items():
        (tmp_path / path.lstrip('/')).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path.lstrip('/')).symlink_to(target)
    assert _host.service('sendmail', root) == expected


@pytest.mark.parametrize('files, expected', [
    ({}, {'name': 'cron', 'unit': None, 'init_script': None}),
    ({'/usr/lib/systemd/system/cron.service': '[Unit]'}, {'name': 'cron', 'unit': '/usr/lib/systemd/system/cron.service'}),
    ({'/usr/lib/systemd/system/crond.service': '[Unit]'}, {'name': 'crond', 'unit': '/usr/lib/systemd/system/crond.service'}),
    ({'/etc/init.d/cron': '#!/bin/sh'}, {'name': 'cron', 'init_script': '/etc/init.d/cron'}),
    ({'/etc/rc.d/cron': '#!/bin/sh'}, {'name': 'cron', 'init_script': '/etc/rc.d/cron'}),
    ({'/etc/cron.allow': 'root\n'}, {'refuses': '/etc/cron.allow does not name smmsp'}),
    ({'/etc/cron.allow': ''}, {'refuses': '/etc/cron.allow does not name smmsp'}),
    ({'/etc/cron.allow': 'root\nsmmsp\n', '/etc/cron.deny': 'smmsp\n'}, {'refuses': None}),
    ({'/etc/cron.deny': 'smmsp\n'}, {'refuses': '/etc/cron.deny names smmsp'}),
    ({'/etc/cron.deny': 'smmsp2\n'}, {'refuses': None}),
])
@pytest.mark.parametrize('alive', [True, False])
def test_cron(tmp_path, files, alive, expected):
    found = _host.cron('smmsp', alive, lay(tmp_path, files))
    assert {name: found[name] for name in expected} == expected
    assert found['running'] is alive


def test_sendmail_conf(tmp_path):
    root = lay(tmp_path, {})
    assert _host.sendmail_conf(_platform.REDHAT, root) is None
    assert (_host.sendmail_conf(_platform.DEBIAN, root)['msp_mode'], _host.sendmail_conf(_platform.DEBIAN, root)['exists']) == ('daemon', False)
    lay(tmp_path, {'/etc/mail/sendmail.conf': 'MSP_MODE="Cron";\nMSP_INTERVAL="30m";\n'})
    found = _host.sendmail_conf(_platform.DEBIAN, root)
    assert (found['msp_mode'], found['msp_interval'], found['hands_off'], found['exists']) == ('cron', 1800, False, True)


CRON = {'role': 'cron', 'queue': None, 'pid': 40, 'ppid': 1, 'unit': 'cron.service', 'user': 'root', 'interval': None, 'title': '/usr/sbin/cron -f'}
SLEEPER = {'role': 'queue_runner', 'queue': 'msp', 'pid': 313, 'ppid': 1, 'unit': 'sendmail.service', 'user': 'smmsp', 'interval': 1800,
           'title': 'sendmail: MSP: Queue runner@00:30:00 for /var/spool/mqueue-client'}
CONF = 'DAEMON_MODE="Daemon";\nQUEUE_MODE="%s";\nMSP_MODE="%s";\nMSP_INTERVAL="30m";\n'
LINE = '%s\t\tsmmsp\ttest -x /etc/init.d/sendmail && /usr/share/sendmail/sendmail cron-msp\n'
MTA_LINE = '*/10 * * * *\t\troot\ttest -x /etc/init.d/sendmail && /usr/share/sendmail/sendmail cron-mta\n'


def runners(tmp_path, files, found=(CRON,), layout=_platform.DEBIAN):
    return _host.queue_runners(layout, list(found), lay(tmp_path, files))


def brief(found):
    return [(runner['source'], runner['path'], runner['interval'], runner['active']) for runner in found]


CRON_D, CONF_FILE = '/etc/cron.d/sendmail', '/etc/mail/sendmail.conf'


@pytest.mark.parametrize('files, processes, expected', [
    ({CONF_FILE: CONF % ('Daemon', 'Cron'), CRON_D: LINE % '*/30 * * * *'}, (CRON,), [('debian_cron', CRON_D, 1800, True)]),
    ({CONF_FILE: CONF % ('Daemon', 'Cron'), CRON_D: LINE % '*/30 * * * *'}, (), [('debian_cron', CRON_D, 1800, False)]),
    ({CONF_FILE: CONF % ('Daemon', 'None'), CRON_D: '#' + LINE % '*/30 * * * *'}, (CRON,), []),
    ({CONF_FILE: CONF % ('Daemon', 'None'), CRON_D: LINE % '*/30 * * * *'}, (CRON,), [('debian_cron', CRON_D, 1800, False)]),
    ({CONF_FILE: CONF % ('Daemon', 'Cron')}, (CRON,), [('debian_cron', CONF_FILE, 1800, False)]),
    ({CONF_FILE: CONF % ('Daemon', 'Daemon')}, (CRON, SLEEPER), [('daemon', None, 1800, True)]),
    ({CONF_FILE: CONF % ('Daemon', 'Daemon')}, (CRON,), [('daemon', CONF_FILE, 1800, False)]),
    # The helper's MTA line runs the client queue too, only with these two modes.
    ({CONF_FILE: CONF % ('Cron', 'None'), CRON_D: MTA_LINE}, (CRON,), [('debian_cron', CRON_D, 600, True)]),
    ({CONF_FILE: CONF % ('Cron', 'Cron'), CRON_D: LINE % '17 * * * *' + MTA_LINE}, (CRON,), [('debian_cron', CRON_D, 3600, True)]),
    ({}, (CRON,), []),
])
def test_debian_runners(tmp_path, files, processes, expected):
    assert brief(runners(tmp_path, files, processes)) == expected


def test_hands_off_is_named(tmp_path):
    found = runners(tmp_path, {CONF_FILE: CONF % ('Daemon', 'Cron') + 'HANDS_OFF="Yes";\n'})
    assert 'HANDS_OFF' in found[0]['detail']


@pytest.mark.parametrize('path, text, expected', [
    ('/etc/crontab', '*/45 * * * * root /usr/sbin/sendmail -Ac -q\n', ('cron', 2700, True, 'root', True)),
    ('/etc/cron.d/local', '5 * * * * smmsp /usr/sbin/sendmail -Ac -q\n', ('cron', 3600, False, 'smmsp', True)),
    ('/etc/cron.d/local.bak', '5 * * * * smmsp /usr/sbin/sendmail -Ac -q\n', ('cron', 3600, False, 'smmsp', False)),
    ('/var/spool/cron/crontabs/root', '# x\n@hourly /usr/sbin/runq\n', ('cron', 3600, False, 'root', True)),
    ('/var/spool/cron/smmsp', '*/10 * * * * sendmail -Ac -q\n', ('cron', 600, False, 'smmsp', True)),
])
def test_other_crontabs(tmp_path, path, text, expected):
    found = runners(tmp_path, {path: text})
    assert [(runner['source'], runner['interval'], runner['uneven'], runner['user'], runner['active']) for runner in found] == [expected]
    assert found[0]['path'] == path


def test_a_crontab_that_others_can_write_is_ignored_by_cron(tmp_path):
    root = lay(tmp_path, {'/etc/cron.d/local': '5 * * * * smmsp /usr/sbin/sendmail -Ac -q\n'})
    os.chmod(root + '/etc/cron.d/local', 0o666)
    found = _host.queue_runners(_platform.DEBIAN, [CRON], root)
    assert (found[0]['active'], 'writable' in found[0]['detail']) == (False, True)


def test_a_script_for_run_parts(tmp_path):
    root = lay(tmp_path, {'/etc/cron.hourly/flush': '#!/bin/sh\n# sendmail -Ac -q\nexec /usr/sbin/sendmail -Ac -q\n',
                          '/etc/cron.daily/other': '#!/bin/sh\nsendmail -q\n'})
    os.chmod(root + '/etc/cron.hourly/flush', 0o755)
    assert brief(_host.queue_runners(_platform.DEBIAN, [CRON], root)) == [('cron', '/etc/cron.hourly/flush', 3600, True)]


def test_a_runner_and_its_child_are_one(tmp_path):
    child = dict(SLEEPER, pid=400, ppid=313)
    mta = dict(SLEEPER, pid=500, queue='mta')
    assert [runner['pid'] for runner in runners(tmp_path, {}, (SLEEPER, child, mta))] == [313]


SM_CLIENT = ('[Service]\nEnvironment=SENDMAIL_OPTS=-q1h\nEnvironmentFile=-/etc/sysconfig/sendmail\nType=forking\n'
             'ExecStart=/usr/sbin/sendmail -L sm-msp-queue -Ac $SENDMAIL_OPTS $SENDMAIL_OPTARG\n')
UNIT = '/usr/lib/systemd/system/sm-client.service'


@pytest.mark.parametrize('files, processes, expected', [
    ({UNIT: SM_CLIENT}, (), [('systemd_unit', UNIT, 3600, False)]),
    ({UNIT: SM_CLIENT, '/etc/sysconfig/sendmail': 'SENDMAIL_OPTS="-q2h"\n'}, (), [('systemd_unit', UNIT, 7200, False)]),
    ({UNIT: SM_CLIENT, '/etc/systemd/system/sm-client.service.d/30m.conf': '[Service]\nExecStart=\nExecStart=/usr/sbin/sendmail -L x -Ac -q30m\n'}, (),
     [('systemd_unit', UNIT, 1800, False)]),
    ({UNIT: SM_CLIENT}, (dict(SLEEPER, unit='sm-client.service'),), [('systemd_unit', UNIT, 1800, True)]),
    ({'/etc/systemd/system/mine.service': '[Service]\nExecStart=/usr/sbin/sendmail -Ac -q15m\n'}, (),
     [('systemd_unit', '/etc/systemd/system/mine.service', 900, False)]),
    ({'/etc/systemd/system/once.service': '[Service]\nExecStart=/usr/sbin/sendmail -Ac -q\n'}, (), []),
    ({'/etc/systemd/system/once.service': '[Service]\nExecStart=/usr/sbin/sendmail -Ac -q\n',
      '/usr/lib/systemd/system/once.timer': '[Timer]\nOnCalendar=*:0/30\n'}, (),
     [('systemd_timer', '/usr/lib/systemd/system/once.timer', 1800, False)]),
    ({'/etc/systemd/system/a.timer': '[Timer]\nOnCalendar=hourly\nUnit=b.service\n',
      '/lib/systemd/system/b.service': '[Service]\nExecStart=/bin/true\n'}, (), []),
])
def test_systemd_runners(tmp_path, files, processes, expected):
    assert brief(runners(tmp_path, files, processes, _platform.REDHAT)) == expected


@pytest.mark.parametrize('rc, periodic, processes, expected', [
    ('sendmail_enable="YES"\n', 'daily_submit_queuerun="NO"\n', (), [('rc_conf', '/etc/rc.conf', 1800, False)]),
    ('sendmail_msp_queue_flags="-L sm-msp-queue -Ac -q1h"\n', 'daily_queuerun_enable="NO"', (), [('rc_conf', '/etc/rc.conf', 3600, False)]),
    ('sendmail_enable="NONE"\n', 'daily_submit_queuerun="NO"\n', (), []),
    ('sendmail_msp_queue_enable="NO"\n', '', (CRON,), [('periodic', '/etc/periodic.conf', 86400, True)]),
    ('', 'daily_submit_queuerun="NO"\n', (dict(SLEEPER, unit=None),), [('rc_conf', '/etc/rc.conf', 1800, True)]),
])
def test_freebsd_runners(tmp_path, rc, periodic, processes, expected):
    assert brief(runners(tmp_path, {'/etc/rc.conf': rc, '/etc/periodic.conf': periodic}, processes, _platform.FREEBSD)) == expected
