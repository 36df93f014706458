# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger: every message of the start has a place at the end, also after interruptions."""
import contextlib
import hashlib
import json
import os
import types

import pytest
from ansible_collections.mailops.sendmail.plugins.module_utils import _archive, _cf, _fates, _ledger, _qf, _spool, _text

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
    look = types.SimpleNamespace(directories=queues, errors=[], now=NOW, configurations={'msp': _cf.parse(b''), 'mta': None})
    return types.SimpleNamespace(look=look, at=str(tmp_path / 'ledger'), root=tmp_path)


def put(spool, number, queue='msp', prefix='qf', status=REFUSED, attempts=1):
    (spool.root / queue / (prefix + identifier(number))).write_bytes(QF % (NOW if attempts else 0, attempts, status))


def leave(spool, number, queue='msp', prefix='qf'):
    (spool.root / queue / (prefix + identifier(number))).unlink()


def opened(spool, **given):
    return _ledger.opened(spool.at, spool.look, **given)


def closed(spool, lines=(), archived=None, **given):
    def log(_since, _wanted):
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
        record = _fates.Record(os.path.join(spool.at, _ledger.OUTCOMES))
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

    @pytest.mark.parametrize('outcomes', [['relayed'], ['bounced'], ['relayed', 'untried'], ['untried', 'relayed']])
    @pytest.mark.parametrize('rest, created, groups, waits', [
        ('qf6ANFSHLL000900', 1795440000, b'Qg1, r=1', True),        # split_by_recipient(): the time of the old one, an id of the run
        ('qf6ANFSHLL000900', 1795440001, b'Qg1, r=1', False), ('qf6ANFSHLL000900', 1795440000, b'', False),
        ('qf6ANFSFLL000900', 1795440000, b'Qg1, r=1', False),
        (None, 1795440000, b'Qg1, r=1', False)])                    # it has left since
    def test_a_message_waits_while_its_rest_does(self, spool, monkeypatch, outcomes, rest, created, groups, waits):
        passed = iter(range(100))       # the clock of the machine may be a second further than that of the day, by rounding
        monkeypatch.setattr(_ledger.time, 'monotonic', lambda: 1000 + min(1, next(passed)))
        spool.look.configurations['msp'] = _cf.parse(groups)
        spool.look.now = _qf.created_by_id('6ANFSGLL000001', NOW) + 1
        put(spool, 1)
        put(spool, 2)
        opened(spool)
        record = _fates.Record(os.path.join(spool.at, _ledger.OUTCOMES))
        for outcome in outcomes:
            record.add('msp', identifier(1), outcome, **({'created': 1795440000} if outcome != 'untried' else {'status': 'split'}))
        leave(spool, 1)
        if rest:
            (spool.root / 'msp' / rest).write_bytes((QF % (NOW, 1, REFUSED)).replace(b'1795440000', b'%d' % created))
        result = closed(spool)
        fate = [outcome for outcome in outcomes if outcome != 'untried'][0]
        assert places(result) == ({'waiting': 2} if waits else {fate: 1, 'waiting': 1})
        assert result['reasons'] == {'connection_refused': 1 + waits}, rest

    def test_who_came_in_the_same_second_is_nobodys_rest(self, spool):
        spool.look.configurations['msp'] = _cf.parse(b'Qg1, r=1')
        spool.look.now = NOW - 9999
        for number in (1, 2):
            name = '6ANFSGLL%06d' % number
            (spool.root / 'msp' / ('qf' + name)).write_bytes((QF % (NOW, 1, REFUSED)).replace(b'1795440000', b'%d' % _qf.created_by_id(name, NOW)))
        opened(spool)
        _fates.Record(os.path.join(spool.at, _ledger.OUTCOMES)).add('msp', identifier(1), 'relayed', created=_qf.created_by_id(identifier(1), NOW))
        leave(spool, 1)
        assert places(closed(spool)) == {'relayed': 1, 'waiting': 1}

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
        _fates.Record(os.path.join(spool.at, _ledger.OUTCOMES)).add('msp', identifier(1), 'relayed')
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

    @pytest.mark.parametrize('set_back, passed, since', [(0, 60, NOW), (3600, 60, NOW - 3600), (3600, -60, NOW - 3540 - 940), (-3600, 60, NOW)])
    def test_a_clock_that_is_set_meanwhile(self, spool, monkeypatch, set_back, passed, since):
        """An archive that was written since then has an earlier time; C(passed) below 0 is a start of the machine in between."""
        put(spool, 1)
        monkeypatch.setattr(_ledger.time, 'monotonic', lambda: 1000)
        opened(spool)
        leave(spool, 1)
        monkeypatch.setattr(_ledger.time, 'monotonic', lambda: 1000 + passed)
        spool.look.now += abs(passed) - set_back
        asked = []
        done = _ledger.closed(spool.at, spool.look, moved_out=lambda since: asked.append(since) or {}, log=lambda since, _wanted: asked.append(since) or [])
        assert (set(asked), done['started']) == ({since}, NOW)

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
        with pytest.raises(_text.SendmailError, match='must be a directory'):
            opened(spool)

    def test_a_place_that_cannot_be_made(self, spool):
        spool.at = str(spool.root / 'file' / 'ledger')
        (spool.root / 'file').write_bytes(b'')
        with pytest.raises(_text.SendmailError, match='cannot hold the ledger'):
            opened(spool)

    @pytest.mark.skipif(os.geteuid() != 0, reason='a link of somebody else')
    @pytest.mark.parametrize('uid, made', [(0, True), (1000, False)])
    def test_a_link_on_the_way(self, spool, uid, made):
        """Whoever made one has chosen where root writes, reads and unlinks."""
        put(spool, 1)
        os.makedirs(str(spool.root / 'elsewhere' / 'ledger'))
        (spool.root / 'elsewhere' / 'ledger' / _ledger.START).write_bytes(b'')
        os.symlink(str(spool.root / 'elsewhere'), str(spool.root / 'way'))
        os.lchown(str(spool.root / 'way'), uid, uid)
        for last in ('ledger', 'new'):
            spool.at = str(spool.root / 'way' / last)
            if made:
                assert opened(spool)['messages'] == 1 and closed(spool)['messages'] == 1
            else:
                for work in (opened, closed):
                    with pytest.raises(_text.SendmailError, match='cannot hold the ledger'):
                        work(spool)
        assert os.listdir(str(spool.root / 'elsewhere' / 'ledger')) == ([] if made else [_ledger.START])
        if not made:
            with pytest.raises(_text.SendmailError, match='a symbolic link that root has not made'):
                _fates.Record(str(spool.root / 'way' / 'outcomes'))
            assert os.listdir(str(spool.root / 'elsewhere')) == ['ledger']

    @pytest.mark.skipif(os.geteuid() != 0, reason='a directory of somebody else')
    def test_a_directory_below_somebody_elses(self, spool):
        os.makedirs(str(spool.root / 'home' / 'ledger'), 0o700)
        os.chown(str(spool.root / 'home'), 1000, 1000)
        spool.at = str(spool.root / 'home' / 'ledger')
        with pytest.raises(_text.SendmailError, match='those on the way to it'):
            opened(spool)

    @pytest.mark.parametrize('end', ['', '/', '/.'])
    def test_what_is_made_is_for_root_alone_and_what_is_above_it_to_be_read(self, spool, end):
        """FreeBSD has no /var/lib; what its ports put there later others have to find."""
        before = os.umask(0)
        try:
            spool.at = str(spool.root / 'one' / 'two') + end
            opened(spool, dry=True)
            assert not (spool.root / 'one').exists()
            opened(spool)
        finally:
            os.umask(before)
        assert [os.stat(str(spool.root / name)).st_mode & 0o777 for name in ('one', 'one/two')] == [0o755, 0o700]

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
    # RFC 5424, 6: "syslogd -O rfc5424" of FreeBSD, and RSYSLOG_SyslogProtocol23Format, where the text begins with a blank.
    (b'<22>1 2026-11-23T15:09:00.123456+00:00 host sm-mta 12 - - %s: to=bob, dsn=2.0.0, stat=Sent (ok)', 'relayed'),
    (b'<22>1 2026-11-23T15:09:00.123456+00:00 host sm-mta 12 - -  %s: to=bob, dsn=2.0.0, stat=Sent (ok)', 'relayed'),
    (b'<22>1 2026-11-23T15:09:00+00:00 host x 1 - - 6ANFSGLL000077: from=1 - - %s: to=bob, dsn=2.0.0, stat=Sent', None),
    (b'%s: to=bob, dsn=4.4.1, stat=Deferred: Connection refused by [127.0.0.1]', None),
    (b'%s: to="x, dsn=2.0.0, stat=Sent"@x, dsn=4.4.1, stat=Deferred: Connection refused by [127.0.0.1]', None),
    # What the other host answers stands behind the status of 8.17 twice (logdelivery() in deliver.c), and has an address of the sender in it.
    (b'%s: to=bob, dsn=4.1.8, stat=Deferred: 451 4.1.8 Domain of sender address "x, dsn=2.0.0, stat=Sent"@x does not resolve', None),
    (b'%s: to=bob, dsn=4.1.8, reply=451 4.1.8 "x, dsn=2.0.0, stat=Sent (ok)"@x, stat=Deferred: 451 4.1.8 "x, dsn=2.0.0, stat=Sent (ok)"@x', None),
    (b'%s: to=bob, dsn=5.6.0, reply=554 5.6.0 x, dsn=2.0.0, stat=Sent, stat=Data format error', None),
    (b'%s: to=bob, dsn=2.0.0, stat=Sent (x, stat=Deferred)', None), (b'%s: to=bob, dsn=2.0.0, stat=Sentenced', None),
    (b'%s: to=bob, dsn=2.0.0, stat=Sent\n', 'relayed'),
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


