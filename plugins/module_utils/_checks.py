# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""One pure predicate for each fact that a cause or a control rests on, over one look at a host.

A check says what is wrong, never what to do: that is for the rows of _causes and _controls, which name it. Both ask the same check where
they speak of the same fact, so they cannot disagree. C(limits) are the thresholds of a compliance check, empty in a diagnosis.
"""

import os
import re
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import _look, _reach, _route, _schedule, _text

SLACK = 300           # seconds that a queue run may take before it counts as overdue
HANGS = 600           # seconds a message is in delivery before that is remarkable
UNKNOWN_RUNS = 4 * 3600   # seconds without a try, where no interval is known: senders are warned then (Timeout.queuewarn)
SLOW = 5.0            # seconds of a name lookup before that is remarkable
RECENT = 7 * 86400    # seconds after which what is lying about is no news
SHOWN = 4             # ids or sentences of one kind
SHARE = 0.8           # of all waiting messages, from one user or sender, is remarkable
SHARE_LEAST = 20      # messages, before a share means anything

Look = _look.Look
Limits = Dict[str, Any]


class Found(NamedTuple):
    """What a check says: C(wrong) None where the fact does not apply; sentences; messages that it keeps, where that can be counted."""

    wrong: Optional[bool]
    evidence: List[str] = []
    messages: int = 0
    because_of: Tuple[str, ...] = ()   # causes that explain it on this host


Check = Callable[[Look, Limits], Found]
FINE = Found(False)
reason = _reach.reason
count_of = _text.count


def said(evidence: List[str], messages: int = 0) -> Found:
    """Wrong when there is something to say."""
    return Found(bool(evidence), evidence, messages if evidence else 0)


def queue(look: Look, name: str) -> Dict[str, Any]:
    """The figures of a queue; those of an empty one where it could not be read."""
    return look.queues.get(name) or _reach.NO_FIGURES


def load(look: Look) -> int:
    """The load average as Sendmail counts it, in whole numbers (getla() in conf.c)."""
    return int(look.load[0] + 0.5) if look.load else 0


# The program and who runs it

def not_installed(look: Look, _limits: Limits) -> Found:
    return said(['Sendmail is not installed on this host.'] + _look.left_words(look.left_behind)
                if look.program['sendmail'] is None and not look.program['other_mta'] else [])


def other_program(look: Look, _limits: Limits) -> Found:
    program = look.program
    if not program['other_mta']:
        return FINE
    if program['sendmail'] is None:
        return said(['%s belongs to %s, and there is no Sendmail.' % (program['path'], program['other_mta'])] + _look.left_words(look.left_behind))
    return said(['%s leads to %s, which is %s; Sendmail itself is %s.' % (program['path'], program['target'], program['other_mta'], program['sendmail'])])


def accounts(look: Look, _limits: Limits) -> Found:
    user = look.submitter
    unseen = ' for programs, although %s has a line for it: see that line, its mode, and "%s:" in /etc/nsswitch.conf'
    return said(['There is no %s %s%s.' % (kind, user[kind], unseen % (path, path[5:]) if user[kind] in user.get('unseen', ()) else '')
                 for kind, number, path in (('user', user['uid'], '/etc/passwd'), ('group', user['gid'], '/etc/group')) if number is None])


def configuration(name: str) -> Check:
    """Whether Sendmail accepts the configuration file of a queue, and whether a file is there at all."""
    def check(look: Look, _limits: Limits) -> Found:
        state = look.files[name]
        if not state['exists'] and not state['error']:
            if name == 'mta' and not _reach.local(look) and not _reach.daemons(look):
                return FINE      # a null client needs none
            fallback = ' Sendmail falls back to sendmail.cf, and submissions fail in the queue of the MTA.' if name == 'msp' else ''
            return said(['%s does not exist.%s' % (state['path'], fallback)])
        return said(['%s: line %s: %s' % (state['path'], one['line'], one['problem']) for one in state['problems']])
    return check


msp_configuration, mta_configuration = configuration('msp'), configuration('mta')


def dead_link(look: Look, _limits: Limits) -> Found:
    """A queue directory, or one on the way to it, that is a link to something that is not there."""
    return said(['%s: %s is a link to %s, which is not there.' % (one['path'], one['link'][0], one['link'][1]) for one in look.errors if one.get('link')])


def directory(look: Look, _limits: Limits) -> Found:
    """A directory of the client queue that cannot be used; a link and a file system that is not mounted are other facts."""
    path = look.files['msp']['path']
    return said(['The queue directory %s: %s.' % (one['path'], one['error']) for one in look.errors
                 if one['queue'] == 'msp' and one['path'] != path and not one.get('link')])


def unmounted(look: Look, _limits: Limits) -> Found:
    return said(['%s should be mounted (/etc/fstab, a mount unit), and is not.' % room['unmounted'] for _name, room in sorted(look.filesystems.items())
                 if room and room.get('unmounted')])


def program_rights(look: Look, _limits: Limits) -> Found:
    """Without its group the program cannot write into the client queue for an ordinary user, unless it is root's and set-user-ID as of old."""
    program, group = look.program, look.submitter['group']
    if program['sendmail'] is None or program['setgid'] and program['group'] == group or (
            program['owner'] == 'root' and int(program['mode'], 8) & 0o4000):
        return FINE
    return said(['%s is %s:%s %s and not set-group-ID %s: only root can submit mail.'
                 % (program['sendmail'], program['owner'], program['group'], program['mode'], group)])


