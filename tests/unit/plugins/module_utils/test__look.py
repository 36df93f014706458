# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One look at one host, with configuration files and queues of a host that is laid out in a directory."""
import os

import pytest
from ansible_collections.mailops.sendmail.plugins.module_utils import _cf, _look, _platform, _probe, _spool, _system
from ansible_collections.mailops.sendmail.tests.unit.laid_out import SUBMIT, bare_host, queue


@pytest.fixture
def root(tmp_path, monkeypatch):
    return bare_host(tmp_path, monkeypatch)


def paths(found, name):
    return [directory.path for directory in found.directories[name]]


class TestQueues:
    def test_no_configuration(self, root):
        found = _look.look('queues')
        assert found.directories == {'msp': [], 'mta': []}
        assert found.configurations == {'msp': None, 'mta': None}
        assert [(error['queue'], error['path']) for error in found.errors] == [('msp', str(root / 'submit.cf')), ('mta', str(root / 'sendmail.cf'))]
        assert all('no such file' in error['error'] for error in found.errors)

    def test_path_of_the_configuration(self, root):
        (root / 'submit.cf').write_text(SUBMIT % queue(root, 'elsewhere'))
        found = _look.look('queues', 'msp')
        assert paths(found, 'msp') == [str(root / 'elsewhere')]
        assert found.errors == []
        assert list(found.directories) == ['msp']

    def test_relative_path(self, root):
        queue(root, 'near')
        (root / 'submit.cf').write_text('O QueueDirectory=near\n')
        assert paths(_look.look('queues', 'msp'), 'msp') == [str(root / 'near')]

    def test_groups_and_patterns(self, root):
        base = root / 'spool'
        for name in ('q1', 'q2', 'other'):
            queue(root, 'spool/' + name)
        os.symlink(str(base / 'other'), str(base / 'q3'))
        (root / 'submit.cf').write_text('O QueueDirectory=%s/q*\nQother, P=%s/other\n' % (base, base))
        found = _look.look('queues', 'msp').directories['msp']
        assert [(one.group, os.path.basename(one.path), one.link) for one in found] == [
            ('mqueue', 'q1', False), ('mqueue', 'q2', False), ('mqueue', 'q3', True)]   # q3 and the group are the same place

    def test_configuration_without_a_queue(self, root):
        (root / 'submit.cf').write_text('O RunAsUser=smmsp\n')
        (error,) = _look.look('queues', 'msp').errors
        assert error['error'] == 'the file names no queue directory'

    def test_configuration_that_is_no_file(self, root):
        (root / 'submit.cf').mkdir()
        (error,) = _look.look('queues', 'msp').errors
        assert error['path'] == str(root / 'submit.cf')
        assert error['error'] == 'not a regular file'

    def test_directory_that_is_gone(self, root):
        (root / 'submit.cf').write_text(SUBMIT % (root / 'gone'))
        found = _look.look('queues', 'msp')
        assert found.directories == {'msp': []}
        assert [error['error'] for error in found.errors] == ['No such file or directory']
        assert found.errors[0]['queue'] == 'msp'

    def test_named_directories_are_reported_once(self, root):
        named = [queue(root, 'a'), queue(root, 'b')]
        found = _look.look('queues', 'all', named)
        assert {name: [one.path for one in places] for name, places in found.directories.items()} == {'msp': named}
        assert found.errors == []


