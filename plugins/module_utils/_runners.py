# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Every runner of the queue of the mail submission program that this host has, or should have. Looks as in _system."""

import os
import re
import time
from typing import Any, Dict, Iterator, List, Optional, Sequence, Set, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import _platform, _processes, _schedule, _shell, _system, _text

Runner = Dict[str, Any]
# systemd-run(1) makes units as well.
UNITS = _system.UNIT_DIRECTORIES[:1] + ('/run/systemd/transient',) + _system.UNIT_DIRECTORIES[1:]

_SYSTEMD_CRON = ('/usr/lib/systemd/system-generators/systemd-crontab-generator', '/lib/systemd/system-generators/systemd-crontab-generator')


def systemd_cron(root: str = '') -> bool:
    """Whether systemd-cron makes timers of crontabs here. It has no daemon; its target is stopped and started as a cron daemon is."""
    if _system.init_system(root) != 'systemd' or not any(os.path.exists(root + path) for path in _SYSTEMD_CRON):
        return False
    return bool(root) or _system.unit_states(['cron.target'])['cron.target']['active'] == 'active'


def cron(alive: bool, root: str = '') -> Dict[str, Any]:
    """What starts cron lines: L(_system.service) with {name, running}. cron.allow and cron.deny are for crontab(1) alone."""
    found: Dict[str, Any] = {}
    for name in ('cron', 'crond', 'cronie'):
        found = dict(_system.service(name, root), name=name, running=alive)
        if found['unit'] or found['init_script']:
            return found
    if systemd_cron(root):
        return dict(found, name='systemd-cron', unit='/usr/lib/systemd/system/cron.target', enabled=True, running=True)
    script = '/etc/rc.d/cron'                                                 # FreeBSD has it in the base system, and enabled unless rc.conf says no
    return dict(found, name='cron', init_script=script if os.path.exists(root + script) else None)


def _runner(source: str, path: Optional[str], interval: Optional[int] = None, active: bool = False, detail: Optional[str] = None,
            **more: Any) -> Runner:
    record: Runner = {'source': source, 'path': path, 'line': None, 'user': None, 'interval': interval, 'uneven': False, 'active': active, 'detail': detail,
                      'pid': None, 'unit': None, 'partial': False, 'bound_to': None, 'script': None}
    record.update(more)
    if record['partial'] and not detail:
        record['detail'] = 'a filter (-qI, -qR, -qS, -qG, -q!) leaves messages out'
    return record


def _nameless(family: str, name: str) -> Optional[str]:
    """Why cron and run-parts pass over a file with this name."""
    if family == 'debian':
        return None if re.match(r'[\w-]+\Z', name, re.ASCII) else 'cron ignores it: its name may only have letters, digits, - and _'
    return 'cron ignores it for its name' if re.search(r'~$|[.]rpm(?:save|orig|new)$', name) else None


# Where each cron keeps the crontabs of users (SPOOL_DIR of its package); elsewhere any of them may be the one.
_SPOOLS = {'debian': '/var/spool/cron/crontabs', 'redhat': '/var/spool/cron', 'suse': '/var/spool/cron/tabs', 'freebsd': '/var/cron/tabs'}


def _badly_kept(state: Dict[str, Any], user: Optional[str], family: str, root: str) -> Optional[str]:
    """Why cron would not read a crontab of a C(user), or of the system, for its owner, mode or links: process_crontab() and check_open() in database.c."""
    mode = int(state['mode'] or '0', 8)
    if state['uid'] not in (0, os.geteuid() if root else 0) and state['owner'] != user or mode & 0o022:
        return 'cron ignores it: not owned by %s, or writable by others' % _system.printable(user or 'root')
    if systemd_cron(root):
        return None
    if user and state['links'] != 1:
        return 'cron ignores it: it has %d names (hard links)' % state['links']
    if mode != 0o600 if family == 'debian' and user else family not in ('debian', 'freebsd') and mode & 0o7533 != 0o400:
        return 'cron ignores it: its mode is %s, and has to be %s' % (state['mode'], '0600' if user else '0644')
    return None


