# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Which messages are meant: the C(select) dictionary as a predicate."""

import itertools
import re
import signal
from fnmatch import translate
from typing import Any, Dict, Iterator

from ansible_collections.mailops.sendmail.plugins.module_utils import _phrases, _qf, _text

STATES = ('queued', 'quarantined', 'lost', 'incomplete', 'unreadable')
_LIST = {'type': 'list', 'elements': 'str'}
# The option C(select), the same in every module; documented in the fragment C(queues.select).
OPTIONS = {
    'select': {'type': 'dict', 'options': {
        'ids': _LIST, 'senders': _LIST, 'recipients': _LIST, 'domains': _LIST,
        'older_than': {'type': 'str'}, 'newer_than': {'type': 'str'}, 'larger_than': {'type': 'str'}, 'status': {'type': 'str'},
        'reason': dict(_LIST, choices=list(_phrases.REASONS)), 'states': dict(_LIST, choices=list(STATES)),
    }},
}


TEXT_MAX = 1024        # bytes of a text that a pattern is tried on
_SECONDS = 2.0         # of the processor, for one text
_ALL_SECONDS = 60.0    # and for all of them
_REMEMBERED = 10000


class Guarded:
    """A compiled expression of a user, which may take for ever on some texts: bounded in the length of the text and in time.

    C(match(text)): whether it is found. A few texts stand in a million files: the answers are remembered.
    Raises SendmailError when it takes too long, so that the whole work is bounded.
    """

    def __init__(self, key: str, given: Any, compiled: Any) -> None:
        self._key, self._given, self._try = key, given, compiled.search
        self._known: Dict[bytes, bool] = {}
        self._left = _ALL_SECONDS

    def match(self, text: bytes) -> bool:
        text = text[:TEXT_MAX]
        known = self._known.get(text)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._known[text] = self._bounded(text)
        return known

    def _bounded(self, text: bytes) -> bool:
        def late(_signal: Any, _frame: Any) -> None:
            raise _text.SendmailError('select.%s: %s takes too long on a text of %d bytes. Write it without repetitions inside of repetitions.'
                                      % (self._key, _text.shown(self._given), len(text)))
        try:
            before = signal.signal(signal.SIGVTALRM, late)
        except ValueError:     # only the main thread may
            return self._try(text) is not None
        most = max(0.001, min(_SECONDS, self._left))
        signal.setitimer(signal.ITIMER_VIRTUAL, most)
        try:
            return self._try(text) is not None
        finally:
            self._left -= max(0.0, most - signal.setitimer(signal.ITIMER_VIRTUAL, 0)[0])   # or a tick more
            signal.signal(signal.SIGVTALRM, before)


_PATTERN = re.compile(r'\[!?\]?[^\]]*\]|\*+|.', re.S)


def _translated(word: str, numbers: Iterator[int]) -> str:
    """As fnmatch.translate() of Python 3.9: what a star took is not tried again, so no text takes long."""
    fixed = ['']
    for part in _PATTERN.findall(word):
        if part[0] == '*':
            fixed.append('')
        else:
            fixed[-1] += part
    first, *rest = [translate(part)[4:-3] for part in fixed]
    stars = ['(?=(?P<g%d>.*?%s))(?P=g%d)' % (number, part, number) for part, number in zip(rest[:-1], numbers)]
    return '(?s:%s%s%s)\\Z' % (first, ''.join(stars), '.*' + rest[-1] if rest else '')


def _patterns(key, words):
    """Shell patterns, any of them, for the whole of a bytes value and without regard to case. Bytes and brackets may stand as listings show them."""
    if not words:
        return None
    numbers = itertools.count()
    try:
        return re.compile('|'.join(_translated(_qf.address(_text.original_bytes(word)).decode('latin-1'), numbers) for word in words).encode('latin-1'), re.I)
    except re.error as error:
        raise _text.SendmailError('select.%s: %s has a pattern that cannot be used: %s.' % (key, _text.shown(words), error))


class Selection:
    """A checked C(select) dictionary.

    C(states) are the states to read; C(needs_size) says whether data files must be looked at. Raises SendmailError for a value that
    cannot be understood, before anything is read.
    """

    def __init__(self, select, now, states=STATES):
        select = dict((key, value) for key, value in (select or {}).items() if value is not None and (value or key != 'status'))
        for key in [key for key, value in select.items() if value == []]:
            raise _text.SendmailError('select.%s: the list is empty, which names no message: leave the key out.' % key)
        self.everything = not select
        self.done = ''      # what becomes of them, in the word of the caller
        self.ids = frozenset(select.get('ids', ()))
        self.states = frozenset(select.get('states', states))
        for identifier in self.ids:
            if not _qf.IDENTIFIER.match(identifier):
                raise _text.SendmailError('select.ids: %s is not a queue id: write eight letters or digits followed by five to ten digits, '
                                          'for example 6ANFSGsD000240.' % _text.shown(identifier))
        self._reasons = frozenset(select.get('reason', ()))
        self._senders, self._recipients, self._domains = (_patterns(key, select.get(key)) for key in ('senders', 'recipients', 'domains'))
        self._local = '(local)' in select.get('domains', ())      # as listings show it
        try:
            self._status = Guarded('status', select['status'],
                                   re.compile(select['status'].encode('utf-8', 'surrogateescape'), re.I)) if 'status' in select else None
        except re.error as error:
            raise _text.SendmailError('select.status: %s is not a regular expression: %s.' % (_text.shown(select['status']), error))
        self._before, self._after = (now - _text.duration(select[key], option='select.' + key) if key in select else None
                                     for key in ('older_than', 'newer_than'))
        self._larger = _text.size(select['larger_than'], 'select.larger_than') if 'larger_than' in select else None
        self.needs_size = self._larger is not None
        self._content = any(test is not None for test in (self._status, self._senders, self._recipients, self._domains, self._before,
                                                          self._after, self._larger)) or bool(self._reasons)
        self.by_name = not self._content and self.states == frozenset(STATES)   # no control file has to be read to tell what is meant

    def wants(self, identifier):
        """Whether a message can be meant, by its id alone."""
        return not self.ids or identifier in self.ids

    def wants_damaged(self, identifier, state):
        """Whether a control file without a readable envelope is meant: only by its id and state, for it says nothing else."""
        return state in self.states and self.wants(identifier) and not self._content

    def matches(self, row, size):
        """Whether the message with this C(_qf.head()) row and data file size (None when missing or not looked at) is meant."""
        if not self._content:
            return True
        if self._before is not None or self._after is not None:
            created = int(row[_qf.CREATED])
            if self._before is not None and created >= self._before or self._after is not None and created <= self._after:
                return False
        if self._larger is not None and (size or 0) <= self._larger:
            return False
        tail = row[_qf.TAIL]
        if self._senders is not None and not self._senders.match(_qf.address(row[_qf.SENDER] or b'')):
            return False
        if self._recipients is not None and not any(map(self._recipients.match, map(_qf.address, _qf.RECIPIENT.findall(tail)))):
            return False
        if self._domains is not None and not any(self._domains.match(domain) if domain else self._local for domain in _qf.RECIPIENT_DOMAIN.findall(tail)):
            return False
        if self._status is not None and not (self._status.match(row[_qf.STATUS] or b'')
                                             or any(map(self._status.match, _qf.RECIPIENT_STATUS.findall(tail)))):
            return False
        return not self._reasons or _phrases.reason(_qf.status_of(row), row[_qf.ATTEMPTS] != b'0') in self._reasons
