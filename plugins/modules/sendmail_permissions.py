#!/usr/bin/python
# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
module: sendmail_permissions
short_description: Put owners, groups and modes of Sendmail's files right
version_added: 1.0.0
description:
  - Puts everything right that Sendmail insists on, in one call. That is the set-group-ID program, the queue directories with their
    C(qf), C(df) and C(xf) subdirectories and queue groups, the files in them, both configuration files, C(/etc/mail), pid and statistics files, and the
    directories that Debian keeps under C(/run/sendmail).
  - What is right comes from the packaging of the Sendmail that is installed (Debian, Red Hat, SUSE, Gentoo, Arch, FreeBSD, or Sendmail's own
    Makefiles where it was installed by hand, on any distribution), with the paths, C(RunAsUser), C(TrustedUser) and C(QueueFileMode) that
    C(submit.cf) and C(sendmail.cf) name. O(overrides) is for hosts that deliberately differ. A packaging that is not known here is refused, because
    owners are never guessed.
  - A mode that differs only in what lets nobody in is left. That is the write permission of root on his own configuration files, who may list
    C(/etc/mail) or read a pid file, and a queue of the MTA that is closed to others where the packaging leaves it open to them (FreeBSD, Arch).
  - With SELinux a directory that is made gets the context that the policy has for its path. Other contexts stay as they are.
  - A queue file is only touched when a queue run would lose it or could not read it. This is Sendmail's own check of owner, group and mode.
    It keeps its owner, the user who submitted it, unless that is root or no user at all; then it goes to the user that runs the queue.
    Messages that are lost already (C(Qf)) are made readable but not renamed.
  - Symbolic links on the way to a queue directory count only when root made them, and a directory that is never a queue, or is full of files that
    Sendmail did not make, is refused.
  - A queue directory that is missing is made, as nothing can be submitted without it. It is not made on a file system that
    C(/etc/fstab) or a mount unit names and that is not mounted. Anything else that is missing and has to be there is an error, as
    M(mailops.sendmail.sendmail_permissions) installs nothing and writes no configuration; P(mailops.sendmail.sendmail_msp#role) does.
  - On Debian the program's owner, group and mode are also entered with C(dpkg-statoverride), so that an upgrade keeps them.
  - Queues can be written to by others than root, so links are not followed there. Only directories and regular files with one name are
    changed, through descriptors. Links, FIFOs, devices, and files with several names are left alone and reported in RV(left_alone).
options:
  queue:
    description:
      - Whose files to look after. The program is looked after in any case.
      - V(msp) is for the mail submission program with C(submit.cf) and the client queue, V(mta) for the mail transfer agent with
        C(sendmail.cf) and its queues, V(all) for both.
    type: str
    choices: [msp, mta, all]
    default: all
  overrides:
    description:
      - Paths for which something else is right than the platform's own.
      - Each must be one of the paths that the module looks after, such as a queue directory; single files in a queue have no overrides.
    type: list
    elements: dict
    suboptions:
      path:
        description: The path.
        type: path
        required: true
      owner:
        description: Name of the user that has to own it. The platform's own when omitted.
        type: str
      group:
        description: Name of the group. The platform's own when omitted.
        type: str
      mode:
        description:
          - The mode as an octal number, best in quotes. The platform's own when omitted.
          - One by which anybody can write, or its owner cannot read, is refused.
        type: raw
extends_documentation_fragment:
  - mailops.sendmail.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - One line for each path, at most 100 of them.
  idempotent:
    support: full
seealso:
  - module: mailops.sendmail.sendmail_queue
  - module: mailops.sendmail.sendmail_queue_facts
author:
  - The mailops.sendmail contributors (@mailops)
"""

EXAMPLES = r"""
- name: Put everything right
  mailops.sendmail.sendmail_permissions:

- name: See what is wrong, and change nothing
  mailops.sendmail.sendmail_permissions:
  check_mode: true
  diff: true

- name: Let the monitoring group read the directory of the MTA's queue
  mailops.sendmail.sendmail_permissions:
    overrides:
      - path: /var/spool/mqueue
        group: monitoring
        mode: "2750"
"""

RETURN = r"""
changes:
  description: What was changed, or in check mode would be. The first 100 paths.
  returned: when Sendmail is installed
  type: list
  elements: dict
  contains:
    path:
      description: The path. Bytes that are not printable are shown as C(\xHH).
      type: str
      sample: /var/spool/mqueue-client/qf6ANFSGsD000240
    kind:
      description: One of V(binary), V(queue_directory), V(queue_file), V(configuration), V(directory), V(pid_file) and V(statistics).
      type: str
      sample: queue_file
    before:
      description: C(owner), C(group) and C(mode) as they were, V(none) for a directory that was missing. For Debian's program also C(statoverride).
      type: dict
      sample: {"owner": "alice", "group": "alice", "mode": "0640"}
    after:
      description: C(owner), C(group) and C(mode) as they are now.
      type: dict
      sample: {"owner": "alice", "group": "smmsp", "mode": "0660"}
changes_total:
  description: How many paths were changed.
  returned: when Sendmail is installed
  type: int
changes_by_kind:
  description: How many of each kind were changed.
  returned: when Sendmail is installed
  type: dict
  sample: {"queue_file": 2}
left_alone:
  description: What was left alone and why. The first 100 paths.
  returned: when Sendmail is installed
  type: list
  elements: dict
  sample: [{"path": "/var/spool/mqueue-client/qf6ANFSGsD000241", "reason": "It is a symbolic link."}]
left_alone_total:
  description: How many paths were left alone.
  returned: when Sendmail is installed
  type: int
errors:
  description: What could not be put right; the module fails when there is anything, after it has done the rest.
  returned: when Sendmail is installed
  type: list
  elements: dict
  sample: [{"path": "/etc/mail/submit.cf", "error": "It is missing. The role mailops.sendmail.sendmail_msp builds it."}]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mailops.sendmail.plugins.module_utils import _permissions, _text


def main():
    module = AnsibleModule(
        argument_spec=dict(
            queue=dict(type='str', choices=['msp', 'mta', 'all'], default='all'),
            overrides=dict(type='list', elements='dict', options=dict(
                path=dict(type='path', required=True), owner=dict(type='str'), group=dict(type='str'), mode=dict(type='raw')))),
        supports_check_mode=True)
    _text.answer(module, lambda: _permissions.act(module.params, module.check_mode))


if __name__ == '__main__':
    main()
