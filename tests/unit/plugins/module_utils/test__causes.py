# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of causes, over looks made by hand. That a host gives such looks is shown by the scenario diagnosis."""

import os
import re

import pytest

from ansible_collections.mailops.sendmail.plugins.module_utils import (
    _causes, _cf, _checks, _controls, _flush, _hazards, _phrases, _platform, _text)
from ansible_collections.mailops.sendmail.tests.unit.hosts_looked_at import (
    DAEMON, DAMAGE, DOWN, GREETING, HEALTHY, NOW, OTHER, ROOM, RUNNER, because, queue, relay, waiting)

ROOT = os.path.join(os.path.dirname(_causes.__file__), '..', '..')
NOBODY = {'greeting': DOWN, 'listeners': [], 'processes': [], 'relay': relay('[127.0.0.1]', listeners=(), greeting=DOWN)}


def found(**more):
    return [cause['id'] for cause in _causes.diagnose(HEALTHY._replace(**more))]


def test_a_healthy_host_has_no_cause():
    assert _causes.diagnosis(HEALTHY) == {'healthy': True, 'causes': [], 'unexplained': {'messages': 0, 'examples': []},
                                          'messages': queue()['messages'], 'inspected': 0}


def test_the_table_is_sound():
    ids = [cause.id for cause in _causes.CAUSES]
    assert len(ids) == len(set(ids))
    for cause in _causes.CAUSES:
        assert set(cause.because_of) <= set(ids)
        assert cause.severity in ('critical', 'high', 'medium', 'low')
        assert (cause.fix == 'manual') == (cause.name is None)
        assert cause.text.endswith('.')
        assert all(check.__module__ == _checks.__name__ for check in cause.checks) and cause.checks
        if cause.name:   # advice names only what is there
            assert os.path.exists(os.path.join(ROOT, *(('roles', cause.name) if cause.fix == 'role' else ('plugins', 'modules', cause.name + '.py'))))
    assert {name for names in _causes.EXPLAINED.values() for name in names} <= set(ids)


UNKNOWN = {'error': 'temporary', 'mx': [], 'mx_error': None, 'addresses': []}
BARE = dict(HEALTHY.program, sendmail=None, path=None, target=None, is_sendmail=False)
HUNG = {'id': '6ANFSGsD000240', 'pid': 7, 'title': 'sendmail: MSP: client greeting'}
FOREIGN = {'role': 'queue_runner', 'queue': 'mta', 'user': 'root', 'rejecting': None, 'full': None, 'cwd': None, 'pid': 8, 'interval': 60,
           'directory': '/var/spool/mqueue-client', 'title': 'sendmail: Queue runner@00:01:00 for /var/spool/mqueue-client'}
MSP = HEALTHY.settings['msp']


def msp(**more):
    return {'settings': dict(HEALTHY.settings, msp=dict(MSP, **more))}


def files(**more):
    return {'files': dict(HEALTHY.files, **more)}


def looked_up(**domains):
    return dict(HEALTHY.lookups, domains=dict((name, {'error': error, 'seconds': 0.1}) for name, error in domains.items()))


def mta(**more):
    return {'queues': {'msp': queue(), 'mta': waiting(2, **more)}}


QUEUES = _cf.parse(b'O DeliveryMode=queueonly\n')
HOLD = _cf.parse(b'O HoldExpensive=True\nMlocal, P=/x, F=lse, A=x\n')
HELD_RELAY = _cf.parse(b'O HoldExpensive=True\nMrelay, P=[IPC], F=me, A=TCP $h\n')
NO_RUNNERS = _cf.parse(b'O MaxRunnersPerQueue=0\n')
SLOW = _cf.parse(b'Qmqueue, P=/var/spool/q, I=2h\n')
QUICK, OTHER_GROUP = _cf.parse(b'Qmqueue, P=/var/spool/q, I=1m\n'), _cf.parse(b'Qquick, P=/var/spool/q, I=1m\n')
STAYS = dict(RUNNER, source='daemon', path=None)
BACKGROUND = _cf.parse(b'O DeliveryMode=b\n')


def daemon(options, more=''):
    return _cf.parse(('O DaemonPortOptions=%s\n%s\n' % (options, more)).encode())


def mta_settings(**more):
    return {'settings': dict(HEALTHY.settings, msp=dict(MSP, queue_la=99), mta=dict(HEALTHY.settings['mta'], **more))}


def mta_because(reason, example, **more):
    return {'queues': {'msp': queue(), 'mta': dict(because(4, reason, example), **more)}}


