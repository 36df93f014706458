# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a check found on a host, as one small file on the controller, so that thousands of them need no memory and several runs can be merged.

A file may come from elsewhere, from a host itself for example, so it is data to be doubted: bounded, and read field by field.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
import stat
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator
from urllib.parse import quote, unquote

from ansible_collections.mailops.sendmail.plugins.filter.failure_reason import failure_reason
from ansible_collections.mailops.sendmail.plugins.module_utils import _controls
from ansible_collections.mailops.sendmail.plugins.module_utils._text import SendmailError

FORMAT, VERSION = 'mailops.sendmail.compliance-result', 1
BYTES_MAX = 1 << 18
TEXT_MAX = 500
LISTED_MAX = 12      # of what a host lists: evidence, domains, reasons
CLOCKS = timedelta(hours=1)   # how much the clocks of two controllers may differ
Result = Dict[str, Any]


def now() -> datetime:
    return datetime.now(timezone.utc).replace(microsecond=0)


def stamp(when: datetime) -> str:
    return when.strftime('%Y-%m-%dT%H:%M:%SZ')


def read_stamp(text: str) -> datetime:
    return datetime.strptime(text, '%Y-%m-%dT%H:%M:%SZ').replace(tzinfo=timezone.utc)


def collection() -> str:
    """The version of this collection, as installed or as a checkout."""
    root = Path(__file__).resolve().parents[2]
    if (root / 'MANIFEST.json').exists():
        return str(json.loads((root / 'MANIFEST.json').read_text(encoding='utf-8'))['collection_info']['version'])
    found = re.search(r'^version: *(\S+)', (root / 'galaxy.yml').read_text(encoding='utf-8'), re.M)
    return found.group(1) if found else 'unknown'


def file_name(host: str) -> str:
    name = re.sub(r'^[.]', '%2E', quote(host, safe='', errors='surrogateescape'))
    return (name if len(name) <= 200 else name[:180] + '-' + hashlib.sha256(host.encode('utf-8', 'surrogateescape')).hexdigest()[:16]) + '.json'


def _named(file: str) -> str:
    """The host that a short file name is about."""
    return unquote(file[:-len('.json')], errors='surrogateescape')


def write_file(path: str, chunks: Iterable[str]) -> None:
    """Nobody ever reads half a file."""
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix='.sendmail-compliance-')
    try:
        with os.fdopen(handle, 'w', encoding='utf-8', errors='backslashreplace', newline='') as stream:
            stream.writelines(chunks)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def write(directory: str, host: str, result: Result) -> str:
    """Keep a result. One that says why there is none keeps the time of the last one that did. Returns its path."""
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, file_name(host))
    heard = None
    if not result.get('controls') and os.path.exists(path):
        heard = read(path, now())['heard']
    kept = dict({'format': FORMAT, 'version': VERSION, 'collection': collection(), 'host': host, 'checked': stamp(now()), 'heard': heard}, **result)
    write_file(path, [json.dumps(kept, separators=(',', ':')), '\n'])
    return path


def of_check(result: Result, options: dict[str, Any]) -> Result:
    """What is kept of a result of sendmail_compliance_info. The texts of the controls are the same for all and in the table."""
    about = result['host']
    controls = [{key: one[key] for key in ('id', 'severity', 'status', 'expected', 'actual', 'evidence', 'waiver')} for one in result['controls']]
    return {'controls': controls, 'options': options, 'version_of_sendmail': about['version'],
            **{key: about[key] for key in ('platform', 'queues', 'domains')}}


def of_failure(outcome: dict[str, Any]) -> Result:
    unreachable = bool(outcome.get('unreachable'))
    told = failure_reason(outcome)[:TEXT_MAX]
    return {'status': 'unknown' if unreachable else 'error', 'message': told or ('The host could not be reached.' if unreachable else 'The check failed.')}


