# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of ansible-playbook costs: the controller, the connections and the hosts together, for the benchmarks of this directory.

CPU seconds are those of the whole machine, less what it uses while nothing is played: connections start helpers that are nobody's children,
and the hosts are containers of the same machine. So the machine has to be left alone meanwhile.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
FAST = ROOT / "tests/hosts/fast"
TICKS = os.sysconf("SC_CLK_TCK")
RECAP = re.compile(r"^(\S+) +: ok=(\d+) .*?failed=(\d+) +skipped=(\d+)", re.M)


class Cost(NamedTuple):
    """Of one run."""

    cpu: float        # seconds, all together, net of the idle machine
    hosts: float      # seconds of that on the hosts
    wall: float       # seconds
    memory: float     # MiB, the most that ansible-playbook and its forks held at once
    tasks: float      # tasks that a host was given, skipped ones too; mean
    status: int       # exit status
    output: str


def busy() -> float:
    """CPU seconds of the machine since it was started, without idle time."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / TICKS


def idle_rate(seconds: float = 5) -> float:
    """CPU seconds a second that the machine uses by itself."""
    before, begin = busy(), time.monotonic()
    time.sleep(seconds)
    return (busy() - before) / (time.monotonic() - begin)


def host_cpu(names: list[str]) -> float:
    """CPU seconds that these test hosts have used so far, from their control groups."""
    pids = Path(os.environ["CONTAINERS_CONF"]).parent / "pids"
    total = 0
    for name in names:
        pid = (pids / name).read_text().strip()
        group = Path(f"/proc/{pid}/cgroup").read_text().split("0::")[1].strip().removesuffix("/init.scope")
        total += int(Path(f"/sys/fs/cgroup{group}/cpu.stat").read_text().split()[1])
    return total / 1e6


def _held(pid: int) -> float:
    """MiB of a process and its descendants, shared pages counted once."""
    total = 0.0
    try:
        total = int(re.search(r"^Pss: +(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)[1]) / 1024
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            total += _held(int(child))
    except (OSError, TypeError):
        pass   # it has ended
    return total


def play(arguments: list[str], names: list[str], rate: float, fast: bool = True, **environment: str) -> Cost:
    """Run ansible-playbook with these arguments. C(names): the hosts; C(rate): idle_rate(); C(fast): enter hosts without podman."""
    path = os.environ["PATH"].replace(f"{FAST}:", "")
    with tempfile.TemporaryDirectory() as home:
        env = dict(os.environ, ANSIBLE_PIPELINING="1", ANSIBLE_NOCOLOR="1", ANSIBLE_HOME=home, HOME=home, **environment)
        env["PATH"] = f"{FAST}:{path}" if fast else path
        before, hosts, begin = busy(), host_cpu(names), time.monotonic()
        process = subprocess.Popen([Path(sys.executable).parent / "ansible-playbook", *arguments], env=env, cwd=ROOT, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        most = [0.0]

        def watch():
            while process.poll() is None:
                most[0] = max(most[0], _held(process.pid))
                time.sleep(1)
        watcher = threading.Thread(target=watch)
        watcher.start()
        output = process.communicate()[0]
        watcher.join()
        wall = time.monotonic() - begin
        recap = RECAP.findall(output)
        tasks = sum(int(ok) + int(skipped) for _host, ok, _failed, skipped in recap) / max(1, len(recap))
        return Cost(busy() - before - rate * wall, host_cpu(names) - hosts, wall, most[0], tasks, process.returncode, output)
