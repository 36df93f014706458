# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

# PRIVATE to the mailops.sendmail collection: it can change or go in any release.

"""Run a queue now, for the messages that are meant and no others, and say what became of each.

Look (C(waiting)), decide (C(plan), pure), run (C(apply)). What became of a message comes from comparing control files before and after;
an exit status of Sendmail says nothing (0 when everything was deferred, 67 when a bounce emptied the queue).
"""

import os
import re
import time
from collections import Counter
from typing import Any, Dict, List, NamedTuple, Optional

from ansible_collections.mailops.sendmail.plugins.module_utils import (
    _host, _observation, _process, _qf, _records, _selection, _spool, _text)

# Seconds to wait for a connection. Without it Sendmail waits as long as the kernel does, 134 seconds for each message.
CONNECT_SECONDS = {'msp': 10, 'mta': 30}
RUNNERS_MAX = 8
_CHUNK = 500               # ids on one command line
LISTED = 1000              # messages of each outcome that the result names; the counts are always whole
_TRANSCRIPT = 50           # lines
_ROUNDS = 3
OUTCOMES = ('relayed', 'bounced', 'remaining', 'quarantined', 'lost', 'taken', 'untried')

# While the oldest message waits for one of these, no other message can leave the host either.
HOST_REASONS = frozenset(('connection_refused', 'connection_timeout', 'no_route', 'relay_lookup', 'mta_disk_full'))

REMEDIES = {
    'directory': 'Put owner, group and mode right with mailops.sendmail.sendmail_permissions.',
    'file_system': 'Make room or mount it writable. A run that cannot rewrite a control file leaves an empty one that stops later runs.',
    'permissions': 'Put owner, group and mode right with mailops.sendmail.sendmail_permissions; a run would lose these messages or never open them.',
    'no_data': 'The body is gone. A run would deliver the headers with an empty body: save the control file, or leave the message out with select.',
    'temporary': 'A control file is being rewritten, or was left half written: a run waits 465 seconds for each. '
                 'When no process has the tf file open, remove it.',
    'damaged': 'A run would lose, drop or abort on these: repair the control file, or leave the message out with select.',
    'unreadable': 'Find out what they are and move them out of the queue directory.',
}


class Waiting(NamedTuple):
    """A message that is meant, as it was before the run."""

    queue: str
    directory: _spool.QueueDirectory
    id: str
    created: int
    attempts: int
    last_attempt: int
    recipients: int
    locked: bool
    hazards: List[Any]       # (kind, what is wrong)


class Plan(NamedTuple):
    """What is to be done. C(refusals) not empty: nothing is."""

    messages: List[Waiting]               # oldest first
    refusals: List[Dict[str, Any]]        # {kind, text, remedy, ids, messages}
    parallel: int
    canary: Optional[Waiting]
    commands: Dict[str, List[str]]        # by queue, without the ids
    relay_answers: Optional[bool]


class Outcome(NamedTuple):
    """What became of one message."""

    message: Waiting
    outcome: str                          # one of OUTCOMES
    recipients: int                       # left
    status: str
    reason: Optional[str]
    errors: List[str]                     # permanent errors that the run printed for it


def _may(about, uid, gid, bits):
    """Whether a user with one group may C(bits) (an octal digit) a file with this os.stat_result; root may everything."""
    shift = 6 if about.st_uid == uid else 3 if about.st_gid == gid else 0
    return uid == 0 or about.st_mode >> shift & bits == bits


def hazard_of_owner(about, directory, runner, settings):
    """What a queue runner does to a control file because of its owner and mode, as a sentence part, or None (readqf() in queue.c).

    C(about), C(directory): os.stat_result; C(runner): (uid, gid, trusted uid); C(settings): _cf.settings() of the queue.
    """
    uid, gid, trusted = runner
    shown = 'owner %d:%d, mode %04o' % (about.st_uid, about.st_gid, about.st_mode & 0o7777)
    group_writes = settings['queue_file_mode'] & 0o020
    if not _may(about, uid, gid, 6):
        return '%s: the runner cannot open it' % shown
    if about.st_mode & (0o002 if group_writes else 0o022):
        return '%s: others could have written it, so the runner loses it' % shown
    if uid and about.st_uid not in (uid, trusted) and not (
            about.st_gid == gid and group_writes and directory.st_mode & 0o020 and directory.st_gid == gid):
        return '%s, directory %d:%d %04o: the runner loses it' % (shown, directory.st_uid, directory.st_gid, directory.st_mode & 0o7777)
    return None