def _crontabs(family: str, crons: Set[str], root: str) -> Iterator[Tuple[str, bool, Optional[str], Optional[str]]]:
    """The crontabs of a host: (path, with user field, user, why cron would not read it). C(crons): the names of those that run."""
    places = ['/etc/crontab'] + ['%s/%s' % (directory, name) for directory in ('/etc/cron.d', '/usr/local/etc/cron.d')[:1 + (family == 'freebsd')]
                                 for name in _system.names(root + directory)]
    alone = ' and '.join(sorted(crons)) if crons and crons <= set(_processes.OWN_TABLES) else ''
    for path in places:
        state = _system.file_state(root + path)
        if state['kind'] == 'file':
            refused = '%s is the cron that runs here, and does not read it' % alone if alone else _badly_kept(state, None, family, root)
            yield path, True, None, refused or (_nameless(family, os.path.basename(path)) if path != '/etc/crontab' else None)
    own = None if alone else _SPOOLS.get(family)
    for directory in sorted(set(_SPOOLS.values())):
        for name in _system.names(root + directory):
            state = _system.file_state('%s%s/%s' % (root, directory, name))
            if state['kind'] == 'file':
                refused = 'the cron of this system reads %s instead' % own if own not in (None, directory) else (
                    '%s is the cron that runs here, and does not read it' % alone if alone == 'fcron' else _badly_kept(state, name, family, root))
                yield '%s/%s' % (directory, name), False, name, refused


def _unfound(entry: Dict[str, Any], short: bool, root: str) -> Optional[str]:
    """Why cron does not find the program, or what starts it; without a path only where Debian's gives no other PATH than this, crontab(5): C(short)."""
    path = entry['path'] or '/usr/bin:/bin'
    firsts = [part.split()[0] for part in _shell.runs(entry['command'])]
    gone = sorted(one for one in firsts if re.match(r'/[\w./+-]+\Z', one) and one != '/usr/sbin/sendmail' and not os.path.exists(root + one))
    if gone and '||' not in entry['command']:
        return 'there is no %s' % _system.printable(gone[0])
    bare = {one for one in firsts if re.match(r'[\w+-]+\Z', one) and one not in ('eval', 'builtin')}
    if not short or not bare or '$' in path or 'PATH=' in entry['command'] or any(
            os.path.exists('%s%s/%s' % (root, place, name)) for place in path.split(':') for name in bare):
        return None
    return 'cron does not find "%s" in its PATH, %s: write the whole path' % (min(bare), _system.printable(path))


_ANACRON = {'@daily': 1, '@weekly': 7, '@monthly': 31, '@yearly': 366}


def _anacron_runners(alive: bool, root: str) -> Iterator[Runner]:
    """What anacron runs once in so many days: anacrontab(5)."""
    for number, line in enumerate(_system.script(root + '/etc/anacrontab').split('\n'), 1):
        words = line.split(None, 3)
        days = _ANACRON.get(words[0]) or (int(words[0]) if words[0].isdecimal() else None) if len(words) == 4 else None
        run = _shell.queue_run(words[3]) if days else None
        if days and run and run['how'] == 'sendmail':
            yield _runner('cron', '/etc/anacrontab', days * 86400, alive, None if alive else 'no cron daemon is running', line=number, user='root',
                          partial=run['partial'], script=_shell.beside(words[3]))


def _called(command: str, root: str) -> Tuple[Optional[str], Optional[Dict[str, Any]]]:
    """(path, run) of a script that a cron line calls and that runs the client queue."""
    for path in _shell.calls(command):
        text = _system.script(root + path, 65536)
        run = _shell.script_run(text) if text.startswith('#!') else None
        if run:
            return path, run
    return None, None


def _not_allowed(user: Optional[str], users: Sequence[Optional[str]]) -> Optional[str]:
    """Why what a user starts is no runner: restrictqrun (main.c)."""
    if user in users or user in ('root', '0'):
        return None
    return 'it is started by %s, and only what root or %s starts counts' % (_system.printable(user or ''), users[0])


def _account(user: str, root: str) -> Optional[str]:
    """Why PAM refuses an account to cron: check_shadow_expiry() in passverify.c of pam_unix."""
    shadow = _system.script(root + '/etc/shadow')
    line = re.search(r'(?m)^%s:(.*)' % re.escape(user), shadow)
    if not line:
        kept = shadow and re.search(r'(?m)^%s:x:' % re.escape(user), _system.script(root + '/etc/passwd'))
        return 'it is not in /etc/shadow' if kept else None
    today = time.time() // 86400
    changed, _least, most, _warned, _idle, expires = [float(word if word.isdecimal() else 'inf') for word in (line.group(1) + ':' * 6).split(':')[1:7]]
    return 'the account has expired' if today >= expires else 'its password has expired' if changed == 0 or today - changed > most else None


