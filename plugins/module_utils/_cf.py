# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

# PRIVATE to the mailops.sendmail collection: it can change or go in any release.

"""Sendmail's configuration files, sendmail.cf and submit.cf, read the way readcf() in Sendmail's readcf.c reads them.

Values are text decoded as the file system does it (os.fsdecode), so a path taken from here can be opened as it is.
"""

import re
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import _text

# OptionTab of readcf.c, up to 8.18.2, with the options that only special builds know: an option missing here is refused
# by every build. The second line names those that also have an old one-letter form, the letter first.
_NAMES = '''QueueSortOrder HostsFile MinQueueAge DefaultCharSet ServiceSwitchFile DialDelay NoRecipientAction
SafeFileEnvironment MaxMessageSize ColonOkInAddr MaxQueueRunSize MaxDaemonChildren DontExpandCnames MustQuoteChars
SmtpGreetingMessage UnixFromLine OperatorChars DontInitGroups SingleLineFromHeader AllowBogusHELO ConnectionRateThrottle
UnsafeGroupWrites DoubleBounceAddress HostStatusDirectory SingleThreadDelivery RunAsUser RrtImpliesDsn PidFile
DontBlameSendmail DontProbeInterfaces MaxRecipientsPerMessage DeadLetterDrop DontLockFilesForRead MaxAliasRecursion
ConnectOnlyTo TrustedUser MaxMimeHeaderLength ControlSocketName MaxHeadersLength MaxForwardEntries ProcessTitlePrefix
DefaultAuthInfo AuthMechanisms ClientPortOptions DataFileBufferSize XscriptFileBufferSize LDAPDefaultSpec ServerCertFile
ServerKeyFile ClientCertFile ClientKeyFile CACertFile CACertPath DHParameters InputMailFilters Milter AuthOptions
QueueFileMode CertFingerprintAlgorithm CipherList RandFile TLSSrvOptions BadRcptThrottle DeliverByMin MaxQueueChildren
MaxRunnersPerQueue DirectSubmissionModifiers NiceQueueRun SharedMemoryKey AuthMaxBits MailboxDatabase UseMSP DelayLA
FastSplit SoftBounce SharedMemoryKeyFile RejectLogInterval RequiresDirfsync ConnectionRateWindowSize CRLFile
FallbackSmartHost AuthRealm CRLPath HeloName RefuseLowMem QueueLowMem MemoryResource MaxNOOPCommands MessageAccept
CheckQueueRunners EightBitAddrOK AddrTypeModes BadRcptShutdown BadRcptShutdownGood ServerSSLOptions ClientSSLOptions
MaxQueueAge BadRcptThrottleDelay InetQoS FIPSMode RejectNUL BounceQueue AddBcc UseCompressedIPv6Addresses SSLEngine
SSLEnginePath TLSFallbacktoClear NameServer DANE NameSearchList Hacks KeepBcc ClientCACertFile ClientCACertPath
SetCertAltnames SmtpUTF8 StrictTransportSecurity CipherSuites SameDomainOnly'''
_LETTERS = '''>RemoteMode 7SevenBitInput 8EightBitMode AAliasFile aAliasWait BBlankSub bMinFreeBlocks CCheckpointInterval
cHoldExpensive dDeliveryMode EErrorHeader eErrorMode FTempFileMode fSaveFromLine GMatchGECOS HHelpFile hMaxHopCount
IResolverOptions iIgnoreDots JForwardPath jSendMimeErrors kConnectionCacheSize KConnectionCacheTimeout lUseErrorsTo
LLogLevel mMeToo nCheckAliases oOldStyleHeaders ODaemonPortOptions pPrivacyOptions PPostmasterCopy qQueueFactor
QQueueDirectory RDontPruneRoutes rTimeout SStatusFile sSuperSafe TQueueTimeout tTimeZoneSpec UUserDatabaseSpec
uDefaultUser VFallbackMXhost vVerbose wTryNullMXList xQueueLA XRefuseLA yRecipientFactor YForkEachJob zClassFactor
ZRetryFactor'''
_LETTER = {word[0]: word[1:].lower() for word in _LETTERS.split()}
_LETTER.update(g='defaultgroup', M='macro')                                    # these two never had a long name
_KNOWN = sorted({name.lower() for name in _NAMES.split()} | set(_LETTER.values()))

_MACRO = re.compile(r'\{(\w+)\}|([^{\n])', re.ASCII)
_LINES = 'RSDHCTFMOPQVKEX'                                                     # what starts a line; the rest is refused


