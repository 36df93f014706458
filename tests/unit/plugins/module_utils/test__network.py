# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real sockets of the test."""
import os
import socket
import sys
import threading
import time
import types

import pytest

from ansible_collections.mailops.sendmail.plugins.module_utils import _acceptance, _network, _system

linux = pytest.mark.skipif(not sys.platform.startswith('linux'), reason='reads /proc')


def refuse(*arguments):
    raise OSError(95, 'Operation not supported')


@linux
@pytest.mark.parametrize('diagnosis', [True, False])
def test_listeners(diagnosis, monkeypatch):
    if not diagnosis:                           # a kernel without sock_diag: /proc/net/tcp instead
        monkeypatch.setattr(_network, '_listening', refuse)
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
        found = {record['port']: record for record in _network.listeners(ports, [{'pid': os.getpid()}])}
        assert set(found) == set(ports)
        assert (found[port]['address'], found[port]['pid']) == ('127.0.0.1', os.getpid())
        if len(ports) > 1:
            assert found[ports[1]]['address'] == '::1'
        assert [record['pid'] for record in _network.listeners([port])] == [os.getpid()]
        assert port in [record['port'] for record in _network.listeners(None, [{'pid': os.getpid()}])]
    assert _network.listeners([port]) == []


def test_the_sockets_of_gvisor_stand_in_the_order_in_which_they_were_made(tmp_path, monkeypatch):
    """commonGenerateTCP() in pkg/sentry/fsimpl/proc/task_net.go; there is no sock_diag either."""
    rest = ' 00000000:00000000 00:00000000 00000000     0        0       %d 1 0000000000000000 0 0 0 0 -1\n'
    (tmp_path / 'tcp').write_text('  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n'
                                  '   4: 0100007F:9C40 0100007F:1F90 01' + rest % 7 + '   9: 0100007F:0019 00000000:0000 0A' + rest % 8)
    monkeypatch.setattr('builtins.open', lambda path, *mode, real=open: real(str(tmp_path / os.path.basename(path)), *mode))
    assert list(_network._listening_proc('tcp')) == [('127.0.0.1', 25, 8, None)]


SOCKSTAT = '''USER     COMMAND    PID   FD PROTO  LOCAL ADDRESS         FOREIGN ADDRESS
root     sendmail   731   3  tcp4   127.0.0.1:25          *:*
root     sendmail   731   4  tcp6   *:587                 *:*
'''


def test_listeners_from_sockstat(monkeypatch):
    monkeypatch.setattr(_system, 'command', lambda argv, seconds=10: SOCKSTAT)
    assert _network._sockstat((25, 587), [731]) == [
        {'address': '127.0.0.1', 'port': 25, 'inode': None, 'v6only': False, 'pid': 731, 'name': 'sendmail', 'sendmail': True},
        {'address': '::', 'port': 587, 'inode': None, 'v6only': True, 'pid': 731, 'name': 'sendmail', 'sendmail': True}]


@pytest.fixture
def server():
    """An SMTP server for one connection: what it says first, and what it heard."""
    listening = socket.socket()
    listening.bind(('127.0.0.1', 0))
    listening.listen(1)
    heard, threads = [], []

    def start(*parts, pause=0.05):
        def serve():
            peer = listening.accept()[0]
            with peer:
                try:
                    for part in parts:
                        peer.sendall(part)
                        time.sleep(pause)
                    heard.append(peer.recv(100))
                    peer.sendall(b'221 bye\r\n')
                except OSError:             # the client has gone
                    pass
        threads.append(threading.Thread(target=serve, daemon=True))
        threads[0].start()
        return listening.getsockname()[1]
    yield start, heard, lambda: threads[0].join(30)
    # Nobody may have come. Who still waits would take the connection of the next test, whose socket gets the number of this one.
    for thread in threads:
        socket.create_connection(listening.getsockname()).close()
        thread.join(30)
    listening.close()


def test_greeting(server):
    start, heard, wait = server
    found = _network.greeting('127.0.0.1', start(b'220-first\r\n22', b'0 h ESMTP \x1b[1m\r\n'), 30)
    wait()
    assert (found['connected'], found['answered'], found['code'], found['text'], found['error']) == (True, True, 220, '220 h ESMTP \\x1b[1m', None)
    assert heard == [b'QUIT\r\n'] and found['farewell'] == '221 bye'


@pytest.mark.parametrize('parts, code, error', [((b'554 no\r\n',), 554, None), ((b'421 4.3.2 busy\r\n',), 421, None), ((b'hello\r\n' * 2000,), None, None),
                                                ((), None, 'connection_timeout')])
def test_greetings_that_are_none(server, parts, code, error):
    start = server[0]
    found = _network.greeting('127.0.0.1', start(*parts), 30 if parts else 0.7)
    assert (found['connected'], found['answered'], found['code'], found['error']) == (True, False, code, error)
    assert found['seconds'] < 20


