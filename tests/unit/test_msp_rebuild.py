# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role sendmail_msp says where it can build no submit.cf: which file is wrong, and how. The old submit.cf stays."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from ansible_collections.mailops.sendmail.tests.unit.plays import HERE, attributes, play

pytest.importorskip('ansible.cli')

ROLE = Path(__file__).resolve().parents[2] / 'roles/sendmail_msp'
PLAY = """
- hosts: localhost
  gather_facts: false
  vars_files: [%(role)s/vars/main.yml]
  vars:
    sendmail_msp_probe: ''
    sendmail_msp_probe_recipient: postmaster
    __sendmail_msp_look: {ansible_facts: {sendmail_queue: {installation: {
      platform: upstream, program: %(place)s/sendmail, submit_cf: {path: %(place)s/submit.cf, exists: false, problems: []}}}}}
    __sendmail_msp_trial: {rc: 0, stdout_lines: [], stderr_lines: []}
  tasks:
    - ansible.builtin.include_tasks: %(role)s/tasks/rebuild.yml
      vars:
        __sendmail_msp_sources: {upstream: [%(place)s/submit.mc]}
"""


# What GNU m4 says of a FEATURE that there is not, and Sendmail of a line that it does not know (readcf.c), with the status EX_CONFIG.
@pytest.mark.parametrize('m4, sendmail, says', [
    ('echo "m4:submit.mc:1: cannot open \\`nosuch.m4\': No such file or directory" >&2; exit 1', 'exit 0',
     "m4 cannot build submit.cf from {place}/submit.mc: m4:submit.mc:1: cannot open `nosuch.m4': No such file or directory"),
    # What a shell says of a program that there is not.
    ('exit 2', 'exit 0', 'submit.cf cannot be built, because m4 cannot be run on this host. Install it, and run this again.'),
    ('echo "sh: 1: exec: m4: not found" >&2; exit 127', 'exit 0', 'm4 cannot be run on this host. Install it, and run this again.'),
    ('echo xyzzy', 'echo "$3: line 1: unknown configuration line \\"xyzzy\\""; exit 78', 'line 1: unknown configuration line "xyzzy"'),
    ('exit 0', 'exit 0', ''),
])
def test_what_is_wrong_with_the_source_is_said(tmp_path, m4, sendmail, says):
    for name, script in (('m4', m4), ('sendmail', sendmail)):
        (tmp_path / name).write_text(f'#!/bin/sh\n{script}\n')
        (tmp_path / name).chmod(0o755)
    (tmp_path / 'submit.mc').write_text("FEATURE(`msp')\n")
    (tmp_path / 'play.yml').write_text(PLAY % {'role': ROLE, 'place': tmp_path})
    done = play(tmp_path, *HERE, 'play.yml', PATH=f'{tmp_path}:{os.environ["PATH"]}')
    said = ' '.join(done.stdout.replace('\\"', '"').split())
    assert done.returncode == (2 if says else 0), done.stdout + done.stderr
    assert says.format(place=tmp_path) in said.partition('"msg": ')[2], done.stdout
    assert ('it, and run this again.' in said) is bool(says)
    assert (tmp_path / 'submit.cf').exists() is (says == '')
    # Every user's mail submission program reads it.
    assert says or (tmp_path / 'submit.cf').stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize('arguments', [('--check',), ()])
def test_a_source_in_latin_1_is_built_and_quoted(tmp_path, arguments):
    """m4 hands on what stands behind "#"."""
    for name, script in (('m4', 'printf "# by J\\366rg\\n\\n"'), ('sendmail', 'exit 0')):
        (tmp_path / name).write_text(f'#!/bin/sh\n{script}\n')
        (tmp_path / name).chmod(0o755)
    (tmp_path / 'submit.mc').write_bytes(b"dnl by J\xf6rg\n\nFEATURE(`msp')\n")
    (tmp_path / 'play.yml').write_text(PLAY % {'role': ROLE, 'place': tmp_path})
    done = play(tmp_path, *HERE, *arguments, 'play.yml', PATH=f'{tmp_path}:{os.environ["PATH"]}')
    assert (done.returncode, 'changed=1' in done.stdout) == (0, True), done.stdout
    assert arguments or (tmp_path / 'submit.cf').read_bytes() == (
        b"# by J\xf6rg\n### %s ###\n# dnl by J\xf6rg\n# \n# FEATURE(`msp')\n" % os.fsencode(str(tmp_path / 'submit.mc')))


@pytest.mark.parametrize('attribute, arguments', [('i', ('--check',)), ('i', ()), ('a', ('--check',)), ('a', ()), ('', ())])
def test_a_submit_cf_that_may_not_be_replaced_is_named_before(tmp_path, attribute, arguments):
    """An administrator who wants it to stay as it is makes it immutable or append-only."""
    for name, script in (('m4', 'echo good'), ('sendmail', 'exit 0')):
        (tmp_path / name).write_text(f'#!/bin/sh\n{script}\n')
        (tmp_path / name).chmod(0o755)
    (tmp_path / 'submit.mc').write_text("FEATURE(`msp')\n")
    (tmp_path / 'submit.cf').write_text('bad\n')
    (tmp_path / 'play.yml').write_text((PLAY % {'role': ROLE, 'place': tmp_path}).replace('exists: false', 'exists: true'))
    file = tmp_path / 'submit.cf'
    if attribute and (os.geteuid() or subprocess.run(['chattr', f'+{attribute}', str(file)], capture_output=True, check=False).returncode):
        pytest.skip('only root, on a file system that has the attribute')
    try:
        done = play(tmp_path, *HERE, *arguments, 'play.yml', PATH=attributes(tmp_path))
    finally:
        if attribute:
            subprocess.run(['chattr', '-ia', str(file)], check=True)
    assert (done.returncode, f'{file} cannot be written: the file system is read-only, or the file is immutable or append-only' in done.stdout) == (
        (2, True) if attribute else (0, False)), done.stdout
    assert file.read_text().startswith('bad' if attribute else 'good')
