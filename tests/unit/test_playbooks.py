# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks as users start them, over hosts that none of them can work on: what is said, where it stands, and the exit status. The module
fails before it runs, so nothing of the machine that runs the tests is looked at."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time

import jinja2
import pytest
import yaml

pytest.importorskip('ansible.cli')
from ansible_collections.mailops.sendmail.plugins.module_utils import _compliance
from ansible_collections.mailops.sendmail.tests.unit import planned_mta, planned_queue_runner, plays
from ansible_collections.mailops.sendmail.tests.unit.hosts_looked_at import HEALTHY
from ansible_collections.mailops.sendmail.tests.unit.plays import ROOT

LONG = 'mail-gateway-17.production.eu-central-1.frankfurt.datacenter.example.org'
OURS = 'ansible_collections/mailops/sendmail'
PLAYBOOKS = sorted(path.stem for path in (ROOT / 'playbooks').glob('*.yml'))
# What a callback is told: the results of tasks and what is displayed beside them. Of Ansible's own only the default one is everywhere.
CALLBACK = """
import json
from ansible.plugins.callback import CallbackBase
DOCUMENTATION = 'name: events\\ntype: stdout\\nshort_description: results\\ndescription: results\\n'


class CallbackModule(CallbackBase):
    CALLBACK_VERSION, CALLBACK_TYPE, CALLBACK_NAME = 2.0, 'stdout', 'events'

    def said(self, result, *_more, **_options):
        host = getattr(result, 'host', None) or result._host
        task = getattr(result, 'task', None) or result._task
        values = getattr(result, 'result', None) or result._result
        self._display.display(json.dumps([host.get_name(), task.get_name(), values.get('msg')]))

    v2_runner_on_ok = v2_runner_on_failed = v2_runner_on_unreachable = said
"""


@pytest.fixture(name='play')
def fixture_play(tmp_path):
    """play(playbook, *arguments): the process that has ended."""
    (tmp_path / 'callbacks').mkdir()
    (tmp_path / 'callbacks/events.py').write_text(CALLBACK)
    (tmp_path / 'inventory').write_text('[web]\n' + ''.join(
        f'{name} ansible_connection=local ansible_python_interpreter=/nonexistent\n' for name in ('web1', LONG)))

    def play(name, *arguments, callback='default', connections=''):
        return plays.play(tmp_path, f'mailops.sendmail.{name}', '-i', 'inventory', *arguments, ANSIBLE_STDOUT_CALLBACK=callback,
                          ANSIBLE_CALLBACK_PLUGINS=str(tmp_path / 'callbacks'), ANSIBLE_CONNECTION_PLUGINS=str(connections))
    return play


@pytest.mark.parametrize('arguments, hint', [(('-e', 'target=wbe'), "the target 'wbe'"), (('-e', 'target=web1', '--limit', LONG), 'within --limit'),
                                             (('--limit', 'wbe'), 'wbe'), (('-e', '{"target": null}'), 'names no host'),
                                             (('-e', '{"target": []}'), 'names no host')])
def test_a_target_without_hosts_is_no_success(play, arguments, hint):
    done = play('flush_queues', *arguments)
    assert done.returncode in (1, 4)
    assert hint in done.stdout + done.stderr
    assert 'PLAY RECAP' not in done.stdout


def test_what_is_done_once_is_done_once():
    """The strategies free and host_pinned pass over run_once: everything would be displayed, written and decided once for each host."""
    once = []
    for name in PLAYBOOKS:
        for one in yaml.safe_load((ROOT / f'playbooks/{name}.yml').read_text()):
            if 'run_once' in json.dumps(one) or 'mailops.sendmail.sendmail_compliance' in json.dumps(one):
                once.append(name)
                assert one['strategy'] == 'ansible.builtin.linear', (name, one['name'])
    assert len(once) >= 6


# As Ansible takes them (InventoryManager.subset()): a file of hosts may stand beside patterns. And hosts as a list, as "hosts" itself takes them.
@pytest.mark.parametrize('arguments', [
    ('--limit', 'web1,@retry'), ('--limit', 'web1:@retry'), ('--limit', '@retry,web1'), ('-e', '{"target": ["web1", "%s"]}' % LONG),
    ('-e', f'target=web1:{LONG}'), ('-e', 'target=["web"]'), ('-e', 'target=web,web1')])
def test_no_host_that_is_meant_is_left_out(play, tmp_path, arguments):
    (tmp_path / 'retry').write_text(LONG + '\n')
    assert 'Survey: 2 hosts, 2 unknown' in play('survey_queues', *arguments).stdout


def test_every_play_finds_its_hosts_in_the_same_way():
    plays = [one for name in PLAYBOOKS for one in yaml.safe_load((ROOT / f'playbooks/{name}.yml').read_text())]
    assert len(plays) > len(PLAYBOOKS) > 4
    assert len({one['hosts'] for one in plays}) == 1


@pytest.mark.parametrize('name', ['check_compliance', 'ensure_submission'])
def test_a_host_that_cannot_be_worked_on_is_no_success(play, name):
    done = play(name)
    assert done.returncode == 2
    recap = done.stdout.partition('PLAY RECAP')[2]
    assert [line.split()[0] for line in recap.splitlines()[1:] if 'failed=1' in line] == sorted((LONG, 'web1'))


@pytest.mark.parametrize('name, title', [('survey_queues', 'Survey: 2 hosts, 2 unknown'), ('flush_queues', 'Flush (check mode, nothing was run)'),
                                         ('remediate_queues', 'Remediation (check mode, nothing was done): 2 hosts, 2 unknown')])
