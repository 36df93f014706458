# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds between the files of the collection: floors, action group, documentation, roles, and the size of what Ansible sends."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys

import pytest
import yaml

from ansible_collections.mailops.sendmail.tests.unit import plays

ROOT = plays.ROOT
UTILS = 'ansible_collections.mailops.sendmail.plugins.module_utils'
MODULES = sorted(path for path in (ROOT / 'plugins/modules').glob('*.py') if path.name != '__init__.py')
GALAXY = yaml.safe_load((ROOT / 'galaxy.yml').read_text())
# A file imports only from the rows above its own. Everybody may use _text.
FLOORS = (
    {'_text'},
    {'_phrases', '_shell'},
    {'_qf', '_cf', '_platform', '_schedule', '_exposition', '_aliases'},
    {'_route'},
    {'_spool', '_identity', '_system', '_process'},
    {'_processes', '_filesystem', '_names', '_log'},
    {'_network', '_runners', '_lookups', '_look'},
    {'_services', '_summary', '_selection', '_records', '_fates', '_archive', '_hazards', '_acceptance', '_reach', '_readcf'},
    {'_access', '_ledger', '_qshape', '_checks', '_outcome'},
    {'_removal'},
    {'_restoration'},
    {'_flush', '_message', '_debris', '_permissions', '_probe', '_causes', '_policy', '_published'},
    {'_compliance'},
    {'_controls'},
)
# The most that a module which only reads may be on the wire beyond ping, which is Ansible's own and differs between releases. Those that
# judge bring what runs, listens and answers (_services and below it, 45 KB), the sentences of their tables, what Sendmail takes in a
# configuration file (_readcf, 7 KB), and the questions to a relay on another host, to the rules of the MTA (_acceptance, 6 KB) and to its
# service. What would become of debris is judged by the code that moves it.
READ_ONLY_BYTES = 81 * 1000
JUDGING_BYTES = {'sendmail_queue_facts': 151 * 1000, 'sendmail_diagnosis_info': 234 * 1000, 'sendmail_compliance_info': 214 * 1000,
                 'sendmail_debris_info': 103 * 1000}


def version(text):
    return tuple(int(part) for part in str(text).split('.'))


