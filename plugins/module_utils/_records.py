# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Messages as records: find the ones that are meant in one pass, then read those whole."""

import contextlib
import json
import os
from hashlib import sha256
from heapq import nsmallest
from typing import Any, Iterable, NamedTuple, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import _phrases, _qf, _spool, _text

FIELDS = ('queue', 'directory', 'id', 'state', 'created', 'age', 'last_attempt', 'attempts', 'priority', 'size', 'sender', 'user', 'bounce',
          'recipients', 'recipients_total', 'status', 'reason', 'flags', 'body_type', 'quarantine_reason', 'envid', 'warning_sent', 'locked',
          'problems')
LIMIT = 100
ERRORS_MAX = 100
VALUE_MAX = 2048       # bytes of a value; what is longer says so
VALUES_MAX = 100       # of one header
RECIPIENTS_MAX = 100    # listed in a result that travels through Ansible; the count is always whole
_NOTIFY = ((b'S', 'success'), (b'F', 'failure'), (b'D', 'delay'))


class Found(NamedTuple):
    """A message that is meant, before it is read whole."""

    created: int
    name: str                           # of the control file
    state: str
    queue: str                          # msp or mta
    directory: _spool.QueueDirectory


def write_lines(path: str, entries: Iterable[Any]) -> Tuple[str, int]:
    """Replace a file by JSON lines, for root alone and in one step. Returns (SHA-256 in hex, number of lines); raises OSError.

    Its directory is reached by L(_spool.walk) and kept open: nobody on the way can send it elsewhere.
    """
    parent, name = _spool.walk(os.path.dirname(path)), os.path.basename(path)
    temporary = '.%s.%d' % (name, os.getpid())
    digest, count = sha256(), 0
    encode = json.JSONEncoder(sort_keys=True).encode
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=parent)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=parent)
        try:
            with os.fdopen(descriptor, 'wb') as stream:
                for entry in entries:
                    line = encode(entry).encode('ascii') + b'\n'
                    digest.update(line)
                    stream.write(line)
                    count += 1
                stream.flush()
                os.fsync(stream.fileno())
            os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
        except BaseException:
            os.unlink(temporary, dir_fd=parent)
            raise
    finally:
        os.close(parent)
    return digest.hexdigest(), count


def check_limit(limit):
    if limit is not None and limit < 0:
        raise _text.SendmailError('limit: %s is below 0: write 0 or more.' % _text.shown(limit))


class Listing:
    """The messages of a look that a selection means, as records.

    C(look): _look.Look; C(fields), C(headers), C(limit) as the options of the module.
    """

    def __init__(self, look, selection, fields=None, headers=None, limit=None):
        check_limit(limit)
        self.look, self.selection, self.limit = look, selection, limit
        self.headers = headers or ()
        self.fields = fields and tuple(fields) + (('headers',) if headers else ())
        self.errors = list(look.errors)
        self.passes = [(queue, _spool.Pass(directory, selection.states, selection.needs_size, look.held or frozenset()))
                       for queue, directories in sorted(look.directories.items()) for directory in directories]

    def find(self):
        """Yield Found for each message that is meant, in directory order. Complete counts stand in the passes when it is exhausted."""
        for queue, one in self.passes:
            try:
                yield from find(queue, one, self.selection, self.look.now)
            except OSError as error:
                self.errors.append(one.directory.error(error))
            self.errors.extend(one.errors)

    def _records(self, found, recipients_max):
        for one in found:
            result = read(one, self.look.now, self.look.held, self.headers, recipients_max)
            if result is not None:
                yield dict((field, result[field]) for field in self.fields) if self.fields else result

    def _result(self, messages, matched, given):
        return {'messages': messages, 'matched': matched, 'total': sum(sum(one.messages.values()) for _queue, one in self.passes),
                'truncated': matched > given, 'partial': self.look.partial, 'errors': self.errors[:ERRORS_MAX]}

    def collect(self):
        """The module's result with the oldest records in it."""
        limit = LIMIT if self.limit is None else self.limit
        found, matched = oldest(self.find(), limit)
        return self._result(list(self._records(found, RECIPIENTS_MAX)), matched, limit)

    def write(self, path, dry=False):
        """The module's result with the records in a file of JSON lines instead, for root alone, replaced in one step; C(dry) writes nothing."""
        if self.limit is None:
            matched = 0

            def counted():
                nonlocal matched
                for one in self.find():
                    matched += 1
                    yield one
            found = counted()
        else:
            found, matched = oldest(self.find(), self.limit)
        file = {}
        if dry:
            for _one in found:
                pass
        else:
            try:
                digest, count = write_lines(path, self._records(found, None))
            except OSError as error:
                raise _text.SendmailError('path: the list cannot be written to %s: %s. Name a file in a directory that exists and has room.'
                                          % (path, error.strerror))
            file = {'file': {'path': path, 'messages': count, 'sha256': digest}}
        return dict(self._result([], matched, matched if self.limit is None else self.limit), **file)


