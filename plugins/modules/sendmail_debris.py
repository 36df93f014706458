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
    group has its partner. Before a data file is moved, every control file of its id is asked, in both queues, whatever it is called. All of that is judged
    twice. What cannot be judged is left alone with the reason, and so is everything that Sendmail did not make.
  - Lost messages (C(Qf)) are not debris. They are returned to the queue where a queue run would take them, and left alone with the reason otherwise.
  - What is done in a queue is done with the user and the group that Sendmail's own runner of that queue works with, and never with more. Files whose owner is
    wrong are for M(mailops.sendmail.sendmail_permissions). Links and directories are judged as in M(mailops.sendmail.sendmail_message).
  - The archive is like the one of M(mailops.sendmail.sendmail_message) and is synced to the disk before the first file is removed.
    Its files can be unpacked with C(tar).
options:
  state:
    description:
      - V(absent) moves debris into an archive and returns lost messages to the queue.
      - V(reported) only says what V(absent) would do.
    type: str
    choices: [absent, reported]
    default: reported
  queue:
    description:
      - The queue to search. V(msp) is the client queue, V(mta) the queue of the mail transfer agent, V(all) both.
    type: str
    choices: [msp, mta, all]
    default: all
  older_than:
    description:
      - Leave alone what was changed less long ago than this. A body that is being received has no control file yet, and may take hours.
      - A number with one of the units C(s), C(m), C(h), C(d), C(w), or a number of seconds.
    type: str
    default: 1d
  kinds:
    description:
      - What to look for, everything by default.
      - V(data_without_control) is a data file (C(df)) without any control file, V(control_without_data) a control file whose data file is missing.
      - V(incomplete) is a control file that is empty or cut short. Its data file is moved with it.
      - V(temporary) is a C(tf) file left by a rewrite, for which a queue run waits 465 seconds, V(pushed_aside) a C(Tf) file, V(transcript) an C(xf)
        file without its message. The only complete control file of an id is never moved.
      - V(lost) is a C(Qf) file.
      - V(foreign) is a file whose name is none of a queue file, which is only said. V(special) is a link, FIFO or device with the name of a queue file; others,
        directories and sockets are only said.
    type: list
    elements: str
    choices: [data_without_control, control_without_data, incomplete, temporary, pushed_aside, transcript, lost, foreign, special]
  archive:
    description:
      - A directory on the host in which a run that removes something makes an archive of its own. It is made when it is missing.
      - It must be one that only root can write to. V(/var/backups/sendmail-queue) when it is not given.
    type: path
extends_documentation_fragment:
  - mailops.sendmail.attributes
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
  - module: mailops.sendmail.sendmail_message
  - module: mailops.sendmail.sendmail_queue_facts
author:
  - The mailops.sendmail contributors (@mailops)
"""

EXAMPLES = r"""
- name: Say what lies about in the queues
  mailops.sendmail.sendmail_debris:
    state: reported

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
  description: How many were moved into the archive; with O(state=reported) and in check mode, how many would be.
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
from ansible_collections.mailops.sendmail.plugins.module_utils import _debris, _look, _text


def main():
    module = AnsibleModule(
        argument_spec=dict(
            state=dict(type='str', choices=['absent', 'reported'], default='reported'), queue=_look.OPTIONS['queue'],
            older_than=dict(type='str', default='1d'), kinds=dict(type='list', elements='str', choices=list(_debris.KINDS)), archive=dict(type='path')),
        supports_check_mode=True)
    _text.answer(module, lambda: _debris.clear(module.params, module.check_mode))


if __name__ == '__main__':
    main()
