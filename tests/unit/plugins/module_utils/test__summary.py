# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
import json
import os
from collections import Counter

import pytest
from ansible_collections.mailops.sendmail.plugins.module_utils import _look, _phrases, _qf, _spool, _summary
from ansible_collections.mailops.sendmail.tests.unit import queue_samples
from hypothesis import given
from hypothesis import strategies as st

NOW = 1795447696
LABELS = ['5', '10', '20', '40', '80', '160', '320', '640', '1280', '1280+']
(CONTROL,) = queue_samples.sample('01').files.values()


def figures(path, content=True, now=NOW):
    """The facts of a queue, as the module makes them."""
    found, errors = _spool.directories([('mqueue', str(path))])
    passes = [_spool.Pass(one, ('queued',) if content else None, content) for one in found]
    return _summary.queue(passes, errors, now, content)


def heaviest(counts, name_key, count_key):
    return [{name_key: name, count_key: count} for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:10]]


# --- against what a generator wrote ---

@pytest.fixture(scope='module', params=[(1, 0, (), 518400), (2, 3, ('qf', 'df'), 3600), (3, 0, (), 90)], ids=str)
def made(request, tmp_path_factory):
    """(pattern, truth) of a queue of waiting messages."""
    seed, subdirectories, split, max_age = request.param
    path = tmp_path_factory.mktemp('made') / 'mqueue'
    truth = queue_samples.generator().generate(str(path), 1500, seed=seed, now=NOW, max_age=max_age, subdirectories=subdirectories, split=split)
    return '%s/q*' % path if subdirectories else str(path), truth


@queue_samples.needs_generator
def test_totals(made):
    pattern, truth = made
    facts = figures(pattern)
    total = truth['messages']
    assert facts['messages'] == {'total': total, 'queued': total, 'quarantined': 0, 'lost': 0, 'incomplete': 0, 'unreadable': 0}
    assert sum(one['messages'] for one in facts['directories']) == total
    assert (facts['recipients'], facts['bytes'], facts['never_tried']) == (truth['recipients'], truth['bytes'], truth['never_tried'])
    assert facts['oldest_age'] == NOW - truth['oldest']
    assert facts['last_attempt_age'] == NOW - truth['last_attempt']
    assert facts['ages'] == dict(zip(LABELS, (one['messages'] for one in truth['ages'])))
    assert (facts['delivering'], facts['vanished'], facts['errors'], facts['errors_cut']) == (0, 0, [], 0)
    assert not any(facts['debris'].values())
    top = facts['top']
    assert dict((one['reason'], one['messages']) for one in top['reasons']) == truth['reasons']
    assert [one['messages'] for one in top['reasons']] == sorted(truth['reasons'].values(), reverse=True)
    assert top['domains'] == heaviest(dict(truth['domains'], **{'(local)': truth['local_recipients']}), 'domain', 'recipients')
    assert top['senders'] == heaviest(truth['senders'], 'sender', 'messages')
    assert top['users'] == heaviest(dict(truth['users'], **{'(by SMTP from localhost)': total - sum(truth['users'].values())}), 'user', 'messages')
    assert top['cut'] is False
    assert len(json.dumps(facts)) < 4000


@queue_samples.needs_generator
def test_a_summary_knows_from_the_names_what_totals_know_from_the_content(made):
    pattern, truth = made
    summary, totals = figures(pattern, False), figures(pattern)
    assert summary['messages'] == {'total': truth['messages'], 'queued': truth['messages'], 'quarantined': 0, 'lost': 0}
    for key in ('oldest_age', 'ages', 'directories', 'delivering'):
        assert summary[key] == totals[key]
    assert set(totals) - set(summary) == {'recipients', 'bytes', 'never_tried', 'last_attempt_age', 'untried_age', 'top'}
    assert set(totals['debris']) - set(summary['debris']) == {'data_without_control', 'control_without_data'}


@queue_samples.needs_generator
def test_the_example_of_a_reason_is_of_that_reason(made):
    for one in figures(made[0])['top']['reasons']:
        assert _phrases.reason(one['example'].encode('ascii'), one['reason'] != 'never_tried') == one['reason']


