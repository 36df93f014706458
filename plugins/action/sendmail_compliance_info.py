# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host looks, the controller judges: the table of controls with all its text is not sent to each host."""

from __future__ import annotations

from ansible.plugins.action import ActionBase
from ansible_collections.mailops.sendmail.plugins.module_utils import _controls, _look, _compliance, _text


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _checked, options = self.validate_argument_spec(argument_spec=_compliance.OPTIONS)
        try:
            settled = _controls.settled(**options)
        except _text.SendmailError as error:
            return dict(result, failed=True, msg=str(error))
        result.update(self._execute_module(task_vars=task_vars))
        if 'look' in result:
            look = _look.Look(**result.pop('look'))
            result.update(_controls.comply(look, settled), host=_controls.host_of(look))
        return result
