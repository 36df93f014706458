#!/usr/bin/python
# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
module: sendmail_queue
short_description: Flush Sendmail's queues
version_added: 1.0.0
description:
  - Runs a queue now, in the foreground and within a time limit, and says of each message what became of it.
  - After a successful run every selected message that waited when the module started has been tried. When there is none, Sendmail is not started.
  - Mail that arrives during the run is left alone.
  - Everything that a run would destroy or hang on is looked for first. When there is such a thing the run is refused with the reason and
    the remedy, and nothing is touched. These are control files or directories with a wrong owner or mode, missing data files, control files that
    Sendmail would lose, drop or abort on, files left by a rewrite, and file systems that are full or read-only.
  - The first host that greets where C(submit.cf) hands mail to is asked whether it takes mail from this host, with C(MAIL FROM:<>), C(RCPT TO:<postmaster>)
    and no message. When it refuses for good, or when a program that is no mail server answers in place of the MTA of this host, nothing is run.
  - It is then asked about at most three recipients of the messages that are meant. Nothing is run when it refuses all of them for a reason of its own,
    or when it knows none of three. No recipient is asked about where the mail submission program authenticates itself, or where O(canary) is false.
  - The outcome is found by comparing the control files before and after, and from what Sendmail prints when it removes a message, because the exit
    status of a queue run says nothing.
  - While the module runs the queue, no message is returned to its sender because of its age, and no warning of a delay is sent. That is left to the next
    ordinary queue run, so that a queue which has waited for longer than C(Timeout.queuereturn) is delivered and not bounced by the attempt to rescue it.
options:
  state:
    description:
      - V(flushed) means that every selected message was tried since the module started.
    type: str
    choices: [flushed]
    default: flushed
  queue:
    description:
      - The queue to run. V(msp) is the client queue, V(mta) the queue of the mail transfer agent, V(all) both.
    type: str
    choices: [msp, mta, all]
    default: msp
  timeout:
    description:
      - How long the runs may take together. Then no further runner is started. One that has not yet handed anything of its message to the MTA is
        ended; one that has is waited for, as long as RFC 5321 lets the MTA think about it, because to end it could deliver the message twice. That is
        a moment with an MTA that answers, and up to 20 minutes with one that falls silent behind the data, or with a
        message of very many recipients. A runner that works even then goes on by itself, and its message counts as RV(taken).
        The module fails when messages were not tried.
      - A number with one of the units C(s), C(m), C(h), or a number of seconds.
    type: str
    default: 10m
  canary:
    description:
      - Try the oldest message of the client queue alone first. When it stays for a reason that holds for all, such as an MTA that does not
        answer, the rest is not tried, which would cost up to ten seconds for each, and the module fails with that reason.
      - The rest is not tried either when that message is returned to its sender for another reason than an unknown recipient, or when the three oldest
        are returned, so that a broken MTA does not make a bounce of every message.
    type: bool
    default: true
  parallel:
    description:
      - How many queue runners work at the same time, at most 100.
      - By default up to eight, fewer where there are few messages or processors or the MTA limits its connection rate.
        One runner moves 15 to 30 messages a second, eight move about six times as many.
      - One where C(SingleThreadDelivery) is set.
    type: int
  ignore_load:
    description: Run even when the load average is above C(QueueLA).
    type: bool
    default: false
  fail_on_remaining:
    description: Fail when a message was tried and is still in the queue.
    type: bool
    default: false
  leave_out_endangered:
    description:
      - Leave out messages that a run would destroy or hang on, instead of refusing to run the others. They are named in RV(left_out).
      - What is wrong with a whole directory or file system is a reason to refuse all the same.
    type: bool
    default: false
  path:
    description:
      - Append what becomes of each message to this file on the host, as JSON lines with C(id), C(queue) and C(outcome).
      - A message that leaves the queue is written down at once, so what a run has done is known even when it was killed. All messages are in the
        file, however many there are.
      - Nothing is written in check mode.
    type: path
  spread:
    description:
      - Wait for a random time up to this before the run, so that many hosts do not begin in the same second to send to one relay.
      - The time is not part of O(timeout). There is no wait where nothing is to be run.
      - A number with one of the units C(s), C(m), C(h), or a number of seconds.
    type: str
    default: "0"
extends_documentation_fragment:
  - mailops.sendmail.attributes
  - mailops.sendmail.queues.select
attributes:
  check_mode:
    support: partial
    details:
      - Nothing is run. Refusals are the same. Whether something would leave the queue is predicted from what is selected and from whether the
        MTA greets now; what the MTA would answer to each message cannot be known.
  diff_mode:
    support: full
    details:
      - Shows counts and queue ids, never what is in a message.
  idempotent:
    support: full
    details:
      - RV(ignore:changed) is true only when something left the queue. Messages that stay are tried again by each run.
seealso:
  - module: mailops.sendmail.sendmail_queue_facts
  - module: mailops.sendmail.sendmail_message_info
author:
  - The mailops.sendmail contributors (@mailops)
