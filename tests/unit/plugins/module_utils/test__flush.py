# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flushing: the decision, what real runners print, what became of each message, and a run with a program that stands in for Sendmail."""
import copy
import errno
import json
import os
import re
import sys
import types
from collections import Counter

import pytest
from ansible_collections.mailops.sendmail.plugins.module_utils import _cf, _flush, _hazards, _look, _process, _qf, _spool, _system, _text
from ansible_collections.mailops.sendmail.tests.unit.deadline import deadline

SAMPLES = os.path.join(os.path.dirname(__file__), '..', '..', 'samples', 'transcripts')
RELEASES = ('bullseye', 'bookworm', 'trixie')
QUEUE = _spool.QueueDirectory('mqueue', '/q', '/q', '/q', '/q', False)
QF = ('V8\nT%d\nK%d\nN%d\nP30018\n%sFs\n$_alice@localhost\nSalice\n%sH??Subject: t\n.\n')
REFUSED = 'MDeferred: Connection refused by [127.0.0.1]\n'


def control(attempts=1, last=1000, status=REFUSED, recipients=('bob',), created=900):
    return (QF % (created, last, attempts, status, ''.join('RPFD:%s\n' % one for one in recipients))).encode()


def message(number=0, directory=QUEUE, queue='msp', created=None, attempts=1, last=1000, recipients=1, locked=False, hazards=()):
    identifier = number if isinstance(number, str) else '6ANFSGLL%06d' % number
    return _hazards.Waiting(queue, directory, identifier, 900 + number if created is None and not isinstance(number, str) else created or 900,
                            attempts, last, recipients, locked, list(hazards))


def look(throttle=0, children=0, cpus=2, answered=True, sendmail='/usr/sbin/sendmail'):
    return types.SimpleNamespace(
        settings={'msp': {}, 'mta': {'connection_rate_throttle': throttle, 'max_daemon_children': children}}, cpus=cpus,
        program={'sendmail': sendmail}, greeting={'answered': answered})


@pytest.fixture
def directory(tmp_path):
    path = str(tmp_path / 'queue')
    os.mkdir(path)
    return _spool.QueueDirectory('mqueue', path, path, path, path, False)


def put(directory, one, data=None, prefix='qf'):
    with open(os.path.join(directory.path, prefix + one.id), 'wb') as stream:
        stream.write(control() if data is None else data)


def transcript_of(output):
    transcript = _flush.Transcript()
    for line in output.split(b'\n'):
        transcript.take(0, line)
    return transcript


