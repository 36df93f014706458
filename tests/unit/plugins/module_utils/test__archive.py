# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives: parts that prove whole or are refused, and directories that nobody else could have made."""
import errno
import fcntl
import gzip
import io
import json
import os
import random
import stat
import subprocess
import sys
import tarfile
import types
import zlib

import pytest
from ansible_collections.mailops.sendmail.plugins.module_utils import _archive, _text

root = pytest.mark.skipif(os.geteuid() != 0, reason='files of several users are made')


def about(size, kind=stat.S_IFREG):
    return os.stat_result((kind | 0o640, 0, 0, 1, 0, 0, size, 900, 900, 900))


def write(path, count=5, size=300):
    """An archive of C(count) messages; returns (its first part, {name: content})."""
    content = {}
    generator = random.Random(count)
    with _archive.Writer(str(path / 'base'), 'removed', {}) as writer:
        writer.begin()
        for number in range(count):
            for prefix in ('qf', 'df'):
                name = 'msp/var/spool/mqueue-client/%s6ANFSGLL%06d' % (prefix, number)
                data = bytes(generator.getrandbits(8) for _byte in range(size)) + b'text\n' * 100
                writer.add(os.fsencode(name), about(len(data)), data)
                content[name] = data
            writer.record({'id': '6ANFSGLL%06d' % number})
        writer.commit()
        return os.path.join(writer.path, '0001.tar.gz'), content


def read(path):
    """What a part gives once it has proved whole; None when it refuses itself."""
    try:
        with _archive.Part(path) as part:
            part.verify()
            return {member.name: stream.read() for member, stream in part.members() if member.name != 'manifest.jsonl'}
    except _archive.Refused:
        return None


def test_a_sound_part(tmp_path):
    path, content = write(tmp_path)
    assert read(path) == content
    with gzip.open(path) as stream:            # tar(5): blocks of 512 bytes, and two of zeros at the end
        raw = stream.read()
    assert len(raw) % 512 == 0 and raw.endswith(b'\0' * 1024)
    with tarfile.open(path) as archive:        # anybody's tar reads it
        assert archive.getnames() == list(content) + ['manifest.jsonl']


def test_flipped_bits(tmp_path):
    """One or two bits anywhere: what is used is right, always."""
    path, content = write(tmp_path)
    with open(path, 'rb') as stream:
        sound = stream.read()
    generator = random.Random(4711)
    refused = 0
    for _trial in range(400):
        data = bytearray(sound)
        for _bit in range(generator.choice((1, 2))):
            data[generator.randrange(len(data))] ^= 1 << generator.randrange(8)
        with open(path, 'wb') as stream:
            stream.write(data)
        found = read(path)
        assert found in (None, content)
        refused += found is None
    assert refused > 390          # a few bits of gzip's head say nothing about the content


def test_cut_anywhere_and_longer(tmp_path):
    path, content = write(tmp_path, 2)
    with open(path, 'rb') as stream:
        sound = stream.read()
    for length in range(0, len(sound), 7):
        with open(path, 'wb') as stream:
            stream.write(sound[:length])
        assert read(path) is None
    for more in (b'x', sound, b'\0' * 100):
        with open(path, 'wb') as stream:
            stream.write(sound + more)
        assert read(path) is None
    with open(path, 'wb') as stream:
        stream.write(sound)
    assert read(path) == content