def imports(tree):
    """Every name that is imported anywhere in a file, in full: `from a import b` is a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f'{"." * node.level}{node.module or ""}.{alias.name}' for alias in node.names)


def floor_problems(name, source):
    floor = next((number for number, names in enumerate(FLOORS) if name in names), None)
    if floor is None:
        yield f'{name} stands on no floor: give it one in FLOORS'
        return
    below = set().union(*FLOORS[:floor])
    for imported in imports(ast.parse(source)):
        package, _dot, other = imported.rpartition('.')
        if imported.startswith('.'):
            yield f'{name} imports {imported}: AnsiballZ needs the full name'
        elif imported.split('.')[0] == 'ansible':
            yield f'{name} imports {imported}: module_utils need nothing of Ansible'
        elif imported.startswith(UTILS) and (package != UTILS or other not in below):
            yield f'{name} imports {imported}, which is not on a floor below'


def constants(path):
    """The strings that a module gives names to at its top level: DOCUMENTATION, EXAMPLES, RETURN."""
    return {
        node.targets[0].id: node.value.value
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and isinstance(node.value, ast.Constant)
    }


def tasks(items):
    for item in items:
        yield item
        for key in ('tasks', 'block', 'rescue', 'always', 'pre_tasks', 'post_tasks', 'handlers'):
            yield from tasks(item.get(key, []))


def module_problems(path):
    texts = constants(path)
    documentation = yaml.safe_load(texts['DOCUMENTATION'])
    examples = yaml.safe_load(texts['EXAMPLES'])
    if documentation['module'] != path.stem:
        yield f'documents itself as {documentation["module"]}'
    if version(documentation['version_added']) > version(GALAXY['version']):
        yield f'version_added {documentation["version_added"]} is later than the collection, {GALAXY["version"]}'
    if 'mailops.sendmail.attributes' not in documentation['extends_documentation_fragment']:
        yield 'does not say its attributes: extend mailops.sendmail.attributes'
    if path.stem.endswith('_facts') and set(yaml.safe_load(texts['RETURN'])) != {'ansible_facts'}:
        yield 'a facts module returns ansible_facts and nothing else'
    if not any(f'mailops.sendmail.{path.stem}' in task for task in tasks(examples)):
        yield 'no example uses it by its full name'
    if any(imported.startswith('ansible.') and imported != 'ansible.module_utils.basic.AnsibleModule' for imported in imports(ast.parse(path.read_text()))):
        yield 'imports more of Ansible than AnsibleModule'


def hidden(path):
    """Variables of a task that nobody sees, because a fact or a result of the role has their name and comes first (variable precedence of Ansible)."""
    every = [task for file in (path / 'tasks').glob('*.yml') for task in tasks(yaml.safe_load(file.read_text()))]
    facts = {task['register'] for task in every if 'register' in task}.union(*(task.get('ansible.builtin.set_fact', {}) for task in every))
    for task in every:
        for name in sorted(facts & set(task.get('vars', {}))):
            yield f'{name}, a variable of the task "{task["name"]}", is a fact of the role too, which comes first'


def role_problems(path):
    """argument_specs.yml is what users read and defaults/main.yml what runs: both must say the same, with the role's name in front."""
    specs = yaml.safe_load((path / 'meta/argument_specs.yml').read_text())['argument_specs']
    file = path / 'defaults/main.yml'
    defaults = (yaml.safe_load(file.read_text()) if file.exists() else None) or {}
    options = {}
    for entry, spec in specs.items():
        options.update(spec.get('options', {}))
        missing = {'short_description', 'description', 'version_added', 'attributes'} - set(spec)
        if missing:
            yield f'entry point {entry} lacks {", ".join(sorted(missing))}'
    for name in sorted(set(options) | set(defaults)):
        if not name.startswith(f'{path.name}_'):
            yield f'{name} does not begin with {path.name}_'
    for name in sorted(set(defaults) - set(options)):
        yield f'{name} has a default and no argument spec'
    for name, option in options.items():
        if 'default' in option and name not in defaults:
            yield f'{name} has a default in the argument spec only'
        elif name in defaults and ('default' not in option or option['default'] != defaults[name]):
            yield f'{name}: default {option.get("default")!r} in the argument spec, {defaults[name]!r} in defaults/main.yml'
    yield from hidden(path)


@pytest.mark.parametrize('path', sorted((ROOT / 'plugins/filter').glob('*.py')), ids=lambda path: path.stem)
def test_filters_import_what_is_heavy_when_they_are_called(path):
    """To find one filter Ansible loads all of a collection, once in each worker, that is for each task and host."""
    tree = ast.parse(path.read_text())
    tree.body = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    own = [name.partition('.plugins.')[2] for name in imports(tree) if name.startswith('ansible_collections.')]
    assert [name for name in own if name != 'module_utils._text' and not name.startswith('filter.')] == []


@pytest.mark.parametrize('path', sorted((ROOT / 'plugins/module_utils').glob('_[!_]*.py')), ids=lambda path: path.stem)
def test_imports_point_down(path):
    assert list(floor_problems(path.stem, path.read_text())) == []


@pytest.mark.parametrize(
    'name, source',
    [
        ('_qf', f'from {UTILS} import _spool'),
        ('_qf', f'from {UTILS} import _cf'),
        ('_spool', f'from {UTILS}._flush import plan'),
        ('_spool', f'import {UTILS}._flush'),
        ('_summary', 'def late():\n    from ansible.module_utils.basic import AnsibleModule'),
        ('_flush', 'from . import _qf'),
        ('_attic', ''),
    ],
)
def test_an_import_that_points_up_is_found(name, source):
    assert len(list(floor_problems(name, source))) == 1


@pytest.mark.parametrize('path', MODULES, ids=lambda path: path.stem)
def test_module(path):
    assert list(module_problems(path)) == []


def test_action_group_is_all_modules():
    groups = yaml.safe_load((ROOT / 'meta/runtime.yml').read_text())['action_groups']
    assert groups == {'sendmail': [path.stem for path in MODULES]}


