# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is taken of a host for published rules, from files laid out by hand. That it sees a real host is shown by the scenario compliance. Python 3.6 syntax."""
import os
import re
import subprocess
import time
import types

import pytest

from ansible_collections.mailops.sendmail.plugins.module_utils import _cf, _policy, _system

CF = b'V10/Berkeley\nDZ8.17.1\nDn$Z\nMprog, P=/bin/sh, A=sh -c $u\n'


def look(text=b'', **more):
    cf = _cf.parse(CF + text)
    found = {'configurations': {'mta': cf, 'msp': None}, 'files': {'mta': {'path': '/etc/mail/sendmail.cf'}, 'msp': {'path': '/etc/mail/submit.cf'}},
             'program': {'sendmail': None}, 'lookups': {'own': {'unqualified': False, 'seconds': 0.1}}, 'name_servers': []}
    return types.SimpleNamespace(**dict(found, **more))


def taken(text):
    return _policy.policy(look(text), True)


@pytest.mark.parametrize('text, level', [
    (b'', 9), (b'O LogLevel=14\n', 14), (b'O LogLevel=8\n', 8), (b'OL5\n', 5), (b'O LogLevel=x\n', 0), (b'O LogLevel=1\nO LogLevel=9\n', 9),
    # Abbreviated, as setoption() takes them; without a value atoi() makes it 0; the last counts under either name.
    (b'O LogL=3\n', 3), (b'O LogLevel\n', 0), (b'O LogLevel=5\nOL9\n', 9), (b'OL9\nO loglevel=5\n', 5), (b'O LogLevels=3\n', 9)])
def test_log_level(text, level):
    assert taken(text)['log_level'] == {'mta': level}


@pytest.mark.parametrize('text, meant', [
    (b'O SmtpGreetingMessage=$j Sendmail $v/$Z; $b\n', ' Sendmail $v/$Z; '), (b'O SmtpGreetingMessage=Mail Server Ready; $b\n', 'Mail Server Ready; '),
    # A macro of the file that holds the version tells it too, and so does the old macro e and the default.
    (b'O SmtpGreetingMessage=$j $n\n', ' $Z'), (b'De$j ${v}\n', ' ${v}'), (b'', ' Sendmail $v ready at '), (b'O SmtpGreetingMessage=$&v\n', '$&v'),
])
def test_greeting(text, meant):
    assert taken(text)['greeting']['meant'] == meant


@pytest.mark.parametrize('text, path', [(b'', None), (b'O ForwardPath\n', ''), (b'O ForwardPath=\n', ''), (b'O ForwardPath=$z/.forward\n', '$z/.forward'),
                                        (b'O Forward=\n', ''), (b'OJ$z/.f\nO ForwardPath\n', ''), (b'O ForwardPath\nOJ$z/.f\n', '$z/.f')])
def test_forward(text, path):
    assert taken(text)['forward'] == path


def test_without_sendmail_cf():
    found = _policy.policy(look(configurations={'mta': None, 'msp': None}), True)
    assert (found['aliases'], found['maps'], found['answers'], found['log_level']) == (None, None, {}, {})


def test_who_does_not_ask_starts_no_sendmail(monkeypatch):
    asked = []
    monkeypatch.setattr(_policy, '_answers', lambda look, cf: asked.append(cf) or {'root': []})
    monkeypatch.setattr(_policy, '_compiled', lambda binary: None)
    one = look(program={'sendmail': '/usr/sbin/sendmail'})
    assert (_policy.policy(one, False)['answers'], len(asked)) == ({}, 0)
    assert (_policy.policy(one, True)['answers'], len(asked)) == ({'root': []}, 1)


@pytest.fixture
def aliases(tmp_path):
    path = tmp_path / 'aliases'

    def found(text, kind='', more=b''):
        if text is not None:
            path.write_text(text)
        return taken(('O AliasFile=%s%s\n' % (kind, path)).encode() + more)['aliases']
    found.path = path
    return found


