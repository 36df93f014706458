# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Bounded figures of a queue of any length, counted batch by batch."""

import os
from bisect import bisect_right
from collections import Counter
from typing import Any, Dict

from ansible_collections.mailops.sendmail.plugins.module_utils import _look, _phrases, _qf, _spool, _text

# Minutes, as qshape(1) has them: a bucket counts what is younger than its bound and not below the one before; what is older stands under OLDER.
AGE_BOUNDS = (5, 10, 20, 40, 80, 160, 320, 640, 1280)
OLDER = '1280+'
TOP = 10
_KEEP = 5000         # names a tally keeps when it is cut: the heaviest stay, so the top is right unless nothing dominates
_PATH_MAX = 160      # of a path
_ERROR_MAX = 240


class Tally:
    """Counts of names in bounded memory: when there are more than twice C(_KEEP) different ones, the rarest are dropped and said."""

    def __init__(self):
        self.counts = Counter()
        self.dropped = 0

    def add(self, names):
        """C(names): an iterable of hashables, or a mapping of name to count."""
        self.counts.update(names)
        if len(self.counts) > 2 * _KEEP:
            kept = self.counts.most_common(_KEEP)
            self.dropped += sum(self.counts.values()) - sum(count for _name, count in kept)
            self.counts = Counter(dict(kept))

    def top(self, name_key, count_key):
        """The TOP heaviest as a list of dicts, equal counts in the order of the names."""
        heaviest = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))[:TOP]
        return [{name_key: _text.shortened(name), count_key: count} for name, count in heaviest]


def empty_ages():
    """The age buckets, all zero: C({'5': 0, ... '1280+': 0}), the key being minutes."""
    return dict((('%d' % bound, 0) for bound in AGE_BOUNDS), **{OLDER: 0})


def add_ages(ages, created, now):
    """Count sorted creation times (epoch seconds) into age buckets."""
    end = len(created)
    for bound in AGE_BOUNDS:
        start = bisect_right(created, now - bound * 60, 0, end)
        ages['%d' % bound] += end - start
        end = start
    ages[OLDER] += end