@pytest.mark.parametrize('one', yaml.safe_load((ROOT / 'tests/breakages/breakages.yml').read_text())['breakages'], ids=lambda one: one['name'])
def test_a_breakage_fits_what_it_breaks(one):
    """Whoever changes the text that an entry of tests/breakages puts wrong corrects the entry."""
    assert (ROOT / one['file']).read_text().count(one['find']) == 1


@pytest.mark.parametrize('name, case', yaml.safe_load((ROOT / 'tests/breakages/breakages.yml').read_text())['cases'].items())
def test_a_case_of_the_breakages_is_in_its_scenario(name, case):
    scenario = ROOT / 'extensions/molecule' / case['scenario']
    files = [scenario / file for file in ('converge.yml', 'side_effect.yml') if (scenario / file).exists()]
    assert set(case['plays']) <= {play['name'] for file in files for play in yaml.safe_load(file.read_text())}, name
    assert (scenario / 'prepare.yml').exists() and (scenario / 'verify.yml').exists() >= case.get('verify', False)


def test_roles():
    found = {path.name: list(role_problems(path)) for path in sorted((ROOT / 'roles').glob('*/'))}
    assert {name: problems for name, problems in found.items() if problems} == {}


def name_problems(tasks, main):
    """The name of a task says what it does, with the same prefix for all of a file but main.yml."""
    names = []

    def collect(these):
        for task in these:
            names.append(task.get('name', ''))
            for part in ('block', 'rescue', 'always'):
                collect(task.get(part, []))
    collect(tasks)
    prefixes = {name.partition(' | ')[0] if ' | ' in name else '' for name in names}
    if len(prefixes) > 1 or ('' in prefixes) is not main:
        yield f'prefixes {", ".join(map(repr, sorted(prefixes)))}'
    yield from (name for name in names if not name or re.match(r'(?:Have|Keep|See|Let|Say|Look|Go)\b(?! (?:for|up)\b)', name.rpartition(' | ')[2]))


@pytest.mark.parametrize('path', sorted(path for part in ('tasks', 'handlers') for path in (ROOT / 'roles').glob(f'*/{part}/*.yml')),
                         ids=lambda path: '/'.join(path.parts[-3:]))
def test_names_of_tasks(path):
    assert list(name_problems(yaml.safe_load(path.read_text()), path.parent.name == 'tasks' and path.stem == 'main')) == []


@pytest.mark.parametrize('names, main, found', [
    (['Stop the MTA', 'Look for the unit'], True, 0), (['Unit | Stop it', 'Unit | Start it'], False, 0), (['Unit | Stop it', 'Start it'], False, 1),
    (['Unit | Stop it', 'Timer | Start it'], False, 1), (['Stop it'], False, 1), (['Unit | Stop it'], True, 1), (['Have it stopped'], True, 1),
    (['Unit | See that it runs'], False, 1), ([''], True, 1)])
def test_a_name_that_does_not_say_what_a_task_does_is_found(names, main, found):
    assert len(list(name_problems([{'name': 'Look for it' if main else 'Unit | Look for it', 'block': [{'name': name}]} for name in names], main))) == found


def arguments(name):
    """(file, name of the task, value) for each argument of this name that a task of a role gives its module."""
    def walk(path, tasks):
        for task in tasks:
            yield from ((path, task['name'], about[name]) for about in task.values() if isinstance(about, dict) and name in about)
            for part in ('block', 'rescue', 'always'):
                yield from walk(path, task.get(part, []))
    for part in ('tasks', 'handlers'):
        for path in sorted((ROOT / 'roles').glob(f'*/{part}/*.yml')):
            yield from walk(path, yaml.safe_load(path.read_text()))


MODES = list(arguments('mode'))


@pytest.mark.parametrize('path, name, mode', MODES, ids=lambda value: getattr(value, 'stem', None))
def test_nobody_else_writes_what_root_runs_and_reads(path, name, mode):
    modes = re.findall(r"omit|\b0[0-7]{3}\b", mode)
    assert modes and not any(int(one, 8) & 0o022 for one in modes if one != 'omit'), (path, name)


def test_the_modes_of_all_files_are_looked_at():
    assert len(MODES) == sum(len(re.findall(r'(?m)^ +mode: ', path.read_text())) for path in (ROOT / 'roles').glob('*/tasks/*.yml'))


