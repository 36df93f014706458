# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a fleet and its formats, each read back by somebody else's reader."""

from __future__ import annotations

import csv
import html
import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

pytest.importorskip('ansible')
from ansible_collections.mailops.sendmail.plugins.filter.compliance_program import compliance_program
from ansible_collections.mailops.sendmail.plugins.module_utils import _controls, _text
from ansible_collections.mailops.sendmail.plugins.plugin_utils import _compliance_report, _compliance_results
from ansible_collections.mailops.sendmail.tests.unit.fleet import HOSTILE, fleet, kept, result
from ansible_collections.mailops.sendmail.tests.unit.hosts_looked_at import HEALTHY

ROOT = Path(__file__).resolve().parents[4]
COUNT = len(_controls.CONTROLS)
NAMES = ('bare', 'broken', 'gone', 'good', 'late')
DAY = 86400


def mixed():
    """A host that complies, and every other kind of host there is."""
    bare = HEALTHY._replace(program=dict(HEALTHY.program, sendmail=None, path=None, target=None, is_sendmail=False))
    return {'good': result(), 'bare': result(bare), 'gone': {'unreachable': True, 'msg': 'no route to host'},
            'broken': {'failed': True, 'msg': 'it broke'}, 'late': {}}


def reported(results, place, fail_on='none', others=(), later=0):
    today = _compliance_results.now() + timedelta(seconds=later)
    return _compliance_report.report(_compliance_results.gathered(kept(results, place), str(place), others, today, DAY), today, fail_on, DAY)


def written(made, name):
    return ''.join(_compliance_report.FORMATS[name](made))


def controls(made, host):
    return [made['findings'][number] for number in host['findings']]


@pytest.fixture(scope='module', params=['mixed', 'hostile', 'many'])
def made(request, tmp_path_factory):
    results = {'mixed': mixed, 'hostile': lambda: fleet(12, 3, True), 'many': lambda: fleet(60, 2)}[request.param]()
    return reported(results, tmp_path_factory.mktemp('results'))


class TestReport:
    def test_every_host_is_in_it(self, tmp_path):
        report = reported(mixed(), tmp_path)
        assert [(host['name'], host['status']) for host in report['hosts']] == list(zip(NAMES, ('failing', 'error', 'unknown', 'compliant', 'unknown')))
        assert report['summary']['hosts'] == {'total': 5, 'compliant': 1, 'failing': 1, 'error': 1, 'unknown': 2}
        assert {len(host['findings']) for host in report['hosts']} == {COUNT}
        assert [host['message'] for host in report['hosts']] == ['', 'it broke', 'no route to host', '', 'The check did not reach this host.']

    def test_numbers_add_up(self, made):
        assert sum(made['summary']['controls'].values()) == COUNT * made['summary']['hosts']['total']
        for one in made['controls']:
            assert sum(one['hosts'].values()) == made['summary']['hosts']['total']
        assert sum(made['summary']['failing'].values()) == made['summary']['controls']['fail']

    def test_an_error_alone_is_not_compliant(self, tmp_path):
        assert reported({'a': result(HEALTHY._replace(filesystems={}))}, tmp_path)['hosts'][0]['status'] == 'error'

    def test_it_says_by_what_it_was_judged(self, tmp_path):
        made = reported({'a': result(), 'b': result()}, tmp_path, 'high')
        assert made['collection'] == _compliance_results.collection() and re.fullmatch(r'\d+\.\d+\.\d+', made['collection'])
        assert made['gate'] == {'fail_on': 'high', 'open': True, 'reasons': []}
        assert [host['options'] for host in made['hosts']] == [0, 0] and made['options'][0]['thresholds']['msp_age'] == 4 * 3600

    def test_no_host_at_all(self, tmp_path):
        for name in _compliance_report.FORMATS:
            assert written(reported({}, tmp_path), name)