NULL_CLIENT = {'relay': relay('[192.0.2.20]', listeners=()), 'processes': [], 'listeners': []}
PROBLEM = [{'line': 3, 'problem': 'unknown option name x', 'text': ''}]
UNMOUNTED = {'filesystems': {'msp': dict(ROOM, unmounted='/srv'), 'mta': ROOM}}
GONE = {'queue': 'msp', 'path': '/q', 'error': 'No such file or directory', 'link': None}
# (cause, a host where it holds, the most similar host where it does not)
ROWS = [
    ('not_installed', {'program': BARE}, {'program': OTHER}),
    ('other_mta', {'program': OTHER}, {'program': BARE}),
    ('stranded', {'stranded': [{'path': '/var/spool/clientmqueue', 'messages': 3}]}, {'stranded': []}),
    ('queue_link', {'errors': [dict(GONE, link=('/q', '/mnt/q'))]}, {'errors': [GONE]}),
    ('other_queue', {'processes': [dict(DAEMON, sees='hidden')]}, {'processes': [dict(DAEMON, sees='read_only')]}),
    ('read_only', {'processes': [dict(DAEMON, sees='read_only')]}, {'processes': [dict(DAEMON, sees='hidden')]}),
    ('configuration', files(msp=dict(HEALTHY.files['msp'], exists=False)), files(msp=HEALTHY.files['msp'])),
    ('configuration', files(msp=dict(HEALTHY.files['msp'], problems=PROBLEM)), files(mta=dict(HEALTHY.files['mta'], problems=PROBLEM))),
    ('configuration', {'submitter': dict(HEALTHY.submitter, uid=None)}, {}),
    ('configuration', {'submitter': dict(HEALTHY.submitter, gid=None)}, {}),
    ('configuration', {'errors': [GONE]}, {'errors': [dict(GONE, queue='mta')]}),
    ('configuration', UNMOUNTED, {'filesystems': {'msp': ROOM, 'mta': ROOM}}),
    ('permissions', {'places': [dict(HEALTHY.places[0], owner='root')]}, {}),
    ('permissions', {'places': [dict(HEALTHY.places[0], group='root')]}, {}),
    ('permissions', {'places': [dict(HEALTHY.places[0], mode='2750')]}, {'places': [dict(HEALTHY.places[0], mode='0770')]}),
    ('permissions', {'program': dict(HEALTHY.program, setgid=False)}, {'program': dict(HEALTHY.program, mode='2555')}),
    ('permissions', {'program': dict(HEALTHY.program, group='root')}, {'program': BARE}),
    # Set-user-ID root, as before 8.12: seen to submit and to queue for everybody.
    ('permissions', {'program': dict(HEALTHY.program, setgid=False, group='root', mode='0755')},
     {'program': dict(HEALTHY.program, setgid=False, group='root', mode='4755')}),
    ('permissions', {'program': dict(HEALTHY.program, setgid=False, owner='alice', mode='4755')}, {}),
    ('cannot_submit', {'obstacles': ['cron (process 7) runs with no_new_privs: what it starts cannot submit mail.']}, {'obstacles': []}),
    # Without the accounts nothing can be theirs: that is one cause, not two.
    ('permissions', {'places': [dict(HEALTHY.places[0], owner='105')]}, {'places': [dict(HEALTHY.places[0], owner='105')],
                                                                         'submitter': dict(HEALTHY.submitter, uid=None)}),
    # Seen with 8.18.1: "reply: read error" and the message waits, or with $u in the arguments "Sent" and it is gone.
    ('swallowed', {'takes_none': ['submit.cf hands mail to the program /bin/true, which keeps nothing.']}, {'unasked': ['x']}),
    ('swallowed', {'swallows': ['discard']}, {'swallows': ['discard'], 'relay': relay('[192.0.2.20]', listeners=())}),
    # 8.17.1.9: "Too many hops 2 (1 max)", and 2 delivers; in submit.cf 1 does.
    ('swallowed', {'configurations': {'mta': _cf.parse(b'O MaxHopCount=1\n')}}, {'configurations': {'mta': _cf.parse(b'O MaxHopCount=2\n')}}),
    ('swallowed', {'configurations': {'msp': _cf.parse(b'O MaxHopCount=0\n')}}, {'configurations': {'msp': _cf.parse(b'Oh1\n')}}),
    ('swallowed', {'configurations': {'mta': _cf.parse(b'O MaxHopCount=many\n')}}, {'configurations': {'mta': _cf.parse(b'')}}),
    ('swallowed', {'configurations': {'mta': _cf.parse(b'Oh1\n')}}, dict(NULL_CLIENT, configurations={'mta': _cf.parse(b'Oh1\n')})),
    # 552 5.6.0 Headers too large (100 max), behind DATA.
    ('swallowed', {'configurations': {'mta': _cf.parse(b'O MaxHeadersLength=511\n')}}, {'configurations': {'mta': _cf.parse(b'O MaxHeadersLength=512\n')}}),
    ('swallowed', {'configurations': {'mta': _cf.parse(b'O MaxHeadersLength=100\n')}}, {'configurations': {'mta': _cf.parse(b'O MaxHeadersLength=0\n')}}),
    ('smart_host', {'smart_host': ['192.0.2.77 port 25: connection refused']}, {'smart_host': []}),
    ('slow_names', {'starts_late': True}, {}),
    ('too_open', {'places': [dict(HEALTHY.places[0], mode='2771')]}, {'places': [dict(HEALTHY.places[0], mode='2770')]}),
    ('message_permissions', {'hazards': {'permissions': [('owner 0:0', 'x')]}}, {'hazards': {'temporary': []}}),
    ('foreign_runner', {'processes': [DAEMON, FOREIGN]}, {'processes': [DAEMON, dict(FOREIGN, user='smmsp')]}),
    ('foreign_runner', {'processes': [DAEMON, dict(FOREIGN, role='queue_run')]}, {'processes': [DAEMON, dict(FOREIGN, directory='/var/spool/mqueue')]}),
    ('foreign_runner', {'processes': [DAEMON, FOREIGN]}, dict(msp(run_as_user=None), processes=[DAEMON, FOREIGN])),
    ('lost', {'queues': {'msp': queue(messages=dict(queue()['messages'], lost=1)), 'mta': queue()}}, {}),
    ('lost', {'queues': {'msp': queue(), 'mta': queue(messages=dict(queue()['messages'], lost=1))}}, {}),
    ('quarantined', {'queues': {'msp': queue(messages=dict(queue()['messages'], quarantined=1)), 'mta': queue()}}, {}),
    ('no_runners', {'configurations': {'msp': NO_RUNNERS}}, {'configurations': {'msp': _cf.parse(b'O MaxRunnersPerQueue=1\n')}}),
    ('no_runners', {'configurations': {'mta': NO_RUNNERS}}, {'configurations': {'mta': _cf.parse(b'O MaxQueueChildren=0\n')}}),
    # 8.18.1, mail of an ordinary user with -odq, then a run of smmsp: 0600, 0640, 0620, 0644 and 0440 leave it; 0660, 0664, 0670 and 0060 deliver.
    ('no_runners', msp(queue_file_mode=0o600), msp(queue_file_mode=0o660)),
    ('no_runners', msp(queue_file_mode=0o640), msp(queue_file_mode=0o060)),
    # An empty file has no such line either, and that is not what is wrong with it.
    ('no_runners', msp(queue_file_mode=0o600), dict(msp(queue_file_mode=0o600), files=dict(HEALTHY.files, msp=dict(
        HEALTHY.files['msp'], problems=[{'line': 0, 'problem': 'QueueDirectory (Q) option must be set'}])))),
    ('no_runners', msp(queue_file_mode=0o620), msp(queue_file_mode=0o664)),
    ('no_runners', msp(queue_file_mode=0o600), dict(msp(queue_file_mode=0o600), program=dict(HEALTHY.program, mode='6755'))),
    ('runner', {'queues': {'msp': waiting(3, untried_age=14701)}, 'configurations': {'msp': SLOW}, 'runners': [STAYS]},
     {'queues': {'msp': waiting(3, untried_age=14700)}, 'configurations': {'msp': SLOW}, 'runners': [STAYS]}),
    # Seen with 8.17.1.9: what cron starts runs a group with I=2h each time, and a process with -q1h comes every 3 seconds with I=3s.
    ('runner', {'queues': {'msp': waiting(3, untried_age=9999)}, 'configurations': {'msp': SLOW}},
     {'queues': {'msp': waiting(3, untried_age=9999)}, 'configurations': {'msp': SLOW}, 'runners': [STAYS]}),
    ('runner', {'queues': {'msp': waiting(3, untried_age=7500)}, 'configurations': {'msp': QUICK}, 'runners': [dict(STAYS, interval=3600)]},
     {'queues': {'msp': waiting(3, untried_age=7500)}, 'configurations': {'msp': OTHER_GROUP}, 'runners': [dict(STAYS, interval=3600)]}),
    ('mta_untried', dict(mta(untried_age=14701), mta_interval=600, configurations={'mta': SLOW}),
     dict(mta(untried_age=14700), mta_interval=600, configurations={'mta': SLOW})),
    # What was not tried for an hour is no sign of a dead runner then, nor is a flush of any use.
    ('runner', {'queues': {'msp': waiting(3, untried_age=9999)}}, {'queues': {'msp': waiting(3, untried_age=9999)}, 'configurations': {'msp': NO_RUNNERS}}),
    ('mta_untried', dict(mta(untried_age=9999), mta_interval=600), dict(mta(untried_age=9999), mta_interval=600, configurations={'mta': NO_RUNNERS})),
    ('disk_full', {'filesystems': {'msp': dict(ROOM, blocks_free=99), 'mta': ROOM}}, {'filesystems': {'msp': dict(ROOM, blocks_free=100), 'mta': ROOM}}),
    ('disk_full', dict(msp(min_free_blocks=0), filesystems={'msp': dict(ROOM, blocks_free=0)}),
     dict(msp(min_free_blocks=0), filesystems={'msp': dict(ROOM, blocks_free=1)})),
    ('disk_full', {'filesystems': {'msp': dict(ROOM, inodes_free=0), 'mta': ROOM}}, {'filesystems': {'msp': dict(ROOM, inodes_free=1), 'mta': ROOM}}),
    ('disk_full', {'filesystems': {'msp': dict(ROOM, inodes_free=0), 'mta': ROOM}}, {'filesystems': {'msp': dict(ROOM, inodes=0, inodes_free=0), 'mta': ROOM}}),
    ('read_only', {'filesystems': {'msp': ROOM, 'mta': dict(ROOM, read_only=True)}}, {}),
    ('read_only', {'filesystems': {'msp': dict(ROOM, immutable=True), 'mta': ROOM}}, {'filesystems': {'msp': dict(ROOM, immutable=False), 'mta': ROOM}}),
    ('dns', {'queues': {'msp': because(3, 'host_lookup', 'x')}, 'lookups': looked_up(d='temporary')},
     {'queues': {'msp': because(3, 'host_lookup', 'x')}, 'lookups': looked_up(d='not_found')}),
    ('dns', {'queues': {'msp': because(3, 'host_lookup', 'x')}}, {'lookups': looked_up(d='timeout')}),
    ('dns_was_down', {'queues': {'msp': because(3, 'host_lookup', 'x')}, 'lookups': looked_up(d=None)},
     {'queues': {'msp': because(3, 'host_lookup', 'x')}, 'lookups': looked_up(d='timeout')}),
    ('stale_resolver', {'queues': {'msp': because(3, 'sender_domain', 'x')}}, {'resolver_changed': NOW}),
    ('stale_resolver', {'greeting': dict(GREETING, deferral='451 4.1.8 Domain of sender address root@h.example.test does not resolve')},
     {'greeting': dict(GREETING, deferral='451 4.7.1 later')}),
    ('mta_disk_full', {'filesystems': {'msp': ROOM, 'mta': dict(ROOM, blocks_free=99)}}, {'filesystems': {'msp': ROOM, 'mta': dict(ROOM, blocks_free=100)}}),
    ('mta_disk_full', {'processes': [dict(DAEMON, full='rejecting new messages: min free: 100')]}, {'processes': [DAEMON]}),
    # The MTA had no room at the last try: it has now, or it still says that it has none.
    ('mta_disk_full', {'queues': {'msp': because(2, 'mta_disk_full', '452 4.4.5')}, 'greeting': dict(GREETING, deferral='452 4.4.5 Insufficient disk space')},
     {'queues': {'msp': because(2, 'mta_disk_full', '452 4.4.5')}}),
    ('was_down', {'queues': {'msp': because(2, 'mta_disk_full', '452 4.4.5')}},
     {'queues': {'msp': because(2, 'mta_disk_full', '452 4.4.5')}, 'greeting': dict(GREETING, deferral='452 4.4.5 Insufficient disk space')}),
    ('mta_queue', {'queues': {'msp': because(2, 'mta_queue', '421 4.3.0 collect: Cannot write')}},
     {'queues': {'msp': because(2, 'mta_queue', '421 4.3.0 collect: Cannot write')}, 'filesystems': {'msp': ROOM, 'mta': dict(ROOM, immutable=True)}}),
    # 30000 > 600000/(LA - 16 + 1) from 36 on: 600000/20 is 30000, 600000/21 is less
    ('queue_load', {'load': [36.0, 1.0, 1.0]}, {'load': [35.4, 1.0, 1.0]}),
    ('queue_load', {'load': [16.0, 1.0, 1.0], 'passed_over': 1}, {'load': [16.0, 1.0, 1.0]}),
    ('queue_load', {'load': [15.5, 1.0, 1.0], 'passed_over': 1}, {'load': [15.4, 1.0, 1.0], 'passed_over': 1}),
    ('never_tried', {'queues': {'msp': because(2, 'never_tried', never_tried=2)}},
     {'queues': {'msp': because(2, 'never_tried', never_tried=2)}, 'passing': 2}),
    ('never_tried', {'queues': {'msp': because(2, 'never_tried', never_tried=2)}},
     {'queues': {'msp': because(2, 'never_tried', never_tried=2)}, 'load': [40.0, 1.0, 1.0]}),
    ('min_queue_age', dict(msp(min_queue_age=61), queues={'msp': waiting(1, last_attempt_age=60)}),
     dict(msp(min_queue_age=60), queues={'msp': waiting(1, last_attempt_age=60)})),
    ('hangs', {'locked': [dict(HUNG, seconds=_checks.HANGS)]}, {'locked': [dict(HUNG, seconds=_checks.HANGS - 1)]}),
    ('hangs', {'locked': [dict(HUNG, seconds=_checks.HANGS)]}, {'locked': [dict(HUNG, seconds=None)]}),
    ('hangs', {'unacknowledged': ['9 bytes to 127.0.0.1 port 25 are not acknowledged ...']}, {'unacknowledged': []}),
    ('runner', {'runners': []}, {}),
    ('runner', {'runners': [dict(RUNNER, partial=True)]}, {}),
    ('runner', {'runners': [dict(RUNNER, active=False)]}, {'runners': [dict(RUNNER, active=False), RUNNER]}),
    ('runner', {'queues': {'msp': waiting(3, untried_age=2 * 1800 + _checks.SLACK + 1)}},
     {'queues': {'msp': waiting(3, untried_age=2 * 1800 + _checks.SLACK)}}),
    ('runner', dict(msp(min_queue_age=7200), queues={'msp': waiting(3, untried_age=11101)}),
     dict(msp(min_queue_age=7200), queues={'msp': waiting(3, untried_age=11100)})),
    ('two_runners', {'runners': [RUNNER, dict(RUNNER, source='cron')]}, {'runners': [RUNNER, dict(RUNNER, active=False)]}),
    ('two_runners', {'runners': [RUNNER, dict(RUNNER, source='cron')]}, {'runners': [RUNNER, dict(RUNNER, partial=True)]}),
    # FreeBSD as it comes: sendmail_msp_queue_enable in rc.conf(5), daily_submit_queuerun in periodic.conf(5).
    ('two_runners', {'runners': [dict(RUNNER, source='rc_conf'), dict(RUNNER, source='cron'), dict(RUNNER, source='periodic', interval=86400)]},
     {'runners': [dict(RUNNER, source='rc_conf'), dict(RUNNER, source='periodic', interval=86400)]}),
    ('runner', {'runners': [dict(RUNNER, source='periodic', active=False)]}, {'runners': [dict(RUNNER, source='periodic')]}),
    ('dead_runner', {'runners': [RUNNER, dict(RUNNER, active=False, detail='no cron daemon is running')]}, {}),
    ('poison', {'hazards': {'aborts': [('there is no sender (S line): a queue runner aborts', 'x')]}},
     {'hazards': {'damaged': [('line 2: an unknown line', 'x')]}}),
    ('damaged', {'hazards': {'damaged': [('line 2: an unknown line, Y99', 'x')]}}, {'hazards': {'aborts': [('there is no sender (S line)', 'x')]}}),
    ('never_run', {'stuck': [{'path': '/q/qfX', 'why': 'version 9 is newer than the newest known, 8'}]}, {'stuck': []}),
    ('never_run', {'hazards': {'unreadable': [('qfX: it is larger than 8 bytes', 'X')]}}, {}),
    ('stale_rewrite', {'hazards': {'temporary': [('there is a tf file', 'x')]}}, {}),
    ('slow_names', {'lookups': dict(HEALTHY.lookups, own=dict(HEALTHY.lookups['own'], unqualified=True))}, {}),
    ('slow_names', {'lookups': dict(HEALTHY.lookups, own=dict(HEALTHY.lookups['own'], seconds=5.0))},
     {'lookups': dict(HEALTHY.lookups, own=dict(HEALTHY.lookups['own'], seconds=4.9))}),
    ('missing_data', {'hazards': {'no_data': [('there is no data file', 'x')]}}, {}),
    ('mta_configuration', files(mta=dict(HEALTHY.files['mta'], problems=PROBLEM)), files(msp=dict(HEALTHY.files['msp'], problems=PROBLEM))),
    ('mta_configuration', files(mta=dict(HEALTHY.files['mta'], exists=False)), dict(NULL_CLIENT, **files(mta=dict(HEALTHY.files['mta'], exists=False)))),
    ('mta_configuration', dict(NULL_CLIENT, **files(mta=dict(HEALTHY.files['mta'], problems=PROBLEM))), NULL_CLIENT),
    ('mta_untried', dict(mta(untried_age=86400 + 1501), mta_interval=600, **mta_settings(max_queue_age=86400)),
     dict(mta(untried_age=86400 + 1500), mta_interval=600, **mta_settings(max_queue_age=86400))),
    ('mta_untried', dict(mta(untried_age=9000 + 14401), mta_interval=None, **mta_settings(min_queue_age=9000)),
     dict(mta(untried_age=9000 + 14400), mta_interval=None, **mta_settings(min_queue_age=9000))),
    # An MTA that nobody told to run its queue ("sendmail -bd"), with DeliveryMode=defer or a destination that was down: seen on a host.
    ('mta_untried', dict(mta(untried_age=4 * 3600 + 1), mta_interval=None), dict(mta(untried_age=4 * 3600), mta_interval=None)),
    ('mta_waits', dict(mta(never_tried=2, delivering=1), configurations={'mta': QUEUES}),
     dict(mta(never_tried=2, delivering=2), configurations={'mta': QUEUES})),
    ('mta_waits', dict(mta(never_tried=2), configurations={'mta': QUEUES}), dict(mta(never_tried=2), configurations={'mta': BACKGROUND})),
    # Mail that comes now would wait too, with nothing in the queue yet; only the mailer that is used counts.
    ('never_tried', {'configurations': {'msp': QUEUES}}, {'configurations': {'msp': BACKGROUND}}),
    ('never_tried', {'configurations': {'msp': HELD_RELAY}}, {'configurations': {'msp': HOLD}}),
    # The MTA too; what it has kept is a cause of its own. daemon.c: D of DaemonPortOptions counts before the command line, and that before the file.
    ('never_tried', {'configurations': {'mta': QUEUES}}, {'configurations': {'mta': BACKGROUND}}),
    ('never_tried', {'configurations': {'mta': QUEUES}}, {'configurations': {'mta': QUEUES}, 'processes': []}),
    ('never_tried', {'configurations': {'mta': QUEUES}}, dict(mta(never_tried=2), configurations={'mta': QUEUES})),
    ('never_tried', {'configurations': {'mta': QUEUES}}, {'configurations': {'mta': QUEUES}, 'mta_command': 'sendmail -bd -odb'}),
    ('never_tried', {'mta_command': 'sendmail -bd -odq'}, {'mta_command': 'sendmail -bd -q1h'}),
    ('never_tried', {'configurations': {'mta': daemon('Name=MTA, D=q')}}, {'configurations': {'mta': daemon('Name=MSA, Port=587, D=q')}}),
    ('never_tried', {'configurations': {'mta': QUEUES}}, {'configurations': {'mta': daemon('D=b', 'O DeliveryMode=q')}}),
    ('never_tried', {'mta_command': 'sendmail -bd -ODeliveryMode=d'}, {'mta_command': 'sendmail -bd -odq', 'configurations': {
        'mta': daemon('D=i')}}),
    # q of DaemonPortOptions is a QueueLA of that daemon's, d its DelayLA
    ('queue_load', {'configurations': {'mta': daemon('q=1')}, 'load': [21.0, 1.0, 1.0], **msp(queue_la=99)},
     {'configurations': {'mta': daemon('d=1, Q=1')}, 'load': [21.0, 1.0, 1.0], **msp(queue_la=99)}),
    # Whatever else keeps it, an option that the daemon was started with or a mailer that is called expensive: it is no longer new.
    ('mta_waits', dict(mta(never_tried=2), configurations={'mta': BACKGROUND}, mta_kept=1), dict(mta(never_tried=2), mta_kept=0)),
    ('mta_waits', dict(mta(never_tried=2), configurations={'mta': HOLD}, mta_kept=2), dict(mta(never_tried=2), mta_kept=2, load=[36.0, 1.0, 1.0])),
    ('mailbox', {'mailer_gone': '/usr/bin/procmail'}, {'mailer_gone': '/usr/bin/procmail', 'processes': []}),
    # QueueLA of the MTA alone is exceeded, or that of a host without a daemon
    ('queue_load', dict(mta_settings(queue_la=1), load=[21.0, 1.0, 1.0]), dict(mta_settings(queue_la=1), load=[20.0, 1.0, 1.0])),
    ('queue_load', dict(mta_settings(queue_la=1), load=[21.0, 1.0, 1.0]), dict(mta_settings(queue_la=1), load=[21.0, 1.0, 1.0], processes=[])),
    ('queue_load', dict(msp(queue_la=0), load=[20.0, 1.0, 1.0]), dict(msp(queue_la=0), load=[19.0, 1.0, 1.0])),
    ('mta_untried', dict(mta(untried_age=2 * 600 + _checks.SLACK + 1), mta_interval=600), dict(mta(untried_age=2 * 600 + _checks.SLACK), mta_interval=600)),
    ('mta_untried', dict(mta(untried_age=9999), mta_interval=600), dict(mta(untried_age=9999), mta_interval=None)),
    ('mta_waits', mta_because('host_lookup', 'host map: lookup (x.example): deferred'), mta_because('never_tried', '')),
    ('clock', {'ahead': 1}, {'queues': {'msp': because(1, 'other', ''), 'mta': queue()}}),
    # A data file alone is a message that is coming in, until it is a day old.
    ('orphaned_data', {'orphans': 2}, {'queues': {'msp': queue(debris={'data_without_control': 2})}}),
    ('elsewhere', {'dead_letters': [{'path': '/root/dead.letter', 'size': 5, 'mtime': NOW - 60}]},
     {'dead_letters': [{'path': '/root/dead.letter', 'size': 0, 'mtime': NOW - 60}]}),
    ('elsewhere', {'dead_letters': [{'path': '/root/dead.letter', 'size': 5, 'mtime': NOW - 7 * 86400}]},
     {'dead_letters': [{'path': '/root/dead.letter', 'size': 5, 'mtime': NOW - 7 * 86400 - 1}]}),
    ('one_source', {'queues': {'msp': dict(because(40), top={'reasons': [], 'users': [{'user': 'root', 'messages': 32}], 'senders': []})}},
     {'queues': {'msp': dict(because(40), top={'reasons': [], 'users': [{'user': 'root', 'messages': 31}], 'senders': []})}}),
    ('one_source', {'queues': {'msp': dict(because(20), top={'reasons': [], 'users': [], 'senders': [{'sender': 'a', 'messages': 20}]})}},
     {'queues': {'msp': dict(because(19), top={'reasons': [], 'users': [], 'senders': [{'sender': 'a', 'messages': 19}]})}}),
    ('mta_queue', {'mta_shut': ['RunAsUser in /etc/mail/sendmail.cf is x.']}, {'mta_shut': ['RunAsUser in /etc/mail/sendmail.cf is x.'], 'processes': []}),
    ('mta_queue', {'processes': [dict(DAEMON, cwd='/var/spool/mqueue (deleted)')]}, {'processes': [dict(DAEMON, cwd=None)]}),
    ('mta_queue', {'errors': [dict(GONE, queue='mta')]}, {'errors': [dict(GONE, queue='mta', path='/etc/mail/sendmail.cf')]}),
    ('was_down', {'queues': {'msp': because(3, 'connection_refused', 'x')}}, {'queues': {'msp': because(3, 'no_route', 'x')}}),
]


