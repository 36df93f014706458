# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Take messages out of a queue into an archive. No step removes the last copy of a message.

It works through the queue in batches of L(_outcome.BATCH) messages, so memory does not grow with their number. Check mode is the same code with
C(dry): it locks, reads and judges as a run does, and stops before it changes.

What a queue holds is touched with the ids of its runner (L(_identity)), archives with root's.

A message leaves the queue by the rename of its control file, on either side of which it is known where the message is: the part of the archive is on
the disk; the control file gets a name that no runner looks at (C(.qfID.ARCHIVE.removing)); the archive records that; data file and control file are
unlinked. A run killed before the record has left the message in the queue, under one of its two names, and L(put_back) gives it the first again; what
the record names has left the queue for good.
"""

import contextlib
import os
import time
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import (
    _access, _archive, _hazards, _identity, _outcome, _phrases, _qf, _selection, _spool, _text)

SHOWN = 300             # bytes of a value in a manifest; the file has it whole
CONTROLS = ('qf', 'hf', 'Qf', 'tf', 'Tf')


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

    def __init__(self, look: Any, selection: _selection.Selection, writer: Optional[_archive.Writer], outcome: _outcome.Outcome, check: Callable[[], None],
                 room: int = _archive.ENDLESS):
        self.look, self.selection, self.outcome, self.check, self.room = look, selection, outcome, check, room
        self.writer: Any = writer
        self.dry, self.most = writer is None, outcome.selected
        self.left: Set[Tuple[str, str]] = set()           # (path, name) that were left alone, not to be tried again

    def run(self) -> None:
        """All that is meant. A second pass finds what moved while the first one read the directory."""
        for _pass in range(1 if self.dry else 3):
            before = self.outcome.counts['removed']
            for queue, directory, names in _outcome.find(self.look, self.selection):
                names = [name for name in names if (directory.path, name) not in self.left][:self.most - self.outcome.counts['removed']]
                if names:
                    with _access.entered(self.look, queue, directory) as opened, _archive.named(directory.path):
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
        who, names = _access.identity(self.look, queue), list(dict.fromkeys(names))    # a file that is opened a second time is not locked any more
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
                where = _access.data_of(self.look, queue, opened, data, mine if self.dry else stack)
                try:
                    body, about_body = _archive.open_data(where.data, 'df' + name[2:])
                    mine.callback(os.close, body)
                except FileNotFoundError:
                    there = _access.elsewhere(self.look, queue, 'df' + name[2:])
                    if there:
                        paths = tuple(_text.printable(os.fsencode(path)) for path in (there, where.directory.data))
                        raise _text.SendmailError(
                            'its data file is %s, where Sendmail does not look for it: move it to %s' % paths)
                other = body is not None and self._shared(queue, opened, name, where)
                if other:
                    raise _text.SendmailError('there is also a file %s of its id, and both have one data file' % other)
                row, state, meant = _outcome.judge(self.selection, name, data, about_body and about_body.st_size)
                if not meant:
                    raise _text.SendmailError('it changed meanwhile and is no longer what is selected')
                if state == 'incomplete' and time.time() - about.st_ctime < _hazards.EMPTY_SECONDS:
                    raise _text.SendmailError('it is incomplete and less than %d minutes old: it may be being written' % (_hazards.EMPTY_SECONDS // 60))
                if body is not None and about_body.st_nlink != 1 and not self._all_names_here(queue, about_body):
                    raise _text.SendmailError('its data file has %d names (hard links), not all of them in the queue' % about_body.st_nlink)
                if body is not None:
                    _archive.check_size(about_body, self.room)
                why = _access.why_not_renamed(opened.control, about) or body is not None and _access.why_not_renamed(where.data, about_body)
                if why:
                    raise _text.SendmailError(why)
            except FileNotFoundError:
                self.outcome.add('taken', queue, name[2:])
                return False
            except (OSError, _text.SendmailError) as error:
                self._leave(queue, opened, name, _access.reason_of(error))
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
            if prefix != name[:2] and any(_access.exists(place, prefix + name[2:]) for place, _path in _access.places(opened)):
                return prefix
        for directory in self.look.directories[queue]:
            for prefix in ('qf', 'hf', 'Qf') if directory != opened.directory else ():
                path = os.path.join(directory.control, prefix + name[2:])
                with contextlib.suppress(FileNotFoundError):
                    os.lstat(path)     # first, for there may be many directories, and each is asked for each message
                    with contextlib.ExitStack() as stack:
                        there = stack.enter_context(_spool.Opened(directory))
                        content = _spool.read_whole(there.control, prefix + name[2:])[0]
                        if _access.data_of(self.look, queue, there, content, stack).directory == where.directory:
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
                        self._leave(queue, opened, one.name, 'it is in the archive but cannot be removed: %s' % _access.reason_of(error))
                _archive.to_disk(opened.control)
            self.writer.removed([one.member for one in staged])
        except BaseException:
            # Without a record nothing has left: a restore from this archive would know it as still in the queue. Where there may be one, a later run decides.
            back = self.writer.unrecord()
            with _identity.acting(who):
                for one in staged:
                    if back:
                        give_back(opened.control, one.staged, one.name)
                    self._leave(queue, opened, one.name, 'the archive could not record its removal' + (
                        '' if back else ': it is %s until the module is called again with this archive' % _text.printable(os.fsencode(one.staged))))
            raise
        with _identity.acting(who):
            for one in staged:
                self.outcome.add('removed', queue, one.name[2:])
                _finish_removal(opened.control, one.staged, one.data.data if one.data else None, 'df' + one.name[2:])


def give_back(directory: int, staged: str, name: str) -> bool:
    """Let a control file have its name again, unless another has it. False then."""
    if _access.exists(directory, name):
        return False
    try:
        os.rename(staged, name, src_dir_fd=directory, dst_dir_fd=directory)
    except OSError:
        if _access.exists(directory, staged) or not _access.exists(directory, name):      # an error can come behind the deed
            raise
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
        with _archive.named(opened.directory.path), _spool.scan(where) as entries:
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
            with _access.entered(look, queue, directory) as opened, _archive.named(directory.path):
                for one in [one for one in staged_files(queue, opened) if one.kind == 'removing']:
                    part = os.path.join(base, one.archive, one.part + '.tar.gz')
                    if part not in records:
                        records[part] = _contents(part), _archive.removed(part)
                    contents, record = records[part]
                    if label(queue, directory.path, one.name) not in contents:
                        continue        # into an archive elsewhere: only that one knows
                    if is_removed(record, queue, directory.path, one.name):
                        if not dry:
                            with _identity.acting(_access.identity(look, queue)):
                                settle_removal(look, one)
                    elif not _access.exists(opened.control, one.name):
                        if not dry:
                            with _identity.acting(_access.identity(look, queue)):
                                give_back(opened.control, one.file, one.name)
                        yield one


def settle_removal(look: Any, one: Staged) -> None:
    """Unlink what is left of a message that is recorded as removed."""
    with contextlib.ExitStack() as stack:
        data = None
        if not _control_elsewhere(look, one.queue, one.name[2:]):
            try:
                data = _access.data_of(look, one.queue, one.opened, _spool.read_whole(one.where, one.file)[0], stack).data
            except (OSError, _text.SendmailError):
                pass
        _finish_removal(one.where, one.file, data, 'df' + one.name[2:])


def meant(selection: _selection.Selection, one: Staged, file: str) -> bool:
    """Whether a message is selected that a run puts back into the queue first. To be called while its directory is open; C(file): its name there now."""
    try:
        data = _spool.read_whole(one.where, file)[0]
    except (OSError, _text.SendmailError):
        return False
    size = None
    with contextlib.suppress(OSError):
        size = os.stat('df' + one.name[2:], dir_fd=one.opened.data, follow_symlinks=False).st_size
    return selection.wants(one.name[2:]) and _outcome.judge(selection, one.name, data, size)[2]


def _contents(part: str) -> Set[str]:
    """What a part has in it, as its manifest names it; nothing where there is no part, or none that proves whole."""
    try:
        with _archive.Part(part) as opened:
            return {file['name'] for record in opened.verify() for file in record['files']}
    except _text.SendmailError:
        return set()


def is_removed(record: Optional[Set[str]], queue: str, path: str, name: str) -> bool:
    return record is not None and label(queue, path, name) in record


def label(queue: str, path: str, name: str) -> str:
    """How a manifest names a file."""
    return _text.printable(os.fsencode('%s%s/%s' % (queue, path, name)))


def _control_elsewhere(look: Any, queue: str, identifier: str) -> bool:
    """Whether a queue has a control file of this id."""
    return any(_access.elsewhere(look, queue, prefix + identifier) for prefix in CONTROLS)
