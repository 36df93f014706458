# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remediation: what is decided, what is reported, and how it looks on a terminal."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError
from hypothesis import given, strategies as st

from ansible_collections.mailops.sendmail.plugins.filter.queue_report import queue_report
from ansible_collections.mailops.sendmail.plugins.filter.remediation_plan import (
    FIXES,
    FLUSH,
    KEEPING,
    STEPS,
    WITH_REPLACE,
    WITH_RESOLVERS,
    chosen,
    remediation_plan,
)
from ansible_collections.mailops.sendmail.plugins.filter.remediation_report import remediation_report
from ansible_collections.mailops.sendmail.plugins.filter.remediation_summary import remediation_summary
from ansible_collections.mailops.sendmail.plugins.module_utils import _causes, _controls
from ansible_collections.mailops.sendmail.tests.unit import planned_remediation
from ansible_collections.mailops.sendmail.tests.unit.hosts_looked_at import HEALTHY

IDS = {cause.id for cause in _causes.CAUSES}


def cause(name, messages=1, evidence=('It is so.',), severity=None, blocks=None):
    row = next(one for one in _causes.CAUSES if one.id == name)
    return {'id': name, 'title': row.title, 'severity': severity or row.severity, 'evidence': list(evidence), 'messages': messages, 'because_of': [],
            'blocks': row.blocks(HEALTHY) if blocks is None else blocks, 'fix': {'kind': row.fix, 'name': row.name, 'text': row.text}}


def diagnosis(*causes, queued=3, **messages):
    found = [cause(one) if isinstance(one, str) else one for one in causes]
    return {'healthy': all(one['severity'] == 'low' for one in found), 'causes': found, 'unexplained': {'messages': 0, 'examples': []},
            'messages': dict({'total': queued, 'queued': queued, 'lost': 0, 'quarantined': 0}, **messages)}


class TestPlan:
    def test_names_are_those_of_the_table_of_causes(self):
        assert {*FIXES, *WITH_RESOLVERS, *WITH_REPLACE, *FLUSH, *KEEPING} <= IDS
        assert {step for steps in [*FIXES.values(), *WITH_RESOLVERS.values(), *WITH_REPLACE.values()] for step in steps} <= set(STEPS)

    def test_roles_and_modules_of_the_table_are_steps(self):
        # What leaves the queue by them is for a person to decide.
        decided = {'quarantined', 'poison', 'damaged', 'stale_rewrite', 'missing_data', 'orphaned_data', 'never_run'}
        for row in _causes.CAUSES:
            if row.fix != 'manual' and row.name != 'sendmail_queue' and row.id not in decided:
                assert row.id in FIXES or row.id in WITH_REPLACE, row.id

    @pytest.mark.parametrize('causes, given_, steps', [
        *planned_remediation.ROWS,
        (('mta_down',), {'tried': ['mta:mta_down']}, []),
        (('mta_down', 'silent'), {'tried': ['mta:mta_down']}, ['mta']),
        ((), {'causes': ['SMQ-RUN-01'], 'tried': ['runner:SMQ-RUN-01']}, []),
    ])
    def test_steps(self, causes, given_, steps):
        plan = remediation_plan(diagnosis(*causes), **given_)
        assert plan['steps'] == steps
        assert plan['first'] == [step for step in steps if step in ('msp', 'permissions')]
        # What starts a runner runs the queue, without the care of our own run: it comes behind that.
        assert plan['before'] + plan['last'] == steps
        assert plan['last'] == [step for step in steps if step == 'runner']

    def test_each_cause_that_is_fixed_has_a_row(self):
        assert {*FIXES, *WITH_RESOLVERS, *WITH_REPLACE, *FLUSH} <= {name for row in planned_remediation.ROWS for name in row.causes}

    def test_controls_lead_to_steps(self):
        steps = chosen([control.id for control in _controls.CONTROLS])
        assert len(steps) == len(_controls.CONTROLS)
        assert {'msp', 'permissions', 'debris', 'mta', 'runner'} <= set(steps.values()) <= {*STEPS, None}

    def test_a_name_that_is_neither_cause_nor_control(self):
        with pytest.raises(AnsibleFilterError, match='SMQ-NON-99, mta_donw: neither'):
            remediation_plan(diagnosis(), causes=['mta_donw', 'SMQ-NON-99', 'mta_down'])

    @pytest.mark.parametrize('causes, given_, blocked, movable', [
        ((), {}, [], 3), (('was_down',), {}, [], 3), (('disk_full',), {}, ['disk_full'], 0), (('mta_down',), {}, [], 3),
        (('mta_down',), {'tried': ['mta:mta_down']}, ['mta_down'], 0), (('policy',), {}, [], 2), (('dns',), {}, [], 2),
        (('dns',), {'resolvers': True}, [], 3),
        ((cause('unreachable', blocks=True),), {}, ['unreachable'], 0),
        ((cause('hangs_up', blocks=True),), {}, ['hangs_up'], 0),
        ((cause('hangs_up', blocks=False),), {}, [], 3),
        ((cause('unreachable', blocks=False),), {}, [], 3),
    ])
    def test_whether_to_run_the_queue(self, causes, given_, blocked, movable):
        plan = remediation_plan(diagnosis(*causes), **given_)
        assert (plan['blocked'], plan['movable']) == (blocked, movable)

    @pytest.mark.parametrize('causes, given_, blocked, movable', [
        (('mta_down',), {'tried': ['mta:mta_down']}, [], 3),
        # What the step refuses even in check mode is not predicted to be gone.
        (('mta_down',), {'tried': ['mta:mta_down'], 'failed': ['mta']}, ['mta_down'], 0),
        # Whatever a step was taken for, it fixes every cause that it can.
        (('permissions', 'mta_down'), {'tried': ['permissions:SMQ-PRM-01', 'mta:mta_down']}, [], 3),
        (('disk_full', 'mta_down'), {'tried': ['mta:mta_down']}, ['disk_full'], 0),
        (('dns',), {'tried': ['resolvers:dns', 'mta:dns'], 'resolvers': True}, [], 3),
        # Nor is what the step itself says that it leaves.
        (('permissions',), {'tried': ['permissions:permissions']}, [], 3),
        (('permissions',), {'tried': ['permissions:permissions'], 'kept': ['permissions']}, ['permissions'], 0),
    ])
    def test_check_mode_takes_what_its_steps_would_fix_for_fixed(self, causes, given_, blocked, movable):
        plan = remediation_plan(diagnosis(*causes), check=True, **given_)
        assert (plan['blocked'], plan['movable']) == (blocked, movable)


