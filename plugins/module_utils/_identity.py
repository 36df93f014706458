# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Whose ids the process works with: the one place where they change.

Root does nothing in a client queue that the queue's own user could not do. What reads or changes files there runs with the effective
ids of Sendmail's runner (drop_privileges() in main.c: RunAsUser, its group and no other group), so whatever that user puts in the
way leads nowhere that he could not have gone himself. Archives, ledgers and reports are root's.
On Linux an effective user id other than 0 takes the effective capabilities away as well, which is meant.
"""

import contextlib
import os
import signal
from typing import Callable, Iterator, List, NamedTuple

from ansible_collections.mailops.sendmail.plugins.module_utils import _text


class Identity(NamedTuple):
    """A user and the one group that Sendmail works with."""

    uid: int
    gid: int


def _become(uid: int, gid: int, groups: List[int]) -> None:
    if os.geteuid() != 0:
        os.seteuid(0)          # only root may choose groups
    os.setgroups(groups)
    os.setegid(gid)
    os.seteuid(uid)


@contextlib.contextmanager
def acting(who: Identity) -> Iterator[None]:
    """Work as C(who) for the length of a C(with) block, and as before behind it, whatever ends the block.

    The ids are those of the whole process: nothing else may run in a thread meanwhile. For a process that root did not start it does
    nothing, as such a process can work as nobody but itself. A queue that root runs is left to root. Raises SendmailError where root may not do that.
    """
    if os.getuid() != 0:
        yield
        return
    before = os.geteuid(), os.getegid(), os.getgroups()
    if (os.geteuid(), os.getegid()) == tuple(who) and (who.uid == 0 or before[2] == [who.gid]):
        yield
        return
    try:
        try:
            _become(who.uid, who.gid, before[2] if who.uid == 0 else [who.gid])
        except OSError as error:
            raise _text.SendmailError(
                'This process may not work as user %d and group %d, whose queue this is: %s. In a container it needs the capabilities SETUID and SETGID, '
                'and both ids in its user namespace.' % (who.uid, who.gid, error.strerror))
        yield
    finally:
        if (os.geteuid(), os.getegid(), os.getgroups()) != before:
            _become(*before)


@contextlib.contextmanager
def signals_noted() -> Iterator[Callable[[], None]]:
    """Give a function that raises SendmailError once TERM, HUP or INT has come, to be called where stopping leaves nothing half done."""
    noted: List[int] = []
    before = dict((number, signal.signal(number, lambda number, _frame: noted.append(number)))
                  for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT))

    def check() -> None:
        if noted:
            raise _text.SendmailError('The run was ended by signal %d.' % noted[0])
    try:
        yield check
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
