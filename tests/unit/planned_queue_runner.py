# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decision table of the filter queue_runner_plan: hosts, and what the role sendmail_queue_runner has to do on each.

What is expected comes from where a row says, not from the filter. Behind each row stands the most similar host where
the answer is another.
docs/generate.py puts the table into the README of the role.
"""

from collections import namedtuple

from ansible_collections.mailops.sendmail.plugins.module_utils import _schedule

CONF = '/etc/mail/sendmail.conf'
DEBIAN_CRON = '/etc/cron.d/sendmail'
OWN_TIMER, OWN_CRON = 'sendmail-client-queue.timer', '/etc/cron.d/sendmail-client-queue'
CRON = {
    'name': 'cron',
    'unit': '/usr/lib/systemd/system/cron.service',
    'init_script': None,
    'enabled': True,
    'masked': False,
    'running': True,
}
PAUSED = dict(CRON, running=False)
STOPPED = dict(CRON, running=False, enabled=False)
MASKED = dict(CRON, running=False, enabled=False, masked=True)
NO_CRON = dict(CRON, unit=None, running=False, enabled=None)
SYSTEMD_CRON = dict(CRON, name='systemd-cron', unit='/usr/lib/systemd/system/cron.target')
DAEMON = {'pid': 170, 'role': 'daemon', 'queue': 'mta'}
UNITS = {'redhat': 'sm-client', 'suse': 'sendmail-client', 'arch': 'sm-client', 'gentoo': 'sm-client'}
Decision = namedtuple('Decision', 'host look options method plan source also')


def runner(source='cron', **values):
    return dict(
        {
            'source': source,
            'path': None,
            'line': None,
            'user': None,
            'interval': 1800,
            'uneven': False,
            'active': True,
            'detail': None,
            'pid': None,
            'unit': None,
            'partial': False,
            'bound_to': None,
            'script': None,
        },
        **values,
    )


LINE = runner('debian_cron', path=DEBIAN_CRON, line=52)
TIMER = runner('systemd_timer', unit=OWN_TIMER, path='/etc/systemd/system/' + OWN_TIMER)
OWN_LINE = runner(path=OWN_CRON, line=4)
RC_CONF = runner('rc_conf', path='/etc/rc.conf', pid=300)
LOOP = runner('loop', pid=9, script='/bin/sh')
CONF_D = runner('conf_d', path='/etc/conf.d/sendmail', pid=300)
SYSCONFIG = runner('conf_d', path='/etc/sysconfig/sendmail', pid=300)


def unit(platform='redhat', **values):
    name = UNITS[platform] + '.service'
    return runner(
        'systemd_unit', **dict({'unit': name, 'path': '/usr/lib/systemd/system/' + name, 'pid': 300}, **values)
    )


def down(one, **values):
    return dict(one, active=False, pid=None, **values)


def host(platform='debian', *runners, **about):
    """A look at a host.

    C(conf) is what stands in sendmail.conf, C(hub) whether mail goes to another host, C(mta) whether an MTA runs.
    """
    init = about.pop('init', {'gentoo': 'openrc', 'freebsd': 'rc'}.get(platform, 'systemd'))
    conf = about.pop('conf', 'MSP_MODE="Cron";\nMSP_INTERVAL="30m";\n')
    name = UNITS.get(platform, 'sendmail' if platform == 'freebsd' else 'sm-client')
    msp = {
        'name': name,
        'unit': '/usr/lib/systemd/system/%s.service' % name if platform in UNITS else None,
        'masked': False,
    }
    msp.update(about.pop('msp', {}))
    mta = {
        'name': 'sendmail',
        'masked': False,
        'enabled': True,
        'init_script': '/etc/init.d/sendmail' if platform in ('debian', 'gentoo') else None,
    }
    mta.update(about.pop('service', {}))
    processes = [DAEMON] if about.pop('mta', True) else []
    installation = {
        'installed': True,
        'platform': platform,
        'other_mta': None,
        'program': '/usr/sbin/sendmail',
        'msp_user': {'name': 'smmsp', 'uid': 25},
        'sendmail_conf': _schedule.debian_settings(conf) if platform == 'debian' else None,
    }
    relay = {'host': 'hub', 'port': 25, 'this_host': not about.pop('hub', False)}
    cron = about.pop('cron', CRON)
    installation.update(about)
    return {
        'installation': installation,
        'services': {'init': init, 'cron': cron, 'msp': msp, 'mta': mta},
        'runners': list(runners),
        'mta': {'processes': processes, 'listeners': [], 'relay': relay},
    }


def mailscanner(unit_of_mta):
    """MailScanner's runner of the client queue, where sm-client is down."""
    theirs = runner(
        'systemd_unit', path='/usr/lib/systemd/system/ms-sendmail.service', unit='ms-sendmail.service', interval=3600, pid=179
    )
    found = host('redhat', theirs, down(unit()))
    found['mta']['processes'] = [dict(DAEMON, unit=unit_of_mta)]
    return found


