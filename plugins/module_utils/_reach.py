# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Whether mail reaches the relay: one pure predicate over a look for each fact, for the causes and the controls.

A predicate returns its evidence, a list of sentences, empty where the fact does not hold, or (sentences, messages). Which
relay it is, and who answers there, are the words of C(look.relay), of _route.route().
"""

import re
from typing import Any, Callable, Dict, List, Tuple, Union

from ansible_collections.mailops.sendmail.plugins.module_utils import _look, _phrases, _route

# SmtpGreetingMessage is "$j Sendmail $v/$Z; $b".
_SUBMISSION = re.compile(r' Sendmail \S*/Submit(?:;|$)')
# A refusal that is about one recipient: its address (5.1), its mailbox (5.2); 550 without such a code is a mailbox too (RFC 5321 4.2.3).
_OF_THE_RECIPIENT = re.compile(r'55[0-3] (?:5\.[12]\.\d|(?!5\.\d))')
_ENOUGH = 3                # unknown recipients are no accident
Evidence = Union[List[str], Tuple[List[str], int]]
NO_FIGURES: Dict[str, Any] = {
    'messages': {'total': 0, 'queued': 0, 'lost': 0, 'quarantined': 0},
    'top': {'reasons': [], 'users': [], 'senders': [], 'domains': []}, 'debris': {}, 'never_tried': 0,
    'last_attempt_age': None, 'untried_age': None, 'oldest_age': None}


def figures(look: _look.Look) -> Dict[str, Any]:
    """The figures of the client queue."""
    return look.queues.get('msp') or NO_FIGURES


def reason(look: _look.Look, *names: str) -> Tuple[int, str]:
    """(messages, example) of waiting messages whose status is in one of these classes."""
    found = [one for one in figures(look)['top']['reasons'] if one['reason'] in names]
    return sum(one['messages'] for one in found), found[0]['example'] if found else ''


def greets(look: _look.Look) -> bool:
    return bool(look.greeting and look.greeting['answered'])


def denies(look: _look.Look) -> List[str]:
    """That the relay refuses the mail of this host, not single recipients."""
    answers = (look.greeting or {}).get('denied') or []
    if len(answers) < _ENOUGH and all(_OF_THE_RECIPIENT.match(answer) for answer in answers):
        return []
    return ['%s refuses every recipient that it was asked about (%d): %s' % (where(look), len(answers), answers[0])]


def turns_away(look: _look.Look) -> List[str]:
    """That the relay greets, and refuses for good what it is then asked to take."""
    refusal = (look.greeting or {}).get('refusal')
    return ['%s greets, but accepts no mail: %s' % (where(look), refusal)] if refusal else denies(look)


def _error(look: _look.Look) -> str:
    """Why there was no connection to the relay, '' where there was one or nobody asked."""
    return look.greeting['error'] or '' if look.greeting and not look.greeting['connected'] else ''


def places(look: _look.Look) -> List[Dict[str, Any]]:
    return look.relay['places'] if look.relay else []


def local(look: _look.Look) -> bool:
    """Whether mail goes to this host, to one of several relays too; also where no relay is named."""
    return look.relay is None or look.relay['this_host'] is True or any(place['this_host'] for place in places(look))


def serving(look: _look.Look) -> List[Dict[str, Any]]:
    """The sockets of this host that take connections to the relay."""
    return [place['listener'] for place in places(look) if place['listener']]


def where(look: _look.Look) -> str:
    """The relay in words, with the address where the name is none."""
    if look.relay is None:
        return 'the relay'
    said = []
    for place in places(look) or [{'host': look.relay['host'], 'address': look.relay['host'], 'port': look.relay['port']}]:
        plain = str(place['host']).strip('[]').rstrip('.').lower()
        name = place['address'] if plain == place['address'] or look.relay['literal'] else '%s (%s)' % (plain, place['address'])
        said.append('%s port %d' % (name, place['port']))
    return ', then '.join(said[:3])


def daemons(look: _look.Look) -> List[Dict[str, Any]]:
    return [process for process in look.processes if process['role'] == 'daemon']


def rejecting(look: _look.Look, *why: str) -> List[str]:
    """The titles of daemons that reject connections, for one of these reasons of _phrases.REJECTING."""
    said = [process['rejecting'] for process in look.processes if process['rejecting']]
    return [text for text in said if not why or (_phrases.title(text) or {}).get('why') in why]


def _said(example: str, count: int) -> List[str]:
    return ['Sendmail says: %s' % example] if count else []


def mta_down(look: _look.Look) -> Evidence:
    """Nobody takes mail on this host, and submit.cf hands it there."""
    if greets(look) or daemons(look) or serving(look) or not local(look) or loopback_down(look):
        return []
    count, example = reason(look, 'connection_refused')
    service = look.services['mta']
    found = ['Nothing listens on %s, and no Sendmail daemon is running.' % where(look)]
    if look.relay and look.relay['mta_wanted'] is False:
        found.append('DAEMON_MODE in /etc/mail/sendmail.conf is none, so nothing starts one.')
    if service.get('masked'):
        found.append('The service %s is masked.' % service['name'])
    elif look.active:
        found.append('systemd calls the service %s active all the same, so starting it does nothing; it has to be restarted.'
                     % service['name'])
    if not (service.get('unit') or service.get('init_script')):
        found.append('No service starts it on this host. %s' % (
            'The pid file says how it was started last: %s.' % service['started_as'] if service.get('started_as')
            else 'By hand it is started with "sendmail -L sm-mta -bd -q1h" (sendmail/SECURITY).'))
    if service.get('enabled') is False:
        found.append('The service %s is not enabled, so it will not come back after a boot either.' % service['name'])
    return found + _said(example, count), count


_REFUSED_BY = re.compile(r'Deferred: (?:Connection refused by|(?:Connection|Operation) timed out with) (\S+?)\.?$')


def other_relay(look: _look.Look) -> str:
    """The host that a message waits for, where the rules of submit.cf name it (or ask a mailertable) for some recipients, beside the relay."""
    found = _REFUSED_BY.match(reason(look, 'connection_refused', 'connection_timeout')[1])
    cf = look.configurations.get('msp')
    if not found or not cf or not look.relay:
        return ''
    name = found.group(1).strip('[]').lower()
    known = set(look.relay['hosts']) | set(text for place in places(look) for text in (place['address'], str(place['host']).strip('[]').rstrip('.').lower()))
    known |= set(host.rstrip('.').lower() for answer in look.resolved.values() for _preference, host in answer['mx'])
    names = re.compile(r'Kmailertable\b|R.*\$@[ \t]*\[?%s(?![\w.-])' % re.escape(name), re.I)
    return name if name not in known and any(names.match(line) for _number, line in cf.lines) else ''


def hub_down(look: _look.Look) -> Evidence:
    """Another host is the relay, and refuses connections, or takes them and does not greet."""
    if other_relay(look) and takes_mail(look):
        count, example = reason(look, 'connection_refused', 'connection_timeout')
        return _said(example, count) + ['submit.cf sends mail for some recipients to %s; %s answers.' % (other_relay(look), where(look))], count
    if greets(look) or local(look) or not places(look) or hosts_file(look):
        return []
    count, example = reason(look, 'connection_refused', 'connection_lost')
    found = _mute(look)
    if _error(look) in ('connection_refused', 'connection_reset'):
        found = ['%s, on another host, does not take connections: %s.' % (where(look), _error(look).replace('_', ' '))]
    return (found + _said(example, count), count) if found else []


def stranger(look: _look.Look) -> Evidence:
    """A program that is not Sendmail holds the socket that mail goes to."""
    # With several relays the one that greets counts.
    found = [place for place in places(look) if place['this_host'] and place['answers'] in ('stranger', 'other_mta')
             and (not greets(look) or place['listener'] == (look.relay or {})['listener'])]
    return ['%s (process %s) listens on %s port %d.' % (
        place['listener']['name'], place['listener']['pid'], place['listener']['address'], place['listener']['port'])
        if place['listener'] else 'What answers on %s port %d is not Sendmail: %s' % (
            place['address'], place['port'], (look.greeting or {}).get('text') or 'it says nothing') for place in found]


def comes_back(look: _look.Look) -> Evidence:
    """The mail submission program itself answers at the relay, and puts what it takes into the client queue again: "sendmail -bs" from
    inetd without -Am reads submit.cf (getcfname() in conf.c). $Z names it in the greeting (confCF_VERSION in submit.mc).
    """
    text = (look.greeting or {}).get('text') or ''
    if not greets(look) or not local(look) or not _SUBMISSION.search(text):
        return []
    return ['%s is answered by the mail submission program itself, which puts mail into the client queue again: %s' % (where(look), text)]


def renamed(look: _look.Look) -> Evidence:
    """The MTA was started under another name than this host has now, and does not take that for its own: of _acceptance._renamed()."""
    refusal = (look.greeting or {}).get('refusal') or ''
    return ['%s was started under another name: %s.' % (where(look), refusal[10:])] if local(look) and ' 5.3.5 it calls itself' in refusal else []


def refuses_for_load(look: _look.Look) -> Evidence:
    said = rejecting(look, 'load')
    count, _example = reason(look, 'connection_refused')
    if not said or (greets(look) and not count):
        return []
    now, bound = look.load[0] if look.load else 0.0, look.settings.get('mta', {}).get('refuse_la', 0)
    bound = _route.lowest(look.configurations.get('mta'), 'r', bound)
    # d_refuse_connections_until in daemon.c.
    return ['The MTA says: %s' % said[0], 'The load average is %.1f, RefuseLA is %d%s.' % (
        now, bound, ': the MTA checks it again every 15 seconds' if now < bound else '')], count


def limits(look: _look.Look) -> Evidence:
    """A limit of connections, children, rate or memory keeps mail away: the title of the daemon, or the reply."""
    said = rejecting(look, 'children', 'memory')
    refused, _example = reason(look, 'connection_refused')
    count, example = reason(look, 'limit')
    if greets(look) and not refused:
        said = []
    found = ['The MTA says: %s' % text for text in said[:1]]
    text = (look.greeting or {}).get('text') or ''
    if (look.greeting or {}).get('code') and not greets(look) and _phrases.reason(text.encode('utf-8', 'replace'), 1) == 'limit':
        found.append('%s answers: %s' % (where(look), text))
    return (found + _said(example, count), count + (refused if said else 0)) if found or count else []


def swallowed(look: _look.Look) -> List[str]:
    """The rules of the MTA take mail of this host and do not deliver it."""
    return [] if not local(look) or stranger(look) else [
        'The rules of sendmail.cf and its access map make of mail from this host: %s.' % what for what in look.swallows]


def listens_elsewhere(look: _look.Look) -> Evidence:
    if greets(look) or look.relay is None or look.relay['path'] or not local(look) or not daemons(look) or serving(look) or rejecting(look) \
            or loopback_down(look) or cut_off(look):
        return []
    count, _example = reason(look, 'connection_refused')
    found = ', '.join('%s port %d' % (one['address'], one['port']) for one in look.sockets) or 'no address'
    return ['Process %s (%s) has a network of its own (PrivateNetwork= of its unit).' % (one['pid'], one['title'])
            for one in daemons(look) if one.get('sees') == 'network'] + [
        'submit.cf hands mail to %s; the MTA listens on %s.' % (where(look), found)], count


def loopback_down(look: _look.Look) -> Evidence:
    """The interface that all mail to this host goes through is down, where the relay is this host."""
    if look.interfaces.get('loopback') is not False or greets(look) or not local(look):
        return []
    count, example = reason(look, 'no_route', 'connection_refused', 'connection_timeout')
    return ['The loopback interface (lo) is down, and mail to %s goes through it.' % where(look)] + _said(example, count), count


def hosts_file(look: _look.Look) -> Evidence:
    """/etc/hosts gives this host's own name, or localhost, an address of another host, and that is the relay."""
    lines = (look.relay or {}).get('hosts_file') or []
    if not lines or not places(look) or local(look) or greets(look):
        return []
    count, example = reason(look, 'connection_refused', 'connection_timeout', 'no_route', 'relay_lookup')
    return ['submit.cf hands mail to %s, which is not an address of this host.' % where(look)] + lines[:2] + _said(example, count), count


