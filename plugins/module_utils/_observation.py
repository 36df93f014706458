# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

# PRIVATE to the mailops.sendmail collection: it can change or go in any release.

"""One look at one host: everything the judges need, taken once."""

import os
import time
from typing import Any, Dict, List, NamedTuple, Optional

from ansible_collections.mailops.sendmail.plugins.module_utils import _cf, _host, _platform, _spool

GREETING_SECONDS = 5.0
# The options that say which queues, the same in every module; documented in the fragment C(queues).
OPTIONS = {
    'queue': {'type': 'str', 'choices': ['msp', 'mta', 'all'], 'default': 'all'},
    'queue_directories': {'type': 'list', 'elements': 'path'},
}
CF_LIMIT = 4 << 20


class Queues(NamedTuple):
    """Where the queues are. C(queues): msp and mta, as far as asked for, each a list of _spool.QueueDirectory."""

    now: int                                # epoch seconds of the look; all ages count from here
    queues: Dict[str, List[_spool.QueueDirectory]]
    errors: List[Dict[str, Any]]            # {queue, path, error}
    held: Optional[set]                     # (device, inode) of files locked for writing, None where the system does not tell
    layout: _platform.Platform
    configurations: Dict[str, Optional[_cf.Configuration]]   # by queue; None when the file cannot be read
    files: Dict[str, Dict[str, Any]]        # the same files: path, exists, error, owner, group, mode ...


class Observation(NamedTuple):
    """What one look found, for the judges: nothing in it is a judgement. Without its probes it ends with C(settings)."""

    at: Queues
    program: Dict[str, Any]
    accounts: Dict[str, Dict[str, Any]]
    settings: Dict[str, Dict[str, Any]]     # _cf.settings() by queue, for the files that could be read
    processes: List[Dict[str, Any]] = []
    relay: Optional[Dict[str, Any]] = None
    greeting: Optional[Dict[str, Any]] = None
    listeners: List[Dict[str, Any]] = []
    runners: List[Dict[str, Any]] = []
    load: Optional[List[float]] = None
    cpus: int = 0
    services: Dict[str, Any] = {}           # {init, mta, msp, cron}, of _host.init_system(), _host.service() and _host.cron()
    sendmail_conf: Optional[Dict[str, Any]] = None
    resolver_changed: Optional[int] = None  # epoch seconds


class Examination(NamedTuple):
    """What a diagnosis and a compliance check judge: plain values, taken by _examination.examine()."""

    now: int
    queues: Dict[str, Any]                # as in the fact sendmail_queue
    hazards: Dict[str, List[Any]]         # of the client queue, by kind: (text, id or None)
    inspected: int                        # messages, for hazards
    settings: Dict[str, Dict[str, Any]]   # _cf.settings() by queue
    files: Dict[str, Dict[str, Any]]      # the configuration files by queue, with problems
    errors: List[Dict[str, Any]]          # queue directories that cannot be used
    accounts: Dict[str, Any]              # {user, uid, group, gid} of the MSP
    program: Dict[str, Any]
    directories: List[Dict[str, Any]]     # file states, of the client queue
    filesystems: Dict[str, Any]           # by queue, the worst of its directories
    relay: Optional[Dict[str, Any]]
    greeting: Optional[Dict[str, Any]]
    listeners: List[Dict[str, Any]]
    everywhere: List[Dict[str, Any]]      # Sendmail's sockets, any address
    processes: List[Dict[str, Any]]
    runners: List[Dict[str, Any]]
    service: Dict[str, Any]
    load: float
    locked: List[Dict[str, Any]]          # {id, pid, seconds, title} of messages in delivery
    resolver_changed: Optional[int]       # epoch seconds
    lookups: Dict[str, Any]               # of _names.look_around()
    dead_letters: List[Dict[str, Any]]    # {path, size, mtime}
    refusal: Optional[str] = None         # what the relay answers to MAIL or RCPT when it greets and takes no mail from this host
    hosts_access: List[str] = []          # rules of hosts.deny that name Sendmail or all daemons
    subjects: Any = ([], 0)               # ([(what subjects have in common, messages)], messages looked at), where that was asked for


def names(queue):
    """The queues that the option C(queue) means."""
    return ('msp', 'mta') if queue == 'all' else (queue,)


def look_at_queues(queue='all', queue_directories=None):
    """Where the queues are, from the configuration or from C(queue_directories), and what is being delivered. Returns Queues.

    Both configuration files are read even when one queue is asked for: a directory belongs to the queue whose file names it.
    """
    layout = _host.platform()
    files, configurations = {}, {}
    for name, path in (('msp', layout.submit_cf), ('mta', layout.sendmail_cf)):
        files[name] = _host.read_file(path, CF_LIMIT)
        data = files[name].pop('data')
        configurations[name] = None if data is None else _cf.parse(data)
    queues, errors = {}, []
    for name in names(queue):
        if queue_directories:
            if queues:
                break   # they are one set of directories, reported once
            patterns = [('mqueue', os.path.abspath(path)) for path in queue_directories]
        elif configurations[name] is None:
            errors.append({'queue': name, 'path': files[name]['path'],
                           'error': files[name]['error'] or 'there is no such file, so the queue directory is not known'})
            patterns = []
        else:
            base = os.path.dirname(files[name]['path'])
            patterns = [(group['group'], os.path.join(base, group['path'])) for group in _cf.queue_patterns(configurations[name])]
            if not patterns:
                errors.append({'queue': name, 'path': files[name]['path'], 'error': 'the file names no queue directory'})
        queues[name], wrong = _spool.directories(patterns)
        errors.extend(dict(one, queue=name) for one in wrong)
    return Queues(int(time.time()), queues, errors, held(), layout, configurations, files)


def held():
    """The files that somebody has locked for writing, as a set of (device, inode); None where the system does not tell."""
    locks = _host.locks()
    return None if locks is None else set((os.makedev(major, minor), inode) for major, minor, inode in locks)


def observe(queue='all', queue_directories=None):
    """One look at the host, without reading any message. Changes nothing; every wait in it is bounded. Returns Observation."""
    at = look_at_queues(queue, queue_directories)
    cpus = _host.cpus()
    settings = dict((name, _cf.settings(cf, cpus)) for name, cf in at.configurations.items() if cf is not None)
    msp = settings.get('msp', {})
    user, group = msp.get('run_as_user') or at.layout.msp_user, msp.get('run_as_group') or at.layout.msp_group
    processes = _host.processes(user)
    services = dict((queue, dict(_host.service(name), name=name)) for queue, name in (('mta', at.layout.mta_service), ('msp', 'sm-client')))
    relay = _cf.relay(at.configurations['msp']) if at.configurations['msp'] is not None else None
    return Observation(
        at=at, program=_host.program(at.layout), accounts=_host.accounts(sorted(set((user, group, at.layout.mta_user)))), settings=settings,
        processes=processes, relay=relay, greeting=relay and _host.greeting(relay['host'], relay['port'], GREETING_SECONDS),
        listeners=_host.listeners((relay['port'] if relay else 25,), processes), runners=_host.queue_runners(at.layout, processes),
        load=_host.load_average(), cpus=cpus, services=dict(services, init=_host.init_system(), cron=_host.cron(user, _host.cron_runs(processes))),
        sendmail_conf=_host.sendmail_conf(at.layout), resolver_changed=_host.file_state('/etc/resolv.conf')['mtime'])
