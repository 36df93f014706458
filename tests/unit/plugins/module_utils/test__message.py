# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Acting on messages: what is refused, removal and restoring ended by KILL at every step, locks, and a hostile spool. Needs root."""
import contextlib
import fcntl
import hashlib
import json
import os
import re
import stat
import tarfile
import time
import types

import pytest

from ansible_collections.mailops.sendmail.plugins.module_utils import (
    _access, _archive, _ledger, _message, _outcome, _platform, _process, _spool, _system, _text)
from ansible_collections.mailops.sendmail.tests.unit.fault_points import failing_at_every_step, killed_at_every_step

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='files of several users are made, as a spool has them')
QF = b'V8\nT%d\nK1000\nN1\nP30018\n%sFs\n$_alice@localhost\nSalice\nRPFD:%s\nH?P?Return-Path: <\x81g>\nH??Subject: t%d\n.\n'
SETTINGS = {'queue_file_mode': 0o660, 'run_as_user': None, 'run_as_group': None}
PARAMS = {'queue': 'mta', 'select': None, 'reason': None, 'archive': None, 'max_affected': None, 'confirm_all': False}


def identifier(number):
    return '6ANFSGLL%06d' % number


class Lab:
    """A queue of its own, and a base directory for archives."""

    def __init__(self, path):
        self.path, self.base = str(path / 'mqueue'), str(path / 'archives')
        os.mkdir(self.path)
        self.directory = _spool.QueueDirectory('mqueue', self.path, self.path, self.path, self.path, False)

    def put(self, number, prefix='qf', body=b'body\n', to=b'bob', data=None, extra=b'', created=900):
        one = identifier(number) if isinstance(number, int) else number
        control = QF % (created, extra, to, number if isinstance(number, int) else 0) if data is None else data
        for name, content in ((prefix, control), ('df', body)):
            if content is not None:
                with open(os.path.join(self.path, name + one), 'wb') as stream:
                    stream.write(content)
                os.chmod(os.path.join(self.path, name + one), 0o640)
        return one

    def look(self, held=()):
        return types.SimpleNamespace(now=int(time.time()), directories={'mta': [self.directory]}, errors=[], held=set(held),
                                     settings={'mta': SETTINGS}, configurations={}, program={'sendmail': '/nonexistent/sendmail'})

    def act(self, state, check_mode=False, **more):
        return _message.act(dict(PARAMS, state=state, archive=more.pop('archive', self.base), **more), check_mode, self.look())

    def files(self):
        """{name: content} of the regular files in the queue."""
        found = {}
        for name in os.listdir(self.path):
            path = os.path.join(self.path, name)
            if stat.S_ISREG(os.lstat(path).st_mode):
                with open(path, 'rb') as stream:
                    found[name] = stream.read()
        return found

    def archived(self):
        """{name: content} of what the finished parts hold."""
        found = {}
        for top, _directories, names in os.walk(self.base):
            for name in names:
                if name.endswith('.tar.gz'):
                    with tarfile.open(os.path.join(top, name)) as archive:
                        for member in archive:
                            if member.isreg() and member.name != 'manifest.jsonl':
                                found[os.path.basename(member.name)] = archive.extractfile(member).read()
        return found


@pytest.fixture
def lab(tmp_path):
    return Lab(tmp_path)


def no_half(files):
    """Names of control files whose data file is missing, which a queue runner would deliver empty."""
    return [name for name in files if name[:2] in ('qf', 'hf', 'Qf') and 'df' + name[2:] not in files]