def test_a_recipient_who_still_waits():
    """What is sent to one of two is not relayed; the order of a run's lines is that of its mailers."""
    one = identifier(1).encode()
    sent, later = one + b': to=%s, delay=00:00:01, dsn=2.0.0, stat=Sent (ok)', one + b': to=%s, ctladdr=a (1/1), delay=00:00:01, dsn=4.4.1, stat=Deferred: x'
    for lines, fate in (([sent % b'bob', later % b'carol'], None), ([later % b'carol', sent % b'bob'], None),
                        ([later % b'carol', sent % b'bob', sent % b'carol'], 'relayed'), ([later % b'bob,carol', sent % b'bob', sent % b'carol'], 'relayed'),
                        ([later % b'bob,carol', sent % b'carol'], None), ([later % b'bob, [more]', sent % b'carol'], None),
                        ([later % b'bob, [more]', later % b'carol', sent % b'carol, [more]', sent % b'bob'], 'relayed'),
                        ([later % b'bob', one + b': to=bob, delay=1, dsn=5.1.1, stat=User unknown', sent % b'carol'], 'relayed'),
                        ([sent % b'bob', later % b'carol', one + b': 6ANFSGLL000099: DSN: Cannot send message for 5 days'], 'bounced')):
        for trusted in (True, False):
            assert _ledger.logged([(line, trusted) for line in lines], {identifier(1)}) == ({identifier(1): (fate, trusted)} if fate else {})
    # A claim takes no proof away.
    assert _ledger.logged([(sent % b'bob', True), (later % b'bob', False)], {identifier(1)}) == {identifier(1): ('relayed', True)}


