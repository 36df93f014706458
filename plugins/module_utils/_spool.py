# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Queue directories on disk: which there are, and one pass over each.

A spool is hostile ground: whoever runs a set-group-ID program can write into it, and we are root. So every name is opened relative
to a directory descriptor, only links that root made are followed (L(walk)), a directory that is never a queue is none, only regular
files are read, reads are bounded, and nothing blocks.
A pass takes no lock (a runner would skip the message) and leaves access times alone.
"""

import contextlib
import errno
import os
import pwd
import re
import resource
import stat
import time
from itertools import chain, islice
from typing import Any, Callable, Dict, FrozenSet, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import _qf, _text

BATCH = 1000                # rows handed up at once: memory stays flat, and judges can count whole batches in C
_BLOCK = 8192               # one read holds the whole of nearly every control file
LIMIT = 8 << 20             # a control file of 100,000 recipients, more than Sendmail can take in a day; the worst of lines cost 50 times that in memory
NAME_MAX = 20               # a runner passes over longer names (MAXQFNAME), so they are no messages
_AHEAD = 2000               # names whose files the kernel begins to read before their turn
_ERRORS_KEPT = 10
_SCAN_BY_DESCRIPTOR = os.scandir in os.supports_fd   # not before Python 3.7
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NOATIME = getattr(os, 'O_NOATIME', 0)
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC

# What Sendmail itself keeps in a queue directory beside messages (cf/feature/msp.m4, rc.d of FreeBSD), and a file system of its own.
BELONGS = frozenset(('sm-client.pid', 'sm-client.st', 'sendmail.st', 'sendmail.pid', 'lost+found'))
DEBRIS = ('data_without_control', 'control_without_data', 'temporary', 'pushed_aside', 'transcript', 'foreign', 'special')
_DEBRIS_PREFIXES = {'tf': 'temporary', 'Tf': 'pushed_aside', 'xf': 'transcript'}
_PREFIXES = frozenset(('qf', 'df', 'hf', 'Qf', 'tf', 'Tf', 'xf'))
_PARTS = frozenset(('qf', 'df', 'xf'))
_LINKS_MAX = 20
_LOOKED_AT = 400
# Python 3.6 has no name for it, and a few machines have another number.
_PATH = getattr(os, 'O_PATH', 0o10000000 if os.uname()[0] == 'Linux' and os.uname()[4][:5] not in ('alpha', 'sparc', 'paris') else 0)
# .NAME.ARCHIVE.NUMBER.removing and the like: a file that sendmail_message has on its way between queue and archive.
STAGED = re.compile(r'\.((?:qf|hf|Qf|df).*)\.((?:removed|debris)-\d{8}T\d{6}Z(?:-\d+)?|[^.]*)\.(\d{4,})\.(removing|restoring|restored)\Z', re.S)
_STAGED_SECONDS = 600       # since its last change, after which whoever left it there has ended
_DATA_LINE = re.compile(rb'\nd([^\r\n]*)')

# A configuration can name anything as a queue directory, by a slip or by a link. These have other owners, and so has whatever holds one of them.
_NEVER = frozenset((
    '/dev', '/dev/shm', '/home', '/media', '/mnt', '/net', '/opt', '/root', '/run', '/run/lock', '/run/user', '/srv', '/tmp',
    '/usr', '/usr/home', '/usr/local', '/usr/local/etc', '/usr/local/lib', '/usr/src', '/usr/tmp', '/var', '/var/backups',
    '/var/cache', '/var/db', '/var/lib', '/var/local', '/var/lock', '/var/log', '/var/mail', '/var/opt', '/var/run',
    '/var/spool', '/var/tmp', '/var/www'))
_NEVER_BELOW = (
    '/bin/', '/boot/', '/etc/', '/lib/', '/lib32/', '/lib64/', '/libx32/', '/proc/', '/sbin/', '/sys/', '/usr/bin/',
    '/usr/include/', '/usr/lib/', '/usr/lib32/', '/usr/lib64/', '/usr/libexec/', '/usr/local/bin/', '/usr/local/sbin/',
    '/usr/sbin/', '/usr/share/', '/var/lib/dpkg/', '/var/lib/rpm/', '/var/mail/', '/var/spool/cron/', '/var/spool/mail/',
    '/var/spool/postfix/', '/var/spool/exim4/')
_HOME = re.compile(r'/(?:usr/)?home/[^/]+\Z')
_PASSING = re.compile(r'\.nfs|\.fuse_hidden|\.[dqhQ]f|\.hoststat\Z|\.snapshot\Z|\.zfs\Z')   # what file systems leave, and we


def _error(path, error):
    return {'path': _text.printable(os.fsencode(path)), 'error': error.strerror}


def open_quietly(path, flags, dir_fd=None):
    """os.open() that leaves access times alone; only the owner and root may ask for that."""
    try:
        return os.open(path, flags | _NOATIME, dir_fd=dir_fd)
    except PermissionError:
        return os.open(path, flags, dir_fd=dir_fd)


class _QueueDirectory(NamedTuple):
    group: str
    path: str
    control: str
    data: str
    transcript: str
    link: bool     # reached through a symbolic link


class QueueDirectory(_QueueDirectory):
    """One queue: where its control, data and transcript files lie (the same place unless qf, df or xf subdirectories exist).

    Beside what identifies it: C(names), what a C(d) line calls it, more than one where links of two groups lead to it;
    C(siblings), all directories of the same queue, itself among them;
    C(proved), the (device, inode) of the four directories when L(directories) proved them; C(inside), names in it that lead to other queues.
    """

    names: Sequence[str] = ('.',)
    inside: FrozenSet[str] = frozenset()
    siblings: Tuple['QueueDirectory', ...] = ()
    proved: Tuple[Tuple[int, int], ...] = ()

    def error(self, error):
        """An OSError about this directory as a plain value."""
        return _error(self.path, error)


class Batch(NamedTuple):
    """Control files of one pass, in three lists of equal length."""

    names: list    # of str
    rows: list     # of the tuples of _qf.head()
    sizes: list    # of int, the data file's bytes; None where it is missing


# Ways to a directory

def _follow(name: str, dir_fd: int, refusal: OSError) -> str:
    """Where a symbolic link leads to that root (or who runs us) made. Raises OSError for any other, and C(refusal) for what is no link.

    Owner and target are those of one link: a name can be given to another link between two looks.
    """
    about = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    if not stat.S_ISLNK(about.st_mode):
        raise refusal
    if about.st_uid not in (0, os.getuid()) or about.st_nlink != 1:
        raise OSError(errno.ELOOP, 'on the way is a symbolic link that root has not made')
    if _PATH:
        link = os.open(name, _PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=dir_fd)
        try:
            now, target = os.fstat(link), os.readlink('', dir_fd=link)
        finally:
            os.close(link)
    else:
        target = os.readlink(name, dir_fd=dir_fd)
        now = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    if (now.st_dev, now.st_ino, now.st_ctime_ns) != (about.st_dev, about.st_ino, about.st_ctime_ns):
        raise OSError(errno.ELOOP, 'on the way is a symbolic link that was replaced meanwhile')
    return target


def walk(path: str, dir_fd: Optional[int] = None, each: Optional[Callable[[int, str], None]] = None) -> int:
    """A descriptor of a directory, reached without passing a link that anybody but root made; to be closed by the caller.

    One component at a time, each relative to the descriptor of the one before, from the root or from C(dir_fd). Sendmail follows any link
    (chkqdir() in queue.c), and whoever can run the submission program can make one in the client queue. Raises OSError; for others' links
    with ELOOP. C(each(descriptor, path)) is called for every directory on the way and raises for one that will not do.
    """
    parts = path.split('/')[::-1]
    links, here = 0, open_quietly('/', _DIRECTORY) if dir_fd is None or path.startswith('/') else os.dup(dir_fd)
    try:
        if each:
            each(here, '/')
        while parts:
            part = parts.pop()
            if part in ('', '.'):
                continue
            try:
                there = open_quietly(part, _DIRECTORY | os.O_NOFOLLOW, here)
            except PermissionError:
                if not _PATH or not any(one.strip('.') for one in parts):
                    raise
                # To pass through it the right to search it is enough; /home often is 0711.
                there = os.open(part, _PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
            except OSError as error:
                if error.errno not in (errno.ELOOP, errno.ENOTDIR):
                    raise
                links += 1
                if links > _LINKS_MAX:
                    raise
                target = _follow(part, here, error)
                parts.extend(target.split('/')[::-1])
                if not target.startswith('/'):
                    continue
                there = open_quietly('/', _DIRECTORY)
            os.close(here)
            here = there
            if each:
                each(here, path)
        return here
    except BaseException:
        os.close(here)
        raise


def never(place: str) -> bool:
    """Whether a directory is never a queue by its real path: it belongs to something else, or holds what does."""
    return (place in _NEVER or any(one.startswith(place.rstrip('/') + '/') for one in _NEVER)
            or (place + '/').startswith(_NEVER_BELOW) or _HOME.match(place) is not None)


def check_place(descriptor: int, path: str) -> None:
    """Raise OSError when an open directory is one that is never a queue, however it got into a configuration."""
    try:
        place = os.readlink('/proc/self/fd/%d' % descriptor)
    except OSError:
        place = os.path.realpath(path)
    about = os.fstat(descriptor)
    if not never(place) and about.st_uid >= 1000:
        try:
            if os.path.normpath(pwd.getpwuid(about.st_uid).pw_dir) != place:
                return
        except KeyError:
            return
    elif not never(place):
        return
    how = 'it is' if os.path.basename(place) == os.path.basename(path.rstrip('/')) else 'a symbolic link or a path leads to'
    raise OSError(errno.EINVAL, '%s %s, which is never a queue: set QueueDirectory' % (how, _text.printable(os.fsencode(place))))


def check_content(descriptor: int, nested: bool) -> bool:
    """Raise OSError when a directory is full of what no Sendmail made; judged by its first names, for it may hold a million.

    A queue can hold a few strange files (a core image), and more where nobody else can look into it, as into a package's.
    C(nested): other queues lie below, so directories are no strangers. Returns whether all are strange.
    """
    ours = strange = 0
    with scan(descriptor) as entries:
        for entry in entries:
            name = entry.name
            if name[:2] in _PREFIXES or name in BELONGS or _PASSING.match(name) or (nested or name in _PARTS) and _is_place(entry):
                ours += 1
            else:
                strange += 1
            if ours + strange == _LOOKED_AT:
                break
    if strange > ours and strange > (10 if not os.fstat(descriptor).st_mode & 0o005 else 2):
        raise OSError(errno.EINVAL, 'most of what is in it was not made by Sendmail, so it is not treated as a queue: set QueueDirectory')
    return strange > 0 == ours


def _is_place(entry: Any) -> bool:
    """Whether a directory entry is a directory or a link, which may lead to one: only L(walk) follows it, where root has made it."""
    return entry.is_dir(follow_symlinks=False) or entry.is_symlink()


# Queue directories

def open_directory(path: str, dir_fd: Optional[int] = None, whole: Optional[str] = None) -> int:
    """L(walk), and it is not a place that is never a queue. C(whole): the path from the root, where C(path) begins at C(dir_fd). Raises OSError."""
    descriptor = walk(path, dir_fd)
    try:
        check_place(descriptor, whole or path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def directories(patterns):
    """The queue directories behind configuration patterns.

    C(patterns) is a list of (group, path), the default group first; a path whose last component ends in C(*) stands for every directory with
    that prefix (multiqueue_cache() in queue.c: entries that are no directories are passed over, and the parent is then no queue).
    Returns (list of QueueDirectory, list of {path, error}); a directory two groups name is listed once. What is never a queue is an error.
    """
    found, errors = [], []
    seen: Dict[Tuple[int, int], List[str]] = {}      # paths by device and inode
    configured = [os.path.normpath(pattern) for _group, pattern in patterns]
    for group, pattern in patterns:
        parent, last = os.path.split(pattern.rstrip('/'))
        try:
            if last.endswith('*'):
                descriptor = walk(parent)
                try:
                    names = sorted(name for name in os.listdir(descriptor) if name.startswith(last[:-1]))
                    before = len(seen), len(errors)
                    for name in names:
                        _add(found, errors, seen, group, os.path.join(parent, name), name, descriptor, configured)
                    # "can not opendir": nobody can submit. Two groups may name the same.
                    if before == (len(seen), len(errors)) and not any(os.path.isdir(os.path.join(parent, name)) for name in names):
                        errors.append({'path': _text.printable(os.fsencode(pattern)), 'error': 'no directory matches this name'})
                finally:
                    os.close(descriptor)
            else:
                _add(found, errors, seen, group, pattern.rstrip('/') or '/', pattern, None, configured)
        except OSError as error:
            errors.append(_error(parent, error))
    if configured:
        # A d line names a directory relative to QueueDirectory, up to its last slash where that is a wildcard (multiqueue_cache()).
        base = os.path.dirname(configured[0]) if configured[0].endswith('*') else configured[0]
        inside: Dict[str, Set[str]] = {}
        for path in configured + [one.path for one in found]:
            while path not in ('/', ''):
                path, name = os.path.split(path)
                inside.setdefault(path, set()).add(name)
        for one in found:
            one.siblings, one.names, one.inside = tuple(found), [os.path.relpath(path, base) for path in one.names], frozenset(inside.get(one.path, ()))
    return found, errors


def _add(found, errors, seen, group, path, name, parent_fd, configured):
    try:
        descriptor = open_directory(name, parent_fd, path)
    except OSError as error:
        if parent_fd is None or error.errno not in (errno.ENOTDIR, errno.ENOENT):
            errors.append(_error(path, error))
        return
    try:
        about = os.fstat(descriptor)
        known = seen.setdefault((about.st_dev, about.st_ino), [])
        known.append(path)
        if len(known) > 1:
            return
        try:
            check_content(descriptor, any(one.startswith(os.path.normpath(path) + '/') for one in configured))
        except OSError as error:
            errors.append(_error(path, error))
            return
        places, proved = [], [(about.st_dev, about.st_ino)]
        for part in ('qf', 'df', 'xf'):
            place = os.path.join(path, part)
            try:
                inside = open_directory(part, descriptor, place)
                try:
                    about = os.fstat(inside)
                    check_content(inside, False)
                finally:
                    os.close(inside)
            except OSError as error:
                if error.errno not in (errno.ENOTDIR, errno.ENOENT):
                    errors.append(_error(place, error))
                place, about = path, os.fstat(descriptor)
            places.append(place)
            proved.append((about.st_dev, about.st_ino))
        one = QueueDirectory(group, path, places[0], places[1], places[2], os.path.islink(path))
        one.proved, one.names = tuple(proved), known
        found.append(one)
    finally:
        os.close(descriptor)


def named_data(data: bytes) -> Optional[bytes]:
    """The directory that the C(d) line of a control file names for its data file, None without one. The last line counts (readqf())."""
    lines = _DATA_LINE.findall(data)
    return lines[-1] if lines else None


def data_directory(directory: QueueDirectory, data: bytes, siblings: Iterable[QueueDirectory] = ()) -> QueueDirectory:
    """Where the data file of a message is: in its own queue directory, or in the one of the same queue that its C(d) line names.

    C(data): the control file. Sendmail compares the line with the names of all its queue directories, relative to QueueDirectory, and loses
    a message whose line names no one (readqf() in queue.c, "bogus queue file directory"). C(siblings): all directories of that queue,
    those that L(directories) found by default. Raises SendmailError for such a line.
    """
    place = named_data(data)
    if place is None:
        return directory
    name = os.fsdecode(place)
    for one in siblings or directory.siblings or (directory,):
        if name in (one.path, one.data) or name in one.names:
            return one
    raise _text.SendmailError('its d line says that its data file is in %s, which is not a directory of this queue' % _text.printable(place[:200]))


class Opened:
    """The descriptors of one queue directory, for the length of a C(with) block. Raises OSError for one that is no queue any more."""

    def __init__(self, directory):
        self.directory = directory
        # Descriptors, from __enter__ to __exit__.
        self.base: Any = None
        self.control: Any = None
        self.data: Any = None
        self.transcript: Any = None

    def __enter__(self):
        directory, proved = self.directory, self.directory.proved
        self.base = self.control = self.data = self.transcript = self._base(directory, proved)
        try:
            if not directory.link and not os.path.samestat(os.lstat(directory.path), os.fstat(self.base)):
                raise OSError(errno.ELOOP, 'it was replaced by a symbolic link', directory.path)
            for number, (attribute, part) in enumerate((('control', 'qf'), ('data', 'df'), ('transcript', 'xf')), 1):
                if getattr(directory, attribute) != directory.path:
                    descriptor = open_directory(part, self.base, getattr(directory, attribute))
                    setattr(self, attribute, descriptor)
                    if proved and _identity_of(descriptor) != proved[number]:
                        raise OSError(errno.ESTALE, 'it was replaced meanwhile', getattr(directory, attribute))
        except OSError:
            self.__exit__()
            raise
        return self

    @staticmethod
    def _base(directory, proved):
        """The directory that was proved, opened by its path where that leads to it still; L(walk) only where it does not."""
        if proved:
            descriptor = open_quietly(directory.path, _DIRECTORY)
            if _identity_of(descriptor) == proved[0]:
                return descriptor
            os.close(descriptor)
        return open_directory(directory.path)

    def __exit__(self, *exception):
        for descriptor in sorted({self.base, self.control, self.data, self.transcript}):
            os.close(descriptor)


def _identity_of(descriptor: int) -> Tuple[int, int]:
    about = os.fstat(descriptor)
    return about.st_dev, about.st_ino


def scan(descriptor):
    """os.scandir() of an open directory; Python 3.6 cannot take a descriptor and gets its name under /proc."""
    return os.scandir(descriptor if _SCAN_BY_DESCRIPTOR else '/proc/self/fd/%d' % descriptor)


def _blocks_read() -> int:
    """What this process has had a disk read so far, in blocks of 512 bytes; what was in memory does not count."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_inblock


