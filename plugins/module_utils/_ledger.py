# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What became of every message that was in the queues when a piece of work began.

L(opened) writes the names of all messages; L(closed) says of each where it is now. Both work on the host and stream, so a queue may have any
length. While the work goes on the list stays in a directory of root's; a work that was interrupted and is begun again finds it there, so the
ledger is about the messages of the first beginning and of all that came since.
"""

import errno
import json
import os
import re
import time
from collections import Counter
from typing import Any, Dict, NamedTuple, Set, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import (
    _archive, _fates, _filesystem, _log, _look, _phrases, _qf, _records, _spool, _text)

PLACES = ('relayed', 'bounced', 'waiting', 'quarantined', 'lost', 'archived', 'claimed', 'gone')
DIRECTORY = '/var/lib/mailops-sendmail'
START, OUTCOMES = 'start.jsonl', 'outcomes.jsonl'
LISTED = 100               # entries of a result; the file has them all
_STATES = {'queued': 'waiting', 'quarantined': 'quarantined', 'lost': 'lost'}
_LOG_SECONDS = 120         # to read the log of the host
_LOG_DELAY = 1.0           # seconds
_LOG_BYTES = 256 << 20     # of a log file, from its end
# What Sendmail writes about a delivery, and about a message returned to its sender: logdelivery() in deliver.c, returntosender() in savemail.c.
# A warning that it is late and a receipt are no return; of a message whose sender was warned before, both are called "sender notify".
# The id stands in front of all that a sender or another host can choose.
_LOGGED = re.compile(rb'(?:(?:[A-Z][a-z]{2} [ 0-9]\d [\d:]{8}|\S+) \S+ [^\[\]]*\[\d*\]: |<\d+>1 (?:\S+ ){5}-  ?)?([0-9A-Za-z]{8}[0-9]{5,10}): '
                     rb'(?:to=(.*?), stat=(.*)|[0-9A-Za-z]{8}[0-9]{5,10}: (?:DSN|return to sender|sender notify): (?!Return receipt|Warning: ))')
_DSN = re.compile(rb', dsn=[\d.]+\Z')


def _lines(path):
    """Yield the objects of a file of JSON lines; one that was cut short is passed over. Nothing where there is no such file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    with os.fdopen(descriptor, 'rb') as stream:
        for line in stream:
            try:
                entry = json.loads(line.decode('ascii'))
            except ValueError:
                continue
            if isinstance(entry, dict):
                yield entry


def _here(look, error_of=None, hidden=None):
    """Yield (queue, name of the control file) of all that lies in the queues now, whatever is in it. Nothing is opened.

    C(hidden): gets the queues of which not all can be seen.
    """
    for queue, directories in sorted(look.directories.items()):
        for directory in directories:
            try:
                for batch in _spool.Pass(directory, None, False, frozenset()).batches():
                    for name in batch.names:
                        yield queue, name
            except OSError as error:
                if error_of is not None:
                    error_of.append('%s: %s' % (directory.path, error.strerror))
                if hidden is not None:
                    hidden.add(queue)


def _unseen(look):
    """Why the look could not find a queue, as sentences."""
    missing = _look.absence(look) if look.errors else None
    return [missing] if missing else [error['path'] + ': ' + error['error'] for error in look.errors]


def _printable(name):
    return _text.printable(os.fsencode(name[2:]))


def _check_directory(directory):
    """Whether it is there. Raises SendmailError for one that others than root could have made, write to or replace, and OSError."""
    refusal = _text.SendmailError('directory: %s cannot hold the ledger: it must be a directory of root that nobody else can write to, and so must '
                                  'those on the way to it.' % directory)

    def check(descriptor, _path, passing=True):
        if _archive.is_shared(descriptor, passing):
            raise refusal
    try:
        descriptor = _spool.walk(directory, each=check)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise refusal if error.errno in (errno.ENOTDIR, errno.ELOOP) else error
    try:
        check(descriptor, directory, False)
    finally:
        os.close(descriptor)
    if os.path.islink(directory):
        raise refusal
    return True


def _missing(directory):
    """What has to be made of a path, the uppermost first."""
    return [] if os.path.isdir(directory) else _missing(os.path.dirname(directory)) + [directory]


