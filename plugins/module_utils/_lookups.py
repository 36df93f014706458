# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What a queue run looks up beside the relay: the host's own name, and domains of recipients."""

import re
import socket
import threading
import time
from typing import Any, Dict, List, Sequence, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import _names, _system


def _look_up(name: str, family: int, found: Dict[Any, Dict[str, Any]]) -> None:
    start = time.monotonic()
    try:
        entries = socket.getaddrinfo(name, None, family, socket.SOCK_STREAM, 0, socket.AI_CANONNAME)
        error, canonical = None, entries[0][3]
    except socket.gaierror as failure:
        error, canonical = _names.ERRORS.get(failure.errno or 0, 'not_found'), ''
    except (OSError, UnicodeError):
        error, canonical = 'not_found', ''
    found[name, family] = {'error': error, 'canonical': canonical, 'seconds': round(time.monotonic() - start, 2)}


def _ask(domain: str, seconds: float, found: Dict[Any, Dict[str, Any]]) -> None:
    start = time.monotonic()
    error = _names.exchangers(domain, seconds=seconds)[1]
    found[domain] = {'error': error, 'canonical': '', 'seconds': round(time.monotonic() - start, 2)}


def look_up(questions: Sequence[Tuple[str, int]], seconds: float, domains: Sequence[str] = ()) -> Dict[Any, Dict[str, Any]]:
    """Ask all (name, address family) at once, as programs do, and for domains the name servers of resolv.conf themselves, as Sendmail does
    whatever nsswitch.conf says (dns_getcanonname() in domain.c): {(name, family) or domain: {error, canonical, seconds}}.

    C(error) is None, C(not_found) (the name server answered, and there is no address), C(temporary) (Sendmail defers mail then) or C(timeout).
    """
    answers: Dict[Any, Dict[str, Any]] = {}
    threads = [threading.Thread(target=_look_up, args=(name, family, answers), daemon=True) for name, family in questions]
    threads += [threading.Thread(target=_ask, args=(domain, seconds, answers), daemon=True) for domain in domains]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return dict((key, dict(answers.get(key) or {'error': 'timeout', 'canonical': '', 'seconds': seconds})) for key in list(questions) + list(domains))


def look_around(domains: Sequence[str]) -> Dict[str, Any]:
    """Look up what a queue run needs beside the relay: {own, domains}.

    C(own): {name, unqualified, error, seconds}, the slower of IPv4 and IPv6, for Sendmail asks both at each start; C(domains): {domain:
    {error, seconds}}; that there is no such name is an answer too.
    """
    own = socket.gethostname()
    searched = [] if '.' in own else [('%s.%s.' % (own, domain.strip('.')), socket.AF_UNSPEC) for domain in searches(_system.script('/etc/resolv.conf'))[:3]]
    answers = look_up([(own, socket.AF_INET), (own, socket.AF_INET6)] + searched, 8.0, domains)
    both = [answers[own, socket.AF_INET], answers[own, socket.AF_INET6]]
    waits = '.' not in own and _waits(own.lower(), both, _system.script('/etc/hosts'), any(not answers[question]['error'] for question in searched))
    return {'own': {'name': own, 'unqualified': waits, 'error': both[0]['error'], 'seconds': max(answer['seconds'] for answer in both)},
            'domains': dict((name, answers[name]) for name in domains)}


def searches(text: str) -> List[str]:
    """The domains in the text of resolv.conf(5) in which the resolver looks for a short name: of the last such line."""
    found = re.findall(r'(?m)^(?:search|(domain))[ \t]+([^ \t\n].*)', text)
    return re.findall(r'[^ \t]+', found[-1][1])[:1 if found[-1][0] else None] if found else []


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
