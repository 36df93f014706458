# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Causes of the relay, and of what it answers, over looks made by hand. The scenario diagnosis shows that a host gives such looks."""

import pytest

from ansible_collections.mailops.sendmail.plugins.module_utils import _causes, _cf, _flush, _reach, _route
from ansible_collections.mailops.sendmail.tests.unit.hosts_looked_at import GREETING, HEALTHY, NOW, SOCKET, because, relay

DOWN = dict(GREETING, connected=False, answered=False, code=None, text=None, error='connection_refused')
SILENT = dict(DOWN, connected=True, error='connection_timeout')
STUCK = dict(GREETING, error='connection_timeout')
NOBODY = {'greeting': DOWN, 'relay': relay('[127.0.0.1]', listeners=[], greeting=DOWN), 'listeners': []}
SUBMIT = '220 bw1.example.test ESMTP Sendmail 8.17.1.9/8.17.1.9/Submit; Sat, 28 Nov 2026 00:25:40 GMT; (No UCE/UBE)'
HUB = '[192.0.2.20]'
FOREIGN = dict(SOCKET, address='0.0.0.0', pid=9, name='python3', sendmail=False)
REJECTS = {'role': 'daemon', 'started': NOW, 'title': 'x', 'pid': 7}


def hub(greeting, listeners=()):
    """A host that hands mail to another one."""
    return {'greeting': greeting, 'relay': relay(HUB, listeners=list(listeners), greeting=greeting), 'listeners': list(listeners)}


def rejects(text, **more):
    return dict(NOBODY, processes=[dict(REJECTS, rejecting='rejecting connections on daemon MTA-v4: ' + text)], **more)


def waits(reason, example):
    return {'queues': {'msp': because(3, reason, example)}}


def found(**more):
    return [cause['id'] for cause in _causes.diagnose(HEALTHY._replace(**more))]


def by_mx(*records, greeting=None):
    """A host that hands mail to the exchangers of example.com, and is called h.example.test itself."""
    resolved = dict((name, {'addresses': found, 'mx': [], 'mx_error': None, 'error': None if found else 'not_found'}) for name, found in (
        ('h.example.test', ['192.0.2.9']), ('b.example.com', ['192.0.2.20']), ('gone.example.com', [])) if name in dict(records).values())
    resolved['example.com'] = {'addresses': [], 'mx': list(records), 'mx_error': None, 'error': 'not_found'}
    way = _route.Submission('relay', 25, [_route._target('example.com', True)], None, None, False)
    places = _route.places(way, resolved, ['192.0.2.9'], ['h.example.test'])
    said = {} if greeting is None else {(place.address, place.port): greeting for place in places}
    return {'relay': dict(_route.route(way, places, [], said), hosts_file=[]), 'resolved': resolved,
            'greeting': greeting or dict(DOWN, error='name_lookup')}


@pytest.mark.parametrize('pid, stopped, says', [
    (SOCKET['pid'], True, 'Process %d, which listens on 127.0.0.1 port 25, is stopped (kill -STOP), so it does not greet.' % SOCKET['pid']),
    (SOCKET['pid'], False, '127.0.0.1 port 25 accepts the connection and says nothing for 60 seconds.'),
    (SOCKET['pid'] + 1, True, '127.0.0.1 port 25 accepts the connection and says nothing for 60 seconds.')])
def test_who_is_stopped_is_named(pid, stopped, says):
    silent = dict(SILENT, seconds=60.0)
    (one,) = _causes.diagnose(HEALTHY._replace(greeting=silent, processes=[dict(REJECTS, rejecting=None, pid=pid, stopped=stopped)]))
    assert (one['id'], one['evidence']) == ('silent', [says])


@pytest.mark.parametrize('bound_to, because_of', [('sendmail.service', ['mta_down']), (None, [])])
def test_a_runner_that_stops_with_the_mta_is_its_victim(bound_to, because_of):
    runner = dict(HEALTHY.runners[0], active=False, detail='it is down', bound_to=bound_to)
    causes = {one['id']: one for one in _causes.diagnose(HEALTHY._replace(**dict(NOBODY, processes=[], runners=[runner])))}
    assert set(causes) == {'mta_down', 'runner'}
    assert causes['runner']['because_of'] == because_of


