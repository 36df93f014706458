# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""watch_attempts.py ATTEMPTS SECONDS: watch the one message in the client queue until it was tried so many times, at most for so long;
print the numbers of the attempts, and the seconds between."""
import glob
import json
import re
import sys
import time

seen = []
end = time.monotonic() + float(sys.argv[2])
while len(seen) < int(sys.argv[1]) and time.monotonic() < end:
    for path in glob.glob('/var/spool/mqueue-client/qf*'):
        try:
            with open(path, 'rb') as stream:
                text = stream.read()
        except OSError:  # renamed over just now
            continue
        last, number = re.search(rb'(?m)^K(\d+)$', text), re.search(rb'(?m)^N(\d+)$', text)
        if last and number and [int(number.group(1)), int(last.group(1))] not in seen:
            seen.append([int(number.group(1)), int(last.group(1))])
    time.sleep(0.5)
times = [last for number, last in seen]
print(json.dumps({'numbers': [number for number, last in seen], 'seconds_between': [after - before for before, after in zip(times, times[1:])]}))
