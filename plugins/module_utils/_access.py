# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Access to a queue as its own runner, and lost messages (Qf) that are returned to it."""

import contextlib
import errno
import fcntl
import os
import resource
import stat
from typing import AbstractSet, Any, Iterator, List, Optional, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import (
    _archive, _cf, _filesystem, _hazards, _identity, _look, _qf, _spool, _text)

OPEN_FILES = 1024
PERMISSIONS = 'mailops.sendmail.sendmail_permissions puts owners and modes right'


def look_at(queue, partners=False):
    """What acting on messages needs to know of the host, a _look.Look of the level C(program). Raises SendmailError.

    C(partners): look at the directories of the other queue as well.
    """
    look = _look.look('program', 'all' if partners else queue)
    own = _look.names(queue)
    # A partner queue that is not there holds no partners; one that cannot be looked into may.
    wrong = [error for error in look.errors if error['queue'] in own or os.path.lexists(_text.original_bytes(error['path']))]
    if wrong:
        raise _text.SendmailError(_look.absence(look) or 'The queue cannot be read: %s: %s.' % (wrong[0]['path'], wrong[0]['error']))
    return look


def every_directory(look: Any) -> List[_spool.QueueDirectory]:
    """The directories of both queues, also of one that was not asked for: no archive may be in any."""
    found = [directory for directories in look.directories.values() for directory in directories]
    for queue, configuration in look.configurations.items():
        if queue not in look.directories and configuration is not None:
            base = os.path.dirname(look.files[queue]['path'])
            found += _spool.directories([(group['group'], os.path.join(base, group['path'])) for group in _cf.queue_patterns(configuration)])[0]
    return found


def identity(look: Any, queue: str) -> _identity.Identity:
    """Whose ids Sendmail's runner of a queue works with. Raises SendmailError where the host does not know them."""
    return _identity.Identity(*_hazards.runner(look, queue)[:2])


@contextlib.contextmanager
def entered(look: Any, queue: str, directory: _spool.QueueDirectory) -> Iterator[_spool.Opened]:
    """The descriptors of a queue directory, opened as its runner and proved to be one that the runner can work in.

    The block itself runs with the ids that it had before: see L(_identity.acting). Raises SendmailError and OSError.
    """
    who = identity(look, queue)
    with contextlib.ExitStack() as stack:
        try:
            with _archive.named(directory.path), _identity.acting(who):
                opened = stack.enter_context(_spool.Opened(directory))
                wrong = [(_no_writing(descriptor), path) for descriptor, path in ((opened.control, directory.control), (opened.data, directory.data))]
            for why, path in wrong:
                if why:
                    raise PermissionError(0, why, path)
        except PermissionError as error:
            path = error.filename or directory.path
            about = os.stat(directory.path)
            raise _text.SendmailError(
                'The runner of this queue (%d:%d) cannot work in %s (%d:%d, mode %04o): %s. Nothing was done there.'
                % (who.uid, who.gid, _text.printable(os.fsencode(path)), about.st_uid, about.st_gid, stat.S_IMODE(about.st_mode),
                   error.strerror if error.errno == 0 else '%s. %s' % (error.strerror, PERMISSIONS)))
        yield opened


def _no_writing(descriptor: int) -> Optional[str]:
    """Why nobody with the ids of this process can change a directory, and what to do, as a sentence part; None where they can."""
    if _filesystem.immutable(descriptor):
        return 'it is immutable or append-only. Remove that with chattr -ia'
    if os.fstatvfs(descriptor).f_flag & os.ST_RDONLY:
        return 'its file system is mounted read-only. Find out why (dmesg) and mount it writable again'
    if not os.access('.', os.W_OK | os.X_OK, dir_fd=descriptor, effective_ids=os.access in os.supports_effective_ids):
        return 'it may not write there. ' + PERMISSIONS
    return None


@contextlib.contextmanager
def alone(look: Any, dry: bool = False) -> Iterator[None]:
    """Keep other runs of ours out of the queues of a look; what is on its way between queue and archive belongs to a killed run then.

    Sendmail takes no notice of a lock on a directory. C(dry): nothing is kept out. Raises SendmailError at once where another run is at work.
    """
    _open_enough()
    held = set()
    with contextlib.ExitStack() as stack:
        for queue, directories in () if dry else look.directories.items():
            for directory in directories:
                try:
                    with _identity.acting(identity(look, queue)), _spool.Opened(directory) as opened:
                        descriptor = os.dup(opened.base)
                    stack.callback(os.close, descriptor)
                    about = os.fstat(descriptor)
                    if (about.st_dev, about.st_ino) in held:
                        continue   # two queues or two queue groups in one directory
                    held.add((about.st_dev, about.st_ino))
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise _text.SendmailError('Another run of this collection works in %s, or something else has locked that directory ("lslocks" '
                                              'says what), so nothing was done. Wait for it.'
                                              % _text.printable(os.fsencode(directory.path)))
                except (OSError, _text.SendmailError):
                    pass           # who cannot open it cannot work in it, which is said then; NFS has no such lock
        yield


