# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role sendmail_queue_runner does to the runners and crontabs that it finds."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import jinja2
import pytest
import yaml

from ansible_collections.mailops.sendmail.tests.unit import plays

cron = pytest.importorskip('ansible.modules.cron')

ROOT = Path(__file__).resolve().parents[2]
TASKS = {task['name']: task for task in yaml.safe_load((ROOT / 'roles/sendmail_queue_runner/tasks/foreign.yml').read_text())}
REMOVES, DISABLES = TASKS['Foreign | Remove the lines from their crontabs'], TASKS['Foreign | Stop and disable the units']
BACKUP = '0 3 * * * /usr/local/bin/backup'


def remove(path, line):
    values = {'item': {'path': str(path), 'line': line}, '__sendmail_queue_runner_facts': {'installation': {'platform': 'debian'}}}
    environment = jinja2.Environment(autoescape=False)  # noqa: S701 - no page
    expression = environment.compile_expression(REMOVES['ansible.builtin.command']['argv'].strip('{} '))
    subprocess.run(expression(**values, **REMOVES.get('vars', {})), check=True)
    return path.read_text().splitlines()


def test_the_name_that_ansible_gave_a_line_is_not_left_to_the_next(tmp_path):
    """Otherwise the module cron replaces or removes that one."""
    path = tmp_path / 'crontab'
    path.write_text(f'# by hand\n#Ansible: mail\n*/5 * * * * /usr/sbin/sendmail -Ac -q\n{BACKUP}\n')
    remove(path, 3)
    module = SimpleNamespace(get_bin_path=lambda name, **_options: name)
    assert cron.CronTab(module, cron_file=str(path)).find_job('mail') == []
    assert path.read_text() == f'# by hand\n{BACKUP}\n'


@pytest.mark.parametrize('before, line, after', [
    (['# Puppet Name: mail', '1 * * * * runq -Ac', BACKUP], 2, [BACKUP]),
    (['# Chef Name: mail', '1 * * * * runq -Ac', BACKUP], 2, [BACKUP]),
    (['# SALT_CRON_IDENTIFIER:mail', '1 * * * * runq -Ac', BACKUP], 2, [BACKUP]),
    (['1 * * * * runq -Ac', BACKUP], 1, [BACKUP]),
    # What an administrator has written for himself, and what belongs to another line, or to one that is another meanwhile.
    (['# mail: run the queue', '1 * * * * runq -Ac', BACKUP], 2, ['# mail: run the queue', BACKUP]),
    (['#Ansible: backup', BACKUP, '1 * * * * runq -Ac'], 3, ['#Ansible: backup', BACKUP]),
    (['#Ansible: sendmail', BACKUP], 2, ['#Ansible: sendmail', BACKUP]),
    (['#Ansible: mail', '1 * * * * runq -Ac'], 2, [])])
def test_a_line_goes_with_its_name_and_nothing_else(tmp_path, before, line, after):
    path = tmp_path / 'crontab'
    path.write_text('\n'.join([*before, '']))
    assert remove(path, line) == after


def test_of_two_lines_in_a_crontab_both_are_removed(tmp_path):
    path = tmp_path / 'crontab'
    path.write_text(f'#Ansible: mail\n*/5 * * * * /usr/sbin/sendmail -Ac -q\n{BACKUP}\n1 * * * * runq -Ac\n')
    planned = [{'kind': 'line', 'path': str(path), 'line': line} for line in (2, 4)]
    lines = jinja2.Environment(autoescape=False).compile_expression(REMOVES['loop'].strip('{} '))  # noqa: S701 - no page
    for one in lines(__sendmail_queue_runner_todo={'remove': planned}):
        remove(path, one['line'])
    assert path.read_text() == f'{BACKUP}\n'


REMOVAL = """
- hosts: localhost
  gather_facts: false
  vars:
    __sendmail_queue_runner_facts: {installation: {platform: debian}}
    __sendmail_queue_runner_todo: {remove: [{kind: line, path: %(path)s, line: 2}, {kind: line, path: %(path)s, line: 3}, {kind: process, pid: %(pid)d}]}
  tasks:
    - ansible.builtin.include_tasks: foreign.yml
"""


