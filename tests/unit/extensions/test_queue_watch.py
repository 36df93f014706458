# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The event source queue_watch: what it takes, what it sees in real directories, which events come of it, and how it ends."""

import asyncio
import importlib.util
import json
import os
import sys
import threading
import time
import types as types_module
from pathlib import Path

import pytest
import yaml

SOURCE = Path(__file__).parents[3] / 'extensions' / 'eda' / 'plugins' / 'event_source' / 'queue_watch.py'
SPECIFICATION = importlib.util.spec_from_file_location('queue_watch', SOURCE)
_module = importlib.util.module_from_spec(SPECIFICATION)
SPECIFICATION.loader.exec_module(_module)
MODULE = vars(_module)
DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'


def name(age=0, number=1, prefix='qf'):
    """The name of a control file that was made C(age) seconds ago."""
    made = time.gmtime(time.time() - age)
    stamp = ((made.tm_year - 1900) % 60, made.tm_mon - 1, made.tm_mday, made.tm_hour, made.tm_min, made.tm_sec)
    return prefix + ''.join(DIGITS[part] for part in stamp) + '01%06d' % number


def seen(queued=0, oldest=None, lost=0, error=None, quarantined=0):
    return {'error': error, 'directories': ['/q'], 'messages': {'queued': queued, 'quarantined': quarantined, 'lost': lost},
            'oldest_age': 10 if queued and oldest is None else oldest}


def watch(**args):
    return MODULE['Watch'](MODULE['settings'](args))


def types(events):
    return [(event['type'], event.get('of')) for event in events]


def test_the_documentation_names_the_arguments_and_their_defaults():
    options = yaml.safe_load(MODULE['DOCUMENTATION'])['options']
    assert {option: about.get('default') for option, about in options.items()} == {
        option: default for option, (_kind, default) in MODULE['TYPES'].items()}


@pytest.mark.parametrize('args, words', [
    ({'intervall': 5}, 'does not know the argument intervall'),
    ({'interval': 0}, 'interval is 0'),
    ({'interval': '5'}, 'a whole number'),
    ({'high': True}, 'a whole number'),
    ({'high': 3, 'low': 3}, 'low has to be less than high'),
    ({'low': -1}, 'at least 0'),
    ({'repeat': -1}, 'at least 0'),
    ({'oldest_age': 0}, 'at least 1'),
    ({'queue': 'all'}, 'msp or mta'),
    ({'queue_directories': '/var/spool/mqueue'}, 'a list of paths'),
    ({'queue_directories': []}, 'must not be empty'),
    ({'queue_directories': [1]}, 'anything but texts'),
    ({'host': ''}, 'must not be empty'),
    ({'hosts': 'web'}, 'inventory is not given'),
    ({'become': True}, 'inventory is not given'),
    ({'inventory': 'i', 'host': 'h'}, 'the names that the inventory gives them'),
    ({'inventory': 5}, 'a path or a list of paths'),
])
def test_what_cannot_be_meant_is_said(args, words):
    with pytest.raises(ValueError, match=words):
        MODULE['settings'](args)


def test_none_is_the_default_and_names_of_ansible_rulebook_are_left_alone():
    assert MODULE['settings']({'high': None, 'eda_feedback_queue': object()})['high'] == 10


def test_a_buildup_begins_at_high_and_ends_at_low():
    one = watch(high=5, low=2)
    counts = [0, 4, 5, 9, 4, 3, 2, 4, 5]
    found = [types(one.events({'h': seen(count)}, at)) for at, count in enumerate(counts)]
    assert found == [[], [], [('buildup', None)], [], [], [], [('recovered', 'buildup')], [], [('buildup', None)]]


def test_a_buildup_that_is_quarantined_lasts_until_its_mail_has_left():
    one = watch(high=5, repeat=60)
    assert types(one.events({'h': seen(6, quarantined=2)}, 100)) == [('buildup', None)]
    assert one.events({'h': seen(0, quarantined=8)}, 200) == []
    assert types(one.events({'h': seen(6, quarantined=2)}, 210)) == [('buildup', None)]
    assert types(one.events({'h': seen(0, quarantined=2)}, 220)) == [('recovered', 'buildup')]
    # What was quarantined before, or while nothing built up, says nothing.
    assert types(one.events({'h': seen(5, quarantined=9)}, 230)) == [('buildup', None)]
    assert types(one.events({'h': seen(0, quarantined=9)}, 240)) == [('recovered', 'buildup')]


def test_what_lasts_is_repeated():
    one = watch(high=1, repeat=10)
    found = [one.events({'h': seen(1)}, at) for at in (100, 105, 110, 119, 120)]
    assert [[(event['repeated'], event['since']) for event in events] for events in found] == [
        [(False, 100)], [], [(True, 100)], [], [(True, 100)]]
    once = watch(high=1, repeat=0)
    assert [len(once.events({'h': seen(1)}, at)) for at in (0, 10 ** 6)] == [1, 0]


