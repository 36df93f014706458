# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Survey, check and remediate a fleet of real hosts, a tenth of them broken in different ways, beside the same look as plain tasks.

    tests/hosts/enter .venv/bin/python tests/benchmark/fleet.py [--hosts 100] [--check]

Goals: a survey costs at most 1.0 CPU second for each host, controller and host together, beyond what a task without work costs; remediating
healthy hosts at most 1.3 of a survey of them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import plays
import yaml

IMAGES = ("mailops-bookworm", "mailops-trixie", "mailops-bullseye")
GOAL = 1.0
HEALTHY_GOAL = 1.3
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
    parser.add_argument("--rounds", type=int, default=3, help="of surveying and remediating healthy hosts in turn")
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
            made = plays.play(["-i", str(inventory), "-l", ",".join(broken), "tests/fleet/break.yml"], names)
            if made.status:
                print(made.output, file=sys.stderr)
                return 1

            # Hosts that need attention make a playbook end with 2.
            def measure(name, playbook, forks, limit=None, good=(0, 2)):
                meant = limit or names
                cost = plays.play(["-i", str(inventory), "-l", ",".join(meant), str(playbook)], names, ANSIBLE_FORKS=str(forks))
                if cost.status not in good:
                    print(cost.output[-4000:], file=sys.stderr)
                    raise SystemExit(f"{name} ended with status {cost.status}")
                rows.append((name, forks, len(meant), cost))
                print(f"{name}, {forks} forks: {cost.cpu:.1f} s CPU, {cost.wall:.1f} s", file=sys.stderr)
                return cost

            survey, remediation = "mailops.sendmail.survey_queues", "mailops.sendmail.remediate_queues"
            measure("warm up", survey, 10)
            rows.clear()
            empty = measure("no work (raw)", tasks["raw"], 10)
            measure("empty module (ping)", tasks["ping"], 10)
            first = measure("survey_queues", survey, 10)
            for forks in (5, 25, 50):
                measure("survey_queues", survey, forks)
            measure("check_compliance", "mailops.sendmail.check_compliance", 10)
            measure("plain tasks", tasks["plain tasks"], 10)
            measure("remediate_queues", remediation, 10)
            measure("remediate_queues, again", remediation, 10)
            healthy = [name for name in names if name not in broken]
            pairs = [[measure(f"{name}, healthy hosts", playbook, 10, healthy, (0,)) for name, playbook in
                      (("survey_queues", survey), ("remediate_queues", remediation))] for _round in range(options.rounds)]
    finally:
        subprocess.run(["xargs", plays.ROOT / "tests/hosts/down"], input="\n".join(names), text=True, check=False, stdout=subprocess.DEVNULL)
    print(f"{options.hosts} hosts, {len(broken)} of them broken; {os.cpu_count()} processors; ansible-core "
          + subprocess.run([Path(sys.executable).parent / "ansible", "--version"], check=True, capture_output=True, text=True).stdout.split("]")[0].split()[-1])
    print("\n| run | forks | hosts | tasks a host | CPU s a host, all | of that on the host | wall s | MiB on the controller |")
    print("|---|---|---|---|---|---|---|---|")
    for name, forks, count, cost in rows:
        print(f"| {name} | {forks} | {count} | {cost.tasks:.1f} | {cost.cpu / count:.2f} | {cost.hosts / count:.2f} "
              f"| {cost.wall:.0f} | {cost.memory:.0f} |")
    net = (first.cpu - empty.cpu) / len(names)
    print(f"\nA survey costs {net:.2f} CPU seconds a host beyond a task without work (goal: at most {GOAL}).")
    ratios = sorted(remediated.cpu / surveyed.cpu for surveyed, remediated in pairs)
    print(f"Remediating healthy hosts costs {statistics.median(ratios):.2f} of a survey of them ({ratios[0]:.2f} to {ratios[-1]:.2f}; "
          f"goal: at most {HEALTHY_GOAL}), and {pairs[0][1].tasks - pairs[0][0].tasks:.1f} tasks more a host.")
    return int(options.check and (net > GOAL or statistics.median(ratios) > HEALTHY_GOAL))


if __name__ == "__main__":
    sys.exit(main())
