# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
import datetime
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.mailops.sendmail.plugins.module_utils import _schedule, _shell

HOUR, DAY = 3600, 86400


@pytest.mark.parametrize('schedule, seconds, uneven', [
    ('*/30 * * * *', 1800, False),              # what Debian's generator writes for 30m, 30 and 1800s
    ('*/20 *    *    *    *', 1200, False),
    ('*/45 * * * *', 2700, True),               # minutes 0 and 45: 45 and 15 minutes
    ('30   *    *    *    *', HOUR, False),     # ... for 90m
    ('17 * * * *', HOUR, False),
    ('* * * * *', 60, False),
    ('5,35 * * * *', 1800, False),
    ('0-59/15 * * * *', 900, False),
    # A step needs a range, and a name has three letters: entry.c of cronie, and what "crontab -n" of Debian's cron 3.0pl1-162 says.
    ('3-59/20 * * * *', 1200, False), ('3/20 * * * *', None, False), ('0/30 * * * *', None, False),
    # A minus sign keeps cronie from logging the line.
    ('-*/15 * * * *', 900, False), ('-@hourly', HOUR, False),
    ('*/7 * * * *', 420, True),
    ('0 */6 * * *', 6 * HOUR, False),
    ('0 9-17 * * *', 16 * HOUR, True),
    ('0 9-17 * * mon-fri', 64 * HOUR, True),
    ('0 0 * * 0', 7 * DAY, False),
    ('0 0 * * 7', 7 * DAY, False),
    ('0 0 1 * *', 31 * DAY, True),
    ('0 0 1 jan *', 366 * DAY, True),
    ('0 0 1,15 * fri', 7 * DAY, True),          # either day matches
    ('0 0 */2 * *', 2 * DAY, True),
    ('10,15 3 * * *', 1435 * 60, True), ('0 0 * * mon,2', 6 * DAY, True), ('0 0 * * Mon', 7 * DAY, False), ('0 0 * * Monday', None, False),
    ('0 0 1 feb,jul *', 215 * DAY, True),
    # A field that begins with a star restricts nothing, so that both have to match.
    ('0 0 */2 * 5', 21 * DAY, True), ('0 0 13 * */2', 153 * DAY, True), ('0 0 13 * 0-6/2', 2 * DAY, True),
    ('0 0 1,32 * *', None, False), ('0 0 1 1,13 *', None, False), ('0 0 * * 1,8', None, False), ('0 24 * * *', None, False), ('0,60 * * * *', None, False),
    ('@hourly', HOUR, False), ('@daily', DAY, False), ('@weekly', 7 * DAY, False), ('@Weekly', None, False),
    ('@every_minute', 60, False), ('@1800', 1800, False),
    ('@reboot', None, False), ('61 * * * *', None, False), ('* * *', None, False), ('a b c d e', None, False), ('*/0 * * * *', None, False),
    ('* * 30 2 *', None, False), ('9-3 * * * *', None, False), ('0 0 29 2 *', None, False), ('', None, False),
])
def test_cron_interval(schedule, seconds, uneven):
    assert _schedule.cron_interval(schedule) == (seconds, uneven)


MINUTES = st.one_of(st.just('*'), st.integers(1, 59).map('*/{}'.format),
                    st.lists(st.integers(0, 59), min_size=1, max_size=4).map(lambda xs: ','.join(map(str, xs))))
HOURS = st.one_of(st.just('*'), st.integers(1, 23).map('*/{}'.format),
                  st.tuples(st.integers(0, 23), st.integers(0, 23)).map(lambda xs: '%d-%d' % (min(xs), max(xs))))
WEEKDAYS = st.one_of(st.just('*'), st.integers(0, 6).map(str), st.just('1-5'), st.just('2,4'))

SUNDAY = datetime.date(2026, 11, 1)


def allowed(field, value):
    if field.startswith('*'):
        return value % int(field[2:] or 1) == 0
    return any(int(part.split('-')[0]) <= value <= int(part.split('-')[-1]) for part in field.split(','))


