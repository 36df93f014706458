# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the log of a host. Python 3.6 syntax."""
import os
import re
import time

import pytest

from ansible_collections.mailops.sendmail.plugins.module_utils import _log

LINE = b'Nov 25 20:33:28 h sm-mta[220]: rejecting connections on daemon MTA-v4: load average: %d\n'


@pytest.fixture
def file(tmp_path, monkeypatch):
    path = tmp_path / 'mail.log'
    monkeypatch.setattr(_log, 'FILES', (str(tmp_path / 'none'), str(path)))
    monkeypatch.setattr(_log, '_JOURNALCTL', ())
    return path


@pytest.fixture
def journal(tmp_path, monkeypatch):
    """A journalctl that prints what it was called with, then a line that is wanted and one that is not."""
    program = tmp_path / 'journalctl'
    program.write_text('#!/bin/sh\necho "wanted: $*"\necho other\n')
    program.chmod(0o755)
    monkeypatch.setattr(_log, 'FILES', ())
    monkeypatch.setattr(_log, '_JOURNALCTL', (str(tmp_path / 'none'), str(program)))
    monkeypatch.setattr(_log, '_JOURNAL_SOCKET', str(program))
    return program


def lines(pattern, since=0, size=1 << 20, **more):
    return list(_log.lines(since, re.compile(pattern), 20, size, **more))


def test_lines_of_a_file(file):
    file.write_bytes(LINE % 12 + b'something else\n' + LINE % 13)
    assert lines(b'rejecting') == [LINE % 12, LINE % 13]
    assert lines(b'rejecting', size=len(LINE)) == [LINE % 13]


def test_an_old_file_is_not_read(file):
    file.write_bytes(LINE % 12)
    os.utime(str(file), (1000, 1000))
    assert lines(b'rejecting', since=time.time()) == []


def test_no_log_at_all(file):
    assert lines(b'.') == []
    assert _log.latest({'load': b'rejecting'}, 0, 1, 1 << 20, 10) == {}


def test_the_journal_is_asked_for_what_sendmail_writes(journal):
    (line,) = lines(b'^wanted', since=1000, newest=7)
    assert b'--since=@995 -n 7 -t sendmail -t sm-mta -t sm-msp-queue' in line
    assert b' -n ' not in lines(b'^wanted')[0]


def test_a_journal_that_does_not_answer(journal):
    journal.write_text('#!/bin/sh\nexec sleep 60\n')
    begin = time.monotonic()
    assert list(_log.lines(0, re.compile(b'.'), 0.3, 1)) == []
    assert time.monotonic() - begin < 30


def test_a_journal_that_is_no_more(journal):
    journal.unlink()
    assert lines(b'.') == []


def test_the_newest_line_of_each(file):
    file.write_bytes(LINE % 12 + b'Losing ./qf6ANF\xff: bogus\n' + LINE % 13)
    assert _log.latest({'load': b'rejecting', 'lost': b'Losing', 'other': b'no such'}, 0, 1, 1 << 20, 10) == {
        'load': (LINE % 13).rstrip(), 'lost': b'Losing ./qf6ANF\xff: bogus'}


def test_the_journal_is_newer_than_a_file(journal, tmp_path, monkeypatch):
    (tmp_path / 'mail.log').write_bytes(b'wanted: of the file\n')
    monkeypatch.setattr(_log, 'FILES', (str(tmp_path / 'mail.log'),))
    assert _log.latest({'it': b'^wanted'}, 0, 20, 1 << 20, 10)['it'].startswith(b'wanted: -q')


def test_nothing_wanted_reads_nothing(journal):
    journal.write_text('#!/bin/sh\ntouch "$0.called"\n')
    assert _log.latest({}, 0, 1, 1, 1) == {}
    assert not os.path.exists(str(journal) + '.called')