class TestRefused:
    def test_an_empty_selection(self, lab):
        lab.put(1)
        for select, why in ((None, 'confirm_all'), ({}, 'confirm_all'), ({'ids': None}, 'confirm_all'), ({'ids': []}, 'select.ids: the list is empty')):
            with pytest.raises(_text.SendmailError, match=why):
                lab.act('absent', select=select)
        assert lab.act('absent', confirm_all=True)['removed'] == 1

    @pytest.mark.parametrize('check_mode', [True, False])
    def test_more_than_max_affected(self, lab, check_mode):
        for number in range(5):
            lab.put(number)
        before = lab.files()
        with pytest.raises(_text.SendmailError, match='5 messages are selected and max_affected is 4'):
            lab.act('absent', check_mode, confirm_all=True, max_affected=4)
        assert lab.files() == before
        assert not os.path.exists(lab.base)

    def test_more_than_a_thousand_without_being_told(self, lab, monkeypatch):
        monkeypatch.setattr(_outcome, 'REMOVED_MAX', 2)
        for number in range(3):
            lab.put(number)
        with pytest.raises(_text.SendmailError, match='max_affected is 2'):
            lab.act('absent', confirm_all=True)

    @pytest.mark.parametrize('reason', [None, '', ' ', '.', 'two\nlines', 'bell\a'])
    def test_a_reason_that_cannot_be_kept(self, lab, reason):
        with pytest.raises(_text.SendmailError, match='one line of text'):
            lab.act('quarantined', confirm_all=True, reason=reason)

    def test_a_place_for_archives_that_others_can_write_to(self, lab):
        lab.put(1)
        os.mkdir(lab.base)
        os.chmod(lab.base, 0o777)
        with pytest.raises(_text.SendmailError, match='archive: users other than root can write'):
            lab.act('absent', confirm_all=True)
        with pytest.raises(_text.SendmailError, match='in the queue directory'):
            lab.act('absent', confirm_all=True, archive=lab.path + '/archives')
        assert len(lab.files()) == 2

    def test_an_archive_that_others_could_have_written(self, lab):
        lab.put(1)
        archive = lab.act('absent', confirm_all=True)['archive']
        os.chown(archive + '/0001.tar.gz', 1000, 1000)
        with pytest.raises(_text.SendmailError, match='not trusted'):
            lab.act('restored', archive=archive)

    def test_an_archive_that_is_cut_short(self, lab):
        for number in range(3):
            lab.put(number, body=os.urandom(10000))
        archive = lab.act('absent', confirm_all=True)['archive']
        os.truncate(archive + '/0001.tar.gz', 15000)
        with pytest.raises(_text.SendmailError, match='cannot be read'):
            lab.act('restored', archive=archive)
        assert no_half(lab.files()) == []