def _may_not_log_in(user: str, root: str) -> Optional[str]:
    """Why pam_access refuses an account to cron: login_access() and list_match() of it. What names a netgroup may be anything."""
    service = 'crond' if os.path.exists(root + '/etc/pam.d/crond') else 'cron'
    stack = _system.script(root + '/etc/pam.d/' + service)
    stack += ''.join(_system.script(root + '/etc/pam.d/' + name) for name in re.findall(r'(?m)^(?:@|account\s+)(?:include|substack)\s+([\w-]+)', stack))
    line = re.search(r'(?m)^account\s+(?:required|requisite|\[.*default=(?:bad|die).*\])\s+pam_access\.so\b(.*)', stack)
    if not line or 'listsep' in line.group(1):
        return None
    path = (re.findall(r'accessfile=(\S+)', line.group(1)) + ['/etc/security/access.conf'])[0]
    more = ['/etc/security/access.d/' + name for name in _system.names(root + '/etc/security/access.d') if name.endswith('.conf')]
    own = re.search(r'(?m)^%s:[^:]*:\d*:(\d*)' % re.escape(user), _system.script(root + '/etc/passwd'))
    known = {'ALL', user}
    for name, number, members in re.findall(r'(?m)^([^:\n]*):[^:]*:(\d*):(.*)', _system.script(root + '/etc/group')):
        if own and own.group(1) == number or user in members.split(','):
            known |= {name, '(%s)' % name}

    def lists(text: str, names: Set[str]) -> bool:
        taken, _except, left = text.replace(',', ' ').partition('EXCEPT')
        return bool(names & set(taken.split())) and not (left and lists(left, names))
    for rule in ''.join(_system.script(root + one) + '\n' for one in [path] + more * (path == '/etc/security/access.conf')).splitlines():
        fields = rule.split(':', 2)
        if rule[:1] == '#' or len(fields) < 3:
            continue
        if '@' in fields[1]:
            return None
        if lists(fields[1], known) and lists(fields[2], {'ALL', service, 'LOCAL'}):
            return 'pam_access refuses it (%s)' % _system.printable(path) if fields[0].strip() == '-' else None
    return None


_STAMPS = '/run/sendmail/stampdir'
_LOCKER = 'lockfile-create'      # of lockfile-progs; the helper sets PATH itself


def _helper(user: str, root: str) -> Optional[str]:
    """Why Debian's helper runs no queue: it locks, in what root has to make (check_dirs(), cron_msp())."""
    if not os.path.isdir(root + '/run'):
        return None
    modes = [_system.file_state('%s%s/%s' % (root, place, _LOCKER))['mode'] for place in ('/bin', '/usr/bin', '/sbin', '/usr/sbin')]
    superuser = user in ('root', '0')
    if not any(int(mode or '0', 8) & (0o111 if superuser else 1) for mode in modes):
        return 'the helper does nothing: %s cannot run %s' % (_system.printable(user), _LOCKER)
    if superuser:
        return None
    state = _system.file_state(root + _STAMPS)
    if int(state['mode'] or '0', 8) >> (6 if state['owner'] == user else 3 if state['group'] == user else 0) & 3 != 3:
        return '%s cannot write into %s, so the helper does nothing; a start of the service makes it' % (_system.printable(user), _STAMPS)
    pid = _system.script(root + _STAMPS + '/cron_msp', 64).strip()
    command = _system.slurp('/proc/%s/cmdline' % pid, 4096) if pid.isdecimal() else b''
    return 'the helper waits for process %s, which is no queue run: remove %s/cron_msp' % (pid, _STAMPS) if command and b'cron-m' not in command else None


def _guarded(entry: Dict[str, Any], root: str) -> Optional[str]:
    """Why what stands in front of a run keeps a line from doing anything: a _shell.Guard that does not hold, or words that dash does not know."""
    guards, alien = _shell.guards(entry['command'])
    for guard in guards:
        path = root + guard.path
        there = os.access(path, os.X_OK) if guard.kind == 'x' else os.path.isdir(path) if guard.kind == 'cd' else os.path.exists(path)
        if there != guard.wanted:
            return 'it does nothing: %s' % ('there is no directory %s' if guard.kind == 'cd' else 'its test for %s fails') % guard.path
    shell = entry['shell'] or '/bin/sh'
    if alien and os.path.basename(os.path.realpath(root + shell)) == 'dash':
        return 'it does nothing: %s is dash, and knows no "%s"' % (_system.printable(shell), alien)
    return None


