# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: mta_plan
short_description: Decide what has to be done so that an MTA answers
version_added: 1.0.0
description:
  - From one look at a host, says what keeps an MTA from answering where C(submit.cf) hands mail to, and what would mend it.
  - The role P(mailops.sendmail.sendmail_mta#role) does what this filter returns, in check mode and for real; so the two cannot disagree.
  - What decides is the socket and the greeting, never what the service manager believes. On Debian the unit stays active when the daemon has died.
positional: _input
options:
  _input:
    description: The fact C(sendmail_queue) that M(mailops.sendmail.sendmail_queue_facts) returns.
    type: dict
    required: true
  install:
    description: Whether Sendmail may be installed.
    type: bool
    default: false
  replace_other:
    description: Whether another MTA may be pushed aside.
    type: bool
    default: false
  unmask:
    description: Whether a masked unit may be unmasked.
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

- name: Say what is wrong with the MTA
  ansible.builtin.debug:
    msg: "{{ (plan.errors + plan.restart) | default(['Nothing'], true) }}"
  vars:
    plan: "{{ ansible_facts['sendmail_queue'] | mailops.sendmail.mta_plan }}"
"""

RETURN = r"""
_value:
  description: The plan. Nothing has to be done when lists are empty and the rest is false or V(none).
  type: dict
  contains:
    errors:
      description: What keeps the MTA from answering and may not be, or cannot be, mended. Sentences with the remedy.
      type: list
      elements: str
    install:
      description: Whether the packages have to be installed first.
      type: bool
    unmask:
      description: Whether the unit has to be unmasked.
      type: bool
    alternative:
      description: The binary that has to own the name C(sendmail) again, if another MTA owns it.
      type: str
    others:
      description: Processes of other MTAs that hold the port, as C(pid) and C(name).
      type: list
      elements: dict
    restart:
      description: Why the daemon has to be started or restarted. Sentences.
      type: list
      elements: str
    pids:
      description: Processes of the daemon, which are not there any more after a restart.
      type: list
      elements: int
    init:
      description: How the daemon is started, V(systemd), V(script) for an init script (also without an init), or V(binary).
      type: str
    address:
      description: Where C(submit.cf) hands mail to, for messages.
      type: str
"""

_LOOPBACK = ('127.', '::1', '0:0:0:0:0:0:0:1', 'localhost')


def _listens_at(listener, host):
    """Whether a connection to C(host) reaches this listening socket."""
    address = listener['address']
    return address in ('0.0.0.0', '::', host) or (host == 'localhost' and address.startswith(_LOOPBACK))  # noqa: S104 - compared, not bound


def mta_plan(look, install=False, replace_other=False, unmask=False):
    """See DOCUMENTATION. A pure function."""
    installation, mta = look['installation'], look['mta']
    relay, greeting = mta['relay'] or {'host': '127.0.0.1', 'port': 25}, mta['greeting'] or {'answered': False, 'connected': False}
    processes = mta['processes']
    daemons = [process for process in processes if process['role'] == 'daemon' and process['queue'] == 'mta']
    known = [process['pid'] for process in processes]
    ours = [listener for listener in mta['listeners'] if listener['pid'] in known or (listener['name'] or 'sendmail').startswith('sendmail')]
    reached = [listener for listener in mta['listeners'] if _listens_at(listener, relay['host'])]
    others = [{'pid': listener['pid'], 'name': listener['name']} for listener in reached if listener not in ours]
    address = '%s port %s' % (relay['host'], relay['port'])
    here = bool(reached) or relay['host'].startswith(_LOOPBACK)
    services, configuration_changed, resolver_changed = look['services'], installation['sendmail_cf']['changed'], mta['resolver_changed']
    script = services['mta']['init_script'] or installation['platform'] == 'freebsd'
    plan = {'errors': [], 'install': False, 'unmask': False, 'alternative': None, 'others': [], 'restart': [], 'pids': sorted(item['pid'] for item in daemons),
            'init': 'systemd' if services['init'] == 'systemd' else 'script' if script else 'binary', 'address': address}
    errors, restart = plan['errors'], plan['restart']

    if installation['other_mta']:
        if not replace_other:
            errors.append('%s belongs to another MTA (%s). Give the name back to Sendmail (update-alternatives --config sendmail-msp on Debian, '
                          'alternatives --config mta on Red Hat) or remove that MTA, or set sendmail_mta_replace_other to true.'
                          % (installation['program'], installation['other_mta']))
        elif installation['installed']:
            plan['alternative'] = installation['binary']
    if not installation['installed']:
        plan['install'] = install and not errors
        if not install:
            errors.append('Sendmail is not installed. Install it, or set sendmail_mta_install to true.')
        return plan

    if services['mta']['masked']:
        plan['unmask'] = unmask
        if not unmask:
            errors.append('The unit sendmail.service is masked, so the MTA cannot be started. If nobody meant that, run "systemctl unmask sendmail", '
                          'or set sendmail_mta_unmask to true.')
    if others:
        plan['others'] = others if replace_other else []
        if not replace_other:
            errors.append('%s is held by %s, which is not Sendmail. Stop and disable it, or set sendmail_mta_replace_other to true.'
                          % (address, ' and '.join('%s (process %s)' % (other['name'], other['pid']) for other in others)))
    if errors:
        return plan

    oldest = min((item['started'] for item in daemons if item['started']), default=None)
    if others or not daemons:
        restart.append('No MTA runs.')
    elif greeting['answered']:
        pass
    elif mta['refuses_for_load']:
        errors.append('The MTA refuses connections because the load average is %s. Let the load fall, or raise RefuseLA in sendmail.mc; '
                      'a restart would not help.' % mta['load_average'])
    elif greeting.get('code'):
        errors.append('%s answers, but refuses: %s. See the access database and the connection limits of the MTA.' % (address, greeting['text']))
    elif greeting['connected']:
        restart.append('%s accepts connections, but does not greet.' % address)
    elif not here:
        errors.append('submit.cf hands mail to %s on another host, which does not answer (%s). Repair that host, or name an MTA that answers in '
                      "FEATURE(`msp') of submit.mc." % (address, greeting.get('error')))
    elif reached:
        errors.append('Sendmail listens at %s, but connections fail (%s). See the packet filter of the host.' % (address, greeting.get('error')))
    elif ours and not (configuration_changed and oldest and oldest + 2 < configuration_changed):
        # By two seconds, because Debian's start makes the file anew, and the start of a process is known to the second only.
        errors.append("The MTA listens at %s, but submit.cf hands mail to %s. Set Addr in DAEMON_OPTIONS of sendmail.mc to the address in submit.cf, or name "
                      "the other one in FEATURE(`msp') of submit.mc."
                      % (' and '.join('%s port %s' % (item['address'], item['port']) for item in ours), address))
    else:
        restart.append('The MTA runs, but does not listen at %s.' % address)
    if not errors and daemons and resolver_changed and oldest and oldest < resolver_changed:
        restart.append('The MTA was started before /etc/resolv.conf was changed, and still asks the name servers of that time.')
    return plan


class FilterModule:
    """Filters of the role sendmail_mta."""

    def filters(self):
        return {'mta_plan': mta_plan}
