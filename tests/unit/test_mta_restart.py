# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role sendmail_mta restarts, what it says of an MTA that does not start, from a log in which it says why, and that it looks again, to the end,
when it has installed something."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import jinja2
import pytest
import yaml

from ansible_collections.mailops.sendmail.tests.unit import plays

pytest.importorskip('ansible.cli')

ROOT = Path(__file__).resolve().parents[2]
FAILED = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.include_tasks: %s/roles/sendmail_mta/tasks/failed.yml
      vars:
        __sendmail_mta_failed: It does not start.
        __sendmail_mta_failed_unit: sendmail.service
        __sendmail_mta_failed_systemd: true
        __sendmail_mta_failed_tags: [sm-mta]
"""
INSTALLS = """
- hosts: localhost
  gather_facts: false
  vars:
    __sendmail_mta_facts: {installation: {installed: "{{ looked | default(false) }}", platform: debian, sendmail_cf: {path: /nonexistent}}}
    __sendmail_mta_plan: {install: "{{ not looked | default(false) }}", wanted: true}
    __sendmail_mta_packages: {debian: [sendmail]}
    __sendmail_mta_mailer_missing: ''
    __sendmail_mta_installed: {changed: true}
  tasks:
    - ansible.builtin.include_tasks: install.yml
"""
MSP_INSTALLS = """
- hosts: localhost
  gather_facts: false
  vars:
    __sendmail_msp_facts: {installed: false, platform: debian, other_mta: null}
    __sendmail_msp_packages: {debian: [sendmail-bin]}
    __sendmail_mta_installed: {changed: true}
    sendmail_msp_install: true
    sendmail_msp_replace_other: false
  tasks:
    - ansible.builtin.include_tasks: install.yml
"""
WEDGED = 'NOQUEUE: SYSERR(root): opendaemonsocket: daemon MTA: server SMTP socket wedged: exiting'
HANDLER = """
- hosts: localhost
  gather_facts: false
  vars:
    role_path: %s
    __sendmail_mta_plan: {pids: [171], strays: [], install: false}
    __sendmail_mta_refused: ''
  tasks:
    - ansible.builtin.set_fact:
        __sendmail_mta_todo: {pids: [170], strays: [170]}
      changed_when: true
      notify: sendmail_mta_restart
  handlers:
    - ansible.builtin.import_tasks: %s/roles/sendmail_mta/handlers/main.yml
"""
WATCHED = """
- hosts: localhost
  gather_facts: false
  vars:
    role_path: %s
    __sendmail_mta_todo: {watched: %s, init: binary, pids: [170], strays: [170]}
  tasks:
    - ansible.builtin.include_tasks: %s/roles/sendmail_mta/tasks/restart.yml
"""
STOPPED = """
- hosts: localhost
  gather_facts: false
  vars:
    role_path: %s
    __sendmail_mta_todo: {watched: false, init: systemd, restart: [It does not greet.], pids: [%s], strays: [], sockets: []}
    __sendmail_mta_facts: {installation: {platform: debian}, services: {init: systemd}}
    __sendmail_mta_unwritten: false
  tasks:
    - ansible.builtin.include_tasks: %s/roles/sendmail_mta/tasks/restart.yml
"""


REPLACES = """
- hosts: localhost
  gather_facts: false
  vars:
    __sendmail_mta_plan: {stop: [{service: nonexistent}], restart: [No MTA runs.], address: 127.0.0.1 port 25, alternative: null, unmask: false}
    __sendmail_mta_manager: service
    __sendmail_mta_facts: {installation: {platform: upstream}}
    __sendmail_mta_alternatives: {}
    __sendmail_mta_alternative_groups: {}
  tasks:
    - ansible.builtin.include_tasks: service.yml
"""


GUARDED = """
- hosts: localhost
  gather_facts: false
  tasks:
    - block:
        - ansible.builtin.include_tasks: guard.yml
      %s
