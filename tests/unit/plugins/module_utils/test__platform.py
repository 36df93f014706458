# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
import fnmatch

import pytest

from ansible_collections.mailops.sendmail.plugins.module_utils import _platform

# What the packages put on a host, from their own lists: sendmail-bin and sendmail-base of Debian 11 and 12, sendmail.spec of el9, of
# openSUSE, the ebuild of Gentoo, the PKGBUILD of Arch.
DEBIAN = {'/usr/share/sendmail/update_conf', '/usr/libexec/sendmail/sendmail', '/etc/init.d/sendmail', '/usr/sbin/sendmail', '/usr/lib/sendmail'}
OLD_DEBIAN = {'/usr/share/sendmail/update_conf', '/usr/lib/sm.bin/sendmail', '/etc/init.d/sendmail', '/usr/sbin/sendmail'}
REDHAT = {'/usr/sbin/sendmail.sendmail', '/usr/sbin/sendmail', '/usr/lib/systemd/system/sm-client.service', '/usr/lib/systemd/system/sendmail.service',
          '/etc/sysconfig/sendmail', '/etc/mail/make'}
SUSE = {'/usr/sbin/sendmail', '/usr/lib/sendmail', '/usr/lib/systemd/system/sendmail-client.service', '/usr/lib/systemd/system/sendmail.service',
        '/usr/libexec/sendmail.d/update', '/etc/sysconfig/sendmail', '/etc/sysconfig/mail', '/etc/sendmail.cf'}
GENTOO = {'/usr/sbin/sendmail', '/var/db/pkg/mail-mta/sendmail-8.18.2', '/etc/conf.d/sendmail', '/etc/init.d/sendmail',
          '/usr/lib/systemd/system/sm-client.service'}
ARCH = {'/usr/sbin/sendmail', '/usr/bin/sendmail', '/var/lib/pacman/local/sendmail-8.18.1-4', '/usr/lib/systemd/system/sm-client.service',
        '/etc/conf.d/sendmail'}
BY_HAND = {'/usr/sbin/sendmail', '/etc/mail/submit.cf', '/var/spool/clientmqueue'}
HERE = '/usr/sbin/sendmail'
PORTAGE, PACMAN = '/var/db/pkg/sys-apps/baselayout-2.17', '/var/lib/pacman/local/filesystem-2025.05.03-1'
# sendmail.spec of Mageia, which OpenMandriva has too, and os-release of Mageia 8.
MAGEIA = {'/usr/sbin/sendmail.sendmail', '/usr/sbin/sendmail', '/usr/lib/sendmail', '/usr/lib/systemd/system/sm-client.service', '/etc/sysconfig/sendmail'}
ROCKY = {'ID': 'rocky', 'ID_LIKE': 'rhel centos fedora'}
LEAP = {'ID': 'opensuse-leap', 'ID_LIKE': 'suse opensuse'}


def identify(release, paths, program, system='Linux'):
    return _platform.identify(release, lambda path: path == '/usr' or bool(fnmatch.filter(paths, path)), system, program).family


