# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The looks at the machine, at real processes, sockets and files of the test where that is possible, else at a host laid out in a directory."""

import pytest

from ansible_collections.mailops.sendmail.plugins.module_utils import _system


def lay(root, files):
    for path, text in files.items():
        target = root / path.lstrip('/')
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text if isinstance(text, bytes) else text.encode())
        target.chmod(0o644)
    return str(root)


def test_filesystem(tmp_path, monkeypatch):
    found = _system.filesystem(str(tmp_path))
    assert found['error'] is None
    assert found['blocks_free'] > 0
    assert found['read_only'] is False
    assert _system.filesystem(str(tmp_path / 'none'))['error']
    monkeypatch.setattr(_system, '_mounts', lambda path: iter(
        [('/', 'ext4', 'rw'), (str(tmp_path), 'tmpfs', 'ro,noexec')] if path == '/proc/self/mounts' else
        [('/', 'ext4', 'defaults'), (str(tmp_path / 'a'), 'ext4', 'defaults'), (str(tmp_path / 'b'), 'ext4', 'noauto')]))
    (tmp_path / 'a' / 'q').mkdir(parents=True)
    found = _system.filesystem(str(tmp_path / 'a' / 'q'))
    assert (found['mount'], found['type'], found['unmounted']) == (str(tmp_path), 'tmpfs', str(tmp_path / 'a'))
    assert _system.filesystem(str(tmp_path / 'b'))['unmounted'] is None


@pytest.mark.parametrize('files, links, expected', [
    ({'/usr/lib/systemd/system/sendmail.service': '[Unit]'}, {'/etc/systemd/system/multi-user.target.wants/sendmail.service': '/x'},
     {'unit': '/usr/lib/systemd/system/sendmail.service', 'init_script': None, 'enabled': True, 'masked': False}),
    ({'/usr/lib/systemd/system/sendmail.service': '[Unit]'}, {},
     {'unit': '/usr/lib/systemd/system/sendmail.service', 'init_script': None, 'enabled': False, 'masked': False}),
    ({}, {'/etc/systemd/system/sendmail.service': '/dev/null', '/etc/systemd/system/multi-user.target.wants/sendmail.service': '/x'},
     {'unit': '/etc/systemd/system/sendmail.service', 'init_script': None, 'enabled': False, 'masked': True}),
    ({'/etc/init.d/sendmail': '#!/bin/sh', '/run/systemd/system/x': ''}, {'/run/systemd/generator.late/multi-user.target.wants/sendmail.service': '/x'},
     {'unit': None, 'init_script': '/etc/init.d/sendmail', 'enabled': True, 'masked': False}),
    ({'/etc/init.d/sendmail': '#!/bin/sh'}, {'/etc/rc2.d/S03sendmail': '../init.d/sendmail'},
     {'unit': None, 'init_script': '/etc/init.d/sendmail', 'enabled': True, 'masked': False}),
    ({'/etc/init.d/sendmail': '#!/bin/sh'}, {'/etc/rc2.d/K01sendmail': '../init.d/sendmail'},
     {'unit': None, 'init_script': '/etc/init.d/sendmail', 'enabled': False, 'masked': False}),
    ({}, {}, {'unit': None, 'init_script': None, 'enabled': None, 'masked': False}),
])
def test_service(tmp_path, files, links, expected):
    root = lay(tmp_path, files)
    for path, target in links.items():
        (tmp_path / path.lstrip('/')).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path.lstrip('/')).symlink_to(target)
    assert _system.service('sendmail', root) == expected