"""

EXAMPLES = r"""
- name: Move everything that waits in the client queue
  mailops.sendmail.sendmail_queue:
    state: flushed

- name: Try again what waited because the MTA was down, and insist
  mailops.sendmail.sendmail_queue:
    select:
      reason: [connection_refused, connection_timeout]
    fail_on_remaining: true

- name: Flush a long queue with all the time it takes
  mailops.sendmail.sendmail_queue:
    timeout: 2h
  async: 7500
  poll: 30
"""

RETURN = r"""
selected:
  description: How many messages were meant and waited when the module started.
  returned: success
  type: int
  sample: 4
relayed:
  description: How many left the queue for their next hop, all recipients.
  returned: success
  type: int
  sample: 2
bounced:
  description: How many left the queue with a permanent error for at least one recipient, of which the sender was told.
  returned: success
  type: int
  sample: 1
remaining:
  description: How many were tried and are still there.
  returned: success
  type: int
  sample: 1
quarantined:
  description: How many were quarantined during the run.
  returned: success
  type: int
  sample: 0
lost:
  description: How many Sendmail renamed to C(Qf) during the run.
  returned: success
  type: int
  sample: 0
taken:
  description: How many another queue runner had in its hands or has moved.
  returned: success
  type: int
  sample: 0
untried:
  description: How many were not tried. The module fails when there are any, except in check mode.
  returned: success
  type: int
  sample: 0
left_out:
  description:
    - Messages that O(leave_out_endangered) left out, at most 1000, with what is wrong with each. C(kind) is as in RV(refusals).
    - C(young) is true where nothing is wrong but a rewrite (tf file) of less than a minute, which may be going on.
  returned: success
  type: list
  elements: dict
  sample: [{"id": "6ANFSGsD000240", "queue": "msp", "kind": "no_data", "why": "there is no data file", "young": false}]
left_out_total:
  description: How many were left out.
  returned: success
  type: int
  sample: 1
would_try:
  description: How many messages a run would try.
  returned: in check mode
  type: int
  sample: 4
relay_answers:
  description: Whether the MTA greets where C(submit.cf) hands mail to.
  returned: in check mode
  type: bool
outcomes:
  description: The messages by outcome, at most 1000 of each. Remaining ones come with status, class of reason and recipients, bounced ones with the errors.
  returned: when something was run
  type: dict
  sample:
    relayed: [{"id": "6ANFSGsD000240", "queue": "msp"}]
    bounced: [{"id": "6ANFSHas000264", "queue": "msp", "errors": ["nosuchuser... User unknown"]}]
    remaining:
      - id: 6ANFSIOW000288
        queue: msp
        status: "Deferred: 450 4.7.1 <bob@example.org>... try later please"
        reason: temporary_reply
        recipients: 1
        recipients_done: 0
truncated:
  description: Whether there were more than are listed in RV(outcomes).
  returned: when something was run
  type: bool
reasons:
  description: Number of remaining messages by class of reason.
  returned: when something was run
  type: dict
  sample: {"temporary_reply": 1}
canary:
  description: What became of the message that was tried first, and whether it stopped the rest.
  returned: when something was run
  type: dict
  sample: {"id": "6ANFSGsD000240", "outcome": "relayed", "reason": null, "status": "", "stopped": false}
transcript:
  description: What Sendmail printed, without the dialogue, at most 50 lines.
  returned: when something was run
  type: list
  elements: str
  sample: ["nosuchuser... User unknown"]
runners:
  description: How many times Sendmail was started.
  returned: when something was run
  type: int
  sample: 2
seconds:
  description: How long the runs took.
  returned: when something was run
  type: float
  sample: 0.4
stopped:
  description: Whether O(timeout) ended a run, or was over before all had been tried.
  returned: when something was run
  type: bool
refusals:
  description: Why the run was refused. V(young) is as in RV(left_out).
  returned: when it was refused
  type: list
  elements: dict
  sample:
    - kind: no_data
      text: there is no data file
      remedy: "A run would deliver the headers with an empty body: move the message into an archive with mailops.sendmail.sendmail_message, or leave it out with
        select."
      ids: [6ANFSGsD000240]
      messages: 1
      young: false
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mailops.sendmail.plugins.module_utils import _flush, _look, _selection, _text


def main():
    module = AnsibleModule(
        argument_spec=dict(
            _selection.OPTIONS, state=dict(type='str', choices=['flushed'], default='flushed'),
            queue=dict(_look.OPTIONS['queue'], default='msp'), timeout=dict(type='str', default='10m'),
            canary=dict(type='bool', default=True), parallel=dict(type='int'), ignore_load=dict(type='bool', default=False),
            fail_on_remaining=dict(type='bool', default=False), leave_out_endangered=dict(type='bool', default=False), path=dict(type='path'),
            spread=dict(type='str', default='0')),
        supports_check_mode=True)
    _text.answer(module, lambda: _flush.flush(module.params, module.check_mode))


if __name__ == '__main__':
    main()