class Configuration(NamedTuple):
    """What a configuration file says. C(options) keeps all values of an option in order, under its long name in lower case
    (C(timeout.iconnect) for sub-options). C(problems) are places where Sendmail stops with exit status 70 or 78; what depends
    on values, on accounts and on how Sendmail was built is not among them."""

    options: Dict[str, List[str]]
    macros: Dict[str, str]
    classes: Dict[str, List[str]]
    class_files: List[Dict[str, str]]
    mailers: Dict[str, Dict[str, Any]]
    queue_groups: List[Dict[str, Any]]
    version: Optional[int]
    vendor: str
    release: str
    problems: List[Dict[str, Any]]
    timeouts: List[Tuple[str, str]]            # Timeout.NAME and its value in the order of the file, which matters

    def option(self, name, default=None):
        """The value in force: the last one, as in readcf. A name is case-insensitive."""
        return self.options.get(name.lower(), [default])[-1]

    def number(self, name, default=0, base=10):
        """The leading digits of an option, as atoi() takes them (C(base) 8 for modes)."""
        match = re.match(r'\s*([+-]?\d+)', self.option(name) or '')
        try:
            return int(match.group(1), base) if match else default
        except ValueError:
            return default

    def seconds(self, name, default=None, unit='m'):
        """An option that is a time; a value that is none counts as not set."""
        try:
            return _text.duration(self.option(name), unit) if self.option(name) else default
        except _text.SendmailError:
            return default


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


def _uncomment(line):
    """Comments and the white space at the end taken off a line, as translate_dollars() of readcf.c does it.

    A # counts unless it follows a backslash or $.
    """
    position = line.find('#', 1)
    while position > 0:
        if line[position - 1] == '\\':
            line = line[:position - 1] + line[position:]                      # the # itself is now before the position
        elif line[position - 1] == '$':
            position += 1
        else:
            head = line[:position].rstrip(' \t')
            line = head + ''.join(line[position:].partition('\n')[1:])
            position = len(head)
        position = line.find('#', position)
    return line[:1] + line[1:].rstrip(' \t\n\v\f\r')


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


def _equates(text):
    """Name and C(X=value) fields of a mailer or queue group line, by first letter as Sendmail takes them."""
    name = re.split(r'[,\s]', text, maxsplit=1)[0]
    rest = text[len(name):]
    fields = {}
    rest = rest.lstrip(', \t\n')
    while rest:
        field, equals, rest = rest.partition('=')
        if not equals or not field or ',' in field:
            raise ValueError("'=' expected after %s" % field.split(',')[0].strip())
        value, rest = _munch(rest.lstrip(), ',')
        fields[field[0]] = value.strip()
        rest = rest.lstrip(', \t\n')
    if not name:
        raise ValueError('a name is required')
    return name, fields


def _option(text):
    """Long name in lower case and value of what follows the O of an option line."""
    if text[:1] != ' ':
        if text[:1] not in _LETTER:
            raise ValueError('unknown option name %s' % text[:1])
        return _LETTER[text[0]], text[1:]
    name, _dummy, value = text[1:].partition('=')
    name, dot, sub = name.rstrip(' ').lower().partition('.')
    if name not in _KNOWN:
        known = [full for full in _KNOWN if name and full.startswith(name)]   # an abbreviation is allowed if it is unique
        if len(known) != 1:
            raise ValueError('%s option name %s' % ('ambiguous' if known else 'unknown', name or '(empty)'))
        name = known[0]
    return (name + dot + sub if name in ('timeout', 'milter') else name), value.lstrip(' ')


