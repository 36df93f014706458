# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What runs a queue, and how often: lines of cron, timers and units of systemd, process titles. Text in, values out; what commands do says _shell."""

import datetime
import re
from typing import Any, Dict, List, Optional, Sequence, Set, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import _phrases, _shell, _text

Interval = Tuple[Optional[int], bool]   # seconds, whether they differ
Unit = Dict[str, List[str]]
_MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
_DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
_CRON_WORDS = {'@yearly': '0 0 1 1 *', '@annually': '0 0 1 1 *', '@monthly': '0 0 1 * *', '@weekly': '0 0 * * 0', '@daily': '0 0 * * *',
               '@midnight': '0 0 * * *', '@hourly': '0 * * * *', '@every_minute': '* * * * *'}
# load_env() in env.c of cron: a value that is empty has to have quotes.
_SETTING = re.compile(r'(?:(["\'])((?:(?!\1)[^=])*)\1|([^\s="\'][^\s=]*|))\s*=\s*(?:(["\'])((?:(?!\4).)*)\4\s*|([^\s"\'](?:.*\S)?)\s*)\Z', re.S | re.A)
_CALENDAR_WORDS = {'minutely': '*:*', 'hourly': '*:00', 'daily': '00:00', 'weekly': 'Mon 00:00', 'monthly': '*-*-01 00:00',
                   'quarterly': '*-01,04,07,10-01 00:00', 'semiannually': '*-01,07-01 00:00', 'yearly': '*-01-01 00:00', 'annually': '*-01-01 00:00'}
_SPANS = {name: seconds for seconds, names in (
    (1e-6, 'us usec'), (1e-3, 'ms msec'), (1, ' s sec second seconds'), (60, 'm min minute minutes'), (3600, 'h hr hour hours'), (86400, 'd day days'),
    (604800, 'w week weeks'), (2629800, 'M month months'), (31557600, 'y year years')) for name in names.split(' ')}


def _field(text: str, low: int, high: int, names: Sequence[str] = ()) -> Set[int]:
    """The numbers that one field of a schedule stands for: lists, ranges, steps of ranges, names of three letters. C(5-) has no end."""
    def number(word: str) -> int:
        return names.index(word) + (low if names is _MONTHS else 0) if word in names else int(word)

    found: Set[int] = set()
    for part in text.lower().split(','):
        span, slash, step = part.partition('/')
        begin, dash, end = span.partition('-')
        if begin == '*':
            first, last = low, high
        else:
            first, last = number(begin), high if dash and not end else number(end or begin)
        if not (low <= first <= high and low <= last <= high) or slash and (int(step) < 1 or not dash and span != '*'):
            raise ValueError('%s is not a schedule field between %d and %d' % (text, low, high))
        found.update(range(first, last + 1, int(step) if slash else 1))
    return found


def _cron_fields(schedule: str) -> Tuple[List[str], List[int], Set[int], Set[int], Set[int]]:
    """The fields, and minutes, days, months and weekdays. ValueError for what cron refuses."""
    word = re.sub(r'^-(?=[*@\d])', '', schedule.strip())   # cronie: not logged
    fields = _CRON_WORDS.get(word, word).split()
    if len(fields) != 5:
        raise ValueError(schedule)
    hours, days = _field(fields[1], 0, 23), _field(fields[2], 1, 31)
    minutes = sorted(hour * 60 + minute for hour in hours for minute in _field(fields[0], 0, 59))
    return fields, minutes, days, _field(fields[3], 1, 12, _MONTHS), {day % 7 for day in _field(fields[4], 0, 7, _DAYS)}


def _is_refused(field: str, low: int, high: int, names: Sequence[str] = ()) -> bool:
    """get_list() in entry.c of Debian's cron: what stands behind a sound range, up to the blank, does not count."""
    for part in field.lower().split(','):
        found = re.match(r'(?:\*|([a-z0-9]{1,100})(?:(-)([a-z0-9]{0,100}))?)(?:(/)(\d{0,100}[a-z]?))?', part, re.A)
        if not found or any(len(word or '') > 99 for word in found.groups()):         # no number or name
            return True
        first, dash, last, slash, step = found.groups()
        for word in [first] * bool(first) + [last] * bool(dash):
            if not low <= (names.index(word) + (names is _MONTHS) if word in names else int(word) if word.isdigit() else -1) <= high:
                return True
        if slash and (first and not dash or not step.isdigit() or not int(step)):
            return True
        if found.end() < len(part):
            break
    return False


