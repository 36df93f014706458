# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The compliance of a fleet: one report from the results of all hosts, and its formats. For the controller.

What thousands of hosts have in common is kept once: a finding is a control with all that was found, and a host has numbers of findings. Formats are written
piece by piece. Hosts of which the same controls fail are of one kind, and share a row where people read.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections import Counter
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from ansible_collections.mailops.sendmail.plugins.module_utils import _controls, _exposition, _compliance
from ansible_collections.mailops.sendmail.plugins.plugin_utils import _compliance_results, _rules

FORMAT, VERSION = 'mailops.sendmail.compliance-report', 1
STATUSES = ('pass', 'fail', 'waived', 'not_applicable', 'error', 'unknown')
HOST_STATUSES = ('compliant', 'failing', 'error', 'unknown')
SEVERITIES = tuple(reversed(_controls.SEVERITIES))
TOP = 20
KINDS_MAX = 100       # of hosts that have a row of their own
EXAMPLES_MAX = 3      # of what was found on hosts of one kind
GROUPS = {'PRG': 'Prog', 'MTA': 'MTA', 'RUN': 'Runner', 'PRM': 'Permissions', 'CFG': 'Config', 'POL': 'Policy', 'ALI': 'Aliases', 'LOG': 'Log',
          'TLS': 'TLS', 'QUE': 'Queues', 'STO': 'Disk',
          'NAM': 'DNS'}
REASONS = {'connection_refused': 'the relay refuses connections', 'connection_timeout': 'the relay does not answer in time',
           'no_route': 'no route to the relay', 'host_lookup': 'a name lookup failed', 'relay_lookup': 'the relay has no address',
           'sender_domain': 'the sender domain does not resolve',
           'mta_disk_full': 'the disk of the MTA is full', 'temporary_reply': 'the relay says: try again later', 'never_tried': 'never tried yet',
           'connection_lost': 'the relay hangs up or says nothing', 'not_permitted': 'this host may not connect to the relay',
           'tls': 'encryption with the relay fails', 'auth': 'authentication at the relay fails', 'limit': 'a limit of the relay is reached',
           'mta_queue': 'the MTA cannot write to its queue', 'milter': 'a mail filter defers', 'map_lookup': 'a map cannot be read',
           'alias_database': 'the alias database cannot be read', 'mailbox': 'a mailbox or program defers', 'loop': 'mail would loop',
           'resources': 'this host lacks memory or files', 'warned': 'waiting for long, the reason is hidden', 'other': 'other'}
BUCKETS = tuple(name for name, _bound in _compliance.BUCKETS) + (_compliance.OLDER,)


# The report

def report(results, generated=None, fail_on='none', max_age=None):
    """The versioned report, see docs/schemas. C(results): as _compliance_results.gathered() has them, one after the other."""
    made = {'format': FORMAT, 'version': VERSION, 'collection': _compliance_results.collection(),
            'generated': _compliance_results.stamp(generated or _compliance_results.now()), 'max_age': max_age, 'gate': {}, 'summary': {}, 'controls': [],
            'options': [], 'findings': [], 'hosts': []}
    findings, options = _Numbered(made['findings']), _Numbered(made['options'])
    ages, where, messages, reasons, worst = {}, Counter(), Counter(), Counter(), []
    for result in results:
        host = _host(result, findings, options)
        made['hosts'].append(host)
        own = Counter()
        for name, queue in host['queues'].items():
            own.update(queue['reasons'])
            if queue['messages']['total']:
                worst.append({'host': host['name'], 'queue': name, 'messages': queue['messages']['total'], 'oldest_age': queue['oldest_age'] or 0,
                              'bytes': queue['bytes'], 'sender': queue['senders'][0]['sender'] if queue['senders'] else None})
        messages.update(own)
        reasons.update(own.keys())
        for domain, counts in result['domains'].items():
            ages.setdefault(domain, Counter()).update(counts)
            where[domain] += 1
    hosts = made['hosts']
    hosts.sort(key=lambda host: host['name'])
    used = Counter(number for host in hosts for number in host['findings'])
    counts = Counter()
    for number, count in used.items():
        one = made['findings'][number]
        counts[one['control'], one['severity'], one['status']] += count
    statuses, failing = Counter(), Counter()
    for about, count in counts.items():
        statuses[about[2]] += count
        failing[about[1]] += count if about[2] == 'fail' else 0
    found = Counter(host['status'] for host in hosts)
    made['summary'] = {'hosts': dict({'total': len(hosts)}, **{name: found[name] for name in HOST_STATUSES}),
                       'controls': {name: statuses[name] for name in STATUSES}, 'failing': {name: failing[name] for name in SEVERITIES}}
    made['controls'] = [_control(control, counts) for control in _controls.CONTROLS]
    made['worst_queues'] = sorted(worst, key=lambda one: (-one['messages'], -one['oldest_age'], one['host']))[:TOP]
    made['domains'] = sorted(({'domain': domain, 'recipients': sum(own.values()), 'hosts': where[domain], 'ages': {name: own[name] for name in BUCKETS}}
                              for domain, own in ages.items()), key=lambda one: (-one['recipients'], one['domain']))[:TOP]
    made['reasons'] = [{'reason': reason, 'hosts': reasons[reason], 'messages': messages[reason]}
                       for reason in sorted(reasons, key=lambda one: (-reasons[one], one))][:TOP]
    sentences = gate(made, fail_on)
    made['gate'] = {'fail_on': fail_on, 'open': not sentences, 'reasons': sentences}
    return made


