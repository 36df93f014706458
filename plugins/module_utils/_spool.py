# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

# PRIVATE to the mailops.sendmail collection: it can change or go in any release.

"""Queue directories on disk: which there are, and one pass over each.

A spool is hostile ground: whoever runs a set-group-ID program can write into it, and we are root. So every name is opened relative
to a directory descriptor, links are not followed, only regular files are read, reads are bounded, and nothing blocks.
A pass takes no lock (a runner would skip the message) and leaves access times alone. It costs four system calls a message: open,
read and close of the control file, stat of the data file.
"""

import errno
import os
import stat
from typing import NamedTuple

from ansible_collections.mailops.sendmail.plugins.module_utils import _qf, _text

BATCH = 1000                # rows handed up at once: memory stays flat, and judges can count whole batches in C
_BLOCK = 8192               # one read holds the whole of nearly every control file
LIMIT = 8 << 20             # a control file of 100,000 recipients, more than Sendmail can take in a day; the worst of lines cost 50 times that in memory
NAME_MAX = 20               # a runner passes over longer names (MAXQFNAME), so they are no messages
_ERRORS_KEPT = 10
_SCAN_BY_DESCRIPTOR = os.scandir in os.supports_fd   # not before Python 3.7
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NOATIME = getattr(os, 'O_NOATIME', 0)
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC

# What Sendmail itself keeps in a queue directory beside messages (cf/feature/msp.m4, rc.d of FreeBSD).
BELONGS = frozenset(('sm-client.pid', 'sm-client.st', 'sendmail.st', 'sendmail.pid'))
DEBRIS = ('data_without_control', 'control_without_data', 'temporary', 'pushed_aside', 'transcript', 'foreign', 'special')
_DEBRIS_PREFIXES = {'tf': 'temporary', 'Tf': 'pushed_aside', 'xf': 'transcript'}


def _error(path, error):
    return {'path': _text.printable(os.fsencode(path)), 'error': error.strerror}


def _open(path, flags, dir_fd=None):
    """os.open() that leaves access times alone; only the owner and root may ask for that."""
    try:
        return os.open(path, flags | _NOATIME, dir_fd=dir_fd)
    except PermissionError:
        return os.open(path, flags, dir_fd=dir_fd)


class QueueDirectory(NamedTuple):
    """One queue: where its control, data and transcript files lie (the same place unless qf, df or xf subdirectories exist)."""

    group: str
    path: str
    control: str
    data: str
    transcript: str
    link: bool     # reached through a symbolic link

    def error(self, error):
        """An OSError about this directory as a plain value."""
        return _error(self.path, error)


class Batch(NamedTuple):
    """Control files of one pass, in three lists of equal length."""

    names: list    # of str
    rows: list     # of the tuples of _qf.head()
    sizes: list    # of int, the data file's bytes; None where it is missing


def open_directory(path, dir_fd=None):
    """A descriptor of a directory, to be closed by the caller.

    A symbolic link counts only when root or the owner of the directory that holds it made it: Sendmail follows links to queue
    directories (chkqdir()), and anybody who can run the submission program might have put one there. The configured path itself
    (C(dir_fd) is None) is the administrator's and is followed. Raises OSError.
    """
    if dir_fd is None:
        return _open(path, _DIRECTORY)
    try:
        return _open(path, _DIRECTORY | os.O_NOFOLLOW, dir_fd)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENOTDIR):
            raise
        about = os.stat(path, dir_fd=dir_fd, follow_symlinks=False)
        if not stat.S_ISLNK(about.st_mode):
            raise
        if about.st_uid not in (0, os.fstat(dir_fd).st_uid):
            raise OSError(errno.ELOOP, 'a symbolic link that neither root nor the owner of the directory has made')
    return _open(path, _DIRECTORY, dir_fd)


def directories(patterns):
    """The queue directories behind configuration patterns.

    C(patterns) is a list of (group, path); a path whose last component ends in C(*) stands for every directory with that prefix
    (multiqueue_cache() in queue.c: entries that are no directories are passed over, and the parent is then no queue).
    Returns (list of QueueDirectory, list of {path, error}); a directory two groups name is listed once.
    """
    found, errors, seen = [], [], set()
    for group, pattern in patterns:
        parent, last = os.path.split(pattern.rstrip('/'))
        try:
            if last.endswith('*'):
                descriptor = open_directory(parent)
                try:
                    names = sorted(name for name in os.listdir(descriptor) if name.startswith(last[:-1]))
                    candidates = [(os.path.join(parent, name), name, descriptor) for name in names]
                    for path, name, parent_fd in candidates:
                        _add(found, errors, seen, group, path, name, parent_fd)
                finally:
                    os.close(descriptor)
            else:
                _add(found, errors, seen, group, pattern.rstrip('/') or '/', pattern, None)
        except OSError as error:
            errors.append(_error(parent, error))
    return found, errors


