# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
import errno
import itertools
import os
import resource
import socket

import pytest
from ansible_collections.mailops.sendmail.plugins.module_utils import _qf, _spool, _text
from ansible_collections.mailops.sendmail.tests.unit import queue_samples
from ansible_collections.mailops.sendmail.tests.unit.deadline import deadline

(CONTROL,) = queue_samples.sample('01').files.values()
ALL = ('queued', 'quarantined', 'lost', 'incomplete', 'unreadable')


@pytest.fixture(autouse=True)
def bound():
    with deadline(60):
        yield


@pytest.fixture
def queue(tmp_path):
    path = tmp_path / 'mqueue'
    path.mkdir()
    return path


def put(queue, *names, **options):
    for name in names:
        (queue / name).write_bytes(options.get('data', CONTROL))
        if name[:2] in ('qf', 'hf', 'Qf') and options.get('body', True):
            (queue / ('df' + name[2:])).write_bytes(b'body\n')


def ids(count):
    return ['6ANFSGLL%06d' % number for number in range(count)]


def directory_of(path):
    found, errors = _spool.directories([('mqueue', str(path))])
    assert errors == []
    (directory,) = found
    return directory


def run(path, states=ALL, sizes=True, held=frozenset()):
    """(Pass, {name: (row, size)}) of a whole pass."""
    one = _spool.Pass(path if isinstance(path, _spool.QueueDirectory) else directory_of(path), states, sizes, held)
    met = {}
    for batch in one.batches():
        assert len(batch.names) <= _spool.BATCH
        assert len(batch.rows) == len(batch.sizes)
        for number, name in enumerate(batch.names):
            assert name not in met
            met[name] = (batch.rows[number], batch.sizes[number]) if batch.rows else None
    return one, met


def counts(one):
    return dict((key, value) for table in (one.messages, one.debris) for key, value in table.items() if value)


def assert_accounts_for_everything(one):
    """Every name in the directories is a message, a data file, debris, or one of the few that belong there."""
    directory = one.directory
    entries = [(place, name) for place in sorted({directory.path, directory.control, directory.data, directory.transcript}) for name in os.listdir(place)]
    belong = [name for place, name in entries if name[0] == '.' or name in _spool.BELONGS
              or name in ('qf', 'df', 'xf') and os.path.isdir(os.path.join(place, name))]
    data = [name for place, name in entries if place == directory.data and name[:2] == 'df' and os.path.isfile(os.path.join(place, name))
            and not os.path.islink(os.path.join(place, name))]
    debris = sum(count for kind, count in one.debris.items() if kind not in ('data_without_control', 'control_without_data'))
    assert sum(one.messages.values()) + one.vanished + debris + len(data) + len(belong) == len(entries)


# --- which directories there are ---

def paths(found):
    return [directory.path for directory in found]


def test_a_directory(queue):
    (one,), errors = _spool.directories([('mqueue', str(queue) + '/')])
    path = str(queue)
    assert (one, errors) == (_spool.QueueDirectory('mqueue', path, path, path, path, False), [])


def test_a_wildcard_stands_for_directories_with_the_prefix(queue):
    for name in ('q1', 'q2', 'qslow', 'other'):
        (queue / name).mkdir()
    put(queue, 'qf6ANFSGLL000001')
    (queue / 'qlink').symlink_to(queue / 'other')
    (queue / 'qdangling').symlink_to(queue / 'nowhere')
    (queue / 'qfile').symlink_to(queue / 'qf6ANFSGLL000001')
    os.mkfifo(str(queue / 'qfifo'))
    found, errors = _spool.directories([('mqueue', '%s/q*' % queue)])
    assert (paths(found), errors) == ([str(queue / name) for name in ('q1', 'q2', 'qlink', 'qslow')], [])
    assert [one.link for one in found] == [False, False, True, False]
    assert paths(_spool.directories([('mqueue', '%s/*' % queue)])[0]) == [str(queue / name) for name in ('other', 'q1', 'q2', 'qslow')]


def test_a_wildcard_without_a_directory_is_an_error(queue):
    """"can not opendir(/var/spool/mqueue-client/q)", and EX_CONFIG for who submits (multiqueue_cache() in queue.c, seen on a host)."""
    (queue / 'other').mkdir()
    put(queue, 'qf6ANFSGLL000001')
    found, errors = _spool.directories([('mqueue', '%s/q*' % queue)])
    assert (found, errors) == ([], [{'path': '%s/q*' % queue, 'error': 'no directory matches this name'}])


def test_groups_that_share_a_directory_list_it_once(queue):
    (queue / 'q1').mkdir()
    (queue / 'q2').symlink_to('q1')
    found, errors = _spool.directories([('mqueue', '%s/q*' % queue), ('slow', str(queue / 'q1')), ('fast', str(queue / 'q2'))])
    assert ([(one.group, one.path) for one in found], errors) == ([('mqueue', str(queue / 'q1'))], [])
    # readqf() compares a d line with the names of all groups; seen with 8.18, which delivers all three.
    for name, is_ours in (('q1', True), ('q2', True), ('q3', False)):
        line = b'V8\nd%s\n' % os.fsencode(name)
        if is_ours:
            assert _spool.data_directory(found[0], line) is found[0]
        else:
            with pytest.raises(_text.SendmailError, match='not a directory of this queue'):
                _spool.data_directory(found[0], line)


@pytest.mark.parametrize('pattern', ['missing', 'missing/q*', 'file', 'file/q*'])
def test_a_directory_that_is_not_there_is_an_error(queue, pattern):
    (queue / 'file').write_bytes(b'')
    found, errors = _spool.directories([('mqueue', str(queue / pattern)), ('good', str(queue))])
    assert paths(found) == [str(queue)]
    assert errors == [{'path': str(queue / pattern.replace('/q*', '')), 'error': os.strerror(errno.ENOENT if 'missing' in pattern else errno.ENOTDIR)}]


