# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What should be, what is, and putting it right: decisions on made-up owners, the changes on real files of whoever runs the tests."""
import errno
import os
import stat
import struct
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.mailops.sendmail.plugins.module_utils import _cf, _filesystem, _look, _permissions, _platform, _spool, _text

SMMSP, SMMTA, ALICE, NOBODY = 105, 106, 1000, 4242
MSP_GROUP, ALICE_GROUP = 115, 1000
ACCOUNTS = {'smmsp': {'uid': SMMSP, 'group': MSP_GROUP}, 'smmta': {'uid': SMMTA, 'group': 116}, 'root': {'uid': 0, 'group': 0},
            'mail': {'uid': 8, 'group': 8}, 'wheel': {'uid': None, 'group': 0}, 'daemon': {'uid': 1, 'group': 1}, 'other': {'uid': None, 'group': None},
            'mta': {'uid': 300, 'group': 300}}
SUBMIT = b'V10/Debian\nMlocal, P=[IPC]\nO QueueDirectory=%s\nO RunAsUser=smmsp\nO TrustedUser=smmsp\nO QueueFileMode=0660\nO UseMSP=True\n'
MTA = b'V10/Debian\nMlocal, P=[IPC]\nO QueueDirectory=%s\nO TrustedUser=smmta\nO QueueFileMode=0640\n'
MSP_FILE = _permissions.Want('/q', 'queue_file', SMMSP, MSP_GROUP, 0o660, True, owners=frozenset((SMMSP,)), shared=True)
MTA_FILE = _permissions.Want('/m', 'queue_file', 0, MSP_GROUP, 0o640, True, owners=frozenset((0, SMMTA)))


def about(uid, gid, mode, kind=stat.S_IFREG, links=1):
    return os.stat_result((kind | mode, 7, 8, links, uid, gid, 1, 0, 0, 0))


def look(layout=_platform.DEBIAN, msp=SUBMIT % b'/var/spool/mqueue-client', mta=MTA % b'/var/spool/mqueue', queues=None):
    files = {'msp': {'path': layout.submit_cf}, 'mta': {'path': layout.sendmail_cf}}
    configurations = {'msp': None if msp is None else _cf.parse(msp), 'mta': None if mta is None else _cf.parse(mta)}
    named = _cf.settings(configurations['msp']) if configurations['msp'] else {}
    who = {'user': named.get('run_as_user') or layout.msp_user, 'group': named.get('run_as_group') or layout.msp_group}
    return _look.Look(0, [], files, {'msp': [], 'mta': []} if queues is None else queues, None, layout, configurations, submitter=who)


def decide(want, found):
    """What the plan makes of one file: the new (uid, gid, mode), None when it is left alone."""
    one = _permissions.Found(want, want.path + '/x', 3, 'x', found)
    actions = list(_permissions.plan([one], lambda uid: uid != NOBODY))
    return actions[0].after if actions else None


@pytest.mark.parametrize('found, after', [
    # Right: the submitting user's, the runner's, root's before a rewrite with the group that lets the runner in.
    ((ALICE, MSP_GROUP, 0o660), None),
    ((SMMSP, MSP_GROUP, 0o660), None),
    ((SMMSP, MSP_GROUP, 0o600), None),
    ((0, MSP_GROUP, 0o660), None),
    # A submitter keeps the file.
    ((ALICE, ALICE_GROUP, 0o660), (ALICE, MSP_GROUP, 0o660)),
    ((ALICE, MSP_GROUP, 0o666), (ALICE, MSP_GROUP, 0o660)),
    ((ALICE, MSP_GROUP, 0o640), (ALICE, MSP_GROUP, 0o660)),
    ((ALICE, MSP_GROUP, 0o620), (ALICE, MSP_GROUP, 0o660)),
    # Root and users that do not exist do not.
    ((0, 0, 0o660), (SMMSP, MSP_GROUP, 0o660)),
    ((0, MSP_GROUP, 0o600), (SMMSP, MSP_GROUP, 0o660)),
    ((NOBODY, ALICE_GROUP, 0o660), (SMMSP, MSP_GROUP, 0o660)),
    ((SMMSP, ALICE_GROUP, 0o660), (SMMSP, MSP_GROUP, 0o660)),
    # The kernel asks the owner's bits of the owner, whatever the group's say.
    ((SMMSP, MSP_GROUP, 0o060), (SMMSP, MSP_GROUP, 0o660)),
])
def test_files_of_the_client_queue(found, after):
    assert decide(MSP_FILE, about(*found)) == after


@pytest.mark.parametrize('owner, overrides, after', [
    (0, (), None), (8, (), None), (ALICE, (), (0, 8, 0o770)),
    (8, ({'path': '/var/spool/clientmqueue', 'owner': 'root', 'group': None, 'mode': None},), (0, 8, 0o770)),
    (8, ({'path': '/var/spool/clientmqueue', 'owner': None, 'group': None, 'mode': 0o700},), (8, 8, 0o700))])
def test_the_client_queue_of_suse_belongs_to_root_or_to_mail(owner, overrides, after):
    """sendmail.spec says root:mail, system-users.spec (system-user-mail) and sendmail.tmpfiles, at each boot, mail:mail. Both work."""
    suse = look(_platform.SUSE, b'V10\nMlocal, P=[IPC]\nO QueueDirectory=/var/spool/clientmqueue\nO RunAsUser=mail\n')
    (want,) = [one for one in _permissions.wants(suse, None, ACCOUNTS, overrides)[0] if one.kind == 'queue_directory' and 'client' in one.path]
    assert decide(want, about(owner, 8, 0o770, stat.S_IFDIR)) == after


