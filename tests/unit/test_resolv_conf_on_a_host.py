# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role sendmail_remediate does to resolv.conf of a host, with another file in its place."""

from __future__ import annotations

import os
import subprocess

import pytest

from ansible_collections.mailops.sendmail.tests.unit.plays import HERE, ROOT, attributes, play

pytest.importorskip('ansible.cli')

PLAY = """
- hosts: localhost
  gather_facts: false
  vars:
    __sendmail_remediate_resolver_written: unknown
    __sendmail_remediate_servers: [192.0.2.53]
    __sendmail_remediate_resolv_wanted: "{{ __sendmail_remediate_resolv_conf.content | b64decode | mailops.sendmail.resolv_conf(['192.0.2.53']) }}"
  tasks:
    - ansible.builtin.include_tasks: resolvers.yml
"""
OLD, NEW = 'nameserver 198.51.100.1\n', 'nameserver 192.0.2.53\n'


@pytest.mark.parametrize('text, attribute, arguments, said', [
    *((OLD, one, arguments, 'cannot be written') for one in 'ia' for arguments in (['--check'], [])), (OLD, '', [], ''),
    (NEW, 'i', [], ''), (NEW, 'a', [], '')])
def test_a_file_that_somebody_keeps_as_it_is(tmp_path, text, attribute, arguments, said):
    (tmp_path / 'play.yml').write_text(PLAY)
    (tmp_path / 'etc').mkdir()
    file = tmp_path / 'etc/resolv.conf'
    (tmp_path / 'resolvers.yml').write_text((ROOT / 'roles/sendmail_remediate/tasks/resolvers.yml').read_text().replace('/etc/resolv.conf', str(file)))
    file.write_text(text)
    if attribute and (os.geteuid() or subprocess.run(['chattr', f'+{attribute}', str(file)], capture_output=True, check=False).returncode):
        pytest.skip('no file can be made immutable here')
    try:
        done = play(tmp_path, *HERE, 'play.yml', *arguments, PATH=attributes(tmp_path))
    finally:
        if attribute:
            subprocess.run(['chattr', '-ia', str(file)], check=True)
    assert (done.returncode, said in ' '.join(done.stdout.split())) == (2 if said else 0, True), done.stdout + done.stderr
    assert file.read_text() == (text if said else NEW)
    assert len(list(file.parent.iterdir())) == (2 if text == OLD and not said else 1)     # the copy of the old one