class TestMerge:
    """Several controllers, each with a directory of results."""

    def age(self, place, host, seconds):
        path = place / f'{host}.json'
        record = json.loads(path.read_text())
        record['checked'] = _compliance_results.stamp(_compliance_results.now() - timedelta(seconds=seconds))
        path.write_text(json.dumps(record))

    def test_four_controllers_of_which_one_dies(self, tmp_path):
        names = sorted(fleet(100, 4))
        everything = fleet(100, 4)
        for number in range(4):
            share = names[number::4]
            # The third one dies in the middle of its share.
            kept({name: everything[name] for name in (share[:12] if number == 2 else share)}, tmp_path / str(number) / 'results')
        failed = [name for name in names if 'controls' not in everything[name]]
        made = reported(dict.fromkeys(names, {}), tmp_path / 'own', others=[f'{tmp_path}/*/results'])
        unknown = {host['name']: host['message'] for host in made['hosts'] if host['status'] == 'unknown'}
        assert set(unknown) == set(names[2::4][12:]) | set(failed)
        assert set(unknown.values()) == {'Nobody has reported this host.'}
        assert made['summary']['hosts']['total'] == 100

    def test_the_newest_result_of_a_host_counts(self, tmp_path):
        bad = result(HEALTHY._replace(runners=[]))
        kept({'a': bad, 'b': result()}, tmp_path / 'old')
        kept({'a': result(), 'b': bad}, tmp_path / 'new')
        for host in 'ab':
            self.age(tmp_path / 'old', host, 100)
        for order in (['old', 'new'], ['new', 'old']):
            made = reported({'a': {}, 'b': {}}, tmp_path / 'own', others=[str(tmp_path / name) for name in order])
            assert [host['status'] for host in made['hosts']] == ['compliant', 'failing']

    def test_of_the_same_second_the_one_that_is_not_well_counts(self, tmp_path):
        kept({'a': result(), 'b': result()}, tmp_path / 'well')
        kept({'a': result(HEALTHY._replace(runners=[])), 'b': result(HEALTHY._replace(filesystems={}))}, tmp_path / 'ill')
        for place in ('well', 'ill'):
            for host in 'ab':
                self.age(tmp_path / place, host, 10)
        for order in (['well', 'ill'], ['ill', 'well']):
            made = reported({}, tmp_path / 'own', others=[str(tmp_path / name) for name in order])
            assert [host['status'] for host in made['hosts']] == ['failing', 'error']

    def test_a_directory_below_ones_home(self, tmp_path, monkeypatch):
        """What stands behind -e name=~/results no shell expands."""
        monkeypatch.setenv('HOME', str(tmp_path))
        kept({'a': result()}, tmp_path / 'run1/results')
        assert [host['status'] for host in reported({'a': {}}, tmp_path / 'own', others=['~/*/results'])['hosts']] == ['compliant']

    def test_what_is_too_old_is_not_known(self, tmp_path):
        kept({'meant': result(), 'stranger': result()}, tmp_path / 'old')
        for host in ('meant', 'stranger'):
            self.age(tmp_path / 'old', host, 2 * DAY)
        kept({'pulls': result()}, tmp_path / 'new')
        made = reported({'meant': {}}, tmp_path / 'own', others=[str(tmp_path / '*')])
        # A host that pulls and stands in no inventory must not vanish when it stops.
        assert [(host['name'], host['status']) for host in made['hosts']] == [('meant', 'unknown'), ('pulls', 'compliant'), ('stranger', 'unknown')]
        for host in (made['hosts'][0], made['hosts'][2]):
            assert f'last heard {host["heard"]}' in host['message']

    def edited(self, place, edit, fail_on='none'):
        """The report of host a, whose file was changed by edit(record)."""
        kept({'a': result(HEALTHY._replace(runners=[]))}, place)
        record = json.loads((place / 'a.json').read_text())
        edit(record)
        (place / 'a.json').write_text(json.dumps(record))
        return reported({'a': {}}, place / 'own', fail_on, [str(place)])

    @pytest.mark.parametrize('pattern', ['nowhere', 'no*', 'a.json'])
    def test_a_name_of_no_directory_is_no_empty_report(self, tmp_path, pattern):
        kept({'a': result()}, tmp_path)
        with pytest.raises(_text.SendmailError, match='merge: no directory'):
            reported({}, tmp_path / 'own', others=[str(tmp_path / pattern)])

    def test_a_file_beside_the_directories_is_passed_over(self, tmp_path):
        kept({'a': result()}, tmp_path / 'ams')
        (tmp_path / 'README').write_text('x')
        assert [host['name'] for host in reported({}, tmp_path / 'own', others=[str(tmp_path / '*')])['hosts']] == ['a']

    @pytest.mark.parametrize('days, status', [(0, 'waived'), (-1, 'fail')])
    def test_a_waiver_ends_with_its_day_whenever_the_host_was_looked_at(self, tmp_path, days, status):
        waiver = {'reason': 'later', 'expires': (_compliance_results.now() + timedelta(days=days)).strftime('%Y-%m-%d'), 'expired': False}

        def edit(record):
            for one in record['controls']:
                if one['status'] == 'fail':
                    one.update(status='waived', waiver=dict(waiver, id=one['id']))
        made = self.edited(tmp_path, edit, fail_on='high')
        (one,) = [one for one in controls(made, made['hosts'][0]) if one['waiver']]
        assert one['status'] == status and ('The waiver expired on' in ' '.join(one['evidence'])) is (status == 'fail')
        assert made['gate']['open'] is (status == 'waived')
        for name in _compliance_report.FORMATS:
            assert written(made, name)

    @pytest.mark.parametrize('edit, words', [
        (lambda record: record['controls'][0].update(status='waived', waiver=None), 'waived by no waiver'),
        (lambda record: record['controls'].append(dict(record['controls'][0], id='SMQ-NEW-01', status='fail')), 'SMQ-NEW-01 does not pass there'),
        (lambda record: record['controls'].append(dict(record['controls'][0], id='SMQ-NEW-01', status='error')), 'SMQ-NEW-01 does not pass there'),
        (lambda record: record['controls'].append(record['controls'][0]), 'more than once'),
        (lambda record: record.update(checked='0001-01-01T00:00:00Z'), 'no time of this century'),
        (lambda record: record.update(controls=[], status='error', heard='2999-01-01T00:00:00Z'), 'in the future'),
        (lambda record: record['options']['thresholds'].update(msp_age=float('nan')), 'NaN is not JSON'),
        (lambda record: record['controls'][0].update(waiver={'id': 'x', 'reason': 'x', 'expires': '2026-1-1', 'expired': False}), 'is not a day')])
    def test_a_result_that_does_not_add_up_is_an_error_of_its_host(self, tmp_path, edit, words):
        made = self.edited(tmp_path, edit)
        assert [host['status'] for host in made['hosts']] == ['error'] and words in made['hosts'][0]['message']
        for name in _compliance_report.FORMATS:
            assert written(made, name)

    def test_a_number_too_large_for_json_is_none(self, tmp_path):
        kept({'a': result()}, tmp_path)
        text = (tmp_path / 'a.json').read_text()
        (tmp_path / 'a.json').write_text(text.replace('"msp_age":14400', '"msp_age":1e999'))
        made = reported({'a': {}}, tmp_path / 'own', others=[str(tmp_path)])
        assert made['hosts'][0]['status'] == 'error' and 'Infinity' not in written(made, 'json')

    def test_what_a_newer_collection_passes_is_no_matter(self, tmp_path):
        made = self.edited(tmp_path, lambda record: record['controls'].append(dict(record['controls'][0], id='SMQ-NEW-01', status='pass')))
        assert made['hosts'][0]['status'] == 'failing'

    def test_a_failure_always_says_something(self, tmp_path):
        made = self.edited(tmp_path, lambda record: record.update(controls=[], status='error', message=''))
        assert made['hosts'][0]['message'] == 'The result does not say why.'

    def test_a_long_name_is_whole_where_its_file_cannot_be_used(self, tmp_path):
        kept({'x' * 255: result()}, tmp_path)
        (path,) = tmp_path.glob('*.json')
        path.write_text('{')
        assert [host['name'] for host in reported({'x' * 255: {}}, tmp_path / 'own', others=[str(tmp_path)])['hosts']] == ['x' * 255]

    def test_a_host_that_does_not_answer_any_more_was_heard_last_when_it_did(self, tmp_path):
        kept({'a': result()}, tmp_path)
        self.age(tmp_path, 'a', 500)
        then = json.loads((tmp_path / 'a.json').read_text())['checked']
        for _time in range(2):
            host = reported({'a': {'unreachable': True, 'msg': 'gone'}}, tmp_path)['hosts'][0]
            assert (host['status'], host['message'], host['heard']) == ('unknown', 'gone', then)
        # Other controllers hear of it too.
        host = reported({'a': {}}, tmp_path / 'own', others=[str(tmp_path)])['hosts'][0]
        assert (host['status'], host['message'], host['heard']) == ('unknown', 'gone', then)

    @pytest.mark.parametrize('text', ['', '{', '[]', 'null', '{"format": 1}', '[' * 100000, '\x00', 'x' * 300000])
    def test_a_file_that_is_none_is_an_error_of_its_host(self, tmp_path, text):
        kept({'good': result()}, tmp_path)
        (tmp_path / 'bad.json').write_text(text)
        made = reported({'good': {}, 'bad': {}}, tmp_path / 'own', others=[str(tmp_path)])
        assert [host['status'] for host in made['hosts']] == ['error', 'compliant'] and 'bad.json cannot be used' in made['hosts'][0]['message']

    @pytest.mark.parametrize('make', [os.mkfifo, os.mkdir, lambda path: os.symlink('/dev/zero', path), lambda path: os.symlink('nowhere', path),
                                      lambda path: os.symlink(path, path)])
    def test_what_is_no_file_keeps_nobody_waiting(self, tmp_path, make):
        kept({'good': result()}, tmp_path)
        make(tmp_path / 'bad.json')
        made = reported({'good': {}, 'bad': {}}, tmp_path / 'own', others=[str(tmp_path)])
        assert [host['status'] for host in made['hosts']] == ['error', 'compliant']

    def test_a_link_to_a_result_is_one(self, tmp_path):
        kept({'good': result()}, tmp_path / 'there')
        (tmp_path / 'good.json').symlink_to(tmp_path / 'there/good.json')
        assert [host['status'] for host in reported({}, tmp_path / 'own', others=[str(tmp_path)])['hosts']] == ['compliant']

    @pytest.mark.parametrize('field', ['host', 'checked', 'controls', 'queues', 'domains', 'options', 'collection', 'platform', 'heard'])
    @pytest.mark.parametrize('value', [None, 'x', 5, -1, [], {}, [1], {'a': 1}, [{}], {'msp': {}}, '2999-01-01T00:00:00Z', '\x1b<script>'])
    def test_one_field_that_is_none(self, tmp_path, field, value):
        """Whatever stands there, there is one row for the host, and every format can be written."""
        kept({'a': result()}, tmp_path)
        (tmp_path / 'a.json').write_text(json.dumps(dict(json.loads((tmp_path / 'a.json').read_text()), **{field: value})))
        made = reported({'a': {}}, tmp_path / 'own', others=[str(tmp_path)])
        assert [host['name'] for host in made['hosts']] == ['a']
        assert made['hosts'][0]['status'] != 'compliant' or field not in ('host', 'checked', 'controls')
        for name in _compliance_report.FORMATS:
            assert written(made, name)

    @pytest.mark.parametrize('host', ['a/../b', '..', '.', 'ü', 'x' * 255, '\n', 'a b', '%2e', HOSTILE, 'h\udc80\u202e'])
    def test_any_name(self, tmp_path, host):
        kept({host: result()}, tmp_path)
        assert len(os.listdir(tmp_path)) == 1
        made = reported({host: {}}, tmp_path / 'own', others=[str(tmp_path)])
        assert [(one['name'], one['status']) for one in made['hosts']] == [(host, 'compliant')]
        # Where it fails it is in every format, as text that its readers take.
        made = reported({host: {}}, tmp_path / 'none')
        for name in _compliance_report.FORMATS:
            assert written(made, name).encode('utf-8', 'backslashreplace').decode()
        label = re.search(r'host="((?:[^"\\\n]|\\[\\n"])*)"', written(made, 'prometheus').encode('utf-8', 'backslashreplace').decode())
        assert label and label.group(1)

    def test_a_control_that_an_older_version_does_not_know_is_no_pass(self, tmp_path):
        one = result()
        one['controls'] = one['controls'][:-1]
        made = reported({'a': one}, tmp_path)
        assert made['hosts'][0]['status'] == 'error' and 'does not judge this' in controls(made, made['hosts'][0])[-1]['evidence'][0]


