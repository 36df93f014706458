# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""kills.py SEED SECONDS [KILLS]: kill modules at random moments under live runners and submissions, then account for every message.

Beside the attack three users submit and Sendmail's own runner works. At the end nothing is killed any more: quarantined messages are released,
the archives restored, the queues drained by Sendmail alone, the archives restored once more. Then each message must be in its mailbox (or in a
bounce, where the recipient does not exist) exactly once; one that an archive keeps whole and was not brought back counts as archived, not as a fault.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

from common import (
    BASE,
    CLIENT,
    LEDGER,
    SENDMAIL,
    USERS,
    Account,
    Findings,
    as_user,
    clean_host,
    directories,
    drain,
    ids,
    judge,
    preload,
    processes,
    quiet,
    reap,
    run_module,
    seeded,
    stopped,
    submit,
    submit_many,
    summary,
)

SEED, SECONDS = int(sys.argv[1]), float(sys.argv[2])
KILLS = int(sys.argv[3]) if len(sys.argv) > 3 else 10**9
NOTES = Path("/run/attack-submitted")


def submitter(number, stop):
    """Submit until told to stop, at a pace that keeps some hundred messages in the queue; write down what was accepted."""
    rand, count = random.Random(f"{SEED}-{number}"), 0
    with open(f"{NOTES}-{number}", "w") as notes:
        while not stop.exists():
            if len(os.listdir(CLIENT)) > 500:
                time.sleep(0.2)
                continue
            user, batch = rand.choice(USERS), []
            for _turn in range(rand.choice((1, 1, 10, 20))):
                count += 1
                recipients = rand.choices((["alice"], ["bob"], ["carol"], ["bob", "carol"], ["nosuchuser"]), (8, 8, 8, 2, 1))[0]
                batch.append((f"t{SEED}x{number}x{count}", recipients, rand.choice((0, 200, 200, 3000, 20000))))
            accepted = submit_many(user, batch) if len(batch) > 1 else submit(user, *batch[0]) == 0
            for position, (token, recipients, _size) in enumerate(batch):
                print(token, ",".join(recipients), int(position < accepted), file=notes, flush=True)
            time.sleep(rand.uniform(0, 0.4))


