# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Judgements of what published rules ask, over C(look.policy) that L(_policy) took. Each is (holds, expected, actual, evidence), as in _controls."""

import re
import time
from typing import Any, Callable, Dict, List, Optional, Tuple

from ansible_collections.mailops.sendmail.plugins.module_utils import _aliases, _look, _reach, _text

Look = _look.Look
Limits = Dict[str, Any]
Judgement = Tuple[Optional[bool], str, str, List[str]]
LOG_LEVEL = 9
_LOG_OWNERS = ('root', 'syslog')         # syslog: Ubuntu's rsyslogd works and owns its files as this user


def _of_the_mta(judgement: Callable[[Look, Limits], Judgement]) -> Callable[[Look, Limits], Judgement]:
    """A judgement that needs sendmail.cf: not applicable without the file, which is another control's fact."""
    def judged(look: Look, limits: Limits) -> Judgement:
        if look.policy.get('aliases') is None:
            state = look.files['mta']
            if state['exists'] or state['error']:
                raise _text.SendmailError('%s cannot be read.' % state['path'])
            return None, '', 'there is no %s' % state['path'], []
        return judgement(look, limits)
    return judged


def _serves(look: Look) -> bool:
    """Whether there is a daemon to greet anybody, or should be one."""
    return bool(_reach.daemons(look)) or _reach.local(look)


def log_level(look: Look, _limits: Limits) -> Judgement:
    levels = look.policy.get('log_level')
    if not levels:
        raise _text.SendmailError('No configuration can be read.')
    wrong = ['%s: LogLevel is %d.' % (look.files[queue]['path'], level) for queue, level in sorted(levels.items()) if level < LOG_LEVEL]
    return not wrong, 'LogLevel %d or more' % LOG_LEVEL, ', '.join('%d' % level for level in sorted(set(levels.values()))), wrong


@_of_the_mta
def greeting(look: Look, _limits: Limits) -> Judgement:
    """The option, and what the running MTA of this host says, which goes on with the old one until it is restarted."""
    expected = 'SmtpGreetingMessage without $v and $Z'
    if not _serves(look):
        return None, expected, 'no MTA runs here', []
    text, said = look.policy['greeting'], (look.greeting or {}).get('text') or ''
    version = look.program['version'] or ''
    told = re.search(r'(?<!\$)\$&?(?:[vZ]|\{[vZ]\})', text['meant']) or _numbers(text['meant'], version)
    wrong = ['SmtpGreetingMessage is: %s' % text['written']] if told else []
    if _reach.local(look) and _numbers(said, version):
        wrong.append('The running MTA says: %s' % said)
    return not wrong, expected, 'it tells the version' if wrong else 'it tells no version', wrong


def _numbers(text: str, version: str) -> bool:
    return bool(version and version in text or re.search(r'(?<![\d.])8\.(?:9|1\d)\.\d', text))


@_of_the_mta
def helpfile(look: Look, _limits: Limits) -> Judgement:
    expected = 'HelpFile names no file, or an empty one'
    if not _serves(look):
        return None, expected, 'no MTA runs here', []
    state = look.policy['help']
    if state and state['error']:
        raise _text.SendmailError('%s: %s.' % (state['path'], state['error']))
    if not state or not state['exists']:
        return True, expected, 'no file', []
    return not state['size'], expected, '%d bytes' % state['size'], ['%s is the help file.' % state['path']] if state['size'] else []


@_of_the_mta
def forward(look: Look, _limits: Limits) -> Judgement:
    """An empty value switches it off; without the option it is .forward in the home directory (forward() in alias.c)."""
    path = look.policy['forward']
    return path == '', 'ForwardPath is empty', 'empty' if path == '' else 'not set: .forward in each home' if path is None else path, []


# Aliases

def _settled(look: Look, expected: str, actual: str, wrong: List[str], whole: bool) -> Judgement:
    """What is wrong is wrong; else what could not be read is an error, and what lies in no file is not judged, so the control does not hold there.

    C(whole): whether the control needs the text of all aliases.
    """
    found = look.policy['aliases']
    if wrong:
        return False, expected, actual, wrong
    if found['errors'] and whole:
        raise _text.SendmailError(' '.join(found['errors'][:3]))
    if found['elsewhere'] or not found['files']:
        return None, expected, 'not judged: aliases of %s' % ', '.join(found['elsewhere']) if found['elsewhere'] else 'no alias file', []
    return True, expected, actual, []


