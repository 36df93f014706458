# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of controls, over looks made by hand. That hosts give such looks is shown by the scenario compliance."""

import os
import re
import sys

import pytest

from ansible_collections.mailops.sendmail.plugins.module_utils import _controls, _text

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), '../..')))
from hosts_looked_at import DAMAGE, HEALTHY, NOW, queue, relay, want

ROOT = os.path.join(os.path.dirname(_controls.__file__), '..', '..')


def comply(look=HEALTHY, **options):
    return _controls.comply(look, _controls.settled(now=NOW, **options))


def with_status(result, status):
    return [one['id'] for one in result['controls'] if one['status'] == status]


def test_a_healthy_host_complies():
    result = comply()
    assert result['compliant']
    assert result['summary'] == {'pass': len(_controls.CONTROLS), 'fail': 0, 'waived': 0, 'not_applicable': 0, 'error': 0}
    assert [one['evidence'] for one in result['controls'] if one['evidence']] == []


@pytest.mark.parametrize('control, more, also', DAMAGE, ids=['%s-%d' % (row[0], number) for number, row in enumerate(DAMAGE)])
def test_each_control_fails(control, more, also):
    result = comply(HEALTHY._replace(**more))
    assert sorted(with_status(result, 'fail')) == sorted([control] + also)
    assert not result['compliant']


def test_every_control_has_a_damage():
    assert {row[0] for row in DAMAGE} == set(_controls.IDS)


def test_the_table_is_sound():
    assert len(_controls.IDS) == len(set(_controls.IDS))
    for control in _controls.CONTROLS:
        assert re.match(r'SMQ-[A-Z]{3}-\d\d$', control.id)
        assert control.severity in _controls.SEVERITIES
        assert control.rationale.endswith('.') and control.text.endswith('.') and not control.title.endswith('.') and control.references
        assert (control.remedy == 'manual') == (control.name is None)
        if control.name:   # advice names only what is there
            assert os.path.exists(os.path.join(ROOT, *(('roles', control.name) if control.remedy == 'role' else ('plugins', 'modules', control.name + '.py'))))


def test_without_sendmail_one_control_fails_and_no_other_applies():
    program = dict(HEALTHY.program, sendmail=None, path=None, target=None, is_sendmail=False)
    result = comply(HEALTHY._replace(program=program))
    assert with_status(result, 'fail') == ['SMQ-PRG-01']
    assert result['summary']['not_applicable'] == len(_controls.CONTROLS) - 1
    assert comply(HEALTHY._replace(program=program), overrides=[{'id': 'SMQ-PRG-01', 'severity': None, 'enabled': False}])['compliant']


def test_a_host_that_submits_elsewhere_needs_no_mta():
    result = comply(HEALTHY._replace(relay=relay('[192.0.2.20]', listeners=[]), processes=[], sockets=[]))
    assert with_status(result, 'not_applicable') == ['SMQ-MTA-01', 'SMQ-MTA-02', 'SMQ-MTA-04']
    assert result['compliant']


@pytest.mark.parametrize('more, expected', [
    ({'errors': [{'queue': 'msp', 'path': '/q', 'error': 'Permission denied'}]},
     ['SMQ-PRM-03', 'SMQ-QUE-01', 'SMQ-QUE-03', 'SMQ-QUE-04', 'SMQ-QUE-05', 'SMQ-QUE-06', 'SMQ-QUE-08', 'SMQ-QUE-09', 'SMQ-RUN-04']),
    ({'settings': {'mta': HEALTHY.settings['mta']}}, ['SMQ-CFG-03', 'SMQ-CFG-04', 'SMQ-POL-02', 'SMQ-RUN-05', 'SMQ-STO-01']),
    ({'filesystems': {}}, ['SMQ-STO-01', 'SMQ-STO-02', 'SMQ-STO-03']),
    ({'program': dict(HEALTHY.program, version=None)}, ['SMQ-PRG-02']),
    ({'relay': None, 'greeting': None}, ['SMQ-MTA-03']),
    ({'lookups': None}, ['SMQ-NAM-01']),   # not foreseen: one control is an error, the others are judged
])
def test_what_cannot_be_told_is_an_error(more, expected):
    result = comply(HEALTHY._replace(**more))
    assert sorted(with_status(result, 'error')) == expected
    assert with_status(result, 'fail') == [] and not result['compliant']


