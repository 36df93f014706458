# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""KILL a function before each call of the operating system that changes something, or let the call fail. Python 3.6 syntax."""
import errno
import os
import signal

CHANGES = ('open', 'write', 'rename', 'unlink', 'link', 'mkdir', 'rmdir', 'fsync', 'fchmod', 'fchown', 'symlink', 'truncate', 'ftruncate')


def _run(function, at):
    """Run in a process of its own that is killed before the call number C(at). True when it ended by itself before that."""
    child = os.fork()
    if child:
        status = os.waitpid(child, 0)[1]
        assert status == 0 or os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, status
        return status == 0
    calls = [0]

    def faulty(name, real):
        def call(*arguments, **more):
            if name != 'open' or arguments[1] & os.O_CREAT:
                calls[0] += 1
                if calls[0] == at:
                    if name == 'write':
                        real(arguments[0], arguments[1][:len(arguments[1]) // 2])     # half of it has reached the file
                    os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **more)
        return call
    try:
        for name in CHANGES:
            setattr(os, name, faulty(name, getattr(os, name)))
        function()
        os._exit(0)
    finally:
        os._exit(1)


def killed_at_every_step(tmp_path, prepare, function, check):
    """For each step: C(prepare(path)) a situation, run C(function) on it until that step, C(check) what is left. Returns how many steps there were."""
    for step in range(1, 10000):
        path = tmp_path / str(step)
        path.mkdir()
        situation = prepare(path)
        through = _run(lambda situation=situation: function(situation), step)
        check(situation)
        if through:
            return step - 1
    raise AssertionError('it never ends')


def _failing(name, real, at, how, calls):
    """A system call that is C(real), but for the step C(at), which ends with an error; C(calls[0]) counts the steps of all."""
    def call(*arguments, **more):
        if name == 'open' and not arguments[1] & os.O_CREAT:
            return real(*arguments, **more)
        calls[0] += 1
        if calls[0] == at or calls[0] > at and how == 'from then on':
            if how == 'behind':
                done = real(*arguments, **more)
                if name == 'open':
                    os.close(done)
            raise OSError(errno.EIO, 'Input/output error')
        return real(*arguments, **more)
    return call


def failing_at_every_step(tmp_path, monkeypatch, how, prepare, function, check):
    """The same with an error in the place of KILL. C(how): before what the call does, or behind it (as a server does whose answer is lost), or from then on.

    C(check(situation, C(function)'s result)).
    """
    for step in range(1, 10000):
        path = tmp_path / str(step)
        path.mkdir()
        situation = prepare(path)
        calls = [0]
        with monkeypatch.context() as patched:
            for name in CHANGES:
                patched.setattr(os, name, _failing(name, getattr(os, name), step, how, calls))
            result = function(situation)
        check(situation, result)
        if calls[0] < step:
            return step - 1
    raise AssertionError('it never ends')