@queue_samples.needs_generator
@pytest.mark.parametrize('content', [True, False])
def test_figures_are_about_what_a_run_would_try(tmp_path, content):
    """Everything is counted, and figures beside the counts leave out what is quarantined, lost or damaged."""
    path = tmp_path / 'mqueue'
    truth = queue_samples.generator().generate(str(path), 300, now=NOW, quarantined=40, lost=20, damage=2, debris_files=3, records=True)
    facts = figures(path, content)
    queued = [one for one in truth['records'] if one['state'] == 'queued']
    readable = ('nul', 'no_sender', 'unknown_letter')
    messages = {'quarantined': 40, 'lost': 20, 'queued': 300 + 3 + 2 * len(readable)}
    if content:
        messages.update(incomplete=6, unreadable=6)
    else:
        messages['queued'] += 12
    assert facts['messages'] == dict(messages, total=300 + 3 + 60 + 2 * 9)
    debris = {'temporary': 3, 'pushed_aside': 3, 'transcript': 3, 'foreign': 3, 'special': 3 + 2 * 3}
    assert facts['debris'] == dict(debris, **({'data_without_control': 3 + 2 * 3, 'control_without_data': 3} if content else {}))
    assert facts['oldest_age'] >= NOW - min(one['created'] for one in queued)
    if content:
        assert sum(facts['ages'].values()) == messages['queued']
        assert facts['bytes'] >= sum(one['size'] for one in queued)
        assert (len(facts['errors']), facts['errors_cut']) == (6, 0)
        assert all('/qf' in error['path'] for error in facts['errors'])


# --- by hand ---

def test_an_empty_queue(tmp_path):
    for content in (True, False):
        facts = figures(tmp_path, content)
        assert (facts['messages']['total'], facts['oldest_age'], facts['delivering']) == (0, None, 0)
        assert facts['ages'] == dict.fromkeys(LABELS, 0)
    facts = figures(tmp_path)
    assert (facts['recipients'], facts['bytes'], facts['never_tried'], facts['last_attempt_age']) == (0, 0, 0, None)
    assert facts['top'] == {'reasons': [], 'domains': [], 'senders': [], 'users': [], 'cut': False}


@queue_samples.each_sample
def test_a_sample(sample, tmp_path):
    facts = figures(sample.write(tmp_path / 'q'), now=1795450000)
    listed = [one for identifier, one in sample.listed().items() if 'qf' + identifier in sample.files]
    assert facts['messages']['queued'] == len(listed)
    assert facts['bytes'] == sum(one.size for one in listed)
    if not sample.name.startswith('32'):    # listed when two recipients had gone
        assert facts['recipients'] == sum(len(one.recipients) for one in listed)
    senders = Counter(one.sender.strip('<>') or '<>' for one in listed)
    assert facts['top']['senders'] == heaviest(senders, 'sender', 'messages')


def test_names_and_reasons_of_a_queue(tmp_path):
    def put(number, old, new):
        assert old in CONTROL
        (tmp_path / ('qf6ANFSGLL%06d' % number)).write_bytes(CONTROL.replace(old, new))
        (tmp_path / ('df6ANFSGLL%06d' % number)).write_bytes(b'x' * 10)
    put(1, b'RPFD:bob', b'RPFD:<a@Example.Test>\nRPFD:b@example.TEST\nRPFD:bob')
    put(2, b'Salice', b'S<ALICE@example.test>')
    put(3, b'Salice', b'SALICE@example.test')
    put(4, b'Salice', b'S<>')
    put(5, b'$_alice@localhost', b'$_mail.example.test [192.0.2.1]')
    put(6, b'$_alice@localhost\n', b'')
    put(7, b'MDeferred: Connection refused by [127.0.0.1]\n', b'')
    put(8, b'Deferred: Connection refused by [127.0.0.1]', b'host map: lookup (nosuch.invalid): deferred')
    put(9, b'\nC:bob', b'\nMDeferred: 451 4.1.8 Domain of sender address a@b does not resolve\nC:bob')
    (tmp_path / 'df6ANFSGLL000009').unlink()
    facts = figures(tmp_path)
    assert (facts['recipients'], facts['bytes'], facts['debris']['control_without_data']) == (11, 80, 1)
    reasons = facts['top'].pop('reasons')
    assert facts['top'] == {
        'domains': [{'domain': '(local)', 'recipients': 9}, {'domain': 'example.test', 'recipients': 2}],
        'senders': [{'sender': 'alice', 'messages': 6}, {'sender': 'ALICE@example.test', 'messages': 2}, {'sender': '<>', 'messages': 1}],
        'users': [{'user': 'alice', 'messages': 7}, {'user': '(by SMTP from mail.example.test [192.0.2.1])', 'messages': 1},
                  {'user': '(unknown)', 'messages': 1}],
        'cut': False,
    }
    assert reasons[0] == {'reason': 'connection_refused', 'messages': 6, 'example': 'Deferred: Connection refused by [127.0.0.1]'}
    assert sorted(reasons[1:], key=lambda one: one['reason']) == [    # equal counts come as the directory has them
        {'reason': 'host_lookup', 'messages': 1, 'example': 'host map: lookup (nosuch.invalid): deferred'},
        {'reason': 'other', 'messages': 1, 'example': ''},
        {'reason': 'sender_domain', 'messages': 1, 'example': 'Deferred: 451 4.1.8 Domain of sender address a@b does not resolve'}]


