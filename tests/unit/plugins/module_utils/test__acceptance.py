# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a relay takes mail: for whom of the waiting mail it is asked, and what it answers. What that means is in test__reach.py."""
import contextlib
import errno
import os
import signal
import socket
import stat
import subprocess
import threading
import time
import types

import pytest
from ansible_collections.mailops.sendmail.plugins.module_utils import _acceptance, _cf, _route, _spool
from ansible_collections.mailops.sendmail.tests.unit.hosts_looked_at import HEALTHY, relay

CONTROL = 'V8\nT900\nK1000\nN1\nP30018\nMDeferred\nFs\n$_alice@localhost\n${daemon_flags}\nS<%s>\n%s\nH??Subject: t\n.\n'
ALICE = 'alice@web1.example.test'


@pytest.fixture
def pairs(tmp_path):
    """L(pairs) of messages to these recipients, in the order of L(sample) too where there are few."""
    def of(*recipients, sender=ALICE):
        path = str(tmp_path)
        directory = _spool.QueueDirectory('mqueue', path, path, path, path, False)
        messages = []
        for number, several in enumerate(recipients):
            messages.append((directory, '6ANFSGLL%06d' % number))
            with open(os.path.join(path, 'qf' + messages[-1][1]), 'w', encoding='latin-1') as stream:
                stream.write(CONTROL % (sender, '\n'.join('RPFD:<%s>' % one for one in several.split())))
        found = _acceptance.pairs(messages)
        assert set(_acceptance.sample(types.SimpleNamespace(directories={'msp': [directory], 'mta': []}))) == set(found) or len(recipients) > 10
        return found
    return of


def test_of_each_domain_one_before_two_of_any(pairs):
    found = pairs(*['r%d@example.test' % number for number in range(20)] + ['x@example.org', 'y@example.net z@example.net', 'Y@example.net'])
    assert len(found) == _acceptance.ASKED
    assert {recipient.rpartition(b'@')[2] for _sender, recipient in found} == {b'example.test', b'example.org', b'example.net'}
    assert {sender for sender, _recipient in found} == {ALICE.encode()}


def test_of_a_long_queue_some_and_the_oldest(pairs):
    found = pairs('oldest@example.test', *['same@example.org'] * 500)
    assert [recipient for _sender, recipient in found] == [b'oldest@example.test', b'same@example.org']


@pytest.mark.parametrize('recipients', [
    ('bob@example.test',),                                  # what is refused is a matter of that one
    ('bob', 'carol'),                                       # Sendmail would qualify them
    ('a>b@example.test', 'a\x00b@example.test', 'b\xf6b@example.test', '"a b"@example.test', 'x@y@z', '@example.test', 'a@b;DATA')])
def test_who_is_not_asked_about(pairs, recipients):
    assert pairs(*recipients) == []


@pytest.mark.parametrize('sender', ['', 'alice', 'root> SIZE=1', 'a@b> x'])
def test_a_sender_that_is_no_full_address_is_not_sent(pairs, sender):
    assert pairs('bob@example.test', 'carol@example.org', sender=sender) == [(b'', b'bob@example.test'), (b'', b'carol@example.org')]


CLIENT = _acceptance._Client((), 10.0, '', '')


def talks(replies, seconds=10, client=CLIENT, heard=None):
    """What the dialogue with a server that answers by the first word that fits says; other commands are 250 ok, None is no answer."""
    ours, theirs = socket.socketpair()

    def serve():
        with contextlib.suppress(ConnectionError), theirs, theirs.makefile('rb') as lines:
            for line in lines:
                said = next((text for start, text in replies if line.startswith(start)), b'250 ok')
                if heard is not None:
                    heard.append(line.strip())
                if said is not None:
                    theirs.sendall(said + b'\r\n')
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with ours:
        found = _acceptance._dialogue(ours, seconds, client)
    thread.join(30)
    return found


def test_a_byte_at_a_time_keeps_nobody_waiting():
    """As spamd(8) of OpenBSD answers strangers: each byte is in time."""
    ours, theirs = socket.socketpair()

    def serve():
        try:
            for byte in b'250-example.test says hello, and more than anybody wants to know ' * 9:
                theirs.sendall(bytes([byte]))
                time.sleep(0.03)
        except OSError:             # the client has gone
            pass
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    start = time.monotonic()
    with theirs, ours, pytest.raises(socket.timeout):
        _acceptance._dialogue(ours, 0.5, CLIENT)
    assert time.monotonic() - start < 10
    thread.join(30)