def refused(text: str, with_user: bool, users: Sequence[str]) -> Optional[int]:
    """The first line for which Debian's cron reads nothing of a crontab (load_user() in user.c), None where there is none. C(users): who is known."""
    for number, line in enumerate(text.split('\n'), 1):
        line = line.lstrip(' \t')
        if line[:1] in ('', '#') or _SETTING.match(line[:998]):
            continue
        word = line[:1] == '@'
        fields = re.split('[ \t]+', line, maxsplit=1 if word else 5) + ['']
        if fields[0] not in _CRON_WORDS and fields[0] != '@reboot' or fields[0] == '@every_minute' if word else (
                len(fields) < 6 or any(map(_is_refused, fields, (0, 0, 1, 1, 0), (59, 23, 31, 12, 7), ((), (), (), _MONTHS, _DAYS)))):
            return number
        command = fields[1 if word else 5]
        # The name ends at the first blank, and there is one.
        user, *rest = re.split('[ \t]', command, maxsplit=1) if with_user else ('', command)
        if (not rest or user not in users if with_user else command[:1] == '*') or len(rest[0].encode('utf-8', 'replace')) > 998:
            return number
    return None


def cron_interval(schedule: str) -> Interval:
    """Seconds of the largest gap between two runs of a cron schedule, and whether gaps differ: C((1800, False)) for C(*/30 * * * *).

    C((None, False)) for C(@reboot) or no schedule. A day matches by day of month or of week when both are restricted: crontab(5).
    """
    if re.match(r'@\d+$', schedule):                                          # FreeBSD: every so many seconds
        return int(schedule[1:]), False
    try:
        fields, minutes, days, months, weekdays = _cron_fields(schedule)
    except ValueError:
        return None, False
    either = fields[2][0] != '*' and fields[4][0] != '*'

    def matches(day: datetime.date) -> bool:
        in_month, in_week = day.day in days, day.isoweekday() % 7 in weekdays
        return day.month in months and ((in_month or in_week) if either else (in_month and in_week))

    if fields[2:] == ['*', '*', '*']:
        dates = [0, 1]
    else:
        dates = [number for number in range(738521, 738521 + 1500) if matches(datetime.date.fromordinal(number))]    # from 2023-01-01, with a leap year
    if len(dates) < 2 or not minutes:
        return None, False
    gaps = {after - before for before, after in zip(minutes, minutes[1:])}
    gaps.update((after - before) * 1440 + minutes[0] - minutes[-1] for before, after in zip(dates, dates[1:]))
    return max(gaps) * 60, len(gaps) > 1


def never(schedule: str) -> bool:
    """Whether a schedule never matches again: C(@reboot), the 30th of February, what cron refuses. cronie's C(~) is a random minute."""
    return cron_interval(schedule)[0] is None and '~' not in schedule and schedule != '@every_second'


def cron_entries(text: str, with_user: bool) -> List[Dict[str, Any]]:
    """The entries of a crontab: [{line, schedule, user, command, shell, path}]. C(with_user) for /etc/crontab and /etc/cron.d. Behind a C(%) stands input."""
    entries: List[Dict[str, Any]] = []
    above: Dict[str, str] = {}
    for number, line in enumerate(text.split('\n'), 1):     # a form feed ends no line
        line = line.lstrip()
        setting = _SETTING.match(line.rstrip())
        if setting:
            above[setting.group(2) or setting.group(3)] = setting.group(5) or setting.group(6) or ''
        if not line or line[0] == '#' or setting:
            continue
        fields = 1 if line.lstrip('-')[:1] == '@' else 5
        words = line.split(None, fields + bool(with_user))
        if len(words) < fields + 1 + bool(with_user):
            continue
        entries.append({'line': number, 'schedule': ' '.join(words[:fields]), 'user': words[-2] if with_user else None,
                        'command': re.split(r'(?<!\\)%', words[-1])[0], 'shell': above.get('SHELL'), 'path': above.get('PATH')})
    return entries