"""


def tasks_of(entries):
    for entry in entries:
        yield entry
        for part in ('block', 'rescue', 'always'):
            yield from tasks_of(entry.get(part, []))


# What holds back the start by the package.
POLICY = next(task['vars']['__sendmail_mta_policy_text'] for task in tasks_of(yaml.safe_load((ROOT / 'roles/sendmail_mta/tasks/packages.yml').read_text()))
              if 'vars' in task)


def play(tmp_path, text, *arguments):
    """What ansible-playbook says about the playbook C(text)."""
    (tmp_path / 'play.yml').write_text(text)
    done = plays.play(tmp_path, *plays.HERE, 'play.yml', *arguments, PATH=f'{tmp_path}:{os.environ["PATH"]}')
    return done.stdout + done.stderr


def test_a_handler_replaces_the_daemon_of_now(tmp_path):
    """What the role has ended itself is gone: its pid may be that of another process, and its socket is not going to be free."""
    (tmp_path / 'tasks').mkdir()
    (tmp_path / 'tasks/again.yml').symlink_to(ROOT / 'roles/sendmail_mta/tasks/again.yml')
    for name in ('look', 'configuration', 'restart'):
        (tmp_path / f'tasks/{name}.yml').write_text(yaml.safe_dump([{'ansible.builtin.debug': {'msg': 'ends {{ __sendmail_mta_todo }}'}}]))
    assert "ends {'pids': [171], 'strays': [], 'install': False}" in ' '.join(play(tmp_path, HANDLER % (tmp_path, ROOT)).split())


@pytest.mark.parametrize('watched', [True, False])
def test_a_handler_leaves_alone_what_a_supervisor_watches(tmp_path, watched):
    (tmp_path / 'tasks').mkdir()
    (tmp_path / 'tasks/guard.yml').write_text(yaml.safe_dump([{'ansible.builtin.fail': {'msg': 'goes on'}}]))
    said = play(tmp_path, WATCHED % (tmp_path, watched, ROOT))
    assert ('Restart it there' in said, 'goes on' in said) == (watched, not watched), said


def test_a_daemon_that_is_stopped_goes_on_before_its_service_is_restarted(tmp_path):
    (tmp_path / 'tasks').mkdir()
    for name in ('guard', 'failed'):
        (tmp_path / f'tasks/{name}.yml').write_text('[]')
    program = tmp_path / 'systemctl'
    with subprocess.Popen(['sleep', '600']) as frozen:
        try:
            os.kill(frozen.pid, signal.SIGSTOP)
            os.waitpid(frozen.pid, os.WUNTRACED)
            program.write_text(f'#!/bin/sh\ngrep State /proc/{frozen.pid}/status >>{tmp_path}/state\nexit 1\n')
            program.chmod(0o755)
            play(tmp_path, STOPPED % (tmp_path, frozen.pid, ROOT))
            assert 'stopped' not in (tmp_path / 'state').read_text()
        finally:
            frozen.kill()


def test_no_other_mta_is_stopped_for_a_start_that_is_refused(tmp_path):
    (tmp_path / 'service.yml').write_text((ROOT / 'roles/sendmail_mta/tasks/service.yml').read_text())
    (tmp_path / 'guard.yml').write_text(yaml.safe_dump([{'ansible.builtin.fail': {'msg': 'refused: {{ __sendmail_mta_guard_replaces }}'}}]))
    said = play(tmp_path, REPLACES)
    assert 'refused: True' in said, said
    assert 'Stop and disable' not in said


@pytest.mark.parametrize('keyword, arguments, refused', [('check_mode: true', [], True), ('check_mode: false', ['--check'], True),
                                                         ('any_errors_fatal: true', [], False), ('any_errors_fatal: true', ['--check'], False)])
def test_nothing_is_started_in_a_check_mode_of_which_a_role_knows_nothing(tmp_path, keyword, arguments, refused):
    """Ansible has ansible_check_mode of --check alone (load_options_vars() in utils/vars.py). In check mode dangers to mail are not asked for."""
    guard = yaml.safe_load((ROOT / 'roles/sendmail_mta/tasks/guard.yml').read_text())[:2]
    (tmp_path / 'guard.yml').write_text(yaml.safe_dump([*guard, {'ansible.builtin.debug': {'msg': 'goes on'}}]))
    said = play(tmp_path, GUARDED % keyword, *arguments)
    assert ('use --check instead' in said, 'goes on' in said) == (refused, not refused), said


def test_a_host_is_judged_when_the_packages_are_there(tmp_path):
    """What held before the installation does not hold behind it: neither the rest of the look nor what follows is left out then."""
    for name in ('install.yml', 'mailer.yml'):
        (tmp_path / name).write_text((ROOT / 'roles/sendmail_mta/tasks' / name).read_text())
    (tmp_path / 'packages.yml').write_text('[]')
    (tmp_path / 'look.yml').write_text(yaml.safe_dump([
        {'ansible.builtin.set_fact': {'looked': True}}, {'ansible.builtin.debug': {'msg': 'judged'}}]))
    said = play(tmp_path, INSTALLS)
    assert '"msg": "judged"' in said, said
    assert 'skipping' not in said.partition('local mailer again')[2].partition('TASK')[0]


@pytest.mark.parametrize('arguments, age, status', [
    ('sendmail start', 0, 101), ('--quiet sendmail restart 2', 0, 101), ('sendmail.service start', 0, 101), ('sendmail stop', 0, 0),
    # The package manager removes another MTA, which has to stop.
    ('postfix stop', 0, 0), ('cron start', 0, 0), ('opensendmail start', 0, 0), ('sendmail start', 61 * 60, 0)])
def test_the_package_alone_is_kept_from_starting_the_mta_and_not_for_ever(tmp_path, arguments, age, status):
    """invoke-rc.d(8), deb-systemd-invoke(1p): 101 is "action forbidden by policy". Debian's start of the MTA runs the client queue."""
    program = tmp_path / 'policy-rc.d'
    program.write_text(POLICY)
    program.chmod(0o755)
    os.utime(program, (time.time() - age,) * 2)
    assert subprocess.run([program, *arguments.split()], check=False).returncode == status


