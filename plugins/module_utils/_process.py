# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Programs run side by side under one deadline, their output taken line by line."""

import os
import selectors
import signal
import subprocess
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional

_LINE_MAX = 4096
_LOOK = 0.05   # seconds between two looks at programs that go on behind their deadline
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


def members(leader: int) -> List[int]:
    """The processes of the session that C(leader) leads, it among them. Nothing where the system does not tell."""
    found = []
    for name in os.listdir('/proc') if os.path.isdir('/proc') else ():
        if name.isdigit():
            try:
                with open('/proc/%s/stat' % name, 'rb') as stream:
                    fields = stream.read().rpartition(b') ')[2].split()
            except OSError:
                continue
            if len(fields) > 3 and int(fields[3]) == leader:
                found.append(int(name))
    return found


def title(pid: int) -> bytes:
    """The command line of a process, which is what it says of itself; empty where that cannot be read."""
    try:
        with open('/proc/%d/cmdline' % pid, 'rb') as stream:
            return stream.read(_LINE_MAX)
    except OSError:
        return b''


def _is_stopped(pid: int) -> bool:
    try:
        with open('/proc/%d/stat' % pid, 'rb') as stream:
            return stream.read().rpartition(b') ')[2][:1] == b'T'
    except OSError:
        return False


def _kill_where_safe(pid: int, harmless: Callable[[bytes], bool]) -> bool:
    """Kill a process if C(harmless) says so of the title that it has while it is stopped, so that it cannot get on meanwhile.

    A child does it: else who ends us then leaves it stopped.
    """
    if not harmless(title(pid)):
        return False
    read, write = os.pipe()
    with os.fdopen(read, 'rb') as answer, os.fdopen(write, 'wb', 0) as ours:
        try:
            child = os.fork()
        except OSError:       # no room for one more process: the next look may find some
            return False
        if child:
            ours.close()
            doomed = answer.read() == b'x'
            try:
                os.waitpid(child, 0)
            except ChildProcessError:      # where SIGCHLD is ignored, which is inherited, there is no status
                pass
            return doomed
        try:
            os.setsid()
            os.write(write, b'x' if _stop_and_judge(pid, harmless) else b'')
        finally:
            os._exit(0)


def _stop_and_judge(pid: int, harmless: Callable[[bytes], bool]) -> bool:
    try:
        os.kill(pid, signal.SIGSTOP)
        for _attempt in range(100):
            if _is_stopped(pid):
                break
            time.sleep(0.001)
        doomed = _is_stopped(pid) and harmless(title(pid))
        os.kill(pid, signal.SIGKILL if doomed else signal.SIGCONT)
        return doomed
    except ProcessLookupError:
        return False


def run_all(commands, parallel, deadline, take_line, more=lambda: True, harmless=None, patience=0):
    """Run commands, at most C(parallel) at a time, until all have ended or C(deadline) (of time.monotonic()) has come.

    C(commands): iterable of (key, argv), asked for the next one only when there is room. C(take_line(key, bytes)) gets each line of output
    and error output without its newline, cut at 4096 bytes. At the deadline the running ones get TERM, and KILL after GRACE seconds; no
    further one is started, nor when C(more()) is false. Each runs in a session of its own, so that everything it started ends with it.

    With C(harmless(title)) none gets a signal at the deadline unless that says of what a process calls itself that to kill it does no
    harm; the others are waited for, for C(patience) seconds, and then go on without us.
    Returns a list of Ended.
    """
    waiting, ended = iter(commands), []
    running: Dict[Any, List[Any]] = {}     # {pipe: [key, process, the beginning of a line]}
    stopping, exhausted, until, killed = 0, False, deadline, set()
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
                    ended.append(Ended(key, None, False, '%s: %s' % (error.filename or argv[0], error.strerror)))      # /dev/null can be what is missing
                    continue
                pipe: Any = process.stdout
                os.set_blocking(pipe.fileno(), False)
                ready.register(pipe, selectors.EVENT_READ, key)
                running[pipe] = [key, process, b'']
            if not running:
                return ended
            for event, _mask in ready.select(max(_LOOK, min(1.0, deadline - time.monotonic()))):
                pipe = event.fileobj
                entry = running[pipe]
                part = pipe.read(65536)
                if part is None:
                    continue
                lines = (entry[2] + part).split(b'\n')
                entry[2] = lines.pop()[:_LINE_MAX]
                if not part and entry[2]:
                    lines.append(entry[2])
                for line in lines:
                    take_line(entry[0], line[:_LINE_MAX])
                if not part:
                    ready.unregister(pipe)
                    pipe.close()
                    key, process, _rest = running.pop(pipe)
                    ended.append(Ended(key, _wait(process, harmless is None), stopping > 0 or process.pid in killed, ''))
            now = time.monotonic()
            if harmless is not None:
                if now >= deadline + patience and running:
                    return ended + [Ended(key, process.poll(), True, '') for key, process, _rest in running.values()]
                for _key, process, _rest in running.values() if now >= deadline else ():
                    for pid in members(process.pid):
                        if _kill_where_safe(pid, harmless):
                            killed.add(process.pid)
                continue
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


def _wait(process: Any, may_kill: bool) -> Optional[int]:
    """The exit status of a process that has closed its output; None when it goes on and may not be killed."""
    try:
        return process.wait(GRACE)
    except subprocess.TimeoutExpired:
        if not may_kill:
            return None
        _signal(process, signal.SIGKILL)
        return process.wait()