def queue_rights(look: Look, _limits: Limits) -> Found:
    """The group is what Sendmail works with; the owner is its user, or whom the packaging gives the directory to (SUSE: root)."""
    user, group = look.submitter['user'], look.submitter['group']
    if None in (look.submitter['uid'], look.submitter['gid']):
        return FINE                       # without them nothing can be theirs: L(accounts)
    rule = look.layout.rules.get('msp_queue')
    owners = (user, rule.owner) if rule else (user,)
    return said(['%s is %s:%s %s; it has to be %s:%s and writable for both.' % (one['path'], one['owner'], one['group'], one['mode'], owners[-1], group)
                 for one in look.places if one['mode'] is not None
                 and (one['owner'] not in owners or one['group'] != group or int(one['mode'], 8) & 0o770 != 0o770)])


def too_open(look: Look, _limits: Limits) -> Found:
    return said(['%s has mode %s: everybody on the host can reach or write into it.' % (one['path'], one['mode'])
                 for one in look.places if one['mode'] is not None and int(one['mode'], 8) & 0o007])


def submitting(look: Look, _limits: Limits) -> Found:
    """What keeps an ordinary user from submitting mail beside owner and mode of the program and the queue: of _probe.obstacles()."""
    return said(list(look.obstacles))


# Messages

def _hazards(kind: str, look: Look) -> Found:
    pairs = look.hazards.get(kind, [])
    ids = sorted(set(identifier for _text, identifier in pairs if identifier))
    more = ' and %d more' % (len(ids) - 5) if len(ids) > 5 else ''
    return said(['%s: %s.' % (identifier, text) if identifier else text for text, identifier in pairs[:SHOWN]]
                + (['Messages: %s%s.' % (', '.join(ids[:5]), more)] if ids else []), len(ids))


def message_rights(look: Look, _limits: Limits) -> Found:
    return _hazards('permissions', look)


def missing_data(look: Look, _limits: Limits) -> Found:
    return _hazards('no_data', look)


def poison(look: Look, _limits: Limits) -> Found:
    return _hazards('aborts', look)


def damaged(look: Look, _limits: Limits) -> Found:
    return _hazards('damaged', look)


def stale_rewrite(look: Look, _limits: Limits) -> Found:
    return _hazards('temporary', look)


def unreadable(look: Look, _limits: Limits) -> Found:
    return _hazards('unreadable', look)


def never_run(look: Look, _limits: Limits) -> Found:
    """Control files that runs leave (unfinished, of a newer version, unreadable) or may hang on (too large); of _probe.stuck()."""
    return said(['%s: %s.' % (one['path'], one['why']) for one in look.stuck], len(look.stuck))


