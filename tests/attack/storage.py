# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""storage.py SEED SECONDS: archives and queues on full, read-only and vanishing file systems.

Each case makes a small tmpfs, lets a module work on it, and holds two things against what lies in queue and archive afterwards, read by the
account of common.py: every message is whole in one of them, and the result says so (counts, a failure where there was one, the archive that holds
the mail). Cases are repeated with other sizes and moments until the time is over.
"""

import os
import pwd
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from common import BASE, CLIENT, Account, Findings, clean_host, preload, quiet, run_module, seeded, submit_many, summary

SEED, SECONDS = int(sys.argv[1]), float(sys.argv[2])
KEEP = Path("/mnt/attack-keep")


def mount(place, *options):
    subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(place)], check=True)


def unmount(place):
    while os.path.ismount(place):
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place, leave=0):
    """Take all of a file system but some kilobytes, and say nothing when it was full."""
    path = Path(place, "filler")
    free = os.statvfs(place).f_bavail * os.statvfs(place).f_frsize - leave * 1024
    try:
        path.write_bytes(b"x" * max(0, free))
    except OSError:
        pass
    os.chmod(path, 0o600)
    return path


def messages(rand, number, size=2000):
    """Messages in the client queue. Returns their tokens as judge() wants them."""
    tokens = [f"s{SEED}x{rand.randrange(10**9)}x{position}" for position in range(number)]
    for start in range(0, number, 100):
        submit_many("alice", [(token, ["bob"], rand.randrange(size)) for token in tokens[start : start + 100]])
    return {token.encode() for token in tokens}


def compare(findings, case, ended, tokens, bases=(BASE,), removing=True):
    """Where is each message, and does the result say it?"""
    account = Account(bases=bases)
    lost = [token for token in tokens if not account.queue[token] and not account.archive[token]]
    cut = [token for token, name, why in account.half if token in tokens and not account.archive[token]]
    gone = sum(1 for token in tokens if not account.queue[token])
    result = ended.result
    if ended.hung or ended.broke():
        findings.add("broke", f"{case}: {'hung' if ended.hung else ended.says()}")
    if lost:
        findings.add("missing", f"{case}: {len(lost)} of {len(tokens)} messages are nowhere: {result.get('msg', 'no failure was said')}")
    if cut:
        findings.add("half", f"{case}: {len(cut)} messages")
    if removing and result.get("removed") != gone:
        findings.add(
            "untold",
            f"{case}: {gone} left the queue, the result says removed={result.get('removed')} changed={result.get('changed')} "
            f"archive={result.get('archive')} msg={result.get('msg')}",
        )
    if removing and gone and not (result.get("archive") or "").startswith("/"):
        findings.add("untold", f"{case}: {gone} left the queue and no archive is named: {result.get('msg')}")
    if removing and gone and not result.get("changed"):
        findings.add("untold", f"{case}: {gone} left the queue and changed is false")
    return len(tokens)


def absent(**more):
    return run_module(
        "sendmail_message", {"state": "absent", "confirm_all": True, "max_affected": 10**6, "archive": str(BASE)}, limit=120, **more
    )


def full_archive(rand, findings):
    BASE.mkdir(mode=0o700, parents=True)
    mount(BASE, f"size={rand.choice((40, 200, 600, 1500))}k", "mode=700")
    tokens = messages(rand, rand.choice((50, 500, 1000)))
    return compare(findings, "removal into a full file system", absent(), tokens)


def read_only_archive(rand, findings):
    BASE.mkdir(mode=0o700, parents=True)
    mount(BASE, "ro", "mode=700")
    tokens = messages(rand, 30)
    ended = absent()
    if not ended.result.get("failed"):
        findings.add("untold", f"removal into a read-only file system did not fail: {ended.result}")
    return compare(findings, "removal into a read-only file system", ended, tokens)


def vanishing_archive(rand, findings):
    """The file system of the archive is unmounted at work; it is seen at another place, so what it holds is not lost but is not where the result says."""
    BASE.mkdir(mode=0o700, parents=True)
    mount(BASE, "mode=700")
    KEEP.mkdir(exist_ok=True)
    subprocess.run(["mount", "--bind", str(BASE), str(KEEP)], check=True)
    tokens, moment, state = messages(rand, 1500, 600), time.monotonic() + rand.uniform(0.02, 0.6), {}

    def vanish():
        if "done" not in state and time.monotonic() >= moment:
            unmount(BASE)
            state["done"] = time.time()

    ended = absent(meanwhile=vanish)
    unmount(BASE)
    # What goes when the run has written its last is no fault of the run: its process takes a moment to end.
    written = max((path.stat().st_mtime for path in KEEP.rglob("*")), default=0)
    if ended.result.get("removed") and not ended.result.get("failed") and written > state.get("done", written):
        named = ended.result.get("archive") or "/nowhere"
        if not os.path.isdir(named):
            findings.add("untold", f"the archive vanished at work, the result calls it a success and names {named}, which is not there")
    figure = compare(findings, "removal into a vanishing file system", ended, tokens, (BASE, KEEP))
    unmount(KEEP)
    return figure


def full_queue(rand, findings):
    """Messages are removed, the queue's file system fills, they are restored, room is made, and they are restored again."""
    mount(CLIENT, "size=4m", "mode=2770", f"uid={pwd.getpwnam('smmsp').pw_uid}", f"gid={pwd.getpwnam('smmsp').pw_gid}")
    tokens = messages(rand, 200)
    ended = absent()
    figure = compare(findings, "removal from a small file system", ended, tokens)
    filler = fill(CLIENT, rand.choice((0, 8, 64, 200)))
    ended = run_module("sendmail_message", {"state": "restored", "archive": str(BASE)}, limit=120)
    compare(findings, "restoring into a full queue", ended, tokens, removing=False)
    here = sum(1 for token in tokens if Account().queue[token])
    if ended.result.get("restored") != here:
        findings.add(
            "untold",
            f"restoring into a full queue: {here} are in the queue, the result says restored={ended.result.get('restored')}: {ended.result.get('msg')}",
        )
    filler.unlink()
    ended = run_module("sendmail_message", {"state": "restored", "archive": str(BASE)}, limit=120)
    account = Account()
    bad = [token for token in tokens if account.queue[token] != 1]
    if bad:
        findings.add(
            "missing", f"restoring again when there was room: {len(bad)} of {len(tokens)} are not in the queue: {ended.result.get('msg')}"
        )
    compare(findings, "restoring again when there was room", ended, tokens, removing=False)
    return figure