def _never_run(entry: Dict[str, Any], unfinished: bool, root: str) -> Optional[str]:
    """Why cron(8) does not run this line, though it reads the file; None where it does."""
    if unfinished:
        return 'cron ignores it: the last line of the file does not end'
    if _schedule.never(entry['schedule']):
        return 'its schedule, %s, never matches again' % _system.printable(entry['schedule'])
    idle = os.path.basename(entry['shell'] or '') in ('false', 'true', 'nologin')
    if entry['shell'] and (idle or not os.access(root + entry['shell'], os.X_OK)):
        return 'SHELL is %s above it, which %s' % (_system.printable(entry['shell']), 'runs nothing' if idle else 'cannot be run')
    if entry['command'][-1:] == '\r' and _shell.queue_run(list(_shell.commands(entry['command']))[-1]):
        return 'its line ends with a carriage return'
    why = _account(entry['user'], root) or _may_not_log_in(entry['user'], root)
    return 'cron runs nothing for %s: %s' % (_system.printable(entry['user']), why) if why else None


def _refused(path: str, user: str, bits: int, root: str) -> bool:
    """Whether the mode keeps a user from a path. Who may be in its group, or have it by an access control list, is not."""
    state = _system.file_state(root + path)
    mode = int(state['mode'] or '7777', 8)
    return user not in ('root', '0') and (mode >> 6 if state['owner'] == user else mode | mode >> 3) & bits != bits


def _held(path: str, seconds: int, root: str) -> Optional[str]:
    """The process that has held a lock for more than so many seconds, and is no queue run; of a lock nobody knows since when, of a process one does."""
    try:
        about = os.stat(root + path)
    except OSError:
        return None
    lock = (_system.locks() or {}).get((os.major(about.st_dev), os.minor(about.st_dev), about.st_ino), {})
    title = _system.printable(_system.slurp('/proc/%s/cmdline' % lock.get('pid'), 200).replace(b'\0', b' ').strip())
    fields = _system.slurp('/proc/%s/stat' % lock.get('pid'), 1024).rpartition(b')')[2].split()
    if not title or len(fields) < 20 or re.search('sendmail|runq', title):
        return None
    age = int(float(_system.slurp('/proc/uptime').split()[0])) - int(fields[19]) // os.sysconf('SC_CLK_TCK')
    return 'process %s (%s) has held %s for %d seconds' % (lock['pid'], title, _system.printable(path), age) if age > seconds else None


def _shut(script: str, user: str, root: str) -> Optional[str]:
    """Why a user cannot start a script: modes, or the first line of it (execve(2))."""
    above = [script[:place] for place in range(1, len(script)) if script[place] == '/']
    if not os.access(root + script, os.X_OK) or _refused(script, user, 5, root) or any(_refused(one, user, 1, root) for one in above):
        return '%s cannot run %s' % (_system.printable(user), script)
    first = _system.script(root + script, 256).split('\n')[0]
    if first[-1:] == '\r':
        return 'the first line of %s ends with a carriage return' % script
    reader = (first[2:].split() or ['/'])[0]
    return None if os.path.exists(root + reader) else 'there is no %s, which %s names' % (_system.printable(reader), script)


def _not_started(entry: Dict[str, Any], called: Optional[str], root: str) -> Optional[str]:
    """Why the shell, or what it starts, does not get as far as the queue run of a line."""
    user = entry['user']
    for part in [] if '||' in entry['command'] else _shell.runs(entry['command'], called):
        for path in _shell.written(part):
            state, above = _system.file_state(root + path), os.path.dirname(path)
            if state['kind'] == 'directory' or not (state['exists'] or os.path.isdir(root + above)) or (
                    _refused(path, user, 2, root) if state['exists'] else _refused(above, user, 3, root)):
                return 'the shell cannot write %s, and does not go on' % path
        shut = _shut(called, user, root) if called and called == part.split(None, 1)[0] else None
        if shut:
            return shut
        words, lock = _shell.given_to_shell(part), _shell.lock(part)
        for account, shell in re.findall(r'(?m)^([^:\n]+):.*:(\S*/(?:nologin|false))$', _system.script(root + '/etc/passwd')) if words else ():
            if account in words:
                return 'the shell of %s is %s: %s runs nothing for it (use "su -s /bin/sh")' % (
                    _system.printable(account), _system.printable(shell), os.path.basename(words[0]))
        held = _held(lock, _schedule.cron_interval(entry['schedule'])[0] or 0, root) if lock else None
        if held:
            return held
    return None