def test_what_is_proved_counts_before_what_is_claimed():
    one = identifier(1).encode()
    sent, bounced = one + b': to=bob, dsn=2.0.0, stat=Sent', one + b': 6ANFSGLL000099: DSN: User unknown'
    for lines in ([(bounced, False), (sent, True)], [(sent, True), (bounced, False)]):
        assert _ledger.logged(lines, {identifier(1)}) == {identifier(1): ('relayed', True)}
    assert _ledger.logged([(sent, False), (bounced, False)], {identifier(1)}) == {identifier(1): ('bounced', False)}


def test_only_lines_about_what_is_meant_are_kept():
    one, other = (_ledger._Of({identifier(number)}) for number in (1, 2))
    for line in (b': to=bob, dsn=2.0.0, stat=Sent', b': to=bob, dsn=4.0.0, stat=Deferred', b': 6ANFSGLL000099: DSN: User unknown'):
        assert one.search(identifier(1).encode() + line) and not other.search(identifier(1).encode() + line)
    assert not one.search(identifier(1).encode() + b': from=alice, size=20') and not one.search(b'')


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
    manifests = {'1': [{'path': '/q/tfx', 'kind': 'tf', 'queue': 'msp'}, {'queue': 'msp', 'id': 'A', 'files': [{'name': 'a'}]}], '2': None,
                 '3': [{'queue': 'mta', 'id': 'B', 'files': [{'name': 'df'}, {'name': 'b'}]}], '4': [{'queue': 'mta', 'id': 'C'}]}

    def members(part):
        lines = manifests[os.path.basename(part)]
        if lines is None:
            raise EOFError('cut short')
        yield types.SimpleNamespace(name='manifest.jsonl'), [json.dumps(line).encode() for line in lines]

    @contextlib.contextmanager
    def opened(part):
        yield types.SimpleNamespace(members=lambda: members(part))
    monkeypatch.setattr(_ledger._archive, 'parts', lambda base: [str(tmp_path / name) for name in manifests])
    monkeypatch.setattr(_ledger._archive, 'Part', opened)
    monkeypatch.setattr(_ledger._archive, 'removed', lambda part: {'a', 'b'})
    for name in manifests:
        (tmp_path / name).touch()
    assert _ledger.archived(str(tmp_path), 0) == {'msp A': str(tmp_path), 'mta B': str(tmp_path)}


