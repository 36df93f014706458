# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A healthy host as the controls see it, and for each control the damage that makes it fail."""

from ansible_collections.mailops.sendmail.plugins.module_utils import _look, _route

NOW = 1795447696


def queue(**more):
    figures = {'messages': {'total': 0, 'queued': 0, 'quarantined': 0, 'lost': 0, 'incomplete': 0, 'unreadable': 0},
               'top': {'reasons': [], 'users': [], 'senders': []}, 'debris': {}, 'never_tried': 0, 'last_attempt_age': None, 'untried_age': None,
               'oldest_age': None, 'bytes': 0}
    return dict(figures, **more)


def waiting(count, **more):
    return queue(messages=dict(queue()['messages'], total=count, queued=count), **dict({'last_attempt_age': 60, 'untried_age': 600, 'oldest_age': 600}, **more))


def because(count, reason='', example='', **more):
    """Figures of a queue where messages wait for one reason."""
    reasons = [{'reason': reason, 'messages': count, 'example': example}] if reason else []
    return waiting(count, **dict({'top': {'reasons': reasons, 'users': [], 'senders': []}}, **more))


def state(path, owner='root', group='smmsp', mode='0644', exists=True):
    return {'path': path, 'exists': exists, 'error': None, 'owner': owner if exists else None, 'group': group if exists else None,
            'mode': mode if exists else None}


def want(key, path, owner, group, mode, **found):
    return {'key': key, 'path': path, 'owner': owner, 'group': group, 'mode': mode, 'spare': 0,
            'found': state(path, **dict(dict(owner=owner, group=group, mode=mode), **found))}


def settings(**more):
    return dict({'run_as_user': None, 'queue_la': 16, 'refuse_la': 24, 'min_free_blocks': 100, 'min_queue_age': 0,
                 'queue_factor': 600000, 'recipient_factor': 30000, 'max_daemon_children': 40,
                 'privacy_options': ['goaway', 'restrictqrun'], 'timeouts': {'queuereturn': 432000}}, **more)


ROOM = {'mount': '/var', 'blocks_free': 100000, 'block_size': 4096, 'inodes': 1000, 'inodes_free': 900, 'read_only': False, 'immutable': None,
        'unmounted': None, 'error': None}
RUNNER = {'source': 'debian_cron', 'path': '/etc/cron.d/sendmail', 'active': True, 'partial': False, 'interval': 1800, 'detail': None,
          'bound_to': None}
DAEMON = {'role': 'daemon', 'queue': 'mta', 'user': 'root', 'full': None, 'cwd': '/var/spool/mqueue', 'directory': None,
          'started': NOW - 1000, 'rejecting': None, 'title': 'sendmail: MTA: accepting connections', 'pid': 7}
SOCKET = {'address': '127.0.0.1', 'port': 25, 'pid': 7, 'name': 'sendmail-mta', 'sendmail': True, 'v6only': None}
GREETING = {'connected': True, 'answered': True, 'code': 220, 'text': '220 h ESMTP Sendmail', 'error': None, 'seconds': 0.0, 'refusal': None,
            'deferral': None}


def relay(*hosts, listeners=(SOCKET,), greeting=None, port=25, own=('192.0.2.9',), resolved=None, **more):
    """The relay of a look: addresses or names of submit.cf, the sockets of the host, and what was said to the first that answers."""
    way = _route.Submission('relay', port, [_route._target(host, True) for host in hosts], None, None, False)
    places = _route.places(way, resolved or {}, own)
    said = GREETING if greeting is None else greeting
    greetings = {(place.address, place.port): said for place in places}
    return dict(_route.route(way, places, listeners, greetings), hosts_file=[], **more)


