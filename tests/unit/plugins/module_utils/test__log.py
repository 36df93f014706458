# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the log of a host. Python 3.6 syntax."""
import os
import re
import time
import types

import pytest

from ansible_collections.mailops.sendmail.plugins.module_utils import _log

LINE = b'Nov 25 20:33:28 h sm-mta[220]: rejecting connections on daemon MTA-v4: load average: %d\n'
REAL = _log.FILES


@pytest.fixture
def file(tmp_path, monkeypatch):
    path = tmp_path / 'mail.log'
    monkeypatch.setattr(_log, 'FILES', (str(tmp_path / 'none'), str(path)))
    monkeypatch.setattr(_log, '_JOURNALCTL', ())
    return path


ENTRY = """__REALTIME_TIMESTAMP=1795781711106955
_HOSTNAME=h.example.test
SYSLOG_IDENTIFIER=%s
_PID=220
_UID=%s
%sMESSAGE=%s
"""


@pytest.fixture
def journal(tmp_path, monkeypatch):
    """A journalctl that prints what it was called with in one entry that is wanted, and one that is not."""
    program = tmp_path / 'journalctl'

    def says(*entries):
        (tmp_path / 'entries').write_text('\n'.join(entries))
        program.write_text('#!/bin/sh\necho "$*" >> "$0.calls"\n[ "$1" = --sync ] || sed "s/ARGUMENTS/$*/" "%s"\n' % (tmp_path / 'entries'))
        program.chmod(0o755)
    says(ENTRY % ('sm-mta', 0, '_EXE=/usr/sbin/sendmail\n', 'wanted: ARGUMENTS'), ENTRY % ('other', 0, '', 'else'))
    monkeypatch.setattr(_log, 'FILES', ())
    monkeypatch.setattr(_log, '_JOURNALCTL', (str(tmp_path / 'none'), str(program)))
    monkeypatch.setattr(_log, '_JOURNAL_SOCKET', str(program))
    return types.SimpleNamespace(path=program, says=says)


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


def test_the_log_of_suse(tmp_path, file, monkeypatch):
    """Its rsyslog.conf has mail.* in /var/log/mail, and parts of it again in mail.info, mail.warn and mail.err; on Red Hat it is a directory."""
    monkeypatch.setattr(_log, 'FILES', tuple(str(tmp_path / os.path.basename(path)) for path in REAL))
    for number, name in enumerate(('mail', 'mail-20261120', 'mail.log', 'mail.log.1', 'maillog-20261120', 'maillog.0')):
        (tmp_path / name).write_bytes(LINE % number)
    for name in ('mail.err', 'mail.info', 'mail-20261113.xz', 'maillog.1.gz', 'mailman.log'):
        (tmp_path / name).write_bytes(LINE % 99)
    (tmp_path / 'mail.d').mkdir()
    assert sorted(lines(b'rejecting')) == [LINE % number for number in range(6)]


def test_no_log_at_all(file):
    assert lines(b'.') == []
    assert _log.latest({'load': b'rejecting'}, 0, 1, 1 << 20, 10) == {}


def test_the_journal_is_asked_for_all_mail(journal):
    """Whatever Sendmail calls itself: the tag can be configured."""
    (line,) = lines(b'wanted', since=1000, newest=7)
    assert re.match(rb'\w{3} [ \d]\d [\d:]{8} h sm-mta\[220\]: wanted: -q --no-pager -o export --since=@995 -n 7 SYSLOG_FACILITY=2', line)
    assert b' -n ' not in lines(b'wanted')[0]
    assert (journal.path.parent / 'journalctl.calls').read_text().startswith('--sync\n')


@pytest.mark.parametrize('user, program, proof', [
    (0, '_EXE=/usr/sbin/sendmail\n', True), (25, '_EXE=/usr/sbin/sendmail\n', True), (25, '_EXE=/usr/sbin/sendmail (deleted)\n', True),
    (1000, '_EXE=/usr/sbin/sendmail\n', False),      # in a mount namespace of the user's own that can be any program
    (0, '_EXE=/usr/bin/logger\n', False), (25, '_EXE=/usr/bin/logger\n', False), (1000, '_EXE=/usr/bin/logger\n', False),
    (0, '', True), (25, '', True), (1000, '', False),
])
def test_who_wrote_it(journal, user, program, proof):
    journal.says(ENTRY % ('sm-msp-queue', user, program, 'A: to=bob, stat=Sent'))
    (found,) = _log.entries(0, re.compile(b'to='), 20, 1, None, ['/usr/sbin/sendmail'], [0, 25])
    assert found[0].endswith(b' h sm-msp-queue[220]: A: to=bob, stat=Sent')
    assert found[1] is proof


