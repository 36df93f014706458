# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done to a client queue whose user is not root, against that user; and check mode against the run, over a table of spools. Needs root."""
import contextlib
import errno
import fcntl
import json
import os
import resource
import shutil
import signal
import socket
import stat
import tempfile
import time

import pytest

from ansible_collections.mailops.sendmail.plugins.module_utils import (
    _access, _archive, _cf, _debris, _filesystem, _hazards, _identity, _look, _message, _outcome, _platform, _probe, _process, _restoration, _spool, _text)
from ansible_collections.mailops.sendmail.tests.unit.fault_points import killed_at_every_step

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='a queue has files of several users')
UID, GID, SUBMITTER = 12345, 23456, 34567
QF = b'V8\nT%d\nK1000\nN1\nP30018\n%sFs\n$_alice@localhost\nSalice\nRPFD:bob\nH?P?Return-Path: <\x81g>\nH??Subject: t\n.\n'
SETTINGS = {'queue_file_mode': 0o660, 'run_as_user': 'smmsp', 'run_as_group': 'smmsp'}


def identifier(number):
    return '6ANFSGLL%06d' % number


class Lab:
    """A client queue that belongs to a user of its own, the MTA's queue that is root's, and a place for archives."""

    def __init__(self, path):
        self.path = path
        self.client, self.mta, self.base = (os.path.join(path, name) for name in ('mqueue-client', 'mqueue', 'archives'))
        os.mkdir(self.client)
        os.chown(self.client, UID, GID)
        os.chmod(self.client, 0o2770)
        os.mkdir(self.mta)
        os.chmod(self.mta, 0o700)

    def put(self, name, content=b'body\n', place=None, uid=SUBMITTER, gid=GID, mode=0o660, age=7200):
        path = os.path.join(place or self.client, name)
        with open(path, 'wb') as stream:
            stream.write(content)
        os.chown(path, uid, gid)
        os.chmod(path, mode)
        os.utime(path, (time.time() - age,) * 2)
        return path

    def message(self, number, prefix='qf', body=b'body\n', extra=b'', data=None, **more):
        self.put(prefix + identifier(number), QF % (900, extra) if data is None else data, **more)
        if body is not None:
            self.put('df' + identifier(number), body, **more)

    def look(self):
        queues, errors = {}, []
        for queue, path in (('msp', self.client), ('mta', self.mta)):
            queues[queue], wrong = _spool.directories([('mqueue', path)])
            errors += wrong
        if errors:
            raise _text.SendmailError('The queue cannot be read: %s.' % errors)
        return _look.Look(now=int(time.time()), directories=queues, held=set(), layout=_platform.DEBIAN, program={'sendmail': '/nonexistent'},
                          settings={'msp': SETTINGS, 'mta': dict(SETTINGS, run_as_user=None)},
                          submitter={'user': 'smmsp', 'group': 'smmsp', 'uid': UID, 'gid': GID},
                          accounts={'smmsp': {'uid': UID, 'group': GID, 'gid': GID}})

    def act(self, state, check_mode=False, **more):
        params = dict({'queue': 'msp', 'select': None, 'reason': 'test' if state == 'quarantined' else None, 'archive': self.base, 'max_affected': None,
                       'confirm_all': True}, state=state, **more)
        return _message.act(params, check_mode, self.look())

    def clear(self, check_mode=False, queue='msp', **more):
        params = dict({'state': 'absent', 'queue': queue, 'older_than': '0', 'kinds': None, 'archive': self.base}, **more)
        return _debris.clear(params, check_mode, self.look())

    def find(self):
        return _debris.find({'queue': 'msp', 'older_than': '0', 'kinds': None}, self.look())

    def files(self, place=None):
        found = {}
        for name in os.listdir(place or self.client):
            path = os.path.join(place or self.client, name)
            about = os.lstat(path)
            content = None
            if stat.S_ISREG(about.st_mode):
                with open(path, 'rb') as stream:
                    content = stream.read(16 << 20)
            found[name] = (stat.S_IFMT(about.st_mode), content)
        return found


@pytest.fixture
def path():
    """A directory that the users of the test can reach."""
    place = tempfile.mkdtemp(prefix='deeds')
    os.chmod(place, 0o755)
    yield place
    shutil.rmtree(place)


@pytest.fixture
def lab(path):
    return Lab(path)


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(_hazards, 'SETTLE', 0)
    # What the machine that runs the tests has open does not matter, and it may not let itself be looked into.
    monkeypatch.setattr(_debris, 'open_files', set)


def reasons(result):
    return {entry.get('id') or os.path.basename(entry['path']): entry['why'] for entry in result['outcomes'].get('left_alone', [])}


@pytest.mark.parametrize('queues', [('msp',), ('msp', 'mta')])
def test_no_archive_in_a_queue_that_was_not_asked_for(lab, monkeypatch, queues):
    """Three of them, and the queue of the MTA was none any more, because most of what was in it Sendmail had not made."""
    lab.message(1)
    look = lab.look()
    cf = _cf.parse(b'V10\nO QueueDirectory=%s\n' % os.fsencode(lab.mta))
    look = look._replace(directories={queue: look.directories[queue] for queue in queues}, configurations={'msp': None, 'mta': cf},
                         files={'msp': {'path': '/etc/mail/submit.cf'}, 'mta': {'path': '/etc/mail/sendmail.cf'}})
    monkeypatch.setattr(Lab, 'look', lambda self: look)
    for check_mode in (True, False):
        with pytest.raises(_text.SendmailError, match='an archive cannot be in the queue directory %s' % lab.mta):
            lab.act('absent', check_mode, archive=lab.mta + '/archives')
    assert os.listdir(lab.mta) == [] and len(lab.files()) == 2


@pytest.mark.parametrize('tail', ['/', '//', '/.', '/./new/', '/new/../other'])
def test_an_archive_may_be_named_in_any_way(lab, tail):
    """As ls and cd would take it; what is said of it afterwards is the plain path, for both modules."""
    lab.message(1)
    lab.put('df' + identifier(2))
    base = os.path.normpath(lab.base + tail)
    for state, done in (('absent', 'removed'), ('restored', 'restored')):
        checked = lab.act(state, True, archive=lab.base + tail)
        result = lab.act(state, archive=lab.base + tail)
        assert checked[done] == result[done] == 1 and os.path.dirname(result['archive'] + '/x').startswith(base), result
    assert os.path.dirname(lab.clear(archive=lab.base + tail)['archive']) == base


@pytest.mark.parametrize('state, prefix', [('quarantined', 'qf'), ('queued', 'hf')])
def test_check_mode_promises_nothing_that_a_missing_program_would_do(lab, monkeypatch, state, prefix):
    """Sendmail was removed, and mail was left."""
    lab.message(1, prefix=prefix)
    lab.message(2, prefix='Qf')
    look = lab.look()._replace(program={'sendmail': None, 'other_mta': None})
    monkeypatch.setattr(Lab, 'look', lambda self: look)
    told = []
    for check_mode in (True, False):
        with pytest.raises(_text.SendmailError, match='Sendmail is not installed') as raised:
            lab.act(state, check_mode, select={'ids': [identifier(1)]})
        told.append(raised.value.result)
    assert told[0] == told[1] and not told[0]['changed']
    assert lab.act('queued', True, select={'ids': [identifier(2)]})['queued'] == 1, 'which needs no program'
    assert lab.act('queued', select={'ids': [identifier(2)]})['queued'] == 1


@pytest.mark.parametrize('state', ['absent', 'restored'])
def test_a_file_of_a_killed_run_that_its_owner_has_closed_ends_no_other(lab, state):
    """The queue's user can name a file so, as he can all others."""
    lab.message(1)
    archive = lab.act('absent')['archive']
    lab.put('.qf%s.%s.0001.removing' % (identifier(1), os.path.basename(archive)), uid=UID, mode=0)
    lab.message(2)
    result = lab.act(state)
    assert result['removed' if state == 'absent' else 'restored'] == 1
    assert not [name for name in lab.files() if name[0] == '.']


@pytest.mark.parametrize('error, done, why', [
    (FileNotFoundError(2, 'gone'), 'taken', None), (OSError(5, 'Input/output error'), 'left_alone', 'Input/output error')])
