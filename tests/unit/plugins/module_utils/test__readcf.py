# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Sendmail refuses in a configuration file: held against what the Sendmails of three releases said (record_configurations.py)."""
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.mailops.sendmail.plugins.module_utils import _cf, _look, _readcf

SAMPLES = os.path.join(os.path.dirname(__file__), '..', '..', 'samples', 'cf')
WHOLE = 'O QueueDirectory=/q\nMlocal, P=/x, A=x $u\n'


def problems(text, rest=WHOLE):
    return [(problem['line'], problem['problem']) for problem in _readcf.problems(_cf.parse((text + rest).encode('latin-1')))]


@pytest.mark.parametrize('name', sorted(name for name in os.listdir(SAMPLES) if name.endswith('.cf')))
def test_the_files_of_debian_are_accepted(name):
    with open(os.path.join(SAMPLES, name), 'rb') as stream:
        assert _readcf.problems(_cf.parse(stream.read())) == []


@pytest.mark.parametrize('text, found', [
    ('xyzzy garbage\n', [(1, 'unknown configuration line')]),
    ('# c\n\nO NoSuchOption=1\n', [(3, 'unknown option name nosuchoption')]),
    ('O QueueF\n', [(1, 'ambiguous option name queuef')]),             # QueueFactor, QueueFileMode
    ('O=1\n', [(1, 'unknown option name =')]),
    ('O =1\n', [(1, 'unknown option name (empty)')]),
    ('O\n', [(1, 'unknown option name ')]),
    ('R$*\t$1\n', [(1, 'missing valid ruleset')]),
    ('Sx\nR$* $1\n', [(2, 'invalid rewrite line (tab expected)')]),
    ('Sx\nR$*\t$1\n', []),
    (' O x\n', [(1, 'unknown configuration line')]),
    ('# comment\n that goes on\n', []),
    ('V99\nV10/Berkeley\n', []),                                      # compared behind the whole file: main.c, MAXCONFIGLEVEL
    ('V10/Berkeley\nV11\n', [(2, 'version level 11 exceeds what Sendmail knows')]),
    ('Vten\n', [(1, 'invalid argument to V line')]),
    ('D\n', [(1, 'a macro or class name is required')]),
    ('D{open\n', [(1, 'a macro or class name is required')]),
    ('Mfoo, P\n', [(1, "'=' expected after P")]),
    ('Mfoo, P=/x\n', [(1, 'A= argument required')]),
    ('O  MinFreeBlocks=7\n', [(1, 'unknown option name  minfreeblocks')]),
    # Blanks belong to no name, and the newline of a line that goes on is none: setoption() and settimeout() in readcf.c.
    ('O Timeout.queuewarn\n =4h\n', [(2, 'timeout.queuewarn\\x0a: invalid name or value 4h')]),
    ('O Timeout.queuewarn =4h\n', []),
    ('O J\xf6\x1brg=1\n', [(1, 'unknown option name j\\xf6\\x1brg')]),
    ('Hfoo\n', [(1, 'header syntax error')]),
    ('Q\n', [(1, 'a name is required')]),
    ('Pbulk\n', [(1, 'unknown configuration line')]),
    ('V10/Berkeley\nHReceived: x\n\tfolded\nKm hash -o /x\nXf, S=inet:1@h\nEA=b\nTroot\nPbulk=-60\n', []),
])
def test_what_sendmail_refuses(text, found):
    assert problems(text) == found


@pytest.mark.parametrize('value, accepted', [
    ('192.0.2.1', True), ('192.0.2.256', False), ('25@127.1', True), ('x@192.0.2.1', True), ('IPv6:::1', True), ('587@::1', True), ('d', False), ('', False),
    ('1:2', False), ('25@', False), ('192.0.2.1 x', True), ('\xe9', False)])
def test_addresses_that_are_connected_to_only(value, accepted):
    """inet_pton() and inet_addr(), readcf.c; what stands behind a blank does not count for the latter."""
    assert (problems('O ConnectOnlyTo=%s\n' % value) == []) is accepted


@pytest.mark.parametrize('text, accepted', [
    ('O QueueDirectory=/q\n', True), ('O QueueDirectory=/q/\n', True), ('O QueueDirectory=/q/a*\n', True), ('O QueueDirectory=mqueue\n', False),
    ('O QueueDirectory=q*\n', False), ('O QueueDirectory=/q\nQone, P=/q/a\n', True), ('O QueueDirectory=/q\nQone, P=/q\n', True),
    ('O QueueDirectory=/q\nQone, P=/qa\n', False), ('O QueueDirectory=/q\nQone, P=/q*\n', False), ('O QueueDirectory=/q\nQone, P=a\n', False),
    ('O QueueDirectory=/q\nQmqueue, P=/r\n', False), ('O QueueDirectory=/q/a*\nQone, P=/q/b/c*\n', True), ('O QueueDirectory=/q/*\nQone, P=/r/*\n', False),
    ('O QueueDirectory=/q\nQone, P=//q/a\n', False)])