def _state(state: str, sentence: str, threshold: Optional[str] = None) -> Check:
    def check(look: Look, limits: Limits) -> Found:
        counts = [(name.upper(), queue(look, name)['messages'].get(state, 0)) for name in ('msp', 'mta')]
        total = sum(count for _name, count in counts)
        return Found(total > limits.get(threshold or '', 0), [sentence % pair for pair in counts if pair[1]], counts[0][1])
    return check


lost = _state('lost', 'Control files called Qf in the %s queue: %d. A queue run gave them up, and no other tries them.')
quarantined = _state('quarantined', 'Control files called hf in the %s queue: %d. Somebody or a milter quarantined them.', 'quarantined')


def orphans(look: Look, _limits: Limits) -> Found:
    return said(['%s without a control file, left by a crash a day ago or longer.' % count_of(look.orphans, 'data file')] if look.orphans else [])


def dead_letters(look: Look, _limits: Limits) -> Found:
    """Mail that was refused at once; an empty file, which Debian installs, is none."""
    return said(['%s has %s and was written %s ago.' % (one['path'], count_of(one['size'], 'byte'), count_of(max(0, look.now - one['mtime']), 'second'))
                 for one in look.dead_letters if one['size'] and look.now - one['mtime'] <= RECENT])


def stranded(look: Look, _limits: Limits) -> Found:
    """Mail in a directory that is a queue elsewhere, or was one here, and that no queue run of this host looks into."""
    found = ['%s in %s, which is not a queue of this host.' % (
        count_of(one['messages'], 'message', ('lies', 'lie')), one['path']) for one in look.stranded]
    return said(found, sum(one['messages'] for one in look.stranded))


def other_queue(look: Look, _limits: Limits) -> Found:
    return said(['%s, but not in what has that name now: something is mounted there.' % text for text in _working(look, 'hidden')] + [
        '%s, which is not the queue of %s: that was renamed, or the file changed, since it began.' % (text, look.files['mta']['path'])
        for text in _working(look, 'other')])


def _working(look: Look, sees: str) -> List[str]:
    return ['Process %s (%s) works in %s' % (one['pid'], one['title'], one['cwd']) for one in look.processes if one.get('sees') == sees]


# File systems

def _blocks(name: str) -> Check:
    def check(look: Look, limits: Limits) -> Found:
        room = look.filesystems.get(name) or {}
        least = look.settings.get(name, {}).get('min_free_blocks', 0)
        if room.get('blocks_free') is None or room['blocks_free'] >= max(1, least) * limits.get('free_blocks', 1):
            return FINE
        return said(['%s has %s of %d bytes for the %s queue; MinFreeBlocks is %d.'
                     % (room['mount'], count_of(room['blocks_free'], 'free block'), room['block_size'], name.upper(), least)])
    return check


def _inodes(name: str) -> Check:
    def check(look: Look, limits: Limits) -> Found:
        room = look.filesystems.get(name) or {}
        if not room.get('inodes') or room['inodes_free'] and 100 * room['inodes_free'] // room['inodes'] >= limits.get('free_inodes', 0):
            return FINE
        return said(['%s has %s of %d.' % (room['mount'], count_of(room['inodes_free'], 'free inode'), room['inodes'])])
    return check


msp_blocks, mta_blocks, msp_inodes, mta_inodes = _blocks('msp'), _blocks('mta'), _inodes('msp'), _inodes('mta')


def mta_full(look: Look, _limits: Limits) -> Found:
    """The MTA itself says that it has no room: by its title, or in its answer."""
    titles = [process['full'] for process in look.processes if process.get('full')]
    count, example = reason(look, 'mta_disk_full') if titles or not _reach.recovered(look) else (0, '')
    kind, sentence = _reach.deferral(look)
    return said((['The MTA says: %s' % titles[0]] if titles else []) + (['Sendmail says: %s' % example] if count else [])
                + [sentence] * (kind == 'mta_disk_full'), count)


def read_only(look: Look, _limits: Limits) -> Found:
    found = []
    for name, room in sorted(look.filesystems.items()):
        if room and room.get('read_only'):
            found.append('%s, where the %s queue lies, is mounted read-only.' % (room['mount'], name.upper()))
        if room and room.get('immutable'):
            found.append('The directory of the %s queue is immutable or append-only (lsattr -d).' % name.upper())
    found += ['%s, which it cannot write to: see ProtectSystem= and ReadWritePaths= of its unit.' % text for text in _working(look, 'read_only')] * (not found)
    return said(found, reason(look, 'mta_queue')[0] if found and _frozen(look) else 0)


