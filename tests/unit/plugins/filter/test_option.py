# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible.errors import AnsibleFilterError
from ansible.module_utils.common.validation import check_type_bool
from ansible_collections.mailops.sendmail.plugins.filter.option import option
from ansible_collections.mailops.sendmail.plugins.filter.resolv_conf import resolv_conf


@pytest.mark.parametrize('text', ['yes', 'no', 'True', 'FALSE', 'on', 'off', 'y', 'n', 't', 'f', '1', '0', 1, 0, True, False])
def test_a_truth_is_read_as_ansible_itself_reads_it(text):
    assert option(text, 'bool') is check_type_bool(text)


@pytest.mark.parametrize('kind, value', [
    ('bool', 'maybe'), ('bool', ''), ('bool', None), ('bool', [False]), ('int', 'ten'), ('int', '-5'), ('int', -1),
    ('int', '20%'), ('int', ''), ('int', None), ('int', True), ('int', 1.5),
    ('list', '["a"'), ('list', {'a': 1}),
    ('dict', 'a=b'), ('dict', '[1]'), ('addresses', 'ns.example.org'), ('addresses', '10.1.2'), ('addresses', ['10.1.2.3\nsearch evil']),
    ('addresses', 'fe80::1%eth0\n'), ('addresses', ['fe80::1%a b'])])
def test_what_cannot_be_read_is_an_error(kind, value):
    if value == 'fe80::1%eth0\n':
        assert option(value, kind) == ['fe80::1%eth0']
        return
    with pytest.raises(AnsibleFilterError):
        option(value, kind)


@pytest.mark.parametrize('value', ['', 'mail', './mail', '~/mail', '/mail\n', '/mail\x1b[31m', '/\udc80', None, ['/mail'], 5])
def test_a_path_is_absolute_and_can_be_printed(value):
    assert option('/var/lib/mail', 'path') == '/var/lib/mail'
    with pytest.raises(AnsibleFilterError) as refused:
        option(value, 'path', 'archive')
    assert str(refused.value).startswith(f'archive: {str(value)!r} is not an absolute path')
    assert str(refused.value).isprintable()


@pytest.mark.parametrize('value', ['10', 10, '30m', '1d12h', ' 1W ', '0'])
def test_a_duration_stays_as_it_was_given(value):
    assert option(value, 'duration') == str(value).strip()


# 30 is thirty days to whoever sees a default of 30d, and thirty seconds to whoever counts in seconds: then almost all mail would be stale.
@pytest.mark.parametrize('value', ['30', 30, ' 30 ', '1d12', 0, ''])
def test_an_age_has_a_unit(value):
    assert [option(text, 'age') for text in ('30d', ' 1d12h ', '0s')] == ['30d', '1d12h', '0s']
    with pytest.raises(AnsibleFilterError, match='^sendmail_remediate_stale_after: .* is not .*(write|with) .*unit'):
        option(value, 'age', 'sendmail_remediate_stale_after')


@pytest.mark.parametrize('value', ['', None, 'ten', '10minutes', '-5', '1.5h', '5 m!', True, ['5m'], '200000w'])
def test_what_is_no_duration_is_refused(value):
    with pytest.raises(AnsibleFilterError, match='^sendmail_remediate_timeout: .* is not a duration') as refused:
        option(value, 'duration', 'sendmail_remediate_timeout')
    assert repr(value) in str(refused.value)


@pytest.mark.parametrize('kind, value', [
    ('bool', 'maybe'), ('int', 'ten'), ('list', '["a"'), ('dict', 'a=b'), ('addresses', 'ns1'), ('path', 'x'), ('duration', '5x'), ('age', '5')])
def test_an_error_names_the_variable(kind, value):
    with pytest.raises(AnsibleFilterError, match='^flush_queues_at_once: '):
        option(value, kind, 'flush_queues_at_once')


@pytest.mark.parametrize('value, items', [
    ('', []), (None, []), ('a', ['a']), ('a,b', ['a', 'b']), (' a , b ,', ['a', 'b']), ('["a", "b"]', ['a', 'b']), (['a,b'], ['a,b']),
    (('a',), ['a']), (5, ['5'])])
def test_a_list_from_text(value, items):
    assert option(value, 'list') == items


