# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What a queue run would destroy or hang on, found before it runs: wrong owners and modes, missing bodies, control files it loses or aborts on."""

import errno
import os
import re
import stat
import struct
import time
from typing import Any, Dict, List, NamedTuple, Optional

from ansible_collections.mailops.sendmail.plugins.module_utils import _filesystem, _qf, _spool, _system, _text

SETTLE = 0.3              # seconds after which what a runner leaves for a moment only must have gone
YOUNG_SECONDS = 60        # since its last change, in which a rewrite (tf) may be going on; a run would only wait for it
EMPTY_SECONDS = 600       # since its last change, after which a runner removes an empty control file with its data file (readqf())
# Of what _qf.parse() finds: harmless for a run in which the mail leaves.
_HARMLESS = frozenset(('no_time',))


class Hazard(NamedTuple):
    """What a run would do to a message.

    C(kind): permissions, damaged, no_data, temporary, unreadable. C(code): what it is exactly, that of the _qf.Problem in damaged ones;
    data_directory (a d line that names none of the queue's directories: lost), one_line (removed), empty (removed), special (the data
    file is no regular file: hangs, or delivers something else), young (a tf file of less than YOUNG_SECONDS).
    """

    kind: str
    text: str
    code: str = ''


class Waiting(NamedTuple):
    """A message that is meant, as it was before the run."""

    queue: str
    directory: _spool.QueueDirectory
    id: str
    created: int
    attempts: int
    last_attempt: int
    recipients: int
    locked: bool
    hazards: List[Hazard]


def may(about, uid, gid, bits):
    """Whether a user with one group may C(bits) (an octal digit) a file with this os.stat_result; root may everything."""
    shift = 6 if about.st_uid == uid else 3 if about.st_gid == gid else 0
    return uid == 0 or about.st_mode >> shift & bits == bits


def refused(path, about, uid, gid, bits, who, deed):
    """What keeps a user from a file, or None: L(may), or an access control list."""
    try:
        data = os.getxattr(path, 'system.posix_acl_access', follow_symlinks=False)
    except (OSError, AttributeError):
        return None if may(about, uid, gid, bits) else 'owner %d:%d, mode %04o: %s cannot %s' % (
            about.st_uid, about.st_gid, about.st_mode & 0o7777, who, deed)
    # acl(5): the mask cuts all but the first and the last.
    entries = list(struct.iter_unpack('<HHI', data[4:]))
    mask = [found for tag, found, _number in entries if tag == 16] + [7]
    numbers = {1: about.st_uid, 4: about.st_gid}
    for tags, number, most in ((1,), uid, 7), ((2,), uid, mask[0]), ((4, 8), gid, mask[0]), ((32,), -1, 7):
        counts = [found & most for tag, found, other in entries if tag in tags and number in (-1, numbers.get(tag, other))]
        if counts:
            return None if uid == 0 or any(found & bits == bits for found in counts) else (
                'an access control list, by which %s cannot %s: remove it with setfacl -b' % (who, deed))
    return None


def hazard_of_owner(about, directory, runner, settings):
    """What a queue runner does to a control file because of its owner and mode, as a sentence part, or None (readqf() in queue.c).

    C(about), C(directory): os.stat_result; C(runner): (uid, gid, trusted uid); C(settings): _cf.settings() of the queue.
    """
    uid, gid, trusted = runner
    shown = 'owner %d:%d, mode %04o' % (about.st_uid, about.st_gid, about.st_mode & 0o7777)
    group_writes = settings['queue_file_mode'] & 0o020
    if not may(about, uid, gid, 6):
        return '%s: the runner cannot open it' % shown
    if about.st_mode & (0o002 if group_writes else 0o022):
        return '%s: others could have written it, so the runner loses it' % shown
    msp = settings.get('use_msp', True)
    if uid and about.st_uid not in (uid, trusted) and not (
            msp and about.st_gid == gid and group_writes and directory.st_mode & 0o020 and directory.st_gid == gid):
        return '%s, directory %d:%d %04o%s: the runner loses it' % (
            shown, directory.st_uid, directory.st_gid, directory.st_mode & 0o7777, '' if msp else ', and UseMSP is not set')
    if directory.st_mode & stat.S_ISVTX and uid not in (0, about.st_uid, directory.st_uid):
        return ('%s, directory %d:%d %04o: each run delivers it again, because the runner cannot remove it from a sticky directory'
                % (shown, directory.st_uid, directory.st_gid, directory.st_mode & 0o7777))
    return None