def _frozen(look: Look) -> bool:
    """Whether nobody can write into the queue of the MTA."""
    room = look.filesystems.get('mta') or {}
    return bool(room.get('read_only') or room.get('immutable') or any(one.get('sees') == 'read_only' and one['queue'] == 'mta' for one in look.processes))


# The MTA

def starts_late(look: Look, _limits: Limits) -> Found:
    return said(['Sendmail has not started within 10 seconds ("sendmail -bt"), so what its rules make of mail is not known.'] * look.starts_late)


def mta_cannot_write(look: Look, limits: Limits) -> Found:
    """What the MTA says of it, where the file system does not say why."""
    if look.mta_shut and _reach.daemons(look):
        return said(look.mta_shut, reason(look, 'mta_queue')[0])
    return FINE if _frozen(look) else of(_reach.mta_queue)(look, limits)


def mta_directory(look: Look, _limits: Limits) -> Found:
    """A daemon works in its queue directory; when that is removed, it goes on in one that nobody can reach (main.c, chdir to the queue)."""
    found = ['The directory of the MTA queue %s: %s.' % (one['path'], one['error']) for one in look.errors
             if one['queue'] == 'mta' and one['path'] != look.files['mta']['path'] and not one.get('link')]
    found += ['Process %s (%s) works in %s.' % (process['pid'], process['title'], process['cwd']) for process in look.processes
              if (process.get('cwd') or '').endswith(' (deleted)')]
    return said(found, reason(look, 'temporary_reply', 'mta_queue')[0])


_HEADERS_LEAST = 512            # bytes that the MTA counts; 316 were seen of a message without anything
_HOPS = {'msp': 1, 'mta': 2}   # of a message that was submitted here: its own Received line counts, and that of the one before (eatheader())


def hops(look: Look, _limits: Limits) -> Found:
    """MaxHopCount leaves no message of this host a way: it is returned when it has come further (deliver.c), and the bounce has come as far."""
    found = []
    for name, least in _HOPS.items():
        cf = look.configurations.get(name)
        if cf and cf.number('MaxHopCount', least) < least and (name == 'msp' or _reach.local(look) and _reach.daemons(look)):
            found.append('MaxHopCount in %s is %s, and mail submitted here has come %s: it is returned.' % (
                look.files[name]['path'], cf.option('MaxHopCount'), count_of(least, 'hop')))
    cf = look.configurations.get('mta')
    most = cf.number('MaxHeadersLength') if cf and _reach.local(look) and _reach.daemons(look) else 0
    return said(found + ['MaxHeadersLength in %s is %d: longer headers are refused.' % (look.files['mta']['path'], most)] * (0 < most < _HEADERS_LEAST))


# Queue runners

def active_runners(look: Look) -> List[Dict[str, Any]]:
    active = [one for one in look.runners if one['active'] and not one['partial']]
    # Each FreeBSD comes with a daily run beside the runner that rc.conf starts.
    return [one for one in active if one['source'] != 'periodic'] or active


def no_runner(look: Look, _limits: Limits) -> Found:
    if active_runners(look):
        return FINE
    # Red Hat's stops with the MTA and starts with it: one cause explains the other.
    bound = ('mta_down',) if any(one.get('bound_to') for one in look.runners) else ()
    return said(['%s: %s.' % (one['path'] or one['source'], one['detail']) for one in look.runners[:3]] or ['No queue runner is set up.'])._replace(
        because_of=bound)


def several_runners(look: Look, _limits: Limits) -> Found:
    active = active_runners(look)
    return said(['%s: %s.' % (one['source'], one['path'] or one['detail']) for one in active] if len(active) > 1 else [])


def dead_runners(look: Look, _limits: Limits) -> Found:
    # In a container a loop takes the place of the package's line.
    looped = look.services.get('init') == 'none' and any(one['source'] == 'loop' for one in look.runners)
    return said(['%s: %s.' % (one['path'] or one['source'], one['detail']) for one in look.runners
                 if not one['active'] and (one['source'] != 'debian_cron' or not looped)])


