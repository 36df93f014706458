# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

# PRIVATE to the mailops.sendmail collection: it can change or go in any release.

"""Why mail stays: a table of causes, each a predicate over one look at a host that returns its evidence.

The order of the table is the order of the answers: the most fundamental cause first. To add a cause is to add a row.
"""

from typing import Callable, NamedTuple, Optional

from ansible_collections.mailops.sendmail.plugins.module_utils import _phrases, _reach

EVIDENCE_MAX = 5      # sentences of each cause
STALE_ATTEMPT = 2     # a runner has stopped when nothing was tried for this many of its intervals ...
SLACK = 300           # ... and these seconds, for a run that takes long
HANGS = 600           # seconds a message is in delivery before that is remarkable
SLOW = 5.0            # seconds of a name look-up before that is remarkable
SHARE = 0.8           # of all waiting messages, from one user or sender, is remarkable
SHARE_LEAST = 20      # messages, before a share means anything


class Cause(NamedTuple):
    """One row. C(predicate(look)) returns a list of sentences, empty when the cause does not hold, or (sentences, messages)."""

    id: str
    title: str
    severity: str                         # critical: mail is refused or lost; high: nothing moves; medium: some stays; low: worth knowing
    predicate: Callable
    fix: str                              # role, module or manual
    name: Optional[str]                   # of the role or module
    text: str
    because_of: tuple = ()                # causes that explain this one when they hold too
    log: Optional[bytes] = None           # what Sendmail logs because of it, an expression; evidence where there is a log


def _load(look):
    return look.load[0] if look.load else 0.0


def _ids(pairs):
    ids = sorted(set(identifier for _text, identifier in pairs if identifier))
    return ', '.join(ids[:5]) + (' and %d more' % (len(ids) - 5) if len(ids) > 5 else ''), len(ids)


def _other_mta(look):
    if look.program['sendmail'] is None:
        other = look.program['other_mta']
        return ['%s belongs to %s.' % (look.program['path'], other) if other else 'There is no program called sendmail.']
    if not look.program['is_sendmail']:
        return ['%s leads to %s, which is %s; Sendmail itself is %s.' % (
            look.program['path'], look.program['target'], look.program['other_mta'], look.program['sendmail'])]
    return []


def _configuration(look):
    found = []
    state = look.files['msp']
    if not state['exists']:
        found.append('%s does not exist: Sendmail falls back to sendmail.cf, and submissions fail in the queue of the MTA.' % state['path'])
    elif not int(state['mode'], 8) & 0o004 and state['owner'] == 'root':
        found.append('%s has mode %s: users cannot read it, although root can.' % (state['path'], state['mode']))
    found += ['%s: line %s: %s' % (state['path'], problem['line'], problem['problem']) for problem in state['problems'][:3]]
    if look.submitter['uid'] is None or look.submitter['gid'] is None:
        found.append('The user or group %s:%s does not exist.' % (look.submitter['user'], look.submitter['group']))
    found += ['The queue directory %s: %s.' % (one['path'], one['error']) for one in look.errors if one['queue'] == 'msp' and state['exists']
              and one['path'] != state['path']]
    if look.filesystems.get('msp', {}).get('unmounted'):
        found.append('%s is a mount point of /etc/fstab and is not mounted.' % look.filesystems['msp']['unmounted'])
    return found


def _permissions(look):
    found = []
    user, group = look.submitter['user'], look.submitter['group']
    for one in look.places:
        mode = int(one['mode'], 8)
        if one['owner'] != user or one['group'] != group or mode & 0o770 != 0o770:
            found.append('%s is %s:%s %s; it has to be %s:%s and writable for both.' % (one['path'], one['owner'], one['group'], one['mode'], user, group))
    if look.program['sendmail'] and not (look.program['setgid'] and look.program['group'] == group):
        found.append('%s is %s:%s %s and not set-group-ID %s: only root can submit mail.'
                     % (look.program['sendmail'], look.program['owner'], look.program['group'], look.program['mode'], group))
    return found + ([look.submitter['conflict']] if look.submitter['conflict'] else [])


