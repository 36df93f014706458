# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Event source for ansible-rulebook: the queues of Sendmail, by names only."""

DOCUMENTATION = r"""
---
short_description: Watch the queues of Sendmail
version_added: 1.0.0
author:
  - The mailops.sendmail contributors (@mailops)
description:
  - Looks at the queues of one or many hosts at an interval, and puts an event when something begins, lasts, or is over.
  - A look reads the names in the queue directories. No control file is opened, nothing is locked or changed. The age of a message is in its name.
  - With O(inventory), the look is one run of the module M(mailops.sendmail.sendmail_queue_facts) over its hosts,
    with the connection and the credentials that the inventory has for them. Without, it is the queue of the host where ansible-rulebook runs.
  - Each event carries the name of its host in V(event.host), and in V(event.meta.hosts) as ansible-rulebook wants it to limit an action.
options:
  inventory:
    description:
      - Inventory of the hosts to watch, a path or a list of paths.
    type: raw
  hosts:
    description:
      - The hosts of O(inventory) to watch, as a pattern.
    type: str
    default: all
  become:
    description:
      - Become root on the hosts of O(inventory). A queue directory can be read by root and the group of the queue only.
    type: bool
    default: false
  host:
    description:
      - Without O(inventory), the name of this host in events. It should be the name in the inventory of the actions.
      - The default is the host name.
    type: str
  queue_directories:
    description:
      - Read these directories instead of those that the configuration of Sendmail names.
    type: list
    elements: str
  queue:
    description:
      - The queue to watch, V(msp) the client queue or V(mta) the queue of the MTA.
    type: str
    choices: [msp, mta]
    default: msp
  interval:
    description:
      - Seconds from the beginning of one look to the next.
      - A look that takes longer than this, and than 60 seconds, is stopped.
    type: int
    default: 60
  high:
    description:
      - There is a buildup with this many waiting messages.
    type: int
    default: 10
  low:
    description:
      - A buildup is over with no more than this many.
    type: int
    default: 0
  oldest_age:
    description:
      - Seconds. Mail is old when a message waits longer than this. A queue runner runs every half hour, so mail may wait that long.
    type: int
    default: 3600
  repeat:
    description:
      - Seconds after which an event is sent again while its cause lasts, so that an action which did not help or was held back gets another chance.
      - V(0) puts each event once.
    type: int
    default: 900
"""

EXAMPLES = r"""
- name: Client queues
  hosts: all
  sources:
    - mailops.sendmail.queue_watch:
        inventory: inventory.yml
        hosts: web
        become: true
        high: 20
        low: 2
"""

import asyncio
import concurrent.futures
import json
import logging
import os
import socket
import sys
import tempfile
import threading
import time

LOGGER = logging.getLogger(__name__)
# Name: what is allowed, and the default.
TYPES = {'hosts': (str, 'all'), 'become': (bool, False), 'host': (str, None), 'queue_directories': (list, None), 'queue': (str, 'msp'),
         'interval': (int, 60), 'high': (int, 10), 'low': (int, 0), 'oldest_age': (int, 3600), 'repeat': (int, 900), 'inventory': ((str, list), None)}
SHORTEST_LOOK = 60
ERROR_MAX = 240


def settings(args):
    """The arguments with their defaults. Raises ValueError with a sentence for what cannot be meant."""
    # ansible-rulebook may add names of its own, all with this prefix.
    given = {name: value for name, value in args.items() if value is not None and not name.startswith('eda_')}
    unknown = sorted(set(given) - set(TYPES))
    if unknown:
        raise ValueError('queue_watch does not know the argument %s. It knows %s.' % (', '.join(unknown), ', '.join(sorted(TYPES))))
    chosen = {}
    for name, (kind, default) in TYPES.items():
        value = chosen[name] = given.get(name, default)
        if name not in given:
            continue
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise ValueError('queue_watch: %s is %r. It has to be %s.' % (name, value, {
                str: 'a text', bool: 'true or false', list: 'a list of paths', int: 'a whole number'}.get(kind, 'a path or a list of paths')))
        if isinstance(value, (list, str)) and not (value and all(isinstance(part, str) and part for part in value)):
            raise ValueError('queue_watch: %s is %r. It must not be empty, nor hold anything but texts.' % (name, value))
    if chosen['queue'] not in ('msp', 'mta'):
        raise ValueError('queue_watch: queue is %r. It has to be msp or mta.' % (chosen['queue'],))
    for name, least in (('interval', 1), ('high', 1), ('low', 0), ('oldest_age', 1), ('repeat', 0)):
        if chosen[name] < least:
            raise ValueError('queue_watch: %s is %d. It has to be at least %d.' % (name, chosen[name], least))
    if chosen['low'] >= chosen['high']:
        raise ValueError('queue_watch: low is %d and high is %d. low has to be less than high, or a buildup would begin and end at once.'
                         % (chosen['low'], chosen['high']))
    if chosen['inventory'] is None:
        for name in ('hosts', 'become'):
            if name in given:
                raise ValueError('queue_watch: %s is for the hosts of an inventory, and inventory is not given.' % name)
        chosen['host'] = chosen['host'] or socket.gethostname()
    elif chosen['host']:
        raise ValueError('queue_watch: host names this host, and with inventory the hosts have the names that the inventory gives them.')
    return chosen


