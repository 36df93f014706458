# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What runs, listens and answers: the processes, runners and services of a host, and the relay that mail goes to."""

import os
import re
import time
from functools import partial
from typing import Any, Callable, Dict, List, Optional, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import _look, _names, _network, _processes, _route, _runners, _system

# Bounds of the look: the connection to the relay, and then its greeting. The mail submission program itself waits longer, by its own
# time-outs; what does not greet within a minute keeps a queue run from being one.
CONNECT_SECONDS, GREETING_SECONDS, NAME_SECONDS = 5.0, 60.0, 8.0
CRON_SECONDS = 2.0      # for a cron that is just being restarted
STOPPED_SECONDS = 5.0   # for a process that is stopped: it may go on, as under cpulimit
STARTS_SECONDS = 60     # after which a daemon has bound its sockets
REOPENS_SECONDS = 17.0  # a daemon that has closed a socket looks again after 15 (d_refuse_connections_until in daemon.c)
_PLACES_MAX = 4         # addresses that are connected to, until one takes the connection


def _patient(look_at_processes: Callable[[], List[Dict[str, Any]]]) -> Tuple[List[Dict[str, Any]], Dict[str, Any]]:
    """The processes, and what starts cron lines. A cron that is just being restarted is there again in a moment."""
    until = time.monotonic() + CRON_SECONDS
    while True:
        processes = look_at_processes()
        cron = _runners.cron(_processes.cron_runs(processes))
        if cron['running'] or cron['masked'] or not (cron['unit'] or cron['init_script']) or time.monotonic() > until:
            return processes, cron
        time.sleep(0.5)


def served(found: _look.Look, ask: Optional[Callable[..., Any]] = None) -> _look.Look:
    """A look of the level program with what runs, listens and answers; a partial one stays as it is. Every wait in it is bounded.

    C(ask), of _acceptance.ask(): a relay that greets is asked in the same connection whether it takes mail.
    """
    if found.partial:
        return found
    layout = found.layout
    user = found.submitter['user']
    users = [user, found.layout.mta_user] + [cf['run_as_user'] for cf in found.settings.values() if cf['run_as_user']]
    program = found.program['sendmail']

    def look_at_processes() -> List[Dict[str, Any]]:
        return _processes.processes(users, program)
    processes, cron = _patient(look_at_processes)
    services = dict((queue, dict(_system.service(name), name=name)) for queue, name in (('mta', layout.mta_service), ('msp', layout.msp_service)))
    services['mta']['started_as'] = _system.started_as(found.settings.get('mta', {}).get('pid_file') or '/var/run/sendmail.pid')
    services['mta']['command'] = _runners.command(layout.mta_service)
    sendmail_conf = _runners.sendmail_conf(layout)
    found = found._replace(
        processes=processes, load=_system.load_average(), sendmail_conf=sendmail_conf, runners=_runners.queue_runners(
            layout, processes,
            users=(layout.msp_user if user.isdigit() else user, found.settings.get('msp', {}).get('trusted_user')),
            directories=[_system.printable(path) for one in found.directories.get('msp', ()) for path in (one.path, os.path.realpath(one.path))],
            pid_file=found.settings.get('msp', {}).get('pid_file') or ''),
        services=dict(services, init=_system.init_system(), cron=cron),
        resolver_changed=_system.file_state('/etc/resolv.conf')['mtime'])
    found = _relay(found, ask)
    until = time.monotonic() + REOPENS_SECONDS
    while pauses(found) and time.monotonic() < until:
        time.sleep(1)
        found = found._replace(processes=look_at_processes())
        if _network.listeners(tuple(place['port'] for place in found.relay['places']), found.processes):   # type: ignore[index]
            found = _relay(found, ask)
    return found


def pauses(look: _look.Look) -> bool:
    """Whether the MTA of this host may have closed for some seconds the socket that mail goes to, or not bound it yet, and does not say so.

    getrequests() in daemon.c closes each of its sockets for 15 seconds where there are too many children or too much load (refuseconnections() in
    conf.c), and opens each again when its own time has come; the title is that of whichever was the last.
    """
    mta, greeting = look.settings.get('mta', {}), look.greeting or {}
    children, load = (_route.lowest(look.configurations.get('mta'), letter, mta.get(name) or 0)
                      for letter, name in (('c', 'max_daemon_children'), ('r', 'refuse_la')))
    limited = children or 'MaxDaemonChildren' in (look.services['mta'].get('started_as') or '') or look.load and load and look.load[0] > 0.7 * load
    young = any(process['role'] == 'daemon' and look.now - (process['started'] or 0) < STARTS_SECONDS for process in look.processes)
    return bool((limited or young) and greeting.get('error') == 'connection_refused'
                and any(process['role'] == 'daemon' for process in look.processes) and not any(process['rejecting'] for process in look.processes)
                and look.relay and any(place['this_host'] and not place['listener'] for place in look.relay['places']))