def find(queue, one, selection, now):
    """Yield Found for each message of a C(_spool.Pass) that the selection means, in directory order.

    The pass must have been made with the selection's states and C(needs_size); its counts are complete when this is exhausted.
    """
    for names, rows, sizes in one.batches():
        for name, row, size in zip(names, rows, sizes):
            state = _qf.CONTROL_PREFIXES[name[:2]]
            if state in selection.states and selection.wants(name[2:]) and selection.matches(row, size):
                yield Found(int(row[_qf.CREATED]), name, state, queue, one.directory)
    for name, state in one.damaged:
        if selection.wants_damaged(name[2:], state):
            yield Found(_qf.created_by_id(name[2:], now) or 0, name, state, queue, one.directory)


def oldest(found, limit):
    """(the C(limit) oldest, count of all) of an iterable of Found; memory for no more than C(limit)."""
    count = 0

    def counted():
        nonlocal count
        for one in found:
            count += 1
            yield one
    rest = counted()
    best = nsmallest(limit, rest)
    for _one in rest:   # nsmallest() reads nothing where the limit is 0
        pass
    return best, count


def read(found, now, held=None, headers=(), recipients_max=RECIPIENTS_MAX):
    """The record (dict, see FIELDS) of a Found, or None when the message has gone meanwhile.

    C(held): set of (device, inode) somebody has locked for writing, None when that cannot be known. C(headers): names to return, in any case.
    A file that cannot be read gives a record whose state is unreadable, with what is wrong under C(problems).
    """
    size = None
    try:
        with _spool.Opened(found.directory) as opened:
            try:
                size = os.stat('df' + found.name[2:], dir_fd=opened.data, follow_symlinks=False).st_size
            except OSError:
                pass
            data, about = _spool.read_whole(opened.control, found.name)
    except FileNotFoundError:
        return None
    except (OSError, _text.SendmailError) as error:
        why = getattr(error, 'strerror', None) or str(error)
        return record(found._replace(state='unreadable'), _qf.parse(b'')._replace(problems=[_qf.Problem('unreadable', why)]), size, now, None)
    locked = None if held is None else (about.st_dev, about.st_ino) in held
    return record(found, _qf.parse(data), size, now, locked, headers, recipients_max)


def record(found, envelope, size, now, locked, headers=(), recipients_max=RECIPIENTS_MAX):
    """One message as plain values; times are epoch seconds, ages and sizes seconds and bytes, text is printable."""
    row = _qf.head_of(envelope)
    created = envelope.created
    sender, user = envelope.sender, _qf.submitter(envelope.macros.get(b'_'))
    result = {
        'queue': found.queue, 'directory': _shown(os.fsencode(found.directory.path)), 'id': _shown(os.fsencode(found.name[2:])),
        'state': found.state,
        'created': created, 'age': None if created is None else max(0, now - created),
        'last_attempt': envelope.last_attempt or None, 'attempts': envelope.attempts, 'priority': envelope.priority, 'size': size,
        'sender': None if sender is None else _shown(sender), 'user': None if user is None else _shown(user),
        'bounce': b'r' in envelope.flags or sender in (b'', b'MAILER-DAEMON'),
        'recipients': [_recipient(recipient) for recipient in envelope.recipients[:recipients_max]],
        'recipients_total': len(envelope.recipients), 'status': _shown(envelope.status or _qf.status_of(row)),
        'reason': None if created is None else _phrases.reason(_qf.status_of(row), envelope.attempts),
        'flags': _shown(envelope.flags), 'body_type': _shown(envelope.body_type) or None,
        'quarantine_reason': _shown(envelope.quarantine_reason) or None, 'envid': _shown(envelope.envid) or None,
        'warning_sent': b'w' in envelope.flags, 'locked': locked,
        'problems': [problem.text for problem in envelope.problems]
        + ['the final dot is missing: it is being written, or was cut short'] * (found.state == 'incomplete'),
    }
    if headers:
        wanted = dict((name.lower().encode('utf-8'), name) for name in headers)
        result['headers'] = dict((name, []) for name in headers)
        for name, value in envelope.headers:
            if name.lower() in wanted and len(result['headers'][wanted[name.lower()]]) < VALUES_MAX:
                result['headers'][wanted[name.lower()]].append(_shown(_qf.header_text(value)))
    return result


def _shown(data: bytes) -> str:
    """A value as printable text, cut where it is too long for a record."""
    if len(data) <= VALUE_MAX:
        return _text.printable(data)
    return '%s... (cut, %d bytes)' % (_text.printable(data[:VALUE_MAX]), len(data))


def _recipient(recipient):
    notify = None
    if b'N' in recipient.flags:
        notify = [word for letter, word in _NOTIFY if letter in recipient.flags] or ['never']
    return {'address': _shown(recipient.address), 'status': _shown(recipient.status), 'flags': _shown(recipient.flags),
            'orcpt': _shown(recipient.orcpt) or None, 'notify': notify}
