# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The formats of auditors' tools, read back without these tools. `make formats` has the tools themselves read them."""

from __future__ import annotations

import json
import os
import re
import uuid
import xml.etree.ElementTree as ET

import pytest

pytest.importorskip('ansible')
from hypothesis import given, settings, strategies as st

from ansible_collections.mailops.sendmail.plugins.module_utils import _controls
from ansible_collections.mailops.sendmail.plugins.plugin_utils import _auditors, _compliance_report, _rules
from ansible_collections.mailops.sendmail.tests.unit.audited import every_status, reported
from ansible_collections.mailops.sendmail.tests.unit.fleet import HOSTILE, fleet, result

XCCDF, ARF = '{http://checklists.nist.gov/xccdf/1.2}', '{http://scap.nist.gov/schema/asset-reporting-format/1.1}'
COUNT = len(_controls.CONTROLS)
ANY = st.text(st.characters())    # lone surrogates, as of a name that is not UTF-8, among them
STATUSES = set(_compliance_report.STATUSES)


def files(made, name):
    """{host: text}"""
    return {host: ''.join(chunks) for host, chunks in _auditors.FORMATS[name](made)}


def statuses(made):
    """{host: {control: its finding}}"""
    return {host['name']: {made['findings'][number]['control']: made['findings'][number] for number in host['findings']} for host in made['hosts']}


@pytest.fixture(scope='module', params=['every status', 'hostile', 'many'])
def made(request, tmp_path_factory):
    results = {'every status': every_status, 'hostile': lambda: fleet(12, 3, True), 'many': lambda: fleet(60, 2)}[request.param]()
    return reported(results, tmp_path_factory.mktemp('results'))


@pytest.fixture(scope='module')
def every(tmp_path_factory):
    return reported(every_status(), tmp_path_factory.mktemp('results'))


def test_the_samples_have_every_status(every):
    assert {one['status'] for host in statuses(every).values() for one in host.values()} == STATUSES


class TestHdf:
    WANTED = {'pass': 'passed', 'fail': 'failed', 'waived': 'failed', 'not_applicable': 'skipped', 'error': 'error', 'unknown': 'error'}

    def test_each_control_has_its_status(self, made):
        found = statuses(made)
        assert set(files(made, 'hdf')) == set(found)
        for host, text in files(made, 'hdf').items():
            controls = {one['id']: one for one in json.loads(text)['profiles'][0]['controls']}
            assert {name: one['results'][0]['status'] for name, one in controls.items()} == {
                name: self.WANTED[one['status']] for name, one in found[host].items()}
            # An impact of 0 is what readers take for not applicable, whatever the result is.
            assert {name for name, one in controls.items() if one['impact'] == 0} == {
                name for name, one in found[host].items() if one['status'] == 'not_applicable'}

    def test_a_waiver_leaves_the_failure(self, every):
        one = next(one for one in json.loads(files(every, 'hdf')['waived'])['profiles'][0]['controls'] if one['waiver_data'])
        assert one['results'][0]['status'] == 'failed'
        assert one['waiver_data'] == {'expiration_date': '2026-12-31', 'justification': 'replaced in spring', 'run': True, 'skipped_due_to_waiver': False,
                                      'message': 'Waived until 2026-12-31: replaced in spring'}

    def test_a_waiver_that_has_ended_says_so(self, every):
        one = next(one for one in json.loads(files(every, 'hdf')['late'])['profiles'][0]['controls'] if one['waiver_data'])
        assert one['results'][0]['status'] == 'failed' and one['waiver_data']['message'].startswith('The waiver ended on 2020-01-01')