@pytest.mark.parametrize('layout, path, mode, overrides, right', [
    # Closed where the packaging leaves it open, as sendmail/SECURITY wants it: BSD.var.dist of FreeBSD says 0755, the PKGBUILD of Arch too.
    ('freebsd', '/var/spool/mqueue', 0o700, (), True),
    ('freebsd', '/var/spool/mqueue', 0o750, (), True),
    ('freebsd', '/var/spool/mqueue', 0o775, (), False),
    ('freebsd', '/var/spool/mqueue', 0o500, (), False),
    ('freebsd', '/var/spool/mqueue', 0o700, ({'path': '/var/spool/mqueue', 'owner': None, 'group': None, 'mode': 0o755},), False),
    ('arch', '/var/spool/mqueue', 0o700, (), True),
    # There the group works in it.
    ('debian', '/var/spool/mqueue', 0o2700, (), False),
    ('redhat', '/var/spool/mqueue', 0o755, (), False),
    # Root writes whatever the mode says.
    ('upstream', '/etc/mail/submit.cf', 0o644, (), True),
    ('redhat', '/etc/mail/sendmail.cf', 0o444, (), True),
    ('redhat', '/etc/mail/sendmail.cf', 0o640, (), False),
    ('upstream', '/etc/mail/submit.cf', 0o664, (), False),
    ('upstream', '/etc/mail/submit.cf', 0o644, ({'path': '/etc/mail/submit.cf', 'owner': None, 'group': None, 'mode': 0o444},), False),
    ('upstream', '/etc/mail', 0o711, (), True),
    ('debian', '/etc/mail', 0o2711, (), True),
    ('upstream', '/etc/mail', 0o750, (), False),
    ('upstream', '/etc/mail', 0o775, (), False),
    ('debian', '/etc/mail', 0o711, (), False),
    # TempFileMode=0640 (FileMode of log_sendmail_pid() in util.c), and "touch" in sm-client.service of Gentoo.
    ('upstream', '/var/run/sendmail.pid', 0o640, (), True),
    ('gentoo', '/var/spool/clientmqueue/sm-client.pid', 0o644, (), True),
    ('gentoo', '/var/spool/clientmqueue/sm-client.pid', 0o664, (), False),
])
def test_a_mode_that_lets_nobody_in_is_as_good(layout, path, mode, overrides, right):
    chosen = look(_platform.PLATFORMS[layout], None, None)
    (want,) = [one for one in _permissions.wants(chosen, None, ACCOUNTS, overrides)[0] if one.path == path and one.kind != 'queue_file']
    kind = stat.S_IFDIR if want.kind.endswith('directory') else stat.S_IFREG
    after = decide(want, about(want.uid, want.gid or 0, mode, kind))
    assert after == (None if right else (want.uid, want.gid or 0, want.mode))


@pytest.mark.parametrize('found, after', [
    ((0, MSP_GROUP, 0o640), None),
    ((0, 0, 0o600), None),
    ((SMMTA, MSP_GROUP, 0o640), None),
    ((SMMTA, MSP_GROUP, 0o660), (SMMTA, MSP_GROUP, 0o640)),
    ((0, 0, 0o602), (0, MSP_GROUP, 0o640)),
    ((ALICE, ALICE_GROUP, 0o600), (0, MSP_GROUP, 0o640)),
])
def test_files_of_the_mta_queue(found, after):
    assert decide(MTA_FILE, about(*found)) == after


def test_without_the_group_exception_the_runner_must_own_the_file():
    want = MSP_FILE._replace(mode=0o600, shared=False)
    assert decide(want, about(ALICE, MSP_GROUP, 0o600)) == (SMMSP, MSP_GROUP, 0o600)
    assert decide(want, about(SMMSP, MSP_GROUP, 0o600)) is None


def test_a_trusted_owner_is_not_enough_when_the_runner_cannot_read():
    want = MTA_FILE._replace(uid=300, owners=frozenset((300, SMMTA)))
    assert decide(want, about(SMMTA, MSP_GROUP, 0o640)) == (300, MSP_GROUP, 0o640)
    assert decide(want._replace(mode=0o660), about(SMMTA, 1, 0o660)) == (SMMTA, MSP_GROUP, 0o660)
    assert decide(want, about(300, 1, 0o600)) is None


@given(st.sampled_from((MSP_FILE, MTA_FILE, MSP_FILE._replace(mode=0o600, shared=False))),
       st.sampled_from((0, SMMSP, SMMTA, ALICE, NOBODY)), st.sampled_from((0, MSP_GROUP, ALICE_GROUP)), st.integers(0, 0o777))
def test_what_the_plan_makes_is_right_and_stays(want, uid, gid, mode):
    after = decide(want, about(uid, gid, mode))
    if after is None:
        assert _permissions.queue_file_right(want, about(uid, gid, mode))
    else:
        assert not _permissions.queue_file_right(want, about(uid, gid, mode))
        assert decide(want, about(*after)) is None