class TestAbsent:
    def test_and_back(self, lab):
        for number in range(3):
            lab.put(number, body=b'b' * (number * 300000))
        lab.put(3, prefix='hf')
        lab.put(4, prefix='Qf')
        before = lab.files()
        modes = {name: os.stat(os.path.join(lab.path, name)).st_mode for name in before}
        check = lab.act('absent', True, confirm_all=True)
        assert (check['changed'], check['removed'], check['archive']) == (True, 5, None)
        assert lab.files() == before and not os.path.exists(lab.base)
        done = lab.act('absent', confirm_all=True)
        assert (done['changed'], done['selected'], done['removed'], done['left_alone']) == (True, 5, 5, 0)
        assert done['outcomes'] == check['outcomes'] and lab.files() == {} and lab.archived() == before
        assert stat.S_IMODE(os.stat(lab.base).st_mode) == stat.S_IMODE(os.stat(done['archive']).st_mode) == 0o700
        assert stat.S_IMODE(os.stat(done['archive'] + '/0001.tar.gz').st_mode) == 0o600
        with open(lab.base + '/progress.json') as stream:
            progress = json.load(stream)
        assert (progress['archive'], progress['removed'], progress['finished']) == (done['archive'], 5, True)
        again = lab.act('absent', confirm_all=True)
        assert (again['changed'], again['archive']) == (False, None)
        assert lab.act('restored', True, archive=done['archive'])['restored'] == 5
        assert lab.files() == {}
        assert len(_ledger.archived(lab.base, 0)) == 5
        back = lab.act('restored', archive=done['archive'])
        assert (back['changed'], back['restored'], back['selected']) == (True, 5, 5)
        assert lab.files() == before
        assert {name: os.stat(os.path.join(lab.path, name)).st_mode for name in before} == modes
        # Where each is now, is asked of the queue and of the log again.
        assert _ledger.archived(lab.base, 0) == {}
        second = lab.act('restored', archive=done['archive'])
        assert (second['changed'], second['already']) == (False, 5)
        # Delivered meanwhile: it is not brought back to be delivered twice.
        os.unlink(os.path.join(lab.path, 'qf' + identifier(0)))
        os.unlink(os.path.join(lab.path, 'df' + identifier(0)))
        assert lab.act('restored', archive=lab.base)['changed'] is False

    def test_manifest(self, lab):
        lab.put(1, extra=b'MDeferred: Connection refused by [127.0.0.1]\n')
        archive = lab.act('absent', confirm_all=True)['archive']
        with tarfile.open(archive + '/0001.tar.gz') as part:
            assert part.getnames() == ['mta%s/qf%s' % (lab.path, identifier(1)), 'mta%s/df%s' % (lab.path, identifier(1)), 'manifest.jsonl']
            record = json.loads(part.extractfile('manifest.jsonl').read())
            files = {member.name: part.extractfile(member).read() for member in part.getmembers()[:2]}
        assert record.pop('files') == [{'name': name, 'size': len(data), 'sha256': hashlib.sha256(data).hexdigest()} for name, data in files.items()]
        assert record == {'id': identifier(1), 'name': 'qf' + identifier(1), 'queue': 'mta', 'directory': lab.path, 'state': 'queued', 'size': 5,
                          'created': 900, 'last_attempt': 1000, 'attempts': 1, 'sender': 'alice', 'recipients': ['bob'], 'recipients_total': 1,
                          'status': 'Deferred: Connection refused by [127.0.0.1]', 'reason': 'connection_refused'}

    def test_a_manifest_is_never_larger_than_what_is_read_back(self, lab, monkeypatch):
        """Who can write to a queue makes statuses and addresses of megabytes. The others of the part come back all the same."""
        monkeypatch.setattr(_archive, 'MANIFEST_MAX', 300000)
        lab.put(1)
        lab.put(2, extra=b'M' + b'\xff' * 100000 + b'\n')
        lab.put(3, to=b'\xff' * 100000)
        lab.put(4, data=(QF % (900, b'', b'bob', 0)).replace(b'Salice', b'S' + b'\xff' * 100000))
        before = lab.files()
        assert lab.act('absent', confirm_all=True)['removed'] == 4
        assert lab.act('restored')['restored'] == 4 and lab.files() == before

    def test_only_what_is_selected_in_several_parts(self, lab, monkeypatch):
        monkeypatch.setattr(_outcome, 'BATCH', 4)
        for number in range(21):
            lab.put(number, to=b'bob@a.example' if number % 2 else b'carol@b.example')
        done = lab.act('absent', select={'domains': ['a.example']})
        assert (done['removed'], sorted(os.listdir(done['archive']))) == (
            10, ['000%d.%s' % (number, kind) for number in (1, 2, 3) for kind in ('removed', 'tar.gz')])
        assert sorted(lab.files()) == sorted(prefix + identifier(number) for number in range(0, 21, 2) for prefix in ('df', 'qf'))
        one = lab.act('restored', select={'ids': [identifier(7)]})
        assert (one['restored'], one['outcomes']['restored']) == (1, [{'id': identifier(7), 'queue': 'mta'}])

    @pytest.mark.parametrize('lock', [fcntl.flock, fcntl.lockf])
    def test_one_in_delivery_is_left_alone(self, lab, lock):
        lab.put(1)
        lab.put(2)
        ready, child_end = os.pipe()
        hold, release = os.pipe()
        child = os.fork()
        if not child:
            with open(os.path.join(lab.path, 'qf' + identifier(1)), 'r+b') as stream:
                lock(stream, fcntl.LOCK_EX)
                os.write(child_end, b'x')
                os.close(release)
                os.read(hold, 1)
                os._exit(0)
        os.read(ready, 1)
        try:
            done = lab.act('absent', confirm_all=True)
        finally:
            os.write(release, b'x')
            os.waitpid(child, 0)
        assert (done['removed'], done['left_alone']) == (1, 1)
        assert done['outcomes']['left_alone'] == [{'id': identifier(1), 'queue': 'mta', 'why': 'it is in delivery: another process has locked it'}]
        assert sorted(lab.files()) == ['df' + identifier(1), 'qf' + identifier(1)]

    def test_one_that_is_being_written_is_left_alone(self, lab):
        lab.put(1, data=b'')
        lab.put(2, data=b'V8\nT900\nK0\n')
        done = lab.act('absent', confirm_all=True)
        assert (done['left_alone'], done['changed']) == (2, False)
        assert 'may be being written' in done['outcomes']['left_alone'][0]['why']

    def test_linked_data_files(self, lab, tmp_path):
        """Sendmail links the data file of an envelope that it splits; anybody else's link is not ours to take apart."""
        lab.put(1)
        lab.put(2, body=None)
        os.link(os.path.join(lab.path, 'df' + identifier(1)), os.path.join(lab.path, 'df' + identifier(2)))
        (tmp_path / 'secret').write_bytes(b'secret')
        lab.put(3, body=None)
        os.link(str(tmp_path / 'secret'), os.path.join(lab.path, 'df' + identifier(3)))
        done = lab.act('absent', confirm_all=True)
        assert (done['removed'], done['left_alone']) == (2, 1)
        assert 'hard links' in done['outcomes']['left_alone'][0]['why']
        assert lab.archived()['df' + identifier(2)] == b'body\n' and b'secret' not in lab.archived().values()

    def test_a_data_file_that_changes(self, lab, monkeypatch):
        """The part is begun again without it."""
        for number in range(3):
            lab.put(number, body=b'x' * 600000)
        real = _archive.Writer.add_file

        def add_file(self, name, about, handle):
            if name.endswith(identifier(1).encode()):
                os.truncate(os.path.join(lab.path, 'df' + identifier(1)), 300000)
            return real(self, name, about, handle)
        monkeypatch.setattr(_archive.Writer, 'add_file', add_file)
        done = lab.act('absent', confirm_all=True)
        assert (done['removed'], done['left_alone']) == (2, 1)
        assert sorted(lab.archived()) == sorted(prefix + identifier(number) for number in (0, 2) for prefix in ('df', 'qf'))

    def test_no_room_for_the_archive(self, lab, monkeypatch):
        lab.put(1)
        before = lab.files()

        def fail(*_arguments):
            raise OSError(28, 'No space left on device')
        monkeypatch.setattr(_archive, 'to_disk', fail)
        with pytest.raises(_text.SendmailError, match='No space left on device'):
            lab.act('absent', confirm_all=True)
        assert lab.files() == before

    def test_memory_does_not_grow(self, lab):
        import tracemalloc
        peaks = []
        for count in (400, 1200):
            for number in range(count):
                lab.put(number)
            tracemalloc.start()
            lab.act('absent', confirm_all=True, max_affected=count)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert peaks[1] < peaks[0] + 450000   # it names a thousand of them