def packed(members, manifest):
    """A part made by somebody else: C(members) as (name, type, content), C(manifest) as lines."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode='w') as archive:
        for name, kind, data in members + ([('manifest.jsonl', tarfile.REGTYPE, b''.join(json.dumps(line).encode() + b'\n' for line in manifest))]
                                           if manifest is not None else []):
            info = tarfile.TarInfo(name)
            info.type, info.size = kind, len(data) if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(data))
    return gzip.compress(raw.getvalue())


NAME = 'msp/var/spool/mqueue-client/qf6ANFSGLL000001'
ENTRY = {'name': NAME, 'size': 1, 'sha256': '2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881'}
FILE = (NAME, tarfile.REGTYPE, b'x')


@pytest.mark.parametrize('members, manifest, fits', [
    ([FILE], [{'files': [ENTRY]}], True),
    ([FILE], None, False),
    ([FILE], [], False),
    ([FILE], [{'id': 'without files'}], False),
    ([FILE], [['a list']], False),
    ([FILE], [{'files': [dict(ENTRY, size=2)]}], False),
    ([FILE], [{'files': [dict(ENTRY, sha256='0' * 64)]}], False),
    ([FILE, FILE], [{'files': [ENTRY]}], False),
    ([FILE], [{'files': [ENTRY, ENTRY]}], False),
    ([], [{'files': [ENTRY]}], False),
    ([FILE, ('msp/etc/passwd', tarfile.REGTYPE, b'x')], [{'files': [ENTRY]}], False),
    ([(NAME, tarfile.SYMTYPE, b'')], [{'files': [ENTRY]}], False),
    ([(NAME, tarfile.FIFOTYPE, b'')], [{'files': [ENTRY]}], False),
])
def test_members_against_the_manifest(tmp_path, members, manifest, fits):
    path = tmp_path / '0001.tar.gz'
    path.write_bytes(packed(members, manifest))
    path.chmod(0o600)
    assert read(str(path)) == ({NAME: b'x'} if fits else None)


@pytest.mark.parametrize(
    'data',
    [b'', b'not gzip', gzip.compress(b'no tar'), gzip.compress(b''), zlib.compress(b'x' * 2000)],
    ids=['empty', 'not gzip', 'no tar', 'nothing', 'zlib'],
)
def test_what_is_no_archive(tmp_path, data):
    path = tmp_path / '0001.tar.gz'
    path.write_bytes(data)
    with pytest.raises(_archive.Refused, match='0001.tar.gz cannot be read: (?!None)'), _archive.Part(str(path)) as part:
        part.verify()


def test_a_sound_tar_in_another_wrapping_or_cut_in_it(tmp_path):
    """Only what gzip made has the checksum of gzip, and a tar that ends too early may be whole as gzip."""
    path = tmp_path / '0001.tar.gz'
    raw = gzip.decompress(packed([FILE], [{'files': [ENTRY]}]))
    for data, sound in ((gzip.compress(raw), True), (zlib.compress(raw), False), (raw, False), (gzip.compress(raw[:512]), False),
                        (gzip.compress(raw[:513]), False), (gzip.compress(raw[:1600]), False)):
        path.write_bytes(data)
        path.chmod(0o600)
        assert (read(str(path)) == {NAME: b'x'}) is sound


def test_what_repeats_itself_after_a_while_is_read(tmp_path):
    """gzip looks 32 KiB back."""
    generator = random.Random(3)
    data = bytes(generator.getrandbits(8) for _byte in range(30000))
    path = tmp_path / '0001.tar.gz'
    entry = {'name': NAME, 'size': 60000, 'sha256': _archive.sha256(data * 2).hexdigest()}
    path.write_bytes(packed([(NAME, tarfile.REGTYPE, data * 2)], [{'files': [entry]}]))
    path.chmod(0o600)
    assert read(str(path)) == {NAME: data * 2}


def test_what_follows_a_part_where_a_read_ends(tmp_path, monkeypatch):
    path, content = write(tmp_path, 1)
    monkeypatch.setattr(_archive, '_CHUNK', os.path.getsize(path))
    assert read(path) == content
    with open(path, 'ab') as stream:
        stream.write(b'x')
    assert 'something follows its end' in refusal(path)


def test_a_share_that_goes_stale_when_a_part_is_opened(tmp_path, monkeypatch):
    path, _content = write(tmp_path, 1)
    real = os.fstat

    def fstat(descriptor):
        if stat.S_ISREG(real(descriptor).st_mode):
            raise OSError(errno.ESTALE, 'Stale file handle')
        return real(descriptor)
    with monkeypatch.context() as patched:
        patched.setattr(os, 'fstat', fstat)
        with pytest.raises(_archive.Refused, match='archive: %s cannot be read: Stale file handle' % path), _archive.Part(path):
            pass


def test_a_disk_that_fails_while_a_part_is_read(tmp_path, monkeypatch):
    path, _content = write(tmp_path, 1)

    def fails(_handle, _size):
        raise OSError(_archive.errno.EIO, 'Input/output error')
    with _archive.Part(path) as part, monkeypatch.context() as patch:
        patch.setattr(os, 'read', fails)
        for function in (part.verify, part.content):
            with pytest.raises(_archive.Refused, match='cannot be read: Input/output error'):
                function()


@pytest.mark.parametrize('manifest', [b'{', b'\xff\n', b'{"files": [{"name": 1}]}\n', b'{"files": 7}\n'])
def test_a_manifest_that_is_none(tmp_path, manifest):
    path = tmp_path / '0001.tar.gz'
    path.write_bytes(packed([FILE, ('manifest.jsonl', tarfile.REGTYPE, manifest)], None))
    path.chmod(0o600)
    assert 'its manifest is damaged, or this collection did not write it' in refusal(str(path))


def test_a_control_file_that_is_too_large(tmp_path, monkeypatch):
    path, _content = write(tmp_path)
    monkeypatch.setattr(_archive._spool, 'LIMIT', 100)
    with pytest.raises(_archive.Refused, match='larger than 100 bytes'), _archive.Part(path) as part:
        part.verify()


@root
@pytest.mark.parametrize('spoil', ['owner', 'mode', 'link', 'directory', 'sticky', 'hard link', 'fifo'])
def test_a_part_that_somebody_else_could_have_written(tmp_path, spoil):
    path, _content = write(tmp_path)
    if spoil == 'owner':
        os.chown(path, 12345, 12345)
    elif spoil == 'mode':
        os.chmod(path, 0o620)
    elif spoil in ('directory', 'sticky'):
        os.chmod(os.path.dirname(path), 0o770 if spoil == 'directory' else 0o1777)
    elif spoil == 'hard link':
        os.link(path, str(tmp_path / 'other'))
    else:
        os.rename(path, str(tmp_path / 'other'))
        if spoil == 'link':
            os.symlink(str(tmp_path / 'other'), path)
        else:
            os.mkfifo(path)
    assert read(path) is None


@root
@pytest.mark.parametrize('spoil', ['owner', 'mode', 'link', 'hard link', 'fifo', 'sticky'])
def test_what_lies_beside_a_part_is_trusted_as_the_part(tmp_path, spoil):
    """It says which messages may be brought back, and is read by root: it must not be anybody's, nor block."""
    part, _content = write(tmp_path)
    for name, function in ((part[:-len('.tar.gz')] + '.removed', _archive.removed), (part + '.restored', _archive.restored)):
        assert not function(part)
        with open(name, 'w') as stream:
            stream.write('msp/var/spool/mqueue-client/qf6ANFSGLL000001\n')
        assert len(function(part)) == 1
        if spoil == 'owner':
            os.chown(name, 12345, 12345)
        elif spoil == 'mode':
            os.chmod(name, 0o666)
        elif spoil == 'sticky':
            os.chmod(os.path.dirname(part), 0o1777)
        elif spoil == 'hard link':
            os.link(name, name + 'x')
        else:
            os.rename(name, name + 'x')
            os.symlink(name + 'x', name) if spoil == 'link' else os.mkfifo(name)
        with pytest.raises(_archive.Refused):
            function(part)
        os.chmod(os.path.dirname(part), 0o700)


# Where archives are

