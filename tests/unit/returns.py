# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what modules returned is what their RETURN says, in both directions and as deep as it says anything.

python returns.py FILE: of results of real hosts, a JSON list of {"module", "check", "fails", "result"}, of every module; see the scenario "returns".
"""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path

import yaml

MODULES = Path(__file__).resolve().parents[2] / 'plugins/modules'
# What Ansible returns for every module.
COMMON = {'changed', 'failed', 'msg', 'diff', 'invocation', 'warnings', 'deprecations', 'exception', 'attempts', 'failed_when_result',
          'failed_when_suppressed_exception'}
TYPES = {'str': str, 'int': int, 'bool': bool, 'float': (int, float), 'dict': dict, 'list': list}
# Tables whose keys are data. Of all others without "contains" the sample shows the keys.
TABLES = {'kinds', 'reasons', 'changes_by_kind', 'domains', 'headers', 'outcomes'}


def documented(module):
    for node in ast.parse((MODULES / f'{module}.py').read_text(encoding='utf-8')).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == 'RETURN':
            return yaml.safe_load(node.value.value)
    raise ValueError(f'{module} has no RETURN')


def wrong(value, about, place):
    """What is wrong with one value."""
    if value is None:
        return
    kind = about['type']
    if not isinstance(value, TYPES[kind]) or (kind == 'int' and isinstance(value, bool)):
        yield f'{place}: {kind} is documented, {type(value).__name__} was returned'
        return
    if kind == 'list':
        for one in value:
            if about.get('elements') == 'dict' and not isinstance(one, dict) or about.get('elements') == 'str' and not isinstance(one, str):
                yield f'{place}: elements of type {about.get("elements")} are documented, {type(one).__name__} was returned'
    for one in value if kind == 'list' else [value] if kind == 'dict' else []:
        if isinstance(one, dict) and 'contains' in about:
            yield from keys(one, about['contains'], place)
        elif isinstance(one, dict) and place.rpartition('.')[2] not in TABLES:
            samples = about.get('sample', {})
            shown = {key for sample in (samples if isinstance(samples, list) else [samples]) for key in sample}
            yield from (f'{place}.{key}: returned, and not in the sample' for key in one if key not in shown)


def keys(result, fields, place, always=('always', 'success', None)):
    yield from (f'{place}.{key}: returned, not documented' for key in result if key not in fields)
    for key, about in fields.items():
        if key in result:
            yield from wrong(result[key], about, f'{place}.{key}')
        elif about.get('returned') in always:
            yield f'{place}.{key}: documented as always there, not returned'


def problems(module, result, fails=False):
    """What a result and RETURN say differently. C(fails): that of a module which failed."""
    fields = documented(module)
    own = {key: value for key, value in result.items() if key not in COMMON or key in fields}
    yield from keys(own, fields, module, ('always',) if fails else ('always', 'success', None))


def unseen(calls):
    """Documented keys that no result had."""
    for module in sorted({call['module'] for call in calls}):
        yield from _unseen(documented(module), [call['result'] for call in calls if call['module'] == module], module)


def _unseen(fields, results, place):
    for key, about in fields.items():
        found = [result[key] for result in results if result.get(key) is not None]
        if not any(key in result for result in results):
            yield f'{place}.{key}: documented, never returned'
        elif 'contains' in about:
            inner = [one for value in found for one in (value if isinstance(value, list) else [value])]
            yield from _unseen(about['contains'], inner, f'{place}.{key}') if inner else [f'{place}.{key}: always empty']


def main(path):
    calls = json.loads(Path(path).read_text(encoding='utf-8'))
    found = [f'{problem} ({"check mode" if call["check"] else "run"})' for call in calls for problem in problems(call['module'], call['result'], call['fails'])]
    found += unseen(calls)
    missing = {path.stem for path in MODULES.glob('sendmail_*.py')} - {call['module'] for call in calls}
    found += [f'{module}: not called' for module in sorted(missing)]
    print('\n'.join(dict.fromkeys(found)) or f'{len(calls)} results are as they are documented.')
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