def _too_open(look):
    return ['%s has mode %s: everybody on the host can reach or write into it.' % (one['path'], one['mode'])
            for one in look.places if int(one['mode'], 8) & 0o007]


def _hazard(kind):
    def predicate(look):
        pairs = look.hazards.get(kind, [])
        if not pairs:
            return []
        ids, count = _ids(pairs)
        return ['%s: %s.' % (identifier, text) if identifier else text for text, identifier in pairs[:EVIDENCE_MAX - 1]] + ['Messages: %s.' % ids], count
    return predicate


def _lost(look):
    count = _reach.figures(look)['messages']['lost']
    return (['%d control files are called Qf: a queue run gave them up, and no other tries them.' % count], count) if count else []


def _quarantined(look):
    count = _reach.figures(look)['messages']['quarantined']
    return (['%d control files are called hf: somebody or a milter quarantined them.' % count], count) if count else []


def _no_room(queue):
    def predicate(look):
        found = []
        room = look.filesystems.get(queue) or {}
        least = max(1, look.settings.get(queue, {}).get('min_free_blocks', 0))
        if room.get('blocks_free') is not None and room['blocks_free'] < least:
            found.append('%s has %d free blocks of %d bytes; MinFreeBlocks is %d.' % (room['mount'], room['blocks_free'], room['block_size'], least))
        if room.get('inodes') and not room['inodes_free']:
            found.append('%s has no free inodes.' % room['mount'])
        if queue == 'mta':
            count, example = _reach.reason(look, 'mta_disk_full')
            return (found + ['Sendmail says: %s' % example], count) if count else found
        return found
    return predicate


def _read_only(look):
    found = []
    for queue in ('msp', 'mta'):
        room = look.filesystems.get(queue) or {}
        if room.get('read_only'):
            found.append('%s, where the %s queue lies, is mounted read-only.' % (room['mount'], queue))
        if room.get('immutable'):
            found.append('The directory of the %s queue is immutable (chattr +i).' % queue)
    return found


def _dns(look):
    count, example = _reach.reason(look, 'host_lookup')
    broken = ['%s: %s after %.1f seconds' % (name, one['error'], one['seconds']) for name, one in sorted(look.lookups['domains'].items())
              if one['error'] in ('temporary', 'timeout')]
    if count and (broken or not look.lookups['domains']):
        return ['Sendmail says: %s' % example, 'Looking up %s.' % '; '.join(broken[:3])] if broken else ['Sendmail says: %s' % example], count
    return []


def _dns_was_down(look):
    count, example = _reach.reason(look, 'host_lookup')
    if count and look.lookups['domains'] and not any(one['error'] in ('temporary', 'timeout') for one in look.lookups['domains'].values()):
        return ['The domains can be looked up now; when the messages were last tried they could not: %s' % example], count
    return []


def _stale_resolver(look):
    count, example = _reach.reason(look, 'sender_domain')
    daemons = [process['started'] for process in _reach.daemons(look) if process['started']]
    older = look.resolver_changed and daemons and min(daemons) < look.resolver_changed
    if not count:
        return []
    found = ['The MTA says: %s' % example]
    if older:
        found.append('It was started %d seconds before resolv.conf was last changed, and keeps what it read then.' % (look.resolver_changed - min(daemons)))
    return found, count


def _queue_load(look):
    limit = look.settings.get('msp', {}).get('queue_la', 0)
    if limit and _load(look) >= limit:
        return ['The load average is %.1f and QueueLA is %d: new mail is only queued, and queue runs are skipped.'
                % (_load(look), limit)], _reach.figures(look)['never_tried']
    return []


def _never_tried(look):
    count = _reach.figures(look)['never_tried']
    limit = look.settings.get('msp', {}).get('queue_la', 0)
    return (['%d messages were never tried, and the load is not the reason: they were submitted with -odq or -odd, or the first attempt was interrupted.'
             % count], count) if count > len(look.locked) and not (limit and _load(look) >= limit) else []


