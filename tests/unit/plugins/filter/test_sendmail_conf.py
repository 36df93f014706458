# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
import shutil
import subprocess

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.mailops.sendmail.plugins.filter.sendmail_conf import sendmail_conf

WANTED = [{'name': 'MSP_MODE', 'value': 'Cron'}, {'name': 'MSP_INTERVAL', 'value': '30m'}]
FILE = '''# Site policy, ticket 4711
DAEMON_MODE="Daemon";
QUEUE_MODE="${DAEMON_MODE}";
MSP_MODE="Daemon"; # why
AGE_DATA="[['25m', '', 'hourly', 'main'],\\
 ['120m', '', 'daily', 'hourly']]";

MISC_PARMS="-O MaxRecipientsPerMessage=50";
'''


def test_only_what_was_asked_for_changes():
    new = sendmail_conf(FILE, WANTED)
    assert new == FILE.replace('MSP_MODE="Daemon"; # why', 'MSP_MODE="Cron"; # why') + 'MSP_INTERVAL="30m";\n'
    assert sendmail_conf(new, WANTED) == new
    assert sendmail_conf(FILE, []) == FILE


@pytest.mark.parametrize('line', [
    'DAEMON_MODE="Daemon"; MISC_PARMS="-v"; CRON_MAILTO="ops"', "MISC_PARMS='-v'", 'MISC_PARMS=-v', 'if true; then MISC_PARMS="-v"; fi', '. /etc/default/mail',
    'export MISC_PARMS="-v"', 'MISC_PARMS="a \\"b\\" c"', 'MISC_PARMS="$(hostname)"', 'MISC_PARMS="`hostname`"',
    'MISC_PARMS="-v" CRON_MAILTO="ops"', 'MISC_PARMS="' + '$A' * 200 + "'"])
def test_what_the_generator_would_drop_is_named(line):
    with pytest.raises(AnsibleFilterError, match='line 3: ') as caught:
        sendmail_conf('#\nDAEMON_MODE="Daemon"\n' + line + '\n', WANTED)
    assert line[:80] in str(caught.value)


@pytest.mark.parametrize('text, new', [
    ('', 'MSP_MODE="Cron";\n'), ('# x', '# x\nMSP_MODE="Cron";\n'), ('MSP_MODE="a"\nMSP_MODE="b"\n', 'MSP_MODE="Cron";\n' * 2)])
def test_files_of_other_shapes(text, new):
    assert sendmail_conf(text, WANTED[:1]) == new


@pytest.mark.parametrize('value', ['30m"; touch /x; "', '$(id)', 'a\nb', 'a b'])
def test_a_value_that_is_shell_is_refused(value):
    with pytest.raises(AnsibleFilterError, match='is not a value'):
        sendmail_conf(FILE, [{'name': 'MSP_INTERVAL', 'value': value}])


@pytest.mark.skipif(not shutil.which('sh'), reason='there is no shell')
def test_the_shell_reads_what_was_written():
    done = subprocess.run(['sh', '-c', sendmail_conf(FILE, WANTED) + '\nprintf "%s|" "$DAEMON_MODE" "$MSP_MODE" "$MSP_INTERVAL" "$MISC_PARMS"'],
                          capture_output=True, text=True, check=True)
    assert done.stdout == 'Daemon|Cron|30m|-O MaxRecipientsPerMessage=50|'


def test_lines_of_dos_are_named_as_such():
    with pytest.raises(AnsibleFilterError, match=r'carriage return \(line 2 is the first\).*sed -i '):
        sendmail_conf('# mine\nMSP_MODE="Cron";\r\nMSP_INTERVAL="20m";\r\n', WANTED)
    # The rest of a comment is nobody's business.
    assert sendmail_conf('# mine\r\nMSP_MODE="Daemon";\n', WANTED[:1]) == '# mine\r\nMSP_MODE="Cron";\n'


# read_config() in Parse_conf.pm puts lines together before it looks for comments: QUEUE_MODE of the first is Daemon to it, and cron runs no queue.
@pytest.mark.parametrize('text, number', [
    ('# C:\\\nQUEUE_MODE="Cron";\n', 2), ('# a\\\n# b\\\nQUEUE_MODE="Cron";\n', 3), (' # a\\\nQUEUE_MODE="Cron";\n', 2),
    ('# a\\\n# b\nQUEUE_MODE="Cron";\n', None), ('# a\\\n\nQUEUE_MODE="Cron";\n', None), ('AGE_DATA="[\\\n]";\nQUEUE_MODE="Cron";\n', None)])
def test_what_a_comment_swallows_is_named(text, number):
    if number is None:
        assert sendmail_conf(text, []) == text
    else:
        with pytest.raises(AnsibleFilterError, match='line %d, behind a comment that ends with a backslash: QUEUE_MODE' % number):
            sendmail_conf(text, [])


# read_config() again: it keeps what a comment says of a variable, and takes a value like that for the default, which may be another by now.
@pytest.mark.parametrize('text, number', [
    ('# MSP_INTERVAL="30m"\nMSP_INTERVAL="20m";\n', 1), ('\n#MSP_INTERVAL="30m"; until 2019\n# why\nMSP_INTERVAL="20m";\n', 2),
    ('# CRON_MAILTO="ops"\nCRON_MAILTO="ops";\n', 1), ('# CRON_MAILTO="ops"\nCRON_MAILTO="root";\n', None),
    ('# MSP_INTERVAL="30m";  Timespec (digits+w|d|h|m|s)\nMSP_INTERVAL="30m";\n', None),
    ('# MSP_INTERVAL="30m"\n# MSP_MODE="Cron";  Keyword  MSP queue runner mode\nMSP_INTERVAL="20m";\n', None),
    ('# was: MSP_INTERVAL="30m"\nMSP_INTERVAL="20m";\n', None)])
def test_a_comment_that_makes_a_value_the_default_is_named(text, number):
    if number is None:
        assert sendmail_conf(text, WANTED[1:]).count('MSP_INTERVAL="30m";') == 1 + text.startswith('# MSP_INTERVAL="30m";')
    else:
        with pytest.raises(AnsibleFilterError, match='the comment in line %d: .*remove the comment' % number):
            sendmail_conf(text, WANTED[1:])
