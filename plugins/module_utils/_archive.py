# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Files of a queue taken under Sendmail's own locks, kept in archives, and read back.

An archive is a directory of parts, C(0001.tar.gz) and so on, each a compressed tar that any tar reads: the files as C(msp/QUEUE DIRECTORY/NAME), then
C(manifest.jsonl) with a record of each, its files with size and SHA-256 in it. A part has its name once it is whole and on the disk, and only
then may what is in it be removed from the queue. C(0001.removed) beside it is written, and synced, when that is done, and names what was
removed: what it does not name was still in the queue when the run ended. So whatever interrupts a run, each message is whole in the
queue or whole in a part, and afterwards it can be told where. A part is used only when it proves whole (L(Part)).
Only root can read an archive. Memory does not grow with what is put in.
"""

import contextlib
import errno
import fcntl
import itertools
import json
import os
import re
import stat
import time
import zlib
from hashlib import sha256
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Set, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import _spool, _text

BASE = '/var/backups/sendmail-queue'
PROGRESS = 'progress.json'
MEMBERS_MAX = 20000
MANIFEST_MAX = 64 << 20
HOLES_MAX = 256 << 20       # bytes; a file system that compresses saves less of any mail
ENDLESS = 1 << 62           # where a file system does not say what is free
_MANIFEST = b'manifest.jsonl'
_PART = re.compile(r'\d{4,}\.tar\.gz\Z')
ARCHIVE = re.compile(r'(?:removed|debris)-\d{8}T\d{6}Z(?:-\d+)?\Z')
_CHUNK = 1 << 18
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_LOCK = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Locked(_text.SendmailError):
    """A queue runner, or who writes the file, has it."""


class Changed(_text.SendmailError):
    """A file that changed, or could not be read further, while it was archived."""


class Refused(_text.SendmailError):
    """A part of an archive that does not prove whole, or that somebody else could have written."""


# Locks

def hold(directory, name):
    """Lock a control file as Sendmail does, without waiting. Returns (descriptor, os.stat_result); closing the descriptor lets it go.

    Sendmail takes flock() or fcntl() locks, as it was built; on Linux neither sees the other, so both are taken (as qtool.pl does). Elsewhere
    each sees the other, its own too (lf_blocks() in FreeBSD's kern_lockf.c), and one is enough. Then the file has to be the one that still has
    the name (readqf() in queue.c). While it is held the file must not be opened a second time: closing any descriptor of a file drops its
    fcntl() locks. Raises Locked, SendmailError, and OSError.
    """
    exclusive = fcntl.LOCK_EX
    try:
        handle = _spool.open_quietly(name, _LOCK, directory)
    except OSError as error:
        if error.errno != errno.EACCES:
            raise
        # What may only be read: a shared fcntl() lock keeps out the exclusive one that Sendmail wants, and is kept out by it.
        handle, exclusive = _spool.open_quietly(name, _READ, directory), fcntl.LOCK_SH
    try:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            raise _text.SendmailError('it is not a regular file')
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.uname()[0] == 'Linux':
                fcntl.lockf(handle, exclusive | fcntl.LOCK_NB)
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
    handle = _spool.open_quietly(name, _READ, directory)
    about = os.fstat(handle)
    if not stat.S_ISREG(about.st_mode):
        os.close(handle)
        raise _text.SendmailError('it is not a regular file')
    return handle, about


# Writing

def is_shared(descriptor: int, passing: bool) -> bool:
    """Whether others than root (or who runs us) own a directory or can put names of theirs into it.

    C(passing): on the way. In a sticky directory nobody else can take away what root has made; but what is read there, or is to be new, could be theirs.
    """
    about = os.fstat(descriptor)
    return bool(about.st_uid not in (0, os.getuid()) or about.st_mode & 0o022 and not (passing and about.st_mode & stat.S_ISVTX))


def _trusted(descriptor: int, path: str, passing: bool = True) -> None:
    """Raise SendmailError where L(is_shared)."""
    if is_shared(descriptor, passing):
        raise _text.SendmailError('archive: users other than root can write to %s, so an archive is not safe there. '
                                  'Name another directory, or fix its owner and mode.' % _text.printable(os.fsencode(path)))


def _base_check(queues: Iterable[_spool.QueueDirectory]) -> Callable[[int, str], None]:
    """What each directory on the way to an archive must be."""
    places = {}
    for directory in queues:
        for path in (directory.path, directory.control, directory.data, directory.transcript):
            try:
                about = os.stat(path)
                places[about.st_dev, about.st_ino] = path
            except OSError:
                pass

    def check(descriptor: int, path: str) -> None:
        about = os.fstat(descriptor)
        if (about.st_dev, about.st_ino) in places:
            raise _text.SendmailError('archive: an archive cannot be in the queue directory %s. Name another directory.'
                                      % _text.printable(os.fsencode(places[about.st_dev, about.st_ino])))
        _trusted(descriptor, path)
    return check


def _walk(path: str, check: Callable[[int, str], None]) -> Tuple[int, List[str]]:
    """(descriptor, names below it that are missing) of the deepest directory on the way to C(path) that exists, each one on the way checked."""
    missing = []
    while True:
        try:
            return _spool.walk(path, each=check), missing[::-1]
        except FileNotFoundError:
            path, name = os.path.split(path)
            missing.append(name)
        except NotADirectoryError:
            while not os.path.lexists(path):
                path = os.path.dirname(path)
            raise _text.SendmailError('archive: %s is not a directory, so it cannot hold an archive. Name another directory.'
                                      % _text.printable(os.fsencode(path)))
        except OSError as error:
            raise _text.SendmailError('archive: an archive cannot be in %s: %s. Name another directory.'
                                      % (_text.printable(os.fsencode(path)), error.strerror))


def _not_of_the_system(base: str) -> None:
    """Refuse what L(_spool.never) says of queues: cron runs what lies in one of these directories, and others have an owner of their own."""
    place = os.path.realpath(base)
    if _spool.never(place):
        raise _text.SendmailError('archive: %s belongs to the system. Name a directory for archives alone, for example %s.'
                                  % (_text.printable(os.fsencode(place)), BASE))


def check_base(base: str, queues: Iterable[_spool.QueueDirectory]) -> None:
    """Refuse a directory that somebody else could replace or write to, or that lies in a queue or belongs to the system.

    Creates nothing. Raises SendmailError.
    """
    _not_of_the_system(base)
    here, missing = _walk(os.path.abspath(base), _base_check(queues))
    try:
        with named(base):
            _trusted(here, base, bool(missing))
    finally:
        os.close(here)


def check_room(base: str) -> int:
    """The bytes that are free where an archive is or would be. Raises SendmailError where that is none, or nothing can be written."""
    here = _walk(os.path.abspath(base), _base_check(()))[0]
    try:
        with named(base):
            room = os.fstatvfs(here)
    finally:
        os.close(here)
    if room.f_flag & os.ST_RDONLY or room.f_blocks and not room.f_bfree:
        raise _text.SendmailError('archive: the file system of %s is %s. Make room, or name another directory.' % (
            _text.printable(os.fsencode(base)), 'read-only' if room.f_flag & os.ST_RDONLY else 'full'))
    return room.f_bfree * room.f_frsize if room.f_blocks else ENDLESS


def check_size(about: os.stat_result, room: int) -> None:
    """Raise SendmailError for a file that no archive takes in a bounded time: one that L(check_room) is too small for, or with holes, which are free."""
    if about.st_size > room or about.st_size - about.st_blocks * 512 > HOLES_MAX:
        raise _text.SendmailError('it has %d bytes, which are more than are free in the archive, or are holes, which Sendmail never leaves: look at it, '
                                  'and move it by hand' % about.st_size)


def make_base(base: str, queues: Iterable[_spool.QueueDirectory]) -> int:
    """A descriptor of the directory of archives, made where it is missing and proved on the descriptors that lead to it. Raises as L(check_base)."""
    _not_of_the_system(base)
    check = _base_check(queues)
    here, missing = _walk(os.path.abspath(base), check)
    try:
        for left, name in reversed(list(enumerate(reversed(missing)))):
            try:
                # Above it, others may need what comes beside it: Red Hat has no /var/backups.
                os.mkdir(name, 0o755 if left else 0o700, dir_fd=here)
            except FileExistsError:
                pass
            there = os.open(name, _DIRECTORY, dir_fd=here)
            to_disk(here)
            os.close(here)
            here = there
            check(here, base)
        _trusted(here, base, False)
        return here
    except BaseException:
        os.close(here)
        raise


def clear_unfinished(base: int) -> None:
    """Remove what killed runs left unfinished in a directory of archives that L(Writer) has locked: parts that were never committed."""
    for name in os.listdir(base):
        if not ARCHIVE.match(name):
            continue
        try:
            directory = os.open(name, _DIRECTORY, dir_fd=base)
        except OSError:
            continue
        try:
            for inside in os.listdir(directory):
                if inside.endswith('.partial'):
                    os.unlink(inside, dir_fd=directory)
            empty = not os.listdir(directory)
        finally:
            os.close(directory)
        if empty:
            os.rmdir(name, dir_fd=base)


@contextlib.contextmanager
def named(path: str) -> Iterator[None]:
    """An OSError of the block says where: the name that a call with a descriptor has, if any, below C(path)."""
    try:
        yield
    except OSError as error:
        name = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else ''
        raise OSError(error.errno, error.strerror, os.path.join(path, name) if name else path)


def _named(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method of the writer, of which each OSError names the archive."""
    def call(self: Any, *arguments: Any, **more: Any) -> Any:
        with named(self.path or self.base):
            return method(self, *arguments, **more)
    return call


def to_disk(descriptor: int) -> None:
    """What was done in a directory, or to a file, is on the disk when this returns. Raises OSError."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:      # a file system that has nothing to sync
            raise


class Writer:
    """Writes one archive, part by part; makes the directories with the first part. A context manager that lets go of its lock.

    C(queues): the queue directories, in which no archive may be.
    """

    def __init__(self, base, what, about, queues=()):
        self.base, self.what, self.about, self.queues = base, what, about, queues
        self.path: Any = None          # where it is, from lock() on
        self.parts = 0
        # Descriptors of what begin() has made.
        self._base: Any = None
        self._directory: Any = None
        self._file: Any = None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.drop()
        if self._directory is not None and not self.parts:
            with contextlib.suppress(OSError):       # nothing was archived, unless a part could not be proved
                os.rmdir(os.path.basename(self.path), dir_fd=self._base)
        for descriptor in (self._directory, self._base):
            if descriptor is not None:
                os.close(descriptor)
        self._base = self._directory = None

    @property
    def reference(self) -> str:
        """What names the part that was begun: the archive's own name and the part's number."""
        return '%s.%s' % (os.path.basename(self.path), self._name[:-7])

    @_named
    def lock(self) -> None:
        """Make the base directory where it is missing, prove it, keep other runs out of it, and clear what killed runs left there."""
        if self._base is not None:
            return
        self._base = make_base(self.base, self.queues)
        try:
            fcntl.flock(self._base, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _text.SendmailError('Another run is writing an archive in %s; its progress is in %s there. Wait for it.'
                                      % (_text.printable(os.fsencode(self.base)), PROGRESS))
        except OSError as error:
            raise _text.SendmailError('archive: %s cannot be locked: %s. Name another directory.'
                                      % (_text.printable(os.fsencode(self.base)), error.strerror))
        clear_unfinished(self._base)

    def _make(self):
        self.lock()
        stamp = time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())
        for number in itertools.count():
            name = '%s-%s%s' % (self.what, stamp, '-%d' % number if number else '')
            try:
                os.mkdir(name, 0o700, dir_fd=self._base)
                break
            except FileExistsError:
                continue
        self._directory = os.open(name, _DIRECTORY, dir_fd=self._base)
        self.path = os.path.join(self.base, name)
        to_disk(self._base)

    @_named
    def begin(self):
        """Begin the next part."""
        if self._directory is None:
            self._make()
        self._name = '%04d.tar.gz' % (self.parts + 1)
        self._file = os.open(self._name + '.partial', _NEW, 0o600, dir_fd=self._directory)
        if os.fstat(self._file).st_mode & 0o077:
            raise _text.SendmailError('archive: other users can read what is made in %s, whatever its mode (vfat, a share). Name another directory.'
                                      % _text.printable(os.fsencode(self.base)))
        self._zip = zlib.compressobj(1, zlib.DEFLATED, 31)
        self._lines, self._files = [], []

    def _put(self, *data):
        self._write(self._zip.compress(b''.join(data)))

    @_named
    def _write(self, data):
        while data:
            data = data[os.write(self._file, data):]

    def _member(self, name, size, digest):
        self._files.append({'name': _text.printable(name), 'size': size, 'sha256': digest.hexdigest()})

    def add(self, name, about, data):
        """A file whose content is at hand. C(name): bytes; C(about): its os.stat_result."""
        self._put(header(name, about, len(data)), data, b'\0' * (-len(data) % 512))
        self._member(name, len(data), sha256(data))

    def add_file(self, name, about, handle):
        """A regular file of any size from a descriptor. Raises Changed when it does not have the size it had, or cannot be read."""
        left = about.st_size
        data = _read(handle, min(left + 1, _CHUNK))
        if left < _CHUNK and len(data) == left:
            self.add(name, about, data)
            return
        digest = sha256()
        self._put(header(name, about, left))
        while left > 0 and data:
            digest.update(data[:left])
            self._put(data[:left])
            left -= len(data)
            data = _read(handle, _CHUNK)
        if left or data:
            raise Changed('it changed while it was archived')
        self._put(b'\0' * (-about.st_size % 512))
        self._member(name, about.st_size, digest)

    def add_special(self, name, about, target):
        """A link (C(target): where it points to, bytes), FIFO or device, which has no content."""
        kinds = {stat.S_IFLNK: b'2', stat.S_IFIFO: b'6', stat.S_IFCHR: b'3', stat.S_IFBLK: b'4'}
        self._put(header(name, about, 0, kinds[stat.S_IFMT(about.st_mode)], target))
        self._member(name, 0, sha256(b''))

    def record(self, record):
        """A line of the manifest, about the files that were added since the last one."""
        self._lines.append(json.dumps(dict(record, files=self._files)))
        self._files = []

    @_named
    def commit(self):
        """Finish the part. When this returns, what is in it is on the disk under its name."""
        data = ''.join(line + '\n' for line in self._lines).encode('ascii')
        self.add(_MANIFEST, os.fstat(self._file), data)     # it is as the part: of now, and for root alone
        self._put(b'\0' * 1024)
        self._write(self._zip.flush())
        to_disk(self._file)
        os.close(self._file)
        self._file = None
        os.rename(self._name + '.partial', self._name, src_dir_fd=self._directory, dst_dir_fd=self._directory)
        to_disk(self._directory)
        self._prove()
        self.parts += 1

    def _prove(self) -> None:
        """Raise OSError where the archive is no longer what its path leads to: a file system that was unmounted meanwhile takes it along."""
        try:
            there = os.path.samestat(os.stat(self.path), os.fstat(self._directory))
        except OSError:
            there = False
        if not there:
            raise OSError(errno.ESTALE, 'the archive is no longer there; was its file system unmounted?', self.path)

    @_named
    def removed(self, names: Iterable[bytes]) -> None:
        """Record what of the part that was committed last has left the queue: its control files, named as in the part. Synced."""
        self._replace(self._directory, self._name[:-7] + '.removed', b''.join(_text.printable(name).encode('utf-8') + b'\n' for name in names), True)

    def unrecord(self) -> bool:
        """Take back what L(removed) has recorded, or may have: an error can come behind the deed. False where that is not certain."""
        try:
            os.unlink(self._name[:-7] + '.removed', dir_fd=self._directory)
            to_disk(self._directory)
        except FileNotFoundError:
            pass
        except OSError:
            return False
        return True

    @staticmethod
    def _replace(directory: int, name: str, data: bytes, sync: bool) -> None:
        """Write a small file in one step."""
        handle = os.open(name + '.partial', os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=directory)
        try:
            while data:
                data = data[os.write(handle, data):]
            if sync:
                to_disk(handle)
        finally:
            os.close(handle)
        os.rename(name + '.partial', name, src_dir_fd=directory, dst_dir_fd=directory)
        if sync:
            to_disk(directory)

    @_named
    def drop(self):
        """Give up the part that was begun."""
        if self._file is not None:
            with contextlib.suppress(OSError):     # a server may say only now why it could not be written, and then it is closed
                os.close(self._file)
            self._file = None
            os.unlink(self._name + '.partial', dir_fd=self._directory)

    def progress(self, **counts):
        """Say how far the run is, for who waits: a small JSON file in the base directory, replaced in one step."""
        if self._base is None:
            return
        line = json.dumps(dict(self.about, archive=self.path if self.parts else None, parts=self.parts, updated=int(time.time()), **counts))
        with named(self.base):
            self._replace(self._base, PROGRESS, line.encode('ascii') + b'\n', False)
        if self._directory is not None:
            self._prove()       # behind the last that is written there, so that no archive that has gone is called a success


def _read(handle, size):
    try:
        return os.read(handle, size)
    except OSError as error:
        raise Changed('it cannot be read: %s' % error.strerror)


def header(name, about, size, kind=b'0', target=b''):
    """The tar header of a file. The plain form at hand, anything else from tarfile."""
    if len(name) > 100 or about.st_uid > 0o7777777 or about.st_gid > 0o7777777 or size > 0o77777777777 or about.st_mtime > 0o77777777777 or kind != b'0':
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
        raise _text.SendmailError('archive: %s cannot be read: %s. Name the directory of an archive.' % (_text.printable(os.fsencode(path)), error.strerror))
    if not found:
        raise _text.SendmailError('archive: %s holds no archive: there is no file 0001.tar.gz in it or in a directory below it.'
                                  % _text.printable(os.fsencode(path)))
    return found


def removed(part: str) -> Optional[Set[str]]:
    """The control files of a part that have really left the queue, as the manifest names them; None where the run did not get that far."""
    path = part[:-len('.tar.gz')] + '.removed'
    data = _beside(path)
    try:
        return None if data is None else set(data.decode('utf-8').splitlines())
    except UnicodeDecodeError as error:
        raise Refused('%s, which says what was removed, cannot be read: %s.' % (_text.printable(os.fsencode(path)), error))


def restored(part: str) -> Set[bytes]:
    """The ids, as they are printed, of the messages of a part that were brought back to the queue. Raises Refused."""
    return set((_beside(part + '.restored') or b'').split())


def _beside(path: str) -> Optional[bytes]:
    """The content of a file beside a part, trusted as the part itself; None where there is none. Raises Refused."""
    if not os.path.lexists(path):
        return None
    with Part(path) as file:
        return file.content()


class _Gunzip:
    """The bytes of a gzip stream; at its end the checksum must be right, and nothing may follow. Raises C(refusal(why))."""

    def __init__(self, handle: int, refusal: Callable[[Any], Refused]):
        self._handle, self._refusal, self._zip, self._input = handle, refusal, zlib.decompressobj(31), b''

    def read(self, size: int) -> bytes:
        try:
            while not self._zip.eof:
                if not self._input:
                    self._input = os.read(self._handle, _CHUNK)
                    if not self._input:
                        raise self._refusal('it is cut short')
                data = self._zip.decompress(self._input, size)
                self._input = self._zip.unconsumed_tail
                if data:
                    return data
            if self._zip.unused_data or os.read(self._handle, 1):
                raise self._refusal('something follows its end')
        except (OSError, zlib.error) as error:
            raise self._refusal(getattr(error, 'strerror', None) or error)
        return b''


class Part:
    """A part of an archive, opened once, that nobody but root could have written. A context manager. Raises SendmailError.

    L(verify) proves it against its manifest: nothing of it comes back to a queue before.
    """

    def __init__(self, path: str):
        self.path = path
        self.shown = _text.printable(os.fsencode(path))

    def __enter__(self) -> 'Part':
        try:
            directory = _spool.walk(os.path.dirname(self.path), each=_trusted)
            try:
                _trusted(directory, os.path.dirname(self.path), False)
                self._handle = os.open(os.path.basename(self.path), _READ, dir_fd=directory)
            finally:
                os.close(directory)
            about = os.fstat(self._handle)
        except OSError as error:
            raise self._refusal(error.strerror)
        except _text.SendmailError as error:
            raise Refused(str(error))
        if not stat.S_ISREG(about.st_mode) or about.st_uid not in (0, os.getuid()) or about.st_mode & 0o022 or about.st_nlink != 1:
            os.close(self._handle)
            raise Refused('%s is not a file of root that root alone can write to, so it is not trusted as an archive.' % self.shown)
        return self

    def __exit__(self, *exception):
        os.close(self._handle)

    def content(self) -> bytes:
        """The bytes of the file themselves. Raises Refused."""
        found = []
        try:
            while len(found) * _CHUNK <= MANIFEST_MAX:
                found.append(os.read(self._handle, _CHUNK))
                if not found[-1]:
                    return b''.join(found)
        except OSError as error:
            raise self._refusal(error.strerror)
        raise self._refusal('it is larger than %d bytes' % MANIFEST_MAX)

    def _refusal(self, why: Any) -> Refused:
        return Refused('archive: %s cannot be read: %s.' % (self.shown, why))

    def members(self) -> Iterator[Tuple[Any, Any]]:
        """Yield (tarfile.TarInfo, file object or None) for each member, in their order, the manifest last."""
        import tarfile
        try:
            os.lseek(self._handle, 0, os.SEEK_SET)
            stream: Any = _Gunzip(self._handle, self._refusal)
            with tarfile.open(fileobj=stream, mode='r|', encoding='utf-8', errors='surrogateescape') as archive:
                remembered: Any = archive
                for member in archive:
                    yield member, archive.extractfile(member) if member.isreg() else None
                    remembered.members = []       # it would remember all of them
            while stream.read(_CHUNK):
                pass
        except (OSError, EOFError, ValueError, OverflowError, tarfile.TarError) as error:
            raise self._refusal(getattr(error, 'strerror', None) or error)

    def _content(self, stream: Any, size: int) -> bytes:
        import tarfile
        try:
            return stream.read(size)
        except tarfile.TarError as error:
            raise self._refusal(error)

    def verify(self) -> List[Dict[str, Any]]:
        """The records of the manifest, when every member is there with the size and digest that it says, in its order, and no other.

        The whole is read to the end, with the checksum of gzip. Raises SendmailError for what is damaged, cut short, no archive of ours, or
        larger than any that is written here.
        """
        found, manifest = [], None
        for member, stream in self.members():
            name = os.fsencode(member.name)
            if manifest is not None or len(found) >= MEMBERS_MAX:
                raise self._refusal('it holds more than its manifest lists')
            if name == _MANIFEST and stream is not None:
                if member.size > MANIFEST_MAX:
                    raise self._refusal('its manifest is larger than %d bytes' % MANIFEST_MAX)
                manifest = self._content(stream, member.size)
                continue
            if stream is not None and name.rpartition(b'/')[2][:2] != b'df' and name.startswith((b'msp/', b'mta/')) and member.size > _spool.LIMIT:
                raise self._refusal('it has a control file that is larger than %d bytes' % _spool.LIMIT)
            digest, size = sha256(), 0
            while stream is not None:
                data = self._content(stream, _CHUNK)
                if not data:
                    break
                digest.update(data)
                size += len(data)
            found.append((_text.printable(name), size, digest.hexdigest()))
        if manifest is None:
            raise self._refusal('it has no manifest: it was cut short, or this collection did not write it')
        try:
            records = [json.loads(line.decode('ascii')) for line in manifest.splitlines()]
            promised = [(one['name'], one['size'], one['sha256']) for record in records for one in record['files']]
        except (ValueError, KeyError, TypeError):
            raise self._refusal('its manifest is damaged, or this collection did not write it')
        if promised != found:
            different = [name for name, _size, _digest in sorted(set(promised) ^ set(found))]
            raise self._refusal('%s does not match its manifest' % (different[0] if different else 'the order of its files'))
        return records
