# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What published rules ask of a host, taken once for a compliance check: options, alias files, the log, TLS files, map classes. Looks as in _system.

Reads are bounded, and nothing that they name is run. Sendmail itself is asked where an address leads to; L(_published) judges.
"""

import base64
import calendar
import glob
import os
import re
import stat
import time
from typing import Any, Dict, List, Optional, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import _aliases, _cf, _look, _process, _system

_ALIASES_MAX = 8 << 20     # bytes of an alias file
_PROGRAMS_MAX = 200        # different programs of aliases that are looked at
_LISTED = 20
_ADDRESSES = ('postmaster', 'root')
_ASK_SECONDS = 10          # for both addresses together
_NAME_SECONDS = 5.0        # of a lookup, after which a start of Sendmail takes too long
_LINES_MAX = 50            # of an answer
# Exit statuses of sysexits.h that are an answer about the address, not about a configuration (70, 78) or a lookup that fails (71, 75).
_TOLD = (0, 64, 65, 67, 68, 69, 73, 77)
_SMRSH = ('/etc/mail/smrsh', '/etc/smrsh', '/usr/adm/sm.bin', '/usr/lib/sm.bin', '/usr/libexec/sm.bin', '/usr/lib/sendmail.d/bin')
_LOGGERS = ('rsyslogd', 'syslogd', 'syslog-ng', 'metalog', 'busybox')
_SYSLOG = ('/etc/rsyslog.conf', '/etc/syslog.conf')
_JOURNALD = ('/etc/systemd/journald.conf', '/usr/lib/systemd/journald.conf.d/*.conf', '/run/systemd/journald.conf.d/*.conf',
             '/etc/systemd/journald.conf.d/*.conf')
_GREETING = '$j Sendmail $v ready at $b'   # main.c, without SmtpGreetingMessage


def policy(look: _look.Look, ask: bool) -> Dict[str, Any]:
    """Plain values, see L(_published). C(ask): whether Sendmail is asked where addresses lead to."""
    cf = look.configurations.get('mta')
    compiled = _compiled(look.program['sendmail'])
    found: Dict[str, Any] = {
        'log_level': dict((name, one.number('LogLevel', 9)) for name, one in look.configurations.items() if one is not None),
        'log': _log(), 'tls': _tls(look), 'greeting': None, 'help': None, 'forward': None, 'aliases': None, 'maps': None, 'answers': {}}
    if cf is None:
        return found
    helpfile, forward = cf.option('HelpFile'), cf.option('ForwardPath')
    sources = _aliases.sources(','.join(cf.options.get('aliasfile', [])))
    found.update(
        greeting=_greeting(cf),
        help=_system.file_state(helpfile) if helpfile else None, forward=forward and _system.printable(forward),
        aliases=_alias_files(cf, sources, compiled), maps={'compiled': compiled, 'used': _used(look, sources)},
        answers=_answers(look, cf) if ask and look.program['sendmail'] else {})
    return found


def _user(named: Optional[str]) -> Optional[str]:
    """The name of a user that an option names, or gives as a number."""
    digits = re.match(r'\d+', named or '', re.A)
    return _system.user_name(int(digits.group())) if digits else named


def _greeting(cf: _cf.Configuration) -> Dict[str, str]:
    """{written, meant}: meant has the macros of the file replaced, but for $v and $Z, the versions."""
    text = written = cf.option('SmtpGreetingMessage') or cf.macros.get('e') or _GREETING
    for _level in range(10):
        text = re.sub(r'\$&?(?:\{(\w+)\}|(\w))', lambda match: match.group(0) if (match.group(1) or match.group(2)) in ('v', 'Z')
                      else cf.macros.get(match.group(1) or match.group(2), ''), text)[:2047]
    return {'written': _system.printable(written[:200]), 'meant': _system.printable(text)}


# Alias files

def _alias_files(cf: _cf.Configuration, sources: List[_aliases.Source], compiled: Optional[Dict[str, bool]]) -> Dict[str, Any]:
    """{files: [{path, link, text, map, kind}], elsewhere: classes that are no files, errors, decode, programs, trusted}.

    C(text) and C(map) are states of _system.file_state(), the map None where Sendmail reads the text itself. C(link): who made the path, a link.
    C(decode) and C(programs) are sentences.
    """
    found: Dict[str, Any] = {'files': [], 'elsewhere': [one.kind for one in sources if one.path is None][:_LISTED], 'errors': [], 'decode': [],
                             'programs': [], 'trusted': _user(cf.option('TrustedUser'))}
    places = _restricted(cf)
    seen: Dict[str, Tuple[str, ...]] = {}
    for source in sources[:_LISTED]:
        if source.path is None:
            continue
        text = _system.read_file(source.path, _ALIASES_MAX)
        data = text.pop('data')
        names = _aliases.database(source, compiled)
        there = [name for name in names if os.path.exists(name)]
        own = _system.file_state(source.path, follow=False)
        found['files'].append({'path': _system.printable(source.path), 'kind': source.kind, 'text': text,
                               'link': own['owner'] if own['kind'] == 'link' else None, 'map': _system.file_state((there or names)[0]) if names else None})
        if data is None or text['truncated']:
            if there or text['exists'] or text['error']:
                found['errors'].append('%s: %s.' % (_system.printable(source.path), 'it is larger than %d bytes' % _ALIASES_MAX if text['truncated']
                                                    else text['error'] or 'it does not exist, so what its map holds is not known'))
            continue
        for alias, right in _aliases.entries(data.decode('utf-8', 'surrogateescape')):
            if alias in ('decode', 'uudecode') or 'uudecode' in [os.path.basename(_aliases.program(one) or '') for one in right]:
                found['decode'].append(_system.printable('%s: %s: %s' % (source.path, alias, ', '.join(right)))[:200])
            for address in right:
                program = _aliases.program(address)
                if program is not None and program not in seen:
                    seen[program] = (alias, address)
    for program, (alias, address) in list(seen.items())[:_PROGRAMS_MAX]:
        wrong = _way(program, places) if program else None
        if wrong is None:
            found['errors'].append(_system.printable('The alias %s runs %s, but which program that is cannot be told.' % (alias, address[:100])))
        elif wrong:
            found['programs'].append('The alias %s runs %s: %s' % (_system.printable(alias), _system.printable(program), wrong))
    if len(seen) > _PROGRAMS_MAX:
        found['errors'].append('More than %d programs: the others were not checked.' % _PROGRAMS_MAX)
    found.update(count=len(seen), decode=found['decode'][:_LISTED], programs=found['programs'][:_LISTED], errors=found['errors'][:_LISTED])
    return found


def _restricted(cf: _cf.Configuration) -> List[str]:
    """Where smrsh looks for programs, [] where the mailer prog is another one. The directory is compiled into it (CMDDIR in smrsh.c)."""
    path = str(cf.mailers.get('prog', {}).get('path', ''))
    if os.path.basename(path) != 'smrsh':
        return []
    data = _system.slurp_all(path, 1 << 20)
    return [one for one in _SMRSH if os.fsencode(one) + b'\0' in data] or list(_SMRSH)


def _way(program: str, restricted: List[str]) -> Optional[str]:
    """What is wrong with a program and the directories it lies in, as a sentence, '' for nothing; None where it cannot be told.

    Root alone may own and write them (GEN004400, GEN004420). smrsh takes the last part of the name.
    """
    if restricted or '/' not in program:
        names = [os.path.join(place, os.path.basename(program)) for place in restricted or ('/bin', '/usr/bin')]
        program = next((name for name in names if os.path.exists(name)), names[0] if restricted else '')
    if not program.startswith('/'):
        return None
    path = os.path.realpath(program)
    above = [path[:at] or '/' for at, char in enumerate(path) if char == '/'] + [program[:at] or '/' for at, char in enumerate(program) if char == '/']
    for place in [path] + sorted(set(above)):
        try:
            about = os.stat(place)
        except OSError as error:
            return '%s: %s.' % (_system.printable(place), error.strerror)
        if about.st_uid or about.st_mode & 0o022:
            return '%s is owned by %s and has mode %04o.' % (_system.printable(place), _system.user_name(about.st_uid), stat.S_IMODE(about.st_mode))
    return ''


def _answers(look: _look.Look, cf: _cf.Configuration) -> Dict[str, Optional[List[str]]]:
    """What Sendmail says about each of these addresses with -bv, None where it said nothing in time. It runs no mailer and writes no queue file.

    LogLevel 0 leaves nothing in the log. Not asked where a map of the class program would be run, nor where a start waits for names.
    """
    own = look.lookups.get('own') or {}
    waits = own.get('unqualified') or (own.get('seconds') or 0) >= _NAME_SECONDS or all(one['error'] for one in look.name_servers) and look.name_servers
    if waits or any(line[0] == 'K' and re.match(r'\S+\s+program\b', line[1:].strip(), re.IGNORECASE) for _number, line in cf.lines):
        return dict.fromkeys(_ADDRESSES)
    lines: Dict[str, List[str]] = dict((address, []) for address in _ADDRESSES)

    def take(key: str, line: bytes) -> None:
        if len(lines[key]) < _LINES_MAX:
            lines[key].append(_system.printable(line[:200]))
    ended = _process.run_all([(address, [look.program['sendmail'], '-O', 'LogLevel=0', '-bv', address]) for address in _ADDRESSES], 2,
                             time.monotonic() + _ASK_SECONDS, take)
    whole = set(one.key for one in ended if one.status in _TOLD and not one.stopped)
    return dict((address, lines[address] if address in whole else None) for address in _ADDRESSES)


# Maps

def _compiled(binary: Optional[str]) -> Optional[Dict[str, bool]]:
    """Which of these were compiled in, from the words that -d0.1 prints (CompileOptions in conf.c); None where it shows none of them."""
    data = _system.slurp_all(binary, 8 << 20) if binary else b''
    if not re.search(rb'\0(NAMED_BIND|NETINET|MATCHGECOS|MIME7TO8)\0', data):
        return None
    return dict((word, b'\0%s\0' % word.encode() in data or b'\0%s=' % word.encode() in data) for word in set(_aliases.COMPILED.values()))


def _used(look: _look.Look, sources: List[_aliases.Source]) -> Dict[str, str]:
    """{class of map: who uses it}: of K lines in both files, and of alias files."""
    found = dict((source.kind, 'AliasFile') for source in sources)
    for name, cf in look.configurations.items():
        for number, line in cf.lines if cf is not None else ():
            match = re.match(r'K\s*([\w.]+)[^\w.]\s*([A-Za-z0-9]+)', line)
            if match:
                found.setdefault(match.group(2).lower(), '%s line %d' % (look.files[name]['path'], number))
    return dict((kind, _system.printable(found[kind])) for kind in sorted(found)[:3 * _LISTED])


# The log

def _catches(text: str) -> List[str]:
    """Where the rules of a syslog.conf send mail.info, which is Sendmail's level for each message."""
    found = []
    for line in text.replace('\\\n', '').splitlines():
        match = re.match(r'\s*([\w*,.;!=]+\.[\w*,.;!=]+)\s+(\S.*)', line)
        if not match:
            continue
        taken = False
        for part in match.group(1).lower().split(';'):
            names, _dot, level = part.rpartition('.')
            if {'mail', '*'} & set(names.split(',')):
                taken = level in ('*', 'debug', 'info', '=info') or taken and level not in ('none', '!*', '!debug', '!info', '!=info')
        named = re.search(r'(?i)^action\(.*\bfile\s*=\s*"([^"]+)"', match.group(2))
        place = named.group(1) if named else match.group(2).split()[0].split(';')[0].lstrip('-')
        if taken and place not in ('/dev/null', '~', 'stop'):
            found.append(place)
    return found


