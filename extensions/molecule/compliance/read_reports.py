# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""See that every host of fleet.yml is in every format of the report, as what it is: python read_reports.py DIRECTORY"""

import csv
import json
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import jsonschema
from prometheus_client.parser import text_string_to_metric_families

HOSTS = {'bare': 'failing', 'breaks': 'error', 'bookworm': 'compliant', 'gone': 'unknown'}
place = Path(sys.argv[1])
root = Path(__file__).resolve().parents[3]

report = json.loads((place / 'report.json').read_text())
jsonschema.validate(report, json.loads((root / 'docs/schemas/compliance-report-1.json').read_text()))
assert {host['name']: host['status'] for host in report['hosts']} == HOSTS, report['summary']
bare = next(host for host in report['hosts'] if host['name'] == 'bare')
findings = [report['findings'][number] for number in bare['findings']]
assert [one['control'] for one in findings if one['status'] == 'fail'] == ['SMQ-PRG-01']
assert {path.name for path in (place / 'results').iterdir()} == {f'{name}.json' for name in HOSTS}

suites = {suite.get('name'): suite for suite in ET.parse(place / 'junit.xml').getroot()}
assert set(suites) == set(HOSTS)
controls = len(report['controls'])
for name in ('breaks', 'gone'):
    assert len(suites[name].findall('testcase/error')) == controls
assert not suites['bookworm'].findall('testcase/failure') and len(suites['bare'].findall('testcase/failure')) == 1

with open(place / 'report.csv', newline='') as stream:
    rows = list(csv.DictReader(stream))
assert len(rows) == len(HOSTS) * controls and {row['host']: row['host_status'] for row in rows} == HOSTS

samples = [sample for family in text_string_to_metric_families((place / 'compliance.prom').read_text()) for sample in family.samples]
assert {sample.labels['host']: sample.labels['status'] for sample in samples if sample.name == 'sendmail_compliance_host'} == {
    name: status for name, status in HOSTS.items() if status != 'compliant'}

# For auditors, a file for each host.
assert {name: {path.stem for path in (place / name).iterdir()} for name in ('hdf', 'arf', 'oscal')} == dict.fromkeys(('hdf', 'arf', 'oscal'), set(HOSTS))
results = {name: [one['results'][0]['status'] for one in json.loads((place / f'hdf/{name}.json').read_text())['profiles'][0]['controls']] for name in HOSTS}
assert {name: set(results[name]) for name in ('breaks', 'gone')} == {'breaks': {'error'}, 'gone': {'error'}}
assert 'passed' in results['bookworm'] and not {'failed', 'error'}.intersection(results['bookworm']) and results['bare'].count('failed') == 1
for name in HOSTS:
    ET.parse(place / f'arf/{name}.xml')
    json.loads((place / f'oscal/{name}.json').read_text())

markdown, html = (place / 'report.md').read_text(), (place / 'report.html').read_text()
for name, status in HOSTS.items():
    assert f'| {name} | {status} |' in markdown and f'>{name}</' in html
print('read')