def _idle(entry: Dict[str, Any], called: Optional[str], unfinished: bool, systemd: bool, short: bool, root: str) -> Optional[str]:
    """Why a line of a crontab that is read comes to no run, None where it does. C(systemd): timers run it, C(short): as L(_unfound)."""
    return (None if systemd else _never_run(entry, unfinished, root)) or _guarded(entry, root) or _unfound(entry, short, root) or (
        _not_started(entry, called, root))


def _cron_runners(layout: _platform.Platform, settings: Dict[str, Any], alive: bool, crons: Set[str], users: Sequence[Optional[str]],
                  directories: Sequence[str], root: str) -> Iterator[Runner]:
    family = 'debian' if os.path.exists(root + '/etc/debian_version') else layout.family
    debian, wrapper, systemd = family == 'debian', layout.family == 'debian', systemd_cron(root)
    # cronie and its kin search the directories of the administrator as well (_PATH_STDPATH), and leave out single lines; busybox has the PATH of its start.
    short = debian and not systemd and not any(os.path.exists('%s/var/lib/dpkg/info/%s.list' % (root, name)) for name in ('cronie', 'bcron'))
    for path, with_user, owner, refused in _crontabs(family, crons, root):
        text = _system.script(root + path)
        entries = _schedule.cron_entries(text, with_user)
        if short and not refused:
            named = ['root'] + [entry['user'] for entry in entries if entry['user']]
            known = [user for user in named if root or _system.accounts([user])[user]['uid'] is not None]
            wrong = _schedule.refused(text, with_user, known)
            refused = 'cron reads nothing of the file, because it refuses line %d' % wrong if wrong else None
        for number, entry in enumerate(entries, 1):
            entry['user'] = entry['user'] or owner
            called, run = None, _shell.queue_run(entry['command'], wrapper)
            if not run:
                called, run = _called(entry['command'], root)
            # cron_mta() of Debian's helper runs the client queue only where MSP_MODE is none.
            if not run or run['how'] == 'cron-mta' and (settings['queue_mode'], settings['msp_mode']) != ('cron', 'none'):
                continue
            elsewhere = _shell.of_another_queue(entry['command'], directories)
            detail = refused or _not_allowed(entry['user'], users) or (
                'it works on %s, which is not the client queue' % elsewhere if elsewhere else None if alive or crons else 'no cron daemon is running')
            # Debian's cron ignores all of a file that does not end, others the line (entry.c).
            detail = detail or _idle(entry, called, text[-1:] != '\n' and (debian or number == len(entries)), systemd, short and 'busybox' not in crons, root)
            if run['how'] == 'cron-msp':
                detail = detail or _helper(entry['user'], root) if settings['msp_mode'] == 'cron' else (
                    'MSP_MODE in /etc/mail/sendmail.conf is %s, so the helper does nothing' % settings['msp_mode'])
            interval, uneven = _schedule.cron_interval(entry['schedule'])
            yield _runner('cron' if run['how'] == 'sendmail' else 'debian_cron', path, interval, detail is None, detail, line=entry['line'],
                          user=_system.printable(entry['user']), uneven=uneven, partial=run['partial'],
                          script=_system.printable(called) if called else _shell.beside(entry['command'], wrapper))
    for name, seconds in (('hourly', 3600), ('daily', 86400), ('weekly', 604800), ('monthly', 2678400)):
        for file in _system.names('%s/etc/cron.%s' % (root, name)):
            path = '/etc/cron.%s/%s' % (name, file)
            run = _shell.script_run(_system.script(root + path))
            if run:
                detail = _nameless(family, file) or (
                    None if alive and os.access(root + path, os.X_OK) else 'no cron daemon is running, or the script is not executable')
                yield _runner('cron', path, seconds, detail is None, detail, user='root', partial=run['partial'], script=path)


def _unit(name: str, present: Dict[str, Set[str]], root: str) -> Tuple[Optional[str], Dict[str, List[str]]]:
    """A unit file with its drop-ins: (path, settings), or (None, {})."""
    holders = [directory for directory in UNITS if name in present[directory]]
    drops: Dict[str, str] = {}                                                                # of drop-ins with the same name the first directory wins
    for directory in reversed(UNITS):
        if name + '.d' in present[directory]:
            drops.update((entry, '%s/%s.d/%s' % (directory, name, entry)) for entry in _system.names('%s%s/%s.d' % (root, directory, name))
                         if entry.endswith('.conf'))
    paths = ['%s/%s' % (directory, name) for directory in holders[:1]] + [drops[entry] for entry in sorted(drops)]
    return (paths[0] if holders else None), _schedule.unit(*[_system.script(root + path) for path in paths])