def test_what_happens_to_one_while_sendmail_quarantines_is_no_end_of_the_others(lab, monkeypatch, error, done, why):
    """A runner had it, so Sendmail has skipped it, and delivers it while it is looked at again."""
    lab.message(1)
    lab.message(2)
    really, ran = _message.why_stays, []

    def quarantine(_look, _queue, _arguments, names, _transcript):
        ran.extend(names)
        os.rename(os.path.join(lab.client, 'qf' + identifier(2)), os.path.join(lab.client, 'hf' + identifier(2)))

    def why_stays(look, queue, opened, name, after):
        if ran:
            raise error
        return really(look, queue, opened, name, after)
    monkeypatch.setattr(_message, '_sendmail', quarantine)
    monkeypatch.setattr(_message, 'why_stays', why_stays)
    result = lab.act('quarantined')
    assert (len(ran), result['quarantined'], result[done], result['changed']) == (2, 1, 1, True)
    assert result['outcomes'][done][0].get('why') == why


def test_a_name_that_a_directory_gives_twice_is_one_message(lab, monkeypatch):
    """As btrfs of Linux before 6.6, when a runner replaces a control file meanwhile. To open it a second time would drop the lock on it."""
    lab.message(1)
    lab.message(2)
    really, opened = _outcome.find, []
    monkeypatch.setattr(_outcome, 'find', lambda *given: ((queue, directory, [name for name in names for _twice in range(2)])
                                                          for queue, directory, names in really(*given)))
    hold = _archive.hold
    monkeypatch.setattr(_archive, 'hold', lambda directory, name: opened.append(name) or hold(directory, name))
    result = lab.act('absent')
    assert (result['removed'], result['left_alone'], result['taken']) == (2, 0, 0), result
    assert sorted(opened) == ['qf' + identifier(1), 'qf' + identifier(2)]


def test_where_nothing_was_archived_there_is_no_archive(lab):
    """A message in delivery is left alone, and a run that changes nothing leaves no directory for it."""
    lab.message(1)
    handle = os.open(os.path.join(lab.client, 'qf' + identifier(1)), os.O_RDWR)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        result = lab.act('absent')
    finally:
        os.close(handle)
    assert (result['changed'], result['left_alone'], result['archive']) == (False, 1, None)
    assert os.listdir(lab.base) == ['progress.json']
    with open(os.path.join(lab.base, 'progress.json')) as stream:
        assert json.load(stream)['archive'] is None