class TestPlan:
    def test_is_pure(self, monkeypatch):
        for name in ('open', 'stat', 'listdir', 'scandir'):
            monkeypatch.setattr(os, name, None)
        monkeypatch.setattr(_process, 'run_all', None)
        messages = [message(1), message(2, hazards=[('no_data', 'there is no data file')])]
        before = copy.deepcopy(messages)
        plans = [_flush.plan(look(), messages, [('directory', 'x')]) for _time in range(2)]
        assert plans[0] == plans[1]
        assert messages == before

    def test_nothing(self):
        plan = _flush.plan(look(), [])
        assert (plan.refusals, plan.canary, plan.commands) == ([], None, {})

    @pytest.mark.parametrize('count, given, expected', [
        (1, {}, 1), (4, {}, 1), (8, {}, 2), (32, {}, 8), (100000, {}, 8),
        (1000, {'cpus': 1}, 4), (1000, {'throttle': 15}, 7), (1000, {'throttle': 1}, 1), (1000, {'children': 6}, 3), (1000, {'children': 1}, 1),
        (1000, {'throttle': 1000, 'children': 1000}, 8),
    ])
    def test_number_of_runners(self, count, given, expected):
        assert _flush.plan(look(**given), [message(number) for number in range(count)]).parallel == expected

    def test_what_is_endangered_can_be_left_out(self):
        messages = [message(1), message(2, hazards=[('no_data', 'there is no data file')])]
        plan = _flush.plan(look(), messages, leave_out=True)
        assert (plan.messages, plan.left_out, plan.refusals) == (messages[:1], (messages[1],), [])
        assert [one['kind'] for one in _flush.plan(look(), messages, [('directory', 'x')], leave_out=True).refusals] == ['directory']
        result = _flush.predict(plan)
        assert (result['selected'], result['would_try'], result['left_out_total']) == (2, 1, 1)
        assert result['left_out'] == [{'id': messages[1].id, 'queue': 'msp', 'kind': 'no_data', 'why': 'there is no data file', 'young': False}]

    def test_a_rewrite_that_may_be_going_on(self):
        """A run would only wait for it: it is told from one that was left behind, so that nobody moves the message."""
        young, old = (_hazards.Hazard('temporary', 'there is a tf file', code) for code in ('young', ''))
        gone = _hazards.Hazard('no_data', 'there is no data file')
        messages = [message(1, hazards=[young]), message(2, hazards=[old]), message(3, hazards=[gone, young])]
        left_out = _flush.predict(_flush.plan(look(), messages, leave_out=True))['left_out']
        assert [one['young'] for one in left_out] == [True, False, False]
        for count, told in ((1, [True]), (2, [False]), (3, [False, False])):
            assert [one['young'] for one in _flush.plan(look(), messages[:count]).refusals] == told

    @pytest.mark.parametrize('denied, kinds', [
        (['550 5.7.1 no'], ['recipients']), (['550 5.1.1 unknown'] * 2, []), (['550 5.1.1 unknown'] * 3, ['recipients']), ([], [])])
    def test_no_run_where_the_relay_refuses_all_who_were_asked_about(self, denied, kinds):
        here = look()
        here.relay = None
        here.greeting['denied'] = denied
        refusals = _flush.plan(here, [message(1), message(2)]).refusals
        assert [one['kind'] for one in refusals] == kinds
        assert all(denied[0] in one['text'] for one in refusals)

    def test_number_of_runners_as_told(self):
        assert _flush.plan(look(), [message(number) for number in range(3)], parallel=20).parallel == 20

    @pytest.mark.parametrize('given, expected', [(b'O SingleThreadDelivery=True\n', 1), (b'O SingleThread\n', 1), (b'O SingleThreadDelivery=False\n', 20)])
    def test_one_runner_where_one_process_at_a_time_talks_to_a_host(self, given, expected):
        """Another one finds the host locked and writes "Deferred" into each of its messages (mci_lock_host() in mci.c; seen with two runners of 8.18)."""
        here = look()
        here.settings['msp'] = _cf.settings(_cf.parse(given))
        for queue, count in (('msp', expected), ('mta', 20)):
            assert _flush.plan(here, [message(number, queue=queue) for number in range(3)], parallel=20).parallel == count

    def test_canary_is_the_oldest_that_is_free(self):
        messages = [message(1, queue='mta'), message(2, locked=True), message(3), message(4)]
        assert _flush.plan(look(), messages).canary is messages[2]
        assert _flush.plan(look(), messages, canary=False).canary is None
        assert _flush.plan(look(), messages[2:3]).canary is None
        assert _flush.plan(look(), messages[:2]).canary is None

    def test_a_command_for_each_queue_group(self):
        other = QUEUE._replace(group='other', path='/q/other')
        plan = _flush.plan(look(), [message(1), message(2, other), message(3, other), message(4, queue='mta')], ignore_load=True,
                           features=[_flush.BITS_64])
        assert sorted(plan.commands) == [('msp', 'mqueue'), ('msp', 'other'), ('mta', 'mqueue')]
        command = plan.commands['msp', 'other']
        assert command[:5] == ['/usr/sbin/sendmail', '-Ac', '-qf', '-qGother', '-d50.8']
        assert plan.commands['mta', 'mqueue'][1:4] == ['-Am', '-qf', '-qGmqueue']
        options = dict(option.split('=') for option in command[6::2])
        assert command[5::2] == ['-O'] * len(options)
        for name in ('initial', 'helo', 'mail', 'rcpt', 'datainit', 'datablock', 'rset', 'quit', 'misc', 'command', 'lhlo'):
            assert 0 < int(options.pop('Timeout.' + name)[:-1]) <= 180
        # RFC 5321 4.5.3.2.6: who gives up sooner behind the final dot delivers twice.
        assert options.pop('Timeout.datafinal') == '600s'
        assert options == {'Timeout.connect': '10s', 'Timeout.iconnect': '10s', 'Timeout.hoststatus': '0s', 'Timeout.queuereturn': '24000d',
                           'Timeout.queuewarn': '0', 'MinQueueAge': '0', 'MaxQueueRunSize': '0', 'MaxQueueChildren': '1',
                           'ForkEachJob': 'False', 'QueueLA': '9999'}
        assert not any('QueueLA' in word for word in _flush.plan(look(), [message(1)]).commands['msp', 'mqueue'])

    @pytest.mark.parametrize('now', [1795910783, 2000000000, 0x7fffffff])
    def test_no_age_overflows_32_bits(self, monkeypatch, now):
        """dropenvelope(): now >= ctime + queuereturn. 8.17.1.9 of Debian's i386 returned all mail, and what it could not return went into dead.letter."""
        monkeypatch.setattr(_flush.time, 'time', lambda: now)
        here = look()
        here.settings['msp'] = {'timeout_classes': ['queuereturn.dsn']}
        command = _flush.plan(here, [message(1)], features=['STARTTLS']).commands['msp', 'mqueue']
        days = [int(word.partition('=')[2][:-1]) for word in command if word.startswith('Timeout.queuereturn')]
        assert days[0] == days[1] > 0 and (now + days[0] * 86400 < 2 ** 31 or days[0] == 1)
        assert days[0] > 800 or now > 1800000000

    @pytest.mark.parametrize('head, bits', [(b'\x7fELF\2\1', True), (b'\x7fELF\1\1', False), (b'#!/bin/sh', False), (None, False)])
    def test_a_program_of_64_bits(self, tmp_path, monkeypatch, head, bits):
        monkeypatch.setattr(_process, 'run_all', lambda *given: given[3](0, b'Compiled with: SASLv2') or [])
        if head:
            (tmp_path / 'sendmail').write_bytes(head)
        assert _flush.features_of(str(tmp_path / 'sendmail')) == ['Compiled', 'with:', 'SASLv2'] + [_flush.BITS_64] * bits

    def test_an_option_that_old_releases_do_not_know(self):
        """Sendmail 8.14 ends at "unknown option name MaxQueueAge" (readcf.c; RELEASE_NOTES of 8.15.1)."""
        here = look()
        for age, given in ((0, 0), (7200, 1)):
            here.settings['msp'] = dict(here.settings.get('msp', {}), max_queue_age=age)
            commands = _flush.plan(here, [message(1), message(2, queue='mta')]).commands
            assert (commands['msp', 'mqueue'].count('MaxQueueAge=0'), commands['mta', 'mqueue'].count('MaxQueueAge=0')) == (given, 0)

    @pytest.mark.parametrize('given, wanted', [
        (b'O Timeout.queuereturn=5d\nO Timeout.queuereturn.normal=1d\nO Timeout.queuereturn.urgent=1d\nO Timeout.queuewarn.normal=1h\n', []),
        (b'O Timeout.queuereturn.non-urgent=7d\nO Timeout.QueueReturn.dsn=1d\n', ['queuereturn.dsn=24000d', 'queuereturn.non-urgent=24000d']),
        (b'O Timeout.queuewarn.dsn=1h\nO Timeout.queuewarn.non-urgent=12h\n', ['queuewarn.dsn=0', 'queuewarn.non-urgent=0'])])
    def test_a_run_returns_no_class_of_mail_for_its_age(self, given, wanted):
        """-O Timeout.queuereturn keeps the file from setting .normal and .urgent alone (settimeout() in readcf.c): bulk mail and bounces went back."""
        here = look()
        here.settings['msp'] = _cf.settings(_cf.parse(given))
        command = _flush.plan(here, [message(1), message(2, queue='mta')], features=[_flush.BITS_64]).commands
        said = [[word for word in command[queue, 'mqueue'] if re.match(r'Timeout\.queue\w+\.', word)] for queue in ('msp', 'mta')]
        assert said == [['Timeout.' + one for one in wanted], []]

    def test_refusals(self):
        messages = [message(number, hazards=[('no_data', 'there is no data file')]) for number in range(12, 0, -1)]
        messages[3].hazards.append(('temporary', 'there is a tf file'))
        plan = _flush.plan(look(), messages, [('directory', '/q has owner 0:0')])
        assert [(one['kind'], one['messages'], len(one['ids'])) for one in plan.refusals] == [('directory', 0, 0), ('no_data', 12, 10), ('temporary', 1, 1)]
        assert plan.refusals[1]['ids'] == sorted(one.id for one in messages)[:10]
        assert all(one['remedy'].endswith('.') for one in plan.refusals)
        sentence = _flush.refuse(plan)
        assert sentence.startswith('Nothing was run, because a queue run would do harm: /q has owner 0:0. ')
        assert 'There is no data file (12 messages: 6ANFSGLL000001, ' in sentence
        assert ', ...). A run would deliver the headers with an empty body: ' in sentence
        assert 'There is a tf file (1 message: %s). ' % messages[3].id in sentence

    def test_no_refusal(self):
        assert _flush.refuse(_flush.plan(look(), [message(1)])) is None

    def test_every_hazard_has_a_remedy(self):
        with open(_hazards.__file__.replace('.pyc', '.py'), encoding='utf-8') as stream:
            source = stream.read()
        named = {kind for kind in ('directory', 'file_system', 'permissions', 'no_data', 'temporary', 'damaged', 'unreadable') if "('%s'," % kind in source}
        assert named | {'relay', 'recipients'} == set(_flush.REMEDIES)


