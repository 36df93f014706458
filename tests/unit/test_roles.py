# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every role: the defaults that are documented are those in force, and names begin with the name of the role."""
import os

import pytest
import yaml

ROLES = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), 'roles')
NAMES = sorted(name for name in os.listdir(ROLES) if os.path.isdir(os.path.join(ROLES, name)))


def read(role, path):
    with open(os.path.join(ROLES, role, path), encoding='utf-8') as stream:
        return yaml.safe_load(stream)


def defaults(options):
    """Defaults as ansible-core fills them in; an option without one is not in defaults/main.yml."""
    return {name: option['default'] for name, option in options.items() if 'default' in option}


@pytest.mark.parametrize('role', NAMES)
def test_documented_defaults_are_the_defaults(role):
    assert defaults(read(role, 'meta/argument_specs.yml')['argument_specs']['main']['options']) == (read(role, 'defaults/main.yml') or {})


@pytest.mark.parametrize('role', NAMES)
def test_options_begin_with_the_name_of_the_role(role):
    assert all(name.startswith(role + '_') for name in read(role, 'meta/argument_specs.yml')['argument_specs']['main']['options'])


@pytest.mark.parametrize('role', NAMES)
def test_the_role_says_what_it_supports(role):
    attributes = read(role, 'meta/argument_specs.yml')['argument_specs']['main']['attributes']
    assert {'check_mode', 'diff_mode', 'idempotent', 'platform'} <= set(attributes)
    assert all(attribute['support'] in ('full', 'partial', 'none', 'N/A') and attribute['description'] for attribute in attributes.values())
