# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each check says, and from where on. Which causes and controls rest on it is in test__causes and test__controls."""

import pytest

from ansible_collections.mailops.sendmail.plugins.module_utils import _cf, _checks, _platform
from ansible_collections.mailops.sendmail.tests.unit.hosts_looked_at import DAEMON, HEALTHY, NOW, OTHER, ROOM, RUNNER, because, queue, relay, settings, waiting

MSP, MTA, FILES, PLACE, USER = HEALTHY.settings['msp'], HEALTHY.settings['mta'], HEALTHY.files, HEALTHY.places[0], HEALTHY.submitter
BARE = dict(HEALTHY.program, sendmail=None, path=None, target=None, is_sendmail=False)
HUNG = {'id': '6ANFSGsD000240', 'pid': 7, 'title': 'sendmail: MSP: client greeting', 'seconds': 600}
FOREIGN = dict(DAEMON, role='queue_run', user='root', pid=8, directory=PLACE['path'], title='sendmail: running queue')
GONE = {'queue': 'msp', 'path': '/q', 'error': 'No such file or directory', 'link': None}
LETTER = {'path': '/root/dead.letter', 'size': 5, 'mtime': NOW - 60}


def said(name, limits=None, **more):
    """(evidence, messages) of a check; whether it found something wrong agrees with it."""
    found = getattr(_checks, name)(HEALTHY._replace(**more), limits or {})
    assert found.wrong is bool(found.evidence)
    return found.evidence, found.messages


def counted(**states):
    return queue(messages=dict(queue()['messages'], **states))


def reasons(*rows, **more):
    return waiting(sum(row[1] for row in rows), top=dict(queue()['top'], reasons=[
        {'reason': reason, 'messages': count, 'example': example} for reason, count, example in rows], **more))


def names(**domains):
    return dict(HEALTHY.lookups, domains=dict((name, {'error': error, 'seconds': 0.26}) for name, error in domains.items()))