def test_every_file_is_opened_so_that_no_link_counts_and_nothing_waits(tmp_path, monkeypatch):
    """Promise 3: a name can be made a link, a FIFO or a terminal after it was looked at; and what is started gets none of the descriptors."""
    real, opened = os.open, []

    def opening(path, flags, *arguments, **more):
        handle = real(path, flags, *arguments, **more)
        opened.append((path, flags, handle))
        return handle
    monkeypatch.setattr(os, 'open', opening)
    part, _content = write(tmp_path, 1)
    with _archive.Writer(str(tmp_path / 'base'), 'removed', {}) as writer:
        writer.begin()
        writer.add(b'msp/q/qf1', about(1), b'x')
        writer.record({})
        writer.commit()
        writer.removed([b'msp/q/qf1'])
        writer.progress(removed=1)
    assert read(part)
    (tmp_path / 'qf1').write_bytes(b'text')
    directory = real(str(tmp_path), os.O_RDONLY)
    for function in (_archive.hold, _archive.open_data):
        os.close(function(directory, 'qf1')[0])
    os.close(directory)
    kinds = {'qf1': os.O_NONBLOCK | os.O_NOCTTY, '0001.tar.gz': os.O_NONBLOCK | os.O_NOCTTY, '0001.tar.gz.partial': os.O_CREAT | os.O_EXCL | os.O_WRONLY,
             '0001.removed.partial': os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 'progress.json.partial': os.O_CREAT | os.O_TRUNC | os.O_WRONLY,
             os.path.basename(os.path.dirname(part)): os.O_DIRECTORY, 'base': os.O_DIRECTORY}
    for name, wanted in kinds.items():
        flags = [one for path, one, _handle in opened if path == name]
        assert flags and all(one & wanted == wanted and one & os.O_CLOEXEC for one in flags), name
        assert name == 'base' or all(one & os.O_NOFOLLOW for one in flags), name
    assert {flags & os.O_ACCMODE for path, flags, _handle in opened if path == 'qf1'} == {os.O_RDWR, os.O_RDONLY}


def test_progress_is_not_written_through_a_link_and_not_into_what_a_killed_run_left(tmp_path):
    with _archive.Writer(str(tmp_path / 'base'), 'removed', {}) as writer:
        writer.begin()
        (tmp_path / 'base' / 'progress.json.partial').write_bytes(b'x' * 5000)
        writer.progress(removed=1)
        assert json.loads((tmp_path / 'base' / 'progress.json').read_text())['removed'] == 1
        (tmp_path / 'other').write_bytes(b'other')
        (tmp_path / 'base' / 'progress.json.partial').symlink_to(tmp_path / 'other')
        with pytest.raises(OSError, match='symbolic link'):
            writer.progress(removed=2)
    assert (tmp_path / 'other').read_bytes() == b'other'


@root
def test_root_is_trusted_whoever_runs_this(tmp_path, monkeypatch):
    path, content = write(tmp_path, 1)
    monkeypatch.setattr(os, 'getuid', lambda: 12345)
    _archive.check_base(str(tmp_path / 'base'), [])
    assert read(path) == content


@pytest.mark.parametrize('last, words', [
    ('file', 'file is not a directory, so it cannot hold an archive'), ('file/archives', 'file is not a directory, so it cannot hold an archive'),
    ('x' * 300, 'cannot be in .*: File name too long')])
def test_a_base_that_cannot_be_made(tmp_path, last, words):
    (tmp_path / 'file').write_bytes(b'')
    for function in (_archive.check_base, _archive.make_base):
        with pytest.raises(_text.SendmailError, match=words):
            function(str(tmp_path / last), [])


def test_a_base_that_another_run_makes_at_the_same_time(tmp_path, monkeypatch):
    real = os.mkdir

    def mkdir(name, *arguments, **more):
        real(name, *arguments, **more)
        raise FileExistsError(_archive.errno.EEXIST, 'File exists')
    monkeypatch.setattr(os, 'mkdir', mkdir)
    os.close(_archive.make_base(str(tmp_path / 'base' / 'below'), []))
    assert (tmp_path / 'base' / 'below').is_dir()


def test_what_is_missing_above_the_archives_is_for_all_to_read(tmp_path):
    mask = os.umask(0o022)
    try:
        os.close(_archive.make_base(str(tmp_path / 'a' / 'b' / 'archives'), []))
    finally:
        os.umask(mask)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ('a', 'a/b', 'a/b/archives')] == [0o755, 0o755, 0o700]


def test_a_queue_directory_that_is_gone_keeps_no_archive_away(tmp_path):
    gone = str(tmp_path / 'mqueue')
    _archive.check_base(str(tmp_path / 'base'), [types.SimpleNamespace(path=gone, control=gone, data=gone, transcript=gone)])


@root
@pytest.mark.parametrize('mode', [0o1777, 0o1770, 0o1773])
def test_a_base_where_others_can_put_names(tmp_path, mode):
    """A sticky directory keeps what root has made there, and lets anybody put links, FIFOs and archives beside it."""
    base = tmp_path / 'base'
    base.mkdir()
    base.chmod(mode)
    for function in (_archive.check_base, _archive.make_base):
        with pytest.raises(_text.SendmailError, match='archive: users other than root can write to .*base'):
            function(str(base), [])
    _archive.check_base(str(base / 'below'), [])
    os.close(_archive.make_base(str(base / 'below'), []))
    _archive.check_base(str(base / 'below'), [])
    assert os.listdir(str(base)) == ['below']


@root
def test_a_base_below_somebody_elses_link(tmp_path):
    (tmp_path / 'open').mkdir()
    (tmp_path / 'victim').mkdir()
    (tmp_path / 'open' / 'base').symlink_to(tmp_path / 'victim')
    os.lchown(str(tmp_path / 'open' / 'base'), 12345, 12345)
    for function in (_archive.check_base, _archive.make_base):
        with pytest.raises(_text.SendmailError, match='symbolic link'):
            function(str(tmp_path / 'open' / 'base' / 'archives'), [])
    assert os.listdir(str(tmp_path / 'victim')) == []


@root
def test_a_base_that_is_swapped_while_it_is_made(tmp_path, monkeypatch):
    """What counts is the directory that was made, not the one that the path leads to."""
    (tmp_path / 'theirs').mkdir()
    os.chown(str(tmp_path / 'theirs'), 12345, 12345)
    real = os.mkdir

    def mkdir(name, *arguments, **more):
        real(name, *arguments, **more)
        if name == 'base':
            os.rename(str(tmp_path / 'base'), str(tmp_path / 'ours'))
            os.rename(str(tmp_path / 'theirs'), str(tmp_path / 'base'))
    monkeypatch.setattr(os, 'mkdir', mkdir)
    with pytest.raises(_text.SendmailError, match='archive: users other than root'):
        _archive.make_base(str(tmp_path / 'base' / 'below'), [])
    assert os.listdir(str(tmp_path / 'base')) == []


