# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

# PRIVATE to the mailops.sendmail collection: it can change or go in any release.

"""Name lookups as Sendmail needs them, side by side and within a time limit."""

import os
import re
import select
import socket
import struct
import threading
import time
from typing import Any, Dict, List, Optional, Sequence, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import _system

_DNS_PORT = 53
_ERRORS = {socket.EAI_AGAIN: 'temporary', socket.EAI_FAIL: 'temporary'}


def _look_up(name: str, family: int, found: Dict[Any, Dict[str, Any]]) -> None:
    start = time.monotonic()
    try:
        entries = socket.getaddrinfo(name, None, family, socket.SOCK_STREAM, 0, socket.AI_CANONNAME)
        error, canonical = None, entries[0][3]
    except socket.gaierror as failure:
        error, canonical = _ERRORS.get(failure.errno or 0, 'not_found'), ''
    except (OSError, UnicodeError):
        error, canonical = 'not_found', ''
    found[name, family] = {'error': error, 'canonical': canonical, 'seconds': round(time.monotonic() - start, 2)}


def look_up(questions: Sequence[Tuple[str, int]], seconds: float) -> Dict[Any, Dict[str, Any]]:
    """Ask all (name, address family) at once: {(name, family): {error, canonical, seconds}}.

    C(error) is None, C(not_found) (the name server answered, and there is no address), C(temporary) (Sendmail defers mail then) or C(timeout).
    """
    answers: Dict[Any, Dict[str, Any]] = {}
    threads = [threading.Thread(target=_look_up, args=(name, family, answers), daemon=True) for name, family in questions]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return dict(((name, family), dict(answers.get((name, family)) or {'error': 'timeout', 'canonical': '', 'seconds': seconds}))
                for name, family in questions)


def _addresses(name: str, family: int, found: Dict[Any, Tuple[Optional[str], List[str]]]) -> None:
    try:                                                                      # bytes spare the loading of the IDNA tables
        entries = socket.getaddrinfo(name.encode('ascii'), None, family, socket.SOCK_STREAM)
        found[name, family] = None, [str(entry[4][0]) for entry in entries]
    except socket.gaierror as failure:
        found[name, family] = _ERRORS.get(failure.errno or 0, 'not_found'), []
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
    """The addresses of the name servers in the text of resolv.conf(5), as the resolver reads them."""
    return re.findall(r'(?m)^nameserver[ \t]+([0-9A-Fa-f.:]+(?:%[\w.-]+)?)(?!\S)', text)[:3] or ['127.0.0.1']


def exchangers(name: str, path: str = '/etc/resolv.conf', seconds: float = 3.0) -> Tuple[List[Tuple[int, str]], Optional[str]]:
    """The MX records of a name, [(preference, name)], and what went wrong: C(temporary) where no name server gave an answer (Sendmail
    defers mail then, getmxrr() in domain.c)."""
    asked = servers(_system.script(path))
    number = os.getpid() & 0xffff
    labels = [label[:63] for label in os.fsencode(name).split(b'.') if label]
    query = struct.pack('>HHHHHH', number, 0x0100, 1, 0, 0, 0)
    query += b''.join(struct.pack('B', len(label)) + label for label in labels) + b'\0\0\x0f\0\1'
    for server in asked:
        try:
            with socket.socket(socket.AF_INET6 if ':' in server else socket.AF_INET, socket.SOCK_DGRAM) as peer:
                peer.settimeout(seconds / len(asked))
                peer.connect((server, _DNS_PORT))
                peer.send(query)
                reply = peer.recv(4096)
            if _verdict(reply, number):
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


def look_around(domains: Sequence[str], seconds: float = 8.0) -> Dict[str, Any]:
    """Look up what a queue run needs beside the relay: {own, domains}.

    C(own): {name, unqualified, error, seconds}, the slower of IPv4 and IPv6, for Sendmail asks both at each start; C(domains): {domain:
    {error, seconds}}. An MX record alone makes C(not_found), which is an answer all the same.
    """
    own = socket.gethostname()
    searched = [] if '.' in own else [('%s.%s.' % (own, domain.strip('.')), socket.AF_UNSPEC) for domain in searches(_system.script('/etc/resolv.conf'))[:3]]
    answers = look_up([(own, socket.AF_INET), (own, socket.AF_INET6)] + searched + [(name, socket.AF_UNSPEC) for name in domains], seconds)
    both = [answers[own, socket.AF_INET], answers[own, socket.AF_INET6]]
    waits = '.' not in own and _waits(own.lower(), both, _system.script('/etc/hosts'), any(not answers[question]['error'] for question in searched))
    return {'own': {'name': own, 'unqualified': waits, 'error': both[0]['error'], 'seconds': max(answer['seconds'] for answer in both)},
            'domains': dict((name, answers[name, socket.AF_UNSPEC]) for name in domains)}


