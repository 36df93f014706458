# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a queue run would destroy: owners and modes as real runs of three releases treat them, and a spool with one fault of each kind."""
import errno
import json
import os
import pathlib
import struct
import subprocess
import time
import types

import pytest
from ansible_collections.mailops.sendmail.plugins.module_utils import _cf, _filesystem, _flush, _hazards, _qf, _selection, _spool, _system, _text

ALICE, SMMSP, ROOT, MAIL = 1000, 102, 0, 8   # users; the groups of the same names have the same numbers
RUNNER = (SMMSP, SMMSP, SMMSP)
DEBIAN_MSP, DEBIAN_MTA = {'queue_file_mode': 0o660, 'min_free_blocks': 100}, {'queue_file_mode': 0o640, 'min_free_blocks': 100}
DATA = b'V8\nT900\nK1000\nN1\nP30018\nFs\n$_alice@localhost\nSalice\nRPFD:bob\nH??Subject: t\n.\n'


def about(owner, group, mode):
    return types.SimpleNamespace(st_uid=owner, st_gid=group, st_mode=mode)


class TestOwner:
    """Each row is what a run did to such a file: delivered it (None), renamed it to Qf or could not rename it (loses), or left it for ever."""

    @pytest.mark.parametrize('directory, control, expected', [
        ((SMMSP, SMMSP, 0o42770), (ALICE, SMMSP, 0o660), None),
        ((SMMSP, SMMSP, 0o42770), (SMMSP, SMMSP, 0o660), None),
        ((SMMSP, SMMSP, 0o42770), (SMMSP, SMMSP, 0o600), None),
        ((SMMSP, SMMSP, 0o42777), (ALICE, SMMSP, 0o660), None),
        ((SMMSP, SMMSP, 0o40770), (ALICE, SMMSP, 0o660), None),
        ((ROOT, ROOT, 0o42755), (ALICE, SMMSP, 0o660), 'loses'),
        ((SMMSP, SMMSP, 0o42750), (ALICE, SMMSP, 0o660), 'loses'),
        ((SMMSP, SMMSP, 0o42700), (ALICE, SMMSP, 0o660), 'loses'),
        ((SMMSP, MAIL, 0o42770), (ALICE, SMMSP, 0o660), 'loses'),
        ((SMMSP, SMMSP, 0o42750), (SMMSP, SMMSP, 0o660), None),
        ((SMMSP, SMMSP, 0o42770), (ALICE, SMMSP, 0o666), 'loses'),
        ((SMMSP, SMMSP, 0o42770), (SMMSP, SMMSP, 0o662), 'loses'),
        ((SMMSP, SMMSP, 0o42770), (ROOT, ROOT, 0o660), 'cannot open'),
        ((SMMSP, SMMSP, 0o42770), (ALICE, ALICE, 0o660), 'cannot open'),
        ((SMMSP, SMMSP, 0o42770), (ALICE, SMMSP, 0o640), 'cannot open'),
        ((SMMSP, SMMSP, 0o42770), (SMMSP, SMMSP, 0o460), 'cannot open'),
    ])
    def test_client_queue(self, directory, control, expected):
        found = _hazards.hazard_of_owner(about(*control), about(*directory), RUNNER, DEBIAN_MSP)
        assert found is None if expected is None else expected in found
        if found:
            assert 'owner %d:%d, mode %04o' % (control[0], control[1], control[2] & 0o7777) in found

    def test_without_usemsp_the_group_does_not_count(self):
        """readqf(): "bogus && st.st_gid == getegid() && UseMSP". Seen with 8.17.1.9: a run by root renames what alice has submitted to Qf."""
        directory, other = about(SMMSP, SMMSP, 0o42770), dict(DEBIAN_MSP, use_msp=False)
        assert _hazards.hazard_of_owner(about(ALICE, SMMSP, 0o660), directory, RUNNER, other) == (
            'owner 1000:102, mode 0660, directory 102:102 2770, and UseMSP is not set: the runner loses it')
        assert _hazards.hazard_of_owner(about(SMMSP, SMMSP, 0o660), directory, RUNNER, other) is None
        assert _hazards.hazard_of_owner(about(ALICE, SMMSP, 0o660), directory, RUNNER, dict(DEBIAN_MSP, use_msp=True)) is None

    def test_trusted_user(self):
        directory = about(SMMSP, SMMSP, 0o42750)
        assert _hazards.hazard_of_owner(about(MAIL, SMMSP, 0o660), directory, (SMMSP, SMMSP, MAIL), DEBIAN_MSP) is None

    def test_group_counts_only_with_a_group_writable_file_mode(self):
        strict = {'queue_file_mode': 0o600}
        directory = about(SMMSP, SMMSP, 0o42770)
        assert 'others could have written' in _hazards.hazard_of_owner(about(ALICE, SMMSP, 0o660), directory, RUNNER, strict)
        assert _hazards.hazard_of_owner(about(SMMSP, SMMSP, 0o600), directory, RUNNER, strict) is None

    @pytest.mark.parametrize('mode, file_mode, lost', [
        # readqf(): S_IWOTH, and S_IWGRP where QueueFileMode has no S_IWGRP; bits beside those mean nothing.
        (0o664, 0o660, False), (0o661, 0o660, False), (0o662, 0o660, True), (0o640, 0o600, False), (0o611, 0o600, False), (0o604, 0o600, False),
        (0o620, 0o600, True), (0o602, 0o600, True), (0o660, 0o611, True), (0o660, 0o620, False)])
    def test_the_bits_that_count(self, mode, file_mode, lost):
        found = _hazards.hazard_of_owner(about(SMMSP, SMMSP, mode), about(SMMSP, SMMSP, 0o42770), RUNNER, {'queue_file_mode': file_mode})
        assert found == ('owner 102:102, mode %04o: others could have written it, so the runner loses it' % mode if lost else None)

    @pytest.mark.parametrize('directory, control, runner, again', [
        # Only the owners of file and directory and root remove a file from a sticky directory; whoever cannot delivers it at each run.
        ((ROOT, SMMSP, 0o43770), (ALICE, SMMSP, 0o660), RUNNER, True),
        ((ROOT, SMMSP, 0o41770), (ALICE, SMMSP, 0o660), RUNNER, True),
        ((ROOT, SMMSP, 0o43770), (SMMSP, SMMSP, 0o660), RUNNER, False),
        ((SMMSP, SMMSP, 0o43770), (ALICE, SMMSP, 0o660), RUNNER, False),
        ((ROOT, SMMSP, 0o42770), (ALICE, SMMSP, 0o660), RUNNER, False),
        ((MAIL, SMMSP, 0o43770), (ALICE, SMMSP, 0o640), (0, 0, 0), False),
    ])
    def test_a_sticky_directory(self, directory, control, runner, again):
        found = _hazards.hazard_of_owner(about(*control), about(*directory), runner, DEBIAN_MSP)
        assert found == ('owner 1000:102, mode 0660, directory 0:102 %04o: each run delivers it again, because the runner cannot remove it from a '
                         'sticky directory' % (directory[2] & 0o7777) if again else None)

    def test_the_sentence_about_the_directory(self):
        found = _hazards.hazard_of_owner(about(ALICE, SMMSP, 0o104660), about(SMMSP, ROOT, 0o42755), RUNNER, DEBIAN_MSP)
        assert found == 'owner 1000:102, mode 4660, directory 102:0 2755: the runner loses it'

    @pytest.mark.parametrize('mode, uid, gid, bits, allowed', [
        (0o400, 1, 9, 4, True), (0o300, 1, 9, 4, False), (0o040, 9, 2, 4, True), (0o404, 9, 2, 4, False), (0o004, 9, 9, 4, True), (0o440, 9, 9, 4, False),
        (0o600, 1, 2, 6, True), (0o400, 1, 2, 6, False), (0o060, 1, 2, 6, False), (0, 0, 0, 7, True), (0o700, 1, 2, 7, True), (0o500, 1, 2, 7, False)])
    def test_who_may(self, mode, uid, gid, bits, allowed):
        """The owner's bits count for the owner alone, the group's for its members alone."""
        assert _hazards.may(about(1, 2, mode), uid, gid, bits) is allowed

    @pytest.mark.parametrize('control, expected', [
        ((ROOT, SMMSP, 0o640), None), ((ROOT, ROOT, 0o600), None), ((ALICE, ALICE, 0o600), None),
        ((ROOT, SMMSP, 0o660), 'loses'), ((ROOT, SMMSP, 0o646), 'loses'),
    ])
    def test_queue_of_the_mta(self, control, expected):
        found = _hazards.hazard_of_owner(about(*control), about(101, SMMSP, 0o42750), (0, 0, 0), DEBIAN_MTA)
        assert found is None if expected is None else expected in found