@pytest.mark.parametrize('cause, holds, does_not', ROWS, ids=['%s-%d' % (row[0], number) for number, row in enumerate(ROWS)])
def test_a_cause_and_its_nearest_negative(cause, holds, does_not):
    assert cause in found(**holds)
    assert cause not in found(**does_not)


def test_every_cause_that_is_no_matter_of_the_relay_has_a_row():
    relayed = {cause.id for cause in _causes.CAUSES if any(check.__qualname__.startswith(('of.', 'no_daemon')) for check in cause.checks)}
    assert {cause.id for cause in _causes.CAUSES} - relayed <= {row[0] for row in ROWS}


class TestOneJudgement:
    """A cause and a control that speak of the same fact ask the same check."""

    TWINS = {'SMQ-PRG-01': ('not_installed', 'other_mta'), 'SMQ-PRG-03': ('permissions',), 'SMQ-PRM-01': ('permissions',), 'SMQ-MTA-01': ('mta_down',),
             'SMQ-RUN-01': ('runner', 'two_runners'), 'SMQ-RUN-03': ('dead_runner',),
             'SMQ-RUN-04': ('runner',), 'SMQ-RUN-05': ('queue_load',), 'SMQ-PRM-03': ('message_permissions',), 'SMQ-PRM-06': ('configuration', 'permissions'),
             'SMQ-PRM-07': ('cannot_submit',), 'SMQ-CFG-01': ('configuration',), 'SMQ-CFG-02': ('mta_configuration',), 'SMQ-QUE-03': ('lost',),
             'SMQ-QUE-04': ('quarantined',), 'SMQ-QUE-09': ('damaged', 'poison', 'missing_data', 'never_run'), 'SMQ-QUE-10': ('elsewhere',),
             'SMQ-STO-01': ('disk_full', 'mta_disk_full'), 'SMQ-STO-02': ('disk_full', 'mta_disk_full'),
             'SMQ-STO-03': ('read_only', 'configuration', 'queue_link', 'mta_queue'), 'SMQ-NAM-01': ('slow_names',), 'SMQ-NAM-02': ('relay_name',)}
    BY_ID = {cause.id: cause for cause in _causes.CAUSES}

    def test_each_shared_fact_is_one_check(self):
        named = {}
        for control in _controls.CONTROLS:
            sharing = tuple(cause.id for cause in _causes.CAUSES if set(cause.checks) & set(control.checks))
            if sharing:
                named[control.id] = set(sharing)
        named['SMQ-QUE-10'] = {'elsewhere'}   # it rests on dead_letters, where the queue is empty
        assert named == {control: set(causes) for control, causes in self.TWINS.items()}

    @pytest.mark.parametrize('more', [row[1] for row in ROWS] + [row[2] for row in ROWS] + [row[1] for row in DAMAGE])
    def test_no_host_gets_two_judgements(self, more):
        look = HEALTHY._replace(**more)
        look = look._replace(queues=dict({'msp': queue(), 'mta': queue()}, **look.queues))
        held = {cause['id'] for cause in _causes.diagnose(look)}
        if 'runner' in held:
            held.add('dead_runner')     # the same sentence, said once
        status = {one['id']: one['status'] for one in _controls.comply(look, _controls.settled(now=NOW))['controls']}
        for control in _controls.CONTROLS:
            for cause in self.TWINS.get(control.id, ()):
                shared = set(control.checks) & set(self.BY_ID[cause].checks)
                if any(check(look, {}).wrong for check in shared) and status[control.id] not in ('not_applicable', 'error'):
                    assert (cause in held, status[control.id]) == (True, 'fail'), control.id