class TestOneOfTwo:
    """A data file that another control file needs, or that is not where Sendmail looks for it."""

    def test_two_control_files_of_one_id(self, lab):
        lab.put(1)
        lab.put(1, 'hf')
        before = lab.files()
        result = lab.act('absent', select={'states': ['queued']}, confirm_all=True)
        assert (result['removed'], result['left_alone']) == (0, 1)
        assert 'there is also a file hf' in result['outcomes']['left_alone'][0]['why']
        assert lab.files() == before

    @pytest.mark.parametrize('check_mode', [True, False])
    def test_data_that_a_subdirectory_hides(self, lab, check_mode):
        lab.put(1)
        os.mkdir(lab.path + '/df')
        lab.directory = lab.directory._replace(data=lab.path + '/df')
        result = lab.act('absent', check_mode, confirm_all=True)
        assert (result['removed'], result['left_alone']) == (0, 1)
        assert 'where Sendmail does not look for it' in result['outcomes']['left_alone'][0]['why']

    def test_a_control_file_that_a_subdirectory_hides(self, lab):
        lab.put(1)
        archive = lab.act('absent', confirm_all=True)['archive']
        lab.put(1)
        os.mkdir(lab.path + '/qf')
        lab.directory = lab.directory._replace(control=lab.path + '/qf')
        result = lab.act('restored', archive=archive)
        assert (result['restored'], result['already']) == (0, 1)


