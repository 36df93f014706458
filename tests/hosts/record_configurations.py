# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Record what the Sendmail of test hosts says of the configurations in tests/unit/samples/cf/cases.txt.

    tests/hosts/up cf-bookworm mailops-bookworm
    python3 tests/hosts/record_configurations.py bullseye=cf-bullseye bookworm=cf-bookworm trixie=cf-trixie

Writes cases.json beside it: the case, and for each release what `sendmail -C FILE -bt` complained of, null where it accepted the file. What
was recorded of other releases stays. tests/unit/plugins/module_utils/test__cf.py holds _cf.parse() against it.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / 'tests/unit/samples/cf'
ON_HOST = r"""
import json, re, subprocess, sys
answers = {}
for case in json.load(sys.stdin):
    with open('/run/case.cf', 'wb') as stream:
        stream.write(case.encode('latin-1'))
    done = subprocess.run(['sendmail', '-C', '/run/case.cf', '-bt'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=60)
    text = done.stdout.decode('latin-1')
    said = re.findall(r'(?m)^(?:[^\n]*: line \d+: |(?:554|451|421) \S+ )(?!Option \S+ used as)([^\n]*)', text)
    answers[case] = None if done.returncode == 0 else '%d %s' % (done.returncode, (said or [text[-80:]])[0])
json.dump(answers, sys.stdout)
"""


def cases():
    """The fragments of cases.txt as text whose characters are bytes."""
    for line in (SAMPLES / 'cases.txt').read_text().splitlines():
        if line and not (line.startswith('# ') and '${' not in line) and line != '#':
            yield line.encode('latin-1').decode('unicode_escape')


def whole(case):
    return 'V10/Berkeley\n%s\nO QueueDirectory=/q\nMlocal, P=/x, A=x $u\n' % case


def main():
    recorded = json.loads((SAMPLES / 'cases.json').read_text()) if (SAMPLES / 'cases.json').exists() else {}
    wanted = list(cases())
    for pair in sys.argv[1:]:
        release, host = pair.split('=')
        done = subprocess.run([ROOT / 'tests/hosts/enter', 'podman', 'exec', '-i', host, 'python3', '-c', ON_HOST],
                              input=json.dumps([whole(case) for case in wanted]), stdout=subprocess.PIPE, text=True, check=True)
        answers = json.loads(done.stdout)
        for case in wanted:
            recorded.setdefault(case, {})[release] = answers[whole(case)]
    lines = ['%s: %s' % (json.dumps(case), json.dumps(recorded[case], sort_keys=True)) for case in sorted(wanted)]
    (SAMPLES / 'cases.json').write_text('{\n%s\n}\n' % ',\n'.join(lines))


if __name__ == '__main__':
    main()