@pytest.mark.parametrize('mode', [0o755, 0o640, 0o604])
def test_a_file_system_that_keeps_no_modes(tmp_path, monkeypatch, mode):
    """On vfat, exFAT and many a share a file is for everybody whatever mode it was made with."""
    real = os.fstat

    def fstat(descriptor):
        found = real(descriptor)
        return os.stat_result((stat.S_IFREG | mode,) + tuple(found)[1:]) if stat.S_ISREG(found.st_mode) else found
    base = tmp_path / 'base'
    base.mkdir(0o700)
    with _archive.Writer(str(base), 'removed', {}) as writer:
        writer.lock()
        monkeypatch.setattr(os, 'fstat', fstat)
        with pytest.raises(_text.SendmailError, match='other users can read'):
            writer.begin()
        monkeypatch.undo()
    assert [name for _where, _directories, names in os.walk(str(base)) for name in names] == []


def test_what_cannot_be_known_of_a_base_is_said_with_its_path(tmp_path, monkeypatch):
    def trusted(_descriptor, _path, _passing=True):
        raise OSError(errno.EROFS, 'Read-only file system')
    monkeypatch.setattr(_archive, '_base_check', lambda queues: lambda descriptor, path: None)
    monkeypatch.setattr(_archive, '_trusted', trusted)
    with pytest.raises(OSError, match='Read-only') as raised:
        _archive.check_base(str(tmp_path / 'base'), ())
    assert raised.value.filename == str(tmp_path / 'base')


def test_a_base_in_a_queue(tmp_path):
    queue = tmp_path / 'mqueue'
    queue.mkdir()
    (tmp_path / 'link').symlink_to(queue)
    directory = types.SimpleNamespace(path=str(queue), control=str(queue), data=str(queue), transcript=str(queue))
    for base in (queue, queue / 'archives', queue / 'a' / 'b', tmp_path / 'link' / 'archives'):
        with pytest.raises(_text.SendmailError, match='in the queue directory'):
            _archive.check_base(str(base), [directory])
    _archive.check_base(str(tmp_path / 'mqueue-archives'), [directory])


@pytest.mark.parametrize('base', ['/etc/cron.d', '/etc/cron.d/archives', '/', '/var', '/var/backups', '/usr/lib/mail', '/var/spool/cron/mail', '/root'])
def test_a_base_that_is_a_directory_of_the_system(base):
    """Cron would run what lies in one of them, and all that looks for archives would read the others."""
    for function in (_archive.check_base, _archive.make_base):
        with pytest.raises(_text.SendmailError, match='%s belongs to the system' % base):
            function(base, [])


def test_a_link_of_root_to_a_directory_of_the_system(tmp_path):
    (tmp_path / 'link').symlink_to('/etc')
    with pytest.raises(_text.SendmailError, match='/etc/archives belongs to the system'):
        _archive.check_base(str(tmp_path / 'link' / 'archives'), [])


def test_what_a_killed_run_left_is_cleared(tmp_path):
    path, content = write(tmp_path)
    base = tmp_path / 'base'
    (base / 'removed-20260101T000000Z').mkdir()
    (base / 'removed-20260101T000000Z' / '0001.tar.gz.partial').write_bytes(b'half')
    (base / 'debris-20260101T000000Z-1').mkdir()
    (base / 'debris-20260101T000000Z-1' / '0002.tar.gz.partial').write_bytes(b'half')
    (base / 'debris-20260101T000000Z-1' / '0001.tar.gz').write_bytes(b'kept')
    (base / 'mine').mkdir()
    (base / 'mine' / 'x.partial').write_bytes(b'')
    with _archive.Writer(str(base), 'removed', {}) as writer:
        writer.lock()
    assert not (base / 'removed-20260101T000000Z').exists() and os.listdir(str(base / 'debris-20260101T000000Z-1')) == ['0001.tar.gz']
    assert (base / 'mine' / 'x.partial').exists() and read(path) == content


@pytest.mark.parametrize('backwards', [False, True])
def test_nothing_is_cleared_through_a_link_and_nothing_behind_one_is_forgotten(tmp_path, monkeypatch, backwards):
    base, real = tmp_path / 'base', os.listdir
    (tmp_path / 'other').mkdir()
    (tmp_path / 'other' / 'x.partial').write_bytes(b'')
    names = ['debris-20260101T000000Z', 'mine', 'removed-20260101T000000Z', 'removed-20260101T000000Z-1']
    base.mkdir()
    for name in names:
        if name == 'removed-20260101T000000Z':
            (base / name).symlink_to(tmp_path / 'other')
        else:
            (base / name).mkdir()
            (base / name / '0001.tar.gz.partial').write_bytes(b'half')
    monkeypatch.setattr(os, 'listdir', lambda path: sorted(real(path), reverse=backwards))
    with _archive.Writer(str(base), 'removed', {}) as writer:
        writer.lock()
    assert sorted(real(str(base))) == ['mine', 'removed-20260101T000000Z']
    assert real(str(tmp_path / 'other')) == ['x.partial'] and real(str(base / 'mine')) == ['0001.tar.gz.partial']


def test_a_full_disk_leaves_no_half_part(tmp_path):
    """As a limit on the size of a file shows it, which needs no file system of its own."""
    script = ('import resource, signal, sys; sys.path[:0] = %r; import conftest\n'
              'from ansible_collections.mailops.sendmail.plugins.module_utils import _archive\n'
              'import os; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))\n'
              'with _archive.Writer(%r, "removed", {}) as writer:\n'
              '    writer.begin()\n'
              '    try:\n'
              '        for number in range(100):\n'
              '            writer.add(b"msp/x/qf%%d" %% number, os.stat("/"), os.urandom(10000))\n'
              '        writer.commit()\n'
              '    except OSError as error:\n'
              '        print(error.strerror)\n') % ([os.path.join(os.path.dirname(__file__), '..', '..')], str(tmp_path / 'base'))
    done = subprocess.run([sys.executable, '-c', script], stdout=subprocess.PIPE, check=True)
    assert done.stdout == b'File too large\n'
    assert [name for _top, _directories, names in os.walk(str(tmp_path)) for name in names] == []