def foreign_runner(look: Look, _limits: Limits) -> Found:
    """A runner at work in the client queue that is not the mail submission program: as root it loses new messages (readqf() in queue.c)."""
    if not look.settings.get('msp', {}).get('run_as_user'):
        return FINE
    places = set(one['path'] for one in look.places)
    return said(['Process %s of %s works on %s: %s' % (one['pid'], one['user'], one['directory'], one['title']) for one in look.processes
                 if one['role'] in ('queue_runner', 'queue_run') and one['user'] != look.submitter['user'] and (one['directory'] or '') in places])


def no_runners(name: str) -> Check:
    """Whether queue runs without -qG try nothing, which is no error: the default group has no runners (run_work_group() and makequeue() in queue.c)."""
    def check(look: Look, _limits: Limits) -> Found:
        cf = look.configurations.get(name)
        own = [group['runners'] or '1' for group in cf.queue_groups if group['name'] == 'mqueue'][-1:] if cf else []
        digits = re.match(r'\s*[+-]?\d+', own[0]) if own else None
        if not cf or (digits and int(digits.group()) if own else cf.number('MaxRunnersPerQueue', 1) > 0):
            return FINE
        setting = 'R=' + own[0] if own else 'MaxRunnersPerQueue=%s' % cf.option('MaxRunnersPerQueue')
        return said(['%s in %s: queue runs try nothing, and say nothing.' % (setting, look.files[name]['path'])], queue(look, name)['messages']['queued'])
    return check


msp_no_runners, mta_no_runners = no_runners('msp'), no_runners('mta')


def file_mode(look: Look, _limits: Limits) -> Found:
    """A message belongs to who sent it and to the group of the program; runs open it for reading and writing (readqf() in queue.c)."""
    mode = look.settings.get('msp', {}).get('queue_file_mode', 0o660)
    # Not of a file that Sendmail does not accept: it may be cut short, and what is wrong with it is told.
    if look.files['msp']['problems'] or mode & 0o060 == 0o060 or not look.program['setgid'] or int(look.program['mode'], 8) & 0o4000:
        return FINE
    return said(['QueueFileMode in %s is %04o: queue runs cannot open the messages of ordinary users. Write 0660.' % (look.files['msp']['path'], mode)])


def _pace(look: Look, name: str, interval: int) -> int:
    """Seconds between two runs of every group: I= of a group counts before the interval of a process that stays (schedule_queue_runs() in queue.c)."""
    cf, own = look.configurations.get(name), {'mqueue': None}
    own.update((group['name'], group['interval']) for group in (cf.queue_groups if cf else []))
    return max(one or interval for one in own.values())


def paces(look: Look) -> List[int]:
    """Of the runners of the client queue. What cron or a timer starts finds every group due."""
    return [_pace(look, 'msp', one['interval']) if one['source'] == 'daemon' else one['interval'] for one in active_runners(look) if one['interval']]


def _passed_over(look: Look, name: str) -> int:
    """Seconds since its last try for which runs may pass over a message (gatherq() in queue.c)."""
    settings = look.settings.get(name, {})
    return settings.get('max_queue_age', 0) or settings.get('min_queue_age', 0)


def overdue(look: Look, limits: Limits) -> Found:
    """Whether some waiting message was not tried for as long as the runner may need for two rounds: a message that is younger than
    MinQueueAge is passed over, or with MaxQueueAge for up to that long (queue.c), and of all messages the one that waits longest counts.
    """
    active, intervals = active_runners(look), paces(look)
    waiting, bound = queue(look, 'msp'), limits.get('last_attempt')
    if bound is None and intervals:
        bound = 2 * min(intervals) + _passed_over(look, 'msp') + SLACK
    age = waiting.get('untried_age')
    if bound is None or not waiting['messages']['queued'] or age is None or age <= bound or msp_no_runners(look, {}).wrong:
        return FINE
    who = '%s should run every %d seconds, and a' % (active[0]['path'] or active[0]['source'], min(intervals)) if intervals else 'A'
    return said(['%s message was not tried for %d seconds.' % (who, age)], waiting['messages']['queued'])


