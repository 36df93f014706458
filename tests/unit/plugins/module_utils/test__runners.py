# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Queue runners and cron of hosts laid out in a directory."""
import os
import pwd
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from ansible_collections.mailops.sendmail.plugins.module_utils import _platform, _runners, _text
from ansible_collections.mailops.sendmail.tests.unit.laid_out import lay


@pytest.mark.parametrize('files, expected', [
    ({}, {'name': 'cron', 'unit': None, 'init_script': None}),
    ({'/usr/lib/systemd/system/cron.service': '[Unit]'}, {'name': 'cron', 'unit': '/usr/lib/systemd/system/cron.service'}),
    ({'/usr/lib/systemd/system/crond.service': '[Unit]'}, {'name': 'crond', 'unit': '/usr/lib/systemd/system/crond.service'}),
    ({'/etc/init.d/cron': '#!/bin/sh'}, {'name': 'cron', 'init_script': '/etc/init.d/cron'}),
    ({'/etc/rc.d/cron': '#!/bin/sh'}, {'name': 'cron', 'init_script': '/etc/rc.d/cron'}),
])
@pytest.mark.parametrize('alive', [True, False])
def test_cron(tmp_path, files, alive, expected):
    found = _runners.cron(alive, lay(tmp_path, files))
    assert {name: found[name] for name in expected} == expected
    assert found['running'] is alive


SYSTEMD_CRON = {'/run/systemd/system/x': '', '/usr/lib/systemd/system-generators/systemd-crontab-generator': ''}


def test_systemd_cron_has_no_daemon_and_runs_the_lines(tmp_path):
    root = lay(tmp_path, dict(SYSTEMD_CRON, **{'/etc/cron.d/local': '5 * * * * smmsp /usr/sbin/sendmail -Ac -q\n'}))
    found = _runners.cron(False, root)
    assert (found['name'], found['running'], bool(found['unit'])) == ('systemd-cron', True, True)
    assert [runner['active'] for runner in _runners.queue_runners(_platform.DEBIAN, [], root)] == [True]


@pytest.mark.parametrize('without', list(SYSTEMD_CRON))
def test_without_systemd_or_the_generator_there_is_no_systemd_cron(tmp_path, without):
    root = lay(tmp_path, {path: '' for path in SYSTEMD_CRON if path != without})
    assert not _runners.systemd_cron(root)
    assert _runners.cron(False, root)['running'] is False


def test_sendmail_conf(tmp_path):
    root = lay(tmp_path, {})
    assert _runners.sendmail_conf(_platform.REDHAT, root) is None
    assert (_runners.sendmail_conf(_platform.DEBIAN, root)['msp_mode'], _runners.sendmail_conf(_platform.DEBIAN, root)['exists']) == ('daemon', False)
    lay(tmp_path, {'/etc/mail/sendmail.conf': 'MSP_MODE="Cron";\nMSP_INTERVAL="30m";\n'})
    found = _runners.sendmail_conf(_platform.DEBIAN, root)
    assert (found['msp_mode'], found['msp_interval'], found['hands_off'], found['exists']) == ('cron', 1800, False, True)


CRON = {'role': 'cron', 'queue': None, 'pid': 40, 'ppid': 1, 'unit': 'cron.service', 'user': 'root', 'interval': None, 'title': '/usr/sbin/cron -f'}
SLEEPER = {'role': 'queue_runner', 'queue': 'msp', 'pid': 313, 'ppid': 1, 'unit': 'sendmail.service', 'user': 'smmsp', 'interval': 1800,
           'title': 'sendmail: MSP: Queue runner@00:30:00 for /var/spool/mqueue-client'}
CONF = 'DAEMON_MODE="Daemon";\nQUEUE_MODE="%s";\nMSP_MODE="%s";\nMSP_INTERVAL="30m";\n'
LINE = '%s\t\tsmmsp\ttest -x /etc/init.d/sendmail && /usr/share/sendmail/sendmail cron-msp\n'
MTA_LINE = '*/10 * * * *\t\troot\ttest -x /etc/init.d/sendmail && /usr/share/sendmail/sendmail cron-mta\n'


FLUSH = '#!/bin/sh\n# sendmail -Ac -q is what it does\n/usr/sbin/sendmail -Ac -qf >/dev/null\n'


def runners(tmp_path, files, found=(CRON,), layout=_platform.DEBIAN, **more):
    programs = [path for path in ('/etc/init.d/sendmail', '/bin/true') if any(re.search(r'-[xef] %s' % path, str(text)) for text in files.values())]
    there = programs + ['/usr/share/sendmail/sendmail', '/usr/lib/sendmail', '/usr/sbin/runq', '/bin/sh'] + [
        '/usr/bin/' + name for name in ('flock', 'nice', 'runuser', 'su', 'sudo')]
    root = lay(tmp_path, dict(dict.fromkeys(there, ''), **files))
    for path in programs + [path for path in files if path.startswith('/usr/local/sbin/')]:
        os.chmod(root + path, 0o755)
    return _runners.queue_runners(layout, list(found), root, **more)


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
    ('/var/spool/cron/crontabs/smmsp', '*/10 * * * * /usr/lib/sendmail -Ac -q\n', ('cron', 600, False, 'smmsp', True)),
])
def test_other_crontabs(tmp_path, path, text, expected):
    found = runners(tmp_path, {path: text})
    assert [(runner['source'], runner['interval'], runner['uneven'], runner['user'], runner['active']) for runner in found] == [expected]
    assert found[0]['path'] == path


@pytest.mark.parametrize('family, directory, read', [
    ('debian', '/var/spool/cron/crontabs', True), ('debian', '/var/spool/cron', False), ('debian', '/var/spool/cron/tabs', False),
    ('redhat', '/var/spool/cron', True), ('redhat', '/var/spool/cron/crontabs', False), ('suse', '/var/spool/cron/tabs', True),
    ('suse', '/var/spool/cron', False), ('freebsd', '/var/cron/tabs', True), ('freebsd', '/var/spool/cron', False),
    ('gentoo', '/var/spool/cron/crontabs', True), ('arch', '/var/spool/cron', True), ('upstream', '/var/spool/cron/tabs', True)])
def test_where_a_cron_keeps_the_crontabs_of_users(tmp_path, family, directory, read):
    """SPOOL_DIR of the packages (rules of Debian's cron, cronie.spec of Red Hat and of openSUSE), TABDIR of FreeBSD's cron."""
    root = lay(tmp_path, {directory + '/root': '*/30 * * * * /usr/sbin/sendmail -Ac -q\n'})
    if os.path.dirname(directory) == '/var/cron':
        os.chmod(root + directory + '/root', 0o600)
    found = [one for one in _runners.queue_runners(_platform.PLATFORMS[family], [CRON], root) if one['source'] == 'cron']
    assert [(one['path'], one['active'], bool(one['detail'])) for one in found] == [(directory + '/root', read, not read)]


@pytest.mark.parametrize('family, path, active', [('freebsd', '/usr/local/etc/cron.d/mail', True), ('freebsd', '/etc/cron.d/mail', True)])
def test_ports_of_freebsd_bring_crontabs_of_their_own(tmp_path, family, path, active):
    """SYSCRONTABS and LOCALSYSCRONTABS in usr.sbin/cron/cron/pathnames.h."""
    root = lay(tmp_path, {path: '*/30 * * * * root /usr/sbin/sendmail -Ac -q\n'})
    assert [one['active'] for one in _runners.queue_runners(_platform.PLATFORMS[family], [CRON], root) if one['path'] == path] == [active]
    assert not [one for one in _runners.queue_runners(_platform.DEBIAN, [CRON], root) if one['path'] == '/usr/local/etc/cron.d/mail']


CRONTAB, IN_CRON_D = '/var/spool/cron/crontabs/root', '/etc/cron.d/local'


@pytest.mark.parametrize('family, path, mode, why', [
    ('debian', CRONTAB, 0o600, None), ('debian', CRONTAB, 0o644, 'its mode is 0644, and has to be 0600'), ('debian', CRONTAB, 0o400, '0600'),
    ('debian', IN_CRON_D, 0o755, None), ('debian', IN_CRON_D, 0o664, 'writable by others'),
    ('gentoo', CRONTAB, 0o600, None), ('gentoo', CRONTAB, 0o644, None), ('gentoo', CRONTAB, 0o400, None), ('gentoo', CRONTAB, 0o700, '0700'),
    ('redhat', IN_CRON_D, 0o644, None), ('redhat', IN_CRON_D, 0o600, None), ('redhat', IN_CRON_D, 0o755, 'its mode is 0755, and has to be 0644'),
    ('upstream', IN_CRON_D, 0o755, '0755'), ('freebsd', IN_CRON_D, 0o755, None)])