class TestRecord:
    def test_a_cut_line_takes_no_other_with_it(self, tmp_path):
        path = tmp_path / 'outcomes'
        path.write_bytes(b'{"id": "A", "outc')
        _fates.Record(str(path)).add('msp', 'B', 'relayed')
        assert [entry['id'] for entry in _ledger._lines(str(path))] == ['B']

    def test_a_full_disk_is_remembered(self):
        record = _fates.Record('/dev/full')
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
        _fates.Record(path).add('msp', 'B', 'relayed')
    assert not os.path.exists(other) or not os.path.getsize(other)


class TestWhoseFilesTheseAre:
    @pytest.mark.parametrize('mode, trusted', [(0o700, True), (0o755, True), (0o720, False), (0o702, False)])
    def test_the_directory(self, tmp_path, mode, trusted):
        place = tmp_path / 'ledger'
        assert _ledger._check_directory(str(place)) is False
        place.mkdir()
        place.chmod(mode)
        if trusted:
            assert _ledger._check_directory(str(place)) is True
        else:
            with pytest.raises(_text.SendmailError, match='cannot hold the ledger'):
                _ledger._check_directory(str(place))

    def test_a_link_and_a_file_are_none(self, tmp_path):
        (tmp_path / 'link').symlink_to(tmp_path)
        (tmp_path / 'file').write_bytes(b'')
        for name in ('link', 'file'):
            with pytest.raises(_text.SendmailError, match='cannot hold the ledger'):
                _ledger._check_directory(str(tmp_path / name))

    @pytest.mark.parametrize('mode, trusted', [(0o600, True), (0o644, True), (0o755, True), (0o620, False), (0o602, False)])
    def test_the_outcomes(self, tmp_path, mode, trusted):
        path = tmp_path / 'outcomes'
        path.write_bytes(b'')
        path.chmod(mode)
        if trusted:
            os.close(_fates.Record(str(path)).descriptor)
        else:
            with pytest.raises(_text.SendmailError, match='not one of root that only root can write to'):
                _fates.Record(str(path))

    def test_outcomes_with_two_names_or_none(self, tmp_path):
        path = tmp_path / 'outcomes'
        path.write_bytes(b'')
        os.link(str(path), str(tmp_path / 'other'))
        os.mkfifo(str(tmp_path / 'fifo'))
        for name in ('outcomes', 'fifo'):
            with pytest.raises(_text.SendmailError, match='not one of root'):
                _fates.Record(str(tmp_path / name))
        with pytest.raises(_text.SendmailError, match='No such file'):
            _fates.Record(str(tmp_path / 'not' / 'there'))