@pytest.mark.parametrize('arguments, removed', [([], True), (['--check'], False)])
def test_of_a_crontab_there_is_a_copy_and_the_process_has_ended(tmp_path, arguments, removed):
    text = (ROOT / 'roles/sendmail_queue_runner/tasks/foreign.yml').read_text()
    assert text.count('/var/backups') == 2
    (tmp_path / 'foreign.yml').write_text(text.replace('/var/backups', f'{tmp_path}/backups'))
    path, before = tmp_path / 'crontab', f'{BACKUP}\n1 * * * * runq -Ac\n2 * * * * runq -Ac\n'
    path.write_text(before)
    with subprocess.Popen(['sleep', '60']) as runner:
        (tmp_path / 'play.yml').write_text(REMOVAL % {'path': path, 'pid': runner.pid})
        done = plays.play(tmp_path, *plays.HERE, 'play.yml', *arguments)
        ended = runner.poll() is not None
        runner.kill()
    assert (done.returncode, ended, path.read_text()) == (0, removed, f'{BACKUP}\n' if removed else before), done.stdout
    assert [copy.read_text() for copy in tmp_path.glob('backups/*')] == [before] * removed


# What systemctl says of a timer without [Install] that somebody has started, and of one that a link in timers.target.wants starts. The module calls each
# one enabled of which "systemctl is-enabled" ends with 0, which it does for static, indirect and generated ones.
@pytest.mark.parametrize('active, enabled, changed', [
    ('active', 'static', True), ('inactive', 'static', False), ('failed', 'indirect', False), ('inactive', 'generated', False),
    ('inactive', 'enabled', True), ('active', 'enabled', True), ('inactive', 'linked', True), ('activating', 'static', True)])
def test_a_unit_that_nothing_enables_is_stopped_once(active, enabled, changed):
    environment = jinja2.Environment(autoescape=False)  # noqa: S701 - no page
    environment.tests['changed'] = lambda result: result['changed']
    expression = environment.compile_expression(DISABLES['changed_when'])
    for module in (True, False):
        result = {'changed': module, 'status': {'ActiveState': active, 'UnitFileState': enabled}}
        assert expression(__sendmail_queue_runner_stopped=result) is (module and changed)


WRITES = """
- hosts: localhost
  gather_facts: false
  vars:
    __sendmail_queue_runner_plan:
      {writes: [%(path)s, %(path)s/file, %(path)s/none], interval: 30m, changes: false, foreign: [], remove: [], leave: [], method: no}
  tasks:
    - ansible.builtin.include_tasks: converge.yml
"""


@pytest.mark.parametrize('arguments', [(), ('--check',)])
@pytest.mark.parametrize('attribute, directory', [('i', True), ('i', False), ('a', True), ('a', False)])
def test_what_cannot_be_written_is_named_before_anything_is_written(tmp_path, attribute, directory, arguments):
    """Nothing that is append-only can be replaced, nor what lies in such a directory: chattr(1)."""
    (tmp_path / 'mail').mkdir()
    (tmp_path / 'mail/file').touch()
    (tmp_path / 'converge.yml').symlink_to(ROOT / 'roles/sendmail_queue_runner/tasks/converge.yml')
    (tmp_path / 'play.yml').write_text(WRITES % {'path': tmp_path / 'mail'})
    locked = tmp_path / ('mail' if directory else 'mail/file')
    if os.geteuid() or subprocess.run(['chattr', f'+{attribute}', str(locked)], capture_output=True, check=False).returncode:
        pytest.skip('only root, on a file system that has the attribute')
    try:
        done = plays.play(tmp_path, *plays.HERE, 'play.yml', *arguments, PATH=plays.attributes(tmp_path))
    finally:
        subprocess.run(['chattr', '-ia', str(locked)], check=True)
    assert done.returncode == 2
    assert f'"msg": "{locked} cannot be written: the file system is read-only' in done.stdout