@pytest.mark.parametrize('records, word', [([(10, 'h.example.test')], 'loop'), ([(0, '')], 'relay_name')])
def test_a_relay_that_is_nobody_returns_the_mail(records, word):
    """Seen with 8.17.1.9: "MX list for example.com points back to h.example.test" (EX_CONFIG), and EX_UNAVAILABLE for "MX 0 ."; all in dead.letter."""
    (one,) = _causes.diagnose(HEALTHY._replace(**by_mx(*records)))
    cause = next(cause for cause in _causes.CAUSES if cause.id == one['id'])
    assert (one['id'], one['blocks'], cause.harms(HEALTHY._replace(**by_mx(*records)))) == (word, True, True)
    assert one['evidence'] == [{
        'loop': 'The best mail exchanger of example.com is this host itself, so the mail submission program hands mail to nobody.',
        'relay_name': 'The DNS says that example.com, which submit.cf hands mail to, takes none ("MX 0 .", RFC 7505).'}[word]]


@pytest.mark.parametrize('address, said', [('192.0.2.77', True), ('192.0.2.9', False), ('127.0.0.2', False)])
def test_connections_from_an_address_of_another_host(address, said):
    cf = _cf.parse(b'O ClientPortOptions=Family=inet, Addr=%s\n' % address.encode())
    (one,) = _causes.diagnose(HEALTHY._replace(configurations={'msp': cf}, greeting=dict(DOWN, error='no_route')))
    assert one['id'] == 'unreachable'
    assert one['evidence'][1:] == ['ClientPortOptions in submit.cf has Sendmail connect from 192.0.2.77, which is not an address of this host.'] * said


def two(second):
    """Relays 127.0.0.8, which a silent stranger holds, and 127.0.0.1, where Sendmail is."""
    way = _route.Submission('relay', 25, [_route._target(host, True) for host in ('[127.0.0.8]', '[127.0.0.1]')], None, None, False)
    greetings = {('127.0.0.8', 25): SILENT, ('127.0.0.1', 25): second}
    sockets = [dict(FOREIGN, address='127.0.0.8'), SOCKET]
    return dict(_route.route(way, _route.places(way, {}, ()), sockets, greetings), hosts_file=[])