def overload(look: Look, _limits: Limits) -> Found:
    """From QueueLA on a queue run passes over messages by their priority, and new ones are only queued, far above it all of them."""
    msp = look.settings.get('msp', {})
    bound = _schedule.priority_bound(load(look), msp) if msp else None
    if bound is None:
        return FINE
    text = 'The load average is %.1f and QueueLA is %d' % (look.load[0] if look.load else 0, msp['queue_la'])
    if msp['recipient_factor'] > bound:
        return said(['%s: new mail is only queued, and queue runs are skipped.' % text], queue(look, 'msp')['never_tried'])
    if look.passed_over:
        return said(['%s: a queue run passes over %s whose priority is above %d.' % (text, count_of(look.passed_over, 'message'), bound)], look.passed_over)
    return FINE


def mta_overload(look: Look, _limits: Limits) -> Found:
    """The same of the daemon of this host, which takes mail and keeps it."""
    mta = look.settings.get('mta', {})
    if not mta or not _reach.daemons(look):
        return FINE
    own = [int(text) for text in _route.of_daemons(look.configurations.get('mta'), 'q') if text.isdecimal()]
    for queue_la, runs in [(mta['queue_la'], ', and skips its queue runs')] + [(one, '') for one in own]:
        bound = _schedule.priority_bound(load(look), dict(mta, queue_la=queue_la))
        if bound is not None and mta['recipient_factor'] > bound:
            return said(['The load average is %.1f and QueueLA of the MTA is %d: it only queues new mail%s.' % (
                look.load[0] if look.load else 0, queue_la, runs)])
    return FINE


def hangs(look: Look, _limits: Limits) -> Found:
    long = [one for one in look.locked if one['seconds'] is not None and one['seconds'] >= HANGS]
    return said(['%s has been in delivery for %d seconds by process %s: %s' % (one['id'], one['seconds'], one['pid'], one['title']) for one in long]
                + look.unacknowledged, len(long))


# Names

def own_name(look: Look, limits: Limits) -> Found:
    own = look.lookups.get('own') or {}
    found = []
    if own.get('unqualified'):
        found.append('The host name %s has no domain, and none can be found: every start of Sendmail waits 60 seconds.' % own['name'])
    if (own.get('seconds') or 0) >= limits.get('name_seconds', SLOW):
        found.append('Looking up the name of this host, %s, takes %.0f seconds, and so does every start of Sendmail.' % (own['name'], own['seconds']))
    return said(found)


# The queue of the MTA

def reasons_at_mta(look: Look) -> List[Dict[str, Any]]:
    """The reasons of mail in the MTA's queue that was tried and stays, the most frequent first."""
    return [one for one in queue(look, 'mta')['top']['reasons'] if one['reason'] != 'never_tried']


def mta_waits(look: Look, _limits: Limits) -> Found:
    """Mail in the MTA's queue that was tried and stays, with its reasons."""
    waiting, reasons = queue(look, 'mta'), reasons_at_mta(look)
    domains = ', '.join('%s (%d)' % (one['domain'], one['recipients']) for one in waiting['top'].get('domains', [])[:3])
    option, whole = _keeps_new_mail(look, 'mta')
    kept = 0 if mta_overload(look, {}).wrong else look.mta_kept
    if whole:                                         # then those that have just come are kept too
        kept = max(kept, waiting['never_tried'] - (waiting.get('delivering') or 0))
    found = ['%s: %s' % (count_of(one['messages'], 'message'), one['example'] or 'no status') for one in reasons[:SHOWN - 1]]
    if kept:
        found.append('%s never tried: %s.' % (_were(kept), _FOR_A_RUN % option if option else (
            'they were queued only (-odq, -odd, or an option that the MTA was started with), or the first attempt was interrupted')))
    return said(found + (['Recipients in: %s.' % domains] if found and domains else []), sum(one['messages'] for one in reasons) + kept)


def smart_host(look: Look, _limits: Limits) -> Found:
    """Mail to other hosts waits in the MTA's queue, though the MTA takes it."""
    return said(['No connection to the smart host in %s comes about: %s.' % (look.files['mta']['path'], '; '.join(look.smart_host))] if look.smart_host else [])