def environment(text: str) -> Dict[str, str]:
    """What an EnvironmentFile= of systemd sets, as parse_env_file_internal() in env-file.c: even a comment behind a value belongs to it."""
    values: Dict[str, str] = {}
    for name, quoted, rest in re.findall(
            r'(?m)^[ \t]*([A-Za-z_]\w*)[ \t]*=[ \t]*((?:(?:"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\')[ \t]*)*)(.*)$', text.replace('\\\n', '')):
        words = re.findall(r'"((?:\\.|[^"\\])*)"|\'([^\']*)\'', quoted)
        values[name] = ''.join(re.sub(r'\\(["\\`$])', r'\1', double) + single for double, single in words) + re.sub(r'\\(.)', r'\1', rest.rstrip())
    return values


def debian_settings(text: str) -> Dict[str, Any]:
    """How Debian runs the daemons, from /etc/mail/sendmail.conf: {daemon_mode, queue_mode, msp_mode, queue_interval, msp_interval, hands_off}.

    Modes in lower case, intervals in seconds or None; the defaults are those of the helper /usr/share/sendmail/sendmail.
    """
    values = _text.assignments(text, {'DAEMON_MODE': 'Daemon', 'QUEUE_INTERVAL': '10m', 'MSP_INTERVAL': '10m', 'QUEUE_MODE': 'Daemon', 'MSP_MODE': 'Daemon'})
    found: Dict[str, Any] = {name: values[name.upper()].lower() for name in ('daemon_mode', 'queue_mode', 'msp_mode')}
    for name in ('queue_interval', 'msp_interval'):
        try:
            found[name] = _text.duration(values[name.upper()].lstrip('p'), 'm')
        except _text.SendmailError:
            found[name] = None
    found['hands_off'] = values.get('HANDS_OFF', '0').lower() not in ('', '0', 'n', 'no', 'off', 'false')
    return found


def priority_bound(load: int, settings: Dict[str, Any]) -> Optional[int]:
    """The worst priority that is still tried at a load average, None where all are: shouldqueue() in conf.c. QueueLA=0 switches nothing off."""
    if load < settings['queue_la']:
        return None
    return settings['queue_factor'] // (load - settings['queue_la'] + 1)


def unit(*texts: str) -> Unit:
    """A systemd unit file and its drop-ins as {key: [values]}, sections ignored; an empty assignment clears a key (systemd.syntax(7))."""
    values: Unit = {}
    for text in texts:
        for line in re.sub(r'\\\n', ' ', text).splitlines():
            key, equals, value = line.strip().partition('=')
            if equals and key[:1] not in '#;[':
                values[key.strip()] = values.get(key.strip(), []) + [value.strip()] if value.strip() else []
    return values


def unit_command(settings: Unit, environment: Optional[Dict[str, str]] = None) -> str:
    """The ExecStart lines of a unit as one command text, with $NAME from Environment= and then from C(environment) put in."""
    values = _text.assignments('\n'.join(settings.get('Environment', [])))
    values.update(environment or {})
    text = ' ; '.join(line.lstrip('-@+!:|') for line in settings.get('ExecStart', []))
    return _text.filled(text, values)


def timespan(text: str) -> Optional[int]:
    """Seconds of a systemd time span (systemd.time(7)): C(30min), C(1h 30min), C(90). None if it is none."""
    parts = re.findall(r'(\d+(?:\.\d+)?)\s*([A-Za-z]*)', text)
    if not parts or re.sub(r'\d+(?:\.\d+)?\s*[A-Za-z]*|\s+', '', text) or any(name not in _SPANS for _number, name in parts):
        return None
    return int(sum(float(number) * _SPANS[name] for number, name in parts))


