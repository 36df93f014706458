# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One look at one host, with configuration files and queues of a host that is laid out in a directory."""
import os
import re
import time

import pytest
from ansible_collections.mailops.sendmail.plugins.module_utils import _cf, _look, _network, _platform, _probe, _spool, _system

SUBMIT = 'O QueueDirectory=%s\nO RunAsUser=nosuchuser:nosuchgroup\nD{MTAHost}[127.0.0.1]\n'


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A host without anything on it, whose configuration files would be in tmp_path."""
    layout = _platform.DEBIAN._replace(submit_cf=str(tmp_path / 'submit.cf'), sendmail_cf=str(tmp_path / 'sendmail.cf'), binaries=(str(tmp_path / 'sendmail'),))
    monkeypatch.setattr(_system, 'platform', lambda: layout)
    monkeypatch.setattr(_look, '_is_root', lambda: True)
    return tmp_path


def queue(root, name, *files):
    path = root / name
    path.mkdir(parents=True)
    for file in files:
        (path / file).touch()
    return str(path)


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


class TestHost:
    def test_nothing_there(self, root):
        look = _look.look('services')
        assert look.program['sendmail'] is None
        assert look.settings == {}
        assert look.relay is None
        assert not look.greeting
        assert look.cpus >= 1

    def test_user_that_does_not_exist(self, root, monkeypatch):
        monkeypatch.setattr(_network, 'greeting', lambda host, port, *bounds: dict(_network.NOBODY, asked=(host, port), bounds=bounds))
        (root / 'submit.cf').write_text(SUBMIT % queue(root, 'queue'))
        look = _look.look('services', 'msp')
        assert look.settings['msp']['run_as_user'] == 'nosuchuser'
        assert look.accounts['nosuchuser']['uid'] is None
        assert look.accounts['nosuchgroup']['group'] is None
        assert look.submitter['unseen'] == []
        monkeypatch.setattr(_look._system, 'script', lambda path, *limit: {'/etc/passwd': 'root:x:0:0::/:\nnosuchuser:x:1:\n'}.get(path, 'xnosuchgroup:x:1:\n'))
        assert _look.submitter(look)[0]['unseen'] == ['nosuchuser']
        assert look.relay['host'] == '127.0.0.1'
        assert look.greeting['asked'] == ('127.0.0.1', look.relay['port'])
        assert look.greeting['bounds'] == (_look.CONNECT_SECONDS, _look.GREETING_SECONDS, (0, 0), None, None)

    def test_the_relay_is_asked_as_what_it_is(self, root, monkeypatch):
        asked = []
        monkeypatch.setattr(_network, 'greeting', lambda *arguments: arguments[-1](None, 5.0) and dict(_network.NOBODY))
        (root / 'submit.cf').write_text(re.sub('(?m)^D{MTAHost}.*', 'D{MTAHost}[192.0.2.1]:[127.0.0.1]', SUBMIT % queue(root, 'queue')))
        _look.served(_look.look('program', 'msp'), lambda peer, seconds, here: asked.append(here) or (None, []))
        assert asked == [False, True]

    def test_a_connection_comes_from_where_submit_cf_says(self, root, monkeypatch):
        monkeypatch.setattr(_network, 'greeting', lambda *arguments: dict(_network.NOBODY, error='no_route', source=arguments[-2]))
        (root / 'submit.cf').write_text(SUBMIT % queue(root, 'queue') + 'O ClientPortOptions=Addr=192.0.2.7\n')
        assert _look.look('services', 'msp').greeting['source'] == '192.0.2.7'

    def test_a_connection_is_one_of_the_user_that_the_runner_has(self, root, monkeypatch):
        monkeypatch.setattr(_network, 'greeting', lambda *arguments: dict(_network.NOBODY, error='no_route', user=arguments[4]))
        monkeypatch.setattr(_look._system, 'accounts', lambda names: {name: {'uid': 4711, 'gid': 4712, 'group': 4712} for name in names})
        (root / 'submit.cf').write_text(SUBMIT % queue(root, 'queue'))
        assert _look.look('services', 'msp').greeting['user'] == (4711, 4712)

    @pytest.mark.parametrize('more, places', [('', 0), ('O DontProbeInterfaces=True\n', 1), ('O DontProbeInterfaces=True\nCw mx.example.test\n', 0)])
    def test_which_exchanger_is_this_host(self, root, monkeypatch, more, places):
        """A name of an address of this host that is not the host's own counts where Sendmail looks at the interfaces, or where class w has it."""
        monkeypatch.setattr(_network, 'greeting', lambda *arguments: dict(_network.NOBODY))
        monkeypatch.setattr(_network._system, 'script', lambda path, *limit: '127.0.0.1 localhost mx.example.test\n' if path == '/etc/hosts' else '')
        monkeypatch.setattr(_look._names, 'resolve', lambda questions, seconds: {
            'example.test': {'addresses': [], 'mx': [(10, 'mx.example.test')], 'mx_error': None, 'error': 'not_found'},
            'mx.example.test': {'addresses': ['127.0.0.1'], 'mx': [], 'mx_error': None, 'error': None}})
        (root / 'submit.cf').write_text(re.sub('(?m)^D{MTAHost}.*', 'D{MTAHost}example.test', SUBMIT % queue(root, 'queue')) + more)
        assert len(_look.look('services', 'msp').relay['places']) == places

    @pytest.mark.parametrize('switch, more, mx', [
        ('hosts\tdns files\n', '', True), ('', '', True), ('hosts files\naliases files\n', '', False), ('#hosts files\n', '', True),
        ('hosts: files\n', '', True), ('hosts dns\nhosts files # dns\n', '', False), ('hosts files\n', 'O ServiceSwitchFile=/etc/other\n', True)])
    def test_a_host_that_does_without_dns(self, root, monkeypatch, switch, more, mx):
        """UseNameServer in readcf.c: exchangers are asked for only where the service switch has dns for hosts."""
        monkeypatch.setattr(_network, 'greeting', lambda *arguments: dict(_network.NOBODY))
        monkeypatch.setattr(_look._system, 'script', lambda path, *limit: switch if path == '/etc/mail/service.switch' else '')
        monkeypatch.setattr(_look._names, 'resolve', lambda questions, seconds: {
            name: {'addresses': ['192.0.2.1'], 'mx': [], 'mx_error': 'temporary' if wanted else None, 'error': None} for name, wanted in questions})
        (root / 'submit.cf').write_text(re.sub('(?m)^D{MTAHost}.*', 'D{MTAHost}hub.example.test', SUBMIT % queue(root, 'queue')) + more)
        relay = _look.look('services', 'msp').relay
        assert (relay['mx'], len(relay['places'])) == (mx, not mx)

    @pytest.mark.parametrize('first, asked', [
        ({'error': 'connection_refused'}, 2), ({'connected': True, 'error': 'connection_timeout'}, 2), ({'connected': True, 'code': 421}, 2),
        ({'connected': True, 'code': 554}, 1), ({'connected': True, 'answered': True, 'code': 220}, 1)])
    def test_the_second_of_two_relays(self, root, monkeypatch, first, asked):
        said = [dict(_network.NOBODY, **first), dict(_network.NOBODY, connected=True, answered=True, code=220, text='220 second')]
        left = list(said)
        monkeypatch.setattr(_network, 'greeting', lambda *arguments: left.pop(0))
        (root / 'submit.cf').write_text(re.sub('(?m)^D{MTAHost}.*', 'D{MTAHost}[192.0.2.1]:[192.0.2.2]', SUBMIT % queue(root, 'queue')))
        assert _look.look('services', 'msp').greeting == said[asked - 1]
        assert len(left) == 2 - asked

    @pytest.mark.parametrize('states, asked, seconds', [
        ([b''], True, 0),                       # it runs: greet_pause, load
        ([b'T 7 2', b'T 7 2'], False, 5),       # it has not run since
        ([b'T 7 2', b'T 8 2'], True, 5),        # cpulimit: stopped again and again
        ([b'T 7 2', b''], True, 5)])
    def test_who_is_stopped_is_not_waited_for(self, root, monkeypatch, states, asked, seconds):
        """Nor connected to: with eleven connections the queue of a socket with listen(10) is full, and then it looks like a packet filter."""
        left, greeted, slept = list(states), [], []
        monkeypatch.setattr(_look._processes, 'asleep', lambda pid: left.pop(0) if pid == 77 else None)
        monkeypatch.setattr(_network, 'listeners', lambda ports, known: [
            {'address': '0.0.0.0', 'port': 25, 'inode': 1, 'v6only': None, 'pid': 77, 'name': 'sendmail', 'sendmail': True}])  # noqa: S104
        monkeypatch.setattr(_network, 'greeting', lambda host, port, seconds, patience, *more: greeted.append(patience) or dict(
            _network.NOBODY, connected=True, error='connection_timeout'))
        monkeypatch.setattr(_look.time, 'sleep', slept.append)
        (root / 'submit.cf').write_text(SUBMIT % queue(root, 'queue'))
        look = _look.look('services', 'msp')
        assert (greeted, left, sum(slept)) == ([_look.GREETING_SECONDS] * asked, [], seconds)
        assert (look.greeting['connected'], look.greeting['error'], look.relay['answers']) == (True, 'connection_timeout', 'sendmail')

    @pytest.fixture
    def opens(self, root, monkeypatch):
        """opens(after, limits of sendmail.cf, title from then on) -> (look, looks taken): a daemon whose socket is open after so many looks."""
        def looks(after, limits='O MaxDaemonChildren=2\n', rejecting=None, load=0.0, age=4000):
            taken = []
            daemon = {'pid': 7, 'ppid': 1, 'user': 'root', 'role': 'daemon', 'queue': 'mta', 'interval': 3600, 'title': '', 'rejecting': None, 'full': None,
                      'directory': None, 'unit': None, 'name': 'sendmail', 'stopped': False, 'started': int(time.time()) - age}

            def processes(users, program):
                taken.append(1)
                return [dict(daemon, rejecting=rejecting if len(taken) > after else None)]

            def listeners(ports, found):
                return [{'address': '127.0.0.1', 'port': 25, 'inode': 1, 'v6only': False, 'pid': 7, 'name': 'sendmail', 'sendmail': True}] if (
                    len(taken) > after and not rejecting) else []

            def greeting(*arguments):
                return dict(_network.NOBODY, **({'connected': True, 'answered': True, 'code': 220} if listeners(None, None) else
                                                {'error': 'connection_refused'}))
            for where, name, put in ((_look._processes, 'processes', processes), (_network, 'listeners', listeners), (_network, 'greeting', greeting),
                                     (_system, 'load_average', lambda: (load, load, load)), (_look.time, 'sleep', lambda seconds: None)):
                monkeypatch.setattr(where, name, put)
            monkeypatch.setattr(_look, 'CRON_SECONDS', -1.0)
            monkeypatch.setattr(_look, 'REOPENS_SECONDS', 1.0)
            (root / 'submit.cf').write_text(SUBMIT % queue(root, 'queue'))
            (root / 'sendmail.cf').write_text('O QueueDirectory=%s\n%s' % (queue(root, 'mqueue'), limits))
            return _look.look('services'), len(taken)
        return looks

    @pytest.mark.parametrize('limits, load', [('O MaxDaemonChildren=2\n', 0.0), ('O RefuseLA=10\n', 8.0), ('O DaemonPortOptions=Name=MTA, c=2\n', 0.0),
                                              ('O RefuseLA=99\nO DaemonPortOptions=r=10\n', 8.0)])
    def test_a_socket_that_is_closed_for_a_moment(self, opens, limits, load):
        """Seen on a host: port 587 was open again, 25 not yet, and the title said nothing of it."""
        look, taken = opens(3, limits, load=load)
        assert (look.greeting['answered'], taken) == (True, 4)

    def test_a_daemon_that_says_meanwhile_why(self, opens):
        look, taken = opens(2, rejecting='rejecting connections on daemon MTA-v4: 2 children, max 2')
        assert (look.greeting['error'], look.processes[0]['rejecting'][:9], taken) == ('connection_refused', 'rejecting', 3)

    @pytest.mark.parametrize('limits, load', [('', 0.0), ('O RefuseLA=10\n', 6.0), ('O DaemonPortOptions=C=2, R=1\n', 8.0)])
    def test_who_closes_no_sockets_is_looked_at_once(self, opens, limits, load):
        assert opens(3, limits, load=load)[1] == 1

    def test_a_daemon_that_has_just_been_started(self, opens):
        """Seen with 20,000 names in local-host-names and 300 addresses: it binds when it knows them all."""
        look, taken = opens(3, '', age=20)
        assert (look.greeting['answered'], taken) == (True, 4)

    def test_what_does_not_come_back_is_not_waited_for_long(self, opens):
        look, taken = opens(10 ** 9)
        assert (look.greeting['error'], taken > 2) == ('connection_refused', True)

    def test_looking_changes_nothing(self, root, monkeypatch):
        monkeypatch.setattr(_network, 'greeting', lambda *arguments: dict(_network.NOBODY, connected=True, answered=True))
        place = queue(root, 'queue', 'qf6ANFSGLL000001', 'df6ANFSGLL000001')
        (root / 'submit.cf').write_text(SUBMIT % place)

        def state():
            return {path: (about.st_ino, about.st_mtime_ns, about.st_atime_ns, about.st_ctime_ns) for path, about in
                    ((os.path.join(place, name), os.stat(os.path.join(place, name))) for name in sorted(os.listdir(place)))}
        before = state()
        _look.look('services')
        assert state() == before
        assert sorted(os.listdir(str(root))) == ['queue', 'submit.cf']


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
