# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configuration files: the samples are what Debian's packages make (comments and rewriting rules left out), the rest follows readcf.c."""
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.mailops.sendmail.plugins.module_utils import _cf

SAMPLES = os.path.join(os.path.dirname(__file__), '..', '..', 'samples', 'cf')
RELEASES = {'bullseye': ('8.15.2', '8.15.2/Debian-22+deb11u3'), 'bookworm': ('8.17.1.9', '8.17.1.9/Debian-2+deb12u2'), 'trixie': ('8.18.1', '8.18.1/Debian-6')}
WHOLE = b'O QueueDirectory=/q\nMlocal, P=/x, A=x $u\n'


def sample(name):
    with open(os.path.join(SAMPLES, name + '.cf'), 'rb') as stream:
        return _cf.parse(stream.read())


def read(text):
    return _cf.parse(text.encode() + WHOLE)


@pytest.mark.parametrize('release', sorted(RELEASES))
def test_submit_cf_of_debian(release):
    cf = sample(release + '-submit')
    assert (cf.version, cf.macros['Z']) == (10, RELEASES[release][0] + '/Submit')
    assert _cf.queue_patterns(cf) == [{'group': 'mqueue', 'path': '/var/spool/mqueue-client', 'interval': None}]
    assert cf.mailers['relay']['argv'] == ['TCP', '$h']
    settings = _cf.settings(cf, 2)
    assert {name: settings[name] for name in ('run_as_user', 'trusted_user', 'min_free_blocks', 'queue_la', 'privacy_options', 'pid_file',
                                              'min_queue_age')} == {
        'run_as_user': 'smmsp', 'trusted_user': 'smmsp', 'min_free_blocks': 100, 'queue_la': 900,
        'privacy_options': ['goaway', 'noetrn', 'restrictqrun'], 'pid_file': '/var/run/sendmail/msp/sendmail.pid', 'min_queue_age': 0}
    assert settings['queue_file_mode'] == 0o660
    assert settings['timeouts'] == {'connect': 0, 'iconnect': 2, 'initial': 300, 'queuereturn': 432000, 'queuewarn': 14400}


@pytest.mark.parametrize('release', sorted(RELEASES))
def test_sendmail_cf_of_debian(release):
    cf = sample(release + '-sendmail')
    assert cf.macros['Z'] == RELEASES[release][1]
    assert _cf.queue_patterns(cf)[0]['path'] == '/var/spool/mqueue'
    settings = _cf.settings(cf)
    assert settings['connection_rate_throttle'] == 15
    assert settings['timeouts']['iconnect'] == 120
    assert 'local' in cf.mailers
    assert cf.class_files[0] == {'class': 'w', 'file': '/etc/mail/local-host-names %[^#]'}


@pytest.mark.parametrize('line, name, value', [
    ('O QueueDirectory=/var/q', 'queuedirectory', '/var/q'),
    ('O QueueDirectory = /var/q', 'queuedirectory', '/var/q'),
    ('O queuedirectory=/var/q', 'QueueDirectory', '/var/q'),
    ('OQ/var/q', 'queuedirectory', '/var/q'),
    ('Ob100/2000', 'minfreeblocks', '100/2000'),
    ('O Timeout.iconnect=2s', 'timeout.iconnect', '2s'),
    ('O QueueD=/var/q', 'queuedirectory', '/var/q'),                  # an abbreviation that fits one option only
    ('O MinQueueAge=30m   # not too often', 'minqueueage', '30m'),
    ('O MinQueueAge=30m#', 'minqueueage', '30m'),
    ('O HelpFile=/etc/a\\#b', 'helpfile', '/etc/a#b'),
    ('O AliasFile=a, # one\n b, # two # three\n\tc\\#d $#e\\##f', 'aliasfile', 'a,\n b,\n\tc#d $#e#'),
    ('O AliasFile=a    #x\n #y\n\tb', 'aliasfile', 'a\n\n\tb'),
    ('O HostStatusDirectory', 'hoststatusdirectory', ''),
    ('O PrivacyOptions=goaway,\n\tnoetrn', 'privacyoptions', 'goaway,\n\tnoetrn'),
    ('O MinQueueAge=1m\r\nO MinQueueAge=2m\r', 'minqueueage', '2m'),  # only a CR before the newline goes
])
def test_option_lines(line, name, value):
    cf = _cf.parse(b'V10\n' + line.encode())
    assert cf.option(name) == value


def test_before_the_v_line_a_hash_is_a_character():
    assert read('O HelpFile=/x # y\n').option('HelpFile') == '/x # y'
    assert read('V2\nO HelpFile=/x # y\n').option('HelpFile') == '/x # y'
    assert read('V3\nO HelpFile=/x # y\n').option('HelpFile') == '/x'


def test_the_last_value_of_an_option_counts_and_all_are_kept():
    cf = read('O MinFreeBlocks=5\nO DaemonPortOptions=Name=a\nO DaemonPortOptions=Name=b\nO MinFreeBlocks=7/900\n')
    assert cf.number('MinFreeBlocks') == 7
    assert cf.options['daemonportoptions'] == ['Name=a', 'Name=b']


