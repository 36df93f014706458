# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What takes long lists takes twice as long for twice as many: the exponent over three sizes, in processor time."""
import gc
import itertools
import math
import os
import time
import types

import pytest
from ansible_collections.mailops.sendmail.plugins.module_utils import (
    _archive, _cf, _debris, _flush, _hazards, _ledger, _message, _outcome, _qf, _records, _removal, _restoration, _selection, _spool, _summary, _text)

MOST = 1.1
TRIES = 6
QF = b'V8\nT%d\nK%d\nN1\nP30018\nMDeferred: Connection refused by [127.0.0.1]\nFs\n$_user%d@localhost\nSuser%d\nRPFD:<bob@d%d.example.test>\nH??Subject: t\n.\n'
NOW = 1795447696
SETTINGS = {'queue_file_mode': 0o660, 'run_as_user': None, 'run_as_group': None, 'min_free_blocks': 100}


def identifier(number):
    return '6ANFSGLL%06d' % number


def seconds(work):
    """Processor time of a call; the collector of garbage looks at everything that lives each time, whatever the work is."""
    gc.collect()
    gc.disable()
    try:
        begin = time.process_time()
        work()
        return time.process_time() - begin
    finally:
        gc.enable()


def exponent(make, size):
    """What the time of C(make(count)()) grows with, from C(size) to sixteen times as many; the least of several tries, for others work too."""
    sizes = [size, 4 * size, 16 * size]
    works = [make(count) for count in sizes]
    best = [math.inf] * 3
    for _try in range(TRIES):
        best = [min(known, seconds(work)) for known, work in zip(best, works)]
        logs = [(math.log(count), math.log(max(took, 1e-6))) for count, took in zip(sizes, best)]
        middle = [sum(values) / 3 for values in zip(*logs)]
        slope = sum((x - middle[0]) * (y - middle[1]) for x, y in logs) / sum((x - middle[0]) ** 2 for x, _y in logs)
        if slope <= MOST:
            break
    return slope


# Each takes a number and an empty directory, and returns what is measured.

def flush_result(count, _place):
    directory = _spool.QueueDirectory('mqueue', '/q', '/q', '/q', '/q', False)
    messages = [_hazards.Waiting('msp', directory, identifier(number), NOW, 1, NOW, 1, False, []) for number in range(count)]
    outcomes = [_flush.Outcome(one, 'remaining' if number % 2 else 'relayed', number % 2, 'Deferred', 'other', [])
                for number, one in enumerate(messages)]
    plan = types.SimpleNamespace(messages=messages, left_out=())
    return lambda: _flush.result(plan, outcomes, types.SimpleNamespace(lines=[]), None, {})


def flush_transcript(count, _place):
    lines = [line % identifier(number).encode('ascii') for number in range(count) for line in (
        b'dropenvelope 0x55bb1e0: id=%s, flags=c205803<OLDSTYLE,INQUEUE>', b'bob@example.test... Deferred: Connection refused by %s',
        b'===== Dropping queue files for %s... queueit=0, e_flags=c205803<OLDSTYLE,INQUEUE>')]

    def work():
        transcript = _flush.Transcript()
        for line in lines:
            transcript.take(0, line)
        assert len(transcript.removed) == count
    return work


def spool(count, place):
    """A look at a queue of that many messages."""
    path = str(place / ('queue-%d' % count))
    os.mkdir(path)
    for number in range(count):
        with open(os.path.join(path, 'qf' + identifier(number)), 'wb') as stream:
            stream.write(QF % (NOW - number, NOW, number % 100, number % 100, number))
        with open(os.path.join(path, 'df' + identifier(number)), 'wb') as stream:
            stream.write(b'body\n')
    directory = _spool.QueueDirectory('mqueue', path, path, path, path, False)
    return types.SimpleNamespace(directories={'mta': [directory]}, errors=[], now=NOW, held=frozenset(), settings={'mta': SETTINGS}, partial=False,
                                 configurations={}, program={'sendmail': None})


def totals(count, place):
    look = spool(count, place)
    return lambda: _summary.queue([_spool.Pass(one) for one in look.directories['mta']], [], NOW)


