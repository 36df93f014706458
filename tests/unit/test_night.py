# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests/night draws can be made, as far as that is known without hosts."""

from __future__ import annotations

import importlib.util
import itertools
from pathlib import Path

import pytest
import yaml

NIGHT = Path(__file__).resolve().parents[1] / 'night'


def loaded(name):
    spec = importlib.util.spec_from_file_location(name, NIGHT / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


night, account = loaded('night'), loaded('account')
TROUBLES = yaml.safe_load((NIGHT / 'troubles.yml').read_text())
SEVERAL = [(part, name) for part, troubles in TROUBLES.items() for name in troubles]
POSSIBLE = [[first, second] for first, second in itertools.permutations(SEVERAL, 2)
            if first[0] != second[0] and night.can_follow(*(TROUBLES[part][name] for part, name in (first, second)))]


def trouble(words):
    part, name = words.split(': ')
    return TROUBLES[part][name]


# Tried on hosts, in this order: with these the script of the second ended with an error, or made nothing.
@pytest.mark.parametrize('first, second', [
    ('way: hub without a name', 'queue: poison'),
    ('way: hub without a name', 'queue: empty'),
    ('way: load', 'mta: frozen'),
    ('way: packet filter that resets', 'mta: filter that defers'),
    ('way: packet filter that drops', 'mta: stranger'),
    ('files: no submit.cf', 'way: hub down'),
    ('files: no submit.cf', 'queue: quarantined'),
    ('files: submit.cf with garbage', 'queue: quarantined'),
    ('files: no user', 'queue: quarantined'),
    ('files: no user', 'queue: half rewritten'),
    ('mta: another', 'queue: quarantined'),
    ('mta: stranger', 'way: hub silent'),
    ('way: hub that denies', 'mta: stranger that refuses')])
def test_what_cannot_be_made_behind_another_is_not(first, second):
    assert not night.can_follow(trouble(first), trouble(second))


# The nearest that were made.
@pytest.mark.parametrize('first, second', [
    ('queue: poison', 'way: hub without a name'),
    ('way: hub without a name', 'queue: closed to the group'),
    ('way: hub down', 'queue: poison'),
    ('way: load', 'mta: stranger'),
    ('way: load', 'queue: quarantined'),
    ('way: packet filter that drops', 'mta: broken'),
    ('files: no submit.cf', 'queue: poison'),
    ('files: no submit.cf', 'way: load'),
    ('files: submit.cf with garbage', 'way: hub down'),
    ('files: closed directory', 'queue: quarantined'),
    ('files: no user', 'queue: poison'),
    ('mta: another', 'queue: poison'),
    ('mta: stranger', 'way: hub down')])
def test_what_can_be_made_behind_another_is(first, second):
    assert night.can_follow(trouble(first), trouble(second))


@pytest.mark.parametrize('hosts', [1, 2, 24, 41])
def test_every_plan_that_is_drawn_can_be_made(hosts):
    for seed in range(300):
        plan = night.plan(hosts, seed, TROUBLES)
        assert (len(plan), plan) == (hosts, night.plan(hosts, seed, TROUBLES))
        for number, several in enumerate(plan.values()):
            assert len({part for part, _name in several}) == len(several) == (2 if number % 2 else 0)
            assert not several or several in POSSIBLE


def test_every_pair_that_can_be_made_is_drawn():
    drawn = {tuple(several) for seed in range(40) for several in night.plan(4001, seed, TROUBLES).values() if several}
    assert sorted(drawn) == sorted(map(tuple, POSSIBLE))


def test_what_a_trouble_takes_is_what_another_needs():
    """A word that nothing needs would keep nothing apart."""
    for part, name in SEVERAL:
        for what in TROUBLES[part][name].get('takes', ()):
            assert any(not night.can_follow({'takes': [what]}, TROUBLES[where][other]) for where, other in SEVERAL if where != part), (part, name, what)


def test_the_night_that_the_documentation_shows_is_still_drawn():
    shown = [line.split(' | ')[1] for line in (NIGHT.parents[1] / 'docs/fleet.md').read_text().splitlines()
             if line.startswith(('| bookworm | ', '| trixie | ', '| bullseye | '))]
    assert shown == ['; '.join(f'{part}: {name}' for part, name in several) for several in night.plan(24, 7, TROUBLES).values() if several]


# As 8.15.2 and 8.18.1 left them: a runner started by hand returned messages before the night began. What tells alice waits in the queue, or is lost there.
def test_a_message_whose_return_waits_was_returned_before(tmp_path):
    token = 'token-0123456789abcdef-end'
    for kind, name, sender in (('qf', '6ATMs409000320', '<>'), ('Qf', '6ATMs40B000320', 'MAILER-DAEMON')):
        (tmp_path / f'{kind}{name}').write_text(f'V8\nT1795992844\nFr\n$_localhost\nS{sender}\nRPF:alice\n.\n')
        (tmp_path / f'df{name}').write_text(f'original message follows\n{token}\n')
    (tmp_path / 'qf6ATMs4CJ000323').write_bytes(b'V8\nT1795992844\nFs\nSalice\nRPFD:bob\nH??From: r\n.\n')
    (tmp_path / 'df6ATMs4CJ000323').write_text('waits\n')
    assert {name: kinds for name, (kinds, _tokens) in account.queue(tmp_path).items()} == {
        '6ATMs409000320': {'qf', 'returns'}, '6ATMs40B000320': {'Qf', 'returns'}, '6ATMs4CJ000323': {'qf'}}
    assert not night.wrong({token: {'returned': 1}}, {token: {'returned': 1}})
    assert night.wrong({token: {'msp': 1}}, {token: {'returned': 1}})
    assert night.wrong({token: {'returned': 1}}, {})
