# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The looks at the machine, at real processes, sockets and files of the test where that is possible, else at a host laid out in a directory."""

import os
import struct
import sys
import types

import pytest
from ansible_collections.mailops.sendmail.plugins.module_utils import _filesystem


@pytest.mark.parametrize('flags, frozen', [(0x10, True), (0x20, True), (0x30, True), (0x80000, False), (0, False)])
def test_a_directory_from_which_nothing_can_be_removed(tmp_path, monkeypatch, flags, frozen):
    """FS_IMMUTABLE_FL and FS_APPEND_FL of linux/fs.h. Who may set them is root with a capability that test hosts have, see tests/attack."""
    def ioctl(descriptor, request, buffer):
        assert os.fstat(descriptor).st_ino == tmp_path.stat().st_ino
        return flags.to_bytes(4, sys.byteorder) + b'\0' * 4
    monkeypatch.setattr(_filesystem.fcntl, 'ioctl', ioctl)
    assert _filesystem.under(str(tmp_path))['immutable'] is frozen


@pytest.mark.skipif(os.geteuid() != 0, reason='a link of somebody else')
def test_nothing_behind_a_link_of_others_is_opened(tmp_path, monkeypatch):
    """Who owns a queue can put a link in the place of its df at any moment."""
    (tmp_path / 'secret').mkdir()
    (tmp_path / 'df').symlink_to(tmp_path / 'secret')
    os.lchown(str(tmp_path / 'df'), 4711, 4711)
    opened, real = [], os.open
    monkeypatch.setattr(os, 'open', lambda path, *rest, **more: opened.append(str(path)) or real(path, *rest, **more))
    assert _filesystem.under(str(tmp_path / 'df'))['immutable'] is None
    assert not [path for path in opened if 'secret' in path]


def test_filesystem(tmp_path, monkeypatch):
    found = _filesystem.under(str(tmp_path))
    assert found['error'] is None
    assert found['blocks_free'] > 0
    assert found['read_only'] is False
    assert _filesystem.under(str(tmp_path / 'none'))['error']
    monkeypatch.setattr(_filesystem, 'mounts', lambda path: iter(
        [('/', 'ext4', 'rw'), (str(tmp_path), 'tmpfs', 'ro,noexec')] if path == '/proc/self/mounts' else
        [('/', 'ext4', 'defaults'), (str(tmp_path / 'a'), 'ext4', 'defaults'), (str(tmp_path / 'b'), 'ext4', 'noauto')]))
    (tmp_path / 'a' / 'q').mkdir(parents=True)
    found = _filesystem.under(str(tmp_path / 'a' / 'q'))
    assert (found['mount'], found['type'], found['unmounted']) == (str(tmp_path), 'tmpfs', str(tmp_path / 'a'))
    assert _filesystem.under(str(tmp_path / 'b'))['unmounted'] is None


@pytest.mark.parametrize('point, unmounted', [('{0}/a/', True), ('{0}/link', True), ('{0}/b', False), ('none', False)])
def test_a_mount_point_in_other_words(tmp_path, monkeypatch, point, unmounted):
    (tmp_path / 'a').mkdir()
    (tmp_path / 'link').symlink_to(tmp_path / 'a')
    monkeypatch.chdir(str(tmp_path))
    monkeypatch.setattr(_filesystem, 'mounts', lambda path: iter(
        [('/', 'ext4', 'rw')] + ([] if path == '/proc/self/mounts' else [(point.format(tmp_path), 'xfs', 'defaults,nofail')])))
    assert _filesystem.under(str(tmp_path / 'a'))['unmounted'] == (str(tmp_path / 'a') if unmounted else None)


def test_what_is_mounted_of_a_dead_server_is_not_looked_at(tmp_path, monkeypatch):
    """lstat(2) of the root of an NFS file system waits for its server, hard mounts for ever (nfs(5))."""
    dead, looked, real = str(tmp_path / 'dead'), [], os.lstat
    monkeypatch.setattr(_filesystem, 'mounts', lambda path: iter(
        [('/', 'ext4', 'rw'), (dead, 'nfs4', 'rw')] if path == '/proc/self/mounts' else [(dead + '/', 'nfs4', 'defaults'), (str(tmp_path / 'a'), 'xfs', 'rw')]))
    monkeypatch.setattr(os, 'lstat', lambda path, *rest, **more: looked.append(str(path)) or real(path, *rest, **more))
    assert _filesystem.under(str(tmp_path / 'a'))['unmounted'] == str(tmp_path / 'a')
    assert str(tmp_path / 'a') in looked and dead not in looked


@pytest.mark.parametrize('enabled, text, points', [
    ('multi-user.target.wants/srv-spool.mount', '[Unit]\n[Mount]\nWhat=/dev/vdb1\nWhere = /srv/spool\n', ['/srv/spool']),
    ('local-fs.target.requires/srv-spool.mount', '[Mount]\nWhere="/srv/spool"\n', ['/srv/spool']),
    ('srv-spool.mount.d/srv-spool.mount', '[Mount]\nWhere=/srv/spool\n', []),              # nobody asks for it
    ('local-fs.target.wants/srv-spool.mount', '[Mount]\nWhere=/srv/%i\n', []),
    ('local-fs.target.wants/srv-spool.mount', '', [])])                                       # masked
def test_a_mount_unit_is_as_good_as_a_line_in_fstab(tmp_path, enabled, text, points):
    (tmp_path / 'srv-spool.mount').write_text(text)
    (tmp_path / enabled).parent.mkdir()
    (tmp_path / enabled).symlink_to(tmp_path / 'srv-spool.mount')
    assert _filesystem._units(str(tmp_path)) == points


@pytest.mark.parametrize('machine, number', [('x86_64', 0x80086601), ('aarch64', 0x80086601), ('s390x', 0x80086601), ('ppc64le', 0x40086601)])
@pytest.mark.skipif(struct.calcsize('l') != 8, reason='the numbers hold the size of a long')
def test_the_number_of_the_call_is_that_of_the_machine(monkeypatch, machine, number):
    """_IOR('f', 1, long) of asm-generic/ioctl.h, and of powerpc/include/uapi/asm/ioctl.h, where reading is 2 << 29."""
    asked = []

    def ioctl(_descriptor, request, _data):
        asked.append(request)
        return b'\x10\0\0\x10' + b'\0' * 4
    monkeypatch.setattr(_filesystem.fcntl, 'ioctl', ioctl)
    monkeypatch.setattr(_filesystem.os, 'uname', lambda: types.SimpleNamespace(machine=machine, sysname='Linux'))
    assert _filesystem.immutable(0) is True
    assert asked == [number]
