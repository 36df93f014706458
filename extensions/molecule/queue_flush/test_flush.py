# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A flush of 200 messages, every one accounted for by its id: in the result, on the disk, and in the mailboxes exactly once."""
import json

import pytest

KINDS = ('good', 'both', 'late', 'bad', 'aside', 'held')


@pytest.fixture(name='kept', scope='module')
def fixture_kept(host):
    """{name: content} of what the play wrote down on the host, in one call."""
    return json.loads(host.check_output('cd /root && python3 -c "import glob, json; print(json.dumps({name[:-5]: json.load(open(name)) '
                                        'for name in glob.glob(\'*.json\')}))"'))


@pytest.fixture(name='truth')
def fixture_truth(kept):
    """{kind: {id: subject}}, written down when the messages were submitted."""
    return {kind: kept[kind]['new'] for kind in KINDS}


@pytest.fixture(name='result')
def fixture_result(kept):
    return kept['result']


def listed(result, outcome):
    return sorted(entry['id'] for entry in result['outcomes'].get(outcome, []))


def test_there_were_200(truth):
    counts = {kind: len(messages) for kind, messages in truth.items()}
    assert counts == {'good': 85, 'both': 88, 'late': 20, 'bad': 5, 'aside': 1, 'held': 1}


def test_result_names_every_message_once(truth, result):
    assert listed(result, 'relayed') == sorted([*truth['good'], *truth['both']])
    assert listed(result, 'bounced') == sorted(truth['bad'])
    assert listed(result, 'remaining') == sorted(truth['late'])
    assert listed(result, 'taken') == sorted(truth['held'])
    assert set(result['outcomes']) == {'relayed', 'bounced', 'remaining', 'taken'}


def test_counts_agree(result):
    counts = {name: result[name] for name in ('selected', 'relayed', 'bounced', 'remaining', 'taken', 'quarantined', 'lost', 'untried')}
    assert counts == {'selected': 199, 'relayed': 173, 'bounced': 5, 'remaining': 20, 'taken': 1, 'quarantined': 0, 'lost': 0, 'untried': 0}
    assert result['changed']
    assert result['reasons'] == {'temporary_reply': 20}
    assert not result['stopped'] and not result['truncated']


def test_reasons_are_told(result):
    for entry in result['outcomes']['remaining']:
        assert entry['status'].startswith('Deferred: 450 4.7.1 '), entry
        assert entry['reason'] == 'temporary_reply'
        assert (entry['recipients'], entry['recipients_done']) == (1, 0)
    for entry in result['outcomes']['bounced']:
        assert entry['errors'] == ['nosuchuser... User unknown']


def test_disk_agrees(kept, truth):
    arrived = kept['arrived']
    assert len(arrived) == 10
    assert kept['queued'] == {**truth['late'], **truth['held'], **arrived}
    assert kept['quarantined'] == truth['aside']
    names = [path.rpartition('/')[2] for path in kept['disk'] if path.startswith('/var/spool/mqueue-client/') and path[-1] != '/']
    stays = [*truth['late'], *truth['held'], *arrived]
    assert sorted(names) == sorted(['qf' + one for one in stays] + ['df' + one for one in stays]
                                   + ['hf' + one for one in truth['aside']] + ['df' + one for one in truth['aside']])


def test_mail_of_the_flush_arrived_once(kept, truth):
    mail = kept['mail']
    assert sorted(subject for subject, _inner in mail['bob']) == sorted([*truth['good'].values(), *truth['both'].values()])
    assert sorted(subject for subject, _inner in mail['carol']) == sorted(truth['both'].values())
    # The reports about what bounced: one for each, and alice has nothing else.
    assert sorted(inner for _subject, inner in mail['alice']) == sorted([subject] for subject in truth['bad'].values())


def test_everything_else_arrived_once_in_the_end(kept, truth):
    mail = kept['mail_at_last']
    assert sorted(subject for subject, _inner in mail['bob']) == sorted([*truth['good'].values(), *truth['both'].values(), *truth['late'].values()])
    assert sorted(subject for subject, inner in mail['alice'] if not inner) == sorted([*truth['held'].values(), *kept['arrived'].values()])
    assert kept['queued_at_last'] == {}
