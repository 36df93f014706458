# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Print text as it is. Documented in plugins/modules/show_text.py."""

from __future__ import annotations

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _validated, arguments = self.validate_argument_spec({'text': {'type': 'str', 'required': True}})
        # Lines of a report are safe already; this is for text of others.
        lines = [''.join(char if char.isprintable() else '?' for char in line) for line in arguments['text'].split('\n')]
        Display().display('\n'.join(lines))
        # In the result too: callbacks that write JSON or events see nothing of what is displayed.
        return dict(result, changed=False, lines=lines)
