# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The file system under a path, which only a diagnosis, a flush or a repair needs to know. Looks as in _system."""

import fcntl
import glob
import os
import re
import struct
import sys

from ansible_collections.mailops.sendmail.plugins.module_utils import _spool, _system, _text


def under(path):
    """The file system under a path: {mount, type, read_only, block_size, blocks_free, blocks, inodes_free, inodes, immutable, unmounted, error}.

    C(blocks_free) is what an ordinary user can have, in units of C(block_size), as MinFreeBlocks counts; C(inodes) 0 means no limit.
    C(immutable) is chattr's +i or +a: nothing can be removed from a directory. C(unmounted) is a mount point of /etc/fstab, or of a unit of
    systemd, on the way to the path that is not mounted.
    """
    found = dict.fromkeys(('mount', 'type', 'read_only', 'block_size', 'blocks_free', 'blocks', 'inodes_free', 'inodes', 'immutable', 'unmounted', 'error'))
    named, path = path, os.path.realpath(path)
    mounted = {point: (kind, options.split(',')) for point, kind, options in mounts('/proc/self/mounts')}
    above = [path[:position] or '/' for position in range(len(path), 0, -1) if position == len(path) or path[position] == '/'] + ['/']
    for point in above:
        if point in mounted:
            found.update(mount=_text.printable(os.fsencode(point)), type=mounted[point][0], read_only='ro' in mounted[point][1])
            break
    if mounted:
        # mount(8) takes a mount point with a slash behind it, and follows links. What is mounted may be a dead server's, and is not looked at.
        points = {os.path.normpath(point) for point in _units() + [
            point for point, kind, options in mounts('/etc/fstab') if kind != 'swap' and 'noauto' not in options.split(',')] if point[:1] == '/'}
        wanted = {os.path.realpath(point) for point in points.difference(mounted)}
        found['unmounted'] = ([_text.printable(os.fsencode(point)) for point in above if point in wanted and point not in mounted] or [None])[0]
    try:
        numbers = _system.bounded(5.0, os.statvfs, path)
        found.update(read_only=bool(numbers.f_flag & os.ST_RDONLY), block_size=numbers.f_frsize, blocks_free=numbers.f_bavail, blocks=numbers.f_blocks,
                     inodes_free=numbers.f_favail, inodes=numbers.f_files)
    except OSError as error:
        found['error'] = error.strerror
        return found
    try:
        descriptor = _spool.walk(os.path.abspath(named))
        try:
            found['immutable'] = immutable(descriptor)
        finally:
            os.close(descriptor)
    except OSError:
        pass
    return found


def _units(directory='/etc/systemd/system'):
    """The mount points of the mount units of an administrator that are enabled, as far as they say so without specifiers (systemd.mount(5))."""
    enabled = {os.path.basename(path) for path in glob.glob(directory + '/*.wants/*.mount') + glob.glob(directory + '/*.requires/*.mount')}
    texts = [_system.script('%s/%s' % (directory, name)) for name in sorted(enabled)]
    return [point for text in texts for point in re.findall(r'(?m)^\s*Where\s*=\s*"?(/[^"%\n]*?)"?\s*$', text)]


def immutable(descriptor):
    """Of an open directory; None without flags."""
    try:                                                                      # FS_IOC_GETFLAGS, FS_IMMUTABLE_FL, FS_APPEND_FL
        reading = 0x40000000 if os.uname().machine.startswith(('ppc', 'mips', 'sparc', 'alpha')) else 0x80000000    # asm/ioctl.h
        flags = fcntl.ioctl(descriptor, reading | struct.calcsize('l') << 16 | 0x6601, b'\0' * 8)
        return bool(flags[0 if sys.byteorder == 'little' else 3] & 0x30)
    except OSError:
        return None


def mounts(path):
    for line in _system.slurp_all(path, 4194304).decode('utf-8', 'surrogateescape').splitlines():
        fields = line.split()
        if len(fields) > 3 and fields[0][0] != '#':
            yield re.sub(r'\\([0-7]{3})', lambda match: chr(int(match.group(1), 8)), fields[1]), fields[2], fields[3]


def spare(key: str, mode: int) -> int:
    """The bits of a rule's mode that may be otherwise, as they let nobody in: root writes without, nobody has to list /etc/mail, a pid file has
    TempFileMode or what its unit made (log_sendmail_pid() in util.c), and the MTA's queue may be closed where the packaging leaves it open
    (sendmail/SECURITY).
    """
    return {'submit_cf': 0o200, 'sendmail_cf': 0o200, 'mail_dir': 0o044, 'msp_pid': 0o044, 'mta_pid': 0o044}.get(
        key, 0o055 if key == 'mta_queue' and mode & 0o005 else 0)