def test_what_a_playbook_says_is_in_a_result(play, tmp_path, name, title):
    """Every line that it displays is an event, so that a callback which writes JSON, or AWX, has all of it. The report has the same."""
    jsonschema = pytest.importorskip('jsonschema')
    done = play(name, '--check', '-e', f'{name}_reports=json', '-e', f'{name}_directory=here/reports', callback='events')
    assert done.returncode == 2
    events = [json.loads(line) for line in done.stdout.splitlines() if line]
    (lines,) = [said for _host, task, said in events if task.startswith('Show what')]
    assert lines[0] == title
    assert LONG in lines
    failures = {host: said for host, task, said in events if task.startswith('Fail for each host')}
    assert set(failures) == {LONG, 'web1'}
    assert all(said.startswith(host + ': ') for host, said in failures.items())
    if name == 'flush_queues':
        return
    made = json.loads((tmp_path / 'here/reports/report.json').read_text())
    jsonschema.validate(made, json.loads((ROOT / 'docs/schemas/queue-report-1.json').read_text()))
    assert (made['playbook'], made['check'], made['summary']['hosts']['unknown']) == (name, True, 2)
    assert [(host['name'], host['state'], host['report']) for host in made['hosts']] == [(LONG, 'unknown', None), ('web1', 'unknown', None)]
    assert all(host['message'] for host in made['hosts'])


# What an inventory says of all hosts holds for the controller too, which is none of them: behavioral inventory parameters, and group_vars of "all".
@pytest.mark.parametrize('name, directory, file', [
    ('survey_queues', 'survey_queues_directory', 'report.json'), ('report_compliance', 'sendmail_compliance_directory', 'report.json')])
def test_reports_are_written_whatever_the_inventory_says_of_its_hosts(play, tmp_path, name, directory, file):
    (tmp_path / 'inventory').write_text(
        '[web]\nweb1\n[all:vars]\nansible_connection=local\nansible_python_interpreter=/nonexistent\nansible_become=true\nansible_become_method=su\n'
        'ansible_become_user=nobody\nansible_become_exe=/nonexistent\nansible_remote_tmp=/proc/none\nansible_shell_executable=/nonexistent\n'
        'ansible_shell_type=powershell\n')
    done = play(name, '-e', 'survey_queues_reports=json', '-e', directory + '=~/here/reports')
    assert (tmp_path / 'here/reports' / file).exists(), done.stdout + done.stderr
    assert not (tmp_path / '~').exists()


def test_nothing_of_ours_writes_to_the_terminal_itself():
    """What is displayed beside the results of tasks is in the way of a callback that writes JSON."""
    assert [path.name for path in (ROOT / 'plugins').rglob('*.py') if 'ansible.utils.display' in path.read_text()] == []


# What the module finds on a healthy host that is Debian's own; recorded.
WELL = {'healthy': True, 'causes': [], 'unexplained': {'messages': 0, 'examples': []}, 'inspected': 0, 'domains': [],
        'messages': {'total': 0, 'queued': 0, 'quarantined': 0, 'lost': 0, 'incomplete': 0, 'unreadable': 0}, 'ledger_open': False}
DOWN = {'id': 'mta_down', 'title': 'No MTA answers', 'severity': 'critical', 'evidence': [], 'messages': 0, 'because_of': None, 'blocks': True,
        'fix': {'kind': 'role', 'name': 'sendmail_mta', 'text': 'Start it.'}}
# Answers for any host: neither the machine that runs the tests is looked at, nor does anything happen on it.
MODULE = """#!/usr/bin/python
import json
import sys

ANSWERS, COUNTER = %r, %r


def main():
    with open(COUNTER, 'a+') as stream:
        stream.write('.')
        answer = ANSWERS[min(stream.tell(), len(ANSWERS)) - 1]
    print(json.dumps(answer))
    sys.exit('failed' in answer)


if __name__ == '__main__':
    main()
"""


@pytest.fixture(name='answering')
def fixture_answering(play, tmp_path):
    """answering(module=answers): from now on the modules of the collection answer that, one after the other, on hosts with a Python.

    A test may put playbooks and modules of its own into this collection.
    """
    ours = tmp_path / OURS
    for part in ('plugins/modules', 'playbooks'):
        (ours / part).mkdir(parents=True)
    for entry in [*ROOT.iterdir(), *(ROOT / 'plugins').iterdir(), *(ROOT / 'playbooks').iterdir()]:
        place = ours / entry.relative_to(ROOT)
        if not place.exists() and not entry.name.startswith('.'):
            place.symlink_to(entry)
    (tmp_path / 'inventory').write_text(
        f'web[1:3] ansible_connection=local ansible_python_interpreter={sys.executable} sendmail_remediate_directory={tmp_path}/state\n')

    def answer(**answers):
        for module in (ROOT / 'plugins/modules').glob('*.py'):
            told = answers.get(module.stem, [{'changed': False, 'errors': [], 'messages': [], 'ansible_facts': {}}])
            (ours / 'plugins/modules' / module.name).write_text(MODULE % (told, f'{tmp_path}/{module.stem}.count'))
        return play
    return answer


@pytest.mark.parametrize('damage, status', [({}, 0), ({'filesystems': {}}, 2), ({'runners': []}, 0)])
def test_a_host_of_which_a_control_could_not_be_judged_is_no_success(answering, damage, status):
    """Nothing asks for compliance here; a control that fails is for sendmail_compliance_fail_on."""
    look = {name: value for name, value in HEALTHY._replace(**damage)._asdict().items() if name not in _compliance._AT_HOME}
    play = answering(sendmail_compliance_info=[{'changed': False, 'look': json.loads(json.dumps(look))}])
    done = play('check_compliance')
    assert done.returncode == status, done.stdout
    assert ('web2: Controls that could not be judged: 3; see the report.' in done.stdout) is (status == 2)
    # The same from the files alone.
    assert play('report_compliance', '-e', 'sendmail_compliance_directory=other', '-e', '{"sendmail_compliance_merge": ["sendmail-compliance/results"]}'
                ).returncode == status


