# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A check for Icinga, Nagios, Checkmk and whatever else runs Monitoring Plugins: what a host's self-check says of its Sendmail.

It reads the file that the self-check of the role sendmail_compliance writes, asks nobody, and needs no privileges. Nothing but Python 3.6.
"""

import argparse
import math
import os
import re
import stat
import sys
import time
from typing import Dict, List, NamedTuple, NoReturn, Optional, Tuple

NAME = 'SENDMAIL QUEUES'
FILE = '/var/lib/prometheus/node-exporter/sendmail_compliance.prom'
OK, WARNING, CRITICAL, UNKNOWN = range(4)
WORDS = ('OK', 'WARNING', 'CRITICAL', 'UNKNOWN')
WORST = (OK, UNKNOWN, WARNING, CRITICAL)      # the last wins: known trouble is not hidden by what is not known beside it
BYTES_MAX = 1 << 20                           # the self-check writes a few thousand
CLOCK = 300                                   # seconds that a clock may go back
SERIES = re.compile(r'sendmail_compliance_(\w+)(?:\{((?:\w+="(?:[^"\\]|\\.)*",?)*)\})? (\S+)')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
SEVERITIES = {'critical': CRITICAL, 'high': WARNING}   # a control that fails; what is less is only told
Values = Dict[str, List[Tuple[Dict[str, str], float]]]


class Unusable(Exception):
    """The file says nothing about this host; the sentence says why."""


class Range(NamedTuple):
    """A threshold as the guidelines of the Monitoring Plugins write it, [@]start:end."""

    text: str
    low: float
    high: float
    inside: bool

    def alerts(self, value: float) -> bool:
        return (self.low <= value <= self.high) is self.inside


def threshold(text: str) -> Range:
    match = re.match(r'(@?)(?:(~|-?\d+(?:\.\d+)?):)?(-?\d+(?:\.\d+)?)?\Z', text, re.ASCII)
    if not match or not text.strip('@'):
        raise argparse.ArgumentTypeError('%r is no threshold; write seconds, or a range such as 0:14400' % text)
    at, low, high = match.groups()
    found = Range(text, -math.inf if low == '~' else float(low or 0), math.inf if high is None else float(high), bool(at))
    if found.low > found.high:
        raise argparse.ArgumentTypeError('%r is no threshold; its end is below its start' % text)
    return found


def read(path: str) -> Values:
    """The series of the file by the end of their name. Raises Unusable."""
    try:
        # Neither a pipe nor a device, which could keep this waiting.
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise Unusable('%s is no regular file' % path)
        with open(path, 'rb') as stream:
            data = stream.read(BYTES_MAX + 1)
    except OSError as error:
        raise Unusable('%s cannot be read: %s. The role sendmail_compliance writes it where sendmail_compliance_monitor is set'
                       % (path, error.strerror))
    if len(data) > BYTES_MAX:
        raise Unusable('%s is longer than %d bytes' % (path, BYTES_MAX))
    values = {}    # type: Values
    for line in data.decode('utf-8', 'backslashreplace').splitlines():
        if not line.strip() or line.startswith('#'):
            continue
        match = SERIES.fullmatch(line)
        try:
            value = float(match.group(3)) if match else math.nan
        except ValueError:
            value = math.nan
        if not match or not math.isfinite(value):
            raise Unusable('%s has a line that the self-check does not write: %s' % (path, line[:80]))
        values.setdefault(match.group(1), []).append((dict(LABEL.findall(match.group(2) or '')), value))
    if any('host' in labels for series in values.values() for labels, _value in series):
        raise Unusable('%s is the report of many hosts; name the file of one host' % path)
    # What the self-check writes first and last.
    if len(values.get('timestamp_seconds', [])) != 1 or sum(value == 1 for _labels, value in values.get('host', [])) != 1 or (
            'controls' not in values or not data.endswith(b'\n')):
        raise Unusable('%s lacks the time, the verdict or the controls, so it is no file of the self-check, or was cut' % path)
    return values


def judge(values: Values, now: float, max_age: int, warning: Range, critical: Range) -> Tuple[int, List[str], List[str], List[str]]:
    """(state, what is wrong with the worst first, further lines, performance data)."""
    age = now - values['timestamp_seconds'][0][1]
    figures = ['age=%ds;;%d;0' % (max(0, age), max_age)]
    if age > max_age or age < -CLOCK:
        # Whatever else the file says was true then.
        told = 'is %s old' % duration(age) if age > 0 else 'is from the future, by %s' % duration(-age)
        return UNKNOWN, ['the self-check has stopped, or a clock is wrong: what it says %s' % told], [], figures
    found, lines = [], []    # type: List[Tuple[int, str]], List[str]
    (verdict,) = [labels.get('status', '') for labels, value in values['host'] if value == 1]
    listed = [(labels, value) for labels, value in values.get('control', []) if value == 1]
    failing = [labels for labels, _value in listed]
    for state in (CRITICAL, WARNING):
        ids = [labels.get('control', '') for labels in failing
               if labels.get('status') == 'fail' and SEVERITIES.get(labels.get('severity', ''), OK) == state]
        if ids:
            found.append((state, '%s fail%s' % (', '.join(ids), '' if len(ids) > 1 else 's')))
    # Where many fail, those that could not be judged are not listed, only counted.
    if verdict == 'error' or any(labels.get('status') == 'error' and value for labels, value in listed + values['controls']):
        found.append((UNKNOWN, 'not every control could be judged'))
    elif verdict != ('failing' if failing else 'compliant'):
        found.append((UNKNOWN, 'the verdict %r does not agree with the controls' % verdict))
    lines += ['%s: %s (%s)' % tuple(labels.get(key, '') for key in ('control', 'status', 'severity')) for labels in failing]
    oldest = by_queue(values, 'queue_oldest_age_seconds')
    if 'msp' not in oldest:
        found.append((UNKNOWN, 'nothing is known of the client queue'))
    for queue, value in sorted(oldest.items()):
        limits = ';'
        # What waits in the queue of the MTA waits for somebody else's host; for days, that is no trouble of this one.
        if queue == 'msp':
            limits = '%s;%s' % (warning.text, critical.text)
            state = CRITICAL if critical.alerts(value) else WARNING if warning.alerts(value) else OK
            if state:
                found.append((state, 'mail has waited in the client queue for %s' % duration(value)))
        figures.append('%s_oldest=%ds;%s;0' % (queue, value, limits))
    for labels, value in values.get('queue_messages', []):
        queue, which = labels.get('queue', ''), labels.get('state', '')
        figures.append('%s_%s=%d;%s;;0' % (queue, which, value, '0' if which == 'lost' else ''))
        if which == 'lost' and value > 0:
            found.append((WARNING, 'a queue run has given up %d message%s in the queue %s' % (value, '' if value == 1 else 's', queue)))
    figures += ['%s_bytes=%dB;;;0' % (queue, value) for queue, value in sorted(by_queue(values, 'queue_bytes').items())]
    figures += ['controls_%s=%d;;;0' % (labels.get('status', ''), value) for labels, value in values.get('controls', [])]
    found.sort(key=lambda one: -WORST.index(one[0]))
    return found[0][0] if found else OK, [text for _state, text in found], lines, figures


def by_queue(values: Values, name: str) -> Dict[str, float]:
    return {labels.get('queue', ''): value for labels, value in values.get(name, [])}


def duration(seconds: float) -> str:
    for unit, length in (('d', 86400), ('h', 3600), ('min', 60)):
        if seconds >= 2 * length:
            return '%d %s' % (seconds // length, unit)
    return '%d s' % seconds


def plain(text: str) -> str:
    """One line of ASCII: the locale of a monitoring daemon is C, and a bar would begin the performance data."""
    return ''.join(char if char.isprintable() and char != '|' else '?' for char in text).encode('ascii', 'backslashreplace').decode('ascii')


def shown(state: int, sentences: List[str], lines: List[str], figures: List[str]) -> str:
    """As the guidelines have it: the state and why, performance data behind a bar, then further lines."""
    first = '%s %s - %s' % (NAME, WORDS[state], plain('; '.join(sentences)))
    data = ' '.join(re.sub(r"[\s|'=]", '_', name) + '=' + value for name, value in (figure.rsplit('=', 1) for figure in figures))
    return '\n'.join([first + (' | ' + plain(data) if data else '')] + [plain(line) for line in lines])


class Parser(argparse.ArgumentParser):
    """Its own exit status, 2, would mean that the mail is in a critical state."""

    def exit(self, status: int = 0, message: Optional[str] = None) -> NoReturn:
        if message:
            print(plain(message.strip()))
        sys.exit(UNKNOWN)

    def error(self, message: str) -> NoReturn:
        self.exit(UNKNOWN, '%s UNKNOWN - %s' % (NAME, message))


def main(arguments: Optional[List[str]] = None) -> int:
    parser = Parser(prog='check_sendmail_queues', description=str(__doc__).split('\n', maxsplit=1)[0])
    parser.add_argument('-f', '--file', default=FILE, help='what the self-check writes (%(default)s)')
    parser.add_argument('-a', '--max-age', type=int, default=3600, metavar='SECONDS', help='what is older says nothing any more: UNKNOWN (%(default)s)')
    parser.add_argument('-w', '--warning', type=threshold, default='14400', metavar='RANGE',
                        help='seconds that the oldest message of the client queue may have waited (%(default)s)')
    parser.add_argument('-c', '--critical', type=threshold, default='86400', metavar='RANGE', help='the same for CRITICAL (%(default)s)')
    parser.add_argument('-V', '--version', action='version', version='check_sendmail_queues of the Ansible collection mailops.sendmail')
    options = parser.parse_args(arguments)
    try:
        state, sentences, lines, figures = judge(read(options.file), time.time(), options.max_age, options.warning, options.critical)
    except Unusable as error:
        state, sentences, lines, figures = UNKNOWN, [str(error)], [], []
    except Exception as error:  # noqa: BLE001 - a traceback would end with 1, which is WARNING
        state, sentences, lines, figures = UNKNOWN, ['this check is broken: %s: %s' % (type(error).__name__, error)], [], []
    print(shown(state, sentences or ['every control that matters passes, and no mail waits for long'], lines, figures))
    return state


if __name__ == '__main__':
    sys.exit(main())
