# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files, programs, accounts, services and locks: those of the test where that is possible, else of a host laid out in a directory."""
import fcntl
import os
import sys
import time

import pytest

from ansible_collections.mailops.sendmail.plugins.module_utils import _platform, _system
from ansible_collections.mailops.sendmail.tests.unit.laid_out import lay

linux = pytest.mark.skipif(not sys.platform.startswith('linux'), reason='reads /proc')


ELF = b'\x7fELF\0%s\0/etc/mail/sendmail.cf\0Queue runner@\0readqf: %%s: incomplete\0HASINITGROUPS\0' + b'\0' * 70000
FLOCK = (ELF % b'8.17.1.9') + b'\0HASFLOCK\0'


def test_sendmail_through_alternatives(tmp_path):
    root = lay(tmp_path, {'/usr/libexec/sendmail/sendmail': FLOCK})
    (tmp_path / 'usr/sbin').mkdir()
    (tmp_path / 'etc').mkdir()
    (tmp_path / 'etc/alternatives-sendmail').symlink_to(root + '/usr/libexec/sendmail/sendmail')
    (tmp_path / 'usr/sbin/sendmail').symlink_to(root + '/etc/alternatives-sendmail')
    os.chmod(root + '/usr/libexec/sendmail/sendmail', 0o2755)
    found = _system.program(_platform.DEBIAN, root)
    real = os.path.realpath(root) + '/usr/libexec/sendmail/sendmail'
    assert (found['path'], found['target'], found['sendmail']) == (root + '/usr/sbin/sendmail', real, real)
    assert (found['is_sendmail'], found['version'], found['lock'], found['configuration']) == (True, '8.17.1.9', 'flock', '/etc/mail')
    assert (found['mode'], found['setgid'], found['other_mta']) == ('2755', True, None)


def test_a_build_without_flock_locks_with_fcntl(tmp_path):
    root = lay(tmp_path, {'/usr/sbin/sendmail': ELF % b'8.15.2'})
    found = _system.program(_platform.UPSTREAM, root)
    assert (found['version'], found['lock'], found['setgid']) == ('8.15.2', 'fcntl', False)


@pytest.mark.parametrize('name, content, other', [
    ('exim4', b'\x7fELF Exim', 'exim'), ('postfix-sendmail', b'', 'postfix'), ('sendmail', b'\x7fELF postfix_config', 'postfix'), ('dma', b'\x7fELF', 'dma'),
    # Alpine, and what Debian's esmtp-run links to.
    ('busybox', b'\x7fELF', 'busybox'), ('sendmail', b'\x7fELF\0BusyBox v1.35.0 (Debian)\0', 'busybox'), ('sendmail', b'\x7fELF\0/etc/esmtprc\0', 'esmtp'),
    ('smtpctl', b'\x7fELF usage: smtpctl', 'opensmtpd'), ('sendmail', b'#!/bin/sh\nexit 0\n', 'unknown'), ('msmtp', b'\x7fELF', 'msmtp'),
])
def test_another_mailer_owns_the_name_and_sendmail_is_there_too(tmp_path, name, content, other):
    root = lay(tmp_path, {'/usr/lib/x/' + name: content, '/usr/libexec/sendmail/sendmail': FLOCK})
    (tmp_path / 'usr/sbin').mkdir()
    (tmp_path / 'usr/sbin/sendmail').symlink_to(root + '/usr/lib/x/' + name)
    found = _system.program(_platform.DEBIAN, root)
    assert (found['is_sendmail'], found['other_mta']) == (False, other)
    assert found['target'].endswith('/usr/lib/x/' + name)
    assert found['sendmail'].endswith('/usr/libexec/sendmail/sendmail')
    assert found['version'] == '8.17.1.9'


WRAPPER = '#!/bin/sh\n# the limits of the web server\nlogger -t sendmail "$USER"\n%s\n'


@pytest.mark.parametrize('line, mode, other', [
    ('exec /usr/libexec/sendmail/sendmail "$@"', 0o755, None), ('/usr/libexec/sendmail/sendmail -i "$@" 2>>/var/log/x', 0o755, None),
    ("exec '/usr/libexec/sendmail/sendmail' $*", 0o755, None),
    ('exec /usr/libexec/sendmail/sendmail "$@"', 0o775, 'unknown'),          # anybody of its group may change that
    ('# exec /usr/libexec/sendmail/sendmail "$@"', 0o755, 'unknown'), ('exec /usr/libexec/sendmail/sendmail -bp', 0o755, 'unknown'),
    ('exec /usr/lib/sendmail-of-postfix "$@"', 0o755, 'postfix'), ('exec /nonexistent/sendmail "$@"', 0o755, 'unknown')])
