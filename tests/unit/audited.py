# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet in which every status of a control is, for what auditors' tools read."""

from __future__ import annotations

from ansible_collections.mailops.sendmail.plugins.plugin_utils import _compliance_report, _compliance_results
from ansible_collections.mailops.sendmail.tests.unit.fleet import HOSTILE, fleet, kept as keep, result
from ansible_collections.mailops.sendmail.tests.unit.hosts_looked_at import HEALTHY

DAY = 86400


def every_status():
    bad = HEALTHY._replace(runners=[])
    waiver = {'id': 'SMQ-RUN-01', 'reason': 'replaced in spring', 'expires': '2026-12-31'}
    return {'good': result(), 'bad': result(bad), 'waived': result(bad, waivers=[waiver]), 'late': result(bad, waivers=[dict(waiver, expires='2020-01-01')]),
            'switched off': result(bad, overrides=[{'id': 'SMQ-RUN-01', 'enabled': False}]), 'doubtful': result(HEALTHY._replace(filesystems={})),
            'gone': {'unreachable': True, 'msg': 'no route to host'}, 'broken': {'failed': True, 'msg': 'it broke'}, 'never': {},
            HOSTILE: next(one for one in fleet(12, 3, True).values() if 'controls' in one)}


def reported(results, place):
    return _compliance_report.report(_compliance_results.gathered(keep(results, place), str(place), [], _compliance_results.now(), DAY), None, 'none', DAY)
