# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the files that Ansible would send to a host, so that a module call can be measured as the process it is.

Standard input: a JSON list of {"module": full name, "args": {...}, "file": path}. Runs in an environment with ansible-core.
"""

import json
import sys
from pathlib import Path

from ansible.executor.module_common import modify_module
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader, module_loader
from ansible.template import Templar

init_plugin_loader()
for wanted in json.load(sys.stdin):
    found = module_loader.find_plugin_with_context(wanted["module"])
    if not found.resolved:
        sys.exit(f"{wanted['module']} is not there: {found.error_list or 'no such module'}")
    short = wanted["module"].rpartition(".")[2]
    # What a connection plugin adds to every call and the module cannot do without.
    arguments = {"_ansible_remote_tmp": "/tmp", "_ansible_module_name": short, **wanted["args"]}
    built = modify_module(
        module_name=found.resolved_fqcn, module_path=found.plugin_resolved_path, module_args=arguments, templar=Templar(DataLoader()),
        task_vars={"ansible_python_interpreter": "/usr/bin/python3"}, module_compression="ZIP_DEFLATED",
    )  # fmt: skip
    Path(wanted["file"]).write_bytes(built.b_module_data)