def _command(settings: Dict[str, List[str]], root: str) -> str:
    environment: Dict[str, str] = {}
    for path in settings.get('EnvironmentFile', []):
        environment.update(_schedule.environment(_system.script(root + path.lstrip('-'))))
    return _schedule.unit_command(settings, environment)


def command(name: str, root: str = '') -> Optional[str]:
    """What the unit of a service starts, with its environment put in; None where it has no unit file."""
    path, settings = _unit(name + '.service', {directory: set(_system.names(root + directory)) for directory in UNITS}, root)
    return _system.printable(_command(settings, root)) if path else None


def _unit_run(settings: Dict[str, List[str]], root: str) -> Optional[Dict[str, Any]]:
    if 'sendmail' not in ' '.join(settings.get('ExecStart', [])):
        return None
    command = _command(settings, root)
    run = _shell.queue_run(command)
    return dict(run, script=_shell.beside(command)) if run else None


def _instances(name: str, present: Dict[str, Set[str]], booted: bool, root: str) -> List[str]:
    """The units that a timer's file is for: of a template those that are enabled or, where systemd C(booted), loaded."""
    if not name.endswith('@.timer'):
        return [name]
    found = [entry for directory, holds in present.items() for wants in holds if wants.endswith('.wants')
             for entry in _system.names('%s%s/%s' % (root, directory, wants))]
    if booted:
        text = _system.command(['systemctl', 'list-units', '--all', '--plain', '--no-legend', '--no-pager', '--', name[:-6] + '*.timer'])
        found += [line.split()[0] for line in text.splitlines() if line.strip()]
    return sorted(set(entry for entry in found if entry.startswith(name[:-6]) and entry.endswith('.timer')))


def _systemd_runners(daemons: Dict[str, Runner], booted: bool, mta: str, mta_runs: bool, users: Sequence[Optional[str]],
                     root: str) -> Iterator[Runner]:
    merged = os.path.islink(root + '/lib')                                    # then the last directory is the one before it
    present = {directory: set(_system.names(root + directory)) if directory[:5] != '/lib/' or not merged else set() for directory in UNITS}
    for file in sorted(entry for entry in set().union(*present.values()) if entry.endswith('.timer')):
        path, settings = _unit(file, present, root)
        served = (settings.get('Unit') or [file[:-6] + '.service'])[-1]
        service = _unit(served, present, root)[1] or _unit(re.sub(r'@[^.]*[.]', '@.', served), present, root)[1]
        run = _unit_run(service, root)
        if not run:
            continue
        stranger = _not_allowed((service.get('User') or ['root'])[-1], users)
        for name in _instances(file, present, booted, root):
            does = name[:-6] + '.service' if '@' in name else served
            states = _system.unit_states([name, does]) if booted else {}
            state, last = states.get(name, {}), states.get(does, {})
            interval, uneven = _schedule.timer_interval(settings)
            detail = stranger
            # Sendmail's own status ends at 78; from 200 on systemd could not start it (systemd.exec(5)).
            # CLD_EXITED is 1, and 0 where what is before it (ExecStartPre=) failed; SIGSYS is 31 (SystemCallFilter=).
            if not detail and (last.get('load') == 'masked' or last.get('active') == 'failed' and (
                    int(last.get('status') or 0) >= 200 or last.get('code') == '0' or last.get('code') in ('2', '3') and last.get('status') == '31')):
                detail = '%s could not be started' % _system.printable(does)
            # It may be one that asks for mail.
            if not detail and last.get('skipped') and 'mqueue' not in ''.join(''.join(service[key]) for key in service if key.startswith('Condition')):
                detail = 'the conditions of %s do not hold' % _system.printable(does)
            # Without another trigger, OnUnitActiveSec= starts nothing that has never run since the boot (timer_enter_waiting() in timer.c).
            detail = detail or ('the timer has elapsed, and nothing will trigger it again' if state.get('sub') == 'elapsed' else
                                None if state.get('active') == 'active' else
                                'the timer is not active' if state.get('active') or not booted else 'systemctl does not say whether the timer is active')
            yield _runner('systemd_timer', path, interval, detail is None, detail, uneven=uneven, unit=name,
                          partial=run['partial'], script=run['script'])
    own = UNITS[0]
    # The packages' own, wherever they are, and what an administrator has written.
    services = set(name for name in set().union(*present.values()) if re.match(r'\S*(?:sendmail|sm-client)\S*\.service$', name))
    services.update(name for name in present[own] if name.endswith('.service') and not os.path.islink('%s%s/%s' % (root, own, name)))
    for name in sorted(services):
        path, settings = _unit(name, present, root)
        run = _unit_run(settings, root)
        own_daemons = [runner for unit, runner in daemons.items() if unit == name or '@.' in name and unit.startswith(name[:-8])]
        if not run or '@.' in name and not own_daemons:
            continue
        for runner in own_daemons:
            # Of a runner with -qp the title does not say how often it works.
            runner.update(source='systemd_unit', path=path, interval=runner['interval'] or run['interval'],
                          partial=run['partial'] or runner['partial'], script=run['script'])
        if not own_daemons and run['interval']:
            detail, bound = 'the unit is there, but none of its processes is a queue runner', None
            for key in _BINDS:
                if not mta_runs and mta + '.service' in ' '.join(settings.get(key, [])).split():
                    bound = mta + '.service'
                    detail = 'it is down with %s, to which its unit ties it (%s), and starts with it' % (bound, key)
            watcher = name[:-8] + '.path'
            state = _system.unit_states([watcher]).get(watcher, {}) if booted and any(watcher in found for found in present.values()) else {}
            active = state.get('active') == 'active'
            yield _runner('systemd_unit', path, run['interval'], active, '%s starts it when a message comes' % watcher if active else detail, unit=name,
                          bound_to=bound, script=run['script'])


