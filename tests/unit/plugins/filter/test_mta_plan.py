# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.mailops.sendmail.plugins.filter.mta_plan import mta_plan
from ansible_collections.mailops.sendmail.tests.unit import planned_mta
from ansible_collections.mailops.sendmail.tests.unit.planned_mta import (
    GREETS,
    REFUSED,
    STARTED,
    daemon,
    dead,
    held,
    mta_host,
    socket,
)


def todo(plan):
    return {
        key: value
        for key, value in plan.items()
        if value and key not in ('init', 'address', 'command', 'pids', 'strays', 'sockets', 'enable', 'wanted', 'watched')
    }


def agrees(found, wanted):
    """Whether a value of a plan is what a row says: a text stands in one of the sentences."""
    return wanted in ' '.join(found) if isinstance(wanted, str) and isinstance(found, list) else found == wanted


@pytest.mark.parametrize('row', planned_mta.ROWS, ids=lambda row: row.host)
def test_decisions(row):
    plan = mta_plan(row.look, **row.options)
    found = todo(plan)
    assert sorted(found) == sorted(row.plan), found
    assert [key for key in row.plan if not agrees(found[key], row.plan[key])] == [], found
    assert {key: plan[key] for key in row.also} == row.also


CHANGING = [
    row
    for row in planned_mta.ROWS
    if set(row.plan) & {'install', 'unmask', 'alternative', 'stop', 'create', 'restart'} and 'errors' not in row.plan
]


@pytest.mark.parametrize('row', CHANGING, ids=lambda row: row.host)
def test_a_plan_that_was_carried_out_leaves_nothing_to_do(row):
    options = dict(row.options, holders=[])
    assert not todo(mta_plan(planned_mta.after(row.look, 'create' in row.plan), **options))


def test_each_host_has_one_row():
    assert len({row.host for row in planned_mta.ROWS}) == len(planned_mta.ROWS)


@pytest.mark.parametrize(
    'changed, fails, asked, restarted',
    [
        (None, True, False, False),
        (STARTED - 5, True, False, False),
        (STARTED, True, False, False),
        (STARTED + 1, True, False, True),
        (STARTED + 1, False, False, False),
        (STARTED + 1, None, True, False),
    ],
)
def test_a_daemon_older_than_the_resolver_is_restarted_only_when_it_fails(changed, fails, asked, restarted):
    plan = mta_plan(mta_host(resolver_changed=changed), resolver_fails=fails)
    assert (plan['ask'], bool(plan['restart'])) == (asked, restarted)
    assert plan['pids'] == [170]


@pytest.mark.parametrize(
    'started_as, command',
    [(None, ['-L', 'sm-mta', '-bd', '-q1h']), ('/usr/sbin/sendmail -L mine -bd -q15m', ['-L', 'mine', '-bd', '-q15m'])],
)
def test_what_no_service_starts_is_started_as_it_was(started_as, command):
    plan = mta_plan(dead(platform='upstream', service={'started_as': started_as}))
    assert (plan['init'], plan['command'], plan['enable'], plan['errors']) == ('binary', command, False, [])
    assert plan['restart'][0] == 'No MTA runs.' and 'nothing starts it at boot' in plan['restart'][1]
    # While it answers nothing is said.
    assert not todo(mta_plan(mta_host('upstream', service={'started_as': started_as})))


def test_installing_pushes_another_mta_aside_only_when_allowed():
    other = dead(installation={'installed': False, 'binary': '/usr/lib/postfix/sendmail', 'other_mta': 'postfix'})
    plan = mta_plan(other, install=True)
    assert 'postfix' in plan['errors'][0] and not plan['install']
    assert todo(mta_plan(other, install=True, replace_other=True)) == {'install': True}


@pytest.mark.parametrize(
    'address, places',
    [
        ('127.0.0.1', ('127.0.0.1',)),
        ('0.0.0.0', ('127.0.0.1',)),
        ('::', ('127.0.0.1',)),
        ('::', ('::1',)),
        ('192.0.2.1', ('192.0.2.1',)),
    ],
)
def test_another_mta_at_the_port(address, places):
    squatted = mta_host(
        processes=[], listeners=[socket(address, pid=9, name='master')], here=places, greeting=planned_mta.POSTFIX
    )
    plan = mta_plan(squatted)
    assert 'is held by master (process 9)' in plan['errors'][0] and not plan['restart']
    assert todo(mta_plan(squatted, replace_other=True)) == {
        'others': [{'pid': 9, 'name': 'master'}],
        'restart': ['No MTA runs.'],
    }


def holder(name, **about):
    look = held(name, dict(GREETS, text='220 somebody'), init='systemd' if about.pop('systemd', True) else 'none')
    return mta_plan(look, replace_other=True, holders=[dict({'pid': 9, 'scripts': []}, **about)])


