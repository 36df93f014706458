# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host laid out in a directory."""

from ansible_collections.mailops.sendmail.plugins.module_utils import _look, _platform, _system

SUBMIT = 'O QueueDirectory=%s\nO RunAsUser=nosuchuser:nosuchgroup\nD{MTAHost}[127.0.0.1]\n'


def lay(root, files):
    """Write C(files), {path: text}, below C(root), a pathlib.Path; returns it as text."""
    for path, text in files.items():
        target = root / path.lstrip('/')
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text if isinstance(text, bytes) else text.encode())
        target.chmod(0o600 if '/cron/' in path else 0o644)       # as crontab(1) leaves it
    return str(root)


def bare_host(root, monkeypatch):
    """Make of this host one without anything on it, whose configuration files would be in C(root), which is returned."""
    layout = _platform.DEBIAN._replace(submit_cf=str(root / 'submit.cf'), sendmail_cf=str(root / 'sendmail.cf'), binaries=(str(root / 'sendmail'),))
    monkeypatch.setattr(_system, 'platform', lambda: layout)
    monkeypatch.setattr(_look, '_is_root', lambda: True)
    return root


def queue(root, name, *files):
    """Make a queue directory with empty files; returns its path as text."""
    path = root / name
    path.mkdir(parents=True)
    for file in files:
        (path / file).touch()
    return str(path)