def _journal_keeps() -> bool:
    """Whether it keeps the level info. Drop-ins count by name, of one name the last place (journald.conf(5))."""
    drop_ins = dict((os.path.basename(path), path) for pattern in _JOURNALD[1:] for path in glob.glob(pattern)[:_LISTED])
    text = '\n'.join(_system.script(path) for path in [_JOURNALD[0]] + [drop_ins[name] for name in sorted(drop_ins)])
    values = dict(re.findall(r'(?m)^\s*(Storage|MaxLevelStore)\s*=\s*(\w+)', text))
    return values.get('Storage') != 'none' and values.get('MaxLevelStore', 'debug') in ('debug', 'info', '6', '7')


def _log() -> Dict[str, Any]:
    """{journal, daemons, places, unclear, files}: who takes it, where rules send it, whether some were not understood, states of files."""
    comms = [_system.slurp('/proc/%s/comm' % entry, 64).strip().decode('latin-1') for entry in _system.names('/proc') if entry.isdecimal()]
    text = '\n'.join(_system.script(path) for path in _SYSLOG + tuple(sorted(glob.glob('/etc/rsyslog.d/*.conf'))[:100]))
    places = _catches(text)
    paths = [path for path in places if path.startswith('/')] + [path for path in ('/var/log/mail.log', '/var/log/maillog') if os.path.exists(path)]
    journal = os.path.exists('/run/systemd/journal/socket') and _journal_keeps()
    if journal:
        paths += [path for top in ('/var/log/journal', '/run/log/journal') for path in sorted(glob.glob(top + '/*/system.journal'))[:2]]
    files = [_system.file_state(path) for path in sorted(set(paths))[:_LISTED]]
    return {'journal': journal, 'daemons': sorted(set(comms) & set(_LOGGERS)), 'places': [_system.printable(place) for place in places][:_LISTED],
            'unclear': not text.strip() or bool(re.search(r'(?m)^\s*(if\b|action\s*\(|log\s*\{)', text)) or 'syslog-ng' in comms or 'metalog' in comms,
            'files': [one for one in files if one['exists'] and one['kind'] == 'file']}


