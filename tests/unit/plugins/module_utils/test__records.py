# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
import collections
import hashlib
import json
import os
import stat

import pytest
from ansible_collections.mailops.sendmail.plugins.module_utils import _records, _selection, _spool, _text
from ansible_collections.mailops.sendmail.tests.unit import queue_samples

NOW = 1795450000
REFUSED = 'Deferred: Connection refused by [127.0.0.1]'
LOOKUP = 'host map: lookup (remote.example.test): deferred'
(CONTROL,) = queue_samples.sample('01').files.values()
# What a listing needs of a look at a host.
Look = collections.namedtuple('Look', 'now directories errors held partial')


def look_at(held=None, now=NOW, **patterns):
    queues, errors = {}, []
    for queue, pattern in patterns.items():
        queues[queue], wrong = _spool.directories([('mqueue', str(pattern))])
        errors.extend(dict(one, queue=queue) for one in wrong)
    return Look(now, queues, errors, held, False)


def listing(look, select=None, **options):
    return _records.Listing(look, _selection.Selection(select, look.now), **options)


def collect(path, select=None, **options):
    return listing(look_at(msp=path, held=options.pop('held', None)), select, **options).collect()


def put(path, name, data=CONTROL, body=b'body\n'):
    (path / name).write_bytes(data)
    if body is not None:
        (path / ('df' + name[2:])).write_bytes(body)


# --- the samples ---

@queue_samples.each_sample
def test_a_sample_gives_what_sendmail_listed(sample, tmp_path):
    result = collect(sample.write(tmp_path / 'q'), headers=['subject', 'Nothing'])
    listed = sample.listed()
    assert (result['matched'], result['total'], result['truncated'], result['errors']) == (len(listed), len(listed), False, [])
    assert sorted(one['id'] for one in result['messages']) == sorted(listed)
    for one in result['messages']:
        says = listed[one['id']]
        assert (one['size'], one['priority'], one['warning_sent']) == (says.size, says.priority, says.warned)
        assert one['sender'] == says.sender.strip('<>')
        assert (one['status'], one['body_type'] or '', one['quarantine_reason'] or '') == (says.status, says.body_type, says.quarantine_reason)
        assert one['state'] == ('queued' if 'qf' + one['id'] in sample.files else 'quarantined')
        addresses = [recipient['address'].encode('utf-8').decode('latin-1') for recipient in one['recipients']]
        if sample.name.startswith('32'):
            addresses = addresses[-1:]      # two had gone when it was listed
        assert addresses == [recipient.strip('<>') for recipient in says.recipients][:100]
        assert one['recipients_total'] >= len(says.recipients)
        assert one['age'] == NOW - one['created'] >= 0
        assert (one['problems'], one['locked'], one['queue'], one['directory']) == ([], None, 'msp', str(tmp_path / 'q'))
        assert set(one) == set(_records.FIELDS) | {'headers'}
        assert (len(one['headers']['subject']), one['headers']['Nothing']) == (1, [])
    json.dumps(result)


def recipient(address, flags='PFD', **others):
    return dict({'address': address, 'flags': flags, 'status': '', 'orcpt': None, 'notify': None}, **others)


TELLING = {     # by hand, from the files of 8.17.1.9
    '05': {'id': '6ANFSKdJ000336', 'created': 1795447700, 'age': 2300, 'last_attempt': 1795447700, 'attempts': 1, 'priority': 30033, 'size': 19,
           'sender': 'alice', 'user': 'alice', 'bounce': False, 'status': REFUSED, 'reason': 'connection_refused', 'flags': 'dns', 'body_type': None,
           'quarantine_reason': None, 'envid': 'ENVID-123+2Babc', 'warning_sent': False, 'state': 'queued', 'recipients_total': 1,
           'recipients': [recipient('bob', 'PNSFD', notify=['success', 'failure', 'delay'])]},
    '06': {'recipients': [recipient('bob', 'PN', notify=['never']), recipient('carol', 'PN', notify=['never'])]},
    '07': {'sender': 'alice@mail.example.test', 'created': 1795447932, 'last_attempt': 1795447936, 'envid': 'QQ314159', 'body_type': '7BIT', 'flags': 'ds',
           'recipients': [recipient('bob@mail.example.test', 'PNSF', notify=['success', 'failure'], orcpt='rfc822;Bob.Orig@example.test'),
                          recipient('carol@mail.example.test', 'PN', notify=['never']),
                          recipient('dave@mail.example.test', 'PFD', orcpt='rfc822;dave+2Bx@example.test')]},
    '03': {'sender': '', 'user': 'alice', 'bounce': True},
    '13': {'attempts': 6, 'created': 1795447709, 'last_attempt': 1795447714},
    '14': {'attempts': 0, 'last_attempt': None, 'status': '', 'reason': 'never_tried'},
    '15': {'attempts': 0, 'last_attempt': None, 'status': '', 'reason': 'never_tried'},
    '16': {'status': LOOKUP, 'reason': 'host_lookup'},
    '21': {'sender': 'MAILER-DAEMON', 'user': None, 'bounce': True, 'flags': 'rs', 'size': 1251},
    '26': {'reason': 'temporary_reply', 'recipients': [
        recipient('bob', status='Deferred: 450 4.7.1 <bob@mail.example.test>... try later please'),
        recipient('carol', status='Deferred: 450 4.7.1 <carol@mail.example.test>... try later please')]},
    '29': {'reason': 'mta_disk_full'},
    '36': {'sender': 'MAILER-DAEMON', 'bounce': True, 'flags': 'rns', 'status': '', 'reason': 'other', 'size': 1484},
    '47': {'recipients': [recipient('b\u00f6b@mail.example.test'), recipient('bob')]},
}