class TestHealthy:
    """Promise 7: mail submitted now would leave now, and nothing that waits has a reason, in either queue."""

    def healthy(self, **more):
        return _causes.diagnosis(HEALTHY._replace(**more))['healthy']

    @pytest.mark.parametrize('reason', sorted(_causes.EXPLAINED) + ['other', 'a reason of tomorrow'])
    def test_no_reason_is_healthy(self, reason):
        assert not self.healthy(queues={'msp': because(1, reason, 'x', never_tried=int(reason == 'never_tried')), 'mta': queue()})

    @pytest.mark.parametrize('reason', sorted(set(_causes.EXPLAINED) - {'never_tried'}) + ['other'])
    def test_nor_in_the_queue_of_the_mta(self, reason):
        assert not self.healthy(queues={'msp': queue(), 'mta': because(1, reason, 'x')})

    def test_what_is_being_delivered_needs_none(self):
        waiting_now = {'msp': because(1, 'never_tried', never_tried=1), 'mta': because(1, 'never_tried', never_tried=1)}
        assert self.healthy(queues=waiting_now, passing=1)
        assert not self.healthy(queues=waiting_now)


class TestAdvice:
    HARMFUL = [row for row in ROWS if {cause.id: cause.harms for cause in _causes.CAUSES}[row[0]](HEALTHY._replace(**row[1]))]
    WAITS = {'queues': {'msp': because(3, 'connection_refused', 'x', never_tried=3), 'mta': queue()}}

    @pytest.mark.parametrize('cause, holds, _does_not', HARMFUL, ids=[row[0] for row in HARMFUL])
    def test_where_a_run_would_harm_nobody_says_flush(self, cause, holds, _does_not):
        causes = _causes.diagnose(HEALTHY._replace(**dict(self.WAITS, **holds)))
        assert cause in [one['id'] for one in causes]
        for one in causes:
            assert one['fix']['name'] != 'sendmail_queue'
            assert not re.match(r'Flush|.*; flush', one['fix']['text'])

    @pytest.mark.parametrize('cause, kind, holds', [
        ('mta_down', 'role', dict(NOBODY, processes=[])), ('runner', 'role', {'runners': []}),
        ('mta_untried', 'manual', dict(mta(untried_age=2 * 600 + _checks.SLACK + 1), mta_interval=600))])
    def test_nor_to_start_what_runs_a_queue(self, cause, kind, holds):
        def advice(**more):
            return {one['id']: one['fix'] for one in _causes.diagnose(HEALTHY._replace(**dict(holds, **more)))}[cause]
        # Debian's start of the MTA runs the client queue (share/sendmail/sendmail, start_mta()), and messages without a body leave empty.
        before, now = advice(), advice(hazards={'no_data': [('there is no data file', 'x')]})
        assert now == dict(before, kind=kind, text='First fix: missing_data; a start runs the queue. ' + before['text'])

    @pytest.mark.parametrize('text', [_flush.REMEDIES['temporary'], *(one.text for one in _causes.CAUSES if one.id == 'stale_rewrite')])
    def test_what_is_advised_about_left_over_rewrites_takes_them_from_when_they_are_in_the_way(self, text):
        (age,) = re.findall(r'older_than: (\w+)', text)
        assert _text.duration(age) == _hazards.YOUNG_SECONDS
        assert 'kinds: [temporary]' in text      # a body that is being received may be an hour old

    @pytest.mark.parametrize('holds', [
        {'greeting': dict(DOWN, error='connection_timeout')},
        {'greeting': dict(DOWN, code=421, text='421 4.3.2 busy', connected=True, error=None)},
        dict(NOBODY, processes=[]),
        {'greeting': dict(GREETING, error='closed')},
        {'greeting': DOWN, 'relay': relay('[192.0.2.20]', listeners=(), greeting=DOWN)},
        {'greeting': DOWN, 'relay': relay('[h.example.com]', listeners=()), 'resolved': {'h.example.com': UNKNOWN}}])
    def test_where_no_message_can_leave_nobody_says_flush(self, holds):
        look = HEALTHY._replace(queues={'msp': because(3, 'never_tried', '', never_tried=3), 'mta': queue()}, **holds)
        causes = {one['id']: one for one in _causes.diagnose(look)}
        first = [name for name, one in causes.items() if one['blocks']]
        assert first and causes['never_tried']['fix'] == {
            'kind': 'manual', 'name': None, 'text': 'No queue run yet. First fix: %s.' % ', '.join(first)}

    def test_a_relay_whose_name_is_gone_returns_the_mail(self):
        holds = {'greeting': DOWN, 'relay': relay('[h.example.com]', listeners=()), 'resolved': {'h.example.com': dict(UNKNOWN, error='not_found')}}
        (_name, one) = _causes.diagnose(HEALTHY._replace(queues={'msp': because(3, 'never_tried', '', never_tried=3), 'mta': queue()}, **holds))
        assert one['fix']['text'] == 'No queue run yet: it would lose or return mail. First fix: relay_name.'

    def test_a_relay_that_denies_the_recipients_returns_the_mail(self):
        holds = {'greeting': dict(GREETING, denied=['550 5.7.1 Relaying denied']), 'relay': relay('[192.0.2.20]', listeners=(), greeting=GREETING)}
        causes = {one['id']: one for one in _causes.diagnose(HEALTHY._replace(
            queues={'msp': because(3, 'connection_refused', 'x', never_tried=3), 'mta': queue()}, **holds))}
        assert sorted(causes) == ['never_tried', 'refuses']
        assert causes['never_tried']['fix']['text'] == 'No queue run yet: it would lose or return mail. First fix: refuses.'

    @pytest.mark.parametrize('queue_of', ['msp', 'mta'])
    def test_where_runs_try_nothing_one_of_a_group_does(self, queue_of):
        """RWG_FORCE (main.c, run_work_group() in queue.c); seen of 8.18.1: -q and -qf leave the message, -qGmqueue as of sendmail_queue tries it."""
        holds = {'queues': {'msp': because(3, 'connection_refused', 'x'), 'mta': queue()}, 'configurations': {queue_of: NO_RUNNERS}}
        causes = {one['id']: one for one in _causes.diagnose(HEALTHY._replace(**holds))}
        assert list(causes) == ['no_runners', 'was_down']
        assert (causes['no_runners']['blocks'], causes['was_down']['fix']['text']) == (False, 'Flush the queue.')

    @pytest.mark.parametrize('name, holds, blocks', [
        ('unreachable', {'greeting': dict(DOWN, error='no_route')}, True),
        ('unreachable', {'queues': {'msp': because(3, 'no_route', 'x'), 'mta': queue()}}, False),
        ('hangs_up', {'greeting': dict(GREETING, error='closed')}, True),
        ('hangs_up', {'queues': {'msp': because(3, 'connection_lost', 'reply: read error from x'), 'mta': queue()}}, False)])
    def test_a_cause_of_the_last_try_does_not_block(self, name, holds, blocks):
        (one,) = _causes.diagnose(HEALTHY._replace(**holds))
        assert (one['id'], one['blocks']) == (name, blocks)

    @pytest.mark.parametrize('reasons, words', [
        (['host_lookup'], ['name resolution']), (['mailbox'], ['Cannot exec']), (['connection_refused'], ['port 25']), (['temporary_reply'], ['again later']),
        (['map_lookup'], ['makemap']), (['other'], ['the evidence and the log']), (['mailbox', 'host_lookup', 'mailbox'], ['Cannot exec', 'name resolution'])])
    def test_what_to_do_about_mail_at_the_mta_follows_the_reason(self, reasons, words):
        top = dict(queue()['top'], reasons=[{'reason': reason, 'messages': 1, 'example': 'x'} for reason in reasons])
        (one,) = _causes.diagnose(HEALTHY._replace(queues={'msp': queue(), 'mta': dict(waiting(len(reasons)), top=top)}))
        every = ['name resolution', 'Cannot exec', 'port 25', 'again later', 'makemap', 'the evidence and the log']
        assert [word for word in every if word in one['fix']['text']] == sorted(words, key=every.index)
        assert one['fix']['text'].startswith(tuple(text for text in [_causes._DELIVERS] if 'mailbox' in reasons) or '')

    # What a queue run does while it holds.
    HARMS = {
        'queue_link': 'a run works in the directory that hides the mail', 'permissions': 'it loses what it may not trust (readqf() in queue.c)',
        'message_permissions': 'the same', 'foreign_runner': 'as root it loses what smmsp has written', 'disk_full': 'a bounce cannot be queued: lost',
        'read_only': 'the same', 'stranger': 'another program answers, and what it refuses is returned',
        'hosts_access': 'the MTA says 550, and the mail is returned', 'refuses': 'the same with what begins with 5', 'loop': 'returned after the hops',
        'swallowed': 'the MTA says "Recipient ok" and discards it, or returns it for its hops',
        'relay_name': 'where the name does not exist, "Host unknown": returned',
        'poison': 'it ends, and nothing behind is tried', 'damaged': 'lost or dropped', 'missing_data': 'delivered with an empty body'}

    def test_these_causes_make_a_run_harmful_and_no_others(self):
        assert sorted(self.HARMS) == sorted(cause.id for cause in _causes.CAUSES if cause.harms is not _causes._never)

    def test_every_reason_with_an_advice_is_one_of_sendmails(self):
        for row in _causes.CAUSES:
            assert set(row.reasons) <= set(_phrases.REASONS)

    def test_else_it_does(self):
        (one, other) = _causes.diagnose(HEALTHY._replace(**self.WAITS))
        assert [one['fix']['name'], other['fix']['name']] == ['sendmail_queue', 'sendmail_queue']


