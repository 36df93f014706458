#!/usr/bin/python
# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
module: sendmail_compliance_info
short_description: Check every control of a compliant Sendmail host in one call
version_added: 1.0.0
description:
  - Looks at a host once and judges every control of the collection, such as an MTA that runs, exactly one queue runner, right owners and modes, no lost
    mail, no open relay. The page C(docs/controls.md) of the collection lists them with the reasons.
  - Nothing is changed. Probes are a greeting of the MTA, lookups of names, one question to each name server, and C(sendmail -bv) for
    postmaster and root, all within seconds.
  - Run it as root. What cannot be seen is an V(error), never a V(pass).
  - On a host without Sendmail V(SMQ-PRG-01) fails and no other control applies. Switch that one off with O(overrides) where hosts without Sendmail are right.
options:
  profile:
    description:
      - Which controls are judged. The others are V(not_applicable).
      - V(baseline) is what every host should satisfy. V(stig) is all, with what published rules ask beyond that.
    type: str
    choices: [baseline, stig]
    default: baseline
  thresholds:
    description: Where the line is. What is not given keeps its default.
    type: dict
    suboptions:
      version:
        description: The oldest version of Sendmail that is supported. Distributions fix old versions without changing the number.
        type: str
        default: 8.15.2
      listen:
        description: Addresses on which the MTA may listen, as shell patterns. C(0.0.0.0) and C(::) mean all of them.
        type: list
        elements: str
        default: [127.*, "::1"]
      runner_interval:
        description: The longest time between two runs of the client queue.
        type: str
        default: 30m
      last_attempt:
        description: How long ago the last attempt may be, where messages have waited longer than this.
        type: str
        default: 65m
      privacy_mta:
        description: Words that C(PrivacyOptions) in C(sendmail.cf) has to have. C(goaway) stands for its parts.
        type: list
        elements: str
        default: [authwarnings, noexpn, novrfy, restrictqrun]
      privacy_msp:
        description: Words that C(PrivacyOptions) in C(submit.cf) has to have.
        type: list
        elements: str
        default: [restrictqrun]
      queue_return:
        description: After how long at the latest a message that cannot be delivered is returned.
        type: str
        default: 5d
      msp_age:
        description: How old a message in the client queue may be.
        type: str
        default: 4h
      mta_age:
        description: How old a message in the queue of the MTA may be.
        type: str
        default: 5d
      msp_messages:
        description: How many messages may wait in the client queue.
        type: int
        default: 100
      mta_messages:
        description: How many messages may wait in the queue of the MTA.
        type: int
        default: 1000
      queue_bytes:
        description: How many bytes the bodies in both queues may have together, such as V(500M).
        type: str
        default: 1G
      quarantined:
        description: How many messages may be quarantined.
        type: int
        default: 0
      free_blocks:
        description: How many times C(MinFreeBlocks) have to be free.
        type: int
        default: 10
      free_inodes:
        description: How much of the inodes has to be free, in percent.
        type: int
        default: 5
      name_seconds:
        description: How long looking up the name of the host may take, in seconds.
        type: int
        default: 5
      certificate_left:
        description: How long the certificates of TLS have to be valid yet.
        type: str
        default: 14d
      wanted:
        description: Whether Sendmail is wanted on the host. The profile V(stig) asks that somebody says so.
        type: bool
        default: false
  overrides:
    description: What differs for single controls.
    type: list
    elements: dict
    default: []
    suboptions:
      id:
        description: The control.
        type: str
        required: true
      severity:
        description: Its severity here.
        type: str
        choices: [low, medium, high, critical]
      enabled:
        description: Whether it is judged at all. One that is not is V(not_applicable).
        type: bool
        default: true
  waivers:
    description:
      - Controls that may fail for a while. A waiver changes V(fail) to V(waived) until its last day is over, in UTC.
      - After that the control fails again. A waiver has no effect on a control that passes, or that could not be judged.
    type: list
    elements: dict
    default: []
    suboptions:
      id:
        description: The control.
        type: str
        required: true
      reason:
        description: Why it may fail. The report shows it.
        type: str
        required: true
      expires:
        description: The last day on which the waiver holds, in quotes, such as V(2027-03-31).
        type: str
        required: true
  directory:
    description:
      - Keep the result in a file of this directory on the controller, and return only where it is, RV(compliant) and RV(summary).
      - So the results of thousands of hosts need little memory. M(mailops.sendmail.sendmail_compliance_report) makes the report of them.
    type: path
