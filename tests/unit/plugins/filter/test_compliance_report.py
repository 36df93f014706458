# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a fleet and its formats, each read back by somebody else's reader."""

from __future__ import annotations

import csv
import html
import importlib.util
import io
import json
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest

pytest.importorskip('ansible')
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from hosts_looked_at import HEALTHY
from fleet import HOSTILE, fleet, result

from ansible_collections.mailops.sendmail.plugins.filter.compliance_program import compliance_program
from ansible_collections.mailops.sendmail.plugins.filter.compliance_report import compliance_report
from ansible_collections.mailops.sendmail.plugins.module_utils import _controls

ROOT = Path(__file__).resolve().parents[4]
COUNT = len(_controls.CONTROLS)
NAMES = ('bare', 'broken', 'gone', 'good', 'late')


def mixed():
    """A host that complies, and every other kind of host there is."""
    bare = HEALTHY._replace(program=dict(HEALTHY.program, sendmail=None, path=None, target=None, is_sendmail=False))
    return {'good': result(), 'bare': result(bare), 'gone': {'unreachable': True, 'msg': 'no route to host'},
            'broken': {'failed': True, 'msg': 'it broke'}, 'late': {}}


@pytest.fixture(scope='module', params=['mixed', 'hostile', 'many'])
def made(request):
    return compliance_report({'mixed': mixed, 'hostile': lambda: fleet(12, 3, True), 'many': lambda: fleet(60, 2)}[request.param]())


class TestReport:
    def test_every_host_is_in_it(self):
        report = compliance_report(mixed())
        assert [(host['name'], host['status']) for host in report['hosts']] == list(zip(NAMES, ('failing', 'error', 'unknown', 'compliant', 'unknown')))
        assert report['summary']['hosts'] == {'total': 5, 'compliant': 1, 'failing': 1, 'error': 1, 'unknown': 2}
        assert {len(host['controls']) for host in report['hosts']} == {COUNT}
        assert [host['message'] for host in report['hosts']] == ['', 'it broke', 'no route to host', '', 'The check did not come to this host.']

    def test_numbers_add_up(self, made):
        assert sum(made['summary']['controls'].values()) == COUNT * made['summary']['hosts']['total']
        for one in made['controls']:
            assert sum(one['hosts'].values()) == made['summary']['hosts']['total']
        assert sum(made['summary']['failing'].values()) == made['summary']['controls']['fail']

    def test_an_error_alone_is_not_compliant(self):
        assert compliance_report({'a': result(HEALTHY._replace(filesystems={}))})['hosts'][0]['status'] == 'error'

    def test_a_report_can_be_the_input(self, made):
        assert compliance_report(json.loads(compliance_report(made, 'json')), 'markdown') == compliance_report(made, 'markdown')

    def test_no_host_at_all(self):
        for format_ in ('json', 'junit', 'csv', 'markdown', 'prometheus', 'html'):
            assert compliance_report({}, format_)

    @pytest.mark.parametrize('arguments', [({}, 'pdf'), ({}, 'gate', 'worst'), ([], 'json')])
    def test_what_is_refused(self, arguments):
        with pytest.raises(Exception, match=r'compliance_report: '):
            compliance_report(*arguments)


class TestGate:
    @pytest.mark.parametrize('fail_on, shut', [('none', False), ('critical', False), ('high', False), ('medium', True), ('low', True)])
    def test_severity(self, fail_on, shut):
        results = {'a': result(HEALTHY._replace(lookups=dict(HEALTHY.lookups, own=dict(HEALTHY.lookups['own'], unqualified=True))))}
        assert bool(compliance_report(results, 'gate', fail_on)) == shut

    @pytest.mark.parametrize('one', [{}, {'unreachable': True}, {'failed': True}, result(HEALTHY._replace(filesystems={}))])
    def test_what_is_not_known_shuts_it(self, one):
        assert compliance_report({'a': one}, 'gate', 'critical') == ['It is not known whether these comply: a.']
        assert compliance_report({'a': one}, 'gate', 'none') == []