@pytest.mark.parametrize('fail_on, status', [('none', 0), ('low', 2)])
def test_a_control_that_fails_is_a_failure_where_it_was_asked_for(answering, fail_on, status):
    look = {name: value for name, value in HEALTHY._replace(runners=[])._asdict().items() if name not in _compliance._AT_HOME}
    play = answering(sendmail_compliance_info=[{'changed': False, 'look': json.loads(json.dumps(look))}])
    done = play('check_compliance', '-e', f'sendmail_compliance_fail_on={fail_on}')
    assert done.returncode == status, done.stdout
    # In the task that writes the report, behind the last host.
    assert ('FAILED! =>' in done.stdout.partition('Report | Write the report and apply sendmail_compliance_fail_on')[2]) is bool(status)


def test_tags_that_leave_the_check_out_are_said(answering):
    done = answering()('check_compliance', '--limit', 'web1', '--skip-tags', 'sendmail_compliance_check')
    assert 'web1: Nobody knows whether it complies, because of the tags that were given.' in ' '.join(done.stdout.split()), done.stdout
    assert done.returncode == 2


def test_a_host_that_drops_out_before_is_in_the_report(play, tmp_path):
    (tmp_path / 'inventory').write_text((tmp_path / 'inventory').read_text().replace('web1 ', 'web1 sendmail_compliance_profile=typo '))
    done = play('check_compliance')
    assert done.returncode == 2
    assert '0 of 2 hosts comply, 0 fail, 1 could not be judged, 1 unknown.' in ' '.join(done.stdout.split()), done.stdout


def test_hosts_that_nobody_has_reported_are_no_success(play):
    done = play('report_compliance')
    assert done.returncode == 2
    assert '0 of 2 hosts comply, 0 fail, 0 could not be judged, 2 unknown.' in ' '.join(done.stdout.partition('Fail where hosts are not known')[2].split())
    assert 'no directory is called' in play('report_compliance', '-e', '{"sendmail_compliance_merge": ["typo/*"]}').stdout


def tasks_a_host(done):
    """Tasks that a host was given, skipped ones too: each costs the controller about the same. What a batch does once falls to the first."""
    lines = [line.partition(':')[2] for line in done.stdout.partition('PLAY RECAP')[2].splitlines() if '=' in line]
    recap = [dict(word.split('=') for word in line.split()) for line in lines]
    assert len(recap) == 3
    return min(int(one['ok']) + int(one['skipped']) for one in recap)


def test_a_healthy_host_costs_a_remediation_two_tasks_more_than_a_survey(answering):
    play = answering(sendmail_diagnosis_info=[WELL])
    survey, remediation = play('survey_queues'), play('remediate_queues', '-e', 'remediate_queues_batches=[3]')
    for done in (survey, remediation):
        assert done.returncode == 0, done.stdout
        assert '3 hosts, 3 healthy' in done.stdout
    assert tasks_a_host(remediation) - tasks_a_host(survey) <= 2
    assert 'work.yml' not in remediation.stdout


@pytest.mark.parametrize('found, arguments', [
    pytest.param(dict(WELL, messages=dict(WELL['messages'], total=1, queued=1)), (), id='mail that waits'),
    pytest.param(dict(WELL, healthy=False, causes=[DOWN]), (), id='a cause without mail'),
    pytest.param(dict(WELL, ledger_open=True), (), id='the list of an interrupted run'),
    pytest.param(WELL, ('-e', 'sendmail_remediate_causes=SMQ-RUN-01'), id='a control to see to'),
    pytest.param(WELL, ('-e', 'sendmail_remediate_queue=all'), id='the other queue')])
def test_whoever_has_something_to_do_is_not_taken_for_healthy(answering, found, arguments):
    facts = {'changed': False, 'ansible_facts': {'sendmail_queue': {
        'installation': {'sendmail_cf': {'exists': True}, 'binary': '/usr/sbin/sendmail'}, 'processes': [], 'queue_runners': {'other': []},
        'queues': {'mta': {'messages': {'queued': 1}}, 'msp': {'messages': {'queued': 0}, 'delivering': 0}}}}}
    # The first that work does has to fail: what follows would be done to the machine that runs the tests.
    done = answering(sendmail_diagnosis_info=[found], sendmail_queue_facts=[facts], sendmail_ledger=[{'failed': True, 'msg': 'No ledger.'}])(
        'remediate_queues', '--check', *arguments)
    assert '3 hosts, 2 unknown, 1 failed' in done.stdout, done.stdout
    assert 'web1: the work broke off: No ledger.' in done.stdout
    assert 'web2: it was not begun, because too many hosts of an earlier batch failed' in done.stdout


def test_a_survey_keeps_no_whole_diagnosis_in_memory(answering, tmp_path):
    survey = yaml.safe_load((ROOT / 'playbooks/survey_queues.yml').read_text())
    survey[0]['tasks'].append({'name': 'Show what is kept', 'ansible.builtin.debug': {'msg': 'kept: {{ survey_queues_diagnosis | to_json }}'}})
    (tmp_path / OURS / 'playbooks/kept.yml').write_text(yaml.safe_dump(survey))
    done = answering(sendmail_diagnosis_info=[WELL])('kept', '--limit', 'web1')
    assert '1 host, 1 healthy' in done.stdout
    assert 'kept: {}"' in done.stdout