LEDGER = {'messages': 3, 'places': {'relayed': 2, 'bounced': 0, 'waiting': 1, 'quarantined': 0, 'lost': 0, 'archived': 0, 'gone': 0}, 'reasons': {'other': 1},
          'file': {'path': '/var/lib/x/ledger.jsonl', 'messages': 3, 'sha256': '00'}}


class TestReport:
    def test_fixed(self):
        report = remediation_report(diagnosis('mta_down', 'one_source'), diagnosis(queued=0), tried=['mta:mta_down'])
        assert (report['state'], report['fixed'], report['left']) == ('fixed', ['mta_down'], [])

    @pytest.mark.parametrize('names, state', [
        ((), 'healthy'), (('one_source',), 'healthy'), (('policy',), 'waiting'), (('was_down',), 'waiting'), (('dns',), 'needs attention'),
        (('disk_full',), 'needs attention')])
    def test_what_is_left(self, names, state):
        report = remediation_report(diagnosis(*names), diagnosis(*names))
        assert (report['state'], report['fixed'], [one['id'] for one in report['left']]) == (state, [], list(names))

    @pytest.mark.parametrize('name, messages, queued, state', [
        ('two_runners', 0, 0, 'needs attention'), ('two_runners', 0, 1, 'waiting'), ('mta_waits', 2, 0, 'waiting'), ('mta_waits', 0, 0, 'needs attention')])
    def test_nothing_waits_where_no_mail_does(self, name, messages, queued, state):
        """A night with a runner of the administrator's beside cron's: "waiting", and no message was left."""
        after = diagnosis(cause(name, messages=messages), queued=queued)
        assert remediation_report(diagnosis(name, 'mta_down'), after, tried=['mta:mta_down'])['state'] == state

    def test_the_sentence_of_a_step_that_failed_is_the_advice(self):
        report = remediation_report(diagnosis('mta_down'), diagnosis('mta_down'), tried=['mta:mta_down'],
                                    errors=[{'step': 'mta', 'message': 'The unit\n is masked.'}])
        assert (report['state'], report['left'][0]['advice']) == ('needs attention', 'The unit is masked.')

    @pytest.mark.parametrize('said', [
        # ansible-core 2.19 and newer, and those before.
        "Task failed: Error while resolving value for 'content': The filter plugin 'mailops.sendmail.sendmail_conf' failed: Line 7 is lost.",
        "{{ __sendmail_queue_runner_conf.content | b64decode | mailops.sendmail.sendmail_conf(todo) }}: Line 7 is lost.",
        'Line 7\n  is lost.'])
    def test_what_a_filter_refuses_is_its_own_sentence(self, said):
        report = remediation_report(diagnosis(), diagnosis(), tried=['runner:runner'], errors=[{'step': 'runner', 'message': said}])
        assert report['errors'] == [{'step': 'runner', 'message': 'Line 7 is lost.'}]

    def test_controls_that_were_asked_for(self):
        report = remediation_report(diagnosis(), diagnosis(), tried=['runner:SMQ-RUN-01'])
        assert (report['state'], report['controls']) == ('healthy', ['SMQ-RUN-01'])
        report = remediation_report(diagnosis(), diagnosis(), tried=['runner:SMQ-RUN-01'], errors=[{'step': 'runner', 'message': 'HANDS_OFF is set.'}])
        assert report['state'] == 'needs attention'

    def test_check_mode_counts_every_cause_that_a_step_fixes(self):
        found = diagnosis('permissions', 'message_permissions', 'runner')
        report = remediation_report(found, found, tried=['permissions:SMQ-PRM-01'], check=True)
        assert (report['would_fix'], [one['id'] for one in report['left']]) == (['permissions', 'message_permissions'], ['runner'])
        assert (report['fixed'], report['state']) == ([], 'needs attention')

    @pytest.mark.parametrize('tried, kept, would_fix, state', [
        (['debris:orphaned_data', 'restore:lost'], [], ['lost', 'orphaned_data'], 'unchanged in check mode'),
        # Data files that may be in use stay in the real run; of the lost messages one is not sound.
        (['debris:orphaned_data', 'restore:lost'], ['orphaned_data'], ['lost'], 'unchanged in check mode'),
        (['debris:orphaned_data', 'restore:lost'], ['lost'], ['orphaned_data'], 'needs attention'),
        # Mail that an earlier run has held back is released.
        (['release:quarantined'], [], ['quarantined'], 'needs attention')])
    def test_check_mode_counts_no_cause_that_a_step_leaves(self, tried, kept, would_fix, state):
        found = diagnosis('lost', 'orphaned_data', 'quarantined')
        report = remediation_report(found, found, tried=tried, kept=kept, check=True)
        assert (report['would_fix'], report['state']) == (would_fix, state)

    def test_more_lost_mail_is_a_failure(self):
        assert remediation_report(diagnosis('was_down'), diagnosis('lost', lost=1))['state'] == 'failed'
        assert remediation_report(diagnosis('was_down'), diagnosis(), flush={'lost': 1})['state'] == 'failed'
        assert remediation_report(diagnosis('lost', lost=1), diagnosis('lost', lost=1))['state'] == 'needs attention'

    def test_check_mode_never_says_fixed(self):
        before = diagnosis('mta_down', 'was_down', 'disk_full')
        report = remediation_report(before, tried=['mta:mta_down'], flush={'would_try': 2}, check=True)
        assert (report['would_fix'], [one['id'] for one in report['left']]) == (['mta_down', 'was_down'], ['disk_full'])
        assert remediation_report(diagnosis('was_down'), check=True)['would_fix'] == []
        for names, tried in ((('mta_down',), ['mta:mta_down']), ((), [])):
            report = remediation_report(diagnosis(*names), tried=tried, flush={'would_try': 3}, check=True)
            assert (report['state'], report['fixed']) == ('unchanged in check mode', [])
        assert remediation_report(diagnosis(), check=True)['state'] == 'healthy'

    @pytest.mark.parametrize('about, state', [
        ({}, 'fixed'),
        ({'flush': {'untried': 5, 'stopped': True, 'msg': '5 of 9 messages were not tried before the timeout.'}}, 'untried'),
        # The oldest message could not leave, so the others were not tried: that is no matter of time.
        ({'flush': {'untried': 5, 'stopped': False, 'msg': 'the oldest one could not leave'}}, 'needs attention'),
        ({'flush': {'msg': '3 of 3 were not tried'}}, 'needs attention'), ({'flush': {'remaining': 1}}, 'fixed'),
        ({'ledger': dict(LEDGER, places=dict(LEDGER['places'], gone=1))}, 'needs attention'), ({'ledger': LEDGER}, 'fixed'),
        ({'aside': {'messages': 1, 'archives': ['/a']}}, 'needs attention'), ({'aside': {'messages': 0, 'archives': []}}, 'fixed'),
        ({'foreign': ['Process 7 runs the queue.']}, 'needs attention'), ({'errors': [{'step': 'runner', 'message': 'no'}]}, 'needs attention')])
    def test_fixed_is_a_claim_with_no_doubt(self, about, state):
        assert remediation_report(diagnosis('mta_down'), diagnosis(), tried=['mta:mta_down'], **about)['state'] == state

    @pytest.mark.parametrize('queued, state, said', [(1, 'waiting', True), (0, 'fixed', False)])
    def test_what_another_run_has_in_its_hands_has_not_moved_yet(self, queued, state, said):
        report = remediation_report(diagnosis('mta_down'), diagnosis(queued=queued), tried=['mta:mta_down'], flush={'taken': 1})
        assert report['state'] == state
        assert ('1 message is locked by another queue run' in ' '.join(remediation_summary({'web1': report}).split())) is said

    def test_mail_without_a_known_reason_is_not_fixed(self):
        rest = dict(diagnosis(), unexplained={'messages': 50, 'examples': ['what?']}, healthy=False)
        assert remediation_report(dict(diagnosis('mta_down'), unexplained=rest['unexplained']), rest)['state'] == 'waiting'

    def test_what_came_to_light_on_the_way(self):
        report = remediation_report(diagnosis('configuration'), diagnosis(), found=[cause('mta_down')])
        assert report['fixed'] == ['configuration', 'mta_down']