@pytest.mark.parametrize('line, is_set', [
    ('O HoldExpensive=True', True), ('O HoldExpensive=yes', True), ('O HoldExpensive', True), ('O HoldExpensive=', True), ('Oc', True), ('OcT', True),
    ('O HoldExpensive=False', False), ('O HoldExpensive=1', False), ('O HoldExpensive=on', False), ('OcF', False), ('', False)])
def test_what_sets_a_boolean(line, is_set):
    """atobool() in util.c: t, T, y, Y or nothing at all."""
    assert read(line + '\n').flag('HoldExpensive') is is_set


def test_macros_and_classes():
    cf = read('DZ8.18.1/Submit\nD{MTAHost}"a b"\nDnx\\ty\nCwlocal host\nC{w}third\nFw-o /etc/x\nTroot daemon\n')
    assert cf.macros == {'Z': '8.18.1/Submit', 'MTAHost': 'a b', 'n': 'xty'}
    assert cf.classes == {'w': ['local', 'host', 'third'], 't': ['root', 'daemon']}
    assert cf.class_files == [{'class': 'w', 'file': '-o /etc/x'}]


def test_pid_file_with_macros():
    cf = read('Dx/run\nD{sub}${x}/sm\nDa$a $a $a $a\nO PidFile=${sub}/client.pid\n')
    assert _cf.settings(cf)['pid_file'] == '/run/sm/client.pid'
    assert len(_cf.expand(cf, '$a')) <= 2047


@pytest.mark.parametrize('text, expected', [
    ('O QueueDirectory=/q/a*\n', [('mqueue', '/q/a*', None)]),
    ('Qslow, P=/q/slow, F=f, I=2h, R=3\n', [('mqueue', '/q', None), ('slow', '/q/slow', 7200)]),
    ('Qmqueue, P=/q/main*, I=30\n', [('mqueue', '/q/main*', 1800)]),
    ('Qshared, F=f\n', [('mqueue', '/q', None), ('shared', '/q', None)]),
    ('Qx,P="/q/with, comma"\n', [('mqueue', '/q', None), ('x', '/q/with, comma', None)]),
    ('Qfolded,\n\tP=/q/f,\n\tI=1d\n', [('mqueue', '/q', None), ('folded', '/q/f', 86400)]),
    # The case of a name does not count (stab.c); without P= it is the directory of the moment (makequeue() in queue.c).
    ('QMQUEUE, P=/q/main, I=5\n', [('mqueue', '/q/main', 300)]),
    ('Qone, P=/q/a\nQOne, P=/q/b\n', [('mqueue', '/q', None), ('one', '/q/b', None)]),
    ('Qone\nO QueueDirectory=/r\n', [('mqueue', '/r', None), ('one', '/q', None)]),
    ('Qone, P=/q/a ,I=5m\n', [('mqueue', '/q', None), ('one', '/q/a ', 300)]),
])
def test_queue_patterns(text, expected):
    cf = _cf.parse(WHOLE + text.encode())
    assert [(one['group'], one['path'], one['interval']) for one in _cf.queue_patterns(cf)] == expected


def test_the_case_of_a_mailer_does_not_count():
    cf = read('MLOCAL, P=/a, A=a\nMESMTP, P=[IPC], A=TCP $h 26\nMesmtp, P=[IPC], A=TCP $h 27\n')
    assert (sorted(cf.mailers), cf.mailers['esmtp']['argv'], cf.mailers['local']['path']) == (['esmtp', 'local'], ['TCP', '$h', '27'], '/x')


def test_only_the_spaces_of_c_part_words():
    cf = read('CRa\u00a0b c\nMone, P=/x ,A=a\u00a0b c\n')
    assert cf.classes['R'] == ['a\u00a0b', 'c']
    assert (cf.mailers['one']['argv'], cf.mailers['one']['path']) == (['a\u00a0b', 'c'], '/x ')   # a program that is not there


def test_an_empty_fallback_takes_back_none():
    cf = read('O FallbackMXhost=a\nO FallbackMXhost=\nO FallbackSmartHost=b\nO FallbackSmartHost=\nO HeloName=c\nO HeloName=\n')
    assert [cf.option(name) for name in ('FallbackMXhost', 'FallbackSmartHost', 'HeloName')] == ['a', 'b', '']


def test_without_options_the_built_in_values_count():
    settings = _cf.settings(read(''), 4)
    assert {name: settings[name] for name in ('queue_la', 'refuse_la', 'delay_la', 'queue_file_mode', 'min_free_blocks', 'run_as_user', 'pid_file')} == {
        'queue_la': 32, 'refuse_la': 48, 'delay_la': 0, 'queue_file_mode': 0o600, 'min_free_blocks': 0, 'run_as_user': None, 'pid_file': None}
    assert settings['timeouts'] == {'connect': 0, 'iconnect': 0, 'initial': 300, 'queuereturn': 432000, 'queuewarn': 0}


