# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The way of mail out of the client queue: which relay, whether it is this host, which socket a connection reaches, and
who answers there.

Pure: what the host knows (interfaces, answers of the resolver, listening sockets, a greeting) comes in as plain values.
The steps are those of Sendmail: C(submission) reads submit.cf, C(questions) says what has to be looked up, C(places)
puts the answers in, in the order of connections, C(listener) finds the socket, C(answers) says who it is, and C(route)
is all of them in one dictionary, the fact C(mta.relay). References are to the sources of 8.17.1.9; each rule is checked
against the connections of the real binaries (tests/unit/samples/route/relays.json).
"""

import ipaddress
import re
import socket
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import _cf

HOSTS_MAX = 100  # MAXMXHOSTS of conf.h: parse_hostsignature() (deliver.c:6642) takes no more
_SERVICES = {'smtp': 25, 'smtps': 465, 'submission': 587, 'submissions': 465}
# What the greeting of a mail server says it is; the configurable default of Sendmail is "$j Sendmail $v/$Z; $b".
_GREETINGS = (
    ('sendmail', re.compile(r'\bSendmail\b')),
    (
        'other_mta',
        re.compile(
            r'\b(?:Postfix|Exim|OpenSMTPD|nullmailer|Microsoft ESMTP|Courier|qmail|Haraka|Maildrop|DragonFly Mail)',
            re.I,
        ),
    ),
)
_FAREWELL = re.compile(r'221 2\.0\.0 \S+ closing connection$')  # srvrsmtp.c:3743, whatever SmtpGreetingMessage says
_OTHER_MTAS = re.compile(
    r'(?:exim\d?|postfix|master|smtpd|qmail-smtpd|tcpserver|courier\w*|msmtpd|haraka|mailpit|MailHog)$'
)
SUPERVISORS = ('systemd', 'inetd', 'xinetd', 'rlinetd', 'inetutils-inetd', 'openbsd-inetd')

Address = Any  # ipaddress.IPv4Address or IPv6Address


class Target(NamedTuple):
    """One host that submit.cf names."""

    host: str  # as written, brackets and all
    name: str  # without brackets, IPv6: and the final dot
    address: Optional[str]  # canonical, where the name is an address
    mx: bool  # whether Sendmail asks for its mail exchangers first
    fallback: bool = False  # FallbackSmartHost or FallbackMXhost: only when all before it failed


class Submission(NamedTuple):
    """What submit.cf says about the way: the mailer, its port, and the hosts in the order Sendmail tries them."""

    mailer: str
    port: int
    targets: List[Target]
    path: Optional[str]  # of a socket in the file system (A=FILE) or a program (P=/...), and then there are no hosts
    only: Optional[Tuple[str, int]]  # ConnectOnlyTo: address and port (0: the mailer's) of every connection
    null_mx: bool  # TryNullMXList
    # Timeout.hoststatus=0, as in Debian's submit.cf: that there is no exchanger to go to is forgotten, whatever the reason, and the name itself is
    # tried (hostsignature() in deliver.c, mci_get() in mci.c).
    forgets: bool = False


class Place(NamedTuple):
    """One connection Sendmail would try: to an address, for a host."""

    host: str
    address: str
    port: int
    this_host: bool
    fallback: bool


def address(text: str) -> Optional[Address]:
    """The address that a text means, None if it is a name: C(127.1) and C(IPv6:0:0:0:0:0:0:0:1) too, as inet_addr() and
    anynet_pton() take them.

    An IPv4 address mapped into IPv6 is the IPv4 address (daemon.c:2303 and 4507).
    """
    try:
        found = ipaddress.ip_address(socket.inet_pton(socket.AF_INET6, re.sub('^ipv6:', '', text, flags=re.I)))
        return getattr(found, 'ipv4_mapped', None) or found
    except (OSError, ValueError):
        pass
    try:
        return (
            ipaddress.ip_address(socket.inet_aton(text)) if text[:1].isdigit() and not re.search(r'\s', text) else None
        )
    except (OSError, ValueError):
        return None


def _hosts(text: str) -> List[str]:
    """The hosts of a list: colons (one after the other) and commas (in any order) outside of brackets divide it
    (deliver.c:6471).
    """
    return [host for host in re.findall(r'\[[^\]]*\][^:,]*|\[.*|[^:,]+', re.sub(r'[\s"]', '', text)) if host][
        :HOSTS_MAX
    ]


def _target(host: str, mx: bool, fallback: bool = False) -> Target:
    bracketed = re.match(r'\[([^\]]*)\]', host)
    name = bracketed.group(1) if bracketed else host
    found = address(name)
    return Target(
        host,
        (name if found is None else str(found)).rstrip('.').lower(),
        None if found is None else str(found),
        mx and not host.startswith('['),
        fallback,
    )


def _port(text: str) -> int:
    """The port of a mailer's third argument (deliver.c:2234); a service that nobody knows is port 25 (daemon.c:2566).
    """
    number = re.match(r'\d+', text)
    return (int(number.group()) & 0xFFFF if number else 0) or _SERVICES.get(text.lower(), 25)


def daemon_ports(cf: _cf.Configuration) -> List[int]:
    """The ports that a daemon with this configuration listens on: DaemonPortOptions, of which the last Port= counts."""
    found = []
    for value in cf.options.get('daemonportoptions', ['Name=MTA']):
        fields = [part.strip() for part in value.split(',')]
        named = [part.partition('=')[2].strip() for part in fields if part[:1] in 'Pp' and '=' in part]
        found.append(_port(named[-1]) if named else 25)
    return found


def of_daemons(cf: Optional[_cf.Configuration], letter: str) -> List[str]:
    """What each line of DaemonPortOptions sets under a letter, whose case counts (setsockaddroptions() in daemon.c), '' for nothing: r is for
    RefuseLA, q for QueueLA, c for MaxDaemonChildren, D for DeliveryMode.
    """
    lines = cf.options.get('daemonportoptions') if cf else None
    return [([''] + re.findall(r'(?:^|,)\s*%s[^=,]*=\s*([^\s,]+)' % letter, line))[-1] for line in lines or ['']]


def lowest(cf: Optional[_cf.Configuration], letter: str, otherwise: int) -> int:
    """The lowest limit of a daemon, where C(otherwise) is that of the option; 0 is no limit."""
    limits = [int(text) if text.isdecimal() else otherwise for text in of_daemons(cf, letter)]
    return min(filter(None, limits), default=0)


def sources(cf: Optional[_cf.Configuration]) -> Dict[int, str]:
    """{4 or 6: the address that connections are made from}: ClientPortOptions, of which the last of a family counts
    (setclientoptions() in daemon.c).
    """
    found = {}
    for value in cf.options.get('clientportoptions', []) if cf else []:
        fields = {part.strip()[:1].lower(): part.partition('=')[2].strip() for part in value.split(',') if '=' in part}
        version = 6 if fields.get('f', '').lower() in ('inet6', '10') else 4
        found[version] = address(fields.get('a', ''))
    return {version: str(one) for version, one in found.items() if one and one.version == version and int(one)}


def _triple(text: str) -> Tuple[str, str]:
    """Mailer and host of a smart host: C(mailer:host) where the mailer is one token, else the relay mailer
    (MailerToTriple in proto.m4:1386).
    """
    found = re.match(r'([A-Za-z0-9_-]+):(.*)$', text)
    return (found.group(1), found.group(2)) if found else ('relay', text)


def meant(cf: _cf.Configuration, text: str, own_name: str = '', **more: str) -> str:
    """A text with its macros replaced; C(own_name): the full name, for C($j), C($w) and C($m), which Sendmail itself defines."""
    known = {'j': own_name, 'w': own_name, 'm': own_name.partition('.')[2], 'k': own_name}
    known.update((name, value) for name, value in cf.macros.items() if value or name not in known)
    return _cf.expand(cf._replace(macros=dict(known, **more)), text)


def submission(cf: _cf.Configuration, own_name: str = '', dns: bool = True) -> Optional[Submission]:
    """The way of mail by submit.cf, None if the file names no relay.

    C(own_name) as in C(meant); C(dns): whether Sendmail uses it (getmxrr() in domain.c). The relay is the macro
    MTAHost of FEATURE(`msp') (msp.m4:80); a client queue that is run with another configuration takes its smart host
    (S) or mail hub (H, nullclient).
    """
    written = [(name, meant(cf, cf.macros.get(name, ''), own_name).strip()) for name in ('MTAHost', 'S', 'H')]
    name, text = next(((name, text) for name, text in written if text), ('', ''))
    if not text:
        return None
    mailer, hosts = ('relay', text) if name == 'MTAHost' else _triple(re.sub(r'\s', '', text))
    about = cf.mailers.get(mailer.lower(), {})
    argv = about.get('argv') or ['TCP', '$h']
    # $h is the host of the triple; a mailer can also have a host of its own written there (deliver.c:2218).
    hosts = meant(cf, argv[1], own_name, h=hosts) if len(argv) > 1 else hosts
    if argv[0] == 'FILE' or about.get('path', '')[:1] == '/':  # a program needs no MTA, with or without $u in its arguments
        return Submission(mailer, 0, [], hosts if argv[0] == 'FILE' else about['path'], None, False)
    mx = dns and '0' not in about.get('flags', '')  # M_NOMX (sendmail.h)
    targets = [_target(host, mx) for host in _hosts(hosts)]
    # FallbackSmartHost follows a host that fails, without asking for its exchangers (deliver.c:1250); FallbackMXhost
    # ends the list (domain.c:1074).
    targets[1:1] = [
        _target(host, False, True)
        for host in _hosts(meant(cf, cf.option('FallbackSmartHost') or '', own_name))[:1]
        if targets
    ]
    targets += [_target(host, mx, True) for host in _hosts(meant(cf, cf.option('FallbackMXhost') or '', own_name))]
    port, _at, only = (cf.option('ConnectOnlyTo') or '').rpartition('@')  # readcf.c:4178
    single = address(only)
    return Submission(
        mailer,
        _port(meant(cf, argv[2], own_name)) if len(argv) > 2 else 25,
        targets,
        None,
        (str(single), _port(port) if port else 0) if single else None,
        cf.flag('TryNullMXList'),
        _cf.timeout(cf, 'hoststatus', 1800) <= 0,
    )


def questions(way: Optional[Submission]) -> List[Tuple[str, bool]]:
    """What has to be looked up before C(places): [(name, whether its mail exchangers are asked for)], each once."""
    found: Dict[str, bool] = {}
    for target in way.targets if way else []:
        if target.address is None or target.mx:
            found[target.name] = found.get(target.name, False) or target.mx
    return sorted(found.items())


def exchangers(answer: Dict[str, Any], own_names: Iterable[str], null_mx: bool = False) -> Optional[List[str]]:
    """The names to connect to for a name with mail exchangers, in order; [] where there are none; None where the list
    leads back to this host, or could not be had: Sendmail tries nothing then.

    C(answer)['mx'] is [(preference, name)]. This host itself and what is no better than it are left out (getmxrr(),
    domain.c:565); with nothing left Sendmail says "MX list for X points back to Y", but with TryNullMXList connects to
    the addresses of the name.
    """
    own = set(name.rstrip('.').lower() for name in own_names)
    if answer.get('mx_error'):
        return None
    listed = sorted((int(preference), name.rstrip('.').lower()) for preference, name in answer.get('mx') or [])
    mine = [preference for preference, name in listed if name in own]
    left = [name for preference, name in listed if not mine or preference < min(mine)]
    return list(dict.fromkeys(left)) if left or not mine or null_mx else None


def is_here(text: str, interfaces: Iterable[str]) -> bool:
    """Whether an address is one of this host: of the loopback, of an interface, or C(0.0.0.0) and C(::), which
    connect() takes for the loopback.
    """
    found = address(text)
    return found is not None and (
        found.is_loopback or found.is_unspecified or found in set(address(one.partition('%')[0]) for one in interfaces)
    )


def places(
    way: Optional[Submission],
    answers_: Dict[str, Dict[str, Any]],
    interfaces: Iterable[str],
    own_names: Iterable[str] = (),
) -> List[Place]:
    """The connections that Sendmail would try, in order: IPv6 before IPv4 for each name (makeconnection(),
    daemon.c:2137).

    C(answers_): {name: {'addresses': [...], 'mx': [(preference, name)], 'error': None or a word}} for C(questions), and
    for exchangers too.
    """
    if way is None:
        return []
    found: List[Place] = []
    for target in way.targets:
        mx = exchangers(answers_.get(target.name, {}), own_names, way.null_mx) if target.mx else []
        mx = [] if way.forgets and not any(mx or ()) else mx
        if mx is None:
            continue
        for name in mx or [target.name]:
            literal = address(name)
            texts = [str(literal)] if literal else answers_.get(name, {}).get('addresses') or []
            parsed = [one for one in (address(text) for text in texts) if one]
            for one in sorted(dict.fromkeys(parsed), key=lambda one: -one.version):
                there, port = (way.only[0], way.only[1] or way.port) if way.only else (str(one), way.port)
                found.append(Place(target.host, there, port, is_here(there, interfaces), target.fallback))
    seen: Dict[Tuple[str, int], Place] = {}
    for place in found:
        seen.setdefault((place.address, place.port), place)
    return list(seen.values())


def listener(listeners: Sequence[Dict[str, Any]], place: Place) -> Optional[Dict[str, Any]]:
    """The listening socket that a connection to this place reaches, by binding alone; None if there is none, or if the
    place is another host.

    The kernel prefers a socket bound to the address itself (also as an IPv4-mapped one), then the wildcard of the
    family, then for IPv4 the IPv6 wildcard, unless that is C(v6only). C(listeners): [{address, port, v6only (None: not
    known)}].
    """
    wanted = address(place.address)
    if not place.this_host or wanted is None:
        return None
    wanted = ipaddress.ip_address('127.0.0.1' if wanted.version == 4 else '::1') if wanted.is_unspecified else wanted
    best: Tuple[int, Optional[Dict[str, Any]]] = (0, None)
    for one in listeners:
        bound = address(one['address'])
        if one['port'] != place.port or bound is None:
            continue
        rank = 0
        if bound == wanted:
            rank = 3
        elif bound.is_unspecified and bound.version == wanted.version:
            rank = 2
        elif bound.is_unspecified and wanted.version == 4 and not one.get('v6only'):
            rank = 1
        best = (rank, one) if rank > best[0] else best
    return best[1]


def answers(
    greeting: Optional[Dict[str, Any]], socket_: Optional[Dict[str, Any]], this_host: Optional[bool]
) -> Optional[str]:
    """Who answers: C(sendmail), C(inetd) (Sendmail for which inetd or systemd holds the socket), C(other_mta),
    C(stranger), C(mta) (of another host, which may be any), C(nobody), or None where it is not known because nobody
    asked.

    C(greeting): {connected, answered, code, text, farewell}; C(socket_): what C(listener) found, with the process that holds it
    as C(name), the name of its program, and C(sendmail), whether that was proved to be Sendmail by its binary (None:
    not known).
    """
    text, farewell = ((greeting or {}).get(key) or '' for key in ('text', 'farewell'))
    says = (
        next((who for who, pattern in _GREETINGS if pattern.search(text)), 'sendmail' if _FAREWELL.match(farewell) else None)
        if (greeting or {}).get('code') in (220, 421, 554)
        else None
    )
    if this_host:
        if socket_ is None:
            return 'nobody' if not (greeting or {}).get('connected') else says or 'stranger'
        name = socket_.get('name') or ''
        proved = socket_.get('sendmail')
        if proved or (proved is None and name.startswith('sendmail')):
            return 'sendmail'
        if name in SUPERVISORS or name == 'tcpserver' and says == 'sendmail':
            return 'inetd' if says == 'sendmail' else says or 'stranger'
        if _OTHER_MTAS.match(name):
            return 'other_mta'
        return (says or 'stranger') if name or says else None
    if greeting is None:
        return None
    return (
        (says or 'mta') if greeting.get('answered') else says or ('stranger' if greeting.get('connected') else 'nobody')
    )


def grade(greeting: Optional[Dict[str, Any]]) -> int:
    """The first is who greets and goes on to answer, then who takes the connection."""
    one = greeting or {}
    return 0 if one.get('answered') and not one.get('error') else 1 if one.get('connected') else 2


def route(
    way: Optional[Submission],
    found: Sequence[Place],
    listeners: Sequence[Dict[str, Any]],
    greetings: Dict[Tuple[str, int], Dict[str, Any]],
    mta_wanted: Optional[bool] = None,
) -> Optional[Dict[str, Any]]:
    """The fact C(mta.relay): all of the above as plain values, None if submit.cf names no relay.

    C(found): of C(places); C(greetings): {(address, port): greeting} for those that were asked. C(this_host) is true
    where every place is this host, false where none is, None where there are both or no address is known. C(answers)
    and C(listener) are those of the place that is first by C(grade).
    """
    if way is None:
        return None
    shown = []
    for place in found:
        socket_ = listener(listeners, place)
        shown.append(
            dict(
                place._asdict(),
                listener=socket_,
                answers=answers(greetings.get((place.address, place.port)), socket_, place.this_host),
            )
        )
    taken = sorted(shown, key=lambda one: grade(greetings.get((one['address'], one['port']))))
    here = set(place.this_host for place in found)
    first = way.targets[0] if way.targets else None
    return {
        'host': first.name if first else way.path,
        'port': way.port,
        'mx': bool(first and first.mx),
        'literal': bool(first and first.address),
        'hosts': [target.name for target in way.targets],
        'mailer': way.mailer,
        'path': way.path,
        'places': shown,
        'this_host': here.pop() if len(here) == 1 else (True if way.path else None),
        'listener': taken[0]['listener'] if taken else None,
        'answers': taken[0]['answers'] if taken else None,
        'mta_wanted': mta_wanted,
    }