class TestSummary:
    def reports(self):
        return {
            'web1': remediation_report(diagnosis('mta_down'), diagnosis(queued=0), tried=['mta:mta_down'], ledger=LEDGER),
            'web2': remediation_report(diagnosis('disk_full'), diagnosis('disk_full')),
            'web3': remediation_report(diagnosis(queued=0), diagnosis(queued=0)),
            'web4': {'state': 'unknown', 'message': 'No route to host'}, 'web5': {},
        }

    def test_every_host_is_there_with_its_state(self):
        text = remediation_summary(self.reports())
        assert text.splitlines()[0] == 'Remediation: 5 hosts, 2 unknown, 1 needs attention, 1 fixed, 1 healthy'
        two = remediation_summary(dict(self.reports(), web6=self.reports()['web2']))
        assert two.splitlines()[0] == 'Remediation: 6 hosts, 2 unknown, 2 need attention, 1 fixed, 1 healthy'
        rows = {line.split('  ')[0]: ' '.join(line.split()) for line in text.splitlines()[3:9]}
        assert rows == {
            'HOST': 'HOST STATE BEFORE AFTER CAUSES (+ fixed)', 'web4': 'web4 unknown ? ?', 'web5': 'web5 unknown ? ?',
            'web2': 'web2 needs attention 3 3 disk_full', 'web1': 'web1 fixed 3 0 +mta_down', 'web3': 'web3 healthy 0 0 -'}
        assert 'Where the 3 messages of the beginning are now' in text
        assert 'web4: No route to host' in text
        assert 'web5: it was not reached' in text
        assert '-> Make room.' in text

    def test_check_mode_says_what_would_be_done(self):
        report = remediation_report(diagnosis('mta_down', 'disk_full'), tried=['mta:mta_down'], flush={'would_try': 2}, check=True)
        text = remediation_summary({'web1': report, 'web2': {'state': 'unknown'}})
        rows = [' '.join(line.split()) for line in text.splitlines()[3:6]]
        assert rows == ['HOST STATE MESSAGES WOULD TRY CAUSES (+ would be fixed)', 'web2 unknown ? ?', 'web1 needs attention 3 2 +mta_down, disk_full']
        assert ' fixed,' not in text.splitlines()[0]

    def test_check_mode_moves_nothing_aside(self):
        report = remediation_report(diagnosis('mta_down'), tried=['mta:mta_down'], aside={'messages': 1, 'archives': []}, check=True)
        text = ' '.join(remediation_summary({'web1': report}).split())
        assert '1 message that a queue run would lose, empty or stop at would be moved into an archive' in text
        assert ' now' not in text.partition('Needs attention')[2]

    def test_a_survey_has_one_column_of_messages(self):
        text = remediation_summary({'web1': remediation_report(diagnosis('mta_down'))}, title='Survey', acted=False)
        assert 'HOST  STATE            MESSAGES  CAUSES' in text
        assert 'web1  needs attention         3  mta_down' in text
        assert 'What is wrong, and what fixes it' in text

    @pytest.mark.parametrize('claimed, state', [('healthy', 'unknown'), ('fixed', 'unknown'), ('waiting', 'unknown'), ('failed', 'failed')])
    def test_a_host_of_which_there_is_no_report_is_not_well(self, claimed, state):
        outcomes = {'web1': {'state': claimed, 'message': 'x'}}
        assert remediation_summary(outcomes).splitlines()[0] == f'Remediation: 1 host, 1 {state}'
        assert json.loads(queue_report(outcomes, playbook='x'))['hosts'][0]['state'] == state

    @pytest.mark.parametrize('count, words', [(20, None), (21, '  and 1 more domain\n'), (22, '  and 2 more domains\n')])
    def test_domains_beyond_the_first_are_counted(self, count, words):
        found = remediation_report(dict(diagnosis(), domains=[{'domain': f'd{number}', 'ages': {'5': 1}} for number in range(count)]))
        text = remediation_summary({'web1': found})
        assert (words in text) if words else ('more domain' not in text)

    @pytest.mark.parametrize('acted, tense', [(True, 'waited at the beginning'), (False, 'wait')])
    def test_domains_by_age(self, acted, tense):
        one = dict(diagnosis('dns'), domains=[{'domain': 'example.org', 'recipients': 2, 'ages': {'5': 1, '1280+': 1}}])
        text = remediation_summary({'a': remediation_report(one), 'b': remediation_report(one)}, acted=acted)
        (row,) = [line for line in text.splitlines() if line.startswith('  example.org')]
        assert row.split() == ['example.org', '4', '2', *['0'] * 8, '2']
        assert f'Recipients who {tense}, by domain' in text

    @pytest.mark.parametrize('stale, state, count', [({}, 'needs attention', 1), ({'action': 'archive', 'messages': 0}, 'fixed', 0)])
    def test_what_an_interrupted_run_moved_aside_needs_attention_too(self, stale, state, count):
        ledger = {'messages': 2, 'places': {'relayed': 1, 'archived': 1}, 'entries': [{'id': 'a', 'place': 'relayed'}, {'id': 'b', 'archive': '/a/b'}]}
        report = remediation_report(diagnosis('mta_down'), diagnosis(), tried=['mta:mta_down'], ledger=ledger, stale=stale)
        assert (report['state'], report['aside']) == (state, {'messages': count, 'archives': ['/a/b'][:count]})

    def test_what_is_kept_aside_and_what_is_gone_is_said(self):
        report = remediation_report(diagnosis('mta_down'), diagnosis(), tried=['mta:mta_down'], aside={'messages': 2, 'archives': ['/var/backups/a']},
                                    ledger=dict(LEDGER, places=dict(LEDGER['places'], gone=1)), flush={'msg': 'refused'})
        text = ' '.join(remediation_summary({'web1': report}).split())
        assert '2 messages that a queue run would have lost, emptied or stopped at are in /var/backups/a now' in text
        assert '1 message left the queue, and no log says how; see /var/lib/x/ledger.jsonl on the host' in text
        assert 'the queue was not run to its end: refused' in text

    @pytest.mark.parametrize('host', ['mail-gateway-17.production.eu-central.example.org', 'a' * 60 + '.' + 'b' * 60])
    def test_names_of_hosts_are_whole(self, host):
        for one in (remediation_report(diagnosis('disk_full')), {'state': 'unknown', 'message': 'No route to host'}):
            assert remediation_summary({host: one}).count(host) >= 2

    def test_no_host(self):
        assert remediation_summary({}) == 'Remediation: 0 hosts\n====================\n\n'

    @pytest.mark.parametrize('advice', [
        'Sendmail is not installed: use the playbook ensure_submission.', 'Use the playbook.'])
    def test_each_sentence_is_said_once(self, advice):
        found = diagnosis(cause('not_installed', evidence=['Sendmail is not installed.', 'The name is free.']))
        shown = remediation_summary({'web': remediation_report(found, found, tried=['msp:not_installed'], errors=[{'step': 'msp', 'message': advice}])})
        paragraph = ' '.join(shown.partition('Needs attention')[2].split())
        assert paragraph.count('Sendmail is not installed') == 2 and advice in paragraph and 'The name is free.' in paragraph

    @given(st.text(), st.text(min_size=1))
    def test_hostile_text_does_not_reach_the_terminal(self, text, host):
        report = remediation_report(diagnosis(cause('policy', evidence=[text])), errors=[{'step': 'mta', 'message': text}])
        shown = remediation_summary({host: report, host + '2': {'state': 'failed', 'message': text}})
        assert all(line.isprintable() for line in shown.split('\n'))
        assert max(map(len, shown.split('\n'))) <= 100 + 4 * 4 * len(host)