def test_a_script_in_the_place_of_the_program(tmp_path, line, mode, other):
    root = lay(tmp_path, {'/usr/sbin/sendmail': WRAPPER % line, '/usr/libexec/sendmail/sendmail': FLOCK,
                          '/usr/lib/sendmail-of-postfix': b'\x7fELF postfix_config'})
    os.chmod(root + '/usr/sbin/sendmail', mode)
    os.chmod(root + '/usr/libexec/sendmail/sendmail', 0o2755)
    found = _system.program(_platform.DEBIAN, root)
    assert (found['path'], found['other_mta'], found['is_sendmail']) == (root + '/usr/sbin/sendmail', other, other is None)
    assert found['sendmail'] == root + '/usr/libexec/sendmail/sendmail' and found['setgid']


def test_a_sendmail_built_by_hand_behind_a_script(tmp_path):
    """The name leads out of the place of Sendmail's Makefiles, where no table says who owns what."""
    files = {'/etc/os-release': 'ID=debian\n', '/usr/sbin/sendmail': WRAPPER % 'exec /usr/sbin/sendmail.real "$@"', '/usr/sbin/sendmail.real': FLOCK}
    assert _system.platform(lay(tmp_path, files)).family == ('unknown' if sys.platform.startswith('linux') else 'freebsd')


def test_a_sendmail_in_a_place_that_no_table_has(tmp_path):
    """Root runs it, so it is installed. What anybody else runs, owns or can write to is not started by root."""
    place = '/opt/sendmail/sbin/sendmail'
    root = lay(tmp_path, {place: FLOCK, '/home/eve/sendmail': FLOCK, '/opt/other/sendmail': b'#!/bin/sh', '/etc/os-release': 'ID=debian\n',
                          '/proc/10/stat': '', '/proc/11/stat': '', '/proc/12/stat': '', '/proc/self/stat': '', '/proc/13/stat': ''})
    for pid, exe in (('10', place), ('11', '/home/eve/sendmail'), ('12', '/opt/other/sendmail'), ('self', place)):
        os.symlink(exe, '%s/proc/%s/exe' % (root, pid))
    os.chmod(root + place, 0o2755)
    os.chmod(root + '/home/eve/sendmail', 0o777)
    os.chmod(root + '/opt/other/sendmail', 0o755)
    assert _system.elsewhere(root, os.getuid()) == [place]
    assert _system.elsewhere(root, os.getuid() + 1) == []
    if os.getuid() == 0:
        assert _system.platform(root).family == 'unknown'
        found = _system.program(_system.platform(root), root)
        assert (found['path'], found['is_sendmail'], found['version']) == (root + place, True, '8.17.1.9')
        os.unlink(root + '/proc/10/exe')
        assert _system.program(_system.platform(root), root)['path'] is None


def test_a_sendmail_that_root_has_run(tmp_path):
    place = '/opt/sendmail/sbin/sendmail'
    root = lay(tmp_path, {place: FLOCK, '/run/sendmail.pid': '4711\n%s -L sm-mta -bd -q1h\n' % place})
    os.chmod(root + place, 0o2755)
    os.chmod(root + '/run/sendmail.pid', 0o644)
    os.chmod(root + '/run', 0o755)
    assert _system.elsewhere(root) == ([place] if os.getuid() == 0 else [])
    os.chmod(root + '/run/sendmail.pid', 0o666)
    assert _system.elsewhere(root) == []


def test_no_program_and_freebsds_mailer_conf(tmp_path):
    found = _system.program(_platform.DEBIAN, str(tmp_path))
    assert (found['path'], found['sendmail'], found['is_sendmail'], found['setgid']) == (None, None, False, False)
    root = lay(tmp_path, {'/etc/mail/mailer.conf': '# x\nsendmail\t/usr/local/sbin/mine\nmailq /x\n', '/usr/local/sbin/mine': FLOCK,
                          '/usr/sbin/sendmail': b'wrapper'})
    assert _system.program(_platform.FREEBSD, root)['path'] == root + '/usr/local/sbin/mine'


POSTFIX = 'sendmail\t/usr/local/sbin/sendmail\n'


@pytest.mark.parametrize('family, files, owner', [
    ('freebsd', {'/usr/local/etc/mail/mailer.conf': POSTFIX}, 'postfix'), ('freebsd', {}, None),
    ('freebsd', {'/usr/local/etc/mail/mailer.conf': '# none\n  sendmail /usr/libexec/sendmail/sendmail # x\n', '/etc/mail/mailer.conf': POSTFIX}, None),
    ('unknown', {'/etc/mailer.conf': POSTFIX}, 'postfix'),
    ('freebsd', {'/etc/mailer.conf': POSTFIX, '/etc/mail/mailer.conf': 'sendmail /usr/libexec/sendmail/sendmail'}, None)])