def test_no_status_is_asked_of_a_program_that_is_fed():
    """One that ends before it reads, as Sendmail with a configuration that it refuses, had status 32 (EPIPE, run_command() in basic.py of ansible-core)
    on a busy machine, and a submit.cf that Sendmail refuses was put in place. A submission reads, or has failed.
    """
    assert [name for _path, name, _text in arguments('stdin')] == ['Submit a message as an unprivileged user']


@pytest.mark.parametrize('path', sorted((ROOT / 'roles').glob('*/templates/*.cron.j2')), ids=lambda path: path.stem)
def test_cron_mails_nobody(path):
    """crontab(5): with MAILTO="" no mail is sent. What cron mails goes through the queue that the line runs or watches."""
    lines = path.read_text().splitlines()
    jobs = [number for number, line in enumerate(lines) if re.match(r'[^#A-Z]', line) and 'ansible_managed' not in line]
    assert jobs and 'MAILTO=""' in lines[:jobs[0]]


def test_a_role_that_disagrees_with_itself_is_found(tmp_path):
    role = tmp_path / 'sendmail_example'
    (role / 'meta').mkdir(parents=True)
    (role / 'defaults').mkdir()
    options = {'sendmail_example_same': {'default': 1}, 'sendmail_example_other': {'default': 1}, 'sendmail_example_spec': {'default': 1}, 'mta_prefix': {}}
    specs = {'main': {'short_description': 's', 'description': 'd', 'version_added': '1.0.0', 'options': options}}
    (role / 'meta/argument_specs.yml').write_text(yaml.safe_dump({'argument_specs': specs}))
    (role / 'defaults/main.yml').write_text('sendmail_example_same: 1\nsendmail_example_other: "1"\nsendmail_example_default: 1\n')
    (role / 'tasks').mkdir()
    (role / 'tasks/main.yml').write_text(yaml.safe_dump([
        {'name': 'Look', 'register': 'seen'}, {'block': [{'name': 'Say', 'ansible.builtin.set_fact': {'known': 1}}]},
        {'name': 'Act', 'vars': {'seen': 1, 'known': 2, 'other': 3}}]))
    assert list(role_problems(role)) == [
        'entry point main lacks attributes',
        'mta_prefix does not begin with sendmail_example_',
        'sendmail_example_default has a default and no argument spec',
        "sendmail_example_other: default 1 in the argument spec, '1' in defaults/main.yml",
        'sendmail_example_spec has a default in the argument spec only',
        'known, a variable of the task "Act", is a fact of the role too, which comes first',
        'seen, a variable of the task "Act", is a fact of the role too, which comes first',
    ]


PAYLOADS = """
import json, sys
from ansible.executor.module_common import modify_module
from ansible.parsing.dataloader import DataLoader
from ansible.plugins import loader
from ansible.release import __version__
from ansible.template import Templar
loader.init_plugin_loader()
sizes = {}
for name in json.loads(sys.argv[1]):
    found = loader.module_loader.find_plugin_with_context(name)
    built = modify_module(module_name=found.resolved_fqcn, module_path=found.plugin_resolved_path, module_args={}, templar=Templar(DataLoader()),
                          task_vars={"ansible_python_interpreter": "/usr/bin/python3"}, module_compression="ZIP_DEFLATED")
    sizes[name] = len(built[0] if isinstance(built, tuple) else built.b_module_data)
print(json.dumps([__version__, sizes]))
"""


def test_what_ansible_sends_for_a_module_that_reads_is_small(tmp_path):
    names = [f'mailops.sendmail.{path.stem}' for path in MODULES if path.stem.endswith(('_info', '_facts'))]
    assert names
    program = [sys.executable, '-c', PAYLOADS, json.dumps(['ansible.builtin.ping', *names])]
    done = subprocess.run(program, env=plays.environment(tmp_path), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    core, sizes = json.loads(done.stdout)
    empty = sizes.pop('ansible.builtin.ping')
    beyond = {name.rpartition('.')[2]: size - empty for name, size in sizes.items()}
    too_large = {name: size for name, size in beyond.items() if not 0 < size <= JUDGING_BYTES.get(name, READ_ONLY_BYTES)}
    assert too_large == {}, f'beyond ping ({empty} bytes) on ansible-core {core}'