@pytest.mark.parametrize('patience, lines, answered', [(0.3, 600, False), (30, 20, True), (0, 20, True)])
def test_who_gives_up_before_the_greeting(server, patience, lines, answered):
    """Timeout.initial=1s against a server that greets after three: Sendmail says "reply: read error", and nothing moves (seen on a host).

    A line each moment keeps nobody waiting for longer.
    """
    start = time.monotonic()
    found = _network.greeting('127.0.0.1', server[0](b'220-a\r\n', *[b'220-b\r\n'] * lines, b'220 c\r\n', pause=0.03), 20, patience)
    assert (found['connected'], found['answered']) == (True, answered)
    assert time.monotonic() - start < 15


def test_a_clock_that_is_set_back_makes_no_wait_longer(server, monkeypatch):
    port, times, start = server[0](), iter([1e9]), time.monotonic()
    monkeypatch.setattr(time, 'time', lambda: next(times, 1e9 - 40))
    found = _network.greeting('127.0.0.1', port, 0.7)
    assert found['error'] == 'connection_timeout'
    assert 0.5 < found['seconds'] < 20
    assert time.monotonic() - start < 20


def test_nobody_listens_and_no_such_name(monkeypatch):
    with socket.socket() as held:
        held.bind(('127.0.0.1', 0))
        found = _network.greeting('127.0.0.1', held.getsockname()[1], 30)
    assert (found['connected'], found['error']) == (False, 'connection_refused')
    monkeypatch.setattr(socket, 'getaddrinfo', lambda *arguments: time.sleep(60))
    start = time.time()
    assert _network.greeting('relay.example.test', 25, 0.3)['error'] == 'name_lookup'
    assert time.time() - start < 15


@pytest.mark.skipif(not sys.platform.startswith('linux') or os.geteuid() != 0, reason='root alone makes sockets of others')
def test_whose_socket_a_packet_filter_sees(server):
    """The owner of the file of a socket is who the filter of the kernel asks for (xt_owner.c: f_cred->fsuid)."""
    start, _heard, wait = server
    owners = []
    _network.greeting('127.0.0.1', start(b'220 h\r\n'), 30, 0.0, (4711, 4712), None,
                      lambda peer, seconds: owners.append(os.fstat(peer.fileno())) or (None, []))
    wait()
    assert [(one.st_uid, one.st_gid) for one in owners] == [(4711, 4712)]
    assert (os.geteuid(), os.getegid()) == (0, 0)


def test_a_user_that_nobody_can_be(server, monkeypatch):
    def refuses(user):
        if user:
            raise OSError(22, 'Invalid argument')
    monkeypatch.setattr(os, 'geteuid', lambda: 0)
    monkeypatch.setattr(os, 'seteuid', refuses)
    monkeypatch.setattr(os, 'setegid', refuses)
    start, _heard, wait = server
    assert _network.greeting('127.0.0.1', start(b'220 h\r\n'), 30, who=(4711, 4711))['answered']
    wait()


@pytest.mark.parametrize('source, error', [('127.0.0.2', None), ('192.0.2.7', 'no_route')])
def test_the_address_that_a_connection_comes_from(server, source, error):
    start, _heard, wait = server
    found = _network.greeting('127.0.0.1', start(b'220 h\r\n'), 30, source=source)
    if error is None:
        wait()
    assert (found['answered'], found['connected']) == (error is None, error is None)
    assert found['error'] == error


HOSTS = """127.0.0.1 localhost
127.0.1.1 h.example.test h www.example.test
192.0.2.9 Mail.Example.com. # another name
192.0.2.20 hub.example.com
"""


@pytest.mark.parametrize('probed, names', [
    (True, ['h.example.test', 'h', 'localhost', 'www.example.test', 'mail.example.com']), (False, ['h.example.test', 'h', 'www.example.test'])])
def test_the_names_of_this_host(monkeypatch, probed, names):
    """Seen with 8.17.1.9 and DontProbeInterfaces, which submit.cf has: a relay whose exchanger is mail.example.com is connected to."""
    monkeypatch.setattr(_system, 'script', lambda path, *limit: HOSTS)
    monkeypatch.setattr(socket, 'gethostname', lambda: 'h')
    assert _network.own_names(['192.0.2.9'], probed) == names
    # Where /etc/hosts has no full name the resolver may have one, and may not answer.
    monkeypatch.setattr(_system, 'script', lambda path, *limit: '127.0.1.1 h\n')
    for known, full in (('H.example.test', 'h.example.test'), ('localhost', 'h'), (None, 'h')):
        monkeypatch.setattr(_network, '_NAME_SECONDS', 0.2)
        monkeypatch.setattr(socket, 'getaddrinfo', lambda *arguments, known=known: [(0, 0, 0, known, ())] if known else time.sleep(60))
        assert _network.own_names([], probed)[0] == full


