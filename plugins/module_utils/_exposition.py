# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Compliance as metrics in the text format of Prometheus, for the textfile collector of node_exporter."""

from typing import Any, Dict, List, Sequence, Tuple

# What matters most comes first, and what a host says is at most 40 series.
_METRICS = (
    ('sendmail_compliance_timestamp_seconds', 'When this was found out.'),
    ('sendmail_compliance_queue_oldest_age_seconds', 'Age of the oldest waiting message, 0 without one.'),
    ('sendmail_compliance_host', 'What a host is: compliant, failing, error or unknown. A report names those that are not compliant.'),
    ('sendmail_compliance_control', 'Controls of a host that fail or could not be judged, the most severe first.'),
    ('sendmail_compliance_queue_messages', 'Messages in a queue by state.'),
    ('sendmail_compliance_queue_bytes', 'Bytes of the bodies in a queue.'),
    ('sendmail_compliance_controls', 'How many controls of the host have a status.'),
    ('sendmail_compliance_hosts', 'How many hosts of the fleet have a status.'),
    ('sendmail_compliance_control_hosts', 'On how many hosts of the fleet a control does not pass, by status.'),
)
_CONTROLS_MAX = 16
_STATES = ('queued', 'quarantined', 'lost', 'incomplete', 'unreadable')
_SEVERITIES = ('critical', 'high', 'medium', 'low')
Rows = Dict[str, List[str]]


def _add(rows: Rows, name: str, labels: Sequence[Tuple[str, Any]], value: int) -> None:
    shown = ','.join('%s="%s"' % (key, str(text).replace('\\', r'\\').replace('"', r'\"').replace('\n', r'\n')) for key, text in labels)
    rows.setdefault(name, []).append('%s%s %d' % (name, '{%s}' % shown if shown else '', value))


def _text(rows: Rows) -> str:
    lines = []
    for name, about in _METRICS:
        if name in rows:
            lines += ['# HELP %s %s' % (name, about), '# TYPE %s gauge' % name] + rows[name]
    return '\n'.join(lines) + '\n'


def _host(rows: Rows, own: List[Tuple[str, Any]], status: str, controls: List[Dict[str, Any]], queues: Dict[str, Any]) -> None:
    _add(rows, 'sendmail_compliance_host', own + [('status', status)], 1)
    bad = sorted((one for one in controls if one['status'] in ('fail', 'error')), key=lambda one: (one['status'] != 'fail', _SEVERITIES.index(one['severity'])))
    for one in bad[:_CONTROLS_MAX]:
        _add(rows, 'sendmail_compliance_control', own + [('control', one['id']), ('severity', one['severity']), ('status', one['status'])], 1)
    for queue, about in sorted(queues.items()):
        label = own + [('queue', queue)]
        figures = [('sendmail_compliance_queue_messages', label + [('state', state)], about['messages'].get(state, 0)) for state in _STATES]
        figures += [('sendmail_compliance_queue_oldest_age_seconds', label, about['oldest_age'] or 0),
                    ('sendmail_compliance_queue_bytes', label, about['bytes'] or 0)]
        for name, labels, value in figures:
            if value or not own:    # of a fleet only where something waits
                _add(rows, name, labels, value)


def own(status: str, controls: List[Dict[str, Any]], queues: Dict[str, Any], now: int) -> str:
    """What a host says of itself."""
    rows: Rows = {}
    _add(rows, 'sendmail_compliance_timestamp_seconds', [], now)
    _host(rows, [], status, controls, queues)
    for name in ('pass', 'fail', 'waived', 'not_applicable', 'error'):
        _add(rows, 'sendmail_compliance_controls', [('status', name)], sum(1 for one in controls if one['status'] == name))
    return _text(rows)


def fleet(made: Dict[str, Any], now: int) -> str:
    """Totals of the report of a fleet, and the hosts that are not compliant."""
    rows: Rows = {}
    _add(rows, 'sendmail_compliance_timestamp_seconds', [], now)
    for status, count in made['summary']['hosts'].items():
        if status != 'total':
            _add(rows, 'sendmail_compliance_hosts', [('status', status)], count)
    for one in made['controls']:
        for status, count in one['hosts'].items():
            if count and status != 'pass':
                _add(rows, 'sendmail_compliance_control_hosts', [('control', one['id']), ('severity', one['severity']), ('status', status)], count)
    for host in made['hosts']:
        if host['status'] != 'compliant':
            # Where nothing was judged, the status of the host says it all.
            judged = [] if host['message'] else [made['findings'][number] for number in host['findings']]
            _host(rows, [('host', host['name'])], host['status'], [dict(one, id=one['control']) for one in judged], host['queues'])
    return _text(rows)
