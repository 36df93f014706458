# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger: every message of the start has a place at the end, also after interruptions."""
import json
import os
import types

import pytest
from ansible_collections.mailops.sendmail.plugins.module_utils import _ledger, _spool, _text

QF = b'V8\nT1795440000\nK%d\nN%d\nP30018\n%bFs\n$_alice@localhost\nSalice\nRPFD:bob\nH??Subject: t\n.\n'
REFUSED = b'MDeferred: Connection refused by [127.0.0.1]\n'
NOW = 1795447696


def identifier(number):
    return '6ANFSGLL%06d' % number


@pytest.fixture
def spool(tmp_path, monkeypatch):
    """Two queues and a place for the ledger."""
    monkeypatch.setattr(_ledger, '_LOG_DELAY', 0)
    queues = {}
    for name in ('msp', 'mta'):
        path = str(tmp_path / name)
        os.mkdir(path)
        queues[name] = [_spool.QueueDirectory('mqueue', path, path, path, path, False)]
    return types.SimpleNamespace(look=types.SimpleNamespace(directories=queues, errors=[], now=NOW), at=str(tmp_path / 'ledger'), root=tmp_path)


def put(spool, number, queue='msp', prefix='qf', status=REFUSED, attempts=1):
    (spool.root / queue / (prefix + identifier(number))).write_bytes(QF % (NOW if attempts else 0, attempts, status))


def leave(spool, number, queue='msp', prefix='qf'):
    (spool.root / queue / (prefix + identifier(number))).unlink()


def opened(spool, **given):
    return _ledger.opened(spool.at, spool.look, **given)


def closed(spool, lines=(), archived=None, **given):
    def log(_since):
        return [line if isinstance(line, tuple) else (line, True) for line in lines]
    return _ledger.closed(spool.at, spool.look, moved_out=lambda since: archived or {}, log=log, **given)


def places(result):
    return {place: count for place, count in result['places'].items() if count}


def ledger(result):
    with open(result['file']['path']) as stream:
        return {entry['id']: entry for entry in map(json.loads, stream)}


