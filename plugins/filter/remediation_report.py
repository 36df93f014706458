# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: remediation_report
short_description: Say what was found on a host, what was fixed, and what is left
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
  aside:
    description: What was moved out of the way of queue runs, with C(messages) and C(archives).
    type: dict
  foreign:
    description: What was found to work in the queue besides the runner that belongs there. Sentences.
    type: list
    elements: str
    default: []
  kept:
    description: Causes that a step does not end, as its own check mode has said.
    type: list
    elements: str
    default: []
  check:
    description: Whether nothing was done because of check mode. Then nothing is called fixed, and C(would_fix) names what a run would fix.
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
  sample: {"state": "fixed", "fixed": ["mta_down"], "would_fix": [], "left": [], "causes": []}
"""

import re

from ansible_collections.mailops.sendmail.plugins.filter.remediation_plan import FLUSH, predicted

SERIOUS = ('critical', 'high')
# What Ansible puts around the sentence of a filter: releases from 2.19 on, and those before.
_AROUND = re.compile(r"^(?:.*The filter plugin '[\w.]+' failed: |\{\{.*?\}\}: )")
_REMARKS = ('one_source', 'elsewhere')   # say something about the mail, not about the host


def remediation_report(before, after=None, found=(), tried=(), errors=(), ledger=None, flush=None, stale=None, aside=None, foreign=(), kept=(),
                       check=False):
    """One host's report: plain values, a few kilobytes."""
    after, flush = before if after is None else after, flush or {}
    done = {}
    for entry in tried:
        step, cause = entry.split(':', 1)
        done.setdefault(cause, []).append(step)
    causes = {}
    for cause in [*before.get('causes', []), *(one for one in found if one['id'] not in _REMARKS), *after.get('causes', [])]:
        causes.setdefault(cause['id'], cause)
    # Ansible's own messages have several lines.
    errors = [dict(error, message=_AROUND.sub('', ' '.join(error['message'].split()))) for error in errors]
    failures = {error['step']: error['message'] for error in errors}
    still = {cause['id']: cause for cause in after.get('causes', [])}
    would_fix = []
    if check:
        gone = predicted(still, tried, failures, kept)
        would_fix = [identifier for identifier in still if identifier in gone or (flush.get('would_try') and identifier in FLUSH)]
        still = {identifier: cause for identifier, cause in still.items() if identifier not in would_fix}
    left = [{'id': cause['id'], 'title': cause['title'], 'severity': cause['severity'], 'evidence': cause['evidence'], 'messages': cause['messages'],
             'advice': ' '.join([failures[step] for step in done.get(cause['id'], ()) if step in failures] or [cause['fix']['text']])}
            for cause in still.values()]
    fixed = [identifier for identifier in causes if identifier not in still and identifier not in would_fix and identifier not in _REMARKS]
    places = (ledger or {}).get('places', {})
    aside = dict({'messages': 0, 'archives': []}, **(aside or {}))
    if places.get('archived') and not aside['messages'] and (stale or {}).get('action') != 'archive':
        # By the run that was interrupted, whose list this one has gone on with.
        aside = {'messages': places['archived'], 'archives': sorted({entry['archive'] for entry in ledger.get('entries', []) if entry.get('archive')})}
    controls = sorted(identifier for identifier in done if identifier.startswith('SMQ-'))
    report = {
        'check': check, 'healthy': after.get('healthy', False), 'before': _look(before), 'after': _look(after),
        'causes': [{'id': cause['id'], 'title': cause['title'], 'severity': cause['severity'], 'evidence': cause['evidence'], 'messages': cause['messages'],
                    'because_of': cause['because_of'], 'fixed': identifier in fixed, 'would_fix': identifier in would_fix}
                   for identifier, cause in causes.items()],
        'fixed': fixed, 'would_fix': would_fix, 'left': left, 'controls': controls,
        'errors': errors + [{'step': 'foreign_runner', 'message': sentence} for sentence in foreign],
        'unexplained': after.get('unexplained', {}),
        'flush': {'tried': bool(flush), 'message': flush.get('msg', ''), 'would_try': flush.get('would_try', 0), 'untried': flush.get('untried', 0),
                  'stopped': bool(flush.get('stopped')),
                  # What another run had in its hands and has moved since is no trouble.
                  'taken': min(flush.get('taken', 0), after.get('messages', {}).get('queued', 0)), 'left_out': flush.get('left_out', [])},
        'stale': stale or {}, 'aside': aside, 'domains': before.get('domains', []),
        'ledger': {key: ledger[key] for key in ('messages', 'places', 'reasons', 'file', 'started', 'entries', 'truncated') if key in ledger}
        if ledger else {'messages': 0, 'places': places, 'reasons': {}, 'file': None},
    }
    # Lost messages that a step was to rescue count in the diagnosis; more of them than before are our doing.
    harm = max(0, after.get('messages', {}).get('lost', 0) - before.get('messages', {}).get('lost', 0)) + flush.get('lost', 0)
    return dict({'state': 'failed' if harm else _state(report, places)}, **report)


def _state(report, places):
    """The word for a host on which no mail was lost. Each word is a claim; the strongest doubt wins."""
    flush, check = report['flush'], report['check']
    # Ended by its time a run is not a failure; every other refusal, and whatever a run stopped at, needs somebody.
    refused = flush['message'] and not (flush['untried'] and flush['stopped']) and not (check and report['would_fix'])
    if report['errors'] or refused or report['aside']['messages'] or places.get('gone') or any(one['severity'] in SERIOUS for one in report['left']):
        return 'needs attention'
    if check and (report['would_fix'] or flush['would_try']):
        return 'unchanged in check mode'
    if flush['untried']:
        return 'untried'
    rest = flush['taken'] or report['unexplained'].get('messages')
    if not report['healthy'] or rest or any(one['id'] in FLUSH for one in report['left']):
        waits = rest or report['after']['messages'].get('queued') or any(one['messages'] for one in report['left'])
        return 'waiting' if waits else 'needs attention'
    return 'fixed' if report['fixed'] else 'healthy'


def _look(diagnosis):
    return {'messages': diagnosis.get('messages', {}), 'causes': [cause['id'] for cause in diagnosis.get('causes', [])]}


class FilterModule:
    def filters(self):
        return {'remediation_report': remediation_report}