def opened(directory, look, dry=False):
    """Note every message that is in the queues of C(look) (_look.Look), in addition to those of a list that is open already.

    C(dry) writes nothing. Returns {messages, resumed, errors}.
    """
    errors = _unseen(look)
    try:
        there = _check_directory(directory)
        missing = [] if there else _missing(os.path.normpath(directory))
        path = os.path.join(directory, START)
        known, began = set(), {'started': look.now, 'clock': int(time.monotonic())}
        resumed = there and os.path.exists(path)
        for entry in _lines(path) if resumed else ():
            if 'id' in entry:
                known.add(_fates.key(entry['queue'], entry['id']))
            else:
                began = entry
        count = len(known)

        def entries():
            nonlocal count
            yield began
            for entry in _lines(path) if resumed else ():
                if 'id' in entry:
                    yield entry
            for queue, name in _here(look, errors):
                identifier = _printable(name)
                if _fates.key(queue, identifier) not in known:
                    count += 1
                    yield {'queue': queue, 'id': identifier, 'state': _qf.CONTROL_PREFIXES[name[:2]], 'created': _qf.created_by_id(name[2:], look.now)}
        if dry:
            needed = sum(len(json.dumps(entry)) + 1 for entry in entries())
            room = _filesystem.under(os.path.dirname(missing[0]) if missing else directory)
            if room['read_only'] or room['blocks'] and needed > room['blocks_free'] * room['block_size']:
                number = errno.EROFS if room['read_only'] else errno.ENOSPC
                raise OSError(number, os.strerror(number))
        else:
            for one in missing:
                # Above it, others may need what comes beside it: FreeBSD has no /var/lib.
                os.mkdir(one, 0o700 if one == missing[-1] else 0o755)
            _records.write_lines(path, entries())
    except OSError as error:
        raise _text.SendmailError('directory: the list of messages cannot be written to %s: %s. Name another directory, or make room.' % (
            directory, error.strerror))
    return {'messages': count, 'resumed': resumed, 'errors': errors[:LISTED]}


def _waiting(look):
    """{key: (reason, status)} of messages that a queue run would try."""
    found, texts = {}, {}
    for queue, directories in look.directories.items():
        for directory in directories:
            try:
                for names, rows, _sizes in _spool.Pass(directory, ('queued',), False, frozenset()).batches():
                    for name, row in zip(names, rows):
                        said = _qf.status_of(row), row[_qf.ATTEMPTS] != b'0'
                        # A few texts stand in a million files: keep each once.
                        found[_fates.key(queue, _printable(name))] = texts.get(said) or texts.setdefault(
                            said, (_phrases.reason(*said), _text.printable(said[0][:300])))
            except OSError:
                continue   # what is there cannot be seen; opened() has said so
    return found


class _Of:
    """The lines about the messages that are meant, and no others: a log may have millions. As an expression, which only searches."""

    def __init__(self, wanted: Any) -> None:
        self._wanted = wanted

    def search(self, line: bytes) -> bool:
        match = _LOGGED.match(line)
        return match is not None and match.group(1).decode('ascii') in self._wanted


def _deliveries(since: float, wanted: Any, binaries: Any = (), users: Any = (0,)) -> Any:
    """What the mail log says about deliveries since about C(since) (epoch seconds), as far as the host lets us read it in a bounded time."""
    return _log.entries(since, _Of(wanted), _LOG_SECONDS, _LOG_BYTES, None, binaries, users)


def logged(lines: Any, wanted: Any) -> Dict[str, Tuple[str, bool]]:
    """{id: (relayed or bounced, whether that is proved)} of the ids in C(wanted), from L(_log.entries).

    One bounce makes a message bounced. What others could have written counts only where nothing is proved. A message with a recipient whose last
    line is no delivery was not relayed, and a line that can be read in two ways, because of an address or a reply of another host in it, is none.
    """
    found: Dict[str, Tuple[str, bool]] = {}
    waiting: Dict[Tuple[str, bool], Set[bytes]] = {}
    for line, trusted in lines:
        match = _LOGGED.match(line)
        identifier = match.group(1).decode('ascii') if match else ''
        if not match or identifier not in wanted:
            continue
        to, status = match.group(2), match.group(3)
        if to is not None:
            left = waiting.setdefault((identifier, trusted), set())
            names = re.split(rb' \[more\]|, (?:ctladdr|delay)=|, dsn=', to)[0].rstrip(b',').split(b',')
            if re.match(rb'Deferred|queued', status):
                left.update(names)
                continue
            left.difference_update(names)
            if not re.match(rb'Sent(?: \(|\s*\Z)', status) or not _DSN.search(to) or b', stat=' in status:
                continue
        before = found.get(identifier)
        if before is None or trusted and not before[1] or trusted == before[1] and before[0] == 'relayed':
            found[identifier] = ('relayed' if to is not None else 'bounced', trusted)
    return dict((identifier, one) for identifier, one in found.items() if one[0] == 'bounced' or not waiting[identifier, one[1]])


