# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
import copy

import pytest
from ansible_collections.mailops.sendmail.plugins.filter.mta_plan import mta_plan

STARTED = 1795447696
HEALTHY = {
    'installation': {'installed': True, 'program': '/usr/sbin/sendmail', 'binary': '/usr/libexec/sendmail/sendmail', 'other_mta': None, 'platform': 'debian',
                     'sendmail_cf': {'path': '/etc/mail/sendmail.cf', 'changed': STARTED - 60}},
    'services': {'init': 'systemd', 'mta': {'name': 'sendmail', 'unit': None, 'init_script': '/etc/init.d/sendmail', 'enabled': True, 'masked': False}},
    'mta': {
        'processes': [{'pid': 170, 'role': 'daemon', 'queue': 'mta', 'started': STARTED}],
        'listeners': [{'address': '127.0.0.1', 'port': 25, 'pid': 170, 'name': 'sendmail-mta'}],
        'relay': {'host': '127.0.0.1', 'port': 25}, 'refuses_for_load': False, 'load_average': 0.5, 'resolver_changed': STARTED - 60,
        'greeting': {'answered': True, 'connected': True, 'code': 220, 'text': '220 h ESMTP Sendmail', 'error': None},
    },
}
REFUSED = {'answered': False, 'connected': False, 'code': None, 'text': None, 'error': 'connection_refused'}


def host(installation=None, **mta):
    look = copy.deepcopy(HEALTHY)
    look['installation'].update(installation or {})
    look['mta'].update(mta)
    return look


def todo(plan):
    return {key: value for key, value in plan.items() if value and key not in ('init', 'address', 'pids')}


def test_a_healthy_host_needs_nothing():
    assert not todo(mta_plan(host({'sendmail_cf': {'changed': STARTED + 9}}, resolver_changed=STARTED - 1)))


def test_a_dead_daemon_is_restarted_although_the_service_runs():
    plan = mta_plan(host(processes=[], listeners=[], greeting=REFUSED))
    assert todo(plan) == {'restart': ['No MTA runs.']}
    assert plan['pids'] == []


@pytest.mark.parametrize('changed, restarted', [(None, False), (STARTED - 5, False), (STARTED, False), (STARTED + 1, True)])
def test_a_daemon_older_than_the_resolver_is_restarted(changed, restarted):
    plan = mta_plan(host(resolver_changed=changed))
    assert bool(plan['restart']) is restarted
    assert plan['pids'] == [170]


@pytest.mark.parametrize('running, script, platform, init', [
    ('systemd', '/etc/init.d/sendmail', 'debian', 'systemd'), ('none', '/etc/init.d/sendmail', 'debian', 'script'), ('rc', None, 'freebsd', 'script'),
    ('none', None, 'upstream', 'binary')])
def test_how_daemons_are_started(running, script, platform, init):
    look = host({'platform': platform})
    look['services'].update(init=running, mta=dict(look['services']['mta'], init_script=script))
    assert mta_plan(look)['init'] == init


def test_sendmail_is_installed_only_when_asked():
    bare = host({'installed': False, 'program': None, 'binary': None}, processes=[], listeners=[], relay=None, greeting=None)
    assert 'sendmail_mta_install' in mta_plan(bare)['errors'][0]
    assert todo(mta_plan(bare, install=True)) == {'install': True}


def test_installing_pushes_another_mta_aside_only_when_allowed():
    other = host({'installed': False, 'program': '/usr/sbin/sendmail', 'binary': '/usr/lib/postfix/sendmail', 'other_mta': 'postfix'})
    plan = mta_plan(other, install=True)
    assert 'postfix' in plan['errors'][0] and not plan['install']
    assert todo(mta_plan(other, install=True, replace_other=True)) == {'install': True}


def test_a_masked_unit():
    dead = host(processes=[], listeners=[], greeting=REFUSED)
    dead['services']['mta']['masked'] = True
    assert 'systemctl unmask sendmail' in mta_plan(dead)['errors'][0]
    assert todo(mta_plan(dead, unmask=True)) == {'unmask': True, 'restart': ['No MTA runs.']}


@pytest.mark.parametrize('address, relay', [('127.0.0.1', '127.0.0.1'), ('0.0.0.0', '127.0.0.1'), ('::', '127.0.0.1'), ('127.0.0.1', 'localhost'),
                                            ('192.0.2.1', '192.0.2.1')])
def test_another_mta_at_the_port(address, relay):
    squatted = host(processes=[], listeners=[{'address': address, 'port': 25, 'pid': 9, 'name': 'master'}], relay={'host': relay, 'port': 25})
    plan = mta_plan(squatted)
    assert 'is held by master (process 9)' in plan['errors'][0] and not plan['restart']
    plan = mta_plan(squatted, replace_other=True)
    assert todo(plan) == {'others': [{'pid': 9, 'name': 'master'}], 'restart': ['No MTA runs.']}


def test_another_mta_at_another_address_is_no_concern():
    assert not todo(mta_plan(host(listeners=HEALTHY['mta']['listeners'] + [{'address': '192.0.2.1', 'port': 25, 'pid': 9, 'name': 'master'}])))


def test_the_name_sendmail_belongs_to_another_mta():
    renamed = host({'other_mta': 'postfix'})
    assert 'update-alternatives' in mta_plan(renamed)['errors'][0]
    assert todo(mta_plan(renamed, replace_other=True)) == {'alternative': '/usr/libexec/sendmail/sendmail'}


def elsewhere(changed):
    return host({'sendmail_cf': {'changed': changed}}, listeners=[{'address': '192.0.2.9', 'port': 25, 'pid': 170, 'name': 'sendmail-mta'}], greeting=REFUSED)


def test_a_daemon_that_listens_elsewhere_is_an_error():
    plan = mta_plan(elsewhere(STARTED - 60))
    assert 'listens at 192.0.2.9 port 25, but submit.cf hands mail to 127.0.0.1 port 25' in plan['errors'][0]
    assert not plan['restart']


def test_it_is_restarted_when_its_configuration_is_newer():
    assert mta_plan(elsewhere(STARTED + 60))['restart']


def test_a_restart_does_not_help_against_load():
    plan = mta_plan(host(listeners=[], greeting=REFUSED, refuses_for_load=True, load_average=50.0, resolver_changed=STARTED + 60))
    assert 'load average is 50.0' in plan['errors'][0] and not plan['restart']


@pytest.mark.parametrize('greeting, words', [
    (dict(REFUSED, connected=True, code=554, text='554 no', error=None), 'but refuses: 554 no'),
    (dict(REFUSED, error='connection_timeout'), 'packet filter')])
def test_neither_against_refusal_and_packet_filters(greeting, words):
    plan = mta_plan(host(greeting=greeting))
    assert words in plan['errors'][0] and not plan['restart']


def test_a_silent_daemon_is_restarted():
    assert mta_plan(host(greeting=dict(REFUSED, connected=True, error='connection_timeout')))['restart']


def test_a_relay_on_another_host():
    hub = {'host': 'mailhub.example.org', 'port': 25}
    assert not todo(mta_plan(host(relay=hub)))
    plan = mta_plan(host(relay=hub, greeting=REFUSED))
    assert 'on another host' in plan['errors'][0] and not plan['restart']
