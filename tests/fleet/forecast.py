# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The forecast of the recording rules, held against a queue that is fed and drained at a known pace. See docs/monitoring.md.

    tests/gates/monitoring; tests/hosts/enter .venv/bin/python tests/fleet/forecast.py

Mail is submitted by a user, delivered by Sendmail, and counted by the host's own check, as it does every 15 minutes; only these 15 minutes are not waited
for: promtool is told that so much time lies between two looks. Whether a forecast is true is seen when the queue is empty.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOST = "fleet-forecast"
FILE = "/var/lib/sendmail.prom"
LOOK = 15         # minutes between two looks
FED, DRAINED = 12, 8    # messages from one look to the next
LOOKS = 12        # with each pace; a rule looks back over two hours
SUBMIT = "for i in $(seq %d); do printf 'Subject: x\\n\\nx\\n' | runuser -u alice -- /usr/sbin/sendmail -i bob; done" % FED
# The oldest first, by their ids, as an administrator would; the MTA is started without Debian's script, which would run the whole client queue.
DRAIN = """
set -e
ids=$(cd /var/spool/mqueue-client && ls -tr | sed -n 's/^qf/-qI/p' | head -n %d)
[ -z "$ids" ] || sendmail -Ac $ids
""" % DRAINED


def on_host(script: str) -> str:
    return subprocess.run(["podman", "exec", "-i", HOST, "bash", "-c", script], check=True, stdout=subprocess.PIPE, text=True).stdout


def counted() -> int:
    """The messages that wait in the client queue, as the host says of itself."""
    text = on_host(f"systemctl start sendmail-compliance.service && cat {FILE}")
    return int(re.search(r'^sendmail_compliance_queue_messages{queue="msp",state="queued"} (\d+)$', text, re.MULTILINE).group(1))


def promtool(place: Path, counts: list[int], expected: list[tuple[str, int, float]], alerts: list[tuple[int, bool]]) -> int:
    """Whether the rules say, of these counts, what is expected: (rule, look, value), and whether the alert about growth fires: (look, it does)."""
    labels = '{queue="msp", state="queued"}'
    shutil.copy(ROOT / "extensions/monitoring/sendmail.rules.yml", place)
    alert = {"alertname": "SendmailClientQueueGrows"}
    (place / "forecast.json").write_text(json.dumps({"rule_files": ["sendmail.rules.yml"], "evaluation_interval": f"{LOOK}m", "tests": [{
        "interval": f"{LOOK}m",
        "input_series": [{"series": f"sendmail_compliance_queue_messages{labels}", "values": " ".join(map(str, counts))}],
        "promql_expr_test": [{"expr": f"round({rule}, 0.001)", "eval_time": f"{look * LOOK}m", "exp_samples": [{"labels": labels, "value": value}]}
                             for rule, look, value in expected],
        "alert_rule_test": [dict(alert, eval_time=f"{look * LOOK}m", exp_alerts=[{
            "exp_labels": {"severity": "warning", "queue": "msp", "state": "queued"},
            "exp_annotations": {"summary": f"The client queue of  grows by {FED * 60 // LOOK} messages an hour.", "runbook_url":
                                "https://github.com/mailops/ansible-collection-sendmail/blob/main/docs/queue-is-full.md"}}] if fires else [])
            for look, fires in alerts]}]}))
    tool = shutil.which("promtool") or ROOT / ".cache/monitoring/usr/bin/promtool"
    return subprocess.run([tool, "test", "rules", "forecast.json"], cwd=place, check=False).returncode


def main() -> int:
    down = [str(ROOT / "tests/hosts/down"), HOST]
    subprocess.run(down, check=False, capture_output=True)
    subprocess.run([str(ROOT / "tests/hosts/up"), HOST, "mailops-trixie"], check=True)
    try:
        with tempfile.TemporaryDirectory() as name:
            place = Path(name)
            (place / "inventory.json").write_text(json.dumps({"all": {"hosts": {HOST: {
                "ansible_connection": "containers.podman.podman", "ansible_python_interpreter": "/usr/bin/python3"}}}}))
            subprocess.run([
                str(Path(sys.executable).parent / "ansible-playbook"), "mailops.sendmail.check_compliance", "-i", place / "inventory.json", "-e", json.dumps({
                    "sendmail_compliance_monitor": "systemd_timer", "sendmail_compliance_monitor_file": FILE,
                    "sendmail_compliance_directory": str(place), "sendmail_compliance_reports": ["json"]})],
                check=True, stdout=subprocess.DEVNULL, env=dict(os.environ, ANSIBLE_PIPELINING="1"))
            # Nothing but this test takes mail out of the queue, or looks.
            on_host("systemctl stop cron sendmail sendmail-compliance.timer; ! pgrep -x sendmail-mta")
            counts = [counted()]
            for _look in range(LOOKS):
                on_host(SUBMIT)
                counts.append(counted())
            fed = len(counts) - 1
            on_host("sendmail-mta -bd")
            while counts[-1]:
                on_host(DRAIN)
                counts.append(counted())
                if len(counts) > fed + FED * LOOKS:
                    raise SystemExit(f"forecast: the queue does not drain: {counts}")
            mailbox = int(on_host("grep -c '^From ' /var/mail/bob"))
            empty = len(counts) - 1
            paced = fed + 9    # the rule looks back over nothing but the draining
            hour = 60 // LOOK
            status = promtool(place, counts, [
                ("sendmail:queue_growth:messages_per_hour", fed, FED * hour),
                ("sendmail:queue_growth:messages_per_hour", paced, -DRAINED * hour),
                # What comes true: so many seconds later the queue was empty.
                ("sendmail:queue_drain:seconds", paced, (empty - paced) * LOOK * 60)], [(2, False), (fed, True), (paced, False)])
    finally:
        subprocess.run(down, check=False, capture_output=True)
    print(f"forecast: {FED * LOOKS} messages, {mailbox} delivered, counted {' '.join(map(str, counts))}")
    if counts[:fed + 1] != [FED * look for look in range(LOOKS + 1)] or mailbox != FED * LOOKS:
        print("forecast: fault: the host did not count what was submitted and delivered")
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
