# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The control file of a queued message (qf, and the same format in hf, Qf and tf): bytes in, values out.

The format is the one that queueup() writes and readqf() reads (sendmail/queue.c, the Installation and Operation Guide's
appendix on queue files). A control file is never text: its first header line holds a raw 0x81 byte.
A pass over a whole queue uses L(head), one regular expression; L(parse) reads every line and says what a queue runner would object to.
"""

import re
import time
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import _text

_LETTERS = b'VTKNPdIBqMFS$ZA!CQrRHDEL'   # all that a line may begin with, but for the final dot; D, E and L are from old versions
_PROBLEMS_MAX = 10  # a runner gives up at the first
_HEADERS_MAX = 10000  # kept; a hostile file may have millions
_LINES_MAX = 1000000  # headers that are not kept count as one
_ADDRESS_MAX = 255  # bytes, MAXNAME in conf.h
NEWEST_VERSION = 8  # sendmail 8.13 to 8.18 write 8; a runner loses a file with a larger number
CONTROL_PREFIXES = {'qf': 'queued', 'hf': 'quarantined', 'Qf': 'lost'}
IDENTIFIER = re.compile(r'[0-9A-Za-z]{8}[0-9]{5,10}\Z')

# Index of each field in the tuple that head() returns.
CREATED, LAST_ATTEMPT, ATTEMPTS, STATUS, FLAGS, ORIGIN, SENDER, TAIL = range(8)

# The fixed order of queueup(), up to the sender. What does not fit (a continued line, a file edited by hand, another
# version) goes to parse() instead, so this need not be lenient.
_HEAD = re.compile(
    rb'V[1-8]\nT(\d{1,18})\nK(\d{1,18})\nN(\d{1,18})\nP-?\d+\n(?:d[^\n]*\n)?(?:I[^\n]*\n)?(?:B(?:7BIT|8BITMIME)\n)?(?:M([^\n]*)\n)?'
    rb'(?:F(?!rom )([^\n]*)\n)?(?:\$_([^\n]*)\n)?(?:\$[^_\n][^\n]*\n)*(?:q[^\n]*\n)?S([^\n]*)((?:\n[^HVTKNPdIBqFS$. \t\n][^\n]*)*)(?:\nH|\n\.\n\Z)')
RECIPIENT = re.compile(rb'\nR[^:\n]*:([^\n]*)')   # of a tail; the address as it stands, see address()
RECIPIENT_DOMAIN = re.compile(rb'\nR[^:\n]*:(?:[^\n]*@([^\n>]*))?')
RECIPIENT_STATUS = re.compile(rb'\nM([^\n]*)')


class Problem(NamedTuple):
    """What readqf() in queue.c does not take, keep or survive in a control file.

    C(code): unknown_letter, newer_version, behind_dot, from_line, body_type and auth (the file is renamed to Qf), no_sender (the runner
    aborts), no_recipient (the message is removed), recipient (one recipient is forgotten), line_end (the run hangs), too_long (not judged),
    no_time (at each run the message counts as new, initsys() in envelope.c).
    C(text): a sentence part that begins with the number of the line, if it is about one.
    """

    code: str
    text: str


class Recipient(NamedTuple):
    """One recipient that is not yet delivered."""

    address: bytes                    # without angle brackets
    flags: bytes                      # letters before the colon; P S F D N A B Y X, unknown ones kept
    status: bytes                     # the M line just before, empty when there is none
    orcpt: bytes


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
    problems: List[Problem]           # what makes a queue runner lose or drop the file
    data_directory: Optional[bytes] = None   # of the d line: the queue directory of the data file, as Sendmail names it


def head(data):
    """The envelope of a control file, or None where L(parse) must decide.

    C(data) holds at least everything before the first header. Returns the fields CREATED to TAIL as bytes, None for a line that is not there.
    STATUS is the envelope's; TAIL begins with the newline before the first recipient's lines, which have that of a recipient.
    """
    match = _HEAD.match(data)
    if match is None:
        return None
    end = match.end()
    return match.groups() if data.find(b'\r', 0, end) < 0 and data.find(b'\0', 0, end) < 0 else None


def head_of(envelope):
    """What L(head) returns, of an Envelope."""
    tail = b''.join((b'\nM' + recipient.status if recipient.status else b'') + b'\nR' + recipient.flags + b':<'
                    + recipient.address + b'>' for recipient in envelope.recipients)
    return (b'%d' % (envelope.created or 0), b'%d' % envelope.last_attempt, b'%d' % envelope.attempts, envelope.status or None,
            envelope.flags or None, envelope.macros.get(b'_'), envelope.sender, tail)


def status_of(row):
    """The most telling status of a L(head) tuple: a recipient's own reply before the envelope's.

    The envelope keeps the last event only, which after a sender-domain refusal is a name lookup that hides the reply.
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
    taken is the latest that does not lie in the future of C(now). The time inside can be older, of an envelope that was split off, or later, of
    mail that came by SMTP.
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
    """What atol() of the C library gives: digits behind white space and a sign, as far as they fit into 64 bits."""
    if text.isdigit() and len(text) < 19:
        return int(text)
    found = re.match(rb'[ \t\n\v\f\r]*([+-]?)0*(\d{0,20})', text)
    return max(-2 ** 63, min(int(b''.join(found.groups())), 2 ** 63 - 1)) if found and found.group(2) else 0