def row(about, look, method, plan, source, options=None, **also):
    return Decision(about, look, options or {}, method, plan, source, also)


GENERATE = {'generate': True}
EVERY = 'Nothing runs the client queue every 30m'
START = {'reasons': EVERY}
HUB = {'hub': True, 'mta': False}
BY_HAND = {'started_as': '/usr/sbin/sendmail -L sm-mta -bd -q1h -C/etc/mail/site.cf'}
OLD_REDHAT = {'init': 'sysv', 'msp': {'unit': None}, 'service': {'init_script': '/etc/init.d/sendmail'}}
OLD_REDHAT_CONTAINER = {**OLD_REDHAT, 'init': 'none'}
NULL_REDHAT = dict(HUB, service={'enabled': False})
TO_DAEMON = {'settings': [{'name': 'MSP_MODE', 'value': 'Daemon'}], 'generate': True, 'reasons': EVERY}
DEBIAN_DAEMON = 'MSP_MODE="Daemon";\nMSP_INTERVAL="30m";\n'
FOREIGN = {'remove_foreign': True}
UNKNOWN = 'not know the packaging'
ROWS = [
    # Debian
    row(
        'Debian as it is wanted: the generated line, every half hour',
        host('debian', LINE),
        'debian_cron',
        {},
        'update_conf',
    ),
    row(
        'Debian as its package leaves it: every 20 minutes',
        host('debian', dict(LINE, interval=1200), conf='MSP_MODE="Cron";\nMSP_INTERVAL="20m";\n'),
        'debian_cron',
        {'settings': [{'name': 'MSP_INTERVAL', 'value': '30m'}], 'generate': True},
        'update_conf',
    ),
    row('Debian, and the line is gone', host('debian'), 'debian_cron', GENERATE, 'update_conf'),
    row('Debian, and the line ends with a carriage return', host('debian', down(LINE)), 'debian_cron', GENERATE, 'cron(8)'),
    row('Debian with systemd-cron', host('debian', LINE, cron=SYSTEMD_CRON), 'debian_cron', {}, 'systemd-cron(7)'),
    row(
        'Debian, and cron is stopped but starts at boot',
        host('debian', down(LINE), cron=PAUSED),
        'debian_cron',
        {'errors': 'cron does not run'},
        'cron(8)',
    ),
    row(
        'Debian, and cron is stopped for good',
        host('debian', down(LINE), cron=STOPPED),
        'debian_daemon',
        TO_DAEMON,
        'systemctl(1)',
    ),
    row(
        'The same, and the MTA was started by hand with another configuration',
        host('debian', down(LINE), cron=STOPPED, service=BY_HAND),
        'debian_daemon',
        dict(TO_DAEMON, errors='started last with /etc/mail/site.cf'),
        'getcfname() in conf.c',
    ),
    row(
        'The same, and its line works',
        host('debian', LINE, service=BY_HAND),
        'debian_cron',
        {},
        'update_conf',
    ),
    row(
        'Debian, and cron is masked',
        host('debian', down(LINE), cron=MASKED),
        'debian_daemon',
        TO_DAEMON,
        'systemctl(1)',
    ),
    row(
        'Debian without cron',
        host('debian', cron=NO_CRON),
        'debian_daemon',
        TO_DAEMON,
        'packages sendmail-base and sendmail-bin',
    ),
    row(
        'Debian without cron, the daemon runs',
        host('debian', runner('daemon', pid=300, unit='sendmail.service'), cron=NO_CRON, conf=DEBIAN_DAEMON),
        'debian_daemon',
        {},
        'init script',
    ),
    row(
        'Debian without cron, and sendmail.service is masked',
        host('debian', cron=NO_CRON, conf=DEBIAN_DAEMON, service={'masked': True}),
        'debian_daemon',
        {'errors': 'sendmail.service is masked', 'reasons': EVERY},
        'systemd.unit(5)',
    ),
    row(
        'The same in a container, where nobody heeds a mask',
        host('debian', cron=NO_CRON, conf=DEBIAN_DAEMON, service={'masked': True}, init='none'),
        'debian_daemon',
        START,
        'init script',
    ),
    row(
        'Debian in a container with cron stopped',
        host('debian', down(LINE), cron=STOPPED, init='none'),
        'debian_daemon',
        TO_DAEMON,
        'cron(8)',
    ),
    row(
        'Debian in a container with cron stopped, and a daemon that somebody started by hand',
        host('debian', down(LINE), runner('daemon', pid=9), cron=STOPPED, init='none'),
        'debian_daemon',
        {'settings': TO_DAEMON['settings'], 'generate': True},
        'init script',
    ),
    row(
        'Debian in a container with cron, and a daemon that somebody started by hand',
        host('debian', LINE, runner('daemon', pid=9), init='none'),
        'debian_cron',
        {'foreign': 'process 9'},
        'init script',
    ),
    row(
        'Debian with sysvinit, and cron is stopped but starts at boot',
        host('debian', down(LINE), cron=PAUSED, init='sysv'),
        'debian_cron',
        {'errors': 'cron does not run'},
        'update-rc.d(8)',
    ),
    row(
        'Debian, QUEUE_MODE Cron',
        host('debian', LINE, conf='QUEUE_MODE="Cron";\nMSP_MODE="Cron";\nMSP_INTERVAL="30m";\n'),
        'debian_cron',
        {},
        'cron_mta()',
    ),
    row(
        'Debian, QUEUE_MODE Cron; sendmail_queue_runner_method: cron',
        host('debian', OWN_LINE, conf='QUEUE_MODE="Cron";\nMSP_MODE="None";\n'),
        'cron',
        {'errors': 'QUEUE_MODE is Cron'},
        'cron_mta()',
        {'method': 'cron'},
    ),
    row(
        'Debian, QUEUE_MODE None; sendmail_queue_runner_method: cron',
        host('debian', OWN_LINE, conf='QUEUE_MODE="None";\nMSP_MODE="None";\n'),
        'cron',
        {},
        'daemon_check()',
        {'method': 'cron'},
    ),
    row(
        'Debian, a null client: DAEMON_MODE None',
        host(
            'debian',
            LINE,
            conf='DAEMON_MODE="None";\nQUEUE_MODE="None";\nMSP_MODE="Cron";\nMSP_INTERVAL="30m";\n',
            **HUB,
        ),
        'debian_cron',
        {},
        'sendmail.conf',
    ),
    row(
        'Debian with HANDS_OFF, and the line is gone',
        host('debian', conf='HANDS_OFF="Yes";\nMSP_MODE="Cron";\nMSP_INTERVAL="30m";\n'),
        'debian_cron',
        {'errors': 'HANDS_OFF', 'generate': True},
        'update_conf',
    ),
    row(
        'Debian with HANDS_OFF, and the line is as wanted',
        host('debian', LINE, conf='HANDS_OFF="Yes";\nMSP_MODE="Cron";\nMSP_INTERVAL="30m";\n'),
        'debian_cron',
        {},
        'update_conf',
    ),
    row(
        'Debian every 45 minutes: its generator makes minutes 0 and 45 of that',
        host('debian', LINE),
        'debian_cron',
        {
            'errors': 'The nearest it can is 30m',
            'settings': [{'name': 'MSP_INTERVAL', 'value': '45m'}],
            'generate': True,
        },
        'update_conf',
        {'interval': '45m'},
    ),
    # Red Hat, SUSE, Arch: a unit beside that of the MTA
    row(
        'Red Hat as its package leaves it: every hour',
        host('redhat', unit(interval=3600)),
        'systemd_unit',
        START,
        'sm-client.service',
        unit='sm-client.service',
        arguments='-L sm-msp-queue -Ac -q30m $SENDMAIL_OPTARG',
    ),
    row(
        'Red Hat every hour, as its package leaves it',
        host('redhat', unit(interval=3600)),
        'systemd_unit',
        {},
        'sm-client.service',
        {'interval': '1h'},
    ),
    row(
        'Red Hat, the MTA is dead and took the runner with it',
        host('redhat', down(unit(), bound_to='sendmail.service'), mta=False),
        'systemd_unit',
        START,
        'BindTo= of sm-client.service',
    ),
    row(
        'Red Hat, a null client without an MTA: the unit would start one',
        host('redhat', down(unit(interval=3600), bound_to='sendmail.service'), **NULL_REDHAT),
        'systemd_timer',
        {'reasons': EVERY, 'leave': ['systemd_unit']},
        'BindTo= of sm-client.service',
    ),
    row(
        'The same; sendmail_queue_runner_method: systemd_unit',
        host('redhat', down(unit(interval=3600), bound_to='sendmail.service'), **NULL_REDHAT),
        'systemd_unit',
        {'errors': 'would start an MTA', 'reasons': EVERY},
        'BindTo= of sm-client.service',
        {'method': 'systemd_unit'},
    ),
    row(
        'Red Hat, mail goes to a hub, and an MTA runs all the same',
        host('redhat', unit(), hub=True),
        'systemd_unit',
        {},
        'sm-client.service',
    ),
    row(
        'Red Hat, and sm-client.service is masked',
        host('redhat', msp={'masked': True}),
        'systemd_unit',
        {'errors': 'sm-client.service is masked', 'reasons': EVERY},
        'systemd.unit(5)',
    ),
    row(
        'The same; systemd_unit was asked for',
        host('redhat', msp={'masked': True}),
        'systemd_unit',
        START,
        'systemd.unit(5)',
        {'method': 'systemd_unit'},
    ),
    row(
        'Red Hat, sm-client.service is masked, and the timer of this role runs',
        host('redhat', TIMER, msp={'masked': True}),
        'systemd_timer',
        {},
        'systemd.unit(5)',
    ),
    row(
        'Red Hat, and sendmail.service is masked',
        host('redhat', down(unit(), bound_to='sendmail.service'), mta=False, service={'masked': True}),
        'systemd_unit',
        {'errors': 'cannot run without sendmail.service', 'reasons': EVERY},
        'BindTo= of sm-client.service',
    ),
    row(
        'Red Hat with MailScanner, whose units conflict with those of Sendmail',
        mailscanner('ms-sendmail-in.service'),
        'systemd_unit',
        dict(START, errors='beside the MTA in ms-sendmail-in.service', foreign='ms-sendmail.service'),
        'systemd.unit(5), Conflicts=',
    ),
    row(
        'The same units beside the MTA of the package',
        mailscanner('sendmail.service'),
        'systemd_unit',
        dict(START, foreign='ms-sendmail.service'),
        'systemd.unit(5)',
    ),
    row('Red Hat in a container without an init', host('redhat', init='none'), 'cron', START, 'sm-client.service'),
    row(
        'Red Hat 6 or Amazon Linux 1: its init script starts the runner, every hour',
        host('redhat', dict(SYSCONFIG, interval=3600), **OLD_REDHAT),
        'conf_d',
        START,
        'sendmail.init of el6',
        writes=['/etc/sysconfig', '/etc/sysconfig/sendmail'],
    ),
    row('The same, every half hour', host('redhat', SYSCONFIG, **OLD_REDHAT), 'conf_d', {}, 'sendmail.init of el6'),
    row(
        'The same every hour, in a container without an init and without cron',
        host('redhat', dict(SYSCONFIG, interval=3600), cron=NO_CRON, **OLD_REDHAT_CONTAINER),
        'conf_d',
        START,
        'sendmail.init of el6',
    ),
    row(
        'The same, the runner is dead',
        host('redhat', down(SYSCONFIG), **OLD_REDHAT),
        'conf_d',
        START,
        'sendmail.init of el6',
    ),
    row(
        'The same; sendmail_queue_runner_method: cron',
        host('redhat', SYSCONFIG, **OLD_REDHAT),
        'cron',
        {'errors': '(/etc/sysconfig/sendmail), so cron would be a second one', 'reasons': EVERY},
        'sendmail.init of el6',
        {'method': 'cron'},
    ),
    row(
        'Red Hat without systemd, and the init script is one of the administrator that starts no runner',
        host('redhat', **OLD_REDHAT),
        'cron',
        START,
        'sendmail.init of el6',
    ),
    row(
        'Red Hat in a container without init and cron',
        host('redhat', init='none', cron=NO_CRON),
        'none',
        {'errors': 'Neither an init system nor a cron that reads /etc/cron.d runs on this host'},
        'crond(8)',
    ),
    row(
        'Built by hand, in a container with the cron of busybox, and its table of a user',
        host('upstream', runner(path='/var/spool/cron/crontabs/smmsp', line=1, interval=600), init='none', cron=NO_CRON),
        'none',
        {'errors': 'now: /var/spool/cron/crontabs/smmsp line 1'},
        'crond.c',
    ),
    row(
        'The same with the interval that is wanted',
        host('upstream', runner(path='/var/spool/cron/crontabs/smmsp', line=1), init='none', cron=NO_CRON),
        'none',
        {},
        'crond.c',
    ),
    row(
        'SUSE as its package leaves it: every half hour (-qp30m)',
        host('suse', unit('suse')),
        'systemd_unit',
        {},
        'sendmail-client.service',
    ),
    row(
        'SUSE, its runner is dead',
        host('suse', down(unit('suse'))),
        'systemd_unit',
        START,
        'sendmail-client.service',
        unit='sendmail-client.service',
        arguments='-L sendmail-client -Ac -qp30m',
    ),
    row(
        'SUSE, started by its path unit when a message comes',
        host('suse', unit('suse', pid=None)),
        'systemd_unit',
        {},
        'sendmail-client.path',
    ),
    row(
        'SUSE; sendmail_queue_runner_method: systemd_timer',
        host('suse', unit('suse')),
        'systemd_timer',
        {'reasons': EVERY, 'leave': ['systemd_unit']},
        'sendmail-client.service',
        {'method': 'systemd_timer'},
    ),
    row(
        'Arch as its package leaves it',
        host('arch', unit('arch')),
        'systemd_unit',
        {},
        'PKGBUILD',
        arguments='-Ac -q30m -L sm-cm',
    ),
    # Gentoo
    row(
        'Gentoo with OpenRC as its package leaves it',
        host('gentoo', CONF_D),
        'conf_d',
        {},
        'files/sendmail of the ebuild',
    ),
    row(
        'Gentoo with OpenRC, every 20 minutes',
        host('gentoo', dict(CONF_D, interval=1200)),
        'conf_d',
        START,
        'files/sendmail of the ebuild',
    ),
    row(
        'Gentoo with OpenRC, the runner is dead',
        host('gentoo', down(CONF_D)),
        'conf_d',
        START,
        'files/sendmail of the ebuild',
    ),
    row(
        'Gentoo with OpenRC; sendmail_queue_runner_method: cron',
        host('gentoo', CONF_D),
        'cron',
        {'errors': 'would be a second one', 'reasons': EVERY},
        'files/sendmail of the ebuild',
        {'method': 'cron'},
    ),
    row(
        'Gentoo with OpenRC, a null client whose script is in no runlevel',
        host('gentoo', down(CONF_D), **dict(HUB, service={'enabled': False})),
        'cron',
        START,
        'files/sendmail of the ebuild',
    ),
    row(
        'Gentoo with systemd',
        host('gentoo', unit('gentoo'), init='systemd'),
        'systemd_unit',
        {},
        'sm-client.service of the ebuild',
    ),
    row('Debian\'s Sendmail with OpenRC', host('debian', LINE, init='openrc'), 'debian_cron', {}, 'update_conf'),
    row(
        'Debian with OpenRC; sendmail_queue_runner_method: conf_d',
        host('debian', LINE, init='openrc'),
        'conf_d',
        {
            'errors': 'does not exist on this platform',
            'settings': [{'name': 'MSP_MODE', 'value': 'None'}],
            'generate': True,
            'reasons': EVERY,
        },
        'update_conf',
        {'method': 'conf_d'},
    ),
    # FreeBSD
    row('FreeBSD as it comes', host('freebsd', RC_CONF), 'rc_conf', {}, 'rc.sendmail(8)'),
    row('FreeBSD, every hour', host('freebsd', dict(RC_CONF, interval=3600)), 'rc_conf', START, 'rc.sendmail(8)'),
    row(
        'FreeBSD, sendmail_enable NONE',
        host('freebsd', msp={'masked': True}),
        'rc_conf',
        {'errors': 'sendmail_enable is NONE', 'reasons': EVERY},
        'rc.d/sendmail',
    ),
    row(
        'FreeBSD, a daily run by periodic beside it',
        host('freebsd', RC_CONF, runner('periodic', path='/etc/periodic.conf', interval=86400)),
        'rc_conf',
        {'foreign': 'periodic, every 1d'},
        'periodic.conf(5)',
    ),
    row(
        'The same; sendmail_queue_runner_remove_foreign',
        host('freebsd', RC_CONF, runner('periodic', path='/etc/periodic.conf', interval=86400)),
        'rc_conf',
        {'foreign': 'periodic', 'remove': [{'kind': 'periodic'}]},
        'periodic.conf(5)',
        FOREIGN,
    ),
    # Installed by hand, and never seen before
    row('Built by hand, with systemd', host('upstream'), 'systemd_timer', START, 'sendmail/SECURITY'),
    row('Built by hand, in a container with cron', host('upstream', init='none'), 'cron', START, 'sendmail/SECURITY'),
    row(
        'Built by hand, with a unit of the administrator called sm-client.service',
        host('upstream', down(unit('redhat')), msp={'unit': '/etc/systemd/system/sm-client.service'}),
        'systemd_unit',
        START,
        'systemd.unit(5)',
    ),
    row(
        'A packaging that no table knows, and nothing runs the queue',
        host('unknown'),
        'none',
        {'errors': UNKNOWN},
        'docs/platforms.md',
    ),
    row(
        'The same, and a daemon runs it every half hour',
        host('unknown', runner('daemon', pid=9)),
        'none',
        {},
        'docs/platforms.md',
    ),
    row(
        'The same, and a daemon runs it every hour; sendmail_queue_runner_method: cron',
        host('unknown', runner('daemon', pid=9, interval=3600)),
        'none',
        {'errors': UNKNOWN},
        'docs/platforms.md',
        {'method': 'cron'},
    ),
    # What has to come first
    row('No Sendmail', host('debian', installed=False), 'debian_cron', {'first': 'not installed'}, 'package sendmail'),
    row(
        'Postfix has the name sendmail: a runner would call it',
        host('redhat', other_mta='postfix'),
        'systemd_unit',
        {'first': 'another MTA (postfix)'},
        'alternatives(8)',
    ),
    row(
        'No user smmsp, as whom the timer would run',
        host('upstream', msp_user={'name': 'smmsp', 'uid': None}),
        'systemd_timer',
        {'first': 'no user smmsp'},
        'sendmail/SECURITY',
    ),
    # Somebody else's runners
    row(
        'A line in root\'s crontab beside Debian\'s',
        host('debian', LINE, runner(path='/var/spool/cron/crontabs/root', line=7, interval=900)),
        'debian_cron',
        {'foreign': '/var/spool/cron/crontabs/root line 7'},
        'crontab(5)',
    ),
    row(
        'A line in the crontab of smmsp; sendmail_queue_runner_remove_foreign',
        host('debian', LINE, runner(path='/var/spool/cron/crontabs/smmsp', line=1)),
        'debian_cron',
        {
            'foreign': 'crontabs/smmsp line 1',
            'remove': [{'kind': 'line', 'path': '/var/spool/cron/crontabs/smmsp', 'line': 1}],
        },
        'crontab(5)',
        FOREIGN,
    ),
    row(
        'A line of a crontab that calls a script',
        host('debian', LINE, runner(path='/etc/crontab', line=9, script='/usr/local/sbin/flush')),
        'debian_cron',
        {'foreign': '/etc/crontab line 9, with /usr/local/sbin/flush'},
        'crontab(5)',
    ),
    row(
        'That line; sendmail_queue_runner_remove_foreign',
        host('debian', LINE, runner(path='/etc/crontab', line=9, script='/usr/local/sbin/flush')),
        'debian_cron',
        {'foreign': '/etc/crontab line 9', 'errors': 'by hand'},
        'crontab(5)',
        FOREIGN,
    ),
    row(
        'A line of a crontab that does other things too',
        host('debian', LINE, runner(path='/etc/crontab', line=9, script='/usr/local/bin/backup')),
        'debian_cron',
        {'foreign': '/etc/crontab line 9, with /usr/local/bin/backup'},
        'sh(1)',
    ),
    row(
        'Such a line that does other things too; sendmail_queue_runner_remove_foreign',
        host('debian', LINE, runner(path='/etc/crontab', line=9, script='/usr/local/bin/backup')),
        'debian_cron',
        {'foreign': '/etc/crontab line 9', 'errors': 'by hand'},
        'sh(1)',
        FOREIGN,
    ),
    row(
        'A timer whose service makes a backup too; sendmail_queue_runner_remove_foreign',
        host(
            'redhat',
            unit(),
            runner('systemd_timer', path='/etc/systemd/system/night.timer', unit='night.timer', script='backup'),
        ),
        'systemd_unit',
        {'foreign': 'night.timer, with backup', 'errors': 'by hand'},
        'systemd.service(5)',
        FOREIGN,
    ),
    row(
        'A timer of systemd-run; sendmail_queue_runner_remove_foreign',
        host('redhat', unit(), runner('systemd_timer', path='/run/systemd/transient/run-r1.timer', unit='run-r1.timer')),
        'systemd_unit',
        {'foreign': '/run/systemd/transient/run-r1.timer', 'errors': 'by hand'},
        'systemctl(1)',
        FOREIGN,
    ),
    row(
        'A shell that runs the queue and sleeps, in a container without an init and without cron',
        host('debian', LOOP, down(LINE), init='none', cron=NO_CRON),
        'none',
        {},
        'sh(1)',
    ),
    row(
        'Such a shell with another interval',
        host('debian', dict(LOOP, interval=600), init='none', cron=NO_CRON),
        'debian_daemon',
        dict(TO_DAEMON, foreign='loop, every 10m'),
        'sh(1)',
    ),
    row(
        'Such a shell, and an init that starts no cron',
        host('debian', LOOP, init='sysv', cron=NO_CRON),
        'debian_daemon',
        dict(TO_DAEMON, foreign='loop, every 30m'),
        'sh(1)',
    ),
    row(
        'Such a shell; sendmail_queue_runner_remove_foreign',
        host('redhat', unit(), LOOP),
        'systemd_unit',
        {'foreign': 'process 9, with /bin/sh', 'errors': 'by hand'},
        'sh(1)',
        FOREIGN,
    ),
    row(
        'Such a shell beside a Sendmail built by hand, in a container without an init and without cron',
        host('upstream', LOOP, init='none', cron=NO_CRON),
        'none',
        {},
        'sh(1)',
    ),
    row(
        'A line of /etc/anacrontab',
        host('redhat', unit(), runner(path='/etc/anacrontab', line=3, interval=86400)),
        'systemd_unit',
        {'foreign': '/etc/anacrontab line 3 (cron, every 1d)'},
        'anacrontab(5)',
    ),
    row(
        'An instance of a template timer; sendmail_queue_runner_remove_foreign',
        host(
            'redhat', unit(), runner('systemd_timer', path='/etc/systemd/system/flush@.timer', unit='flush@msp.timer')
        ),
        'systemd_unit',
        {'foreign': 'flush@msp.timer', 'remove': [{'kind': 'unit', 'name': 'flush@msp.timer'}]},
        'systemd.timer(5)',
        FOREIGN,
    ),
    row(
        'A daemon started by hand; sendmail_queue_runner_remove_foreign',
        host('redhat', unit(), runner('daemon', pid=9)),
        'systemd_unit',
        {'foreign': 'process 9', 'remove': [{'kind': 'process', 'pid': 9}]},
        'sendmail/SECURITY',
        FOREIGN,
    ),
]


