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
        directory = options.pop('directory')
        try:
            settled = _controls.settled(**options)
        except _text.SendmailError as error:
            return dict(result, failed=True, msg=str(error))
        # The others are not for the host.
        result.update(self._execute_module(module_args={'profile': settled[3]}, task_vars=task_vars))
        if 'look' in result:
            look = _look.Look(**result.pop('look'))
            judged = dict(_controls.comply(look, settled), host=_controls.host_of(look))
            result.update(self._kept(directory, task_vars['inventory_hostname'], judged, settled) if directory else judged)
        return result

    def _kept(self, directory, host, judged, settled):
        """The result in a file; what stays in the memory of the controller, for each of thousands of hosts, is where it is."""
        # Not at the top: a worker that keeps nothing does not need it.
        from ansible_collections.mailops.sendmail.plugins.plugin_utils import _compliance_results
        limits, overrides, waivers, profile = settled
        options = {'thresholds': limits, 'overrides': list(overrides.values()), 'waivers': list(waivers.values()), 'profile': profile}
        path = _compliance_results.write(directory, host, _compliance_results.of_check(judged, options))
        return {'file': path, 'compliant': judged['compliant'], 'summary': judged['summary'], 'invocation': {}}
