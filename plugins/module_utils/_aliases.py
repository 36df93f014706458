# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Alias files and the option that names them, as alias.c of Sendmail reads them: bytes in, values out. Nothing that they name is opened or run."""

import re
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

# What each class of map needs in the build (setupmaps() in conf.c). Others are always there.
COMPILED = {'hash': 'NEWDB', 'btree': 'NEWDB', 'dbm': 'NDBM', 'cdb': 'CDB', 'nis': 'NIS', 'nisplus': 'NISPLUS', 'ldap': 'LDAPMAP', 'ph': 'PH_MAP',
            'nsd': 'MAP_NSD', 'hesiod': 'HESIOD', 'netinfo': 'NETINFO', 'dns': 'DNSMAP', 'bestmx': 'NAMED_BIND', 'regex': 'MAP_REGEX',
            'userdb': 'USERDB', 'socket': 'SOCKETMAP'}
EXTENSIONS = {'hash': '.db', 'btree': '.db', 'dbm': '.dir', 'cdb': '.cdb'}
_IMPLICIT = ('hash', 'dbm', 'cdb')         # in this order (impl_map_open() in map.c), and then the text itself
_LINE_MAX = 65536


class Source(NamedTuple):
    """One part of AliasFile: the class of map, and the file that its text is in, None where it is no file."""

    kind: str
    path: Optional[str]


def sources(value: str) -> List[Source]:
    """What an AliasFile option names (setalias() in alias.c). A comma in quotes ends nothing; options of the map stand before its file."""
    found = []
    for part in re.findall(r'(?:"[^"]*"?|[^",])+', value):
        part = part.strip()
        match = re.match(r'([^ ,/:]*):(.*)', part, re.DOTALL)
        kind, rest = (match.group(1).lower(), match.group(2)) if match else ('implicit', part)
        words = re.findall(r'(?:"[^"]*"?|\S)+', rest)
        while words and words[0].startswith('-'):
            words.pop(0)
        path = words[0].strip('"') if words else ''
        if part:
            found.append(Source(kind, path if path.startswith('/') and kind in ('implicit', 'text', 'stab') + tuple(EXTENSIONS) else None))
    return found


def database(source: Source, compiled: Optional[Dict[str, bool]]) -> List[str]:
    """The names that the map of this text can have, the one that is tried first at first; [] where Sendmail reads the text itself."""
    kinds = _IMPLICIT if source.kind == 'implicit' else (source.kind,)
    return ['%s%s' % (source.path, EXTENSIONS[kind]) for kind in kinds if kind in EXTENSIONS and (
        source.kind != 'implicit' or compiled is None or compiled.get(COMPILED[kind]))]


def entries(text: str) -> Iterator[Tuple[str, List[str]]]:
    """(name in lower case, addresses) of each alias, as readaliases() reads the text.

    A line goes on after a backslash at its end, and on one that begins with white space; after a comment too, as in contline(). Names lose
    their quotes. Lines that Sendmail refuses are left out.
    """
    parts: List[str] = []
    length = 0
    for line in text.split('\n') + ['']:
        if parts and (parts[-1].endswith('\\') or line[:1] in (' ', '\t') and line):
            if parts[-1].endswith('\\'):
                parts[-1] = parts[-1][:-1]
        else:
            yield from _entry(''.join(parts))
            parts, length = [], 0
        length += len(line)
        # Sendmail takes some kilobytes and refuses what is longer; here the rest is left out.
        parts.append(line if length <= _LINE_MAX else line[-1:])
    yield from _entry(''.join(parts))


def _entry(line: str) -> Iterator[Tuple[str, List[str]]]:
    name, colon, right = line.partition(':')
    if line[:1] not in ('', '#', ' ', '\t') and colon and right.strip():
        yield name.strip().strip('"').lower(), addresses(right)


def addresses(right: str) -> List[str]:
    """The addresses of the right-hand side: commas in quotes, and after a backslash, end nothing. Quotes around a whole address are taken off."""
    found = [one.strip() for one in re.findall(r'(?:"(?:[^"\\]|\\.)*"?|\\.|[^",])+', right, re.DOTALL)]
    return [re.sub(r'\\(["\\])', r'\1', one[1:-1]) if len(one) > 1 and one[0] == one[-1] == '"' else one for one in found if one]


def program(address: str) -> Optional[str]:
    """The program that mail to this address is piped into, as it is written, '' where that cannot be told; None for other addresses.

    The shell gets the line (M=prog), so assignments and exec in front of the name are passed over: "|IFS=' ' && exec /usr/bin/procmail".
    """
    if not address.startswith('|'):
        return None
    for word in re.findall(r'(?:"[^"]*"?|\'[^\']*\'?|[^\s;&|"\'])+', address[1:].strip().strip('"')):
        if not re.match(r'\w+=', word) and word not in ('exec', 'env'):
            word = word.strip('"\'')
            return word if re.match(r'[\w./+@:-]+\Z', word) else ''
    return ''
