# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: sendmail_conf
short_description: Set variables in the text of Debian's sendmail.conf, and lose nothing of it
version_added: 1.0.0
description:
  - Returns the text with the variables set in their own lines, or added at the end. All other lines stay as they are.
  - Debian's generator C(/usr/share/sendmail/update_conf) reads one assignment a line, with double quotes, and drops everything else that is no comment.
    A file that has such lines is an error that names them, because the generator would drop them.
positional: _input, settings
options:
  _input:
    description: What C(/etc/mail/sendmail.conf) holds.
    type: str
    required: true
  settings:
    description: What to set, each as C(name) and C(value).
    type: list
    elements: dict
    required: true
author:
  - The mailops.sendmail contributors (@mailops)
seealso:
  - plugin: mailops.sendmail.queue_runner_plan
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show the new file
  ansible.builtin.debug:
    msg: "{{ 'MSP_MODE=\"Daemon\";\n' | mailops.sendmail.sendmail_conf([{'name': 'MSP_MODE', 'value': 'Cron'}]) }}"
"""

RETURN = r"""
_value:
  description: The new text.
  type: str
"""

import re

from ansible.errors import AnsibleFilterError

# As read_config() in /usr/share/sendmail/Parse_conf.pm reads it, with nothing behind it that it would drop.
_LINE = re.compile(r'[ \t]*(\w+)="([^"\\$`]|\\\n|\\[^"$`\n]|\$\{\w+\}|\$\w+(?!\w))*"[ \t]*;?[ \t]*(#.*)?\Z', re.S)

# What it takes for the default of a variable, in whose place it puts its own; and Debian's own comments, in which it is that.
_DEFAULT = re.compile(r'#\s*(\w+)="([^"]*)"(;\s+(?:Keyword|String|string|Boolean|Binary|Timespec|Perl)\b)?')


def _logical(text):
    """(number of the first, text) of each line, with those that are continued by a backslash put together."""
    lines, number = text.split('\n'), 0
    while number < len(lines):
        first, whole = number, lines[number]
        while whole.endswith('\\') and not whole.startswith('#') and number + 1 < len(lines):
            number += 1
            whole += '\n' + lines[number]
        yield first + 1, whole
        number += 1


def _swallowed(text):
    """(number, text) of each line behind a comment that ends with a backslash: more of the comment to the generator, and not to a shell."""
    goes_on = False
    for number, line in enumerate(text.split('\n'), 1):
        comment = line.lstrip().startswith('#')
        if goes_on and line.strip() and not comment:
            yield number, line
        goes_on = line.endswith('\\') and (goes_on or comment)


def sendmail_conf(text, settings):
    """See DOCUMENTATION. A pure function."""
    wanted = {one['name']: one['value'] for one in settings}
    for name, value in wanted.items():
        if not re.match(r'[A-Z_]+\Z', name) or not re.match(r'[\w.-]*\Z', str(value), re.ASCII):
            raise AnsibleFilterError('%r is not a value for %r in sendmail.conf.' % (str(value), str(name)))
    lines, dropped, default = [], [], None
    for number, line in _logical(text):
        match = _LINE.match(line)
        comment = _DEFAULT.match(line)
        default = (None if comment.group(3) else (number, '%s="%s"' % comment.group(1, 2))) if comment else default
        if match and default and default[1] == '%s="%s"' % (match.group(1), wanted.get(match.group(1), line.split('"')[1])):
            dropped.append('the comment in line %d: %s is the default by that, and the generator sets another; remove the comment' % default)
        if line.strip() and not line.lstrip().startswith('#') and not match:
            dropped.append('line %d: %s' % (number, line.strip()[:80]))
        if match and match.group(1) in wanted:
            line = '%s="%s";%s' % (match.group(1), wanted[match.group(1)], ' ' + match.group(3) if match.group(3) else '')
            lines.append((match.group(1), line))
        else:
            lines.append((None, line))
    dropped += ['line %d, behind a comment that ends with a backslash: %s' % (number, line.strip()[:80]) for number, line in _swallowed(text)]
    # Debian's init script reads it as a shell does, to which a carriage return is part of a word.
    dos = [number for number, line in enumerate(text.split('\n'), 1) if '\r' in line and not line.lstrip().startswith('#')]
    if dos:
        raise AnsibleFilterError('/etc/mail/sendmail.conf has lines that end with a carriage return (line %d is the first), which neither the shell nor '
                                 "Debian's generator takes for the end of a line. Remove them with \"sed -i 's/\\r$//' /etc/mail/sendmail.conf\", "
                                 'and run this again.' % dos[0])
    if dropped:
        raise AnsibleFilterError("Debian's generator, which makes the cron file of /etc/mail/sendmail.conf, would drop or change what stands there "
                                 '(%s%s). Write each variable on a line of its own, with double quotes, and run this again.'
                                 % ('; '.join(dropped[:5]), ' and %d more' % (len(dropped) - 5) if len(dropped) > 5 else ''))
    missing = ['%s="%s";' % (name, value) for name, value in wanted.items() if name not in [found for found, _line in lines]]
    new = '\n'.join(line for _name, line in lines)
    if missing:
        new = new + ('' if not new or new.endswith('\n') else '\n') + '\n'.join(missing) + '\n'
    return new


class FilterModule:
    """Filters of the role sendmail_queue_runner."""

    def filters(self):
        return {'sendmail_conf': sendmail_conf}
