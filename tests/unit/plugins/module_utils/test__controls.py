# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of controls, over looks made by hand. That hosts give such looks is shown by the scenario compliance."""

import os
import re
import time

import pytest

from ansible_collections.mailops.sendmail.plugins.module_utils import _cf, _controls, _platform, _text
from ansible_collections.mailops.sendmail.tests.unit.hosts_looked_at import (
    DAEMON, DAMAGE, DOWN, GREETING, HEALTHY, NOW, POLICY, REFUSES, ROOM, RUNNER, SOCKET, alias_file, aliased, damaged, queue, relay, ruled, settings,
    state, waiting, want)

ROOT = os.path.join(os.path.dirname(_controls.__file__), '..', '..')


def comply(look=HEALTHY, profile='stig', thresholds=None, **options):
    options.update(profile=profile, thresholds=dict({'wanted': True}, **thresholds or {}))
    return _controls.comply(look, _controls.settled(now=NOW, **options))


def with_status(result, status):
    return [one['id'] for one in result['controls'] if one['status'] == status]


def test_a_healthy_host_complies():
    result = comply()
    assert result['compliant']
    assert result['summary'] == {'pass': len(_controls.CONTROLS), 'fail': 0, 'waived': 0, 'not_applicable': 0, 'error': 0}
    assert [one['evidence'] for one in result['controls'] if one['evidence']] == []


@pytest.mark.parametrize('control, more, also', DAMAGE, ids=['%s-%d' % (row[0], number) for number, row in enumerate(DAMAGE)])
def test_each_control_fails(control, more, also):
    result = comply(HEALTHY._replace(**more))
    assert sorted(with_status(result, 'fail')) == sorted([control] + also)
    assert not result['compliant']


def test_every_control_has_a_damage():
    # Whether Sendmail is wanted is no fact of a host.
    assert {row[0] for row in DAMAGE} == set(_controls.IDS) - {'SMQ-PRG-05'}


def test_the_table_is_sound():
    assert len(_controls.IDS) == len(set(_controls.IDS))
    for control in _controls.CONTROLS:
        assert re.match(r'SMQ-[A-Z]{3}-\d\d$', control.id)
        assert control.severity in _controls.SEVERITIES
        assert control.rationale.endswith('.') and control.text.endswith('.') and not control.title.endswith('.') and control.references
        assert (control.remedy == 'manual') == (control.name is None)
        if control.name:   # advice names only what is there
            assert os.path.exists(os.path.join(ROOT, *(('roles', control.name) if control.remedy == 'role' else ('plugins', 'modules', control.name + '.py'))))


def test_without_sendmail_one_control_fails_and_no_other_applies():
    program = dict(HEALTHY.program, sendmail=None, path=None, target=None, is_sendmail=False)
    result = comply(HEALTHY._replace(program=program))
    assert with_status(result, 'fail') == ['SMQ-PRG-01']
    assert result['summary']['not_applicable'] == len(_controls.CONTROLS) - 1
    assert comply(HEALTHY._replace(program=program), overrides=[{'id': 'SMQ-PRG-01', 'severity': None, 'enabled': False}])['compliant']


def test_a_host_that_submits_elsewhere_needs_no_mta():
    result = comply(HEALTHY._replace(relay=relay('[192.0.2.20]', listeners=[]), processes=[], sockets=[]))
    assert with_status(result, 'not_applicable') == [
        'SMQ-MTA-01', 'SMQ-MTA-02', 'SMQ-MTA-04', 'SMQ-MTA-05', 'SMQ-POL-05', 'SMQ-POL-06']
    assert result['compliant']


@pytest.mark.parametrize('more, expected', [
    ({'errors': [{'queue': 'msp', 'path': '/q', 'error': 'Permission denied'}]},
     ['SMQ-PRM-03', 'SMQ-QUE-01', 'SMQ-QUE-03', 'SMQ-QUE-04', 'SMQ-QUE-05', 'SMQ-QUE-06', 'SMQ-QUE-08', 'SMQ-QUE-09', 'SMQ-RUN-04']),
    ({'settings': {'mta': HEALTHY.settings['mta']}}, ['SMQ-CFG-03', 'SMQ-CFG-04', 'SMQ-POL-02', 'SMQ-RUN-05', 'SMQ-STO-01']),
    ({'filesystems': {}}, ['SMQ-STO-01', 'SMQ-STO-02', 'SMQ-STO-03']),
    ({'program': dict(HEALTHY.program, version=None)}, ['SMQ-PRG-02']),
    ({'relay': None, 'greeting': None}, ['SMQ-MTA-03']),
    ({'lookups': None}, ['SMQ-NAM-01']),   # not foreseen: one control is an error, the others are judged
])
def test_what_cannot_be_told_is_an_error(more, expected):
    result = comply(HEALTHY._replace(**more))
    assert sorted(with_status(result, 'error')) == expected
    assert with_status(result, 'fail') == [] and not result['compliant']