class TestTheQueuesUser:
    """What root does to the queue is no more than its user could do."""

    def test_there_and_back(self, lab):
        for number in range(3):
            lab.message(number)
        before = lab.files()
        assert lab.act('absent')['removed'] == 3 and lab.files() == {}
        assert lab.act('restored')['restored'] == 3 and lab.files() == before
        for name in before:
            about = os.stat(os.path.join(lab.client, name))
            assert (about.st_uid, about.st_gid, stat.S_IMODE(about.st_mode)) == (UID, GID, 0o660)
        assert os.stat(lab.base).st_uid == 0 and (os.geteuid(), os.getegid()) == (0, 0)

    @pytest.mark.parametrize('part', ['df', 'qf', 'xf'])
    @pytest.mark.parametrize('target', ['victim', 'mqueue'])
    def test_a_link_to_somewhere_else(self, lab, part, target):
        os.mkdir(os.path.join(lab.path, 'victim'))
        lab.message(1, place=lab.mta, uid=0, gid=0, mode=0o600)
        lab.message(1, place=os.path.join(lab.path, 'victim'), uid=0, gid=0, mode=0o644)
        lab.message(2)
        lab.act('absent')
        os.symlink(os.path.join(lab.path, target), os.path.join(lab.client, part))
        os.lchown(os.path.join(lab.client, part), UID, GID)
        outside = [lab.files(os.path.join(lab.path, place)) for place in ('mqueue', 'victim')]
        for work in (lambda: lab.act('absent'), lambda: lab.act('restored'), lambda: lab.act('quarantined'), lambda: lab.act('queued'), lab.clear,
                     lab.find):
            with pytest.raises(_text.SendmailError, match='symbolic link'):
                work()
        assert outside == [lab.files(os.path.join(lab.path, place)) for place in ('mqueue', 'victim')]

    @pytest.mark.parametrize('state', ['absent', 'restored'])
    def test_a_link_that_comes_between_look_and_deed(self, lab, state, monkeypatch):
        victim = os.path.join(lab.path, 'victim')
        os.mkdir(os.path.join(lab.client, 'df'))
        os.chown(os.path.join(lab.client, 'df'), UID, GID)
        os.mkdir(victim)
        lab.put('qf' + identifier(1), QF % (900, b''))
        lab.put('df/df' + identifier(1))
        lab.put('df' + identifier(1), b'secret', victim, 0, 0, 0o600)
        if state == 'restored':
            lab.act('absent')
        real = _hazards.runner

        def runner(*arguments):
            if not os.path.islink(os.path.join(lab.client, 'df')):
                os.rename(os.path.join(lab.client, 'df'), os.path.join(lab.client, 'old'))
                os.symlink(victim, os.path.join(lab.client, 'df'))
                os.lchown(os.path.join(lab.client, 'df'), UID, GID)
            return real(*arguments)
        monkeypatch.setattr(_hazards, 'runner', runner)
        with pytest.raises(_text.SendmailError):
            lab.act(state)
        assert lab.files(victim) == {'df' + identifier(1): (stat.S_IFREG, b'secret')}

    def test_hard_links_to_what_is_not_the_users(self, lab):
        secret = lab.put('secret', QF % (900, b''), lab.path, 0, 0, 0o600)
        for number, name in enumerate(('qf', 'df', 'Qf', 'tf')):
            os.link(secret, os.path.join(lab.client, name + identifier(number)))
        lab.put('qf' + identifier(1), QF % (900, b''))
        about = os.stat(secret)
        lab.act('absent')
        lab.act('queued')
        lab.clear()
        after = os.stat(secret)
        assert (about.st_mode, about.st_uid, about.st_nlink, about.st_mtime) == (after.st_mode, after.st_uid, after.st_nlink, after.st_mtime)

    @pytest.mark.parametrize('attribute, flag, says', [
        (True, 0, r'it is immutable or append-only\. Remove that with chattr -ia\. Nothing was done there\.'),
        (None, os.ST_RDONLY, r'its file system is mounted read-only\. Find out why \(dmesg\) and mount it writable again\. Nothing was done there\.')])
    def test_what_is_in_the_way_is_named_with_its_remedy(self, lab, monkeypatch, attribute, flag, says):
        lab.message(1)
        before = lab.files()
        monkeypatch.setattr(_filesystem, 'immutable', lambda _descriptor: attribute)
        queue, real = os.stat(lab.client), os.fstatvfs
        monkeypatch.setattr(os, 'fstatvfs', lambda descriptor: os.statvfs_result([0] * 8 + [flag, 255])
                            if os.path.samestat(os.fstat(descriptor), queue) else real(descriptor))
        for check_mode in (True, False):
            for state in ('absent', 'quarantined'):
                with pytest.raises(_text.SendmailError, match=says) as error:
                    lab.act(state, check_mode)
                assert 'sendmail_permissions' not in str(error.value)
        assert lab.files() == before

    def test_what_the_runner_may_not_read(self, lab):
        """Wrong owners are put right by one module only; the others say so."""
        lab.message(1, uid=0, gid=0, mode=0o600)
        lab.message(2, prefix='Qf', uid=0, gid=0, mode=0o600)
        lab.message(3, prefix='Qf', uid=0, gid=GID, mode=0o640)
        lab.put('tf' + identifier(4), b'', uid=0, gid=0, mode=0o600)
        before = lab.files()
        for check_mode in (True, False):
            why = reasons(lab.act('absent', check_mode, select={'states': ['queued']}))
            assert 'sendmail_permissions' in why[identifier(1)]
            why = reasons(lab.act('queued', check_mode))
            assert all('sendmail_permissions' in why[identifier(number)] for number in (2, 3)) and len(why) == 2
            assert 'sendmail_permissions' in reasons(lab.clear(check_mode, kinds=['temporary']))['tf' + identifier(4)]
        assert lab.files() == before

    @pytest.mark.parametrize('owner, mode', [((0, 0), 0o700), ((UID, GID), 0o2550), ((0, GID), 0o2750)])
    def test_a_queue_that_its_runner_cannot_work_in(self, lab, owner, mode):
        lab.message(1)
        lab.put('tf' + identifier(4), b'')
        os.chown(lab.client, *owner)
        os.chmod(lab.client, mode)
        before = lab.files()
        for work in (lambda check: lab.act('absent', check), lambda check: lab.act('quarantined', check), lab.clear):
            for check_mode in (True, False):
                with pytest.raises(_text.SendmailError, match='cannot work in .*sendmail_permissions'):
                    work(check_mode)
        assert lab.files() == before

    def test_an_id_forged_in_the_client_queue(self, lab):
        """An empty qf of an id of the MTA's queue does not make the MTA's data file debris."""
        for number, prefix in enumerate(('qf', 'hf', 'Qf', 'tf', 'nf')):
            lab.message(number, prefix=prefix, place=lab.mta, uid=0, gid=0, mode=0o600)
            lab.put('qf' + identifier(number), b'', uid=UID)
        mta = lab.files(lab.mta)
        done = lab.clear(queue='all', kinds=['incomplete', 'data_without_control', 'control_without_data'])
        assert lab.files(lab.mta) == mta and lab.files() == {} and done['removed'] == 5

    def test_a_data_file_whose_control_file_is_elsewhere(self, lab):
        for number, prefix in enumerate(('qf', 'hf', 'Qf', 'tf', 'Tf', 'nf')):
            lab.put('df' + identifier(number))
            lab.put(prefix + identifier(number), QF % (900, b''), lab.mta, 0, 0, 0o600)
        lab.put('df' + identifier(9))
        done = lab.clear(kinds=['data_without_control'])
        assert (done['removed'], done['left_alone']) == (1, 0) and len(lab.files()) == 6

    @pytest.mark.parametrize('first, second, taken', [
        # The d line of which names the other's directory, so that both have one data file; two messages; and the d line that Sendmail writes alone.
        (b'dq2\n', b'', False), (b'', b'dq1\n', False), (b'', b'', True), (b'dq2\n', None, True)])
    def test_data_that_a_control_file_of_another_directory_has_too(self, lab, first, second, taken, monkeypatch):
        places = [os.path.join(lab.client, name) for name in ('q1', 'q2')]
        for place in places:
            os.mkdir(place)
            os.chown(place, UID, GID)
        for place, extra, to in ((places[0], first, b'carol'), (places[1], second, b'bob')):
            if extra is not None:
                lab.put('qf' + identifier(1), (QF % (900, extra)).replace(b'bob', to), place=place)
            if not (first, second)[place == places[1]]:
                lab.put('df' + identifier(1), b'body\n', place=place)
        look = lab.look()._replace(directories={'msp': _spool.directories([('mqueue', lab.client + '/q*')])[0]})
        monkeypatch.setattr(Lab, 'look', lambda self: look)
        before = [lab.files(place) for place in places]
        for check_mode in (True, False):
            done = lab.act('absent', check_mode, select={'recipients': ['carol']})
            assert done['removed'] == taken
            assert taken or 'both have one data file' in reasons(done)[identifier(1)]
        if not taken:
            assert before == [lab.files(place) for place in places]
        elif second is None:
            assert [lab.files(place) for place in places] == [{}, {}]
        else:
            assert [lab.files(place) for place in places] == [{}, before[1]]

    @pytest.mark.parametrize('left', [False, True])
    def test_data_in_another_directory_has_its_name_on_the_disk_before_the_message_counts_as_restored(self, lab, left, monkeypatch):
        """C(left): a killed run has left the data file there already."""
        places = [os.path.join(lab.client, name) for name in ('q1', 'q2')]
        for place in places:
            os.mkdir(place)
            os.chown(place, UID, GID)
        lab.put('qf' + identifier(1), QF % (900, b'dq2\n'), place=places[0])
        lab.put('df' + identifier(1), b'body\n', place=places[1])
        look = lab.look()._replace(directories={'msp': _spool.directories([('mqueue', lab.client + '/q*')])[0]})
        monkeypatch.setattr(Lab, 'look', lambda self: look)
        archive = lab.act('absent')['archive']
        if left:
            lab.put('df' + identifier(1), b'body\n', place=places[1], uid=UID)
        steps, fsync, rename = [], os.fsync, os.rename
        monkeypatch.setattr(os, 'fsync', lambda handle: steps.append(os.readlink('/proc/self/fd/%d' % handle)) or fsync(handle))
        monkeypatch.setattr(os, 'rename', lambda old, new, **more: steps.append(new) or rename(old, new, **more))
        assert lab.act('restored')['restored'] == 1
        record, entered = steps.index(os.path.join(archive, '0001.tar.gz.restored')), steps.index('qf' + identifier(1))
        assert set(places) <= set(steps[:record]) and record < entered, steps
        if not left:
            assert places[1] in steps[steps.index('df' + identifier(1)):record]

    def test_data_that_a_control_file_of_another_queue_is_not_taken(self, lab):
        """A d line names a directory of the same queue, or nothing."""
        lab.message(1, place=lab.mta, uid=0, gid=0, mode=0o600)
        mta = lab.files(lab.mta)
        for number, line in enumerate((lab.mta, '../mqueue', '.', '/etc', './.', '')):
            lab.put('qf' + identifier(number), QF % (900, b'd%s\n' % os.fsencode(line)))
        lab.put('df' + identifier(2))
        done = lab.act('absent')
        assert (done['removed'], done['left_alone']) == (1, 5) and all('not a directory of this queue' in why for why in reasons(done).values())
        lab.clear()
        assert lab.files(lab.mta) == mta and sorted(lab.files()) == ['qf' + identifier(number) for number in (0, 1, 3, 4, 5)]


# Two at once