# TLS

def _paths(cf: _cf.Configuration, kind: str) -> List[str]:
    return [path.strip() for side in ('Server', 'Client') for path in _cf.expand(cf, cf.option(side + kind) or '').split(',') if path.strip()]


def _tls(look: _look.Look) -> Dict[str, Any]:
    """{keys: [{state, group_readable, users}], certificates: [{path, expires, error}]} of both configurations.

    C(group_readable): whether DontBlameSendmail allows it (TLS_KEYSFF in tls.c); C(users): who may own a key beside root: the user that reads it.
    """
    keys: Dict[str, Any] = {}
    certificates: Dict[str, Any] = {}
    for cf in look.configurations.values():
        if cf is None:
            continue
        blame = re.split(r'\bsafe\b', ' '.join(cf.options.get('dontblamesendmail', [])).lower())[-1]   # that word takes back all before it
        users = [user for user in map(_user, (cf.option('TrustedUser'), re.split('[:./]', cf.option('RunAsUser') or '')[0])) if user]
        for path in _paths(cf, 'KeyFile'):
            keys.setdefault(path, {'state': _system.file_state(path), 'users': users, 'group_readable': 'groupreadablekeyfile' in blame})
        for path in _paths(cf, 'CertFile'):
            state = _system.read_file(path, 1 << 18)
            expires = not_after(state['data'] or b'')
            certificates[path] = {'path': _system.printable(path), 'expires': expires, 'error': state['error'] or (
                None if expires else 'no certificate can be read in it' if state['exists'] else 'does not exist')}
    return {'keys': list(keys.values())[:_LISTED], 'certificates': list(certificates.values())[:_LISTED]}