class TestArf:
    WANTED = {'pass': 'pass', 'fail': 'fail', 'waived': 'fail', 'not_applicable': 'notapplicable', 'error': 'error', 'unknown': 'unknown'}

    def test_each_rule_has_its_result(self, made):
        found = statuses(made)
        for host, text in files(made, 'arf').items():
            root = ET.fromstring(text.encode())
            results = root.findall(f'.//{XCCDF}TestResult/{XCCDF}rule-result')
            assert {one.get('idref').rpartition('_')[2]: one.findtext(f'{XCCDF}result') for one in results} == {
                name: self.WANTED[one['status']] for name, one in found[host].items()}
            assert {one.get('idref') for one in results} == {one.get('id') for one in root.iter(f'{XCCDF}Rule')}
            assert {one.get('idref').rpartition('_')[2] for one in results if one.find(f'{XCCDF}override') is not None} == {
                name for name, one in found[host].items() if one['status'] == 'waived'}

    def test_ids_have_the_pattern_of_the_standard(self, every):
        for text in files(every, 'arf').values():
            root = ET.fromstring(text.encode())
            for tag, kind in (('Benchmark', 'benchmark'), ('Rule', 'rule'), ('TestResult', 'testresult')):
                assert all(re.fullmatch(rf'xccdf_[^_]+_{kind}_[\w.-]+', one.get('id')) for one in root.iter(XCCDF + tag))

    def test_the_score_counts_what_passed_of_what_applies(self, every):
        for host, text in files(every, 'arf').items():
            score = ET.fromstring(text.encode()).find(f'.//{XCCDF}score')
            found = [one['status'] for one in statuses(every)[host].values()]
            assert (int(score.text), int(score.get('maximum'))) == (found.count('pass'), COUNT - found.count('not_applicable'))

    def test_an_override_keeps_the_result(self, every):
        override = ET.fromstring(files(every, 'arf')['waived'].encode()).find(f'.//{XCCDF}override')
        assert [override.findtext(XCCDF + name) for name in ('old-result', 'new-result', 'remark')] == [
            'fail', 'fail', 'Waived until 2026-12-31: replaced in spring']


class TestOscal:
    def test_each_control_is_observed_and_concluded_from(self, made):
        found = statuses(made)
        for host, text in files(made, 'oscal').items():
            one = json.loads(text)['assessment-results']['results'][0]
            observed = [{prop['name']: prop['value'] for prop in each['props']} for each in one['observations']]
            assert {each['control']: each['status'] for each in observed} == {name: each['status'] for name, each in found[host].items()}
            states = {each['target']['target-id']: each['target']['status']['state'] for each in one['findings']}
            assert states == {name: 'satisfied' if each['status'] == 'pass' else 'not-satisfied'
                              for name, each in found[host].items() if each['status'] != 'not_applicable'}
            observations, risks = [{each['uuid'] for each in one.get(name, [])} for name in ('observations', 'risks')]
            assert {ref['observation-uuid'] for each in one['findings'] for ref in each['related-observations']} <= observations
            assert {ref['risk-uuid'] for each in one['findings'] for ref in each.get('related-risks', [])} == risks

    def test_a_waiver_is_an_approved_deviation_with_an_end(self, every):
        risks = json.loads(files(every, 'oscal')['waived'])['assessment-results']['results'][0]['risks']
        assert [(one['status'], one['deadline']) for one in risks if 'deadline' in one] == [('deviation-approved', '2026-12-31T23:59:59Z')]

    def test_ids_are_of_version_5_and_none_is_there_twice(self, every):
        for text in files(every, 'oscal').values():
            ids = re.findall(r'[{,]"uuid":"([^"]+)"', text)
            assert len(ids) == len(set(ids)) and {uuid.UUID(one).version for one in ids} == {5}