def archived(base, since):
    """{key: archive} of the messages in archives below C(base) that were written to after C(since) (epoch seconds), and have left the queue by that,
    as the archive records, and were not brought back."""
    found = {}
    try:
        parts = _archive.parts(base) if os.path.isdir(base) else []
    except _text.SendmailError:
        return found   # no archive in it
    for part in parts:
        try:
            if os.stat(part).st_mtime < since - 5:
                continue
            taken, back = _archive.removed(part) or set(), {name.decode('utf-8', 'replace') for name in _archive.restored(part)}
            named = {}
            with _archive.Part(part) as content:
                for _member, stream in (one for one in content.members() if one[0].name == 'manifest.jsonl'):
                    for line in stream:
                        entry = json.loads(line.decode('ascii'))
                        # Of debris only a control file that belonged to no deliverable message has stood in a list.
                        name = 'qf' + entry['id'] if 'id' in entry else os.path.basename(entry.get('path', ''))
                        if (name[:2] in _qf.CONTROL_PREFIXES and name[2:] not in back and 'queue' in entry
                                and any(file['name'] in taken for file in entry['files'])):
                            named[_fates.key(entry['queue'], name[2:])] = os.path.dirname(part)
            found.update(named)   # now that the part was read to its end, with its checksum
        except (OSError, EOFError, AttributeError, KeyError, TypeError, ValueError, _text.SendmailError):
            continue   # damaged, or not ours: what it names is looked for elsewhere
    return found


class _Evidence(NamedTuple):
    """What tells where the messages of a list are now."""

    here: Dict[str, str]                    # {key: state of its control file}
    waiting: Dict[str, Tuple[str, str]]     # {key: (reason, status)}, see L(_waiting)
    outcomes: Dict[str, Any]                # {key: (relayed or bounced, queue and creation time)}, as queue runs of ours have seen it
    rest: Dict[Any, str]                    # see L(rest)
    moved: Dict[str, str]                   # {key: archive}
    logged: Dict[str, Tuple[str, bool]]     # {id: (relayed or bounced, whether that is proved)}

    def place(self, key: str, identifier: str) -> Dict[str, str]:
        """Where a message is, as fields of its entry."""
        if key in self.here:
            place = _STATES[self.here[key]]
            return dict(zip(('reason', 'status'), self.waiting.get(key, ('damaged', ''))), place=place) if place == 'waiting' else {'place': place}
        if key in self.moved:
            return {'place': 'archived', 'archive': self.moved[key]}
        if key in self.outcomes:
            outcome, origin = self.outcomes[key]
            return self.place(self.rest[origin], '') if self.rest.get(origin) in self.here else {'place': outcome, 'by': 'run'}
        if identifier in self.logged:
            fate, trusted = self.logged[identifier]
            return {'place': fate, 'by': 'log'} if trusted else {'place': 'claimed', 'claim': fate, 'by': 'log'}
        return {'place': 'gone'}


