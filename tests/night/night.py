# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A night: many hosts, two troubles at once on each that is not well, one run of remediate_queues, and what became of every message.

In the evening the troubles are made, and mail is submitted as it would be. At night the playbook is run as check, for real, and once more. In the morning
each administrator ends the troubles that are left, and the playbook is run a last time. Where each message is tells an account that does not use the
collection's code (account.py). Faults are: a message that is nowhere, in two places, or was returned; a service or a file of others that changed; a
change that check mode did not predict, or the second run made; a host that is called healthy or fixed, and an ordinary user's mail does not arrive;
in the morning a host that is neither.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LABORATORY = ROOT / "extensions/molecule/diagnosis"
IMAGES = ("mailops-trixie", "mailops-bookworm", "mailops-bullseye")
WELL = ("healthy", "fixed")
BEGIN = """set -eu
. /root/lab.bash
mail() { python3 /root/account.py submit "$@"; }
"""
# A service that is no mail server, with a name that people know.
OTHER = "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"
Places = dict[str, dict[str, int]]
Troubles = dict[str, dict[str, dict[str, Any]]]
# What the making of a trouble needs of its host, as its script says; "takes" of troubles.yml says what a trouble leaves no more to another one.
NEEDS = {
    "mail": r"first \$Q",                       # that waits in the client queue
    "start": r"mta_start|-bd ",                 # an MTA that greets when it is started
    "port": r"\bpeer ",                         # any program that can be reached at port 25
    "submit.cf": r"\b(?:hub|relay)\b",
    "client": r"\$sendmail -Ac",                # a mail submission program that accepts its configuration
    "smmsp": r"chown smmsp",
    "unit": r"\b(?:peer|other) |\bhub silent",  # other-mta.service, of which there is one
}


def on(name: str, script: str, check: bool = True) -> str:
    ended = subprocess.run(["podman", "exec", "-i", name, "bash"], input=script, capture_output=True, text=True, check=False)
    if check and ended.returncode:
        raise RuntimeError(f"{name}: {script}\n{ended.stdout[-1000:]}{ended.stderr[-2000:]}")
    return ended.stdout if check else str(ended.returncode)


def can_follow(first: dict[str, Any], second: dict[str, Any]) -> bool:
    """Whether one trouble can be made where another one is already, as far as their scripts say."""
    return not any(re.search(NEEDS[what], second["make"]) for what in first.get("takes", ()))


def plan(hosts: int, seed: int, troubles: Troubles) -> dict[str, list[tuple[str, str]]]:
    """{host: [(part, trouble), ...]}: half of them none, the others two of different parts, in any order in which they can be made."""
    dice = random.Random(seed)
    found: dict[str, list[tuple[str, str]]] = {}
    for number in range(hosts):
        several = found.setdefault(f"night-{number:02d}", [])
        for part in dice.sample(sorted(troubles), 2) if number % 2 else []:
            name = dice.choice(sorted(troubles[part]))
            while not all(can_follow(troubles[where][before], troubles[part][name]) for where, before in several):
                name = dice.choice(sorted(troubles[part]))
            several.append((part, name))
    return found


def make(name: str, several: Iterable[tuple[str, str]], troubles: Troubles) -> None:
    for path in (LABORATORY / "lab.bash", LABORATORY / "peer.py", HERE / "account.py"):
        subprocess.run(["podman", "cp", path, f"{name}:/root/{path.name}"], check=True)
    on(name, f"{BEGIN}keep_health; health; printf '{OTHER}' >/etc/systemd/system/docker.service; systemctl daemon-reload\n"
             "systemctl enable --now docker; mail 1")
    for part, trouble in several:
        settled(name)                # the laboratory ends the MTA by KILL, and what is on its way then is delivered twice
        on(name, BEGIN + troubles[part][trouble]["make"])


def account(name: str, what: str) -> Any:
    return json.loads(on(name, f"python3 /root/account.py {what}"))


def settled(name: str) -> Places:
    """Where the messages are, when none is on its way."""
    on(name, "timeout 120 sh -c 'until ! pgrep -f \"^sendmail: (MTA: |MSP: )?([.]/|server|startup)\" >/dev/null; do sleep 0.5; done'", check=False)
    return account(name, "places")


def everywhere(names: Iterable[str], call: Callable[[str], Any]) -> dict[str, Any]:
    listed = list(names)
    with ThreadPoolExecutor(4) as pool:
        return dict(zip(listed, pool.map(call, listed)))


def remediate(inventory: Path, kind: str, *options: str) -> tuple[dict[str, Any], dict[str, int], str]:
    """(reports by host, changed tasks by host, what was shown) of a run of the playbook."""
    place = inventory.parent / kind
    ended = subprocess.run(["ansible-playbook", "-i", inventory, "mailops.sendmail.remediate_queues", "-e", f"remediate_queues_directory={place}",
                            "-e", "remediate_queues_reports=json", "-e", "sendmail_remediate_spread=0", "--forks", "6", "--diff", *options],
                           capture_output=True, text=True, check=False)
    (inventory.parent / f"{kind}.log").write_text(ended.stdout + ended.stderr)
    if ended.returncode not in (0, 2):
        raise RuntimeError(ended.stdout[-3000:] + ended.stderr[-3000:])
    reports = {host["name"]: host for host in json.loads((place / "report.json").read_text())["hosts"]}
    changed = {name: int(count) for name, count in re.findall(r"(?m)^(\S+)\s+: ok=\d+\s+changed=(\d+)\s", ended.stdout)}
    shown = re.search(r'(?ms)^        "Remediation.*?^    \]', ended.stdout)
    return reports, changed, "\n".join(line.strip().removesuffix(",").strip('"') for line in (shown.group() if shown else "").splitlines()[:-1])


