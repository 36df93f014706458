# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
import re
from pathlib import Path

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.mailops.sendmail.plugins.filter import queue_runner_plan as plugin
from ansible_collections.mailops.sendmail.plugins.module_utils import _schedule, _shell, _text
from ansible_collections.mailops.sendmail.tests.unit import planned_queue_runner as planned
from hypothesis import given, strategies

CONF = '/etc/mail/sendmail.conf'
CRON_LINE = {'source': 'debian_cron', 'path': '/etc/cron.d/sendmail', 'line': 52, 'interval': 1800}
DAEMON = {'source': 'daemon', 'pid': 300, 'unit': 'sendmail.service', 'interval': 1800}
CRON = {'name': 'cron', 'unit': '/usr/lib/systemd/system/cron.service', 'init_script': None, 'enabled': True, 'masked': False, 'running': True, 'refuses': None}
NO_CRON = dict(CRON, unit=None, running=False)
SYSTEMD = {'init': 'systemd', 'cron': CRON, 'msp': {'name': 'sm-client', 'unit': None}}
REDHAT = dict(SYSTEMD, msp={'name': 'sm-client', 'unit': '/usr/lib/systemd/system/sm-client.service'})
BARE = dict(SYSTEMD, init='none', cron=dict(CRON, unit=None, init_script='/etc/init.d/cron'))


def runner(**values):
    found = {'source': 'cron', 'path': None, 'line': None, 'user': None, 'interval': None, 'uneven': False, 'active': True, 'detail': None, 'pid': None,
             'unit': None, 'partial': False}
    found.update(values)
    return found


def plan(*runners, **options):
    platform, conf = options.pop('platform', 'debian'), options.pop('conf', 'MSP_MODE="Cron";\nMSP_INTERVAL="30m";\n')
    look = {'installation': {'installed': True, 'platform': platform, 'sendmail_conf': _schedule.debian_settings(conf) if platform == 'debian' else None},
            'services': options.pop('services', SYSTEMD), 'runners': [runner(**values) for values in runners]}
    return plugin.queue_runner_plan(look, **options)


def todo(found):
    return {key: found[key] for key in ('errors', 'settings', 'generate', 'reasons', 'stop', 'leave', 'remove') if found[key]}


@pytest.mark.parametrize('row', planned.ROWS, ids=lambda row: row.host)
def test_decisions(row):
    found = plugin.queue_runner_plan(row.look, **row.options)
    deeds = {key: value for key, value in found.items() if value and key in (
        'errors', 'first', 'settings', 'generate', 'reasons', 'stop', 'leave', 'remove', 'foreign')}
    assert found['method'] == row.method
    assert sorted(deeds) == sorted(row.plan), deeds
    assert [key for key, wanted in row.plan.items()
            if not (wanted in ' '.join(deeds[key]) if isinstance(wanted, str) else wanted == deeds[key])] == [], deeds
    assert {key: found[key] for key in row.also} == row.also


@pytest.mark.parametrize('runners, options, places', [
    ([], {'services': dict(SYSTEMD, cron=NO_CRON), 'platform': 'upstream'}, ['/etc/systemd/system']),
    ([], {'services': BARE, 'platform': 'upstream'}, ['/etc/cron.d', '/etc/cron.d/sendmail-client-queue']),
    ([], {}, ['/etc/cron.d', '/etc/cron.d/sendmail', '/etc/mail', '/etc/mail/sendmail.conf']),
    ([CRON_LINE, {'path': '/var/spool/cron/crontabs/root', 'line': 3, 'interval': 60}], {'remove_foreign': True}, ['/var/spool/cron/crontabs/root']),
    ([CRON_LINE], {}, []),
    ([CRON_LINE, {'source': 'systemd_timer', 'unit': 'sendmail-client-queue.timer', 'path': '/etc/systemd/system/sendmail-client-queue.timer', 'interval': 60}],
     {}, ['/etc/systemd/system']),
])
def test_what_is_written(runners, options, places):
    assert plan(*runners, **options)['writes'] == places


CONTAINER = dict(SYSTEMD, init='none', cron=NO_CRON)
BY_HAND = {'source': 'daemon', 'pid': 7, 'interval': 1800}


