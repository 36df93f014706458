# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
import fnmatch
import functools
import re
import signal
import threading

import pytest
from ansible_collections.mailops.sendmail.plugins.module_utils import _phrases, _qf, _selection, _text
from ansible_collections.mailops.sendmail.tests.unit import queue_samples
from ansible_collections.mailops.sendmail.tests.unit.deadline import deadline
from hypothesis import given
from hypothesis import strategies as st

NOW = 1795447696
ID = '6ANFSGLL000206'
(CONTROL,) = queue_samples.sample('01').files.values()


def row(**lines):
    """The row of a control file with these values: C(sender), C(to) (R values), C(status), C(own), C(created), C(attempts)."""
    recipients = b''.join((b'M' + lines['own'] + b'\n' if 'own' in lines else b'') + b'RPFD:' + to + b'\n' for to in lines.get('to', [b'bob']))
    status = b'M' + lines['status'] + b'\n' if 'status' in lines else b''
    found = _qf.head(b'V8\nT%d\nK0\nN%d\nP1\n%sFs\n$_a@localhost\nS%s\n%sH??X: y\n.\n' % (
        lines.get('created', NOW - 3600), lines.get('attempts', 1), status, lines.get('sender', b'alice'), recipients))
    assert found is not None
    return found


def chosen(select, given_row, size=10):
    return _selection.Selection(select, NOW).matches(given_row, size)


def test_nothing_given_selects_everything():
    for select in (None, {}, {'ids': None, 'senders': None, 'status': ''}):
        selection = _selection.Selection(select, NOW)
        assert (selection.everything, selection.needs_size, selection.states) == (True, False, frozenset(_selection.STATES))
        assert selection.wants(ID) and selection.matches(row(), None)
        assert all(selection.wants_damaged(ID, state) for state in ('incomplete', 'unreadable'))


def test_ids():
    selection = _selection.Selection({'ids': [ID]}, NOW)
    assert selection.wants(ID) and not selection.wants('6ANFSGLL000207')
    assert selection.matches(row(), None) and not selection.everything
    assert selection.wants_damaged(ID, 'unreadable') and not selection.wants_damaged('6ANFSGLL000207', 'unreadable')


def test_states():
    selection = _selection.Selection({'states': ['lost', 'unreadable']}, NOW)
    assert selection.states == {'lost', 'unreadable'}
    assert selection.wants_damaged(ID, 'unreadable') and not selection.wants_damaged(ID, 'incomplete')
    assert _selection.Selection({}, NOW, ('queued',)).states == {'queued'}
    assert _selection.Selection({'states': ['lost']}, NOW, ('queued',)).states == {'lost'}


@pytest.mark.parametrize('select', [{'senders': ['*']}, {'older_than': '0'}, {'larger_than': 0}, {'status': '.'}, {'reason': ['other']}, {'domains': ['*']},
                                    {'recipients': ['*']}, {'newer_than': '9w'}])
def test_a_file_that_says_nothing_matches_nothing_that_is_asked_of_it(select):
    assert not _selection.Selection(select, NOW).wants_damaged(ID, 'incomplete')


@pytest.mark.parametrize('patterns, sender, meant', [
    (['alice'], b'alice', True), (['alice'], b'alice@example.test', False), (['ali*'], b'alice@example.test', True), (['ALICE'], b'alice', True),
    (['alice'], b'<ALICE>', True), (['lice'], b'alice', False), (['bob', 'a?ice'], b'alice', True), (['[ab]lice'], b'blice', True),
    (['[!a]lice'], b'alice', False), (['*@example.test'], b'<x@example.test>', True), (['*@example.test'], b'x@example.test.org', False),
    (['*'], b'', True), (['a.c'], b'abc', False), (['a+'], b'aa', False), (['a|b'], b'b', False), (['b*'], b'a\nb', False), (['*'], b'\xff\x00', True),
    (['b\u00f6b'], b'b\xc3\xb6b', True),           # as it is written
    (['b\\xf6b'], b'b\xf6b', True),                # as a listing shows what is not UTF-8
    (['b\\x5cxf6b'], b'b\\xf6b', True), (['b??b'], b'b\xc3\xb6b', True), (['[\u00e4-z]*'], b'b', None), (['[z-a]'], b'z', None),
])
def test_senders(patterns, sender, meant):
    try:
        found = chosen({'senders': patterns}, row()[:_qf.SENDER] + (sender,) + row()[_qf.TAIL:])
    except _text.SendmailError as error:
        # Whether a range that runs backwards is an error depends on the Python.
        assert meant is None and str(error).startswith('select.senders: ')
    else:
        assert meant is None or found == meant