@pytest.mark.parametrize('said, answers', [
    (b'what do you want', False), (b'', False), (b'25 OK', False), (b'hm\r\n250 ok', True), (b'250-ok\r\nso\r\n250 ok', True)])
def test_a_line_without_a_code_is_no_answer(said, answers):
    """reply() in usersmtp.c passes over it and waits for the next, until the time is up."""
    if answers:
        assert talks([(b'MAIL', said)]) == (None, [])
    else:
        with pytest.raises(socket.timeout):
            talks([(b'MAIL', said)], seconds=0.3)


AUTH = b'530 5.7.0 Authentication required'


@pytest.mark.parametrize('replies, refusal', [
    ([], None),
    ([(b'RCPT', b'550 5.7.1 Access denied')], '550 5.7.1 Access denied'),
    ([(b'RCPT TO:<postmaster>', b'550 5.1.1 unknown')], None),
    # For now, where every try ends so; what one sender hears may be about him. 421 is the end.
    ([(b'RCPT', b'450 4.7.1 later')], '450 4.7.1 later'),
    ([(b'MAIL', b'451 4.3.2 Please try again later')], '451 4.3.2 Please try again later'),
    ([(b'MAIL FROM:<>', b'421 4.3.2 busy')], '421 4.3.2 busy'),
    ([(b'MAIL FROM:<>', b'450 4.7.1 later')], None),
    ([(b'MAIL FROM:<>', b'450 4.7.1 later'), (b'MAIL', b'550 5.7.1 no')], None),
    # MaxMessageSize: deliver.c returns what is larger, without a try.
    ([(b'EHLO', b'250-h\r\n250-SIZE 100\r\n250 HELP')], '250 SIZE 100: larger messages are refused'),
    ([(b'EHLO', b'250-h\r\n250-SIZE 0\r\n250 HELP')], None),
    ([(b'EHLO', b'250-h\r\n250 SIZE 1000')], None),
    # A server that takes nothing from <>, and one that takes nothing at all.
    ([(b'MAIL FROM:<>', b'550 5.7.60 no permission to send as this sender')], None),
    ([(b'MAIL', b'550 5.7.1 no')], '550 5.7.1 no'),
    # Authentication or encryption first, which is for who looks at submit.cf to judge.
    ([(b'MAIL', AUTH)], AUTH.decode()),
    ([(b'EHLO', b'250-h\r\n250 AUTH PLAIN'), (b'MAIL', AUTH)], AUTH.decode()),
    ([(b'EHLO', b'250-h\r\n250 STARTTLS'), (b'STARTTLS', b'454 4.3.3 TLS not available'), (b'MAIL', AUTH)], AUTH.decode()),
])
def test_whether_it_takes_mail(replies, refusal):
    assert talks(replies) == (refusal, [])


NOT_FOUND = b'553 5.1.8 <root>... Domain of sender address root@new.example.org does not exist'


@pytest.mark.parametrize('replies, refusal', [
    # Debian 13 after "hostname new.example.org": <> and postmaster are exempt, and all mail of users ended in dead.letter.
    ([(b'RCPT TO:<root>', NOT_FOUND)], NOT_FOUND.decode()),
    ([(b'MAIL FROM:<root@new.example.org>', NOT_FOUND)], NOT_FOUND.decode()),
    ([(b'MAIL FROM:<root@new.example.org>', b'451 4.1.8 Domain of sender address root@new.example.org does not resolve')],
     '451 4.1.8 Domain of sender address root@new.example.org does not resolve'),
    # What else is said about that sender or about root may be about them alone.
    ([(b'RCPT TO:<root>', b'550 5.1.1 unknown')], None), ([(b'MAIL FROM:<root@new.example.org>', b'550 5.7.1 no')], None),
    ([(b'MAIL FROM:<root@new.example.org>', b'450 4.7.1 later')], None)])
@pytest.mark.parametrize('sends', [True, False])
def test_the_domain_of_this_host(replies, refusal, sends):
    heard = []
    client = CLIENT._replace(helo='helo.example.org', domain='new.example.org', sends=sends)
    assert talks(replies, client=client, heard=heard) == (refusal if sends else None, [])
    assert heard[0] == b'EHLO helo.example.org' and (b'MAIL FROM:<root@new.example.org>' in heard) == sends


