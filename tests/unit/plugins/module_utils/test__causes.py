# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of causes, over looks made by hand. That a host gives such looks is shown by the scenario diagnosis."""

import os
import re
import sys

import pytest

from ansible_collections.mailops.sendmail.plugins.module_utils import _causes

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), '../..')))
from hosts_looked_at import HEALTHY, NOW, because, queue

ROOT = os.path.join(os.path.dirname(_causes.__file__), '..', '..')
DOWN = {'connected': False, 'answered': False, 'code': None, 'text': None, 'error': 'connection_refused'}


def found(**more):
    return [cause['id'] for cause in _causes.diagnose(HEALTHY._replace(**more))]


@pytest.mark.parametrize('bound_to, because_of', [('sendmail.service', ['mta_down']), (None, [])])
def test_a_runner_that_stops_with_the_mta_is_its_victim(bound_to, because_of):
    runner = dict(HEALTHY.runners[0], active=False, detail='it is down', bound_to=bound_to)
    causes = {one['id']: one for one in _causes.diagnose(HEALTHY._replace(greeting=DOWN, listeners=[], processes=[], runners=[runner]))}
    assert set(causes) == {'mta_down', 'runner'}
    assert causes['runner']['because_of'] == because_of


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
        if cause.name:   # advice names only what is there
            assert os.path.exists(os.path.join(ROOT, *(('roles', cause.name) if cause.fix == 'role' else ('plugins', 'modules', cause.name + '.py'))))
    assert {name for names in _causes.EXPLAINED.values() for name in names} <= set(ids)


@pytest.mark.parametrize('more, expected', [
    ({'locked': [{'id': '6ANFSGsD000240', 'pid': 7, 'seconds': _causes.HANGS, 'title': 'sendmail: MSP: client greeting'}]}, ['hangs']),
    ({'locked': [{'id': '6ANFSGsD000240', 'pid': 7, 'seconds': _causes.HANGS - 1, 'title': ''}]}, []),
    ({'locked': [{'id': '6ANFSGsD000240', 'pid': 7, 'seconds': None, 'title': ''}]}, []),
    ({'greeting': DOWN, 'listeners': [], 'processes': []}, ['mta_down']),
    ({'greeting': DOWN, 'listeners': []}, ['listens_elsewhere']),
    ({'greeting': DOWN}, ['filtered']),
    ({'greeting': dict(DOWN, connected=True, error='connection_timeout')}, ['silent']),
    ({'greeting': dict(DOWN, connected=True, code=554, error=None, text='554 no')}, ['refuses']),
    ({'refusal': '550 5.7.1 Access denied'}, ['refuses']),
    ({'refusal': '550 5.0.0 Access denied', 'hosts_access': ['/etc/hosts.deny: ALL: ALL']}, ['hosts_access']),
    ({'refusal': '550 5.0.0 Access denied', 'hosts_access': ['/etc/hosts.deny: ALL: ALL'], 'relay': {'host': '192.0.2.9', 'port': 25}}, ['refuses']),
    ({'hosts_access': ['/etc/hosts.deny: ALL: ALL']}, []),
    ({'greeting': dict(DOWN, error='no_route')}, ['unreachable']),
    ({'queues': {'msp': because(3, 'connection_refused', 'x')}}, ['was_down']),
    ({'queues': {'msp': because(3, 'temporary_reply', 'x')}}, ['policy']),
    ({'queues': {'msp': because(3, 'host_lookup', 'x')},
      'lookups': dict(HEALTHY.lookups, domains={'d': {'error': 'temporary', 'seconds': 0.1}})}, ['dns']),
    ({'queues': {'msp': because(3, 'host_lookup', 'x')},
      'lookups': dict(HEALTHY.lookups, domains={'d': {'error': 'not_found', 'seconds': 0.1}})}, ['dns_was_down']),
    ({'queues': {'msp': because(3, last_attempt_age=2 * 1800 + _causes.SLACK + 1)}}, ['runner']),
    ({'queues': {'msp': because(3, last_attempt_age=2 * 1800 + _causes.SLACK)}}, []),
    ({'runners': []}, ['runner']),
    ({'submitter': dict(HEALTHY.submitter, conflict='The primary group of user smmsp is 25, ...')}, ['permissions']),
    ({'load': [20.0, 1.0, 1.0]}, ['queue_load']),
    ({'hazards': {'no_data': [('there is no data file', 'x')]}}, ['missing_data']),
    ({'hazards': {'damaged': [('there is no sender (S line): a queue runner aborts', 'x')]}}, ['poison']),
    ({'hazards': {'damaged': [('line 2: an unknown line, Y99', 'x')]}}, ['damaged']),
    ({'queues': {'msp': dict(because(40), top={'reasons': [], 'users': [{'user': 'root', 'messages': 39}], 'senders': []})}}, ['one_source']),
    ({'dead_letters': [{'path': '/root/dead.letter', 'size': 5, 'mtime': NOW - 60}]}, ['elsewhere']),
    ({'dead_letters': [{'path': '/root/dead.letter', 'size': 5, 'mtime': NOW - 8 * 86400}]}, []),
])
def test_what_is_found(more, expected):
    assert found(**more) == expected


def test_a_cause_that_another_explains_says_so():
    causes = _causes.diagnose(HEALTHY._replace(
        places=[dict(HEALTHY.places[0], owner='root', mode='0755')], hazards={'permissions': [('owner 0:0', 'x')]},
        queues={'msp': dict(queue(), messages=dict(queue()['messages'], lost=2, total=2))}))
    assert [(cause['id'], cause['because_of']) for cause in causes] == [
        ('permissions', []), ('too_open', []), ('message_permissions', ['permissions']), ('lost', ['permissions', 'message_permissions'])]


