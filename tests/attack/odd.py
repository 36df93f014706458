# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""odd.py SEED SECONDS: hosts on which modes, clocks, limits and mounts are not what a program expects.

Each case submits messages, makes the host odd, calls modules, makes the host as it was, and lets Sendmail deliver what is left. Then each message
must be in its mailbox exactly once with its body, or whole in an archive that the result names; nobody but root can read an archive; and a module that
did less than it was asked for says what to do. Cases are repeated with other moments and sizes until the time is over.
"""

import errno
import fcntl
import functools
import os
import pwd
import re
import resource
import struct
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from common import (
    BASE,
    CLIENT,
    LEDGER,
    MTA,
    Account,
    Findings,
    as_user,
    clean_host,
    directories,
    drain,
    preload,
    quiet,
    run_module,
    seeded,
    submit_many,
    summary,
)

SEED, SECONDS = int(sys.argv[1]), float(sys.argv[2])
ELSEWHERE, LOWER = Path("/var/spool/attack-elsewhere"), Path("/mnt/attack-lower")
IMMUTABLE, APPEND = 0x10, 0x20
ANY = 0xFFFFFFFF
USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER = 1, 2, 4, 8, 16, 32
ABSENT = ("sendmail_message", {"state": "absent", "confirm_all": True, "max_affected": 10**6, "archive": str(BASE)})
RESTORED = ("sendmail_message", {"state": "restored", "archive": str(BASE), "queue": "all"})
FLUSH = ("sendmail_queue", {"timeout": "60s"})
DEBRIS = ("sendmail_debris", {"state": "absent", "older_than": "1d", "archive": str(BASE)})
QUARANTINE = ("sendmail_message", {"state": "quarantined", "reason": "attack", "confirm_all": True})
RELEASE = ("sendmail_message", {"state": "queued", "confirm_all": True})


def set_flags(path, bits):
    """chattr, which not every release brings."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.ioctl(handle, 0x40086602, struct.pack("l", bits))  # FS_IOC_SETFLAGS
    finally:
        os.close(handle)


def set_list(path, *entries, default=False):
    """setfacl, the same way: (tag, permissions, id)."""
    data = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *one) for one in entries)
    os.setxattr(path, "system.posix_acl_" + ("default" if default else "access"), data)


def clear_lists(*places):
    for place in places:
        for kind in ("access", "default"):
            try:
                os.removexattr(place, f"system.posix_acl_{kind}")
            except OSError:
                pass


def reach(path):
    """End this process with 1 when its user cannot open a file."""
    try:
        os.close(os.open(path, os.O_RDONLY))
    except OSError:
        os._exit(1)


class Case:
    """One odd host: what was submitted, and how each call ended."""

    def __init__(self, name, rand, findings):
        self.name, self.rand, self.findings, self.tokens = name, rand, findings, {}
        self.number = 0

    def submit(self, number, size=1000):
        for _turn in range(number):
            self.tokens[f"o{SEED}x{self.rand.randrange(10**9)}".encode()] = self.rand.choice(("alice", "bob", "carol"))
        tokens = list(self.tokens.items())[-number:]
        accepted = submit_many("alice", [(token.decode(), [who], self.rand.randrange(size)) for token, who in tokens])
        for token, _who in tokens[accepted:]:
            del self.tokens[token]

    def call(self, one, **more):
        module, args = one
        ended = run_module(module, args, limit=120, **more)
        if ended.hung or ended.broke():
            self.findings.add("broke", f"{self.name}: {module} {args.get('state', '')}: {'hung' if ended.hung else ended.says()}")
        return ended

    def refused(self, one, words, **more):
        """A call that has to fail, or to leave every message alone, with words that say what to do."""
        ended = self.call(one, **more)
        said = str(ended.result.get("msg", "")) + str(ended.result.get("outcomes", ""))
        if not re.search(words, said):
            self.findings.add("unsaid", f"{self.name}: {one[0]} {one[1].get('state', '')} says nothing of {words}: {said[:300]}")
        return ended

    def end(self):
        """Let the host deliver what is left, and account for it."""
        quiet(60)
        if not drain(120):
            self.findings.add("not drained", f"{self.name}: {sorted(os.listdir(CLIENT))[:4]} {sorted(os.listdir(MTA))[:4]}")
        account = Account()
        for token, who in self.tokens.items():
            times = account.boxes[token, who]
            if times > 1 or times and account.queue[token]:
                self.findings.add("twice", f"{self.name}: {token.decode()}: {times} times delivered, {account.queue[token]} times in a queue")
            elif not times and not account.queue[token] and not account.archive[token]:
                self.findings.add("missing", f"{self.name}: {token.decode()}")
        for token, who in account.empty:
            self.findings.add("empty", f"{self.name}: {token.decode()} in the mailbox of {who}")
        for part in BASE.glob("**/*"):
            if part.is_file() and part.stat().st_mode & 0o077 or as_user("nobody", reach, part) == 0:
                self.findings.add("readable", f"{self.name}: {part}")
        return len(self.tokens)


