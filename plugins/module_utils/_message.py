# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

# PRIVATE to the mailops.sendmail collection: it can change or go in any release.

"""Act on messages: quarantine, release, take out into an archive, bring back from one. No step removes the last copy of a message.

L(plan) counts what is meant; nothing is done when that is refused or in check mode. The rest works through the queue in batches of
BATCH messages, so memory does not grow with their number.
"""

import contextlib
import fcntl
import os
import re
import stat
import time
from collections import Counter
from typing import Any, List, NamedTuple

from ansible_collections.mailops.sendmail.plugins.module_utils import (
    _archive, _hazards, _look, _lost, _phrases, _process, _qf, _selection, _spool, _text)

BATCH = 400             # messages locked at a time, and in one part of an archive; below the usual limit of 1024 open files
IDS = 2000              # on one command line
LISTED = 1000           # messages of each outcome that the result names; the counts are always whole
REMOVED_MAX = 1000      # without max_affected
YOUNG = 600             # seconds after which Sendmail itself takes an empty control file for a left-over one
RUN_SECONDS = 600
OUTCOMES = ('quarantined', 'queued', 'removed', 'restored', 'already', 'taken', 'left_alone')
# What a state can be made of, and which outcome that is.
STATES = {'quarantined': (('queued',), 'quarantined'), 'queued': (('quarantined', 'lost'), 'queued'),
          'absent': (_selection.STATES, 'removed'), 'restored': (_selection.STATES, 'restored')}
_MEMBER = re.compile(r'(msp|mta)(/.*)/((?:qf|hf|Qf|df)[0-9A-Za-z]{8}[0-9]{5,10})\Z')


class Plan(NamedTuple):
    """What is meant, before anything is done."""

    selected: int
    found: List[Any]        # (queue, id), the first LISTED


class Outcome:
    """What became of the messages: counts, and the first LISTED of each."""

    def __init__(self):
        self.counts, self.lists = Counter(), {}

    def add(self, what, queue, identifier, why=None):
        self.counts[what] += 1
        entries = self.lists.setdefault(what, [])
        if len(entries) < LISTED:
            entry = {'id': _text.printable(os.fsencode(identifier)), 'queue': queue}
            entries.append(dict(entry, why=why) if why else entry)

    def result(self, state, selected, archive=None, transcript=()):
        """The module's result."""
        done = STATES[state][1]
        lines = ['%s %s' % (entry['queue'], entry['id']) for entry in self.lists.get(done, ())[:100]]
        more = self.counts[done] - len(lines)
        lines = ''.join(line + '\n' for line in lines + (['... and %d more' % more] if more else []))
        sides = ['%s: %d\n%s' % (what, self.counts[done] if lines else 0, lines) if lines else ''
                 for what in (' or '.join(STATES[state][0]) if state in ('quarantined', 'queued') else 'in the queue', state)]
        if state in ('absent', 'restored'):
            sides[state == 'absent'] = ''
        return dict(
            ((name, self.counts[name]) for name in OUTCOMES), changed=self.counts[done] > 0, selected=selected, outcomes=self.lists,
            truncated=any(self.counts[name] > len(entries) for name, entries in self.lists.items()), archive=archive, transcript=list(transcript),
            diff={'before': sides[0], 'after': sides[1]})


def look_at(queue, partners=False):
    """What acting on messages needs to know of the host, a _look.Look of the level C(program). Raises SendmailError.

    C(partners): look at the directories of the other queue as well.
    """
    look = _look.look('program', 'all' if partners else queue)
    wrong = [error for error in look.errors if error['queue'] in _look.names(queue)]
    if wrong:
        raise _text.SendmailError('The queue cannot be read: %s: %s.' % (wrong[0]['path'], wrong[0]['error']))
    return look


def find(look, selection):
    """Yield (queue, QueueDirectory, names of control files) for what the selection means, no more than a few hundred names at a time."""
    for queue, directories in look.directories.items():
        for directory in directories:
            one = _spool.Pass(directory, None if selection.by_name else selection.states, selection.needs_size, look.held or frozenset())
            try:
                for names, rows, sizes in one.batches():
                    if selection.by_name:
                        wanted = [name for name in names if selection.wants(name[2:])]
                    else:
                        wanted = [name for name, row, size in zip(names, rows, sizes)
                                  if _qf.CONTROL_PREFIXES[name[:2]] in selection.states and selection.wants(name[2:]) and selection.matches(row, size)]
                    for start in range(0, len(wanted), BATCH):
                        yield queue, directory, wanted[start:start + BATCH]
            except OSError as error:
                raise _text.SendmailError('The queue directory %s cannot be read: %s.' % (directory.path, error.strerror))
            damaged = [name for name, state in one.damaged if selection.wants_damaged(name[2:], state)]
            if damaged:
                yield queue, directory, damaged