def test_a_cause_that_another_explains_says_so():
    causes = _causes.diagnose(HEALTHY._replace(
        places=[dict(HEALTHY.places[0], owner='root', mode='0755')], hazards={'permissions': [('owner 0:0', 'x')]},
        queues={'mta': queue(), 'msp': dict(queue(), messages=dict(queue()['messages'], lost=2, total=2))}))
    assert [(cause['id'], cause['because_of']) for cause in causes] == [
        ('permissions', []), ('too_open', []), ('message_permissions', ['permissions']), ('lost', ['permissions', 'message_permissions'])]


def test_a_reason_that_no_cause_covers_is_said():
    result = _causes.diagnosis(HEALTHY._replace(queues={'msp': because(3, 'other', 'Deferred: gremlins')}))
    assert (result['healthy'], result['causes'], result['unexplained']) == (False, [], {'messages': 3, 'examples': ['Deferred: gremlins']})


def test_without_sendmail_the_mail_that_lies_there_is_still_judged():
    left = {'msp': dict(because(3, 'other', 'Deferred: gremlins'), messages=dict(queue()['messages'], lost=1, total=4, queued=3)), 'mta': queue()}
    result = _causes.diagnosis(HEALTHY._replace(program=BARE, queues=left, runners=[]))
    assert [one['id'] for one in result['causes']] == ['not_installed', 'lost']
    assert result['unexplained'] == {'messages': 0, 'examples': []}