@settings(max_examples=40)
@given(MINUTES, HOURS, WEEKDAYS)
def test_cron_interval_is_what_minute_by_minute_counting_gives(minute, hour, weekday):
    # Weekdays and hours first: most minutes of three weeks need no look of their own.
    minutes = [at for at in range(60) if allowed(minute, at)]
    runs = [day * 1440 + at * 60 + past for day in range(22) if allowed(weekday, (SUNDAY + datetime.timedelta(days=day)).isoweekday() % 7)
            for at in range(24) if allowed(hour, at) for past in minutes]
    gaps = {after - before for before, after in zip(runs, runs[1:])}
    assert _schedule.cron_interval('%s %s * * %s' % (minute, hour, weekday)) == (max(gaps) * 60, len(gaps) > 1)


@given(st.text(max_size=30))
def test_no_schedule_text_raises(text):
    _schedule.cron_interval(text)
    _schedule.timer_interval({'OnCalendar': [text]})
    _schedule.timespan(text)
    _schedule.cron_entries(text, True)
    _schedule.process_role(text, (text,))


def test_cron_entries():
    text = 'MAILTO=root\n# comment\n\n*/20 * * * *\tsmmsp\ttest -x /a && /b c\n@daily root /x y\nSHELL = /bin/sh\n1 2 3 4\n#*/5 * * * * u off\n'
    assert _schedule.cron_entries(text, True) == [
        {'line': 4, 'schedule': '*/20 * * * *', 'user': 'smmsp', 'command': 'test -x /a && /b c', 'shell': None, 'path': None},
        {'line': 5, 'schedule': '@daily', 'user': 'root', 'command': '/x y', 'shell': None, 'path': None}]
    assert _schedule.cron_entries('0 1 * * * /x  y z\n', False) == [
        {'line': 1, 'schedule': '0 1 * * *', 'user': None, 'command': '/x  y z', 'shell': None, 'path': None}]


# cron(8) reads a file up to each newline (get_char() in misc.c) and sed(1) counts the same lines; a form feed, a carriage return and what Unicode calls the
# end of a line are characters of it.
@pytest.mark.parametrize('char', ['\x0b', '\x0c', '\r', '\x1c', '\x85', '\u2028'])
def test_lines_are_those_of_cron(char):
    found = _schedule.cron_entries('# page%s two\n\n5 * * * * root /usr/sbin/sendmail -Ac -q\n' % char, True)
    assert [(entry['line'], entry['command']) for entry in found] == [(3, '/usr/sbin/sendmail -Ac -q')]


def test_lines_that_are_too_short_are_none():
    assert _schedule.cron_entries('@daily\n1 2 3 4 5\n@daily /x\n', False) == [
        {'line': 3, 'schedule': '@daily', 'user': None, 'command': '/x', 'shell': None, 'path': None}]
    assert _schedule.cron_entries('@daily root\n1 2 3 4 5 root\n1 2 3 4 5 root /x\n', True) == [
        {'line': 3, 'schedule': '1 2 3 4 5', 'user': 'root', 'command': '/x', 'shell': None, 'path': None}]


def test_what_a_cron_line_runs():
    """Behind an unescaped % stands the input of the command, and SHELL counts for what is below it: crontab(5)."""
    found = _schedule.cron_entries('* * * * * /a \\% b % /c\nSHELL = "/bin/no"\n* * * * * % /c\n', False)
    assert [(entry['command'], entry['shell']) for entry in found] == [('/a \\% b ', None), ('', '/bin/no')]


@pytest.mark.parametrize('schedule, never', [
    ('0 0 30 2 *', True), ('@reboot', True), ('61 * * * *', True), ('0 0 28 2 *', False), ('0~59 * * * *', False), ('@daily', False),
    ('@every 5', True), ('@Hourly', True), ('@every_second', False), ('-*/15 * * * *', False), ('0/30 * * * *', True)])
def test_a_schedule_that_does_not_come(schedule, never):
    assert _schedule.never(schedule) is never


@pytest.mark.parametrize('schedule, refused', [
    ('*/30 * * * *', False), ('3/20 * * * *', True), ('3-59/20 * * * *', False), ('* * * * monday', True), ('* * * * Mon', False), ('@hourly', False),
    ('@Hourly', True), ('@every 5', True),
    ('@every_minute', True), ('-*/15 * * * *', True), ('-@hourly', True), ('0 0 * * fri-sun', False), ('0 22-2 * * *', False),
    ('0~59 * * * *', False), ('0 0 1 january *', True), ('61 * * * *', True), ('@reboot', False), ('0 0 30 2 *', False)])
