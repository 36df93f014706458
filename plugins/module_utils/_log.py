# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

# PRIVATE to the mailops.sendmail collection: it can change or go in any release.

"""What Sendmail has written to the log of the host: the journal, and the files that syslog writes. Where neither can be read there are no lines."""

import os
import re
import time

from ansible_collections.mailops.sendmail.plugins.module_utils import _process

FILES = ('/var/log/mail.log', '/var/log/maillog')
_JOURNAL_SOCKET = '/run/systemd/journal/socket'
_JOURNALCTL = ('/usr/bin/journalctl', '/bin/journalctl')
# The names Sendmail logs under: -L of Debian, Red Hat and FreeBSD, and its own where there is none.
_NAMES = ('sendmail', 'sm-mta', 'sm-msp-queue', 'sendmail-msp')


def lines(since, pattern, seconds, size, newest=None):
    """Yield the lines (bytes, as syslog writes them) that C(pattern), a compiled expression, is found in and that are newer than about C(since).

    C(since): epoch seconds. C(seconds) is the most that reading the journal may take, C(size) the bytes of each file, from its end, and
    C(newest) how many lines of the journal are looked at, from its end; all by default.
    """
    for path in FILES:
        try:
            with open(path, 'rb') as stream:
                about = os.fstat(stream.fileno())
                if about.st_mtime >= since - 5:
                    stream.seek(max(0, about.st_size - size))
                    for line in stream:
                        if pattern.search(line):
                            yield line
        except OSError:
            continue
    # Last, because a file may be there that nothing writes to any more.
    journal = next((path for path in _JOURNALCTL if os.path.exists(path)), None)
    if journal and os.path.exists(_JOURNAL_SOCKET):
        found = []

        def take(_key, line):
            if pattern.search(line):
                found.append(line)
        argv = [journal, '-q', '--no-pager', '-o', 'short', '--since=@%d' % (since - 5)] + ([] if newest is None else ['-n', '%d' % newest])
        _process.run_all([(0, argv + [word for name in _NAMES for word in ('-t', name)])], 1, time.monotonic() + seconds, take)
        yield from found


def latest(patterns, since, seconds, size, newest):
    """{key: the newest line that its pattern is found in}, for the keys that have one. C(patterns): {key: expression over bytes}; the rest as in L(lines)."""
    found = {}
    if patterns:
        compiled = [(key, re.compile(pattern)) for key, pattern in sorted(patterns.items())]
        for line in lines(since, re.compile(b'|'.join(b'(?:%s)' % one.pattern for _key, one in compiled)), seconds, size, newest):
            for key, pattern in compiled:
                if pattern.search(line):
                    found[key] = line.rstrip()
    return found