@pytest.fixture
def spool(tmp_path, monkeypatch):
    """A queue whose runner is whoever runs the tests; nobody waits."""
    monkeypatch.setattr(_hazards, 'SETTLE', 0)
    path = tmp_path / 'queue'
    path.mkdir()
    path.chmod(0o2770)
    place = str(path)
    uid, gid = os.getuid(), os.getgid()
    layout = types.SimpleNamespace(msp_user='smmsp', msp_group='smmsp')
    look = types.SimpleNamespace(directories={'msp': [_spool.QueueDirectory('mqueue', place, place, place, place, False)]}, held=frozenset(), now=10 ** 6,
                                 layout=layout, settings={'msp': dict(DEBIAN_MSP, run_as_user=None, run_as_group=None, min_free_blocks=0)},
                                 submitter={'user': 'smmsp', 'uid': uid, 'group': 'smmsp', 'gid': gid})
    monkeypatch.setattr(_system, 'held', lambda: look.held)
    return types.SimpleNamespace(path=path, look=look)


def put(spool, *identifiers, data=DATA, body=True):
    for identifier in identifiers:
        (spool.path / ('qf' + identifier)).write_bytes(data)
        (spool.path / ('qf' + identifier)).chmod(0o660)
        if body:
            (spool.path / ('df' + identifier)).write_bytes(b'body\n')


