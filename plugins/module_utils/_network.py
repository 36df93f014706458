# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

# PRIVATE to the mailops.sendmail collection: it can change or go in any release.

"""The sockets of this host, and who answers at an address. Looks as in _system."""

import errno
import os
import re
import socket
import struct
import time
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import _processes, _system

_ERRORS = {errno.ECONNREFUSED: 'connection_refused', errno.ETIMEDOUT: 'connection_timeout', errno.EHOSTUNREACH: 'no_route',
           errno.ENETUNREACH: 'no_route', errno.ECONNRESET: 'connection_reset', errno.EACCES: 'no_route', errno.EPERM: 'no_route'}


def _address(text: str) -> Tuple[str, int]:
    """Address and port of a line of /proc/net/tcp or tcp6: words of four bytes in the machine's own order."""
    digits, _dummy, port = text.partition(':')
    words = [struct.pack('=I', int(digits[start:start + 8], 16)) for start in range(0, len(digits), 8)]
    return socket.inet_ntop(socket.AF_INET if len(words) == 1 else socket.AF_INET6, b''.join(words)), int(port, 16)


def _listening(family: int) -> Iterator[Tuple[str, int, int]]:
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


def _listening_proc(name: str) -> Iterator[Tuple[str, int, int]]:
    with open('/proc/net/' + name, 'rb') as stream:
        stream.readline()
        for line in stream:                                                   # the kernel lists listening sockets first
            fields = line.split()
            if len(fields) < 10 or fields[3] != b'0A':
                break
            yield _address(fields[1].decode('ascii')) + (int(fields[9]),)


def listeners(ports: Optional[Sequence[int]] = (25, 587), known: Sequence[Dict[str, Any]] = ()) -> List[Dict[str, Any]]:
    """The sockets that listen on these ports, or on any with C(ports) None: [{address, port, inode, pid, name}], pid None where it cannot be seen.

    C(known) are processes (as from L(processes)) that are asked first; then all others, as far as that is allowed.
    """
    if not os.path.exists('/proc/net/tcp'):
        return _sockstat(ports)
    found: List[Dict[str, Any]] = []
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
    for pid in pids + ([int(entry) for entry in os.listdir('/proc')[:_processes.MOST] if entry.isdecimal() and int(entry) not in pids]):
        if not missing:
            break
        for link in _links('/proc/%d/fd' % pid):
            if link in missing:
                missing.pop(link).update(pid=pid, name=_system.printable(_system.slurp('/proc/%d/comm' % pid).strip()))
    return found


def _links(directory: str) -> Iterator[str]:
    for entry in _system.names(directory)[:1000]:
        try:
            yield os.readlink('%s/%s' % (directory, entry))
        except OSError:                                                       # closed since, or not ours to see
            pass


def _sockstat(ports: Optional[Sequence[int]]) -> List[Dict[str, Any]]:
    found = []
    for line in _system.command(['sockstat', '-46l', '-P', 'tcp'] + (['-p', ','.join(str(port) for port in ports)] if ports else [])).splitlines()[1:]:
        fields = line.split()
        if len(fields) > 5 and fields[2].isdecimal():
            address, _dummy, port = fields[5].rpartition(':')
            wild = '::' if fields[4].endswith('6') else '0.0.0.0'  # noqa: S104 - read, not bound
            found.append({'address': wild if address == '*' else address.strip('[]'), 'port': int(port), 'inode': None, 'pid': int(fields[2]),
                          'name': _system.printable(fields[1])})
    return found


