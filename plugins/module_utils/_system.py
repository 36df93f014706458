# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The machine around the queues: files, programs, accounts, commands, services, locks, load.

Every look is bounded in time and in size, changes nothing, and returns plain types. What cannot be learnt is None, or an
C(error) beside what could; nothing here raises for the state that a host is in. Paths take C(root) in front, for a host that
is laid out in a directory.
"""

import errno
import glob
import grp
import os
import pwd
import re
import stat
from typing import Any, Callable, Dict, List, Optional, Sequence, Set, Tuple, Union

from ansible_collections.mailops.sendmail.plugins.module_utils import _platform, _text

UNIT_DIRECTORIES = ('/etc/systemd/system', '/run/systemd/system', '/usr/local/lib/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system')
State = Dict[str, Any]


def printable(data: Union[bytes, str]) -> str:
    return _text.printable(data if isinstance(data, bytes) else os.fsencode(data))


def bounded(seconds: float, function: Callable[..., Any], *arguments: Any) -> Any:
    """The result of a call that may hang in the kernel or the resolver (dead NFS server, dead name server), or TimeoutError."""
    import threading
    outcome: List[Tuple[Any, Optional[Exception]]] = []

    def call() -> None:
        try:
            outcome.append((function(*arguments), None))
        except Exception as error:  # noqa: BLE001 - it is raised again in the caller's thread
            outcome.append((None, error))
    thread = threading.Thread(target=call)
    thread.daemon = True
    thread.start()
    thread.join(seconds)
    if not outcome:
        raise TimeoutError(errno.ETIMEDOUT, 'no answer within %g seconds' % seconds)
    if outcome[0][1] is not None:
        raise outcome[0][1]
    return outcome[0][0]


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return str(uid)


def group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except (KeyError, OverflowError):
        return str(gid)


def slurp(path: str, limit: int = 65536) -> bytes:
    """Bytes of a small file, b'' if it cannot be read. Two system calls a file matter for /proc."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b''
    try:
        data = os.read(descriptor, limit)
        while data and len(data) < limit and not path.startswith('/proc/'):
            more = os.read(descriptor, limit - len(data))
            if not more:
                break
            data += more
        return data
    except OSError:                                                           # a directory, a process that has just ended
        return b''
    finally:
        os.close(descriptor)


def slurp_all(path: str, limit: int = 16777216) -> bytes:
    try:
        with open(path, 'rb') as stream:
            return stream.read(limit)
    except OSError:
        return b''


def script(path: str, limit: int = 262144) -> str:
    return slurp(path, limit).decode('utf-8', 'replace')


def names(directory: str) -> List[str]:
    try:
        return sorted(os.listdir(directory))[:10000]
    except OSError:
        return []


def file_state(path: str, follow: bool = True) -> State:
    """Owner, group, mode and kind of a path: {path, exists, error, kind, owner, group, uid, gid, mode, links, size, mtime}."""
    state: State = dict.fromkeys(('error', 'kind', 'owner', 'group', 'uid', 'gid', 'mode', 'links', 'size', 'mtime'))
    state.update(path=printable(path), exists=False)
    try:
        found = os.stat(path) if follow else os.lstat(path)
    except OSError as error:
        state.update(error=None if error.errno in (errno.ENOENT, errno.ENOTDIR) else error.strerror)
        return state
    kinds = ((stat.S_ISREG, 'file'), (stat.S_ISDIR, 'directory'), (stat.S_ISLNK, 'link'), (stat.S_ISFIFO, 'fifo'), (stat.S_ISSOCK, 'socket'))
    state.update(exists=True, kind=([name for test, name in kinds if test(found.st_mode)] or ['device'])[0],
                 owner=user_name(found.st_uid), group=group_name(found.st_gid), uid=found.st_uid, gid=found.st_gid,
                 mode='%04o' % stat.S_IMODE(found.st_mode), links=found.st_nlink, size=found.st_size, mtime=int(found.st_mtime))
    return state