def test_the_mode_of_a_crontab(tmp_path, family, path, mode, why):
    """What Debian's cron says of it in the log is "INSECURE MODE (mode 0600 expected)", seen of 3.0pl1-162.

    And cronie refuses (mode & 07533) != 0400, seen of 1.7.2: check_open() in database.c.
    """
    root = lay(tmp_path, {path: '*/30 * * * * %s/usr/sbin/sendmail -Ac -q\n' % ('root ' if path == IN_CRON_D else '')})
    os.chmod(root + path, mode)
    (found,) = [one for one in _runners.queue_runners(_platform.PLATFORMS[family], [CRON], root) if one['path'] == path]
    assert (found['active'], why is None or why in found['detail']) == (why is None, True)


def test_a_crontab_with_two_names(tmp_path):
    """Debian's cron: "NUMBER OF HARD LINKS > 1"; cronie: "BAD LINK COUNT", for those of users alone."""
    root = lay(tmp_path, {CRONTAB: '*/30 * * * * /usr/sbin/sendmail -Ac -q\n', IN_CRON_D: '*/30 * * * * root /usr/sbin/sendmail -Ac -q\n'})
    for path in (CRONTAB, IN_CRON_D):
        os.link(root + path, root + '/etc/' + os.path.basename(path))
    assert [one['active'] for one in _runners.queue_runners(_platform.GENTOO, [CRON], root)] == [True, False]


@pytest.mark.parametrize('cron, active', [
    ('cron', [True, True, True]), ('busybox', [False, False, True]), ('fcron', [False, False, False])])
def test_a_cron_that_reads_no_crontab_of_the_system(tmp_path, cron, active):
    """busybox's miscutils/crond.c knows /var/spool/cron/crontabs alone, fcron what fcrontab(1) has compiled."""
    line = '*/30 * * * * %s/usr/sbin/sendmail -Ac -q\n'
    files = {'/etc/crontab': line % 'root ', IN_CRON_D: line % 'root ', CRONTAB: line % ''}
    found = runners(tmp_path, files, [dict(CRON, name=cron)])
    assert [one['active'] for one in found] == active
    assert all(one['active'] or one['detail'] == '%s is the cron that runs here, and does not read it' % cron for one in found)
    assert all(one['active'] for one in runners(tmp_path, files, [dict(CRON, name=cron), dict(CRON, name='crond')]))


@pytest.mark.parametrize('text, files, why', [
    ('*/30 * * * * root sendmail -Ac -q\n', {}, 'cron does not find "sendmail" in its PATH, /usr/bin:/bin: write the whole path'),
    ('*/30 * * * * root cd / && nice /usr/sbin/sendmail -Ac -q\n', {}, None),
    ('*/30 * * * * root sendmail -Ac -q\n', {'/usr/bin/sendmail': ''}, None),
    ('PATH=/bin:/usr/sbin\n*/30 * * * * root sendmail -Ac -q\n', {'/usr/sbin/sendmail': ''}, None),
    ('PATH="/usr/local/bin"\n*/30 * * * * root if true; then sendmail -Ac -q; fi\n', {'/usr/sbin/sendmail': ''}, 'its PATH, /usr/local/bin'),
    ('*/30 * * * * root sendmail -Ac -q\nPATH=/usr/sbin\n', {'/usr/sbin/sendmail': ''}, '/usr/bin:/bin'),
    ('*/30 * * * * root PATH=/usr/sbin sendmail -Ac -q\n', {}, None),
    ('*/30 * * * * root sudo -u smmsp sendmail -Ac -q\n', {}, None),
    ('*/30 * * * * root su smmsp -s /bin/sh -c "sendmail -Ac -q"\n', {}, None),
    ('*/30 * * * * root sendmail -Ac -q\n', {'/var/lib/dpkg/info/cronie.list': '', '/usr/sbin/sendmail': ''}, None),
    ('*/30 * * * * root chronic /usr/sbin/sendmail -Ac -q\n', {}, 'cron does not find "chronic" in its PATH'),
    ('*/30 * * * * root /usr/bin/chronic /usr/sbin/sendmail -Ac -q\n', {}, 'there is no /usr/bin/chronic'),
    ('*/30 * * * * root /usr/bin/chronic /usr/sbin/sendmail -Ac -q\n', {'/usr/bin/chronic': ''}, None),
    ('*/30 * * * * root chronic date; /usr/sbin/sendmail -Ac -q\n', {}, None)])
def test_a_program_that_cron_does_not_find(tmp_path, text, files, why):
    """Debian's cron gives /usr/bin:/bin (seen of 3.0pl1-162), unless a PATH stands above the line; cronie has sbin as well (_PATH_STDPATH, seen of 1.7.2)."""
    (found,) = runners(tmp_path, dict(files, **{IN_CRON_D: text}))
    assert (found['active'], why is None or why in found['detail']) == (why is None, True)
    (found,) = runners(tmp_path, {}, layout=_platform.REDHAT)
    assert found['active'] or 'there is no' in found['detail']


@pytest.mark.parametrize('other, family, active', [
    ('some words', 'debian', False), ('some words', 'redhat', True), ('5 * * * * root', 'debian', False), ('\r', 'debian', False),
    ('0/30 * * * * root true', 'debian', False), ('0 0 30 2 * root true', 'debian', True), ('0/30 * * * * root true', 'redhat', True)])
def test_one_line_that_debians_cron_refuses(tmp_path, other, family, active):
    """Debian's cron reads nothing of the file then (user.c, Abort-processing-of-crontabs-with-errors.patch); others leave out the line."""
    root = lay(tmp_path, {'/etc/cron.d/local': '5 * * * * smmsp /usr/sbin/sendmail -Ac -q\n%s\n' % other})
    (found,) = _runners.queue_runners(_platform.PLATFORMS[family], [CRON], root)
    assert (found['active'], found['detail']) == (active, None if active else (
        'cron reads nothing of the file, because it refuses line 2'))
    if family == 'debian':     # load_user() of cronie keeps what load_entry() takes
        lay(tmp_path, {'/var/lib/dpkg/info/cronie.list': ''})
        (found,) = _runners.queue_runners(_platform.PLATFORMS[family], [CRON], root)
        assert found['active']


@pytest.mark.parametrize('option, detail', [
    ('', None), ('-OQueueDirectory=/q', None), ('-O QueueDirectory=/q/', None), ('-OQueueDirectory=/q*', None), ('-OQueueDirectory=$Q', None),
    ('-OQueueDirectory=/other', 'it works on /other, which is not the client queue'),
    ('-qRjoe', 'a filter (-qI, -qR, -qS, -qG, -q!) leaves messages out')])
def test_what_a_line_leaves_out(tmp_path, option, detail):
    root = lay(tmp_path, {'/etc/cron.d/local': '5 * * * * smmsp sendmail -Ac -q %s\n' % option})
    (found,) = _runners.queue_runners(_platform.UPSTREAM, [CRON], root, ['smmsp'], ['/q'])
    assert (found['detail'], found['active'], found['partial']) == (detail, 'other' not in option, 'R' in option)


@pytest.mark.parametrize('files, active', [
    ({'/etc/cron.d/local': '5 * * * * joe /usr/sbin/sendmail -Ac -q\n'}, [False]),
    ({'/var/spool/cron/crontabs/joe': '5 * * * * /usr/sbin/sendmail -Ac -q\n'}, [False]),
    ({'/var/spool/cron/crontabs/joe': '5 * * * * /usr/share/sendmail/sendmail cron-msp\n', CONF_FILE: CONF % ('Daemon', 'Cron')}, [False]),
    ({'/var/spool/cron/crontabs/joe': '@hourly /usr/local/sbin/flush\n', '/usr/local/sbin/flush': FLUSH}, [False]),
    ({'/var/spool/cron/crontabs/mail': '5 * * * * /usr/sbin/sendmail -Ac -q\n'}, [True]),
    ({'/var/spool/cron/crontabs/root': '5 * * * * /usr/sbin/sendmail -Ac -q\n'}, [True]),
])
def test_only_lines_of_root_and_of_who_runs_the_queue_count(tmp_path, files, active):
    """restrictqrun refuses everybody else: "You do not have permission to process the queue"."""
    found = [runner for runner in _runners.queue_runners(_platform.DEBIAN, [CRON], lay(tmp_path, files), ['smmsp', 'mail']) if runner['line']]
    assert [runner['active'] for runner in found] == active
    assert active[0] or 'is started by joe' in found[0]['detail']


@pytest.mark.parametrize('user, told', [('www-data', 'is started by www-data'), ('smmsp', 'not active'), ('root', 'not active'), ('', 'not active')])
def test_a_timer_runs_the_queue_as_the_user_of_its_service(tmp_path, user, told):
    files = {'/etc/systemd/system/flush.timer': '[Timer]\nOnCalendar=*:0/30\n',
             '/etc/systemd/system/flush.service': '[Service]\nUser=%s\nExecStart=/usr/sbin/sendmail -Ac -q\n' % user}
    (found,) = [runner for runner in runners(tmp_path, files) if runner['source'] == 'systemd_timer']
    assert told in found['detail']


