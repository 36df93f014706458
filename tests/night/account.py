# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""On a test host, without the collection's code: submit messages as an ordinary user, and find where each of them is.

    account.py submit COUNT [RECIPIENT [OPTION...]]   as alice; what sendmail took is noted in /root/account
    account.py places                                 {token: {place: how often}} as JSON
    account.py rest                                   what else must stay as it was: {what: value} as JSON
    account.py works                                  0 when a message submitted now is in the mailbox within a minute

Places: msp, mta (a control file and its data file in that queue), half (one without the other), mailbox, returned (also when what tells the sender waits
in a queue), dead (dead.letter), archive.
"""
import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

NOTES = Path("/root/account")
TOKEN = re.compile(rb"token-[0-9a-f]{16}-end")
SENDMAIL = "/usr/sbin/sendmail"
# What a remediation is there to change, and what comes and goes by itself.
OURS = re.compile(r"/etc/(?:mail/|cron\.d/sendmail|crontab\Z|resolv\.conf\Z|mtab\Z|ld\.so\.cache\Z|rc\d\.d/|default/sendmail|passwd|group|g?shadow|subg?id"
                  r"|systemd/system/(?:multi-user|timers)\.target\.wants)")


def submit(count, recipient="bob", *options):
    notes = []
    for _number in range(int(count)):
        token = f"token-{os.urandom(8).hex()}-end"
        text = f"Subject: night\n\n{token}\n"
        ended = subprocess.run(["runuser", "-u", "alice", "--", SENDMAIL, "-i", *options, recipient], input=text.encode(), capture_output=True,
                               check=False)
        if ended.returncode == 0:
            notes.append(token)
    with NOTES.open("a") as stream:
        stream.writelines(note + "\n" for note in notes)
    return notes


def queue(directory):
    """{id: ({kinds of control file; "returns" with the flag r, of a message that tells the sender of another one (EF_RESPONSE, queue.c)}, tokens)}"""
    found = defaultdict(lambda: (set(), []))
    try:
        names = os.listdir(directory)
    except OSError:
        return found
    for name in names:
        if name[:2] in ("qf", "hf", "Qf"):
            found[name[2:]][0].add(name[:2])
            try:
                if re.search(rb"(?m)^F[a-z]*r", (Path(directory) / name).read_bytes()):
                    found[name[2:]][0].add("returns")
            except OSError:
                pass
        elif name[:2] == "df":
            try:
                found[name[2:]][1].extend(TOKEN.findall((Path(directory) / name).read_bytes()))
            except OSError:
                pass
    return found


def places():
    known = set(NOTES.read_text().split()) if NOTES.exists() else set()
    found = {token: Counter() for token in known}

    def note(token, place):
        token = token.decode()
        if token in found:
            found[token][place] += 1
    for name, directory in (("msp", "/var/spool/mqueue-client"), ("mta", "/var/spool/mqueue")):
        for kinds, tokens in queue(directory).values():
            for token in set(tokens):
                note(token, "half" if not kinds else "returned" if "returns" in kinds else name)
    for path, place in (("/var/mail/bob", "mailbox"), ("/var/mail/alice", "returned"), ("/var/mail/root", "returned"), ("/var/mail/smmsp", "returned"),
                        ("/home/alice/dead.letter", "dead"), ("/root/dead.letter", "dead"), ("/var/lib/sendmail/dead.letter", "dead"),
                        ("/var/tmp/dead.letter", "dead")):
        try:
            text = Path(path).read_bytes()
        except OSError:
            continue
        for message in re.split(rb"(?m)^From ", text):
            for token in set(TOKEN.findall(message)):
                note(token, place)
    for part in Path("/var/backups/sendmail-queue").glob("*/*.tar.gz"):
        for token in set(TOKEN.findall(gzip.decompress(part.read_bytes()))):
            note(token, "archive")
    return found


def rest():
    """Services that run, and all of /etc and of /srv, by content, owner and mode."""
    listed = subprocess.run(["systemctl", "list-units", "--type=service", "--state=running", "--plain", "--no-legend"], capture_output=True, text=True,
                            check=False)
    found = {f"service {line.split()[0]}": "running" for line in listed.stdout.splitlines() if line and not line.startswith(("sendmail", "user@"))}
    for base in ("/etc", "/srv", "/home"):
        for directory, _below, names in os.walk(base):
            for name in names:
                path = os.path.join(directory, name)
                if OURS.match(path) or path.endswith("/dead.letter"):
                    continue
                about = os.lstat(path)
                text = os.readlink(path).encode() if os.path.islink(path) else Path(path).read_bytes() if os.path.isfile(path) else b""
                found[path] = f"{about.st_uid}:{about.st_gid} {about.st_mode:o} {hashlib.sha256(text).hexdigest()[:16]}"
    return found


def works():
    tokens = submit(1)
    end = time.monotonic() + 120
    while tokens and time.monotonic() < end:
        if places()[tokens[0]]["mailbox"] == 1:
            return 0
        time.sleep(0.5)
    return 1


if __name__ == "__main__":
    verb, *arguments = sys.argv[1:]
    if verb == "submit":
        submit(*arguments)
    elif verb == "works":
        sys.exit(works())
    else:
        json.dump({"places": places, "rest": rest}[verb](), sys.stdout)
