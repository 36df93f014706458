# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/controls.md says what the table says."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from ansible_collections.mailops.sendmail.plugins.module_utils import _controls

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_the_table():
    spec = importlib.util.spec_from_file_location('generate_controls', ROOT / 'docs/generate_controls.py')
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)
    assert (ROOT / 'docs/controls.md').read_text() == generator.page(_controls.CONTROLS), 'run python docs/generate_controls.py'