@pytest.mark.parametrize('runners, options, said', [
    # A container without an init and without cron: what its entry point starts is the runner, and is left alone.
    ([BY_HAND], {}, None),
    ([], {}, '(now: nothing). Let what starts this container start "sendmail -L sm-msp-queue -Ac -q30m"'),
    ([dict(BY_HAND, interval=3600)], {}, 'start "sendmail -L sm-msp-queue -Ac -q30m"'),
    ([BY_HAND, dict(BY_HAND, pid=8)], {}, 'process 8'),
    ([dict(BY_HAND, active=False)], {}, 'does nothing now'),
    # Who asks for cron is told what is wrong with it; where cron runs it is used.
    ([], {'method': 'cron'}, 'The method cron needs cron, but cron is not installed'),
    ([], {'services': BARE}, None),
])
def test_nothing_can_be_set_up_without_an_init_and_without_cron(runners, options, said):
    found = plan(*runners, **dict({'platform': 'upstream', 'services': CONTAINER}, **options))
    assert (found['errors'] == []) if said is None else (said in found['errors'][0]), found['errors']
    assert found['foreign'] == [] and found['changes'] == ('services' in options or 'method' in options)


CHANGING = [row for row in planned.ROWS if not {'errors', 'first'} & set(row.plan) and set(row.plan) - {'foreign'}]


@pytest.mark.parametrize('row', CHANGING, ids=lambda row: row.host)
def test_a_plan_that_was_carried_out_leaves_nothing_to_do(row):
    before = plugin.queue_runner_plan(row.look, **row.options)
    assert before['changes']
    remaining = planned.after(row.look, before, row.options.get('remove_foreign'))
    found = plugin.queue_runner_plan(remaining, **row.options)
    assert (found['method'], todo(found), found['changes']) == (row.method, {}, False)


def test_each_host_has_one_row():
    assert len({row.host for row in planned.ROWS}) == len(planned.ROWS)


def test_debian_with_cron_as_wanted_needs_nothing():
    found = plan(CRON_LINE)
    assert (found['method'], found['seconds'], found['interval'], found['changes'], found['runners']) == ('debian_cron', 1800, '30m', False, 1)
    assert not todo(found)


def test_debians_default_of_twenty_minutes_is_changed():
    found = plan(dict(CRON_LINE, interval=1200), conf='MSP_MODE="Cron";\nMSP_INTERVAL="20m";\n')
    assert todo(found) == {'settings': [{'name': 'MSP_INTERVAL', 'value': '30m'}], 'generate': True}


@pytest.mark.parametrize('lines', [
    [], [dict(source='debian_cron', path=CONF, active=False)], [dict(CRON_LINE, interval=1200)], [dict(CRON_LINE, uneven=True)],
    [CRON_LINE, dict(CRON_LINE, line=53)]])
def test_a_cron_line_that_is_missing_wrong_or_double_is_written_anew(lines):
    assert todo(plan(*lines)) == {'generate': True}


@pytest.mark.parametrize('cron, method, error', [
    (CRON, 'debian_cron', None), (BARE['cron'], 'debian_cron', None), (NO_CRON, 'debian_daemon', 'cron is not installed'),
    (dict(CRON, running=False, enabled=False), 'debian_daemon', 'cron does not run'), (dict(CRON, masked=True), 'debian_daemon', 'cron is masked'),
    # cron.allow is for crontab(1), and a pause is no reason to change the mechanism.
    (dict(CRON, refuses='/etc/cron.allow does not name smmsp'), 'debian_cron', None), (dict(CRON, running=False), 'debian_cron', 'cron does not run')])
def test_cron_must_be_there_run_and_be_allowed(cron, method, error):
    services = dict(SYSTEMD, cron=cron)
    assert plan(CRON_LINE, services=services)['method'] == method
    assert [error in found for found in plan(CRON_LINE, services=services, method='debian_cron')['errors']] == [True] * (error is not None)


@pytest.mark.parametrize('platform, services, method', [
    ('redhat', REDHAT, 'systemd_unit'), ('redhat', SYSTEMD, 'systemd_timer'), ('freebsd', BARE, 'rc_conf'), ('upstream', SYSTEMD, 'systemd_timer'),
    ('upstream', BARE, 'cron'), ('redhat', dict(BARE, msp=REDHAT['msp']), 'cron')])
