# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debris: each kind, what is left alone and why, a hostile spool, and a run ended by KILL at every step. Needs root."""
import fcntl
import functools
import json
import os
import socket
import stat
import tarfile
import time
import types

import pytest
import yaml

from ansible_collections.mailops.sendmail.plugins.module_utils import _debris, _hazards, _spool, _text
from ansible_collections.mailops.sendmail.tests.unit.fault_points import failing_at_every_step, killed_at_every_step

ROOT = os.path.join(os.path.dirname(_debris.__file__), '..', '..')

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='files of several users are made, as a spool has them')
QF = b'V8\nT900\nK1000\nN1\nP30018\nFs\n$_alice@localhost\nSalice\nRPFD:bob\nH??Subject: t\n.\n'
SETTINGS = {'queue_file_mode': 0o660, 'run_as_user': None, 'run_as_group': None}
ID = '6ANFSGLL00000%d'


class Lab:
    def __init__(self, path):
        self.path, self.other, self.base = str(path / 'mqueue'), str(path / 'group'), str(path / 'archives')
        for directory in (self.path, self.other):
            os.mkdir(directory)
        self.directories = [_spool.QueueDirectory(name, one, one, one, one, False) for name, one in (('mqueue', self.path), ('other', self.other))]

    def put(self, name, content=QF, place=None):
        with open(os.path.join(place or self.path, name), 'wb') as stream:
            stream.write(content)

    def look(self):
        return types.SimpleNamespace(now=int(time.time()), directories={'mta': self.directories}, errors=[], held=set(),
                                     settings={'mta': SETTINGS}, configurations={}, program={'sendmail': None})

    def clear(self, check_mode=False, older_than='0', kinds=None):
        return _debris.clear({'state': 'absent', 'queue': 'all', 'older_than': older_than, 'kinds': kinds, 'archive': self.base}, check_mode, self.look())

    def find(self, older_than='0', kinds=None):
        return _debris.find({'queue': 'all', 'older_than': older_than, 'kinds': kinds}, self.look())

    def names(self):
        return sorted(os.listdir(self.path))

    def archived(self):
        """{name: (type, content or where a link points to)} of what the finished parts hold."""
        found = {}
        for top, _directories, names in os.walk(self.base):
            for name in names:
                if name.endswith('.tar.gz'):
                    with tarfile.open(os.path.join(top, name), encoding='utf-8', errors='surrogateescape') as archive:
                        for member in archive:
                            if member.name != 'manifest.jsonl':
                                found[member.name.rpartition('/')[2]] = archive.extractfile(member).read() if member.isreg() else member.linkname or member.type
        return found


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(_hazards, 'SETTLE', 0)
    # What the machine that runs the tests has open does not matter, and it may not let itself be looked into.
    monkeypatch.setattr(_debris, 'open_files', set)


@pytest.fixture
def lab(tmp_path):
    return Lab(tmp_path)


def test_other_queues_in_a_queue_and_what_a_file_system_has_are_no_debris(lab):
    """The directories of queue groups must lie below QueueDirectory (queue.c), which mostly is the queue of the group mqueue itself."""
    paths = [lab.path, lab.path + '/g1', lab.path + '/groups/g2', lab.path + '/more/q*', lab.path + '/link']
    for name in ('g1', 'groups', 'groups/g2', 'more', 'more/q1', 'lost+found', 'stray'):
        os.mkdir(os.path.join(lab.path, name))
    os.symlink('g1', lab.path + '/link')
    lab.directories, errors = _spool.directories([('g%d' % number, path) for number, path in enumerate(paths)])
    assert errors == [] and len(lab.directories) == 4
    counts = []
    for directory in lab.directories:
        one = _spool.Pass(directory)
        list(one.batches())
        counts.append(one.debris['special'] + one.debris['foreign'])
    assert counts == [1, 0, 0, 0]
    assert [(os.path.basename(one['path']), one['why']) for one in lab.find()['files']] == [('stray', 'it is a directory: check it by hand')]


