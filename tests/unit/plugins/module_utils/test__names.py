# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Name servers that answer, lose a packet, fail, or say nothing, on a port of their own. The rest of the audit is shown by the scenario compliance."""

import select
import socket
import struct
import threading
import time
import types

import pytest

from ansible_collections.mailops.sendmail.plugins.module_utils import _compliance, _lookups, _names


@pytest.fixture(name='serve')
def fixture_serve(tmp_path, monkeypatch):
    """serve(*answers): what a name server at 127.0.0.1 makes of each query in turn; None says nothing. Returns the path of a resolv.conf."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(('127.0.0.1', 0))
    monkeypatch.setattr(_names, 'DNS_PORT', server.getsockname()[1])

    def serve(*answers):
        def run():
            for answer in answers:
                query, peer = server.recvfrom(4096)
                if answer is not None:
                    server.sendto(answer(query), peer)
        threading.Thread(target=run, daemon=True).start()
        path = tmp_path / 'resolv.conf'
        path.write_text('# nameserver 192.0.2.1\nnameserver 127.0.0.1\n')
        return str(path)
    yield serve
    server.close()


def code(number):
    return lambda query: query[:2] + struct.pack('>H', 0x8180 | number) + query[4:]


@pytest.mark.parametrize('answers, error', [
    ([code(0)], None),
    ([code(3)], None),                       # there is no such name, says a server that works
    ([None, code(0)], None),                 # one packet was lost
    ([code(2)], 'SERVFAIL'),
    ([code(5)], 'REFUSED'),
    ([code(4)], 'reply code 4'),
    ([lambda query: b''], 'reply code 1'),
    ([None, None], 'no answer within 0.4 seconds'),
])
def test_a_name_server(serve, answers, error):
    assert _compliance._name_servers(serve(*answers), 0.4 if answers == [None, None] else 2) == [{'address': '127.0.0.1', 'error': error}]


def test_after_a_delay_the_second_query_has_its_time_all_the_same(serve, monkeypatch):
    waits = []

    def overslept(*arguments):
        waits.append(arguments)
        if len(waits) > 1:
            return select.select(*arguments)
        time.sleep(2.1)
        return [], [], []
    path = serve(None, lambda query: time.sleep(0.1) or code(0)(query))
    monkeypatch.setattr(_compliance, 'select', types.SimpleNamespace(select=overslept))
    assert _compliance._name_servers(path, 2) == [{'address': '127.0.0.1', 'error': None}]


def test_nobody_listens(tmp_path, monkeypatch):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(('127.0.0.1', 0))
        monkeypatch.setattr(_names, 'DNS_PORT', free.getsockname()[1])
    path = tmp_path / 'resolv.conf'
    path.write_text('')
    assert _compliance._name_servers(str(path), 0.4) == [{'address': '127.0.0.1', 'error': 'Connection refused'}]


@pytest.mark.parametrize('line, servers', [
    ('nameserver 192.0.2.1 # office', ['192.0.2.1']), ('nameserver\t192.0.2.1;x', []), ('nameserver 192.0.2.1 192.0.2.2', ['192.0.2.1']),
    ('nameserver fe80::1%eth0 # router', ['fe80::1%eth0']), (' nameserver 192.0.2.1', []), ('#nameserver 192.0.2.1', []),
    ('nameserver 192.0.2.1\t', ['192.0.2.1']), ('nameserver 192.0.2.1\r', []), ('nameserver 192.0.2.256', []), ('nameserver 192.0.2.1#53', []),
    ('nameserver cafe', []), ('nameserver fe80:::1', []), ('nameserver 127.1', ['127.1']), ('nameserver 192.0.2.256\nnameserver 192.0.2.2', ['192.0.2.2']),
    ('nameserver a\nnameserver b\nnameserver c\nnameserver ::1', ['::1'])])
def test_the_lines_of_resolv_conf(line, servers):
    """res_init.c of glibc: the keyword at the beginning of the line, then the address; "ignore trailing contents on the name server line"."""
    assert _names.servers('search a.test\n%s\noptions edns0\n' % line) == (servers or ['127.0.0.1'])


def test_a_kernel_without_ipv6(serve, monkeypatch):
    real = socket.socket

    def without(family, *more):
        if family == socket.AF_INET6:
            raise OSError(97, 'Address family not supported by protocol')
        return real(family, *more)
    path = serve(code(0))
    with open(path, 'a') as stream:
        stream.write('nameserver ::1\n')
    monkeypatch.setattr(_names.socket, 'socket', without)
    assert _compliance._name_servers(path, 2) == [
        {'address': '127.0.0.1', 'error': None}, {'address': '::1', 'error': 'Address family not supported by protocol'}]


def mx(query):
    """One record: MX 10 of the name itself."""
    return query[:2] + struct.pack('>HHHHH', 0x8180, 1, 1, 0, 0) + query[12:] + struct.pack('>HHHIHHH', 0xc00c, 15, 1, 60, 4, 10, 0xc00c)


@pytest.mark.parametrize('answers, found', [
    ([mx], ([(10, 'example.com')], None)), ([code(0)], ([], None)), ([code(3)], ([], None)), ([None, mx], ([(10, 'example.com')], None)),
    ([code(2), code(2)], ([], 'temporary')), ([code(2), mx], ([(10, 'example.com')], None)), ([None, None], ([], 'temporary'))])
def test_the_exchangers_of_a_domain(serve, answers, found):
    """A packet that is lost is no answer; a resolver asks again."""
    assert _names.exchangers('example.com', serve(*answers), 1.0) == found


@pytest.mark.parametrize('answer, error', [(([], None), None), (([(10, 'mx')], None), None), (([], 'temporary'), 'temporary')])
def test_a_domain_is_asked_as_sendmail_asks(monkeypatch, answer, error):
    """By the name servers of resolv.conf, also where nsswitch.conf has programs ask others (systemd-resolved), or nobody ("hosts: files")."""
    monkeypatch.setattr(_names, 'exchangers', lambda name, seconds: answer)
    monkeypatch.setattr(_names.socket, 'getaddrinfo', lambda name, *more: pytest.fail('asked for %s' % name) if name == 'example.com' else [(0, 0, 0, 'h', '')])
    assert _lookups.look_around(['example.com'])['domains']['example.com']['error'] == error


V4, V6 = socket.AF_INET, socket.AF_INET6
LOCAL = '127.0.0.1 localhost\n'


@pytest.mark.parametrize('four, six, hosts, resolv, waits', [
    # Seen with 8.17.1.9, which starts at once or sleeps for 60 seconds: what is found for the host name, and the files that say so.
    ('web1.example.com', None, LOCAL + '127.0.1.1 web1.example.com web1\n', '', False),
    ('web1', None, LOCAL + '127.0.1.1 web1 web1.example.com\n', '', False),
    ('localhost', None, '127.0.0.1 localhost web1 localhost.localdomain\n', '', False),
    ('web1', None, LOCAL + '127.0.1.1 web1\n', '', True),
    ('WEB1', None, '127.0.1.1 WEB1\n', '', True),
    ('web1', None, '127.0.1.1 web1 # web1.example.com\n', '', True),
    # Nothing is found at all: nothing to wait for.
    (None, None, LOCAL, '', False),
    # IPv6 comes first, and IPv4 only where there is none.
    ('web1.example.com', 'localhost', LOCAL + '127.0.1.1 web1.example.com web1\n::1 localhost web1\n', '', True),
    ('web1', 'web1.example.com', 'fe80::1 web1.example.com web1\n127.0.1.1 web1\n', '', False),
    ('localhost', 'localhost', '::1 localhost web1 web1.example.com\n', '', False),
    ('localhost', 'localhost', '::1 localhost web1\n127.0.0.1 localhost localhost.localdomain\n', '', True),
    # The name that was found is looked for once more: the first line of the file that has it, then the DNS.
    ('web1', 'web1', '::1 web1\n127.0.1.1 web1.example.com web1\n', '', True),
    ('web1.example.com', 'web1', '127.0.1.1 web1.example.com web1\n::1 web1\n', '', False),
    ('web1', None, '127.0.1.1 web1\n', 'search example.com\n', False),
    ('web1', None, '127.0.1.1 web1\n', 'domain example.com\n', False),
    ('web1', None, '127.0.1.1 web1\n', 'search example.org example.com\n', False),
    ('web1', None, '127.0.1.1 web1\n', 'search example.com\nsearch example.org\n', True),
    ('web1', None, '127.0.1.1 web1\n', 'domain example.org example.com\n', True),
    ('localhost', None, '127.0.0.1 localhost web1\n', 'search example.com\n', True)])
def test_whether_every_start_waits_for_a_full_name(monkeypatch, four, six, hosts, resolv, waits):
    def look_up(questions, seconds, domains):
        known = {('web1', V4): four, ('web1', V6): six, ('web1.example.com.', socket.AF_UNSPEC): 'web1.example.com'}
        return {question: {'error': None if known.get(question) else 'not_found', 'canonical': known.get(question) or '', 'seconds': 0.1}
                for question in questions}
    monkeypatch.setattr(_lookups, 'look_up', look_up)
    monkeypatch.setattr(_lookups, 'has_ipv6', lambda: True)
    monkeypatch.setattr(_names.socket, 'gethostname', lambda: 'web1')
    monkeypatch.setattr(_names._system, 'script', lambda path, *limit: {'/etc/hosts': hosts, '/etc/resolv.conf': resolv}[path])
    assert _lookups.look_around([])['own']['unqualified'] is waits
    monkeypatch.setattr(_names.socket, 'gethostname', lambda: 'web1.example.org')
    assert not _lookups.look_around([])['own']['unqualified']


def test_a_kernel_without_ipv6_asks_for_ipv4_alone(monkeypatch):
    """conf.c, setdefaults(): InetMode is AF_INET where there is no socket for the other."""
    both = [{'error': None, 'canonical': name} for name in ('web1.example.com', 'localhost')]
    for ipv6 in (True, False):
        monkeypatch.setattr(_lookups, 'has_ipv6', lambda ipv6=ipv6: ipv6)
        assert _lookups._waits('web1', both, '127.0.1.1 web1.example.com web1\n::1 localhost web1\n', False) is ipv6