def after(look, plan, remove_foreign=False):
    """The same host when the plan was carried out: one runner by the method, and what nobody asked for as long as it
    may stay.
    """
    method, seconds = plan['method'], plan['seconds']
    new = {
        'debian_cron': LINE,
        'debian_daemon': runner('daemon', pid=301, unit='sendmail.service' if plan['init'] == 'systemd' else None),
        'systemd_unit': runner(
            'systemd_unit', unit=plan['unit'], path='/usr/lib/systemd/system/' + plan['unit'], pid=301
        ),
        'systemd_timer': TIMER,
        'cron': OWN_LINE,
        'rc_conf': RC_CONF,
        'conf_d': CONF_D if look['installation']['platform'] == 'gentoo' else SYSCONFIG,
    }[method]
    settings = look['installation']['sendmail_conf']
    if settings is not None:
        values = {one['name'].lower(): one['value'].lower() for one in plan['settings']}
        settings = dict(settings, **dict(values, **({'msp_interval': seconds} if 'msp_interval' in values else {})))
    services = look['services']
    masked = method != 'systemd_unit' and (services['msp']['masked'] or 'systemd_unit' in plan['leave'])
    others = (
        []
        if remove_foreign
        else [one for one in look['runners'] if any((one['path'] or 'process') in words for words in plan['foreign'])]
    )
    # What OpenRC would start if somebody told it to is still described there.
    others += [one for one in look['runners'] if one['source'] == 'conf_d' and method != 'conf_d']
    return dict(
        look,
        installation=dict(look['installation'], sendmail_conf=settings),
        runners=[dict(new, interval=seconds)] + others,
        services=dict(services, msp=dict(services['msp'], masked=masked)),
    )