_XTEXT = re.compile(rb'(?:[!-*,-<>-~]|\+[0-9A-Fa-f]{2})*\Z')   # xtextok() in savemail.c
_MARK = re.compile(rb'[\x80-\x9f]')                      # bytes that Sendmail keeps for itself (invalidaddr())
_NOTHING = re.compile(rb'[ \t\n\v\f\r)>]*\\?\Z')           # what prescan() in parseaddr.c finds no token in, but for comments


def _is_taken(value):
    """Whether parseaddr() takes this address (bytes) of an R line; the recipient is forgotten where it does not (parseaddr.c, invalidaddr())."""
    if len(value) > _ADDRESS_MAX or _MARK.search(value):
        return False
    if b'(' in value and b'"' not in value:
        kept, depth = bytearray(), 0
        for byte in value:
            depth += byte == 0x28
            if not depth:
                kept.append(byte)
            depth -= byte == 0x29 and depth > 0
        value = bytes(kept)
    return not _NOTHING.match(value)


# Found by searching: a repeated group would take memory for each line.
_LINE_END = re.compile(rb'\n(?![ \t])')           # with the lines that continue it (fgetfolded() in util.c)
_HEADERS_END = re.compile(rb'\n(?![H \t])')
_HEADER = re.compile(rb'(?:\?[^?]*\?)?([^:\s]+)\s*:\s?(.*)', re.S)
_NUMBERS = {b'V': 'version', b'T': 'created', b'K': 'last_attempt', b'N': 'attempts', b'P': 'priority'}
_TEXTS = {b'B': 'body_type', b'q': 'quarantine_reason', b'F': 'flags', b'Z': 'envid', b'd': 'data_directory'}


def _lines(data, headers):
    """Yield (number, text, whether the file is cut short in it) for each line with those that continue it.

    C(headers): those kept so far. Behind _HEADERS_MAX of them the others are passed over, as one line.
    """
    position, end, following, line = 0, len(data), 1, b''
    while position < end:
        number = following
        following += 1
        if len(headers) >= _HEADERS_MAX and data[position:position + 1] == b'H' and number <= _LINES_MAX and line[:1] != b'.':
            found = _HEADERS_END.search(data, position)
            position = found.end() if found else end
            continue
        found = _LINE_END.search(data, position)
        stop = found.start() if found else end - data.endswith(b'\n')
        cut = not found and not data.endswith(b'\n')
        line, position = data[position:stop], stop + 1
        if b'\n' in line:
            following += line.count(b'\n')
            line = line.replace(b'\r\n', b'\n')
        if line[-1:] == b'\r' and not cut:
            line = line[:-1]
        if b'\0' in line:
            line = line[:line.index(b'\0')]   # C ends its strings there
        yield number, line, cut