def test_a_schedule_that_debians_cron_refuses(schedule, refused):
    """What "crontab -n" of cron 3.0pl1-162 says."""
    assert _schedule.refused('# c\n%s true\n' % schedule, False, []) == (2 if refused else None)


@pytest.mark.parametrize('line, refused', [
    ('* * * * * root true', False), ('* * * * * root ', False), ('* * * * * root', True), ('* * * * * nobody-else true', True), ('* * * * *', True),
    ('@daily root\ttrue', False), ('@daily root', True), ('junk', True), ('* * * * * root %s' % ('x' * 998), False), ('* * * * * root %s' % ('x' * 999), True),
    ('  # c', False), ('\t', False), ('\r', True), ('\x0c# c', True), ('SHELL=', True), ('SHELL=""', False), ('SHELL = /bin/sh', False),
    ('SHELL="/bin/sh', True),
    ('A-B=c d', False), ('"A B"=c', False), ('"A=B"=c', True), ('=c', False), ('* 1-5-7 * * * root true', False), ('* ** * * * root true', False),
    ('* 5; * * * root true', False), ('* ;5 * * * root true', True), ('* * * * */0 root true', True), ('*\x0c* * * * * root true', False),
    ('*\u00a0* * * * * root true', False), ('24 24 * * * root true', True)])
def test_a_line_for_which_debians_cron_reads_nothing_of_a_file(line, refused):
    """load_user() of cron 3.0pl1-162 says the same of 10,000 crontabs that were made at random, and of each of these."""
    assert _schedule.refused('* * * * * root true\n%s\n' % line, True, ['root']) == (2 if refused else None)


@pytest.mark.parametrize('line, path', [
    ('PATH=/a', '/a'), ('PATH = "/a b" ', '/a b'), ("PATH='/a'", '/a'), ('PATH=/a # c ', '/a # c'), ('"PATH"=/a', '/a'), ('PATH==/a', '=/a'), ('PATH', None),
    ('PATH="/a', None), ('PATH="/a" b', None), ('#PATH=/a', None), ('MAILTO=PATH=/a', None)])
def test_a_setting_of_a_crontab(line, path):
    """load_env() in env.c."""
    assert _schedule.cron_entries('%s\n@daily /x\n' % line, False)[-1]['path'] == path


@pytest.mark.parametrize('text, found', [
    ('DAEMON_MODE="Daemon";\nQUEUE_MODE="${DAEMON_MODE}";\nQUEUE_INTERVAL="10m";\nMSP_MODE="Cron";\nMSP_INTERVAL="20m";\nHANDS_OFF="No";\n',
     ('daemon', 'daemon', 'cron', 600, 1200, False)),
    ('', ('daemon', 'daemon', 'daemon', 600, 600, False)),
    ('MSP_MODE=None\nMSP_INTERVAL=30\nHANDS_OFF=1', ('daemon', 'daemon', 'none', 600, 1800, True)),
    ('QUEUE_MODE="Cron"\nMSP_INTERVAL="p2h"', ('daemon', 'cron', 'daemon', 600, 7200, False)),
    ('MSP_INTERVAL="often"', ('daemon', 'daemon', 'daemon', 600, None, False)),
])
def test_debian_settings(text, found):
    settings_found = _schedule.debian_settings(text)
    assert tuple(settings_found[name] for name in ('daemon_mode', 'queue_mode', 'msp_mode', 'queue_interval', 'msp_interval', 'hands_off')) == found


SM_CLIENT = '''[Unit]
Description=Sendmail Mail Transport Client
BindTo=sendmail.service

[Service]
Type=forking
PIDFile=/run/sm-client.pid
Environment=SENDMAIL_OPTS=-q1h
EnvironmentFile=-/etc/sysconfig/sendmail
ExecStart=/usr/sbin/sendmail -L sm-msp-queue -Ac $SENDMAIL_OPTS $SENDMAIL_OPTARG
'''