@pytest.mark.parametrize('word, sender, meant', [
    ('<>', b'<>', True), ('<>', b'', True), ('<>', b'<alice@x>', False), ('<>', b'alice', False), ('<alice@x>', b'<alice@x>', True),
    ('<alice@x>', b'alice@x', True), ('<alice@x>', b'<bob@x>', False), ('<*@x>', b'<bob@x>', True), ('<alice@x', b'alice@x', False),
    ('[<]alice@x', b'alice@x', False)])
def test_an_address_may_stand_as_mailq_and_the_facts_show_it(word, sender, meant):
    assert chosen({'senders': [word]}, row(sender=sender)) is meant
    if sender.strip(b'<>'):
        assert chosen({'recipients': [word]}, row(to=[sender])) is meant


def test_the_null_sender_is_meant_by_everything_only():
    assert chosen({'senders': ['*']}, row(sender=b'<>'))
    assert not chosen({'senders': ['?*']}, row(sender=b'<>'))


@pytest.mark.parametrize('patterns, meant', [
    (['bob'], True), (['carol@example.test'], True), (['*@EXAMPLE.test'], True), (['dave'], False), (['*carol'], False), (['bob', 'dave'], True),
    (['<*'], False), (['*>'], False), (['bo'], False), (['*'], True),
])
def test_recipients(patterns, meant):
    assert chosen({'recipients': patterns}, row(to=[b'bob', b'<carol@example.test>'])) is meant


@pytest.mark.parametrize('patterns, meant', [
    (['example.test'], True), (['EXAMPLE.TEST'], True), (['*.test'], True), (['test'], False), (['other.test', 'example.*'], True), (['?ob'], False),
    (['carol@example.test'], False), (['example.test>'], False),
])
def test_domains(patterns, meant):
    assert chosen({'domains': patterns}, row(to=[b'bob', b'<carol@example.test>'])) is meant


def test_a_local_recipient_has_no_domain():
    assert not chosen({'domains': ['*']}, row(to=[b'bob', b'carol']))
    assert not chosen({'domains': ['*']}, row(to=[]))
    # As facts and diagnosis list it.
    assert chosen({'domains': ['x', '(local)']}, row(to=[b'bob', b'carol@y']))
    assert not chosen({'domains': ['(local)']}, row(to=[b'carol@y'])) and not chosen({'domains': ['(local)']}, row(to=[]))
    assert not chosen({'recipients': ['*']}, row(to=[]))


@pytest.mark.parametrize('select, age, meant', [
    ({'older_than': '1h'}, 3601, True), ({'older_than': '1h'}, 3600, False), ({'older_than': '60m'}, 3599, False),
    ({'newer_than': '1h'}, 3599, True), ({'newer_than': '1h'}, 3600, False), ({'newer_than': 3600}, 3601, False),
    ({'older_than': '1h', 'newer_than': '1d'}, 7200, True), ({'older_than': '1h', 'newer_than': '1d'}, 90000, False),
    ({'older_than': '0'}, 1, True), ({'older_than': '0'}, 0, False), ({'older_than': '0'}, -5, False), ({'newer_than': '1s'}, -5, True),
])
def test_ages(select, age, meant):
    assert chosen(select, row(created=NOW - age)) is meant


@pytest.mark.parametrize('value, size, meant', [
    ('1K', 1024, False), ('1K', 1025, True), (500, 501, True), (0, 0, False), (0, 1, True), ('0', None, False), ('1M', None, False),
])
def test_larger_than(value, size, meant):
    assert _selection.Selection({'larger_than': value}, NOW).needs_size
    assert chosen({'larger_than': value}, row(), size) is meant


