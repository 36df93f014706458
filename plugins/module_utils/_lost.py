# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

# PRIVATE to the mailops.sendmail collection: it can change or go in any release.

"""Lost messages (Qf) examined, mended where owner or mode was the reason, and returned to the queue."""

import os
import stat

from ansible_collections.mailops.sendmail.plugins.module_utils import _archive, _hazards, _qf, _text


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


def return_lost(look, queue, opened, name, dry=False):
    """Rename the control file C(name) (Qf...) to qf when a queue runner would take it now. Returns why not, or None when it was done.

    Owner and mode are put right, of the data file too. Anything else that made a runner give it up is for a person to judge.
    C(dry): only say. Raises OSError; FileNotFoundError when the file has gone.
    """
    who, settings, place = _hazards.runner(look, queue), look.settings[queue], os.fstat(opened.control)
    identifier = name[2:]
    try:
        handle, about = _archive.hold(opened.control, name)
    except _text.SendmailError as error:
        return str(error)
    try:
        why = _reason_to_stay(opened, identifier, handle, about)
        if why or dry:
            return why
        try:
            body, about_body = _archive.open_data(opened.data, 'df' + identifier)
        except (OSError, _text.SendmailError) as error:
            return 'its data file cannot be opened: %s' % (getattr(error, 'strerror', None) or error)
        try:
            right = owner_for(about, place, who, settings)
            if about_body.st_nlink == 1 and not _hazards.may(about_body, who[0], who[1], 4):
                put_right(body, *right)
            put_right(handle, *right)
        finally:
            os.close(body)
        os.rename(name, 'qf' + identifier, src_dir_fd=opened.control, dst_dir_fd=opened.control)
        return None
    finally:
        os.close(handle)


def _reason_to_stay(opened, identifier, handle, about):
    if not _qf.IDENTIFIER.match(identifier):
        return 'its name is no queue id'
    try:
        envelope = _qf.parse(_archive.read_held(handle, about))
    except _text.SendmailError as error:
        return str(error)
    if not envelope.complete:
        return 'its final dot is missing: it was cut short'
    if envelope.problems:
        return 'a queue run would lose it again: ' + envelope.problems[0].text
    for prefix in ('qf', 'hf', 'tf'):
        if exists(opened.control, prefix + identifier):
            return 'there is also a file %s%s' % (prefix, identifier)
    if not exists(opened.data, 'df' + identifier):
        return 'its data file is missing: it would be delivered with an empty body'
    return None


def exists(directory, name):
    """Whether there is a file of this name, links not followed."""
    try:
        os.stat(name, dir_fd=directory, follow_symlinks=False)
        return True
    except FileNotFoundError:
        return False
