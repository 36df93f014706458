# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Waiting recipients by domain and age, as qshape(1) shows them for Postfix."""

from collections import Counter

from ansible_collections.mailops.sendmail.plugins.module_utils import _qf, _spool, _summary, _text

MESSAGES_MAX = 20000     # of each queue


def minutes(age):
    """The bucket of an age in seconds, by the bounds of _summary."""
    return next(('%d' % bound for bound in _summary.AGE_BOUNDS if age < bound * 60), _summary.OLDER)


def domains(look, queues, bucket=minutes):
    """The heaviest domains of these queues: ([(domain, {bucket: recipients}), ...], whether anything was left out)."""
    counts, cut = {}, False
    for queue in queues:
        left = MESSAGES_MAX
        for directory in look.directories.get(queue, []):
            try:
                for batch in _spool.Pass(directory, ('queued',), False, frozenset()).batches():
                    for row in batch.rows[:max(0, left)]:
                        age = bucket(look.now - int(row[_qf.CREATED]))
                        for domain in _qf.RECIPIENT_DOMAIN.findall(row[_qf.TAIL]):
                            counts.setdefault(domain.lower(), Counter())[age] += 1
                    left -= len(batch.rows)
                    if left < 0:
                        cut = True
                        break
            except OSError:
                continue   # it is among the errors of the look
    top = sorted(counts.items(), key=lambda item: (-sum(item[1].values()), item[0]))
    return [(_text.shortened(domain or b'(local)'), dict(ages)) for domain, ages in top[:_summary.TOP]], cut or len(top) > _summary.TOP
