# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The sockets of this host, and who answers at an address. Looks as in _system."""

import errno
import os
import re
import socket
import struct
import time
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import _processes, _system

_ERRORS = {errno.ECONNREFUSED: 'connection_refused', errno.ETIMEDOUT: 'connection_timeout', errno.EHOSTUNREACH: 'no_route',
           errno.ENETUNREACH: 'no_route', errno.EADDRNOTAVAIL: 'no_route', errno.ECONNRESET: 'connection_reset', errno.EPIPE: 'closed',
           errno.EACCES: 'not_permitted', errno.EPERM: 'not_permitted'}
_NAME_SECONDS = 3.0
_AGAIN = 4                 # times, some three seconds at least
BROKEN_OFF = ('connection_timeout', 'connection_reset', 'closed')
# A greeting that never came, without a reason.
NOBODY: Dict[str, Any] = {'connected': False, 'answered': False, 'code': None, 'text': None, 'error': None, 'seconds': 0.0, 'refusal': None,
                          'deferral': None, 'denied': [], 'farewell': None}


def _address(text: str) -> Tuple[str, int]:
    """Address and port of a line of /proc/net/tcp or tcp6: words of four bytes in the machine's own order."""
    digits, _dummy, port = text.partition(':')
    words = [struct.pack('=I', int(digits[start:start + 8], 16)) for start in range(0, len(digits), 8)]
    return socket.inet_ntop(socket.AF_INET if len(words) == 1 else socket.AF_INET6, b''.join(words)), int(port, 16)


def _v6only(attributes: bytes) -> Optional[bool]:
    """INET_DIAG_SKV6ONLY among the attributes of an inet_diag_msg, None where the kernel does not tell."""
    while len(attributes) >= 5:
        length, kind = struct.unpack('=HH', attributes[:4])
        if kind == 11:
            return bool(attributes[4])
        attributes = attributes[max(4, (length + 3) & ~3):]
    return None


def _listening(family: int) -> Iterator[Tuple[str, int, int, Optional[bool]]]:
    """(address, port, inode, v6only) of the listening TCP sockets of one family, from sock_diag(7): that costs a tenth of reading /proc/net/tcp."""
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
                       struct.unpack('=I', body[68:72])[0], _v6only(body[72:]))
                data = data[(length + 3) & ~3:]


def _listening_proc(name: str) -> Iterator[Tuple[str, int, int, Optional[bool]]]:
    with open('/proc/net/' + name, 'rb') as stream:
        stream.readline()
        for line in stream:                                                   # in any order in gVisor
            fields = line.split()
            if len(fields) > 9 and fields[3] == b'0A':
                yield _address(fields[1].decode('ascii')) + (int(fields[9]), None)


def listeners(ports: Optional[Sequence[int]] = (25, 587), known: Sequence[Dict[str, Any]] = ()) -> List[Dict[str, Any]]:
    """The sockets that listen on these ports, or on any with C(ports) None: [{address, port, inode, v6only, pid, name, sendmail}].

    C(pid) is None where it cannot be seen. C(known) are processes (as from L(processes)) that are asked first; then all others, as far as
    that is allowed. C(sendmail) is whether one of the known holds it, None where nobody can be seen who does; C(v6only) None where the
    kernel does not tell.
    """
    if not os.path.exists('/proc/net/tcp'):
        return _sockstat(ports, [process['pid'] for process in known])
    found: List[Dict[str, Any]] = []
    for family, name in ((socket.AF_INET, 'tcp'), (socket.AF_INET6, 'tcp6')):
        try:
            try:
                sockets = list(_listening(family))
            except OSError:
                sockets = list(_listening_proc(name))
        except (OSError, ValueError):                                         # no IPv6
            continue
        found += [{'address': address, 'port': port, 'inode': inode, 'v6only': v6only, 'pid': None, 'name': None,
                   'sendmail': None}
                  for address, port, inode, v6only in sockets if ports is None or port in ports]
    missing = {'socket:[%d]' % record['inode']: record for record in found}
    pids = [process['pid'] for process in known]
    for pid in pids + ([int(entry) for entry in os.listdir('/proc')[:_processes.MOST] if entry.isdecimal() and int(entry) not in pids]):
        if not missing:
            break
        for link in _links('/proc/%d/fd' % pid):
            if link in missing:
                missing.pop(link).update(pid=pid, name=_system.printable(_system.slurp('/proc/%d/comm' % pid).strip()), sendmail=pid in pids)
    return found