def test_which_mailer_conf_counts(tmp_path, family, files, owner):
    """mailwrapper.c of FreeBSD takes /usr/local/etc/mail/mailer.conf, where postfix's port puts its own, before /etc/mail; NetBSD has /etc/mailer.conf."""
    root = lay(tmp_path, dict(files, **{'/usr/libexec/sendmail/sendmail': FLOCK, '/usr/local/sbin/sendmail': b'postfix'}))
    layout = _platform.PLATFORMS.get(family, _platform.UNKNOWN)
    found = _system.program(layout, root)
    assert (found['other_mta'], found['sendmail']) == (owner, root + '/usr/libexec/sendmail/sendmail')


def test_read_file(tmp_path):
    path = tmp_path / 'f'
    path.write_bytes(b'x' * 100)
    path.chmod(0o640)
    found = _system.read_file(str(path), 40)
    assert (found['data'], found['truncated'], found['mode'], found['size'], found['kind'], found['error']) == (b'x' * 40, True, '0640', 100, 'file', None)
    assert _system.read_file(str(path))['truncated'] is False
    missing = _system.read_file(str(tmp_path / 'none'))
    assert (missing['exists'], missing['data'], missing['error']) == (False, None, None)
    os.mkfifo(str(tmp_path / 'fifo'))
    start = time.time()
    fifo = _system.read_file(str(tmp_path / 'fifo'))
    assert (fifo['kind'], fifo['data'], fifo['error']) == ('fifo', None, 'not a regular file')
    assert _system.read_file(str(tmp_path))['error'] == 'not a regular file'
    assert time.time() - start < 20
    (tmp_path / 'link').symlink_to('none')
    assert _system.file_state(str(tmp_path / 'link'), follow=False)['kind'] == 'link'
    assert _system.file_state(str(path) + '/below')['exists'] is False


def test_os_release_and_platform(tmp_path):
    root = lay(tmp_path, {'/etc/os-release': 'ID="rocky"\nID_LIKE="rhel centos fedora"\nPRETTY_NAME=\'Rocky\'\n'})
    assert _system.os_release(root)['ID_LIKE'] == 'rhel centos fedora'
    if sys.platform.startswith('linux'):
        assert _system.platform(root).family == 'redhat'


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='On FreeBSD it is always its own')
def test_the_sendmail_that_is_installed_decides(tmp_path):
    debian = {'/etc/os-release': 'ID=debian\n'}
    root = lay(tmp_path / 'by hand', dict(debian, **{'/usr/sbin/sendmail': 'x\0readqf: cannot open\0'}))
    assert _system.platform(root).family == 'upstream'
    root = lay(tmp_path / 'exim', dict(debian, **{'/usr/sbin/sendmail': 'exim'}))
    assert _system.platform(root).family == 'debian'
    gentoo = {'/etc/os-release': 'ID=gentoo\n', '/usr/sbin/sendmail': 'readqf: '}
    assert _system.platform(lay(tmp_path / 'emerged', dict(gentoo, **{'/var/db/pkg/mail-mta/sendmail-8.18.2/CONTENTS': ''}))).family == 'gentoo'
    assert _system.platform(lay(tmp_path / 'compiled', dict(gentoo, **{'/var/db/pkg/sys-apps/baselayout-2.17/CONTENTS': ''}))).family == 'upstream'
    assert _system.platform(lay(tmp_path / 'stripped', gentoo)).family == 'unknown', 'nobody knows what Portage brought'


def test_status_and_output_of_a_command_and_as_whom_it_is_started():
    assert _system.run(['sh', '-c', 'cat; echo x; exit 3']) == (3, 'x\n')
    assert _system.run(['/nonexistent']) == (None, '')
    assert _system.run(['sh', '-c', 'id -u; id -G'], uid=65534) == ((0, '65534\n65534\n') if os.geteuid() == 0 else (None, ''))


def test_command_that_hangs_or_is_missing():
    start = time.time()
    assert _system.command(['sleep', '60'], seconds=0.3) == ''
    assert _system.command(['/nonexistent']) == ''
    assert time.time() - start < 30