def test_examples_are_three_and_none_of_mail_in_delivery():
    reasons = [{'reason': 'never_tried', 'messages': 1, 'example': ''}] + [
        {'reason': 'other', 'messages': 1, 'example': 'Deferred: gremlins %d' % number} for number in range(4)]
    look = HEALTHY._replace(queues={'msp': waiting(5, never_tried=1, top=dict(queue()['top'], reasons=reasons)), 'mta': queue()},
                            passing=1)
    assert _causes.diagnosis(look)['unexplained'] == {'messages': 4, 'examples': ['Deferred: gremlins %d' % number for number in range(3)]}


@pytest.mark.parametrize('ahead, left', [(0, 3), (2, 1), (3, 0), (9, 0)])
def test_mail_without_a_status_is_explained_by_a_clock_that_was_set_back(ahead, left):
    result = _causes.diagnosis(HEALTHY._replace(queues={'msp': because(3, 'other', ''), 'mta': queue()}, ahead=ahead))
    assert (result['healthy'], [one['id'] for one in result['causes']]) == (False, ['clock'] * bool(ahead))
    assert result['unexplained'] == {'messages': left, 'examples': ['tried, and no status was noted'] * bool(left)}


def test_a_clock_explains_no_mail_that_has_a_status():
    look = HEALTHY._replace(queues={'msp': because(3, 'other', 'Deferred: gremlins'), 'mta': queue()}, ahead=3)
    assert _causes.diagnosis(look)['unexplained'] == {'messages': 3, 'examples': ['Deferred: gremlins']}


