# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Whether a relay that greets takes mail from this host, and for whom mail waits: asked before a queue run, and without a message.

A relay that takes mail for postmaster may refuse all other mail of this host. Sendmail then returns message after message, and
prints "User unknown" for 550 5.7.1 as for 550 5.1.1 (smtprcpt() in usersmtp.c: 550, 551 and 553 are EX_NOUSER).
"""

import ipaddress
import os
import re
import socket
import stat
import tempfile
import time
from importlib.util import find_spec
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import _cf, _look, _network, _qf, _route, _spool, _system, _text

ASKED = 3                  # recipients: a server may count those whom it refuses, and shut the host out
_READ = 50                 # control files
# For the answers about recipients, each of which may cost the server a lookup: seconds for this host, and for another.
_SECONDS = (3.0, 10.0)
_NOT_YET = ('530', '534', '538')   # TLS or authentication first
# Nobody can type $| for -bt. Where check_relay alone says quarantine, mail is delivered all the same.
_RULES = b'''
Smailops
R$*\t$: <> $>check_relay $&{client_name} $| $&{client_addr}
R<> $#discard $*\t$#discard
Smailops_eoh
R$*\t$: $>check_eoh 9 $| 900
Smailops_compat
R$*\t$: $>check_compat $1 $| $1
'''
# Maps and classes that have a program run when they are asked, or at the start.
_RUNS = re.compile(r'K\s*\S+\s+program\b|F[^|/]*\|', re.IGNORECASE)
_SAYS = re.compile(r'(?m)^(?:mailops\w*|check_\w+)\s+returns: \$# (?:discard|error \$@ quarantine \$: (.*))')
# What is said behind DATA is said to messages alone.
_REFUSES = re.compile(r'(?m)^(mailops_\w+|check_data|check_eom)\s+returns: \$# error (?!\$@ quarantine).*?\$: (.*)')
_PARSES = re.compile(r'(?m)^parse\s+returns: \$# (\S+)')
_KEEP_NOTHING = ('true', 'false', ':')
_USERS, _START_SECONDS, _NOBODY = ('root', 'daemon'), 10.0, 65534   # for whom the rules of the MTA are asked, how long, and who submits
# Whatever else stands in a control file is never sent to a server.
_QUALIFIED = re.compile(rb'[!#-;=?A-~]{1,64}@[0-9A-Za-z.:\[\]-]{1,200}\Z')


def sample(look: _look.Look) -> List[Tuple[bytes, bytes]]:
    """L(pairs) of the client queue, [] where a single message waits."""
    found: List[Tuple[_spool.QueueDirectory, str]] = []
    for directory in look.directories.get('msp', []):
        try:
            for batch in _spool.Pass(directory, ('queued',), False, frozenset()).batches():
                found += [(directory, name[2:]) for name in batch.names]
                break
        except OSError:                                                       # it is among the errors of the look
            continue
    return pairs(found)


def pairs(messages: Sequence[Tuple[_spool.QueueDirectory, str]]) -> List[Tuple[bytes, bytes]]:
    """(sender, recipient) of different recipients, of as many domains as there are; a sender that is no full address is b''.

    C(messages): directories and ids, the oldest first, which is among those that are read. Of a single message there are none: what is
    refused is a matter of that one.
    """
    found: Dict[bytes, Tuple[bytes, bytes]] = {}
    for directory, identifier in messages[::max(1, len(messages) // _READ)][:_READ] if len(messages) > 1 else ():
        try:
            with _spool.Opened(directory) as opened:
                envelope = _qf.parse(_spool.read_whole(opened.control, 'qf' + identifier)[0])
        except (OSError, _text.SendmailError):                                # it has left since, or is a hazard that a run is refused for
            continue
        sender = envelope.sender or b''
        for recipient in envelope.recipients[:ASKED]:
            if _QUALIFIED.match(recipient.address):
                found.setdefault(recipient.address.lower(), (sender if _QUALIFIED.match(sender) else b'', recipient.address))
    seen: List[bytes] = []

    def again(address: bytes) -> int:
        domain = address.rpartition(b'@')[2]
        seen.append(domain)
        return seen.count(domain)
    return [found[address] for _again, _position, address in sorted(
        (again(address), position, address) for position, address in enumerate(found))][:ASKED]


def ask(look: _look.Look, pairs_: Sequence[Tuple[bytes, bytes]]) -> Callable[[socket.socket, float, bool], Tuple[Optional[str], List[str]]]:
    """What _services.served() asks with: (refusal or None, the refusals of all recipients of C(pairs_) or []) of a server, of this host or of another.

    Where the mail submission program may authenticate itself (AUTH), nobody else can ask what it may do.
    """
    submit = look.configurations.get('msp') or _cf.parse(b'')
    known = bool(submit.option('DefaultAuthInfo')) or any(line[:1] == 'R' and 'AuthInfo' in line for _number, line in submit.lines)
    # Either may be two files (tls.c:988).
    certificate, key = (_cf.expand(submit, submit.option(name) or '').partition(',')[0] for name in ('ClientCertFile', 'ClientKeyFile'))

    name = _network.own_names(_network.interfaces()['addresses'])[0]
    domain = _route.meant(submit, '$j', name)
    daemon = look.configurations.get('mta')
    keeps = daemon and not any(daemon.macros.get(letter) for letter in 'SHR')      # no smart host, mail hub or local relay
    # Of this host it is the same program that offers it. Modifier S of ClientPortOptions: never (D_NOTLS).
    ciphers = '' if not find_spec('_ssl') or any(re.search(r'(?:^|,)\s*[Mm][^=,]*=[^,]*S', one) for one in submit.options.get('clientportoptions', [])) else (
        submit.option('CipherList') or 'ALL:@SECLEVEL=0')

    def asked(peer: socket.socket, seconds: float, here: bool) -> Tuple[Optional[str], List[str]]:
        client = _Client(() if known else pairs_, _SECONDS[0 if here else 1], certificate, key, submit.option('HeloName') or domain, domain,
                         not known and not submit.macros.get('M'), ciphers if here else '',
                         _route.meant(daemon, '$j', name) if here and daemon and keeps else '')
        refusal, denied = _dialogue(peer, seconds, client)
        return None if known and (refusal or '')[:3] in _NOT_YET else refusal, denied
    return asked


def _as_seen(address: str, sources: Dict[int, str]) -> Tuple[str, str]:
    """(address, name) of this host for a server of its own at this address; the name is '' where there is none. Nothing is sent."""
    family = 6 if ':' in address else 4
    try:
        with socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.connect((address, 25))
            own = sources.get(family) or peer.getsockname()[0]
    except OSError:
        own = sources.get(family) or address
    try:
        return own, _system.bounded(_SECONDS[0], socket.getnameinfo, (own, 0), socket.NI_NAMEREQD)[0].lower()
    except OSError:
        return own, ''


def _roots(path: str) -> bytes:
    """A configuration file that nobody but root could have written, b'' otherwise: what it names would be run as root."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), 'rb') as stream:
            about = os.fstat(stream.fileno())
            return stream.read(_look.CF_LIMIT) if stat.S_ISREG(about.st_mode) and not about.st_uid and not about.st_mode & 0o022 else b''
    except OSError:
        return b''