class TestPrediction:
    @pytest.mark.parametrize('messages, answered, changed', [
        ([], True, False), ([message(1)], True, True), ([message(1)], False, False), ([message(1)], None, False),
        ([message(1, queue='mta')], False, True), ([message(1, locked=True)], True, False), ([message(1, locked=True), message(2)], True, True),
    ])
    def test_changed(self, messages, answered, changed):
        result = _flush.predict(_flush.plan(look(answered=answered), messages))
        assert result['changed'] is changed
        assert result['would_try'] == result['selected'] == len(messages)
        assert {result[name] for name in _flush.OUTCOMES} == {0}

    def test_diff_is_bounded_and_shows_ids_only(self):
        messages = [message(number) for number in range(5000)]
        diff = _flush.predict(_flush.plan(look(), messages))['diff']
        assert diff['before'].splitlines()[:2] == ['msp queue: 5000 waiting', '6ANFSGLL000000']
        assert diff['before'].splitlines()[-1] == '... and 4900 more'
        assert len(diff['before'].splitlines()) == 102
        assert diff['after'] == 'msp queue: 0 waiting\n'


class TestTranscript:
    @pytest.mark.parametrize('release', RELEASES)
    def test_real_ones(self, release, tmp_path):
        """What Sendmail printed and what it left on the disk make the outcome that the messages were made for."""
        with open(os.path.join(SAMPLES, release + '.json'), encoding='utf-8') as stream:
            cases = json.load(stream)
        assert len(cases) == 5
        seen = Counter()
        for number, case in enumerate(cases):
            path = str(tmp_path / str(number))
            os.mkdir(path)
            directory = QUEUE._replace(path=path, control=path, data=path, transcript=path)
            messages = [message(identifier, directory) for identifiers in case['ids'].values() for identifier in identifiers]
            for prefix, identifiers in case['left'].items():
                for identifier in identifiers:
                    # Whoever worked on it counted the attempt; who could not open it did not.
                    put(directory, message(identifier), control(1 if identifier in case['ids'].get('taken', ()) else 2), prefix)
            transcript = transcript_of(case['output'].encode())
            held = message(*case['ids'].get('taken', ['6ANFSGLL999999'])).id
            found = {}
            for one in _flush._outcomes([each._replace(locked=each.id == held) for each in messages], transcript):
                found.setdefault(one.outcome, []).append(one.message.id)
                seen[one.outcome] += 1
            assert {outcome: sorted(ids) for outcome, ids in found.items()} == {
                outcome: sorted(ids) for outcome, ids in case['ids'].items()}, case['case']
        assert seen == {'remaining': 5, 'bounced': 4, 'relayed': 3, 'taken': 1, 'lost': 2, 'quarantined': 1}

    @pytest.mark.parametrize('release', RELEASES)
    def test_errors_of_real_ones(self, release):
        with open(os.path.join(SAMPLES, release + '.json'), encoding='utf-8') as stream:
            case = json.load(stream)[-1]
        transcript = transcript_of(case['output'].encode())
        bounced = case['ids']['bounced']
        assert transcript.errors == {identifier: ['nosuchuser... User unknown'] for identifier in bounced}
        bad = [line for line in transcript.lines if 'bad line' in line]
        assert len(bad) == 1
        assert transcript.lines.count('nosuchuser... User unknown') == len(bounced)
        assert len(transcript.lines) == len(bounced) + 1

    def test_runners_are_kept_apart(self):
        transcript = _flush.Transcript()
        transcript.take(1, b'one... User unknown')
        transcript.take(2, b'two... User unknown')
        transcript.take(2, b'dropenvelope 0x1: id=B, flags=1<X>')
        transcript.take(1, b'dropenvelope 0x1: id=A, flags=1<X>')
        assert transcript.errors == {'A': ['one... User unknown'], 'B': ['two... User unknown']}

    def test_hostile_text_is_printable_and_bounded(self):
        transcript = _flush.Transcript()
        for number in range(10000):
            transcript.take(0, b'\x1b[2Ja\xff%d... User unknown' % number + b'x' * 5000)
        transcript.take(0, b'dropenvelope 0x1: id=A, flags=1<X>')
        assert len(transcript.lines) == 50
        assert len(transcript.errors['A']) == 10
        assert all(line.isprintable() and len(line) < 1000 for line in transcript.lines)

    def test_a_recipient_cannot_name_a_message(self):
        transcript = transcript_of(b'===== Dropping queue files for A... queueit=0, e_flags=1<X>@x... User unknown\n'
                                   b' ===== Dropping queue files for B... queueit=0, e_flags=1<X>\ndropenvelope(C): saving mail')
        assert 'B' not in transcript.removed
        assert 'C' not in transcript.worked_on