@pytest.mark.parametrize('more, expected', [
    ({'locked': [{'id': '6ANFSGsD000240', 'pid': 7, 'seconds': 600, 'title': 'sendmail: MSP: client greeting'}]}, ['hangs']),
    ({'locked': [{'id': '6ANFSGsD000240', 'pid': 7, 'seconds': 600 - 1, 'title': ''}]}, []),
    ({'locked': [{'id': '6ANFSGsD000240', 'pid': 7, 'seconds': None, 'title': ''}]}, []),
    (dict(NOBODY, processes=[]), ['mta_down']),
    (dict(NOBODY, relay=relay('[IPv6:0:0:0:0:0:0:0:1]', listeners=[], greeting=DOWN), processes=[]), ['mta_down']),
    (NOBODY, ['listens_elsewhere']),
    # A socket in the file system (A=FILE) is no port of the MTA.
    (dict(NOBODY, relay=dict(NOBODY['relay'], path='/run/nosock')), []),
    ({'greeting': DOWN, 'relay': relay('[127.0.0.1]', greeting=DOWN)}, ['filtered']),
    ({'greeting': dict(DOWN, error='not_permitted')}, ['filtered']),
    ({'greeting': SILENT}, ['silent']),
    ({'greeting': dict(SILENT, error='closed')}, ['silent']),
    ({'greeting': dict(SILENT, code=554, error=None, text='554 no')}, ['refuses']),
    ({'greeting': dict(GREETING, refusal='550 5.7.1 Access denied')}, ['refuses']),
    ({'greeting': dict(GREETING, refusal='550 5.0.0 Access denied'), 'hosts_access': ['/etc/hosts.deny: ALL: ALL']}, ['hosts_access']),
    (dict(hub(dict(GREETING, refusal='550 5.0.0 Access denied')), hosts_access=['/etc/hosts.deny: ALL: ALL']), ['refuses']),
    (hub(dict(GREETING, denied=['550 5.7.1 <bob@example.test>... Relaying denied'])), ['refuses']),
    (dict(hub(dict(GREETING, denied=['550 5.7.1 Relaying denied'])), **waits('limit', 'Deferred: 421 4.3.2 Connection rate limit exceeded.')),
     ['limits', 'refuses']),
    (hub(dict(GREETING, denied=['550 5.1.1 <bob@example.test>... User unknown'] * 2)), []),
    ({'hosts_access': ['/etc/hosts.deny: ALL: ALL']}, []),
    # Another host is the relay. B1, B2 and B3 of the field faults: what listens here has nothing to do with it.
    (hub(GREETING), []),
    (dict(hub(GREETING), processes=[]), []),
    (hub(GREETING, [FOREIGN]), []),
    (dict(hub(DOWN), processes=[]), ['hub_down']),
    (hub(SILENT), ['hub_down']),
    (hub(dict(SILENT, error='closed')), ['hub_down']),
    # It greets, and falls silent at EHLO, MAIL or RCPT; one that says so much more slowly has nothing wrong with it.
    ({'greeting': STUCK}, ['hangs_up']),
    (hub(STUCK), ['hangs_up']),
    (hub(dict(STUCK, error='closed')), ['hangs_up']),
    (dict(hub(STUCK), **waits('connection_refused', 'Deferred: Connection refused by [192.0.2.20]')), ['hangs_up']),
    (hub(dict(STUCK, error=None)), []),
    ({'greeting': dict(GREETING, refusal='553 5.3.5 it calls itself old.test, and takes mail for users of new.test for that of another host')}, ['loop']),
    (hub(dict(GREETING, refusal='553 5.3.5 it calls itself')), ['refuses']),
    (dict(waits('connection_refused', 'Deferred: Connection refused by [127.0.0.1]'), shut_out='connection_refused'), ['filtered']),
    (dict(waits('no_route', 'x'), shut_out='connection_timeout'), ['filtered']),
    (hub(DOWN, [SOCKET]), ['hub_down']),
    (hub(DOWN, [FOREIGN]), ['hub_down']),
    (hub(dict(DOWN, error='connection_timeout')), ['unreachable']),
    (dict(hub(GREETING), **waits('connection_refused', 'Deferred: Connection refused by [192.0.2.20]')), ['was_down']),
    # Whatever else the kernel says, nobody has answered: a kernel without IPv6, an address of the link without its interface.
    (hub(dict(DOWN, error='Address family not supported by protocol')), ['unreachable']),
    (hub(dict(DOWN, error='Invalid argument')), ['unreachable']),
    ({'greeting': dict(DOWN, error='Network is down')}, ['unreachable']),
    (hub(dict(SILENT, error=None, text='x' * 200)), ['hub_down']),
    (by_mx((10, 'h.example.test')), ['loop']),
    (by_mx((20, 'b.example.com'), (10, 'h.example.test')), ['loop']),
    (by_mx((10, 'b.example.com'), (20, 'h.example.test'), greeting=GREETING), []),
    (by_mx((0, '')), ['relay_name']),
    (by_mx((0, ''), (10, 'b.example.com'), greeting=GREETING), []),
    (by_mx((10, 'gone.example.com')), ['relay_name']),
    # Debian 12, systemd starts "sendmail -bs" for each connection: mail came back into the client queue until it had too many hops. Then the MTA.
    (dict({'greeting': dict(GREETING, text=SUBMIT)}, **waits('connection_refused', 'x')), ['loop']),
    ({'greeting': dict(GREETING, text=SUBMIT.replace('Submit', 'Debian-2+deb12u2'))}, []),
    (hub(dict(GREETING, text=SUBMIT)), []),
    # A stranger that greets is one cause, without advice that would lose mail (B30).
    ({'relay': relay('[127.0.0.1]', listeners=[FOREIGN], greeting=dict(GREETING, text='220 hello')),
      'greeting': dict(GREETING, text='220 hello', refusal='554 no'), **waits('connection_refused', 'x')}, ['stranger']),
    ({'relay': relay('[127.0.0.1]', listeners=[dict(FOREIGN, name='systemd')])}, []),
    ({'relay': relay('[127.0.0.1]', listeners=[dict(FOREIGN, name='docker-proxy')], greeting=SILENT), 'greeting': SILENT}, ['stranger']),
    # Of two relays here the first is a stranger that takes nothing: mail goes to the second, unless that is gone too.
    ({'relay': two(GREETING)}, []),
    ({'relay': two(DOWN), 'greeting': SILENT}, ['stranger']),
    # Titles of a daemon that rejects.
    (rejects('load average: 50'), ['refuses_for_load']),
    (rejects('4 children, max 4'), ['limits']),
    (rejects('free memory: 3'), ['limits']),
    (dict(rejects('4 children, max 4'), greeting=GREETING), []),
    (dict(rejects('4 children, max 4', **waits('connection_refused', 'x')), greeting=GREETING), ['limits']),
    (waits('limit', 'Deferred: 421 4.3.2 Connection rate limit exceeded.'), ['limits']),
    ({'greeting': dict(SILENT, code=421, error=None, text='421 4.3.2 Too many open connections.')}, ['limits']),
    # The interface and the hosts file (B22).
    (dict(NOBODY, greeting=dict(DOWN, error='no_route'), interfaces={'addresses': [], 'loopback': False}), ['interface']),
    (dict(NOBODY, processes=[], interfaces={'addresses': [], 'loopback': False}), ['interface']),
    (dict(hub(dict(DOWN, error='no_route')), interfaces={'addresses': [], 'loopback': False}), ['unreachable']),
    ({'greeting': DOWN, 'relay': dict(relay('[localhost]', listeners=[], greeting=DOWN, resolved={'localhost': {'addresses': ['192.0.2.77']}}),
                                      hosts_file=['/etc/hosts line 1: 192.0.2.77 localhost'])}, ['hosts_file']),
    (dict(hub(DOWN), relay=relay('hub.example.com', listeners=[], greeting=DOWN, resolved={'hub.example.com': {'addresses': ['192.0.2.20']}})),
     ['hub_down']),
    # The name of the relay.
    ({'greeting': DOWN, 'relay': relay('[hub.example.com]', listeners=[]), 'resolved': {
        'hub.example.com': {'error': 'not_found', 'mx': [], 'mx_error': None, 'addresses': []}}}, ['relay_name']),
    ({'resolved': {'hub.example.com': {'error': None, 'mx': [], 'mx_error': None, 'addresses': ['192.0.2.20']}}}, []),
    # What only the status knows.
    (waits('tls', 'Deferred: 454 4.7.0 TLS handshake failed.'), ['tls']),
    (waits('auth', 'Deferred: Temporary AUTH failure'), ['auth']),
    (waits('connection_lost', 'reply: read error from [127.0.0.1]'), ['hangs_up']),
    (dict(waits('connection_lost', 'reply: read error from [127.0.0.1]'), greeting=dict(SILENT, error='closed')), ['silent']),
    # What keeps the relay away now is the cause, not how it hung up before.
    (dict(NOBODY, processes=[], **waits('connection_lost', 'reply: read error from [127.0.0.1]')), ['mta_down']),
    (dict(hub(dict(DOWN, error='no_route')), **waits('connection_lost', 'reply: read error from [192.0.2.20]')), ['unreachable']),
    # localhost, which no service looks up any more: the line of the hosts file is right.
    ({'greeting': dict(DOWN, error='name_lookup'), 'relay': dict(
        relay('[localhost]', listeners=[], greeting=DOWN, resolved={'localhost': {'addresses': []}}), hosts_file=['/etc/hosts line 1: 127.0.0.1 localhost']),
      'resolved': {'localhost': {'error': 'not_found', 'mx': [], 'mx_error': None, 'addresses': []}}}, ['relay_name']),
    (waits('mta_queue', 'Deferred: 421 4.3.0 collect: Cannot write ./dfX'), ['mta_queue']),
    ({'processes': [dict(HEALTHY.processes[0], cwd='/var/spool/mqueue (deleted)')]}, ['mta_queue']),
    ({'processes': [dict(HEALTHY.processes[0], cwd='/var/spool/mqueue')]}, []),
    (waits('milter', 'Deferred: 451 4.3.2 Please try again later'), ['milter']),
    (waits('map_lookup', 'virtusertable map: lookup (x): deferred'), ['maps']),
    (waits('alias_database', 'alias database unavailable'), ['maps']),
    (waits('mailbox', 'Deferred: local mailer (/x) exited with EX_TEMPFAIL'), ['mailbox']),
    (waits('loop', 'MX list for x points back to h'), ['loop']),
    (waits('resources', 'Deferred: Too many open files'), ['resources']),
    # After queuewarn the reason is hidden (B10): what holds now explains it, otherwise it is said.
    (waits('warned', 'Warning: could not send message for past 4 hours'), ['warned']),
    (dict(NOBODY, processes=[], **waits('warned', 'Warning: could not send message for past 4 hours')), ['mta_down']),
    ({'greeting': dict(DOWN, error='no_route')}, ['unreachable']),
    ({'queues': {'msp': because(3, 'connection_refused', 'x')}}, ['was_down']),
    ({'queues': {'msp': because(3, 'temporary_reply', 'x')}}, ['policy']),
    ({'queues': {'msp': because(3, 'host_lookup', 'x')},
      'lookups': dict(HEALTHY.lookups, domains={'d': {'error': 'temporary', 'seconds': 0.1}})}, ['dns']),
    ({'queues': {'msp': because(3, 'host_lookup', 'x')},
      'lookups': dict(HEALTHY.lookups, domains={'d': {'error': 'not_found', 'seconds': 0.1}})}, ['dns_was_down']),
    ({'queues': {'msp': because(3, last_attempt_age=2 * 1800 + 300)}}, []),
    ({'runners': []}, ['runner']),
    ({'submitter': dict(HEALTHY.submitter, conflict='The primary group of user smmsp is 25, ...')}, ['permissions']),
    ({'hazards': {'no_data': [('there is no data file', 'x')]}}, ['missing_data']),
    ({'hazards': {'aborts': [('there is no sender (S line): a queue runner aborts', 'x')]}}, ['poison']),
    ({'hazards': {'damaged': [('line 2: an unknown line, Y99', 'x')]}}, ['damaged']),
    ({'queues': {'msp': dict(because(40), top={'reasons': [], 'users': [{'user': 'root', 'messages': 39}], 'senders': []})}}, ['one_source']),
    ({'dead_letters': [{'path': '/root/dead.letter', 'size': 5, 'mtime': NOW - 60}]}, ['elsewhere']),
    ({'dead_letters': [{'path': '/root/dead.letter', 'size': 5, 'mtime': NOW - 8 * 86400}]}, []),
])
def test_what_is_found(more, expected):
    assert found(**more) == expected