RUN = '*/20 * * * * smmsp /usr/sbin/sendmail -Ac -q'
SHADOW = 'root:*:1:0:99999:7:::\nsmmsp:*:20000:0:99999:7::%d:\n'


@pytest.mark.parametrize('files, why', [
    ({'/etc/cron.d/local': RUN + '\n'}, None),
    ({'/etc/cron.d/local': RUN}, 'does not end'),
    ({'/etc/cron.d/local': RUN + '\n# end'}, 'does not end'),
    ({'/etc/cron.d/local': 'SHELL=/bin/nosuch\n' + RUN + '\n'}, 'SHELL is /bin/nosuch'),
    ({'/etc/cron.d/local': 'SHELL="/bin/sh"\n' + RUN + '\n', '/bin/sh': ''}, None),
    ({'/etc/cron.d/local': RUN + '\nSHELL=/bin/nosuch\n'}, None),
    ({'/etc/cron.d/local': '0 0 30 2 * smmsp /usr/sbin/sendmail -Ac -q\n'}, '0 0 30 2 *'),
    ({'/etc/cron.d/local': '@reboot smmsp /usr/sbin/sendmail -Ac -q\n'}, '@reboot'),
    ({'/etc/cron.d/local': RUN + '\n', '/etc/shadow': SHADOW % 1}, 'for smmsp: the account has expired'),
    ({'/etc/cron.d/local': RUN + '\n', '/etc/shadow': SHADOW % 99999}, None),
    ({'/etc/cron.d/local': RUN + '\n', '/etc/shadow': 'smmsp:!:0:0:99999:7:::\n'}, 'for smmsp: its password has expired'),   # chage -d 0
    ({'/etc/cron.d/local': RUN + '\n', '/etc/shadow': 'smmsp:!:18262:0:90:7:::\n'}, 'for smmsp: its password has expired'),   # chage -M 90
    ({'/etc/cron.d/local': RUN + '\n', '/etc/shadow': 'smmsp:!:99999:0:90:7:::\n'}, None),
    ({'/etc/cron.d/local': RUN + '\n', '/etc/shadow': 'smmsp:!!:18262::::::\n'}, None),
    ({'/etc/cron.d/local': RUN + '\n', '/etc/shadow': 'root:*:1::::::\n', '/etc/passwd': 'smmsp:x:25:25::/:\n'}, 'for smmsp: it is not in /etc/shadow'),
    ({'/etc/cron.d/local': RUN + '\n', '/etc/shadow': 'root:*:1::::::\n', '/etc/passwd': 'smmsp:*:25:25::/:\n'}, None),
    ({'/etc/cron.d/local': RUN + '\n', '/etc/shadow': 'root:*:1::::::\n', '/etc/passwd': 'root:x:0:0::/:\n'}, None),         # of a directory service
    ({'/etc/cron.d/local': RUN + '\r\n'}, 'ends with a carriage return'),
    ({'/etc/cron.d/local': RUN + '; exit 0\r\n'}, None),
    ({'/etc/cron.d/local': RUN + '%\r\n'}, None),
    ({'/etc/cron.d/local': 'SHELL=/bin/false\n' + RUN + '\n', '/bin/sh': '', '/bin/false': ''}, 'SHELL is /bin/false above it, which runs nothing'),
    ({'/etc/cron.d/local': 'SHELL=/bin/sh\n' + RUN + '\n', '/bin/sh': ''}, None),
])
def test_lines_that_cron_reads_and_never_runs(tmp_path, files, why):
    """Each was seen on a host: the minute came, and nothing ran."""
    root = lay(tmp_path, files)
    if '/bin/sh' in files:
        os.chmod(root + '/bin/sh', 0o755)
    (found,) = _runners.queue_runners(_platform.DEBIAN, [CRON], root)
    assert (found['active'], found['detail']) == (True, None) if why is None else (found['active'] is False and why in found['detail'])


@pytest.mark.parametrize('mode, lock, why', [
    (0o777, None, None), (0o755, None, 'cannot write into /run/sendmail/stampdir'), (None, None, 'cannot write into /run/sendmail/stampdir'),
    (0o777, 'ours\n', 'waits for process ours'), (0o777, '4194999\n', None), (0o777, '', None)])
def test_the_lock_of_debians_helper(tmp_path, mode, lock, why):
    """cron_msp() in it: without the lock nothing runs. /run is empty after a boot, and only a start of the service makes that directory."""
    line = '5 * * * * nobody /usr/share/sendmail/sendmail cron-msp\n'
    root = lay(tmp_path, {'/etc/cron.d/sendmail': line, CONF_FILE: CONF % ('Daemon', 'Cron'), '/usr/share/sendmail/sendmail': ''})
    lock, why = (text and text.replace('ours', str(os.getpid())) for text in (lock, why))     # a name of a test is the same in each process of pytest-xdist
    if mode:
        os.makedirs(root + '/run/sendmail/stampdir')
        os.chmod(root + '/run/sendmail/stampdir', mode)
    os.makedirs(root + '/run', exist_ok=True)
    lay(tmp_path, {'/usr/bin/lockfile-create': ''})
    os.chmod(root + '/usr/bin/lockfile-create', 0o755)
    if lock is not None:
        with open(root + '/run/sendmail/stampdir/cron_msp', 'w') as file:
            file.write(lock)
    (found,) = [runner for runner in _runners.queue_runners(_platform.DEBIAN, [CRON], root, ['nobody']) if runner['line']]
    assert (found['active'], found['detail']) == (True, None) if why is None else (found['active'] is False and why in found['detail'])


@pytest.mark.parametrize('user, place, mode, runs', [
    ('nobody', '/usr/bin', 0o755, True), ('nobody', '/bin', 0o701, True), ('nobody', '/usr/bin', 0o644, False), ('nobody', '/usr/bin', 0o750, False),
    ('nobody', None, 0, False), ('nobody', '/usr/local/bin', 0o755, False),
    ('root', '/usr/bin', 0o700, True), ('root', '/usr/bin', 0o644, False), ('root', None, 0, False)])
def test_the_program_that_locks_for_debians_helper(tmp_path, user, place, mode, runs):
    """Without it cron_msp() of the helper says nothing and runs nothing; PATH is /bin:/usr/bin:/sbin:/usr/sbin in it."""
    root = lay(tmp_path, {'/etc/cron.d/local': '5 * * * * %s /usr/share/sendmail/sendmail cron-msp\n' % user, CONF_FILE: CONF % ('Daemon', 'Cron'),
                          '/usr/share/sendmail/sendmail': '', '%s/lockfile-create' % (place or '/srv'): ''})
    os.chmod('%s%s/lockfile-create' % (root, place or '/srv'), mode)
    os.makedirs(root + '/run/sendmail/stampdir')
    os.chmod(root + '/run/sendmail/stampdir', 0o777)
    (found,) = [runner for runner in _runners.queue_runners(_platform.DEBIAN, [CRON], root, ['nobody']) if runner['line']]
    assert (found['active'], found['detail']) == (
        (True, None) if runs else (False, 'the helper does nothing: %s cannot run lockfile-create' % user))


def test_a_cron_that_is_stopped_runs_nothing(tmp_path):
    (found,) = _runners.queue_runners(_platform.DEBIAN, [dict(CRON, stopped=True)], lay(tmp_path, {'/etc/cron.d/local': RUN + '\n'}))
    assert (found['active'], found['detail']) == (False, 'no cron daemon is running')


@pytest.mark.parametrize('guard, why', [
    ('test -x /bin/true && ', None), ('[ -x /bin/true ] && ', None), ('[ -d /etc ] && test -e /bin/true && ', None), ('test -f /etc/init.d/sendmail && ', None),
    ('test -x /missing && ', 'test for /missing'), ('[ -x /missing ] && ', 'test for /missing'), ('[ -f /bin/true ] && test -d /missing && ', 'for /missing'),
    ('if [ -x /missing ]; then ', 'test for /missing'), ('test -x /etc/mail/plain && ', 'test for /etc/mail/plain'), ('test -r /etc/mail/plain && ', None),
    # Another way out, another question, or no test at all.
    ('test -x /missing && true || ', None), ('test -x /missing || ', None), ('test ! -e /missing && ', None), ('[ -x "$X" ] && ', None),
    ('if [ -x /missing ]; then true; else ', None), ('echo -x /missing && ', None), ('test -x /missing; ', None),
    ('test ! -e /bin/true && ', 'test for /bin/true'), ('[ ! -x /etc/mail/plain ] && ', None), ('[ ! -d /etc ] && ', 'test for /etc'),
    ('cd /missing && ', 'there is no directory /missing'), ('cd /etc && ', None), ('cd / && ', None), ('cd /missing; ', None),
    ('cd /etc/mail/plain && ', 'no directory /etc/mail/plain'),
    ('[[ -x /bin/true ]] && ', '/bin/sh is dash, and knows no "[["'), ('test -x /bin/true && source /etc/mail/plain && ', 'knows no "source"'),
    ('source /etc/mail/plain; ', None), ('[[ -x /bin/true ]] || ', None)])
