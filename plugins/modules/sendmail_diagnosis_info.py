#!/usr/bin/python
# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
module: sendmail_diagnosis_info
short_description: Say why mail stays in Sendmail's client queue
version_added: 1.0.0
description:
  - Looks at a host once and returns the causes that keep mail in the client queue, the most fundamental one first, each with its evidence and what fixes it.
  - Several causes can hold at once. One that another one explains says so.
  - Nothing is changed. Probes are a greeting of the MTA, lookups of the domains that the waiting mail needs, and a look at file systems, processes
    and schedules, all within seconds.
  - Causes that lie in the past count too. When the MTA answers now and the messages still wait for it, the cause is that it took none when they were
    last tried.
  - Where the log of the host can be read (the journal, C(/var/log/mail.log), C(/var/log/maillog), C(/var/log/mail)), the newest line of the last week that
    a cause has left there is part of its evidence.
options:
  subjects:
    description:
      - Whether to read the subjects of waiting messages, up to 2000 of them, and say so where most are alike. They show which job mail comes from.
      - The evidence then quotes the subject, with V(#) for digits.
    type: bool
    default: false
  ledger:
    description:
      - The O(mailops.sendmail.sendmail_ledger#module:directory) of a ledger, to see whether one is open there.
    type: path
extends_documentation_fragment:
  - mailops.sendmail.attributes
  - mailops.sendmail.attributes.info_module
seealso:
  - module: mailops.sendmail.sendmail_queue_facts
  - module: mailops.sendmail.sendmail_queue
author:
  - The mailops.sendmail contributors (@mailops)
"""

EXAMPLES = r"""
- name: Find out why mail stays
  mailops.sendmail.sendmail_diagnosis_info:
  register: diagnosis

- name: Say it
  ansible.builtin.debug:
    msg: "{{ diagnosis.causes | map(attribute='title') | list }}"

- name: Find out which job sends all this
  mailops.sendmail.sendmail_diagnosis_info:
    subjects: true

- name: Stop where a queue run would do harm
  ansible.builtin.assert:
    that: diagnosis.causes | selectattr('severity', 'eq', 'critical') | length == 0
"""

RETURN = r"""
healthy:
  description: Whether there is no cause of severity V(medium) or worse, and no waiting message that is not explained.
  returned: success
  type: bool
causes:
  description: The causes that hold, the most fundamental one first.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: A stable name.
      type: str
      sample: mta_down
    title:
      description: The cause in words.
      type: str
      sample: The MTA is not running
    severity:
      description:
        - V(critical) means that mail is refused, or would be lost by a queue run; V(high) that nothing
          moves; V(medium) that some of it stays; V(low) that it is worth knowing.
      type: str
      sample: high
    evidence:
      description: What shows it, at most five sentences.
      type: list
      elements: str
      sample: ["Nothing listens on 127.0.0.1 port 25, and no Sendmail daemon is running."]
    messages:
      description: How many waiting messages it keeps, 0 where that cannot be counted.
      type: int
      sample: 12
    because_of:
      description: Causes in this list that explain this one.
      type: list
      elements: str
      sample: []
    blocks:
      description: Whether a queue run should wait until it is fixed, because no message can leave the host, or none should.
      type: bool
      sample: true
    fix:
      description: What fixes it. V(kind) is V(role), V(module) or V(manual), V(name) the role or module of this collection.
      type: dict
      sample:
        kind: role
        name: sendmail_mta
        text: Restart the service (a start may do nothing) and enable it. If the log says why it does not start, fix that first.
unexplained:
  description: Waiting messages whose reason none of the causes covers.
  returned: success
  type: dict
  sample: {"messages": 0, "examples": []}
messages:
  description:
    - Messages in the client queue by state, as in M(mailops.sendmail.sendmail_queue_facts).
    - Empty where no directory of that queue could be looked into.
  returned: success
  type: dict
  sample: {"total": 12, "queued": 12, "quarantined": 0, "lost": 0, "incomplete": 0, "unreadable": 0}
inspected:
  description: How many control files were looked into for what a queue run would do to them. No more than 20000 are.
  returned: success
  type: int
  sample: 12
domains:
  description: The ten domains of most waiting recipients, with their number by age in minutes as in M(mailops.sendmail.sendmail_queue_facts).
  returned: success
  type: list
  elements: dict
  sample: [{"domain": "example.org", "ages": {"5": 2, "1280+": 9}}]
ledger_open:
  description: Whether work that notes messages in a ledger has begun, and has not ended yet or was interrupted.
  returned: when O(ledger)
  type: bool
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mailops.sendmail.plugins.module_utils import _acceptance, _causes, _log, _look, _probe, _qshape, _services, _text


def main():
    module = AnsibleModule(argument_spec={'subjects': {'type': 'bool', 'default': False}, 'ledger': {'type': 'path'}}, supports_check_mode=True)
    ledger = module.params['ledger']

    def work():
        found = _look.look('program')
        look = _probe.probe(_services.served(found, _acceptance.ask(found, _acceptance.sample(found))), subjects=module.params['subjects'])
        return dict(_causes.diagnosis(look, lambda patterns: _log.last_week(look.now, patterns), lambda: _log.last_denied(look.now)),
                    domains=[{'domain': domain, 'ages': ages} for domain, ages in _qshape.domains(look, ('msp',))[0]],
                    **({} if ledger is None else {'ledger_open': _probe.ledger_open(ledger)}))
    _text.answer(module, work)


if __name__ == '__main__':
    main()