@pytest.mark.parametrize('release, paths, program, family', [
    # Each package on its own distribution and on what is derived from it, also while another mailer has the name.
    ({'ID': 'debian'}, DEBIAN, '/usr/libexec/sendmail/sendmail', 'debian'),
    ({'ID': 'linuxmint', 'ID_LIKE': 'ubuntu debian'}, OLD_DEBIAN, '/usr/lib/sm.bin/sendmail', 'debian'),
    ({'ID': 'debian'}, DEBIAN, None, 'debian'),
    ({'ID': 'fedora'}, REDHAT, '/usr/sbin/sendmail.sendmail', 'redhat'),
    ({'ID': 'fedora'}, REDHAT - {'/usr/sbin/sendmail.sendmail'} | {'/usr/bin/sendmail.sendmail'}, '/usr/bin/sendmail.sendmail', 'redhat'),
    (ROCKY, REDHAT, None, 'redhat'),
    ({'ID': 'openEuler'}, REDHAT, '/usr/sbin/sendmail.sendmail', 'redhat'),
    (LEAP, SUSE, HERE, 'suse'),
    ({'ID': 'sles'}, SUSE - {'/usr/libexec/sendmail.d/update'} | {'/usr/lib/sendmail.d/update'}, HERE, 'suse'),
    # openSUSE's sendmail.spec with sysvinit: /etc/init.d/sendmail and no unit.
    ({'ID': 'sles'}, {'/usr/sbin/sendmail', '/etc/init.d/sendmail', '/usr/lib/sendmail.d/update', '/etc/sendmail.cf'}, HERE, 'suse'),
    ({'ID': 'gentoo'}, GENTOO, HERE, 'gentoo'),
    ({'ID': 'arch'}, ARCH, '/usr/bin/sendmail', 'arch'),
    ({'ID': 'manjaro', 'ID_LIKE': 'arch'}, ARCH, '/usr/bin/sendmail', 'arch'),
    # Nobody has Sendmail: what the distribution would install.
    ({'ID': 'debian'}, {'/usr/sbin/sendmail'}, None, 'debian'),
    ({'ID': 'fedora'}, set(), None, 'redhat'),
    (LEAP, {'/etc/sysconfig/sendmail'}, None, 'suse'),
    # Built and installed by hand, on whatever distribution, with files that an administrator copied from a package.
    ({'ID': 'debian'}, BY_HAND, HERE, 'upstream'),
    ({'ID': 'debian'}, BY_HAND | {'/etc/init.d/sendmail', '/etc/mail/sendmail.conf'}, HERE, 'upstream'),
    ({'ID': 'debian'}, BY_HAND, '/usr/local/sbin/sendmail', 'upstream'),
    (ROCKY, BY_HAND, HERE, 'upstream'),
    (ROCKY, BY_HAND | {'/etc/sysconfig/sendmail', '/etc/systemd/system/sm-client.service'}, HERE, 'upstream'),
    (LEAP, BY_HAND | {'/etc/sysconfig/sendmail'}, HERE, 'upstream'),
    ({'ID': 'gentoo'}, BY_HAND | {'/etc/conf.d/sendmail', '/etc/init.d/sendmail', PORTAGE}, HERE, 'upstream'),
    ({'ID': 'arch'}, BY_HAND | {PACMAN}, '/usr/bin/sendmail', 'upstream'),
    # Nobody can say what a package brought: its database is gone, as in a small image, or only a part of the package is as it is known.
    ({'ID': 'gentoo'}, GENTOO - {'/var/db/pkg/mail-mta/sendmail-8.18.2'}, HERE, 'unknown'),
    ({'ID': 'arch'}, ARCH - {'/var/lib/pacman/local/sendmail-8.18.1-4'}, '/usr/bin/sendmail', 'unknown'),
    (LEAP, SUSE - {'/usr/libexec/sendmail.d/update'}, HERE, 'unknown'),
    (LEAP, SUSE - {'/usr/lib/systemd/system/sendmail-client.service'}, HERE, 'unknown'),
    # The database names it: what an administrator has removed of the package changes nothing.
    ({'ID': 'arch'}, ARCH - {'/usr/lib/systemd/system/sm-client.service'}, '/usr/bin/sendmail', 'arch'),
    # Like Fedora by its os-release, and with the files of Red Hat's package, but by a package of its own (2555 root:mail, queue of mail).
    ({'ID': 'mageia', 'ID_LIKE': 'mandriva fedora'}, MAGEIA, '/usr/sbin/sendmail.sendmail', 'unknown'),
    ({'ID': 'mageia', 'ID_LIKE': 'mandriva fedora'}, MAGEIA, None, 'unknown'),
    ({'ID': 'mageia', 'ID_LIKE': 'mandriva fedora'}, BY_HAND, HERE, 'unknown'),
    ({'ID': 'openmandriva'}, MAGEIA, '/usr/sbin/sendmail.sendmail', 'unknown'),
    ({'ID': 'almalinux', 'ID_LIKE': 'rhel centos fedora'}, MAGEIA, '/usr/sbin/sendmail.sendmail', 'redhat'),
    # Put over the package's link.
    ({'ID': 'debian'}, DEBIAN, HERE, 'upstream'),
    (ROCKY, REDHAT, HERE, 'upstream'),
    # One file makes no package: /etc/sysconfig/sendmail is SUSE's too, and a unit can be copied.
    ({}, {'/etc/sysconfig/sendmail'}, None, 'unknown'),
    ({}, BY_HAND | {'/etc/sysconfig/sendmail'}, HERE, 'unknown'),
    ({'ID': 'debian'}, BY_HAND | {'/usr/share/sendmail/update_conf'}, HERE, 'upstream'),
    ({'ID': 'debian'}, REDHAT, '/usr/sbin/sendmail.sendmail', 'unknown'),
    # A distribution without a name that is known: only what its package proves.
    ({'ID': 'kali-like'}, DEBIAN, '/usr/libexec/sendmail/sendmail', 'debian'),
    ({}, REDHAT, '/usr/sbin/sendmail.sendmail', 'redhat'),
    ({'ID': 'slackware'}, BY_HAND, HERE, 'unknown'),
    ({'ID': 'alpine'}, BY_HAND, HERE, 'unknown'),
    ({}, set(), None, 'unknown'),
    ({'ID': 'debian'}, BY_HAND, '/opt/sendmail/sbin/sendmail', 'unknown'),
    ({}, DEBIAN | REDHAT, '/usr/libexec/sendmail/sendmail', 'unknown'),
])
def test_identify(release, paths, program, family):
    assert identify(release, paths, program) == family


