#!/usr/bin/python
# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
module: sendmail_debris_info
short_description: List what belongs to no message in Sendmail's queue directories
version_added: 1.0.0
description:
  - Finds files in the queue directories that belong to no deliverable message, and says of each what M(mailops.sendmail.sendmail_debris) would do with it,
    by the same rules.
  - To judge a file it is locked for a moment. Nothing is changed.
extends_documentation_fragment:
  - mailops.sendmail.attributes
  - mailops.sendmail.attributes.info_module
  - mailops.sendmail.queues.debris
seealso:
  - module: mailops.sendmail.sendmail_debris
  - module: mailops.sendmail.sendmail_queue_facts
author:
  - The mailops.sendmail contributors (@mailops)
"""

EXAMPLES = r"""
- name: See what in the queues belongs to no message
  mailops.sendmail.sendmail_debris_info:
  register: debris

- name: Say why some of it would stay
  ansible.builtin.debug:
    msg: "{{ debris.files | selectattr('why') | items2dict(key_name='path', value_name='why') }}"
"""

RETURN = r"""
found:
  description: How many files of the kinds were found, of any age.
  returned: success
  type: int
  sample: 3
kinds:
  description: How many of each kind.
  returned: success
  type: dict
  sample: {"data_without_control": 2, "temporary": 1}
would_remove:
  description: How many M(mailops.sendmail.sendmail_debris) would move into an archive.
  returned: success
  type: int
  sample: 2
would_return:
  description: How many lost messages it would return to the queue.
  returned: success
  type: int
  sample: 0
left_alone:
  description: How many it would leave as they are.
  returned: success
  type: int
  sample: 1
files:
  description: The files, at most 1000 of each outcome.
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: The path. Bytes that are not printable are shown as C(\xHH).
      type: str
      sample: /var/spool/mqueue-client/tf6ANFSHas000264
    kind:
      description: One of the O(kinds).
      type: str
      sample: temporary
    outcome:
      description: What would become of it, V(removed), V(returned) or V(left_alone).
      type: str
      sample: left_alone
    why:
      description: Why it would be left alone, V(none) otherwise.
      type: str
      sample: a process has it open
truncated:
  description: Whether there were more than are listed in RV(files).
  returned: success
  type: bool
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mailops.sendmail.plugins.module_utils import _debris, _text


def main():
    module = AnsibleModule(argument_spec=_debris.OPTIONS, supports_check_mode=True)
    _text.answer(module, lambda: _debris.find(module.params))


if __name__ == '__main__':
    main()