def plan(look, selection):
    """Count what is meant. Returns Plan."""
    selected, found = 0, []
    for queue, _directory, names in find(look, selection):
        selected += len(names)
        found += [(queue, name[2:]) for name in names[:LISTED - len(found)]]
    return Plan(selected, found)


def refuse(state, params, selection, selected=0):
    """Raise SendmailError for what is not done at all."""
    if selection.everything and not params['confirm_all'] and state != 'restored':
        raise _text.SendmailError('select is empty, which means every message in the queue. Say which messages are meant, or set confirm_all to true.')
    reason = params.get('reason')
    if state == 'quarantined' and (not reason or reason.strip() in ('', '.') or not reason.isprintable()):
        raise _text.SendmailError('Sendmail keeps a reason with each quarantined message: give one line of text with reason.')
    limit = params.get('max_affected')
    if limit is None and state == 'absent':
        limit = REMOVED_MAX
    if limit is not None and selected > limit:
        raise _text.SendmailError('%d messages are selected and max_affected is %d, so nothing was done. Select fewer, or raise max_affected.'
                                  % (selected, limit), selected=selected)


# Absent

def _judge(selection, name, data, size):
    """(row of _qf.head(), state, whether it is meant) of a control file's content."""
    row, state = _qf.head(data) if data[-3:] == b'\n.\n' else None, _qf.CONTROL_PREFIXES[name[:2]]
    if row is None:
        envelope = _qf.parse(data)
        if not envelope.complete and (envelope.created is not None or not envelope.problems):
            state = 'incomplete'
        elif envelope.created is None or envelope.version > _qf.NEWEST_VERSION:
            state = 'unreadable'
        else:
            row = _qf.head_of(envelope)
    return row, state, selection.wants_damaged(name[2:], state) if row is None else state in selection.states and selection.matches(row, size)


def describe(queue, directory, name, state, row, size):
    """The record of a message in a manifest: plain values, made of what a pass knows."""
    show = _text.printable
    record = {'id': show(os.fsencode(name[2:])), 'name': show(os.fsencode(name)), 'queue': queue, 'directory': show(os.fsencode(directory.path)),
              'state': state, 'size': size}
    if row is not None:
        recipients = [show(_qf.address(one)) for one in _qf.RECIPIENT.findall(row[_qf.TAIL])]
        status, attempts = _qf.status_of(row), int(row[_qf.ATTEMPTS])
        record.update(created=int(row[_qf.CREATED]), last_attempt=int(row[_qf.LAST_ATTEMPT]), attempts=attempts,
                      sender=None if row[_qf.SENDER] is None else show(_qf.address(row[_qf.SENDER])), recipients=recipients[:100],
                      recipients_total=len(recipients), status=show(status), reason=_phrases.reason(status, attempts))
    return record


