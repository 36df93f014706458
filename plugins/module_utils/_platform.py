# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Where each platform keeps Sendmail, who owns what, and what runs the queue: data, and the choice of the right record.

Which Sendmail is installed decides, not which distribution runs: one that was built and installed by hand has the owners and modes of
Sendmail's own Makefiles wherever it stands.
"""

from typing import Callable, Dict, NamedTuple, Optional, Tuple


class Rule(NamedTuple):
    """What owner, group and mode one path has to have. C(owner) None: leave it (queue files keep the user who submitted them)."""

    path: str
    owner: Optional[str]
    group: Optional[str]
    mode: int
    optional: bool = False                                                    # may be absent: it comes into being when needed


class Platform(NamedTuple):
    """One packaging of Sendmail. C(rules) come by key; the keys are the same everywhere, C(run_...) ones are Debian's own.

    C(binaries) are the names Sendmail is called by, best first; C(msp_queue_file) and C(mta_queue_file) among the rules
    are for every file in the queue and have the directory as path. The configuration can name other queue directories,
    pid and statistics files: then the rule counts for those. L(UNKNOWN) has no rules: nobody may guess owners there.
    """

    family: str
    binaries: Tuple[str, ...]
    submit_cf: str
    sendmail_cf: str
    msp_user: str
    msp_group: str
    mta_user: str
    mta_service: str
    msp_service: str                                                          # of the queue runner, where it has one of its own
    rules: Dict[str, Rule]


def _rules(binary: Rule, msp: Rule, mta: Rule, cf: Rule, mail: Rule, pids: Tuple[Rule, Rule], statistics: Tuple[Rule, Rule],
           **more: Rule) -> Dict[str, Rule]:
    rules = {
        'binary': binary, 'msp_queue': msp, 'mta_queue': mta, 'mail_dir': mail, 'submit_cf': cf._replace(path='/etc/mail/submit.cf'),
        'sendmail_cf': cf._replace(path='/etc/mail/sendmail.cf'), 'msp_pid': pids[0], 'mta_pid': pids[1], 'msp_statistics': statistics[0],
        'mta_statistics': statistics[1], 'msp_queue_file': Rule(msp.path, None, msp.group, 0o660), 'mta_queue_file': Rule(mta.path, 'root', None, 0o600)}
    rules.update(more)
    return rules


_CLIENT = '/var/spool/clientmqueue'
_MTA_QUEUE = '/var/spool/mqueue'
_CONFIGURATION = {'submit_cf': '/etc/mail/submit.cf', 'sendmail_cf': '/etc/mail/sendmail.cf'}
_SMMSP = {'msp_user': 'smmsp', 'msp_group': 'smmsp', 'mta_user': 'root'}

# Sendmail's own: devtools/M4/UNIX/defines.m4 (GBINMODE, MSPQOWN, STMODE), sendmail/Makefile.m4, cf/cf/Makefile (CFMODE), sendmail/SECURITY,
# cf/feature/msp.m4 (PidFile, StatusFile). Groups that each system has its own name for (bin, wheel, root) are left as they are.
UPSTREAM = Platform(
    family='upstream', binaries=('/usr/sbin/sendmail', '/usr/lib/sendmail', '/usr/local/sbin/sendmail', '/usr/bin/sendmail'),
    mta_service='sendmail', msp_service='sm-client',
    rules=_rules(
        Rule('/usr/sbin/sendmail', 'root', 'smmsp', 0o2555),
        Rule(_CLIENT, 'smmsp', 'smmsp', 0o770), Rule(_MTA_QUEUE, 'root', None, 0o700),
        Rule('', 'root', None, 0o444), Rule('/etc/mail', 'root', None, 0o755),
        (Rule(_CLIENT + '/sm-client.pid', 'smmsp', 'smmsp', 0o600, True), Rule('/var/run/sendmail.pid', 'root', None, 0o600, True)),
        (Rule(_CLIENT + '/sm-client.st', 'smmsp', 'smmsp', 0o600, True), Rule('/etc/mail/statistics', 'root', None, 0o600, True))),
    **_CONFIGURATION, **_SMMSP)

# Debian: the maintainer scripts of sendmail-bin and sendmail-base, and the helper /usr/share/sendmail/sendmail.
DEBIAN = Platform(
    family='debian', binaries=('/usr/sbin/sendmail', '/usr/sbin/sendmail-mta', '/usr/libexec/sendmail/sendmail', '/usr/lib/sm.bin/sendmail'),
    mta_service='sendmail', msp_service='sm-client',
    rules=_rules(
        Rule('/usr/libexec/sendmail/sendmail', 'root', 'smmsp', 0o2755),
        Rule('/var/spool/mqueue-client', 'smmsp', 'smmsp', 0o2770), Rule(_MTA_QUEUE, 'smmta', 'smmsp', 0o2750),
        Rule('', 'root', 'smmsp', 0o644), Rule('/etc/mail', 'smmta', 'smmsp', 0o2755),
        (Rule('/run/sendmail/msp/sendmail.pid', 'smmsp', 'smmsp', 0o640, True), Rule('/run/sendmail/mta/sendmail.pid', 'root', 'smmta', 0o640, True)),
        (Rule('/var/lib/sendmail/sm-client.st', 'smmsp', 'smmsp', 0o660, True), Rule('/var/lib/sendmail/sendmail.st', 'root', 'smmsp', 0o640, True)),
        mta_queue_file=Rule(_MTA_QUEUE, 'root', 'smmsp', 0o640),
        run_dir=Rule('/run/sendmail', 'root', 'smmta', 0o2755, True), run_mta=Rule('/run/sendmail/mta', 'root', 'smmta', 0o2755, True),
        run_msp=Rule('/run/sendmail/msp', 'smmsp', 'smmsp', 0o2775, True), run_stamp=Rule('/run/sendmail/stampdir', 'root', 'smmsp', 0o2775, True)),
    **_CONFIGURATION, **_SMMSP)

# Red Hat: sendmail.spec of el8 and el9 (%files), sendmail.service, sm-client.service. The pid file of the MTA gets the group of the program.
REDHAT = Platform(
    family='redhat', binaries=('/usr/sbin/sendmail', '/usr/sbin/sendmail.sendmail'),
    mta_service='sendmail', msp_service='sm-client',
    rules=_rules(
        Rule('/usr/sbin/sendmail.sendmail', 'root', 'smmsp', 0o2755),
        Rule(_CLIENT, 'smmsp', 'smmsp', 0o770), Rule(_MTA_QUEUE, 'root', 'mail', 0o700),
        Rule('', 'root', 'root', 0o644), Rule('/etc/mail', 'root', 'root', 0o755),
        (Rule('/run/sm-client.pid', 'smmsp', 'smmsp', 0o644, True), Rule('/run/sendmail.pid', 'root', None, 0o600, True)),
        (Rule(_CLIENT + '/sm-client.st', 'smmsp', 'smmsp', 0o660, True), Rule('/var/log/mail/statistics', 'root', 'root', 0o600, True))),
    **_CONFIGURATION, **_SMMSP)

# openSUSE: sendmail.spec (%files, %install), whose patch makes RunAsUser of the submission program "mail" (cf/feature/msp.m4),
# sendmail.service, sendmail-client.service. The configuration of the MTA is /etc/sendmail.cf. Since Leap 15 the package
# system-user-mail, and at each boot sendmail.tmpfiles, give the client queue to the user mail.
SUSE = Platform(
    family='suse', binaries=('/usr/sbin/sendmail', '/usr/lib/sendmail'),
    submit_cf='/etc/mail/submit.cf', sendmail_cf='/etc/sendmail.cf', msp_user='mail', msp_group='mail', mta_user='root',
    mta_service='sendmail', msp_service='sendmail-client',
    rules=_rules(
        Rule('/usr/sbin/sendmail', 'root', 'mail', 0o2555),
        Rule(_CLIENT, 'root', 'mail', 0o770), Rule(_MTA_QUEUE, 'root', 'root', 0o700),
        Rule('', 'root', 'root', 0o644), Rule('/etc/mail', 'root', 'root', 0o755),
        (Rule(_CLIENT + '/sm-client.pid', 'mail', 'mail', 0o600, True), Rule('/var/run/sendmail.pid', 'root', None, 0o600, True)),
        (Rule(_CLIENT + '/sm-client.st', None, 'mail', 0o660, True), Rule('/var/lib/sendmail/statistics', 'root', 'root', 0o600, True)),
        sendmail_cf=Rule('/etc/sendmail.cf', 'root', 'root', 0o644)))

# Gentoo: src_install() of mail-mta/sendmail's ebuilds, which installs by Sendmail's Makefiles as root:root, and files/sendmail.
GENTOO = UPSTREAM._replace(
    family='gentoo', binaries=('/usr/sbin/sendmail',), rules=dict(
        UPSTREAM.rules, mta_queue=Rule(_MTA_QUEUE, 'root', 'root', 0o700), sendmail_cf=Rule('/etc/mail/sendmail.cf', 'root', 'root', 0o644)))

# Arch: PKGBUILD and sendmail.tmpfiles of the package in the AUR.
ARCH = UPSTREAM._replace(
    family='arch', binaries=('/usr/sbin/sendmail', '/usr/bin/sendmail'),
    rules=dict(GENTOO.rules, mta_queue=Rule(_MTA_QUEUE, 'root', 'root', 0o755)))

# FreeBSD: etc/mtree/BSD.sendmail.dist and libexec/rc/rc.d/sendmail of the base system.
FREEBSD = Platform(
    family='freebsd', binaries=('/usr/libexec/sendmail/sendmail', '/usr/local/sbin/sendmail', '/usr/sbin/sendmail'),
    mta_service='sendmail', msp_service='sendmail',
    rules=_rules(
        Rule('/usr/libexec/sendmail/sendmail', 'root', 'smmsp', 0o2555),
        Rule(_CLIENT, 'smmsp', 'smmsp', 0o770), Rule(_MTA_QUEUE, 'root', 'daemon', 0o755),
        Rule('', 'root', 'wheel', 0o444), Rule('/etc/mail', 'root', 'wheel', 0o755),
        (Rule(_CLIENT + '/sm-client.pid', 'smmsp', 'smmsp', 0o600, True), Rule('/var/run/sendmail.pid', 'root', 'wheel', 0o600, True)),
        (Rule(_CLIENT + '/sm-client.st', 'smmsp', 'smmsp', 0o600, True), Rule('/var/log/sendmail.st', 'root', 'wheel', 0o640, True))),
    **_CONFIGURATION, **_SMMSP)

# A packaging that no table above describes. What the configuration and the processes say is all that is known.
UNKNOWN = UPSTREAM._replace(
    family='unknown', rules={}, binaries=UPSTREAM.binaries + ('/usr/libexec/sendmail/sendmail', '/usr/libexec/sendmail'))

PLATFORMS = {platform.family: platform for platform in (DEBIAN, REDHAT, SUSE, GENTOO, ARCH, FREEBSD, UPSTREAM)}
UNTOLD = ('This collection does not know the packaging of this Sendmail, nor its owners and modes. Nothing is changed. '
          'Compare them with what its package installs, or with sendmail/SECURITY of its source.')

# The names of os-release(5), ID first and then ID_LIKE, which is in the order of likeness.
_FAMILIES = (('debian', 'debian ubuntu'), ('redhat', 'rhel fedora centos openeuler amzn'), ('suse', 'suse opensuse sles'),
             ('gentoo', 'gentoo'), ('arch', 'arch'), ('freebsd', 'freebsd'),
             # No table has these, which are like Fedora by their own words: their program, its user and the client queue are those of mail.
             ('mandriva', 'mandriva mageia openmandriva'))
# What only the package brings: one of each row, or it is not the package's Sendmail. Nothing that an administrator writes himself.
_PACKAGE_FILES = (
    ('debian', (('/usr/share/sendmail/update_conf',), ('/usr/libexec/sendmail/sendmail', '/usr/lib/sm.bin/sendmail'))),
    ('redhat', (('/usr/sbin/sendmail.sendmail', '/usr/bin/sendmail.sendmail'), ('/usr/lib/systemd/system/sm-client.service', '/etc/rc.d/init.d/sendmail'))),
    ('suse', (('/usr/lib/systemd/system/sendmail-client.service', '/etc/init.d/sendmail'), ('/usr/lib/sendmail.d/update', '/usr/libexec/sendmail.d/update'))),
    ('gentoo', (('/var/db/pkg/mail-mta/sendmail-[0-9]*',), ('/usr/sbin/sendmail',))),
    ('arch', (('/var/lib/pacman/local/sendmail-[0-9]*',), ('/usr/sbin/sendmail', '/usr/bin/sendmail'))),
)
# Whose package has its program in the place of Sendmail's Makefiles: (what there is on each host of the family, what its package alone brings).
# Without the first, or with one of the others, nobody can say that such a program was built by hand.
_LIKE_UPSTREAM = {
    'gentoo': ('/var/db/pkg/*/*', ()), 'arch': ('/var/lib/pacman/local/*-*', ()),
    'suse': ('/usr', ('/usr/lib/systemd/system/sendmail-client.service', '/usr/lib/sendmail.d/update', '/usr/libexec/sendmail.d/update'))}

# Who else provides a program called sendmail, by what its path or its content says; the first match counts.
OTHER_MTAS = (('exim', b'exim'), ('opensmtpd', b'smtpctl'), ('nullmailer', b'nullmailer'), ('msmtp', b'msmtp'), ('ssmtp', b'ssmtp'),
              ('dma', b'dma.conf'), ('courier', b'courier'), ('postfix', b'postfix'), ('esmtp', b'/esmtprc'), ('busybox', b'BusyBox v'))


def identify(os_release: Dict[str, str], has_path: Callable[[str], bool] = lambda path: False, system: str = 'Linux',
             program: Optional[str] = None) -> Platform:
    """The C(Platform) of the Sendmail on a host, or of the one that its distribution would install where there is none.

    C(os_release): the variables of os-release(5); C(has_path): whether there is such a path, which may be a pattern of glob(7);
    C(system): C(os.uname().sysname); C(program): the real path that the name sendmail leads to, None where that is no Sendmail.
    The package's own files decide, together with the name of the distribution: one file of it, which an administrator may have copied,
    is none. A program in the place of Sendmail's Makefiles that no package brought is upstream's. L(UNKNOWN) where neither is clear, as where
    the database of packages is gone.
    """
    if system == 'FreeBSD':
        return FREEBSD
    words = (os_release.get('ID', '') + ' ' + os_release.get('ID_LIKE', '')).lower().split()
    named = next((family for word in words for family, members in _FAMILIES if word in members.split()), None)
    packaged = [family for family, rows in _PACKAGE_FILES
                if named in (None, family) and all(any(has_path(path) for path in row) for row in rows)]
    if len(packaged) == 1 and (program is None or _is_its_own(packaged[0], program)):
        return PLATFORMS[packaged[0]]
    if program is None:
        return PLATFORMS.get(named or '', UNKNOWN)
    always, own = _LIKE_UPSTREAM.get(named or '', ('', ()))
    by_hand = named in PLATFORMS and program in UPSTREAM.binaries and (not always or has_path(always)) and not any(map(has_path, own))
    return UPSTREAM if by_hand else UNKNOWN


def _is_its_own(family: str, program: str) -> bool:
    """Whether the program is where the package puts it. On Debian and Red Hat a file called /usr/sbin/sendmail was put over the package's link."""
    return program not in UPSTREAM.binaries or PLATFORMS[family].rules['binary'].path in UPSTREAM.binaries
