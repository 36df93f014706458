# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a relay that takes mail for postmaster says about those whom the waiting mail is for: a server on loopback that answers by recipient."""
import os
import socket
import threading
import types

import pytest
from ansible_collections.mailops.sendmail.plugins.module_utils import _acceptance, _cf, _hazards, _spool

DENIED, UNKNOWN = b'550 5.7.1 Access denied', b'550 5.1.1 User unknown'
CONTROL = 'V8\nT900\nK1000\nN1\nP30018\nMDeferred\nFs\n$_alice@localhost\n${daemon_flags}\nS<%s>\n%s\nH??Subject: t\n.\n'


@pytest.fixture
def relay():
    """An SMTP server: {beginning of a command: reply}; what it heard is in C(heard)."""
    listening = socket.socket()
    listening.bind(('127.0.0.1', 0))
    listening.listen(5)
    replies, heard = {}, []

    def serve():
        while True:
            try:
                peer = listening.accept()[0]
            except OSError:
                return
            with peer, peer.makefile('rb') as lines:
                peer.sendall(b'220 relay ESMTP\r\n')
                for line in lines:
                    heard.append(line.strip())
                    said = next((text for start, text in sorted(replies.items(), reverse=True) if line.startswith(start)), b'250 ok')
                    if said is None:
                        continue
                    peer.sendall(said + b'\r\n')
                    if line.startswith(b'QUIT'):
                        break
    threading.Thread(target=serve, daemon=True).start()
    yield types.SimpleNamespace(port=listening.getsockname()[1], replies=replies, heard=heard)
    listening.close()


@pytest.fixture
def asked(relay, tmp_path, monkeypatch):
    """Answers of L(denied) for messages to these recipients."""
    monkeypatch.setattr(_acceptance.time, 'sleep', lambda seconds: None)

    def ask(*recipients, **given):
        path = str(tmp_path)
        directory = _spool.QueueDirectory('mqueue', path, path, path, path, False)
        messages = []
        for number, several in enumerate(recipients):
            identifier = '6ANFSGLL%06d' % number
            with open(os.path.join(path, 'qf' + identifier), 'w', encoding='ascii') as stream:
                stream.write(CONTROL % (given.get('sender', 'alice@web1.example.test'), '\n'.join('RPFD:<%s>' % one for one in several.split())))
            messages.append(_hazards.Waiting('msp', directory, identifier, 900, 1, 1000, 1, False, []))
        configuration = _cf.parse(given.get('submit', b'V10/Berkeley\nO QueueDirectory=/q\n'))
        look = types.SimpleNamespace(
            configurations={'msp': configuration}, relay={'path': None, 'places': [{'address': '127.0.0.1', 'port': relay.port}]})
        return _acceptance.denied(look, messages)
    return ask


def test_takes_all(asked, relay):
    assert asked('bob@example.test', 'carol@example.org') == []
    assert b'RCPT TO:<bob@example.test>' in relay.heard
    assert b'DATA' not in relay.heard


def test_takes_none(asked, relay):
    relay.replies[b'RCPT'] = DENIED
    answers = asked('bob@example.test', 'carol@example.org')
    assert answers == [DENIED.decode()] * 2
    assert _acceptance.of_all_mail(answers, 3)
    assert not [line for line in relay.heard if line.startswith((b'DATA', b'BDAT'))]


@pytest.mark.parametrize('start, reply', [
    (b'RCPT TO:<carol@', b'250 ok'), (b'RCPT TO:<carol@', b'451 4.7.1 Greylisted'), (b'RCPT TO:<carol@', b'421 4.3.2 closing'),
    # TLS or authentication first: who we are is not who Sendmail is.
    (b'MAIL', b'530 5.7.0 Must issue a STARTTLS command first')])
def test_takes_or_defers_one(asked, relay, start, reply):
    relay.replies.update({b'RCPT': DENIED, start: reply})
    assert asked('bob@example.test', 'carol@example.org') == []


def test_takes_nothing_from_one_of_two_senders(asked, relay):
    relay.replies[b'MAIL FROM:<>'] = DENIED
    assert asked('bob@example.test', 'carol@example.org') == []
    relay.replies.update({b'MAIL FROM:<>': b'250 ok', b'MAIL FROM:<alice@': b'553 5.1.8 Domain of sender does not exist'})
    assert asked('bob@example.test', 'carol@example.org') == []
    relay.replies[b'MAIL FROM:<>'] = DENIED
    assert len(asked('bob@example.test', 'carol@example.org')) == 2


@pytest.mark.parametrize('reply, recipients, told', [
    (UNKNOWN, 2, False), (UNKNOWN, 3, True), (b'550 no such user', 2, False), (b'552 5.2.2 mailbox full', 2, False), (DENIED, 2, True),
    (b'554 Transaction failed', 2, True), (b'550 5.4.1 Recipient address rejected: Access denied', 2, True)])
def test_what_is_a_matter_of_the_recipients(asked, relay, reply, recipients, told):
    relay.replies[b'RCPT'] = reply
    answers = asked(*['r%d@example.test' % number for number in range(recipients)])
    assert (len(answers), _acceptance.of_all_mail(answers, 3)) == (recipients, told)


def test_of_each_domain_one_before_two_of_any(asked, relay):
    relay.replies[b'RCPT'] = DENIED
    asked(*['r%d@example.test' % number for number in range(20)] + ['x@example.org', 'y@example.net', 'Y@example.net'])
    domains = [line.rpartition(b'@')[2] for line in relay.heard if line.startswith(b'RCPT')]
    assert len(domains) == 2 * _acceptance.ASKED
    assert set(domains) == {b'example.test>', b'example.org>', b'example.net>'}


@pytest.mark.parametrize('recipients, given', [
    (('bob@example.test',), {}),                                             # no canary either: the refusal is about that one
    (('bob', 'carol'), {}),                                                   # Sendmail would qualify them
    (('a>b@example.test', 'a\x00b@example.test'), {}),
    (('bob@example.test', 'carol@example.org'), {'submit': b'V10/Berkeley\nO QueueDirectory=/q\nO DefaultAuthInfo=/etc/mail/auth\n'})])
def test_is_not_asked(asked, relay, recipients, given):
    relay.replies[b'RCPT'] = DENIED
    assert asked(*recipients, **given) == []
    assert not relay.heard


def test_a_sender_that_is_no_address_is_not_sent(asked, relay):
    relay.replies[b'RCPT'] = DENIED
    assert len(asked('bob@example.test', 'carol@example.org', sender='root> SIZE=1')) == 2
    assert set(line for line in relay.heard if line.startswith(b'MAIL')) == {b'MAIL FROM:<>', b'MAIL FROM:<root@%s>' % socket.gethostname().encode()}


def test_who_falls_silent_denies_nothing(asked, relay, monkeypatch):
    monkeypatch.setattr(_acceptance, '_SECONDS', 0.5)
    relay.replies[b'RCPT'] = None
    assert asked('bob@example.test', 'carol@example.org') == []
