# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a configuration lets strangers relay. That it sees a real host is shown by the scenario compliance. Python 3.6 syntax."""
import types

import pytest

from ansible_collections.mailops.sendmail.plugins.module_utils import _cf, _compliance, _controls, _look, _platform, _spool

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


@pytest.mark.parametrize('words, open_to_all', [('$m', False), ('.$m', False), ('${all}', True), ('example.$m net', True)])
def test_macros_in_class_r(relaying, words, open_to_all):
    """A C line is expanded (readcf.c); Sendmail itself knows $m."""
    assert bool(relaying(('D{all}org\nCR%s\n' % words).replace('{', '{{').replace('}', '}}'))) is open_to_all


@pytest.mark.parametrize('lines, open_to_all', [('net\n', True), ('# net\n', False), ('corp\n', False), ('example.org\n', False)])
def test_relay_domains(relaying, lines, open_to_all):
    assert bool(relaying('FR-o {}/domains\n', domains=lines)) is open_to_all
    assert bool(relaying('CR' + lines)) is open_to_all or lines[0] == '#'


@pytest.mark.parametrize('family, path, key, owner, group, mode, right', [
    # system-user-mail and sendmail.tmpfiles of openSUSE: "d /var/spool/clientmqueue 0770 mail mail"; its sendmail.spec: root:mail.
    ('suse', '/var/spool/clientmqueue', 'msp_queue', 'mail', 'mail', '0770', True),
    ('suse', '/var/spool/clientmqueue', 'msp_queue', 'root', 'mail', '0770', True),
    ('suse', '/var/spool/clientmqueue', 'msp_queue', 'alice', 'mail', '0770', False),
    ('suse', '/var/spool/mqueue', 'mta_queue', 'mail', 'root', '0700', False),
    ('freebsd', '/var/spool/mqueue', 'mta_queue', 'root', 'daemon', '0700', True),
    ('freebsd', '/var/spool/mqueue', 'mta_queue', 'root', 'daemon', '0755', True),
    ('freebsd', '/var/spool/mqueue', 'mta_queue', 'root', 'daemon', '0775', False),
    ('upstream', '/etc/mail/submit.cf', 'submit_cf', 'root', 'wheel', '0644', True),
    ('upstream', '/etc/mail/submit.cf', 'submit_cf', 'root', 'wheel', '0664', False)])
def test_owners_and_modes_are_judged_as_sendmail_permissions_would(monkeypatch, family, path, key, owner, group, mode, right):
    layout = _platform.PLATFORMS[family]
    directories = {name: [_spool.QueueDirectory(name, place, place, place, place, False)] if place == path else []
                   for name, place in (('msp', '/var/spool/clientmqueue'), ('mta', '/var/spool/mqueue'))}
    monkeypatch.setattr(_compliance._system, 'file_state', lambda asked: {
        'path': asked, 'exists': True, 'error': None, 'owner': owner, 'group': group, 'mode': mode})
    look = _look.Look(0, directories=directories, layout=layout, program={'sendmail': None}, submitter={'user': layout.msp_user, 'group': layout.msp_group})
    one = next(one for one in _compliance._wanted(look) if (one['key'], one['path']) == (key, path))
    assert (_controls._wrong_rights(one) == '') is right


@pytest.mark.parametrize('user, owner, right', [('mailnull', 'mailnull', True), ('mailnull', 'root', False), (None, 'root', True), (None, 'mailnull', False),
                                                ('root', 'root', True), ('0', 'root', True)])
def test_the_queue_of_an_mta_belongs_to_its_user(monkeypatch, user, owner, right):
    monkeypatch.setattr(_compliance._system, 'file_state', lambda path: {
        'path': path, 'exists': True, 'error': None, 'owner': owner, 'group': 'mail', 'mode': '0700'})
    look = _look.Look(0, directories={'mta': [_spool.QueueDirectory('mqueue', *['/var/spool/mqueue'] * 4, False)]}, layout=_platform.REDHAT,
                      program={'sendmail': None}, submitter={'user': 'smmsp', 'group': 'smmsp'}, settings={'mta': {'run_as_user': user}})
    (one,) = [one for one in _compliance._wanted(look) if one['key'] == 'mta_queue']
    assert (_controls._wrong_rights(one) == '') is right


@pytest.mark.parametrize('submit, group, mode, right', [
    # "The old method ... sendmail was installed as set-user-ID root": sendmail/SECURITY. Its group is nobody's matter then.
    (None, 'mail', '4755', True), (None, 'mail', '4777', False), (None, 'smmsp', '0755', False), (object(), 'mail', '4755', False),
    (object(), 'smmsp', '2555', True)])
def test_without_submit_cf_the_program_is_set_user_id(monkeypatch, submit, group, mode, right):
    monkeypatch.setattr(_compliance._system, 'file_state', lambda path: {
        'path': path, 'exists': True, 'error': None, 'owner': 'root', 'group': group, 'mode': mode})
    look = _look.Look(0, layout=_platform.UPSTREAM, program={'sendmail': '/usr/sbin/sendmail', 'mode': mode},
                      submitter={'user': 'smmsp', 'group': 'smmsp'}, configurations={'msp': submit})
    (one,) = [one for one in _compliance._wanted(look) if one['key'] == 'binary']
    assert (_controls._wrong_rights(one) == '') is right