class TestLedger:
    @pytest.mark.parametrize('room, words', [
        ({}, None), ({'blocks_free': 0}, 'No space left on device. Name another directory, or make room.'), ({'read_only': True}, 'Read-only file system'),
        # A few bytes are missing, as in a directory of 256 KiB that is full but for one block; proc has no blocks at all.
        ({'block_size': 1, 'blocks_free': 60}, 'No space left'), ({'blocks': 0, 'blocks_free': 0}, None)])
    def test_check_mode_says_where_there_is_no_room_for_the_list(self, spool, monkeypatch, room, words):
        put(spool, 1)
        about = dict({'read_only': False, 'blocks': 1000, 'blocks_free': 10, 'block_size': 4096}, **room)
        asked = []
        monkeypatch.setattr(_ledger._filesystem, 'under', lambda path: asked.append(path) or about)
        if words:
            with pytest.raises(_text.SendmailError, match=words):
                opened(spool, dry=True)
        else:
            assert opened(spool, dry=True)['messages'] == 1
        assert asked == [str(spool.root)] and not os.path.exists(spool.at)

    def test_every_message_has_a_place(self, spool):
        for number in range(9):
            put(spool, number)
        put(spool, 20, 'mta')
        put(spool, 21, prefix='hf')
        assert opened(spool) == {'messages': 11, 'resumed': False, 'errors': []}
        record = _ledger.Record(os.path.join(spool.at, _ledger.OUTCOMES))
        record.add('msp', identifier(0), 'relayed')
        record.add('msp', identifier(1), 'bounced')
        record.add('msp', identifier(2), 'remaining', reason='other', status='x')
        for number in (0, 1, 2, 3, 4, 5):
            leave(spool, number)
        os.rename(str(spool.root / 'msp' / ('qf' + identifier(6))), str(spool.root / 'msp' / ('hf' + identifier(6))))
        os.rename(str(spool.root / 'msp' / ('qf' + identifier(7))), str(spool.root / 'msp' / ('Qf' + identifier(7))))
        result = closed(spool, [
            b'%s: to=bob, ctladdr=alice (1000/1000), dsn=2.0.0, stat=Sent (6ANM Message accepted for delivery)' % identifier(3).encode(),
            b'%s: 6ANFSGLL000099: DSN: User unknown' % identifier(4).encode()], {'msp ' + identifier(5): '/var/backups/x'})
        assert places(result) == {'relayed': 2, 'bounced': 2, 'waiting': 2, 'quarantined': 2, 'lost': 1, 'archived': 1, 'gone': 1}
        assert result['messages'] == 11
        assert result['reasons'] == {'connection_refused': 2}
        found = ledger(result)
        assert {identifier(number): found[identifier(number)].get('by') for number in (0, 1, 3, 4)} == {
            identifier(0): 'run', identifier(1): 'run', identifier(3): 'log', identifier(4): 'log'}
        assert found[identifier(8)] == {'queue': 'msp', 'id': identifier(8), 'created': found[identifier(8)]['created'], 'place': 'waiting',
                                        'reason': 'connection_refused', 'status': 'Deferred: Connection refused by [127.0.0.1]'}
        assert found[identifier(5)]['archive'] == '/var/backups/x'
        assert [entry['id'] for entry in result['entries']] == [entry['id'] for entry in found.values() if entry['place'] != 'relayed']
        assert sorted(os.listdir(spool.at)) == [os.path.basename(result['file']['path'])]
        assert os.stat(result['file']['path']).st_mode & 0o777 == 0o600
        assert os.stat(spool.at).st_mode & 0o777 == 0o700

    def test_nothing_moved_leaves_nothing_behind(self, spool):
        put(spool, 1)
        opened(spool)
        result = closed(spool)
        assert (result['file'], places(result)) == (None, {'waiting': 1})
        assert os.listdir(spool.at) == []

    def test_an_interrupted_run_is_accounted_for_by_the_next(self, spool):
        for number in (1, 2):
            put(spool, number)
        opened(spool)
        _ledger.Record(os.path.join(spool.at, _ledger.OUTCOMES)).add('msp', identifier(1), 'relayed')
        leave(spool, 1)
        put(spool, 3)
        with open(os.path.join(spool.at, _ledger.OUTCOMES), 'a') as stream:
            stream.write('{"id": "cut sh')
        spool.look.now += 500
        assert opened(spool) == {'messages': 3, 'resumed': True, 'errors': []}
        leave(spool, 3)
        result = closed(spool)
        assert places(result) == {'relayed': 1, 'waiting': 1, 'gone': 1}
        assert result['started'] == NOW

    def test_opened_twice_is_the_same_list(self, spool):
        put(spool, 1)
        opened(spool)
        before = (spool.root / 'ledger' / _ledger.START).read_bytes()
        opened(spool)
        assert (spool.root / 'ledger' / _ledger.START).read_bytes() == before

    def test_closed_without_a_list(self, spool):
        put(spool, 1, attempts=0, status=b'')
        result = closed(spool)
        assert (result['file'], places(result), result['reasons']) == (None, {'waiting': 1}, {'never_tried': 1})

    def test_dry(self, spool):
        put(spool, 1)
        assert opened(spool, dry=True)['messages'] == 1
        assert closed(spool, dry=True)['messages'] == 1
        assert not os.path.exists(spool.at)

    def test_what_cannot_be_read_is_named_all_the_same(self, spool):
        (spool.root / 'msp' / ('qf' + identifier(1))).write_bytes(b'\x00garbage')
        (spool.root / 'msp' / 'qf\x1b[31m').write_bytes(b'')
        opened(spool)
        result = closed(spool)
        assert places(result) == {'waiting': 2}
        assert result['reasons'] == {'damaged': 2}
        assert {entry['id'] for entry in result['entries']} == {identifier(1), '\\x1b[31m'}

    def test_a_place_that_others_can_write_to_is_refused(self, spool):
        os.mkdir(spool.at)
        os.chmod(spool.at, 0o777)
        with pytest.raises(_text.SendmailError, match='nobody else can write'):
            opened(spool)

    def test_a_link_is_refused(self, spool):
        os.symlink(str(spool.root / 'msp'), spool.at)
        with pytest.raises(_text.SendmailError, match='has to be a directory'):
            opened(spool)

    def test_a_place_that_cannot_be_made(self, spool):
        spool.at = str(spool.root / 'file' / 'ledger')
        (spool.root / 'file').write_bytes(b'')
        with pytest.raises(_text.SendmailError, match='cannot be written'):
            opened(spool)

    def test_many(self, spool):
        for number in range(3000):
            put(spool, number)
        opened(spool)
        for number in range(2500):
            leave(spool, number)
        result = closed(spool)
        assert places(result) == {'waiting': 500, 'gone': 2500}
        assert len(result['entries']) == 100
        assert result['truncated']
        assert len(ledger(result)) == 3000


def test_no_archive(tmp_path):
    assert _ledger.archived(str(tmp_path / 'none'), NOW) == _ledger.archived(str(tmp_path), NOW) == {}


@pytest.mark.parametrize('line, fate', [
    (b'%s: to=bob, dsn=2.0.0, stat=Sent (ok)', 'relayed'),
    (b'Nov 23 15:09:00 host sm-msp-queue[12]: %s: to=bob, dsn=2.0.0, stat=Sent (ok)', 'relayed'),
    (b'Nov  3 15:09:00 host sm-msp[12]: %s: to=bob, dsn=2.0.0, stat=Sent (ok)', 'relayed'),
    (b'2026-11-23T15:09:00.1+00:00 host our-mail[12]: %s: to=bob, dsn=2.0.0, stat=Sent (ok)', 'relayed'),
    (b'%s: to=bob, dsn=4.4.1, stat=Deferred: Connection refused by [127.0.0.1]', None),
    (b'%s: to="x, dsn=2.0.0, stat=Sent"@x, dsn=4.4.1, stat=Deferred: Connection refused by [127.0.0.1]', None),
    (b'h x[1]: 6ANFSGLL000077: from="y]: %s: to=bob, dsn=2.0.0, stat=Sent "@x, size=3', None),
    (b'%s: 6ANFSGLL000099: DSN: User unknown', 'bounced'),
    (b'%s: 6ANFSGLL000099: return to sender: User unknown', 'bounced'),
    (b'%s: 6ANFSGLL000099: sender notify: Cannot send message for 5 days', 'bounced'),
    (b'%s: 6ANFSGLL000099: DSN: Return receipt', None),
    (b'%s: 6ANFSGLL000099: sender notify: Return receipt', None),
    (b'%s: 6ANFSGLL000099: sender notify: Warning: could not send message for past 4 hours', None),
    (b'%s: 6ANFSGLL000099: postmaster notify: User unknown', None),
    (b'%s: from=alice, size=20, class=0, nrcpts=1', None),
])
def test_the_log(line, fate):
    one = identifier(1)
    for trusted in (True, False):
        assert _ledger.logged([(line % one.encode(), trusted)], {one}).get(one) == (fate and (fate, trusted))
    assert _ledger.logged([(line % one.encode(), True)], set()) == {}


