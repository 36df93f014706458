# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which accounts the role sendmail_msp would make, and what it would build submit.cf from. In check mode, on a host whose getent(1) is ours, or that has none
(musl without its utilities)."""

from __future__ import annotations

import os

import pytest
import yaml

from ansible_collections.mailops.sendmail.tests.unit import plays

pytest.importorskip('ansible.cli')

ROLE = plays.ROOT / 'roles/sendmail_msp'
VARIABLES = yaml.safe_load((ROLE / 'vars/main.yml').read_text())


def play(tmp_path, tasks, variables):
    """The process that has ended."""
    (tmp_path / 'play.yml').write_text(yaml.safe_dump([{'hosts': 'alias', 'gather_facts': False, 'tasks': tasks, 'vars': variables}]))
    return plays.play(tmp_path, *plays.HERE, '-i', 'alias,', 'play.yml', '--check')


# etc/sendmail/Makefile of FreeBSD: SENDMAIL_SUBMIT_MC != hostname, and then ${SENDMAIL_SUBMIT_MC}.submit.mc.
@pytest.mark.parametrize('platform, source', [('freebsd', '/etc/mail/mx.example.org.submit.mc'), ('debian', '/etc/mail/submit.mc')])
def test_the_source_is_that_of_the_host_and_not_of_its_name_in_the_inventory(tmp_path, platform, source):
    (tmp_path / 'hostname').write_text('#!/bin/sh\necho mx.example.org\n')
    (tmp_path / 'hostname').chmod(0o755)
    tasks = yaml.safe_load((ROLE / 'tasks/rebuild.yml').read_text())[:4]
    tasks = [task for task in tasks if not {'ansible.builtin.debug', 'ansible.builtin.include_role'} & set(task)]
    tasks = [dict(task, environment={'PATH': f'{tmp_path}:{os.environ["PATH"]}'}) for task in tasks]
    names = ('__sendmail_msp_sources', '__sendmail_msp_source')
    done = play(tmp_path, tasks, dict({name: VARIABLES[name] for name in names}, __sendmail_msp_facts={
        'platform': platform, 'submit_cf': {'path': str(tmp_path / 'submit.cf')}}))
    assert f'(item={source})' in done.stdout, done.stdout + done.stderr


# getent(1) ends with 2 where one or more of the keys are not known, and a program that is not found with ENOENT, which is 2 as well (errno.h).
# Where programs do not get the line of a group ("group:" in nsswitch.conf), groupadd gives that group a new number (Debian 13: 102 became 101, smmta's).
@pytest.mark.parametrize('getent, line, makes, code', [
    ('echo smmsp:x:25:25::/var/spool/mqueue:/sbin/nologin', 'smmsp:x:25:', 0, 0), ('exit 2', '', 2, 0), ('exit 2', 'smmsp:x:25:', 0, 2),
    ('exit 1', '', 0, 2), (None, '', 0, 2)])
def test_only_accounts_that_are_known_to_be_missing_are_made(tmp_path, getent, line, makes, code):
    programs = tmp_path / 'programs'
    programs.mkdir()
    (programs / 'sh').symlink_to('/bin/sh')
    if getent:
        (programs / 'getent').write_text(f'#!/bin/sh\n{getent}\n')
        (programs / 'getent').chmod(0o755)
    (programs / 'grep').write_text(f'#!/bin/sh\n[ -n "{line}" ] && [ "$*" = "-E ^(smmsp): /etc/group" ] && echo {line}\n')
    (programs / 'grep').chmod(0o755)
    tasks = yaml.safe_load((ROLE / 'tasks/configure.yml').read_text())
    tasks = [dict(task, environment={'PATH': str(programs)} if 'ansible.builtin.command' in task else {}) for task in tasks if 'account' in task['name']
             or 'missing' in task['name']]
    for task in tasks:     # the machine that runs the test has accounts of its own
        for kind in ('group', 'user'):
            if 'ansible.builtin.' + kind in task:
                task['ansible.builtin.debug'] = {'msg': 'makes the %s {{ item.user }}' % kind}
                del task['ansible.builtin.' + kind]
    assert len(tasks) == 5
    variables = {name: VARIABLES[name] for name in ('__sendmail_msp_accounts', '__sendmail_msp_names', '__sendmail_msp_missing', '__sendmail_msp_lines')}
    done = play(tmp_path, tasks, dict(variables, __sendmail_msp_facts={'platform': 'redhat'}))
    assert (done.returncode, done.stdout.count('"msg": "makes the')) == (code, makes), done.stdout + done.stderr
    assert ('get these lines of /etc/group and /etc/passwd: smmsp:x:25:. See' in done.stdout + done.stderr) == (getent == 'exit 2' and bool(line))
