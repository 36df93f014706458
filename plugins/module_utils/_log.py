# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What Sendmail has written to the log of the host: the journal, and the files that syslog writes. Where neither can be read there are no lines."""

import calendar
import os
import re
import time
from typing import Any, Collection, Dict, Iterator, List, Optional, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import _process, _text

FILES = ('/var/log/mail.log', '/var/log/maillog', '/var/log/mail')
AUDIT = '/var/log/audit/audit.log'
POLICIES = ('/sys/fs/selinux/enforce', '/sys/kernel/security/apparmor/profiles')
_DENIED = re.compile(rb'avc: +denied +.*comm="sendmail.*scontext=\S+:\w*mail_t[: ]|apparmor="DENIED".*profile="[^"]*sendmail')
_JOURNAL_SOCKET = '/run/systemd/journal/socket'
_JOURNALCTL = ('/usr/bin/journalctl', '/bin/journalctl')
_SYNC_SECONDS = 10
_BYTES, _SHOWN = 4 << 20, 300   # of each file that a diagnosis reads, and of a line that it shows


def _files(since: float) -> List[str]:
    """The files that syslog writes, and what was made of them by rotation since then, the oldest first."""
    found = []
    for path in FILES:
        base = os.path.basename(path)
        try:
            names = os.listdir(os.path.dirname(path))
        except OSError:
            continue
        for name in names:
            if re.match(re.escape(base) + r'(?:[.-](?:[\d-]+|old))?\Z', name):
                try:
                    changed = os.stat(os.path.join(os.path.dirname(path), name)).st_mtime
                except OSError:
                    continue
                if changed >= since - 5:
                    found.append((changed, os.path.join(os.path.dirname(path), name)))
    return [path for _changed, path in sorted(found)]


def entries(since: float, pattern: Any, seconds: float, size: int, newest: Optional[int] = None,
            binaries: Collection[str] = (), users: Collection[int] = (0,)) -> Iterator[Tuple[bytes, bool]]:
    """Yield (line as syslog writes it, whether Sendmail itself has written it) for what C(pattern) is found in and is newer than about C(since).

    Anybody on the host can write a line under any name, and Sendmail's own name can be configured (C(-L)): nothing is asked of it but the
    facility, which is always mail (openlog() in main.c). Proof are the fields of the journal that its daemon takes from the kernel: the user is
    one of C(users), those that only root can become, and the program one of C(binaries); a process that was gone too soon to be looked at,
    as a runner often is, has no program. A plain file proves nothing.

    C(since): epoch seconds. C(seconds) is the most that reading the journal may take, C(size) the bytes of each file, from its end, and
    C(newest) how many lines of the journal are looked at, from its end; all by default.
    """
    for path in _files(since):
        try:
            with open(path, 'rb') as stream:
                stream.seek(max(0, os.fstat(stream.fileno()).st_size - size))
                for line in stream:
                    if pattern.search(line):
                        yield line, False
        except OSError:
            continue
    # Last, because a file may be there that nothing writes to any more.
    journal = next((path for path in _JOURNALCTL if os.path.exists(path)), None)
    if journal and os.path.exists(_JOURNAL_SOCKET):
        yield from _journal(journal, since, pattern, seconds, newest, binaries, users)


def _journal(journal: str, since: float, pattern: Any, seconds: float, newest: Optional[int], binaries: Collection[str],
             users: Collection[int]) -> List[Tuple[bytes, bool]]:
    found: List[Tuple[bytes, bool]] = []
    fields: Dict[bytes, bytes] = {}

    def take(_key: Any, line: bytes) -> None:
        name, equals, value = line.partition(b'=')
        if equals and name not in fields:
            fields[name] = value
        if line or not fields:
            return
        # An empty line ends an entry; a value with a newline has a form of its own, which no line of Sendmail's needs.
        text = _as_syslog(fields)
        if pattern.search(text):
            user, program = fields.get(b'_UID', b''), fields.get(b'_EXE', b'').decode('utf-8', 'surrogateescape')
            if program.endswith(' (deleted)'):
                program = program[:-10]   # by an upgrade
            found.append((text, user.isdigit() and int(user) in users and (program in binaries or not program)))
        fields.clear()
    end = time.monotonic() + seconds
    # What was written a moment ago may not have arrived.
    _process.run_all([(0, [journal, '--sync'])], 1, min(end, time.monotonic() + _SYNC_SECONDS), lambda _key, line: None)
    argv = [journal, '-q', '--no-pager', '-o', 'export', '--since=@%d' % (since - 5)] + ([] if newest is None else ['-n', '%d' % newest])
    _process.run_all([(0, argv + ['SYSLOG_FACILITY=2'])], 1, end, take)
    take(0, b'')
    return found


