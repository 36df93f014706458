#!/usr/bin/python
# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
module: sendmail_ledger
short_description: Account for every message in Sendmail's queues
version_added: 1.0.0
description:
  - Notes which messages are in the queues before some work begins, and says afterwards of every one of them where it is.
  - Lists and ledger are made on the host, so the queues may hold any number of messages.
  - Work that was interrupted and is begun again finds its list, to which only messages that came since are added. The ledger then is about all of them.
options:
  state:
    description:
      - V(opened) writes the names of all messages in both queues to a list, or adds to the one that is there.
      - V(closed) looks for each message of that list, writes the ledger, and drops the list. When nothing has moved, no ledger is kept. Without a
        list the messages that are in the queues now are counted.
      - When a message may lie in a queue that cannot be read, the module fails and keeps the list. Close it when the queue can be read.
    type: str
    choices: [opened, closed]
    required: true
  directory:
    description:
      - Where the list and the ledgers are kept on the host. It belongs to root alone, as do the directories on the way to it, and is made when it is
        missing.
      - The file C(outcomes.jsonl) in it is what O(mailops.sendmail.sendmail_queue#module:path) has to name for the ledger to know what runs have done.
    type: path
    default: /var/lib/mailops-sendmail
  archive:
    description:
      - The directory in which M(mailops.sendmail.sendmail_message) keeps what it takes out of the queues.
    type: path
    default: /var/backups/sendmail-queue
extends_documentation_fragment:
  - mailops.sendmail.attributes
attributes:
  check_mode:
    support: full
    details:
      - Nothing is written.
  diff_mode:
    support: none
    details:
      - Nothing of the mail system is changed.
  idempotent:
    support: full
    details:
      - RV(ignore:changed) is always false. A ledger is a record of what others have done, as a log is.
seealso:
  - module: mailops.sendmail.sendmail_queue
  - module: mailops.sendmail.sendmail_message
  - module: mailops.sendmail.sendmail_message_info
author:
  - The mailops.sendmail contributors (@mailops)
"""

EXAMPLES = r"""
- name: Note what is in the queues
  mailops.sendmail.sendmail_ledger:
    state: opened

- name: Flush
  mailops.sendmail.sendmail_queue:
    path: /var/lib/mailops-sendmail/outcomes.jsonl

- name: Say where each message is now
  mailops.sendmail.sendmail_ledger:
    state: closed
  register: ledger
"""

RETURN = r"""
messages:
  description: How many messages the list or the ledger names.
  returned: success
  type: int
  sample: 120
resumed:
  description: Whether a list of work that was not finished was there.
  returned: when O(state=opened)
  type: bool
  sample: false
started:
  description: When the list was opened first, in seconds since the epoch.
  returned: when O(state=closed)
  type: int
  sample: 1795447696
places:
  description:
    - How many messages are where. V(relayed) and V(bounced) have left the queue, V(waiting) ones are still in it, or what a run has split off
      them is, V(quarantined) and V(lost) ones
      too but no queue run tries them, V(archived) ones were taken out of it.
    - Of V(claimed) ones only a line of the log says that they were relayed or bounced which anybody on the host could have written. What the journal
      itself knows to come from Sendmail, and the record of our runs, is proof.
    - V(gone) ones have left it, and neither the record of our runs nor the log of the host says how.
  returned: when O(state=closed)
  type: dict
  sample: {"relayed": 117, "bounced": 1, "waiting": 1, "quarantined": 1, "lost": 0, "archived": 0, "claimed": 0, "gone": 0}
reasons:
  description: The waiting ones by the class of their reason, V(damaged) where the control file cannot be read.
  returned: when O(state=closed)
  type: dict
  sample: {"temporary_reply": 1}
entries:
  description:
    - Those that were not relayed, at most 100. All messages are in the file.
    - V(by) says how it is known that a message was relayed or bounced, V(run) from our own runs, V(log) from the log of the host.
      V(claim) is what the log claims, V(archive) where an archived one is.
  returned: when O(state=closed)
  type: list
  elements: dict
  sample:
    - {"queue": "msp", "id": "6ANFSHas000264", "created": 1795447696, "place": "bounced", "by": "run"}
    - {"queue": "msp", "id": "6ANFSISX000290", "created": 1795447699, "place": "claimed", "by": "log", "claim": "relayed"}
    - {"queue": "msp", "id": "6ANFSITY000292", "created": 1795447700, "place": "archived", "archive": "/var/backups/sendmail-queue/removed-20261123T221500Z"}
    - {"queue": "msp", "id": "6ANFSIOW000288", "created": 1795447698, "place": "waiting", "reason": "temporary_reply", "status": "Deferred: 450 4.7.1 later"}
truncated:
  description: Whether there were more.
  returned: when O(state=closed)
  type: bool
  sample: false
file:
  description: The ledger on the host, one JSON line for each message. V(none) when nothing had moved, and in check mode.
  returned: when O(state=closed)
  type: dict
  sample:
    path: /var/lib/mailops-sendmail/ledger-20261123T153416Z.jsonl
    messages: 120
    sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
errors:
  description: Queue directories that could not be read.
  returned: success
  type: list
  elements: str
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mailops.sendmail.plugins.module_utils import _archive, _ledger, _text


def main():
    module = AnsibleModule(
        argument_spec=dict(state=dict(type='str', choices=['opened', 'closed'], required=True), directory=dict(type='path', default=_ledger.DIRECTORY),
                           archive=dict(type='path', default=_archive.BASE)),
        supports_check_mode=True)
    _text.answer(module, lambda: _ledger.keep(module.params, module.check_mode))


if __name__ == '__main__':
    main()
