# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alias files and the option that names them. What is expected is what newaliases and sendmail -bv of 8.18.1 make of the same text. Python 3.6 syntax."""
import time

import pytest

from ansible_collections.mailops.sendmail.plugins.module_utils import _aliases


@pytest.mark.parametrize('value, expected', [
    ('/etc/mail/aliases', [('implicit', '/etc/mail/aliases')]),
    ('hash:/etc/aliases', [('hash', '/etc/aliases')]),
    ('hash:-T<TMPF> -o /etc/aliases', [('hash', '/etc/aliases')]),
    ('/etc/aliases, cdb:/etc/lists', [('implicit', '/etc/aliases'), ('cdb', '/etc/lists')]),
    # A comma in quotes is part of the map.
    ('ldap:-k "(&(x=%0),(y=z))" -v m, dbm:"/etc/a"', [('ldap', None), ('dbm', '/etc/a')]),
    ('nis:mail.aliases', [('nis', None)]),
    ('sequence:a b', [('sequence', None)]),
    ('', []),
    (' , ', []),
    ('relative', [('implicit', None)]),
])
def test_what_aliasfile_names(value, expected):
    assert [tuple(one) for one in _aliases.sources(value)] == expected


@pytest.mark.parametrize('kind, compiled, expected', [
    ('hash', None, ['/a.db']), ('dbm', {}, ['/a.dir']), ('text', None, []), ('implicit', None, ['/a.db', '/a.dir', '/a.cdb']),
    ('implicit', {'NEWDB': False, 'NDBM': False, 'CDB': True}, ['/a.cdb']), ('implicit', {'NEWDB': False}, []),
])
def test_where_the_map_is(kind, compiled, expected):
    assert _aliases.database(_aliases.Source(kind, '/a'), compiled) == expected


@pytest.mark.parametrize('text, expected', [
    ('root: alice\nPostmaster:root, bob\n', [('root', ['alice']), ('postmaster', ['root', 'bob'])]),
    ('list: a,\n  b,\n\tc\nx: y', [('list', ['a', 'b', 'c']), ('x', ['y'])]),
    ('list: a, \\\nb\n', [('list', ['a', 'b'])]),
    # What follows a comment with white space is part of the comment.
    ('# old:\n  decode: x\nnew: y\n', [('new', ['y'])]),
    ('#decode: root\n', []),
    # Refused: white space after an empty line, no colon, no value.
    ('\n  a: b\nno colon\nnothing:\n', []),
    ('"decode": root\n', [('decode', ['root'])]),
    ('a: "|/bin/x one, two", c\n', [('a', ['|/bin/x one, two', 'c'])]),
    ('a: "say \\"x\\"", b\n', [('a', ['say "x"', 'b'])]),
    ('a: "open\nb: c\n', [('a', ['"open']), ('b', ['c'])]),
    ('', []),
])
def test_the_text_of_aliases(text, expected):
    assert list(_aliases.entries(text)) == expected


@pytest.mark.parametrize('address, expected', [
    ('alice', None), ('/var/mail/x', None), (':include:/etc/list', None), ('\\alice', None),
    ('|/usr/bin/prog -x y', '/usr/bin/prog'), ('| /usr/bin/prog', '/usr/bin/prog'), ('|"/usr/bin/prog x"', '/usr/bin/prog'), ('|vacation bob', 'vacation'),
    ("|IFS=' ' && exec /usr/bin/procmail -f- || exit 75 #bob", '/usr/bin/procmail'), ('|env A=b /bin/x', '/bin/x'), ('|/bin/x;/bin/y', '/bin/x'),
    ('|', ''), ('|$(x)', ''), ('|`x`', ''), ('|/bin/{a,b}', ''),
])
def test_which_program_an_address_runs(address, expected):
    assert _aliases.program(address) == expected


def test_a_line_without_an_end_takes_no_time():
    begun = time.process_time()
    assert [name for name, _right in _aliases.entries('a: ' + '"\\' * 2000000 + '"\nb: c')] == ['b']
    assert [name for name, _right in _aliases.entries('a: b,\n c,' * 1000000 + '\nb: c')] == ['a', 'b']
    assert _aliases.program('|' + '"' * 60001) == ''
    assert time.process_time() - begun < 20