class Remover:
    """Takes messages out of the queue into an archive. C(look), C(selection): what and where; C(writer): _archive.Writer."""

    def __init__(self, look, selection, writer, outcome, most):
        self.look, self.selection, self.writer, self.outcome, self.most = look, selection, writer, outcome, most
        self.left = set()           # (path, name) that were left alone, not to be tried again

    def run(self):
        """All that is meant. A second pass finds what moved while the first one read the directory."""
        for _pass in range(3):
            before = self.outcome.counts['removed']
            for queue, directory, names in find(self.look, self.selection):
                names = [name for name in names if (directory.path, name) not in self.left][:self.most - self.outcome.counts['removed']]
                if names:
                    try:
                        with _spool.Opened(directory) as opened:
                            self._batch(queue, opened, names)
                    except OSError as error:
                        raise _text.SendmailError('The messages could not be archived: %s%s. No message was removed that is not in the archive.' % (
                            error.strerror, ': ' + _text.printable(os.fsencode(error.filename)) if error.filename else ''),
                            **self.outcome.result('absent', self.most, self.writer.path))
                    self.progress(False)
            counts = self.outcome.counts
            if counts['removed'] == before or counts['removed'] + counts['left_alone'] + counts['taken'] >= self.most:
                break
        self.progress(True)

    def progress(self, finished):
        counts = self.outcome.counts
        self.writer.progress(selected=self.most, removed=counts['removed'], left_alone=counts['left_alone'], finished=finished)

    def _batch(self, queue, opened, names):
        """Archive, sync, unlink. The locks are held from before the first byte is read until the names are gone."""
        names = list(names)
        while names:
            held = []
            with contextlib.ExitStack() as stack:
                try:
                    self.writer.begin()
                    for name in names[:]:
                        if not self._one(queue, opened, name, held, stack):
                            names.remove(name)
                    if not held:
                        return
                    self.writer.commit()
                except _archive.Changed as error:
                    # The part has half of it: begin it again without this message.
                    self._leave(queue, opened, names.pop(len(held)), str(error))
                    continue
                finally:
                    self.writer.drop()
                for name, data, data_name in held:
                    self._unlink(queue, opened, name, data, data_name)
            return

    def _leave(self, queue, opened, name, why):
        self.left.add((opened.directory.path, name))
        self.outcome.add('left_alone', queue, name[2:], why)

    def _one(self, queue, opened, name, held, stack):
        """Lock a message and put it into the part. False when it is none of this part."""
        body = about_body = where = None
        try:
            handle, about = _archive.hold(opened.control, name)
            stack.callback(os.close, handle)
            data = _archive.read_held(handle, about)
            where = self._data_directory(queue, opened, data, stack)
            try:
                body, about_body = _archive.open_data(where.data, 'df' + name[2:])
            except FileNotFoundError:
                pass
            row, state, meant = _judge(self.selection, name, data, about_body and about_body.st_size)
            why = None
            if not meant:
                why = 'it changed meanwhile and is no longer what is selected'
            elif state == 'incomplete' and time.time() - about.st_ctime < YOUNG:
                why = 'it is incomplete and only %d seconds old: it may be being written' % max(0, time.time() - about.st_ctime)
            elif body is not None and about_body.st_nlink != 1 and not self._all_names_here(about_body):
                why = 'its data file has %d names (hard links), not all of them in the queue' % about_body.st_nlink
            if why:
                raise _text.SendmailError(why)
        except (OSError, _text.SendmailError) as error:
            if body is not None:
                os.close(body)
            if isinstance(error, FileNotFoundError):
                self.outcome.add('taken', queue, name[2:])
            else:
                self._leave(queue, opened, name, getattr(error, 'strerror', None) or str(error))
            return False
        self.writer.add(os.fsencode('%s%s/%s' % (queue, opened.directory.path, name)), about, data)
        if body is not None:
            try:
                self.writer.add_file(os.fsencode('%s%s/df%s' % (queue, where.directory.path, name[2:])), about_body, body)
            finally:
                os.close(body)
        self.writer.record(describe(queue, opened.directory, name, state, row, about_body and about_body.st_size))
        held.append((name, None if body is None else where.data, 'df' + name[2:]))
        return True

    def _data_directory(self, queue, opened, data, stack):
        """The queue directory with the data file: a C(d) line names another one, which has to be a queue directory too."""
        start = data.find(b'\nd', 0, max(0, data.find(b'\nS')))
        if start < 0:
            return opened
        place = os.fsdecode(data[start + 2:data.index(b'\n', start + 2)])
        for directory in self.look.directories[queue]:
            if os.path.normpath(place) in (directory.data, directory.path):
                return stack.enter_context(_spool.Opened(directory))
        raise _text.SendmailError('it says that its data file is in %s, which is no directory of this queue' % _text.printable(os.fsencode(place)))

    def _all_names_here(self, about):
        """Whether all names of a file are data files of queues: Sendmail links the data file where it splits an envelope (dup_df())."""
        count = 0
        for directories in self.look.directories.values():
            for directory in directories:
                with _spool.Opened(directory) as opened:
                    if os.fstat(opened.data).st_dev == about.st_dev:
                        with _spool.scan(opened.data) as entries:
                            count += sum(entry.inode() == about.st_ino and entry.name[:2] == 'df' for entry in entries)
        return count >= about.st_nlink

    def _unlink(self, queue, opened, name, data, data_name):
        # Sendmail removes the data file first. Here the message is in the archive already, and a control file without its data
        # file is what a runner would deliver empty, should we be ended between the two; a data file alone is nothing to it.
        try:
            os.unlink(name, dir_fd=opened.control)
            if data is not None:
                os.unlink(data_name, dir_fd=data)
            self.outcome.add('removed', queue, name[2:])
        except FileNotFoundError:
            self.outcome.add('removed', queue, name[2:])
        except OSError as error:
            self._leave(queue, opened, name, 'it is in the archive but cannot be removed: %s' % error.strerror)