def runner(look, queue):
    """(uid, gid, trusted uid) that work on a queue. Raises SendmailError when the host does not know them."""
    if queue == 'mta':
        return 0, 0, 0
    settings = look.settings['msp']
    user = settings['run_as_user'] or look.at.layout.msp_user
    group = settings['run_as_group'] or look.at.layout.msp_group
    uid, gid = look.accounts[user]['uid'], look.accounts.get(group, {}).get('group')
    if uid is None or gid is None:
        raise _text.SendmailError('The user %s or the group %s, which the client queue is run as, does not exist. '
                                  'The role mailops.sendmail.sendmail_msp creates them.' % (user, group))
    return uid, gid, uid


def waiting(look, selection):
    """Read the messages that are meant, with everything a run would do to them by mistake. Returns a list of Waiting, oldest first."""
    found = []
    for queue, directories in look.at.queues.items():
        who = runner(look, queue)
        for directory in directories:
            one = _spool.Pass(directory, ('queued',), selection.needs_size, look.at.held or frozenset())
            try:
                with _spool.Opened(directory) as opened:
                    place = os.fstat(opened.control)
                    names = [entry.name for entry in _records.find(queue, one, selection, look.at.now)]
                    found.extend(_inspect(opened, place, queue, directory, name, who, look) for name in names)
            except OSError as error:
                raise _text.SendmailError('The queue directory %s cannot be read: %s.' % (directory.path, error.strerror))
    return sorted((message for message in found if message is not None), key=lambda message: (message.created, message.id))


def _inspect(opened, place, queue, directory, name, who, look):
    hazards = []
    identifier = name[2:]
    try:
        data, about = _spool.read_whole(opened.control, name)
    except FileNotFoundError:
        return None
    except (OSError, _text.SendmailError) as error:
        return Waiting(queue, directory, identifier, 0, 0, 0, 0, False, [('unreadable', '%s: %s' % (name, getattr(error, 'strerror', None) or error))])
    envelope = _qf.parse(data)
    locked = bool(look.at.held) and (about.st_dev, about.st_ino) in look.at.held
    if not _qf.IDENTIFIER.match(identifier):
        hazards.append(('unreadable', '%s: not a queue id' % _text.printable(os.fsencode(identifier))))
    wrong = hazard_of_owner(about, place, who, look.settings[queue])
    if wrong:
        hazards.append(('permissions', wrong))
    hazards.extend(('damaged', problem) for problem in envelope.problems)
    if not locked:
        try:
            body = os.stat('df' + identifier, dir_fd=opened.data, follow_symlinks=False)
            if not _may(body, who[0], who[1], 4):
                hazards.append(('permissions', 'the data file has owner %d:%d, mode %04o: the runner cannot read it'
                                % (body.st_uid, body.st_gid, body.st_mode & 0o7777)))
        except FileNotFoundError:
            hazards.append(('no_data', 'there is no data file'))
        try:
            os.stat('tf' + identifier, dir_fd=opened.control, follow_symlinks=False)
            hazards.append(('temporary', 'there is a tf file'))
        except FileNotFoundError:
            pass
    if hazards:
        # A runner that works on the message now passes through such states: it has gone, or is whole, when it is looked at again.
        try:
            if os.stat(name, dir_fd=opened.control, follow_symlinks=False).st_ino != about.st_ino:
                return _inspect(opened, place, queue, directory, name, who, look)
        except FileNotFoundError:
            return None
    return Waiting(queue, directory, identifier, envelope.created or 0, envelope.attempts, envelope.last_attempt,
                   len(envelope.recipients), locked, hazards)


def _places(look):
    """What is wrong with the queue directories themselves: a list of (kind, text)."""
    found = []
    for queue, directories in look.at.queues.items():
        uid, gid, _trusted = runner(look, queue)
        for directory in directories:
            for path in sorted({directory.path, directory.control, directory.data}):
                about = os.stat(path)
                if not _may(about, uid, gid, 7):
                    found.append(('directory', '%s has owner %d:%d, mode %04o: the runner (%d:%d) cannot work in it'
                                  % (path, about.st_uid, about.st_gid, about.st_mode & 0o7777, uid, gid)))
            room = _host.filesystem(directory.control)
            least = look.settings[queue]['min_free_blocks']
            if room['read_only']:
                found.append(('file_system', '%s is on a read-only file system' % directory.control))
            elif room['blocks_free'] is not None and room['blocks_free'] < max(1, least):
                found.append(('file_system', '%s has %d free blocks, fewer than MinFreeBlocks (%d)' % (directory.control, room['blocks_free'], least)))
            elif room['inodes'] and not room['inodes_free']:
                found.append(('file_system', '%s has no free inodes' % directory.control))
    return found