def local_mailer(look: Look, _limits: Limits) -> Found:
    return said(['sendmail.cf names %s for mail to users of this host, and it cannot be run: that mail waits in the queue of the MTA.' % look.mailer_gone]
                if look.mailer_gone and _reach.daemons(look) else [])


def mta_untried(look: Look, _limits: Limits) -> Found:
    """Mail that waits in the MTA's queue although its daemon should have tried it, or where none is known."""
    waiting, interval = queue(look, 'mta'), look.mta_interval and _pace(look, 'mta', look.mta_interval)
    age = waiting.get('untried_age')
    bound = 2 * interval + _passed_over(look, 'mta') + SLACK if interval else UNKNOWN_RUNS + _passed_over(look, 'mta')
    if not waiting['messages']['queued'] or age is None or age <= bound or mta_no_runners(look, {}).wrong:
        return FINE
    return said([('The MTA should run its queue every %d seconds; a' % interval if interval else 'Nothing was found that runs the queue of the MTA; a')
                 + ' message was not tried for %d seconds.' % age], waiting['messages']['queued'])


# The relay and what it answered: the facts are those of _reach

def of(predicate: Callable[[Look], Any]) -> Check:
    """The check that a predicate of _reach is: it gives its sentences, or (sentences, messages)."""
    def check(look: Look, _limits: Limits) -> Found:
        outcome = predicate(look)
        return said(*outcome) if isinstance(outcome, tuple) else said(outcome)
    return check


def _no_name(look: Look) -> Any:
    return _reach.relay_name(look._replace(queues={}))


def rejecting(look: Look, _limits: Limits) -> Found:
    """The title of the daemon says that it takes no connections."""
    return said(_reach.rejecting(look)) if _reach.rejecting(look) or _reach.daemons(look) else Found(None)


def no_daemon(look: Look, _limits: Limits) -> Found:
    found = of(_reach.mta_down)(look, {})
    return Found(None) if not found.wrong and not _reach.local(look) and not _reach.daemons(look) else found


def conflict(look: Look, _limits: Limits) -> Found:
    """The account of the mail submission program does not fit the group of the program."""
    return said([look.submitter['conflict']] if look.submitter['conflict'] else [])


relay_name, relay_has_no_name = of(_reach.relay_name), of(_no_name)


# Names and times of what waits

def _broken(look: Look) -> List[str]:
    return ['%s: %s after %.1f seconds' % (name, one['error'], one['seconds']) for name, one in sorted(look.lookups['domains'].items())
            if one['error'] in ('temporary', 'timeout')]


def dns(look: Look, _limits: Limits) -> Found:
    count, example = reason(look, 'host_lookup')
    if not count or look.lookups['domains'] and not _broken(look):
        return FINE
    return said(['Sendmail says: %s' % example] + ['Looking up %s.' % '; '.join(_broken(look)[:3]) for _once in _broken(look)[:1]], count)


def dns_was_down(look: Look, _limits: Limits) -> Found:
    count, example = reason(look, 'host_lookup')
    if not count or not look.lookups['domains'] or _broken(look):
        return FINE
    return said(['The domains can be looked up now; when the messages were last tried they could not: %s' % example], count)


def stale_resolver(look: Look, _limits: Limits) -> Found:
    """The running MTA cannot look up what a new process can: only its own answer proves that, not the time of a file."""
    count, example = reason(look, 'sender_domain')
    kind, sentence = _reach.deferral(look)
    return said(['The MTA says: %s' % example] * bool(count) + [sentence] * (kind == 'sender_domain'), count)


_FOR_A_RUN = '%s keeps new mail for the next queue run'


