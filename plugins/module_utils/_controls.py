# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What a compliant host satisfies: a table of controls, each a predicate over one look at a host.

To add a control is to add a row; docs/controls.md comes from the table. An id never changes its meaning and is never used again.
"""

import re
import time
from fnmatch import fnmatchcase
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import _checks, _compliance, _look, _published, _reach, _text

SEVERITIES = _compliance.SEVERITIES
STATUSES = ('pass', 'fail', 'waived', 'not_applicable', 'error')
EVIDENCE_MAX = 5       # sentences of each control
Look = _look.Look
Limits = Dict[str, Any]
Settled = Tuple[Limits, Dict[str, Any], Dict[str, Any], str]
Judgement = _published.Judgement


class Control(NamedTuple):
    """One row. It fails when one of its checks finds something wrong; C(words(look, limits, wrong)) are (expected, actual).

    Without checks C(words(look, limits)) is a judgement of its own: (whether it holds, None where it does not apply; expected, actual,
    evidence). Words raise SendmailError where nothing can be told.
    """

    id: str
    title: str
    severity: str
    rationale: str
    references: Tuple[str, ...]
    words: Callable[..., Any]
    remedy: str                           # role, module or manual
    name: Optional[str]                   # of the role or module
    text: str
    checks: Tuple[_checks.Check, ...] = ()
    profile: str = _compliance.PROFILES[0]   # the first that it belongs to


def _span(seconds: int) -> str:
    parts = ['%d %s' % (amount, unit if amount == 1 else unit + 's') for amount, unit in (
        (seconds // 86400, 'day'), (seconds % 86400 // 3600, 'hour'), (seconds % 3600 // 60, 'minute'), (seconds % 60, 'second')) if amount]
    return ' '.join(parts[:2]) or '0 seconds'


def _size(count: float) -> str:
    for unit in ('bytes', 'KiB', 'MiB'):
        if count < 1024:
            return '%d %s' % (count, unit)
        count /= 1024
    return '%.1f GiB' % count


NO_MTA = 'There is no MTA on this host, and no queue of one.'


class _NoMta(_text.SendmailError):
    """A control asks for what only an MTA has."""


def _bare(look: Look) -> bool:
    """Whether this is a null client where not even a configuration of an MTA was installed."""
    state = look.files['mta']
    return not state['exists'] and not state['error'] and _needless(look)


def _queues(look: Look) -> Tuple[str, ...]:
    return ('msp',) if _bare(look) else ('msp', 'mta')


def _queue(look: Look, queue: str) -> Dict[str, Any]:
    """The figures of a queue, where it can be read."""
    if queue not in _queues(look):
        raise _NoMta(NO_MTA)
    wrong = [one for one in look.errors if one['queue'] == queue]
    if wrong or queue not in look.queues:
        raise _text.SendmailError('The queue cannot be judged: %s' % ('%s: %s.' % (wrong[0]['path'], wrong[0]['error']) if wrong else 'it was not read.'))
    return look.queues[queue]


def _settings(look: Look, queue: str) -> Dict[str, Any]:
    if queue not in look.settings:
        raise _text.SendmailError('%s cannot be read.' % look.files[queue]['path'])
    return look.settings[queue]


def _version(text: str) -> Tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r'\d+', text)[:4])


def _supported(look: Look, limits: Limits) -> Judgement:
    actual = look.program['version']
    if not actual:
        raise _text.SendmailError('%s does not say its version.' % look.program['sendmail'])
    return _version(actual) >= _version(limits['version']), '%s or later' % limits['version'], actual, []


def _wanted(look: Look, keys: Sequence[str]) -> List[Dict[str, Any]]:
    return [one for one in look.wanted if one['key'] in keys and (one['key'] != 'sendmail_cf' or not _bare(look))]


def _wrong_rights(one: Dict[str, Any]) -> str:
    """What is wrong with a path by the platform's table, as a sentence, or nothing."""
    state = one['found']
    actual = [state['owner'], state['group'], state['mode']]
    if not state['exists']:
        return '%s: %s.' % (one['path'], state['error'] or 'does not exist')
    if one['owner'] not in (None, actual[0]) or one['group'] not in (None, actual[1]) or (int(one['mode'], 8) ^ int(actual[2], 8)) & ~one['spare']:
        return '%s is %s:%s %s; it has to be %s:%s %s.' % tuple([one['path']] + actual + [one['owner'] or '*', one['group'] or '*', one['mode']])
    return ''


def _rights(*keys: str) -> _checks.Check:
    def check(look: Look, _limits: Limits) -> _checks.Found:
        return _checks.said([text for text in (_wrong_rights(one) for one in _wanted(look, keys)) if text])
    return check


def _rights_words(nouns: str, *keys: str) -> Callable[..., Tuple[str, str]]:
    def words(look: Look, _limits: Limits, _wrong: bool) -> Tuple[str, str]:
        wanted = _wanted(look, keys)
        if keys == ('mta_queue',) and _bare(look):
            raise _NoMta(NO_MTA)
        if not wanted:
            raise _text.SendmailError('There is no %s to check.' % nouns if look.layout.rules else
                                      'Nobody knows the owners and modes of this packaging.')
        expected = ', '.join(sorted(set('%s:%s %s' % (one['owner'] or '*', one['group'] or '*', one['mode']) for one in wanted)))
        return expected, '%d of %d right' % (sum(1 for one in wanted if not _wrong_rights(one)), len(wanted))
    return words


# The words of rows that rest on checks

