# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

# PRIVATE to the mailops.sendmail collection: it can change or go in any release.

"""Programs run side by side under one deadline, their output taken line by line."""

import os
import selectors
import signal
import subprocess
import time
from typing import NamedTuple, Optional

_LINE_MAX = 4096
GRACE = 5   # seconds between TERM and KILL: Sendmail finishes the dialogue it is in, when the other side answers


class Ended(NamedTuple):
    """How one program ended."""

    key: object
    status: Optional[int]     # exit status, negative for a signal; None when it could not be started
    stopped: bool             # we ended it because the deadline had come
    error: str                # why it could not be started


def _environment():
    kept = dict((name, value) for name, value in os.environ.items() if name in ('PATH', 'TZ', 'HOME'))
    return dict(kept, LC_ALL='C', LANG='C')


def _signal(process, number):
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        pass


def run_all(commands, parallel, deadline, take_line, more=lambda: True):
    """Run commands, at most C(parallel) at a time, until all have ended or C(deadline) (of time.monotonic()) has come.

    C(commands): iterable of (key, argv), asked for the next one only when there is room. C(take_line(key, bytes)) gets each line of output
    and error output without its newline, cut at 4096 bytes. At the deadline the running ones get TERM, and KILL after GRACE seconds; no
    further one is started, nor when C(more()) is false. Each runs in a session of its own, so that everything it started ends with it.
    Returns a list of Ended.
    """
    waiting, running, ended = iter(commands), {}, []
    stopping, exhausted, until = 0, False, deadline
    with selectors.DefaultSelector() as ready:
        while True:
            exhausted = exhausted or time.monotonic() >= deadline
            while not exhausted and not stopping and len(running) < parallel:
                key, argv = next(waiting, (None, None)) if more() else (None, None)
                if argv is None:
                    exhausted = True
                    break
                try:
                    # The floors know no AnsibleModule, and its run_command() runs one program at a time.
                    process = subprocess.Popen(  # pylint: disable=ansible-bad-function
                        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd='/',
                        bufsize=0, env=_environment(), start_new_session=True)
                except OSError as error:
                    ended.append(Ended(key, None, False, '%s: %s' % (argv[0], error.strerror)))
                    continue
                os.set_blocking(process.stdout.fileno(), False)
                ready.register(process.stdout, selectors.EVENT_READ, key)
                running[process.stdout] = [key, process, b'']
            if not running:
                return ended
            for event, _mask in ready.select(max(0.05, min(1.0, deadline - time.monotonic()))):
                entry = running[event.fileobj]
                part = event.fileobj.read(65536)
                if part is None:
                    continue
                lines = (entry[2] + part).split(b'\n')
                entry[2] = lines.pop()[:_LINE_MAX]
                if not part and entry[2]:
                    lines.append(entry[2])
                for line in lines:
                    take_line(entry[0], line[:_LINE_MAX])
                if not part:
                    ready.unregister(event.fileobj)
                    event.fileobj.close()
                    key, process, _rest = running.pop(event.fileobj)
                    try:
                        status = process.wait(GRACE)
                    except subprocess.TimeoutExpired:
                        _signal(process, signal.SIGKILL)
                        status = process.wait()
                    ended.append(Ended(key, status, stopping > 0, ''))
            now = time.monotonic()
            if now >= until and running:
                if stopping == 2:
                    # Something that left its session still holds the pipe: it is not ours to wait for.
                    return ended + [Ended(key, process.poll(), True, '') for key, process, _rest in running.values()]
                # From now and not from the deadline: after a sleep of the machine all that time may be over at once.
                stopping += 1
                until = now + stopping * GRACE
            if stopping:
                for _key, process, _rest in running.values():
                    _signal(process, signal.SIGKILL if stopping == 2 else signal.SIGTERM)
