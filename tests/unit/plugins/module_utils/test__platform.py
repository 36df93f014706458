# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from ansible_collections.mailops.sendmail.plugins.module_utils import _platform


@pytest.mark.parametrize('release, paths, system, family', [
    ({'ID': 'debian'}, (), 'Linux', 'debian'),
    ({'ID': 'linuxmint', 'ID_LIKE': 'ubuntu debian'}, (), 'Linux', 'debian'),
    ({'ID': 'fedora'}, (), 'Linux', 'redhat'),
    ({'ID': 'rocky', 'ID_LIKE': 'rhel centos fedora'}, (), 'Linux', 'redhat'),
    ({'ID': 'openEuler'}, (), 'Linux', 'redhat'),
    ({'ID': 'slackware'}, (), 'Linux', 'upstream'),
    ({'ID': 'slackware'}, ('/usr/share/sendmail/update_conf',), 'Linux', 'debian'),
    ({}, ('/etc/sysconfig/sendmail',), 'Linux', 'redhat'),
    ({'ID': 'debian'}, (), 'FreeBSD', 'freebsd'),
    ({'ID': 'freebsd'}, (), 'GNU/kFreeBSD', 'freebsd'),
])
def test_identify(release, paths, system, family):
    assert _platform.identify(release, lambda path: path in paths, system).family == family


@pytest.mark.parametrize('platform', _platform.PLATFORMS.values(), ids=lambda platform: platform.family)
def test_every_platform_says_the_same_things(platform):
    common = {'binary', 'msp_queue', 'mta_queue', 'submit_cf', 'sendmail_cf', 'mail_dir', 'msp_pid', 'mta_pid', 'msp_statistics', 'mta_statistics',
              'msp_queue_file', 'mta_queue_file'}
    assert set(platform.rules) - common == {key for key in platform.rules if key.startswith('run_')}
    assert common <= set(platform.rules)
    for key, rule in platform.rules.items():
        assert rule.path.startswith('/'), key
        assert rule.kind in ('file', 'directory')
        assert rule.mode & 0o002 == 0, 'nothing of Sendmail is for everyone to write'
    # What the mail submission program needs to work at all: its group on the binary and write access to its queue.
    assert platform.rules['binary'].mode & 0o2000
    assert platform.rules['binary'].group == platform.rules['msp_queue'].group == platform.msp_group
    assert platform.rules['msp_queue'].mode & 0o770 == 0o770
    assert platform.rules['msp_queue_file'].owner is None
    assert platform.rules['msp_queue_file'].path == platform.rules['msp_queue'].path


def test_debian_keeps_its_own_users_and_set_group_id_directories():
    rules = _platform.DEBIAN.rules
    assert rules['msp_queue'] == ('/var/spool/mqueue-client', 'directory', 'smmsp', 'smmsp', 0o2770, False)
    assert rules['mta_queue'] == ('/var/spool/mqueue', 'directory', 'smmta', 'smmsp', 0o2750, False)
    assert {key for key in rules if key.startswith('run_')} == {'run_dir', 'run_mta', 'run_msp', 'run_stamp'}