def reasons(result):
    return {os.path.basename(entry['path']): entry['why'] for entry in result['outcomes'].get('left_alone', [])}


def fill(lab):
    """One of each kind beside sound messages. Returns (names that are debris, names that are not)."""
    lab.put('qf' + ID % 1)
    lab.put('df' + ID % 1, b'body')
    lab.put('df' + ID % 2, b'orphan')
    lab.put('qf' + ID % 3)
    lab.put('qf' + ID % 4, b'')
    lab.put('df' + ID % 4, b'with the empty one')
    lab.put('qf' + ID % 5, QF[:60])
    lab.put('tf' + ID % 1, b'')
    lab.put('Tf' + ID % 1, QF)
    lab.put('xf' + ID % 6, b'')
    lab.put('xf' + ID % 1, b'')
    lab.put('core', b'image')
    os.symlink('/etc/shadow', os.path.join(lab.path, 'qf' + ID % 7))
    os.mkfifo(os.path.join(lab.path, 'qf' + ID % 8))
    lab.put('sm-client.pid', b'1\n')
    # Its control file is in another queue group.
    lab.put('df' + ID % 9, b'split')
    lab.put('hf' + ID % 9, QF, lab.other)
    debris = [prefix + ID % number for prefix, number in (('df', 2), ('qf', 3), ('qf', 4), ('df', 4), ('qf', 5), ('tf', 1), ('Tf', 1), ('xf', 6),
                                                          ('qf', 7), ('qf', 8))]
    return sorted(debris), sorted(set(lab.names()) - set(debris))


class TestKinds:
    def test_each(self, lab):
        debris, sound = fill(lab)
        result = lab.clear(check_mode=True)
        found = lab.find()
        assert (found['found'], found['kinds'], found['would_remove'], found['would_return'], found['left_alone'], found['truncated']) \
            == tuple(result[name] for name in ('found', 'kinds', 'removed', 'returned', 'left_alone', 'truncated'))
        assert [(one['outcome'], one['path'], one['kind'], one['why']) for one in found['files']] \
            == [(outcome, one['path'], one['kind'], one.get('why')) for outcome, entries in result['outcomes'].items() for one in entries]
        assert lab.names() == sorted(debris + sound) and not os.path.exists(lab.base)
        assert found['changed'] is False and result['changed'] is True
        done = lab.clear()
        assert lab.names() == sound and os.listdir(lab.other) == ['hf' + ID % 9]
        assert (done['changed'], done['removed'], done['left_alone']) == (True, 9, 1) == (result['changed'], result['removed'], result['left_alone'])
        assert list(reasons(done)) == ['core'] and 'not made by Sendmail' in reasons(done)['core']
        assert done['outcomes'] == result['outcomes']
        assert done['kinds'] == {'data_without_control': 1, 'control_without_data': 1, 'incomplete': 2, 'temporary': 1, 'pushed_aside': 1,
                                 'transcript': 1, 'foreign': 1, 'special': 2}
        kept = lab.archived()
        assert sorted(kept) == debris
        assert kept['df' + ID % 2] == b'orphan' and kept['qf' + ID % 3] == QF and kept['df' + ID % 4] == b'with the empty one'
        assert kept['qf' + ID % 7] == '/etc/shadow' and kept['qf' + ID % 8] == tarfile.FIFOTYPE
        assert stat.S_IMODE(os.stat(done['archive']).st_mode) == 0o700
        again = lab.clear()
        assert (again['changed'], again['found'], again['left_alone'], again['archive']) == (False, 1, 1, None)

    @pytest.mark.parametrize('kind', [kind for kind in _debris.KINDS if kind != 'lost'])
    def test_only_what_is_asked_for(self, lab, kind):
        fill(lab)
        done = lab.clear(kinds=[kind])
        assert set(done['kinds']) == {kind} and done['removed' if kind != 'foreign' else 'left_alone'] == done['kinds'][kind]

    def test_no_kind_is_not_every_kind(self, lab):
        fill(lab)
        before = lab.names()
        for act in (lab.clear, lab.find, functools.partial(lab.clear, check_mode=True)):
            with pytest.raises(_text.SendmailError, match='kinds: the list is empty'):
                act(kinds=[])
        assert lab.names() == before

    def test_lost(self, lab):
        lab.put('Qf' + ID % 1)
        lab.put('df' + ID % 1, b'body')
        os.chown(os.path.join(lab.path, 'Qf' + ID % 1), 12345, 12345)
        lab.put('Qf' + ID % 2, QF.replace(b'N1', b'Y1'))
        lab.put('df' + ID % 2, b'body')
        assert lab.clear(check_mode=True)['returned'] == 1
        done = lab.clear()
        assert (done['returned'], done['left_alone'], done['removed'], done['changed']) == (1, 1, 0, True)
        assert 'lose it again' in reasons(done)['Qf' + ID % 2]
        assert lab.names() == ['Qf' + ID % 2, 'df' + ID % 1, 'df' + ID % 2, 'qf' + ID % 1]
        assert lab.clear()['changed'] is False