# Quarantined and queued

def _sendmail(look, queue, arguments, names, transcript):
    """Let Sendmail itself do something to these messages; what it prints goes to C(transcript)."""
    program = look.program['sendmail']
    if program is None:
        raise _text.SendmailError('There is no Sendmail on this host.')
    argv = [program, '-Ac' if queue == 'msp' else '-Am'] + arguments + ['-v']
    commands = [(start, argv + ['-qI' + name[2:] for name in names[start:start + IDS]]) for start in range(0, len(names), IDS)]

    def take(_key, line):
        if line.strip() and len(transcript) < 50 and b'uarantine' not in line:
            transcript.append(_text.printable(line[:200]))
    ended = _process.run_all(commands, 1, time.monotonic() + RUN_SECONDS, take)
    for one in ended:
        if one.error:
            raise _text.SendmailError('Sendmail cannot be started: %s.' % one.error)


def requeue(look, selection, outcome, arguments, before, after, transcript):
    """Quarantine or release with Sendmail's own -Q, and see from the names what became of each message."""
    for queue, directory, names in find(look, selection):
        lost = [name for name in names if name[:2] == 'Qf']
        strange = [name for name in names if not _qf.IDENTIFIER.match(name[2:])]
        for name in strange:
            outcome.add('left_alone', queue, name[2:], 'its name is no queue id')
        names = [name for name in names if name[:2] == before and name not in strange]
        if names:
            _sendmail(look, queue, arguments, names, transcript)
        with _spool.Opened(directory) as opened:
            for name in names:
                if _lost.exists(opened.control, name):
                    outcome.add('left_alone', queue, name[2:], _why_stays(opened, name))
                elif _lost.exists(opened.control, after + name[2:]):
                    outcome.add(selection.done, queue, name[2:])
                else:
                    outcome.add('taken', queue, name[2:])
            for name in lost:
                if name not in strange:
                    try:
                        why = _lost.return_lost(look, queue, opened, name)
                        outcome.add('left_alone' if why else 'queued', queue, name[2:], why)
                    except FileNotFoundError:
                        outcome.add('taken', queue, name[2:])
                    except OSError as error:
                        outcome.add('left_alone', queue, name[2:], error.strerror)


def _why_stays(opened, name):
    try:
        os.close(_archive.hold(opened.control, name)[0])
    except (OSError, _text.SendmailError) as error:
        return getattr(error, 'strerror', None) or str(error)
    if _lost.exists(opened.control, 'tf' + name[2:]):
        return 'a tf file is in the way: mailops.sendmail.sendmail_debris removes it when it is old'
    return 'Sendmail did not take it; see transcript'


def predict(look, selection, state, outcome):
    """Fill C(outcome) with what a run would do, as far as that can be seen without doing it."""
    for queue, directory, names in find(look, selection):
        with _spool.Opened(directory) as opened:
            for name in names:
                why = None
                try:
                    about = os.stat(name, dir_fd=opened.control, follow_symlinks=False)
                    if (about.st_dev, about.st_ino) in (look.held or ()):
                        why = 'it is in delivery: another process has locked it'
                    elif about.st_nlink != 1:
                        why = 'it has %d names: a hard link, which Sendmail never makes of a control file' % about.st_nlink
                    elif name[:2] == 'Qf' and state == 'queued':
                        why = _lost.return_lost(look, queue, opened, name, dry=True)
                except FileNotFoundError:
                    continue
                outcome.add('left_alone' if why else STATES[state][1], queue, name[2:], why)


# Restored

