# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each module that looks, through its main(), on a host laid out in a directory."""

from __future__ import annotations

import importlib
import json

import pytest

pytest.importorskip('ansible')
from ansible.module_utils import basic
from ansible.module_utils.common.text.converters import to_bytes

from ansible_collections.mailops.sendmail.plugins.module_utils import _look, _platform, _system

LOOKS = ('sendmail_queue_facts', 'sendmail_diagnosis_info', 'sendmail_compliance_info')


class Ended(Exception):
    pass


@pytest.fixture(name='run')
def fixture_run(tmp_path, monkeypatch):
    """run(module, **parameters): its result, of a host that has nothing of Sendmail."""
    layout = _platform.DEBIAN._replace(
        submit_cf=str(tmp_path / 'submit.cf'), sendmail_cf=str(tmp_path / 'sendmail.cf'), binaries=(str(tmp_path / 'sendmail'),))
    monkeypatch.setattr(_system, 'platform', lambda *arguments: layout)
    monkeypatch.setattr(_look, 'CRON_SECONDS', 0)
    results = []

    def end(_module, **result):
        results.append(result)
        raise Ended
    monkeypatch.setattr(basic.AnsibleModule, 'exit_json', end)
    monkeypatch.setattr(basic.AnsibleModule, 'fail_json', lambda module, msg, **result: end(module, failed=True, msg=msg, **result))

    def run(name, **parameters):
        monkeypatch.setattr(basic, '_ANSIBLE_ARGS', to_bytes(json.dumps({'ANSIBLE_MODULE_ARGS': parameters})))
        monkeypatch.setattr(basic, '_ANSIBLE_PROFILE', 'legacy', raising=False)
        with pytest.raises(Ended):
            importlib.import_module('ansible_collections.mailops.sendmail.plugins.modules.' + name).main()
        return results[-1]
    return run


def as_user(monkeypatch, uid):
    monkeypatch.setattr(_look.os, 'geteuid', lambda: uid)


@pytest.mark.parametrize('module', LOOKS)
def test_who_is_not_root_is_told_so(run, monkeypatch, module):
    as_user(monkeypatch, 1000)
    result = run(module)
    assert (result['failed'], 'Use become: true' in result['msg']) == (True, True)


@pytest.mark.parametrize('module', LOOKS)
def test_a_host_without_sendmail_has_a_result(run, monkeypatch, module):
    as_user(monkeypatch, 0)
    result = run(module)
    assert 'failed' not in result
    json.dumps(result)


def test_it_is_not_healthy(run, monkeypatch):
    as_user(monkeypatch, 0)
    result = run('sendmail_diagnosis_info')
    assert result['healthy'] is False
    assert 'not_installed' in [cause['id'] for cause in result['causes']]
