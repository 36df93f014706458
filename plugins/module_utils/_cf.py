# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Sendmail's configuration files, sendmail.cf and submit.cf, read the way readcf() in Sendmail's readcf.c reads them.

What it refuses is another question, and that of _readcf. Values are text decoded as the file system does it (os.fsdecode), so a
path taken from here can be opened as it is.
"""

import re
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import _text

# The options that matter here; those with an old one-letter form have the letter in front.
_USED = '''ClientPortOptions ConnectOnlyTo ConnectionRateThrottle DontProbeInterfaces DeadLetterDrop DefaultAuthInfo DelayLA
FallbackSmartHost MaxDaemonChildren MaxRunnersPerQueue MaxQueueAge MinQueueAge PidFile QueueFileMode RunAsUser TrustedUser
DontBlameSendmail ServiceSwitchFile SmtpGreetingMessage ServerCertFile ServerKeyFile ClientCertFile ClientKeyFile CipherList HeloName MaxMessageSize
AAliasFile HHelpFile JForwardPath LLogLevel ODaemonPortOptions VFallbackMXhost bMinFreeBlocks cHoldExpensive dDeliveryMode hMaxHopCount
MaxHeadersLength pPrivacyOptions QQueueDirectory qQueueFactor xQueueLA yRecipientFactor XRefuseLA
SingleThreadDelivery SStatusFile TQueueTimeout rTimeout wTryNullMXList UseMSP'''
_LETTER = {word[0]: word[1:].lower() for word in _USED.split() if word[1].isupper()}
_LONG = sorted((word[1:] if word[1].isupper() else word).lower() for word in _USED.split())

SPACE = ' \t\n\v\f\r'
MACRO = re.compile(r'\{([A-Za-z0-9_]{1,25})\}|([^{])', re.DOTALL)             # MAXMACNAMELEN
_WORD = re.compile(r'\S+', re.ASCII)                                            # a space that only Unicode knows is none
SPECIAL = re.compile(r'#|\$(?:[=~&?](\{[^}]*\}?|.|\Z)|(\{[^}]*\}?|[^=~&?]|\Z))', re.DOTALL)


class Configuration(NamedTuple):
    """What a configuration file says. C(options) keeps all values of an option in order, under its long name in lower case
    (C(timeout.iconnect) for sub-options). C(lines) are all lines but comments, put together, with the number of their last one."""

    options: Dict[str, List[str]]
    macros: Dict[str, str]
    classes: Dict[str, List[str]]
    class_files: List[Dict[str, str]]
    mailers: Dict[str, Dict[str, Any]]
    queue_groups: List[Dict[str, Any]]
    version: Optional[int]
    lines: List[Tuple[int, str]]
    timeouts: List[Tuple[str, str]]            # Timeout.NAME and its value in the order of the file, which matters

    def option(self, name, default=None):
        """The value in force: the last one, as in readcf. A name is case-insensitive."""
        return self.options.get(name.lower(), [default])[-1]

    def number(self, name, default=0, base=10):
        """The leading digits of an option, 0 without any, as atoi() takes them in 64 bits (C(base) 8 for modes: atooct())."""
        if self.option(name) is None:
            return default
        match = re.match(r'[0-7]+' if base == 8 else r'\s*[+-]?[0-9]+', self.option(name), re.ASCII)
        return min(max(int(match.group(), base), -2 ** 63), 2 ** 63 - 1) if match else 0

    def flag(self, name):
        """Whether an option is set, as atobool() in util.c takes it: without a value it is."""
        return (self.option(name, 'f') or 't')[0] in 'tTyY'

    def seconds(self, name):
        """An option that is a time, in minutes unless it says otherwise; 0 without it."""
        return convtime(self.option(name), 'm') if self.option(name) else 0


def _lines(text):
    """Logical lines with the number of their last physical line: a line that starts with white space continues the one before."""
    number, start = 0, None
    for line in text.split('\n'):
        if start is not None and line[:1] not in (' ', '\t'):
            yield number, '\n'.join(start)
            start = None
        number += 1
        if start is None:
            start = [line]
        else:
            start.append(line)
    if start and start != ['']:
        yield number, '\n'.join(start)


def translate(line, level):
    """translate_dollars() of readcf.c: comments and the white space at the end taken off; macros are left as they are.

    A # counts from level 3 of the configuration on, the V line, unless it follows a backslash or is itself the name of a macro.
    """
    match = SPECIAL.search(line, 1)
    while match:
        at, position = match.start(), match.end()
        if match.group() == '#' and level >= 3:
            if line[at - 1] == '\\' and at > 1:
                line, position = line[:at - 1] + line[at:], at                # the # itself is now before the position
            else:
                head = line[:1] + line[1:at].rstrip(' \t\v\f\r')
                line, position = head + ''.join(line[at:].partition('\n')[1:]), len(head)
        match = SPECIAL.search(line, position)
    return line[:1] + line[1:].rstrip(SPACE)


def _munch(text, delimiter=''):
    """munchstring() of readcf.c: quotes and backslashes undone, up to the delimiter. Returns the value and the rest."""
    out, quoted, position = [], False, 0
    while position < len(text):
        char = text[position]
        if char == '\\' and position + 1 < len(text):
            position += 1
            out.append({'r': '\r', 'n': '\n', 'f': '\f', 'b': '\b'}.get(text[position], text[position]))
        elif char == '"':
            quoted = not quoted
        elif char == delimiter and not quoted:
            break
        elif char != '\\':
            out.append(char)
        position += 1
    return ''.join(out), text[position:]


def equates(text):
    """Name of a mailer, queue group or filter, and pairs of its C(X=value) fields; the last is (text, None) where an = is missing."""
    name = re.split('[,%s]' % SPACE, text, maxsplit=1)[0]
    text, pairs = text[len(name) + 1:], []
    while text:
        field, found, text = text.lstrip(',' + SPACE).partition('=')
        if not found or ',' in field:
            return name, pairs + [(field.split(',')[0].strip(), None)]
        value, text = _munch(text.lstrip(SPACE), ',')
        pairs.append((field.strip(), value))
    return name, pairs


def option(text):
    """Name in lower case, suboption with its dot, and value of what follows the O of an option line. A name of one letter is an old form."""
    if text[:1] != ' ':
        return text[:1], '', text[1:]
    name, _equals, value = text[1:].partition('=')
    name, dot, sub = name.rstrip(' ').lower().partition('.')
    return ' ' + name, dot + sub, value.lstrip(' ')


def _add(cf, kind, rest):
    """Put what one line defines into the configuration. What Sendmail refuses is read somehow."""
    if kind == 'O':
        name, sub, value = option(rest)
        # An abbreviation that fits several options is refused, and one that fits another option fits none of these.
        name = ([one for one in _LONG if one.startswith(name[1:])] or [name[1:]])[0] if name[:1] == ' ' else _LETTER.get(name, name)
        if value or not name.startswith('fallback'):
            cf.options.setdefault(name + sub if name == 'timeout' else name, []).append(value)
        cf.timeouts.extend(timeouts(name, sub, value))
    elif kind in 'DCF':
        match = MACRO.match(rest)
        if not match:
            return
        name, value = match.group(1) or match.group(2), rest[match.end():]
        if kind == 'D':
            cf.macros[name] = _munch(value)[0]
        elif kind == 'C':
            cf.classes.setdefault(name, []).extend(_WORD.findall(value))
        else:
            cf.class_files.append({'class': name, 'file': value.strip()})
    elif kind == 'T':
        cf.classes.setdefault('t', []).extend(_WORD.findall(rest))
    elif kind in 'MQ':
        name, pairs = equates(rest)
        fields = {field[:1]: value for field, value in pairs if value}
        if kind == 'M':
            cf.mailers[name.lower()] = {'path': fields.get('P', ''), 'flags': fields.get('F', ''), 'argv': _WORD.findall(fields.get('A', ''))}
        else:
            # Without P= it is the QueueDirectory of this moment.
            cf.queue_groups.append({'name': name.lower(), 'path': fields.get('P') or cf.option('QueueDirectory'), 'flags': fields.get('F', ''),
                                    'interval': convtime(fields.get('I', ''), 'm') or None, 'runners': fields.get('R')})


def parse(data):
    """A C(Configuration) from the bytes of a configuration file. Never raises."""
    cf = Configuration({}, {}, {}, [], {}, [], None, [], [])
    version = None
    for number, line in _lines(data.decode('utf-8', 'surrogateescape').replace('\r\n', '\n')):
        line = line.partition('\0')[0]
        if line and line[0] != '#':
            line = translate(line, version or 0)
            cf.lines.append((number, line))
            match = re.match(r'V\s*([0-9]+)', line)
            if match:
                version = int(match.group(1))
            _add(cf, line[0], line[1:])
    return cf._replace(version=version)


def timeouts(name, sub, value):
    """The time-outs that an option sets, with their names in lower case, in order."""
    if name == 'queuetimeout':                                                # O T5d/4h
        returned, slash, warned = value.partition('/')
        return ([('queuewarn', warned)] if slash else []) + [('queuereturn', returned)]
    if name != 'timeout':
        return []
    # inittimeouts(): a number alone sets time-outs that do not matter here.
    return [(sub[1:], value)] if sub else [(one.lower(), time) for one, time in re.findall(r'(?:^|,)\s*([^\d\s,:=][^,:=]*)[:=]([^,]*)', value)]


def expand(cf, text):
    """Macros ($x, ${name}) in an option replaced by what the file defines for them; Sendmail does this for PidFile only.

    Ten levels deep and 2047 characters long at most, as Sendmail's own buffer: a macro may contain itself.
    """
    for _level in range(10):
        text = re.sub(r'\$(?:\{(\w+)\}|(\w))', lambda match: cf.macros.get(match.group(1) or match.group(2), ''), text)[:2047]
    return text


def queue_patterns(cf):
    """Where the queues of this file are: [{group, path, interval}], the default group mqueue first, paths as written.

    A path whose last part ends in C(*) stands for every directory with that prefix. A group without P= shares QueueDirectory.
    """
    base = (cf.option('QueueDirectory') or 'mqueue') if 'queuedirectory' in cf.options else None
    groups = {'mqueue': {'group': 'mqueue', 'path': base, 'interval': None}}
    for group in cf.queue_groups:
        groups[group['name']] = {'group': group['name'], 'path': group['path'] or base, 'interval': group['interval']}
    return [group for group in groups.values() if group['path']]


_TIMEOUT_UNITS = {'queuereturn': 'd', 'queuewarn': 'h'}


def convtime(text: str, unit: str) -> int:
    """Seconds of a time as convtime.c reads it: a number without a unit, or with one that is none, counts in C(unit)."""
    if text.lower() == 'now':
        return 0
    found = re.findall(r'([0-9]*)([^0-9]|$)', text[1:] if text[:1] == '-' else text)
    scale = {'s': 1, 'm': 60, 'h': 3600, 'd': 86400, 'w': 604800}
    total = sum(int(digits or 0) * scale.get(letter, scale[unit]) for digits, letter in found)
    return -total if text[:1] == '-' else total


def timeout(cf: Configuration, name: str, default: int) -> int:
    """Seconds of C(Timeout.name), for mail of normal priority, as settimeout() of readcf.c has it.

    The last line of a file counts, whether it names the time-out as such, with C(.*), or its class C(.normal). Minutes are the unit, but
    days for queuereturn and hours for queuewarn.
    """
    names = (name, name + '.*', name + '.normal') if name in _TIMEOUT_UNITS else (name,)
    values = [value for given, value in cf.timeouts if given in names]
    return convtime(values[-1], _TIMEOUT_UNITS.get(name, 'm')) if values else default


def settings(cf: Configuration, cpus: int = 1) -> Dict[str, Any]:
    """The options that matter to queues, as plain values with Sendmail's compiled-in defaults (setdefaults() in conf.c).

    Times in seconds, 0 for no limit; C(refuse_la) and C(delay_la) 0 for off. C(queue_file_mode) is a number.
    """
    user, _dummy, group = re.sub(r'[./]', ':', cf.option('RunAsUser') or '').partition(':')
    return {
        'run_as_user': user or None, 'run_as_group': group or None, 'use_msp': cf.flag('UseMSP'), 'trusted_user': cf.option('TrustedUser') or None,
        'queue_file_mode': cf.number('QueueFileMode', 0o600, 8) & 0o777, 'min_free_blocks': cf.number('MinFreeBlocks'),
        'queue_la': cf.number('QueueLA', 8 * cpus), 'refuse_la': cf.number('RefuseLA', 12 * cpus), 'delay_la': cf.number('DelayLA'),
        'queue_factor': cf.number('QueueFactor', 600000), 'recipient_factor': cf.number('RecipientFactor', 30000),
        'min_queue_age': max(0, cf.seconds('MinQueueAge')), 'max_queue_age': max(0, cf.seconds('MaxQueueAge')),
        'max_daemon_children': cf.number('MaxDaemonChildren'), 'connection_rate_throttle': cf.number('ConnectionRateThrottle'),
        'privacy_options': [word.lower() for word in re.findall(r'\w+', ' '.join(cf.options.get('privacyoptions', [])))],
        'status_file': cf.option('StatusFile') or None,
        'dead_letter_drop': cf.option('DeadLetterDrop') or None, 'pid_file': expand(cf, cf.option('PidFile') or '') or None,
        'single_thread': cf.flag('SingleThreadDelivery'),
        'timeout_classes': sorted({name for name, _value in cf.timeouts if re.match(r'queue\w+\.(non-urgent|dsn)\Z', name)}),
        'timeouts': {'connect': timeout(cf, 'connect', 0), 'iconnect': timeout(cf, 'iconnect', 0), 'initial': timeout(cf, 'initial', 300),
                     'queuereturn': timeout(cf, 'queuereturn', 432000), 'queuewarn': timeout(cf, 'queuewarn', 0)},
    }


def problem(line: int, said: str, text: str = '') -> Dict[str, Any]:
    """{line, problem, text} of a place where Sendmail stops, as it can be shown: C(line) is 0 for none, C(said) its words, C(text) the line itself."""
    shown, whole = (_text.printable(one.encode('utf-8', 'surrogateescape')) for one in (said, text[:200]))
    return {'line': line, 'problem': shown, 'text': whole}
