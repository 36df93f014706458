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

from ansible_collections.mailops.sendmail.plugins.module_utils import _names


@pytest.fixture(name='serve')
def fixture_serve(tmp_path, monkeypatch):
    """serve(*answers): what a name server at 127.0.0.1 makes of each query in turn; None says nothing. Returns the path of a resolv.conf."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(('127.0.0.1', 0))
    monkeypatch.setattr(_names, '_DNS_PORT', server.getsockname()[1])

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
    assert _names.name_servers(serve(*answers), 0.4 if answers == [None, None] else 2) == [{'address': '127.0.0.1', 'error': error}]


def test_after_a_delay_the_second_query_has_its_time_all_the_same(serve, monkeypatch):
    waits = []

    def overslept(*arguments):
        waits.append(arguments)
        if len(waits) > 1:
            return select.select(*arguments)
        time.sleep(2.1)
        return [], [], []
    path = serve(None, lambda query: time.sleep(0.1) or code(0)(query))
    monkeypatch.setattr(_names, 'select', types.SimpleNamespace(select=overslept))
    assert _names.name_servers(path, 2) == [{'address': '127.0.0.1', 'error': None}]


def test_nobody_listens(tmp_path, monkeypatch):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(('127.0.0.1', 0))
        monkeypatch.setattr(_names, '_DNS_PORT', free.getsockname()[1])
    path = tmp_path / 'resolv.conf'
    path.write_text('')
    assert _names.name_servers(str(path), 0.4) == [{'address': '127.0.0.1', 'error': 'Connection refused'}]


@pytest.mark.parametrize('line, servers', [
    ('nameserver 192.0.2.1 # office', ['192.0.2.1']), ('nameserver\t192.0.2.1;x', []), ('nameserver 192.0.2.1 192.0.2.2', ['192.0.2.1']),
    ('nameserver fe80::1%eth0 # router', ['fe80::1%eth0']), (' nameserver 192.0.2.1', []), ('#nameserver 192.0.2.1', []),
    ('nameserver 192.0.2.1\t', ['192.0.2.1'])])
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
    assert _names.name_servers(path, 2) == [{'address': '127.0.0.1', 'error': None},
                                            {'address': '::1', 'error': 'Address family not supported by protocol'}]
