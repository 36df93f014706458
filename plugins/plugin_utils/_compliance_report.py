# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the mailops.sendmail collection: it can change or go in any release.
"""The compliance of a fleet: one report from the results of all hosts that a play intended, and its formats. For the controller."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path

from ansible_collections.mailops.sendmail.plugins.module_utils import _controls, _exposition, _compliance

FORMAT, VERSION = 'mailops.sendmail.compliance-report', 1
STATUSES = ('pass', 'fail', 'waived', 'not_applicable', 'error', 'unknown')
HOST_STATUSES = ('compliant', 'failing', 'error', 'unknown')
SEVERITIES = tuple(reversed(_controls.SEVERITIES))
TOP = 20
GROUPS = {'PRG': 'Prog', 'MTA': 'MTA', 'RUN': 'Runner', 'PRM': 'Permissions', 'CFG': 'Config', 'POL': 'Policy', 'QUE': 'Queues', 'STO': 'Disk',
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

def report(results, generated=None):
    """The versioned report, see docs/schemas. C(results): {host: what the task of sendmail_compliance_info gave, or nothing}."""
    now = generated or datetime.now(timezone.utc)
    hosts = [_host(name, results[name] or {}) for name in sorted(results)]
    counts = Counter(host['status'] for host in hosts)
    statuses = Counter(one['status'] for host in hosts for one in host['controls'])
    failing = Counter(one['severity'] for host in hosts for one in host['controls'] if one['status'] == 'fail')
    return {
        'format': FORMAT, 'version': VERSION, 'generated': now.strftime('%Y-%m-%dT%H:%M:%SZ'),
        'summary': {'hosts': dict({'total': len(hosts)}, **{name: counts[name] for name in HOST_STATUSES}),
                    'controls': {name: statuses[name] for name in STATUSES}, 'failing': {name: failing[name] for name in SEVERITIES}},
        'controls': [_control(control, hosts) for control in _controls.CONTROLS],
        'hosts': hosts, 'worst_queues': _worst_queues(hosts), 'domains': _domains(hosts), 'reasons': _reasons(hosts)}


def _host(name, result):
    host = {'name': str(name), 'status': 'unknown', 'message': '', 'version': None, 'platform': None, 'queues': {}, 'domains': {}, 'controls': []}
    if 'controls' in result:
        about = result['host']
        host.update((key, about[key]) for key in ('version', 'platform', 'queues', 'domains'))
        host['controls'] = [{key: one[key] for key in ('id', 'severity', 'status', 'expected', 'actual', 'evidence', 'waiver')} for one in result['controls']]
        found = {one['status'] for one in host['controls']}
        host['status'] = 'failing' if 'fail' in found else 'error' if 'error' in found else 'compliant'
        return host
    if result.get('unreachable'):
        host['message'] = _sentence(result.get('msg')) or 'The host could not be reached.'
    elif result.get('failed'):
        host.update(status='error', message=_sentence(result.get('msg')) or 'The check failed.')
    else:
        host['message'] = 'The check did not come to this host.'
    host['controls'] = [{'id': one.id, 'severity': one.severity, 'status': host['status'], 'expected': '', 'actual': 'unknown', 'evidence': [], 'waiver': None}
                        for one in _controls.CONTROLS]
    return host


def _sentence(text):
    return ' '.join(str(text or '').split())[:500]


def _control(control, hosts):
    counts = Counter(one['status'] for host in hosts for one in host['controls'] if one['id'] == control.id)
    return {'id': control.id, 'title': control.title, 'severity': control.severity, 'rationale': control.rationale, 'references': list(control.references),
            'remedy': {'kind': control.remedy, 'name': control.name, 'text': control.text}, 'hosts': {name: counts[name] for name in STATUSES}}


def _worst_queues(hosts):
    found = [{'host': host['name'], 'queue': name, 'messages': queue['messages']['total'], 'oldest_age': queue['oldest_age'] or 0, 'bytes': queue['bytes'] or 0,
              'sender': queue['senders'][0]['sender'] if queue['senders'] else None}
             for host in hosts for name, queue in host['queues'].items() if queue['messages']['total']]
    return sorted(found, key=lambda one: (-one['messages'], -one['oldest_age'], one['host']))[:TOP]


def _domains(hosts):
    ages, where = {}, Counter()
    for host in hosts:
        for domain, counts in host['domains'].items():
            ages.setdefault(domain, Counter()).update(counts)
            where[domain] += 1
    found = [{'domain': domain, 'recipients': sum(counts.values()), 'hosts': where[domain], 'ages': {name: counts[name] for name in BUCKETS}}
             for domain, counts in ages.items()]
    return sorted(found, key=lambda one: (-one['recipients'], one['domain']))[:TOP]


def _reasons(hosts):
    messages, where = Counter(), Counter()
    for host in hosts:
        own = Counter()
        for queue in host['queues'].values():
            own.update(queue['reasons'])
        messages.update(own)
        where.update(own.keys())
    return [{'reason': reason, 'hosts': where[reason], 'messages': messages[reason]} for reason in sorted(where, key=lambda one: (-where[one], one))]


# Its formats

def to_json(made):
    return json.dumps(made, indent=1, ensure_ascii=True, sort_keys=False) + '\n'


def _clean(text):
    """Without the characters that XML cannot have."""
    return re.sub(r'[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]', lambda match: f'\\x{ord(match.group()):02x}', str(text))


def _told(one):
    parts = [f'expected: {one["expected"]}' if one['expected'] else '', f'actual: {one["actual"]}' if one['actual'] else '', *one['evidence']]
    return '\n'.join(part for part in parts if part)


def to_junit(made):
    """JUnit XML: a suite for each host, a case for each control. What is unknown or could not be judged is an error."""
    titles = {one['id']: one for one in made['controls']}
    root = ET.Element('testsuites', name='mailops.sendmail compliance')
    for host in made['hosts']:
        counts = Counter(one['status'] for one in host['controls'])
        suite = ET.SubElement(root, 'testsuite', name=_clean(host['name']), hostname=_clean(host['name']), timestamp=made['generated'].rstrip('Z'),
                              tests=str(len(host['controls'])), failures=str(counts['fail']), errors=str(counts['error'] + counts['unknown']),
                              skipped=str(counts['waived'] + counts['not_applicable']), time='0')
        for one in host['controls']:
            about = titles[one['id']]
            case = ET.SubElement(suite, 'testcase', classname=_clean(host['name']), name=f'{one["id"]} {about["title"]}', time='0')
            kind = {'fail': 'failure', 'error': 'error', 'unknown': 'error', 'waived': 'skipped', 'not_applicable': 'skipped'}.get(one['status'])
            if kind:
                message = one['waiver']['reason'] if one['status'] == 'waived' else host['message'] or (one['evidence'] or [one['actual'] or one['status']])[0]
                inner = ET.SubElement(case, kind, message=_clean(message), type=f'{one["status"]}:{one["severity"]}')
                if kind != 'skipped':
                    inner.text = _clean(_told(one) + f'\nremedy: {about["remedy"]["text"]}')
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding='unicode') + '\n'


def _cell(text):
    """A spreadsheet takes what begins like this for a formula."""
    text = re.sub(r'[\x00-\x08\x0b-\x1f\x7f]', '?', str(text))
    return "'" + text if text[:1] in ('=', '+', '-', '@', '\t', '\r') else text


def to_csv(made):
    out = io.StringIO()
    rows = csv.writer(out, lineterminator='\r\n')
    rows.writerow(['host', 'host_status', 'control', 'title', 'severity', 'status', 'expected', 'actual', 'evidence', 'remedy',
                   'waiver_reason', 'waiver_expires'])
    titles = {one['id']: one for one in made['controls']}
    for host in made['hosts']:
        for one in host['controls']:
            about, waiver = titles[one['id']], one['waiver'] or {'reason': '', 'expires': ''}
            rows.writerow([_cell(value) for value in (
                host['name'], host['status'], one['id'], about['title'], one['severity'], one['status'], one['expected'], one['actual'],
                ' '.join(one['evidence']) or host['message'], remedy(about), waiver['reason'], waiver['expires'])])
    return out.getvalue()


def remedy(about):
    named = about['remedy']['name']
    return f'{about["remedy"]["kind"]} mailops.sendmail.{named}: {about["remedy"]["text"]}' if named else about['remedy']['text']


def _plain(text):
    """Text that Markdown leaves alone: nothing in it is markup, and it stays on its line."""
    text = re.sub(r'[\x00-\x1f\x7f]', ' ', str(text)).replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')
    return re.sub(r'([\\`*_{}\[\]()#+!|~-])', r'\\\1', text)


def to_markdown(made):
    hosts = made['summary']['hosts']
    titles = {one['id']: one for one in made['controls']}
    verdict = (f'{hosts["compliant"]} of {hosts["total"]} hosts comply; {hosts["failing"]} fail, {hosts["error"]} could not be judged, '
               f'{hosts["unknown"]} are unknown. {made["generated"]}')
    lines = ['# Sendmail compliance', '', verdict, '', '| host | status | critical | high | medium | low |', '|---|---|---|---|---|---|']
    for host in sorted(made['hosts'], key=badness):
        counts = Counter(one['severity'] for one in host['controls'] if one['status'] == 'fail')
        lines.append(f'| {_plain(host["name"])} | {host["status"]} | ' + ' | '.join(str(counts[name]) for name in SEVERITIES) + ' |')
    for host in sorted(made['hosts'], key=badness):
        bad = _bad(host)
        if bad or host['message']:
            lines += ['', f'## {_plain(host["name"])}', '']
            if host['message']:
                lines += [f'{host["status"]}: {_plain(host["message"])}']
            for one in [] if host['message'] else bad:
                waiver = one['waiver']
                extra = [f'Waived until {waiver["expires"]}: {_plain(waiver["reason"])}'] if one['status'] == 'waived' else []
                actual = f' Expected: {_plain(one["expected"])}; actual: {_plain(one["actual"])}.' if one['expected'] else ''
                lines.append(f'- **{one["id"]}** {one["status"]} ({one["severity"]}): {titles[one["id"]]["title"]}.{actual}')
                lines += [f'  - {_plain(text)}' for text in one['evidence'] + extra]
                lines.append(f'  - Remedy: {_plain(remedy(titles[one["id"]]))}')
    if made['worst_queues']:
        lines += ['', '## Worst queues', '', '| host | queue | messages | oldest | bytes |', '|---|---|---|---|---|']
        lines += [f'| {_plain(one["host"])} | {one["queue"]} | {one["messages"]} | {span(one["oldest_age"])} | {one["bytes"]} |'
                  for one in made['worst_queues']]
    if made['domains']:
        lines += ['', '## Waiting recipients by domain and age', '', '| domain | hosts | ' + ' | '.join(BUCKETS) + ' |', '|---' * (len(BUCKETS) + 2) + '|']
        lines += [f'| {_plain(one["domain"])} | {one["hosts"]} | ' + ' | '.join(str(one['ages'][name]) for name in BUCKETS) + ' |' for one in made['domains']]
    if made['reasons']:
        lines += ['', '## Why mail waits', '', '| reason | hosts | messages |', '|---|---|---|']
        lines += [f'| {REASONS.get(one["reason"], _plain(one["reason"]))} | {one["hosts"]} | {one["messages"]} |' for one in made['reasons']]
    return '\n'.join(lines) + '\n'


def to_prometheus(made):
    when = datetime.strptime(made['generated'], '%Y-%m-%dT%H:%M:%SZ').replace(tzinfo=timezone.utc)
    return _exposition.exposition(made['hosts'], int(when.timestamp()))


def _bad(host):
    order = {'fail': 0, 'error': 1, 'unknown': 2, 'waived': 3}
    return sorted((one for one in host['controls'] if one['status'] in order), key=lambda one: (order[one['status']], SEVERITIES.index(one['severity'])))


def badness(host):
    """Sorts the worst host first: what fails by severity, then what could not be judged, then the name."""
    counts = Counter(one['severity'] for one in host['controls'] if one['status'] == 'fail')
    rank = {'failing': 0, 'error': 1, 'unknown': 2, 'compliant': 3}[host['status']]
    return (rank, *(-counts[name] for name in SEVERITIES), host['name'])


def span(seconds):
    for unit, size in (('d', 86400), ('h', 3600), ('min', 60)):
        if seconds >= size:
            return f'{seconds // size} {unit}'
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
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(span=span, size=size, remedy=remedy, bad=_bad)
    template = environment.from_string(Path(__file__).with_name('compliance_report.html.j2').read_text(encoding='utf-8'))
    groups = []
    for one in made['controls']:
        group = one['id'].split('-')[1]
        if not groups or groups[-1][0] != group:
            groups.append((group, GROUPS.get(group, group), []))
        groups[-1][2].append(one)
    firsts = {group[2][0]['id'] for group in groups}
    return template.render(report=made, hosts=sorted(made['hosts'], key=badness), groups=groups, firsts=firsts, severities=SEVERITIES, buckets=BUCKETS,
                           titles={one['id']: one for one in made['controls']}, reasons=REASONS,
                           peak=max([value for one in made['domains'] for value in one['ages'].values()] or [1]) or 1,
                           heaviest=max([one['messages'] for one in made['worst_queues']] or [1]))


FORMATS = {'json': to_json, 'junit': to_junit, 'csv': to_csv, 'markdown': to_markdown, 'prometheus': to_prometheus, 'html': to_html}
FILES = {'json': 'report.json', 'junit': 'junit.xml', 'csv': 'report.csv', 'markdown': 'report.md', 'prometheus': 'compliance.prom', 'html': 'report.html'}


def gate(made, fail_on):
    """Sentences that say why the gate is shut, empty when it is open. C(fail_on): a severity, or none."""
    if fail_on == 'none':
        return []
    counted = SEVERITIES[:SEVERITIES.index(fail_on) + 1]
    failing = [host['name'] for host in made['hosts'] if any(one['status'] == 'fail' and one['severity'] in counted for one in host['controls'])]
    doubtful = [host['name'] for host in made['hosts'] if host['status'] == 'unknown'
                or any(one['status'] == 'error' and one['severity'] in counted for one in host['controls'])]

    def listed(names):
        return ', '.join(names[:10]) + (f' and {len(names) - 10} more' if len(names) > 10 else '')
    return ([f'A control of severity {fail_on} or worse fails on {listed(failing)}.'] if failing else []) + (
        [f'It is not known whether these comply: {listed(doubtful)}.'] if doubtful else [])
