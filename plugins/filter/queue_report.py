# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: queue_report
short_description: Write what was found and done on many hosts for programs
version_added: 1.0.0
description:
  - Makes the file that the playbooks C(survey_queues) and C(remediate_queues) write where their variable C(survey_queues_reports) or
    C(remediate_queues_reports) names the format.
  - Its schema is C(docs/schemas/queue-report-1.json). A change that could break a program that reads it gets another version.
positional: _input, format
options:
  _input:
    description: The reports by host, as P(mailops.sendmail.remediation_summary#filter) takes them.
    type: dict
    required: true
  format:
    description: The format.
    type: str
    choices: [json]
    default: json
  playbook:
    description: The playbook that it comes from.
    type: str
    required: true
  check:
    description: Whether it was check mode.
    type: bool
    default: false
author:
  - The mailops.sendmail contributors (@mailops)
seealso:
  - plugin: mailops.sendmail.remediation_summary
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Keep what was found
  ansible.builtin.copy:
    content: "{{ {'web1': diagnosis | mailops.sendmail.remediation_report} | mailops.sendmail.queue_report(playbook='survey_queues') }}"
    dest: /var/tmp/report.json
    mode: "0644"
"""

RETURN = r"""
_value:
  description: The text of the file.
  type: str
"""

import json
from datetime import datetime, timezone

from ansible.utils.unsafe_proxy import wrap_var
from ansible_collections.mailops.sendmail.plugins.filter.option import option
from ansible_collections.mailops.sendmail.plugins.filter.remediation_summary import STATES, state_of

FORMAT = 'mailops.sendmail.queue-report'
VERSION = 1


def queue_report(outcomes, format='json', *, playbook, check=False):  # noqa: A002 - the word that users type
    """See DOCUMENTATION. Raises AnsibleFilterError for a format that there is not."""
    from ansible_collections.mailops.sendmail.plugins.plugin_utils._compliance_results import collection
    option([format], 'reports')
    # To plain types: what Ansible hands in is lazy, and looks at templates in it once more when it is copied.
    plain = {str(host): json.loads(json.dumps(dict(about), default=str)) for host, about in outcomes.items()}
    hosts = [_host(name, plain[name]) for name in sorted(plain)]
    known = [host['report'] for host in hosts if host['report']]
    made = {
        'format': FORMAT, 'version': VERSION, 'collection': collection(),
        'generated': datetime.now(timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ'), 'playbook': playbook, 'check': option(check, 'bool'),
        'summary': {'hosts': dict({'total': len(hosts)}, **{state: sum(host['state'] == state for host in hosts) for state in STATES}),
                    'messages': {when: sum(one[when]['messages'].get('total', 0) for one in known) for when in ('before', 'after')}},
        'hosts': hosts}
    return wrap_var(json.dumps(made, indent=1) + '\n')


def _host(name, about):
    state, message = state_of(about), str(about.pop('message', '') or '')
    about.pop('state', None)
    return {'name': name, 'state': state, 'message': message or ('' if about else 'it was not reached'), 'report': about if 'causes' in about else None}


class FilterModule:
    def filters(self):
        return {'queue_report': queue_report}