class TestOutcomes:
    def outcome(self, directory, one, output=b''):
        (found,) = _flush._outcomes([one], transcript_of(output))
        return found

    def test_untouched(self, directory):
        one = message(1, directory)
        put(directory, one)
        found = self.outcome(directory, one)
        assert (found.outcome, found.reason, found.recipients) == ('untried', 'connection_refused', 1)

    def test_a_status_is_bounded(self, directory):
        one = message(1, directory)
        put(directory, one, control(status='M' + 'x' * 100000 + '\n'))
        assert self.outcome(directory, one).status == 'x' * 300

    def test_tried_by_us_and_still_there(self, directory):
        one = message(1, directory)
        put(directory, one)
        assert self.outcome(directory, one, b'dropenvelope 0x1: id=%s, flags=1<X>' % one.id.encode()).outcome == 'remaining'

    @pytest.mark.parametrize('changes', [{'attempts': 2}, {'last': 2000}])
    def test_tried_by_somebody(self, directory, changes):
        one = message(1, directory)
        put(directory, one, control(**changes))
        assert self.outcome(directory, one).outcome == 'remaining'

    def test_some_recipients_are_done(self, directory):
        one = message(1, directory, recipients=3)
        put(directory, one, control(2, recipients=('carol',), status='MDeferred: 450 later\n'))
        found = self.outcome(directory, one)
        assert (found.outcome, found.recipients, found.reason, found.status) == ('remaining', 1, 'temporary_reply', 'Deferred: 450 later')
        result = _flush.result(_flush.plan(look(), [one]), [found], _flush.Transcript(), None, {})
        assert result['changed']
        assert result['outcomes']['remaining'][0]['recipients_done'] == 2

    def test_gone_by_other_hands(self, directory):
        assert self.outcome(directory, message(1, directory)).outcome == 'taken'

    def test_what_a_disk_does_not_say_of_one_is_not_the_end_of_the_account(self, directory, monkeypatch):
        one, other, really = message(1, directory), message(2, directory), os.stat

        def stat(name, *given, **more):
            if name == 'Qf' + one.id:
                raise OSError(5, 'Input/output error')
            return really(name, *given, **more)
        monkeypatch.setattr(os, 'stat', stat)
        said = transcript_of(b'===== Dropping queue files for %s... queueit=0, e_flags=1<X>' % other.id.encode())
        assert [found.outcome for found in _flush._outcomes([one, other], said)] == ['untried', 'relayed']

    def test_gone_after_we_had_deferred_it(self, directory):
        one = message(1, directory)
        assert self.outcome(directory, one, b'dropenvelope 0x1: id=%s, flags=1<X>' % one.id.encode()).outcome == 'taken'

    def test_locked_then_and_now(self, directory, monkeypatch):
        one = message(1, directory)
        put(directory, one)
        about = os.stat(os.path.join(directory.path, 'qf' + one.id))
        assert self.outcome(directory, one._replace(locked=True)).outcome == 'taken'
        monkeypatch.setattr(_system, 'held', lambda: {(about.st_dev, about.st_ino)})
        assert self.outcome(directory, one).outcome == 'taken'

    def test_where_locks_cannot_be_seen(self, directory, monkeypatch):
        one = message(1, directory)
        put(directory, one)
        monkeypatch.setattr(_system, 'held', lambda: None)
        assert self.outcome(directory, one).outcome == 'untried'

    def test_a_link_in_its_place(self, directory):
        one = message(1, directory)
        os.symlink('/etc/passwd', os.path.join(directory.path, 'qf' + one.id))
        assert self.outcome(directory, one).outcome == 'untried'

    def test_locks_are_read_once(self, directory, monkeypatch):
        messages = [message(number, directory) for number in range(20)]
        for one in messages:
            put(directory, one)
        calls = []
        monkeypatch.setattr(_system, 'held', lambda: calls.append(1) or set())
        assert len(_flush._outcomes(messages, _flush.Transcript())) == 20
        assert len(calls) == 1


