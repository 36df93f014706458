# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Survey, check and remediate a fleet of real hosts, a tenth of them broken in different ways, beside the same look as plain tasks.

    tests/hosts/enter .venv/bin/python tests/benchmark/fleet.py [--hosts 100] [--check]

Goal: a survey costs at most 1.0 CPU second for each host, controller and host together, beyond what a task without work costs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import plays
import yaml

IMAGES = ("mailops-bookworm", "mailops-trixie", "mailops-bullseye")
GOAL = 1.0
PLAIN = [
    {"ansible.builtin.command": "mailq -Ac", "changed_when": False},
    {"ansible.builtin.command": "mailq", "changed_when": False},
    {"ansible.builtin.service_facts": None},
    *({"ansible.builtin.stat": {"path": path}} for path in ("/var/spool/mqueue-client", "/var/spool/mqueue", "/etc/mail/submit.cf", "/usr/sbin/sendmail")),
]


def fleet(count: int) -> dict[str, dict[str, str]]:
    """Host variables by name; every tenth host has one of the troubles of tests/fleet."""
    troubles = [about for about in yaml.safe_load((plays.ROOT / "tests/fleet/inventory.yml").read_text())["all"]["hosts"].values()
                if about["trouble"] not in ("", ":")]
    hosts = {}
    for number in range(count):
        name = f"bench-{number:03d}"
        hosts[name] = dict(troubles[number // 10 % len(troubles)]) if number % 10 == 5 else {"image": IMAGES[number % 3]}
    return hosts


def up(hosts: dict[str, dict[str, str]]) -> None:
    lines = "".join(f"{name}\0{about['image']}\0" for name, about in hosts.items())
    subprocess.run(["xargs", "-0", "-n", "2", "-P", "3", plays.ROOT / "tests/hosts/up"], input=lines, text=True, check=True, stdout=subprocess.DEVNULL)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hosts", type=int, default=100)
    parser.add_argument("--check", action="store_true", help="exit status 1 when the goal is missed")
    options = parser.parse_args()
    hosts = fleet(options.hosts)
    names = list(hosts)
    rows = []
    try:
        up(hosts)
        with tempfile.TemporaryDirectory() as place:
            inventory = Path(place, "inventory.json")
            resolver = subprocess.run(["podman", "exec", names[0], "awk", "/^nameserver/ {print $2}", "/etc/resolv.conf"],
                                      check=True, capture_output=True, text=True).stdout.split()
            inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": {
                "ansible_connection": "containers.podman.podman", "ansible_python_interpreter": "/usr/bin/python3",
                "sendmail_remediate_resolvers": resolver, "sendmail_compliance_directory": f"{place}/reports"}}}))
            tasks = {}
            for name, listed in (("raw", [{"ansible.builtin.raw": "true", "changed_when": False}]), ("ping", [{"ansible.builtin.ping": None}]),
                                 ("plain tasks", PLAIN)):
                tasks[name] = Path(place, f"{name.replace(' ', '_')}.yml")
                tasks[name].write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": listed}]))
            broken = [name for name, about in hosts.items() if "trouble" in about]
            made = plays.play(["-i", str(inventory), "-l", ",".join(broken), "tests/fleet/break.yml"], names, 0.0)
            if made.status:
                print(made.output, file=sys.stderr)
                return 1
            rate = plays.idle_rate()

            def measure(name, playbook, forks, fast=True, good=(0,), **environment):
                cost = plays.play(["-i", str(inventory), str(playbook)], names, rate, fast, ANSIBLE_FORKS=str(forks), **environment)
                if cost.status not in good:
                    print(cost.output[-4000:], file=sys.stderr)
                    raise SystemExit(f"{name} ended with status {cost.status}")
                rows.append((name, forks, "nsenter" if fast else "podman exec", cost))
                print(f"{name}, {forks} forks: {cost.cpu:.1f} s CPU, {cost.wall:.1f} s", file=sys.stderr)
                return cost

            survey = "mailops.sendmail.survey_queues"
            measure("warm up", survey, 10)
            rows.clear()
            empty = measure("no work (raw)", tasks["raw"], 10)
            measure("empty module (ping)", tasks["ping"], 10)
            first = measure("survey_queues", survey, 10)
            for forks in (5, 25, 50):
                measure("survey_queues", survey, forks)
            measure("no work (raw)", tasks["raw"], 10, False)
            measure("survey_queues", survey, 10, False)
            measure("check_compliance", "mailops.sendmail.check_compliance", 10)
            measure("plain tasks", tasks["plain tasks"], 10)
            # Those that are left to a human make the playbook end with 2.
            measure("remediate_queues", "mailops.sendmail.remediate_queues", 10, True, (0, 2))
            measure("remediate_queues, again", "mailops.sendmail.remediate_queues", 10, True, (0, 2))
    finally:
        subprocess.run(["xargs", plays.ROOT / "tests/hosts/down"], input="\n".join(names), text=True, check=False, stdout=subprocess.DEVNULL)
    print(f"{options.hosts} hosts, {len(broken)} of them broken; {os.cpu_count()} processors; ansible-core "
          + subprocess.run([Path(sys.executable).parent / "ansible", "--version"], check=True, capture_output=True, text=True).stdout.split("]")[0].split()[-1])
    print("\n| run | forks | connection | tasks a host | CPU s a host, all | of that on the host | wall s | MiB on the controller |")
    print("|---|---|---|---|---|---|---|---|")
    for name, forks, connection, cost in rows:
        print(f"| {name} | {forks} | {connection} | {cost.tasks:.1f} | {cost.cpu / len(names):.2f} | {cost.hosts / len(names):.2f} "
              f"| {cost.wall:.0f} | {cost.memory:.0f} |")
    net = (first.cpu - empty.cpu) / len(names)
    print(f"\nA survey costs {net:.2f} CPU seconds a host beyond a task without work (goal: at most {GOAL}).")
    return int(options.check and net > GOAL)


if __name__ == "__main__":
    sys.exit(main())
