# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: compliance_report
short_description: Make one report of the compliance of a fleet
version_added: 1.0.0
description:
  - Takes what M(mailops.sendmail.sendmail_compliance_info) returned for each host, and what the host was intended for is counted even when it did not answer.
  - A host that was not reached is V(unknown), one on which the check failed is V(error). Neither is ever left out.
  - The JSON is versioned; its schema is C(docs/schemas/compliance-report-1.json) in the collection. All other formats are made from it.
  - Texts from hosts and from messages are escaped as each format needs it.
positional: _input, format
options:
  _input:
    description: The registered results by name of the host, with nothing or an empty dictionary for a host without one; or a report made before.
    type: dict
    required: true
  format:
    description:
      - V(report) is the report as a dictionary, all others are text.
      - V(prometheus) is for the textfile collector of node_exporter, V(html) one page that needs nothing beside it.
      - V(gate) is a list of sentences that say why O(fail_on) is not met.
    type: str
    choices: [report, json, junit, csv, markdown, prometheus, html, gate]
    default: report
  fail_on:
    description: The least severity that V(gate) minds.
    type: str
    choices: [none, low, medium, high, critical]
    default: none
author:
  - The mailops.sendmail contributors (@mailops)
seealso:
  - module: mailops.sendmail.sendmail_compliance_info
  - plugin: mailops.sendmail.sendmail_compliance
    plugin_type: role
"""

EXAMPLES = r"""
- name: Check every host
  mailops.sendmail.sendmail_compliance_info:
  register: compliance
  ignore_unreachable: true
  ignore_errors: true

- name: Write the page
  ansible.builtin.copy:
    content: "{{ results | mailops.sendmail.compliance_report('html') }}"
    dest: /tmp/compliance.html
    mode: "0644"
  vars:
    results: "{{ dict(ansible_play_hosts_all | zip(ansible_play_hosts_all | map('extract', hostvars) | map(attribute='compliance', default={}))) }}"
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
_value:
  description: The report, as O(format) says.
  type: raw
"""

import json

from ansible.errors import AnsibleFilterError
from ansible.utils.unsafe_proxy import wrap_var


def compliance_report(results, format='report', fail_on='none'):  # noqa: A002 - the word that users type
    # Not at the top: Ansible loads all filters of a collection to find one, in each of its workers.
    from ansible_collections.mailops.sendmail.plugins.plugin_utils import _compliance_report
    if format not in ('report', 'gate', *_compliance_report.FORMATS):
        raise AnsibleFilterError(f'compliance_report: {format!r} is no format. There are: report, gate, {", ".join(_compliance_report.FORMATS)}.')
    if fail_on not in ('none', *_compliance_report.SEVERITIES):
        raise AnsibleFilterError(f'compliance_report: {fail_on!r} is no severity. There are: none, {", ".join(_compliance_report.SEVERITIES)}.')
    if not hasattr(results, 'items'):
        raise AnsibleFilterError('compliance_report: the input has to be a dictionary of results by host.')
    made = results
    if results.get('format') != _compliance_report.FORMAT:
        # To plain types: what Ansible hands in is lazy, and looks at templates in it once more when it is copied.
        wanted = ('controls', 'host', 'unreachable', 'failed', 'msg')
        made = _compliance_report.report({
            str(name): json.loads(json.dumps({key: result[key] for key in wanted if key in result}, default=str)) if hasattr(result, 'items') else {}
            for name, result in results.items()})
    if format == 'gate':
        return wrap_var(_compliance_report.gate(made, fail_on))
    return wrap_var(made if format == 'report' else _compliance_report.FORMATS[format](made))


class FilterModule:
    def filters(self):
        return {'compliance_report': compliance_report}
