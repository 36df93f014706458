# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs, listens and answers on a host that is laid out in a directory."""
import os
import re
import time

import pytest
from ansible_collections.mailops.sendmail.plugins.module_utils import _look, _network, _services, _system
from ansible_collections.mailops.sendmail.tests.unit.laid_out import SUBMIT, bare_host, queue


@pytest.fixture
def root(tmp_path, monkeypatch):
    return bare_host(tmp_path, monkeypatch)


class TestHost:
    def test_nothing_there(self, root):
        look = _services.served(_look.look('program'))
        assert look.program['sendmail'] is None
        assert look.settings == {}
        assert look.relay is None
        assert not look.greeting
        assert look.cpus >= 1

    def test_user_that_does_not_exist(self, root, monkeypatch):
        monkeypatch.setattr(_network, 'greeting', lambda host, port, *bounds: dict(_network.NOBODY, asked=(host, port), bounds=bounds))
        (root / 'submit.cf').write_text(SUBMIT % queue(root, 'queue'))
        look = _services.served(_look.look('program', 'msp'))
        assert look.settings['msp']['run_as_user'] == 'nosuchuser'
        assert look.accounts['nosuchuser']['uid'] is None
        assert look.accounts['nosuchgroup']['group'] is None
        assert look.submitter['unseen'] == []
        monkeypatch.setattr(_system, 'script', lambda path, *limit: {'/etc/passwd': 'root:x:0:0::/:\nnosuchuser:x:1:\n'}.get(path, 'xnosuchgroup:x:1:\n'))
        assert _look.submitter(look)[0]['unseen'] == ['nosuchuser']
        assert look.relay['host'] == '127.0.0.1'
        assert look.greeting['asked'] == ('127.0.0.1', look.relay['port'])
        assert look.greeting['bounds'] == (_services.CONNECT_SECONDS, _services.GREETING_SECONDS, (0, 0), None, None)

    def test_the_relay_is_asked_as_what_it_is(self, root, monkeypatch):
        asked = []
        monkeypatch.setattr(_network, 'greeting', lambda *arguments: arguments[-1](None, 5.0) and dict(_network.NOBODY))
        (root / 'submit.cf').write_text(re.sub('(?m)^D{MTAHost}.*', 'D{MTAHost}[192.0.2.1]:[127.0.0.1]', SUBMIT % queue(root, 'queue')))
        _services.served(_look.look('program', 'msp'), lambda peer, seconds, here: asked.append(here) or (None, []))
        assert asked == [False, True]

    def test_a_connection_comes_from_where_submit_cf_says(self, root, monkeypatch):
        monkeypatch.setattr(_network, 'greeting', lambda *arguments: dict(_network.NOBODY, error='no_route', source=arguments[-2]))
        (root / 'submit.cf').write_text(SUBMIT % queue(root, 'queue') + 'O ClientPortOptions=Addr=192.0.2.7\n')
        assert _services.served(_look.look('program', 'msp')).greeting['source'] == '192.0.2.7'

    def test_a_connection_is_one_of_the_user_that_the_runner_has(self, root, monkeypatch):
        monkeypatch.setattr(_network, 'greeting', lambda *arguments: dict(_network.NOBODY, error='no_route', user=arguments[4]))
        monkeypatch.setattr(_system, 'accounts', lambda names: {name: {'uid': 4711, 'gid': 4712, 'group': 4712} for name in names})
        (root / 'submit.cf').write_text(SUBMIT % queue(root, 'queue'))
        assert _services.served(_look.look('program', 'msp')).greeting['user'] == (4711, 4712)

    @pytest.mark.parametrize('more, places', [('', 0), ('O DontProbeInterfaces=True\n', 1), ('O DontProbeInterfaces=True\nCw mx.example.test\n', 0)])
    def test_which_exchanger_is_this_host(self, root, monkeypatch, more, places):
        """A name of an address of this host that is not the host's own counts where Sendmail looks at the interfaces, or where class w has it."""
        monkeypatch.setattr(_network, 'greeting', lambda *arguments: dict(_network.NOBODY))
        monkeypatch.setattr(_network._system, 'script', lambda path, *limit: '127.0.0.1 localhost mx.example.test\n' if path == '/etc/hosts' else '')
        monkeypatch.setattr(_services._names, 'resolve', lambda questions, seconds: {
            'example.test': {'addresses': [], 'mx': [(10, 'mx.example.test')], 'mx_error': None, 'error': 'not_found'},
            'mx.example.test': {'addresses': ['127.0.0.1'], 'mx': [], 'mx_error': None, 'error': None}})
        (root / 'submit.cf').write_text(re.sub('(?m)^D{MTAHost}.*', 'D{MTAHost}example.test', SUBMIT % queue(root, 'queue')) + more)
        assert len(_services.served(_look.look('program', 'msp')).relay['places']) == places

    @pytest.mark.parametrize('switch, more, mx', [
        ('hosts\tdns files\n', '', True), ('', '', True), ('hosts files\naliases files\n', '', False), ('#hosts files\n', '', True),
        ('hosts: files\n', '', True), ('hosts dns\nhosts files # dns\n', '', False), ('hosts files\n', 'O ServiceSwitchFile=/etc/other\n', True)])
    def test_a_host_that_does_without_dns(self, root, monkeypatch, switch, more, mx):
        """UseNameServer in readcf.c: exchangers are asked for only where the service switch has dns for hosts."""
        monkeypatch.setattr(_network, 'greeting', lambda *arguments: dict(_network.NOBODY))
        monkeypatch.setattr(_system, 'script', lambda path, *limit: switch if path == '/etc/mail/service.switch' else '')
        monkeypatch.setattr(_services._names, 'resolve', lambda questions, seconds: {
            name: {'addresses': ['192.0.2.1'], 'mx': [], 'mx_error': 'temporary' if wanted else None, 'error': None} for name, wanted in questions})
        (root / 'submit.cf').write_text(re.sub('(?m)^D{MTAHost}.*', 'D{MTAHost}hub.example.test', SUBMIT % queue(root, 'queue')) + more)
        relay = _services.served(_look.look('program', 'msp')).relay
        assert (relay['mx'], len(relay['places'])) == (mx, not mx)

    @pytest.mark.parametrize('first, asked', [
        ({'error': 'connection_refused'}, 2), ({'connected': True, 'error': 'connection_timeout'}, 2), ({'connected': True, 'code': 421}, 2),
        ({'connected': True, 'code': 554}, 1), ({'connected': True, 'answered': True, 'code': 220}, 1)])
    def test_the_second_of_two_relays(self, root, monkeypatch, first, asked):
        said = [dict(_network.NOBODY, **first), dict(_network.NOBODY, connected=True, answered=True, code=220, text='220 second')]
        left = list(said)
        monkeypatch.setattr(_network, 'greeting', lambda *arguments: left.pop(0))
        (root / 'submit.cf').write_text(re.sub('(?m)^D{MTAHost}.*', 'D{MTAHost}[192.0.2.1]:[192.0.2.2]', SUBMIT % queue(root, 'queue')))
        assert _services.served(_look.look('program', 'msp')).greeting == said[asked - 1]
        assert len(left) == 2 - asked

    @pytest.mark.parametrize('states, asked, seconds', [
        ([b''], True, 0),                       # it runs: greet_pause, load
        ([b'T 7 2', b'T 7 2'], False, 5),       # it has not run since
        ([b'T 7 2', b'T 8 2'], True, 5),        # cpulimit: stopped again and again
        ([b'T 7 2', b''], True, 5)])
    def test_who_is_stopped_is_not_waited_for(self, root, monkeypatch, states, asked, seconds):
        """Nor connected to: with eleven connections the queue of a socket with listen(10) is full, and then it looks like a packet filter."""
        left, greeted, slept = list(states), [], []
        monkeypatch.setattr(_services._processes, 'asleep', lambda pid: left.pop(0) if pid == 77 else None)
        monkeypatch.setattr(_network, 'listeners', lambda ports, known: [
            {'address': '0.0.0.0', 'port': 25, 'inode': 1, 'v6only': None, 'pid': 77, 'name': 'sendmail', 'sendmail': True}])  # noqa: S104
        monkeypatch.setattr(_network, 'greeting', lambda host, port, seconds, patience, *more: greeted.append(patience) or dict(
            _network.NOBODY, connected=True, error='connection_timeout'))
        monkeypatch.setattr(_services.time, 'sleep', slept.append)
        (root / 'submit.cf').write_text(SUBMIT % queue(root, 'queue'))
        look = _services.served(_look.look('program', 'msp'))
        assert (greeted, left, sum(slept)) == ([_services.GREETING_SECONDS] * asked, [], seconds)
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
            for where, name, put in ((_services._processes, 'processes', processes), (_network, 'listeners', listeners), (_network, 'greeting', greeting),
                                     (_system, 'load_average', lambda: (load, load, load)), (_services.time, 'sleep', lambda seconds: None)):
                monkeypatch.setattr(where, name, put)
            monkeypatch.setattr(_services, 'CRON_SECONDS', -1.0)
            monkeypatch.setattr(_services, 'REOPENS_SECONDS', 1.0)
            (root / 'submit.cf').write_text(SUBMIT % queue(root, 'queue'))
            (root / 'sendmail.cf').write_text('O QueueDirectory=%s\n%s' % (queue(root, 'mqueue'), limits))
            return _services.served(_look.look('program')), len(taken)
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
        _services.served(_look.look('program'))
        assert state() == before
        assert sorted(os.listdir(str(root))) == ['queue', 'submit.cf']