def _links(directory: str) -> Iterator[str]:
    for entry in _system.names(directory)[:1000]:
        try:
            yield os.readlink('%s/%s' % (directory, entry))
        except OSError:                                                       # closed since, or not ours to see
            pass


def _sockstat(ports: Optional[Sequence[int]], pids: Sequence[int] = ()) -> List[Dict[str, Any]]:
    found = []
    for line in _system.command(['sockstat', '-46l', '-P', 'tcp'] + (['-p', ','.join(str(port) for port in ports)] if ports else [])).splitlines()[1:]:
        fields = line.split()
        if len(fields) > 5 and fields[2].isdecimal():
            address, _dummy, port = fields[5].rpartition(':')
            wild = '::' if fields[4].endswith('6') else '0.0.0.0'  # noqa: S104 - read, not bound
            bound = wild if address == '*' else address.strip('[]')
            found.append({'address': bound, 'port': int(port), 'inode': None, 'v6only': bound == '::',
                          'pid': int(fields[2]), 'name': _system.printable(fields[1]), 'sendmail': int(fields[2]) in pids})
    return found


def unacknowledged(places: Sequence[Tuple[str, int]]) -> List[str]:
    """Connections whose data the kernel sends again and again. A slow peer acknowledges it, and has another timer (get_tcp4_sock() in tcp_ipv4.c)."""
    found = []
    for name in ('tcp', 'tcp6'):
        for line in _system.slurp_all('/proc/net/' + name).decode('ascii', 'replace').splitlines()[1:]:
            fields = line.split()
            if len(fields) > 6 and fields[3] in ('01', '04') and fields[5][:3] == '01:' and int(fields[6], 16) >= _AGAIN and _address(fields[2]) in places:
                found.append('%d bytes to %s port %d are not acknowledged, after %d repetitions: a packet filter, or the MTU.' % (
                    (int(fields[4][:8], 16),) + _address(fields[2]) + (int(fields[6], 16),)))
    return found


def interfaces() -> Dict[str, Any]:
    """The addresses that this host takes for its own, and whether its loopback interface is up (None: not known): {addresses, loopback}."""
    found = set(re.findall(r'\binet6? ([0-9A-Fa-f:.]+)', _system.command(['ifconfig', '-a']))) if not os.path.exists('/proc/net/if_inet6') else set()
    # What the kernel itself consults: addresses, and ranges like 127.0.0.0/8, which is_here() knows by itself.
    last = ''
    for line in _system.slurp_all('/proc/net/fib_trie').decode('ascii', 'replace').splitlines():
        match = re.match(r'[ |+-]*([0-9.]+)$', line)
        last = match.group(1) if match else last
        if line.endswith('/32 host LOCAL'):
            found.add(last)
    for line in _system.slurp_all('/proc/net/if_inet6').decode('ascii', 'replace').splitlines():
        found.add(socket.inet_ntop(socket.AF_INET6, bytes(bytearray.fromhex(line.split()[0]))))
    flags = _system.slurp('/sys/class/net/lo/flags').strip()
    return {'addresses': sorted(found), 'loopback': bool(int(flags, 16) & 1) if flags else None}


def own_names(addresses: Sequence[str], probed: bool = True) -> List[str]:
    """The names of this host, the full one first, which the resolver has where /etc/hosts has none: the host name, and what /etc/hosts calls
    these addresses and the loopback.

    Without C(probed), as with DontProbeInterfaces, only the lines with the host name count (main.c, load_if_names() in conf.c).
    """
    name = socket.gethostname().lower()
    lines = [line.partition('#')[0].split() for line in _system.script('/etc/hosts').lower().splitlines()]
    mine = [words for words in lines if len(words) > 1 and (words[0].startswith('127.') or words[0] == '::1' or words[0] in addresses)]
    own = [word for words in mine if name in words[1:] for word in words[1:] if '.' in word]
    full = name if '.' in name else own[0] if own else ''
    try:                                                                      # myhostname() in daemon.c
        full = full or _system.bounded(_NAME_SECONDS, socket.getaddrinfo, name, None, 0, socket.SOCK_STREAM, 0, socket.AI_CANONNAME)[0][3].lower()
    except (OSError, UnicodeError):
        pass
    full = full if '.' in full else name
    return list(dict.fromkeys([full, name] + ['localhost'] * probed + [
        word.rstrip('.') for words in mine if probed or name in words for word in words[1:]]))


def hosts_lines(names: Sequence[str]) -> List[str]:
    """The lines of /etc/hosts that name one of these: ["/etc/hosts line 3: 192.0.2.1 localhost"]."""
    found = []
    for number, line in enumerate(_system.script('/etc/hosts').splitlines(), 1):
        if set(word.rstrip('.') for word in line.partition('#')[0].lower().split()[1:]) & set(names):
            found.append('/etc/hosts line %d: %s' % (number, _system.printable(' '.join(line.split())[:200])))
    return found[:5]


