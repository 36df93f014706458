# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Bring messages back from an archive, each once.

A message enters the queue by the rename of its control file: both files are on the disk, the control file under a name that no runner looks at
(C(.restoring)); the archive records that; the control file gets its own. A run killed behind the record is finished by the next one, and what the record
names without such a file is in the queue, or was.
"""

import contextlib
import fcntl
import itertools
import os
import re
import stat
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Set, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import (
    _access, _archive, _hazards, _identity, _outcome, _qf, _removal, _selection, _spool, _text)

_MEMBER = re.compile(r'(msp|mta)(/.*)/((?:qf|hf|Qf|df)[^/]*)\Z', re.S)


TOGETHER = 100          # messages whose files are synced together
SYNCING = 4             # threads
MEANWHILE = 'another file of this name appeared in the queue meanwhile'


class Ready(NamedTuple):
    """A message whose files are in the queue already, its control file under a name that no runner looks at."""

    queue: str
    opened: _spool.Opened
    file: str
    name: str
    data: Optional[Tuple[int, str]] = None      # directory and present name of a data file that has yet to get its own
    unsynced: Tuple[int, ...] = ()              # descriptors
    place: Optional[int] = None                 # the directory with the data file, where a d line names another one


class Restorer:
    """Brings messages of the queues C(asked) back from an archive. C(dry): only say."""

    def __init__(self, look: Any, asked: Iterable[str], selection: _selection.Selection, outcome: _outcome.Outcome, dry: bool, check: Callable[[], None]):
        self.look, self.asked, self.selection, self.outcome, self.dry, self.check = look, frozenset(asked), selection, outcome, dry, check
        self.everywhere: Optional[Set[str]] = None
        self.sound: Dict[str, Tuple[int, ...]] = {}        # parts that proved whole, and what they looked like then
        self.written: List[Ready] = []                     # of the present part, not synced yet

    def run(self, path: str) -> None:
        parts = _archive.parts(path)
        with contextlib.ExitStack() as stack:
            self.opened = dict((queue, [stack.enter_context(_access.entered(self.look, queue, directory)) for directory in directories])
                               for queue, directories in self.look.directories.items())
            self.staged: Dict[str, List[_removal.Staged]] = {}
            for queue, places in self.opened.items():
                for opened in places:
                    for one in _removal.staged_files(queue, opened):
                        self.staged.setdefault(one.reference, []).append(one)
            self.parts = parts
            for part in parts:
                self.check()
                place = os.path.dirname(part)
                if os.path.abspath(path) in (part, place) or _archive.ARCHIVE.match(os.path.basename(place)):
                    self._guarded(part)
                else:
                    self._refuse(part, _text.SendmailError('archive: %s may be of a copy, because no run names an archive so: it is used where '
                                                           'archive names it.' % _text.printable(os.fsencode(part))))

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
            with _archive.Part(path) as part, _archive.named(path):
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
        ready: List[Ready] = []
        reference = '%s.%s' % (os.path.basename(os.path.dirname(path)), os.path.basename(path).partition('.')[0])
        here = self.staged.get(reference, [])
        if os.statvfs(os.path.dirname(path)).f_flag & os.ST_RDONLY:
            raise _text.SendmailError('archive: %s is on a read-only file system, and what comes back has to be recorded there, so that it does so once: '
                                      'mount it writable.' % _text.printable(os.fsencode(os.path.dirname(path))))
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
                self._sync(ready)
                self._commit(marks, before, ready)
        finally:
            for one in self.written:
                _close(one)
            self.written = []
            if marks is not None:
                with contextlib.suppress(OSError):
                    if not os.fstat(marks).st_size:
                        os.unlink(path + '.restored')
                os.close(marks)

    def _settle(self, here: List[_removal.Staged], before: Set[bytes], record: Optional[Set[str]]) -> Dict[str, _removal.Staged]:
        """Clear what killed runs on this part left. Returns the control files that its record of what was restored names, and that lack their name."""
        kept = {}
        for one in here:
            if one.kind == 'restoring' and _mark(one.name) in before:
                kept[one.name] = one
            elif not self.dry:
                with _identity.acting(_access.identity(self.look, one.queue)), contextlib.suppress(FileNotFoundError):
                    if one.kind != 'removing':
                        os.unlink(one.file, dir_fd=one.where)
                    elif _removal.is_removed(record, one.queue, one.opened.directory.path, one.name):
                        _removal.settle_removal(self.look, one)
        return kept

    def _here(self, queue: str, pending: 'Pending', size: Optional[int]) -> Tuple[str, Optional[str]]:
        """(outcome, why) for what a queue has of this id already; ('', None) for nothing. Only a control file in its own queue can be the message."""
        identifier = pending.name[2:]
        for opened in self.opened[queue]:
            for (place, path), prefix in itertools.product(_access.places(opened), _removal.CONTROLS):
                with _archive.named(path), contextlib.suppress(FileNotFoundError):
                    about = os.stat(prefix + identifier, dir_fd=place, follow_symlinks=False)
                    if (queue == pending.queue and prefix in ('qf', 'hf', 'Qf') and about.st_size and stat.S_ISREG(about.st_mode)
                            and not _another(place, prefix + identifier, opened.data, pending.data, size)):
                        return 'already', 'it is in the queue, as %s' % prefix
                    return 'left_alone', '%s has its id. Find out what that is and move it away first' % _text.printable(
                        os.fsencode(os.path.join(path, prefix + identifier)))
        return '', None

    def _message(self, path, reference, pending, member, stream, before, restoring, ready) -> None:
        """Judge one message and, when it is to be brought back, write its files."""
        if pending is None or not _outcome.judge(self.selection, pending.name, pending.data, member and member.size)[2]:
            return
        queue, name = pending.queue, pending.name
        identifier = name[2:]
        label, recorded = _removal.label(queue, pending.path, name), _mark(name) in before
        done, why = '', None
        for other in self.opened:
            if other != queue and not done:
                with _identity.acting(_access.identity(self.look, other)):
                    done, why = self._here(other, pending, None)
        with _identity.acting(_access.identity(self.look, queue)):
            here = self._here(queue, pending, member and member.size)
            done, why = here if here[0] else (done, why)
            if not done and not recorded and label in self.removed and member is not None and name not in restoring:
                try:
                    why = self._put(pending, member, stream, reference, ready)
                except (OSError, _text.SendmailError) as error:
                    why = _access.reason_of(error)
                done = 'left_alone' if why else 'restored'
        if done == 'already':
            if not self.dry and label in self.removed:
                before.add(_mark(name))
        elif recorded and name not in restoring:
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
        else:
            done = 'left_alone'
            why = 'it had no data file, so there is nothing to deliver; its control file is in the archive'
        self.outcome.selected += 1
        if done != 'restored' or self.dry:
            self.outcome.add(done, queue, identifier, why)
        elif len(self.written) >= TOGETHER:
            self._sync(ready)

    def _commit(self, marks: int, before: Set[bytes], ready: List[Ready]) -> None:
        """Record what is ready, then give it its name. From the record on the message counts as brought back, whatever happens."""
        places = sorted({(one.queue, descriptor, one.opened.directory.path) for one in ready
                         for descriptor in (one.opened.control, one.opened.data, one.place) if descriptor is not None})
        written = os.pread(marks, 1 << 24, 0)
        recorded = set(written.split())
        self._sync_all(places)
        new = (before | {_mark(one.name) for one in ready}) - recorded
        # A killed run may have left half a line.
        lines = (b'\n' if written[-1:] not in (b'', b'\n') else b'') + b''.join(mark + b'\n' for mark in sorted(new))
        while lines:
            lines = lines[os.write(marks, lines):]
        os.fsync(marks)
        self._each(ready, self._enter)
        self._sync_all(places)

    def _each(self, ready: Iterable[Ready], work: Callable[[Ready], None]) -> None:
        """Do something with each message, with the ids of its queue's runner."""
        for queue, some in itertools.groupby(sorted(ready, key=lambda one: one.queue), lambda one: one.queue):
            with _identity.acting(_access.identity(self.look, queue)):
                for one in some:
                    work(one)

    def _enter(self, one: Ready) -> None:
        why = None
        try:
            if not _removal.give_back(one.opened.control, one.file, one.name):
                why = MEANWHILE
        except OSError as error:
            why = _access.reason_of(error)
        self.outcome.add('left_alone' if why else 'restored', one.queue, one.name[2:], why)

    def _sync(self, ready: List[Ready]) -> None:
        """Have what was written on the disk, and give the data files their names: ready then. What fails is left alone, and nothing of it stays."""
        from concurrent.futures import ThreadPoolExecutor
        written, self.written = self.written, []
        for handle in [handle for one in written for handle in one.unsynced] if hasattr(os, 'posix_fadvise') else ():
            with contextlib.suppress(OSError):
                os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)  # Linux begins to write all, before the first is waited for
        # Several wait at a time, for the kernel makes one flush of the disk of theirs. They do nothing else, and have ended before the ids change.
        try:
            with ThreadPoolExecutor(SYNCING) as pool:
                synced = dict(zip(written, pool.map(_synced, written)))
        except RuntimeError:                                            # no more threads may be made here
            synced = dict(zip(written, map(_synced, written)))

        def settle(one: Ready) -> None:
            why = synced[one]
            try:
                if not why and one.data and not _removal.give_back(one.data[0], one.data[1], 'df' + one.name[2:]):
                    why = MEANWHILE
            except OSError as error:
                why = _access.reason_of(error)
            if why:
                _discard(one)
                self.outcome.add('left_alone', one.queue, one.name[2:], why)
            else:
                _close(one)
                ready.append(one._replace(data=None, unsynced=()))
        self._each(written, settle)

    def _sync_all(self, places: Iterable[Tuple[str, int, str]]) -> None:
        for queue, descriptor, path in places:
            with _archive.named(path), _identity.acting(_access.identity(self.look, queue)):
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
        """Write both files under names that no runner looks at. Returns why not, or None. A dry run only judges."""
        queue, name = pending.queue, pending.name
        if any(one.name[2:] == name[2:] for one in self.written):       # this one is judged by what the other has left
            self._sync(ready)
        control = self._place(queue, pending.path)
        place = _spool.data_directory(control.directory, pending.data, self.look.directories[queue])
        data = next(opened for opened in self.opened[queue] if opened.directory == place)
        who, settings = _hazards.runner(self.look, queue), self.look.settings[queue]
        right = _access.owner_for(_about(pending.member), os.fstat(control.control), who, settings)
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
        there = _access.exists(data.data, data_name)
        if there and not _has(data.data, data_name, member.size, None if self.dry else stream):
            return 'there is another data file of this id in the queue'
        if self.dry:
            return None
        file, temporary = '.%s.%s.restoring' % (name, reference), '.%s.%s.restored' % (data_name, reference)
        unsynced = () if there else (_write(data.data, temporary, stream, member.size, right_data),)
        one = Ready(queue, control, file, name, None if there else (data.data, temporary), unsynced, data.data)
        try:
            handle = _write(control.control, file, _Bytes(pending.data), len(pending.data), right)
        except BaseException:
            _discard(one)
            raise
        self.written.append(one._replace(unsynced=unsynced + (handle,)))
        return None


