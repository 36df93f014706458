# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from collections import Counter, namedtuple

import pytest
from ansible_collections.mailops.sendmail.plugins.module_utils import _qshape, _spool, _summary
from ansible_collections.mailops.sendmail.tests.unit import queue_samples

NOW = 1795447696
Look = namedtuple('Look', 'now directories')


def look(path):
    return Look(NOW, {'msp': _spool.directories([('mqueue', str(path))])[0], 'mta': []})


@queue_samples.needs_generator
def test_against_what_the_generator_wrote(tmp_path):
    truth = queue_samples.generator().generate(str(tmp_path / 'mqueue'), 400, seed=4, now=NOW, max_age=200000, records=True)
    expected = {}
    for record in truth['records']:
        age = next(('%d' % bound for bound in _summary.AGE_BOUNDS if NOW - record['created'] < bound * 60), '1280+')
        for recipient in record['recipients']:
            domain = recipient['address'].rpartition('@')[2].lower() if '@' in recipient['address'] else '(local)'
            expected.setdefault(domain, Counter())[age] += 1
    found, cut = _qshape.domains(look(tmp_path / 'mqueue'), ('msp', 'mta'))
    assert cut == (len(expected) > 10)
    assert len(found) == min(10, len(expected))
    assert found == [(domain, dict(expected[domain])) for domain, _ages in found]
    weights = [sum(ages.values()) for _domain, ages in found]
    assert weights == sorted((sum(ages.values()) for ages in expected.values()), reverse=True)[:10]


@queue_samples.needs_generator
def test_more_than_is_read_is_said(tmp_path, monkeypatch):
    queue_samples.generator().generate(str(tmp_path / 'mqueue'), 30, seed=4, now=NOW)
    monkeypatch.setattr(_qshape, 'MESSAGES_MAX', 10)
    found, cut = _qshape.domains(look(tmp_path / 'mqueue'), ('msp',), bucket=lambda age: 'any')
    assert cut
    assert {name for _domain, ages in found for name in ages} == {'any'}


def test_a_queue_that_is_gone(tmp_path):
    (tmp_path / 'mqueue').mkdir()
    there = look(tmp_path / 'mqueue')
    (tmp_path / 'mqueue').rmdir()
    assert _qshape.domains(there, ('msp',)) == ([], False)


@pytest.mark.parametrize('age, bucket', [(0, '5'), (299, '5'), (300, '10'), (76799, '1280'), (76800, '1280+')])
def test_buckets(age, bucket):
    assert _qshape.minutes(age) == bucket
