# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

# PRIVATE to the mailops.sendmail collection: it can change or go in any release.

"""The machine around the queues: programs, processes, sockets, schedules, file systems.

Every look is bounded in time and in size, changes nothing, and returns plain types. What cannot be learnt is None, or an
C(error) beside what could; nothing here raises for the state that a host is in. Paths take C(root) in front, for a host that
is laid out in a directory.
"""

import errno
import grp
import os
import pwd
import re
import socket
import stat
import struct
import time

from ansible_collections.mailops.sendmail.plugins.module_utils import _platform
from ansible_collections.mailops.sendmail.plugins.module_utils import _schedule
from ansible_collections.mailops.sendmail.plugins.module_utils import _text

_CRON_DAEMONS = ('cron', 'crond', 'fcron', 'dcron', 'bcron-sched', 'cronie')
UNIT_DIRECTORIES = ('/etc/systemd/system', '/run/systemd/system', '/usr/local/lib/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system')
_MAX_PROCESSES = 20000
_ERRORS = {errno.ECONNREFUSED: 'connection_refused', errno.ETIMEDOUT: 'connection_timeout', errno.EHOSTUNREACH: 'no_route',
           errno.ENETUNREACH: 'no_route', errno.ECONNRESET: 'connection_reset', errno.EACCES: 'no_route', errno.EPERM: 'no_route'}


def _decode(data):
    return _text.printable(data if isinstance(data, bytes) else os.fsencode(data))


def bounded(seconds, function, *arguments):
    """The result of a call that may hang in the kernel or the resolver (dead NFS server, dead name server), or TimeoutError."""
    import threading
    outcome = []

    def call():
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


def _user(uid):
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return str(uid)


def _group(gid):
    try:
        return grp.getgrgid(gid).gr_name
    except (KeyError, OverflowError):
        return str(gid)


def _slurp(path, limit=65536):
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


def _script(path, limit=262144):
    return _slurp(path, limit).decode('utf-8', 'replace')


def file_state(path, follow=True):
    """Owner, group, mode and kind of a path: {path, exists, error, kind, owner, group, uid, gid, mode, links, size, mtime}."""
    state = dict.fromkeys(('error', 'kind', 'owner', 'group', 'uid', 'gid', 'mode', 'links', 'size', 'mtime'))
    state.update(path=_decode(path), exists=False)
    try:
        found = os.stat(path) if follow else os.lstat(path)
    except OSError as error:
        state.update(error=None if error.errno in (errno.ENOENT, errno.ENOTDIR) else error.strerror)
        return state
    kinds = ((stat.S_ISREG, 'file'), (stat.S_ISDIR, 'directory'), (stat.S_ISLNK, 'link'), (stat.S_ISFIFO, 'fifo'), (stat.S_ISSOCK, 'socket'))
    state.update(exists=True, kind=([name for test, name in kinds if test(found.st_mode)] or ['device'])[0],
                 owner=_user(found.st_uid), group=_group(found.st_gid), uid=found.st_uid, gid=found.st_gid,
                 mode='%04o' % stat.S_IMODE(found.st_mode), links=found.st_nlink, size=found.st_size, mtime=int(found.st_mtime))
    return state


def read_file(path, limit=1048576):
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


def os_release(root=''):
    """The variables of os-release(5), {} where there is none."""
    return _schedule.assignments(_script(root + '/etc/os-release') or _script(root + '/usr/lib/os-release'))


def platform(root=''):
    """The C(_platform.Platform) of this host."""
    return _platform.identify(os_release(root), lambda path: os.path.exists(root + path), os.uname().sysname)