def by_program(look: _look.Look) -> _look.Look:
    """What Sendmail itself says against the files in which nothing wrong was found: maps, libraries and builds differ. To be called before L(by_rules).

    submit.cf is read as at each submission, by nobody; sendmail.cf as at each start of the MTA, unless root would run what it names. -bt reads the file
    and then commands, of which there are none.
    """
    files = dict(look.files)
    for queue, option, uid in (('msp', '-Ac', _NOBODY), ('mta', '-Am', None)):
        cf = look.configurations.get(queue)
        if not cf or not look.program['sendmail'] or files[queue]['problems'] or not uid and (
                any(_RUNS.match(line) for _number, line in cf.lines) or not _roots(files[queue]['path'])):
            continue
        start = time.monotonic()
        status, said = _system.run([look.program['sendmail'], option, '-O', 'LogLevel=0', '-bt'], _START_SECONDS, uid=uid)
        if time.monotonic() - start >= _START_SECONDS:
            return look._replace(files=files, starts_late=True)
        found = re.search(r'(?m)^(?:\S+: line ([1-9]\d*): |[45]\d\d [45]\S+ )(.*)', said)
        if status and found:
            files[queue] = dict(files[queue], problems=[_cf.problem(int(found.group(1) or 0), found.group(2)[:200])])
    return look._replace(files=files)


