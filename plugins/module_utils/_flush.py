# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Run a queue now, for the messages that are meant and no others, and say what became of each.

Look (L(waiting)), decide (C(plan), pure), run (C(apply)). What became of a message comes from comparing control files before and after;
an exit status of Sendmail says nothing (0 when everything was deferred, 67 when a bounce emptied the queue). Whether it left by our hands,
and whether as a bounce, comes from what Sendmail prints when it removes a message (dropenvelope() in envelope.c, -d50.8).
"""

import contextlib
import errno
import os
import random
import re
import time
from collections import Counter
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import (
    _acceptance, _fates, _hazards, _identity, _look, _phrases, _process, _qf, _reach, _records, _selection, _services, _spool, _system, _text)

# Seconds to wait for a connection. Without it Sendmail waits as long as the kernel does, 134 seconds for each message.
CONNECT_SECONDS = {'msp': 10, 'mta': 30}
# Seconds for each answer of the other side, so that a silent one is bounded: as much as RFC 5321 4.5.3.2 asks for behind the data, where to
# give up could deliver twice, and less before it, where nothing has been handed over yet. Names that 8.12 to 8.18 know (readcf.c).
ANSWER_SECONDS = (('initial', 120), ('helo', 120), ('mail', 120), ('rcpt', 120), ('datainit', 120), ('datablock', 180), ('datafinal', 600),
                  ('rset', 30), ('quit', 10), ('misc', 60), ('command', 120), ('lhlo', 120))
# How long what is in progress at the deadline is waited for; by then each of these time-outs has ended it.
PATIENCE = 1200
BITS_64 = '64 bits'          # a feature that none of those which Sendmail names is called
RUNNERS_MAX = 8
PARALLEL_MAX = 100         # of those who ask for more: each is a process, a pipe and a connection
CANARIES = 3
# Ids on one command line, so that a runner ends by itself soon after the deadline. Those with more recipients than one have to be waited for.
_SHARE, _SHARE_OF_MANY = 50, 10
LISTED = 1000              # messages of each outcome that the result names; the counts are always whole
_TRANSCRIPT = 50           # lines
_ERRORS = 10               # lines kept of what was printed about one message
_STATUS = 300              # bytes
OUTCOMES = ('relayed', 'bounced', 'remaining', 'quarantined', 'lost', 'taken', 'untried')

# While the oldest message waits for one of these, no other message can leave the host either.
HOST_REASONS = frozenset((
    'connection_refused', 'connection_timeout', 'connection_lost', 'no_route', 'not_permitted', 'relay_lookup', 'tls', 'auth', 'limit',
    'mta_disk_full', 'mta_queue', 'milter', 'resources'))

REMEDIES = {
    'relay': 'A run would return mail to its senders or hand it to a stranger. Fix who answers there, or what submit.cf names.',
    'recipients': 'A run would return mail to its senders. Let the relay take mail from this host, leave these messages out with select, '
                  'or set canary to false to try each.',
    'directory': 'Put owner, group and mode right with mailops.sendmail.sendmail_permissions.',
    'file_system': 'Make room or mount it writable. A run that cannot rewrite a control file leaves an empty one that stops later runs.',
    'permissions': 'Put owner, group and mode right with mailops.sendmail.sendmail_permissions; a run would lose these messages or never open them.',
    'no_data': 'A run would deliver the headers with an empty body: '
               'move the message into an archive with mailops.sendmail.sendmail_message, or leave it out with select.',
    'temporary': 'A control file is being rewritten, or was left half written: a run waits 465 seconds for each. '
                 'mailops.sendmail.sendmail_debris with "kinds: [temporary]" and "older_than: 1m" moves it away where no process has it open.',
    'damaged': 'A run would lose, drop or abort on these: repair the control file, move the message into an archive with '
               'mailops.sendmail.sendmail_message, or leave it out with select.',
    'unreadable': 'Find out what they are and move them out of the queue directory.',
}


class Plan(NamedTuple):
    """What is to be done. C(refusals) not empty: nothing is."""

    messages: List[_hazards.Waiting]               # oldest first
    refusals: List[Dict[str, Any]]        # {kind, text, remedy, ids, messages, young}
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


def plan(look, messages, places=(), parallel=None, canary=True, ignore_load=False, leave_out=False, features=(), way=None):
    """Decide, from what was looked at. Pure: C(messages) from L(waiting), C(places) from _hazards.places(). Returns Plan.

    C(leave_out): messages with a hazard of their own are not run, instead of being a reason to run none. C(way): what L(door) found.
    """
    kinds, old = {}, set()
    answers, wrong = way or (look.greeting and look.greeting['answered'], None)
    left_out = tuple(message for message in messages if leave_out and message.hazards)
    messages = [message for message in messages if not (leave_out and message.hazards)]
    found = list(places) + ([('relay', wrong)] if wrong and any(message.queue == 'msp' for message in messages) else [])
    found += [('recipients', text) for text in _reach.denies(look)]
    for kind, text in found:
        kinds.setdefault(kind, []).append((text, None))
    for message in messages:
        for kind, text, *code in message.hazards:
            kinds.setdefault(kind, []).append((text, message.id))
            old.update([kind] if code != ['young'] else [])
    refusals = []
    for kind, remedy in REMEDIES.items():
        if kind in kinds:
            ids = sorted(set(_text.printable(os.fsencode(identifier)) for _text_, identifier in kinds[kind] if identifier))
            refusals.append({'kind': kind, 'text': kinds[kind][0][0], 'remedy': remedy, 'ids': ids[:10],
                             'messages': len(ids), 'young': bool(ids) and kind not in old})
    # Eight runners are about six times as fast as one, and more are not. An MTA accepts no more than so many connections a second or at a
    # time, and refuses everybody's when it has reached that.
    limits = [look.settings.get('mta', {}).get(name) for name in ('connection_rate_throttle', 'max_daemon_children')]
    most = min([RUNNERS_MAX, 4 * look.cpus] + [max(1, limit // 2) for limit in limits if limit])
    free = [message for message in messages if not message.locked and message.queue == 'msp']
    places_run = set((message.queue, message.directory.group) for message in messages)
    if any(look.settings.get(queue, {}).get('single_thread') for queue, _group in places_run):
        parallel = 1     # one process at a time talks to a host, and another one defers all its messages at once
    return Plan(messages, refusals, parallel or max(1, min(most, len(messages) // 4)), free[0] if canary and len(messages) > 1 and free else None,
                dict((place, _command(look.program['sendmail'], place, ignore_load, features, look.settings.get(place[0], {}))) for place in places_run),
                answers, left_out)


def door(look: _look.Look) -> Tuple[Optional[bool], Optional[str]]:
    """Who would take the mail of the client queue: (whether somebody greets, what is wrong with them as a sentence part or None).

    The look has asked the first relay that takes a connection who it is and whether it takes mail from this host. Nobody there is no harm:
    the messages stay, and the canary stops the run. A hub elsewhere is whoever takes mail there, and so is another mail server of this host.
    """
    if not look.relay:
        return None, None
    greeting, where = look.greeting or {}, _reach.where(look)
    if (greeting.get('code') or 0) >= 500:
        return False, '%s refuses this host: %s' % (where, greeting['text'])
    if not greeting.get('answered'):
        return False, None
    if greeting.get('refusal'):
        return True, '%s takes no mail from this host: %s' % (where, greeting['refusal'])
    wrong = list(_reach.comes_back(look)) + _reach.swallowed(look)
    if wrong:
        return True, str(wrong[0]).rstrip('.')
    if look.relay['answers'] != 'stranger':
        return True, None
    return True, '%s, where the MTA of this host should answer, is %s, which is not a known mail server' % (
        where, '%(name)s (process %(pid)s)' % look.relay['listener'] if look.relay['listener'] else 'another program')


def _command(program, place, ignore_load, features, settings):
    """The command line for one queue group, without the ids. C(features): what this Sendmail is built with, of L(features_of); C(settings): its
    configuration's. What old releases do not know is given only where that has it: MaxQueueAge (8.15), time-outs of bounces.

    Not C(-v): it makes the MTA deliver each message before it answers. Without it permanent errors are still printed, and C(-d50.8)
    tells which message each belongs to and what becomes of it (no headers, no body). C(-qG) even where there is one group: as soon as there
    are two, a run of all goes into the background and prints nothing.
    """
    queue, group = place
    wait = CONNECT_SECONDS[queue]
    # So many days reach back to before 1970, for files without a time. Added to the time of a message they are beyond what 32 bits can hold, which
    # is long ago (dropenvelope() in envelope.c).
    never = '%dd' % (24000 if BITS_64 in features else max(1, (0x7fffffff - time.time()) // 86400 // 2))
    options = [
        'Timeout.connect=%ds' % wait, 'Timeout.iconnect=%ds' % wait,
        # Each message asks anew. From what a process remembers of a host a message gets a bare "Deferred", which takes the place of its reason.
        'Timeout.hoststatus=0s',
        # Who rescues a queue after a long time wants its mail delivered, not returned for its age at the first failure. The next
        # ordinary queue run decides about that, and sends the warnings: one would take the place of the reason in the status.
        'Timeout.queuereturn=' + never, 'Timeout.queuewarn=0',
        'MinQueueAge=0', 'MaxQueueRunSize=0',
        # One process, so that what it prints is one story.
        'MaxQueueChildren=1', 'ForkEachJob=False'] + (['QueueLA=9999'] if ignore_load else []) + (['MaxQueueAge=0'] if settings.get('max_queue_age') else [])
    # The time-outs that the plain ones do not cover (settimeout() in readcf.c): of mail with Precedence bulk, list or junk, and of bounces.
    options += ['Timeout.%s=%s' % (name, '0' if 'warn' in name else never) for name in settings.get('timeout_classes', ())]
    options += ['Timeout.%s=%ds' % one for one in ANSWER_SECONDS]
    # Others than these two are known to every build; an unknown one ends Sendmail.
    options += ['Timeout.%s=120s' % name for name, feature in (('starttls', 'STARTTLS'), ('auth', 'SASLv2')) if feature in features]
    command = [program, '-A' + ('c' if queue == 'msp' else 'm'), '-qf', '-qG' + group, '-d50.8']
    for option in options:
        command += ['-O', option]
    return command


def features_of(program: str) -> List[str]:
    """What a Sendmail was compiled with (STARTTLS, SASLv2 ...), as it says itself; nothing where it does not within ten seconds. And BITS_64."""
    words: List[str] = []
    _process.run_all([(0, [program, '-d0.1', '-bt'])], 1, time.monotonic() + 10, lambda _key, line: words.extend(line.decode('latin-1').split()))
    with contextlib.suppress(OSError), open(program, 'rb') as stream:
        words += [BITS_64] * (stream.read(5) == b'\x7fELF\2')
    return words


class Transcript:
    """What the runners print: which messages they worked on, which of those they removed and how, and the permanent errors of each.

    A line counts by its exact form and by an id of C(wanted), those that were given to a runner: an address or a reply of another host can
    look like one in part, and what Sendmail prints of either has something in front of it or behind it.
    """

    _FLAGS = rb'[0-9a-f]+<[A-Z0-9_,]*>\Z'
    _WORKED_ON = re.compile(rb'dropenvelope 0x[0-9a-f]+: id=([0-9A-Za-z]+), flags=' + _FLAGS)
    # Removed although a recipient is left (queueit=1) means returned for its age.
    _REMOVED = re.compile(rb'===== Dropping queue files for ([0-9A-Za-z]+)\.\.\. queueit=([01]), e_flags=(' + _FLAGS + rb')')
    _NOISE = re.compile(rb'[ \t]|dropenvelope|failure_return=|Q=\S+ R=|$')

    def __init__(self, removed=None, wanted=None):
        self.worked_on = set()
        self.removed = {}         # id: whether with a permanent error
        self._tell = removed      # called with (id, whether with a permanent error) as it happens
        self._wanted = wanted     # None for any
        self.errors = {}
        self.lines = []
        self.broken = None        # why Sendmail could not be started
        self._pending = {}

    def _meant(self, match):
        identifier = match.group(1).decode('ascii') if match else None
        return identifier if self._wanted is None or identifier in self._wanted else None

    def take(self, key, line):
        """One line of the runner C(key). Errors are printed before the line that names the message."""
        identifier = self._meant(self._WORKED_ON.match(line))
        if identifier:
            self.worked_on.add(identifier)
            if self._pending.get(key):
                self.errors[identifier] = (self.errors.get(identifier, []) + self._pending.pop(key))[:_ERRORS]
            return
        found = self._REMOVED.match(line)
        identifier = self._meant(found)
        if found and identifier:
            failed = found.group(2) == b'1' or b'FATALERRS' in found.group(3)
            self.removed[identifier] = failed
            if self._tell:
                self._tell(identifier, failed)
        elif not found and not self._NOISE.match(line):
            text = _text.printable(line[:200])
            if len(self.lines) < _TRANSCRIPT:
                self.lines.append(text)
            pending = self._pending.setdefault(key, [])
            if b'... ' in line and len(pending) < _ERRORS:
                pending.append(text)


def apply(plan_, seconds, removed=None, more=lambda: True):
    """Run the plan within C(seconds). Returns (list of Outcome, Transcript, canary's Outcome or None, {runners, seconds, stopped}).

    C(removed(id, failed)) is called for each message as soon as Sendmail says that it has removed it; no further runner is started when
    C(more()) is false.
    """
    start = time.monotonic()
    deadline = start + seconds
    # What is said of an id that two messages have is said of neither.
    ids = Counter(message.id for message in plan_.messages)
    transcript = Transcript(removed, frozenset(identifier for identifier in ids if ids[identifier] == 1))
    canary, ended = None, []
    rest = plan_.messages
    done: Dict[int, Any] = dict((id(message), None) for message in plan_.messages)
    if plan_.canary:
        canary, rest, ended = _canaries(plan_, deadline, transcript, done, more)
    idle = 0
    while rest and idle < 2 and time.monotonic() < deadline and more():
        ended += _run(plan_, rest, plan_.parallel, deadline, transcript, more)
        done.update((id(one.message), one) for one in _outcomes(rest, transcript))
        # Somebody who lists the queue makes a runner pass over a message, and a queue group may limit the messages of one run.
        untried = [message for message in rest if done[id(message)].outcome == 'untried']
        idle = idle + 1 if len(untried) == len(rest) else 0
        rest = untried
        if idle == 1:
            time.sleep(max(0.0, min(_hazards.SETTLE, deadline - time.monotonic())))
    left = [message for message in plan_.messages if done[id(message)] is None]
    done.update((id(one.message), one) for one in _outcomes(left, transcript))
    transcript.broken = next((one.error for one in ended if one.error), None)
    if transcript.broken and all(one.outcome == 'untried' for one in done.values()):
        raise _text.SendmailError('Sendmail cannot be started: %s.' % transcript.broken)
    now = time.monotonic()
    about = {'runners': len(ended), 'seconds': round(now - start, 1),
             'stopped': any(one.stopped for one in ended) or bool(rest) and now >= deadline}
    return [done[id(message)] for message in plan_.messages], transcript, canary, about


def _canaries(plan_, deadline, transcript, done, more):
    """Try the oldest message alone, and the next ones while each is returned as undeliverable. Returns (Outcome that decides, rest, Ended list).

    An unknown recipient is a matter of that message; a server that knows none at all is broken, and three in a row say so.
    """
    ended, rest, tried = [], plan_.messages, []
    candidates = [plan_.canary] + [message for message in plan_.messages
                                   if message.queue == 'msp' and not message.locked and message is not plan_.canary]
    canary: Any = None
    for candidate in candidates[:CANARIES]:
        ended += _run(plan_, [candidate], 1, deadline, transcript, more)
        canary = _outcomes([candidate], transcript)[0]
        done[id(candidate)] = canary
        tried.append(canary)
        if canary.outcome != 'untried':
            rest = [message for message in rest if message is not candidate]
        if canary.outcome != 'bounced' or stops(canary) or time.monotonic() >= deadline:
            break
    if len(tried) == CANARIES and all(one.outcome == 'bounced' for one in tried) and any(message.queue == 'msp' for message in rest):
        canary = canary._replace(reason=ALL_RETURNED)
    if stops(canary):
        rest = [message for message in rest if message.queue != 'msp']
    return canary, rest, ended


ALL_RETURNED = 'all_returned'
# What Sendmail says of a recipient that the other side does not know (550, 551, 553: EX_NOUSER); other refusals are about the host.
_OF_A_RECIPIENT = re.compile(r'\.\.\. (?:User unknown|.*[ :]5\.1\.\d)')


def stops(canary):
    """Whether this outcome of the first message says that no other can leave either, or that all would be returned."""
    if canary is None:
        return False
    if canary.outcome == 'bounced':
        # Nothing is printed of a refusal that is about more than a recipient.
        return canary.reason == ALL_RETURNED or not canary.errors or not all(_OF_A_RECIPIENT.search(one) for one in canary.errors)
    return canary.outcome == 'remaining' and canary.reason in HOST_REASONS


_BEFORE_DATA = re.compile(rb'[ /]([0-9A-Za-z]{8}[0-9]{5,10}) [^ \0]+: client (?:greeting|EHLO|HELO|LHLO|MAIL|RCPT)[ \0]*\Z')


def _harmless(messages):
    """What says of a runner's title (sm_setproctitle() in usersmtp.c) that a kill at this moment loses and doubles nothing.

    Nothing of the message has been handed over, and nothing was handed over before: it has one recipient. No control file is being
    written: that takes a tf file. A runner that still shows how it was called has not begun (run_work_group() renames it).
    """
    one = dict((message.id.encode('ascii', 'replace'), message) for message in messages if message.recipients == 1)

    def judge(title):
        if b'\0-qI' in title:
            return True
        found = _BEFORE_DATA.search(title)
        message = one.get(found.group(1)) if found else None
        return message is not None and not os.path.lexists(os.path.join(message.directory.control, 'tf' + message.id))
    return judge


def _run(plan_, messages, parallel, deadline, transcript, more=lambda: True):
    commands = []
    for place, command in sorted(plan_.commands.items()):
        meant = [message for message in messages if (message.queue, message.directory.group) == place]
        for size, ids in ((_SHARE, [one.id for one in meant if one.recipients == 1]), (_SHARE_OF_MANY, [one.id for one in meant if one.recipients != 1])):
            # Dealt out in turn, so that every runner has its share of old and of new ones and no two want the same.
            shares = max(min(parallel, len(ids)), -(-len(ids) // size))
            commands += [command + ['-qI' + identifier for identifier in ids[start::shares]] for start in range(shares)]
    return _process.run_all(list(enumerate(commands)), parallel, deadline, transcript.take, more, _harmless(messages), PATIENCE)


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
                    opened = None
                directory = message.directory
                try:
                    opened = _spool.Opened(directory).__enter__()
                except OSError:
                    pass   # what the runners have said is known all the same
            found.append(_outcome(opened, message, transcript, held) if opened else _as_said(message, transcript, 'untried'))
    finally:
        if opened is not None:
            opened.__exit__()
    return found


def _as_said(message, transcript, otherwise):
    """The outcome of a message whose control file is not there, from what was printed."""
    failed = transcript.removed.get(message.id)
    outcome = otherwise if failed is None else 'bounced' if failed else 'relayed'
    return Outcome(message, outcome, message.recipients if outcome == 'untried' else 0, '', None, transcript.errors.get(message.id, []))


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
            except OSError:
                return _as_said(message, transcript, 'untried')
        return _as_said(message, transcript, 'taken')
    except (OSError, _text.SendmailError):
        return Outcome(message, 'untried', message.recipients, '', None, errors)
    envelope = _qf.parse(data)
    row = _qf.head_of(envelope)
    status = _qf.status_of(row)
    if message.id in transcript.worked_on or (envelope.attempts, envelope.last_attempt) != (message.attempts, message.last_attempt):
        outcome = 'remaining'
    else:
        outcome = 'taken' if message.locked or (about.st_dev, about.st_ino) in held else 'untried'
    return Outcome(message, outcome, len(envelope.recipients), _text.printable((envelope.status or status)[:_STATUS]),
                   _phrases.reason(status, envelope.attempts), errors)


SPLIT = 'the run has split it, or another one of the same second, for its queue group, and the rest waits under other ids'


def _unsplit(look, outcomes):
    """The outcomes, but gone is no message whose rest waits: L(_fates.rest)."""
    rest = _fates.rest(look, look.now)
    return [one._replace(outcome='untried', recipients=one.message.recipients, status=SPLIT)
            if one.outcome in ('relayed', 'bounced') and (one.message.queue, one.message.created) in rest else one for one in outcomes]


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
        if len(lists[one.outcome]) == LISTED:
            continue
        entry = {'id': _text.printable(os.fsencode(one.message.id)), 'queue': one.message.queue}
        if one.outcome in ('remaining', 'untried'):
            entry.update(status=one.status, reason=one.reason, recipients=one.recipients, recipients_done=one.message.recipients - one.recipients)
        if one.errors:
            entry['errors'] = one.errors[:10]
        lists[one.outcome].append(entry)
    stays = [one.message for one in outcomes if one.recipients or one.outcome not in ('relayed', 'bounced', 'taken')]
    partly = any(one.outcome == 'remaining' and one.recipients < one.message.recipients or one.status == SPLIT for one in outcomes)
    return dict(
        _counts(counts), **_left_out(plan_), selected=len(outcomes) + len(plan_.left_out), changed=len(stays) < len(outcomes) or partly or counts['lost'] > 0,
        outcomes=dict((name, entries) for name, entries in lists.items() if entries), truncated=max(counts.values(), default=0) > LISTED,
        reasons=dict(Counter(one.reason for one in outcomes if one.outcome == 'remaining')),
        canary=canary and {'id': _text.printable(os.fsencode(canary.message.id)), 'outcome': canary.outcome, 'reason': canary.reason, 'status': canary.status,
                           'stopped': stops(canary)},
        transcript=transcript.lines, diff=_diff(plan_.messages, stays), **about)


def _left_out(plan_):
    return {'left_out': [{'id': _text.printable(os.fsencode(one.id)), 'queue': one.queue, 'kind': one.hazards[0][0], 'why': one.hazards[0][1],
                          'young': one.hazards[0][2:] == ('young',)} for one in plan_.left_out[:LISTED]],
            'left_out_total': len(plan_.left_out)}


def _counts(counts):
    return dict((name, counts[name]) for name in OUTCOMES)


def _diff(before, after):
    """Counts and ids, never content."""
    def shown(messages):
        lines = []
        for queue in sorted(set(message.queue for message in before)):
            ids = [_text.printable(os.fsencode(message.id)) for message in messages if message.queue == queue]
            lines.append('%s queue: %d waiting' % (queue, len(ids)))
            lines += ids[:100] + (['... and %d more' % (len(ids) - 100)] if len(ids) > 100 else [])
        return '\n'.join(lines) + '\n' if lines else ''
    return {'before': shown(before), 'after': shown(after)}


def complaint(outcomes, canary, about, fail_on_remaining, load, queue_la, said=''):
    """The sentence with which the module fails, or None: messages that were not tried are never passed over in silence. C(said) by Sendmail, where it
    worked on none."""
    untried = sum(one.outcome == 'untried' for one in outcomes)
    if untried:
        were = _text.count(untried, 'message', ('was', 'were'), len(outcomes))
        if stops(canary) and canary.outcome == 'bounced':
            return ('%s not tried: %s (%s). Fix what refuses them, or set canary to false to try each of them.'
                    % (were, 'the oldest ones were all returned to their senders' if canary.reason == ALL_RETURNED
                       else 'the oldest one, %s, was returned to its sender' % canary.message.id,
                       '; '.join(canary.errors[:2]) or 'the log says why'))
        if stops(canary):
            return ('%s not tried: the oldest one, %s, could not leave the host (%s), so no other can. Fix that first, '
                    'or set canary to false to try each of them.' % (were, canary.message.id, canary.status))
        if any(one.status == SPLIT for one in outcomes):
            return '%s not tried whole: %s. Run it again.' % (were, SPLIT)
        if about['stopped']:
            return '%s not tried before the timeout. Run it again, or give it more time.' % were
        if load and load[0] >= queue_la:
            return ('%s not tried: the load average is %.1f and QueueLA is %d, so Sendmail skips queue runs. '
                    'Wait, or set ignore_load to true.' % (were, load[0], queue_la))
        return '%s not tried. %s' % (were, 'Sendmail said: %s' % said if said else 'See transcript for what Sendmail said.')
    lost = sum(one.outcome == 'lost' for one in outcomes)
    if lost:
        return ('%s renamed to Qf by the run. See the log for "Losing", fix the cause, then return %s with mailops.sendmail.sendmail_message and '
                '"state: queued".' % (_text.count(lost, 'message', ('was', 'were')), 'it' if lost == 1 else 'them'))
    remaining = sum(one.outcome in ('remaining', 'quarantined') for one in outcomes)
    if fail_on_remaining and remaining:
        return '%s in the queue; see outcomes.remaining for the reason of each.' % (
            _text.count(remaining, 'message', ('remains', 'remain'), len(outcomes)))
    return None


_UNNAMED = getattr(os, 'O_TMPFILE', 0)      # Linux


def full(look):
    """The queue directories that take no block from their runner, as with a quota, as of L(_hazards.places). Asked with files that have no name, which
    NFS does not know."""
    found = []
    for queue, directories in look.directories.items() if _UNNAMED else ():
        for directory in directories:
            try:
                with _identity.acting(_identity.Identity(*_hazards.runner(look, queue)[:2])), _spool.Opened(directory) as opened:
                    descriptor = os.open('.', os.O_WRONLY | _UNNAMED | os.O_CLOEXEC, 0o600, dir_fd=opened.control)
                    try:
                        os.write(descriptor, b'\0' * 4096)
                    finally:
                        os.close(descriptor)
            except OSError as error:
                if error.errno in (errno.EDQUOT, errno.ENOSPC, errno.EIO):
                    found.append(('file_system', '%s takes nothing from its runner: %s' % (directory.control, error.strerror)))
    return found


def _found(queue, selection):
    """(Look, messages that are meant). Raises SendmailError where nothing can be run."""
    look = _look.look('program', queue)
    if look.program['sendmail'] is None:
        raise _text.SendmailError(_look.absence(look))
    for error in look.errors:
        raise _text.SendmailError('The %s queue cannot be run: %s: %s.' % (error['queue'], error['path'], error['error']))
    return look, waiting(look, selection)


def flush(params, check_mode):
    """The module's work: look, decide, run. C(params) as documented in sendmail_queue. Returns its result; raises SendmailError."""
    seconds, spread = (_text.duration(params[name], option=name) for name in ('timeout', 'spread'))
    if params['parallel'] is not None and not 1 <= params['parallel'] <= PARALLEL_MAX:
        raise _text.SendmailError('parallel: %s is not between 1 and %d.' % (_text.shown(params['parallel']), PARALLEL_MAX))
    selection = _selection.Selection(params['select'], int(time.time()), ('queued',))
    if selection.states != {'queued'}:
        raise _text.SendmailError('select.states: a queue run skips messages that are %s. Name only queued, or leave it out.'
                                  % ' or '.join(sorted(selection.states - {'queued'})))
    look, messages = _found(params['queue'], selection)
    if messages and spread and not check_mode:
        time.sleep(random.uniform(0, spread))  # noqa: S311 - spreads load, keeps no secret
        look, messages = _found(params['queue'], selection)      # what was harmless before may not be now
    look = _services.served(look, _acceptance.ask(look, _acceptance.pairs([
        (message.directory, message.id) for message in messages if params['canary'] and message.queue == 'msp' and not message.locked])))
    look = _acceptance.by_rules(look) if messages else look
    way = door(look) if any(message.queue == 'msp' for message in messages) else None
    decided = plan(look, messages, _hazards.places(look) or full(look) if messages else (), params['parallel'], params['canary'], params['ignore_load'],
                   params['leave_out_endangered'], features_of(look.program['sendmail']) if messages and not check_mode else (),
                   way)
    sentence = refuse(decided)
    if sentence:
        raise _text.SendmailError(sentence, refusals=decided.refusals, **dict(_counts(Counter(untried=len(messages))), selected=len(messages)))
    if check_mode or not decided.messages:
        return predict(decided)
    record = _fates.Record(params['path']) if params['path'] else None
    meant = dict((message.id, message) for message in decided.messages)

    def removed(identifier, failed):
        if record and identifier in meant:
            record.add(meant[identifier].queue, identifier, 'bounced' if failed else 'relayed', created=meant[identifier].created)
    outcomes, transcript, canary, about = apply(decided, seconds, removed, lambda: not (record and record.error))
    outcomes = _unsplit(look, outcomes)
    for one in outcomes:
        if record and one.outcome not in ('relayed', 'bounced'):
            record.add(one.message.queue, _text.printable(os.fsencode(one.message.id)), one.outcome, reason=one.reason, status=one.status)
    done = result(decided, outcomes, transcript, canary, about)
    queue_las = [look.settings[message.queue]['queue_la'] for message in messages[:1]]
    if transcript.broken:
        sentence = 'Sendmail cannot be started: %s.' % transcript.broken
    elif record and record.error:
        sentence = ('path: the outcomes cannot be written to %s: %s. No further runner was started; the result says what was done. '
                    'Make room, or name another file.' % (params['path'], record.error))
    else:
        said = '' if transcript.worked_on or transcript.removed else '; '.join(transcript.lines[:1])
        sentence = complaint(outcomes, canary, about, params['fail_on_remaining'], look.load, queue_las[0], said)
    if sentence:
        raise _text.SendmailError(sentence, **done)
    return done
