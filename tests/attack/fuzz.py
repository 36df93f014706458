# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""fuzz.py SEED SECONDS [ORACLE...]: control files and configurations that were changed at random, with the host's own Sendmail as the oracle.

Three oracles take turns (or those that are named), in batches that C(Random(f"{SEED}-{name}-{batch}")) makes again:
- listing: `sendmail -bp -v` of a throw-away queue against what the collection reads from the same files (sender, recipients, status, body type, priority);
- fate: a run of the real queue runner, with a relay that refuses connections, against what `sendmail_queue` in check mode says of each file:
  lost (Qf), removed without a word, passed over (other than for a q line), or aborted on must have been called endangered, and what was tried must not;
- configuration: whether `sendmail -C FILE -bt` accepts a file against whether the collection finds a problem in it.
Not compared, and counted so: what the listing itself cannot show (folded and over-long lines, lines that stand twice).
"""

import os
import pwd
import random
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from common import SENDMAIL, Findings, clean_host, preload, run_module, summary

SEED, SECONDS = int(sys.argv[1]), float(sys.argv[2])
SAMPLES = Path(__file__).resolve().parent / "samples"
QUEUE = Path("/run/attack-fuzz")
CF = Path("/etc/mail/submit.cf")
LETTERS = b"VTKNPdIBqMFS$ZA!CQrRHDELX.tcGYow0 \t"
NOW = int(time.time())


def versions():
    """The samples of this host's Sendmail, and the release that they are of."""
    text = subprocess.run([SENDMAIL, "-d0.1", "-bt"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False).stdout
    version = re.search(r"Version (\S+)", text).group(1)
    return next(path for path in (SAMPLES / "queue").iterdir() if version.startswith(path.name) or path.name.startswith(version))


# Control files


def mutate(rand, data):
    """A control file with one to four changes. Returns (bytes, what was done)."""
    lines, done = data.split(b"\n"), []
    head = next((number for number, line in enumerate(lines) if line[:1] == b"H"), len(lines)) + 1
    for _turn in range(rand.choice((1, 1, 1, 2, 3, 4))):
        number, what = (rand.randrange(min(len(lines), head)) if rand.random() < 0.85 else rand.randrange(len(lines)), rand.randrange(11))
        line = lines[number]
        if what == 0 and len(lines) > 1:
            del lines[number]
        elif what == 1:
            lines.insert(number, lines[rand.randrange(min(len(lines), head))])
        elif what == 2 and line:
            lines[number] = bytes([rand.choice(LETTERS)]) + line[1:]
        elif what == 3 and line:
            at = rand.randrange(len(line))
            lines[number] = (
                line[:at]
                + bytes([rand.choice((rand.randrange(1, 256), 0, 13, 9, 27, 58, 60, 62, 64, 92, 255))])
                + line[at + rand.randrange(2) :]
            )
        elif what == 4:
            lines[number] = line[: rand.randrange(len(line) + 1)]
        elif what == 5:
            lines.insert(
                number, bytes([rand.choice(LETTERS)]) + bytes(rand.choices(b"abcXYZ019:@<>=+\\ .,;%{}$\xe4\xff", k=rand.randrange(20)))
            )
        elif what == 6:
            lines[number : number + 1] = [line + b"\r"] if rand.random() < 0.5 else [line, b" " + line]
        elif what == 7:
            lines[number] = line[:1] + rand.choice(
                (b"0", b"-1", b"99999999999999999999", b"8", b"9", b"abc", b"", b" 7", b"+5", b"\x0b5", b"007", b"0x8", b"<>", b"<", b"a@b@c")
            )
        elif what == 8:
            lines[number] = line[:1] + bytes(rand.choices(range(32, 127), k=rand.choice((3, 60, 120, 500))))
        elif what == 9 and rand.random() < 0.2:
            lines = lines[: number + 1]
        elif what == 10 and rand.random() < 0.3:
            lines.append(rand.choice((b"X", b"", b".", b"Sroot")))
        else:
            continue
        done.append(f"{what}@{number} {lines[number][:60]!r}" if number < len(lines) else f"{what}@{number}")
    return b"\n".join(lines), "; ".join(done)


def batch_of(name, number, samples, size):
    rand = random.Random(f"{SEED}-{name}-{number}")
    return {f"6ARF{number % 10**5:05d}{position:05d}": mutate(rand, rand.choice(samples)) for position in range(size)}


def write_queue(files):
    shutil.rmtree(QUEUE, ignore_errors=True)
    QUEUE.mkdir()
    who = pwd.getpwnam("smmsp")
    os.chown(QUEUE, who.pw_uid, who.pw_gid)
    os.chmod(QUEUE, 0o2770)
    for identifier, (data, _done) in files.items():
        for kind, content in (("df", b"0123456789\n"), ("qf", data)):
            handle = os.open(QUEUE / (kind + identifier), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o660)
            os.write(handle, content)
            os.fchmod(handle, 0o660)
            os.fchown(handle, who.pw_uid, who.pw_gid)
            os.close(handle)


def prtstr(data, room):
    """Sendmail's prtstr(): how -bp shows an address."""
    out = b""
    position = 0
    while room > 0 and position < len(data) and data[position]:
        char = data[position : position + 1]
        position += 1
        room -= 1
        if char == b"\\":
            if room > 0:
                out += b"\\\\"
            room -= 1
        elif 32 <= char[0] < 127:
            out += char
        else:
            room -= 3
            if room > 0:
                out += b"\\%03o" % char[0]
    return out


def unlike(data):
    """Why the listing cannot show this file as a runner reads it, or None."""
    lines = data.split(b"\n")
    end = next((number for number, line in enumerate(lines) if line[:1] == b"H"), len(lines))
    # A line of the envelope behind the headers counts too, but the continuation of a header does not.
    if lines[-1]:
        return "cut"
    envelope = lines[:end] + [line for line in lines[end:] if line[:1] not in b"H \t"]
    letters = Counter(line[:1] for line in envelope if line[:1] in b"VTSBF" and line)
    if lines[0][:1] not in b"VTKNPdIBqMFS$ZA!CQrRHDEL":
        return "no control file"
    if any(line[:1] not in b"VTKNPdIBqMFS$ZA!CQrRHDELX. \t" for line in lines[:-1]):
        return "unknown line"
    if b"." in [line[:1] for line in lines[:-2]]:
        return "behind the dot"
    # Behind an early header too: only the continuation of a header is none of a line of the envelope.
    starts = [b"H"]
    for line in lines:
        if line[:1] not in (b" ", b"\t"):
            starts.append(line[:1])
        elif starts[-1] != b"H" or len(starts) == 1:
            return "folded"
    if any(line[:1] in (b" ", b"\t") for line in lines[: end + 1]):
        return "folded"
    if any(len(line) > 2000 for line in lines):
        return "long"
    if b"\0" in data:
        return "NUL"
    if any(count > 1 for count in letters.values()):
        return "twice"
    order = [line[:1] for line in envelope]
    if not all(order.count(letter) for letter in (b"V", b"T", b"S")):
        return "no sender, version or time"
    first = order.index(b"S")
    return "order" if order.index(b"V") > first or order.index(b"T") > first or {b"R", b"C"} & set(order[:first]) or b"B" in order[first:] else None


ENTRY = re.compile(rb"^ *(6ARF\d{10})(.)(?: *(-?\d+) +(-?\d+)([+ ])(.{12}) ([^\n]*))?([^\0]*)", re.S)


def read_listing(text):
    """{id: (size, priority, sender, body type, status, recipients)} of `sendmail -bp -v`."""
    found = {}
    for entry in re.split(rb"(?m)^(?= *6ARF\d{10}[*X? -])", text)[1:]:
        match = ENTRY.match(entry)
        lines = (match.group(8) or b"").replace(b" (no control file)\n", b"\n").split(b"\n")
        body = status = b""
        recipients = []
        for line in lines:
            if line.startswith(b"\t\t\t\t\t\t") and not line.startswith(b"\t\t\t\t\t\t(---"):
                recipients.append(line[6:])
            elif line.startswith(b"    ") and not line.startswith(b"     QUARANTINE") and match.group(7) is not None and not recipients:
                body, status = line[4:14].strip(), line[17:].strip()
        found[match.group(1).decode()] = (match.group(3), match.group(4), match.group(7), body, status, recipients)
    return found


def listing(number, samples, figures, findings, qf):
    # A time without a calendar date ends -bp itself: ctime() gives it nothing to print.
    files = {
        one: entry for one, entry in batch_of("listing", number, samples, 1000).items() if not re.search(rb"(?m)^T[ \t]*-?\d{11}", entry[0])
    }
    write_queue(files)
    text = subprocess.run(
        [SENDMAIL, "-Ac", "-bp", "-v"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False
    ).stdout
    shown = read_listing(text)
    for identifier, (data, done) in files.items():
        figures["files"] += 1
        try:
            envelope = qf.parse(data)
            qf.head(data)
        except Exception as error:  # noqa: BLE001
            figures["crashes"] += 1
            findings.add("crash", f"listing {number} {identifier}: {error!r}: {done}")
            continue
        why = unlike(data) or (None if identifier in shown else "not listed")
        if why:
            figures[f"not compared, {why}"] += 1
            continue
        _size, _priority, sender, body, _status, recipients = shown[identifier]
        wanted = envelope.sender or b""
        if sender is not None and sender not in (prtstr(wanted, 78), prtstr(b"<" + wanted + b">", 78)):
            differ(figures, findings, "sender", number, identifier, done, sender, wanted)
        ours = [(prtstr(one.address, 71), prtstr(b"<" + one.address + b">", 71)) for one in envelope.recipients]
        theirs = [one for one in recipients if one]
        if len(ours) != len(theirs) or any(one not in both for one, both in zip(theirs, ours)):
            differ(figures, findings, "recipients", number, identifier, done, theirs, [one.address for one in envelope.recipients])
        if body != envelope.body_type[:10].strip():
            differ(figures, findings, "body type", number, identifier, done, body, envelope.body_type)
    if number % 8 == 0:
        # The module itself, on the same files: one record each, whatever is in them.
        ended = run_module("sendmail_message_info", {"queue_directories": [str(QUEUE)], "queue": "msp", "limit": 5000}, limit=60)
        if ended.broke() or ended.hung:
            figures["crashes"] += 1
            findings.add("crash", f"listing {number}: sendmail_message_info: {ended.says()}")
        elif ended.result.get("matched", 0) != len(files):
            differ(figures, findings, "count", number, "-", "-", len(files), ended.result.get("matched"))


def differ(figures, findings, kind, number, identifier, done, theirs, ours):
    figures["differences"] += 1
    findings.add(f"difference in {kind}", f"batch {number} {identifier}: Sendmail {theirs!r}, we {ours!r}: {done}")


def run_queue(alone):
    """Runs of the real runner: of each id in C(alone) by itself, then of all. Returns what it printed of each, b"ABORT" where it aborted or crashed."""
    sections = {}

    def run(*options):
        ended = subprocess.run(
            [SENDMAIL, "-Ac", "-qf", "-v", "-OTimeout.queuereturn=40000d", "-OTimeout.queuewarn=0", "-OMinQueueAge=0", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        for part in re.split(rb"(?m)^Running (?=/)", ended.stdout)[1:]:
            sections[part.partition(b" ")[0].rpartition(b"/")[2].decode("latin-1")] = part
        return ended.returncode in (134, -6, 139, -11)

    def one(identifier):
        if run(f"-qI{identifier}"):
            sections[identifier] = b"ABORT"
            os.rename(QUEUE / f"qf{identifier}", QUEUE / f"aborted{identifier}")

    for identifier in alone:
        one(identifier)
    if run():
        # What it had not printed yet is lost with it: each one by itself.
        for name in os.listdir(QUEUE):
            if name[:2] == "qf":
                one(name[2:])
    return sections


def recipients_of(data):
    """Addresses of the R lines: a run that takes some of them only loses the others."""
    return {line.partition(b":")[2].strip().lower() or line for line in data.split(b"\n") if line[:1] == b"R"}


def fate(number, samples, figures, findings, qf):
    """What a run makes of each file, and whether we had said so."""
    files = batch_of("fate", number, samples, 250)
    # A file without a sender aborts the runner; a few are enough.
    alone = [one for one, (data, _done) in files.items() if not re.search(rb"(?m)^S", data)]
    for identifier in alone[2:]:
        del files[identifier]
    write_queue(files)
    ended = run_module("sendmail_queue", {"leave_out_endangered": True}, check=True, limit=120)
    if ended.broke() or ended.hung or "left_out" not in ended.result:
        figures["crashes"] += ended.broke() or ended.hung
        findings.add("crash" if ended.broke() or ended.hung else "refused", f"fate {number}: sendmail_queue: {ended.says()}")
        return
    said = {one["id"]: one["why"] for one in ended.result["left_out"]}
    # What is no sound message to us is not tried by a flush either, and shown as such.
    info = run_module("sendmail_message_info", {"queue": "msp", "limit": 5000, "fields": ["id", "state", "problems"]}, limit=60)
    shown = {one["id"] for one in info.result.get("messages", ()) if one["state"] != "queued" or one["problems"]}
    sections = run_queue(alone[:2])
    for identifier, (data, done) in files.items():
        figures["fates"] += 1
        # What was tried is written anew; of a quarantined message too the errors of its addresses are printed.
        names = {prefix for prefix in ("qf", "Qf", "hf", "tf") if (QUEUE / (prefix + identifier)).exists()}
        section = sections.get(identifier, b"")
        if section == b"ABORT":
            fell = "aborted"
        elif "Qf" in names:
            fell = "lost"
        elif not names & {"qf", "hf"}:
            fell = "bounced or sent" if re.search(rb"\.\.\. |[45]\d\d[ -]", section) else "removed"
        elif re.search(rb"Deferred|queued|\.\.\. ", section) and (QUEUE / f"{min(names & {'qf', 'hf'})}{identifier}").read_bytes() != data:
            fell = "tried"
        else:
            fell = "passed over"
        if fell == "tried" and recipients_of(data) - recipients_of((QUEUE / f"{min(names & {'qf', 'hf'})}{identifier}").read_bytes()):
            fell = "partly lost"
        figures[fell] += 1
        if fell in ("lost", "removed", "aborted") and identifier not in said and identifier not in shown:
            differ(figures, findings, f"fate, {fell} unsaid", number, identifier, done, section[-160:], "would be tried")
        elif fell == "tried" and identifier in said and "an SMTP dialogue hangs" not in said[identifier]:  # nobody answers here
            differ(figures, findings, "fate, tried and called endangered", number, identifier, done, section[-160:], said[identifier])
        elif fell == "passed over" and identifier not in said and identifier not in shown and data.endswith(b"\n.\n") and not re.search(rb"(?m)^q", data):
            differ(figures, findings, "fate, passed over unsaid", number, identifier, done, section[-160:], "would be tried")


# Configurations


# Lines that a configuration might have, and what is wrong with most of them.
CF_LINES = (
    b"Mtest, P=/bin/true, F=ls, A=true $u",
    b"Mtest P=/bin/true",
    b"M",
    b"Qone, P=/var/spool/mqueue/one",
    b"Q",
    b"Kone hash /nowhere",
    b"Kone",
    b"K one nosuchtype x",
    b"Xone, S=inet:1@localhost",
    b"Xone",
    b"V9/Berkeley",
    b"V10/Foo",
    b"V99",
    b"Dx",
    b"D",
    b"D{a",
    b"Cw a b",
    b"C",
    b"Fw/nowhere",
    b"Fw-o /nowhere",
    b"HNone",
    b"H?F?From: x",
    b"Sx=1",
    b"S",
    b"S99999",
    b"R$*",
    b"R$*\t$1",
    b"R$1\t$1",
    b"Tone",
    b"E",
    b"Ea=b",
    b"P",
    b"Pone=10",
    b"Oone",
    b"O",
    b"OA/x",
    b"Oz99",
    b"O Timeout.nosuch=5m",
    b"O Timeout.mail=",
    b"O PrivacyOptions=nosuch",
    b"O DeliveryMode=z",
    b"O DaemonPortOptions=Family=nosuch",
    b"O QueueSortOrder=nosuch",
    b"O SuperSafe=nosuch",
    b"O MaxMessageSize=x",
    b"QMQUEUE, P=/var/spool/mqueue/one ,I=5m",
    b"MESMTP, P=[IPC] ,A=TCP $h",
    b"O ConnectOnlyTo=192.0.2.256",
    b"O ConnectOnlyTo=25@127.1",
    b"O ConnectOnlyTo=192.0.2.1 x",
    b"O MinFreeBlocks=\xc2\xa05",
    b"O QueueFileMode=02660",
    b"CR$m ${none} a\xc2\xa0b",
    b"O FallbackMXhost=",
)


def mutate_cf(rand, data):
    lines = data.split(b"\n")
    plain = [number for number, line in enumerate(lines) if line and line[:1] != b"#"]
    options = [line for line in lines if line[:2] == b"O "]
    done = []
    for _turn in range(rand.choice((1, 1, 1, 2))):
        number, what = rand.choice(plain), rand.randrange(9)
        line = lines[number]
        at = rand.randrange(len(line) + 1)
        if what == 0:
            lines[number] = b"#"
        elif what == 1:
            lines[number] = line[:at] + bytes([rand.choice(b'=, \tXO$#\\"{}|/.@019\xff')]) + line[at:]
        elif what == 2:
            lines[number] = line[:at] + line[at + 1 :]
        elif what == 3:
            lines[number] = bytes([rand.choice(b"ABCDEFGHKLMOPQRSTVWXYZabcq%. \t#")]) + line[1:]
        elif what == 4:
            lines[number] = line[:at]
        elif what == 5:
            option = rand.choice(options)
            cut = rand.randrange(3, len(option) + 1)
            lines[number] = option[:cut] + rand.choice((b"", b"x", b"=", b"=5m", b"=True", b"=zz")) if rand.random() < 0.5 else option
        elif what == 6:
            lines.insert(number, rand.choice(CF_LINES))
        elif what == 7:
            lines[number] = line.replace(b"=", b"", 1) if rand.random() < 0.5 else line.replace(b"\t", b" ")
        else:
            lines[number] = line.swapcase() if rand.random() < 0.5 else b" " + line
        done.append(f"{what}@{number + 1} {lines[number][:80]!r}")
    return b"\n".join(lines), "; ".join(done)


def configuration(number, samples, figures, findings, judge):
    """A hundred files: what we say of each, while twenty of the real program at a time say it."""
    rand = random.Random(f"{SEED}-configuration-{number}")
    for first in range(0, 100, 20):
        asked = []
        for position in range(first, first + 20):
            data, done = mutate_cf(rand, rand.choice(samples))
            path = Path(f"/run/attack-fuzz-{position}.cf")
            path.write_bytes(data)
            # Both into one pipe of 64 KB, of which it fills a few hundred bytes.
            command = [SENDMAIL, "-C", str(path), "-bt", "-d0"]
            running = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            asked.append((position, path, data, done, running))
        for position, path, data, done, running in asked:
            figures["configurations"] += 1
            problems = None
            try:
                # -bt needs no queue, and does not look where queues lie.
                problems = [one for one in judge(data) if not re.match(r"QueueDirectory \(Q\)|QueuePath", one["problem"])]
            except Exception as error:  # noqa: BLE001
                figures["crashes"] += 1
                findings.add("crash", f"configuration {number}.{position}: {error!r}: {done}")
            try:
                text = running.communicate(timeout=20)[0]
            except subprocess.TimeoutExpired:
                running.kill()
                running.communicate()
                figures["not compared, too slow"] += 1
                continue
            finally:
                path.unlink()
            if problems is not None:
                compare(f"{number}.{position}", data, problems, running.returncode, text, done, figures, findings)


def of_a_macro(data, text):
    """Whether Sendmail complains of a line that holds a macro: it reads what the macro stands for on this host."""
    found, lines = re.search(rb"line (\d+): ", text), data.split(b"\n")
    if not found:
        return False
    # It counts to the end of a line that goes on in the next ones.
    last = first = min(int(found.group(1)), len(lines)) - 1
    while first > 0 and lines[first][:1] in (b" ", b"\t"):
        first -= 1
    return bool(re.match(rb"(?s)[SKO].*\$", b"\n".join(lines[first : last + 1])))


def compare(which, data, problems, status, text, done, figures, findings):
    # Accounts, services and addresses of the host, values of its macros, and options that other builds have.
    if re.search(rb'unknown user|unknown group|service ".*" unknown|host "[^"]*" unknown|Unknown host name|unknown port name|recursion too deep', text):
        figures["not compared, of this host"] += 1
        return
    if not problems and of_a_macro(data, text):
        figures["not compared, of this host"] += 1
        return
    if not problems and re.search(rb"R line: null [LR]HS|ambiguous option name|unknown member map|pattern-compile-error|config K line, map", text):
        figures["not compared, not judged"] += 1
        return
    refused = status in (64, 69, 70, 71, 72, 78)
    if refused != bool(problems):
        words = re.findall(rb"line \d+: ([^\n]{0,80})", text) or re.findall(rb"(?:554|451) [\d.]+ ([^\n]{0,80})", text) or [text[-80:]]
        figures["differences"] += 1
        kind = re.sub(r"[^a-zA-Z ].*", "", words[0].decode("latin-1")).strip()[:40] if refused else "accepted and called wrong"
        findings.add(f"configuration, {kind or 'other'}", f"{which}: status {status} {words[0][:80]!r}, we {problems[:1]}: {done}")


def main():
    findings, figures, began = (
        Findings("fuzz", shown=2),
        Counter(files=0, fates=0, configurations=0, crashes=0, differences=0),
        time.monotonic(),
    )
    preload()
    clean_host()
    from ansible_collections.mailops.sendmail.plugins.module_utils import _cf, _qf, _readcf

    samples = [path.read_bytes() for path in sorted(versions().glob("*/?f*.bin")) if path.stat().st_size < 20000]
    samples = [re.sub(rb"(?m)^T\d+$", b"T%d" % (NOW - 3600), data) for data in samples]
    configurations = [
        path.read_bytes() for path in sorted((SAMPLES / "cf").glob(f"{os.uname().nodename.partition('.')[0].replace('attack-', '')}*.cf"))
    ]
    # Its run of the client queue returns what is older than five days.
    subprocess.run(["systemctl", "stop", "cron"], check=False)
    original = CF.read_bytes()
    CF.write_bytes(
        re.sub(
            rb"(?m)^D\{MTAHost\}.*$",
            b"D{MTAHost}[127.0.0.9]",
            re.sub(rb"(?m)^O QueueDirectory=.*$", b"O QueueDirectory=%s" % bytes(QUEUE), original),
        )
    )
    spent, work = (
        Counter(),
        {
            "listing": (listing, samples, _qf, 0.4),
            "fate": (fate, samples, _qf, 0.35),
            "configuration": (configuration, configurations, lambda data: _readcf.problems(_cf.parse(data)) + _readcf.absent(_cf.parse(data)), 0.25),
        },
    )
    work = {name: work[name] for name in sys.argv[3:] or work}
    batches = Counter()
    try:
        while time.monotonic() - began < SECONDS:
            name = min(work, key=lambda one: spent[one] / work[one][3])
            function, material, code, _share = work[name]
            start = time.monotonic()
            function(batches[name], material, figures, findings, code)
            spent[name] += time.monotonic() - start
            batches[name] += 1
    finally:
        CF.write_bytes(original)
        shutil.rmtree(QUEUE, ignore_errors=True)
    rates = {
        f"{counted} a second": int(figures[counted] / max(0.01, spent[name]))
        for name, counted in (("listing", "files"), ("fate", "fates"), ("configuration", "configurations"))
        if name in work
    }
    return summary("fuzz", findings, figures, **rates)


if __name__ == "__main__":
    sys.exit(main())