FAKE = '''#!{python}
import json, os, re, sys
ids = [word[3:] for word in sys.argv if word.startswith('-qI')]
with open({log!r}, 'a') as log:
    log.write(json.dumps(ids) + chr(10))
for identifier in ids[:{most}]:
    path = os.path.join({queue!r}, 'qf' + identifier)
    with open(path) as stream:
        text = stream.read()
    kind = re.search('Subject: (.*)', text).group(1)
    if kind == 'skip once':
        with open(path, 'w') as stream:
            stream.write(text.replace('skip once', 'relay'))
        continue
    print('dropenvelope 0x1: id=%s, flags=1<X>' % identifier, flush=True)
    if kind == 'relay':
        os.unlink(path)
        print('===== Dropping queue files for %s... queueit=0, e_flags=1<X>' % identifier, flush=True)
    elif kind == 'hang':
        import time
        time.sleep(60)
    else:
        with open(path, 'w') as stream:
            stream.write(re.sub('(?m)^N.*', 'N9', re.sub('(?m)^M.*', 'M' + kind, text)))
'''


class TestRun:
    """L(apply) with a program that does what Sendmail does to the files."""

    @pytest.fixture(autouse=True)
    def bounds(self, monkeypatch):
        monkeypatch.setattr(_hazards, 'SETTLE', 0.05)
        monkeypatch.setattr(_process, 'GRACE', 0.5)
        with deadline(60):
            yield

    @pytest.fixture
    def flush(self, directory, tmp_path):
        def run(subjects, seconds=30, most=100, **options):
            log = str(tmp_path / 'log')
            fake = tmp_path / 'sendmail'
            fake.write_text(FAKE.format(python=sys.executable, log=log, queue=directory.path, most=most))
            fake.chmod(0o755)
            messages = [message(number, directory) for number in range(len(subjects))]
            for one, subject in zip(messages, subjects):
                put(directory, one, control().replace(b'Subject: t', b'Subject: ' + subject.encode()))
            outcomes, _transcript, canary, about = _flush.apply(_flush.plan(look(sendmail=str(fake)), messages, **options), seconds)
            assert [one.message.id for one in outcomes] == [one.id for one in messages]
            runs = []
            if os.path.exists(log):
                with open(log, encoding='utf-8') as stream:
                    runs = [json.loads(line) for line in stream]
            return [one.outcome for one in outcomes], canary, about, runs
        return run

    def test_all_leave(self, flush):
        outcomes, canary, about, runs = flush(['relay'] * 10)
        assert outcomes == ['relayed'] * 10
        assert canary.outcome == 'relayed'
        assert len(runs[0]) == 1
        assert sum(map(len, runs)) == 10
        assert about['runners'] == len(runs)
        assert not about['stopped']

    @pytest.mark.parametrize('status', ['Deferred: Connection refused by [127.0.0.1]', 'Deferred: Connection timed out with [127.0.0.1]',
                                        'Deferred: 452 4.4.5 Insufficient disk space; try again later'])
    def test_canary_stops(self, flush, status):
        outcomes, canary, _about, runs = flush([status] + ['relay'] * 3)
        assert outcomes == ['remaining'] + ['untried'] * 3
        assert _flush.stops(canary)
        assert len(runs) == 1

    def test_canary_does_not_stop_for_its_own_reason(self, flush):
        outcomes, canary, _about, _runs = flush(['Deferred: 450 4.7.1 <bob@x>... later'] + ['relay'] * 3)
        assert outcomes == ['remaining'] + ['relayed'] * 3
        assert not _flush.stops(canary)

    def test_no_canary(self, flush):
        outcomes, canary, _about, runs = flush(['Deferred: Connection refused by [127.0.0.1]'] + ['relay'] * 3, canary=False)
        assert (outcomes, canary, len(runs)) == (['remaining'] + ['relayed'] * 3, None, 1)

    def test_what_was_passed_over_is_tried_again(self, flush):
        outcomes, _canary, _about, runs = flush(['skip once', 'relay', 'skip once'], parallel=1)
        assert outcomes == ['relayed'] * 3
        assert len(runs) == 3

    def test_a_run_that_takes_no_more_than_two(self, flush):
        assert flush(['relay'] * 7, most=2, parallel=1, canary=False)[0] == ['relayed'] * 7

    def test_a_run_that_takes_none(self, flush):
        outcomes, _canary, _about, runs = flush(['relay'] * 3, most=0, parallel=1, canary=False)
        assert outcomes == ['untried'] * 3
        assert len(runs) == 2

    def test_deadline(self, flush):
        # Time enough for a busy machine to start the program and have it take the first.
        outcomes, _canary, about, _runs = flush(['relay', 'hang', 'relay'], seconds=4, parallel=1, canary=False)
        assert outcomes == ['relayed', 'remaining', 'untried']
        assert about['stopped']
        assert about['seconds'] < 30

    def test_no_time_at_all(self, flush):
        outcomes, _canary, about, runs = flush(['relay'] * 3, seconds=0)
        assert outcomes == ['untried'] * 3
        assert about['stopped']
        assert runs == []

    def test_no_program(self, directory):
        one = message(1, directory)
        put(directory, one)
        with pytest.raises(_text.SendmailError, match='Sendmail cannot be started: /nonexistent: No such file'):
            _flush.apply(_flush.plan(look(sendmail='/nonexistent'), [one]), 10)

    def test_a_hundred_thousand_messages_are_dealt_out_once(self, monkeypatch):
        other = QUEUE._replace(group='other', path='/q/other')
        messages = [message(number, other if number % 3 else QUEUE) for number in range(100000)]
        given = []
        monkeypatch.setattr(_process, 'run_all', lambda commands, *_rest: given.extend(commands) or [])
        _flush._run(_flush.plan(look(), messages), messages, 8, 0, _flush.Transcript())
        ids = [word[3:] for _key, argv in given for word in argv if word.startswith('-qI')]
        assert len(ids) == len(set(ids)) == 100000
        assert len({key for key, _argv in given}) == len(given)
        assert max(sum(map(len, argv)) for _key, argv in given) < 32768
        for _key, argv in given:
            group = 'other' if '-qGother' in argv else 'mqueue'
            assert {int(word[-6:]) % 3 > 0 for word in argv if word.startswith('-qI')} == {group == 'other'}