@pytest.mark.parametrize('number', sorted(TELLING))
def test_a_telling_sample(number, tmp_path):
    (one,) = collect(queue_samples.sample(number).write(tmp_path / 'q'))['messages']
    assert dict((key, one[key]) for key in TELLING[number]) == TELLING[number]


def test_quarantined_and_queued_side_by_side(tmp_path):
    path = queue_samples.sample('11').write(tmp_path / 'q')
    (held,) = collect(path, {'states': ['quarantined']})['messages']
    assert (held['state'], held['quarantine_reason'], held['size']) == ('quarantined', 'held by the lab, reason with spaces', 19)
    (queued,) = collect(path, {'states': ['queued']})['messages']
    assert (queued['state'], queued['quarantine_reason']) == ('queued', None)


def test_three_hundred_recipients_are_counted_and_a_hundred_listed(tmp_path):
    path = queue_samples.sample('41').write(tmp_path / 'q')
    (one,) = collect(path)['messages']
    assert (one['recipients_total'], len(one['recipients'])) == (300, 100)
    listing(look_at(msp=path)).write(str(tmp_path / 'list'))
    (line,) = (tmp_path / 'list').read_text().splitlines()
    assert [recipient['address'] for recipient in json.loads(line)['recipients']] == ['user%d' % number for number in range(1, 301)]


def test_headers(tmp_path):
    path = queue_samples.sample('10').write(tmp_path / 'q')
    (one,) = collect(path, headers=['FROM', 'Received', 'return-path', 'Bcc'], fields=['id'])['messages']
    assert sorted(one) == ['headers', 'id']
    assert one['headers']['FROM'] == ['"\u00c4lice \\"Q\\" O\'Hara" <alice>']
    assert one['headers']['return-path'] == [r'<\x81g>']
    assert one['headers']['Bcc'] == []
    assert one['headers']['Received'][0].startswith(r'(from alice@localhost)\x09by mail.example.test')
    assert 'headers' not in collect(path)['messages'][0]


# --- which ones, and in which order ---

def test_the_oldest_first_and_what_was_cut_is_said(tmp_path):
    for number in range(20):
        created = 1795447696 - number * 37 % 20
        put(tmp_path, 'qf6ANFSGLL%06d' % number, CONTROL.replace(b'\nT1795447696', b'\nT%d' % created))
    result = collect(tmp_path, limit=5)
    assert (result['matched'], result['total'], result['truncated']) == (20, 20, True)
    assert [one['created'] for one in result['messages']] == list(range(1795447677, 1795447682))
    assert collect(tmp_path, limit=20)['truncated'] is False
    none = collect(tmp_path, limit=0)
    assert (none['messages'], none['matched'], none['total'], none['truncated']) == ([], 20, 20, True)


def test_a_hundred_unless_told_otherwise(tmp_path):
    for number in range(101):
        put(tmp_path, 'qf6ANFSGLL%06d' % number)
    result = collect(tmp_path)
    assert (len(result['messages']), result['matched'], result['truncated']) == (100, 101, True)
    assert len(collect(tmp_path, limit=1000)['messages']) == 101


