# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Files in queue directories that belong to no deliverable message: found, judged twice, and moved to an archive.

What is judged debris is older than a limit, open in no process, locked by none, and has no partner in any directory of any queue: before a data
file is moved, every control file of its id is asked, of every prefix, known or not. What no queue has made is never moved. Lost messages (Qf)
are returned to the queue where that can be done. What cannot be judged is left, with the reason.
L(find) and check mode are the same code without a writer. What a queue holds is touched with the ids of its runner (L(_identity)).
"""

import contextlib
import os
import re
import stat
import time
from collections import Counter
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import (
    _access, _archive, _hazards, _identity, _look, _qf, _spool, _text)

KINDS = ('data_without_control', 'control_without_data', 'incomplete', 'temporary', 'pushed_aside', 'transcript', 'lost', 'foreign', 'special')
OPTIONS = {
    'queue': _look.OPTIONS['queue'], 'older_than': {'type': 'str', 'default': '1d'},
    'kinds': {'type': 'list', 'elements': 'str', 'choices': list(KINDS)}}
BATCH = 400
LISTED = 1000
STRANGE_MAX = 100000        # names of an unknown kind that carry a queue id; beyond that data files are left alone
_CONTROL = ('qf', 'hf', 'Qf')
_EVERY_CONTROL = ('qf', 'hf', 'Qf', 'tf', 'Tf')
_NAMED = {'tf': 'temporary', 'Tf': 'pushed_aside', 'xf': 'transcript'}
_FORMS = {stat.S_IFLNK: 'a symbolic link', stat.S_IFIFO: 'a FIFO', stat.S_IFCHR: 'a device', stat.S_IFBLK: 'a device'}
_FOREIGN = 'it was not made by Sendmail, so this module does not move it: check it by hand'
_IN_QUEUES = re.compile(r'\.?[dqhQtTx]f')     # all that reason_to_stay() lets go has such a name
_STRANDED = 'it has the name of a queue file, in a place where no queue runner looks for it: find out whose it is, and move it by hand'


class Candidate(NamedTuple):
    """A file that may be debris."""

    queue: str
    opened: Any           # _spool.Opened
    where: int            # descriptor of the directory it is in
    path: str
    name: str
    kind: str
    trouble: Optional[str] = None      # why its kind cannot be told


class Outcome:
    """What was found and done: counts by kind, and the first LISTED of each."""

    def __init__(self):
        self.counts = dict((what, Counter()) for what in ('found', 'removed', 'returned', 'left_alone'))
        self.lists = {}
        self.archive = None

    def add(self, what, one, why=None):
        self.counts[what][one.kind] += 1
        entries = self.lists.setdefault(what, [])
        if len(entries) < LISTED:
            entry = {'path': _text.printable(os.fsencode(one.path)), 'kind': one.kind}
            entries.append(dict(entry, why=why) if why else entry)

    def report(self):
        """The result of sendmail_debris_info."""
        counts = dict((what, sum(counts.values())) for what, counts in self.counts.items())
        return {'changed': False, 'found': counts['found'], 'kinds': dict(self.counts['found']), 'would_remove': counts['removed'],
                'would_return': counts['returned'], 'left_alone': counts['left_alone'], 'truncated': self._truncated(),
                'files': [dict(entry, outcome=what, why=entry.get('why'))
                          for what in ('removed', 'returned', 'left_alone') for entry in self.lists.get(what, [])]}

    def _truncated(self):
        return any(sum(self.counts[what].values()) > len(entries) for what, entries in self.lists.items())

    def result(self):
        """The result of sendmail_debris."""
        done = self.lists.get('removed', []) + self.lists.get('returned', [])
        lines = ''.join('%s (%s)\n' % (entry['path'], entry['kind']) for entry in done[:100]) + ('... and more\n' if len(done) > 100 else '')
        return dict(((what, sum(counts.values())) for what, counts in self.counts.items()), changed=bool(done), kinds=dict(self.counts['found']),
                    outcomes=dict((what, self.lists[what]) for what in ('removed', 'returned', 'left_alone') if what in self.lists),
                    truncated=self._truncated(),
                    archive=None if self.archive is None else _text.printable(os.fsencode(self.archive)),
                    diff={'before': lines, 'after': ''})


class Search:
    """One search through the queues that are asked for; partners are looked for in all of them. A context manager."""

    def __init__(self, look: Any, queues: Any, kinds: Any, seconds: int):
        self.look, self.queues, self.kinds, self.seconds = look, queues, frozenset(kinds), seconds
        self.stack = contextlib.ExitStack()

    def __enter__(self) -> 'Search':
        try:
            self.who = dict((queue, _access.identity(self.look, queue)) for queue in self.look.directories)
            self.opened = [(queue, self.stack.enter_context(_access.entered(self.look, queue, directory)))
                           for queue, directories in self.look.directories.items() for directory in directories]
            self.strange: Optional[Set[str]] = self._strange()
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *exception):
        self.stack.close()

    def _strange(self) -> Optional[Set[str]]:
        """The ids behind names of a prefix that no version known here has, and behind those that a run of ours left; None for too many."""
        found = set()
        known = _EVERY_CONTROL + ('df', 'xf')
        for queue, opened in self.opened:
            with _archive.named(opened.directory.path), _identity.acting(self.who[queue]), _spool.scan(opened.control) as entries:
                for entry in entries:
                    name = entry.name
                    if name[0] == '.':
                        staged = _spool.STAGED.match(name)
                        if staged and staged.group(1)[:2] != 'df':
                            found.add(staged.group(1)[2:])
                    elif name[:2] not in known and _qf.IDENTIFIER.match(name[2:]):
                        found.add(name[2:])
                    if len(found) > STRANGE_MAX:
                        return None
        return found

    def candidates(self, lost: bool) -> Iterator[List[Candidate]]:
        """Yield lists of Candidate, each of one queue, with every file of the wanted kinds, whatever its age. C(lost): that kind only, or all others."""
        for queue, opened in self.opened:
            if queue not in self.queues:
                continue
            for where in sorted({opened.base, opened.control, opened.data, opened.transcript}):
                path = {opened.control: opened.directory.control, opened.data: opened.directory.data,
                        opened.transcript: opened.directory.transcript, opened.base: opened.directory.path}[where]
                with _archive.named(path), _spool.scan(where) as entries:
                    while True:
                        batch: List[Candidate] = []
                        with _identity.acting(self.who[queue]):
                            for entry in entries:
                                if lost and entry.name[:2] != 'Qf':
                                    continue
                                one = self._candidate(queue, opened, where, path, entry)
                                if one is not None and lost == (one.kind == 'lost'):
                                    batch.append(one)
                                if len(batch) == BATCH:
                                    break
                        if batch:
                            yield batch
                        if len(batch) < BATCH:
                            break

    def _candidate(self, queue: str, opened: _spool.Opened, where: int, path: str, entry: Any) -> Optional[Candidate]:
        trouble = None
        try:
            kind = self.kind(queue, opened, where, entry)
        except FileNotFoundError:
            return None
        except OSError as error:
            # One file that cannot be read is one record, and the rest goes on.
            kind, trouble = 'incomplete', 'it cannot be judged: %s' % _access.reason_of(error)
        return Candidate(queue, opened, where, os.path.join(path, entry.name), entry.name, kind, trouble) if kind and kind in self.kinds else None

    def kind(self, queue: str, opened: _spool.Opened, where: int, entry: Any) -> Optional[str]:
        """The kind of debris that a directory entry may be, or None. To be called as the runner of the queue. Raises OSError."""
        name, prefix = entry.name, entry.name[:2]
        if name in _spool.BELONGS or name in ('qf', 'df', 'xf') and entry.is_dir(follow_symlinks=False) or (
                name in opened.directory.inside and not entry.is_file(follow_symlinks=False)):
            return None
        if name[0] == '.':
            # Of a restore of ours that was killed: the data file, which nothing needs. A control file is settled with its archive.
            staged = _spool.STAGED.match(name)
            return 'temporary' if staged and staged.group(4) == 'restored' and entry.is_file(follow_symlinks=False) else None
        if not entry.is_file(follow_symlinks=False):
            return 'special'
        if len(name) > _spool.NAME_MAX or not _qf.IDENTIFIER.match(name[2:]):
            return 'foreign'
        if prefix in _NAMED:
            kind = _NAMED[prefix]
            return kind if kind != 'transcript' or not self.control_of(queue, name[2:], _CONTROL + ('tf',)) else None
        if prefix == 'df' and where == opened.data:
            return None if self.control_of(queue, name[2:], _EVERY_CONTROL) else 'data_without_control'
        if prefix not in _CONTROL or where != opened.control:
            return 'foreign'
        if prefix == 'Qf':
            return 'lost'
        if _cut_short(where, name):
            return 'incomplete'
        with contextlib.ExitStack() as stack:
            if self.data_of(queue, opened, name, stack):
                return None
        # Where it does not belong, or a link, but there: something for a person to look at, and no debris.
        there = any(_is_file(place, 'df' + name[2:], (stat.S_IFREG, stat.S_IFLNK))
                    for kind, other in self.opened if kind == queue for place, _path in _access.places(other))
        return None if there else 'control_without_data'

    def control_of(self, queue: str, identifier: str, prefixes: Tuple[str, ...], but: Tuple[Optional[int], str] = (None, '')) -> bool:
        """Whether any directory of any queue has a control file of an id, its own queue first. C(but): (directory, name) of one that does not count."""
        if self.strange is None or identifier in self.strange:
            return True
        for other, opened in sorted(self.opened, key=lambda one: one[0] != queue):
            with _identity.acting(self.who[other]):
                if any((place, prefix + identifier) != but and _access.exists(place, prefix + identifier)
                       for place, _path in _access.places(opened) for prefix in prefixes):
                    return True
        return False

    def data_of(self, queue: str, opened: _spool.Opened, name: str, stack: contextlib.ExitStack) -> Optional[Tuple[int, str]]:
        """(descriptor, path) of the directory with the data file of a control file, in its own queue, or None. Raises OSError."""
        try:
            content = _spool.read_whole(opened.control, name)[0]
            place = _access.data_of(self.look, queue, opened, content, stack)
        except _text.SendmailError as error:
            raise OSError(0, str(error))
        return (place.data, place.directory.data) if _is_file(place.data, 'df' + name[2:]) else None

    def reason_to_stay(self, one: Candidate, used: Optional[Set[Tuple[int, int]]]) -> Optional[str]:
        """Why a candidate is not provably debris, or None. C(used): files that processes have open, None when that cannot be known."""
        if one.trouble or one.kind == 'foreign':
            return one.trouble or (_STRANDED if _is_queue_file(one.name) else _FOREIGN)
        about = os.stat(one.name, dir_fd=one.where, follow_symlinks=False)
        if time.time() - max(about.st_mtime, about.st_ctime) < self.seconds:
            return 'it was changed recently: it is younger than older_than'
        if used is None:
            return 'it is not known whether a process has it open: some processes cannot be inspected'
        if (about.st_dev, about.st_ino) in used:
            return 'a process has it open'
        if stat.S_ISREG(about.st_mode):
            if about.st_nlink != 1:
                return 'it has %d names (hard links)' % about.st_nlink
            if one.name[:2] in ('tf', 'Tf') and not _cut_short(one.where, one.name) and not self.control_of(one.queue, one.name[2:], _CONTROL):
                return 'it is complete and the only control file of its id: check it, and rename it to qf if it is sound'
        elif stat.S_IFMT(about.st_mode) not in _FORMS:
            return 'it is %s: check it by hand' % ('a directory' if stat.S_ISDIR(about.st_mode) else 'a socket')
        elif not _is_queue_file(one.name):
            return _FOREIGN
        elif stat.S_ISLNK(about.st_mode) and one.name[:2] == 'df' and self.control_of(one.queue, one.name[2:], _EVERY_CONTROL):
            return 'it is a symbolic link, in the place of the data file of a message: put the file that it leads to there'
        return _access.why_not_renamed(one.where, about)


def _is_queue_file(name: str) -> bool:
    """Whether Sendmail gives files such a name."""
    return name[:2] in _EVERY_CONTROL + ('df', 'xf') and len(name) <= _spool.NAME_MAX and _qf.IDENTIFIER.match(name[2:]) is not None


def _is_file(directory: int, name: str, forms: Tuple[int, ...] = (stat.S_IFREG,)) -> bool:
    """Whether there is a regular file of this name, or what else is in C(forms). Raises OSError where that cannot be told."""
    try:
        return stat.S_IFMT(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode) in forms
    except FileNotFoundError:
        return False


def _cut_short(directory: int, name: str) -> bool:
    """Whether a control file has no final dot. Raises OSError; not for a file that is locked."""
    handle = _spool.open_quietly(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, directory)
    try:
        size = os.fstat(handle).st_size
        if size > 2 and os.pread(handle, 3, size - 3) == b'\n.\n':
            return False
    finally:
        os.close(handle)
    try:
        # A last line without its end, or with something behind the dot, is one to a runner.
        return not _qf.parse(_spool.read_whole(directory, name)[0]).complete
    except _text.SendmailError:
        return True


def open_files():
    """(device, inode) of the files with names as in a queue that any other process has open; None when a process cannot be looked into or there is no
    /proc. Others are not looked at: one on a server that is dead does not answer."""
    found, own = set(), str(os.getpid())
    try:
        pids = [name for name in os.listdir('/proc') if name.isdigit() and name != own]
    except OSError:
        return None
    for pid in pids:
        try:
            for number in os.listdir('/proc/%s/fd' % pid):
                link = '/proc/%s/fd/%s' % (pid, number)
                try:
                    if _IN_QUEUES.match(os.path.basename(os.readlink(link))):
                        about = os.stat(link)
                        found.add((about.st_dev, about.st_ino))
                except FileNotFoundError:
                    continue
        except (FileNotFoundError, ProcessLookupError):
            continue          # it has ended
        except OSError:
            return None
    return found if pids else None


class Cleaner:
    """Moves what a Search finds into an archive. Without L(write_to) it is only said; C(check()) raises when the run is to end."""

    def __init__(self, search: Search, outcome: Outcome, check: Callable[[], None]):
        self.search, self.outcome, self.check = search, outcome, check
        self.writer: Optional[_archive.Writer] = None
        self.base: Optional[str] = None              # where the archive is, or would be
        self.room, self.settled = _archive.ENDLESS, True
        self.gone: Set[Tuple[int, str]] = set()      # (directory, name) of control files beside a lost one that were moved, or would be

    def write_to(self, writer: _archive.Writer) -> None:
        self.writer, self.settled = writer, False

    def run(self) -> None:
        """Lost messages come last: what was in their way may be debris."""
        for lost in (False, True):
            for batch in self.search.candidates(lost):
                self.check()
                for one in batch:
                    self.outcome.add('found', one)
                if not lost:
                    self._batch(batch)
                    continue
                with self._acting(batch[0]):
                    for one in batch:
                        self._return(one)

    def _acting(self, one: Candidate) -> Any:
        return _identity.acting(self.search.who[one.queue])

    def _return(self, one: Candidate) -> None:
        try:
            why = _access.return_lost(self.search.look, one.queue, one.opened, one.name, self.writer is None, self.gone)
        except FileNotFoundError:
            return
        except OSError as error:
            why = _access.reason_of(error)
        self.outcome.add('left_alone' if why else 'returned', one, why)

    def _stays(self, one: Candidate, used: Optional[Set[Tuple[int, int]]]) -> bool:
        try:
            why = self.search.reason_to_stay(one, used)
        except FileNotFoundError:
            return True
        except OSError as error:
            why = _access.reason_of(error)
        if why:
            self.outcome.add('left_alone', one, why)
        return bool(why)

    def _batch(self, batch: List[Candidate]) -> None:
        """Judge, wait, judge again under lock, archive, sync, unlink. Without a writer the same, and nothing is written."""
        used = open_files()
        if batch:
            with self._acting(batch[0]):
                batch = [one for one in batch if not self._stays(one, used)]
        if not batch:
            return
        if not self.settled:
            time.sleep(_hazards.SETTLE)      # what passes through such a state is out of it now
            self.settled = True
        if self.base is not None:
            self.room = _archive.check_room(self.base)
        while batch:
            used = open_files()
            taken: List[Tuple[Candidate, List[Tuple[int, str]], List[bytes]]] = []
            with contextlib.ExitStack() as stack:
                try:
                    if self.writer is not None:
                        self.writer.begin()
                    with self._acting(batch[0]):
                        for one in batch[:]:
                            self.check()
                            files, members = self._take(one, used, stack)
                            if files:
                                taken.append((one, files, members))
                            else:
                                batch.remove(one)
                    if not taken:
                        return
                    if self.writer is not None:
                        self.writer.commit()
                        self.outcome.archive = self.writer.path
                except _archive.Changed as error:
                    # The part has half of it: begin it again without this file.
                    self.outcome.add('left_alone', batch.pop(len(taken)), str(error))
                    continue
                finally:
                    if self.writer is not None:
                        self.writer.drop()
                gone = []
                with self._acting(batch[0]):
                    for one, files, members in taken:
                        if self._unlink(one, files):
                            gone += members
                if self.writer is not None:
                    self.writer.removed(gone)
                    counts = self.outcome.counts
                    self.writer.progress(**dict((what, sum(counts[what].values())) for what in counts))
            return

    def _take(self, one: Candidate, used: Optional[Set[Tuple[int, int]]], stack: contextlib.ExitStack) -> Tuple[List[Tuple[int, str]], List[bytes]]:
        """Judge a second time, lock, and put into the archive: ([(directory, name), ...] to unlink in this order, names in the archive)."""
        search = self.search
        with contextlib.ExitStack() as mine:
            keep = mine if self.writer is None else stack
            try:
                if search.kind(one.queue, one.opened, one.where, _Entry(one.where, one.name)) != one.kind or self._stays(one, used):
                    return [], []
                about = os.stat(one.name, dir_fd=one.where, follow_symlinks=False)
                files = [(one.where, one.name, one.path)]
                if one.kind == 'incomplete' and not search.control_of(one.queue, one.name[2:], _EVERY_CONTROL, (one.where, one.name)):
                    data = search.data_of(one.queue, one.opened, one.name, keep)
                    if data is not None:
                        files.append((data[0], 'df' + one.name[2:], os.path.join(data[1], 'df' + one.name[2:])))
                held = []
                if stat.S_ISREG(about.st_mode):
                    for where, name, path in files:
                        handle, about = _archive.hold(where, name)
                        keep.callback(os.close, handle)
                        _archive.check_size(about, self.room)
                        if used is None or (about.st_dev, about.st_ino) in used:
                            raise _text.SendmailError('a process has its data file open')
                        held.append((handle, about, path))
                elif stat.S_IFMT(about.st_mode) not in _FORMS:
                    raise _text.SendmailError('it became another kind of file meanwhile')
                target = os.readlink(os.fsencode(one.name), dir_fd=one.where) if stat.S_ISLNK(about.st_mode) else b''
            except FileNotFoundError:
                return [], []
            except (OSError, _text.SendmailError) as error:
                self.outcome.add('left_alone', one, _access.reason_of(error))
                return [], []
            names = [os.fsencode('debris/%s%s' % (one.queue, path)) for _where, _name, path in files]
            if self.writer is not None:
                for member, (handle, about_file, _path) in zip(names, held):
                    self.writer.add_file(member, about_file, handle)
                if not held:
                    self.writer.add_special(names[0], about, target)
                self.writer.record({'path': _text.printable(os.fsencode(one.path)), 'kind': one.kind, 'queue': one.queue, 'size': about.st_size,
                                    'modified': int(about.st_mtime)})
            return [(where, name) for where, name, _path in files], names

    def _unlink(self, one: Candidate, files: List[Tuple[int, str]]) -> bool:
        try:
            for where, name in files if self.writer is not None else ():
                os.unlink(name, dir_fd=where)
        except FileNotFoundError:
            pass
        except OSError as error:
            self.outcome.add('left_alone', one, 'it is in the archive but cannot be removed: %s' % _access.reason_of(error))
            return False
        self.outcome.add('removed', one)
        if one.where == one.opened.control and _access.exists(one.where, 'Qf' + one.name[2:]):
            self.gone.add((one.where, one.name))
        return True


class _Entry:
    """One name, looked at again, in the shape of a directory entry."""

    def __init__(self, where: int, name: str):
        self.name = name
        self.about = os.stat(name, dir_fd=where, follow_symlinks=False)

    def is_file(self, follow_symlinks: bool = True) -> bool:
        return stat.S_ISREG(self.about.st_mode)

    def is_dir(self, follow_symlinks: bool = True) -> bool:
        return stat.S_ISDIR(self.about.st_mode)


def find(params: Dict[str, Any], look: Any = None) -> Dict[str, Any]:
    """The work of sendmail_debris_info, which is that of L(clear) without an archive. Returns its result; raises SendmailError."""
    outcome = Outcome()
    with _told(dict, ''), _searching(params, look, outcome, True) as (cleaner, _look_taken, _stack):
        cleaner.run()
    return outcome.report()


def clear(params: Dict[str, Any], check_mode: bool, look: Any = None) -> Dict[str, Any]:
    """The work of sendmail_debris. Returns its result; raises SendmailError, with it for what was done."""
    base = os.path.abspath(params['archive'] or _archive.BASE)
    outcome = Outcome()
    with _told(outcome.result, ' No file was removed that is not in an archive.'), _searching(params, look, outcome, check_mode) as (cleaner, look, stack):
        queues = _access.every_directory(look)
        _archive.check_base(base, queues)
        cleaner.base = base
        if not check_mode:
            cleaner.write_to(stack.enter_context(_archive.Writer(base, 'debris', {'state': params['state'], 'pid': os.getpid()}, queues)))
        cleaner.run()
    return outcome.result()


@contextlib.contextmanager
def _searching(params: Dict[str, Any], look: Any, outcome: Outcome, dry: bool) -> Iterator[Tuple[Cleaner, Any, contextlib.ExitStack]]:
    seconds = _text.duration(params['older_than'], option='older_than')
    if params['kinds'] == []:
        raise _text.SendmailError('kinds: the list is empty, so nothing is meant: name a kind, or leave the option out.')
    look = look or _access.look_at(params['queue'], partners=True)
    kinds = params['kinds'] or KINDS
    with _identity.signals_noted() as check, _access.alone(look, dry), Search(look, _look.names(params['queue']), kinds, seconds) as search, \
            contextlib.ExitStack() as stack:
        yield Cleaner(search, outcome, check), look, stack


@contextlib.contextmanager
def _told(result: Callable[[], Dict[str, Any]], comfort: str) -> Iterator[None]:
    """Whatever ends the work is a SendmailError, with the result of what was done. C(comfort) is a sentence for what nobody expected."""
    try:
        yield
    except _text.SendmailError as error:
        raise _text.SendmailError(str(error), **dict(result(), **error.result))
    except Exception as error:  # noqa: BLE001 - whatever ended it, what was done is said
        name = getattr(error, 'filename', None)
        raise _text.SendmailError('%s%s.%s' % (
            getattr(error, 'strerror', None) or '%s: %s' % (type(error).__name__, error),
            ': ' + _text.printable(os.fsencode(name)) if isinstance(name, (str, bytes)) else '', comfort), **result())