def frozen(case):
    """chattr +i and +a: a run delivers what it cannot remove."""
    bits = case.rand.choice((IMMUTABLE, APPEND))
    case.submit(5)
    case.call(ABSENT)
    case.submit(5)
    set_flags(CLIENT, bits)
    before = sorted(os.listdir(CLIENT))
    try:
        for one in (FLUSH, FLUSH, ABSENT, QUARANTINE, RELEASE, RESTORED, DEBRIS):
            if one is not RELEASE:
                case.refused(one, "chattr|selected")
            else:
                case.call(one)
        if sorted(os.listdir(CLIENT)) != before:
            case.findings.add("changed", f"{case.name}: {before} {sorted(os.listdir(CLIENT))}")
    finally:
        set_flags(CLIENT, 0)
    case.call(RESTORED)


def sticky(case):
    """A sticky directory of another user: the runner cannot remove what its submitter owns."""
    about = os.stat(CLIENT)
    case.submit(5)
    os.chown(CLIENT, 0, about.st_gid)
    os.chmod(CLIENT, 0o3770)
    try:
        for one in (FLUSH, ABSENT, FLUSH):
            case.refused(one, "sticky")
        case.call(("sendmail_permissions", {}))
        case.call(FLUSH)
    finally:
        os.chown(CLIENT, about.st_uid, about.st_gid)
        os.chmod(CLIENT, about.st_mode & 0o7777)


def lists(case):
    """Access control lists: what a mode says is not what the runner may do, and a default list gives to others what is made."""
    rand, who = case.rand, pwd.getpwnam("nobody").pw_uid
    case.submit(6)
    every = [(USER_OBJ, 7, ANY), (USER, 7, who), (GROUP_OBJ, 7, ANY), (MASK, 7, ANY), (OTHER, 5, ANY)]
    BASE.mkdir(mode=0o700, parents=True)
    for place in rand.sample((BASE, BASE.parent, CLIENT), 2):
        set_list(place, *every, default=True)
    # One of them that a mode shows is reason enough to run nothing.
    which, mask = rand.choice((("df",), ("df",), ("qf",), ("df", "qf"))), rand.choice((6, 6, 0))
    for name in os.listdir(CLIENT):
        if name[:2] in which:
            set_list(
                CLIENT / name,
                (USER_OBJ, 6, ANY),
                (GROUP_OBJ, rand.choice((0, 0, 6)), ANY),
                (GROUP, 4, 33),
                (MASK, mask, ANY),
                (OTHER, 0, ANY),
            )
    try:
        for one in (FLUSH, *rand.sample((ABSENT, RESTORED, ("sendmail_permissions", {}), QUARANTINE, RELEASE, FLUSH), 4)):
            if one is not RESTORED or directories():
                case.call(one)
    finally:
        clear_lists(BASE, BASE.parent, CLIENT, *(CLIENT / name for name in os.listdir(CLIENT)))
        for name in os.listdir(CLIENT):
            if name[:2] in ("qf", "df", "hf"):
                os.chmod(CLIENT / name, 0o660)
    case.call(RELEASE)
    if directories():
        case.call(RESTORED)


