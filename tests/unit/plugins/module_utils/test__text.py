# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
import json

import pytest
from ansible_collections.mailops.sendmail.plugins.module_utils import _text
from hypothesis import example, given
from hypothesis import strategies as st

# Random bytes seldom have what the escapes must be careful with.
ESCAPED = st.lists(st.sampled_from([b'\\', b'x', b'\\x', b'5c', b'\\x5c', b'00', b'\x00', b'\xc3', b'\xb6', b'\xff', b'a'])).map(b''.join)


@given(st.one_of(st.binary(), ESCAPED))
@example(b'\xed\xa0\x80')                              # half of a surrogate pair is no UTF-8
@example('\u202e\u2028\u00a0\u200b'.encode('utf-8'))   # direction, line separator, spaces that look like none
def test_printable_loses_nothing_and_is_printable(data):
    text = _text.printable(data)
    assert text.isprintable()
    assert _text.original_bytes(text) == data


@pytest.mark.parametrize('data, text', [
    (b'', ''),
    (b'alice@example.test', 'alice@example.test'),
    (b'b\xc3\xb6b', 'b\u00f6b'),
    (b'b\xf6b', r'b\xf6b'),
    (b'C:\\users', r'C:\users'),
    (b'\\x41', r'\x5cx41'),
    (b'\\xAB', r'\xAB'),
    (b'\x1b[31mred\r\n', r'\x1b[31mred\x0d\x0a'),
    (b'Return-Path: <\x81g>', r'Return-Path: <\x81g>'),
    ('\u202e'.encode('utf-8'), r'\xe2\x80\xae'),
    (b'\x7f\x00', r'\x7f\x00'),
])
def test_printable(data, text):
    assert _text.printable(data) == text


def test_original_bytes_takes_what_a_command_line_could_not_decode():
    assert _text.original_bytes(b'b\xf6b'.decode('utf-8', 'surrogateescape')) == b'b\xf6b'


@pytest.mark.parametrize('value, seconds', [
    ('90', 90), (90, 90), ('90s', 90), ('30m', 1800), ('2h', 7200), ('5d', 432000), ('1w', 604800), ('1d12h', 129600), (' 1h30m ', 5400),
    ('4H', 14400), ('0', 0), (0, 0),
])
def test_duration(value, seconds):
    assert _text.duration(value) == seconds


def test_duration_counts_a_bare_number_in_the_unit_asked_for():
    assert _text.duration('30', 'm') == 1800
    assert _text.duration('30s', 'm') == 30


@pytest.mark.parametrize('value, size', [
    ('500', 500), (500, 500), ('64K', 65536), ('64 KiB', 65536), ('1.5M', 1572864), ('2g', 2147483648), ('10kb', 10240), ('0', 0), ('7b', 7),
])
def test_size(value, size):
    assert _text.size(value) == size


BAD = ['', ' ', 'soon', '-1', '-5m', '1x', '5m!', 'm', None, True, '1h-', '9' * 5000, '9' * 13 + 'h', '1.5h', '1e3', '5 minutes']


@pytest.mark.parametrize('value', BAD, ids=lambda value: repr(value)[:12])
def test_what_is_no_duration(value):
    with pytest.raises(_text.SendmailError, match='is not a duration'):
        _text.duration(value)


@pytest.mark.parametrize('value', ['', ' ', 'big', '-1', '1T', '1..5K', '.5K', '5K!', 'K', None, '9' * 5000, '1.' + '9' * 5000],
                         ids=lambda value: repr(value)[:12])
def test_what_is_no_size(value):
    with pytest.raises(_text.SendmailError, match='is not a size'):
        _text.size(value)


@given(st.text('0123456789smhdwKMGiB. -x\u0665'), st.sampled_from([_text.duration, _text.size]))
def test_any_other_text_is_a_number_or_a_sentence(text, read):
    try:
        assert read(text) >= 0
    except _text.SendmailError as error:
        assert str(error).endswith('.')


def test_an_error_keeps_its_sentence_and_what_is_known():
    error = _text.SendmailError('No queue.', messages=3)
    assert (str(error), error.result) == ('No queue.', {'messages': 3})