@pytest.mark.parametrize('kind, links, reason', [
    (stat.S_IFLNK, 1, 'It is a symbolic link.'), (stat.S_IFIFO, 1, 'It is a FIFO.'), (stat.S_IFSOCK, 1, 'It is a socket.'),
    (stat.S_IFDIR, 2, 'It is a directory.'), (stat.S_IFCHR, 1, 'It is a device.'), (stat.S_IFREG, 2, 'It has 2 names (hard links): all of them would change.'),
])
def test_what_is_no_file_of_one_name_is_left_alone(kind, links, reason):
    one = _permissions.Found(MSP_FILE, '/q/qf1', 3, 'qf1', about(0, 0, 0o777, kind, links))
    action, = _permissions.plan([one], lambda uid: True)
    assert (action.what, action.reason) == ('skip', reason)


@pytest.mark.parametrize('layout', ['upstream', 'redhat', 'suse', 'freebsd', 'debian'])
@pytest.mark.parametrize('user, owner', [(b'mta', 300), (b'300', 300), (b'mta:other', 300), (b'root', None), (b'0', None), (b'', None)])
def test_an_mta_with_a_user_of_its_own_has_to_own_its_queue(layout, user, owner):
    """8.17.1.9 as RunAsUser=nobody, with a queue of root:root 0700: 421 4.3.0 collect: Cannot write ./df... (bfcommit, uid=65534): Permission denied.
    With the same queue nobody's it takes the mail; its pid file is root's in both (getrequests() in daemon.c comes before drop_privileges()).
    """
    chosen = look(_platform.PLATFORMS[layout], None, MTA % b'/var/spool/mqueue' + b'O RunAsUser=%s\n' % user + b'O StatusFile=/var/log/sendmail.st\n')
    wants = _permissions.wants(chosen, None, ACCOUNTS)[0]
    stock = _permissions.wants(look(_platform.PLATFORMS[layout], None, MTA % b'/var/spool/mqueue'), None, ACCOUNTS)[0]

    def uid(found, kind):
        return [one.uid for one in found if one.kind == kind and 'client' not in one.path and one.path != '/var/lib/sendmail/sm-client.st']
    assert uid(wants, 'queue_directory') == ([owner] if owner else uid(stock, 'queue_directory'))
    assert uid(wants, 'statistics') == ([owner] if owner else uid(stock, 'statistics'))
    assert [one for one in wants if one.kind == 'pid_file'] == [one for one in stock if one.kind == 'pid_file']


@pytest.mark.parametrize('msp, mode, wanted', [
    (None, '4755', False), (None, '2755', True), (None, '0755', True), (SUBMIT % b'/var/spool/clientmqueue', '4755', True)])
def test_a_set_user_id_program_without_a_submit_cf_stays_one(msp, mode, wanted):
    """8.17.1.9 without submit.cf: of mode 4755 it takes the mail of an ordinary user; of mode 2755 it ends with 78, "can not chdir(/var/spool/mqueue/)"."""
    chosen = look(_platform.UPSTREAM, msp)._replace(program={'mode': mode, 'owner': 'root'})
    assert [one.kind for one in _permissions.wants(chosen, '/usr/sbin/sendmail', ACCOUNTS)[0]].count('binary') == wanted


@pytest.mark.parametrize('mode, reasons', [(0o2755, []), (0o755, ['It has 2 names (hard links): all of them would change.'])])
def test_a_program_in_a_system_of_ostree_has_several_names(mode, reasons):
    """ostree admin deploy checks /usr out as hard links into /ostree/repo: Fedora CoreOS, Silverblue, image mode of RHEL."""
    (want,) = [one for one in _permissions.wants(look(_platform.REDHAT, None, None), '/usr/sbin/sendmail.sendmail', ACCOUNTS)[0] if one.kind == 'binary']
    one = _permissions.Found(want, want.path, 3, 'sendmail.sendmail', about(0, MSP_GROUP, mode, links=2))
    assert [(action.what, action.reason) for action in _permissions.plan([one], lambda uid: True)] == [('skip', reason) for reason in reasons]


def test_debian():
    wants, errors = _permissions.wants(look(), '/usr/libexec/sendmail/sendmail', ACCOUNTS, (), {'/usr/libexec/sendmail/sendmail': 'root mail 2755'})
    assert errors == []
    found = dict(((want.path, want.kind), want) for want in wants)
    assert found['/var/spool/mqueue-client', 'queue_directory'][2:7] == (SMMSP, MSP_GROUP, 0o2770, False, True)
    assert found['/var/spool/mqueue', 'queue_directory'][2:7] == (SMMTA, MSP_GROUP, 0o2750, False, True)
    assert found['/var/spool/mqueue-client', 'queue_file'] == MSP_FILE._replace(path='/var/spool/mqueue-client')
    assert found['/var/spool/mqueue', 'queue_file'] == MTA_FILE._replace(path='/var/spool/mqueue')
    binary = found['/usr/libexec/sendmail/sendmail', 'binary']
    assert (binary.uid, binary.gid, binary.mode, binary.override, binary.overridden) == (0, MSP_GROUP, 0o2755, 'root smmsp 2755', 'root mail 2755')
    assert found['/var/lib/sendmail/sm-client.st', 'statistics'].uid == SMMSP
    assert {'/run/sendmail', '/run/sendmail/mta', '/run/sendmail/msp', '/run/sendmail/stampdir', '/etc/mail'} == {
        path for path, kind in found if kind == 'directory'}
    kinds = [want.kind for want in wants]
    assert kinds.index('queue_file') < kinds.index('queue_directory')