class TestOptions:
    AGE = {'queues': {'msp': queue(oldest_age=20000), 'mta': queue()}}

    def waiver(self, **more):
        return dict({'id': 'SMQ-QUE-01', 'reason': 'a migration', 'expires': '2026-12-01'}, **more)

    def test_thresholds(self):
        assert not comply(HEALTHY._replace(**self.AGE))['compliant']
        assert comply(HEALTHY._replace(**self.AGE), thresholds={'msp_age': '6h', 'listen': None})['compliant']

    def test_overrides(self):
        result = comply(HEALTHY._replace(**self.AGE), overrides=[{'id': 'SMQ-QUE-01', 'severity': 'critical', 'enabled': True},
                                                                 {'id': 'SMQ-QUE-02', 'severity': None, 'enabled': False}])
        found = {one['id']: (one['severity'], one['status']) for one in result['controls']}
        assert found['SMQ-QUE-01'] == ('critical', 'fail')
        assert found['SMQ-QUE-02'] == ('low', 'not_applicable')

    @pytest.mark.parametrize('expires, status, expired', [
        ('2026-12-01', 'waived', False), ('2026-11-23', 'waived', False), ('2026-11-22', 'fail', True), ('2025-01-01', 'fail', True)])
    def test_a_waiver_holds_to_the_end_of_its_day(self, expires, status, expired):
        result = comply(HEALTHY._replace(**self.AGE), waivers=[self.waiver(expires=expires)])
        one = next(one for one in result['controls'] if one['id'] == 'SMQ-QUE-01')
        assert (one['status'], one['waiver']['expired']) == (status, expired)
        assert result['compliant'] == (status == 'waived')
        assert ('The waiver expired on %s.' % expires in one['evidence']) == expired

    def test_a_waiver_of_a_control_that_passes_changes_nothing(self):
        assert comply(waivers=[self.waiver(expires='2020-01-01')])['compliant']

    def test_no_waiver_for_an_error(self):
        wrong = HEALTHY._replace(errors=[{'queue': 'msp', 'path': '/q', 'error': 'x'}])
        assert 'SMQ-QUE-01' in with_status(comply(wrong, waivers=[self.waiver()]), 'error')

    @pytest.mark.parametrize('options, why', [
        ({'overrides': [{'id': 'SMQ-NON-99'}]}, "overrides.id: 'SMQ-NON-99' is not a control"),
        ({'waivers': [{'id': 'smq-que-01', 'reason': 'x', 'expires': '2026-12-01'}]}, "waivers.id: 'smq-que-01' is not a control"),
        ({'waivers': [{'id': 'SMQ-QUE-01', 'reason': ' ', 'expires': '2026-12-01'}]}, 'gives no reason'),
        ({'waivers': [{'id': 'SMQ-QUE-01', 'reason': 'x', 'expires': 'soon'}]}, "waivers.expires: 'soon', of SMQ-QUE-01, is not a day"),
        ({'waivers': [{'id': 'SMQ-QUE-01', 'reason': 'x', 'expires': '2026-02-30'}]}, 'is not a day'),
        ({'waivers': [{'id': 'SMQ-QUE-01', 'reason': 'x', 'expires': '2026-1-1'}]}, 'is not a day'),
        # Digits of another script would come after every day of ours.
        ({'waivers': [{'id': 'SMQ-QUE-01', 'reason': 'x', 'expires': '\u0662\u0660\u0662\u0660-01-01'}]}, 'is not a day'),
        ({'waivers': [{'id': 'SMQ-QUE-01', 'reason': 'x', 'expires': '2026-12-01'}] * 2}, 'more than once'),
        ({'thresholds': {'msp_age': 'old'}}, 'is not a duration'),
        ({'thresholds': {'queue_bytes': 'much'}}, 'is not a size'),
        ({'thresholds': {'msp_messages': -1}}, 'thresholds.msp_messages: -1 is below 0'),
        ({'thresholds': {'version': 'new'}}, "thresholds.version: 'new' is not a version"),
        ({'thresholds': {'msp_agee': '1h'}}, "there is no 'msp_agee'"),
    ])
    def test_what_is_refused(self, options, why):
        with pytest.raises(_text.SendmailError, match=re.escape(why)):
            comply(**options)


def test_evidence_is_bounded():
    look = HEALTHY._replace(writable=['%d' % number for number in range(30)])
    one = next(one for one in comply(look)['controls'] if one['id'] == 'SMQ-PRM-05')
    assert one['evidence'] == ['0', '1', '2', '3', '4', '25 more.']


def test_a_path_whose_owner_does_not_matter():
    look = HEALTHY._replace(wanted=HEALTHY.wanted + [dict(want('mta_queue', '/q', 'x', 'y', '0700'), owner=None, group=None)])
    assert comply(look)['compliant']


def test_versions_are_compared_as_numbers():
    program = dict(HEALTHY.program, version='8.18.1')
    for wanted, holds in (('8.9', True), ('8.18.1', True), ('8.18.2', False), ('9', False)):
        assert comply(HEALTHY._replace(program=program), thresholds={'version': wanted})['compliant'] == holds


def test_what_a_report_says_of_the_queues():
    e = HEALTHY._replace(queues={'msp': queue(bytes=5, top={'reasons': [{'reason': 'no_route', 'messages': 2, 'example': 'x'}], 'senders': [1, 2, 3, 4]}),
                                 'mta': queue()})
    host = _controls.host_of(e)
    assert host['queues']['msp']['reasons'] == {'no_route': 2} and host['queues']['msp']['senders'] == [1, 2, 3]
    assert (host['version'], host['platform']) == ('8.17.1.9', 'debian')