def test_several_addresses_are_tried_in_order(server, monkeypatch):
    port = server[0](b'220 second\r\n')
    with socket.socket() as held:
        held.bind(('127.0.0.1', 0))
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, '')
        addresses = [kind + (held.getsockname(),), kind + (('127.0.0.1', port),)]
        monkeypatch.setattr(socket, 'getaddrinfo', lambda *arguments: addresses)
        found = _network.greeting('two.example.test', 25, 30)
    assert (found['answered'], found['text'], found['error']) == (True, '220 second', None)


@pytest.mark.parametrize('command', [b'EHLO', b'MAIL', b'RCPT', b'RSET'])
@pytest.mark.parametrize('ends, error', [(True, 'closed'), (False, 'connection_timeout')])
def test_who_greets_and_then_falls_silent_or_hangs_up(command, ends, error):
    """reply() in usersmtp.c: a read error, and the mail stays. A hub that did so at MAIL was called healthy (seen on a host)."""
    found = greets_until(command, ends, {})
    assert (found['answered'], found['code'], found['error'], found['refusal'], found['deferral']) == (True, 220, error, None, None)


def test_who_refuses_and_then_hangs_up_has_refused():
    found = greets_until(b'RSET', True, {b'RCPT': b'550 5.7.1 no'})
    assert (found['error'], found['refusal']) == (None, '550 5.7.1 no')


def greets_until(command, ends, replies):
    """The greeting of a server that at this command closes, or says nothing more."""
    with socket.socket() as listening:
        listening.bind(('127.0.0.1', 0))
        listening.listen(1)

        def serve():
            peer = listening.accept()[0]
            with peer, peer.makefile('rb') as lines:
                peer.sendall(b'220 h ESMTP Sendmail 8.18.1/8.18.1; x\r\n')
                for line in lines:
                    if line.startswith(command) and ends:
                        return
                    if not line.startswith(command):
                        peer.sendall(replies.get(line[:4], b'250 ok') + b'\r\n')
        threading.Thread(target=serve, daemon=True).start()
        ask = _acceptance.ask(types.SimpleNamespace(configurations={}), ())
        return _network.greeting('127.0.0.1', listening.getsockname()[1], 30, ask=lambda peer, seconds: ask(peer, seconds if ends else 0.5, True))


@pytest.mark.parametrize('said, refusal, deferral', [('450 4.7.1 later', None, '450 4.7.1 later'), ('550 no', '550 no', None), (None, None, None)])
def test_for_now_and_for_good(server, said, refusal, deferral):
    found = _network.greeting('127.0.0.1', server[0](b'220 h\r\n'), 20, ask=lambda peer, seconds: (said, []))
    assert (found['refusal'], found['deferral']) == (refusal, deferral)


# Of a host with "iptables -A INPUT -i lo -p tcp --dport 25 -m length --length 1400:65535 -j DROP", a message of 300,000 bytes and the next, of 100.
TCP = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   1: 0100007F:0019 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 59857119 1 0000000057d9a3c5 100 0 0 10 0
   2: 0100007F:D74C 0100007F:0019 04 0004BBF1:00000000 01:00000F38 00000008  1000        0 0 2 00000000abffa76b 5222 4 30 1 -1
   3: 0100007F:0019 0100007F:D74C 01 00000000:00000000 02:000AE1F0 00000000     0        0 60423186 2 000000008db1d929 20 4 27 15 -1
   4: 0100007F:0019 0100007F:E8E6 06 00000000:00000000 03:00001741 00000000     0        0 0 3 000000006f877d0a
"""


@pytest.mark.parametrize('change, places, found', [
    (('', ''), [('127.0.0.1', 25)], True), (('0019 04 ', '0019 01 '), [('127.0.0.1', 25)], True), (('38 00000008', '38 00000004'), [('127.0.0.1', 25)], True),
    # Sent three times, or asked whether there is room by now, or only a connection that does not come about; or somebody else's.
    (('38 00000008', '38 00000003'), [('127.0.0.1', 25)], False), ((' 01:0', ' 04:0'), [('127.0.0.1', 25)], False),
    (('0019 04 ', '0019 02 '), [('127.0.0.1', 25)], False), (('', ''), [('127.0.0.1', 587), ('192.0.2.20', 25)], False), (('', ''), [], False)])
def test_data_that_nobody_acknowledges(monkeypatch, change, places, found):
    monkeypatch.setattr(_system, 'slurp_all', lambda path: TCP.replace(*change).encode() if path == '/proc/net/tcp' else b'')
    said = _network.unacknowledged(places)
    assert bool(said) is found
    assert change[0] or not found or said == [
        '310257 bytes to 127.0.0.1 port 25 are not acknowledged, after 8 repetitions: a packet filter, or the MTU.']