def strangers(link, monkeypatch):
    """Let a symbolic link be somebody else's."""
    if os.geteuid() == 0:
        os.lchown(str(link), 12345, 12345)
        return
    really = os.stat

    def stat(path, **options):
        about = really(path, **options)
        if path != link.name:
            return about
        fields = list(about)
        fields[4] = 12345
        return os.stat_result(fields)
    monkeypatch.setattr(_spool.os, 'stat', stat)


def test_a_strangers_link_is_not_followed_and_said(queue, tmp_path, monkeypatch):
    (tmp_path / 'secret').mkdir()
    (queue / 'q1').symlink_to(tmp_path / 'secret')
    strangers(queue / 'q1', monkeypatch)
    found, errors = _spool.directories([('mqueue', '%s/q*' % queue)])
    assert (found, [error['path'] for error in errors]) == ([], [str(queue / 'q1')])
    assert 'symbolic link' in errors[0]['error']


@pytest.mark.parametrize('part', ['qf', 'df', 'xf'])
def test_a_strangers_link_does_not_split_a_queue(queue, tmp_path, monkeypatch, part):
    (tmp_path / 'secret').mkdir()
    (queue / part).symlink_to(tmp_path / 'secret')
    strangers(queue / part, monkeypatch)
    (one,), errors = _spool.directories([('mqueue', str(queue))])
    assert (one.control, one.data, one.transcript) == (str(queue),) * 3
    assert [error['path'] for error in errors] == [str(queue / part)]


def test_the_administrators_own_links_are_followed(queue, tmp_path):
    (tmp_path / 'link').symlink_to(queue)
    (tmp_path / 'elsewhere').mkdir()
    (queue / 'df').symlink_to(tmp_path / 'elsewhere')
    put(queue, 'qf6ANFSGLL000001', body=False)
    (tmp_path / 'elsewhere' / 'df6ANFSGLL000001').write_bytes(b'body\n')
    directory = directory_of(tmp_path / 'link')
    assert (directory.link, directory.data) == (True, str(tmp_path / 'link' / 'df'))
    one, met = run(directory)
    assert (counts(one), met['qf6ANFSGLL000001'][1]) == ({'queued': 1}, 5)


@pytest.mark.parametrize('parts', [(), ('qf',), ('df',), ('xf',), ('qf', 'df'), ('qf', 'df', 'xf'), ('df', 'xf')])
def test_a_split_queue(queue, parts):
    for part in parts:
        (queue / part).mkdir()
    where = dict((part, queue / part if part in parts else queue) for part in ('qf', 'df', 'xf'))
    directory = directory_of(queue)
    assert directory[2:5] == (str(where['qf']), str(where['df']), str(where['xf']))
    for number, name in enumerate(ids(5)):
        (where['qf'] / (('qf', 'qf', 'hf', 'Qf', 'qf')[number] + name)).write_bytes(CONTROL)
        if number < 4:
            (where['df'] / ('df' + name)).write_bytes(b'body\n')
    (where['df'] / 'df6ANFSGLL000009').write_bytes(b'')
    (where['qf'] / 'tf6ANFSGLL000000').write_bytes(b'')
    (where['xf'] / 'xf6ANFSGLL000000').write_bytes(b'')
    (queue / 'core').write_bytes(b'')
    (queue / '.hoststat').mkdir()
    (queue / 'sm-client.pid').write_bytes(b'')
    one, met = run(directory)
    assert counts(one) == {'queued': 3, 'quarantined': 1, 'lost': 1, 'control_without_data': 1, 'data_without_control': 1, 'temporary': 1,
                           'transcript': 1, 'foreign': 1}
    assert sorted(size or 0 for _row, size in met.values()) == [0, 5, 5, 5, 5]
    assert_accounts_for_everything(one)


def test_a_control_file_where_no_runner_looks_is_foreign(queue):
    for part in ('qf', 'df', 'xf'):
        (queue / part).mkdir()
    put(queue, 'qf6ANFSGLL000001')
    one, met = run(queue)
    assert (counts(one), met) == ({'foreign': 2}, {})
    assert_accounts_for_everything(one)


def test_files_named_like_the_parts_do_not_split(queue):
    put(queue, 'qf', 'xf')
    one, met = run(queue)
    assert one.directory.control == str(queue)
    assert (sorted(met), counts(one)) == (['qf'], {'queued': 1, 'transcript': 1})   # Sendmail runs a file named qf


# --- one pass ---

@queue_samples.each_sample
def test_a_sample(sample, tmp_path):
    """Counts and sizes against the listing of the directory."""
    one, met = run(sample.write(tmp_path / 'q'))
    kinds = [name[:2] for name in sample.sizes]
    control = [name for name in sample.sizes if name[:2] in ('qf', 'hf', 'Qf')]
    expected = {'queued': kinds.count('qf'), 'quarantined': kinds.count('hf'), 'temporary': kinds.count('tf'),
                'data_without_control': kinds.count('df') - len(control)}
    assert counts(one) == dict((key, value) for key, value in expected.items() if value)
    assert dict((name, size) for name, (_row, size) in met.items()) == dict((name, sample.sizes['df' + name[2:]]) for name in control)
    assert all(row[_qf.CREATED] in sample.files[name] for name, (row, _size) in met.items())
    assert_accounts_for_everything(one)


