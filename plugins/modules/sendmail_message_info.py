#!/usr/bin/python
# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
module: sendmail_message_info
short_description: List messages in Sendmail's queues
version_added: 1.0.0
description:
  - Returns one record for each message that is selected, read from the control files of the client queue and the MTA's queue.
  - Selecting, projecting and cutting are done on the host. A long list is better written to a file there with O(path) than sent through Ansible.
  - Nothing is locked or changed by reading, and one file that cannot be read is one record or one error, never a failed run.
  - Text of a message is data. Bytes that are valid UTF-8 and printable stay as they are; every other byte, control characters included, is
    shown as C(\xHH), and a backslash that would read as such an escape is itself shown as C(\x5c). So nothing is lost and nothing reaches a terminal.
options:
  fields:
    description:
      - Return only these fields of each record. All of them by default.
    type: list
    elements: str
    choices:
      - queue
      - directory
      - id
      - state
      - created
      - age
      - last_attempt
      - attempts
      - priority
      - size
      - sender
      - user
      - bounce
      - recipients
      - recipients_total
      - status
      - reason
      - flags
      - body_type
      - quarantine_reason
      - envid
      - warning_sent
      - locked
      - problems
  limit:
    description:
      - Return no more than this many records, the oldest ones first.
      - The default is V(100), and all of them when O(path) is given.
    type: int
  headers:
    description:
      - Return these header fields of each message, such as C(Subject), unfolded and otherwise as they stand in the queue.
      - Headers can hold anything that people write to each other, so none are returned unless named.
    type: list
    elements: str
  path:
    description:
      - Write the records to this file on the host, as JSON lines, instead of returning them.
      - The file is replaced at once when it is complete, and only root can read it. Without O(limit) the records are in the order of the directory
        and memory does not grow with their number.
      - Nothing is written in check mode.
    type: path
extends_documentation_fragment:
  - mailops.sendmail.attributes
  - mailops.sendmail.attributes.info_module
  - mailops.sendmail.queues
  - mailops.sendmail.queues.select
seealso:
  - module: mailops.sendmail.sendmail_queue_facts
  - module: mailops.sendmail.sendmail_queue
author:
  - The mailops.sendmail contributors (@mailops)
"""

EXAMPLES = r"""
- name: List what has waited for more than a day in the client queue
  mailops.sendmail.sendmail_message_info:
    queue: msp
    select:
      older_than: 1d

- name: Find the mail of one cron job, with its subject
  mailops.sendmail.sendmail_message_info:
    select:
      senders: [backup, "backup@*"]
    headers: [Subject]
    fields: [id, age, recipients, reason]

- name: Write everything that waits because of DNS to a file on the host
  mailops.sendmail.sendmail_message_info:
    select:
      reason: [host_lookup, relay_lookup]
    path: /root/waits-for-dns.jsonl
"""

RETURN = r"""
messages:
  description: The records, the oldest first. Empty when O(path) is given.
  returned: success
  type: list
  elements: dict
  contains:
    queue:
      description: The queue, V(msp) or V(mta).
      type: str
    directory:
      description: The queue directory.
      type: str
      sample: /var/spool/mqueue-client
    id:
      description: The queue id.
      type: str
      sample: 6ANFSGsD000240
    state:
      description: One of V(queued), V(quarantined), V(lost), V(incomplete) and V(unreadable), as in O(select.states).
      type: str
      sample: queued
    created:
      description: When it was queued, in seconds since the epoch.
      type: int
      sample: 1795447696
    age:
      description: Seconds since it was queued.
      type: int
      sample: 86400
    last_attempt:
      description: When it was last tried, V(none) when never.
      type: int
      sample: 1795534000
    attempts:
      description: How often it was tried.
      type: int
      sample: 49
    priority:
      description: Sendmail's priority, where more means later.
      type: int
      sample: 30036
    size:
      description: Bytes of the body, V(none) when the data file is missing.
      type: int
      sample: 19
    sender:
      description: The envelope sender without angle brackets. Empty for the null sender, V(none) when the file names none.
      type: str
      sample: alice
    user:
      description: The local user who submitted it, V(none) when it came by SMTP.
      type: str
      sample: alice
    bounce:
      description: Whether it is a delivery status notification.
      type: bool
    recipients:
      description:
        - Recipients who still wait for it, at most 100 of them in a result (all of them in the file that O(path) names).
        - V(notify) is the list of conditions the sender asked to be notified of, V(none) when nothing was asked.
      type: list
      elements: dict
      sample: [{"address": "bob", "status": "", "flags": "PFD", "orcpt": null, "notify": null}]
    recipients_total:
      description: How many recipients still wait for it.
      type: int
    status:
      description: The text of the last event.
      type: str
      sample: "Deferred: Connection refused by [127.0.0.1]"
    reason:
      description: The class of the status, or of a recipient's own reply where there is one, as in O(select.reason). V(none) when nothing could be read.
      type: str
      sample: connection_refused
    flags:
      description: The flag letters of the envelope.
      type: str
      sample: s
    body_type:
      description: C(7BIT) or C(8BITMIME) where the sender said so.
      type: str
    quarantine_reason:
      description: Why it was quarantined.
      type: str
    envid:
      description: The envelope id that the sender gave.
      type: str
    warning_sent:
      description: Whether the sender was warned that it is late.
      type: bool
    locked:
      description: Whether somebody is delivering it now, V(none) where the system does not tell.
      type: bool
    problems:
      description: What a queue runner would object to in the control file.
      type: list
      elements: str
    headers:
      description: The header fields that O(headers) names, each with the list of its values.
      returned: when O(headers) is given
      type: dict
      sample: {"Subject": ["Cron <root@web1> run-parts /etc/cron.daily"]}
matched:
  description: How many messages the selection means.
  returned: success
  type: int
total:
  description: How many messages there are in the queues that were read, of any state.
  returned: success
  type: int
truncated:
  description: Whether there are more than were returned or written.
  returned: success
  type: bool
partial:
  description: Whether the module did not run as root, so that messages which the user may not read are among the V(unreadable) ones.
  returned: success
  type: bool
errors:
  description: Files and directories that could not be read, at most 100.
  returned: success
  type: list
  elements: dict
  sample: [{"path": "/var/spool/mqueue-client/qf6ANFSGsD000240", "error": "it is not a regular file"}]
file:
  description: The file that was written.
  returned: when O(path) is given, not in check mode
  type: dict
  sample: {"path": "/root/waits-for-dns.jsonl", "messages": 5120, "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mailops.sendmail.plugins.module_utils import _look, _records, _selection, _text


def main():
    module = AnsibleModule(
        argument_spec=dict(
            _look.OPTIONS, fields=dict(type='list', elements='str', choices=list(_records.FIELDS)), limit=dict(type='int'),
            headers=dict(type='list', elements='str'), path=dict(type='path'), **_selection.OPTIONS),
        supports_check_mode=True)
    params = module.params

    def work():
        selection = _selection.Selection(params['select'], int(time.time()))
        _records.check_limit(params['limit'])
        look = _look.look('queues', params['queue'], params['queue_directories'])
        missing = None if params['queue_directories'] or any(look.directories.values()) else _look.absence(look)
        if missing:
            raise _text.SendmailError(missing)
        listing = _records.Listing(look, selection, params['fields'], params['headers'], params['limit'])
        return listing.write(params['path'], module.check_mode) if params['path'] else listing.collect()
    _text.answer(module, work)


if __name__ == '__main__':
    main()
