# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write controls.md, the page of the controls, from the table they are judged by: python docs/generate_controls.py"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def page(controls) -> str:
    lines = [
        "<!--", "SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors", "SPDX-License-Identifier: GPL-3.0-or-later", "",
        "Made by docs/generate_controls.py from plugins/module_utils/_controls.py. Change it there.", "-->", "", "# Controls", "",
        f"What a compliant Sendmail host satisfies: {len(controls)} controls, judged by `mailops.sendmail.sendmail_compliance_info` in one call.",
        "An id keeps its meaning for ever. Severity, thresholds and whether a control is judged at all can be set for each host.", "",
        "| id | severity | control | mended by |", "|---|---|---|---|"]
    for one in controls:
        lines.append(f"| [{one.id}](#{one.id.lower()}) | {one.severity} | {one.title} | {mender(one)} |")
    for one in controls:
        lines += ["", f"## {one.id}", "", f"**{one.title}** ({one.severity}). {one.rationale}", "", f"Mended by {mender(one)}: {one.text}",
                  "", "From: " + "; ".join(one.references) + "."]
    return "\n".join(lines) + "\n"


def mender(one) -> str:
    return f"{one.remedy} `{one.name}`" if one.name else "hand"


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "tests/unit"))
    __import__("conftest")  # makes the checkout importable by the name of the collection
    from ansible_collections.mailops.sendmail.plugins.module_utils import _controls
    (ROOT / "docs/controls.md").write_text(page(_controls.CONTROLS), encoding="utf-8")