def test_a_unit_with_a_drop_in():
    assert _schedule.unit_command(_schedule.unit(SM_CLIENT)).split() == ['/usr/sbin/sendmail', '-L', 'sm-msp-queue', '-Ac', '-q1h']
    assert '-q2h' in _schedule.unit_command(_schedule.unit(SM_CLIENT), {'SENDMAIL_OPTS': '-q2h'})
    changed = _schedule.unit(SM_CLIENT, '[Service]\nExecStart=\nExecStart=-/usr/sbin/sendmail -L sm-msp-queue \\\n  -Ac -q30m\n')
    assert _shell.queue_run(_schedule.unit_command(changed))['interval'] == 1800


@pytest.mark.parametrize('text, value', [
    ('A="-q30m"\n', '-q30m'), ("A='-Ac -q30m'\n", '-Ac -q30m'), ('A=-v -q30m\n', '-v -q30m'), ('A=-q30m # often\n', '-q30m # often'),
    ('A=1\nA="$A -q30m"\n', '$A -q30m'), ('; A=1\n#A=2\n', None), ('A=-v \\\n-q30m\n', '-v -q30m'), ("# don't\nA=-q1h\n", '-q1h'), ('export A=1\n', None)])
def test_an_environment_file_is_no_shell(text, value):
    """EnvironmentFile= in systemd.exec(5): what stands behind the = is the value, with blanks, and no variable is put in."""
    assert _schedule.environment(text).get('A') == value


def test_an_environment_file_says_what_systemd_made_of_it():
    """As systemd 252 gave it to a program."""
    text = ('X="-Ac -q20m" # note\nY=a "b c"\nZ=\'q 1\' "r"  t\nA=x # y\nB="a"b\n C = d\nD=  "x y"  \nE=a\\ b\nF="a \\"q\\" b"\n#G=1\n;H=1\nI=it\'s\n'
            'export J=1\n')
    assert _schedule.environment(text) == {
        'X': '-Ac -q20m# note', 'Y': 'a "b c"', 'Z': 'q 1rt', 'A': 'x # y', 'B': 'ab', 'C': 'd', 'D': 'x y', 'E': 'a b', 'F': 'a "q" b', 'I': "it's"}


def test_what_is_no_setting_of_a_unit():
    """systemd.syntax(7): comments begin with # or ;, sections with [."""
    assert _schedule.unit('[Service]\n#A=1\n;B=2\nplain\n[x=y]\nC=3\n') == {'C': ['3']}


def test_a_variable_in_braces():
    assert _schedule.unit_command({'Environment': ['A=-q1h', 'B=-Ac'], 'ExecStart': ['/x ${B} $A ${NONE}']}) == '/x -Ac -q1h '


@pytest.mark.parametrize('load, queue_la, bound', [
    (15, 16, None), (16, 16, 600000), (17, 16, 300000), (35, 16, 30000), (36, 16, 28571),
    (0, 0, 600000), (19, 0, 30000), (20, 0, 28571), (0, 1, None)])
def test_the_priority_from_which_on_a_message_stays(load, queue_la, bound):
    """shouldqueue() in conf.c: not below QueueLA, then where pri > QueueFactor / (CurrentLA - QueueLA + 1). 0 is a limit like any other."""
    assert _schedule.priority_bound(load, {'queue_la': queue_la, 'queue_factor': 600000}) == bound


# systemd.time(7): a month is 30.44 days and a year 365.25.
@pytest.mark.parametrize('units, seconds', [
    ('s sec second seconds', 1), ('m min minute minutes', 60), ('h hr hour hours', 3600), ('d day days', 86400), ('w week weeks', 604800),
    ('M month months', 2629800), ('y year years', 31557600)])
def test_every_unit_of_a_time_span(units, seconds):
    assert [_schedule.timespan('2 ' + unit) for unit in units.split()] == [2 * seconds] * len(units.split())


def test_parts_of_a_second():
    assert [_schedule.timespan(text) for text in ('3000000us', '3000000usec', '3000ms', '3000msec', '2')] == [3, 3, 3, 3, 2]


@pytest.mark.parametrize('text, seconds', [
    ('30min', 1800), ('30m', 1800), ('1h 30min', 5400), ('1h30min', 5400), ('90', 90), ('1.5h', 5400), ('2 weeks', 1209600),
    ('soon', None), ('', None), ('1 fortnight', None),
])
def test_timespan(text, seconds):
    assert _schedule.timespan(text) == seconds


