# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: remediation_plan
short_description: Decide what of a diagnosis can be fixed now, and by what
version_added: 1.0.0
description:
  - From one diagnosis, says which steps fix the causes that hold, in their order, and whether a queue run makes sense.
  - The role P(mailops.sendmail.sendmail_remediate#role) does what this filter returns, in check mode and for real.
positional: _input
options:
  _input:
    description: What M(mailops.sendmail.sendmail_diagnosis_info) returned.
    type: dict
    required: true
  causes:
    description:
      - Fix only these causes; all of them when empty.
      - The id of a control, as M(mailops.sendmail.sendmail_compliance_info) returns it, stands for the step that the control names as its remedy. It
        is taken once, whatever the diagnosis says.
    type: list
    elements: str
    default: []
  tried:
    description: What was done already, as C(step:cause). A step is done once for each cause.
    type: list
    elements: str
    default: []
  resolvers:
    description: Whether addresses of name servers were handed over, and so a cause that they fix can be fixed.
    type: bool
    default: false
  replace_other:
    description: Whether another MTA may be pushed aside.
    type: bool
    default: false
  check:
    description: Whether O(tried) was done in check mode. What it would have fixed keeps no mail back then.
    type: bool
    default: false
  failed:
    description: Steps of O(tried) that said why they cannot be done.
    type: list
    elements: str
    default: []
  kept:
    description: Causes that a step of O(tried) does not end, as its own check mode has said. A file that is too young to be moved stays, for example.
    type: list
    elements: str
    default: []
  healthy:
    description: Whether the host was healthy before anything was done. Then only what O(causes) names is fixed.
    type: bool
    default: false
author:
  - The mailops.sendmail contributors (@mailops)
seealso:
  - plugin: mailops.sendmail.remediation_report
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Find out why mail stays
  mailops.sendmail.sendmail_diagnosis_info:
  register: diagnosis

- name: Say what would be done about it
  ansible.builtin.debug:
    msg: "{{ (diagnosis | mailops.sendmail.remediation_plan).steps }}"
"""

RETURN = r"""
_value:
  description:
    - C(steps) is the list of steps in their order. C(first) are those of them that have to be done before anything may run the queue, C(before) those
      that come before our own queue run, and C(last) those that come behind it.
    - C(reasons) says for each step which causes it is for.
    - C(blocked) are causes for which no message can leave the host now. C(movable) is how many waiting messages no cause keeps back that stays.
  type: dict
  sample:
    steps: [permissions, mta]
    first: [permissions]
    before: [permissions, mta]
    last: []
    reasons: {"permissions": ["permissions"], "mta": ["mta_down"]}
    blocked: []
    movable: 3
"""

from ansible.errors import AnsibleFilterError

# What fixes a cause. The order of the steps: owners and modes before anything that could run the queue, name servers before the MTA, which
# keeps those it was started with.
STEPS = ('msp', 'permissions', 'restore', 'debris', 'resolvers', 'mta', 'runner')
FIRST = ('msp', 'permissions')
# Debian's start of a runner runs the client queue at once, and asks nobody whether its mail would be returned. Our own run does.
LAST = ('runner',)
FIXES = {
    'not_installed': ('msp', 'mta'), 'configuration': ('msp',),
    'permissions': ('permissions',), 'too_open': ('permissions',), 'message_permissions': ('permissions',),
    'lost': ('restore',), 'stale_rewrite': ('debris',), 'orphaned_data': ('debris',),
    'mta_down': ('mta',), 'silent': ('mta',), 'listens_elsewhere': ('mta',), 'stale_resolver': ('mta',), 'mta_queue': ('permissions', 'mta'),
    'runner': ('runner',), 'two_runners': ('runner',), 'dead_runner': ('runner',),
}
WITH_RESOLVERS = {'dns': ('resolvers', 'mta'), 'relay_name': ('resolvers', 'mta'), 'slow_names': ('resolvers', 'mta'), 'stale_resolver': ('resolvers', 'mta')}
WITH_REPLACE = {'other_mta': ('mta',), 'stranger': ('mta',)}
FLUSH = ('was_down', 'dns_was_down', 'never_tried', 'min_queue_age', 'clock')   # a queue run is all they need
KEEPING = ('dns', 'policy', 'tls', 'auth', 'milter', 'maps', 'limits')   # these keep their messages and let others go
# What fixes a control that fails, by what its row names. The others need attention, or are a matter of the mail itself.
BY_REMEDY = {'sendmail_msp': 'msp', 'sendmail_permissions': 'permissions', 'sendmail_debris': 'debris', 'sendmail_mta': 'mta',
             'sendmail_queue_runner': 'runner'}


def chosen(names):
    """The steps of the controls among the names that a user gave, {id: step or None}. Raises AnsibleFilterError for what is no cause either."""
    if not names:
        return {}
    # Not at the top: Ansible loads all filters of a collection to find one, in each of its workers, and most have no names to look up.
    from ansible_collections.mailops.sendmail.plugins.module_utils._causes import CAUSES
    from ansible_collections.mailops.sendmail.plugins.module_utils._controls import CONTROLS
    steps = {control.id: BY_REMEDY.get(control.name) for control in CONTROLS if control.id in names}
    unknown = sorted(set(names) - {cause.id for cause in CAUSES} - set(steps))
    if unknown:
        raise AnsibleFilterError(f'sendmail_remediate_causes: {", ".join(unknown)}: neither a cause of sendmail_diagnosis_info nor a control of '
                                 'sendmail_compliance_info. Take the names from their results, or leave the list '
                                 'empty to fix every cause.')
    return steps


def predicted(identifiers, tried, failed, kept=()):
    """Those of the causes that the steps which check mode has predicted would fix. C(kept): causes of which a step has said that they stay."""
    done = [entry.split(':', 1) for entry in tried]
    taken = {step for step, _cause in done if step not in failed}
    asked = {cause for step, cause in done if step in taken}
    # Whatever a step was taken for, it fixes every cause that it can.
    return [identifier for identifier in identifiers
            if identifier not in kept and (identifier in asked or not taken.isdisjoint(FIXES.get(identifier, ())))]


def remediation_plan(diagnosis, causes=(), tried=(), resolvers=False, replace_other=False, check=False, failed=(), kept=(), healthy=False):
    """Decide about one host. Pure. Raises AnsibleFilterError for a name that is neither a cause nor a control."""
    controls = chosen(causes)
    fixes = dict(FIXES, **(WITH_RESOLVERS if resolvers else {}), **(WITH_REPLACE if replace_other else {}))
    held = [cause for cause in diagnosis.get('causes', []) if cause['id'] in causes or not causes and not healthy]
    reasons = {}
    for cause in held:
        for step in fixes.get(cause['id'], ()):
            if f'{step}:{cause["id"]}' not in tried:
                reasons.setdefault(step, []).append(cause['id'])
    for identifier in causes:
        step = controls.get(identifier)
        if step and f'{step}:{identifier}' not in tried:
            reasons.setdefault(step, []).append(identifier)
    steps = [step for step in STEPS if step in reasons]
    every = {cause['id']: cause for cause in diagnosis.get('causes', [])}
    # What a step is still to be tried for may be gone by then.
    open_ids = {identifier for ids in reasons.values() for identifier in ids} | set(predicted(every, tried, failed, kept) if check else ())
    blocked = [identifier for identifier, cause in every.items() if cause['blocks'] and identifier not in open_ids]
    kept = sum(every[identifier]['messages'] for identifier in KEEPING if identifier in every and identifier not in open_ids)
    return {'steps': steps, 'first': [step for step in steps if step in FIRST], 'before': [step for step in steps if step not in LAST],
            'last': [step for step in steps if step in LAST], 'reasons': reasons, 'blocked': blocked,
            'movable': 0 if blocked else max(0, diagnosis.get('messages', {}).get('queued', 0) - kept)}


class FilterModule:
    def filters(self):
        return {'remediation_plan': remediation_plan}