def _refused(error):
    return {'error': str(error)[:ERROR_MAX], 'directories': [], 'messages': None, 'oldest_age': None}


def figures(queue):
    """What is kept of the facts of one queue. An error means that not all of it was seen."""
    errors = queue['errors']
    unread = errors and all(directory['messages'] is None for directory in queue['directories'])
    return {'error': '%s: %s' % (errors[0]['path'], errors[0]['error']) if errors else None,
            'directories': [directory['path'] for directory in queue['directories']],
            'messages': None if unread else {state: queue['messages'][state] for state in ('queued', 'quarantined', 'lost')},
            'oldest_age': queue['oldest_age']}


def look_here(chosen, stopped):
    """One look at the queue of this host: {host: figures}."""
    look, spool, summary, text = _floors()
    try:
        at = look.look('queues', chosen['queue'], chosen['queue_directories'])
    except text.SendmailError as error:
        return {chosen['host']: _refused(error)}
    ((_name, directories),) = at.directories.items()

    class Pass(spool.Pass):
        """Names only, and done with at once when the source ends."""

        def __init__(self, directory):
            super().__init__(directory, None, False)

        def batches(self):
            for batch in super().batches():
                if stopped.is_set():
                    return
                yield batch
    facts = summary.queue([Pass(directory) for directory in directories], at.errors, at.now, content=False)
    return {chosen['host']: figures(facts)}


def _floors():
    """The private part of the collection that reads queues, from the collection this file belongs to."""
    root = os.path.realpath(__file__)
    for _level in range(5):
        root = os.path.dirname(root)
    above = os.path.abspath(os.path.join(root, '..', '..', '..'))
    if os.path.isdir(os.path.join(above, 'ansible_collections', 'mailops', 'sendmail')) and above not in sys.path:
        sys.path.append(above)
    try:
        from ansible_collections.mailops.sendmail.plugins.module_utils import _look, _spool, _summary, _text
    except ImportError:
        raise ValueError('queue_watch does not find the collection mailops.sendmail it belongs to. Install it with ansible-galaxy, '
                         'so that its path ends in ansible_collections/mailops/sendmail.')
    return _look, _spool, _summary, _text


def look_there(chosen, stopped):
    """One look at the hosts of the inventory, by one run of Ansible: {host: figures}."""
    import ansible_runner
    seen = {}

    def keep(event):
        data = event.get('event_data', {})
        kind, host, result = event.get('event'), data.get('host'), data.get('res') or {}
        if kind == 'runner_on_start':
            # Until it answers. One that hangs is broken off, and nothing more is heard of it.
            seen[host] = _refused('the look did not end in time')
        elif kind == 'runner_on_ok' and 'sendmail_queue' in result.get('ansible_facts', {}):
            seen[host] = figures(result['ansible_facts']['sendmail_queue']['queues'][chosen['queue']])
        elif kind in ('runner_on_failed', 'runner_on_unreachable', 'runner_on_ok'):
            seen[host] = _refused(result.get('msg') or 'the look failed and Ansible does not say why')

    inventory = [chosen['inventory']] if isinstance(chosen['inventory'], str) else chosen['inventory']
    arguments = 'level=summary queue=%s' % chosen['queue']
    if chosen['queue_directories']:
        arguments = json.dumps({'level': 'summary', 'queue': chosen['queue'], 'queue_directories': chosen['queue_directories']})
    with tempfile.TemporaryDirectory(prefix='queue_watch') as place:
        run = ansible_runner.run(
            private_data_dir=place, host_pattern=chosen['hosts'], module='mailops.sendmail.sendmail_queue_facts', module_args=arguments,
            inventory=[os.path.abspath(part) if os.path.exists(part) else part for part in inventory], cmdline='--become' if chosen['become'] else None,
            quiet=True, event_handler=keep, cancel_callback=stopped.is_set, timeout=max(SHORTEST_LOOK, chosen['interval']))
        if not seen and not stopped.is_set():
            said = ' '.join(run.stdout.read(4000).split()) if run.stdout else ''
            raise RuntimeError('queue_watch has seen no host of %s in %s. Ansible ended as %s: %s'
                               % (chosen['hosts'], ', '.join(inventory), run.status, said or 'it said nothing'))
    return seen


