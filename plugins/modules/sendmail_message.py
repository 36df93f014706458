#!/usr/bin/python
# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
module: sendmail_message
short_description: Quarantine, release, remove and bring back messages in Sendmail's queues
version_added: 1.0.0
description:
  - Acts on the messages that O(select) names. No mail is lost by it, and none is delivered twice. Removing a message means moving it into an archive on
    the host, from where V(restored) brings it back.
  - What is done in a queue is done with the user and the group that Sendmail's own runner of that queue works with (C(RunAsUser) of C(submit.cf) for the
    client queue), and never with more. A file that this user may not read is left alone with the reason, and so is a queue that this user cannot work in.
    M(mailops.sendmail.sendmail_permissions) puts both right.
  - Symbolic links on the way to a queue directory count only when root made them. A directory that is never a queue, such as C(/srv), or one that is full of
    files that Sendmail did not make, is refused, however it got into the configuration.
  - Messages are removed under both kinds of locks that Sendmail can be built to use. One that is in delivery is left alone and reported.
  - The archive is a directory of compressed tar files with the control files, the data files and a record of each message as JSON lines, with
    the size and the SHA-256 digest of each file. Each tar file is synced to the disk before the first of its messages leaves the queue, and only root can
    read it. Beside it a file C(NUMBER.removed) says which messages have really left the queue.
  - If the module is interrupted, every message is whole in the queue or whole in the archive, and running it again settles what was left half done. A control
    file on its way out of or into the queue has a name with a dot in front (C(.qfID.ARCHIVE.NUMBER.removing)), which no queue runner looks at.
  - When something ends the work, a full disk for example, the module fails, and its result says what was done and where the mail is.
  - Memory does not grow with the number of messages.
options:
  state:
    description:
      - V(quarantined) keeps messages from being delivered, with Sendmail's own C(-Q). They stay in the queue as C(hf) files.
      - V(queued) releases quarantined messages, and examines lost ones (C(Qf)). A lost message is returned to the queue when it is sound, and its owner
        and mode are put right; otherwise it is left alone with the reason.
      - V(absent) moves messages into an archive.
      - V(restored) brings messages from an archive back into the queue. In the MTA's queue they have owner and mode as they were, or as the queue needs
        them now; in the client queue they belong to the user that runs it, as after Sendmail's own first try.
        A message that is in its queue, or was restored from this archive before, is not restored again. One is left alone while another file of its id
        is in either queue, such as a left-over rewrite (C(tf)) or a message that got the id again. So is one whose removal was interrupted before it
        had left the queue, when it is not there any more. It was probably delivered.
      - An archive proves itself before anything of it is used. A tar file that is damaged, cut short or not written by this module is refused by
        its name, the others are used, and the module fails in the end.
    type: str
    choices: [quarantined, queued, absent, restored]
    required: true
  queue:
    description:
      - The queue to act on. V(msp) is the client queue, V(mta) the queue of the mail transfer agent, V(all) both.
    type: str
    choices: [msp, mta, all]
    default: msp
  reason:
    description:
      - Why the messages are quarantined, one line. Required when O(state=quarantined); Sendmail shows it in its listing.
    type: str
  archive:
    description:
      - With O(state=absent), a directory on the host in which each run that removes something makes an archive of its own. It is made when it is missing.
        The file C(progress.json) there says how far a run is.
      - With O(state=restored), the archive to read. This is the directory that RV(archive) named, a single tar file in it, or a directory of archives.
        There, directories with names of your own are refused, because a copy does not know what was restored from the original.
      - The directory must be one that only root can write to. V(/var/backups/sendmail-queue) when it is not given.
    type: path
  max_affected:
    description:
      - Refuse to do anything when more messages than this are selected.
      - The default is V(1000) with O(state=absent), and no limit otherwise.
    type: int
  confirm_all:
    description:
      - Act on every message in the queue when O(select) is empty, which is refused otherwise.
      - V(restored) needs no confirmation.
    type: bool
    default: false
extends_documentation_fragment:
  - mailops.sendmail.attributes
  - mailops.sendmail.queues.select