# What stops a unit when another one is stopped or, the first two, when it dies; BindTo is the old name of BindsTo (systemd.unit(5)).
_BINDS = ('Requires', 'Requisite', 'PartOf', 'BindTo', 'BindsTo')


def _script_runners(daemons: List[Runner], root: str) -> Iterator[Runner]:
    """What an init script starts beside the MTA: sendmail $CLIENTMQUEUE_OPTS that of Gentoo, -q$SMQUEUE that of Red Hat (sendmail.init up to el6)."""
    script, path = _system.script(root + '/etc/init.d/sendmail'), '/etc/conf.d/sendmail'
    if 'SMQUEUE' in script:
        path = '/etc/sysconfig/sendmail'
        said = _text.assignments(_system.script(root + path))
        options = '-Ac -q' + (said.get('SMQUEUE') or said.get('QUEUE') or '1h')
    else:
        options = _text.assignments(_system.script(root + path)).get('CLIENTMQUEUE_OPTS', '') if script else ''
    run = _shell.queue_run('sendmail ' + options)
    if run and daemons:
        daemons[0].update(source='conf_d', path=path, interval=daemons[0]['interval'] or run['interval'])
    elif run:
        yield _runner('conf_d', path, run['interval'], False, '/etc/init.d/sendmail starts it with the MTA, but no queue runner is there')


def _freebsd_runners(daemons: List[Runner], alive: bool, root: str) -> Iterator[Runner]:
    values = _system.rc_conf('sendmail', root)
    flags = values.get('sendmail_msp_queue_flags', '-L sm-msp-queue -Ac -q30m')
    run = _shell.queue_run('sendmail ' + flags)
    if values.get('sendmail_enable', '').upper() != 'NONE' and values.get('sendmail_msp_queue_enable', 'YES').lower() in _system.RC_ON and run:
        if daemons:
            daemons[0].update(source='rc_conf', path='/etc/rc.conf')
        else:
            yield _runner('rc_conf', '/etc/rc.conf', run['interval'], False, 'sendmail_msp_queue_enable is on, but no queue runner is there')
    values = _system.rc_values((
        '/etc/defaults/periodic.conf', '/etc/periodic.conf', '/etc/periodic.conf.local', '/usr/local/etc/periodic.conf'), root)
    if all(values.get(name, 'YES').upper() == 'YES' for name in ('daily_queuerun_enable', 'daily_submit_queuerun')):     # it knows no other word
        yield _runner('periodic', '/etc/periodic.conf', 86400, alive, None if alive else 'no cron daemon is running', user='root')


