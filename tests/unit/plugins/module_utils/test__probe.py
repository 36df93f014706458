# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the probes make of queues and logs. That they see a real host is shown by the scenario diagnosis. Python 3.6 syntax."""
import os
import re
import signal
import subprocess
import sys
import time
import types

import pytest

from ansible_collections.mailops.sendmail.plugins.module_utils import _causes, _cf, _controls, _probe, _spool, _summary
from ansible_collections.mailops.sendmail.tests.unit import queue_samples
from ansible_collections.mailops.sendmail.tests.unit.hosts_looked_at import DOWN, HEALTHY, NOW

(CONTROL,) = queue_samples.sample('01').files.values()
(OLD,) = [line for line in CONTROL.split(b'\n') if b'Subject:' in line]


@pytest.fixture
def subjects(tmp_path):
    def found(*lines):
        for number, line in enumerate(lines):
            (tmp_path / ('qf6ANFSGLL%06d' % number)).write_bytes(CONTROL.replace(OLD, line))
        directories, _errors = _spool.directories([('mqueue', str(tmp_path))])
        return _probe._subjects(types.SimpleNamespace(directories={'msp': directories}))
    return found


def test_subjects_that_differ_in_digits_are_alike(subjects):
    lines = [b'H??Subject: Cron <root@web%d> backup of 2026-11-%02d' % (number, number) for number in range(1, 6)]
    assert subjects(b'H??Subject: hello', *lines) == ([('Cron <root@web#> backup of #-#-#', 5), ('hello', 1)], 6)


def test_subjects_are_folded_cut_and_printable(subjects):
    assert subjects(b'H??Subject: a\n\t b \x1b[31m') == ([('a b \\x1b[#m', 1)], 1)
    assert len(subjects(b'H??subject: ' + b'x' * 1000)[0][0][0]) == 80


def test_a_message_without_a_subject(subjects):
    assert subjects(b'H??To: bob') == ([('', 1)], 1)


def test_no_more_than_a_bound_is_read(subjects, monkeypatch):
    monkeypatch.setattr(_probe, 'SUBJECTS_MAX', 3)
    assert subjects(*[b'H??Subject: t'] * 5) == ([('t', 3)], 3)


def test_a_link_is_not_read(subjects, tmp_path):
    (tmp_path / 'secret').write_bytes(CONTROL.replace(OLD, b'H??Subject: secret'))
    os.symlink('secret', str(tmp_path / 'qf6ANFSGLL999999'))
    os.link(str(tmp_path / 'secret'), str(tmp_path / 'qf6ANFSGLL999998'))
    assert subjects(b'H??Subject: t') == ([('t', 1)], 1)


def test_a_message_with_two_hazards_counts_once():
    pairs = [('owner 0:0', 'a'), ('the data file has owner 0:0', 'a'), ('owner 0:0', 'b'), ('the directory', None)]
    assert _probe.endangered({'permissions': pairs}) == {'permissions': 3, 'content': 0}


@pytest.mark.skipif(os.geteuid() != 0, reason='only root can be somebody else')
def test_what_the_kernel_allows_an_ordinary_user(tmp_path):
    group = 12345
    for above in [tmp_path] + list(tmp_path.parents)[:-1]:
        if os.stat(str(above)).st_uid == 0 and str(above) != '/tmp':
            os.chmod(str(above), os.stat(str(above)).st_mode | 0o011)
    place = tmp_path / 'queue'
    place.mkdir()
    os.chown(str(place), 0, group)
    os.chmod(str(place), 0o770)
    wanted = [(str(place), os.W_OK | os.X_OK, group), (str(place), os.X_OK, 65534), ('/', os.X_OK, 65534), ('/', os.W_OK, 65534)]
    assert _probe.allows(wanted) == [True, False, True, False]
    assert os.geteuid() == 0


