# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: option
short_description: Read a variable that may have been given as text
version_added: 1.0.0
description:
  - What stands behind C(-e name=value) on a command line is always text. The argument specification of a role checks that such text can be read
    as the type it wants, and leaves the text as it is; so C(false) is a text that is not empty, and counts as true.
  - This filter reads the text as the argument specification does. Every role and playbook of the collection reads its variables through it.
positional: _input, kind, name
options:
  _input:
    description: The value, as the user gave it.
    type: raw
    required: true
  kind:
    description:
      - V(bool) reads V(yes), V(no), V(true), V(false), V(on), V(off), V(y), V(n), V(t), V(f), V(1), and V(0), in any case of letters.
      - V(int) reads a whole number, 0 or more.
      - V(list) reads items with commas between them, or a list in JSON. A single item is a list of one.
      - V(dict) reads a dictionary in JSON.
      - V(addresses) is a V(list) of IP addresses.
      - V(batches) is a V(list) of numbers of hosts and of percentages such as V(10%), each of at least 1. To Ansible 0, and no list at all, is every host
        at once.
      - V(reports) is a V(list) of the formats that P(mailops.sendmail.queue_report#filter) makes.
      - V(path) is an absolute path.
      - V(duration) is a time such as V(30m), V(1d12h) or V(90). It is returned as it was given, because a module says what a bare number means.
      - V(age) is such a time whose last number has a unit too, because a bare one is days to one reader and seconds to the next.
    type: str
    choices: [bool, int, list, dict, addresses, batches, reports, path, duration, age]
    required: true
  name:
    description:
      - The name of the variable, for the message of an error. The variables of a role need one only for what their argument specification cannot say.
    type: str
author:
  - The mailops.sendmail contributors (@mailops)
seealso:
  - plugin: mailops.sendmail.mta_plan
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Do it only when it was asked for
  ansible.builtin.debug:
    msg: It was asked for.
  when: wanted | default(false) | mailops.sendmail.option('bool')
"""

RETURN = r"""
_value:
  description: The value in its type. What cannot be read is an error that shows the value.
  type: raw
"""

import ipaddress
import json
import re

from ansible.errors import AnsibleFilterError

REPORTS = ('json',)   # of survey_queues and remediate_queues, for programs
_TRUE = ('yes', 'true', 'on', 'y', 't', '1')
_FALSE = ('no', 'false', 'off', 'n', 'f', '0')


def _shown(value):
    text = repr(str(value))
    return text if len(text) <= 80 else text[:77] + '...'


def _bool(value):
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word not in _TRUE + _FALSE:
        raise AnsibleFilterError(f'{_shown(value)} is neither true nor false.')
    return word in _TRUE


def _int(value):
    try:
        if isinstance(value, (bool, float)):
            raise ValueError(value)
        if int(str(value).strip()) < 0:
            raise ValueError(value)
        return int(str(value).strip())
    except ValueError:
        raise AnsibleFilterError(f'{_shown(value)} is not a whole number of 0 or more.') from None


def _json(value, kind, name):
    try:
        found = json.loads(value)
        if not isinstance(found, kind):
            raise ValueError(value)
    except ValueError:
        raise AnsibleFilterError(f'{_shown(value)} is not a {name} in JSON.') from None
    return found


def _list(value):
    if value is None:
        return []
    if isinstance(value, str):
        text = value.strip()
        return _json(text, list, 'list') if text.startswith('[') else [item.strip() for item in text.split(',') if item.strip()]
    if isinstance(value, (bool, int, float)):
        return [str(value)]
    if hasattr(value, 'items'):
        raise AnsibleFilterError(f'{_shown(value)} is a dictionary, not a list.')
    return list(value)


def _dict(value):
    if value is None or hasattr(value, 'items'):
        return value or {}
    return _json(str(value).strip() or '{}', dict, 'dictionary')


def _addresses(value):
    found = []
    for item in _list(value):
        try:
            ipaddress.ip_address(str(item).partition('%')[0])
            if not all(char.isalnum() or char in '.:%_-' for char in str(item)):
                raise ValueError(item)
        except ValueError:
            raise AnsibleFilterError(f'{_shown(item)} is not an IP address.') from None
        if str(item) not in found:
            found.append(str(item))
    return found


def _batches(value):
    found = [str(item).strip() for item in _list(value)]
    if not found or not all(re.fullmatch(r'[1-9][0-9]{0,8}|(?:[1-9][0-9]?|100)%', item) for item in found):
        raise AnsibleFilterError(f'{_shown(value)} does not say how large the batches are: write numbers of hosts or percentages, for example 1,10%,100%.')
    return [item if item.endswith('%') else int(item) for item in found]


def _reports(value):
    found = _list(value)
    for item in found:
        if item not in REPORTS:
            raise AnsibleFilterError(f'{_shown(item)} is not a format of this report. There is: {", ".join(REPORTS)}.')
    return found


def _path(value):
    if not isinstance(value, str) or not value.startswith('/') or not value.isprintable():
        raise AnsibleFilterError(f'{_shown(value)} is not an absolute path: write it from the root, for example /root/mail.')
    return value


def _duration(value):
    # Not at the top: Ansible loads this file in each of its workers, and most options are no durations.
    from ansible_collections.mailops.sendmail.plugins.module_utils import _text
    try:
        _text.duration(value, option='value')
    except _text.SendmailError as error:
        raise AnsibleFilterError(str(error).partition(': ')[2]) from None
    return str(value).strip()


def _age(value):
    text = _duration(value)
    if text[-1:].isdigit():
        raise AnsibleFilterError(f'{_shown(value)} is not an age with a unit (s, m, h, d or w): write {text}d, for example, for days.')
    return text


_KINDS = {'bool': _bool, 'int': _int, 'list': _list, 'dict': _dict, 'addresses': _addresses, 'batches': _batches, 'reports': _reports,
          'path': _path, 'duration': _duration, 'age': _age}


def option(value, kind, name=None):
    """See DOCUMENTATION. Raises AnsibleFilterError for a value that cannot be read."""
    if kind not in _KINDS:
        raise AnsibleFilterError(f'option: {kind!r} is not a kind. There are: {", ".join(_KINDS)}.')
    try:
        return _KINDS[kind](value)
    except AnsibleFilterError as error:
        if not name:
            raise
        raise AnsibleFilterError(f'{name}: {error}') from None


class FilterModule:
    """How roles and playbooks read what users type."""

    def filters(self):
        return {'option': option}
