# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What shell text starts. Python 3.6 syntax."""
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.mailops.sendmail.plugins.module_utils import _shell

PLAIN = {'how': 'sendmail', 'interval': None, 'partial': False}


@pytest.mark.parametrize('command, found', [
    ('/usr/sbin/sendmail -Ac -q', PLAIN),
    ('/usr/sbin/sendmail -q -Ac', PLAIN),
    ('/usr/lib/sendmail -A c -qf -L sm-msp-queue', PLAIN),
    ('[ -x /usr/sbin/sendmail ] && /usr/sbin/sendmail -Ac -qf >/dev/null 2>&1', PLAIN),
    ('su smmsp -s /bin/sh -c "/usr/sbin/sendmail -Ac -q"', PLAIN),
    ('timeout 600 nice sendmail-msp -qf -Ac', PLAIN),
    ('sendmail -C/etc/mail/submit.cf -q', PLAIN),
    ('sendmail -C /etc/mail/submit.cf -q', PLAIN),
    ('/usr/sbin/sendmail -L sm-msp-queue -Ac -q1h', dict(PLAIN, interval=3600)),
    ('/usr/sbin/sendmail -Ac -qp90', dict(PLAIN, interval=5400)),
    ('/usr/sbin/sendmail -Ac -qRexample.com', dict(PLAIN, partial=True)),
    ('/usr/sbin/sendmail -Ac -q!Sroot', dict(PLAIN, partial=True)),
    ('test -x /usr/libexec/sendmail/sendmail && /usr/share/sendmail/sendmail cron-msp', dict(PLAIN, how='cron-msp')),
    ('/usr/share/sendmail/sendmail cron-mta', dict(PLAIN, how='cron-mta')),
    ('/usr/share/sendmail/sendmail cron-msp >/dev/null', dict(PLAIN, how='cron-msp')),
    ('exec -a sendmail /usr/share/sendmail/sendmail cron-msp', dict(PLAIN, how='cron-msp')),
    ('/usr/sbin/sendmail -Ac -q5x', PLAIN),             # no such unit
    # main.c, case 'q': the last time counts, the others are no times, and -qp alone is a persistent run each second.
    ('sendmail -Ac -qf -q30m', dict(PLAIN, interval=1800)), ('sendmail -Ac -q30m -qf', dict(PLAIN, interval=1800)),
    ('sendmail -Ac -q30m -q1h', dict(PLAIN, interval=3600)), ('sendmail -Ac -q30m -q', PLAIN), ('sendmail -Ac -q0', PLAIN),
    ('sendmail -Ac -qp', dict(PLAIN, interval=1)), ('sendmail -Ac -q30m -qp', dict(PLAIN, interval=1800)),
    ('sendmail -Ac -qGx -q30m', dict(PLAIN, interval=1800, partial=True)), ('sendmail -Ac -q30m -q!Rx', dict(PLAIN, interval=1800, partial=True)),
    ('sendmail -Ac -qQ -q30m', None), ('sendmail -Ac -q30m -qL', None), ('sendmail -Ac -q!Qspam', None),
    ('sendmail -Ac -qQspam', None), ('sendmail -Ac -qLx', None),
    ('sendmail -q', None),                              # the MTA queue
    ('sendmail -Am -q', None),
    ('sendmail -q; /x -Ac', None),
    ('sendmail -Ac -bp', None),
    ('sendmail -Ac -qQ', None), ('sendmail -Ac -qL', None),
    ('sendmail -t < /x -Ac', None),
    ('/usr/sbin/exim -q', None),
    ('echo sendmail', None), ('', None),
    # What only names the program, and its nearest neighbours that start it.
    ('echo /usr/sbin/sendmail -Ac -q', None),
    ('echo run | /usr/sbin/sendmail -Ac -q', PLAIN),
    ('/usr/bin/logger "now; /usr/sbin/sendmail -Ac -q"', None),
    ('logger "now" && /usr/sbin/sendmail -Ac -q', PLAIN),
    (': /usr/sbin/sendmail -Ac -q', None),
    ('if [ -x /x ]; then LC_ALL=C exec /usr/sbin/sendmail -Ac -q; fi', PLAIN),
    ('printf "%s" x; sh -c "echo; sendmail -Ac -q"', PLAIN),
    ("it's sendmail -Ac -q", PLAIN),                     # an open quote
    # The queue of another host, of a container, of a jail.
    ('ssh hub /usr/sbin/sendmail -Ac -q', None), ('docker exec mail sendmail -Ac -q', None), ('sudo podman exec mail /usr/sbin/sendmail -Ac -q', None),
    ('chroot /srv/mail /usr/sbin/sendmail -Ac -q', None), ('jexec web /usr/sbin/sendmail -Ac -q', None),
    ('docker ps >/dev/null; /usr/sbin/sendmail -Ac -q', PLAIN), ('sudo -u smmsp /usr/sbin/sendmail -Ac -q', PLAIN),
])
def test_queue_run(command, found):
    assert _shell.queue_run(command) == found