extends_documentation_fragment:
  - mailops.sendmail.attributes
  - mailops.sendmail.attributes.info_module
seealso:
  - module: mailops.sendmail.sendmail_diagnosis_info
  - module: mailops.sendmail.sendmail_compliance_report
author:
  - The mailops.sendmail contributors (@mailops)
"""

EXAMPLES = r"""
- name: Check a host
  mailops.sendmail.sendmail_compliance_info:
  register: compliance

- name: Say what fails
  ansible.builtin.debug:
    msg: "{{ compliance.controls | selectattr('status', 'eq', 'fail') | map(attribute='title') | list }}"

- name: Check a mail hub, which listens everywhere and has a long queue
  mailops.sendmail.sendmail_compliance_info:
    thresholds:
      listen: ["*"]
      mta_messages: 50000
    overrides:
      - id: SMQ-QUE-02
        enabled: false
    waivers:
      - id: SMQ-POL-01
        reason: The old list manager needs VRFY until it is replaced.
        expires: "2027-03-31"
"""

RETURN = r"""
controls:
  description: Every control, in the order of the page C(docs/controls.md).
  returned: success, without O(directory)
  type: list
  elements: dict
  contains:
    id:
      description: The stable name of the control.
      type: str
      sample: SMQ-RUN-01
    title:
      description: What holds on a compliant host.
      type: str
      sample: Exactly one runner serves the client queue
    severity:
      description: V(low), V(medium), V(high) or V(critical).
      type: str
      sample: high
    status:
      description:
        - V(pass), V(fail), V(waived) (it fails, and a waiver allows that), V(not_applicable), or V(error) where it could not be judged.
      type: str
      sample: fail
    expected:
      description: What has to be.
      type: str
      sample: Exactly one
    actual:
      description: What is.
      type: str
      sample: "0"
    evidence:
      description: What shows it, a few sentences.
      type: list
      elements: str
      sample: []
    remedy:
      description: What fixes it. V(kind) is V(role), V(module) or V(manual), V(name) the role or module of this collection.
      type: dict
      sample: {"kind": "role", "name": "sendmail_queue_runner", "text": "Schedule one and remove the others."}
    references:
      description: Where the rule comes from.
      type: list
      elements: str
      sample: [sendmail(8)]
    waiver:
      description: The waiver with whether it has expired, V(null) without one.
      type: dict
      sample: {"id": "SMQ-RUN-01", "reason": "A new runner comes in May.", "expires": "2027-05-31", "expired": false}
summary:
  description: How many controls have each status.
  returned: success
  type: dict
  sample: {"pass": 37, "fail": 1, "waived": 0, "not_applicable": 3, "error": 0}
compliant:
  description: Whether no control fails and every one could be judged.
  returned: success
  type: bool
host:
  description:
    - What the report says of the host beside the controls. V(queues) has messages by state, ages, bytes, reasons and the heaviest senders of each queue,
      V(domains) the waiting recipients by domain and age.
  returned: success, without O(directory)
  type: dict
  sample: {"version": "8.17.1.9", "platform": "debian", "queues": {}, "domains": {"example.org": {"1h": 2, "5d+": 1}}, "domains_cut": false}
file:
  description: Where the result is, on the controller.
  returned: success, with O(directory)
  type: str
  sample: /home/me/sendmail-compliance/results/web1.example.org.json
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mailops.sendmail.plugins.module_utils import _compliance, _text


def main():
    module = AnsibleModule(argument_spec=_compliance.OPTIONS, supports_check_mode=True)
    # The action plugin of the same name, on the controller, makes the documented result of this.
    _text.answer(module, lambda: {'look': _compliance.plain(module.params['profile'])})


if __name__ == '__main__':
    main()
