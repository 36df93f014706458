# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""One look at one host: what everybody judges, taken once."""

import os
import time
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import _cf, _platform, _qf, _spool, _system, _text

_BELOW_MAX = 200        # directories in a directory of mail
# The options that say which queues, the same in every module; documented in the fragment C(queues).
OPTIONS: Dict[str, Dict[str, Any]] = {
    'queue': {'type': 'str', 'choices': ['msp', 'mta', 'all'], 'default': 'all'},
    'queue_directories': {'type': 'list', 'elements': 'path'},
}
CF_LIMIT = 4 << 20
NOT_ROOT = 'This module does not run as root, so it cannot look into the queues of this host: use become: true (ansible-playbook --become), or log in as root.'


class Look(NamedTuple):
    """What one look found: nothing in it is a judgement. What its level does not take keeps the default.

    The levels queues and program are those of L(look), services is taken by _services.served(), and what is below by _probe.probe().
    """

    # queues
    now: int                                # epoch seconds of the look; all ages count from here
    errors: List[Dict[str, Any]] = []       # {queue, path, error}: queue directories that cannot be used
    files: Dict[str, Dict[str, Any]] = {}   # the configuration files by queue: path, exists, error, owner, group, mode ..., and from _readcf problems
    directories: Dict[str, List[_spool.QueueDirectory]] = {}   # by queue, as far as asked for
    held: Optional[Set[Tuple[int, int]]] = None                # (device, inode) of files locked for writing, None where the system does not tell
    layout: _platform.Platform = _platform.UPSTREAM
    configurations: Dict[str, Optional[_cf.Configuration]] = {}   # by queue; None when the file cannot be read
    partial: bool = False                   # taken by an ordinary user, of directories that he named
    # program
    program: Dict[str, Any] = {}            # of _system.program()
    settings: Dict[str, Dict[str, Any]] = {}   # _cf.settings() by queue, for the files that could be read
    left_behind: List[Dict[str, Any]] = []   # where there is no Sendmail: {path, messages}
    accounts: Dict[str, Dict[str, Any]] = {}   # of _system.accounts()
    submitter: Dict[str, Any] = {}          # of the mail submission program: {user, uid, group, gid, conflict, unseen}, None for nobody
    # services
    processes: List[Dict[str, Any]] = []    # of _processes.processes()
    relay: Optional[Dict[str, Any]] = None  # of _route.route()
    greeting: Optional[Dict[str, Any]] = None   # of the place that answers, else of the first; of _network.greeting()
    listeners: List[Dict[str, Any]] = []    # sockets on the ports that submit.cf names
    interfaces: Dict[str, Any] = {}         # of _network.interfaces()
    resolved: Dict[str, Dict[str, Any]] = {}   # the names of the relay, of _names.resolve()
    runners: List[Dict[str, Any]] = []      # of the client queue
    load: Optional[List[float]] = None      # averages of 1, 5 and 15 minutes
    cpus: int = 0
    services: Dict[str, Any] = {}           # {init, mta, msp, cron}, of _system.init_system(), _system.service() and _runners.cron()
    sendmail_conf: Optional[Dict[str, Any]] = None
    resolver_changed: Optional[int] = None  # epoch seconds
    # a diagnosis and a compliance check
    queues: Dict[str, Dict[str, Any]] = {}  # figures, as in the fact sendmail_queue
    hazards: Dict[str, List[Any]] = {}      # of the client queue, by kind: (text, id or None)
    endangered: Dict[str, int] = {}         # messages by kind of hazard
    inspected: int = 0                      # messages, for hazards
    places: List[Dict[str, Any]] = []       # file states of the directories of the client queue
    filesystems: Dict[str, Any] = {}        # by queue, the worst of its directories
    sockets: List[Dict[str, Any]] = []      # Sendmail's, any address
    active: Optional[bool] = None           # whether systemd calls the service of the MTA active
    locked: List[Dict[str, Any]] = []       # {id, pid, seconds, title} of messages in delivery
    lookups: Dict[str, Any] = {}            # of _lookups.look_around()
    dead_letters: List[Dict[str, Any]] = []   # {path, size, mtime}
    obstacles: List[str] = []               # sentences: what keeps an ordinary user from submitting
    swallows: List[str] = []                # what the rules of the MTA make of mail from this host: discard, or quarantine and a reason
    takes_none: List[str] = []              # sentences: the program in submit.cf that keeps no mail
    unasked: List[str] = []                 # sentences: why nobody knows what becomes of mail
    shut_out: str = ''                      # why no connection to the relay comes about for an ordinary user, where one does for the runner
    smart_host: List[str] = []              # that of the MTA, where no connection to it comes about: why, by place
    starts_late: bool = False               # whether a start of Sendmail took longer than anybody waits
    stuck: List[Dict[str, Any]] = []        # {path, why}: control files that no run will try
    stranded: List[Dict[str, Any]] = []     # {path, messages}: directories with mail that no configuration names
    passing: int = 0                        # of the messages never tried: on their way at this moment
    orphans: int = 0                        # data files without a control file, a day old
    ahead: int = 0                          # messages whose last try lies in the future
    passed_over: int = 0                    # messages whose priority is too bad for the load
    mta_kept: int = 0                       # messages in the MTA's queue that nobody tried when they came, nor since
    mailer_gone: Optional[str] = None       # the program that sendmail.cf names for local mail, where it cannot be run
    mta_interval: Optional[int] = None      # seconds between runs of the MTA's queue, where that is known
    mta_shut: List[str] = []                # sentences: why the MTA cannot write into its queue
    confined: List[str] = []                # sentences: what the daemon may not
    unacknowledged: List[str] = []          # sentences: data that the relay does not get
    mta_command: str = ''                   # how the running MTA was started, where it says so
    hosts_access: List[str] = []            # rules of hosts.deny that name Sendmail or all daemons
    # a diagnosis
    subjects: Any = ([], 0)                 # ([(what subjects have in common, messages)], messages looked at), where that was asked for
    # a compliance check
    family: str = ''                        # of the platform
    wanted: List[Dict[str, Any]] = []       # {key, path, owner, group, mode, found}: found is a state of _system.file_state()
    writable: List[str] = []                # paths that everybody may write to
    relaying: List[str] = []                # sentences: what lets strangers relay
    name_servers: List[Dict[str, Any]] = []   # {address, error}, error None for one that answers
    leftovers: Dict[str, List[str]] = {}    # by queue: paths that belong to no message, the first of them
    leftovers_total: Dict[str, int] = {}
    domains: Dict[str, Dict[str, int]] = {}   # recipients by domain and age bucket, of both queues
    domains_cut: bool = False
    policy: Dict[str, Any] = {}             # of _policy.policy()