def _loops(users: Sequence[Optional[str]]) -> Iterator[Runner]:
    """Shells that run the queue and sleep, over and over, as containers without an init and without cron have them."""
    for pid in _system.names('/proc'):
        words = _system.slurp('/proc/%s/cmdline' % pid, 65536).decode('utf-8', 'replace').split('\0') if pid.isdecimal() else []
        if not re.search(r'(?:\A|/)-?(?:busybox|(?:ba|da|a|k)?sh)\Z', words[0] if words else ''):
            continue
        text = '\n'.join(words[1:]) + _system.script(next((word for word in words[1:3] if word[:1] == '/'), ''), 65536)
        user = _system.file_state('/proc/' + pid)['owner']
        for run, pause in _shell.loop_runs(text):
            if not _not_allowed(user, users) and not _processes.in_container(pid):
                yield _runner('loop', None, _schedule.timespan(pause), True, 'a shell that runs the queue and sleeps', user=user, pid=int(pid),
                              partial=run['partial'], script=_system.printable(words[0]))


def sendmail_conf(layout: _platform.Platform, root: str = '') -> Optional[Dict[str, Any]]:
    """What /etc/mail/sendmail.conf says, _schedule.debian_settings() with C(exists); None on all but Debian."""
    if layout.family != 'debian':
        return None
    text = _system.script(root + '/etc/mail/sendmail.conf')
    return dict(_schedule.debian_settings(text), exists=bool(text))


def queue_runners(layout: _platform.Platform, found: List[Dict[str, Any]], root: str = '',
                  users: Sequence[Optional[str]] = (), directories: Sequence[str] = (), pid_file: str = '') -> List[Runner]:
    """Every runner of the MSP queue, as sendmail_queue_facts returns it. C(found): the L(processes); C(users) may run it beside root."""
    users = users or [layout.msp_user]
    alive = _processes.cron_runs(found) or systemd_cron(root)
    runners = []
    sleepers = [process for process in found if process['role'] == 'queue_runner' and process['queue'] == 'msp' and (
        not directories or not process.get('directory') or any(one.startswith(process['directory'].rstrip('*')) for one in directories))]
    pids = [process['pid'] for process in sleepers]
    # It lies in the queue, whose owner could make it a link to anything.
    plain = pid_file and _system.file_state(root + pid_file, follow=False)['kind'] == 'file'
    started = _system.script(root + pid_file, 4096).split('\n') if plain else []
    for process in sleepers:
        if process['ppid'] not in pids:                                       # a child is a run under way, before it has its own title
            stopped = process.get('stopped')
            # A title does not say which messages are left out; the command behind the process id does (log_sendmail_pid() in util.c).
            command = started[1] if len(started) > 1 and started[0].strip() == str(process['pid']) else ''
            asked = _shell.queue_run(command)
            partial = asked['partial'] if asked else ' -q' in command
            said = ', started as "%s", which leaves messages out' % _system.printable(command) if partial else ''
            said = ' (stopped by SIGSTOP)' if stopped else said
            runners.append(_runner('daemon', None, process['interval'], not stopped, process['title'] + said,
                                   user=process['user'], pid=process['pid'], unit=process['unit'], partial=partial))
    conf = sendmail_conf(layout, root)
    settings = conf or _schedule.debian_settings('')
    exists = conf is not None and conf['exists']
    daemons = list(runners)
    crons = {process.get('name') or 'cron' for process in found if process['role'] == 'cron' and not process.get('stopped')}
    runners += _cron_runners(layout, settings, alive, crons, users, directories, root)
    runners += _anacron_runners(alive, root)
    init = _system.init_system(root)
    mta_runs = any(process['role'] == 'daemon' for process in found)
    runners += _systemd_runners({runner['unit']: runner for runner in daemons if runner['unit']}, not root and init == 'systemd', layout.mta_service,
                                mta_runs, users, root)
    if init != 'systemd':
        runners += _script_runners([runner for runner in daemons if not runner['unit']], root)
    if layout.family == 'freebsd':
        runners += _freebsd_runners(daemons, alive, root)
    if not root:
        runners += _loops(users)
    if exists and settings['msp_mode'] == 'daemon' and not daemons:
        runners.append(_runner('daemon', '/etc/mail/sendmail.conf', settings['msp_interval'], False, 'MSP_MODE is Daemon, but no queue runner is there'))
    if exists and settings['msp_mode'] == 'cron' and not any(runner['source'] == 'debian_cron' for runner in runners):
        runners.append(_runner('debian_cron', '/etc/mail/sendmail.conf', settings['msp_interval'], False,
                               'MSP_MODE is Cron, but /etc/cron.d/sendmail has no line for it' + (' (HANDS_OFF is set)' if settings['hands_off'] else '')))
    return runners