def by_rules(look: _look.Look) -> _look.Look:
    """Ask Sendmail itself (-bt, which changes nothing) what the rules of the MTA make of mail from this host to this host: who is discarded or
    quarantined is told "Recipient ok" (rscheck() in parseaddr.c). The whole host is meant where two of its users are treated alike.
    """
    submit, path = look.configurations.get('msp'), (look.relay or {}).get('path')
    if submit and path and submit.mailers.get(look.relay['mailer'].lower(), {}).get('path') == path:   # type: ignore[index]
        words = 'submit.cf hands mail to the program %s' % _system.printable(path)
        why = 'keeps nothing' if os.path.basename(path) in _KEEP_NOTHING else None if os.access(path, os.X_OK) else 'cannot be run'
        return look._replace(takes_none=['%s, which %s.' % (words, why)]) if why else look._replace(unasked=['%s, which was not asked.' % words])
    cf, place = look.configurations.get('mta'), next((one for one in (look.relay or {}).get('places', []) if one['this_host']), None)
    if not cf or not place or not look.program['sendmail']:
        return look
    if any(_RUNS.match(line) for _number, line in cf.lines):                  # which is not run for this
        return look._replace(unasked=['A map or class in %s runs a program, so its rules were not asked.' % look.files['mta']['path']])
    if look.starts_late:
        return look
    text = _roots(look.files['mta']['path'])
    if not text:
        return look._replace(unasked=['Others than root can write %s, so its rules were not asked.' % look.files['mta']['path']])
    known = _as_seen(place['address'], _route.sources(look.configurations.get('msp')))
    shown = known[0] if ':' not in known[0] else 'IPv6:' + (
        ':'.join('%x' % int(word, 16) for word in ipaddress.ip_address(known[0]).exploded.split(':'))
        if b'IPV6_FULL' in _system.slurp_all(look.program['sendmail'], 8 << 20) else known[0])
    name, domain = known[1] or '[%s]' % shown, _route.meant(cf, '$j', _network.own_names(look.interfaces['addresses'])[0])
    asked = ['.D{client_addr}' + shown, '.D{client_name}' + name, '.D{client_ptr}' + name, '.D{client_resolve}' + ('OK' if known[1] else 'FAIL'),
             'mailops x', 'mailops_eoh x', 'check_data 1', 'check_eom 900']
    for user in _USERS:
        asked += ['/next'] + [line % (user, domain) for line in (
            '.Df%s@%s', '.D{mail_from}<%s@%s>', 'check_mail <%s@%s>', 'check_rcpt <%s@%s>', 'mailops_compat %s@%s', '3,parse %s@%s')]
    start = time.monotonic()
    try:
        with tempfile.NamedTemporaryFile() as copy:
            copy.write(text + _RULES)
            copy.flush()
            said = _system.command([look.program['sendmail'], '-C' + copy.name, '-O', 'LogLevel=0', '-bt'], _START_SECONDS, '\n'.join(asked) + '\n')
    except OSError as error:
        return look._replace(unasked=['The rules of the MTA were not asked, for want of a temporary file: %s.' % error.strerror])
    of_all, *of_each = [_swallows(cf, part) for part in said.split('"/" command /next')]
    return look._replace(starts_late=not said and time.monotonic() - start >= _START_SECONDS, swallows=list(dict.fromkeys(
        of_all + [one for one in of_each[0] if one in of_each[-1]] if of_each else of_all)))