def _add(found, errors, seen, group, path, name, parent_fd):
    try:
        descriptor = open_directory(name, parent_fd)
    except OSError as error:
        if parent_fd is None or error.errno not in (errno.ENOTDIR, errno.ENOENT):
            errors.append(_error(path, error))
        return
    try:
        about = os.fstat(descriptor)
        if (about.st_dev, about.st_ino) in seen:
            return
        seen.add((about.st_dev, about.st_ino))
        places = []
        for part in ('qf', 'df', 'xf'):
            place = os.path.join(path, part)
            try:
                os.close(open_directory(part, descriptor))
            except OSError as error:
                if error.errno not in (errno.ENOTDIR, errno.ENOENT):
                    errors.append(_error(place, error))
                place = path
            places.append(place)
        found.append(QueueDirectory(group, path, places[0], places[1], places[2], os.path.islink(path)))
    finally:
        os.close(descriptor)


class Opened:
    """The descriptors of one queue directory, for the length of a C(with) block."""

    def __init__(self, directory):
        self.directory = directory
        self.base = self.control = self.data = self.transcript = None

    def __enter__(self):
        directory = self.directory
        self.base = self.control = self.data = self.transcript = open_directory(directory.path)
        try:
            if not directory.link and not os.path.samestat(os.lstat(directory.path), os.fstat(self.base)):
                raise OSError(errno.ELOOP, 'it was replaced by a symbolic link', directory.path)
            if directory.control != directory.path:
                self.control = open_directory('qf', self.base)
            if directory.data != directory.path:
                self.data = open_directory('df', self.base)
            if directory.transcript != directory.path:
                self.transcript = open_directory('xf', self.base)
        except OSError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception):
        for descriptor in sorted({self.base, self.control, self.data, self.transcript}):
            os.close(descriptor)


def scan(descriptor):
    """os.scandir() of an open directory; Python 3.6 cannot take a descriptor and gets its name under /proc."""
    return os.scandir(descriptor if _SCAN_BY_DESCRIPTOR else '/proc/self/fd/%d' % descriptor)


def read_block(descriptor, name):
    """The first block of a regular file, and all of it where it is shorter. Raises OSError."""
    try:
        handle = os.open(name, _READ | _NOATIME, dir_fd=descriptor)
    except PermissionError:
        # Only the owner and root may leave the access time alone.
        handle = os.open(name, _READ, dir_fd=descriptor)
    try:
        return os.read(handle, _BLOCK)
    finally:
        os.close(handle)


def read_whole(descriptor, name):
    """(bytes, os.stat_result) of a regular file. Raises OSError, and SendmailError for what is not safe to read."""
    handle = _open(name, _READ, descriptor)
    try:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            raise _text.SendmailError('it is not a regular file')
        if about.st_nlink != 1:
            raise _text.SendmailError('it has %d names: a hard link, which Sendmail never makes' % about.st_nlink)
        if about.st_size > LIMIT:
            raise _text.SendmailError('it is larger than %d bytes' % LIMIT)
        parts, left = [], LIMIT
        while left > 0:
            part = os.read(handle, min(left, 1 << 20))
            if not part:
                break
            parts.append(part)
            left -= len(part)
        return b''.join(parts), about
    finally:
        os.close(handle)