def test_the_tests_in_front_of_a_line(tmp_path, guard, why):
    """What becomes of each was seen in a shell: "sh -c 'test -x /missing && echo run'" says nothing."""
    line = '*/20 * * * * smmsp %s/usr/sbin/sendmail -Ac -q%s\n' % (guard, '; fi' * guard.startswith('if'))
    root = lay(tmp_path, {'/bin/dash': ''})
    os.symlink('dash', root + '/bin/sh')
    (found,) = runners(tmp_path, {'/etc/cron.d/local': line, '/etc/mail/plain': 'x'})
    assert (found['active'], found['detail']) == (True, None) if why is None else (found['active'] is False and why in found['detail'])


PASSWD = 'root:x:0:0::/root:/bin/bash\nnobody:x:65534:65534::/:/usr/sbin/nologin\nmail:x:8:8::/:/bin/sh\n'


@pytest.mark.parametrize('line, why', [
    ('nobody /usr/sbin/sendmail -Ac -q >/var/log/runs 2>&1', 'the shell cannot write /var/log/runs, and does not go on'),
    ('nobody /usr/sbin/sendmail -Ac -q >>/var/log/own 2>&1', None), ('nobody /usr/sbin/sendmail -Ac -q >>/var/log/of-root', '/var/log/of-root'),
    ('nobody /usr/sbin/sendmail -Ac -q >/var/open/runs', None), ('nobody /usr/sbin/sendmail -Ac -q >/var/group/runs', None),
    ('nobody /usr/sbin/sendmail -Ac -q >/var/group', 'cannot write /var/group'), ('nobody /usr/sbin/sendmail -Ac -q >/dev/null 2>&1', None),
    ('root /usr/sbin/sendmail -Ac -q >/var/log/runs', None), ('root /usr/sbin/sendmail -Ac -q > /var/nosuch/runs', 'cannot write /var/nosuch/runs'),
    ('root /usr/sbin/sendmail -Ac -q >/var/log/of-root', None), ('root /usr/sbin/sendmail -Ac -q </dev/null >"/var/nosuch/runs"', '/var/nosuch/runs'),
    # A name that only the shell knows.
    ('nobody /usr/sbin/sendmail -Ac -q >/var/log/$(date +\\%F)', None), ('root /usr/sbin/sendmail -Ac -q >/var/log/`date +\\%F` 2>&1', None),
    # Of another command, or with another way out.
    ('nobody date >/var/log/runs; /usr/sbin/sendmail -Ac -q', None), ('nobody /usr/sbin/sendmail -Ac -q; date >/var/log/runs', None),
    ('nobody /usr/sbin/sendmail -Ac -q >/var/log/runs || /usr/sbin/sendmail -Ac -q', None)])
def test_a_line_whose_output_the_shell_cannot_write(tmp_path, line, why):
    """Seen with Debian's cron: "cannot create /var/log/runs: Permission denied", and no queue run."""
    root = lay(tmp_path, {'/var/log/own': '', '/var/log/of-root': '', '/var/open/x': '', '/var/group/x': ''})
    os.chown(root + '/var/log/own', pwd.getpwnam('nobody').pw_uid, 0)
    os.chmod(root + '/var/open', 0o777)
    os.chmod(root + '/var/group', 0o775)                      # whoever is in that group
    (found,) = runners(tmp_path, {IN_CRON_D: '*/20 * * * * %s\n' % line}, users=['nobody'])
    assert (found['active'], found['detail']) == (True, None) if why is None else (found['active'] is False and why in found['detail'])


@pytest.mark.parametrize('line, body, mode, why', [
    ('root /opt/bin/flush', FLUSH, 0o755, None), ('root /opt/bin/flush', FLUSH, 0o644, 'root cannot run /opt/bin/flush'),
    ('nobody /opt/bin/flush', FLUSH, 0o755, None), ('nobody /opt/bin/flush', FLUSH, 0o700, 'nobody cannot run /opt/bin/flush'),
    ('nobody /opt/bin/flush', FLUSH, 0o711, 'nobody cannot run /opt/bin/flush'), ('nobody /opt/bin/flush', FLUSH, 0o750, None),   # of some group
    ('nobody /opt/shut/flush', FLUSH, 0o755, 'nobody cannot run /opt/shut/flush'), ('root /opt/shut/flush', FLUSH, 0o755, None),
    ('root sh /opt/bin/flush', FLUSH, 0o644, None), ('root sh /opt/bin/flush', '#!/bin/nosuch' + FLUSH[9:], 0o644, None),
    ('root /opt/bin/flush', '#!/bin/nosuch -e' + FLUSH[9:], 0o755, 'there is no /bin/nosuch, which /opt/bin/flush names'),
    ('root /opt/bin/flush', FLUSH.replace('\n', '\r\n'), 0o755, 'the first line of /opt/bin/flush ends with a carriage return'),
    ('root /opt/bin/flush || sh /opt/bin/flush', FLUSH, 0o644, None)])
def test_a_script_that_cron_cannot_start(tmp_path, line, body, mode, why):
    root = lay(tmp_path, {path: body for path in ('/opt/bin/flush', '/opt/shut/flush')})
    lay(tmp_path, {'/bin/sh': ''})
    for path in ('/opt/bin/flush', '/opt/shut/flush'):
        os.chmod(root + path, mode)
    os.chmod(root + '/opt/shut', 0o700)
    (found,) = runners(tmp_path, {IN_CRON_D: '*/20 * * * * %s\n' % line}, users=['nobody'])
    assert (found['active'], found['detail']) == (True, None) if why is None else (found['active'] is False and why in found['detail'])


@pytest.mark.parametrize('command, why', [
    ('su nobody -c "/usr/sbin/sendmail -Ac -q"', 'the shell of nobody is /usr/sbin/nologin: su runs nothing for it (use "su -s /bin/sh")'),
    ("su - nobody -c '/usr/sbin/sendmail -Ac -q'", 'the shell of nobody'), ("runuser -l nobody -c '/usr/sbin/sendmail -Ac -q'", 'runuser runs nothing'),
    ('/usr/bin/su -c "/usr/sbin/sendmail -Ac -q" nobody', 'the shell of nobody'), ('su -s /bin/sh nobody -c "/usr/sbin/sendmail -Ac -q"', None),
    ('su nobody --shell=/bin/sh -c "/usr/sbin/sendmail -Ac -q"', None), ('runuser -u nobody -- /usr/sbin/sendmail -Ac -q', None),
    ('su mail -c "/usr/sbin/sendmail -Ac -q"', None), ('sudo -u nobody /usr/sbin/sendmail -Ac -q', None),
    ('su nobody -c true; /usr/sbin/sendmail -Ac -q', None)])
def test_a_line_that_needs_the_shell_of_an_account_without_one(tmp_path, command, why):
    """Seen of su and runuser of util-linux: "This account is currently not available." """
    (found,) = runners(tmp_path, {IN_CRON_D: '*/20 * * * * root %s\n' % command, '/etc/passwd': PASSWD}, users=['nobody', 'mail'])
    assert (found['active'], found['detail']) == (True, None) if why is None else (found['active'] is False and why in found['detail'])


PAM = {'/etc/pam.d/cron': '@include common-account\n', '/etc/pam.d/common-account': 'account required pam_unix.so\naccount\trequired\tpam_access.so\n',
       '/etc/group': 'root:x:0:\nnogroup:x:65534:\nadm:x:4:nobody\n', '/etc/passwd': PASSWD}


@pytest.mark.parametrize('files, denied', [
    ({'/etc/security/access.conf': '# nobody\n-:ALL EXCEPT root:ALL\n'}, True), ({'/etc/security/access.conf': '- : nobody : cron\n'}, True),
    ({'/etc/security/access.conf': '+:root (wheel):ALL\n-:ALL:ALL\n'}, True), ({'/etc/security/access.conf': '-:nobody:LOCAL\n'}, True),
    ({'/etc/security/access.conf': '-:(nogroup):ALL\n'}, True), ({'/etc/security/access.conf': '-:(adm):ALL\n'}, True),
    ({'/etc/security/access.conf': '+:root:ALL\n', '/etc/security/access.d/last.conf': '-:ALL:ALL\n'}, True),
    ({'/etc/security/access.conf': '-:ALL:ALL EXCEPT LOCAL\n'}, False), ({'/etc/security/access.conf': '-:ALL:192.0.2.0/24 tty1\n'}, False),
    ({'/etc/security/access.conf': '+:nobody:cron\n-:ALL:ALL\n'}, False), ({'/etc/security/access.conf': '+:ALL:cron crond\n-:ALL:ALL\n'}, False),
    ({'/etc/security/access.conf': '+:nobody:crond\n-:ALL:ALL\n'}, True),
    ({'/etc/security/access.conf': '+:nobody:crond\n-:ALL:ALL\n', '/etc/pam.d/cron': '', '/etc/pam.d/crond': 'account required pam_access.so\n'}, False),
    ({'/etc/security/access.conf': '-:ALL EXCEPT nobody:ALL\n'}, False), ({'/etc/security/access.conf': '-:root:ALL\n'}, False),
    ({'/etc/security/access.conf': '#-:ALL:ALL\n'}, False), ({}, False),
    # What only a directory service knows: it may let the user in.
    ({'/etc/security/access.conf': '+:@admins:ALL\n-:ALL:ALL\n'}, False),
    ({'/etc/security/access.conf': '-:ALL:ALL\n', '/etc/pam.d/common-account': 'account required pam_unix.so\n#account required pam_access.so\n'}, False),
    ({'/etc/security/access.conf': '-:ALL:ALL\n', '/etc/pam.d/common-account': 'account optional pam_access.so\n'}, False),
    ({'/etc/security/access.conf': '-:ALL:ALL\n', '/etc/pam.d/common-account': 'account required pam_access.so accessfile=/etc/other\n'}, False),
    ({'/etc/other': '-:ALL:ALL\n', '/etc/pam.d/common-account': 'account required pam_access.so accessfile=/etc/other\n'}, True)])
