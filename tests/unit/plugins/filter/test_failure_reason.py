# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.mailops.sendmail.plugins.filter.failure_reason import failure_reason

UNREAD = {'failed': True, 'msg': 'Module result deserialization failed: No start of json char found', 'rc': 1, 'module_stdout': ''}   # ansible-core 2.21
OLD = {'failed': True, 'msg': 'MODULE FAILURE\nSee stdout/stderr for the exact error', 'rc': 1, 'module_stdout': '', 'module_stderr': ''}   # 2.16
COMMAND = {'failed': True, 'msg': 'non-zero return code', 'rc': 1, 'cmd': ['cp', '-p', '/etc/x', '/var/backups/x'], 'stdout': '',
           'stderr': "cp: warning\ncp: error writing '/var/backups/x': No space left on device\n"}
SAID = 'The module could not be run. The host said: '


# What su, doas and sudo say: su.c of util-linux with PAM, doas.c (EPERM), sudo's sudoers.c.
@pytest.mark.parametrize('result, reason', [
    (dict(UNREAD, module_stderr='Password: su: Authentication failure\n'), SAID + 'Password: su: Authentication failure'),
    (dict(UNREAD, module_stderr='doas: Operation not permitted\n'), SAID + 'doas: Operation not permitted'),
    (dict(OLD, module_stdout='\r\nSorry, user deploy is not allowed to execute \'/bin/sh -c x\' as root on web1.\r\n'),
     SAID + "Sorry, user deploy is not allowed to execute '/bin/sh -c x' as root on web1."),
    # A traceback ends with what it is about.
    (dict(OLD, module_stderr='Traceback (most recent call last):\n  File "x", line 1\nMemoryError\n'), SAID + 'MemoryError'),
    (dict(UNREAD, module_stderr='\x1b[31mno\n'), SAID + '?[31mno'),
    (dict(UNREAD, module_stderr='x' * 5000), SAID + 'x' * 300),
    # Nothing was said, or half of an answer.
    (UNREAD, UNREAD['msg']),
    (OLD, 'MODULE FAILURE See stdout/stderr for the exact error'),
    (dict(UNREAD, module_stdout='{"changed": false, "mess'), UNREAD['msg']),
    # A module that answered, a filter that refuses an option, nothing at all.
    ({'msg': 'Only root can look.\n'}, 'Only root can look.'),
    ({'msg': "Task failed: Finalization failed: The filter plugin 'mailops.sendmail.option' failed: flush_queues_timeout: 'soon' is not a duration."},
     "flush_queues_timeout: 'soon' is not a duration."),
    # A command says it on its standard error, and of a loop the item does that failed.
    (COMMAND, 'cp: error writing \'/var/backups/x\': No space left on device (cp -p /etc/x /var/backups/x)'),
    (dict(COMMAND, stderr='', stdout='one\nno such thing\n'), 'no such thing (cp -p /etc/x /var/backups/x)'),
    (dict(COMMAND, msg='The command exited with a non-zero return code.', stderr='', rc=7),
     'It ended with status 7 and said nothing (cp -p /etc/x /var/backups/x)'),
    (dict(COMMAND, cmd='kill 1', stderr='\x1b' + 'x' * 5000), '?' + 'x' * 299 + ' (kill 1)'),
    ({'msg': 'One or more items failed', 'results': [{'failed': False, 'msg': 'well'}, {'skipped': True}, COMMAND, {'failed': True, 'msg': 'later'}]},
     'cp: error writing \'/var/backups/x\': No space left on device (cp -p /etc/x /var/backups/x)'),
    ({'msg': 'One or more items failed', 'results': []}, 'One or more items failed'),
    ({'msg': 'No package x available.', 'results': ['x']}, 'No package x available.'),   # dnf
    ({'msg': 'All items completed', 'results': [{'msg': 'well'}]}, 'All items completed'),
    ({'msg': 'Task failed: Module failed: Could not make backup'}, 'Could not make backup'), ({'msg': 'Module failed: x'}, 'x'),
    ({'msg': None}, ''), ({}, '')])
def test_the_reason_is_what_the_host_said(result, reason):
    assert failure_reason(result) == reason