# What _policy.policy() takes of a host that satisfies what published rules ask.
POLICY = {
    'log_level': {'msp': 9, 'mta': 9}, 'greeting': {'written': '$j ready at $b', 'meant': ' ready at '},
    'help': dict(state('/etc/mail/helpfile'), size=0), 'forward': '',
    'log': {'journal': True, 'daemons': [], 'places': [], 'unclear': False, 'files': [state('/var/log/journal/1/system.journal', mode='0640')]},
    'tls': {'keys': [{'state': state('/etc/mail/tls/key', mode='0600'), 'group_readable': False, 'users': ['smmta']}],
            'certificates': [{'path': '/etc/mail/tls/crt', 'expires': NOW + 90 * 86400, 'error': None}]},
    'aliases': {'files': [{'path': '/etc/mail/aliases', 'kind': 'implicit', 'link': 'root',
                           'text': dict(state('/etc/mail/aliases', group='root'), mtime=NOW - 60),
                           'map': dict(state('/etc/mail/aliases.db', owner='smmta', mode='0640'), mtime=NOW - 60)}],
                'elsewhere': [], 'errors': [], 'decode': [], 'programs': [], 'count': 1, 'trusted': 'smmta'},
    'maps': {'compiled': {'NEWDB': True, 'LDAPMAP': False}, 'used': {'hash': '/etc/mail/sendmail.cf line 164', 'host': '/etc/mail/sendmail.cf line 127'}},
    'answers': {'postmaster': ['root... deliverable: mailer local, user root'], 'root': ['root... deliverable: mailer local, user root']}}


OWN = {'name': 'h.example.test', 'unqualified': False, 'error': None, 'seconds': 0.0}
HEALTHY = _look.Look(
    now=NOW, queues={'msp': queue(), 'mta': queue()}, hazards={}, inspected=0,
    settings={'msp': settings(run_as_user='smmsp'), 'mta': settings()},
    files={'msp': dict(state('/etc/mail/submit.cf'), problems=[]), 'mta': dict(state('/etc/mail/sendmail.cf'), problems=[])}, errors=[],
    submitter={'user': 'smmsp', 'uid': 105, 'group': 'smmsp', 'gid': 108, 'conflict': None},
    accounts={'smmsp': {'uid': 105, 'gid': 108, 'group': 108}},
    program={'sendmail': '/usr/libexec/sendmail/sendmail', 'path': '/usr/sbin/sendmail', 'target': '/usr/libexec/sendmail/sendmail', 'is_sendmail': True,
             'other_mta': None, 'setgid': True, 'owner': 'root', 'group': 'smmsp', 'mode': '2755', 'version': '8.17.1.9'},
    filesystems={'msp': ROOM, 'mta': ROOM}, relay=relay('[127.0.0.1]'), greeting=GREETING,
    interfaces={'addresses': ['127.0.0.1', '192.0.2.9'], 'loopback': True},
    listeners=[SOCKET], sockets=[SOCKET], processes=[DAEMON], runners=[RUNNER],
    services={'init': 'systemd', 'mta': {'name': 'sendmail', 'unit': '/run/systemd/generator.late/sendmail.service', 'masked': False, 'enabled': True}},
    active=True, load=[0.5, 0.5, 0.5], resolver_changed=NOW - 5000, lookups={'own': OWN, 'domains': {}}, dead_letters=[],
    places=[{'path': '/var/spool/mqueue-client', 'owner': 'smmsp', 'group': 'smmsp', 'mode': '2770'}],
    family='debian', writable=[], relaying=[], name_servers=[{'address': '192.0.2.53', 'error': None}], leftovers={'msp': [], 'mta': []},
    leftovers_total={'msp': 0, 'mta': 0}, domains={}, domains_cut=False, endangered={}, policy=POLICY,
    wanted=[want('binary', '/usr/libexec/sendmail/sendmail', 'root', 'smmsp', '2755'), want('submit_cf', '/etc/mail/submit.cf', 'root', 'smmsp', '0644'),
            want('sendmail_cf', '/etc/mail/sendmail.cf', 'root', 'smmsp', '0644'), want('mail_dir', '/etc/mail', 'smmta', 'smmsp', '2755'),
            want('msp_queue', '/var/spool/mqueue-client', 'smmsp', 'smmsp', '2770'), want('mta_queue', '/var/spool/mqueue', 'smmta', 'smmsp', '2750')])


