# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each module that looks, through its main(), on a host laid out in a directory."""

from __future__ import annotations

import importlib
import json
import os
from pathlib import Path

import pytest
import yaml

pytest.importorskip('ansible')
from ansible.module_utils import basic
from ansible.module_utils.common.text.converters import to_bytes

from ansible_collections.mailops.sendmail.plugins.module_utils import _compliance, _controls, _ledger, _look, _platform, _services, _system, _text
from ansible_collections.mailops.sendmail.tests.unit import returns

MODULES = Path(__file__).resolve().parents[3] / 'plugins/modules'
# Every module, in each of its states.
CALLS = (
    ('sendmail_queue_facts', {}), ('sendmail_queue_facts', {'level': 'summary'}), ('sendmail_message_info', {}),
    ('sendmail_message_info', {'path': '/nonexistent/list'}), ('sendmail_diagnosis_info', {}), ('sendmail_compliance_info', {}), ('sendmail_queue', {}),
    ('sendmail_ledger', {'state': 'opened'}), ('sendmail_ledger', {'state': 'closed'}), ('sendmail_message', {'state': 'absent', 'confirm_all': True}),
    ('sendmail_message', {'state': 'queued', 'confirm_all': True}), ('sendmail_message', {'state': 'restored', 'confirm_all': True}),
    ('sendmail_message', {'state': 'quarantined', 'reason': 'x', 'confirm_all': True}), ('sendmail_debris_info', {}), ('sendmail_debris', {'state': 'absent'}),
    ('sendmail_permissions', {}))
LOOKS = ('sendmail_queue_facts', 'sendmail_diagnosis_info', 'sendmail_compliance_info')


class Ended(Exception):
    pass


@pytest.fixture(name='run')
def fixture_run(tmp_path, monkeypatch):
    """run(module, **parameters): its result, of a host that has nothing of Sendmail."""
    layout = _platform.DEBIAN._replace(
        submit_cf=str(tmp_path / 'submit.cf'), sendmail_cf=str(tmp_path / 'sendmail.cf'), binaries=(str(tmp_path / 'sendmail'),))
    monkeypatch.setattr(_system, 'platform', lambda *arguments: layout)
    monkeypatch.setattr(_services, 'CRON_SECONDS', 0)
    results = []

    def end(_module, **result):
        results.append(result)
        raise Ended
    monkeypatch.setattr(basic.AnsibleModule, 'exit_json', end)
    monkeypatch.setattr(basic.AnsibleModule, 'fail_json', lambda module, msg, **result: end(module, failed=True, msg=msg, **result))

    # It refuses a NUL in any option before a module sees it, and the tests are not for the log of the machine.
    monkeypatch.setattr(basic.AnsibleModule, '_log_invocation', lambda _module: None)

    def run(name, **parameters):
        monkeypatch.setattr(basic, '_ANSIBLE_ARGS', to_bytes(json.dumps({'ANSIBLE_MODULE_ARGS': parameters})))
        monkeypatch.setattr(basic, '_ANSIBLE_PROFILE', 'legacy', raising=False)
        with pytest.raises(Ended):
            importlib.import_module('ansible_collections.mailops.sendmail.plugins.modules.' + name).main()
        return results[-1]
    return run


def as_user(monkeypatch, uid):
    monkeypatch.setattr(_look.os, 'geteuid', lambda: uid)


def test_calls_are_of_every_module():
    # Those without code of their own work on the controller alone.
    assert {name for name, _parameters in CALLS} == {path.stem for path in MODULES.glob('*.py') if 'def main' in path.read_text()}


@pytest.mark.parametrize('check_mode', [False, True])
@pytest.mark.parametrize('module, parameters', CALLS)
def test_who_is_not_root_is_told_so_and_nothing_else(run, monkeypatch, module, parameters, check_mode):
    as_user(monkeypatch, 1000)
    result = run(module, _ansible_check_mode=check_mode, **parameters)
    assert {key: value for key, value in result.items() if value not in (False, None, [], {})} == {'failed': True, 'msg': _look.NOT_ROOT} \
        or (module in ('sendmail_message', 'sendmail_debris') and result['msg'] == _look.NOT_ROOT)