def waiting(spool, **select):
    return _flush.waiting(spool.look, _selection.Selection(select, spool.look.now, ('queued',)))


A, B, C = '6ANFSGLL000001', '6ANFSGLL000002', '6ANFSGLL000003'


class TestWaiting:
    def test_sound_messages_oldest_first(self, spool):
        put(spool, A)
        put(spool, B, data=DATA.replace(b'T900', b'T800'))
        put(spool, C, data=DATA.replace(b'RPFD:bob\n', b'RPFD:bob\nRPFD:carol\n').replace(b'N1', b'N7'))
        found = waiting(spool)
        assert [(one.id, one.created, one.attempts, one.last_attempt, one.recipients, one.locked, one.hazards) for one in found] == [
            (B, 800, 1, 1000, 1, False, []), (A, 900, 1, 1000, 1, False, []), (C, 900, 7, 1000, 2, False, [])]

    def test_only_what_is_meant(self, spool):
        put(spool, A, B)
        put(spool, C, body=False)
        (spool.path / ('hf' + '6ANFSGLL000009')).write_bytes(DATA)
        assert [one.id for one in waiting(spool, ids=[B])] == [B]

    @pytest.mark.parametrize('data, says', [
        (DATA.replace(b'Salice\n', b''), 'no sender'), (DATA.replace(b'N1\n', b'N1\nY99\n'), 'unknown line'), (DATA + b'RPFD:x\n', 'after the final dot'),
        (DATA.replace(b'RPFD:bob\n', b''), 'no recipient'), (DATA.replace(b'Fs\n', b'From alice\n'), 'mailbox separator'),
    ])
    def test_what_a_run_loses_or_aborts_on(self, spool, data, says):
        put(spool, A, data=data)
        (one,) = waiting(spool)
        assert [hazard.kind for hazard in one.hazards] == ['damaged']
        assert says in one.hazards[0][1]

    def test_no_data_file(self, spool):
        put(spool, A, body=False)
        (one,) = waiting(spool)
        assert one.hazards == [('no_data', 'there is no data file', '')]

    @pytest.mark.parametrize('parts', [('df',), ('qf',), ('qf', 'df')])
    def test_data_that_a_subdirectory_hides(self, spool, parts):
        """Made while the queue holds mail (queuename() in queue.c looks into df/ alone once it is there)."""
        put(spool, A)
        path = str(spool.path)
        for part in parts:
            os.mkdir(os.path.join(path, part))
        if 'qf' in parts:
            os.rename(path + '/qf' + A, path + '/qf/qf' + A)
        spool.look.directories['msp'] = _spool.directories([('mqueue', path)])[0]
        (one,) = waiting(spool)
        assert one.hazards == [('no_data', 'the data file is in %s, where Sendmail does not look for it: move it to %s/df' % (path, path), '')] * (
            'df' in parts)

    def test_rewrite_left_behind(self, spool):
        put(spool, A)
        (spool.path / ('tf' + A)).touch()
        (one,) = waiting(spool)
        assert one.hazards == [('temporary', 'there is a tf file', 'young')]

    def test_rewrite_left_behind_long_ago(self, spool, monkeypatch):
        put(spool, A)
        (spool.path / ('tf' + A)).touch()
        now = time.time() + _hazards.YOUNG_SECONDS
        monkeypatch.setattr(_hazards.time, 'time', lambda: now)
        (one,) = waiting(spool)
        assert one.hazards == [('temporary', 'there is a tf file', '')]

    def test_mode(self, spool):
        put(spool, A, B)
        (spool.path / ('qf' + A)).chmod(0o666)
        assert {one.id: [hazard.kind for hazard in one.hazards] for one in waiting(spool)} == {A: ['permissions'], B: []}

    @pytest.mark.parametrize('attribute, says', [('i', True), ('a', True), ('A', False)])
    def test_an_immutable_one(self, spool, attribute, says):
        """chattr +i and +a, seen with 8.17.1.9 and 8.18.1: each run says "readqf: no control file ./qfX: Operation not permitted" and leaves it."""
        put(spool, A, B)
        path = str(spool.path / ('qf' + A))
        if os.geteuid() or subprocess.run(['chattr', '+' + attribute, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False).returncode:
            pytest.skip('no file can be made immutable here')
        try:
            found = {one.id: [hazard.text for hazard in one.hazards if 'chattr' in hazard.text] for one in waiting(spool)}
        finally:
            subprocess.run(['chattr', '-' + attribute, path], check=True)
        assert found == {B: [], A: ['it is immutable or append-only, so no run can open it: remove that attribute with chattr -ia'] * says}

    @pytest.mark.parametrize('number', [errno.EROFS, errno.EACCES, errno.ENOENT])
    def test_another_reason_not_to_open_it(self, spool, monkeypatch, number):
        """A file system that is read-only as a whole, and a share on which root is nobody."""
        put(spool, A)
        real = os.open

        def refuse(name, flags, *rest, **more):
            if flags & os.O_RDWR:
                raise OSError(number, os.strerror(number))
            return real(name, flags, *rest, **more)
        monkeypatch.setattr(_hazards.os, 'open', refuse)
        assert [one.hazards for one in waiting(spool)] == [[]]

    def test_in_the_hands_of_a_runner(self, spool):
        """A runner rewrites the control file and removes the data file first: none of that is a fault while it has the lock."""
        put(spool, A, body=False)
        (spool.path / ('tf' + A)).touch()
        found = os.stat(str(spool.path / ('qf' + A)))
        spool.look.held = {(found.st_dev, found.st_ino)}
        (one,) = waiting(spool)
        assert one.locked
        assert one.hazards == []

    def test_a_state_that_passes(self, spool, monkeypatch):
        """What looked wrong and is gone, or right, a moment later is no fault."""
        put(spool, A, B, body=False)
        put(spool, C)

        def settle(_seconds):
            (spool.path / ('qf' + A)).unlink()
            (spool.path / ('df' + B)).touch()
        monkeypatch.setattr(_hazards.time, 'sleep', settle)
        assert [(one.id, one.hazards) for one in waiting(spool)] == [(B, []), (C, [])]

    def test_no_wait_without_a_doubt(self, spool, monkeypatch):
        put(spool, A)
        monkeypatch.setattr(_hazards.time, 'sleep', None)
        assert len(waiting(spool)) == 1

    def test_link_in_place_of_a_message(self, spool):
        put(spool, A)
        os.link(str(spool.path / ('qf' + A)), str(spool.path / ('qf' + B)))
        for one in waiting(spool):
            assert one.hazards[0][0] == 'unreadable'

    def test_directory_that_is_gone(self, spool):
        spool.path.rmdir()
        with pytest.raises(_text.SendmailError, match='cannot be read: No such file'):
            waiting(spool)

    def test_no_such_user(self, spool):
        put(spool, A)
        spool.look.submitter['uid'] = None
        with pytest.raises(_text.SendmailError, match='do not find the user smmsp or the group smmsp.*hidden'):
            waiting(spool)


FATES = json.loads((pathlib.Path(__file__).parents[2] / 'samples' / 'fates' / 'cases.json').read_text())
# What a run did: which codes explain it. All else left, was returned to its sender, was set aside or stays.
HARM = {'lost': {'unknown_letter', 'newer_version', 'behind_dot', 'from_line', 'body_type', 'auth', 'data_directory'}, 'aborted': {'no_sender'},
        'removed': {'no_recipient', 'one_line', 'recipient'}, 'empty': {''}, 'hangs': {'special'}}


class TestFates:
    """Control files that real runs of 8.15.2, 8.17.1.9 and 8.18.1 were given (control_files.py): a hazard for each that did harm, and for no other."""

    @pytest.mark.parametrize('name', [name for name in FATES if FATES[name].get('kind', 'file') == 'file' and FATES[name].get('body')])
    def test_content(self, name):
        case = FATES[name]
        data = case['control'].replace('DIRECTORY', '/var/spool/mqueue-client').encode('latin-1')
        envelope = _qf.parse(data)
        codes = [hazard.code for hazard in _hazards.content_hazards(data, envelope, 0, {b'.': None})]
        fates = [case['fate']] if isinstance(case['fate'], str) else case['fate'].values()
        if set(fates) & set(HARM):
            assert set(codes) & HARM[case['fate']]
        elif 'recipient' in codes:
            # Others of the message got it.
            assert codes == ['recipient'] and case['recipients'] < case['control'].count('\nR')
        else:
            assert codes == []

    def test_each_kind_is_there(self):
        codes = {hazard.code for case in FATES.values() for data in [case['control'].encode('latin-1')]
                 for hazard in _hazards.content_hazards(data, _qf.parse(data), 0, {b'.': None})}
        assert codes == set().union(*HARM.values()) - {'', 'special'}

    @pytest.mark.parametrize('seconds, codes', [(601, ['empty']), (599, [])])
    def test_empty(self, seconds, codes):
        """readqf() takes the time of the inode, which no test can set; from its source (queue.c: st_ctime + 10 * 60 < curtime())."""
        assert [hazard.code for hazard in _hazards.content_hazards(b'', _qf.parse(b''), seconds, {})] == codes

    @pytest.mark.parametrize('kind', ['fifo', 'directory', 'link'])
    def test_data_file(self, spool, kind):
        assert FATES['df ' + {'directory': 'dir'}.get(kind, kind)]['fate'] in ('empty', 'hangs')
        put(spool, A, body=False)
        data = str(spool.path / ('df' + A))
        {'fifo': os.mkfifo, 'directory': os.mkdir, 'link': lambda path: os.symlink('/etc/passwd', path)}[kind](data)
        (one,) = waiting(spool)
        assert [hazard.code for hazard in one.hazards] == ['special']

    def test_data_in_another_directory(self, spool):
        """A d line names a directory as Sendmail does: below QueueDirectory."""
        other = spool.path.parent / 'other'
        other.mkdir()
        place, data = str(other), DATA.replace(b'Fs', b'd../other\nFs')
        spool.look.directories['msp'] = _spool.directories([('mqueue', str(spool.path)), ('other', place)])[0]
        put(spool, A, data=data, body=False)
        assert [[hazard.kind for hazard in one.hazards] for one in waiting(spool)] == [['no_data']]
        (other / ('df' + A)).touch()
        assert [one.hazards for one in waiting(spool)] == [[]]

    def test_survey_sees_what_no_flush_selects(self, spool, monkeypatch):
        put(spool, A, data=b'')
        put(spool, B, data=b'a text\n')
        put(spool, C, data=DATA.replace(b'Salice\n', b''))
        now = time.time() + 601
        monkeypatch.setattr(_hazards.time, 'time', lambda: now)
        kinds, count = _hazards.survey(spool.look, 'msp', 100)
        assert count == 3
        assert {kind: sorted(identifier for _text_, identifier in pairs) for kind, pairs in kinds.items()} == {'damaged': [A, B], 'aborts': [C]}


ANY = 0xffffffff
USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER = 1, 2, 4, 8, 16, 32


def listed(*entries):
    """An access control list as the kernel keeps it (linux/posix_acl_xattr.h)."""
    return struct.pack('<I', 2) + b''.join(struct.pack('<HHI', tag, bits, number) for tag, bits, number in entries)


@pytest.mark.parametrize('uid, gid, entries, readable', [
    # The owner's own bits, whatever the mask; a user by name before any group; every group of his; the others' where none of these fits.
    (ALICE, SMMSP, ((USER_OBJ, 6, ANY), (GROUP_OBJ, 0, ANY), (MASK, 0, ANY), (OTHER, 0, ANY)), True),
    (SMMSP, SMMSP, ((USER_OBJ, 6, ANY), (GROUP_OBJ, 0, ANY), (GROUP, 4, 33), (MASK, 6, ANY), (OTHER, 0, ANY)), False),
    (SMMSP, SMMSP, ((USER_OBJ, 6, ANY), (GROUP_OBJ, 6, ANY), (GROUP, 4, 33), (MASK, 6, ANY), (OTHER, 0, ANY)), True),
    (SMMSP, SMMSP, ((USER_OBJ, 6, ANY), (GROUP_OBJ, 6, ANY), (GROUP, 4, 33), (MASK, 2, ANY), (OTHER, 4, ANY)), False),
    (SMMSP, SMMSP, ((USER_OBJ, 6, ANY), (USER, 0, SMMSP), (GROUP_OBJ, 6, ANY), (MASK, 6, ANY), (OTHER, 4, ANY)), False),
    (SMMSP, SMMSP, ((USER_OBJ, 6, ANY), (USER, 4, SMMSP), (GROUP_OBJ, 0, ANY), (MASK, 6, ANY), (OTHER, 0, ANY)), True),
    (SMMSP, MAIL, ((USER_OBJ, 6, ANY), (GROUP_OBJ, 0, ANY), (GROUP, 4, MAIL), (MASK, 4, ANY), (OTHER, 0, ANY)), True),
    (SMMSP, MAIL, ((USER_OBJ, 6, ANY), (GROUP_OBJ, 0, ANY), (GROUP, 4, 33), (MASK, 4, ANY), (OTHER, 4, ANY)), True),
    (SMMSP, MAIL, ((USER_OBJ, 6, ANY), (GROUP_OBJ, 4, ANY), (GROUP, 4, 33), (MASK, 4, ANY), (OTHER, 0, ANY)), False),
    (ROOT, ROOT, ((USER_OBJ, 0, ANY), (GROUP_OBJ, 0, ANY), (MASK, 0, ANY), (OTHER, 0, ANY)), True),
])
@pytest.mark.skipif(os.geteuid() != 0, reason='works as several users')
def test_an_access_control_list_counts_and_not_the_mode(tmp_path, uid, gid, entries, readable):
    """The kernel itself says who may read the file, in a child with these ids."""
    path = tmp_path / ('df' + A)
    path.write_bytes(b'body\n')
    os.chown(str(path), ALICE, SMMSP)
    try:
        os.setxattr(str(path), 'system.posix_acl_access', listed(*entries))
    except OSError as error:
        pytest.skip('no access control lists here: %s' % error)
    for place in (tmp_path, *tmp_path.parents):
        if place.stat().st_uid == 0 and not place.stat().st_mode & 0o001:
            place.chmod(place.stat().st_mode | 0o011)
    child = os.fork()
    if not child:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
        try:
            os.close(os.open(str(path), os.O_RDONLY))
        except OSError:
            os._exit(1)
        os._exit(0)
    assert (os.waitpid(child, 0)[1] == 0) is readable
    descriptor = os.open(str(tmp_path), os.O_RDONLY)
    try:
        found = _hazards.data_hazards(types.SimpleNamespace(data=descriptor), A, (uid, gid, uid), None, None)
        assert found == ([] if readable else [_hazards.Hazard(
            'permissions', 'the data file has an access control list, by which the runner cannot read it: remove it with setfacl -b')])
    finally:
        os.close(descriptor)


class TestPlaces:
    ROOM = {'read_only': False, 'blocks_free': 1000, 'inodes': 100, 'inodes_free': 50}

    @pytest.fixture(autouse=True)
    def room(self, monkeypatch):
        room = dict(self.ROOM)
        monkeypatch.setattr(_filesystem, 'under', lambda path: room)
        return room

    def test_sound(self, spool):
        assert _hazards.places(spool.look) == []

    @pytest.mark.parametrize('change, says', [
        ({'read_only': True}, 'is on a read-only file system'), ({'blocks_free': 99}, 'has 99 free blocks, fewer than MinFreeBlocks (100)'),
        ({'inodes_free': 0}, 'has no free inodes'),
        ({'immutable': True}, 'append-only: each run delivers its mail again, because it cannot remove it; remove that attribute with chattr -ia'),
    ])
    def test_file_system(self, spool, room, change, says):
        spool.look.settings['msp']['min_free_blocks'] = 100
        room.update(change)
        ((kind, text),) = _hazards.places(spool.look)
        assert kind == 'file_system'
        assert text.endswith(says)

    def test_file_system_that_does_not_count_inodes(self, spool, room):
        room.update(inodes=0, inodes_free=0)
        assert _hazards.places(spool.look) == []

    @pytest.mark.parametrize('linked', [False, True])
    def test_a_directory_with_an_access_control_list(self, spool, tmp_path, linked):
        """Behind a link too: /var/spool/mqueue may lead to another disk; the kernel follows, and so does Sendmail."""
        owner, named = os.stat(str(spool.path)), str(spool.path)
        if linked:
            named = str(tmp_path / 'link')
            os.symlink(str(spool.path), named)
            spool.look.directories['msp'] = [spool.look.directories['msp'][0]._replace(path=named, control=named, data=named)]
        spool.look.submitter.update(uid=owner.st_uid + 7, gid=owner.st_gid)
        assert _hazards.places(spool.look) == []
        try:
            os.setxattr(str(spool.path), 'system.posix_acl_access', listed(
                (USER_OBJ, 7, ANY), (GROUP_OBJ, 0, ANY), (GROUP, 7, 4711), (MASK, 7, ANY), (OTHER, 0, ANY)))
        except OSError as error:
            pytest.skip('no access control lists here: %s' % error)
        assert _hazards.places(spool.look) == [('directory', '%s has an access control list, by which the runner (%d:%d) cannot work in it: '
                                                             'remove it with setfacl -b' % (named, owner.st_uid + 7, owner.st_gid))]

    @pytest.mark.parametrize('mode, sound', [(0o2770, True), (0o2750, False), (0o2777, True), (0o2707, False)])
    def test_directory(self, spool, mode, sound):
        """The runner is here a member of the directory's group, and not its owner."""
        spool.path.chmod(mode)
        spool.look.submitter.update(uid=os.getuid() + 7, gid=os.stat(str(spool.path)).st_gid)
        found = _hazards.places(spool.look)
        assert [kind for kind, _text_ in found] == ([] if sound else ['directory'])


def test_survey_counts_what_it_looked_into(spool):
    put(spool, A, B, body=False)
    put(spool, C)
    kinds, count = _hazards.survey(spool.look, 'msp', 100)
    assert count == 3
    assert sorted(kinds) == ['no_data']
    assert sorted(identifier for _text_, identifier in kinds['no_data']) == [A, B]
    assert _hazards.survey(spool.look, 'msp', 1)[1] == 1
    assert _hazards.survey(spool.look, 'mta', 100) == ({}, 0)


def test_a_survey_gives_printable_ids(spool):
    """It goes to the controller as it is, in the raw result of sendmail_compliance_info."""
    put(spool, 'ab\udcffcd\n', body=False)
    kinds, _count = _hazards.survey(spool.look, 'msp', 100)
    assert {identifier for pairs in kinds.values() for _text_, identifier in pairs} == {r'ab\xffcd\x0a'}


@pytest.mark.parametrize('setgid', [False, True])
@pytest.mark.parametrize('given, expected', [
    (b'', (0, 0, 0)), (b'O TrustedUser=smmta\n', (0, 0, 0)), (b'O RunAsUser=root\n', (0, 0, 0)),
    (b'O RunAsUser=smmta\nO TrustedUser=smmta\n', (100, 101, 100)), (b'O RunAsUser=smmta:smmsp\n', (100, 102, 0)),
    (b'O RunAsUser=200.300\nO TrustedUser=7\n', (200, 300, 7)), (b'O RunAsUser=200\n', (200, 0, 0)), (b'O RunAsUser=200:0\n', (200, 0, 0)),
    (b'O RunAsUser=200x:30y\n', (200, 30, 0)), (b'O RunAsUser=\xc2\xb2\n', 'the user \xb2, which'),
    (b'O RunAsUser=nosuch\n', 'the user nosuch, which'), (b'O RunAsUser=smmta/nosuch\n', 'the group nosuch, which')])
def test_who_runs_the_queue_of_the_mta(monkeypatch, given, expected, setgid):
    """Seen with 8.18: the run of root becomes smmta, renames a qf of root to Qf and cannot open another, where root alone would have taken both.

    drop_privileges() with RunAsUser=100 and a program 2755 root:smmsp (102): "e/ruid = 100/100 e/rgid = 102/0", and 0/0 for one that is not set-group-ID.
    """
    monkeypatch.setattr(_hazards.os, 'stat', lambda path: about(0, 102, 0o102755) if path == '/sendmail' else None)
    known = {'root': (0, 0, 0), 'smmta': (100, 101, 101), 'smmsp': (101, 102, 102), 'nosuch': (None, None, None)}
    monkeypatch.setattr(_system, 'accounts', lambda names: {name: dict(zip(('uid', 'gid', 'group'), known.get(name, known['nosuch']))) for name in names})
    look = types.SimpleNamespace(settings={'mta': _cf.settings(_cf.parse(given + b'O QueueFileMode=0640\n'))},
                                 program={'sendmail': '/sendmail', 'setgid': setgid})
    if isinstance(expected, str):
        with pytest.raises(_text.SendmailError, match=expected):
            _hazards.runner(look, 'mta')
        return
    runner = _hazards.runner(look, 'mta')
    assert runner == ((200, 102, 0) if setgid and expected == (200, 0, 0) else expected)
    found = _hazards.hazard_of_owner(about(0, 101, 0o660), about(100, 102, 0o42750), runner, dict(look.settings['mta'], queue_file_mode=0o660))
    assert (found is None) == (runner[0] == 0)


def test_who_works_on_a_queue(spool):
    assert _hazards.runner(spool.look, 'mta') == (0, 0, 0)
    spool.look.submitter.update(uid=105, gid=108)
    assert _hazards.runner(spool.look, 'msp') == (105, 108, 105)


def test_a_control_file_that_cannot_be_read(spool, monkeypatch):
    put(spool, A)

    def fails(_directory, _name):
        raise OSError(5, 'Input/output error')
    monkeypatch.setattr(_spool, 'read_whole', fails)
    directory = spool.look.directories['msp'][0]
    assert _hazards.settled(spool.look, 'msp', directory, ['qf' + A]) == [
        ('msp', directory, A, 0, 0, 0, 0, False, [('unreadable', 'qf%s: Input/output error' % A, '')])]


def test_a_control_file_that_says_no_time(spool):
    put(spool, A, data=DATA.replace(b'T900\n', b'').replace(b'K1000\n', b''))
    (one,) = _hazards.settled(spool.look, 'msp', spool.look.directories['msp'][0], ['qf' + A])
    assert (one.created, one.last_attempt, one.hazards) == (0, 0, [])


def test_one_that_is_written_now_is_empty(spool):
    put(spool, A, data=b'', body=False)
    (one,) = _hazards.settled(spool.look, 'msp', spool.look.directories['msp'][0], ['qf' + A])
    assert one.hazards == []


@pytest.mark.parametrize('mode, readable', [(0o640, True), (0o600, False), (0o630, False)])
def test_a_data_file_that_the_runner_cannot_read(spool, mode, readable):
    """As a member of its group; nothing but reading is needed."""
    put(spool, A)
    body = spool.path / ('df' + A)
    body.chmod(mode)
    found = os.stat(str(body))
    with _spool.Opened(spool.look.directories['msp'][0]) as opened:
        hazards = _hazards.data_hazards(opened, A, (found.st_uid + 7, found.st_gid, 0), None, None)
    assert hazards == ([] if readable else [
        ('permissions', 'the data file has owner %d:%d, mode %04o: the runner cannot read it' % (found.st_uid, found.st_gid, mode), '')])


def test_a_survey_ends_at_its_bound_in_the_second_directory_too(spool):
    other = spool.path.parent / 'other'
    other.mkdir()
    place = str(other)
    spool.look.directories['msp'].append(_spool.QueueDirectory('other', place, place, place, place, False))
    put(spool, A)
    put(types.SimpleNamespace(path=other), B, C)
    assert [_hazards.survey(spool.look, 'msp', most)[1] for most in (1, 2, 3, 9)] == [1, 2, 3, 3]


def test_a_survey_goes_on_behind_a_directory_that_is_gone(spool):
    gone = str(spool.path.parent / 'gone')
    spool.look.directories['msp'].insert(0, _spool.QueueDirectory('gone', gone, gone, gone, gone, False))
    put(spool, A)
    assert _hazards.survey(spool.look, 'msp', 9)[1] == 1


@pytest.mark.parametrize('queue_directory, names', [('', ['.', 'a', 'b/c']), ('/', ['.', 'a', 'b/c']), ('/*', ['a', 'b', 'b/c'])])
def test_the_names_of_directories_in_d_lines(tmp_path, queue_directory, names):
    """multiqueue_cache(): a path below QueueDirectory, without what the last star stands for."""
    (tmp_path / 'a').mkdir()
    (tmp_path / 'b' / 'c').mkdir(parents=True)
    (tmp_path / 'b' / 'link').symlink_to('c')
    paths = [str(tmp_path) + queue_directory] + [str(tmp_path) + end for end in ('/a', '/b/c', '/b/link')]
    places = _spool.directories([('mqueue', path) for path in paths])[0]
    named = _hazards.named_directories(types.SimpleNamespace(directories={'msp': places}), 'msp')
    assert list(map(named.get, map(os.fsencode, names))) == places and len(named) == 4
    assert named[b'b/link'] == named[b'b/c']


class TestPlacesInFull:
    @pytest.mark.parametrize('change, text', [
        ({'blocks_free': 0}, '%s has 0 free blocks, fewer than MinFreeBlocks (0)'), ({'blocks_free': 1}, None), ({'blocks_free': None}, None),
        ({'inodes_free': 0}, '%s has no free inodes'), ({'inodes_free': 1}, None)])
    def test_room(self, spool, monkeypatch, change, text):
        room = dict(TestPlaces.ROOM, **change)
        monkeypatch.setattr(_filesystem, 'under', lambda path: room)
        assert _hazards.places(spool.look) == ([('file_system', text % spool.path)] if text else [])

    def test_the_sentence_about_a_directory(self, spool, monkeypatch):
        monkeypatch.setattr(_filesystem, 'under', lambda path: TestPlaces.ROOM)
        spool.path.chmod(0o2750)
        found = os.stat(str(spool.path))
        spool.look.submitter.update(uid=found.st_uid + 7, gid=found.st_gid)
        assert _hazards.places(spool.look) == [('directory', '%s has owner %d:%d, mode 2750: the runner (%d:%d) cannot work in it' % (
            spool.path, found.st_uid, found.st_gid, found.st_uid + 7, found.st_gid))]
