# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the parts of the attack share: run a module in a child that can be killed, act as other users, read queues and mailboxes.

Runs on a test host, with Python 3.9 or newer and the standard library. Nothing here uses the collection's code for anything but the call
of a module: ids, places and contents are read from names, control files, mailboxes and archives by the few functions below.
"""

import ctypes
import functools
import json
import os
import pwd
import random
import re
import runpy
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
LIB = Path(__file__).resolve().parent / "lib"
sys.path.insert(0, str(LIB))
CLIENT, MTA = Path("/var/spool/mqueue-client"), Path("/var/spool/mqueue")
BASE, LEDGER = Path("/var/backups/attack"), Path("/var/lib/attack-ledger")
SENDMAIL = "/usr/sbin/sendmail"
USERS = ("alice", "bob", "carol")
MODULES = (
    "sendmail_queue_facts",
    "sendmail_message_info",
    "sendmail_diagnosis_info",
    "sendmail_compliance_info",
    "sendmail_queue",
    "sendmail_message",
    "sendmail_debris_info",
    "sendmail_debris",
    "sendmail_permissions",
    "sendmail_ledger",
)
CONTROL = re.compile(rb"(?:qf|hf|Qf|tf)(.+)\Z", re.S)
TOKEN = re.compile(rb"^(?:H\?\?)?X-Token: (\S+)", re.M)


class Findings:
    """Faults, counted by kind; the first few of each kind are printed with what repeats them."""

    def __init__(self, part, shown=3):
        self.part, self.shown, self.kinds = part, shown, Counter()

    def add(self, kind, text):
        self.kinds[kind] += 1
        if self.kinds[kind] <= self.shown:
            print(f"fault: {self.part}: {kind}: {text}"[:2000].encode("ascii", "backslashreplace").decode(), flush=True)

    def total(self):
        return sum(self.kinds.values())


def preload():
    """Import once what every call needs; calls are forked from here and cost little more than the module itself."""
    import importlib

    import ansible.module_utils.basic  # noqa: F401

    for name in MODULES:
        importlib.import_module(f"ansible_collections.mailops.sendmail.plugins.modules.{name}")
    # Runners outlive a module that was killed; they come to us, so that we can wait for them.
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)


class Ended:
    """One module call: result (dict, empty when there was none), raw output, seconds, and how it ended."""

    def __init__(self, status, out, err, seconds, hung):
        self.killed, self.code = os.WIFSIGNALED(status), os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
        self.raw, self.err, self.seconds, self.hung = out, err.decode("utf-8", "backslashreplace"), seconds, hung
        try:
            self.result = json.loads(out.decode("utf-8"))
        except ValueError:
            self.result = {}

    def broke(self):
        """Whether the module ended by itself without a proper result."""
        return not self.killed and (
            not self.result or "Traceback" in self.err or self.result.get("exception") not in (None, "(traceback unavailable)")
        )

    def says(self):
        return self.result.get("msg") or (self.err or self.raw.decode("utf-8", "backslashreplace"))[-600:]


CHANGES = ("open", "write", "rename", "replace", "unlink", "link", "mkdir", "fsync", "fchmod", "fchown", "close")


def patch(names, deed):
    """Have C(deed(name, real function, *arguments, **more)) called in the place of functions of os, in this process."""
    for name in names:
        setattr(os, name, functools.partial(deed, name, getattr(os, name)))


def _die_at(number, signum):
    """Kill this process at its change number C(number), before or in the middle of it: that finds windows which a clock rarely hits."""
    count = [0]

    def deed(name, real, *arguments, **more):
        if name != "open" or arguments[1] & os.O_CREAT:
            count[0] += 1
            if count[0] == number:
                if name == "write" and len(arguments) > 1:
                    real(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
                os.kill(os.getpid(), signum)
        return real(*arguments, **more)

    patch(CHANGES, deed)


def run_module(name, args, check=False, limit=60.0, kill=None, scratch=Path("/run/attack"), meanwhile=None, before=None):
    """Call a module as root. C(kill): ("after", seconds, signal) from outside, or ("change", number, signal); C(meanwhile()) goes on beside it,
    C(before()) is called in the module's own process.

    Returns Ended. Only the module's own process gets the signal, not the runners it started.
    """
    scratch.mkdir(exist_ok=True)
    for name_of_output in ("out", "err"):  # a child that is killed at once makes none
        (scratch / name_of_output).write_bytes(b"")
    began = time.monotonic()
    child = os.fork()
    if not child:
        try:
            os.setsid()
            null, out, err = (os.open(scratch / n, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600) for n in ("in", "out", "err"))
            for descriptor, number in ((null, 0), (out, 1), (err, 2)):
                os.dup2(descriptor, number)
                os.close(descriptor)
            os.chdir("/")
            os.umask(0o022)
            os.environ.update(LC_ALL="C.UTF-8", LANG="C.UTF-8")
            from ansible.module_utils import basic

            basic._ANSIBLE_PROFILE = "legacy"
            basic._ANSIBLE_ARGS = json.dumps(
                {
                    "ANSIBLE_MODULE_ARGS": dict(
                        args, _ansible_check_mode=check, _ansible_diff=True, _ansible_remote_tmp="/tmp", _ansible_module_name=name
                    )
                }
            ).encode()
            sys.argv = [name]
            if before:
                before()
            if kill and kill[0] == "change":
                _die_at(kill[1], kill[2])
            runpy.run_module(f"ansible_collections.mailops.sendmail.plugins.modules.{name}", run_name="__main__", alter_sys=False)
            os._exit(0)
        except SystemExit as error:
            sys.stdout.flush()
            os._exit(error.code if isinstance(error.code, int) else error.code is not None)
        except BaseException:  # noqa: BLE001
            import traceback

            traceback.print_exc()
            sys.stderr.flush()
            os._exit(250)
    hung, status, delay = False, None, 0.0005
    while status is None:
        pid, got = os.waitpid(child, os.WNOHANG)
        if pid:
            status = got
            break
        passed = time.monotonic() - began
        if kill and kill[0] == "after" and passed >= kill[1]:
            os.kill(child, kill[2])
            kill = None
        elif passed > limit:
            hung = True
            os.kill(child, signal.SIGKILL)
        elif meanwhile:
            meanwhile()
        time.sleep(min(delay, max(0.0001, kill[1] - passed)) if kill and kill[0] == "after" else delay)
        delay = min(delay * 1.5, 0.01)
    return Ended(status, (scratch / "out").read_bytes(), (scratch / "err").read_bytes(), time.monotonic() - began, hung)


def reap():
    """Collect runners that have ended since; returns whether some still work."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
        return True
    except ChildProcessError:
        return False