def searches(text: str) -> List[str]:
    """The domains in the text of resolv.conf(5) in which the resolver looks for a short name: of the last such line."""
    found = re.findall(r'(?m)^(?:search|(domain))[ \t]+(\S.*)', text)
    return found[-1][1].split()[:1 if found[-1][0] else None] if found else []


def _waits(own: str, both: Sequence[Dict[str, Any]], hosts: str, searched: bool) -> bool:
    """Whether Sendmail waits 60 seconds for a name with a dot (myhostname() in daemon.c): it finds its host name, IPv6 first, and there is
    no dot in it, nor in an alias, nor in the first line of /etc/hosts with the name that it found (getcanonname() in map.c), nor does the
    DNS have that name in a domain of the search list, C(searched). C(both): the answers for IPv4 and IPv6.
    """
    version = 6 if not both[1]['error'] and has_ipv6() else 4
    if both[version == 6]['error']:
        return False
    name = both[version == 6]['canonical'].lower()
    lines = [line.partition('#')[0].lower().split() for line in hosts.splitlines()]
    # The line of ::1 answers a question for IPv4 too (files-hosts.c of glibc).
    words = [name] + [word for line in lines if own in line[1:]
                      and (line[0] == '::1' or (':' in line[0]) == (version == 6)) for word in line[1:]]
    words += next((line[1:] for line in lines if name in line[1:]), [])
    return not (any('.' in word for word in words) or searched and name == own)


def has_ipv6() -> bool:
    try:
        socket.socket(socket.AF_INET6, socket.SOCK_STREAM).close()
    except OSError:
        return False
    return True


def _verdict(reply: bytes, number: int) -> Optional[str]:
    """What is wrong with a reply to the query C(number), None for an answer."""
    code = struct.unpack('>H', reply[2:4])[0] & 15 if len(reply) > 11 and reply[:2] == struct.pack('>H', number) else 1
    # NXDOMAIN is an answer.
    return None if code in (0, 3) else {2: 'SERVFAIL', 5: 'REFUSED'}.get(code, 'reply code %d' % code)


def name_servers(path: str = '/etc/resolv.conf', seconds: float = 3.0) -> List[Dict[str, Any]]:
    """Ask each name server of resolv.conf(5) for this host's own name, all at once: [{address, error}]. Any answer but a failure counts.

    Who said nothing or was not there is asked once more after half of the seconds, as a resolver does: one packet may be lost.
    """
    addresses = servers(_system.script(path))
    labels = [label[:63] for label in os.fsencode(socket.gethostname()).split(b'.') if label]
    number = os.getpid() & 0xffff
    query = struct.pack('>HHHHHH', number, 0x0100, 1, 0, 0, 0) + b''.join(struct.pack('B', len(label)) + label for label in labels) + b'\0\0\1\0\1'
    found: List[Dict[str, Any]] = [{'address': address, 'error': 'no answer within %g seconds' % seconds} for address in addresses]
    pending = {}
    for record in found:
        try:
            pending[socket.socket(socket.AF_INET6 if ':' in record['address'] else socket.AF_INET, socket.SOCK_DGRAM)] = record
        except OSError as error:   # a kernel without IPv6
            record['error'] = error.strerror
    for last in (False, True):
        # From now: who was asked late, because the machine was busy, may answer late.
        until, waiting = time.monotonic() + seconds / 2, []
        for peer, record in pending.items():
            try:
                peer.connect((record['address'], _DNS_PORT))
                peer.send(query)
                waiting.append(peer)
            except OSError as error:
                record['error'] = error.strerror
        while waiting:
            ready = select.select(waiting, [], [], max(0, until - time.monotonic()))[0]
            for peer in ready:
                waiting.remove(peer)
                try:
                    reply = peer.recv(4096)
                except OSError as error:
                    pending[peer]['error'] = error.strerror
                else:
                    pending.pop(peer)['error'] = _verdict(reply, number)
                    peer.close()
            if not ready:
                break
        if pending and not last:
            time.sleep(max(0, until - time.monotonic()))
    for peer in pending:
        peer.close()
    return found