@pytest.mark.parametrize('named, ehlo, answer, refusal', [
    ('new.example.org', b'old.example.org Hello localhost', b'250 2.1.5 ok',
     'it calls itself old.example.org, and takes mail for users of new.example.org for that of another host'),
    ('new.example.org', b'ok', b'250 2.1.5 ok', None), ('new.example.org', b'mx.example.org at your service', b'250 2.1.5 ok', None),    # no Sendmail
    ('new.example.org', b'old Hello f', b'250 2.1.5 ok', 'it calls itself old, and takes mail for users of new.example.org for that of another host'),
    ('new.example.org', b'old.example.org Hello localhost', b'550 5.1.1 <mailops.no.such.user@new.example.org>... User unknown', None),   # an alias of it
    ('new.example.org', b'NEW.example.org Hello localhost', b'250 2.1.5 ok', None), ('New.example.org', b'new.example.org Hello f', b'250 2.1.5 ok', None),
    ('', b'old.example.org Hello localhost', b'250 2.1.5 ok', None)])                                                                     # another host
def test_an_mta_that_was_started_under_another_name(named, ehlo, answer, refusal):
    """Seen with 8.18.1 after a change of /etc/hostname and /etc/hosts: "Local configuration error", and all local mail in dead.letter."""
    replies, heard = [(b'EHLO', b'250 ' + ehlo), (b'RCPT TO:<mailops', answer)], []
    client = CLIENT._replace(domain='new.example.org', sends=True, named=named)
    assert talks(replies, client=client, heard=heard) == (refusal and '553 5.3.5 ' + refusal, [])
    assert any(b'mailops' in line for line in heard) == (named == 'new.example.org' and b'old' in ehlo)


def test_who_looks_long_for_the_domain_of_this_host_refuses_nothing():
    assert talks([(b'RCPT TO:<root>', None)], client=CLIENT._replace(seconds=0.3, sends=True)) == (None, [])


HOSTS = '127.0.0.1 localhost\n127.0.1.1 web1.example.org web1\n'


@pytest.mark.parametrize('more, hosts, client', [
    (b'', HOSTS, ('web1.example.org', 'web1.example.org', True)), (b'', '', ('web1.dns.example', 'web1.dns.example', True)),
    (b'O HeloName=out.example.com\n', HOSTS, ('out.example.com', 'web1.example.org', True)),
    (b'Djmail.example.com\n', HOSTS, ('mail.example.com',) * 2 + (True,)),
    (b'DMexample.com\n', HOSTS, ('web1.example.org', 'web1.example.org', False)), (b'O DefaultAuthInfo=/x\n', HOSTS, ('web1.example.org',) * 2 + (False,))])
def test_by_which_name_it_is_asked(monkeypatch, more, hosts, client):
    """A server that wants a full name after EHLO would refuse "web1", which the mail submission program does not say."""
    asked = []
    monkeypatch.setattr(_acceptance, '_dialogue', lambda peer, seconds, client: asked.append(client) or (None, []))
    monkeypatch.setattr(socket, 'gethostname', lambda: 'web1')
    monkeypatch.setattr(socket, 'getaddrinfo', lambda name, *more: [(0, 0, 0, name + '.dns.example', ())])
    monkeypatch.setattr(_acceptance._system, 'script', lambda path, *limit: hosts if path == '/etc/hosts' else '')
    _acceptance.ask(types.SimpleNamespace(configurations={'msp': _cf.parse(more)}), PAIRS)(None, 1.0, True)
    assert tuple(asked[0][4:7]) == client
    assert asked[0].named == ''


@pytest.mark.parametrize('text, here, named', [
    (b'', True, 'web1.example.org'), (b'Djmail.example.com\n', True, 'mail.example.com'), (b'', False, ''),
    # What is not for a user here goes to another host, and does not come back.
    (b'DS[192.0.2.20]\n', True, ''), (b'DHhub.example.com\n', True, ''), (b'DRhub.example.com\n', True, ''), (b'DS\nDH\nDR\n', True, 'web1.example.org')])
def test_what_an_mta_of_this_host_would_call_itself(monkeypatch, text, here, named):
    asked = []
    monkeypatch.setattr(_acceptance, '_dialogue', lambda peer, seconds, client: asked.append(client) or (None, []))
    monkeypatch.setattr(socket, 'gethostname', lambda: 'web1')
    monkeypatch.setattr(_acceptance._system, 'script', lambda path, *limit: HOSTS if path == '/etc/hosts' else '')
    _acceptance.ask(types.SimpleNamespace(configurations={'msp': _cf.parse(b''), 'mta': _cf.parse(text)}), PAIRS)(None, 1.0, here)
    assert asked[0].named == named