class TestSummaryOfMany:
    """More than fifty hosts, which nobody reads one by one."""

    def hosts(self, count, **other):
        reports = {f'web{number:05d}': remediation_report(diagnosis(queued=0)) for number in range(count - len(other))}
        return dict(reports, **other)

    def test_fifty_have_a_row_each_and_one_more_shares(self):
        few, many = remediation_summary(self.hosts(50)), remediation_summary(self.hosts(51))
        assert sum(line.startswith('web000') for line in few.splitlines()) == 50
        assert many.startswith('Remediation: 51 hosts, 51 healthy\n') and 'web000' not in many
        assert 'remediate_queues_reports=json' in many and 'remediate_queues_reports' not in few

    def test_those_that_are_alike_share_a_row_and_a_paragraph(self):
        down = {f'down{number}': remediation_report(diagnosis(cause('mta_down', evidence=[f'Seen at {number}.']), queued=2)) for number in range(7)}
        both = {'both1': remediation_report(diagnosis('mta_down', 'disk_full'))}
        fixed = {f'fixed{number}': remediation_report(diagnosis('mta_down'), diagnosis(queued=0), tried=['mta:mta_down']) for number in range(2)}
        gone = {f'gone-{letter}': {'state': 'unknown', 'message': f'ssh: connect to host gone-{letter} port 22: No route to host'} for letter in 'abc'}
        late = {'late1': remediation_report(diagnosis('never_tried'), flush={'untried': 1}), 'late2': remediation_report(diagnosis('never_tried'))}
        text = remediation_summary(self.hosts(70, **down, **both, **fixed, **gone, **late, other={'state': 'unknown', 'message': 'Permission denied'}))
        rows = [' '.join(line.split()) for line in text.split('\n\n')[1].splitlines()]
        assert rows == ['HOST STATE BEFORE AFTER CAUSES (+ fixed)', 'gone-a and 3 more unknown ? ?', 'down0 and 6 more needs attention 14 14 mta_down',
                        'both1 needs attention 3 3 mta_down, disk_full', 'late1 untried 3 3 never_tried',
                        'late2 waiting 3 3 never_tried', 'fixed0 and 1 more fixed 6 0 +mta_down']
        assert 'both1 and 7 more: The MTA is not running (high)' in text and text.count('The MTA is not running') == 2
        assert text.partition('Not known')[2].split('\n\n')[1].splitlines() == [
            '  gone-a and 2 more: ssh: connect to host gone-a port 22: No route to host', '  other: Permission denied']

    def test_it_ends_whatever_there_is(self):
        """Thousands of hosts of which no two have the same to say."""
        names = sorted(IDS)
        reports = {}
        for number in range(4000):
            own = [cause(name, evidence=['x' * 80]) for place, name in enumerate(names[:14]) if number >> place & 1]
            for one in own:
                one['fix'] = dict(one['fix'], text='Ask ' + ''.join(chr(97 + int(digit)) for digit in str(number)) + '.')
            told = {'state': 'failed', 'message': f'{number} ' + 'z' * (number % 997)}
            reports[f'host{number}'] = remediation_report(diagnosis(*own)) if number % 3 else told
        text = remediation_summary(reports)
        rows = text.split('\n\n')[1].splitlines()
        assert len(rows) < 150 and len(text.splitlines()) < 700
        shown = [re.search(r'^host\d+(?: and (\d+) more)?  ', line) for line in rows]
        counted = sum(1 + int(match[1] or 0) for match in shown if match)
        (rest,) = [int(line.split()[1]) for line in rows if line.startswith('and ')]
        (healthy,) = [int(word.split()[0]) for word in text.splitlines()[0].split(', ') if word.endswith(' healthy')]
        assert counted + rest + healthy == 4000
        assert sum(map(bool, shown)) == 40

    def test_hosts_that_need_somebody_come_first(self):
        text = remediation_summary(self.hosts(60, a=remediation_report(diagnosis('never_tried')), b=remediation_report(diagnosis('disk_full')), c={}))
        assert [line[:20].split()[:2] for line in text.split('\n\n')[1].splitlines()[1:]] == [['c', 'unknown'], ['b', 'needs'], ['a', 'waiting']]