class TestLines:
    @pytest.mark.parametrize('before, begin', [(b'', b''), (b'{}\n', b''), (b'{"cut', b'\n'), (b'\n\nx', b'\n')])
    def test_a_line_begins_where_a_line_begins(self, tmp_path, before, begin):
        path = tmp_path / 'outcomes'
        path.write_bytes(before)
        path.chmod(0o600)
        record = _fates.Record(str(path))
        for number in (1, 2):
            record.add('msp', identifier(number), 'relayed')
        os.close(record.descriptor)
        assert path.read_bytes() == before + begin + b''.join(
            b'{"id": "%s", "outcome": "relayed", "queue": "msp"}\n' % identifier(number).encode() for number in (1, 2))

    @pytest.mark.parametrize('write, error', [(lambda _descriptor, line: len(line) - 1, 'No space left on device'), (None, 'Input/output error')])
    def test_after_an_error_nothing_more_is_written(self, tmp_path, monkeypatch, write, error):
        record = _fates.Record(str(tmp_path / 'outcomes'))
        calls = []

        def writing(descriptor, line):
            calls.append(line)
            if write is None:
                raise OSError(5, 'Input/output error')
            return write(descriptor, line)
        with monkeypatch.context() as patch:
            patch.setattr(os, 'write', writing)
            record.add('msp', identifier(1), 'relayed')
            record.add('msp', identifier(2), 'relayed')
        os.close(record.descriptor)
        assert (record.error, len(calls)) == (error, 1)


def test_when_a_message_was_made_is_in_its_id(spool):
    """assign_queueid() in queue.c: year, month, day, hour, minute and second of GMT, each a digit of base 60: 2026-11-23 15:28:16."""
    put(spool, 1)
    assert [one['created'] for one in closed(spool)['entries']] == [1795447696]
    opened(spool)
    with open(os.path.join(spool.at, _ledger.START)) as stream:
        assert [json.loads(line).get('created') for line in stream] == [None, 1795447696]


def test_a_result_lists_so_many_entries_and_says_when_there_are_more(spool, monkeypatch):
    for number in (1, 2, 3):
        put(spool, number)
    for listed, truncated in ((2, True), (3, False)):
        monkeypatch.setattr(_ledger, 'LISTED', listed)
        result = closed(spool)
        assert (len(result['entries']), result['truncated'], result['messages']) == (listed, truncated, 3)


def test_a_status_is_cut_at_300_characters(spool):
    put(spool, 1, status=b'M' + b'x' * 400 + b'\n')
    assert [one['status'] for one in closed(spool)['entries']] == ['x' * 300]


def test_of_a_list_that_was_open_nothing_is_listed_twice(spool):
    put(spool, 1)
    opened(spool)
    put(spool, 2)
    assert opened(spool)['messages'] == 2
    with open(os.path.join(spool.at, _ledger.START)) as stream:
        assert [json.loads(line).get('id') for line in stream] == [None, identifier(1), identifier(2)]


def test_a_directory_without_a_list_resumes_nothing(spool):
    os.mkdir(spool.at, 0o700)
    put(spool, 1)
    assert opened(spool) == {'messages': 1, 'resumed': False, 'errors': []}
    assert closed(spool, dry=True)['places']['waiting'] == 1
    assert os.path.exists(os.path.join(spool.at, _ledger.START))