def as_user(name, function, *arguments):
    """Run a function in a child with all ids of a user. Returns its exit status, 0 when it raised nothing."""
    who = pwd.getpwnam(name)
    child = os.fork()
    if not child:
        code = 1
        try:
            os.initgroups(name, who.pw_gid)
            os.setgid(who.pw_gid)
            os.setuid(who.pw_uid)
            os.chdir("/")
            os.umask(0o007)
            function(*arguments)
            code = 0
        except OSError as error:
            print(f"note: as {name}: {error}", file=sys.stderr)
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def processes():
    """(pid, command line) of every Sendmail process but the daemon."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                line = Path("/proc", entry, "cmdline").read_bytes().replace(b"\0", b" ").decode("latin-1").strip()
                if os.path.basename(os.readlink(f"/proc/{entry}/exe")).startswith("sendmail") and "accepting connections" not in line:
                    found.append((int(entry), line))
            except OSError:
                pass
    return found


def stopped():
    """(pid, command line) of Sendmail processes that are stopped, and hold their messages until somebody lets them go on."""
    found = []
    for pid, line in processes():
        try:
            if Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2][:1] == b"T":
                found.append((pid, line))
        except OSError:
            pass  # it has ended since
    return found


def quiet(seconds):
    """Wait until no runner works any more."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        reap()
        if not [line for _pid, line in processes() if "Queue control" not in line]:
            return True
        time.sleep(0.1)
    print(f"note: still at work after {seconds:.0f} s: {processes()[:5]}", flush=True)
    return False


def message(token, sender, recipients, size, more=""):
    body = "".join(random.choices("abcdefghijklmnop \n", k=size)) if size else ""
    return f"From: {sender}\nTo: {', '.join(recipients)}\nSubject: attack\nX-Token: {token}\n{more}\nbegin {token}\n{body}\nend {token}\n"


