# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

# PRIVATE to the mailops.sendmail collection: it can change or go in any release.

"""Files of a queue taken under Sendmail's own locks, kept in archives, and read back.

An archive is a directory of parts, C(0001.tar.gz) and so on, each a compressed tar that any tar reads: the files as C(msp/QUEUE DIRECTORY/NAME), then
C(manifest.jsonl) with a record of each. A part has its name once it is whole and on the disk, and only then may what is in it be
removed from the queue. So whatever interrupts a run, each message is whole in the queue or whole in a part.
Only root can read an archive. Memory does not grow with what is put in.
"""

import errno
import fcntl
import json
import os
import re
import stat
import time
import zlib

from ansible_collections.mailops.sendmail.plugins.module_utils import _spool, _text

BASE = '/var/backups/sendmail-queue'
PROGRESS = 'progress.json'
_MANIFEST = b'manifest.jsonl'
_PART = re.compile(r'\d{4,}\.tar\.gz\Z')
_CHUNK = 1 << 18
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_LOCK = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | getattr(os, 'O_NOATIME', 0)
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Locked(_text.SendmailError):
    """A queue runner, or who writes the file, has it."""


class Changed(_text.SendmailError):
    """A file that nobody should be writing to changed while it was archived."""


# Locks

def hold(directory, name):
    """Lock a control file as Sendmail does, without waiting. Returns (descriptor, os.stat_result); closing the descriptor lets it go.

    Sendmail takes flock() or fcntl() locks, as it was built; on Linux neither sees the other, so both are taken (as qtool.pl does), and
    then the file has to be the one that still has the name (readqf() in queue.c). While it is held the file must not be opened a second
    time: closing any descriptor of a file drops its fcntl() locks. Raises Locked, SendmailError, and OSError.
    """
    handle = os.open(name, _LOCK, dir_fd=directory)
    try:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            raise _text.SendmailError('it is not a regular file')
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise
            raise Locked('it is in delivery: another process has locked it')
        about, now = os.fstat(handle), os.stat(name, dir_fd=directory, follow_symlinks=False)
        if (about.st_ino, about.st_dev, about.st_size) != (now.st_ino, now.st_dev, now.st_size):
            raise Locked('it was replaced meanwhile: a queue runner has it')
        if about.st_nlink != 1:
            raise _text.SendmailError('it has %d names: a hard link, which Sendmail never makes of a control file' % about.st_nlink)
        return handle, about
    except BaseException:
        os.close(handle)
        raise


def read_held(handle, about):
    """All of a file that L(hold) has locked. Raises SendmailError when it is too large to be a control file."""
    if about.st_size > _spool.LIMIT:
        raise _text.SendmailError('it is larger than %d bytes' % _spool.LIMIT)
    data = os.pread(handle, about.st_size + 1, 0)
    if len(data) != about.st_size:
        raise Changed('it changed while it was read')
    return data


def open_data(directory, name):
    """(descriptor, os.stat_result) of a file to archive; regular or an error. Raises SendmailError and OSError."""
    handle = os.open(name, _READ, dir_fd=directory)
    about = os.fstat(handle)
    if not stat.S_ISREG(about.st_mode):
        os.close(handle)
        raise _text.SendmailError('it is not a regular file')
    return handle, about


# Writing

def check_base(base, queues):
    """Refuse a directory that somebody else could replace or write to, or that lies in a queue. Creates nothing. Raises SendmailError."""
    path = os.path.realpath(base)
    for directory in queues:
        if (path + '/').startswith(os.path.realpath(directory.path) + '/'):
            raise _text.SendmailError('The archive cannot be in the queue directory %s itself. Name another directory with archive.' % directory.path)
    while True:
        try:
            about = os.stat(path)
            if not stat.S_ISDIR(about.st_mode):
                raise _text.SendmailError('%s is no directory, so no archive can be in it. Name another directory with archive.' % path)
            if about.st_uid not in (0, os.geteuid()) or about.st_mode & 0o022 and not about.st_mode & stat.S_ISVTX:
                raise _text.SendmailError('Users other than root can write to %s, so an archive of mail is not safe there. '
                                          'Name another directory with archive, or mend its owner and mode.' % path)
        except FileNotFoundError:
            pass
        if path == '/':
            return
        path = os.path.dirname(path)