def test_what_the_platform_owns(platform, services, method):
    found = plan(platform=platform, services=services, conf='')
    assert found['method'] == method and not found['errors']
    assert found['reasons'] == ['Nothing runs the client queue every 30m (%s).' % method]


@pytest.mark.parametrize('method, services, platform', [
    ('debian_cron', SYSTEMD, 'redhat'), ('debian_daemon', SYSTEMD, 'upstream'), ('rc_conf', SYSTEMD, 'debian'), ('systemd_unit', SYSTEMD, 'debian'),
    ('systemd_timer', BARE, 'debian'), ('systemd_unit', dict(BARE, msp=REDHAT['msp']), 'redhat'), ('cron', dict(SYSTEMD, cron=NO_CRON), 'debian')])
def test_a_method_that_the_host_does_not_have_is_refused(method, services, platform):
    assert plan(method=method, services=services, platform=platform)['errors']


@pytest.mark.parametrize('interval, nearest', [
    ('45m', '30m'), ('90m', '30m'), ('1h', '30m'), ('7m', '6m'), ('50m', '30m'), ('90s', '1m'), ('25m', '20m'), ('1d', '30m')])
def test_what_debians_generator_cannot_do_evenly_is_refused_with_the_nearest(interval, nearest):
    errors = plan(CRON_LINE, interval=interval, method='debian_cron')['errors']
    assert len(errors) == 1
    assert 'The nearest it can is %s' % nearest in errors[0]
    assert 'debian_daemon takes any interval' in errors[0]


@pytest.mark.parametrize('interval, schedule', [
    ('1m', '* * * * *'), ('30m', '*/30 * * * *'), ('30', '*/30 * * * *'), ('1h', '0 * * * *'), ('2h', '0 */2 * * *'),
    ('1d', '0 0 * * *')])
def test_schedules_of_our_own_cron_file(interval, schedule):
    found = plan(interval=interval, method='cron')
    assert found['schedule'] == schedule and not found['errors']


@given(strategies.integers(60, 100000))
def test_a_schedule_means_what_it_should_or_is_refused(seconds):
    found = plan(interval='%ds' % seconds, method='cron')
    if found['errors']:
        assert found['schedule'] is None
    else:
        assert _schedule.cron_interval(found['schedule']) == (seconds, False)


@given(strategies.integers(60, 1000000))
def test_the_interval_as_written_is_the_interval(seconds):
    found = plan(interval='%ds' % seconds, method='debian_daemon')
    assert not found['errors']
    assert _text.duration(found['interval']) == seconds


@pytest.mark.parametrize('interval', ['0', '59s', '0m'])
def test_less_than_a_minute_is_refused(interval):
    assert 'too short' in plan(interval=interval, method='debian_daemon')['errors'][0]


def test_what_is_no_interval():
    with pytest.raises(AnsibleFilterError, match='sendmail_queue_runner_interval'):
        plan(interval='often')


HANDS_OFF = 'HANDS_OFF="Yes";\nMSP_MODE="%s";\nMSP_INTERVAL="30m";\n'


def test_hands_off_is_respected():
    found = plan(dict(source='debian_cron', path=CONF, active=False), conf=HANDS_OFF % 'Cron')
    assert 'HANDS_OFF' in found['errors'][0] and 'systemd_timer' in found['errors'][0]
    assert not plan(CRON_LINE, conf=HANDS_OFF % 'Cron')['errors']


def test_hands_off_leaves_room_for_a_runner_outside_of_the_file():
    found = plan(dict(source='debian_cron', path=CONF, active=False), conf=HANDS_OFF % 'Cron', method='systemd_timer')
    assert not found['errors'] and not found['settings'] and found['reasons']
    assert plan(DAEMON, conf=HANDS_OFF % 'Daemon', method='systemd_timer')['errors']


def test_from_cron_to_daemon():
    found = plan(CRON_LINE, method='debian_daemon')
    assert todo(found) == {'settings': [{'name': 'MSP_MODE', 'value': 'Daemon'}], 'generate': True,
                           'reasons': ['Nothing runs the client queue every 30m (debian_daemon).']}