@pytest.mark.parametrize('tags, outcome', [('other', '3 unknown'), ('sendmail_remediate', '3 healthy')])
def test_tags_that_leave_the_work_out_are_said(answering, tags, outcome):
    done = answering(sendmail_diagnosis_info=[WELL])('remediate_queues', '--tags', tags)
    assert f'Remediation: 3 hosts, {outcome}' in done.stdout, done.stdout
    assert done.returncode == (2 if tags == 'other' else 0)
    assert ('web3: nothing was done, because of the tags that were given' in done.stdout) is (tags == 'other')


@pytest.mark.parametrize('arguments', [('--tags', 'typo'), ('--skip-tags', 'sendmail_msp,sendmail_mta,sendmail_queue_runner')])
def test_tags_that_leave_out_a_role_are_no_success(answering, arguments):
    done = answering()('ensure_submission', '--limit', 'web1', *arguments)
    assert done.returncode == 2, done.stdout
    assert 'Left out: sendmail_msp, sendmail_mta, sendmail_queue_runner.' in ' '.join(done.stdout.split()), done.stdout


@pytest.mark.parametrize('tags, left_out', [
    ('sendmail_msp_permissions', 'sendmail_mta, sendmail_queue_runner, sendmail_msp_install, sendmail_msp_configure, sendmail_msp_probe'),
    ('sendmail_msp_probe', 'sendmail_mta, sendmail_queue_runner, sendmail_msp_install, sendmail_msp_configure, sendmail_msp_permissions')])
def test_tags_that_leave_out_a_part_of_a_role_are_no_success(answering, tmp_path, tags, left_out):
    facts = planned_queue_runner.host('debian', sendmail_cf=CF)
    play = answering(sendmail_queue_facts=[{'changed': False, 'ansible_facts': {'sendmail_queue': facts}}], sendmail_permissions=[{'changed': False}])
    done = play('ensure_submission', '--limit', 'web1', '--check', '--tags', tags)
    assert f'Left out: {left_out}.' in ' '.join(done.stdout.split()), done.stdout
    assert done.returncode == 2
    # And the part that they bring is done.
    assert (tmp_path / 'sendmail_permissions.count').exists() is (tags == 'sendmail_msp_permissions')


# What the README of a role calls its tags, and what its tasks have.
PARTS = {role: sorted(set(re.findall(f'{role}_[a-z]+', re.search(r'\nTags?:[^\n]*', (ROOT / f'roles/{role}/README.md').read_text())[0].partition('. ')[0])))
         for role in ('sendmail_msp', 'sendmail_mta', 'sendmail_queue_runner')}


def tags_of_tasks(name):
    """Of each task of C(name), tasks/main.yml of a role, in its order; templates as Ansible reads them where nothing is skipped."""
    environment = jinja2.Environment(autoescape=False)  # noqa: S701 - no page
    environment.filters['difference'] = lambda all_, some: [one for one in all_ if one not in some]
    found = []
    for task in yaml.safe_load((ROOT / f'roles/{name}/tasks/main.yml').read_text()):
        found.append([])
        for tag in task['tags']:
            found[-1] += environment.compile_expression(tag.strip('{} '))() if '{{' in tag else [tag]
    return found


@pytest.mark.parametrize('role', PARTS)
def test_tags_are_those_that_the_readme_and_ensure_submission_know(role):
    tags = tags_of_tasks(role)
    assert sorted({tag for found in tags for tag in found}) == [role, *PARTS[role]]
    # Each task belongs to the role, and to one part; what a part begins with, to each of them.
    assert all(found[0] == role for found in tags)
    assert sorted(tags[0]) == [role, *PARTS[role]]
    assert {len(found) for found in tags} <= {1 + len(PARTS[role]), 1 + min(1, len(PARTS[role]))}
    (play,) = yaml.safe_load((ROOT / 'playbooks/ensure_submission.yml').read_text())
    known = play['post_tasks'][0]['vars']
    assert sorted(part for part in known['ensure_submission_parts'] if part.startswith(role)) == PARTS[role]
    assert [one['role'] for one in play['roles']] == ['mailops.sendmail.' + name for name in PARTS]
    assert f'__{role}_look is defined' in known['ensure_submission_roles']


TAGS = """
- ansible.builtin.import_playbook: mailops.sendmail.ensure_submission
  tags: [mail]
"""


@pytest.mark.parametrize('arguments, left_out', [
    (('--skip-tags', 'sendmail_msp_probe,sendmail_mta_install'), 'sendmail_msp_probe, sendmail_mta_install'),
    (('--tags', 'sendmail_msp,sendmail_mta_service,sendmail_queue_runner'), 'sendmail_mta_install'),
    (('--tags', 'sendmail_msp,sendmail_mta,sendmail_queue_runner'), ''), (('--tags', 'mail'), ''),
    (('--tags', 'mail', '--skip-tags', 'sendmail_msp_configure,sendmail_mta_service'), 'sendmail_msp_configure, sendmail_mta_service')])
def test_any_part_can_be_left_out_and_is_named(answering, tmp_path, arguments, left_out):
    (tmp_path / OURS / 'playbooks/site.yml').write_text(TAGS)
    runner = planned_queue_runner.host('debian', planned_queue_runner.LINE, sendmail_cf=CF, init='none')
    facts = dict(runner, **planned_mta.mta_host(init='none', service={'unit': None, 'init_script': None}, installation={
        **runner['installation'], 'sendmail_cf': CF, 'submit_cf': dict(CF, problems=[])}))
    facts['services'] = dict(runner['services'], mta=facts['services']['mta'])
    play = answering(sendmail_queue_facts=[{'changed': False, 'ansible_facts': {'sendmail_queue': facts}}], sendmail_permissions=[{'changed': False}])
    done = play('site', '--limit', 'web1', '--check', *arguments)
    assert done.returncode == (2 if left_out else 0), done.stdout
    assert (f'Left out: {left_out}.' in ' '.join(done.stdout.split())) is bool(left_out), done.stdout
    assert 'undefined' not in done.stdout + done.stderr


