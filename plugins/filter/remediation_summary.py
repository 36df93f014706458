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
  - Of more than 50 hosts, those that are alike share a row and a paragraph, the healthy ones are only counted, and lists end after what matters most.
    P(mailops.sendmail.queue_report#filter) has every host.
  - Text that comes from hosts or messages is data. Whatever is not printable in it is shown as C(\xHH), and a double quote as a single one.
positional: _input
options:
  _input:
    description:
      - The reports by host, as P(mailops.sendmail.remediation_report#filter) returns them. For a host without a report, a dictionary with the
        C(state) V(unknown) or V(failed) and a C(message), or an empty one.
    type: dict
    required: true
  title:
    description: The first line.
    type: str
    default: Remediation
  acted:
    description: Whether somebody has tried to fix something. Without that, nothing is called left.
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

import re
import textwrap

WIDTH = 100
MANY = 50             # hosts; beyond, those that are alike share a row
_KINDS_MAX = 40       # of rows, and of paragraphs, where there are many hosts
_AGES = ('5', '10', '20', '40', '80', '160', '320', '640', '1280', '1280+')
STATES = ('unknown', 'failed', 'needs attention', 'untried', 'waiting', 'unchanged in check mode', 'fixed', 'healthy')   # the worst first
_LONG = 40            # a host name longer than this has a line of its own
_SEVERITIES = ('critical', 'high', 'medium', 'low')


def _safe(value, room=0):
    """A text from somewhere else as one printable line, of at most C(room) characters where that is given."""
    text = ''.join(char if char.isprintable() else ''.join(f'\\x{byte:02x}' for byte in char.encode('utf-8', 'surrogateescape')) for char in str(value))
    text = text.replace('"', "'")       # a callback that shows JSON would show each with a backslash
    return text if not room or len(text) <= room else text[:room - 3] + '...'


def _table(rows, right=()):
    """Lines of columns as wide as they have to be; the last column takes what is left of the line and goes on below itself."""
    full = [row for row in rows if len(row) > 1]
    widths = [max(len(row[column]) for row in full) for column in range(len(full[0]) - 1)]
    indent = sum(widths) + 2 * len(widths)
    for row in rows:
        if len(row) == 1:
            yield row[0]
            continue
        cells = [cell.rjust(width) if number in right else cell.ljust(width) for number, (cell, width) in enumerate(zip(row, widths))]
        parts = _wrap(row[-1], WIDTH - indent) or ['']
        yield ('  '.join(cells) + '  ' + parts[0]).rstrip()
        for part in parts[1:]:
            yield ' ' * indent + part


def _wrap(text, width):
    return textwrap.wrap(text, max(20, width), break_on_hyphens=False, break_long_words=False)   # names are whole


def _paragraph(text, indent, first=None):
    return textwrap.wrap(text, WIDTH, initial_indent=' ' * indent if first is None else first, subsequent_indent=' ' * indent, break_on_hyphens=False)


def _about(host, text, indent):
    """A paragraph about a host, whose name is never broken."""
    name = _safe(host)
    return [f'  {name}:', *_paragraph(text, indent)] if len(name) > _LONG else _paragraph(f'{name}: {text}', indent, '  ')


def _plural(count, word):
    return f'{count} {word}{"" if count == 1 else "s"}'


def state_of(report):
    """Its state; without a report only a failure is more than unknown."""
    return report['state'] if report.get('state') in (STATES if 'causes' in report else ('failed',)) else 'unknown'


def _names(hosts, most):
    return ', '.join(_safe(host) for host in hosts[:most]) + (f' and {len(hosts) - most} more' if len(hosts) > most else '')


def _alike(text, host):
    """A sentence without what differs between hosts that have the same to say: their name, numbers, and ids with digits in them."""
    return ' '.join('#' if host in word or re.search(r'\d', word) else word for word in text[:600].split())


def remediation_summary(reports, title='Remediation', acted=True):
    """The text about all hosts."""
    hosts = sorted(reports)
    known = {host: reports[host] for host in hosts if 'causes' in reports[host]}
    states = {host: state_of(reports[host]) for host in hosts}
    check = any(report.get('check') for report in known.values())
    many = len(hosts) > MANY
    most = 2 if many else 30    # hosts named in a list
    counts = [(state, list(states.values()).count(state)) for state in STATES]
    counted = [f', {count} {state if count == 1 else state.replace("needs", "need")}' for state, count in counts if count]
    lines = [f'{title}: {_plural(len(hosts), "host")}' + ''.join(counted)]
    lines += ['=' * min(WIDTH, len(lines[0])), '']
    if hosts:
        lines += _hosts(reports, states, acted, check, many)
    causes = {}
    for host, report in known.items():
        for cause in report['causes']:
            causes.setdefault(cause['id'], (cause, []))[1].append(host)
    if causes:
        lines += ['', 'Causes' if not acted or check else 'Causes at the beginning or on the way', '']
        ranked = sorted(causes.values(), key=lambda item: (_SEVERITIES.index(item[0]['severity']), -len(item[1]), item[0]['id']))
        lines += _table([(f'  {_safe(cause["title"], 60)} ({cause["severity"]})', f'{len(named)}', _names(named, most)) for cause, named in ranked],
                        right=(1,))
    lines += _ledgers(known, most)
    lines += _left(known, 'Needs attention' if acted else 'What is wrong, and what fixes it', many)
    lines += _domains(known, 'waited at the beginning' if acted and not check else 'wait')
    lines += _unknown(reports, many)
    if many:
        lines += ['', *_paragraph(f'Hosts that are alike are shown together; {"remediate" if acted else "survey"}_queues_reports=json writes of each.', 0)]
    return '\n'.join(lines) + '\n'


def _hosts(reports, states, acted, check, many):
    """A row for each host, or where there are many for each kind of those that are not healthy: of the same state, with the same causes."""
    if check and acted:
        rows = [('HOST', 'STATE', 'MESSAGES', 'WOULD TRY', 'CAUSES (+ would be fixed)')]
    else:
        rows = [('HOST', 'STATE', 'BEFORE', 'AFTER', 'CAUSES (+ fixed)') if acted else ('HOST', 'STATE', 'MESSAGES', 'CAUSES')]
    kinds = {}
    for host in sorted(reports):
        report, causes, numbers = reports[host], '', ()
        if 'causes' in report:
            before, now = (report[when]['messages'].get('total', '?') for when in ('before', 'after'))
            causes = ', '.join(('+' if cause['fixed'] or (cause['would_fix'] and acted) else '') + cause['id'] for cause in report['causes']) or '-'
            numbers = (before, report['flush']['would_try']) if check and acted else (before, now) if acted else (before,)
        if not many or states[host] != 'healthy':
            kinds.setdefault((states[host], causes) if many else host, []).append((host, states[host], numbers or ['?'] * (len(rows[0]) - 3), causes))
    ranked = sorted(kinds.values(), key=lambda kind: (STATES.index(kind[0][1]), -len(kind), kind[0][0]))
    for kind in ranked[:_KINDS_MAX] if many else ranked:
        host, state, _numbers, causes = kind[0]
        name, more = _safe(host), f' and {len(kind) - 1} more' if len(kind) > 1 else ''
        if len(name) > _LONG:
            rows.append((name + more,))
            name = more = ''
        rows.append((name + more, state, *(_sum(column) for column in zip(*(numbers for _host, _state, numbers, _causes in kind))), causes))
    left_out = sum(len(kind) for kind in ranked[_KINDS_MAX:]) if many else 0
    return [*_table(rows, right=(2, 3) if acted else (2,)), *([f'and {_plural(left_out, "host")} more, of other kinds'] if left_out else [])] if ranked else []


def _sum(numbers):
    return '?' if '?' in numbers else str(sum(numbers))


def _ledgers(known, most):
    totals = {}
    for report in known.values():
        for place, count in report['ledger'].get('places', {}).items():
            totals[place] = totals.get(place, 0) + count
    count = sum(totals.values())
    if not count:
        return []
    lines = ['', f'Where the {_plural(count, "message")} of the beginning {"is" if count == 1 else "are"} now', '']
    lines += _table([(f'  {place}', str(number), _where(known, place, most)) for place, number in totals.items() if number], right=(1,))
    return lines


def _where(known, place, most):
    about = {'relayed': 'left for the next hop', 'bounced': 'returned to the sender', 'waiting': 'still in the queue',
             'quarantined': 'kept in the queue, not tried',
             'lost': 'given up by a queue run, still in the queue', 'archived': 'taken out of the queue into an archive',
             'claimed': 'left the queue; a log that others can write to says how',
             'gone': 'left the queue, and no log says how'}[place]
    if place == 'relayed':
        return about
    return f'{about}: {_names([host for host, report in known.items() if report["ledger"].get("places", {}).get(place)], most)}'


def _left(known, heading, many):
    entries = []
    for host, report in sorted(known.items()):
        evidence = ' '.join(sentence for one in report['left'] for sentence in one['evidence'])
        for one in report['left']:
            if one['severity'] != 'low':
                # What a step says of the same fact begins with it.
                new = [sentence for sentence in one['evidence'] if not one['advice'].startswith(sentence.rstrip('.'))]
                details = [line for sentence in new[:2] for line in _paragraph(_safe(sentence, 300), 6)]
                details += _paragraph(_safe(one['advice'], 600), 9, '      -> ')
                entries.append((_SEVERITIES.index(one['severity']), one['id'] + one['advice'], host, f'{_safe(one["title"])} ({one["severity"]})', details))
        for problem in _problems(report, evidence):
            entries.append((1, problem, host, _safe(problem, 600), []))
    lines = _grouped(entries, 4, many)
    return ['', heading, '', *lines] if lines else []


def _grouped(entries, indent, many):
    """Paragraphs from (rank, what is the same, host, text, lines below it). Where there are many hosts those that are alike share one, the worst first."""
    kinds = {}
    for number, (rank, same, host, text, details) in enumerate(entries):
        kinds.setdefault((rank, _alike(same, host)) if many else number, (rank, text, details, []))[3].append(host)
    ranked = sorted(kinds.values(), key=lambda kind: (kind[0], -len(kind[3]), kind[3][0])) if many else list(kinds.values())
    lines = []
    for _rank, text, details, hosts in ranked[:_KINDS_MAX] if many else ranked:
        lines += _about(_names(hosts, 1), text, indent)
        lines += details
    return lines + ([f'  and {len(ranked) - _KINDS_MAX} more'] if many and len(ranked) > _KINDS_MAX else [])


def _problems(report, evidence):
    """Sentences about what is no cause, and needs somebody all the same."""
    for error in report['errors']:
        if not any(error['message'] in one['advice'] for one in report['left']):
            yield f'{error["step"]}: {error["message"]}'
    if report['unexplained'].get('messages'):
        count = report['unexplained']['messages']
        yield f'{_plural(count, "message")} {"waits" if count == 1 else "wait"} for another reason: ' + '; '.join(report['unexplained'].get('examples', []))
    for one in [one for one in report['flush'].get('left_out', []) if one['id'] not in evidence][:3]:
        yield f'message {one["id"]} was not tried: {one["why"]}'
    if report.get('message'):
        yield f'the work broke off: {report["message"]}'
    if report['flush']['message'] and report['state'] != 'unchanged in check mode':
        yield f'the queue was not run to its end: {report["flush"]["message"]}'
    taken = report['flush']['taken']
    if taken:
        yield f'{_plural(taken, "message")} {"is" if taken == 1 else "are"} locked by another queue run'
    if report['aside']['messages']:
        yield _aside(report)
    gone = report['ledger'].get('places', {}).get('gone')
    if gone:
        ledger = (report['ledger'].get('file') or {}).get('path', 'the ledger')
        yield f'{_plural(gone, "message")} left the queue, and no log says how; see {ledger} on the host'


def _unknown(reports, many):
    told = ((host, str(report.get('message') or 'it was not reached')) for host, report in sorted(reports.items()) if 'causes' not in report)
    lines = _grouped([(0, message, host, _safe(message, 300), []) for host, message in told], 6, many)
    return ['', 'Not known', '', *lines] if lines else []


def _aside(report):
    count, archives = report['aside']['messages'], ', '.join(report['aside']['archives'])
    messages, are = _plural(count, 'message'), 'is' if count == 1 else 'are'
    if report['check']:
        return f'{messages} that a queue run would lose, empty or stop at would be moved into an archive'
    return f'{messages} that a queue run would have lost, emptied or stopped at {are} in {archives or "an archive"} now'


def _domains(known, tense):
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
    return ['', f'Recipients who {tense}, by domain and age in minutes', '', *_table(rows, right=range(1, 12)),
            *([f'  and {_plural(cut, "more domain")}'] if cut else [])]


class FilterModule:
    def filters(self):
        return {'remediation_summary': remediation_summary}