@pytest.mark.parametrize('changed, arguments, failed', [(False, [], True), (False, ['--check'], True), (True, [], True), (True, ['--check'], False)])
@pytest.mark.parametrize('role, text', [('sendmail_mta', INSTALLS), ('sendmail_msp', MSP_INSTALLS)])
def test_a_package_whose_files_are_gone_is_no_sendmail(tmp_path, role, text, changed, arguments, failed):
    """To the package manager it is installed, so there is nothing to do; and nothing else of the roles is done without a program."""
    file = (ROOT / f'roles/{role}/tasks/install.yml').read_text()
    for name, put in (('mailops.sendmail.sendmail_queue_facts:\n    queue: msp\n    level: summary', 'ansible.builtin.debug:'),
                      ("mailops.sendmail.option('bool')", 'bool'),
                      ('include_role:\n    name: mailops.sendmail.sendmail_mta\n    tasks_from: packages.yml', 'include_tasks: packages.yml')):
        file = file.replace(name, put)
    (tmp_path / 'install.yml').write_text(file)
    for name in ('packages', 'look', 'mailer'):
        (tmp_path / f'{name}.yml').write_text('[]')
    said = play(tmp_path, text.replace('{changed: true}', '{changed: %s}' % changed), *arguments)
    assert ('its program is not there' in said, 'failed=1' in said) == (failed, failed), said