def plan(look, messages, places=(), parallel=None, canary=True, ignore_load=False):
    """Decide, from what was looked at. Pure: C(messages) from L(waiting), C(places) from L(_places). Returns Plan."""
    kinds = {}
    for kind, text in places:
        kinds.setdefault(kind, []).append((text, None))
    for message in messages:
        for kind, text in message.hazards:
            kinds.setdefault(kind, []).append((text, message.id))
    refusals = []
    for kind in REMEDIES:
        if kind in kinds:
            ids = sorted(set(identifier for _text_, identifier in kinds[kind] if identifier))
            refusals.append({'kind': kind, 'text': kinds[kind][0][0], 'remedy': REMEDIES[kind], 'ids': ids[:10], 'messages': len(ids)})
    throttles = [look.settings[queue]['connection_rate_throttle'] for queue in ('mta',) if queue in look.settings]
    # Eight runners are about six times as fast as one, and more are not; a throttled MTA refuses connections beyond its rate.
    most = min([RUNNERS_MAX, 4 * look.cpus] + [max(1, throttle // 2) for throttle in throttles if throttle])
    free = [message for message in messages if not message.locked and message.queue == 'msp']
    commands = {}
    for queue in set(message.queue for message in messages):
        options = ['Timeout.connect=%ds' % CONNECT_SECONDS[queue], 'Timeout.iconnect=%ds' % CONNECT_SECONDS[queue],
                   'Timeout.hoststatus=30m', 'MinQueueAge=0'] + (['QueueLA=9999'] if ignore_load else [])
        # Not -v: it makes the MTA deliver each message before it answers. Without it permanent errors are still printed, and
        # -d40.1 names the message they belong to.
        commands[queue] = [look.program['sendmail'], '-A' + ('c' if queue == 'msp' else 'm'), '-qf', '-d40.1']
        for option in options:
            commands[queue] += ['-O', option]
    return Plan(messages, refusals, parallel or max(1, min(most, len(messages) // 4)), free[0] if canary and len(messages) > 1 and free else None,
                commands, look.greeting and look.greeting['answered'])


class Transcript:
    """What the runners print: which messages they took up, and the permanent errors of each."""

    _TAKEN_UP = re.compile(rb'dowork\(.*/([0-9A-Za-z]+)\)')
    _NOISE = re.compile(rb'[ \t]|queueing |>>>>> |<<<<< |$')

    def __init__(self):
        self.current = {}
        self.taken_up = set()
        self.errors = {}
        self.lines = []

    def take(self, key, line):
        """One line of the runner C(key)."""
        found = self._TAKEN_UP.match(line)
        if found:
            self.current[key] = found.group(1).decode('ascii')
            self.taken_up.add(self.current[key])
        elif not self._NOISE.match(line):
            text = _text.printable(line[:200])
            if len(self.lines) < _TRANSCRIPT:
                self.lines.append(text)
            if b'... ' in line and key in self.current:
                self.errors.setdefault(self.current[key], []).append(text)


def apply(plan_, seconds):
    """Run the plan within C(seconds). Returns (list of Outcome, Transcript, canary's Outcome or None, {runners, seconds, stopped})."""
    start, started = time.monotonic(), int(time.time())
    deadline = start + seconds
    transcript = Transcript()
    canary, ended = None, []
    rest = plan_.messages
    if plan_.canary:
        ended += _run(plan_, [plan_.canary], 1, deadline, transcript)
        canary = _outcome(plan_.canary, transcript, started)
        rest = [message for message in rest if message is not plan_.canary]
        if canary.outcome == 'remaining' and canary.reason in HOST_REASONS:
            rest = [message for message in rest if message.queue != 'msp']
    # A message that another runner had open when ours came to it is passed over once; only those are run again.
    for dummy in range(_ROUNDS):
        if not rest or time.monotonic() >= deadline:
            break
        ended += _run(plan_, rest, plan_.parallel, deadline, transcript)
        rest = [message for message in rest if _outcome(message, transcript, started).outcome == 'untried']
        if rest:
            time.sleep(0.5)
    broken = [one.error for one in ended if one.error]
    if broken:
        raise _text.SendmailError('Sendmail cannot be started: %s.' % broken[0])
    about = {'runners': len(ended), 'seconds': round(time.monotonic() - start, 1), 'stopped': any(one.stopped for one in ended)}
    return [_outcome(message, transcript, started) for message in plan_.messages], transcript, canary, about


def _run(plan_, messages, parallel, deadline, transcript):
    commands = []
    for queue, command in sorted(plan_.commands.items()):
        ids = [message.id for message in messages if message.queue == queue]
        # Dealt out in turn, so that every runner has its share of old and of new ones and no two want the same.
        for start in range(min(parallel, len(ids))):
            share = ids[start::parallel]
            commands += [(len(commands), command + ['-qI' + identifier for identifier in part])
                         for part in (share[at:at + _CHUNK] for at in range(0, len(share), _CHUNK))]
    commands = [((id(messages), number), argv) for number, argv in commands]
    return _process.run_all(commands, parallel, deadline, transcript.take)


def _outcome(message, transcript, started):
    """Compare one message with what it was."""
    errors = transcript.errors.get(message.id, [])
    with _spool.Opened(message.directory) as opened:
        try:
            data, about = _spool.read_whole(opened.control, 'qf' + message.id)
        except FileNotFoundError:
            for prefix, outcome in (('Qf', 'lost'), ('hf', 'quarantined')):
                try:
                    os.stat(prefix + message.id, dir_fd=opened.control, follow_symlinks=False)
                    return Outcome(message, outcome, message.recipients, '', None, errors)
                except FileNotFoundError:
                    pass
            outcome = 'taken' if message.id not in transcript.taken_up else 'bounced' if errors else 'relayed'
            return Outcome(message, outcome, 0, '', None, errors)
        except (OSError, _text.SendmailError):
            return Outcome(message, 'untried', message.recipients, '', None, errors)
    envelope = _qf.parse(data)
    row = _qf.head_of(envelope)
    status = _qf.status_of(row)
    tried = envelope.attempts > message.attempts or envelope.last_attempt > message.last_attempt or envelope.last_attempt >= started
    outcome = 'remaining' if tried else 'untried'
    if not tried and (message.locked or _locked(about)):
        outcome = 'taken'
    return Outcome(message, outcome, len(envelope.recipients), _text.printable(envelope.status or status), _qf.reason(status, envelope.attempts), errors)


def _locked(about):
    return (os.major(about.st_dev), os.minor(about.st_dev), about.st_ino) in (_host.locks() or ())


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
    leaves = bool(count) and (plan_.relay_answers or any(message.queue == 'mta' for message in plan_.messages))
    return dict(_counts(Counter()), selected=count, changed=bool(leaves), would_try=count, relay_answers=plan_.relay_answers,
                diff=_diff(plan_.messages, [] if leaves else plan_.messages))


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
        _counts(counts), selected=len(outcomes), changed=bool(left or partly or counts['lost']),
        outcomes=dict((name, entries[:LISTED]) for name, entries in lists.items() if entries),
        truncated=any(len(entries) > LISTED for entries in lists.values()),
        reasons=dict(Counter(one.reason for one in outcomes if one.outcome == 'remaining')),
        canary=canary and {'id': canary.message.id, 'outcome': canary.outcome, 'reason': canary.reason, 'status': canary.status,
                           'stopped': canary.outcome == 'remaining' and canary.reason in HOST_REASONS},
        transcript=transcript.lines, diff=_diff(plan_.messages, stays), **about)


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
        if canary and canary.outcome == 'remaining' and canary.reason in HOST_REASONS:
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
    seconds = _text.duration(params['timeout'])
    if params['parallel'] is not None and params['parallel'] < 1:
        raise _text.SendmailError('parallel is %d; it must be 1 or more.' % params['parallel'])
    if geteuid() != 0:
        raise _text.SendmailError('Only root can run a queue for everybody. Use become: true.')
    look = _observation.observe(params['queue'])
    if look.program['sendmail'] is None:
        raise _text.SendmailError('There is no Sendmail on this host%s.' % (
            '; the name belongs to %s' % look.program['other_mta'] if look.program['other_mta'] else ''))
    for error in look.at.errors:
        raise _text.SendmailError('The %s queue cannot be run: %s: %s.' % (error['queue'], error['path'], error['error']))
    selection = _selection.Selection(params['select'], look.at.now, ('queued',))
    if selection.states != {'queued'}:
        raise _text.SendmailError('select.states can only be queued here: a queue run passes over everything else.')
    messages = waiting(look, selection)
    decided = plan(look, messages, _places(look) if messages else (), params['parallel'], params['canary'], params['ignore_load'])
    sentence = refuse(decided)
    if sentence:
        raise _text.SendmailError(sentence, refusals=decided.refusals, selected=len(messages))
    if check_mode or not messages:
        return predict(decided)
    outcomes, transcript, canary, about = apply(decided, seconds)
    done = result(decided, outcomes, transcript, canary, about)
    queue_las = [look.settings[message.queue]['queue_la'] for message in messages[:1]]
    sentence = complaint(outcomes, canary, about, params['fail_on_remaining'], look.load, queue_las[0])
    if sentence:
        raise _text.SendmailError(sentence, **done)
    return done