class _Numbered:
    """Values that many hosts have in common, each once, by number."""

    def __init__(self, values):
        self.values, self.numbers = values, {}

    def number(self, key, value):
        if key not in self.numbers:
            self.numbers[key] = len(self.values)
            self.values.append(value)
        return self.numbers[key]


def _host(result, findings, options):
    judged = {one['id']: one for one in result['controls']}
    missing = {'severity': None, 'status': 'error' if judged else result['status'], 'expected': '', 'actual': 'unknown', 'waiver': None,
               'evidence': [f'Version {result["collection"]} of the collection does not judge this.'] if judged else []}
    numbers = []
    for control in _controls.CONTROLS:
        one = judged.get(control.id, missing)
        finding = {'control': control.id, 'severity': one['severity'] or control.severity, 'status': one['status'], 'expected': one['expected'],
                   'actual': one['actual'], 'evidence': one['evidence'], 'waiver': one['waiver']}
        waiver = one['waiver'] and tuple(one['waiver'].values())
        numbers.append(findings.number((control.id, finding['severity'], one['status'], one['expected'], one['actual'], tuple(one['evidence']), waiver),
                                       finding))
    status = result['status']
    if judged:
        statuses = {findings.values[number]['status'] for number in numbers}
        status = 'failing' if 'fail' in statuses else 'error' if 'error' in statuses else 'compliant'
    return {'name': result['host'], 'status': status, 'message': result['message'], 'checked': result['checked'], 'heard': result['heard'],
            'version': result['version_of_sendmail'], 'platform': result['platform'], 'collection': result['collection'],
            'options': options.number(json.dumps(result['options'], sort_keys=True), result['options']) if result['options'] else None,
            'queues': result['queues'], 'findings': numbers}


def _control(control, counts):
    own = Counter()
    for (identifier, _severity, status), count in counts.items():
        if identifier == control.id:
            own[status] += count
    return {'id': control.id, 'title': control.title, 'severity': control.severity, 'rationale': control.rationale, 'references': list(control.references),
            **_rules.of(control.id), 'remedy': {'kind': control.remedy, 'name': control.name, 'text': control.text},
            'hosts': {name: own[name] for name in STATUSES}}


def gate(made, fail_on):
    """Sentences that say why the gate is shut, empty when it is open. C(fail_on): a severity, or none."""
    if fail_on == 'none':
        return []
    counted = SEVERITIES[:SEVERITIES.index(fail_on) + 1]
    bad = {status: {number for number, one in enumerate(made['findings']) if one['status'] == status and one['severity'] in counted}
           for status in ('fail', 'error')}
    failing = [host['name'] for host in made['hosts'] if not bad['fail'].isdisjoint(host['findings'])]
    doubtful = [host['name'] for host in made['hosts'] if host['status'] == 'unknown' or not bad['error'].isdisjoint(host['findings'])]

    def listed(names):
        return ', '.join(names[:10]) + (f' and {len(names) - 10} more' if len(names) > 10 else '')
    return ([f'A control of severity {fail_on} or worse fails on {listed(failing)}.'] if failing else []) + (
        [f'It is not known whether these comply: {listed(doubtful)}.'] if doubtful else [])


# Hosts that are alike