@pytest.mark.parametrize('module', ['sendmail_queue_facts', 'sendmail_message_info'])
def test_an_ordinary_user_sees_what_he_may_and_that_it_is_not_all(run, monkeypatch, tmp_path, module):
    (tmp_path / 'copy').mkdir()
    as_user(monkeypatch, 1000)
    result = run(module, queue_directories=[str(tmp_path / 'copy')])
    facts = result.get('ansible_facts', {}).get('sendmail_queue', result)
    assert facts['partial'] is True
    assert [facts.get(name) for name in ('mta', 'runners', 'services')] == [None] * 3
    result = run(module, queue_directories=[str(tmp_path / 'copy'), str(tmp_path / 'nowhere')])
    assert result['failed']
    assert result['msg'] == f'{tmp_path}/nowhere: No such file or directory. {_look.NOT_ROOT}'
    as_user(monkeypatch, 0)
    result = run(module, queue_directories=[str(tmp_path / 'copy')])
    assert result.get('ansible_facts', {}).get('sendmail_queue', result)['partial'] is False


# What cannot be done without Sendmail says so; what only looks has a result, which says so too.
@pytest.mark.parametrize('check_mode', [False, True])
@pytest.mark.parametrize('module, parameters', CALLS)
def test_without_sendmail_it_is_said_what_installs_it_and_where_mail_is_left(run, monkeypatch, tmp_path, module, parameters, check_mode):
    if module == 'sendmail_ledger' and os.geteuid() != 0:
        pytest.skip('a ledger belongs to root')
    as_user(monkeypatch, 0)
    spool = tmp_path / 'spool'
    spool.mkdir()
    for name in ('qf6ANFSGLL000206', 'df6ANFSGLL000206', 'hf6ANFSGLL000207', 'notes'):
        (spool / name).touch()
    rules = dict(_platform.UPSTREAM.rules, msp_queue=_platform.UPSTREAM.rules['msp_queue']._replace(path=str(spool)))
    monkeypatch.setattr(_platform, 'PLATFORMS', {'upstream': _platform.UPSTREAM._replace(rules=rules)})
    parameters = dict(parameters, directory=str(tmp_path / 'ledger')) if module == 'sendmail_ledger' else parameters
    result = run(module, _ansible_check_mode=check_mode, **parameters)
    if 'look' in result:        # the controller judges
        result = _controls.comply(_look.Look(**result['look']), _controls.settled())
        result = [control for control in result['controls'] if control['status'] != 'not_applicable']
        assert [control['id'] for control in result] == ['SMQ-PRG-01']
    said = json.dumps(result)
    assert 'Sendmail is not installed on this host' in said
    assert 'mailops.sendmail.ensure_submission' in said
    assert f'2 messages are left in {spool}' in said or f'"path": "{spool}", "messages": 2' in said
    assert 'replace_other' not in said
    assert 'another MTA' not in said
    assert module == 'sendmail_compliance_info' or result.get('failed', False) is (module not in (*LOOKS, 'sendmail_ledger'))


@pytest.mark.parametrize('module', LOOKS)
def test_a_host_without_sendmail_has_a_result(run, monkeypatch, module):
    as_user(monkeypatch, 0)
    result = run(module)
    assert 'failed' not in result
    json.dumps(result)


