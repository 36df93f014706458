# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controller makes of options and answers. No host and no module: the answer of one stands in for both."""

from __future__ import annotations

import json
from pathlib import Path
from unittest import mock

import pytest

pytest.importorskip('ansible')
from ansible_collections.mailops.sendmail.plugins.action import sendmail_compliance_info, sendmail_compliance_report
from ansible_collections.mailops.sendmail.tests.unit.hosts_looked_at import HEALTHY

RUNNERLESS = HEALTHY._replace(runners=[])
RUN = 'SMQ-RUN-01'


def acted(plugin, **options):
    task = mock.MagicMock(args=options, async_val=0, check_mode=False)
    action = plugin.ActionModule(task=task, connection=mock.MagicMock(), play_context=mock.MagicMock(), loader=mock.MagicMock(), templar=mock.MagicMock(),
                                 shared_loader_obj=mock.MagicMock())
    with mock.patch.object(action, '_execute_module', return_value={'changed': False, 'look': dict(RUNNERLESS._asdict())}) as sent:
        return action.run(task_vars={'inventory_hostname': 'web1'}), sent


@pytest.mark.parametrize('options, status', [({}, 'fail'), ({'overrides': [{'id': RUN, 'enabled': False}]}, 'not_applicable'),
                                             ({'waivers': [{'id': RUN, 'reason': 'soon', 'expires': '2999-12-31'}]}, 'waived')])
def test_the_options_of_a_check_count(options, status):
    done, sent = acted(sendmail_compliance_info, **options)
    assert {one['id']: one['status'] for one in done['controls']}[RUN] == status
    # The host is told no more than what it has to look for.
    assert sent.call_args.kwargs['module_args'] == {'profile': 'baseline'}


def test_a_control_that_there_is_not_is_refused_before_the_host_is_asked():
    done, sent = acted(sendmail_compliance_info, overrides=[{'id': 'SMQ-NON-01'}])
    assert done['failed'] and 'is not a control' in done['msg']
    assert not sent.called


def test_a_result_that_is_kept_is_not_in_memory(tmp_path):
    done, _sent = acted(sendmail_compliance_info, directory=str(tmp_path))
    assert set(done) - {'changed', 'failed'} == {'file', 'compliant', 'summary', 'invocation'}
    assert {one['id']: one['status'] for one in json.loads(Path(done['file']).read_text())['controls']}[RUN] == 'fail'


@pytest.mark.parametrize('asked, fail_on, failed', [(True, 'critical', True), (True, 'none', False), (False, 'critical', False)])
def test_a_gate_that_is_shut_fails_when_it_is_asked_to(tmp_path, asked, fail_on, failed):
    """A host that nobody knows is enough for the gate. The report is there all the same."""
    done, _sent = acted(sendmail_compliance_report, hosts={'web1': {}}, directory=str(tmp_path), formats=['json'], fail=asked, fail_on=fail_on)
    assert done['failed'] is failed
    assert ('It is not known whether these comply: web1.' in done['msg']) is failed
    assert json.loads((tmp_path / 'report.json').read_text())['gate']['open'] is (fail_on == 'none')