def named(error, addresses=()):
    """A relay called hub.example.com, and what looking it up gives."""
    about = {'error': error, 'mx': [], 'mx_error': None, 'addresses': list(addresses)}
    return {'greeting': DOWN, 'relay': relay('[hub.example.com]', listeners=[], greeting=DOWN, resolved={'hub.example.com': about}),
            'resolved': {'hub.example.com': about}}


def hosts(lines):
    return {'greeting': DOWN, 'relay': dict(relay('[localhost]', listeners=[], greeting=DOWN, resolved={'localhost': {'addresses': ['192.0.2.77']}}),
                                            hosts_file=lines)}


STRANGER = {'relay': relay('[127.0.0.1]', listeners=[FOREIGN], greeting=SILENT), 'greeting': SILENT}


def test_a_cause_that_harms_does_not_wait_for_itself():
    """A start runs the queue into a stranger, so what starts something waits for it; its own advice does not."""
    (stranger, runner) = _causes.diagnose(HEALTHY._replace(**dict(STRANGER, runners=[])))
    assert (stranger['id'], runner['id']) == ('stranger', 'runner')
    assert stranger['fix']['text'].startswith('Stop the other program')
    assert runner['fix']['text'] == 'First fix: stranger; a start runs the queue. Schedule one, every half hour.'