@pytest.mark.parametrize('value', ['', 'mail', './mail', '/mail\n', '/mail\x1b[31m', '/\udc80', '/\x00', '/' + 'x' * 5000])
def test_a_path_that_is_not_absolute_or_cannot_be_printed_is_refused_with_its_option(value):
    _text.absolute('/caf\u00e9/a b', 'path')
    with pytest.raises(_text.SendmailError) as refused:
        _text.absolute(value, 'select.path')
    said = str(refused.value)
    assert said.startswith(f'select.path: {_text.shown(value)} is not an absolute path')
    assert said.isprintable()
    assert len(said) < 300


@pytest.mark.parametrize('value', ['\x1b[31m', 'a\nb', '\udc80', 'x' * 5000, '\u017f', ['\x1b'], None, -1])
def test_what_is_shown_is_printable_and_short(value):
    assert _text.shown(value).isprintable()
    assert len(_text.shown(value)) <= 100


@pytest.mark.parametrize('value', ['5\u017f', '\u0665m', '101y', '9' * 12 + 'w'])
def test_a_duration_is_in_ascii_and_bounded_where_a_user_gives_it(value):
    with pytest.raises(_text.SendmailError, match='^older_than: .* is not a duration'):
        _text.duration(value, option='older_than')
    assert _text.duration('9' * 12 + 'w') > 10 ** 15


def test_a_result_has_no_halves_of_characters():
    """Ansible refuses the whole of a result that is not UTF-8: "Refusing to deserialize"."""
    found = _text.sound({'a\udcff': ['b\udc80', ('c', 1, None)], 'whole': '\U0001f480\n'})
    assert found == {r'a\xff': [r'b\x80', ['c', 1, None]], 'whole': '\U0001f480\n'}


@pytest.mark.parametrize('arguments, text', [
    ((1, 'message'), '1 message'), ((0, 'message'), '0 messages'), ((2, 'message', ('is', 'are')), '2 messages are'), ((1, 'byte', ('is', 'are')), '1 byte is'),
    ((1, 'message', ('is', 'are'), 3), '1 of 3 messages is'), ((1, 'message', ('is', 'are'), 1), '1 of 1 message is'),
    ((2, 'message', ('is', 'are'), 3), '2 of 3 messages are')])
def test_a_count_in_a_sentence(arguments, text):
    assert _text.count(*arguments) == text


def test_a_result_moves_no_terminal():
    """Whatever a sentence has taken from a host: two lines of a diff and a table stay, ESC and the 8-bit CSI of a terminal do not."""
    given = {'msg': '/q\x1b[31m\x9b2J\x07: no', 'diff': 'a\tb\nc \xe4 \u20ac', 'list': ['\0\r\x7f', ('\udcff', 1, None, True)], 'k\x1b': 1.5}
    assert _text.sound(given) == {'msg': '/q\\x1b[31m\\x9b2J\\x07: no', 'diff': 'a\tb\nc \xe4 \u20ac', 'list': ['\\x00\\x0d\\x7f', ['\\xff', 1, None, True]],
                                  'k\\x1b': 1.5}


@given(st.one_of(st.binary(max_size=400), st.text(max_size=400)), st.integers(10, 200))
def test_shortened(value, room):
    text = _text.shortened(value, room)
    whole = value if isinstance(value, str) else None
    assert len(json.dumps(text)) - 2 <= room
    assert text == whole or text.endswith('...') or isinstance(value, bytes)
    if isinstance(value, bytes) and value.isalnum() and len(value) <= room:
        assert text == value.decode('ascii')


@pytest.mark.parametrize('text, values', [
    ('A="x";\nB=$A-y\nC="${A}z"; # comment\n', {'A': 'x', 'B': 'x-y', 'C': 'xz'}),
    ("A='it is'\n#B=1\nexport C=2\n", {'A': 'it is', 'C': '2'}),
    ('A=1\nB="open\nC=3\n', {'A': '1', 'C': '3'}),
    ('A="two\nlines"\nB=2', {'A': 'two\nlines', 'B': '2'}),
    ('A=$NONE.x\nif [ $A = 1 ]; then\n', {'A': '.x'}),
    ('A=1 # B=2\n', {'A': '1'}), ('A=1\nB="open\nC=3 # D=4\n', {'A': '1', 'C': '3'}),
    ('', {}),
])
def test_assignments(text, values):
    assert _text.assignments(text) == values


@given(st.text(max_size=30))
def test_no_assignments_raise(text):
    _text.assignments(text)