def _words(expected: str, fine: str, bad: str) -> Callable[..., Tuple[str, str]]:
    """Words that do not depend on the host."""
    def words(_look: Look, _limits: Limits, wrong: bool) -> Tuple[str, str]:
        return expected, bad if wrong else fine
    return words


def _installed(look: Look, _limits: Limits, _wrong: bool) -> Tuple[str, str]:
    program = look.program
    return 'The name sendmail leads to Sendmail', program['target'] if program['is_sendmail'] else '%s (%s)' % (
        program['target'] or program['path'], program['other_mta'] or 'unknown') if program['path'] else 'nothing'


def _running(look: Look, _limits: Limits, _wrong: bool) -> Tuple[str, str]:
    found = ['%s (process %s)' % (process['title'], process['pid']) for process in _reach.daemons(look)]
    return 'A daemon that accepts mail', found[0] if found else 'submit.cf hands mail to %s' % _reach.where(look) if _needless(look) else 'none'


def _connections(look: Look, _limits: Limits, wrong: bool) -> Tuple[str, str]:
    return 'The MTA takes connections', 'it refuses them' if wrong else 'it does' if _reach.daemons(look) else 'no MTA runs here'


def _runners(look: Look, _limits: Limits, _wrong: bool) -> Tuple[str, str]:
    return 'Exactly one', str(len(_checks.active_runners(look)))


def _scheduled(look: Look, _limits: Limits, _wrong: bool) -> Tuple[str, str]:
    return 'Every runner that is set up does its work', '%d of %d do' % (len([one for one in look.runners if one['active']]), len(look.runners))


def _attempt(look: Look, limits: Limits, _wrong: bool) -> Tuple[str, str]:
    queue, limit = _queue(look, 'msp'), limits['last_attempt']
    age = queue['untried_age'] if queue['messages']['queued'] else None
    return 'Waiting mail is tried every %s' % _span(limit), 'nothing waits' if age is None else 'one waits for %s' % _span(age)


def _load(look: Look, _limits: Limits, _wrong: bool) -> Tuple[str, str]:
    return 'Low enough for all that waits; QueueLA is %d' % _settings(look, 'msp')['queue_la'], '%.1f' % (look.load[0] if look.load else 0)


def _accounts(look: Look, _limits: Limits, wrong: bool) -> Tuple[str, str]:
    return 'User %s and group %s exist, and belong together' % (look.submitter['user'], look.submitter['group']), 'they do not' if wrong else 'they do'


def _messages(kind: str, expected: str) -> Callable[..., Tuple[str, str]]:
    def words(look: Look, _limits: Limits, _wrong: bool) -> Tuple[str, str]:
        _queue(look, 'msp')
        if None in (look.submitter['uid'], look.submitter['gid']):
            raise _text.SendmailError('The account of the mail submission program does not exist.')
        return expected, '%d of %s' % (look.endangered.get(kind, 0), _text.count(look.inspected, 'message'))
    return words


def _accepted(queue: str) -> Callable[..., Tuple[str, str]]:
    def words(look: Look, _limits: Limits, wrong: bool) -> Tuple[str, str]:
        state = look.files[queue]
        if state['error']:
            raise _text.SendmailError('%s: %s.' % (state['path'], state['error']))
        return 'Sendmail accepts %s' % state['path'], 'problems: %d' % max(1, len(state['problems'])) if wrong else 'nothing wrong in it'
    return words


def _count(state: str, threshold: str = '') -> Callable[..., Tuple[str, str]]:
    def words(look: Look, limits: Limits, _wrong: bool) -> Tuple[str, str]:
        total = sum(_queue(look, queue)['messages'][state] for queue in _queues(look))
        return 'At most %d' % limits[threshold] if limits.get(threshold) else 'None', str(total)
    return words


def _letters(look: Look, _limits: Limits, _wrong: bool) -> Tuple[str, str]:
    return 'None in the last %s' % _span(_checks.RECENT), str(len(_checks.dead_letters(look, {}).evidence))


def _blocks(look: Look, limits: Limits, _wrong: bool) -> Tuple[str, str]:
    rooms = _rooms(look)
    most = max(max(1, _settings(look, queue).get('min_free_blocks', 0)) for queue, _room in rooms) * limits['free_blocks']
    return 'At least %d free blocks, %d times MinFreeBlocks' % (most, limits['free_blocks']), ', '.join('%d' % room['blocks_free'] for _queue_, room in rooms)