def times(case):
    """Files of any time; the submitter and the queue's owner choose it."""
    case.submit(12)
    for name in os.listdir(CLIENT):
        if case.rand.random() < 0.6:
            when = case.rand.choice((0, -1, -(10**9), 2**31, 2**33, 99999999999, 2**40, int(time.time()) + 86400 * 400))
            os.utime(CLIENT / name, (when, when))
    case.call(DEBRIS)
    ended = case.call(ABSENT)
    for part in BASE.glob("*/*.tar.gz"):
        if subprocess.run(["tar", "-tzf", str(part)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode:
            case.findings.add("unreadable", f"{case.name}: tar cannot read {part}")
    again = case.call(RESTORED)
    if again.result.get("restored") != ended.result.get("removed"):
        case.findings.add("missing", f"{case.name}: removed {ended.result.get('removed')}, restored {again.result.get('restored')}: {again.says()}")


def limits(case):
    """Few open files, short files, any umask."""
    rand = case.rand
    files, size, mask = rand.choice((24, 48, 64, 256, 1024)), rand.choice((100_000, resource.RLIM_INFINITY)), rand.choice((0, 0o77, 0o777))

    def set_limits():
        os.umask(mask)
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files if rand.random() < 0.5 else 4096))
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    case.submit(300, 4000)
    for one in (ABSENT, RESTORED, DEBRIS, ABSENT):
        if one is not RESTORED or directories():
            case.call(one, before=set_limits)
    if directories():
        case.call(RESTORED)


def clocks(case):
    """The clock is set while a module works, and while messages are submitted; or it was wrong before."""
    rand = case.rand

    def set_clock():
        real, moment, shift = time.time, time.monotonic() + rand.uniform(0, 0.5), rand.choice((-(10**9), -86400, -3600, 3600, 86400 * 30, 10**9))
        time.time = lambda: real() + (shift if time.monotonic() > moment else 0)

    def busy():
        if rand.random() < 0.05:
            case.submit(2)

    case.submit(20)
    case.call(("sendmail_ledger", {"state": "opened", "directory": str(LEDGER), "archive": str(BASE)}), before=set_clock)
    for one in rand.sample((ABSENT, RESTORED, DEBRIS, FLUSH, DEBRIS, DEBRIS), 5):
        if one is not RESTORED or directories():
            case.call(one, before=set_clock, meanwhile=busy)
    case.call(("sendmail_ledger", {"state": "closed", "directory": str(LEDGER), "archive": str(BASE)}), before=set_clock)
    if directories():
        case.call(RESTORED)


def begin(module, state):
    """Begin a module in a child, once."""
    if "child" not in state:
        state["child"] = os.fork()
        if not state["child"]:
            code = 0
            try:
                ended = run_module(*module, limit=120, scratch=Path("/run/attack-second"))
                code = 3 if ended.hung or ended.broke() else 0
            finally:
                os._exit(code)


def two(case):
    """Two modules on one queue and one archive."""
    case.submit(200)
    pairs = (ABSENT, RESTORED, DEBRIS, FLUSH, QUARANTINE)
    for _turn in range(3):
        first, second = case.rand.choice(pairs), case.rand.choice(pairs)
        state = {}
        case.call(first, meanwhile=functools.partial(begin, second, state))
        if "child" in state and os.waitstatus_to_exitcode(os.waitpid(state["child"], 0)[1]):
            case.findings.add("broke", f"{case.name}: {second} beside {first}")
        case.submit(20)
    case.call(RELEASE)
    if directories():
        case.call(RESTORED)