@pytest.mark.parametrize('text, seconds, uneven', [
    ('*:0/30', 1800, False), ('*-*-* *:00/30:00', 1800, False), ('*:00,30', 1800, False), ('hourly', HOUR, False), ('daily', DAY, False),
    ('weekly', 7 * DAY, False), ('Mon..Fri 08:00', 72 * HOUR, True), ('*-*-01 04:00:00', 31 * DAY, True), ('08:15', DAY, False),
    ('Monday 08:00', 7 * DAY, False), ('Monday..Friday 08:00', 72 * HOUR, True), ('0/6:00', 6 * HOUR, False), ('8-18/2:00', 14 * HOUR, True),
    ('*-*-*/2 00:00', None, False), ('*-*/3-01 00:00', None, False), ('08:00 UTC', DAY, False),
    ('*:0/30 Europe/Berlin', 1800, False), ('Mon *-*-* 03:00 America/Argentina/Salta', 7 * DAY, False),
    ('*-01/3-01 00:00', 92 * DAY, True), ('*:*', 60, False), ('Mon *-*-1 00:00', None, False), ('*-*~3', None, False), ('tomorrow', None, False),
])
def test_calendar_interval(text, seconds, uneven):
    assert _schedule.timer_interval({'OnCalendar': [text]}) == (seconds, uneven)


@pytest.mark.parametrize('text, found', [
    ('[Timer]\nOnBootSec=5min\nOnUnitActiveSec=30min\n', (1800, False)),
    ('[Timer]\nOnCalendar=*:0/45\n', (2700, True)),
    ('[Timer]\nOnCalendar=hourly\nOnUnitInactiveSec=20min\n', (1200, True)),
    ('[Timer]\nOnBootSec=5min\n', (None, False)),
    # What "systemd-analyze calendar" says of both together.
    ('[Timer]\nOnCalendar=*:00\nOnCalendar=*:30\n', (1800, False)), ('[Timer]\nOnCalendar=*:0/30\nOnCalendar=*:15\n', (1800, True)),
    ('[Timer]\nOnCalendar=02:00\nOnCalendar=14:00\n', (12 * HOUR, False)), ('[Timer]\nOnCalendar=Mon 02:00\nOnCalendar=*:30\n', (HOUR, True)),
    ('[Timer]\nOnCalendar=hourly\nOnCalendar=\nOnCalendar=*:0/30 UTC\n', (1800, False)),
])
def test_timer_interval(text, found):
    assert _schedule.timer_interval(_schedule.unit(text)) == found