class Pass:
    """One pass over one queue directory.

    C(batches()) yields the messages whose state is in C(states) (C(None): every control file by name only, nothing opened). The counts
    are complete when it is exhausted, and account for every name: C(messages) by state, C(debris) by kind.
    A control file that goes away meanwhile was delivered or moved by a runner: it is counted in C(vanished), not as an error.
    """

    def __init__(self, directory, states=('queued',), sizes=True, held=frozenset()):
        self.directory = directory
        states = frozenset(states or ())
        opens_all = not states.isdisjoint(('incomplete', 'unreadable'))   # only the content tells these
        self.wanted = frozenset(prefix for prefix, state in _qf.CONTROL_PREFIXES.items() if opens_all or state in states)
        self.sizes = sizes
        self.held = held
        self.messages = {'queued': 0, 'quarantined': 0, 'lost': 0, 'incomplete': 0, 'unreadable': 0}
        self.debris = dict.fromkeys(DEBRIS, 0)
        self.locked = set()
        self.damaged = []      # (name, state) of what has no row, the first of them
        self.vanished = 0
        self.errors = []
        self.errors_total = 0
        self._data_seen = self._data_met = 0

    def _damage(self, name, state):
        self.messages[state] += 1
        if len(self.damaged) < BATCH:
            self.damaged.append((name, state))

    def _unreadable(self, name, why):
        self._damage(name, 'unreadable')
        self.errors_total += 1
        if len(self.errors) < _ERRORS_KEPT:
            self.errors.append({'path': _text.printable(os.fsencode(os.path.join(self.directory.control, name))), 'error': why})

    def batches(self):
        """Yield Batch after Batch; counts grow as it goes. Raises OSError when the directory itself cannot be read."""
        with Opened(self.directory) as opened:
            device = os.fstat(opened.control).st_dev
            inodes = frozenset(inode for held_device, inode in self.held if held_device == device)
            yield from self._control_files(opened, inodes)
            for descriptor in {opened.base, opened.data, opened.transcript} - {opened.control}:
                self._beside(descriptor, descriptor == opened.data)
        if self.sizes and self.wanted:
            # Counted, not matched name by name: a set of a million names would be a hundred megabytes. A message that arrives
            # or leaves during the pass can shift this by one, never below zero.
            self.debris['data_without_control'] = max(0, self._data_seen - self._data_met)

    def _control_files(self, opened, inodes):
        control, data = opened.control, opened.data
        together = control == data
        messages, wanted, with_sizes = self.messages, self.wanted, self.sizes
        prefixes, read_head, status_at = _qf.CONTROL_PREFIXES, _qf.head, os.stat
        names, rows, sizes = [], [], []
        data_seen = data_met = 0
        with scan(control) as entries:
            for entry in entries:
                name = entry.name
                prefix = name[:2]
                if prefix == 'df' and together and entry.is_file(follow_symlinks=False):
                    data_seen += 1
                    continue
                state = prefixes.get(prefix) if len(name) <= NAME_MAX else None
                if state is None:
                    self._other(name, prefix, entry, together)
                    continue
                if not entry.is_file(follow_symlinks=False):
                    self.debris['special'] += 1
                    continue
                if inodes and entry.inode() in inodes:
                    self.locked.add(name)
                size = None
                if with_sizes:
                    try:
                        size = status_at('df' + name[2:], dir_fd=data, follow_symlinks=False).st_size
                        data_met += 1
                    except OSError:
                        pass
                if prefix not in wanted:
                    if with_sizes and size is None and not self._without_data(control, name):
                        continue
                    messages[state] += 1
                    if not wanted:
                        names.append(name)
                        if len(names) == BATCH:
                            yield Batch(names, rows, sizes)
                            names = []
                    continue
                try:
                    block = read_block(control, name)
                    row = read_head(block) if block[-3:] == b'\n.\n' and len(block) < _BLOCK else None
                    if row is None:
                        row = self._awkward(control, name, block)
                    if with_sizes and size is None and not self._without_data(control, name, block):
                        continue
                except FileNotFoundError:
                    self.vanished += 1
                    continue
                except OSError as error:
                    self._unreadable(name, error.strerror)
                    continue
                if row is None:
                    continue
                messages[state] += 1
                sizes.append(size)
                names.append(name)
                rows.append(row)
                if len(rows) == BATCH:
                    yield Batch(names, rows, sizes)
                    names, rows, sizes = [], [], []
        self._data_seen += data_seen
        self._data_met += data_met
        if names:
            yield Batch(names, rows, sizes)

    def _without_data(self, control, name, block=b''):
        """Count a control file whose data file is missing. False when the message has just left.

        Sendmail removes the data file just before the control file, and a C(d) line may place it in another queue group's directory.
        """
        try:
            os.stat(name, dir_fd=control, follow_symlinks=False)
        except FileNotFoundError:
            self.vanished += 1
            return False
        start = block.find(b'\nd', 0, max(0, block.find(b'\nS')))
        if start >= 0:
            place = block[start + 2:block.index(b'\n', start + 2)]
            try:
                os.stat(os.path.join(place, b'df' + os.fsencode(name[2:])), follow_symlinks=False)
                return True
            except (OSError, ValueError):
                pass
        self.debris['control_without_data'] += 1
        return True

    def _awkward(self, control, name, block):
        """The row of a control file that is long, incomplete or out of the usual order; None when it is counted as something else."""
        if not block:
            self._damage(name, 'incomplete')
            return None
        if len(block) == _BLOCK:
            row = _qf.head(block)
            if row is not None and self._ends_well(control, name):
                return row
        try:
            data = read_whole(control, name)[0]
        except _text.SendmailError as error:
            self._unreadable(name, str(error))
            return None
        envelope = _qf.parse(data)
        if not envelope.complete and (envelope.created is not None or not envelope.problems):
            self._damage(name, 'incomplete')
            return None
        if envelope.created is None or envelope.version > _qf.NEWEST_VERSION:
            self._unreadable(name, envelope.problems[0].text)
            return None
        return _qf.head_of(envelope)

    @staticmethod
    def _ends_well(control, name):
        """Whether a file longer than a block ends in the final dot."""
        handle = _open(name, _READ, control)
        try:
            os.lseek(handle, -3, os.SEEK_END)
            return os.read(handle, 3) == b'\n.\n'
        finally:
            os.close(handle)

    def _other(self, name, prefix, entry, together):
        kind = _DEBRIS_PREFIXES.get(prefix)
        if kind and entry.is_file(follow_symlinks=False):
            self.debris[kind] += 1
        elif name in BELONGS or name[0] == '.' or (name in ('qf', 'df', 'xf') and entry.is_dir()):
            pass
        elif entry.is_file(follow_symlinks=False):
            self.debris['foreign'] += 1
        else:
            self.debris['special'] += 1

    def _beside(self, descriptor, data):
        """Count what lies in a directory without control files: the data files if they belong there."""
        with scan(descriptor) as entries:
            for entry in entries:
                if data and entry.name[:2] == 'df' and entry.is_file(follow_symlinks=False):
                    self._data_seen += 1
                else:
                    self._other(entry.name, entry.name[:2], entry, False)