class TestAliases:
    def test_decode(self, aliases):
        assert aliases('root: x\n')['decode'] == []
        assert aliases('#decode: x\nDecode: root\nuudecode: |/x/uudecode\n')['decode'] == [
            '%s: decode: root' % aliases.path, '%s: uudecode: |/x/uudecode' % aliases.path]
        # Whatever the alias is called, the program decodes.
        assert aliases('unpack: "|/usr/bin/uudecode -s"\nx: y, |uudecode\n')['decode'] == [
            '%s: unpack: |/usr/bin/uudecode -s' % aliases.path, '%s: x: y, |uudecode' % aliases.path]
        assert aliases('a: uudecode\nb: |/bin/cat uudecode\nc: /tmp/uudecode\nd: |/bin/uudecoder\ndecoder: x\n')['decode'] == []

    def test_programs(self, aliases, tmp_path):
        assert aliases('a: |/bin/true\nb: "|/bin/true x"\n')['programs'] == []
        program = tmp_path / 'program'
        program.write_text('')
        program.chmod(0o755)
        (sentence,) = aliases('a: |%s\n' % program)['programs']
        assert sentence.startswith('The alias a runs %s: ' % program) and ' is owned by ' in sentence
        assert aliases('a: |/no/such\n')['programs'] == ['The alias a runs /no/such: /no/such: No such file or directory.']

    @pytest.mark.parametrize('place, uid, mode, fine', [
        ('', 0, 0, True), ('/usr/bin/p', 1000, 0o755, False), ('/usr/bin/p', 0, 0o775, False), ('/usr/bin/p', 0, 0o757, False), ('/usr', 1000, 0o755, False),
        ('/usr', 0, 0o1777, False), ('/', 0, 0o775, False)])
    def test_program_and_directories_are_roots(self, monkeypatch, place, uid, mode, fine):
        monkeypatch.setattr(_policy.os.path, 'realpath', lambda path: path)
        monkeypatch.setattr(_policy.os, 'stat', lambda path, **_more: types.SimpleNamespace(
            st_uid=uid if path == place else 0, st_mode=mode if path == place else 0o755))
        said = _policy._way('/usr/bin/p', [])
        assert said == '' if fine else said.startswith(place + ' is owned by ')

    def test_a_program_without_a_path_and_one_that_cannot_be_told(self, aliases):
        found = aliases('a: |true\nb: |$(x)\nc: |nonesuch-prog\n')
        assert (found['programs'], found['count']) == ([], 3)
        assert found['errors'] == ['The alias b runs |$(x), but which program that is cannot be told.',
                                   'The alias c runs |nonesuch-prog, but which program that is cannot be told.']

    def test_smrsh_takes_the_last_part_of_the_name(self, aliases, tmp_path, monkeypatch):
        (tmp_path / 'smrsh').write_bytes(b'x\0%s\0' % os.fsencode(str(tmp_path / 'bin')))
        monkeypatch.setattr(_policy, '_SMRSH', (str(tmp_path / 'other'), str(tmp_path / 'bin')))
        (tmp_path / 'other').mkdir()
        found = aliases('a: |/bin/true\n', more=b'Mprog, P=%s/smrsh, A=smrsh -c $u\n' % os.fsencode(str(tmp_path)))
        assert found['programs'] == ['The alias a runs /bin/true: %s/bin/true: No such file or directory.' % tmp_path]

    def test_what_is_no_file(self, aliases):
        assert (taken(b'O AliasFile=ldap:,nis:mail.aliases\n')['aliases']['elsewhere'], taken(b'')['aliases']['files']) == (['ldap', 'nis'], [])
        assert aliases(None)['errors'] == []                      # neither text nor map: no aliases
        (aliases.path.parent / 'aliases.db').write_text('')
        assert 'does not exist' in aliases(None)['errors'][0]      # the map alone cannot be read
        assert aliases('x: y\n')['files'][0]['map']['path'] == '%s.db' % aliases.path

    def test_a_fifo_and_a_huge_file_are_errors(self, aliases, monkeypatch):
        os.mkfifo(str(aliases.path))
        assert 'not a regular file' in aliases(None)['errors'][0]
        os.unlink(str(aliases.path))
        monkeypatch.setattr(_policy, '_ALIASES_MAX', 10)
        assert 'is larger than 10 bytes' in aliases('root: someone\n')['errors'][0]

    def test_a_link(self, aliases, tmp_path):
        (tmp_path / 'real').write_text('root: x\n')
        os.symlink('real', str(aliases.path))
        assert aliases(None)['files'][0]['link'] == _system.user_name(os.geteuid())
        os.unlink(str(aliases.path))
        assert aliases('root: x\n')['files'][0]['link'] is None