def kinds(made):
    """Hosts of which the same controls have the same status, the worst first: those of most hosts, and the others.

    Each is {name, more, status, hosts, marks, bad, failing}. C(marks) are (status, severity) of each control; C(bad) what needs attention, each with some
    of the findings of these hosts; C(failing) counts by severity.
    """
    findings, found = made['findings'], {}
    marks = [(one['status'], one['severity'] if one['status'] == 'fail' else '') for one in findings]
    for host in made['hosts']:
        found.setdefault((host['status'], tuple(marks[number] for number in host['findings'])), []).append(host)
    rows = []
    for (status, own), hosts in found.items():
        failing = Counter(severity for what, severity in own if what == 'fail')
        rows.append({'name': hosts[0]['name'], 'more': len(hosts) - 1, 'status': status, 'hosts': hosts, 'marks': own, 'bad': _bad(findings, hosts),
                     'failing': [(name, failing[name]) for name in SEVERITIES if failing[name]]})
    rank = {'failing': 0, 'error': 1, 'unknown': 2, 'compliant': 3}
    rows.sort(key=lambda kind: (rank[kind['status']], *(-dict(kind['failing']).get(name, 0) for name in SEVERITIES), -kind['more'], kind['name']))
    most = {id(kind) for kind in sorted(rows, key=lambda kind: -kind['more'])[:KINDS_MAX]}
    return [kind for kind in rows if id(kind) in most], [kind for kind in rows if id(kind) not in most]


def _bad(findings, hosts):
    """What of the first host is bad, the worst first, each with a few of the different findings of all these hosts."""
    order = {'fail': 0, 'error': 1, 'unknown': 2, 'waived': 3}
    if hosts[0]['message']:
        return []
    bad = []
    for place, number in enumerate(hosts[0]['findings']):
        if findings[number]['status'] in order:
            different = dict.fromkeys(host['findings'][place] for host in hosts)
            bad.append(dict(findings[number], examples=[findings[one] for one in list(different)[:EXAMPLES_MAX]], more=max(0, len(different) - EXAMPLES_MAX)))
    return sorted(bad, key=lambda one: (order[one['status']], SEVERITIES.index(one['severity'])))


# Its formats, each in pieces

def to_json(made):
    """Lists of thousands have a line for each item."""
    def text(value):
        return json.dumps(value, separators=(',', ':'))
    begin = '{'
    for key, value in made.items():
        yield f'{begin}{text(key)}:'
        begin = ',\n'
        if isinstance(value, list):
            yield '['
            for number, item in enumerate(value):
                yield (',\n' if number else '\n') + text(item)
            yield ']'
        else:
            yield text(value)
    yield '}\n'


def clean(text):
    """What can be seen, and line ends: no escapes of a terminal, no change of direction, nothing that XML cannot have."""
    text = str(text)
    return text if text.isprintable() else ''.join(char if char.isprintable() or char in '\t\n' else f'\\x{ord(char):02x}' for char in text)


def explained(one):
    parts = [f'expected: {one["expected"]}' if one['expected'] else '', f'actual: {one["actual"]}' if one['actual'] else '', *one['evidence']]
    return '\n'.join(part for part in parts if part)


def to_junit(made):
    """JUnit XML: a suite for each host, a case for each control. What is unknown or could not be judged is an error."""
    about, findings = {one['id']: one for one in made['controls']}, made['findings']
    names = {one['id']: quoteattr(f'{one["id"]} {one["title"]}') for one in made['controls']}
    yield '<?xml version="1.0" encoding="utf-8"?>\n<testsuites name="mailops.sendmail compliance">\n'
    for host in made['hosts']:
        counts = Counter(findings[number]['status'] for number in host['findings'])
        name = quoteattr(clean(host['name']))
        yield (f'<testsuite name={name} hostname={name} timestamp="{(host["checked"] or made["generated"]).rstrip("Z")}" tests="{len(host["findings"])}"'
               f' failures="{counts["fail"]}" errors="{counts["error"] + counts["unknown"]}"'
               f' skipped="{counts["waived"] + counts["not_applicable"]}" time="0">\n')
        for one in (findings[number] for number in host['findings']):
            kind = {'fail': 'failure', 'error': 'error', 'unknown': 'error', 'waived': 'skipped', 'not_applicable': 'skipped'}.get(one['status'])
            case = f'<testcase classname={name} name={names[one["control"]]} time="0"'
            if not kind:
                yield case + '/>\n'
                continue
            message = one['waiver']['reason'] if one['status'] == 'waived' else host['message'] or (one['evidence'] or [one['actual'] or one['status']])[0]
            told = '' if kind == 'skipped' else escape(clean(explained(one) + f'\nremedy: {about[one["control"]]["remedy"]["text"]}'))
            yield f'{case}><{kind} message={quoteattr(clean(message))} type="{one["status"]}:{one["severity"]}">{told}</{kind}></testcase>\n'
        yield '</testsuite>\n'
    yield '</testsuites>\n'


