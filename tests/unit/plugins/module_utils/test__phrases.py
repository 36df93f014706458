# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sendmail's words: held against the strings of the binaries of three releases, and each row against its nearest
negative."""

import importlib.util
import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.mailops.sendmail.plugins.module_utils import _phrases

UNIT = os.path.join(os.path.dirname(__file__), '..', '..')
SAMPLES = os.path.join(UNIT, 'samples', 'phrases')
_spec = importlib.util.spec_from_file_location('phrases_in_binaries', os.path.join(UNIT, 'phrases_in_binaries.py'))
in_binaries = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(in_binaries)


def lines(name):
    with open(os.path.join(SAMPLES, name + '.txt'), encoding='utf-8') as stream:
        return [line for line in stream.read().split('\n') if line and not line.startswith('# ')]


IRRELEVANT = set(lines('irrelevant'))


# What Sendmail logs beside, in the words of the causes or of nobody here.
LOGGED = [
    r'NOQUEUE: SYSERR\([^)]*\): (?!opendaemonsocket)',
    r'can not chdir\(|cannot create queue file|RunAsUser for MSP ignored|can not write to queue directory',
    r'dangerous permissions=',
    r'bogus queue file',
    r'Losing \S+: ',
    r'readqf: |SECURITY ALERT: extra or bogus data',
    r'cannot create \S*/tf',
    r'low on space|No space left on device|Out of disk space|rejecting new messages: min free',
    r'Read-only file system',
    r'problem creating SMTP socket|opendaemonsocket: |cannot bind|socket wedged',
    r'rejecting connections on daemon \S+(?:: load average| for )',
    r'rejecting \S+ from .* due to (?:pre-greeting traffic|traffic before)',
    r'tcpwrappers \(.*\) rejection',
    r'(?:Skipping|Aborting) queue run',
    r'persistent queue runner|queue control process: lost all',
    r'dsn=4\.4\.3, stat=|Name server timeout',
    r'reject=45[01] 4\.1\.8',
    r'My unqualified host name|unable to qualify my own domain name',
    r'reject=5\d\d',
    r'reject=4\d\d',
    r'to=.*, stat=(?:User unknown|Service unavailable)',
]


def covered(pattern):
    """Whether a format string of the binary belongs to a row, as a status, a reply, a title or a line of the log."""
    text = (
        re.sub(r'%[-+ #.*0-9]*l*([a-zA-Z])', lambda match: '7' if match.group(1) in 'dux' else 'x', pattern)
        .lstrip('!@+')
        .replace('\\n', ' ')
    )
    # A reply comes back with its code, and with 4.0.0 where the source names no other (syserr() in err.c); in its own
    # process the text stays alone.
    forms = (re.sub(r'^(4\d\d) (?!\d\.)', r'\1 4.0.0 ', text), re.sub(r'^\d{3} (?:\d\.\d\.\d )?', '', text))
    said = [row for row in (_phrases.saying(form.encode()) for form in forms) if row]
    return (
        any(row.means != 'temporary_reply' for row in said)
        or bool(_phrases.title(text))
        or any(re.search(one, text) for one in LOGGED + [row.pattern for row in _phrases.LOG])
    )


@pytest.mark.parametrize('release', ['bullseye', 'bookworm', 'trixie'])
def test_every_format_of_the_binaries_is_known(release):
    found = lines(release)
    assert len(found) > 300
    assert [text for text in found if not covered(text) and text not in IRRELEVANT] == []


def test_nothing_is_called_irrelevant_that_is_known_or_in_no_binary():
    everywhere = set(lines('bullseye') + lines('bookworm') + lines('trixie'))
    assert [text for text in sorted(IRRELEVANT) if covered(text) or text not in everywhere] == []


def test_a_new_format_is_found():
    data = b'\0Deferred: the moon is full\x00451 4.9.9 %s is tired\0sleeping connections on daemon %s\0nothing\0'
    found = in_binaries.candidates(data)
    assert found == ['451 4.9.9 %s is tired', 'Deferred: the moon is full', 'sleeping connections on daemon %s']
    assert not any(covered(text) for text in found)


# What stands in M lines, from the failure lab, from reports of others and from the sources; the right word, then who
# says it.
STATUSES = [
    ('Deferred: Connection refused by [127.0.0.1]', 'connection_refused', 'kernel'),
    ('Deferred: Connection timed out with hub.example.com.', 'connection_timeout', 'kernel'),
    ('Deferred: Operation timed out with [192.0.2.1]', 'connection_timeout', 'kernel'),
    ('Deferred: Connection reset by [127.0.0.1]', 'connection_lost', 'kernel'),
    ('Deferred: Broken pipe', 'connection_lost', 'kernel'),
    ('reply: read error from [127.0.0.1]', 'connection_lost', 'msp'),
    ('timeout writing message to [127.0.0.1]: Broken pipe', 'connection_lost', 'msp'),
    ('Deferred: 421 4.4.1 h1 Lost input channel from localhost [127.0.0.1]', 'connection_lost', 'mta'),
    ('Deferred: 421 4.4.2 hub.example.com Error: timeout exceeded', 'connection_lost', 'mta'),
    ('Deferred: [127.0.0.1]: No route to host', 'no_route', 'kernel'),
    ('Deferred: hub.example.com.: Network is unreachable', 'no_route', 'kernel'),
    ('Deferred: [127.0.0.1]: Network is down', 'no_route', 'kernel'),
    ('Deferred: [192.0.2.1]: Host [192.0.2.1] is down', 'no_route', 'kernel'),
    ('Deferred: Cannot assign requested address', 'no_route', 'kernel'),
    # Seen with 8.17.1.9 and ClientPortOptions=Addr=192.0.2.77 on a host without that address.
    ('makeconnection: cannot bind socket [192.0.2.77]: Cannot assign requested address', 'no_route', 'kernel'),
    ('makeconnection: cannot create socket: Address family not supported by protocol', 'no_route', 'kernel'),
    ('makeconnection: cannot create socket: Too many open files', 'resources', 'kernel'),
    ('Deferred: Operation not permitted', 'not_permitted', 'kernel'),
    ('Deferred: Permission denied', 'not_permitted', 'kernel'),
    ('Deferred: Too many open files', 'resources', 'kernel'),
    ('Deferred: Name server: hub.example.com.: host name lookup failure', 'relay_lookup', 'resolver'),
    ('Deferred: Name server: hub.: host name lookup failure for TLSA RR', 'relay_lookup', 'resolver'),
    ('host map: lookup (example.com): deferred', 'host_lookup', 'resolver'),
    ('Transient parse error -- message queued for future delivery', 'host_lookup', 'resolver'),
    ('example.com: Name server timeout', 'host_lookup', 'resolver'),
    ('Deferred: DNS failure: CNAME loop for example.com', 'host_lookup', 'resolver'),
    ('virtusertable map: lookup (bob@example.com): deferred', 'map_lookup', 'msp'),
    ('access map: lookup (host map: lookup (x): deferred', 'map_lookup', 'msp'),
    ('Deferred: user database error', 'map_lookup', 'msp'),
    ('hash map "virtuser": missing map file /etc/mail/virtusertable.db: No such file or directory', 'map_lookup', 'msp'),
    ('text map "vips": unsafe map file /etc/mail/vips: World writable directory', 'map_lookup', 'msp'),
    ('Cannot open hash database /etc/mail/access: Invalid argument', 'map_lookup', 'msp'),
    ('Error in ldap_search in map aliases: Connection refused', 'map_lookup', 'msp'),
    ('socket_map_lookup(users): failed to read length parameter of reply 0: Connection refused', 'map_lookup', 'msp'),
    ('Deferred: 451 4.3.0 Temporary system failure. Please try again later.', 'map_lookup', 'mta'),
    ('Deferred: 451 4.3.0 <bob@example.com>: Temporary lookup failure', 'map_lookup', 'mta'),
    ('alias database unavailable', 'alias_database', 'msp'),
    ('Deferred: 454 4.7.0 TLS handshake failed.', 'tls', 'msp'),
    ('Deferred: 403 4.7.0 TLS handshake failed.', 'tls', 'msp'),
    ('Deferred: 454 4.7.0 STARTTLS failed.', 'tls', 'msp'),
    ('Deferred: 454 4.7.0 DANE check failed.', 'tls', 'msp'),
    ('Deferred: 403 4.7.0 server not authenticated.', 'tls', 'msp'),
    ('Deferred: 403 4.7.0 authentication failed', 'tls', 'msp'),
    ('Deferred: 403 4.7.0 encryption too weak 128 less than 256', 'tls', 'msp'),
    ('Deferred: 403 4.7.0 CN hub does not match hub.example.com', 'tls', 'msp'),
    ('Deferred: 403 4.7.0 other side does not support STARTTLS', 'tls', 'msp'),
    ('bob... STS lookup temp fail', 'tls', 'msp'),
    ('Deferred: 454 4.3.3 TLS not available after start', 'tls', 'mta'),
    ('Deferred: 454 4.7.0 TLS not available due to local problem', 'tls', 'msp'),
    ('Deferred: Temporary AUTH failure', 'auth', 'msp'),
    ('Deferred: 454 4.5.4 Temporary authentication failure', 'auth', 'mta'),
    ('Deferred: 454 4.7.0 Temporary authentication failure: Connection lost to authentication server', 'auth', 'mta'),
    ('Deferred: 451 4.1.8 Domain of sender address alice@nosuch.invalid does not resolve', 'sender_domain', 'mta'),
    ('Deferred: 450 4.1.8 <alice@nosuch.invalid>: Sender address rejected: Domain not found', 'sender_domain', 'mta'),
    ('Deferred: 452 4.4.5 Insufficient disk space; try again later', 'mta_disk_full', 'mta'),
    ('Deferred: 452 4.3.1 Insufficient system storage', 'mta_disk_full', 'mta'),
    ('Deferred: 452 4.0.0 Error writing control file ./tfX: No space left on device', 'mta_disk_full', 'mta'),
    (
        'Deferred: 421 4.3.0 collect: Cannot write ./dfX (bfcommit, uid=0, gid=104): No such file or directory',
        'mta_queue',
        'mta',
    ),
    ('Deferred: 421 4.0.0 queueup: cannot create queue temp file ./tfX, uid=0: Permission denied', 'mta_queue', 'mta'),
    ('Deferred: 421 4.3.2 Connection rate limit exceeded.', 'limit', 'mta'),
    ('Deferred: 421 4.3.2 Too many open connections.', 'limit', 'mta'),
    ('Deferred: 421 4.4.5 Too many SMTP sessions for this host', 'limit', 'mta'),
    ('Deferred: 421 4.7.0 hub.example.com Error: too many connections from 192.0.2.9', 'limit', 'mta'),
    ('Deferred: 452 4.5.3 Too many recipients', 'limit', 'mta'),
    ('Deferred: 451 4.3.2 Please try again later', 'milter', 'mta'),
    ('Deferred: 421 4.7.0 h1.example.test closing connection', 'milter', 'mta'),
    ('Deferred: local mailer (/usr/sbin/sensible-mda) exited with EX_TEMPFAIL', 'mailbox', 'msp'),
    ('mailer prog died with signal 9', 'mailbox', 'msp'),
    # Debian 12 without /usr/sbin/sensible-mda: "SYSERR(root): Cannot exec /usr/sbin/sensible-mda" in the log, and this in the message.
    ('Operating system error', 'mailbox', 'msp'),
    ('transient .forward open error: message queued', 'mailbox', 'msp'),
    ('Deferred: 452 4.2.2 Mailbox full', 'mailbox', 'mta'),
    # A hub with Postfix and Postgrey, whose $greylist_text is "Greylisted, see ..." behind Postfix's own 450 4.2.0 (DEFER_IF_PERMIT).
    ('Deferred: 450 4.2.0 <bob@example.com>: Recipient address rejected: Greylisted, see http://postgrey.example.org/', 'temporary_reply', 'mta'),
    ('Deferred: 451 4.2.0 Greylisting in action, please come back later', 'temporary_reply', 'mta'),
    # strerror() of FreeBSD.
    ("Deferred: Can't assign requested address", 'no_route', 'kernel'),
    ('Deferred: Disc quota exceeded', 'resources', 'kernel'),
    ('Deferred: Host is down', 'no_route', 'kernel'),
    ('MX list for example.com. points back to h1.example.test', 'loop', 'msp'),
    ('h1.example.test. config error: mail loops back to me (MX problem?)', 'loop', 'msp'),
    ('Warning: could not send message for past 4 hours', 'warned', 'msp'),
    ('Warning: Delivery time (120s) exceeded', 'warned', 'msp'),
    # The nearest negatives.
    ('Deferred: 450 4.7.1 Connection refused by policy', 'temporary_reply', 'mta'),
    ('Deferred: 451 4.7.1 Greylisting in action, please come back in 00:05:00', 'temporary_reply', 'mta'),
    ('Deferred: 451 4.1.8 Client IP address 192.0.2.9 does not resolve', 'temporary_reply', 'mta'),
    ('Deferred: 451 4.1.8 Possibly forged hostname for 192.0.2.9', 'temporary_reply', 'mta'),
    ('Deferred: 450 4.1.2 <bob@x.invalid>: Recipient address rejected: Domain not found', 'temporary_reply', 'mta'),
    ('Deferred: 450 4.7.1 reply: read error from nobody', 'temporary_reply', 'mta'),
    ('Deferred: 451 4.0.0 Operating system error', 'temporary_reply', 'mta'),
    ('Deferred: 421 4.3.2 Service shutting down', 'temporary_reply', 'mta'),
    ('Deferred: 450 host map: lookup (x): deferred', 'temporary_reply', 'mta'),
    ('Deferred: 421-4.7.0 go away', 'temporary_reply', 'mta'),
    ('Deferred', 'other', None),
    ('User unknown', 'other', None),
    ('x Connection refused by [127.0.0.1]', 'other', None),
    ('550 5.7.1 Access denied', 'other', None),
]


@pytest.mark.parametrize('status, means, who', STATUSES, ids=[case[0] for case in STATUSES])
def test_status(status, means, who):
    found = _phrases.saying(status.encode())
    assert (_phrases.reason(status.encode(), 1), found and found.who) == (means, who)


def test_each_row_has_a_status_that_is_its_own():
    """Without the row the status would be another's, or nobody's."""
    shown = set(
        _phrases.STATUSES.index(found) for found in (_phrases.saying(case[0].encode()) for case in STATUSES) if found
    )
    assert [row for number, row in enumerate(_phrases.STATUSES) if number not in shown] == []


# A status of each row, and the nearest that is another's or nobody's.
NEAREST = [
    ('Deferred: Connection refused by [127.0.0.1]', 'Deferred: 450 4.7.1 Connection refused by policy'),
    ('Deferred: Connection timed out with hub.', 'Deferred: 450 4.4.1 Connection timed out with hub.'),
    ('Deferred: Broken pipe', 'Deferred: 451 4.4.2 Broken pipe'),
    ('reply: read error from [127.0.0.1]', 'Deferred: 450 4.7.1 reply: read error from [127.0.0.1]'),
    ('timeout writing message to hub.: Broken pipe', 'Deferred: 450 4.7.1 timeout writing message to hub.'),
    ('Deferred: [127.0.0.1]: No route to host', 'Deferred: 450 4.4.1 No route to host'),
    ('Deferred: Cannot assign requested address', 'Deferred: 450 4.4.1 Cannot assign requested address'),
    ('Deferred: Permission denied', 'Deferred: 450 4.7.1 Permission denied'),
    ('Deferred: Too many open files', 'Deferred: 421 4.3.2 Too many open connections.'),
    ('Deferred: Name server: hub.: host name lookup failure', 'hub.: Name server timeout'),
    ('host map: lookup (example.com): deferred', 'virtusertable map: lookup (bob@example.com): deferred'),
    ('example.com: Name server timeout', 'Deferred: Name server: example.com: host name lookup failure'),
    ('Deferred: 403 4.7.0 TLS handshake failed.', 'Deferred: 403 4.7.0 Access denied'),
    ('bob... STS lookup temp fail', 'bob... lookup temp fail'),
    ('Deferred: Temporary AUTH failure', 'Deferred: 454 4.7.0 Temporary authentication failure'),
    ('access map: lookup (127.0.0.1): deferred', 'host map: lookup (localhost): deferred'),
    ('alias database unavailable', 'Deferred: 451 4.3.0 alias database unavailable'),
    ('Deferred: prog mailer (/bin/sh) exited with EX_TEMPFAIL', 'Deferred: 450 4.0.0 prog mailer (/bin/sh) exited with EX_TEMPFAIL'),
    ('MX list for x. points back to h', 'Deferred: 450 4.4.6 MX list for x. points back to h'),
    ('Warning: could not send message for past 4 hours', 'Cannot send message for 5 days'),
    ('Deferred: 451 4.1.8 Domain of sender address a@x does not resolve', 'Deferred: 451 4.1.8 Client IP address 192.0.2.9 does not resolve'),
    ('Deferred: 454 4.3.3 TLS not available after start', 'Deferred: 454 4.3.3 not available after start'),
    ('Deferred: 454 4.5.4 Temporary authentication failure', 'Deferred: 454 4.5.4 Temporary failure'),
    ('Deferred: 452 4.4.5 Insufficient disk space', 'Deferred: 421 4.4.5 Too many SMTP sessions for this host'),
    ('Deferred: 421 4.3.0 collect: Cannot write ./dfX', 'Deferred: 421 4.3.0 closing connection'),
    ('Deferred: 421 4.3.2 Connection rate limit exceeded.', 'Deferred: 421 4.3.2 Service shutting down'),
    ('Deferred: 451 4.3.2 Please try again later', 'Deferred: 450 4.3.2 Please try again later'),
    ('Deferred: 451 4.3.0 Temporary system failure', 'Deferred: 451 4.3.0 Temporary failure'),
    ('Deferred: 452 4.2.2 Mailbox full', 'Deferred: 452 4.5.3 Too many recipients'),
    ('Deferred: 421 4.4.2 hub timeout exceeded', 'Deferred: 421 4.4.3 hub timeout exceeded'),
    ('Deferred: 450 4.7.1 Greylisted', 'Deferred: 550 5.7.1 Access denied'),
]


def test_each_row_of_statuses_has_its_nearest_negative():
    pairs = [tuple(_phrases.saying(text.encode()) for text in pair) for pair in NEAREST]
    assert [row for row in _phrases.STATUSES if not any(holds is row and negative is not row for holds, negative in pairs)] == []
    assert [NEAREST[number] for number, (holds, negative) in enumerate(pairs) if holds is negative] == []


def test_every_reason_has_a_row():
    assert set(row.means for row in _phrases.STATUSES) | {'never_tried', 'other'} == set(_phrases.REASONS)
    assert set(row.who for row in _phrases.STATUSES) == {'msp', 'mta', 'resolver', 'kernel'}


def test_without_a_status():
    assert _phrases.reason(b'', 0) == 'never_tried'
    assert _phrases.reason(b'', 1) == 'other'


@given(st.binary(max_size=300), st.integers(0, 3))
def test_no_status_raises(status, attempts):
    assert _phrases.reason(status, attempts) in _phrases.REASONS


@given(st.integers(400, 499), st.sampled_from([case[0] for case in STATUSES]))
def test_the_words_of_a_reply_are_the_servers(code, text):
    """What another program says behind a code is never taken for what the kernel or the resolver of this host said."""
    found = _phrases.saying(b'Deferred: %d 4.0.0 %s' % (code, text.encode()))
    assert found.who in ('mta', 'msp') and found.means not in (
        'connection_refused',
        'no_route',
        'host_lookup',
        'warned',
    )


TITLES = [
    ('accepting connections', 'daemon', None, None),
    ('MTA: accepting connections', 'daemon', 'MTA', None),
    ('sm-mta: accepting connections', 'daemon', 'sm-mta', None),
    ('my: own prefix: accepting connections', 'daemon', 'my: own prefix', None),
    ('MTA: rejecting connections on daemon MTA-v4: load average: 50', 'daemon', 'MTA', 'load'),
    ('rejecting connections on daemon MTA: 40 children, max 40', 'daemon', None, 'children'),
    ('rejecting connections on daemon MTA: free memory: 17', 'daemon', None, 'memory'),
    ('MTA: rejecting new messages: min free: 100', 'daemon', 'MTA', 'disk'),
    ('deferring connections on daemon MTA-v4: 3 per second', 'daemon', None, None),
    ('delaying connections on daemon MTA: load average=9 >= 8', 'daemon', None, None),
    ('MSP: Queue runner@00:30:00 for /var/spool/mqueue-client', 'queue_runner', 'MSP', None),
    ('Queue control', 'queue_runner', None, None),
    ('MSP: running queue: /var/spool/mqueue-client', 'queue_run', 'MSP', None),
    ('MSP: ./6ANFM1qu004880 [127.0.0.1]: client MAIL', 'delivery', 'MSP', None),
    ('6ANFM1qu004880 from queue', 'delivery', None, None),
    ('[127.0.0.1]: idle', 'delivery', None, None),
    ('MTA: server localhost [127.0.0.1] cmd read', 'session', 'MTA', None),
    ('MTA: startup with 192.0.2.1', 'session', 'MTA', None),
    # What a client sends stands at the end of a session's title.
    ('MTA: NOQUEUE evil [192.0.2.1]: accepting connections', 'session', 'MTA', None),
    ('MTA: evil [192.0.2.1]: accepting connections', 'session', 'MTA', None),
    (
        'MTA: evil [192.0.2.1] (may be forged): rejecting connections on daemon MTA: load average: 50',
        'session',
        'MTA',
        None,
    ),
    ('MTA: [IPv6:2001:db8:0:0:0:0:0:1]: accepting connections', 'session', 'MTA', None),
    # A title has the room of the arguments and the environment, less 2 bytes (setproctitle(), conf.c:2654): "env -i /usr/sbin/sendmail -bd -q30m".
    ('accepting conne', 'daemon', None, None),
    ('MTA: accepting c', 'daemon', 'MTA', None),
    ('rejecting connections on daemon MTA: load av', 'daemon', None, None),
    ('Queue runner@00:30', 'queue_runner', None, None),
    ('MSP: Queue runner@00:30:00 f', 'queue_runner', 'MSP', None),
]


@pytest.mark.parametrize('text, role, prefix, why', TITLES, ids=[case[0] for case in TITLES])
def test_title(text, role, prefix, why):
    found = _phrases.title(text)
    assert (found['role'], found['prefix'], found['why']) == (role, prefix, why)
    assert (found['rejecting'] is not None) == (why is not None)


def test_what_a_title_tells_beside():
    assert _phrases.title('MSP: Queue runner@1+02:03:04 for /q')['interval'] == 86400 + 2 * 3600 + 3 * 60 + 4
    assert _phrases.title('running queue: /q/x')['directory'] == '/q/x'
    assert _phrases.title('/q/df/6ANFM1qu004880 hub: user open')['id'] == '6ANFM1qu004880'
    assert (
        _phrases.title('MTA: rejecting connections on daemon MTA: 40 children, max 40')['rejecting']
        == 'rejecting connections on daemon MTA: 40 children, max 40'
    )
    assert _phrases.title('-bd -q1h') is None and _phrases.title('') is None


def test_each_row_of_titles_is_used():
    patterns = [re.compile(row.pattern, re.S) for row in _phrases.TITLES]
    ends = [text[len(prefix) + 2 if prefix else 0 :] for text, _role, prefix, _why in TITLES]
    assert [row.pattern for row, pattern in zip(_phrases.TITLES, patterns) if not any(map(pattern.match, ends))] == []


# A title of each row, and the nearest that is another's or nobody's.
NEAREST_TITLES = [
    ('Queue runner@00:30:00 for /q', 'Queue control'),
    ('Queue control', 'Queue runner'),
    ('running queue: /q', 'running queue'),
    ('accepting connections', 'rejecting connections on daemon MTA: 40 children, max 40'),
    ('rejecting connections on daemon MTA: load average: 50', 'rejecting connections on daemon MTA: free memory: 50'),
    ('rejecting connections on daemon MTA: 40 children, max 40', 'rejecting connections on daemon MTA: load average: 40'),
    ('rejecting connections on daemon MTA: free memory: 17', 'rejecting new messages: min free: 17'),
    ('rejecting new messages: min free: 17', 'rejecting connections on daemon MTA: free memory: 17'),
    ('delaying connections on daemon MTA: load average=9 >= 8', 'rejecting connections on daemon MTA: load average: 9'),
    ('6ANFM1qu004880 from queue', '6ANFM1qu0048 from queue'),
    ('[127.0.0.1]: client MAIL', '[127.0.0.1]: cmd read'),
    ('server localhost [127.0.0.1] cmd read', 'server localhost [127.0.0.1]'),
]


def test_each_row_of_titles_has_its_nearest_negative():
    rows = [tuple([row for row in _phrases.TITLES if re.match(row.pattern, text)][:1] for text in pair) for pair in NEAREST_TITLES]
    assert [row for row in _phrases.TITLES if not any(holds == [row] != negative for holds, negative in rows)] == []


# A line that means it, and the nearest that does not.
LOG = {
    'lost_channel': (
        '6ANF9o5V000220: lost input channel from localhost [127.0.0.1] to MTA-v4 after data',
        '6ANF9o5V000220: timeout waiting for input from localhost during server cmd read',
    ),
    'tls': (
        'STARTTLS=client, error: connect failed=-1, reason=sslv3 alert handshake failure, SSL_error=1, errno=0',
        'STARTTLS=client, relay=[127.0.0.1], version=TLSv1.3, verify=OK, cipher=TLS_AES_256_GCM_SHA384, bits=256/256',
    ),
    'tls_server': (
        'STARTTLS=server, error: accept failed=-1, reason=no shared cipher, SSL_error=1, relay=localhost [127.0.0.1]',
        'STARTTLS=server, relay=localhost [127.0.0.1], version=TLSv1.3, verify=NO, cipher=X, bits=256/256',
    ),
    'milter': (
        'Milter (dead): error connecting to filter: Connection refused by /run/dead.sock',
        'Milter add: header: X-Spam: No',
    ),
    'children': (
        'rejecting connections on daemon MTA-v4: 4 children, max 4',
        'rejecting connections on daemon MTA-v4: load average: 50',
    ),
    'auth': (
        'AUTH=client, available mechanisms do not fulfill requirements',
        'AUTH=client, relay=hub, mech=PLAIN, bits=0',
    ),
    'limit': (
        'ruleset=check_relay, arg1=localhost, arg2=127.0.0.1, reject=421 4.3.2 Connection rate limit exceeded.',
        'ruleset=check_mail, arg1=<a@b>, reject=451 4.1.8 Domain of sender address a@b does not resolve',
    ),
}


LOG['map_lookup'] = (  # every start of an MTA with old aliases says the second, and means nothing by it (alias.c:491)
    'NOQUEUE: SYSERR(root): hash map "access": unsafe map file /etc/mail/access.db: Group writable directory',
    'alias database /etc/mail/aliases.db out of date',
)


def test_each_row_of_the_log_has_a_line_and_its_nearest_negative():
    assert {row.means for row in _phrases.LOG} == set(LOG)


@pytest.mark.parametrize('means', sorted(LOG))
def test_log(means):
    pattern = re.compile(_phrases.log_pattern(means))
    assert [bool(pattern.search(line.encode())) for line in LOG[means]] == [True, False]
