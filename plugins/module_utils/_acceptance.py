# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

# PRIVATE to the mailops.sendmail collection: it can change or go in any release.

"""Whether the relay takes mail for those whom the waiting messages are for, asked before a queue run and without a message.

A relay that takes mail for postmaster may refuse all other mail of this host. Sendmail then returns message after message, and
prints "User unknown" for 550 5.7.1 as for 550 5.1.1 (smtprcpt() in usersmtp.c: 550, 551 and 553 are EX_NOUSER).
"""

import contextlib
import re
import smtplib
import socket
import ssl
import time
from typing import Any, Dict, List, Sequence, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import _cf, _hazards, _look, _qf, _spool, _system, _text

ASKED = 5                  # recipients
_READ = 50                 # control files
_SECONDS = 20              # for all of it: each recipient may cost the relay a lookup in the DNS
# Whatever else stands in a control file is never sent to a server.
_QUALIFIED = re.compile(rb'[!#-;=?A-~]{1,64}@[0-9A-Za-z.:\[\]-]{1,200}\Z')
# What is about one recipient: the address (5.1), the mailbox (5.2); without an enhanced code that 550 is a mailbox too (RFC 5321 4.2.3).
_OF_THE_RECIPIENT = re.compile(r'55[0-3] (?:5\.[12]\.\d|(?!5\.\d))')
_NOT_YET = (530, 534, 538)  # TLS or authentication first


def denied(look: _look.Look, messages: Sequence[_hazards.Waiting]) -> List[str]:
    """What the relay answers to each recipient it is asked about, where it takes mail for none of them, now or later; [] in all other cases.

    C(messages): those of a run, the oldest first. Nothing is asked where Sendmail would not be asked either: where it authenticates itself,
    who we are is not who it is.
    """
    submit = look.configurations.get('msp')
    mail = [message for message in messages if message.queue == 'msp' and not message.locked]
    if submit is None or len(mail) < 2 or not look.relay or look.relay['path'] or _look.authenticates(submit):
        return []
    pairs = _pairs(mail)
    try:
        return _system.bounded(_SECONDS, _ask, submit, look.relay['places'][:_look.PLACES_MAX], pairs) if pairs else []
    except (OSError, ValueError):                                             # also those of smtplib and ssl: who cannot be asked denies nothing
        return []


def of_all_mail(answers: Sequence[str], enough: int) -> bool:
    """Whether these refusals are about more than their recipients: one that says so, or C(enough) unknown ones."""
    return len(answers) >= enough or any(not _OF_THE_RECIPIENT.match(answer) for answer in answers)


def _pairs(messages: Sequence[_hazards.Waiting]) -> List[Tuple[bytes, bytes]]:
    """(sender, recipient) of different recipients, of as many domains as there are; the oldest message is among those that are read."""
    found: Dict[bytes, Tuple[bytes, bytes]] = {}
    for message in messages[::max(1, len(messages) // _READ)][:_READ]:
        try:
            with _spool.Opened(message.directory) as opened:
                envelope = _qf.parse(_spool.read_whole(opened.control, 'qf' + message.id)[0])
        except (OSError, _text.SendmailError):                                # it has left since, or is a hazard that the run is refused for
            continue
        for recipient in envelope.recipients[:ASKED]:
            if _QUALIFIED.match(recipient.address):
                found.setdefault(recipient.address.lower(), (envelope.sender or b'', recipient.address))
    seen: List[bytes] = []

    def again(address: bytes) -> int:
        domain = address.rpartition(b'@')[2]
        seen.append(domain)
        return seen.count(domain)
    return [found[address] for _again, _position, address in sorted(
        (again(address), position, address) for position, address in enumerate(found))][:ASKED]


def _connected(submit: _cf.Configuration, places: Sequence[Dict[str, Any]]) -> smtplib.SMTP:
    """The first place that greets, as the mail submission program would find it, with the certificate that it may be known by."""
    # Either may be two files (tls.c:988).
    certificate, key = ((submit.option(name) or '').partition(',')[0] for name in ('ClientCertFile', 'ClientKeyFile'))
    for place in places:
        try:
            server = smtplib.SMTP(place['address'], place['port'], socket.gethostname(), _SECONDS)
        except OSError:
            continue
        server.ehlo()
        if certificate and server.has_extn('starttls'):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            try:
                context.load_cert_chain(certificate, key)
            except OSError:
                pass                                                          # neither does Sendmail have one then
            server.starttls(context=context)
            server.ehlo()
        return server
    raise OSError('nobody greets')


def _ask(submit: _cf.Configuration, places: Sequence[Dict[str, Any]], pairs: Sequence[Tuple[bytes, bytes]]) -> List[str]:
    time.sleep(1)                                                             # since the look has asked: relays count connections by the second
    answers = []
    own = b'root@' + socket.gethostname().encode('ascii', 'replace')
    server = _connected(submit, places)
    try:
        for sender, recipient in pairs:
            # Some relays take nothing from <>, some only from senders they know.
            for one in (sender if _QUALIFIED.match(sender) else own, b''):
                code, text = server.docmd('MAIL', 'FROM:<%s>' % one.decode('ascii'))
                if code // 100 == 2:
                    code, text = server.docmd('RCPT', 'TO:<%s>' % recipient.decode('ascii'))
                if code // 100 != 5 or code in _NOT_YET:
                    return []
                server.rset()
            answers.append(_text.printable(b'%d %s' % (code, text[:200])))
        return answers
    finally:
        with contextlib.suppress(OSError):
            server.quit()