def names(queue: str) -> Tuple[str, ...]:
    """The queues that the option C(queue) means."""
    return ('msp', 'mta') if queue == 'all' else (queue,)


def _is_root() -> bool:
    return os.geteuid() == 0


def look(level: str, queue: str = 'all', queue_directories: Optional[Sequence[str]] = None) -> Look:
    """One look at the host, without reading any message. Changes nothing; every wait in it is bounded.

    C(level): queues says where they are, from the configuration or from C(queue_directories), and what is being delivered; program
    adds which Sendmail works on them and as whom. Raises SendmailError for who may not see that: an ordinary user can have directories
    looked into that he names and may read, and the look is partial then.
    """
    unprivileged = not _is_root()
    if unprivileged and not queue_directories:
        raise _text.SendmailError(NOT_ROOT)
    found = _queues(queue, queue_directories)._replace(partial=unprivileged)
    if unprivileged and found.errors:
        raise _text.SendmailError('%s: %s. %s' % (found.errors[0]['path'], found.errors[0]['error'], NOT_ROOT))
    return found if level == 'queues' else _program(found, _system.cpus())


def _queues(queue: str, queue_directories: Optional[Sequence[str]]) -> Look:
    """Both configuration files are read even when one queue is asked for: a directory belongs to the queue whose file names it."""
    layout = _system.platform()
    files, configurations = {}, {}
    for name, path in (('msp', layout.submit_cf), ('mta', layout.sendmail_cf)):
        files[name] = _system.read_file(path, CF_LIMIT)
        data = files[name].pop('data')
        configuration = None if data is None else _cf.parse(data)
        configurations[name] = configuration
    directories: Dict[str, List[_spool.QueueDirectory]] = {}
    errors: List[Dict[str, Any]] = []
    for name in names(queue):
        configuration = configurations[name]
        patterns: List[Tuple[str, str]] = []
        if queue_directories:
            if directories:
                break   # they are one set of directories, reported once
            patterns = [('mqueue', os.path.abspath(path)) for path in queue_directories]
        elif configuration is None:
            errors.append({'queue': name, 'path': files[name]['path'],
                           'error': files[name]['error'] or 'there is no such file, so the queue directory is not known'})
        else:
            base = os.path.dirname(files[name]['path'])
            patterns = [(group['group'], os.path.join(base, group['path'])) for group in _cf.queue_patterns(configuration)]
            if not patterns:
                errors.append({'queue': name, 'path': files[name]['path'], 'error': 'the file names no queue directory'})
        directories[name], wrong = _spool.directories(patterns)
        errors.extend(dict(one, queue=name, link=_system.dead_link(one['path'])) for one in wrong)
    return Look(int(time.time()), errors, files, directories, _system.held(), layout, configurations)


