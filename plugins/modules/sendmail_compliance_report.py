#!/usr/bin/python
# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
module: sendmail_compliance_report
short_description: Write one report of the compliance of a fleet
version_added: 1.0.0
description:
  - Writes the report of all hosts on the controller, in all formats from one evaluation.
  - Nothing is sent to a host, and the task runs once, whatever hosts the play has.
  - Takes the results that M(mailops.sendmail.sendmail_compliance_info) has kept with its option O(mailops.sendmail.sendmail_compliance_info#module:directory),
    and those of other runs, see O(merge). Of several results of a host the newest counts.
  - A host that was not reached, or that nobody has reported, is V(unknown), one on which the check failed is V(error). Neither is ever left out.
  - Texts from hosts and from messages are escaped as each format needs it.
options:
  hosts:
    description:
      - Every host that is meant, with what the check returned for it in this run, or an empty dictionary.
    type: dict
    required: true
  directory:
    description: Where on the controller the report is written. Results are kept in C(results) below it.
    type: path
    required: true
  merge:
    description:
      - Directories with results of other runs, or shell patterns of such directories.
      - A host in them that is not among O(hosts) is in the report while its result is fresh.
    type: list
    elements: str
    default: []
  max_age:
    description: How old a result of another run may be. A host whose last one is older is V(unknown).
    type: str
    default: 1d
  formats:
    description:
      - V(html) is one page (C(report.html)) that needs nothing beside it. V(json) (C(report.json)) is versioned; its schema is
        C(docs/schemas/compliance-report-1.json) in the collection.
      - V(prometheus) (C(compliance.prom)) is for the textfile collector of node_exporter. It has totals, and the hosts that are not compliant.
      - V(junit) (C(junit.xml)), V(csv) (C(report.csv)) and V(markdown) (C(report.md)) are for build servers, spreadsheets and merge requests.
      - V(hdf) (C(hdf/HOST.json), exec-json of InSpec for MITRE SAF and Heimdall), V(arf) (C(arf/HOST.xml), results of XCCDF 1.2 in ARF 1.1) and
        V(oscal) (C(oscal/HOST.json), assessment results of OSCAL 1.1.2) are for tools of auditors. These have a file for each host of the report; other files
        of that kind are removed from their directories, so that nobody takes an old one for a result.
    type: list
    elements: str
    choices: [json, junit, csv, markdown, prometheus, html, hdf, arf, oscal]
    default: [json, junit, csv, markdown, prometheus, html]
  fail_on:
    description: The least severity that the gate minds.
    type: str
    choices: [none, low, medium, high, critical]
    default: none
  fail:
    description:
      - Fail when the gate is shut, and say why, after the report has been written.
      - With C(serial), this is for the last batch. A host whose turn is still to come is V(unknown), and shuts the gate.
    type: bool
    default: false
extends_documentation_fragment:
  - mailops.sendmail.attributes
attributes:
  check_mode:
    support: full
    details:
      - Writes the report as always, which is no change of a host.
  diff_mode:
    support: none
    details:
      - Nothing is changed on a host.
  idempotent:
    support: full
    details:
      - Nothing is changed on a host.
author:
  - The mailops.sendmail contributors (@mailops)
seealso:
  - module: mailops.sendmail.sendmail_compliance_info
"""

EXAMPLES = r"""
- name: Check every host
  mailops.sendmail.sendmail_compliance_info:
    directory: /srv/compliance/results
  register: compliance
  ignore_unreachable: true
  ignore_errors: true

- name: Write the report
  mailops.sendmail.sendmail_compliance_report:
    hosts: "{{ dict(ansible_play_hosts_all | zip(ansible_play_hosts_all | map('extract', hostvars) | map(attribute='compliance', default={}))) }}"
    directory: /srv/compliance
"""

RETURN = r"""
msg:
  description: How many hosts comply, and where the report is.
  returned: always
  type: str
hosts:
  description: How many hosts there are, and how many of each status.
  returned: success
  type: dict
  sample: {"total": 4, "compliant": 1, "failing": 1, "error": 1, "unknown": 1}
gate:
  description: Whether the gate is open, and otherwise the reasons, as sentences.
  returned: success
  type: dict
  sample: {"fail_on": "high", "open": false, "reasons": ["It is not known whether these comply: web4."]}
"""