def filtered(look: _look.Look) -> Evidence:
    error = _error(look)
    if look.shut_out:
        count, example = reason(look, 'connection_refused', 'connection_timeout', 'no_route', 'not_permitted')
        return ['%s takes connections of the queue runner, and none of ordinary users (%s): a packet filter that asks for the user '
                '(iptables -m owner, nft meta skuid).' % (where(look), look.shut_out.replace('_', ' '))] + _said(example, count), count
    if greets(look) or rejecting(look) or not (
            error == 'not_permitted' or error in ('connection_refused', 'connection_reset') and serving(look)):
        return []
    count, example = reason(look, 'connection_refused', 'not_permitted')
    if error == 'not_permitted':
        return ['This host itself does not permit a connection to %s: a packet filter for what it sends, or a security '
                'module.' % where(look)] + _said(example, count), count
    return ['Something listens on %s, but connections are refused or reset: a packet filter.' % where(look)], count


def was_down(look: _look.Look) -> Evidence:
    count, example = reason(look, 'connection_refused', *(('mta_disk_full',) if recovered(look) else ()))
    if not count or not takes_mail(look) or rejecting(look) or other_relay(look) or look.shut_out:
        return []
    return ['The relay answers now; when the messages were last tried it did not: %s' % example], count


def takes_mail(look: _look.Look) -> bool:
    """Whether the relay greets, is who it should be, and does not refuse what it was asked."""
    return greets(look) and not turns_away(look) and not stranger(look) and not comes_back(look) and not breaks_off(look)