class TestLeftAlone:
    def test_young(self, lab):
        debris, sound = fill(lab)
        done = lab.clear(older_than='1h')
        assert (done['changed'], done['left_alone'], lab.names()) == (False, 10, sorted(debris + sound))
        assert all('younger than older_than' in why for name, why in reasons(done).items() if name != 'core')

    def test_open(self, lab, monkeypatch):
        lab.put('df' + ID % 1, b'being received')
        about = os.stat(os.path.join(lab.path, 'df' + ID % 1))
        monkeypatch.setattr(_debris, 'open_files', lambda: {(about.st_dev, about.st_ino)})
        assert reasons(lab.clear()) == {'df' + ID % 1: 'a process has it open'}
        monkeypatch.setattr(_debris, 'open_files', lambda: None)
        assert 'it is not known whether a process has it open' in reasons(lab.clear())['df' + ID % 1]

    def test_locked(self, lab):
        lab.put('tf' + ID % 1, b'')
        with open(os.path.join(lab.path, 'tf' + ID % 1), 'r+b') as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            done = lab.clear()
        assert 'locked' in reasons(done)['tf' + ID % 1] and lab.names() == ['tf' + ID % 1]

    def test_the_only_control_file(self, lab):
        lab.put('tf' + ID % 1)
        lab.put('df' + ID % 1, b'body')
        lab.put('Tf' + ID % 2)
        lab.put('df' + ID % 2, b'body')
        done = lab.clear()
        assert (done['changed'], sorted(reasons(done))) == (False, ['Tf' + ID % 2, 'tf' + ID % 1])

    @pytest.mark.parametrize('end, stays', [
        (b'.', True), (b'. \n', True), (b'.\n\t\n', True), (b'.end', True), (b'.\r\n', True), (b'', False), (b'H??X: .\n', False)])
    def test_an_end_that_another_program_has_written(self, lab, end, stays):
        """readqf() looks at the first character of the last line, which an editor may have left without its line end: a run delivers it."""
        lab.put('qf' + ID % 1, QF[:-2] + end)
        lab.put('df' + ID % 1, b'body')
        lab.put('tf' + ID % 2, QF[:-2] + end)
        done = lab.clear()
        assert ('qf' + ID % 1 in lab.names(), 'df' + ID % 1 in lab.names(), 'tf' + ID % 2 in lab.names()) == (stays,) * 3, done

    def test_what_cannot_be_judged(self, lab, tmp_path):
        os.mkdir(os.path.join(lab.path, 'qf' + ID % 1))
        server = socket.socket(socket.AF_UNIX)
        here = os.getcwd()
        os.chdir(lab.path)
        try:
            server.bind('socket')
        finally:
            os.chdir(here)
            server.close()
        (tmp_path / 'secret').write_bytes(b'secret')
        os.link(str(tmp_path / 'secret'), os.path.join(lab.path, 'df' + ID % 2))
        why = reasons(lab.clear())
        assert why == {'qf' + ID % 1: 'it is a directory: check it by hand', 'socket': 'it is a socket: check it by hand',
                       'df' + ID % 2: 'it has 2 names (hard links)'}

    @pytest.mark.parametrize('part, stays', [('qf', 'df'), ('df', 'qf')])
    def test_a_subdirectory_that_hides_the_other_half(self, lab, part, stays):
        """Who runs the queue can make one at any time; no half of such a message may be moved."""
        lab.put('qf' + ID % 1)
        lab.put('df' + ID % 1, b'body')
        os.mkdir(os.path.join(lab.path, part))
        places = [os.path.join(lab.path, part if one == part else '').rstrip('/') for one in ('qf', 'df')]
        lab.directories = [_spool.QueueDirectory('mqueue', lab.path, *places, lab.path, False)]
        result = lab.clear()
        assert result['removed'] == 0
        assert stays + ID % 1 not in reasons(result)
        assert lab.archived() == {}

    @pytest.mark.parametrize('make', [os.mkdir, lambda path: socket.socket(socket.AF_UNIX).bind(path)])
    def test_a_fifo_that_is_something_else_a_moment_later_is_one_reason(self, lab, monkeypatch, make):
        monkeypatch.chdir(lab.path)
        os.mkfifo('qf' + ID % 1)
        lab.put('df' + ID % 2, b'orphan')
        stays = _debris.Cleaner._stays

        def swapped(cleaner, one, used):
            found = stays(cleaner, one, used)
            if one.name[:2] == 'qf' and cleaner.settled and not found and stat.S_ISFIFO(os.lstat(one.name).st_mode):
                os.unlink(one.name)
                make(one.name)
            return found
        monkeypatch.setattr(_debris.Cleaner, '_stays', swapped)
        done = lab.clear()
        assert (done['removed'], done['left_alone']) == (1, 1), done
        assert list(reasons(done)) == ['qf' + ID % 1] and os.path.lexists('qf' + ID % 1)

    def test_its_control_file_comes_in_between(self, lab, monkeypatch):
        lab.put('df' + ID % 1, b'being received')
        monkeypatch.setattr(time, 'sleep', lambda _seconds: lab.put('qf' + ID % 1))
        done = lab.clear()
        assert (done['changed'], lab.names()) == (False, ['df' + ID % 1, 'qf' + ID % 1])