class TestRestored:
    def test_never_over_another(self, lab):
        lab.put(1)
        archive = lab.act('absent', confirm_all=True)['archive']
        for prefix in ('qf', 'hf', 'Qf', 'tf'):
            lab.put(1, prefix=prefix, body=b'another', data=b'another')
            assert lab.act('restored', archive=archive)['left_alone'] == 1
            assert lab.files() == {prefix + identifier(1): b'another', 'df' + identifier(1): b'another'}
            os.unlink(os.path.join(lab.path, prefix + identifier(1)))
            assert not os.path.exists(archive + '/0001.tar.gz.restored')
        done = lab.act('restored', archive=archive)
        assert (done['left_alone'], lab.files()) == (1, {'df' + identifier(1): b'another'})

    def test_owner_and_mode_that_the_runner_takes(self, lab):
        lab.put(1)
        os.chown(os.path.join(lab.path, 'qf' + identifier(1)), 12345, 12345)
        os.chmod(os.path.join(lab.path, 'qf' + identifier(1)), 0o666)
        archive = lab.act('absent', confirm_all=True)['archive']
        lab.act('restored', archive=archive)
        about = os.stat(os.path.join(lab.path, 'qf' + identifier(1)))
        assert (about.st_uid, stat.S_IMODE(about.st_mode)) == (0, 0o660)

    def test_nothing_to_deliver(self, lab):
        lab.put(1, body=None)
        archive = lab.act('absent', confirm_all=True)['archive']
        done = lab.act('restored', archive=archive)
        assert (done['left_alone'], lab.files()) == (1, {})

    def test_no_archive(self, lab):
        with pytest.raises(_text.SendmailError, match='cannot be read: No such file'):
            lab.act('restored')
        os.mkdir(lab.base)
        with pytest.raises(_text.SendmailError, match='archive: .* holds no archive: '):
            lab.act('restored')


class TestKilled:
    """Ended by KILL before each call that changes something, until a run goes through."""

    def test_removal(self, tmp_path, monkeypatch):
        monkeypatch.setattr(_outcome, 'BATCH', 2)

        def prepare(path):
            lab = Lab(path)
            for number in range(3):
                lab.put(number, body=b'body %d\n' % number)
            lab.before = lab.files()
            return lab

        def check(lab):
            left, kept = lab.files(), lab.archived()
            assert no_half(left) == []
            for number in range(3):
                whole = {prefix + identifier(number): lab.before[prefix + identifier(number)] for prefix in ('qf', 'df')}
                assert whole.items() <= left.items() or whole.items() <= kept.items()
            lab.act('absent', confirm_all=True)
            assert not any(name[:2] == 'qf' for name in lab.files())
            assert lab.before.items() <= lab.archived().items()
            lab.act('restored')
            assert lab.before == lab.files()
        assert killed_at_every_step(tmp_path, prepare, lambda lab: lab.act('absent', confirm_all=True), check) > 20

    def test_restoring(self, tmp_path, monkeypatch):
        monkeypatch.setattr(_outcome, 'BATCH', 2)

        def prepare(path):
            lab = Lab(path)
            for number in range(3):
                lab.put(number, body=b'body %d\n' % number)
            lab.before = lab.files()
            lab.act('absent', confirm_all=True)
            return lab

        def check(lab):
            left = {name: content for name, content in lab.files().items() if name[0] != '.'}
            assert no_half(left) == []
            assert left.items() <= lab.before.items() and lab.archived() == lab.before
            lab.act('restored')
            assert lab.files() == lab.before
        assert killed_at_every_step(tmp_path, prepare, lambda lab: lab.act('restored'), check) > 20


@pytest.mark.parametrize('select, back, removed', [({'ids': [identifier(1)]}, 1, 1), ({'senders': ['nobody']}, 2, 0), (None, 0, 2)])
def test_what_a_killed_run_left_half_way_is_said_when_it_is_put_back(lab, select, back, removed):
    """It was in no queue for Sendmail, and is in one again: that is a change, whatever else the run does."""
    for number in range(2):
        lab.put(number)
    before, place = lab.files(), lab.act('absent', confirm_all=True)['archive']
    os.unlink(place + '/0001.removed')
    for number in range(2):
        lab.put(number)
        os.rename(*(os.path.join(lab.path, name % identifier(number)) for name in ('qf%s', '.qf%%s.%s.0001.removing' % os.path.basename(place))))
    told = []
    for check_mode in (True, False):
        done = lab.act('absent', check_mode, select=select, confirm_all=True)
        assert (done['changed'], done['queued'], done['removed'], done['selected']) == (True, back, removed, removed), done
        told.append({what: sorted(one['id'] for one in entries) for what, entries in done['outcomes'].items()})
    assert told[0] == told[1]
    left = lab.files()
    assert len(left) == 2 * back and left.items() <= before.items()
    assert back or not lab.act('absent', confirm_all=True)['changed']