@pytest.mark.parametrize('layout', _platform.PLATFORMS.values(), ids=lambda layout: layout.family)
def test_every_platform_has_an_answer_for_everything(layout):
    wants, errors = _permissions.wants(look(layout, None, None), layout.rules['binary'].path, ACCOUNTS)
    assert errors == []
    kinds = set(want.kind for want in wants)
    assert kinds == {'binary', 'queue_directory', 'queue_file', 'configuration', 'directory', 'pid_file', 'statistics'}
    assert {want.path for want in wants if want.kind == 'queue_directory'} == {layout.rules['msp_queue'].path, layout.rules['mta_queue'].path}
    assert all(want.override is None for want in wants)


def test_dpkg_is_told_only_about_its_own_program():
    # A hand-built Sendmail on Debian: dpkg never unpacks it again, and an entry would come into the way of the package.
    layout = _platform.UPSTREAM
    wants, _errors = _permissions.wants(look(layout), layout.rules['binary'].path, ACCOUNTS, statoverrides={})
    assert [(want.mode, want.override) for want in wants if want.kind == 'binary'] == [(0o2555, None)]


def test_owners_of_an_unknown_packaging_are_not_guessed(monkeypatch):
    monkeypatch.setattr(_look, 'look', lambda level, queue: look(_platform.UNKNOWN)._replace(program={'sendmail': '/usr/sbin/sendmail'}))
    with pytest.raises(_text.SendmailError) as caught:
        _permissions.put_right()
    assert str(caught.value) == _platform.UNTOLD


def test_only_the_client_queue():
    wants, errors = _permissions.wants(look(queues={'msp': []}), '/usr/libexec/sendmail/sendmail', ACCOUNTS)
    paths = {want.path for want in wants}
    assert '/etc/mail/submit.cf' in paths and '/run/sendmail/msp' in paths
    assert not paths & {'/etc/mail/sendmail.cf', '/var/spool/mqueue', '/run/sendmail/mta'}


def test_the_configuration_names_places_and_users():
    msp = SUBMIT.replace(b'=smmsp', b'=mta') % b'/srv/client' + b'O PidFile=/srv/msp.pid\nO StatusFile=/dev/null\n'
    mta = MTA % b'/var/spool/mqueue/q*' + b'Qslow, P=/var/spool/mqueue/slow\nO RunAsUser=mta:mail\n'
    directory = _spool.QueueDirectory('mqueue', '/var/spool/mqueue/q1', '/var/spool/mqueue/q1/qf', '/var/spool/mqueue/q1/df', '/var/spool/mqueue/q1', False)
    wants, errors = _permissions.wants(look(msp=msp, mta=mta, queues={'msp': [], 'mta': [directory]}), None, ACCOUNTS)
    assert errors == []
    directories = {want.path: want for want in wants if want.kind == 'queue_directory'}
    assert set(directories) == {'/srv/client', '/var/spool/mqueue', '/var/spool/mqueue/slow', '/var/spool/mqueue/q1', '/var/spool/mqueue/q1/qf',
                                '/var/spool/mqueue/q1/df'}
    # What a pattern stands for is what is there; only what is named is made.
    assert {path for path, want in directories.items() if want.create} == {'/srv/client', '/var/spool/mqueue', '/var/spool/mqueue/slow'}
    assert directories['/srv/client'].uid == 300
    files = {want.path: want for want in wants if want.kind == 'queue_file'}
    assert files['/srv/client'].uid == 300 and files['/var/spool/mqueue/q1/qf'].uid == 300
    assert files['/var/spool/mqueue/q1/qf'].owners == frozenset((300, SMMTA))
    assert '/srv/msp.pid' in {want.path for want in wants if want.kind == 'pid_file'}
    assert 'binary' not in {want.kind for want in wants}


def test_a_pattern_in_a_directory_of_others_does_not_mean_that_directory():
    wants, _errors = _permissions.wants(look(mta=MTA % b'/var/spool/q*'), None, ACCOUNTS)
    assert '/var/spool' not in {want.path for want in wants}


def test_a_system_directory_is_no_queue():
    wants, errors = _permissions.wants(look(mta=MTA % b'/var/spool/'), None, ACCOUNTS)
    assert [error['path'] for error in errors] == ['/var/spool']
    assert '/var/spool' not in {want.path for want in wants}


def test_a_missing_user_is_an_error_for_its_paths_only():
    accounts = dict(ACCOUNTS, smmta={'uid': None, 'group': None})
    wants, errors = _permissions.wants(look(), None, accounts)
    assert {error['path'] for error in errors} >= {'/var/spool/mqueue', '/etc/mail'}
    assert 'no user smmta' in errors[0]['error'] and 'sendmail_msp' in errors[0]['error']
    assert '/var/spool/mqueue-client' in {want.path for want in wants}


def test_overrides():
    overrides = [{'path': '/var/spool/mqueue/', 'owner': None, 'group': 'mail', 'mode': 0o750}]
    wants, _errors = _permissions.wants(look(), None, ACCOUNTS, overrides)
    directory, = [want for want in wants if want.path == '/var/spool/mqueue' and want.kind == 'queue_directory']
    assert directory[2:5] == (SMMTA, 8, 0o750)
    with pytest.raises(_text.SendmailError, match='/etc/shadow is not a path that this module manages'):
        _permissions.wants(look(), None, ACCOUNTS, [{'path': '/etc/shadow', 'owner': 'smmsp', 'group': None, 'mode': None}])