@pytest.mark.parametrize(
    'name, about, service',
    [
        ('master', {'exe': '/usr/lib/postfix/sbin/master', 'unit': 'postfix@-.service'}, 'postfix'),
        ('master', {'exe': '/usr/libexec/postfix/master', 'unit': 'postfix.service'}, 'postfix'),
        ('master', {'exe': '/usr/lib/postfix/sbin/master (deleted)', 'unit': 'postfix.service'}, 'postfix'),
        ('exim4', {'exe': '/usr/sbin/exim4', 'unit': 'exim4.service'}, 'exim4'),
        ('exim', {'exe': '/usr/sbin/exim', 'unit': 'exim.service'}, 'exim'),
        ('smtpd', {'exe': '/usr/sbin/smtpd', 'unit': 'opensmtpd.service'}, 'opensmtpd'),
        (
            'master',
            {'exe': '/usr/lib/postfix/sbin/master', 'unit': None, 'systemd': False, 'scripts': ['cron', 'postfix']},
            'postfix',
        ),
    ],
)
def test_a_known_mta_is_stopped_by_the_service_of_its_own_package(name, about, service):
    plan = holder(name, **about)
    assert plan['errors'] == [] and [one['service'] for one in plan['stop']] == [service] and plan['restart']


@pytest.mark.parametrize(
    'name, about, words',
    [
        (
            'docker-proxy',
            {'exe': '/usr/bin/docker-proxy', 'unit': 'docker.service'},
            'docker.service, is not a mail server that this role knows',
        ),
        ('master', {'exe': '/opt/app/master', 'unit': 'postfix.service'}, 'is not a mail server'),  # a name is no proof
        ('master', {'exe': '/usr/lib/postfix/sbin/master', 'unit': 'docker.service'}, 'its unit is docker.service'),
        ('master', {'exe': '/usr/lib/postfix/sbin/master', 'unit': 'user@1000.service'}, 'its unit is user@1000'),
        ('master', {'exe': '/usr/lib/postfix/sbin/master', 'unit': None}, 'belongs to no unit'),
        ('master', {'exe': '/usr/lib/postfix/sbin/master', 'unit': None, 'systemd': False}, 'no init script postfix'),
        ('exim4', {'exe': '/usr/sbin/exim4', 'unit': 'exim4.service.evil.service'}, 'its unit is exim4.service.evil'),
        ('python3', {'exe': None, 'unit': None}, 'program unknown'),
        ('inetd', {'exe': '/usr/sbin/inetd', 'unit': 'inetd.service'}, 'inetd (process 9) holds'),
    ],
)
def test_nothing_else_is_ever_stopped(name, about, words):
    plan = holder(name, **about)
    assert words in plan['errors'][0] and not plan['stop'] and not plan['restart'] and not plan['enable']


@pytest.mark.parametrize('name', ['inetd', 'xinetd', 'systemd', 'docker-proxy'])
def test_whoever_holds_the_port_for_sendmail_is_sendmail(name):
    look = held(name, GREETS, mode='inetd')
    for replace in (False, True):
        assert not todo(mta_plan(look, replace_other=replace))
        assert not mta_plan(look, replace_other=replace)['enable']


def test_another_mta_at_another_address_is_no_concern():
    assert not todo(mta_plan(mta_host(listeners=[socket(), socket('192.0.2.1', pid=9, name='master')])))


def test_an_error_leaves_nothing_to_do():
    """The name may be given back and Exim may be stopped, but no start could succeed."""
    look = held('exim4', dict(GREETS, text='220 h ESMTP Exim 4.96'), installation={'other_mta': 'exim'})
    options = {'replace_other': True, 'holders': [planned_mta.EXIM]}
    assert mta_plan(look, **options)['alternative'] and mta_plan(look, **options)['stop']
    plan = mta_plan(look, refused='line 12', **options)
    assert list(todo(plan)) == ['errors', 'others']


def test_load_comes_before_the_resolver():
    plan = mta_plan(
        mta_host(
            listeners=[], greeting=REFUSED, refuses_for_load=True, load_average=50.0, resolver_changed=STARTED + 60
        ),
        resolver_fails=True,
    )
    assert 'load average is 50.0' in plan['errors'][0] and not plan['restart']


@pytest.mark.parametrize(
    'title', ['sendmail: MTA: rejecting new messages: min free: 100', 'sm-mta: accepting connections']
)
def test_a_daemon_that_greets_is_left_alone_whatever_its_title(title):
    assert not todo(mta_plan(mta_host(processes=[daemon(role='other', title=title)])))


def test_sockets_are_where_a_wait_can_connect():
    listeners = [socket('0.0.0.0'), socket('::', port=587), socket('192.0.2.1', pid=9, name='master')]
    free = [{'host': '127.0.0.1', 'port': 25}, {'host': '::1', 'port': 587}]
    assert mta_plan(mta_host(init=None, listeners=listeners))['sockets'] == free
    # systemd ends what it has started, and frees its sockets.
    assert mta_plan(mta_host(listeners=listeners))['sockets'] == []
    by_hand = [daemon(unit=None), daemon(pid=171, unit='sendmail@outside.service')]
    assert mta_plan(mta_host(listeners=[*listeners, socket(pid=171, port=2525)], processes=by_hand))['sockets'] == free