@pytest.mark.parametrize('states, opened', [(('queued',), 'qf'), (('quarantined', 'lost'), 'hf Qf'), (('unreadable',), 'qf hf Qf'), (ALL, 'qf hf Qf')])
def test_only_the_wanted_states_are_opened(queue, monkeypatch, states, opened):
    put(queue, 'qf6ANFSGLL000001', 'hf6ANFSGLL000002', 'Qf6ANFSGLL000003')
    really, names = _spool.read_block, []
    monkeypatch.setattr(_spool, 'read_block', lambda descriptor, name: names.append(name) or really(descriptor, name))
    one, met = run(queue, states)
    assert sorted(name[:2] for name in names) == sorted(opened.split())
    assert sorted(met) == sorted(names)
    assert counts(one) == {'queued': 1, 'quarantined': 1, 'lost': 1}


def test_by_name_only_nothing_is_opened(queue, monkeypatch):
    put(queue, 'qf6ANFSGLL000001', 'hf6ANFSGLL000002', body=False)
    put(queue, 'df6ANFSGLL000003')
    monkeypatch.setattr(_spool, 'read_block', None)
    monkeypatch.setattr(_spool.os, 'stat', None)
    one, met = run(directory_of(queue), None, False)
    assert (met, counts(one)) == ({'qf6ANFSGLL000001': None, 'hf6ANFSGLL000002': None}, {'queued': 1, 'quarantined': 1})


def test_batches_are_bounded_and_lose_nothing(queue, monkeypatch):
    monkeypatch.setattr(_spool, 'BATCH', 7)
    names = ['qf' + name for name in ids(30)]
    put(queue, *names)
    for states in (ALL, ('queued',), None):
        one, met = run(queue, states, states is not None)
        assert sorted(met) == names
        assert counts(one) == {'queued': 30}


def test_a_batch_of_long_control_files_is_bounded_in_bytes(queue, monkeypatch):
    """A thousand messages of a hundred thousand recipients each are some gigabytes."""
    monkeypatch.setattr(_spool, 'LIMIT', 100000)
    data = CONTROL.replace(b'C:bob\n', b'RPFD:<somebody@example.test>\n' * 1000 + b'C:bob\n')
    put(queue, *('qf' + name for name in ids(20)), data=data)
    one = _spool.Pass(directory_of(queue))
    batches = list(one.batches())
    assert sorted(name for batch in batches for name in batch.names) == ['qf' + name for name in ids(20)]
    assert [len(batch.names) for batch in batches] == [4] * 5 and counts(one) == {'queued': 20}


def from_disk(monkeypatch, each):
    """Let each look at what the process has had read from a disk find so many blocks more; returns the names that are announced."""
    counted = itertools.count(0, each)
    monkeypatch.setattr(_spool, '_blocks_read', lambda: next(counted))
    monkeypatch.setattr(_spool, '_AHEAD', 20)
    really, announced = os.posix_fadvise, []

    def advise(handle, offset, size, advice):
        assert advice == os.POSIX_FADV_WILLNEED
        announced.append(os.path.basename(os.readlink('/proc/self/fd/%d' % handle)))
        really(handle, offset, size, advice)
    monkeypatch.setattr(_spool.os, 'posix_fadvise', advise)
    return announced


@pytest.mark.parametrize('each, ahead', [(1000, 56), (2, 0), (0, 0)])
def test_files_are_announced_only_while_the_disk_is_waited_for(queue, monkeypatch, each, ahead):
    put(queue, *('qf' + name for name in ids(60)), body=False)
    announced = from_disk(monkeypatch, each)
    one, met = run(queue, sizes=False)
    assert (len(met), counts(one)) == (60, {'queued': 60})
    assert len(announced) == len(set(announced)) == ahead


def test_a_system_that_takes_no_advice_reads_all_the_same(queue, monkeypatch):
    """Python has posix_fadvise() only where the system does; macOS does not."""
    put(queue, *('qf' + name for name in ids(60)), body=False)
    from_disk(monkeypatch, 1000)
    monkeypatch.delattr(_spool.os, 'posix_fadvise')
    assert len(run(queue, sizes=False)[1]) == 60


def test_announcing_keeps_the_rules_and_changes_no_count(queue, tmp_path, monkeypatch):
    (tmp_path / 'secret').write_bytes(CONTROL)
    fifo, link, hard = ids(3)
    os.mkfifo(str(queue / ('qf' + fifo)))
    (queue / ('qf' + link)).symlink_to(tmp_path / 'secret')
    os.link(str(tmp_path / 'secret'), str(queue / ('qf' + hard)))
    put(queue, *('qf' + name for name in ids(60)[4:]))
    put(queue, 'hf6ANFSGLL000070')
    announced = from_disk(monkeypatch, 1000)
    open_before, really, gone = len(os.listdir('/proc/self/fd')), _spool.Pass._announce, []

    def announce(self, names, control, data):
        """One is delivered, and one becomes a link, between the name and the look."""
        if not gone and len(names) > 4:
            gone.extend([name for name in names if name != 'qf' + hard][:2])
            for name in gone:
                os.unlink(str(queue / name))
            (queue / gone[1]).symlink_to(tmp_path / 'secret')
        really(self, names, control, data)
    monkeypatch.setattr(_spool.Pass, '_announce', announce)
    one, met = run(queue, ('queued',))
    assert counts(one) == {'queued': 54, 'quarantined': 1, 'special': 2, 'unreadable': 2}
    assert (one.vanished, len(met), len(os.listdir('/proc/self/fd'))) == (1, 54, open_before)
    assert len(announced) > 20
    assert not {'qf' + fifo, 'qf' + link, 'hf6ANFSGLL000070', 'secret', *gone} & set(announced)