OFFERS = (b'EHLO', b'250-h\r\n250 STARTTLS')


@pytest.mark.parametrize('replies, refusal', [
    ([(b'STARTTLS', b'454 4.3.3 TLS not available after start')], '454 4.3.3 TLS not available after start'),
    # A reply that is no TLS, and one that says that there is none: then mail goes on without.
    ([(b'STARTTLS', b'220 2.0.0 Ready to start TLS\r\nnonsense that is no TLS record at all')], '454 4.7.0 TLS handshake failed: '),
    ([(b'STARTTLS', b'503 5.5.0 TLS not available')], None)])
@pytest.mark.parametrize('ciphers', ['ALL:@SECLEVEL=0', 'no such list', ''])
def test_encryption_as_sendmail_uses_it_where_it_is_offered(replies, refusal, ciphers):
    """Seen with 8.18.1 and two CipherLists that share none: "Deferred: 454 4.7.0 TLS handshake failed."."""
    heard = []
    found, denied = talks([OFFERS] + replies, client=CLIENT._replace(ciphers=ciphers), heard=heard)
    assert (found or '').startswith((refusal or '') if ciphers else '') and bool(found) == bool(refusal and ciphers) and denied == []
    assert (b'STARTTLS' in heard) == bool(ciphers)


@pytest.mark.parametrize('more, here, ciphers', [
    (b'', True, 'ALL:@SECLEVEL=0'), (b'', False, ''), (b'O CipherList=HIGH\n', True, 'HIGH'), (b'O ClientPortOptions=Family=inet, M=S\n', True, ''),
    (b'O ClientPortOptions=Addr=127.0.0.1,Modifier=hS\n', True, ''), (b'O ClientPortOptions=S=8192, M=h\n', True, 'ALL:@SECLEVEL=0')])
def test_with_which_ciphers(monkeypatch, more, here, ciphers):
    asked = []
    monkeypatch.setattr(_acceptance, '_dialogue', lambda peer, seconds, client: asked.append(client) or (None, []))
    _acceptance.ask(types.SimpleNamespace(configurations={'msp': _cf.parse(more)}), PAIRS)(None, 1.0, here)
    assert asked[0].ciphers == ciphers


DENIED, UNKNOWN = b'550 5.7.1 Access denied', b'550 5.1.1 User unknown'
TAKES_POSTMASTER = (b'RCPT TO:<postmaster>', b'250 ok')
PAIRS = ((b'alice@web1.example.test', b'bob@example.test'), (b'', b'carol@example.org'))


@pytest.mark.parametrize('replies, denied', [
    ([], []),
    ([(b'RCPT', DENIED)], [DENIED.decode()] * 2),
    ([(b'RCPT', UNKNOWN)], [UNKNOWN.decode()] * 2),
    # One that is taken, or may be taken later.
    ([(b'RCPT TO:<carol@', b'250 ok'), (b'RCPT', DENIED)], []),
    ([(b'RCPT TO:<carol@', b'451 4.7.1 Greylisted'), (b'RCPT', DENIED)], []),
    ([(b'RCPT TO:<carol@', b'421 4.3.2 closing'), (b'RCPT', DENIED)], []),
    # TLS or authentication first: who we are is not who Sendmail is.
    ([(b'RCPT', b'530 5.7.0 Must issue a STARTTLS command first')], []),
    ([(b'RCPT', b'504 5.5.2 <web1>: Helo command rejected: need fully-qualified hostname')], []),
    # One of two senders may.
    ([(b'MAIL FROM:<alice@', b'553 5.1.8 Domain of sender address does not exist')], []),
    ([(b'MAIL FROM:<alice@', DENIED), (b'MAIL FROM:<root@', DENIED)], []),
    ([(b'MAIL FROM:<>', DENIED)], []),
    # No answer is no refusal.
    ([(b'RCPT TO:<carol@', None), (b'RCPT', DENIED)], [])])
