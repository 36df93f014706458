# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure what a survey of a fleet of any size says at its end, on synthetic results: CPU, memory above the interpreter, lines, bytes of the report.

    .venv/bin/python tests/benchmark/summaries.py [--hosts 100,1000,10000] [--check]
"""

from __future__ import annotations

import argparse
import importlib
import json
import random
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit"))
importlib.import_module("conftest")    # makes the checkout importable

from ansible_collections.mailops.sendmail.plugins.filter.queue_report import queue_report
from ansible_collections.mailops.sendmail.plugins.filter.remediation_report import remediation_report
from ansible_collections.mailops.sendmail.plugins.filter.remediation_summary import remediation_summary
from ansible_collections.mailops.sendmail.plugins.module_utils._causes import CAUSES
from reports import memory

GOALS = {"CPU s": 60.0, "MiB": 256.0, "lines": 600, "report MB": 20.0}
DOMAINS = ("example.org", "customers.example.com", "partner.example.net", "lists.example.org", "(local)")


def outcome(chance: random.Random, name: str) -> dict:
    """What a playbook keeps of a host: nine of ten are healthy, some have causes and mail, some do not answer."""
    kind = chance.random()
    if kind < 0.03:
        return {"state": "unknown", "message": f"Failed to connect to the host via ssh: ssh: connect to host {name} port 22: Connection timed out"}
    found, waiting = [], 0
    if kind < 0.10:
        waiting = chance.choice((0, 3, 12, 240, 1900))
        found = [{"id": one.id, "title": one.title, "severity": one.severity, "messages": waiting, "because_of": [],
                  "evidence": [f"Nothing listens on {name} port 25 since {chance.randrange(1, 9999)} seconds.", "Sendmail says: Deferred: Connection refused."],
                  "fix": {"kind": one.fix, "name": one.name, "text": one.text}} for one in chance.sample(CAUSES, chance.choice((1, 1, 1, 2, 3)))]
    ages = {age: chance.randrange(9) for age in ("5", "10", "20", "40", "80", "160", "320", "640", "1280", "1280+")}
    return remediation_report({
        "healthy": not found, "causes": found, "unexplained": {"messages": 0, "examples": []}, "inspected": waiting,
        "messages": {"total": waiting, "queued": waiting, "quarantined": 0, "lost": 0, "incomplete": 0, "unreadable": 0},
        "domains": [{"domain": domain, "ages": ages} for domain in chance.sample(DOMAINS, 3)] if waiting else []})


def measure(count: int) -> None:
    """In a process of its own."""
    chance = random.Random(1)
    names = [f"web{number:05d}.{chance.choice(('ams', 'fra', 'nyc'))}.example.net" for number in range(count)]
    outcomes = {name: outcome(chance, name) for name in names}
    held = sum(len(json.dumps(one)) for one in outcomes.values()) / count
    idle, begun = memory(), time.process_time()
    lines = len(remediation_summary(outcomes, title="Survey", acted=False).splitlines())
    summed = time.process_time() - begun
    text = queue_report(outcomes, playbook="survey_queues")
    print(json.dumps({"CPU s": time.process_time() - begun, "of that the summary": summed, "MiB": memory() - idle, "lines": lines,
                      "report MB": len(text) / 1e6, "bytes a host": held}))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hosts", type=lambda text: [int(word) for word in text.split(",")], default=[100, 1000, 10000])
    parser.add_argument("--check", action="store_true", help="exit status 1 when a goal is missed")
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure)
        return 0
    missed = 0
    for count in options.hosts:
        done = subprocess.run([sys.executable, __file__, "--measure", str(count)], check=True, stdout=subprocess.PIPE, text=True)
        print(f"\n{count} hosts")
        for name, value in json.loads(done.stdout).items():
            print(f"{name:20} {value:8.2f}" + (f" (goal: at most {GOALS[name]:g})" if name in GOALS else ""))
            missed += value > GOALS.get(name, value)
    return int(options.check and missed > 0)


if __name__ == "__main__":
    sys.exit(main())