def _add(cf, kind, rest):
    """Put what one line defines into the configuration; ValueError for a line that Sendmail refuses."""
    if kind == 'O':
        name, value = _option(rest)
        cf.options.setdefault(name, []).append(value)
        if name == 'queuetimeout':                                            # O T5d/4h
            returned, slash, warned = value.partition('/')
            cf.timeouts.extend(([('queuewarn', warned)] if slash else []) + [('queuereturn', returned)])
        elif name.startswith('timeout.'):
            cf.timeouts.append((name[8:], value))
    elif kind in 'DCF':
        match = _MACRO.match(rest)
        if not match:
            raise ValueError('a macro or class name is required')
        name, value = match.group(1) or match.group(2), rest[match.end():]
        if kind == 'D':
            cf.macros[name] = _munch(value)[0]
        elif kind == 'C':
            cf.classes.setdefault(name, []).extend(value.split())
        else:
            cf.class_files.append({'class': name, 'file': value.strip()})
    elif kind == 'T':
        cf.classes.setdefault('t', []).extend(rest.split())
    elif kind == 'M':
        name, fields = _equates(rest)
        for field in 'AP':
            if not fields.get(field):
                raise ValueError('%s= argument required' % field)
        cf.mailers[name] = {'path': fields.get('P', ''), 'flags': fields.get('F', ''), 'argv': fields.get('A', '').split()}
    elif kind == 'Q':
        name, fields = _equates(rest)
        cf.queue_groups.append({'name': name, 'path': fields.get('P'), 'flags': fields.get('F', ''), 'interval': _interval(fields.get('I'))})
    elif kind == 'P' and '=' not in rest:
        raise ValueError('unknown configuration line')


def parse(data):
    """A C(Configuration) from the bytes of a configuration file. Never raises: what Sendmail would refuse is in C(problems)."""
    cf = Configuration({}, {}, {}, [], {}, [], None, '', '', [], [])
    version, ruleset = None, False
    for number, line in _lines(data.decode('utf-8', 'surrogateescape').replace('\r\n', '\n')):
        kind = line[:1]
        if kind in ('#', ''):
            continue
        try:
            if kind not in _LINES:
                raise ValueError('unknown configuration line')
            if kind == 'R' and not (ruleset and '\t' in line):
                raise ValueError('invalid rewrite line (tab expected)' if ruleset else 'missing valid ruleset')
            if kind == 'H' and ':' not in line:
                raise ValueError('header syntax error')
            ruleset = ruleset or kind == 'S'
            if kind == 'V':
                version = re.match(r'V\s*(\d+)(?:/([A-Za-z]*))?', line)
                if not version:
                    raise ValueError('invalid argument to V line')
            elif kind not in 'SRHKXE':
                _add(cf, kind, _uncomment(line)[1:])
        except ValueError as error:
            cf.problems.append({'line': number, 'problem': str(error), 'text': _text.printable(line.encode('utf-8', 'surrogateescape')[:200])})
    for missing, problem in (('local' not in cf.mailers, 'No local mailer defined'),
                             ('queuedirectory' not in cf.options, 'QueueDirectory (Q) option must be set')):
        if missing:
            cf.problems.append({'line': 0, 'problem': problem, 'text': ''})
    return cf._replace(version=int(version.group(1)) if version else None, vendor=(version.group(2) or '') if version else '',
                       release=cf.macros.get('Z', ''))


def _interval(text):
    try:
        return _text.duration(text, 'm') if text else None
    except _text.SendmailError:
        return None


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

    Times in seconds, 0 for no limit; load limits 0 for off. C(queue_file_mode) is a number.
    """
    user, _dummy, group = re.sub(r'[./]', ':', cf.option('RunAsUser') or '').partition(':')
    return {
        'run_as_user': user or None, 'run_as_group': group or None, 'trusted_user': cf.option('TrustedUser') or None,
        'queue_file_mode': cf.number('QueueFileMode', 0o600, 8), 'min_free_blocks': cf.number('MinFreeBlocks'),
        'queue_la': cf.number('QueueLA', 8 * cpus), 'refuse_la': cf.number('RefuseLA', 12 * cpus), 'delay_la': cf.number('DelayLA'),
        'queue_factor': cf.number('QueueFactor', 600000), 'recipient_factor': cf.number('RecipientFactor', 30000),
        'min_queue_age': cf.seconds('MinQueueAge', 0), 'max_queue_age': cf.seconds('MaxQueueAge', 0),
        'max_daemon_children': cf.number('MaxDaemonChildren'), 'connection_rate_throttle': cf.number('ConnectionRateThrottle'),
        'privacy_options': [word.lower() for word in re.findall(r'\w+', ' '.join(cf.options.get('privacyoptions', [])))],
        'status_file': cf.option('StatusFile') or None,
        'dead_letter_drop': cf.option('DeadLetterDrop') or None, 'pid_file': expand(cf, cf.option('PidFile') or '') or None,
        'timeouts': {'connect': timeout(cf, 'connect', 0), 'iconnect': timeout(cf, 'iconnect', 0), 'initial': timeout(cf, 'initial', 300),
                     'queuereturn': timeout(cf, 'queuereturn', 432000), 'queuewarn': timeout(cf, 'queuewarn', 0)},
    }
