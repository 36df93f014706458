# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

# PRIVATE to the mailops.sendmail collection: it can change or go in any release.

"""Files in queue directories that belong to no deliverable message: found, judged twice, and moved to an archive.

What is judged debris is older than a limit, open in no process, locked by none, and has no partner in any directory of any queue group.
Lost messages (Qf) are returned to the queue where that can be done. What cannot be judged is left, with the reason.
"""

import contextlib
import os
import re
import stat
import time
from collections import Counter
from typing import Any, NamedTuple

from ansible_collections.mailops.sendmail.plugins.module_utils import _archive, _hazards, _look, _lost, _message, _qf, _spool, _text

KINDS = ('data_without_control', 'control_without_data', 'incomplete', 'temporary', 'pushed_aside', 'transcript', 'lost', 'foreign', 'special')
BATCH = 400
LISTED = 1000
_CONTROL = ('qf', 'hf', 'Qf')
_NAMED = {'tf': 'temporary', 'Tf': 'pushed_aside', 'xf': 'transcript'}
_RESTORED = re.compile(r'\.[dqhQ]f.+\.restored\Z')          # of a run of ours that was interrupted
_FORMS = {stat.S_IFLNK: 'a symbolic link', stat.S_IFIFO: 'a FIFO', stat.S_IFCHR: 'a device', stat.S_IFBLK: 'a device'}


class Candidate(NamedTuple):
    """A file that may be debris."""

    queue: str
    opened: Any           # _spool.Opened
    where: int            # descriptor of the directory it is in
    path: str
    name: str
    kind: str


class Outcome:
    """What was found and done: counts by kind, and the first LISTED of each."""

    def __init__(self):
        self.counts = dict((what, Counter()) for what in ('found', 'removed', 'mended', 'left_alone'))
        self.lists = {}
        self.archive = None

    def add(self, what, one, why=None):
        self.counts[what][one.kind] += 1
        entries = self.lists.setdefault(what, [])
        if len(entries) < LISTED:
            entry = {'path': _text.printable(os.fsencode(one.path)), 'kind': one.kind}
            entries.append(dict(entry, why=why) if why else entry)

    def result(self, changed=True):
        """The module's result."""
        done = self.lists.get('removed', []) + self.lists.get('mended', [])
        lines = ''.join('%s (%s)\n' % (entry['path'], entry['kind']) for entry in done[:100]) + ('... and more\n' if len(done) > 100 else '')
        return dict(((what, sum(counts.values())) for what, counts in self.counts.items()), changed=changed and bool(done), kinds=dict(self.counts['found']),
                    outcomes=dict((what, self.lists[what]) for what in ('removed', 'mended', 'left_alone') if what in self.lists),
                    truncated=any(sum(self.counts[what].values()) > len(entries) for what, entries in self.lists.items()),
                    archive=self.archive, diff={'before': lines if changed else '', 'after': ''})