def dead_link(path: str) -> Optional[Tuple[str, str]]:
    """(link, target) of the first symbolic link on the way to a path that leads to nothing, None without one."""
    parts = path.split('/')
    for number in range(1, len(parts) + 1):
        part = '/'.join(parts[:number])
        if part and os.path.islink(part) and not os.path.exists(part):
            return printable(part), printable(os.readlink(part))
    return None


def read_file(path: str, limit: int = 1048576) -> State:
    """L(file_state) with C(data), the bytes (None if it cannot be read) and C(truncated). Only regular files are read."""
    state = file_state(path)
    state.update(data=None, truncated=False)
    if state['exists']:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise OSError(errno.EINVAL, 'not a regular file')
                with os.fdopen(descriptor, 'rb', closefd=False) as stream:
                    data = stream.read(limit + 1)
                state.update(data=data[:limit], truncated=len(data) > limit)
            finally:
                os.close(descriptor)
        except OSError as error:
            state['error'] = error.strerror
    return state


def run(argv: Sequence[str], seconds: float = 10, given: str = '', uid: Optional[int] = None) -> Tuple[Optional[int], str]:
    """(exit status, standard output) of a command, (None, '') if it is not there or takes longer. C(given): what it reads. C(uid): as whom, without
    any group but the one of that number.
    """
    import subprocess

    def become() -> None:
        os.setgroups([])
        os.setgid(uid)                                                        # type: ignore[arg-type]
        os.setuid(uid)                                                        # type: ignore[arg-type]
    try:
        # There is no AnsibleModule on this floor to run it.
        done = subprocess.run(  # pylint: disable=ansible-bad-function,subprocess-popen-preexec-fn
            argv, input=given.encode('utf-8', 'surrogateescape'), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=seconds, check=False,
            env={'LC_ALL': 'C', 'PATH': '/usr/bin:/bin:/usr/sbin:/sbin'}, preexec_fn=None if uid is None else become)
    except (OSError, subprocess.SubprocessError):
        return None, ''
    return done.returncode, done.stdout[:1048576].decode('utf-8', 'surrogateescape')


def command(argv: Sequence[str], seconds: float = 10, given: str = '') -> str:
    """Standard output of a command, as L(run)."""
    return run(argv, seconds, given)[1]


def os_release(root: str = '') -> Dict[str, str]:
    """The variables of os-release(5), {} where there is none."""
    return _text.assignments(script(root + '/etc/os-release') or script(root + '/usr/lib/os-release'))


def _real(name: str, root: str) -> str:
    """What a name leads to: through links, and through a script of root in its place that hands all its arguments to another sendmail."""
    path = os.path.realpath(root + name)
    head = slurp(path, 16384)
    called = re.search(rb'(?m)^[ \t]*(?:exec[ \t]+)?(["\']?)(/[\w./+-]*sendmail[\w.-]*)\1[ \t][^#\n]*\$[@*]', head) if head[:2] == b'#!' else None
    behind = os.path.realpath(root + os.fsdecode(called.group(2))) if called else path
    state = file_state(path)
    trusted = os.path.isfile(behind) and state['uid'] in (0, os.geteuid() if root else 0) and not int(state['mode'], 8) & 0o022
    return behind if trusted else path


def platform(root: str = '') -> _platform.Platform:
    """The C(_platform.Platform) of the Sendmail on this host, or of the one that its distribution would install."""
    programs = [_real(name, root) for name in _platform.UPSTREAM.binaries]
    own = [path[len(root):] for path in programs if os.path.isfile(path) and _IS_SENDMAIL in slurp_all(path, 8388608)] or elsewhere(root)
    return _platform.identify(os_release(root), lambda path: bool(glob.glob(root + path)), os.uname().sysname, own[0] if own else None)


def elsewhere(root: str = '', uid: int = 0) -> List[str]:
    """Programs called sendmail in a place that no table has: what root runs, or has run as the pid file of the MTA says.

    Root is going to start them, so nobody else may own them or write to them.
    """
    lines = [started_as(root + path) for path in ('/run/sendmail.pid', '/var/run/sendmail.pid')]
    found = [line.split()[0] for line in lines if line]
    for pid in names(root + '/proc'):
        try:
            exe = os.readlink('%s/proc/%s/exe' % (root, pid)) if pid.isdigit() and os.stat('%s/proc/%s' % (root, pid)).st_uid == uid else ''
        except OSError:                                                       # it has ended, or is the kernel's
            continue
        found += [exe] if os.path.basename(exe) == 'sendmail' else []
    states = [(path, file_state(root + path)) for path in sorted(set(found)) if path[:1] == '/']
    return [path for path, state in states if state['kind'] == 'file' and state['uid'] == uid and not int(state['mode'], 8) & 0o022
            and _IS_SENDMAIL in slurp_all(root + path, 8388608)]