def test_who_may_log_in_is_whom_cron_runs_something_for(tmp_path, files, denied):
    """Seen with Debian's cron: "pam_access(cron:account): access denied for user `nobody' from `cron'", and no queue run."""
    (found,) = runners(tmp_path, dict(PAM, **dict({IN_CRON_D: '*/20 * * * * nobody /usr/sbin/sendmail -Ac -q\n'}, **files)), users=['nobody'])
    assert (found['active'], found['detail']) == ((False, 'cron runs nothing for nobody: pam_access refuses it (%s)' % (
        '/etc/other' if '/etc/other' in files else '/etc/security/access.conf')) if denied else (True, None))


@pytest.mark.parametrize('command, title, age, why', [
    ('flock -n /lock /usr/sbin/sendmail -Ac -q', b'/usr/bin/backup\0--all', 4000, True),
    ('flock -w 5 -E 0 /lock -c "sendmail -Ac -q"', b'sleep\0inf', 4000, True),
    ('/usr/bin/flock --nonblock /lock sendmail -Ac -q', b'sleep\0inf', 4000, True),
    ('flock -n /lock /usr/sbin/sendmail -Ac -q', b'sleep\0inf', 1100, False),                  # one round was passed over
    ('flock -n /lock /usr/sbin/sendmail -Ac -q', b'flock\0-n\0/lock\0/usr/sbin/sendmail\0-Ac\0-q', 4000, False),
    ('flock -n /lock /usr/sbin/sendmail -Ac -q', b'', 4000, False), ('flock -n /free /usr/sbin/sendmail -Ac -q', b'sleep\0inf', 4000, False),
    ('flock -n /none /usr/sbin/sendmail -Ac -q', b'sleep\0inf', 4000, False), ('/usr/sbin/sendmail -Ac -q', b'sleep\0inf', 4000, False),
    ('flock -n /lock true; /usr/sbin/sendmail -Ac -q', b'sleep\0inf', 4000, False)])
def test_a_lock_that_something_else_holds(monkeypatch, tmp_path, command, title, age, why):
    root = lay(tmp_path, dict.fromkeys(('/lock', '/free', '/usr/bin/flock'), ''))
    about = os.stat(root + '/lock')
    monkeypatch.setattr(_runners._system, 'locks', lambda: {
        (os.major(about.st_dev), os.minor(about.st_dev), about.st_ino): {'kind': 'FLOCK', 'pid': 4711}})
    started = b'4711 (a (b) c) S ' + b'0 ' * 18 + b'%d 0' % (1000 * os.sysconf('SC_CLK_TCK'))
    slurp, proc = _runners._system.slurp, {'/proc/4711/cmdline': title, '/proc/4711/stat': started, '/proc/uptime': b'%d.00 1.00\n' % (1000 + age)}
    monkeypatch.setattr(_runners._system, 'slurp', lambda path, limit=65536: proc[path] if path in proc else slurp(path, limit))
    (found,) = _runners.queue_runners(_platform.UPSTREAM, [CRON], lay(tmp_path, {IN_CRON_D: '*/20 * * * * root %s\n' % command}))
    assert (found['active'], found['detail']) == ((False, 'process 4711 (%s) has held /lock for %d seconds' % (
        title.replace(b'\0', b' ').decode(), age)) if why else (True, None))


PID_FILE = '/run/msp.pid'


@pytest.mark.parametrize('command, partial', [
    ('sendmail -Ac -q30m', False), ('/usr/sbin/sendmail -L sm-msp-queue -Ac -q30m', False), ('sendmail -Ac -qf -q30m', False),
    ('sendmail -Ac -qRfoo -q30m', True), ('sendmail -Ac -q30m -qSfoo', True), ('sendmail -Ac -q!Ifoo -q30m', True), ('sendmail -Ac -qQ -q30m', True),
    ('', False), ('sendmail -Ac -bs', False)])
def test_a_runner_that_takes_only_some_mail(tmp_path, command, partial):
    """Its title is that of any other (8.15.2 and 8.18.1); its pid file has the command (log_sendmail_pid() in util.c)."""
    (found,) = runners(tmp_path, {PID_FILE: '313\n%s\n' % command}, [SLEEPER], pid_file=PID_FILE)
    assert (found['active'], found['partial'], 'leaves messages out' in found['detail']) == (True, partial, partial)


@pytest.mark.parametrize('text', ['314\nsendmail -Ac -qRfoo -q30m\n', '313\n', 'x', ''])
def test_a_pid_file_that_is_not_of_this_process_says_nothing(tmp_path, text):
    (found,) = runners(tmp_path, {PID_FILE: text}, [SLEEPER], pid_file=PID_FILE)
    assert found['partial'] is False


def test_a_pid_file_that_is_a_link_is_not_read(tmp_path):
    """It lies in the client queue, and whoever owns that could have made it."""
    root = lay(tmp_path, {'/srv/elsewhere': '313\nsendmail -Ac -qRfoo -q30m\n'})
    os.makedirs(os.path.dirname(root + PID_FILE), exist_ok=True)
    os.symlink(root + '/srv/elsewhere', root + PID_FILE)
    (found,) = runners(tmp_path, {}, [SLEEPER], pid_file=PID_FILE)
    assert (found['partial'], 'qRfoo' in found['detail']) == (False, False)


def test_elsewhere_than_on_debian_only_a_line_without_an_end_is_ignored(tmp_path):
    root = lay(tmp_path, {'/etc/cron.d/local': RUN + '\n' + RUN})
    assert [one['active'] for one in _runners.queue_runners(_platform.REDHAT, [CRON], root)] == [True, False]
    assert [one['active'] for one in _runners.queue_runners(_platform.DEBIAN, [CRON], root)] == [False, False]


@pytest.mark.parametrize('title, active', [
    ({}, [True]), ({'stopped': True}, [False]), ({'directory': '/var/spool/other'}, []), ({'directory': '/var/spool/mqueue-client'}, [True]),
    ({'directory': '/srv/q*'}, [True]), ({'directory': '/srv'}, [True])])
def test_a_process_that_runs_this_queue(tmp_path, title, active):
    """main.c: "Queue runner@INTERVAL for QueueDirectory"."""
    found = _runners.queue_runners(_platform.DEBIAN, [dict(SLEEPER, **title)], lay(tmp_path, {}), directories=['/var/spool/mqueue-client', '/srv/q1'])
    assert [one['active'] for one in found] == active


def test_a_crontab_that_others_can_write_is_ignored_by_cron(tmp_path):
    root = lay(tmp_path, {'/etc/cron.d/local': '5 * * * * smmsp /usr/sbin/sendmail -Ac -q\n'})
    os.chmod(root + '/etc/cron.d/local', 0o666)
    found = _runners.queue_runners(_platform.DEBIAN, [CRON], root)
    assert (found[0]['active'], 'writable' in found[0]['detail']) == (False, True)


def test_a_script_for_run_parts(tmp_path):
    root = lay(tmp_path, {'/etc/cron.hourly/flush': '#!/bin/sh\n# sendmail -Ac -q\nexec /usr/sbin/sendmail -Ac -q\n',
                          '/etc/cron.daily/other': '#!/bin/sh\nsendmail -q\n'})
    os.chmod(root + '/etc/cron.hourly/flush', 0o755)
    assert brief(_runners.queue_runners(_platform.DEBIAN, [CRON], root)) == [('cron', '/etc/cron.hourly/flush', 3600, True)]


@pytest.mark.parametrize('family, name, active', [
    ('debian', 'flush-queue_2', True), ('debian', 'flush.sh', False), ('debian', 'flush~', False), ('redhat', 'flush.sh', True),
    ('redhat', 'flush~', False), ('suse', 'flush.rpmsave', False), ('upstream', 'flush.sh', False)])