class TestReportForPrograms:
    def reports(self):
        full = diagnosis('mta_down', 'disk_full')
        full['domains'] = [{'domain': 'example.org', 'ages': {'5': 1, '1280+': 1}}]
        ledger = dict(LEDGER, started=1, truncated=False,
                      entries=[{'queue': 'msp', 'id': '6ANFSHas000264', 'created': 1, 'place': 'waiting', 'reason': 'other', 'status': 'x'}])
        flush = {'msg': 'no', 'untried': 1, 'stopped': True,
                 'left_out': [{'id': '6ANFSGsD000240', 'queue': 'msp', 'kind': 'no_data', 'why': 'no data', 'young': False}]}
        return {
            **TestSummary().reports(),
            'app1': remediation_report(full, diagnosis('disk_full'), tried=['mta:mta_down', 'runner:SMQ-RUN-01'], ledger=ledger, flush=flush,
                                       errors=[{'step': 'mta', 'message': 'no'}], aside={'messages': 1, 'archives': ['/a']},
                                       stale={'action': 'archive', 'messages': 2}, foreign=['Process 7.']),
            'app2': dict(remediation_report(full, tried=['mta:mta_down'], check=True), state='failed', message='It broke off.'),
        }

    def test_it_keeps_to_its_schema_and_adds_up(self):
        jsonschema = pytest.importorskip('jsonschema')
        schema = json.loads((Path(__file__).resolve().parents[4] / 'docs/schemas/queue-report-1.json').read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        made = json.loads(queue_report(self.reports(), playbook='remediate_queues'))
        jsonschema.validate(made, schema)
        for wrong in (dict(made, version=2), dict(made, extra=1), dict(made, hosts=[dict(made['hosts'][0], state='well')])):
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate(wrong, schema)
        hosts = made['summary']['hosts']
        assert hosts['total'] == len(made['hosts']) == 7 == sum(count for state, count in hosts.items() if state != 'total')
        assert made['summary']['messages'] == {'before': 12, 'after': 9}
        about = {host['name']: host for host in made['hosts']}
        assert (about['web4']['message'], about['web5']['message'], about['app2']['message']) == ('No route to host', 'it was not reached', 'It broke off.')
        assert about['app2']['state'] == 'failed'
        assert about['app2']['report']['would_fix'] == ['mta_down']

    def test_every_key_of_a_report_is_in_the_schema(self):
        schema = json.loads((Path(__file__).resolve().parents[4] / 'docs/schemas/queue-report-1.json').read_text())
        (known,) = [schema['properties']['hosts']['items']['properties']['report']['properties']]
        assert {*known, 'state'} == set(remediation_report(diagnosis()))

    def test_a_format_that_there_is_not(self):
        with pytest.raises(AnsibleFilterError, match="'xml' is not a format"):
            queue_report({}, 'xml', playbook='survey_queues')