def test_from_daemon_to_cron_ends_the_daemon():
    found = plan(DAEMON, conf='MSP_MODE="Daemon";\nMSP_INTERVAL="30m";\n')
    assert todo(found) == {'settings': [{'name': 'MSP_MODE', 'value': 'Cron'}], 'generate': True, 'stop': [300]}


def test_a_daemon_with_another_interval_is_replaced():
    found = plan(dict(DAEMON, interval=600), method='debian_daemon', conf='MSP_MODE="Daemon";\nMSP_INTERVAL="30m";\n')
    assert found['stop'] == [300] and found['reasons']


def test_a_dead_daemon_is_started():
    found = plan(dict(source='daemon', path=CONF, interval=1800, active=False), method='debian_daemon', conf='MSP_MODE="Daemon";\nMSP_INTERVAL="30m";\n')
    assert list(todo(found)) == ['reasons']


def test_two_daemons_of_the_unit_become_one():
    found = plan(DAEMON, dict(DAEMON, pid=301), method='debian_daemon', conf='MSP_MODE="Daemon";\nMSP_INTERVAL="30m";\n')
    assert todo(found) == {'stop': [301]}


@pytest.mark.parametrize('old, name', [
    ({'source': 'systemd_timer', 'unit': plugin.OWN_TIMER, 'path': '/etc/systemd/system/' + plugin.OWN_TIMER, 'interval': 1800}, 'systemd_timer'),
    ({'source': 'cron', 'path': plugin.OWN_CRON, 'line': 4, 'interval': 1800}, 'cron'),
    ({'source': 'systemd_unit', 'unit': 'sm-client.service', 'interval': 1800, 'pid': 4}, 'systemd_unit')])
def test_the_mechanism_used_until_now_is_taken_down(old, name):
    assert todo(plan(CRON_LINE, old)) == {'leave': [name]}


FOREIGN = [
    ({'path': '/var/spool/cron/crontabs/root', 'line': 7, 'interval': 900}, {'kind': 'line', 'path': '/var/spool/cron/crontabs/root', 'line': 7}),
    ({'source': 'debian_cron', 'path': '/etc/cron.d/mail', 'line': 1, 'interval': 900}, {'kind': 'line', 'path': '/etc/cron.d/mail', 'line': 1}),
    ({'source': 'systemd_timer', 'unit': 'flush.timer', 'path': '/etc/systemd/system/flush.timer'}, {'kind': 'unit', 'name': 'flush.timer'}),
    ({'source': 'systemd_unit', 'unit': 'runner.service', 'pid': 9}, {'kind': 'unit', 'name': 'runner.service'}),
    ({'source': 'daemon', 'pid': 9, 'unit': 'cron.service', 'interval': 900}, {'kind': 'process', 'pid': 9}),
    ({'source': 'daemon', 'pid': 9, 'interval': 900}, {'kind': 'process', 'pid': 9}),
    ({'source': 'periodic', 'path': '/etc/periodic.conf', 'interval': 86400}, {'kind': 'periodic'})]


@pytest.mark.parametrize('other, removal', FOREIGN)
def test_foreign_runners_are_reported_and_removed_only_when_asked(other, removal):
    found = plan(CRON_LINE, other)
    assert len(found['foreign']) == 1 and not todo(found) and found['runners'] == 2
    found = plan(CRON_LINE, other, remove_foreign=True)
    assert todo(found) == {'remove': [removal]} and found['changes'] and found['runners'] == 1


def test_a_script_of_cron_hourly_is_left_to_a_person():
    script = {'path': '/etc/cron.hourly/mail', 'interval': 3600}
    assert not plan(CRON_LINE, script)['errors']
    assert 'by hand' in plan(CRON_LINE, script, remove_foreign=True)['errors'][0]


def test_without_systemd_the_setting_says_whose_daemon_it_is():
    bare = dict(DAEMON, unit=None)
    assert plan(CRON_LINE, bare, services=BARE)['foreign']
    assert not plan(bare, services=BARE, method='debian_daemon', conf='MSP_MODE="Daemon";\nMSP_INTERVAL="30m";\n')['foreign']