def runner(look, queue):
    """(uid, gid, trusted uid) that work on a queue. Raises SendmailError when the host does not know them."""
    if queue == 'mta':
        return _mta_runner(look)
    user, group, uid, gid = (look.submitter[key] for key in ('user', 'group', 'uid', 'gid'))
    if uid is None or gid is None:
        raise _text.SendmailError('Programs do not find the user %s or the group %s, which the client queue is run as (getent). Where no line of /etc/passwd '
                                  'or /etc/group is hidden from them, the role mailops.sendmail.sendmail_msp creates them.' % (user, group))
    return uid, gid, uid


def _mta_runner(look):
    """Root, or RunAsUser, which root's queue run becomes (readcf.c, main.c). For group 0 that of the program stays."""
    settings = look.settings.get('mta', {})
    user, group, trusted = [settings.get(name) for name in ('run_as_user', 'run_as_group', 'trusted_user')]
    if not user:
        return 0, 0, 0
    accounts = _system.accounts([name for name in (user, group, trusted) if name])
    numbers = [re.match('[0-9]+', name or '') for name in (user, group, trusted)]     # atoi()
    uid, gid, other = [int(number.group()) if number else accounts[name][key] if name else None
                       for number, name, key in zip(numbers, (user, group, trusted), ('uid', 'group', 'uid'))]
    if not group:
        gid = 0 if numbers[0] else accounts[user]['gid']
    if uid is None or gid is None:
        raise _text.SendmailError('RunAsUser in sendmail.cf names %s, which does not exist: create it, or name another.' % (
            'the group ' + group if uid is not None else 'the user ' + user))
    if uid and not gid and look.program['setgid']:
        gid = os.stat(look.program['sendmail']).st_gid
    return uid, gid, other or 0


def settled(look, queue, directory, names):
    """Look into these control files of a queue directory, twice where something is wrong. Returns a list of Waiting. Raises OSError."""
    messages = _inspect_all(look, queue, directory, names, look.held)
    doubtful = ['qf' + message.id for message in messages if message.hazards]
    if doubtful:
        # A runner at work passes through such states: what is wrong now and is not in its hands is wrong.
        time.sleep(SETTLE)
        messages = [message for message in messages if not message.hazards]
        messages += _inspect_all(look, queue, directory, doubtful, _system.held())
    return messages


def _inspect_all(look, queue, directory, names, held):
    who, named = runner(look, queue), named_directories(look, queue)
    with _spool.Opened(directory) as opened:
        place = os.fstat(opened.control)
        found = [_inspect(opened, place, queue, directory, name, who, look.settings[queue], held or frozenset(), named) for name in names]
    return [message for message in found if message is not None]


def named_directories(look: Any, queue: str) -> Dict[bytes, _spool.QueueDirectory]:
    """The queue directories by the names that Sendmail gives them in d lines."""
    return dict((os.fsencode(name), directory) for directory in look.directories[queue][::-1] for name in directory.names)


def content_hazards(data: bytes, envelope: _qf.Envelope, seconds: float, named: Any) -> List[Hazard]:
    """What a run would do because of what is in a control file. C(seconds) since its last change, C(named) from L(named_directories)."""
    if not data:
        return [Hazard('damaged', 'it is empty: a queue runner removes it with its data file', 'empty')] if seconds > EMPTY_SECONDS else []
    found = [Hazard('damaged', problem.text, problem.code) for problem in envelope.problems if problem.code not in _HARMLESS]
    if b'\n' not in data and not found:
        found.append(Hazard('damaged', 'it has no complete line: a queue runner removes it with its data file', 'one_line'))
    if envelope.data_directory is not None and envelope.data_directory not in named:
        found.append(Hazard('damaged', 'its d line names %s, which is not a directory of the queue: a queue runner loses it'
                            % _text.printable(envelope.data_directory[:200]), 'data_directory'))
    return found


def _inspect(opened, place, queue, directory, name, who, settings, held, named):
    identifier = name[2:]
    try:
        data, about = _spool.read_whole(opened.control, name)
    except FileNotFoundError:
        return None
    except (OSError, _text.SendmailError) as error:
        why = '%s: %s' % (_text.printable(os.fsencode(name)), getattr(error, 'strerror', None) or error)
        return Waiting(queue, directory, identifier, 0, 0, 0, 0, False, [Hazard('unreadable', why)])
    envelope = _qf.parse(data)
    locked = (about.st_dev, about.st_ino) in held
    hazards = []
    if not _qf.IDENTIFIER.match(identifier):
        hazards.append(Hazard('unreadable', '%s: not a queue id' % _text.printable(os.fsencode(identifier))))
    wrong = hazard_of_owner(about, place, who, settings)
    if not wrong and not os.geteuid() and _immutable(opened.control, name):
        wrong = 'it is immutable or append-only, so no run can open it: remove that attribute with chattr -ia'
    if wrong:
        hazards.append(Hazard('permissions', wrong))
    hazards += content_hazards(data, envelope, time.time() - about.st_ctime, named)
    if not locked and envelope.complete:   # a run leaves an incomplete one where it is
        hazards += data_hazards(opened, identifier, who, directory, named.get(envelope.data_directory))
        try:
            changed = os.stat('tf' + identifier, dir_fd=opened.control, follow_symlinks=False).st_ctime
            young = time.time() - changed < YOUNG_SECONDS
            hazards.append(Hazard('temporary', 'there is a tf file', 'young' if young else ''))
        except FileNotFoundError:
            pass
    return Waiting(queue, directory, identifier, envelope.created or 0, envelope.attempts, envelope.last_attempt,
                   len(envelope.recipients), locked, hazards)