def _as_syslog(fields: Dict[bytes, bytes]) -> bytes:
    when = fields.get(b'__REALTIME_TIMESTAMP', b'')
    stamp = time.strftime('%b %e %H:%M:%S', time.localtime(int(when) // 1000000 if when.isdigit() else 0)).encode('ascii')
    return b'%s %s %s[%s]: %s' % (stamp, fields.get(b'_HOSTNAME', b'').partition(b'.')[0], fields.get(b'SYSLOG_IDENTIFIER', b''),
                                  fields.get(b'_PID', b''), fields.get(b'MESSAGE', b''))


def lines(since: float, pattern: Any, seconds: float, size: int, newest: Optional[int] = None) -> Iterator[bytes]:
    """Yield the lines of L(entries), whoever wrote them."""
    for line, _trusted in entries(since, pattern, seconds, size, newest):
        yield line


def denied(since: float, size: int) -> Optional[bytes]:
    """The newest line since then in which the kernel says what SELinux or AppArmor denied Sendmail. Nobody else writes there."""
    found = None
    try:
        with open(AUDIT, 'rb') as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - size))
            lines_of = stream.read(size).splitlines()
    except OSError:
        journal = next((path for path in _JOURNALCTL if os.path.exists(path)), None)
        lines_of = []
        if journal and any(map(os.path.exists, POLICIES)):
            _process.run_all([(0, [journal, '-q', '--no-pager', '-o', 'cat', '-n', '5000', '--since=@%d' % since, '_TRANSPORT=kernel',
                                   '_TRANSPORT=audit'])], 1, time.monotonic() + 3, lambda _key, line: lines_of.append(line))
    for line in lines_of:
        stamp = re.search(rb'audit\((\d+)', line)
        if _DENIED.search(line) and b'permissive=1' not in line and (stamp is None or int(stamp.group(1)) >= since):
            found = line
    return found


_STAMP = re.compile(rb'(?:<\d+>\d* ?)?(?:(\d{4})-(\d\d)-(\d\d)[T ]|([A-Z][a-z][a-z]) +(\d{1,2}) (?:(\d{4}) )?\d\d:)')
_MONTHS = b'JanFebMarAprMayJunJulAugSepOctNovDec'


def stale(line, since, now=None):
    """Whether a line begins with a day before the one of C(since). RFC 3164 has no year: it is the last in which the day is not to come."""
    match = _STAMP.match(line)
    if not match or match.group(4) and match.group(4) not in _MONTHS:
        return False
    today = time.gmtime(now)
    try:
        if not match.group(4):
            return _seconds(*map(int, match.groups()[:3])) < since - 2 * 86400
        month, day, year = _MONTHS.index(match.group(4)) // 3 + 1, int(match.group(5)), int(match.group(6) or today.tm_year)
        # A day ahead is another time zone.
        ahead = not match.group(6) and _seconds(year, month, day) > calendar.timegm(today) + 86400
        return _seconds(year - ahead, month, day) < since - 2 * 86400
    except ValueError:   # anybody can write what he likes
        return False


def _seconds(year, month, day):
    return calendar.timegm((year, month, day, 0, 0, 0))


def latest(patterns, since, seconds, size, newest):
    """{key: the newest line that its pattern is found in}, for the keys that have one. C(patterns): {key: expression over bytes}; the rest as in L(lines)."""
    found = {}
    if patterns:
        compiled = [(key, re.compile(pattern)) for key, pattern in sorted(patterns.items())]
        for line in lines(since, re.compile(b'|'.join(b'(?:%s)' % one.pattern for _key, one in compiled)), seconds, size, newest):
            for key, pattern in compiled:
                if pattern.search(line) and not stale(line, since):
                    found[key] = line.rstrip()
    return found


def last_week(now: int, patterns: Dict[str, bytes]) -> Dict[str, str]:
    """For _causes.diagnosis(): the newest line of the last week, as it can be shown, for each expression that is found there."""
    found = latest(patterns, now - 7 * 86400, 3.0, _BYTES, 20000)
    return dict((key, _text.shortened(line, _SHOWN)) for key, line in found.items())


def last_denied(now: int) -> Optional[str]:
    """For _causes.diagnosis(): the line of L(denied) since yesterday, as it can be shown."""
    line = denied(now - 86400, _BYTES)
    return _text.shortened(line, _SHOWN) if line else None