CREATES = """
- hosts: all
  gather_facts: false
  vars:
    __sendmail_mta_facts: {installation: {program: /usr/sbin/sendmail}}
    __sendmail_mta_todo: {command: [-bd, -q1h]}
  tasks:
    - ansible.builtin.include_tasks: create.yml
"""
# What stands in a unit of another name, and whether it starts Sendmail's daemon.
UNITS = {
    'daemon': ('mailer.service', 'ExecStart=/usr/sbin/sendmail -L sm-mta -bd -q1h', True),
    'foreground': ('mailer.service', 'ExecStart=/opt/sendmail -bD', True), 'behind': ('mailer.service', 'ExecStartPost=/usr/sbin/sendmail -bd', True),
    'runner': ('mailer.service', 'ExecStart=/usr/sbin/sendmail -Ac -q30m', False), 'comment': ('mailer.service', '#ExecStart=/usr/sbin/sendmail -bd', False),
    'program': ('mailer.service', 'ExecStart=/usr/sbin/opensendmail -bd', False), 'old': ('mailer.service.dpkg-old', 'ExecStart=/usr/sbin/sendmail -bd', False)}


@pytest.mark.parametrize('arguments', [[], ['--check']])
def test_no_unit_is_written_beside_one_of_another_name(tmp_path, arguments):
    """Which does not run now. At the next boot both would start, for one port."""
    tasks = [task for task in yaml.safe_load((ROOT / 'roles/sendmail_mta/tasks/create.yml').read_text()) if 'ansible.builtin.systemd_service' not in task]
    # Each host has a place of its own for its units.
    text = re.sub(r'(?<![\w/])(?:/\w+)+/system\b', r'{{ playbook_dir }}/{{ inventory_hostname }}\g<0>', json.dumps(tasks))
    (tmp_path / 'create.yml').write_text(text)
    (tmp_path / 'sendmail.service.j2').symlink_to(ROOT / 'roles/sendmail_mta/templates/sendmail.service.j2')
    for host, (name, line, _refused) in UNITS.items():
        for place in ('etc/systemd/system', 'usr/lib/systemd/system'):
            (tmp_path / host / place).mkdir(parents=True)
        (tmp_path / host / 'usr/lib/systemd/system' / name).write_text(f'[Service]\n{line}\n')
    (tmp_path / 'play.yml').write_text(CREATES)
    done = plays.play(tmp_path, *plays.HERE[2:], '-i', ','.join(UNITS), 'play.yml', *arguments)
    for host, (_name, _line, refused) in UNITS.items():
        said = done.stdout.partition(f'fatal: [{host}]: FAILED! => ')[2].partition('\n')[0]
        assert (f'{tmp_path}/{host}/usr/lib/systemd/system/mailer.service starts' in said) is bool(said) is refused, done.stdout
        assert (tmp_path / host / 'etc/systemd/system/sendmail.service').exists() is (not refused and not arguments)


PACKAGES = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.include_tasks: packages.yml
      vars: {__sendmail_mta_wanted_platform: %s, __sendmail_mta_wanted_packages: [sendmail]}