@pytest.mark.parametrize('name, seen', [('df' + ID % 1, True), ('Qf' + ID % 1, True), ('.df%s.removed-20261123T221500Z.0001.restored' % (ID % 1), True),
                                        ('dead', False)])
def test_processes_are_looked_into(monkeypatch, tmp_path, name, seen):
    """But not at what is on a server that does not answer: of that only the name is known without asking it."""
    monkeypatch.undo()
    path = str(tmp_path / name)
    ready, end = os.pipe()
    child = os.fork()
    if not child:
        os.open(path, os.O_CREAT | os.O_RDWR)
        os.write(end, b'x')
        time.sleep(60)
        os._exit(0)
    really, asked = os.stat, []
    # Of a machine that does not let all its processes be looked into, this one.
    monkeypatch.setattr(os, 'listdir', lambda place, listdir=os.listdir: [str(child)] if place == '/proc' else listdir(place))
    monkeypatch.setattr(os, 'stat', lambda place, **more: asked.append(place) or really(place, **more))
    try:
        os.read(ready, 1)
        used = _debris.open_files()
        about = really(path)
        assert ((about.st_dev, about.st_ino) in used) == seen
        assert [place for place in asked if os.path.samestat(really(place), about)] == [place for place in asked if seen] and len(asked) == seen
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)


def test_what_a_new_subdirectory_has_stranded(lab):
    """Where somebody makes a subdirectory qf, a runner looks for control files there, and those of before stay where they are."""
    lab.put('qf' + ID % 1)
    lab.put('df' + ID % 1, b'body')
    lab.put('core', b'image')
    os.mkdir(os.path.join(lab.path, 'qf'))
    lab.directories = [_spool.QueueDirectory('mqueue', lab.path, os.path.join(lab.path, 'qf'), lab.path, lab.path, False)]
    why = reasons(lab.clear())
    assert 'no queue runner looks for it' in why['qf' + ID % 1] and 'not made by Sendmail' in why['core'] and 'df' + ID % 1 not in why


