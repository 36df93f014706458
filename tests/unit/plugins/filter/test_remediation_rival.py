# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
import os
import subprocess

import pytest
from ansible_collections.mailops.sendmail.plugins.filter import remediation_rival as plugin

NODE = os.uname().nodename


def mark(target):
    return {'exists': True, 'lnk_target': target, 'path': '/var/run/mailops-sendmail-remediate'}


def test_nobody():
    assert plugin.remediation_rival({'exists': False})['rival'] == ''


def test_its_own_mark_is_no_rival():
    mine = plugin.remediation_rival({'exists': False})['mine']
    assert mine == f'{NODE}:{os.getppid()}:{plugin._began(os.getppid())}'
    assert plugin.remediation_rival(mark(mine))['rival'] == ''


def test_a_run_on_this_controller_counts_until_it_ends():
    """Killed, it leaves its mark; the next run begins at once."""
    # It ends when its input does, whatever this test finds.
    with subprocess.Popen(['cat'], stdin=subprocess.PIPE) as other:
        target = f'{NODE}:{other.pid}:{plugin._began(other.pid)}'
        assert f'(process {other.pid})' in plugin.remediation_rival(mark(target), young=False)['rival']
        # The same number, given to another process since.
        assert plugin.remediation_rival(mark(f'{NODE}:{other.pid}:1'))['rival'] == ''
    assert plugin.remediation_rival(mark(target))['rival'] == ''


@pytest.mark.parametrize('target', ['elsewhere:17:4', f'{NODE}:17:', '', 'nonsense'])
def test_of_whom_nobody_can_tell_the_mark_counts_for_two_hours(target):
    assert 'Another remediation works on this host' in plugin.remediation_rival(mark(target))['rival']
    assert plugin.remediation_rival(mark(target), young=False)['rival'] == ''