def one_of(control, **more):
    """What is said of one control on a host that differs so from the healthy one."""
    return next(one for one in comply(HEALTHY._replace(**more))['controls'] if one['id'] == 'SMQ-' + control)


def said_of(control, **more):
    one = one_of(control, **more)
    return one['status'], one['actual']


LASTS = time.strftime('%Y-%m-%d', time.gmtime(NOW + 90 * 86400))
# What the report says of the healthy host: (expected, actual), in the order of the controls.
WORDS = [
    ('The name sendmail leads to Sendmail', '/usr/libexec/sendmail/sendmail'), ('8.15.2 or later', '8.17.1.9'), ('root:smmsp 2755', '1 of 1 right'),
    ('Sendmail has every class of map that is used', 'hash, host'), ('Somebody has said that this host needs Sendmail (wanted)', 'yes'),
    ('A daemon that accepts mail', 'sendmail: MTA: accepting connections (process 7)'), ('The service sendmail is started at boot', 'enabled'),
    ('127.0.0.1 port 25 answers with 220 and takes mail', '220 h ESMTP Sendmail'),
    ('Only 127.*, ::1', '127.0.0.1 port 25'), ('The MTA takes connections', 'it does'),
    ('Exactly one', '1'), ('At most 30 minutes', '30 minutes'), ('Every runner that is set up does its work', '1 of 1 do'),
    ('Waiting mail is tried every 1 hour 5 minutes', 'nothing waits'), ('Low enough for all that waits; QueueLA is 16', '0.5'),
    ('smmsp:smmsp 2770', '1 of 1 right'), ('smmta:smmsp 2750', '1 of 1 right'), ('None that a run would lose or cannot open', '0 of 0 messages'),
    ('root:smmsp 0644, smmta:smmsp 2755', '3 of 3 right'), ('None', '0'), ('User smmsp and group smmsp exist, and belong together', 'they do'),
    ('Nothing stands in the way', 'nothing does'), ('Sendmail accepts /etc/mail/submit.cf', 'nothing wrong in it'),
    ('Sendmail accepts /etc/mail/sendmail.cf', 'nothing wrong in it'), ('RunAsUser in submit.cf is not root', 'smmsp'), ('At most 5 days', '5 days'),
    ('authwarnings, noexpn, novrfy, restrictqrun', 'goaway, restrictqrun'), ('restrictqrun', 'goaway, restrictqrun'),
    ('Strangers cannot relay', 'nothing lets them'), ('LogLevel 9 or more', '9'), ('SmtpGreetingMessage without $v and $Z', 'it tells no version'),
    ('HelpFile names no file, or an empty one', '0 bytes'), ('ForwardPath is empty', 'empty'), ('No alias decode or uudecode', 'none'),
    ('Root owns the programs of aliases and the directories they are in; nobody else may write there', '1 of 1 right'),
    ('Owned by root, maps by root or smmta (TrustedUser), mode at most 0644', 'owned by root, smmta'),
    ('Every map is as new as its text', 'maps: 1, out of date: 0'), ('sendmail -bv finds a mailer for postmaster, root', '2 of 2'),
    ('mail.info is logged, in a file of root (or syslog, as on Ubuntu) with mode at most 0644', 'by the journal; files of root'),
    ('Keys are root\'s, and others cannot read them', '1 of 1 right'), ('Valid for 14 days or more', 'the first expires on %s' % LASTS),
    ('None older than 4 hours', 'nothing waits'), ('None older than 5 days', 'nothing waits'), ('None', '0'),
    ('None', '0'), ('None', '0'), ('At most 100 messages', '0'), ('At most 1000 messages', '0'), ('At most 1.0 GiB', '0 bytes'),
    ('None that is damaged or has no body', '0 of 0 messages'), ('None in the last 7 days', '0'),
    ('At least 1000 free blocks, 10 times MinFreeBlocks', '100000, 100000'), ('At least 5 % free', '90 %'), ('Mounted and writable', 'they are'),
    ('Full, and found within 5 seconds', 'h.example.test'), ('A name server answers', '1 of 1 answer')]


def test_what_is_said_of_a_healthy_host():
    load = [0.5, 1.5, 2.5]
    assert [(one['expected'], one['actual']) for one in comply(HEALTHY._replace(load=load))['controls']] == WORDS