def renamed(case):
    """The queue gets another name while a module works on it, and later its own again."""
    rand, about = case.rand, os.stat(CLIENT)
    # A directory of an image has to be made again before overlayfs can rename it.
    CLIENT.rmdir()
    CLIENT.mkdir()
    os.chown(CLIENT, about.st_uid, about.st_gid)
    os.chmod(CLIENT, about.st_mode & 0o7777)
    case.submit(400, 300)
    if rand.random() < 0.5:
        case.call(ABSENT)
    one, state, moment = (RESTORED if directories() else rand.choice((ABSENT, FLUSH, QUARANTINE))), {}, time.monotonic() + rand.uniform(0.02, 0.5)

    def rename():
        if "done" not in state and time.monotonic() > moment:
            os.rename(CLIENT, ELSEWHERE)
            if rand.random() < 0.5:
                about = os.stat(ELSEWHERE)
                CLIENT.mkdir()
                os.chown(CLIENT, about.st_uid, about.st_gid)
                os.chmod(CLIENT, about.st_mode & 0o7777)
            state["done"] = True

    case.call(one, meanwhile=rename)
    quiet(60)
    if ELSEWHERE.exists():
        # What came into the directory that took its place belongs to the queue as well.
        for name in os.listdir(CLIENT) if CLIENT.exists() else ():
            os.rename(CLIENT / name, ELSEWHERE / name)
        if CLIENT.exists():
            CLIENT.rmdir()
        os.rename(ELSEWHERE, CLIENT)
    case.call(RELEASE)
    if directories():
        case.call(RESTORED)


def mount(place, *options, kind="tmpfs"):
    subprocess.run(["mount", "-t", kind, "-o", ",".join(options), kind, str(place)], check=True)


def unmount():
    for place in (BASE, CLIENT, LOWER):
        while os.path.ismount(place):
            subprocess.run(["umount", "-l", str(place)], check=True)


def queue_options():
    about = os.stat(CLIENT)
    return f"mode={about.st_mode & 0o7777:o}", f"uid={about.st_uid}", f"gid={about.st_gid}"


def inodes(case):
    """No more files, though there is room for bytes; a quota where the kernel has one."""
    rand, more = case.rand, f"nr_inodes={case.rand.choice((4, 8, 30, 60))}"
    if rand.random() < 0.5:
        BASE.mkdir(mode=0o700, parents=True)
        mount(BASE, "size=20m", "mode=700", more)
    else:
        mount(CLIENT, "size=20m", *queue_options(), "nr_inodes=130")
    case.submit(60)
    case.call(ABSENT)
    case.call(RESTORED) if directories() else None
    case.call(ABSENT)
    for name in range(200):
        try:
            (CLIENT / f"filler{name}").touch()
        except OSError:
            break
    case.call(RESTORED) if directories() else None
    for path in CLIENT.glob("filler*"):
        path.unlink()
    case.call(RESTORED) if directories() else None
    move_out(case)


def overlay(case):
    """The queue on overlayfs, with messages of the lower layer, which every write copies up."""
    LOWER.mkdir(exist_ok=True)
    mount(LOWER, "size=20m", "mode=755")
    for name in ("lower", "upper", "work"):
        (LOWER / name).mkdir()
    about = os.stat(CLIENT)
    case.submit(40)
    subprocess.run(["cp", "-a", f"{CLIENT}/.", str(LOWER / "lower")], check=True)
    for place in (LOWER / "lower", LOWER / "upper"):
        os.chown(place, about.st_uid, about.st_gid)
        os.chmod(place, about.st_mode & 0o7777)
    for name in os.listdir(CLIENT):
        os.unlink(CLIENT / name)
    mount(CLIENT, f"lowerdir={LOWER}/lower,upperdir={LOWER}/upper,workdir={LOWER}/work", kind="overlay")
    for one in case.rand.sample((ABSENT, RESTORED, QUARANTINE, RELEASE, FLUSH, DEBRIS), 5):
        if one is not RESTORED or directories():
            case.call(one)
    case.call(RELEASE)
    if directories():
        case.call(RESTORED)
    move_out(case)