RESTARTS = """
- hosts: localhost
  gather_facts: false
  vars:
    __sendmail_queue_runner_plan: {method: %s, init: none, sockets: []}
    __sendmail_queue_runner_facts: {runners: [{source: daemon, pid: %d}, {source: cron, pid: null}], mta: {processes: []}}
  tasks:
    - ansible.builtin.include_tasks: restart.yml
"""


@pytest.mark.parametrize('method, arguments, stays', [('debian_daemon', [], False), ('debian_daemon', ['--check'], True), ('debian_cron', [], True)])
def test_the_old_runner_is_gone_before_debians_script_starts_another(tmp_path, method, arguments, stays):
    """The script takes for a runner what its pid file names, which is removed before: start_msp() and is_running() in debian/local/sendmail.in (8.17.1.9)."""
    text = (ROOT / 'roles/sendmail_queue_runner/tasks/restart.yml').read_text()
    for path in ('/run/sendmail/msp/sendmail.pid', '/etc/init.d/sendmail'):
        assert path in text
        text = text.replace(path, f'{tmp_path}/nothing')
    (tmp_path / 'restart.yml').write_text(text)
    with subprocess.Popen(['sleep', '60']) as runner:
        (tmp_path / 'play.yml').write_text(RESTARTS % (method, runner.pid))
        done = plays.play(tmp_path, *plays.HERE, 'play.yml', *arguments)
        stayed = runner.poll() is None
        runner.kill()
    assert (done.returncode, stayed) == (0, stays), done.stdout


REDHAT6 = """
- hosts: localhost
  gather_facts: false
  vars:
    role_path: "{{ playbook_dir }}"
    looked:
      installation: {platform: redhat, sendmail_cf: {path: /nonexistent}}
      services: {init: none}
      runners: [{source: conf_d, pid: %(runner)d}]
      mta: {processes: []}
    __sendmail_queue_runner_plan: {method: conf_d, init: script, sockets: []}
    __sendmail_queue_runner_facts: "{{ looked }}"
    __sendmail_mta_todo: {watched: false, init: script, pids: [], strays: [], sockets: [], restart: [No MTA runs.]}
    __sendmail_mta_facts: "{{ looked }}"
  tasks:
    - ansible.builtin.include_tasks: tasks/restart.yml
"""
# As sendmail.init of el6: a stop ends what the pid files name, and a start does nothing while that lives.
SCRIPT = """#!/bin/sh
alive() { [ -f %(run)s/$1.pid ] && [ -d /proc/$(cat %(run)s/$1.pid) ]; }
case $1 in
    stop|restart) kill $(cat %(run)s/sendmail.pid %(run)s/sm-client.pid) ;;
esac
alive sendmail || alive sm-client || touch %(run)s/started
"""


@pytest.mark.parametrize('arguments', [[], ['--check']])
@pytest.mark.parametrize('role', ['sendmail_mta', 'sendmail_queue_runner'])
def test_red_hats_script_ends_no_stranger_that_a_pid_file_names(tmp_path, role, arguments):
    """Found on a host laid out like Red Hat 6: the numbers of the dead daemons were those of another process."""
    text = (ROOT / 'roles' / role / 'tasks/restart.yml').read_text()
    for old, new in (('/var/run/', f'{tmp_path}/'), ('/etc/init.d/sendmail', f'{tmp_path}/script')):
        assert old in text
        text = text.replace(old, new)
    (tmp_path / 'tasks').mkdir()
    (tmp_path / 'tasks/restart.yml').write_text(text)
    for name in ('guard', 'prove', 'failed'):
        (tmp_path / f'tasks/{name}.yml').write_text('- ansible.builtin.debug: {}\n')
    (tmp_path / 'script').write_text(SCRIPT % {'run': tmp_path})
    (tmp_path / 'script').chmod(0o755)
    with subprocess.Popen(['sleep', '60']) as runner, subprocess.Popen(['sleep', '60']) as stranger:
        for name in ('sendmail', 'sm-client'):
            (tmp_path / f'{name}.pid').write_text(f'{stranger.pid}\n')
        (tmp_path / 'play.yml').write_text(REDHAT6 % {'runner': runner.pid})
        done = plays.play(tmp_path, *plays.HERE, 'play.yml', *arguments)
        stayed = [process.poll() is None for process in (stranger, runner)]
        for process in (runner, stranger):
            process.kill()
    assert (done.returncode, stayed) == (0, [True, bool(arguments)]), done.stdout
    assert (tmp_path / 'started').exists() != bool(arguments)