def test_a_reason_that_no_cause_covers_is_said():
    result = _causes.diagnosis(HEALTHY._replace(queues={'msp': because(3, 'other', 'Deferred: gremlins')}))
    assert (result['healthy'], result['causes'], result['unexplained']) == (False, [], {'messages': 3, 'examples': ['Deferred: gremlins']})


@pytest.mark.parametrize('greeting', [dict(DOWN, connected=True, error='connection_timeout'), dict(DOWN, connected=True, code=554, error=None, text='554 no')])
def test_what_keeps_the_relay_away_now_explains_mail_that_it_kept_away_before(greeting):
    result = _causes.diagnosis(HEALTHY._replace(greeting=greeting, queues={'msp': because(3, 'connection_refused', 'x')}))
    assert result['unexplained'] == {'messages': 0, 'examples': []}


class TestLog:
    def test_only_causes_that_hold_are_looked_up(self):
        asked = []

        def read(patterns):
            asked.append(sorted(patterns))
            return {'mta_down': 'Nov 25 h sm-mta[1]: cannot bind'}
        found = _causes.diagnosis(HEALTHY._replace(greeting=DOWN, listeners=[], processes=[]), read)
        assert asked == [['mta_down']]
        assert found['causes'][0]['evidence'][-1] == 'The log says: Nov 25 h sm-mta[1]: cannot bind'

    def test_evidence_stays_bounded(self):
        hazards = {'permissions': [('wrong', '6ANFSGsD00%04d' % number) for number in range(20)]}
        found = _causes.diagnosis(HEALTHY._replace(hazards=hazards), lambda patterns: dict.fromkeys(patterns, 'line'))
        (one,) = found['causes']
        assert len(one['evidence']) == _causes.EVIDENCE_MAX
        assert one['evidence'][-1] == 'The log says: line'

    def test_without_a_log_the_evidence_is_the_same(self):
        down = HEALTHY._replace(greeting=DOWN, listeners=[], processes=[])
        assert _causes.diagnosis(down)['causes'] == _causes.diagnose(down)

    @pytest.mark.parametrize('cause, line', [
        ('configuration', 'sendmail[77]: NOQUEUE: SYSERR(alice): /etc/mail/submit.cf: line 0: cannot open: No such file or directory'),
        ('too_open', 'sendmail[77]: dangerous permissions=42777 on queue directory /var/spool/mqueue-client/'),
        ('message_permissions', 'sm-msp-queue[7]: 6ANF9o5V000220: bogus queue file, uid=1000, gid=104, mode=100666'),
        ('lost', 'sm-msp-queue[7]: 6ANF9o5V000220: Losing ./qf6ANF9o5V000220: bogus file uid/gid in mqueue'),
        ('disk_full', 'sendmail[7]: NOQUEUE: low on space (SMTP-DAEMON needs 12 bytes + 100 blocks in /var/spool/mqueue-client), max avail: 75'),
        ('refuses_for_load', 'sm-mta[7]: rejecting connections on daemon MTA-v4: load average: 50'),
        ('dns', 'sm-msp-queue[7]: 6ANF9o5V000220: to=a@b.example, delay=0, mailer=esmtp, dsn=4.4.3, stat=queued'),
        ('mta_disk_full', 'sm-mta[7]: low on space (localhost needs 0 bytes + 100 blocks in /var/spool/mqueue)'),
        ('queue_load', 'sm-msp-queue[7]: runqueue: Skipping queue run -- load average too high'),
        ('stale_rewrite', 'sm-msp-queue[7]: SYSERR(root): queueup: cannot create ./tf6ANF9o5V000220, euid=105: File exists'),
        ('slow_names', 'sendmail[7]: My unqualified host name (shorty) unknown; sleeping for retry'),
        ('elsewhere', 'sendmail[7]: 6ANF: to=bob, ctladdr=alice, relay=[127.0.0.1], dsn=5.1.1, stat=User unknown'),
    ])
    def test_what_sendmail_logs_is_found(self, cause, line):
        (pattern,) = [one.log for one in _causes.CAUSES if one.id == cause]
        assert re.search(pattern, line.encode())
        ordinary = b'sm-mta[7]: 6ANF9o5V000220: to=bob, delay=00:00:01, mailer=local, pri=30, dsn=2.0.0, stat=Sent'
        assert not any(re.search(one.log, ordinary) for one in _causes.CAUSES if one.log)


class TestSubjects:
    def shares(self, subjects, looked, total=40):
        waits = because(total, 'connection_refused', 'Deferred: x')
        return [line for one in _causes.diagnose(HEALTHY._replace(queues={'msp': waits, 'mta': queue()}, subjects=(subjects, looked)))
                if one['id'] == 'one_source' for line in one['evidence']]

    def test_most_have_one_subject(self):
        assert self.shares([('Cron <root@web#> backup', 36), ('hello', 4)], 40) == [
            '36 of 40 waiting messages looked at (90 %) have the subject "Cron <root@web#> backup", digits apart.']

    def test_none_stands_out(self):
        assert self.shares([('a', 20), ('b', 20)], 40) == []

    def test_too_few_to_say(self):
        assert self.shares([('a', 5)], 5, total=5) == []

    def test_not_asked_for(self):
        assert self.shares([], 0) == []
