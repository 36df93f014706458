# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Shell text, as lines of cron, units and scripts have it: what it starts, and which of that runs the client queue. Text in, values out.

Read is what administrators write: lists, pipelines, groups, quotes, C(if) and C(test). Nothing is expanded but what L(_text.filled) puts in.
"""

import os
import re
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import _text

_MOST = 4096    # characters of a text that are read
# What names the program and does not start it.
_NAMES_ONLY = (':', '[', '[[', 'command', 'echo', 'grep', 'logger', 'ls', 'pgrep', 'pkill', 'printf', 'test', 'true', 'type', 'which')
# What starts it somewhere else: in a container, a jail or a chroot, on another host.
_ELSEWHERE = ('chroot', 'docker', 'jexec', 'kubectl', 'lxc', 'lxc-attach', 'machinectl', 'nsenter', 'podman', 'ssh', 'systemd-nspawn', 'zlogin')
_KEYWORDS = ('!', '{', 'if', 'then', 'else', 'do', 'exec', 'time')
_PROGRAMS = ('sendmail', 'sendmail-msp', 'sendmail-mta', 'sendmail.sendmail', 'runq')
_LOOP = re.compile(r'(?s)\b(?:while|until)\b.*?\bdone\b')
_GUARD = re.compile(r'\s*(?:if\s+)?(?:(?:test|\[)\s+(!\s+)?-([defrsx])|(cd))\s+(/[\w./+-]*)(?:\s+\])?\s*(?:&&|;\s*then\s)')
_BASH = re.compile(r'\s*(?:if\s+)?(\[\[|source)\s[^;|]*(?:&&|;\s*then\s)')


class Guard(NamedTuple):
    """A test that has to hold before the rest of a line is done: C(test -x /missing &&), C(cd /missing &&)."""

    kind: str       # the letter behind test, or cd
    path: str
    wanted: bool    # false for C(test ! -x /missing)


def commands(text: str) -> Iterator[str]:
    """What a text starts, a quoted text being part of its command: without keywords and assignments in front, and without what only names it."""
    for part in re.findall(r'(?:"[^"]*"|\'[^\']*\'|[^;&|()`\n"\']|["\'])+', text[:_MOST]):
        words = part.split()
        while words and (words[0] in _KEYWORDS or re.match(r'\w+=', words[0])):
            del words[0]
        if words and os.path.basename(words[0]) not in _NAMES_ONLY and words[0][:1] != '#':
            yield ' '.join(words)


def run_interval(options: Iterable[str]) -> Optional[int]:
    """Seconds between the runs that the C(-q) options of one command ask for together, None for a single run: the last time counts, and
    what limits or describes a run is no time (main.c, case 'q').
    """
    seconds = None
    for text in (option[2:] for option in options):
        if text[:1] in tuple('!GIRSQLf'):
            continue
        if text[:1] == 'p':
            seconds, text = seconds or 1, text[1:]
            if not text:
                continue
        try:
            seconds = _text.duration(text or '0', 'm') or None
        except _text.SendmailError:
            seconds = None
    return seconds


def queue_run(text: str, runq_is_wrapper: bool = False) -> Optional[Dict[str, Any]]:
    """The first run of the client queue that a text starts: None, or {how, interval, partial}.

    C(how) is C(sendmail) for a plain run, C(cron-msp) or C(cron-mta) for the Debian helper, which decides by sendmail.conf.
    C(interval) is the seconds of C(-q30m), None for a single run. C(partial) is true when a filter leaves messages out.
    Only C(-Ac) or an explicit submit.cf reach the client queue; C(runq) on Debian runs both (C(runq_is_wrapper)).
    """
    for part in (one for start in commands(re.sub(r'(["\'])([^\s"\']+)\1', r'\2', text)) for one in re.split(r'[;&|()`\'"\n]+', start)):
        words = part.split()
        for position, word in enumerate(words):
            name = os.path.basename(word)
            if name in _ELSEWHERE:
                break
            if name not in _PROGRAMS:
                continue
            rest = words[position + 1:]
            if name == 'sendmail' and rest[:1] in (['cron-msp'], ['cron-mta']):
                return {'how': rest[0], 'interval': None, 'partial': False}
            client = '-Ac' in rest or ('-A c' in ' '.join(rest)) or re.search(r'-C ?\S*submit\.cf(\s|$)', ' '.join(rest))
            queue = ['-q'] if name == 'runq' else [arg for arg in rest if arg[:2] == '-q']
            # One option that says so makes it a run over quarantined or lost messages alone.
            if not queue or any(arg[2:].lstrip('!')[:1] in ('Q', 'L') for arg in queue) or not (client or (name == 'runq' and runq_is_wrapper)):
                continue
            return {'how': 'sendmail', 'interval': run_interval(queue), 'partial': any(arg[2:3] in tuple('GIRS!') for arg in queue)}
    return None


def script_run(text: str) -> Optional[Dict[str, Any]]:
    """The first plain run, as L(queue_run), of a script, with its variables put in."""
    text = _text.filled(text.replace('\\\n', ' '), _text.assignments(text)) if 'sendmail' in text else ''
    lines = [line for line in text.splitlines() if 'sendmail' in line and line.lstrip()[:1] != '#']
    return next((run for run in map(queue_run, lines) if run and run['how'] == 'sendmail'), None)


def loop_runs(text: str) -> Iterator[Tuple[Dict[str, Any], str]]:
    """(run, how long it sleeps in the words of sleep(1)) of each loop that runs the queue once and sleeps."""
    for loop in _LOOP.findall(text):
        run, pause = script_run(loop.replace(';', '\n')), re.search(r'\bsleep\s+(\d+[smhd]?)\b', loop)
        if run and pause and not run['interval']:
            yield run, pause.group(1)


def beside(text: str, runq_is_wrapper: bool = False) -> Optional[str]:
    """A command, as it can be shown, that a text starts beside its run of the client queue and that would go with it; None where there is none."""
    for part in commands(re.sub(r'\$\(\([^)]*\)\)|[<>]&|&>', '>', text)):
        if queue_run(part, runq_is_wrapper):
            inner = (beside(quoted, runq_is_wrapper) for quoted in re.findall(r'["\']([^"\']+)["\']', part) if queue_run(quoted, runq_is_wrapper))
            other = next(filter(None, inner), None)
        else:
            other = part.split()[0]
        if other and other not in ('cd', 'exit', 'fi', 'sleep'):
            return _text.printable(other.encode('utf-8', 'replace'))
    return None


def runs(text: str, called: Optional[str] = None) -> List[str]:
    """Those of its L(commands) that run the client queue, or that start the script C(called), which does."""
    return [part for part in commands(text) if (called in part.split() if called else queue_run(part))]


def calls(text: str) -> List[str]:
    """The paths in it that may be scripts, the first eight; not the helpers of packages, which are known."""
    found = re.findall(r'(?:^|[\s;&|(])(/[\w./+-]+)', text[:_MOST])[:8]
    return [path for path in found if not path.startswith(('/usr/share/sendmail/', '/etc/init.d/'))]


def of_another_queue(text: str, directories: Sequence[str]) -> Optional[str]:
    """The directory, as it can be shown, of a run that works on none of C(directories), those of the client queue."""
    named = re.search(r'-O *QueueDirectory=([^\s"\']+)', text[:_MOST])
    path = named.group(1).rstrip('/') if named and directories else ''
    if not path or '$' in path or path[-1] == '*' and any(one.startswith(path[:-1]) for one in directories) or path in directories:
        return None
    return _text.printable(os.fsencode(path))


def guards(text: str) -> Tuple[List[Guard], Optional[str]]:
    """(the tests in front of a line, what stands behind them that bash knows and dash does not). None count where there is another way: C(||), C(else)."""
    found: List[Guard] = []
    if '||' in text or re.search(r'\belse\b', text):
        return found, None
    start, guard = 0, _GUARD.match(text)
    while guard:
        no, letter, directory, path = guard.groups()
        found.append(Guard(letter or directory, path, not no))
        start = guard.end()
        guard = _GUARD.match(text, start)
    alien = _BASH.match(text, start)
    return found, alien.group(1) if alien else None


def written(command: str) -> List[str]:
    """The files that the shell opens for the output of a command, as far as their names are plain; not devices."""
    found = re.findall(r'>\|?\s*["\']?(/[\w./+-]*[\w.+-])(?=[\s"\']|$)', re.sub(r'(["\'])[^"\'>]*\s[^"\']*\1', '', command))
    return [path for path in found if not path.startswith('/dev/')]


def given_to_shell(command: str) -> List[str]:
    """Words, among them the account, of a su or runuser that hands its command to the shell of that account; [] for others (C(su -s), C(runuser -u))."""
    outside = re.sub(r'(["\']).*?\1', ' ', command)
    name = os.path.basename(command.split(maxsplit=1)[0])
    return outside.split() if name in ('su', 'runuser') and not re.search(r'\s-(?:s|-shell|u|m|p)', outside) else []


def lock(command: str) -> Optional[str]:
    """The file that a flock(1) waits for, None for another command."""
    words = command.split()
    return next((word for word in words[1:] if word[0] == '/' and word != words[0]), None) if os.path.basename(words[0]) == 'flock' else None