def test_what_is_being_delivered(tmp_path):
    path = queue_samples.sample('02').write(tmp_path / 'q')
    (name,) = queue_samples.sample('02').files
    about = os.stat(str(path / name))
    (directory,), _errors = _spool.directories([('mqueue', str(path))])
    one = _spool.Pass(directory, held=frozenset([(about.st_dev, about.st_ino)]))
    assert _summary.queue([one], [], NOW)['delivering'] == 1


def test_a_directory_that_has_gone_is_an_error_beside_the_others(tmp_path):
    found, errors = [], []
    for name in ('q1', 'q2'):
        path = queue_samples.sample('01').write(tmp_path / name)
        found.extend(_spool.directories([('mqueue', str(path))])[0])
    for file in (tmp_path / 'q1').iterdir():
        file.unlink()
    (tmp_path / 'q1').rmdir()
    facts = _summary.queue([_spool.Pass(one) for one in found], [{'path': '/x', 'error': 'before'}], NOW)
    assert facts['messages']['total'] == 1
    assert facts['errors'] == [{'path': '/x', 'error': 'before'}, {'path': str(tmp_path / 'q1'), 'error': 'No such file or directory'}]
    assert errors == []


@given(st.lists(st.one_of(st.integers(-10, 100000), st.sampled_from([bound * 60 + offset for bound in _summary.AGE_BOUNDS for offset in (-1, 0, 1)]))),
       st.integers(0, 2 ** 33))
def test_age_buckets(ages, now):
    """A bucket holds what is younger than its bound and in no bucket before it."""
    expected = dict.fromkeys(LABELS, 0)
    for age in ages:
        expected[next((str(bound) for bound in (5, 10, 20, 40, 80, 160, 320, 640, 1280) if age < bound * 60), '1280+')] += 1
    found = _summary.empty_ages()
    _summary.add_ages(found, sorted(now - age for age in ages), now)
    assert found == expected
    assert list(found) == LABELS


def test_names_that_are_no_ids_have_no_age():
    totals = _summary.Totals(NOW)
    totals.add_names(['qfREADME1', 'qf', 'qf\n', 'hf6ANFSG000001'])
    totals.add_names([])
    assert (totals.figures(False)['oldest_age'], sum(totals.ages.values())) == (None, 0)


def test_a_time_in_the_future_is_no_negative_age():
    totals = _summary.Totals(NOW)
    row = _qf.head(CONTROL.replace(b'\nT1795447696', b'\nT9999999999').replace(b'\nK1795447696', b'\nK9999999999'))
    assert row is not None
    assert row[:2] == (b'9999999999',) * 2
    totals.add_rows([row], [5])
    assert (totals.figures()['oldest_age'], totals.figures()['last_attempt_age'], totals.ages['5']) == (0, 0, 1)


# --- bounds ---

def test_a_tally_is_bounded_and_right_at_the_top():
    """Ten senders among thirty thousand that write once: cut again and again, the ten stay and their counts are whole."""
    tally, heavy = _summary.Tally(), Counter()
    for batch in range(30):
        names = ['once-%d-%d' % (batch, number) for number in range(1000)]
        for number in range(10):
            names.extend(['heavy-%d' % number] * (number + 1))
            heavy['heavy-%d' % number] += number + 1
        tally.add(names)
        assert len(tally.counts) <= 10000
        assert sum(tally.counts.values()) + tally.dropped == (batch + 1) * 1055
    assert tally.top('name', 'count') == heaviest(heavy, 'name', 'count')
    assert tally.dropped > 0


def test_a_tally_takes_counts_and_breaks_ties_by_name():
    tally = _summary.Tally()
    tally.add({b'b': 2, b'a': 2, b'c': 5})
    tally.add([b'c'])
    assert tally.top('name', 'count') == [{'name': 'c', 'count': 6}, {'name': 'a', 'count': 2}, {'name': 'b', 'count': 2}]
    assert tally.dropped == 0