def test_names_that_cron_passes_over(tmp_path, family, name, active):
    """Debian's run-parts(8) takes letters, digits, - and _ alone; cronie's not_a_crontab() and Red Hat's run-parts leave out copies."""
    root = lay(tmp_path, {'/etc/cron.daily/' + name: FLUSH, '/etc/cron.d/' + name: '5 * * * * root /usr/sbin/sendmail -Ac -q\n'})
    os.chmod(root + '/etc/cron.daily/' + name, 0o755)
    if family == 'upstream':   # built by hand, on Debian
        lay(tmp_path, {'/etc/debian_version': '13.1\n'})
    found = _runners.queue_runners(_platform.PLATFORMS[family], [CRON], root)
    assert [(runner['active'], runner['detail'] is None) for runner in found] == [(active, active)] * 2


@pytest.mark.parametrize('line, body, found', [
    ('*/30 * * * * root /usr/local/sbin/flush', FLUSH, [('cron', '/etc/cron.d/mail', 1800, True)]),
    ('*/30 * * * * root test -x /bin/true && /usr/local/sbin/flush --now', FLUSH, [('cron', '/etc/cron.d/mail', 1800, True)]),
    ('*/30 * * * * root /usr/local/sbin/flush', FLUSH.replace('-Ac', '-Am'), []),
    # As sh(1) reads it: a continued line, and the program in a variable.
    ('*/30 * * * * root /usr/local/sbin/flush', '#!/bin/sh\n/usr/sbin/sendmail \\\n  -Ac -q\n', [('cron', '/etc/cron.d/mail', 1800, True)]),
    ('*/30 * * * * root /usr/local/sbin/flush', '#!/bin/sh\nSM=/usr/sbin/sendmail\n[ -x "$SM" ] || exit 0\n"${SM}" -Ac -q\n',
     [('cron', '/etc/cron.d/mail', 1800, True)]),
    ('*/30 * * * * root /usr/local/sbin/flush', '#!/bin/sh\nSM=/usr/sbin/sendmail\n# $SM -Ac -q\n', []),
    ('*/30 * * * * root /usr/local/sbin/flush', FLUSH.replace('/usr/sbin', '#/usr/sbin'), []),
    ('*/30 * * * * root /usr/local/sbin/flush', FLUSH[2:], []),                      # no script
    ('*/30 * * * * root /usr/local/sbin/other', FLUSH, []),
])
def test_a_cron_line_that_calls_a_script(tmp_path, line, body, found):
    runs = runners(tmp_path, {'/etc/cron.d/mail': line + '\n', '/usr/local/sbin/flush': body}, layout=_platform.UPSTREAM)
    assert brief(runs) == found
    assert [run['script'] for run in runs] == ['/usr/local/sbin/flush'] * len(found)


@pytest.mark.parametrize('line, found', [
    ('1 5 flush /usr/sbin/sendmail -Ac -q', [('cron', '/etc/anacrontab', 86400, True)]),
    ('@weekly 5 flush nice /usr/sbin/sendmail -Ac -q', [('cron', '/etc/anacrontab', 604800, True)]),
    ('1 5 cron.daily nice run-parts /etc/cron.daily', []), ('#1 5 flush /usr/sbin/sendmail -Ac -q', []), ('1 5 flush /usr/sbin/sendmail -q', [])])
def test_anacron(tmp_path, line, found):
    root = lay(tmp_path, {'/etc/anacrontab': 'SHELL=/bin/sh\nRANDOM_DELAY=45\n\n%s\n' % line})
    runs = _runners.queue_runners(_platform.REDHAT, [CRON], root)
    assert brief(runs) == found
    assert [run['line'] for run in runs] == [4] * len(found)


QUEUE_RUN = '/usr/sbin/sendmail -Ac -q'


@pytest.mark.parametrize('files, other', [
    ({'/etc/cron.d/mail': '5 * * * * root %s; /usr/local/bin/backup\n' % QUEUE_RUN}, '/usr/local/bin/backup'),
    ({'/etc/cron.d/mail': '5 * * * * root %s\n5 * * * * root /usr/local/bin/backup\n' % QUEUE_RUN}, None),
    ({'/etc/anacrontab': '1 5 mail run-parts /etc/cron.daily && %s\n' % QUEUE_RUN}, 'run-parts'),
    ({'/etc/systemd/system/night.timer': '[Timer]\nOnCalendar=hourly\n',
      '/etc/systemd/system/night.service': '[Service]\nType=oneshot\nExecStart=/usr/local/bin/backup\nExecStart=-%s\n' % QUEUE_RUN}, '/usr/local/bin/backup'),
    ({'/etc/systemd/system/night.timer': '[Timer]\nOnCalendar=hourly\n',
      '/etc/systemd/system/night.service': '[Service]\nType=oneshot\nExecStart=-%s\n' % QUEUE_RUN}, None),
    ({'/etc/systemd/system/mail.service': '[Service]\nType=oneshot\nExecStart=/usr/sbin/sendmail -bd\nExecStart=%s30m\n' % QUEUE_RUN}, '/usr/sbin/sendmail')])
def test_what_else_a_line_or_a_unit_does(tmp_path, files, other):
    found = _runners.queue_runners(_platform.UPSTREAM, [CRON], lay(tmp_path, files))
    assert [run['script'] for run in found] == [other]


TEMPLATE = {'/etc/systemd/system/flush@.timer': '[Timer]\nOnCalendar=*:0/30\n',
            '/etc/systemd/system/flush@.service': '[Service]\nExecStart=/usr/sbin/sendmail -Ac -q -O Timeout.queuewarn=%i\n'}


@pytest.mark.parametrize('files, found', [
    ({'/etc/systemd/system/timers.target.wants/flush@4h.timer': ''}, ['flush@4h.timer']),
    ({'/etc/systemd/system/timers.target.wants/flush@4h.timer': '', '/etc/systemd/system/timers.target.wants/flush@1h.timer': ''},
     ['flush@1h.timer', 'flush@4h.timer']),
    ({'/etc/systemd/system/timers.target.wants/other@4h.timer': ''}, []),
    ({}, []),                                                                        # of a template alone nothing runs
])
def test_instances_of_a_template_timer(tmp_path, files, found):
    runs = _runners.queue_runners(_platform.UPSTREAM, [], lay(tmp_path, dict(TEMPLATE, **files)))
    assert [(run['unit'], run['path'], run['interval']) for run in runs] == [(name, '/etc/systemd/system/flush@.timer', 1800) for name in found]


def test_instances_that_systemd_knows(monkeypatch, tmp_path):
    lay(tmp_path, TEMPLATE)
    monkeypatch.setattr(_runners._system, 'command', lambda argv, seconds=10: 'flush@x.timer loaded active waiting One run\n')
    present = {directory: set() for directory in _runners.UNITS}
    assert _runners._instances('flush@.timer', present, True, '') == ['flush@x.timer']
    assert _runners._instances('flush.timer', present, True, '') == ['flush.timer']


@pytest.mark.parametrize('state, why', [
    ({'active': 'active', 'sub': 'waiting'}, None), ({'active': 'active', 'sub': 'running'}, None),
    ({'active': 'active', 'sub': 'elapsed'}, 'the timer has elapsed, and nothing will trigger it again'),
    ({'active': 'inactive', 'sub': 'dead'}, 'the timer is not active'),
    # Its bus is away.
    ({'active': None, 'sub': None}, 'systemctl does not say whether the timer is active')])
def test_a_timer_that_has_elapsed_starts_nothing(monkeypatch, tmp_path, state, why):
    """With OnUnitActiveSec= alone, and a service that has not run since the boot: timer_enter_elapsed_or_dead() in src/core/timer.c."""
    root = lay(tmp_path, {'/etc/systemd/system/q.timer': '[Timer]\nOnUnitActiveSec=30min\n',
                          '/etc/systemd/system/q.service': '[Service]\nExecStart=/usr/sbin/sendmail -Ac -q\n'})
    monkeypatch.setattr(_runners._system, 'unit_states', lambda units: {'q.timer': state})
    (found,) = _runners._systemd_runners({}, True, 'sendmail', True, ['smmsp'], root)
    assert (found['interval'], found['active'], found['detail']) == (1800, why is None, why)


