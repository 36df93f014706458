# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Name lookups as Sendmail needs them, side by side and within a time limit."""

import os
import re
import socket
import struct
import threading
import time
from typing import Any, Dict, List, Optional, Sequence, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import _system

DNS_PORT = 53
ERRORS = {socket.EAI_AGAIN: 'temporary', socket.EAI_FAIL: 'temporary'}


def _addresses(name: str, family: int, found: Dict[Any, Tuple[Optional[str], List[str]]]) -> None:
    try:                                                                      # bytes spare the loading of the IDNA tables
        entries = socket.getaddrinfo(name.encode('ascii'), None, family, socket.SOCK_STREAM)
        found[name, family] = None, [str(entry[4][0]) for entry in entries]
    except socket.gaierror as failure:
        found[name, family] = ERRORS.get(failure.errno or 0, 'not_found'), []
    except (OSError, UnicodeError):
        found[name, family] = 'not_found', []


def _skip(reply: bytes, at: int) -> int:
    while reply[at] and reply[at] < 192:
        at += reply[at] + 1
    return at + (2 if reply[at] else 1)


def _domain(reply: bytes, at: int) -> str:
    """A name of a DNS message (RFC 1035, 4.1.4); a pointer leads back, and not for ever."""
    labels: List[str] = []
    for _step in range(128):
        length = reply[at]
        if not length:
            break
        if length >= 192:
            at = (length & 63) << 8 | reply[at + 1]
        else:
            labels.append(reply[at + 1:at + 1 + length].decode('latin-1'))
            at += length + 1
    return '.'.join(labels)


def servers(text: str) -> List[str]:
    """The addresses of the name servers in the text of resolv.conf(5), as the resolver reads them: what is no address is passed over,
    and a carriage return is part of the word (res_init.c).
    """
    return [word for word in re.findall(r'(?m)^nameserver[ \t]+([^ \t\n]+)', text) if _is_address(word)][:3] or ['127.0.0.1']


def _is_address(word: str) -> bool:
    try:
        if not re.match(r'[0-9A-Fa-f.:xX]+(:[^%]*%.*)?\Z', word):             # a scope that is none is passed over
            return False
        if ':' in word:
            socket.inet_pton(socket.AF_INET6, word.partition('%')[0])
        else:
            socket.inet_aton(word)
        return True
    except OSError:
        return False


def exchangers(name: str, path: str = '/etc/resolv.conf', seconds: float = 3.0) -> Tuple[List[Tuple[int, str]], Optional[str]]:
    """The MX records of a name, [(preference, name)], and what went wrong: C(temporary) where no name server gave an answer (Sendmail
    defers mail then, getmxrr() in domain.c)."""
    asked = servers(_system.script(path))
    number = os.getpid() & 0xffff
    labels = [label[:63] for label in os.fsencode(name).split(b'.') if label]
    query = struct.pack('>HHHHHH', number, 0x0100, 1, 0, 0, 0)
    query += b''.join(struct.pack('B', len(label)) + label for label in labels) + b'\0\0\x0f\0\1'
    for server in asked * 2:                                                  # one packet may be lost, as a resolver knows
        try:
            with socket.socket(socket.AF_INET6 if ':' in server else socket.AF_INET, socket.SOCK_DGRAM) as peer:
                peer.settimeout(seconds / len(asked) / 2)
                peer.connect((server, DNS_PORT))
                peer.send(query)
                reply = peer.recv(4096)
            if verdict(reply, number):
                continue
            at, found = _skip(reply, 12) + 4, []
            for _record in range(struct.unpack('>H', reply[6:8])[0]):
                at = _skip(reply, at)
                kind, _class, _ttl, length = struct.unpack('>HHIH', reply[at:at + 10])
                if kind == 15:
                    found.append((struct.unpack('>H', reply[at + 10:at + 12])[0], _domain(reply, at + 12)))
                at += 10 + length
            return found, None
        except (OSError, IndexError, struct.error):
            continue
    return [], 'temporary'


def resolve(questions: Sequence[Tuple[str, bool]], seconds: float) -> Dict[str, Dict[str, Any]]:
    """What names stand for, as Sendmail asks: {name: {addresses, error, mx, mx_error}}; C(questions) are those of _route.questions().

    Sendmail puts a dot behind the name it has found and asks for that first (getcanonname(), domain.c), which the DNS alone answers, and
    without the dot only when there is nothing: so the DNS wins over /etc/hosts. C(error) as in L(look_up). With mail exchangers their
    names are among the answers. All is asked side by side.
    """
    known: Dict[str, Dict[str, Any]] = {}
    asked: Dict[Any, Tuple[Optional[str], List[str]]] = {}
    mail: Dict[str, Tuple[List[Tuple[int, str]], Optional[str]]] = {}
    deadline = time.monotonic() + seconds

    def run(tasks: List[Tuple[Any, Tuple[Any, ...]]]) -> None:
        threads = [threading.Thread(target=task, args=arguments, daemon=True) for task, arguments in tasks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def ask_mail(name: str) -> None:
        mail[name] = exchangers(name, seconds=seconds)
    run([(ask_mail, (name,)) for name, wanted in questions if wanted])
    names = [name for name, _wanted in questions] + [host for found, _error in list(mail.values()) for _preference, host in found]
    names = list(dict.fromkeys(name.rstrip('.').lower() for name in names if name))[:20]
    families = (socket.AF_INET6, socket.AF_INET)
    run([(_addresses, (name + dot, family, asked)) for name in names for dot in ('.', '') for family in families])
    for name in names:
        both = [[asked.get((name + dot, family), ('timeout', [])) for dot in ('.', '')] for family in families]
        found = [(dotted if dotted[1] else plain) for dotted, plain in both]
        addresses = [address for _error, some in found for address in some]
        records, mx_error = mail.get(name, ([], 'timeout' if (name, True) in questions else None))
        known[name] = {'addresses': list(dict.fromkeys(addresses)), 'mx': records, 'mx_error': mx_error,
                       'error': None if addresses else next((word for word, _some in found[::-1] if word), 'not_found')}
    return known


def verdict(reply: bytes, number: int) -> Optional[str]:
    """What is wrong with a reply to the query C(number), None for an answer."""
    code = struct.unpack('>H', reply[2:4])[0] & 15 if len(reply) > 11 and reply[:2] == struct.pack('>H', number) else 1
    # NXDOMAIN is an answer.
    return None if code in (0, 3) else {2: 'SERVFAIL', 5: 'REFUSED'}.get(code, 'reply code %d' % code)
