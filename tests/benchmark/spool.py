# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a Sendmail queue of any size, and say exactly what is in it.

The control files have the lines and the order of queueup() in Sendmail's queue.c (V T K N P I B q M F $ S Z A, per
recipient M C Q r R, then the headers and a dot), so the real Sendmail lists and delivers them. The same arguments
always make the same queue. What a reader must find in it is computed here while writing, never by reading it back
and never with the collection's own parser, so it serves as an oracle.

    python spool.py /tmp/q/mqueue-client 100000 --owner smmsp:smmsp     # writes /tmp/q/mqueue-client.truth.json as well
"""

from __future__ import annotations

import argparse
import collections
import grp
import json
import os
import pwd
import random
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

HOST = b"mail.example.test"
DIGITS = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwx"  # queue.c assign_queueid(): base 60
QSHAPE_MINUTES = (5, 10, 20, 40, 80, 160, 320, 640, 1280)  # upper ends of the age buckets of qshape(1)
USERS = [b"alice", b"bob", b"carol", b"dave", b"erin", b"root", b"www-data", b"nagios", b"backup", b"gitlab", b"jenkins", b"postgres"]
UNKNOWN_SENDER = b"cron@nosuch.invalid"
SENDERS = [(user, user) for user in USERS] + [
    (b"noreply-%02d@app.example.test" % number, USERS[number % len(USERS)]) for number in range(29)
]  # with UNKNOWN_SENDER and MAILER-DAEMON 43
DOMAINS = 5000
LOCAL_USERS = [b"user%02d" % number for number in range(40)]
BODY = (b"The quick brown fox jumps over the lazy dog, and the queue runner waits for an answer.\n" * 50)[:4000]
CLASSES = {  # what share of the messages waits for which reason, per cent
    "connection_refused": 45, "connection_timeout": 10, "no_route": 5, "host_lookup": 12, "relay_lookup": 4,
    "sender_domain": 3, "mta_disk_full": 3, "temporary_reply": 10, "never_tried": 6, "other": 2,
}  # fmt: skip
DAMAGE = ("empty", "cut_envelope", "cut_headers", "binary", "nul", "no_sender", "no_time", "future_version", "unknown_letter", "fifo", "symlink", "directory")
DEBRIS = ("orphan_df", "empty_tf", "old_Tf", "leftover_xf", "missing_df", "foreign_file", "foreign_directory")


def queue_id(created: int, number: int) -> bytes:
    """The id Sendmail gives the number-th message made at this second: date and time in UTC, sequence, process."""
    utc = time.gmtime(created)
    sequence, pid = number // 31000 % 3600, 300 + number % 31000
    fields = ((utc.tm_year - 1900) % 60, utc.tm_mon - 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, sequence // 60, sequence % 60)
    return bytes(DIGITS[field] for field in fields) + b"%06d" % pid


def status_of(reason: str, sender: bytes, recipients: list[bytes]) -> tuple[bytes, list[bytes]]:
    """The envelope's status text and the recipients' own ones (b"" for none), where Sendmail puts them."""
    none = [b""] * len(recipients)
    if reason == "host_lookup" or reason == "sender_domain":
        name = (recipients[-1] if reason == "host_lookup" else sender).rpartition(b"@")[2]
        own = b"Deferred: 451 4.1.8 Domain of sender address %s does not resolve" % sender
        return b"host map: lookup (%s): deferred" % name, none if reason == "host_lookup" else [own] * len(recipients)
    if reason == "temporary_reply":
        own_texts = [b"Deferred: 450 4.7.1 <%s>... try later please" % recipient for recipient in recipients]
        return own_texts[-1], own_texts
    return {
        "connection_refused": b"Deferred: Connection refused by [127.0.0.1]",
        "connection_timeout": b"Deferred: Connection timed out with [127.0.0.5]",
        "no_route": b"Deferred: [127.0.0.3]: No route to host",
        "relay_lookup": b"Deferred: Name server: mailhub.example.test.: host name lookup failure",
        "mta_disk_full": b"Deferred: 452 4.4.5 Insufficient disk space; try again later",
        "other": b"Deferred: Level 2 halted",
        "never_tried": b"",
    }[reason], none


def messages(count: int, seed: int, now: int, max_age: int, local: bool, header_bytes: int) -> Iterator[dict[str, Any]]:
    """Describe `count` messages, each as the dictionary that `control_file` writes; addresses are bytes."""
    rng = random.Random(seed)
    uniform, below = rng.random, rng.randrange
    domains = [b"d%04d.example.test" % number for number in range(DOMAINS)]
    zipf = [1 / rank for rank in range(1, DOMAINS + 1)]
    few = [1, *range(2, 51)]
    geometric = [0.7] + [0.3 * (1 - 1 / 5.45) ** (size - 2) / 5.45 for size in range(2, 51)]
    reasons, shares = list(CLASSES), list(CLASSES.values())
    for start in range(0, count, 1000):
        size = min(1000, count - start)
        sizes = rng.choices(few, geometric, k=size)
        names = rng.choices(domains, zipf, k=sum(sizes))[::-1]
        for offset, (width, reason) in enumerate(zip(sizes, rng.choices(reasons, shares, k=size))):
            number = start + offset
            created = now - 1 - int(uniform() * (max_age - 1))
            bounce = number % 97 == 96
            # An MTA that is to take the mail asks the DNS for the domain of the sender, so local mail has senders without one.
            sender, user = (b"MAILER-DAEMON", b"") if bounce else SENDERS[below(len(USERS if local else SENDERS))]
            if reason == "sender_domain" and not bounce and not local:
                sender = UNKNOWN_SENDER
            if local:
                recipients = [LOCAL_USERS[(number + index) % len(LOCAL_USERS)] for index in range(min(width, len(LOCAL_USERS)))]
            else:
                recipients = [b"r%d.%d@%s" % (number % 977, index, names.pop()) for index in range(width)]
                if number % 11 == 10 and reason not in ("host_lookup", "temporary_reply"):
                    recipients[0] = LOCAL_USERS[number % len(LOCAL_USERS)]
            if local and reason == "host_lookup" or (local or bounce) and reason == "sender_domain":
                reason = "connection_refused"
            attempts = 0 if reason == "never_tried" else 1 + (now - created - 1) // 1800
            status, own = status_of(reason, sender, recipients)
            body = 20 + below(1980)
            yield {
                "id": queue_id(created, number), "created": created, "attempts": attempts,
                "last_attempt": created + (attempts - 1) * 1800 if attempts else 0,
                "priority": body + 30000 * len(recipients) + 90000 * max(0, attempts - 1),
                "size": body, "sender": sender, "user": user, "bounce": bounce, "recipients": recipients, "reason": reason,
                "status": status, "own": own, "body_type": b"8BITMIME" if number % 10 == 3 else b"",
                "flags": b"w" * (now - created > 14400 and attempts > 1) + b"r" * bounce + b"8" * (number % 10 == 3) + b"n" * bounce + b"s",
                "envid": b"QQ%d" % number if number % 53 == 7 else b"", "dsn": number % 53 == 7, "quarantine": b"", "header_bytes": header_bytes,
            }  # fmt: skip


def control_file(message: dict[str, Any]) -> tuple[bytes, bytes]:
    """The envelope lines and the header lines of a control file."""
    ident, user, recipients, created = message["id"], message["user"], message["recipients"], message["created"]
    lines = [b"V8\nT%d\nK%d\nN%d\nP%d" % (created, message["last_attempt"], message["attempts"], message["priority"])]
    add = lines.append
    if message["bounce"]:
        add(b"I0/171/%d" % (message["priority"] % 9999999))
    if message["body_type"]:
        add(b"B" + message["body_type"])
    if message["quarantine"]:
        add(b"q" + message["quarantine"])
    if message["status"]:
        add(b"M" + message["status"])
    add(b"F" + message["flags"])
    add(b"$_localhost\n$r\n$slocalhost" if message["bounce"] else b"$_%s@localhost" % user)
    add(b"${daemon_flags}c u\nS" + message["sender"])
    if message["envid"]:
        add(b"Z" + message["envid"])
    if user:
        add(b"A%s@%s" % (user, HOST))
    controlled = False
    for recipient, own in zip(recipients, message["own"]):
        if own:
            add(b"M" + own)
        if b"@" not in recipient:
            add(b"C:%s\nrRFC822; %s@%s\nRPFD:%s" % (recipient, recipient, HOST, recipient))
            controlled = True
            continue
        if controlled:
            add(b"C")
            controlled = False
        if message["dsn"]:
            add(b"Qrfc822;%s\nrRFC822; %s\nRPNSF:%s" % (recipient, recipient, recipient))
        else:
            add(b"rRFC822; %s\nRPFD:%s" % (recipient, recipient))
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(created)).encode()
    source = b"(from %s@localhost)" % user if user else b"localhost (localhost)"
    only = b"\n\tfor %s" % recipients[0] if len(recipients) == 1 else b""
    head = (
        b"H?P?Return-Path: <\x81g>\nH??Received: %s\n\tby %s (8.17.1.9/8.17.1.9/Submit) id %s%s;\n\t%s\nH?D?Date: %s\n"
        b"H?F?From: %s\nH?M?Message-Id: <%d.%s@%s>\nH??Subject: test message %s\n"
        % (source, HOST, ident, only, date, date, message["sender"], created, ident, HOST, ident)
    )
    if message["header_bytes"]:
        fold = b"\tpadding padding padding padding padding padding padding\n"
        head += b"H??X-Padding: starts\n" + fold * max(0, (message["header_bytes"] - len(head)) // len(fold))
    lines.append(b"")
    return b"\n".join(lines), head + b".\n"


def record_of(message: dict[str, Any], state: str) -> dict[str, Any]:
    """What a per-message listing has to say of one message, all values as they stand in the control file."""

    def text(value):
        return value.decode("latin-1")

    return {
        "id": text(message["id"]), "state": state, "created": message["created"], "last_attempt": message["last_attempt"],
        "attempts": message["attempts"], "priority": message["priority"], "size": message["size"], "sender": text(message["sender"]),
        "user": text(message["user"]), "bounce": message["bounce"], "reason": message["reason"], "status": text(message["status"]),
        "flags": text(message["flags"]), "body_type": text(message["body_type"]), "quarantine_reason": text(message["quarantine"]),
        "envid": text(message["envid"]),
        "recipients": [{
            "address": text(recipient), "status": text(own), "flags": "PNSF" if message["dsn"] and b"@" in recipient else "PFD",
            "orcpt": text(b"rfc822;" + recipient) if message["dsn"] and b"@" in recipient else "",
        } for recipient, own in zip(message["recipients"], message["own"])],
    }  # fmt: skip


class Truth:
    """The totals of the messages written so far, per state (queued, quarantined, lost) and over all."""

    def __init__(self, now: int) -> None:
        self.now = now
        self.states: dict[str, dict[str, int]] = {}
        self.counts: dict[str, collections.Counter[str]] = {
            name: collections.Counter() for name in ("reasons", "envelope_reasons", "domains", "senders", "users")}
        self.created: list[int] = []
        self.never_tried = self.last_attempt = self.local_recipients = 0

    def add(self, message: dict[str, Any], state: str) -> None:
        figures = self.states.setdefault(state, {"messages": 0, "recipients": 0, "bytes": 0})
        figures["messages"] += 1
        figures["recipients"] += len(message["recipients"])
        figures["bytes"] += message["size"]
        reason = message["reason"]
        self.counts["reasons"][reason] += 1
        self.counts["envelope_reasons"]["host_lookup" if reason == "sender_domain" else reason] += 1
        self.counts["senders"][message["sender"].decode()] += 1
        if message["user"]:
            self.counts["users"][message["user"].decode()] += 1
        domains = [domain.decode() for dummy, sign, domain in (recipient.rpartition(b"@") for recipient in message["recipients"]) if sign]
        self.counts["domains"].update(domains)
        self.local_recipients += len(message["recipients"]) - len(domains)
        self.created.append(message["created"])
        self.never_tried += not message["attempts"]
        self.last_attempt = max(self.last_attempt, message["last_attempt"])

    def result(self) -> dict[str, Any]:
        ages = collections.Counter(next((limit for limit in QSHAPE_MINUTES if self.now - created < 60 * limit), 0) for created in self.created)
        return {
            "now": self.now, "messages": len(self.created), "states": self.states,
            "recipients": sum(figures["recipients"] for figures in self.states.values()),
            "bytes": sum(figures["bytes"] for figures in self.states.values()),
            "oldest": min(self.created, default=None), "newest": max(self.created, default=None),
            "never_tried": self.never_tried, "last_attempt": self.last_attempt or None, "local_recipients": self.local_recipients,
            "ages": [{"below_minutes": limit or None, "messages": ages[limit]} for limit in (*QSHAPE_MINUTES, 0)],
            **{name: dict(counter.most_common()) for name, counter in self.counts.items()},
        }  # fmt: skip


class Directory:
    """One queue directory, perhaps with qf, df and xf below it; writes through descriptors of the directories."""

    def __init__(self, path: Path, split: tuple[str, ...], owner: tuple[int, int] | None, mode: int) -> None:
        self.path, self.owner, self.fds = path, owner, {}
        for name in ("", *split):
            directory = path / name
            directory.mkdir(parents=True, exist_ok=True)
            directory.chmod(mode)
            if owner:
                os.chown(directory, *owner)
            self.fds[name] = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)

    def place(self, kind: str) -> int:
        """The directory a file with this prefix lives in: hf, Qf, tf and Tf go with qf."""
        return self.fds.get("df" if kind == "df" else "xf" if kind == "xf" else "qf", self.fds[""])

    def write(self, kind: str, ident: bytes, content: bytes, mtime: int | None = None) -> None:
        fd = os.open(kind.encode() + ident, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o660, dir_fd=self.place(kind))
        try:
            os.write(fd, content)
            if self.owner:
                os.fchown(fd, *self.owner)
            if mtime is not None:
                os.utime(fd, (mtime, mtime))
        finally:
            os.close(fd)

    def close(self) -> None:
        for fd in self.fds.values():
            os.close(fd)


def damaged(place: Directory, kind: str, message: dict[str, Any]) -> dict[str, Any]:
    """Write one control file that no reader can take as it is, with a sound data file; say what it is."""
    ident = message["id"]
    envelope, headers = control_file(message)
    content: dict[str, bytes] = {
        "empty": b"", "cut_envelope": envelope[: len(envelope) // 2], "cut_headers": envelope + headers[: len(headers) // 2],
        "binary": bytes(range(256)) * 4, "nul": envelope.replace(b"S", b"\0S") + headers, "no_sender": re.sub(rb"(?m)^S.*\n", b"", envelope) + headers,
        "no_time": re.sub(rb"(?m)^T.*\n", b"", envelope) + headers, "future_version": b"V9" + envelope[2:] + headers,
        "unknown_letter": envelope.replace(b"\nF", b"\nwhat\nF", 1) + headers,
    }  # fmt: skip
    if kind in content:
        place.write("qf", ident, content[kind], message["created"])
    else:
        make: Callable[..., None] = {"fifo": os.mkfifo, "directory": os.mkdir}.get(kind, lambda name, dir_fd: os.symlink("/etc/passwd", name, dir_fd=dir_fd))
        make(b"qf" + ident, dir_fd=place.place("qf"))
    place.write("df", ident, BODY[: message["size"]], message["created"])
    return {"id": ident.decode(), "kind": kind, "directory": str(place.path)}


def debris(place: Directory, kind: str, message: dict[str, Any]) -> dict[str, Any]:
    """Write one piece of debris, ten days old, or (missing_df) a sound control file whose data file is gone."""
    ident, old = message["id"], message["created"] - 864000
    if kind == "missing_df":
        place.write("qf", ident, b"".join(control_file(message)))
    elif kind == "foreign_file":
        place.write("", b"core." + ident, b"not a queue file\n", old)
    elif kind == "foreign_directory":
        os.mkdir(b"lost+found." + ident, dir_fd=place.place("qf"))
    else:
        place.write(kind[-2:], ident, b"" if kind == "empty_tf" else BODY[:100], old)
    return {"id": ident.decode(), "kind": kind, "directory": str(place.path)}


def generate(
    path: str | os.PathLike[str], count: int, *, seed: int = 1, now: int | None = None, max_age: int = 518400, subdirectories: int = 0,
    split: tuple[str, ...] = (), header_bytes: int = 0, local: bool = False, quarantined: int = 0, lost: int = 0, damage: int = 0,
    debris_files: int = 0, owner: str | None = None, mode: int = 0o2770, records: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Write `count` waiting messages and what else is asked for below `path`, and return the truth about them.

    `quarantined` and `lost` messages come on top of `count`; `damage` and `debris_files` are counts per kind (DAMAGE, DEBRIS).
    Truth: `messages`, `recipients`, `bytes` (of data files) and `states` (the same three by state) count waiting,
    quarantined and lost messages and nothing damaged; `never_tried`, `oldest`, `last_attempt`, `reasons`, `domains`, `senders`
    and `users` are over the same messages. A message of class sender_domain has the status of host_lookup in its envelope
    and its own one at each recipient: `envelope_reasons` counts what the envelope alone says. `damaged` and `debris` name
    each such file; a missing_df is a sound message whose figures are in `missing_df` (size 0 on disk), not in the totals.
    """
    now = int(time.time()) if now is None else now
    ids = None
    if owner:
        user, dummy, group = owner.partition(":")
        ids = (pwd.getpwnam(user).pw_uid, grp.getgrnam(group or user).gr_gid)
    base = Path(path)
    old_umask = os.umask(0)
    try:
        places = [Directory(base / f"q{number}", split, ids, mode) for number in range(1, subdirectories + 1)] or [Directory(base, split, ids, mode)]
        if subdirectories:
            base.chmod(mode)
            if ids:
                os.chown(base, *ids)
        truth, listed = Truth(now), []
        extra: dict[str, list[Any]] = {"damaged": [], "debris": [], "missing_df": []}
        work = ["queued"] * count + ["quarantined"] * quarantined + ["lost"] * lost
        special = [*(("damaged", kind) for kind in DAMAGE for dummy in range(damage)), *(("debris", kind) for kind in DEBRIS for dummy in range(debris_files))]
        for number, message in enumerate(messages(len(work) + len(special), seed, now, max_age, local, header_bytes)):
            place = places[number % len(places)]
            if number >= len(work):
                what, kind = special[number - len(work)]
                extra[what].append(damaged(place, kind, message) if what == "damaged" else debris(place, kind, message))
                if kind == "missing_df":
                    extra["missing_df"].append(record_of({**message, "size": 0}, "queued"))
                continue
            state = work[number]
            if state == "quarantined":
                message["quarantine"] = b"held by the benchmark, number %d" % number
            place.write("df", message["id"], BODY[: message["size"]])
            place.write({"queued": "qf", "quarantined": "hf", "lost": "Qf"}[state], message["id"], b"".join(control_file(message)))
            truth.add(message, state)
            if records:
                listed.append({**record_of(message, state), "directory": str(place.path)})
        for place in places:
            place.close()
    finally:
        os.umask(old_umask)
    return {**truth.result(), **extra, **({"records": listed} if records else {})}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, help="the queue directory, made if missing")
    parser.add_argument("count", type=int, help="messages that wait")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--now", type=int, help="epoch seconds the ages count back from (default: the clock)")
    parser.add_argument("--max-age", type=int, default=518400, help="seconds; default six days")
    parser.add_argument("--subdirectories", type=int, default=0, metavar="N", help="spread over q1 to qN")
    parser.add_argument("--split", type=lambda text: tuple(text.split(",")), default=(), metavar="qf,df,xf", help="types with a directory of their own")
    parser.add_argument("--header-bytes", type=int, default=0, help="pad the headers to this size")
    parser.add_argument("--local", action="store_true", help="mail of local users to the local users user00 to user39")
    parser.add_argument("--quarantined", type=int, default=0, metavar="N")
    parser.add_argument("--lost", type=int, default=0, metavar="N")
    parser.add_argument("--damage", type=int, default=0, metavar="N", help="damaged control files of each kind")
    parser.add_argument("--debris", dest="debris_files", type=int, default=0, metavar="N", help="pieces of debris of each kind")
    parser.add_argument("--owner", metavar="USER[:GROUP]", help="owner of all files and directories (needs root)")
    parser.add_argument("--mode", type=lambda text: int(text, 8), default=0o2770, help="of the directories")
    parser.add_argument("--records", action="store_true", help="the truth has a record of each message too")
    parser.add_argument("--truth", type=Path, help="where to write the truth (default: PATH.truth.json)")
    options = vars(parser.parse_args(arguments))
    target = options.pop("truth") or Path(f"{options['path']}.truth.json")
    target.write_text(json.dumps(generate(**options), indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
