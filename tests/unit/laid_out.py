# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host laid out in a directory."""


def lay(root, files):
    """Write C(files), {path: text}, below C(root), a pathlib.Path; returns it as text."""
    for path, text in files.items():
        target = root / path.lstrip('/')
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text if isinstance(text, bytes) else text.encode())
        target.chmod(0o600 if '/cron/' in path else 0o644)       # as crontab(1) leaves it
    return str(root)
