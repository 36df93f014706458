# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

# PRIVATE to the mailops.sendmail collection: it can change or go in any release.

"""Where each platform keeps Sendmail, who owns what, and what runs the queue: data, and the choice of the right record."""

from typing import Dict, NamedTuple, Optional, Tuple


class Rule(NamedTuple):
    """What owner, group and mode one path has to have. C(owner) None: leave it (queue files keep the user who submitted them)."""

    path: str
    kind: str                                                                 # file, directory, socket
    owner: Optional[str]
    group: Optional[str]
    mode: int
    optional: bool = False                                                    # may be absent: it comes into being when needed


class Platform(NamedTuple):
    """One family of platforms. C(rules) come by key; the keys are the same everywhere, C(run_...) ones are Debian's own.

    C(binaries) are the names Sendmail is called by, best first; C(msp_queue_file) and C(mta_queue_file) among the rules
    are for every file in the queue and have the directory as path. The configuration can name other queue directories,
    pid and statistics files: then the rule counts for those.
    """

    family: str
    binaries: Tuple[str, ...]
    submit_cf: str
    sendmail_cf: str
    msp_user: str
    msp_group: str
    mta_user: str
    mta_service: str
    runner: str                                                               # the mechanism that the platform owns
    packages: Tuple[str, ...]
    rules: Dict[str, Rule]


def _rules(binary, msp, mta, cf, mail, pids, statistics, **more):
    rules = {'binary': binary, 'msp_queue': msp, 'mta_queue': mta, 'submit_cf': cf._replace(path='/etc/mail/submit.cf'),
             'sendmail_cf': cf._replace(path='/etc/mail/sendmail.cf'), 'mail_dir': mail, 'msp_pid': pids[0], 'mta_pid': pids[1],
             'msp_statistics': statistics[0], 'mta_statistics': statistics[1],
             'msp_queue_file': Rule(msp.path, 'file', None, 'smmsp', 0o660),
             'mta_queue_file': Rule(mta.path, 'file', 'root', None, 0o600)}
    rules.update(more)
    return rules


def _file(path, owner, group, mode, optional=False):
    return Rule(path, 'file', owner, group, mode, optional)


def _dir(path, owner, group, mode, optional=False):
    return Rule(path, 'directory', owner, group, mode, optional)


# Sources: sendmail/SECURITY, sendmail/Makefile.m4 and cf/feature/msp.m4 for upstream; the maintainer scripts of
# sendmail-bin and sendmail-base and the helper /usr/share/sendmail/sendmail for Debian; sendmail.spec and its units for
# Red Hat; etc/mtree/BSD.sendmail.dist and etc/rc.d/sendmail for FreeBSD.
_CLIENT = '/var/spool/clientmqueue'

DEBIAN = Platform(
    family='debian', binaries=('/usr/sbin/sendmail', '/usr/sbin/sendmail-mta', '/usr/libexec/sendmail/sendmail', '/usr/lib/sm.bin/sendmail'),
    submit_cf='/etc/mail/submit.cf', sendmail_cf='/etc/mail/sendmail.cf', msp_user='smmsp', msp_group='smmsp', mta_user='root',
    mta_service='sendmail', runner='debian_conf', packages=('sendmail-bin', 'sendmail-base', 'sendmail-cf'),
    rules=_rules(
        _file('/usr/libexec/sendmail/sendmail', 'root', 'smmsp', 0o2755),
        _dir('/var/spool/mqueue-client', 'smmsp', 'smmsp', 0o2770), _dir('/var/spool/mqueue', 'smmta', 'smmsp', 0o2750),
        _file('', 'root', 'smmsp', 0o644), _dir('/etc/mail', 'smmta', 'smmsp', 0o2755),
        (_file('/run/sendmail/msp/sendmail.pid', 'smmsp', 'smmsp', 0o640, True), _file('/run/sendmail/mta/sendmail.pid', 'root', 'smmta', 0o640, True)),
        (_file('/var/lib/sendmail/sm-client.st', 'smmsp', 'smmsp', 0o660, True), _file('/var/lib/sendmail/sendmail.st', 'root', 'smmsp', 0o640, True)),
        mta_queue_file=Rule('/var/spool/mqueue', 'file', 'root', 'smmsp', 0o640),
        run_dir=_dir('/run/sendmail', 'root', 'smmta', 0o2755, True), run_mta=_dir('/run/sendmail/mta', 'root', 'smmta', 0o2755, True),
        run_msp=_dir('/run/sendmail/msp', 'smmsp', 'smmsp', 0o2775, True), run_stamp=_dir('/run/sendmail/stampdir', 'root', 'smmsp', 0o2775, True)))

