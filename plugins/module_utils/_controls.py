# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

# PRIVATE to the mailops.sendmail collection: it can change or go in any release.

"""What a compliant host satisfies: a table of controls, each a predicate over one look at a host.

To add a control is to add a row; docs/controls.md comes from the table. An id never changes its meaning and is never used again.
"""

import re
import time
from fnmatch import fnmatchcase
from typing import Callable, NamedTuple, Optional, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import _probe, _reach, _text

SEVERITIES = _probe.SEVERITIES
STATUSES = ('pass', 'fail', 'waived', 'not_applicable', 'error')
EVIDENCE_MAX = 5       # sentences of each control
_DEAD_LETTER = 7 * 86400


class Control(NamedTuple):
    """One row. C(predicate(look, limits)) returns (whether it holds, expected, actual, evidence).

    The first is None where the control does not apply. A predicate raises SendmailError where it cannot tell.
    """

    id: str
    title: str
    severity: str
    rationale: str
    references: Tuple[str, ...]
    predicate: Callable
    remedy: str                           # role, module or manual
    name: Optional[str]                   # of the role or module
    text: str


def _span(seconds):
    if seconds is None:
        return 'never'
    parts = ['%d %s' % (amount, unit if amount == 1 else unit + 's') for amount, unit in (
        (seconds // 86400, 'day'), (seconds % 86400 // 3600, 'hour'), (seconds % 3600 // 60, 'minute'), (seconds % 60, 'second')) if amount]
    return ' '.join(parts[:2]) or '0 seconds'


def _size(count):
    for unit in ('bytes', 'KiB', 'MiB'):
        if count < 1024:
            return '%d %s' % (count, unit)
        count /= 1024
    return '%.1f GiB' % count


def _problems(wrong):
    return '%d problem%s' % (len(wrong), '' if len(wrong) == 1 else 's') if wrong else ''


def _queue(look, queue):
    """The figures of a queue, where it can be read."""
    wrong = [one for one in look.errors if one['queue'] == queue]
    if wrong or queue not in look.queues:
        raise _text.SendmailError('The queue cannot be judged: %s' % ('%s: %s.' % (wrong[0]['path'], wrong[0]['error']) if wrong else 'it was not looked at.'))
    return look.queues[queue]


def _settings(look, queue):
    if queue not in look.settings:
        raise _text.SendmailError('%s cannot be read.' % look.files[queue]['path'])
    return look.settings[queue]


# PRG: the program

def _installed(look, _limits):
    p = look.program
    actual = p['target'] if p['is_sendmail'] else '%s (%s)' % (p['target'] or p['path'], p['other_mta'] or 'unknown') if p['path'] else 'nothing'
    evidence = [] if p['is_sendmail'] else ['%s belongs to %s.' % (p['path'], p['other_mta'])] if p['path'] else ['There is no program called sendmail.']
    return p['is_sendmail'], 'The name sendmail leads to Sendmail', actual, evidence


def _version(text):
    return tuple(int(part) for part in re.findall(r'\d+', text)[:4])


def _supported(look, limits):
    actual = look.program['version']
    if not actual:
        raise _text.SendmailError('%s does not say its version.' % look.program['sendmail'])
    return _version(actual) >= _version(limits['version']), '%s or later' % limits['version'], actual, []


def _permissions(keys, nouns):
    def predicate(look, _limits):
        wanted = [one for one in look.wanted if one['key'] in keys]
        if not wanted:
            raise _text.SendmailError('There is no %s to look at.' % nouns)
        wrong = []
        for one in wanted:
            state = one['found']
            actual = [state['owner'], state['group'], state['mode']]
            if not state['exists']:
                wrong.append('%s: %s.' % (one['path'], state['error'] or 'does not exist'))
            elif any(want not in (None, have) for want, have in zip((one['owner'], one['group'], one['mode']), actual)):
                wrong.append('%s is %s:%s %s; it has to be %s:%s %s.' % tuple([one['path']] + actual + [one['owner'] or '*', one['group'] or '*', one['mode']]))
        expected = ', '.join(sorted(set('%s:%s %s' % (one['owner'] or '*', one['group'] or '*', one['mode']) for one in wanted)))
        return not wrong, expected, '%d of %d right' % (len(wanted) - len(wrong), len(wanted)), wrong
    return predicate


# MTA

def _mta_needed(check):
    def predicate(look, limits):
        if not _reach.local(look) and not _reach.daemons(look):
            return None, 'An MTA, where submit.cf hands mail to this host', 'submit.cf hands mail to %s' % _reach.where(look), []
        return check(look, limits)
    return predicate


@_mta_needed
def _running(look, _limits):
    found = ['%s (process %s)' % (process['title'], process['pid']) for process in _reach.daemons(look)]
    active = ['systemd calls the service %s active all the same.' % look.services['mta']['name']] if not found and look.active else []
    return bool(found), 'A daemon that accepts mail', found[0] if found else 'none', active


@_mta_needed
def _enabled(look, _limits):
    actual = 'masked' if look.services['mta']['masked'] else {True: 'enabled', False: 'disabled', None: 'no such service'}[look.services['mta']['enabled']]
    return actual == 'enabled', 'The service %s is started at boot' % look.services['mta']['name'], actual, []


def _greets(look, _limits):
    if look.relay is None:
        raise _text.SendmailError('submit.cf does not say where mail is handed to.')
    g = look.greeting or {'answered': False, 'text': None, 'error': 'not asked'}
    return bool(g['answered']), '%s answers with 220' % _reach.where(look), g['text'] or (g['error'] or 'nothing').replace('_', ' '), []


def _listens(look, limits):
    places = sorted(set((one['address'], one['port']) for one in look.sockets))
    wrong = ['Sendmail listens on %s port %d.' % place for place in places if not any(fnmatchcase(place[0], pattern) for pattern in limits['listen'])]
    if not places:
        return None, 'Only %s' % ', '.join(limits['listen']), 'nowhere', []
    return not wrong, 'Only %s' % ', '.join(limits['listen']), ', '.join('%s port %d' % place for place in places), wrong


def _takes_mail(look, _limits):
    found = _reach.rejecting(look)
    return not found, 'The MTA takes connections', 'it refuses them' if found else 'it does', found


# RUN: the queue runner

def _one_runner(look, _limits):
    active = [one for one in look.runners if one['active'] and not one['partial']]
    evidence = ['%s: %s.' % (one['source'], one['path'] or one['detail']) for one in active] if len(active) != 1 else []
    return len(active) == 1, 'Exactly one', str(len(active)), evidence


def _interval(look, limits):
    known = [one['interval'] for one in look.runners if one['active'] and not one['partial'] and one['interval']]
    if not known:
        return None, 'At most %s' % _span(limits['runner_interval']), 'no runner with an interval', []
    return min(known) <= limits['runner_interval'], 'At most %s' % _span(limits['runner_interval']), _span(min(known)), []


def _scheduled(look, _limits):
    dead = ['%s: %s.' % (one['path'] or one['source'], one['detail']) for one in look.runners if not one['active']]
    return not dead, 'Every runner that is set up does its work', '%d of %d do' % (len(look.runners) - len(dead), len(look.runners)), dead


def _attempt(look, limits):
    queue, limit = _queue(look, 'msp'), limits['last_attempt']
    expected = 'Waiting mail is tried every %s' % _span(limit)
    if not queue['messages']['queued'] or (queue['oldest_age'] or 0) <= limit:
        return True, expected, 'nothing waits that long', []
    last = queue['last_attempt_age']
    return last is not None and last <= limit, expected, 'last tried %s' % (_span(last) + ' ago' if last is not None else 'never'), []


def _load(look, _limits):
    limit = _settings(look, 'msp').get('queue_la', 0)
    load = look.load[0] if look.load else 0.0
    return not limit or load < limit, 'Below QueueLA, %d' % limit, '%.1f' % load, []


# PRM: owners and modes

def _accounts(look, _limits):
    user, group = look.submitter['user'], look.submitter['group']
    missing = [what for what, number in (('user ' + user, look.submitter['uid']), ('group ' + group, look.submitter['gid'])) if number is None]
    conflict = look.submitter['conflict']
    actual = 'no ' + ', no '.join(missing) if missing else 'the user has another primary group' if conflict else 'they do'
    return not missing and not conflict, 'User %s and group %s exist, and belong together' % (user, group), actual, [conflict] if conflict else []


def _hazards(kinds, expected):
    def predicate(look, _limits):
        _queue(look, 'msp')
        if None in (look.submitter['uid'], look.submitter['gid']):
            raise _text.SendmailError('The account of the mail submission program does not exist.')
        found = [(identifier, text) for kind in kinds for text, identifier in look.hazards.get(kind, [])]
        count = sum(look.endangered.get(kind, 0) for kind in kinds)
        return not count, expected, '%d of %d messages' % (count, look.inspected), ['%s: %s.' % one for one in found]
    return predicate


def _writable(look, _limits):
    return not look.writable, 'None', str(len(look.writable)), look.writable


# CFG and POL: the configuration

def _accepted(queue):
    def predicate(look, _limits):
        state = look.files[queue]
        wrong = ['line %s: %s' % (one['line'], one['problem']) for one in state['problems']]
        if not state['exists']:
            wrong = ['%s does not exist.' % state['path']]
        elif state['error']:
            raise _text.SendmailError('%s: %s.' % (state['path'], state['error']))
        return not wrong, 'Sendmail accepts %s' % state['path'], _problems(wrong) or 'nothing wrong in it', wrong
    return predicate


def _unprivileged(look, _limits):
    user = _settings(look, 'msp')['run_as_user']
    return user not in (None, 'root', '0'), 'RunAsUser in submit.cf is not root', user or 'not set', []


def _returns(look, limits):
    times = dict((queue, _settings(look, queue)['timeouts']['queuereturn']) for queue in ('msp', 'mta') if queue in look.files and look.files[queue]['exists'])
    wrong = ['%s: Timeout.queuereturn is %s.' % (look.files[queue]['path'], _span(seconds)) for queue, seconds in sorted(times.items())
             if not 0 < seconds <= limits['queue_return']]
    return not wrong, 'At most %s' % _span(limits['queue_return']), _span(max(times.values())) if times else 'no configuration', wrong


_GOAWAY = ('needmailhelo', 'needexpnhelo', 'needvrfyhelo', 'noexpn', 'novrfy', 'noverb', 'authwarnings')   # what goaway stands for, of interest here


def _privacy(queue):
    def predicate(look, limits):
        flags = _settings(look, queue)['privacy_options']
        known = set(flags) | set(_GOAWAY if 'goaway' in flags else ())
        wanted = limits['privacy_' + queue]
        missing = [word for word in wanted if word.lower() not in known]
        return not missing, ', '.join(wanted), ', '.join(flags) or 'none', ['PrivacyOptions lacks %s.' % ', '.join(missing)] if missing else []
    return predicate


def _closed(look, _limits):
    open_to = sorted(set(one['address'] for one in look.sockets if one['address'] != '::1' and not one['address'].startswith('127.')))
    if not look.relaying:
        return True, 'Strangers cannot relay', 'nothing lets them', []
    if not open_to:
        return True, 'Strangers cannot relay', 'the rules would let them, but Sendmail listens on loopback only', look.relaying
    return False, 'Strangers cannot relay', 'open on %s' % ', '.join(open_to), look.relaying


# QUE: the queues

def _age(queue):
    def predicate(look, limits):
        limit, age = limits[queue + '_age'], _queue(look, queue)['oldest_age']
        return age is None or age <= limit, 'None older than %s' % _span(limit), 'nothing waits' if age is None else 'the oldest is %s old' % _span(age), []
    return predicate


def _count(state, threshold=None):
    def predicate(look, limits):
        counts = [(queue, _queue(look, queue)['messages'][state]) for queue in ('msp', 'mta')]
        limit = limits[threshold] if threshold else 0
        found = ['%d in the %s queue.' % (count, queue.upper()) for queue, count in counts if count]
        total = sum(count for _queue_, count in counts)
        return total <= limit, 'At most %d' % limit if limit else 'None', str(total), found if total > limit else []
    return predicate


def _length(queue):
    def predicate(look, limits):
        count, limit = _queue(look, queue)['messages']['queued'], limits[queue + '_messages']
        return count <= limit, 'At most %d messages' % limit, '%d' % count, []
    return predicate


def _bytes(look, limits):
    sizes = [(queue, _queue(look, queue)['bytes']) for queue in ('msp', 'mta')]
    total = sum(size for _queue_, size in sizes)
    return (total <= limits['queue_bytes'], 'At most %s' % _size(limits['queue_bytes']), _size(total),
            ['%s in the %s queue.' % (_size(size), queue.upper()) for queue, size in sizes if size and total > limits['queue_bytes']])


def _leftovers(look, _limits):
    for queue in ('msp', 'mta'):
        _queue(look, queue)
    paths = [path for queue in sorted(look.leftovers) for path in look.leftovers[queue]]
    total = sum(look.leftovers_total.values())
    return not total, 'None', str(total), paths


def _dead_letters(look, _limits):
    recent = sorted(set('%s, %s ago.' % (one['path'], _span(max(0, look.now - one['mtime']))) for one in look.dead_letters
                        if look.now - one['mtime'] <= _DEAD_LETTER))
    return not recent, 'None in the last %s' % _span(_DEAD_LETTER), str(len(recent)), recent


# STO: file systems

def _rooms(look):
    rooms = [(queue, look.filesystems[queue]) for queue in ('msp', 'mta') if look.filesystems.get(queue)]
    if not rooms:
        raise _text.SendmailError('There is no queue directory to look at.')
    for room in (room for _name, room in rooms):
        if room.get('error'):
            raise _text.SendmailError('%s: %s.' % (room['mount'], room['error']))
    return rooms


def _blocks(look, limits):
    wrong, shown, most = [], [], 0
    for queue, room in _rooms(look):
        least = max(1, _settings(look, queue).get('min_free_blocks', 0)) * limits['free_blocks']
        most = max(most, least)
        shown.append('%d' % room['blocks_free'])
        if room['blocks_free'] < least:
            wrong.append('%s has %d free blocks for the %s queue; MinFreeBlocks is %d.' % (
                room['mount'], room['blocks_free'], queue.upper(), _settings(look, queue).get('min_free_blocks', 0)))
    return not wrong, 'At least %d free blocks, %d times MinFreeBlocks' % (most, limits['free_blocks']), ', '.join(shown), wrong


def _inodes(look, limits):
    found = [(room['mount'], 100 * room['inodes_free'] // room['inodes']) for _queue_, room in _rooms(look) if room['inodes']]
    if not found:
        return None, 'At least %d %% free' % limits['free_inodes'], 'no limit', []
    return (min(share for _mount, share in found) >= limits['free_inodes'], 'At least %d %% free' % limits['free_inodes'],
            '%d %%' % min(share for _mount, share in found), ['%s has %d %%.' % one for one in found if one[1] < limits['free_inodes']])


def _can_write(look, _limits):
    wrong = []
    for queue, room in _rooms(look):
        for key, text in (('read_only', '%s is mounted read-only'), ('immutable', 'the directory on %s is immutable'),
                          ('unmounted', 'a file system of /etc/fstab is not mounted (%s)')):
            if room.get(key):
                wrong.append('%s queue: %s.' % (queue.upper(), text % (room['unmounted'] if key == 'unmounted' else room['mount'])))
    return not wrong, 'Mounted and writable', _problems(wrong) or 'they are', wrong


# NAM: names

def _own_name(look, limits):
    own = look.lookups['own']
    wrong = ['%s has no domain.' % own['name']] if own['unqualified'] else []
    if own['seconds'] >= limits['name_seconds']:
        wrong.append('Looking it up took %.1f seconds, and each start of Sendmail waits for that.' % own['seconds'])
    return not wrong, 'Full, and found within %d seconds' % limits['name_seconds'], own['name'], wrong


def _resolver(look, _limits):
    dead = ['%s: %s.' % (one['address'], one['error']) for one in look.name_servers if one['error']]
    found = _reach.relay_name(look._replace(queues={}))
    names = found[0] if isinstance(found, tuple) else found
    dead = names + dead
    working = len(look.name_servers) - sum(1 for one in look.name_servers if one['error'])
    return working > 0 and not names, 'A name server answers', '%d of %d answer' % (working, len(look.name_servers)), dead


def _guide(*options):
    return tuple('Sendmail Installation and Operation Guide, option ' + option for option in options)


_MAN, _SECURITY, _OP = ('sendmail(8)',), ('SECURITY in the sources of Sendmail',), ('Sendmail Installation and Operation Guide',)
_PERMISSIONS = ('module', 'sendmail_permissions')
_MTA, _MSP, _RUNNER = ('role', 'sendmail_mta'), ('role', 'sendmail_msp'), ('role', 'sendmail_queue_runner')
_MESSAGE, _MANUAL = ('module', 'sendmail_message'), ('manual', None)


def _row(identifier, severity, title, rationale, references, predicate, remedy, text):
    return Control('SMQ-' + identifier, title, severity, rationale, references, predicate, remedy[0], remedy[1], text)


CONTROLS = (
    _row('PRG-01', 'critical', 'The name sendmail belongs to Sendmail',
         'Programs submit mail through this name. Behind it another MTA takes the mail, into a queue that nobody looks at.',
         _MAN, _installed, _MSP, 'Install Sendmail; with another MTA in place set sendmail_msp_replace_other.'),
    _row('PRG-02', 'medium', 'The version of Sendmail is supported', 'Old versions have known holes, and nobody mends them.',
         ('RELEASE_NOTES in the sources of Sendmail',), _supported, _MANUAL, 'Upgrade the package.'),
    _row('PRG-03', 'critical', 'The program is set-group-ID and belongs to root',
         'Without the bit only root can submit mail, and to root everything looks healthy; another owner could replace the program.',
         _SECURITY, _permissions(('binary',), 'program'), _PERMISSIONS, 'Put owner, group and mode right.'),
    _row('MTA-01', 'critical', 'An MTA runs', 'Without it all mail stays in the client queue.', _MAN, _running, _MTA,
         'Restart the service; to start it does nothing while it counts as active.'),
    _row('MTA-02', 'high', 'The MTA is started at boot', 'Otherwise the next boot stops all mail.', _MAN, _enabled, _MTA, 'Enable the service.'),
    _row('MTA-03', 'critical', 'The relay greets', 'submit.cf hands every message there; whatever else answers or does not keeps it in the queue.',
         ('RFC 5321, 4.3.1',), _greets, _MTA, 'Have an MTA answer where submit.cf points.'),
    _row('MTA-04', 'high', 'The MTA listens only where it should', 'A host that only sends needs no port that others reach.',
         _guide('DaemonPortOptions'), _listens, _MANUAL,
         'Set Addr in DAEMON_OPTIONS, rebuild sendmail.cf and restart; or allow the address in the thresholds.'),
    _row('MTA-05', 'medium', 'The MTA takes connections', 'Above RefuseLA it closes its socket, and submissions wait.',
         _guide('RefuseLA'), _takes_mail, _MANUAL, 'Find what loads the host, or raise RefuseLA.'),
    _row('RUN-01', 'high', 'Exactly one runner serves the client queue',
         'Without one, mail that was deferred once is never tried again; several get into the way of each other.',
         _SECURITY, _one_runner, _RUNNER, 'Schedule one and remove the others.'),
    _row('RUN-02', 'medium', 'The runner comes often enough', 'The interval is how long mail stays after the cause is cured.',
         _SECURITY, _interval, _RUNNER, 'Set the interval.'),
    _row('RUN-03', 'high', 'Whatever is to run the queue is alive', 'A line in a crontab does nothing without a cron daemon, and no package asks for one.',
         _MAN, _scheduled, _RUNNER, 'Start the scheduler, or use another mechanism.'),
    _row('RUN-04', 'high', 'Waiting mail was tried lately', 'A runner can be set up and still do nothing; the queue files tell.',
         _MAN, _attempt, _RUNNER, 'Find out why the runner does nothing, then flush with sendmail_queue.'),
    _row('RUN-05', 'medium', 'The load allows queue runs', 'At QueueLA new mail is only queued, and queue runs end at once without an error.',
         _guide('QueueLA'), _load, _MANUAL, 'Find what loads the host, or raise QueueLA.'),
    _row('PRM-01', 'critical', 'The client queue belongs to the submission program',
         'With wrong owners or modes submissions fail, and a queue run turns waiting mail into lost mail.',
         _SECURITY, _permissions(('msp_queue',), 'directory of the client queue'), _PERMISSIONS, 'Put owner, group and mode right before the next run.'),
    _row('PRM-02', 'high', 'The queue of the MTA is closed to others', 'Who can write there can send any mail; who can read there reads all of it.',
         _SECURITY, _permissions(('mta_queue',), 'directory of the MTA queue'), _PERMISSIONS, 'Put owner, group and mode right.'),
    _row('PRM-03', 'critical', 'A queue run loses no message for its owner or mode',
         'A runner renames a control file that others could have written, and no other run tries it.',
         _SECURITY, _hazards(('permissions',), 'None that a run would lose or cannot open'), _PERMISSIONS, 'Put the files right before the next run.'),
    _row('PRM-04', 'high', 'The configuration belongs to root', 'Who can write it decides what runs as root; who cannot read submit.cf cannot submit.',
         _SECURITY, _permissions(('submit_cf', 'sendmail_cf', 'mail_dir'), 'configuration'), _PERMISSIONS, 'Put owner, group and mode right.'),
    _row('PRM-05', 'high', 'Nothing of Sendmail can be written by everybody', 'A table that anybody writes sends mail wherever they like.',
         _guide('DontBlameSendmail'), _writable, _MANUAL, 'Take the write permission for others away.'),
    _row('PRM-06', 'critical', 'The accounts of the submission program exist and fit', 'Without them no message is submitted and no queue run starts.',
         _SECURITY, _accounts, _MSP, 'Make the system accounts; give the user the group of the program as its primary one.'),
    _row('CFG-01', 'critical', 'Sendmail accepts submit.cf', 'With a missing or broken one nobody can submit mail.',
         _OP, _accepted('msp'), _MSP, 'Build it anew from submit.mc.'),
    _row('CFG-02', 'critical', 'Sendmail accepts sendmail.cf', 'A running MTA keeps the old one; with a broken one it does not start again.',
         _OP, _accepted('mta'), _MANUAL, 'Build it anew from sendmail.mc.'),
    _row('CFG-03', 'high', 'The submission program runs without privileges', 'It reads what users hand in; as root a fault in it is everybody\'s root.',
         _guide('RunAsUser'), _unprivileged, _MANUAL, 'Set RunAsUser in submit.mc and build submit.cf anew.'),
    _row('CFG-04', 'low', 'Undeliverable mail is returned in time', 'The sender learns only then that nobody got it.',
         _guide('Timeout.queuereturn'), _returns, _MANUAL, 'Set confTO_QUEUERETURN and build the configuration anew.'),
    _row('POL-01', 'medium', 'The MTA tells strangers little', 'VRFY and EXPN list accounts, and everybody could run the queue.',
         _guide('PrivacyOptions'), _privacy('mta'), _MANUAL, 'Add the words to confPRIVACY_FLAGS in sendmail.mc, build sendmail.cf anew and restart.'),
    _row('POL-02', 'medium', 'Only the owner of the client queue may run it', 'A run by everybody is a way to load the host.',
         _guide('PrivacyOptions'), _privacy('msp'), _MANUAL, 'Add the words to confPRIVACY_FLAGS in submit.mc and build submit.cf anew.'),
    _row('POL-03', 'critical', 'Strangers cannot relay', 'An open relay sends spam in your name within hours.',
         ('cf/README in the sources of Sendmail, ANTI-SPAM CONFIGURATION CONTROL',), _closed, _MANUAL,
         'Take out what the evidence names, build sendmail.cf and the maps anew, and restart.'),
    _row('QUE-01', 'medium', 'No message waits long in the client queue', 'It is handed on within seconds where everything works.',
         _OP, _age('msp'), ('module', 'sendmail_diagnosis_info'), 'Ask the diagnosis why it stays.'),
    _row('QUE-02', 'low', 'No message waits long in the queue of the MTA', 'It would have been returned to its sender by then.',
         _guide('Timeout.queuereturn'), _age('mta'), _MANUAL, 'Look at the reasons with sendmail_message_info.'),
    _row('QUE-03', 'high', 'No message is lost', 'A control file called Qf was given up by a run, and no other tries it.',
         _OP, _count('lost'), _MESSAGE,
         'Cure what the log calls the reason, return them with "state: queued", and flush.'),
    _row('QUE-04', 'medium', 'No message is forgotten in quarantine', 'Nobody is told of it, neither sender nor recipient.',
         _MAN, _count('quarantined', 'quarantined'), _MESSAGE,
         'Decide about each: release it with "state: queued", or move it into an archive with "state: absent".'),
    _row('QUE-05', 'low', 'Nothing lies in the queues that belongs to no message',
         'Left-over rewrites stop every run for minutes; data files without a control file are mail that nobody will get.',
         _OP, _leftovers, ('module', 'sendmail_debris'), 'Move it into an archive with "state: absent"; what is open or young is left alone.'),
    _row('QUE-06', 'medium', 'The client queue is short', 'It is a place of passage; many messages in it mean that nothing passes.',
         _OP, _length('msp'), ('module', 'sendmail_queue'), 'Ask the diagnosis, mend the cause, and flush.'),
    _row('QUE-07', 'low', 'The queue of the MTA is short', 'Length costs every run, and shows a destination that is down or a flood.',
         _OP, _length('mta'), _MANUAL, 'Look at its domains and senders.'),
    _row('QUE-08', 'low', 'The queues are small', 'They fill a file system that is also there for other things.',
         _guide('MaxMessageSize'), _bytes, _MANUAL, 'Look at the largest with sendmail_message_info.'),
    _row('QUE-09', 'critical', 'Every message is whole', 'A run loses, aborts on, or delivers without its body a message that is not.',
         _OP, _hazards(('damaged', 'aborts', 'no_data', 'unreadable'), 'None that is damaged or has no body'), _MESSAGE,
         'Do not flush; move them into an archive with "state: absent" and their ids, or repair them.'),
    _row('QUE-10', 'low', 'No mail was refused lately', 'What Sendmail refuses at once never reaches a queue: it is saved as dead.letter.',
         _guide('DeadLetterDrop'), _dead_letters, _MANUAL, 'Read them; the log says why they were refused.'),
    _row('STO-01', 'high', 'The queues have room', 'Below MinFreeBlocks Sendmail takes no mail, and submissions still end with success.',
         _guide('MinFreeBlocks'), _blocks, _MANUAL, 'Make room.'),
    _row('STO-02', 'high', 'The queues have inodes', 'Without one no message can be queued.', _MAN, _inodes, _MANUAL,
         'Remove small files, or make a larger file system.'),
    _row('STO-03', 'critical', 'The queues can be written', 'On a read-only or missing file system nothing can be queued, or it is queued where nobody looks.',
         _MAN, _can_write, _MANUAL, 'Mount the file system, writable.'),
    _row('NAM-01', 'medium', 'The host has a full name', 'Each start of Sendmail waits a minute for a name without a domain, and for every dead name server.',
         _OP, _own_name, _MANUAL, 'Put the full name, for IPv4 and IPv6, into /etc/hosts.'),
    _row('NAM-02', 'high', 'A name server answers', 'Without one, mail to other domains stays in the client queue although the MTA runs.',
         _guide('ResolverOptions'), _resolver, _MANUAL, 'Mend /etc/resolv.conf; then restart the MTA, which keeps what it read at its start.'),
)
IDS = tuple(control.id for control in CONTROLS)


def limits_of(thresholds=None):
    """Thresholds as numbers: seconds, bytes, counts, names. Raises SendmailError for a value that cannot be read."""
    found = {}
    for name, (kind, default) in _probe.THRESHOLDS.items():
        value = (thresholds or {}).get(name)
        value = default if value is None else value
        if kind == 'version' and not _version(value):
            raise _text.SendmailError('thresholds.version is %r; write a version such as 8.15.2.' % value)
        if kind == 'number' and value < 0:
            raise _text.SendmailError('thresholds.%s is %d; it cannot be below 0.' % (name, value))
        found[name] = _text.duration(value) if kind == 'duration' else _text.size(value) if kind == 'size' else value
    unknown = sorted(set(thresholds or {}) - set(_probe.THRESHOLDS))
    if unknown:
        raise _text.SendmailError('There is no threshold called %s. There are: %s.' % (', '.join(unknown), ', '.join(sorted(_probe.THRESHOLDS))))
    return found


def _by_id(entries, option):
    """The entries of an option by control id."""
    found = {}
    for entry in entries or ():
        if entry['id'] not in IDS:
            raise _text.SendmailError('%s names the control %r, which there is not. The controls are %s to %s; docs/controls.md of the collection lists them.'
                                      % (option, entry['id'], IDS[0], IDS[-1]))
        if entry['id'] in found:
            raise _text.SendmailError('%s names the control %s more than once.' % (option, entry['id']))
        found[entry['id']] = entry
    return found


def _waiver(entry, today):
    """A waiver with whether it has expired. It holds until the end of its day, in UTC."""
    expires = str(entry['expires'])
    try:
        time.strptime(expires, '%Y-%m-%d')
    except ValueError:
        expires = ''
    if not re.match(r'\d{4}-\d\d-\d\d$', expires):
        raise _text.SendmailError('The waiver of %s expires on %r; write a day such as 2027-03-31.' % (entry['id'], entry['expires']))
    if not entry['reason'].strip():
        raise _text.SendmailError('The waiver of %s gives no reason.' % entry['id'])
    return {'id': entry['id'], 'reason': entry['reason'], 'expires': expires, 'expired': expires < today}


def settled(thresholds=None, overrides=None, waivers=None, now=None):
    """The options checked, before anything is looked at: (limits, overrides by id, waivers by id). Raises SendmailError."""
    today = time.strftime('%Y-%m-%d', time.gmtime(now))
    return limits_of(thresholds), _by_id(overrides, 'overrides'), dict(
        (identifier, _waiver(entry, today)) for identifier, entry in _by_id(waivers, 'waivers').items())


def _judge(control, look, limits):
    """(status, expected, actual, evidence) of one control."""
    if look.program['sendmail'] is None and control.predicate is not _installed:
        return 'not_applicable', '', '', ['There is no Sendmail on this host.']
    try:
        holds, expected, actual, evidence = control.predicate(look, limits)
    except _text.SendmailError as error:
        return 'error', '', 'unknown', [str(error)]
    except Exception as error:  # noqa: BLE001 - one control that cannot be judged is one error, not a host without a result
        return 'error', '', 'unknown', ['This control could not be judged: %s: %s.' % (type(error).__name__, error)]
    return {True: 'pass', False: 'fail', None: 'not_applicable'}[holds], expected, actual, evidence


def comply(look, settled_options):
    """Every control, in the order of the table: {controls, summary, compliant}, see the module sendmail_compliance_info.

    C(look): _look.Look, as _probe.plain() makes it; C(settled_options): of L(settled).
    """
    limits, overrides, waivers = settled_options
    found = []
    for control in CONTROLS:
        override = overrides.get(control.id, {})
        waiver = waivers.get(control.id)
        if override.get('enabled', True):
            status, expected, actual, evidence = _judge(control, look, limits)
        else:
            status, expected, actual, evidence = 'not_applicable', '', '', ['Switched off.']
        if waiver and waiver['expired']:
            evidence = ['The waiver expired on %s.' % waiver['expires']] + evidence
        elif waiver and status == 'fail':
            status = 'waived'
        cut = len(evidence) - EVIDENCE_MAX
        found.append({
            'id': control.id, 'title': control.title, 'severity': override.get('severity') or control.severity, 'status': status, 'expected': expected,
            'actual': actual, 'evidence': evidence[:EVIDENCE_MAX] + (['%d more.' % cut] if cut > 0 else []),
            'remedy': {'kind': control.remedy, 'name': control.name, 'text': control.text}, 'references': list(control.references), 'waiver': waiver})
    summary = dict((status, sum(1 for one in found if one['status'] == status)) for status in STATUSES)
    return {'controls': found, 'summary': summary, 'compliant': not summary['fail'] and not summary['error']}


def host_of(look):
    """What a report says of the queues of one host, in a few kilobytes."""
    queues = {}
    for name, queue in look.queues.items():
        queues[name] = {'messages': queue['messages'], 'oldest_age': queue['oldest_age'], 'last_attempt_age': queue.get('last_attempt_age'),
                        'bytes': queue.get('bytes', 0), 'reasons': dict((one['reason'], one['messages']) for one in queue.get('top', {}).get('reasons', [])),
                        'senders': queue.get('top', {}).get('senders', [])[:3]}
    return {'queues': queues, 'domains': look.domains, 'domains_cut': look.domains_cut, 'version': look.program['version'], 'platform': look.family}