class Totals:
    """Everything about the messages of one queue that can be said in a few kilobytes.

    Feed it each C(Pass) of a queue (level totals: C(add_rows) per batch; level summary: C(add_names)), then C(result).
    """

    def __init__(self, now):
        self.now = now
        self.recipients = self.bytes = self.never_tried = 0
        self.oldest = self.last_attempt = self.waits_since = None
        self.ages = empty_ages()
        self.reasons, self.reason_texts = Counter(), {}
        self.domains, self.senders, self.users = Tally(), Tally(), Tally()

    def add_rows(self, rows, sizes):
        """Count one batch: rows of _qf.head() and the sizes of their data files (None where missing)."""
        times, last_attempts, attempts, statuses, _flags, origins, senders, tails = zip(*rows)
        created = sorted(map(int, times))
        self._oldest(created[0])
        add_ages(self.ages, created, self.now)
        last = max(map(int, last_attempts))
        if last:
            self.last_attempt = max(last, self.last_attempt or 0)
        # What was never tried waits since it came.
        since = min(int(tried) or int(made) for tried, made in zip(last_attempts, times))
        self.waits_since = since if self.waits_since is None else min(since, self.waits_since)
        self.never_tried += attempts.count(b'0')
        self.bytes += sum(sizes) if None not in sizes else sum(filter(None, sizes))
        joined = b''.join(tails)
        if b'\nM' in joined:
            statuses = tuple(map(_qf.status_of, rows))
        domains = _qf.RECIPIENT_DOMAIN.findall(joined)
        self.recipients += len(domains)
        self.domains.add(domains)
        self.senders.add(senders)
        self.users.add(origins)
        for (status, tried), count in Counter(zip(statuses, map(b'0'.__ne__, attempts))).items():
            reason = _phrases.reason(status or b'', tried)
            self.reasons[reason] += count
            self.reason_texts.setdefault(reason, status or b'')

    def _oldest(self, created):
        if self.oldest is None or created < self.oldest:
            self.oldest = created

    def add_names(self, names):
        """Count one batch of control file names: the id says when the message was made, nothing else is known."""
        created = sorted(name[2:8] for name in names if name[:2] == 'qf')
        if not created:
            return
        times = Counter(created)
        known = sorted((time, times[stamp]) for time, stamp in
                       ((_qf.created_by_id(stamp, self.now), stamp) for stamp in times) if time is not None)
        if known:
            self._oldest(known[0][0])
            add_ages(self.ages, [time for time, count in known for _each in range(count)], self.now)

    def figures(self, content=True):
        """The figures as a dict of plain values; ages in seconds, None where there is nothing to say."""
        result = {'oldest_age': None if self.oldest is None else max(0, self.now - self.oldest), 'ages': self.ages}
        if content:
            users, senders, domains = Tally(), Tally(), Tally()
            for origin, count in self.users.counts.items():
                users.add({_qf.submitter(origin) or (b'(by SMTP from %s)' % origin if origin else b'(unknown)'): count})
            for sender, count in self.senders.counts.items():
                senders.add({_qf.address(sender or b'') or b'<>': count})
            for domain, count in self.domains.counts.items():
                domains.add({domain.lower() or b'(local)': count})
            result.update({
                'recipients': self.recipients, 'bytes': self.bytes, 'never_tried': self.never_tried,
                'last_attempt_age': None if self.last_attempt is None else max(0, self.now - self.last_attempt),
                'untried_age': None if self.waits_since is None else max(0, self.now - self.waits_since),
                'top': {'reasons': [{'reason': reason, 'messages': count, 'example': _text.shortened(self.reason_texts[reason])}
                                    for reason, count in self.reasons.most_common(TOP)],
                        'domains': domains.top('domain', 'recipients'), 'senders': senders.top('sender', 'messages'),
                        'users': users.top('user', 'messages'),
                        'cut': self.domains.dropped + self.senders.dropped + self.users.dropped > 0}})
        return result


def queue(passes, errors, now, content=True):
    """Run the passes of one queue and return its facts.

    C(passes): list of _spool.Pass not yet run; C(errors): what was found wrong with directories; C(now): epoch seconds.
    C(content) False is the level C(summary): names only, nothing opened.
    Messages of all states are counted; figures beside the counts are about the C(queued) ones, which a run would try.
    """
    totals = Totals(now)
    messages, debris = Counter(), Counter()
    errors, cut, delivering, vanished, unread = list(errors), 0, 0, 0, set()
    for one in passes:
        try:
            for batch in one.batches():
                if content:
                    totals.add_rows(batch.rows, batch.sizes)
                else:
                    totals.add_names(batch.names)
        except OSError as error:
            errors.append(one.directory.error(error))
            unread.add(one)
        messages.update(one.messages)
        debris.update(one.debris)
        errors.extend(one.errors)
        cut += one.errors_total - len(one.errors)
        delivering += len(one.locked)
        vanished += one.vanished
    states = ('queued', 'quarantined', 'lost') + (('incomplete', 'unreadable') if content else ())
    counted = dict((state, messages[state]) for state in states)
    result = {'directories': [{'path': _text.shortened(os.fsencode(one.directory.path), _PATH_MAX), 'group': one.directory.group,
                               'messages': None if one in unread else sum(one.messages.values()), 'split': one.directory.control != one.directory.path,
                               'link': one.directory.link} for one in sorted(passes, key=lambda one: one not in unread)],
              'messages': dict(counted, total=sum(messages.values())), 'delivering': delivering, 'vanished': vanished,
              'debris': dict((kind, count) for kind, count in debris.items() if content or kind not in CONTENT_DEBRIS),
              'errors': [{'path': _text.shortened(error['path'], _PATH_MAX), 'error': _text.shortened(error['error'], _ERROR_MAX)}
                         for error in errors[:TOP]],
              'errors_cut': cut + max(0, len(errors) - TOP)}
    result.update(totals.figures(content))
    return result