@pytest.mark.parametrize('option, name, value', [
    ('O QueueLA=', 'queue_la', 0), ('O QueueLA=off', 'queue_la', 0), ('O QueueLA=12x', 'queue_la', 12),
    ('Ox 7', 'queue_la', 7), ('O RefuseLA=none', 'refuse_la', 0), ('O RecipientFactor=', 'recipient_factor', 0),
    ('O MinFreeBlocks=-1', 'min_free_blocks', -1), ('O QueueFileMode=0660', 'queue_file_mode', 0o660),
    ('O QueueFileMode=0680', 'queue_file_mode', 0o6), ('O QueueFileMode=02660', 'queue_file_mode', 0o660),
    ('O QueueFileMode=', 'queue_file_mode', 0), ('O UseMSP', 'use_msp', True),
    ('O UseMSP=yes', 'use_msp', True), ('O UseMSP=0', 'use_msp', False), ('', 'use_msp', False),
    ('O MaxQueueAge=-1h', 'max_queue_age', 0), ('O MaxQueueAge=now', 'max_queue_age', 0), ('O MinQueueAge=-5', 'min_queue_age', 0),
    ('O MinFreeBlocks=\u00a05', 'min_free_blocks', 0), ('O QueueLA=\t5', 'queue_la', 5),
    ('O MinFreeBlocks=99999999999999999999', 'min_free_blocks', 2**63 - 1)])
def test_a_value_is_what_the_c_library_makes_of_it(option, name, value):
    """atoi() gives 0 where there is no number, atooct() in util.c stops at the first character that is no octal digit."""
    assert _cf.settings(read(option + '\n'))[name] == value


@pytest.mark.parametrize('value, user, group', [('smmsp', 'smmsp', None), ('smmsp:mail', 'smmsp', 'mail'), ('a.b', 'a', 'b'), ('', None, None)])
def test_run_as_user(value, user, group):
    settings = _cf.settings(read('O RunAsUser=%s\n' % value))
    assert (settings['run_as_user'], settings['run_as_group']) == (user, group)


@pytest.mark.parametrize('lines, returned, warned', [
    # settimeout() of readcf.c: days and hours, and the last line counts whatever it is called
    ('O Timeout.queuereturn=10\nO Timeout.queuewarn=4\n', 864000, 14400),
    ('O Timeout.queuereturn=10m\n', 600, 0),
    ('O Timeout.queuereturn.normal=3d\nO Timeout.queuereturn=5d\n', 432000, 0),
    ('O Timeout.queuereturn=5d\nO Timeout.queuereturn.normal=3d\n', 259200, 0),
    ('O Timeout.queuereturn.*=2d\nO Timeout.queuewarn.normal=1\nO Timeout.queuewarn.*=2h\n', 172800, 7200),
    ('O Timeout.queuereturn.urgent=1d\nO Timeout.QueueReturn=1w2d\n', 777600, 0),
    ('OT7d/3h\n', 604800, 10800),
    ('OT7\n', 604800, 0),
    ('O Timeout.queuereturn=now\n', 0, 0),
    ('O Timeout.queuereturn=3D\n', 259200, 0),            # no unit, so days
    ('O Timeout.queuereturn=12H\n', 1036800, 0),          # no unit either
    ('O Timeout.queuereturn=-1\n', -86400, 0),
])
def test_time_outs_have_the_units_and_the_order_of_sendmail(lines, returned, warned):
    found = _cf.settings(read(lines))['timeouts']
    assert (found['queuereturn'], found['queuewarn']) == (returned, warned)


def test_minutes_are_the_unit_of_other_time_outs():
    assert _cf.settings(read('O Timeout.initial=7\n'))['timeouts']['initial'] == 420


@pytest.mark.parametrize('line', ['O QueueDirectory=/q ', 'O QueueDirectory=/q\t \r', 'O QueueDirectory=/q   # here', 'OQ/q \v'])
def test_white_space_at_the_end_of_a_line_does_not_count(line):
    assert _cf.queue_patterns(read(line + '\n'))[0]['path'] == '/q'


def test_values_that_make_no_sense_are_zero():
    cf = read('O MinQueueAge=soon\nO QueueFileMode=9\nO QueueLA=many\nO Timeout.queuereturn.normal=3d\nQg, P=/g, I=often\n')
    settings = _cf.settings(cf)
    assert (settings['min_queue_age'], settings['queue_file_mode'], settings['queue_la']) == (0, 0, 0)
    assert settings['timeouts']['queuereturn'] == 259200
    assert _cf.queue_patterns(cf)[1]['interval'] is None


LINES = st.one_of(st.binary(max_size=40), st.sampled_from([b'O Queue', b'OQ/q', b'DS[x', b'D{MTAHost}::', b'Qa, P', b'Ma, A="',
                                                           b'V1', b'R', b'Sx', b'O DaemonPortOptions=P', b'O PidFile=$Z${Z}', b'DZ${Z}$Z',
                                                           b'O DaemonPortOptions=A=,r=x', b'O Queue#', b'O AliasFile=\\##', b'C{', b'M,=']))


@given(st.lists(LINES, max_size=12).map(b'\n'.join))
def test_any_bytes_give_plain_values(data):
    cf = _cf.parse(data)
    json.dumps([cf._asdict(), _cf.queue_patterns(cf), _cf.settings(cf)])
