# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many controllers, one report: four processes check a hundred hosts and one of them is killed; then the hundred pull. See docs/fleet.md.

    tests/hosts/enter .venv/bin/python tests/fleet/controllers.py [--pulls 100]

The hundred are names of one test host: what is tried is how results come together, not what is in them. The pulls are ansible-pull of Debian's own
package, which runs on that host.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOST = "fleet-controllers"
NAMES = [f"web{number:03d}" for number in range(100)]
CONTROLLERS = 4
DIES, AFTER = 2, 9    # which of them is killed, and when it has written so many results
PULL = f"""
set -e
apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends ansible-core git >/dev/null 2>&1
cd /srv/repository
printf '[all]\\n%s\\n[all:vars]\\nansible_connection=local\\n' '{chr(10).join(NAMES)}' >inventory
cat >check.yml <<'END'
- import_playbook: mailops.sendmail.check_compliance
  vars:
    sendmail_compliance_directory: "/srv/compliance/{{{{ lookup('ansible.builtin.env', 'NAME') }}}}"
    sendmail_compliance_reports: []
END
git init -q . && git add . && git -c user.name=x -c user.email=x@example.test commit -q -m x
"""
ONE = """
export NAME=$1 HOME=/srv/homes/$1 ANSIBLE_COLLECTIONS_PATH=/srv/homes/$1/checkout/collections
mkdir -p "$HOME" && exec ansible-pull -U /srv/repository -d "$HOME/checkout" -i "$HOME/checkout/inventory" -l "$1" check.yml
"""


def inside(*command: str, text: str = "") -> str:
    return subprocess.run(["podman", "exec", "-i", HOST, *command], input=text, check=True, capture_output=True, text=True).stdout


def playbook(name: str, inventory: Path, *options: str) -> list[str]:
    return [str(Path(sys.executable).parent / "ansible-playbook"), f"mailops.sendmail.{name}", "-i", str(inventory), *options]


def merged(place: Path, inventory: Path, pattern: str) -> dict[str, dict]:
    """The hosts of the report by name; under the empty name the exit status of the playbook."""
    done = subprocess.run(playbook("report_compliance", inventory, "-e", json.dumps({
        "sendmail_compliance_merge": [pattern], "sendmail_compliance_directory": str(place / "merged"), "sendmail_compliance_reports": ["json"]})),
        check=False, capture_output=True, text=True)
    report = place / "merged/report.json"
    if not report.exists():
        raise SystemExit(done.stdout[-3000:] + done.stderr[-1000:])
    return {host["name"]: host for host in json.loads(report.read_text())["hosts"]} | {"": {"status": done.returncode}}


def controllers(place: Path, inventory: Path) -> list[str]:
    """What is not as it has to be, with four controllers of which one dies in the middle."""
    running = []
    for number in range(CONTROLLERS):
        command = playbook("check_compliance", inventory, "-l", ",".join(NAMES[number::CONTROLLERS]), "-f", "3", "-e", json.dumps({
            "sendmail_compliance_directory": str(place / f"slice-{number}"), "sendmail_compliance_reports": ["json"]}))
        running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True))
    dying = place / f"slice-{DIES}/results"
    while len(list(dying.glob("*.json"))) < AFTER and running[DIES].poll() is None:
        time.sleep(0.05)
    os.killpg(running[DIES].pid, 9)
    for one in running:
        one.wait()
    heard = {path.stem for path in place.glob("slice-*/results/*.json")}
    hosts = merged(place, inventory, f"{place}/slice-*/results")
    status = hosts.pop("")["status"]
    unknown = {name for name, host in hosts.items() if host["status"] == "unknown"}
    print(f"controllers: 100 hosts, 4 controllers, one killed: {len(heard)} heard, {len(unknown)} unknown, status {status}", flush=True)
    lost = [name for name in NAMES[DIES::CONTROLLERS] if name not in heard]
    return [text for text, wrong in (
        ("the killed one had done nothing, or all", not 0 < len(lost) < len(NAMES) // CONTROLLERS),
        ("the others did not do all", len(heard) != len(NAMES) - len(lost)),
        ("not all hosts are in the report", sorted(hosts) != NAMES),
        ("who was not heard is not who is unknown", unknown != set(lost)),
        ("the status is 0", status == 0)) if wrong]


def pulls(place: Path, inventory: Path, count: int) -> list[str]:
    """What is not as it has to be where hosts pull, two at a time."""
    names = NAMES[:count]
    collection = "/srv/repository/collections/ansible_collections/mailops/sendmail"
    inside("mkdir", "-p", collection)
    tar = subprocess.run(["tar", "-C", ROOT, "-c", "galaxy.yml", "meta", "plugins", "roles", "playbooks"], check=True, capture_output=True).stdout
    subprocess.run(["podman", "exec", "-i", HOST, "tar", "-C", collection, "-x"], input=tar, check=True)
    inside("bash", "-c", PULL)
    inside("sh", "-c", "cat >/srv/one", text=ONE)
    began = time.monotonic()
    inside("xargs", "-P", "2", "-I", "{}", "sh", "-c", "sh /srv/one {} >/srv/{}.log 2>&1 || echo {} >>/srv/failed", text="\n".join(names))
    seconds = time.monotonic() - began
    (place / "pulled").mkdir()
    tar = subprocess.run(["podman", "exec", HOST, "tar", "-C", "/srv/compliance", "-c", "."], check=True, capture_output=True).stdout
    subprocess.run(["tar", "-C", place / "pulled", "-x"], input=tar, check=True)
    hosts = merged(place, inventory, f"{place}/pulled/*/results")
    status = hosts.pop("")["status"]
    judged = [name for name in names if hosts.get(name, {}).get("status") in ("compliant", "failing")]
    print(f"controllers: {count} pulls in {seconds:.0f} s: {len(judged)} of {count} hosts judged in one report, status {status}", flush=True)
    if judged != names:
        print(inside("sh", "-c", "cat /srv/failed; tail -n 15 /srv/web000.log"))
    return ["not every host that pulled was judged"] if judged != names else []


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pulls", type=int, default=len(NAMES))
    options = parser.parse_args()
    down = [str(ROOT / "tests/hosts/down"), HOST]
    subprocess.run(down, check=False, capture_output=True)
    subprocess.run([str(ROOT / "tests/hosts/up"), HOST, "mailops-trixie"], check=True)
    try:
        with tempfile.TemporaryDirectory() as name:
            place = Path(name)
            inventory = place / "inventory.json"
            inventory.write_text(json.dumps({"all": {"hosts": {name: {"ansible_host": HOST} for name in NAMES}, "vars": {
                "ansible_connection": "containers.podman.podman", "ansible_python_interpreter": "/usr/bin/python3"}}}))
            wrong = controllers(place, inventory) + (pulls(place, inventory, options.pulls) if options.pulls else [])
    finally:
        subprocess.run(down, check=False, capture_output=True)
    print("\n".join(f"controllers: fault: {text}" for text in wrong) or "controllers: 0 faults")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