def damaged(key, **found):
    """What differs in a look at a host with one path as it must not be."""
    return {'wanted': [dict(one, found=dict(one['found'], **found)) if one['key'] == key else one for one in HEALTHY.wanted]}


def counted(**states):
    return {'msp': queue(messages=dict(queue()['messages'], **states)), 'mta': queue()}


def ruled(**more):
    """What differs in a look at a host that does not do as published rules ask."""
    return {'policy': dict(POLICY, **more)}


def aliased(**more):
    return ruled(aliases=dict(POLICY['aliases'], **more))


def alias_file(**more):
    return aliased(files=[dict(POLICY['aliases']['files'][0], **more)])


DOWN = dict(GREETING, connected=False, answered=False, code=None, text=None, error='connection_refused')
OTHER = dict(HEALTHY.program, is_sendmail=False, target='/usr/sbin/exim4', other_mta='exim')
EVERYWHERE = [{'address': '0.0.0.0', 'port': 25, 'pid': 7, 'name': 'sendmail-mta'}]
REFUSES = dict(DAEMON, rejecting='sendmail: MTA: rejecting connections on daemon MTA: load average: 50')
# (control, what differs in the look, other controls that fail with it)
DAMAGE = [
    ('SMQ-PRG-01', {'program': OTHER}, []),
    ('SMQ-PRG-02', {'program': dict(HEALTHY.program, version='8.14.9')}, []),
    ('SMQ-PRG-03', damaged('binary', mode='0755'), []),
    ('SMQ-MTA-01', {'processes': [], 'greeting': DOWN, 'listeners': [], 'relay': relay('[127.0.0.1]', listeners=(), greeting=DOWN)}, ['SMQ-MTA-03']),
    ('SMQ-MTA-02', {'services': {'mta': dict(HEALTHY.services['mta'], enabled=False)}}, []),
    ('SMQ-MTA-02', {'services': {'mta': dict(HEALTHY.services['mta'], masked=True)}}, []),
    ('SMQ-MTA-03', {'greeting': DOWN}, []),
    ('SMQ-MTA-03', {'greeting': dict(GREETING, error='connection_timeout')}, []),
    ('SMQ-MTA-04', {'sockets': EVERYWHERE}, []),
    ('SMQ-MTA-05', {'processes': [REFUSES]}, []),
    ('SMQ-MTA-05', {'processes': [dict(DAEMON, rejecting='rejecting connections on daemon MTA: 40 children, max 40')]}, []),
    ('SMQ-RUN-01', {'runners': []}, []),
    ('SMQ-RUN-01', {'runners': [RUNNER, dict(RUNNER, source='cron')]}, []),
    ('SMQ-RUN-02', {'runners': [dict(RUNNER, interval=3600)]}, []),
    ('SMQ-RUN-03', {'runners': [dict(RUNNER, active=False, detail='no cron daemon is running')]}, ['SMQ-RUN-01']),
    ('SMQ-RUN-04', {'queues': {'msp': waiting(1, oldest_age=9000, untried_age=3901), 'mta': queue()}}, []),
    # One message that was tried a minute ago says nothing about the others.
    ('SMQ-RUN-04', {'queues': {'msp': waiting(5001, oldest_age=9000, last_attempt_age=60, untried_age=8000), 'mta': queue()}}, ['SMQ-QUE-06']),
    ('SMQ-RUN-05', {'load': [36.0, 1.0, 1.0]}, []),
    ('SMQ-RUN-05', {'load': [24.0, 1.0, 1.0], 'passed_over': 3}, []),
    ('SMQ-PRM-01', damaged('msp_queue', group='root'), []),
    ('SMQ-PRM-01', {'places': [dict(HEALTHY.places[0], mode='2750')]}, []),
    ('SMQ-PRM-01', damaged('msp_queue', exists=False, owner=None, group=None, mode=None), []),
    ('SMQ-PRM-02', damaged('mta_queue', mode='2777'), []),
    ('SMQ-PRM-03', {'hazards': {'permissions': [('owner 0:0', 'x')]}, 'inspected': 1, 'endangered': {'permissions': 1}}, []),
    ('SMQ-PRM-04', damaged('submit_cf', mode='0666'), []),
    ('SMQ-PRM-05', {'writable': ['/etc/mail/access has mode 0666.']}, []),
    ('SMQ-PRM-06', {'submitter': dict(HEALTHY.submitter, uid=None)}, []),
    ('SMQ-PRM-07', {'obstacles': ['/etc/mail is root:root 0750: an ordinary user cannot pass through it to /etc/mail/submit.cf.']}, []),
    ('SMQ-CFG-01', {'files': dict(HEALTHY.files, msp=dict(HEALTHY.files['msp'], exists=False))}, []),
    ('SMQ-CFG-02', {'files': dict(HEALTHY.files, mta=dict(HEALTHY.files['mta'], problems=[{'line': 3, 'problem': 'unknown option name x', 'text': ''}]))},
     []),
    ('SMQ-CFG-03', {'settings': dict(HEALTHY.settings, msp=settings(run_as_user='root'))}, []),
    ('SMQ-CFG-04', {'settings': dict(HEALTHY.settings, mta=settings(timeouts={'queuereturn': 10 * 86400}))}, []),
    ('SMQ-POL-01', {'settings': dict(HEALTHY.settings, mta=settings(privacy_options=['authwarnings', 'novrfy']))}, []),
    ('SMQ-POL-02', {'settings': dict(HEALTHY.settings, msp=settings(run_as_user='smmsp', privacy_options=['goaway']))}, []),
    ('SMQ-POL-03', {'sockets': EVERYWHERE, 'relaying': ['FEATURE(promiscuous_relay).']}, ['SMQ-MTA-04']),
    ('SMQ-PRG-04', ruled(maps={'compiled': {'NEWDB': True, 'LDAPMAP': False}, 'used': {'ldap': 'AliasFile'}}), []),
    ('SMQ-POL-04', ruled(log_level={'msp': 9, 'mta': 8}), []),
    ('SMQ-POL-05', ruled(greeting={'written': '$j $v', 'meant': ' $v'}), []),
    # The running MTA goes on with the old greeting until it is restarted.
    ('SMQ-POL-05', {'greeting': dict(GREETING, text='220 h ESMTP Sendmail 8.17.1.9/8.17.1.9; Sat')}, []),
    ('SMQ-POL-06', ruled(help=dict(state('/etc/mail/helpfile'), size=5988)), []),
    ('SMQ-POL-07', ruled(forward='$z/.forward'), []),
    ('SMQ-POL-07', ruled(forward=None), []),
    ('SMQ-ALI-01', aliased(decode=['/etc/mail/aliases: decode: |/usr/bin/uudecode']), []),
    ('SMQ-ALI-02', aliased(programs=['The alias lists runs /home/a/b: /home/a is owned by a and has mode 0755.']), []),
    ('SMQ-ALI-03', alias_file(text=dict(state('/etc/mail/aliases', mode='0664'), mtime=NOW - 60)), []),
    ('SMQ-ALI-03', alias_file(text=dict(state('/etc/mail/aliases', owner='smmta'), mtime=NOW - 60)), []),
    ('SMQ-ALI-03', alias_file(map=dict(state('/etc/mail/aliases.db', owner='alice'), mtime=NOW - 60)), []),
    ('SMQ-ALI-03', alias_file(link='smmta'), []),
    ('SMQ-ALI-04', alias_file(map=dict(state('/etc/mail/aliases.db'), mtime=NOW - 61)), []),
    ('SMQ-ALI-04', alias_file(kind='hash', map=state('/etc/mail/aliases.db', exists=False)), []),
    ('SMQ-ALI-05', ruled(answers=dict(POLICY['answers'], postmaster=['postmaster... User unknown'])), []),
    ('SMQ-ALI-05', ruled(answers=dict(POLICY['answers'], root=['aliasing/forwarding loop broken'])), []),
    ('SMQ-LOG-01', ruled(log=dict(POLICY['log'], journal=False)), []),
    ('SMQ-LOG-01', ruled(log=dict(POLICY['log'], journal=False, daemons=['rsyslogd'])), []),
    ('SMQ-LOG-01', ruled(log=dict(POLICY['log'], files=[state('/var/log/mail.log', mode='0646')])), []),
    ('SMQ-TLS-01', ruled(tls=dict(POLICY['tls'], keys=[dict(POLICY['tls']['keys'][0], state=state('/etc/mail/tls/key', mode='0640'))])), []),
    ('SMQ-TLS-01', ruled(tls=dict(POLICY['tls'], keys=[dict(POLICY['tls']['keys'][0], state=state('/etc/mail/tls/key', exists=False))])), []),
    ('SMQ-TLS-02', ruled(tls=dict(POLICY['tls'], certificates=[{'path': '/c', 'expires': NOW + 14 * 86400 - 1, 'error': None}])), []),
    ('SMQ-TLS-02', ruled(tls=dict(POLICY['tls'], certificates=[{'path': '/c', 'expires': None, 'error': 'does not exist'}])), []),
    ('SMQ-QUE-01', {'queues': {'msp': waiting(1, oldest_age=14401), 'mta': queue()}}, []),
    ('SMQ-QUE-02', {'queues': {'msp': queue(), 'mta': waiting(1, oldest_age=432001)}}, []),
    ('SMQ-QUE-03', {'queues': counted(lost=1)}, []),
    ('SMQ-QUE-04', {'queues': counted(quarantined=1)}, []),
    ('SMQ-QUE-05', {'leftovers': {'msp': ['/q/dfx'], 'mta': []}, 'leftovers_total': {'msp': 1, 'mta': 0}}, []),
    ('SMQ-QUE-06', {'queues': {'msp': waiting(101), 'mta': queue()}}, []),
    ('SMQ-QUE-07', {'queues': {'msp': queue(), 'mta': waiting(1001)}}, []),
    ('SMQ-QUE-08', {'queues': {'msp': queue(bytes=1 << 30), 'mta': queue(bytes=1)}}, []),
    ('SMQ-QUE-09', {'hazards': {'no_data': [('there is no data file', 'x')]}, 'inspected': 1, 'endangered': {'content': 1}}, []),
    ('SMQ-QUE-09', {'stuck': [{'path': '/q/qfX', 'why': 'it has no final dot: every run leaves it'}]}, []),
    ('SMQ-QUE-10', {'dead_letters': [{'path': '/root/dead.letter', 'size': 5, 'mtime': NOW - 60}]}, []),
    ('SMQ-STO-01', {'filesystems': {'msp': dict(ROOM, blocks_free=999), 'mta': ROOM}}, []),
    ('SMQ-STO-02', {'filesystems': {'msp': dict(ROOM, inodes_free=49), 'mta': ROOM}}, []),
    ('SMQ-STO-03', {'processes': [dict(DAEMON, cwd='/var/spool/mqueue (deleted)')]}, []),
    ('SMQ-STO-03', {'filesystems': {'msp': ROOM, 'mta': dict(ROOM, read_only=True)}}, []),
    ('SMQ-NAM-01', {'lookups': dict(HEALTHY.lookups, own=dict(OWN, unqualified=True, name='shorty'))}, []),
    ('SMQ-NAM-01', {'lookups': dict(HEALTHY.lookups, own=dict(OWN, seconds=5.0))}, []),
    ('SMQ-NAM-02', {'name_servers': [{'address': '192.0.2.53', 'error': 'SERVFAIL'}]}, []),
    ('SMQ-NAM-02', {'resolved': {'hub.example.com': {'error': 'not_found', 'mx': [], 'mx_error': None, 'addresses': []}},
                    'greeting': dict(GREETING, connected=False, answered=False, code=None, error='name_lookup')}, ['SMQ-MTA-03']),
]
