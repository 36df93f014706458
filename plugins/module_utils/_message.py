# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Act on messages: quarantine, release, take out into an archive, bring back from one.

L(_outcome.count) says how many are meant; nothing is done when that is refused.
"""

import contextlib
import os
import time
from typing import Any, Callable, Dict, List, Optional

from ansible_collections.mailops.sendmail.plugins.module_utils import (
    _access, _archive, _hazards, _identity, _look, _outcome, _process, _qf, _removal, _restoration, _selection, _spool, _text)

IDS = 2000              # on one command line
RUN_SECONDS = 600


def _program(look: Any) -> str:
    if look.program['sendmail'] is None:
        raise _text.SendmailError(_look.absence(look))
    return look.program['sendmail']


def _sendmail(look, queue, arguments, names, transcript):
    """Let Sendmail itself do something to these messages; what it prints goes to C(transcript)."""
    argv = [_program(look), '-Ac' if queue == 'msp' else '-Am'] + arguments + ['-v']
    commands = [(start, argv + ['-qI' + name[2:] for name in names[start:start + IDS]]) for start in range(0, len(names), IDS)]

    def take(_key, line):
        if line.strip() and len(transcript) < 50 and b'uarantine' not in line:
            transcript.append(_text.printable(line[:200]))
    ended = _process.run_all(commands, 1, time.monotonic() + RUN_SECONDS, take)
    for one in ended:
        if one.error:
            raise _text.SendmailError('Sendmail cannot be started: %s.' % one.error)


def requeue(look: Any, selection: _selection.Selection, outcome: _outcome.Outcome, arguments: List[str], before: str, after: str, dry: bool,
            check: Callable[[], None]) -> None:
    """Quarantine or release with Sendmail's own -Q, and see from the names what became of each message. C(dry): only say."""
    for queue, directory, names in _outcome.find(look, selection):
        check()
        who = _access.identity(look, queue)
        with _access.entered(look, queue, directory) as opened, _archive.named(directory.path):
            taken = []
            with _identity.acting(who):
                for name in names:
                    try:
                        if name[:2] == 'Qf':
                            why = _access.return_lost(look, queue, opened, name, dry)
                            if not why and _access.exists(opened.control, before + name[2:]):
                                taken.append(before + name[2:])      # it was quarantined when it was lost
                            else:
                                outcome.add('left_alone' if why else 'queued', queue, name[2:], why)
                        elif name[:2] == before:
                            why = why_stays(look, queue, opened, name, after)
                            if not why:
                                _program(look)
                            if why or dry:
                                outcome.add('left_alone' if why else selection.done, queue, name[2:], why)
                            else:
                                taken.append(name)
                    except FileNotFoundError:
                        outcome.add('taken', queue, name[2:])
                    except OSError as error:
                        outcome.add('left_alone', queue, name[2:], _access.reason_of(error))
            if taken:
                _sendmail(look, queue, arguments, taken, outcome.transcript)
            with _identity.acting(who):
                for name in taken:
                    try:
                        if _access.exists(opened.control, name):
                            why = why_stays(look, queue, opened, name, after) or 'Sendmail did not accept it; see transcript'
                            outcome.add('left_alone', queue, name[2:], why)
                        else:
                            outcome.add(selection.done if _access.exists(opened.control, after + name[2:]) else 'taken', queue, name[2:])
                    except FileNotFoundError:
                        outcome.add('taken', queue, name[2:])
                    except OSError as error:
                        outcome.add('left_alone', queue, name[2:], _access.reason_of(error))


def why_stays(look: Any, queue: str, opened: _spool.Opened, name: str, after: str) -> Optional[str]:
    """Why Sendmail does not quarantine or release a message, or would lose it in that or in the run that comes next, or None.

    quarantine_queue_item() in queue.c reads the file with readqf(), which loses what it does not take, writes a tf file that must not exist
    yet, and renames that over whatever has the new name.
    """
    if not _qf.IDENTIFIER.match(name[2:]):
        return 'its name is not a queue id'
    try:
        handle, about = _archive.hold(opened.control, name)
        try:
            data = _archive.read_held(handle, about)
        finally:
            os.close(handle)
        place = _spool.data_directory(opened.directory, data, look.directories[queue])
    except FileNotFoundError:
        raise
    except (OSError, _text.SendmailError) as error:
        return _access.reason_of(error)
    envelope = _qf.parse(data)
    if not envelope.complete:
        return 'its final dot is missing: it is being written, or was cut short'
    if envelope.problems:
        return 'Sendmail would lose it: ' + envelope.problems[0].text
    wrong = _hazards.hazard_of_owner(about, os.fstat(opened.control), _hazards.runner(look, queue), look.settings[queue])
    if wrong:
        return '%s; %s' % (wrong, _access.PERMISSIONS)
    if after == 'qf':
        for hazard in _hazards.data_hazards(opened, name[2:], _hazards.runner(look, queue), opened.directory, place):
            return 'the next run would do harm: %s' % hazard.text
    if _access.exists(opened.control, 'tf' + name[2:]):
        return 'a tf file is in the way: mailops.sendmail.sendmail_debris removes it when it is old'
    if _access.exists(opened.control, after + name[2:]):
        return 'there is also a file ' + after + name[2:]
    return None