def test_a_limit_below_zero_is_refused(tmp_path):
    with pytest.raises(_text.SendmailError, match='limit: -1 is below 0'):
        collect(tmp_path, limit=-1)


def test_oldest_keeps_no_more_than_the_limit_and_reads_all():
    best, count = _records.oldest(iter(range(1000, 0, -1)), 3)
    assert (best, count) == ([1, 2, 3], 1000)
    assert _records.oldest(iter([]), 3) == ([], 0)
    assert _records.oldest(iter([5]), 0) == ([], 1)


def test_both_queues(tmp_path):
    for queue in ('msp', 'mta'):
        (tmp_path / queue).mkdir()
    put(tmp_path / 'msp', 'qf6ANFSGLL000002')
    put(tmp_path / 'mta', 'qf6ANFSGLL000001')
    result = listing(look_at(msp=tmp_path / 'msp', mta=tmp_path / 'mta')).collect()
    assert [(one['queue'], one['id'], one['directory']) for one in result['messages']] == [
        ('mta', '6ANFSGLL000001', str(tmp_path / 'mta')), ('msp', '6ANFSGLL000002', str(tmp_path / 'msp'))]
    assert (result['matched'], result['total']) == (2, 2)


def test_fields(tmp_path):
    put(tmp_path, 'qf6ANFSGLL000001')
    for fields in (['id'], ['age', 'recipients', 'reason'], list(_records.FIELDS)):
        (one,) = collect(tmp_path, fields=fields)['messages']
        assert set(one) == set(fields)
    assert set(collect(tmp_path)['messages'][0]) == set(_records.FIELDS)


def test_selecting_by_size_looks_at_the_data(tmp_path):
    put(tmp_path, 'qf6ANFSGLL000001', body=b'x' * 2000)
    put(tmp_path, 'qf6ANFSGLL000002', body=b'x' * 10)
    put(tmp_path, 'qf6ANFSGLL000003', body=None)
    result = collect(tmp_path, {'larger_than': '1K'})
    assert ([one['id'] for one in result['messages']], result['matched'], result['total']) == (['6ANFSGLL000001'], 1, 3)
    assert [one['size'] for one in collect(tmp_path)['messages']] == [2000, 10, None]


def test_locked(tmp_path):
    put(tmp_path, 'qf6ANFSGLL000001')
    put(tmp_path, 'qf6ANFSGLL000002')
    about = os.stat(str(tmp_path / 'qf6ANFSGLL000002'))
    held = {(about.st_dev, about.st_ino)}
    assert [one['locked'] for one in collect(tmp_path, held=held)['messages']] == [False, True]
    assert [one['locked'] for one in collect(tmp_path)['messages']] == [None, None]


# --- damaged, hostile, gone ---

def test_one_bad_file_is_one_record(tmp_path):
    (tmp_path / 'secret').write_bytes(b'root:secret\n')
    path = tmp_path / 'q'
    path.mkdir()
    put(path, 'qf6ANFSGLL000001')
    put(path, 'qf6ANFSGLL000002', b'')
    put(path, 'qf6ANFSGLL000003', CONTROL[:-2])
    put(path, 'qf6ANFSGLL000004', b'\xff\xd8\xff\xe0 a picture\n')
    put(path, 'hf6ANFSGLL000005', CONTROL.replace(b'V8', b'V9'))
    os.link(str(tmp_path / 'secret'), str(path / 'qf6ANFSGLL000006'))
    put(path, 'Qf6ANFSGLL000007', CONTROL.replace(b'\nFs', b'\nY99\nFs'))
    put(path, 'qf6ANFSGLL000008', CONTROL.replace(b'\nSalice', b''))
    result = collect(path)
    records = dict((one['id'][-1], one) for one in result['messages'])
    assert (result['matched'], result['total'], sorted(records)) == (8, 8, list('12345678'))
    assert dict((number, one['state']) for number, one in records.items()) == {
        '1': 'queued', '2': 'incomplete', '3': 'incomplete', '4': 'unreadable', '5': 'unreadable', '6': 'unreadable', '7': 'lost', '8': 'queued'}
    problems = dict((number, '; '.join(one['problems'])) for number, one in records.items())
    assert problems['1'] == ''
    assert 'final dot is missing' in problems['2'] and 'final dot is missing' in problems['3']
    assert 'unknown line' in problems['4'] and 'version 9' in problems['5'] and 'hard link' in problems['6']
    assert 'unknown line, Y99' in problems['7'] and 'no sender' in problems['8']
    assert (records['2']['created'], records['2']['reason'], records['2']['age']) == (None, None, None)
    assert (records['3']['created'], records['3']['sender']) == (records['1']['created'], 'alice')
    assert (records['8']['sender'], records['8']['bounce']) == (None, False)
    assert sorted(error['path'][-1] for error in result['errors']) == ['4', '5', '6']
    text = json.dumps(result)
    assert 'root:secret' not in text
    assert [one['id'] for one in collect(path, {'states': ['incomplete'], 'ids': ['6ANFSGLL000003']})['messages']] == ['6ANFSGLL000003']
    assert collect(path, {'states': ['unreadable'], 'senders': ['*']})['matched'] == 0


