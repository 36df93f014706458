# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Why mail stays: a table of causes, each resting on checks over one look at a host, which give its evidence.

The order of the table is the order of the answers: the most fundamental cause first. To add a cause is to add a row.
"""

from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import _checks, _look, _phrases, _reach

EVIDENCE_MAX = 5      # sentences of each cause

# The first of these that holds may come of a policy of SELinux or AppArmor.
_CONFINED = ('configuration', 'permissions', 'cannot_submit', 'mta_down', 'filtered', 'unreachable', 'silent', 'refuses', 'mta_queue', 'maps', 'mailbox',
             'policy', 'runner')

Holds = Callable[[_look.Look], bool]      # of a cause that also stands for what is over: whether it does so now


def _always(_of_look: _look.Look) -> bool:
    return True


def _never(_of_look: _look.Look) -> bool:
    return False


class Cause(NamedTuple):
    """One row: it holds when one of its checks finds something wrong."""

    id: str
    title: str
    severity: str                         # critical: mail is refused or lost; high: nothing moves; medium: some stays; low: worth knowing
    checks: Tuple[_checks.Check, ...]
    fix: str                              # role, module or manual
    name: Optional[str]                   # of the role or module
    text: str
    because_of: Tuple[str, ...] = ()      # causes that explain this one when they hold too
    log: Optional[bytes] = None           # what Sendmail logs because of it, an expression; evidence where there is a log
    harms: Holds = _never                 # whether a queue run while it holds loses, empties or returns mail
    blocks: Holds = _never                # whether a queue run waits until it is fixed: no message can leave, or not by who should take it
    reasons: Dict[str, str] = {}          # advice for mail that waits in the queue of the MTA, by its reason; the text is for all others


_PERMISSIONS = 'Put owner, group and mode right, before any queue run: a run loses messages while they are wrong.'
_FLUSH = ('module', 'sendmail_queue')
_MANUAL = ('manual', None)
_MESSAGE, _RIGHTS, _DEBRIS = ('module', 'sendmail_message'), ('module', 'sendmail_permissions'), ('module', 'sendmail_debris')
_RESOLVER = 'Fix name resolution (/etc/resolv.conf), and restart the MTA, which keeps the name servers that it was started with.'
_AWAY_THERE = 'The receiving host does not accept connections. If many hosts do not, check whether a firewall blocks port 25 on the way out.'
_NO_WAY = 'This host does not get there: see its routes, its packet filter, and ClientPortOptions in sendmail.cf.'
_LATER = 'The receiving host asks to be tried again later. Read its reply; the MTA keeps trying.'
_DELIVERS = ('A mailbox, or the program that delivers, keeps the mail. Where the log says "Cannot exec", install the program that the line of its mailer in '
             'sendmail.cf names; for local users the role sendmail_mta does that when sendmail_mta_install is true.')
_MAP = 'Rebuild the map that is named (makemap, newaliases), or start the server behind it.'
_MTA, _MSP, _RUNNER = ('role', 'sendmail_mta'), ('role', 'sendmail_msp'), ('role', 'sendmail_queue_runner')


def _row(identifier: str, title: str, severity: str, checks: Tuple[_checks.Check, ...], fix: Tuple[str, Optional[str]], text: str,
         because_of: Tuple[str, ...] = (), **more: Any) -> Cause:
    return Cause(identifier, title, severity, checks, fix[0], fix[1], text, because_of, **more)


CAUSES = (
    _row('not_installed', 'Sendmail is not installed', 'critical', (_checks.not_installed,), _MSP,
         'Install it with the playbook mailops.sendmail.ensure_submission, or set sendmail_msp_install and sendmail_mta_install to true for the roles.',
         blocks=_always),
    _row('other_mta', 'Another MTA owns the name sendmail', 'critical', (_checks.other_program,), _MTA,
         'Decide which MTA this host should run. The role replaces the other one only when sendmail_mta_replace_other is true.', blocks=_always),
    _row('stranded', 'Mail lies outside the queues', 'high', (_checks.stranded,), _MANUAL,
         'Keep it. Sendmail, with a configuration that names the directory, can read and run its messages.'),
    _row('queue_link', 'A queue directory is a dangling symbolic link', 'critical', (_checks.dead_link,), _MANUAL,
         'Mount or restore the target of the link. A new directory in its place would hide the mail.', harms=_always, blocks=_always),
    _row('other_queue', 'A daemon works in another queue directory than it should', 'high', (_checks.other_queue,), _MANUAL,
         'Its mail lies there. Stop it, move the files into the queue, and start it again. What a mount hides shows when that is unmounted, or in a '
         'bind mount of the file system below.'),
    _row('configuration', 'The mail submission program cannot start', 'critical',
         (_checks.msp_configuration, _checks.accounts, _checks.directory, _checks.unmounted), _MSP,
         'Restore what the evidence names. Mount what is not mounted first.', ('not_installed',),
         log=rb'NOQUEUE: SYSERR\([^)]*\): (?!opendaemonsocket)', blocks=_always),
    _row('permissions', 'Owner or mode of the queue directory or the program is wrong', 'critical',
         (_checks.queue_rights, _checks.program_rights, _checks.conflict), _RIGHTS,
         _PERMISSIONS, ('configuration',), log=rb'can not chdir\(|cannot create queue file|RunAsUser for MSP ignored', harms=_always, blocks=_always),
    _row('cannot_submit', 'An ordinary user cannot submit mail', 'critical', (_checks.submitting,), _MANUAL,
         'Remove the obstacle that the evidence names; root does not run into it.', ('permissions', 'configuration'),
         log=rb'SYSERR\((?!root)[^)]*\): .*(?:can not|cannot|Permission denied)|RunAsUser for MSP ignored'),
    _row('too_open', 'The queue directory is open to everybody', 'low', (_checks.too_open,), _RIGHTS, 'Remove the permissions of others (chmod o=).',
         log=rb'dangerous permissions='),
    _row('message_permissions', 'Owner or mode of queued messages is wrong', 'critical', (_checks.message_rights,), _RIGHTS,
         _PERMISSIONS, ('permissions',), log=rb'bogus queue file', harms=_always),
    _row('foreign_runner', 'Another process runs the client queue', 'high', (_checks.foreign_runner,), _MANUAL,
         'Stop it, and what starts it: a runner that is not the mail submission program loses new messages.', harms=_always),
    _row('no_runners', 'The configuration lets queue runs try nothing', 'high', (_checks.msp_no_runners, _checks.mta_no_runners, _checks.file_mode),
         _MANUAL, 'Correct the option that is named, and restart what runs the queue. New mail leaves at once all the same, and what has to wait stays.'),
    _row('disk_full', 'The file system of the client queue is full', 'critical', (_checks.msp_blocks, _checks.msp_inodes), _MANUAL,
         'Make room. Then remove tf files of length 0 that no process has open, or runs will wait for them.',
         log=rb'low on space|No space left on device|Out of disk space', harms=_always, blocks=_always),
    _row('read_only', 'The file system of a queue is read-only', 'critical', (_checks.read_only,), _MANUAL,
         'Find out why (dmesg) and mount it writable again; remove an immutable or append-only attribute with "chattr -ia".',
         log=rb'Read-only file system', harms=_always, blocks=_always),
    _row('lost', 'Messages were given up by a queue run', 'high', (_checks.lost,), _MESSAGE,
         'Fix the cause (the log line "Losing" names it), then return them with "state: queued".',
         ('permissions', 'message_permissions', 'damaged', 'foreign_runner', 'disk_full', 'read_only'), log=rb'Losing \./'),
    _row('quarantined', 'Messages are quarantined', 'low', (_checks.quarantined,), _MESSAGE,
         'Decide about them: release them with "state: queued", or move them into an archive with "state: absent".'),
    _row('mta_down', 'The MTA is not running', 'high', (_checks.no_daemon,), _MTA,
         'Restart the service (a start may do nothing) and enable it. If the log says why it does not start, fix that first.',
         ('other_mta',),
         # opendaemonsocket() in daemon.c gives its reason first, and ends with "server SMTP socket wedged: exiting".
         log=rb'NOQUEUE: SYSERR\(root\): (?!.*socket wedged)|cannot bind|unknown configuration line', blocks=_always),
    _row('interface', 'The loopback interface is down', 'critical', (_checks.of(_reach.loopback_down),), _MANUAL,
         'Bring it up: "ip link set lo up"; and find out what took it down.', blocks=_always),
    _row('hosts_file', 'The hosts file sends mail for this host elsewhere', 'high', (_checks.of(_reach.hosts_file),), _MANUAL,
         'Correct the line in /etc/hosts, or name the address in brackets in submit.cf.', blocks=_always),
    _row('hub_down', 'The relay, another host, does not answer', 'high', (_checks.of(_reach.hub_down),), _MANUAL,
         'Start the mail server on that host, or see what it waits for; or name another relay in submit.cf. Nothing on this host is wrong.',
         blocks=lambda look: not _reach.greets(look)),
    _row('stranger', 'Another program holds the port of the MTA', 'high', (_checks.of(_reach.stranger),), _MTA,
         'Stop the other program; the role does it only when sendmail_mta_replace_other is true.', ('other_mta',),
         log=rb'cannot bind', harms=_always, blocks=_always),
    _row('refuses_for_load', 'The MTA refuses connections because of the load', 'high', (_checks.of(_reach.refuses_for_load),), _MANUAL,
         'Wait until the load has gone down, find what makes it, or raise RefuseLA.',
         log=rb'rejecting connections on daemon', blocks=_always),
    _row('limits', 'A limit of the MTA keeps mail away', 'high', (_checks.of(_reach.limits),), _MANUAL,
         'Find out what makes so many connections, or raise the limit that is named: MaxDaemonChildren, ClientRate and ClientConn of '
         'the access map, ConnectionRateThrottle. A restart does not help.', log=_phrases.log_pattern('limit', 'children')),
    _row('listens_elsewhere', 'The MTA listens on another address', 'high', (_checks.of(_reach.listens_elsewhere),), _MTA,
         'Let the MTA listen on the address in submit.cf: DAEMON_OPTIONS in sendmail.mc. The role restarts an MTA that is older than sendmail.cf.',
         blocks=_always),
    _row('filtered', 'A packet filter refuses connections to the MTA', 'high', (_checks.of(_reach.filtered),), _MANUAL,
         'Allow the connection from this host to the relay (iptables, nftables, SELinux).', blocks=lambda look: not look.shut_out),
    _row('hosts_access', 'TCP wrappers keep this host from the MTA', 'critical', (_checks.of(_reach.hosts_access),), _MANUAL,
         'Let the host reach Sendmail: the line "sendmail: 127.0.0.1 [::1]" in /etc/hosts.allow counts at once. '
         'A queue run before that returns or loses the mail.',
         log=rb'tcpwrappers', harms=_always, blocks=_always),
    _row('swallowed', 'Mail of this host is taken and does not arrive', 'high',
         (_checks.of(_reach.swallowed), _checks.of(lambda look: look.takes_none), _checks.hops), _MANUAL,
         'Correct what the evidence names: Connect:, From: or To: in the access map (then makemap), a rule, mailer or MaxHopCount in the configuration '
         '(then restart the MTA). What was quarantined is in its queue.',
         log=rb'reject=DISCARD|, discard$|quarantine=|Too many hops', harms=_always, blocks=_always),
    _row('was_down', 'The MTA took no mail when the messages were last tried', 'medium', (_checks.of(_reach.was_down),), _FLUSH,
         'Flush the queue.'),
    _row('unreachable', 'The relay cannot be reached', 'high', (_checks.of(_reach.unreachable),), _MANUAL,
         'Allow the connection in the packet filter, or correct the relay or ClientPortOptions in submit.cf.', blocks=_reach.cut_off),
    _row('silent', 'The MTA accepts connections and does not greet', 'high', (_checks.of(_reach.silent),), _MTA,
         'Find out what it waits for; restart it.', log=rb'daemon: cannot fork', blocks=_always),
    _row('refuses', 'The MTA refuses to serve', 'high', (_checks.of(_reach.refuses),), _MANUAL,
         'See the log of the MTA for the reason. Where the answer begins with 5, a queue run before that is fixed returns the mail to its senders.',
         log=rb'reject=5\d\d|Milter.* error', harms=_reach.refuses_for_good, blocks=_always),
    _row('tls', 'Encryption between this host and the relay fails', 'high', (_checks.of(_reach.says('tls')),), _MANUAL,
         'The line of the log says why: no shared cipher, a certificate that expired or cannot be read, a key that others can read. '
         'Correct that on the side that is named, and restart the MTA where it is its own.', ('stranger',),
         log=_phrases.log_pattern('tls', 'tls_server')),
    _row('auth', 'Authentication at the relay fails', 'high', (_checks.of(_reach.says('auth')),), _MANUAL,
         'See the authinfo map, and what SASL needs.', log=_phrases.log_pattern('auth')),
    _row('hangs_up', 'The relay hangs up or stops answering during a session', 'high', (_checks.of(_reach.hangs_up),), _MANUAL,
         'See the log of the relay at that time: a crash, a time-out, a firewall that cuts connections.',
         log=_phrases.log_pattern('lost_channel'), blocks=_reach.hangs_up_now),
    _row('loop', 'Mail would come back to this host', 'high',
         (_checks.of(_reach.comes_back), _checks.of(_reach.points_back), _checks.of(_reach.renamed), _checks.of(_reach.says('loop'))), _MANUAL,
         'The relay in submit.cf, or its mail exchanger, is this host under a name that the MTA does not recognise as its own (restart an MTA that was '
         'started under another name); or the mail submission program itself answers there: what inetd or systemd starts as the MTA is '
         '"sendmail -Am -bs". Before that is corrected a queue run returns the mail.', harms=_always, blocks=_always),
    _row('resources', 'This host lacks memory, files or sockets', 'high', (_checks.of(_reach.says('resources')),), _MANUAL,
         'Find what uses them up.'),
    _row('dns', 'Name lookups fail', 'high', (_checks.dns,), _MANUAL,
         'Fix name resolution (/etc/resolv.conf), and restart a queue runner that is a daemon, which keeps the name servers that it was started with. '
         'The mail submission program itself looks up the domains of recipients, so the MTA cannot help.',
         log=rb'dsn=4\.4\.3, stat=queued|Name server timeout'),
    _row('dns_was_down', 'Name lookups failed when the messages were last tried', 'medium', (_checks.dns_was_down,), _FLUSH,
         'Flush the queue. Restart a queue runner that is a daemon: it keeps the name servers that it was started with.'),
    _row('stale_resolver', 'The MTA cannot resolve the domain of the sender', 'high', (_checks.stale_resolver,), _MTA,
         'Restart the MTA: a running daemon keeps the name servers it was started with.', ('dns',), log=rb'reject=451 4\.1\.8'),
    _row('relay_name', 'The name of the relay cannot be looked up', 'high', (_checks.relay_name, _checks.relay_has_no_name,), _MANUAL,
         'Give the relay in submit.cf a name that resolves, or its address in brackets.', ('dns',), harms=_reach.no_such_relay, blocks=_always),
    _row('mta_disk_full', "The file system of the MTA's queue is full", 'high', (_checks.mta_blocks, _checks.mta_inodes, _checks.mta_full), _MANUAL,
         "Make room on the file system of the MTA's queue, which the MTA looks at once a minute. One that was started before a mount has to be restarted.",
         log=rb'low on space', blocks=_always),
    _row('mta_queue', 'The MTA cannot write to its queue', 'critical', (_checks.mta_cannot_write, _checks.mta_directory), _MTA,
         'Create the queue directory of the MTA again with its owner and mode, and restart the MTA, which keeps the old one open.',
         ('mta_disk_full', 'read_only', 'confined'), log=rb'cannot (?:write|create)|can not chdir\(', blocks=_always),
    _row('confined', 'The MTA cannot deliver', 'high', (_checks.of(lambda look: look.confined),), _MANUAL,
         'Correct what is named; a setting stands in its unit ("systemctl cat"). Then restart it.'),
    _row('milter', 'A mail filter of the MTA does not answer', 'high', (_checks.of(_reach.says('milter')),), _MANUAL,
         'Start the filter that the log names.', log=_phrases.log_pattern('milter')),
    _row('maps', 'A map or the alias database cannot be read', 'high', (_checks.of(_reach.says('map_lookup', 'alias_database')),), _MANUAL,
         _MAP,
         log=_phrases.log_pattern('map_lookup')),
    _row('mailbox', 'A mailbox or program of a recipient defers mail', 'medium', (_checks.of(_reach.says('mailbox')), _checks.local_mailer), _MANUAL,
         'A full or locked mailbox, or a program in .forward that fails; install the program that is named. Other mail is not affected.'),
    _row('policy', 'The MTA defers the messages', 'medium', (_checks.of(_reach.says('temporary_reply')),), _MANUAL,
         'See the log of the MTA for the queue id: an access rule, a milter or greylisting.', ('refuses',),
         log=rb'reject=4\d\d|Milter.* error'),
    _row('queue_load', 'The load keeps mail from being tried', 'medium', (_checks.overload, _checks.mta_overload), _MANUAL,
         'Wait, or run the queue with ignore_load.', ('refuses_for_load',), log=rb'Skipping queue run|Aborting queue run', blocks=_always),
    _row('never_tried', 'New mail is not tried at once', 'medium', (_checks.never_tried, _checks.mta_keeps), _FLUSH,
         'Flush the queue; change the option where the evidence names one.', ('queue_load', 'runner')),
    _row('warned', 'Messages have waited a long time, and the reason is no longer known', 'medium', (_checks.of(_reach.warned),), _FLUSH,
         'Flush the queue; what stays then says why.', log=rb'stat=Deferred: '),
    _row('min_queue_age', 'MinQueueAge keeps the messages back', 'medium', (_checks.queue_age,), _FLUSH,
         'Flush with the module, which overrides it, or lower MinQueueAge.'),
    _row('clock', 'Messages were last tried in the future', 'medium', (_checks.ahead,), _FLUSH,
         'Check the clock of the host, then flush the queue: the module overrides MaxQueueAge.'),
    _row('hangs', 'A delivery hangs', 'medium', (_checks.hangs,), _MANUAL,
         'Look at the process and at what it is connected to, and the way there. KILL loses nothing, but a message that the other side has taken already is '
         'then sent twice; TERM has no effect while the other side is silent.',
         ('silent', 'hub_down', 'hangs_up')),
    _row('runner', 'No queue runner works on the client queue', 'high', (_checks.no_runner, _checks.overdue), _RUNNER, 'Schedule one, every half hour.',
         ('configuration', 'poison', 'stale_rewrite', 'hangs', 'other_queue')),
    _row('two_runners', 'More than one queue runner works on the client queue', 'medium', (_checks.several_runners,), _RUNNER,
         'Keep one and remove the others: they get in each other\'s way. The role removes them when sendmail_queue_runner_remove_foreign is true.'),
    _row('dead_runner', 'A queue runner that is set up does nothing', 'low', (_checks.dead_runners,), _RUNNER,
         'Start the scheduler that should run it, or remove it.', ('runner',)),
    _row('poison', 'A control file makes queue runs abort', 'high', (_checks.poison,), _MESSAGE,
         'Move it into an archive with "state: absent" and its id; everything sorted behind it is never tried.', harms=_always),
    _row('damaged', 'Damaged control files', 'medium', (_checks.damaged,), _MESSAGE,
         'Repair them, or move them into an archive with "state: absent" and their ids, before the next run, which would lose or drop them.',
         log=rb'readqf: ', harms=_always),
    _row('never_run', 'Queue runs skip these control files, or hang on them', 'medium', (_checks.never_run, _checks.unreadable), _MESSAGE,
         'Repair them, or move them into an archive with "state: absent" and their ids. Move what is too large for that out of the queue by hand.',
         log=rb'incomplete queue file|greater than max'),
    _row('stale_rewrite', 'Left-over tf files stop queue runs for 465 seconds each', 'high', (_checks.stale_rewrite,), _DEBRIS,
         'Move them into an archive with "state: absent", "kinds: [temporary]" and "older_than: 1m"; what a process has open is left alone.', ('disk_full',),
         log=rb'cannot create \./tf'),
    _row('slow_names', 'Name lookups slow every start of Sendmail', 'medium', (_checks.own_name, _checks.starts_late), _MANUAL,
         'Put the full name of the host, for IPv4 and IPv6, into /etc/hosts, and fix or remove the dead name server.', ('dns',),
         log=rb'My unqualified host name|unable to qualify my own domain name'),
    _row('missing_data', 'The bodies of messages are missing', 'critical', (_checks.missing_data,), _MESSAGE,
         'Do not flush: a run would deliver them with an empty body. Move them with "state: absent" and their ids into an archive, which keeps the headers.',
         harms=_always),
    _row('mta_configuration', 'Sendmail refuses the configuration of the MTA', 'medium', (_checks.mta_configuration,), _MANUAL,
         'Correct what Sendmail says, or rebuild sendmail.cf from sendmail.mc. A running MTA keeps the old one, and does not start again with this one.'),
    _row('mta_untried', 'Nothing tries the mail in the queue of the MTA', 'high', (_checks.mta_untried,), _MANUAL,
         'Start the MTA with an interval for its queue (-q1h), or run its queue: sendmail_queue with "queue: mta".', ('mta_down',),
         log=rb'(?:Skipping|Aborting) queue run'),
    _row('smart_host', 'The smart host of the MTA cannot be reached', 'high', (_checks.smart_host,), _MANUAL,
         'See to the mail server there and the way to it, or name another one in sendmail.cf (SMART_HOST). Mail for this host is not affected.', ('dns',)),
    _row('mta_waits', 'Mail waits in the queue of the MTA', 'medium', (_checks.mta_waits,), _MANUAL,
         'See what the evidence and the log say of it.', ('dns', 'mta_untried', 'smart_host', 'confined'),
         log=rb'mailer=(?!relay|\*file).* stat=(?:Deferred|queued)|SYSERR\([^)]*\): Cannot exec ', reasons={
             'host_lookup': _RESOLVER, 'relay_lookup': _RESOLVER, 'sender_domain': _RESOLVER, 'connection_refused': _AWAY_THERE,
             'connection_timeout': _AWAY_THERE, 'connection_lost': _AWAY_THERE, 'no_route': _NO_WAY, 'not_permitted': _NO_WAY,
             'temporary_reply': _LATER, 'limit': _LATER, 'mta_disk_full': _LATER, 'mailbox': _DELIVERS, 'map_lookup': _MAP, 'alias_database': _MAP}),
    _row('unjudged', 'It is not known what becomes of mail that is taken', 'low', (_checks.of(lambda look: look.unasked),), _MANUAL,
         'Send a message, and see whether it arrives.'),
    _row('orphaned_data', 'Data files without a control file', 'low', (_checks.orphans,), _DEBRIS,
         'Move them into an archive with "state: absent"; what is younger than a day or open is left alone.'),
    _row('elsewhere', 'The client queue is empty; look elsewhere', 'low', (_checks.elsewhere,), _MANUAL,
         'Mail that was refused at once is in dead.letter files.', log=rb'to=.*, stat=(?:User unknown|Service unavailable)'),
    _row('one_source', 'One source makes most of it', 'low', (_checks.one_source,), _MANUAL,
         'Find out what that user or job sends, and whether anybody reads it.'),
)


# What can be said of a host that has no Sendmail; every other row is about a program, its accounts, services and configuration.
_WITHOUT_SENDMAIL = frozenset((
    'not_installed', 'other_mta', 'stranded', 'queue_link', 'foreign_runner', 'lost', 'quarantined', 'disk_full', 'read_only', 'damaged', 'never_run',
    'missing_data', 'orphaned_data', 'one_source', 'elsewhere'))


def _worded(cause: Cause, harms: List[str], blocks: List[str], look: _look.Look) -> Dict[str, Any]:
    """The advice of a row: nobody is told to run a queue while something holds that a run would turn into a loss, or that has to be fixed first."""
    first = harms or blocks
    if first and cause.name == 'sendmail_queue':
        return {'kind': 'manual', 'name': None, 'text': 'No queue run yet%s. First fix: %s.' % (
            ': it would lose or return mail' * bool(harms), ', '.join(first))}
    reasons = _checks.reasons_at_mta(look) if cause.reasons else []
    texts = dict.fromkeys(cause.reasons.get(one['reason'], cause.text) for one in reasons) or [cause.text]
    # Debian's start of the MTA runs the client queue too.
    first = [one for one in harms if one != cause.id] if cause.name in ('sendmail_mta', 'sendmail_queue_runner') or cause.id == 'mta_untried' else []
    return {'kind': cause.fix, 'name': cause.name, 'text': ' '.join(['First fix: %s; a start runs the queue.' % ', '.join(first)] * bool(first) + list(texts))}


def diagnose(look: _look.Look) -> List[Dict[str, Any]]:
    """The causes that hold, in the order of the table: list of {id, title, severity, evidence, messages, because_of, blocks, fix: {kind, name, text}}.

    C(messages) are those the cause itself keeps, 0 where that cannot be counted.
    """
    judged: List[Tuple[Cause, List[_checks.Found]]] = []
    told: Set[str] = set()
    for cause in CAUSES:
        if look.program['sendmail'] is None and cause.id not in _WITHOUT_SENDMAIL:
            continue
        found = [one for one in (check(look, {}) for check in cause.checks) if one.wrong]
        sentences = set(sentence for one in found for sentence in one.evidence)
        # What another cause has said already is no second cause.
        judged.append((cause, found if sentences - told else []))
        told |= sentences
    held = [cause.id for cause, found in judged if found]
    harms = [cause.id for cause, found in judged if found and cause.harms(look)]
    blocks = [cause.id for cause, found in judged if found and cause.blocks(look)]
    return [{'id': cause.id, 'title': cause.title, 'severity': cause.severity, 'messages': sum(one.messages for one in found),
             'evidence': list(dict.fromkeys(sentence for one in found for sentence in one.evidence))[:EVIDENCE_MAX],
             'because_of': [name for name in cause.because_of
                            + tuple(more for one in found for more in one.because_of)
                            if name in held],
             'blocks': cause.id in blocks, 'fix': _worded(cause, harms, blocks, look)} for cause, found in judged if found]


# The reason is that of the last attempt; what keeps the relay away now keeps that mail too.
_AWAY = ('mta_down', 'interface', 'hosts_file', 'hub_down', 'stranger', 'refuses_for_load', 'limits', 'listens_elsewhere', 'filtered',
         'was_down', 'unreachable', 'silent', 'hosts_access', 'refuses', 'hangs_up', 'loop', 'relay_name')
EXPLAINED = {
    'connection_refused': _AWAY, 'connection_timeout': _AWAY, 'no_route': _AWAY, 'not_permitted': _AWAY, 'connection_lost': _AWAY,
    'host_lookup': ('dns', 'dns_was_down'), 'sender_domain': ('stale_resolver',), 'relay_lookup': ('relay_name',),
    'tls': ('tls',), 'auth': ('auth',), 'limit': ('limits',), 'mta_disk_full': ('mta_disk_full', 'was_down'),
    'mta_queue': ('mta_queue', 'read_only', 'mta_disk_full'),
    'milter': ('milter',), 'map_lookup': ('maps',), 'alias_database': ('maps',), 'mailbox': ('mailbox',), 'loop': ('loop',),
    'resources': ('resources',), 'temporary_reply': ('policy',), 'warned': _AWAY + ('warned', 'dns', 'tls', 'auth', 'mta_queue', 'milter'),
    'never_tried': ('queue_load', 'never_tried', 'runner', 'mta_down', 'hub_down', 'hangs'),
}


def unexplained(look: _look.Look, causes: Sequence[Dict[str, Any]]) -> Tuple[int, List[str]]:
    """(count, examples) of messages that wait in the client queue for a reason that none of the found causes covers.

    Messages that are being submitted or delivered were never tried and need no reason.
    """
    held = set(cause['id'] for cause in causes)
    if look.program['sendmail'] is None:
        return 0, []        # that explains all of it
    rest = [one for one in _checks.queue(look, 'msp')['top']['reasons'] if held.isdisjoint(EXPLAINED.get(one['reason'], ()))]
    untried = min(look.passing, sum(one['messages'] for one in rest if one['reason'] == 'never_tried'))
    # With the clock set back what was noted of such a message is of no use.
    silent = sum(one['messages'] for one in rest if one['reason'] == 'other' and not one['example'])
    silent = min(look.ahead, silent) if silent else 0
    count = sum(one['messages'] for one in rest) - untried - silent
    return count, [one['example'] or 'tried, and no status was noted' for one in rest if one['reason'] != 'never_tried'][:3] if count else []


def diagnosis(look: _look.Look, read_log: Callable[[Dict[str, bytes]], Dict[str, str]] = lambda patterns: {},
              denied: Callable[[], Optional[str]] = lambda: None) -> Dict[str, Any]:
    """The result of the module sendmail_diagnosis_info.

    C(read_log({id: expression over bytes})) gives {id: the newest line of the log}, and C(denied()) the line in which the kernel says what it
    denied Sendmail. Each is asked once at most, and only about causes that hold.
    """
    causes = diagnose(look)
    held = set(one['id'] for one in causes)
    confined = next((one for one in causes if one['id'] in _CONFINED), None)
    said = read_log(dict((cause.id, cause.log) for cause in CAUSES if cause.log and cause.id in held))
    for one in causes:
        if one['id'] in said:
            one['evidence'] = one['evidence'][:EVIDENCE_MAX - 1] + ['The log says: %s' % said[one['id']]]
    line = denied() if confined else None
    if confined and line:
        confined['evidence'] = confined['evidence'][:EVIDENCE_MAX - 1] + ['SELinux or AppArmor denied Sendmail something: %s' % line]
    count, examples = unexplained(look, causes)
    figures = _checks.queue(look, 'msp')
    return {'healthy': not count and all(cause['severity'] == 'low' for cause in causes), 'causes': causes,
            'unexplained': {'messages': count, 'examples': examples}, 'inspected': look.inspected,
            'messages': {} if all(one['messages'] is None for one in figures.get('directories', [{'messages': 0}])) else figures['messages']}
