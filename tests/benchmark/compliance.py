# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure the whole compliance check, one call a host, against a playbook of 30 small tasks on the same hosts.

Medians of rounds in which the candidates take turns, less what a play without tasks costs. See plays.py for what is counted.

    tests/hosts/enter .venv/bin/python tests/benchmark/compliance.py [--hosts 6] [--rounds 3] [--check]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import plays

TASKS = 30
PATHS = ("/etc/mail", "/etc/mail/submit.cf", "/etc/mail/sendmail.cf", "/var/spool/mqueue", "/var/spool/mqueue-client", "/usr/sbin/sendmail",
         "/etc/cron.d/sendmail", "/run/sendmail/mta/sendmail.pid", "/etc/resolv.conf", "/etc/aliases")


def play(tasks: list[dict]) -> str:
    return json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}])


CANDIDATES = {
    "no task": play([]),
    "one call": play([{"mailops.sendmail.sendmail_compliance_info": {}}]),
    f"{TASKS} small tasks": play([{"ansible.builtin.stat": {"path": PATHS[number % len(PATHS)]}} for number in range(TASKS)]),
    "role with all reports": json.dumps([{"hosts": "all", "gather_facts": False, "roles": ["mailops.sendmail.sendmail_compliance"]}]),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hosts", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--check", action="store_true", help="exit status 1 when a goal is missed")
    options = parser.parse_args()
    names = [f"compliance-bench-{number}" for number in range(options.hosts)]
    figures: dict[str, list[tuple[float, float, float]]] = {name: [] for name in CANDIDATES}
    try:
        for name in names:
            subprocess.run([plays.ROOT / "tests/hosts/up", name, "mailops-bookworm"], check=True, stdout=subprocess.DEVNULL)
        with tempfile.TemporaryDirectory() as place:
            inventory = Path(place, "inventory.json")
            inventory.write_text(json.dumps({"all": {"hosts": {name: {"ansible_connection": "containers.podman.podman",
                                                                      "ansible_python_interpreter": "/usr/bin/python3"} for name in names}}}))
            for round_ in range(options.rounds + 1):
                for name, text in CANDIDATES.items():
                    playbook = Path(place, "play.yml")
                    playbook.write_text(text)
                    cost = plays.play(["-i", str(inventory), "-e", f"sendmail_compliance_directory={place}/reports", str(playbook)], names,
                                      ANSIBLE_FORKS="6")
                    if cost.status:
                        raise SystemExit(cost.output)
                    if round_:   # the first one warms everything up
                        figures[name].append((cost.cpu - cost.hosts, cost.hosts, cost.wall))
    finally:
        subprocess.run([plays.ROOT / "tests/hosts/down", *names], check=False, stdout=subprocess.DEVNULL)
    medians = {name: [statistics.median(column) for column in zip(*rows)] for name, rows in figures.items()}
    idle = medians["no task"]
    print(f"{options.hosts} hosts, {options.rounds} rounds, CPU seconds\n\n| candidate | controller | hosts | a host, both | wall |\n|---|---|---|---|---|")
    net = {}
    for name, (controller, hosts, wall) in medians.items():
        net[name] = controller - idle[0] + max(0.0, hosts - idle[1])
        print(f"| {name} | {controller:.2f} | {hosts:.2f} | {(controller + hosts) / options.hosts:.2f} | {wall:.1f} |")
    whole = (sum(medians["one call"][:2])) / options.hosts
    small = medians[f"{TASKS} small tasks"]
    ratio = net[f"{TASKS} small tasks"] / net["one call"]
    print(f"\none call is {ratio:.1f} times cheaper than {TASKS} small tasks (goal: 20); with Ansible's start, "
          f"{sum(small[:2]) / sum(medians['one call'][:2]):.1f} times; wall {small[2] / medians['one call'][2]:.1f} times")
    print(f"the whole run costs {whole:.2f} CPU seconds a host (goal: 2.0)")
    return int(options.check and (ratio < 20 or whole > 2.0))


if __name__ == "__main__":
    sys.exit(main())