# Tasks that need what the first one of their role or playbook has found.
@pytest.mark.parametrize('playbook, task, whose', [
    ('ensure_submission', 'Correct owners, groups and modes', 'role sendmail_msp'),
    ('ensure_submission', 'Enable the MTA and make it answer', 'role sendmail_mta'),
    ('ensure_submission', 'Set up the runner and remove others', 'role sendmail_queue_runner'), ('remediate_queues', 'Diagnose why mail stays', 'playbook')])
def test_what_a_task_needs_of_those_before_it_is_said(answering, playbook, task, whose):
    done = answering(sendmail_diagnosis_info=[WELL])(playbook, '--limit', 'web1', '--check', '--start-at-task', task)
    assert f'The first task of {"this" if whose == "playbook" else "the"} {whose} was left out (--start-at-task, --step). Run the whole ' in done.stdout
    assert done.returncode == 2
    assert 'undefined' not in done.stdout, done.stdout


def test_a_run_says_nothing_of_what_the_one_before_it_found(answering, tmp_path):
    """Facts outlive a playbook that a site imports twice."""
    site = [{'ansible.builtin.import_playbook': 'mailops.sendmail.remediate_queues'}] * 2
    (tmp_path / OURS / 'playbooks/twice.yml').write_text(yaml.safe_dump(site))
    play = answering(sendmail_diagnosis_info=[WELL, {'failed': True, 'msg': 'It is broken now.'}])
    done = play('twice', '--limit', 'web1', '--check', '-e', 'remediate_queues_reports=json', '-e', 'remediate_queues_directory=reports')
    made = json.loads((tmp_path / 'reports/report.json').read_text())
    assert 'Remediation (check mode, nothing was done): 1 host, 1 healthy' in done.stdout
    assert [(host['state'], host['message'], host['report']) for host in made['hosts']] == [('unknown', 'It is broken now.', None)]


def test_a_format_that_there_is_not_is_named_before_anything_is_done(answering):
    done = answering(sendmail_diagnosis_info=[WELL])('remediate_queues', '--limit', 'web1', '-e', 'remediate_queues_reports=jsn')
    assert done.returncode == 2 and "remediate_queues_reports: 'jsn' is not a format of this report. There is: json." in done.stdout, done.stdout
    assert 'Diagnose why mail stays' not in done.stdout


def test_a_flush_repeats_the_sentence_about_an_option_and_nothing_around_it(play):
    done = play('flush_queues', '--limit', 'web1', '-e', 'flush_queues_timeout=soon')
    assert done.returncode == 2
    assert "\"msg\": \"web1: flush_queues_timeout: 'soon' is not a duration" in done.stdout, done.stdout


HANDLERS = """
- hosts: web1
  gather_facts: false
  pre_tasks:
    - ansible.builtin.debug: {msg: sendmail.cf was changed}
      changed_when: true
      notify: %s
  roles:
    - role: mailops.sendmail.%s
"""


CF = {'path': '/etc/mail/sendmail.cf', 'exists': True, 'changed': None}


@pytest.mark.parametrize('role, facts, said', [
    ('sendmail_mta', planned_mta.mta_host(installation={'sendmail_cf': CF}), 'The MTA is restarted.'),
    ('sendmail_mta', planned_mta.mta_host(installation={'sendmail_cf': CF, 'installed': False}), 'Sendmail is not installed'),
    ('sendmail_mta', planned_mta.mta_host(installation={'sendmail_cf': CF, 'binary': 'REFUSING'}), 'sendmail.cf: line 7: unknown configuration line'),
    ('sendmail_queue_runner', planned_queue_runner.host('debian', planned_queue_runner.LINE, sendmail_cf=CF),
     'RUNNING HANDLER [mailops.sendmail.sendmail_queue_runner : Restart | Restart the timer of this role]'),
    ('sendmail_queue_runner', planned_queue_runner.host('debian', installed=False), 'Sendmail is not installed')])
def test_a_handler_needs_nothing_of_the_role_before_it(answering, tmp_path, role, facts, said):
    """Those of pre_tasks are run before the roles. And what is not for handlers, include_role for one, is found when they are read."""
    (tmp_path / OURS / 'playbooks/site.yml').write_text(HANDLERS % (role + '_restart', role))
    refusing = tmp_path / 'refusing'
    refusing.write_text('#!/bin/sh\necho "line 7: unknown configuration line" >&2\nexit 78\n')
    refusing.chmod(0o755)
    facts = json.loads(json.dumps(facts).replace('REFUSING', str(refusing)))
    play = answering(sendmail_queue_facts=[{'changed': False, 'ansible_facts': {'sendmail_queue': facts}}], sendmail_diagnosis_info=[WELL],
                     sendmail_queue=[{'changed': False, 'selected': 0}])
    done = play('site', '--check')
    assert said in done.stdout, done.stdout + done.stderr
    # The look of the handler is fresh, whoever looked before.
    assert (tmp_path / 'sendmail_queue_facts.count').read_text()


