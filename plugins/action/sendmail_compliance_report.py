# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the report of a fleet on the controller. Documented in plugins/modules/sendmail_compliance_report.py."""

from __future__ import annotations

import os

from ansible.plugins.action import ActionBase
from ansible_collections.mailops.sendmail.plugins.module_utils import _text
from ansible_collections.mailops.sendmail.plugins.plugin_utils import _auditors, _compliance_report, _compliance_results

OPTIONS = {
    'hosts': {'type': 'dict', 'required': True}, 'directory': {'type': 'path', 'required': True}, 'merge': {'type': 'list', 'elements': 'str', 'default': []},
    'max_age': {'type': 'str', 'default': '1d'}, 'fail_on': {'type': 'str', 'choices': ['none', 'low', 'medium', 'high', 'critical'], 'default': 'none'},
    'fail': {'type': 'bool', 'default': False},
    'formats': {'type': 'list', 'elements': 'str', 'choices': [*_compliance_report.FORMATS, *_auditors.FORMATS], 'default': list(_compliance_report.FORMATS)}}


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _requires_connection = False
    # One report for all hosts.
    BYPASS_HOST_LOOP = True

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _checked, options = self.validate_argument_spec(argument_spec=OPTIONS)
        directory = options['directory']
        try:
            max_age = _text.duration(options['max_age'], option='max_age')
            os.makedirs(directory, exist_ok=True)
            made = _compliance_report.report(_compliance_results.gathered(
                options['hosts'], os.path.join(directory, 'results'), options['merge'], _compliance_results.now(), max_age), None, options['fail_on'], max_age)
            _compliance_report.write(made, [name for name in options['formats'] if name in _compliance_report.FORMATS], directory)
            _auditors.write(made, [name for name in options['formats'] if name in _auditors.FORMATS], directory)
        except (_text.SendmailError, OSError) as error:
            return dict(result, failed=True, msg=f'The report cannot be written: {error}')
        said = [_compliance_report.verdict(made), f'The report is in {directory}.']
        failed = options['fail'] and not made['gate']['open']
        # It is what a run is for, so it is displayed without -v, as that of debug is.
        return dict(result, changed=False, failed=failed, msg=' '.join(made['gate']['reasons'] + said if failed else said), hosts=made['summary']['hosts'],
                    gate=made['gate'], _ansible_verbose_always=True)