def test_identify_freebsd():
    assert identify({'ID': 'debian'}, set(), None, 'FreeBSD') == 'freebsd'
    assert identify({'ID': 'freebsd'}, set(), None, 'GNU/kFreeBSD') == 'freebsd'


@pytest.mark.parametrize('platform', _platform.PLATFORMS.values(), ids=lambda platform: platform.family)
def test_every_platform_says_the_same_things(platform):
    common = {'binary', 'msp_queue', 'mta_queue', 'submit_cf', 'sendmail_cf', 'mail_dir', 'msp_pid', 'mta_pid', 'msp_statistics', 'mta_statistics',
              'msp_queue_file', 'mta_queue_file'}
    assert set(platform.rules) - common == {key for key in platform.rules if key.startswith('run_')}
    assert common <= set(platform.rules)
    for key, rule in platform.rules.items():
        assert rule.path.startswith('/'), key
        assert rule.mode & 0o002 == 0, 'nothing of Sendmail is for everyone to write'
    assert platform.rules['submit_cf'].path == platform.submit_cf and platform.rules['sendmail_cf'].path == platform.sendmail_cf
    # What the mail submission program needs to work at all: its group on the binary and write access to its queue.
    assert platform.rules['binary'].mode & 0o2000
    assert platform.rules['binary'].group == platform.rules['msp_queue'].group == platform.msp_group
    assert platform.rules['msp_queue'].mode & 0o770 == 0o770
    assert platform.rules['msp_queue_file'].owner is None
    assert platform.rules['msp_queue_file'].path == platform.rules['msp_queue'].path
    assert platform.rules['msp_queue_file'].group == platform.msp_group


def test_debian_keeps_its_own_users_and_set_group_id_directories():
    rules = _platform.DEBIAN.rules
    assert rules['msp_queue'] == ('/var/spool/mqueue-client', 'smmsp', 'smmsp', 0o2770, False)
    assert rules['mta_queue'] == ('/var/spool/mqueue', 'smmta', 'smmsp', 0o2750, False)
    assert {key for key in rules if key.startswith('run_')} == {'run_dir', 'run_mta', 'run_msp', 'run_stamp'}


def test_suse_submits_as_mail():
    # cf/feature/msp.m4 as its package patches it, and %attr(2555,root,mail) of its spec.
    assert (_platform.SUSE.msp_user, _platform.SUSE.msp_group, _platform.SUSE.sendmail_cf) == ('mail', 'mail', '/etc/sendmail.cf')
    assert _platform.SUSE.rules['binary'] == ('/usr/sbin/sendmail', 'root', 'mail', 0o2555, False)
    assert _platform.SUSE.rules['msp_queue'] == ('/var/spool/clientmqueue', 'root', 'mail', 0o770, False)


def test_nobody_guesses_owners_of_what_is_not_known():
    assert _platform.UNKNOWN.rules == {} and 'unknown' not in _platform.PLATFORMS