class Watch:
    """Figures of looks in, events out. It remembers of each host what lasts and since when; nothing else."""

    def __init__(self, chosen):
        self.chosen = chosen
        self.hosts = {}

    def events(self, seen, now):
        """The events of one look. C(seen): {host: figures}; C(now): epoch seconds."""
        found = []
        for host in sorted(set(seen) | set(self.hosts)):
            before = self.hosts.setdefault(host, {'lasting': {}, 'figures': None})
            now_seen = seen.get(host) or _refused('the look did not reach this host')
            for kind, change in self._judge(before, now_seen, now):
                found.append(self._event(host, kind, change, now_seen, before['figures'], now))
            if now_seen['messages'] is not None:
                before['figures'] = now_seen
        return found

    def _states(self, seen, lasting):
        """{kind: whether it lasts}, without what cannot be said. What was not seen ends nothing."""
        states = {'unseen': bool(seen['error'])}
        messages = seen['messages']
        if messages is not None:
            waiting, chosen, known = messages['queued'], self.chosen, lasting.get('buildup')
            # Mail that is quarantined for the time of a remediation has not left: that says neither that the buildup lasts nor that it is over.
            if not known or waiting > chosen['low'] or messages['quarantined'] <= known['quarantined']:
                states['buildup'] = waiting >= chosen['high'] or (known is not None and waiting > chosen['low'])
            # A name can have no time in it: how long that mail waits is not known.
            if seen['oldest_age'] is not None or not waiting:
                states['old'] = (seen['oldest_age'] or 0) > chosen['oldest_age']
            states['lost'] = messages['lost'] > 0
        return {kind: state for kind, state in states.items() if state or kind == 'unseen' or not seen['error']}

    def _judge(self, before, seen, now):
        lasting, repeat = before['lasting'], self.chosen['repeat']
        for kind, lasts in self._states(seen, lasting).items():
            known = lasting.get(kind)
            if not lasts:
                if known:
                    del lasting[kind]
                    yield 'recovered', dict(known, of=kind, repeated=False)
                continue
            lost = seen['messages']['lost'] if kind == 'lost' else 0
            if known is None:
                known = lasting[kind] = {'since': now, 'last': now, 'lost': lost, 'quarantined': (seen['messages'] or {}).get('quarantined')}
                yield kind, dict(known, repeated=False)
            elif lost > known['lost']:
                known.update(last=now, lost=lost)
                yield kind, dict(known, repeated=False)
            elif repeat and now - known['last'] >= repeat:
                known['last'] = now
                yield kind, dict(known, repeated=True)
            known['lost'] = lost

    def _event(self, host, kind, change, seen, before, now):
        event = {'type': kind, 'host': host, 'queue': self.chosen['queue'], 'directories': seen['directories'], 'messages': seen['messages'],
                 'oldest_age': seen['oldest_age'], 'before': before and before['messages'], 'since': change['since'], 'at': now,
                 'repeated': change['repeated'], 'error': seen['error'], 'meta': {'hosts': host}}
        if kind == 'recovered':
            event['of'] = change['of']
        return event


async def main(queue, args):
    """What ansible-rulebook calls. C(queue): where events go; C(args): see DOCUMENTATION. It ends when it is cancelled."""
    chosen = settings(args)
    look = look_there if chosen['inventory'] else look_here
    watch, stopped, loop = Watch(chosen), threading.Event(), asyncio.get_running_loop()
    # A thread of its own: others wait for the default one.
    with concurrent.futures.ThreadPoolExecutor(1, 'queue_watch') as pool:
        try:
            while True:
                begin = loop.time()
                try:
                    seen = await loop.run_in_executor(pool, look, chosen, stopped)
                except ValueError:
                    raise
                except Exception as error:  # noqa: BLE001 - of Ansible's runner too
                    # The next look may do better; a host that was seen before is reported as unseen.
                    LOGGER.error('%s: %s', type(error).__name__, error)
                    seen = {}
                for event in watch.events(seen, int(time.time())):
                    await queue.put(event)
                await asyncio.sleep(max(0.1, chosen['interval'] - (loop.time() - begin)))
        finally:
            stopped.set()


if __name__ == '__main__':
    # Without ansible-rulebook: python queue_watch.py '{"inventory": "inventory.yml", "high": 1}' prints what it would put.
    class Printer:
        """Where events go."""

        async def put(self, event):
            print(json.dumps(event), flush=True)

    try:
        asyncio.run(main(Printer(), json.loads(sys.argv[1] if len(sys.argv) > 1 else '{}')))
    except KeyboardInterrupt:
        pass
