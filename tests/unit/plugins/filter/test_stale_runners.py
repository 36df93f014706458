# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which queue runners keep old name servers, and how each platform restarts them. Behind each row stands the most similar one where the answer is another.

Sendmail changes _res, and then glibc reads resolv.conf no more. What starts a runner is what the role sendmail_queue_runner restarts on that platform.
"""
import pytest
from ansible_collections.mailops.sendmail.plugins.filter.stale_runners import stale_runners
from ansible_collections.mailops.sendmail.tests.unit import planned_queue_runner as planned

REPAIRED = 1700000000
OLD, NEW = REPAIRED - 60, REPAIRED + 60
DAEMON = {'conf': planned.DEBIAN_DAEMON}


def run_as(source='daemon', pid=300, unit=None, interval=1800):
    return planned.runner(source, pid=pid, unit=unit, interval=interval)


def look(platform, *runners, started=OLD, changed=REPAIRED, **about):
    facts = planned.host(platform, *runners, **about)
    facts['mta'] = dict(facts['mta'], resolver_changed=changed, processes=[*facts['mta']['processes'], *(
        {'pid': one['pid'], 'role': 'queue_runner', 'queue': 'msp', 'started': started} for one in runners if one['pid'])])
    return facts


OURS = run_as(unit='sendmail-client.service')
OTHER = run_as(pid=301, unit='session-1.scope')


@pytest.mark.parametrize('platform, runner, about, method, left', [
    # By what starts it.
    ('redhat', planned.unit(), {}, 'systemd_unit', [300]),
    ('redhat', run_as(unit='queue.service'), {}, '', [300]),
    ('suse', OURS, {}, 'systemd_unit', [300]),
    ('redhat', OURS, {}, '', [300]),
    ('upstream', run_as('systemd_unit', unit='queue.service'), {}, '', [300]),
    ('debian', run_as(unit='sendmail.service'), DAEMON, 'debian_daemon', [300]),
    ('debian', run_as(unit='session-1.scope'), DAEMON, '', [300]),
    ('debian', run_as(unit='sendmail.service'), {}, '', [300]),
    ('debian', run_as(unit='sendmail.service'), {'sendmail_conf': None}, '', [300]),
    ('debian', run_as(), {**DAEMON, 'init': 'none'}, 'debian_daemon', [300]),
    ('debian', run_as(), DAEMON, '', [300]),
    ('debian', run_as(), {'init': 'none'}, '', [300]),
    ('debian', run_as('loop'), {**DAEMON, 'init': 'none'}, '', [300]),
    ('gentoo', planned.CONF_D, {}, 'conf_d', [300]),
    ('redhat', planned.SYSCONFIG, {}, 'conf_d', [300]),
    ('gentoo', run_as(), {}, '', [300]),
    ('freebsd', planned.RC_CONF, {}, 'rc_conf', [300]),
    ('freebsd', run_as(), {}, '', [300]),
    # By its age: what is started anew for each run takes nothing along.
    ('suse', OURS, {'started': NEW}, '', []),
    ('suse', OURS, {'started': REPAIRED}, '', []),
    ('suse', OURS, {'started': None}, '', []),
    ('suse', OURS, {'changed': None}, '', []),
    ('debian', planned.LINE, {}, '', []),
    # That ends by itself.
    ('suse', run_as(unit='sendmail-client.service', interval=0), {}, '', []),
])
def test_a_stale_runner_is_restarted_by_what_starts_it(platform, runner, about, method, left):
    found = stale_runners(look(platform, runner, **about))
    assert (found['method'], found['left']) == (method, left)
    # In check mode nothing was restarted; what a run would restart is not left.
    assert stale_runners(look(platform, runner, **about), check=True) == dict(found, left=[] if method else left)


@pytest.mark.parametrize('role, queue', [('queue_run', 'msp'), ('queue_runner', 'mta'), ('daemon', 'msp')])
def test_what_is_no_runner_of_the_client_queue_is_none(role, queue):
    facts = look('suse', OURS)
    facts['mta']['processes'][-1].update(role=role, queue=queue)
    assert stale_runners(facts)['method'] == ''


@pytest.mark.parametrize('runners', [(OURS, OTHER), (OTHER, OURS)])
def test_beside_a_runner_that_is_restarted_another_is_named(runners):
    """Whichever comes first."""
    facts = look('suse', *runners)
    assert stale_runners(facts, check=True) == {'method': 'systemd_unit', 'interval': 1800, 'left': [301]}
    # Behind the restart: the next look finds one that is new.
    facts['mta']['processes'] = [dict(one, started=NEW) if one['pid'] == 300 else one for one in facts['mta']['processes']]
    assert stale_runners(facts) == {'method': '', 'interval': 60, 'left': [301]}


@pytest.mark.parametrize('check, written, method', [
    (True, True, 'systemd_unit'), (True, False, ''), (False, True, ''), (False, False, '')])
def test_a_resolv_conf_that_would_be_written_is_newer_than_each_daemon(check, written, method):
    assert stale_runners(look('suse', OURS, started=NEW), check=check, written=written)['method'] == method


@pytest.mark.parametrize('interval, asked', [(30, 60), (60, 60), (5400, 5400)])
def test_the_interval_is_one_that_the_role_takes(interval, asked):
    assert stale_runners(look('suse', run_as(unit='sendmail-client.service', interval=interval)))['interval'] == asked