def test_old_mail():
    one = watch(oldest_age=60)
    assert types(one.events({'h': seen(1, oldest=60)}, 0)) == []
    assert types(one.events({'h': seen(1, oldest=61)}, 1)) == [('old', None)]
    assert types(one.events({'h': seen(1, oldest=3)}, 2)) == [('recovered', 'old')]


def test_mail_of_which_the_age_is_not_known_is_neither_old_nor_young():
    one = watch()
    assert types(one.events({'h': seen(1, 3601)}, 0)) == [('old', None)]
    assert one.events({'h': dict(seen(1), oldest_age=None)}, 60) == []
    assert types(one.events({'h': seen(0, None)}, 120)) == [('recovered', 'old')]


def test_every_further_lost_message_is_an_event_and_a_fall_is_not():
    one = watch(repeat=0)
    found = [types(one.events({'h': seen(lost=lost)}, at)) for at, lost in enumerate((0, 1, 1, 3, 2, 3, 0))]
    assert found == [[], [('lost', None)], [], [('lost', None)], [], [('lost', None)], [('recovered', 'lost')]]


def test_what_is_not_seen_ends_nothing():
    one = watch(high=3)
    one.events({'h': seen(3)}, 0)
    [unseen] = one.events({}, 1)
    assert (unseen['type'], unseen['messages'], unseen['before']['queued']) == ('unseen', None, 3)
    # One of two directories can be read: few messages there do not mean that few wait.
    assert one.events({'h': seen(0, error='/q2: Permission denied')}, 2) == []
    assert types(one.events({'h': seen(0)}, 3)) in ([('recovered', 'unseen'), ('recovered', 'buildup')],)


