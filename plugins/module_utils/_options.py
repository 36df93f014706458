# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

# PRIVATE to the mailops.sendmail collection: it can change or go in any release.

"""Argument specs that several modules share: the same word means the same everywhere. Documented in the fragment C(queues)."""

from ansible_collections.mailops.sendmail.plugins.module_utils import _qf, _selection

QUEUES = {
    'queue': {'type': 'str', 'choices': ['msp', 'mta', 'all'], 'default': 'all'},
    'queue_directories': {'type': 'list', 'elements': 'path'},
}

_LIST = {'type': 'list', 'elements': 'str'}
SELECT = {
    'select': {'type': 'dict', 'options': {
        'ids': _LIST, 'senders': _LIST, 'recipients': _LIST, 'domains': _LIST,
        'older_than': {'type': 'str'}, 'newer_than': {'type': 'str'}, 'larger_than': {'type': 'str'}, 'status': {'type': 'str'},
        'reason': dict(_LIST, choices=list(_qf.REASONS)), 'states': dict(_LIST, choices=list(_selection.STATES)),
    }},
}