def _immutable(directory: int, name: str) -> bool:
    """Whether a run cannot open a file to lock it, because of chattr +i or +a."""
    try:
        os.close(os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory))
    except OSError as error:
        return error.errno == errno.EPERM
    return False


def data_hazards(opened: Any, identifier: str, who: Any, directory: Any, other: Optional[Any]) -> List[Hazard]:
    """What is wrong with the data file, which the d line may place in C(other), another directory of the queue."""
    try:
        if other is None or other == directory:
            body, why = _body(opened.data, 'df' + identifier, who)
        else:
            with _spool.Opened(other) as there:
                body, why = _body(there.data, 'df' + identifier, who)
    except (FileNotFoundError, ValueError):
        data = (other or directory).data
        for path in {directory.path, directory.control} - {data}:
            if os.path.lexists(os.path.join(path, 'df' + identifier)):
                return [Hazard('no_data', 'the data file is in %s, where Sendmail does not look for it: move it to %s' % (path, data))]
        return [Hazard('no_data', 'there is no data file')]
    if not stat.S_ISREG(body.st_mode):
        return [Hazard('unreadable', 'the data file is not a regular file: a run would hang on it, or deliver something else', 'special')]
    return [Hazard('permissions', 'the data file has ' + why)] if why else []


def _body(directory, name, who):
    about = os.stat(name, dir_fd=directory, follow_symlinks=False)
    return about, refused('/proc/self/fd/%d/%s' % (directory, name), about, who[0], who[1], 4, 'the runner', 'read it')


def places(look):
    """What is wrong with the queue directories themselves: a list of (kind, text)."""
    found = []
    for queue, directories in look.directories.items():
        uid, gid, _trusted = runner(look, queue)
        for directory in directories:
            for path in sorted({directory.path, directory.control, directory.data}):
                why = refused(os.path.realpath(path), os.stat(path), uid, gid, 7, 'the runner (%d:%d)' % (uid, gid), 'work in it')
                if why:
                    found.append(('directory', '%s has %s' % (path, why)))
            room = _filesystem.under(directory.control)
            least = look.settings[queue]['min_free_blocks']
            if room['read_only']:
                found.append(('file_system', '%s is on a read-only file system' % directory.control))
            elif room.get('immutable'):
                found.append(('file_system', '%s is immutable or append-only: each run delivers its mail again, because it cannot remove it; '
                                             'remove that attribute with chattr -ia' % directory.control))
            elif room['blocks_free'] is not None and room['blocks_free'] < max(1, least):
                found.append(('file_system', '%s has %s free blocks, fewer than MinFreeBlocks (%s)' % (directory.control, room['blocks_free'], least)))
            elif room['inodes'] and not room['inodes_free']:
                found.append(('file_system', '%s has no free inodes' % directory.control))
    return found


def survey(look, queue, most):
    """The hazards of a whole queue by kind: ({kind: [(text, printable id), ...]}, messages looked into, at most C(most)).

    What a runner aborts on is a kind of its own here, C(aborts). Files that are cut short or cannot be read are among them: a run that
    nobody restricts to certain messages, such as that of the start of a service, meets these too.
    """
    kinds, count = {}, 0
    for directory in look.directories.get(queue, []):
        one = _spool.Pass(directory, ('queued',), False, look.held or frozenset())
        try:
            names = []
            for batch in one.batches():
                names += batch.names[:most - count - len(names)]
                if len(names) == most - count:
                    break
            names += [name for name, _state in one.damaged if name[:2] == 'qf'][:most - count - len(names)]
            messages = settled(look, queue, directory, names)
        except OSError:
            continue   # the directory itself is among the errors of the look
        count += len(messages)
        for message in messages:
            for hazard in message.hazards:
                kind = 'aborts' if hazard.code == 'no_sender' else hazard.kind
                kinds.setdefault(kind, []).append((hazard.text, _text.printable(os.fsencode(message.id))))
    return kinds, count
