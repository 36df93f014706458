# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of mail. What Sendmail makes of a relay is what the real binary did with it (samples/route/relays.json, made
by -d16.1)."""

import ipaddress
import json
import os
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.mailops.sendmail.plugins.module_utils import _cf, _route

SAMPLES = os.path.join(os.path.dirname(__file__), '..', '..', 'samples')
OWN = 'h1.example.test'
with open(os.path.join(SAMPLES, 'route', 'relays.json')) as stream:
    RELAYS = json.load(stream)
# What the resolver of the host said on which the sample was made. For its own name the DNS answers first, because
# Sendmail asks with a final dot.
ANSWERS = {
    'localhost': {'addresses': ['127.0.0.1', '::1']},
    OWN: {'addresses': ['192.0.2.9', '::1']},
    'short': {'addresses': ['127.0.0.33']},
}


def submit(relay, mailer='TCP $h', options=(), flags='mDFMuXa8k', release='bookworm'):
    """submit.cf of Debian with another relay."""
    with open(os.path.join(SAMPLES, 'cf', release + '-submit.cf'), encoding='utf-8') as file:
        lines = file.read().splitlines()
    lines = [
        f'D{{MTAHost}}{relay}' if line.startswith('D{MTAHost}') else line
        for line in lines
        if not line.startswith('Mrelay')
    ]
    lines += [f'Mrelay, P=[IPC], F={flags}, A={mailer}', *(f'O {option}' for option in options)]
    return _cf.parse('\n'.join(lines).encode())


def way(relay, **more):
    return _route.submission(submit(relay, **more), OWN)


def found(relay, answers=None, interfaces=('192.0.2.9',), own_names=(OWN,), **more):
    return [
        (place.address, place.port, place.this_host)
        for place in _route.places(way(relay, **more), ANSWERS if answers is None else answers, interfaces, own_names)
    ]


@pytest.mark.parametrize(
    'case', RELAYS, ids=lambda case: ' '.join([case['relay'], case.get('mailer', ''), *case.get('options', [])])
)
def test_connections_are_those_of_the_real_sendmail(case):
    want = [(str(_route.address(there)), port) for there, port in case['connections']]
    got = [
        place[:2]
        for place in found(case['relay'], mailer=case.get('mailer', 'TCP $h 2525'), options=case.get('options', ()))
    ]
    assert got == want


@pytest.mark.parametrize('release', ['bullseye', 'bookworm', 'trixie'])
def test_submit_cf_of_debian(release):
    with open(os.path.join(SAMPLES, 'cf', release + '-submit.cf'), 'rb') as file:
        about = _route.submission(_cf.parse(file.read()), OWN)
    assert about == _route.Submission(
        'relay', 25, [_route.Target('[127.0.0.1]', '127.0.0.1', '127.0.0.1', False)], None, None, False, True
    )
    assert _route.questions(about) == []


@given(st.ip_addresses(v=6))
def test_an_ipv6_address_is_the_same_in_every_spelling(value):
    words = [int.from_bytes(value.packed[at : at + 2], 'big') for at in range(0, 16, 2)]
    want = value.ipv4_mapped or value
    for text in (str(value), value.exploded, str(value).upper(), ':'.join('%x' % word for word in words)):
        for prefix in ('', 'IPv6:', 'ipv6:', 'IPV6:'):
            assert _route.address(prefix + text) == want
            assert [place[0] for place in found(f'[{prefix}{text}]')] == [str(want)]


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_the_same_in_every_spelling(value):
    number = int(value)
    first, rest = number >> 24, number & 0xFFFFFF
    for text in (
        str(value),
        str(number),
        hex(number),
        f'{first}.{rest}',
        f'{first:#x}.{rest:#o}'.replace('0o', '0'),
        f'::ffff:{value}',
    ):
        assert _route.address(text) == value
    assert _route.address(f'IPv6:::ffff:{value}') == value
    assert _route.is_here(str(value), [str(value)])
    assert _route.is_here(str(value), []) == (value.is_loopback or number == 0)


@given(
    st.lists(
        st.one_of(
            st.ip_addresses(v=4).map(lambda one: f'[{one}]'),
            st.ip_addresses(v=6).map(lambda one: f'[IPv6:{one}]'),
            st.sampled_from(['hub.example.com', 'a', '[hub.example.com.]', 'mx-1.example.com.']),
        ),
        min_size=1,
        max_size=6,
    ),
    st.lists(st.sampled_from([':', ' : ', ':\t', ',']), min_size=6, max_size=6),
)
def test_a_list_is_what_was_put_into_it(hosts, separators):
    text = ''.join(host + separator for host, separator in zip(hosts, separators))
    about = way(text.rstrip(':, \t'))
    assert [target.host for target in about.targets] == hosts
    assert [target.mx for target in about.targets] == [not host.startswith('[') for host in hosts]
    assert all(target.address is None or ipaddress.ip_address(target.address) for target in about.targets)


@given(st.text(max_size=60))
def test_no_relay_raises(text):
    about = way(text.replace('\n', ' ').replace('\r', ' '))
    _route.route(about, _route.places(about, {}, []), [], {})


@pytest.mark.parametrize('text', ['hub.example.com', 'localhost', '', '1.2.3.4.5', '::g', 'IPv6:', '127.0.0.1 x', 'a1'])
def test_a_name_is_no_address(text):
    assert _route.address(text) is None


def test_brackets_ask_for_no_exchangers_and_flag_0_neither():
    assert _route.questions(way('[hub.example.com]')) == [('hub.example.com', False)]
    assert _route.questions(way('hub.example.com')) == [('hub.example.com', True)]
    assert _route.questions(way('hub.example.com', flags='mDFMuXa8k0')) == [('hub.example.com', False)]
    assert _route.questions(way('192.0.2.1')) == [
        ('192.0.2.1', True)
    ]  # Sendmail asks for the MX of an address without brackets


def mx(*records):
    return {'mx': records, 'addresses': []}


def test_exchangers_in_order_and_a_name_without_any():
    answers = {
        'example.com': mx((20, 'b.example.com.'), (10, 'A.example.com.')),
        'a.example.com': {'addresses': ['192.0.2.2', '2001:db8::2']},
        'b.example.com': {'addresses': ['192.0.2.3']},
        'hub.example.com': {'addresses': ['192.0.2.4'], 'mx': []},
    }
    assert found('example.com', answers) == [
        ('2001:db8::2', 25, False),
        ('192.0.2.2', 25, False),
        ('192.0.2.3', 25, False),
    ]
    assert found('hub.example.com', answers) == [('192.0.2.4', 25, False)]
    assert found('[example.com]', answers) == []


def test_exchangers_that_lead_back_to_this_host():
    """getmxrr(): what is no better than this host itself is left out; without anything left it is an error, unless
    TryNullMXList is set."""
    answer = mx((10, 'a.example.com'), (20, OWN + '.'), (30, 'c.example.com'))
    assert _route.exchangers(answer, [OWN]) == ['a.example.com']
    assert _route.exchangers(mx((20, OWN), (20, 'c.example.com')), [OWN.upper()]) is None
    assert _route.exchangers(mx((20, OWN)), [OWN], null_mx=True) == []
    assert _route.exchangers(mx((20, OWN)), ['other.example.com']) == [OWN]
    answers = {'example.com': dict(mx((20, OWN)), addresses=['192.0.2.7'])}
    assert found('example.com', answers, options=['Timeout.hoststatus=30m']) == []
    assert found('example.com', answers, options=['TryNullMXList=True']) == [('192.0.2.7', 25, False)]


def test_without_mtahost_the_smart_host_and_then_the_hub_count():
    def read(*lines):
        return _route.submission(
            _cf.parse(
                '\n'.join([*lines, 'Mrelay, P=[IPC], F=mD, A=TCP $h', 'Mesmtp, P=[IPC], F=mD, A=TCP $h 587']).encode()
            )
        )

    assert read('DS', 'DH') is None
    assert read('DS[192.0.2.1]').targets[0].address == '192.0.2.1'
    assert (read('DSesmtp:[192.0.2.1]:[192.0.2.2]').port, len(read('DSesmtp:[192.0.2.1]:[192.0.2.2]').targets)) == (
        587,
        2,
    )
    assert [target.name for target in read('DSmx1.example.com:mx2.example.com').targets] == [
        'mx1.example.com',
        'mx2.example.com',
    ]
    assert read('DS', 'DHhub.example.com').targets[0].name == 'hub.example.com'
    assert read('DSesmtp:[192.0.2.1]', 'D{MTAHost}[192.0.2.5]').targets[0].address == '192.0.2.5'


def test_a_socket_in_the_file_system_is_this_host():
    about = way('[127.0.0.1]', mailer='FILE /run/mta.sock')
    assert (about.path, about.targets) == ('/run/mta.sock', [])
    assert _route.route(about, [], [], {})['this_host'] is True


def one(address, port=25, **more):
    return dict({'address': address, 'port': port, 'pid': 1, 'name': 'sendmail-mta'}, **more)


def reached(address, *listeners, port=25, here=True):
    socket_ = _route.listener(listeners, _route.Place('x', address, port, here, False))
    return socket_ and socket_['address']


# sock: which of these sockets a connection to the address reaches.
@pytest.mark.parametrize(
    'address, bound, want',
    [
        ('127.0.0.1', ['127.0.0.1'], '127.0.0.1'),
        ('127.0.0.1', ['0.0.0.0'], '0.0.0.0'),
        ('127.0.0.1', ['::'], '::'),
        ('127.0.0.1', ['::1'], None),
        ('127.0.0.1', ['127.0.0.2'], None),
        ('127.0.0.1', ['0.0.0.0', '127.0.0.1'], '127.0.0.1'),
        ('127.0.0.1', ['::', '0.0.0.0'], '0.0.0.0'),
        ('::1', ['0.0.0.0'], None),
        ('::1', ['::'], '::'),
        ('::1', ['::', '::1'], '::1'),
        ('127.0.0.1', ['::ffff:127.0.0.1'], '::ffff:127.0.0.1'),
        ('0.0.0.0', ['127.0.0.1'], '127.0.0.1'),
        ('::', ['::1'], '::1'),
        ('127.0.0.1', [], None),
    ],
)
def test_the_socket_that_is_reached(address, bound, want):
    assert reached(address, *map(one, bound)) == want


def test_what_reaches_no_socket():
    assert reached('127.0.0.1', one('::', v6only=True)) is None
    assert reached('127.0.0.1', one('0.0.0.0', port=587)) is None
    assert reached('192.0.2.1', one('0.0.0.0'), here=False) is None  # a wildcard socket is no listener of another host


@pytest.mark.parametrize('bound', ['127.0.0.1', '0.0.0.0', '127.0.0.2', '::', '::1'])
@pytest.mark.parametrize('target', ['127.0.0.1', '127.0.0.2', '::1'])
def test_the_kernel_agrees(bound, target):
    """The oracle of listener() is a socket."""
    family = socket.AF_INET6 if ':' in bound else socket.AF_INET
    with socket.socket(family) as server, socket.socket(socket.AF_INET6 if ':' in target else socket.AF_INET) as client:
        try:
            server.bind((bound, 0))
        except OSError:
            pytest.skip('no IPv6 here')
        server.listen(1)
        port = server.getsockname()[1]
        client.settimeout(5)
        connected = client.connect_ex((target, port)) == 0
    assert connected == (reached(target, one(bound, port), port=port) is not None)


HELLO = {'connected': True, 'answered': True, 'code': 220}
SENDMAIL = dict(HELLO, text='220 h1 ESMTP Sendmail 8.17.1.9/8.17.1.9; Fri, 27 Nov 2026 11:00:00 GMT')
POSTFIX = dict(HELLO, text='220 h1 ESMTP Postfix (Debian/GNU)')
PLAIN = dict(HELLO, text='220 h1 ESMTP')
HARDENED = dict(PLAIN, farewell='221 2.0.0 h1 closing connection')
DEAD = {'connected': False, 'answered': False, 'code': None, 'text': None}
SILENT = {'connected': True, 'answered': False, 'code': None, 'text': None}


@pytest.mark.parametrize(
    'greeting, socket_, here, want',
    [
        (SENDMAIL, one('0.0.0.0'), True, 'sendmail'),
        (PLAIN, one('0.0.0.0', sendmail=True), True, 'sendmail'),
        (SILENT, one('0.0.0.0'), True, 'sendmail'),
        (PLAIN, one('0.0.0.0', sendmail=False), True, 'stranger'),
        (SENDMAIL, one('::', name='systemd'), True, 'inetd'),
        # A greeting without the name, as rules for hardening want it: what it says to QUIT tells.
        (HARDENED, one('::', name='systemd'), True, 'inetd'),
        (HARDENED, one('::', name='xinetd'), True, 'inetd'),
        (HARDENED, one('::', name='tcpserver'), True, 'inetd'),
        (HARDENED, one('::', name='docker-proxy'), True, 'sendmail'),
        (HARDENED, one('::', name='master'), True, 'other_mta'),
        (dict(HARDENED, farewell='221 2.0.0 Bye'), one('::', name='systemd'), True, 'stranger'),
        (dict(HARDENED, farewell='221 h closing connection'), one('::', name='systemd'), True, 'stranger'),
        (dict(HARDENED, farewell=None), one('::', name='tcpserver'), True, 'other_mta'),
        (dict(HARDENED, code=None), one('::', name='systemd'), True, 'stranger'),
        (SENDMAIL, one('::', name='inetd'), True, 'inetd'),
        (PLAIN, one('::', name='inetd'), True, 'stranger'),
        (POSTFIX, one('::', name='systemd'), True, 'other_mta'),
        (POSTFIX, one('::', name='master'), True, 'other_mta'),
        (DEAD, one('::', name='exim4'), True, 'other_mta'),
        (SILENT, one('::', name='python3'), True, 'stranger'),
        (SENDMAIL, one('::', name='docker-proxy'), True, 'sendmail'),
        (DEAD, None, True, 'nobody'),
        (SENDMAIL, None, True, 'sendmail'),
        (PLAIN, None, True, 'stranger'),
        (None, None, True, 'nobody'),
        (None, one('::', name=None, pid=None), True, None),
        (DEAD, None, False, 'nobody'),
        (PLAIN, None, False, 'mta'),
        (POSTFIX, None, False, 'other_mta'),
        (SILENT, None, False, 'stranger'),
        (None, None, False, None),
        (dict(DEAD, connected=True, code=421, text='421 4.3.2 h1 Sendmail 8.17 busy'), None, False, 'sendmail'),
    ],
)
def test_who_answers(greeting, socket_, here, want):
    assert _route.answers(greeting, socket_, here) == want


def test_the_fact_of_a_healthy_host():
    about = way('[127.0.0.1]')
    fact = _route.route(about, _route.places(about, {}, []), [one('127.0.0.1')], {('127.0.0.1', 25): SENDMAIL})
    place = {
        'host': '[127.0.0.1]',
        'address': '127.0.0.1',
        'port': 25,
        'this_host': True,
        'fallback': False,
        'listener': one('127.0.0.1'),
        'answers': 'sendmail',
    }
    assert fact == {
        'host': '127.0.0.1',
        'port': 25,
        'mx': False,
        'literal': True,
        'hosts': ['127.0.0.1'],
        'mailer': 'relay',
        'path': None,
        'places': [place],
        'this_host': True,
        'listener': one('127.0.0.1'),
        'answers': 'sendmail',
        'mta_wanted': None,
    }


def test_the_fact_of_a_hub_with_an_unrelated_program_here():
    """Row B2 of the field faults: a wildcard socket of this host has nothing to do with the hub."""
    about = way('[192.0.2.20]')
    fact = _route.route(
        about, _route.places(about, {}, ['192.0.2.9']), [one('0.0.0.0', name='python3')], {('192.0.2.20', 25): PLAIN}
    )
    assert (fact['this_host'], fact['listener'], fact['answers']) == (False, None, 'mta')


def test_the_second_relay_that_takes_the_connection_answers():
    about = way('[192.0.2.20]:[127.0.0.1]')
    fact = _route.route(
        about, _route.places(about, {}, []), [one('127.0.0.1')], {('192.0.2.20', 25): DEAD, ('127.0.0.1', 25): SENDMAIL}
    )
    assert (fact['this_host'], fact['answers']) == (None, 'sendmail')
    assert [place['answers'] for place in fact['places']] == ['nobody', 'sendmail']
    assert _route.route(None, [], [], {}) is None


@pytest.mark.parametrize(
    'greeting, want',
    [
        (SENDMAIL, 0), (dict(SENDMAIL, error='connection_timeout'), 1), (dict(SENDMAIL, error=None), 0), (SILENT, 1), (DEAD, 2), (None, 2), ({}, 2),
    ],
)
def test_who_is_first(greeting, want):
    assert _route.grade(greeting) == want


@pytest.mark.parametrize('code, want', [(220, 'sendmail'), (421, 'sendmail'), (554, 'sendmail'), (220 + 1, 'stranger'), (250, 'stranger'), (553, 'stranger')])
def test_what_counts_as_a_greeting(code, want):
    assert _route.answers(dict(SENDMAIL, code=code), None, True) == want


@pytest.mark.parametrize(
    'text, port',
    [
        ('25', 25), ('587', 587), ('0', 25), ('65536', 25), ('65561', 25), ('66123', 587), ('submission', 587), ('SMTP', 25), ('none', 25), ('', 25),
        ('465x', 465),
    ],
)
def test_the_port_of_a_mailer(text, port):
    """deliver.c:2234: htons() of the number, sixteen bits of it."""
    assert _route._port(text) == port


@pytest.mark.parametrize(
    'lines, ports',
    [
        ('', [25]),
        ('O DaemonPortOptions=Name=MTA\n', [25]),
        ('O DaemonPortOptions=Port=587, Name=MSA, M=E\nO DaemonPortOptions=p=26,Port=27\n', [587, 27]),
        ('O DaemonPortOptions=P, Name=x\n', [25]),
    ],
)
def test_the_ports_of_a_daemon(lines, ports):
    assert _route.daemon_ports(_cf.parse(lines.encode())) == ports


@pytest.mark.parametrize(
    'text, interfaces, here',
    [
        ('127.0.0.9', [], True), ('::1', [], True), ('0.0.0.0', [], True), ('::', [], True), ('192.0.2.9', ['192.0.2.9'], True),
        ('192.0.2.8', ['192.0.2.9'], False), ('fe80::1', ['fe80::1%eth0'], True), ('hub', [], False), ('::ffff:192.0.2.9', ['192.0.2.9'], True),
    ],
)
def test_what_is_an_address_of_this_host(text, interfaces, here):
    assert _route.is_here(text, interfaces) is here


def test_every_connection_goes_where_connectonlyto_says():
    for option, want in (('ConnectOnlyTo=192.0.2.3', ('192.0.2.3', 25)), ('ConnectOnlyTo=26@192.0.2.3', ('192.0.2.3', 26))):
        about = way('[192.0.2.1]:[192.0.2.2]', options=[option])
        assert [(place.host, place.address, place.port) for place in _route.places(about, {}, [])] == [('[192.0.2.1]',) + want]


def test_an_error_in_the_list_of_exchangers_is_no_list():
    assert _route.exchangers({'mx_error': 'timeout', 'mx': [(10, 'a')]}, []) is None
    assert _route.exchangers({'mx': [(10, 'a'), (20, 'a.')]}, []) == ['a']
    assert _route.exchangers({}, [OWN]) == []
    assert _route.exchangers(mx((10, 'a'), (20, OWN), (5, OWN)), [OWN]) is None
    assert _route.places(None, {}, []) == [] == _route.questions(None)


@pytest.mark.parametrize('lines, expected', [
    ('O ClientPortOptions=Family=inet, Addr=192.0.2.7', {4: '192.0.2.7'}), ('O ClientPortOptions=A=192.0.2.7,f=INET', {4: '192.0.2.7'}),
    ('O ClientPortOptions=Family=inet6, Address=IPv6:2001:db8:0::7, M=h', {6: '2001:db8::7'}), ('O ClientPortOptions=Addr=127.1', {4: '127.0.0.1'}),
    ('O ClientPortOptions=F=2,A=192.0.2.7\nO ClientPortOptions=F=10,A=::7', {4: '192.0.2.7', 6: '::7'}),
    # The last line of a family counts, also where it names no address; 0.0.0.0 is none, and a name is not looked up here.
    ('O ClientPortOptions=Addr=192.0.2.7\nO ClientPortOptions=Port=1025', {}), ('O ClientPortOptions=Addr=0.0.0.0', {}),
    ('O ClientPortOptions=Family=inet6,Addr=::', {}), ('O ClientPortOptions=Addr=hub.example.com', {}), ('O ClientPortOptions=Addr=', {}),
    ('O ClientPortOptions=,,Addr', {}), ('O DaemonPortOptions=Addr=192.0.2.7', {}), ('', {})])
def test_the_address_that_connections_are_made_from(lines, expected):
    assert _route.sources(_cf.parse(lines.encode())) == expected
    assert _route.sources(None) == {}


@pytest.mark.parametrize('lines, letter, values, lowest', [
    ('O DaemonPortOptions=Name=MTA, r=5\nO DaemonPortOptions=Name=MSA, Port=587\n', 'r', ['5', ''], 5),
    ('O DaemonPortOptions=refuseLA=50\nO DaemonPortOptions=R=1024\n', 'r', ['50', ''], 24),
    ('O DaemonPortOptions=children=3,c = 4\n', 'c', ['4'], 4),
    ('O DaemonPortOptions=r=0\n', 'r', ['0'], 0),                             # no limit for this one
    ('', 'r', [''], 24),
    ('O DaemonPortOptions=D=q, d=9\n', 'd', ['9'], 9)])
def test_what_a_daemon_has_for_itself(lines, letter, values, lowest):
    """setsockaddroptions() in daemon.c: r and R, c and d, q and D are different things, and the last one counts."""
    cf = _cf.parse(lines.encode())
    assert (_route.of_daemons(cf, letter), _route.lowest(cf, letter, 24)) == (values, lowest)
    assert (_route.of_daemons(None, letter), _route.lowest(None, letter, 24)) == ([''], 24)


@pytest.mark.parametrize('line, tried', [
    # With 8.17.1.9 and no name server that answers, "MX 0 .", and an exchanger that is this host: "Sent", and for all others "Deferred: Name server:
    # hub.example.test: host name lookup failure", or a bounce.
    ('O Timeout.hoststatus=0', True), ('O Timeout.hoststatus=0s', True), ('O Timeout.hoststatus=1s', False), ('O Timeout.hoststatus=30m', False), ('', False)])
@pytest.mark.parametrize('answer', [{'mx_error': 'temporary', 'mx': []}, {'mx_error': None, 'mx': [(0, '')]}, {'mx_error': None, 'mx': [(10, OWN)]}])
def test_that_there_is_no_exchanger_may_be_forgotten(line, tried, answer):
    way = _route.submission(_cf.parse(('D{MTAHost}hub.example.test\nMrelay, P=[IPC], F=m, A=TCP $h\n%s\n' % line).encode()))
    answers = {'hub.example.test': dict(answer, addresses=['192.0.2.20']), 'mx.example.test': {'addresses': ['192.0.2.21']}}
    assert [place.address for place in _route.places(way, answers, [], [OWN])] == ['192.0.2.20'] * tried
    answers['hub.example.test'].update(mx_error=None, mx=[(10, 'mx.example.test')])
    assert [place.address for place in _route.places(way, answers, [], [OWN])] == ['192.0.2.21']
