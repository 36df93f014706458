# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep the modules that Ansible has put together for the next run of ansible-playbook.

It reads a module with all of its module_utils and packs them anew in each run, and a scenario has dozens of runs. tests/molecule switches
this on and empties the directory, so a changed module is packed again.
"""
import os

from ansible import constants as C
from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = 'aggregate'
    CALLBACK_NAME = 'keep_modules'
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self):
        super().__init__()
        kept = os.path.join(os.environ['HOME'], 'modules')
        os.makedirs(kept, exist_ok=True)
        os.symlink(kept, os.path.join(C.DEFAULT_LOCAL_TMP, 'ansiballz_cache'))   # where module_common looks first
