# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the probes make of queues and logs. That they see a real host is shown by the scenario diagnosis. Python 3.6 syntax."""
import os
import types

import pytest

from ansible_collections.mailops.sendmail.plugins.module_utils import _log, _probe, _spool
from ansible_collections.mailops.sendmail.tests.unit import queue_samples

(CONTROL,) = queue_samples.sample('01').files.values()
(OLD,) = [line for line in CONTROL.split(b'\n') if b'Subject:' in line]


@pytest.fixture
def subjects(tmp_path):
    def found(*lines):
        for number, line in enumerate(lines):
            (tmp_path / ('qf6ANFSGLL%06d' % number)).write_bytes(CONTROL.replace(OLD, line))
        directories, _errors = _spool.directories([('mqueue', str(tmp_path))])
        return _probe._subjects(types.SimpleNamespace(directories={'msp': directories}))
    return found


def test_subjects_that_differ_in_digits_are_alike(subjects):
    lines = [b'H??Subject: Cron <root@web%d> backup of 2026-11-%02d' % (number, number) for number in range(1, 6)]
    assert subjects(b'H??Subject: hello', *lines) == ([('Cron <root@web#> backup of #-#-#', 5), ('hello', 1)], 6)


def test_subjects_are_folded_cut_and_printable(subjects):
    assert subjects(b'H??Subject: a\n\t b \x1b[31m') == ([('a b \\x1b[#m', 1)], 1)
    assert len(subjects(b'H??subject: ' + b'x' * 1000)[0][0][0]) == 80


def test_a_message_without_a_subject(subjects):
    assert subjects(b'H??To: bob') == ([('', 1)], 1)


def test_no_more_than_a_bound_is_read(subjects, monkeypatch):
    monkeypatch.setattr(_probe, 'SUBJECTS_MAX', 3)
    assert subjects(*[b'H??Subject: t'] * 5) == ([('t', 3)], 3)


def test_a_link_is_not_read(subjects, tmp_path):
    (tmp_path / 'secret').write_bytes(CONTROL.replace(OLD, b'H??Subject: secret'))
    os.symlink('secret', str(tmp_path / 'qf6ANFSGLL999999'))
    os.link(str(tmp_path / 'secret'), str(tmp_path / 'qf6ANFSGLL999998'))
    assert subjects(b'H??Subject: t') == ([('t', 1)], 1)


def test_a_line_of_the_log_is_printable_and_whole(monkeypatch):
    line = b'Nov 25 22:27:21 test-bullseye.example.test sm-msp-queue[1023]: 6APMRLsR001020: Losing ./qf6APMRLsR001020: bogus file uid/gid in mqueue'
    monkeypatch.setattr(_log, 'latest', lambda *arguments: {'lost': line, 'other': b'\x1b[31m' + b'x' * 5000})
    found = _probe.log_of(0)({'lost': b'Losing'})
    assert found['lost'] == line.decode()
    assert found['other'].startswith('\\x1b[31m') and len(found['other']) < 320


def test_a_message_with_two_hazards_counts_once():
    pairs = [('owner 0:0', 'a'), ('the data file has owner 0:0', 'a'), ('owner 0:0', 'b'), ('the directory', None)]
    assert _probe.endangered({'permissions': pairs}) == {'permissions': 3, 'content': 0}