def read_block(descriptor, name):
    """The first block of a regular file with one name, and all of it where it is shorter. Raises OSError."""
    try:
        handle = os.open(name, _READ | _NOATIME, dir_fd=descriptor)
    except PermissionError:
        # Only the owner and root may leave the access time alone.
        handle = os.open(name, _READ, dir_fd=descriptor)
    try:
        about = os.fstat(handle)
        if about.st_nlink > 1 or not stat.S_ISREG(about.st_mode):
            raise OSError(errno.EMLINK, 'it is not a regular file' if about.st_nlink < 2 else
                          'it has %d names: a hard link, which Sendmail never makes' % about.st_nlink)
        return os.read(handle, _BLOCK)
    finally:
        os.close(handle)


def read_whole(descriptor, name):
    """(bytes, os.stat_result) of a regular file. Raises OSError, and SendmailError for what is not safe to read."""
    handle = open_quietly(name, _READ, descriptor)
    try:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            raise _text.SendmailError('it is not a regular file')
        if about.st_nlink != 1:
            raise _text.SendmailError('it has %d names: a hard link, which Sendmail never makes' % about.st_nlink)
        if about.st_size > LIMIT:
            # gatherq() reads on to the lines P and T, readqf() to the end (queue.c): of a sparse file of 20 GB for more than ten minutes, deaf to TERM.
            raise _text.SendmailError('it is larger than %d bytes: a queue run that looks at it reads all of that first' % LIMIT)
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
        self._error(name, why)

    def _error(self, name, why):
        self.errors_total += 1
        if len(self.errors) < _ERRORS_KEPT:
            self.errors.append({'path': _text.printable(os.fsencode(os.path.join(self.directory.control, name))), 'error': why})

    def batches(self):
        """Yield Batch after Batch; counts grow as it goes. Raises OSError when the directory itself cannot be read."""
        self._places: Dict[str, int] = {}      # descriptors of other directories that d lines name
        with contextlib.ExitStack() as self._stack, Opened(self.directory) as opened:
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
        data_seen = data_met = heavy = 0
        with scan(control) as entries:
            for entry in chain.from_iterable(self._ahead(entries, control, data)) if wanted else entries:
                name = entry.name
                prefix = name[:2]
                if prefix == 'df' and together and entry.is_file(follow_symlinks=False):
                    data_seen += 1
                    continue
                state = prefixes.get(prefix) if len(name) <= NAME_MAX else None
                if state is None:
                    self._other(name, prefix, entry)
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
                        heavy += sum(map(len, filter(None, row or ())))
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
                if len(rows) == BATCH or heavy > LIMIT:
                    yield Batch(names, rows, sizes)
                    names, rows, sizes, heavy = [], [], [], 0
        self._data_seen += data_seen
        self._data_met += data_met
        if names:
            yield Batch(names, rows, sizes)

    def _ahead(self, entries: Iterable[Any], control: int, data: int) -> Iterator[List[Any]]:
        """The entries part by part. While the disk is waited for, it is told of the part that follows, and reads many at once."""
        entries, cold, before = iter(entries), False, _blocks_read()
        part = list(islice(entries, _AHEAD // 10))
        while part:
            following = list(islice(entries, _AHEAD if cold else _AHEAD // 10))
            if cold:
                self._announce([one.name for one in following if one.name[:2] in self.wanted and one.is_file(follow_symlinks=False)], control, data)
            yield part
            now = _blocks_read()
            cold, before, part = now - before > len(part) and hasattr(os, 'posix_fadvise'), now, following

    def _announce(self, names: List[str], control: int, data: int) -> None:
        """Have the kernel begin to read what the pass comes to next; what is wrong with a file, the pass says."""
        for name in names:
            with contextlib.suppress(OSError):
                handle = open_quietly(name, _READ, control)
                try:
                    os.posix_fadvise(handle, 0, _BLOCK, os.POSIX_FADV_WILLNEED)
                finally:
                    os.close(handle)
                if self.sizes:
                    os.stat('df' + name[2:], dir_fd=data, follow_symlinks=False)

    def _without_data(self, control, name, block=b''):
        """Count a control file whose data file is missing. False when the message has just left.

        Sendmail removes the data file just before the control file, and a C(d) line may place it in another queue group's directory.
        """
        try:
            os.stat(name, dir_fd=control, follow_symlinks=False)
        except FileNotFoundError:
            self.vanished += 1
            return False
        if named_data(block) is None or not self._has_data_elsewhere(name, block):
            self.debris['control_without_data'] += 1
        return True

    def _has_data_elsewhere(self, name: str, block: bytes) -> bool:
        """Whether the directory of this queue that a d line names has the data file."""
        try:
            place = data_directory(self.directory, block)
            if place.path not in self._places:
                self._places[place.path] = self._stack.enter_context(Opened(place)).data
            os.stat('df' + name[2:], dir_fd=self._places[place.path], follow_symlinks=False)
            return True
        except (OSError, _text.SendmailError):
            return False

    def _awkward(self, control, name, block):
        """The row of a control file that is long, incomplete or out of the usual order; None when it is counted as something else."""
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
        state = _qf.damage(envelope)
        if state == 'unreadable':
            self._unreadable(name, envelope.problems[0].text)
        elif state:
            self._damage(name, state)
        return None if state else _qf.head_of(envelope)

    @staticmethod
    def _ends_well(control, name):
        handle = open_quietly(name, _READ, control)
        try:
            os.lseek(handle, -3, os.SEEK_END)
            return os.read(handle, 3) == b'\n.\n'
        finally:
            os.close(handle)

    def _other(self, name, prefix, entry):
        kind = _DEBRIS_PREFIXES.get(prefix)
        if kind and entry.is_file(follow_symlinks=False):
            self.debris[kind] += 1
        elif name[0] == '.':
            self._staged(name, entry)
        elif name in BELONGS or (name in _PARTS or name in self.directory.inside) and _is_place(entry):
            pass
        elif entry.is_file(follow_symlinks=False):
            self.debris['foreign'] += 1
        else:
            self.debris['special'] += 1

    def _staged(self, name, entry):
        """Say that a run of ours that was ended has left a message between queue and archive, where neither a runner nor a pass sees it."""
        found = STAGED.match(name)
        if not found or found.group(1)[:2] == 'df':
            return
        try:
            if time.time() - entry.stat(follow_symlinks=False).st_ctime < _STAGED_SECONDS:
                return
        except FileNotFoundError:
            return
        self.messages['unreadable'] += 1
        self._error(name, 'a run of sendmail_message was ended while it moved this message: call the module again with the directory of the '
                          'archive %s, or, where that is lost, give the file the name %s' % tuple(
                              _text.printable(os.fsencode(part)) for part in (found.group(2), found.group(1))))

    def _beside(self, descriptor, data):
        """Count what lies in a directory without control files, C(data) where data files belong there."""
        with scan(descriptor) as entries:
            for entry in entries:
                if data and entry.name[:2] == 'df' and entry.is_file(follow_symlinks=False):
                    self._data_seen += 1
                else:
                    self._other(entry.name, entry.name[:2], entry)
