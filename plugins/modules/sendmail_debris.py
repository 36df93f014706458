#!/usr/bin/python
# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
module: sendmail_debris
short_description: Clear Sendmail's queue directories of what belongs to no message
version_added: 1.0.0
description:
  - Finds files in the queue directories that belong to no deliverable message, and moves what is provably debris into an archive on the host.
  - Provably means that the file has not changed for O(older_than), that no process has it open or locked, and that no directory of any queue or queue
    group has its partner. Before a data file is moved, every control file of its id is looked for, in both queues, under each of its names. All of that is
    judged twice. What cannot be judged is left alone with the reason, and so is everything that Sendmail did not make.
  - Lost messages (C(Qf)) are not debris. They are returned to the queue where a queue run would take them, and left alone with the reason otherwise.
  - What is done in a queue is done with the user and the group that Sendmail's own runner of that queue works with, and never with more. Files whose owner is
    wrong are for M(mailops.sendmail.sendmail_permissions). Links and directories are judged as in M(mailops.sendmail.sendmail_message).
  - The archive is like the one of M(mailops.sendmail.sendmail_message) and is synced to the disk before the first file is removed.
    Its files can be unpacked with C(tar).
options:
  state:
    description:
      - V(absent) moves debris into an archive and returns lost messages to the queue.
      - M(mailops.sendmail.sendmail_debris_info) says beforehand what there is.
    type: str
    choices: [absent]
    required: true
  archive:
    description:
      - A directory on the host in which a run that removes something makes an archive of its own. It is made when it is missing.
      - It must be one that only root can write to. V(/var/backups/sendmail-queue) when it is not given.
    type: path
extends_documentation_fragment:
  - mailops.sendmail.attributes
  - mailops.sendmail.queues.debris
attributes:
  check_mode:
    support: full
    details:
      - The same code, which judges and locks each file for a moment as a run does, and changes nothing.
  diff_mode:
    support: full
    details:
      - Shows the paths and kinds of what is moved or returned.
  idempotent:
    support: full
seealso:
  - module: mailops.sendmail.sendmail_debris_info
  - module: mailops.sendmail.sendmail_message
  - module: mailops.sendmail.sendmail_queue_facts
author:
  - The mailops.sendmail contributors (@mailops)
"""

EXAMPLES = r"""
- name: Move what is older than a week away
  mailops.sendmail.sendmail_debris:
    state: absent
    older_than: 7d

- name: Clear left-over rewrites of the client queue, so that queue runs do not wait for them
  mailops.sendmail.sendmail_debris:
    state: absent
    queue: msp
    kinds: [temporary]
    older_than: 1h
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
removed:
  description: How many were moved into the archive; in check mode, how many would be.
  returned: success
  type: int
  sample: 2
returned:
  description: How many lost messages were returned to the queue, or would be.
  returned: success
  type: int
  sample: 0
left_alone:
  description: How many were left as they are. RV(outcomes) has the reason of each.
  returned: success
  type: int
  sample: 1
outcomes:
  description: The files by outcome, at most 1000 of each, with the reason where there is one.
  returned: success
  type: dict
  sample:
    removed: [{"path": "/var/spool/mqueue-client/df6ANFSGsD000240", "kind": "data_without_control"}]
    left_alone: [{"path": "/var/spool/mqueue-client/tf6ANFSHas000264", "kind": "temporary", "why": "a process has it open"}]
truncated:
  description: Whether there were more than are listed in RV(outcomes).
  returned: success
  type: bool
archive:
  description: The archive that was written, V(none) when nothing was.
  returned: success
  type: str
  sample: /var/backups/sendmail-queue/debris-20261123T221500Z
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mailops.sendmail.plugins.module_utils import _debris, _text


def main():
    module = AnsibleModule(
        argument_spec=dict(
            _debris.OPTIONS, state=dict(type='str', choices=['absent'], required=True), archive=dict(type='path')),
        supports_check_mode=True)
    _text.answer(module, lambda: _debris.clear(module.params, module.check_mode))


if __name__ == '__main__':
    main()