def records(count, place):
    look = spool(count, place)
    return lambda: _records.Listing(look, _selection.Selection({}, NOW, ('queued',)), limit=10).collect()


def hazards(count, place):
    look = spool(count, place)
    return lambda: _flush.waiting(look, _selection.Selection({}, NOW, ('queued',)))


def removal(count, place):
    look = spool(count, place)
    selection = _selection.Selection({}, NOW, _selection.STATES)
    selection.done = 'removed'

    def work():
        outcome = _outcome.Outcome()
        outcome.selected = count
        _removal.Remover(look, selection, None, outcome, lambda: None).run()
        assert outcome.counts['removed'] == count, outcome.counts
    return work


def archive_and_restore(count, place):
    look = spool(count, place)
    bases = itertools.count()

    def work():
        """Out of the queue and in again, so that it can be done once more."""
        everything = _selection.Selection({}, NOW, _selection.STATES)
        everything.done = 'removed'
        outcome = _outcome.Outcome()
        outcome.selected = count
        base = str(place / ('archive-%d-%d' % (count, next(bases))))
        with _archive.Writer(base, 'removed', {}) as writer:
            _removal.Remover(look, everything, writer, outcome, lambda: None).run()
        assert outcome.counts['removed'] == count, outcome.counts
        outcome = _outcome.Outcome()
        _restoration.Restorer(look, ['mta'], _selection.Selection({}, NOW, _selection.STATES), outcome, False, lambda: None).run(base)
        assert outcome.counts['restored'] == count, (outcome.counts, outcome.refused)
    return work


def debris(count, place):
    look = spool(count, place)
    for number in range(count):
        os.unlink(os.path.join(look.directories['mta'][0].path, 'qf' + identifier(number)))
    return lambda: _debris.find({'queue': 'all', 'older_than': '0', 'kinds': None}, look)


def debris_archived(count, place):
    """Out of the queue, and put there again for the next time."""
    look, bases = spool(count, place), itertools.count()
    path = look.directories['mta'][0].path
    for number in range(count):
        os.unlink(os.path.join(path, 'qf' + identifier(number)))

    def work():
        params = {'state': 'absent', 'queue': 'all', 'older_than': '0', 'kinds': None, 'archive': str(place / ('debris-%d-%d' % (count, next(bases))))}
        assert _debris.clear(params, False, look)['removed'] == count
        for number in range(count):
            with open(os.path.join(path, 'df' + identifier(number)), 'wb'):
                pass
    return work


def quarantine_and_release(count, place):
    """With a Sendmail that does what is asked of it at once."""
    look = spool(count, place)
    look.program = {'sendmail': '/usr/sbin/sendmail'}
    path = look.directories['mta'][0].path
    selection = _selection.Selection({}, NOW, _selection.STATES)

    def work():
        for done, before, after in (('quarantined', 'qf', 'hf'), ('queued', 'hf', 'qf')):
            def sendmail(_look, _queue, _arguments, names, _transcript, after=after):
                for name in names:
                    os.rename(os.path.join(path, name), os.path.join(path, after + name[2:]))
            selection.done, outcome = done, _outcome.Outcome()
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(_message, '_sendmail', sendmail)
                _message.requeue(look, selection, outcome, [], before, after, False, lambda: None)
            assert outcome.counts[done] == count, outcome.lists
    return work


def flush_outcomes(count, place):
    """What is read again behind a run."""
    look = spool(count, place)
    messages = _flush.waiting(look, _selection.Selection({}, NOW, ('queued',)))
    transcript = _flush.Transcript()
    transcript.worked_on.update(one.id for one in messages[::2])

    def work():
        assert len(_flush._outcomes(messages, transcript)) == count
    return work


def flush_plan(count, place):
    look = spool(count, place)
    look.greeting, look.program = None, {'sendmail': '/usr/sbin/sendmail'}
    look.cpus, look.settings = 2, {'mta': dict(SETTINGS)}
    messages = _flush.waiting(look, _selection.Selection({}, NOW, ('queued',)))
    return lambda: _flush.plan(look, messages)


