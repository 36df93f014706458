# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""links.py SEED SECONDS: what the owner of a queue can plant in it, against every module, with the rest of the host compared before and after.

A scene is planted in the client queue by user smmsp (and in the MTA's queue by user smmta); what these users cannot make, devices and hard links to
files of root, root makes for them. Then each module runs in each state, in check mode too. Held against it:
- outside: every file outside the queues, the archive and the ledger has the same type, owner, mode, size, time of change and link count as before;
- read: nothing in the places to which the links lead was opened (inotify sees that whatever the access time says);
- listed: no name, content or size from there is in a result;
- raw: no control character or surrogate is in a result; blocked: every call ends within its time.
In the last scenes a process of smmsp swaps names as fast as it can while the modules run.
"""

import ctypes
import fcntl
import os
import pwd
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from common import BASE, CLIENT, LEDGER, MTA, Findings, as_user, clean_host, preload, run_module, seeded, summary

SEED, SECONDS = int(sys.argv[1]), float(sys.argv[2])
SECRET = Path("/srv/attack-secret")
CANARY = "CANARYcanary"  # in the content of every file there
SIZES = (77731, 77743, 77747)  # of files there; numbers that come from nowhere else
IDENTIFIER = "6ACANARY000{:03d}"  # of the messages there
LIMIT = 60.0
# What may change while modules run: Sendmail's own records, mailboxes when a flush delivers, and the kernel's file systems.
PASS = (
    "/proc",
    "/sys",
    "/dev",
    "/run",
    "/tmp",
    "/attack",
    "/var/log",
    "/var/mail",
    "/var/lib/sendmail",
    "/var/lib/systemd",
    str(CLIENT),
    str(MTA),
    str(BASE),
    str(LEDGER),
)
MOST = "/usr"  # most files of the host; compared once for each scene, all others after each call

CALLS = [
    *(("sendmail_queue_facts", {"level": level}) for level in ("totals", "summary")),
    ("sendmail_message_info", {"limit": 100000, "headers": ["Subject"]}),
    ("sendmail_diagnosis_info", {"subjects": True}),
    ("sendmail_compliance_info", {}),
    ("sendmail_ledger", {"state": "opened", "directory": str(LEDGER), "archive": str(BASE)}),
    ("sendmail_debris_info", {"older_than": "0s"}),
    ("sendmail_permissions", {}),
    ("sendmail_queue", {"timeout": "10s", "queue": "all", "leave_out_endangered": True}),
    ("sendmail_message", {"state": "quarantined", "reason": "attack", "confirm_all": True, "queue": "all"}),
    ("sendmail_message", {"state": "queued", "confirm_all": True, "queue": "all"}),
    ("sendmail_message", {"state": "absent", "confirm_all": True, "max_affected": 10**6, "queue": "all", "archive": str(BASE)}),
    ("sendmail_message", {"state": "restored", "queue": "all", "archive": str(BASE)}),
    ("sendmail_debris", {"state": "absent", "older_than": "0s", "archive": str(BASE)}),
    ("sendmail_message", {"state": "restored", "queue": "all", "archive": str(BASE)}),
    ("sendmail_ledger", {"state": "closed", "directory": str(LEDGER), "archive": str(BASE)}),
]


class Watch:
    """inotify on the places that nobody has to look into."""

    def __init__(self):
        self.libc, self.handle = ctypes.CDLL(None), None
        self.renew()

    def renew(self):
        self.close()
        self.places = {}
        self.handle = self.libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        for directory, _names, _files in os.walk(SECRET):
            self.places[self.libc.inotify_add_watch(self.handle, os.fsencode(directory), 0x20 | 0x1)] = directory  # IN_OPEN, IN_ACCESS

    def close(self):
        if self.handle is not None:
            os.close(self.handle)

    def seen(self):
        found = set()
        while True:
            try:
                data = os.read(self.handle, 1 << 16)
            except BlockingIOError:
                return sorted(found)
            at = 0
            while at < len(data):
                number, _mask, _cookie, length = struct.unpack_from("iIII", data, at)
                found.add(self.places.get(number, "?") + "/" + data[at + 16 : at + 16 + length].rstrip(b"\0").decode("latin-1"))
                at += 16 + length


def outside(*without):
    """{path: what must not change} of the whole host. A content that was replaced shows in the time of change, which nobody can set back."""
    found, stack = {}, [b"/"]
    leave = {os.fsencode(place) for place in (*PASS, *without)}
    while stack:
        directory = stack.pop()
        try:
            entries = list(os.scandir(directory))
        except OSError:
            continue
        for entry in entries:
            if entry.path in leave:
                continue
            about = entry.stat(follow_symlinks=False)
            found[entry.path] = (
                about.st_mode,
                about.st_uid,
                about.st_gid,
                about.st_size if not entry.is_dir(follow_symlinks=False) else 0,
                about.st_mtime_ns,
                about.st_ctime_ns,
                about.st_nlink,
                about.st_ino,
            )
            if entry.is_dir(follow_symlinks=False):
                stack.append(entry.path)
    return found


def differences(before, after):
    return (
        [b"new " + path for path in after if path not in before]
        + [b"gone " + path for path in before if path not in after]
        + [b"changed " + path for path in after if path in before and after[path] != before[path]]
    )


def make_secret():
    """A place that looks like a queue, with groups and subdirectories, files of root, and a secret that looks like a control file."""
    subprocess.run(["rm", "-rf", str(SECRET)], check=True)
    for number, place in enumerate((SECRET, SECRET / "qf", SECRET / "df", SECRET / "xf", SECRET / "q1")):
        place.mkdir(mode=0o755)
        identifier = IDENTIFIER.format(number)
        (place / f"qf{identifier}").write_bytes(control(CANARY.encode() + b"@secret"))
        (place / f"df{identifier}").write_bytes(CANARY.encode() + b"x" * (SIZES[number % 3] - len(CANARY)))
        (place / f"tf{identifier}").write_bytes(b"")
        (place / f"{CANARY}-foreign").write_bytes(CANARY.encode())
        for name in os.listdir(place):
            if (place / name).is_file():
                os.utime(place / name, (1.6e9, 1.6e9))


def control(recipient=b"bob", more=b"", when=None):
    head = b"V8\nT%d\nK0\nN0\nP30017\n%sFs\n$_alice@localhost\n$r\n${daemon_flags}\nSalice\nRPFD:%s\n"
    headers = b"H?P?Return-Path: <\x81g>\nH??From: alice\nH??Subject: scene\n.\n"
    return head % (when or int(time.time()) - 5000, more, recipient) + headers


def repair():
    """Put back what a module took away, so that the next call finds a host."""
    make_secret()
    if not os.path.exists(ETC):
        subprocess.run(
            ["tar", "-C", "/", "--exclude=etc/hosts", "--exclude=etc/hostname", "--exclude=etc/resolv.conf", "-cf", ETC, "etc"], check=True
        )
    else:
        subprocess.run(["tar", "-C", "/", "-xpf", ETC], check=True)


# Scenes: functions that smmsp runs in a queue directory; ("root", function) is what root does for him.


def put(path, data=b"", mode=0o660, age=90000):
    with open(path, "wb") as stream:
        stream.write(data)
    os.chmod(path, mode)
    os.utime(path, (time.time() - age,) * 2)


def good(queue, number=3):
    """Sound messages, so that every module has work."""
    for position in range(number):
        identifier = f"6ARGOOD0{position:06d}"
        put(queue / f"df{identifier}", b"body\n")
        put(queue / f"qf{identifier}", control())


def link_directory(target, *names):
    def plant(queue):
        for name in names:
            if not os.path.lexists(queue / name):
                os.symlink(target, queue / name)

    return plant


def links_for_files(queue):
    for number, target in enumerate(
        (SECRET / f"df{IDENTIFIER.format(0)}", "/etc/shadow", "/etc/passwd", "/root", "/dev/zero", MTA, "/nowhere", "..")
    ):
        for kind in ("qf", "df", "hf", "Qf", "tf", "xf", ""):
            os.symlink(target, queue / f"{kind}6ARLINK{number}000001")
        put(queue / f"qf6ARDATA{number}000001", control())
        os.symlink(target, queue / f"df6ARDATA{number}000001")


def data_lines(queue):
    """d lines that name other directories, for messages whose data is elsewhere."""
    for number, place in enumerate(
        (b"/srv/attack-secret", b"/etc", b"../../../srv/attack-secret/df", bytes(MTA), b"/srv/attack-secret/", b"/", b"")
    ):
        identifier = IDENTIFIER.format(number if number != 2 else 2)
        put(queue / f"qf{identifier}", control(more=b"d" + place + b"\n"))


def fifos(queue):
    for kind in ("qf", "df", "hf", "Qf", "tf", "xf", "", "Tf"):
        os.mkfifo(queue / f"{kind}6ARFIFO0000001", 0o660)
    for name in ("sm-client.pid", "sm-client.st"):
        os.mkfifo(queue / name, 0o660)
    put(queue / "qf6ARFIFO1000001", control())
    os.mkfifo(queue / "df6ARFIFO1000001")


def sockets(queue):
    import socket

    for kind in ("qf", "df", "tf", ""):
        one = socket.socket(socket.AF_UNIX)
        one.bind(str(queue / f"{kind}6ARSOCK0000001"))


def devices(queue):
    for number, (major, minor) in enumerate(((1, 5), (5, 0), (1, 3), (7, 0))):
        for kind in ("qf", "df", "tf"):
            os.mknod(queue / f"{kind}6ARDEVI{number}000001", 0o020660 if major != 7 else 0o060660, os.makedev(major, minor))
            os.chown(queue / f"{kind}6ARDEVI{number}000001", pwd.getpwnam("smmsp").pw_uid, -1)
        put(queue / f"qf6ARDEVJ{number}000001", control())
        os.mknod(queue / f"df6ARDEVJ{number}000001", 0o020660, os.makedev(major if major != 7 else 1, minor))


def hard_links(queue):
    """Names for files of root, as where fs.protected_hardlinks is off."""
    for number, target in enumerate((SECRET / f"qf{IDENTIFIER.format(1)}", SECRET / f"df{IDENTIFIER.format(1)}", "/etc/shadow")):
        for kind in ("qf", "df", "hf", "Qf", "tf", ""):
            copy = queue / f"{kind}6ARHARD{number}000001"
            try:
                os.link(target if number < 2 else SECRET / "shadow", copy)
            except OSError:
                pass
        put(queue / f"qf6ARHARE{number}000001", control())
        try:
            os.link(SECRET / f"df{IDENTIFIER.format(2)}", queue / f"df6ARHARE{number}000001")
        except OSError:
            pass


def odd_names(queue):
    place = os.fsencode(queue) + b"/"
    for name in (
        b"qf6ARODD\xff\xfe000001",
        b"df\x1b[31mred",
        b"qf\n.\nqf",
        b"x" * 255,
        b"qf" + b"A" * 253,
        b"df" + "ü\u202e".encode() + b"1",
        b" ",
        b"qf",
        b"df",
        b"qf..",
        b"-rf",
        b"qf-oQ/etc",
        b"qf$(id)",
        b"%s%n%d",
        b"{{ 7*7 }}",
        b"qf6ARODDN1000001\n",
        b"\x7f\x80",
        b"qf6ARODDN'1;0001",
    ):
        try:
            put(place + name, control(recipient=b"odd\x1b]0;t\x07\xff\xe2\x80\xae"))
        except OSError:
            pass
    for kind in (b"qf", b"hf", b"Qf"):
        put(place + kind + b"6ARODDC0000001", control(b"\x1b[2J\x9b\x00\r\xff", b"M\x1b[31m Deferred \xff\x9b\r\nq\x1b[31mreason\xff\n"))
    put(place + b"df6ARODDC0000001", b"x")


def directories_for_files(queue):
    for kind in ("qf", "df", "tf", "hf"):
        (queue / f"{kind}6ARDIRS0000001").mkdir()
        put(queue / f"{kind}6ARDIRS0000001" / f"df{IDENTIFIER.format(9)}", b"x")
    (queue / "deep").mkdir()
    place = queue / "deep"
    for _turn in range(60):
        place = place / "deep"
        place.mkdir()


def large(queue):
    """Files that cost: a large sparse one, empty lines, one long line, many recipients.

    Not larger, because two modules have to wait: what is removed is archived to its last byte first (16 GB take minutes), and a flush
    does not end a runner in the middle of a message with several recipients, which could double it (it waits up to 20 minutes, PATIENCE).
    """
    put(queue / "qf6ARLARG0000001", control())
    with open(queue / "df6ARLARG0000001", "wb") as stream:
        stream.truncate(1 << 29)
    put(queue / "qf6ARLARG1000001", control()[:-2] + b"\n" * (1 << 20) + b".\n")
    put(queue / "qf6ARLARG2000001", control(more=b"M" + b"x" * 10_000_000 + b"\n"))
    put(
        queue / "qf6ARLARG3000001", control(recipient=b"\n".join([b"bob"] + [b"RPFD:u%d@example.test" % number for number in range(50)]))
    )
    for number in (1, 2, 3):
        put(queue / f"df6ARLARG{number}000001", b"x")


def set_immutable(path, on):
    """chattr +i or -i, which not every release brings. Not every file system has it."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return
    try:
        fcntl.ioctl(handle, 0x40086602, struct.pack("l", 0x10 if on else 0))  # FS_IOC_SETFLAGS, FS_IMMUTABLE_FL
    except OSError:
        pass
    finally:
        os.close(handle)


def immutable(queue):
    good(queue)
    for name in sorted(os.listdir(queue))[:3]:
        set_immutable(queue / name, True)


def settled(queue):
    for name in os.listdir(os.fsencode(queue)):
        if name.startswith((b"qf6ARGOOD", b"df6ARGOOD")):
            set_immutable(os.path.join(os.fsencode(queue), name), False)


def groups(cf, pattern):
    """The configuration with another queue directory."""
    text = re.sub(r"(?m)^O QueueDirectory=.*$", f"O QueueDirectory={pattern}", Path(ORIGINAL[cf]).read_text("latin-1"))
    Path("/etc/mail", cf).write_text(text, "latin-1")


ORIGINAL, ETC = {}, "/run/attack-etc.tar"
SCENES = {
    "df to secret": ("smmsp", link_directory(SECRET, "df")),
    "qf to secret": ("smmsp", link_directory(SECRET, "qf")),
    "xf to secret": ("smmsp", link_directory(SECRET, "xf")),
    "qf and df to the MTA's queue": ("smmsp", link_directory(MTA, "qf", "df")),
    "df to /etc": ("smmsp", link_directory("/etc", "df")),
    "df to /etc/cron.d": ("smmsp", link_directory("/etc/cron.d", "df")),
    "qf to /root": ("smmsp", link_directory("/root", "qf")),
    "df to itself": ("smmsp", link_directory("df", "df", "qf")),
    "links for files": ("smmsp", links_for_files),
    "d lines": ("smmsp", data_lines),
    "FIFOs": ("smmsp", fifos),
    "sockets": ("smmsp", sockets),
    "directories": ("smmsp", directories_for_files),
    "odd names": ("smmsp", odd_names),
    "devices": ("root", devices),
    "hard links": ("root", hard_links),
    "immutable": ("root", immutable),
    "large": ("smmsp", large),
    "groups": ("groups", link_directory(SECRET, "q2", "q3")),
    "MTA's queue: df to secret": ("smmta", link_directory(SECRET, "df", "xf")),
    "MTA's queue: qf to secret": ("smmta", link_directory(SECRET, "qf")),
    "MTA's queue: links for files": ("smmta", links_for_files),
    "configured as /srv": ("configured", "/srv"),
    "configured as /var": ("configured", "/var"),
    "configured as /etc": ("configured", "/etc"),
    "configured as /": ("configured", "/"),
    "configured as /home": ("configured", "/home"),
}


def swap_directories(queue):
    """df is now a directory with files, now a link."""
    (queue / "df.d").mkdir(exist_ok=True)
    while True:
        for target in (SECRET, None):
            try:
                if target is None:
                    os.rename(queue / "df.d", queue / "df")
                    time.sleep(0.0002)
                    os.rename(queue / "df", queue / "df.d")
                else:
                    os.symlink(target, queue / "df.l")
                    os.rename(queue / "df.l", queue / "df")
                    time.sleep(0.0002)
                    os.unlink(queue / "df")
            except OSError:
                for name in ("df.l", "df"):
                    try:
                        os.unlink(queue / name)
                    except OSError:
                        pass
                if not (queue / "df.d").is_dir() and not (queue / "df").is_dir():
                    (queue / "df.d").mkdir(exist_ok=True)


def swap_files(queue):
    """qfX and dfX are now files, now links, FIFOs or hard links of each other; messages come and go."""
    rand, count = random.Random(SEED), 0
    while True:
        count += 1
        identifier = f"6ARSWAP0{rand.randrange(40):06d}"
        for kind in ("qf", "df"):
            try:
                new = queue / f".new{kind}"
                what = rand.randrange(5)
                if what == 0:
                    os.symlink(SECRET / f"{kind}{IDENTIFIER.format(0)}", new)
                elif what == 1:
                    os.mkfifo(new, 0o660)
                elif what == 2:
                    os.link(queue / f"qf6ARSWAP0{rand.randrange(40):06d}", new)
                else:
                    put(new, control() if kind == "qf" else b"body\n")
                os.rename(new, queue / f"{kind}{identifier}")
            except OSError:
                try:
                    os.unlink(queue / f".new{kind}")
                except OSError:
                    pass


RACES = {"swapped directories": swap_directories, "swapped files": swap_files}


def scan(value, path=""):
    """Every string and number of a result with its place."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield path, key
            yield from scan(inner, f"{path}.{key}"[:200])
    elif isinstance(value, list):
        for inner in value:
            yield from scan(inner, path)
    else:
        yield path, value


def read_result(findings, where, ended):
    if ended.hung:
        findings.add("blocked", f"{where}: not ended after {LIMIT:.0f} s")
        return
    if ended.broke():
        findings.add("broke", f"{where}: {ended.says()}")
        return
    for path, value in scan({key: value for key, value in ended.result.items() if key != "invocation"}):
        if isinstance(value, str):
            if (
                CANARY in value
                or "6ACANARY" in value
                and "configured" not in where
                and "d lines" not in where
                or re.search(r"/etc/shadow|\bshadow\b|root:[*!x$]", value)
            ):
                findings.add("listed", f"{where}: {path} = {value[:200]!r}")
            raw = [char for char in value if (ord(char) < 32 and char != "\n") or 0x7F <= ord(char) < 0xA0 or 0xD800 <= ord(char) < 0xE000]
            if raw:
                findings.add("raw", f"{where}: {path} has {raw[0]!r}: {value[:80]!r}")
        elif isinstance(value, int) and not isinstance(value, bool) and any(value == size for size in SIZES):
            findings.add("listed", f"{where}: {path} = {value}, the size of a file outside")


def call_all(findings, scene, figures, watch, before, calls, until):
    for module, args in calls:
        if time.monotonic() > until:
            return before
        for check in (
            (True, False)
            if module not in ("sendmail_queue_facts", "sendmail_message_info", "sendmail_diagnosis_info", "sendmail_compliance_info")
            else (False,)
        ):
            where = f"{scene}: {module} {args.get('state', '')}{' --check' if check else ''}"
            ended = run_module(module, args, check=check, limit=LIMIT)
            figures["calls"] += 1
            read_result(findings, where, ended)
            seen = watch.seen()
            # Where Sendmail itself was run it has read the queue as smmsp, who could do so before.
            if seen and (check or not (module == "sendmail_queue" or args.get("state") in ("quarantined", "queued"))):
                findings.add("read", f"{where}: opened {', '.join(seen[:4])}{' ...' if len(seen) > 4 else ''}")
            after = outside(MOST)
            changed = differences(before, after)
            if changed:
                findings.add("outside", f"{where}: {len(changed)}: " + b", ".join(changed[:5]).decode("utf-8", "backslashreplace"))
                repair()
                watch.renew()
                after = outside(MOST)
            watch.seen()  # what we opened ourselves
            before = after
    return before


def plant(scene):
    """Make a scene. Returns whether it could be made."""
    who, function = SCENES[scene]
    queue = MTA if who == "smmta" else CLIENT
    if who == "configured":
        groups("submit.cf", function)
        groups("sendmail.cf", function)
        return
    if who == "groups":
        groups("submit.cf", f"{CLIENT}/q*")
        as_user("smmsp", (CLIENT / "q1").mkdir)
        as_user("smmsp", good, CLIENT / "q1")
    as_user("smmsp", good, CLIENT)
    if who == "root":
        (SECRET / "shadow").write_bytes(b"root:*:" + CANARY.encode())
        function(queue)
    else:
        as_user({"groups": "smmsp"}.get(who, who), function, queue)


def main():
    findings, rand, figures, began = Findings("links", shown=12), seeded(SEED, "links"), Counter(), time.monotonic()
    until = began + SECONDS
    for cf in ("submit.cf", "sendmail.cf"):
        ORIGINAL[cf] = f"/etc/mail/.attack-{cf}"
        if not os.path.exists(ORIGINAL[cf]):
            shutil.copy2(f"/etc/mail/{cf}", ORIGINAL[cf])
    for place in map(Path, PASS):
        # The first change in a directory of an image changes the one above it too (overlayfs).
        if place.is_dir() and place.is_relative_to("/var"):
            os.utime(place, ns=(place.stat().st_atime_ns, place.stat().st_mtime_ns))
    preload()
    repair()
    scenes = list(SCENES) + list(RACES)
    rand.shuffle(scenes)
    try:
        while time.monotonic() < until:
            for scene in scenes:
                if time.monotonic() > until:
                    break
                settled(CLIENT)
                clean_host()
                for cf, original in ORIGINAL.items():
                    shutil.copy2(original, f"/etc/mail/{cf}")
                # An archive from before the scene, which an administrator may restore later.
                as_user("smmsp", good, CLIENT, 5)
                run_module("sendmail_message", {"state": "absent", "confirm_all": True, "archive": str(BASE)})
                make_secret()
                LEDGER.mkdir(mode=0o700, exist_ok=True)
                racer = None
                if scene in RACES:
                    as_user("smmsp", good, CLIENT)
                    racer = race(RACES[scene])
                else:
                    plant(scene)
                whole_host, watch, before = outside(), Watch(), outside(MOST)
                watch.seen()
                calls = CALLS if figures["scenes"] < len(scenes) else rand.sample(CALLS, len(CALLS))
                try:
                    call_all(findings, scene, figures, watch, before, calls, until)
                finally:
                    if racer:
                        os.kill(racer, signal.SIGKILL)
                        os.waitpid(racer, 0)
                    watch.close()
                changed = [path for path in differences(whole_host, outside()) if path.partition(b" ")[2].startswith(os.fsencode(MOST))]
                if changed:
                    findings.add("outside", f"{scene}: {len(changed)}: " + b", ".join(changed[:5]).decode("utf-8", "backslashreplace"))
                figures["scenes"] += 1
            figures["rounds"] += 1
    finally:
        settled(CLIENT)
        for cf, original in ORIGINAL.items():
            shutil.copy2(original, f"/etc/mail/{cf}")
        clean_host()
        subprocess.run(["rm", "-rf", str(SECRET)], check=False)
    return summary("links", findings, figures, **{"of scenes": len(scenes)})


def race(function):
    child = os.fork()
    if not child:
        os.setgid(pwd.getpwnam("smmsp").pw_gid)
        os.setgroups([])
        os.setuid(pwd.getpwnam("smmsp").pw_uid)
        try:
            function(CLIENT)
        finally:
            os._exit(0)
    return child


if __name__ == "__main__":
    sys.exit(main())