LOOP = {'msp': settings(run_as_user='smmsp', queue_la=8), 'mta': settings(queue_la=8)}
ROWS = [
    ('not_installed', {'program': BARE}, ['Sendmail is not installed on this host.'], 0),
    ('not_installed', {'program': BARE, 'left_behind': [{'path': '/q', 'messages': 1}]},
     ['Sendmail is not installed on this host.', '1 message is left in /q.'], 0),
    ('not_installed', {'program': dict(OTHER, sendmail=None)}, [], 0),
    ('other_program', {'program': BARE}, [], 0),
    ('other_program', {'program': dict(OTHER, sendmail=None)}, ['/usr/sbin/sendmail belongs to exim, and there is no Sendmail.'], 0),
    ('other_program', {'program': OTHER},
     ['/usr/sbin/sendmail leads to /usr/sbin/exim4, which is exim; Sendmail itself is /usr/libexec/sendmail/sendmail.'], 0),
    ('accounts', {'submitter': dict(USER, uid=None, gid=None)}, ['There is no user smmsp.', 'There is no group smmsp.'], 0),
    ('accounts', {'submitter': dict(USER, uid=0, gid=0)}, [], 0),
    ('accounts', {'submitter': dict(USER, uid=None, unseen=['smmsp'])},
     ['There is no user smmsp for programs, although /etc/passwd has a line for it: see that line, its mode, and "passwd:" in /etc/nsswitch.conf.'], 0),
    ('msp_configuration', {'files': dict(FILES, msp=dict(FILES['msp'], exists=False))},
     ['/etc/mail/submit.cf does not exist. Sendmail falls back to sendmail.cf, and submissions fail in the queue of the MTA.'], 0),
    ('mta_configuration', {'files': dict(FILES, mta=dict(FILES['mta'], exists=False))}, ['/etc/mail/sendmail.cf does not exist.'], 0),
    # What cannot be seen is not called absent.
    ('msp_configuration', {'files': dict(FILES, msp=dict(FILES['msp'], exists=False, error='Permission denied'))}, [], 0),
    ('dead_link', {'errors': [GONE, dict(GONE, link=('/var/q', '/mnt/q'))]}, ['/q: /var/q is a link to /mnt/q, which is not there.'], 0),
    ('directory', {'errors': [GONE, dict(GONE, link=('/q', '/mnt')), dict(GONE, queue='mta'), dict(GONE, path='/etc/mail/submit.cf')]},
     ['The queue directory /q: No such file or directory.'], 0),
    ('unmounted', {'filesystems': {'msp': None, 'mta': dict(ROOM, unmounted='/srv')}}, ['/srv should be mounted (/etc/fstab, a mount unit), and is not.'], 0),
    ('program_rights', {'program': dict(HEALTHY.program, setgid=False, mode='0755')},
     ['/usr/libexec/sendmail/sendmail is root:smmsp 0755 and not set-group-ID smmsp: only root can submit mail.'], 0),
    ('program_rights', {'program': dict(BARE, setgid=False)}, [], 0),
    ('program_rights', {'program': dict(HEALTHY.program, group='root')},
     ['/usr/libexec/sendmail/sendmail is root:root 2755 and not set-group-ID smmsp: only root can submit mail.'], 0),
    ('queue_rights', {'places': [dict(PLACE, mode=None, owner=None, group=None)]}, [], 0),
    ('queue_rights', {'places': [dict(PLACE, mode='2760')]},
     ['/var/spool/mqueue-client is smmsp:smmsp 2760; it has to be smmsp:smmsp and writable for both.'], 0),
    ('queue_rights', {'places': [dict(PLACE, mode='2670')]},
     ['/var/spool/mqueue-client is smmsp:smmsp 2670; it has to be smmsp:smmsp and writable for both.'], 0),
    ('queue_rights', {'places': [dict(PLACE, mode='2777')]}, [], 0),
    ('too_open', {'places': [dict(PLACE, mode=None), PLACE]}, [], 0),
] + [('too_open', {'places': [dict(PLACE, mode=mode)]},
      ['/var/spool/mqueue-client has mode %s: everybody on the host can reach or write into it.' % mode], 0) for mode in ('2771', '2772', '2774')] + [
    ('lost', {'queues': {'msp': counted(lost=2), 'mta': counted(lost=1)}}, [
        'Control files called Qf in the MSP queue: 2. A queue run gave them up, and no other tries them.',
        'Control files called Qf in the MTA queue: 1. A queue run gave them up, and no other tries them.'], 2),
    ('orphans', {'orphans': 2}, ['2 data files without a control file, left by a crash a day ago or longer.'], 0),
    ('orphans', {'orphans': 1}, ['1 data file without a control file, left by a crash a day ago or longer.'], 0),
    ('orphans', {'queues': {}}, [], 0),
    # gatherq() in queue.c: with MaxQueueAge a last try in the future keeps a message back, without it or with MinQueueAge none does.
    ('ahead', {'ahead': 1}, ['The last try of 1 message lies in the future, by the clock of this host.'], 1),
    ('ahead', {'ahead': 2, 'settings': {'msp': {'max_queue_age': 3600}}}, [
        'The last try of 2 messages lies in the future, by the clock of this host.',
        'MaxQueueAge is 3600 seconds: no queue run tries them before that time.'], 2),
    ('ahead', {'settings': {'msp': {'max_queue_age': 3600}}}, [], 0),
    ('queue_age', {'ahead': 1, 'settings': {'msp': {'min_queue_age': 60}}, 'queues': {'msp': waiting(1, last_attempt_age=0)}}, [], 0),
    ('queue_age', {'ahead': 1, 'settings': {'msp': {'min_queue_age': 60}}, 'queues': {'msp': waiting(2, last_attempt_age=0)}},
     ['MinQueueAge is 60 seconds, and the messages were tried 0 seconds ago: a queue run passes over them in silence.'], 2),
    ('queue_age', {'settings': {'msp': {'min_queue_age': 60}}, 'queues': {'msp': waiting(2, last_attempt_age=1)}},
     ['MinQueueAge is 60 seconds, and the messages were tried 1 second ago: a queue run passes over them in silence.'], 2),
    # The same function asks for no MinQueueAge where there is a MaxQueueAge, nor for the age of what was never tried (N0).
    ('queue_age', {'settings': {'msp': {'min_queue_age': 60, 'max_queue_age': 30}}, 'queues': {'msp': waiting(2, last_attempt_age=1)}}, [], 0),
    ('queue_age', {'settings': {'msp': {'min_queue_age': 60, 'max_queue_age': 0}}, 'queues': {'msp': waiting(3, last_attempt_age=1, never_tried=2)}},
     ['MinQueueAge is 60 seconds, and the messages were tried 1 second ago: a queue run passes over them in silence.'], 1),
    ('mta_untried', {'queues': {'mta': waiting(2, untried_age=1531)}, 'mta_interval': 600, 'settings': {'mta': settings(min_queue_age=900, max_queue_age=30)}},
     ['The MTA should run its queue every 600 seconds; a message was not tried for 1531 seconds.'], 2),
    ('mta_untried', {'queues': {'mta': waiting(2, untried_age=1530)}, 'mta_interval': 600, 'settings': {'mta': settings(min_queue_age=900, max_queue_age=30)}},
     [], 0),
    ('never_tried', {'passing': 1, 'queues': {'msp': waiting(2, never_tried=2)}}, [
        '1 message was never tried, and the load is not the reason: they were submitted with -odq or -odd, or the first attempt was interrupted.'], 1),
    ('never_tried', {'passing': 2, 'queues': {'msp': waiting(2, never_tried=2)}}, [], 0),
    ('dead_letters', {'dead_letters': [LETTER]}, ['/root/dead.letter has 5 bytes and was written 60 seconds ago.'], 0),
    ('dead_letters', {'dead_letters': [dict(LETTER, mtime=NOW + 9)]}, ['/root/dead.letter has 5 bytes and was written 0 seconds ago.'], 0),
    ('dead_letters', {'dead_letters': [dict(LETTER, size=0)]}, [], 0),
    ('stranded', {'stranded': [{'path': '/a', 'messages': 1}, {'path': '/b', 'messages': 2}]},
     ['1 message lies in /a, which is not a queue of this host.', '2 messages lie in /b, which is not a queue of this host.'], 3),
    ('msp_blocks', {'filesystems': {'msp': dict(ROOM, blocks_free=99)}}, ['/var has 99 free blocks of 4096 bytes for the MSP queue; MinFreeBlocks is 100.'], 0),
    ('msp_blocks', {'filesystems': {'msp': dict(ROOM, blocks_free=None)}}, [], 0),
    ('msp_blocks', {'filesystems': {'msp': dict(ROOM, blocks_free=0)}, 'settings': {}},
     ['/var has 0 free blocks of 4096 bytes for the MSP queue; MinFreeBlocks is 0.'], 0),
    ('msp_blocks', {'filesystems': {'msp': dict(ROOM, blocks_free=1)}, 'settings': {}}, [], 0),
    ('mta_inodes', {'filesystems': {'mta': dict(ROOM, inodes_free=0)}}, ['/var has 0 free inodes of 1000.'], 0),
    ('mta_inodes', {'filesystems': {'mta': dict(ROOM, inodes_free=1)}}, [], 0),
    ('mta_full', {'processes': [dict(DAEMON, full='min free: 100'), dict(DAEMON, full='second')], 'queues': {'msp': because(2, 'mta_disk_full', '452 4.4.5')}},
     ['The MTA says: min free: 100', 'Sendmail says: 452 4.4.5'], 2),
    ('read_only', {'filesystems': {'msp': dict(ROOM, immutable=True), 'mta': dict(ROOM, read_only=True)}}, [
        'The directory of the MSP queue is immutable or append-only (lsattr -d).', '/var, where the MTA queue lies, is mounted read-only.'], 0),
    ('read_only', {'filesystems': {'msp': None}}, [], 0),
    # A unit with ProtectSystem=strict, seen with 8.17.1.9: the MTA greets, takes MAIL and RCPT, and says "collect: Cannot write" to the message.
    ('read_only', {'processes': [dict(DAEMON, sees='read_only', title='x')]},
     ['Process 7 (x) works in /var/spool/mqueue, which it cannot write to: see ProtectSystem= and ReadWritePaths= of its unit.'], 0),
    ('read_only', {'processes': [dict(DAEMON, sees='read_only')], 'filesystems': {'mta': dict(ROOM, read_only=True)}},
     ['/var, where the MTA queue lies, is mounted read-only.'], 0),
    ('mta_cannot_write', {'processes': [dict(DAEMON, sees='read_only')], 'queues': {'msp': because(3, 'mta_queue', 'x')}}, [], 0),
    ('other_queue', {'processes': [dict(DAEMON, sees='hidden'), dict(DAEMON, pid=8, sees=None)]}, [
        'Process 7 (sendmail: MTA: accepting connections) works in /var/spool/mqueue, but not in what has that name now: something is mounted there.'], 0),
    ('other_queue', {'processes': [dict(DAEMON, sees='other', cwd='/omqueue', title='x')]}, [
        'Process 7 (x) works in /omqueue, which is not the queue of /etc/mail/sendmail.cf: that was renamed, or the file changed, since it began.'], 0),
    ('mta_directory', {'errors': [dict(GONE, queue='mta'), GONE, dict(GONE, queue='mta', link=('/q', '/m'))]},
     ['The directory of the MTA queue /q: No such file or directory.'], 0),
    ('mta_directory', {'processes': [dict(DAEMON, cwd='/m (deleted)')], 'queues': {'msp': because(3, 'mta_queue', 'x')}},
     ['Process 7 (sendmail: MTA: accepting connections) works in /m (deleted).'], 3),
    ('no_runner', {'runners': []}, ['No queue runner is set up.'], 0),
    ('no_runner', {'runners': [dict(RUNNER, active=False, detail='no cron')] * 4}, ['/etc/cron.d/sendmail: no cron.'] * 3, 0),
    ('no_runner', {'runners': [dict(RUNNER, active=False, path=None, detail='no cron')]}, ['debian_cron: no cron.'], 0),
    ('several_runners', {'runners': [RUNNER, dict(RUNNER, path=None, detail='its detail')]},
     ['debian_cron: /etc/cron.d/sendmail.', 'debian_cron: its detail.'], 0),
    ('dead_runners', {'runners': [RUNNER, dict(RUNNER, active=False, path=None, detail='no cron')]}, ['debian_cron: no cron.'], 0),
    # Where nothing starts services, cron is nothing that is missing, and a shell in a loop is what was set up in its place.
    ('dead_runners', {'runners': [dict(RUNNER, source='loop'), dict(RUNNER, active=False, detail='no cron')], 'services': {'init': 'none'}}, [], 0),
    ('dead_runners', {'runners': [dict(RUNNER, source='loop'), dict(RUNNER, active=False, path=None, detail='no cron')], 'services': {'init': 'sysv'}},
     ['debian_cron: no cron.'], 0),
    ('dead_runners', {'runners': [dict(RUNNER, source='loop'), dict(RUNNER, source='cron', active=False, path='/etc/cron.d/own', detail='no cron')],
                      'services': {'init': 'none'}}, ['/etc/cron.d/own: no cron.'], 0),
    ('dead_runners', {'runners': [dict(RUNNER, active=False, path=None, detail='no cron')], 'services': {'init': 'none'}}, ['debian_cron: no cron.'], 0),
    ('foreign_runner', {'processes': [FOREIGN]}, ['Process 8 of root works on /var/spool/mqueue-client: sendmail: running queue'], 0),
    ('foreign_runner', {'processes': [dict(FOREIGN, role='delivery'), dict(FOREIGN, directory=None)]}, [], 0),
    ('overdue', {'queues': {'msp': waiting(3, untried_age=3901)}},
     ['/etc/cron.d/sendmail should run every 1800 seconds, and a message was not tried for 3901 seconds.'], 3),
    ('overdue', {'queues': {'msp': waiting(3, untried_age=3900)}}, [], 0),
    ('overdue', {'queues': {'msp': waiting(0, untried_age=3901)}}, [], 0),
    ('overdue', {'queues': {'msp': waiting(3, untried_age=None)}}, [], 0),
    ('overdue', {'queues': {'msp': waiting(3, untried_age=999999)}, 'runners': [dict(RUNNER, interval=None)]}, [], 0),
    ('overdue', {'queues': {'msp': waiting(3, untried_age=1501)}, 'runners': [RUNNER, dict(RUNNER, path=None, interval=600)]},
     ['/etc/cron.d/sendmail should run every 600 seconds, and a message was not tried for 1501 seconds.'], 3),
    # QueueLA 8 and QueueFactor 600000: from 28 on a message of one recipient (30000) is passed over, for 600000/(28 - 8 + 1) is 28571
    ('overload', {'load': [27.5, 1, 1], 'settings': LOOP, 'queues': {'msp': queue(never_tried=2)}},
     ['The load average is 27.5 and QueueLA is 8: new mail is only queued, and queue runs are skipped.'], 2),
    ('overload', {'load': [27.4, 1, 1], 'settings': LOOP, 'passed_over': 2},
     ['The load average is 27.4 and QueueLA is 8: a queue run passes over 2 messages whose priority is above 30000.'], 2),
    ('overload', {'load': [7.4, 1, 1], 'settings': LOOP, 'passed_over': 2}, [], 0),
    ('overload', {'load': [99.0, 1, 1], 'settings': {}, 'passed_over': 2}, [], 0),
    ('overload', {'load': None, 'passed_over': 2}, [], 0),
    ('mta_overload', {'load': [27.5, 1, 1], 'settings': LOOP},
     ['The load average is 27.5 and QueueLA of the MTA is 8: it only queues new mail, and skips its queue runs.'], 0),
    ('mta_overload', {'load': [27.4, 1, 1], 'settings': LOOP}, [], 0),
    ('mta_overload', {'load': [27.5, 1, 1], 'settings': LOOP, 'processes': []}, [], 0),
    ('hangs', {'locked': [HUNG, dict(HUNG, seconds=599), dict(HUNG, seconds=None)]},
     ['6ANFSGsD000240 has been in delivery for 600 seconds by process 7: sendmail: MSP: client greeting'], 1),
    ('own_name', {'lookups': dict(HEALTHY.lookups, own={'name': 'shorty', 'unqualified': True, 'error': None, 'seconds': 5.0})}, [
        'The host name shorty has no domain, and none can be found: every start of Sendmail waits 60 seconds.',
        'Looking up the name of this host, shorty, takes 5 seconds, and so does every start of Sendmail.'], 0),
    ('own_name', {'lookups': {'own': None, 'domains': {}}}, [], 0),
    ('mta_waits', {'queues': {'mta': reasons(('never_tried', 9, ''), ('a', 4, 'x'), ('b', 3, ''), ('c', 2, 'z'), ('d', 1, 'w'), domains=[
        {'domain': 'd%d' % number, 'recipients': number} for number in range(1, 5)])}},
     ['4 messages: x', '3 messages: no status', '2 messages: z', 'Recipients in: d1 (1), d2 (2), d3 (3).'], 10),
    ('mta_waits', {'queues': {'mta': dict(reasons(('never_tried', 9, ''), domains=[{'domain': 'd', 'recipients': 1}]), never_tried=9)}}, [], 0),
    ('mta_waits', {'queues': {'mta': dict(reasons(('a', 1, 'x')), never_tried=3, delivering=1)}, 'configurations': {'mta': _cf.parse(b'O DeliveryMode=q\n')}},
     ['1 message: x', '2 messages were never tried: DeliveryMode in sendmail.cf keeps new mail for the next queue run.'], 3),
    ('mta_waits', {'queues': {'mta': dict(waiting(1), never_tried=1, delivering=2)}, 'configurations': {'mta': _cf.parse(b'O DeliveryMode=q\n')}}, [], 0),
    ('mta_untried', {'queues': {'mta': waiting(2, untried_age=1501)}, 'mta_interval': 600},
     ['The MTA should run its queue every 600 seconds; a message was not tried for 1501 seconds.'], 2),
    ('mta_untried', {'queues': {'mta': waiting(2, untried_age=1511)}, 'mta_interval': 600, 'settings': {'mta': settings(min_queue_age=10)}},
     ['The MTA should run its queue every 600 seconds; a message was not tried for 1511 seconds.'], 2),
    ('mta_untried', {'queues': {'mta': waiting(2, untried_age=1510)}, 'mta_interval': 600, 'settings': {'mta': settings(min_queue_age=10)}}, [], 0),
    ('mta_untried', {'queues': {'mta': waiting(2, untried_age=14401)}},
     ['Nothing was found that runs the queue of the MTA; a message was not tried for 14401 seconds.'], 2),
    ('mta_untried', {'queues': {'mta': waiting(0, untried_age=14401)}}, [], 0),
    ('mta_untried', {'queues': {'mta': waiting(2, untried_age=None)}}, [], 0),
    ('dns', {'queues': {'msp': because(3, 'host_lookup', 'x')}, 'lookups': names(a='timeout', b='temporary', c='timeout', d='timeout', e=None)},
     ['Sendmail says: x', 'Looking up a: timeout after 0.3 seconds; b: temporary after 0.3 seconds; c: timeout after 0.3 seconds.'], 3),
    ('dns', {'queues': {'msp': because(3, 'host_lookup', 'x')}, 'lookups': names()}, ['Sendmail says: x'], 3),
    ('dns', {'queues': {'msp': because(3, 'host_lookup', 'x')}, 'lookups': names(a='not_found')}, [], 0),
    ('dns_was_down', {'queues': {'msp': because(3, 'host_lookup', 'x')}, 'lookups': names(a=None)},
     ['The domains can be looked up now; when the messages were last tried they could not: x'], 3),
    ('dns_was_down', {'queues': {'msp': because(3, 'host_lookup', 'x')}, 'lookups': names()}, [], 0),
    ('stale_resolver', {'queues': {'msp': because(3, 'sender_domain', 'x')}}, ['The MTA says: x'], 3),
    ('queue_age', {'queues': {'msp': waiting(2, last_attempt_age=59)}, 'settings': {'msp': settings(min_queue_age=60)}},
     ['MinQueueAge is 60 seconds, and the messages were tried 59 seconds ago: a queue run passes over them in silence.'], 2),
    ('queue_age', {'queues': {'msp': waiting(2, last_attempt_age=60)}, 'settings': {'msp': settings(min_queue_age=60)}}, [], 0),
    ('queue_age', {'queues': {'msp': waiting(2, last_attempt_age=None)}, 'settings': {'msp': settings(min_queue_age=60)}}, [], 0),
    ('queue_age', {'queues': {'msp': waiting(0, last_attempt_age=59)}, 'settings': {'msp': settings(min_queue_age=60)}}, [], 0),
    ('queue_age', {'queues': {'msp': waiting(2, last_attempt_age=0)}, 'settings': {}}, [], 0),
    ('one_source', {'queues': {'msp': waiting(25, top={
        'users': [{'user': 'root', 'messages': 20}], 'senders': [{'sender': 'a', 'messages': 21}, {'sender': 'b', 'messages': 25}]})}},
     ['20 of 25 waiting messages (80 %) come from the user root.', '21 of 25 waiting messages (84 %) come from the sender a.'], 0),
    ('one_source', {'queues': {'msp': waiting(20, top={'users': [], 'senders': []})}, 'subjects': ([('s', 8), ('t', 8)], 10)},
     ['8 of 10 waiting messages looked at (80 %) have the subject "s" (digits ignored).'], 0),
    ('one_source', {'queues': {'msp': waiting(20, top={'users': [], 'senders': []})}, 'subjects': ([('s', 7)], 10)}, [], 0),
    ('one_source', {'queues': {'msp': waiting(19, top={'users': [{'user': 'root', 'messages': 19}], 'senders': []})}}, [], 0),
    ('elsewhere', {'dead_letters': [LETTER], 'queues': {'msp': counted(total=1)}}, [], 0),
    ('elsewhere', {'dead_letters': [LETTER], 'queues': {}}, ['/root/dead.letter has 5 bytes and was written 60 seconds ago.'], 0),
    ('conflict', {'submitter': dict(USER, conflict='x')}, ['x'], 0),
]