def _keeps_new_mail(look: Look, name: str) -> Tuple[str, bool]:
    """What keeps new mail of a queue for the next run, '' for nothing, and whether all of it: a mailer with the flag e is an expensive one."""
    cf, path = look.configurations.get(name), os.path.basename(look.files[name]['path'])
    mode = (cf.option('DeliveryMode') or 'b')[0] if cf else 'b'
    if name == 'mta':
        # The command line counts before the file, and before both what is set for the daemon at the port of the relay.
        started = re.search(r' -(?:od|O ?DeliveryMode=)([bdiq])', look.mta_command)
        ports = [place['port'] for place in _reach.places(look)]
        own = [text[:1] for port, text in zip(_route.daemon_ports(cf), _route.of_daemons(cf, 'D')) if port in ports] if cf else []
        if started and started.group(1) in 'dq' and not any(own[:1]) and 'D=' not in look.mta_command:
            return '%s, which the MTA was started with,' % started.group().strip(), True
        mode = (own or [''])[0] or ('b' if started else mode)
    if mode in ('d', 'q'):
        return 'DeliveryMode in %s' % path, True
    used = [str((look.relay or {}).get('mailer'))] if name == 'msp' else list(cf.mailers) if cf else []
    expensive = cf and cf.flag('HoldExpensive') and any('e' in cf.mailers.get(mailer.lower(), {}).get('flags', '') for mailer in used)
    return 'HoldExpensive in %s' % path if expensive else '', False


def mta_keeps(look: Look, _limits: Limits) -> Found:
    """That the MTA would keep mail that comes now; of what it has kept says L(mta_waits)."""
    waiting, (option, whole) = queue(look, 'mta'), _keeps_new_mail(look, 'mta')
    speaks = whole and _reach.local(look) and _reach.daemons(look) and waiting['never_tried'] <= (waiting.get('delivering') or 0)
    return said([_FOR_A_RUN % option + '.'] if speaks else [])


def never_tried(look: Look, limits: Limits) -> Found:
    count = queue(look, 'msp')['never_tried'] - look.passing
    option = _keeps_new_mail(look, 'msp')[0]
    if overload(look, limits).wrong:
        return FINE
    if count <= 0:
        return said([_FOR_A_RUN % option + '.'] if option else [])
    why = _FOR_A_RUN % option if option else 'they were submitted with -odq or -odd, or the first attempt was interrupted'
    return said(['%s never tried, and the load is not the reason: %s.' % (_were(count), why)], count)


def _were(count: int) -> str:
    return count_of(count, 'message', ('was', 'were'))


def ahead(look: Look, _limits: Limits) -> Found:
    """Messages whose last try lies in the future. A run tries them all the same, but for MaxQueueAge (gatherq() in queue.c: age < delay)."""
    if not look.ahead:
        return FINE
    most = look.settings.get('msp', {}).get('max_queue_age', 0)
    return said(['The last try of %s lies in the future, by the clock of this host.' % count_of(look.ahead, 'message')] + [
        'MaxQueueAge is %s: no queue run tries them before that time.' % count_of(most, 'second')] * bool(most), look.ahead)


def queue_age(look: Look, _limits: Limits) -> Found:
    settings, waiting = look.settings.get('msp', {}), queue(look, 'msp')
    age = 0 if settings.get('max_queue_age') else settings.get('min_queue_age', 0)
    if not age or look.ahead >= waiting['messages']['queued'] or waiting['last_attempt_age'] is None or waiting['last_attempt_age'] >= age:
        return FINE
    return said(['MinQueueAge is %d seconds, and the messages were tried %s ago: a queue run passes over them in silence.'
                 % (age, count_of(waiting['last_attempt_age'], 'second'))], waiting['messages']['queued'] - waiting['never_tried'])


def one_source(look: Look, _limits: Limits) -> Found:
    waiting = queue(look, 'msp')
    total = waiting['messages']['queued']
    if total < SHARE_LEAST:
        return FINE
    found = ['%d of %d waiting messages (%d %%) come from the %s %s.' % (one['messages'], total, 100 * one['messages'] // total, key, one[key])
             for kind, key in (('users', 'user'), ('senders', 'sender')) for one in waiting['top'][kind][:1] if one['messages'] >= SHARE * total]
    subjects, looked = look.subjects
    return said(found + ['%d of %d waiting messages looked at (%d %%) have the subject "%s" (digits ignored).' % (
        count, looked, 100 * count // looked, subject) for subject, count in subjects[:1] if count >= SHARE * looked])


def elsewhere(look: Look, limits: Limits) -> Found:
    """With an empty client queue: where else the mail is."""
    return FINE if queue(look, 'msp')['messages']['total'] else dead_letters(look, limits)
