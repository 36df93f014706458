# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

# PRIVATE to the mailops.sendmail collection: it can change or go in any release.

"""Run a queue now, for the messages that are meant and no others, and say what became of each.

Look (L(waiting)), decide (C(plan), pure), run (C(apply)). What became of a message comes from comparing control files before and after;
an exit status of Sendmail says nothing (0 when everything was deferred, 67 when a bounce emptied the queue). Whether it left by our hands,
and whether as a bounce, comes from what Sendmail prints when it removes a message (dropenvelope() in envelope.c, -d50.8).
"""

import os
import random
import re
import time
from collections import Counter
from typing import Any, Dict, List, NamedTuple, Optional

from ansible_collections.mailops.sendmail.plugins.module_utils import (
    _hazards, _ledger, _look, _phrases, _process, _qf, _records, _selection, _spool, _system, _text)

# Seconds to wait for a connection. Without it Sendmail waits as long as the kernel does, 134 seconds for each message.
CONNECT_SECONDS = {'msp': 10, 'mta': 30}
RUNNERS_MAX = 8
_CHUNK = 500               # ids on one command line
LISTED = 1000              # messages of each outcome that the result names; the counts are always whole
_TRANSCRIPT = 50           # lines
_ERRORS = 10               # lines kept of what was printed about one message
OUTCOMES = ('relayed', 'bounced', 'remaining', 'quarantined', 'lost', 'taken', 'untried')

# While the oldest message waits for one of these, no other message can leave the host either.
HOST_REASONS = frozenset(('connection_refused', 'connection_timeout', 'no_route', 'relay_lookup', 'mta_disk_full'))

REMEDIES = {
    'directory': 'Put owner, group and mode right with mailops.sendmail.sendmail_permissions.',
    'file_system': 'Make room or mount it writable. A run that cannot rewrite a control file leaves an empty one that stops later runs.',
    'permissions': 'Put owner, group and mode right with mailops.sendmail.sendmail_permissions; a run would lose these messages or never open them.',
    'no_data': 'The body is gone. A run would deliver the headers with an empty body: '
               'move the message into an archive with mailops.sendmail.sendmail_message, or leave it out with select.',
    'temporary': 'A control file is being rewritten, or was left half written: a run waits 465 seconds for each. '
                 'mailops.sendmail.sendmail_debris moves it away when it is old and no process has it open.',
    'damaged': 'A run would lose, drop or abort on these: repair the control file, move the message into an archive with '
               'mailops.sendmail.sendmail_message, or leave it out with select.',
    'unreadable': 'Find out what they are and move them out of the queue directory.',
}


class Plan(NamedTuple):
    """What is to be done. C(refusals) not empty: nothing is."""

    messages: List[_hazards.Waiting]               # oldest first
    refusals: List[Dict[str, Any]]        # {kind, text, remedy, ids, messages}
    parallel: int
    canary: Optional[_hazards.Waiting]
    commands: Dict[Any, List[str]]        # by (queue, queue group), without the ids
    relay_answers: Optional[bool]
    left_out: tuple = ()                  # messages that a run would harm or hang on


class Outcome(NamedTuple):
    """What became of one message."""

    message: _hazards.Waiting
    outcome: str                          # one of OUTCOMES
    recipients: int                       # left
    status: str
    reason: Optional[str]
    errors: List[str]                     # permanent errors that the run printed for it


def waiting(look, selection):
    """Read the messages that are meant, with everything a run would do to them by mistake. Returns a list of Waiting, oldest first."""
    found = []
    for queue, directories in look.directories.items():
        for directory in directories:
            one = _spool.Pass(directory, ('queued',), selection.needs_size, look.held or frozenset())
            try:
                names = [entry.name for entry in _records.find(queue, one, selection, look.now)]
                found += _hazards.settled(look, queue, directory, names)
            except OSError as error:
                raise _text.SendmailError('The queue directory %s cannot be read: %s.' % (directory.path, error.strerror)) from error
    return sorted(found, key=lambda message: (message.created, message.id))