def _queue_age(look):
    age = look.settings.get('msp', {}).get('min_queue_age', 0)
    waiting = _reach.figures(look)
    if not age or not waiting['messages']['queued'] or waiting['last_attempt_age'] is None or waiting['last_attempt_age'] >= age:
        return []
    return ['MinQueueAge is %d seconds, and the messages were tried %d seconds ago: a queue run passes over them in silence.'
            % (age, waiting['last_attempt_age'])], waiting['messages']['queued']


def _hangs(look):
    long = [one for one in look.locked if one['seconds'] is not None and one['seconds'] >= HANGS]
    return ['%s has been in delivery for %d seconds by process %s: %s' % (one['id'], one['seconds'], one['pid'], one['title']) for one in long], len(long)


def _runner(look):
    active = [runner for runner in look.runners if runner['active'] and not runner['partial']]
    if not active:
        evidence = ['%s: %s' % (runner['path'] or runner['source'], runner['detail']) for runner in look.runners[:3]] or ['No queue runner is set up.']
        # Red Hat's stops with the MTA and starts with it: one cause explains the other.
        return evidence, 0, ('mta_down',) if any(runner['bound_to'] for runner in look.runners) else ()
    waiting = _reach.figures(look)
    intervals = [runner['interval'] for runner in active if runner['interval']]
    age = waiting['last_attempt_age'] if waiting['last_attempt_age'] is not None else waiting['oldest_age']
    if waiting['messages']['queued'] and intervals and age is not None and age > STALE_ATTEMPT * min(intervals) + SLACK:
        return ['%s should run every %d seconds, but nothing was tried for %d seconds.' % (active[0]['path'] or active[0]['source'], min(intervals), age)], \
            waiting['messages']['queued']
    return []


def _slow_names(look):
    found = []
    own = look.lookups.get('own') or {}
    if own.get('unqualified'):
        found.append('The host name %s has no domain, and none can be found: every start of Sendmail waits 60 seconds.' % own['name'])
    if (own.get('seconds') or 0) >= SLOW:
        found.append('Looking up the own name %s takes %.0f seconds, and so does every start of Sendmail.' % (own['name'], own['seconds']))
    return found


def _orphans(look):
    count = _reach.figures(look)['debris'].get('data_without_control') or 0
    return ['%d data files have no control file: left by a crash, or being received now.' % count] if count else []