_FORMULA = tuple('=+-@\t\n\uff1d\uff0b\uff0d\uff20')    # those of full width too, where Japanese or Chinese is written


def _cell(text):
    """A spreadsheet takes what begins like this for a formula."""
    text = clean(text)
    return "'" + text if text[:1] in _FORMULA else text


def to_csv(made):
    """A row for each control of each host; with a remedy where something has to be done."""
    titles, findings = {one['id']: one for one in made['controls']}, made['findings']
    out = io.StringIO()
    rows = csv.writer(out, lineterminator='\r\n')
    rows.writerow(['host', 'host_status', 'checked', 'control', 'title', 'severity', 'status', 'expected', 'actual', 'evidence', 'remedy',
                   'waiver_reason', 'waiver_expires'])
    for host in made['hosts']:
        for one in (findings[number] for number in host['findings']):
            about, waiver = titles[one['control']], one['waiver'] or {'reason': '', 'expires': ''}
            rows.writerow([_cell(value) for value in (
                host['name'], host['status'], host['checked'] or '', one['control'], about['title'], one['severity'], one['status'], one['expected'],
                one['actual'], ' '.join(one['evidence']) or host['message'], '' if one['status'] in ('pass', 'not_applicable') else remedy(about),
                waiver['reason'], waiver['expires'])])
        yield out.getvalue()
        out.seek(0)
        out.truncate()
    yield out.getvalue()


def remedy(about):
    named = about['remedy']['name']
    return f'{about["remedy"]["kind"]} mailops.sendmail.{named}: {about["remedy"]["text"]}' if named else about['remedy']['text']


def plain(text):
    """Text that Markdown leaves alone: nothing in it is markup, and it stays on its line."""
    text = clean(' '.join(str(text).split('\n'))).replace('\t', ' ').replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')
    return re.sub(r'([\\`*_{}\[\]()#+!|~-])', r'\\\1', text)


def to_markdown(made):
    hosts = made['summary']['hosts']
    titles = {one['id']: one for one in made['controls']}
    found, others = kinds(made)
    lines = ['# Sendmail compliance', '', f'{verdict(made)} {made["generated"]}', '', '| host | status | critical | high | medium | low |',
             '|---|---|---|---|---|---|']
    for kind in found:
        counts = dict(kind['failing'])
        lines.append(f'| {plain(kind["name"])}{_more(kind)} | {kind["status"]} | ' + ' | '.join(str(counts.get(name, 0)) for name in SEVERITIES) + ' |')
    if others:
        lines += ['', f'{sum(len(kind["hosts"]) for kind in others)} more hosts of {hosts["total"]} are in the other formats.']
    for kind in found:
        told = said(kind)
        if kind['bad'] or told:
            lines += ['', f'## {plain(kind["name"])}{_more(kind)}', '']
            lines += [f'{kind["status"]}: {plain(message)}' + (f' ({len(names)} hosts)' if len(names) > 1 else '') for message, names in told]
            for one in kind['bad']:
                lines.append(f'- **{one["control"]}** {one["status"]} ({one["severity"]}): {titles[one["control"]]["title"]}.')
                for example in one['examples']:
                    lines += [f'  - Expected: {plain(example["expected"])}; actual: {plain(example["actual"])}.'] if example['expected'] else []
                    lines += [f'  - {plain(text)}' for text in example['evidence']]
                waiver = one['waiver']
                lines += [f'  - Waived until {waiver["expires"]}: {plain(waiver["reason"])}'] if one['status'] == 'waived' else []
                lines.append(f'  - Remedy: {plain(remedy(titles[one["control"]]))}')
    if made['worst_queues']:
        lines += ['', '## Worst queues', '', '| host | queue | messages | oldest | bytes |', '|---|---|---|---|---|']
        lines += [f'| {plain(one["host"])} | {one["queue"]} | {one["messages"]} | {span(one["oldest_age"])} | {one["bytes"]} |'
                  for one in made['worst_queues']]
    if made['domains']:
        lines += ['', '## Waiting recipients by domain and age', '', '| domain | hosts | ' + ' | '.join(BUCKETS) + ' |', '|---' * (len(BUCKETS) + 2) + '|']
        lines += [f'| {plain(one["domain"])} | {one["hosts"]} | ' + ' | '.join(str(one['ages'][name]) for name in BUCKETS) + ' |' for one in made['domains']]
    if made['reasons']:
        lines += ['', '## Why mail waits', '', '| reason | hosts | messages |', '|---|---|---|']
        lines += [f'| {REASONS.get(one["reason"], plain(one["reason"]))} | {one["hosts"]} | {one["messages"]} |' for one in made['reasons']]
    yield '\n'.join(lines) + '\n'


