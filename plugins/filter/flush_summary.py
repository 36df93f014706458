# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: flush_summary
short_description: Say of many hosts what became of their mail
version_added: 1.0.0
description:
  - Makes the text that the playbook C(flush_queues) prints.
  - Text that comes from hosts is shown as one printable line.
positional: _input
options:
  _input:
    description:
      - For each host C(result), the counts that M(mailops.sendmail.sendmail_queue) returned, and C(message), why it could not be run.
      - An empty dictionary for a host that was not reached.
    type: dict
    required: true
  check:
    description: Whether nothing was run because of check mode. The table says then what would be tried.
    type: bool
    default: false
author:
  - The mailops.sendmail contributors (@mailops)
seealso:
  - plugin: mailops.sendmail.remediation_summary
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show it
  ansible.builtin.debug:
    msg: "{{ ({'web1': {'result': {'selected': 4, 'relayed': 4}}} | mailops.sendmail.flush_summary).splitlines() }}"
"""

RETURN = r"""
_value:
  description: The text.
  type: str
"""

import textwrap

from ansible_collections.mailops.sendmail.plugins.filter.option import option

_RUN = ('selected', 'relayed', 'bounced', 'remaining', 'untried')
_RARE = ('quarantined', 'lost', 'taken')      # have a column where a host has any, so that each line adds up
_CHECK = ('selected', 'would_try')


def _safe(value):
    # A callback that shows JSON would show each double quote with a backslash.
    return ''.join(char if char.isprintable() else '?' for char in str(value)).replace('"', "'")


def flush_summary(outcomes, check=False):
    """The text about all hosts, those that could not be run last and with their reason."""
    keys = _CHECK if option(check, 'bool') else \
        _RUN + tuple(key for key in _RARE if any((outcome.get('result') or {}).get(key) for outcome in outcomes.values()))
    title = 'Flush (check mode, nothing was run)' if keys is _CHECK else 'Flush'
    hosts = sorted(outcomes, key=lambda host: (bool(outcomes[host].get('message', 'it was not reached')), str(host)))
    width = max([len(_safe(host)) for host in hosts if len(_safe(host)) <= 40] + [len(f'{len(hosts)} of {len(hosts)} hosts') if len(hosts) > 1 else 4])
    lines = [title, '=' * len(title), '', '  '.join(['HOST'.ljust(width), *(key.replace('_', ' ').upper().rjust(max(9, len(key))) for key in keys)])]
    totals = dict.fromkeys(keys, 0)
    for host in hosts:
        name, result = _safe(host), outcomes[host].get('result') or {}
        if len(name) > 40:
            lines.append(name)
            name = ''
        lines.append('  '.join([name.ljust(width), *(str(result.get(key, '?')).rjust(max(9, len(key))) for key in keys)]))
        for key in keys:
            totals[key] += int(result.get(key, 0))
        message = outcomes[host].get('message', 'it was not reached')
        if message:
            lines += textwrap.wrap(_safe(message)[:600], 96, initial_indent='    ', subsequent_indent='    ')
    if len(hosts) > 1:
        # What is not known of a host is no 0 in a total.
        known = sum(1 for host in hosts if outcomes[host].get('result'))
        count = f'{len(hosts)} hosts' if known == len(hosts) else f'{known} of {len(hosts)} hosts'
        lines.append('  '.join([count.ljust(width), *((str(totals[key]) if known else '?').rjust(max(9, len(key))) for key in keys)]))
    return '\n'.join(lines) + '\n'


class FilterModule:
    """What the playbook flush_queues prints."""

    def filters(self):
        return {'flush_summary': flush_summary}