RUN = '/usr/sbin/sendmail -L sm-msp-queue -Ac -q'


# What would go with the run if its line or unit went, as sh(1) reads it.
@pytest.mark.parametrize('command, other', [
    (RUN, None), (RUN + ' >/dev/null 2>&1', None), (RUN + ' &> /dev/null &', None), ('nice -n 10 ionice -c3 ' + RUN, None),
    ('[ -x /usr/sbin/sendmail ] && ' + RUN, None), ('test -x /usr/sbin/sendmail || exit 0; ' + RUN, None), ('if test -d /q; then %s; fi' % RUN, None),
    ('cd / && sleep 30; ' + RUN, None), ('sleep $((RANDOM \\% 600)); ' + RUN, None), ('flock -n /run/q.lock -c "%s"' % RUN, None),
    ('MAILTO= LC_ALL=C ' + RUN, None), (RUN + '; ' + RUN, None), (RUN + ' || echo failed | logger -t mail', None),
    ('( %s )' % RUN, None), ('su -s /bin/sh -c "test -d /q && %s" smmsp' % RUN, None),
    (RUN + ' && /usr/local/bin/rotate', '/usr/local/bin/rotate'), (RUN + '; find /tmp -mtime +7 -delete', 'find'),
    ('cd / && run-parts --report /etc/cron.hourly; ' + RUN, 'run-parts'), ('nice /usr/local/bin/backup; ' + RUN, 'nice'),
    ('su -c "/usr/local/bin/backup; %s" root' % RUN, '/usr/local/bin/backup'), ("sh -c '%s && sync-quota'" % RUN, 'sync-quota'),
    ('( %s; backup ) 2>&1' % RUN, 'backup'),
    # The queue of the MTA is another one.
    (RUN + '; /usr/sbin/sendmail -q', '/usr/sbin/sendmail'), ('/usr/sbin/sendmail -bd ; %s30m' % RUN, '/usr/sbin/sendmail'),
])
def test_what_a_command_does_beside_the_run(command, other):
    assert _shell.beside(command) == other


def test_runq_reaches_the_client_queue_only_as_debians_wrapper():
    assert _shell.queue_run('/usr/sbin/runq') is None
    assert _shell.queue_run('/usr/sbin/runq', True) == PLAIN


# Each as sh(1) does it.
@pytest.mark.parametrize('text, kinds, alien', [
    ('test -x /a && [ -d /b ] && cd /c && ' + RUN, [('x', '/a', True), ('d', '/b', True), ('cd', '/c', True)], None),
    ('if [ ! -e /a ]; then %s; fi' % RUN, [('e', '/a', False)], None), ('[[ -x /a ]] && ' + RUN, [], '[['),
    ('test -x /a && source /b && ' + RUN, [('x', '/a', True)], 'source'),
    ('test -x /a || exit; ' + RUN, [], None), ('if test -x /a; then true; else %s; fi' % RUN, [], None), ('test -x "$A" && ' + RUN, [], None),
    ('test -x /a; ' + RUN, [], None), ('source /b; ' + RUN, [], None), ('', [], None)])
def test_tests_in_front(text, kinds, alien):
    assert _shell.guards(text) == ([_shell.Guard(*kind) for kind in kinds], alien)