@_of_the_mta
def decode(look: Look, _limits: Limits) -> Judgement:
    found = look.policy['aliases']['decode']
    return _settled(look, 'No alias decode or uudecode', 'none' if not found else str(len(found)), found, True)


@_of_the_mta
def programs(look: Look, _limits: Limits) -> Judgement:
    found = look.policy['aliases']
    return _settled(look, 'Root owns the programs of aliases and the directories they are in; nobody else may write there',
                    '%d of %d right' % (found['count'] - len(found['programs']), found['count']), found['programs'], True)


@_of_the_mta
def alias_rights(look: Look, _limits: Limits) -> Judgement:
    """TrustedUser owns the maps that Sendmail itself builds (readcf.c, O_TRUSTUSER): Debian's is smmta. The text is root's everywhere."""
    found, wrong, owners = look.policy['aliases'], [], set()
    for one in found['files']:
        if one['link'] not in (None, 'root'):
            wrong.append('%s is a link that %s has made.' % (one['path'], one['link']))
        for state, allowed in ((one['text'], ('root',)), (one['map'], ('root', found['trusted']))):
            if state and state['exists']:
                owners.add(state['owner'])
                if state['owner'] not in allowed or int(state['mode'], 8) & ~0o644:
                    wrong.append('%s is owned by %s and has mode %s.' % (state['path'], state['owner'], state['mode']))
            elif state and state['error']:
                raise _text.SendmailError('%s: %s.' % (state['path'], state['error']))
    expected = 'Owned by root%s, mode at most 0644' % (
        ', maps by root or %s (TrustedUser)' % found['trusted'] if found['trusted'] not in (None, 'root') else '')
    return _settled(look, expected, 'owned by %s' % ', '.join(sorted(owners)) if owners else 'no file', wrong, False)


@_of_the_mta
def alias_age(look: Look, _limits: Limits) -> Judgement:
    """As aliaswait() in alias.c compares them; a map that is not there is out of date too, unless Sendmail reads the text without one."""
    wrong, maps = [], 0
    for one in look.policy['aliases']['files']:
        if one['map'] is None or not one['text']['exists']:
            continue
        maps += 1
        if not one['map']['exists']:
            # Of the class implicit the text itself is read then (impl_map_open() in map.c).
            wrong += [] if one['kind'] == 'implicit' else ['%s does not exist.' % one['map']['path']]
        elif one['map']['mtime'] < one['text']['mtime']:
            wrong.append('%s is %d seconds older than %s.' % (one['map']['path'], one['text']['mtime'] - one['map']['mtime'], one['path']))
    return _settled(look, 'Every map is as new as its text', 'maps: %d, out of date: %d' % (maps, len(wrong)), wrong, False)


@_of_the_mta
def resolves(look: Look, _limits: Limits) -> Judgement:
    """What sendmail -bv says of each: that some mailer delivers it, and nothing else."""
    if look.files['mta'].get('problems'):
        raise _text.SendmailError('Sendmail does not accept %s.' % look.files['mta']['path'])
    wrong, doubt = [], []
    answers = look.policy['answers']
    for address, lines in sorted(answers.items()):
        bad = [line for line in lines or () if re.search(r'\.\.\. (?!deliverable: )', line)]
        if lines is None or any(re.search(r'(?i)transient|tempfail|deferred|try again|temporar', line) for line in bad):
            doubt.append('Sendmail does not say where %s leads.' % address)
        elif bad:
            wrong.append('%s: %s' % (address, bad[0]))
        elif not any('... deliverable: ' in line for line in lines):
            wrong.append('%s leads to nobody.' % address)
    if not wrong and (doubt or not answers):
        raise _text.SendmailError(' '.join(doubt) or 'Sendmail was not asked.')
    return (not wrong, 'sendmail -bv finds a mailer for %s' % ', '.join(sorted(answers)),
            '%d of %d' % (len(answers) - len(wrong) - len(doubt), len(answers)), wrong)