attributes:
  check_mode:
    support: full
    details:
      - The same code, which locks and judges each message for a moment as a run does, and changes nothing. A message that is delivered or locked between
        the check and the run is then accounted for differently.
  diff_mode:
    support: full
    details:
      - Shows counts and queue ids, never what is in a message.
  idempotent:
    support: full
seealso:
  - module: mailops.sendmail.sendmail_message_info
  - module: mailops.sendmail.sendmail_debris
  - module: mailops.sendmail.sendmail_queue
author:
  - The mailops.sendmail contributors (@mailops)
"""

EXAMPLES = r"""
- name: Keep the mail of one job back until somebody has looked at it
  mailops.sendmail.sendmail_message:
    state: quarantined
    reason: floods the list, ticket 4711
    select:
      senders: [backup, "backup@*"]

- name: Let it go again
  mailops.sendmail.sendmail_message:
    state: queued
    select:
      senders: [backup, "backup@*"]

- name: Move mail that nobody wants any more out of the queue
  mailops.sendmail.sendmail_message:
    state: absent
    select:
      older_than: 30d
      recipients: ["root@*"]
    max_affected: 20000

- name: Move a million messages, with all the time it takes
  mailops.sendmail.sendmail_message:
    state: absent
    confirm_all: true
    max_affected: 2000000
  async: 7200
  poll: 30

- name: Bring one message back
  mailops.sendmail.sendmail_message:
    state: restored
    archive: /var/backups/sendmail-queue/removed-20261123T221500Z
    select:
      ids: [6ANFSGsD000240]
"""

RETURN = r"""
selected:
  description: How many messages were meant.
  returned: success
  type: int
  sample: 4
quarantined:
  description: How many were quarantined; in check mode, how many would be, as for the other numbers.
  returned: success
  type: int
  sample: 0
queued:
  description: How many were released or returned to the queue; with O(state=absent), how many that were not selected an interrupted run had left half way.
  returned: success
  type: int
  sample: 0
removed:
  description: How many were moved into the archive.
  returned: success
  type: int
  sample: 3
restored:
  description: How many were brought back.
  returned: success
  type: int
  sample: 0
already:
  description: How many did not have to be restored, because they are in the queue or were restored before.
  returned: success
  type: int
  sample: 0
taken:
  description: How many left the queue by other hands during the run, usually because they were delivered.
  returned: success
  type: int
  sample: 0
left_alone:
  description: How many were left as they were. RV(outcomes) has the reason of each.
  returned: success
  type: int
  sample: 1
outcomes:
  description: The messages by outcome, at most 1000 of each, with their id and queue, and with the reason where there is one.
  returned: success
  type: dict
  sample:
    removed: [{"id": "6ANFSGsD000240", "queue": "msp"}]
    left_alone: [{"id": "6ANFSHas000264", "queue": "msp", "why": "it is in delivery: another process has locked it"}]
truncated:
  description: Whether there were more than are listed in RV(outcomes).
  returned: success
  type: bool
archive:
  description: The archive that was written, or the one that was read. V(none) when nothing was archived.
  returned: success
  type: str
  sample: /var/backups/sendmail-queue/removed-20261123T221500Z
refused:
  description: The tar files of an archive that were refused with O(state=restored), and why.
  returned: always
  type: list
  elements: dict
  sample: []
transcript:
  description: What Sendmail printed apart from what it says of each message it changed, at most 50 lines.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mailops.sendmail.plugins.module_utils import _look, _message, _selection, _text


def main():
    module = AnsibleModule(
        argument_spec=dict(
            _selection.OPTIONS, state=dict(type='str', choices=['quarantined', 'queued', 'absent', 'restored'], required=True),
            queue=dict(_look.OPTIONS['queue'], default='msp'), reason=dict(type='str'), archive=dict(type='path'),
            max_affected=dict(type='int'), confirm_all=dict(type='bool', default=False)),
        required_if=[('state', 'quarantined', ['reason'])],
        supports_check_mode=True)
    _text.answer(module, lambda: _message.act(module.params, module.check_mode))


if __name__ == '__main__':
    main()
