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
    return {key: value for key, value in plan.items() if value and key not in ('init', 'address', 'command', 'pids', 'sockets', 'enable', 'wanted')}


def test_a_healthy_host_needs_nothing():
    assert not todo(mta_plan(host({'sendmail_cf': {'changed': STARTED + 9}}, resolver_changed=STARTED - 1)))


def test_a_dead_daemon_is_restarted_although_the_service_runs():
    plan = mta_plan(host(processes=[], listeners=[], greeting=REFUSED))
    assert todo(plan) == {'restart': ['No MTA runs.']}
    assert plan['pids'] == []


@pytest.mark.parametrize('changed, fails, asked, restarted', [
    (None, True, False, False), (STARTED - 5, True, False, False), (STARTED, True, False, False), (STARTED + 1, True, False, True),
    (STARTED + 1, False, False, False), (STARTED + 1, None, True, False)])
def test_a_daemon_older_than_the_resolver_is_restarted_only_when_it_fails(changed, fails, asked, restarted):
    plan = mta_plan(host(resolver_changed=changed), resolver_fails=fails)
    assert (plan['ask'], bool(plan['restart'])) == (asked, restarted)
    assert plan['pids'] == [170]


@pytest.mark.parametrize('running, script, platform, init', [
    ('systemd', '/etc/init.d/sendmail', 'debian', 'systemd'), ('none', '/etc/init.d/sendmail', 'debian', 'script'), ('rc', None, 'freebsd', 'script'),
    ('none', None, 'upstream', 'binary')])
def test_how_daemons_are_started(running, script, platform, init):
    look = host({'platform': platform})
    look['services'].update(init=running, mta=dict(look['services']['mta'], init_script=script))
    assert mta_plan(look)['init'] == init


@pytest.mark.parametrize('started_as, command', [
    (None, ['-L', 'sm-mta', '-bd', '-q1h']), ('/usr/sbin/sendmail -L mine -bd -q15m', ['-L', 'mine', '-bd', '-q15m'])])
def test_what_no_service_starts_is_started_as_it_was(started_as, command):
    look = host({'platform': 'upstream'}, processes=[], listeners=[], greeting=REFUSED)
    look['services']['mta'].update(unit=None, init_script=None, enabled=None, started_as=started_as)
    plan = mta_plan(look)
    assert (plan['init'], plan['command'], plan['enable'], plan['errors']) == ('binary', command, False, [])
    assert plan['restart'][0] == 'No MTA runs.' and 'nothing starts it at boot' in plan['restart'][1]
    # While it answers nothing is said, and a package without its service is broken.
    assert not todo(dict(mta_plan(dict(look, mta=HEALTHY['mta'])), command=None))
    look['installation']['platform'] = 'debian'
    assert 'Install the package again' in mta_plan(look)['errors'][0] and not mta_plan(look)['restart']


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
    squatted = host(processes=[], listeners=[{'address': address, 'port': 25, 'pid': 9, 'name': 'master'}], relay={'host': relay, 'port': 25},
                    greeting=dict(HEALTHY['mta']['greeting'], text='220 h ESMTP Postfix'))
    plan = mta_plan(squatted)
    assert 'is held by master (process 9)' in plan['errors'][0] and not plan['restart']
    assert todo(mta_plan(squatted, replace_other=True)) == {'others': [{'pid': 9, 'name': 'master'}], 'restart': ['No MTA runs.']}


def holder(name, **about):
    look = host(processes=[], listeners=[{'address': '127.0.0.1', 'port': 25, 'pid': 9, 'name': name}],
                greeting=dict(HEALTHY['mta']['greeting'], text='220 somebody'))
    if not about.pop('systemd', True):
        look['services']['init'] = 'none'
    return mta_plan(look, replace_other=True, holders=[dict({'pid': 9, 'scripts': []}, **about)])


@pytest.mark.parametrize('name, about, service', [
    ('master', {'exe': '/usr/lib/postfix/sbin/master', 'unit': 'postfix@-.service'}, 'postfix'),
    ('master', {'exe': '/usr/libexec/postfix/master', 'unit': 'postfix.service'}, 'postfix'),
    ('master', {'exe': '/usr/lib/postfix/sbin/master (deleted)', 'unit': 'postfix.service'}, 'postfix'),
    ('exim4', {'exe': '/usr/sbin/exim4', 'unit': 'exim4.service'}, 'exim4'), ('exim', {'exe': '/usr/sbin/exim', 'unit': 'exim.service'}, 'exim'),
    ('smtpd', {'exe': '/usr/sbin/smtpd', 'unit': 'opensmtpd.service'}, 'opensmtpd'),
    ('master', {'exe': '/usr/lib/postfix/sbin/master', 'unit': None, 'systemd': False, 'scripts': ['cron', 'postfix']}, 'postfix')])
def test_a_known_mta_is_stopped_by_the_service_of_its_own_package(name, about, service):
    plan = holder(name, **about)
    assert plan['errors'] == [] and [one['service'] for one in plan['stop']] == [service] and plan['restart']