def _inodes(look: Look, limits: Limits, _wrong: bool) -> Tuple[str, str]:
    shares = [100 * room['inodes_free'] // room['inodes'] for _queue_, room in _rooms(look) if room['inodes']]
    return 'At least %d %% free' % limits['free_inodes'], '%d %%' % min(shares) if shares else 'no limit'


def _can_write(look: Look, _limits: Limits, wrong: bool) -> Tuple[str, str]:
    if not wrong:
        _rooms(look)
    return 'Mounted and writable', 'not all are' if wrong else 'they are'


def _own_name(look: Look, limits: Limits, _wrong: bool) -> Tuple[str, str]:
    return 'Full, and found within %d seconds' % limits['name_seconds'], look.lookups['own']['name']


def _no_server(look: Look, _limits: Limits) -> _checks.Found:
    dead = ['%s: %s.' % (one['address'], one['error']) for one in look.name_servers if one['error']]
    return _checks.Found(len(dead) == len(look.name_servers), dead)


def _servers(look: Look, _limits: Limits, _wrong: bool) -> Tuple[str, str]:
    return 'A name server answers', '%d of %d answer' % (sum(1 for one in look.name_servers if not one['error']), len(look.name_servers))


def _needless(look: Look) -> bool:
    """Whether this host needs no MTA: submit.cf hands mail to another one, and none runs here."""
    return not _reach.local(look) and not _reach.daemons(look)


def _enabled(look: Look, _limits: Limits) -> Judgement:
    if _needless(look):
        return None, 'An MTA, where submit.cf hands mail to this host', 'submit.cf hands mail to %s' % _reach.where(look), []
    actual = 'masked' if look.services['mta']['masked'] else {True: 'enabled', False: 'disabled', None: 'no such service'}[look.services['mta']['enabled']]
    return actual == 'enabled', 'The service %s is started at boot' % look.services['mta']['name'], actual, []


def _greets(look: Look, _limits: Limits) -> Judgement:
    if look.relay is None:
        raise _text.SendmailError('submit.cf does not say where mail is handed to.')
    g = look.greeting or {'answered': False, 'text': None, 'error': 'not asked'}
    wrong = _reach.breaks_off(look) + _reach.turns_away(look)
    return (bool(g['answered'] and not g['error'] and not wrong), '%s answers with 220 and takes mail' % _reach.where(look),
            g['text'] or (g['error'] or 'nothing').replace('_', ' '), wrong)


def _listens(look: Look, limits: Limits) -> Judgement:
    places = sorted(set((one['address'], one['port']) for one in look.sockets))
    wrong = ['Sendmail listens on %s port %d.' % place for place in places if not any(fnmatchcase(place[0], pattern) for pattern in limits['listen'])]
    if not places:
        return None, 'Only %s' % ', '.join(limits['listen']), 'nowhere', []
    return not wrong, 'Only %s' % ', '.join(limits['listen']), ', '.join('%s port %d' % place for place in places), wrong


def _interval(look: Look, limits: Limits) -> Judgement:
    known = _checks.paces(look)
    if not known:
        return None, 'At most %s' % _span(limits['runner_interval']), 'no runner with an interval', []
    return min(known) <= limits['runner_interval'], 'At most %s' % _span(limits['runner_interval']), _span(min(known)), []


def _writable(look: Look, _limits: Limits) -> Judgement:
    return not look.writable, 'None', str(len(look.writable)), look.writable


def _unprivileged(look: Look, _limits: Limits) -> Judgement:
    user = _settings(look, 'msp')['run_as_user']
    return user not in (None, 'root', '0'), 'RunAsUser in submit.cf is not root', user or 'not set', []


def _returns(look: Look, limits: Limits) -> Judgement:
    times = dict((queue, _settings(look, queue)['timeouts']['queuereturn']) for queue in ('msp', 'mta') if queue in look.files and look.files[queue]['exists'])
    wrong = ['%s: Timeout.queuereturn is %s.' % (look.files[queue]['path'], _span(seconds)) for queue, seconds in sorted(times.items())
             if not 0 < seconds <= limits['queue_return']]
    return not wrong if times else None, 'At most %s' % _span(limits['queue_return']), _span(max(times.values())) if times else 'no configuration', wrong


_GOAWAY = ('needmailhelo', 'needexpnhelo', 'needvrfyhelo', 'noexpn', 'novrfy', 'noverb', 'authwarnings')   # what goaway stands for, of interest here


def _privacy(queue: str) -> Callable[[Look, Limits], Judgement]:
    def predicate(look: Look, limits: Limits) -> Judgement:
        state = look.files[queue]
        if queue == 'mta' and not (state['exists'] or state['error']):
            return None, '', 'there is no %s' % state['path'], []
        flags = _settings(look, queue)['privacy_options']
        known = set(flags) | set(_GOAWAY if 'goaway' in flags else ())
        wanted = limits['privacy_' + queue]
        missing = [word for word in wanted if word.lower() not in known]
        return not missing, ', '.join(wanted), ', '.join(flags) or 'none', ['PrivacyOptions lacks %s.' % ', '.join(missing)] if missing else []
    return predicate


def _closed(look: Look, _limits: Limits) -> Judgement:
    open_to = sorted(set(one['address'] for one in look.sockets if one['address'] != '::1' and not one['address'].startswith('127.')))
    if look.files['mta']['exists'] or look.files['mta']['error']:
        _settings(look, 'mta')
    if not look.relaying:
        return True, 'Strangers cannot relay', 'nothing lets them', []
    if not open_to:
        return True, 'Strangers cannot relay', 'the rules would let them, but Sendmail listens on loopback only', look.relaying
    return False, 'Strangers cannot relay', 'open on %s' % ', '.join(open_to), look.relaying


# QUE: the queues

def _age(queue: str) -> Callable[[Look, Limits], Judgement]:
    def predicate(look: Look, limits: Limits) -> Judgement:
        limit, age = limits[queue + '_age'], _queue(look, queue)['oldest_age']
        return age is None or age <= limit, 'None older than %s' % _span(limit), 'nothing waits' if age is None else 'the oldest is %s old' % _span(age), []
    return predicate


def _length(queue: str) -> Callable[[Look, Limits], Judgement]:
    def predicate(look: Look, limits: Limits) -> Judgement:
        count, limit = _queue(look, queue)['messages']['queued'], limits[queue + '_messages']
        return count <= limit, 'At most %s' % _text.count(limit, 'message'), '%d' % count, []
    return predicate


def _bytes(look: Look, limits: Limits) -> Judgement:
    sizes = [(queue, _queue(look, queue)['bytes']) for queue in _queues(look)]
    total = sum(size for _queue_, size in sizes)
    return (total <= limits['queue_bytes'], 'At most %s' % _size(limits['queue_bytes']), _size(total),
            ['%s in the %s queue.' % (_size(size), queue.upper()) for queue, size in sizes if size and total > limits['queue_bytes']])


def _leftovers(look: Look, _limits: Limits) -> Judgement:
    for queue in _queues(look):
        _queue(look, queue)
    paths = [path for queue in sorted(look.leftovers) for path in look.leftovers[queue]]
    total = sum(look.leftovers_total.values())
    return not total, 'None', str(total), paths


# STO: file systems

def _rooms(look: Look) -> List[Tuple[str, Dict[str, Any]]]:
    rooms = [(queue, look.filesystems[queue]) for queue in ('msp', 'mta') if look.filesystems.get(queue)]
    if not rooms:
        raise _text.SendmailError('There is no queue directory to check.')
    for room in (room for _name, room in rooms):
        if room.get('error'):
            raise _text.SendmailError('%s: %s.' % (room['mount'], room['error']))
    return rooms


def _guide(*options: str) -> Tuple[str, ...]:
    return tuple('Sendmail Installation and Operation Guide, option ' + option for option in options)


_MAN, _SECURITY, _OP = ('sendmail(8)',), ('SECURITY in the sources of Sendmail',), ('Sendmail Installation and Operation Guide',)
_PERMISSIONS = ('module', 'sendmail_permissions')
_MTA, _MSP, _RUNNER = ('role', 'sendmail_mta'), ('role', 'sendmail_msp'), ('role', 'sendmail_queue_runner')
_MESSAGE, _MANUAL = ('module', 'sendmail_message'), ('manual', None)


def _row(identifier: str, severity: str, title: str, rationale: str, references: Tuple[str, ...], words: Callable[..., Any], remedy: Tuple[str, Optional[str]],
         text: str, *checks: _checks.Check) -> Control:
    return Control('SMQ-' + identifier, title, severity, rationale, references, words, remedy[0], remedy[1], text, checks)


def _stig(*values: Any) -> Control:
    """A row that a stock host of some distribution fails: it is in the profile stig alone."""
    return _row(*values)._replace(profile='stig')


def _aix(*rules: str) -> Tuple[str, ...]:
    return tuple('IBM AIX 7.x STIG, ' + rule for rule in rules)


def _unix(*rules: str) -> Tuple[str, ...]:
    return tuple('DISA STIGs of UNIX systems, ' + rule for rule in rules)


CONTROLS = (
    _row('PRG-01', 'critical', 'The name sendmail belongs to Sendmail',
         'Programs submit mail through this name. Behind it another MTA takes the mail, into a queue that nobody looks at.',
         _MAN, _installed, _MSP, 'Install it with the playbook mailops.sendmail.ensure_submission.',
         _checks.not_installed, _checks.other_program),
    _row('PRG-02', 'medium', 'The version of Sendmail is supported', 'Old versions have known holes, and nobody fixes them.',
         ('RELEASE_NOTES in the sources of Sendmail',) + _aix('V-215414') + _unix('GEN004600', 'GEN004620'), _supported, _MANUAL, 'Upgrade Sendmail.'),
    _row('PRG-03', 'critical', 'The program is set-group-ID and belongs to root',
         'Without the bit only root can submit mail, and to root everything looks healthy; another owner could replace the program.',
         _SECURITY, _rights_words('program', 'binary'), _PERMISSIONS, 'Put owner, group and mode right.',
         _rights('binary'), _checks.program_rights),
    _row('PRG-04', 'high', 'Sendmail has the classes of map that it uses', 'A configuration that was made for another build is refused, or its lookups fail.',
         _OP, _published.compiled, _MANUAL, 'Use another class of map, or a package of Sendmail that was built with it.'),
    _stig('PRG-05', 'medium', 'Sendmail is wanted here', 'A mail server that nobody needs is one more program that strangers can reach; some rules forbid it.',
          _aix('V-215353') + ('RHEL 8 STIG, V-230489', 'RHEL 9 STIG, V-257827'), _published.wanted, _MANUAL,
          'Say that it is wanted, with "wanted: true" among the thresholds of the host, or remove the package.'),
    _row('MTA-01', 'critical', 'An MTA runs', 'Without it all mail stays in the client queue.', _MAN, _running, _MTA,
         'Restart the service (a start may do nothing). Fix SMQ-PRM-03 and SMQ-QUE-09 first, because a start runs the queue.',
         _checks.no_daemon),
    _row('MTA-02', 'high', 'The MTA is started at boot', 'Otherwise the next boot stops all mail.', _MAN, _enabled, _MTA, 'Enable the service.'),
    _row('MTA-03', 'critical', 'The relay takes mail',
         'submit.cf hands every message there: one that does not answer keeps it in the queue, one that refuses returns it.',
         ('RFC 5321, 4.3.1',), _greets, _MTA, 'Have an MTA answer where submit.cf points, and take mail from this host.'),
    _row('MTA-04', 'high', 'The MTA listens only where it should', 'A host that only sends needs no port that others reach.',
         _guide('DaemonPortOptions'), _listens, _MANUAL,
         'Set Addr in DAEMON_OPTIONS, rebuild sendmail.cf and restart; or allow the address in the thresholds.'),
    _row('MTA-05', 'medium', 'The MTA takes connections', 'Above RefuseLA it closes its socket, and submissions wait.',
         _guide('RefuseLA'), _connections, _MANUAL, 'Find what loads the host, or raise RefuseLA.',
         _checks.rejecting),
    _row('RUN-01', 'high', 'Exactly one runner serves the client queue',
         'Without one, mail that was deferred once is never tried again; several get in each other\'s way.',
         _SECURITY, _runners, _RUNNER, 'Schedule one and remove the others.',
         _checks.no_runner, _checks.several_runners),
    _row('RUN-02', 'medium', 'The runner comes often enough', 'The interval is how long mail stays after the cause is fixed.',
         _SECURITY, _interval, _RUNNER, 'Set the interval.'),
    _row('RUN-03', 'high', 'The scheduler of each runner is running', 'A line in a crontab does nothing without a cron daemon, and no package asks for one.',
         _MAN, _scheduled, _RUNNER, 'Start the scheduler, or use another mechanism.',
         _checks.dead_runners),
    _row('RUN-04', 'high', 'Waiting mail was tried lately', 'A runner can be set up and still do nothing; the queue files tell.',
         _MAN, _attempt, _RUNNER, 'Find out why the runner does nothing, then flush with sendmail_queue.',
         _checks.overdue),
    _row('RUN-05', 'medium', 'The load allows queue runs',
         'From QueueLA on, mail with the worst priority is passed over in silence; far above it whole runs are skipped.',
         _guide('QueueLA'), _load, _MANUAL, 'Find what loads the host, or raise QueueLA.',
         _checks.overload),
    _row('PRM-01', 'critical', 'The client queue belongs to the submission program',
         'With wrong owners or modes submissions fail, and a queue run turns waiting mail into lost mail.',
         _SECURITY, _rights_words('directory of the client queue', 'msp_queue'), _PERMISSIONS, 'Put owner, group and mode right before the next run.',
         _rights('msp_queue'), _checks.queue_rights),
    _row('PRM-02', 'high', 'The queue of the MTA is closed to others', 'Whoever can write there can send any mail, and whoever can read there reads all of it.',
         _SECURITY, _rights_words('directory of the MTA queue', 'mta_queue'), _PERMISSIONS, 'Put owner, group and mode right.',
         _rights('mta_queue')),
    _row('PRM-03', 'critical', 'A queue run loses no message for its owner or mode',
         'A runner renames a control file that others could have written, and no other run tries it.',
         _SECURITY, _messages('permissions', 'None that a run would lose or cannot open'), _PERMISSIONS, 'Put the files right before the next run.',
         _checks.message_rights),
    _row('PRM-04', 'high', 'The configuration belongs to root', 'Whoever can write it decides what runs as root; users have to read submit.cf to submit.',
         _SECURITY, _rights_words('configuration', 'submit_cf', 'sendmail_cf', 'mail_dir'), _PERMISSIONS, 'Put owner, group and mode right.',
         _rights('submit_cf', 'sendmail_cf', 'mail_dir')),
    _row('PRM-05', 'high', 'Nothing of Sendmail can be written by everybody', 'Whoever can write a table can send mail wherever they like.',
         _guide('DontBlameSendmail'), _writable, _MANUAL, 'Remove the write permission of others.'),
    _row('PRM-06', 'critical', 'The accounts of the submission program exist and fit', 'Without them no message is submitted and no queue run starts.',
         _SECURITY, _accounts, _MSP, 'Create the system accounts; give the user the group of the program as its primary one.',
         _checks.accounts, _checks.conflict),
    _row('PRM-07', 'critical', 'An ordinary user can submit mail',
         'To root everything looks well; a directory on the way or a mount option can keep everybody else out.',
         _SECURITY, _words('Nothing stands in the way', 'nothing does', 'something does'), _MANUAL, 'Remove the obstacle that the evidence names.',
         _checks.submitting),
    _row('CFG-01', 'critical', 'Sendmail accepts submit.cf', 'With a missing or broken one nobody can submit mail.',
         _OP, _accepted('msp'), _MSP, 'Rebuild it from submit.mc.',
         _checks.msp_configuration),
    _row('CFG-02', 'critical', 'Sendmail accepts sendmail.cf', 'A running MTA keeps the old one; with a broken one it does not start again.',
         _OP, _accepted('mta'), _MANUAL, 'Rebuild it from sendmail.mc.',
         _checks.mta_configuration),
    _row('CFG-03', 'high', 'The submission program runs without privileges', 'It reads what users submit: as root, a flaw in it would make every user root.',
         _guide('RunAsUser'), _unprivileged, _MANUAL, 'Set confRUN_AS_USER in submit.mc and rebuild submit.cf.'),
    _row('CFG-04', 'low', 'Undeliverable mail is returned in time', 'Only then does the sender learn that nobody got it.',
         _guide('Timeout.queuereturn'), _returns, _MANUAL, 'Set confTO_QUEUERETURN and rebuild the configuration.'),
    _row('POL-01', 'medium', 'The MTA tells strangers little', 'VRFY and EXPN list accounts, and anybody could run the queue.',
         _guide('PrivacyOptions') + _aix('V-215415') + _unix('GEN004660', 'GEN004680'), _privacy('mta'), _MANUAL,
         'Add the words to confPRIVACY_FLAGS in sendmail.mc, rebuild sendmail.cf and restart.'),
    _row('POL-02', 'medium', 'Only the owner of the client queue may run it', 'If any user can run it, any user can load the host.',
         _guide('PrivacyOptions'), _privacy('msp'), _MANUAL, 'Add the words to confPRIVACY_FLAGS in submit.mc and rebuild submit.cf.'),
    _row('POL-03', 'critical', 'Strangers cannot relay', 'An open relay sends spam in your name within hours.',
         ('cf/README in the sources of Sendmail, ANTI-SPAM CONFIGURATION CONTROL',) + _unix('GEN004710'), _closed, _MANUAL,
         'Remove what the evidence names, rebuild sendmail.cf and the maps, and restart.'),
    _row('POL-04', 'medium', 'Sendmail logs every message', 'Below level 9 nothing says what became of a message, or who sent it.',
         _aix('V-215344') + _unix('GEN004440'), _published.log_level, _MANUAL, 'Set confLOG_LEVEL to 9, rebuild the configuration and restart.'),
    _stig('POL-05', 'low', 'The greeting does not tell the version', 'Attackers find hosts with a known hole by the greeting alone.',
          _aix('V-215412') + _unix('GEN004560'), _published.greeting, _MANUAL,
          'Set confSMTP_LOGIN_MSG to "$j ready at $b", rebuild sendmail.cf and restart.'),
    _stig('POL-06', 'medium', 'HELP has no file', 'The usual file tells the version, and where to report problems.',
          _aix('V-215417') + _unix('GEN004540'), _published.helpfile, _MANUAL,
          'Empty the file, and keep it: without one, HELP answers with the version of Sendmail.'),
    _stig('POL-07', 'low', 'Users cannot forward their mail', 'A .forward sends the mail of an account elsewhere, and can make loops.',
          _aix('V-215413') + _unix('GEN004580'), _published.forward, _MANUAL,
          'Define confFORWARD_PATH as empty, rebuild sendmail.cf and restart.'),
    _stig('ALI-01', 'high', 'No alias decodes mail', 'uudecode writes what a stranger sends into files whose names the stranger gives.',
          _unix('GEN004640'), _published.decode, _MANUAL, 'Remove the aliases decode and uudecode, and run newaliases.'),
    _row('ALI-02', 'high', 'Programs of aliases can be changed by root alone', 'Mail runs them: whoever can write to one can run anything.',
         _unix('GEN004400', 'GEN004420'), _published.programs, _MANUAL,
         'Give program and directories to root and remove the write permission of others; or remove the alias, and run newaliases.'),
    _row('ALI-03', 'medium', 'The alias files can be changed by root alone', 'Whoever can write them can read the mail of root, and run programs.',
         _unix('GEN004360', 'GEN004380'), _published.alias_rights, _MANUAL, 'Give the file to root with mode 0644, and run newaliases.'),
    _row('ALI-04', 'medium', 'The alias maps are up to date', 'Sendmail looks into the map: what was changed in the text alone has no effect.',
         _MAN, _published.alias_age, _MANUAL, 'Run newaliases.'),
    _stig('ALI-05', 'medium', 'Mail to postmaster and root reaches somebody', 'Bounces of bounces, warnings and complaints go there.',
          ('RFC 5321, 4.5.1', 'RHEL 9 STIG, V-257953', 'RHEL 9 STIG, V-258174'), _published.resolves, _MANUAL,
          'Give both an alias that leads to a person, run newaliases, and try it with sendmail -bv.'),
    _row('LOG-01', 'medium', 'Mail is logged where root alone can write', 'The log says what became of a message; whoever can write to it can forge that.',
         _unix('GEN004460', 'GEN004480', 'GEN004500'), _published.logged, _MANUAL,
         'Have mail.info written to a file of root with mode 0640, or run journald.'),
    _row('TLS-01', 'high', 'The keys of TLS are secret', 'Whoever has the key can pose as this host. Sendmail does not use one that others can read.',
         _guide('ServerKeyFile'), _published.keys, _MANUAL,
         'Give the key to root with mode 0600; 0640 where submit.cf names it too, with GroupReadableKeyFile.'),
    _row('TLS-02', 'high', 'The certificates of TLS are valid', 'Relays that verify them refuse mail from the day they expire.',
         _guide('ServerCertFile'), _published.certificates, _MANUAL, 'Renew the certificate, and restart.'),
    _row('QUE-01', 'medium', 'No message waits long in the client queue', 'It is handed on within seconds where everything works.',
         _OP, _age('msp'), ('module', 'sendmail_diagnosis_info'), 'Ask the diagnosis why it stays.'),
    _row('QUE-02', 'low', 'No message waits long in the queue of the MTA', 'It would have been returned to its sender by then.',
         _guide('Timeout.queuereturn'), _age('mta'), _MANUAL, 'Look at the reasons with sendmail_message_info.'),
    _row('QUE-03', 'high', 'No message is lost', 'A control file called Qf was given up by a run, and no other tries it.',
         _OP, _count('lost'), _MESSAGE,
         'Fix the reason that the log gives, return them with "state: queued", and flush.',
         _checks.lost),
    _row('QUE-04', 'medium', 'No message is forgotten in quarantine', 'Nobody is told of it, neither sender nor recipient.',
         _MAN, _count('quarantined', 'quarantined'), _MESSAGE,
         'Decide about each: release it with "state: queued", or move it into an archive with "state: absent".',
         _checks.quarantined),
    _row('QUE-05', 'low', 'The queues hold no debris',
         'Left-over rewrites stop every run for minutes; data files without a control file are mail that nobody will get.',
         _OP, _leftovers, ('module', 'sendmail_debris'), 'Move it into an archive with "state: absent"; what is open or young is left alone.'),
    _row('QUE-06', 'medium', 'The client queue is short', 'Mail only passes through it; many messages mean that it is stuck.',
         _OP, _length('msp'), ('module', 'sendmail_queue'), 'Ask the diagnosis, fix the cause, and flush.'),
    _row('QUE-07', 'low', 'The queue of the MTA is short', 'A long queue slows every run, and hints at a destination that is down or a flood.',
         _OP, _length('mta'), _MANUAL, 'Look at its domains and senders.'),
    _row('QUE-08', 'low', 'The queues use little space', 'They can fill a file system that other programs need too.',
         _guide('MaxMessageSize'), _bytes, _MANUAL, 'Look at the largest with sendmail_message_info.'),
    _row('QUE-09', 'critical', 'Every message is whole', 'A run loses a damaged message, aborts on it, or delivers it without its body.',
         _OP, _messages('content', 'None that is damaged or has no body'), _MESSAGE,
         'Do not flush; move them into an archive with "state: absent" and their ids, or repair them.',
         _checks.damaged, _checks.poison, _checks.missing_data, _checks.unreadable, _checks.never_run),
    _row('QUE-10', 'low', 'No mail was refused lately', 'What Sendmail refuses at once never reaches a queue: it is saved as dead.letter.',
         _guide('DeadLetterDrop'), _letters, _MANUAL, 'Read them; the log says why they were refused.',
         _checks.dead_letters),
    _row('STO-01', 'high', 'The queues have room', 'Below MinFreeBlocks Sendmail takes no mail, and submissions still end with success.',
         _guide('MinFreeBlocks'), _blocks, _MANUAL, 'Make room, but not in the queues.',
         _checks.msp_blocks, _checks.mta_blocks),
    _row('STO-02', 'high', 'The queues have inodes', 'Without one no message can be queued.', _MAN, _inodes, _MANUAL,
         'Remove files that are not mail, or make a file system with more inodes.',
         _checks.msp_inodes, _checks.mta_inodes),
    _row('STO-03', 'critical', 'The queues can be written', 'On a read-only or missing file system nothing can be queued, or it is queued where nobody looks.',
         _MAN, _can_write, _MANUAL, 'Mount the file system, writable.',
         _checks.read_only, _checks.unmounted, _checks.dead_link, _checks.mta_directory),
    _row('NAM-01', 'medium', 'The host has a full name', 'Each start of Sendmail waits a minute for a name without a domain, and for every dead name server.',
         _OP, _own_name, _MANUAL, 'Put the full name, for IPv4 and IPv6, into /etc/hosts.',
         _checks.own_name),
    _row('NAM-02', 'high', 'A name server answers', 'Without one, mail to other domains stays in the client queue although the MTA runs.',
         _guide('ResolverOptions'), _servers, _MANUAL,
         'Fix /etc/resolv.conf; then restart the MTA, and a runner that is a daemon: they keep what they read at their start.',
         _no_server, _checks.relay_has_no_name),
)
_REPLACE = ' The other MTA is only replaced with sendmail_msp_replace_other: true.'
IDS = tuple(control.id for control in CONTROLS)


def limits_of(thresholds: Optional[Dict[str, Any]] = None) -> Limits:
    """Thresholds as numbers: seconds, bytes, counts, names. Raises SendmailError for a value that cannot be read."""
    found: Limits = {}
    for name, (kind, default) in _compliance.THRESHOLDS.items():
        value = (thresholds or {}).get(name)
        value = default if value is None else value
        if kind == 'version' and not re.match(r'\d{1,9}(\.\d{1,9})*\Z', value, re.A):
            raise _text.SendmailError('thresholds.version: %s is not a version: write for example 8.15.2.' % _text.shown(value))
        if kind == 'number' and value < 0:
            raise _text.SendmailError('thresholds.%s: %s is below 0: write 0 or more.' % (name, _text.shown(value)))
        read = {'duration': lambda given, name=name: _text.duration(given, option='thresholds.' + name),
                'size': lambda given, name=name: _text.size(given, 'thresholds.' + name)}.get(kind)
        found[name] = read(value) if read else value
    unknown = sorted(set(thresholds or {}) - set(_compliance.THRESHOLDS))
    if unknown:
        raise _text.SendmailError('thresholds: there is no %s. There are: %s.' % (
            ', '.join(map(_text.shown, unknown)), ', '.join(sorted(_compliance.THRESHOLDS))))
    return found


def _by_id(entries: Optional[Sequence[Dict[str, Any]]], option: str) -> Dict[str, Any]:
    """The entries of an option by control id."""
    found: Dict[str, Any] = {}
    for entry in entries or ():
        if entry['id'] not in IDS:
            raise _text.SendmailError('%s.id: %s is not a control. The controls are %s to %s; docs/controls.md of the collection lists them.'
                                      % (option, _text.shown(entry['id']), IDS[0], IDS[-1]))
        if entry['id'] in found:
            raise _text.SendmailError('%s.id: %s is listed more than once.' % (option, entry['id']))
        found[entry['id']] = entry
    return found


def _waiver(entry: Dict[str, Any], today: str) -> Dict[str, Any]:
    """A waiver with whether it has expired. It holds until the end of its day, in UTC."""
    expires = str(entry['expires'])
    try:
        time.strptime(expires, '%Y-%m-%d')
    except ValueError:
        expires = ''
    if not re.match(r'\d{4}-\d\d-\d\d\Z', expires, re.A):
        raise _text.SendmailError('waivers.expires: %s, of %s, is not a day: write for example 2027-03-31.' % (
            _text.shown(entry['expires']), entry['id']))
    if not entry['reason'].strip():
        raise _text.SendmailError('waivers.reason: the waiver of %s gives no reason: write why it is waived.' % entry['id'])
    return {'id': entry['id'], 'reason': entry['reason'], 'expires': expires, 'expired': expires < today}


def settled(thresholds: Optional[Dict[str, Any]] = None, overrides: Optional[Sequence[Dict[str, Any]]] = None,
            waivers: Optional[Sequence[Dict[str, Any]]] = None, profile: Optional[str] = None, now: Optional[float] = None) -> Settled:
    """The options checked, before anything is looked at: (limits, overrides by id, waivers by id, profile). Raises SendmailError."""
    today = time.strftime('%Y-%m-%d', time.gmtime(now))
    profile = profile or _compliance.PROFILES[0]
    if profile not in _compliance.PROFILES:
        raise _text.SendmailError('profile: there is no %s. There are: %s.' % (_text.shown(profile), ', '.join(_compliance.PROFILES)))
    return limits_of(thresholds), _by_id(overrides, 'overrides'), dict(
        (identifier, _waiver(entry, today)) for identifier, entry in _by_id(waivers, 'waivers').items()), profile


def _by_checks(control: Control, look: Look, limits: Limits) -> Judgement:
    found = [check(look, limits) for check in control.checks]
    wrong = any(one.wrong for one in found)
    expected, actual = control.words(look, limits, wrong)
    # A path that two checks object to is named once.
    sentences = list(dict.fromkeys(sentence for one in found if one.wrong for sentence in one.evidence))
    table = set(one['path'] for one in look.wanted if _wrong_rights(one))
    evidence = [sentence for number, sentence in enumerate(sentences) if not (
        sentence.partition(' is ')[0] in table and any(other.startswith(sentence.partition(' is ')[0] + ' is ') for other in sentences[:number]))]
    return (None if all(one.wrong is None for one in found) else not wrong), expected, actual, evidence


def _judge(control: Control, look: Look, limits: Limits) -> Tuple[str, str, str, List[str]]:
    """(status, expected, actual, evidence) of one control."""
    if look.program['sendmail'] is None and control.id != IDS[0]:
        return 'not_applicable', '', '', ['Sendmail is not installed on this host.']
    try:
        holds, expected, actual, evidence = _by_checks(control, look, limits) if control.checks else control.words(look, limits)
    except _text.SendmailError as error:
        return ('not_applicable', '', '', [str(error)]) if isinstance(error, _NoMta) else ('error', '', 'unknown', [str(error)])
    except Exception as error:  # noqa: BLE001 - one control that cannot be judged is one error, not a host without a result
        return 'error', '', 'unknown', ['This control could not be judged: %s: %s.' % (type(error).__name__, error)]
    return {True: 'pass', False: 'fail', None: 'not_applicable'}[holds], expected, actual, evidence


def comply(look: Look, settled_options: Settled) -> Dict[str, Any]:
    """Every control, in the order of the table: {controls, summary, compliant}, see the module sendmail_compliance_info.

    C(look): _look.Look, as _compliance.plain() makes it; C(settled_options): of L(settled).
    """
    limits, overrides, waivers, profile = settled_options
    found = []
    for control in CONTROLS:
        override = overrides.get(control.id, {})
        waiver = waivers.get(control.id)
        judged = _compliance.PROFILES.index(control.profile) <= _compliance.PROFILES.index(profile)
        if judged and override.get('enabled', True):
            status, expected, actual, evidence = _judge(control, look, limits)
        else:
            status, expected, actual, evidence = 'not_applicable', '', '', ['Switched off.' if judged else 'Not in the profile %s.' % profile]
        if waiver and waiver['expired']:
            evidence = ['The waiver expired on %s.' % waiver['expires']] + evidence
        elif waiver and status == 'fail':
            status = 'waived'
        cut = len(evidence) - EVIDENCE_MAX
        found.append({
            'id': control.id, 'title': control.title, 'severity': override.get('severity') or control.severity, 'status': status, 'expected': expected,
            'actual': actual, 'evidence': evidence[:EVIDENCE_MAX] + (['%d more.' % cut] if cut > 0 else []),
            'remedy': {'kind': control.remedy, 'name': control.name, 'text': control.text + (
                _REPLACE if control.id == IDS[0] and look.program['other_mta'] else '')}, 'references': list(control.references), 'waiver': waiver})
    summary = dict((status, sum(1 for one in found if one['status'] == status)) for status in STATUSES)
    return {'controls': found, 'summary': summary, 'compliant': not summary['fail'] and not summary['error']}


def host_of(look: Look) -> Dict[str, Any]:
    """What a report says of the queues of one host, in a few kilobytes."""
    queues = {}
    for name, queue in look.queues.items():
        if queue.get('errors') and all(one['messages'] is None for one in queue['directories']):
            continue        # nothing is known of it, which is not the same as empty
        queues[name] = {'messages': queue['messages'], 'oldest_age': queue['oldest_age'], 'last_attempt_age': queue.get('last_attempt_age'),
                        'bytes': queue.get('bytes', 0), 'reasons': dict((one['reason'], one['messages']) for one in queue.get('top', {}).get('reasons', [])),
                        'senders': queue.get('top', {}).get('senders', [])[:3]}
    return {'queues': queues, 'domains': look.domains, 'domains_cut': look.domains_cut, 'version': look.program['version'], 'platform': look.family}