@pytest.mark.parametrize('how', ['before', 'behind', 'from then on'])
class TestErrors:
    """EIO in the place of each call. What is left in the queue is delivered, then what the archive says is brought back: each message once."""

    @staticmethod
    def deliver(lab):
        """{name: content} of the messages that a runner would deliver, which are gone then."""
        left = lab.files()
        assert no_half(left) == []
        names = [prefix + name[2:] for name in left if name[:2] == 'qf' for prefix in ('qf', 'df')]
        for name in names:
            os.unlink(os.path.join(lab.path, name))
        return {name: left[name] for name in names}

    def check(self, lab, done):
        delivered = self.deliver(lab)
        restored = [one['id'] for one in done['outcomes'].get('restored', ())]
        assert not {'qf' + one['id'] for one in done['outcomes'].get('removed', ())} & set(delivered) and {'qf' + one for one in restored} <= set(delivered)
        with contextlib.suppress(_text.SendmailError):     # there may be no archive
            lab.act('restored')
        again = self.deliver(lab)
        assert not set(delivered) & set(again)
        assert dict(delivered, **again) == lab.before

    @pytest.mark.parametrize('state, steps', [('absent', 25), ('restored', 35)])
    def test_no_message_is_lost_or_doubled(self, tmp_path, monkeypatch, how, state, steps):
        def prepare(path):
            lab = Lab(path)
            for number in range(3):
                lab.put(number, body=b'body %d\n' % number)
            lab.before = lab.files()
            if state == 'restored':
                lab.act('absent', confirm_all=True)
            return lab

        def act(lab):
            try:
                return lab.act(state, confirm_all=True)
            except _text.SendmailError as error:
                assert re.search('(?:%s|%s)' % (lab.path, lab.base), str(error)), error     # where
                return error.result
        assert failing_at_every_step(tmp_path, monkeypatch, how, prepare, act, self.check) > steps


def test_an_archive_where_nothing_can_be_recorded_gives_nothing_back(lab, monkeypatch):
    """A backup that is mounted read-only: check mode says so as well."""
    lab.put(1)
    place = lab.act('absent', confirm_all=True)['archive']
    monkeypatch.setattr(os, 'statvfs', lambda path: types.SimpleNamespace(f_flag=os.ST_RDONLY if path == place else 0))
    told = []
    for check_mode in (True, False):
        with pytest.raises(_text.SendmailError, match='archive: %s is on a read-only file system' % place) as raised:
            lab.act('restored', check_mode)
        told.append((str(raised.value), raised.value.result))
    assert told[0] == told[1] and lab.files() == {}


def test_what_was_restored_is_on_the_disk_with_its_name(lab, monkeypatch):
    """fsync(2) of a new file does not ensure that of its name: a machine that stops then has the message in the queue, and restores it again."""
    lab.put(1)
    place = lab.act('absent', confirm_all=True)['archive']
    steps, fsync, rename = [], os.fsync, os.rename
    monkeypatch.setattr(os, 'fsync', lambda descriptor: steps.append((os.readlink('/proc/self/fd/%d' % descriptor),
                                                                      os.path.exists(place + '/0001.tar.gz.restored'))) or fsync(descriptor))
    monkeypatch.setattr(os, 'rename', lambda old, new, **more: steps.append(new) or rename(old, new, **more))
    lab.act('restored')
    assert steps.index((place, True)) < steps.index('qf' + identifier(1))


@pytest.mark.parametrize('state', ['absent', 'restored'])
def test_nothing_is_recorded_of_a_queue_that_may_not_be_on_the_disk(lab, monkeypatch, state):
    """A machine that stops then has the record and not what it is about: the message is in the queue and removed, or restored and nowhere."""
    lab.put(1)
    if state == 'restored':
        lab.act('absent', confirm_all=True)
    before, real, place = lab.files(), os.fsync, os.stat(lab.path)

    def fsync(descriptor):
        if os.path.samestat(os.fstat(descriptor), place):
            raise OSError(5, 'Input/output error')
        return real(descriptor)
    monkeypatch.setattr(os, 'fsync', fsync)
    with pytest.raises(_text.SendmailError, match='Input/output error'):
        lab.act(state, confirm_all=True)
    names = {name for _top, _directories, names in os.walk(lab.base) for name in names}
    assert not any(name.endswith('.removed' if state == 'absent' else '.restored') for name in names)
    assert {name: content for name, content in lab.files().items() if name[:2] == 'qf'} == {name: before[name] for name in before if name[:2] == 'qf'}


