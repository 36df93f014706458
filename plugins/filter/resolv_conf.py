# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: resolv_conf
short_description: Replace the name servers in the text of resolv.conf
version_added: 1.0.0
description:
  - Returns the text with the lines C(nameserver) replaced, at the place of the first one. All other lines stay as they are.
  - Where the servers are these already, in this order, the text is returned unchanged.
positional: _input, addresses
options:
  _input:
    description: What C(/etc/resolv.conf) holds.
    type: str
    required: true
  addresses:
    description: Addresses of name servers. The resolver reads three of them (resolv.conf(5)); more are an error.
    type: list
    elements: str
    required: true
author:
  - The mailops.sendmail contributors (@mailops)
seealso:
  - plugin: mailops.sendmail.option
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show what would be written
  ansible.builtin.debug:
    msg: "{{ lookup('ansible.builtin.file', '/etc/resolv.conf', rstrip=false) | mailops.sendmail.resolv_conf(['192.0.2.53']) }}"
"""

RETURN = r"""
_value:
  description: The new text. A file that says that a program writes it is an error that shows that line.
  type: str
"""

import re

from ansible.errors import AnsibleFilterError
from ansible_collections.mailops.sendmail.plugins.filter.option import option

MAXIMUM = 3   # MAXNS in resolv.h
# What these programs write at the head of the file; they would write it anew.
_WRITERS = re.compile(r'\s*[#;].*(?:NetworkManager|resolvconf|systemd-resolved|netconfig|dhclient|dhcpcd|connman|cloud-init)', re.I)
_SERVER = re.compile(r'nameserver[ \t]+(\S+)')   # the keyword stands at the beginning of a line, resolv.conf(5)


def resolv_conf(text, addresses):
    """See DOCUMENTATION. A pure function."""
    wanted = option(addresses, 'addresses')
    if not wanted:
        raise AnsibleFilterError('There are no name servers to write to /etc/resolv.conf.')
    if len(wanted) > MAXIMUM:
        raise AnsibleFilterError(f'sendmail_remediate_resolvers: {len(wanted)} name servers were given ({", ".join(wanted)}), but the resolver reads '
                                 f'only {MAXIMUM}. Name at most {MAXIMUM}.')
    lines = text.splitlines(keepends=True)
    for line in lines:
        if _WRITERS.match(line):
            raise AnsibleFilterError(f'/etc/resolv.conf says "{line.strip()[:120]}": a program writes it. Give the addresses {", ".join(wanted)} to that.')
    found = [number for number, line in enumerate(lines) if line.startswith('nameserver')]
    if [match.group(1) for match in map(_SERVER.match, lines) if match] == wanted and len(found) == len(wanted):
        return text
    place = found[0] if found else len(lines)
    if not found and lines and not lines[-1].endswith('\n'):
        lines[-1] += '\n'
    kept = [line for number, line in enumerate(lines) if number not in found]
    return ''.join(kept[:place] + [f'nameserver {address}\n' for address in wanted] + kept[place:])


class FilterModule:
    """Filters of the role sendmail_remediate."""

    def filters(self):
        return {'resolv_conf': resolv_conf}
