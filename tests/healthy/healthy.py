# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Healthy hosts of many kinds (kinds.yml), each diagnosed ten times: every answer has to be "healthy".

The world says that a host is healthy, not we: before the first look and after the last an ordinary user submits a message, which is in the
mailbox of its recipient, once, within the time of the kind; and then both queues hold what the kind has put there, or nothing. Each kind is
a fresh host. Without Ansible on the host: the module runs there by itself, ten times from its start.

    tests/healthy/run                 # all of them, the table
    tests/healthy/run inetd TLS       # those whose names have one of these words
    tests/healthy/run --document      # all of them, and the table into docs/platforms.md
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PAGE, BEGIN, END = ROOT / "docs/platforms.md", "<!-- healthy: begin -->", "<!-- healthy: end -->"
HUB = "healthy-hub"
TIMES = 10
BOUND = 30   # seconds until a message is in its mailbox, where the kind names no other
LEAST = 50   # kinds

SUBMIT = """printf 'Subject: %s\\nX-Token: %s\\n\\nbody\\n' "$1" "$1" | runuser -u alice -- sh -c 'umask {umask}; exec /usr/sbin/sendmail -i "$0"' {to}"""
# The message in the mailbox, once; then both queues as the kind leaves them.
ARRIVED = """
end=$(($(date +%s) + $2)); until grep -qs "^X-Token: $1" "$3"; do [ $(date +%s) -lt $end ] || exit 1; sleep 0.1; done
[ "$(grep -c "^X-Token: $1" "$3")" = 1 ]"""
QUEUES = """
waiting() { find -L /var/spool/mqueue-client /var/spool/mqueue /srv/clientqueue ! -path '*/.hoststat*' -type f -name '[qhQ]f*' 2>/dev/null | wc -l; }
end=$(($(date +%s) + $2)); until [ "$(waiting)" = "$1" ]; do [ $(date +%s) -lt $end ] || { waiting; exit 1; }; sleep 0.1; done"""
DIAGNOSE = f"for number in $(seq {TIMES}); do {{env}} python3 -I /healthy/diagnose.py </dev/null; echo; done"


class Outcome(NamedTuple):
    kind: dict[str, Any]
    delivered: int
    healthy: int
    seconds: float
    findings: list[str]


def execute(host: str, script: str, *arguments: str, bound: float = 300) -> str:
    """Run a script of bash on a host and return what it printed. Raises RuntimeError with what it said."""
    done = subprocess.run(["podman", "exec", host, "bash", "-c", script, "bash", *arguments], capture_output=True, text=True, timeout=bound,
                          errors="backslashreplace", check=False)
    if done.returncode:
        raise RuntimeError(f"status {done.returncode}: {(done.stdout + done.stderr).strip()[-1500:]}")
    return done.stdout