@pytest.mark.parametrize('name, more, evidence, messages', ROWS, ids=['%s-%d' % (row[0], number) for number, row in enumerate(ROWS)])
def test_what_a_check_says(name, more, evidence, messages):
    assert said(name, **more) == (evidence, messages)


@pytest.mark.parametrize('name', sorted({row[0] for row in ROWS}))
def test_it_says_nothing_of_a_healthy_host(name):
    assert said(name) == ([], 0)


@pytest.mark.parametrize('pairs, evidence, messages', [
    ([('wrong', '6B'), ('wrong', '6A'), ('worse', '6A')], ['6B: wrong.', '6A: wrong.', '6A: worse.', 'Messages: 6A, 6B.'], 2),
    ([('/q: closed', '')], ['/q: closed'], 0),
    ([('w', '6%d' % number) for number in range(5)], ['6%d: w.' % number for number in range(4)] + ['Messages: 60, 61, 62, 63, 64.'], 5),
    ([('w', '6%d' % number) for number in range(7)], ['6%d: w.' % number for number in range(4)] + ['Messages: 60, 61, 62, 63, 64 and 2 more.'], 7),
])
def test_messages_that_are_wrong(pairs, evidence, messages):
    assert said('damaged', hazards={'damaged': pairs, 'no_data': [('other', 'x')]}) == (evidence, messages)