@pytest.mark.parametrize('control, more, actual', [
    ('PRG-01', {'program': dict(HEALTHY.program, is_sendmail=False, target=None, other_mta=None)}, '/usr/sbin/sendmail (unknown)'),
    ('PRG-01', {'program': dict(HEALTHY.program, is_sendmail=False, target='/usr/sbin/exim4', other_mta='exim')}, '/usr/sbin/exim4 (exim)'),
    ('PRG-01', {'program': dict(HEALTHY.program, is_sendmail=False, target=None, path=None)}, 'nothing'),
    ('PRG-03', damaged('binary', mode='0755'), '0 of 1 right'),
    ('PRM-04', damaged('submit_cf', mode='0666'), '2 of 3 right'),
    ('MTA-01', {'processes': [DAEMON, dict(DAEMON, pid=8, title='another')]}, 'sendmail: MTA: accepting connections (process 7)'),
    ('MTA-01', {'processes': [], 'greeting': DOWN, 'listeners': [], 'relay': relay('[127.0.0.1]', listeners=(), greeting=DOWN)}, 'none'),
    ('MTA-01', {'processes': [], 'relay': relay('[192.0.2.20]', listeners=[])}, 'submit.cf hands mail to 192.0.2.20 port 25'),
    ('MTA-02', {'services': {'mta': dict(HEALTHY.services['mta'], enabled=None)}}, 'no such service'),
    ('MTA-03', {'greeting': DOWN}, 'connection refused'),
    ('MTA-03', {'greeting': dict(GREETING, answered=False, text=None)}, 'nothing'),
    ('MTA-03', {'greeting': None}, 'not asked'),
    ('MTA-05', {'processes': [dict(DAEMON, rejecting='load average: 50')]}, 'it refuses them'),
    ('RUN-03', {'runners': [RUNNER, dict(RUNNER, active=False)]}, '1 of 2 do'),
    ('RUN-04', {'queues': {'msp': waiting(1, untried_age=3600), 'mta': queue()}}, 'one waits for 1 hour'),
    ('RUN-04', {'queues': {'msp': queue(untried_age=60), 'mta': queue()}}, 'nothing waits'),
    ('RUN-05', {'load': None}, '0.0'),
    ('PRM-06', {'submitter': dict(HEALTHY.submitter, uid=None)}, 'they do not'),
    ('PRM-07', {'obstacles': ['x']}, 'something does'),
    # A file with two faults is one message: the messages count, not the sentences.
    ('PRM-03', {'hazards': {'permissions': [(why, '6A%d' % number) for number in range(4) for why in ('group', 'mode')]}, 'inspected': 40,
                'endangered': {'permissions': 4}}, '4 of 40 messages'),
    ('CFG-01', {'files': dict(HEALTHY.files, msp=dict(HEALTHY.files['msp'], exists=False))}, 'problems: 1'),
    ('CFG-02', {'files': dict(HEALTHY.files, mta=dict(HEALTHY.files['mta'], problems=[{'line': 3, 'problem': 'x', 'text': ''}] * 2))}, 'problems: 2'),
    ('QUE-03', {'queues': {'msp': queue(messages=dict(queue()['messages'], lost=2)), 'mta': queue(messages=dict(queue()['messages'], lost=1))}}, '3'),
    ('STO-02', {'filesystems': {'msp': dict(ROOM, inodes_free=49), 'mta': ROOM}}, '4 %'),
    ('STO-02', {'filesystems': {'msp': dict(ROOM, inodes=0, inodes_free=0)}}, 'no limit'),
    ('STO-03', {'filesystems': {'msp': ROOM, 'mta': dict(ROOM, read_only=True)}}, 'not all are'),
    ('NAM-02', {'name_servers': [{'address': '192.0.2.53', 'error': 'SERVFAIL'}, {'address': '192.0.2.54', 'error': None}]}, '1 of 2 answer'),
])
def test_what_is_said_of_others(control, more, actual):
    assert said_of(control, **more)[1] == actual


