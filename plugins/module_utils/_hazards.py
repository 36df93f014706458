# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

# PRIVATE to the mailops.sendmail collection: it can change or go in any release.

"""What a queue run would destroy or hang on, found before it runs: wrong owners and modes, missing bodies, control files it loses or aborts on."""

import os
import time
from typing import Any, List, NamedTuple

from ansible_collections.mailops.sendmail.plugins.module_utils import _filesystem, _qf, _spool, _system, _text

SETTLE = 0.3              # seconds after which what a runner leaves for a moment only must have gone


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
    hazards: List[Any]       # (kind, what is wrong)


def may(about, uid, gid, bits):
    """Whether a user with one group may C(bits) (an octal digit) a file with this os.stat_result; root may everything."""
    shift = 6 if about.st_uid == uid else 3 if about.st_gid == gid else 0
    return uid == 0 or about.st_mode >> shift & bits == bits


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
    if uid and about.st_uid not in (uid, trusted) and not (
            about.st_gid == gid and group_writes and directory.st_mode & 0o020 and directory.st_gid == gid):
        return '%s, directory %d:%d %04o: the runner loses it' % (shown, directory.st_uid, directory.st_gid, directory.st_mode & 0o7777)
    return None


def runner(look, queue):
    """(uid, gid, trusted uid) that work on a queue. Raises SendmailError when the host does not know them."""
    if queue == 'mta':
        return 0, 0, 0
    settings = look.settings['msp']
    user = settings['run_as_user'] or look.layout.msp_user
    group = settings['run_as_group'] or look.layout.msp_group
    uid, gid = look.accounts[user]['uid'], look.accounts.get(group, {}).get('group')
    if uid is None or gid is None:
        raise _text.SendmailError('The user %s or the group %s, which the client queue is run as, does not exist. '
                                  'The role mailops.sendmail.sendmail_msp creates them.' % (user, group))
    return uid, gid, uid


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
    who = runner(look, queue)
    with _spool.Opened(directory) as opened:
        place = os.fstat(opened.control)
        found = [_inspect(opened, place, queue, directory, name, who, look.settings[queue], held or frozenset()) for name in names]
    return [message for message in found if message is not None]


def _inspect(opened, place, queue, directory, name, who, settings, held):
    hazards = []
    identifier = name[2:]
    try:
        data, about = _spool.read_whole(opened.control, name)
    except FileNotFoundError:
        return None
    except (OSError, _text.SendmailError) as error:
        return Waiting(queue, directory, identifier, 0, 0, 0, 0, False, [('unreadable', '%s: %s' % (name, getattr(error, 'strerror', None) or error))])
    envelope = _qf.parse(data)
    locked = (about.st_dev, about.st_ino) in held
    if not _qf.IDENTIFIER.match(identifier):
        hazards.append(('unreadable', '%s: not a queue id' % _text.printable(os.fsencode(identifier))))
    wrong = hazard_of_owner(about, place, who, settings)
    if wrong:
        hazards.append(('permissions', wrong))
    hazards.extend(('damaged', problem) for problem in envelope.problems)
    if not locked:
        try:
            body = os.stat('df' + identifier, dir_fd=opened.data, follow_symlinks=False)
            if not may(body, who[0], who[1], 4):
                hazards.append(('permissions', 'the data file has owner %d:%d, mode %04o: the runner cannot read it'
                                % (body.st_uid, body.st_gid, body.st_mode & 0o7777)))
        except FileNotFoundError:
            hazards.append(('no_data', 'there is no data file'))
        try:
            os.stat('tf' + identifier, dir_fd=opened.control, follow_symlinks=False)
            hazards.append(('temporary', 'there is a tf file'))
        except FileNotFoundError:
            pass
    return Waiting(queue, directory, identifier, envelope.created or 0, envelope.attempts, envelope.last_attempt,
                   len(envelope.recipients), locked, hazards)


def places(look):
    """What is wrong with the queue directories themselves: a list of (kind, text)."""
    found = []
    for queue, directories in look.directories.items():
        uid, gid, _trusted = runner(look, queue)
        for directory in directories:
            for path in sorted({directory.path, directory.control, directory.data}):
                about = os.stat(path)
                if not may(about, uid, gid, 7):
                    found.append(('directory', '%s has owner %d:%d, mode %04o: the runner (%d:%d) cannot work in it'
                                  % (path, about.st_uid, about.st_gid, about.st_mode & 0o7777, uid, gid)))
            room = _filesystem.under(directory.control)
            least = look.settings[queue]['min_free_blocks']
            if room['read_only']:
                found.append(('file_system', '%s is on a read-only file system' % directory.control))
            elif room['blocks_free'] is not None and room['blocks_free'] < max(1, least):
                found.append(('file_system', '%s has %s free blocks, fewer than MinFreeBlocks (%s)' % (directory.control, room['blocks_free'], least)))
            elif room['inodes'] and not room['inodes_free']:
                found.append(('file_system', '%s has no free inodes' % directory.control))
    return found


def survey(look, queue, most):
    """The hazards of a whole queue by kind: ({kind: [(text, id), ...]}, count of messages looked into), no more than C(most) of them."""
    kinds, count = {}, 0
    for directory in look.directories.get(queue, []):
        one = _spool.Pass(directory, ('queued',), False, look.held or frozenset())
        try:
            names = []
            for batch in one.batches():
                names += batch.names[:most - count - len(names)]
                if len(names) == most - count:
                    break
            messages = settled(look, queue, directory, names)
        except OSError:
            continue   # the directory itself is among the errors of the look
        count += len(messages)
        for message in messages:
            for kind, text in message.hazards:
                kinds.setdefault(kind, []).append((text, message.id))
    return kinds, count
