# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.mailops.sendmail.plugins.filter.run_dangers import run_dangers
from ansible_collections.mailops.sendmail.plugins.module_utils._flush import REMEDIES

ACCESS = {'id': 'hosts_access', 'title': 'TCP wrappers keep this host from the MTA', 'fix': {'text': 'Let it in.'}}

MOVED = 'The role mailops.sendmail.sendmail_remediate moves such messages into an archive.'


def refused(kind, ids=('6ARBw3Sj003555',), messages=1):
    return {'msg': 'refused', 'selected': 1, 'refusals': [{'kind': kind, 'text': 'there is no data file', 'remedy': REMEDIES.get(kind, 'Do it.'),
                                                           'ids': list(ids), 'messages': messages}]}


@pytest.mark.parametrize('kind', sorted(set(REMEDIES) - {'file_system'}))
def test_what_a_run_would_harm_is_named_with_its_remedy(kind):
    assert run_dangers(refused(kind)) == ['6ARBw3Sj003555: there is no data file. %s' % REMEDIES[kind], MOVED]
    assert run_dangers(refused(kind, messages=3))[0].startswith('6ARBw3Sj003555 and 2 more: ')
    assert run_dangers(refused(kind, ids=(), messages=0)) == ['there is no data file. %s' % REMEDIES[kind]]


@pytest.mark.parametrize('result', [{'changed': False, 'selected': 4}, refused('file_system'), refused('relay_is_silent')])
def test_what_harms_no_mail_is_no_danger(result):
    assert run_dangers(result) == []


@pytest.mark.parametrize('young, dangers', [(True, 0), (False, 1)])
def test_a_rewrite_that_may_be_going_on_is_no_danger(young, dangers):
    result = refused('temporary')
    result['refusals'][0]['young'] = young
    assert len(run_dangers(result)) == 2 * dangers


def test_what_could_not_be_looked_at_is_a_danger():
    assert run_dangers({'msg': 'Only root can run a queue.'}) == ['Only root can run a queue.']


@pytest.mark.parametrize('causes, queued, found', [([ACCESS], 1, 1), ([ACCESS], 0, 0), ([dict(ACCESS, id='mta_down')], 1, 0), ([], 1, 0)])
def test_what_returns_mail_is_a_danger_where_mail_waits(causes, queued, found):
    assert len(run_dangers({'selected': 0}, {'causes': causes, 'messages': {'queued': queued}})) == found


# In check mode the steps before have fixed nothing yet. None of them reaches another host.
@pytest.mark.parametrize('kind, relay, dangers', [
    ('recipients', {'this_host': False}, 1), ('relay', {'this_host': False}, 1),
    ('recipients', {'this_host': True}, 0), ('relay', {'this_host': True}, 0), ('relay', {'this_host': None}, 0), ('relay', None, 0),
    ('no_data', {'this_host': False}, 1), ('no_data', None, 1), ('damaged', None, 1), ('temporary', None, 1),
    ('permissions', {'this_host': False}, 0), ('directory', None, 0), ('unreadable', None, 0)])
def test_check_mode_names_what_no_step_fixes(kind, relay, dangers):
    assert len(run_dangers(refused(kind, ids=(), messages=0), check=True, relay=relay, prepares=True)) == dangers
    # Where no step puts owners and modes right, as with tags that leave the role sendmail_msp out, a run would be refused for them.
    assert len(run_dangers(refused(kind, ids=(), messages=0), check=True, relay=relay)) == (dangers or kind in ('permissions', 'directory', 'unreadable'))
    # What would be moved out of the way, as the role sendmail_remediate does, is none any more.
    elsewhere = kind in ('relay', 'recipients')
    assert len(run_dangers(refused(kind, ids=(), messages=0), check=True, relay=relay, moves=True, prepares=True)) == dangers * elsewhere


def test_check_mode_leaves_the_rest_to_the_run():
    assert run_dangers({'msg': 'Only root can run a queue.'}, check=True, relay={'this_host': False}) == []
    assert run_dangers({'selected': 0}, {'causes': [ACCESS], 'messages': {'queued': 1}}, check=True, relay={'this_host': False}) == []


# What cannot be examined is not well: a guard that asked and got no answer does not let pass.
@pytest.mark.parametrize('diagnosis, said', [
    ({'failed': True, 'msg': 'It was killed.'}, ['It was killed.']), ({'unreachable': True}, ['The mail could not be examined.']), (None, []),
    ({'causes': [], 'messages': {'queued': 1}}, [])])
def test_a_diagnosis_that_failed_lets_nothing_pass(diagnosis, said):
    assert run_dangers({'selected': 0, 'refusals': []}, diagnosis) == said
    assert run_dangers({'selected': 0, 'refusals': []}, diagnosis, check=True) == []


# Postfix on the port refuses mail of strangers, or is one; that the body of a message is gone has nothing to do with it.
@pytest.mark.parametrize('kind, dangers', [('relay', 0), ('recipients', 0), ('no_data', 1), ('permissions', 1)])
def test_what_is_stopped_before_the_run_answers_nothing(kind, dangers):
    assert len(run_dangers(refused(kind, ids=(), messages=0), replaces=True)) == dangers
