# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: compliance_program
short_description: Make the program with which a host checks its own compliance
version_added: 1.0.0
description:
  - The result is one Python program that needs nothing but Python 3.6 or later. It holds the code with which M(mailops.sendmail.sendmail_compliance_info)
    looks and judges, as plain text, and writes the result for the textfile collector of node_exporter.
  - The role P(mailops.sendmail.sendmail_compliance#role) installs it for monitoring.
positional: _input
options:
  _input:
    description: The options C(profile), C(thresholds), C(overrides) and C(waivers) of M(mailops.sendmail.sendmail_compliance_info).
    type: dict
    required: true
author:
  - The mailops.sendmail contributors (@mailops)
seealso:
  - module: mailops.sendmail.sendmail_compliance_report
"""

EXAMPLES = r"""
- name: Install the program
  ansible.builtin.copy:
    content: "{{ {} | mailops.sendmail.compliance_program }}"
    dest: /usr/local/libexec/sendmail-compliance
    mode: "0755"
"""

RETURN = r"""
_value:
  description: The program. Its one argument is the file to write.
  type: str
"""

import ast
import json
from pathlib import Path

from ansible.errors import AnsibleFilterError
from ansible_collections.mailops.sendmail.plugins.module_utils import _text

PACKAGE = 'ansible_collections.mailops.sendmail.plugins.module_utils'
HEAD = '''#!/usr/bin/python3
# Copyright (c) 2026, The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later AND BSD-2-Clause
# Installed by the Ansible role mailops.sendmail.sendmail_compliance, which also replaces it.
"""Check this host's Sendmail and write what was found for Prometheus. Changes nothing else. Usage: sendmail-compliance FILE"""

import json
import os
import sys
import tempfile
import time
import types

'''
TAIL = '''

def namespace(name):
    module = types.ModuleType(name)
    module.__path__ = []
    sys.modules[name] = module
    parent, _dot, child = name.rpartition('.')
    if parent:
        setattr(sys.modules[parent], child, module)
    return module


def main(path):
    package = ''
    for part in PACKAGE.split('.'):
        package = package + '.' + part if package else part
        namespace(package)
    for name, source in SOURCES:
        exec(compile(source, name, 'exec'), namespace(PACKAGE + '.' + name).__dict__)
    utils = sys.modules[PACKAGE]
    host = ('error', [], {})
    try:
        settled = utils._controls.settled(**json.loads(OPTIONS))
        look = utils._look.Look(**utils._compliance.plain(settled[3]))
        result = utils._controls.comply(look, settled)
        statuses = set(one['status'] for one in result['controls'])
        host = ('failing' if 'fail' in statuses else 'error' if 'error' in statuses else 'compliant', result['controls'],
                utils._controls.host_of(look)['queues'])
    except utils._text.SendmailError as error:
        print(error, file=sys.stderr)
    # The collector must never read half a file.
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(os.path.abspath(path)), prefix='.sendmail-compliance')
    try:
        with os.fdopen(handle, 'w') as stream:
            stream.write(utils._exposition.own(*host, now=int(time.time())))
        os.chmod(temporary, 0o644)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


if __name__ == '__main__':
    main(sys.argv[1])
'''


def _sources():
    """The utils that a check needs, each behind those that it imports."""
    place = Path(_text.__file__).parent
    ordered = {}

    def take(name):
        if name in ordered:
            return
        source = (place / f'{name}.py').read_text(encoding='utf-8')
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom) and node.module == PACKAGE:
                for alias in node.names:
                    take(alias.name)
        ordered[name] = source
    for name in ('_controls', '_exposition'):
        take(name)
    return ordered


def compliance_program(options):
    # Not at the top: Ansible loads all filters of a collection to find one, in each of its workers.
    from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
    from ansible_collections.mailops.sendmail.plugins.module_utils import _compliance, _controls
    # What the module takes for a number, a list or a day, the program has to take for the same.
    plain = json.loads(json.dumps({key: value for key, value in options.items() if value is not None}, default=str))
    checked = ArgumentSpecValidator({key: about for key, about in _compliance.OPTIONS.items() if key != 'directory'}).validate(plain)
    options = {key: checked.validated_parameters[key] for key in plain if key in checked.validated_parameters}
    try:
        if checked.error_messages:
            raise _text.SendmailError('these options cannot be used: ' + '. '.join(checked.error_messages))
        _controls.settled(**options)
    except _text.SendmailError as error:
        raise AnsibleFilterError(f'compliance_program: {error}')
    lines = [f'    ({name!r}, (' + '\n'.join(f'        {line!r}' for line in source.splitlines(keepends=True)).lstrip() + ')),'
             for name, source in _sources().items()]
    return f'{HEAD}PACKAGE = {PACKAGE!r}\nOPTIONS = {json.dumps(options, sort_keys=True)!r}\nSOURCES = (\n' + '\n'.join(lines) + '\n)\n' + TAIL


class FilterModule:
    def filters(self):
        return {'compliance_program': compliance_program}