OTHER = 'Deferred: Connection refused by hub2.example.test.'
BY_DOMAIN = b'R$* < @ other.test $* > $*\t$#relay $@ %s $: $1 < @ other.test > $3\n'


@pytest.mark.parametrize('status, text, expected', [
    # Seen with 8.18.1: the other relay refuses, the first one answers.
    (OTHER, BY_DOMAIN % b'hub2.example.test', 'hub_down'), (OTHER, BY_DOMAIN % b'[hub2.example.test]', 'hub_down'),
    (OTHER, BY_DOMAIN % b'HUB2.example.test', 'hub_down'),
    (OTHER, b'Kmailertable hash /etc/mail/mailertable\n', 'hub_down'),
    # submit.cf has named it before; or it is only written somewhere.
    (OTHER, b'', 'was_down'), (OTHER, BY_DOMAIN % b'hub2.example.test.net', 'was_down'), (OTHER, b'R$* hub2.example.test\t$1\n', 'was_down'),
    (OTHER, BY_DOMAIN % b'hub.example.test', 'was_down'), ('x', BY_DOMAIN % b'hub2.example.test', 'was_down'),
    ('Deferred: Connection refused by [127.0.0.1]', BY_DOMAIN % b'[127.0.0.1]', 'was_down')])
def test_one_of_the_relays_by_domain_refuses(status, text, expected):
    look = HEALTHY._replace(configurations={'msp': _cf.parse(text)}, **waits('connection_refused', status))
    (one,) = _causes.diagnose(look)
    assert (one['id'], one['messages'], one['blocks']) == (expected, 3, False)
    if expected == 'hub_down':
        assert one['evidence'][1] == 'submit.cf sends mail for some recipients to hub2.example.test; 127.0.0.1 port 25 answers.'
    (late,) = _causes.diagnose(look._replace(**waits('connection_timeout', status.replace('refused by', 'timed out with'))))
    assert late['id'] == expected.replace('was_down', 'unreachable')


