# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results of a fleet of any size, as sendmail_compliance_info gives them, made from the table of controls and the damages to each."""

from __future__ import annotations

import random

from ansible_collections.mailops.sendmail.plugins.module_utils import _controls
from ansible_collections.mailops.sendmail.plugins.plugin_utils import _compliance_results
from ansible_collections.mailops.sendmail.tests.unit.hosts_looked_at import DAEMON, DAMAGE, GREETING, HEALTHY, NOW, OWN, ROOM, queue

HOSTILE = '<script>alert(1)</script>"\'&]]>|`[x](javascript:1)` {{ 7 * 7 }}\n=cmd()\x1b\\'


def result(look=HEALTHY, **options):
    return dict(_controls.comply(look, _controls.settled(now=NOW, **options)), host=_controls.host_of(look))


def kept(found, directory):
    """What each host returns where results are kept in files."""
    limits, overrides, waivers, profile = _controls.settled()
    options = {'thresholds': limits, 'overrides': list(overrides.values()), 'waivers': list(waivers.values()), 'profile': profile}
    return {name: {'file': _compliance_results.write(str(directory), name, _compliance_results.of_check(one, options))} if 'controls' in one else one
            for name, one in found.items()}


def alive(chance, name):
    """A healthy host is like no other: its own name, processes, load and room."""
    room = dict(ROOM, blocks_free=chance.randrange(50000, 9000000))
    return HEALTHY._replace(
        lookups={'own': dict(OWN, name=name), 'domains': {}}, processes=[dict(DAEMON, pid=chance.randrange(300, 99999))], load=[chance.random()] * 3,
        greeting=dict(GREETING, text=f'220 {name} ESMTP Sendmail 8.17.1.9/8.17.1.9/Debian; {chance.randrange(1, 29)} Nov 2026 12:00:00 GMT'),
        filesystems={'msp': room, 'mta': room})


def full(chance, hostile=False):
    """Queues with mail in them."""
    count = chance.choice((3, 12, 55, 240, 1900))
    sender = HOSTILE if hostile else chance.choice(('cron@h.example.test', 'www-data@h.example.test', 'backup@h.example.test'))
    figures = queue(messages=dict(queue()['messages'], total=count, queued=count), oldest_age=chance.randrange(600, 900000), last_attempt_age=500,
                    bytes=count * chance.randrange(500, 90000),
                    top={'reasons': [{'reason': chance.choice(('connection_refused', 'host_lookup', 'temporary_reply', 'no_route')), 'messages': count,
                                      'example': 'x'}],
                         'users': [], 'senders': [{'sender': sender, 'messages': count}]})
    domains = {HOSTILE if hostile else name: {age: chance.randrange(0, count) for age in ('1h', '4h', '1d', '5d', '5d+')}
               for name in chance.sample(('example.org', 'customers.example.com', 'partner.example.net', 'lists.example.org', '(local)'), 2)}
    return {'queues': {'msp': figures, 'mta': queue()}}, domains


def fleet(count, seed=1, hostile=False):
    """{host: result}: most comply, some fail, a few do not answer or break."""
    chance = random.Random(seed)
    found = {}
    for number in range(count):
        name = f'{chance.choice(("web", "db", "app", "mx", "batch"))}{number:03d}.{chance.choice(("ams", "fra", "nyc"))}.example.net'
        kind = chance.random()
        if count > 3 and kind < 0.03:
            found[name] = {'unreachable': True, 'msg': 'Failed to connect to the host via ssh: ' + (HOSTILE if hostile else 'Connection timed out')}
            continue
        if count > 3 and kind < 0.05:
            found[name] = {'failed': True, 'msg': HOSTILE if hostile else 'MODULE FAILURE: the Python interpreter went away'}
            continue
        if kind < 0.62 and not hostile:
            found[name] = result(alive(chance, name))
            continue
        damages = [DAMAGE[index] for index in chance.sample(range(len(DAMAGE)), chance.choice((1, 1, 2, 4)))]
        look = alive(chance, name)
        for _id, more, _also in damages:
            look = look._replace(**more)
        if chance.random() < 0.5 or hostile:
            more, domains = full(chance, hostile)
            look = look._replace(domains=domains, **more)
        if hostile:
            look = look._replace(writable=[HOSTILE])
        waivers = [{'id': damages[0][0], 'reason': HOSTILE if hostile else 'replaced in spring', 'expires': '2026-12-31'}] if chance.random() < 0.2 else []
        found[name] = result(look, waivers=waivers)
    if hostile:
        found[HOSTILE] = found.pop(next(iter(found)))
    return found