@pytest.mark.parametrize('run_as, primary, groups, program_group, expected, why', [
    # Each was seen on a host, with the mail of an ordinary user: it left where there is no reason, and was refused (exit 71) where there is one.
    ('smmsp', 25, {'smmsp': 25}, 'smmsp', ('smmsp', 25), None),
    ('smmsp:smmsp', 25, {'smmsp': 25}, 'smmsp', ('smmsp', 25), None),
    ('25:25', 25, {'smmsp': 25}, 'smmsp', ('smmsp', 25), None),
    ('25', 25, {'smmsp': 25}, 'smmsp', ('smmsp', 25), 'names no group (25)'),
    (None, 25, {'smmsp': 25}, 'smmsp', ('smmsp', 25), 'names no group,'),
    # A group that was made after the user: "RunAsUser for MSP ignored, check group ids (egid=997, want=25)".
    ('smmsp', 25, {'smmsp': 997}, 'smmsp', ('smmsp', 997), 'is 25, and that of the set-group-ID program and its queue is smmsp, 997'),
    ('smmsp:smmsp', 25, {'smmsp': 997}, 'smmsp', ('smmsp', 997), None),
    # The line of the group went, or got another number: user and program still agree, and only the name does not.
    ('smmsp', 25, {}, '25', ('25', 25), None),
    ('smmsp', 25, {'smmsp': 7777}, '25', ('25', 25), None),
    ('smmsp', None, {}, 'smmsp', ('smmsp', None), None),
])
def test_who_submits(monkeypatch, run_as, primary, groups, program_group, expected, why):
    names = dict((number, name) for name, number in groups.items())
    monkeypatch.setattr(_system, 'user_name', lambda uid: 'smmsp' if uid == 25 else str(uid))
    monkeypatch.setattr(_system, 'group_name', lambda gid: names.get(gid, str(gid)))
    monkeypatch.setattr(_system, 'accounts', lambda who: {
        name: {'uid': 25 if name == 'smmsp' and primary else None, 'gid': primary if name == 'smmsp' else None, 'group': groups.get(name)} for name in who})
    user, _colon, group = (run_as or '').partition(':')
    seen = _look.Look(0, layout=_platform.DEBIAN, settings={'msp': {'run_as_user': user or None, 'run_as_group': group or None}},
                      program={'sendmail': '/usr/sbin/sendmail', 'setgid': True, 'group': program_group, 'mode': '2755'})
    found, accounts = _look.submitter(seen)
    assert (found['group'], found['gid']) == expected and 'smmsp' in accounts
    assert found['conflict'] is None if why is None else why in found['conflict']


@pytest.mark.parametrize('trusted, why', [
    # "readcf: option TrustedUser: unknown user smmsp", exit 70 for everybody, on a host whose RunAsUser is mail.
    ('smmsp', 'TrustedUser in submit.cf is smmsp, and there is no such user'),
    ('mail', None), ('root', None), ('4711', None), (None, None),
])
def test_whom_submit_cf_trusts(monkeypatch, trusted, why):
    monkeypatch.setattr(_system, 'accounts', lambda who: {
        name: {'uid': {'mail': 8, 'root': 0}.get(name), 'gid': {'mail': 8}.get(name), 'group': {'mail': 8}.get(name)} for name in who})
    seen = _look.Look(0, layout=_platform.SUSE, settings={'msp': {'run_as_user': 'mail', 'run_as_group': None, 'trusted_user': trusted}},
                      program={'sendmail': '/usr/sbin/sendmail', 'setgid': True, 'group': 'mail', 'mode': '2555'})
    found = _look.submitter(seen)[0]['conflict']
    assert found is None if why is None else why in found


@pytest.mark.parametrize('change', [
    {'settings': {}}, {'configurations': {'msp': _cf.parse(b'')}}, {'program': {'sendmail': None, 'setgid': False, 'group': None, 'mode': None}},
    {'program': {'sendmail': '/s', 'setgid': True, 'group': 'smmsp', 'mode': '6755'}}])
def test_without_submit_cf_or_program_or_with_one_that_is_root_no_group_is_judged(change):
    seen = _look.Look(0, layout=_platform.DEBIAN, settings={'msp': {'run_as_user': None, 'run_as_group': None}},
                      program={'sendmail': '/s', 'setgid': True, 'group': 'smmsp', 'mode': '2755'})
    for configurations in {}, {'msp': _cf.parse(b'O QueueDirectory=/var/spool/mqueue-client\n')}:
        assert 'RunAsUser in submit.cf' in _look.submitter(seen._replace(configurations=configurations))[0]['conflict']
    assert 'RunAsUser in submit.cf' not in (_look.submitter(seen._replace(**change))[0]['conflict'] or '')


