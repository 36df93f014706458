# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attack the modules on real hosts, one of each release, and account for everything independently.

    run --minutes 10                  all parts on bullseye, bookworm and trixie, at the same time
    run --minutes 2 --seed 7          a short one, with given random choices: what is printed as "seed" repeats a failure
    run --part links --release trixie --keep
                                      one part on one release; the host stays up as attack-trixie

Each part prints "fault: ..." lines and then one line of figures for each release. The last line is the sum; the exit status is 1
when there was a fault, and 2 when a part did not come to its end. README.md here says what the parts do and how to read them.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
RELEASES = {"bullseye": "8.15.2", "bookworm": "8.17.1.9", "trixie": "8.18.1"}
# Shares of the time. What the parts do before and after their share (settling, comparing) is bounded by itself.
PARTS = {"kills": 0.4, "links": 0.25, "storage": 0.1, "odd": 0.1, "errors": 0.17, "fuzz": 0.15}
IN = ROOT / "tests/hosts/enter"


def inside(*command: str, **more) -> subprocess.CompletedProcess:
    return subprocess.run([str(IN), *command], cwd=ROOT, check=False, **more)


def bundle(path: Path) -> None:
    """What goes to a host: the attack, the collection's modules, the part of ansible-core that they import, the samples."""
    core = subprocess.run(
        [str(ROOT / ".venv/bin/python"), "-c", "import ansible, os; print(os.path.dirname(ansible.__file__))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    plugins = "ansible_collections/mailops/sendmail/plugins"
    with tarfile.open(path, "w") as tar:
        for source, target in (
            (HERE, "."),
            (Path(core, "module_utils"), "lib/ansible/module_utils"),
            (Path(core, "release.py"), "lib/ansible/release.py"),
            *((ROOT / "plugins" / part, f"lib/{plugins}/{part}") for part in ("modules", "module_utils")),
            (ROOT / "tests/unit/samples", "samples"),
        ):
            tar.add(source, target, filter=lambda member: None if "__pycache__" in member.name else member)
        tar.addfile(tarfile.TarInfo("lib/ansible/__init__.py"))


class Host(threading.Thread):
    """All parts on one release, one after the other."""

    def __init__(self, release: str, options: argparse.Namespace, tar: Path) -> None:
        super().__init__()
        self.release, self.options, self.tar, self.name = release, options, tar, f"attack-{release}"
        self.faults, self.unfinished, self.lines = 0, [], []

    def say(self, line: str) -> None:
        print(f"{self.release}: {line}", flush=True)

    def run(self) -> None:
        try:
            up = subprocess.run(
                # The capability is for chattr.
                [str(ROOT / "tests/hosts/up"), self.name, f"mailops-{self.release}", "--cap-add", "LINUX_IMMUTABLE"],
                capture_output=True,
                text=True,
                check=False,
            )
            if up.returncode:
                self.say(up.stderr.strip())
                self.unfinished.append("host")
                return
            with open(self.tar, "rb") as stream:
                inside(
                    "podman", "exec", "-i", self.name, "sh", "-c", "rm -rf /attack; mkdir -m 700 /attack && tar -xC /attack", stdin=stream
                )
            total = sum(PARTS[part] for part in self.options.part)
            for part in self.options.part:
                self.one(part, self.options.minutes * 60 * PARTS[part] / total)
        finally:
            if not self.options.keep:
                subprocess.run([str(ROOT / "tests/hosts/down"), self.name], capture_output=True, check=False)

    def one(self, part: str, seconds: float) -> None:
        extra = [str(self.options.kills)] if part == "kills" and self.options.kills else []
        program = [
            "podman",
            "exec",
            "-e",
            "PYTHONUNBUFFERED=1",
            self.name,
            "timeout",
            "-s",
            "KILL",
            str(int(3 * seconds + 600)),
            "python3",
            f"/attack/{part}.py",
            str(self.options.seed),
            str(int(seconds)),
            *extra,
        ]
        last = ""
        with subprocess.Popen(
            [str(IN), *program], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        ) as running:
            for line in running.stdout or ():
                last = line.rstrip("\n")
                self.say(last)
        found = re.match(rf"{part}: .*; faults (\d+)", last)
        if not found or running.returncode not in (0, 1):
            self.unfinished.append(part)
            self.say(f"{part}: not finished, status {running.returncode}")
        else:
            self.faults += int(found.group(1))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10, help="how long the parts attack, together (default 10)")
    parser.add_argument("--seed", type=int, help="random choices; a new one each time when not given")
    parser.add_argument("--release", action="append", choices=list(RELEASES), help="only these releases")
    parser.add_argument("--part", action="append", choices=list(PARTS), help="only these parts")
    parser.add_argument("--kills", type=int, default=0, help="end the part kills after so many, however long it may still last")
    parser.add_argument("--keep", action="store_true", help="leave the hosts up")
    options = parser.parse_args()
    options.part, releases = options.part or list(PARTS), options.release or list(RELEASES)
    options.seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    if os.geteuid() != 0:
        sys.exit("run: test hosts need root")
    print(f"attack: seed {options.seed}, {options.minutes:g} minutes, {', '.join(options.part)} on {', '.join(releases)}", flush=True)
    began = time.monotonic()
    subprocess.run([str(ROOT / "tests/hosts/build"), *releases], check=True)
    tar = ROOT / ".cache/attack.tar"
    bundle(tar)
    hosts = [Host(release, options, tar) for release in releases]
    for host in hosts:
        host.start()
    for host in hosts:
        host.join()
    faults, unfinished = (sum(host.faults for host in hosts), [f"{host.release} {part}" for host in hosts for part in host.unfinished])
    print(
        f"attack: {len(hosts)} hosts, {len(options.part)} parts, seed {options.seed}, {time.monotonic() - began:.0f} s: {faults} faults"
        + (f"; not finished: {', '.join(unfinished)}" if unfinished else "")
    )
    return 2 if unfinished else 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