def act(params, check_mode, look=None):
    """The module's work. C(params) as documented in sendmail_message. Returns its result; raises SendmailError, with it for what was done."""
    state = params['state']
    states, done = _outcome.STATES[state]
    selection = _selection.Selection(params['select'], look.now if look else int(time.time()), states)
    selection.states &= frozenset(states)
    selection.done = done
    _outcome.refuse(state, params, selection)
    outcome = _outcome.Outcome()
    try:
        look = look or _access.look_at(params['queue'], partners=state == 'restored')
        with _identity.signals_noted() as check, _access.alone(look, check_mode):
            work(params, look, selection, outcome, check_mode, check)
    except _text.SendmailError as error:
        raise _text.SendmailError(str(error), **dict(outcome.result(state), **error.result))
    except Exception as error:  # noqa: BLE001 - whatever ended it, what was done is said
        name = getattr(error, 'filename', None)
        raise _text.SendmailError('%s%s. No message was removed that is not in an archive.' % (
            getattr(error, 'strerror', None) or '%s: %s' % (type(error).__name__, error),
            ': ' + _text.printable(os.fsencode(name)) if isinstance(name, (str, bytes)) else ''), **outcome.result(state))
    if outcome.refused:
        raise _text.SendmailError(' '.join(one['why'] for one in outcome.refused[:3]) + (
            ' And %d more parts.' % (len(outcome.refused) - 3) if len(outcome.refused) > 3 else '') + ' The other parts were used.',
            **outcome.result(state))
    return outcome.result(state)


def work(params: Dict[str, Any], look: Any, selection: _selection.Selection, outcome: _outcome.Outcome, dry: bool, check: Callable[[], None]) -> None:
    """Do what the module is asked for, or with C(dry) only say it, and fill C(outcome)."""
    state, base = params['state'], os.path.abspath(params['archive'] or _archive.BASE)
    asked = dict((queue, directories) for queue, directories in look.directories.items() if queue in _look.names(params['queue']))
    if state == 'restored':
        outcome.archive = base
        restorer = _restoration.Restorer(look, asked, selection, outcome, False, check)
        if dry or params['max_affected'] is not None:
            # Judged before the first one is written.
            judged = _outcome.Outcome()
            judge = _restoration.Restorer(look, asked, selection, judged, True, check)
            judge.run(base)
            outcome.selected = judged.selected
            _outcome.refuse(state, params, selection, judged.selected)
            if dry:
                vars(outcome).update(vars(judged), archive=base)
                return
            outcome.selected, restorer.sound = 0, judge.sound
        restorer.run(base)
        return
    narrow = look if asked == look.directories else look._replace(directories=asked)
    if state == 'absent':
        everywhere = _access.every_directory(look)
        _archive.check_base(base, everywhere)
        with contextlib.ExitStack() as stack:
            writer = None if dry else stack.enter_context(_archive.Writer(base, 'removed', {'state': state, 'pid': os.getpid()}, everywhere))
            back = []
            if os.path.isdir(base):
                if writer is not None:
                    writer.lock()
                for one in _removal.put_back(narrow, base, dry):
                    if not _removal.meant(selection, one, one.file if dry else one.name):
                        outcome.add('queued', one.queue, one.name[2:])
                    elif dry:
                        back.append(one)
            outcome.selected = _outcome.count(narrow, selection) + len(back)
            _outcome.refuse(state, params, selection, outcome.selected)
            for one in back:
                outcome.add('removed', one.queue, one.name[2:])
            if outcome.selected:
                _removal.Remover(narrow, selection, writer, outcome, check, _archive.check_room(base)).run()
        return
    outcome.selected = _outcome.count(narrow, selection)
    _outcome.refuse(state, params, selection, outcome.selected)
    arguments = ['-Q' + params['reason']] if state == 'quarantined' else ['-qQ', '-Q']
    if outcome.selected:
        requeue(narrow, selection, outcome, arguments, *(('qf', 'hf') if state == 'quarantined' else ('hf', 'qf')), dry=dry, check=check)
