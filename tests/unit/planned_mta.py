# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decision table of the filter mta_plan: hosts, and what the role sendmail_mta has to do on each.

What is expected comes from where a row says, not from the filter. Behind each row stands the most similar host where
the answer is another.
docs/generate.py puts the table into the README of the role.
"""

from collections import namedtuple

from ansible_collections.mailops.sendmail.plugins.module_utils import _route

STARTED = 1795447696
GREETS = {
    'answered': True,
    'connected': True,
    'code': 220,
    'text': '220 h ESMTP Sendmail 8.17.1.9; today',
    'error': None,
}
POSTFIX = dict(GREETS, text='220 h ESMTP Postfix (Debian)')
SILENT = {'answered': False, 'connected': True, 'code': None, 'text': None, 'error': 'connection_timeout'}
REFUSED = {'answered': False, 'connected': False, 'code': None, 'text': None, 'error': 'connection_refused'}
UNIT = '/usr/lib/systemd/system/sendmail.service'
SCRIPT = '/etc/init.d/sendmail'
# What each packaging brings to start the MTA with: unit, init script.
BRINGS = {
    'debian': (None, SCRIPT),
    'redhat': (UNIT, None),
    'suse': (UNIT, None),
    'gentoo': (UNIT, SCRIPT),
    'arch': (UNIT, None),
    'freebsd': (None, None),
    'upstream': (None, None),
    'unknown': (None, None),
}
LOOPBACK = ('127.0.0.1',)
Decision = namedtuple('Decision', 'host look options plan source also')


def socket(address='127.0.0.1', port=25, pid=170, name='sendmail-mta'):
    return {
        'address': address,
        'port': port,
        'pid': pid,
        'name': name,
        'v6only': None,
        'sendmail': None if name is None else pid in (170, 171),
    }


def daemon(**values):
    return dict(
        {
            'pid': 170,
            'role': 'daemon',
            'queue': 'mta',
            'started': STARTED,
            'unit': 'sendmail.service',
            'title': 'sendmail: accepting connections',
        },
        **values,
    )


def mta_host(
    platform='debian',
    init='systemd',
    hosts=('[127.0.0.1]',),
    here=LOOPBACK,
    there=(),
    port=25,
    path=None,
    listeners=None,
    greeting='sendmail',
    processes=None,
    mode=None,
    service=None,
    installation=None,
    **mta,
):
    """A look at a host: C(here) and C(there) are the addresses of this host and of others that submit.cf leads to,
    C(mode) is DAEMON_MODE.
    """
    targets = [_route.Target(host, host.strip('[]'), None, not host.startswith('[')) for host in hosts]
    places = [_route.Place(hosts[0], one, port, True, False) for one in here] + [
        _route.Place(hosts[-1], one, port, False, False) for one in there
    ]
    listeners = [socket(port=port)] if listeners is None else listeners
    greeting = GREETS if greeting == 'sendmail' else greeting
    relay = None
    if hosts or path:
        relay = _route.route(
            _route.Submission('relay', port, targets, path, None, False),
            places,
            listeners,
            {(place.address, place.port): greeting for place in places},
        )
    unit, script = BRINGS[platform]
    about = {
        'installed': True,
        'program': '/usr/sbin/sendmail',
        'binary': '/usr/libexec/sendmail/sendmail',
        'other_mta': None,
        'platform': platform,
        'submit_cf': {'path': '/etc/mail/submit.cf', 'exists': True},
        'sendmail_cf': {'path': '/etc/mail/sendmail.cf', 'changed': STARTED - 60},
        'sendmail_conf': {'daemon_mode': mode or 'daemon'} if platform == 'debian' else None,
    }
    about.update(installation or {})
    record = {
        'name': 'sendmail',
        'unit': unit,
        'init_script': script,
        'enabled': True if unit or script else None,
        'masked': False,
        'started_as': None,
        'command': None,
    }
    record.update(service or {})
    return {
        'installation': about,
        'services': {'init': init, 'mta': record},
        'mta': dict(
            {
                'processes': [daemon()] if processes is None else processes,
                'listeners': listeners,
                'relay': relay,
                'greeting': greeting if places else None,
                'refuses_for_load': False,
                'load_average': 0.5,
                'resolver_changed': STARTED - 60,
            },
            **mta,
        ),
    }


def dead(**values):
    return mta_host(**dict({'processes': [], 'listeners': [], 'greeting': REFUSED}, **values))


def null_client(**values):
    return mta_host(
        **dict(
            {'hosts': ('hub.example.org',), 'here': (), 'there': ('192.0.2.25',), 'processes': [], 'listeners': []},
            **values,
        )
    )


def held(name, greeting=None, pid=9, **values):
    return mta_host(
        **dict(
            {'processes': [], 'listeners': [socket(pid=pid, name=name)], 'greeting': greeting or SILENT}, **values
        )
    )


def row(host, look, plan, source, options=None, **also):
    return Decision(host, look, options or {}, plan, source, also)


UNKNOWN_NAME = {
    'hosts': ('hub.example.org',),
    'here': (),
    'there': (),
    'greeting': dict(REFUSED, error='name_lookup'),
    'processes': [],
    'listeners': [],
}
NO_REDHAT_SERVICE = {'platform': 'redhat', 'service': {'unit': None, 'enabled': None}}
EXIM = {'pid': 9, 'exe': '/usr/sbin/exim4', 'unit': 'exim4.service', 'scripts': []}
SITE = '/usr/sbin/sendmail -bd -q1h -C /etc/mail/site.cf'
ROWS = [
    # Where submit.cf hands mail to
    row(
        'Mail goes to a hub that greets; no MTA here (null client)',
        null_client(),
        {},
        'cf/README, nullclient',
        enable=False,
        wanted=False,
    ),
    row(
        'The same, and an MTA of Debian that has died: DAEMON_MODE was never changed',
        null_client(mode='daemon'),
        {},
        'cf/README',
        enable=False,
    ),
    row(
        'The same, and sendmail.service is masked',
        null_client(service={'masked': True}),
        {},
        'systemd.unit(5)',
        enable=False,
    ),
    row(
        'Mail goes to a hub that does not answer',
        null_client(greeting=REFUSED),
        {'errors': 'on another host, which does not answer'},
        'cf/README',
    ),
    row(
        'Mail goes to a hub, and an unrelated program holds port 25 here',
        null_client(listeners=[socket(pid=9, name='python3')]),
        {},
        'ip(7)',
    ),
    row(
        'Mail goes to a hub whose name has no address now',
        mta_host(**UNKNOWN_NAME),
        {'errors': 'hub.example.org has no address'},
        'domain.c, getmxrr()',
        enable=False,
    ),
    row(
        'Mail goes to [hub], two addresses, of which none is this host',
        null_client(there=('192.0.2.25', '192.0.2.26')),
        {},
        'daemon.c, makeconnection()',
    ),
    row(
        'Mail goes to this host, or to a hub where that fails; the hub greets',
        mta_host(hosts=('[127.0.0.1]', 'hub'), there=('192.0.2.25',), processes=[], listeners=[]),
        {},
        'deliver.c, FallbackSmartHost',
    ),
    row(
        'The same, and neither answers',
        dead(hosts=('[127.0.0.1]', 'hub'), there=('192.0.2.25',)),
        {'restart': 'No MTA runs.'},
        'deliver.c',
    ),
    row(
        'The relay is the name of this host itself, and its MTA is dead',
        dead(hosts=('web1.example.org',), here=('192.0.2.1',)),
        {'restart': 'No MTA runs.'},
        'daemon.c',
    ),
    row(
        'The relay is [IPv6:::1], and the MTA listens there',
        mta_host(here=('::1',), listeners=[socket('::1')]),
        {},
        'daemon.c',
        wanted=True,
    ),
    row(
        'The relay is [IPv6:::1], and the MTA listens at 127.0.0.1 alone',
        mta_host(here=('::1',), greeting=REFUSED),
        {'errors': 'listens at 127.0.0.1 port 25, but submit.cf hands mail to'},
        'daemon.c',
    ),
    row('An MSA on port 587 alone, and submit.cf says 587', mta_host(port=587), {}, 'cf/README, no_default_msa'),
    row(
        'An MSA on port 587 alone, and submit.cf says 25',
        mta_host(listeners=[socket(port=587)], greeting=REFUSED),
        {'errors': '127.0.0.1 port 587, but submit.cf hands mail to'},
        'cf/README',
    ),
    row(
        'submit.cf hands mail to a socket in the file system',
        mta_host(hosts=(), path='/run/lmtp', here=(), greeting=None),
        {'errors': 'hands mail to the socket /run/lmtp'},
        'deliver.c, A=FILE',
    ),
    row(
        'There is no submit.cf',
        mta_host(hosts=(), here=(), installation={'submit_cf': {'path': '/etc/mail/submit.cf', 'exists': False}}),
        {'first': 'Apply the role mailops.sendmail.sendmail_msp first'},
        'main.c',
    ),
    row('submit.cf names no relay', mta_host(hosts=(), here=()), {'errors': 'names no relay'}, 'cf/feature/msp.m4'),
    # What Debian's sendmail.conf says
    row(
        'DAEMON_MODE is None, and mail goes to this host',
        dead(mode='none'),
        {'errors': 'DAEMON_MODE in /etc/mail/sendmail.conf is None'},
        '/usr/share/sendmail/sendmail, daemon_check()',
        enable=False,
    ),
    row('DAEMON_MODE is None, and mail goes to a hub', null_client(mode='none'), {}, 'daemon_check()'),
    row(
        'DAEMON_MODE is Localhost, which the script does not know: it starts no listener',
        dead(mode='localhost'),
        {'errors': 'is Localhost'},
        'start_mta()',
    ),
    row(
        'DAEMON_MODE is Inetd, and inetd starts Sendmail',
        held('inetd', GREETS, mode='inetd'),
        {},
        'daemon_check()',
        enable=False,
    ),
    row(
        'DAEMON_MODE is Inetd, and nothing listens',
        dead(mode='inetd'),
        {'errors': 'Enable smtp in /etc/inetd.conf'},
        'daemon_check()',
    ),
    row(
        'DAEMON_MODE is Inetd, inetd starts Sendmail, and sendmail.service is masked',
        held('inetd', GREETS, mode='inetd', service={'masked': True}),
        {},
        'systemd.unit(5)',
        enable=False,
    ),
    row(
        'Inetd and masked as before; sendmail_mta_unmask',
        held('inetd', GREETS, mode='inetd', service={'masked': True}),
        {},
        'systemd.unit(5)',
        {'unmask': True},
    ),
    # Who holds the port
    row(
        'xinetd holds the port and starts Sendmail',
        held('xinetd', GREETS, platform='redhat'),
        {},
        'xinetd.conf(5)',
        enable=False,
    ),
    row(
        'systemd holds the port (a socket unit) and starts Sendmail',
        held('systemd', GREETS, pid=1, platform='redhat'),
        {},
        'systemd.socket(5)',
        enable=False,
    ),
    row(
        'systemd holds the port, and what it starts does not greet',
        held('systemd', pid=1, platform='redhat'),
        {'errors': 'systemd (process 1) holds'},
        'systemd.socket(5)',
    ),
    row(
        'inetd holds the port, and what it starts is silent; sendmail_mta_replace_other',
        held('inetd', mode='inetd'),
        {'errors': 'inetd (process 9) holds'},
        'inetd(8)',
        {'replace_other': True},
    ),
    row(
        'Postfix holds the port',
        held('master', POSTFIX),
        {'errors': 'is held by master (process 9)'},
        'Debian policy 11.6',
    ),
    row(
        'Exim holds the port, started by its own unit; sendmail_mta_replace_other',
        held('exim4', dict(GREETS, text='220 h ESMTP Exim 4.96')),
        {
            'others': [{'pid': 9, 'name': 'exim4'}],
            'stop': [{'pid': 9, 'name': 'exim4', 'service': 'exim4'}],
            'restart': 'No MTA runs.',
        },
        'exim4-base',
        {'replace_other': True, 'holders': [EXIM]},
    ),
    row(
        'docker-proxy holds the port for something silent; sendmail_mta_replace_other',
        held('docker-proxy'),
        {'others': [{'pid': 9, 'name': 'docker-proxy'}], 'errors': 'never stopped'},
        'systemd.unit(5)',
        {
            'replace_other': True,
            'holders': [{'pid': 9, 'exe': '/usr/bin/docker-proxy', 'unit': 'docker.service', 'scripts': []}],
        },
    ),
    row(
        'No process of this host holds the port, and Postfix greets (a redirect)',
        mta_host(processes=[], listeners=[], greeting=POSTFIX),
        {'errors': 'no process of this host listens'},
        'iptables-extensions(8), REDIRECT',
    ),
    row('The same, and Sendmail greets', mta_host(processes=[], listeners=[]), {}, 'iptables-extensions(8)'),
    # Who has the name
    row(
        'Postfix has the name on Debian; sendmail_mta_replace_other',
        mta_host(installation={'other_mta': 'postfix'}),
        {'alternative': '/usr/libexec/sendmail/sendmail'},
        'update-alternatives(1)',
        {'replace_other': True},
    ),
    row(
        'Postfix has the name on Debian',
        mta_host(installation={'other_mta': 'postfix'}),
        {'errors': 'belongs to another MTA (postfix)'},
        'Debian policy 11.6',
    ),
    row(
        'A script of the administrator has the name on Debian; sendmail_mta_replace_other',
        mta_host(installation={'other_mta': 'unknown'}),
        {'errors': 'neither Sendmail nor an MTA that this role knows. Give the name back to Sendmail by hand'},
        'update-alternatives(1): a file that is no link is not replaced',
        {'replace_other': True, 'alternatives': False},
    ),
    row(
        'DMA has the name on FreeBSD; sendmail_mta_replace_other',
        mta_host('freebsd', 'rc', installation={'other_mta': 'dma'}),
        {'errors': 'in mailer.conf'},
        'mailer.conf(5)',
        {'replace_other': True},
    ),
    row(
        'Another MTA has the name, and Sendmail was built by hand; sendmail_mta_replace_other',
        mta_host('upstream', installation={'other_mta': 'exim'}),
        {'errors': 'by hand'},
        'sendmail/Makefile.m4',
        {'replace_other': True},
    ),
    # Where Sendmail is missing
    row(
        'No Sendmail on Debian; sendmail_mta_install',
        dead(installation={'installed': False}),
        {'install': True},
        'package sendmail',
        {'install': True},
    ),
    row(
        'No Sendmail on Debian',
        dead(installation={'installed': False}),
        {'errors': 'sendmail_mta_install'},
        'package sendmail',
    ),
    row(
        'No Sendmail on Gentoo; sendmail_mta_install',
        dead(platform='gentoo', installation={'installed': False}),
        {'errors': 'no package'},
        'docs/platforms.md',
        {'install': True},
    ),
    # What starts it
    row(
        'No MTA on Debian, the unit "active" all the same',
        dead(),
        {'restart': 'No MTA runs.'},
        'Debian\'s unit, RemainAfterExit=yes',
        init='systemd',
    ),
    row(
        'No MTA in a container without an init, Debian\'s script there',
        dead(init='none'),
        {'restart': 'No MTA runs.'},
        'init script',
        init='script',
    ),
    row(
        'No MTA on Debian, and neither unit nor script',
        dead(service={'init_script': None}),
        {'errors': 'Install the package again'},
        'sendmail-bin',
    ),
    row('No MTA on Red Hat', dead(platform='redhat'), {'restart': 'No MTA runs.'}, 'sendmail.spec', init='systemd'),
    row(
        'No MTA on Red Hat, and no unit',
        dead(**NO_REDHAT_SERVICE),
        {'errors': 'Install the package again'},
        'sendmail.spec',
    ),
    row(
        'No MTA on SUSE',
        dead(platform='suse'),
        {'restart': 'No MTA runs.'},
        'sendmail.spec of openSUSE',
        init='systemd',
    ),
    row(
        'No MTA on SUSE, and no unit',
        dead(platform='suse', service={'unit': None}),
        {'errors': 'Install the package again'},
        'sendmail.spec of openSUSE',
    ),
    row(
        'No MTA on Gentoo with OpenRC',
        dead(platform='gentoo', init='openrc'),
        {'restart': 'No MTA runs.'},
        'files/sendmail of the ebuild',
        init='script',
    ),
    row(
        'No MTA on Gentoo in a container without OpenRC: its script refuses to run',
        dead(platform='gentoo', init='none'),
        {'restart': 'No service starts it on this host'},
        'openrc-run(8)',
        init='binary',
    ),
    row(
        'No MTA on FreeBSD',
        dead(platform='freebsd', init='rc'),
        {'restart': 'No MTA runs.'},
        'rc.d/sendmail',
        init='script',
        enable=False,
    ),
    row(
        'No MTA on FreeBSD, and rc.conf starts none',
        dead(platform='freebsd', init='rc', service={'enabled': False, 'masked': True}),
        {'errors': 'Set sendmail_enable to NO and sendmail_submit_enable to YES'},
        'rc.d/sendmail, sendmail_enable=NONE',
    ),
    row(
        'A healthy MTA on FreeBSD: to enable it would open it to the network',
        mta_host('freebsd', 'rc'),
        {},
        'rc.sendmail(8)',
        enable=False,
    ),
    row(
        'No MTA, Sendmail built by hand, no service',
        dead(platform='upstream'),
        {'restart': 'No service starts it on this host'},
        'sendmail/SECURITY',
        init='binary',
    ),
    row(
        'The same, and a unit of the administrator called sendmail.service',
        dead(platform='upstream', service={'unit': '/etc/systemd/system/sendmail.service'}),
        {'restart': 'No MTA runs.'},
        'systemd.unit(5)',
        init='systemd',
    ),
    row(
        'No MTA, Sendmail built by hand, no service; sendmail_mta_service is create',
        dead(platform='upstream'),
        {'create': True, 'restart': 'No MTA runs.'},
        'systemd.service(5)',
        {'service': 'create'},
        init='systemd',
        enable=True,
        command=['-L', 'sm-mta', '-bD', '-q1h'],
    ),
    row(
        'No MTA on Red Hat, and the name that its unit starts leads nowhere',
        dead(platform='redhat', service={'command': '/usr/sbin/sendmail -bd -q1h '}, installation={'program': '/usr/sbin/sendmail.sendmail'}),
        {'errors': 'there is no such program; Sendmail itself is /usr/sbin/sendmail.sendmail'},
        'alternatives(8)',
    ),
    row(
        'The same, and the unit starts the program by its other name',
        dead(
            platform='redhat',
            service={'command': '/usr/sbin/sendmail.sendmail -bd -q1h '},
            installation={'program': '/usr/sbin/sendmail.sendmail'},
        ),
        {'restart': 'No MTA runs.'},
        'alternatives(8)',
    ),
    row(
        'The MTA is dead, and was started by hand with another configuration, which the service does not have',
        dead(service={'started_as': '/usr/sbin/sendmail -L sm-mta -bd -q1h -C/etc/mail/site.cf'}),
        {'errors': 'started last with /etc/mail/site.cf'},
        'getcfname() in conf.c',
    ),
    row(
        'The same, but -C stands in sendmail.conf, so the service has it too',
        dead(service={'started_as': '/usr/sbin/sendmail-mta -Am -L sm-mta -bd -q10m -C/etc/mail/site.cf'}),
        {'restart': 'No MTA runs.'},
        'sendmail.conf',
    ),
    row(
        'The same on Red Hat, and -C stands in SENDMAIL_OPTS, which its unit puts into its command',
        dead(platform='redhat', service={'started_as': SITE, 'command': '/usr/sbin/sendmail -bd -q1h -C /etc/mail/site.cf '}),
        {'restart': 'No MTA runs.'},
        'sendmail.service',
    ),
    row(
        'The same, but SENDMAIL_OPTS names another file',
        dead(platform='redhat', service={'started_as': SITE, 'command': '/usr/sbin/sendmail -bd -q1h -C /etc/mail/site.cf.new '}),
        {'errors': 'started last with /etc/mail/site.cf'},
        'getcfname() in conf.c',
    ),
    row(
        'The same, and its pid file says how it was started last',
        dead(platform='upstream', service={'started_as': '/opt/sendmail -L mta -bd -C/opt/mail.cf'}),
        {'create': True, 'restart': 'No MTA runs.'},
        'util.c, log_sendmail_pid()',
        {'service': 'create'},
        command=['-L', 'mta', '-bD', '-C/opt/mail.cf'],
    ),
    row(
        'The same, and its MTA greets',
        mta_host('upstream', processes=[daemon(unit=None)]),
        {'create': True},
        'systemd.service(5)',
        {'service': 'create'},
        enable=True,
    ),
    row(
        'The same, and an init script of the administrator',
        mta_host('upstream', service={'init_script': SCRIPT}),
        {},
        'systemd-sysv-generator(8)',
        {'service': 'create'},
    ),
    row(
        'The same in a container without an init; sendmail_mta_service is create',
        mta_host('upstream', None),
        {'errors': 'systemd does not run here'},
        'systemd.service(5)',
        {'service': 'create'},
        enable=False,
    ),
    row(
        'A null client, Sendmail built by hand; sendmail_mta_service is create',
        null_client(platform='upstream'),
        {},
        'cf/README, nullclient',
        {'service': 'create'},
        enable=False,
    ),
    row(
        'inetd starts a Sendmail built by hand; sendmail_mta_service is create',
        held('inetd', GREETS, platform='upstream'),
        {},
        'inetd(8)',
        {'service': 'create'},
        enable=False,
    ),
    row(
        'A Sendmail built by hand that runs in a unit of another name; sendmail_mta_service is create',
        mta_host('upstream', processes=[daemon(unit='sm-mta.service')]),
        {},
        'systemd.unit(5): two units would start two daemons for one port at boot',
        {'service': 'create'},
        init='binary',
        enable=False,
    ),
    row(
        'The same, and what greets is a container: no process of this host',
        mta_host('upstream', listeners=[], processes=[]),
        {},
        'network_namespaces(7)',
        {'service': 'create'},
        init='binary',
        enable=False,
    ),
    row(
        'No MTA on Debian, and neither unit nor script; sendmail_mta_service is create',
        dead(service={'unit': None, 'init_script': None}),
        {'errors': 'Install the package again'},
        'sendmail-bin',
        {'service': 'create'},
    ),
    row(
        'A packaging that no table knows, without a unit; sendmail_mta_service is create',
        mta_host('unknown'),
        {'errors': 'not know the packaging'},
        'docs/platforms.md',
        {'service': 'create'},
        enable=False,
    ),
    row(
        'Red Hat with MailScanner: an MTA that answers in a unit of another name, which conflicts with that of the package',
        mta_host('redhat', processes=[daemon(unit='ms-sendmail-in.service')], service={'masked': True, 'enabled': False}),
        {},
        'systemd.unit(5), Conflicts=',
        enable=False,
    ),
    row(
        'The same, and the MTA is in that of the package',
        mta_host('redhat', service={'enabled': False}),
        {},
        'systemd.unit(5)',
    ),
    row(
        'A silent MTA that runs in a unit of another name (a template, say)',
        mta_host('upstream', greeting=SILENT, processes=[daemon(unit='sendmail@mta.service')]),
        {'errors': 'runs in the unit sendmail@mta.service'},
        'systemd.unit(5)',
    ),
    row(
        'A silent MTA that somebody started by hand in a session',
        mta_host('upstream', greeting=SILENT, processes=[daemon(unit='user@1000.service')]),
        {'restart': 'does not greet'},
        'user@.service(5)',
        init='binary',
        strays=[170],
    ),
    row(
        'The same; sendmail_mta_service is create',
        mta_host('upstream', greeting=SILENT, processes=[daemon(unit='user@1000.service')]),
        {'create': True, 'restart': 'does not greet'},
        'systemd.service(5)',
        {'service': 'create'},
        init='systemd',
        strays=[170],
    ),
    row(
        'The same on Debian, whose service is there',
        mta_host(greeting=SILENT, processes=[daemon(unit='user@1000.service')]),
        {'restart': 'does not greet'},
        'systemctl(1): a restart ends the processes of the unit alone',
        init='systemd',
        strays=[170],
    ),
    row(
        'The same, started in a container from outside, in no unit',
        mta_host(greeting=SILENT, processes=[daemon(unit=None)]),
        {'restart': 'does not greet'},
        'podman-exec(1)',
        init='systemd',
        strays=[170],
    ),
    row(
        'It is the first process of a container, and accepts connections without a greeting',
        mta_host('debian', None, processes=[daemon(pid=1, unit=None)], listeners=[socket(pid=1)], greeting=SILENT),
        {'errors': 'Restart it there'},
        'pid_namespaces(7)',
        strays=[],
        watched=True,
    ),
    row(
        'It is the first process of a container, and greets',
        mta_host('debian', None, processes=[daemon(pid=1, unit=None)], listeners=[socket(pid=1)]),
        {},
        'pid_namespaces(7): a handler restarts it too',
        watched=True,
    ),
    row(
        'A supervisor runs it in the foreground, as its pid file says',
        mta_host('upstream', None, processes=[daemon(unit=None)], greeting=SILENT, service={'started_as': 'sendmail -bD -q1h'}),
        {'errors': 'Restart it there'},
        'op.me, -bD',
        watched=True,
    ),
    row(
        'A supervisor runs it in the foreground, and it greets',
        mta_host('upstream', None, processes=[daemon(unit=None)], service={'started_as': 'sendmail -bD -q1h'}),
        {},
        'op.me, -bD: a handler restarts it too',
        watched=True,
    ),
    row(
        'A daemon of a container that went into the background',
        mta_host('upstream', None, processes=[daemon(unit=None)], greeting=SILENT, service={'started_as': 'sendmail -bd -q1h'}),
        {'restart': 'does not greet'},
        'op.me, -bd',
        command=['-bd', '-q1h'],
        strays=[170],
        watched=False,
    ),
    row(
        'No MTA, and its pid file says that it ran in the foreground',
        dead(platform='upstream', init=None, service={'started_as': 'sendmail -bD -q1h'}),
        {'restart': 'No service starts it on this host'},
        'op.me, -bD',
        command=['-bd', '-q1h'],
    ),
    row(
        'A silent MTA of Debian, and a second one that somebody started by hand',
        mta_host(greeting=SILENT, processes=[daemon(), daemon(pid=171, unit=None)]),
        {'restart': 'does not greet'},
        'systemctl(1): nothing would start the second one again',
        strays=[],
        pids=[170],
    ),
    row(
        'An MTA of Debian that greets, and an instance in a unit of the administrator',
        mta_host(processes=[daemon(), daemon(pid=171, unit='sendmail@outside.service')]),
        {},
        'systemd.service(5): a handler restarts the first alone, and Restart=on-failure does not start what TERM ended',
        strays=[],
        pids=[170],
    ),
    row(
        'The same, and the first was started by hand',
        mta_host(processes=[daemon(unit=None), daemon(pid=171, unit='sendmail@outside.service')]),
        {},
        'systemd.service(5)',
        strays=[170],
        pids=[170],
    ),
    row(
        'A silent MTA of Debian, started by its service',
        mta_host(greeting=SILENT),
        {'restart': 'does not greet'},
        'systemctl(1)',
        init='systemd',
        strays=[],
    ),
    row(
        'No MTA, and the unit is masked',
        dead(service={'masked': True}),
        {'errors': 'systemctl unmask sendmail'},
        'systemd.unit(5)',
        enable=False,
    ),
    row(
        'The same with sendmail_mta_unmask',
        dead(service={'masked': True}),
        {'unmask': True, 'restart': 'No MTA runs.'},
        'systemd.unit(5)',
        {'unmask': True},
    ),
    row(
        'A packaging that no table knows, and its MTA answers',
        mta_host('unknown', service={'unit': UNIT}),
        {},
        'docs/platforms.md',
        enable=False,
    ),
    row(
        'A packaging that no table knows, and no MTA',
        dead(platform='unknown', service={'unit': UNIT}),
        {'errors': 'not know the packaging'},
        'docs/platforms.md',
        enable=False,
    ),
    # What a restart is good for
    row(
        'A daemon that accepts connections and is silent',
        mta_host(greeting=SILENT),
        {'restart': 'does not greet'},
        'daemon.c',
    ),
    row(
        'A daemon that listens elsewhere, and sendmail.cf is newer than it',
        mta_host(
            listeners=[socket('192.0.2.9')], greeting=REFUSED, installation={'sendmail_cf': {'changed': STARTED + 60}}
        ),
        {'restart': 'sendmail.cf is newer'},
        'main.c',
    ),
    row(
        'A daemon that listens elsewhere, as its sendmail.cf says',
        mta_host(listeners=[socket('192.0.2.9')], greeting=REFUSED),
        {'errors': 'listens at 192.0.2.9 port 25'},
        'cf/README, DAEMON_OPTIONS',
    ),
    row(
        'Another instance, of a unit of the administrator, listens elsewhere, and the MTA of the package has died',
        mta_host(listeners=[socket('192.0.2.9')], greeting=REFUSED, processes=[daemon(unit='sendmail@outside.service')]),
        {'errors': 'at 192.0.2.9 port 25 belongs to sendmail@outside.service. Start the first with "systemctl restart'},
        'systemd.unit(5)',
    ),
    row(
        'The same, and sendmail.service is disabled: that unit is the MTA',
        mta_host(
            listeners=[socket('192.0.2.9')],
            greeting=REFUSED,
            processes=[daemon(unit='sendmail@outside.service')],
            service={'enabled': False},
        ),
        {'errors': 'listens at 192.0.2.9 port 25, but submit.cf hands mail to'},
        'systemd.unit(5)',
    ),
    row(
        'A daemon whose unit has PrivateNetwork=yes: no socket of it is in the network of the host',
        mta_host(listeners=[], greeting=REFUSED),
        {'errors': 'none of its sockets is in the network of this host'},
        'systemd.exec(5), network_namespaces(7)',
    ),
    row(
        'A daemon that has too many children',
        mta_host(
            listeners=[],
            greeting=REFUSED,
            processes=[daemon(title='sendmail: MTA: rejecting connections on daemon MTA-v4: 5 children, max 5')],
        ),
        {'errors': '5 children, max 5'},
        'conf.c, refuseconnections()',
    ),
    row(
        'A daemon that refuses because of the load',
        mta_host(listeners=[], greeting=REFUSED, refuses_for_load=True, load_average=50.0),
        {'errors': 'load average is 50.0'},
        'conf.c',
    ),
    row(
        'A daemon that answers 554',
        mta_host(greeting=dict(SILENT, code=554, text='554 no', error=None)),
        {'errors': 'but refuses: 554 no'},
        'srvrsmtp.c',
    ),
    row(
        'A daemon behind a packet filter',
        mta_host(greeting=dict(REFUSED, error='connection_timeout')),
        {'errors': 'packet filter'},
        'iptables(8)',
    ),
    row(
        '/etc/resolv.conf is newer than the daemon',
        mta_host(resolver_changed=STARTED + 1),
        {'ask': True},
        'resolver(3)',
    ),
    row(
        'The same, and it names other servers or mail waits for lookups',
        mta_host(resolver_changed=STARTED + 1),
        {'restart': 'name servers of that time'},
        'resolver(3)',
        {'resolver_fails': True},
    ),
    row(
        'The same, and it says the same',
        mta_host(resolver_changed=STARTED + 1),
        {},
        'dhclient-script(8)',
        {'resolver_fails': False},
    ),
    row(
        'A start is due, and Sendmail refuses sendmail.cf',
        dead(),
        {'errors': 'line 12'},
        'main.c',
        {'refused': 'line 12: unknown configuration line'},
    ),
    row(
        'Sendmail refuses sendmail.cf, and the daemon of the old one greets',
        mta_host(),
        {},
        'main.c',
        {'refused': 'line 12'},
    ),
    row('A daemon that greets', mta_host(), {}, 'srvrsmtp.c', enable=True, wanted=True),
]


def after(look, created=False):
    """The same host when the plan was carried out: Sendmail is there, has the name, starts at boot, and a new daemon
    answers. C(created): a unit was written.
    """
    services, mta = look['services'], look['mta']
    return dict(
        look,
        installation=dict(look['installation'], installed=True, other_mta=None),
        services=dict(
            services,
            mta=dict(services['mta'], masked=False, **({'unit': '/etc/systemd/system/sendmail.service'} if created else {})),
        ),
        mta=dict(
            mta,
            processes=[daemon(pid=171, started=STARTED + 600)],
            greeting=GREETS,
            resolver_changed=STARTED,
            relay=dict(mta['relay'], listener=socket(pid=171), answers='sendmail'),
        ),
    )