def test_a_field_cannot_be_given_twice(journal):
    journal.says(ENTRY % ('x', 1000, '_EXE=/usr/bin/logger\n', 'A: to=bob\n_EXE=/usr/sbin/sendmail\n_UID=0'))
    assert [proof for _line, proof in _log.entries(0, re.compile(b'to='), 20, 1, None, ['/usr/sbin/sendmail'], [0])] == [False]


def test_files_that_were_rotated_since(file, tmp_path):
    file.write_bytes(LINE % 3)
    for name, number, changed in (('mail.log.1', 2, None), ('mail.log-20261127', 1, None), ('mail.log.2', 0, 1000), ('mail.log.3.gz', 9, None)):
        (tmp_path / name).write_bytes(LINE % number)
        if changed:
            os.utime(str(tmp_path / name), (changed, changed))
    assert sorted(lines(b'rejecting', since=time.time() - 60)) == [LINE % number for number in (1, 2, 3)]
    assert not any(proof for _line, proof in _log.entries(0, re.compile(b'.'), 1, 1 << 20))


def test_a_journal_that_does_not_answer(journal):
    journal.path.write_text('#!/bin/sh\nexec sleep 60\n')
    begin = time.monotonic()
    assert list(_log.lines(0, re.compile(b'.'), 0.3, 1)) == []
    assert time.monotonic() - begin < 30


def test_a_journal_that_is_no_more(journal):
    journal.path.unlink()
    assert lines(b'.') == []


def test_the_newest_line_of_each(file):
    file.write_bytes(LINE % 12 + b'Losing ./qf6ANF\xff: bogus\n' + LINE % 13)
    assert _log.latest({'load': b'rejecting', 'lost': b'Losing', 'other': b'no such'}, 0, 1, 1 << 20, 10) == {
        'load': (LINE % 13).rstrip(), 'lost': b'Losing ./qf6ANF\xff: bogus'}


@pytest.mark.parametrize('stamp, stale', [
    # A week before 29 November 2026, 00:00 UTC, and some time zones.
    ('Nov 29 00:00:01 h sm-mta[1]: ', False), ('Nov 23 10:00:01 h sm-mta[1]: ', False), ('Nov 30 01:00:00 h ', False),
    ('Nov 19 10:00:00 h ', True), ('Aug  3 10:00:00 h ', True), ('Dec  1 10:00:00 h ', True), ('Feb 29 10:00:00 h ', True),
    ('Dec  1 2026 10:00:00 h ', False), ('Nov 28 2025 10:00:00 h ', True),                    # Cisco's, and that of metalog
    ('2026-11-28T09:00:00.123456+01:00 h.example.test sm-mta[1]: ', False), ('2026-08-03T10:00:00Z h ', True), ('2026-08-03 10:00:00 h ', True),
    ('<22>1 2026-08-03T10:00:00.5Z h sm-mta 1 - - ', True), ('<22>1 2026-11-28T10:00:00.5Z h sm-mta 1 - - ', False),
    ('<22>Aug  3 10:00:00 h ', True), ('<22>Nov 28 10:00:00 h ', False),
    ('2026-13-45T10:00:00Z h ', False), ('0000-00-00T10:00:00Z h ', False), ('Jan  1 0000 10:00:00 h ', False),
    ('something else: ', False), ('Foo 12 10:00:00 h ', False), ('1795781711 h ', False)])
def test_a_line_that_is_older_than_what_is_asked_for(file, monkeypatch, stamp, stale):
    now = 1795910400
    assert _log.stale(stamp.encode(), now - 7 * 86400, now) is stale
    monkeypatch.setattr(_log, 'stale', lambda line, since, real=_log.stale: real(line, since, now))
    file.write_bytes(stamp.encode() + b'rejecting\n')
    os.utime(str(file), (now, now))
    assert bool(_log.latest({'load': b'rejecting'}, now - 7 * 86400, 1, 1 << 20, 10)) is not stale


def test_the_journal_is_newer_than_a_file(journal, tmp_path, monkeypatch):
    (tmp_path / 'mail.log').write_bytes(b'wanted: of the file\n')
    monkeypatch.setattr(_log, 'FILES', (str(tmp_path / 'mail.log'),))
    assert _log.latest({'it': b'wanted'}, 0, 20, 1 << 20, 10)['it'].endswith(b'SYSLOG_FACILITY=2')


def test_nothing_wanted_reads_nothing(journal):
    journal.path.write_text('#!/bin/sh\ntouch "$0.called"\n')
    assert _log.latest({}, 0, 1, 1, 1) == {}
    assert not os.path.exists(str(journal.path) + '.called')


# As auditd writes them, as the kernel does without it (type=1400), and as journald does of its own audit socket. From denials in public reports.
AVC = (b'type=AVC msg=audit(%d.123:456): avc:  denied  { %s } for  pid=1234 comm="%s" name="clientmqueue" dev="dm-0" ino=67157645 '
       b'scontext=system_u:system_r:%s:s0 tcontext=system_u:object_r:var_spool_t:s0 tclass=dir permissive=%d')