def test_an_archive_that_went_away_takes_nothing(tmp_path):
    """As with a file system that is unmounted while it is written to: the descriptors still work, and nobody finds what is in it."""
    base = tmp_path / 'base'
    with _archive.Writer(str(base), 'removed', {}) as writer:
        writer.begin()
        writer.add(b'msp/x/qf1', os.stat('/'), b'x')
        writer.commit()
        writer.progress(removed=1)
        writer.begin()
        writer.add(b'msp/x/qf2', os.stat('/'), b'x')
        base.rename(tmp_path / 'elsewhere')
        base.mkdir()
        with pytest.raises(OSError, match='no longer there'):
            writer.commit()
        with pytest.raises(OSError, match='no longer there'):
            writer.progress(removed=2)
        assert writer.parts == 1


@pytest.mark.parametrize('room, says', [
    ((os.ST_RDONLY, 9, 9), 'read-only'), ((0, 9, 0), 'full'), ((0, 9, 2), 8192), ((0, 0, 0), _archive.ENDLESS),
])
def test_room_for_an_archive(tmp_path, monkeypatch, room, says):
    """What check mode must not promise, and how much there is."""
    found = types.SimpleNamespace(f_flag=room[0], f_blocks=room[1], f_bfree=room[2], f_frsize=4096)
    monkeypatch.setattr(os, 'fstatvfs', lambda _handle: found)
    if isinstance(says, int):
        assert _archive.check_room(str(tmp_path / 'not' / 'there')) == says
    else:
        with pytest.raises(_text.SendmailError, match=says):
            _archive.check_room(str(tmp_path / 'not' / 'there'))


@pytest.mark.parametrize('size, blocks, room, fits', [
    (0, 0, 1, True), (1024, 2, 1024, True), (1025, 3, 1024, False),
    # Holes: 256 MiB, as a file system that compresses may save of one mail, and one byte more.
    (256 << 20, 0, 1 << 40, True), ((256 << 20) + 1, 0, 1 << 40, False), ((256 << 20) + 512, 1, 1 << 40, True),
    (1 << 40, 1 << 31, 1 << 40, True)])
def test_a_file_that_no_archive_takes(size, blocks, room, fits):
    about = types.SimpleNamespace(st_size=size, st_blocks=blocks)
    if fits:
        _archive.check_size(about, room)
    else:
        with pytest.raises(_text.SendmailError, match='it has %d bytes' % size):
            _archive.check_size(about, room)


# What is written

def described(name, found, size, kind=b'0', target=b''):
    """The header of a file as tarfile reads it."""
    raw = _archive.header(name, found, size, kind, target)
    with tarfile.open(fileobj=io.BytesIO(raw + b'\0' * 1024), mode='r:', encoding='utf-8', errors='surrogateescape') as archive:
        return archive.next()


@pytest.mark.parametrize('name', [b'msp/q/qf1', b'n' * 100, b'n' * 101, b'n' * 300, b'm\xc3\xb6\xff'])
@pytest.mark.parametrize('uid, gid, size, mtime, shown', [
    (0, 0, 0, 0, 0), (105, 108, 1, 1795447696, 1795447696), (0o7777777, 0o7777777, 0o77777777777, 1, 1), (0o10000000, 1, 2, 3, 3), (1, 0o10000000, 2, 3, 3),
    (1, 2, 0o100000000000, 3, 3)])
def test_a_header_says_what_the_file_is(name, uid, gid, size, mtime, shown):
    info = described(name, os.stat_result((stat.S_IFREG | 0o6741, 7, 8, 1, uid, gid, size, 1, mtime, 2)), size)
    assert (os.fsencode(info.name), info.mode, info.uid, info.gid, info.size, info.mtime, info.type) == (name, 0o6741, uid, gid, size, shown, tarfile.REGTYPE)


@pytest.mark.parametrize('mtime', [0o77777777777, 0o100000000000, 99999999999, 1 << 62])
def test_a_file_from_the_far_future_leaves_the_part_whole(tmp_path, mtime):
    """Whoever owns a file sets its time; the twelve digits of a plain header end in 2242."""
    with _archive.Writer(str(tmp_path / 'base'), 'removed', {}) as writer:
        writer.begin()
        for name, when in ((b'msp/q/qf1', 900), (b'msp/q/df1', mtime)):
            writer.add(name, os.stat_result((stat.S_IFREG | 0o640, 0, 0, 1, 0, 0, 4, when, when, when)), b'text')
        writer.record({'id': '1'})
        writer.commit()
        path = os.path.join(writer.path, '0001.tar.gz')
    assert read(path) == {'msp/q/qf1': b'text', 'msp/q/df1': b'text'}
    with tarfile.open(path) as archive:
        assert archive.getmember('msp/q/df1').mtime == mtime


def test_a_file_from_before_1970_is_of_1970():
    found = os.stat_result((stat.S_IFREG | 0o600, 0, 0, 1, 0, 0, 1, 0, -5, 0))
    assert described(b'x', found, 1).mtime == 0


class Sized:
    """An os.stat_result with a device number."""

    def __init__(self, kind):
        self.st_mode, self.st_uid, self.st_gid, self.st_mtime, self.st_rdev = kind | 0o620, 1, 2, 900, os.makedev(4, 65)


@pytest.mark.parametrize('kind, target, wanted', [
    (stat.S_IFLNK, b'/etc/passwd', (tarfile.SYMTYPE, '/etc/passwd', 0, 0)), (stat.S_IFIFO, b'', (tarfile.FIFOTYPE, '', 0, 0)),
    (stat.S_IFCHR, b'', (tarfile.CHRTYPE, '', 4, 65)), (stat.S_IFBLK, b'', (tarfile.BLKTYPE, '', 4, 65))])
def test_what_is_no_regular_file(tmp_path, kind, target, wanted):
    with _archive.Writer(str(tmp_path / 'base'), 'debris', {}) as writer:
        writer.begin()
        writer.add_special(b'msp/q/x', Sized(kind), target)
        writer.record({'why': 'debris'})
        writer.commit()
        part = os.path.join(writer.path, '0001.tar.gz')
    with _archive.Part(part) as opened:
        (record,) = opened.verify()
        (info, stream), _manifest = opened.members()
    assert (info.type, info.linkname, info.devmajor, info.devminor) == wanted and stream is None and info.size == 0
    assert record == {'why': 'debris', 'files': [{'name': 'msp/q/x', 'size': 0, 'sha256': _archive.sha256(b'').hexdigest()}]}