@pytest.mark.skipif(not os.path.exists('/proc/self/io'), reason='this kernel does not count it')
def test_what_a_disk_has_read_is_counted():
    """The kernel's count (struct rusage), which is the one in /proc/self/io where that is compiled in; there children that have ended count too."""
    with open('/proc/self/io') as stream:
        found = dict(line.split(': ') for line in stream.read().splitlines())
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_inblock
    assert abs(_spool._blocks_read() + children - int(found['read_bytes']) // 512) < 1000


def test_locked_messages_are_told_by_device_and_inode(queue):
    put(queue, *('qf' + name for name in ids(3)))
    about = os.stat(str(queue / ('qf' + ids(2)[1])))
    assert run(queue, held=frozenset([(about.st_dev, about.st_ino)]))[0].locked == {'qf' + ids(2)[1]}
    assert run(queue, held=frozenset([(about.st_dev + 1, about.st_ino)]))[0].locked == set()


def test_reading_leaves_access_times_alone(queue):
    put(queue, 'qf6ANFSGLL000001', 'hf6ANFSGLL000002')
    put(queue, 'qf6ANFSGLL000003', data=CONTROL[:-2])                                         # read whole
    put(queue, 'qf6ANFSGLL000004', data=CONTROL.replace(b'\n.\n', b'\nH??X: ' + b'y' * 20000 + b'\n.\n'))   # the end is looked at
    for path in queue.iterdir():
        os.utime(str(path), (10 ** 9, 10 ** 9))
    one, _met = run(queue)
    assert counts(one) == {'queued': 2, 'quarantined': 1, 'incomplete': 1}
    assert dict((path.name, path.stat().st_atime) for path in queue.iterdir()) == dict((path.name, 10 ** 9) for path in queue.iterdir())


def test_an_access_time_that_may_not_be_left_alone_is_no_error(queue, monkeypatch):
    """Only the owner and root may ask for it."""
    put(queue, 'qf6ANFSGLL000001')
    put(queue, 'qf6ANFSGLL000002', data=CONTROL[:-2])
    really = os.open

    def refuse(path, flags, *mode, **options):
        if flags & os.O_NOATIME:
            raise PermissionError(errno.EPERM, 'Operation not permitted')
        return really(path, flags, *mode, **options)
    monkeypatch.setattr(_spool.os, 'open', refuse)
    assert counts(run(queue)[0]) == {'queued': 1, 'incomplete': 1}


# --- hostile ground ---

def test_what_is_no_file_is_neither_opened_nor_waited_for(queue, tmp_path):
    (tmp_path / 'secret').write_bytes(b'root:secret\n')
    a, b, c, d, e = ids(5)
    os.mkfifo(str(queue / ('qf' + a)))
    (queue / ('qf' + b)).mkdir()
    (queue / ('qf' + c)).symlink_to(tmp_path / 'secret')
    with socket.socket(socket.AF_UNIX) as made:
        here = os.getcwd()
        os.chdir(str(queue))    # the name of a socket is short
        made.bind('qf' + d)
        os.chdir(here)
    os.mkfifo(str(queue / ('df' + e)))
    os.mkfifo(str(queue / ('tf' + e)))
    one, met = run(queue)
    assert (counts(one), met) == ({'special': 6}, {})
    assert_accounts_for_everything(one)


def test_a_hard_link_is_not_read(queue, tmp_path):
    (tmp_path / 'secret').write_bytes(b'root:secret\n')
    os.link(str(tmp_path / 'secret'), str(queue / 'qf6ANFSGLL000001'))
    one, met = run(queue)
    assert (counts(one), met) == ({'unreadable': 1}, {})
    assert one.errors == [{'path': str(queue / 'qf6ANFSGLL000001'), 'error': 'it has 2 names: a hard link, which Sendmail never makes'}]
    assert_accounts_for_everything(one)


def test_a_link_in_place_of_a_data_file_is_not_followed(queue, tmp_path):
    (tmp_path / 'big').write_bytes(b'x' * 9999)
    put(queue, 'qf6ANFSGLL000001', body=False)
    (queue / 'df6ANFSGLL000001').symlink_to(tmp_path / 'big')
    _one, met = run(queue)
    assert met['qf6ANFSGLL000001'][1] < 9999


@pytest.mark.parametrize('name, kind', [
    ('qf' + 'a' * 18, 'queued'), ('qf' + 'a' * 19, 'foreign'), ('Qf' + 'a' * 200, 'foreign'), ('qf', 'queued'), ('q', 'foreign'), ('x', 'foreign'),
    ('QF6ANFSGLL000001', 'foreign'), ('nf6ANFSGLL000001', 'foreign'), ('tf', 'temporary'), ('Tf6ANFSGLL000001', 'pushed_aside'),
    ('core', 'foreign'), ('xf6ANFSGLL000001', 'transcript'), ('sendmail.st', None), ('.nfs0001', None),
])
def test_a_name(queue, name, kind):
    put(queue, name, body=False)
    one, _met = run(queue)
    assert counts(one) in ({} if kind is None else {kind: 1}, {kind: 1, 'control_without_data': 1})
    assert_accounts_for_everything(one)


@pytest.mark.parametrize('identifier', [b'\n', b'\x1b[31mred', b'\xff\xfe', b'b\xc3\xb6b', b' -rf *', b'$(id)', b'..', b'\\x41'])
def test_an_odd_name_is_a_message_whose_name_does_no_harm(queue, identifier):
    for prefix, data in ((b'qf', CONTROL), (b'df', b''), (b'hf', b'')):
        with open(os.fsencode(str(queue)) + b'/' + prefix + identifier, 'wb') as file:
            file.write(data)
    put(queue, os.fsdecode(b'Qf' + identifier), data=b'no control file\n', body=False)
    one, met = run(queue)
    assert counts(one) == {'queued': 1, 'incomplete': 1, 'unreadable': 1}
    assert [os.fsencode(name) for name in met] == [b'qf' + identifier]
    (error,) = one.errors
    assert error['path'].isprintable()
    assert _text.original_bytes(error['path']) == os.fsencode(str(queue)) + b'/Qf' + identifier
    assert_accounts_for_everything(one)


def test_a_name_in_the_way_of_a_terminal_is_printable_in_errors(tmp_path):
    path = tmp_path / 'q\x1b[2J'
    found, errors = _spool.directories([('mqueue', str(path))])
    assert (found, errors) == ([], [{'path': str(tmp_path) + r'/q\x1b[2J', 'error': 'No such file or directory'}])
    path.mkdir()
    assert directory_of(path).error(OSError(5, 'Input/output error'))['path'] == str(tmp_path) + r'/q\x1b[2J'


def test_a_file_that_is_too_large_is_not_read(queue, monkeypatch):
    monkeypatch.setattr(_spool, 'LIMIT', 100000)
    put(queue, 'qf6ANFSGLL000001')
    os.truncate(str(queue / 'qf6ANFSGLL000001'), 100001)
    put(queue, 'qf6ANFSGLL000002', data=CONTROL[:-2] + b'H??X: y\n' * 12000 + b'.\n')
    one, met = run(queue)
    assert (sorted(met), counts(one)) == (['qf6ANFSGLL000002'], {'queued': 1, 'unreadable': 1})
    assert one.errors[0]['error'] == 'it is larger than 100000 bytes: a queue run that looks at it reads all of that first'


def test_errors_are_bounded_and_counted(queue, monkeypatch):
    put(queue, *('qf' + name for name in ids(50)))

    def refuse(_descriptor, _name):
        raise PermissionError(errno.EACCES, 'Permission denied')
    monkeypatch.setattr(_spool, 'read_block', refuse)
    one, met = run(queue)
    assert (met, counts(one), one.errors_total, len(one.errors)) == ({}, {'unreadable': 50}, 50, 10)
    assert set(error['error'] for error in one.errors) == {'Permission denied'}
    assert_accounts_for_everything(one)


def meanwhile(monkeypatch, name, change):
    """Let something happen between listing the directory and opening this file."""
    really = _spool.read_block

    def read_block(descriptor, given):
        if given == name:
            change()
        return really(descriptor, given)
    monkeypatch.setattr(_spool, 'read_block', read_block)


def test_a_message_delivered_meanwhile_has_vanished(queue, monkeypatch):
    put(queue, *('qf' + name for name in ids(5)))
    target = queue / ('qf' + ids(3)[2])

    def deliver():
        (queue / ('df' + target.name[2:])).unlink()
        target.unlink()
    meanwhile(monkeypatch, target.name, deliver)
    one, met = run(queue)
    assert (counts(one), one.vanished, len(met), one.errors) == ({'queued': 4}, 1, 4, [])


def test_a_message_delivered_while_it_was_read_has_vanished_and_lacks_no_data(queue, monkeypatch):
    put(queue, *('qf' + name for name in ids(5)))
    target = queue / ('qf' + ids(3)[2])
    (queue / ('df' + target.name[2:])).unlink()     # Sendmail removes the data first
    really = _spool.read_block

    def read_block(descriptor, name):
        block = really(descriptor, name)
        if name == target.name:
            target.unlink()
        return block
    monkeypatch.setattr(_spool, 'read_block', read_block)
    one, met = run(queue)
    assert (counts(one), one.vanished, len(met)) == ({'queued': 4}, 1, 4)


@pytest.mark.parametrize('make, state', [
    (lambda path, secret: os.mkfifo(path), 'unreadable'),
    (lambda path, secret: os.symlink(secret, path), 'unreadable'),
    (lambda path, secret: os.mkdir(path), 'unreadable'),
    (lambda path, secret: os.link(secret, path), 'unreadable'),
], ids=['fifo', 'symlink', 'directory', 'hard link'])
def test_a_file_that_is_swapped_meanwhile(queue, tmp_path, monkeypatch, make, state):
    secret = tmp_path / 'secret'
    secret.write_bytes(b'root:secret\n')
    put(queue, 'qf6ANFSGLL000001', 'qf6ANFSGLL000002')
    target = str(queue / 'qf6ANFSGLL000001')

    def swap():
        os.unlink(target)
        make(target, str(secret))
    meanwhile(monkeypatch, 'qf6ANFSGLL000001', swap)
    one, met = run(queue)
    assert (counts(one), sorted(met)) == ({'queued': 1, state: 1}, ['qf6ANFSGLL000002'])
    assert 'secret:' not in repr(one.errors)


def test_a_hard_link_to_a_message_of_another_queue(queue, tmp_path):
    """Where the kernel lets anybody link what is not his (fs.protected_hardlinks=0), it is no message of this queue."""
    other = tmp_path / 'other'
    other.mkdir()
    put(other, 'qf6ANFSGLL000001')
    os.link(str(other / 'qf6ANFSGLL000001'), str(queue / 'qf6ANFSGLL000001'))
    put(queue, 'qf6ANFSGLL000002')
    one, met = run(queue)
    assert (counts(one), sorted(met)) == ({'queued': 1, 'unreadable': 1}, ['qf6ANFSGLL000002'])
    assert '2 names' in one.errors[0]['error']


def test_a_directory_that_is_gone_raises(queue):
    directory = directory_of(queue)
    queue.rmdir()
    with pytest.raises(FileNotFoundError):
        run(directory)


def test_descriptors_are_closed(queue, tmp_path):
    for part in ('qf', 'df', 'xf'):
        (queue / part).mkdir()
    directory = directory_of(queue)
    open_before = len(os.listdir('/proc/self/fd'))
    run(directory)
    (queue / 'df').rmdir()
    with pytest.raises(OSError):
        run(directory)
    _spool.directories([('a', '%s/q*' % queue), ('b', '%s/none' % tmp_path)])
    assert len(os.listdir('/proc/self/fd')) == open_before


# --- damaged control files ---

def test_a_file_cut_anywhere_is_incomplete(queue):
    names = ['qf6ANFSG%06d' % length for length in range(len(CONTROL))]
    for length, name in enumerate(names):
        put(queue, name, data=CONTROL[:length])
    one, met = run(queue)
    # Without the very last newline it is whole, as for Sendmail.
    assert (counts(one), list(met)) == ({'incomplete': len(CONTROL) - 1, 'queued': 1}, [names[-1]])
    assert len(one.damaged) == len(CONTROL) - 1
    assert_accounts_for_everything(one)


def test_the_list_of_damaged_files_is_bounded(queue, monkeypatch):
    monkeypatch.setattr(_spool, 'BATCH', 10)
    put(queue, *('qf' + name for name in ids(25)), data=b'')
    one, _met = run(queue)
    assert (one.messages['incomplete'], len(one.damaged)) == (25, 10)


@pytest.mark.parametrize('data, state', [
    (b'', 'incomplete'), (b'V8\n', 'incomplete'), (CONTROL[:-2], 'incomplete'), (CONTROL[:8192 // 2], 'queued'), (b'\0' * 100, 'unreadable'),
    (b'\xff\xd8\xff\xe0JFIF', 'unreadable'), (b'A picture of a\ncat\n', 'unreadable'), (CONTROL.replace(b'V8', b'V9'), 'unreadable'),
    (CONTROL.replace(b'V8', b'V6'), 'queued'), (CONTROL.replace(b'V8\n', b''), 'queued'), (CONTROL.replace(b'\nSalice', b''), 'queued'),
    (CONTROL.replace(b'\nRPFD:bob', b''), 'queued'), (CONTROL.replace(b'\nFs', b'\nY99\nFs'), 'queued'), (CONTROL + b'R:x\n', 'queued'),
    (CONTROL.replace(b'\n', b'\r\n'), 'queued'), (CONTROL.replace(b'\nT', b'\nL'), 'unreadable'), (CONTROL.replace(b'\nT', b'\nT' + b'9' * 9000), 'queued'),
    (CONTROL[:-2] + b'H??X: ' + b'y' * 20000 + b'\n', 'incomplete'), (CONTROL[:-2] + b'H??X: ' + b'y' * 20000 + b'\n.\n', 'queued'),
    (b'\n' * 20000, 'unreadable'),
], ids=lambda value: repr(value)[:20])
def test_the_state_of_a_control_file(queue, data, state):
    put(queue, 'qf6ANFSGLL000001', data=data)
    one, met = run(queue)
    assert counts(one) == {state: 1}
    assert len(met) == (state == 'queued')
    assert all(isinstance(int(row[_qf.CREATED]), int) for row, _size in met.values())
    assert len(one.errors) == (state == 'unreadable')
    assert all(error['error'].isprintable() for error in one.errors)


def test_long_control_files(queue):
    """Recipients or headers beyond the first block."""
    block = b'rRFC822; u%d@example.test\nRPFD:u%d@example.test\n'
    many = b''.join(block % (number, number) for number in range(2000))
    put(queue, 'qf6ANFSGLL000001', data=CONTROL.replace(b'C:bob\n', many + b'C:bob\n'))
    put(queue, 'qf6ANFSGLL000002', data=CONTROL[:-2] + b'H??X: ' + b'y' * 8192 + b'\n.\n')
    for length in (8190, 8191, 8192, 8193, 8194):
        data = CONTROL[:-2] + b'H??X: ' + b'y' * (length - len(CONTROL) - 7) + b'\n.\n'
        assert len(data) == length
        put(queue, 'qf6ANFSGLL00%d' % length, data=data)
    one, met = run(queue)
    assert counts(one) == {'queued': 7}
    recipients = dict((name, len(_qf.RECIPIENT.findall(row[_qf.TAIL]))) for name, (row, _size) in met.items())
    assert recipients.pop('qf6ANFSGLL000001') == 2001
    assert set(recipients.values()) == {1}


@pytest.mark.parametrize('name, group', [('mqueue/fast', 'mqueue/fast'), ('.', ''), ('q2', 'q*')])
def test_data_in_the_queue_that_the_control_file_names(tmp_path, name, group):
    """A d line is a name relative to QueueDirectory; lost is what names no queue directory (readqf(): bogus queue file directory)."""
    for place in ('mqueue', 'mqueue/fast', 'q1', 'q2'):
        (tmp_path / place).mkdir()
    patterns = [('mqueue', str(tmp_path / 'q*'))] if group == 'q*' else [('mqueue', str(tmp_path)), ('fast', str(tmp_path / 'mqueue/fast'))]
    found, errors = _spool.directories(patterns)
    assert errors == []
    home, other = (found[0], found[1]) if name != '.' else (found[1], found[0])
    for number, line in enumerate((name, name, 'nowhere', '/etc', '../' + name, str(tmp_path / 'q3'))):
        data = CONTROL.replace(b'\nMDef', b'\nd%s\nMDef' % os.fsencode(line))
        put(tmp_path / os.path.relpath(home.path, str(tmp_path)), 'qf6ANFSGLL00000%d' % number, data=data, body=False)
    with open(os.path.join(other.data, 'df6ANFSGLL000000'), 'wb') as stream:
        stream.write(b'body\n')
    one = _spool.Pass(home, ('queued',))
    for _batch in one.batches():
        pass
    assert one.messages['queued'] == 6 and one.debris['control_without_data'] == 5


def test_data_outside_the_queue_is_not_looked_for(queue, tmp_path):
    data = CONTROL.replace(b'\nMDef', b'\nd%s\nMDef' % os.fsencode(str(tmp_path)))
    put(queue, 'qf6ANFSGLL000002', data=data, body=False)
    (tmp_path / 'df6ANFSGLL000002').write_bytes(b'body\n')
    assert counts(run(queue)[0]) == {'queued': 1, 'control_without_data': 1}


def test_the_last_d_line_counts():
    assert _spool.named_data(b'V8\nda\nSx\ndb\r\nRPFD:c\n.\n') == b'b' and _spool.named_data(b'V8\nSd\n.\n') is None


# --- what is never a queue ---

NEVER = ('/', '/etc', '/etc/mail', '/etc/cron.d', '/srv', '/home', '/home/bob', '/usr', '/usr/lib', '/usr/lib64', '/var', '/var/spool',
         '/var/mail', '/var/spool/mail', '/var/lib', '/var/log', '/tmp', '/var/tmp', '/root', '/boot', '/boot/efi', '/dev', '/proc/1', '/sys',
         '/run', '/opt', '/bin', '/sbin', '/lib', '/lib64', '/mnt', '/var/spool/cron', '/var/spool/cron/crontabs')


@pytest.mark.parametrize('place', NEVER)
def test_a_place_that_is_never_a_queue(place):
    assert _spool.never(place)


@pytest.mark.parametrize('place', ['/var/spool/mqueue', '/var/spool/mqueue-client', '/var/spool/clientmqueue', '/srv/rescued/mqueue',
                                   '/home/bob/mqueue',
                                   '/tmp/x', '/var/spool/mqueue/q1', '/var/mqueue',
                                   '/data/mail', '/root/mqueue', '/var/lib/sendmail/mqueue', '/etcetera', '/dev/shm/q'])
def test_a_place_that_may_be_a_queue(place):
    assert not _spool.never(place)


@pytest.mark.parametrize('pattern', ['/', '/etc', '/etc/', '/var/spool', '/srv', '/et*', '/usr/../etc', '/var/tmp/../..'])
def test_a_configuration_that_names_one(pattern):
    found, errors = _spool.directories([('mqueue', pattern)])
    assert found == [] and any('never a queue' in error['error'] for error in errors)


def test_roots_own_link_to_one(queue, tmp_path):
    (tmp_path / 'link').symlink_to('/etc')
    (queue / 'q1').symlink_to('/etc')
    (queue / 'df').symlink_to('/etc')
    for pattern in (tmp_path / 'link', queue / 'q*', queue):
        _found, errors = _spool.directories([('mqueue', str(pattern))])
        assert ['never a queue' in error['error'] for error in errors] == [True]


def test_a_directory_full_of_what_no_sendmail_made(queue):
    put(queue, 'qf6ANFSGLL000001')
    for number in range(2):
        (queue / ('report%d.odt' % number)).write_bytes(b'')
    assert _spool.directories([('mqueue', str(queue))])[1] == []
    (queue / 'report3.odt').write_bytes(b'')
    (queue / 'www').mkdir()
    found, errors = _spool.directories([('mqueue', str(queue))])
    assert (found, len(errors)) == ([], 1) and 'not made by Sendmail' in errors[0]['error']
    os.chmod(str(queue), 0o2770)
    assert _spool.directories([('mqueue', str(queue))])[1] == []
    put(queue, *['qf6ANFSGLL0000%02d' % number for number in range(2, 10)])
    os.chmod(str(queue), 0o755)
    assert _spool.directories([('mqueue', str(queue))])[1] == []


# --- links that somebody else can make or swap ---

def opened(path):
    descriptor = _spool.walk(str(path))
    try:
        return os.fstat(descriptor).st_ino
    finally:
        os.close(descriptor)


def test_walk(tmp_path):
    (tmp_path / 'a' / 'b').mkdir(parents=True)
    assert opened(tmp_path / 'a' / '.' / 'b') == (tmp_path / 'a' / 'b').stat().st_ino
    for path in (tmp_path / 'missing', tmp_path / 'a' / 'c' / 'd'):
        with pytest.raises(FileNotFoundError):
            opened(path)
    (tmp_path / 'file').write_bytes(b'')
    with pytest.raises(NotADirectoryError):
        opened(tmp_path / 'file')


def test_links_that_count(tmp_path):
    """Root's own (or those of who runs the tests), also where others can write: nobody else can make such a one."""
    (tmp_path / 'a' / 'b').mkdir(parents=True)
    os.symlink('a', str(tmp_path / 'relative'))
    os.symlink(str(tmp_path / 'relative'), str(tmp_path / 'absolute'))
    os.symlink('loop', str(tmp_path / 'loop'))
    tmp_path.chmod(0o777)
    assert opened(tmp_path / 'absolute' / 'b') == (tmp_path / 'a' / 'b').stat().st_ino
    with pytest.raises(OSError):
        opened(tmp_path / 'loop')


@pytest.mark.skipif(os.geteuid() != 0, reason='a link is given to somebody else')
@pytest.mark.parametrize('make', ['file', 'component', 'hard'])
def test_a_link_on_the_way_that_root_has_not_made(tmp_path, make):
    (tmp_path / 'spool').mkdir()
    (tmp_path / 'victim' / 'mqueue').mkdir(parents=True)
    link = tmp_path / 'spool' / 'link'
    link.symlink_to(tmp_path / 'victim')
    if make == 'hard':
        os.link(str(link), str(tmp_path / 'spool' / 'other'), follow_symlinks=False)
    else:
        os.lchown(str(link), 12345, 12345)
    os.chown(str(tmp_path / 'spool'), 12345, 12345)
    with pytest.raises(OSError, match='symbolic link'):
        _spool.open_directory(str(link) if make == 'file' else str(link / 'mqueue'))


@pytest.mark.skipif(os.geteuid() != 0, reason='a link is given to somebody else')
@pytest.mark.skipif(os.geteuid() != 0, reason='directories of two users')
@pytest.mark.parametrize('mode, reached', [(0o711, True), (0o700, False), (0o744, False)])
def test_a_directory_on_the_way_that_may_only_be_passed(tmp_path, mode, reached):
    """/home often is 0711: path_resolution(7) asks for the right to search, and to open for reading asks for more."""
    (tmp_path / 'way' / 'mine').mkdir(parents=True)
    os.chown(str(tmp_path / 'way' / 'mine'), 1000, 1000)
    (tmp_path / 'way').chmod(mode)
    tmp_path.chmod(0o711)
    start = os.open(str(tmp_path), os.O_RDONLY)
    os.seteuid(1000)
    try:
        if reached:
            descriptor = _spool.walk('way/mine/', start)
            assert os.listdir(descriptor) == []
            os.close(descriptor)
            with pytest.raises(PermissionError):
                _spool.walk('way', start)
        else:
            with pytest.raises(PermissionError):
                _spool.walk('way/mine', start)
    finally:
        os.seteuid(0)
        os.close(start)


@pytest.mark.skipif(os.geteuid() != 0, reason='a link of somebody else')
def test_a_link_swapped_between_two_looks(tmp_path, monkeypatch):
    """Its owner is asked and then where it leads: both must be of one link."""
    (tmp_path / 'good').mkdir()
    (tmp_path / 'bad').mkdir()
    (tmp_path / 'df').symlink_to('good')
    real = os.readlink
    for restore in (False, True):
        def readlink(path, restore=restore, **more):
            os.rename(str(tmp_path / 'df'), str(tmp_path / 'kept'))
            (tmp_path / 'df').symlink_to('bad')
            os.lchown(str(tmp_path / 'df'), 12345, 12345)
            found = real(path, **more)
            if restore:
                os.rename(str(tmp_path / 'kept'), str(tmp_path / 'df'))
            return found
        for number in (_spool._PATH, 0):
            monkeypatch.setattr(_spool, '_PATH', number)
            monkeypatch.setattr(_spool.os, 'readlink', readlink)
            try:
                descriptor = _spool.walk(str(tmp_path / 'df'))
                monkeypatch.setattr(_spool.os, 'readlink', real)
                assert real('/proc/self/fd/%d' % descriptor).endswith('/good')
                os.close(descriptor)
            except OSError as error:
                assert 'symbolic link' in str(error)
            monkeypatch.setattr(_spool.os, 'readlink', real)
            if not os.path.lexists(str(tmp_path / 'df')) or os.readlink(str(tmp_path / 'df')) == 'bad':
                os.replace(str(tmp_path / 'kept'), str(tmp_path / 'df'))


def test_a_directory_swapped_for_another(queue, tmp_path):
    (queue / 'df').mkdir()
    directory = directory_of(queue)
    os.rename(str(queue / 'df'), str(tmp_path / 'old'))
    (queue / 'df').mkdir()
    with pytest.raises(OSError, match='replaced meanwhile'):
        run(directory)


# --- against what a generator wrote ---

DAMAGED = {'empty': 'incomplete', 'cut_envelope': 'incomplete', 'cut_headers': 'incomplete', 'binary': 'unreadable', 'nul': 'queued',
           'no_sender': 'queued', 'no_time': 'unreadable', 'future_version': 'unreadable', 'unknown_letter': 'queued', 'fifo': 'special',
           'symlink': 'special', 'directory': 'special'}
KINDS = {'orphan_df': 'data_without_control', 'empty_tf': 'temporary', 'old_Tf': 'pushed_aside', 'leftover_xf': 'transcript',
         'missing_df': 'control_without_data', 'foreign_file': 'foreign', 'foreign_directory': 'special'}


@queue_samples.needs_generator
@pytest.mark.parametrize('seed, subdirectories, split', [
    (1, 0, ()), (2, 3, ()), (3, 0, ('qf',)), (4, 0, ('df',)), (5, 2, ('qf', 'df')), (6, 0, ('qf', 'df', 'xf')), (7, 3, ('xf', 'df')),
])
def test_counts_add_up_to_the_directory(tmp_path, seed, subdirectories, split):
    path = tmp_path / 'mqueue'
    truth = queue_samples.generator().generate(str(path), 300, seed=seed, now=1795447696, subdirectories=subdirectories, split=split, quarantined=20,
                                               lost=10, damage=2, debris_files=3)
    found, errors = _spool.directories([('mqueue', '%s/q*' % path if subdirectories else str(path))])
    assert (len(found), errors) == (subdirectories or 1, [])
    total, met, vanished = {}, [], 0
    for directory in found:
        one, rows = run(directory)
        assert_accounts_for_everything(one)
        met.extend(rows.items())
        vanished += one.vanished
        for key, count in counts(one).items():
            total[key] = total.get(key, 0) + count
    expected = dict((state, figures['messages']) for state, figures in truth['states'].items())
    for one in truth['damaged']:
        expected[DAMAGED[one['kind']]] = expected.get(DAMAGED[one['kind']], 0) + 1
        if DAMAGED[one['kind']] == 'special':
            # Its data file has no control file that counts.
            expected['data_without_control'] = expected.get('data_without_control', 0) + 1
    for one in truth['debris']:
        expected[KINDS[one['kind']]] = expected.get(KINDS[one['kind']], 0) + 1
    expected['queued'] += len(truth['missing_df'])
    assert (total, vanished) == (expected, 0)
    sound = set(name for name, _row in met) - set('qf' + one['id'] for one in truth['damaged'] + truth['missing_df'])
    assert len(sound) == truth['messages']
    assert sum(size for name, (_row, size) in met if name in sound) == truth['bytes']
    assert sum(len(_qf.RECIPIENT.findall(row[_qf.TAIL])) for name, (row, _size) in met if name in sound) == truth['recipients']