def test_queues_lie_below_the_queue_directory(text, accepted):
    """setup_queues() and multiqueue_cache() in queue.c end every program but -bt with status 78."""
    assert (problems(text, 'Mlocal, P=/x, A=x\n') == []) is accepted


def test_an_empty_file_has_no_mailer_and_no_queue():
    assert [problem for _line, problem in problems('', '')] == ['No local mailer defined', 'QueueDirectory (Q) option must be set']
    assert problems('', 'O QueueDirectory=/q\nMLOCAL, P=/x, A=y\n') == []


def test_line_numbers_are_of_the_last_physical_line_and_text_is_printable():
    found = _readcf.problems(_cf.parse(('# one\nHx: y\n\tz\nbad \x1b[31m\n more\n' + WHOLE).encode()))
    assert [(problem['line'], problem['text']) for problem in found] == [(5, 'bad \\x1b[31m\\x0a more')]


def test_a_file_that_an_f_line_needs_is_there(tmp_path):
    here = tmp_path / 'here'
    here.write_text('')
    lines = ['Fw-o %s/gone', 'F{w}%s/gone', 'Fw %s/here', 'Fw%s', 'Fw%s/here/below', 'Fw|%s/gone', 'Fw%s/here %%[^#]', 'Fw -o %s',
             'Fwgone %s @x', 'Fwgone %s @x:y', 'F ' + 'x' * 256 + '%s']               # O DontBlameSendmail=... with an F for its O
    cf = _cf.parse('\n'.join(line % tmp_path for line in lines).encode())
    assert [one['line'] for one in _readcf.absent(cf)] == [2, 4, 5, 9, 11]   # a map has the colon
    assert _readcf.absent(cf)[0]['problem'] == "fileclass: cannot open '%s/gone'" % tmp_path
    look = _readcf.judged(_look.Look(0, [], {'msp': {'path': '/x'}, 'mta': {'path': '/y'}}, {}, configurations={'msp': cf, 'mta': None}))
    assert (len(look.files['msp']['problems']), look.files['mta']['problems']) == (7, [])


with open(os.path.join(SAMPLES, 'cases.json')) as stream:
    CASES = json.load(stream)


# What a line can mean only there: accounts, files, libraries, macros that Sendmail has of its own, and what it was built with.
NOT_JUDGED = {
    'files': ['Fw-o x@hash:/nowhere', 'Fw x@LDAP', 'Fw @y:z'],
    'accounts': ['Mone, P=/x, A=y, U=:mail', 'Mone, P=/x, A=y, U=root:-x', 'OgMail', 'OgNoSuchGroup'],
    'macros': ['HFrom: $>${x}', 'K$x hash /x', 'Kone $x /x', 'Kone hash $x', 'Sx\nR$*\t${nowhere}', 'Sx\nR$?x y$.\tx', 'Sx\nR${nowhere}\tx'],
    'maps': ['Kone dns -R nosuch', 'Kone ldap', 'Kone ph', 'Kone regex (', 'Kone sequence nosuch', 'Kone syslog -% x'],
    'builds': ['O BadRcpt=1', 'O BadRcptShut=1', 'O BadRcptThrottleD=1', 'O DontLock=True', 'O DontLockFilesForRead=True', 'O MaxF=1',
               'O MaxForwardEntries=1', 'O RemoteMode=x', 'O SSL=x', 'O SSLE=x'],
    'libraries': ['O ResolverOptions=use_inet6'],
    'rare': ['Sx\nR$*\t\\', 'Sx=1\nSx=2', 'Sx\nSx=2', 'Sx\nR$*\t$( m $1 $@a$@b$@c$@d$@e$@f$@g$@h$@i$@j $)',
             'O DaemonPortOptions=Addr=127.0.0.1, Family=99'],
}


@pytest.mark.parametrize('case', sorted(CASES))
def test_real_sendmails_say_the_same(case):
    """record_configurations.py: a line is refused where all releases refuse it, and never where one takes it."""
    found = problems('V10/Berkeley\n%s\n' % case) + [
        (one['line'], one['problem']) for one in _readcf.absent(_cf.parse(case.encode('latin-1')))]
    answers = CASES[case].values()
    assert len(answers) == 3
    assert bool(found) == (all(answers) and case not in sum(NOT_JUDGED.values(), [])), (found, CASES[case])


@given(st.lists(st.one_of(st.binary(max_size=40), st.sampled_from([case.encode('latin-1') for case in sorted(CASES)])), max_size=12).map(b'\n'.join))
def test_any_bytes_give_plain_values(data):
    found = _readcf.problems(_cf.parse(data))
    json.dumps(found)
    assert all(problem['text'].isprintable() for problem in found)
