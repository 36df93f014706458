# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run sendmail_diagnosis_info on this host once, as Ansible would, and print its result. Python 3.9 and the standard library."""

import json
import runpy
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from ansible.module_utils import basic  # noqa: E402

basic._ANSIBLE_PROFILE = "legacy"
basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": {"_ansible_remote_tmp": "/tmp"}}).encode()
runpy.run_module("ansible_collections.mailops.sendmail.plugins.modules.sendmail_diagnosis_info", run_name="__main__", alter_sys=False)