# What is asked of a server that has greeted, in so many seconds: (refusal or None, refusals of recipients). Raises OSError.
Ask = Callable[[socket.socket, float], Tuple[Optional[str], List[str]]]


def _socket_of(user: int, group: int, *kind: int) -> socket.socket:
    """A socket that a packet filter (iptables -m owner, meta skuid, skgid) takes for theirs: it asks who has made it."""
    mine, ours = os.geteuid(), os.getegid()
    try:
        if not mine:
            os.setegid(group)
            os.seteuid(user)
    except OSError:                                                           # no such user in this namespace
        pass
    try:
        return socket.socket(*kind)
    finally:
        if not mine:
            os.seteuid(0)
            os.setegid(ours)


def greeting(host: str, port: int = 25, timeout: float = 5.0, patience: float = 0.0, who: Sequence[int] = (0, 0), source: Optional[str] = None,
             ask: Optional[Ask] = None) -> Dict[str, Any]:
    """Whether an SMTP server greets: {connected, answered, code, text, error, seconds, refusal, deferral, denied, farewell}.

    One connection, of C(who), (user, group), from the address C(source) where one is given, which ends politely with QUIT.

    C(timeout) seconds bound the name lookup and the connection, and then C(patience), where it is given, the greeting: a server may make
    its clients wait (FEATURE(`greet_pause')), until Timeout.initial. C(error) is connection_refused, connection_timeout, no_route, not_permitted,
    connection_reset, name_lookup, closed or the system's text; connection_timeout with C(connected) is a server that accepts but is silent.
    C(answered) is true for code 220 only: 554 or 421 are answers that refuse. With C(ask) the server is asked on whether it takes mail:
    C(refusal) is what it says when it does not, C(deferral) when it does not now, C(denied) what to each of the recipients
    that it was asked about, where it takes none of them; C(error) with C(answered) is that of a server which then
    falls silent or hangs up (reply() in usersmtp.c: a read error, and the mail stays).
    """
    result = dict(NOBODY)
    start = time.monotonic()
    end, asked = start + timeout, False

    def left() -> float:
        return max(0.05, end - time.monotonic())
    try:                                                                      # bytes spare the loading of the IDNA tables; Sendmail knows ASCII only
        addresses = _system.bounded(left(), socket.getaddrinfo, host.encode('ascii'), port, 0, socket.SOCK_STREAM)
    except (OSError, UnicodeError):                                           # TimeoutError and gaierror are OSErrors
        addresses, result['error'] = [], 'name_lookup'
    for family, kind, protocol, _dummy, address in addresses[:8]:
        try:
            with _socket_of(who[0], who[1], family, kind, protocol) as peer:
                peer.settimeout(left())
                if source:
                    peer.bind((source, 0))
                peer.connect(address)
                result.update(connected=True, error=None)
                end = time.monotonic() + patience if patience else end
                reply = b''
                while not re.search(rb'(?m)^\d{3}(?: .*)?\r?\n', reply) and len(reply) < 8192:
                    if reply and time.monotonic() > end:                      # who says a little at a time is no more patiently heard
                        raise socket.timeout
                    peer.settimeout(left())
                    data = peer.recv(1024)
                    if not data:
                        raise OSError('closed')
                    reply += data
                last = reply.decode('latin-1').splitlines()[-1]
                result.update(code=int(last[:3]) if last[:3].isdecimal() else None, text=_system.printable(reply.splitlines()[-1][:200]))
                result['answered'] = result['code'] == 220
                if ask and result['answered']:
                    asked = True
                    said, result['denied'] = ask(peer, max(5.0, left()))
                    asked = False
                    result['deferral' if said and said[0] == '4' else 'refusal'] = said
                peer.sendall(b'QUIT\r\n')
                peer.settimeout(min(1.0, left()))
                # Closing before its farewell would be logged as a lost connection.
                result['farewell'] = _system.printable(peer.recv(1024).partition(b'\n')[0].strip()[:200]) or None
        except OSError as error:
            word = 'connection_timeout' if isinstance(error, socket.timeout) else _ERRORS.get(error.errno or 0, error.strerror or str(error))
            if result['code'] is None or word in BROKEN_OFF and asked:
                result['error'] = word
        if result['connected'] or left() <= 0.05:
            break
    result['seconds'] = round(time.monotonic() - start, 3)
    return result