def _relay(found: _look.Look, ask: Optional[Callable[..., Any]]) -> _look.Look:
    """Where mail goes, and who answers there: one connection to each address, until one greets."""
    submit = found.configurations['msp']
    interfaces = _network.interfaces()
    own = _network.own_names(interfaces['addresses'])
    # Of the lines for a service the last one counts, and none is "dns files" (switch_map_find() in conf.c; service.switch-nodns of Debian).
    switch = '' if submit is None else _system.script(submit.option('ServiceSwitchFile') or '/etc/mail/service.switch')
    hosts = ([['dns']] + [line.split() for line in re.findall(r'(?m)^hosts[ \t]+([^#\s][^#\n]*)', switch)])[-1]
    way = None if submit is None else _route.submission(submit, own[0], 'dns' in hosts)
    questions = _route.questions(way)
    resolved = _names.resolve(questions, NAME_SECONDS) if questions else {}
    alone = submit is not None and submit.flag('DontProbeInterfaces')
    itself = _network.own_names(interfaces['addresses'], not alone) + (
        _route.meant(submit, ' '.join(submit.classes.get('w', [])), own[0]).split() if submit else [])
    places = _route.places(way, resolved, interfaces['addresses'], itself)
    listeners = _network.listeners(tuple(sorted(set(place.port for place in places))) or (25,), found.processes)
    timeouts = found.settings.get('msp', {}).get('timeouts', {})
    patience = min(GREETING_SECONDS, timeouts.get('initial') or GREETING_SECONDS)
    greetings: Dict[Tuple[str, int], Dict[str, Any]] = {}
    sources = _route.sources(submit)
    start = time.monotonic()
    for place in places[:_PLACES_MAX]:
        # Who is stopped (kill -STOP) accepts nothing, and what the kernel accepts for it is soon full. Who has run meanwhile is heard out.
        holder = (_route.listener(listeners, place) or {}).get('pid')
        asleep = _processes.asleep(holder)
        if asleep:
            time.sleep(STOPPED_SECONDS)
        if asleep and _processes.asleep(holder) == asleep:
            answer = dict(_network.NOBODY, connected=True, error='connection_timeout', seconds=STOPPED_SECONDS)
        else:
            runner = found.submitter.get('uid') or 0, found.submitter.get('gid') or 0
            answer = _network.greeting(place.address, place.port, CONNECT_SECONDS, patience, runner,
                                       sources.get(6 if ':' in place.address else 4), partial(ask, here=place.this_host) if ask else None)
        greetings[place.address, place.port] = answer
        # After silence, 4xx, or what breaks off at EHLO, MAIL or RCPT it goes on (smtpinit(), deliver.c: goto tryhost).
        if answer['connected'] and not answer['error'] and (answer['code'] or 400) // 100 != 4 or time.monotonic() - start > GREETING_SECONDS:
            break
    relay = _route.route(way, places, listeners, greetings, _mta_wanted(found))
    if relay is not None and way is not None:
        relay['hosts_file'] = _network.hosts_lines([
            target.name for target in way.targets if target.name in own[:2] + ['localhost', 'localhost.localdomain']])
    greeting = None
    if greetings:
        greeting = sorted(greetings.values(), key=_route.grade)[0]
    elif way is not None and way.targets:
        greeting = dict(_network.NOBODY, error='name_lookup')
    return found._replace(relay=relay, greeting=greeting, listeners=listeners, interfaces=interfaces, resolved=resolved)


def _mta_wanted(found: _look.Look) -> Optional[bool]:
    """Whether the host's own settings start an MTA: false for DAEMON_MODE none in Debian's sendmail.conf (a null client), None where nothing says."""
    if not found.sendmail_conf or not found.sendmail_conf.get('daemon_mode'):
        return None
    return found.sendmail_conf['daemon_mode'] != 'none'