class Search:
    """One search through the queues that are asked for; partners are looked for in all of them. A context manager."""

    def __init__(self, look, queues, kinds, seconds):
        self.look, self.queues, self.kinds, self.seconds = look, queues, frozenset(kinds), seconds
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        self.opened = [(queue, self.stack.enter_context(_spool.Opened(directory)))
                       for queue, directories in self.look.directories.items() for directory in directories]
        return self

    def __exit__(self, *exception):
        self.stack.close()

    def candidates(self):
        """Yield Candidate for every file of the wanted kinds, whatever its age."""
        for queue, opened in self.opened:
            if queue not in self.queues:
                continue
            for where in sorted({opened.base, opened.control, opened.data, opened.transcript}):
                path = {opened.control: opened.directory.control, opened.data: opened.directory.data,
                        opened.transcript: opened.directory.transcript, opened.base: opened.directory.path}[where]
                with _spool.scan(where) as entries:
                    for entry in entries:
                        try:
                            kind = self.kind(opened, where, entry)
                        except FileNotFoundError:
                            continue
                        if kind in self.kinds:
                            yield Candidate(queue, opened, where, os.path.join(path, entry.name), entry.name, kind)

    def kind(self, opened, where, entry):
        """The kind of debris that a directory entry may be, or None. Raises OSError."""
        name, prefix = entry.name, entry.name[:2]
        if name in _spool.BELONGS or name in ('qf', 'df', 'xf') and entry.is_dir():
            return None
        if name[0] == '.':
            return 'temporary' if _RESTORED.match(name) and entry.is_file(follow_symlinks=False) else None
        if not entry.is_file(follow_symlinks=False):
            return 'special'
        if len(name) > _spool.NAME_MAX or not _qf.IDENTIFIER.match(name[2:]):
            return 'foreign'
        if prefix in _NAMED:
            kind = _NAMED[prefix]
            return kind if kind != 'transcript' or not self.control_of(name[2:], _CONTROL + ('tf',)) else None
        if prefix == 'df' and where == opened.data:
            return None if self.control_of(name[2:], _CONTROL + ('tf', 'Tf')) else 'data_without_control'
        if prefix not in _CONTROL or where != opened.control:
            return 'foreign'
        if prefix == 'Qf':
            return 'lost'
        if _cut_short(where, name):
            return 'incomplete'
        return None if self.data_of(name[2:]) else 'control_without_data'

    def control_of(self, identifier, prefixes):
        return any(_lost.exists(opened.control, prefix + identifier) for _queue, opened in self.opened for prefix in prefixes)

    def data_of(self, identifier):
        """The descriptor of the directory with the data file, or None."""
        for _queue, opened in self.opened:
            if _lost.exists(opened.data, 'df' + identifier):
                return opened.data
        return None

    def reason_to_stay(self, one, used):
        """Why a candidate is not provably debris, or None. C(used): files that processes have open, None when that cannot be known."""
        about = os.stat(one.name, dir_fd=one.where, follow_symlinks=False)
        age = time.time() - max(about.st_mtime, about.st_ctime)
        if age < self.seconds:
            return 'it was changed %d seconds ago, which is less than older_than' % max(0, age)
        if used is None:
            return 'whether a process has it open cannot be known: not every process can be looked into'
        if (about.st_dev, about.st_ino) in used:
            return 'a process has it open'
        if stat.S_ISREG(about.st_mode):
            if about.st_nlink != 1:
                return 'it has %d names (hard links)' % about.st_nlink
            if one.name[:2] in ('tf', 'Tf') and not _cut_short(one.where, one.name) and not self.control_of(one.name[2:], _CONTROL):
                return 'it is complete and the only control file of its id: look at it, and rename it to qf when it is sound'
        elif stat.S_IFMT(about.st_mode) not in _FORMS:
            return 'it is %s: look at it by hand' % ('a directory' if stat.S_ISDIR(about.st_mode) else 'a socket')
        return None


def _cut_short(directory, name):
    """Whether a control file has no final dot. Raises OSError; not for a file that is locked."""
    handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    try:
        size = os.fstat(handle).st_size
        return size < 3 or os.pread(handle, 3, size - 3) not in (b'\n.\n', b'.\r\n')
    finally:
        os.close(handle)


def open_files():
    """(device, inode) of every file that any other process has open; None when a process cannot be looked into or there is no /proc."""
    found, own = set(), str(os.getpid())
    try:
        pids = [name for name in os.listdir('/proc') if name.isdigit() and name != own]
    except OSError:
        return None
    for pid in pids or [None]:
        try:
            for number in os.listdir('/proc/%s/fd' % pid):
                try:
                    about = os.stat('/proc/%s/fd/%s' % (pid, number))
                except FileNotFoundError:
                    continue
                found.add((about.st_dev, about.st_ino))
        except (FileNotFoundError, ProcessLookupError):
            continue          # it has ended
        except OSError:
            return None
    return found if pids else None


