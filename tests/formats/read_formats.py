# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Have the tools of auditors read what a report has written for them, and see that they count what report.json has.

    read_formats.py --make DIRECTORY      write all formats of a fleet with every status and hostile names
    read_formats.py DIRECTORY...          read them; SAF, OSCAP and TRESTLE in the environment are programs, the last a Python that has trestle
"""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit"))
importlib.import_module("conftest")    # makes the checkout importable

from ansible_collections.mailops.sendmail.plugins.plugin_utils import _auditors, _compliance_report, _compliance_results

XCCDF = "http://checklists.nist.gov/xccdf/1.2"
READ_OSCAL = """
import collections, json, pathlib, sys
from trestle.oscal.assessment_results import AssessmentResults
for name in sys.argv[1:]:
    result, = AssessmentResults.oscal_read(pathlib.Path(name)).results
    print(json.dumps({
        'observed': collections.Counter(prop.value for one in result.observations for prop in one.props if prop.name == 'status'),
        'found': collections.Counter(f'{one.target.status.state.value} {one.target.status.reason}' for one in result.findings),
        'risks': collections.Counter(one.status.model_dump() for one in result.risks or [])}))
"""


def make(place: Path) -> None:
    from ansible_collections.mailops.sendmail.tests.unit.audited import every_status, reported
    from ansible_collections.mailops.sendmail.tests.unit.fleet import fleet
    place.mkdir(parents=True)
    made = reported({**fleet(6, 3, True), **every_status()}, place / "results")
    _compliance_report.write(made, ["json"], str(place))
    _auditors.write(made, _auditors.FORMATS, str(place))


def run(*words: object, fails: bool = False) -> str:
    # SAF leaves a log where it is.
    done = subprocess.run([str(word) for word in words], cwd=os.environ.get("HOME"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    assert bool(done.returncode) == fails, f"{' '.join(map(str, words))}: status {done.returncode}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done.stdout


def same(what: object, found: dict, wanted: dict) -> None:
    found, wanted = ({key: count for key, count in one.items() if count} for one in (found, wanted))
    assert found == wanted, f"{what}: {found}, wanted {wanted}"


def read_hdf(path: Path, counts: Counter, place: Path) -> None:
    saf = os.environ["SAF"]
    wanted = {"passed": counts["pass"], "failed": counts["fail"] + counts["waived"], "no_impact": counts["not_applicable"],
              "error": counts["error"] + counts["unknown"], "skipped": 0}
    summary, = json.loads(run(saf, "view", "summary", "--input", path, "--format", "json"))
    same(path, {name: summary[name]["total"] for name in wanted}, wanted)
    checklist = place / "host.ckl"
    run(saf, "convert", "hdf2ckl", "--input", path, "--output", checklist)
    same(checklist, Counter(one.text for one in ET.parse(checklist).iter("STATUS")),
         {"NotAFinding": wanted["passed"], "Open": wanted["failed"], "Not_Applicable": wanted["no_impact"], "Not_Reviewed": wanted["error"]})
    if counts["waived"]:
        assert re.search(r"Waived until \d{4}-\d\d-\d\d: ", checklist.read_text())
    if counts["fail"] and counts["waived"]:
        threshold = place / "threshold.yml"
        for allowed, fails in ((wanted["failed"], False), (wanted["failed"] - 1, True)):
            threshold.write_text(json.dumps({"failed": {"total": {"max": allowed}}}))
            run(saf, "validate", "threshold", "--input", path, "--templateFile", threshold, fails=fails)


def read_arf(path: Path, counts: Counter, place: Path) -> None:
    oscap = os.environ["OSCAP"]
    assert "Result ID: xccdf_io.github.mailops_testresult_" in run(oscap, "info", path)
    run(oscap, "ds", "rds-validate", path)
    page = run(oscap, "xccdf", "generate", "report", path)
    same(path, Counter(re.findall(r'"rule-overview-leaf rule-overview-leaf-([a-z]+)', page)),
         {"pass": counts["pass"], "fail": counts["fail"] + counts["waived"], "notapplicable": counts["not_applicable"], "error": counts["error"],
          "unknown": counts["unknown"]})
    assert page.count("This rule has been waived by") == counts["waived"] and "<script>alert" not in page
    # The schema of ARF does not look into what it carries.
    root = ET.parse(path).getroot()
    benchmark = root.find(f".//{{{XCCDF}}}Benchmark")
    benchmark.append(root.find(f".//{{{XCCDF}}}TestResult"))
    ET.register_namespace("", XCCDF)
    ET.ElementTree(benchmark).write(place / "xccdf.xml", encoding="utf-8", xml_declaration=True)
    # Its Schematron rules want an override of each result as soon as one has it.
    run(oscap, "xccdf", "validate", *(["--skip-schematron"] if counts["waived"] else []), place / "xccdf.xml")


def read_oscal(paths: dict[Path, Counter]) -> None:
    lines = run(os.environ["TRESTLE"], "-c", READ_OSCAL, *paths).splitlines()
    for (path, counts), line in zip(paths.items(), lines, strict=True):
        read = json.loads(line)
        same(path, read["observed"], counts)
        bad, doubtful = counts["fail"] + counts["waived"], counts["error"] + counts["unknown"]
        same(path, read["found"], {"satisfied pass": counts["pass"], "not-satisfied fail": bad, "not-satisfied other": doubtful})
        same(path, read["risks"], {"open": counts["fail"] + doubtful, "deviation-approved": counts["waived"]})


def read(directory: Path) -> None:
    report = json.loads((directory / "report.json").read_text())
    statuses = [one["status"] for one in report["findings"]]
    hosts = {_compliance_results.file_name(host["name"])[:-len(".json")]: Counter(statuses[number] for number in host["findings"]) for host in report["hosts"]}
    for name, end in _auditors.ENDS.items():
        assert sorted(path.name for path in (directory / name).iterdir()) == sorted(host + end for host in hosts), name
    with tempfile.TemporaryDirectory() as temporary:
        for host, counts in hosts.items():
            read_hdf(directory / "hdf" / f"{host}.json", counts, Path(temporary))
            read_arf(directory / "arf" / f"{host}.xml", counts, Path(temporary))
    read_oscal({directory / "oscal" / f"{host}.json": counts for host, counts in hosts.items()})
    total = sum(hosts.values(), Counter())
    print(f"{directory.name}: {len(hosts)} hosts read by SAF, oscap and trestle: {', '.join(f'{total[name]} {name}' for name in _compliance_report.STATUSES)}")


if __name__ == "__main__":
    if sys.argv[1] == "--make":
        make(Path(sys.argv[2]))
    else:
        for argument in sys.argv[1:]:
            read(Path(argument))
