# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: foreign_runners
short_description: Name the processes that work in the client queue and lose its mail
version_added: 1.0.0
description:
  - A queue runner that works in the directories of the client queue as another user than that of the mail submission program takes the control files
    for forged ones, and renames them to C(Qf) (readqf() in queue.c). Some mail suites start one, as C(sendmail -Am -q1m -OQueueDirectory=...).
  - As long as such a process is there, lost messages that are returned to the queue are lost again.
positional: _input
options:
  _input:
    description: The fact C(sendmail_queue) that M(mailops.sendmail.sendmail_queue_facts) returns.
    type: dict
    required: true
author:
  - The mailops.sendmail contributors (@mailops)
seealso:
  - plugin: mailops.sendmail.queue_runner_plan
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Look at Sendmail
  mailops.sendmail.sendmail_queue_facts:
    level: summary

- name: Say who works in the client queue
  ansible.builtin.debug:
    msg: "{{ ansible_facts['sendmail_queue'] | mailops.sendmail.foreign_runners }}"
"""

RETURN = r"""
_value:
  description: The processes, each with C(pid), C(user), C(unit) (of systemd, or V(none)), and C(text), a sentence.
  type: list
  elements: dict
"""

import re

# sm_setproctitle() in queue.c: "Queue runner@HH:MM:SS for DIRECTORY" and "running queue: DIRECTORY".
_WHERE = re.compile(r'(?:Queue runner@\S+ for|running queue:) (\S+)')
_OWN_UNITS = ('sendmail.service', 'sm-client.service', 'sendmail-client-queue.service', 'sendmail-client.service')


def _inside(path, directories):
    return any(path.rstrip('/') == one or path.startswith(one + '/') for one in directories)


def foreign_runners(look):
    """See DOCUMENTATION. A pure function."""
    directories = [one['path'].rstrip('/') for one in (look.get('queues') or {}).get('msp', {}).get('directories', [])]
    user = (look['installation'].get('msp_user') or {}).get('name')
    found = []
    for process in look['mta']['processes']:
        where = _WHERE.search(process.get('title') or '')
        if process['role'] not in ('queue_runner', 'queue_run') or process['user'] == user or not where or not _inside(where.group(1), directories):
            continue
        unit = process.get('unit') if process.get('unit') not in _OWN_UNITS else None
        text = ('Process %s (%s) runs the client queue as %s, which treats its mail as forged and loses it.%s'
                % (process['pid'], process['title'], process['user'], ' Its unit is %s.' % unit if unit else ''))
        found.append({'pid': process['pid'], 'user': process['user'], 'unit': unit, 'text': text})
    return found


class FilterModule:
    """Filters of the role sendmail_remediate."""

    def filters(self):
        return {'foreign_runners': foreign_runners}