def test_a_bounce_for_one_recipient_counts():
    one = identifier(1).encode()
    lines = [one + b': to=bob, dsn=2.0.0, stat=Sent', one + b': 6ANFSGLL000099: DSN: User unknown', one + b': to=carol, dsn=2.0.0, stat=Sent']
    assert _ledger.logged([(line, True) for line in lines], {identifier(1)}) == {identifier(1): ('bounced', True)}


def test_what_is_proved_counts_before_what_is_claimed():
    one = identifier(1).encode()
    sent, bounced = one + b': to=bob, dsn=2.0.0, stat=Sent', one + b': 6ANFSGLL000099: DSN: User unknown'
    for lines in ([(bounced, False), (sent, True)], [(sent, True), (bounced, False)]):
        assert _ledger.logged(lines, {identifier(1)}) == {identifier(1): ('relayed', True)}
    assert _ledger.logged([(sent, False), (bounced, False)], {identifier(1)}) == {identifier(1): ('bounced', False)}


def test_a_claim_is_called_one(spool):
    put(spool, 1)
    opened(spool)
    leave(spool, 1)
    line = b'Nov 23 15:09:00 host sm-msp-queue[12]: %s: to=bob, dsn=2.0.0, stat=Sent' % identifier(1).encode()
    result = closed(spool, [(line, False)])
    assert places(result) == {'claimed': 1}
    assert result['entries'] == [{'queue': 'msp', 'id': identifier(1), 'created': result['entries'][0]['created'], 'place': 'claimed',
                                  'claim': 'relayed', 'by': 'log'}]


def test_debris_in_the_same_base(tmp_path, monkeypatch):
    """A part with debris has lines without an id; one that is damaged takes nothing of the others with it."""
    manifests = {'1': [{'path': '/q/tfx', 'kind': 'tf'}, {'queue': 'msp', 'id': 'A'}], '2': None, '3': [{'queue': 'mta', 'id': 'B'}]}

    def members(part):
        lines = manifests[os.path.basename(part)]
        if lines is None:
            raise EOFError('cut short')
        yield types.SimpleNamespace(name='manifest.jsonl'), [json.dumps(line).encode() for line in lines]
    monkeypatch.setattr(_ledger._archive, 'parts', lambda base: [str(tmp_path / name) for name in manifests])
    monkeypatch.setattr(_ledger._archive, 'members', members)
    for name in manifests:
        (tmp_path / name).touch()
    assert _ledger.archived(str(tmp_path), 0) == {'msp A': str(tmp_path), 'mta B': str(tmp_path)}


class TestRecord:
    def test_a_cut_line_takes_no_other_with_it(self, tmp_path):
        path = tmp_path / 'outcomes'
        path.write_bytes(b'{"id": "A", "outc')
        _ledger.Record(str(path)).add('msp', 'B', 'relayed')
        assert [entry['id'] for entry in _ledger._lines(str(path))] == ['B']

    def test_a_full_disk_is_remembered(self):
        record = _ledger.Record('/dev/full')
        record.add('msp', 'B', 'relayed')
        record.add('msp', 'C', 'relayed')
        assert record.error == 'No space left on device'


@pytest.mark.skipif(os.geteuid() != 0, reason='a file belongs to somebody else')
@pytest.mark.parametrize('spoil', ['owner', 'mode', 'hard link', 'fifo', 'link'])
def test_outcomes_are_not_written_to_what_others_have_put_there(tmp_path, spoil):
    """As in /tmp, where anybody can be there first."""
    path, other = str(tmp_path / 'outcomes.jsonl'), str(tmp_path / 'other')
    with open(other, 'w'):
        pass
    if spoil == 'fifo':
        os.mkfifo(path)
    elif spoil == 'link':
        os.symlink(other, path)
    elif spoil == 'hard link':
        os.link(other, path)
    else:
        os.rename(other, path)
        os.chown(path, 12345, -1) if spoil == 'owner' else os.chmod(path, 0o666)
    with pytest.raises(_text.SendmailError, match='path: the outcomes cannot be written'):
        _ledger.Record(path).add('msp', 'B', 'relayed')
    assert not os.path.exists(other) or not os.path.getsize(other)