class TestGate:
    @pytest.mark.parametrize('fail_on, shut', [('none', False), ('critical', False), ('high', False), ('medium', True), ('low', True)])
    def test_severity(self, tmp_path, fail_on, shut):
        results = {'a': result(HEALTHY._replace(lookups=dict(HEALTHY.lookups, own=dict(HEALTHY.lookups['own'], unqualified=True))))}
        assert reported(results, tmp_path, fail_on)['gate']['open'] != shut

    @pytest.mark.parametrize('one', [{}, {'unreachable': True}, {'failed': True}, result(HEALTHY._replace(filesystems={}))])
    def test_what_is_not_known_shuts_it(self, tmp_path, one):
        assert reported({'a': one}, tmp_path, 'critical')['gate']['reasons'] == ['It is not known whether these comply: a.']
        assert reported({'a': one}, tmp_path)['gate']['open']


class TestFormats:
    def test_json_keeps_to_its_schema(self, made):
        jsonschema = pytest.importorskip('jsonschema')
        schema = json.loads((ROOT / 'docs/schemas/compliance-report-1.json').read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        text = written(made, 'json')
        jsonschema.validate(json.loads(text), schema)
        assert text.isascii() and '\x1b' not in text
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(dict(json.loads(text), version=2), schema)

    def test_junit(self, made):
        root = ET.fromstring(written(made, 'junit'))
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
        rows = list(csv.DictReader(io.StringIO(written(made, 'csv'), newline='')))
        assert len(rows) == COUNT * made['summary']['hosts']['total']
        assert sum(row['status'] == 'fail' for row in rows) == made['summary']['controls']['fail']
        assert not any(value[:1] in ('=', '+', '-', '@') for row in rows for value in row.values())

    @pytest.mark.parametrize('name', ['junit', 'csv', 'markdown', 'html', 'json'])
    def test_nothing_in_it_moves_a_cursor_or_turns_a_line(self, tmp_path, name):
        """Escapes of a terminal in seven and eight bits, overrides and isolates of direction, line ends, spaces of no width, tags, half characters."""
        odd = 'a\x1b[31m\x9b1m\u202e\u2066\u2028\x85\u200b\ufeff\x07\udc80\U000e0041z'
        look = HEALTHY._replace(writable=[odd], family=odd, domains={odd: {'1h': 3}}, program=dict(HEALTHY.program, version=odd))
        text = written(reported({odd.replace('\udc80', ''): result(look), 'gone': {'unreachable': True, 'msg': odd},
                                 'm\u00fcller': {'failed': True, 'msg': 'Gr\u00fc\u00dfe'}}, tmp_path), name)
        assert [char for char in text if not char.isprintable() and char not in '\r\n'] == []
        assert 'Gr\u00fc\u00dfe' in text or name == 'json'

    @pytest.mark.parametrize('begin', ['=', '+', '-', '@', '\t', '\n', '\uff1d'])
    def test_no_cell_of_csv_is_a_formula(self, made, begin):
        """Evidence holds what a queue says, for example a sender."""
        findings = [dict(one, evidence=[begin + 'HYPERLINK("http://x")']) for one in made['findings']]
        rows = list(csv.DictReader(io.StringIO(written(dict(made, findings=findings), 'csv'), newline='')))
        assert {row['evidence'][:2] for row in rows} == {"'" + begin}

    def test_markdown(self, made):
        text = written(made, 'markdown')
        for kind in _compliance_report.kinds(made)[0]:
            assert re.sub(r'\W+', '', kind['name']) in re.sub(r'\W+', '', html.unescape(text))
        assert '<script' not in text and '[x](' not in text and '\x1b' not in text

    def test_prometheus_has_totals_and_what_is_wrong(self, made):
        parser = pytest.importorskip('prometheus_client.parser')
        families = {family.name: family.samples for family in parser.text_string_to_metric_families(written(made, 'prometheus'))}
        bad = {host['name'] for host in made['hosts'] if host['status'] != 'compliant'}
        assert {sample.labels['host'] for sample in families['sendmail_compliance_host']} == bad
        failing = [sample for sample in families['sendmail_compliance_control'] if sample.labels['status'] == 'fail']
        assert len(failing) == made['summary']['controls']['fail']
        totals = {sample.labels['status']: sample.value for sample in families['sendmail_compliance_hosts']}
        assert dict(totals, total=len(made['hosts'])) == made['summary']['hosts']
        assert max(sum(sample.labels.get('host') == name for samples in families.values() for sample in samples) for name in bad) <= 40

    def test_html_is_one_page_in_which_text_is_data(self, made):
        page = Page(written(made, 'html'))
        assert page.foreign == [] and page.scripts == 0 and page.unbalanced == []
        assert len([row for row in page.rows if len(row) == COUNT + 1]) == len(_compliance_report.kinds(made)[0]) + 1
        for host in made['hosts']:
            assert ' '.join(_compliance_report.clean(host['name']).split()) in page.text


class TestThousands:
    def test_hosts_that_are_alike_share_a_row(self, tmp_path):
        found = dict({f'good{number}': result() for number in range(30)}, bad=result(HEALTHY._replace(runners=[])))
        rows, others = _compliance_report.kinds(reported(found, tmp_path))
        assert [(kind['name'], kind['more']) for kind in rows] == [('bad', 0), ('good0', 29)] and others == []

    def test_what_is_alike_is_kept_once(self, tmp_path):
        made = reported({f'good{number}': result() for number in range(30)}, tmp_path)
        assert len(made['findings']) == COUNT

    def test_the_largest_kinds_have_rows_and_every_host_is_named(self, tmp_path, monkeypatch):
        monkeypatch.setattr(_compliance_report, 'KINDS_MAX', 3)
        made = reported(fleet(60, 2), tmp_path)
        rows, others = _compliance_report.kinds(made)
        assert len(rows) == 3 and min(len(kind['hosts']) for kind in rows) >= max(len(kind['hosts']) for kind in others)
        text = Page(written(made, 'html')).text
        assert all(host['name'] in text for host in made['hosts'])


class Page(HTMLParser):
    VOID = ('meta', 'br', 'wbr')

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
    made = reported(results, tmp_path / 'results')
    page.write_text(written(made, 'html'), encoding='utf-8')

    def chromium(*options):
        return subprocess.run([CHROMIUM, '--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', f'--user-data-dir={tmp_path}/profile', *options,
                               page.as_uri()], capture_output=True, text=True, timeout=240, check=True)
    tree = chromium('--dump-dom').stdout
    shown = Page(tree)
    assert shown.scripts == 0 and shown.foreign == []
    matrix = [row for row in shown.rows if len(row) == COUNT + 1]
    assert len(matrix) == len(_compliance_report.kinds(made)[0]) + 1   # the hosts, and the numbers of the controls above them
    if hostile:
        assert ' '.join(_compliance_report.clean(HOSTILE).split()) in shown.text
    picture = tmp_path / 'report.png'
    chromium('--window-size=390,900', f'--screenshot={picture}')
    assert picture.read_bytes()[:8] == b'\x89PNG\r\n\x1a\n' and picture.stat().st_size > 10000


@pytest.mark.skipif(CHROMIUM is None, reason='tests/prepare installs Chromium for the main run')
def test_the_matrix_fits_into_a_window_of_1280(tmp_path):
    """All controls beside names of usual length, without scrolling. What measures it is added to the page, whose own policy allows no program."""
    page = tmp_path / 'report.html'
    text = written(reported(fleet(10, 5, False), tmp_path / 'results'), 'html')
    page.write_text(re.sub('<meta http-equiv="Content-Security-Policy"[^>]*>', '', text)
                    + '<script>var seen = document.querySelector(".scroll"); document.title = seen.scrollWidth + " of " + seen.clientWidth</script>')
    tree = subprocess.run([CHROMIUM, '--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', f'--user-data-dir={tmp_path}/profile',
                           '--window-size=1280,900', '--dump-dom', page.as_uri()], capture_output=True, text=True, timeout=240, check=True).stdout
    wide, room = map(int, re.search(r'<title>(\d+) of (\d+)</title>', tree).groups())
    assert 1100 < wide <= room


class TestProgram:
    OPTIONS = {'thresholds': {'msp_age': '6h'}, 'overrides': [], 'waivers': [{'id': 'SMQ-QUE-01', 'reason': "it's {{ so }} \\", 'expires': '2027-01-01'}]}

    @pytest.mark.skipif(os.geteuid() != 0, reason='an ordinary user gets no controls')
    def test_it_runs_where_there_is_nothing_but_python(self, tmp_path):
        program = tmp_path / 'check'
        program.write_text(compliance_program(self.OPTIONS))
        out = tmp_path / 'out.prom'
        done = subprocess.run([sys.executable, '-I', '-S', program, out], capture_output=True, text=True, timeout=120, check=False, cwd='/')
        assert done.returncode == 0, done.stderr
        text = out.read_text()
        assert text.count('sendmail_compliance_controls{') == 5 and 'host=' not in text
        assert len([line for line in text.splitlines() if line[:1] != '#']) <= 40
        assert [path.name for path in tmp_path.iterdir() if path.name.startswith('.')] == []

    def test_the_same_options_make_the_same_program(self):
        assert compliance_program(self.OPTIONS) == compliance_program(dict(reversed(self.OPTIONS.items())))

    @pytest.mark.parametrize('given, meant', [
        ({'thresholds': {'wanted': 'no'}}, {'thresholds': {'wanted': False}}), ({'thresholds': {'wanted': 'yes'}}, {'thresholds': {'wanted': True}}),
        ({'thresholds': {'msp_messages': '5'}}, {'thresholds': {'msp_messages': 5}}),
        ({'thresholds': {'listen': '127.*,::1'}}, {'thresholds': {'listen': ['127.*', '::1']}}),
        ({'overrides': [{'id': 'SMQ-QUE-01', 'enabled': 'false'}]}, {'overrides': [{'id': 'SMQ-QUE-01', 'enabled': False}]}),
        ({'waivers': [{'id': 'SMQ-QUE-01', 'reason': 'x', 'expires': date(2027, 1, 1)}]},
         {'waivers': [{'id': 'SMQ-QUE-01', 'reason': 'x', 'expires': '2027-01-01'}]})])
    def test_options_are_taken_as_the_module_takes_them(self, given, meant):
        """-e, INI and templates give text, and a day of YAML without quotes is no text: a host must not be judged otherwise by itself than by a run."""
        assert compliance_program(given) == compliance_program(meant)

    @pytest.mark.parametrize('options, words', [
        ({'overrides': [{'id': 'SMQ-NON-01'}]}, "overrides.id: 'SMQ-NON-01' is not a control"), ({'waivers': [{'id': 'SMQ-QUE-01'}]}, 'missing required'),
        ({'overrides': [{'id': 'SMQ-QUE-01', 'severity': 'CRITICAL'}]}, 'severity must be one of'), ({'thresholds': {'msp_messages': 'x'}}, 'msp_messages'),
        ({'thresholds': {'nope': 1}}, 'nope'), ({'profile': 'x'}, 'profile')])
    def test_wrong_options_are_refused_on_the_controller(self, options, words):
        with pytest.raises(Exception, match=words):
            compliance_program(options)
