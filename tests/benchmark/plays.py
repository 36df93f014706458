# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of ansible-playbook costs: the controller, the connections and the hosts together, for the benchmarks of this directory.

CPU seconds are those of control groups: one for ansible-playbook and all that it starts, the helpers of connections too, which are nobody's
children, and those of the hosts, which are containers of the same machine. So what else the machine does is not counted, but it takes caches and time.
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
TICKS = os.sysconf("SC_CLK_TCK")
RECAP = re.compile(r"^(\S+) +: ok=(\d+) .*?failed=(\d+) +skipped=(\d+)", re.M)


class Cost(NamedTuple):
    """Of one run."""

    cpu: float        # seconds, all together
    hosts: float      # seconds of that on the hosts
    wall: float       # seconds
    memory: float     # MiB, the most that ansible-playbook and its forks held at once
    tasks: float      # tasks that a host was given, skipped ones too; mean
    status: int       # exit status
    output: str


def used(group: Path) -> float:
    """CPU seconds that a control group has used so far."""
    return int((group / "cpu.stat").read_text().split()[1]) / 1e6


def host_cpu(names: list[str]) -> float:
    """CPU seconds that these test hosts have used so far, from their control groups."""
    pids = Path(os.environ["CONTAINERS_CONF"]).parent / "pids"
    total = 0.0
    for name in names:
        pid = (pids / name).read_text().strip()
        group = Path(f"/proc/{pid}/cgroup").read_text().split("0::")[1].strip().removesuffix("/init.scope")
        total += used(Path(f"/sys/fs/cgroup{group}"))
    return total


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


def play(arguments: list[str], names: list[str], **environment: str) -> Cost:
    """Run ansible-playbook with these arguments. C(names): the hosts."""
    group = Path("/sys/fs/cgroup", f"mailops-benchmark-{os.getpid()}")
    group.mkdir()
    with tempfile.TemporaryDirectory() as home:
        env = dict(os.environ, ANSIBLE_PIPELINING="1", ANSIBLE_NOCOLOR="1", ANSIBLE_HOME=home, HOME=home, **environment)
        hosts, begin = host_cpu(names), time.monotonic()
        command = ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', group, Path(sys.executable).parent / "ansible-playbook", *arguments]
        process = subprocess.Popen(command, env=env, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
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
        while "populated 1" in (group / "cgroup.events").read_text():
            time.sleep(0.1)
        controller, on_hosts = used(group), host_cpu(names) - hosts
        group.rmdir()
        return Cost(controller + on_hosts, on_hosts, wall, most[0], tasks, process.returncode, output)