@pytest.mark.parametrize('control, more, status, actual', [
    # A relay that greets and refuses the mail, for postmaster or for those whom it is for.
    ('MTA-03', {'greeting': dict(GREETING, refusal='550 5.7.1 no')}, 'fail', '220 h ESMTP Sendmail'),
    ('MTA-03', {'greeting': dict(GREETING, denied=['550 5.7.1 Relaying denied'])}, 'fail', '220 h ESMTP Sendmail'),
    ('MTA-03', {'greeting': dict(GREETING, denied=['550 5.1.1 User unknown'])}, 'pass', '220 h ESMTP Sendmail'),
    ('CFG-04', {'files': dict((name, dict(state, exists=False)) for name, state in HEALTHY.files.items())}, 'not_applicable', 'no configuration'),
    # submit.cf names another host: an MTA that runs here all the same is judged as any other. And one that should run here and does not.
    ('MTA-02', {'relay': relay('[192.0.2.20]', listeners=[])}, 'pass', 'enabled'),
    ('MTA-02', {'processes': []}, 'pass', 'enabled'),
    ('MTA-05', {'processes': []}, 'not_applicable', 'no MTA runs here'),
    ('MTA-05', {'processes': [dict(REFUSES, role='other')]}, 'fail', 'it refuses them'),
    ('RUN-02', {'runners': [RUNNER, dict(RUNNER, active=False, interval=60)]}, 'pass', '30 minutes'),
    ('RUN-02', {'runners': [dict(RUNNER, interval=7200), dict(RUNNER, partial=True, interval=60)]}, 'fail', '2 hours'),
    ('RUN-02', {'runners': [dict(RUNNER, interval=None)]}, 'not_applicable', 'no runner with an interval'),
    ('RUN-02', {'runners': [dict(RUNNER, interval=None), RUNNER]}, 'pass', '30 minutes'),
    ('RUN-02', {'runners': [dict(RUNNER, source='daemon')], 'configurations': {'msp': _cf.parse(b'Qmqueue, P=/q, I=2h\n')}}, 'fail', '2 hours'),
    ('RUN-02', {'runners': [RUNNER], 'configurations': {'msp': _cf.parse(b'Qmqueue, P=/q, I=2h\n')}}, 'pass', '30 minutes'),
    ('RUN-02', {'runners': [dict(RUNNER, source='daemon', interval=7200)], 'configurations': {'msp': _cf.parse(b'Qmqueue, P=/q, I=10m\n')}}, 'pass',
     '10 minutes'),
    ('CFG-03', {'settings': dict(HEALTHY.settings, msp=settings(run_as_user=None))}, 'fail', 'not set'),
    ('CFG-03', {'settings': dict(HEALTHY.settings, msp=settings(run_as_user='0'))}, 'fail', '0'),
    ('CFG-04', {'settings': dict(HEALTHY.settings, mta=settings(timeouts={'queuereturn': 0}))}, 'fail', '5 days'),
    ('CFG-04', {'files': dict(HEALTHY.files, mta=dict(HEALTHY.files['mta'], exists=False)), 'settings': {'msp': HEALTHY.settings['msp']}}, 'pass', '5 days'),
    ('CFG-04', {'files': {'msp': HEALTHY.files['msp']}}, 'pass', '5 days'),
    ('POL-02', {'settings': dict(HEALTHY.settings, msp=settings(privacy_options=[]))}, 'fail', 'none'),
    ('POL-03', {'sockets': [SOCKET, dict(SOCKET, address='::1')], 'relaying': ['FEATURE(promiscuous_relay).']}, 'pass',
     'the rules would let them, but Sendmail listens on loopback only'),
    ('QUE-01', {'queues': {'msp': waiting(1, oldest_age=14400), 'mta': queue()}}, 'pass', 'the oldest is 4 hours old'),
    ('QUE-06', {'queues': {'msp': waiting(100), 'mta': queue()}}, 'pass', '100'),
    ('QUE-08', {'queues': {'msp': queue(bytes=(1 << 30) - 1024), 'mta': queue(bytes=1024)}}, 'pass', '1.0 GiB'),
    ('STO-01', {'settings': {'msp': settings(min_free_blocks=0), 'mta': settings(min_free_blocks=0)},
                'filesystems': {'msp': dict(ROOM, blocks_free=10), 'mta': ROOM}}, 'pass', '10, 100000'),
])
def test_where_a_control_begins_to_fail(control, more, status, actual):
    assert said_of(control, **more) == (status, actual)


def test_without_minfreeblocks_one_block_counts():
    none = {'msp': settings(min_free_blocks=0), 'mta': settings(min_free_blocks=0)}
    assert one_of('STO-01', settings=none)['expected'] == 'At least 10 free blocks, 10 times MinFreeBlocks'


@pytest.mark.parametrize('control, more, sentence', [
    ('QUE-01', {'errors': [{'queue': 'mta', 'path': '/m', 'error': 'x'}, {'queue': 'msp', 'path': '/q', 'error': 'Permission denied'},
                           {'queue': 'msp', 'path': '/r', 'error': 'y'}]}, 'The queue cannot be judged: /q: Permission denied.'),
    ('PRM-01', {'wanted': [], 'layout': _platform.UNKNOWN}, 'Nobody knows the owners and modes of this packaging.'),
    ('PRM-01', {'wanted': []}, 'There is no directory of the client queue to check.'),
    ('QUE-02', {'queues': {'msp': queue()}}, 'The queue cannot be judged: it was not read.'),
    ('STO-03', {'filesystems': {'msp': ROOM, 'mta': dict(ROOM, error='Input/output error')}}, '/var: Input/output error.'),
    ('CFG-01', {'files': dict(HEALTHY.files, msp=dict(HEALTHY.files['msp'], error='Permission denied'))}, '/etc/mail/submit.cf: Permission denied.'),
])
def test_why_a_control_cannot_be_told(control, more, sentence):
    one = one_of(control, **more)
    assert (one['status'], one['evidence']) == ('error', [sentence])


class TestEvidence:
    def test_a_path_that_two_checks_object_to_is_named_once(self):
        program = dict(HEALTHY.program, setgid=False, mode='0755')
        assert one_of('PRG-03', program=program, **damaged('binary', mode='0755'))['evidence'] == [
            '/usr/libexec/sendmail/sendmail is root:smmsp 0755; it has to be root:smmsp 2755.']

    def test_another_path_is_named_too(self):
        places = [dict(HEALTHY.places[0], path='/other', mode='2750')]
        assert [line.split()[0] for line in one_of('PRM-01', places=places, **damaged('msp_queue', mode='2750'))['evidence']] == [
            '/var/spool/mqueue-client', '/other']

    def test_what_is_not_there_or_cannot_be_seen(self):
        gone = damaged('msp_queue', exists=False, owner=None, group=None, mode=None)
        assert one_of('PRM-01', **gone)['evidence'] == ['/var/spool/mqueue-client: does not exist.']
        hidden = damaged('msp_queue', exists=False, owner=None, group=None, mode=None, error='Permission denied')
        assert one_of('PRM-01', **hidden)['evidence'] == ['/var/spool/mqueue-client: Permission denied.']

    def test_an_owner_that_does_not_matter_is_a_star(self):
        kept = want('mta_queue', '/q', 'x', 'y', '0777')
        wrong = dict(kept, owner=None, group=None, mode='0700')
        one = one_of('PRM-02', wanted=[wrong])
        assert (one['expected'], one['evidence']) == ('*:* 0700', ['/q is x:y 0777; it has to be *:* 0700.'])

    @pytest.mark.parametrize('count, last', [(5, '4'), (6, '1 more.'), (7, '2 more.')])
    def test_it_says_how_much_more_there_is(self, count, last):
        assert one_of('PRM-05', writable=['%d' % number for number in range(count)])['evidence'][-1] == last

    def test_of_the_bytes_each_queue_its_own(self):
        assert one_of('QUE-08', queues={'msp': queue(bytes=1 << 31), 'mta': queue()})['evidence'] == ['2.0 GiB in the MSP queue.']
        assert one_of('QUE-08', queues={'msp': queue(bytes=1 << 30), 'mta': queue()})['evidence'] == []


