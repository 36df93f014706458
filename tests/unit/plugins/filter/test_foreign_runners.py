# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.mailops.sendmail.plugins.filter.foreign_runners import foreign_runners


def look(title, user='root', role='queue_runner', unit=None, directory='/var/spool/mqueue-client'):
    return {'installation': {'msp_user': {'name': 'smmsp', 'uid': 101}}, 'queues': {'msp': {'directories': [{'path': directory}]}},
            'mta': {'processes': [{'pid': 7, 'role': role, 'user': user, 'title': title, 'unit': unit, 'queue': 'mta'}]}}


# Titles of a real Sendmail 8.17.1.9 that was started with -Am -q1m -OQueueDirectory=/var/spool/mqueue-client.
RUNNER = 'sendmail: MTA: Queue runner@00:01:00 for /var/spool/mqueue-client'


def test_a_runner_of_another_user_is_named():
    (one,) = foreign_runners(look(RUNNER, unit='suite.service'))
    assert (one['pid'], one['user'], one['unit']) == (7, 'root', 'suite.service')
    assert 'Its unit is suite.service.' in one['text'] and RUNNER in one['text']
    assert foreign_runners(look('sendmail: running queue: /var/spool/mqueue-client/q1', role='queue_run'))[0]['unit'] is None


@pytest.mark.parametrize('about', [
    {'user': 'smmsp'}, {'title': 'sendmail: MTA: Queue runner@00:10:00 for /var/spool/mqueue'}, {'title': 'sendmail: MTA: accepting connections'},
    {'title': 'sendmail: MTA: Queue runner@00:01:00 for /var/spool/mqueue-client2'}, {'role': 'session'}])
def test_others_are_not(about):
    assert foreign_runners(look(**dict({'title': RUNNER}, **about))) == []