@pytest.mark.parametrize('option, words', [
    ('owner', "overrides.owner: there is no user 'nobody here'"), ('group', "overrides.group: there is no group 'nobody here'")])
def test_an_override_names_an_account_that_is_not_there(option, words):
    accounts = dict(ACCOUNTS, **{'nobody here': {'uid': None, 'group': None}})
    with pytest.raises(_text.SendmailError, match=words):
        _permissions.wants(look(), None, accounts, [dict({'path': '/var/spool/mqueue', 'owner': None, 'group': None, 'mode': None}, **{option: 'nobody here'})])


@pytest.mark.parametrize('option', ['owner', 'group'])
@pytest.mark.parametrize('name', ['4294967295', '99999999999999999999', '\u00b2', '\u0663', 'a\0b', 'a\nb', '-1'])
def test_an_override_names_what_can_be_no_account(option, name, monkeypatch):
    """4294967295 is -1 to the system, which leaves the owner as it is."""
    monkeypatch.setattr(_permissions._look, 'look', None)
    with pytest.raises(_text.SendmailError, match='overrides.%s: .*is neither a name nor a number' % option):
        _permissions.put_right('all', [{'path': '/var/spool/mqueue', option: name}])


@pytest.mark.parametrize('name', ['0', '4294967294', 'smmsp', 'DOMAIN\\mail user', 'b\u00f6b', '12ab'])
def test_an_override_may_name_an_account_so(name):
    _permissions._check_names({'path': '/q', 'owner': name, 'group': None})


def test_an_override_of_the_program_is_what_dpkg_keeps():
    path = '/usr/libexec/sendmail/sendmail'
    wants, _errors = _permissions.wants(look(), path, ACCOUNTS, [{'path': path, 'owner': None, 'group': None, 'mode': 0o2555}], {})
    binary, = [want for want in wants if want.kind == 'binary']
    assert (binary.mode, binary.override, binary.overridden) == (0o2555, 'root smmsp 2555', '')


@pytest.mark.parametrize('mode, number', [('0750', 0o750), ('2770', 0o2770), (0o750, 0o750), (None, None)])
def test_modes(mode, number):
    assert _permissions._mode({'path': '/q', 'mode': mode}) == number


@pytest.mark.parametrize('mode', ['u=rwx', '0980', '10000', -1, ''])
def test_what_is_no_mode(mode):
    with pytest.raises(_text.SendmailError, match='octal'):
        _permissions._mode({'path': '/q', 'mode': mode})


@pytest.mark.parametrize('mode, shown', [
    (2555, '4773'), (2755, '5303'), (4555, None), (2770, '5322'), (2750, '5276'), (770, '1402'), (755, '1363'), (750, '1356'), (700, '1274'), (640, '1200'),
    (660, '1224'), (600, '1130'), (True, '0001'), ('0777', '0777'), ('2772', '2772'), ('0070', '0070')])
def test_a_number_that_somebody_meant_in_octal(mode, shown):
    """Without quotes and without a 0 in front YAML reads 2555 as a decimal number, and that is set-user-ID and writable by anybody."""
    with pytest.raises(_text.SendmailError, match='is mode %s, by which anybody' % shown if shown else 'is not a mode'):
        _permissions._mode({'path': '/q', 'mode': mode})


@pytest.mark.parametrize('mode', ['2555', '4555', '0700', '2770', '0640', '0400', 0o2750, 0o440])
def test_a_mode_that_may_be_meant(mode):
    assert _permissions._mode({'path': '/q', 'mode': mode}) == (int(mode, 8) if isinstance(mode, str) else mode)


@pytest.fixture
def queue(tmp_path):
    """A queue of ours with every kind of thing in it: a Want for its files, and one for the directory."""
    place = tmp_path / 'queue'
    place.mkdir()
    place.chmod(0o700)
    me = place.stat()
    for name, mode in (('qfAAAAAAAA000001', 0o660), ('dfAAAAAAAA000001', 0o660), ('QfAAAAAAAA000002', 0o666), ('tfAAAAAAAA000003', 0o640),
                       ('qfAAAAAAAA000004', 0o662), ('sm-client.pid', 0o666), ('notes', 0o666), ('qf' + 'A' * 30, 0o666)):
        (place / name).write_bytes(b'x')
        (place / name).chmod(mode)
    (tmp_path / 'secret').write_bytes(b'x')
    (tmp_path / 'secret').chmod(0o604)
    os.symlink(str(tmp_path / 'secret'), str(place / 'qfAAAAAAAA000005'))
    os.mkfifo(str(place / 'qfAAAAAAAA000006'), 0o666)
    os.link(str(tmp_path / 'secret'), str(place / 'dfAAAAAAAA000007'))
    (place / 'slow').mkdir()
    files = _permissions.Want(str(place), 'queue_file', me.st_uid, me.st_gid, 0o660, True, owners=frozenset((me.st_uid,)))
    return SimpleNamespace(place=place, wants=[files, files._replace(kind='queue_directory', mode=0o770, optional=False, create=True)],
                           secret=tmp_path / 'secret')


def run(wants, check_mode=False):
    return _permissions.apply(_permissions.plan(_permissions.inspect(wants), lambda uid: True), check_mode)


def modes(place):
    return {path.name: stat.S_IMODE(path.lstat().st_mode) for path in [place] + list(place.iterdir())}