class TestTwoAtOnce:
    """What one run has on its way between queue and archive is no leftover for another one."""

    @pytest.mark.parametrize('other', ['absent', 'restored', 'queued', 'debris'])
    def test_a_second_run_while_a_removal_is_being_recorded(self, lab, other, monkeypatch):
        for number in range(3):
            lab.message(number)
        real, said = _archive.Writer.removed, []

        def removed(writer, names):
            try:
                lab.clear(archive=lab.base + '2') if other == 'debris' else lab.act(other, archive=lab.base if other == 'restored' else lab.base + '2')
            except _text.SendmailError as error:
                said.append(str(error))
            real(writer, names)
        monkeypatch.setattr(_archive.Writer, 'removed', removed)
        done = lab.act('absent')
        assert len(said) == 1 and 'Another run of this collection works in %s' % lab.client in said[0]
        assert done['removed'] == 3 and lab.files() == {}
        assert lab.act('restored')['restored'] == 3 and len(lab.files()) == 6

    def test_two_queues_in_one_directory_are_one_run(self, lab):
        look = lab.look()
        look.directories['mta'] = look.directories['msp']
        with _access.alone(look), pytest.raises(_text.SendmailError, match='Another run'), _access.alone(lab.look()):
            pass

    @pytest.mark.parametrize('may_be_raised, removed', [(True, 60), (False, 10)])
    def test_few_open_files(self, lab, may_be_raised, removed):
        """Sixty messages are locked at once: the limit is raised, and where that is not allowed what is left says so."""
        for number in range(60):
            lab.message(number)
        child = os.fork()
        if not child:
            # Both limits: only root may raise the second again, and not where a capability is missing.
            os.closerange(3, 65536)      # of the tests before
            few = 43
            resource.setrlimit(resource.RLIMIT_NOFILE, (few, 1024 if may_be_raised else few))
            done = lab.act('absent')
            whys = {entry['why'] for entry in done['outcomes'].get('left_alone', ())}
            said = whys <= {'this process may not open more files (%d): raise that limit (ulimit -Hn)' % few}
            os._exit(0 if done['removed'] + done['left_alone'] == 60 and done['removed'] >= removed and said and bool(whys) != may_be_raised else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert lab.act('restored')['restored'] >= removed and len(lab.files()) == 120

    @pytest.mark.parametrize('prefix', ['qf', 'hf', 'Qf', 'tf', None])
    def test_a_data_file_that_somebody_has_moved_to_another_disk(self, lab, prefix):
        """Sendmail follows the link, so that is the body of a message; without one it is debris."""
        lab.put('kept', b'body\n', place=lab.path)
        link('df' + identifier(1), os.path.join(lab.path, 'kept'), SUBMITTER)(lab)
        if prefix:
            lab.message(1, prefix=prefix, body=None)
        before = lab.files()
        for check_mode in (True, False):
            done = lab.clear(check_mode)
            if prefix:
                assert 'in the place of the data file of a message' in reasons(done)['df' + identifier(1)]
                assert (done['removed'], lab.files()) == (0, before)
            else:
                assert done['removed'] == 1
        assert os.path.exists(os.path.join(lab.path, 'kept'))

    @pytest.mark.parametrize('size, free, removed', [(1 << 40, 1 << 50, 0), (1 << 20, 1 << 19, 0), (1 << 20, 1 << 20, 1)])
    @pytest.mark.parametrize('debris', [True, False])
    def test_a_file_that_no_archive_takes_in_time(self, lab, monkeypatch, size, free, removed, debris):
        """A file of holes costs nobody anything and takes hours to read, with every message of its part locked."""
        lab.message(1, body=None)
        lab.message(2)
        os.truncate(lab.put('df' + identifier(3 if debris else 1)), size)
        monkeypatch.setattr(_archive, 'check_room', lambda base: free)
        work = lab.clear if debris else lambda check_mode=False: lab.act('absent', check_mode)
        before = os.times().user
        for check_mode in (True, False):
            done = work(check_mode)
            assert done['removed'] == 1 + removed
            assert removed or '%d bytes, which are more' % size in reasons(done)[('df' if debris else '') + identifier(3 if debris else 1)]
        assert os.times().user - before < 5

    def test_a_mode_that_is_the_mask_of_an_access_control_list(self, lab, monkeypatch):
        """acl(5): in the queue of root nothing comes back with more for its group than QueueFileMode gives."""
        lab.message(1, place=lab.mta, uid=0, gid=0, mode=0o660)
        lab.act('absent', queue='mta')
        monkeypatch.setitem(SETTINGS, 'queue_file_mode', 0o600)
        assert lab.act('restored', queue='mta')['restored'] == 1
        assert {stat.S_IMODE(os.stat(os.path.join(lab.mta, name)).st_mode) for name in os.listdir(lab.mta)} == {0o600}

    def test_debris_while_a_message_is_being_restored(self, lab, monkeypatch):
        """Between the data file and its control file the data file looks like an orphan."""
        lab.message(1)
        lab.act('absent')
        real, said = _restoration._write, []

        def write(directory, name, *more):
            if name.endswith('.restoring'):
                with _identity.acting(_identity.Identity(0, 0)), pytest.raises(_text.SendmailError, match='Another run'):
                    lab.clear(archive=lab.base + '2')
                said.append(name)
            return real(directory, name, *more)
        monkeypatch.setattr(_restoration, '_write', write)
        assert lab.act('restored')['restored'] == 1 and said and len(lab.files()) == 2

    def test_a_restore_does_not_wait_for_another_one(self, lab):
        """As one that was stopped (SIGSTOP), which would be waited for without an end."""
        lab.message(1)
        archive = lab.act('absent')['archive']
        with open(archive + '/0001.tar.gz.restored', 'w') as marks:
            fcntl.flock(marks, fcntl.LOCK_EX)
            with pytest.raises(_text.SendmailError, match='Another run restores from .*0001.tar.gz'):
                lab.act('restored')
            assert os.path.exists(marks.name)
        assert lab.act('restored')['restored'] == 1

    def test_after_a_failure_others_can_work(self, lab, monkeypatch):
        lab.message(1)
        monkeypatch.setattr(_archive.Writer, 'commit', lambda writer: os.stat('/nonexistent'))
        with pytest.raises(_text.SendmailError):
            lab.act('absent')
        monkeypatch.undo()
        assert lab.act('absent')['removed'] == 1


@pytest.mark.parametrize('extra, name', [(b'qbecause\n', 'hf'), (b'', 'qf')])
def test_a_lost_message_that_was_quarantined(lab, monkeypatch, extra, name):
    """As qf with its q line it would be called queued, and a run would quarantine it again (seen with 8.18): it is, until it is released."""
    def released(_look, _queue, arguments, names, _transcript):
        assert (arguments, names) == (['-qQ', '-Q'], ['hf' + identifier(1)])
        os.rename(os.path.join(lab.client, names[0]), os.path.join(lab.client, 'qf' + identifier(1)))
    monkeypatch.setattr(_message, '_sendmail', released)
    for act in (lab.clear, lambda check_mode: lab.act('queued', check_mode)):
        for left in os.listdir(lab.client):
            os.unlink(os.path.join(lab.client, left))
        lab.message(1, prefix='Qf', extra=extra)
        for check_mode in (True, False):
            done = act(check_mode)
            assert done.get('returned', done.get('queued')) == 1 and done['left_alone'] == 0
        assert ('qf' if 'queued' in done else name) + identifier(1) in os.listdir(lab.client)


# Released

@pytest.mark.parametrize('body, why', [
    (os.mkfifo, 'not a regular file: a run would hang'), (None, 'there is no data file'), (0o600, 'the runner cannot read it')])
def test_what_a_run_would_hang_on_is_not_released(lab, body, why, monkeypatch):
    """As a message that was kept back while an MTA started: what comes back into the queue, the next runner takes."""
    lab.message(1, prefix='hf', body=None)
    if callable(body):
        body(os.path.join(lab.client, 'df' + identifier(1)))
    elif body:
        lab.put('df' + identifier(1), uid=0, gid=0, mode=body)
    ran = []
    monkeypatch.setattr(_message, '_sendmail', lambda *arguments: ran.append(arguments))
    for check_mode in (True, False):
        done = lab.act('queued', check_mode)
        assert (done['changed'], done['queued'], done['left_alone']) == (False, 0, 1) and why in reasons(done)[identifier(1)]
    assert ran == []


# What a killed run left

def kill(lab, at, monkeypatch, **more):
    """A removal that is killed instead of the call of C(at) of the writer."""
    child = os.fork()
    if not child:
        try:
            monkeypatch.setattr(_archive.Writer, at, lambda writer, names: os.kill(os.getpid(), signal.SIGKILL))
            lab.act('absent', **more)
        finally:
            os._exit(1)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])


class TestLeftBetween:
    """A message that a killed run left between queue and archive is seen by whoever looks, wherever its archive is."""

    def test_it_is_said(self, lab, monkeypatch):
        lab.message(1)
        lab.message(2)
        kill(lab, 'removed', monkeypatch, archive=lab.base + '-elsewhere')
        assert sorted(name[:3] for name in lab.files()) == ['.qf', '.qf', 'df6', 'df6']

        def seen():
            one = _spool.Pass(lab.look().directories['msp'][0])
            assert list(one.batches()) == []
            return one
        assert (seen().messages['unreadable'], seen().errors) == (0, [])       # whoever does that may still be at it
        monkeypatch.setattr(_spool, '_STAGED_SECONDS', 0)
        one = seen()
        archive = os.listdir(lab.base + '-elsewhere')
        assert one.messages['unreadable'] == one.errors_total == 2 and any(name in one.errors[0]['error'] for name in archive)
        stuck = _probe._stuck(lab.look(), {queue: {'messages': {'unreadable': 1}} for queue in ('msp', 'mta')}, set())
        assert len(stuck) == 2 and all('give the file the name qf6ANFSGLL00000' in entry['why'] for entry in stuck)
        assert lab.clear()['found'] == 0 and lab.act('absent')['selected'] == 0          # of another base
        assert lab.act('absent', archive=lab.base + '-elsewhere')['removed'] == 2 and seen().errors == []

    def test_an_archive_of_the_same_name_elsewhere(self, lab, monkeypatch):
        """Two bases can have one of the same second; only the one that the message went to can say what became of it."""
        lab.message(1)
        kill(lab, 'removed', monkeypatch, archive=lab.base + '-elsewhere')
        lab.message(2)
        name, = [one for one in os.listdir(lab.base + '-elsewhere') if one[0] == 'r']
        os.rename(lab.act('absent')['archive'], os.path.join(lab.base, name))
        before = lab.files()
        for check_mode in (True, False):
            assert lab.act('absent', check_mode)['selected'] == 0 and lab.files() == before
        assert lab.act('restored', archive=lab.base + '-elsewhere')['restored'] == 1