# A host on which a cause of the relay holds, and the most similar one on which it does not. The other causes are in test__causes.
NEAREST = {
    'mta_down': (dict(NOBODY, processes=[]), NOBODY),
    'interface': (dict(NOBODY, greeting=dict(DOWN, error='no_route'), interfaces={'addresses': [], 'loopback': False}),
                  dict(NOBODY, greeting=dict(DOWN, error='no_route'), interfaces={'addresses': [], 'loopback': True})),
    'hosts_file': (hosts(['/etc/hosts line 1: 192.0.2.77 localhost']), hosts([])),
    'hub_down': (hub(DOWN), NOBODY),
    'stranger': (STRANGER, dict(STRANGER, relay=relay('[127.0.0.1]', listeners=[dict(FOREIGN, name='sendmail', sendmail=True)], greeting=SILENT))),
    'refuses_for_load': (rejects('load average: 50'), rejects('4 children, max 4')),
    'limits': (rejects('4 children, max 4'), rejects('load average: 50')),
    'listens_elsewhere': (NOBODY, dict(NOBODY, processes=[])),
    'filtered': ({'greeting': dict(DOWN, error='not_permitted')}, dict(NOBODY)),
    'hosts_access': ({'greeting': dict(GREETING, refusal='550 5.0.0 Access denied'), 'hosts_access': ['/etc/hosts.deny: ALL: ALL']},
                     {'greeting': dict(GREETING, refusal='550 5.7.1 Access denied'), 'hosts_access': []}),
    'was_down': (waits('connection_refused', 'x'), dict(waits('connection_refused', 'x'), **NOBODY)),
    'unreachable': (hub(dict(DOWN, error='no_route')), hub(DOWN)),
    'silent': ({'greeting': SILENT}, hub(SILENT)),
    'refuses': ({'greeting': dict(GREETING, refusal='550 5.7.1 Access denied')}, {'greeting': dict(GREETING, deferral='450 4.7.1 Access denied')}),
    'tls': (waits('tls', 'x'), waits('auth', 'x')),
    'auth': (waits('auth', 'x'), waits('tls', 'x')),
    'hangs_up': ({'greeting': STUCK}, {'greeting': SILENT}),
    'swallowed': ({'swallows': ['discard']}, dict(hub(GREETING), swallows=['discard'])),
    'loop': ({'greeting': dict(GREETING, text=SUBMIT)}, {'greeting': dict(GREETING, text=SUBMIT.replace('/Submit', ''))}),
    'confined': ({'confined': ['Process 7 (x) has no CAP_SETUID (CapabilityBoundingSet=).']}, {'takes_none': ['x']}),
    'unjudged': ({'unasked': ['A map or class in /etc/mail/sendmail.cf runs a program, so its rules were not asked.']}, {'takes_none': ['x']}),
    'resources': (waits('resources', 'x'), waits('mta_disk_full', 'x')),
    'milter': (waits('milter', 'x'), waits('temporary_reply', 'x')),
    'maps': (waits('map_lookup', 'x'), waits('host_lookup', 'x')),
    'mailbox': (waits('mailbox', 'x'), waits('temporary_reply', 'x')),
    'policy': (waits('temporary_reply', 'x'), waits('milter', 'x')),
    'warned': (waits('warned', 'x'), dict(waits('warned', 'x'), **dict(NOBODY, processes=[]))),
    'relay_name': (named('not_found'), named(None, ['192.0.2.20'])),
}


