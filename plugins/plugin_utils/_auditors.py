# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report in the formats that tools of auditors read, a file for each host: HDF, ARF with results of XCCDF 1.2, and OSCAL assessment results.

A file a host is what these tools take: a result of InSpec, a checklist and a TestResult each have one target. Hosts come one after the other, and what many of
them have in common is made once. Everything in a file comes from the report, and ids come from the host, the control and the time of the check, so the same
results make the same files. What is waived is a failure with a remark, and what could not be judged is an error: neither is ever a pass.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from functools import lru_cache
from typing import Any, Callable, Iterable, Iterator, NamedTuple
from xml.sax.saxutils import escape

from ansible_collections.mailops.sendmail.plugins.plugin_utils import _compliance_report, _compliance_results

HOME = 'https://github.com/mailops/ansible-collection-sendmail'
PAGE = f'{HOME}/blob/main/docs/controls.md'
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, HOME)
PIECES = 4096     # findings of which the text is kept
Report = dict[str, Any]
Files = Iterator[tuple[str, Iterable[str]]]


def _text(value: Any) -> str:
    return str(_compliance_report.clean(value))


def _line(value: Any) -> str:
    """Text that begins and ends with something to see, and is on one line."""
    return ' '.join(_text(value).split()) or '-'


def _json(value: Any) -> str:
    return json.dumps(value, separators=(',', ':'))


def _uuid(*about: str) -> str:
    """Of version 5. As JSON, names that differ anywhere differ here, whatever bytes they have."""
    return str(uuid.uuid5(NAMESPACE, json.dumps(about)))


def _when(made: Report, host: dict[str, Any]) -> str:
    """A host of which there is no result was judged when the report was made."""
    return str(host['checked'] or made['generated'])


def _told(one: dict[str, Any], message: str) -> str:
    """All that is to be said about a finding. C(message): what the host says where there is no result."""
    return _text('\n'.join(part for part in (message, _compliance_report.explained(one), _waiver(one)) if part) or one['status'])


def _waiver(one: dict[str, Any]) -> str:
    """Until when and why a failure is waived, or was; nothing where there is no waiver, or nothing for it to waive."""
    waiver = one['waiver']
    if not waiver or one['status'] not in ('waived', 'fail'):
        return ''
    return _line(f'{"The waiver ended on" if waiver["expired"] else "Waived until"} {waiver["expires"]}: {waiver["reason"]}')


def _rules(control: dict[str, Any]) -> list[str]:
    return [' '.join(part for part in (one['benchmark'], one['id'], one['rule'], one['version']) if part) for one in control['rules']]


# HDF, the exec-json of InSpec, see https://saf.mitre.org

IMPACTS = {'low': 0.3, 'medium': 0.5, 'high': 0.7, 'critical': 0.9}
HDF = {'pass': 'passed', 'fail': 'failed', 'waived': 'failed', 'not_applicable': 'skipped', 'error': 'error', 'unknown': 'error'}


def to_hdf(made: Report) -> Files:
    """An impact of 0 says that a control does not apply, as InSpec has it. With skipped_due_to_waiver readers would take a waived control for one of these."""
    controls, findings = {one['id']: one for one in made['controls']}, made['findings']

    @lru_cache(maxsize=PIECES)
    def piece(number: int, message: str) -> str:
        one = findings[number]
        about, waiver, told = controls[one['control']], one['waiver'], _told(one, message)
        text = _json({
            'id': about['id'], 'title': about['title'], 'desc': about['rationale'],
            'descriptions': [{'label': 'check', 'data': f'Judged by mailops.sendmail.sendmail_compliance_info, see {PAGE}#{about["id"].lower()}'},
                             {'label': 'fix', 'data': _compliance_report.remedy(about)}],
            'impact': 0 if one['status'] == 'not_applicable' else IMPACTS[one['severity']], 'refs': [{'ref': text} for text in about['references']],
            'tags': {'severity': one['severity'], 'cci': about['cci'], 'nist': about['nist'], 'rules': _rules(about)},
            'code': '', 'source_location': {},
            'waiver_data': {'expiration_date': waiver['expires'], 'justification': _text(waiver['reason']), 'run': True, 'skipped_due_to_waiver': False,
                            'message': _waiver(one)} if _waiver(one) else {}})
        result = {'status': HDF[one['status']], 'code_desc': _text(one['expected'] or about['title']), 'run_time': 0.0,
                  **({'skip_message': told} if one['status'] == 'not_applicable' else {} if one['status'] == 'pass' else {'message': told})}
        return f'{text[:-1]},"results":[{_json(result)[:-1]},"start_time":"'

    table = _json([{key: one[key] for key in ('id', 'title', 'rationale', 'remedy')} for one in made['controls']])
    profile = _json({'name': 'mailops-sendmail', 'title': 'Sendmail on hosts that submit mail', 'version': made['collection'], 'maintainer': 'mailops',
                     'license': 'GPL-3.0-or-later', 'summary': 'The controls of the Ansible collection mailops.sendmail',
                     'sha256': hashlib.sha256(table.encode()).hexdigest(), 'supports': [], 'attributes': [], 'groups': [], 'status': 'loaded'})

    def chunks(host: dict[str, Any]) -> Iterator[str]:
        platform = {'name': _text(host['platform'] or 'unknown'), 'release': 'unknown', 'target_id': _text(host['name'])}
        begin = f'{{"platform":{_json(platform)},"version":{_json(made["collection"])},"statistics":{{}},"profiles":[{profile[:-1]},"controls":['
        for number in host['findings']:
            yield f'{begin}{piece(number, host["message"])}{_when(made, host)}"}}]}}'
            begin = ',\n'
        yield ']}]}\n'

    for host in made['hosts']:
        yield host['name'], chunks(host)