# Log, TLS, maps, and whether it is wanted

def logged(look: Look, _limits: Limits) -> Judgement:
    """The journal takes everything; a syslog daemon what its rules say."""
    log = look.policy['log']
    expected = 'mail.info is logged, in a file of root (or syslog, as on Ubuntu) with mode at most 0644'
    if not log['journal'] and not (log['daemons'] and log['places']):
        if log['daemons'] and log['unclear']:
            raise _text.SendmailError('The rules of %s are not understood.' % ', '.join(log['daemons']))
        return False, expected, 'not logged', ['No rule of %s takes mail.info.' % ', '.join(log['daemons']) if log['daemons'] else
                                               'Neither the journal nor a syslog daemon runs.']
    wrong = ['%s is owned by %s and has mode %s.' % (one['path'], one['owner'], one['mode']) for one in log['files']
             if one['owner'] not in _LOG_OWNERS or int(one['mode'], 8) & ~0o644]
    by = (['the journal'] if log['journal'] else []) + log['daemons']
    return not wrong, expected, 'by %s; files of %s' % (', '.join(by), ', '.join(sorted(set(one['owner'] for one in log['files']))) or 'nobody'), wrong


def keys(look: Look, _limits: Limits) -> Judgement:
    """What Sendmail itself asks of a key (TLS_KEYSFF in tls.c): nobody else reads it, the group only with GroupReadableKeyFile."""
    found = look.policy['tls']['keys']
    wrong, doubt = [], []
    for one in found:
        state, mode = one['state'], int(one['state']['mode'] or '0', 8)
        if not state['exists']:
            (doubt if state['error'] else wrong).append('%s: %s.' % (state['path'], state['error'] or 'does not exist'))
        elif state['owner'] not in ['root'] + one['users'] or mode & (0o037 if one['group_readable'] else 0o077):
            wrong.append('%s is %s:%s %s.' % (state['path'], state['owner'], state['group'], state['mode']))
    if doubt and not wrong:
        raise _text.SendmailError(' '.join(doubt[:3]))
    actual = '%d of %d right' % (len(found) - len(wrong + doubt), len(found))
    return not wrong if found else None, 'Keys are root\'s, and others cannot read them', actual, wrong


def certificates(look: Look, limits: Limits) -> Judgement:
    found = look.policy['tls']['certificates']
    expected = 'Valid for %d days or more' % (limits['certificate_left'] // 86400)
    wrong = ['%s: %s.' % (one['path'], one['error']) for one in found if one['error']]
    ends = [one['expires'] for one in found if one['expires'] is not None]
    wrong += ['%s expires on %s.' % (one['path'], time.strftime('%Y-%m-%d', time.gmtime(one['expires']))) for one in found
              if one['expires'] is not None and one['expires'] < look.now + limits['certificate_left']]
    actual = 'the first expires on %s' % time.strftime('%Y-%m-%d', time.gmtime(min(ends))) if ends else 'no certificate'
    return not wrong if found else None, expected, actual, wrong


@_of_the_mta
def compiled(look: Look, _limits: Limits) -> Judgement:
    maps = look.policy['maps']
    if maps['compiled'] is None:
        raise _text.SendmailError('%s does not say what was compiled into it.' % look.program['sendmail'])
    wrong = ['%s uses maps of the class %s, which need %s.' % (who, kind, _aliases.COMPILED[kind]) for kind, who in sorted(maps['used'].items())
             if not maps['compiled'].get(_aliases.COMPILED.get(kind, ''), True)]
    return not wrong, 'Sendmail has every class of map that is used', ', '.join(sorted(maps['used'])) or 'none is used', wrong


def wanted(look: Look, limits: Limits) -> Judgement:
    return (limits['wanted'], 'Somebody has said that this host needs Sendmail (wanted)', 'yes' if limits['wanted'] else 'nobody has',
            [] if limits['wanted'] else ['%s is installed.' % look.program['sendmail']])
