# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

# PRIVATE to the mailops.sendmail collection: it can change or go in any release.

"""Act on messages: quarantine, release, take out into an archive, bring back from one. No step removes the last copy of a message.

L(plan) counts what is meant; nothing is done when that is refused. The rest works through the queue in batches of BATCH messages, so memory does
not grow with their number. Check mode is the same code with C(dry): it locks, reads and judges as a run does, and stops before it changes.

What a queue holds is touched with the ids of its runner (L(_identity)), archives with root's.

Each message leaves or enters a queue by the rename of its control file, on either side of which it is known where the message is:

- removed: the part of the archive is on the disk; the control file gets a name that no runner looks at (C(.qfID.ARCHIVE.removing)); the archive
  records that; data file and control file are unlinked. A run killed before the record has left the message in the queue, under one of its
  two names, and L(put_back) gives it the first again; what the record names has left the queue for good.
- restored: both files are on the disk, the control file under such a name (C(.restoring)); the archive records that; the control file gets its
  own. A run killed behind the record is finished by the next one, and what the record names without such a file is in the queue, or was.
"""

import contextlib
import fcntl
import itertools
import os
import re
import stat
import time
from collections import Counter
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import (
    _archive, _hazards, _identity, _look, _lost, _phrases, _process, _qf, _selection, _spool, _text)

BATCH = 400             # messages locked at a time, and in one part of an archive; below the usual limit of 1024 open files
IDS = 2000              # on one command line
LISTED = 1000           # messages of each outcome that the result names; the counts are always whole
REMOVED_MAX = 1000      # without max_affected
SHOWN = 300             # bytes of a value in a manifest; the file has it whole
YOUNG = 600             # seconds after which Sendmail itself takes an empty control file for a left-over one
RUN_SECONDS = 600
OUTCOMES = ('quarantined', 'queued', 'removed', 'restored', 'already', 'taken', 'left_alone')
# What a state can be made of, and which outcome that is.
STATES = {'quarantined': (('queued',), 'quarantined'), 'queued': (('quarantined', 'lost'), 'queued'),
          'absent': (_selection.STATES, 'removed'), 'restored': (_selection.STATES, 'restored')}
_CONTROLS = ('qf', 'hf', 'Qf', 'tf', 'Tf')
_MEMBER = re.compile(r'(msp|mta)(/.*)/((?:qf|hf|Qf|df)[^/]*)\Z', re.S)


class Plan(NamedTuple):
    """What is meant, before anything is done."""

    selected: int
    found: List[Any]        # (queue, id), the first LISTED


class Outcome:
    """What became of the messages: counts, and the first LISTED of each."""

    def __init__(self):
        self.counts, self.lists = Counter(), {}
        self.selected, self.archive, self.transcript, self.refused = 0, None, [], []

    def add(self, what, queue, identifier, why=None):
        self.counts[what] += 1
        entries = self.lists.setdefault(what, [])
        if len(entries) < LISTED:
            entry = {'id': _text.printable(os.fsencode(identifier)), 'queue': queue}
            entries.append(dict(entry, why=why) if why else entry)

    def result(self, state):
        """The module's result: what was done so far."""
        done = STATES[state][1]
        lines = ['%s %s' % (entry['queue'], entry['id']) for entry in self.lists.get(done, ())[:100]]
        more = self.counts[done] - len(lines)
        listed = ''.join(line + '\n' for line in lines + (['... and %d more' % more] if more else []))
        sides = ['%s: %d\n%s' % (what, self.counts[done] if listed else 0, listed) if listed else ''
                 for what in (' or '.join(STATES[state][0]) if state in ('quarantined', 'queued') else 'in the queue', state)]
        if state in ('absent', 'restored'):
            sides[state == 'absent'] = ''
        return dict(
            ((name, self.counts[name]) for name in OUTCOMES), changed=self.counts[done] > 0, selected=self.selected, outcomes=self.lists,
            truncated=any(self.counts[name] > len(entries) for name, entries in self.lists.items()), transcript=list(self.transcript),
            archive=None if self.archive is None else _text.printable(os.fsencode(self.archive)), refused=list(self.refused),
            diff={'before': sides[0], 'after': sides[1]})


def find(look, selection):
    """Yield (queue, QueueDirectory, names of control files) for what the selection means, no more than a few hundred names at a time.

    It only reads, as a look does; what it yields is judged again before anything is done to it.
    """
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
                raise _text.SendmailError('The queue directory %s cannot be read: %s.' % (_text.printable(os.fsencode(directory.path)), error.strerror))
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
        raise _text.SendmailError('reason: %s is not one line of text: write the line that Sendmail is to keep with each quarantined message.'
                                  % _text.shown(reason))
    limit = params.get('max_affected')
    if limit is not None and limit < 0:
        raise _text.SendmailError('max_affected: %s is below 0: write 0 or more.' % _text.shown(limit))
    if limit is None and state == 'absent':
        limit = REMOVED_MAX
    if limit is not None and selected > limit:
        raise _text.SendmailError('%s selected and max_affected is %d, so nothing was done. Select fewer, or raise max_affected.'
                                  % (_text.count(selected, 'message', ('is', 'are')), limit), selected=selected)


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
    def show(value: bytes) -> str:
        return _text.printable(value[:SHOWN])
    record = {'id': show(os.fsencode(name[2:])), 'name': show(os.fsencode(name)), 'queue': queue,
              'directory': _text.printable(os.fsencode(directory.path)), 'state': state, 'size': size}
    if row is not None:
        found = _qf.RECIPIENT.findall(row[_qf.TAIL])
        status, attempts = _qf.status_of(row), int(row[_qf.ATTEMPTS])
        record.update(created=int(row[_qf.CREATED]), last_attempt=int(row[_qf.LAST_ATTEMPT]), attempts=attempts,
                      sender=None if row[_qf.SENDER] is None else show(_qf.address(row[_qf.SENDER])),
                      recipients=[show(_qf.address(one)) for one in found[:100]], recipients_total=len(found),
                      status=show(status), reason=_phrases.reason(status, attempts))
    return record