def test_only_where_another_mta_is_the_remedy_speaks_of_it():
    other = dict(HEALTHY.program, is_sendmail=False, target='/usr/sbin/exim4', other_mta='exim')
    texts = {control: one_of(control, program=other)['remedy']['text'] for control in ('PRG-01', 'PRG-02', 'NAM-02')}
    assert [control for control, text in sorted(texts.items()) if 'sendmail_msp_replace_other' in text] == ['PRG-01']
    assert 'sendmail_msp_replace_other' not in one_of('PRG-01')['remedy']['text']


def test_what_is_no_control_is_told_which_there_are():
    with pytest.raises(_text.SendmailError, match='The controls are SMQ-PRG-01 to SMQ-NAM-02;'):
        comply(overrides=[{'id': 'SMQ-NON-99'}])


@pytest.mark.parametrize('seconds, words', [
    (0, '0 seconds'), (1, '1 second'), (59, '59 seconds'), (60, '1 minute'), (3599, '59 minutes 59 seconds'), (3600, '1 hour'), (7325, '2 hours 2 minutes'),
    (86399, '23 hours 59 minutes'), (86400, '1 day'), (86400 + 2 * 3600 + 60, '1 day 2 hours'), (10 * 86400 - 1, '9 days 23 hours'),
    (10 * 86400, '10 days')])
def test_a_span_in_words(seconds, words):
    assert _controls._span(seconds) == words


@pytest.mark.parametrize('count, words', [
    (0, '0 bytes'), (1023, '1023 bytes'), (1024, '1 KiB'), (1024 * 1024 - 1024, '1023 KiB'), (1 << 20, '1 MiB'), ((1 << 30) - (1 << 20), '1023 MiB'),
    (1 << 30, '1.0 GiB'), (3 << 29, '1.5 GiB'), (2000 << 30, '2000.0 GiB')])
def test_a_size_in_words(count, words):
    assert _controls._size(count) == words


def test_the_fourth_number_of_a_version_counts():
    for wanted, holds in (('8.17.1.9', True), ('8.17.1.10', False), ('8.17.1', True)):
        assert comply(thresholds={'version': wanted})['compliant'] is holds


def test_a_report_says_nothing_of_a_queue_that_nobody_could_read():
    figures = {'errors': ['x'], 'directories': [], 'messages': {}}
    queues = {'msp': figures, 'mta': dict(queue(), errors=['y'], directories=[{'path': '/m', 'messages': 0}])}
    assert list(_controls.host_of(HEALTHY._replace(queues=queues))['queues']) == ['mta']
    for number in (None, 0):
        queues = {'msp': queue(errors=[{'path': '/q', 'error': 'Input/output error'}], directories=[{'path': '/q', 'messages': number}]), 'mta': queue()}
        assert ('msp' in _controls.host_of(HEALTHY._replace(queues=queues))['queues']) is (number == 0)
    bare = {'messages': {'total': 0}, 'oldest_age': None}
    assert _controls.host_of(HEALTHY._replace(queues={'msp': bare}))['queues']['msp']['bytes'] == 0


class TestProfiles:
    STIG = ['SMQ-PRG-05', 'SMQ-POL-05', 'SMQ-POL-06', 'SMQ-POL-07', 'SMQ-ALI-01', 'SMQ-ALI-05']

    def test_baseline_judges_what_a_stock_host_satisfies(self):
        stock = HEALTHY._replace(**ruled(greeting={'written': '$j Sendmail $v/$Z; $b', 'meant': ' Sendmail $v/$Z; '}, forward='$z/.forward',
                                         help=dict(POLICY['help'], size=5988), answers={'postmaster': ['postmaster... User unknown'], 'root': []},
                                         aliases=dict(POLICY['aliases'], decode=['x: decode: root'])))
        result = comply(stock, profile='baseline', thresholds={'wanted': False})
        assert result['compliant'] and with_status(result, 'not_applicable') == self.STIG
        assert with_status(comply(stock, thresholds={'wanted': False}), 'fail') == self.STIG

    def test_a_control_outside_the_profile_says_so(self):
        one = next(one for one in comply(profile='baseline')['controls'] if one['id'] == 'SMQ-POL-05')
        assert one['evidence'] == ['Not in the profile baseline.']

    def test_baseline_is_the_default(self):
        assert _controls.settled()[3] == 'baseline'

    def test_a_profile_that_there_is_not(self):
        with pytest.raises(_text.SendmailError, match="there is no 'cis'"):
            comply(profile='cis')


