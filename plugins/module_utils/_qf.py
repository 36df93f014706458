# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

# PRIVATE to the mailops.sendmail collection: it can change or go in any release.

"""The control file of a queued message (qf, and the same format in hf, Qf and tf): bytes in, values out.

The format is the one that queueup() writes and readqf() reads (sendmail/queue.c, the Installation and Operation Guide's
appendix on queue files). A control file is never text: its first header line holds a raw 0x81 byte.
Two readers share this file. L(head) takes one regular expression to the envelope and is what a pass over a whole queue
uses; L(parse) reads every line and says what a queue runner would object to.
"""

import re
import time
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import _text

_LETTERS = b'VTKNPdIBqMFS$ZA!CQrRHDEL'   # all that a line may begin with, but for the final dot; D, E and L are from old versions
_PROBLEMS_MAX = 10  # a runner gives up at the first
NEWEST_VERSION = 8  # sendmail 8.13 to 8.18 write 8; a runner loses a file with a larger number
CONTROL_PREFIXES = {'qf': 'queued', 'hf': 'quarantined', 'Qf': 'lost'}
IDENTIFIER = re.compile(r'[0-9A-Za-z]{8}[0-9]{5,10}\Z')

# Index of each field in the tuple that head() returns.
CREATED, LAST_ATTEMPT, ATTEMPTS, STATUS, FLAGS, ORIGIN, SENDER, TAIL = range(8)

# The fixed order of queueup(), up to the sender. What does not fit (a continued line, a file edited by hand, another
# version) goes to parse() instead, so this need not be lenient.
_HEAD = re.compile(
    rb'V[1-8]\nT(\d{1,18})\nK(\d{1,18})\nN(\d{1,18})\nP-?\d+\n(?:d[^\n]*\n)?(?:I[^\n]*\n)?(?:B(?:7BIT|8BITMIME)\n)?(?:M([^\n]*)\n)?'
    rb'(?:F(?!rom )([^\n]*)\n)?(?:\$_([^\n]*)\n)?(?:\$[^_\n][^\n]*\n)*(?:q[^\n]*\n)?S([^\n]*)((?:\n[^H. \t\n][^\n]*)*)(?:\nH|\n\.\n\Z)')
RECIPIENT = re.compile(rb'\nR[^:\n]*:([^\n]*)')   # of a tail; the address as it stands, see address()
RECIPIENT_DOMAIN = re.compile(rb'\nR[^:\n]*:(?:[^\n]*@([^\n>]*))?')
RECIPIENT_STATUS = re.compile(rb'\nM([^\n]*)')


class Recipient(NamedTuple):
    """One recipient that is not yet delivered."""

    address: bytes                    # without angle brackets
    flags: bytes                      # letters before the colon; P S F D N A B Y X, unknown ones kept
    status: bytes                     # the M line just before, empty when there is none
    controlling_user: bytes           # the C line in force
    orcpt: bytes
    final_recipient: bytes


class Envelope(NamedTuple):
    """A control file. Times are epoch seconds; what the file does not say is 0 or empty."""

    version: int
    created: Optional[int]
    last_attempt: int
    attempts: int
    priority: int
    body_type: bytes
    quarantine_reason: bytes
    status: bytes
    flags: bytes
    macros: Dict[bytes, bytes]
    sender: Optional[bytes]           # None where there is no S line
    envid: bytes
    recipients: List[Recipient]
    headers: List[Tuple[bytes, bytes]]  # name and value with continuation lines, as they stand in the file
    complete: bool                    # the final dot was seen
    problems: List[str]               # what makes a queue runner lose or drop the file, each a sentence part with its line number


def head(data):
    """The envelope of the control file that starts with C(data), or None where L(parse) must decide.

    C(data) is bytes and holds at least everything before the first header. Returns (created, last attempt, attempts, status, flags,
    origin, sender, tail) as bytes, with None for a line that is not there; C(tail) begins with the newline before the first recipient's
    lines. The status is the envelope's; a recipient's own status is in the tail.
    """
    match = _HEAD.match(data)
    if match is None:
        return None
    return match.groups() if data.find(b'\r', 0, match.end()) < 0 else None


def head_of(envelope):
    """The same tuple as L(head), from an Envelope: one shape for every judge, whichever reader served."""
    tail = b''.join((b'\nM' + recipient.status if recipient.status else b'') + b'\nR' + recipient.flags + b':<'
                    + recipient.address + b'>' for recipient in envelope.recipients)
    return (b'%d' % (envelope.created or 0), b'%d' % envelope.last_attempt, b'%d' % envelope.attempts, envelope.status or None,
            envelope.flags or None, envelope.macros.get(b'_'), envelope.sender, tail)


def status_of(row):
    """The most telling status of a L(head) tuple: a recipient's own reply before the envelope's.

    The envelope keeps the last event only, which after a sender-domain refusal is a name look-up that hides the reply.
    """
    found = RECIPIENT_STATUS.search(row[TAIL])
    return found.group(1) if found else row[STATUS] or b''


def submitter(origin):
    """The local user behind the C($_) macro's value (C(alice@localhost) when the program itself was called), else None."""
    if origin and origin.endswith(b'@localhost'):
        return origin[:-10]
    return None


def address(value):
    """An address of an S or R line without the angle brackets that SMTP input keeps and the command line has not."""
    if value[:1] == b'<' and value[-1:] == b'>':
        return value[1:-1]
    return value


def header_text(value):
    """A header's value unfolded, with Sendmail's own marks taken out: a byte 0x80 to 0x9f or 0xff stands behind an added 0xff."""
    return re.sub(rb'\xff([\x80-\x9f\xff])', rb'\1', re.sub(rb'\r?\n(?=[ \t])', b'', value)).strip()


_DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'


def created_by_id(identifier, now):
    """The second a queue id was made (epoch), read from the id itself, or None.

    The first six characters are year modulo 60, month, day, hour, minute and second in UTC (assign_queueid()). The year
    taken is the latest that does not lie in the future of C(now). The creation time inside can differ: an envelope that was split off
    keeps an older one, and mail that came by SMTP has a later one, its id being made at the start of the dialogue.
    """
    try:
        year, month, day, hour, minute, second = (_DIGITS.index(char) for char in identifier[:6])
    except ValueError:
        return None
    this_year = time.gmtime(now + 86400).tm_year
    year = this_year - (this_year - 1900 - year) % 60
    if not (month < 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 61):
        return None
    return timegm(year, month + 1, day) + hour * 3600 + minute * 60 + second


def timegm(year, month, day):
    """Epoch seconds of midnight UTC; calendar.timegm() without what its import costs."""
    year -= month <= 2
    days = 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 719469
    return days * 86400


def _number(text):
    """Leading digits as int, as Sendmail's own atol() takes them."""
    if text.isdigit() and len(text) < 19:
        return int(text)
    found = re.match(rb'\s*(-?\d{1,18})', text)
    return int(found.group(1)) if found else 0


def parse(data):
    """Read a whole control file; never raises, whatever the bytes.

    Returns an Envelope. C(problems) lists, up to a bound, what a queue runner does not survive or does not keep: it renames the file to Qf (an unknown
    letter, a newer version, anything behind the final dot), aborts (no sender) or removes the message (no recipient).
    """
    values: Dict[str, Any] = {
        'version': 0, 'created': None, 'last_attempt': 0, 'attempts': 0, 'priority': 0, 'body_type': b'', 'quarantine_reason': b'',
        'status': b'', 'flags': b'', 'sender': None, 'envid': b''}
    numbers = {b'V': 'version', b'T': 'created', b'K': 'last_attempt', b'N': 'attempts', b'P': 'priority'}
    texts = {b'B': 'body_type', b'q': 'quarantine_reason', b'F': 'flags', b'Z': 'envid'}
    macros, recipients, headers, problems = {}, [], [], []
    pending = {b'C': b'', b'Q': b'', b'r': b'', b'M': b''}
    complete = False

    def problem(text, *values):
        if len(problems) < _PROBLEMS_MAX:
            problems.append(text % values)

    lines = data.split(b'\n')
    cut = bool(lines[-1])
    if not cut:
        lines.pop()
    count, index = len(lines), 0
    while index < count:
        line = lines[index]
        index += 1
        number = index
        if line[-1:] == b'\r':
            line = line[:-1]
        if complete:
            problem('line %d: something stands behind the final dot', number)
            break
        if index < count and lines[index][:1] in (b' ', b'\t'):
            parts = [line]
            while index < count and lines[index][:1] in (b' ', b'\t'):
                parts.append(lines[index].rstrip(b'\r'))
                index += 1
            line = b'\n'.join(parts)
        letter, value = line[:1], line[1:]
        if index == count and cut and letter in _LETTERS:
            break   # the file was being written: half a value is none
        if letter == b'R':
            flags = b''
            if values['version'] > 0:
                flags, _colon, value = value.partition(b':')
            if value:
                recipients.append(Recipient(address(value), flags, pending[b'M'], pending[b'C'], pending[b'Q'], pending[b'r']))
            else:
                problem('line %d: a recipient without an address, which Sendmail passes over', number)
            pending.update({b'Q': b'', b'r': b'', b'M': b''})
        elif letter == b'H':
            found = re.match(rb'(?:\?[^?]*\?)?([^:\s]+)\s*:\s?(.*)', value, re.S)
            if found:
                headers.append((found.group(1), found.group(2)))
        elif letter in pending:
            # Before the sender an M line is the envelope's; behind it, that of the recipient that follows.
            if letter == b'M' and values['sender'] is None:
                values['status'] = value
            else:
                pending[letter] = value
        elif letter in numbers:
            values[numbers[letter]] = _number(value)
            if letter == b'V' and values['version'] > NEWEST_VERSION:
                problem('line %d: version %d is newer than the newest known, %d', number, values['version'], NEWEST_VERSION)
        elif letter == b'F' and value.startswith(b'rom '):
            problem('line %d: a mailbox separator, which Sendmail takes for an attack', number)
        elif letter in texts:
            values[texts[letter]] = value
            if letter == b'B' and value.upper() not in (b'7BIT', b'8BITMIME'):
                problem('line %d: an unknown body type, which Sendmail takes for an attack', number)
        elif letter == b'S':
            values['sender'] = address(value)
        elif letter == b'$':
            name, value = (value[1:].split(b'}', 1) + [b''])[:2] if value[:1] == b'{' else (value[:1], value[1:])
            macros[name] = value
        elif letter == b'.':
            complete = True
        elif letter not in _LETTERS or not line:
            problem('line %d: an unknown line, %s', number, _text.printable(line[:40]))
            if not values['version'] and values['created'] is None:
                break  # not a control file at all: no need to list every line of a picture
    if complete and values['created'] is None:
        problems.append('there is no creation time (T line)')
    if complete and values['sender'] is None:
        problems.append('there is no sender (S line): a queue runner aborts on it and tries nothing behind it')
    if complete and not recipients:
        problems.append('there is no recipient (R line): a queue runner removes the message')
    return Envelope(macros=macros, recipients=recipients, headers=headers, complete=complete, problems=problems, **values)