class Held(NamedTuple):
    """A message that is locked and in the part that was begun."""

    name: str                       # of the control file
    member: bytes                   # its name in the archive
    data: Optional[_spool.Opened]   # where its data file is, if it has one
    staged: str                     # the name that no runner looks at


class Remover:
    """Takes messages out of the queue into an archive. C(look), C(selection): what and where; C(writer): _archive.Writer, None for a dry run;
    C(room): the bytes that are free there.
    """

    def __init__(self, look: Any, selection: _selection.Selection, writer: Optional[_archive.Writer], outcome: Outcome, check: Callable[[], None],
                 room: int = _archive.ENDLESS):
        self.look, self.selection, self.outcome, self.check, self.room = look, selection, outcome, check, room
        self.writer: Any = writer
        self.dry, self.most = writer is None, outcome.selected
        self.left: Set[Tuple[str, str]] = set()           # (path, name) that were left alone, not to be tried again

    def run(self) -> None:
        """All that is meant. A second pass finds what moved while the first one read the directory."""
        for _pass in range(1 if self.dry else 3):
            before = self.outcome.counts['removed']
            for queue, directory, names in find(self.look, self.selection):
                names = [name for name in names if (directory.path, name) not in self.left][:self.most - self.outcome.counts['removed']]
                if names:
                    with _lost.entered(self.look, queue, directory) as opened:
                        self._batch(queue, opened, names)
                    self.progress(False)
                    self.check()
            counts = self.outcome.counts
            if counts['removed'] == before or counts['removed'] + counts['left_alone'] + counts['taken'] >= self.most:
                break
        self.progress(True)

    def progress(self, finished: bool) -> None:
        counts = self.outcome.counts
        if self.writer is not None:
            self.writer.progress(selected=self.most, removed=counts['removed'], left_alone=counts['left_alone'], finished=finished)

    def _batch(self, queue: str, opened: _spool.Opened, names: Iterable[str]) -> None:
        """Archive, sync, remove. The locks are held from before the first byte is read until the names are gone."""
        who, names = _lost.identity(self.look, queue), list(names)
        while names:
            held: List[Held] = []
            with contextlib.ExitStack() as stack:
                try:
                    if self.writer is not None:
                        self.writer.begin()
                        self.outcome.archive = self.writer.path if self.writer.parts else None
                    with _identity.acting(who):
                        for name in names[:]:
                            self.check()
                            if not self._one(queue, opened, name, held, stack):
                                names.remove(name)
                    if not held or self.writer is None:
                        return
                    self.writer.commit()
                    self.outcome.archive = self.writer.path
                except _archive.Changed as error:
                    # The part has half of it: begin it again without this message.
                    self._leave(queue, opened, names.pop(len(held)), str(error))
                    continue
                finally:
                    if self.writer is not None:
                        self.writer.drop()
                self._take_out(queue, who, opened, held)
            return

    def _leave(self, queue: str, opened: _spool.Opened, name: str, why: str) -> None:
        self.left.add((opened.directory.path, name))
        self.outcome.add('left_alone', queue, name[2:], why)

    def _one(self, queue: str, opened: _spool.Opened, name: str, held: List[Held], stack: contextlib.ExitStack) -> bool:
        """Lock a message and put it into the part; a dry run lets go of it again. False when it is none of this part."""
        with contextlib.ExitStack() as mine:
            body: Any = None
            about_body: Any = None
            where: Any = None
            try:
                handle, about = _archive.hold(opened.control, name)
                (mine if self.dry else stack).callback(os.close, handle)
                data = _archive.read_held(handle, about)
                where = _lost.data_of(self.look, queue, opened, data, mine if self.dry else stack)
                try:
                    body, about_body = _archive.open_data(where.data, 'df' + name[2:])
                    mine.callback(os.close, body)
                except FileNotFoundError:
                    there = _lost.elsewhere(self.look, queue, 'df' + name[2:])
                    if there:
                        paths = tuple(_text.printable(os.fsencode(path)) for path in (there, where.directory.data))
                        raise _text.SendmailError(
                            'its data file is %s, where Sendmail does not look for it: move it to %s' % paths)
                other = body is not None and self._shared(queue, opened, name, where)
                if other:
                    raise _text.SendmailError('there is also a file %s of its id, and both have one data file' % other)
                row, state, meant = _judge(self.selection, name, data, about_body and about_body.st_size)
                if not meant:
                    raise _text.SendmailError('it changed meanwhile and is no longer what is selected')
                if state == 'incomplete' and time.time() - about.st_ctime < YOUNG:
                    raise _text.SendmailError('it is incomplete and less than %d minutes old: it may be being written' % (YOUNG // 60))
                if body is not None and about_body.st_nlink != 1 and not self._all_names_here(queue, about_body):
                    raise _text.SendmailError('its data file has %d names (hard links), not all of them in the queue' % about_body.st_nlink)
                if body is not None:
                    _archive.check_size(about_body, self.room)
                why = _lost.why_not_renamed(opened.control, about) or body is not None and _lost.why_not_renamed(where.data, about_body)
                if why:
                    raise _text.SendmailError(why)
            except FileNotFoundError:
                self.outcome.add('taken', queue, name[2:])
                return False
            except (OSError, _text.SendmailError) as error:
                self._leave(queue, opened, name, _lost.reason_of(error))
                return False
            if self.dry:
                self.outcome.add('removed', queue, name[2:])
                return True
            member = os.fsencode('%s%s/%s' % (queue, opened.directory.path, name))
            self.writer.add(member, about, data)
            if body is not None:
                self.writer.add_file(os.fsencode('%s%s/df%s' % (queue, where.directory.path, name[2:])), about_body, body)
            self.writer.record(describe(queue, opened.directory, name, state, row, about_body and about_body.st_size))
            held.append(Held(name, member, None if body is None else where, '.%s.%s.removing' % (name, self.writer.reference)))
            return True

    def _shared(self, queue: str, opened: _spool.Opened, name: str, where: _spool.Opened) -> Optional[str]:
        """Another control file of this id that has the same data file: beside it, or in a directory whose files may name that one."""
        for prefix in ('qf', 'hf', 'Qf'):
            if prefix != name[:2] and any(_lost.exists(place, prefix + name[2:]) for place, _path in _lost.places(opened)):
                return prefix
        for directory in self.look.directories[queue]:
            for prefix in ('qf', 'hf', 'Qf') if directory != opened.directory else ():
                path = os.path.join(directory.control, prefix + name[2:])
                with contextlib.suppress(FileNotFoundError):
                    os.lstat(path)     # first, for there may be many directories, and each is asked for each message
                    with contextlib.ExitStack() as stack:
                        there = stack.enter_context(_spool.Opened(directory))
                        content = _spool.read_whole(there.control, prefix + name[2:])[0]
                        if _lost.data_of(self.look, queue, there, content, stack).directory == where.directory:
                            return _text.printable(os.fsencode(path))
        return None

    def _all_names_here(self, queue: str, about: os.stat_result) -> bool:
        """Whether all names of a file are data files of this queue: Sendmail links the data file where it splits an envelope (dup_df())."""
        count = 0
        for directory in self.look.directories[queue]:
            with _spool.Opened(directory) as opened:
                if os.fstat(opened.data).st_dev == about.st_dev:
                    with _spool.scan(opened.data) as entries:
                        count += sum(entry.inode() == about.st_ino and entry.name[:2] == 'df' for entry in entries)
        return count >= about.st_nlink

    def _take_out(self, queue: str, who: _identity.Identity, opened: _spool.Opened, held: List[Held]) -> None:
        """Rename, sync, record, unlink; see the head of this file. What cannot be renamed stays, and is in the archive as well."""
        staged: List[Held] = []
        try:
            with _identity.acting(who):
                for one in held:
                    try:
                        os.rename(one.name, one.staged, src_dir_fd=opened.control, dst_dir_fd=opened.control)
                        staged.append(one)
                    except FileNotFoundError:
                        self.outcome.add('taken', queue, one.name[2:])
                    except OSError as error:
                        self._leave(queue, opened, one.name, 'it is in the archive but cannot be removed: %s' % _lost.reason_of(error))
                _archive.to_disk(opened.control)
            self.writer.removed([one.member for one in staged])
        except BaseException:
            # Without a record nothing has left: a restore from this archive would know it as still in the queue. Where there may be one, a later run decides.
            back = self.writer.unrecord()
            with _identity.acting(who):
                for one in staged:
                    if back:
                        _give_back(opened.control, one.staged, one.name)
                    self._leave(queue, opened, one.name, 'the archive could not record its removal' + (
                        '' if back else ': it is %s until the module is called again with this archive' % _text.printable(os.fsencode(one.staged))))
            raise
        with _identity.acting(who):
            for one in staged:
                self.outcome.add('removed', queue, one.name[2:])
                _finish_removal(opened.control, one.staged, one.data.data if one.data else None, 'df' + one.name[2:])


def _give_back(directory: int, staged: str, name: str) -> bool:
    """Let a control file have its name again, unless another has it. False then."""
    if _lost.exists(directory, name):
        return False
    os.rename(staged, name, src_dir_fd=directory, dst_dir_fd=directory)
    return True


def _finish_removal(control: int, staged: str, data: Optional[int], data_name: str) -> None:
    """Unlink the files of a message whose removal is recorded, the one that says so last. What cannot be unlinked is nothing to a runner."""
    try:
        if data is not None:
            os.unlink(data_name, dir_fd=data)
    except OSError:
        pass
    try:
        os.unlink(staged, dir_fd=control)
    except OSError:
        pass


class Staged(NamedTuple):
    """A file that a run left between queue and archive."""

    queue: str
    opened: _spool.Opened
    where: int              # descriptor of the directory it is in
    file: str               # its name there
    name: str               # the name it had or was to get
    archive: str
    part: str
    kind: str               # removing, restoring or restored

    @property
    def reference(self) -> str:
        return '%s.%s' % (self.archive, self.part)


def staged_files(queue: str, opened: _spool.Opened) -> Iterator[Staged]:
    """What runs left between queue and archive in one queue directory. Raises OSError."""
    for where in sorted({opened.control, opened.data}):
        with _spool.scan(where) as entries:
            for entry in entries:
                found = _spool.STAGED.match(entry.name) if entry.name[0] == '.' else None
                if found and entry.is_file(follow_symlinks=False):
                    yield Staged(queue, opened, where, entry.name, *found.groups())


def put_back(look: Any, base: str, dry: bool) -> Iterator[Staged]:
    """Settle what a killed removal into an archive below C(base) left in the queues: what is recorded as removed is unlinked, the rest put back.

    Yields what is put back. The lock of C(base) must be held, so that no such run is at work; C(dry) changes nothing and needs no lock.
    Raises SendmailError and OSError.
    """
    records: Dict[str, Tuple[Set[str], Optional[Set[str]]]] = {}
    for queue, directories in look.directories.items():
        for directory in directories:
            with _lost.entered(look, queue, directory) as opened:
                for one in [one for one in staged_files(queue, opened) if one.kind == 'removing']:
                    part = os.path.join(base, one.archive, one.part + '.tar.gz')
                    if part not in records:
                        records[part] = _contents(part), _archive.removed(part)
                    contents, record = records[part]
                    if _label(queue, directory.path, one.name) not in contents:
                        continue        # into an archive elsewhere: only that one knows
                    if _is_removed(record, queue, directory.path, one.name):
                        if not dry:
                            with _identity.acting(_lost.identity(look, queue)):
                                _settle_removal(look, one)
                    elif not _lost.exists(opened.control, one.name):
                        if not dry:
                            with _identity.acting(_lost.identity(look, queue)):
                                _give_back(opened.control, one.file, one.name)
                        yield one


def _settle_removal(look: Any, one: Staged) -> None:
    """Unlink what is left of a message that is recorded as removed."""
    with contextlib.ExitStack() as stack:
        data = None
        if not _control_elsewhere(look, one.queue, one.name[2:]):
            try:
                data = _lost.data_of(look, one.queue, one.opened, _spool.read_whole(one.where, one.file)[0], stack).data
            except _text.SendmailError:
                pass
        _finish_removal(one.where, one.file, data, 'df' + one.name[2:])


def meant(selection: _selection.Selection, one: Staged) -> bool:
    """Whether a message is selected that a run would put back into the queue first. To be called while its directory is open."""
    try:
        data = _spool.read_whole(one.where, one.file)[0]
        size = os.stat('df' + one.name[2:], dir_fd=one.opened.data, follow_symlinks=False).st_size
    except (OSError, _text.SendmailError):
        return False
    return selection.wants(one.name[2:]) and _judge(selection, one.name, data, size)[2]


def _contents(part: str) -> Set[str]:
    """What a part has in it, as its manifest names it; nothing where there is no part, or none that proves whole."""
    try:
        with _archive.Part(part) as opened:
            return {file['name'] for record in opened.verify() for file in record['files']}
    except _text.SendmailError:
        return set()


def _is_removed(record: Optional[Set[str]], queue: str, path: str, name: str) -> bool:
    return record is not None and _label(queue, path, name) in record


def _label(queue: str, path: str, name: str) -> str:
    """How a manifest names a file."""
    return _text.printable(os.fsencode('%s%s/%s' % (queue, path, name)))


def _control_elsewhere(look: Any, queue: str, identifier: str) -> bool:
    """Whether a queue has a control file of this id."""
    return any(_lost.elsewhere(look, queue, prefix + identifier) for prefix in _CONTROLS)


# Quarantined and queued

def _sendmail(look, queue, arguments, names, transcript):
    """Let Sendmail itself do something to these messages; what it prints goes to C(transcript)."""
    program = look.program['sendmail']
    if program is None:
        raise _text.SendmailError(_look.absence(look))
    argv = [program, '-Ac' if queue == 'msp' else '-Am'] + arguments + ['-v']
    commands = [(start, argv + ['-qI' + name[2:] for name in names[start:start + IDS]]) for start in range(0, len(names), IDS)]

    def take(_key, line):
        if line.strip() and len(transcript) < 50 and b'uarantine' not in line:
            transcript.append(_text.printable(line[:200]))
    ended = _process.run_all(commands, 1, time.monotonic() + RUN_SECONDS, take)
    for one in ended:
        if one.error:
            raise _text.SendmailError('Sendmail cannot be started: %s.' % one.error)


def requeue(look: Any, selection: _selection.Selection, outcome: Outcome, arguments: List[str], before: str, after: str, dry: bool,
            check: Callable[[], None]) -> None:
    """Quarantine or release with Sendmail's own -Q, and see from the names what became of each message. C(dry): only say."""
    for queue, directory, names in find(look, selection):
        check()
        who = _lost.identity(look, queue)
        with _lost.entered(look, queue, directory) as opened:
            taken = []
            with _identity.acting(who):
                for name in names:
                    try:
                        if name[:2] == 'Qf':
                            why = _lost.return_lost(look, queue, opened, name, dry)
                            if not why and _lost.exists(opened.control, before + name[2:]):
                                taken.append(before + name[2:])      # it was quarantined when it was lost
                            else:
                                outcome.add('left_alone' if why else 'queued', queue, name[2:], why)
                        elif name[:2] == before:
                            why = why_stays(look, queue, opened, name, after)
                            if why or dry:
                                outcome.add('left_alone' if why else selection.done, queue, name[2:], why)
                            else:
                                taken.append(name)
                    except FileNotFoundError:
                        outcome.add('taken', queue, name[2:])
                    except OSError as error:
                        outcome.add('left_alone', queue, name[2:], _lost.reason_of(error))
            if taken:
                _sendmail(look, queue, arguments, taken, outcome.transcript)
            with _identity.acting(who):
                for name in taken:
                    if _lost.exists(opened.control, name):
                        why = why_stays(look, queue, opened, name, after) or 'Sendmail did not accept it; see transcript'
                        outcome.add('left_alone', queue, name[2:], why)
                    elif _lost.exists(opened.control, after + name[2:]):
                        outcome.add(selection.done, queue, name[2:])
                    else:
                        outcome.add('taken', queue, name[2:])


def why_stays(look: Any, queue: str, opened: _spool.Opened, name: str, after: str) -> Optional[str]:
    """Why Sendmail does not quarantine or release a message, or would lose it in that or in the run that comes next, or None.

    quarantine_queue_item() in queue.c reads the file with readqf(), which loses what it does not take, writes a tf file that must not exist
    yet, and renames that over whatever has the new name.
    """
    if not _qf.IDENTIFIER.match(name[2:]):
        return 'its name is not a queue id'
    try:
        handle, about = _archive.hold(opened.control, name)
        try:
            data = _archive.read_held(handle, about)
        finally:
            os.close(handle)
        place = _spool.data_directory(opened.directory, data, look.directories[queue])
    except FileNotFoundError:
        raise
    except (OSError, _text.SendmailError) as error:
        return _lost.reason_of(error)
    envelope = _qf.parse(data)
    if not envelope.complete:
        return 'its final dot is missing: it is being written, or was cut short'
    if envelope.problems:
        return 'Sendmail would lose it: ' + envelope.problems[0].text
    wrong = _hazards.hazard_of_owner(about, os.fstat(opened.control), _hazards.runner(look, queue), look.settings[queue])
    if wrong:
        return '%s; %s' % (wrong, _lost.PERMISSIONS)
    if after == 'qf':
        for hazard in _hazards.data_hazards(opened, name[2:], _hazards.runner(look, queue), opened.directory, place):
            return 'the next run would do harm: %s' % hazard.text
    if _lost.exists(opened.control, 'tf' + name[2:]):
        return 'a tf file is in the way: mailops.sendmail.sendmail_debris removes it when it is old'
    if _lost.exists(opened.control, after + name[2:]):
        return 'there is also a file ' + after + name[2:]
    return None


# Restored

class Ready(NamedTuple):
    """A message whose files are in the queue already, its control file under a name that no runner looks at."""

    queue: str
    opened: _spool.Opened
    file: str
    name: str


class Restorer:
    """Brings messages of the queues C(asked) back from an archive. C(dry): only say."""

    def __init__(self, look: Any, asked: Iterable[str], selection: _selection.Selection, outcome: Outcome, dry: bool, check: Callable[[], None]):
        self.look, self.asked, self.selection, self.outcome, self.dry, self.check = look, frozenset(asked), selection, outcome, dry, check
        self.everywhere: Optional[Set[str]] = None
        self.sound: Dict[str, Tuple[int, ...]] = {}        # parts that proved whole, and what they looked like then

    def run(self, path: str) -> None:
        parts = _archive.parts(path)
        with contextlib.ExitStack() as stack:
            self.opened = dict((queue, [stack.enter_context(_lost.entered(self.look, queue, directory)) for directory in directories])
                               for queue, directories in self.look.directories.items())
            self.staged: Dict[str, List[Staged]] = {}
            for queue, places in self.opened.items():
                for opened in places:
                    for one in staged_files(queue, opened):
                        self.staged.setdefault(one.reference, []).append(one)
            self.parts = parts
            for part in parts:
                self.check()
                self._guarded(part)

    def _recorded_elsewhere(self, label: str) -> bool:
        """Whether another part says that it has removed a message. Asked for what an ended run did not remove, so read only then."""
        if self.everywhere is None:
            self.everywhere = set()
            for part in self.parts:
                with contextlib.suppress(_text.SendmailError):
                    self.everywhere |= _archive.removed(part) or set()
        return label in self.everywhere

    def _refuse(self, part: str, error: _text.SendmailError) -> None:
        self.outcome.refused.append({'path': _text.printable(os.fsencode(part)), 'why': str(error)})

    def _guarded(self, path: str) -> None:
        """One part, when it proves whole: what is damaged refuses itself and not the others."""
        try:
            with _archive.Part(path) as part:
                about = os.stat(path)
                looks = about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns
                if self.sound.get(path) != looks:
                    part.verify()
                    self.sound[path] = looks
                self._part(part)
        except _archive.Refused as error:
            self._refuse(path, error)

    def _part(self, part: _archive.Part) -> None:
        """One part of an archive; beside it stands what was brought back from it already, so that no message is delivered twice."""
        path, marks, before = part.path, None, set()
        reference = '%s.%s' % (os.path.basename(os.path.dirname(path)), os.path.basename(path).partition('.')[0])
        here = self.staged.get(reference, [])
        try:
            if self.dry:
                before = _archive.restored(path)
            else:
                marks = _marks(part)
                archive = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                try:
                    _archive.to_disk(archive)      # that the file has its name, see fsync(2)
                finally:
                    os.close(archive)
                before = set(os.pread(marks, 1 << 24, 0).split())
            removed = self.removed = _archive.removed(path) or set()
            restoring = self._settle(here, before, removed)
            pending: Optional[Pending] = None
            ready: List[Ready] = []
            for member, stream in part.members():
                found = _MEMBER.match(member.name)
                queue, place, name = found.groups() if found else ('', '', '')
                if name[:2] == 'df':
                    if pending and pending.queue == queue and pending.name[2:] == name[2:]:
                        self._message(path, reference, pending, member, stream, before, restoring, ready)
                        pending = None
                    continue
                self._message(path, reference, pending, None, None, before, restoring, ready)
                pending = None
                if found and queue in self.asked and queue in self.opened and self.selection.wants(name[2:]):
                    pending = Pending(queue, place, name, member, stream.read(_spool.LIMIT))
            self._message(path, reference, pending, None, None, before, restoring, ready)
            if marks is not None:
                self._commit(marks, before, ready)
        finally:
            if marks is not None:
                with contextlib.suppress(OSError):
                    if not os.fstat(marks).st_size:
                        os.unlink(path + '.restored')
                os.close(marks)

    def _settle(self, here: List[Staged], before: Set[bytes], record: Optional[Set[str]]) -> Dict[str, Staged]:
        """Clear what killed runs on this part left. Returns the control files that its record of what was restored names, and that lack their name."""
        kept = {}
        for one in here:
            if one.kind == 'restoring' and _mark(one.name) in before:
                kept[one.name] = one
            elif not self.dry:
                with _identity.acting(_lost.identity(self.look, one.queue)), contextlib.suppress(FileNotFoundError):
                    if one.kind != 'removing':
                        os.unlink(one.file, dir_fd=one.where)
                    elif _is_removed(record, one.queue, one.opened.directory.path, one.name):
                        _settle_removal(self.look, one)
        return kept

    def _here(self, wanted: str, identifier: str) -> Tuple[str, Optional[str]]:
        """(outcome, why) for what any queue has of this id already; ('', None) for nothing. Only a control file in its own queue is the message."""
        for queue, places in sorted(self.opened.items(), key=lambda one: one[0] != wanted):
            with _identity.acting(_lost.identity(self.look, queue)):
                for opened in places:
                    for (place, path), prefix in itertools.product(_lost.places(opened), _CONTROLS):
                        with contextlib.suppress(FileNotFoundError):
                            about = os.stat(prefix + identifier, dir_fd=place, follow_symlinks=False)
                            if queue == wanted and prefix in ('qf', 'hf', 'Qf') and about.st_size and stat.S_ISREG(about.st_mode):
                                return 'already', 'it is in the queue, as %s' % prefix
                            return 'left_alone', '%s has its id. Find out what that is and move it away first' % _text.printable(
                                os.fsencode(os.path.join(path, prefix + identifier)))
        return '', None

    def _message(self, path, reference, pending, member, stream, before, restoring, ready) -> None:
        """Judge one message and, when it is to be brought back, write its files."""
        if pending is None or not _judge(self.selection, pending.name, pending.data, member and member.size)[2]:
            return
        queue, name = pending.queue, pending.name
        identifier = name[2:]
        label = _label(queue, pending.path, name)
        done, why = self._here(queue, identifier)
        if done == 'already':
            if not self.dry and label in self.removed:
                before.add(_mark(name))
        elif _mark(name) in before and name not in restoring:
            done, why = 'already', 'it was restored from this archive before'
        elif done:
            pass
        elif name in restoring:
            done = 'restored'
            ready.append(Ready(queue, restoring[name].opened, restoring[name].file, name))
        elif label not in self.removed:
            held = [one for one in self.staged.get(reference, ()) if (one.kind, one.name, one.queue) == ('removing', name, queue)]
            if held:
                done = 'restored'
                ready.append(Ready(queue, held[0].opened, held[0].file, name))
            elif self._recorded_elsewhere(label):
                return           # a later run has taken it out, and that archive has it
            else:
                done = 'left_alone'
                why = ('it was still in the queue when the run that archived it was ended, and has left it since: it was probably delivered. '
                       'Look for its id in the mail log; its files can be unpacked from %s' % _text.printable(os.fsencode(path)))
        elif member is None:
            done = 'left_alone'
            why = 'it had no data file, so there is nothing to deliver; its control file is in the archive'
        else:
            try:
                with _identity.acting(_lost.identity(self.look, queue)):
                    why = self._put(pending, member, stream, reference, ready)
            except (OSError, _text.SendmailError) as error:
                why = _lost.reason_of(error)
            done = 'left_alone' if why else 'restored'
        self.outcome.selected += 1
        if done != 'restored' or self.dry:
            self.outcome.add(done, queue, identifier, why)

    def _commit(self, marks: int, before: Set[bytes], ready: List[Ready]) -> None:
        """Record what is ready, then give it its name. From the record on the message counts as brought back, whatever happens."""
        places = sorted({(one.queue, descriptor) for one in ready for descriptor in (one.opened.control, one.opened.data)})
        written = os.pread(marks, 1 << 24, 0)
        recorded = set(written.split())
        self._sync_all(places)
        new = (before | {_mark(one.name) for one in ready}) - recorded
        # A killed run may have left half a line.
        lines = (b'\n' if written[-1:] not in (b'', b'\n') else b'') + b''.join(mark + b'\n' for mark in sorted(new))
        while lines:
            lines = lines[os.write(marks, lines):]
        os.fsync(marks)
        for one in ready:
            why = None
            try:
                with _identity.acting(_lost.identity(self.look, one.queue)):
                    if not _give_back(one.opened.control, one.file, one.name):
                        why = 'another file of this name appeared in the queue meanwhile'
            except OSError as error:
                why = _lost.reason_of(error)
            self.outcome.add('left_alone' if why else 'restored', one.queue, one.name[2:], why)
        self._sync_all(places)

    def _sync_all(self, places: Iterable[Tuple[str, int]]) -> None:
        for queue, descriptor in places:
            with _identity.acting(_lost.identity(self.look, queue)):
                _archive.to_disk(descriptor)

    def _place(self, queue: str, path: str) -> _spool.Opened:
        """The queue directory it came from, or the queue's first one."""
        for opened in self.opened[queue]:
            if opened.directory.path == path:
                return opened
        if not self.opened[queue]:
            raise _text.SendmailError('there is no queue directory for it')
        return self.opened[queue][0]

    def _put(self, pending: 'Pending', member: Any, stream: Any, reference: str, ready: List[Ready]) -> Optional[str]:
        """Write both files under names that no runner looks at, then name the data file. Returns why not, or None. A dry run only judges."""
        queue, name = pending.queue, pending.name
        control = self._place(queue, pending.path)
        place = _spool.data_directory(control.directory, pending.data, self.look.directories[queue])
        data = next(opened for opened in self.opened[queue] if opened.directory == place)
        who, settings = _hazards.runner(self.look, queue), self.look.settings[queue]
        right = _lost.owner_for(_about(pending.member), os.fstat(control.control), who, settings)
        right_data = _about(member)
        right_data = ((right_data.st_uid, right_data.st_gid, right_data.st_mode & 0o666)
                      if _hazards.may(right_data, who[0], who[1], 4) and not right_data.st_mode & 0o002 else right)
        if who[0]:
            # What Sendmail gives a file that it makes itself; only root could give it to the user who submitted it.
            right = right_data = (who[0], who[1], settings['queue_file_mode'])
        else:
            # The mode of a file that had an access control list shows its mask as the group's: no more than Sendmail gives a file of its own.
            right, right_data = [(uid, gid, mode & (0o600 | settings['queue_file_mode'])) for uid, gid, mode in (right, right_data)]
        data_name = 'df' + name[2:]
        there = _lost.exists(data.data, data_name)
        if there and not _has(data.data, data_name, member.size, None if self.dry else stream):
            return 'there is another data file of this id in the queue'
        if self.dry:
            return None
        if not there:
            temporary = '.%s.%s.restored' % (data_name, reference)
            _write(data.data, temporary, stream, member.size, right_data)
            os.rename(temporary, data_name, src_dir_fd=data.data, dst_dir_fd=data.data)
        file = '.%s.%s.restoring' % (name, reference)
        _write(control.control, file, _Bytes(pending.data), len(pending.data), right)
        ready.append(Ready(queue, control, file, name))
        return None


def _mark(name: str) -> bytes:
    """The word that stands for a message in the file that says what was restored: its id, whatever somebody has called it."""
    return _text.printable(os.fsencode(name[2:])).replace(' ', '\\x20').encode('utf-8') or b'.'


def _marks(part: _archive.Part) -> int:
    """A descriptor of the file that says what was restored from a part, locked, so that nobody else removes it. Raises Refused, at once."""
    name = part.path + '.restored'
    marks = os.open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(marks, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(marks), os.stat(name, follow_symlinks=False)):
            return marks
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(marks)
    raise _archive.Refused('Another run restores from %s: wait for it.' % part.shown)


class Pending(NamedTuple):
    """A control file of a part whose data file comes next."""

    queue: str
    path: str
    name: str
    member: Any          # tarfile.TarInfo
    data: bytes


class _Bytes:
    """The one method of a file that _write() needs."""

    def __init__(self, data):
        self.data = data

    def read(self, size):
        part, self.data = self.data[:size], self.data[size:]
        return part


def _about(info):
    return os.stat_result((stat.S_IFREG | info.mode & 0o666, 0, 0, 1, info.uid, info.gid, info.size, 0, 0, 0))


def _write(directory: int, name: str, stream: Any, size: int, right: Tuple[int, int, int]) -> None:
    """Write a file, whole and synced, with owner and mode; nothing is left of it when that fails."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=directory)            # of a run that was interrupted
    handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=directory)
    try:
        left = size
        while left > 0:
            part = stream.read(min(left, 1 << 18))
            if not part:
                raise _text.SendmailError('the archive does not have all of it')
            left -= len(part)
            while part:
                part = part[os.write(handle, part):]
        _lost.put_right(handle, *right)
        os.fsync(handle)
    except BaseException:
        os.unlink(name, dir_fd=directory)
        raise
    finally:
        os.close(handle)


def _has(directory: int, name: str, size: int, stream: Any) -> bool:
    """Whether a file in a queue is a regular one with this size and the content of C(stream); C(None) looks at the size alone."""
    try:
        handle, about = _archive.open_data(directory, name)
    except (OSError, _text.SendmailError):
        return False
    try:
        if about.st_size != size or about.st_nlink != 1:
            return False
        while stream is not None:
            part = stream.read(1 << 18)
            if part != os.read(handle, 1 << 18):
                return False
            if not part:
                break
        return True
    finally:
        os.close(handle)


# The module

def act(params, check_mode, look=None):
    """The module's work. C(params) as documented in sendmail_message. Returns its result; raises SendmailError, with it for what was done."""
    state = params['state']
    states, done = STATES[state]
    selection = _selection.Selection(params['select'], look.now if look else int(time.time()), states)
    selection.states &= frozenset(states)
    selection.done = done
    refuse(state, params, selection)
    outcome = Outcome()
    try:
        look = look or _lost.look_at(params['queue'], partners=state == 'restored')
        with _identity.signals_noted() as check, _lost.alone(look, check_mode):
            work(params, look, selection, outcome, check_mode, check)
    except _text.SendmailError as error:
        raise _text.SendmailError(str(error), **dict(outcome.result(state), **error.result))
    except Exception as error:  # noqa: BLE001 - whatever ended it, what was done is said
        name = getattr(error, 'filename', None)
        raise _text.SendmailError('%s%s. No message was removed that is not in an archive.' % (
            getattr(error, 'strerror', None) or '%s: %s' % (type(error).__name__, error),
            ': ' + _text.printable(os.fsencode(name)) if isinstance(name, (str, bytes)) else ''), **outcome.result(state))
    if outcome.refused:
        raise _text.SendmailError(' '.join(one['why'] for one in outcome.refused[:3]) + (
            ' And %d more parts.' % (len(outcome.refused) - 3) if len(outcome.refused) > 3 else '') + ' The other parts were used.',
            **outcome.result(state))
    return outcome.result(state)


def work(params: Dict[str, Any], look: Any, selection: _selection.Selection, outcome: Outcome, dry: bool, check: Callable[[], None]) -> None:
    """Do what the module is asked for, or with C(dry) only say it, and fill C(outcome)."""
    state, base = params['state'], params['archive'] or _archive.BASE
    asked = dict((queue, directories) for queue, directories in look.directories.items() if queue in _look.names(params['queue']))
    everywhere = [directory for directories in look.directories.values() for directory in directories]
    if state == 'restored':
        outcome.archive = base
        # Judged before the first one is written.
        judged = Outcome()
        judge = Restorer(look, asked, selection, judged, True, check)
        judge.run(base)
        outcome.selected = judged.selected
        refuse(state, params, selection, judged.selected)
        if dry:
            vars(outcome).update(vars(judged), archive=base)
            return
        outcome.selected = 0
        restorer = Restorer(look, asked, selection, outcome, False, check)
        restorer.sound = judge.sound
        restorer.run(base)
        return
    narrow = look if asked == look.directories else look._replace(directories=asked)
    if state == 'absent':
        _archive.check_base(base, everywhere)
        with contextlib.ExitStack() as stack:
            writer = None if dry else stack.enter_context(_archive.Writer(base, 'removed', {'state': state, 'pid': os.getpid()}, everywhere))
            back = []
            if os.path.isdir(base):
                if writer is not None:
                    writer.lock()
                back = [one for one in put_back(narrow, base, dry) if dry and meant(selection, one)]
            outcome.selected = plan(narrow, selection).selected + len(back)
            refuse(state, params, selection, outcome.selected)
            for one in back:
                outcome.add('removed', one.queue, one.name[2:])
            if outcome.selected:
                Remover(narrow, selection, writer, outcome, check, _archive.check_room(base)).run()
        return
    outcome.selected = plan(narrow, selection).selected
    refuse(state, params, selection, outcome.selected)
    arguments = ['-Q' + params['reason']] if state == 'quarantined' else ['-qQ', '-Q']
    if outcome.selected:
        requeue(narrow, selection, outcome, arguments, *(('qf', 'hf') if state == 'quarantined' else ('hf', 'qf')), dry=dry, check=check)