# readqf() in queue.c says this of what it refuses, and no other mailer has it.
_IS_SENDMAIL = b'readqf: '


def look_into(path: str) -> Dict[str, Any]:
    """What a binary says about itself: {is_sendmail, other_mta, version, lock, configuration}. One bounded read, no process.

    C(lock) comes from the list of operating system defines that -d0.13 prints, which is compiled in: HASFLOCK or not.
    """
    data = slurp_all(path, 8388608)
    found: Dict[str, Any] = {'is_sendmail': _IS_SENDMAIL in data, 'other_mta': None, 'version': None, 'lock': None, 'configuration': None}
    if found['is_sendmail']:                                                  # found by plain search: a regular expression would stop at every NUL
        version, start = None, data.find(b'\x008.')
        while start >= 0 and not version:
            version = re.match(rb'8\.\d+(?:\.\d+)+[\w.+-]{0,20}(?=\0)', data[start + 1:start + 40])
            start = data.find(b'\x008.', start + 1)
        end = data.find(b'/sendmail.cf\0')
        found.update(version=version and printable(version.group()), configuration=printable(data[data.rfind(b'\0', 0, end) + 1:end]) if end > 0 else None,
                     lock='flock' if b'\0HASFLOCK\0' in data else 'fcntl' if b'\0HASINITGROUPS\0' in data else None)
    else:
        known = [name for name, word in _platform.OTHER_MTAS if os.path.basename(path).startswith(name)]
        known += [name for name, word in _platform.OTHER_MTAS if word in data]
        found['other_mta'] = known[0] if known else ('unknown' if data else None)
    return found


def program(layout: _platform.Platform, root: str = '') -> Dict[str, Any]:
    """The program called sendmail: {path, target, sendmail, is_sendmail, other_mta, version, lock, configuration, owner, group, mode, setgid, error}.

    C(path) is the name as called, C(target) what it leads to through alternatives and FreeBSD's mailer.conf, C(sendmail) the real
    Sendmail on this host, also when another mailer owns the name; None if there is none.
    """
    names = [root + name for name in layout.binaries + tuple(elsewhere(root) if layout.family == 'unknown' else ())]
    if layout.family in ('freebsd', 'unknown'):
        # FreeBSD's mailwrapper.c takes the first that is there; that of NetBSD and illumos is the last.
        conf = next(filter(None, (script(root + path + '/mailer.conf') for path in ('/usr/local/etc/mail', '/etc/mail', '/etc'))), '')
        names[:0] = [root + path for path in re.findall(r'(?m)^[ \t]*sendmail[ \t]+(/\S+)', conf)[:1]]
    found: Dict[str, Any] = dict.fromkeys(('path', 'target', 'sendmail', 'other_mta', 'version', 'lock', 'configuration', 'owner', 'group', 'mode', 'error'))
    found.update(is_sendmail=False, setgid=False)
    seen = set()
    for name in names:
        target = _real(name[len(root):], root)
        if target in seen or not os.path.isfile(target):
            continue
        seen.add(target)
        inside = look_into(target)
        if found['path'] is None or inside['is_sendmail']:
            first = found['path'] is None
            state = file_state(target)
            if first:
                found.update(path=name, target=target, is_sendmail=inside['is_sendmail'], other_mta=inside['other_mta'])
            found.update((key, state[key]) for key in ('owner', 'group', 'mode', 'error'))
            found.update((key, inside[key]) for key in ('version', 'lock', 'configuration'))
            found['setgid'] = bool(int(state['mode'] or '0', 8) & stat.S_ISGID)
        if inside['is_sendmail']:
            found['sendmail'] = target
            break
    return found


