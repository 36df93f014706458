# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible on the machine that runs the tests, with this checkout as the collection and without the settings of whoever runs them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The arguments for a play on the host "localhost".
HERE = ('-i', 'localhost,', '-c', 'local', '-e', f'ansible_python_interpreter={sys.executable}')


def environment(place, **more):
    """The variables with which Ansible keeps everything in C(place), a pathlib.Path, where it finds the collection too."""
    collection = place / 'ansible_collections/mailops/sendmail'
    if not collection.exists():
        collection.parent.mkdir(parents=True)
        collection.symlink_to(ROOT)
    found = {**os.environ, 'HOME': str(place), 'ANSIBLE_COLLECTIONS_PATH': str(place), 'ANSIBLE_LOCAL_TEMP': str(place / 'tmp'), 'ANSIBLE_NOCOLOR': '1',
             'ANSIBLE_REMOTE_TEMP': str(place / 'remote'), 'ANSIBLE_STDOUT_CALLBACK': 'default', **more}
    found.pop('ANSIBLE_CONFIG', None)
    return found


def play(place, *arguments, **more):
    """ansible-playbook in C(place), with C(more) in its environment: the process that has ended."""
    return subprocess.run([sys.executable, '-m', 'ansible.cli.playbook', *arguments], env=environment(place, **more), cwd=place, capture_output=True, text=True,
                          timeout=300, check=False)


def attributes(directory):
    """A PATH with an lsattr that tells them on a tmpfs too: Ansible asks for a version number beside them, which that has not."""
    program = directory / 'lsattr'
    program.write_text(f'#!/bin/sh\nprintf "1 " && exec {shutil.which("lsattr")} -d "$2"\n')
    program.chmod(0o755)
    return f'{directory}:{os.environ["PATH"]}'
