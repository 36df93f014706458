# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: mta_plan
short_description: Decide what has to be done so that an MTA answers
version_added: 1.0.0
description:
  - From one look at a host, says what keeps an MTA from answering where C(submit.cf) hands mail to, and what would fix it.
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
  holders:
    description:
      - Who the processes are that hold the port, as C(pid), C(exe) (the program, by C(/proc/PID/exe)), C(unit) (of systemd) and C(scripts) (the
        init scripts of the host). Without them another MTA is named, and nobody is stopped.
    type: list
    elements: dict
    default: []
  resolver_fails:
    description:
      - Whether the running MTA is known to fail in looking names up. Without it RV(ignore:ask) says when that matters.
    type: bool
  refused:
    description: What Sendmail says against C(sendmail.cf), when it does not accept it.
    type: str
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
      description: What keeps the MTA from answering and may not be, or cannot be, fixed. Sentences with the remedy.
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
      description: Processes that hold the port and are not Sendmail, as C(pid) and C(name). See who they are before anything else.
      type: list
      elements: dict
    stop:
      description: Services of other MTAs that have to be stopped and disabled, as C(pid), C(name) and C(service).
      type: list
      elements: dict
    ask:
      description: Whether it matters now if the MTA can look names up. Give O(resolver_fails) then.
      type: bool
    enable:
      description: Whether the service has to start at boot.
      type: bool
    wanted:
      description: Whether this host is to have an MTA that listens where C(submit.cf) hands mail to.
      type: bool
    sockets:
      description: Where the daemon listens now, as C(host) and C(port), to wait for their end.
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
    command:
      description: The arguments to start the program itself with. As its pid file says that it was started last, or as C(sendmail/SECURITY) says.
      type: list
      elements: str
    address:
      description: Where C(submit.cf) hands mail to, for messages.
      type: str