def test_hosts_do_not_mix_and_an_event_says_which():
    one = watch(high=2)
    events = one.events({'b': seen(2), 'a': seen(1), 'c': seen(5)}, 7)
    assert [(event['host'], event['meta'], event['messages']['queued']) for event in events] == [
        ('b', {'hosts': 'b'}, 2), ('c', {'hosts': 'c'}, 5)]
    jsonschema = pytest.importorskip('jsonschema')
    schema = json.loads((SOURCE.parents[4] / 'docs' / 'schemas' / 'queue-watch-event-1.json').read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    for event in events + one.events({}, 8) + one.events({'a': seen(), 'b': seen(), 'c': seen(lost=1)}, 9):
        jsonschema.validate(event, schema)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(dict(event, of=None), schema)


def run(args, enough, meanwhile=None):
    """Events of the source until there are C(enough), then it is cancelled and has to end."""
    async def story():
        queue, found = asyncio.Queue(), []
        task = asyncio.ensure_future(MODULE['main'](queue, dict({'interval': 1, 'host': 'h'}, **args)))
        try:
            while len(found) < enough:
                getter = asyncio.ensure_future(queue.get())
                done, _pending = await asyncio.wait({getter, task}, timeout=60, return_when=asyncio.FIRST_COMPLETED)
                if getter not in done:
                    getter.cancel()
                    break
                found.append(getter.result())
                if meanwhile:
                    meanwhile(len(found))
        finally:
            task.cancel()
            with pytest.raises((asyncio.CancelledError, ValueError)) as ended:
                await asyncio.wait_for(task, 60)
        if ended.type is not asyncio.CancelledError:
            raise ended.value
        return found
    return asyncio.run(story())


def test_a_directory_from_buildup_to_recovery(tmp_path, monkeypatch):
    for number in range(3):
        (tmp_path / name(7200, number)).touch()
    (tmp_path / name(9000, 9, 'Qf')).touch()

    def meanwhile(count):
        if count == 3:
            for file in tmp_path.iterdir():
                file.unlink()
    opened, real_open = [], os.open
    monkeypatch.setattr(os, 'open', lambda path, *rest, **more: opened.append(str(path)) or real_open(path, *rest, **more))
    events = run({'queue_directories': [str(tmp_path)], 'high': 3}, 6, meanwhile)
    assert str(tmp_path) in opened
    assert not [path for path in opened if path.startswith(('qf', 'Qf', 'df')) and len(path) > 2], 'names only'
    assert sorted(types(events[:3])) == [('buildup', None), ('lost', None), ('old', None)]
    assert sorted(types(events[3:])) == [('recovered', 'buildup'), ('recovered', 'lost'), ('recovered', 'old')]
    assert events[0]['messages'] == {'queued': 3, 'quarantined': 0, 'lost': 1}
    assert 7200 <= events[0]['oldest_age'] < 7300
    assert events[3]['before'] == events[0]['messages']
    assert events[3]['since'] == events[0]['since']


@pytest.mark.parametrize('root', [True, False])
def test_a_missing_directory_is_an_event_and_its_return_too(tmp_path, monkeypatch, root):
    monkeypatch.setattr('ansible_collections.mailops.sendmail.plugins.module_utils._look._is_root', lambda: root)
    place = tmp_path / 'queue'
    events = run({'queue_directories': [str(place)]}, 2, lambda count: place.exists() or place.mkdir())
    assert types(events) == [('unseen', None), ('recovered', 'unseen')]
    assert 'No such file' in events[0]['error']
    assert str(place)[:20] in events[0]['error']


def test_hostile_names_count_for_nothing_and_reach_no_event(tmp_path):
    for odd in (b'qf\xff\x1b[2J\x07' + b'x' * 40, b'qf' + b'A' * 200, b'\x1b]0;x', b'QF123', b'df\n', b'qf../..'.replace(b'/', b'\\')):
        (tmp_path / odd.decode('utf-8', 'surrogateescape')).touch()
    (tmp_path / name(0, 5)).symlink_to('/etc/passwd')
    (tmp_path / name(0, 6)).mkdir()
    (tmp_path / name(0, 7)).touch()
    chosen = MODULE['settings']({'queue_directories': [str(tmp_path)], 'host': 'h'})
    found = MODULE['look_here'](chosen, threading.Event())['h']
    # qf..\.. is short enough to be a message for a runner; it has no time.
    assert found['messages'] == {'queued': 2, 'quarantined': 0, 'lost': 0}
    assert found['oldest_age'] is not None and found['oldest_age'] < 60
    assert '\x1b' not in json.dumps(found)


def test_the_loop_is_not_blocked_and_the_look_ends_with_the_source(monkeypatch):
    slow = {}

    def look(chosen, stopped):
        slow['begun'] = True
        slow['stopped'] = stopped.wait(60)
        return {}
    monkeypatch.setitem(MODULE['main'].__globals__, 'look_here', look)

    async def story():
        task = asyncio.ensure_future(MODULE['main'](asyncio.Queue(), {}))
        while 'begun' not in slow:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    asyncio.run(story())
    assert slow['stopped'] is True


def test_a_look_that_fails_is_logged_and_the_next_is_taken(monkeypatch, caplog):
    looks = []

    def look(chosen, stopped):
        looks.append(1)
        if len(looks) == 2:
            raise RuntimeError('nobody there')
        return {'h': seen(10)}
    monkeypatch.setitem(MODULE['main'].__globals__, 'look_here', look)
    events = run({}, 3)
    assert types(events) == [('buildup', None), ('unseen', None), ('recovered', 'unseen')]
    assert 'nobody there' in caplog.text


def test_a_look_over_an_inventory_knows_nothing_of_whom_it_hears_nothing(monkeypatch):
    """What Ansible's runner calls its handler with; c hangs until the run is broken off, d is not its turn."""
    states = {'queued': 0, 'quarantined': 0, 'lost': 0, 'total': 0}
    facts = {'sendmail_queue': {'queues': {'msp': {'errors': [], 'directories': [], 'messages': states, 'oldest_age': None}}}}

    def run_all(event_handler, **_more):
        for kind, host, result in (('runner_on_start', 'a', None), ('runner_on_start', 'b', None), ('runner_on_start', 'c', None),
                                   ('runner_on_ok', 'a', {'ansible_facts': facts}), ('runner_on_unreachable', 'b', {'msg': 'no route'})):
            event_handler({'event': kind, 'event_data': {'host': host, 'res': result}})
        return types_module.SimpleNamespace(status='timeout', stdout=None)
    monkeypatch.setitem(sys.modules, 'ansible_runner', types_module.SimpleNamespace(run=run_all))
    chosen = MODULE['settings']({'inventory': 'hosts'})
    found = MODULE['look_there'](chosen, threading.Event())
    assert {host: one['error'] for host, one in found.items()} == {'a': None, 'b': 'no route', 'c': 'the look did not end in time'}
    assert types(MODULE['Watch'](chosen).events(found, 0)) == [('unseen', None), ('unseen', None)]


def test_a_look_that_breaks_in_an_unforeseen_way_does_not_end_the_watch(monkeypatch, caplog):
    looks = []

    def look(chosen, stopped):
        looks.append(1)
        if len(looks) == 2:
            raise KeyError('sendmail_queue')
        return {'h': seen(10)}
    monkeypatch.setitem(MODULE['main'].__globals__, 'look_here', look)
    assert types(run({}, 3)) == [('buildup', None), ('unseen', None), ('recovered', 'unseen')]
    assert 'KeyError' in caplog.text


def test_bad_arguments_end_the_source():
    with pytest.raises(ValueError, match='low has to be less'):
        run({'low': 20}, 1)