def _one_source(look):
    waiting = _reach.figures(look)
    total = waiting['messages']['queued']
    found = []
    if total >= SHARE_LEAST:
        for kind, key in (('users', 'user'), ('senders', 'sender')):
            for one in waiting['top'][kind][:1]:
                if one['messages'] >= SHARE * total:
                    found.append('%d of %d waiting messages (%d %%) come from the %s %s.' % (
                        one['messages'], total, 100 * one['messages'] // total, key, one[key]))
        subjects, looked = look.subjects
        for subject, count in subjects[:1]:
            if count >= SHARE * looked:
                found.append('%d of %d waiting messages looked at (%d %%) have the subject "%s", digits apart.' % (
                    count, looked, 100 * count // looked, subject))
    return found


def _elsewhere(look):
    if _reach.figures(look)['messages']['total']:
        return []
    found = ['%s has %d bytes and was written %d seconds ago.' % (one['path'], one['size'], look.now - one['mtime'])
             for one in look.dead_letters if one['size'] and look.now - one['mtime'] < 7 * 86400]
    mta = (look.queues.get('mta') or {}).get('messages', {}).get('queued', 0)
    if mta:
        found.append('%d messages wait in the queue of the MTA, which is not a matter of submission.' % mta)
    return found


_PERMISSIONS = 'Put owner, group and mode right, before any queue run: a run loses messages while they are wrong.'
CAUSES = (
    Cause('other_mta', 'Another MTA owns the name sendmail, or there is none', 'critical', _other_mta, 'role', 'sendmail_mta',
          'Decide which MTA the host is to have. The role replaces the other one only when sendmail_mta_replace_other is true.'),
    Cause('configuration', 'The mail submission program cannot start', 'critical', _configuration, 'role', 'sendmail_msp',
          'Restore submit.cf, and create the user and the queue directory again.',
          log=rb'NOQUEUE: SYSERR\([^)]*\): (?!opendaemonsocket)'),
    Cause('permissions', 'Owner or mode of the queue directory or the program is wrong', 'critical', _permissions, 'module', 'sendmail_permissions',
          _PERMISSIONS, ('configuration',),
          log=rb'can not chdir\(|cannot create queue file|RunAsUser for MSP ignored'),
    Cause('too_open', 'The queue directory is open to everybody', 'low', _too_open, 'module', 'sendmail_permissions', 'Take the rights of others away.',
          log=rb'dangerous permissions='),
    Cause('message_permissions', 'Owner or mode of queued messages is wrong', 'critical', _hazard('permissions'), 'module', 'sendmail_permissions',
          _PERMISSIONS, ('permissions',),
          log=rb'bogus queue file'),
    Cause('lost', 'Messages were given up by a queue run', 'high', _lost, 'module', 'sendmail_message',
          'Cure the cause (the log line "Losing" names it), then return them with "state: queued" and flush.',
          ('permissions', 'message_permissions', 'damaged'),
          log=rb'Losing \./'),
    Cause('quarantined', 'Messages are quarantined', 'low', _quarantined, 'module', 'sendmail_message',
          'Decide about them: release them with "state: queued", or move them into an archive with "state: absent".'),
    Cause('disk_full', 'The file system of the client queue is full', 'critical', _no_room('msp'), 'manual', None,
          'Make room. Then remove tf files of length 0 that no process has open, or runs will wait for them.',
          log=rb'low on space|No space left on device|Out of disk space'),
    Cause('read_only', 'The file system of a queue is read-only', 'critical', _read_only, 'manual', None, 'Find out why (dmesg) and mount it writable again.',
          log=rb'Read-only file system'),
    Cause('mta_down', 'The MTA is not running', 'high', _reach.mta_down, 'role', 'sendmail_mta', 'Restart the service (a start may do nothing) and enable it.',
          ('other_mta',),
          log=rb'problem creating SMTP socket|cannot bind'),
    Cause('interface', 'The loopback interface is down', 'critical', _reach.loopback_down, 'manual', None,
          'Bring it up: "ip link set lo up"; and find out what took it down. Then flush.'),
    Cause('hosts_file', 'The hosts file sends mail for this host elsewhere', 'high', _reach.hosts_file, 'manual', None,
          'Correct the line in /etc/hosts, or name the address in brackets in submit.cf; then flush.'),
    Cause('hub_down', 'The relay, another host, does not take connections', 'high', _reach.hub_down, 'manual', None,
          'Start the mail server on that host, or name another relay in submit.cf; then flush. Nothing on this host is wrong.'),
    Cause('stranger', 'Another program holds the port of the MTA', 'high', _reach.stranger, 'role', 'sendmail_mta',
          'Stop the other program; the role does it only when sendmail_mta_replace_other is true.', ('other_mta',),
          log=rb'problem creating SMTP socket|cannot bind'),
    Cause('refuses_for_load', 'The MTA refuses connections because of the load', 'high', _reach.refuses_for_load, 'manual', None,
          'Wait until the load has gone down, find what makes it, or raise RefuseLA.',
          log=rb'rejecting connections on daemon'),
    Cause('limits', 'A limit of the MTA keeps mail away', 'high', _reach.limits, 'manual', None,
          'Find out what makes so many connections, or raise the limit that is named: MaxDaemonChildren, ClientRate and ClientConn of '
          'the access map, ConnectionRateThrottle. A restart does not help.', log=_phrases.log_pattern('limit', 'children')),
    Cause('listens_elsewhere', 'The MTA listens on another address', 'high', _reach.listens_elsewhere, 'role', 'sendmail_mta',
          'Let the MTA listen on the address in submit.cf (DaemonPortOptions).'),
    Cause('filtered', 'A packet filter refuses connections to the MTA', 'high', _reach.filtered, 'manual', None,
          'Allow the connection from this host to the relay (iptables, nftables, SELinux).'),
    Cause('hosts_access', 'TCP wrappers keep this host from the MTA', 'critical', _reach.hosts_access, 'manual', None,
          'Let the host reach Sendmail: the line "sendmail: 127.0.0.1 [::1]" in /etc/hosts.allow counts at once. '
          'A queue run before that returns or loses the mail.',
          log=rb'tcpwrappers'),
    Cause('was_down', 'The MTA was down when the messages were last tried', 'low', _reach.was_down, 'module', 'sendmail_queue', 'Flush the queue.'),
    Cause('unreachable', 'The relay cannot be reached', 'high', _reach.unreachable, 'manual', None,
          'Allow the connection in the packet filter, or correct the relay in submit.cf; then flush.'),
    Cause('silent', 'The MTA accepts connections and does not greet', 'high', _reach.silent, 'role', 'sendmail_mta', 'Find out what it waits for; restart it.'),
    Cause('refuses', 'The MTA refuses to serve', 'high', _reach.refuses, 'manual', None,
          'See the log of the MTA for the reason. Where the answer begins with 5, a queue run before that is mended returns the mail to its senders.',
          log=rb'reject=5\d\d|Milter.* error'),
    Cause('tls', 'Encryption between this host and the relay fails', 'high', _reach.says('tls'), 'manual', None,
          'The line of the log says why: no shared cipher, a certificate that expired or cannot be read, a key that others can read. '
          'Correct that on the side that is named, and restart the MTA where it is its own. Then flush.', ('stranger',),
          log=_phrases.log_pattern('tls', 'tls_server')),
    Cause('auth', 'Authentication at the relay fails', 'high', _reach.says('auth'), 'manual', None,
          'See the authinfo map, and what SASL needs. Then flush.', log=_phrases.log_pattern('auth')),
    Cause('hangs_up', 'The relay hangs up or falls silent in the middle', 'high', _reach.hangs_up, 'manual', None,
          'See the log of the relay at that time: a crash, a time-out, a firewall that cuts connections. Then flush one message.',
          log=_phrases.log_pattern('lost_channel')),
    Cause('loop', 'Mail would come back to this host', 'high', _reach.says('loop'), 'manual', None,
          'The relay in submit.cf, or its mail exchanger, is this host under a name that the MTA does not take for its own. Before that '
          'is corrected a queue run returns the mail.'),
    Cause('resources', 'This host lacks memory, files or sockets', 'high', _reach.says('resources'), 'manual', None,
          'Find what uses them up. Then flush.'),
    Cause('dns', 'Name look-ups fail', 'high', _dns, 'manual', None,
          'Mend name resolution (/etc/resolv.conf). The mail submission program itself looks up the domains of recipients, so the MTA cannot help.',
          log=rb'dsn=4\.4\.3, stat=queued|Name server timeout'),
    Cause('dns_was_down', 'Name look-ups failed when the messages were last tried', 'low', _dns_was_down, 'module', 'sendmail_queue', 'Flush the queue.'),
    Cause('stale_resolver', 'The MTA cannot resolve the domain of the sender', 'high', _stale_resolver, 'role', 'sendmail_mta',
          'Restart the MTA: a running daemon keeps the name servers it was started with.', ('dns',),
          log=rb'reject=451 4\.1\.8'),
    Cause('relay_name', 'The name of the relay cannot be looked up', 'high', _reach.relay_name, 'manual', None,
          'Give the relay in submit.cf a name that resolves, or its address in brackets.', ('dns',)),
    Cause('mta_disk_full', "The file system of the MTA's queue is full", 'high', _no_room('mta'), 'manual', None,
          "Make room on the file system of the MTA's queue. An MTA that was started before a mount has to be restarted.",
          log=rb'low on space'),
    Cause('mta_queue', 'The MTA cannot write to its queue', 'critical', _reach.mta_queue, 'role', 'sendmail_mta',
          'Create the queue directory of the MTA again with its owner and mode, and restart the MTA, which keeps the old one open.',
          ('mta_disk_full', 'read_only'), log=rb'cannot (?:write|create)|can not chdir\('),
    Cause('milter', 'A mail filter of the MTA does not answer', 'high', _reach.says('milter'), 'manual', None,
          'Start the filter that the log names.', log=_phrases.log_pattern('milter')),
    Cause('maps', 'A map or the alias database cannot be read', 'high', _reach.says('map_lookup', 'alias_database'), 'manual', None,
          'Build the map that is named anew (makemap, newaliases), or start the server behind it. Then flush.',
          log=_phrases.log_pattern('map_lookup')),
    Cause('mailbox', 'A mailbox or program of a recipient defers mail', 'medium', _reach.says('mailbox'), 'manual', None,
          'A full or locked mailbox, or a program in .forward that fails. Other mail is not concerned.'),
    Cause('policy', 'The MTA defers the messages', 'medium', _reach.says('temporary_reply'), 'manual', None,
          'See the log of the MTA for the queue id: an access rule, a milter or greylisting.',
          log=rb'reject=4\d\d|Milter.* error'),
    Cause('queue_load', 'The load is too high for queue runs', 'medium', _queue_load, 'manual', None,
          'Wait, or flush with ignore_load.', ('refuses_for_load',),
          log=rb'Skipping queue run|Aborting queue run'),
    Cause('never_tried', 'Messages were never tried', 'medium', _never_tried, 'module', 'sendmail_queue', 'Flush the queue.', ('queue_load', 'runner')),
    Cause('warned', 'Messages have waited for long, and the reason is no longer known', 'medium', _reach.warned, 'module', 'sendmail_queue',
          'Flush the queue; what stays then says why.', log=rb'stat=Deferred: '),
    Cause('min_queue_age', 'MinQueueAge keeps the messages back', 'low', _queue_age, 'module', 'sendmail_queue',
          'Flush with the module, which overrides it, or lower MinQueueAge.'),
    Cause('hangs', 'A delivery hangs', 'medium', _hangs, 'manual', None,
          'Look at the process and at what it is connected to. KILL does no harm to the message; TERM has no effect while the other side is silent.',
          ('silent',)),
    Cause('runner', 'No queue runner works on the client queue', 'high', _runner, 'role', 'sendmail_queue_runner', 'Schedule one, every half hour.',
          ('configuration',)),
    Cause('poison', 'A control file makes queue runs abort', 'high', _hazard('aborts'), 'module', 'sendmail_message',
          'Move it into an archive with "state: absent" and its id; everything sorted behind it is never tried.'),
    Cause('damaged', 'Damaged control files', 'medium', _hazard('damaged'), 'module', 'sendmail_message',
          'Repair them, or move them into an archive with "state: absent" and their ids, before the next run, which would lose or drop them.',
          log=rb'readqf: '),
    Cause('stale_rewrite', 'Left-over tf files stop queue runs for 465 seconds each', 'high', _hazard('temporary'), 'module',
          'sendmail_debris', 'Move them into an archive with "state: absent"; what a process has open is left alone.', ('disk_full',),
          log=rb'cannot create \./tf'),
    Cause('slow_names', 'Name look-ups slow every start of Sendmail', 'medium', _slow_names, 'manual', None,
          'Put the full name of the host, for IPv4 and IPv6, into /etc/hosts, and mend or remove the dead name server.', ('dns',),
          log=rb'My unqualified host name|unable to qualify my own domain name'),
    Cause('missing_data', 'The bodies of messages are missing', 'critical', _hazard('no_data'), 'module', 'sendmail_message',
          'Do not flush: a run would deliver them with an empty body. Move them with "state: absent" and their ids into an archive, which keeps the headers.'),
    Cause('orphaned_data', 'Data files without a control file', 'low', _orphans, 'module', 'sendmail_debris',
          'Move them into an archive with "state: absent"; what is younger than a day or open is left alone.'),
    Cause('elsewhere', 'The client queue is empty; look elsewhere', 'low', _elsewhere, 'manual', None,
          'Mail that was refused at once is in dead.letter files; mail that was handed over is in the queue of the MTA.',
          log=rb'to=.*, stat=(?:User unknown|Service unavailable)'),
    Cause('one_source', 'One source makes most of it', 'low', _one_source, 'manual', None,
          'Look at what that user or job sends, and whether anybody reads it.'),
)


def diagnose(look):
    """The causes that hold, in the order of the table: list of {id, title, severity, evidence, messages, because_of, fix: {kind, name, text}}.

    C(messages) are those the cause itself keeps, 0 where that cannot be counted.
    """
    found = []
    for cause in CAUSES:
        outcome = cause.predicate(look)
        # Evidence alone, or with the messages, or with the causes that explain it on this host as well.
        parts = list(outcome) if isinstance(outcome, tuple) else [outcome]
        evidence, messages, because = parts + [0, ()][len(parts) - 1:]
        if evidence:
            found.append({'id': cause.id, 'title': cause.title, 'severity': cause.severity, 'evidence': evidence[:EVIDENCE_MAX], 'messages': messages,
                          'because_of': list(cause.because_of + because), 'fix': {'kind': cause.fix, 'name': cause.name, 'text': cause.text}})
    held = set(one['id'] for one in found)
    for one in found:
        one['because_of'] = [name for name in one['because_of'] if name in held]
    return found


# The reason is that of the last attempt; what keeps the relay away now keeps that mail too.
_AWAY = ('mta_down', 'interface', 'hosts_file', 'hub_down', 'stranger', 'refuses_for_load', 'limits', 'listens_elsewhere', 'filtered',
         'was_down', 'unreachable', 'silent', 'hosts_access', 'refuses', 'relay_name')
EXPLAINED = {
    'connection_refused': _AWAY, 'connection_timeout': _AWAY, 'no_route': _AWAY, 'not_permitted': _AWAY, 'connection_lost': ('hangs_up', 'stranger', 'silent'),
    'host_lookup': ('dns', 'dns_was_down'), 'sender_domain': ('stale_resolver',), 'relay_lookup': ('relay_name',),
    'tls': ('tls',), 'auth': ('auth',), 'limit': ('limits',), 'mta_disk_full': ('mta_disk_full',), 'mta_queue': ('mta_queue',),
    'milter': ('milter',), 'map_lookup': ('maps',), 'alias_database': ('maps',), 'mailbox': ('mailbox',), 'loop': ('loop',),
    'resources': ('resources',), 'temporary_reply': ('policy',), 'warned': _AWAY + ('warned', 'dns', 'tls', 'auth', 'mta_queue', 'milter'),
    'never_tried': ('queue_load', 'never_tried', 'runner', 'mta_down', 'hub_down', 'hangs'),
}


def unexplained(look, causes):
    """(count, examples) of waiting messages whose reason none of the found causes covers."""
    held = set(cause['id'] for cause in causes)
    rest = [one for one in _reach.figures(look)['top']['reasons'] if held.isdisjoint(EXPLAINED.get(one['reason'], ()))]
    return sum(one['messages'] for one in rest), [one['example'] for one in rest[:3]]


def diagnosis(look, read_log=lambda patterns: {}):
    """The result of the module sendmail_diagnosis_info.

    C(read_log({id: expression over bytes})) gives {id: the newest line of the log}; it is asked once, and only about causes that hold.
    """
    causes = diagnose(look)
    held = set(one['id'] for one in causes)
    said = read_log(dict((cause.id, cause.log) for cause in CAUSES if cause.log and cause.id in held))
    for one in causes:
        if one['id'] in said:
            one['evidence'] = one['evidence'][:EVIDENCE_MAX - 1] + ['The log says: %s' % said[one['id']]]
    count, examples = unexplained(look, causes)
    return {'healthy': not count and all(cause['severity'] == 'low' for cause in causes), 'causes': causes,
            'unexplained': {'messages': count, 'examples': examples}, 'messages': _reach.figures(look)['messages'], 'inspected': look.inspected}