@pytest.mark.parametrize('other, outcomes, told', [(1, ['taken', 'taken'], []), (2, ['relayed', 'relayed'], [1, 2])])
def test_an_id_that_two_messages_have_proves_nothing_of_either(directory, monkeypatch, other, outcomes, told):
    """Who can write to the client queue gives a file there the id of a message of the MTA's."""
    messages = [message(1, directory, 'msp'), message(other, directory, 'mta')]
    removed = []

    def run(_plan, _rest, _parallel, _deadline, transcript, _more):
        for one in {one.id for one in messages}:
            transcript.take(0, b'===== Dropping queue files for %s... queueit=0, e_flags=1<X>' % one.encode())
        return []
    monkeypatch.setattr(_flush, '_run', run)
    plan = _flush.Plan(messages, [], 1, None, {}, True)
    found = _flush.apply(plan, 30, lambda identifier, failed: removed.append(identifier))[0]
    assert ([one.outcome for one in found], sorted(removed)) == (outcomes, ['6ANFSGLL%06d' % number for number in told])


def test_a_removal_is_told_when_it_happens():
    told = []
    transcript = _flush.Transcript(lambda *fate: told.append(fate))
    for line in (b'===== Dropping queue files for 6ANFSGLL000001... queueit=0, e_flags=1<OLDSTYLE>',
                 b'===== Dropping queue files for 6ANFSGLL000002... queueit=0, e_flags=1<FATALERRS>'):
        transcript.take(0, line)
    assert told == [('6ANFSGLL000001', False), ('6ANFSGLL000002', True)]


@pytest.mark.parametrize('line', [
    b'===== Dropping queue files for 6ANFSGLL000001... queueit=0, e_flags=1<OLDSTYLE>... User unknown',     # a recipient of that name
    b'bob... ===== Dropping queue files for 6ANFSGLL000001... queueit=0, e_flags=1<OLDSTYLE>',              # a reply
    b'===== Dropping queue files for 6ANFSGLL000001... queueit=0, e_flags=',
    b'===== Dropping queue files for 6ANFSGLL000001... queueit=0, e_flags=1<OLDSTYLE> ',
    b'===== Dropping queue files for 6ANFSGLL000009... queueit=0, e_flags=1<OLDSTYLE>',                     # none of those that were given
    b'dropenvelope 0x1: id=6ANFSGLL000001, flags=1<X>... User unknown',
])
def test_a_line_that_only_looks_like_one_of_sendmail(line):
    told = []
    transcript = _flush.Transcript(lambda *fate: told.append(fate), frozenset(['6ANFSGLL000001']))
    transcript.take(0, line)
    assert (told, transcript.removed, transcript.worked_on) == ([], {}, set())


class TestHarmless:
    """Titles as sm_setproctitle() in usersmtp.c, deliver.c and queue.c writes them."""

    @pytest.mark.parametrize('title, harmless', [
        (b'sendmail: %s [127.0.0.1]: client greeting', True), (b'sendmail: ./%s [127.0.0.1]: client EHLO', True),
        (b'sendmail: q1/%s mail.example.test: client RCPT\0\0\0', True), (b'sendmail: prefix: %s [::1]: client MAIL  ', True),
        (b'/usr/sbin/sendmail\0-Ac\0-qf\0-qI%s\0', True),
        (b'sendmail: %s [127.0.0.1]: client DATA 354', False), (b'sendmail: %s [127.0.0.1]: client DATA status', False),
        (b'sendmail: %s from queue', False), (b'sendmail: %s [127.0.0.1]: user open', False), (b'sendmail: [127.0.0.1]: idle', False),
        (b'sendmail: running queue: /var/spool/mqueue-client', False), (b'', False), (b'sendmail: [127.0.0.1]: client MAIL', False),
    ])
    def test_title(self, directory, title, harmless):
        one = message(1, directory)
        judge = _flush._harmless([one, message(2, directory, recipients=2)])
        named = title % one.id.encode() if b'%s' in title else title
        assert judge(named) is harmless
        assert not judge(named.replace(one.id.encode(), b'6ANFSGLL000009')) or b'-qI' in title      # a bounce of ours
        assert not judge(named.replace(one.id.encode(), b'6ANFSGLL000002')) or b'-qI' in title      # something may have left
        put(directory, one, prefix='tf')
        assert not judge(named) or b'-qI' in title


class TestResult:
    def outcomes(self, **counts):
        numbers = iter(range(10 ** 6))
        return [_flush.Outcome(message(next(numbers)), name, 0 if name in ('relayed', 'bounced', 'taken') else 1, 's',
                               'other' if name == 'remaining' else None, [])
                for name, count in counts.items() for _each in range(count)]

    def result(self, outcomes, canary=None):
        return _flush.result(_flush.plan(look(), [one.message for one in outcomes]), outcomes, _flush.Transcript(), canary, {'stopped': False})

    @pytest.mark.parametrize('outcome, changed', [
        ('relayed', True), ('bounced', True), ('taken', True), ('lost', True), ('remaining', False), ('untried', False)])
    def test_changed(self, outcome, changed):
        assert self.result(self.outcomes(**{outcome: 1}))['changed'] is changed

    def test_taken_but_still_there_is_no_change(self):
        outcome = _flush.Outcome(message(1, locked=True), 'taken', 1, '', None, [])
        result = self.result([outcome])
        assert not result['changed']
        assert result['diff']['after'] == result['diff']['before']

    def test_lists_are_bounded_and_counts_are_not(self):
        result = self.result(self.outcomes(relayed=5000, remaining=2))
        assert (result['relayed'], result['remaining'], result['selected']) == (5000, 2, 5002)
        assert len(result['outcomes']['relayed']) == 1000
        assert result['truncated']
        assert result['reasons'] == {'other': 2}
        assert result['diff']['after'].splitlines()[0] == 'msp queue: 2 waiting'
        assert len(json.dumps(result)) < 100000

    def test_canary(self):
        (canary,) = self.outcomes(remaining=1)
        assert self.result([canary], canary._replace(reason='no_route'))['canary'] == {
            'id': canary.message.id, 'outcome': 'remaining', 'reason': 'no_route', 'status': 's', 'stopped': True}


