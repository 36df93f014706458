# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

# PRIVATE to the mailops.sendmail collection: it can change or go in any release.

"""Name look-ups as Sendmail needs them, side by side and within a time limit."""

import socket
import threading
import time
from typing import Any, Dict, Optional, Sequence, Tuple

_ERRORS = {socket.EAI_AGAIN: 'temporary', socket.EAI_FAIL: 'temporary'}


def _look_up(name: str, family: int, found: Dict[Any, Dict[str, Any]]) -> None:
    start = time.monotonic()
    try:
        entries = socket.getaddrinfo(name, None, family, socket.SOCK_STREAM, 0, socket.AI_CANONNAME)
        error, canonical = None, entries[0][3]
    except socket.gaierror as failure:
        error, canonical = _ERRORS.get(failure.errno or 0, 'not_found'), ''
    except (OSError, UnicodeError):
        error, canonical = 'not_found', ''
    found[name, family] = {'error': error, 'canonical': canonical, 'seconds': round(time.monotonic() - start, 2)}


def look_up(questions: Sequence[Tuple[str, int]], seconds: float) -> Dict[Any, Dict[str, Any]]:
    """Ask all (name, address family) at once: {(name, family): {error, canonical, seconds}}.

    C(error) is None, C(not_found) (the name server answered, and there is no address), C(temporary) (Sendmail defers mail then) or C(timeout).
    """
    answers: Dict[Any, Dict[str, Any]] = {}
    threads = [threading.Thread(target=_look_up, args=(name, family, answers), daemon=True) for name, family in questions]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return dict(((name, family), dict(answers.get((name, family)) or {'error': 'timeout', 'canonical': '', 'seconds': seconds}))
                for name, family in questions)


def look_around(relay: Optional[str], domains: Sequence[str], seconds: float = 8.0) -> Dict[str, Any]:
    """Look up what a queue run needs: {own, relay, domains}.

    C(own): {name, unqualified, error, seconds}, the slower of IPv4 and IPv6, for Sendmail asks both at each start; C(relay): None for an
    address; C(domains): {domain: {error, seconds}}. An MX record alone makes C(not_found), which is an answer all the same.
    """
    own = socket.gethostname()
    questions = [(own, socket.AF_INET), (own, socket.AF_INET6)] + [(name, socket.AF_UNSPEC) for name in ([relay] if relay else []) + list(domains)]
    answers = look_up(questions, seconds)
    both = [answers[own, socket.AF_INET], answers[own, socket.AF_INET6]]
    return {'own': {'name': own, 'unqualified': '.' not in own and not any('.' in answer['canonical'] for answer in both),
                    'error': both[0]['error'], 'seconds': max(answer['seconds'] for answer in both)},
            'relay': answers[relay, socket.AF_UNSPEC] if relay else None,
            'domains': dict((name, answers[name, socket.AF_UNSPEC]) for name in domains)}