# A connection that is lost while a module runs, for one try or for good.
DYING = """
import os
from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection.local import Connection as Local
DOCUMENTATION = 'name: dying\\nshort_description: dies\\ndescription: dies\\n'


class Connection(Local):
    transport = 'dying'

    def exec_command(self, *arguments, **options):
        for name in ('once', 'dead'):
            if os.path.exists(%(place)r + name):
                if name == 'once':
                    os.unlink(%(place)r + name)
                raise AnsibleConnectionFailure('it went away')
        return super().exec_command(*arguments, **options)
"""
WAITING = dict(WELL, healthy=False, messages=dict(WELL['messages'], total=4, queued=4))
NEVER_TRIED = dict(DOWN, id='never_tried', title='Never tried', severity='medium', messages=4, blocks=False)
FLUSHED = {'changed': True, 'selected': 4, 'relayed': 4, 'bounced': 0, 'remaining': 0, 'untried': 0, 'taken': 0}


@pytest.mark.parametrize('module, how, cause', [('sendmail_queue', 'dead', NEVER_TRIED), ('sendmail_ledger', 'dead', NEVER_TRIED),
                                                ('sendmail_message', 'once', DOWN), ('sendmail_message', 'dead', DOWN)])
def test_a_host_that_goes_away_during_the_work_is_no_host_that_was_not_reached(answering, tmp_path, module, how, cause):
    look = planned_mta.mta_host(init='none', processes=[], listeners=[], greeting=dict(planned_mta.GREETS, answered=False, connected=False, text=None),
                                service={'unit': None, 'init_script': None},
                                installation={'sendmail_cf': CF, 'program': '/nonexistent', 'platform': 'upstream'})
    queue = {'messages': {'queued': 0}, 'delivering': 0, 'directories': []}
    facts = {'changed': False, 'ansible_facts': {'sendmail_queue': dict(look, queues={'mta': queue, 'msp': queue}, runners=[])}}
    play = answering(sendmail_diagnosis_info=[dict(WAITING, causes=[cause])], sendmail_queue_facts=[facts], sendmail_queue=[FLUSHED],
                     sendmail_message_info=[{'changed': False, 'messages': []}], sendmail_ledger=[{'changed': False, 'errors': [], 'messages': 4}])
    place = tmp_path / OURS / f'plugins/modules/{module}.py'
    place.write_text(place.read_text().replace('def main():', f'def main():\n    open({str(tmp_path / how)!r}, "w").close()'))
    (tmp_path / 'connections').mkdir()
    (tmp_path / 'connections/dying.py').write_text(DYING % {'place': f'{tmp_path}/'})
    mark = tmp_path / 'mark'
    done = play('remediate_queues', '--limit', 'web1', '-e', f'ansible_connection=dying __sendmail_remediate_mark={mark}', connections=tmp_path / 'connections')
    said = ' '.join(done.stdout.split())
    assert f'1 host, 1 {"needs attention" if how == "once" else "failed"}' in said, done.stdout
    # Before ansible-core 2.19 a host that goes away in a task with "until" has failed there, and is not unreachable.
    gone = 'This host went away while it was worked on.', 'it went away'
    before = '->' if how == 'once' else 'web1: the work broke off:'
    assert any(f'{before} {one}' in said.replace('", "', '') for one in gone), done.stdout
    assert 'Start the program itself' not in said
    assert done.returncode == 2


def test_one_host_ends_no_other():
    """With any_errors_fatal of ansible.cfg a host that fails, and is rescued, would end all others in the middle of their work."""
    for name in PLAYBOOKS:
        for one in yaml.safe_load((ROOT / f'playbooks/{name}.yml').read_text()):
            assert one['any_errors_fatal'] is False, (name, one['name'])


def test_a_host_that_fails_leaves_the_others_their_state(answering, monkeypatch):
    monkeypatch.setenv('ANSIBLE_ANY_ERRORS_FATAL', 'true')
    done = answering(sendmail_diagnosis_info=[{'failed': True, 'msg': 'It is broken.'}, WELL])('remediate_queues', '-e', 'remediate_queues_batches=3')
    assert 'Remediation: 3 hosts, 1 unknown, 2 healthy' in done.stdout, done.stdout


KEYWORD = """
- hosts: web1
  gather_facts: false
  check_mode: %s
  roles:
    - role: mailops.sendmail.sendmail_remediate
"""


@pytest.mark.parametrize('arguments, keyword, said', [
    (('-e', 'sendmail_queue_runner_interval=soon'), None, 'sendmail_queue_runner_interval'),
    ((), True, 'use --check instead'), (('--check',), False, 'use --check instead')])
def test_what_is_refused_leaves_no_mark(answering, tmp_path, arguments, keyword, said):
    """In AWX the next job is another controller, which the mark would keep away for two hours."""
    if keyword is not None:
        (tmp_path / OURS / 'playbooks/site.yml').write_text(KEYWORD % keyword)
    play = answering(sendmail_diagnosis_info=[dict(WELL, healthy=False, causes=[DOWN])], sendmail_queue_facts=[{'failed': True, 'msg': 'It went on.'}])
    done = play('remediate_queues' if keyword is None else 'site', '--limit', 'web1', '-e', f'__sendmail_remediate_mark={tmp_path}/mark', *arguments)
    assert done.returncode == 2
    assert said in done.stdout, done.stdout
    assert 'Remove the mark' in done.stdout
    assert 'It went on.' not in done.stdout
    assert not os.path.lexists(tmp_path / 'mark')