class TestHostile:
    def test_nothing_outside_is_touched(self, lab, tmp_path):
        secret = tmp_path / 'secret'
        secret.write_bytes(QF % (900, b'', b'bob', 9))
        secret.chmod(0o600)
        before = os.stat(str(secret))
        inside = lab.path + '/'
        os.symlink('/etc/shadow', inside + 'qf' + identifier(1))
        os.symlink(str(secret), inside + 'df' + identifier(2))
        lab.put(2, body=None)
        os.mkfifo(inside + 'qf' + identifier(3))
        os.mkfifo(inside + 'df' + identifier(4))
        lab.put(4, body=None)
        os.mknod(inside + 'qf' + identifier(5), stat.S_IFCHR | 0o600, os.makedev(1, 5))
        os.link(str(secret), inside + 'qf' + identifier(6))
        os.mkdir(inside + 'qf' + identifier(7))
        lab.put(8, extra=b'd%s\n' % os.fsencode(str(tmp_path)), body=None)
        for name in ('qf', 'qf\n\x1b[31m', 'qf' + 'A' * 40, 'qf..'):
            with open(inside + name, 'wb') as stream:
                stream.write(b'\x1b]0;x\x07')
        names = set(os.listdir(lab.path))
        for check_mode in (True, False):
            done = lab.act('absent', check_mode, confirm_all=True)
            assert '\x1b' not in json.dumps(done, ensure_ascii=False)
        why = {entry['id']: entry['why'] for entry in done['outcomes']['left_alone']}
        assert 'not a directory of this queue' in why[identifier(8)] and 'not a regular file' in why[identifier(4)]
        assert 'symbolic link' in why[identifier(2)] and 'hard link' in why[identifier(6)]
        # Names that a runner would try and that are readable as bytes alone are archived like any other.
        assert names - set(os.listdir(lab.path)) == {'qf', 'qf\n\x1b[31m', 'qf..'}
        after = os.stat(str(secret))
        assert (before.st_mtime_ns, before.st_atime_ns, before.st_mode, after.st_nlink) == (after.st_mtime_ns, after.st_atime_ns, after.st_mode, 2)
        assert not any(b'root:' in content for content in lab.archived().values())

    def test_a_spool_swapped_for_a_link(self, lab, tmp_path, monkeypatch):
        victim = tmp_path / 'victim'
        victim.mkdir()
        (victim / ('qf' + identifier(1))).write_bytes(QF % (900, b'', b'bob', 1))
        (victim / ('df' + identifier(1))).write_bytes(b'theirs')
        lab.put(1)

        def swap():
            os.rename(lab.path, lab.path + '.old')
            os.symlink(str(victim), lab.path)
        look = lab.look()
        real = _outcome.count

        def count(*arguments):
            found = real(*arguments)
            swap()
            return found
        monkeypatch.setattr(_outcome, 'count', count)
        with pytest.raises(_text.SendmailError, match='replaced by a symbolic link'):
            _message.act(dict(PARAMS, state='absent', archive=lab.base, confirm_all=True), False, look)
        assert len(list(victim.iterdir())) == 2 and lab.archived() == {}

    def test_a_link_in_the_place_of_what_is_restored(self, lab, tmp_path):
        lab.put(1)
        archive = lab.act('absent', confirm_all=True)['archive']
        for name in ('.dfX.restored', '.qfX.restored', 'dfX'):
            os.symlink(str(tmp_path / 'victim'), os.path.join(lab.path, name.replace('X', identifier(1))))
        done = lab.act('restored', archive=archive)
        assert done['left_alone'] == 1 and not (tmp_path / 'victim').exists()
        os.unlink(os.path.join(lab.path, 'df' + identifier(1)))
        assert lab.act('restored', archive=archive)['restored'] == 1
        assert not (tmp_path / 'victim').exists() and sorted(lab.files()) == ['df' + identifier(1), 'qf' + identifier(1)]