@pytest.mark.parametrize('last, why', [
    ({'load': 'loaded', 'active': 'failed', 'status': '200'}, 'q.service could not be started'),   # WorkingDirectory= is not there
    ({'load': 'masked', 'active': 'inactive', 'status': '0'}, 'q.service could not be started'),
    ({'load': 'loaded', 'active': 'failed', 'status': '67'}, None),                                # a message was returned
    ({'load': 'loaded', 'active': 'failed', 'status': '0', 'code': '0'}, 'q.service could not be started'),     # ExecStartPre=/bin/false
    ({'load': 'loaded', 'active': 'failed', 'status': '31', 'code': '2'}, 'q.service could not be started'),    # SystemCallFilter=~@network-io
    ({'load': 'loaded', 'active': 'failed', 'status': '15', 'code': '2'}, None),                                # somebody ended a run
    ({'load': 'loaded', 'active': 'inactive', 'status': '0', 'skipped': True}, 'the conditions of q.service do not hold'),
    ({'load': 'loaded', 'active': 'inactive', 'status': '0', 'skipped': True, 'only': 'DirectoryNotEmpty=/var/spool/mqueue-client'}, None),
    ({'load': 'loaded', 'active': 'inactive', 'status': '0'}, None)])
def test_a_timer_whose_service_cannot_be_started(monkeypatch, tmp_path, last, why):
    root = lay(tmp_path, {'/etc/systemd/system/q.timer': '[Timer]\nOnCalendar=*:0/30\n',
                          '/etc/systemd/system/q.service': '[Unit]\nCondition%s\n[Service]\nExecStart=/usr/sbin/sendmail -Ac -q\n' % last.get(
                              'only', 'PathExists=/nosuch')})
    monkeypatch.setattr(_runners._system, 'unit_states', lambda units: {'q.timer': {'active': 'active', 'sub': 'waiting'}, 'q.service': last})
    (found,) = _runners._systemd_runners({}, True, 'sendmail', True, ['smmsp'], root)
    assert (found['active'], found['detail']) == (True, None) if why is None else (found['active'] is False and why in found['detail'])


def test_a_timer_of_systemd_run(monkeypatch, tmp_path):
    """Its unit files are in /run/systemd/transient: systemd.unit(5); written as bus_exec_command does, each word in quotes."""
    root = lay(tmp_path, {'/run/systemd/transient/run-r1.timer': '[Timer]\nOnCalendar=*:0/30\n',
                          '/run/systemd/transient/run-r1.service': '[Service]\nExecStart=@/usr/sbin/sendmail "/usr/sbin/sendmail" "-Ac" "-q"\n'})
    monkeypatch.setattr(_runners._system, 'unit_states', lambda units: {'run-r1.timer': {'active': 'active', 'sub': 'waiting'}})
    (found,) = _runners._systemd_runners({}, True, 'sendmail', True, ['smmsp'], root)
    assert (found['unit'], found['interval'], found['active'], found['script']) == ('run-r1.timer', 1800, True, None)
    assert _runners._system.service('run-r1', root)['unit'] is None


@pytest.mark.parametrize('unit, expected', [
    ('queue-sendmail@30m.service', [('systemd_unit', '/etc/systemd/system/queue-sendmail@.service', 1800, True)]),
    ('other.service', [('daemon', None, 1800, True)])])
def test_a_template_is_no_dead_runner_of_its_own(tmp_path, unit, expected):
    root = lay(tmp_path, {'/etc/systemd/system/queue-sendmail@.service': '[Service]\nExecStart=/usr/sbin/sendmail -Ac -q%i\n'})
    assert brief(_runners.queue_runners(_platform.UPSTREAM, [dict(SLEEPER, unit=unit)], root)) == expected


@pytest.mark.skipif(os.geteuid() != 0 or not os.path.exists('/proc/self/stat'), reason='the shell has to be root\'s, and to be seen')
@pytest.mark.parametrize('text, users, interval', [
    ('while :; do /nonexistent/sendmail -Ac -q 2>/dev/null; sleep 1800; done', ['smmsp'], 1800),
    ('until /bin/false\ndo\n/nonexistent/sendmail -Ac -q 2>/dev/null\nsleep 30m\ndone', ['smmsp'], 1800),
    # What runs once, before a loop that does something else, a comment, the MTA's queue.
    ('/nonexistent/sendmail -Ac -q 2>/dev/null; while :; do sleep 1800; done', ['smmsp'], None),
    ('while :; do # sendmail -Ac -q\nsleep 1800; done', ['smmsp'], None),
    ('while :; do /nonexistent/sendmail -q 2>/dev/null; sleep 1800; done', ['smmsp'], None)])
@pytest.mark.parametrize('file', [False, True])
def test_a_loop_of_a_shell(tmp_path, text, users, interval, file):
    (tmp_path / 'run').write_text('#!/bin/sh\n%s\n' % text)
    argv = ['/bin/sh', str(tmp_path / 'run')] if file else ['/bin/sh', '-c', text]
    with subprocess.Popen(argv, start_new_session=True) as shell:
        try:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline and not Path('/proc/%d/cmdline' % shell.pid).read_bytes().startswith(b'/bin/sh\0'):
                time.sleep(0.02)
            found = [(one['interval'], one['active'], one['script']) for one in _runners._loops(users) if one['pid'] == shell.pid]
            assert found == ([] if interval is None else [(interval, True, '/bin/sh')])
        finally:
            os.killpg(shell.pid, signal.SIGKILL)


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


@pytest.mark.parametrize('files, command', [
    ({}, None), ({'/etc/sysconfig/sendmail': 'SENDMAIL_OPTS=-q2h\n'}, None),
    ({'/usr/lib/systemd/system/sendmail.service': '[Service]\nEnvironment=SENDMAIL_OPTS=-q1h\nEnvironmentFile=-/etc/sysconfig/sendmail\n'
      'ExecStart=/usr/sbin/sendmail -bd $SENDMAIL_OPTS\n', '/etc/sysconfig/sendmail': 'SENDMAIL_OPTS="-q1h -C /etc/mail/site.cf"\n'},
     '/usr/sbin/sendmail -bd -q1h -C /etc/mail/site.cf'),
])
def test_what_the_unit_of_a_service_starts(tmp_path, files, command):
    assert _runners.command('sendmail', lay(tmp_path, files)) == command


# Red Hat's and openSUSE's units, and the unit and the script's file of Gentoo, as their packages have them.
BOUND = '[Unit]\nAfter=sendmail.service\nBindTo=sendmail.service\n' + SM_CLIENT
SUSE_UNIT = '/usr/lib/systemd/system/sendmail-client.service'
SUSE_CLIENT = ('[Unit]\nRequires=sendmail.service\nConditionDirectoryNotEmpty=|/var/spool/clientmqueue\n[Service]\n'
               'Environment="SENDMAIL_CLIENT_ARGS=-L sendmail-client -Ac -qp30m"\nEnvironmentFile=-/etc/sysconfig/mail\n'
               'EnvironmentFile=-/etc/sysconfig/sendmail\nExecStart=/usr/sbin/sendmail $SENDMAIL_CLIENT_ARGS\n')
ARCH_CLIENT = ('[Unit]\nBindsTo=sendmail.service\n[Service]\nEnvironmentFile=/etc/conf.d/sendmail\n'
               'ExecStart=/usr/sbin/sendmail $CLIENTMQUEUE_OPTS > /dev/null 2>&1\n')
CONF_D = 'SENDMAIL_OPTS="-bd -q30m -L sm-mta" # default daemon mode\nCLIENTMQUEUE_OPTS="-Ac -q20m -L sm-cm" # clientmqueue\nKILL_OPTS="" # add\n'
OPENRC = {'/etc/init.d/sendmail': '#!/sbin/openrc-run\n', '/etc/conf.d/sendmail': CONF_D}
# What sendmail.init of Red Hat up to el6, of Amazon Linux 1 and of openEuler does, in our words.
EL6 = {'/etc/init.d/sendmail': '#!/bin/bash\nif [ -f /etc/sysconfig/sendmail ]; then . /etc/sysconfig/sendmail; else QUEUE=1h; fi\n'
                               'SMQUEUE=${SMQUEUE:-${QUEUE:-1h}}\n/usr/sbin/sendmail -L sm-msp-queue -Ac -q$SMQUEUE $SENDMAIL_OPTARG\n'}
SYSCONFIG = '/etc/sysconfig/sendmail'
DAEMON = {'role': 'daemon', 'queue': 'mta', 'pid': 300, 'ppid': 1, 'unit': 'sendmail.service', 'user': 'root', 'interval': None,
          'title': 'sendmail: accepting connections'}
# A runner with -qp, as 8.17.1.9 calls itself; its child is at work all the time.
CONTROL = dict(SLEEPER, unit='sendmail-client.service', interval=None, title='sendmail: Queue control')


