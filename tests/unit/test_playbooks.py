# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks as users start them, over hosts that none of them can work on: what is said, where it stands, and the exit status. The module
fails before it runs, so nothing of the machine that runs the tests is looked at."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytest.importorskip('ansible.cli')

ROOT = Path(__file__).resolve().parents[2]
LONG = 'mail-gateway-17.production.eu-central-1.frankfurt.datacenter.example.org'
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
    (tmp_path / 'ansible_collections/mailops').mkdir(parents=True)
    (tmp_path / 'ansible_collections/mailops/sendmail').symlink_to(ROOT)
    (tmp_path / 'callbacks').mkdir()
    (tmp_path / 'callbacks/events.py').write_text(CALLBACK)
    (tmp_path / 'inventory').write_text('[web]\n' + ''.join(
        f'{name} ansible_connection=local ansible_python_interpreter=/nonexistent\n' for name in ('web1', LONG)))

    def play(name, *arguments, callback='default'):
        environment = dict(os.environ, ANSIBLE_COLLECTIONS_PATH=str(tmp_path), ANSIBLE_LOCAL_TEMP=str(tmp_path / 'tmp'), HOME=str(tmp_path),
                           ANSIBLE_NOCOLOR='1', ANSIBLE_STDOUT_CALLBACK=callback, ANSIBLE_CALLBACK_PLUGINS=str(tmp_path / 'callbacks'),
                           ANSIBLE_REMOTE_TEMP=str(tmp_path / 'remote'), ANSIBLE_RETRY_FILES_ENABLED='false')
        environment.pop('ANSIBLE_CONFIG', None)
        program = [sys.executable, '-m', 'ansible.cli.playbook', f'mailops.sendmail.{name}', '-i', 'inventory', *arguments]
        return subprocess.run(program, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    return play


@pytest.mark.parametrize('arguments, hint', [(('-e', 'target=wbe'), "the target 'wbe'"), (('-e', 'target=web1', '--limit', LONG), 'within --limit'),
                                             (('--limit', 'wbe'), 'wbe')])
def test_a_target_without_hosts_is_no_success(play, arguments, hint):
    done = play('flush_queues', *arguments)
    assert done.returncode in (1, 4)
    assert hint in done.stdout + done.stderr
    assert 'PLAY RECAP' not in done.stdout


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


def test_nothing_of_ours_writes_to_the_terminal_itself():
    """What is displayed beside the results of tasks is in the way of a callback that writes JSON."""
    assert [path.name for path in (ROOT / 'plugins').rglob('*.py') if 'ansible.utils.display' in path.read_text()] == []