class TestOptions:
    AGE = {'queues': {'msp': queue(oldest_age=20000), 'mta': queue()}}

    def waiver(self, **more):
        return dict({'id': 'SMQ-QUE-01', 'reason': 'a migration', 'expires': '2026-12-01'}, **more)

    def test_thresholds(self):
        assert not comply(HEALTHY._replace(**self.AGE))['compliant']
        assert comply(HEALTHY._replace(**self.AGE), thresholds={'msp_age': '6h', 'listen': None})['compliant']

    def test_overrides(self):
        result = comply(HEALTHY._replace(**self.AGE), overrides=[{'id': 'SMQ-QUE-01', 'severity': 'critical', 'enabled': True},
                                                                 {'id': 'SMQ-QUE-02', 'severity': None, 'enabled': False}])
        found = {one['id']: (one['severity'], one['status']) for one in result['controls']}
        assert found['SMQ-QUE-01'] == ('critical', 'fail')
        assert found['SMQ-QUE-02'] == ('low', 'not_applicable')

    @pytest.mark.parametrize('expires, status, expired', [
        ('2026-12-01', 'waived', False), ('2026-11-23', 'waived', False), ('2026-11-22', 'fail', True), ('2025-01-01', 'fail', True)])
    def test_a_waiver_holds_to_the_end_of_its_day(self, expires, status, expired):
        result = comply(HEALTHY._replace(**self.AGE), waivers=[self.waiver(expires=expires)])
        one = next(one for one in result['controls'] if one['id'] == 'SMQ-QUE-01')
        assert (one['status'], one['waiver']['expired']) == (status, expired)
        assert result['compliant'] == (status == 'waived')
        assert ('The waiver expired on %s.' % expires in one['evidence']) == expired

    def test_a_waiver_of_a_control_that_passes_changes_nothing(self):
        assert comply(waivers=[self.waiver(expires='2020-01-01')])['compliant']

    def test_no_waiver_for_an_error(self):
        wrong = HEALTHY._replace(errors=[{'queue': 'msp', 'path': '/q', 'error': 'x'}])
        assert 'SMQ-QUE-01' in with_status(comply(wrong, waivers=[self.waiver()]), 'error')

    @pytest.mark.parametrize('options, why', [
        ({'overrides': [{'id': 'SMQ-NON-99'}]}, "overrides.id: 'SMQ-NON-99' is not a control"),
        ({'waivers': [{'id': 'smq-que-01', 'reason': 'x', 'expires': '2026-12-01'}]}, "waivers.id: 'smq-que-01' is not a control"),
        ({'waivers': [{'id': 'SMQ-QUE-01', 'reason': ' ', 'expires': '2026-12-01'}]}, 'gives no reason'),
        ({'waivers': [{'id': 'SMQ-QUE-01', 'reason': 'x', 'expires': 'soon'}]}, "waivers.expires: 'soon', of SMQ-QUE-01, is not a day"),
        ({'waivers': [{'id': 'SMQ-QUE-01', 'reason': 'x', 'expires': '2026-02-30'}]}, 'is not a day'),
        ({'waivers': [{'id': 'SMQ-QUE-01', 'reason': 'x', 'expires': '2026-1-1'}]}, 'is not a day'),
        ({'waivers': [{'id': 'SMQ-QUE-01', 'reason': 'x', 'expires': '2026-12-01'}] * 2}, 'more than once'),
        ({'thresholds': {'msp_age': 'old'}}, 'is not a duration'),
        ({'thresholds': {'queue_bytes': 'much'}}, 'is not a size'),
        ({'thresholds': {'msp_messages': -1}}, 'thresholds.msp_messages: -1 is below 0'),
        ({'thresholds': {'version': 'new'}}, "thresholds.version: 'new' is not a version"),
        ({'thresholds': {'msp_agee': '1h'}}, "there is no 'msp_agee'"),
    ])
    def test_what_is_refused(self, options, why):
        with pytest.raises(_text.SendmailError, match=re.escape(why)):
            comply(**options)


def test_evidence_is_bounded():
    look = HEALTHY._replace(writable=['%d' % number for number in range(30)])
    one = next(one for one in comply(look)['controls'] if one['id'] == 'SMQ-PRM-05')
    assert one['evidence'] == ['0', '1', '2', '3', '4', '25 more.']


def test_a_path_whose_owner_does_not_matter():
    look = HEALTHY._replace(wanted=HEALTHY.wanted + [dict(want('mta_queue', '/q', 'x', 'y', '0700'), owner=None, group=None)])
    assert comply(look)['compliant']


def test_versions_are_compared_as_numbers():
    program = dict(HEALTHY.program, version='8.18.1')
    for wanted, holds in (('8.9', True), ('8.18.1', True), ('8.18.2', False), ('9', False)):
        assert comply(HEALTHY._replace(program=program), thresholds={'version': wanted})['compliant'] == holds


def test_what_a_report_says_of_the_queues():
    e = HEALTHY._replace(queues={'msp': queue(bytes=5, top={'reasons': [{'reason': 'no_route', 'messages': 2, 'example': 'x'}], 'senders': [1, 2, 3, 4]}),
                                 'mta': queue()})
    host = _controls.host_of(e)
    assert host['queues']['msp']['reasons'] == {'no_route': 2} and host['queues']['msp']['senders'] == [1, 2, 3]
    assert (host['version'], host['platform']) == ('8.17.1.9', 'debian')