# The nearest host on which a control of a published rule holds, or on which it cannot be told.
@pytest.mark.parametrize('control, more, status, actual', [
    ('PRG-04', ruled(maps={'compiled': {'LDAPMAP': True}, 'used': {'ldap': 'AliasFile'}}), 'pass', 'ldap'),
    ('PRG-04', ruled(maps={'compiled': None, 'used': {'ldap': 'AliasFile'}}), 'error', 'unknown'),
    ('POL-04', ruled(log_level={'mta': 10}), 'pass', '10'),
    ('POL-04', ruled(log_level={}), 'error', 'unknown'),
    ('POL-05', ruled(greeting={'written': '$j $$v', 'meant': ' $$v'}), 'pass', 'it tells no version'),
    ('POL-05', ruled(greeting={'written': '$j ${v}', 'meant': ' ${v}'}), 'fail', 'it tells the version'),
    ('POL-05', ruled(greeting={'written': '$j $&Z', 'meant': ' $&Z'}), 'fail', 'it tells the version'),
    ('POL-05', ruled(greeting={'written': '$j 8.18.1', 'meant': ' 8.18.1'}), 'fail', 'it tells the version'),
    # An address is no version.
    ('POL-05', ruled(greeting={'written': '[10.8.0.1] ready', 'meant': '[10.8.0.1] ready'}), 'pass', 'it tells no version'),
    ('POL-05', {'greeting': dict(GREETING, text='220 [8.8.8.8] ESMTP; Sat')}, 'pass', 'it tells no version'),
    ('POL-05', {'greeting': dict(GREETING, text='220 mail ESMTP Sendmail 8.12.11; Sat')}, 'fail', 'it tells the version'),
    # What a relay elsewhere says of itself is no fact of this host.
    ('POL-05', {'greeting': dict(GREETING, text='220 hub ESMTP Sendmail 8.17.1.9; Sat'), 'relay': relay('[192.0.2.20]', listeners=[])}, 'pass',
     'it tells no version'),
    ('POL-06', ruled(help=None), 'pass', 'no file'),
    ('POL-06', ruled(help=state('/etc/mail/helpfile', exists=False)), 'pass', 'no file'),
    ('POL-06', ruled(help=dict(state('/etc/mail/helpfile', exists=False), error='Permission denied')), 'error', 'unknown'),
    ('ALI-01', aliased(errors=['/etc/aliases: Input/output error.']), 'error', 'unknown'),
    ('ALI-01', aliased(elsewhere=['ldap']), 'not_applicable', 'not judged: aliases of ldap'),
    ('ALI-01', aliased(elsewhere=['nis'], decode=['x']), 'fail', '1'),
    ('ALI-02', aliased(files=[]), 'not_applicable', 'no alias file'),
    ('ALI-02', aliased(errors=['More than 200 programs: the others were not checked.']), 'error', 'unknown'),
    ('ALI-03', aliased(elsewhere=['ldap']), 'not_applicable', 'not judged: aliases of ldap'),
    ('ALI-03', alias_file(map=dict(state('/etc/mail/aliases.db', mode='0640'), mtime=NOW)), 'pass', 'owned by root'),
    ('ALI-04', alias_file(map=dict(state('/etc/mail/aliases.db'), mtime=NOW)), 'pass', 'maps: 1, out of date: 0'),
    # Sendmail reads the text itself then.
    ('ALI-04', alias_file(map=state('/etc/mail/aliases.db', exists=False)), 'pass', 'maps: 1, out of date: 0'),
    ('ALI-05', ruled(answers={'postmaster': None, 'root': POLICY['answers']['root']}), 'error', 'unknown'),
    ('ALI-05', ruled(answers={'postmaster': ['x... Transient parse error -- message queued for future delivery']}), 'error', 'unknown'),
    ('ALI-05', ruled(answers={'postmaster': ['bob@example.org... deliverable: mailer esmtp, host example.org, user bob@example.org']}), 'pass', '1 of 1'),
    ('ALI-05', {'files': dict(HEALTHY.files, mta=dict(HEALTHY.files['mta'], problems=[{'line': 3, 'problem': 'x', 'text': ''}]))}, 'error', 'unknown'),
    ('LOG-01', ruled(log=dict(POLICY['log'], journal=False, daemons=['rsyslogd'], places=['/var/log/mail.log'],
                              files=[state('/var/log/mail.log', owner='syslog', group='adm', mode='0640')])), 'pass', 'by rsyslogd; files of syslog'),
    ('LOG-01', ruled(log=dict(POLICY['log'], journal=False, daemons=[], places=['/var/log/mail.log'])), 'fail', 'not logged'),
    ('LOG-01', ruled(log=dict(POLICY['log'], journal=False, daemons=['syslog-ng'], unclear=True)), 'error', 'unknown'),
    ('LOG-01', ruled(log=dict(POLICY['log'], files=[state('/var/log/mail.log', owner='alice')])), 'fail', 'by the journal; files of alice'),
    ('TLS-01', ruled(tls={'keys': [dict(POLICY['tls']['keys'][0], group_readable=True, state=state('/k', mode='0640'))], 'certificates': []}), 'pass',
     '1 of 1 right'),
    ('TLS-01', ruled(tls={'keys': [dict(POLICY['tls']['keys'][0], group_readable=True, state=state('/k', mode='0644'))], 'certificates': []}), 'fail',
     '0 of 1 right'),
    # safefile() minds what the group and others may do, not whether the owner may execute it.
    ('TLS-01', ruled(tls={'keys': [dict(POLICY['tls']['keys'][0], state=state('/k', mode='0700'))], 'certificates': []}), 'pass', '1 of 1 right'),
    ('TLS-01', ruled(tls={'keys': [dict(POLICY['tls']['keys'][0], state=state('/k', mode='0640'))], 'certificates': []}), 'fail', '0 of 1 right'),
    ('TLS-01', ruled(tls={'keys': [dict(POLICY['tls']['keys'][0], group_readable=True, state=state('/k', mode='0660'))], 'certificates': []}), 'fail',
     '0 of 1 right'),
    ('TLS-01', ruled(tls={'keys': [dict(POLICY['tls']['keys'][0], state=dict(state('/k', exists=False), error='Input/output error'))],
                          'certificates': []}), 'error', 'unknown'),
    ('TLS-01', ruled(tls={'keys': [], 'certificates': []}), 'not_applicable', '0 of 0 right'),
    ('TLS-02', ruled(tls={'keys': [], 'certificates': [{'path': '/c', 'expires': NOW + 14 * 86400, 'error': None}]}), 'pass', 'the first expires on %s'
     % time.strftime('%Y-%m-%d', time.gmtime(NOW + 14 * 86400))),
    ('TLS-02', ruled(tls={'keys': [], 'certificates': []}), 'not_applicable', 'no certificate'),
])
def test_what_published_rules_ask(control, more, status, actual):
    assert said_of(control, **more) == (status, actual)


