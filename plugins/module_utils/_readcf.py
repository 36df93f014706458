# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Which lines of a configuration file Sendmail refuses: readcf.c of 8.15.2 to 8.18.2, and what it calls.

tests/unit/samples/cf/cases.json is what the Sendmails of three releases say of some 780 lines. Only modules that judge need this file.
"""

import errno
import os
import re
import socket
import stat
from typing import Any, Dict, List, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import _cf

# OptionTab of readcf.c: the options of every Sendmail from 8.15.2 to 8.18.2, those that only some builds and releases know, and those
# that also have an old one-letter form, the letter first. An option missing here is refused by every build.
_NAMES = '''QueueSortOrder HostsFile MinQueueAge DefaultCharSet ServiceSwitchFile DialDelay NoRecipientAction
SafeFileEnvironment MaxMessageSize ColonOkInAddr MaxQueueRunSize MaxDaemonChildren DontExpandCnames MustQuoteChars
SmtpGreetingMessage UnixFromLine OperatorChars DontInitGroups SingleLineFromHeader AllowBogusHELO ConnectionRateThrottle
UnsafeGroupWrites DoubleBounceAddress HostStatusDirectory SingleThreadDelivery RunAsUser RrtImpliesDsn PidFile
DontBlameSendmail DontProbeInterfaces MaxRecipientsPerMessage DeadLetterDrop MaxAliasRecursion
ConnectOnlyTo TrustedUser MaxMimeHeaderLength ControlSocketName MaxHeadersLength ProcessTitlePrefix
DefaultAuthInfo AuthMechanisms ClientPortOptions DataFileBufferSize XscriptFileBufferSize LDAPDefaultSpec ServerCertFile
ServerKeyFile ClientCertFile ClientKeyFile CACertFile CACertPath DHParameters InputMailFilters Milter AuthOptions
QueueFileMode CertFingerprintAlgorithm CipherList RandFile TLSSrvOptions BadRcptThrottle DeliverByMin MaxQueueChildren
MaxRunnersPerQueue DirectSubmissionModifiers NiceQueueRun SharedMemoryKey AuthMaxBits MailboxDatabase UseMSP DelayLA
FastSplit SoftBounce SharedMemoryKeyFile RejectLogInterval RequiresDirfsync ConnectionRateWindowSize CRLFile
FallbackSmartHost AuthRealm HeloName MaxNOOPCommands ServerSSLOptions ClientSSLOptions
MaxQueueAge UseCompressedIPv6Addresses'''
_SOME = '''RemoteMode DontLockFilesForRead MaxForwardEntries CRLPath RefuseLowMem QueueLowMem MemoryResource MessageAccept
CheckQueueRunners EightBitAddrOK AddrTypeModes BadRcptShutdown BadRcptShutdownGood BadRcptThrottleDelay InetQoS FIPSMode
RejectNUL BounceQueue AddBcc SmtpUTF8 SSLEngine SSLEnginePath TLSFallbacktoClear NameServer DANE NameSearchList Hacks
KeepBcc ClientCACertFile ClientCACertPath SetCertAltnames StrictTransportSecurity CipherSuites SameDomainOnly'''
_LETTERS = '''7SevenBitInput 8EightBitMode AAliasFile aAliasWait BBlankSub bMinFreeBlocks CCheckpointInterval
cHoldExpensive dDeliveryMode EErrorHeader eErrorMode FTempFileMode fSaveFromLine GMatchGECOS HHelpFile hMaxHopCount
IResolverOptions iIgnoreDots JForwardPath jSendMimeErrors kConnectionCacheSize KConnectionCacheTimeout lUseErrorsTo
LLogLevel mMeToo nCheckAliases oOldStyleHeaders ODaemonPortOptions pPrivacyOptions PPostmasterCopy qQueueFactor
QQueueDirectory RDontPruneRoutes rTimeout SStatusFile sSuperSafe TQueueTimeout tTimeZoneSpec UUserDatabaseSpec
uDefaultUser VFallbackMXhost vVerbose wTryNullMXList xQueueLA XRefuseLA yRecipientFactor YForkEachJob zClassFactor
ZRetryFactor'''
_LETTER = {word[0]: word[1:].lower() for word in _LETTERS.split()}
_KNOWN = sorted({name.lower() for name in _NAMES.split()} | set(_LETTER.values()))
_RARE = sorted(name.lower() for name in _SOME.split())
_LETTER.update(g='defaultgroup', M='macro')                                    # these two never had a long name

# What Sendmail takes, as readcf.c has it (daemon.c for ports, milter.c for filters, map.c): options, equates and lines that are not here
# are not judged, because accounts, services, libraries or the build decide. Values are matched from their beginning.
_BETWEEN = r'[\s!-/:-@[-`{-~]+'
_VALUES = {
    'eightbitmode': '[mps]', 'deliverymode': '[bdiq]|$', 'queuesortorder': '[fhmnprst]',
    'mailboxdatabase': r'(pw|ldap)(\.|$)', 'runasuser': '[^.:/]', 'defaultuser': '[^.:/]', 'trusteduser': '.',
    'norecipientaction': '(none|add-(to|apparently-to|bcc|to-undisclosed))$', 'macro': r'\{\w+\}|[^{]',
    'milter': r'\.(macros\.(connect|helo|env(from|rcpt)|data|eo[hm])|loglevel|maxdatasize)\Z',
    'timeout': (r'\.(initial|mail|rcpt|data(init|block|final)|command|rset|helo|quit|misc|ident|fileopen|[ai]?connect'
                r'|hoststatus|control|lhlo|auth|starttls|queue(warn|return)(\.(\*|normal|urgent|non-urgent|dsn))?'
                r'|resolver\.retr(ans|y)(\.(normal|first))?)\Z'),
    # Between two words stand one space of any kind, and blanks.
    'resolveroptions': (
        r'( *[-+]?(haswildcardmx|workaroundbrokenaaaa|debug|aaonly|usevc|primary|igntc|recurse|defnames|stayopen|dnsrch|true'
        r'|use_(inet6|edns0|dnssec)|trustad)(\s|\Z))* *\Z'),
    # These are lists: what stands between the words, and a word.
    'privacyoptions': (_BETWEEN, (
        'public|need(mail|expn|vrfy)helo|no(expn|vrfy|etrn|verb|receipts|bodyreturn|actualrecipient|reflection)'
        '|restrict(expand|mailq|qrun)|authwarnings|goaway')),
    'dontblamesendmail': (_BETWEEN, (
        'safe|assumesafechown|groupwritable(dirpath|(forward|include)file)safe'
        '|(group|world)writable(alias|forward|include)file'
        '|(dontwarn)?(map|errorheader|(forward|include|class|help)file)in(unsafe|groupwritable)dirpath(safe)?'
        '|linked((alias|class|forward|include|serviceswitch)file|map)inwritabledir'
        '|(filedelivery|writemap|writestats)to(hard|sym)link|run(programinunsafedirpath|writableprogram)'
        '|nonrootsafeaddr|truststickybit|insufficiententropy'
        '|group(read|writ)able(sasldb|key|defaultauthinfo)file|certowner')),
    'serverssloptions': (r'[\s,]+', r'[-+]?(ssl_op_|\d).*'),
    'daemonportoptions': (',', (
        r'[^=]*|[cdIiLlMmNnqRrSs].*|[AaPp][^=]*=\s*\S.*|D[^=]*=\s*[bdiq].*'
        r'|[Ff][^=]*=\s*(\d.*|(?i:unix|local|inet6?))')),
}  # type: Dict[str, Any]
_VALUES.update(clientssloptions=_VALUES['serverssloptions'], clientportoptions=_VALUES['daemonportoptions'])
_RULESET = r'\s*(0*\d{1,2}(?!\d)|[A-Za-z]\w*(?!\w|\s*=)\s*(?!\s)|[A-Za-z]\w*\s*=\s*0*\d{1,2}(?!\d))'
# The equates of makemailer(), makequeue() (queue.c) and milter_setup(): a letter, and what its value must look like.
_EQUATES = {
    'M': dict(dict.fromkeys('AFLMNTWmr', ''), P=r'(?!\[TCP\]$)', **dict.fromkeys('SR', _RULESET + r'(/%s|[^/]|$)' % _RULESET), **dict.fromkeys('CDEQU/', '.')),
    'Q': dict(dict.fromkeys('FIJNRr', ''), P='.'),
    'X': {'F': '', 'T': r'[;\s]*([CSRE][^:;]*:[^;]*(;[;\s]*(?=[CSRE])|$))*$',
          'S': r'(?i)[^:]+$|(unix|local)?:|inet:[^@]+@([^[]|\[[\d.]+\])|inet6:[^@]+@([^[]|\[[\da-z]*:[\da-f.:]+\])'},
}
_MAP_OPTIONS = r'(?![a-z0-9]).?(\s*-([kv]\s*(?=\S|$)|(?-i:[AaDdfmNOoqSTtz]))\S*(?!\S))*\s*(?!-)'
_SYNTAX = {
    'S': _RULESET,
    'V': r'\s*\d+(?!\d)(?!/(?!(?i:berkeley|sun|digital)(?![A-Za-z])))',           # setvendor() of conf.c
    'H': r'(\?(\$(\{\w+\}|[^?])|[^?$\x80-\U0010ffff]*)\?|(?!\?))([!-#%%-9;-~]|\$\$)+\s*:(?!\s*\$>(?!\+?(\$|%s)))' % _RULESET,
    # setupmaps() of conf.c: maps that need a file, other maps whose arguments map_parseargs() reads, and maps that read
    # them themselves.
    'K': (r'(?i)\s*[a-z0-9][\w.]*[^\w.]\s*((hash|btree|dbm|cdb|nis|nisplus|nsd|hesiod|netinfo|text|stab|implicit|program'
          r'|switch|socket|userdb)%s\S|(null|bestmx|user)%s|dns[^a-z0-9].*-R|(ldap|sequence|ph|host|dequote|regex|syslog'
          r'|macro|arith|arpa|dprintf|setdebug|setopt)(?![a-z0-9]))') % (_MAP_OPTIONS, _MAP_OPTIONS),
    'P': '[^=]*=',
}
_LINES = 'RSDHCTFMOPQVKEX'                                                     # what starts a line; the rest is refused
_ERRORS = {'S': 'invalid ruleset name or number', 'V': 'invalid argument to V line', 'H': 'header syntax error', 'K': 'no such map class or a bad argument',
           'P': 'unknown configuration line'}


def _rule(text):
    """An R line, readcf(). What a macro stands for is not known here, and a side with a condition ($?) in it is not judged."""
    left, _tab, right = text.partition('\t')
    right = right.lstrip('\t').partition('\t')[0]
    if not left.strip() or not right.strip():
        raise ValueError('R line: null LHS or RHS' if '\t' in text else 'invalid rewrite line (tab expected)')
    # What is quoted is one word whatever is in it.
    tokens = [[match.group() for match in _cf.SPECIAL.finditer(re.sub(r'\\.|"(?:\\.|[^"\\])*"?', '', side))] for side in (left, right)]
    wild = sum(token[:2] in ('$*', '$+', '$-', '$=', '$~') for token in tokens[0])
    wrong = [token for token in tokens[0] if len(token) == 2 and token[1] in '0123456789:>[]().']
    wrong += [token for token in tokens[1] if token[1:2] in ('-', '*', '+', '=', '~')
              or len(token) == 2 and token[1] in '0123456789' and not '0' < token[1] <= str(wild)]
    maps = ''.join(token[1:] for token in tokens[1] if token[1:] in list('[]()'))
    if '$?' in left + right:
        return
    if wrong or wild > 9:
        raise ValueError('R line: inappropriate use of %s' % wrong[0] if wrong else 'R line: too many wildcards')
    if not re.match(r'([])]|\[\)*\]|\(]*\))*$', maps):
        raise ValueError('R line: nested map lookups, or no end of one')


def _name(name, letter):
    """The long name, in lower case, of an option."""
    if letter:
        if name not in _LETTER:
            raise ValueError('unknown option name %s' % name)
        return _LETTER[name]
    if name in _KNOWN or name in _RARE:
        return name
    # An abbreviation is allowed if it is unique, and only the build knows whether one of the rare options makes it ambiguous.
    known = [full for full in _KNOWN if name and full.startswith(name)] or [full for full in _RARE if name and full.startswith(name)][:1]
    if len(known) != 1:
        raise ValueError('%s option name %s' % ('ambiguous' if known else 'unknown', name or '(empty)'))
    return known[0]


def _judge(word, sub, value):
    """Whether setoption() and what it calls take this value."""
    rule = _VALUES.get(word, '')
    if isinstance(rule, tuple):
        for one in re.split(rule[0], value):
            if one.strip() and not re.match('(?:%s)$' % rule[1], one.lstrip(), re.DOTALL if 'port' in word else re.IGNORECASE):
                raise ValueError('%s: %s unrecognized' % (word, one.strip()))
    elif not re.match(rule, sub if word in ('timeout', 'milter') else value, 0 if word.endswith('mode') else re.IGNORECASE):
        raise ValueError('%s%s: invalid name or value %s' % (word, sub, value))
    elif word == 'connectonlyto':
        address = re.sub('(?i)^ipv6:', '', value.partition('@')[2] if '@' in value else value)
        try:
            socket.inet_pton(socket.AF_INET6, address) if ':' in address else socket.inet_aton(address)
        except (OSError, ValueError):                                         # the latter for a byte that is no ASCII
            raise ValueError('option ConnectOnlyTo: invalid IP address %s' % address)
    elif word == 'aliasfile':                                                 # setalias() of alias.c
        for kind, rest in re.findall(r'(?:^|,)\s*([^\s,/:]*):((?:"[^"]*"|[^",])*)', value):
            if not re.match(_SYNTAX['K'], 'a %s %s' % (kind, rest)):
                raise ValueError('no such map class or a bad argument: %s' % kind)


def _class_file(text):
    """(whether Sendmail starts without it, the file, program or map, '' for none) of what stands behind the class in an F line: readcf()."""
    text = text.lstrip(_cf.SPACE)
    optional = text[:2] == '-o'
    if optional:
        text = re.sub(r'^\S*\s*', '', text, flags=re.ASCII)
    key = text.partition('@')[2]
    if text[:1] not in ('/', '|') and (key == 'LDAP' or key[:1] != ':' and ':' in key):
        return True, text
    name, quoted, escaped = '', False, False
    for char in text:                                                         # extrquotstr()
        name += '\\' * (escaped and char != ' ')
        escaped = char == '\\'
        if char == '"':
            quoted = not quoted
        elif char == ' ' and not quoted:
            break
        elif not escaped:
            name += char
    return optional or name[:1] == '|', '' if quoted or escaped else name


def _refuse(kind, rest, seen):
    """ValueError for a line that Sendmail refuses. C(seen): queue groups, filters and mailers so far, with their letter, in lower case."""
    for match in _cf.SPECIAL.finditer(rest):
        name = match.group(2) if match.group(1) is None else match.group(1) or '{}'
        if name and name[0] == '{' and not _cf.MACRO.match(name):
            raise ValueError('Invalid macro/class name %s' % name)
    # Macros in S and K lines are replaced before they are read: refused is what no value makes right.
    if not any(re.match(_SYNTAX.get(kind, ''), _cf.SPECIAL.sub(value, rest) if kind in 'SK' else rest, re.DOTALL | re.ASCII)
               for value in ('', 'x', 'hash')):
        raise ValueError(_ERRORS[kind])
    if kind == 'O':
        name, sub, value = _cf.option(rest)
        name = _name(name[1:] if name[:1] == ' ' else name, name[:1] != ' ')
        times = _cf.timeouts(name, sub, value)
        for one, time in times or [(sub[1:], value)] * (name != 'timeout'):
            _judge('timeout' if times else name, '.' + one, time)
        if name == 'queuedirectory':
            seen.add('O')
    elif kind in 'DCF':
        macro = _cf.MACRO.match(rest)
        if not macro:
            raise ValueError('a macro or class name is required')
        if kind == 'F' and not _class_file(rest[macro.end():])[1]:
            raise ValueError("illegal filename '%s'" % rest[macro.end():].strip(_cf.SPACE))
    elif kind == 'R':
        _rule(rest)
    elif kind in 'MQX':
        if not rest or kind != 'Q' and rest[0] in ',' + _cf.SPACE:
            raise ValueError('a name is required')
        name, pairs = _cf.equates(rest)
        fields = {}
        for field, value in pairs:
            if value is None or not re.match(_EQUATES[kind].get(field[:1], '(?!)'), value, re.DOTALL | re.ASCII):
                raise ValueError("'=' expected after %s" % (field or 'the comma') if value is None else
                                 'unknown equate %s= or a value that it cannot have: %s' % (field, value))
            fields[field[0]] = value or fields.get(field[0], '')
        for field in {'M': 'AP', 'X': 'S'}.get(kind, ''):
            if not fields.get(field):
                raise ValueError('%s= argument required' % field)
        argv = fields.get('A', '').split()
        if kind == 'M' and (fields['P'] == '[IPC]' and len(argv) < 2 or fields['P'] == '[FILE]' and (len(argv) != 2 or argv[0] != 'FILE')):
            raise ValueError('M%s: wrong parameters for %s mailer' % (name, fields['P']))
        if kind == 'M' and 'Q' + fields.get('Q', 'mqueue').lower() not in seen:
            raise ValueError('mailer %s: unknown queue %s' % (name, fields['Q']))
        if kind == 'Q' and 'P' not in fields and 'O' not in seen:
            raise ValueError('QueueDirectory must be defined before queue groups')
        if kind == 'X' and 'X' + name.lower() in seen:
            raise ValueError('X%s: duplicate filter definition' % name)
        seen.add(kind + name.lower())


def problems(cf: _cf.Configuration) -> List[Dict[str, Any]]:
    """C({line, problem, text}) of every place where Sendmail stops with exit status 64, 70 or 78."""
    found, seen, ruleset, level = [], {'Qmqueue'}, False, (0, 0)
    for number, line in cf.lines:
        kind, rest = line[0], line[1:]
        try:
            if kind not in _LINES:
                raise ValueError('unknown configuration line')
            if kind == 'R' and not ruleset:
                raise ValueError('missing valid ruleset')
            ruleset = ruleset and kind != 'S'
            _refuse(kind, rest, seen)
            ruleset = ruleset or kind == 'S'
            if kind == 'V':
                level = int(re.match(r'\s*(\d+)', rest, re.ASCII).group(1)), number   # type: ignore[union-attr]
        except ValueError as error:
            found.append(_cf.problem(number, str(error), line))
    if level[0] > 10:                                                         # the last one counts (MAXCONFIGLEVEL, main.c)
        found.append(_cf.problem(level[1], 'version level %d exceeds what Sendmail knows' % level[0]))
    for missing, problem in (('Mlocal', 'No local mailer defined'), ('O', 'QueueDirectory (Q) option must be set')):
        if missing not in seen:
            found.append(_cf.problem(0, problem))
    base = cf.option('QueueDirectory') or 'mqueue'
    base = base[:base.rfind('/') + 1] if base.endswith('*') else base.rstrip('/') + '/'
    for group in _cf.queue_patterns(cf) if 'O' in seen else ():               # setup_queues() of queue.c
        if not (group['path'] + '/').startswith(base) or group['path'][:1] != '/':
            found.append(_cf.problem(0, 'QueuePath %s not absolute, or not subpath of QueueDirectory %s' % (group['path'], base)))
    return found


def class_files(cf: _cf.Configuration) -> List[Tuple[int, str, str]]:
    """(number of the line, the line, path) of the files that an F line needs: fileclass()."""
    found = []
    for number, line in cf.lines:
        macro = _cf.MACRO.match(line[1:]) if line[0] == 'F' else None
        optional, name = _class_file(line[1 + macro.end():]) if macro else (True, '')
        if name and not optional:
            found.append((number, line, os.path.join('/', name)))
    return found


def absent(cf: _cf.Configuration) -> List[Dict[str, Any]]:
    """The same of L(class_files) that are not there, or no plain files, exit status 71."""
    found = []
    for number, line, path in class_files(cf):
        try:
            plain = stat.S_ISREG(os.stat(path).st_mode)
        except OSError as error:
            plain = error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)
        if not plain:
            found.append(_cf.problem(number, "fileclass: cannot open '%s'" % path, line))
    return found


def judged(look: Any) -> Any:
    """A _look.Look with the problems of both configuration files."""
    return look._replace(files={name: dict(state, problems=problems(look.configurations[name]) + absent(look.configurations[name])
                                           if look.configurations[name] else []) for name, state in look.files.items()})
