# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: queue_runner_plan
short_description: Decide what has to be done so that exactly one runner serves the client queue
version_added: 1.0.0
description:
  - From one look at a host, says by which mechanism the client queue is to be run, what has to change for that, and
    which runners nobody asked for.
  - The role P(mailops.sendmail.sendmail_queue_runner#role) does what this filter returns, in check mode and for real;
    so the two cannot disagree.
positional: _input
options:
  _input:
    description: The fact C(sendmail_queue) that M(mailops.sendmail.sendmail_queue_facts) returns.
    type: dict
    required: true
  interval:
    description: How often the queue is to be run.
    type: str
    default: 30m
  method:
    description: The mechanism, or V(auto) for the one that the platform owns.
    type: str
    choices: [auto, debian_cron, debian_daemon, systemd_unit, rc_conf, conf_d, systemd_timer, cron]
    default: auto
  remove_foreign:
    description: Whether runners that nobody asked for are to be removed.
    type: bool
    default: false
author:
  - The mailops.sendmail contributors (@mailops)
seealso:
  - plugin: mailops.sendmail.mta_plan
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Look at Sendmail
  mailops.sendmail.sendmail_queue_facts:
    queue: msp
    level: summary

- name: Say who runs the client queue although nobody asked for it
  ansible.builtin.debug:
    msg: "{{ (ansible_facts['sendmail_queue'] | mailops.sendmail.queue_runner_plan).foreign }}"
"""

RETURN = r"""
_value:
  description: The plan. Nothing has to be done when lists are empty and the rest is false.
  type: dict
  contains:
    errors:
      description: What is in the way and what to do about it.
      type: list
      elements: str
    first:
      description: What another role has to do first. Sentences.
      type: list
      elements: str
    method:
      description: The mechanism that V(auto) stands for on this host. V(none) for a packaging that is not known.
      type: str
    unit:
      description: The unit of the method V(systemd_unit), which is called otherwise on SUSE.
      type: str
    arguments:
      description: What that unit calls Sendmail with, for this interval.
      type: str
    seconds:
      description: The interval in seconds.
      type: int
    interval:
      description: The interval as Sendmail writes it.
      type: str
    init:
      description: How services are started, V(systemd) or V(script) for init scripts (also without an init).
      type: str
    sockets:
      description: Where Sendmail's own daemon listens now, as C(host) and C(port).
      type: list
      elements: dict
    schedule:
      description: The interval as a cron schedule, V(none) where cron cannot express it evenly.
      type: str
    settings:
      description: Lines to change in C(sendmail.conf), as C(name) and C(value).
      type: list
      elements: dict
    generate:
      description: Whether Debian's generator has to write the cron file anew.
      type: bool
    reasons:
      description: Why the runner has to be set up or started.
      type: list
      elements: str
    stop:
      description: Processes of an old runner of our own that have to end.
      type: list
      elements: int
    leave:
      description: Mechanisms that ran the queue until now and have to be taken down.
      type: list
      elements: str
    writes:
      description: Directories that files are written to or removed from, and such files. Check mode looks whether they can be written too.
      type: list
      elements: str
    changes:
      description: Whether anything has to be done.
      type: bool
    foreign:
      description: Runners that nobody asked for, in words.
      type: list
      elements: str
    runners:
      description: How many runners are to be active when all is done. One, and those that nobody asked for as long as
        they may not be removed.
      type: int
    remove:
      description: The same, as far as they can and may be removed, each with a C(kind) of V(line), V(unit), V(process)
        or V(periodic).
      type: list
      elements: dict
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.mailops.sendmail.plugins.filter.mta_plan import another_file, elsewhere, sockets
from ansible_collections.mailops.sendmail.plugins.module_utils import _text

OWN_TIMER = 'sendmail-client-queue.timer'
OWN_CRON = '/etc/cron.d/sendmail-client-queue'
DEBIAN_CRON = '/etc/cron.d/sendmail'
_DEBIAN_MODES = {'debian_cron': 'Cron', 'debian_daemon': 'Daemon'}
_PLATFORM = {'debian_cron': 'debian', 'debian_daemon': 'debian', 'rc_conf': 'freebsd'}
# What an init script that starts the queue runner too reads for it.
_CONF = {'gentoo': '/etc/conf.d/sendmail', 'redhat': '/etc/sysconfig/sendmail'}
# Whose unit of the queue runner cannot be without sendmail.service: Requires= or BindsTo= in the units of these
# packages.
_TIED = ('redhat', 'suse', 'gentoo', 'arch')
# What the units call Sendmail with; all others as sendmail/SECURITY says.
_ARGUMENTS = {
    'redhat': '-L sm-msp-queue -Ac -q%s $SENDMAIL_OPTARG',
    'suse': '-L sendmail-client -Ac -qp%s',
    'gentoo': '-Ac -q%s -L sm-cm',
    'arch': '-Ac -q%s -L sm-cm',
}
# Minutes that divide an hour and hours that divide a day: all that one cron line can repeat evenly.
_CRON = [minutes * 60 for minutes in range(1, 31) if 60 % minutes == 0] + [
    hours * 3600 for hours in range(1, 25) if 24 % hours == 0
]
# Debian's generator takes a random minute for everything from an hour on.
_EVEN = {'cron': _CRON, 'debian_cron': [seconds for seconds in _CRON if seconds < 3600]}
# Where each mechanism has its files: set up with a reason, and taken down with all others.
_FILES = {
    'cron': ('/etc/cron.d', OWN_CRON),
    'systemd_timer': ('/etc/systemd/system',),
    'systemd_unit': ('/etc/systemd/system',),
    'rc_conf': ('/etc', '/etc/rc.conf'),
}


def _writes(plan, host):
    """The directories and files that the tasks of the role change."""
    methods = plan['leave'] + [plan['method']] * bool(plan['reasons'])
    places = {path for name in methods for path in _FILES.get(name, ())}
    if plan['reasons'] and plan['method'] == 'conf_d' and host.conf:
        places |= {host.conf.rpartition('/')[0], host.conf}
    if plan['settings'] or plan['generate']:
        places |= {'/etc/mail', '/etc/mail/sendmail.conf', '/etc/cron.d', DEBIAN_CRON}
    return sorted(places | {one['path'] for one in plan['remove'] if one['kind'] == 'line'})


def _interval(seconds):
    """Seconds as Sendmail and people write them: C(30m), C(1d12h), C(90s)."""
    if seconds % 60:
        return '%ds' % seconds
    parts = ((seconds // 86400, 'd'), (seconds % 86400 // 3600, 'h'), (seconds % 3600 // 60, 'm'))
    return ''.join('%d%s' % part for part in parts if part[0])


def _cron_schedule(seconds):
    if seconds not in _CRON:
        return None
    if seconds < 3600:
        return '*/%d * * * *' % (seconds // 60) if seconds > 60 else '* * * * *'
    return ('0 */%d * * *' % (seconds // 3600) if seconds < 86400 else '0 0 * * *') if seconds > 3600 else '0 * * * *'


def _cron_trouble(cron):
    """Why cron cannot run the queue on this host, None if it can."""
    if not cron['unit'] and not cron['init_script']:
        return 'cron is not installed'
    if cron['masked']:
        return 'cron is masked'
    # cron.allow and cron.deny are for crontab(1); cron itself does not look at them for /etc/cron.d.
    return None if cron['running'] else 'cron does not run'


def _paused(cron, init):
    """Whether cron is only stopped for a while: it is to start at boot, which is no reason to change the mechanism."""
    return bool(
        init != 'none'
        and (cron['unit'] or cron['init_script'])
        and not cron['running']
        and not cron['masked']
        and cron['enabled']
    )


class _Host:
    """What the decisions ask about a host."""

    def __init__(self, look):
        installation, services, mta = look['installation'], look['services'], look.get('mta') or {}
        self.platform, self.settings, self.init = (
            installation['platform'],
            installation['sendmail_conf'],
            services['init'],
        )
        self.systemd = self.init == 'systemd'
        msp, starter = services['msp'], services.get('mta') or {}
        self.unit_name = '%s.service' % msp.get('name', 'sm-client')
        self.unit = self.systemd and msp['unit']  # in a container without an init the file is there and nobody reads it
        self.unit_masked, self.mta_masked = bool(msp.get('masked')), bool(starter.get('masked'))
        self.mta_runs = any(
            process['role'] == 'daemon' and process['queue'] == 'mta'
            for process in mta.get('processes', [])
            if 'role' in process
        )
        self.mta_starts = self.mta_runs or bool(starter.get('enabled'))
        self.elsewhere = elsewhere(look)
        self.another_file = another_file(starter, self.platform)
        self.null_client = (mta.get('relay') or {}).get('this_host') is False and not self.mta_runs
        self.runners, self.conf = look['runners'], _CONF.get(self.platform)
        self.script = bool(
            starter.get('init_script')
            and (
                self.init == 'openrc'
                if self.platform == 'gentoo'
                else any(runner['source'] == 'conf_d' for runner in self.runners)
            )
            and self.conf
        )
        self.tied = self.platform in _TIED or any(
            runner.get('bound_to') for runner in self.runners if runner['unit'] == self.unit_name
        )
        self.cron, self.trouble = services['cron'], _cron_trouble(services['cron'])


def _method(host):
    """The mechanism that the platform owns."""
    if host.platform == 'debian':
        return 'debian_daemon' if host.trouble and not _paused(host.cron, host.init) else 'debian_cron'
    if host.platform == 'freebsd':
        return 'rc_conf'
    if host.script and not (host.null_client and not host.mta_starts):
        return 'conf_d'
    # A unit that brings an MTA with it is nothing for a host that has none and needs none. Of one that this role has
    # masked the timer is the successor.
    own_timer = any(runner['unit'] == OWN_TIMER and runner['active'] for runner in host.runners)
    if host.unit and not (host.tied and host.null_client) and not (host.unit_masked and own_timer):
        return 'systemd_unit'
    return 'systemd_timer' if host.systemd else 'cron'


def _words(runner):
    """A runner in words."""
    where = runner['path'] or 'process %s' % runner['pid']
    if runner['line']:
        where += ' line %s' % runner['line']
    if runner.get('script') not in (None, runner['path']):
        where += ', with %s' % runner['script']
    often = 'every %s' % _interval(runner['interval']) if runner['interval'] else 'at times that cannot be derived'
    return '%s (%s, %s%s)' % (
        where,
        runner['unit'] or runner['source'],
        often,
        '' if runner['active'] else ', does nothing now',
    )


def _removal(runner):
    """How a foreign runner is removed, None if only a person can."""
    if runner.get('script'):
        return None
    if runner['line']:
        return {'kind': 'line', 'path': runner['path'], 'line': runner['line']}
    if runner['source'] in ('systemd_timer', 'systemd_unit'):
        # systemd refuses to disable what systemd-run has made.
        made = (runner['path'] or '').startswith('/run/systemd/transient/')
        return None if made else {'kind': 'unit', 'name': runner['unit']}
    if runner['source'] == 'daemon' and runner['pid']:
        return {'kind': 'process', 'pid': runner['pid']}
    return {'kind': 'periodic'} if runner['source'] == 'periodic' else None


def _mechanism(runner, host, method):
    """Which of our mechanisms a runner belongs to, None for a foreign one."""
    if runner['source'] == 'debian_cron' and runner['path'] in (DEBIAN_CRON, '/etc/mail/sendmail.conf'):
        return 'debian_cron'
    # Of what Debian's init script started systemd knows the unit. Without systemd there is only the setting. Where it is to
    # be the mechanism, a daemon that was started by hand is kept: it runs from the same submit.cf, with the same pid file.
    settings = host.settings
    by_script = (
        runner['unit'] == 'sendmail.service'
        if host.systemd
        else settings is not None and (settings['msp_mode'] == 'daemon' or method == 'debian_daemon')
    )
    if runner['source'] == 'daemon' and settings is not None and (runner['path'] or by_script):
        return 'debian_daemon'
    if runner['unit'] == host.unit_name:
        return 'systemd_unit'
    if runner['unit'] == OWN_TIMER:
        return 'systemd_timer'
    if runner['source'] in ('rc_conf', 'conf_d'):
        return runner['source']
    return 'cron' if runner['path'] == OWN_CRON else None


def _first(look, method):
    """What another role has to do before the queue can be run."""
    installation, user = look['installation'], look['installation'].get('msp_user') or {'name': None, 'uid': 0}
    if not installation['installed']:
        # The facts say what was left behind, too.
        yield installation.get('absence') or 'Sendmail is not installed on this host: apply the role mailops.sendmail.sendmail_msp first.'
    elif installation.get('other_mta'):
        yield (
            '%s belongs to another MTA (%s), which a queue runner would call instead of Sendmail. Give the name back '
            'to Sendmail first; the role mailops.sendmail.sendmail_mta does that with sendmail_mta_replace_other.'
            % (installation['program'], installation['other_mta'])
        )
    elif user['uid'] is None and method in ('systemd_timer', 'cron'):
        yield (
            'There is no user %s, and the client queue must be run as that user. Apply the role '
            'mailops.sendmail.sendmail_msp first.'
            % user['name']
        )


def _units(plan, host, auto):
    """What is in the way of the unit that the platform has for the queue runner."""
    if not host.unit:
        yield (
            'There is no %s on this host. Choose systemd_timer or cron as sendmail_queue_runner_method, or auto.'
            % host.unit_name
        )
        return
    if host.unit_masked and auto:
        yield (
            'The unit %s is masked. If nobody meant that, run "systemctl unmask %s"; or choose systemd_timer as '
            'sendmail_queue_runner_method, or systemd_unit to have it unmasked.' % (host.unit_name, host.unit_name[:-8])
        )
    if plan['reasons'] and host.tied and host.mta_masked:
        yield (
            '%s cannot run without sendmail.service, to which it is tied, and that is masked. Unmask it, or choose '
            'systemd_timer as sendmail_queue_runner_method.' % host.unit_name
        )
    elif plan['reasons'] and host.tied and host.elsewhere:
        yield (
            '%s would start sendmail.service, to which it is tied, beside the MTA in %s, or in its place. Set the interval '
            'where the client queue is run now, or choose systemd_timer as sendmail_queue_runner_method.'
            % (host.unit_name, host.elsewhere)
        )
    elif plan['reasons'] and host.tied and host.null_client:
        yield (
            '%s is tied to sendmail.service and would start an MTA on this host, which hands its mail to another one. '
            'Choose systemd_timer as sendmail_queue_runner_method, or auto.' % host.unit_name
        )


def _errors(plan, host, others, auto):
    """What makes the method or the interval impossible on this host.

    C(others): {mechanism: runners} of ours that are to go.
    """
    method, seconds, interval, settings = plan['method'], plan['seconds'], plan['interval'], host.settings or {}
    if _PLATFORM.get(method, host.platform) != host.platform or (method == 'conf_d' and not host.script):
        yield (
            'The method %s does not exist on this platform (%s, %s). Choose another sendmail_queue_runner_method, or '
            'auto.' % (method, host.platform, host.init)
        )
        return
    if method == 'systemd_unit':
        yield from _units(plan, host, auto)
    if method == 'systemd_timer' and not host.systemd:
        yield 'systemd does not run on this host. Choose cron as sendmail_queue_runner_method, or auto.'
    if method in ('cron', 'debian_cron') and host.trouble:
        yield 'The method %s needs cron, but %s. Fix that%s.' % (
            method,
            host.trouble,
            ', or choose %s as sendmail_queue_runner_method'
            % ('debian_daemon' if host.platform == 'debian' else 'systemd_timer')
            if host.platform == 'debian' or host.systemd
            else '',
        )
    if method == 'debian_daemon' and host.systemd and host.mta_masked and plan['reasons']:
        yield (
            'The unit sendmail.service is masked, and it is what starts the queue runner of debian_daemon. Unmask it, '
            'or choose systemd_timer or cron as sendmail_queue_runner_method.'
        )
    if method not in _DEBIAN_MODES and settings.get('queue_mode') == 'cron':
        yield (
            'QUEUE_MODE is Cron in /etc/mail/sendmail.conf, and with MSP_MODE None each run of the MTA\'s queue by '
            'cron runs the client queue too. Set QUEUE_MODE to Daemon there, or choose debian_cron or debian_daemon as '
            'sendmail_queue_runner_method.'
        )
    # Their start is one of the MTA too.
    with_mta = method in ('debian_daemon', 'conf_d') or (method == 'systemd_unit' and host.tied)
    if plan['reasons'] and with_mta and host.another_file:
        yield '%s Or choose another sendmail_queue_runner_method, whose start is none of the MTA.' % host.another_file
    if method == 'rc_conf' and host.unit_masked:
        yield 'sendmail_enable is NONE in rc.conf, which switches the queue runner off too. Set it to NO there.'
    if 'conf_d' in others and (host.mta_starts or any(runner['pid'] for runner in others['conf_d'])):
        yield (
            '/etc/init.d/sendmail starts the queue runner together with the MTA (%s), so %s would be a second one. '
            'Choose conf_d as sendmail_queue_runner_method, or auto.' % (others['conf_d'][0]['path'], method)
        )
    if seconds < 60:
        yield 'An interval of %s is too short for a queue runner. Take 1m or more, 30m for example.' % interval
    elif seconds not in _EVEN.get(method, [seconds]):
        nearest = min(_EVEN[method], key=lambda even: (abs(even - seconds), even))
        yield 'The method %s cannot run the queue evenly every %s. The nearest it can is %s%s.' % (
            method,
            interval,
            _interval(nearest),
            '; the method debian_daemon takes any interval'
            if method == 'debian_cron'
            else '; a systemd_timer takes any interval'
            if host.systemd
            else '',
        )
    if settings.get('hands_off') and (plan['settings'] or plan['generate']):
        yield (
            'HANDS_OFF is set in /etc/mail/sendmail.conf, so that the queue runner may not be changed there. Set '
            'HANDS_OFF to No; or set MSP_MODE to None there, remove /etc/cron.d/sendmail, and choose systemd_timer or '
            'cron as sendmail_queue_runner_method.'
        )


def _sockets(look):
    """Where Sendmail's own daemon listens, to see whether it is back after a restart of the unit that it shares with
    the runner.
    """
    mta = look.get('mta') or {}
    pids = [process['pid'] for process in mta.get('processes', [])]
    return sockets([one for one in mta.get('listeners', []) if one['pid'] in pids])


def _unsupported(plan, host):
    """What to say where no mechanism can be set up: nothing where one runner does by itself what is asked for."""
    active = [runner for runner in host.runners if runner['active']]
    if len(active) == 1 and active[0]['interval'] == plan['seconds'] and not active[0]['uneven']:
        return
    now = '; '.join(map(_words, host.runners)) or 'nothing'
    if host.platform == 'unknown':
        yield (
            'This role does not know the packaging of this Sendmail, nor who owns the client queue and what runs it '
            '(now: %s). Run it every %s by the means of that packaging, with "sendmail -Ac -q" as the user that '
            'RunAsUser of submit.cf names.' % (now, plan['interval'])
        )
    else:
        yield (
            'Neither an init system nor a cron that reads /etc/cron.d runs on this host, so this role can set up nothing '
            'that runs the client queue (now: %s). Let what starts this container start "sendmail -L sm-msp-queue -Ac '
            '-q%s", or the one cron that is there run "sendmail -Ac -q", and nothing beside it.'
            % (now, plan['interval'])
        )


def _sorted_out(host, method):
    """({mechanism of ours: its runners}, foreign runners)"""
    mine, foreign = {}, []
    for runner in host.runners:
        mechanism = _mechanism(runner, host, method)
        if mechanism:
            mine.setdefault(mechanism, []).append(runner)
        else:
            foreign.append(runner)
    return mine, foreign


def _debian(plan, host, kept, right, others):
    """Add to the plan what changes in Debian's sendmail.conf, and whether its cron file has to be generated anew."""
    method, settings = plan['method'], host.settings
    wanted = _DEBIAN_MODES.get(method, 'None')
    # Where the administrator keeps the file to himself, it is enough that nothing in it runs the queue.
    idle = (
        settings['hands_off']
        and wanted == 'None'
        and not any(runner['line'] or runner['pid'] for name in _DEBIAN_MODES for runner in others.get(name, []))
    )
    if settings['msp_mode'] != wanted.lower() and not idle:
        plan['settings'].append({'name': 'MSP_MODE', 'value': wanted})
    if wanted != 'None' and settings['msp_interval'] != plan['seconds']:
        plan['settings'].append({'name': 'MSP_INTERVAL', 'value': plan['interval']})
    if method == 'debian_cron':
        stale = len(kept) != 1 or kept != right or not (host.trouble or right[0]['active'])
    else:
        stale = any(runner['line'] for runner in others.get('debian_cron', []))
    plan['generate'] = bool(plan['settings']) or stale


def _decide(plan, host, auto, remove_foreign):
    """Add to the plan what has to be done so that its method, and nothing else, runs the queue."""
    method, seconds = plan['method'], plan['seconds']
    others, foreign = _sorted_out(host, method)
    kept = [
        runner
        for runner in others.pop(method, [])
        if runner['line'] or runner['pid'] or runner['source'] not in ('debian_cron', 'daemon')
    ]
    right = [runner for runner in kept if runner['interval'] == seconds and not runner['uneven']]
    if host.settings is not None:
        _debian(plan, host, kept, right, others)
    if method == 'debian_daemon':
        # A second one of the same unit is a leftover of a restart that could not stop the first.
        plan['stop'] = [runner['pid'] for runner in kept if runner not in right[:1]]
    if method != 'debian_cron' and not any(runner['active'] for runner in right):
        plan['reasons'].append('Nothing runs the client queue every %s (%s).' % (plan['interval'], method))
    plan['stop'] += [
        runner['pid'] for name in ('debian_daemon', 'rc_conf') for runner in others.get(name, []) if runner['pid']
    ]
    plan['leave'] = sorted({'systemd_unit', 'systemd_timer', 'cron', 'rc_conf'} & set(others))

    plan['errors'] = list(_errors(plan, host, others, auto))
    plan['foreign'] = [_words(runner) for runner in foreign]
    plan['runners'] = 1 + sum(runner['active'] and not remove_foreign for runner in foreign)
    if remove_foreign:
        plan['remove'] = [removal for removal in map(_removal, foreign) if removal]
        plan['errors'] += [
            '%s runs the client queue and cannot be removed safely, because it may do other things too. Remove it by '
            'hand.' % _words(runner)
            for runner in foreign
            if not _removal(runner)
        ]
    plan['writes'] = _writes(plan, host)
    plan['changes'] = any(plan[key] for key in ('settings', 'generate', 'reasons', 'stop', 'leave', 'remove'))


def queue_runner_plan(look, interval='30m', method='auto', remove_foreign=False):
    """See DOCUMENTATION. A pure function."""
    try:
        seconds = _text.duration(interval, 'm')
    except _text.SendmailError as error:
        raise AnsibleFilterError('sendmail_queue_runner_interval: %s' % error) from error
    host, auto = _Host(look), method == 'auto'
    if auto:
        method = _method(host)
    bare = auto and host.init == 'none' and host.trouble
    # What starts a container starts a shell in a loop again, and not a daemon of ours.
    looped = [(runner['source'], runner['interval']) for runner in host.runners if runner['active']] == [('loop', seconds)]
    if host.platform == 'unknown' or bare and (method == 'cron' or looped):
        method = 'none'
    plan = {
        'errors': [],
        'first': list(_first(look, method)),
        'method': method,
        'seconds': seconds,
        'interval': _interval(seconds),
        'unit': host.unit_name,
        'arguments': _ARGUMENTS.get(host.platform, '-L sm-msp-queue -Ac -q%s') % _interval(seconds),
        'init': 'systemd' if host.systemd else 'script',
        'sockets': _sockets(look),
        'schedule': _cron_schedule(seconds),
        'runners': 1,
        'changes': False,
        'settings': [],
        'generate': False,
        'reasons': [],
        'stop': [],
        'leave': [],
        'foreign': [],
        'remove': [],
        'writes': [],
    }
    if plan['first']:
        return plan
    if method == 'none':
        plan['errors'] = list(_unsupported(plan, host))
    else:
        _decide(plan, host, auto, bool(remove_foreign))
    return plan


class FilterModule:
    """Filters of the role sendmail_queue_runner."""

    def filters(self):
        return {'queue_runner_plan': queue_runner_plan}