# Once: what was removed, what was restored, and every point between

class TestOnce:
    def kill_after_commit(self, lab, monkeypatch):
        """A removal that is killed when the archive is on the disk and the queue untouched."""
        child = os.fork()
        if not child:
            try:
                monkeypatch.setattr(_archive.Writer, 'drop', lambda self: os.kill(os.getpid(), signal.SIGKILL) if self.parts else None)
                lab.act('absent')
            finally:
                os._exit(1)
        assert os.WIFSIGNALED(os.waitpid(child, 0)[1])

    def test_delivered_after_a_killed_removal(self, lab, monkeypatch):
        for number in range(4):
            lab.message(number)
        self.kill_after_commit(lab, monkeypatch)
        assert len(lab.files()) == 8
        for number in (0, 1):           # a runner delivers two
            for prefix in ('qf', 'df'):
                os.unlink(os.path.join(lab.client, prefix + identifier(number)))
        for check_mode in (True, False, False):
            done = lab.act('restored', check_mode)
            assert (done['changed'], done['restored'], done['already'], done['left_alone']) == (False, 0, 2, 2)
            assert all('it was probably delivered' in why for why in reasons(done).values())
        assert len(lab.files()) == 4

    def test_check_mode_after_a_killed_removal(self, path, monkeypatch):
        """What a run puts back first, and then removes, is predicted as well."""
        def prepare(place):
            one = Lab(str(place))
            for number in range(3):
                one.message(number)
            return one

        def check(one):
            predicted, before = one.act('absent', True, select={'senders': ['alice']}), one.files()
            assert one.files() == before
            done = one.act('absent', select={'senders': ['alice']})
            assert sorted(entry['id'] for entry in predicted['outcomes'].get('removed', [])) == sorted(
                entry['id'] for entry in done['outcomes'].get('removed', []))
            assert one.files() == {} or set(name[:2] for name in one.files()) == {'df'}
        killed_at_every_step(Place(path), prepare, lambda one: one.act('absent'), check)

    @pytest.mark.parametrize('content, queue, prefix, outcome', [
        (b'x', 'client', 'qf', 'already'), (b'x', 'client', 'hf', 'already'), (b'x', 'client', 'Qf', 'already'),
        # Not the message: what a rewrite left, what has no content, and whatever the user of another queue calls so.
        (b'x', 'client', 'tf', 'left_alone'), (b'', 'client', 'Tf', 'left_alone'), (b'', 'client', 'qf', 'left_alone'),
        (b'', 'mta', 'qf', 'left_alone'), (b'x', 'mta', 'hf', 'left_alone'), (b'x', 'mta', 'tf', 'left_alone')])
    def test_in_a_queue_already(self, lab, content, queue, prefix, outcome):
        """Only what is the message itself counts as brought back; what is in its way does not keep it in the archive for ever."""
        lab.message(1)
        lab.act('absent')
        there = lab.put(prefix + identifier(1), content, getattr(lab, queue), 0, GID)
        before = lab.files(lab.client), lab.files(lab.mta)
        for check_mode in (True, False, False):
            done = lab.act('restored', check_mode)
            assert (done[outcome], done['changed']) == (1, False)
            if outcome == 'left_alone':
                assert reasons(done) == {identifier(1): there + ' has its id. Find out what that is and move it away first'}
            assert before == (lab.files(lab.client), lab.files(lab.mta))
        os.unlink(there)
        assert lab.act('restored')['restored' if outcome == 'left_alone' else 'already'] == 1

    @pytest.mark.parametrize('seconds, body, outcome', [(900, b'body\n', 'already'), (900, b'another\n', 'left_alone'), (901, b'body\n', 'left_alone')])
    def test_an_id_that_came_again(self, lab, seconds, body, outcome):
        """A clock that was set back, or an archive of another host: the message in the queue is not the one in the archive."""
        lab.message(1)
        lab.act('absent')
        lab.message(1, data=QF.replace(b'N0\n', b'N7\n') % (seconds, b''), body=body)
        before = lab.files()
        for check_mode in (True, False):
            done = lab.act('restored', check_mode)
            assert (done[outcome], done['changed'], lab.files()) == (1, False, before)
        lab.act('absent')                   # as a runner does that delivers it
        shutil.rmtree(sorted(entry.path for entry in os.scandir(lab.base) if entry.is_dir())[1])
        assert lab.act('restored')['restored' if outcome == 'left_alone' else 'already'] == 1

    @pytest.mark.parametrize('state, call, where', [
        ('absent', 'fstatvfs', 'archives'), ('restored', 'fstatvfs', 'mqueue-client'), ('restored', 'stat', 'mqueue/qf' + identifier(1))])
    def test_an_error_says_where(self, lab, state, call, where, monkeypatch):
        """An error of a descriptor has no name, and one of a name is not of the archive that is read meanwhile."""
        lab.message(1)
        if state == 'restored':
            lab.act('absent')
        real = getattr(os, call)

        def broken(path, *rest, **more):
            if call == 'fstatvfs' or str(path).startswith('qf'):
                raise OSError(errno.EIO, 'Input/output error', *[path] * (call == 'stat'))
            return real(path, *rest, **more)
        monkeypatch.setattr(os, call, broken)
        with pytest.raises(_text.SendmailError) as caught:
            lab.act(state)
        assert str(caught.value).startswith('Input/output error: %s. ' % os.path.join(lab.path, where))

    @pytest.mark.parametrize('behind, number, outcome', [(True, errno.EIO, 'restored'), (False, errno.EIO, 'left_alone'), (False, errno.ENOENT, 'left_alone')])
    def test_a_server_whose_answer_is_lost(self, lab, behind, number, outcome, monkeypatch):
        lab.message(1)
        lab.act('absent')
        real = os.rename

        def rename(old, new, **more):
            if not new.startswith('qf'):
                return real(old, new, **more)
            if behind:
                real(old, new, **more)
            raise OSError(number, 'lost', new)
        monkeypatch.setattr(os, 'rename', rename)
        done = lab.act('restored')
        assert (done[outcome], 'qf' + identifier(1) in lab.files()) == (1, behind)

    def test_a_left_over_rewrite_of_a_message_that_was_taken_out(self, lab):
        """A full disk leaves a tf file beside the message; both ways of the message do without it."""
        lab.message(1)
        lab.put('tf' + identifier(1), b'')
        assert lab.act('absent')['removed'] == 1
        assert lab.act('restored')['left_alone'] == 1
        assert lab.clear()['removed'] == 1 and lab.act('restored')['restored'] == 1
        os.unlink(os.path.join(lab.client, 'qf' + identifier(1)))      # delivered
        lab.put('tf' + identifier(1), b'')
        assert lab.act('restored')['already'] == 1

    def test_only_the_queue_that_is_asked_for(self, lab):
        lab.message(1)
        lab.message(2, place=lab.mta, uid=0, gid=0, mode=0o600)
        for queue in ('msp', 'mta'):
            assert lab.act('absent', queue=queue)['removed'] == 1
        assert lab.act('restored')['restored'] == 1 and lab.files(lab.mta) == {} and len(lab.files()) == 2
        assert lab.act('restored', queue='mta')['restored'] == 1 and len(lab.files(lab.mta)) == 2
        about = os.stat(os.path.join(lab.mta, 'qf' + identifier(2)))
        assert (about.st_uid, stat.S_IMODE(about.st_mode)) == (0, 0o600)

    def test_what_comes_back_is_synced_before_it_is_recorded(self, lab, monkeypatch):
        """All of it is written first, so that the disk is waited for once; only then has a data file its name, and the archive its record."""
        for number in range(3):
            lab.message(number)
        archive = lab.act('absent')['archive']
        real, seen = os.fsync, []

        def fsync(handle):
            seen.append((os.path.basename(os.readlink('/proc/self/fd/%d' % handle)), sorted(os.listdir(lab.client))))
            real(handle)
        monkeypatch.setattr(os, 'fsync', fsync)
        assert lab.act('restored')['restored'] == 3
        ours = [one for one in seen if 'removed-' in one[0] and one[0][0] == '.']
        hidden = sorted('.%s%s.%s.0001.%s' % (kind, identifier(number), os.path.basename(archive), end)
                        for number in range(3) for kind, end in (('df', 'restored'), ('qf', 'restoring')))
        assert sorted(one[0] for one in ours) == hidden
        assert [one[1] for one in ours] == [hidden] * 6
        named = sorted(hidden[3:] + ['df' + identifier(number) for number in range(3)])
        assert seen.index(('mqueue-client', named)) < seen.index(('0001.tar.gz.restored', named))

    @pytest.mark.parametrize('kind', ['df', 'qf'])
    def test_what_does_not_reach_the_disk_does_not_come_back(self, lab, monkeypatch, kind):
        for number in range(3):
            lab.message(number)
        before, archive = lab.files(), lab.act('absent')['archive']
        real = os.fsync

        def fsync(handle):
            if '.%s%s.' % (kind, identifier(1)) in os.readlink('/proc/self/fd/%d' % handle):
                raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
            real(handle)
        monkeypatch.setattr(os, 'fsync', fsync)
        done = lab.act('restored')
        assert (done['restored'], done['left_alone'], done['selected']) == (2, 1, 3) and 'quota' in reasons(done)[identifier(1)]
        assert sorted(lab.files()) == sorted(name for name in before if identifier(1) not in name)
        with open(archive + '/0001.tar.gz.restored') as marks:
            assert sorted(marks.read().split()) == [identifier(0), identifier(2)]
        monkeypatch.undo()
        assert lab.act('restored')['restored'] == 1 and lab.files() == before

    @pytest.mark.parametrize('kind', ['df', 'qf'])
    def test_a_name_that_is_taken_while_the_disk_is_waited_for(self, lab, monkeypatch, kind):
        lab.message(1)
        archive, real = lab.act('absent')['archive'], os.fsync

        def fsync(handle):
            if '.restoring' in os.readlink('/proc/self/fd/%d' % handle):
                lab.put(kind + identifier(1), b'of somebody else\n')
            real(handle)
        monkeypatch.setattr(os, 'fsync', fsync)
        done = lab.act('restored')
        assert done['left_alone'] == 1 and 'appeared in the queue meanwhile' in reasons(done)[identifier(1)]
        assert lab.files()[kind + identifier(1)][1] == b'of somebody else\n'
        if kind == 'df':
            assert list(lab.files()) == ['df' + identifier(1)] and not os.path.exists(archive + '/0001.tar.gz.restored')

    def test_how_often_a_restore_changes_its_ids(self, lab, monkeypatch):
        for number in range(20):
            lab.message(number)
        lab.act('absent')
        real, changed = _identity._become, []
        monkeypatch.setattr(_identity, '_become', lambda *ids: changed.append(ids) or real(*ids))
        assert lab.act('restored')['restored'] == 20
        assert len(changed) < 3 * 20

    def test_more_than_is_synced_together(self, lab, monkeypatch):
        """No more files are open at a time than that, and the rest of a part comes back as well."""
        monkeypatch.setattr(_restoration, 'TOGETHER', 3)
        for number in range(10):
            lab.message(number)
        before = lab.files()
        lab.act('absent')
        real, opened = os.fsync, []
        monkeypatch.setattr(os, 'fsync', lambda handle: opened.append(len(os.listdir('/proc/self/fd'))) or real(handle))
        first = len(os.listdir('/proc/self/fd'))
        assert lab.act('restored')['restored'] == 10 and lab.files() == before
        assert max(opened) < first + 20 and len(os.listdir('/proc/self/fd')) == first

    @pytest.mark.parametrize('calls, error', [
        (['threading._start_new_thread', 'threading._start_joinable_thread'], RuntimeError("can't start new thread")),    # the second since 3.13
        (['os.posix_fadvise'], OSError(errno.EINVAL, 'Invalid argument'))])
    def test_a_restore_needs_neither_threads_nor_advice(self, lab, monkeypatch, calls, error):
        """As where the processes of a container are counted (pids.max)."""
        lab.message(1)
        lab.message(2)
        before = lab.files()
        lab.act('absent')

        def refuse(*arguments, **more):
            raise error
        for name in calls:
            monkeypatch.setattr(name, refuse, raising=False)
        assert lab.act('restored')['restored'] == 2 and lab.files() == before

    def test_a_name_that_is_no_id(self, lab):
        """A copy that somebody made beside a message is one to a queue run (MAXQFNAME in queue.c), and goes and comes as one."""
        lab.message(1)
        for name, data in (('qf' + identifier(1) + '.bak', 'df' + identifier(1) + '.bak'), ('qfHELLO YOU', 'dfHELLO YOU'), ('qf', 'df'),
                           (os.fsdecode(b'qf\xff\n'), None)):
            lab.put(name, QF % (900, b''))
            if data:
                lab.put(data, b'body\n')
        before = lab.files()
        assert lab.act('absent')['removed'] == 5 and lab.files() == {}
        for check_mode in (True, False):
            done = lab.act('restored', check_mode)
            assert (done['restored'], done['left_alone'], done['selected']) == (4, 1, 5)
            assert 'no data file' in reasons(done)['\\xff\\x0a']
        del before[os.fsdecode(b'qf\xff\n')]
        assert lab.files() == before
        for name in before:
            os.unlink(os.path.join(lab.client, name))
        assert lab.act('restored')['already'] == 4

    def test_a_record_that_cannot_be_read(self, lab):
        lab.message(1)
        archive = lab.act('absent')['archive']
        with open(archive + '/0001.removed', 'wb') as stream:
            stream.write(b'\xff\xfe')
        with pytest.raises(_text.SendmailError, match='0001.removed.*cannot be read'):
            lab.act('restored')
        assert lab.files() == {}

    @pytest.mark.parametrize('name', ['%s.bak', 'before-%s'])
    def test_a_copy_beside_an_archive(self, lab, name):
        """It does not know what was brought back from the other: used as well, it would deliver that twice."""
        lab.message(1, body=b'body 1\n')
        archive = lab.act('absent')['archive']
        copy = os.path.join(lab.base, name % os.path.basename(archive))
        shutil.copytree(archive, copy)
        assert lab.act('restored', archive=archive)['restored'] == 1 and deliver(lab) == [identifier(1)]
        for check_mode in (True, False):
            with pytest.raises(_text.SendmailError, match='may be of a copy') as caught:
                lab.act('restored', check_mode)
            assert [caught.value.result[what] for what in ('restored', 'already')] == [0, 1] and lab.files() == {}
            assert [one['path'] for one in caught.value.result['refused']] == [copy + '/0001.tar.gz']
        assert lab.act('restored', True, archive=copy)['restored'] == lab.act('restored', True, archive=copy + '/0001.tar.gz')['restored'] == 1

    def test_a_damaged_part_among_others(self, lab, monkeypatch):
        monkeypatch.setattr(_outcome, 'BATCH', 2)
        for number in range(6):
            lab.message(number, body=os.urandom(5000))
        before = lab.files()
        archive = lab.act('absent')['archive']
        with open(archive + '/0002.tar.gz', 'r+b') as stream:
            stream.seek(3000)
            stream.write(b'\0\0')
        for check_mode in (True, False):
            with pytest.raises(_text.SendmailError, match='0002.tar.gz cannot be read.*The other parts were used') as caught:
                lab.act('restored', check_mode)
            result = caught.value.result
            assert (result['restored'], [one['path'] for one in result['refused']]) == (4, [archive + '/0002.tar.gz'])
        assert len(lab.files()) == 8 and lab.files().items() <= before.items()

    def test_removal_killed_at_every_step_and_a_runner_between(self, path, monkeypatch):
        """Whatever is in the queue then is delivered; what is restored afterwards is the rest, and each message is somewhere once."""
        monkeypatch.setattr(_outcome, 'BATCH', 2)

        def prepare(place):
            one = Lab(str(place))
            for number in range(3):
                one.message(number, body=b'body %d\n' % number)
            return one

        def check(one):
            delivered = deliver(one)
            try:
                one.act('restored')
            except _text.SendmailError as error:
                assert 'holds no archive' in str(error) or 'cannot be read: No such file' in str(error)
            again = deliver(one)
            assert not set(delivered) & set(again)
            one.act('absent')
            with contextlib.suppress(_text.SendmailError):
                one.act('restored')
            third = deliver(one)
            assert sorted(delivered + again + third) == [identifier(number) for number in range(3)]
            assert one.files() == {}
        assert killed_at_every_step(Place(path), prepare, lambda one: one.act('absent'), check) > 20

    def test_restoring_killed_at_every_step_and_a_runner_between(self, path, monkeypatch):
        monkeypatch.setattr(_outcome, 'BATCH', 2)

        def prepare(place):
            one = Lab(str(place))
            for number in range(3):
                one.message(number, body=b'body %d\n' % number)
            one.act('absent')
            return one

        def check(one):
            delivered = deliver(one)
            one.act('restored')
            again = deliver(one)
            assert not set(delivered) & set(again)
            assert sorted(delivered + again) == [identifier(number) for number in range(3)]
            one.act('restored')
            assert one.files() == {} and deliver(one) == []
        assert killed_at_every_step(Place(path), prepare, lambda one: one.act('restored'), check) > 20


