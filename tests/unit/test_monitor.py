# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role sendmail_compliance may write and remove: a file that it has written itself, whatever name it was given. In check mode, because of the rest."""

from __future__ import annotations

import re
import sys

import pytest
import yaml
from ansible_collections.mailops.sendmail.plugins.module_utils import _exposition
from ansible_collections.mailops.sendmail.tests.unit.plays import HERE, ROOT, play

pytest.importorskip('ansible.cli')

PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.include_role: {name: mailops.sendmail.sendmail_compliance, tasks_from: monitor}
"""
OWN = _exposition.own('error', [], {}, 1)
FOREIGN = 'is not a file that this role has written'
# What is there under a name, and what is said about it.
CASES = {'own.prom': (OWN, ''), 'new.prom': (None, ''), 'empty.prom': ('', ''), 'node.prom': ('# HELP node_load1 Load.\nnode_load1 0.5\n', FOREIGN),
         'binary.prom': (b'\x00\xff' * 1000, FOREIGN), 'directory.prom': ({'other.prom': OWN}, FOREIGN), 'own.txt': (OWN, 'that ends in .prom')}


def test_only_a_file_of_its_own_is_written_or_removed(tmp_path):
    (tmp_path / 'play.yml').write_text(PLAY)
    (tmp_path / 'collected').mkdir()
    hosts = []
    for name, (content, _said) in CASES.items():
        place = tmp_path / 'collected' / name
        if isinstance(content, dict):
            place.mkdir()
            for child, text in content.items():
                (place / child).write_text(text)
        elif content is not None:
            place.write_bytes(content if isinstance(content, bytes) else content.encode())
        hosts += [f'{mode}-{name} sendmail_compliance_monitor={mode} sendmail_compliance_monitor_file={place}' for mode in ('absent', 'cron')]
    (tmp_path / 'inventory').write_text('\n'.join([*hosts, '[all:vars]', 'ansible_connection=local', f'ansible_python_interpreter={sys.executable}', '']))
    done = play(tmp_path, '-i', 'inventory', 'play.yml', '--check')
    told = dict(re.findall(r'(?m)^fatal: \[(\S+)\]: FAILED! => (.*)$', done.stdout))
    for name, (content, said) in CASES.items():
        place = tmp_path / 'collected' / name
        for mode in ('absent', 'cron'):
            found = ' '.join(told.pop(f'{mode}-{name}', '').split())
            assert said in found and bool(said) is bool(found), (mode, name, found, done.stderr)
        assert (f'changed: [absent-{name}] => (item={place})' in done.stdout) is (content is not None and not said)
    assert told == {}


@pytest.mark.parametrize('mode, refused', [('cron', True), ('absent', False)])
def test_a_directory_that_there_is_not_is_named(tmp_path, mode, refused):
    """Nobody would read what is written there. To remove it takes no directory."""
    (tmp_path / 'play.yml').write_text(PLAY)
    done = play(tmp_path, *HERE, 'play.yml', '--check', '-e', f'sendmail_compliance_monitor={mode}',
                '-e', f'sendmail_compliance_monitor_file={tmp_path}/nowhere/own.prom')
    assert (done.returncode, f'The directory {tmp_path}/nowhere does not exist.' in ' '.join(done.stdout.split())) == (2 * refused, refused), done.stdout


STOPS = """
- hosts: localhost
  gather_facts: false
  vars_files: [%(role)s/defaults/main.yml, %(role)s/vars/main.yml]
  tasks:
    - ansible.builtin.include_tasks: monitor.yml
"""


@pytest.mark.parametrize('there', [True, False])
def test_a_timer_that_is_not_wanted_any_more_is_stopped_for_good(tmp_path, there):
    """In check mode, and with a word in the place of systemd."""
    text = (ROOT / 'roles/sendmail_compliance/tasks/monitor.yml').read_text().replace('/etc/systemd/system', str(tmp_path))
    tasks = yaml.safe_load(text)
    for task in tasks:
        asked = task.pop('ansible.builtin.systemd_service', None)
        if asked:
            task['ansible.builtin.debug'] = {'msg': f'systemd: {asked["enabled"]} {asked["state"]}'}
    (tmp_path / 'monitor.yml').write_text(yaml.safe_dump(tasks))
    if there:
        (tmp_path / 'sendmail-compliance.timer').touch()
    (tmp_path / 'play.yml').write_text(STOPS % {'role': ROOT / 'roles/sendmail_compliance'})
    done = play(tmp_path, *HERE, 'play.yml', '--check', '-e', f'sendmail_compliance_monitor=absent sendmail_compliance_monitor_file={tmp_path}/own.prom')
    assert (done.returncode, re.findall(r'systemd: \w+ \w+', done.stdout)) == (0, ['systemd: False stopped'] if there else []), done.stdout
