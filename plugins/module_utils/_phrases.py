# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Sendmail's own words: what 8.15 to 8.18 leave in the status of a message (M line), in a process title and in the log.

Each row says what the words mean, who says them, and where they stand in the source, of 8.17.1.9 unless another version
is named. The tests hold the strings of the installed binaries against these tables.
"""

import re
from typing import Any, Dict, NamedTuple, Optional

REASONS = ('connection_refused', 'connection_timeout', 'connection_lost', 'no_route', 'not_permitted', 'host_lookup',
           'relay_lookup', 'sender_domain', 'tls', 'auth', 'limit', 'mta_disk_full', 'mta_queue', 'milter',
           'map_lookup', 'alias_database', 'mailbox', 'loop', 'resources', 'temporary_reply', 'warned', 'never_tried',
           'other')


class Phrase(NamedTuple):
    """One row. C(who): msp (the process that tries the message), mta (the server it talks to), resolver or kernel."""

    means: str                        # one of REASONS; for titles a role; for lines of the log what _causes asks for
    who: str
    pattern: str                      # from the beginning of a status or title, anywhere in a line of the log
    source: str


# "Deferred: " comes from giveresponse() (deliver.c:4571), before a reply with its code or a text of errno; what has no
# such word is e_message (err.c, envelope.c, parseaddr.c). The first row that fits counts.
STATUSES = [Phrase(*row) for row in (
    # What the kernel says to connect(), read() and write(), by errno; for some with the host in front.
    ('connection_refused', 'kernel', r'Connection refused(?: by |$)', 'err.c:1185'),
    ('connection_timeout', 'kernel', r'(?:Connection|Operation) timed out(?: with |$)', 'err.c:1137'),
    ('connection_lost', 'kernel', (r'(?:\S+: )?(?:Connection reset(?: by |$)|Broken pipe'
     r'|Software caused connection abort|Bad file descriptor)'), 'err.c:1138'),
    ('connection_lost', 'msp', r'reply: read error from ', 'usersmtp.c:3287'),
    ('connection_lost', 'msp', r'timeout writing message to |smtpinit: state CLOSED', 'usersmtp.c:153 2903'),
    ('no_route', 'kernel', (r'(?:\S+: )?(?:No route to host|Network is (?:unreachable|down)|Host (?:\S+ )?is down'
     r'|Network dropped connection)'), 'deliver.c:4590'),
    ('no_route', 'kernel', (r"Can(?:not|'t) assign requested address|Address family not supported"
     r'|makeconnection: cannot (?:bind|create socket: Address)'), 'daemon.c:2697 2743 2835'),
    ('not_permitted', 'kernel', r'Operation not permitted|Permission denied', 'err.c:1213'),
    ('resources', 'kernel', (r'(?:makeconnection: cannot create socket: )?(?:Too many open files|Cannot allocate memory|No buffer space|No space left'
     r'|Read-only file system|Dis[ck] quota)'), 'err.c:1280'),
    # What the resolver says.
    ('relay_lookup', 'resolver', r'Name server: (?:\S+: )?(?:host |non-recoverable|no data)', 'err.c:1191'),
    ('host_lookup', 'resolver', r'(?:host|resolve|bestmx|dns|canonify|arpa) map: lookup \(', 'parseaddr.c:1901'),
    ('host_lookup', 'resolver', r'Transient parse error -- |\S+: Name server timeout|DNS failure: CNAME loop',
     'parseaddr.c:234 daemon.c:4131 domain.c:1618'),
    # What the rule sets and maps of the MSP itself say. For the codes 450, 550 and 553 the recipient stands in front.
    ('tls', 'msp', (r'4[05]\d 4\.7\.\d (?:STS )?(?:TLS |STARTTLS |DANE |server not auth|authentication '
     r'(?:required|fail)|not authenticated|no authentication req|other side does not|encryption too weak|CN '
                    r'|Cert (?:Subject|Issuer) )'), 'proto.m4:2923 deliver.c:3510'),
    ('tls', 'msp', r'(?:\S+\.\.\. )?(?:450 4\.7\.0 )?(?:STS |\S+ not (?:listed|found) in )', 'proto.m4:3088 of 8.18.2'),
    ('auth', 'msp', r'Temporary AUTH failure', 'deliver.c:3686'),
    ('map_lookup', 'msp', (r'\S+ map: lookup \(|user database error|clt_features=TEMPFAIL'
     r"|(?:NIS|Error (?:in|getting)) .*\bmap\b|Cannot (?:bind to map|find table) |\S+ failed to .* in map "
                           r"|socket_map_lookup\(|Can't contact LDAP|cannot initialize Hesiod"
                           r'|\S+ map "[^"]*": \S+ map file |Cannot open \S+ database '), 'parseaddr.c:1901 recipient.c:943 map.c:2123 2266'),
    ('alias_database', 'msp', r'alias database unavailable', 'alias.c:113'),
    ('mailbox', 'msp', (r'\S+ mailer \(.*\) exited with EX_TEMPFAIL|mailer \S+ died with signal '
     r'|Operating system error$|transient \.forward open error|[Cc]annot open \S+: |open timeout on |Timeout on file open'),
     'deliver.c:3074 3816 4446 alias.c:1097 recipient.c:876 1727 libsm/strexit.c:109'),
    ('loop', 'msp', r'MX list for .* points back to |\S+ config error: mail loops back to me',
     'domain.c:964 usersmtp.c:260'),
    ('warned', 'msp', r'Warning: (?:could not send message for past |Delivery time \()', 'envelope.c:416'),
    # What the server replied, also in the words of other mail servers, for a hub may be any.
    ('sender_domain', 'mta', r'45[01] 4\.1\.8 (?!Client IP|Possibly forged)', 'proto.m4:1992'),
    ('tls', 'mta', r'454 4\.3\.3 TLS ', 'srvrsmtp.c:2247'),
    ('auth', 'mta', r'45[04] 4\.(?:5\.4|7\.0|7\.8) (?:Temporary authentication|Internal error: unable to encode64)',
     'srvrsmtp.c:1883 2210'),
    ('mta_disk_full', 'mta', (r'452 4\.4\.5 |4\d\d 4\.3\.1 |4[25]\d (?:4\.\d\.\d )?(?:Out of disk|Insufficient '
     r'(?:disk|system))|452 space shortage|4\d\d .*No space left on device'), 'queue.c:6007 collect.c:1025'),
    ('mta_queue', 'mta', (r'4\d\d 4\.[03]\.0 (?:collect: |queueup: |Error: queue file write|Error (?:writing|renaming) '
     r'|cannot open )'), 'collect.c:1031 queue.c:905'),
    ('limit', 'mta', (r'421 4\.3\.2 (?:Connection rate limit|Too many open conn)|421 4\.4\.5 Too many SMTP'
     r'|45[02] 4\.[57]\.\d (?:Too many|Error: too m)|421 (?:\d\.\d\.\d )?(?:\S+ )?(?:Error: )?[Tt]oo many '
                      r'|450 4\.4\.5 occ_exceeded'), 'proto.m4:3273 3295 daemon.c:877 srvrsmtp.c:3141'),
    ('milter', 'mta', (r'45[14] 4\.[37]\.[02] Please try again later|421 4\.7\.0 \S+ closing connection'
     r'|421 4\.3\.0 closing connection|451 4\.7\.1 Service unavailable - try again'), 'srvrsmtp.c:672 696 1296 2084'),
    ('map_lookup', 'mta', (r'451 4\.3\.0 (?:Temporary system failure|socket_map|.*Temporary lookup failure)'
     r'|450 4\.3\.0 Please try again later|451 4\.3\.5 .*\bmap\b'), 'cfhead.m4:81 srvrsmtp.c:1075'),
    ('mailbox', 'mta', r'45\d 4\.2\.\d (?!.*[Gg]reylist)', 'mail.local.c recipient.c:876'),
    ('connection_lost', 'mta', r'421 4\.4\.[12] ', 'srvrsmtp.c:1616 usersmtp.c:3275'),
    ('temporary_reply', 'mta', r'4\d\d(?:[ -]|$)', 'usersmtp.c:3479'),
)]
_STATUS = re.compile(r'(?:Deferred: )?(?:%s)' % '|'.join(
    '(?P<p%d>%s)' % (number, row.pattern) for number, row in enumerate(STATUSES)))

# A long title is cut short (setproctitle(), conf.c:2654).
# A daemon that rejects connections has closed its socket, and opens it for a moment every 15 seconds to look again
# (getrequests(), daemon.c:300); while it rejects new messages it answers, and refuses MAIL.
TITLES = [Phrase(*row) for row in (
    ('queue_runner', 'msp', (r'Queue runner@(?:(?:(?P<days>\d+)\+)?(?P<hours>\d+):(?P<minutes>\d\d):(?P<seconds>\d\d)'
     r'(?: for (?P<directory>\S+))?)?'), 'main.c:2604'),
    ('queue_runner', 'msp', r'Queue control', 'main.c:2300'),
    ('queue_run', 'msp', r'running queue: (?P<run>\S*)', 'queue.c:2168'),
    ('daemon', 'mta', r'accepting c', 'daemon.c:346'),
    ('daemon', 'mta', r'rejecting connections on daemon \S+: (?P<load>load average: \d+)', 'conf.c:2341'),
    ('daemon', 'mta', r'rejecting connections on daemon \S+: (?P<children>\d+ children, max \d+)', 'conf.c:2393'),
    ('daemon', 'mta', r'rejecting connections on daemon \S+: (?P<memory>free memory: -?\d+)', 'conf.c:2326'),
    ('daemon', 'mta', r'rejecting new messages: (?P<disk>min free: -?\d+)', 'daemon.c:1035'),
    ('daemon', 'mta', r'(?:deferring|delaying|rejecting) c', 'conf.c:2304 2373'),
    ('delivery', 'msp', r'(?:\S*/)?(?P<id>[0-9A-Za-z]{8}[0-9]{5,10})(?=[\s:]|$)', 'deliver.c:2391 queue.c:3750'),
    ('delivery', 'msp', r'\S+: (?:client |idle$|user open)', 'deliver.c:4090 usersmtp.c:2873'),
    # Last the sessions: their titles end with what the client sends, and nothing behind its name is read.
    ('session', 'mta', (r'startup with |server \S.* (?:startup|cmd read)|NOQUEUE[ :]'
     r'|(?:\S*[^\s:] )?\[[^]]+\](?: \(may be forged\))?: '), 'srvrsmtp.c:843 1037 1991 daemon.c:787'),
)]
_TITLE = re.compile('|'.join('(?P<t%d>%s)' % (number, row.pattern) for number, row in enumerate(TITLES)), re.S)
REJECTING = ('load', 'children', 'memory', 'disk')

LOG = [Phrase(*row) for row in (
    ('children', 'mta', r'rejecting connections on daemon \S+: (?:\d+ children|free memory)', 'conf.c:2326 2393'),
    ('tls', 'msp', (r'STARTTLS=client, (?:error|[^,]*, (?:warning|.*verify=(?:FAIL|SOFTWARE|PROTOCOL|CONFIG)))'
     r'|STARTTLS=\S+ (?:file|error)|STARTTLS=\S+ .*(?:fail|status=)|STARTTLS=\w+: \S*:'
                    r'|STARTTLS: .*(?:error|fail|missing|alert|cert verify|switch)'),
     'tls.c deliver.c'),
    ('tls_server', 'mta', r'STARTTLS=server, (?:error|.*fail)|STARTTLS=\w+: file \S+ unsafe|TLS failed to initialize',
     'tls.c srvrsmtp.c'),
    ('auth', 'msp', (r'AUTH(?:=client|:)?[ ,].*(?:[Ff][Aa][Ii][Ll]|error|warning|do not fulfill|not in list|aborted)'
     r'|ruleset=authinfo'), 'usersmtp.c deliver.c:3672'),
    ('milter', 'mta', (r'Milter(?: \([^)]*\))?: .*(?:error|fail|timeout|returned|socket|nknown|nvalid|bad address'
     r'|negotiate|select|rejecting)|milter=[^,]+, .*tempfail|Milter read\(.*timeout|command .* tempfailed'),
     'milter.c srvrsmtp.c:2082'),
    ('limit', 'mta', r'reject=421 4\.3\.2|Too many (?:SMTP|open)|ruleset=check_relay', 'srvrsmtp.c proto.m4:3273'),
    ('map_lookup', 'mta', (r'srv_features=tempfail|deferred: udbexpand|lookup tempfail'
     r'|map\S*: .*(?:fail|error|timeout)|map "[^"]*": \w+ map file|alias database .* unavailable'), 'srvrsmtp.c:1073 map.c:2123'),
    ('lost_channel', 'mta', r'lost input channel from ', 'srvrsmtp.c:1623'),
)]


def saying(status: bytes) -> Optional[Phrase]:
    """The row that a status belongs to, None where the words are not known."""
    found = _STATUS.match(status[:1024].decode('latin-1'))
    return STATUSES[int((found.lastgroup or '')[1:])] if found else None


def reason(status: bytes, attempts: Any) -> str:
    """The class of a status, one of REASONS. Without a status C(attempts) (true, or more than 0) tells what was never
    tried."""
    found = saying(status)
    if found:
        return found.means
    return 'other' if status or attempts else 'never_tried'


def title(text: str) -> Optional[Dict[str, Any]]:
    """What a process title says, without the C(sendmail: ) in front; None where the words are not known.

    {role, prefix, interval, directory, id, rejecting, why}. C(prefix) is what ProcessTitlePrefix has put in front,
    whatever that is (conf.c:2717); C(rejecting) is the text of a daemon that refuses, and C(why) one of REJECTING.
    """
    start, found = 0, _TITLE.match(text)
    while not found:
        colon = text.find(': ', start)
        if colon < 0:
            return None
        start = colon + 2
        found = _TITLE.match(text, start)
    groups = found.groupdict()
    row = next(row for number, row in enumerate(TITLES) if groups['t%d' % number] is not None)
    interval = None
    if groups['hours']:
        days, hours, minutes, seconds = (int(groups[unit] or 0) for unit in ('days', 'hours', 'minutes', 'seconds'))
        interval = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    why = next((word for word in REJECTING if groups[word]), None)
    return {'role': row.means, 'prefix': text[:start - 2] if start else None, 'interval': interval,
            'directory': groups['directory'] or groups['run'] or None, 'id': groups['id'],
            'rejecting': text[start:] if why else None, 'why': why}


def log_pattern(*means: str) -> bytes:
    """One expression over bytes for the lines of the log that mean any of these."""
    return '|'.join('(?:%s)' % row.pattern for row in LOG if row.means in means).encode('ascii')