def recovered(look: _look.Look) -> bool:
    """Whether the relay takes mail now as far as can be asked without sending any: it accepts a sender and a recipient."""
    return takes_mail(look) and not (look.greeting or {}).get('deferral')


def _by_now(look: _look.Look) -> List[str]:
    """A status is of the last try. It may hide that this is over; what the relay says to the message itself is not asked."""
    return ['When it is asked now, %s greets and accepts a sender and a recipient.' % where(look)] if recovered(look) else []


def cut_off(look: _look.Look) -> bool:
    """Whether no connection to the relay comes about now; of a name that cannot be looked up, and of a refusal, that is another cause."""
    return _error(look) not in ('', 'connection_refused', 'connection_reset', 'not_permitted', 'name_lookup')


def unreachable(look: _look.Look) -> Evidence:
    count, example = reason(look, 'connection_timeout', 'no_route', 'not_permitted')
    if cut_off(look) and not loopback_down(look) and not hosts_file(look):
        return ['%s cannot be reached: %s.' % (where(look), _error(look).replace('_', ' '))] + _said(example, count) + [
            'ClientPortOptions in submit.cf has Sendmail connect from %s, which is not an address of this host.' % source
            for source in _route.sources(look.configurations.get('msp')).values() if not _route.is_here(source, look.interfaces['addresses'])] + [
            'No interface has the address %s: IPv6 is off.' % place['address'] for place in places(look)
            if ':' in place['address'] and place['this_host'] and place['address'] not in look.interfaces['addresses']], count
    if count and takes_mail(look) and not other_relay(look) and not look.shut_out:
        return ['%s answers now; when the messages were last tried it could not be reached: %s' % (where(look), example)], count
    return []