def _open_enough() -> None:
    """A batch keeps its files open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft < OPEN_FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES if hard < 0 else min(OPEN_FILES, hard), hard))


def reason_of(error: Exception) -> str:
    """Why one file was left alone, from what went wrong with it."""
    if isinstance(error, PermissionError):
        return 'the runner of this queue may not do that (%s): %s' % (
            error.strerror, 'it is immutable (chattr -ia), or this process lacks a capability' if error.errno == errno.EPERM else PERMISSIONS)
    if getattr(error, 'errno', None) == errno.EMFILE:
        return 'this process may not open more files (%d): raise that limit (ulimit -Hn)' % resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return getattr(error, 'strerror', None) or str(error)


def owner_for(about, place, who, settings):
    """(uid, gid, mode) that a queue file must have for the runner: its own where they are right. C(about), C(place): os.stat_result."""
    if about.st_nlink and _hazards.hazard_of_owner(about, place, who, settings) is None:
        return about.st_uid, about.st_gid, about.st_mode & 0o666
    return who[0], who[1] if who[0] else place.st_gid, settings['queue_file_mode']


def put_right(handle, uid, gid, mode):
    """Owner and mode of an open file, changed only where they differ."""
    about = os.fstat(handle)
    if (about.st_uid, about.st_gid) != (uid, gid):
        os.fchown(handle, uid, gid)
    if stat.S_IMODE(os.fstat(handle).st_mode) != mode:
        os.fchmod(handle, mode)


def return_lost(look: Any, queue: str, opened: _spool.Opened, name: str, dry: bool = False,
                gone: AbstractSet[Tuple[int, str]] = frozenset()) -> Optional[str]:
    """Rename the control file C(name) (Qf...) to qf, or to hf if it was quarantined, when a queue runner would take it now. Returns why not, or None.

    To be called with the ids of the runner: what it may change of owner and mode is put right, of the data file too. Anything else that made
    a runner give it up is for a person to judge. C(dry): only say; C(gone): (directory, name) of files that the same run takes
    away before. Raises OSError; FileNotFoundError when the file has gone.
    """
    who, settings, place = _hazards.runner(look, queue), look.settings[queue], os.fstat(opened.control)
    identifier = name[2:]
    try:
        handle, about = _archive.hold(opened.control, name)
    except PermissionError as error:
        return reason_of(error)
    except _text.SendmailError as error:
        return str(error)
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, handle)
        why, data, back = _reason_to_stay(look, queue, opened, identifier, handle, about, gone, stack)
        if why:
            return why
        try:
            body, about_body = _archive.open_data(data.data, 'df' + identifier)
        except FileNotFoundError:
            return 'its data file is missing: it would be delivered with an empty body'
        except (OSError, _text.SendmailError) as error:
            return 'its data file cannot be opened: %s' % reason_of(error)
        stack.callback(os.close, body)
        right = owner_for(about, place, who, settings)
        files = [(handle, about)]
        if about_body.st_nlink == 1 and not _hazards.may(about_body, who[0], who[1], 4):
            files.append((body, about_body))
        for _file, found in files:
            if who[0] and (found.st_uid, found.st_gid) != right[:2]:
                return 'its owner is %d:%d, which the runner of this queue may not change: %s' % (found.st_uid, found.st_gid, PERMISSIONS)
        if not dry:
            for file, _about in files[::-1]:
                put_right(file, *right)
            os.rename(name, back + identifier, src_dir_fd=opened.control, dst_dir_fd=opened.control)
    return None


def _reason_to_stay(look: Any, queue: str, opened: _spool.Opened, identifier: str, handle: int, about: os.stat_result,
                    gone: AbstractSet[Tuple[int, str]], stack: contextlib.ExitStack) -> Tuple[Optional[str], Any, str]:
    """(why a lost message cannot be returned, the queue directory with its data, the prefix that it gets)."""
    if not _qf.IDENTIFIER.match(identifier):
        return 'its name is not a queue id', None, ''
    try:
        content = _archive.read_held(handle, about)
        data = data_of(look, queue, opened, content, stack)
    except _text.SendmailError as error:
        return str(error), None, ''
    envelope = _qf.parse(content)
    if not envelope.complete:
        return 'its final dot is missing: it was cut short', None, ''
    if envelope.problems:
        return 'a queue run would lose it again: ' + envelope.problems[0].text, None, ''
    for prefix in ('qf', 'hf', 'tf'):
        if (opened.control, prefix + identifier) not in gone and exists(opened.control, prefix + identifier):
            return 'there is also a file %s%s' % (prefix, identifier), None, ''
    return None, data, 'hf' if envelope.quarantine_reason else 'qf'


def data_of(look: Any, queue: str, opened: _spool.Opened, content: bytes, stack: contextlib.ExitStack) -> _spool.Opened:
    """The queue directory with the data of a message, opened until C(stack) is closed. Raises SendmailError for a d line that names none."""
    place = _spool.data_directory(opened.directory, content, look.directories[queue])
    return opened if place is opened.directory or place == opened.directory else stack.enter_context(_spool.Opened(place))


def why_not_renamed(directory: int, about: os.stat_result) -> Optional[str]:
    """Why the sticky bit keeps the present user from renaming or unlinking a file, or None."""
    place, user = os.fstat(directory), os.geteuid()
    if place.st_mode & stat.S_ISVTX and user not in (0, place.st_uid, about.st_uid):
        return 'its directory is sticky and it belongs to %d: %s' % (about.st_uid, PERMISSIONS)
    return None


def exists(directory, name):
    """Whether there is a file of this name, links not followed."""
    try:
        os.stat(name, dir_fd=directory, follow_symlinks=False)
        return True
    except FileNotFoundError:
        return False


def places(opened: _spool.Opened) -> Tuple[Tuple[int, str], ...]:
    """(descriptor, path) of each place in a queue directory: a subdirectory qf or df hides what was there before it."""
    directory = opened.directory
    return tuple({opened.base: directory.path, opened.control: directory.control, opened.data: directory.data}.items())


def elsewhere(look: Any, queue: str, name: str) -> Optional[str]:
    """The path of a file of this name in any place of a queue, or None. To be called as its runner. Raises OSError."""
    for directory in look.directories[queue]:
        with _spool.Opened(directory) as opened:
            for place, path in places(opened):
                if exists(place, name):
                    return os.path.join(path, name)
    return None
