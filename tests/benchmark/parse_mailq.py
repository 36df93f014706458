# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people do without this collection: call mailq (the arguments) and read its listing. Prints a few totals."""

import collections
import re
import subprocess
import sys

HEAD = re.compile(r"^(\w{14,})[* X?-]?\s+(\d+) (\w{3} \w{3} [ \d]\d \d\d:\d\d) (.*)$")
listing = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, check=True).stdout.decode("utf-8", "replace")
messages = recipients = size = 0
senders, reasons = collections.Counter(), collections.Counter()
for line in listing.splitlines():
    head = HEAD.match(line)
    if head:
        messages += 1
        size += int(head.group(2))
        senders[head.group(4)] += 1
    elif line.startswith("\t\t\t"):
        recipients += 1
    elif line.lstrip().startswith("(") or "(" in line[:20]:
        reasons[line.partition("(")[2].rstrip(")")] += 1
print(messages, recipients, size, senders.most_common(10), reasons.most_common(10))