def test_everything_in_a_record_is_printable(tmp_path):
    evil = b'\x1b[31m\r\xe2\x80\xae\xff"\\x41'
    path = os.fsencode(str(tmp_path)) + b'/q\x1b]0;x\x07'
    os.mkdir(path)
    data = CONTROL.replace(b'\nSalice', b'\nS' + evil).replace(b'$_alice', b'$_' + evil).replace(b'\nRPFD:bob', b'\nQ' + evil + b'\nR' + evil + b':' + evil)
    data = data.replace(b'MDeferred', b'M' + evil).replace(b'\nFs', b'\nF' + evil).replace(b'\nA', b'\nZ' + evil + b'\nq' + evil + b'\nA')
    data = data.replace(b'H??Subject: ', b'H??Subject: ' + evil)
    for name in (b'qf\x1b[2J\xff', b'df\x1b[2J\xff'):
        with open(path + b'/' + name, 'wb') as file:
            file.write(data)
    result = collect(os.fsdecode(path), headers=['Subject'])

    def texts(value):
        if isinstance(value, dict):
            return [text for pair in value.items() for part in pair for text in texts(part)]
        if isinstance(value, list):
            return [text for part in value for text in texts(part)]
        return [value] if isinstance(value, str) else []
    assert all(text.isprintable() for text in texts(result))
    (one,) = result['messages']
    assert _text.original_bytes(one['id']) == b'\x1b[2J\xff'
    assert _text.original_bytes(one['directory']) == path
    for value in (one['sender'], one['user'], one['flags'], one['envid'], one['quarantine_reason'], one['recipients'][0]['address'],
                  one['recipients'][0]['orcpt'], one['recipients'][0]['flags']):
        assert _text.original_bytes(value) == evil
    json.dumps(result).encode('ascii')


def test_a_message_that_goes_before_it_is_read_is_left_out(tmp_path):
    put(tmp_path, 'qf6ANFSGLL000001')
    one = listing(look_at(msp=tmp_path))
    found = list(one.find())
    assert len(found) == 1
    (tmp_path / 'qf6ANFSGLL000001').unlink()
    assert _records.read(found[0], NOW) is None


def test_a_directory_that_goes_before_a_message_is_read(tmp_path):
    path = queue_samples.sample('01').write(tmp_path / 'q')
    (found,) = listing(look_at(msp=path)).find()
    for file in path.iterdir():
        file.unlink()
    path.rmdir()
    assert _records.read(found, NOW) is None


def test_a_message_replaced_by_something_else_before_it_is_read(tmp_path):
    put(tmp_path, 'qf6ANFSGLL000001')
    (found,) = listing(look_at(msp=tmp_path)).find()
    for make, problem in ((os.mkfifo, 'not a regular file'), (lambda path: os.symlink('/etc/passwd', path), 'symbolic links')):
        os.unlink(str(tmp_path / found.name))
        make(str(tmp_path / found.name))
        one = _records.read(found, NOW)
        assert (one['state'], one['created'], one['size'], one['sender']) == ('unreadable', None, 5, None)
        assert problem in one['problems'][0]
        assert set(one) == set(_records.FIELDS)


def test_a_directory_that_cannot_be_read_is_an_error_beside_the_others(tmp_path):
    for name in ('q1', 'q2'):
        (tmp_path / name).mkdir()
        put(tmp_path / name, 'qf6ANFSGLL000001')
    look = look_at(msp='%s/q*' % tmp_path, mta=tmp_path / 'nowhere')
    for file in (tmp_path / 'q1').iterdir():
        file.unlink()
    (tmp_path / 'q1').rmdir()
    result = listing(look).collect()
    assert (result['matched'], result['total']) == (1, 1)
    assert [error['path'] for error in result['errors']] == [str(tmp_path / 'nowhere'), str(tmp_path / 'q1')]


