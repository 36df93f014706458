# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that the pages tell people to type. python commands.py PAGE... prints those to run, each as page and command with a tab between,
and writes the playbooks of the pages, each named by the comment in its first line, into the current directory."""

from __future__ import annotations

import re
import sys
from pathlib import Path

PROGRAMS = '(?:ansible|ansible-playbook|ansible-doc|ansible-galaxy|make|mailq)'
# Every command of the pages is run, but for these.
NOT_RUN = {
    'make demo': 'a step of its own in tests/steps.mk',
    'make test': 'this is a part of it',
    'make help': 'the default of make; does nothing',
    'make fleet': 'starts eleven hosts; run for docs/fleet.md and by make screenshots',
    'make bench-fleet': 'starts a hundred hosts for twenty minutes; run for docs/performance.md',
    'make bench': 'takes a quarter of an hour; run for docs/performance.md',
    'make controllers': 'takes a quarter of an hour; run for docs/fleet.md',
    'make docs': 'a step of its own in tests/steps.mk',
    'make events': 'a step of its own in tests/steps.mk',
    'make forecast': 'waits for a queue to grow; run for docs/monitoring.md',
    'make formats': 'downloads the tools of auditors',
    'make healthy': 'starts some eighty hosts for twenty minutes; run for docs/platforms.md',
    'make hosts': 'starts four hosts and leaves them up',
    'make kinds': 'starts fourteen hosts for half an hour; run for docs/platforms.md',
    'make night': 'starts forty hosts for twenty minutes; run for docs/fleet.md',
    'make molecule': 'a step for each scenario in tests/steps.mk',
    'mailq': 'of Sendmail, named to say what it is',
    'mailq -Ac': 'of Sendmail, named to say what it is',
}
NO_COMMANDS = {'ansible', 'ansible-playbook', 'make'}  # the names of programs


def commands(text: str) -> list[str]:
    """In the order of the page: what stands after a prompt, and commands between backticks."""
    found = []
    for fence, block, prose in re.findall(r'(?ms)^(```)(.*?)^```$|((?:(?!^```).)+)', text):
        if fence:
            found += re.findall(r'(?m)^[$#] (.*)', block) if block.startswith('console') else []
        else:
            found += re.findall(rf'(?<!`)`({PROGRAMS}\b[ ][^`]+|mailq)`', re.sub(r'\s*\n\s*', ' ', prose))
    return [one for one in found if one not in NO_COMMANDS]


def to_run(text: str) -> list[str]:
    return [one for one in commands(text) if one not in NOT_RUN]


if __name__ == '__main__':
    for name in sys.argv[1:]:
        page = Path(name).read_text(encoding='utf-8')
        for playbook, body in re.findall(r'```yaml\n# (\S+\.yml)\n(.*?)```', page, re.S):
            Path(playbook).write_text('---\n' + body, encoding='utf-8')
        for one in to_run(page):
            print(name, one, sep='\t')