class Place:
    """The little of a pathlib.Path that killed_at_every_step() uses, for directories that others can reach."""

    def __init__(self, path):
        self.path = path

    def __truediv__(self, name):
        return Place(os.path.join(self.path, name))

    def __str__(self):
        return self.path

    def mkdir(self):
        os.mkdir(self.path)


def deliver(lab):
    """What a queue runner does: it delivers what has a control file named qf, with the body that belongs to it. Returns the ids."""
    done = []
    for name in sorted(os.listdir(lab.client)):
        if name[:2] == 'qf':
            with open(os.path.join(lab.client, 'df' + name[2:]), 'rb') as stream:
                assert stream.read() == b'body %d\n' % int(name[-6:])
            os.unlink(os.path.join(lab.client, 'df' + name[2:]))
            os.unlink(os.path.join(lab.client, name))
            done.append(name[2:])
    return done


# Whatever ends the work

class TestEnded:
    @pytest.mark.parametrize('at', [2, 3, 4])
    def test_no_room_in_the_archive(self, lab, monkeypatch, at):
        monkeypatch.setattr(_outcome, 'BATCH', 2)
        for number in range(6):
            lab.message(number)
        calls = []
        real = _archive.Writer.commit

        def commit(self):
            calls.append(1)
            if len(calls) == at:
                raise OSError(errno.ENOSPC, 'No space left on device', self.path)
            real(self)
        monkeypatch.setattr(_archive.Writer, 'commit', commit)
        if at == 4:
            assert lab.act('absent')['removed'] == 6
            return
        with pytest.raises(_text.SendmailError, match='No space left on device') as caught:
            lab.act('absent')
        result = caught.value.result
        assert (result['removed'], result['selected'], result['changed']) == (2 * (at - 1), 6, True)
        assert os.path.isdir(result['archive']) and len(lab.files()) == 12 - 4 * (at - 1)

    def test_a_removal_that_cannot_be_recorded(self, lab, monkeypatch):
        lab.message(1)
        before = lab.files()

        def removed(self, names):
            raise OSError(errno.ENOSPC, 'No space left on device')
        monkeypatch.setattr(_archive.Writer, 'removed', removed)
        with pytest.raises(_text.SendmailError) as caught:
            lab.act('absent')
        assert (caught.value.result['removed'], caught.value.result['left_alone'], lab.files()) == (0, 1, before)
        assert os.path.isdir(caught.value.result['archive'])

    def test_a_signal(self, lab, monkeypatch):
        monkeypatch.setattr(_outcome, 'BATCH', 2)
        for number in range(6):
            lab.message(number)
        real = _archive.Writer.commit

        def commit(self):
            real(self)
            if self.parts == 2:
                os.kill(os.getpid(), signal.SIGTERM)
        monkeypatch.setattr(_archive.Writer, 'commit', commit)
        with pytest.raises(_text.SendmailError, match='ended by signal 15') as caught:
            lab.act('absent')
        assert (caught.value.result['removed'], caught.value.result['selected'], len(lab.files())) == (4, 6, 4)
        assert sorted(os.listdir(caught.value.result['archive'])) == ['0001.removed', '0001.tar.gz', '0002.removed', '0002.tar.gz']

    @pytest.mark.parametrize('what', ['qf', 'df'])
    def test_a_file_that_cannot_be_read(self, lab, monkeypatch, what):
        """One record, and the rest goes on."""
        for number in range(4):
            lab.message(number)
        bad = os.stat(os.path.join(lab.client, what + identifier(2))).st_ino
        for name in ('read', 'pread'):
            real = getattr(os, name)

            def failing(handle, *arguments, real=real):
                if os.fstat(handle).st_ino == bad:
                    raise OSError(errno.EIO, 'Input/output error')
                return real(handle, *arguments)
            monkeypatch.setattr(os, name, failing)
        done = lab.act('absent')
        monkeypatch.undo()
        assert (done['removed'], done['left_alone']) == ((3, 1) if what == 'df' else (3, 1))
        assert 'Input/output error' in reasons(done)[identifier(2)]
        assert sorted(lab.files()) == ['df' + identifier(2), 'qf' + identifier(2)]

    @pytest.mark.parametrize('name', ['qf', 'df', 'tf'])
    def test_debris_that_cannot_be_read(self, lab, monkeypatch, name):
        bad = lab.put(name + identifier(1), b'x' if name == 'df' else b'')
        lab.put('tf' + identifier(2), b'')
        lab.message(2)
        inode = os.stat(bad).st_ino
        for call in ('read', 'pread', 'fstat'):
            real = getattr(os, call)

            def failing(handle, *arguments, real=real):
                if os.stat(handle).st_ino == inode:
                    raise OSError(errno.EIO, 'Input/output error')
                return real(handle, *arguments)
            monkeypatch.setattr(os, call, failing)
        done = lab.clear()
        assert done['removed'] == 1 and 'Input/output error' in reasons(done)[name + identifier(1)]