class TestArchived:
    def archive(self, base, number, removed=True, **more):
        with _archive.Writer(str(base), 'removed', {}) as writer:
            writer.begin()
            name = b'msp/q/qf' + identifier(number).encode()
            writer.add(name, os.stat(str(base)), b'')
            writer.record(dict({'queue': 'msp', 'id': identifier(number)}, **more))
            writer.record({'why': 'debris'})
            writer.commit()
            if removed:
                writer.removed([name])
            return os.path.join(writer.path, '0001.tar.gz')

    def test_what_was_written_since_then(self, tmp_path):
        part = self.archive(tmp_path / 'base', 1)
        written = os.stat(part).st_mtime
        assert _ledger.archived(str(tmp_path / 'base'), written + 5) == {'msp ' + identifier(1): os.path.dirname(part)}
        assert _ledger.archived(str(tmp_path / 'base'), written + 6) == {}

    def test_not_what_was_still_in_the_queue(self, tmp_path):
        """A run that was ended behind the archive and before the queue: what it has archived is delivered from the queue."""
        self.archive(tmp_path / 'base', 1, removed=False)
        part = self.archive(tmp_path / 'base', 2)
        assert _ledger.archived(str(tmp_path / 'base'), 0) == {'msp ' + identifier(2): os.path.dirname(part)}

    def test_control_files_that_were_taken_out_as_debris(self, tmp_path):
        """One that was cut short was listed as a message; its data file, and what a rewrite left, were not."""
        with _archive.Writer(str(tmp_path / 'base'), 'debris', {}) as writer:
            writer.begin()
            names = [prefix + identifier(number) for number, prefix in enumerate(('qf', 'hf', 'tf', 'df', 'qf'))]
            for name in names:
                writer.add(b'debris/msp/q/' + name.encode(), os.stat(str(tmp_path)), b'')
                writer.record({'path': '/q/' + name, 'kind': 'incomplete', 'queue': 'msp'})
            writer.commit()
            writer.removed([b'debris/msp/q/' + name.encode() for name in names[:4]])
            path = writer.path
        assert _ledger.archived(str(tmp_path / 'base'), 0) == {'msp ' + identifier(number): path for number in (0, 1)}

    def test_not_what_came_back(self, tmp_path):
        part = self.archive(tmp_path / 'base', 1)
        with open(part + '.restored', 'wb') as stream:
            stream.write(identifier(1).encode() + b'\n')
        os.chmod(part + '.restored', 0o600)
        assert _ledger.archived(str(tmp_path / 'base'), 0) == {}

    def test_a_damaged_part_hides_no_other(self, tmp_path):
        first = self.archive(tmp_path / 'base', 1)
        second = self.archive(tmp_path / 'base', 2)
        for damaged, sound, number in ((first, second, 2), (second, first, 1)):
            with open(damaged, 'rb') as stream:
                kept = stream.read()
            with open(damaged, 'wb') as stream:
                stream.write(b'no archive')
            assert _ledger.archived(str(tmp_path / 'base'), 0) == {'msp ' + identifier(number): os.path.dirname(sound)}
            with open(damaged, 'wb') as stream:
                stream.write(kept)

    def test_a_part_that_is_damaged_behind_its_manifest_names_nothing(self, tmp_path):
        """RFC 1952: the checksum stands in the last eight bytes. Such a part is not restored, so nothing is safe in it."""
        with _archive.Writer(str(tmp_path / 'base'), 'removed', {}) as writer:
            writer.begin()
            names = [b'msp/q/qf' + identifier(number).encode() for number in range(400)]     # as many as a part has: what is read at once is less
            for number, name in enumerate(names):
                writer.add(name, os.stat(str(tmp_path)), b'')
                writer.record({'queue': 'msp', 'id': identifier(number), 'subject': 'x' * 100})
            writer.commit()
            writer.removed(names)
            part = os.path.join(writer.path, '0001.tar.gz')
        assert len(_ledger.archived(str(tmp_path / 'base'), 0)) == 400
        with open(part, 'r+b') as stream:
            stream.seek(-8, os.SEEK_END)
            checksum = stream.read(1)
            stream.seek(-8, os.SEEK_END)
            stream.write(bytes([checksum[0] ^ 1]))
        assert _ledger.archived(str(tmp_path / 'base'), 0) == {}

    def test_a_part_that_goes_away_meanwhile(self, tmp_path, monkeypatch):
        part = self.archive(tmp_path / 'base', 1)
        monkeypatch.setattr(_ledger._archive, 'parts', lambda base: [str(tmp_path / 'gone'), part])
        assert _ledger.archived(str(tmp_path / 'base'), 0) == {'msp ' + identifier(1): os.path.dirname(part)}

    def test_none(self, tmp_path):
        assert _ledger.archived(str(tmp_path / 'gone'), 0) == {} == _ledger.archived(str(tmp_path), 0)