@pytest.mark.parametrize('title, expected', [
    ('sendmail: MTA: accepting connections', {'role': 'daemon', 'prefix': 'MTA'}),
    ('sendmail: accepting connections on 127.0.0.1', {'role': 'daemon'}),
    ('sendmail: MTA: rejecting connections on daemon MTA-v4: load average: 50',
     {'role': 'daemon', 'prefix': 'MTA', 'rejecting': 'rejecting connections on daemon MTA-v4: load average: 50'}),
    ('sendmail: MTA: deferring connections on daemon MTA-v4: 15 per second', {'role': 'daemon', 'prefix': 'MTA'}),
    ('sendmail: MSP: Queue runner@00:30:00 for /var/spool/mqueue-client',
     {'role': 'queue_runner', 'prefix': 'MSP', 'interval': 1800, 'directory': '/var/spool/mqueue-client'}),
    ('sendmail: Queue runner@1+00:00:05 for /var/spool/clientmqueue', {'role': 'queue_runner', 'interval': 86405, 'directory': '/var/spool/clientmqueue'}),
    ('sendmail: MSP: Queue control', {'role': 'queue_runner', 'prefix': 'MSP'}),
    ('sendmail: MSP: running queue: /var/spool/mqueue-client', {'role': 'queue_run', 'prefix': 'MSP', 'directory': '/var/spool/mqueue-client'}),
    ('sendmail: MSP: ./6ANF9o5V000220 [127.0.0.1]: client greeting', {'role': 'delivery', 'prefix': 'MSP', 'id': '6ANF9o5V000220'}),
    ('sendmail: MTA: q3/6ANF9o5V000220 from queue', {'role': 'delivery', 'prefix': 'MTA', 'id': '6ANF9o5V000220'}),
    ('sendmail: MTA: 6ANF9o5V000220 localhost [127.0.0.1]: DATA', {'role': 'delivery', 'prefix': 'MTA', 'id': '6ANF9o5V000220'}),
    ('sendmail: MTA: server localhost [127.0.0.1] cmd read', {'role': 'session', 'prefix': 'MTA'}),
    ('sendmail: MTA: control cmd read', {'role': 'other', 'prefix': 'MTA'}),
    # ProcessTitlePrefix of any kind
    ('sendmail: sm-mta: accepting connections', {'role': 'daemon', 'prefix': 'sm-mta'}),
    ('sendmail: mail.example.test: in: accepting connections', {'role': 'daemon', 'prefix': 'mail.example.test: in'}),
    ('sendmail: accepting connections', {'role': 'daemon'}),
    ('sendmail: rejecting connections on daemon MTA: 40 children, max 40',
     {'role': 'daemon', 'rejecting': 'rejecting connections on daemon MTA: 40 children, max 40'}),
    ('sendmail: sm-mta: rejecting connections on daemon MTA: free memory: 3',
     {'role': 'daemon', 'prefix': 'sm-mta', 'rejecting': 'rejecting connections on daemon MTA: free memory: 3'}),
    ('sendmail: MTA: rejecting new messages: min free: 100', {'role': 'daemon', 'prefix': 'MTA', 'full': 'rejecting new messages: min free: 100'}),
    ('sendmail: x: Queue runner@1+00:30:00 for /var/spool/mqueue-client', {
        'role': 'queue_runner', 'prefix': 'x', 'interval': 88200, 'directory': '/var/spool/mqueue-client'}),
    ('sendmail: MTA: delaying connections on daemon MTA: load average=9 >= 8', {'role': 'daemon', 'prefix': 'MTA'}),
])
def test_process_role(title, expected):
    assert {name: value for name, value in _schedule.process_role(title).items() if value is not None} == expected


@pytest.mark.parametrize('argv, role, prefix, interval', [
    (['/usr/sbin/sendmail', '-L', 'sm-mta', '-bd', '-q1h'], 'daemon', None, 3600),
    (['/usr/sbin/sendmail', '-Ac', '-q30m'], 'queue_runner', 'MSP', 1800),
    (['sendmail', '-Ac', '-q', '-v'], 'queue_run', 'MSP', None),
    (['sendmail', '-Ac', '-q1h'], 'queue_runner', 'MSP', 3600),
    (['sendmail', '-Ac', '-qf', '-q30m'], 'queue_runner', 'MSP', 1800),
    (['sendmail', '-Ac', '-q30m', '-q'], 'queue_run', 'MSP', None),
    (['sendmail', '-Ac', '-q5x'], 'queue_run', 'MSP', None),
    (['sendmail -Ac -qp'], 'queue_runner', None, 1),
    (['sendmail', '-bl', '-q1h'], 'daemon', None, 3600), (['sendmail', '-bD'], 'daemon', None, None), (['sendmail', '-bp'], 'other', None, None),
    (['sendmail', '-Ac', '-qnever'], 'queue_run', 'MSP', None),
    (['/usr/sbin/sendmail', '-i', 'bob'], 'other', None, None),
])
def test_a_process_that_has_no_title_yet(argv, role, prefix, interval):
    found = _schedule.process_role('', argv)
    assert (found['role'], found['prefix'], found['interval']) == (role, prefix, interval)


@pytest.mark.parametrize('line', ['A=b' + ' ' * 200000 + 'c', '1-' + '9' * 200000 + ' * * * * true', '*/' + '9' * 200000 + ' * * * * true'])
def test_a_user_cannot_keep_the_reader_of_his_crontab_busy(line):
    """Nor stop it: int() takes no more than 4300 digits since 3.11."""
    began = time.monotonic()
    _schedule.cron_entries(line, False)
    assert _schedule.refused(line, False, []) == (None if line[0] == 'A' else 1)
    assert time.monotonic() - began < 5