@pytest.mark.parametrize('masked, errors', [(True, 1), (False, 0)])
def test_a_masked_unit_starts_no_runner(masked, errors):
    services = dict(SYSTEMD, mta={'masked': masked})
    conf = 'MSP_MODE="Daemon";\nMSP_INTERVAL="30m";\n'
    found = plan(dict(DAEMON, pid=None, path=CONF, active=False), services=services, method='debian_daemon', conf=conf)
    assert found['reasons'] and len(found['errors']) == errors
    # A runner that is there needs no start.
    assert not plan(DAEMON, services=services, method='debian_daemon', conf=conf)['errors']
    assert not plan(CRON_LINE, services=services)['errors']


@pytest.mark.parametrize('method, errors', [('systemd_timer', 1), ('cron', 1), ('debian_cron', 0), ('debian_daemon', 0)])
def test_debians_cron_for_the_mta_runs_both_queues(method, errors):
    found = plan(CRON_LINE, method=method, conf='QUEUE_MODE="Cron";\nMSP_MODE="Cron";\nMSP_INTERVAL="30m";\n')
    assert len(found['errors']) == errors and all('QUEUE_MODE' in error for error in found['errors'])


def test_a_wait_is_for_the_own_daemon():
    look = {'installation': {'installed': True, 'platform': 'debian', 'sendmail_conf': _schedule.debian_settings('')}, 'services': SYSTEMD, 'runners': [],
            'mta': {'processes': [{'pid': 7}], 'listeners': [{'address': '0.0.0.0', 'port': 25, 'pid': 7}, {'address': '::1', 'port': 25, 'pid': 9}]}}
    assert plugin.queue_runner_plan(look)['sockets'] == [{'host': '127.0.0.1', 'port': 25}]


ROLE = Path(__file__).parents[4] / 'roles/sendmail_queue_runner'
TASKS = yaml.safe_load((ROLE / 'tasks/conf_d.yml').read_text())
# As the package of Gentoo has it, and as an administrator may have changed it.
CONF_D = 'SENDMAIL_OPTS="-bd -q30m -L sm-mta" # default daemon mode\nCLIENTMQUEUE_OPTS="%s" # clientmqueue\nKILL_OPTS="" # add\n'


def replaced(text):
    """What the task of conf_d.yml makes of a file, with an interval of 2h."""
    task = next(one for one in TASKS if 'ansible.builtin.replace' in one)['ansible.builtin.replace']
    return re.sub('(?m)' + task['regexp'], re.sub(r'\{\{.*\}\}', '2h', task['replace']), text)


@pytest.mark.parametrize('before, after', [
    ('-Ac -q30m -L sm-cm', '-Ac -q2h -L sm-cm'), ('-L sm-cm -Ac -qp1h30m', '-L sm-cm -Ac -qp2h'), ('-Ac -q30', '-Ac -q2h'),
    ('-Ac -q30m -O Timeout.queuewarn=1d', '-Ac -q2h -O Timeout.queuewarn=1d')])
def test_conf_d_keeps_what_else_stands_there(before, after):
    assert replaced(CONF_D % before) == CONF_D % after
    assert _shell.queue_run('sendmail ' + _text.assignments(CONF_D % after)['CLIENTMQUEUE_OPTS'])['interval'] == 7200


@pytest.mark.parametrize('line, matches', [
    ('CLIENTMQUEUE_OPTS=""', True), ("CLIENTMQUEUE_OPTS=''", True), ('CLIENTMQUEUE_OPTS=', True), ('CLIENTMQUEUE_OPTS="-L sm-cm"', False),
    ('SENDMAIL_OPTS=""', False)])
def test_conf_d_replaces_only_an_empty_assignment(line, matches):
    task = TASKS[-1]['ansible.builtin.lineinfile']
    assert bool(re.search(task['regexp'], line)) == matches


@pytest.mark.parametrize('line, matches', [
    ('SMQUEUE=5m', True), ('  SMQUEUE="5m"', True), ('#SMQUEUE=5m', False), ('QUEUE=1h', False), ('OLD_SMQUEUE=5m', False)])
def test_the_interval_of_red_hats_script_is_set_in_its_own_line(line, matches):
    task = TASKS[1]['ansible.builtin.lineinfile']
    assert task['line'].startswith('SMQUEUE=') and bool(re.search(task['regexp'], line)) == matches