@pytest.mark.parametrize('rules, places', [
    ('mail.*\t-/var/log/mail.log\n', ['/var/log/mail.log']), ('*.*;auth,authpriv.none /var/log/syslog', ['/var/log/syslog']),
    ('*.info;mail.none;authpriv.none  /var/log/messages\nmail.*  -/var/log/maillog', ['/var/log/maillog']), ('mail.err /var/log/mail.err', []),
    ('mail.info @loghost', ['@loghost']), ('#mail.* /x', []), ('kern,mail.debug /x;RSYSLOG_FileFormat', ['/x']), ('mail.crit /x', []),
    ('*.*;mail.none /x', []), ('*.=info /x', ['/x']), ('', []), ('mail.info;\\\n*.err /x', ['/x']),
    # syslog.conf(5): a level after ! is left out with those above it, after != alone.
    ('mail.*;mail.!info /x', []), ('mail.*;mail.!=info /x', []), ('mail.*;mail.!debug /x', []), ('mail.*;mail.!warn /x', ['/x']),
    ('mail.*;mail.!=debug /x', ['/x']), ('MAIL.INFO /x', ['/x']),
    # What is thrown away is logged nowhere.
    ('mail.* /dev/null', []), ('mail.* -/dev/null', []), ('mail.* ~', []), ('mail.* stop', []), ('mail.* /dev/null.log', ['/dev/null.log']),
    ('mail.* action(type="omfile" File="/x" fileOwner="root")', ['/x']), ('mail.* action(type="omfwd" target="h")', ['action(type="omfwd"']),
])
def test_what_a_syslog_rule_takes(rules, places):
    assert _policy._catches(rules) == places


@pytest.mark.parametrize('main, drop_ins, kept', [
    ('', {}, True), ('[Journal]\n#Storage=none\n', {}, True), ('Storage=none\n', {}, False), ('Storage=none', {'etc/9': 'Storage=auto'}, True),
    # journald.conf(5): drop-ins of all directories by their names; of two with one name that in /etc.
    ('', {'etc/50': 'Storage=none', 'usr/10': 'Storage=auto'}, False), ('', {'etc/10': 'Storage=none', 'usr/50': 'Storage=auto'}, True),
    ('', {'etc/50': 'Storage=auto', 'usr/50': 'Storage=none'}, True), ('', {'etc/50': '', 'usr/50': 'Storage=none'}, True),
    ('MaxLevelStore=notice\n', {}, False), ('MaxLevelStore=5\n', {}, False), ('MaxLevelStore=info\n', {}, True), ('MaxLevelStore=6\n', {}, True),
    ('MaxLevelSyslog=err\n', {}, True),
])
def test_what_the_journal_keeps(tmp_path, monkeypatch, main, drop_ins, kept):
    for name in ('usr', 'etc'):
        (tmp_path / name).mkdir()
    (tmp_path / 'main').write_text(main)
    for name, text in drop_ins.items():
        (tmp_path / (name + '.conf')).write_text(text)
    monkeypatch.setattr(_policy, '_JOURNALD', (str(tmp_path / 'main'), str(tmp_path / 'usr/*.conf'), str(tmp_path / 'etc/*.conf')))
    assert _policy._journal_keeps() is kept