APPARMOR = (b'audit: type=1400 audit(%d.123:456): apparmor="DENIED" operation="open" profile="%s" name="/var/spool/mqueue/" pid=1 comm="%s" '
            b'requested_mask="r" denied_mask="r" fsuid=0 ouid=0')


@pytest.mark.parametrize('line, counts', [
    (AVC % (2000, b'write', b'sendmail', b'sendmail_t', 0), True),
    (AVC % (2000, b'add_name', b'sendmail.sendma', b'system_mail_t', 0), True),
    ((b'AVC avc:  denied  { name_bind } for  pid=7 comm="sendmail" src=2525 scontext=system_u:system_r:sendmail_t:s0 '
      b'tcontext=system_u:object_r:port_t:s0 tclass=tcp_socket permissive=0'), True),
    # Of older kernels, which do not say it.
    ((AVC % (2000, b'write', b'sendmail', b'sendmail_t', 0)).replace(b' permissive=0', b''), True),
    (APPARMOR % (2000, b'/usr/sbin/sendmail', b'sendmail'), True),
    (APPARMOR % (2000, b'/usr/libexec/sendmail/sendmail', b'sendmail-mta'), True),
    # Let pass and only noted, too long ago, another program, another domain of a program of the same name.
    (AVC % (2000, b'write', b'sendmail', b'sendmail_t', 1), False),
    (AVC % (999, b'write', b'sendmail', b'sendmail_t', 0), False),
    (AVC % (2000, b'write', b'smtpd', b'sendmail_t', 0), False),
    (AVC % (2000, b'write', b'sendmail', b'logwatch_t', 0), False),
    ((AVC % (2000, b'write', b'sendmail', b'sendmail_t', 0)).replace(b'denied', b'granted'), False),
    ((APPARMOR % (2000, b'/usr/sbin/sendmail', b'sendmail')).replace(b'DENIED', b'ALLOWED'), False),
    (APPARMOR % (2000, b'/usr/sbin/cupsd', b'sendmail'), False),
])
def test_what_a_policy_denies(tmp_path, monkeypatch, line, counts):
    monkeypatch.setattr(_log, 'AUDIT', str(tmp_path / 'audit.log'))
    monkeypatch.setattr(_log, '_JOURNALCTL', ())
    (tmp_path / 'audit.log').write_bytes(b'type=SYSCALL msg=audit(2000.123:456): arch=c000003e success=no exit=-13 comm="sendmail"\n' + line + b'\n')
    assert _log.denied(1000, 1 << 20) == (line if counts else None)
    (tmp_path / 'audit.log').write_bytes(line + b'\n' + (AVC % (3000, b'open', b'sendmail', b'sendmail_t', 0)) + b'\n')
    assert b'3000.123' in _log.denied(1000, 1 << 20), 'the newest'


@pytest.mark.parametrize('policy', [True, False])
def test_what_a_policy_denies_stands_in_the_journal_without_auditd(tmp_path, monkeypatch, policy):
    program = tmp_path / 'journalctl'
    program.write_text('#!/bin/sh\necho "$*" >> "$0.calls"\necho \'%s\'\n' % (APPARMOR % (2000, b'/usr/sbin/sendmail', b'sendmail')).decode())
    program.chmod(0o755)
    monkeypatch.setattr(_log, 'AUDIT', str(tmp_path / 'none'))
    monkeypatch.setattr(_log, '_JOURNALCTL', (str(program),))
    monkeypatch.setattr(_log, 'POLICIES', (str(tmp_path / 'none'), str(program if policy else tmp_path / 'none')))
    assert (_log.denied(1000, 1 << 20) or b'')[:6] == (b'audit:' if policy else b'')
    calls = tmp_path / 'journalctl.calls'
    assert calls.exists() is policy and (not policy or calls.read_text().split()[-3:] == ['--since=@1000', '_TRANSPORT=kernel', '_TRANSPORT=audit'])


def test_there_is_no_kernel_that_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(_log, 'AUDIT', str(tmp_path / 'none'))
    monkeypatch.setattr(_log, '_JOURNALCTL', ())
    assert _log.denied(0, 1000) is None


def test_a_line_of_the_log_is_printable_and_whole(monkeypatch):
    line = b'Nov 25 22:27:21 test-bullseye.example.test sm-msp-queue[1023]: 6APMRLsR001020: Losing ./qf6APMRLsR001020: bogus file uid/gid in mqueue'
    monkeypatch.setattr(_log, 'latest', lambda *arguments: {'lost': line, 'other': b'\x1b[31m' + b'x' * 5000})
    found = _log.last_week(0, {'lost': b'Losing'})
    assert found['lost'] == line.decode()
    assert found['other'].startswith('\\x1b[31m') and len(found['other']) < 320