def left_behind(directories: Dict[str, List[_spool.QueueDirectory]]) -> List[Dict[str, Any]]:
    """Mail in every directory that is a queue on some platform, or here, and two floors below (q*/qf): [{path, messages}], by names alone."""
    places = set(layout.rules[key].path for layout in _platform.PLATFORMS.values() for key in ('msp_queue', 'mta_queue'))
    places.update(one.path for several in directories.values() for one in several)
    # What was moved out of the way: omqueue, as the Sendmail Installation and Operation Guide calls it, or mqueue.old.
    places.update('%s/%s' % (above, name) for above in set(map(os.path.dirname, places)) for name in _system.names(above) if 'mqueue' in name)
    left, found, seen = [(path, 2) for path in sorted(set(map(os.path.realpath, places)))], [], set()
    while left:
        path, depth = left.pop(0)
        count, below = 0, []
        try:
            directory = _spool.walk(path)
        except OSError:
            continue
        try:
            with _spool.scan(directory) as entries:
                for entry in entries:
                    if depth and len(below) < _BELOW_MAX and entry.name[:1] != '.' and entry.is_dir(follow_symlinks=False):
                        below.append((os.path.join(path, entry.name), depth - 1))
                    elif entry.name[:2] in _qf.CONTROL_PREFIXES and _qf.IDENTIFIER.match(entry.name[2:]):
                        count += 1
        except OSError:
            continue
        finally:
            os.close(directory)
        left[:0] = sorted(below)
        if count and path not in seen:
            seen.add(path)
            found.append({'path': _system.printable(path), 'messages': count})
    return found


def absence(look: Look) -> Optional[str]:
    """Where there is no Sendmail, a sentence that says so, what installs it, and where mail is left; None where there is one."""
    program = look.program or _system.program(look.layout)
    if program['sendmail'] is not None:
        return None
    other, left = program['other_mta'], look.left_behind if look.program else left_behind(look.directories)
    return 'Sendmail is not installed on this host%s: install it with the playbook mailops.sendmail.ensure_submission, or with %s for the role %s.%s' % (
        '' if not other else ', and the name sendmail belongs to %s' % ('another program' if other == 'unknown' else other),
        'sendmail_msp_install: true' + (' and sendmail_msp_replace_other: true' if other else ''), 'mailops.sendmail.sendmail_msp',
        ''.join(' ' + sentence for sentence in left_words(left)))


def left_words(left: List[Dict[str, Any]]) -> List[str]:
    return ['%d %s left in %s.' % (one['messages'], 'message is' if one['messages'] == 1 else 'messages are', one['path']) for one in left]