class TestComplaint:
    ABOUT = {'stopped': False}

    def say(self, canary=None, about=None, insist=False, load=(0.1, 0, 0), said='', **counts):
        return _flush.complaint(TestResult().outcomes(**counts), canary, about or self.ABOUT, insist, load, 16, said)

    def test_nothing_to_say(self):
        assert self.say(relayed=2, bounced=1, remaining=3, taken=1) is None

    def test_insist(self):
        assert self.say(relayed=2, remaining=3, quarantined=1, insist=True).startswith('4 of 6 messages remain in the queue')
        assert self.say(relayed=2, bounced=1, taken=1, insist=True) is None

    def test_lost(self):
        assert self.say(relayed=2, lost=2) == (
            '2 messages were renamed to Qf by the run. See the log for "Losing", fix the cause, then return them with mailops.sendmail.sendmail_message and '
            '"state: queued".')

    def test_untried_comes_first(self):
        assert self.say(untried=1, lost=2).startswith('1 of 3 messages was not tried. See transcript')

    def test_canary(self):
        (canary,) = TestResult().outcomes(remaining=1)
        text = self.say(canary._replace(reason='no_route', status='Deferred: No route to host'), untried=5, remaining=1)
        assert text.startswith('5 of 6 messages were not tried: the oldest one, %s, could not leave the host (Deferred: No route to host)' % canary.message.id)
        assert 'canary' in text

    def test_timeout(self):
        assert 'before the timeout' in self.say(about={'stopped': True}, untried=5)

    def test_load(self):
        assert 'the load average is 20.0 and QueueLA is 16' in self.say(load=(20.0, 1, 1), untried=5)
        assert 'See transcript' in self.say(load=None, untried=5)

    def test_what_sendmail_said_where_it_worked_on_none(self):
        said = '/etc/mail/submit.cf: line 44: unknown option name nosuch'
        assert self.say(said=said, untried=2) == '2 of 2 messages were not tried. Sendmail said: ' + said


class TestSplit:
    """split_by_recipient() in queue.c: seen with 8.18, a group with r=1 and four recipients. One was relayed, three waited in new files of the same time."""

    @pytest.mark.parametrize('name, created, groups, gone', [
        ('qf6AT0ZlUm001219', 1000, b'Qg1, r=1', 'untried'), ('qf6AT0ZlUm001219', 1001, b'Qg1, r=1', 'relayed'), ('qf6AT0ZlUm001219', 1000, b'', 'relayed'),
        ('qf6AT0YlUm001219', 1000, b'Qg1, r=1', 'relayed'), ('hf6AT0ZlUm001219', 1000, b'Qg1, r=1', 'relayed')])
    def test_a_message_whose_rest_waits_has_not_left(self, directory, name, created, groups, gone):
        with open(os.path.join(directory.path, name), 'wb') as stream:
            stream.write(control(created=created))
        now = _qf.created_by_id('6AT0ZlUm001219', 1795912547)
        here = look()
        here.now, here.directories, here.configurations = now, {'msp': [directory]}, {'msp': _cf.parse(groups), 'mta': None}
        ones = [_flush.Outcome(message(number, directory, created=1000, recipients=4), outcome, 0, '', None, [])
                for number, outcome in enumerate(('relayed', 'taken'))]
        found = _flush._unsplit(here, ones)
        assert [one.outcome for one in found] == [gone, 'taken']
        result = _flush.result(_flush.plan(here, [one.message for one in ones]), found, _flush.Transcript(), None, {})
        assert result['changed'] and result[gone] == 1
        sentence = _flush.complaint(found, None, {'stopped': True}, False, None, 8)
        assert (sentence or '').startswith('1 of 2 messages was not tried whole: the run has split it' if gone == 'untried' else '')


@pytest.mark.parametrize('call, number, says', [
    ('write', 'EDQUOT', 'Disk quota exceeded'), ('open', 'EDQUOT', 'Disk quota exceeded'), ('write', 'ENOSPC', 'No space left on device'),
    ('open', 'EOPNOTSUPP', None), ('open', 'EACCES', None), ('', '', None)])
def test_a_quota_of_the_runner(directory, monkeypatch, call, number, says):
    """Seen with 8.18.1 and EDQUOT for each write into the queue: a run leaves an empty tf file beside each message that stays, as on a full disk."""
    here = look()
    here.directories, here.submitter = {'msp': [directory]}, {'user': 'x', 'group': 'x', 'uid': os.geteuid(), 'gid': os.getegid()}
    before, about, real = sorted(os.listdir(directory.path)), os.stat(directory.path), getattr(os, call or 'open')
    asked = []

    def fails(*given, **more):
        if call == 'open' and not given[1] & os.O_TMPFILE == os.O_TMPFILE:
            return real(*given, **more)
        asked.append(os.geteuid())
        raise OSError(getattr(errno, number), os.strerror(getattr(errno, number)))
    with monkeypatch.context() as patched:
        if call:
            patched.setattr(os, call, fails)
        found = _flush.full(here)
    assert found == ([('file_system', '%s takes nothing from its runner: %s' % (directory.control, says))] if says else [])
    assert (sorted(os.listdir(directory.path)), os.stat(directory.path).st_mtime_ns, len(asked)) == (before, about.st_mtime_ns, bool(call))