def test_put_right(queue):
    before = modes(queue.place)
    checked = run(queue.wants, check_mode=True)
    assert modes(queue.place) == before
    outcome = run(queue.wants)
    assert checked.result() == outcome.result() and checked.diff() == outcome.diff()
    changed = {'QfAAAAAAAA000002': 0o660, 'qfAAAAAAAA000004': 0o660, 'queue': 0o770}
    assert modes(queue.place) == dict(before, **changed)
    assert stat.S_IMODE(queue.secret.stat().st_mode) == 0o604
    result = outcome.result()
    assert {os.path.basename(change['path']) for change in result['changes']} == set(changed)
    assert (result['changed'], result['changes_total'], result['changes_by_kind']) == (True, 3, {'queue_file': 2, 'queue_directory': 1})
    assert {os.path.basename(entry['path']): entry['reason'].split()[-1] for entry in result['left_alone']} == {
        'qfAAAAAAAA000005': 'link.', 'qfAAAAAAAA000006': 'FIFO.', 'dfAAAAAAAA000007': 'change.'}
    again = run(queue.wants).result()
    assert (again['changed'], again['changes_total'], again['left_alone_total']) == (False, 0, 3)


def test_a_missing_queue_directory_is_made(queue):
    place = queue.place / 'made'
    wants = [want._replace(path=str(place)) for want in queue.wants]
    checked = run(wants, check_mode=True)
    assert not place.exists()
    assert checked.result()['changes'][0]['before'] is None and '(missing)' in checked.diff()['before']
    outcome = run(wants)
    assert stat.S_IMODE(place.stat().st_mode) == 0o770
    assert outcome.result() == checked.result() and not run(wants).result()['changed']


@pytest.mark.parametrize('swap', ['file', 'link', 'directory'])
def test_what_takes_the_place_of_a_directory_that_was_just_made_is_not_given_away(queue, monkeypatch, swap):
    """A queue group's directory can lie in the directory of another one, whose user can put a hard link there instead (fs.protected_hardlinks 0)."""
    place, really = queue.place / 'made', os.mkdir
    before = queue.secret.stat()
    other = queue.place / 'slow'
    other.chmod(0o751)

    def mkdir(name, mode, dir_fd=None):
        really(name, mode, dir_fd=dir_fd)
        os.rmdir(name, dir_fd=dir_fd)
        if swap == 'file':
            os.link(str(queue.secret), str(place))
        elif swap == 'link':
            place.symlink_to(queue.secret)
        else:
            other.rename(place)
    monkeypatch.setattr(_permissions.os, 'mkdir', mkdir)
    result = run([queue.wants[1]._replace(path=str(place))]).result()
    after = queue.secret.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert not result['changed'] and result['errors' if swap != 'directory' else 'left_alone'], result
    if swap == 'directory':
        assert stat.S_IMODE(place.stat().st_mode) == 0o751


@pytest.mark.parametrize('policy, printed, number, label', [
    # policy/modules/services/mta.fc: /var/spool/(client)?mqueue(/.*)?  system_u:object_r:mqueue_spool_t:s0
    (True, 'system_u:object_r:mqueue_spool_t:s0\n', 0, b'system_u:object_r:mqueue_spool_t:s0'),
    (True, 'system_u:object_r:mqueue_spool_t:s0\n', errno.ENOTSUP, None),   # mounted with context=
    (True, '<<none>>\n', 0, None),      # the policy says nothing of the path
    (True, '', 0, None),                # there is no matchpathcon
    (False, 'system_u:object_r:mqueue_spool_t:s0\n', 0, None),
])
def test_a_queue_directory_that_is_made_has_the_context_of_its_path(queue, tmp_path, monkeypatch, policy, printed, number, label):
    place = queue.place / 'made'
    asked, given = [], []

    def setxattr(handle, name, value):
        assert os.path.samestat(os.fstat(handle), place.stat()) and name == 'security.selinux'
        if number:
            raise OSError(number, 'no')
        given.append(value)
    (tmp_path / 'enforce').write_text('1')
    monkeypatch.setattr(_permissions, 'SELINUX', str(tmp_path / ('enforce' if policy else 'none')))
    monkeypatch.setattr(_permissions._system, 'command', lambda argv: asked.append(argv) or printed)
    monkeypatch.setattr(_permissions.os, 'setxattr', setxattr, raising=False)
    wants = [want._replace(path=str(place)) for want in queue.wants]
    run(wants, check_mode=True)
    assert asked == given == []
    assert run(wants).result()['errors'] == [] and stat.S_IMODE(place.stat().st_mode) == 0o770
    assert given == [label] * bool(label) and asked == [['matchpathcon', '-n', '-N', str(place)]] * policy
    run(wants)
    assert len(asked) <= 1, 'the context of what was there before is the administrator\'s'


def test_a_directory_whose_group_no_packaging_names_is_made_as_root_would(queue):
    """Sendmail's own Makefiles leave the group of /var/spool/mqueue to the system; mkdir(1) of root gives it his."""
    want = queue.wants[1]._replace(path=str(queue.place / 'mqueue'), uid=None, gid=None, mode=0o700)
    assert [(action.what, action.after) for action in _permissions.plan(_permissions.inspect([want]), lambda uid: True)] == [('create', (0, 0, 0o700))]
    assert run([want], check_mode=True).result()['changes'][0]['after'] == {'owner': 'root', 'group': _permissions.grp.getgrgid(0).gr_name, 'mode': '0700'}