def _look_into(path):
    """What a binary says about itself: {is_sendmail, other_mta, version, lock, configuration}. One bounded read, no process.

    C(lock) comes from the list of operating system defines that -d0.13 prints, which is compiled in: HASFLOCK or not.
    """
    data = slurp_all(path, 8388608)
    found = {'is_sendmail': b'readqf: ' in data, 'other_mta': None, 'version': None, 'lock': None, 'configuration': None}
    if found['is_sendmail']:                                                  # found by plain search: a regular expression would stop at every NUL
        version, start = None, data.find(b'\x008.')
        while start >= 0 and not version:
            version = re.match(rb'8\.\d+(?:\.\d+)+[\w.+-]{0,20}(?=\0)', data[start + 1:start + 40])
            start = data.find(b'\x008.', start + 1)
        end = data.find(b'/sendmail.cf\0')
        found.update(version=version and _decode(version.group()), configuration=_decode(data[data.rfind(b'\0', 0, end) + 1:end]) if end > 0 else None,
                     lock='flock' if b'\0HASFLOCK\0' in data else 'fcntl' if b'\0HASINITGROUPS\0' in data else None)
    else:
        known = [name for name, word in _platform.OTHER_MTAS if os.path.basename(path).startswith(name)]
        known += [name for name, word in _platform.OTHER_MTAS if word in data]
        found['other_mta'] = known[0] if known else ('unknown' if data else None)
    return found


def program(layout, root=''):
    """The program called sendmail: {path, target, sendmail, is_sendmail, other_mta, version, lock, configuration, owner, group, mode, setgid, error}.

    C(path) is the name as called, C(target) what it leads to through alternatives and FreeBSD's mailer.conf, C(sendmail) the real
    Sendmail on this host, also when another mailer owns the name; None if there is none.
    """
    names = [root + name for name in layout.binaries]
    wrapper = re.search(r'(?m)^sendmail\s+(\S+)', _script(root + '/etc/mail/mailer.conf'))
    if wrapper and layout.family == 'freebsd':
        names.insert(0, root + wrapper.group(1))
    found = dict.fromkeys(('path', 'target', 'sendmail', 'other_mta', 'version', 'lock', 'configuration', 'owner', 'group', 'mode', 'error'))
    found.update(is_sendmail=False, setgid=False)
    seen = set()
    for name in names:
        target = os.path.realpath(name)
        if target in seen or not os.path.isfile(target):
            continue
        seen.add(target)
        inside = _look_into(target)
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


# Processes

def _process(pid, ppid, user, started, name, argv, msp_user):
    title = argv[0] if len(argv) == 1 or argv[0].startswith('sendmail: ') else ''
    record = {'pid': pid, 'ppid': ppid, 'user': user, 'started': started, 'name': _decode(name),
              'title': _decode(' '.join(argv).strip()[:300].encode('utf-8', 'surrogateescape'))}
    record.update(_schedule.process_role(title, argv))
    # Only the mail submission program runs as its user; ordinary titles do not say which of the two they belong to.
    record['queue'] = 'msp' if record.pop('prefix') == 'MSP' or user == msp_user else 'mta'
    return record


def processes(msp_user='smmsp'):
    """Sendmail's processes and the cron daemons of this host (not those inside containers on it).

    Returns [{pid, ppid, user, started (epoch), name, title, role, queue, interval, directory, id, rejecting, unit}]; roles as in
    C(_schedule.process_role), and C(cron). C(unit) is the systemd unit. Without a Linux /proc from ps(1).
    """
    if not os.path.exists('/proc/self/stat'):
        return _ps(msp_user)
    found = []
    boot = re.search(rb'(?m)^btime (\d+)', slurp_all('/proc/stat'))
    for entry in os.listdir('/proc')[:_MAX_PROCESSES]:
        if not entry.isdecimal():
            continue
        line = _slurp('/proc/%s/stat' % entry, 1024)
        name = line[line.find(b'(') + 1:line.rfind(b')')]
        cron = name.decode('utf-8', 'replace') in _CRON_DAEMONS
        if not cron and not name.startswith(b'sendmail'):
            continue
        status = _slurp('/proc/%s/status' % entry, 8192)
        inner = re.search(rb'NSpid:\s*(.*)', status)
        uid = re.search(rb'Uid:\s*\d+\s+(\d+)', status)                       # the owner of /proc/PID is root for a set-group-ID program
        fields = line[line.rfind(b')') + 2:].split()
        if not uid or len(fields) < 20 or fields[0] in b'ZX' or (inner and len(inner.group(1).split()) > 1):
            continue
        argv = _slurp('/proc/%s/cmdline' % entry, 4096).decode('utf-8', 'surrogateescape').rstrip('\0 ').split('\0')
        started = boot and int(boot.group(1)) + int(fields[19]) // os.sysconf('SC_CLK_TCK')
        record = _process(int(entry), int(fields[1]), _user(int(uid.group(1))), started, name, argv, msp_user)
        unit = re.search(rb'/([^/\n]+\.service)', _slurp('/proc/%s/cgroup' % entry, 4096))
        record.update(unit=unit and _decode(unit.group(1)), **({'role': 'cron', 'queue': None} if cron else {}))
        found.append(record)
    return found