@pytest.mark.parametrize('pattern, meant', [
    ('refused', True), ('REFUSED BY', True), ('^Deferred: Conn', True), ('refused$', False), ('4[0-9]{2} ', True), ('^450', True), ('timed out', False),
    (r'\[127\.0\.0\.1\]', True), (r'\xc3\xb6', True), ('\u00f6', True), ('', True),
])
def test_status(pattern, meant):
    """A regular expression anywhere in the envelope's status or a recipient's own."""
    assert chosen({'status': pattern}, row(status=b'Deferred: Connection refused by [127.0.0.1]', own=b'450 b\xc3\xb6b')) is meant


def test_a_message_without_a_status_has_none_to_match():
    assert not chosen({'status': 'refused'}, row())


@pytest.mark.parametrize('lines, reason', [
    ({'status': b'Deferred: Connection refused by [127.0.0.1]'}, 'connection_refused'),
    ({'status': b'host map: lookup (x): deferred', 'own': b'Deferred: 451 4.1.8 Domain of sender address a@b does not resolve'}, 'sender_domain'),
    ({'attempts': 0}, 'never_tried'), ({'attempts': 3}, 'other'),
])
def test_reason(lines, reason):
    others = [one for one in _phrases.REASONS if one != reason]
    assert chosen({'reason': [reason]}, row(**lines))
    assert chosen({'reason': list(_phrases.REASONS)}, row(**lines))
    assert not chosen({'reason': others}, row(**lines))


@pytest.mark.parametrize('select, said', [
    ({'ids': ['6ANFSGLL000206', 'x']}, "select.ids: 'x' is not a queue id"), ({'ids': ['../../etc/passwd']}, 'is not a queue id'),
    ({'ids': ['6ANFSGLL000206\n']}, 'is not a queue id'), ({'ids': ['qf6ANFSGLL000206']}, 'is not a queue id'), ({'ids': ['*']}, 'is not a queue id'),
    ({'status': '('}, "select.status: '(' is not a regular expression"), ({'status': '*x'}, 'is not a regular expression'),
    ({'ids': []}, 'select.ids: the list is empty'), ({'states': ['queued'], 'senders': []}, 'select.senders: the list is empty'), ({'states': []}, 'is empty'),
    ({'older_than': ''}, "select.older_than: '' is not a duration"),
    ({'older_than': 'soon'}, 'is not a duration'), ({'newer_than': '1y'}, 'is not a duration'), ({'larger_than': 'big'}, 'is not a size'),
])
def test_what_cannot_be_understood_is_said_before_anything_is_read(select, said):
    with pytest.raises(_text.SendmailError) as error:
        _selection.Selection(select, NOW)
    assert said in str(error.value)
    assert str(error.value).endswith('.')


@given(st.lists(st.text(), min_size=1, max_size=3))
def test_any_pattern_is_one_or_a_sentence(words):
    try:
        chosen({'senders': words, 'recipients': words, 'domains': words, 'status': words[0]}, row())
    except _text.SendmailError as error:
        assert str(error).startswith('select.')


# --- combinations, against a plain reading of what a generator says ---

@functools.lru_cache(maxsize=None)
def generated():
    """[(message as the generator describes it, state, row)] of 200 messages."""
    spool = queue_samples.generator()
    found = []
    for number, message in enumerate(spool.messages(200, 11, NOW, 518400, False, 0)):
        data = _qf.head(b''.join(spool.control_file(message)))
        assert data is not None
        found.append((message, ('queued', 'queued', 'quarantined', 'lost')[number % 4], data))
    return found


def plainly(select, message, state):
    """What each key means, one by one."""
    def like(value, patterns):
        return any(fnmatch.fnmatchcase(value.decode('latin-1').lower(), pattern.lower()) for pattern in patterns)
    units = {'m': 60, 'h': 3600, 'd': 86400}
    statuses = [message['status']] + message['own']
    tests = {
        'ids': lambda value: message['id'].decode('ascii') in value,
        'states': lambda value: state in value,
        'senders': lambda value: like(message['sender'], value),
        'recipients': lambda value: any(like(one, value) for one in message['recipients']),
        'domains': lambda value: any(like(one.split(b'@')[1], value) for one in message['recipients'] if b'@' in one),
        'older_than': lambda value: NOW - message['created'] > int(value[:-1]) * units[value[-1]],
        'newer_than': lambda value: NOW - message['created'] < int(value[:-1]) * units[value[-1]],
        'larger_than': lambda value: message['size'] > value,
        'status': lambda value: any(re.search(value, one.decode('latin-1'), re.I) for one in statuses if one),
        'reason': lambda value: message['reason'] in value,
    }
    return all(tests[key](value) for key, value in select.items())