def test_whose_log_lines_are_trusted(spool, monkeypatch):
    """Those of root, of the client's account and of the MTA's, written by Sendmail itself."""
    asked = []
    look = spool.look
    look.submitter, look.accounts, look.program = {'uid': 105}, {'smmta': {'uid': 106}}, {'sendmail': '/usr/sbin/sendmail'}
    look.layout = types.SimpleNamespace(mta_user='smmta')
    monkeypatch.setattr(_ledger._look, 'look', lambda level: look)
    monkeypatch.setattr(_ledger._log, 'entries', lambda since, *rest: asked.append((since, rest[-2], rest[-1])) or [])
    put(spool, 1)
    parameters = {'directory': spool.at, 'archive': str(spool.root / 'none')}
    assert _ledger.keep(dict(parameters, state='opened'), False) == {'messages': 1, 'resumed': False, 'errors': [], 'changed': False}
    leave(spool, 1)
    assert _ledger.keep(dict(parameters, state='closed'), True)['places']['gone'] == 1
    look.accounts, look.submitter, look.program = {}, {'uid': None}, {'sendmail': None}
    assert _ledger.keep(dict(parameters, state='closed'), True)['changed'] is False
    assert asked == [(NOW, {'/usr/sbin/sendmail'}, {0, 105, 106}), (NOW, set(), {0})]


def test_the_file_says_how_many_it_names_and_proves_it(spool):
    for number in (1, 2):
        put(spool, number)
    opened(spool)
    leave(spool, 1)
    file = closed(spool)['file']
    with open(file['path'], 'rb') as stream:
        data = stream.read()
    assert (file['messages'], file['sha256'], data.count(b'\n')) == (2, hashlib.sha256(data).hexdigest(), 2)


@pytest.mark.parametrize('missing, said', [(None, ['/q: Permission denied']), ('Sendmail is not installed.', ['Sendmail is not installed.'])])
def test_what_could_not_be_looked_at_is_said(spool, monkeypatch, missing, said):
    monkeypatch.setattr(_ledger._look, 'absence', lambda look: missing)
    spool.look.errors = [{'path': '/q', 'error': 'Permission denied'}]
    put(spool, 1)
    assert opened(spool)['errors'] == said == closed(spool)['errors']


@pytest.mark.parametrize('there', [True, False])
def test_check_mode_needs_as_much_room_as_the_list_takes(spool, monkeypatch, there):
    for number in (1, 2):
        put(spool, number)
    opened(spool)
    size = os.path.getsize(os.path.join(spool.at, _ledger.START))
    os.unlink(os.path.join(spool.at, _ledger.START))
    if not there:
        os.rmdir(spool.at)
    about, asked = {'read_only': False, 'blocks': 1000, 'blocks_free': size, 'block_size': 1}, []
    monkeypatch.setattr(_ledger._filesystem, 'under', lambda path: asked.append(path) or about)
    assert opened(spool, dry=True)['messages'] == 2
    about['blocks_free'] -= 1
    with pytest.raises(_text.SendmailError, match='No space left'):
        opened(spool, dry=True)
    assert set(asked) == {spool.at if there else str(spool.root)}