@pytest.mark.parametrize('layout, files, processes, expected', [
    (_platform.REDHAT, {UNIT: BOUND}, (), (UNIT, 'systemd_unit', 3600, False, 'sendmail.service')),
    (_platform.REDHAT, {UNIT: BOUND}, (DAEMON,), (UNIT, 'systemd_unit', 3600, False, None)),
    (_platform.REDHAT, {UNIT: SM_CLIENT}, (), (UNIT, 'systemd_unit', 3600, False, None)),
    (_platform.REDHAT, {UNIT: BOUND.replace('sendmail.service', 'postfix.service')}, (), (UNIT, 'systemd_unit', 3600, False, None)),
    (_platform.SUSE, {SUSE_UNIT: SUSE_CLIENT}, (DAEMON,), (SUSE_UNIT, 'systemd_unit', 1800, False, None)),
    (_platform.SUSE, {SUSE_UNIT: SUSE_CLIENT}, (), (SUSE_UNIT, 'systemd_unit', 1800, False, 'sendmail.service')),
    (_platform.SUSE, {SUSE_UNIT: SUSE_CLIENT, '/etc/sysconfig/sendmail': 'SENDMAIL_CLIENT_ARGS="-L sendmail-client -Ac -q1h"\n'}, (DAEMON,),
     (SUSE_UNIT, 'systemd_unit', 3600, False, None)),
    (_platform.SUSE, {SUSE_UNIT: SUSE_CLIENT}, (DAEMON, CONTROL), (SUSE_UNIT, 'systemd_unit', 1800, True, None)),
    (_platform.ARCH, {UNIT: ARCH_CLIENT, '/etc/conf.d/sendmail': CONF_D}, (), (UNIT, 'systemd_unit', 1200, False, 'sendmail.service')),
    (_platform.GENTOO, OPENRC, (), ('/etc/conf.d/sendmail', 'conf_d', 1200, False, None)),
    (_platform.GENTOO, OPENRC, (dict(SLEEPER, unit=None, interval=1200),), ('/etc/conf.d/sendmail', 'conf_d', 1200, True, None)),
])
def test_runners_of_other_packages(tmp_path, layout, files, processes, expected):
    found = runners(tmp_path, files, processes, layout)
    assert [(one['path'], one['source'], one['interval'], one['active'], one['bound_to']) for one in found] == [expected]
    assert not expected[-1] or 'sendmail.service, to which its unit ties it (' in found[0]['detail']


def test_a_conf_d_that_no_script_reads_is_no_runner(tmp_path):
    assert runners(tmp_path, {'/etc/conf.d/sendmail': CONF_D}, (), _platform.GENTOO) == []


@pytest.mark.parametrize('said', [
    None, '', 'DAEMON=yes\nQUEUE=1h\n', 'DAEMON=yes\nQUEUE=2h\nSMQUEUE=5m\n', 'QUEUE=20m\n# SMQUEUE=5m\n', 'QUEUE="30m"\nSMQUEUE=\n', "export SMQUEUE='90s'\n",
    'SMQUEUE=10m\nSMQUEUE=15m # the last counts\n', 'DAEMON=yes\nQUEUE=\n', 'QUEUE=4h\nSMQUEUE=$QUEUE\n', 'SENDMAIL_OPTS="-q1h"\n'])
def test_the_script_of_red_hat_before_systemd(tmp_path, said):
    """The shell is the oracle: what it makes of the file and of the lines of the script."""
    files = dict(EL6, **({} if said is None else {SYSCONFIG: said}))
    script = '; '.join(files['/etc/init.d/sendmail'].split('\n')[1:3]).replace(SYSCONFIG, str(tmp_path) + SYSCONFIG)
    lay(tmp_path, files)
    interval = subprocess.run(['sh', '-c', script + '; echo $SMQUEUE'], stdout=subprocess.PIPE, universal_newlines=True, check=True).stdout.strip()
    seconds = _text.duration(interval, 'm')
    (dead,) = runners(tmp_path, files, (), _platform.REDHAT)
    assert (dead['source'], dead['path'], dead['interval'], dead['active']) == ('conf_d', SYSCONFIG, seconds, False)
    (alive,) = runners(tmp_path, files, (dict(SLEEPER, unit=None, interval=seconds),), _platform.REDHAT)
    assert (alive['source'], alive['path'], alive['interval'], alive['active']) == ('conf_d', SYSCONFIG, seconds, True)


@pytest.mark.parametrize('files', [
    {SYSCONFIG: 'QUEUE=1h\nSMQUEUE=5m\n'}, {SYSCONFIG: 'SMQUEUE=5m\n', '/etc/init.d/sendmail': '#!/bin/sh\n/usr/sbin/sendmail -bd -q1h\n'},
    dict(EL6, **{'/run/systemd/system/x': ''})])
def test_settings_of_red_hat_that_no_script_reads_are_no_runner(tmp_path, files):
    assert runners(tmp_path, files, (), _platform.REDHAT) == []


@pytest.mark.parametrize('rc, periodic, processes, expected', [
    ('sendmail_enable="YES"\n', 'daily_submit_queuerun="NO"\n', (), [('rc_conf', '/etc/rc.conf', 1800, False)]),
    ('sendmail_msp_queue_flags="-L sm-msp-queue -Ac -q1h"\n', 'daily_queuerun_enable="NO"', (), [('rc_conf', '/etc/rc.conf', 3600, False)]),
    ('sendmail_enable="NONE"\n', 'daily_submit_queuerun="NO"\n', (), []),
    ('sendmail_msp_queue_enable="NO"\n', '', (CRON,), [('periodic', '/etc/periodic.conf', 86400, True)]),
    ('', 'daily_submit_queuerun="NO"\n', (dict(SLEEPER, unit=None),), [('rc_conf', '/etc/rc.conf', 1800, True)]),
    # 500.queuerun knows YES alone, and no other word of rc.conf.
    ('sendmail_msp_queue_enable="NO"\n', 'daily_submit_queuerun="on"\n', (CRON,), []),
    ('sendmail_msp_queue_enable="NO"\n', 'daily_submit_queuerun="yes"\n', (CRON,), [('periodic', '/etc/periodic.conf', 86400, True)]),
])
def test_freebsd_runners(tmp_path, rc, periodic, processes, expected):
    assert brief(runners(tmp_path, {'/etc/rc.conf': rc, '/etc/periodic.conf': periodic}, processes, _platform.FREEBSD)) == expected


def test_files_of_freebsd_that_come_after_others(tmp_path):
    """rc.conf.d of rc.subr(8), and periodic_conf_files in /etc/defaults/periodic.conf."""
    files = {'/etc/rc.conf.d/sendmail': 'sendmail_msp_queue_flags="-L sm-msp-queue -Ac -q15m"\n',
             '/usr/local/etc/periodic.conf': 'daily_submit_queuerun=NO\n', '/etc/periodic.conf': 'daily_submit_queuerun=YES\n'}
    assert brief(runners(tmp_path, files, layout=_platform.FREEBSD)) == [('rc_conf', '/etc/rc.conf', 900, False)]


@pytest.mark.skipif(os.geteuid() != 0, reason='a crontab belongs to somebody else')
@pytest.mark.parametrize('owner, active', [(0, True), (12345, False)])
def test_a_crontab_of_another_owner_is_ignored_by_cron(tmp_path, owner, active):
    """cron(8) of Debian: files in /etc/cron.d have to be owned by root."""
    root = lay(tmp_path, {'/etc/cron.d/local': '5 * * * * smmsp /usr/sbin/sendmail -Ac -q\n'})
    os.chown(root + '/etc/cron.d/local', owner, 0)
    assert [one['active'] for one in _runners.queue_runners(_platform.DEBIAN, [CRON], root)] == [active]


@pytest.mark.skipif(os.geteuid() != 0, reason='a crontab belongs to somebody else')
@pytest.mark.parametrize('owner, active', [('root', True), ('mail', True), ('daemon', False)])
def test_whose_the_crontab_of_a_user_is(tmp_path, owner, active):
    """Debian's cron and cronie: "WRONG FILE OWNER" unless it is the user's or root's."""
    root = lay(tmp_path, {'/var/spool/cron/crontabs/mail': '5 * * * * /usr/sbin/sendmail -Ac -q\n'})
    os.chown(root + '/var/spool/cron/crontabs/mail', pwd.getpwnam(owner).pw_uid, 0)
    assert [one['active'] for one in _runners.queue_runners(_platform.DEBIAN, [CRON], root, ['smmsp', 'mail'])] == [active]


@pytest.mark.parametrize('command, detail', [
    ('/opt/sendmail-8.15/sbin/sendmail -Ac -q', 'there is no /opt/sendmail-8.15/sbin/sendmail'),
    ('cd / && /opt/sendmail-8.15/sbin/sendmail -Ac -q >/dev/null 2>&1', 'there is no /opt/sendmail-8.15/sbin/sendmail'),
    ('/usr/lib/sendmail -Ac -q', None),
    ('/opt/sendmail-8.15/sbin/sendmail -Ac -q || /usr/sbin/sendmail -Ac -q', None),
    ('SENDMAIL=/opt/sendmail-8.15/sbin/sendmail /usr/sbin/sendmail -Ac -q', None)])
@pytest.mark.parametrize('layout', [_platform.DEBIAN, _platform.REDHAT])
def test_a_program_that_has_gone(tmp_path, command, detail, layout):
    (found,) = runners(tmp_path, {'/etc/cron.d/local': '5 * * * * root %s\n' % command}, layout=layout)
    assert (found['active'], found['detail']) == (detail is None, detail)
