# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs side by side under a deadline, with real small programs."""
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict

import pytest
from ansible_collections.mailops.sendmail.plugins.module_utils import _process
from ansible_collections.mailops.sendmail.tests.unit.deadline import deadline


@pytest.fixture(autouse=True)
def grace(monkeypatch):
    """Seconds between TERM and KILL, short enough for a test; what hangs all the same fails."""
    monkeypatch.setattr(_process, 'GRACE', 0.5)
    with deadline(120):
        yield


@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGTERM])
def test_nothing_stays_stopped_when_we_are_killed(number):
    """A runner that is looked at while it is stopped goes on, or is killed, whatever becomes of us: stopped it would hold its message for ever."""
    victim = subprocess.Popen([sys.executable, '-c', 'import time; print(1, flush=True); time.sleep(60)'], stdout=subprocess.PIPE)
    try:
        assert victim.stdout.readline() == b'1\n'
        read, write = os.pipe()
        ours = os.fork()
        if not ours:
            looks = []

            def harmless(_title):
                looks.append(1)
                if len(looks) == 2:
                    os.write(write, b'x')
                    time.sleep(0.5)
                return len(looks) < 2
            _process._kill_where_safe(victim.pid, harmless)
            os._exit(0)
        assert os.read(read, 1) == b'x'
        assert _process._is_stopped(victim.pid)
        os.kill(ours, number)
        os.waitpid(ours, 0)
        until = time.monotonic() + 60
        while _process._is_stopped(victim.pid) and time.monotonic() < until:
            time.sleep(0.01)
        assert not _process._is_stopped(victim.pid)
        assert victim.poll() is None
    finally:
        victim.kill()
        victim.wait()
        victim.stdout.close()


@pytest.mark.parametrize('answer', [False, True])
def test_who_inherited_that_children_are_not_waited_for_still_learns_what_was_killed(answer):
    """wait(2): with SIGCHLD ignored, which a program inherits, a child leaves no status. In a process of its own: nothing else here bears that."""
    victim = subprocess.Popen([sys.executable, '-c', 'import time; print(1, flush=True); time.sleep(60)'], stdout=subprocess.PIPE)
    try:
        assert victim.stdout.readline() == b'1\n'
        ours = os.fork()
        if not ours:
            try:
                signal.signal(signal.SIGCHLD, signal.SIG_IGN)
                os._exit(_process._kill_where_safe(victim.pid, lambda _title: answer or not _process._is_stopped(victim.pid)) + 10)
            finally:
                os._exit(1)
        assert os.WEXITSTATUS(os.waitpid(ours, 0)[1]) == 10 + answer
    finally:
        victim.kill()
        victim.wait()
        victim.stdout.close()


def test_a_host_without_room_for_one_more_process_kills_nothing(monkeypatch):
    def full():
        raise BlockingIOError(11, 'Resource temporarily unavailable')
    monkeypatch.setattr(os, 'fork', full)
    before = os.listdir('/proc/self/fd')
    assert _process._kill_where_safe(os.getpid(), lambda _title: True) is False
    assert len(os.listdir('/proc/self/fd')) == len(before)


@pytest.mark.parametrize('second, killed', [(True, True), (False, False)])
def test_what_is_killed_is_what_its_title_says_while_it_is_stopped(second, killed):
    victim = subprocess.Popen([sys.executable, '-c', 'import time; print(1, flush=True); time.sleep(60)'], stdout=subprocess.PIPE)
    try:
        assert victim.stdout.readline() == b'1\n'
        assert _process._kill_where_safe(victim.pid, lambda _title: False) is False
        assert _process._kill_where_safe(victim.pid, lambda _title: second or not _process._is_stopped(victim.pid)) is killed
        assert (victim.wait(60) == -signal.SIGKILL) if killed else (victim.poll() is None and not _process._is_stopped(victim.pid))
    finally:
        victim.kill()
        victim.wait()
        victim.stdout.close()


def run(commands, parallel=4, seconds=30, **more):
    """(list of Ended, {key: lines}, seconds it took)."""
    lines = defaultdict(list)
    start = time.monotonic()
    ended = _process.run_all(commands, parallel, start + seconds, lambda key, line: lines[key].append(line), **more)
    return ended, dict(lines), time.monotonic() - start


def shell(*scripts):
    return [(number, ['/bin/sh', '-c', script]) for number, script in enumerate(scripts)]


def test_nothing():
    assert run([])[:2] == ([], {})


def test_output_and_errors_of_each():
    ended, lines, _seconds = run(shell('echo a; echo b >&2', 'echo c; exit 67', 'printf "no end"', 'kill -9 $$', ':'))
    assert sorted(ended) == [_process.Ended(number, status, False, '') for number, status in enumerate((0, 67, 0, -9, 0))]
    assert lines == {0: [b'a', b'b'], 1: [b'c'], 2: [b'no end']}


def test_lines_that_come_in_parts():
    assert run(shell('printf "one "; sleep 0.1; printf "line\\nand "; sleep 0.1; printf "another\\n\\n"'))[1] == {0: [b'one line', b'and another', b'']}


def test_long_lines_are_cut():
    lines = run(shell('head -c 300000 /dev/zero | tr "\\0" x; echo; echo end'))[1][0]
    assert lines[-1] == b'end'
    assert [len(line) for line in lines[:-1]] == [4096]