def test_the_limits_of_a_compliance_check():
    room = {'filesystems': {'msp': dict(ROOM, blocks_free=499, inodes_free=49)}}
    assert said('msp_blocks', {'free_blocks': 5}, **room)[0] and not said('msp_blocks', {'free_blocks': 4}, **room)[0]
    assert said('msp_inodes', {'free_inodes': 5}, **room)[0] and not said('msp_inodes', {'free_inodes': 4}, **room)[0]
    queues = {'queues': {'msp': counted(quarantined=2), 'mta': counted(quarantined=1)}}
    assert _checks.quarantined(HEALTHY._replace(**queues), {'quarantined': 2}).wrong
    assert not _checks.quarantined(HEALTHY._replace(**queues), {'quarantined': 3}).wrong
    late = {'queues': {'msp': waiting(1, untried_age=100)}, 'runners': []}
    assert said('overdue', {'last_attempt': 99}, **late) == (['A message was not tried for 100 seconds.'], 1)
    assert said('overdue', {'last_attempt': 100}, **late) == ([], 0)
    slow = {'lookups': dict(HEALTHY.lookups, own=dict(HEALTHY.lookups['own'], seconds=2.0))}
    assert said('own_name', {'name_seconds': 2}, **slow)[0] and not said('own_name', {'name_seconds': 3}, **slow)[0]