def accounts(who: Sequence[str]) -> Dict[str, Dict[str, Any]]:
    """Users and groups by name: {name: {uid, gid, home, shell, group (gid of the group of that name)}}, uid None for no such user."""
    found = {}
    for name in who:
        record: Dict[str, Any] = dict.fromkeys(('uid', 'gid', 'home', 'shell', 'group'))
        try:
            entry = pwd.getpwnam(name)
            record.update(uid=entry.pw_uid, gid=entry.pw_gid, home=entry.pw_dir, shell=entry.pw_shell)
        except KeyError:
            pass
        try:
            record['group'] = grp.getgrnam(name).gr_gid
        except KeyError:
            pass
        found[name] = record
    return found


def load_average() -> Optional[List[float]]:
    """The load averages of 1, 5 and 15 minutes, from where Sendmail itself reads them, or None."""
    try:
        values = [float(value) for value in script('/proc/loadavg', 100).split()[:3]] or os.getloadavg()
    except (OSError, ValueError):
        return None
    return [round(value, 2) for value in values]


def cpus() -> int:
    """Processors on line, as Sendmail counts them for QueueLA and RefuseLA."""
    return max(1, os.sysconf('SC_NPROCESSORS_ONLN'))


def locks() -> Optional[Dict[Tuple[int, int, int], Dict[str, Any]]]:
    """Write locks from /proc/locks: {(major, minor, inode): {kind, pid}}, kind FLOCK, POSIX or OFDLCK; None where there is no such file.

    Device numbers are the file system's own: over overlayfs or btrfs they may differ from those of stat.
    """
    if not os.path.exists('/proc/locks'):
        return None
    found = {}
    for line in slurp_all('/proc/locks').splitlines():
        fields = line.split()
        if len(fields) > 5 and fields[1] != b'->' and fields[3] == b'WRITE':
            major, minor, inode = fields[5].split(b':')
            found[int(major, 16), int(minor, 16), int(inode)] = {'kind': fields[1].decode('ascii'), 'pid': int(fields[4])}
    return found


def init_system(root: str = '') -> str:
    """What starts services: systemd (running), openrc, rc (FreeBSD), sysv, or none as in a bare container."""
    for name, path in (('systemd', '/run/systemd/system'), ('openrc', '/run/openrc'), ('rc', '/etc/rc.subr'), ('sysv', '/run/initctl')):
        if os.path.exists(root + path):
            return name
    return 'none'


def unit_states(units: Sequence[str]) -> Dict[str, Dict[str, Any]]:
    """Live state of units by one systemctl call (10 to 20 ms): {name: {load, active, sub, enabled, path, status, code, skipped}}."""
    found = {}
    keys = 'Id,LoadState,ActiveState,SubState,UnitFileState,FragmentPath,ExecMainStatus,ExecMainCode,ConditionResult,ConditionTimestampMonotonic'
    text = command(['systemctl', 'show', '--no-pager', '-p', keys, '--'] + list(units))
    for name, block in zip(units, text.split('\n\n')):
        values = dict(line.partition('=')[::2] for line in block.strip().splitlines())
        found[name] = {'load': values.get('LoadState'), 'active': values.get('ActiveState'), 'sub': values.get('SubState'),
                       'enabled': values.get('UnitFileState') or None, 'path': values.get('FragmentPath') or None, 'status': values.get('ExecMainStatus'),
                       'code': values.get('ExecMainCode'), 'skipped': values.get('ConditionResult') == 'no' and values.get(
                           'ConditionTimestampMonotonic', '0') != '0'}
    return found


def started_as(pid_file: str) -> Optional[str]:
    """The command line in a pid file (log_sendmail_pid() in util.c), of plain options, where nobody but root could have written it."""
    about = file_state(pid_file, follow=False)
    above = file_state(os.path.dirname(os.path.realpath(pid_file)) or '/')
    if about['kind'] != 'file' or about['uid'] != 0 or above['uid'] != 0 or (int(about['mode'], 8) | int(above['mode'], 8)) & 0o022:
        return None
    lines = script(pid_file, 4096).split('\n')
    line = lines[1].strip() if len(lines) > 1 else ''
    return line if re.match(r'(?:/[\w./-]*/)?sendmail(?: +-?[\w./:=-]+)* +-b[dD](?: +-?[\w./:=-]+)*\Z', line, re.ASCII) else None


