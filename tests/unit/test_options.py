# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users type with -e is text: no role and no playbook uses a variable of another type than text as it comes, and patterns say what they seem to say."""

from __future__ import annotations

import re
from pathlib import Path

import jinja2
import pytest
import yaml
from jinja2 import nodes

ROOT = Path(__file__).resolve().parents[2]
READER = 'mailops.sendmail.option'
# Where Ansible wants an expression without braces.
EXPRESSIONS = {'when', 'until', 'failed_when', 'changed_when', 'that'}
# Variables of the playbooks themselves, which have no argument specification.
PLAYBOOK_OPTIONS = {'flush_queues_at_once': 'int', 'remediate_queues_batches': 'batches', 'remediate_queues_max_fail': 'int',
                    'remediate_queues_reports': 'reports',
                    'survey_queues_reports': 'reports', 'flush_queues_timeout': 'duration', 'target': 'list', 'flush_queues_spread': 'duration'}
KINDS = {'bool': {'bool'}, 'int': {'int'}, 'list': {'list', 'addresses'}, 'dict': {'dict'}, 'duration': {'duration'}, 'age': {'age'}, 'batches': {'batches'},
         'reports': {'reports'}}
ROLE_FILES = sorted(path for path in (ROOT / 'roles').rglob('*') if path.parent.name in ('tasks', 'steps', 'handlers', 'vars', 'templates') and path.is_file())
PLAYBOOKS = sorted((ROOT / 'playbooks').rglob('*.yml'))
SCENARIOS = sorted((ROOT / 'extensions/molecule').rglob('*.yml'))


def options():
    """Every variable of a role or playbook that means something else than a text: {name: type}."""
    found = dict(PLAYBOOK_OPTIONS)
    for path in (ROOT / 'roles').glob('*/meta/argument_specs.yml'):
        for spec in yaml.safe_load(path.read_text())['argument_specs'].values():
            found.update({name: one['type'] for name, one in spec.get('options', {}).items() if one['type'] in KINDS})
            # A specification has no word for them: they are texts whose default is a duration. One takes whole minutes only, and asserts that itself.
            found.update({name: 'age' if re.search('_(?:after|age)$', name) else 'duration' for name, one in spec.get('options', {}).items()
                          if re.fullmatch(r'\d+[smhdw]', str(one.get('default'))) and name != 'sendmail_compliance_monitor_interval'})
    return found


