# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""errors.py SEED SECONDS: one call of the operating system on a queue, an archive or a ledger fails, then the module is called again.

In each turn a module works on a few messages while its call number n fails: before the deed, behind it (as a server does whose answer is lost), in every
call from then on, or as a short write. Each message must then be whole in a queue, under its own name or one that the next run knows, or whole in an
archive, and the result must say so. Then messages are restored and released without errors: all are in the queue again. At the end Sendmail delivers them.
"""

import errno
import fcntl
import os
import re
import shutil
import sys
import time
from collections import Counter

from common import (
    BASE,
    CHANGES,
    CLIENT,
    LEDGER,
    MTA,
    Account,
    Findings,
    clean_host,
    directories,
    drain,
    judge,
    patch,
    preload,
    quiet,
    run_module,
    seeded,
    submit_many,
    summary,
)

SEED, SECONDS = int(sys.argv[1]), float(sys.argv[2])
LOOKS = ("read", "pread", "stat", "lstat", "fstat", "scandir", "listdir", "readlink", "fstatvfs")
CODES = (errno.EDQUOT, errno.ENOSPC, errno.EIO, errno.ESTALE, errno.EROFS, errno.ENOMEM, errno.EACCES, errno.ENOENT)
HOWS = ("before", "behind", "from then on", "short")
MET = "/run/attack-error"
BETWEEN = re.compile(r"\.(?:qf|hf|Qf)(.*)\.[^.]*\.\d{4,}\.removing\Z", re.S)
ARCHIVE, LISTS = {"archive": str(BASE)}, {"directory": str(LEDGER), "archive": str(BASE)}
RESTORED = ("sendmail_message", dict(ARCHIVE, state="restored"))
DEEDS = {
    ("sendmail_message", "absent"): (6, dict(ARCHIVE, state="absent", confirm_all=True)),
    ("sendmail_message", "restored"): (6, RESTORED[1]),
    ("sendmail_message", "quarantined"): (1, {"state": "quarantined", "reason": "attack", "confirm_all": True}),
    ("sendmail_message", "queued"): (1, {"state": "queued", "confirm_all": True}),
    ("sendmail_debris", "absent"): (3, dict(ARCHIVE, state="absent", older_than="30s")),
    ("sendmail_queue", ""): (1, {"timeout": "30s", "path": str(LEDGER / "outcomes.jsonl"), "canary": False}),
    ("sendmail_ledger", "opened"): (1, dict(LISTS, state="opened")),
    ("sendmail_ledger", "closed"): (1, dict(LISTS, state="closed")),
    ("sendmail_permissions", ""): (1, {}),
    ("sendmail_queue_facts", ""): (1, {}),
    ("sendmail_message_info", ""): (1, {}),
}


def failing(number, code, how):
    """Let the call number C(number) on one of the places fail, in this process. What failed is written to C(MET)."""
    places, link, count = tuple(f"{place}/" for place in (CLIENT, MTA, BASE, LEDGER)), os.readlink, [0]
    note = os.open(MET, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)

    def in_places(*wheres):
        for where in wheres:
            try:
                path = link(f"/proc/self/fd/{where}") if isinstance(where, int) else os.fsdecode(where)
            except (OSError, TypeError):
                continue
            if f"{path}/".startswith(places):
                return True
        return False

    def deed(name, real, *arguments, **more):
        if not in_places(*arguments[:1], more.get("dir_fd"), more.get("src_dir_fd")):
            return real(*arguments, **more)
        if name == "close" and fcntl.fcntl(arguments[0], fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            return real(*arguments, **more)  # nothing is left to be said of what was only read
        if how == "short" and name != "write":
            return real(*arguments, **more)
        count[0] += 1
        if count[0] < number or count[0] > number and how != "from then on":
            return real(*arguments, **more)
        if count[0] == number:
            writing(note, f"{name} {arguments[:2]!r} {errno.errorcode[code]} {how}"[:300].encode("ascii", "backslashreplace"))
        if how == "short":
            return real(arguments[0], bytes(arguments[1])[: max(1, len(arguments[1]) // 2)])
        if how == "behind" or name == "close":
            done = real(*arguments, **more)
            if name == "open":
                closing(done)
        raise OSError(code, os.strerror(code), *(arguments[:1] if isinstance(arguments[0], (str, bytes)) else ()))

    writing, closing = os.write, os.close
    patch(CHANGES + LOOKS, deed)


def between():
    """Tokens are in control files; these are the ids of those that a run has left under a name that no runner looks at."""
    return {found.group(1) for found in map(BETWEEN.match, os.listdir(CLIENT)) if found}


def submit(rand, expected, number):
    tokens = [f"e{SEED}x{len(expected)}x{position}" for position in range(number)]
    accepted = submit_many("alice", [(token, ["bob"], rand.choice((0, 500, 9000))) for token in tokens])
    expected.update((token.encode(), (["bob"], True)) for token in tokens[:accepted])


def leftovers(rand):
    """Old files of no message, such as a crash leaves."""
    about = os.stat(CLIENT)
    for prefix in rand.sample(("df", "tf", "xf"), 2):
        path = CLIENT / f"{prefix}6A{rand.randrange(10**6):06d}{rand.randrange(10**6):06d}"
        path.write_bytes(b"left over")
        os.chown(path, about.st_uid, about.st_gid)
        os.utime(path, (time.time() - 90000,) * 2)


def places(expected):
    """(account, tokens that no runner can see now)."""
    account = Account()
    return account, {token for token in expected if not account.queue[token] and not account.boxes[token, "bob"]}


def turn(rand, findings, expected, figures):
    """One module with one error, and the modules again without."""
    (module, state), (_weight, args) = rand.choices(list(DEEDS.items()), [weight for weight, _args in DEEDS.values()])[0]
    code, how = rand.choice(CODES), rand.choice(HOWS)
    number = int(10 ** rand.uniform(0, 1.6 if how == "short" else 2.8))
    if (module, state) == ("sendmail_message", "restored"):
        run_module("sendmail_message", DEEDS["sendmail_message", "absent"][1], limit=120)
    if module == "sendmail_debris":
        leftovers(rand)
    before, hidden = places(expected)
    ended = run_module(module, args, limit=120, before=lambda: failing(number, code, how))
    quiet(60)
    with open(MET, errors="replace") as stream:
        met = stream.read()
    figures["calls"] += 1
    figures["errors"] += bool(met)
    case = f"{module} {state}, {number}: {met}"
    if ended.hung or ended.broke():
        findings.add("broke", f"{case}: {'hung' if ended.hung else ended.says()}")
    if re.match(r"[^:/]*\. No |[^ ]* ?[^/]*: [^ ]*\.tar\.gz/", ended.says()):
        findings.add("where", f"{case}: {ended.says()}")
    account, away = places(expected)
    result = ended.result
    staged = between()
    for token in away:
        if not account.archive[token] and not staged:
            findings.add("missing", f"{case}: {token.decode()}: {ended.says()}")
    for token, name, why in account.half:
        if not account.archive[token]:
            findings.add("half", f"{case}: {name}: {why}: {ended.says()}")
    went, came = len(away - hidden), len(hidden - away)
    if state == "absent" and module == "sendmail_message":
        if not went - len(staged) <= (result.get("removed") or 0) <= went:
            findings.add("untold", f"{case}: {went} went, {len(staged)} between, removed={result.get('removed')}: {ended.says()}")
        if result.get("removed") and not str(result.get("archive")).startswith("/"):
            findings.add("untold", f"{case}: {result['removed']} removed and no archive is named: {ended.says()}")
    elif state == "restored":
        if (result.get("restored") or 0) != came:
            findings.add("untold", f"{case}: {came} came, restored={result.get('restored')}: {ended.says()}")
    elif went or came:
        findings.add("moved", f"{case}: {went} went, {came} came: {ended.says()}")
    if module == "sendmail_queue":
        left = sum(1 for token in expected if before.queue[token] and not account.queue[token])
        if not met and (result.get("relayed") or 0) != left:
            findings.add("untold", f"{case}: {left} left, relayed={result.get('relayed')}: {ended.says()}")
    heal(findings, expected, case)


def heal(findings, expected, case):
    """Restore and release without errors: every message is where a runner sees it, or was delivered."""
    for module, args in ((RESTORED,) if directories() else ()) + (("sendmail_message", DEEDS["sendmail_message", "queued"][1]),):
        ended = run_module(module, args, limit=120)
        if ended.hung or ended.broke() or ended.result.get("failed") and "no archive" not in ended.says():
            findings.add("afterwards", f"{case}: then {args['state']}: {'hung' if ended.hung else ended.says()}")
    away = places(expected)[1]
    if away or between():
        findings.add("stays away", f"{case}: {sorted(away)[:3]} {sorted(between())[:3]}: {str(ended.result)[:300]}")
    elif len(directories()) > 4:
        shutil.rmtree(BASE)


def main():
    findings, rand, figures, began, expected = Findings("errors", 6), seeded(SEED, "errors"), Counter(calls=0, errors=0), time.monotonic(), {}
    clean_host()
    preload()
    LEDGER.mkdir(mode=0o700, parents=True)
    while not figures["calls"] or time.monotonic() - began < SECONDS:
        if len(os.listdir(CLIENT)) < 20:
            submit(rand, expected, 12)
        turn(rand, findings, expected, figures)
    heal(findings, expected, "at the end")
    quiet(60)
    if not drain(120):
        findings.add("not drained", f"{sorted(os.listdir(CLIENT))[:4]} {sorted(os.listdir(MTA))[:4]}")
    figures.update(judge(Account(), expected, findings))
    clean_host()
    return summary("errors", findings, figures)


if __name__ == "__main__":
    sys.exit(main())
