# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Bytes made printable, durations, sizes, shell assignments, and the one error that every floor raises."""

import re
import shlex
from json import dumps
from typing import Dict, Optional, Union


class SendmailError(Exception):
    """Something a user can act on: the message is a sentence that says what is wrong, where, and what to do.

    C(result): what is known all the same, as a module's result.
    """

    def __init__(self, message, **result):
        super().__init__(message)
        self.result = result


def shown(value):
    """What a user gave, as it can be printed in a sentence."""
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return text if len(text) <= 100 else text[:97] + '...'


def count(number, noun, verbs=(), of=None):
    """C(1 message), C(2 messages); with C(verbs) C(1 message is); C(1 of 2 messages is)."""
    total = number if of is None else of
    words = ('' if of is None else '%d of ' % number) + '%d %s%s' % (total, noun, 's' * (total != 1))
    return '%s %s' % (words, verbs[number != 1]) if verbs else words


def absolute(path, option):
    """Raise SendmailError for the value of an option that is no path from the root."""
    if not path.startswith('/') or not path.isprintable() or len(path) > _PATH_MAX:
        raise SendmailError('%s: %s is not an absolute path: write it from the root and in printable characters, for example /root/mail.'
                            % (option, shown(path)))


def _check_paths(spec, params, above=''):
    for name, about in spec.items():
        several = (params or {}).get(name)
        for value in [] if several is None else several if about.get('type') == 'list' else [several]:
            if 'path' in (about.get('type'), about.get('elements')):
                absolute(value, above + name)
            elif 'options' in about:
                _check_paths(about['options'], value, above + name + '.')


def answer(module, work):
    """End a module: with what C(work()) returns, or with the sentence of its SendmailError. C(module): AnsibleModule, which no floor imports.

    Paths that a user gave are looked at first. What is under C(diff) is for those who asked for it.
    """
    failed = None
    try:
        _check_paths(module.argument_spec, module.params)
        result = work()
    except SendmailError as error:
        failed, result = str(error), error.result
    if not module._diff:
        result.pop('diff', None)
    if failed is None:
        module.exit_json(**sound(result))
    module.fail_json(**sound(dict(result, msg=failed)))


def sound(value):
    """A result without control characters, and without surrogates, for which the controller takes nothing of it."""
    if isinstance(value, str):
        return _UNSOUND.sub(lambda found: '\\x%02x' % (ord(found.group()) & 0xff), value)
    if isinstance(value, dict):
        return dict((sound(key), sound(one)) for key, one in value.items())
    return [sound(one) for one in value] if isinstance(value, (list, tuple)) else value


_UNSOUND = re.compile('[\0-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]')
_LOOKS_ESCAPED = re.compile(r'\\(?=x[0-9a-f]{2})')
_ESCAPED = re.compile(rb'\\x([0-9a-f]{2})')
_PATH_MAX = 4095
_LONGEST = 100 * 365 * 86400    # what no option can mean, and no system call takes
_UNITS = {'s': 1, 'm': 60, 'h': 3600, 'd': 86400, 'w': 604800}
_DURATION = re.compile(r'(\d{1,12})(?!\d)\s*([smhdw]?)', re.I | re.A)
_SIZES = {'': 1, 'k': 1 << 10, 'm': 1 << 20, 'g': 1 << 30}
_SIZE = re.compile(r'(\d{1,15}(?:\.\d{1,15})?)\s*([kmg]?)(?:i?b)?', re.I | re.A)


def printable(data):
    """Bytes from a queue as text that is safe on a terminal and loses nothing.

    Printable UTF-8 stays as it is. Every other byte becomes C(\\xHH): bytes that are not UTF-8, control characters, and
    the characters Unicode calls unprintable (direction marks among them). A backslash is written C(\\x5c) only where it
    would otherwise read as such an escape, so L(original_bytes) always gives the bytes back.
    """
    try:
        text = data.decode('ascii')
        if text.isprintable() and '\\x' not in text:
            return text
    except UnicodeDecodeError:
        text = data.decode('utf-8', 'surrogateescape')
    text = _LOOKS_ESCAPED.sub(r'\\x5c', text)
    if text.isprintable():
        return text
    return ''.join(char if char.isprintable() else
                   ''.join('\\x%02x' % byte for byte in char.encode('utf-8', 'surrogateescape')) for char in text)


def shortened(value: Union[bytes, str], room: int = 80) -> str:
    """Bytes or text as printable text that takes no more than C(room) characters in JSON."""
    text = printable(value) if isinstance(value, bytes) else value
    if len(text) <= room and len(dumps(text)) <= room + 2:
        return text
    text = text[:room]
    while len(dumps(text)) > room - 1:
        text = text[:-1]
    return text + '...'


def original_bytes(text):
    """The bytes that L(printable) was given."""
    return _ESCAPED.sub(lambda match: bytes((int(match.group(1), 16),)), text.encode('utf-8', 'surrogateescape'))


def duration(value, default_unit='s', option=None):
    """Seconds (int) of C(90), C(45m), C(1d12h): Sendmail's own units, see convtime() (weeks to seconds). C(option): where a user gave it.

    A bare number counts in C(default_unit): Sendmail itself takes minutes for C(-q) and queue times, other options say their own.
    """
    text = str(value).strip()
    total = position = 0
    while position < len(text):
        match = _DURATION.match(text, position)
        if not match:
            break
        total += int(match.group(1)) * _UNITS[match.group(2).lower() or default_unit]
        position = match.end()
    if not text or position < len(text) or option and total > _LONGEST:
        raise SendmailError('%s%s is not a duration%s: write a number with a unit (s, m, h, d or w), for example 30m or 1d12h.' % (
            option + ': ' if option else '', shown(value), ' of at most 100 years' if total > _LONGEST else ''))
    return total


def size(value, option=None):
    """Bytes (int) of C(500), C(64K), C(1.5M), C(2G); units are powers of 1024. C(option): where a user gave it."""
    match = _SIZE.match(str(value).strip())
    if not match or match.end() != len(str(value).strip()):
        raise SendmailError('%s%s is not a size: write a number of bytes, or one with K, M or G, for example 64K.' % (
            option + ': ' if option else '', shown(value)))
    return int(float(match.group(1)) * _SIZES[match.group(2).lower()])


def assignments(text: str, values: Optional[Dict[str, str]] = None) -> Dict[str, str]:
    """Variables set by a file of shell assignments (sendmail.conf, /etc/sysconfig, rc.conf), over C(values), with $NAME put in."""
    values = dict(values or {})
    try:
        words = shlex.split(text, comments=True)
    except ValueError:                                                        # a quote is open: take the lines that stand alone
        words = []
        for line in text.splitlines():
            try:
                words += shlex.split(line, comments=True)
            except ValueError:
                pass
    for word in words:
        match = re.match(r'(?s)([A-Za-z_]\w*)=(.*)$', word)
        if match:
            values[match.group(1)] = filled(match.group(2).rstrip(';'), values)[:16384]
    return values


def filled(text: str, values: Dict[str, str]) -> str:
    """A text with $NAME and ${NAME} put in."""
    return re.sub(r'\$(?:\{(\w+)\}|(\w+))', lambda ref: values.get(ref.group(1) or ref.group(2), ''), text)