def verdict(made):
    hosts = made['summary']['hosts']
    return (f'{hosts["compliant"]} of {hosts["total"]} hosts comply, {hosts["failing"]} fail, {hosts["error"]} could not be judged, '
            f'{hosts["unknown"]} unknown.')


def _more(kind):
    return f' and {kind["more"]} more' if kind['more'] else ''


def said(kind):
    """[(message, names)] of hosts without a result, what most of them say first; beyond a few the message is left out."""
    found = {}
    for host in kind['hosts']:
        if host['message']:
            # The same message about another host.
            found.setdefault(host['message'].replace(host['name'], 'the host'), []).append(host)
    ranked = sorted(found.items(), key=lambda item: -len(item[1]))
    told = [(message if len(hosts) > 1 else hosts[0]['message'], [host['name'] for host in hosts]) for message, hosts in ranked[:TOP]]
    rest = [host['name'] for _message, hosts in ranked[TOP:] for host in hosts]
    return told + ([('Other messages, see report.json.', rest)] if rest else [])


def to_prometheus(made):
    # A label is UTF-8, and in it a backslash begins an escape.
    hosts = [dict(host, name=host['name'].encode('utf-8', 'backslashreplace').decode()) for host in made['hosts']]
    yield _exposition.fleet(dict(made, hosts=hosts), int(_compliance_results.read_stamp(made['generated']).timestamp()))


def span(seconds):
    for unit, size_ in (('d', 86400), ('h', 3600), ('min', 60)):
        if seconds >= size_:
            return f'{seconds // size_} {unit}'
    return f'{seconds} s'


def size(count):
    for unit in ('B', 'KiB', 'MiB', 'GiB'):
        if count < 1024 or unit == 'GiB':
            return f'{count:.0f} {unit}' if count >= 10 or unit == 'B' else f'{count:.1f} {unit}'
        count /= 1024
    raise AssertionError


def to_html(made):
    """One page that needs nothing else: no script, no style, image or font from anywhere."""
    from jinja2 import Environment
    from markupsafe import Markup
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True,
                              finalize=lambda value: clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value)
    # A name or domain breaks behind its dots.
    environment.filters.update(span=span, size=size, remedy=remedy, said=said, dots=lambda text: Markup('.<wbr>').join(clean(text).split('.')))
    template = environment.from_string(Path(__file__).with_name('compliance_report.html.j2').read_text(encoding='utf-8'))
    groups = []
    for one in made['controls']:
        group = one['id'].split('-')[1]
        if not groups or groups[-1][0] != group:
            groups.append((group, GROUPS.get(group, group), []))
        groups[-1][2].append(one)
    found, others = kinds(made)
    yield from template.generate(
        report=made, kinds=found, others=others, groups=groups, firsts={group[2][0]['id'] for group in groups}, severities=SEVERITIES,
        buckets=BUCKETS, titles={one['id']: one for one in made['controls']}, reasons=REASONS,
        peak=max([value for one in made['domains'] for value in one['ages'].values()] or [1]) or 1,
        heaviest=max([one['messages'] for one in made['worst_queues']] or [1]))


FORMATS = {'json': to_json, 'junit': to_junit, 'csv': to_csv, 'markdown': to_markdown, 'prometheus': to_prometheus, 'html': to_html}
FILES = {'json': 'report.json', 'junit': 'junit.xml', 'csv': 'report.csv', 'markdown': 'report.md', 'prometheus': 'compliance.prom', 'html': 'report.html'}


def write(made, formats, directory):
    for name in formats:
        _compliance_results.write_file(os.path.join(directory, FILES[name]), FORMATS[name](made))