def test_a_flood_is_taken_whole():
    lines = run(shell('seq 200000', 'seq 200000 >&2'))[1]
    assert [len(lines[key]) for key in (0, 1)] == [200000, 200000]
    assert lines[0] == lines[1] == [b'%d' % number for number in range(1, 200001)]


def test_no_more_than_parallel_at_a_time(tmp_path):
    script = 'cd {}; touch $$; ls | wc -l; sleep 0.2; rm $$'.format(tmp_path)
    ended, lines, _seconds = run(shell(*[script] * 6), parallel=2)
    assert len(ended) == 6
    assert {int(line) for found in lines.values() for line in found} <= {1, 2}


def test_commands_are_asked_for_when_there_is_room():
    given = []

    def commands():
        for number in range(5):
            given.append(number)
            yield number, [sys.executable, '-c', 'print({})'.format(len(given))]
    seen = []
    _process.run_all(commands(), 1, time.monotonic() + 30, lambda key, line: seen.append((key, line, len(given))))
    assert seen == [(number, b'%d' % (number + 1), number + 1) for number in range(5)]


def test_no_further_one_when_there_is_no_more_to_do():
    left = [True, True, False]
    ended = run(shell(':', ':', ':', ':'), parallel=1, more=lambda: left.pop(0))[0]
    assert [one.key for one in ended] == [0, 1]


@pytest.mark.parametrize('program, why', [('/nonexistent/sendmail', 'No such file'), ('/dev/null', 'Permission denied'), ('/', 'Permission denied')])
def test_program_that_cannot_be_started(program, why):
    ended, lines, _seconds = run([('broken', [program, '-q']), *shell('echo fine')])
    assert [(one.key, one.status) for one in ended] == [('broken', None), (0, 0)]
    assert ended[0].error.startswith(program + ': ' + why)
    assert lines == {0: [b'fine']}


def test_a_device_that_is_missing_is_not_called_the_program(monkeypatch):
    """As in a chroot with an empty /dev."""
    monkeypatch.setattr(os, 'devnull', '/nonexistent/null')
    assert run(shell(':'))[0][0].error == '/nonexistent/null: No such file or directory'


def test_term_at_the_deadline(monkeypatch):
    monkeypatch.setattr(_process, 'GRACE', 20)     # a busy machine may not let the shell answer sooner
    ended, lines, seconds = run(shell('trap "echo ended; exit 3" TERM; while :; do sleep 0.05; done', 'echo quick'), seconds=3)
    assert sorted(ended) == [(0, 3, True, ''), (1, 0, False, '')]
    assert lines[0][-1] == b'ended'    # behind what the shell says about its sleep, which got the signal too
    assert lines[1] == [b'quick']
    assert 3 <= seconds < 45


def test_kill_after_the_grace():
    ended, _lines, seconds = run(shell('trap "" TERM; while :; do sleep 0.05; done'), seconds=2)
    assert ended == [(0, -9, True, '')]
    assert 2.5 <= seconds < 45


def test_children_end_too(tmp_path):
    pid = tmp_path / 'pid'
    run(shell('sh -c "trap \\"\\" TERM; sleep 50" & echo $! >{}; wait'.format(pid)), seconds=3)
    child = int(pid.read_text())
    for _attempt in range(600):
        try:
            with open('/proc/{}/stat'.format(child)) as stream:
                if stream.read().rpartition(')')[2].split()[0] == 'Z':
                    return
        except FileNotFoundError:
            return
        time.sleep(0.05)
    pytest.fail('the child still runs')


def test_who_wakes_up_long_after_the_deadline_ends_them_all_the_same():
    """A machine that was asleep, or too busy to run us: between two looks goes all of the time that they had to end."""
    def take(_key, _line):
        time.sleep(max(0, deadline + 2.5 - time.monotonic()))
    deadline = time.monotonic() + 1
    ended = _process.run_all(shell('trap "" TERM; echo begun; while :; do sleep 0.05; done'), 1, deadline, take)
    assert ended == [_process.Ended(0, -9, True, '')]


def test_who_left_the_session_is_not_waited_for():
    script = 'import os, time\nif os.fork(): os._exit(0)\nos.setsid()\ntime.sleep(60)'
    _ended, _lines, seconds = run([('daemon', [sys.executable, '-c', script])], seconds=0.5)
    assert seconds < 45


def test_nothing_is_started_behind_the_deadline(tmp_path):
    run(shell('touch {}'.format(tmp_path / 'started')), seconds=-1)
    assert list(tmp_path.iterdir()) == []


def test_no_further_one_after_the_deadline(tmp_path):
    run(shell('sleep 1', 'touch {}'.format(tmp_path / 'started')), parallel=1, seconds=0.3)
    assert list(tmp_path.iterdir()) == []


def test_surroundings(monkeypatch):
    monkeypatch.setenv('LANG', 'de_DE.UTF-8')
    monkeypatch.setenv('SECRET', 'x')
    lines = run([('env', ['/usr/bin/env']), *shell('pwd; cat; ps -o sid= -p $$; echo $$')])[1]
    names = {line.partition(b'=')[0] for line in lines['env']}
    assert b'SECRET' not in names
    assert b'LC_ALL=C' in lines['env']
    directory, session, pid = lines[0]
    assert directory == b'/'
    assert session.split() == pid.split()


def test_descriptors_are_closed():
    before = os.listdir('/proc/self/fd')
    run(shell(*['echo x'] * 5))
    assert len(os.listdir('/proc/self/fd')) == len(before)