class Restorer:
    """Brings messages back from an archive. C(dry): only say."""

    def __init__(self, look, selection, outcome, dry):
        self.look, self.selection, self.outcome, self.dry = look, selection, outcome, dry
        self.selected = 0

    def run(self, path):
        with contextlib.ExitStack() as stack:
            self.opened = dict((queue, [stack.enter_context(_spool.Opened(directory)) for directory in directories])
                               for queue, directories in self.look.directories.items())
            for part in _archive.parts(path):
                self._part(part)

    def _part(self, part):
        """One part of an archive; beside it stands what was brought back from it already, so that no message is delivered twice."""
        marks, before = None, set()
        try:
            if self.dry:
                try:
                    with open(part + '.restored', 'rb') as stream:
                        before = set(stream.read().split())
                except FileNotFoundError:
                    pass
            else:
                marks = os.open(part + '.restored', os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
                fcntl.flock(marks, fcntl.LOCK_EX)
                before = set(os.pread(marks, 1 << 24, 0).split())
            pending = None
            for member, stream in _archive.members(part):
                found = _MEMBER.match(member.name)
                queue, place, name = found.groups() if found else (None, None, '')
                if name[:2] == 'df':
                    if pending and pending[0] == queue and pending[2][2:] == name[2:]:
                        self._message(pending, place, member, stream, before, marks)
                        pending = None
                    continue
                self._without_data(pending, before)
                pending = None
                if found and queue in self.opened and self.selection.wants(name[2:]):
                    pending = queue, place, name, member, stream.read(_spool.LIMIT)
            self._without_data(pending, before)
            if marks is not None and os.fstat(marks).st_size:
                os.fsync(marks)
                for queue in self.opened:
                    for opened in self.opened[queue]:
                        for descriptor in sorted({opened.control, opened.data}):
                            os.fsync(descriptor)
        finally:
            if marks is not None:
                if not os.fstat(marks).st_size:
                    os.unlink(part + '.restored')
                os.close(marks)

    def _meant(self, pending, size):
        _queue, _place, name, _member, data = pending
        if not _judge(self.selection, name, data, size)[2]:
            return False
        self.selected += 1
        return True

    def _without_data(self, pending, before):
        if pending and self._meant(pending, None):
            if os.fsencode(pending[2][2:]) in before:
                self.outcome.add('already', pending[0], pending[2][2:], 'it was restored from this archive before')
            else:
                self.outcome.add('left_alone', pending[0], pending[2][2:],
                                 'it had no data file, so there is nothing to deliver; its control file is in the archive')

    def _message(self, pending, place, member, stream, before, marks):
        queue, _place, name, _member, _data = pending
        identifier = name[2:]
        if not self._meant(pending, member.size):
            return
        mark = os.fsencode(identifier)
        here = [prefix for opened in self.opened[queue] for prefix in ('qf', 'hf', 'Qf', 'tf') if _lost.exists(opened.control, prefix + identifier)]
        if here:
            self.outcome.add('already', queue, identifier, 'it is in the queue, as %s' % here[0])
            if marks is not None and mark not in before:
                os.write(marks, mark + b'\n')
            return
        if mark in before:
            self.outcome.add('already', queue, identifier, 'it was restored from this archive before')
            return
        try:
            control, data = self._place(queue, pending[1]), self._place(queue, place)
            if control is not data and b'\nd' in pending[4][:pending[4].find(b'\nS')] and control.directory.path != pending[1]:
                raise _text.SendmailError('the queue directory that it names does not exist any more')
            why = None if self.dry else self._put(queue, control, data, pending, member, stream)
        except _text.SendmailError as error:
            why = str(error)
        self.outcome.add('left_alone' if why else 'restored', queue, identifier, why)
        if not why and marks is not None:
            os.write(marks, mark + b'\n')

    def _place(self, queue, path):
        """The queue directory it came from, or the queue's first one."""
        for opened in self.opened[queue]:
            if opened.directory.path == path:
                return opened
        if not self.opened[queue]:
            raise _text.SendmailError('there is no queue directory for it')
        return self.opened[queue][0]

    def _put(self, queue, control, data, pending, member, stream):
        """Write both files under names that no runner looks at, then name the data file, then the control file. Returns why not, or None."""
        _queue, _place, name, info, content = pending
        who, settings = _hazards.runner(self.look, queue), self.look.settings[queue]
        right = _lost.owner_for(_about(info), os.fstat(control.control), who, settings)
        right_data = _about(member)
        right_data = ((right_data.st_uid, right_data.st_gid, right_data.st_mode & 0o666)
                      if _hazards.may(right_data, who[0], who[1], 4) and not right_data.st_mode & 0o002 else right)
        data_name = 'df' + name[2:]
        if not _write(data.data, data_name, stream, member.size, right_data):
            return 'the archive does not have all of its data file'
        if _lost.exists(data.data, data_name):
            same = _same(data.data, data_name, '.%s.restored' % data_name)
            os.unlink('.%s.restored' % data_name, dir_fd=data.data)
            if not same:
                return 'there is another data file of this id in the queue'
        else:
            os.rename('.%s.restored' % data_name, data_name, src_dir_fd=data.data, dst_dir_fd=data.data)
        _write(control.control, name, _Bytes(content), len(content), right)
        os.rename('.%s.restored' % name, name, src_dir_fd=control.control, dst_dir_fd=control.control)
        return None


class _Bytes:
    """The one method of a file that _write() needs."""

    def __init__(self, data):
        self.data = data

    def read(self, size):
        part, self.data = self.data[:size], self.data[size:]
        return part


def _about(info):
    return os.stat_result((stat.S_IFREG | info.mode & 0o666, 0, 0, 1, info.uid, info.gid, info.size, 0, 0, 0))


def _write(directory, name, stream, size, right):
    """Write C(.NAME.restored), whole and synced, with owner and mode. False when the stream ends early, and then nothing is left."""
    name = '.%s.restored' % name
    try:
        os.unlink(name, dir_fd=directory)            # of a run that was interrupted
    except FileNotFoundError:
        pass
    handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=directory)
    try:
        left = size
        while left > 0:
            part = stream.read(min(left, 1 << 18))
            if not part:
                os.unlink(name, dir_fd=directory)
                return False
            left -= len(part)
            while part:
                part = part[os.write(handle, part):]
        _lost.put_right(handle, *right)
        os.fsync(handle)
        return True
    except OSError:
        os.unlink(name, dir_fd=directory)
        raise
    finally:
        os.close(handle)