def _swallows(cf: _cf.Configuration, said: str) -> List[str]:
    found = ['quarantine: ' + reason.strip(' "') if reason else 'discard' for reason in _SAYS.findall(said)]
    found += ['%s refuses it: %s' % (rules.replace('mailops', 'check'), text.strip(' "')) for rules, text in _REFUSES.findall(said)]
    for name in _PARSES.findall(said)[-1:]:
        mailer = cf.mailers.get(name.lower(), {'path': '', 'argv': []})
        if os.path.basename(mailer['path']) in _KEEP_NOTHING or mailer['path'] == '[FILE]' and '/dev/null' in mailer['argv']:
            found.append('it goes to the mailer %s, %s, which keeps nothing' % (name, ' '.join([mailer['path']] + mailer['argv'][1:])))
        elif name == 'discard':
            found.append(name)
    return [_system.printable(one) for one in dict.fromkeys(found)]


class _Client(NamedTuple):
    """As whom a server is asked whether it takes mail, and for whom: what the mail submission program would say."""

    pairs: Sequence[Tuple[bytes, bytes]]
    seconds: float            # for the answers about these
    certificate: str          # files, '' for none
    key: str
    helo: str = 'localhost'
    domain: str = 'localhost'
    sends: bool = False       # whether the senders of this host are of that domain: no masquerading
    ciphers: str = ''         # where it would use STARTTLS itself if that is offered
    named: str = ''           # what a Sendmail of this host would call itself if it were started now


def _wrapped(peer: socket.socket, client: _Client) -> socket.socket:
    import ssl
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:                                                                      # at least what Sendmail can
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.set_ciphers(client.ciphers or 'DEFAULT')
    except (AttributeError, ssl.SSLError):                                    # before Python 3.7; Sendmail ignores such a list too (tls.c)
        pass
    if client.certificate:
        try:
            # Without a password OpenSSL asks for that of an encrypted key, on the terminal or the standard input, and waits.
            context.load_cert_chain(client.certificate, client.key, '')
        except OSError:                                                       # neither has Sendmail one then
            pass
    return context.wrap_socket(peer)


def _dialogue(peer: socket.socket, seconds: float, client: _Client, encrypted: bool = False) -> Tuple[Optional[str], List[str]]:
    """(what a server that has greeted answers when it takes no mail from this host, for good, for now (4xx), or of no size, None where it
    does; L(_denied)). Sends no mail.

    EHLO, MAIL FROM:<>, RCPT TO:<postmaster> or <root>, RSET; again with a sender of this host, for some take nothing from <>, and others
    nothing from a domain that they do not find; all of it again with STARTTLS where that is wanted. With FEATURE(`delay_checks') the
    access map answers at RCPT. An unknown recipient (5.1.x) is a matter of that one.
    """
    end = time.monotonic() + seconds
    own = b'root@' + client.domain.encode('ascii', 'replace')
    held = bytearray()

    def line() -> bytes:
        tried = False
        while b'\n' not in held and len(held) < 1024:
            # Some servers make strangers wait by a byte a second: each is in time, all of them are not. What has come meanwhile is read.
            if tried and time.monotonic() > end:
                raise socket.timeout
            tried = True
            peer.settimeout(max(0.05, end - time.monotonic()))
            data = peer.recv(1024)
            if not data:
                raise OSError('closed')
            held.extend(data)
        said = bytes(held).partition(b'\n')
        del held[:len(said[0]) + 1]
        return said[0] + said[1]

    def reply(command: bytes) -> bytes:
        peer.sendall(command + b'\r\n')
        said = b''
        for _number in range(100):
            one = line()
            # What has no code is passed over, and the next line waited for (reply() in usersmtp.c).
            if re.match(rb'[ \t]*[1-9]\d\d', one):
                said += one
                if one[3:4] != b'-':
                    return said
        return b''
    offers = reply(b'EHLO ' + client.helo.encode('ascii', 'replace')).upper()
    size = re.search(rb'(?m)^250[- ]SIZE 0*([1-9]\d{0,2})\r?$', offers)
    if size:
        return '250 SIZE %s: larger messages are refused' % size.group(1).decode(), []
    if client.ciphers and not encrypted and b'STARTTLS' in offers:
        answer = reply(b'STARTTLS')
        if answer[:3] == b'220':
            try:
                inner = _wrapped(peer, client)
            except OSError as error:
                return '454 4.7.0 TLS handshake failed: %s' % _system.printable(str(error)[:150]), []
            with inner:
                return _dialogue(inner, seconds, client, True)
        if answer[:1] == b'4':
            return _said(answer), []
    refusal = _refusal(reply, own)
    wanted = refusal[:3] in _NOT_YET if refusal else client.certificate
    if wanted and not encrypted and b'STARTTLS' in offers and reply(b'STARTTLS')[:3] == b'220':
        with _wrapped(peer, client) as inner:
            return _dialogue(inner, seconds, client, True)
    if refusal:
        return refusal, []
    end = time.monotonic() + client.seconds
    try:
        refusal = _unknown(reply, own) or _renamed(reply, offers, client) if client.sends else None
        return refusal, [] if refusal else _denied(reply, client.pairs, own)
    except OSError:                                                           # who is slow, or has heard enough, denies nothing
        return None, []