# ARF 1.1 with results of XCCDF 1.2, NISTIR 7694 and 7275

RESULTS = {'pass': 'pass', 'fail': 'fail', 'waived': 'fail', 'not_applicable': 'notapplicable', 'error': 'error', 'unknown': 'unknown'}
LEVELS = {'low': 'low', 'medium': 'medium', 'high': 'high', 'critical': 'high'}
PREFIX, BENCHMARK = 'xccdf_io.github.mailops_', 'sendmail'
CCI, NIST = 'http://cyber.mil/cci', 'https://csrc.nist.gov/pubs/sp/800/53/r5/upd1/final'


def _check(control: str) -> str:
    return f'<check system="{HOME}"><check-content-ref href="{PAGE}#{control.lower()}"/></check>'


def _benchmark(made: Report) -> str:
    """The table of controls. Elements have the order of the schema."""
    lines = [(f'<Benchmark xmlns="http://checklists.nist.gov/xccdf/1.2" id="{PREFIX}benchmark_{BENCHMARK}" resolved="true" xml:lang="en">'
              '<status>accepted</status><title>Sendmail on hosts that submit mail</title>'
              '<description>The controls of the Ansible collection mailops.sendmail</description>'
              f'<version>{escape(_text(made["collection"]))}</version>'
              f'<metadata><dc:publisher xmlns:dc="http://purl.org/dc/elements/1.1/">{HOME}</dc:publisher></metadata>')]
    for one in made['controls']:
        lines += [f'<Rule id="{PREFIX}rule_{one["id"]}" severity="{LEVELS[one["severity"]]}" selected="true"><title>{escape(one["title"])}</title>',
                  *(f'<reference>{escape(text)}</reference>' for text in (*one['references'], *_rules(one))),
                  *(f'<reference href="{NIST}">{escape(text)}</reference>' for text in one['nist']),
                  f'<rationale>{escape(one["rationale"])}</rationale>', *(f'<ident system="{CCI}">{text}</ident>' for text in one['cci']),
                  f'<fixtext>{escape(_compliance_report.remedy(one))}</fixtext>{_check(one["id"])}</Rule>\n']
    return ''.join(lines) + '</Benchmark>'