def read_only_queue(rand, findings):
    mount(CLIENT, "size=8m", "mode=2770", f"uid={pwd.getpwnam('smmsp').pw_uid}", f"gid={pwd.getpwnam('smmsp').pw_gid}")
    tokens = messages(rand, 60)
    subprocess.run(["mount", "-o", "remount,ro", str(CLIENT)], check=True)
    for module, args in (
        ("sendmail_message", {"state": "absent", "confirm_all": True, "archive": str(BASE)}),
        ("sendmail_message", {"state": "quarantined", "reason": "x", "confirm_all": True}),
        ("sendmail_debris", {"state": "absent", "older_than": "0s", "archive": str(BASE)}),
        ("sendmail_queue", {"timeout": "20s"}),
    ):
        ended = run_module(module, args, limit=120)
        if ended.result.get("changed") or ended.result.get("removed") or ended.result.get("quarantined"):
            findings.add("untold", f"{module} {args.get('state', '')} claims a change in a read-only queue: {str(ended.result)[:300]}")
        compare(
            findings,
            f"{module} {args.get('state', '')} on a read-only queue",
            ended,
            tokens,
            removing=args.get("state") == "absent" and module.endswith("message"),
        )
    return len(tokens)


def full_record(rand, findings):
    """The file that a flush keeps of its outcomes lies on a full file system."""
    BASE.mkdir(mode=0o700, parents=True)
    mount(BASE, "size=64k", "mode=700")
    fill(BASE)
    tokens = messages(rand, 40)
    ended = run_module("sendmail_queue", {"path": str(BASE / "outcomes.jsonl"), "timeout": "60s"}, limit=120)
    quiet(60)
    account, result = Account(), ended.result
    gone = sum(1 for token in tokens if not account.queue[token])
    said = (result.get("relayed") or 0) + (result.get("bounced") or 0)
    if ended.hung or ended.broke():
        findings.add("broke", f"flush with a full record: {ended.says()}")
    if said != gone or bool(result.get("changed")) != bool(gone):
        findings.add(
            "untold",
            f"flush with its record on a full file system: {gone} left the queue, the result says relayed={result.get('relayed')} "
            f"changed={result.get('changed')} msg={result.get('msg')}",
        )
    return len(tokens)


CASES = (full_archive, read_only_archive, vanishing_archive, full_queue, read_only_queue, full_record)


def main():
    findings, rand, figures, began = Findings("storage"), seeded(SEED, "storage"), Counter(), time.monotonic()
    preload()
    while not figures["rounds"] or time.monotonic() - began < SECONDS:
        for case in CASES:
            if figures["rounds"] and time.monotonic() - began >= SECONDS:
                break
            for place in (BASE, KEEP, CLIENT):
                unmount(place)
            quiet(30)
            clean_host()
            before = findings.total()
            figures["messages"] += case(rand, findings)
            figures["cases"] += 1
            figures[case.__name__] += findings.total() - before
        figures["rounds"] += 1
    for place in (BASE, KEEP, CLIENT):
        unmount(place)
    clean_host()
    return summary("storage", findings, figures)


if __name__ == "__main__":
    sys.exit(main())