@pytest.mark.parametrize('now, stays', [('night:17:1', False), ('other:18:2', True), (None, False)])
def test_of_two_that_find_an_old_mark_one_removes_that_of_the_other_never(tmp_path, now, stays):
    """Both have looked before either has removed it."""
    tasks = yaml.safe_load((ROOT / 'roles/sendmail_remediate/tasks/begin.yml').read_text())
    (argv,) = [task['ansible.builtin.command']['argv'] for task in tasks if task['name'] == 'Begin | Remove the mark of a run that has ended']
    mark = tmp_path / 'mark'
    if now:
        mark.symlink_to(now)
    subprocess.run([*argv[:-2], str(mark), 'night:17:1'], check=True)
    assert (argv[-2:], mark.is_symlink()) == (['{{ __sendmail_remediate_mark }}', "{{ __sendmail_remediate_marked.stat.lnk_target | default('') }}"], stays)


STALE_RUNNER = """
- hosts: web1
  gather_facts: false
  tasks:
    - ansible.builtin.include_role: {name: mailops.sendmail.sendmail_remediate, tasks_from: stale_runner}
      vars: {__sendmail_remediate_resolver_written: true}
"""
REPAIRED = 1700000000


@pytest.mark.parametrize('started, unit, arguments, restarted, told', [
    (REPAIRED - 60, 'sendmail-client.service', ('--check',), True, False), (REPAIRED + 60, 'sendmail-client.service', ('--check',), True, False),
    (None, 'sendmail-client.service', ('--check',), True, False), (REPAIRED + 60, 'sendmail-client.service', (), False, False),
    (REPAIRED - 60, 'session-1.scope', ('--check',), False, True), (REPAIRED - 60, 'session-1.scope', (), False, True),
    (REPAIRED - 60, None, ('--check',), False, False)])
def test_a_runner_that_is_older_than_the_name_servers_is_restarted(answering, tmp_path, monkeypatch, started, unit, arguments, restarted, told):
    """Sendmail changes _res, and then glibc reads resolv.conf no more. A run of the queue that ends takes nothing along, and is no runner.

    What the platform does not start is named, in check mode too, wherever the controller is.
    """
    monkeypatch.setenv('TZ', 'Asia/Tokyo')
    (tmp_path / OURS / 'playbooks/site.yml').write_text(STALE_RUNNER)
    process = {'pid': 4711, 'role': 'queue_runner', 'queue': 'msp', 'interval': 1800, 'started': started or int(time.time()) - 60, 'unit': unit}
    runners = [planned_queue_runner.runner('daemon', pid=4711, unit=unit)] if unit else []
    facts = planned_queue_runner.host('suse', *runners, sendmail_cf=CF)
    facts['mta'] = dict(facts['mta'], processes=[*facts['mta']['processes'], process, dict(process, pid=4712, started=None)], resolver_changed=REPAIRED)
    play = answering(sendmail_queue_facts=[{'changed': False, 'ansible_facts': {'sendmail_queue': facts}}], sendmail_diagnosis_info=[WELL],
                     sendmail_queue=[{'changed': False, 'selected': 0}])
    done = play('site', *arguments)
    assert ('Guard | Fail if a queue run would harm mail' in done.stdout) is restarted, done.stdout
    assert ('The queue runner with process id 4711 keeps' in done.stdout) is told, done.stdout
    assert (done.returncode == 0) is not told or restarted, done.stdout


@pytest.mark.parametrize('ledger_open, servers, started, restarted', [
    (True, '["192.0.2.53"]', -60, True), (False, '["192.0.2.53"]', -60, False), (True, '[]', -60, False), (True, '["192.0.2.53"]', 60, False)])
def test_behind_a_run_that_was_killed_a_runner_may_know_the_old_name_servers(answering, tmp_path, ledger_open, servers, started, restarted):
    """It was killed between the name servers and the runner. The next run finds them right, and a list of messages that is still open."""
    facts = planned_queue_runner.host('suse', planned_queue_runner.runner('daemon', pid=4711, unit='sendmail-client.service'), sendmail_cf=CF)
    facts['mta'] = dict(facts['mta'], resolver_changed=REPAIRED, processes=[*(dict(one, user='root', title='') for one in facts['mta']['processes']), {
        'pid': 4711, 'role': 'queue_runner', 'queue': 'msp', 'interval': 1800, 'started': REPAIRED + started, 'unit': 'sendmail-client.service',
        'user': 'smmsp', 'title': ''}])
    play = answering(sendmail_queue_facts=[{'changed': False, 'ansible_facts': {'sendmail_queue': facts}}], sendmail_queue=[{'changed': False, 'selected': 0}],
                     sendmail_diagnosis_info=[dict(WELL, ledger_open=ledger_open)], sendmail_ledger=[{'changed': False, 'errors': [], 'messages': 0}])
    done = play('remediate_queues', '--limit', 'web1', '--check', '-e', f'__sendmail_remediate_mark={tmp_path}/mark',
                '-e', json.dumps({'sendmail_remediate_resolvers': json.loads(servers)}))
    assert ('Guard | Fail if a queue run would harm mail' in done.stdout) is restarted, done.stdout


ROLE = """
- hosts: web1
  gather_facts: false
  roles: [mailops.sendmail.%s]
"""


@pytest.mark.parametrize('runners, option, shown', [
    ([planned_queue_runner.LINE], 'sendmail_queue_runner_interval=45m', 'The nearest it can is 30m'),
    ([planned_queue_runner.LINE], 'sendmail_queue_runner_interval=30m', None),
    ([planned_queue_runner.LINE, planned_queue_runner.runner(path='/nonexistent', line=7)], 'sendmail_queue_runner_remove_foreign=true', 'Foreign | Remove'),
    ([planned_queue_runner.LINE, planned_queue_runner.runner(path='/nonexistent', line=7)], 'sendmail_queue_runner_remove_foreign=false', None)])