def to_arf(made: Report) -> Files:
    """A waived control has an override whose new result is the old one: that is how the standard remarks on a result without changing it."""
    controls, findings = {one['id']: one for one in made['controls']}, made['findings']

    @lru_cache(maxsize=PIECES)
    def piece(number: int, message: str) -> tuple[str, str]:
        one = findings[number]
        result, told = RESULTS[one['status']], _told(one, message)
        severity = 'error' if one['status'] in ('error', 'unknown') else 'info'
        before = f'<rule-result idref="{PREFIX}rule_{one["control"]}" severity="{LEVELS[one["severity"]]}"><result>{result}</result>'
        after = ''.join(f'<ident system="{CCI}">{text}</ident>' for text in controls[one['control']]['cci']) + (
            '' if one['status'] == 'pass' else f'<message severity="{severity}">{escape(told)}</message>') + _check(one['control']) + '</rule-result>\n'
        if one['status'] != 'waived':
            return before + after, ''
        return (before + '<override authority="sendmail_compliance_waivers of the inventory" time="',
                f'"><old-result>fail</old-result><new-result>fail</new-result><remark>{escape(_waiver(one))}</remark></override>{after}')

    begin = ('<?xml version="1.0" encoding="utf-8"?>\n<arf:asset-report-collection xmlns:arf="http://scap.nist.gov/schema/asset-reporting-format/1.1"'
             ' xmlns:core="http://scap.nist.gov/schema/reporting-core/1.1" xmlns:ai="http://scap.nist.gov/schema/asset-identification/1.1">'
             '<core:relationships xmlns:arfvocab="http://scap.nist.gov/specifications/arf/vocabulary/relationships/1.0#">'
             '<core:relationship type="arfvocab:createdFor" subject="report"><core:ref>request</core:ref></core:relationship>'
             '<core:relationship type="arfvocab:isAbout" subject="report"><core:ref>asset</core:ref></core:relationship></core:relationships>'
             f'<arf:report-requests><arf:report-request id="request"><arf:content>{_benchmark(made)}</arf:content></arf:report-request>'
             '</arf:report-requests>\n')
    version = escape(_text(made['collection']), {'"': '&quot;'})

    def chunks(host: dict[str, Any]) -> Iterator[str]:
        name, when = escape(_line(host['name'])), _when(made, host)
        yield begin
        yield (f'<arf:assets><arf:asset id="asset"><ai:computing-device><ai:fqdn>{name}</ai:fqdn></ai:computing-device></arf:asset></arf:assets>'
               f'<arf:reports><arf:report id="report"><arf:content><TestResult xmlns="http://checklists.nist.gov/xccdf/1.2"'
               f' id="{PREFIX}testresult_{_uuid(host["name"], when)}" start-time="{when}" end-time="{when}" test-system="mailops.sendmail {version}"'
               f' version="{version}"><benchmark href="#request" id="{PREFIX}benchmark_{BENCHMARK}"/><title>Sendmail of {name}</title>'
               f'<target>{name}</target>\n')
        passed = judged = 0
        for number in host['findings']:
            before, after = piece(number, host['message'])
            yield before + when + after if after else before
            passed += findings[number]['status'] == 'pass'
            judged += findings[number]['status'] != 'not_applicable'
        yield (f'<score system="urn:xccdf:scoring:flat-unweighted" maximum="{judged}">{passed}</score></TestResult></arf:content></arf:report></arf:reports>'
               '</arf:asset-report-collection>\n')

    for host in made['hosts']:
        yield host['name'], chunks(host)


# OSCAL assessment results, https://pages.nist.gov/OSCAL

OSCAL = '1.1.2'
STATES = {'pass': ('satisfied', 'pass'), 'fail': ('not-satisfied', 'fail'), 'waived': ('not-satisfied', 'fail'), 'error': ('not-satisfied', 'other'),
          'unknown': ('not-satisfied', 'other')}


def _property(name: str, value: Any) -> dict[str, str]:
    return {'name': name, 'ns': HOME, 'value': _line(value)}


def _markup(value: str) -> str:
    """Descriptions in OSCAL are Markdown."""
    return str(_compliance_report.plain(_line(value)))


class _Oscal(NamedTuple):
    """The texts of a finding behind its ids."""

    observation: str
    finding: str      # nothing where the control does not apply
    risk: str         # nothing where it passes