def test_a_runner_that_stops_with_the_mta_names_it_as_the_cause():
    bound = dict(RUNNER, active=False, bound_to='sendmail.service', detail='x')
    assert _checks.no_runner(HEALTHY._replace(runners=[bound]), {}).because_of == ('mta_down',)
    assert _checks.no_runner(HEALTHY._replace(runners=[dict(bound, bound_to=None)]), {}).because_of == ()


def test_a_host_that_needs_no_daemon():
    away = HEALTHY._replace(relay=relay('[192.0.2.20]', listeners=[]))
    assert _checks.no_daemon(away._replace(processes=[]), {}).wrong is None
    assert _checks.no_daemon(away, {}).wrong is False
    assert _checks.no_daemon(HEALTHY, {}).wrong is False


def test_reasons_of_several_classes_are_added_up():
    look = HEALTHY._replace(queues={'msp': reasons(('temporary_reply', 2, 'first'), ('mta_queue', 3, 'second'), ('other', 9, 'x'))})
    assert _checks.reason(look, 'temporary_reply', 'mta_queue') == (5, 'first')
    assert _checks.reason(look, 'tls') == (0, '')


@pytest.mark.parametrize('load, whole', [(None, 0), ([0.4, 9, 9], 0), ([0.5, 9, 9], 1), ([1.4, 9, 9], 1), ([15.5, 9, 9], 16)])
def test_the_load_in_whole_numbers(load, whole):
    """getla() in conf.c: (int) (avenrun[0] + 0.5)."""
    assert _checks.load(HEALTHY._replace(load=load)) == whole