def move_out(case):
    """Deliver what is on a file system of the case before it goes away."""
    quiet(60)
    if not drain(120):
        case.findings.add("not drained", f"{case.name}: {sorted(os.listdir(CLIENT))[:6]}")


def bound(case):
    """A file and a directory of somebody else, mounted in the queue by root: no module changes them."""
    secret = Path("/srv/attack-bound")
    secret.mkdir(exist_ok=True)
    (secret / "file").write_bytes(b"V8\nT1\nK0\nN0\nP1\nFs\n$_alice@localhost\nSalice\nRPFD:bob\nH??Subject: x\n.\n")
    os.chmod(secret / "file", 0o604)
    case.submit(4)
    names = [f"{prefix}6ARTAKE0{number:06d}" for number, prefix in enumerate(("qf", "df", "tf", "Qf"))]
    places = []
    about = os.stat(secret / "file")
    for name in names:
        (CLIENT / name).touch()
        subprocess.run(["mount", "--bind", str(secret / "file"), str(CLIENT / name)], check=True)
        places.append(CLIENT / name)
    try:
        for one in (("sendmail_permissions", {}), ABSENT, ("sendmail_debris", dict(DEBRIS[1], older_than="0s")), RELEASE, RESTORED):
            if one is not RESTORED or directories():
                case.call(one)
            now = os.stat(secret / "file")
            if (now.st_mode, now.st_uid, now.st_gid, now.st_mtime_ns, now.st_ctime_ns, now.st_nlink) != (
                about.st_mode,
                about.st_uid,
                about.st_gid,
                about.st_mtime_ns,
                about.st_ctime_ns,
                about.st_nlink,
            ):
                case.findings.add("outside", f"{case.name}: {one[0]} {one[1].get('state', '')} changed a file that is mounted in the queue")
                about = now
    finally:
        for place in places:
            subprocess.run(["umount", "-l", str(place)], check=False)
            place.unlink(missing_ok=True)
        for path in CLIENT.glob("*TAKE0*"):
            path.unlink()
        subprocess.run(["rm", "-rf", str(secret)], check=False)
    if directories():
        case.call(RESTORED)
    for path in CLIENT.glob("*TAKE0*"):
        path.unlink()


def unlocked(case):
    """A file system that knows no locks, as NFS without its lock daemon."""

    def no_locks():
        def refuse(_handle, _what, *_more):
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

        fcntl.flock = refuse
        if case.rand.random() < 0.5:
            fcntl.lockf = refuse

    case.submit(10)
    case.call(ABSENT)
    case.submit(10)
    before = sorted(os.listdir(CLIENT))
    for one in (ABSENT, RESTORED, DEBRIS, QUARANTINE, RELEASE):
        case.refused(one, "lock|selected" if one not in (DEBRIS, RELEASE) else "", before=no_locks)
    if sorted(os.listdir(CLIENT)) != before:
        case.findings.add("changed", f"{case.name}: {before} {sorted(os.listdir(CLIENT))}")
    case.call(RESTORED)


CASES = (frozen, sticky, lists, times, limits, clocks, two, renamed, inodes, overlay, bound, unlocked)


def main():
    findings, rand, figures, began = Findings("odd"), seeded(SEED, "odd"), Counter(), time.monotonic()
    only = sys.argv[3].split(",") if len(sys.argv) > 3 else None
    preload()
    while not figures["rounds"] or time.monotonic() - began < SECONDS:
        for one in CASES:
            if figures["rounds"] and time.monotonic() - began >= SECONDS or only and one.__name__ not in only:
                continue
            quiet(30)
            clean_host()
            before, case = findings.total(), Case(one.__name__, rand, findings)
            one(case)
            figures["messages"] += case.end()
            unmount()
            figures["cases"] += 1
            figures[one.__name__] += findings.total() - before
        figures["rounds"] += 1
    clean_host()
    return summary("odd", findings, figures)


if __name__ == "__main__":
    sys.exit(main())