@pytest.mark.parametrize('cause', sorted(NEAREST))
def test_a_cause_and_its_nearest_negative(cause):
    assert [cause in found(**look) for look in NEAREST[cause]] == [True, False]


def test_every_cause_of_the_relay_has_a_row():
    of_the_relay = {cause.id for cause in _causes.CAUSES if any(check.__qualname__.startswith(('of.', 'no_daemon')) for check in cause.checks)}
    assert of_the_relay <= set(NEAREST)


@pytest.mark.parametrize('name, reason, example', [
    ('hangs_up', 'connection_lost', 'reply: read error from [127.0.0.1]'), ('milter', 'milter', 'Deferred: 451 4.3.2 Please try again later'),
    ('policy', 'temporary_reply', 'Deferred: 450 4.7.1 Greylisted')])
@pytest.mark.parametrize('deferral', [None, '450 4.7.1 Greylisted'])
def test_what_the_relay_said_at_the_last_try_may_be_over(name, reason, example, deferral):
    causes = {one['id']: one for one in _causes.diagnose(HEALTHY._replace(greeting=dict(GREETING, deferral=deferral), **waits(reason, example)))}
    over = 'When it is asked now, 127.0.0.1 port 25 greets and accepts a sender and a recipient.'
    assert (over in causes[name]['evidence']) is (deferral is None)


@pytest.mark.parametrize('greeting', [dict(DOWN, connected=True, error='connection_timeout'), dict(DOWN, connected=True, code=554, error=None, text='554 no')])
def test_what_keeps_the_relay_away_now_explains_mail_that_it_kept_away_before(greeting):
    look = HEALTHY._replace(greeting=greeting, relay=relay('[127.0.0.1]', greeting=greeting), **waits('connection_refused', 'x'))
    result = _causes.diagnosis(look)
    assert result['unexplained'] == {'messages': 0, 'examples': []}