@pytest.mark.parametrize('level', ['totals', 'summary'])
def test_what_was_not_seen_is_no_number(run, monkeypatch, tmp_path, level):
    as_user(monkeypatch, 0)

    def figures(**parameters):
        queue = run('sendmail_queue_facts', queue='msp', level=level, **parameters)['ansible_facts']['sendmail_queue']['queues']['msp']
        assert (queue['errors'] == []) is (queue['messages']['total'] is not None)
        return [queue['messages'][state] for state in ('total', 'queued', 'lost')] + [queue['ages']['5']]
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'a file').touch()
    assert figures(queue_directories=[str(tmp_path / 'empty')]) == [0, 0, 0, 0]
    assert figures(queue_directories=[str(tmp_path / 'a file')]) == [None] * 4
    assert figures(queue_directories=[str(tmp_path / 'nowhere')]) == [None] * 4
    assert figures() == [None] * 4


def test_it_is_not_healthy(run, monkeypatch):
    as_user(monkeypatch, 0)
    result = run('sendmail_diagnosis_info')
    assert result['healthy'] is False
    assert [cause['id'] for cause in result['causes'] if cause['severity'] != 'low'] == ['not_installed']
    assert result['messages'] == {}
    assert result['unexplained']['messages'] == 0


def test_an_open_ledger(run, monkeypatch, tmp_path):
    as_user(monkeypatch, 0)
    assert 'ledger_open' not in run('sendmail_diagnosis_info')
    assert run('sendmail_diagnosis_info', ledger=str(tmp_path))['ledger_open'] is False
    (tmp_path / _ledger.START).touch()
    assert run('sendmail_diagnosis_info', ledger=str(tmp_path))['ledger_open'] is True


# What each option of free text is. One that is not here makes the test fail: say what it is, and have it read by _text or _selection.
DURATIONS = {'timeout', 'spread', 'older_than', 'newer_than'} | {name for name, (kind, _default) in _compliance.THRESHOLDS.items() if kind == 'duration'}
SIZES = {'larger_than'} | {name for name, (kind, _default) in _compliance.THRESHOLDS.items() if kind == 'size'}
IDENTIFIERS = {'ids', 'id'}
OTHERS = {'version': 'version', 'mode': 'mode', 'expires': 'day'}
FREE = {'senders', 'recipients', 'domains', 'status', 'headers', 'listen', 'privacy_mta', 'privacy_msp', 'owner', 'group', 'reason'}
ODD = ['', ' ', '-5m', '-1', '5x', '5m 3', '1e3', '\u17fem', '5\u017f', '\u00bd', 'caf\u00e9', '\x1b[31mred', 'a\nb', '\x00', '9' * 5000,
       '9' * 12 + 'w', 'x' * 5000]
ODD_NUMBERS = [-1, -10 ** 30]


def leaves(specification, above=()):
    """(way to an option, what it is) of every option, those inside of others too."""
    for name, about in specification.items():
        if 'options' in about:
            yield from leaves(about['options'], (*above, (name, about['type'])))
        else:
            yield (*above, (name, about['type'])), about


def specification_of(name, monkeypatch):
    found = {}

    def keep(_module, argument_spec, **_more):
        found.update(argument_spec)
        raise Ended
    with monkeypatch.context() as patched, pytest.raises(Ended):
        patched.setattr(basic.AnsibleModule, '__init__', keep)
        importlib.import_module('ansible_collections.mailops.sendmail.plugins.modules.' + name).main()
    return found


def given(way, value):
    """The parameters in which one option has a value, with what has to stand beside it."""
    (name, kind), *rest = way
    inner = given(rest, value) if rest else value
    if rest and kind == 'list':
        beside = {'overrides': {'id': 'SMQ-QUE-01', 'path': '/etc/mail'}, 'waivers': {'id': 'SMQ-QUE-01', 'reason': 'x', 'expires': '2030-01-01'}}[name]
        inner = dict({key: text for key, text in beside.items() if key in BESIDE[name]}, **inner)
    return {name: [inner] if kind == 'list' else inner}


BESIDE = {'overrides': (), 'waivers': ('id', 'reason', 'expires')}