@pytest.mark.parametrize('text, unclear', [(None, True), ('', True), ('*.err /x\n', False), ("if $syslogfacility-text == 'mail' then /x\n", True)])
def test_rules_that_were_not_found_are_not_understood(tmp_path, monkeypatch, text, unclear):
    if text is not None:
        (tmp_path / 'conf').write_text(text)
    monkeypatch.setattr(_policy, '_SYSLOG', (str(tmp_path / 'conf'),))
    monkeypatch.setattr(_policy.glob, 'glob', lambda pattern: [])
    assert _policy._log()['unclear'] is unclear


def test_classes_of_map(tmp_path):
    binary = tmp_path / 'sendmail'
    binary.write_bytes(b'\0NETINET\0\0NEWDB=5.3\0\0CDB\0xLDAPMAP\0')
    compiled = _policy._compiled(str(binary))
    assert [word for word, there in sorted(compiled.items()) if there] == ['CDB', 'NEWDB']
    binary.write_bytes(b'packed')
    assert _policy._compiled(str(binary)) is None and _policy._compiled(None) is None
    text = b'Kaccess hash -T<TMPF> /etc/mail/access\nKx  LDAP -k x\nO AliasFile=nis:mail.aliases\n'
    assert _policy.policy(look(text), True)['maps']['used'] == {
        'hash': '/etc/mail/sendmail.cf line 5', 'ldap': '/etc/mail/sendmail.cf line 6', 'nis': 'AliasFile'}


class TestAnswers:
    @pytest.fixture
    def asked(self, tmp_path):
        def answers(program, text=b'', **more):
            path = tmp_path / 'sendmail'
            path.write_text('#!/bin/sh\n' + program)
            path.chmod(0o755)
            return _policy._answers(look(program={'sendmail': str(path)}, **more), _cf.parse(text))
        return answers

    def test_each_address_is_asked_about(self, asked):
        assert asked('echo "$*"') == {name: ['-O LogLevel=0 -bv %s' % name] for name in ('postmaster', 'root')}

    @pytest.mark.parametrize('program', ['exit 70', 'exit 75', 'exit 78', 'kill -9 $$'])
    def test_a_failure_is_no_answer(self, asked, program):
        assert asked(program) == {'postmaster': None, 'root': None}

    def test_who_says_nothing_in_time(self, asked, monkeypatch):
        monkeypatch.setattr(_policy, '_ASK_SECONDS', 0.3)
        assert asked('echo "root... deliverable: mailer local"; exec sleep 60') == {'postmaster': None, 'root': None}

    def test_output_is_bounded_and_printable(self, asked):
        lines = asked('yes "$(printf \'\\033[31m\')" | head -n 100000')['root']
        assert len(lines) == 50 and lines[0] == '\\x1b[31m'

    @pytest.mark.parametrize('more', [{'lookups': {'own': {'unqualified': True, 'seconds': 0.1}}}, {'lookups': {'own': {'unqualified': False, 'seconds': 5.0}}},
                                      {'name_servers': [{'address': '192.0.2.53', 'error': 'timeout'}]}])
    def test_a_start_that_would_wait_for_names_is_not_begun(self, asked, tmp_path, more):
        assert asked('touch %s/ran' % tmp_path, **more) == {'postmaster': None, 'root': None}
        assert not (tmp_path / 'ran').exists()

    def test_one_dead_name_server_of_two_is_no_reason(self, asked):
        two = [{'address': '192.0.2.53', 'error': 'timeout'}, {'address': '192.0.2.54', 'error': None}]
        assert None not in asked('echo x', name_servers=two).values()

    def test_a_program_map_is_not_run(self, asked, tmp_path):
        assert asked('touch %s/ran' % tmp_path, b'Kx program /bin/x\n') == {'postmaster': None, 'root': None}
        assert not (tmp_path / 'ran').exists()
        asked('touch %s/ran' % tmp_path, b'Kprogram hash /etc/mail/x\n')
        assert (tmp_path / 'ran').exists()


