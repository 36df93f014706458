# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: failure_reason
short_description: Say in one sentence why a task failed
version_added: 1.0.0
description:
  - Takes the result of a task that failed. A sentence of a filter is returned without what Ansible puts around it.
  - Of a command that failed it is what the command said last, and of a loop what the first item that failed says.
  - Where nothing came back from the module, Ansible says no more than that. What the host said instead, such as a refusal of C(su) or C(sudo), is returned.
positional: _input
options:
  _input:
    description: The result, C(ansible_failed_result) in a rescue for example.
    type: dict
    required: true
author:
  - The mailops.sendmail contributors (@mailops)
seealso:
  - plugin: mailops.sendmail.remediation_report
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Diagnose
  block:
    - name: Diagnose why mail stays
      mailops.sendmail.sendmail_diagnosis_info:
  rescue:
    - name: Say why that failed
      ansible.builtin.debug:
        msg: "{{ ansible_failed_result | mailops.sendmail.failure_reason }}"
"""

RETURN = r"""
_value:
  description: The reason, on one line; empty where the result names none.
  type: str
"""

import re


def _printable(text):
    return ''.join(char if char.isprintable() else '?' for char in text)


def _command(result):
    """What a command said for which its module knows no more than its status."""
    said = [line for stream in ('stdout', 'stderr') for line in str(result.get(stream) or '').splitlines() if line.strip()]
    command = result.get('cmd') or ''
    return '%s (%s)' % (_printable(said[-1].strip()[:300]) if said else 'It ended with status %s and said nothing' % result.get('rc'),
                        _printable(' '.join((' '.join(map(str, command)) if isinstance(command, list) else str(command)).split())[:100]))


def failure_reason(result):
    """See DOCUMENTATION. A pure function."""
    # With these the answer of the module could not be read. Whoever spoke in its place spoke last.
    for stream in ('module_stderr', 'module_stdout'):
        lines = [line.strip() for line in str(result.get(stream) or '').splitlines() if line.strip()]
        if lines and not lines[-1].startswith(('{', '}')):
            return f'The module could not be run. The host said: {_printable(lines[-1][:300])}'
    failed = [one for one in result.get('results') or () if isinstance(one, dict) and one.get('failed')]
    if failed:
        return failure_reason(failed[0])
    if 'non-zero return code' in str(result.get('msg')):
        return _command(result)
    return re.sub(r"^(?:.*The filter plugin '[^']+' failed: |(?:Task failed: )?Module failed: )", '', ' '.join(str(result.get('msg') or '').split()))


class FilterModule:
    """What the playbooks say of a host that failed."""

    def filters(self):
        return {'failure_reason': failure_reason}