class TestQueued:
    def test_lost_messages(self, lab):
        lab.put(1, prefix='Qf')
        os.chown(os.path.join(lab.path, 'Qf' + identifier(1)), 12345, 12345)
        os.chmod(os.path.join(lab.path, 'Qf' + identifier(1)), 0o666)
        lab.put(2, prefix='Qf', data=b'V8\nT900\nK0\nN0\nP1\nY99\nSalice\nRPFD:bob\n.\n')
        lab.put(3, prefix='Qf', body=None)
        lab.put(4, prefix='Qf')
        lab.put(4)
        check = lab.act('queued', True, select={'states': ['lost']})
        done = lab.act('queued', select={'states': ['lost']})
        for result in (check, done):
            assert (result['changed'], result['queued'], result['left_alone']) == (True, 1, 3)
        why = {entry['id']: entry['why'] for entry in done['outcomes']['left_alone']}
        assert why == {identifier(2): 'a queue run would lose it again: line 6: an unknown line, Y99',
                       identifier(3): 'its data file is missing: it would be delivered with an empty body',
                       identifier(4): 'there is also a file qf' + identifier(4)}
        about = os.stat(os.path.join(lab.path, 'qf' + identifier(1)))
        assert (about.st_uid, about.st_gid, stat.S_IMODE(about.st_mode)) == (0, os.stat(lab.path).st_gid, 0o660)
        assert lab.act('queued', select={'states': ['lost']})['changed'] is False

    def test_quarantine_is_sendmails_own(self, lab, monkeypatch):
        ids = [lab.put(number) for number in range(4)]
        called = []

        def run_all(commands, parallel, deadline, take_line):
            for _key, argv in commands:
                called.append(argv)
                for argument in argv:
                    if argument[:3] == '-qI' and argument[3:] in ids[:2]:
                        os.rename(os.path.join(lab.path, 'qf' + argument[3:]), os.path.join(lab.path, 'hf' + argument[3:]))
                    elif argument[:3] == '-qI' and argument[3:] == ids[2]:
                        os.unlink(os.path.join(lab.path, 'qf' + argument[3:]))
            return []
        monkeypatch.setattr(_process, 'run_all', run_all)
        done = lab.act('quarantined', select={'ids': ids}, reason='$(reboot); -x')
        assert called[0][1:4] == ['-Am', '-Q$(reboot); -x', '-v'] and len(called) == 1
        assert (done['quarantined'], done['taken'], done['left_alone']) == (2, 1, 1)
        assert done['outcomes']['left_alone'][0] == {'id': ids[3], 'queue': 'mta', 'why': 'Sendmail did not accept it; see transcript'}


class TestLookAt:
    @pytest.fixture
    def submit_cf(self, tmp_path, monkeypatch):
        layout = _platform.DEBIAN._replace(submit_cf=str(tmp_path / 'submit.cf'), sendmail_cf=str(tmp_path / 'sendmail.cf'))
        monkeypatch.setattr(_system, 'platform', lambda: layout)
        return tmp_path / 'submit.cf'

    def test_what_the_configuration_names(self, submit_cf):
        (submit_cf.parent / 'queue').mkdir()
        submit_cf.write_text('O QueueDirectory=queue\nO RunAsUser=nosuchuser\n')
        look = _access.look_at('msp')
        assert [directory.path for directory in look.directories['msp']] == [str(submit_cf.parent / 'queue')]
        assert look.accounts['nosuchuser']['uid'] is None
        assert look.settings['msp']['run_as_user'] == 'nosuchuser'
        assert look.greeting is None and not look.processes          # nothing was probed

    @pytest.mark.parametrize('binary, why', [
        ('/usr/sbin/sendmail', 'cannot be read: .*submit.cf: there is no such file'), (None, '^Sendmail is not installed on this host: install it')])
    def test_no_configuration(self, submit_cf, monkeypatch, binary, why):
        monkeypatch.setattr(_system, 'program', lambda _layout: {'sendmail': binary, 'other_mta': None})
        with pytest.raises(_text.SendmailError, match=why):
            _access.look_at('msp')


def test_check_mode_promises_no_archive_that_cannot_be(lab, monkeypatch):
    lab.put(1)
    room = types.SimpleNamespace(f_flag=os.ST_RDONLY, f_blocks=9, f_bfree=9)
    monkeypatch.setattr(os, 'fstatvfs', lambda _handle: room)
    with pytest.raises(_text.SendmailError, match='read-only'):
        lab.act('absent', True, confirm_all=True)
    assert lab.act('absent', True, select={'ids': [identifier(2)]})['changed'] is False
