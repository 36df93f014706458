# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: targets
short_description: Insist that a play has hosts
version_added: 1.0.0
description:
  - Returns the hosts that a pattern matches, and fails where there are none. A play without hosts ends with status 0 otherwise, as if all were well.
positional: _input, pattern, limited
options:
  _input:
    description: The hosts that the pattern matches, as the lookup C(ansible.builtin.inventory_hostnames) returns them.
    type: list
    elements: str
    required: true
  pattern:
    description: The pattern, for the message.
    type: str
    required: true
  limited:
    description: The hosts that C(--limit) leaves.
    type: list
    elements: str
    required: true
author:
  - The mailops.sendmail contributors (@mailops)
"""

EXAMPLES = r"""
- name: Do it on all hosts that are meant
  hosts: "{{ query('ansible.builtin.inventory_hostnames', target) | mailops.sendmail.targets(target, groups['all']) }}"
  tasks: []
"""

RETURN = r"""
_value:
  description: The hosts, in the order of the inventory.
  type: list
  elements: str
"""

from ansible import context
from ansible.errors import AnsibleFilterError


def targets(hosts, pattern, limited):
    """See DOCUMENTATION. Raises AnsibleFilterError where no host is left."""
    found = [str(host) for host in hosts if host in limited]
    # To Ansible an empty pattern is every host: what a shell makes of -e target=$GROUP without a GROUP, and AWX of a question nobody answered.
    if not str(pattern).strip(' ,:'):
        raise AnsibleFilterError('target: %r names no host, so nothing was done. Name hosts or groups, or write all.' % str(pattern))
    # A syntax check has no inventory.
    if not found and not context.CLIARGS.get('syntax'):
        raise AnsibleFilterError('No host of the inventory matches the target %r%s, so nothing was done. Check the name and the inventory (-i).'
                                 % (str(pattern), ' within --limit' if hosts else ''))
    return found


class FilterModule:
    """How the playbooks find their hosts."""

    def filters(self):
        return {'targets': targets}