@linux
def test_locks(tmp_path):
    paths = [tmp_path / name for name in ('flocked', 'fcntled', 'shared')]
    for path in paths:
        path.write_text('x')
    with open(str(paths[0]), 'r+') as one, open(str(paths[1]), 'r+') as two, open(str(paths[2]), 'r+') as three:
        fcntl.flock(one, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.lockf(two, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(three, fcntl.LOCK_SH | fcntl.LOCK_NB)
        found = {key[2]: lock for key, lock in _system.locks().items()}
        assert found[paths[0].stat().st_ino] == {'kind': 'FLOCK', 'pid': os.getpid()}
        assert found[paths[1].stat().st_ino] == {'kind': 'POSIX', 'pid': os.getpid()}
        assert found.get(paths[2].stat().st_ino, {}).get('pid') != os.getpid()


def test_a_call_that_hangs_is_given_up():
    start = time.time()
    with pytest.raises(TimeoutError):
        _system.bounded(0.2, time.sleep, 60)
    assert time.time() - start < 15
    with pytest.raises(ZeroDivisionError):
        _system.bounded(1, lambda: 1 // 0)


def test_accounts_load_and_processors():
    found = _system.accounts(['root', 'no-such-user-here'])
    assert (found['root']['uid'], found['root']['gid']) == (0, 0)
    assert set(found['no-such-user-here'].values()) == {None}
    assert _system.cpus() >= 1
    assert len(_system.load_average()) == 3


def test_unit_states(monkeypatch):
    text = ('Id=a.service\nLoadState=loaded\nActiveState=active\nSubState=exited\nUnitFileState=enabled\nFragmentPath=/x\n\n'
            'Id=b.timer\nLoadState=not-found\nActiveState=inactive\nConditionResult=no\nConditionTimestampMonotonic=0\n')
    monkeypatch.setattr(_system, 'command', lambda argv, seconds=10: text)
    found = _system.unit_states(['a.service', 'b.timer'])
    assert found['a.service'] == {'load': 'loaded', 'active': 'active', 'sub': 'exited', 'enabled': 'enabled', 'path': '/x', 'status': None, 'code': None,
                                  'skipped': False}
    assert (found['b.timer']['load'], found['b.timer']['skipped']) == ('not-found', False)          # nobody has asked yet
    monkeypatch.setattr(_system, 'command', lambda argv, seconds=10: text.replace('Monotonic=0', 'Monotonic=77'))
    assert _system.unit_states(['a.service', 'b.timer'])['b.timer']['skipped']
    monkeypatch.setattr(_system, 'command', lambda argv, seconds=10: '')
    assert _system.unit_states(['a.service'])['a.service']['active'] is None


@pytest.mark.parametrize('files, links, expected', [
    ({'/usr/lib/systemd/system/sendmail.service': '[Unit]'}, {'/etc/systemd/system/multi-user.target.wants/sendmail.service': '/x'},
     {'unit': '/usr/lib/systemd/system/sendmail.service', 'init_script': None, 'enabled': True, 'masked': False}),
    ({'/usr/lib/systemd/system/sendmail.service': '[Unit]'}, {},
     {'unit': '/usr/lib/systemd/system/sendmail.service', 'init_script': None, 'enabled': False, 'masked': False}),
    ({'/run/systemd/system/x': ''}, {'/etc/systemd/system/sendmail.service': '/dev/null', '/etc/systemd/system/multi-user.target.wants/sendmail.service': '/x'},
     {'unit': None, 'init_script': None, 'enabled': None, 'masked': True}),
    # What a mask hides is there all the same; an empty file is a mask too (systemd.unit(5)).
    ({'/run/systemd/system/x': '', '/usr/lib/systemd/system/sendmail.service': '[Unit]'}, {'/etc/systemd/system/sendmail.service': '/dev/null'},
     {'unit': '/usr/lib/systemd/system/sendmail.service', 'init_script': None, 'enabled': False, 'masked': True}),
    ({'/run/systemd/system/x': '', '/usr/lib/systemd/system/sendmail.service': '[Unit]', '/etc/systemd/system/sendmail.service': ''}, {},
     {'unit': '/usr/lib/systemd/system/sendmail.service', 'init_script': None, 'enabled': False, 'masked': True}),
    # Without systemd, as in a container, a mask keeps nobody from starting anything.
    ({'/etc/init.d/sendmail': '#!/bin/sh'}, {'/etc/systemd/system/sendmail.service': '/dev/null', '/etc/rc2.d/S03sendmail': '../init.d/sendmail'},
     {'unit': None, 'init_script': '/etc/init.d/sendmail', 'enabled': True, 'masked': False}),
    # OpenRC: rc-update(8).
    ({'/etc/init.d/sendmail': '#!/sbin/openrc-run'}, {'/etc/runlevels/default/sendmail': '/etc/init.d/sendmail'},
     {'unit': None, 'init_script': '/etc/init.d/sendmail', 'enabled': True, 'masked': False}),
    # FreeBSD: rc.sendmail(8).
    ({'/etc/rc.subr': '', '/etc/rc.d/sendmail': '#!/bin/sh'}, {},
     {'unit': None, 'init_script': '/etc/rc.d/sendmail', 'enabled': True, 'masked': False}),
    ({'/etc/rc.subr': '', '/etc/rc.d/sendmail': '#!/bin/sh', '/etc/rc.conf': 'sendmail_enable="NONE"\n'}, {},
     {'unit': None, 'init_script': '/etc/rc.d/sendmail', 'enabled': False, 'masked': True}),
    ({'/etc/rc.subr': '', '/etc/rc.d/sendmail': '#!/bin/sh', '/etc/rc.conf': 'sendmail_submit_enable="NO"\n'}, {},
     {'unit': None, 'init_script': '/etc/rc.d/sendmail', 'enabled': False, 'masked': False}),
    # rc.subr(8): the files of a script come after rc.conf, those of the ports last.
    ({'/etc/rc.subr': '', '/etc/rc.d/sendmail': '#!/bin/sh', '/etc/rc.conf': 'sendmail_enable="YES"\n',
      '/etc/rc.conf.d/sendmail': 'sendmail_enable=NONE\n'}, {},
     {'unit': None, 'init_script': '/etc/rc.d/sendmail', 'enabled': False, 'masked': True}),
    ({'/etc/rc.subr': '', '/etc/rc.d/sendmail': '#!/bin/sh', '/etc/rc.conf': 'sendmail_enable="NONE"\n',
      '/usr/local/etc/rc.conf.d/sendmail/mta': 'sendmail_enable=YES\n'}, {},
     {'unit': None, 'init_script': '/etc/rc.d/sendmail', 'enabled': True, 'masked': False}),
    # NetBSD says sendmail=YES, which no table here knows: rc.conf(5).
    ({'/etc/rc.subr': '', '/etc/rc.d/sendmail': '#!/bin/sh', '/etc/rc.conf': 'sendmail=NO\n', '/etc/release': 'NetBSD 10.1/amd64\n'}, {},
     {'unit': None, 'init_script': None, 'enabled': None, 'masked': False}),
    ({'/etc/rc.subr': '', '/etc/rc.d/sendmail': '#!/bin/sh', '/etc/rc.conf': 'sendmail_enable="YES"\n',
      '/etc/rc.conf.local': 'sendmail_submit_enable=NO\n'}, {},
     {'unit': None, 'init_script': '/etc/rc.d/sendmail', 'enabled': True, 'masked': False}),
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
    assert _system.service('sendmail', root) == expected


def test_held(monkeypatch):
    monkeypatch.setattr(_system, 'locks', lambda: {(8, 1, 77): {'kind': 'FLOCK', 'pid': 1}})
    assert _system.held() == {(os.makedev(8, 1), 77)}
    monkeypatch.setattr(_system, 'locks', lambda: None)
    assert _system.held() is None


@pytest.mark.skipif(os.geteuid() != 0, reason='the file has to belong to root')
@pytest.mark.parametrize('text, mode, told', [
    # As 8.17.1.9 writes it.
    ('207\nsendmail -L sm-mta -bd -q1h\n', 0o600, 'sendmail -L sm-mta -bd -q1h'),
    ('207\n/usr/sbin/sendmail -bd -q15m\n', 0o644, '/usr/sbin/sendmail -bd -q15m'),
    ('207\nsendmail -L sm-mta -bd -q1h\n', 0o620, None),
    ('207\nsendmail -bd; reboot\n', 0o600, None), ('207\nsendmail -bd\x0breboot\n', 0o600, None), ('207\nrm -bd\n', 0o600, None),
    ('207\nsendmail -Ac -q30m\n', 0o600, None), ('207\n', 0o600, None), ('', 0o600, None),
])
def test_how_a_daemon_was_started(tmp_path, text, mode, told):
    tmp_path.chmod(0o755)
    path = tmp_path / 'sendmail.pid'
    path.write_text(text)
    path.chmod(mode)
    assert _system.started_as(str(path)) == told
    os.chown(str(path), 65534, 65534)
    assert _system.started_as(str(path)) is None
    (tmp_path / 'link').symlink_to(path)
    assert _system.started_as(str(tmp_path / 'link')) is None and _system.started_as(str(tmp_path / 'none')) is None
