# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What a queue run notes of messages for the ledger: those that have left, in a file of outcomes, and those of which a part has stayed."""

import contextlib
import errno
import json
import os
import stat
import time
from typing import Any, Dict, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import _qf, _spool, _text


def key(queue: str, identifier: str) -> str:
    """What tells a message from all others of the host."""
    return queue + ' ' + identifier


class Record:
    """A file to which the fate of messages is appended as it is known, one JSON line each, so that a run that is killed leaves what it has done."""

    def __init__(self, path):
        self.error = None
        try:
            parent = _spool.walk(os.path.dirname(path))
            try:
                self.descriptor = os.open(os.path.basename(path), os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC,
                                          0o600, dir_fd=parent)
            finally:
                os.close(parent)
            about = os.fstat(self.descriptor)
            if not stat.S_ISCHR(about.st_mode) and (
                    not stat.S_ISREG(about.st_mode) or about.st_uid != os.geteuid() or about.st_nlink != 1 or about.st_mode & 0o022):
                os.close(self.descriptor)
                raise OSError(errno.EPERM, 'the file there is not one of root that only root can write to')
            size = about.st_size
            # A line that was cut short must not take the first of ours with it.
            self._begin = b'\n' if size and os.pread(self.descriptor, 1, size - 1) != b'\n' else b''
        except OSError as error:
            raise _text.SendmailError('path: the outcomes cannot be written to %s: %s. Name a file in a directory that exists.' % (path, error.strerror))

    def add(self, queue, identifier, outcome, **about):
        """Append one line, in one write. Where that fails C(error) has the reason, and nothing more is written: its owner ends the work."""
        if self.error:
            return
        line = self._begin + json.dumps(dict(about, queue=queue, id=identifier, outcome=outcome), sort_keys=True).encode('ascii') + b'\n'
        self._begin = b''
        try:
            if os.write(self.descriptor, line) < len(line):
                self.error = 'No space left on device'
        except OSError as error:
            self.error = error.strerror


def rest(look: Any, since: float) -> Dict[Tuple[str, int], str]:
    """{(queue, creation time): key} of messages that queue runs have split off others after C(since): for another queue group, or because their own
    takes fewer recipients (split_by_recipient() in queue.c). Such an envelope has the time of the old one and a new id."""
    found = {}
    for queue, configuration in look.configurations.items():
        for directory in look.directories.get(queue, ()) if configuration and configuration.queue_groups else ():
            with contextlib.suppress(OSError):
                for names, rows, _sizes in _spool.Pass(directory, ('queued',), False, frozenset()).batches():
                    found.update([((queue, int(row[_qf.CREATED])), key(queue, _text.printable(os.fsencode(name[2:])))) for name, row in zip(names, rows)
                                  if (_qf.created_by_id(name[2:], time.time()) or 0) >= max(since, int(row[_qf.CREATED]) + 1)])
    return found