def _same(directory, one, other):
    """Whether two regular files have the same content."""
    handles = []
    try:
        for name in (one, other):
            handles.append(_archive.open_data(directory, name))
        if handles[0][1].st_size != handles[1][1].st_size or handles[0][1].st_nlink != 1:
            return False
        while True:
            parts = [os.read(handle, 1 << 18) for handle, _about_ in handles]
            if parts[0] != parts[1]:
                return False
            if not parts[0]:
                return True
    except (OSError, _text.SendmailError):
        return False
    finally:
        for entry in handles:
            os.close(entry[0])


# The module

def act(params, check_mode, look=None):
    """The module's work. C(params) as documented in sendmail_message. Returns its result; raises SendmailError."""
    state = params['state']
    if os.geteuid() != 0:
        raise _text.SendmailError('Only root can act on the messages of everybody. Use become: true.')
    states, done = STATES[state]
    selection = _selection.Selection(params['select'], look.now if look else int(time.time()), states)
    selection.states &= frozenset(states)
    selection.done = done
    refuse(state, params, selection)
    look = look or look_at(params['queue'])
    base = params['archive'] or _archive.BASE
    outcome, transcript = Outcome(), []
    try:
        if state == 'restored':
            # Judged before the first one is written.
            counted = Restorer(look, selection, Outcome() if not check_mode else outcome, True)
            counted.run(base)
            refuse(state, params, selection, counted.selected)
            if not check_mode:
                restorer = Restorer(look, selection, outcome, False)
                restorer.run(base)
            return outcome.result(state, counted.selected, base)
        planned = plan(look, selection)
        refuse(state, params, selection, planned.selected)
        if state == 'absent':
            _archive.check_base(base, [directory for directories in look.directories.values() for directory in directories])
        if check_mode:
            predict(look, selection, state, outcome)
            return outcome.result(state, planned.selected)
        if not planned.selected:
            return outcome.result(state, 0)
        if state == 'absent':
            with _archive.Writer(base, 'removed', {'state': state, 'pid': os.getpid()}) as writer:
                Remover(look, selection, writer, outcome, planned.selected).run()
                return outcome.result(state, planned.selected, writer.path if writer.parts else None)
        arguments = ['-Q' + params['reason']] if state == 'quarantined' else ['-qQ', '-Q']
        requeue(look, selection, outcome, arguments, *(('qf', 'hf') if state == 'quarantined' else ('hf', 'qf')), transcript=transcript)
        return outcome.result(state, planned.selected, None, transcript)
    except OSError as error:
        raise _text.SendmailError('%s%s. No message was removed that is not in an archive.' % (
            error.strerror, ': ' + _text.printable(os.fsencode(error.filename)) if error.filename else ''), **outcome.result(state, 0))