CHUNK = 1000
SIZES = (0, 1, 511, 512, 513, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 5 * CHUNK + 24)


def put_file(writer, path, size):
    with open(str(path), 'rb') as stream:
        writer.add_file(b'msp/q/' + os.fsencode(path.name), about(size), stream.fileno())


def test_files_of_any_size(tmp_path, monkeypatch):
    monkeypatch.setattr(_archive, '_CHUNK', CHUNK)
    generator = random.Random(1)
    content = {}
    with _archive.Writer(str(tmp_path / 'base'), 'removed', {}) as writer:
        writer.begin()
        for size in SIZES:
            path = tmp_path / ('df%d' % size)
            path.write_bytes(bytes(generator.getrandbits(8) for _byte in range(size)))
            put_file(writer, path, size)
            content['msp/q/' + path.name] = path.read_bytes()
        writer.record({})
        writer.commit()
        part = os.path.join(writer.path, '0001.tar.gz')
    assert read(part) == content
    with tarfile.open(part) as archive:
        assert archive.getnames() == list(content) + ['manifest.jsonl']


@pytest.mark.parametrize('size', SIZES[1:])
@pytest.mark.parametrize('more', [-1, 1])
def test_a_file_that_is_not_as_large_as_it_was(tmp_path, monkeypatch, size, more):
    monkeypatch.setattr(_archive, '_CHUNK', CHUNK)
    path = tmp_path / 'df1'
    path.write_bytes(b'x' * (size + more))
    with _archive.Writer(str(tmp_path / 'base'), 'removed', {}) as writer:
        writer.begin()
        with pytest.raises(_archive.Changed, match='changed while it was archived'):
            put_file(writer, path, size)


def test_a_file_that_cannot_be_read_further(tmp_path):
    with _archive.Writer(str(tmp_path / 'base'), 'removed', {}) as writer:
        writer.begin()
        descriptor = os.open(str(tmp_path), os.O_RDONLY)
        with pytest.raises(_archive.Changed, match='cannot be read: Is a directory'):
            writer.add_file(b'x', about(5), descriptor)
        os.close(descriptor)


@pytest.fixture
def steps(monkeypatch):
    """What was synced and renamed, in its order."""
    done = []
    rename = os.rename

    def renamed(old, new, **more):
        done.append('%s -> %s' % (old, new))
        rename(old, new, **more)

    def synced(descriptor):
        done.append('sync ' + os.path.basename(os.readlink('/proc/self/fd/%d' % descriptor)))
    monkeypatch.setattr(os, 'rename', renamed)
    monkeypatch.setattr(_archive, 'to_disk', synced)
    return done


def test_a_part_has_its_name_when_it_is_on_the_disk(tmp_path, steps):
    with _archive.Writer(str(tmp_path / 'base'), 'removed', {'job': 1}) as writer:
        writer.progress(removed=0)   # nothing is there to say it in
        writer.begin()
        archive = os.path.basename(writer.path)
        assert steps == ['sync ' + tmp_path.name, 'sync base'] and writer.reference == archive + '.0001'
        del steps[:]
        writer.add(b'msp/q/qf1', about(1), b'x')
        writer.record({})
        writer.commit()
        assert steps == ['sync 0001.tar.gz.partial', '0001.tar.gz.partial -> 0001.tar.gz', 'sync ' + archive]
        del steps[:]
        writer.removed([b'msp/q/qf1', b'msp/q/qf\xff'])
        assert steps == ['sync 0001.removed.partial', '0001.removed.partial -> 0001.removed', 'sync ' + archive]
        assert _archive.removed(os.path.join(writer.path, '0001.tar.gz')) == {'msp/q/qf1', r'msp/q/qf\xff'}
        del steps[:]
        writer.progress(removed=2)
        assert steps == ['progress.json.partial -> progress.json']   # it is read while the run goes on, and says nothing afterwards
        told = json.loads((tmp_path / 'base' / 'progress.json').read_text())
        assert dict(told, updated=0) == {'job': 1, 'archive': writer.path, 'parts': 1, 'updated': 0, 'removed': 2}
        writer.begin()
        assert writer.reference == archive + '.0002'
    assert sorted(os.listdir(writer.path)) == ['0001.removed', '0001.tar.gz']   # the part that was only begun is given up
    assert sorted(os.listdir(str(tmp_path / 'base'))) == ['progress.json', archive]
    assert [stat.S_IMODE(os.stat(path).st_mode) for path in (str(tmp_path / 'base'), writer.path, os.path.join(writer.path, '0001.tar.gz'),
                                                             os.path.join(writer.path, '0001.removed'))] == [0o700, 0o700, 0o600, 0o600]


@pytest.mark.parametrize('number, raises', [(_archive.errno.EINVAL, False), (_archive.errno.EIO, True)])
def test_a_disk_that_does_not_keep_it_is_an_error(monkeypatch, number, raises):
    def fails(_descriptor):
        raise OSError(number, 'x')
    monkeypatch.setattr(os, 'fsync', fails)
    if raises:
        with pytest.raises(OSError):
            _archive.to_disk(0)
    else:
        _archive.to_disk(0)


def test_the_manifest_is_for_root_and_of_now(tmp_path):
    path, _content = write(tmp_path, 1)
    with tarfile.open(path) as archive:
        info = archive.getmember('manifest.jsonl')
        made = os.stat(path).st_mtime
    assert (info.mode, info.uid, info.gid) == (0o600, os.geteuid(), os.getegid()) and abs(info.mtime - made) < 60


def test_two_archives_of_one_second(tmp_path, monkeypatch):
    monkeypatch.setattr(_archive.time, 'strftime', lambda *_arguments: '20270101T000000Z')
    for _run in range(3):
        with _archive.Writer(str(tmp_path), 'debris', {}) as writer:
            writer.begin()
            writer.record({})
            writer.commit()
    assert sorted(os.listdir(str(tmp_path))) == ['debris-20270101T000000Z', 'debris-20270101T000000Z-1', 'debris-20270101T000000Z-2']