# --- to a file ---

def test_a_list_in_a_file(tmp_path):
    path = tmp_path / 'q'
    path.mkdir()
    for number in range(150):
        put(path, 'qf6ANFSGLL%06d' % number)
    target = tmp_path / 'list.jsonl'
    target.write_text('old')
    result = listing(look_at(msp=path), fields=['id', 'sender']).write(str(target))
    lines = target.read_bytes().splitlines()
    assert sorted(json.loads(line.decode('ascii'))['id'][-3:] for line in lines) == ['%03d' % number for number in range(150)]
    assert set(json.loads(lines[0].decode('ascii'))) == {'id', 'sender'}
    assert result['file'] == {'path': str(target), 'messages': 150, 'sha256': hashlib.sha256(target.read_bytes()).hexdigest()}
    assert (result['messages'], result['matched'], result['total'], result['truncated']) == ([], 150, 150, False)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert sorted(os.listdir(str(tmp_path))) == ['list.jsonl', 'q']


def test_a_limit_holds_for_a_file_too(tmp_path):
    path = tmp_path / 'q'
    path.mkdir()
    for number in range(10):
        put(path, 'qf6ANFSGLL%06d' % number, CONTROL.replace(b'\nT1795447696', b'\nT%d' % (1795447696 - number)))
    result = listing(look_at(msp=path), limit=3).write(str(tmp_path / 'list'))
    assert (result['matched'], result['truncated'], result['file']['messages']) == (10, True, 3)
    assert [json.loads(line)['id'][-1] for line in (tmp_path / 'list').read_text().splitlines()] == ['9', '8', '7']


def test_a_link_in_place_of_the_list_is_replaced_and_not_followed(tmp_path):
    (tmp_path / 'precious').write_text('precious')
    (tmp_path / 'list').symlink_to(tmp_path / 'precious')
    listing(look_at(msp=queue_samples.sample('01').write(tmp_path / 'q'))).write(str(tmp_path / 'list'))
    assert (tmp_path / 'precious').read_text() == 'precious'
    assert not (tmp_path / 'list').is_symlink()


@pytest.mark.skipif(os.geteuid() != 0, reason='links of two users')
@pytest.mark.parametrize('uid, written', [(0, True), (1000, False)])
def test_a_link_on_the_way_to_the_list_counts_where_root_has_made_it(tmp_path, uid, written):
    """Who owns a directory on the way could send root's file into a directory where every file means something."""
    (tmp_path / 'elsewhere').mkdir()
    (tmp_path / 'way').symlink_to(tmp_path / 'elsewhere')
    os.lchown(str(tmp_path / 'way'), uid, uid)
    one = listing(look_at(msp=queue_samples.sample('01').write(tmp_path / 'q')))
    if written:
        assert one.write(str(tmp_path / 'way' / 'list'))['file']['messages'] == 1
    else:
        with pytest.raises(_text.SendmailError, match='path: the list cannot be written.*a symbolic link that root has not made'):
            one.write(str(tmp_path / 'way' / 'list'))
    assert os.listdir(str(tmp_path / 'elsewhere')) == ['list'] * written


def test_a_directory_that_is_swapped_while_the_list_is_written(tmp_path, monkeypatch):
    for name in ('mine', 'elsewhere'):
        (tmp_path / name).mkdir()
    one = listing(look_at(msp=queue_samples.sample('01').write(tmp_path / 'q')))
    real = one._records

    def swapped(found, recipients_max):
        (tmp_path / 'mine').rename(tmp_path / 'old')
        (tmp_path / 'mine').symlink_to(tmp_path / 'elsewhere')
        yield from real(found, recipients_max)
    monkeypatch.setattr(one, '_records', swapped)
    one.write(str(tmp_path / 'mine' / 'list'))
    assert (os.listdir(str(tmp_path / 'elsewhere')), os.listdir(str(tmp_path / 'old'))) == ([], ['list'])


@pytest.mark.parametrize('limit', [None, 1])
def test_check_mode_counts_and_writes_nothing(tmp_path, limit):
    path = queue_samples.sample('18').write(tmp_path / 'q')
    result = listing(look_at(msp=path), limit=limit).write(str(tmp_path / 'list'), dry=True)
    assert (result['matched'], result['total'], result['truncated']) == (2, 2, limit == 1)
    assert 'file' not in result
    assert os.listdir(str(tmp_path)) == ['q']