class TestFormats:
    def test_json_keeps_to_its_schema(self, made):
        jsonschema = pytest.importorskip('jsonschema')
        schema = json.loads((ROOT / 'docs/schemas/compliance-report-1.json').read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        text = compliance_report(made, 'json')
        jsonschema.validate(json.loads(text), schema)
        assert text.isascii() and '\x1b' not in text
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(dict(json.loads(text), version=2), schema)

    def test_junit(self, made):
        root = ET.fromstring(compliance_report(made, 'junit'))
        assert len(root) == made['summary']['hosts']['total']
        found = {'fail': 0, 'error': 0}
        for suite in root:
            assert len(suite) == COUNT == int(suite.get('tests'))
            for kind, tag in (('fail', 'failure'), ('error', 'error')):
                count = len(suite.findall(f'testcase/{tag}'))
                assert count == int(suite.get({'fail': 'failures', 'error': 'errors'}[kind]))
                found[kind] += count
        counts = made['summary']['controls']
        assert found == {'fail': counts['fail'], 'error': counts['error'] + counts['unknown']}

    def test_csv(self, made):
        rows = list(csv.DictReader(io.StringIO(compliance_report(made, 'csv'), newline='')))
        assert len(rows) == COUNT * made['summary']['hosts']['total']
        assert sum(row['status'] == 'fail' for row in rows) == made['summary']['controls']['fail']
        assert not any(value[:1] in ('=', '+', '-', '@') for row in rows for value in row.values())

    def test_markdown(self, made):
        text = compliance_report(made, 'markdown')
        for host in made['hosts']:
            assert re.sub(r'\W+', '', host['name']) in re.sub(r'\W+', '', html.unescape(text))
        assert '<script' not in text and '[x](' not in text and '\x1b' not in text

    def test_prometheus(self, made):
        parser = pytest.importorskip('prometheus_client.parser')
        families = {family.name: family.samples for family in parser.text_string_to_metric_families(compliance_report(made, 'prometheus'))}
        assert len(families['sendmail_compliance_control']) == COUNT * made['summary']['hosts']['total']
        assert {sample.labels['host'] for sample in families['sendmail_compliance_host']} == {host['name'] for host in made['hosts']}
        failing = [sample for sample in families['sendmail_compliance_control'] if sample.labels['status'] == 'fail']
        assert len(failing) == made['summary']['controls']['fail']

    def test_html_is_one_page_in_which_text_is_data(self, made):
        page = Page(compliance_report(made, 'html'))
        assert page.foreign == [] and page.scripts == 0 and page.unbalanced == []
        rows = page.rows
        assert len([row for row in rows if len(row) == COUNT + 1]) >= made['summary']['hosts']['total']
        for host in made['hosts']:
            assert ' '.join(host['name'].split()) in page.text


class Page(HTMLParser):
    VOID = ('meta', 'br')

    def __init__(self, text):
        super().__init__()
        self.foreign, self.scripts, self.unbalanced, self.rows, self.open, self.parts = [], 0, [], [], [], []
        self.feed(text)
        self.unbalanced += self.open
        self.text = ' '.join(''.join(self.parts).split())

    def handle_starttag(self, tag, attrs):
        self.scripts += tag in ('script', 'iframe', 'object', 'embed', 'link', 'img', 'form', 'base')
        self.scripts += any(name.startswith('on') for name, _value in attrs)
        self.foreign += [value for name, value in attrs if name in ('src', 'href', 'action') and not (value or '').startswith('#')]
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == 'tr':
            self.rows.append([])
        elif tag in ('td', 'th') and self.rows:
            self.rows[-1].append(tag)

    def handle_endtag(self, tag):
        if self.open and self.open[-1] == tag:
            self.open.pop()
        else:
            self.unbalanced.append(tag)

    def handle_data(self, data):
        if self.open and self.open[-1] != 'style':
            self.parts.append(data)


CHROMIUM = shutil.which('chromium-headless-shell') or shutil.which('chromium')


# Under ansible-test, for every Python there is, the other tests are enough.
@pytest.mark.skipif(CHROMIUM is None or importlib.util.find_spec('prometheus_client') is None, reason='tests/prepare installs Chromium for the main run')
@pytest.mark.parametrize('count, hostile', [(1, False), (10, True), (500, False)])
def test_a_browser_shows_the_page(tmp_path, count, hostile):
    """As a reader sees it: the tree that the browser makes, and a picture of the size that was asked for."""
    results = fleet(count, 5, hostile)
    page = tmp_path / 'report.html'
    page.write_text(compliance_report(results, 'html'), encoding='utf-8')

    def chromium(*options):
        return subprocess.run([CHROMIUM, '--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', f'--user-data-dir={tmp_path}/profile', *options,
                               page.as_uri()], capture_output=True, text=True, timeout=240, check=True)
    tree = chromium('--dump-dom').stdout
    shown = Page(tree)
    assert shown.scripts == 0 and shown.foreign == []
    matrix = [row for row in shown.rows if len(row) == COUNT + 1]
    assert len(matrix) == count + 1   # the hosts, and the numbers of the controls above them
    if hostile:
        assert ' '.join(HOSTILE.split()).replace('\x1b', '') in shown.text.replace('\x1b', '').replace('\ufffd', '')
    picture = tmp_path / 'report.png'
    chromium('--window-size=390,900', f'--screenshot={picture}')
    assert picture.read_bytes()[:8] == b'\x89PNG\r\n\x1a\n' and picture.stat().st_size > 10000


class TestProgram:
    OPTIONS = {'thresholds': {'msp_age': '6h'}, 'overrides': [], 'waivers': [{'id': 'SMQ-QUE-01', 'reason': "it's {{ so }} \\", 'expires': '2027-01-01'}]}

    def test_it_runs_where_there_is_nothing_but_python(self, tmp_path):
        program = tmp_path / 'check'
        program.write_text(compliance_program(self.OPTIONS))
        out = tmp_path / 'out.prom'
        done = subprocess.run([sys.executable, '-I', '-S', program, out], capture_output=True, text=True, timeout=120, check=False, cwd='/')
        assert done.returncode == 0, done.stderr
        text = out.read_text()
        assert text.count('sendmail_compliance_control{') == COUNT and 'host=' not in text
        assert [path.name for path in tmp_path.iterdir() if path.name.startswith('.')] == []

    def test_the_same_options_make_the_same_program(self):
        assert compliance_program(self.OPTIONS) == compliance_program(dict(reversed(self.OPTIONS.items())))

    def test_wrong_options_are_refused_on_the_controller(self):
        with pytest.raises(Exception, match="overrides.id: 'SMQ-NON-01' is not a control"):
            compliance_program({'overrides': [{'id': 'SMQ-NON-01'}]})