# One path: check mode says what a run does

def fifo(name):
    return lambda lab: os.mkfifo(os.path.join(lab.client, name))


def link(name, target='/etc/passwd', uid=UID):
    def make(lab):
        os.symlink(target, os.path.join(lab.client, name))
        os.lchown(os.path.join(lab.client, name), uid, GID)
    return make


def linked(name, other):
    return lambda lab: os.link(os.path.join(lab.client, other), os.path.join(lab.client, name))


def listener(name):
    def make(lab):
        here = os.getcwd()
        os.chdir(lab.client)
        try:
            with socket.socket(socket.AF_UNIX) as one:
                one.bind(name)
        finally:
            os.chdir(here)
    return make


def put(name, content=b'', **more):
    return lambda lab: lab.put(name, content, **more)


def sparse(name, size):
    return lambda lab: os.truncate(lab.put(name), size)


def message(**more):
    return lambda lab: lab.message(1, **more)


I1 = identifier(1)
SPOOLS = {
    'sound': [message()], 'quarantined': [message(prefix='hf')], 'lost': [message(prefix='Qf')], 'lost by its owner': [message(prefix='Qf', uid=0)],
    'lost by its mode': [message(prefix='Qf', uid=UID, mode=0o666)], 'lost, of somebody else': [message(prefix='Qf', gid=0)],
    'lost for a letter': [message(prefix='Qf', data=QF.replace(b'Fs', b'Y9') % (900, b''))],
    'lost without data': [message(prefix='Qf', body=None)], 'lost beside qf': [message(prefix='Qf'), message()],
    'lost beside hf': [message(prefix='Qf'), message(prefix='hf')], 'lost beside tf': [message(prefix='Qf'), put('tf' + I1)],
    'lost and cut': [message(prefix='Qf', data=QF[:60])], 'lost and empty': [message(prefix='Qf', data=b'')],
    'young incomplete': [message(data=b'V8\nT900\nK0\n', age=0)], 'young empty': [message(data=b'', age=0)],
    'young incomplete without data': [message(data=b'V8\nT900\nK0\n', body=None, age=0)],
    'df with two names': [message(body=None), put('df' + I1, b'x'), linked('dfx', 'df' + I1)],
    'df shared by two messages': [message(), lambda lab: lab.put('qf' + identifier(2), QF % (900, b'')), linked('df' + identifier(2), 'df' + I1)],
    'df shared with a foreign name': [message(), linked('notes', 'df' + I1)],
    'qf with two names': [message(), linked('qf' + identifier(2), 'qf' + I1)],
    'hf with two names': [message(prefix='hf'), linked('notes', 'hf' + I1)],
    'Qf with two names': [message(prefix='Qf'), linked('notes', 'Qf' + I1)],
    'd line outside': [message(extra=b'd/etc\n')], 'd line to nowhere': [message(extra=b'dnowhere\n', body=None)],
    'd line to itself': [message(extra=b'd.\n')], 'd line twice': [message(extra=b'd.\nd/etc\n')],
    'd line in a lost one': [message(prefix='Qf', extra=b'd/etc\n')],
    'd line, quarantined': [message(prefix='hf', extra=b'd/etc\n')],
    'qf is a FIFO': [fifo('qf' + I1)], 'df is a FIFO': [message(body=None), fifo('df' + I1)], 'hf is a FIFO': [fifo('hf' + I1)],
    'Qf is a FIFO': [fifo('Qf' + I1)], 'tf is a FIFO': [message(), fifo('tf' + I1)],
    'qf is a link': [link('qf' + I1)], 'df is a link': [message(body=None), link('df' + I1)], 'Qf is a link': [link('Qf' + I1)],
    'qf is a link of root': [link('qf' + I1, uid=0)], 'df is a link to a df': [message(), put('df' + identifier(2)), link('df' + identifier(3), 'df' + I1)],
    'qf is a socket': [listener('qf' + I1)], 'df is a socket': [message(body=None), listener('df' + I1)],
    'qf is a directory': [lambda lab: os.mkdir(os.path.join(lab.client, 'qf' + I1))],
    'df is a directory': [message(body=None), lambda lab: os.mkdir(os.path.join(lab.client, 'df' + I1))],
    'qf is a device': [lambda lab: os.mknod(os.path.join(lab.client, 'qf' + I1), stat.S_IFCHR | 0o600, os.makedev(1, 3))],
    'larger than 8 MB': [message(data=b'V8\nT900\nK0\nN0\nP1\nSa\n' + b'RPFD:b\n' * 1300000 + b'.\n')],
    'larger than 8 MB, lost': [message(prefix='Qf', data=b'V8\nT900\nK0\nN0\nP1\nSa\n' + b'RPFD:b\n' * 1300000 + b'.\n')],
    'without data': [message(body=None)], 'data alone': [put('df' + I1, b'x')], 'temporary': [message(), put('tf' + I1)],
    'temporary alone': [put('tf' + I1)], 'complete temporary alone': [message(prefix='tf')], 'pushed aside': [message(), put('Tf' + I1, QF % (900, b''))],
    'complete and pushed aside alone': [message(prefix='Tf')], 'transcript': [put('xf' + I1, b'x')], 'transcript of a message': [message(), put('xf' + I1)],
    'no sender': [message(data=b'V8\nT900\nK0\nN0\nP1\nRPFD:bob\n.\n')], 'no recipient': [message(data=b'V8\nT900\nK0\nN0\nP1\nSa\n.\n')],
    'no time': [message(data=b'V8\nK0\nN0\nP1\nSa\nRPFD:b\n.\n')], 'newer version': [message(data=(QF % (900, b'')).replace(b'V8', b'V99'))],
    'behind the dot': [message(data=QF % (900, b'') + b'x\n')], 'no control file': [message(data=b'\x89PNG\r\n\x1a\n' * 100)],
    'unknown letter': [message(data=QF.replace(b'Fs', b'Y9') % (900, b''))],
    'writable by others': [message(mode=0o666)], 'of root': [message(uid=0, gid=0, mode=0o600)], 'of root, readable': [message(uid=0, gid=0, mode=0o644)],
    'of another group': [message(gid=99)], 'data of root': [message(body=None), put('df' + I1, b'x', uid=0, gid=0, mode=0o600)],
    'name is no id': [put('qf', QF % (900, b'')), put('qfA', QF % (900, b''))], 'name with an escape': [put('qf\x1b[31m\n', QF % (900, b''))],
    'name that is no UTF-8': [put(os.fsdecode(b'qf\xff\xfe'), QF % (900, b''))], 'foreign': [message(), put('core', b'x')],
    'foreign link': [message(), link('backup')], 'unknown prefix': [put('nf' + I1, QF % (900, b'')), put('df' + I1, b'x')],
    'data of a terabyte of holes': [message(body=None), sparse('df' + I1, 1 << 40)], 'holes that belong to no message': [sparse('df' + I1, 1 << 40)],
    'holes that are few': [message(body=None), sparse('df' + I1, 1 << 20)],
    'file of a killed restore': [put('.df%s.removed-20260101T000000Z.0001.restored' % I1, b'x', uid=UID)],
    'quarantined and not': [message(), message(prefix='hf')], 'tf beside hf': [message(prefix='hf'), put('tf' + I1)],
    'sticky directory': [message(), lambda lab: os.chmod(lab.client, 0o3770)],
    'id of the other queue': [message(), lambda lab: lab.message(1, place=lab.mta, uid=0, gid=0)],
    'empty, of the other queue': [put('qf' + I1), lambda lab: lab.message(1, place=lab.mta, uid=0, gid=0)],
    'empty': [],
}
OLD = time.time