def closed(directory, look, moved_out=lambda since: {}, dry=False, log=_deliveries):
    """Say of every message of the list where it is now, write that beside the list, and drop the list. Returns the module's result.

    C(moved_out(since)) gives {key: archive} of what was moved out of the queues, see L(archived); C(log(since, ids)) yields L(_log.entries).
    Without a list the messages that are there now are taken. A ledger in which nothing has moved is not kept. Nothing is called gone that may lie
    where nobody can look: SendmailError then, and the list stays.
    """
    errors, hidden = _unseen(look), set(error.get('queue') for error in look.errors)
    try:
        there = _check_directory(directory)
        start = os.path.join(directory, START)
        listed = there and os.path.exists(start)
        waiting = _waiting(look)      # first: what leaves meanwhile is here no more
        here = dict((_fates.key(queue, _printable(name)), _qf.CONTROL_PREFIXES[name[:2]]) for queue, name in _here(look, errors, hidden))
        outcomes = dict((_fates.key(entry.get('queue', ''), entry.get('id', '')), (entry['outcome'], (entry.get('queue'), entry.get('created'))))
                        for entry in _lines(os.path.join(directory, OUTCOMES)) if entry.get('outcome') in ('relayed', 'bounced')) if there else {}
        started, clock, unseen = look.now, None, set()
        for entry in _lines(start) if listed else ():
            if 'id' not in entry:
                started, clock = entry.get('started', started), entry.get('clock')
            elif not any(_fates.key(entry['queue'], entry['id']) in places for places in (here, outcomes)):
                unseen.add(entry['id'])
        # Where the time of day was set back meanwhile, what was done since has an earlier one. A second is rounding.
        uptime = int(time.monotonic())
        behind = started if clock is None else look.now - (uptime - clock if uptime >= clock else uptime)
        since = behind if behind < started - 1 else started
        moved = moved_out(since) if unseen else {}
        seen = logged(log(since, unseen), unseen) if unseen else {}
        if unseen - set(seen) and not dry and listed:
            time.sleep(_LOG_DELAY)    # syslog may be about to write what happened just now
            seen = logged(log(since, unseen), unseen)
        evidence = _Evidence(here, waiting, outcomes, _fates.rest(look, since), moved, seen)
        counts, reasons, shown, unchanged = Counter(), Counter(), [], True

        def entries():
            nonlocal unchanged
            for entry in _lines(start) if listed else _as_listed(look):
                if 'id' not in entry:
                    continue
                key = _fates.key(entry['queue'], entry['id'])
                one = dict({'queue': entry['queue'], 'id': entry['id'], 'created': entry['created']}, **evidence.place(key, entry['id']))
                if one['place'] == 'gone' and entry['queue'] in hidden:
                    raise _text.SendmailError(
                        'Not all of the %s queue can be read, so it is not known whether %s is still in it: %s. The list is kept. Close it when '
                        'the queue can be read.' % (entry['queue'], entry['id'], '; '.join(errors[:3])), errors=errors[:LISTED])
                unchanged = unchanged and here.get(key) == entry['state']
                if 'reason' in one:
                    reasons[one['reason']] += 1
                counts[one['place']] += 1
                if one['place'] != 'relayed' and len(shown) < LISTED:
                    shown.append(one)
                yield one
        result = {'started': started, 'file': None}
        if dry or not listed:
            for _one in entries():
                pass
        else:
            path = os.path.join(directory, time.strftime('ledger-%Y%m%dT%H%M%SZ.jsonl', time.gmtime(started)))
            digest, count = _records.write_lines(path, entries())
            if unchanged:
                os.unlink(path)
            else:
                result['file'] = {'path': path, 'messages': count, 'sha256': digest}
            for name in (START, OUTCOMES):
                try:
                    os.unlink(os.path.join(directory, name))
                except FileNotFoundError:
                    pass
    except OSError as error:
        raise _text.SendmailError('directory: the ledger cannot be written to %s: %s. Name another directory, or make room.' % (directory, error.strerror))
    return dict(result, messages=sum(counts.values()), places=dict((place, counts[place]) for place in PLACES), reasons=dict(reasons),
                entries=shown, truncated=sum(counts.values()) - counts['relayed'] > len(shown), errors=errors[:LISTED])


def _as_listed(look):
    for queue, name in _here(look):
        yield {'queue': queue, 'id': _printable(name), 'state': _qf.CONTROL_PREFIXES[name[:2]], 'created': _qf.created_by_id(name[2:], look.now)}


def keep(params, check_mode):
    """The module's work. C(params) as documented in sendmail_ledger. Returns its result; raises SendmailError."""
    look = _look.look('program')
    if params['state'] == 'opened':
        done = opened(params['directory'], look, check_mode)
    else:
        users = {0, look.submitter.get('uid'), (look.accounts.get(look.layout.mta_user) or {}).get('uid')} - {None}
        binaries = {look.program['sendmail']} - {None}
        done = closed(params['directory'], look, lambda since: archived(params['archive'], since), check_mode,
                      lambda since, wanted: _deliveries(since, wanted, binaries, users))
    return dict(done, changed=False)