def test_the_owner_that_the_packaging_gives_to_the_queue():
    suse = HEALTHY._replace(layout=_platform.PLATFORMS['suse'], places=[dict(PLACE, owner='alice')])
    assert _checks.queue_rights(suse, {}).evidence == ['/var/spool/mqueue-client is alice:smmsp 2770; it has to be root:smmsp and writable for both.']


@pytest.mark.parametrize('lines, setting', [
    # Each was tried with 8.17.1.9: whether "sendmail -Ac -q" takes a message that waits.
    ('', None),
    ('O MaxRunnersPerQueue=0', 'MaxRunnersPerQueue=0'),
    ('O MaxRunnersPerQueue=-1', 'MaxRunnersPerQueue=-1'),
    ('O MaxRunnersPerQueue=x', 'MaxRunnersPerQueue=x'),
    ('O MaxRunnersPerQueue', 'MaxRunnersPerQueue='),
    ('Qmqueue, P=/q, R=0', 'R=0'),
    ('Qmqueue, P=/q, R=x', 'R=x'),
    ('Qmqueue, P=/q, R=0, F=f', 'R=0'),
    ('Qmqueue, P=/q, R=-3', None),
    ('Qmqueue, P=/q, R=010', None),
    ('Qmqueue, P=/q, R=00', 'R=00'),
    ('Qmqueue, P=/q, R=2, F=f', None),
    ('Qmqueue, P=/q\nO MaxRunnersPerQueue=0', None),
    ('O MaxRunnersPerQueue=0\nQmqueue, P=/q', None),
    ('O MaxQueueChildren=0', None),
    ('O MaxQueueChildren=-1', None),
    ('O MaxRunnersPerQueue=10\nQslow, P=/q/slow, R=0', None)])            # a group that is held on purpose
def test_a_queue_without_runners(lines, setting):
    assert said('msp_no_runners', configurations={'msp': _cf.parse(lines.encode() + b'\n')}, queues={'msp': waiting(2)}) == (
        ['%s in /etc/mail/submit.cf: queue runs try nothing, and say nothing.' % setting] if setting else [], 2 if setting else 0)
