# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: remediation_report
short_description: Say what was found on a host, what was mended, and what is left
version_added: 1.0.0
description:
  - Compares the diagnosis before with the one after and returns what the playbooks of the collection summarise.
positional: _input
options:
  _input:
    description: The first diagnosis, as M(mailops.sendmail.sendmail_diagnosis_info) returned it.
    type: dict
    required: true
  after:
    description: The last diagnosis.
    type: dict
  found:
    description: Causes that came to light between the two, as the module returns them.
    type: list
    elements: dict
    default: []
  tried:
    description: What was done, as C(step:cause).
    type: list
    elements: str
    default: []
  errors:
    description: Steps that failed, with C(step) and C(message).
    type: list
    elements: dict
    default: []
  ledger:
    description: What M(mailops.sendmail.sendmail_ledger) returned.
    type: dict
  flush:
    description: What M(mailops.sendmail.sendmail_queue) returned.
    type: dict
  stale:
    description: What became of stale mail, with C(action) and C(messages).
    type: dict
  check:
    description: Whether nothing was done because of check mode. What could be mended then counts as mended.
    type: bool
    default: false
author:
  - The mailops.sendmail contributors (@mailops)
seealso:
  - plugin: mailops.sendmail.remediation_plan
    plugin_type: filter
  - plugin: mailops.sendmail.remediation_summary
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Say what is wrong, as if nothing could be done about it
  ansible.builtin.debug:
    msg: "{{ diagnosis | mailops.sendmail.remediation_report(after=diagnosis) }}"
"""

RETURN = r"""
_value:
  description: The report; see the C(README.md) of the role P(mailops.sendmail.sendmail_remediate#role).
  type: dict
  sample: {"state": "mended", "mended": ["mta_down"], "left": [], "causes": []}
"""

from ansible_collections.mailops.sendmail.plugins.filter.remediation_plan import FLUSH, MENDS

SERIOUS = ('critical', 'high')
_REMARKS = ('one_source', 'elsewhere')   # say something about the mail, not about the host


def remediation_report(before, after=None, found=(), tried=(), errors=(), ledger=None, flush=None, stale=None, check=False):
    """One host's report: plain values, a few kilobytes."""
    after = before if after is None else after
    done = {}
    for entry in tried:
        step, cause = entry.split(':', 1)
        done.setdefault(cause, []).append(step)
    causes = {}
    for cause in [*before.get('causes', []), *(one for one in found if one['id'] not in _REMARKS), *after.get('causes', [])]:
        causes.setdefault(cause['id'], cause)
    failures = {error['step']: error['message'] for error in errors}
    still = {cause['id']: cause for cause in after.get('causes', [])}
    if check:
        flushes = bool((flush or {}).get('would_try'))
        # Whatever a step was taken for, it mends every cause that it can.
        taken = {step for steps in done.values() for step in steps} - set(failures)
        still = {identifier: cause for identifier, cause in still.items()
                 if not (set(done.get(identifier, ())) - set(failures)) and taken.isdisjoint(MENDS.get(identifier, ()))
                 and not (flushes and identifier in FLUSH)}
    left = [{'id': cause['id'], 'title': cause['title'], 'severity': cause['severity'], 'evidence': cause['evidence'], 'messages': cause['messages'],
             'advice': ' '.join([failures[step] for step in done.get(cause['id'], ()) if step in failures] or [cause['fix']['text']])}
            for cause in still.values()]
    mended = [identifier for identifier in causes if identifier not in still and identifier not in _REMARKS]
    places = (ledger or {}).get('places', {})
    # Lost messages that a step was to rescue count in the diagnosis; more of them than before are our doing.
    harm = max(0, after.get('messages', {}).get('lost', 0) - before.get('messages', {}).get('lost', 0))
    controls = sorted(identifier for identifier in done if identifier.startswith('SMQ-'))
    serious = [one for one in left if one['severity'] in SERIOUS] + [one for one in controls if not failures.keys().isdisjoint(done[one])]
    state = 'failed' if harm else 'human' if serious else 'mended' if mended else 'healthy' if after.get('healthy', False) else 'waiting'
    return {
        'state': state, 'check': check, 'healthy': after.get('healthy', False), 'before': _look(before), 'after': _look(after),
        'causes': [{'id': cause['id'], 'title': cause['title'], 'severity': cause['severity'], 'evidence': cause['evidence'],
                    'messages': cause['messages'], 'because_of': cause['because_of'], 'mended': identifier in mended}
                   for identifier, cause in causes.items()],
        'mended': mended, 'left': left, 'controls': controls,
        'errors': [dict(error) for error in errors], 'unexplained': after.get('unexplained', {}),
        'flush': {'tried': bool(flush), 'message': (flush or {}).get('msg', ''), 'left_out': (flush or {}).get('left_out', [])},
        'stale': stale or {}, 'domains': before.get('domains', []),
        'ledger': {key: ledger[key] for key in ('messages', 'places', 'reasons', 'file', 'started', 'entries', 'truncated') if key in ledger}
        if ledger else {'messages': 0, 'places': places, 'reasons': {}, 'file': None},
    }


def _look(diagnosis):
    return {'messages': diagnosis.get('messages', {}), 'causes': [cause['id'] for cause in diagnosis.get('causes', [])]}


class FilterModule:
    def filters(self):
        return {'remediation_report': remediation_report}