def ledger_opened(count, place):
    look, numbers = spool(count, place), itertools.count()
    return lambda: _ledger.opened(str(place / ('opened-%d-%d' % (count, next(numbers)))), look)


def ledger(count, place):
    look = spool(count, place)
    at = str(place / ('ledger-%d' % count))
    _ledger.opened(at, look)
    for name in os.listdir(look.directories['mta'][0].path):
        os.unlink(os.path.join(look.directories['mta'][0].path, name))
    lines = [(b'Nov 28 12:00:00 host sm-mta[1]: %s: to=<bob@example.test>, dsn=2.0.0, stat=Sent' % identifier(number).encode('ascii'), True)
             for number in range(count)]

    def work():
        done = _ledger.closed(at, look, dry=True, log=lambda since, wanted: iter(lines))
        assert done['places']['relayed'] == count
    return work


def recipients(count, _place):
    more = b''.join(b'MDeferred\nRPFD:<user%d@example.test>\n' % number for number in range(count))
    data = QF[:QF.index(b'RPFD')] % (NOW, NOW, 1, 1) + more + b'H??Subject: t\n.\n'
    return lambda: _qf.parse(data)


def headers(count, _place):
    data = QF[:QF.index(b'H??')] % (NOW, NOW, 1, 1, 1) + b''.join(b'H??X-%d: one\n two\n' % number for number in range(count)) + b'.\n'
    return lambda: _qf.parse(data)


def continued(count, _place):
    data = QF[:QF.index(b'H??')] % (NOW, NOW, 1, 1, 1) + b'H??X: one\n' + b' more\n' * count + b'.\n'
    return lambda: _qf.parse(data)


def configuration(count, _place):
    text = b''.join(b'O Timeout.queuereturn=%dd\n# remark\nD{one%d}value\n\tcontinued\nClocal%d\n' % (number, number, number) for number in range(count))
    return lambda: _cf.parse(text)


def printable(count, _place):
    return lambda: _text.printable(b'\x1b\xffabc\n' * count)


def tally(count, _place):
    names = [b'd%d.example.test' % (number % 30000) for number in range(count)]

    def work():
        one = _summary.Tally()
        for start in range(0, count, 1000):
            one.add(names[start:start + 1000])
        return one.top('domain', 'recipients')
    return work


@pytest.mark.parametrize('make, size', [
    (flush_result, 1000), (flush_transcript, 2000), (totals, 500), (records, 500), (hazards, 250), (removal, 200), (archive_and_restore, 300), (debris, 200),
    (debris_archived, 300), (quarantine_and_release, 200), (flush_outcomes, 300), (flush_plan, 500), (ledger_opened, 500),
    (ledger, 500), (recipients, 1000), (headers, 1000), (continued, 2000), (configuration, 200), (printable, 2000), (tally, 20000)])
def test_grows_no_faster_than_the_list(make, size, tmp_path, monkeypatch):
    monkeypatch.setattr(_hazards, 'SETTLE', 0)
    monkeypatch.setattr(_debris, 'open_files', set)
    monkeypatch.setattr(_ledger, '_LOG_DELAY', 0)
    assert exponent(lambda count: make(count, tmp_path), size) <= MOST


def test_opens_directories_for_a_pass_and_not_for_each_message(tmp_path, monkeypatch):
    """A queue can have hundreds of directories, and a message is asked for in all of them."""
    look, opened = spool(20, tmp_path), []
    for number in range(30):
        path = str(tmp_path / ('other-%d' % number))
        os.mkdir(path)
        look.directories['mta'].append(_spool.QueueDirectory('mqueue', path, path, path, path, False))
    enter = _spool.Opened.__enter__
    monkeypatch.setattr(_spool.Opened, '__enter__', lambda self: opened.append(self.directory) or enter(self))
    selection = _selection.Selection({}, NOW, _selection.STATES)
    selection.done = 'removed'
    outcome = _outcome.Outcome()
    outcome.selected = 20
    _removal.Remover(look, selection, None, outcome, lambda: None).run()
    assert outcome.counts['removed'] == 20
    assert len(opened) <= 2 * len(look.directories['mta'])