RC_CONF = ('/etc/defaults/rc.conf', '/etc/rc.conf', '/etc/rc.conf.local')
RC_ON = ('yes', 'true', 'on', '1')


def rc_values(paths: Sequence[str], root: str = '') -> Dict[str, str]:
    """The variables of FreeBSD's rc.conf, of all its files; the last one counts."""
    values: Dict[str, str] = {}
    for path in paths:
        values = _text.assignments(script(root + path), values)
    return values


def rc_conf(name: str, root: str = '') -> Dict[str, str]:
    """What rc.conf says to a script in /etc/rc.d: load_rc_config() in rc.subr, where the files of the script itself come last."""
    own = [top + '/rc.conf.d/' + name for top in ('/etc', '/usr/local/etc')]
    return rc_values([*RC_CONF, *(file for path in own for file in [path] + ['%s/%s' % (path, entry) for entry in names(root + path)])], root)


def _rc_service(name: str, root: str) -> Dict[str, Any]:
    """A script of FreeBSD's base system. C(sendmail_enable) NONE switches off all that rc.d/sendmail has (rc.sendmail(8))."""
    values = rc_conf(name, root)
    said = values.get(name + '_enable', 'NO' if name == 'sendmail' else 'YES').lower()
    submits = name == 'sendmail' and said != 'none' and values.get('sendmail_submit_enable', 'YES').lower() in RC_ON
    return {'unit': None, 'init_script': '/etc/rc.d/' + name, 'enabled': said in RC_ON or submits, 'masked': said == 'none'}


def _is_mask(path: str) -> bool:
    """Whether a unit file is a mask: a link to /dev/null, or empty (systemd.unit(5))."""
    return os.readlink(path) == '/dev/null' if os.path.islink(path) else os.path.isfile(path) and os.path.getsize(path) == 0


def service(name: str, root: str = '') -> Dict[str, Any]:
    """What the files say about a service, without a process: {unit, init_script, enabled, masked}, enabled None if there is neither.

    C(masked) is whether the init refuses to start it (FreeBSD: NONE in rc.conf), and C(unit) what a mask hides; where systemd does not run, as
    in a container, a mask keeps nobody from that.
    """
    # NetBSD, which has this file, knows other variables.
    if os.path.exists(root + '/etc/rc.subr') and os.path.exists(root + '/etc/rc.d/' + name) and not os.path.exists(root + '/etc/release'):
        return _rc_service(name, root)
    found = ['%s/%s.service' % (directory, name) for directory in UNIT_DIRECTORIES if os.path.lexists('%s%s/%s.service' % (root, directory, name))]
    script = '/etc/init.d/' + name if os.path.exists(root + '/etc/init.d/' + name) else None
    unit = next((path for path in found if not _is_mask(root + path)), None)
    systemd = init_system(root) == 'systemd'
    masked = systemd and bool(found) and _is_mask(root + found[0])
    wants = ('/etc/systemd/system', '/run/systemd/system', '/run/systemd/generator.late', '/usr/lib/systemd/system', '/lib/systemd/system')
    enabled = not masked and any(os.path.lexists('%s%s/%s/%s.service' % (root, top, entry, name))
                                 for top in wants for entry in names(root + top) if entry.endswith(('.wants', '.requires')))
    if not enabled and script and not systemd:
        enabled = any(re.match(r'S\d\d%s$' % re.escape(name), entry) for level in '2345' for entry in names('%s/etc/rc%s.d' % (root, level))) or \
            any(name in names('%s/etc/runlevels/%s' % (root, level)) for level in names(root + '/etc/runlevels'))
    return {'unit': unit, 'init_script': script, 'enabled': enabled if unit or script else None, 'masked': masked}


def held() -> Optional[Set[Tuple[int, int]]]:
    """The files that somebody has locked for writing, as a set of (device, inode); None where the system does not tell."""
    found = locks()
    return None if found is None else set((os.makedev(major, minor), inode) for major, minor, inode in found)