def read(path: str, today: datetime, host: str | None = None) -> Result:
    """A result with every field there is. One that cannot be read is an error of C(host), or of the one whose name the file has."""
    name = os.path.basename(path)
    try:
        # A pipe would keep the report waiting.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), 'rb') as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise ValueError('it is not a regular file')
            data = stream.read(BYTES_MAX + 1)
        if len(data) > BYTES_MAX:
            raise ValueError(f'it is longer than {BYTES_MAX} bytes')
        given = json.loads(data, parse_constant=_number)
        if not isinstance(given, dict) or given.get('format') != FORMAT or given.get('version') != VERSION:
            raise ValueError(f'it is not a result of version {VERSION}')
        if file_name(str(given['host'])) != name:
            raise ValueError('it is about a different host than its name says')
        return _plain(given, today)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return _bare(_named(name) if host is None else host, 'error', f'The result {path} cannot be used: {error}.', checked=stamp(today))


def _bare(host: str, status: str, message: str, checked: str | None = None, heard: str | None = None) -> Result:
    return {'host': host, 'checked': checked, 'heard': heard, 'status': status, 'message': message[:TEXT_MAX], 'collection': '', 'options': {},
            'version_of_sendmail': None, 'platform': None, 'queues': {}, 'domains': {}, 'controls': []}


def _plain(given: dict[str, Any], today: datetime) -> Result:
    """Raises ValueError, KeyError, TypeError or AttributeError for what has not the form that L(write) gives it."""
    checked = _time(given['checked'], today)
    controls = [{'id': _text(one['id']), 'severity': _word(one['severity'], 'low', 'medium', 'high', 'critical'),
                 'status': _word(one['status'], 'pass', 'fail', 'waived', 'not_applicable', 'error'), 'expected': _text(one['expected']),
                 'actual': _text(one['actual']), 'evidence': [_text(text) for text in one['evidence'][:LISTED_MAX]],
                 'waiver': _waiver(one['waiver'], today)}
                for one in given.get('controls', [])]
    _known(controls, given['collection'])
    for one in controls:
        _waived_still(one)
    heard = stamp(checked) if controls else given.get('heard') and stamp(_time(given['heard'], checked))
    return {'host': str(given['host']), 'checked': stamp(checked), 'heard': heard,
            'status': '' if controls else _word(given['status'], 'unknown', 'error'),
            'message': _text(given.get('message', '')) or ('' if controls else 'The result does not say why.'),
            'collection': _text(given['collection']), 'options': _options(given.get('options', {})),
            'version_of_sendmail': _name(given.get('version_of_sendmail')), 'platform': _name(given.get('platform')),
            'queues': {_word(name, 'msp', 'mta'): _queue(about) for name, about in given.get('queues', {}).items()},
            'domains': {_text(name): _counts(ages) for name, ages in list(given.get('domains', {}).items())[:LISTED_MAX]}, 'controls': controls}


def _number(text: str) -> float:
    raise ValueError(f'{text} is not JSON')


def _time(text: Any, today: datetime) -> datetime:
    when = read_stamp(text)
    if when > today + CLOCKS or stamp(when) != text:
        raise ValueError(f'its time, {text}, is {"in the future" if when > today else "no time of this century"}')
    return when


def _known(controls: list[dict[str, Any]], version: Any) -> None:
    """A control that a newer collection has is in no column of the report, so it must not be bad; and each has one status."""
    seen: set[str] = set()
    for one in controls:
        if one['id'] in seen:
            raise ValueError(f'{one["id"]} is in it more than once')
        seen.add(one['id'])
        if one['id'] not in _controls.IDS and one['status'] in ('fail', 'error'):
            raise ValueError(f'{one["id"]} does not pass there, which the collection here does not know; version {_text(version)} does')


def _waived_still(one: dict[str, Any]) -> None:
    """What was waived when the host was looked at fails from the day after the waiver ends."""
    waiver = one['waiver']
    if one['status'] == 'waived' and not waiver:
        raise ValueError(f'{one["id"]} is waived by no waiver')
    if one['status'] == 'waived' and waiver['expired']:
        one.update(status='fail', evidence=[f'The waiver expired on {waiver["expires"]}.', *one['evidence']][:LISTED_MAX])


def _text(value: Any) -> str:
    return str(value)[:TEXT_MAX]


def _name(value: Any) -> str | None:
    return None if value is None else _text(value)


def _word(value: Any, *known: str) -> str:
    if value not in known:
        raise ValueError(f'{str(value)[:40]!r} is not one of {", ".join(known)}')
    return str(value)