class Cleaner:
    """Moves what a Search finds into an archive. C(dry): only say."""

    def __init__(self, search, writer, outcome, dry):
        self.search, self.writer, self.outcome, self.dry = search, writer, outcome, dry

    def run(self):
        batch, settled = [], self.dry
        for one in self.search.candidates():
            self.outcome.add('found', one)
            if one.kind == 'lost':
                self._mend(one)
                continue
            batch.append(one)
            if len(batch) == BATCH:
                settled = self._batch(batch, settled)
                batch = []
        if batch:
            self._batch(batch, settled)
        self.outcome.archive = self.writer.path if self.writer is not None and self.writer.parts else None

    def _mend(self, one):
        try:
            why = _lost.return_lost(self.search.look, one.queue, one.opened, one.name, self.dry)
        except OSError as error:
            why = error.strerror
        self.outcome.add('left_alone' if why else 'mended', one, why)

    def _stays(self, one, used):
        try:
            why = self.search.reason_to_stay(one, used)
        except FileNotFoundError:
            return True
        except OSError as error:
            why = error.strerror
        if why:
            self.outcome.add('left_alone', one, why)
        return bool(why)

    def _batch(self, batch, settled):
        used = open_files()
        batch = [one for one in batch if not self._stays(one, used)]
        if self.dry:
            for one in batch:
                self.outcome.add('removed', one)
        elif batch:
            if not settled:
                time.sleep(_hazards.SETTLE)      # what passes through such a state is out of it now
            used = open_files()
            with contextlib.ExitStack() as stack:
                try:
                    self.writer.begin()
                    taken = [(one, files) for one, files in ((one, self._take(one, used, stack)) for one in batch) if files]
                    if taken:
                        self.writer.commit()
                finally:
                    self.writer.drop()
                for one, files in taken:
                    self._unlink(one, files)
                counts = self.outcome.counts
                self.writer.progress(**dict((what, sum(counts[what].values())) for what in counts))
        return True

    def _take(self, one, used, stack):
        """Judge a second time, lock, and put into the archive. Returns [(directory, name), ...] to unlink, in this order; empty when it stays."""
        search = self.search
        try:
            kind = search.kind(one.opened, one.where, _Entry(one.where, one.name))
            if kind != one.kind or self._stays(one, used):
                return []
            about = os.stat(one.name, dir_fd=one.where, follow_symlinks=False)
            files = [(one.where, one.name, one.path)]
            if kind == 'incomplete' and search.data_of(one.name[2:]) is not None:
                files.append((search.data_of(one.name[2:]), 'df' + one.name[2:], os.path.join(one.opened.directory.data, 'df' + one.name[2:])))
            held = []
            if stat.S_ISREG(about.st_mode):
                for where, name, path in files:
                    handle, about = _archive.hold(where, name)
                    stack.callback(os.close, handle)
                    if (about.st_dev, about.st_ino) in used:
                        raise _text.SendmailError('a process has its data file open')
                    held.append((handle, about, path))
        except FileNotFoundError:
            return []
        except (OSError, _text.SendmailError) as error:
            self.outcome.add('left_alone', one, getattr(error, 'strerror', None) or str(error))
            return []
        for handle, about_file, path in held:
            self.writer.add_file(os.fsencode('debris/%s%s' % (one.queue, path)), about_file, handle)
        if not held:
            target = os.readlink(os.fsencode(one.name), dir_fd=one.where) if stat.S_ISLNK(about.st_mode) else b''
            self.writer.add_special(os.fsencode('debris/%s%s' % (one.queue, one.path)), about, target)
        self.writer.record({'path': _text.printable(os.fsencode(one.path)), 'kind': one.kind, 'queue': one.queue, 'size': about.st_size,
                            'modified': int(about.st_mtime)})
        return [(where, name) for where, name, _path in files]

    def _unlink(self, one, files):
        try:
            for where, name in files:
                os.unlink(name, dir_fd=where)
        except FileNotFoundError:
            pass
        except OSError as error:
            self.outcome.add('left_alone', one, 'it is in the archive but cannot be removed: %s' % error.strerror)
            return
        self.outcome.add('removed', one)


class _Entry:
    """One name, looked at again, in the shape of a directory entry."""

    def __init__(self, where, name):
        self.name = name
        self.about = os.stat(name, dir_fd=where, follow_symlinks=False)

    def is_file(self, follow_symlinks=True):
        return stat.S_ISREG(self.about.st_mode)

    def is_dir(self):
        return stat.S_ISDIR(self.about.st_mode)


def clear(params, check_mode, look=None):
    """The module's work. C(params) as documented in sendmail_debris. Returns its result; raises SendmailError."""
    seconds = _text.duration(params['older_than'])
    if os.geteuid() != 0:
        raise _text.SendmailError('Only root can judge the files of everybody. Use become: true.')
    look = look or _message.look_at(params['queue'], partners=True)
    base, report = params['archive'] or _archive.BASE, params['state'] == 'reported'
    outcome = Outcome()
    try:
        with Search(look, _look.names(params['queue']), params['kinds'] or KINDS, seconds) as search:
            if report or check_mode:
                Cleaner(search, None, outcome, True).run()
            else:
                _archive.check_base(base, [directory for directories in look.directories.values() for directory in directories])
                with _archive.Writer(base, 'debris', {'state': params['state'], 'pid': os.getpid()}) as writer:
                    Cleaner(search, writer, outcome, False).run()
    except (OSError, _archive.Changed) as error:
        path = getattr(error, 'filename', None)
        raise _text.SendmailError('%s%s. No file was removed that is not in an archive.' % (
            getattr(error, 'strerror', None) or error, ': ' + _text.printable(os.fsencode(path)) if path else ''), **outcome.result())
    return outcome.result(not report)
