# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: remediation_summary
short_description: Show what was found and done on many hosts as text
version_added: 1.0.0
description:
  - Makes one text for a terminal of 100 columns from the reports of all hosts that were meant, with those that did not answer among them.
  - Text that comes from hosts or messages is data. Whatever is not printable in it is shown as C(\xHH).
positional: _input
options:
  _input:
    description:
      - The reports by host, as P(mailops.sendmail.remediation_report#filter) returns them. For a host without a report, a dictionary with the
        C(state) V(unknown) or V(broken) and a C(message), or an empty one.
    type: dict
    required: true
  title:
    description: The first line.
    type: str
    default: Remediation
  acted:
    description: Whether somebody has tried to mend something. Without that, trouble is not called left.
    type: bool
    default: true
author:
  - The mailops.sendmail contributors (@mailops)
seealso:
  - plugin: mailops.sendmail.remediation_report
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show it
  ansible.builtin.debug:
    msg: "{{ ({'web1': diagnosis | mailops.sendmail.remediation_report} | mailops.sendmail.remediation_summary).splitlines() }}"
"""

RETURN = r"""
_value:
  description: The text.
  type: str
"""

import textwrap

WIDTH = 100
_HOSTS_MAX = 30       # named after a cause
_AGES = ('5', '10', '20', '40', '80', '160', '320', '640', '1280', '1280+')
_STATES = {'broken': 'BROKE OFF', 'failed': 'FAILED', 'human': 'for a human', 'waiting': 'mail waits',
           'mended': 'mended', 'healthy': 'healthy', 'unknown': 'UNKNOWN'}
_ORDER = ('unknown', 'broken', 'failed', 'human', 'waiting', 'mended', 'healthy')
_SEVERITIES = ('critical', 'high', 'medium', 'low')


def _safe(value, room=0):
    """A text from somewhere else as one printable line, of at most C(room) characters where that is given."""
    text = ''.join(char if char.isprintable() else ''.join(f'\\x{byte:02x}' for byte in char.encode('utf-8', 'surrogateescape')) for char in str(value))
    return text if not room or len(text) <= room else text[:room - 3] + '...'


def _table(rows, right=()):
    """Lines of columns as wide as they have to be; the last column takes what is left of the line and goes on below itself."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    indent = sum(widths) + 2 * len(widths)
    for row in rows:
        cells = [cell.rjust(width) if number in right else cell.ljust(width) for number, (cell, width) in enumerate(zip(row, widths))]
        parts = _wrap(row[-1], WIDTH - indent) or ['']
        yield ('  '.join(cells) + '  ' + parts[0]).rstrip()
        for part in parts[1:]:
            yield ' ' * indent + part


def _wrap(text, width):
    return textwrap.wrap(text, max(20, width), break_on_hyphens=False)


def _paragraph(text, indent, first=None):
    return textwrap.wrap(text, WIDTH, initial_indent=' ' * indent if first is None else first, subsequent_indent=' ' * indent, break_on_hyphens=False)


def _plural(count, word):
    return f'{count} {word}{"" if count == 1 else "s"}'


def _state(report):
    return report.get('state', 'unknown')


def _names(hosts):
    shown = [_safe(host, 40) for host in hosts[:_HOSTS_MAX]]
    return ', '.join(shown) + (f' and {len(hosts) - _HOSTS_MAX} more' if len(hosts) > _HOSTS_MAX else '')


def remediation_summary(reports, title='Remediation', acted=True):
    """The text about all hosts."""
    names = _STATES if acted else dict(_STATES, human='trouble', waiting='trouble')
    hosts = sorted(reports)
    known = {host: reports[host] for host in hosts if 'causes' in reports[host]}
    unknown = [host for host in hosts if host not in known]
    states = {host: _state(reports[host]) for host in hosts}
    check = any(report.get('check') for report in known.values())
    counts = {}
    for state in _ORDER:
        counts[names[state]] = counts.get(names[state], 0) + list(states.values()).count(state)
    lines = [f'{title}: {_plural(len(hosts), "host")}' + ''.join(f', {count} {name}' for name, count in counts.items() if count)]
    lines += ['=' * min(WIDTH, len(lines[0])), '']
    if hosts:
        lines += _hosts(reports, states, names, acted and not check)
    causes = {}
    for host, report in known.items():
        for cause in report['causes']:
            causes.setdefault(cause['id'], (cause, []))[1].append(host)
    if causes:
        lines += ['', 'Causes' if not acted or check else 'Causes at the beginning or on the way', '']
        ranked = sorted(causes.values(), key=lambda item: (_SEVERITIES.index(item[0]['severity']), -len(item[1]), item[0]['id']))
        lines += _table([(f'  {_safe(cause["title"], 60)} ({cause["severity"]})', f'{len(named)}', _names(named)) for cause, named in ranked], right=(1,))
    lines += _ledgers(known)
    lines += _left(known, 'Left for a human' if acted else 'What is wrong, and what mends it')
    lines += _domains(known)
    if unknown:
        lines += ['', 'Not known', '']
        for host in unknown:
            lines += _paragraph(f'{_safe(host, 40)}: {_safe(reports[host].get("message") or "it was not reached", 300)}', 6, '  ')
    return '\n'.join(lines) + '\n'


def _hosts(reports, states, names, after):
    rows = [('HOST', 'STATE', 'BEFORE', 'AFTER', 'CAUSES (+ mended)') if after else ('HOST', 'STATE', 'MESSAGES', 'CAUSES')]
    for host in sorted(reports, key=lambda host: (_ORDER.index(states[host]), host)):
        report = reports[host]
        name, state = _safe(host, 30), names[states[host]]
        if 'causes' not in report:
            rows.append((name, state, '?', '?', '') if after else (name, state, '?', ''))
            continue
        before, now = (str(report[when]['messages'].get('total', '?')) for when in ('before', 'after'))
        causes = ', '.join(('+' if cause['mended'] and after else '') + cause['id'] for cause in report['causes']) or '-'
        rows.append((name, state, before, now, causes) if after else (name, state, before, causes))
    return _table(rows, right=(2, 3) if after else (2,))


def _ledgers(known):
    totals = {}
    for report in known.values():
        for place, count in report['ledger'].get('places', {}).items():
            totals[place] = totals.get(place, 0) + count
    count = sum(totals.values())
    if not count:
        return []
    lines = ['', f'Where the {_plural(count, "message")} of the beginning {"is" if count == 1 else "are"} now', '']
    lines += _table([(f'  {place}', str(number), _where(known, place)) for place, number in totals.items() if number], right=(1,))
    return lines


def _where(known, place):
    about = {'relayed': 'left for the next hop', 'bounced': 'returned to the sender', 'waiting': 'still in the queue',
             'quarantined': 'kept in the queue, not tried',
             'lost': 'given up by a queue run, still in the queue', 'archived': 'taken out of the queue into an archive',
             'gone': 'left the queue, and no log says how'}[place]
    if place == 'relayed':
        return about
    return f'{about}: {_names([host for host, report in known.items() if report["ledger"].get("places", {}).get(place)])}'


def _left(known, heading):
    lines = []
    for host, report in sorted(known.items()):
        serious = [one for one in report['left'] if one['severity'] != 'low']
        problems = [f'{error["step"]}: {error["message"]}' for error in report['errors']
                    if not any(error['message'] in one['advice'] for one in report['left'])]
        if report['unexplained'].get('messages'):
            problems.append(f'{_plural(report["unexplained"]["messages"], "message")} wait for another reason: '
                            + '; '.join(report['unexplained'].get('examples', [])))
        for one in serious:
            lines += _paragraph(f'{_safe(host, 40)}: {_safe(one["title"])} ({one["severity"]})', 4, '  ')
            for sentence in one['evidence'][:2]:
                lines += _paragraph(_safe(sentence, 300), 6)
            lines += _paragraph(_safe(one['advice'], 600), 9, '      -> ')
        evidence = ' '.join(sentence for one in report['left'] for sentence in one['evidence'])
        for one in [one for one in report['flush'].get('left_out', []) if one['id'] not in evidence][:3]:
            problems.append(f'message {one["id"]} was not tried: {one["why"]}')
        for problem in problems:
            lines += _paragraph(f'{_safe(host, 40)}: {_safe(problem, 400)}', 4, '  ')
    return ['', heading, '', *lines] if lines else []


def _domains(known):
    """Domains of waiting recipients by age over the fleet, as qshape(1) shows one host."""
    domains, cut = {}, 0
    for report in known.values():
        for one in report.get('domains', []):
            ages = domains.setdefault(one['domain'], dict.fromkeys(_AGES, 0))
            for age, count in one['ages'].items():
                ages[age] = ages.get(age, 0) + count
    if not domains:
        return []
    ranked = sorted(domains.items(), key=lambda item: (-sum(item[1].values()), item[0]))
    ranked, cut = ranked[:20], len(ranked[20:])
    rows = [('  ', 'T', *_AGES, '')]
    rows += [('  ' + _safe(domain, 30), str(sum(ages.values())), *(str(ages[age]) for age in _AGES), '') for domain, ages in ranked]
    return ['', 'Recipients who wait, by domain and age in minutes', '', *_table(rows, right=range(1, 12)), *([f'  and {cut} more domains'] if cut else [])]


class FilterModule:
    def filters(self):
        return {'remediation_summary': remediation_summary}