def submit(user, token, recipients, size=200, *options):
    """One message by the program that everybody uses. Returns the exit status."""
    who = pwd.getpwnam(user)
    return subprocess.run(
        [SENDMAIL, "-odq", "-oi", *options, *recipients],
        input=message(token, user, recipients, size).encode(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        user=who.pw_uid,
        group=who.pw_gid,
        extra_groups=[],
        cwd="/",
        timeout=600,
        check=False,
    ).returncode


def submit_many(user, messages):
    """Several in one session of C(sendmail -bs). C(messages): (token, recipients, size). Returns how many were accepted, in their order."""
    who, accepted = pwd.getpwnam(user), 0
    with subprocess.Popen(
        [SENDMAIL, "-bs", "-odq"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        user=who.pw_uid,
        group=who.pw_gid,
        extra_groups=[],
        cwd="/",
    ) as session:

        def say(text):
            if text:
                session.stdin.write(text.replace("\n", "\r\n").encode())
                session.stdin.flush()
            line = session.stdout.readline()
            while line[3:4] == b"-":
                line = session.stdout.readline()
            return line[:1] in b"23" and line != b""

        try:
            say("")
            say("EHLO localhost\n")
            for token, recipients, size in messages:
                good = say(f"MAIL FROM:<{user}>\n") and all(say(f"RCPT TO:<{one}>\n") for one in recipients) and say("DATA\n")
                if not good or not say(message(token, user, recipients, size) + ".\n"):
                    break
                accepted += 1
            say("QUIT\n")
        except OSError:
            pass
    return accepted


# The account


class Account:
    """Where each token is, read without the product: C(queue), C(archive) and C(half) by token, C(boxes) by (token, mailbox)."""

    def __init__(self, queues=(CLIENT, MTA), bases=(BASE,)):
        self.queue, self.archive, self.boxes, self.bounced = Counter(), Counter(), Counter(), Counter()
        self.half, self.empty, self.dead, self.orphans, self.states = [], [], Counter(), [], Counter()
        for queue in queues:
            self._queue(queue)
        for base in bases:
            self._archives(base)
        for user in (*USERS, "root", "smmsp", "postmaster"):
            self._mailbox(Path("/var/mail", user), user)
        for place in ("/var/lib/sendmail/dead.letter", "/root/dead.letter", *(f"/home/{user}/dead.letter" for user in USERS)):
            if os.path.exists(place):
                self.dead.update(TOKEN.findall(Path(place).read_bytes()))

    def _queue(self, queue):
        data, controls = {}, []
        for directory, _names, files in os.walk(os.fsencode(queue)):
            for name in files:
                path = os.path.join(directory, name)
                try:
                    if name[:2] == b"df" and not os.path.islink(path):
                        data[name[2:]] = path
                    elif CONTROL.match(name) and name[:2] != b"tf" and not os.path.islink(path):
                        controls.append((name, Path(os.fsdecode(path)).read_bytes()))
                except FileNotFoundError:
                    pass
        named = set()
        for name, content in controls:
            token = TOKEN.search(content)
            named.add(name[2:])
            if not token:
                continue
            self.queue[token.group(1)] += 1
            self.states[name[:2].decode()] += 1
            body = data.get(name[2:])
            if body is None or not whole(Path(os.fsdecode(body)).read_bytes(), token.group(1)):
                self.half.append((token.group(1), os.fsdecode(name), "no data file" if body is None else "data file cut or foreign"))
        for identifier, path in data.items():
            if identifier not in named:
                found = re.search(rb"^begin (\S+)", Path(os.fsdecode(path)).read_bytes(), re.M)
                if found:
                    self.orphans.append((found.group(1), os.fsdecode(path)))

    def _archives(self, base):
        for part in sorted(Path(base).glob("**/*.tar.gz")):
            try:
                with tarfile.open(part, errors="surrogateescape") as archive:
                    controls, data = {}, {}
                    for member in archive:
                        name = os.path.basename(member.name)
                        if member.isreg() and name[:2] in ("qf", "hf", "Qf"):
                            controls[name[2:]] = archive.extractfile(member).read()
                        elif member.isreg() and name[:2] == "df":
                            data[name[2:]] = archive.extractfile(member).read()
                for identifier, content in controls.items():
                    token = TOKEN.search(content)
                    if token and whole(data.get(identifier, b""), token.group(1)):
                        self.archive[token.group(1)] += 1
            except (OSError, EOFError, tarfile.TarError):
                pass  # a part that cannot be read holds nothing

    def _mailbox(self, path, user):
        if not path.exists():
            return
        for text in re.split(rb"^From (?=\S+ +\w{3} \w{3} )", path.read_bytes(), flags=re.M)[1:]:
            head, _blank, body = text.partition(b"\n\n")
            bounce = re.search(rb"^From: .*MAILER-DAEMON", head, re.M | re.I)
            token = TOKEN.search(body if bounce else head)
            if not token:
                continue
            if bounce:
                self.bounced[token.group(1)] += 1
            else:
                self.boxes[token.group(1), user] += 1
                if not whole(body, token.group(1)):
                    self.empty.append((token.group(1), user))


def whole(body, token):
    return b"begin " + token + b"\n" in body and body.rstrip().endswith(b"end " + token)


def judge(account, expected, findings, finished=True):
    """Hold an account against what was submitted. C(expected): token -> (recipients, whether acceptance was certain).

    A token of which nothing was delivered may be whole in an archive or in a queue; all others are in exactly one place for each recipient.
    """
    figures = Counter(messages=len(expected))
    for token, (recipients, certain) in expected.items():
        shown = token.decode()
        for recipient in recipients:
            unknown = recipient not in USERS
            times = account.bounced[token] if unknown else account.boxes[token, recipient]
            places = times + account.queue[token]
            if times > 1 or times and account.queue[token] and len(recipients) == 1:
                figures["twice"] += 1
                findings.add("twice", f"{shown} to {recipient}: {times} times delivered, {account.queue[token]} times in a queue")
            elif account.bounced[token] and not unknown:
                figures["bounced"] += 1
                findings.add("bounced", f"{shown} to {recipient}")
            elif not places and account.dead[token]:
                figures["dead"] += 1
                findings.add("dead letter", shown)
            elif not places and account.archive[token]:
                figures["archived"] += 1
            elif not places and certain:
                figures["missing"] += 1
                findings.add(
                    "missing",
                    f"{shown} to {recipient}"
                    + (", and its data file is left alone in the queue" if token in dict(account.orphans) else ""),
                )
            elif times:
                figures["delivered"] += 1
            else:
                figures["queued"] += account.queue[token] > 0
    for token, name, why in account.half:
        figures["half"] += 1
        findings.add("half", f"{token.decode()}: {name}: {why}")
    for token, user in account.empty:
        figures["empty"] += 1
        findings.add("empty", f"{token.decode()} in the mailbox of {user}")
    return figures


def clean_host():
    """Empty queues, mailboxes and archives, as a fresh host has them."""
    for place in (CLIENT, MTA):
        for entry in os.scandir(os.fsencode(place)):
            shutil.rmtree(entry.path) if entry.is_dir(follow_symlinks=False) else os.unlink(entry.path)
    for place in (BASE, LEDGER):
        shutil.rmtree(place, ignore_errors=True)
    for user in (*USERS, "root", "smmsp"):
        for place in (f"/var/mail/{user}", f"/home/{user}/dead.letter", "/var/lib/sendmail/dead.letter", "/root/dead.letter"):
            if os.path.exists(place):
                os.unlink(place)


def directories(root=BASE):
    return sorted(path for path in Path(root).glob("*") if path.is_dir()) if Path(root).exists() else []


def ids(queue=CLIENT, prefixes=("qf",)):
    return [name[2:] for name in os.listdir(queue) if name[:2] in prefixes]


def drain(seconds):
    """Let Sendmail alone deliver what is in both queues. Returns whether they are empty."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        quiet(until - time.monotonic())
        left = [name for queue in (CLIENT, MTA) for name in os.listdir(queue) if name[:2] in ("qf", "hf")]
        if not left:
            return True
        for which in ("-Ac", "-Am"):
            runners = [
                subprocess.Popen([SENDMAIL, which, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                for options in (("-qQ", "-Q"), ("-qf",), ("-qf",), ("-qf",))
            ]
            for one in runners:
                # A runner that is killed at work delivers twice: wait for it, or leave it alone.
                try:
                    one.wait(max(60.0, until - time.monotonic()))
                except subprocess.TimeoutExpired:
                    print(f"note: still at work: {one.args}", flush=True)
        time.sleep(0.2)
    return False


def seeded(seed, part):
    # Each host begins elsewhere, so that a short run of three sees three times as much.
    random.seed(f"{part}-{seed}-{os.uname().nodename}")
    return random


def summary(part, findings, figures, **more):
    """The one line of a part, and its figures for the last line of all."""
    words = ", ".join(f"{name} {value}" for name, value in {**figures, **more}.items())
    print(
        f"{part}: {words}; faults {findings.total()}" + "".join(f", {kind}: {count}" for kind, count in sorted(findings.kinds.items())),
        flush=True,
    )
    return 1 if findings.total() else 0