def _another(directory: int, name: str, data: int, content: bytes, size: Optional[int]) -> bool:
    """Whether a control file is of another message than C(content): an id comes again where a clock was set back, or from a host with the same
    process numbers. C(size): of its data file, which nobody rewrites."""
    try:
        here, was = _qf.parse(_spool.read_whole(directory, name)[0]), _qf.parse(content)
        there = os.stat('df' + name[2:], dir_fd=data, follow_symlinks=False).st_size
    except (OSError, _text.SendmailError):
        return False
    return size not in (None, there) or None not in (here.created, was.created) and here.created != was.created


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


def _synced(one: Ready) -> Optional[str]:
    """Wait until the files of a message are on the disk. Returns why not, or None."""
    try:
        for handle in one.unsynced:
            _archive.to_disk(handle)
    except OSError as error:
        return _access.reason_of(error)
    return None


def _close(one: Ready) -> None:
    for handle in one.unsynced:
        os.close(handle)


def _discard(one: Ready) -> None:
    """Take away what was written of a message that does not come back."""
    _close(one)
    for directory, name in ((one.opened.control, one.file), one.data or (one.opened.control, one.file)):
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=directory)


def _write(directory: int, name: str, stream: Any, size: int, right: Tuple[int, int, int]) -> int:
    """Write a file, whole, with owner and mode. Returns its descriptor, which has yet to be synced; nothing is left of it when that fails."""
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
        _access.put_right(handle, *right)
        return handle
    except BaseException:
        os.close(handle)
        os.unlink(name, dir_fd=directory)
        raise


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