def to_oscal(made: Report) -> Files:
    """What does not apply is observed, and nothing is concluded from it. A waiver is an approved deviation, with its end as deadline."""
    controls, findings = {one['id']: one for one in made['controls']}, made['findings']

    @lru_cache(maxsize=PIECES)
    def piece(number: int, message: str) -> _Oscal:
        one = findings[number]
        about, status, waiver = controls[one['control']], one['status'], one['waiver']
        told = _markup(_told(one, message))
        properties = [_property('control', about['id']), _property('status', status), _property('severity', one['severity'])]
        observation = _json({'title': about['title'], 'description': told, 'props': properties, 'methods': ['TEST']})[1:-1]
        if status == 'not_applicable':
            return _Oscal(observation, '', '')
        state, reason = STATES[status]
        finding = _json({
            'title': about['title'], 'description': told,
            'props': [*properties, *(_property('cci', text) for text in about['cci']), *(_property('nist-sp-800-53', text) for text in about['nist']),
                      *(_property('rule', text) for text in _rules(about))],
            'target': {'type': 'objective-id', 'target-id': about['id'], 'status': {'state': state, 'reason': reason}}})[1:-1]
        if status == 'pass':
            return _Oscal(observation, finding, '')
        risk = {'title': about['title'], 'description': told, 'statement': about['rationale'], 'props': properties, 'status': 'open'}
        if status == 'waived':
            risk.update(status='deviation-approved', deadline=f'{waiver["expires"]}T23:59:59Z',
                        **{'mitigating-factors': [{'uuid': _uuid('waiver', about['id'], waiver['reason'], waiver['expires']), 'description': told}]})
        return _Oscal(observation, finding, _json(risk)[1:-1])

    def section(name: str, items: list[str]) -> str:
        return f',\n"{name}":[' + ',\n'.join(items) + ']' if items else ''

    resource = _uuid('controls', made['collection'])
    back = _json({'resources': [{'uuid': resource, 'title': 'The controls of mailops.sendmail', 'rlinks': [{'href': PAGE}]}]})
    reviewed = _json({'control-selections': [{'include-controls': [{'control-id': one['id']} for one in made['controls']]}],
                      'control-objective-selections': [{'include-objectives': [{'objective-id': one['id']} for one in made['controls']]}]})

    def chunks(host: dict[str, Any]) -> Iterator[str]:
        name, when = host['name'], _when(made, host)
        item = _uuid('host', name)
        subject = f'"subjects":[{{"subject-uuid":"{item}","type":"inventory-item"}}],"collected":"{when}"'
        observations, found, risks = [], [], []
        for number in host['findings']:
            control, texts = findings[number]['control'], piece(number, host['message'])
            observation = _uuid('observation', name, control, when)
            observations.append(f'{{"uuid":"{observation}",{texts.observation},{subject}}}')
            related = f'"related-observations":[{{"observation-uuid":"{observation}"}}]'
            if texts.risk:
                risk = _uuid('risk', name, control, when)
                risks.append(f'{{"uuid":"{risk}",{texts.risk},{related}}}')
                related += f',"related-risks":[{{"risk-uuid":"{risk}"}}]'
            if texts.finding:
                found.append(f'{{"uuid":"{_uuid("finding", name, control, when)}",{texts.finding},{related}}}')
        title = f'Sendmail of {_markup(name)}'
        metadata = {'title': title, 'last-modified': when, 'version': _line(made['collection']), 'oscal-version': OSCAL}
        local = {'inventory-items': [{'uuid': item, 'description': title, 'props': [{'name': 'fqdn', 'value': _line(name)}]}]}
        yield (f'{{"assessment-results":{{"uuid":"{_uuid("document", name, when)}","metadata":{_json(metadata)},"import-ap":{{"href":"#{resource}"}},'
               f'"results":[{{"uuid":"{_uuid("result", name, when)}","title":{_json(title)},'
               f'"description":{_json(_markup(host["message"] or "All controls of mailops.sendmail, judged in one call"))},'
               f'"start":"{when}","end":"{when}","local-definitions":{_json(local)},"reviewed-controls":{reviewed}')
        yield section('observations', observations) + section('risks', risks) + section('findings', found)
        yield f'}}],"back-matter":{back}}}}}\n'

    for host in made['hosts']:
        yield host['name'], chunks(host)


FORMATS: dict[str, Callable[[Report], Files]] = {'hdf': to_hdf, 'arf': to_arf, 'oscal': to_oscal}
ENDS = {'hdf': '.json', 'arf': '.xml', 'oscal': '.json'}


def _ours(path: str) -> bool:
    """Whether a file is one of these formats as they are written here: each names this collection at its beginning."""
    if not os.path.isfile(path):
        return False
    with open(path, 'rb') as stream:
        return b'mailops' in stream.read(8192)


def write(made: Report, formats: Iterable[str], directory: str) -> None:
    """A directory for each format. What it has of hosts that are no longer in the report goes: nobody may take it for a result of today."""
    for name in formats:
        place = os.path.join(directory, name)
        os.makedirs(place, exist_ok=True)
        written = set()
        for host, chunks in FORMATS[name](made):
            file = _compliance_results.file_name(host)[:-len('.json')] + ENDS[name]
            _compliance_results.write_file(os.path.join(place, file), chunks)
            written.add(file)
        for file in set(os.listdir(place)) - written:
            if file.endswith(ENDS[name]) and _ours(os.path.join(place, file)):
                os.unlink(os.path.join(place, file))