def _sync(descriptor):
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:      # a file system that has nothing to sync
            raise


class Writer:
    """Writes one archive, part by part; makes the directories with the first part. A context manager that lets go of its lock."""

    def __init__(self, base, what, about):
        self.base, self.what, self.about = base, what, about
        self.path = None
        self.parts = 0
        self._base = self._directory = self._file = None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.drop()
        for descriptor in (self._directory, self._base):
            if descriptor is not None:
                os.close(descriptor)
        self._base = self._directory = None

    def _make(self):
        os.makedirs(self.base, 0o700, exist_ok=True)
        self._base = os.open(self.base, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(self._base, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _text.SendmailError('Another run is writing an archive in %s; its progress is in %s there. Wait for it.' % (self.base, PROGRESS))
        stamp = time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())
        for number in range(1000):
            name = '%s-%s%s' % (self.what, stamp, '-%d' % number if number else '')
            try:
                os.mkdir(name, 0o700, dir_fd=self._base)
                break
            except FileExistsError:
                continue
        self._directory = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._base)
        self.path = os.path.join(self.base, name)
        _sync(self._base)

    def begin(self):
        """Begin the next part."""
        if self._directory is None:
            self._make()
        self._name = '%04d.tar.gz' % (self.parts + 1)
        self._file = os.open(self._name + '.partial', _NEW, 0o600, dir_fd=self._directory)
        self._zip = zlib.compressobj(1, zlib.DEFLATED, 31)
        self._waiting, self._bytes, self._lines = [], 0, []

    def _put(self, *data):
        self._waiting.extend(data)
        self._bytes += sum(map(len, data))
        if self._bytes >= _CHUNK:
            self._flush()

    def _flush(self, end=False):
        data = self._zip.compress(b''.join(self._waiting)) + (self._zip.flush() if end else b'')
        self._waiting, self._bytes = [], 0
        while data:
            data = data[os.write(self._file, data):]

    def add(self, name, about, data):
        """A file whose content is at hand. C(name): bytes; C(about): its os.stat_result."""
        self._put(header(name, about, len(data)), data, b'\0' * (-len(data) % 512))

    def add_file(self, name, about, handle):
        """A regular file of any size from a descriptor. Raises Changed when it does not have the size it had."""
        left = about.st_size
        data = os.read(handle, min(left + 1, _CHUNK))
        if left < _CHUNK and len(data) == left:
            self.add(name, about, data)
            return
        self._put(header(name, about, left))
        while left > 0 and data:
            self._put(data[:left])
            left -= len(data)
            data = os.read(handle, _CHUNK)
        if left or data:
            raise Changed('it changed while it was archived')
        self._put(b'\0' * (-about.st_size % 512))

    def add_special(self, name, about, target):
        """A link (C(target): where it points to, bytes), FIFO or device, which has no content."""
        kinds = {stat.S_IFLNK: b'2', stat.S_IFIFO: b'6', stat.S_IFCHR: b'3', stat.S_IFBLK: b'4'}
        self._put(header(name, about, 0, kinds[stat.S_IFMT(about.st_mode)], target))

    def record(self, record):
        """A line of the manifest."""
        self._lines.append(json.dumps(record))

    def commit(self):
        """Finish the part. When this returns, what is in it is on the disk under its name."""
        data = ''.join(line + '\n' for line in self._lines).encode('ascii')
        now = int(time.time())
        self.add(_MANIFEST, os.stat_result((0o600, 0, 0, 1, 0, 0, len(data), now, now, now)), data)
        self._put(b'\0' * 1024)
        self._flush(True)
        _sync(self._file)
        os.close(self._file)
        self._file = None
        os.rename(self._name + '.partial', self._name, src_dir_fd=self._directory, dst_dir_fd=self._directory)
        _sync(self._directory)
        self.parts += 1

    def drop(self):
        """Give up the part that was begun."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
            os.unlink(self._name + '.partial', dir_fd=self._directory)

    def progress(self, **counts):
        """Say how far the run is, for who waits: a small JSON file in the base directory, replaced in one step."""
        if self._base is None:
            return
        line = json.dumps(dict(self.about, archive=self.path, parts=self.parts, updated=int(time.time()), **counts), sort_keys=True)
        handle = os.open(PROGRESS + '.new', os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=self._base)
        try:
            os.write(handle, line.encode('ascii') + b'\n')
        finally:
            os.close(handle)
        os.rename(PROGRESS + '.new', PROGRESS, src_dir_fd=self._base, dst_dir_fd=self._base)


def header(name, about, size, kind=b'0', target=b''):
    """The tar header of a file. The plain form at hand, anything else from tarfile."""
    if len(name) > 100 or about.st_uid > 0o7777777 or about.st_gid > 0o7777777 or size > 0o77777777777 or kind != b'0':
        import tarfile
        info = tarfile.TarInfo(os.fsdecode(name))
        info.mode, info.uid, info.gid, info.size, info.mtime = stat.S_IMODE(about.st_mode), about.st_uid, about.st_gid, size, int(about.st_mtime)
        info.type, info.linkname = kind, os.fsdecode(target)
        if kind in (b'3', b'4'):
            info.devmajor, info.devminor = os.major(about.st_rdev), os.minor(about.st_rdev)
        return info.tobuf(tarfile.GNU_FORMAT, 'utf-8', 'surrogateescape')
    block = b'%b%07o\0%07o\0%07o\0%011o\0%011o\0        0%s' % (
        name.ljust(100, b'\0'), about.st_mode & 0o7777, about.st_uid, about.st_gid, size, max(0, int(about.st_mtime)), _REST)
    return b'%b%06o\0 %b' % (block[:148], sum(block), block[156:])


_REST = b'\0' * 100 + b'ustar\x0000' + b'\0' * 247


# Reading

def parts(path):
    """The parts of an archive, in their order: of the directory of one archive, of all archives in a directory, or one part by itself.

    Raises SendmailError where there is none.
    """
    path = os.path.abspath(path)
    try:
        if not os.path.isdir(path):
            os.stat(path)
            return [path]
        found = []
        for directory in [path] + sorted(os.path.join(path, name) for name in os.listdir(path)):
            if os.path.isdir(directory) and not os.path.islink(directory):
                found += sorted((os.path.join(directory, name) for name in os.listdir(directory) if _PART.match(name)),
                                key=lambda part: (len(part), part))
    except OSError as error:
        raise _text.SendmailError('The archive %s cannot be read: %s.' % (path, error.strerror))
    if not found:
        raise _text.SendmailError('There is no archive in %s: no file 0001.tar.gz there or in a directory below it.' % path)
    return found


def members(path):
    """Yield (tarfile.TarInfo, file object or None) for each member of a part, in its order.

    Only a part that nobody but root could have written counts: what is in it is put into a queue. Raises SendmailError.
    """
    import tarfile
    try:
        handle = os.open(path, _READ)
        with os.fdopen(handle, 'rb') as stream:
            about = os.fstat(handle)
            if not stat.S_ISREG(about.st_mode) or about.st_uid not in (0, os.geteuid()) or about.st_mode & 0o022:
                raise _text.SendmailError('%s is not a file of root that root alone can write to, so it is not trusted as an archive.' % path)
            with tarfile.open(fileobj=stream, mode='r|gz', encoding='utf-8', errors='surrogateescape') as archive:
                for member in archive:
                    yield member, archive.extractfile(member) if member.isreg() else None
                    archive.members = []          # it would remember all of them
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise _text.SendmailError('The archive %s cannot be read: %s.' % (path, getattr(error, 'strerror', None) or error))