def _count(value: Any) -> int:
    if not isinstance(value, int) or not 0 <= value < 1 << 62:
        raise ValueError(f'{str(value)[:40]!r} is not a count')
    return int(value)


def _age(value: Any) -> int | None:
    return None if value is None else _count(value)


def _counts(given: dict[str, Any]) -> dict[str, int]:
    return {_text(name): _count(count) for name, count in list(given.items())[:LISTED_MAX * 2] if count or name == 'total'}


def _waiver(given: dict[str, Any] | None, today: datetime) -> dict[str, Any] | None:
    if given is None:
        return None
    expires = given['expires']
    if datetime.strptime(expires, '%Y-%m-%d').date().isoformat() != expires:
        raise ValueError(f'{expires} is not a day')
    return {'id': _text(given['id']), 'reason': _text(given['reason']), 'expires': expires,
            'expired': bool(given['expired']) or expires < today.date().isoformat()}


def _options(given: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {'thresholds': dict(given.get('thresholds') or {}), 'overrides': list(given.get('overrides') or []),
                             'waivers': list(given.get('waivers') or []), 'profile': _text(given.get('profile') or 'baseline')}
    return found if len(json.dumps(found, allow_nan=False)) < 20000 else {}


def _queue(given: dict[str, Any]) -> dict[str, Any]:
    return {'messages': _counts(dict({'total': 0}, **given['messages'])), 'oldest_age': _age(given['oldest_age']),
            'last_attempt_age': _age(given['last_attempt_age']), 'bytes': _count(given['bytes'] or 0), 'reasons': _counts(given['reasons']),
            'senders': [{'sender': _text(one['sender']), 'messages': _count(one['messages'])} for one in given['senders'][:3]]}


def _ill(result: Result) -> bool:
    return not result['controls'] or any(one['status'] in ('fail', 'error') for one in result['controls'])


def gathered(outcomes: dict[str, dict[str, Any]], own: str, others: Iterable[str], today: datetime, max_age: int) -> Iterator[Result]:
    """One result for each host, by name: of those that were meant, C(outcomes), and of whoever else has a fresh one in C(others).

    C(outcomes): {host: what the check returned in this run, or nothing}; C(own): the directory where this run keeps results. C(others): directories with
    results of other runs, or patterns of them. The newest result counts, while it is not older than C(max_age) seconds; then nothing is known of the host.
    Raises SendmailError for a pattern that no directory has, OSError for a directory that cannot be read.
    """
    elsewhere: dict[str, list[str]] = {}
    for pattern in others:
        directories = sorted(glob.glob(os.path.join(os.path.expanduser(pattern), '')))
        if not directories:
            raise SendmailError(f'merge: no directory is called {pattern}, so nobody\'s results would be in the report. Check the name.')
        for directory in directories:
            for entry in sorted(os.listdir(directory)):
                if entry.endswith('.json') and not entry.startswith('.'):
                    elsewhere.setdefault(entry, []).append(os.path.join(directory, entry))
    meant = {file_name(host): host for host in outcomes}
    for name in sorted(set(meant) | set(elsewhere), key=lambda one: meant.get(one, _named(one))):
        host = meant.get(name)
        found = [read(path, today, host) for path in elsewhere.get(name, [])]
        outcome = outcomes[host] if host is not None else {}
        if outcome.get('unreachable') or outcome.get('failed'):
            found.append(read(write(own, str(host), of_failure(outcome)), today, host))
        elif outcome.get('file'):
            found.append(read(outcome['file'], today, host))
        # Of two of the same second the one that is not well counts, in whatever order they come.
        newest = max(found, key=lambda one: (one['checked'], _ill(one)), default=None)
        if newest is None and os.path.exists(os.path.join(own, name)):
            found.append(read(os.path.join(own, name), today, host))
        heard = max((one['heard'] for one in found if one['heard']), default=None)
        if newest and (today - read_stamp(newest['checked'])).total_seconds() <= max_age:
            yield dict(newest, heard=heard)
        else:
            host = host if host is not None else found[0]['host']
            why = 'Nobody has reported this host' if others else 'The check did not reach this host'
            yield _bare(host, 'unknown', f'{why}; last heard {heard}.' if heard else f'{why}.', heard=heard)
