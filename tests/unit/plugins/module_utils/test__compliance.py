# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a configuration lets strangers relay. That it sees a real host is shown by the scenario compliance. Python 3.6 syntax."""
import types

import pytest

from ansible_collections.mailops.sendmail.plugins.module_utils import _cf, _compliance

RULES = 'SBasic_check_rcpt\nR$*\t$#error $: "550 Relaying denied"\n'


@pytest.fixture
def relaying(tmp_path):
    def found(text, **tables):
        for name, lines in tables.items():
            (tmp_path / name).write_text(lines)
        path = tmp_path / 'sendmail.cf'
        path.write_text(RULES + text.format(tmp_path))
        return _compliance._relaying(types.SimpleNamespace(
            layout=types.SimpleNamespace(sendmail_cf=str(path)), configurations={'mta': _cf.parse(path.read_bytes())}))
    return found


@pytest.mark.parametrize('line, open_to_all', [
    ('com RELAY', True), ('Connect:8\tRELAY', True), ('from: relay', True), ('172 RELAY', True), ('Connect:127 RELAY', False), ('10 RELAY', False),
    ('192.168 RELAY', False), ('com OK', False), ('#com RELAY', False), ('Connect:localhost RELAY', False),
    # RFC 6761 and RFC 6762, appendix G: nobody can have a name there in the DNS of the world.
    ('lan RELAY', False), ('.local RELAY', False), ('To:internal RELAY', False), ('localdomain RELAY', False), ('land RELAY', True),
])
def test_an_access_table(relaying, line, open_to_all):
    assert bool(relaying('Kaccess hash -T<TMPF> -o {}/access\n', access=line + '\n')) is open_to_all


def test_which_access_table(relaying, tmp_path):
    assert relaying('Kaccess hash {}/other.db\n', access='', other='com RELAY\n') == ["%s/other relays for all of 'com'." % tmp_path]
    assert relaying('', access='com RELAY\n') == []                                       # no FEATURE(access_db): nobody reads it
    assert relaying('Kaccess ldap -1 -k (x)\n') == []


@pytest.mark.parametrize('lines, open_to_all', [('net\n', True), ('# net\n', False), ('corp\n', False), ('example.org\n', False)])
def test_relay_domains(relaying, lines, open_to_all):
    assert bool(relaying('FR-o {}/domains\n', domains=lines)) is open_to_all
    assert bool(relaying('CR' + lines)) is open_to_all or lines[0] == '#'