def test_a_cause_says_five_sentences():
    places = [dict(HEALTHY.places[0], path='/q/%d' % number, owner='root') for number in range(7)]
    (one,) = _causes.diagnose(HEALTHY._replace(places=places))
    assert [line.split()[0] for line in one['evidence']] == ['/q/%d' % number for number in range(5)]


@pytest.mark.parametrize('greeting', [dict(DOWN, connected=True, error='connection_timeout'), dict(DOWN, connected=True, code=554, error=None, text='554 no')])
def test_what_keeps_the_relay_away_now_explains_mail_that_it_kept_away_before(greeting):
    result = _causes.diagnosis(HEALTHY._replace(greeting=greeting, queues={'msp': because(3, 'connection_refused', 'x')}))
    assert result['unexplained'] == {'messages': 0, 'examples': []}


@pytest.mark.parametrize('reason', ['connection_refused', 'connection_timeout', 'no_route', 'not_permitted', 'warned'])
@pytest.mark.parametrize('greeting, left', [(dict(GREETING, error='closed'), 0), (dict(GREETING, error='connection_timeout'), 0), (None, 3)])
def test_a_relay_that_hangs_up_now_explains_them_too(reason, greeting, left):
    result = _causes.diagnosis(HEALTHY._replace(greeting=greeting, queues={'msp': because(3, reason, 'x')}))
    assert ([one['id'] for one in result['causes']], result['unexplained']['messages']) == ([] if left else ['hangs_up'], left)


class TestLog:
    def test_only_causes_that_hold_are_looked_up(self):
        asked = []

        def read(patterns):
            asked.append(sorted(patterns))
            return {'mta_down': 'Nov 25 h sm-mta[1]: cannot bind'}
        found = _causes.diagnosis(HEALTHY._replace(**NOBODY), read)
        assert asked == [['mta_down']]
        assert found['causes'][0]['evidence'][-1] == 'The log says: Nov 25 h sm-mta[1]: cannot bind'

    def test_evidence_stays_bounded(self):
        hazards = {'permissions': [('wrong', '6ANFSGsD00%04d' % number) for number in range(20)]}
        found = _causes.diagnosis(HEALTHY._replace(hazards=hazards), lambda patterns: dict.fromkeys(patterns, 'line'))
        (one,) = found['causes']
        assert len(one['evidence']) == _causes.EVIDENCE_MAX
        assert one['evidence'][-1] == 'The log says: line'

    def test_what_the_kernel_denied_stands_beside_the_first_cause_that_may_come_of_it(self):
        line = 'type=AVC msg=audit(1795447696.1:2): avc:  denied  { name_bind } for  pid=7 comm="sendmail" src=2525 scontext=x:x:sendmail_t:s0'

        found = _causes.diagnosis(HEALTHY._replace(runners=[], queues={'msp': because(3, 'connection_refused', 'x')}, **NOBODY),
                                  lambda patterns: {'mta_down': 'Nov 25 h sm-mta[1]: cannot bind'}, lambda: line)
        told = {one['id']: [text for text in one['evidence'] if 'avc' in text] for one in found['causes']}
        assert told['mta_down'] == ['SELinux or AppArmor denied Sendmail something: ' + line]
        assert [one for one in told if told[one]] == ['mta_down'] and {'mta_down', 'runner'} <= set(told)
        assert 'cannot bind' in found['causes'][0]['evidence'][-2]
        # Nothing is asked where nothing can come of it, nor is a healthy host.
        for look in (HEALTHY, HEALTHY._replace(queues={'msp': queue(messages=dict(queue()['messages'], lost=2, total=2))})):
            assert _causes.diagnosis(look, denied=lambda: pytest.fail('asked'))

    def test_without_a_log_the_evidence_is_the_same(self):
        down = HEALTHY._replace(**NOBODY)
        assert _causes.diagnosis(down)['causes'] == _causes.diagnose(down)

    @pytest.mark.parametrize('cause, line', [
        ('configuration', 'sendmail[77]: NOQUEUE: SYSERR(alice): /etc/mail/submit.cf: line 0: cannot open: No such file or directory'),
        ('too_open', 'sendmail[77]: dangerous permissions=42777 on queue directory /var/spool/mqueue-client/'),
        # Why an MTA does not start: opendaemonsocket() in daemon.c, readcf.c, conf.c and main.c.
        ('mta_down', 'sm-mta[7]: NOQUEUE: SYSERR(root): opendaemonsocket: daemon MTA-v4: cannot bind: Address already in use'),
        ('mta_down', 'sm-mta[7]: NOQUEUE: SYSERR(root): /etc/mail/sendmail.cf: line 7: unknown configuration line "xyzzy"'),
        ('mta_down', 'sm-mta[7]: NOQUEUE: SYSERR(root): can not chdir(/var/spool/mqueue/): Group writable directory'),
        ('message_permissions', 'sm-msp-queue[7]: 6ANF9o5V000220: bogus queue file, uid=1000, gid=104, mode=100666'),
        ('lost', 'sm-msp-queue[7]: 6ANF9o5V000220: Losing ./qf6ANF9o5V000220: bogus file uid/gid in mqueue'),
        ('disk_full', 'sendmail[7]: NOQUEUE: low on space (SMTP-DAEMON needs 12 bytes + 100 blocks in /var/spool/mqueue-client), max avail: 75'),
        ('refuses_for_load', 'sm-mta[7]: rejecting connections on daemon MTA-v4: load average: 50'),
        ('dns', 'sm-msp-queue[7]: 6ANF9o5V000220: to=a@b.example, delay=0, mailer=esmtp, dsn=4.4.3, stat=queued'),
        ('mta_disk_full', 'sm-mta[7]: low on space (localhost needs 0 bytes + 100 blocks in /var/spool/mqueue)'),
        ('queue_load', 'sm-msp-queue[7]: runqueue: Skipping queue run -- load average too high'),
        ('stale_rewrite', 'sm-msp-queue[7]: SYSERR(root): queueup: cannot create ./tf6ANF9o5V000220, euid=105: File exists'),
        ('slow_names', 'sendmail[7]: My unqualified host name (shorty) unknown; sleeping for retry'),
        ('mta_waits', 'sm-mta[1536]: 6AS0JJZl001534: SYSERR(root): Cannot exec /usr/sbin/sensible-mda: No such file or directory'),
        ('silent', 'sm-mta[7]: NOQUEUE: SYSERR(root): daemon: cannot fork: Resource temporarily unavailable'),
        ('mta_untried', 'sm-mta[7]: runqueue: Skipping queue run -- too many children (40)'),
        ('elsewhere', 'sendmail[7]: 6ANF: to=bob, ctladdr=alice, relay=[127.0.0.1], dsn=5.1.1, stat=User unknown'),
    ])
    def test_what_sendmail_logs_is_found(self, cause, line):
        (pattern,) = [one.log for one in _causes.CAUSES if one.id == cause]
        assert re.search(pattern, line.encode())
        ordinary = b'sm-mta[7]: 6ANF9o5V000220: to=bob, delay=00:00:01, mailer=local, pri=30, dsn=2.0.0, stat=Sent'
        assert not any(re.search(one.log, ordinary) for one in _causes.CAUSES if one.log)

    @pytest.mark.parametrize('cause', ['mta_down', 'stranger'])
    def test_why_an_mta_does_not_start_is_not_what_it_says_last(self, cause):
        """opendaemonsocket() and getrequests() in daemon.c log the reason, and then these."""
        (pattern,) = [one.log for one in _causes.CAUSES if one.id == cause]
        for line in (b'sm-mta[7]: daemon MTA-v4: problem creating SMTP socket',
                     b'sm-mta[7]: NOQUEUE: SYSERR(root): opendaemonsocket: daemon MTA-v4: server SMTP socket wedged: exiting'):
            assert not re.search(pattern, line)


