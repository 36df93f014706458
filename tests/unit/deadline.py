# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An end for what blocks: it fails, and does not hold up the rest. Python 3.6 syntax."""

import contextlib
import signal


@contextlib.contextmanager
def deadline(seconds):
    """Raise AssertionError in what goes on for longer than this."""
    def late(_signal, _frame):
        raise AssertionError('it takes too long')
    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