def texts(node, key=''):
    """Every text of a YAML file with the key that it stands under."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from texts(value, str(name))
    elif isinstance(node, list):
        for value in node:
            yield from texts(value, key)
    elif isinstance(node, str):
        yield key, node


def trees(path):
    """The templates and expressions of a file, parsed."""
    environment = jinja2.Environment(extensions=['jinja2.ext.do', 'jinja2.ext.loopcontrols'])   # noqa: S701 - only parsed
    if path.suffix == '.j2':
        yield environment.parse(path.read_text())
        return
    for document in yaml.safe_load_all(path.read_text()):
        for key, text in texts(document):
            bare = key in EXPRESSIONS and '{{' not in text and '{%' not in text
            yield environment.parse('{{ (' + text + ') }}' if bare else text)


def raw_uses(tree, typed):
    """Names of options that are used as they come, or read as another type than their own."""
    read = {}

    def behind(node):
        """The name at the beginning of a chain of filters."""
        return behind(node.node) if isinstance(node, nodes.Filter) and node.name == 'default' and node.node else node

    for one in tree.find_all(nodes.Filter):
        if one.name == READER and isinstance(behind(one.node), nodes.Name) and one.args and isinstance(one.args[0], nodes.Const):
            read[id(behind(one.node))] = one.args[0].value
    for one in tree.find_all(nodes.Name):
        if one.name in typed and read.get(id(one)) not in KINDS[typed[one.name]]:
            yield one.name


@pytest.mark.parametrize('path', ROLE_FILES + PLAYBOOKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_options_given_as_text_are_read(path):
    typed = options()
    assert [name for tree in trees(path) for name in raw_uses(tree, typed)] == []


def test_every_option_that_is_no_text_is_used_somewhere():
    used = {name.name for path in ROLE_FILES + PLAYBOOKS for tree in trees(path) for name in tree.find_all(nodes.Name)}
    assert set(options()) - used == set()


def test_the_variables_of_playbooks_are_named_where_they_cannot_be_read():
    """Those of roles are read by their argument specification before, which names them."""
    named = {one.node.node.name if isinstance(one.node, nodes.Filter) else one.node.name: [argument.value for argument in one.args]
             for path in PLAYBOOKS for tree in trees(path) for one in tree.find_all(nodes.Filter) if one.name == READER}
    assert named == {name: [kind, name] for name, kind in PLAYBOOK_OPTIONS.items()}


@pytest.mark.parametrize('path', [path for path in ROLE_FILES if path.parts[-3] == 'sendmail_remediate'], ids=lambda path: path.name)
def test_paths_of_a_host_are_proved_once(path):
    wanted = {'sendmail_remediate_directory', 'sendmail_remediate_archive'} if path.parent.name == 'vars' else set()
    used = {name.name for tree in trees(path) for name in tree.find_all(nodes.Name)}
    assert used & {'sendmail_remediate_directory', 'sendmail_remediate_archive'} == wanted


def test_what_an_argument_specification_cannot_say_is_read_before_anything_is_done():
    values = yaml.safe_load((ROOT / 'roles/sendmail_remediate/vars/main.yml').read_text())
    read, first = set(), ['__sendmail_remediate_options']
    while first:
        for _key, text in texts(values[first.pop()]):
            names = {one.name for one in jinja2.Environment().parse(text).find_all(nodes.Name)}   # noqa: S701
            first += [name for name in names & set(values) if name not in read]
            read |= names
    wanted = {name for name, kind in options().items() if kind in ('duration', 'age', 'int') and name.startswith('sendmail_remediate_')}
    assert wanted | {'sendmail_remediate_directory', 'sendmail_remediate_archive', 'sendmail_remediate_resolvers'} == {
        name for name in read if name.startswith('sendmail_remediate_')}
    tasks = [task for one in yaml.safe_load((ROOT / 'roles/sendmail_remediate/tasks/main.yml').read_text()) for task in one['block']]
    # Since ansible-core 2.19 an item of a list is templated when it is looked at, and not before.
    assert "__sendmail_remediate_options | map('string') | list" in str(tasks[0])


@pytest.mark.parametrize('text, found', [
    ("{{ sendmail_mta_unmask }}", ['sendmail_mta_unmask']), ("{{ 1 if not sendmail_mta_unmask else 2 }}", ['sendmail_mta_unmask']),
    ("{{ sendmail_mta_unmask | bool }}", ['sendmail_mta_unmask']), ("{{ sendmail_mta_unmask | default(x) | mailops.sendmail.option('bool') }}", []),
    ("{{ sendmail_mta_unmask | mailops.sendmail.option('list') }}", ['sendmail_mta_unmask']),
    ("{% for a in sendmail_remediate_resolvers %}{% endfor %}", ['sendmail_remediate_resolvers']),
    ("{{ x | f(install=sendmail_mta_install) }}", ['sendmail_mta_install']), ("set sendmail_mta_unmask to true", [])])
def test_a_raw_use_is_found(text, found):
    assert list(raw_uses(jinja2.Environment().parse(text), options())) == found   # noqa: S701


def control_characters(tree):
    for one in tree.find_all(nodes.Const):
        if isinstance(one.value, str) and re.search(r'[\x00-\x08\x0b-\x1f\x7f]', one.value):
            yield one.value


@pytest.mark.parametrize('path', [*ROLE_FILES, *PLAYBOOKS, *SCENARIOS], ids=lambda path: str(path.relative_to(ROOT)))
def test_a_backslash_in_a_template_is_no_control_character(path):
    """In a string of Jinja a single backslash and b is a backspace, and such a pattern never matches."""
    assert [value for tree in trees(path) for value in control_characters(tree)] == []


def test_a_backspace_is_found():
    environment = jinja2.Environment()   # noqa: S701
    assert list(control_characters(environment.parse(r"{{ line is match('\s*nameserver\b') }}"))) == ['\\s*nameserver\x08']
    assert not list(control_characters(environment.parse(r"{{ line is match('nameserver\\b') }}")))