def parse(data):
    """The Envelope in a whole control file; never raises, whatever the bytes, and works for no longer than a few times what copying them takes.

    The last line of a file that is not complete gives no value, for it may be half of one.
    """
    values: Dict[str, Any] = {
        'version': 0, 'created': None, 'last_attempt': 0, 'attempts': 0, 'priority': 0, 'body_type': b'', 'quarantine_reason': b'',
        'status': b'', 'flags': b'', 'sender': None, 'envid': b'', 'data_directory': None}
    macros, recipients, headers, problems = {}, [], [], []
    pending = {b'Q': b'', b'M': b''}
    complete, taken, format_version, number = False, 0, 0, 0

    def problem(code, text, *values):
        problems.append(Problem(code, ('line %d: ' % number + text) % values))

    for number, line, cut in _lines(data, headers):
        if len(problems) >= _PROBLEMS_MAX:
            break
        if number > _LINES_MAX:
            problem('too_long', 'there are more lines than this collection reads')
            complete = data[-3:] == b'\n.\n'
            break
        if complete:
            problem('behind_dot', 'there is text after the final dot')
            break
        letter, value = line[:1], line[1:]
        if letter == b'A' and not _XTEXT.match(value):
            problem('auth', 'an AUTH value that is not xtext, which Sendmail treats as an attack')
        elif letter == b'B' and value.upper() not in (b'7BIT', b'8BITMIME'):
            problem('body_type', 'an unknown body type, which Sendmail treats as an attack')
        elif letter == b'F' and value.startswith(b'rom '):
            problem('from_line', 'a mailbox separator, which Sendmail treats as an attack')
            continue
        if cut and letter and letter in _LETTERS:
            break
        if letter == b'R':
            flags = b''
            if format_version > 0:
                flags, _colon, value = value.partition(b':')
            if value:
                recipients.append(Recipient(address(value), flags, pending[b'M'], pending[b'Q']))
            if _is_taken(value):
                taken += 1
            else:
                problem('recipient', 'a recipient whose address Sendmail does not accept, and drops silently')
            pending = {b'Q': b'', b'M': b''}
        elif letter == b'H':
            found = _HEADER.match(value)
            if found:
                headers.append((found.group(1), found.group(2)))
        elif letter in pending:
            # Before the sender an M line is the envelope's; behind it, that of the recipient that follows.
            if letter == b'M' and values['sender'] is None:
                values['status'] = value
            else:
                pending[letter] = value
        elif letter in _NUMBERS:
            values[_NUMBERS[letter]] = (_number(value) + 2 ** 31) % 2 ** 32 - 2 ** 31 if letter == b'V' else _number(value)   # atoi()
            if letter == b'V':
                format_version = values['version']
                if format_version > NEWEST_VERSION:
                    problem('newer_version', 'version %d is newer than the newest known, %d', format_version, NEWEST_VERSION)
        elif letter in _TEXTS:
            if letter == b'Z' and b'\n' in value:
                problem('line_end', 'an envelope id that contains a line end, on which an SMTP dialogue hangs')
            values[_TEXTS[letter]] = value
        elif letter == b'S':
            values['sender'] = address(value)
        elif letter == b'$':
            name, value = (value[1:].split(b'}', 1) + [b''])[:2] if value[:1] == b'{' else (value[:1], value[1:])
            macros[name] = value
        elif letter == b'.':
            complete = True
        elif letter not in _LETTERS or not line:
            problem('unknown_letter', 'an unknown line, %s', _text.printable(line[:40]))
            if not values['version'] and values['created'] is None and len(problems) > 1:
                break  # not a control file at all: no need to list every line of a picture
    if len(problems) >= _PROBLEMS_MAX:
        complete = data[-3:] == b'\n.\n'
    elif complete and number <= _LINES_MAX:
        problems += _missing(values, taken)
    return Envelope(macros=macros, recipients=recipients, headers=headers, complete=complete, problems=problems, **values)


def damage(envelope: Envelope) -> Optional[str]:
    """The state of a control file that is no message to a queue run, or None."""
    if not envelope.complete and (envelope.created is not None or not envelope.problems):
        return 'incomplete'
    return 'unreadable' if envelope.created is None or envelope.version > NEWEST_VERSION else None


def _missing(values: Dict[str, Any], taken: int) -> List[Problem]:
    found = []
    if values['created'] is None:
        found.append(Problem('no_time', 'there is no creation time (T line)'))
    if not taken:
        found.append(Problem('no_recipient', 'there is no recipient (R line): a queue runner removes the message'))
    elif values['sender'] is None:
        found.append(Problem('no_sender', 'there is no sender (S line): a queue runner aborts on it and tries nothing after it'))
    return found