def test_one_run_at_a_time(tmp_path):
    with _archive.Writer(str(tmp_path / 'base'), 'removed', {}) as first, _archive.Writer(str(tmp_path / 'base'), 'removed', {}) as second:
        first.begin()
        first.lock()
        with pytest.raises(_text.SendmailError, match='Another run is writing an archive'):
            second.lock()


# Locks

class TestHold:
    @pytest.fixture
    def directory(self, tmp_path):
        (tmp_path / 'qf1').write_bytes(b'text')
        descriptor = os.open(str(tmp_path), os.O_RDONLY)
        yield descriptor
        os.close(descriptor)

    def test_it_is_held_and_read(self, directory):
        handle, found = _archive.hold(directory, 'qf1')
        assert _archive.read_held(handle, found) == b'text'
        with pytest.raises(_archive.Locked, match='in delivery'):
            _archive.hold(directory, 'qf1')
        os.close(handle)
        os.close(_archive.hold(directory, 'qf1')[0])

    @pytest.mark.parametrize('system, other, free', [('FreeBSD', None, True), ('FreeBSD', fcntl.LOCK_EX, False), ('Linux', None, False)])
    def test_where_one_kind_of_lock_is_in_the_way_of_the_other(self, tmp_path, monkeypatch, system, other, free):
        """lf_blocks() in FreeBSD's kern_lockf.c: the owner of flock() is the open file, that of fcntl() the process, and two owners block each other."""
        (tmp_path / 'qf').write_bytes(b'V8\n')
        monkeypatch.setattr(_archive.os, 'uname', lambda: (system, '', '', '', ''))

        def lockf(_handle, _kind):
            raise OSError(_archive.errno.EAGAIN, 'Resource temporarily unavailable')
        monkeypatch.setattr(_archive.fcntl, 'lockf', lockf)
        directory, runner = os.open(str(tmp_path), os.O_RDONLY), os.open(str(tmp_path / 'qf'), os.O_RDWR)
        try:
            if other:
                fcntl.flock(runner, other)
            if free:
                os.close(_archive.hold(directory, 'qf')[0])
            else:
                with pytest.raises(_archive.Locked):
                    _archive.hold(directory, 'qf')
        finally:
            os.close(runner)
            os.close(directory)

    def test_what_may_only_be_read_gets_a_shared_lock(self, directory, monkeypatch):
        real, asked, locks = _archive._spool.open_quietly, [], []

        def refusing(name, flags, place):
            asked.append(flags & os.O_ACCMODE)
            if flags & os.O_ACCMODE == os.O_RDWR:
                raise OSError(_archive.errno.EACCES, 'Permission denied')
            return real(name, flags, place)
        monkeypatch.setattr(_archive._spool, 'open_quietly', refusing)
        monkeypatch.setattr(_archive.fcntl, 'lockf', lambda _handle, kind: locks.append(kind))
        os.close(_archive.hold(directory, 'qf1')[0])
        assert asked == [os.O_RDWR, os.O_RDONLY] and locks == [_archive.fcntl.LOCK_SH | _archive.fcntl.LOCK_NB]

    def test_other_errors_are_errors(self, directory, monkeypatch):
        with pytest.raises(FileNotFoundError):
            _archive.hold(directory, 'qf2')

        def fails(_handle, _kind):
            raise OSError(_archive.errno.ENOLCK, 'No locks available')
        monkeypatch.setattr(_archive.fcntl, 'flock', fails)
        with pytest.raises(OSError, match='No locks'):
            _archive.hold(directory, 'qf1')

    def test_a_hard_link_and_a_directory(self, directory, tmp_path):
        os.link(str(tmp_path / 'qf1'), str(tmp_path / 'qf2'))
        with pytest.raises(_text.SendmailError, match='has 2 names'):
            _archive.hold(directory, 'qf1')
        os.mkfifo(str(tmp_path / 'qf3'))
        for function in (_archive.hold, _archive.open_data):
            with pytest.raises(_text.SendmailError, match='not a regular file'):
                function(directory, 'qf3')

    @pytest.mark.parametrize('change', [
        lambda path: (path.rename(path.parent / 'old'), path.write_bytes(b'text')), lambda path: path.write_bytes(b'longer text')])
    def test_a_file_that_was_replaced_before_it_was_locked(self, directory, tmp_path, monkeypatch, change):
        real = os.stat

        def late(name, **more):
            if name == 'qf1':
                change(tmp_path / 'qf1')
            return real(name, **more)
        about_before = os.stat(str(tmp_path / 'qf1'))
        monkeypatch.setattr(os, 'stat', late)
        monkeypatch.setattr(os, 'fstat', lambda handle: about_before)
        with pytest.raises(_archive.Locked, match='replaced meanwhile'):
            _archive.hold(directory, 'qf1')

    def test_a_link_to_the_file_that_was_locked_is_another_file(self, directory, tmp_path, monkeypatch):
        """Whoever has the queue can put one there between the opening and the lock."""
        real = _archive.fcntl.flock

        def late(handle, kind):
            os.rename(str(tmp_path / 'qf1'), str(tmp_path / 'old'))
            (tmp_path / 'qf1').symlink_to('old')
            real(handle, kind)
        monkeypatch.setattr(_archive.fcntl, 'flock', late)
        with pytest.raises(_archive.Locked, match='replaced meanwhile'):
            _archive.hold(directory, 'qf1')

    def test_bounds_of_what_is_read(self, directory, monkeypatch):
        handle, found = _archive.hold(directory, 'qf1')
        monkeypatch.setattr(_archive._spool, 'LIMIT', 4)
        assert _archive.read_held(handle, found) == b'text'
        monkeypatch.setattr(_archive._spool, 'LIMIT', 3)
        with pytest.raises(_text.SendmailError, match='larger than 3 bytes'):
            _archive.read_held(handle, found)
        monkeypatch.setattr(_archive._spool, 'LIMIT', 9)
        for size in (3, 5):
            with pytest.raises(_archive.Changed):
                _archive.read_held(handle, about(size))
        os.close(handle)

    def test_a_data_file(self, directory):
        handle, found = _archive.open_data(directory, 'qf1')
        assert (os.read(handle, 9), found.st_size) == (b'text', 4)
        os.close(handle)