def test_the_role_does_what_the_plan_of_the_queue_runner_says(answering, tmp_path, runners, option, shown):
    """In check mode. What the plan says is told in tests/unit/planned_queue_runner.py."""
    (tmp_path / OURS / 'playbooks/site.yml').write_text(ROLE % 'sendmail_queue_runner')
    facts = planned_queue_runner.host('debian', *runners, sendmail_cf=CF)
    play = answering(sendmail_queue_facts=[{'changed': False, 'ansible_facts': {'sendmail_queue': facts}}])
    done = play('site', '--check', '-e', option)
    assert done.returncode == (2 if shown == 'The nearest it can is 30m' else 0), done.stdout
    assert {word for word in ('The nearest it can is 30m', 'Foreign | Remove') if word in done.stdout} == ({shown} if shown else set()), done.stdout


@pytest.mark.parametrize('more, refused', [((), True), (('-e', '{"__sendmail_msp_look": {}}'), False),
                                           (('-e', '__sendmail_mta_guard_moves=true'), False)])
def test_check_mode_of_the_mta_alone_says_what_its_start_will_be_refused_for(answering, tmp_path, more, refused):
    """Where the role sendmail_msp or sendmail_remediate goes before it, owners and modes are right by then."""
    (tmp_path / OURS / 'playbooks/site.yml').write_text(ROLE % 'sendmail_mta')
    dead = dict(planned_mta.GREETS, answered=False, connected=False, text=None)
    facts = planned_mta.mta_host(init='none', processes=[], listeners=[], greeting=dead, service={'unit': None, 'init_script': None},
                                 installation={'sendmail_cf': CF, 'platform': 'upstream', 'binary': '/bin/true'})
    said = {'kind': 'permissions', 'text': 'its owner is wrong', 'remedy': 'Correct it.', 'ids': [], 'messages': 1}
    play = answering(sendmail_queue_facts=[{'changed': False, 'ansible_facts': {'sendmail_queue': facts}}], sendmail_diagnosis_info=[WELL],
                     sendmail_queue=[{'failed': True, 'msg': 'refused', 'selected': 1, 'refusals': [said]}])
    done = play('site', '--check', *more)
    assert ('its owner is wrong. Correct it.' in ' '.join(done.stdout.partition('fatal: ')[2].split())) is refused, done.stdout
    assert done.returncode == (2 if refused else 0), done.stdout


HAZARDS = """
- hosts: web1
  gather_facts: false
  tasks:
    - ansible.builtin.include_role: {name: mailops.sendmail.sendmail_remediate, tasks_from: hazards}
      vars: {__sendmail_remediate_queues: msp, __sendmail_remediate_tried: [], __sendmail_remediate_aside: {messages: 0, archives: []}}
"""


@pytest.mark.parametrize('arguments, asked', [(['--check'], ['lost', 'torn']), ([], ['empty', 'lost', 'rewritten', 'torn'])])
def test_what_is_taken_away_first_is_not_archived_again(answering, tmp_path, arguments, asked):
    """In check mode the debris is still there, and the look behind it finds it once more."""
    (tmp_path / OURS / 'playbooks/site.yml').write_text(HAZARDS)
    removed = [{'path': '/queue/qfempty', 'kind': 'incomplete'}, {'path': '/queue/tfrewritten', 'kind': 'temporary'}]
    found = [{'id': name, 'kind': kind, 'young': name == 'young'} for name, kind in (
        ('empty', 'damaged'), ('rewritten', 'temporary'), ('lost', 'no_data'), ('torn', 'temporary'), ('young', 'temporary'))]
    play = answering(sendmail_debris=[{'changed': True, 'archive': None, 'outcomes': {'removed': removed}}],
                     sendmail_queue=[{'changed': False, 'left_out': found}, {'changed': False, 'left_out': []}])
    module = tmp_path / OURS / 'plugins/modules/sendmail_message.py'
    module.write_text(module.read_text().replace('def main():', f'def main():\n    open({str(tmp_path / "asked")!r}, "a").write(open(sys.argv[1]).read())'))
    done = play('site', *arguments)
    assert done.returncode == 0, done.stdout
    assert sorted(word for word in ('empty', 'lost', 'rewritten', 'torn', 'young') if f"'{word}'" in (tmp_path / 'asked').read_text()) == asked


def test_what_a_step_says_is_in_the_report(answering, tmp_path):
    cause = dict(DOWN, id='permissions', title='Wrong owners', blocks=False, fix={'kind': 'module', 'name': 'sendmail_permissions', 'text': 'Correct them.'})
    look = planned_mta.mta_host(init='none', installation={'sendmail_cf': CF, 'platform': 'upstream'})
    queue = {'messages': {'queued': 0}, 'delivering': 0, 'directories': []}
    facts = {'changed': False, 'ansible_facts': {'sendmail_queue': dict(look, queues={'mta': queue, 'msp': queue}, runners=[])}}
    play = answering(sendmail_diagnosis_info=[dict(WELL, healthy=False, causes=[cause])], sendmail_queue_facts=[facts],
                     sendmail_permissions=[{'failed': True, 'msg': 'The directory belongs to nobody.'}])
    done = play('remediate_queues', '--limit', 'web1', '--check', '-e', 'remediate_queues_reports=json', '-e', 'remediate_queues_directory=reports',
                '-e', f'__sendmail_remediate_mark={tmp_path}/mark')
    (host,) = json.loads((tmp_path / 'reports/report.json').read_text())['hosts']
    assert host['report']['errors'] == [{'step': 'permissions', 'message': 'The directory belongs to nobody.'}], done.stdout
    assert 'The directory belongs to nobody.' in ' '.join(done.stdout.partition('Remediation (check mode')[2].split())
