# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check for Icinga, Nagios and Checkmk: states, exit statuses, and that what is not known is never well."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.mailops.sendmail.plugins.module_utils import _exposition

SOURCE = Path(__file__).parents[3] / 'extensions' / 'monitoring' / 'check_sendmail_queues.py'
SPECIFICATION = importlib.util.spec_from_file_location('check_sendmail_queues', str(SOURCE))
check = importlib.util.module_from_spec(SPECIFICATION)
SPECIFICATION.loader.exec_module(check)
NOW = 1795825906
# As a fresh Debian 12 wrote it; PrivacyOptions are Debian's.
FRESH = '''# HELP sendmail_compliance_timestamp_seconds When this was found out.
# TYPE sendmail_compliance_timestamp_seconds gauge
sendmail_compliance_timestamp_seconds 1795825906
# HELP sendmail_compliance_queue_oldest_age_seconds Age of the oldest waiting message, 0 without one.
# TYPE sendmail_compliance_queue_oldest_age_seconds gauge
sendmail_compliance_queue_oldest_age_seconds{queue="msp"} 0
sendmail_compliance_queue_oldest_age_seconds{queue="mta"} 0
sendmail_compliance_host{status="failing"} 1
sendmail_compliance_control{control="SMQ-POL-01",severity="medium",status="fail"} 1
sendmail_compliance_queue_messages{queue="msp",state="queued"} 0
sendmail_compliance_queue_messages{queue="msp",state="lost"} 0
sendmail_compliance_queue_messages{queue="mta",state="queued"} 0
sendmail_compliance_queue_messages{queue="mta",state="lost"} 0
sendmail_compliance_queue_bytes{queue="msp"} 0
sendmail_compliance_controls{status="pass"} 41
sendmail_compliance_controls{status="fail"} 1
'''
CRITICAL_FAILS = 'sendmail_compliance_control{control="SMQ-MTA-03",severity="critical",status="fail"} 1\n'
HIGH_FAILS = 'sendmail_compliance_control{control="SMQ-RUN-01",severity="high",status="fail"} 1\n'
NOT_JUDGED = 'sendmail_compliance_control{control="SMQ-STO-01",severity="high",status="error"} 1\n'
OLD, OLDER = ('oldest_age_seconds{queue="msp"} %d\n' % age for age in (14401, 86401))


@pytest.fixture(name='run')
def fixture_run(tmp_path, capsys, monkeypatch):
    """run(text, *arguments, later=0): (exit status, what was printed), so many seconds after the file was written."""
    def run(text, *arguments, later=0):
        monkeypatch.setattr(check.time, 'time', lambda: NOW + later)
        path = tmp_path / 'sendmail.prom'
        if text is not None:
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        try:
            status = check.main(['-f', str(path)] + list(arguments))
        except SystemExit as end:
            status = end.code
        return status, capsys.readouterr().out
    return run


def changed(*replacements):
    text = FRESH
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    return text


MTA_OLD = ('{queue="mta"} 0\nsendmail_compliance_host', '{queue="mta"} 400000\nsendmail_compliance_host')
CASES = [
    (0, FRESH, {}, 'every control that matters passes'), (0, FRESH, {'later': 3600}, 'OK'), (3, FRESH, {'later': 3601}, 'is 60 min old'),
    (0, FRESH, {'later': -300}, 'OK'), (3, FRESH, {'later': -301}, 'from the future'),
    (2, FRESH + CRITICAL_FAILS, {}, 'SMQ-MTA-03 fails'), (1, FRESH + HIGH_FAILS, {}, 'SMQ-RUN-01 fails'),
    (2, FRESH + HIGH_FAILS + CRITICAL_FAILS, {}, 'SMQ-MTA-03 fails; SMQ-RUN-01 fails'),
    (3, changed(('"failing"', '"error"')), {}, 'not every control could be judged'),
    # Age comes before all else, and known trouble before what is not known.
    (3, FRESH + CRITICAL_FAILS, {'later': 7200}, 'stopped'), (3, FRESH + NOT_JUDGED, {}, 'not every control could be judged'),
    # Of many that are not well the first sixteen are listed, and those that fail come first.
    (3, FRESH + 'sendmail_compliance_controls{status="error"} 1\n', {}, 'not every control could be judged'),
    (0, FRESH + 'sendmail_compliance_controls{status="error"} 0\n', {}, 'OK'),
    (2, FRESH + NOT_JUDGED + CRITICAL_FAILS, {}, 'SMQ-MTA-03 fails; not every control could be judged'),
    (1, FRESH + NOT_JUDGED + HIGH_FAILS, {}, 'SMQ-RUN-01 fails; not every'),
    (1, changed(('oldest_age_seconds{queue="msp"} 0\n', OLD)), {}, 'mail has waited in the client queue for 4 h'),
    (0, changed(('oldest_age_seconds{queue="msp"} 0\n', OLD.replace('1\n', '0\n'))), {}, 'OK'),
    (2, changed(('oldest_age_seconds{queue="msp"} 0\n', OLDER)), {}, 'for 24 h'),
    (0, changed(MTA_OLD), {}, 'OK'),
    (1, changed(('{queue="mta",state="lost"} 0', '{queue="mta",state="lost"} 2')), {}, 'given up 2 messages in the queue mta'),
    (0, changed(('{queue="mta",state="queued"} 0', '{queue="mta",state="queued"} 2000')), {}, 'mta_queued=2000'),
    (3, changed(('sendmail_compliance_host{status="failing"} 1\n', '')), {}, 'was cut'),
    (3, changed(('sendmail_compliance_timestamp_seconds 1795825906\n', '')), {}, 'was cut'), (3, FRESH.partition('sendmail_compliance_controls')[0], {}, 'cut'),
    (3, FRESH[:-20], {}, 'does not write'), (3, FRESH[:-1], {}, 'was cut'), (3, changed(('} 41', '} 41 1795825906')), {}, 'does not write'),
    (3, '', {}, 'was cut'), (3, None, {}, 'cannot be read: No such file'), (3, b'\xff\x00', {}, 'does not write'),
    (3, changed(('1795825906', 'NaN')), {}, 'does not write'), (3, changed(('1795825906', '+Inf')), {}, 'does not write'),
    (3, changed(('oldest_age_seconds{queue="msp"} 0', 'oldest_age_seconds{queue="msp"} NaN')), {}, 'does not write'),
    (3, changed(('sendmail_compliance_queue_oldest_age_seconds{queue="msp"} 0\n', '')), {}, 'nothing is known of the client queue'),
    (3, changed(('status="failing"', 'status="unheard"')), {}, "'unheard' does not agree"), (3, changed(('"failing"', '"compliant"')), {}, 'does not agree'),
    (3, FRESH + 'sendmail_compliance_host{host="a",status="failing"} 1\n', {}, 'many hosts'), (3, 'x' * (1 << 20) + 'x', {}, 'longer than'),
]