def wrong(before: Places, after: Places) -> list[str]:
    """What happened to messages that must not."""
    found = []
    for token, was in before.items():
        now = after.get(token, {})
        if sum(was.values()) != 1:
            continue                 # the trouble took its body, or the laboratory killed the MTA behind the final dot
        if not now:
            found.append(f"{token} is nowhere; it was {was}")
        elif sum(now.values()) > 1:
            found.append(f"{token} is {now}; it was {was}")
        elif any(place in now and place not in was for place in ("returned", "half", "dead")):
            found.append(f"{token} is {now}; it was {was}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hosts", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--trouble", action="append", default=[], metavar="PART:NAME", help="of one host, instead of a fleet; may be given twice")
    parser.add_argument("--keep", action="store_true", help="leave the hosts up")
    options = parser.parse_args()
    troubles = yaml.safe_load((HERE / "troubles.yml").read_text())
    hosts = plan(options.hosts, options.seed, troubles)
    if options.trouble:
        hosts = {f"night-{number:02d}": [tuple(one.split(":")) for one in options.trouble] for number in range(len(IMAGES))}
    names = list(hosts)
    work = Path(subprocess.run(["mktemp", "-d", "-p", str(ROOT / ".cache/home/night")], check=True, capture_output=True, text=True).stdout.strip())
    inventory = work / "inventory.json"
    faults: dict[str, list[str]] = {name: [] for name in names}
    try:
        lines = "".join(f"{name}\0{IMAGES[number % 3]}\0" for number, name in enumerate(names))
        subprocess.run(["xargs", "-0", "-n", "2", "-P", "4", ROOT / "tests/hosts/up"], input=lines, text=True, check=True, stdout=subprocess.DEVNULL)
        inventory.write_text(json.dumps({"all": {"hosts": dict.fromkeys(names, {}), "vars": {
            "ansible_connection": "containers.podman.podman", "ansible_python_interpreter": "/usr/bin/python3",
            "sendmail_remediate_resolvers": on(names[0], "awk '/^nameserver/ {print $2}' /etc/resolv.conf").split()}}}))
        everywhere(names, lambda name: make(name, hosts[name], troubles))
        before, rest = everywhere(names, settled), everywhere(names, lambda name: account(name, "rest"))

        predicted = remediate(inventory, "check", "--check")[1]
        unmoved = everywhere(names, settled)
        reports, changed, shown = remediate(inventory, "night")
        print(shown, flush=True)
        again = remediate(inventory, "again")
        after = everywhere(names, settled)
        for name in names:
            faults[name] += [f"check mode: {fault}" for fault in wrong(before[name], unmoved[name])] + wrong(before[name], after[name])
            now = account(name, "rest")
            faults[name] += [f"{what} was {rest[name].get(what)} and is {now.get(what)}" for what in sorted(set(rest[name]) | set(now))
                             if rest[name].get(what) != now.get(what)]
            if bool(predicted.get(name)) != bool(changed.get(name)):
                faults[name].append(f"check mode predicted {predicted.get(name)} changes, and {changed.get(name)} were made")
            if again[1].get(name):
                faults[name].append(f"the second run made {again[1][name]} changes")
            if reports[name]["state"] in WELL and any("msp" in where for where in after[name].values()):
                faults[name].append(f"{reports[name]['state']}, and mail waits in the client queue: {after[name]}")
        for name, status in everywhere([name for name in names if reports[name]["state"] in WELL],
                                       lambda name: on(name, "python3 /root/account.py works", check=False)).items():
            if status != "0":
                faults[name].append(f"{reports[name]['state']}, and an ordinary user's mail does not arrive")

        everywhere(names, lambda name: [on(name, BEGIN + troubles[part][trouble]["cure"], check=False) for part, trouble in hosts[name]])
        morning, _changed, shown = remediate(inventory, "morning")
        print(shown, flush=True)
        last = everywhere(names, settled)
        for name in names:
            faults[name] += [f"in the morning: {fault}" for fault in wrong(before[name], last[name])]
            if morning[name]["state"] not in WELL:
                left = [cause["id"] for cause in (morning[name]["report"] or {}).get("left", [])]
                faults[name].append(f"in the morning: {morning[name]['state']}, {left}")
            kept = {place for where in last[name].values() for place in where}
            print(f"{name}  {IMAGES[names.index(name) % 3][8:]:9}{', '.join(f'{part}: {trouble}' for part, trouble in hosts[name]) or '-':60}"
                  f"{reports[name]['state']:16}{morning[name]['state']:16}{' '.join(sorted(kept))}")
    finally:
        if not options.keep:
            subprocess.run([ROOT / "tests/hosts/down", *names], check=True, stdout=subprocess.DEVNULL)
    for name, several in faults.items():
        for fault in several:
            print(f"fault: {name} ({', '.join(': '.join(one) for one in hosts[name])}): {fault}")
    print(f"seed {options.seed}, {len(names)} hosts, {sum(len(one) for one in before.values())} messages, {sum(map(len, faults.values()))} faults; "
          f"logs: {work}")
    return 1 if any(faults.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