def _command(argv, seconds=10):
    """Standard output of a command as text, '' if it fails or is not there."""
    import subprocess
    try:
        # There is no AnsibleModule on this floor to run it.
        done = subprocess.run(  # pylint: disable=ansible-bad-function
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=seconds, check=False,
            env={'LC_ALL': 'C', 'PATH': '/usr/bin:/bin:/usr/sbin:/sbin'})
    except (OSError, subprocess.SubprocessError):
        return ''
    return done.stdout[:1048576].decode('utf-8', 'surrogateescape')


def _ps(msp_user):
    found = []
    now = time.time()
    for line in _command(['ps', '-axwwo', 'pid=,ppid=,uid=,etime=,comm=,args=']).splitlines()[:_MAX_PROCESSES]:
        match = re.match(r'\s*(\d+)\s+(\d+)\s+(\d+)\s+(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)\s+(\S+)\s+(.*)', line)
        if not match or not (match.group(8).startswith('sendmail') or match.group(8) in _CRON_DAEMONS):
            continue
        days, hours, minutes, seconds = (int(part or 0) for part in match.groups()[3:7])
        text = re.sub(r' \(sendmail\)$', '', match.group(9))                  # FreeBSD puts the program's name behind a title
        argv = [text] if text.startswith('sendmail: ') else text.split()
        record = _process(int(match.group(1)), int(match.group(2)), _user(int(match.group(3))),
                          int(now - (((days * 24 + hours) * 60 + minutes) * 60 + seconds)), match.group(8).encode('utf-8'), argv, msp_user)
        record.update(unit=None, **({'role': 'cron', 'queue': None} if match.group(8) in _CRON_DAEMONS else {}))
        found.append(record)
    return found


# Sockets

def _address(text):
    """Address and port of a line of /proc/net/tcp or tcp6: words of four bytes in the machine's own order."""
    digits, _dummy, port = text.partition(':')
    words = [struct.pack('=I', int(digits[start:start + 8], 16)) for start in range(0, len(digits), 8)]
    return socket.inet_ntop(socket.AF_INET if len(words) == 1 else socket.AF_INET6, b''.join(words)), int(port, 16)


