# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from ansible_collections.mailops.sendmail.plugins.filter.flush_summary import flush_summary
from hypothesis import given
from hypothesis import strategies as st

RESULT = {'selected': 4, 'relayed': 2, 'bounced': 1, 'remaining': 1, 'untried': 0}


def rows(*arguments, **options):
    return [line.split() for line in flush_summary(*arguments, **options).splitlines()]


def test_a_run():
    found = rows({'web1': {'result': RESULT, 'message': ''}, 'web2': {'result': {}, 'message': 'No route to host'}, 'web3': {}})
    assert found[3:] == [['HOST', 'SELECTED', 'RELAYED', 'BOUNCED', 'REMAINING', 'UNTRIED'], ['web1', '4', '2', '1', '1', '0'],
                         ['web2', '?', '?', '?', '?', '?'], ['No', 'route', 'to', 'host'], ['web3', '?', '?', '?', '?', '?'],
                         ['it', 'was', 'not', 'reached'], ['1', 'of', '3', 'hosts', '4', '2', '1', '1', '0']]


def test_what_is_not_known_is_no_0_in_the_total():
    assert rows({'web1': {}, 'web2': {'result': {}, 'message': 'No route to host'}})[-1] == ['0', 'of', '2', 'hosts', *5 * '?']
    assert rows({'web1': {'result': RESULT, 'message': ''}, 'web2': {'result': RESULT, 'message': ''}})[-1][:3] == ['2', 'hosts', '8']


def test_every_line_adds_up():
    """What became of a message otherwise has a column where there is one; a run that was refused tried nothing."""
    refused = {'selected': 3, 'relayed': 0, 'bounced': 0, 'remaining': 0, 'quarantined': 0, 'lost': 0, 'taken': 0, 'untried': 3}
    found = rows({'web1': {'result': dict(RESULT, selected=7, taken=2, lost=1, quarantined=0), 'message': ''}, 'web2': {'result': refused, 'message': ''}})[3:]
    assert found[0] == ['HOST', 'SELECTED', 'RELAYED', 'BOUNCED', 'REMAINING', 'UNTRIED', 'LOST', 'TAKEN']
    assert found[1:] == [['web1', '7', '2', '1', '1', '0', '1', '2'], ['web2', '3', '0', '0', '0', '3', '0', '0'],
                         ['2', 'hosts', '10', '2', '1', '1', '3', '1', '2']]
    assert all(int(row[-7]) == sum(map(int, row[-6:])) for row in found[1:])


def test_check_mode_says_so_and_what_would_be_tried():
    found = rows({'web1': {'result': {'selected': 4, 'would_try': 3, 'relayed': 0}, 'message': ''}}, check=True)
    assert found[0] == ['Flush', '(check', 'mode,', 'nothing', 'was', 'run)']
    assert found[3:] == [['HOST', 'SELECTED', 'WOULD', 'TRY'], ['web1', '4', '3']]


@given(st.text(), st.text(min_size=1))
def test_names_are_whole_and_text_is_data(text, host):
    name = 'a' * 50 + host
    shown = flush_summary({name: {'result': RESULT, 'message': text}})
    assert all(line.isprintable() for line in shown.split('\n'))
    assert any('a' * 50 in line for line in shown.split('\n'))