CONTENT_DEBRIS = ('data_without_control', 'control_without_data')   # known only when data files are looked for one by one
DIRECTORIES_MAX = PROCESSES_MAX = RUNNERS_MAX = 20


def facts(look, level):
    """The fact C(sendmail_queue) of a _look.Look of the level services: plain values, a few kilobytes whatever the queues hold."""
    content = level == 'totals'
    queues = {}
    for name, directories in look.directories.items():
        passes = [_spool.Pass(directory, ('queued',) if content else None, content, look.held or frozenset()) for directory in directories]
        wrong = [{'path': error['path'], 'error': error['error']} for error in look.errors if error['queue'] == name]
        result = queue(passes, wrong, look.now, content)
        result['directories_total'] = len(passes)
        del result['directories'][DIRECTORIES_MAX:]
        if look.held is None:
            result['delivering'] = None
        queues[name] = result
    unseen = look.partial
    return {'level': level, 'partial': unseen, 'installation': _installation(look), 'services': None if unseen else look.services,
            'mta': None if unseen else _mta(look), 'runners': None if unseen else look.runners[:RUNNERS_MAX], 'queues': queues}


def told(found: Dict[str, Any]) -> Dict[str, Any]:
    """The C(facts) as they leave the host: C(None) for each number of a queue of which nothing was seen, which is not the same as an empty one."""
    def blank(value: Any) -> Any:
        return (dict((key, blank(one)) for key, one in value.items()) if isinstance(value, dict)
                else None if isinstance(value, int) and not isinstance(value, bool) else value)
    kept = ('errors_cut', 'directories_total')
    queues = dict((name, queue) if not queue['errors'] or any(one['messages'] is not None for one in queue['directories'])
                  else (name, dict(blank(queue), **dict((key, queue[key]) for key in kept))) for name, queue in found['queues'].items())
    return dict(found, queues=queues)


def _installation(look):
    program, files, submitter = look.program, look.files, look.submitter

    def configuration(name):
        state = dict((key, files[name][key]) for key in ('path', 'exists', 'error', 'owner', 'group', 'mode'))
        return dict(state, changed=files[name]['mtime'], problems=files[name]['problems'][:TOP])
    return {'installed': program['sendmail'] is not None, 'absence': _look.absence(look), 'program': program['path'],
            'binary': program['sendmail'] or program['target'], 'other_mta': program['other_mta'], 'version': program['version'],
            'lock_kind': program['lock'], 'owner': program['owner'], 'group': program['group'], 'mode': program['mode'], 'platform': look.layout.family,
            'contexts': _contexts(look), 'submit_cf': configuration('msp'), 'sendmail_cf': configuration('mta'), 'sendmail_conf': look.sendmail_conf,
            'msp_user': {'name': submitter['user'], 'uid': submitter['uid']}, 'msp_group': {'name': submitter['group'], 'gid': submitter['gid']}}


def _contexts(look: _look.Look) -> Dict[str, str]:
    """What SELinux calls the program, the pid files and the queue directories."""
    found = {}
    for path in [look.program['sendmail']] + [cf['pid_file'] for cf in look.settings.values()] + [
            one.control for several in look.directories.values() for one in several]:
        try:
            found[_text.printable(os.fsencode(path))] = _text.printable(os.getxattr(path, 'security.selinux').rstrip(b'\0'))
        except (OSError, AttributeError, TypeError):      # it has none, another system, no path
            pass
    return found


def _mta(look):
    keys = ('pid', 'user', 'role', 'queue', 'interval', 'id', 'title', 'started', 'unit')
    return {'processes': [dict((key, process[key]) for key in keys) for process in look.processes if process['role'] != 'cron'][:PROCESSES_MAX],
            'listeners': look.listeners[:TOP], 'relay': look.relay, 'greeting': look.greeting,
            'refuses_for_load': any(process['rejecting'] for process in look.processes), 'load_average': look.load[0] if look.load else None,
            'resolver_changed': look.resolver_changed}