@pytest.mark.parametrize('status, text, options, said', CASES)
def test_the_state_is_that_of_the_host(run, status, text, options, said):
    found, output = run(text, **options)
    assert (found, said in output) == (status, True), output
    assert output.startswith('SENDMAIL QUEUES %s - ' % ('OK', 'WARNING', 'CRITICAL', 'UNKNOWN')[status])


def test_thresholds_are_ranges_of_the_guidelines(run):
    aged = changed(('oldest_age_seconds{queue="msp"} 0\n', 'oldest_age_seconds{queue="msp"} 600\n'))
    states = {argument: run(aged, '-w', argument)[0] for argument in ('599', '600', '0:599', '601:', '~:599', '@500:700', '@700:800', '10:20')}
    assert states == {'599': 1, '600': 0, '0:599': 1, '601:': 1, '~:599': 1, '@500:700': 1, '@700:800': 0, '10:20': 1}
    for wrong in ('', 'x', '5:1', '@', '1h', '1:2:3'):
        status, output = run(aged, '-w', wrong)
        assert status == 3 and 'is no threshold' in output


@pytest.mark.parametrize('arguments', [('--nonsense',), ('--help',), ('--version',), ('-a', 'x')])
def test_asked_wrongly_it_knows_nothing(run, arguments):
    assert run(FRESH, *arguments)[0] == 3


def test_performance_data_keeps_to_the_guidelines(run):
    """'label'=value[unit];[warn];[crit];[min];[max], separated by spaces, the same labels whatever the values are."""
    def of(text):
        (line,) = [one for one in run(text)[1].splitlines() if ' | ' in one]
        return line.partition(' | ')[2].split(' ')
    good, bad = of(FRESH), of(changed(('oldest_age_seconds{queue="msp"} 0\n', OLD)) + CRITICAL_FAILS)
    assert all(re.match(r'[a-z_]+=\d+(s|B)?(;[\d.@~:]*){0,4}$', one) for one in good + bad)
    assert [one.partition('=')[0] for one in good] == [one.partition('=')[0] for one in bad]
    assert 'msp_oldest=14401s;14400;86400;0' in bad and 'age=0s;;3600;0' in good


def test_neither_a_pipe_nor_a_bar_gets_through(run, tmp_path):
    os.mkfifo(str(tmp_path / 'pipe'))
    assert check.main(['-f', str(tmp_path / 'pipe')]) == 3
    text = FRESH + 'sendmail_compliance_control{control="a|b\x07é",severity="critical",status="fail"} 1\n'
    status, output = run(text)
    assert status == 2 and output.count('|') == 1
    assert all(' ' <= char <= '~' or char == '\n' for char in output)


def test_it_reads_what_the_self_check_writes(run):
    controls = [{'id': 'SMQ-RUN-01', 'severity': 'high', 'status': 'fail'}, {'id': 'SMQ-X', 'severity': 'low', 'status': 'pass'}]
    messages = {'queued': 3, 'quarantined': 0, 'lost': 1, 'incomplete': 0, 'unreadable': 0}
    queues = {queue: {'messages': messages, 'oldest_age': 90000, 'bytes': 7} for queue in ('msp', 'mta')}
    status, output = run(_exposition.own('failing', controls, queues, NOW))
    assert status == 2
    assert 'for 25 h; SMQ-RUN-01 fails; a queue run has given up 1 message in the queue msp; ' in output
    assert 'msp_queued=3;;;0' in output and 'controls_fail=1' in output


def test_as_a_program_without_a_locale(tmp_path):
    """Whoever runs it has neither Ansible nor a locale."""
    path = tmp_path / 'sendm\u00e4il.prom'
    done = subprocess.run([sys.executable, '-I', str(SOURCE), '-f', str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                          env={'LC_ALL': 'C', 'PATH': os.environ['PATH']})
    assert (done.returncode, done.stderr) == (3, b'')
    assert done.stdout.startswith(b'SENDMAIL QUEUES UNKNOWN - ')