def silent(look: _look.Look) -> Evidence:
    """What takes connections on this host does not greet, and is not known to be another program."""
    return _mute(look) if local(look) and not stranger(look) else []


def _mute(look: _look.Look) -> List[str]:
    greeting = look.greeting
    if greeting and greeting['connected'] and not greeting['code']:
        holder = ((look.relay or {}).get('listener') or {}).get('pid')
        if holder and any(one['pid'] == holder and one.get('stopped') for one in look.processes):
            return ['Process %d, which listens on %s, is stopped (kill -STOP), so it does not greet.' % (holder, where(look))]
        what = {'connection_timeout': 'says nothing for %d seconds' % greeting.get('seconds', 0), None: 'does not greet as a mail server'}
        return ['%s accepts the connection and %s.' % (where(look), what.get(greeting['error'], 'closes it at once'))]
    return []


def hosts_access(look: _look.Look) -> Evidence:
    refused = (look.greeting or {}).get('refusal')
    return turns_away(look) + look.hosts_access if refused and look.hosts_access and local(look) and not stranger(look) else []


def refuses_for_good(look: _look.Look) -> bool:
    """Whether the answer is one that a message does not survive; 421 and the like keep it in the queue."""
    return bool(turns_away(look)) or ((look.greeting or {}).get('code') or 0) >= 500


def refuses(look: _look.Look) -> Evidence:
    greeting = look.greeting or {}
    if stranger(look) or hosts_access(look) or renamed(look):
        return []
    if greeting.get('code') and not greeting['answered'] and not limits(look):
        return ['%s answers: %s' % (where(look), greeting['text'])]
    return turns_away(look)