def plan(look, messages, places=(), parallel=None, canary=True, ignore_load=False, leave_out=False):
    """Decide, from what was looked at. Pure: C(messages) from L(waiting), C(places) from _hazards.places(). Returns Plan.

    C(leave_out): messages with a hazard of their own are not run, instead of being a reason to run none.
    """
    kinds = {}
    left_out = tuple(message for message in messages if leave_out and message.hazards)
    messages = [message for message in messages if not (leave_out and message.hazards)]
    for kind, text in places:
        kinds.setdefault(kind, []).append((text, None))
    for message in messages:
        for kind, text, *_code in message.hazards:
            kinds.setdefault(kind, []).append((text, message.id))
    refusals = []
    for kind, remedy in REMEDIES.items():
        if kind in kinds:
            ids = sorted(set(identifier for _text_, identifier in kinds[kind] if identifier))
            refusals.append({'kind': kind, 'text': kinds[kind][0][0], 'remedy': remedy, 'ids': ids[:10], 'messages': len(ids)})
    # Eight runners are about six times as fast as one, and more are not. An MTA accepts no more than so many connections a second or at a
    # time, and refuses everybody's when it has reached that.
    limits = [look.settings.get('mta', {}).get(name) for name in ('connection_rate_throttle', 'max_daemon_children')]
    most = min([RUNNERS_MAX, 4 * look.cpus] + [max(1, limit // 2) for limit in limits if limit])
    free = [message for message in messages if not message.locked and message.queue == 'msp']
    places_run = set((message.queue, message.directory.group) for message in messages)
    return Plan(messages, refusals, parallel or max(1, min(most, len(messages) // 4)), free[0] if canary and len(messages) > 1 and free else None,
                dict((place, _command(look.program['sendmail'], place, ignore_load)) for place in places_run),
                look.greeting and look.greeting['answered'], left_out)


def _command(program, place, ignore_load):
    """The command line for one queue group, without the ids.

    Not C(-v): it makes the MTA deliver each message before it answers. Without it permanent errors are still printed, and C(-d50.8)
    tells which message each belongs to and what becomes of it (no headers, no body). C(-qG) even where there is one group: as soon as there
    are two, a run of all goes into the background and prints nothing.
    """
    queue, group = place
    wait = CONNECT_SECONDS[queue]
    options = [
        'Timeout.connect=%ds' % wait, 'Timeout.iconnect=%ds' % wait,
        # A host that cannot be reached is not tried again at once; one that was busy for a moment is, soon.
        'Timeout.hoststatus=%ds' % wait,
        # Who rescues a queue after a long time wants its mail delivered, not returned for its age at the first failure. The next
        # ordinary queue run decides about that, and sends the warnings: one would take the place of the reason in the status.
        'Timeout.queuereturn=5000d', 'Timeout.queuewarn=0',
        'MinQueueAge=0', 'MaxQueueRunSize=0',
        # One process, so that what it prints is one story.
        'MaxQueueChildren=1', 'ForkEachJob=False'] + (['QueueLA=9999'] if ignore_load else [])
    command = [program, '-A' + ('c' if queue == 'msp' else 'm'), '-qf', '-qG' + group, '-d50.8']
    for option in options:
        command += ['-O', option]
    return command


class Transcript:
    """What the runners print: which messages they worked on, which of those they removed and how, and the permanent errors of each."""

    _WORKED_ON = re.compile(rb'dropenvelope \S+: id=([0-9A-Za-z]+),')
    # Removed although a recipient is left (queueit=1) means returned for its age.
    _REMOVED = re.compile(rb'===== Dropping queue files for ([0-9A-Za-z]+)\.\.\. queueit=([01]), e_flags=(.*)')
    _NOISE = re.compile(rb'[ \t]|dropenvelope|failure_return=|Q=\S+ R=|$')

    def __init__(self, removed=None):
        self.worked_on = set()
        self.removed = {}         # id: whether with a permanent error
        self._tell = removed      # called with (id, whether with a permanent error) as it happens
        self.errors = {}
        self.lines = []
        self._pending = {}

    def take(self, key, line):
        """One line of the runner C(key). Errors are printed before the line that names the message."""
        found = self._WORKED_ON.match(line)
        if found:
            identifier = found.group(1).decode('ascii')
            self.worked_on.add(identifier)
            if self._pending.get(key):
                self.errors[identifier] = (self.errors.get(identifier, []) + self._pending.pop(key))[:_ERRORS]
            return
        found = self._REMOVED.match(line)
        if found:
            identifier, failed = found.group(1).decode('ascii'), found.group(2) == b'1' or b'FATALERRS' in found.group(3)
            self.removed[identifier] = failed
            if self._tell:
                self._tell(identifier, failed)
        elif not self._NOISE.match(line):
            text = _text.printable(line[:200])
            if len(self.lines) < _TRANSCRIPT:
                self.lines.append(text)
            pending = self._pending.setdefault(key, [])
            if b'... ' in line and len(pending) < _ERRORS:
                pending.append(text)


def apply(plan_, seconds, removed=None):
    """Run the plan within C(seconds). Returns (list of Outcome, Transcript, canary's Outcome or None, {runners, seconds, stopped}).

    C(removed(id, failed)) is called for each message as soon as Sendmail says that it has removed it.
    """
    start = time.monotonic()
    deadline = start + seconds
    transcript = Transcript(removed)
    canary, ended = None, []
    rest = plan_.messages
    if plan_.canary:
        ended += _run(plan_, [plan_.canary], 1, deadline, transcript)
        canary = _outcomes([plan_.canary], transcript)[0]
        if canary.outcome != 'untried':
            rest = [message for message in rest if message is not plan_.canary]
        if stops(canary):
            rest = [message for message in rest if message.queue != 'msp']
    done = dict((id(message), None) for message in plan_.messages)
    if canary:
        done[id(plan_.canary)] = canary
    idle = 0
    while rest and idle < 2 and time.monotonic() < deadline:
        ended += _run(plan_, rest, plan_.parallel, deadline, transcript)
        done.update((id(one.message), one) for one in _outcomes(rest, transcript))
        # Somebody who lists the queue makes a runner pass over a message, and a queue group may limit the messages of one run.
        untried = [message for message in rest if done[id(message)].outcome == 'untried']
        idle = idle + 1 if len(untried) == len(rest) else 0
        rest = untried
        if idle == 1:
            time.sleep(_hazards.SETTLE)
    left = [message for message in plan_.messages if done[id(message)] is None]
    done.update((id(one.message), one) for one in _outcomes(left, transcript))
    broken = [one.error for one in ended if one.error]
    if broken:
        raise _text.SendmailError('Sendmail cannot be started: %s.' % broken[0])
    now = time.monotonic()
    about = {'runners': len(ended), 'seconds': round(now - start, 1),
             'stopped': any(one.stopped for one in ended) or bool(rest) and now >= deadline}
    return [done[id(message)] for message in plan_.messages], transcript, canary, about


def stops(canary):
    """Whether this outcome of the first message says that no other can leave either."""
    return canary is not None and canary.outcome == 'remaining' and canary.reason in HOST_REASONS


def _run(plan_, messages, parallel, deadline, transcript):
    commands = []
    for place, command in sorted(plan_.commands.items()):
        ids = [message.id for message in messages if (message.queue, message.directory.group) == place]
        # Dealt out in turn, so that every runner has its share of old and of new ones and no two want the same.
        for start in range(min(parallel, len(ids))):
            share = ids[start::parallel]
            commands += [command + ['-qI' + identifier for identifier in share[at:at + _CHUNK]] for at in range(0, len(share), _CHUNK)]
    return _process.run_all(list(enumerate(commands)), parallel, deadline, transcript.take)


def _outcomes(messages, transcript):
    """Compare messages with what they were. Returns a list of Outcome."""
    held = (_system.held() or frozenset()) if messages else None
    found, directory = [], None
    opened = None
    try:
        for message in messages:
            if message.directory != directory:
                if opened is not None:
                    opened.__exit__()
                opened, directory = _spool.Opened(message.directory).__enter__(), message.directory
            found.append(_outcome(opened, message, transcript, held))
    finally:
        if opened is not None:
            opened.__exit__()
    return found


def _outcome(opened, message, transcript, held):
    errors = transcript.errors.get(message.id, [])
    try:
        data, about = _spool.read_whole(opened.control, 'qf' + message.id)
    except FileNotFoundError:
        for prefix, outcome in (('Qf', 'lost'), ('hf', 'quarantined')):
            try:
                os.stat(prefix + message.id, dir_fd=opened.control, follow_symlinks=False)
                return Outcome(message, outcome, message.recipients, '', None, errors)
            except FileNotFoundError:
                pass
        failed = transcript.removed.get(message.id)
        return Outcome(message, 'taken' if failed is None else 'bounced' if failed else 'relayed', 0, '', None, errors)
    except (OSError, _text.SendmailError):
        return Outcome(message, 'untried', message.recipients, '', None, errors)
    envelope = _qf.parse(data)
    row = _qf.head_of(envelope)
    status = _qf.status_of(row)
    if message.id in transcript.worked_on or (envelope.attempts, envelope.last_attempt) != (message.attempts, message.last_attempt):
        outcome = 'remaining'
    else:
        outcome = 'taken' if message.locked or (about.st_dev, about.st_ino) in held else 'untried'
    return Outcome(message, outcome, len(envelope.recipients), _text.printable(envelope.status or status), _phrases.reason(status, envelope.attempts), errors)


def refuse(plan_):
    """The sentence that says why nothing was run, or None."""
    if not plan_.refusals:
        return None
    parts = []
    for refusal in plan_.refusals:
        which = ' (%d message%s: %s%s)' % (refusal['messages'], 's' * (refusal['messages'] != 1), ', '.join(refusal['ids']),
                                           ', ...' if refusal['messages'] > len(refusal['ids']) else '') if refusal['ids'] else ''
        parts.append('%s%s. %s' % (refusal['text'][:1].upper() + refusal['text'][1:], which, refusal['remedy']))
    return 'Nothing was run, because a queue run would do harm: ' + ' '.join(parts)


def predict(plan_):
    """The result of check mode: what a run would try, and whether something would leave."""
    count = len(plan_.messages)
    leaves = any(plan_.relay_answers or message.queue == 'mta' for message in plan_.messages if not message.locked)
    return dict(_counts(Counter()), **_left_out(plan_), selected=count + len(plan_.left_out), changed=bool(leaves), would_try=count,
                relay_answers=plan_.relay_answers, diff=_diff(plan_.messages, [] if leaves else plan_.messages))


def result(plan_, outcomes, transcript, canary, about):
    """The module's result, bounded: what became of each message by id."""
    counts = Counter(outcome.outcome for outcome in outcomes)
    lists = dict((name, []) for name in OUTCOMES)
    for one in outcomes:
        entry = {'id': one.message.id, 'queue': one.message.queue}
        if one.outcome in ('remaining', 'untried'):
            entry.update(status=one.status, reason=one.reason, recipients=one.recipients, recipients_done=one.message.recipients - one.recipients)
        if one.errors:
            entry['errors'] = one.errors[:10]
        lists[one.outcome].append(entry)
    left = [one for one in outcomes if one.outcome in ('relayed', 'bounced', 'taken') and not one.recipients]
    partly = [one for one in outcomes if one.outcome == 'remaining' and one.recipients < one.message.recipients]
    stays = [one.message for one in outcomes if one not in left] if len(left) < len(outcomes) else []
    return dict(
        _counts(counts), **_left_out(plan_), selected=len(outcomes) + len(plan_.left_out), changed=bool(left or partly or counts['lost']),
        outcomes=dict((name, entries[:LISTED]) for name, entries in lists.items() if entries),
        truncated=any(len(entries) > LISTED for entries in lists.values()),
        reasons=dict(Counter(one.reason for one in outcomes if one.outcome == 'remaining')),
        canary=canary and {'id': canary.message.id, 'outcome': canary.outcome, 'reason': canary.reason, 'status': canary.status,
                           'stopped': stops(canary)},
        transcript=transcript.lines, diff=_diff(plan_.messages, stays), **about)


def _left_out(plan_):
    return {'left_out': [{'id': _text.printable(os.fsencode(one.id)), 'queue': one.queue, 'why': one.hazards[0][1]} for one in plan_.left_out[:LISTED]],
            'left_out_total': len(plan_.left_out)}


def _counts(counts):
    return dict((name, counts[name]) for name in OUTCOMES)


def _diff(before, after):
    """Counts and ids, never content."""
    def shown(messages):
        lines = []
        for queue in sorted(set(message.queue for message in before)):
            ids = [message.id for message in messages if message.queue == queue]
            lines.append('%s queue: %d waiting' % (queue, len(ids)))
            lines += ids[:100] + (['... and %d more' % (len(ids) - 100)] if len(ids) > 100 else [])
        return '\n'.join(lines) + '\n' if lines else ''
    return {'before': shown(before), 'after': shown(after)}


def complaint(outcomes, canary, about, fail_on_remaining, load, queue_la):
    """The sentence with which the module fails, or None: messages that were not tried are never passed over in silence."""
    untried = sum(one.outcome == 'untried' for one in outcomes)
    if untried:
        if stops(canary):
            return ('%d of %d messages were not tried: the oldest one, %s, could not leave the host (%s), so no other can. Mend that first, '
                    'or set canary to false to try each of them.' % (untried, len(outcomes), canary.message.id, canary.status))
        if about['stopped']:
            return '%d of %d messages were not tried before the timeout. Run it again, or give it more time.' % (untried, len(outcomes))
        if load and load[0] >= queue_la:
            return ('%d of %d messages were not tried: the load average is %.1f and QueueLA is %d, so Sendmail skips queue runs. '
                    'Wait, or set ignore_load to true.' % (untried, len(outcomes), load[0], queue_la))
        return '%d of %d messages were not tried. See transcript for what Sendmail said.' % (untried, len(outcomes))
    lost = sum(one.outcome == 'lost' for one in outcomes)
    if lost:
        return '%d messages were renamed to Qf by the run. See the log for "Losing" and mend the cause before they are renamed back.' % lost
    remaining = sum(one.outcome in ('remaining', 'quarantined') for one in outcomes)
    if fail_on_remaining and remaining:
        return '%d of %d messages remain in the queue; see outcomes.remaining for the reason of each.' % (remaining, len(outcomes))
    return None


def flush(params, check_mode, geteuid=os.geteuid):
    """The module's work: look, decide, run. C(params) as documented in sendmail_queue. Returns its result; raises SendmailError."""
    seconds, spread = _text.duration(params['timeout']), _text.duration(params['spread'])
    if params['parallel'] is not None and params['parallel'] < 1:
        raise _text.SendmailError('parallel is %d; it must be 1 or more.' % params['parallel'])
    if geteuid() != 0:
        raise _text.SendmailError('Only root can run a queue for everybody. Use become: true.')
    look = _look.look('services', params['queue'])
    if look.program['sendmail'] is None:
        raise _text.SendmailError('There is no Sendmail on this host%s.' % (
            '; the name belongs to %s' % look.program['other_mta'] if look.program['other_mta'] else ''))
    for error in look.errors:
        raise _text.SendmailError('The %s queue cannot be run: %s: %s.' % (error['queue'], error['path'], error['error']))
    selection = _selection.Selection(params['select'], look.now, ('queued',))
    if selection.states != {'queued'}:
        raise _text.SendmailError('select.states can only be queued here: a queue run passes over everything else.')
    messages = waiting(look, selection)
    decided = plan(look, messages, _hazards.places(look) if messages else (), params['parallel'], params['canary'], params['ignore_load'],
                   params['leave_out_endangered'])
    sentence = refuse(decided)
    if sentence:
        raise _text.SendmailError(sentence, refusals=decided.refusals, selected=len(messages))
    if check_mode or not decided.messages:
        return predict(decided)
    record = _ledger.Record(params['path']) if params['path'] else None
    queues = dict((message.id, message.queue) for message in decided.messages)

    def removed(identifier, failed):
        if record and identifier in queues:
            record.add(queues[identifier], identifier, 'bounced' if failed else 'relayed')
    time.sleep(random.uniform(0, spread))  # noqa: S311 - spreads load, keeps no secret
    outcomes, transcript, canary, about = apply(decided, seconds, removed)
    for one in outcomes if record else ():
        if one.outcome not in ('relayed', 'bounced'):
            record.add(one.message.queue, one.message.id, one.outcome, reason=one.reason, status=one.status)
    done = result(decided, outcomes, transcript, canary, about)
    queue_las = [look.settings[message.queue]['queue_la'] for message in messages[:1]]
    sentence = complaint(outcomes, canary, about, params['fail_on_remaining'], look.load, queue_las[0])
    if sentence:
        raise _text.SendmailError(sentence, **done)
    return done
