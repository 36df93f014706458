# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives: parts that prove whole or are refused, and directories that nobody else could have made."""
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
    with pytest.raises(_archive.Refused, match='0001.tar.gz cannot be read'), _archive.Part(str(path)) as part:
        part.verify()


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

@root
@pytest.mark.parametrize('mode', [0o1777, 0o1770, 0o1773])
def test_a_base_where_others_can_put_names(tmp_path, mode):
    """A sticky directory keeps what root has made there, and lets anybody put links, FIFOs and archives beside it."""
    base = tmp_path / 'base'
    base.mkdir()
    base.chmod(mode)
    for function in (_archive.check_base, _archive.make_base):
        with pytest.raises(_text.SendmailError, match='Users other than root can write to .*base'):
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
    with pytest.raises(_text.SendmailError, match='Users other than root'):
        _archive.make_base(str(tmp_path / 'base' / 'below'), [])
    assert os.listdir(str(tmp_path / 'base')) == []


def test_a_base_in_a_queue(tmp_path):
    queue = tmp_path / 'mqueue'
    queue.mkdir()
    (tmp_path / 'link').symlink_to(queue)
    directory = types.SimpleNamespace(path=str(queue), control=str(queue), data=str(queue), transcript=str(queue))
    for base in (queue, queue / 'archives', queue / 'a' / 'b', tmp_path / 'link' / 'archives'):
        with pytest.raises(_text.SendmailError, match='in the queue directory'):
            _archive.check_base(str(base), [directory])
    _archive.check_base(str(tmp_path / 'mqueue-archives'), [directory])


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
    ((os.ST_RDONLY, 9, 9), 'read-only'), ((0, 9, 0), 'full'), ((0, 9, 1), None), ((0, 0, 0), None),
])
def test_room_for_an_archive(tmp_path, monkeypatch, room, says):
    """What check mode must not promise."""
    found = types.SimpleNamespace(f_flag=room[0], f_blocks=room[1], f_bfree=room[2])
    monkeypatch.setattr(os, 'fstatvfs', lambda _handle: found)
    if says is None:
        _archive.check_room(str(tmp_path / 'not' / 'there'))
    else:
        with pytest.raises(_text.SendmailError, match=says):
            _archive.check_room(str(tmp_path / 'not' / 'there'))