@pytest.mark.skipif(os.geteuid() != 0, reason='only root can be somebody else')
def test_what_the_kernel_allows_is_told_where_children_leave_no_status():
    """wait(2): with SIGCHLD ignored, which a program inherits."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert _probe.allows([('/', os.X_OK, 65534), ('/', os.W_OK, 65534)]) == [True, False]
    finally:
        signal.signal(signal.SIGCHLD, before)


def obstacles(tmp_path, monkeypatch, answers, flags=0, submit=b''):
    """The obstacles of a host whose modes are right, where the kernel answers so."""
    place, program = tmp_path / 'queue', tmp_path / 'sendmail'
    place.mkdir()
    os.chmod(str(place), 0o775)
    program.write_bytes(b'')
    os.chmod(str(program), 0o2755)
    monkeypatch.setattr(_probe, '_above', lambda path: [])
    monkeypatch.setattr(_probe, '_NAMES', (str(program),))
    monkeypatch.setattr(_probe, '_without_privileges', lambda places: [])
    monkeypatch.setattr(_probe, '_limited', list)
    monkeypatch.setattr(_probe, 'allows', lambda wanted: answers)
    monkeypatch.setattr(os, 'statvfs', lambda path, real=os.statvfs: types.SimpleNamespace(
        **dict(((name, getattr(real(path), name)) for name in dir(real(path)) if name.startswith('f_')), f_flag=flags)))
    directory = types.SimpleNamespace(control=str(place), data=str(place))
    return _probe.obstacles(types.SimpleNamespace(
        program={'sendmail': str(program)}, files={'msp': {'path': str(program)}}, directories={'msp': [directory]}, configurations={'msp': _cf.parse(submit)},
        layout=types.SimpleNamespace(family='debian')))


@pytest.mark.parametrize('answers, word', [([True, True, True, False], 'to write into'),
                                           ([False, True, True, True], 'to run'), ([True, True, False, True], '/etc/passwd'),
                                           ([True] * 4, None), ([], None)])
def test_what_an_access_list_takes_away(tmp_path, monkeypatch, answers, word):
    found = obstacles(tmp_path, monkeypatch, answers)
    assert [word in sentence for sentence in found] == ([True] if word else [])


@pytest.mark.parametrize('submit, answers, word', [
    (b'', [True] * 4 + [False], '/etc/resolv.conf'), (b'', [True] * 5, None),
    (b'O RunAsUser=smmsp:smmsp\n', [True] * 4 + [False, True], '/etc/group'), (b'O RunAsUser=smmsp\n', [True] * 4 + [False], '/etc/resolv.conf'),
    (b'Fw/etc/hosts\nFt-o /etc/shadow\n', [True] * 4 + [False, True], '/etc/hosts'), (b'Fw/etc/nothing\n', [True] * 4 + [False, True], None)])
def test_what_whoever_submits_has_to_read(tmp_path, monkeypatch, submit, answers, word):
    """Seen with 8.17.1.9: "fileclass: cannot open" and exit status 71; "Name server timeout" with /etc/resolv.conf of mode 0600."""
    found = obstacles(tmp_path, monkeypatch, answers, submit=submit)
    assert found == (['The kernel refuses an ordinary user to read %s: see modes and access control lists (getfacl) on the way.' % word] if word else [])


@pytest.mark.parametrize('said, missing', [
    ('\tlibwrap.so.0 => /lib/libwrap.so.0 (0x1)\n\tlibsasl2.so.2 => not found\n\tlibsasl2.so.2 => not found\n', ['libsasl2.so.2']),
    ('\tlinux-vdso.so.1 (0x1)\n\tlibc.so.6 => /lib/libc.so.6 (0x1)\n', []), ('\tnot a dynamic executable\n', []), ('', [])])
def test_a_library_that_is_gone(tmp_path, monkeypatch, said, missing):
    """The daemon runs on; whoever submits is told "error while loading shared libraries". Seen on Debian 13."""
    monkeypatch.setattr(_probe._system, 'command', lambda argv, seconds=10: said if argv[0] == 'ldd' else '')
    assert [one.split(' needs ')[1] for one in obstacles(tmp_path, monkeypatch, [])] == ['%s, which is not found: nobody can run it.' % one for one in missing]


@pytest.mark.parametrize('text, ours, said', [(b'msmtp', True, True), (b'#!/bin/sh\nexec /opt/sendmail "$@"\n', True, False), (b'msmtp', False, False)])
def test_another_mailer_under_the_other_name(tmp_path, monkeypatch, text, ours, said):
    """/usr/sbin/sendmail is Sendmail, and /usr/lib/sendmail, which many programs call, is not."""
    def fails(_path):
        raise PermissionError(13, 'no further')
    (tmp_path / 'lib').write_bytes(text)
    real = _probe._NAMES
    look = types.SimpleNamespace(layout=types.SimpleNamespace(family='debian'), program={'sendmail': sys.executable, 'is_sendmail': ours})
    monkeypatch.setattr(_probe, '_NAMES', (sys.executable, str(tmp_path / 'lib')))
    monkeypatch.setattr(os, 'statvfs', fails)
    found = _probe.obstacles(look)
    assert [one for one in found if 'is msmtp' in one] == ['%s is msmtp: programs that call it do not reach Sendmail.' % (tmp_path / 'lib')] * said
    assert real == ('/usr/sbin/sendmail', '/usr/lib/sendmail')


@pytest.mark.parametrize('family, there, missed', [
    # dpkg-divert took the name away and left /usr/lib/sendmail: cron, mail(1) and PHP find nothing. Seen on Debian 13.
    ('debian', 1, True), ('redhat', 1, True), ('upstream', 1, False), ('unknown', 1, False), ('upstream', None, True), ('freebsd', None, False),
    ('debian', 0, False)])
def test_the_name_by_which_others_submit_is_gone(tmp_path, monkeypatch, family, there, missed):
    def fails(_path):
        raise PermissionError(13, 'no further')
    names = tuple(sys.executable if number == there else str(tmp_path / str(number)) for number in range(2))
    monkeypatch.setattr(_probe, '_NAMES', names)
    monkeypatch.setattr(os, 'statvfs', fails)
    look = types.SimpleNamespace(layout=types.SimpleNamespace(family=family), program={'sendmail': sys.executable, 'is_sendmail': True})
    assert any(one.startswith('There is no program %s,' % names[0]) for one in _probe.obstacles(look)) is missed


def test_a_program_that_is_mounted_noexec(tmp_path, monkeypatch):
    (one,) = obstacles(tmp_path, monkeypatch, [False, True, True], os.ST_NOEXEC)
    assert 'mounted noexec' in one


@pytest.mark.parametrize('submit, words', [(b'O MaxMessageSize=10\n', ['10 bytes']),
                                           (b'O MaxMessageSize=1024\n', []), (b'O MaxMessageSize=0\n', []), (b'', [])])
def test_a_largest_size_that_no_message_keeps(tmp_path, monkeypatch, submit, words):
    found = obstacles(tmp_path, monkeypatch, [], submit=submit)
    assert len(found) == len(words) and all(word in found[0] for word in words)


@pytest.mark.parametrize('line, limits', [('*\thard fsize 0 # none', True), ('*  -  as  4096', True), ('* hard fsize 1000000', False),
                                          ('* hard fsize unlimited', False),
                                          ('alice hard fsize 0', False), ('# * hard fsize 0', False), ('* soft nofile 0', False)])
@pytest.mark.parametrize('place', ['limits.conf', 'limits.d/x.conf'])
def test_limits_for_all_users(tmp_path, line, limits, place):
    (tmp_path / 'etc/security/limits.d').mkdir(parents=True)
    (tmp_path / 'etc/security' / place).write_text(line + '\n')
    (tmp_path / 'etc/security/limits.d/x.bak').write_text('* hard fsize 0\n')
    assert [one.partition(':')[0] for one in _probe._limited(str(tmp_path))] == [str(tmp_path / 'etc/security' / place)] * limits


UNSEEN = {'address': '0.0.0.0', 'port': 25, 'pid': None, 'name': None, 'sendmail': None}


@pytest.mark.parametrize('listener, roles, mine', [
    # A container without CAP_SYS_PTRACE: nobody sees who holds a socket, and an MTA on every address was "nowhere" (seen on a host).
    (UNSEEN, ['daemon'], True), (UNSEEN, ['queue_runner'], False), (dict(UNSEEN, port=465), ['daemon'], False),
    (dict(UNSEEN, pid=9, name='exim4', sendmail=False), ['daemon'], False), (dict(UNSEEN, pid=7, name='sendmail-mta', sendmail=True), [], True)])
def test_which_sockets_are_those_of_sendmail(listener, roles, mine):
    look = types.SimpleNamespace(configurations={'mta': _cf.parse(b'O DaemonPortOptions=Name=MTA\n')}, processes=[{'role': role} for role in roles])
    assert _probe._sockets(look, [listener]) == [listener] * mine


def written(created, tried):
    """A control file of a message that was last tried then, 0 for never."""
    numbers = {b'T': created, b'K': tried, b'N': int(tried > 0)}
    return re.sub(rb'(?m)^([TKN])\d+$', lambda line: b'%s%d' % (line.group(1), numbers[line.group(1)]), CONTROL)


@pytest.mark.parametrize('age, tried, locked, delivering, kept', [
    (61, 0, False, 0, 1), (60, 0, False, 0, 0), (61, 5, False, 0, 0), (61, 0, True, 0, 0),
    # As many are in delivery as were never tried, or that is not known: nothing is looked for.
    (61, 0, False, 1, 0), (61, 0, False, None, 0)])
def test_what_the_mta_keeps_for_a_run(tmp_path, monkeypatch, age, tried, locked, delivering, kept):
    path = tmp_path / 'qf6ANFSGLL000001'
    path.write_bytes(written(1000, tried))
    about = os.stat(str(path))
    lock = {(os.major(about.st_dev), os.minor(about.st_dev), about.st_ino): {'kind': 'FLOCK', 'pid': 7}}
    monkeypatch.setattr(_probe._system, 'locks', lambda: lock if locked else {})
    directories, _errors = _spool.directories([('mqueue', str(tmp_path))])
    look = types.SimpleNamespace(directories={'mta': directories}, now=1000 + age)
    assert _probe._mta_kept(look, {'never_tried': 1, 'delivering': delivering}) == kept


@pytest.mark.parametrize('tried', [0, 2061])
@pytest.mark.parametrize('edit', [
    lambda data: data.replace(b'\nRPFD:', b''.join(b'\nRPFD:<user%d@example.com>' % number for number in range(400)) + b'\nRPFD:', 1),
    lambda data: re.sub(rb'(?m)^(K.*\n)(N.*\n)', rb'\2\1', data)])
def test_a_message_with_many_recipients_or_lines_in_another_order_waits_too(tmp_path, monkeypatch, edit, tried):
    data = edit(written(1000, tried))
    assert _probe._qf.head(data[:8192]) is None
    (tmp_path / 'qf6ANFSGLL000001').write_bytes(data)
    monkeypatch.setattr(_probe._system, 'locks', dict)
    monkeypatch.setattr(_probe, '_MOMENT', 0)
    directories, _errors = _spool.directories([('mqueue', str(tmp_path))])
    look = types.SimpleNamespace(directories={'msp': directories, 'mta': directories}, now=2000)
    figures = {'never_tried': int(not tried), 'delivering': 0, 'messages': {'queued': 1}, 'last_attempt_age': 0}
    assert (_probe._passing(look, figures), _probe._mta_kept(look, figures), _probe._ahead(look, figures)) == (0, int(not tried), int(tried > 0))


class TestPassing:
    """On a busy host the figures, the locks and the files are of different moments."""

    FIRST, SECOND = 'qf6ANFSGLL000001', 'qf6ANFSGLL000002'

    @pytest.fixture
    def passing(self, tmp_path, monkeypatch):
        """passing(untried, files now, files a moment later, locked name) -> what is on its way."""
        def lay(names):
            for path in tmp_path.iterdir():
                path.unlink()
            for name in names:
                (tmp_path / name).write_bytes(written(1000, 0))

        def count(untried, now, later, locked=None, total=0):
            lay(now)

            def locks():
                about = os.stat(str(tmp_path / locked)) if locked and (tmp_path / locked).exists() else None
                return {(os.major(about.st_dev), os.minor(about.st_dev), about.st_ino): {'kind': 'FLOCK', 'pid': 7}} if about else {}
            monkeypatch.setattr(_probe._system, 'locks', locks)
            monkeypatch.setattr(_probe.time, 'sleep', lambda seconds: lay(later))
            directories, _errors = _spool.directories([('mqueue', str(tmp_path))])
            look = types.SimpleNamespace(directories={'msp': directories}, now=1000, locked=[{'id': '6ANFSGLL000009'}])
            return _probe._passing(look, {'never_tried': untried, 'messages': {'queued': total or untried}})
        return count

    def test_what_waits_is_there_twice(self, passing):
        assert passing(1, [self.FIRST], [self.FIRST]) == 0

    def test_what_has_gone_meanwhile_was_on_its_way(self, passing):
        assert passing(1, [], []) == 1
        assert passing(1, [self.FIRST], []) == 1

    def test_another_message_each_time_is_a_busy_host(self, passing):
        assert passing(1, [self.FIRST], [self.SECOND]) == 1
        assert passing(2, [self.FIRST, self.SECOND], [self.SECOND]) == 1

    def test_what_somebody_has_in_hand_does_not_wait(self, passing):
        assert passing(2, [self.FIRST, self.SECOND], [self.FIRST, self.SECOND], self.FIRST) == 1

    def test_nothing_is_looked_for_where_nothing_or_too_much_waits(self, passing):
        assert passing(0, [self.FIRST], [self.FIRST]) == 0
        assert passing(_probe._PASSING_MAX + 1, [], []) == 0

    def test_of_a_long_queue_what_somebody_has_in_hand_is_on_its_way(self, passing):
        assert passing(3, [self.FIRST], [], total=_probe._SHORT + 1) == 1
        assert passing(3, [self.FIRST], [], total=_probe._SHORT) == 3


@pytest.mark.parametrize('files, orphans', [
    ({'df6ANFSGLL000001': 86401}, 1), ({'df6ANFSGLL000001': 86400}, 0),                       # it is coming in, maybe
    ({'df6ANFSGLL000001': 99999, 'qf6ANFSGLL000001': 0}, 0), ({'df6ANFSGLL000001': 99999, 'tf6ANFSGLL000001': 0}, 0),
    ({'df6ANFSGLL000001': 99999, 'hf6ANFSGLL000001': 0, 'df6ANFSGLL000002': 99999}, 1)])
def test_data_files_that_are_left_over(tmp_path, files, orphans):
    for name, age in files.items():
        (tmp_path / name).write_bytes(b'')
        os.utime(str(tmp_path / name), (200000 - age, 200000 - age))
    directories, _errors = _spool.directories([('mqueue', str(tmp_path))])
    look = types.SimpleNamespace(directories={'msp': directories}, now=200000)
    assert _probe._orphans(look, {'debris': {'data_without_control': 1}}) == orphans
    assert _probe._orphans(look, {'debris': {'data_without_control': 0}}) == 0


@pytest.mark.parametrize('tried, ahead', [(1061, 1), (1060, 0), (1000, 0), (0, 0)])
def test_messages_that_were_tried_in_the_future(tmp_path, monkeypatch, tried, ahead):
    (tmp_path / 'qf6ANFSGLL000001').write_bytes(written(900, tried))
    monkeypatch.setattr(_probe._system, 'locks', dict)
    directories, _errors = _spool.directories([('mqueue', str(tmp_path))])
    look = types.SimpleNamespace(directories={'msp': directories}, now=1000)
    assert _probe._ahead(look, {'last_attempt_age': 0}) == ahead
    assert _probe._ahead(look, {'last_attempt_age': 1}) == 0


@pytest.mark.parametrize('name, parent, uid, bit, found', [
    ('cron', 1, 0, 1, True), ('sshd', 1, 0, 1, True), ('php-fpm8.2', 1, 33, 1, True), ('cron', 1, 0, 0, False), ('cron', 7, 0, 1, False),
    ('systemd-timesyn', 1, 0, 1, False), ('cron', 1, 1000, 1, False)])      # anybody can call what he starts so
def test_services_whose_children_cannot_submit(monkeypatch, name, parent, uid, bit, found):
    """proc_pid_status(5): with NoNewPrivs 1 no set-group-ID bit counts in execve(2), nor for any child."""
    status = 'Name:\t%s\nUmask:\t0022\nPPid:\t%d\nUid:\t%d\t%d\t0\t0\nNoNewPrivs:\t%d\n' % (name, parent, uid, uid, bit)
    monkeypatch.setattr(_probe._system, 'names', lambda path: ['self', '42'])
    monkeypatch.setattr(_probe._system, 'slurp', lambda path, _limit: status.encode() if path == '/proc/42/status' else b'')
    assert _probe._without_privileges([]) == ['%s (process 42) runs with no_new_privs: what it starts cannot submit mail.' % name] * found


@pytest.mark.parametrize('frozen, found', [('/proc/42/root/q', True), ('/q', False), ('', False)])
def test_services_that_see_the_queue_read_only(monkeypatch, frozen, found):
    """ProtectSystem=strict, as in units of web servers. Not where it is so for all."""
    monkeypatch.setattr(_probe._system, 'names', lambda path: ['42'])
    monkeypatch.setattr(_probe._system, 'slurp', lambda path, _limit: b'Name:\tapache2\nPPid:\t1\nUid:\t0\t0\t0\t0\nNoNewPrivs:\t0\n')
    monkeypatch.setattr(_probe.os, 'statvfs', lambda path: types.SimpleNamespace(f_flag=os.ST_RDONLY if frozen and path.endswith(frozen) else 0))
    assert _probe._without_privileges(['/q']) == [
        'apache2 (process 42) sees /q read-only (ProtectSystem= of its unit): what it starts cannot submit mail.'] * found


def test_a_dead_letter_with_two_names_is_one(tmp_path, monkeypatch):
    """As where /root and /var/lib/sendmail lead to the same file; what is not there is none."""
    paths = [str(tmp_path / name) for name in ('drop', 'again', 'other', 'gone')]
    for path in (paths[0], paths[2]):
        with open(path, 'wb') as stream:
            stream.write(b'12345')
    os.link(paths[0], paths[1])
    monkeypatch.setattr(_probe.glob, 'glob', lambda pattern: paths[1:])
    found = [one for one in _probe._dead_letters({'dead_letter_drop': paths[0]}) if one['path'] in paths]
    assert sorted((one['path'], one['size']) for one in found) == sorted([(paths[1], 5), (paths[2], 5)])


@pytest.mark.parametrize('text, gone', [
    ('Mlocal, P=%s/gone, A=x\n', True), ('Mlocal, P=%s/there, A=x\n', False), ('Mlocal, P=%s/plain, A=x\n', True), ('Mlocal, P=[IPC], A=TCP $h\n', False),
    ('DHhub.example.com\nMlocal, P=%s/gone, A=x\n', False), ('DRhub.example.com\nMlocal, P=%s/gone, A=x\n', False), ('DH\nMlocal, P=%s/gone, A=x\n', True),
    ('Mprog, P=%s/gone, A=x\n', False), ('', False)])
def test_a_local_mailer_that_is_gone(tmp_path, text, gone):
    """Mail to users then waits at the MTA: "Cannot exec" (deliver.c), seen on Debian 13."""
    (tmp_path / 'there').write_text('')
    (tmp_path / 'there').chmod(0o755)
    (tmp_path / 'plain').write_text('')
    (tmp_path / 'plain').chmod(0o644)
    cf = _cf.parse((text.replace('%s', str(tmp_path))).encode())
    assert _probe._mailer_gone(cf) == ((cf.mailers['local']['path']) if gone else None)
    assert _probe._mailer_gone(None) is None


@pytest.mark.parametrize('gone', [True, False])
def test_a_directory_that_is_not_read_to_its_end_is_an_error_of_the_look(tmp_path, gone):
    """It was there when the look began: what lies in it nobody knows, so the host is neither healthy nor compliant."""
    here = [_spool.directories([('mqueue', str(queue_samples.sample('01').write(tmp_path / ('q%d' % number))))])[0][0] for number in range(25)]
    if gone:
        (tmp_path / 'q24').rename(tmp_path / 'old')
    queue = _summary.queue([_spool.Pass(one) for one in here], [], int(time.time()))
    del queue['directories'][_summary.DIRECTORIES_MAX:]
    path = str(tmp_path / 'q24')
    assert [(one['queue'], one['path']) for one in _probe.unread({'msp': queue})] == ([('msp', path)] if gone else [])
    # A file that cannot be read is not the whole directory.
    queue['errors'] = [{'path': str(tmp_path / 'q1' / 'qfX'), 'error': 'Input/output error'}]
    assert len(_probe.unread({'msp': queue})) == gone
    look = HEALTHY._replace(errors=_probe.unread({'msp': queue}))
    assert _causes.diagnosis(look)['healthy'] is not gone
    # Of no directory at all nothing is counted.
    only = HEALTHY._replace(queues={'msp': dict(HEALTHY.queues['msp'], directories=[{'path': path, 'messages': None if gone else 0}])})
    assert (_causes.diagnosis(only)['messages'] == {}) is gone
    assert ('SMQ-QUE-01' in [one['id'] for one in _controls.comply(look, _controls.settled(now=NOW))['controls'] if one['status'] == 'error']) is gone


ROOM = {'mount': '/', 'read_only': False, 'immutable': False, 'blocks_free': 9, 'inodes': 5, 'inodes_free': 5, 'unmounted': None}


@pytest.mark.parametrize('rooms, worst', [
    ({'q1/qf': {'blocks_free': 5}, 'q1/df': {'mount': '/d', 'blocks_free': 0}}, {'mount': '/d', 'blocks_free': 0}),   # filesys_setup() looks at df
    ({'q1/qf': {'blocks_free': 5}, 'q1/df': {'mount': '/d', 'blocks_free': 6}}, {'mount': '/', 'blocks_free': 5}),
    ({'q1/df': {'mount': '/d', 'read_only': True}}, {'mount': '/d', 'read_only': True}),
    ({'q2/df': {'mount': '/d', 'inodes_free': 0}, 'q1/qf': {'blocks_free': 1}}, {'mount': '/d', 'inodes_free': 0}),
    ({'q2/df': {'mount': '/d', 'inodes_free': 0, 'inodes': 0}, 'q1/qf': {'blocks_free': 1}}, {'blocks_free': 1}),     # no limit
    ({'q2/df': {'unmounted': '/x'}, 'q1/qf': {'blocks_free': 1}}, {'blocks_free': 1, 'unmounted': '/x'}),
])
def test_the_worst_file_system_of_a_queue(monkeypatch, rooms, worst):
    monkeypatch.setattr(_probe._filesystem, 'under', lambda path: dict(ROOM, **rooms.get(path, {})))
    found = [types.SimpleNamespace(path=name, control=name + '/qf', data=name + '/df') for name in ('q1', 'q2')]
    assert _probe._worst(found) == dict(ROOM, **worst)


class TestWhereADaemonWorks:
    """Its directory of old is under what is mounted over it, and /proc/PID/cwd still leads there, under the same name: seen on a host."""

    @pytest.fixture(name='at_work')
    def fixture_at_work(self, tmp_path):
        with subprocess.Popen(['sleep', '60'], cwd=str(tmp_path)) as process:
            yield {'pid': process.pid, 'cwd': str(tmp_path)}
            process.kill()

    def test_where_it_should(self, at_work):
        assert _probe.sees(at_work) is None

    def test_something_else_has_its_name_now(self, at_work, tmp_path):
        (tmp_path / 'other').mkdir()
        assert _probe.sees(dict(at_work, cwd=str(tmp_path / 'other'))) == 'hidden'

    def test_a_network_of_its_own(self, at_work, monkeypatch):
        other = {'/proc/%d/ns/net' % at_work['pid']: 'net:[1]'}
        monkeypatch.setattr(_probe.os, 'readlink', lambda path, real=os.readlink: other.get(path) or real(path))
        assert _probe.sees(at_work) == 'network'

    @pytest.mark.parametrize('cwd', [None, '/gone', '/var/spool/mqueue (deleted)', '(unreachable)/mqueue'])
    def test_what_cannot_be_compared(self, at_work, cwd):
        assert _probe.sees(dict(at_work, cwd=cwd)) is None

    def test_what_is_read_only_to_it(self, at_work, monkeypatch):
        seen = os.statvfs(at_work['cwd'])
        monkeypatch.setattr(_probe.os, 'statvfs', lambda path: type('Room', (), {'f_flag': seen.f_flag | os.ST_RDONLY})
                            if path == '/proc/%d/cwd' % at_work['pid'] else seen)
        assert _probe.sees(at_work) == 'read_only'


@pytest.mark.parametrize('cwd, command, role, sees', [
    ('omqueue', '/usr/sbin/sendmail-mta -Am -L sm-mta -bd -q10m', 'daemon', 'other'),
    ('mqueue', '/usr/sbin/sendmail-mta -Am -L sm-mta -bd -q10m', 'daemon', None),
    ('', '/usr/sbin/sendmail-mta -L sm-mta -bd', 'daemon', None),            # of .../q* it is the directory above
    ('mqueue (deleted)', '/usr/sbin/sendmail-mta -L sm-mta -bd', 'daemon', None),
    ('omqueue', '/usr/sbin/sendmail-mta -bd -OQueueDirectory=/x/omqueue', 'daemon', None),
    ('omqueue', '/usr/sbin/sendmail-mta -C/etc/mail/slow.cf -bd', 'daemon', None),
    ('omqueue', '/usr/sbin/sendmail-mta -bd -oQ/x/omqueue', 'daemon', None),
    ('omqueue', '/usr/sbin/sendmail-mta -bd', 'queue_runner', None),
    ('omqueue', None, 'daemon', None),
])
def test_an_mta_whose_queue_was_renamed(tmp_path, cwd, command, role, sees):
    """main.c works in QueueDirectory. The Sendmail Installation and Operation Guide: "mv mqueue omqueue; mkdir mqueue", then a new daemon."""
    for name in ('mqueue', 'omqueue'):
        (tmp_path / name).mkdir()
    (tmp_path / 'pid').write_text('%d\n%s\n' % (NOW, command) if command else '7\n')
    directories, _errors = _spool.directories([('mqueue', str(tmp_path / 'mqueue'))])
    look = types.SimpleNamespace(settings={'mta': {'pid_file': str(tmp_path / 'pid')}}, directories={'mta': directories}, processes=[
        {'pid': NOW, 'cwd': str(tmp_path / cwd), 'role': role}])   # nobody has that number
    assert [one['sees'] for one in _probe._seen(look)] == [sees]


@pytest.mark.parametrize('user, group, mode, shut', [
    ('nobody', None, 0o700, True), ('65534', None, 0o755, True), ('nobody', None, 0o707, False), (None, None, 0o700, False), ('root', None, 0o700, False),
    ('no such user', None, 0o700, False), ('nobody', 'no such group', 0o700, False), ('nobody', str(os.getegid()), 0o770, False),
    ('nobody', str(os.getegid()), 0o750, True),
    ('nobody', None, 0o770, True)])     # it keeps one group alone: setgroups(1, ...) in drop_privileges()
def test_an_mta_that_works_as_an_ordinary_user(tmp_path, monkeypatch, user, group, mode, shut):
    """Seen with 8.17.1.9: it greets, takes MAIL and RCPT, and says "421 4.3.0 collect: Cannot write" to each message."""
    monkeypatch.setattr(os, 'getgrouplist', lambda _name, gid: [gid, os.getegid()])
    place = tmp_path / 'mqueue'
    place.mkdir()
    os.chown(str(place), -1, os.getegid())
    place.chmod(mode)
    directories, _errors = _spool.directories([('mqueue', str(place))])
    look = types.SimpleNamespace(settings={'mta': {'run_as_user': user, 'run_as_group': group}}, directories={'mta': directories},
                                 program={'setgid': False}, files={'mta': {'path': '/etc/mail/sendmail.cf'}})
    found = _probe._mta_shut(look)
    assert [(one[:len('RunAsUser in /etc/mail/sendmail.cf is , ') + len(str(user))], one[-len('0755: the MTA cannot write into it.'):]) for one in found] == [
        ('RunAsUser in /etc/mail/sendmail.cf is %s, ' % user, '%04o: the MTA cannot write into it.' % mode)] * shut


class TestSmartHost:
    RELAY = 'Mrelay, P=[IPC], F=mDFMuXa8, A=TCP $h\n'
    REFUSED = {'connected': False, 'error': 'connection_refused'}
    TAKEN = {'connected': True, 'error': None}

    @pytest.fixture
    def asked(self, monkeypatch):
        """What _smart_host() says of a sendmail.cf, where connections to these addresses come about; and which were tried."""
        def of(text, *taking, resolved=None, **change):
            tried = []

            def greeting(address, port, *_more):
                tried.append((address, port))
                return self.TAKEN if address in taking else self.REFUSED
            monkeypatch.setattr(_probe._network, 'greeting', greeting)
            monkeypatch.setattr(_probe._names, 'resolve', lambda questions, seconds: resolved)
            return _probe._smart_host(HEALTHY._replace(**dict({'configurations': {'mta': _cf.parse(text.encode())}}, **change))), tried
        return of

    @pytest.mark.parametrize('line, taking, said', [
        ('DS[192.0.2.77]\n', [], ['192.0.2.77 port 25: connection refused']), ('DS[192.0.2.77]\n', ['192.0.2.77'], []),
        ('DSrelay:[192.0.2.77]:[192.0.2.78]\n', ['192.0.2.78'], []),
        ('DSrelay:[192.0.2.77]:[192.0.2.78]\n', [], ['192.0.2.77 port 25: connection refused', '192.0.2.78 port 25: connection refused']),
        # To itself: that is the relay of the mail submission program, or a loop.
        ('DS[192.0.2.9]\n', [], [])])
    def test_a_connection_to_one_of_them_is_enough(self, asked, line, taking, said):
        assert asked(self.RELAY + line, *taking)[0] == said

    @pytest.mark.parametrize('text, change', [
        (RELAY, {}), (RELAY + 'DS\n', {}), (RELAY + 'DSlocal:somebody\nMlocal, P=/x, A=x\n', {}), (RELAY + 'DS[192.0.2.77]\n', {'processes': []})])
    def test_nobody_is_asked_without_a_smart_host_or_an_mta(self, asked, text, change):
        assert asked(text, **change) == ([], [])

    def test_a_name_that_cannot_be_looked_up(self, asked):
        gone = {'error': 'not_found', 'mx': [], 'mx_error': None, 'addresses': []}
        assert asked(self.RELAY + 'DShub.example.com\n', resolved={'hub.example.com': gone}) == (['hub.example.com: not found'], [])


@pytest.mark.parametrize('reason, change, answer, said', [
    ('connection_refused', {}, 'connection_refused', 'connection_refused'), ('connection_timeout', {}, 'connection_timeout', 'connection_timeout'),
    ('connection_refused', {}, None, ''), ('never_tried', {}, 'unasked', ''), ('connection_refused', {'greeting': DOWN}, 'unasked', '')])
def test_a_packet_filter_that_lets_the_runner_through_alone(monkeypatch, reason, change, answer, said):
    asked = []
    monkeypatch.setattr(_probe._network, 'greeting', lambda *of: asked.append(of) or {'connected': answer is None, 'error': answer})
    figures = {'top': {'reasons': [{'reason': 'tls'}, {'reason': reason}]}}
    assert _probe._shut_out(HEALTHY._replace(configurations={}, **change), figures) == said
    assert [of[:2] + (of[4],) for of in asked] == [('127.0.0.1', 25, (65534, 108))] * (answer != 'unasked')


STATUS = 'Name:\tsendmail-mta\nUid:\t0\t%d\t0\t0\nGid:\t0\t0\t0\t0\nCapPrm:\t000001ffffffffff\nCapEff:\t%016x\nCapBnd:\t000001ffffffffff\n'
LIMITS = 'Limit                     Soft Limit           Hard Limit           Units     \nMax file size             %s            unlimited            bytes\n'
GIVEN = 0xa82c35fb          # of a container; all of it was seen to deliver


@pytest.mark.parametrize('change, said', [
    ({}, []), ({'may': GIVEN & ~(1 << 7)}, ['has no CAP_SETUID (CapabilityBoundingSet=)']),
    ({'may': GIVEN & ~(1 << 6)}, ['has no CAP_SETGID (CapabilityBoundingSet=)']),
    ({'may': GIVEN & ~2}, ['has no CAP_DAC_OVERRIDE (CapabilityBoundingSet=)']), ({'may': GIVEN & ~1}, []),
    # A queue of root's own; mail that all goes on; a daemon of another user, and a runner.
    ({'may': GIVEN & ~2, 'uid': 0}, []), ({'may': 0, 'uid': 0, 'cf': b'DHhub.example.test\n'}, []), ({'may': 0, 'works_as': 105}, []),
    ({'may': 0, 'role': 'queue_runner'}, []), ({'may': 0, 'queue': 'msp'}, []),
    ({'blind': True}, []),                                             # who looks has no CAP_SYS_PTRACE
    ({'size': '100'}, ['may write no file of more than 100 bytes (LimitFSIZE=)']), ({'size': '8192'}, []),
    ({'other': True}, ['sees something else as /var/mail (InaccessiblePaths=, a mount)']),
    ({'frozen': True}, ['sees /var/mail read-only (ProtectSystem=, ReadOnlyPaths=, a mount)']), ({'frozen': True, 'cf': b'DRhub.example.test\n'}, []),
    ({'full': True}, ['delivers into /var/mail, which is full']), ({'full': True, 'cf': b'Mlocal, P=/usr/lib/dovecot/deliver, A=deliver\n'}, []),
    ({'gone': True}, ['delivers into /var/mail: No such file or directory']), ({'gone': True, 'cf': b'DHhub.example.test\n'}, [])])
def test_what_a_daemon_may_not_do(monkeypatch, change, said):
    """On a host each of these kept a message of an ordinary user from its mailbox, while the MTA greeted."""
    host = dict({'may': GIVEN, 'uid': 105, 'cf': b'Mlocal, P=/usr/sbin/sensible-mda, A=x\n', 'works_as': 0, 'role': 'daemon', 'queue': 'mta',
                 'size': 'unlimited', 'frozen': False, 'other': False, 'full': False, 'gone': False, 'blind': False}, **change)
    texts = {'/proc/7/status': STATUS % (host['works_as'], host['may']), '/proc/7/limits': LIMITS % host['size']}
    monkeypatch.setattr(_probe._system, 'slurp', lambda path, size: texts[path].encode())
    monkeypatch.setattr(_probe._system, 'file_state', lambda path: {'uid': host['uid']})
    monkeypatch.setattr(_probe, '_frozen', lambda path: host['frozen'] and path.startswith('/proc/'))
    monkeypatch.setattr(_probe, '_MAILBOXES', '/tmp')
    places = iter(['/', '/proc' if host['other'] else '/'])

    def status_of(path):
        if host['blind'] and path.startswith('/proc/'):
            raise PermissionError(13, 'Permission denied')
        return os.stat('/nowhere' if host['gone'] else next(places))
    monkeypatch.setattr(_probe, 'os', types.SimpleNamespace(
        path=types.SimpleNamespace(samestat=os.path.samestat, basename=os.path.basename, exists=lambda path: False),
        stat=status_of,
        statvfs=lambda path: types.SimpleNamespace(f_bavail=0 if host['full'] else 1)))
    look = HEALTHY._replace(configurations={'mta': _cf.parse(host['cf'])}, directories={'mta': [types.SimpleNamespace(control='/q')]},
                            processes=[dict(HEALTHY.processes[0], pid=7, title='x', role=host['role'], queue=host['queue'])])
    assert _probe._confined(look) == ['Process 7 (x) %s.' % one.replace('/var/mail', '/tmp') for one in said]