def _as_cron(text: str) -> Optional[str]:
    """An OnCalendar= expression of systemd.time(7) as a schedule of cron, None for seconds, last days of a month, and what cron cannot say."""
    words = _CALENDAR_WORDS.get(text.strip().lower(), text.strip()).replace('..', '-').split()
    weekdays, day, month, hour, minute = '*', '*', '*', '0', '0'
    for word in words[:-1] if re.search(r'\sUTC$|\s[A-Z]\w+/[A-Z][\w/+-]*$', text.strip()) else words:     # a time zone
        if ':' in word:
            hour, minute = word.split(':')[:2]
        elif word[0].isalpha():
            weekdays = word
        elif re.match(r'(\*|\d{4})-[^-]+-[^-]+$', word):
            month, day = word.split('-')[1:]
        else:
            return None
    if any(word[:1] == '*' and '/' in word for word in (day, month)):
        return None
    # In cron two restricted day fields mean either, in systemd both: such a rare schedule is not derived.
    if weekdays != '*' and day != '*':
        return None
    # Here a step needs no range, and a day has its whole name.
    return re.sub(r'(?<![\d-])(\d+)/|([A-Za-z]{3})[a-z]+', lambda part: part.group(2) or part.group(1) + '-/', ' '.join((minute, hour, day, month, weekdays)))


def timer_interval(settings: Unit) -> Interval:
    """As L(cron_interval) for a timer unit. Several triggers: the smallest of their intervals, called uneven; several times of a day, or of an
    hour, are one schedule.
    """
    found = [(timespan(value), False) for key in ('OnUnitActiveSec', 'OnUnitInactiveSec') for value in settings.get(key, [])]
    calendars = [calendar.split() for calendar in map(_as_cron, settings.get('OnCalendar', [])) if calendar]
    for place in (0, 1):
        if calendars and len({tuple(fields[:place] + fields[place + 1:]) for fields in calendars}) == 1:
            calendars[:] = [calendars[0][:place] + [','.join(fields[place] for fields in calendars)] + calendars[0][place + 1:]]
    found = [item for item in found + [cron_interval(' '.join(fields)) for fields in calendars] if item[0]]
    return (min(found)[0], len(found) > 1 or found[0][1]) if found else (None, False)


_TITLE = re.compile(r'sendmail(?:-m[st][pa])?: (.*)', re.S)


def process_role(title: str, argv: Sequence[str] = ()) -> Dict[str, Any]:
    """What a Sendmail process does, by its title (sm_setproctitle() calls in Sendmail) or, before it has one, by its arguments.

    Returns {role, prefix, interval, directory, id, rejecting, full}: C(role) is C(daemon) (accepts mail), C(queue_runner) (sleeps between
    runs), C(queue_run) (runs now), C(delivery) (has a message in hand), C(session) (talks with a client) or C(other);
    C(prefix) is the ProcessTitlePrefix, MTA or MSP on Debian; C(rejecting) is the reason of a daemon that refuses connections (load,
    memory or children, refuseconnections() in conf.c), C(full) of one that takes no message for lack of disk space (daemon.c).
    """
    found: Dict[str, Any] = {'role': 'other', 'prefix': None, 'interval': None, 'directory': None, 'id': None, 'rejecting': None, 'full': None}
    match = _TITLE.match(title)
    if not match:
        words = ' '.join(argv).split()
        runs = [word for word in words if word[:2] == '-q']
        found['interval'] = _shell.run_interval(runs)
        if any(word[:3] in ('-bd', '-bD', '-bl') for word in words):
            found['role'] = 'daemon'
        elif runs:
            found['role'] = 'queue_runner' if found['interval'] else 'queue_run'
        if '-Ac' in argv:
            found['prefix'] = 'MSP'
        return found
    says = _phrases.title(match.group(1))
    if not says:
        found['prefix'] = (re.match(r'(\w+): ', match.group(1)) or [None, None])[1]
        return found
    full = says['why'] == 'disk'
    found.update((key, says[key]) for key in ('role', 'prefix', 'interval', 'directory', 'id'))
    found.update(rejecting=None if full else says['rejecting'], full=says['rejecting'] if full else None)
    return found