@pytest.mark.parametrize('command, files', [
    (RUN + ' >/var/log/a 2>&1', ['/var/log/a']), (RUN + ' >> "/var/log/a" 2> /b', ['/var/log/a', '/b']), (RUN + ' >|/a', ['/a']),
    (RUN + ' >/dev/null', []), (RUN + ' </a', []), (RUN + ' >/var/log/$(date)', []), ('sh -c "%s >/a b"' % RUN, []), (RUN, [])])
def test_files_that_the_shell_opens_for_output(command, files):
    assert _shell.written(command) == files


@pytest.mark.parametrize('text, called, found', [
    ('test -x /x && nice %s; date' % RUN, None, ['nice ' + RUN]), ('date; /x/flush -v', '/x/flush', ['/x/flush -v']), ('date', None, []),
    ('sh -c "date; %s"' % RUN, None, ['sh -c "date; %s"' % RUN])])
def test_those_commands_that_run_the_queue(text, called, found):
    assert _shell.runs(text, called) == found


@pytest.mark.parametrize('text, paths', [
    ('/x/flush', ['/x/flush']), ('cd / && (/x/a; sh /x/b)', ['/x/a', '/x/b']), ('/etc/init.d/cron restart; /usr/share/sendmail/update_db', []),
    (' '.join('/%d' % number for number in range(9)), ['/%d' % number for number in range(8)]), ('echo x/flush "/x/flush"', [])])
def test_what_may_be_scripts(text, paths):
    assert _shell.calls(text) == paths


@pytest.mark.parametrize('path, found', [
    ('/srv/q', '/srv/q'), ('/srv/q/', '/srv/q'), ('/q', None), ('/q/', None), ('/*', None), ('/srv/*', '/srv/*'), ('$Q', None)])
def test_a_run_of_another_queue(path, found):
    assert _shell.of_another_queue('%s -O QueueDirectory=%s' % (RUN, path), ['/q']) == found
    assert _shell.of_another_queue('%s -O QueueDirectory=%s' % (RUN, path), []) is None
    assert _shell.of_another_queue(RUN, ['/q']) is None


@pytest.mark.parametrize('command, words', [
    ("su mail -c '%s'" % RUN, ['su', 'mail', '-c']), ('/bin/su - mail -c "x y"', ['/bin/su', '-', 'mail', '-c']),
    ('runuser -l mail -c x', ['runuser', '-l', 'mail', '-c', 'x']),
    ('su -s /bin/sh mail -c x', []), ('runuser -u mail -- x', []), ('sudo -u mail x', [])])
def test_a_command_for_the_shell_of_an_account(command, words):
    assert _shell.given_to_shell(command) == words


@pytest.mark.parametrize('command, path', [
    ('flock -n /run/lock ' + RUN, '/run/lock'), ('/usr/bin/flock /usr/bin/flock /run/lock x', '/run/lock'), ('flock 9', None), ('cat /run/lock', None)])
def test_the_lock_that_a_command_waits_for(command, path):
    assert _shell.lock(command) == path


@pytest.mark.parametrize('text, found', [
    ('while :; do %s; sleep 30m; done' % RUN, ['30m']), ('until x\ndo\n%s\nsleep 9\ndone' % RUN, ['9']), ('%s; while :; do sleep 9; done' % RUN, []),
    ('while :; do %s30m; sleep 9; done' % RUN, []), ('while :; do %s; done' % RUN, [])])
def test_loops(text, found):
    assert [pause for _run, pause in _shell.loop_runs(text)] == found


@given(st.text('/ax "\'&|;()$`\\<>-*?=\n#%', max_size=40), st.text('/ax "\'', min_size=1, max_size=20).filter(str.split))
def test_no_shell_text_raises(text, command):
    for one in text, 'su ' + text, 'flock ' + text, text + ' sendmail -Ac -q':
        _shell.queue_run(one), _shell.beside(one), _shell.runs(one), _shell.calls(one), _shell.guards(one), _shell.script_run(one)
        _shell.of_another_queue(one, ['/']), list(_shell.loop_runs(one))
    for part in _shell.commands(text + command):
        _shell.written(part), _shell.given_to_shell(part), _shell.lock(part)