def test_hostile_names(lab):
    """What no queue has made stays, whatever it is called, and its name is printable in the result."""
    names = ['df\n\x1b[31m', 'qf\x1b]0;title\x07', 'q' * 200, os.fsdecode(b'\xff\xfe')]
    for name in names:
        lab.put(name, b'x')
    os.symlink('/etc', os.path.join(lab.path, 'df' + ID % 1))
    os.symlink('/etc', os.path.join(lab.path, 'backup'))
    done = lab.clear()
    assert done['removed'] == 1 and lab.names() == sorted(names + ['backup'])
    assert '\x1b' not in json.dumps(done, ensure_ascii=False) and '\n\\x1b' not in json.dumps(done)
    json.dumps(done, ensure_ascii=False).encode('utf-8')
    assert list(lab.archived()) == ['df' + ID % 1]
    assert os.path.isdir('/etc')


@pytest.mark.parametrize('how', [None, 'before', 'behind', 'from then on'])
def test_killed_or_failing_at_every_step(tmp_path, monkeypatch, how):
    def prepare(path):
        lab = Lab(path)
        lab.debris, lab.sound = fill(lab)
        lab.put('Qf' + ID % 0)
        lab.put('df' + ID % 0, b'lost')
        os.chmod(os.path.join(lab.path, 'Qf' + ID % 0), 0o666)
        return lab

    def clear(lab):
        try:
            lab.clear()
        except _text.SendmailError as error:
            assert lab.path in str(error) or lab.base in str(error)     # where

    def check(lab, _result=None):
        left, kept = lab.names(), lab.archived()
        assert set(lab.debris) <= set(left) | set(kept)
        assert ('Qf' + ID % 0 in left) != ('qf' + ID % 0 in left) and 'df' + ID % 0 in left
        assert kept.get('df' + ID % 2, b'orphan') == b'orphan'
        lab.clear()
        assert lab.names() == sorted(lab.sound + ['qf' + ID % 0, 'df' + ID % 0])
        assert set(lab.debris) <= set(lab.archived())
    run = functools.partial(failing_at_every_step, tmp_path, monkeypatch, how) if how else functools.partial(killed_at_every_step, tmp_path)
    assert run(prepare, clear, check) > 20


def test_check_mode_promises_no_archive_that_cannot_be(lab, monkeypatch):
    lab.put('df' + ID % 1, b'body')
    room, above, real = types.SimpleNamespace(f_flag=os.ST_RDONLY, f_blocks=9, f_bfree=9), os.stat(os.path.dirname(lab.base)), os.fstatvfs
    monkeypatch.setattr(os, 'fstatvfs', lambda handle: room if os.path.samestat(os.fstat(handle), above) else real(handle))
    with pytest.raises(_text.SendmailError, match='^archive: .*read-only'):
        lab.clear(check_mode=True)
    assert lab.clear(check_mode=True, kinds=['transcript'])['changed'] is False
    assert lab.find()['found'] == 1


def test_what_the_role_archives_before_a_run_is_no_body_that_is_being_received(lab, monkeypatch):
    """A minute is enough for what a rewrite has left, and not for a body whose control file is still to come: a client may be slow."""
    with open(os.path.join(ROOT, 'roles/sendmail_remediate/tasks/hazards.yml')) as stream:
        tasks = yaml.safe_load(stream)
    asked = tasks[0]['mailops.sendmail.sendmail_debris']
    lab.put('df' + ID % 1, b'Begun.\n')
    lab.put('qf' + ID % 2)
    lab.put('df' + ID % 2, b'Complete.\n')
    lab.put('tf' + ID % 2, b'V8\n')
    now = time.time()
    monkeypatch.setattr(_debris.time, 'time', lambda: now + 300)
    lab.clear(older_than=asked['older_than'], kinds=asked['kinds'])
    assert lab.names() == ['df' + ID % 1, 'df' + ID % 2, 'qf' + ID % 2]