def test_for_whom_it_takes_mail(replies, denied):
    heard = []
    seconds = 0.5 if (b'RCPT TO:<carol@', None) in replies else 30.0
    assert talks([TAKES_POSTMASTER] + replies, 30, CLIENT._replace(pairs=PAIRS, seconds=seconds), heard) == (None, denied)
    assert not [line for line in heard if line.startswith((b'DATA', b'BDAT'))]
    assert len([line for line in heard if line.startswith(b'RCPT') and b'postmaster' not in line]) <= len(PAIRS) + 1
    assert b'RCPT TO:<bob@example.test>' in heard


@pytest.mark.parametrize('more, here, client', [
    (b'', True, (PAIRS, 3.0, '', '')), (b'', False, (PAIRS, 10.0, '', '')),
    # What it would say to who authenticates himself is not known.
    (b'O DefaultAuthInfo=/etc/mail/auth\n', True, ((), 3.0, '', '')),
    (b'Sauthinfo\nR$*\t$: $(authinfo AuthInfo:$&{server_name} $: ? $)\n', True, ((), 3.0, '', '')),
    (b'O ClientCertFile=/etc/c.pem,/etc/d.pem\nO ClientKeyFile=/etc/k.pem\n', False, (PAIRS, 10.0, '/etc/c.pem', '/etc/k.pem'))])
@pytest.mark.parametrize('refusal', [None, '550 5.7.1 no', '530 5.7.0 Authentication required'])
def test_as_whom_it_is_asked(monkeypatch, more, here, client, refusal):
    asked = []
    monkeypatch.setattr(_acceptance, '_dialogue', lambda peer, seconds, client: asked.append(tuple(client[:4])) or (refusal, []))
    look = types.SimpleNamespace(configurations={'msp': _cf.parse(b'V10/Berkeley\n' + more)})
    authenticates = not client[0]
    assert _acceptance.ask(look, PAIRS)(None, 1.0, here) == (None if authenticates and refusal and refusal.startswith('530') else refusal, [])
    assert asked == [client]


def test_nobody_is_asked_for_the_password_of_a_key(tmp_path):
    """OpenSSL waits for it where the standard input says nothing, as that of a module may."""
    key, certificate = str(tmp_path / 'k.pem'), str(tmp_path / 'c.pem')
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-passout', 'pass:secret', '-keyout', key, '-out', certificate, '-subj', '/CN=x'],
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    silent, _open = os.pipe()
    ours = socket.socketpair()[0]
    child = os.fork()
    if not child:
        os.setsid()                                                           # no terminal either
        os.dup2(silent, 0)
        try:
            _acceptance._wrapped(ours, CLIENT._replace(certificate=certificate, key=key))
        except OSError:                                                       # the other end has gone
            os._exit(7)
        os._exit(1)
    end, ended = time.monotonic() + 60, 0
    while not ended and time.monotonic() < end:
        time.sleep(0.05)
        ended, status = os.waitpid(child, os.WNOHANG)
    if not ended:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert ended and status >> 8 == 7


BEGINS = 'ADDRESS TEST MODE (ruleset 3 NOT automatically invoked)\nEnter <ruleset> <address>\n> > > > > '
NEXT = '> Unknown "/" command /next\n> > '
DISCARDS = 'mailops            input: x\nmailops          returns: $# discard\n'
HELD = 'check_mail         input: x\ncheck_mail       returns: $# error $@ quarantine $: "some text " \n'
REFUSED = 'checkmail        returns: $# discard $: discard\ncheck_rcpt       returns: $# error $@ 5 . 7 . 1 $: "550 no"\n'
LOCAL = 'parse              input: x\nparse            returns: $# local $: root\n'
NESTED = 'parse            returns: $# own $: root\n' + LOCAL
MAILERS = b'Mlocal, P=/usr/bin/procmail, F=l, A=procmail -d $u\nMown, P=/bin/true, A=true\nMkept, P=[FILE], A=FILE /dev/null\nMfile, P=[FILE], A=FILE /a\n'