class TestEach:
    @pytest.mark.parametrize('name', _auditors.FORMATS)
    def test_the_same_results_make_the_same_files(self, tmp_path, name):
        results = {'a': result()}
        first = reported(results, tmp_path)
        later = dict(first, generated='2030-01-01T00:00:00Z')
        assert files(first, name) == files(later, name)

    @pytest.mark.parametrize('name', _auditors.FORMATS)
    def test_nothing_is_shared_with_another_host(self, tmp_path, name):
        made = reported({'a': {'unreachable': True, 'msg': 'no route'}, 'b': {'unreachable': True, 'msg': 'no answer'}, 'c': result()}, tmp_path)
        found = files(made, name)
        assert [('no route' in found[host], 'no answer' in found[host]) for host in 'abc'] == [(True, False), (False, True), (False, False)]

    def test_a_host_that_is_gone_has_no_file_any_more(self, tmp_path):
        names = [HOSTILE, '..', 'x' * 255, 'a/b']
        _auditors.write(reported({name: result() for name in names}, tmp_path / 'results'), _auditors.FORMATS, str(tmp_path))
        assert {name: len(os.listdir(tmp_path / name)) for name in _auditors.FORMATS} == dict.fromkeys(_auditors.FORMATS, len(names))
        (tmp_path / 'hdf' / 'notes.txt').write_text('of somebody')
        # Other tools write these formats too, of other profiles and into a directory of this name.
        (tmp_path / 'hdf' / 'web1.json').write_text('{"platform":{"name":"ubuntu"},"profiles":[{"name":"cis-baseline"}]}')
        (tmp_path / 'arf' / 'web1.xml').write_bytes(b'<?xml version="1.0"?>\xff')
        (tmp_path / 'oscal' / 'more.json').mkdir()
        _auditors.write(reported({'b': result()}, tmp_path / 'results'), _auditors.FORMATS, str(tmp_path))
        assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.glob('[aho]*/*')) == [
            'arf/b.xml', 'arf/web1.xml', 'hdf/b.json', 'hdf/notes.txt', 'hdf/web1.json', 'oscal/b.json', 'oscal/more.json']

    def test_no_host_has_no_file(self, tmp_path):
        _auditors.write(reported({}, tmp_path / 'results'), _auditors.FORMATS, str(tmp_path))
        assert list(tmp_path.glob('*/*')) == []

    @settings(max_examples=60, deadline=None)
    @given(ANY.filter(bool), ANY, ANY)
    def test_any_text_is_data(self, every, name, told, reason):
        """Of names, evidence and reasons, whatever characters they have."""
        host = dict(next(one for one in every['hosts'] if one['name'] == 'waived'), name=name, message=told)
        findings = [dict(one, evidence=[told], actual=told, waiver=one['waiver'] and dict(one['waiver'], reason=reason)) for one in every['findings']]
        made = dict(every, findings=findings, hosts=[host])
        root = ET.fromstring(files(made, 'arf')[name].encode())
        assert all(one.text.startswith('Waived until ') for one in root.iter(XCCDF + 'remark'))
        assert len(root.findall(f'.//{XCCDF}rule-result')) == COUNT and len(root.findall(f'.//{ARF}asset')) == 1
        hdf = json.loads(files(made, 'hdf')[name].encode().decode())
        assert len(hdf['profiles'][0]['controls']) == COUNT
        oscal = json.loads(files(made, 'oscal')[name])['assessment-results']['results'][0]
        assert len(oscal['observations']) == COUNT
        for prop in (prop for one in [*oscal['observations'], oscal['local-definitions']['inventory-items'][0]] for prop in one['props']):
            assert re.fullmatch(r'\S(.*\S)?', prop['value'])
        assert not re.search('[\ud800-\udfff]', json.dumps([hdf, oscal], ensure_ascii=False))


class TestRules:
    def test_rows_are_well_formed(self):
        rows = [(control, one) for control, ones in _rules.RULES.items() for one in ones]
        assert len({(one.benchmark, one.id) for _control, one in rows}) == len(rows)
        assert len({(one.benchmark, one.version or one.id) for _control, one in rows}) == len(rows)
        for control, one in rows:
            assert re.fullmatch(r'SMQ-[A-Z]{3}-\d\d', control) and one.title and one.title == one.title.strip()
            if 'STIG' in one.benchmark:
                assert re.fullmatch(r'V-\d{6}', one.id) and re.fullmatch(rf'S{one.id}r\d+_rule', one.rule) and one.version and one.cci in _rules.NIST
            else:
                assert re.fullmatch(r'\d+(\.\d+)+', one.id) and (one.rule, one.version, one.cci) == ('', '', '')

    def test_a_row_without_its_control_does_not_show(self, tmp_path, monkeypatch):
        monkeypatch.setitem(_rules.RULES, 'SMQ-NEW-99', (_rules.Rule('A STIG', 'V-999999', 'SV-999999r1_rule', 'X', 'CCI-000366', 'Nothing'),))
        made = reported({'a': result()}, tmp_path)
        assert not any('999999' in text for name in _auditors.FORMATS for text in files(made, name).values())
        assert '999999' not in ''.join(_compliance_report.to_json(made))

    def test_a_control_without_a_row_has_empty_cells(self):
        assert _rules.of('SMQ-QUE-01') == {'rules': [], 'cci': [], 'nist': []}

    def test_what_follows_from_a_row(self):
        found = _rules.of('SMQ-POL-01')
        assert ('V-215415', 'AIX7-00-003117') in {(one['id'], one['version']) for one in found['rules']}
        assert (found['cci'], found['nist']) == (['CCI-000366'], ['CM-6 b'])