@pytest.mark.parametrize('wrong', ['gone', 'in the look'])
def test_nothing_is_called_gone_that_may_lie_where_nobody_can_look(spool, wrong, monkeypatch):
    """A file system that is not mounted at the end: the list stays, and with the queue all messages are there again."""
    monkeypatch.setattr(_ledger._look, 'absence', lambda look: None)
    for number, queue in ((1, 'msp'), (2, 'msp'), (3, 'mta')):
        put(spool, number, queue)
    opened(spool)
    leave(spool, 3, 'mta')
    os.rename(str(spool.root / 'msp'), str(spool.root / 'elsewhere'))
    kept = spool.look.directories['msp']
    if wrong == 'in the look':
        spool.look.directories['msp'], spool.look.errors = [], [{'queue': 'msp', 'path': str(spool.root / 'msp'), 'error': 'No such file or directory'}]
    with pytest.raises(_text.SendmailError, match='Not all of the msp queue can be read.* 6ANFSGLL00000[12] is still in it: .*No such file.*The list is kept'):
        closed(spool)
    assert os.listdir(spool.at) == [_ledger.START]
    # What is known all the same is enough, and so is the other queue.
    lines = [b'%s: to=bob, dsn=2.0.0, stat=Sent' % identifier(number).encode() for number in (1, 2)]
    assert places(closed(spool, lines, dry=True)) == {'relayed': 2, 'gone': 1}
    os.rename(str(spool.root / 'elsewhere'), str(spool.root / 'msp'))
    spool.look.directories['msp'], spool.look.errors = kept, []
    assert places(closed(spool)) == {'waiting': 2, 'gone': 1}


def test_a_directory_that_cannot_be_read_is_named_and_hides_no_other(spool):
    gone = str(spool.root / 'gone')
    spool.look.directories['msp'].insert(0, _spool.QueueDirectory('mqueue', gone, gone, gone, gone, False))
    put(spool, 1)
    for result in (opened(spool), closed(spool)):
        assert (result['messages'], result['errors']) == (1, [gone + ': No such file or directory'])
    assert closed(spool)['reasons'] == {'connection_refused': 1}


@pytest.mark.parametrize('lines, dry, reads', [([], False, 2), ([], True, 1), ([b'to=bob, dsn=2.0.0, stat=Sent'], False, 1)])
def test_the_log_is_read_again_where_it_may_be_about_to_be_written(spool, lines, dry, reads):
    put(spool, 1)
    opened(spool)
    leave(spool, 1)
    asked = []
    _ledger.closed(spool.at, spool.look, dry=dry, log=lambda since, wanted: asked.append(since) or [
        (identifier(1).encode() + b': ' + line, True) for line in lines])
    assert asked == [NOW] * reads


def test_what_the_log_says_at_the_second_look_counts(spool):
    put(spool, 1)
    opened(spool)
    leave(spool, 1)
    answers = [[], [(identifier(1).encode() + b': to=bob, dsn=2.0.0, stat=Sent', True)]]
    assert places(_ledger.closed(spool.at, spool.look, log=lambda since, wanted: answers.pop(0))) == {'relayed': 1}


def test_a_message_that_was_only_given_up_has_moved(spool):
    for number in (1, 2):
        put(spool, number)
    opened(spool)
    os.rename(str(spool.root / 'msp' / ('qf' + identifier(1))), str(spool.root / 'msp' / ('Qf' + identifier(1))))
    assert closed(spool)['file']['messages'] == 2


def test_its_files_are_opened_so_that_no_link_counts_and_nothing_waits(tmp_path, monkeypatch):
    """Promise 3. And what is made is for root alone."""
    real, flags = os.open, {}

    def opening(path, how, *arguments, **more):
        flags[os.path.basename(path)] = how
        return real(path, how, *arguments, **more)
    monkeypatch.setattr(os, 'open', opening)
    record = _fates.Record(str(tmp_path / 'outcomes'))
    os.close(record.descriptor)
    assert os.stat(str(tmp_path / 'outcomes')).st_mode & 0o777 == 0o600
    (tmp_path / 'start').write_bytes(b'')
    assert list(_ledger._lines(str(tmp_path / 'start'))) == []
    assert [name for name in flags if name and flags[name] & (os.O_NOFOLLOW | os.O_CLOEXEC) != os.O_NOFOLLOW | os.O_CLOEXEC] == []
    assert flags['outcomes'] & os.O_NONBLOCK and flags['outcomes'] & os.O_APPEND
    (tmp_path / 'link').symlink_to(tmp_path / 'start')
    with pytest.raises(OSError, match='symbolic link'):
        list(_ledger._lines(str(tmp_path / 'link')))