@pytest.fixture(scope='module')
def pem(tmp_path_factory):
    place = tmp_path_factory.mktemp('tls')
    try:
        for name, days in (('crt', '30'), ('late', '10000')):
            subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=h', '-days', days, '-keyout', str(place / 'key'),
                            '-out', str(place / name)], check=True, stderr=subprocess.DEVNULL)
    except OSError:
        pytest.skip('there is no openssl')
    return place


class TestTls:
    def test_when_a_certificate_expires(self, pem):
        for name in ('crt', 'late'):     # UTCTime and, from 2050 on or not, what openssl says of it
            said = subprocess.run(['openssl', 'x509', '-noout', '-enddate', '-in', str(pem / name)], check=True, stdout=subprocess.PIPE).stdout.decode()
            wanted = time.strptime(said.strip().partition('=')[2], '%b %d %H:%M:%S %Y %Z')
            assert time.gmtime(_policy.not_after((pem / name).read_bytes()))[:6] == wanted[:6]

    @pytest.mark.parametrize('body', [b'', b'MIIB', b'M', b'MIT//////////////w=='])
    def test_what_is_no_certificate(self, body):
        assert _policy.not_after(b'-----BEGIN CERTIFICATE-----\n%s\n-----END' % body) is None and _policy.not_after(body) is None

    def test_the_old_name_of_a_certificate(self, pem):
        data = (pem / 'crt').read_bytes()
        for name in (b'X509 CERTIFICATE', b'TRUSTED CERTIFICATE'):     # PEM_STRING_X509_OLD and _TRUSTED of OpenSSL, which reads both
            assert _policy.not_after(data.replace(b'CERTIFICATE', name)) == _policy.not_after(data)
        assert _policy.not_after(data.replace(b'CERTIFICATE', b'CERTIFICATE REQUEST')) is None

    def test_a_user_that_is_a_number(self):
        user = _system.user_name(1)
        for text, users in ((b'O TrustedUser=1\n', [user]), (b'O RunAsUser=1:1\n', [user]), (b'O TrustedUser=4294967294\n', ['4294967294'])):
            (key,) = taken(b'O ServerKeyFile=/no/key\n' + text)['tls']['keys']
            assert key['users'] == users
        assert taken(b'O TrustedUser=1\n')['aliases']['trusted'] == user and taken(b'')['aliases']['trusted'] is None

    def test_no_cut_of_a_certificate_is_more_than_no_certificate(self, pem):
        data = (pem / 'crt').read_bytes()
        body = re.sub(rb'-----[^-]*-----|\s', b'', data)
        found = [_policy.not_after(b'-----BEGIN CERTIFICATE-----' + body[:end] + b'\n-----END') for end in range(0, len(body), 7)]
        assert found == [None] * len(found)

    def test_what_is_configured(self, pem):
        text = ('O ServerKeyFile={0}/key,{0}/gone\nO ClientCertFile={0}/crt\nO ServerCertFile={0}/key\n'
                'O DontBlameSendmail=GroupReadableKeyFile\nO TrustedUser=smmta\n').format(pem)
        found = taken(text.encode())['tls']
        assert [(os.path.basename(one['state']['path']), one['state']['exists'], one['group_readable'], one['users']) for one in found['keys']] == [
            ('key', True, True, ['smmta']), ('gone', False, True, ['smmta'])]
        # The word safe takes back all before it (readcf.c), and macros are replaced in the names of these files (SET_STRING_EXP).
        for text, readable in ((b'GroupReadableKeyFile,Safe', False), (b'safe,AssumeSafeChown,groupreadablekeyfile', True)):
            (key,) = taken(b'D{keys}/no\nO ServerKeyFile=${keys}/key\nO DontBlameSendmail=' + text)['tls']['keys']
            assert (key['state']['path'], key['group_readable']) == ('/no/key', readable)
        assert [(os.path.basename(one['path']), one['error']) for one in found['certificates']] == [
            ('key', 'no certificate can be read in it'), ('crt', None)]