@pytest.mark.parametrize('name, about, words', [
    ('docker-proxy', {'exe': '/usr/bin/docker-proxy', 'unit': 'docker.service'}, 'docker.service, is no mail server that this role knows'),
    ('master', {'exe': '/opt/app/master', 'unit': 'postfix.service'}, 'is no mail server'),          # a name is no proof
    ('master', {'exe': '/usr/lib/postfix/sbin/master', 'unit': 'docker.service'}, 'its unit is docker.service'),
    ('master', {'exe': '/usr/lib/postfix/sbin/master', 'unit': 'user@1000.service'}, 'its unit is user@1000'),
    ('master', {'exe': '/usr/lib/postfix/sbin/master', 'unit': None}, 'belongs to no unit'),
    ('master', {'exe': '/usr/lib/postfix/sbin/master', 'unit': None, 'systemd': False}, 'no init script postfix'),
    ('exim4', {'exe': '/usr/sbin/exim4', 'unit': 'exim4.service.evil.service'}, 'its unit is exim4.service.evil'),
    ('python3', {'exe': None, 'unit': None}, 'program unknown'), ('inetd', {'exe': '/usr/sbin/inetd', 'unit': 'inetd.service'}, 'is no mail server')])
def test_nothing_else_is_ever_stopped(name, about, words):
    plan = holder(name, **about)
    assert words in plan['errors'][0] and not plan['stop'] and not plan['restart'] and not plan['enable']


@pytest.mark.parametrize('name', ['inetd', 'xinetd', 'systemd', 'docker-proxy'])
def test_whoever_holds_the_port_for_sendmail_is_sendmail(name):
    look = host({'sendmail_conf': {'daemon_mode': 'inetd'}}, processes=[], listeners=[{'address': '0.0.0.0', 'port': 25, 'pid': 9, 'name': name}])
    for replace in (False, True):
        assert not todo(mta_plan(look, replace_other=replace))
        assert not mta_plan(look, replace_other=replace)['enable']


@pytest.mark.parametrize('mode, words', [('none', 'DAEMON_MODE in /etc/mail/sendmail.conf is None'), ('inetd', 'Enable smtp in /etc/inetd.conf')])
def test_a_mode_without_a_daemon_is_no_reason_to_restart(mode, words):
    plan = mta_plan(host({'sendmail_conf': {'daemon_mode': mode}}, processes=[], listeners=[], greeting=REFUSED))
    assert words in plan['errors'][0] and not todo(dict(plan, errors=[]))


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


def test_an_address_is_compared_as_an_address():
    look = host(relay={'host': '0:0:0:0:0:0:0:1', 'port': 25}, listeners=[{'address': '::1', 'port': 25, 'pid': 170, 'name': 'sendmail-mta'}])
    assert not todo(mta_plan(look)) and mta_plan(look)['wanted']
    dead = host(relay={'host': '0:0:0:0:0:0:0:1', 'port': 25}, listeners=[], processes=[], greeting=REFUSED)
    assert mta_plan(dead)['restart'] == ['No MTA runs.']


def test_another_port_is_another_place():
    """The MSA on 587 alone, and submit.cf says 25."""
    msa = host(listeners=[{'address': '127.0.0.1', 'port': 587, 'pid': 170, 'name': 'sendmail-mta'}], greeting=REFUSED)
    plan = mta_plan(msa)
    assert '127.0.0.1 port 587, but submit.cf hands mail to 127.0.0.1 port 25' in plan['errors'][0] and not plan['restart']


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


@pytest.mark.parametrize('this_host, wanted', [(False, False), (True, True), (None, True)])
def test_where_the_relay_is_says_the_look(this_host, wanted):
    relay = {'host': 'mail.example.org', 'port': 25, 'listener': None, 'answers': 'sendmail', 'this_host': this_host}
    plan = mta_plan(host(relay=relay))
    assert plan['wanted'] is wanted and not todo(plan) and plan['enable'] is wanted


@pytest.mark.parametrize('title', ['sendmail: MTA: rejecting new messages: min free: 100', 'sm-mta: accepting connections'])
def test_a_daemon_that_greets_is_left_alone_whatever_its_title(title):
    assert not todo(mta_plan(host(processes=[{'pid': 170, 'role': 'other', 'queue': 'mta', 'started': STARTED, 'title': title}])))


def test_a_daemon_that_has_too_many_children_is_left_alone():
    plan = mta_plan(host(processes=[dict(HEALTHY['mta']['processes'][0], title='sendmail: MTA: rejecting connections on daemon MTA-v4: 5 children, max 5')],
                         listeners=[], greeting=REFUSED))
    assert 'rejecting connections on daemon MTA-v4: 5 children, max 5' in plan['errors'][0] and not plan['restart']


def test_a_configuration_that_sendmail_refuses_is_no_reason_to_stop_anything():
    silent = host(greeting=dict(REFUSED, connected=True, error='connection_timeout'))
    plan = mta_plan(silent, refused='line 12: unknown configuration line')
    assert 'line 12' in plan['errors'][0] and not plan['restart']
    assert not todo(mta_plan(host(), refused='line 12'))


def test_without_unit_and_init_script_nothing_can_be_started():
    gone = host(processes=[], listeners=[], greeting=REFUSED)
    gone['services']['mta']['init_script'] = None
    assert 'Install the package again' in mta_plan(gone)['errors'][0] and not mta_plan(gone)['restart']
    gone['installation']['platform'] = 'upstream'
    assert mta_plan(gone)['restart'] and mta_plan(gone)['init'] == 'binary'


def test_sockets_are_where_a_wait_can_connect():
    look = host(listeners=[{'address': '0.0.0.0', 'port': 25, 'pid': 170, 'name': 'sendmail-mta'},
                           {'address': '::', 'port': 587, 'pid': 170, 'name': 'sendmail-mta'},
                           {'address': '192.0.2.1', 'port': 25, 'pid': 9, 'name': 'master'}])
    assert mta_plan(look)['sockets'] == [{'host': '127.0.0.1', 'port': 25}, {'host': '::1', 'port': 587}]