GENERATED = """
- hosts: localhost
  gather_facts: false
  vars:
    sendmail_queue_runner_remove_foreign: false
    __sendmail_queue_runner_facts: {installation: {platform: none}}
    __sendmail_queue_runner_plan:
      {writes: [], interval: 30m, changes: false, foreign: [], remove: %(remove)s, leave: [], method: none, generate: true, stop: [], reasons: []}
  tasks:
    - ansible.builtin.include_tasks: converge.yml
"""
RUN = 'test -x /etc/init.d/sendmail && /usr/share/sendmail/sendmail cron-msp'
AGES = 'root test -x /usr/share/sendmail/qtool.pl && /usr/share/sendmail/qtool.pl -s 25 a b >/dev/null'


@pytest.mark.parametrize('arguments', [(), ('--check',)])
@pytest.mark.parametrize('lines, remove, dropped', [
    # What update_conf writes, with another interval, and what an administrator has said there.
    ([b'#####', b'', b'# J\xf6rg', b'MAILTO=j\xf6rg', f'*/5 * * * * smmsp {RUN}'.encode(), f'#*/10 * * * * {RUN}'.encode(), f'*/9 * * * * {AGES}'.encode()],
     [], None),
    ([f'*/20 * * * * smmsp {RUN}\r'.encode(), b'\r'], [], None),
    ([b'MAILTO=root', b'0 4 * * * root /bin/rep\xf6rt', b'PATH=/opt'], [], 'line 2:0 4 * * * root /bin/rep?rt; line 3:PATH=/opt'),
    ([b'* * * * * smmsp /usr/sbin/sendmail -Ac -q'], [], 'line 1:* * * * * smmsp /usr/sbin/sendmail -Ac -q'),
    # Which the role removes itself; another file has such a line too.
    ([b'* * * * * smmsp /usr/sbin/sendmail -Ac -q'], [('sendmail', 1)], None),
    ([b'* * * * * smmsp /usr/sbin/sendmail -Ac -q'], [('other', 1)], 'line 1:* * * * * smmsp /usr/sbin/sendmail -Ac -q'),
    (None, [], None)])
def test_what_debians_generator_would_drop_is_named_before_anything_is_done(tmp_path, arguments, lines, remove, dropped):
    file = tmp_path / 'sendmail'
    if lines is not None:
        file.write_bytes(b'\n'.join([*lines, b'']))
    planned = [{'kind': 'line', 'path': str(tmp_path / name), 'line': line} for name, line in remove] + [{'kind': 'unit', 'name': 'x'}] * bool(remove)
    text = (ROOT / 'roles/sendmail_queue_runner/tasks/converge.yml').read_text()
    (tmp_path / 'converge.yml').write_text(text.replace('/etc/cron.d/sendmail', str(file)))
    (tmp_path / 'foreign.yml').write_text('[]\n')
    (tmp_path / 'play.yml').write_text(GENERATED % {'remove': json.dumps(planned)})
    done = plays.play(tmp_path, *plays.HERE, 'play.yml', *arguments)
    assert (done.returncode, 'would drop what stands there' in done.stdout) == (2 * bool(dropped), bool(dropped)), done.stdout
    assert dropped is None or f'would drop what stands there ({dropped}). Move that' in done.stdout