# Play._compile and pct_to_int() in Ansible: 0, less than 0 and an empty list are one batch of all hosts, and int() of a text fails with a traceback.
@pytest.mark.parametrize('value', ['', None, [], '0', 0, '-1', [1, -1], '0%', '101%', 'x%', '%', 'ten', '1.5', '1;2', [1.5], True])
def test_what_is_no_batch_is_refused(value):
    with pytest.raises(AnsibleFilterError, match='^remediate_queues_batches: .* does not say how large the batches are'):
        option(value, 'batches', 'remediate_queues_batches')


@pytest.mark.parametrize('value, batches', [
    ('1', [1]), (3, [3]), ('1,10%,100%', [1, '10%', '100%']), ([1, '10%'], [1, '10%']), (' 1 , 50% ', [1, '50%']), ('["2", "30%"]', [2, '30%'])])
def test_batches(value, batches):
    assert option(value, 'batches') == batches


def test_the_other_kinds():
    assert option('7', 'int') == option(7, 'int') == 7
    assert option('{"a": 1}', 'dict') == option({'a': 1}, 'dict') == {'a': 1}
    assert option(None, 'dict') == option('', 'dict') == {}
    assert option('10.255.255.53', 'addresses') == ['10.255.255.53']
    assert option('10.1.2.3,::1,10.1.2.3', 'addresses') == ['10.1.2.3', '::1']


@pytest.mark.parametrize('value', ['jsn', ['json', 'html'], '["JSON"]', 1, [[]]])
def test_a_format_that_there_is_not_names_the_variable(value):
    with pytest.raises(AnsibleFilterError, match='^survey_queues_reports: .* is not a format of this report. There is: json.$'):
        option(value, 'reports', 'survey_queues_reports')


def test_formats_of_a_report():
    assert option('json', 'reports') == option(['json'], 'reports') == option('["json"]', 'reports') == ['json']
    assert option([], 'reports') == option('', 'reports') == option(None, 'reports') == []


FILE = '# by hand\nsearch example.org\nnameserver 192.0.2.1\n# second\nnameserver 192.0.2.2\noptions rotate\n'


def test_dead_servers_go_and_everything_else_stays():
    # A carriage return is part of the address, which is none then (res_init.c).
    assert resolv_conf('search a\r\nnameserver 10.0.0.1\r\n', ['10.0.0.1']) == 'search a\r\nnameserver 10.0.0.1\n'
    assert resolv_conf('# a\x0cnameserver b\nnameserver 10.0.0.1', ['10.0.0.1']) == '# a\x0cnameserver b\nnameserver 10.0.0.1'
    new = resolv_conf(FILE, ['10.255.255.53'])
    assert new == '# by hand\nsearch example.org\nnameserver 10.255.255.53\n# second\noptions rotate\n'
    assert resolv_conf(new, '10.255.255.53') == new


@pytest.mark.parametrize('text, new', [
    ('', 'nameserver 10.0.0.1\n'), ('options edns0', 'options edns0\nnameserver 10.0.0.1\n'), ('nameserver 192.0.2.1', 'nameserver 10.0.0.1\n'),
    ('nameserver\n', 'nameserver 10.0.0.1\n'), ('#nameserver 192.0.2.1\n', '#nameserver 192.0.2.1\nnameserver 10.0.0.1\n')])
def test_files_of_other_shapes(text, new):
    assert resolv_conf(text, ['10.0.0.1']) == new


@pytest.mark.parametrize('addresses, words', [
    (['10.1.1.1', '10.1.1.2', '10.1.1.3', '10.1.1.4'], 'the resolver reads only 3'), ([], 'no name servers'), (['ns1'], 'not an IP address')])
def test_what_no_resolver_reads_is_refused(addresses, words):
    with pytest.raises(AnsibleFilterError, match=words):
        resolv_conf(FILE, addresses)


@pytest.mark.parametrize('line', ['# Generated by NetworkManager\n', '# Dynamic resolv.conf(5) file generated by resolvconf(8)\n',
                                  '# This is /run/systemd/resolve/stub-resolv.conf managed by man:systemd-resolved(8).\n',
                                  '; generated by /sbin/dhclient-script\n', '# Generated by net-scripts for interface eth0\n',
                                  '# Generated by Docker Engine.\n', '# This file was automatically generated by WSL.\n', '# Generated by iwd\n',
                                  '# resolv.conf(5) file generated by tailscale\n', '#@VPNC_GENERATED@ -- this file is generated by vpnc\n'])
def test_what_a_program_writes_is_left_to_it(line):
    with pytest.raises(AnsibleFilterError, match='a program writes it'):
        resolv_conf(line + FILE, ['10.0.0.1'])