def sendmail(lab):
    """Sendmail's -Q, which takes what it is given."""
    def run_all(commands, _parallel, _deadline, _take_line):
        for _key, argv in commands:
            before, after = ('hf', 'qf') if '-qQ' in argv else ('qf', 'hf')
            for argument in argv:
                if argument[:3] == '-qI':
                    os.rename(os.path.join(lab.client, before + argument[3:]), os.path.join(lab.client, after + argument[3:]))
        return []
    return run_all


def outcome_of(work):
    """The result without what only a run has, or the error with it."""
    try:
        result = work()
    except _text.SendmailError as error:
        result = dict(error.result, msg=str(error))
    json.dumps(result, ensure_ascii=False).encode('utf-8')        # every name in it is printable
    return {key: value for key, value in result.items() if key != 'archive'}


def test_the_table_is_long_enough():
    assert len(SPOOLS) >= 60


@pytest.mark.parametrize('state', ['absent', 'quarantined', 'queued', 'restored', 'debris'])
@pytest.mark.parametrize('spool', sorted(SPOOLS))
def test_check_mode_is_the_run(lab, spool, state, monkeypatch):
    """For each spool: check mode changes nothing, says what the run then does, and a second run changes nothing."""
    monkeypatch.setattr(_process, 'run_all', sendmail(lab))
    if state == 'restored':
        with contextlib.suppress(_text.SendmailError):
            lab.message(1)
            lab.message(5)
            lab.act('absent')
    for step in SPOOLS[spool]:
        step(lab)
    if 'young' not in spool:
        monkeypatch.setattr(time, 'time', lambda: OLD() + 3600)
    work = lab.clear if state == 'debris' else lambda check_mode=False: lab.act(state, check_mode)
    before = lab.files(), lab.files(lab.mta), os.path.exists(lab.base) and sorted(os.walk(lab.base))
    predicted = outcome_of(lambda: work(check_mode=True))
    assert (lab.files(), lab.files(lab.mta), os.path.exists(lab.base) and sorted(os.walk(lab.base))) == before
    assert outcome_of(work) == predicted
    after = lab.files()
    assert (after != before[0]) == predicted['changed']
    second = outcome_of(work)
    assert not second['changed'] and lab.files() == after and lab.files(lab.mta) == before[1]