def relay_name(look: _look.Look) -> Evidence:
    count, example = reason(look, 'relay_lookup')
    found = []
    tried = [str(place['host']).rstrip('.').lower() for place in places(look)]
    for name, answer in sorted(look.resolved.items()):
        if name in tried:
            continue
        if answer['mx_error']:
            found.append('The mail exchangers of %s cannot be looked up: %s. In submit.cf the name has no brackets, so Sendmail asks '
                         'the DNS for them first, also where /etc/hosts knows the name.' % (name, answer['mx_error'].replace('_', ' ')))
        elif answer['mx'] and not any(host for _preference, host in answer['mx']):
            found.append('The DNS says that %s, which submit.cf hands mail to, takes none ("MX 0 .", RFC 7505).' % name)
        elif answer['error'] and not answer['mx']:
            found.append('The name %s that submit.cf hands mail to cannot be looked up: %s.' % (name, answer['error'].replace('_', ' ')))
    if found and not greets(look):
        return found, count
    return (['The relay has a name now; when the messages were last tried it had none: %s' % example], count) if count else []


def no_such_relay(look: _look.Look) -> bool:
    """Whether the DNS says that there is no such relay, which is final: "Host unknown" (deliver.c), and the mail goes back."""
    return not greets(look) and any(one['error'] == 'not_found' and not any(host for _preference, host in one['mx'])
                                    for one in look.resolved.values())


def points_back(look: _look.Look) -> List[str]:
    """The best mail exchanger of the relay is this host itself: "MX list for X points back to Y" (getmxrr() in domain.c), and the mail goes back."""
    return [] if greets(look) or not look.relay or places(look) else [
        'The best mail exchanger of %s is this host itself, so the mail submission program hands mail to nobody.' % name
        for name in look.relay['hosts'] if any(look.resolved.get(host, {}).get('addresses')
                                               for _preference, host in look.resolved.get(name, {}).get('mx', ()))]


def deferral(look: _look.Look) -> Tuple[str, str]:
    """(class, sentence) of a relay that greets and takes no mail now; not of our own frequency, or, on another host, of policy (greylisting: 4.7.1)."""
    text = (look.greeting or {}).get('deferral') or ''
    kind = _phrases.reason(text.encode('utf-8', 'replace'), 1) if text else ''
    if not text or stranger(look) or kind in ('limit', 'mailbox') or not (local(look) or re.match(r'4\d\d[ -]4\.[34]\.', text)):
        return '', ''
    return kind, '%s greets, but accepts no mail now: %s' % (where(look), text)


def says(*classes: str) -> Callable[[_look.Look], Tuple[List[str], int]]:
    """A predicate: messages wait for what the status says, and only the status knows."""
    def predicate(look: _look.Look) -> Tuple[List[str], int]:
        count, example = reason(look, *classes)
        row = _phrases.saying(example.encode('utf-8', 'replace')) if count else None
        who = 'The relay' if row and row.who == 'mta' else 'Sendmail'
        kind, sentence = deferral(look)
        now = _by_now(look) if row and (row.who == 'mta' or row.means == 'connection_lost') and row.means != 'mailbox' else []
        return ['%s says: %s' % (who, example)] * bool(count) + [sentence] * (kind in classes) + now, count
    return predicate


def hangs_up(look: _look.Look) -> Evidence:
    """The relay ended the dialogue where the mail submission program waited for a reply; what it does now may say more."""
    if stranger(look) or look.greeting and not greets(look):
        return []      # what keeps the relay away now is another cause
    said, count = says('connection_lost')(look)
    return breaks_off(look) + said, count


def hangs_up_now(look: _look.Look) -> bool:
    return bool(breaks_off(look))


def breaks_off(look: _look.Look) -> List[str]:
    """The relay greets, and at EHLO, MAIL or RCPT falls silent or hangs up."""
    error = (look.greeting or {}).get('error')
    if not greets(look) or not error or not look.greeting:
        return []
    what = 'says nothing for %d seconds' % look.greeting['seconds'] if error == 'connection_timeout' else 'hangs up'
    return ['%s greets, and then %s.' % (where(look), what)]


def mta_queue(look: _look.Look) -> Evidence:
    """The MTA cannot write its queue: replies, and daemons whose directory is gone."""
    count, example = reason(look, 'mta_queue')
    gone = [process for process in daemons(look) if local(look) and (process.get('cwd') or '').endswith(' (deleted)')]
    found = ['The daemon (process %s) works in %s.' % (process['pid'], process['cwd']) for process in gone[:1]]
    return (found + (['The relay says: %s' % example] if count else []), count) if found or count else []


def warned(look: _look.Look) -> Evidence:
    """Messages that waited longer than Timeout.queuewarn: their status no longer says why."""
    count, example = reason(look, 'warned')
    if not count or not takes_mail(look):
        return []
    return ['Sendmail says: %s. That text has taken the place of the reason.' % example.rstrip('.'),
            'The relay answers now.'], count