def _program(found: Look, cpus: int) -> Look:
    found = found._replace(settings=dict((name, _cf.settings(cf, cpus)) for name, cf in found.configurations.items() if cf is not None),
                           program=_system.program(found.layout), cpus=cpus)
    about, accounts = submitter(found)
    return found._replace(accounts=accounts, submitter=about, left_behind=[] if found.program['sendmail'] else left_behind(found.directories))


def submitter(look: Look) -> Tuple[Dict[str, Any], Dict[str, Dict[str, Any]]]:
    """The account that the mail submission program works with, and what L(_system.accounts) says of all that count.

    RunAsUser may be numbers. Without a group in it Sendmail takes the primary group of the user, whatever name that has.
    """
    msp, program = look.settings.get('msp', {}), look.program
    user, group = msp.get('run_as_user') or look.layout.msp_user, msp.get('run_as_group') or look.layout.msp_group
    user = _system.user_name(int(user)) if user.isdigit() else user
    group = _system.group_name(int(group)) if group.isdigit() else group
    accounts = _system.accounts(sorted(set((user, group, look.layout.mta_user))))
    uid, gid, primary = accounts[user]['uid'], accounts[group]['group'], accounts[user]['gid']
    if not msp.get('run_as_group') and primary is not None and gid != primary and program['setgid'] and program['group'] == _system.group_name(primary):
        group, gid = program['group'], primary
    about = {'user': user, 'uid': int(user) if uid is None and user.isdigit() else uid,
             'group': group, 'gid': int(group) if gid is None and group.isdigit() else gid}
    # A file without QueueDirectory is refused before anybody's ids matter: no word about what else is not in it.
    cf = look.configurations.get('msp')
    used = msp if cf is None or cf.option('QueueDirectory') else {}
    unseen = [name for name, number, path in ((user, about['uid'], '/etc/passwd'), (group, about['gid'], '/etc/group'))
              if number is None and '\n%s:' % name in '\n' + _system.script(path)]
    return dict(about, unseen=unseen, conflict=untrusted(used, user) or conflict(used, about, primary, program)), accounts


def untrusted(msp: Dict[str, Any], user: str) -> Optional[str]:
    """Why Sendmail refuses submit.cf for its TrustedUser, None where it does not: readcf.c, O_TRUSTUSER. Of L(submitter)'s own C(user) that is said."""
    name = msp.get('trusted_user') or user
    if name == user or name.isdigit() or _system.accounts([name])[name]['uid'] is not None:
        return None
    return ('TrustedUser in submit.cf is %s, and there is no such user: Sendmail refuses the file, and users cannot submit. Write TrustedUser=%s '
            '(confTRUSTED_USER in submit.mc).' % (_system.printable(name), user))


def conflict(msp: Dict[str, Any], about: Dict[str, Any], primary: Optional[int], program: Dict[str, Any]) -> Optional[str]:
    """Why the account of the mail submission program does not fit its set-group-ID group, None where it does.

    readcf.c, O_RUNASUSER: only root's program takes the user; for others the group counts, where it is the effective one, else it is group 0.
    """
    user, group, gid = about['user'], about['group'], about['gid']
    if msp and program['sendmail'] and not (msp['run_as_group'] or int(program['mode'] or '0', 8) & 0o4000) and (msp['run_as_user'] or '0').isdigit():
        return 'RunAsUser in submit.cf names no group%s, so Sendmail does not use its own, and users cannot submit. Write RunAsUser=%s:%s.' % (
            ' (%s)' % msp['run_as_user'] if msp['run_as_user'] else '', user, group)
    if msp.get('run_as_group') or primary is None or gid is None or primary == gid:
        return None
    return ('The primary group of user %s is %d, and that of the set-group-ID program and its queue is %s, %d: Sendmail ignores RunAsUser, and users '
            'cannot submit. Set it with "usermod -g %s %s", or name the group with RunAsUser=%s:%s in submit.cf.'
            % (user, primary, group, gid, group, user, user, group))