def runner(stop):
    rand = random.Random(f"{SEED}-runner")
    while not stop.exists():
        subprocess.run([SENDMAIL, "-Ac", rand.choice(("-q", "-qf"))], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        for _turn in range(rand.randrange(2, 30)):
            if not stop.exists():
                time.sleep(0.1)


def background(function, *arguments):
    child = os.fork()
    if not child:
        try:
            function(*arguments)
        finally:
            os._exit(0)
    return child


def some_ids(rand, prefixes):
    found = ids(CLIENT, prefixes)
    return rand.sample(found, min(len(found), rand.choice((1, 5, 40, 300))))


def deed(rand):
    """A random module call: (module, arguments)."""
    archive = str(BASE)
    what = rand.choices(("absent", "restored", "quarantined", "queued", "debris", "flush", "ledger"), (30, 26, 6, 8, 8, 16, 6))[0]
    if what == "absent":
        select = {"select": {"ids": some_ids(rand, ("qf",))}} if rand.random() < 0.8 else {"confirm_all": True}
        return "sendmail_message", {
            "state": "absent",
            "archive": archive,
            "max_affected": 100000,
            "queue": rand.choice(("msp", "msp", "all")),
            **select,
        }
    if what == "restored":
        found = directories()
        if found and rand.random() < 0.9:
            archive = str(rand.choice(found[-6:] if rand.random() < 0.8 else found))
        return "sendmail_message", {"state": "restored", "archive": archive, "queue": "all"}
    if what == "quarantined":
        return "sendmail_message", {"state": "quarantined", "reason": "attack", "select": {"ids": some_ids(rand, ("qf",))}}
    if what == "queued":
        return "sendmail_message", {"state": "queued", "confirm_all": True}
    if what == "debris":
        return "sendmail_debris", {"state": "absent", "older_than": "30s", "archive": archive, "queue": rand.choice(("msp", "all"))}
    if what == "ledger":
        return "sendmail_ledger", {"state": rand.choice(("opened", "closed")), "directory": str(LEDGER), "archive": archive}
    args = {
        "timeout": rand.choice(("1s", "2s", "5s", "30s")),
        "canary": rand.random() < 0.8,
        "parallel": rand.choice((1, 2, 4)),
        "path": str(LEDGER / "outcomes.jsonl"),
        "leave_out_endangered": True,
        "queue": rand.choice(("msp", "msp", "msp", "all")),
    }
    if rand.random() < 0.5:
        args["select"] = {"ids": some_ids(rand, ("qf",))}
    return "sendmail_queue", args


def plant_debris(rand):
    """Old files of no message, such as a crash leaves, by the queue's own user."""

    def plant():
        for prefix in rand.sample(("df", "tf", "xf", "Tf"), 2):
            path = CLIENT / f"{prefix}6A{rand.randrange(10**6):06d}{rand.randrange(10**6):06d}"
            path.write_bytes(b"left over")
            os.utime(path, (time.time() - 90000,) * 2)

    as_user("smmsp", plant)


def attack(rand, findings):
    """Call modules and kill most of them until the time or the number is reached. Returns figures."""
    figures, usual, began = Counter(), defaultdict(lambda: 0.5), time.monotonic()
    while time.monotonic() - began < SECONDS and figures["kills"] < KILLS:
        if rand.random() < 0.02:
            plant_debris(rand)
        module, args = deed(rand)
        if not args.get("select", {"ids": True}).get("ids", True):
            time.sleep(0.05)
            continue
        key = module + args.get("state", "")
        how, signum = rand.random(), rand.choices((signal.SIGKILL, signal.SIGTERM), (8, 2))[0]
        changes = {"absent": 2500, "restored": 4000}.get(args.get("state"), 60)
        kill = (
            None
            if how < 0.12
            else ("change", int(10 ** rand.uniform(0, len(str(changes)) - 0.5)), signum)
            if how < 0.6
            else ("after", rand.uniform(0, 1.1) * usual[key], signum)
        )
        ended = run_module(module, args, kill=kill, limit=120)
        figures["calls"] += 1
        figures["kills"] += ended.killed
        if not ended.killed:
            usual[key] += (min(ended.seconds, 10) - usual[key]) * 0.3
        if ended.hung:
            findings.add("hung", f"call {figures['calls']}: {module} {json.dumps(args)[:300]}")
        elif ended.broke() and not kill:
            findings.add("broke", f"{module} {json.dumps(args)[:200]}: {ended.says()}")
        while len(list(processes())) > 24:
            reap()
            time.sleep(0.1)
    figures["seconds"] = int(time.monotonic() - began)
    return figures


def settle(findings):
    """Without kills: release, restore, deliver, and restore again, which must bring nothing back that was delivered."""
    time.sleep(1)
    for pid, line in stopped():
        findings.add("stopped", f"{line} ({pid})")
        os.kill(pid, signal.SIGCONT)
    for _turn in range(2):
        quiet(120)
        for module, args in (
            ("sendmail_message", {"state": "queued", "confirm_all": True, "queue": "all"}),
            ("sendmail_message", {"state": "restored", "archive": str(BASE), "queue": "all"}),
        ):
            if args["state"] == "restored" and not directories():
                continue
            ended = run_module(module, args, limit=300)
            if ended.hung or ended.broke() or ended.result.get("failed") and "no archive" not in ended.says():
                findings.add("settling", f"{module} {args}: {'hung' if ended.hung else ended.says()}")
        drain(120)


def main():
    findings, rand = Findings("kills"), seeded(SEED, "kills")
    clean_host()
    preload()
    stop = Path("/run/attack-stop")
    stop.unlink(missing_ok=True)
    helpers = [background(submitter, number, stop) for number in range(3)] + [background(runner, stop)]
    try:
        while len(os.listdir(CLIENT)) < 200:
            time.sleep(0.1)
        figures = attack(rand, findings)
    finally:
        stop.touch()
    for helper in helpers:
        try:
            os.waitpid(helper, 0)
        except ChildProcessError:
            pass
    settle(findings)
    expected = {}
    for number in range(3):
        for line in open(f"{NOTES}-{number}"):
            token, recipients, certain = line.split()
            expected[token.encode()] = (recipients.split(","), certain == "1")
    account = Account()
    figures.update(judge(account, expected, findings))
    for name in ("missing", "half", "empty", "twice"):
        figures[name] += 0
    figures["lost (Qf)"] = account.states["Qf"]
    figures["data files left alone"] = len(account.orphans)
    return summary("kills", findings, figures)


if __name__ == "__main__":
    sys.exit(main())