REDHAT = Platform(
    family='redhat', binaries=('/usr/sbin/sendmail', '/usr/sbin/sendmail.sendmail'),
    submit_cf='/etc/mail/submit.cf', sendmail_cf='/etc/mail/sendmail.cf', msp_user='smmsp', msp_group='smmsp', mta_user='root',
    mta_service='sendmail', runner='systemd_unit', packages=('sendmail', 'sendmail-cf'),
    rules=_rules(
        _file('/usr/sbin/sendmail.sendmail', 'root', 'smmsp', 0o2755),
        _dir(_CLIENT, 'smmsp', 'smmsp', 0o770), _dir('/var/spool/mqueue', 'root', 'mail', 0o700),
        _file('', 'root', 'root', 0o644), _dir('/etc/mail', 'root', 'root', 0o755),
        (_file('/run/sm-client.pid', 'smmsp', 'smmsp', 0o644, True), _file('/run/sendmail.pid', 'root', 'root', 0o600, True)),
        (_file(_CLIENT + '/sm-client.st', 'smmsp', 'smmsp', 0o660, True), _file('/var/log/mail/statistics', 'root', 'root', 0o600, True))))

FREEBSD = Platform(
    family='freebsd', binaries=('/usr/libexec/sendmail/sendmail', '/usr/local/sbin/sendmail', '/usr/sbin/sendmail'),
    submit_cf='/etc/mail/submit.cf', sendmail_cf='/etc/mail/sendmail.cf', msp_user='smmsp', msp_group='smmsp', mta_user='root',
    mta_service='sendmail', runner='rc_conf', packages=(),
    rules=_rules(
        _file('/usr/libexec/sendmail/sendmail', 'root', 'smmsp', 0o2555),
        _dir(_CLIENT, 'smmsp', 'smmsp', 0o770), _dir('/var/spool/mqueue', 'root', 'daemon', 0o755),
        _file('', 'root', 'wheel', 0o444), _dir('/etc/mail', 'root', 'wheel', 0o755),
        (_file(_CLIENT + '/sm-client.pid', 'smmsp', 'smmsp', 0o600, True), _file('/var/run/sendmail.pid', 'root', 'wheel', 0o600, True)),
        (_file(_CLIENT + '/sm-client.st', 'smmsp', 'smmsp', 0o600, True), _file('/var/log/sendmail.st', 'root', 'wheel', 0o640, True))))

UPSTREAM = Platform(
    family='upstream', binaries=('/usr/sbin/sendmail', '/usr/lib/sendmail', '/usr/local/sbin/sendmail'),
    submit_cf='/etc/mail/submit.cf', sendmail_cf='/etc/mail/sendmail.cf', msp_user='smmsp', msp_group='smmsp', mta_user='root',
    mta_service='sendmail', runner='none', packages=('sendmail',),
    rules=_rules(
        _file('/usr/sbin/sendmail', 'root', 'smmsp', 0o2555),
        _dir(_CLIENT, 'smmsp', 'smmsp', 0o770), _dir('/var/spool/mqueue', 'root', None, 0o700),
        _file('', 'root', None, 0o444), _dir('/etc/mail', 'root', None, 0o755),
        (_file(_CLIENT + '/sm-client.pid', 'smmsp', 'smmsp', 0o600, True), _file('/var/run/sendmail.pid', 'root', None, 0o600, True)),
        (_file(_CLIENT + '/sm-client.st', 'smmsp', 'smmsp', 0o600, True), _file('/etc/mail/statistics', 'root', None, 0o600, True))))

PLATFORMS = {platform.family: platform for platform in (DEBIAN, REDHAT, FREEBSD, UPSTREAM)}
_FAMILIES = (('debian', 'debian ubuntu'), ('redhat', 'rhel fedora centos openeuler amzn'), ('freebsd', 'freebsd'))

# Who else provides a program called sendmail, by what its path or its content says; the first match counts.
OTHER_MTAS = (('exim', b'exim'), ('opensmtpd', b'smtpctl'), ('nullmailer', b'nullmailer'), ('msmtp', b'msmtp'), ('ssmtp', b'ssmtp'),
              ('dma', b'dma.conf'), ('courier', b'courier'), ('postfix', b'postfix'))


def identify(os_release, has_path=lambda path: False, system='Linux'):
    """The C(Platform) of a host, from the variables of os-release(5) and C(os.uname().sysname).

    Without a known name the files of the distribution's own Sendmail decide (C(has_path)), at last upstream's layout.
    """
    names = (os_release.get('ID', '') + ' ' + os_release.get('ID_LIKE', '')).lower().split()
    if system == 'FreeBSD':
        return FREEBSD
    for name in names:                                                        # in order: the nearest relative comes first
        for family, members in _FAMILIES:
            if name in members.split():
                return PLATFORMS[family]
    if has_path('/usr/share/sendmail/update_conf'):
        return DEBIAN
    return REDHAT if has_path('/etc/sysconfig/sendmail') else UPSTREAM