def some(values, size=3):
    return st.lists(st.sampled_from(values), min_size=1, max_size=size)


AGES = st.sampled_from(['1m', '30m', '1h', '12h', '1d', '3d', '5d'])
KEYS = {
    'senders': some(['alice', 'noreply-*', '*@app.example.test', 'MAILER-DAEMON', 'CRON@*', '[a-d]*', '*', 'nobody', 'noreply-0?@app.example.test']),
    'recipients': some(['*@d0001.example.test', 'user0?', 'r1*', '*.1@*', 'R2.0@*', 'nobody']),
    'domains': some(['d0000.example.test', 'D000?.*', '*.example.test', 'd01*', 'example.test']),
    'older_than': AGES, 'newer_than': AGES, 'larger_than': st.sampled_from([1, 100, 1000, 1900, 5000]),
    'status': st.sampled_from(['refused', '^deferred: 45', 'lookup.*deferred', 'd0001', '4\\.1\\.8', 'nothing', 'no route']),
    'reason': some(list(_phrases.REASONS)), 'states': some(['queued', 'quarantined', 'lost', 'incomplete']),
}


@st.composite
def selects(draw):
    keys = draw(st.lists(st.sampled_from(sorted(KEYS) + ['ids']), unique=True, max_size=4))
    select = dict((key, draw(KEYS[key])) for key in keys if key != 'ids')
    if 'ids' in keys:
        select['ids'] = draw(some([message['id'].decode('ascii') for message, _state, _row in generated()[::5]] + ['6ANFSGLL999999'], 30))
    return select


def compare(select):
    selection = _selection.Selection(select, NOW)
    meant = [message['id'] for message, state, _row in generated() if plainly(select, message, state)]
    found = [message['id'] for message, state, data in generated()
             if state in selection.states and selection.wants(message['id'].decode('ascii')) and selection.matches(data, message['size'])]
    assert found == meant
    return found


@queue_samples.needs_generator
@given(st.data())
def test_combinations(data):
    compare(data.draw(selects()))


@queue_samples.needs_generator
@pytest.mark.parametrize('select', [
    {'senders': ['noreply-*']}, {'recipients': ['user0?']}, {'domains': ['d000?.*']}, {'older_than': '3d'}, {'newer_than': '1d'}, {'larger_than': 1000},
    {'status': 'refused'}, {'reason': ['sender_domain', 'never_tried']}, {'states': ['lost']}, {'domains': ['d000*'], 'older_than': '1d', 'status': 'refused'},
], ids=str)
def test_each_key_divides_the_generated_messages(select):
    """The comparison means something only when there is something on both sides."""
    assert 0 < len(compare(select)) < 200


@pytest.mark.parametrize('select', [{'status': '(a+)+$'}, {'status': '(?:a|a)*b'}])
def test_a_pattern_that_never_ends_is_given_up(select, monkeypatch):
    monkeypatch.setattr(_selection, '_SECONDS', 0.1)
    text = b'a' * 60 + b'c'
    try:
        assert not chosen(select, row(status=text, sender=text))
    except _text.SendmailError as error:
        assert 'takes too long on a text of' in str(error)
        assert list(select)[0] in str(error)


@pytest.mark.parametrize('pattern, text', [
    ('*a*a*c', b'a' * 200000), ('*a*b*c*d', b'abc' * 70000), ('*@*x', b'@' * 200000), ('*?*?*?*c', b'a' * 200000), ('*' * 50 + 'c', b'a' * 200000)])