def up(host: str, image: str, lib: Path, options: list[str]) -> None:
    done = subprocess.run([ROOT / "tests/hosts/up", host, image, "-v", f"{lib}:/healthy:ro", *options], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{host} does not come up: {done.stdout}{done.stderr}")


def down(host: str) -> None:
    subprocess.run([ROOT / "tests/hosts/down", host], stdout=subprocess.DEVNULL, check=False)


def library(place: Path) -> None:
    """What a host needs for the module: the collection's code and the part of ansible-core that it imports."""
    core = Path(subprocess.run([sys.executable, "-c", "import ansible; print(ansible.__path__[0])"], capture_output=True, text=True,
                               check=True).stdout.strip())
    leave = shutil.ignore_patterns("__pycache__")
    shutil.copytree(core / "module_utils", place / "lib/ansible/module_utils", ignore=leave)
    shutil.copy(core / "release.py", place / "lib/ansible/release.py")
    (place / "lib/ansible/__init__.py").touch()
    for part in ("modules", "module_utils"):
        shutil.copytree(ROOT / "plugins" / part, place / "lib/ansible_collections/mailops/sendmail/plugins" / part, ignore=leave)
    for name in ("diagnose.py", "lab.bash", "milter.py"):
        shutil.copy(HERE / name, place / name)
    place.chmod(0o755)


def deliver(host: str, kind: dict[str, Any], number: int) -> None:
    """An ordinary user submits a message, and it arrives. Raises RuntimeError where it does not."""
    token = f"{host}-{number}"
    execute(host, SUBMIT.format(to=kind.get("to", "bob"), umask=kind.get("umask", "022")), token)
    try:
        execute(HUB if kind.get("hub") else host, ARRIVED, token, str(kind.get("bound", BOUND)), f"/var/mail/{kind.get('mailbox', 'bob')}")
    except RuntimeError as error:
        raise RuntimeError(f"message {number} has not arrived ({error}): " + execute(
            host, "journalctl -q --no-pager -n 12 -t sendmail -t sm-mta -t sm-msp-queue; ls -l /var/spool/mqueue-client /var/spool/mqueue")) from error
    if not kind.get("busy"):
        execute(host, QUEUES, str(kind.get("left", 0)), str(kind.get("bound", BOUND)))


def diagnose(host: str, kind: dict[str, Any]) -> list[str]:
    """What is found beside "healthy" in ten diagnoses, one entry for each of them."""
    env = " ".join(["umask", kind["umask"], ";"] if "umask" in kind else []) + "env PATH=/usr/sbin:/usr/bin:/sbin:/bin " + kind.get("env", "")
    found = []
    for line in filter(None, execute(host, DIAGNOSE.format(env=env), bound=900).splitlines()):
        answer = json.loads(line)
        if answer.get("healthy") is not True:
            found.append(json.dumps([answer.get("msg"), answer.get("unexplained"), [[one["id"], one["evidence"]] for one in answer.get("causes", [])]]))
        elif answer.get("causes") and not kind.get("low"):
            found.append("healthy, but: " + json.dumps([[one["id"], one["evidence"]] for one in answer["causes"]]))
    return found


def judge(number: int, kind: dict[str, Any], lib: Path) -> Outcome:
    host, began, delivered, findings, healthy = f"healthy-{number}", time.monotonic(), 0, [], 0
    try:
        up(host, "mailops-" + kind.get("image", "trixie"), lib, kind.get("options", []))
        execute(host, ". /healthy/lab.bash\n" + (kind.get("make") or ":"), bound=600)
        deliver(host, kind, 1)
        delivered += 1
        if "proof" in kind:   # that the host is what its name says
            execute(host, "set -e; " + kind["proof"])
        if kind.get("busy"):
            execute(host, "systemd-run -q --unit=busy bash -c '" + kind["busy"] + "'")
        findings = diagnose(host, kind)
        healthy = TIMES - len(findings)
        if kind.get("busy"):
            execute(host, "systemctl stop busy")
            kind = {key: value for key, value in kind.items() if key != "busy"}
        deliver(host, kind, 2)
        delivered += 1
    except (RuntimeError, subprocess.TimeoutExpired, ValueError) as error:
        findings.append(str(error))
    except Exception:  # noqa: BLE001  # the others go on
        findings.append(traceback.format_exc())
    finally:
        down(host)
    outcome = Outcome(kind, delivered, healthy, time.monotonic() - began, findings)
    print(f"{'ok  ' if delivered == 2 and healthy == TIMES else 'FAIL'} {kind['name']}: delivered {delivered} of 2, "
          f"healthy {healthy} of {TIMES}, {outcome.seconds:.0f} s", flush=True)
    for text in dict.fromkeys(findings):
        print(f"     {findings.count(text)} x {text}", flush=True)
    return outcome


def table(outcomes: list[Outcome]) -> str:
    rows = ["| kind of host | release | delivered | healthy |", "|---|---|---|---|"]
    for one in outcomes:
        name, release = one.kind['name'].replace('`', '\\`'), one.kind.get("image", "trixie").replace("bare-", "")
        rows.append(f"| {name} | {release} | {one.delivered} of 2 | {one.healthy} of {TIMES} |")
    return "\n".join(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", metavar="WORD", help="only kinds whose name has one of these")
    parser.add_argument("--jobs", type=int, default=4, help="hosts at a time (default: %(default)s)")
    parser.add_argument("--document", action="store_true", help="write the table into docs/platforms.md")
    options = parser.parse_args()
    every = yaml.safe_load((HERE / "kinds.yml").read_text(encoding="utf-8"))
    kinds = [(number, kind) for number, kind in enumerate(every, 1) if not options.words or any(word in kind["name"] for word in options.words)]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="healthy-") as place:
        lib = Path(place)
        library(lib)
        try:
            down(HUB)
            up(HUB, "mailops-trixie", lib, ["--network-alias", "mail.hub.test"])
            execute(HUB, ". /healthy/lab.bash\n"
                    f"printf 'healthy-%s.example.test\\n' hub $(seq {len(every)}) >>$mail/local-host-names\n"
                    "sed -i '/^GreetPause:/d; /^ClientRate:/d; /^ClientConn:/d' $mail/access; printf 'GreetPause:\\t0\\nConnect:10\\tRELAY\\n' >>$mail/access\n"
                    "makemap hash $mail/access <$mail/access\n"
                    "listen 'Family=inet, Name=MTA, Port=smtp'\nstart\n"
                    # Another daemon, whose map makes clients wait.
                    "sed 's,/etc/mail/access,/etc/mail/slow,' $mail/sendmail.cf >$mail/slow.cf\n"
                    "printf 'GreetPause:\\t5000\\nConnect:10\\tRELAY\\n' | makemap hash $mail/slow\n"
                    "sendmail -C $mail/slow.cf -bd -O PidFile=/run/slow.pid -O DaemonPortOptions=Name=SLOW,Port=2500")
            with ThreadPoolExecutor(options.jobs) as pool:
                outcomes = list(pool.map(lambda pair: judge(*pair, lib), kinds))
        finally:
            down(HUB)
    good = [one for one in outcomes if one.delivered == 2 and one.healthy == TIMES]
    looks = f"{sum(one.healthy for one in outcomes)} of {TIMES * len(outcomes)} diagnoses said healthy"
    print(table(outcomes), f"{len(good)} of {len(outcomes)} kinds, {looks}, {time.monotonic() - began:.0f} seconds", sep="\n\n")
    if options.document and not options.words:
        page = PAGE.read_text(encoding="utf-8")
        text = f"{BEGIN}\n{looks}, on {len(outcomes)} kinds of healthy host.\n\n{table(outcomes)}\n{END}"
        PAGE.write_text(re.sub(f"(?s){re.escape(BEGIN)}.*{re.escape(END)}", lambda _found: text, page), encoding="utf-8")
    return 0 if len(good) == len(outcomes) and (options.words or len(outcomes) >= LEAST) else 1


if __name__ == "__main__":
    sys.exit(main())