NASTY = ['\U00020000' * 60, '\x1b[31m' * 40, '\\' * 300, '"' * 300, '\u00e9' * 200, 'a' * 5000]


def test_the_result_is_small_whatever_the_queue_holds(tmp_path):
    """Names as long and as awkward as can be, in every place that can hold one."""
    number = 0
    for place in range(20):
        directory = os.fsencode(str(tmp_path)) + b'/q%02d' % place + b'\x1b' * 250
        os.mkdir(directory)
        for nasty in NASTY:
            number += 1
            name = b'6ANFSGLL%06d' % number
            word = nasty.encode('utf-8') + b'%d' % number
            statuses = [b'Deferred: Connection refused by ', b'Deferred: Connection timed out with ', b'No route to host', b'host map: lookup (',
                        b'Name server: x: host name lookup failure', b'451 4.1.8 ', b'452 4.4.5 ', b'450 ', b'what ']
            status = statuses[number % 9]
            data = (CONTROL.replace(b'Salice', b'S' + word + b'@' + word).replace(b'$_alice@localhost', b'$_' + word + b'@localhost')
                    .replace(b'RPFD:bob', b'RPFD:bob@' + word).replace(b'Deferred: Connection refused by [127.0.0.1]', status + word))
            for prefix, content in ((b'qf', data), (b'df', b''), (b'Qf', b'')):
                with open(directory + b'/' + prefix + name, 'wb') as file:
                    file.write(content)
            with open(directory + b'/qf' + b'\x1b' * 12 + b'%06d' % number, 'wb') as file:
                file.write(b'\x1b' * 100 + b'\n')
    facts = figures('%s/q*' % tmp_path)
    assert (facts['messages']['total'], facts['messages']['unreadable'], facts['errors_cut']) == (360, 120, 110)
    assert [len(facts['top'][key]) for key in ('domains', 'senders', 'users')] == [10, 10, 10]
    assert len(facts['top']['reasons']) == 9
    text = json.dumps(facts)
    assert len(text) <= 16 * 1024
    assert json.loads(text) == facts


def test_memory_does_not_grow_with_the_number_of_messages():
    totals = _summary.Totals(NOW)
    row = _qf.head(CONTROL)
    for batch in range(40):
        rows = [row[:5] + (b'user%d@localhost' % number, b'sender%d' % number, b'\nRPFD:x@d%d.example.test' % number)
                for number in range(batch * 500, batch * 500 + 500)]
        totals.add_rows(rows, [1] * 500)
        assert max(len(tally.counts) for tally in (totals.domains, totals.senders, totals.users)) <= 10000
    facts = totals.figures()
    assert (facts['recipients'], facts['bytes'], facts['top']['cut']) == (20000, 20000, True)


@pytest.mark.parametrize('real', [False, True])
def test_contexts(tmp_path, monkeypatch, real):
    """Recorded of a host with SELinux: getfattr -n security.selinux shows the NUL at the end. Some are of the kernel here, where root may set them."""
    labels = {'sendmail': b'system_u:object_r:sendmail_exec_t:s0\0', 'client': b'system_u:object_r:mqueue_spool_t:s0\0', 'sm.pid': b'a\x1b[2Jb'}
    for name in [*labels, 'none']:
        (tmp_path / name).mkdir()
    if real:
        try:
            for name, label in labels.items():
                os.setxattr(str(tmp_path / name), 'security.selinux', label)
        except (OSError, AttributeError):
            pytest.skip('Only root can set them, and not in every file system')
    else:
        def getxattr(path, name):
            if name != 'security.selinux' or os.path.basename(path) not in labels:
                raise OSError(61, 'No data available')
            return labels[os.path.basename(path)]
        monkeypatch.setattr(_summary.os, 'getxattr', getxattr, raising=False)
    queues = {'msp': [_spool.QueueDirectory('mqueue', *[str(tmp_path / name)] * 4, False) for name in ('client', 'none')]}
    look = _look.Look(0, program={'sendmail': str(tmp_path / 'sendmail')}, directories=queues,
                      settings={'msp': {'pid_file': str(tmp_path / 'sm.pid')}, 'mta': {'pid_file': None}})
    assert _summary._contexts(look) == {str(tmp_path / 'sendmail'): 'system_u:object_r:sendmail_exec_t:s0',
                                        str(tmp_path / 'client'): 'system_u:object_r:mqueue_spool_t:s0', str(tmp_path / 'sm.pid'): 'a\\x1b[2Jb'}