def test_no_text_makes_a_shell_pattern_slow(pattern, text):
    """fnmatch of Python 3.8 and before takes 20 seconds for a sixtieth of the first one, and eight times as long for twice as much."""
    with deadline(20):
        assert not chosen({'senders': [pattern]}, row(sender=text))
        assert chosen({'senders': [pattern]}, row(sender=text + pattern.replace('*', '').encode('ascii')))


@given(st.lists(st.text('ab*?[]!-\\.\n', max_size=8), min_size=1, max_size=3), st.text('abAB*?[]!-\\.\n', max_size=8))
def test_a_shell_pattern_means_what_fnmatch_makes_of_it(words, text):
    try:
        meant = any(re.match(fnmatch.translate(_qf.address(word.encode('ascii')).decode('ascii')), text, re.I) for word in words)
    except re.error:
        return
    assert (_selection._patterns('senders', words).match(text.encode('ascii')) is not None) == meant


def test_patterns_are_tried_on_a_bounded_text():
    assert not chosen({'status': 'end$'}, row(status=b'x' * 2000 + b'end'))
    assert chosen({'status': 'x{1000}'}, row(status=b'x' * 2000 + b'end'))
    assert chosen({'status': 'end$'}, row(status=b'x' * 900 + b'end'))


def counting(calls, found=True):
    class Pattern:
        @staticmethod
        def match(text):
            calls.append(text)
            return found or None

        search = match
    return Pattern()


class TestGuarded:
    @pytest.mark.parametrize('found', [True, False])
    def test_an_answer_is_remembered(self, found):
        calls = []
        guarded = _selection.Guarded('status', 'x', counting(calls, found))
        assert [guarded.match(text) for text in (b'a', b'b', b'a', b'b')] == [found] * 4
        assert calls == [b'a', b'b']

    def test_and_not_for_ever(self, monkeypatch):
        monkeypatch.setattr(_selection, '_REMEMBERED', 2)
        calls = []
        guarded = _selection.Guarded('status', 'x', counting(calls))
        for text in (b'a', b'b', b'a', b'c', b'c', b'a'):
            guarded.match(text)
        assert calls == [b'a', b'b', b'c', b'a']   # the third text found the memory full

    def test_the_first_kibibyte_counts(self):
        calls = []
        _selection.Guarded('status', 'x', counting(calls)).match(b'x' * 2000)
        assert calls == [b'x' * 1024]

    @pytest.mark.parametrize('found', [True, False])
    def test_another_thread_has_no_time_limit_and_the_same_answer(self, found):
        answers = []
        thread = threading.Thread(target=lambda: answers.append(_selection.Guarded('status', 'x', counting([], found)).match(b'a')))
        thread.start()
        thread.join()
        assert answers == [found]

    def test_many_texts_that_take_long_are_too_many(self, monkeypatch):
        """Each of a million hostile files can take just less than what one text may."""
        monkeypatch.setattr(_selection, '_ALL_SECONDS', 0.6)
        guarded, tried = _selection.Guarded('status', '(a|a)+b', re.compile(b'(a|a)+b')), 0
        with deadline(30), pytest.raises(_text.SendmailError, match='takes too long'):
            for number in range(1000):
                guarded.match(b'a' * 17 + b'%d' % number)
                tried += 1
        assert tried > 2

    def test_the_timer_and_the_handler_are_as_before(self):
        def mine(_signal, _frame):
            """Never called."""
        before = signal.signal(signal.SIGVTALRM, mine)
        try:
            _selection.Guarded('status', 'x', counting([])).match(b'a')
            assert signal.getsignal(signal.SIGVTALRM) is mine and signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)
        finally:
            signal.signal(signal.SIGVTALRM, before)


@pytest.mark.parametrize('select, by_name', [
    ({}, True), ({'ids': [ID]}, True), ({'states': list(_selection.STATES)}, True), ({'states': ['lost']}, False), ({'ids': [ID], 'status': 'x'}, False)])
def test_where_no_control_file_has_to_be_read(select, by_name):
    assert _selection.Selection(select, NOW).by_name is by_name


def test_a_message_without_a_data_file_is_not_larger_than_anything():
    assert not chosen({'larger_than': 0}, row(), None) and not chosen({'larger_than': 0}, row(), 0)
    assert chosen({'larger_than': 0}, row(), 1)
