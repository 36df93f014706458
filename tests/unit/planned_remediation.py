# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decision table of the filter remediation_plan: causes that a diagnosis finds, and the steps that the role sendmail_remediate takes, in their order.

What is expected is what the role promises. Behind each row stands the most similar one where the answer is another. docs/generate.py puts the
table into the README of the role.
"""

from collections import namedtuple

Decision = namedtuple('Decision', 'causes options steps')


def row(found, steps, **options):
    """Causes and steps by their names, with a blank between them."""
    return Decision(tuple(found.split()), options, steps.split())


ROWS = [
    row('', ''),
    row('not_installed', 'msp mta'),
    row('configuration', 'msp'),
    row('permissions', 'permissions'),
    row('message_permissions', 'permissions'),
    row('too_open', 'permissions'),
    row('lost', 'restore'),
    row('quarantined', ''),
    row('stale_rewrite', 'debris'),
    row('orphaned_data', 'debris'),
    row('missing_data', ''),
    row('mta_down', 'mta'),
    row('hub_down', ''),
    row('silent', 'mta'),
    row('listens_elsewhere', 'mta'),
    row('mta_queue', 'permissions mta'),
    row('mta_configuration', ''),
    row('stranger', ''),
    row('stranger', 'mta', replace_other=True),
    row('other_mta', ''),
    row('other_mta', 'mta', replace_other=True),
    row('dns', ''),
    row('dns', 'resolvers mta', resolvers=True),
    row('relay_name', ''),
    row('relay_name', 'resolvers mta', resolvers=True),
    row('slow_names', ''),
    row('slow_names', 'resolvers mta', resolvers=True),
    row('stale_resolver', 'mta'),
    row('stale_resolver', 'resolvers mta', resolvers=True),
    row('runner', 'runner'),
    row('two_runners', 'runner'),
    row('dead_runner', 'runner'),
    row('foreign_runner', ''),
    row('was_down', ''),
    row('dns_was_down', ''),
    row('never_tried', ''),
    row('min_queue_age', ''),
    row('clock', ''),
    # Several at once: owners and modes before anything that runs the queue, the runner behind the flush.
    row('mta_down permissions', 'permissions mta'),
    row('configuration runner', 'msp runner'),
    row('dead_runner too_open mta_down', 'permissions mta runner'),
    row('mta_down runner', 'runner', causes=['runner']),
    # Controls that fail: what each names as its remedy, and nothing else.
    row('mta_down', 'permissions runner', causes=['SMQ-RUN-01', 'SMQ-PRM-01', 'SMQ-NAM-01']),
    # Nothing is changed on a host that was healthy, but what was asked for by name.
    row('dead_runner too_open orphaned_data', '', healthy=True),
    row('dead_runner too_open', 'runner', healthy=True, causes=['dead_runner']),
]