def _der(data: bytes, at: int) -> Tuple[int, int, int]:
    """(tag, start, end) of the value at a place of DER (X.690, 8.1). Raises IndexError or ValueError for what is none."""
    tag, length, start = data[at], data[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7f
        length, start = int.from_bytes(data[start:start + count], 'big'), start + count
    if start + length > len(data):
        raise ValueError('cut off')
    return tag, start, start + length


def not_after(pem: bytes) -> Optional[int]:
    """When the first certificate of a PEM file expires, in epoch seconds; None where there is none (RFC 5280, 4.1.2.5)."""
    match = re.search(rb'-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END', pem)
    try:
        data = base64.b64decode(b''.join(match.group(1).split())) if match else b''
        _tag, at, _end = _der(data, _der(data, 0)[1])
        if data[at] == 0xa0:                     # the version, where it is not the first
            at = _der(data, at)[2]
        for _field in range(3):                  # serial number, signature, issuer
            at = _der(data, at)[2]
        _tag, at, _end = _der(data, at)
        tag, start, end = _der(data, _der(data, at)[2])
        text = data[start:end].decode('ascii')
        if tag == 0x17:                          # UTCTime: two digits of the year
            text = ('19' if text[:2] >= '50' else '20') + text
        return calendar.timegm(time.strptime(text, '%Y%m%d%H%M%SZ'))
    except (IndexError, ValueError):
        return None