@pytest.mark.parametrize('change, back', [
    ({'greeting': dict(GREETING, text=SUBMIT)}, True), ({}, False), (hub(dict(GREETING, text=SUBMIT)), False)])
def test_a_flush_does_not_go_through_the_door_that_leads_back(change, back):
    somebody, wrong = _flush.door(HEALTHY._replace(**change))
    assert somebody and (wrong is not None and 'the mail submission program itself' in wrong) is back


@pytest.mark.parametrize('change, wrong', [({'swallows': ['discard']}, True), ({}, False), (dict(hub(GREETING), swallows=['discard']), False)])
def test_a_flush_hands_no_mail_to_an_mta_that_discards_it(change, wrong):
    assert _flush.door(HEALTHY._replace(**change)) == (
        True, 'The rules of sendmail.cf and its access map make of mail from this host: discard' if wrong else None)


V6 = '[IPv6:::1]'


@pytest.mark.parametrize('addresses, error, listens, cause, sentence', [
    # IPv6 is off, whatever the MTA listens on: a service that listens there too helps nobody.
    (['127.0.0.1'], 'no_route', '127.0.0.1', ['unreachable'], 'No interface has the address ::1: IPv6 is off.'),
    (['127.0.0.1', '::1'], 'connection_refused', '127.0.0.1', ['listens_elsewhere'], 'submit.cf hands mail to ::1 port 25'),
    (['127.0.0.1', '::1'], 'no_route', '127.0.0.1', ['unreachable'], '::1 port 25 cannot be reached: no route.')])
def test_an_address_that_no_interface_has(addresses, error, listens, cause, sentence):
    down = dict(DOWN, error=error)
    socket = dict(SOCKET, address=listens)
    causes = _causes.diagnose(HEALTHY._replace(
        greeting=down, relay=relay(V6, listeners=[socket], greeting=down), listeners=[socket], interfaces={'addresses': addresses, 'loopback': True}))
    assert [one['id'] for one in causes] == cause
    assert any(text.startswith(sentence) for text in causes[0]['evidence'])
    assert ('IPv6 is off' in ' '.join(causes[0]['evidence'])) is ('::1' not in addresses)


@pytest.mark.parametrize('options, words', [('r=5', 'RefuseLA is 5.'), ('Name=MTA', 'RefuseLA is 24: the MTA checks it again every 15 seconds.')])
def test_the_load_that_one_daemon_refuses_from(options, words):
    look = HEALTHY._replace(load=[6.0, 1.0, 1.0], configurations={'mta': _cf.parse(b'O DaemonPortOptions=%s\n' % options.encode())},
                            **rejects('load average: 6'))
    assert _reach.refuses_for_load(look)[0][1] == 'The load average is 6.0, ' + words


@pytest.mark.parametrize('sees, words', [('network', ['Process 7 (x) has a network of its own (PrivateNetwork= of its unit).']), (None, [])])
def test_an_mta_that_listens_where_nobody_is(sees, words):
    look = HEALTHY._replace(**dict(NOBODY, processes=[dict(HEALTHY.processes[0], sees=sees, title='x')]))
    assert _reach.listens_elsewhere(look)[0][:-1] == words


@pytest.mark.parametrize('forgets, expected', [(False, ['relay_name']), (True, ['hub_down'])])
def test_a_hub_whose_exchangers_cannot_be_looked_up(forgets, expected):
    """Where Sendmail tries the name itself then, what that says counts."""
    way = _route.Submission('relay', 25, [_route._target('hub.example.com', True)], None, None, False, forgets)
    resolved = {'hub.example.com': {'addresses': ['192.0.2.20'], 'mx': [], 'mx_error': 'temporary', 'error': None}}
    places = _route.places(way, resolved, [])
    look = HEALTHY._replace(relay=dict(_route.route(way, places, [], {(place.address, 25): DOWN for place in places}), hosts_file=[]), resolved=resolved,
                            greeting=DOWN if places else dict(DOWN, error='name_lookup'))
    assert [one['id'] for one in _causes.diagnose(look)] == expected
