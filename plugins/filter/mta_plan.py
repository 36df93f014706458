# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: mta_plan
short_description: Decide what has to be done so that an MTA answers
version_added: 1.0.0
description:
  - From one look at a host, says what keeps an MTA from answering where C(submit.cf) hands mail to, and what would fix
    it.
  - The role P(mailops.sendmail.sendmail_mta#role) does what this filter returns, in check mode and for real; so the two
    cannot disagree.
  - What decides is the way of mail (C(mta.relay)), the socket and the greeting, never what the service manager
    believes. On Debian the unit stays active when the daemon has died.
  - With an error nothing of the plan remains to be done.
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
  service:
    description:
      - With V(create), a Sendmail that was built by hand and has neither a unit nor an init script gets a unit.
    type: str
    choices: [existing, create]
    default: existing
  holders:
    description:
      - Who the processes are that hold the port, as C(pid), C(exe) (the program, by C(/proc/PID/exe)), C(unit) (of
        systemd) and C(scripts) (the init scripts of the host). Without them another MTA is named, and nobody is
        stopped.
    type: list
    elements: dict
    default: []
  resolver_fails:
    description:
      - Whether the running MTA is known to fail in looking names up. Without it RV(ignore:ask) says when that matters.
    type: bool
  alternatives:
    description: Whether the alternatives system can give the name C(sendmail) back, because the name is a link.
    type: bool
    default: true
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
    first:
      description: What another role has to do before anything can be said. Sentences.
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
      description: Processes that hold the port and are not Sendmail, as C(pid) and C(name). See who they are before
        anything else.
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
      description: Where those of RV(ignore:strays) listen, as C(host) and C(port), to wait for their end.
      type: list
      elements: dict
    restart:
      description: Why the daemon has to be started or restarted. Sentences.
      type: list
      elements: str
    create:
      description: Whether a unit has to be written first, which runs RV(ignore:command).
      type: bool
    strays:
      description: Those of RV(ignore:pids) that have to be ended by hand, because the service manager did not start them.
      type: list
      elements: int
    watched:
      description: Whether a container or a supervisor watches the daemon, so that only that may restart it.
      type: bool
    pids:
      description: Processes of the daemon that a restart replaces, or of all daemons where it would replace none.
      type: list
      elements: int
    init:
      description: How the daemon is started, V(systemd), V(script) for an init script (also without an init), or
        V(binary).
      type: str
    command:
      description: The arguments to start the program itself with. As its pid file says that it was started last, or as
        C(sendmail/SECURITY) says.
      type: list
      elements: str
    address:
      description: Where C(submit.cf) hands mail to, for messages.
      type: str
"""

import re

# MTAs that may be stopped: the program that holds the port, and the units and init scripts that its own package ships.
# Nothing else is ever stopped.
# Debian's packages postfix, exim4-base, opensmtpd, courier-mta and msmtp-mta; Red Hat's postfix and exim; FreeBSD's
# ports.
OTHER_MTAS = (
    (r'(?:/usr(?:/local)?/(?:lib|libexec)/postfix/(?:sbin/)?)master', r'postfix(?:@[\w.-]+)?\.service', 'postfix'),
    (r'/usr/sbin/exim4|/usr/s?bin/exim|/usr/local/sbin/exim', r'exim4?\.service', 'exim4'),
    (r'/usr(?:/local)?/(?:s?bin|libexec)/(?:opensmtpd/)?smtpd', r'(?:opensmtpd|smtpd)\.service', 'opensmtpd'),
    (r'/usr/(?:s?bin|lib/courier/courier)/(?:couriertcpd|courieresmtpd)', r'courier-mta\.service', 'courier-mta'),
    (r'/usr/bin/msmtpd', r'msmtpd\.service', 'msmtpd'),
)
# Where the packages are known that the role installs, and where the alternatives system says who has the name.
_PACKAGED = ('debian', 'redhat')
# How the name is given back elsewhere.
_NAMES = {
    'freebsd': 'Name /usr/libexec/sendmail/sendmail in mailer.conf, of which /usr/local/etc/mail comes before /etc/mail.',
    'gentoo': 'Remove that package, or correct /etc/mail/mailer.conf.',
}
# Units that only hold what somebody typed or a cron line started.
_LOGIN = re.compile(r'(?:user@\d+|sshd?(?:@\S*)?|getty@\S*|cron|crond|cronie|atd)\.service\Z')
_NOBODY = {'answered': False, 'connected': False, 'code': None, 'text': None, 'error': None}
_ANOTHER = re.compile(r'\s-C ?(?!/etc/(?:mail/)?sendmail\.cf(?:\s|$))(\S+)')
_REJECTS = re.compile(r'(rejecting (?:new messages|connections).*)')


def _where(listeners):
    return ' and '.join('%s port %s' % (one['address'], one['port']) for one in listeners)


def _own(unit, service):
    """Whether a daemon in this unit may be that of the service: what a login or cron started may be."""
    return unit == service['name'] + '.service' or bool(_LOGIN.match(unit))


def _holder(other, known, systemd):
    """(service to stop, why nothing can be stopped) for one process that holds the port; C(known) is its entry in
    C(holders) or None.
    """
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
        return None, (
            '%s was not started by the service of its package (%s). Stop it by hand.'
            % (
                who,
                'its unit is %s' % unit
                if unit
                else 'it belongs to no unit'
                if systemd
                else 'there is no init script %s' % script,
            )
        )
    return (
        None,
        '%s, program %s%s, is not a mail server that this role knows, so it is never stopped. Give it another port, or '
        'stop it by hand.'
        % (who, known.get('exe') or 'unknown', ', unit %s' % known['unit'] if known.get('unit') else ''),
    )


def mta_plan(
    look,
    install=False,
    replace_other=False,
    unmask=False,
    service='existing',
    holders=(),
    resolver_fails=None,
    alternatives=True,
    refused='',
):
    """See DOCUMENTATION. A pure function."""
    mta, found = look['mta'], look['services']['mta']
    known = [process['pid'] for process in mta['processes']]
    ours = [
        one for one in mta['listeners'] if one['pid'] in known or (one['name'] or 'sendmail').startswith('sendmail')
    ]
    daemons = [process for process in mta['processes'] if process['role'] == 'daemon' and process['queue'] == 'mta']
    relay = mta['relay'] or {'host': '127.0.0.1', 'port': 25, 'this_host': True}
    plan = {
        'errors': [],
        'first': [],
        'install': False,
        'unmask': False,
        'create': False,
        'alternative': None,
        'others': [],
        'stop': [],
        'restart': [],
        'ask': False,
        'enable': False,
        'wanted': relay['this_host'] is not False,
        'pids': sorted(item['pid'] for item in daemons),
        'sockets': [],
        'init': _init(look),
        'address': relay.get('path') or '%s port %s' % (relay['host'], relay['port']),
        # In the foreground it would never come back to who starts it here.
        'command': [
            '-bd' if word == '-bD' else word
            for word in (found.get('started_as') or 'sendmail -L sm-mta -bd -q1h').split()[1:]
        ],
    }
    known_way = _sendmail(plan, look['installation'], install, replace_other, alternatives) and _way(plan, look, relay)
    if known_way and relay['this_host'] is not False:
        _listener(plan, look, relay, ours, known, replace_other, holders)
        _service(plan, look, relay, unmask, service == 'create')
        if not plan['errors']:
            _start(plan, look, relay, daemons, ours, resolver_fails, refused)
        other = another_file(found, look['installation']['platform'])
        if plan['restart'] and other:
            plan['errors'].append(other)
    if plan['errors']:
        # All or nothing: what is refused in part would leave the host between two MTAs.
        plan.update(
            install=False, unmask=False, create=False, alternative=None, stop=[], restart=[], ask=False, enable=False
        )
    inside, loose = _started_by(look, daemons)
    # A restart by systemd ends what is in the unit alone. Beside that, one that was started by hand is another instance.
    systemd = plan['init'] == 'systemd'
    replaced = inside or loose if systemd else sorted(inside + loose)
    plan['pids'] = replaced or plan['pids']
    plan['watched'] = _watched(plan, look, daemons)
    # With its first process a container ends.
    plan['strays'] = [] if systemd and inside else [pid for pid in replaced if pid != 1]
    plan['sockets'] = sockets([one for one in ours if not systemd or one['pid'] in plan['strays']])
    return plan


def another_file(service, platform):
    """Why a package's service must not take the place of an MTA that was started by hand with another configuration.

    Debian's own command, also with -C from sendmail.conf, has -Am. Red Hat's unit takes it from /etc/sysconfig/sendmail.
    """
    command = service.get('started_as') or ''
    file, own = (_ANOTHER.search(text or '') for text in (command, service.get('command')))
    if file and ' -Am ' not in command and platform not in ('upstream', 'unknown') and not (own and own[1] == file[1]):
        return (
            'By its pid file the MTA was started last with %s. The service may start it with another configuration, '
            'which returns mail. Start it as before ("%s"), or remove its pid file.' % (file.group(1), command)
        )
    return None


def _watched(plan, look, daemons):
    """Whether supervisord, runit or s6 would start it again beside ours, or a container end with its first process."""
    started_as = look['services']['mta'].get('started_as') or ''
    return plan['init'] != 'systemd' and (1 in plan['pids'] or (bool(daemons) and '-bD' in started_as.split()))


def _started_by(look, daemons):
    """(pids of the service, pids that nobody's service started). One in a unit of another name is neither: nothing here
    would start it again.
    """
    service, systemd = look['services']['mta'], look['services']['init'] == 'systemd'
    # Without systemd the cgroup of a container may still name a unit of the host.
    units = {item['pid']: item.get('unit') if systemd else None for item in daemons}
    return (
        sorted(pid for pid, unit in units.items() if unit == service['name'] + '.service'),
        sorted(pid for pid, unit in units.items() if not unit or _LOGIN.match(unit)),
    )


def elsewhere(look):
    """The unit of another name in which all daemons are, as MailScanner's, which conflict with those of the package; or
    nothing.
    """
    daemons = [
        process
        for process in (look.get('mta') or {}).get('processes', [])
        if process.get('role') == 'daemon' and process['queue'] == 'mta'
    ]
    return '' if not daemons or any(_started_by(look, daemons)) else daemons[0]['unit']


def _init(look):
    """How the MTA is started here."""
    init, service, family = look['services']['init'], look['services']['mta'], look['installation']['platform']
    # A script for openrc-run runs only where OpenRC has booted; FreeBSD has one in its base system.
    script = family == 'freebsd' or bool(service['init_script'] and (family != 'gentoo' or init == 'openrc'))
    if init == 'systemd' and (service['unit'] or script or family not in ('upstream', 'unknown')):
        return 'systemd'
    return 'script' if script else 'binary'


def _sendmail(plan, installation, install, replace_other, alternatives):
    """Whether there is a Sendmail to go on with, and whose the name is."""
    family, other, errors = installation['platform'], installation['other_mta'], plan['errors']
    owner = '%s %s' % (
        installation['program'],
        'is neither Sendmail nor an MTA that this role knows'
        if other == 'unknown'
        else 'belongs to another MTA (%s)' % other,
    )
    # update-alternatives warns that it does not replace a file with a link, and succeeds.
    if other and installation['installed'] and not (family in _PACKAGED and alternatives):
        errors.append(
            '%s. Give the name back to Sendmail by hand. %s'
            % (
                owner,
                _NAMES.get(
                    family,
                    'Remove %s, or link the name to %s.'
                    % ('that file' if other == 'unknown' else 'that MTA', installation['binary']),
                ),
            )
        )
    elif other and not replace_other:
        errors.append(
            '%s. Give the name back to Sendmail (update-alternatives --config sendmail-msp on Debian, alternatives '
            '--config mta on Red Hat) or remove that MTA, or set sendmail_mta_replace_other to true.' % owner
        )
    elif other and installation['installed']:
        plan['alternative'] = installation['binary']
    if not installation['installed']:
        if not install:
            errors.append(
                'Sendmail is not installed on this host: install it with the playbook mailops.sendmail.ensure_submission, '
                'or set sendmail_mta_install to true.'
            )
        elif family not in _PACKAGED:
            errors.append(
                'Sendmail is not installed, and this role knows no package of it for this platform (%s). Install '
                'Sendmail first.'
                % family
            )
        plan['install'] = not errors
    return installation['installed']


def _way(plan, look, relay):
    """Whether it is known where mail goes."""
    submit, greeting, errors = (
        look['installation'].get('submit_cf') or {},
        look['mta']['greeting'] or _NOBODY,
        plan['errors'],
    )
    if look['mta']['relay'] is None and not submit.get('exists', True):
        plan['first'].append(
            'There is no submit.cf, so nothing says where mail goes. Apply the role '
            'mailops.sendmail.sendmail_msp first.'
        )
        return False
    if look['mta']['relay'] is None:
        errors.append(
            "%s names no relay, so nothing says where mail goes. Name it in FEATURE(`msp') of submit.mc, and "
            "rebuild the file."
            % submit.get('path', 'submit.cf')
        )
    elif relay.get('path'):
        errors.append(
            "submit.cf hands mail to the socket %s in the file system. Start what listens there by hand, or name an "
            "MTA by its address in FEATURE(`msp') of submit.mc." % relay['path']
        )
    elif relay['this_host'] is None and not relay.get('places'):
        # With a name that leads nowhere it is not known either whether an MTA is wanted here.
        errors.append(
            "submit.cf hands mail to %s, and %s has no address (%s). Fix name resolution (/etc/resolv.conf, "
            "/etc/hosts), or name the MTA by its address in FEATURE(`msp') of submit.mc."
            % (plan['address'], relay['host'], greeting['error'] or 'its MX lead back to this host')
        )
    elif relay['this_host'] is False and not greeting['answered']:
        # A null client: what runs here besides is not what submission needs, and not this role's to restart.
        errors.append(
            "submit.cf hands mail to %s on another host, which does not answer (%s). Repair that host, or name an "
            "MTA that answers in FEATURE(`msp') of submit.mc."
            % (plan['address'], greeting.get('text') or greeting.get('error'))
        )
    return True


def _listener(plan, look, relay, ours, known, replace_other, holders):
    """Who holds the socket that mail for this host reaches."""
    from ansible_collections.mailops.sendmail.plugins.module_utils import _route

    who, one, errors = relay.get('answers'), relay.get('listener'), plan['errors']
    if who not in ('other_mta', 'stranger'):
        return
    if one is None:
        if who == 'other_mta' or not plan['pids']:
            errors.append(
                '%s answers (%s), but is not Sendmail, and no process of this host listens there. Check the packet '
                'filter for a redirect (REDIRECT, DNAT).'
                % (plan['address'], (look['mta']['greeting'] or _NOBODY)['text'] or 'without a greeting')
            )
    elif one['pid'] in known or one in ours:
        return
    elif one['name'] in _route.SUPERVISORS and who == 'stranger':
        errors.append(
            '%s (process %s) holds %s for a program that does not greet as an MTA does. See %s.'
            % (
                one['name'],
                one['pid'],
                plan['address'],
                '"systemctl list-sockets"'
                if one['name'] == 'systemd'
                else 'its configuration, /etc/inetd.conf or /etc/xinetd.d, and its log',
            )
        )
    elif not replace_other:
        errors.append(
            '%s is held by %s (process %s), which is not Sendmail. Stop and disable it, or, where it is another MTA, '
            'set sendmail_mta_replace_other to true.'
            % (plan['address'], one['name'], one['pid'])
        )
    else:
        other = {'pid': one['pid'], 'name': one['name']}
        plan['others'] = [other]
        service, trouble = _holder(
            other,
            next((it for it in holders if it['pid'] == other['pid']), None),
            look['services']['init'] == 'systemd',
        )
        errors.extend([trouble] if trouble else [])
        plan['stop'] = [dict(other, service=service)] if service else []


def _service(plan, look, relay, unmask, create):
    """Whether the service of the MTA is meant to run, and can."""
    installation, service, who = look['installation'], look['services']['mta'], relay.get('answers')
    mode = (installation.get('sendmail_conf') or {}).get('daemon_mode') or 'daemon'
    answered = who in ('sendmail', 'inetd') and (look['mta']['greeting'] or _NOBODY)['answered']
    if mode != 'daemon' and not answered and not plan['errors']:
        plan['errors'].append(
            "DAEMON_MODE in /etc/mail/sendmail.conf is %s, so no daemon of Sendmail listens, and submit.cf hands "
            "mail to %s on this host, where nothing listens. %s DAEMON_MODE to Daemon, or name the mail hub in "
            "FEATURE(`msp') of submit.mc."
            % (
                mode.capitalize(),
                plan['address'],
                'Enable smtp in /etc/inetd.conf and start inetd, or set' if mode == 'inetd' else 'Set',
            )
        )
    # inetd, or a socket unit, starts it for each connection: a daemon beside it would find the port taken.
    if mode != 'daemon' or who == 'inetd':
        return
    # On FreeBSD sendmail_enable means a daemon for the network, and sendmail_submit_enable is on without anybody's
    # doing.
    if installation['platform'] == 'freebsd':
        return
    if answered and not create and elsewhere(look):
        return
    if service['masked'] and not unmask:
        plan['errors'].append(
            'The unit sendmail.service is masked, so the MTA cannot be started. If nobody meant that, run "systemctl '
            'unmask sendmail", or set sendmail_mta_unmask to true.'
        )
    plan['unmask'] = service['masked']
    if create and plan['init'] == 'binary':
        _create(plan, look, answered)
    plan['enable'] = plan['init'] != 'binary' and installation['platform'] != 'unknown'


def _create(plan, look, answered):
    """A unit for a Sendmail that has no service."""
    family, init = look['installation']['platform'], look['services']['init']
    daemons = [item for item in look['mta']['processes'] if item['pid'] in plan['pids']]
    inside, loose = _started_by(look, daemons)
    if family == 'unknown':
        plan['errors'].append(
            'This role does not know the packaging of this Sendmail, so it writes no unit. Write one, or set '
            'sendmail_mta_service to existing.'
        )
    elif init != 'systemd':
        plan['errors'].append(
            'No service starts the MTA on this host, and systemd does not run here, so no unit is written. Have the '
            'init of this host, or what starts the container, run "%s", and set sendmail_mta_service to existing.'
            % ' '.join(['sendmail'] + plan['command'])
        )
    # At the next boot it would compete for the port with the unit or the container that answers now.
    elif len(inside + loose) == len(daemons) and (daemons or not answered):
        # In the foreground, so that systemd knows its process, and a stop leaves deliveries to end by themselves.
        foreground = ['-bD' if word == '-bd' else word for word in plan['command']]
        plan.update(create=True, init='systemd', command=foreground)


def _start(plan, look, relay, daemons, ours, resolver_fails, refused):
    """Why the MTA has to be started, and what would be in the way of that."""
    mta, errors, restart = look['mta'], plan['errors'], plan['restart']
    greeting = mta['greeting'] or _NOBODY
    oldest = min((item['started'] for item in daemons if item['started']), default=None)
    if plan['others'] or not (daemons or greeting['answered']):
        restart.append('No MTA runs.')
    elif not greeting['answered']:
        reason, trouble = _unanswered(look, daemons, oldest, ours, relay.get('listener'), plan['address'], greeting)
        restart.extend([reason] if reason else [])
        errors.extend([trouble] if trouble else [])
    elif oldest and mta['resolver_changed'] and oldest < mta['resolver_changed']:
        # The time alone says nothing: the same servers may have been written again. What waits in the queue does.
        plan['ask'] = resolver_fails is None
        if resolver_fails:
            restart.append(
                'The MTA was started before /etc/resolv.conf was changed, and still asks the name servers of that time.'
            )
    if not restart:
        return
    obstacle = _obstacle(plan, look, daemons, refused)
    if obstacle:
        errors.append(obstacle)
    elif plan['init'] == 'binary':
        restart.append(
            'No service starts it on this host, so it is started by hand, with %s, and nothing starts it at boot: '
            'set sendmail_mta_service to create, or give it a unit of your own.'
            % ' '.join(['sendmail'] + plan['command'])
        )


def _obstacle(plan, look, daemons, refused):
    """Why the MTA must not, or cannot, be started by this role although there is a reason to. None where it can."""
    installation, service, systemd = look['installation'], look['services']['mta'], look['services']['init'] == 'systemd'
    family, reason = installation['platform'], plan['restart'][0]
    unit = next((item['unit'] for item in daemons if item.get('unit') and not _own(item['unit'], service)), None)
    if refused:
        return (
            'Sendmail does not accept %s: %s. Correct sendmail.mc and rebuild the file; until then no start can '
            'succeed.' % (installation['sendmail_cf'].get('path') or 'its configuration', refused)
        )
    if family == 'unknown':
        return (
            '%s This role does not know the packaging of this Sendmail, nor how it is started. Start it the way it was '
            'set up, and run this again.' % reason
        )
    if unit and systemd:
        return (
            '%s It runs in the unit %s, which is not that of its package. Restart it with "systemctl restart %s".'
            % (reason, unit, unit)
        )
    if _watched(plan, look, daemons):
        return (
            '%s It runs in the foreground, and what started it watches it: a container or a supervisor. Restart it there.'
            % reason
        )
    if not (service['unit'] or service['init_script'] or family in ('upstream', 'freebsd')):
        return (
            'There is neither a unit nor an init script for Sendmail on this host, so the MTA cannot be started. '
            'Install the package again.'
        )
    # As after the removal of another MTA, whose alternative the name was.
    name, command = '/usr/sbin/sendmail', (service.get('command') or '').split()
    if service['unit'] and command[:1] == [name] and installation['program'] != name:
        return (
            '%s %s starts %s, and there is no such program; Sendmail itself is %s. Give it the name again '
            '("%s"), and run this again.'
            % (
                reason,
                service['unit'],
                name,
                installation['program'],
                'alternatives --set mta ' + installation['program']
                if family == 'redhat'
                else 'ln -s %s %s' % (installation['program'], name),
            )
        )
    if family == 'freebsd' and service['enabled'] is False:
        return (
            '%s rc.conf starts none: sendmail_enable is NONE, or it and sendmail_submit_enable are NO. Set '
            'sendmail_enable to NO and sendmail_submit_enable to YES there for an MTA that listens at the loopback alone.' % reason
        )
    return None


def _unanswered(look, daemons, oldest, ours, listener, address, greeting):
    """Why a daemon that runs and does not answer: (a reason to restart it or None, a reason why that would not help or
    None).
    """
    mta, changed = look['mta'], look['installation']['sendmail_cf']['changed']
    rejects = next(
        (match.group(1) for match in (_REJECTS.search(item.get('title') or '') for item in daemons) if match), None
    )
    if mta['refuses_for_load']:
        return None, (
            'The MTA refuses connections because the load average is %s. Let the load fall, or raise RefuseLA in '
            'sendmail.mc; a restart would not help.' % mta['load_average']
        )
    if rejects:
        return None, 'The MTA says that it is %s. Fix that; a restart would not help.' % rejects
    if greeting.get('code'):
        return None, '%s answers, but refuses: %s. See the access database and the connection limits of the MTA.' % (
            address,
            greeting['text'],
        )
    if greeting['connected']:
        return '%s accepts connections, but does not greet.' % address, None
    if listener:
        return None, 'Sendmail listens at %s, but connections fail (%s). See the packet filter of the host.' % (
            address,
            greeting.get('error'),
        )
    # By two seconds, because Debian's start makes the file anew, and the start of a process is known to the second
    # only.
    if changed and oldest and oldest + 2 < changed:
        return 'The MTA runs, but does not listen at %s, and sendmail.cf is newer than it.' % address, None
    if not ours:
        # It ends when it can open none (opendaemonsocket() in daemon.c).
        return None, (
            'The MTA runs (process %s), but none of its sockets is in the network of this host. Check its unit for '
            'PrivateNetwork= and the like (systemctl cat sendmail), and its log.'
            % ', '.join(str(item['pid']) for item in daemons)
        )
    service = look['services']['mta']
    units = {item.get('unit') for item in daemons} if look['services']['init'] == 'systemd' else {None}
    if service['enabled'] and not service['masked'] and all(unit and not _own(unit, service) for unit in units):
        # Another instance, with a sendmail.cf of its own.
        return None, (
            'Nothing listens at %s. The MTA of %s.service does not run; the one that listens at %s belongs to %s. Start '
            'the first with "systemctl restart %s", or disable it and name the other one in FEATURE(`msp\') of submit.mc.'
            % (address, service['name'], _where(ours), ' and '.join(sorted(units)), service['name'])
        )
    return None, (
        "The MTA listens at %s, but submit.cf hands mail to %s. Set Addr in DAEMON_OPTIONS of sendmail.mc to the "
        "address in submit.cf, or name the other one in FEATURE(`msp') of submit.mc." % (_where(ours), address)
    )


def sockets(listeners):
    """Where to connect to see whether these sockets are still there."""
    wild = {'0.0.0.0': '127.0.0.1', '::': '::1'}  # noqa: S104 - compared, not bound
    return [{'host': wild.get(one['address'], one['address']), 'port': one['port']} for one in listeners]


class FilterModule:
    """Filters of the role sendmail_mta."""

    def filters(self):
        return {'mta_plan': mta_plan}
