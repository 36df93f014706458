# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Owners, groups and modes of everything that Sendmail insists on.

L(wants) says what should be (pure, from the platform's table and the configuration), L(inspect) looks at what is, L(plan) compares
(pure), and L(apply) does it. The last three are generators in a row: a queue of a million files is never held in memory.

Everything below a directory that somebody other than root can write to is hostile: see L(_spool.walk). What is changed is a descriptor of a
regular file with one name, or of a directory, that is still what the plan saw.
"""

import errno
import grp
import os
import pwd
import re
import stat
from typing import FrozenSet, NamedTuple, Optional

from ansible_collections.mailops.sendmail.plugins.module_utils import _cf, _filesystem, _look, _platform, _spool, _system, _text

LISTED = 100               # paths of each kind that a result names; the counts are always whole
QUEUE_FILES = frozenset(('qf', 'df', 'hf', 'Qf', 'tf', 'Tf', 'xf'))
STATOVERRIDE = '/var/lib/dpkg/statoverride'
SELINUX = '/sys/fs/selinux/enforce'   # is there where the kernel has a policy loaded
ROLE = 'the role mailops.sendmail.sendmail_msp'
MISSING = {
    'submit.cf': 'It is missing. %s builds it.' % (ROLE[0].upper() + ROLE[1:]),
    'sendmail.cf': 'It is missing. Build it from sendmail.mc, or use "queue: msp" where there is no MTA.',
}
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_KINDS = ((stat.S_ISLNK, 'a symbolic link'), (stat.S_ISFIFO, 'a FIFO'), (stat.S_ISSOCK, 'a socket'), (stat.S_ISDIR, 'a directory'),
          (stat.S_ISREG, 'a regular file'))


class Want(NamedTuple):
    """What one path must be. For C(kind) queue_file it stands for every queue file in the directory C(path)."""

    path: str
    kind: str                  # binary, queue_directory, queue_file, configuration, directory, pid_file, statistics
    uid: Optional[int]         # None: leave it
    gid: Optional[int]
    mode: int
    optional: bool = False     # comes into being when needed
    create: bool = False
    # Who else may own it. Of queue files: whether the group is enough (files of the users who submitted them).
    owners: FrozenSet[int] = frozenset()
    shared: bool = False
    # Of a program that dpkg installs: the "owner group mode" that the next upgrade has to keep, and what stands there now.
    override: Optional[str] = None
    overridden: Optional[str] = None
    spare: int = 0             # bits of the mode that may be otherwise


class Found(NamedTuple):
    """What is there. C(name) is relative to the descriptor C(parent), which is open as long as L(inspect) waits."""

    want: Want
    path: str
    parent: int
    name: str
    about: Optional[os.stat_result]
    error: Optional[str] = None


class Action(NamedTuple):
    """What to do with one path: change, create, skip (C(reason) says why), or error."""

    what: str
    found: Found
    after: tuple = ()          # uid, gid, mode
    reason: str = ''


# What should be

def _check_accounts(overrides, accounts):
    for entry in overrides:
        for option, key, what in (('owner', 'uid', 'user'), ('group', 'group', 'group')):
            name = entry.get(option)
            if name and not name.isdigit() and accounts[name][key] is None:
                raise _text.SendmailError('overrides.%s: there is no %s %s on this host. Create it first, or name another.'
                                          % (option, what, _text.shown(name)))


class _Wants:
    """The wants of one host, as they are found: C(found) and C(errors). The arguments as of L(wants)."""

    def __init__(self, look, accounts, overrides, statoverrides):
        self.look, self.accounts, self.statoverrides, self.who = look, accounts, statoverrides, names(look)
        self.rules = look.layout.rules
        self.unused = dict((os.path.normpath(entry['path']), entry) for entry in overrides)
        self.used = {}
        self.found, self.errors = [], []

    def add(self, path, kind, owner, group, mode, **more):
        entry = self.unused.get(path) or self.used.get(path)
        if entry and kind != 'queue_file':
            self.used[path] = self.unused.pop(path, entry)
            owner, group = entry.get('owner') or owner, entry.get('group') or group
            more.update({'owners': frozenset()} if entry.get('owner') else {}, **({} if entry.get('mode') is None else {'spare': 0}))
            mode = mode if entry.get('mode') is None else entry['mode']
        ids = []
        for name, key, what in ((owner, 'uid', 'user'), (group, 'group', 'group')):
            number = None if name is None else int(name) if str(name).isdigit() else self.accounts[name][key]
            if name is not None and number is None:
                self.errors.append({'path': path, 'error': 'Programs find no %s %s here. Where no line of /etc/%s is hidden from them, %s creates it.'
                                                           % (what, _printed(name), {'user': 'passwd'}.get(what, what), ROLE)})
                return
            ids.append(number)
        # Of a program that no package brought dpkg knows nothing, and will never unpack it again.
        if kind == 'binary' and self.statoverrides is not None and self.look.layout.family == 'debian' and path == self.rules['binary'].path:
            more.update(override='%s %s %o' % (owner, group, mode), overridden=self.statoverrides.get(path, ''))
        self.found.append(Want(path, kind, ids[0], ids[1], mode, **more))

    def add_queue(self, queue):
        """The directories of a queue, and the files in them."""
        key = queue + '_queue'
        cf, files = self.look.configurations[queue], self.rules[key + '_file']
        settings = _cf.settings(cf) if cf is not None else {}
        places = self._places(queue)
        for path in [path for path in places if _spool.never(path)]:
            del places[path]
            self.errors.append({'path': path, 'error': 'The configuration names this directory as a queue, which it cannot be: set QueueDirectory.'})
        runner, mode = self.who[queue + '_user'], settings.get('queue_file_mode', files.mode)
        ids = [None if name is None else int(name) if name.isdigit() else self.accounts[name]['uid'] for name in (runner, settings.get('trusted_user'))]
        # Files before directories: a run that cannot write to its directory leaves a wrong file alone, one that can loses it.
        for path in places:
            # Only the submission program has the group exception, and only with both modes group-writable (readqf() in queue.c).
            self.add(path, 'queue_file', runner, _renamed(files.group, self.who), mode, owners=frozenset(one for one in ids if one is not None),
                     shared=queue == 'msp' and mode & 0o060 == 0o060, optional=True)
        rule = self.rules[key]
        owner = _mta_runner(settings, rule.owner) if queue == 'mta' else _renamed(rule.owner, self.who, 'user')
        for path, create in places.items():
            # Sendmail's user can work in what is his own, and some release of the packaging may have given it to him.
            self.add(path, 'queue_directory', owner, _renamed(rule.group, self.who), rule.mode, create=create,
                     spare=_filesystem.spare(key, rule.mode), owners=frozenset(one for one in ids[:1] if one is not None and queue == 'msp'))

    def _places(self, queue):
        """{path of a directory of a queue: whether it is made where it is missing}"""
        places = dict.fromkeys((path for directory in self.look.directories[queue]
                                for path in (directory.control, directory.data, directory.transcript, directory.path)), False)
        for path in _patterns(self.look, queue):
            parent, last = os.path.split(path)
            if not last.endswith('*'):
                places[path] = True
            elif parent == self.rules[queue + '_queue'].path:
                places[parent] = True
        return places

    def add_configuration(self, queue, path, key):
        """A configuration file, and the files of a daemon that it names."""
        rule, cf = self.rules[key], self.look.configurations[queue]
        self.add(path, 'configuration', rule.owner, _renamed(rule.group, self.who), rule.mode, spare=_filesystem.spare(key, rule.mode))
        settings = _cf.settings(cf) if cf is not None else {}
        for part, kind, setting in (('pid', 'pid_file', 'pid_file'), ('statistics', 'statistics', 'status_file')):
            name = '%s_%s' % (queue, part)
            rule = self.rules[name]
            owner = _mta_runner(settings, rule.owner) if name == 'mta_statistics' else _renamed(rule.owner, self.who, 'user')
            self.add(os.path.normpath(os.path.join('/etc/mail', settings.get(setting) or rule.path)), kind, owner, _renamed(rule.group, self.who),
                     rule.mode, optional=True, spare=_filesystem.spare(name, rule.mode))


def wants(look, binary, accounts, overrides=(), statoverrides=None):
    """What must be right on this host, in the order in which to put it right. Pure.

    C(look): _look.Look; C(binary): path of the real program, None where this is none of the call's business;
    C(accounts): what L(_system.accounts) says of L(names); C(overrides): [{path, owner, group, mode}] for single paths, any of the three None;
    C(statoverrides): {path: "owner group mode"} of dpkg, None where there is no dpkg.
    Returns (list of Want, list of {path, error}). Raises SendmailError for an override of a path that is not among them.
    """
    _check_accounts(overrides, accounts)
    wanted = _Wants(look, accounts, overrides, statoverrides)
    rules = look.layout.rules
    for queue in ('msp', 'mta'):
        if queue in look.directories:
            wanted.add_queue(queue)
    # Without submit.cf it is the set-user-ID bit by which users submit, as before 8.12.
    if binary and not (look.configurations['msp'] is None and int(look.program.get('mode') or '0', 8) & 0o4000):
        wanted.add(binary, 'binary', rules['binary'].owner, _renamed(rules['binary'].group, wanted.who), rules['binary'].mode)
    for queue, path, key in (('msp', look.layout.submit_cf, 'submit_cf'), ('mta', look.layout.sendmail_cf, 'sendmail_cf')):
        if queue in look.directories:
            wanted.add_configuration(queue, path, key)
    for key, rule in sorted(rules.items()):
        if key == 'mail_dir' or key.startswith('run_') and (key != 'run_msp' or 'msp' in look.directories) and (key != 'run_mta' or 'mta' in look.directories):
            wanted.add(rule.path, 'directory', _renamed(rule.owner, wanted.who, 'user'), _renamed(rule.group, wanted.who), rule.mode,
                       optional=rule.optional, spare=_filesystem.spare(key, rule.mode))
    if wanted.unused:
        raise _text.SendmailError('overrides.path: %s is not a path that this module manages. These are: %s.' % (
            ', '.join(sorted(wanted.unused)), ', '.join(sorted(set(want.path for want in wanted.found if want.kind != 'queue_file')))))
    return wanted.found, wanted.errors


def _mta_runner(settings, owner):
    """Who has to own what the MTA writes once it has its connection or its queue run: it becomes RunAsUser first (drop_privileges() in main.c)."""
    user = settings.get('run_as_user')
    return owner if user in (None, '', 'root', '0') else user


def _patterns(look, queue):
    """Queue paths as the configuration names them, or the platform's own where it cannot be read."""
    cf = look.configurations[queue]
    if cf is None:
        return [look.layout.rules[queue + '_queue'].path]
    base = os.path.dirname(look.files[queue]['path'])
    return [os.path.normpath(os.path.join(base, group['path'])) for group in _cf.queue_patterns(cf)]


def names(look):
    """Who the programs run as: {msp_user, msp_group, mta_user, msp_table_user, msp_table_group}. RunAsUser counts before the platform's name."""
    layout = look.layout
    settings = dict((queue, _cf.settings(cf) if cf is not None else {}) for queue, cf in look.configurations.items())
    return {'msp_user': look.submitter['user'], 'msp_group': look.submitter['group'],
            'mta_user': settings['mta'].get('run_as_user') or layout.mta_user,
            'msp_table_user': layout.msp_user, 'msp_table_group': layout.msp_group}


def _renamed(name, who, kind='group'):
    return who['msp_' + kind] if name is not None and name == who['msp_table_' + kind] else name


# What is

def inspect(wanted):
    """Yield Found for each Want, and for each name in a queue directory that is a queue file or no file at all."""
    unmounted, wanted = {}, list(wanted)
    queues = [want.path for want in wanted if want.kind == 'queue_directory']
    for want in wanted:
        directory = want.kind in ('queue_directory', 'directory', 'queue_file')
        try:
            if want.kind in ('queue_file', 'queue_directory'):
                if want.path not in unmounted:
                    unmounted[want.path] = _filesystem.under(want.path)['unmounted']
                if unmounted[want.path]:
                    if want.kind == 'queue_directory':
                        yield Found(want, want.path, -1, '', None, 'The file system %s is not mounted, so this is not the queue. Mount it.'
                                                                   % unmounted[want.path])
                    continue
            parent = _spool.walk(want.path if directory else os.path.dirname(want.path))
            if want.kind in ('queue_file', 'queue_directory'):
                try:
                    _spool.check_place(parent, want.path)
                    strange = _spool.check_content(parent, any(path.startswith(want.path + '/') for path in queues))
                    if strange and want.uid not in (None, os.fstat(parent).st_uid):
                        raise OSError(
                            errno.EINVAL, 'it belongs to somebody else and holds nothing of a queue, so it is not treated '
                                          'as one: set QueueDirectory, or set its owner by hand')
                except OSError:
                    os.close(parent)
                    raise
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                yield Found(want, want.path, -1, '', None, error.strerror)
                continue
            if not want.create:
                yield Found(want, want.path, -1, '', None)
                continue
            try:
                parent, directory = _spool.walk(os.path.dirname(want.path)), False
            except OSError as failure:
                yield Found(want, want.path, -1, '', None, 'The directory that should hold it: %s' % failure.strerror)
                continue
        try:
            if want.kind == 'queue_file':
                yield from _queue_files(want, parent)
            elif directory:
                yield Found(want, want.path, parent, '.', os.fstat(parent))
            else:
                name = os.path.basename(want.path)
                try:
                    about = os.stat(name, dir_fd=parent, follow_symlinks=False)
                except FileNotFoundError:
                    about = None
                yield Found(want, want.path, parent, name, about)
        except OSError as error:       # a disk that dies, a server that has gone
            yield Found(want, want.path, -1, '.', None, error.strerror)
        finally:
            os.close(parent)


def _queue_files(want, parent):
    """Only what the plan has to judge: whoever is in C(right) looks like a file that was found right before."""
    right = set()
    look_at, regular, kind_bits = os.stat, stat.S_IFREG, stat.S_IFMT(0o177777)
    with _spool.scan(parent) as entries:
        for entry in entries:
            name = entry.name
            try:
                about = look_at(name, dir_fd=parent, follow_symlinks=False)
            except FileNotFoundError:
                continue           # delivered meanwhile
            except OSError as error:
                yield Found(want, os.path.join(want.path, name), -1, name, None, error.strerror)
                continue
            is_file = about.st_mode & kind_bits == regular
            if is_file:
                key = (about.st_uid, about.st_gid, about.st_mode, about.st_nlink)
                if key in right or name[:2] not in QUEUE_FILES or len(name) > _spool.NAME_MAX:
                    continue
                if about.st_nlink == 1 and queue_file_right(want, about):
                    right.add(key)
                    continue
            elif name[0] == '.' or stat.S_ISDIR(about.st_mode) and (len(name) < 3 or name[:2] not in QUEUE_FILES):
                continue
            yield Found(want, os.path.join(want.path, name), parent, name, about)


# What to do

def queue_file_right(want, about):
    """Whether the runner accepts a queue file: the check of readqf() in queue.c, and that it can read and write it at all."""
    return _right(want, about.st_uid, about.st_gid, about.st_mode)


def _right(want, uid, gid, mode):
    if mode & 0o002 or mode & 0o020 & ~want.mode:
        return False
    if want.shared:
        return gid == want.gid and (mode & 0o600 == 0o600 if uid == want.uid else mode & 0o060 == 0o060)
    return uid in want.owners and (want.uid == 0 or uid == want.uid and mode & 0o600 == 0o600 or gid == want.gid and mode & 0o060 == 0o060)


def plan(found, known):
    """Yield an Action for each Found that is not right. Pure; C(known(uid)) says whether a user with that number exists."""
    for one in found:
        want, about = one.want, one.about
        if one.error is not None:
            if want.kind != 'queue_file' or one.name:       # otherwise the directory itself says so as well
                yield Action('error', one, reason=one.error)
        elif about is None:
            if want.create and one.parent >= 0:
                yield Action('create', one, (want.uid or 0, want.gid or 0, want.mode))
            elif not want.optional:
                yield Action('error', one, reason=MISSING.get(os.path.basename(want.path), 'It is missing: install Sendmail again.'))
        elif not (stat.S_ISDIR if want.kind in ('directory', 'queue_directory') else stat.S_ISREG)(about.st_mode):
            yield Action('skip', one, reason='It is %s.' % ([text for test, text in _KINDS if test(about.st_mode)] or ['a device'])[0])
        else:
            after = _after(want, about, known)
            right = after == (about.st_uid, about.st_gid, stat.S_IMODE(about.st_mode)) and want.override == want.overridden
            # What is installed may be linked to a store of the system's own (OSTree).
            if stat.S_ISREG(about.st_mode) and about.st_nlink != 1 and not (right and want.kind != 'queue_file'):
                yield Action('skip', one, reason='It has %d names (hard links): all of them would change.' % about.st_nlink)
            elif not right:
                yield Action('change', one, after)


def _after(want, about, known):
    before = about.st_uid, about.st_gid, stat.S_IMODE(about.st_mode)
    uid, gid = before[0] if want.uid is None else want.uid, before[1] if want.gid is None else want.gid
    if want.kind == 'queue_file':
        if queue_file_right(want, about):
            return before
        # Files belong to the user who submitted them until the first rewrite. Nothing of root's is left there: Sendmail makes none.
        keeps = about.st_uid in want.owners or want.shared and about.st_uid != 0 and known(about.st_uid)
        if keeps and _right(want, about.st_uid, gid, want.mode):
            uid = about.st_uid
    elif want.kind == 'queue_directory' and about.st_uid in want.owners:
        uid = about.st_uid
    return uid, gid, want.mode if (before[2] ^ want.mode) & ~want.spare else before[2]


def apply(actions, check_mode, look_up=None):
    """Do the actions, or with C(check_mode) only account for them. Returns the module's result as a dict, see L(Outcome)."""
    outcome, mounted = Outcome(look_up or _Names()), {point for point, _kind, _options in _filesystem.mounts('/proc/self/mounts')}
    for action in actions:
        if action.what == 'error':
            outcome.errors.append({'path': _printed(action.found.path), 'error': action.reason})
        elif action.what == 'skip':
            outcome.skip(action.found.path, action.reason)
        elif action.what == 'change' and (_is_mounted(action.found, mounted) or _has_list(action)):
            outcome.skip(action.found.path, 'It is a mount point: what is mounted there would change.' if _is_mounted(action.found, mounted) else
                         'It has an access control list, and another mode would change what that gives to others: remove it with setfacl -b.')
        else:
            try:
                if _do(action, check_mode):
                    outcome.change(action)
                else:
                    outcome.skip(action.found.path, 'It was replaced or changed by somebody else meanwhile.')
            except FileNotFoundError:
                pass               # a queue file that was delivered
            except OSError as error:
                outcome.errors.append({'path': _printed(action.found.path), 'error': error.strerror})
    return outcome


def _is_mounted(found, mounted):
    """Whether a file is one that somebody has mounted over its name, which is somewhere else as well."""
    return stat.S_ISREG(found.about.st_mode) and os.path.join(os.path.realpath(os.path.dirname(found.path)), found.name) in mounted


def _has_list(action):
    """Whether chmod() would change what an access control list gives to others: its mask is what the mode shows as the group's."""
    found = action.found
    if action.after[2] == stat.S_IMODE(found.about.st_mode):
        return False
    try:
        return bool(os.getxattr(os.path.join(b'/proc/self/fd/%d' % found.parent, os.fsencode(found.name)), 'system.posix_acl_access', follow_symlinks=False))
    except (OSError, AttributeError):      # none, or a system that has none
        return False


def _do(action, dry):
    """Carry one action out on a descriptor, or only say whether that can be. False when the path is no longer what the plan saw."""
    found, (uid, gid, mode) = action.found, action.after
    if action.what == 'create':
        _check_writable(found.parent)
        if dry:
            return True
        os.mkdir(found.name, 0o700, dir_fd=found.parent)
    handle = os.open(found.name, _OPEN | (os.O_DIRECTORY if action.what == 'create' else 0), dir_fd=found.parent)
    try:
        about = os.fstat(handle)
        if action.what == 'create':
            # Who owns the directory above it can have put something else there.
            if about.st_uid != os.geteuid() or about.st_mode & 0o077:
                return False
            _label(handle, found.path)
        if action.what == 'change':
            if [about[field] for field in _SAME] != [found.about[field] for field in _SAME]:
                return False
            _check_writable(handle)
            if _filesystem.immutable(handle):
                raise OSError(errno.EPERM, 'It is immutable or append-only: remove that attribute with chattr -ia.')
        if dry:
            return True
        if found.want.override != found.want.overridden:
            _set_override(found.want)
        if (about.st_uid, about.st_gid) != (uid, gid):
            os.fchown(handle, uid, gid)
            about = os.fstat(handle)
        # After the owner: changing that takes the set-group-ID bit away.
        if stat.S_IMODE(about.st_mode) != mode:
            os.fchmod(handle, mode)
        return True
    finally:
        os.close(handle)


def _check_writable(descriptor):
    if os.fstatvfs(descriptor).f_flag & os.ST_RDONLY:
        raise OSError(errno.EROFS, 'Its file system is read-only: find out why (dmesg), and mount it writable.')


def _label(handle, path):
    """Give a directory that was just made the SELinux context that the policy has for its path.

    What root makes has that of the directory above it, and Sendmail may not write to var_spool_t. matchpathcon(8) changes nothing.
    """
    context = _system.command(['matchpathcon', '-n', '-N', path]).strip() if os.path.exists(SELINUX) else ''
    if ':' in context:
        try:
            os.setxattr(handle, 'security.selinux', context.encode('ascii'))
        except OSError as error:
            if error.errno != errno.ENOTSUP:      # the whole file system has one context (mount option context=)
                raise


_SAME = (stat.ST_MODE, stat.ST_INO, stat.ST_DEV, stat.ST_NLINK, stat.ST_UID, stat.ST_GID)


def _set_override(want):
    import subprocess
    commands = [['--add'] + want.override.split() + [want.path]]
    if want.overridden:
        commands.insert(0, ['--remove', want.path])
    for command in commands:
        # The floors know no AnsibleModule.
        done = subprocess.run(  # pylint: disable=ansible-bad-function
            ['dpkg-statoverride'] + command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            timeout=60, check=False, env={'LC_ALL': 'C', 'PATH': '/usr/sbin:/usr/bin:/sbin:/bin'})
        if done.returncode:
            raise OSError(errno.EIO, 'dpkg-statoverride %s: %s' % (command[0], _printed(done.stderr.strip()[-300:])))


def _printed(path):
    return _text.printable(path if isinstance(path, bytes) else os.fsencode(path))


class _Names:
    """Names of users and groups by number, each asked for once. The number itself where there is no name."""

    def __init__(self):
        self.known = {}

    def user(self, uid):
        return self._ask('user', uid, pwd.getpwuid, 'pw_name')

    def group(self, gid):
        return self._ask('group', gid, grp.getgrgid, 'gr_name')

    def exists(self, uid):
        return self.user(uid) is not None

    def _ask(self, kind, number, function, field):
        if (kind, number) not in self.known:
            try:
                self.known[kind, number] = getattr(function(number), field)
            except (KeyError, OverflowError):
                self.known[kind, number] = None
        return self.known[kind, number]


class Outcome:
    """What was done: counts, and the first LISTED of each kind."""

    def __init__(self, look_up):
        self.look_up = look_up
        self.changes, self.changes_total, self.changes_by_kind = [], 0, {}
        self.left_alone, self.left_total = [], 0
        self.errors = []

    def _state(self, uid, gid, mode, override=None):
        state = {'owner': self.look_up.user(uid) or str(uid), 'group': self.look_up.group(gid) or str(gid), 'mode': '%04o' % mode}
        return state if override is None else dict(state, statoverride=override)

    def change(self, action):
        found, about = action.found, action.found.about
        self.changes_total += 1
        self.changes_by_kind[found.want.kind] = self.changes_by_kind.get(found.want.kind, 0) + 1
        if len(self.changes) < LISTED:
            before = None if about is None else self._state(about.st_uid, about.st_gid, stat.S_IMODE(about.st_mode), found.want.overridden)
            self.changes.append({'path': _printed(found.path), 'kind': found.want.kind, 'before': before,
                                 'after': self._state(*(action.after + (found.want.override,)))})

    def skip(self, path, reason):
        self.left_total += 1
        if len(self.left_alone) < LISTED:
            self.left_alone.append({'path': _printed(path), 'reason': reason})

    def result(self):
        return {'changed': self.changes_total > 0, 'changes': self.changes, 'changes_total': self.changes_total, 'changes_by_kind': self.changes_by_kind,
                'left_alone': self.left_alone, 'left_alone_total': self.left_total, 'errors': self.errors[:LISTED]}

    def diff(self):
        sides = []
        for side in ('before', 'after'):
            lines = []
            for change in self.changes:
                state = change[side]
                lines.append(change['path'] + (' (missing)' if state is None else ' %s:%s %s' % (state['owner'], state['group'], state['mode'])))
                if state and 'statoverride' in state:
                    lines[-1] += ' (dpkg-statoverride: %s)' % (state['statoverride'] or 'none')
            more = self.changes_total - len(self.changes)
            sides.append(''.join(line + '\n' for line in lines + (['... and %d more' % more] if more else [])))
        return {'before': sides[0], 'after': sides[1]}


def put_right(queue='all', overrides=None, check_mode=False):
    """Look at this host and put everything right. Returns an Outcome. Raises SendmailError where there is no Sendmail."""
    overrides = [dict(entry, mode=_mode(entry)) for entry in overrides or ()]
    for entry in overrides:
        _check_names(entry)
    look = _look.look('program', queue)
    program = look.program
    if not program['sendmail']:
        raise _text.SendmailError(_look.absence(look))
    if not look.layout.rules:
        raise _text.SendmailError(_platform.UNTOLD)
    who = set(names(look).values())
    for rule in look.layout.rules.values():
        who.update((rule.owner, rule.group))
    for cf in look.configurations.values():
        who.add(_cf.settings(cf)['trusted_user'] if cf is not None else None)
    for entry in overrides:
        who.update((entry.get('owner'), entry.get('group')))
    accounts = _system.accounts(sorted(name for name in who if name))
    wanted, errors = wants(look, program['sendmail'], accounts, overrides, _statoverrides())
    if look.submitter['conflict']:
        errors.append({'path': look.layout.submit_cf, 'error': look.submitter['conflict']})
    look_up = _Names()
    outcome = apply(plan(inspect(wanted), look_up.exists), check_mode, look_up)
    told = set(error['path'] for error in outcome.errors) | set(want.path for want in wanted)
    outcome.errors[:0] = [dict(error, path=_printed(error['path'])) for error in errors] + [
        {'path': error['path'], 'error': error['error']} for error in look.errors if error['path'] not in told]
    return outcome


def act(params, check_mode):
    """The module's work. C(params) as documented in sendmail_permissions. Returns its result; raises SendmailError, with it for what failed in part."""
    outcome = put_right(params['queue'], params['overrides'], check_mode)
    result = dict(outcome.result(), diff=outcome.diff())
    if outcome.errors:
        raise _text.SendmailError(' '.join('%s: %s' % (error['path'], error['error']) for error in outcome.errors[:5]), **result)
    return result


def _check_names(entry):
    for option in ('owner', 'group'):
        name = entry.get(option)
        # The largest number means "as it is" to chown(2).
        if name and (not name.isprintable() or name[0] == '-' or name.isdigit() and not (_NUMBER.match(name) and int(name) < 0xffffffff)):
            raise _text.SendmailError('overrides.%s: %s, of %s, is neither a name nor a number that an account can have.' % (
                option, _text.shown(name), _printed(entry['path'])))


_NUMBER = re.compile('[0-9]{1,10}\\Z')


def _mode(entry):
    mode = entry.get('mode')
    try:
        # YAML 1.1 has already read an unquoted 0750 as an octal number.
        number = mode if mode is None or isinstance(mode, int) else int(mode, 8)
    except (TypeError, ValueError):
        number = -1
    if number is not None and not 0 <= number <= 0o7777:
        why = 'is not a mode'
    elif number is not None and (number & 0o002 or not number & 0o400):
        why = 'is mode %04o, by which anybody can write or its owner cannot read' % number     # mostly one without quotes: 2555 is 4773
    else:
        return number
    raise _text.SendmailError("overrides.mode: %s, of %s, %s: write an octal number in quotes, for example '0750'." % (
        _text.shown(mode), entry['path'], why))


def _statoverrides():
    """What dpkg keeps over upgrades, from its own file: {path: "owner group mode"}; None where there is no dpkg."""
    if not os.path.isdir(os.path.dirname(STATOVERRIDE)):
        return None
    try:
        with open(STATOVERRIDE, 'rb') as stream:
            lines = stream.read(1 << 20).decode('utf-8', 'surrogateescape').splitlines()
    except FileNotFoundError:
        return {}
    fields = [line.split(None, 3) for line in lines]
    return dict((entry[3], '%s %s %o' % (entry[0], entry[1], int(entry[2], 8))) for entry in fields if len(entry) == 4)