"""

import ipaddress
import re

# MTAs that may be stopped: the program that holds the port, and the units and init scripts that its own package ships. Nothing else is ever stopped.
# Debian's packages postfix, exim4-base, opensmtpd, courier-mta and msmtp-mta; Red Hat's postfix and exim; FreeBSD's ports.
OTHER_MTAS = (
    (r'(?:/usr(?:/local)?/(?:lib|libexec)/postfix/(?:sbin/)?)master', r'postfix(?:@[\w.-]+)?\.service', 'postfix'),
    (r'/usr/sbin/exim4|/usr/s?bin/exim|/usr/local/sbin/exim', r'exim4?\.service', 'exim4'),
    (r'/usr(?:/local)?/(?:s?bin|libexec)/(?:opensmtpd/)?smtpd', r'(?:opensmtpd|smtpd)\.service', 'opensmtpd'),
    (r'/usr/(?:s?bin|lib/courier/courier)/(?:couriertcpd|courieresmtpd)', r'courier-mta\.service', 'courier-mta'),
    (r'/usr/bin/msmtpd', r'msmtpd\.service', 'msmtpd'),
)
_REJECTS = re.compile(r'(rejecting (?:new messages|connections).*)')


def _same(one, other):
    """Whether two addresses are the same, however they are written."""
    try:
        return ipaddress.ip_address(one) == ipaddress.ip_address(other)
    except ValueError:
        return one == other


def _loopback(host):
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == 'localhost'


def _listens_at(listener, host):
    """Whether a connection to C(host) reaches this listening socket."""
    address = listener['address']
    return address in ('0.0.0.0', '::') or _same(address, host) or (host == 'localhost' and _loopback(address))  # noqa: S104 - compared, not bound


def _reached(mta, relay):
    """(the sockets that a connection to the relay reaches, whether the relay is this host: None when that is not known)."""
    reached = [one for one in mta['listeners'] if one['port'] == relay['port'] and _listens_at(one, relay['host'])]
    if 'this_host' in relay:
        listener = relay.get('listener')
        return ([listener] if listener else reached if relay['this_host'] else []), relay['this_host']
    return reached, bool(reached) or _loopback(relay['host'])


def _where(listeners):
    return ' and '.join('%s port %s' % (one['address'], one['port']) for one in listeners)


def _holder(other, known, systemd):
    """(service to stop, why nothing can be stopped) for one process that holds the port; C(known) is its entry in C(holders) or None."""
    who = '%s (process %s)' % (other['name'] or 'a process that cannot be seen', other['pid'])
    if known is None:
        return None, None
    for program, units, script in OTHER_MTAS:
        if not re.match('(?:%s)(?: \\(deleted\\))?\\Z' % program, known.get('exe') or ''):
            continue
        unit = known.get('unit') or ''
        if systemd and re.match(units + r'\Z', unit):
            # Of postfix@-.service the one that was enabled is postfix.service, and its stop stops all instances.
            return re.sub(r'(@[^.]*)?\.service\Z', '', unit), None
        if not systemd and script in (known.get('scripts') or ()):
            return script, None
        return None, ('%s was not started by the service of its package (%s). Stop it by hand.'
                      % (who, 'its unit is %s' % unit if unit else 'it belongs to no unit' if systemd else 'there is no init script %s' % script))
    return None, '%s, program %s%s, is no mail server that this role knows, and is never stopped. Give it another port, or stop it by hand.' % (
        who, known.get('exe') or 'unknown', ', unit %s' % known['unit'] if known.get('unit') else '')


def mta_plan(look, install=False, replace_other=False, unmask=False, holders=(), resolver_fails=None, refused=''):
    """See DOCUMENTATION. A pure function."""
    installation, mta, services = look['installation'], look['mta'], look['services']
    relay = dict({'host': '127.0.0.1', 'port': 25}, **{key: value for key, value in (mta['relay'] or {}).items() if value is not None or key == 'this_host'})
    greeting = mta['greeting'] or {'answered': False, 'connected': False}
    answers_sendmail = relay.get('answers') in ('sendmail', 'inetd') or bool(greeting['answered'] and re.search(r'\bSendmail\b', greeting.get('text') or ''))
    daemons = [process for process in mta['processes'] if process['role'] == 'daemon' and process['queue'] == 'mta']
    known = [process['pid'] for process in mta['processes']]
    reached, here = _reached(mta, relay)
    ours = [one for one in mta['listeners'] if one['pid'] in known or (one['name'] or 'sendmail').startswith('sendmail')]
    # inetd and systemd hold the port for Sendmail: the greeting says who answers.
    others = [{'pid': one['pid'], 'name': one['name']} for one in reached if one not in ours and one['pid'] not in known and not answers_sendmail]
    address = '%s port %s' % (relay['host'], relay['port'])
    systemd = services['init'] == 'systemd'
    has_script = services['mta']['init_script'] or installation['platform'] == 'freebsd'
    has_service = services['mta']['unit'] or has_script
    # What a package brought has a service, and where that is missing the package is broken.
    by_hand = installation['platform'] not in ('debian', 'redhat')
    mode = (installation.get('sendmail_conf') or {}).get('daemon_mode') or 'daemon'
    plan = {'errors': [], 'install': False, 'unmask': False, 'alternative': None, 'others': [], 'stop': [], 'restart': [], 'ask': False,
            'enable': False, 'wanted': here is not False, 'pids': sorted(item['pid'] for item in daemons), 'sockets': _sockets(ours),
            'init': 'systemd' if systemd and (has_service or not by_hand) else 'script' if has_script else 'binary', 'address': address,
            'command': (services['mta'].get('started_as') or 'sendmail -L sm-mta -bd -q1h').split()[1:]}
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
            errors.append('Sendmail is not installed on this host: install it with the playbook mailops.sendmail.ensure_submission, '
                          'or set sendmail_mta_install to true.')
        return plan

    if not plan['wanted']:
        # A null client: what runs here besides is not what submission needs, and not this role's to restart.
        if not greeting['answered']:
            errors.append('submit.cf hands mail to %s on another host, which does not answer (%s). Repair that host, or name an MTA that answers in '
                          "FEATURE(`msp') of submit.mc." % (address, greeting.get('text') or greeting.get('error')))
        return plan

    if others:
        if not replace_other:
            errors.append('%s is held by %s, which is not Sendmail. Stop and disable it, or set sendmail_mta_replace_other to true.'
                          % (address, ' and '.join('%s (process %s)' % (other['name'], other['pid']) for other in others)))
        else:
            plan['others'] = others
            for other in others:
                service, trouble = _holder(other, next((one for one in holders if one['pid'] == other['pid']), None), systemd)
                errors.extend([trouble] if trouble else [])
                plan['stop'].extend([dict(other, service=service)] if service and service not in [one['service'] for one in plan['stop']] else [])
    if services['mta']['masked'] and not unmask and mode == 'daemon':
        errors.append('The unit sendmail.service is masked, so the MTA cannot be started. If nobody meant that, run "systemctl unmask sendmail", '
                      'or set sendmail_mta_unmask to true.')
    if mode != 'daemon' and not answers_sendmail and not errors:
        errors.append('DAEMON_MODE in /etc/mail/sendmail.conf is %s, so no daemon of Sendmail listens, and submit.cf hands mail to %s on this host. %s '
                      "Or set DAEMON_MODE to Daemon, or name the mail hub in FEATURE(`msp') of submit.mc."
                      % (mode.capitalize(), address, 'Enable smtp in /etc/inetd.conf and start inetd.' if mode == 'inetd' else 'Nothing does.'))
    if errors:
        return plan

    oldest = min((item['started'] for item in daemons if item['started']), default=None)
    if others or not (daemons or greeting['answered']):
        restart.append('No MTA runs.')
    elif not greeting['answered']:
        reason, trouble = _unanswered(look, daemons, oldest, ours, reached, address, greeting)
        restart.extend([reason] if reason else [])
        errors.extend([trouble] if trouble else [])
    elif oldest and mta['resolver_changed'] and oldest < mta['resolver_changed']:
        # The time alone says nothing: the same servers may have been written again. What waits in the queue does.
        plan['ask'] = resolver_fails is None
        if resolver_fails:
            restart.append('The MTA was started before /etc/resolv.conf was changed, and still asks the name servers of that time.')
    if restart and refused:
        errors.append('Sendmail does not accept %s: %s. Correct sendmail.mc and make the file again; until then no start can succeed.'
                      % (installation['sendmail_cf'].get('path') or 'its configuration', refused))
    elif restart and not has_service and not by_hand:
        errors.append('There is neither a unit nor an init script of Sendmail on this host, so the MTA cannot be started. Install the package again.')
    if errors:
        restart.clear()
        return plan
    if restart and plan['init'] == 'binary':
        restart.append('No service starts it on this host, so it is started by hand, with %s, and nothing starts it at boot: give it a unit of your own.'
                       % ' '.join(['sendmail'] + plan['command']))
    plan['unmask'] = services['mta']['masked']
    plan['enable'] = plan['init'] != 'binary' and mode == 'daemon'
    return plan


def _unanswered(look, daemons, oldest, ours, reached, address, greeting):
    """Why a daemon that runs and does not answer: (a reason to restart it or None, a reason why that would not help or None)."""
    mta, changed = look['mta'], look['installation']['sendmail_cf']['changed']
    rejects = next((match.group(1) for match in (_REJECTS.search(item.get('title') or '') for item in daemons) if match), None)
    if mta['refuses_for_load']:
        return None, ('The MTA refuses connections because the load average is %s. Let the load fall, or raise RefuseLA in sendmail.mc; '
                      'a restart would not help.' % mta['load_average'])
    if rejects:
        return None, 'The MTA says that it is %s. Remove that reason; a restart would not help.' % rejects
    if greeting.get('code'):
        return None, '%s answers, but refuses: %s. See the access database and the connection limits of the MTA.' % (address, greeting['text'])
    if greeting['connected']:
        return '%s accepts connections, but does not greet.' % address, None
    if reached:
        return None, 'Sendmail listens at %s, but connections fail (%s). See the packet filter of the host.' % (address, greeting.get('error'))
    # By two seconds, because Debian's start makes the file anew, and the start of a process is known to the second only.
    if changed and oldest and oldest + 2 < changed:
        return 'The MTA runs, but does not listen at %s, and sendmail.cf is newer than it.' % address, None
    return None, ('The MTA listens at %s, but submit.cf hands mail to %s. Set Addr in DAEMON_OPTIONS of sendmail.mc to the address in submit.cf, '
                  "or name the other one in FEATURE(`msp') of submit.mc." % (_where(ours) or 'no address that a connection there would reach', address))


def _sockets(listeners):
    """Where to connect to see whether these sockets are still there."""
    wild = {'0.0.0.0': '127.0.0.1', '::': '::1'}  # noqa: S104 - compared, not bound
    return [{'host': wild.get(one['address'], one['address']), 'port': one['port']} for one in listeners]


class FilterModule:
    """Filters of the role sendmail_mta."""

    def filters(self):
        return {'mta_plan': mta_plan}
