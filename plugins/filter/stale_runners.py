# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: stale_runners
short_description: Name the queue runners that keep old name servers, and say how they are restarted
version_added: 1.0.0
description:
  - A daemon keeps the name servers that it was started with. This filter finds the runners of the client queue that were started before
    C(/etc/resolv.conf) was written, and says which of them the platform starts.
  - The role P(mailops.sendmail.sendmail_remediate#role) restarts these, and names the others.
positional: _input
options:
  _input:
    description: The fact C(sendmail_queue) that M(mailops.sendmail.sendmail_queue_facts) returns.
    type: dict
    required: true
  check:
    description: Whether nothing was restarted, because this is check mode. What a restart reaches is not left then.
    type: bool
    default: false
  written:
    description: Whether C(/etc/resolv.conf) would be written, with O(check). Then each daemon is older than it.
    type: bool
    default: false
author:
  - The mailops.sendmail contributors (@mailops)
seealso:
  - plugin: mailops.sendmail.queue_runner_plan
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Look at Sendmail
  mailops.sendmail.sendmail_queue_facts:
    queue: msp
    level: summary

- name: Say which queue runners ask old name servers
  ansible.builtin.debug:
    msg: "{{ (ansible_facts['sendmail_queue'] | mailops.sendmail.stale_runners).left }}"
"""

RETURN = r"""
_value:
  description:
    - C(method) is the mechanism of P(mailops.sendmail.queue_runner_plan#filter) by which stale runners are restarted, and empty where there is none.
    - C(interval) is how often such a runner runs the queue, in seconds, at least 60.
    - C(left) are the process ids of stale runners that a restart does not reach.
  type: dict
  sample: {"method": "systemd_unit", "interval": 1800, "left": []}
"""


def _method(runner, look):
    """What starts this runner on its platform; '' where nothing of the platform does."""
    installation, services = look['installation'], look['services']
    if runner['source'] in ('conf_d', 'rc_conf'):
        return runner['source']
    if runner['unit'] == services['msp']['name'] + '.service':
        return 'systemd_unit'
    # With an init script the process is in no unit, or in one that systemd made for the script.
    if (runner['source'] == 'daemon' and installation['platform'] == 'debian' and (installation['sendmail_conf'] or {}).get('msp_mode') == 'daemon'
            and (services['init'] != 'systemd' or runner['unit'] == 'sendmail.service')):
        return 'debian_daemon'
    return ''


def stale_runners(look, check=False, written=False):
    """See DOCUMENTATION. A pure function."""
    changed = look['mta'].get('resolver_changed') or 0
    old = {process['pid'] for process in look['mta']['processes']
           if process['role'] == 'queue_runner' and process['queue'] == 'msp' and process.get('started')
           and (check and written or process['started'] < changed)}
    stale = [(_method(runner, look), runner) for runner in look['runners'] if runner['interval'] and runner['pid'] in old]
    # One mechanism is restarted.
    method, interval = next(((name, runner['interval']) for name, runner in stale if name), ('', 0))
    return {'method': method, 'interval': max(60, interval),
            'left': [runner['pid'] for name, runner in stale if not (check and method and name == method)]}


class FilterModule:
    """Filters of the role sendmail_remediate."""

    def filters(self):
        return {'stale_runners': stale_runners}