class TestModule:
    PARAMS = {'timeout': '10m', 'parallel': None, 'queue': 'msp', 'select': None, 'canary': True, 'ignore_load': False, 'fail_on_remaining': False,
              'leave_out_endangered': False, 'path': None, 'spread': '0'}

    @pytest.mark.parametrize('params, why', [
        ({'timeout': 'soon'}, "'soon' is not a duration"), ({'parallel': 0}, 'parallel: 0 is not between 1 and 100'),
        ({'parallel': 101}, 'parallel: 101 is not between'),
        ({'select': {'states': ['queued', 'lost', 'quarantined']}}, 'select.states: a queue run skips messages that are lost or quarantined'),
    ])
    def test_what_cannot_be_done_is_said_before_anything_is_looked_at(self, monkeypatch, params, why):
        monkeypatch.setattr(_look, 'look', None)
        with pytest.raises(_text.SendmailError, match=why):
            _flush.flush(dict(self.PARAMS, **params), False)

    @pytest.mark.parametrize('other, why', [(None, '^Sendmail is not installed on this host: install it'), ('postfix', 'the name sendmail belongs to postfix')])
    def test_no_sendmail(self, monkeypatch, other, why):
        monkeypatch.setattr(_look, 'look', lambda level, queue, **_more: types.SimpleNamespace(
            program={'sendmail': None, 'other_mta': other}, left_behind=[]))
        with pytest.raises(_text.SendmailError, match=why):
            _flush.flush(self.PARAMS, False)

    @pytest.mark.parametrize('spread, check_mode, looks', [('30m', False, 2), ('30m', True, 1), ('0', False, 1)])
    def test_what_is_judged_is_judged_behind_the_wait(self, monkeypatch, spread, check_mode, looks):
        """A data file that goes while many hosts wait for their turn keeps the run away, as one that was gone before."""
        steps = []
        sound, harmed = message(), message(hazards=[_hazards.Hazard('no_data', 'there is no data file')])
        monkeypatch.setattr(_look, 'look', lambda level, queue: steps.append('look') or types.SimpleNamespace(
            program={'sendmail': '/x'}, errors=[], now=0, relay=None, load=None, settings={'msp': {'queue_la': 8}}, configurations={}))
        monkeypatch.setattr(_flush, 'waiting', lambda look, selection: [sound if steps[-1:] == steps else harmed])
        monkeypatch.setattr(_flush._services, 'served', lambda look, ask: steps.append('served') or look)
        monkeypatch.setattr(_flush._hazards, 'places', lambda look: [])
        monkeypatch.setattr(_flush, 'full', lambda look: [])
        monkeypatch.setattr(_flush, 'features_of', lambda program: [])
        monkeypatch.setattr(_flush._acceptance, 'ask', lambda look, pairs: None)
        monkeypatch.setattr(_flush, 'plan', lambda look, messages, *rest: _flush.Plan(messages, [
            {'kind': 'no_data', 'text': hazard.text, 'remedy': '', 'ids': [], 'messages': 1} for one in messages for hazard in one.hazards], 1, None, {}, True))
        monkeypatch.setattr(_flush, 'apply', lambda *given: steps.append('run') or ([], _flush.Transcript(), None, {}))
        monkeypatch.setattr(_flush.time, 'sleep', lambda seconds: steps.append('wait' if 0 <= seconds <= 1800 else seconds))
        monkeypatch.setattr(_flush, 'result', lambda *given: {})
        monkeypatch.setattr(_flush, 'complaint', lambda *given: None)
        if looks == 2:
            with pytest.raises(_text.SendmailError, match='There is no data file'):
                _flush.flush(dict(self.PARAMS, spread=spread), check_mode)
            assert steps == ['look', 'wait', 'look', 'served']
        else:
            _flush.flush(dict(self.PARAMS, spread=spread), check_mode)
            assert steps == ['look', 'served'] + ['run'] * (not check_mode)

    def test_the_record_names_the_time_by_which_the_ledger_knows_a_rest(self, monkeypatch, tmp_path):
        one, here = message(created=1234), look()
        here.settings['msp']['queue_la'], here.load = 8, None
        monkeypatch.setattr(_flush, '_found', lambda queue, selection: (here, [one]))
        for name, value in (('_services.served', lambda here, ask: here), ('_hazards.places', lambda here: []),
                            ('full', lambda here: []), ('features_of', lambda program: []),
                            ('_acceptance.by_rules', lambda here: here), ('_acceptance.ask', lambda here, pairs: None), ('door', lambda here: None),
                            ('_unsplit', lambda here, outcomes: outcomes)):
            monkeypatch.setattr('%s.%s' % (_flush.__name__, name), value)

        def apply(_plan, _seconds, removed, _more):
            removed(one.id, False)
            return [_flush.Outcome(one, 'relayed', 0, '', None, [])], _flush.Transcript(), None, {'stopped': False}
        monkeypatch.setattr(_flush, 'apply', apply)
        _flush.flush(dict(self.PARAMS, path=str(tmp_path / 'outcomes')), False)
        (line,) = (tmp_path / 'outcomes').read_text().splitlines()
        assert json.loads(line) == {'queue': 'msp', 'id': one.id, 'outcome': 'relayed', 'created': 1234}

    def test_directory_that_cannot_be_found(self, monkeypatch):
        errors = [{'queue': 'msp', 'path': '/q', 'error': 'No such file or directory'}]
        monkeypatch.setattr(_look, 'look', lambda level, queue, **_more: types.SimpleNamespace(program={'sendmail': '/x'}, errors=errors))
        with pytest.raises(_text.SendmailError, match='The msp queue cannot be run: /q: No such file'):
            _flush.flush(self.PARAMS, False)
