# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: remediation_rival
short_description: Say whether another remediation works on a host
version_added: 1.0.0
description:
  - The role P(mailops.sendmail.sendmail_remediate#role) marks the host that it works on with a symbolic link in C(/var/run). It names the controller
    and the process of C(ansible-playbook) there. This filter reads the mark.
  - The mark of a run on the same controller counts as long as that process is there, so that an interrupted remediation can be begun again at once. Of
    another controller nobody can tell, and its mark counts for two hours.
positional: _input
options:
  _input:
    description: What C(ansible.builtin.stat) returned of the mark, without following it.
    type: dict
    required: true
  young:
    description: Whether the mark was set in the last two hours, by the clock of the host.
    type: bool
    default: true
author:
  - The mailops.sendmail contributors (@mailops)
seealso:
  - plugin: mailops.sendmail.remediation_plan
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Look at the mark
  ansible.builtin.stat:
    path: /var/run/mailops-sendmail-remediate
  register: mark

- name: Say who works on this host
  ansible.builtin.debug:
    msg: "{{ (mark.stat | mailops.sendmail.remediation_rival).rival or 'nobody' }}"
"""

RETURN = r"""
_value:
  description:
    - C(rival) is a sentence where another remediation works on the host, and empty otherwise. C(mine) is what the mark of this run says.
  type: dict
  sample: {"rival": "", "mine": "controller.example.test:4711:8133274"}
"""

import os


def _began(pid):
    """When a process of this controller began, in whatever unit the kernel counts; '' where there is none, or no /proc to tell."""
    try:
        with open(f'/proc/{int(pid)}/stat', encoding='utf-8', errors='replace') as stream:
            return stream.read().rpartition(')')[2].split()[19]
    except (OSError, ValueError, IndexError):
        return ''


def remediation_rival(mark, young=True):
    """See DOCUMENTATION."""
    node, pid = os.uname().nodename, os.getppid()   # filters are evaluated in a worker of ansible-playbook
    mine = f'{node}:{pid}:{_began(pid)}'
    where, _colon, rest = str(mark.get('lnk_target') or '').partition(':')
    number, _colon, began = rest.partition(':')
    if not mark.get('exists') or (where, rest) == (node, f'{pid}:{_began(pid)}'):
        alive = False
    elif where == node and began:
        alive = _began(number) == began
    else:
        alive = young
    return {'mine': mine, 'rival': (
        f'Another remediation works on this host, started on {where or "an unknown controller"} (process {number or "unknown"}). Wait for it. '
        f'If it is known to have ended, remove {mark.get("path") or "its mark"}.') if alive else ''}


class FilterModule:
    def filters(self):
        return {'remediation_rival': remediation_rival}
