# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

# PRIVATE to the mailops.sendmail collection: it can change or go in any release.

"""Bytes made printable, durations, sizes, and the one error that every floor raises."""

import re


class SendmailError(Exception):
    """Something a user can act on: the message is a sentence that says what is wrong, where, and what to do.

    C(result): what is known all the same, as a module's result.
    """

    def __init__(self, message, **result):
        super().__init__(message)
        self.result = result


def answer(module, work):
    """End a module: with what C(work()) returns, or with the sentence of its SendmailError. C(module): AnsibleModule, which no floor imports.

    What is under C(diff) is for those who asked for it.
    """
    failed = None
    try:
        result = work()
    except SendmailError as error:
        failed, result = str(error), error.result
    if not module._diff:
        result.pop('diff', None)
    if failed is None:
        module.exit_json(**result)
    module.fail_json(msg=failed, **result)


_LOOKS_ESCAPED = re.compile(r'\\(?=x[0-9a-f]{2})')
_ESCAPED = re.compile(rb'\\x([0-9a-f]{2})')
_UNITS = {'s': 1, 'm': 60, 'h': 3600, 'd': 86400, 'w': 604800}
_DURATION = re.compile(r'(\d{1,12})(?!\d)\s*([smhdw]?)', re.I)
_SIZES = {'': 1, 'k': 1 << 10, 'm': 1 << 20, 'g': 1 << 30}
_SIZE = re.compile(r'(\d{1,15}(?:\.\d{1,15})?)\s*([kmg]?)(?:i?b)?', re.I)


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


def original_bytes(text):
    """The bytes that L(printable) was given."""
    return _ESCAPED.sub(lambda match: bytes((int(match.group(1), 16),)), text.encode('utf-8', 'surrogateescape'))


def duration(value, default_unit='s'):
    """Seconds (int) of C(90), C(45m), C(1d12h): Sendmail's own units, see convtime() (weeks to seconds).

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
    if not text or position < len(text):
        raise SendmailError('%r is not a duration. Write a number with a unit (s, m, h, d or w), for example 30m or 1d12h.' % (value,))
    return total


def size(value):
    """Bytes (int) of C(500), C(64K), C(1.5M), C(2G); units are powers of 1024."""
    match = _SIZE.match(str(value).strip())
    if not match or match.end() != len(str(value).strip()):
        raise SendmailError('%r is not a size. Write a number of bytes, or one with K, M or G, for example 64K.' % (value,))
    return int(float(match.group(1)) * _SIZES[match.group(2).lower()])
