# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The records beside what Sendmail itself lists, the files written, and what hostile names become."""
import hashlib
import json

import pytest


@pytest.fixture(name='kept', scope='module')
def fixture_kept(host):
    """{name: content} of what the play wrote down on the host, in one call."""
    return json.loads(host.check_output('cd /root && python3 -c "import glob, json; print(json.dumps({name[:-5]: json.load(open(name)) '
                                        'for name in glob.glob(\'*.json\')}))"'))


@pytest.fixture(name='records')
def fixture_records(kept):
    return {record['id']: record for record in kept['everything']['messages']}


def by_subject(kept):
    """{subject: id} of the messages that queue_lab made."""
    return {subject: identifier for state in ('queued', 'quarantined', 'lost') for identifier, subject in kept[state].items() if subject}


def test_every_message_is_there_in_its_state(kept, records):
    for state in ('queued', 'quarantined', 'lost'):
        assert {identifier for identifier, record in records.items() if record['state'] == state} == set(kept[state])
    assert (len(kept['queued']), len(kept['quarantined']), len(kept['lost'])) == (13, 1, 1)


def test_oldest_first(kept):
    created = [record['created'] for record in kept['everything']['messages']]
    assert created == sorted(created)


def test_as_sendmail_lists_them(kept, records):
    listed = kept['verbose']
    assert set(listed) == set(kept['queued'])
    for identifier, (mark, size, priority, sender, recipients, status) in listed.items():
        record = records[identifier]
        assert (record['size'], record['priority']) == (size, priority)
        assert record['sender'] == ('' if sender in ('<>', 'MAILER-DAEMON') else sender)
        assert record['locked'] is (mark == '*')
        assert record['status'] == status
        assert record['recipients_total'] == len(recipients)
        if identifier != odd(kept):
            assert [one['address'] for one in record['recipients']] == recipients


def odd(kept):
    (found,) = [entry['id'] for entry in kept['headers']['messages'] if entry['headers']['X-Folded']]
    return found


def test_fields(kept, records):
    record = records[by_subject(kept)['waits-1']]
    assert (record['queue'], record['directory']) == ('msp', '/var/spool/mqueue-client')
    assert (record['sender'], record['user'], record['bounce']) == ('alice', 'alice', False)
    assert (record['attempts'], record['reason']) == (1, 'connection_refused')
    assert record['created'] <= record['last_attempt']
    assert 0 <= record['age'] < 3600
    assert record['recipients'] == [{'address': name, 'status': '', 'flags': 'PFD', 'orcpt': None, 'notify': None} for name in ('bob', 'carol')]
    assert record['problems'] == []


def test_never_tried(kept, records):
    record = records[by_subject(kept)['never-1']]
    assert (record['attempts'], record['last_attempt'], record['status'], record['reason']) == (0, None, '', 'never_tried')


def test_null_sender(kept, records):
    record = records[by_subject(kept)['bounce-1']]
    assert record['sender'] == ''
    assert record['bounce']


def test_what_was_asked_for(kept, records):
    record = records[by_subject(kept)['asked-1']]
    assert sorted(record['recipients'][0]['notify']) == ['delay', 'success']
    assert record['envid'] == 'mine'


def test_quarantined(kept, records):
    assert records[by_subject(kept)['aside-1']]['quarantine_reason'] == 'for the test'


def test_headers_are_printable_and_lose_nothing(kept):
    headers = {entry['id']: entry['headers'] for entry in kept['headers']['messages']}
    assert headers[by_subject(kept)['waits-1']] == {'subject': ['waits-1'], 'X-Folded': []}
    (subject,) = headers[odd(kept)]['subject']
    assert subject == r'odd \x1b[2J \xff\x80 ' + '\u00df'
    assert headers[odd(kept)]['X-Folded'] in (['one\\x09two'], ['one two'])
    assert 'headers' not in kept['everything']['messages'][0]


def test_a_backslash_in_an_address(kept, records):
    (recipient,) = records[odd(kept)]['recipients']
    assert recipient['address'].isprintable()
    assert recipient['address'].endswith('@localhost')
    assert recipient['address'].replace('\\x5c', '\\') in (r'b\x41b@localhost', 'bx41b@localhost')


def test_file(host, kept):
    told = kept['written']['file']
    found = host.file('/root/messages.jsonl')
    assert (found.user, found.group, found.mode) == ('root', 'root', 0o600)
    text = found.content
    assert hashlib.sha256(text).hexdigest() == told['sha256']
    records = [json.loads(line) for line in text.splitlines()]
    assert len(records) == told['messages'] == 15
    assert {record['id'] for record in records} == {record['id'] for record in kept['everything']['messages']}
    assert all(line.isascii() for line in text.decode().splitlines())
    assert host.check_output('ls -A /root').count('messages.jsonl') == 1   # no temporary file is left


def test_hostile_names(kept):
    result = kept['hostile']
    by_id = {record['id']: record for record in result['messages']}
    text = json.dumps(result, ensure_ascii=False)
    assert '\x1b' not in text
    assert 'root:' not in text
    assert by_id['6AAAAAAA000001']['state'] == 'unreadable'
    assert 'names' in by_id['6AAAAAAA000001']['problems'][0]
    assert not {'6AAAAAAA000002', '6AAAAAAA000003', '6AAAAAAA000004'} & set(by_id)
    assert by_id['6AAAAAAA000005']['state'] == 'incomplete'
    assert by_id['6AAAAAAA000006']['state'] in ('unreadable', 'incomplete')
    assert sum(record['state'] == 'incomplete' for record in result['messages']) >= 2
    assert any('no sender' in problem for record in result['messages'] for problem in record['problems'])
    # Sound ones are listed as before.
    assert sum(record['state'] == 'queued' and not record['problems'] for record in result['messages']) == 10