"""


@pytest.mark.parametrize('there, age, platform, arguments, status, left', [
    (None, 0, 'debian', [], 101, None), (None, 0, 'debian', ['--check'], None, None), (None, 0, 'redhat', [], None, None),
    # Of a run that was killed, a moment and a day ago; and of the administrator, also where that is empty.
    (POLICY, 0, 'debian', [], 101, None), (POLICY, 86400, 'debian', [], 101, None), (POLICY, 86400, 'debian', ['--check'], 0, POLICY),
    ('#!/bin/sh\nexit 0\n', 0, 'debian', [], 0, '#!/bin/sh\nexit 0\n'), ('', 0, 'debian', [], 0, '')])
def test_a_policy_that_a_killed_run_has_left_is_no_policy_of_the_administrator(tmp_path, there, age, platform, arguments, status, left):
    """And it holds the start back again, however old it is."""
    program = tmp_path / 'policy-rc.d'
    if there is not None:
        program.write_text(there)
        program.chmod(0o755)
        os.utime(program, (time.time() - age,) * 2)
    text = yaml.safe_load((ROOT / 'roles/sendmail_mta/tasks/packages.yml').read_text().replace('/usr/sbin/policy-rc.d', str(program)))
    for task in tasks_of(text):
        if task.pop('ansible.builtin.apt', None) or task.pop('ansible.builtin.package', None):
            task['ansible.builtin.shell'] = f'[ ! -e {program} ] || sh {program} sendmail start; echo "status $?"'
            task['check_mode'] = False
    (tmp_path / 'packages.yml').write_text(yaml.safe_dump(text))
    said = play(tmp_path, PACKAGES % platform, *arguments, '-v')
    asked = said.partition('Install the packages')[2]
    assert f'status {status or 0}' in asked, said
    assert (program.read_text() if program.exists() else None) == left


# opendaemonsocket() and getrequests() in daemon.c (8.17.1.9) log the reason first, once for each try, and then these.
@pytest.mark.parametrize('lines, says', [
    (['NOQUEUE: SYSERR(root): opendaemonsocket: daemon MTA: cannot bind: Address already in use',
      'daemon MTA: problem creating SMTP socket', WEDGED], 'cannot bind: Address already in use'),
    ([WEDGED], 'socket wedged: exiting'),
    (['6ANF9o5V000220: to=bob, stat=Service unavailable'], 'The log says nothing about it'),
])
def test_the_reason_is_named_and_not_what_is_said_last(tmp_path, lines, says):
    (tmp_path / 'journalctl').write_text('#!/bin/sh\ncat %s/log\n' % tmp_path)
    (tmp_path / 'journalctl').chmod(0o755)
    (tmp_path / 'log').write_text('\n'.join([*lines, '']))
    said = play(tmp_path, FAILED % ROOT)
    assert says in ' '.join(said.partition('Fail with the reason')[2].split()), said


KILLS = [(path, task) for path in sorted((ROOT / 'roles').glob('*/tasks/*.yml')) for task in tasks_of(yaml.safe_load(path.read_text()))
         if 'kill' in str(task.get('ansible.builtin.command', {}).get('argv', ''))]


# FreeBSD has no /proc unless somebody mounts it (procfs(5)), and "removes" skips a task whose path is not there. OpenRC, Debian's script, and what a
# program is taken from /proc/PID/exe for, are of Linux alone.
@pytest.mark.parametrize('path, task', [(path, task) for path, task in KILLS if not re.search('OpenRC|Debian', task['name'])
                                        and path.parts[-3] != 'sendmail_remediate'],
                         ids=lambda value: value['name'] if isinstance(value, dict) else value.parts[-3])
@pytest.mark.parametrize('platform, needed', [('freebsd', '/'), ('debian', '/proc/7')])
def test_a_process_is_ended_where_there_is_no_proc(path, task, platform, needed):
    facts = {'installation': {'platform': platform}, 'services': {'init': 'rc' if platform == 'freebsd' else 'systemd'}}
    item = {'loop': 7, 'product': [7, '-TERM'], 'kind': {'pid': 7}}['product' if 'product' in task['loop'] else 'kind' if 'kind' in task['loop'] else 'loop']
    template = jinja2.Environment(autoescape=True).from_string(task['ansible.builtin.command']['removes'])
    assert template.render(item=item, __sendmail_mta_facts=facts, __sendmail_queue_runner_facts=facts) == needed


def test_every_task_that_ends_a_process_is_looked_at():
    assert len(KILLS) >= 6


@pytest.mark.parametrize('role, name', [('sendmail_mta', '__sendmail_mta_record'), ('sendmail_remediate', '__sendmail_remediate_mark')])
def test_what_lasts_until_the_next_boot_has_a_place_on_every_platform(role, name):
    """FreeBSD has /var/run (hier(7)) and no /run; on Linux the first is a link to the second. A file that cannot be written would fail a role that is done."""
    assert yaml.safe_load((ROOT / f'roles/{role}/vars/main.yml').read_text())[name].startswith('/var/run/mailops-sendmail-')