def test_missing_things(queue):
    want = queue.wants[1]._replace(path=str(queue.place / 'not' / 'there'), kind='configuration', create=False)
    assert 'install Sendmail' in run([want]).result()['errors'][0]['error']
    assert 'sendmail_msp' in run([want._replace(path=want.path + '/submit.cf')]).result()['errors'][0]['error']
    assert 'queue: msp' in run([want._replace(path=want.path + '/sendmail.cf')]).result()['errors'][0]['error']
    assert run([want._replace(optional=True)]).result()['errors'] == []
    assert 'directory that should hold it' in run([want._replace(kind='queue_directory', create=True)]).result()['errors'][0]['error']


def test_a_queue_that_is_not_mounted_is_not_touched(queue, monkeypatch):
    monkeypatch.setattr(_permissions._filesystem, 'under', lambda path: {'unmounted': str(queue.place)})
    before = modes(queue.place)
    result = run(queue.wants).result()
    assert modes(queue.place) == before and not result['changed']
    assert len(result['errors']) == 1 and 'not mounted' in result['errors'][0]['error']


@pytest.mark.parametrize('check_mode', [True, False])
def test_what_was_replaced_meanwhile_is_left_alone(queue, check_mode):
    actions = []
    for action in _permissions.plan(_permissions.inspect(queue.wants[:1]), lambda uid: True):
        if action.what == 'change' and not actions:
            new = queue.place / 'new'
            new.write_bytes(b'y')
            new.chmod(0o666)
            new.rename(queue.place / action.found.name)
            actions.append(action.found.name)
            outcome = _permissions.apply([action], check_mode)
    assert outcome.result()['left_alone'][0]['reason'].startswith('It was replaced') and not outcome.result()['changed']
    assert stat.S_IMODE((queue.place / actions[0]).stat().st_mode) == 0o666


@pytest.mark.parametrize('check_mode', [True, False])
def test_what_is_mounted_in_a_queue_is_not_of_the_queue(queue, check_mode, monkeypatch):
    """A file that root has mounted over a name there is somewhere else as well, and would change there."""
    path = queue.place / 'qfAAAAAAAA000004'
    table = [('/', 'ext4', 'rw')] + [(str(place), 'ext4', 'rw') for place in (path, queue.place)]
    monkeypatch.setattr(_filesystem, 'mounts', lambda name: table if name == '/proc/self/mounts' else [])
    outcome = run(queue.wants, check_mode)
    assert modes(queue.place)['qfAAAAAAAA000004'] == 0o662
    assert {'path': str(path), 'reason': 'It is a mount point: what is mounted there would change.'} in outcome.left_alone
    assert str(queue.place) in [change['path'] for change in outcome.changes]


@pytest.mark.parametrize('check_mode', [True, False])
def test_an_access_control_list_gives_nobody_more(queue, check_mode):
    """chmod() sets the mask of a list: whoever it names could then read the mail."""
    path = queue.place / 'qfAAAAAAAA000004'
    names = struct.pack('<IHHIHHIHHIHHIHHI', 2, 1, 6, 0xffffffff, 2, 6, 4711, 4, 0, 0xffffffff, 16, 0, 0xffffffff, 32, 2, 0xffffffff)
    try:
        os.setxattr(str(path), 'system.posix_acl_access', names)
    except OSError as error:
        pytest.skip('no access control lists here: %s' % error)
    before = os.stat(str(path)).st_mode, os.getxattr(str(path), 'system.posix_acl_access')
    outcome = run(queue.wants, check_mode)
    assert (os.stat(str(path)).st_mode, os.getxattr(str(path), 'system.posix_acl_access')) == before
    assert {'path': str(path), 'reason': 'It has an access control list, and another mode would change what that gives to others: '
                                         'remove it with setfacl -b.'} in outcome.left_alone


@pytest.mark.parametrize('call, number', [('stat', errno.EIO), ('stat', errno.ESTALE), ('scandir', errno.EIO)])
def test_what_a_disk_or_a_server_does_not_say_is_one_error(queue, monkeypatch, call, number):
    (queue.place / 'qfBBBBBBBB000001').write_bytes(b'')
    real, (want,) = getattr(os, call), [one for one in queue.wants if one.kind == 'queue_file']
    before = len(run([want], True).changes)

    def fails(path, **more):
        if call == 'scandir' or path == 'qfBBBBBBBB000001':
            raise OSError(number, os.strerror(number), path)
        return real(path, **more)
    monkeypatch.setattr(_permissions._spool, 'check_content', lambda *given: monkeypatch.setattr(os, call, fails))
    outcome = run([want], True)
    monkeypatch.setattr(os, call, real)
    assert outcome.errors == [{'path': str(queue.place / 'qfBBBBBBBB000001') if call == 'stat' else str(queue.place), 'error': os.strerror(number)}]
    assert len(outcome.changes) == (before if call == 'stat' else 0)


@pytest.mark.parametrize('flags, immutable, words', [(os.ST_RDONLY, False, 'read-only'), (0, True, 'chattr -ia')])
def test_check_mode_promises_nothing_that_cannot_be_changed(queue, monkeypatch, flags, immutable, words):
    wants = [queue.wants[0], queue.wants[1]._replace(path=str(queue.place / 'made'))] if flags else queue.wants[:1]
    monkeypatch.setattr(_permissions._filesystem, 'immutable', lambda descriptor: immutable)
    monkeypatch.setattr(_permissions.os, 'fstatvfs', lambda descriptor: SimpleNamespace(f_flag=flags))
    before = modes(queue.place)
    checked, done = run(wants, check_mode=True).result(), run(wants).result()
    assert checked == done and modes(queue.place) == before
    assert not done['changed'] and len(done['errors']) == 2 + bool(flags) and all(words in error['error'] for error in done['errors'])