def greeting(host: str, port: int = 25, timeout: float = 5.0) -> Dict[str, Any]:
    """Whether an SMTP server greets: {connected, answered, code, text, error, seconds}. Ends politely with QUIT.

    C(timeout) seconds bound it all, the name look-up too. C(error) is connection_refused, connection_timeout, no_route,
    connection_reset, name_lookup, closed or the system's text; connection_timeout with C(connected) is a server that accepts but
    is silent. C(answered) is true for code 220 only: 554 or 421 are answers that refuse.
    """
    result: Dict[str, Any] = {'connected': False, 'answered': False, 'code': None, 'text': None, 'error': None, 'seconds': 0.0}
    start = time.monotonic()

    def left() -> float:
        return max(0.05, start + timeout - time.monotonic())
    try:                                                                      # bytes spare the loading of the IDNA tables; Sendmail knows ASCII only
        addresses = _system.bounded(left(), socket.getaddrinfo, host.encode('ascii'), port, 0, socket.SOCK_STREAM)
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
                result.update(code=int(last[:3]) if last[:3].isdecimal() else None, text=_system.printable(reply.splitlines()[-1][:200]))
                result['answered'] = result['code'] == 220
                peer.sendall(b'QUIT\r\n')
                peer.settimeout(min(1.0, left()))
                peer.recv(1024)                                               # its farewell: closing before it would be logged as a lost connection
        except OSError as error:
            if result['code'] is None:
                result['error'] = 'connection_timeout' if isinstance(error, socket.timeout) else _ERRORS.get(error.errno or 0, error.strerror or str(error))
        if result['connected'] or left() <= 0.05:
            break
    result['seconds'] = round(time.monotonic() - start, 3)
    return result


def refusal(host: str, port: int = 25, timeout: float = 5.0) -> Optional[str]:
    """What an SMTP server that greets answers to MAIL or RCPT when it takes no mail from this host at all (550 or the like), or None. Sends no mail.

    With FEATURE(`delay_checks'), Debian's default, the access map answers at RCPT only, with 5.7.1.
    Another reply there is about the recipient; root exists everywhere, postmaster needs an alias.
    """
    try:
        # Bytes spare the loading of the IDNA tables.
        with socket.create_connection((host.encode('ascii'), port), timeout) as peer, peer.makefile('rb') as replies:  # type: ignore[arg-type]
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
            return _system.printable(line[:200].rstrip()) if refused else None
    except (OSError, UnicodeError):
        return None


_NOT_YET = (530, 534, 538)   # RFC 3207 and 4954: TLS or authentication first, which Sendmail does and we do not


def door(host: str, port: int = 25, timeout: float = 10.0) -> Dict[str, Any]:
    """Whether an SMTP server takes mail from this host: {text, refusal}. Sends no mail: MAIL FROM:<>, RCPT TO:<postmaster>, RSET, QUIT.

    C(text): its greeting and what it calls itself at EHLO. C(refusal): the reply with which it refuses the host as such, for good; None where
    it takes mail, wants TLS or authentication first, puts off, or could not be asked. A postmaster whom it does not know (5.1.x) is a
    matter of that recipient; RFC 5321 4.5.1 wants this one taken by everybody else.
    """
    found: Dict[str, Any] = {'text': '', 'refusal': None}
    end = time.monotonic() + timeout
    try:
        with socket.create_connection((host.encode('ascii'), port), timeout) as peer, peer.makefile('rb') as replies:  # type: ignore[arg-type]
            def reply(command: bytes = b'') -> bytes:
                peer.settimeout(max(0.05, end - time.monotonic()))
                peer.sendall(command)
                for number in range(100):
                    line = replies.readline(1024)
                    if time.monotonic() > end or not line:
                        raise OSError('closed')
                    if line[3:4] != b'-':
                        return line
                    if command[:4] == b'EHLO' and not number:
                        found['text'] += ' ' + _system.printable(line[4:200].rstrip())
                raise OSError('too much')
            line = reply()
            found['text'] = _system.printable(line[4:200].rstrip())
            if line[:1] == b'2':
                reply(b'EHLO ' + (socket.gethostname().encode('ascii', 'replace') or b'localhost') + b'\r\n')
                line = reply(b'MAIL FROM:<>\r\n')
                if line[:1] == b'2':
                    line = reply(b'RCPT TO:<postmaster>\r\n')
                    if b' 5.1.' in line or b' 5.5.' in line:
                        line = b''
            code = int(line[:3]) if line[:3].isdigit() else 0
            if code in (521, 550, 554, 556) or code >= 500 and b' 5.7.' in line and code not in _NOT_YET:
                found['refusal'] = _system.printable(line[:200].rstrip())
            reply(b'RSET\r\n')
            reply(b'QUIT\r\n')
    except (OSError, UnicodeError):
        pass
    return found