@pytest.mark.parametrize('module, parameters', sorted(dict(reversed(CALLS)).items()))
def test_a_value_that_cannot_be_used_is_named_with_its_option(run, monkeypatch, module, parameters):
    as_user(monkeypatch, 0)
    tried = 0
    for way, about in leaves(specification_of(module, monkeypatch)):
        name = way[-1][0]
        kinds = (about['type'], about.get('elements'))
        if 'choices' in about or 'bool' in kinds or 'dict' in kinds or name in FREE:
            continue
        full = '.'.join(part for part, _kind in way)
        values = ODD_NUMBERS if 'int' in kinds else ODD
        if 'path' in kinds:
            values = [*ODD, 'mail', './mail', '../mail', '/mail\x1b[31m', '/mail\x00', '/' + 'x' * 5000]
        elif 'int' not in kinds:
            assert name in DURATIONS | SIZES | IDENTIFIERS | set(OTHERS), f'{full}: say what it is'
        for value in values:
            # "" stands for no name in a list of names, and is text that YAML reads for nothing elsewhere.
            asked = given(way, value)
            if name == 'mode':
                asked = {'overrides': [{'path': '/etc/mail', 'mode': value}]}
            result = run(module, **dict(parameters, **asked))
            if 'look' in result:        # the controller reads the options of this one
                with pytest.raises(_text.SendmailError) as refused:
                    _controls.settled(**asked)
                result = {'failed': True, 'msg': str(refused.value)}
            assert result.get('failed'), (full, value)
            said = result['msg']
            assert full in said or f"'{name}'" in said, (full, value, said)
            assert said.isprintable(), (full, value, said)
            assert len(said) < 700, (full, value, said)
            assert _text.shown(value) in said or str(value) in said, (full, value, said)
            assert 'Traceback' not in said
            tried += 1
    assert tried or module in ('sendmail_diagnosis_info',)


@pytest.mark.parametrize('check_mode', [False, True])
@pytest.mark.parametrize('module, parameters', CALLS)
def test_what_is_returned_without_sendmail_is_documented(run, monkeypatch, tmp_path, module, parameters, check_mode):
    """With Sendmail the scenario "returns" sees it on a host."""
    as_user(monkeypatch, 0)
    parameters = dict(parameters, directory=str(tmp_path / 'ledger')) if module == 'sendmail_ledger' else parameters
    result = run(module, _ansible_check_mode=check_mode, **parameters)
    if 'look' in result:        # the controller judges
        look = _look.Look(**result.pop('look'))
        result.update(_controls.comply(look, _controls.settled()), host=_controls.host_of(look))
    assert list(returns.problems(module, result, result.get('failed', False))) == []


@pytest.mark.parametrize('fields, result, found', [
    ('{a: {type: int, returned: always}}', {'a': 1}, []),
    ('{a: {type: int, returned: always}}', {}, ['.a: documented as always there, not returned']),
    ('{a: {type: int, returned: when asked}}', {}, []),
    ('{a: {type: int, returned: when asked}}', {'b': 1}, ['.b: returned, not documented']),
    ('{a: {type: int}}', {'a': True}, ['.a: int is documented, bool was returned']),
    ('{a: {type: list, elements: str}}', {'a': [{}]}, ['.a: elements of type str are documented, dict was returned']),
    ('{a: {type: list, elements: dict, contains: {b: {type: str}}}}', {'a': [{'b': 'x'}, {'c': None}]},
     ['.a.c: returned, not documented', '.a.b: documented as always there, not returned']),
    ('{a: {type: dict, sample: {b: 1}}}', {'a': {'c': 2}}, ['.a.c: returned, and not in the sample']),
    ('{kinds: {type: dict, sample: {b: 1}}}', {'kinds': {'c': 2}}, [])])
def test_a_result_that_is_not_as_documented_is_found(fields, result, found):
    assert list(returns.keys(result, yaml.safe_load(fields), '')) == found
    assert list(returns._unseen(yaml.safe_load('{a: {type: dict, contains: {b: {type: int}}}}'), [{'a': {}}], '')) == ['.a.b: documented, never returned']