def test_a_list_that_cannot_be_written_is_a_sentence_and_leaves_nothing(tmp_path):
    path = queue_samples.sample('01').write(tmp_path / 'q')
    with pytest.raises(_text.SendmailError, match='cannot be written to .*: No such file or directory'):
        listing(look_at(msp=path)).write(str(tmp_path / 'nowhere' / 'list'))
    (tmp_path / 'list').mkdir()
    with pytest.raises(_text.SendmailError, match='cannot be written to '):
        listing(look_at(msp=path)).write(str(tmp_path / 'list'))
    assert sorted(os.listdir(str(tmp_path))) == ['list', 'q']


# --- against what a generator wrote ---

@pytest.fixture(scope='module')
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp('made') / 'mqueue'
    truth = queue_samples.generator().generate(str(path), 300, seed=5, now=NOW, subdirectories=2, split=('df',), quarantined=30, lost=20, damage=1,
                                               debris_files=2, records=True)
    return path, truth


def as_written(one):
    """A record in the generator's words."""
    result = dict((key, one[key]) for key in ('id', 'state', 'created', 'attempts', 'priority', 'size', 'sender', 'bounce', 'status', 'flags', 'directory'))
    for key in ('user', 'body_type', 'quarantine_reason', 'envid'):
        result[key] = one[key] or ''
    result['last_attempt'] = one['last_attempt'] or 0
    result['reason'] = one['reason']
    result['recipients'] = [{'address': to['address'], 'status': to['status'], 'flags': to['flags'], 'orcpt': to['orcpt'] or ''} for to in one['recipients']]
    return result


@queue_samples.needs_generator
def test_every_record_is_what_was_written(made):
    path, truth = made
    look = look_at(msp='%s/q*' % path)
    result = listing(look, {'states': ['queued', 'quarantined', 'lost']}, limit=1000).collect()
    odd = set(one['id'] for one in truth['damaged'] + truth['missing_df'])
    found = [as_written(one) for one in result['messages'] if one['id'] not in odd]
    assert sorted(found, key=lambda one: one['id']) == sorted(truth['records'], key=lambda one: one['id'])
    assert [one['created'] for one in result['messages']] == sorted(one['created'] for one in result['messages'])
    missing = [one for one in result['messages'] if one['id'] in set(one['id'] for one in truth['missing_df'])]
    assert [one['size'] for one in missing] == [None, None]
    # What cannot be told from its name alone is counted as well, whichever states are asked for.
    everything = listing(look, limit=1000).collect()
    assert everything['matched'] == everything['total'] == 350 + 2 + 9
    states = collections.Counter(one['state'] for one in everything['messages'] if one['id'] in odd)
    assert states == {'queued': 2 + 3, 'incomplete': 3, 'unreadable': 3}


@queue_samples.needs_generator
@pytest.mark.parametrize('select, meant', [
    ({'states': ['queued'], 'reason': ['temporary_reply']}, lambda one: one['state'] == 'queued' and one['reason'] == 'temporary_reply'),
    ({'states': ['quarantined', 'lost'], 'senders': ['noreply-*']},
     lambda one: one['state'] != 'queued' and one['sender'].startswith('noreply-')),
    ({'states': ['lost'], 'larger_than': 1000}, lambda one: one['state'] == 'lost' and one['size'] > 1000),
    ({'older_than': '2d', 'status': 'refused'}, lambda one: NOW - one['created'] > 172800 and 'refused' in one['status']),
], ids=['reason', 'sender', 'size', 'age and status'])
@pytest.mark.parametrize('limit', [1, 7, 1000])
def test_the_oldest_of_what_is_meant(made, select, meant, limit):
    path, truth = made
    expected = sorted((one['created'], one['id']) for one in truth['records'] if meant(one))
    result = listing(look_at(msp='%s/q*' % path), select, limit=limit).collect()
    odd = set(one['id'] for one in truth['damaged'] + truth['missing_df'])
    found = [(one['created'], one['id']) for one in result['messages']]
    if limit == 1000:
        assert sorted(one for one in found if one[1] not in odd) == expected
        assert len(found) == result['matched']
    assert len(found) == min(limit, result['matched'])
    assert [created for created, _id in found] == sorted(created for created, _id in found)
    everything = listing(look_at(msp='%s/q*' % path), select, limit=1000).collect()['messages']
    assert found == [(one['created'], one['id']) for one in everything][:limit]
    assert len(expected) > 1
