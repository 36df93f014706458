# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: run_dangers
short_description: Say why a queue must not be run now
version_added: 1.0.0
description:
  - Takes what M(mailops.sendmail.sendmail_queue) answered in check mode, and names what a run would lose, empty, return to its senders or hang on.
  - What else that module refuses for, such as an MTA that does not answer or a disk that is full, is no danger to mail that waits.
  - The roles ask before they start anything that runs a queue.
positional: _input
options:
  _input:
    description: The registered result of the module.
    type: dict
    required: true
  diagnosis:
    description: What M(mailops.sendmail.sendmail_diagnosis_info) returned, for what returns mail to its senders.
    type: dict
    default: {}
  check:
    description:
      - Whether this is check mode, in which steps that come before a run have only said what they would fix.
      - Then only what none of them could fix is named, a relay on another host that refuses mail from this one, for example.
    type: bool
    default: false
  prepares:
    description: Whether one of these steps puts owners, modes and directories right, as the role P(mailops.sendmail.sendmail_msp#role) does. Then check
      mode does not name them.
    type: bool
    default: false
  moves:
    description: Whether messages that a run would harm would be moved into an archive before. Then check mode does not name them.
    type: bool
    default: false
  replaces:
    description: Whether another MTA that holds the port is stopped before the run. Then nothing that it answers is named.
    type: bool
    default: false
  relay:
    description: What C(mta.relay) of the facts says, from which is known whether the relay is this host.
    type: dict
author:
  - The mailops.sendmail contributors (@mailops)
seealso:
  - module: mailops.sendmail.sendmail_queue
"""

EXAMPLES = r"""
- name: See what a flush would be refused for
  mailops.sendmail.sendmail_queue:
    queue: all
  check_mode: true
  failed_when: false
  register: flush

- name: Say what is dangerous about it
  ansible.builtin.debug:
    msg: "{{ flush | mailops.sendmail.run_dangers }}"
"""

RETURN = r"""
_value:
  description: Sentences, empty when a run harms nothing.
  type: list
  elements: str
"""

KINDS = ('relay', 'recipients', 'directory', 'permissions', 'no_data', 'damaged', 'unreadable', 'temporary')
# Causes for which the MTA answers a queue run with a refusal for good, so that mail goes back to its senders.
BOUNCES = ('hosts_access',)
# What the relay answers. Where it is another host, no step on this one changes that.
ELSEWHERE = ('relay', 'recipients')
# Of messages, and not for their owners and modes.
BROKEN = ('no_data', 'damaged', 'temporary')
# What sendmail_permissions puts right.
WRONG = ('directory', 'permissions', 'unreadable')


def run_dangers(result, diagnosis=None, check=False, relay=None, moves=False, replaces=False, prepares=False):
    """See DOCUMENTATION. A pure function."""
    found, moved = [], False
    kinds = [kind for kind in KINDS if not replaces or kind not in ELSEWHERE]
    if check:
        stays = (ELSEWHERE if (relay or {}).get('this_host') is False else ()) + (() if moves else BROKEN) + (() if prepares else WRONG)
        kinds = [kind for kind in kinds if kind in stays]
    for one in result.get('refusals') or []:
        # A run waits for a rewrite that has only just begun, and harms nothing.
        if one['kind'] in kinds and not one.get('young'):
            ids, count = one.get('ids') or [], one.get('messages') or 0
            which = '%s%s: ' % (ids[0], ' and %d more' % (count - 1) if count > 1 else '') if ids else ''
            found.append('%s%s. %s' % (which, one['text'].rstrip('.'), one['remedy']))
            moved = moved or bool(ids)
    if moved:
        found.append('The role mailops.sendmail.sendmail_remediate moves such messages into an archive.')
    if check:
        return found
    if 'selected' not in result and not result.get('refusals'):   # every answer of the module that is not about the host says how many
        found.append(str(result.get('msg') or 'The queues could not be examined.'))
    if diagnosis and 'causes' not in diagnosis:
        said = str(diagnosis.get('msg') or 'The mail could not be examined.')
        found += [said] if said not in found else []
    diagnosis = diagnosis or {}
    if (diagnosis.get('messages') or {}).get('queued', 0):
        found.extend('%s. %s' % (one['title'], one['fix']['text']) for one in diagnosis.get('causes') or [] if one['id'] in BOUNCES)
    return found


class FilterModule:
    """What the roles ask before they start what runs a queue."""

    def filters(self):
        return {'run_dangers': run_dangers}
