# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run commands in turn on the host that is measured, several rounds, and say what each cost.

Standard input: {"commands": {name: argv}, "rounds": N, "out": directory}. Standard output: {name: [{"wall", "cpu" (user and system of the
process and all it waited for), "rss" (KiB, of the largest process), "status"}, ...]}; what a command prints is in out/name.
"""

import json
import os
import sys
import time


def run(argv, out):
    with open(out, "wb") as stdout:
        begin = time.monotonic()
        pid = os.fork()
        if pid == 0:
            try:
                os.dup2(stdout.fileno(), 1)
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                os.execv(argv[0], argv)
            finally:
                os._exit(127)
        _pid, status, usage = os.wait4(pid, 0)
    wall = time.monotonic() - begin
    code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
    return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "rss": usage.ru_maxrss, "status": code}


if __name__ == "__main__":
    task = json.load(sys.stdin)
    os.makedirs(task["out"], exist_ok=True)
    results = {name: [] for name in task["commands"]}
    for _round in range(task["rounds"]):
        for name, argv in task["commands"].items():
            results[name].append(run(argv, os.path.join(task["out"], name)))
    json.dump(results, sys.stdout)
