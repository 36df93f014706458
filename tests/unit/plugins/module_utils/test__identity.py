# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose ids the process works with, seen by the kernel: what a file system lets it do, and whose the files are that it makes."""
import ctypes
import os
import signal
import sys

import pytest
from ansible_collections.mailops.sendmail.plugins.module_utils import _identity, _text

WHO = _identity.Identity(12345, 23456)
root = pytest.mark.skipif(os.geteuid() != 0, reason='only root can work as somebody else')


def ids():
    return os.geteuid(), os.getegid(), sorted(os.getgroups())


@root
def test_inside_and_behind(tmp_path):
    before = ids()
    tmp_path.chmod(0o777)
    for above in tmp_path.parents:
        if 'pytest-' in str(above):
            above.chmod(0o755)
    (tmp_path / 'secret').write_bytes(b'x')
    (tmp_path / 'secret').chmod(0o600)
    with _identity.acting(WHO):
        assert ids() == (12345, 23456, [23456])
        with pytest.raises(PermissionError):
            open(str(tmp_path / 'secret'), 'rb')
        with pytest.raises(PermissionError):
            os.chown(str(tmp_path / 'secret'), 12345, 23456)
        (tmp_path / 'made').write_bytes(b'x')
    assert ids() == before
    assert ((tmp_path / 'made').stat().st_uid, (tmp_path / 'made').stat().st_gid) == (12345, 23456)


@root
def test_one_inside_another():
    before = ids()
    with _identity.acting(WHO):
        with _identity.acting(_identity.Identity(0, 0)):
            assert ids()[:2] == (0, 0)
            with _identity.acting(_identity.Identity(54321, 54321)):
                assert ids() == (54321, 54321, [54321])
            assert ids()[:2] == (0, 0)
        assert ids() == (12345, 23456, [23456])
        with _identity.acting(WHO):
            assert ids() == (12345, 23456, [23456])
    assert ids() == before


@root
@pytest.mark.parametrize('what', [OSError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_whatever_ends_the_block(what):
    before = ids()
    with pytest.raises(what), _identity.acting(WHO):
        raise what()
    assert ids() == before


@root
def test_ids_that_cannot_be_taken(monkeypatch):
    before = ids()

    def setegid(_gid):
        monkeypatch.undo()
        raise OSError(1, 'no')
    monkeypatch.setattr(os, 'setegid', setegid)
    with pytest.raises(_text.SendmailError), _identity.acting(WHO):
        raise AssertionError('the block ran')
    assert ids() == before


SETGID, SETUID = 6, 7          # linux/capability.h


def without(capabilities):
    """Run the rest of this process without some capabilities, as a container does: capset(2), version 3."""
    library, numbers = ctypes.CDLL(None, use_errno=True), (ctypes.c_uint32 * 6)()
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    assert library.capget(header, numbers) == 0
    for index in range(3):
        numbers[index] &= ~sum(1 << one for one in capabilities)
    assert library.capset(header, numbers) == 0


@root
@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='capabilities')
@pytest.mark.parametrize('capabilities, why', [((), None), ((SETUID,), b'Operation not permitted'), ((SETGID,), b'Operation not permitted'),
                                               ((SETUID, SETGID), b'Operation not permitted')])
def test_root_of_a_container(capabilities, why):
    """Root that may not change its user says so, works as before behind the block, and blames no file."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            without(capabilities)
            before, said = ids(), b''
            try:
                with _identity.acting(WHO):
                    said = b'worked'
            except _text.SendmailError as error:
                said = str(error).encode()
            os.write(write, said if ids() == before else b'ids are changed')
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with os.fdopen(read, 'rb') as stream:
        said = stream.read()
    assert said == b'worked' if why is None else b'may not work as user %d and group %d' % (WHO.uid, WHO.gid) in said and why in said


@pytest.mark.skipif(os.geteuid() == 0, reason='as anybody else than root')
def test_who_is_not_root_stays_who_he_is():
    before = ids()
    with _identity.acting(WHO):
        assert ids() == before


def test_a_signal_is_noted_and_raised_where_it_may():
    before = signal.getsignal(signal.SIGTERM)
    with _identity.signals_noted() as check:
        check()
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(_text.SendmailError, match='ended by signal 15'):
            check()
    assert signal.getsignal(signal.SIGTERM) is before
