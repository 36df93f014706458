# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Which messages are meant, and what became of each."""

import os
from collections import Counter

from ansible_collections.mailops.sendmail.plugins.module_utils import _qf, _selection, _spool, _text

BATCH = 400             # messages locked at a time, and in one part of an archive; below the usual limit of 1024 open files
LISTED = 1000           # messages of each outcome that the result names; the counts are always whole
REMOVED_MAX = 1000      # without max_affected
OUTCOMES = ('quarantined', 'queued', 'removed', 'restored', 'already', 'taken', 'left_alone')
# What a state can be made of, and which outcome that is.
STATES = {'quarantined': (('queued',), 'quarantined'), 'queued': (('quarantined', 'lost'), 'queued'),
          'absent': (_selection.STATES, 'removed'), 'restored': (_selection.STATES, 'restored')}


class Outcome:
    """What became of the messages: counts, and the first LISTED of each."""

    def __init__(self):
        self.counts, self.lists = Counter(), {}
        self.selected, self.archive, self.transcript, self.refused = 0, None, [], []

    def add(self, what, queue, identifier, why=None):
        self.counts[what] += 1
        entries = self.lists.setdefault(what, [])
        if len(entries) < LISTED:
            entry = {'id': _text.printable(os.fsencode(identifier)), 'queue': queue}
            entries.append(dict(entry, why=why) if why else entry)

    def result(self, state):
        """The module's result: what was done so far."""
        done = STATES[state][1]
        lines = ['%s %s' % (entry['queue'], entry['id']) for entry in self.lists.get(done, ())[:100]]
        more = self.counts[done] - len(lines)
        listed = ''.join(line + '\n' for line in lines + (['... and %d more' % more] if more else []))
        sides = ['%s: %d\n%s' % (what, self.counts[done] if listed else 0, listed) if listed else ''
                 for what in (' or '.join(STATES[state][0]) if state in ('quarantined', 'queued') else 'in the queue', state)]
        if state in ('absent', 'restored'):
            sides[state == 'absent'] = ''
        return dict(
            ((name, self.counts[name]) for name in OUTCOMES), changed=bool(self.counts[done] or self.counts['queued']), selected=self.selected,
            outcomes=self.lists,
            truncated=any(self.counts[name] > len(entries) for name, entries in self.lists.items()), transcript=list(self.transcript),
            archive=None if self.archive is None else _text.printable(os.fsencode(self.archive)), refused=list(self.refused),
            diff={'before': sides[0], 'after': sides[1]})


def find(look, selection):
    """Yield (queue, QueueDirectory, names of control files) for what the selection means, no more than a few hundred names at a time.

    It only reads, as a look does; what it yields is judged again before anything is done to it.
    """
    for queue, directories in look.directories.items():
        for directory in directories:
            one = _spool.Pass(directory, None if selection.by_name else selection.states, selection.needs_size, look.held or frozenset())
            try:
                for names, rows, sizes in one.batches():
                    if selection.by_name:
                        wanted = [name for name in names if selection.wants(name[2:])]
                    else:
                        wanted = [name for name, row, size in zip(names, rows, sizes)
                                  if _qf.CONTROL_PREFIXES[name[:2]] in selection.states and selection.wants(name[2:]) and selection.matches(row, size)]
                    for start in range(0, len(wanted), BATCH):
                        yield queue, directory, wanted[start:start + BATCH]
            except OSError as error:
                raise _text.SendmailError('The queue directory %s cannot be read: %s.' % (_text.printable(os.fsencode(directory.path)), error.strerror))
            damaged = [name for name, state in one.damaged if selection.wants_damaged(name[2:], state)]
            if damaged:
                yield queue, directory, damaged


def count(look, selection):
    """How many messages are meant."""
    return sum(len(names) for _queue, _directory, names in find(look, selection))


def refuse(state, params, selection, selected=0):
    """Raise SendmailError for what is not done at all."""
    if selection.everything and not params['confirm_all'] and state != 'restored':
        raise _text.SendmailError('select is empty, which means every message in the queue. Say which messages are meant, or set confirm_all to true.')
    reason = params.get('reason')
    if state == 'quarantined' and (not reason or reason.strip() in ('', '.') or not reason.isprintable()):
        raise _text.SendmailError('reason: %s is not one line of text: write the line that Sendmail is to keep with each quarantined message.'
                                  % _text.shown(reason))
    limit = params.get('max_affected')
    if limit is not None and limit < 0:
        raise _text.SendmailError('max_affected: %s is below 0: write 0 or more.' % _text.shown(limit))
    if limit is None and state == 'absent':
        limit = REMOVED_MAX
    if limit is not None and selected > limit:
        raise _text.SendmailError('%s selected and max_affected is %d, so nothing was done. Select fewer, or raise max_affected.'
                                  % (_text.count(selected, 'message', ('is', 'are')), limit), selected=selected)


def judge(selection, name, data, size):
    """(row of _qf.head(), state, whether it is meant) of a control file's content."""
    row, state = _qf.head(data) if data[-3:] == b'\n.\n' else None, _qf.CONTROL_PREFIXES[name[:2]]
    if row is None:
        envelope = _qf.parse(data)
        damage = _qf.damage(envelope)
        if damage:
            state = damage
        else:
            row = _qf.head_of(envelope)
    return row, state, selection.wants_damaged(name[2:], state) if row is None else state in selection.states and selection.matches(row, size)
