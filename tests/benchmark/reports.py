# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure the compliance report of fleets of any size, on synthetic results: CPU, memory above the interpreter, bytes of each format, browser.

    .venv/bin/python tests/benchmark/reports.py [--hosts 100,1000,10000] [--check]
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit"))
importlib.import_module("conftest")    # makes the checkout importable

from ansible_collections.mailops.sendmail.plugins.plugin_utils import _auditors, _compliance_report, _compliance_results

GOALS = {"CPU s": 60.0, "MiB": 256.0, "MiB with auditors": 256.0, "json": 20.0, "html": 3.0, "browser s": 3.0}
CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")


def memory() -> float:
    """The most that this process ever had, in MiB. What getrusage says was handed down by the one before."""
    return int(next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))) / 1024


def measure(place: Path) -> None:
    """In a process of its own."""
    outcomes = json.loads((place / "outcomes.json").read_text())
    idle, begun = memory(), time.process_time()
    results = _compliance_results.gathered(outcomes, str(place / "results"), [], _compliance_results.now(), 86400)
    made = _compliance_report.report(results, None, "high", 86400)
    print(f"{'evaluation':12} {time.process_time() - begun:8.2f} CPU s {memory() - idle:8.0f} MiB", file=sys.stderr)
    for name in _compliance_report.FORMATS:
        before = time.process_time()
        _compliance_report.write(made, [name], str(place))
        size = (place / _compliance_report.FILES[name]).stat().st_size / 1e6
        print(f"{name:12} {time.process_time() - before:8.2f} CPU s {memory() - idle:8.0f} MiB {size:10.2f} MB", file=sys.stderr)
    figures = {"CPU s": time.process_time() - begun, "MiB": memory() - idle}
    # These have a file for each host, and are written where somebody asks for them.
    for name in _auditors.FORMATS:
        before = time.process_time()
        _auditors.write(made, [name], str(place))
        size = sum(entry.stat().st_size for entry in os.scandir(place / name)) / 1e6
        print(f"{name:12} {time.process_time() - before:8.2f} CPU s {memory() - idle:8.0f} MiB {size:10.2f} MB", file=sys.stderr)
    print(json.dumps({**figures, "MiB with auditors": memory() - idle,
                      **{name: (place / file).stat().st_size / 1e6 for name, file in _compliance_report.FILES.items()}}))


def processor(group: int) -> dict[int, float]:
    """CPU seconds of each process of a group."""
    found = {}
    for entry in os.listdir("/proc"):
        try:
            fields = Path("/proc", entry, "stat").read_text().rpartition(")")[2].split() if entry.isdigit() else []
        except OSError:
            continue
        if fields and int(fields[2]) == group:
            found[int(entry)] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found


def browser(place: Path) -> float:
    """CPU seconds until the page has been drawn, less those for an empty one: on an idle machine it takes no longer."""
    def shown(page: Path) -> float:
        child = subprocess.Popen([CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={place}/profile", "--window-size=1280,900",
                                  f"--screenshot={place}/page.png", page.as_uri()],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        used: dict[int, float] = {}
        while child.poll() is None:
            used.update(processor(child.pid))
            time.sleep(0.05)
        return sum(used.values())
    empty = place / "empty.html"
    empty.write_text("<!doctype html><title>empty</title>")
    shown(empty)
    return min(shown(place / "report.html") for _round in range(3)) - min(shown(empty) for _round in range(3))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hosts", type=lambda text: [int(word) for word in text.split(",")], default=[100, 1000, 10000])
    parser.add_argument("--check", action="store_true", help="exit status 1 when a goal is missed")
    parser.add_argument("--keep", type=Path, help="leave the reports in this directory")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure)
        return 0
    from ansible_collections.mailops.sendmail.tests.unit.fleet import fleet, kept
    missed = 0
    for count in options.hosts:
        with tempfile.TemporaryDirectory() as temporary:
            place = Path(temporary)
            outcomes = kept(fleet(count), place / "results")
            (place / "outcomes.json").write_text(json.dumps(outcomes))
            print(f"\n{count} hosts, {len((place / 'outcomes.json').read_text()) / count:.0f} bytes a host in memory, "
                  f"{sum(path.stat().st_size for path in (place / 'results').iterdir()) / count / 1000:.1f} KB a host in files", flush=True)
            done = subprocess.run([sys.executable, __file__, "--measure", place], check=True, stdout=subprocess.PIPE, text=True)
            figures = json.loads(done.stdout)
            if CHROMIUM:
                figures["browser s"] = browser(place)
            for name, bound in GOALS.items():
                if name in figures:
                    print(f"{name:17} {figures[name]:8.2f} (goal: at most {bound:g})")
                    missed += figures[name] > bound
            if options.keep:
                shutil.copytree(place, options.keep / str(count), dirs_exist_ok=True,
                                ignore=shutil.ignore_patterns("profile", "results", "outcomes.json", *_auditors.FORMATS))
    return int(options.check and missed > 0)


if __name__ == "__main__":
    sys.exit(main())