# What is read

def test_the_parts_of_archives_in_their_order(tmp_path):
    for name in ('removed-b/0002.tar.gz', 'removed-b/9999.tar.gz', 'removed-b/10000.tar.gz', 'removed-b/0001.tar.gz.partial', 'removed-b/0001.removed',
                 'debris-a/0001.tar.gz', '0001.tar.gz', 'x.tar.gz'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b'')
    (tmp_path / 'link').symlink_to(tmp_path / 'removed-b')
    assert [os.path.relpath(path, str(tmp_path)) for path in _archive.parts(str(tmp_path))] == [
        '0001.tar.gz', 'debris-a/0001.tar.gz', 'removed-b/0002.tar.gz', 'removed-b/9999.tar.gz', 'removed-b/10000.tar.gz']
    one = str(tmp_path / 'x.tar.gz')
    assert _archive.parts(one) == [one]
    (tmp_path / 'empty').mkdir()
    with pytest.raises(_text.SendmailError, match='empty holds no archive'):
        _archive.parts(str(tmp_path / 'empty'))
    with pytest.raises(_text.SendmailError, match='cannot be read: No such file'):
        _archive.parts(str(tmp_path / 'gone'))


def test_what_was_removed_has_to_be_text(tmp_path):
    part, _content = write(tmp_path, 1)
    assert _archive.removed(part) is None and _archive.restored(part) == set()
    (tmp_path / 'base' / os.path.basename(os.path.dirname(part)) / '0001.removed').write_bytes(b'\xff\n')
    with pytest.raises(_archive.Refused, match='which says what was removed, cannot be read'):
        _archive.removed(part)


@pytest.mark.parametrize('mode, trusted', [(0o600, True), (0o755, True), (0o620, False), (0o602, False)])
def test_the_mode_of_a_part(tmp_path, mode, trusted):
    path, content = write(tmp_path, 1)
    os.chmod(path, mode)
    assert read(path) == (content if trusted else None)


def refusal(path):
    with pytest.raises(_archive.Refused) as error, _archive.Part(path) as part:
        part.verify()
    return str(error.value)


def test_bounds_of_a_part(tmp_path, monkeypatch):
    path, content = write(tmp_path, 2)
    with _archive.Part(path) as part:
        (_one, _two, _three, _four, (manifest, _stream)) = part.members()
    monkeypatch.setattr(_archive, 'MEMBERS_MAX', 5)
    monkeypatch.setattr(_archive, 'MANIFEST_MAX', manifest.size)
    assert read(path) == content
    monkeypatch.setattr(_archive, 'MANIFEST_MAX', manifest.size - 1)
    assert 'its manifest is larger than %d bytes' % (manifest.size - 1) in refusal(path)
    monkeypatch.setattr(_archive, 'MEMBERS_MAX', 4)
    assert 'it holds more than its manifest lists' in refusal(path)


@pytest.mark.parametrize('name, limit, fits', [
    ('msp/q/qf1', 5, True), ('msp/q/qf1', 4, False), ('mta/q/hf1', 4, False), ('msp/q/df1', 4, True), ('other/qf1', 4, True), ('msp/df/qf1', 4, False)])
def test_only_data_files_may_be_large(tmp_path, monkeypatch, name, limit, fits):
    path = tmp_path / '0001.tar.gz'
    path.write_bytes(packed([(name, tarfile.REGTYPE, b'large')], [
        {'files': [{'name': name, 'size': 5, 'sha256': _archive.sha256(b'large').hexdigest()}]}]))
    path.chmod(0o600)
    monkeypatch.setattr(_archive._spool, 'LIMIT', limit)
    assert (read(str(path)) is not None) is fits


def test_what_is_different_is_named(tmp_path):
    path = tmp_path / '0001.tar.gz'
    other = ('msp/q/qf2', tarfile.REGTYPE, b'x')
    second = dict(ENTRY, name='msp/q/qf2')
    path.write_bytes(packed([FILE, other], [{'files': [ENTRY]}, {'files': []}]))
    path.chmod(0o600)
    assert 'msp/q/qf2 does not match its manifest' in refusal(str(path))
    path.write_bytes(packed([FILE, other], [{'files': [second, ENTRY]}]))
    assert 'the order of its files does not match its manifest' in refusal(str(path))


def test_the_content_of_a_small_file_beside_a_part(tmp_path, monkeypatch):
    monkeypatch.setattr(_archive, '_CHUNK', 4)
    monkeypatch.setattr(_archive, 'MANIFEST_MAX', 8)
    path = tmp_path / 'x'
    for data, fits in ((b'', True), (b'12345', True), (b'12345678', True), (b'1234567890123', False)):
        path.write_bytes(data)
        path.chmod(0o600)
        with _archive.Part(str(path)) as part:
            if fits:
                assert part.content() == data
            else:
                with pytest.raises(_archive.Refused, match='larger than 8 bytes'):
                    part.content()


@pytest.mark.parametrize('call', ['write', 'fsync', 'close', 'rename', 'open'])
def test_what_a_file_system_refuses_is_said_with_the_archive(tmp_path, monkeypatch, call):
    """A server says at any of them that a quota is used up: close(2)."""
    real, base = getattr(os, call), str(tmp_path / 'base')
    with _archive.Writer(base, 'removed', {}) as writer:
        writer.begin()
        writer.add(b'msp/q/qf6ANFSGLL000001', about(3), b'abc')

        def fails(handle, *arguments, **more):
            if call == 'close':
                real(handle)
            monkeypatch.setattr(os, call, real)
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
        monkeypatch.setattr(os, call, fails)
        with pytest.raises(OSError, match=os.strerror(errno.EDQUOT)) as raised:
            writer.commit()
            writer.removed([b'msp/q/qf6ANFSGLL000001'])
        assert raised.value.filename.startswith(writer.path)
        writer.drop()
    left = [name for _place, _below, names in os.walk(base) for name in names if name.endswith('.partial')]
    assert left == ['0001.tar.gz.partial'] * (call == 'rename')     # which the next run clears away