class TestSubjects:
    def shares(self, subjects, looked, total=40):
        waits = because(total, 'connection_refused', 'Deferred: x')
        return [line for one in _causes.diagnose(HEALTHY._replace(queues={'msp': waits, 'mta': queue()}, subjects=(subjects, looked)))
                if one['id'] == 'one_source' for line in one['evidence']]

    def test_most_have_one_subject(self):
        assert self.shares([('Cron <root@web#> backup', 36), ('hello', 4)], 40) == [
            '36 of 40 waiting messages looked at (90 %) have the subject "Cron <root@web#> backup" (digits ignored).']

    def test_none_stands_out(self):
        assert self.shares([('a', 20), ('b', 20)], 40) == []

    def test_too_few_to_say(self):
        assert self.shares([('a', 5)], 5, total=5) == []

    def test_not_asked_for(self):
        assert self.shares([], 0) == []


@pytest.mark.parametrize('submit, word', [
    (b'O DeliveryMode=q\n', 'DeliveryMode in submit.cf'), (b'Odq\n', 'DeliveryMode in submit.cf'), (b'O Delivery=d\n', 'DeliveryMode in submit.cf'),
    (b'O DeliveryMode=i\n', '-odq'), (b'', '-odq'),
    (b'O HoldExpensive=True\nMrelay, P=[IPC], F=mDFe, A=TCP $h\n', 'HoldExpensive in submit.cf'),
    (b'O HoldExpensive=True\nMrelay, P=[IPC], F=mDF, A=TCP $h\n', '-odq'),
    (b'O HoldExpensive\nMrelay, P=[IPC], F=mDFe, A=TCP $h\n', 'HoldExpensive in submit.cf'),   # atobool() in util.c
    (b'O HoldExpensive=False\nMrelay, P=[IPC], F=mDFe, A=TCP $h\n', '-odq')])
def test_why_messages_were_never_tried(submit, word):
    look = HEALTHY._replace(queues={'msp': because(2, 'never_tried', never_tried=2), 'mta': queue()}, configurations={'msp': _cf.parse(submit)})
    (one,) = [cause for cause in _causes.diagnose(look) if cause['id'] == 'never_tried']
    assert word in one['evidence'][0]


def defers(text, **more):
    return dict({'greeting': dict(HEALTHY.greeting, deferral=text)}, **more)


HUB = {'relay': relay('[198.51.100.2]', listeners=())}


@pytest.mark.parametrize('look, named', [
    (defers('451 4.3.2 Please try again later'), ['milter']),
    (defers('451 4.3.0 Temporary system failure. Please try again later.'), ['maps']),
    (defers('452 4.4.5 Insufficient disk space; try again later'), ['mta_disk_full']),
    (defers('451 4.7.1 come back later'), ['policy']),
    # Another host may be greylisting; its own trouble it says as 4.3 or 4.4. What is said of our frequency or of a mailbox is no matter of others.
    (defers('451 4.7.1 come back later', **HUB), []),
    (defers('451 4.3.2 Please try again later', **HUB), ['milter']),
    (defers('421 4.3.2 Connection rate limit exceeded.'), []),
    (defers('452 4.2.2 Mailbox full'), []),
    (defers(None), []),
])
def test_a_relay_that_takes_no_mail_now(look, named):
    """Nothing waits yet, and no mail would leave: a filter that is down with F=T, an access rule with 451 (seen on a host)."""
    assert found(**look) == named


def test_a_full_disk_comes_before_what_it_made():
    """MinFreeBlocks above all that is free: the bounce cannot be queued either, and becomes a Qf file (seen on a host)."""
    full = {'filesystems': {'msp': dict(ROOM, blocks_free=99), 'mta': ROOM}, 'queues': {'msp': queue(messages=dict(queue()['messages'], lost=1))}}
    causes = _causes.diagnose(HEALTHY._replace(**full))
    assert [(one['id'], one['because_of']) for one in causes] == [('disk_full', []), ('lost', ['disk_full'])]


@pytest.mark.parametrize('family, owner, group, mode, wrong', [
    # openSUSE's package gives the client queue to root:mail 0770, and its program works with the group (seen on a host laid out so).
    ('suse', 'root', 'mail', '0770', False), ('suse', 'mail', 'mail', '0770', False), ('suse', 'alice', 'mail', '0770', True),
    ('suse', 'root', 'root', '0770', True), ('suse', 'root', 'mail', '0750', True), ('debian', 'root', 'smmsp', '2770', True),
    ('debian', 'smmsp', 'smmsp', '2770', False), ('unknown', 'smmsp', 'smmsp', '0770', False)])
def test_whose_the_client_queue_may_be(family, owner, group, mode, wrong):
    layout = dict(_platform.PLATFORMS, unknown=_platform.UNKNOWN)[family]
    look = HEALTHY._replace(layout=layout, submitter=dict(HEALTHY.submitter, user=layout.msp_user, group=layout.msp_group),
                            places=[dict(HEALTHY.places[0], owner=owner, group=group, mode=mode)])
    assert _checks.queue_rights(look, {}).wrong is wrong
