# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The format strings of a Sendmail binary that can end up in a status, a process title or a line of the log about delivery.

phrases_in_binaries.py BINARY: print them, one a line. With a second argument, a file of known ones: print those that are not in it, and fail if
there are any. Runs on test hosts, so it needs nothing but Python.
"""

import re
import sys

# Wide on purpose: what it finds and what is none of ours stands in samples/phrases/irrelevant.txt.
CANDIDATE = re.compile(
    # Replies: 4yz, and 8yz, which is a message for mailq alone.
    r'[!@+]?[48]\d\d[ -]'
    # Statuses.
    r'|.*(?:[Dd]eferred|queued for future|message queued|Deferring|could not send|Delivery time|EX_TEMPFAIL'
    r'|Temporary AUTH|database (?:unavailable|error)|clt_features=TEMPFAIL|points back|loops back|died with signal'
    r'|read error from|timeout writing)'
    r'|(?:Connection |Host %s|Name server|Operation not|host name lookup|host not found|Timeout on|Network )'
    # Titles.
    r'|.*(?:connections on daemon|connections again|new messages: min free|accepting connections|running queue'
    r'|from queue$|cmd read|%s startup|startup with|child wait|Queue control|Queue runner|user open|: delaying)'
    r'|client [A-Z]|control: |idle$'
    # Lines of the log.
    r'|STARTTLS|AUTH[ =:]|Milter|.*(?:, stat=|Losing|low on space|rejecting|reject=|rejection|SMTP socket|cannot bind'
    r'|queue run|bogus queue|dangerous perm|tempfail|unqualified host|unable to qualify|ame server timeout'
    r'|lost input)')


def candidates(data):
    """The candidates among the strings of a binary, sorted."""
    found = set(text.decode('ascii') for text in re.findall(rb'[\x20-\x7e\t\n\r]{4,}(?=\0)', data))
    return sorted(text.strip('\r\n').replace('\n', '\\n') for text in found if CANDIDATE.match(text))


if __name__ == '__main__':
    with open(sys.argv[1], 'rb') as stream:
        found = candidates(stream.read())
    if sys.argv[2:]:
        with open(sys.argv[2], encoding='utf-8') as stream:
            known = set(stream.read().split('\n'))
        found = [text for text in found if text not in known]
    print('\n'.join(found))
    sys.exit(bool(found and sys.argv[2:]))