class TestRules:
    """What "sendmail -bt" printed on hosts with such an access map, rules or mailers; there that became of mail which is said here."""

    @pytest.fixture(autouse=True)
    def its_text(self, monkeypatch):
        monkeypatch.setattr(_acceptance, '_roots', lambda path: b'V10/Berkeley\n')

    @pytest.mark.parametrize('of_all, of_each, swallows', [
        (DISCARDS, ['', ''], ['discard']),
        # Where check_relay alone quarantines, mail arrived: 8.17.1.9 takes that for each message anew.
        ('mailops          returns: < > $# error $@ quarantine $: some text\n', ['', ''], []),
        ('check_eom          input: x\ncheck_eom        returns: $# error $@ quarantine $: later\n', ['', ''], ['quarantine: later']),
        ('Undefined ruleset check_data\nmailops          returns: < > OK\n', [LOCAL, LOCAL], []),
        ('', [HELD, HELD], ['quarantine: some text']), ('', [REFUSED, REFUSED], []),
        (DISCARDS, ['check_rcpt       returns: $# discard $: discard\n'] * 2, ['discard']),
        # One of two users is a matter of that one.
        ('', [HELD, ''], []), ('', ['', HELD], []),
        ('', [LOCAL.replace('local', 'own')] * 2, ['it goes to the mailer own, /bin/true, which keeps nothing']),
        ('', [LOCAL.replace('local', 'kept')] * 2, ['it goes to the mailer kept, [FILE] /dev/null, which keeps nothing']),
        ('', [LOCAL.replace('local', 'file')] * 2, []), ('', [LOCAL.replace('local', 'discard')] * 2, ['discard']),
        ('x\ncheck_eom        returns: $# error $@ 5 . 7 . 0 $: "554 no mail today "\n', ['', ''], ['check_eom refuses it: 554 no mail today']),
        ('', ['x\nmailops_compat   returns: $# error $@ 5 . 7 . 0 $: 553 no\n'] * 2, ['check_compat refuses it: 553 no']),
        ('', [LOCAL.replace('local', 'unknown')] * 2, []), ('', [NESTED] * 2, [])])
    def test_what_sendmail_says(self, monkeypatch, of_all, of_each, swallows):
        monkeypatch.setattr(_acceptance._system, 'command', lambda *arguments: NEXT.join([BEGINS + of_all] + of_each))
        found = _acceptance.by_rules(HEALTHY._replace(configurations={'mta': _cf.parse(MAILERS)}))
        assert (found.swallows, found.starts_late) == (swallows, False)

    def test_a_program_that_ends_at_once_says_nothing(self, monkeypatch):
        monkeypatch.setattr(_acceptance._system, 'command', lambda *arguments: '')
        found = _acceptance.by_rules(HEALTHY._replace(configurations={'mta': _cf.parse(MAILERS)}))
        assert (found.swallows, found.starts_late) == ([], False)

    @pytest.mark.parametrize('address, binary, name, expected', [
        ('127.0.0.1', b'', 'h.example.test', ['127.0.0.1', 'h.example.test', 'h.example.test', 'OK']),
        ('::1', b'\0IPV6_FULL\0', '', ['IPv6:0:0:0:0:0:0:0:1', '[IPv6:0:0:0:0:0:0:0:1]', '[IPv6:0:0:0:0:0:0:0:1]', 'FAIL']),
        ('::1', b'', 'localhost', ['IPv6:::1', 'localhost', 'localhost', 'OK'])])
    def test_as_whom_it_is_asked(self, monkeypatch, address, binary, name, expected):
        asked = []

        def command(argv, seconds, given):
            with open(argv[1][2:], 'rb') as stream:
                asked.append((argv[0], argv[2:], stream.read(), given.splitlines()))
            return '> '
        monkeypatch.setattr(_acceptance._system, 'command', command)
        monkeypatch.setattr(_acceptance._system, 'slurp_all', lambda *arguments: binary)
        monkeypatch.setattr(_acceptance, '_as_seen', lambda *arguments: (address, name))
        _acceptance.by_rules(HEALTHY._replace(configurations={'mta': _cf.parse(b'Djmail.example.test\n')}))
        ((program, mode, text, given),) = asked
        assert (program, mode) == (HEALTHY.program['sendmail'], ['-O', 'LogLevel=0', '-bt'])
        assert text.startswith(b'V10/Berkeley\n\nSmailops\nR$*\t$: <> $>check_relay $&{client_name} $| $&{client_addr}\n')
        assert [line.partition('}')[2] for line in given[:4]] == expected
        assert given[4:8] == ['mailops x', 'mailops_eoh x', 'check_data 1', 'check_eom 900']
        assert given[8:] == [line.replace('USER', user + '@mail.example.test') for user in ('root', 'daemon') for line in (
            '/next', '.DfUSER', '.D{mail_from}<USER>', 'check_mail <USER>', 'check_rcpt <USER>', 'mailops_compat USER', '3,parse USER')]

    @pytest.mark.parametrize('change', [
        {'configurations': {'mta': None}}, {'relay': relay('[192.0.2.20]', listeners=())}, {'relay': None},
        {'configurations': {'mta': _cf.parse(b'Kown program /usr/local/bin/map\n')}}, {'configurations': {'mta': _cf.parse(b'F{w}|/usr/local/bin/names\n')}},
        {'configurations': {'mta': _cf.parse(b'Fw |/usr/local/bin/names\n')}}, {'program': dict(HEALTHY.program, sendmail=None)}])
    def test_nothing_is_asked_of_another_host_nor_where_a_map_would_run_a_program(self, monkeypatch, change):
        monkeypatch.setattr(_acceptance._system, 'command', None)
        look = HEALTHY._replace(**dict({'configurations': {'mta': _cf.parse(b'')}}, **change))
        asked = _acceptance.by_rules(look)
        runs = bool(look.configurations['mta'] and look.configurations['mta'].lines)
        assert asked._replace(unasked=[]) == look
        assert asked.unasked == ['A map or class in /etc/mail/sendmail.cf runs a program, so its rules were not asked.'] * runs

    @pytest.mark.parametrize('mailer, takes_none, unasked', [
        (b'P=/bin/true, A=TCP $h', 'keeps nothing.', ''), (b'P=/bin/true, A=true $u', 'keeps nothing.', ''), (b'P=/nosuch, A=TCP $h', 'cannot be run.', ''),
        (b'P=/bin/sh, A=sh -c cat', '', 'was not asked.'), (b'P=[IPC], A=TCP $h', '', ''), (b'P=[IPC], A=FILE /bin/true', '', '')])
    def test_submit_cf_hands_mail_to_a_program(self, monkeypatch, mailer, takes_none, unasked):
        submit = _cf.parse(b'D{MTAHost}[127.0.0.1]\nMrelay, F=m, %s\n' % mailer)
        way = _route.submission(submit)
        look = HEALTHY._replace(configurations={'msp': submit, 'mta': None}, relay=_route.route(way, _route.places(way, {}, ()), [], {}))
        asked = _acceptance.by_rules(look)
        said = [[one.split(', which ')[1] for one in found] for found in (asked.takes_none, asked.unasked)]
        assert said == [[takes_none] * bool(takes_none), [unasked] * bool(unasked)]

    def test_rules_that_others_may_have_written_are_not_asked(self, monkeypatch):
        monkeypatch.setattr(_acceptance, '_roots', lambda path: b'')
        asked = _acceptance.by_rules(HEALTHY._replace(configurations={'mta': _cf.parse(b'')}))
        assert asked.unasked == ['Others than root can write /etc/mail/sendmail.cf, so its rules were not asked.']

    def test_a_class_of_a_file_is_no_program(self, monkeypatch):
        asked = []
        monkeypatch.setattr(_acceptance._system, 'command', lambda argv, seconds, given: asked.append(argv) or '')
        _acceptance.by_rules(HEALTHY._replace(configurations={'mta': _cf.parse(b'Fw-o /etc/mail/local|names %[^|#]\n')}))
        assert asked

    def test_without_room_for_a_copy_nothing_is_known(self, monkeypatch):
        def full(*_arguments):
            raise OSError(errno.ENOSPC, 'No space left on device')
        monkeypatch.setattr(_acceptance.tempfile, 'NamedTemporaryFile', full)
        look = HEALTHY._replace(configurations={'mta': _cf.parse(b'')})
        asked = _acceptance.by_rules(look)
        assert (asked._replace(unasked=[]), [one[-24:] for one in asked.unasked]) == (look, ['No space left on device.'])

    @pytest.mark.parametrize('seconds, late', [(0, False), (11, True)])
    def test_a_start_that_nobody_waits_for(self, monkeypatch, seconds, late):
        clock = iter([0.0, float(seconds)])
        monkeypatch.setattr(_acceptance._system, 'command', lambda *arguments: '')
        monkeypatch.setattr(_acceptance, '_as_seen', lambda *arguments: ('127.0.0.1', ''))
        monkeypatch.setattr(_acceptance, 'time', types.SimpleNamespace(monotonic=lambda: next(clock)))
        assert _acceptance.by_rules(HEALTHY._replace(configurations={'mta': _cf.parse(b'')})).starts_late is late