class TestMailLeftBehind:
    """A queue was divided, or is no longer: no run finds what lies on the other floor (seen on hosts, in both directions)."""

    @pytest.fixture(autouse=True)
    def nowhere_else(self, monkeypatch):
        monkeypatch.setattr(_platform, 'PLATFORMS', {})

    @pytest.mark.parametrize('floors, left', [
        # (directories made after the mail, where mail lies), what is left where none of the queue's runs looks
        ((['qf', 'df'], ['']), ['']),                    # qf and df were made when there was mail
        ((['qf', 'df'], ['qf']), []),
        (([], ['q1', 'q2/qf']), ['q1', 'q2/qf']),        # QueueDirectory was .../q*
        (([], ['']), []),
        (([], ['.hoststat', 'a/b/c']), []),              # nothing of Sendmail's, and deeper than any queue
    ])
    def test_on_another_floor(self, root, floors, left):
        place = queue(root, 'queue')
        for name in floors[0] + floors[1]:
            os.makedirs(os.path.join(place, name), exist_ok=True)
        for name in floors[1]:
            open(os.path.join(place, name, 'qf6ANFSGLL000001'), 'w').close()
        (root / 'submit.cf').write_text(SUBMIT % place)
        found = _probe._stranded(_look.look('queues', 'msp'))
        assert found == [{'path': os.path.join(place, name).rstrip('/'), 'messages': 1} for name in left]

    @pytest.mark.parametrize('name, left', [('omqueue', True), ('mqueue.old', True), ('clientmqueue-20261128', True), ('postfix', False)])
    def test_moved_out_of_the_way(self, root, name, left):
        (root / 'submit.cf').write_text(SUBMIT % queue(root, 'mqueue'))
        place = queue(root, name, 'qf6ANFSGLL000001')
        assert _probe._stranded(_look.look('queues', 'msp')) == [{'path': place, 'messages': 1}] * left
        for role in ('daemon', 'queue_runner', 'queue_run', 'other'):   # another instance, and what anybody can start and call so
            at_work = _look.look('queues', 'msp')._replace(processes=[{'role': role, 'cwd': None, 'directory': place}])
            assert _probe._stranded(at_work) == [{'path': place, 'messages': 1}] * (left and role in ('queue_run', 'other'))

    def test_a_link_of_somebody_is_not_followed(self, root):
        place = queue(root, 'queue')
        queue(root, 'elsewhere', 'qf6ANFSGLL000001')
        os.symlink(str(root / 'elsewhere'), os.path.join(place, 'q1'))
        (root / 'submit.cf').write_text(SUBMIT % place)
        assert _probe._stranded(_look.look('queues', 'msp')) == []


def test_a_directory_that_becomes_a_link_while_mail_is_looked_for(tmp_path, monkeypatch):
    """What the user of a queue puts in the way leads nowhere."""
    queue, secret = tmp_path / 'mqueue', tmp_path / 'secret'
    for place in (queue, queue / 'below', secret):
        place.mkdir()
    (secret / 'qf6ANFSGLL000001').write_bytes(b'')
    (queue / 'below' / 'qf6ANFSGLL000002').write_bytes(b'')
    where = {'msp': [_spool.QueueDirectory('mqueue', *[str(queue)] * 4, False)]}
    monkeypatch.setattr(_look._platform, 'PLATFORMS', {})
    assert _look.left_behind(where) == [{'path': str(queue / 'below'), 'messages': 1}]
    real = _look._spool.walk

    def walk(path, *more):
        if path == str(queue / 'below') and not (queue / 'below').is_symlink():
            (queue / 'below').rename(queue / 'old')
            (queue / 'below').symlink_to(secret)
            os.lchown(str(queue / 'below'), 12345, 12345)
        return real(path, *more)
    monkeypatch.setattr(_look._spool, 'walk', walk)
    assert _look.left_behind(where) == []