def test_what_was_delivered_meanwhile_is_no_error(queue):
    errors = []
    for action in _permissions.plan(_permissions.inspect(queue.wants[:1]), lambda uid: True):
        if action.what == 'change':
            (queue.place / action.found.name).unlink()
            errors.append(_permissions.apply([action], False).result()['errors'])
    assert errors == [[], []]


def test_the_list_is_cut_and_the_count_is_not(queue):
    for number in range(_permissions.LISTED + 5):
        path = queue.place / ('qfBBBBBBBB%06d' % number)
        path.write_bytes(b'')
        path.chmod(0o666)
    outcome = run(queue.wants)
    assert len(outcome.result()['changes']) == _permissions.LISTED and outcome.result()['changes_total'] == _permissions.LISTED + 8
    assert outcome.diff()['after'].endswith('... and 8 more\n')


def test_names_from_a_queue_are_made_printable(queue):
    path = os.path.join(os.fsencode(str(queue.place)), b'qfAAAA\x1b[31m\xff1')
    with open(path, 'wb'):
        pass
    os.chmod(path, 0o666)
    assert any(change['path'].endswith('/qfAAAA\\x1b[31m\\xff1') for change in run(queue.wants).result()['changes'])


def test_a_link_for_a_queue_subdirectory_is_an_error(queue):
    os.symlink('/etc', str(queue.place / 'qf'))
    queue.place.chmod(0o770)
    want = queue.wants[1]._replace(path=str(queue.place / 'qf'))
    before = os.stat('/etc').st_mode
    result = run([want, want._replace(kind='queue_file')]).result()
    assert 'symbolic link' in result['errors'][0]['error'] and '/etc' in result['errors'][0]['error'] and len(result['errors']) == 1
    assert os.stat('/etc').st_mode == before


def test_descriptors_are_closed(queue):
    before = os.listdir('/proc/self/fd') if os.path.isdir('/proc/self/fd') else []
    run(queue.wants + [queue.wants[1]._replace(path=str(queue.place / 'missing'), create=False)])
    assert (os.listdir('/proc/self/fd') if before else []) == before


def test_statoverride_file(tmp_path, monkeypatch):
    monkeypatch.setattr(_permissions, 'STATOVERRIDE', str(tmp_path / 'dpkg' / 'statoverride'))
    assert _permissions._statoverrides() is None
    (tmp_path / 'dpkg').mkdir()
    assert _permissions._statoverrides() == {}
    (tmp_path / 'dpkg' / 'statoverride').write_text('root crontab 2755 /usr/bin/crontab\nroot smmsp 02755 /usr/libexec/sendmail/sendmail\n')
    assert _permissions._statoverrides() == {'/usr/bin/crontab': 'root crontab 2755', '/usr/libexec/sendmail/sendmail': 'root smmsp 2755'}


def test_statoverride_is_replaced(queue, tmp_path, monkeypatch):
    log = tmp_path / 'log'
    fake = tmp_path / 'dpkg-statoverride'
    fake.write_text('#!/bin/sh\necho "$@" >>%s\n' % log)
    fake.chmod(0o755)
    real = __import__('subprocess').run
    monkeypatch.setattr('subprocess.run', lambda command, **more: real([str(fake)] + command[1:], **more))
    program = tmp_path / 'sendmail'
    program.write_bytes(b'')
    program.chmod(0o755)
    want = queue.wants[1]._replace(path=str(program), kind='binary', mode=0o2755, override='root smmsp 2755', overridden='root mail 2755', create=False)
    checked = run([want], check_mode=True)
    assert not log.exists()
    outcome = run([want])
    assert log.read_text().splitlines() == ['--remove %s' % program, '--add root smmsp 2755 %s' % program]
    assert stat.S_IMODE(program.stat().st_mode) == 0o2755
    assert 'dpkg-statoverride: root mail 2755' in outcome.diff()['before'] and checked.result() == outcome.result()
    assert not run([want._replace(overridden='root smmsp 2755')]).result()['changed']


@pytest.mark.parametrize('names, user, given', [
    (['authorized_keys'], os.getuid() + 1, False), (['remote/'], os.getuid() + 1, False),     # /root/.ssh, /var/log/journal
    (['authorized_keys'], os.getuid(), True), ([], os.getuid() + 1, True), (['qf/'], os.getuid() + 1, True),
    (['notes', 'qf6ANFSGLL000001'], os.getuid() + 1, True), (['group/'], os.getuid() + 1, True),
])
def test_what_has_nothing_of_a_queue_in_it_is_not_given_away(tmp_path, names, user, given):
    place = tmp_path / 'q'
    place.mkdir(0o700)
    for name in names:
        (place / name).mkdir() if name[-1:] == '/' else (place / name).touch()
    wants = [_permissions.Want(str(place), 'queue_directory', user, os.getgid(), 0o2770),
             _permissions.Want(str(place / 'group'), 'queue_directory', user, os.getgid(), 0o2770, optional=True)]
    wants = wants if 'group/' in names else wants[:1]
    actions = [action.what for action in _permissions.plan(_permissions.inspect(wants), lambda uid: True)]
    assert actions[0] == ('error' if not given else 'change')