SUBMIT = '/etc/mail/submit.cf: line 1579: pattern-compile-error: Unmatched ( or \\(\n'      # of Debian's file and "Kone regex (", status 70


class TestProgram:
    @pytest.fixture(autouse=True)
    def its_text(self, monkeypatch):
        monkeypatch.setattr(_acceptance, '_roots', lambda path: b'V10/Berkeley\n')

    def asked(self, monkeypatch, answers, cf=b'V10\n', **change):
        calls = []

        def started(argv, _seconds, uid):
            calls.append((argv[1], uid))
            return answers.get(argv[1], (0, 'ADDRESS TEST MODE (ruleset 3 NOT automatically invoked)\nEnter <ruleset> <address>\n> '))
        monkeypatch.setattr(_acceptance._system, 'run', started)
        files = {name: dict(HEALTHY.files[name], problems=[]) for name in ('msp', 'mta')}
        found = _acceptance.by_program(HEALTHY._replace(**dict({'files': files, 'configurations': {'msp': _cf.parse(b''), 'mta': _cf.parse(cf)}}, **change)))
        return calls, {name: [(one['line'], one['problem']) for one in found.files[name]['problems']] for name in ('msp', 'mta')}

    def test_each_file_as_who_reads_it(self, monkeypatch):
        assert self.asked(monkeypatch, {}) == ([('-Ac', 65534), ('-Am', None)], {'msp': [], 'mta': []})

    @pytest.mark.parametrize('status, said, found', [
        (70, SUBMIT, [(1579, 'pattern-compile-error: Unmatched ( or \\(')]), (0, SUBMIT, []), (None, '', []), (70, 'something else\n', []),
        # That is an obstacle to an ordinary user, which has a cause of its own.
        (72, '/etc/mail/submit.cf: line 0: cannot open: Permission denied\n', []),
        (71, '451 4.3.0 hash map "w": missing map file /nowhere.db: No such file or directory\n', [
            (0, 'hash map "w": missing map file /nowhere.db: No such file or directory')])])
    def test_what_it_refuses(self, monkeypatch, status, said, found):
        assert self.asked(monkeypatch, {'-Ac': (status, said)})[1] == {'msp': found, 'mta': []}

    @pytest.mark.parametrize('change', [
        {'cf': b'Kown program /usr/local/bin/map\n'}, {'cf': b'Fw|/usr/local/bin/names\n'}, {'configurations': {'msp': _cf.parse(b''), 'mta': None}},
        {'files': {'msp': {'problems': []}, 'mta': {'path': '/x', 'problems': [{'line': 1, 'problem': 'known'}]}}}])
    def test_when_root_does_not_read_that_of_the_mta(self, monkeypatch, change):
        assert [call[0] for call in self.asked(monkeypatch, {}, **change)[0]] == ['-Ac']

    def test_a_file_of_the_mta_that_others_may_have_written(self, monkeypatch):
        monkeypatch.setattr(_acceptance, '_roots', lambda path: b'')
        assert [call[0] for call in self.asked(monkeypatch, {})[0]] == ['-Ac']

    def test_a_start_that_nobody_waits_for_is_tried_once(self, monkeypatch):
        clock = iter([0.0, 10.0])
        monkeypatch.setattr(_acceptance, 'time', types.SimpleNamespace(monotonic=lambda: next(clock)))
        assert [call[0] for call in self.asked(monkeypatch, {'-Ac': (None, '')})[0]] == ['-Ac']


@pytest.mark.parametrize('uid, mode, taken', [(0, 0o644, True), (0, 0o444, True), (0, 0o664, False), (0, 0o646, False), (1000, 0o644, False)])
def test_a_configuration_that_others_could_have_written_is_not_given_to_root(tmp_path, monkeypatch, uid, mode, taken):
    path = tmp_path / 'sendmail.cf'
    path.write_bytes(b'V10\n')
    real = os.fstat(0)
    monkeypatch.setattr(_acceptance.os, 'fstat', lambda _number: os.stat_result((stat.S_IFREG | mode, *real[1:4], uid, *real[5:])))
    assert _acceptance._roots(str(path)) == (b'V10\n' if taken else b'')
    assert _acceptance._roots(str(tmp_path / 'none')) == b''


def test_how_this_host_is_seen():
    """By its own servers: from the address that they listen on, or that ClientPortOptions names."""
    assert _acceptance._as_seen('127.0.0.1', {})[0] == '127.0.0.1'
    assert _acceptance._as_seen('127.0.0.1', {4: '127.0.0.9', 6: '::1'})[0] == '127.0.0.9'