def _listening(family):
    """(address, port, inode) of the listening TCP sockets of one family, from sock_diag(7): that costs a tenth of reading /proc/net/tcp."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as kernel:      # NETLINK_SOCK_DIAG
        kernel.settimeout(2)
        # A header with SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST and NLM_F_DUMP; then an inet_diag_req_v2 for TCP_LISTEN alone.
        kernel.send(struct.pack('=IHHIIBBBxI48x', 72, 20, 0x301, 1, 0, family, socket.IPPROTO_TCP, 0, 1 << 10))
        while True:
            data = kernel.recv(65536)
            while data:
                length, kind = struct.unpack('=IH', data[:6])
                if kind == 3:                                                 # NLMSG_DONE
                    return
                if kind == 2 or length < 88:                                  # NLMSG_ERROR: no such diagnosis in this kernel
                    raise OSError(errno.EOPNOTSUPP, 'no sock_diag')
                body = data[16:length]                                        # an inet_diag_msg
                yield (socket.inet_ntop(family, body[8:12 if family == socket.AF_INET else 24]), struct.unpack('>H', body[4:6])[0],
                       struct.unpack('=I', body[68:72])[0])
                data = data[(length + 3) & ~3:]


def _listening_proc(name):
    with open('/proc/net/' + name, 'rb') as stream:
        stream.readline()
        for line in stream:                                                   # the kernel lists listening sockets first
            fields = line.split()
            if len(fields) < 10 or fields[3] != b'0A':
                break
            yield _address(fields[1].decode('ascii')) + (int(fields[9]),)


def listeners(ports=(25, 587), known=()):
    """The sockets that listen on these ports, or on any with C(ports) None: [{address, port, inode, pid, name}], pid None where it cannot be seen.

    C(known) are processes (as from L(processes)) that are asked first; then all others, as far as that is allowed.
    """
    if not os.path.exists('/proc/net/tcp'):
        return _sockstat(ports)
    found = []
    for family, name in ((socket.AF_INET, 'tcp'), (socket.AF_INET6, 'tcp6')):
        try:
            try:
                sockets = list(_listening(family))
            except OSError:
                sockets = list(_listening_proc(name))
        except (OSError, ValueError):                                         # no IPv6
            continue
        found += [{'address': address, 'port': port, 'inode': inode, 'pid': None, 'name': None} for address, port, inode in sockets
                  if ports is None or port in ports]
    missing = {'socket:[%d]' % record['inode']: record for record in found}
    pids = [process['pid'] for process in known]
    for pid in pids + ([int(entry) for entry in os.listdir('/proc')[:_MAX_PROCESSES] if entry.isdecimal() and int(entry) not in pids]):
        if not missing:
            break
        for link in _links('/proc/%d/fd' % pid):
            if link in missing:
                missing.pop(link).update(pid=pid, name=_decode(_slurp('/proc/%d/comm' % pid).strip()))
    return found


def _links(directory):
    for entry in names(directory)[:1000]:
        try:
            yield os.readlink('%s/%s' % (directory, entry))
        except OSError:                                                       # closed since, or not ours to see
            pass


def _sockstat(ports):
    found = []
    for line in _command(['sockstat', '-46l', '-P', 'tcp'] + (['-p', ','.join(str(port) for port in ports)] if ports else [])).splitlines()[1:]:
        fields = line.split()
        if len(fields) > 5 and fields[2].isdecimal():
            address, _dummy, port = fields[5].rpartition(':')
            wild = '::' if fields[4].endswith('6') else '0.0.0.0'  # noqa: S104 - read, not bound
            found.append({'address': wild if address == '*' else address.strip('[]'), 'port': int(port), 'inode': None, 'pid': int(fields[2]),
                          'name': _decode(fields[1])})
    return found


def greeting(host, port=25, timeout=5.0):
    """Whether an SMTP server greets: {connected, answered, code, text, error, seconds}. Ends politely with QUIT.

    C(timeout) seconds bound it all, the name look-up too. C(error) is connection_refused, connection_timeout, no_route,
    connection_reset, name_lookup, closed or the system's text; connection_timeout with C(connected) is a server that accepts but
    is silent. C(answered) is true for code 220 only: 554 or 421 are answers that refuse.
    """
    result = {'connected': False, 'answered': False, 'code': None, 'text': None, 'error': None, 'seconds': 0.0}
    start = time.monotonic()

    def left():
        return max(0.05, start + timeout - time.monotonic())
    try:                                                                      # bytes spare the loading of the IDNA tables; Sendmail knows ASCII only
        addresses = bounded(left(), socket.getaddrinfo, host.encode('ascii'), port, 0, socket.SOCK_STREAM)
    except (OSError, UnicodeError):                                           # TimeoutError and gaierror are OSErrors
        addresses, result['error'] = [], 'name_lookup'
    for family, kind, protocol, _dummy, address in addresses[:8]:
        try:
            with socket.socket(family, kind, protocol) as peer:
                peer.settimeout(left())
                peer.connect(address)
                result.update(connected=True, error=None)
                reply = b''
                while not re.search(rb'(?m)^\d{3}(?: .*)?\r?\n', reply) and len(reply) < 8192:
                    peer.settimeout(left())
                    data = peer.recv(1024)
                    if not data:
                        raise OSError('closed')
                    reply += data
                last = reply.decode('latin-1').splitlines()[-1]
                result.update(code=int(last[:3]) if last[:3].isdecimal() else None, text=_decode(reply.splitlines()[-1][:200]))
                result['answered'] = result['code'] == 220
                peer.sendall(b'QUIT\r\n')
                peer.settimeout(min(1.0, left()))
                peer.recv(1024)                                               # its farewell: closing before it would be logged as a lost connection
        except OSError as error:
            if result['code'] is None:
                result['error'] = 'connection_timeout' if isinstance(error, socket.timeout) else _ERRORS.get(error.errno, error.strerror or str(error))
        if result['connected'] or left() <= 0.05:
            break
    result['seconds'] = round(time.monotonic() - start, 3)
    return result


def refusal(host, port=25, timeout=5.0):
    """What an SMTP server that greets answers to MAIL or RCPT when it takes no mail from this host at all (550 or the like), or None. Sends no mail.

    With FEATURE(`delay_checks'), Debian's default, the access map answers at RCPT only, with 5.7.1.
    Another reply there is about the recipient; root exists everywhere, postmaster needs an alias.
    """
    try:
        with socket.create_connection((host.encode('ascii'), port), timeout) as peer, peer.makefile('rb') as replies:
            for command in (b'', b'EHLO localhost\r\n', b'MAIL FROM:<>\r\n'):
                peer.sendall(command)
                line = replies.readline(1024)
                while line[3:4] == b'-':
                    line = replies.readline(1024)
            refused = line[:1] == b'5'
            if line[:1] == b'2':
                peer.sendall(b'RCPT TO:<root>\r\n')
                line = replies.readline(1024)
                refused = line[:1] == b'5' and b' 5.7.' in line
            peer.sendall(b'QUIT\r\n')
            replies.readline(1024)
            return _decode(line[:200].rstrip()) if refused else None
    except (OSError, UnicodeError):
        return None


# The system

def load_average():
    """The load averages of 1, 5 and 15 minutes, from where Sendmail itself reads them, or None."""
    try:
        values = [float(value) for value in _script('/proc/loadavg', 100).split()[:3]] or os.getloadavg()
    except (OSError, ValueError):
        return None
    return [round(value, 2) for value in values]


def cpus():
    """Processors on line, as Sendmail counts them for QueueLA and RefuseLA."""
    return max(1, os.sysconf('SC_NPROCESSORS_ONLN'))


def locks():
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


def slurp_all(path, limit=16777216):
    try:
        with open(path, 'rb') as stream:
            return stream.read(limit)
    except OSError:
        return b''


def accounts(names):
    """Users and groups by name: {name: {uid, gid, home, shell, group (gid of the group of that name)}}, uid None for no such user."""
    found = {}
    for name in names:
        record = dict.fromkeys(('uid', 'gid', 'home', 'shell', 'group'))
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


def init_system(root=''):
    """What starts services: systemd (running), openrc, rc (FreeBSD), sysv, or none as in a bare container."""
    for name, path in (('systemd', '/run/systemd/system'), ('openrc', '/run/openrc'), ('rc', '/etc/rc.subr'), ('sysv', '/run/initctl')):
        if os.path.exists(root + path):
            return name
    return 'none'


def unit_states(names):
    """Live state of units by one systemctl call (10 to 20 ms: ask only when it matters): {name: {load, active, sub, enabled, path, since}}."""
    found = {}
    text = _command(['systemctl', 'show', '--no-pager', '-p', 'Id,LoadState,ActiveState,SubState,UnitFileState,FragmentPath', '--'] + list(names))
    for name, block in zip(names, text.split('\n\n')):
        values = dict(line.partition('=')[::2] for line in block.strip().splitlines())
        found[name] = {'load': values.get('LoadState'), 'active': values.get('ActiveState'), 'sub': values.get('SubState'),
                       'enabled': values.get('UnitFileState') or None, 'path': values.get('FragmentPath') or None}
    return found


def names(directory):
    try:
        return sorted(os.listdir(directory))[:10000]
    except OSError:
        return []


def service(name, root=''):
    """What the files say about a service, without a process: {unit, init_script, enabled, masked}, enabled None if there is neither.

    C(masked) is whether systemd refuses to start it; where systemd does not run, as in a container, a mask keeps nobody from that.
    """
    unit = [directory for directory in UNIT_DIRECTORIES if os.path.lexists('%s%s/%s.service' % (root, directory, name))]
    script = '/etc/init.d/' + name if os.path.exists(root + '/etc/init.d/' + name) else None
    path = '%s/%s.service' % (unit[0], name) if unit else None
    systemd = init_system(root) == 'systemd'
    masked = systemd and bool(unit) and os.path.islink(root + path) and os.readlink(root + path) == '/dev/null'
    wants = ('/etc/systemd/system', '/run/systemd/system', '/run/systemd/generator.late', '/usr/lib/systemd/system', '/lib/systemd/system')
    enabled = not masked and any(os.path.lexists('%s%s/%s/%s.service' % (root, top, entry, name))
                                 for top in wants for entry in names(root + top) if entry.endswith(('.wants', '.requires')))
    if not enabled and script and not systemd:
        enabled = any(re.match(r'S\d\d%s$' % re.escape(name), entry) for level in '2345' for entry in names('%s/etc/rc%s.d' % (root, level)))
    return {'unit': path, 'init_script': script, 'enabled': enabled if unit or script else None, 'masked': masked}


def cron(user, alive, root=''):
    """What starts cron lines, and whether C(user) may have some: L(service) with {name, running, refuses}; C(alive): whether such a process is there.

    C(refuses) is that of _schedule.cron_refusal().
    """
    allow, deny = (_script(root + path) if os.path.exists(root + path) else None for path in ('/etc/cron.allow', '/etc/cron.deny'))
    found = {}
    for name in ('cron', 'crond', 'cronie'):
        found = dict(service(name, root), name=name, running=alive, refuses=_schedule.cron_refusal(user, allow, deny))
        if found['unit'] or found['init_script']:
            break
    else:                                                                     # FreeBSD has it in the base system, and enabled unless rc.conf says no
        script = '/etc/rc.d/cron'
        found.update(name='cron', init_script=script if os.path.exists(root + script) else None)
    return found


# Queue runners

def _runner(source, path, interval=None, active=False, detail=None, **more):
    record = {'source': source, 'path': path, 'line': None, 'user': None, 'interval': interval, 'uneven': False, 'active': active, 'detail': detail,
              'pid': None, 'unit': None, 'partial': False}
    record.update(more)
    return record


def _crontabs(family, root):
    """The crontabs of a host: (path, with user field, user, why cron would not read it)."""
    for path in ['/etc/crontab'] + ['/etc/cron.d/' + name for name in names(root + '/etc/cron.d')]:
        state = file_state(root + path)
        refused = None
        if state['exists'] and ((state['uid'] != 0 and not root) or int(state['mode'], 8) & 0o022):
            refused = 'cron ignores it: not owned by root, or writable by others'
        elif family == 'debian' and path != '/etc/crontab' and not re.match(r'[\w-]+$', os.path.basename(path), re.ASCII):
            refused = 'cron ignores it: its name may only have letters, digits, - and _'
        if state['kind'] == 'file':
            yield path, True, None, refused
    for directory in ('/var/spool/cron/crontabs', '/var/spool/cron', '/var/cron/tabs'):
        for name in names(root + directory):
            if os.path.isfile('%s%s/%s' % (root, directory, name)):
                yield '%s/%s' % (directory, name), False, name, None


def _cron_runners(layout, settings, alive, root):
    debian = layout.family == 'debian'
    for path, with_user, owner, refused in _crontabs(layout.family, root):
        text = _script(root + path)
        if not re.search(r'sendmail|runq', text):
            continue
        for entry in _schedule.cron_entries(text, with_user):
            run = _schedule.queue_run(entry['command'], debian)
            if not run:
                continue
            detail = refused or (None if alive else 'no cron daemon is running')
            if run['how'] == 'cron-mta' and (settings['queue_mode'], settings['msp_mode']) != ('cron', 'none'):
                continue                                                      # that line is for the MTA queue
            if run['how'] == 'cron-msp' and settings['msp_mode'] != 'cron':
                detail = 'MSP_MODE in /etc/mail/sendmail.conf is %s, so the helper does nothing' % settings['msp_mode']
            interval, uneven = _schedule.cron_interval(entry['schedule'])
            yield _runner('cron' if run['how'] == 'sendmail' else 'debian_cron', path, interval, detail is None, detail, line=entry['line'],
                          user=_decode(entry['user'] or owner), uneven=uneven, partial=run['partial'])
    for name, seconds in (('hourly', 3600), ('daily', 86400), ('weekly', 604800), ('monthly', 2678400)):
        for entry in names('%s/etc/cron.%s' % (root, name)):
            path = '/etc/cron.%s/%s' % (name, entry)
            lines = [line for line in _script(root + path).splitlines() if 'sendmail' in line and line.lstrip()[:1] != '#']
            runs = [run for run in (_schedule.queue_run(line) for line in lines) if run and run['how'] == 'sendmail']
            if runs:
                usable = alive and os.access(root + path, os.X_OK)
                yield _runner('cron', path, seconds, usable, None if usable else 'no cron daemon is running, or the script is not executable',
                              user='root', partial=runs[0]['partial'])


def _unit(name, present, root):
    """A unit file with its drop-ins: (path, settings), or (None, {}). C(present): what L(UNIT_DIRECTORIES) hold, in their order."""
    holders = [directory for directory in UNIT_DIRECTORIES if name in present[directory]]
    drops = {}                                                                # of drop-ins with the same name the first directory wins
    for directory in reversed(UNIT_DIRECTORIES):
        if name + '.d' in present[directory]:
            drops.update((entry, '%s/%s.d/%s' % (directory, name, entry)) for entry in names('%s%s/%s.d' % (root, directory, name))
                         if entry.endswith('.conf'))
    paths = ['%s/%s' % (directory, name) for directory in holders[:1]] + [drops[entry] for entry in sorted(drops)]
    return (paths[0] if holders else None), _schedule.unit(*[_script(root + path) for path in paths])


def _unit_run(settings, root):
    if 'sendmail' not in ' '.join(settings.get('ExecStart', [])):
        return None
    environment = {}
    for path in settings.get('EnvironmentFile', []):
        environment.update(_schedule.assignments(_script(root + path.lstrip('-'))))
    return _schedule.queue_run(_schedule.unit_command(settings, environment))


def _systemd_runners(daemons, booted, root):
    merged = os.path.islink(root + '/lib')                                    # then the last directory is the one before it
    present = {directory: set(names(root + directory)) if directory[:5] != '/lib/' or not merged else set() for directory in UNIT_DIRECTORIES}
    for name in sorted(entry for entry in set().union(*present.values()) if entry.endswith('.timer')):
        path, settings = _unit(name, present, root)
        served = (settings.get('Unit') or [name[:-6] + '.service'])[-1]
        run = _unit_run(_unit(served, present, root)[1], root)
        if run:
            state = unit_states([name]).get(name, {}) if booted else {}
            interval, uneven = _schedule.timer_interval(settings)
            active = state.get('active') == 'active'
            yield _runner('systemd_timer', path, interval, active, None if active else 'the timer is not active', uneven=uneven, unit=name,
                          partial=run['partial'])
    own = UNIT_DIRECTORIES[0]
    for name in ['sm-client.service'] + sorted(entry for entry in present[own] if entry.endswith('.service') and entry != 'sm-client.service'
                                               and not os.path.islink('%s%s/%s' % (root, own, entry))):
        path, settings = _unit(name, present, root)
        run = _unit_run(settings, root)
        if run and run['interval'] and name not in daemons:
            yield _runner('systemd_unit', path, run['interval'], False, 'the unit is there, but none of its processes is a queue runner', unit=name)
        elif run and name in daemons:
            daemons[name].update(source='systemd_unit', path=path)


def _freebsd_runners(daemons, alive, root):
    values = {}
    for path in ('/etc/defaults/rc.conf', '/etc/rc.conf', '/etc/rc.conf.local'):
        values = _schedule.assignments(_script(root + path), values)
    on = ('yes', 'true', 'on', '1')
    flags = values.get('sendmail_msp_queue_flags', '-L sm-msp-queue -Ac -q30m')
    run = _schedule.queue_run('sendmail ' + flags)
    if values.get('sendmail_enable', '').upper() != 'NONE' and values.get('sendmail_msp_queue_enable', 'YES').lower() in on and run:
        if daemons:
            daemons[0].update(source='rc_conf', path='/etc/rc.conf')
        else:
            yield _runner('rc_conf', '/etc/rc.conf', run['interval'], False, 'sendmail_msp_queue_enable is on, but no queue runner is there')
    values = {}
    for path in ('/etc/defaults/periodic.conf', '/etc/periodic.conf', '/etc/periodic.conf.local'):
        values = _schedule.assignments(_script(root + path), values)
    if values.get('daily_queuerun_enable', 'YES').lower() in on and values.get('daily_submit_queuerun', 'YES').lower() in on:
        yield _runner('periodic', '/etc/periodic.conf', 86400, alive, None if alive else 'no cron daemon is running', user='root')


def cron_runs(found):
    """Whether a cron daemon is among the L(processes)."""
    return any(process['role'] == 'cron' for process in found)


def sendmail_conf(layout, root=''):
    """What /etc/mail/sendmail.conf says, _schedule.debian_settings() with C(exists); None on all but Debian."""
    if layout.family != 'debian':
        return None
    text = _script(root + '/etc/mail/sendmail.conf')
    return dict(_schedule.debian_settings(text), exists=bool(text))


def queue_runners(layout, found, root=''):
    """Every runner of the MSP queue: [{source, path, line, user, interval, uneven, active, detail, pid, unit, partial}].

    C(source) is debian_cron (the line that sendmail.conf generates), cron, daemon, systemd_timer, systemd_unit, rc_conf or periodic.
    C(interval) is seconds, of the largest gap where gaps differ (C(uneven)); None where it cannot be derived. C(active) is false
    for a runner that is set up but does nothing, and C(detail) says why. C(found) are the L(processes).
    """
    alive = cron_runs(found)
    runners = []
    sleepers = [process for process in found if process['role'] == 'queue_runner' and process['queue'] == 'msp']
    pids = [process['pid'] for process in sleepers]
    for process in sleepers:
        if process['ppid'] not in pids:                                       # a child is a run under way, before it has its own title
            runners.append(_runner('daemon', None, process['interval'], True, process['title'], user=process['user'], pid=process['pid'],
                                   unit=process['unit']))
    conf = sendmail_conf(layout, root)
    settings = conf or _schedule.debian_settings('')
    exists = conf is not None and conf['exists']
    daemons = list(runners)
    runners += _cron_runners(layout, settings, alive, root)
    runners += _systemd_runners({runner['unit']: runner for runner in daemons if runner['unit']}, not root and init_system() == 'systemd', root)
    if layout.family == 'freebsd':
        runners += _freebsd_runners(daemons, alive, root)
    if exists and settings['msp_mode'] == 'daemon' and not daemons:
        runners.append(_runner('daemon', '/etc/mail/sendmail.conf', settings['msp_interval'], False, 'MSP_MODE is Daemon, but no queue runner is there'))
    if exists and settings['msp_mode'] == 'cron' and not any(runner['source'] == 'debian_cron' for runner in runners):
        runners.append(_runner('debian_cron', '/etc/mail/sendmail.conf', settings['msp_interval'], False,
                               'MSP_MODE is Cron, but /etc/cron.d/sendmail has no line for it' + (' (HANDS_OFF is set)' if settings['hands_off'] else '')))
    return runners