def _refusal(reply: Callable[[bytes], bytes], own: bytes) -> Optional[str]:
    kinds = set()
    for sender in (b'', own):
        line = reply(b'MAIL FROM:<' + sender + b'>')
        if line[:1] == b'2':
            for recipient in (b'postmaster', b'root'):
                line = reply(b'RCPT TO:<' + recipient + b'>')
                if b' 5.1.' not in line and b' 5.5.' not in line:
                    break
                line = b''
        code = line[:3].decode('latin-1')
        if code == '421':
            return _said(line)
        try:
            reply(b'RSET')
        except OSError:                                                       # it has refused, and hangs up
            if code[:1] == '5':
                return _said(line)
            raise
        if not (code in ('521', '550', '554', '556') + _NOT_YET or code[:1] == '5' and b' 5.7.' in line or code[:1] == '4'):
            return None
        kinds.add(code[:1])
    return None if len(kinds) > 1 else _said(line)


def _unknown(reply: Callable[[bytes], bytes], own: bytes) -> Optional[str]:
    """What it says where it does not find the domain of the sender (check_mail, proto.m4), as after a change of the host name."""
    line = reply(b'MAIL FROM:<' + own + b'>')
    if line[:1] == b'2':                                                      # postmaster is exempt
        line = reply(b'RCPT TO:<root>')
    try:
        reply(b'RSET')
    except OSError:                                                           # it has said what it thinks
        pass
    return _said(line) if re.match(rb'[45]\d\d[ -][45]\.1\.8 ', line) else None


def _renamed(reply: Callable[[bytes], bytes], offers: bytes, client: _Client) -> Optional[str]:
    """What becomes of mail for users of this host where its name was changed and the MTA, which says at EHLO how it calls itself, not restarted:
    to that it is mail for another host, whoever the user is: it comes back (smtphelo() in usersmtp.c), or waits.
    """
    name = re.match(rb'250[ -]([!-~]+) HELLO ', offers)
    own = name.group(1).decode('ascii').lower() if name and client.named else client.named
    if own == client.named.lower() or not (own and client.domain):
        return None
    line = reply(b'MAIL FROM:<>')
    if line[:1] == b'2':
        line = reply(b'RCPT TO:<mailops.no.such.user@' + client.domain.encode('ascii', 'replace') + b'>')
    reply(b'RSET')
    return '553 5.3.5 it calls itself %s, and takes mail for users of %s for that of another host' % (own, client.domain) if line[:1] == b'2' else None


def _denied(reply: Callable[[bytes], bytes], pairs_: Sequence[Tuple[bytes, bytes]], own: bytes) -> List[str]:
    """The refusals of every one of these recipients, [] where one is taken or deferred.

    Some servers take nothing from <>, some only from senders they know: the first recipient is asked about with both.
    """
    found = []
    for number, (sender, recipient) in enumerate(pairs_):
        for one in (sender or own, b'')[:1 if number else 2]:
            line = reply(b'MAIL FROM:<' + one + b'>')
            if line[:1] == b'2':
                line = reply(b'RCPT TO:<' + recipient + b'>')
            if line[:1] != b'5' or b' 5.5.' in line or line[:3].decode('latin-1') in _NOT_YET:   # 5.5: not about them
                return []
            reply(b'RSET')
        found.append(_said(line))
    return found


def _said(reply: bytes) -> str:
    return _system.printable(reply.splitlines()[-1][:200])