def test_a_sendmail_cf_that_cannot_be_read_is_not_a_closed_relay():
    settings = {'msp': HEALTHY.settings['msp']}
    for exists, error, found in ((True, None, ('error', 'error')), (False, 'Input/output error', ('error', 'error')),
                                 (False, None, ('not_applicable', 'pass'))):
        files = dict(HEALTHY.files, mta=dict(HEALTHY.files['mta'], exists=exists, error=error))
        judged = {one['id']: one['status'] for one in comply(HEALTHY._replace(settings=settings, files=files))['controls']}
        assert (judged['SMQ-POL-01'], judged['SMQ-POL-03']) == found


def test_without_sendmail_cf_nothing_of_the_mta_is_judged():
    none = dict(POLICY, greeting=None, help=None, forward=None, aliases=None, maps=None, answers={}, log_level={'msp': 9})
    for exists, status in ((False, 'not_applicable'), (True, 'error')):
        files = dict(HEALTHY.files, mta=dict(HEALTHY.files['mta'], exists=exists))
        found = {one['id']: one['status'] for one in comply(HEALTHY._replace(policy=none, files=files))['controls']}
        assert {found['SMQ-' + name] for name in ('POL-05', 'POL-06', 'POL-07', 'ALI-01', 'ALI-02', 'ALI-03', 'ALI-04', 'ALI-05', 'PRG-04')} == {status}
        assert found['SMQ-POL-04'] == found['SMQ-LOG-01'] == 'pass'


@pytest.mark.parametrize('elsewhere', [True, False])
def test_of_a_null_client_without_sendmail_cf_no_queue_of_an_mta_is_judged(elsewhere):
    """cf/cf/Makefile has install-submit-cf alone: submit.cf hands mail to another host, and there is neither an MTA nor its queue."""
    missing = {'queue': 'mta', 'path': '/etc/mail/sendmail.cf', 'error': 'there is no such file, so the queue directory is not known'}
    none = dict(POLICY, greeting=None, help=None, forward=None, aliases=None, maps=None, answers={}, log_level={'msp': 9})
    wanted = [dict(one, found=dict(one['found'], exists=False, owner=None, group=None, mode=None)) if one['key'] == 'sendmail_cf' else one
              for one in HEALTHY.wanted if one['key'] != 'mta_queue']
    look = HEALTHY._replace(
        files=dict(HEALTHY.files, mta=dict(HEALTHY.files['mta'], exists=False, error=None)), settings={'msp': HEALTHY.settings['msp']}, policy=none,
        queues={'msp': HEALTHY.queues['msp']}, errors=[missing], wanted=wanted,
        filesystems={'msp': HEALTHY.filesystems['msp']})
    if elsewhere:
        look = look._replace(relay=relay('[192.0.2.20]', listeners=[]), processes=[], sockets=[])
    result = comply(look)
    unjudged = ['SMQ-PRM-02', 'SMQ-QUE-02', 'SMQ-QUE-03', 'SMQ-QUE-04', 'SMQ-QUE-05', 'SMQ-QUE-07', 'SMQ-QUE-08']
    assert (with_status(result, 'error'), 'SMQ-PRM-04' in with_status(result, 'fail')) == (([], False) if elsewhere else (unjudged, True))
    if elsewhere:
        assert {'SMQ-PRM-02', 'SMQ-QUE-02'} < set(with_status(result, 'not_applicable')) and with_status(result, 'fail') == []
