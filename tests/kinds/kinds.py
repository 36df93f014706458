# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One story on hosts of kinds that the scenarios do not have, through the public modules, roles and playbooks. Started by run.

Mail is submitted by an ordinary user and counted in mailboxes by its Message-Id, without any code of the collection. Every part of the story
is judged on every host: C(yes), or the sentence with which it was refused. What is not as L(KINDS) expects fails the run.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Tuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CACHE = ROOT / '.cache' / 'kinds'
WORK = CACHE / ('-'.join(sys.argv[1:]) or 'all')                              # of this run alone: two can go on at once
HUBS = ('hub', 'hub2')
CAPABILITIES = 'NET_ADMIN,SYS_ADMIN,NET_RAW,AUDIT_WRITE,MKNOD'
MESSAGES = 3
PARTS = ('facts', 'survey', 'MTA killed', 'messages and debris', 'remediated', 'role sendmail_msp', 'permissions', 'role sendmail_mta', 'flush',
         'owner and runner', 'remediated again', 'mail', 'half an hour', 'compliance')
# Causes that are there once the first ones are fixed, so that no check mode can see them. Where Debian's script cannot see the runner it starts another.
AFTERWARDS = ('was_down', 'dns_was_down', 'never_tried', 'two_runners')


class Kind(NamedTuple):
    """A host: its image and how it is started, what lays it out, and what is expected. C(refuses): {part of the story: pattern of its sentence}."""

    image: str
    layout: Tuple[str, ...] = ()
    init: str = 'systemd'                                                     # systemd, init (what the image has as /sbin/init) or none
    options: Tuple[str, ...] = ()
    platform: str = 'upstream'
    program: str = '/usr/sbin/sendmail'
    queue: str = '/var/spool/clientmqueue'
    recipient: str = 'bob'
    breaks: str = 'for file in /run/sendmail.pid /run/sendmail/mta/sendmail.pid; do [ ! -e $file ] || kill -KILL $(head -n 1 $file); done'
    cause: str = 'mta_down'
    stops: str = ''                                                           # how the runner is stopped
    by_hand: str = ''                                                         # what a person does where a role refuses
    refuses: Dict[str, str] = {}
    title: str = ''


WRITABLE = ('--read-only', '--tmpfs', '/run', '--tmpfs', '/tmp', '--tmpfs', '/root', '-v', '/var')
BY_HAND = '/usr/sbin/sendmail -L sm-mta -bd -q1h'
RUNNER = '/usr/sbin/sendmail -L sm-msp-queue -Ac -q1h'
# Whose the queue is and what starts the daemons nobody guesses.
START = '; '.join(('chown smmsp:smmsp /var/spool/clientmqueue', 'chmod 0770 /var/spool/clientmqueue', '%s -L sm-mta -bd -q1h',
                   'kill $(head -n 1 /var/spool/clientmqueue/sm-client.pid) || true', '%s -L sm-msp-queue -Ac -q1h'))
UNTOLD = {**dict.fromkeys(('remediated', 'role sendmail_msp', 'permissions', 'role sendmail_mta', 'remediated again', 'half an hour'),
                          'not know the packaging'),
          'flush': 'could not leave the host .Deferred: Connection refused',
          'compliance': 'could not be judged: SMQ-PRG-03, SMQ-PRM-01, SMQ-PRM-02, SMQ-PRM-04$'}
ALONE = {'survey': 'runner', 'remediated': 'Neither an init system nor a cron', 'remediated again': 'Neither an init system nor a cron',
         'half an hour': 'Neither an init system nor a cron'}
UNMADE = {'role sendmail_msp': 'does not know what the package of'}
# The hubs are hosts too, started before the null clients, and not judged.
KINDS: Dict[str, Kind] = {
    'upstream-818': Kind('mailops-upstream:forky', ('by-hand', RUNNER), title='installed by hand, 8.18.2, Berkeley DB, locks of flock(2)',
                         stops='kill -KILL $(head -n 1 /var/spool/clientmqueue/sm-client.pid)'),
    'redhat': Kind('mailops-upstream', ('redhat',), platform='redhat', stops='systemctl stop sm-client',
                   title='laid out like Red Hat'),
    'redhat6': Kind('mailops-kind-sysv-upstream', ('redhat6',), init='init', platform='redhat', title='laid out like Red Hat 6, sysvinit',
                    stops='kill -KILL $(head -n 1 /run/sm-client.pid)'),
    'suse': Kind('mailops-upstream', ('suse',), platform='suse', stops='systemctl stop sendmail-client.path sendmail-client',
                 refuses=UNMADE, title='laid out like openSUSE'),
    'openrc': Kind('mailops-kind-openrc', ('openrc',), init='init', platform='gentoo', stops='kill -KILL $(head -n 1 /var/spool/clientmqueue/sm-client.pid)',
                   refuses=UNMADE, title='laid out like Gentoo, OpenRC'),
    'sysv': Kind('mailops-kind-sysv', init='init', platform='debian', queue='/var/spool/mqueue-client',
                 stops='rm /etc/cron.d/sendmail', title="Debian's package, sysvinit"),
    'container': Kind('mailops-bookworm', ('start',), init='none', platform='debian', queue='/var/spool/mqueue-client',
                      refuses={'survey': 'runner'}, title="container, no init, no cron, Debian's package"),
    'container-readonly': Kind('mailops-upstream', ('by-hand',), init='none', options=WRITABLE, refuses=ALONE,
                               title='container, read-only root, installed by hand'),
    'container-none': Kind('mailops-upstream', init='none', refuses=dict(ALONE, survey='mta_down'), title='container, no MTA, installed by hand'),
    'null': Kind('mailops-trixie', ('null', 'hub.example.test'), platform='debian', queue='/var/spool/mqueue-client', recipient='bob@hub.example.test',
                 breaks='', title='null client of one hub'),
    'null-two': Kind('mailops-trixie', ('null', '[hub.example.test]:[hub2.example.test]'), platform='debian', queue='/var/spool/mqueue-client',
                     recipient='bob@hub.example.test', breaks='', title='null client of two hubs'),
    'null-587': Kind('mailops-trixie', ('null', '[hub.example.test]', '587'), platform='debian', queue='/var/spool/mqueue-client',
                     recipient='bob@hub.example.test', breaks='', title='null client, port 587'),
    'unknown-opt': Kind('mailops-upstream', ('unknown', '/opt/sendmail/sbin'), platform='unknown', program='/opt/sendmail/sbin/sendmail',
                        cause='cannot_submit', refuses=dict(UNTOLD, survey='cannot_submit'),
                        by_hand=START % (('/opt/sendmail/sbin/sendmail',) * 2), title='unknown distribution, Sendmail in /opt'),
    'unknown-local': Kind('mailops-upstream', ('unknown', '/usr/local/sbin', '/usr/lib/sendmail'), platform='unknown', program='/usr/local/sbin/sendmail',
                          refuses=UNTOLD, by_hand=START % (('/usr/local/sbin/sendmail',) * 2), title='unknown distribution, Sendmail in /usr/local'),
}


def run(*argv: str, check: bool = True, **more: Any) -> str:
    done = subprocess.run(argv, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace', **more)
    if check and done.returncode:
        raise SystemExit('%s\n%s' % (' '.join(argv), done.stdout))
    return done.stdout


def inside(name: str, script: str, check: bool = True) -> str:
    return run('podman', 'exec', 'kind-' + name, 'sh', '-ec', script, check=check)


def up(name: str, kind: Kind) -> None:
    host = 'kind-' + name
    alias = ('--network-alias', name + '.example.test') if name in HUBS else ()
    run(str(ROOT / 'tests/hosts/down'), host)
    if kind.init == 'systemd':
        run(str(ROOT / 'tests/hosts/up'), host, kind.image, *alias, *kind.options)
    else:
        command = ('/sbin/init',) if kind.init == 'init' else ('sleep', 'infinity')
        # As root of a machine may look at all of its processes.
        more = ('--cap-add', 'SYS_PTRACE') if kind.init == 'init' else ()
        tmpfs = ('--tmpfs', '/run:notmpcopyup,exec,dev') if '--read-only' not in kind.options else ()
        run('podman', 'run', '-d', '--name', host, '--hostname', host + '.example.test', '--systemd=false', '--cap-add', CAPABILITIES, '--dns-search', '.',
            '--add-host', '%s.example.test:127.0.1.1' % host, '--add-host', host + '.example.test:::1', '--add-host', host + ':127.0.1.1',
            '--add-host', 'localhost:127.0.0.1', '--add-host', 'localhost:::1', *tmpfs, *more, *kind.options, 'localhost/' + kind.image, *command)
        if kind.init == 'init':
            wait(host + ' boots', lambda: 'getty' in run('podman', 'exec', host, 'ps', 'ax', check=False))
    if kind.layout[:1] == ('start',):
        inside(name, '/etc/init.d/sendmail start')
    elif kind.layout[:1] == ('by-hand',):
        inside(name, '; '.join((BY_HAND,) + kind.layout[1:]))
    elif kind.layout:
        layout = (HERE / 'layouts' / (kind.layout[0] + '.bash')).read_text()
        run('podman', 'exec', '-i', host, 'bash', '-s', '--', *kind.layout[1:], input=layout)


def wait(what: str, condition: Any, seconds: int = 180) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit('this did not come true within %d seconds: %s' % (seconds, what))
        time.sleep(0.5)


def submit(name: str, kind: Kind, prefix: str, option: str = '') -> List[str]:
    """Mail by alice, one call of Sendmail each. Returns the message ids."""
    wanted = ['%s-%s-%d@kinds.test' % (name, prefix, number) for number in range(MESSAGES)]
    for one in wanted:
        inside(name, "printf 'Message-Id: <%s>\\nSubject: kinds\\n\\nA body.\\n' | runuser -u alice -- %s -i %s %s" % (
            one, kind.program, option, kind.recipient))
    return wanted


def arrived(name: str, kind: Kind) -> List[str]:
    """The message ids in bob's mailbox, each as often as it is there."""
    places = HUBS if '@' in kind.recipient else (name,)
    return [found for place in places for found in re.findall(
        r'(?im)^Message-Id: <(%s-[a-z]+-\d+@kinds\.test)>' % re.escape(name), inside(place, 'cat /var/mail/bob 2>/dev/null || true'))]


class Runs:
    """Runs playbooks over the hosts that are under test."""

    def __init__(self, names: List[str]) -> None:
        self.names, self.number = names, 0
        self.inventory = WORK / 'inventory.json'
        self.inventory.write_text(json.dumps({'all': {'hosts': {name: {'ansible_host': 'kind-' + name} for name in names}, 'vars': {
            'ansible_connection': 'containers.podman.podman', 'ansible_python_interpreter': '/usr/bin/python3', 'sendmail_remediate_spread': 0,
            # Not a tmpfs of a container with a read-only root, to which podman cannot copy; and not below its mount point, where volumes do not show.
            'ansible_remote_tmp': '/var/tmp/ansible', 'ansible_podman_mount_detection': False}}}))

    def play(self, playbook: str, *options: str, **variables: Any) -> Dict[str, Dict[str, Any]]:
        """What each host has to say: what the playbook wrote for it in {output}, and C(changed) and C(failed) as Ansible counted."""
        self.number += 1
        label = '%02d-%s' % (self.number, Path(playbook).stem.split('.')[-1])
        output = WORK / label
        output.mkdir(exist_ok=True)
        for old in output.iterdir():
            old.unlink()
        variables['kinds_output'] = str(output)
        began = time.monotonic()
        text = run('ansible-playbook', '-i', str(self.inventory), playbook, *options, '-e', json.dumps(variables), check=False, env=dict(
            os.environ, ANSIBLE_PIPELINING='1', ANSIBLE_FORKS='6', ANSIBLE_NOCOLOR='1', ANSIBLE_HOST_KEY_CHECKING='0'), cwd=str(output))
        (WORK / (label + '.log')).write_text(text)
        print('  %s %s (%d s)' % (label, ' '.join(options), time.monotonic() - began), flush=True)
        found: Dict[str, Dict[str, Any]] = {name: {} for name in self.names}
        for name in self.names:
            if (output / (name + '.json')).exists():
                found[name] = json.loads((output / (name + '.json')).read_text())
            recap = re.search(r'(?m)^%s +: ok=\d+ +changed=(\d+) .*failed=(\d+)' % re.escape(name), text)
            found[name].update(changed=int(recap.group(1)) if recap else -1, failed=int(recap.group(2)) if recap else -1)
        for report in output.glob('report.json'):
            for host in json.loads(report.read_text())['hosts']:
                if host['name'] in found:
                    found[host['name']]['host'] = host
        return found

    def remediate(self, *options: str) -> Dict[str, Dict[str, Any]]:
        return self.play('mailops.sendmail.remediate_queues', *options, remediate_queues_reports=['json'], remediate_queues_directory='.',
                         remediate_queues_batches=['100%'], remediate_queues_max_fail=100)


def said(result: Dict[str, Any]) -> str:
    host = result.get('host') or {}
    return '%s: %s' % (host.get('state'), host.get('message') or ', '.join(
        '%s (%s)' % (cause['id'], 'fixed' if cause.get('fixed') else 'left') for cause in (host.get('report') or {}).get('causes', [])))


def sentence(result: Dict[str, Any]) -> str:
    """Why a host could not be fixed, as the report tells the user."""
    host = result.get('host') or {}
    report = host.get('report') or {}
    return ' '.join([host.get('message') or ''] + ['%(step)s: %(message)s' % one for one in report.get('errors') or []]) or said(result)


def facts(look: Dict[str, Any]) -> Dict[str, Any]:
    return look.get('facts', {}).get('ansible_facts', {}).get('sendmail_queue') or {}


def platform(look: Dict[str, Any]) -> str:
    return facts(look).get('installation', {}).get('platform', 'nothing')


def causes(look: Dict[str, Any]) -> List[str]:
    return [cause['id'] for cause in look['diagnosis'].get('causes', [])] or [look['diagnosis'].get('msg', '')]


class Story:
    """One story on all hosts at once. C(table): {kind: {part: yes, or what was said}}."""

    def __init__(self, names: List[str]) -> None:
        self.names, self.runs = names, Runs(names)
        self.table: Dict[str, Dict[str, str]] = {name: {} for name in names}
        self.sent: Dict[str, List[str]] = {name: [] for name in names}
        self.hubs = HUBS if any('@' in KINDS[name].recipient for name in names) else ()

    def note(self, part: str, name: str, good: bool, what: Any) -> None:
        self.table[name][part] = 'yes' if good else str(what)

    def everywhere(self, deed: Any) -> List[Any]:
        with ThreadPoolExecutor(6) as pool:
            return list(pool.map(lambda name: deed(name, KINDS[name]), self.names))

    def look(self, part: str, wanted: Any = lambda name, kind: None) -> None:
        """Every reading module does its work, and the cause that is C(wanted) comes first."""
        look = self.runs.play(str(HERE / 'look.yml'))
        for name in self.names:
            one, kind = look[name], KINDS[name]
            wrong = [key for key in ('facts', 'diagnosis', 'messages', 'debris') if key not in one or one[key].get('failed')
                     # What would become of debris is judged with the rights of the queue's own user, who may have none.
                     and 'puts owners and modes right' not in one[key].get('msg', '')]
            waiting = len(self.sent[name]) - len(arrived(name, kind))
            cause = wanted(name, kind)
            if wrong:
                self.note(part, name, False, '; '.join('%s: %s' % (key, one.get(key, {}).get('msg')) for key in wrong))
            elif platform(one) != kind.platform:
                self.note(part, name, False, 'taken for ' + platform(one))
            elif [(mail['sender'], mail['recipients'][0]['address']) for mail in one['messages']['messages']] != [('alice', kind.recipient)] * waiting:
                self.note(part, name, False, '%d messages listed, %d wait' % (len(one['messages']['messages']), waiting))
            else:
                self.note(part, name, cause is None or cause in causes(one)[:1], ', '.join(causes(one)) or 'no cause')

    def hub(self, deed: str) -> None:
        for hub in self.hubs:
            inside(hub, 'systemctl %s sendmail' % deed)

    def deed(self, part: str, deed: str = '') -> List[int]:
        """Check mode predicts whether there is something to do, the run does it, and a second run changes nothing. Returns what the run changed."""
        predicted, first, again = (self.runs.play(str(HERE / 'deed.yml'), *options, kinds_deed=deed or part) for options in (('--check',), (), ()))
        for name in self.names:
            counts = [result[name]['changed'] for result in (predicted, first, again)]
            good = first[name].get('said') == '' and (counts[0] > 0) == (counts[1] > 0) and counts[2] == 0
            self.note(part, name, good, first[name].get('said') or 'changed %s in check mode, %s in the run, %s again' % tuple(counts))
        return [first[name]['changed'] for name in self.names]

    def work(self, part: str) -> None:
        """Quarantine one message and release it, archive it and bring it back, and archive a file that belongs to no message."""
        self.everywhere(lambda name, kind: inside(name, 'cd %s; echo body >dfxAT00000000001; for deed in chown chmod; do '
                                                        '$deed --reference=$(ls qf* | head -n 1) dfxAT00000000001; done' % kind.queue))
        done = self.runs.play(str(HERE / 'work.yml'))
        for name in self.names:
            wrong = []
            for step, number in (('quarantined', 'quarantined'), ('queued', 'queued'), ('absent', 'removed'), ('restored', 'restored'), ('debris', 'removed')):
                found = [(one.get('changed'), one.get(number), one.get('msg')) for one in done[name].get(step, {}).get('results', [])]
                if [one[:2] for one in found] != [(True, 1), (True, 1), (False, 0)]:
                    wrong.append('%s: %s' % (step, found))
            self.note(part, name, not wrong, '; '.join(wrong))

    def modes(self) -> List[str]:
        return self.everywhere(lambda name, kind: inside(name, 'stat -c "%%u:%%g %%a %%n" %s /etc/mail/submit.cf $(readlink -f %s)' % (
            kind.queue, kind.program)))

    def permissions(self, part: str, deed: str) -> None:
        """Nobody can submit with these owners and modes; they are as they were afterwards. Where that is refused a person does it."""
        before = self.modes()
        self.everywhere(lambda name, kind: inside(name, 'chown root:root {0}; chmod 0755 {0}; for file in /etc/mail/submit.cf $(readlink -f {1}); '
                                                        'do chmod 0700 $file 2>/dev/null || true; done'.format(kind.queue, kind.program)))
        self.deed(part, deed)
        for name, old, now in zip(self.names, before, self.modes()):
            if self.table[name][part] == 'yes':
                self.note(part, name, old == now, '%s became %s' % (old.splitlines(), now.splitlines()))
            else:
                inside(name, '; '.join('chown {0} {2}; chmod {1} {2}'.format(*line.split()) for line in old.splitlines() if old != now))

    def flush(self, part: str) -> None:
        self.sent_by(self.everywhere(lambda name, kind: submit(name, kind, 'flushed', '-odq')))
        for name, changed in zip(self.names, self.deed(part)):
            if self.table[name][part] == 'yes':
                self.note(part, name, changed > 0, 'nothing was flushed')

    def sent_by(self, new: List[List[str]]) -> None:
        for name, some in zip(self.names, new):
            self.sent[name] += some

    def kill(self, name: str, kind: Kind, stop_runner: bool = False) -> None:
        inside(name, '; '.join([kind.breaks or ':'] + ([kind.stops] if stop_runner and kind.stops else [])), check=False)
        wait('no MTA on ' + name, lambda: '@' in kind.recipient or 'refused' in inside(
            name, 'python3 -c "import socket; socket.create_connection((\'127.0.0.1\', 25), 5)" 2>&1 || true'))

    def break_and_submit(self, prefix: str, stop_runner: bool) -> None:
        def deed(name: str, kind: Kind) -> List[str]:
            self.kill(name, kind, stop_runner)
            return submit(name, kind, prefix)
        self.hub('stop')
        self.sent_by(self.everywhere(deed))

    def remediate(self, part: str) -> None:
        """Check mode predicts what the run fixes, and a second run changes nothing."""
        self.hub('start')
        predicted, first, again = self.runs.remediate('--check'), self.runs.remediate(), self.runs.remediate()
        for name in self.names:
            promised, done = ([cause for cause in sorted((result[name].get('host', {}).get('report') or {}).get(key) or []) if cause not in AFTERWARDS]
                              for result, key in ((predicted, 'would_fix'), (first, 'fixed')))
            state, after = (result[name].get('host', {}).get('state') for result in (first, again))
            still = again[name]['changed'] == 0
            # Where there was nothing to do but a flush, the runner may have been first.
            fixed = state == 'fixed' or (state == 'healthy' and not promised)
            self.note(part, name, fixed and after == 'healthy' and still and promised == done,
                      sentence(first[name]) if state == after and still and promised == done else 'check mode: %s; run: %s; again: changed %s, %s' % (
                          promised, said(first[name]), again[name]['changed'], said(again[name])))

    def mail(self) -> None:
        """All mail was delivered once; where a role refused, after a person has done what its sentence says."""
        by_hand = [name for name in self.names if KINDS[name].by_hand]
        for name in by_hand:
            inside(name, KINDS[name].by_hand)
        if by_hand:
            self.runs.play('mailops.sendmail.flush_queues', '-l', ','.join(by_hand))
        for name in self.names:
            end = time.monotonic() + 30
            while len(arrived(name, KINDS[name])) < len(self.sent[name]) and time.monotonic() < end:
                time.sleep(1)
            found = arrived(name, KINDS[name])
            self.note('mail', name, sorted(found) == sorted(self.sent[name]), 'sent %d, arrived %d, of these different ones %d' % (
                len(self.sent[name]), len(found), len(set(found))))

    def half_an_hour(self, part: str) -> None:
        self.deed(part, 'sendmail_queue_runner')
        look = self.runs.play(str(HERE / 'look.yml'))
        for name in self.names:
            active = [(one['source'], one['interval']) for one in facts(look[name]).get('runners', []) if one['active']]
            if self.table[name][part] == 'yes':
                self.note(part, name, [interval for _source, interval in active] == [1800], active)
            if self.table[name][part] == 'yes':
                self.table[name][part] = 'yes, by ' + active[0][0]

    def controls(self) -> Dict[str, Dict[str, str]]:
        """The status of each control, for each host."""
        shutil.rmtree(WORK / 'compliance', ignore_errors=True)
        self.runs.play('mailops.sendmail.check_compliance', sendmail_compliance_directory=str(WORK / 'compliance'))
        return {name: {one['id']: one['status'] for one in json.loads((WORK / 'compliance/results' / (name + '.json')).read_text())['controls']}
                for name in self.names}

    def compliance(self, part: str, before: Dict[str, Dict[str, str]]) -> None:
        """Every control is judged, those of owners and modes were failed and are satisfied now, and none is failed that was satisfied before."""
        now = self.controls()
        for name in self.names:
            fails, failed = (sorted(key for key, status in one[name].items() if status == 'fail') for one in (now, before))
            unjudged = sorted(key for key, status in now[name].items() if status == 'error')
            # Some of an MTA cannot be judged while it is dead.
            worse = [key for key in fails if before[name][key] == 'pass']
            good = not unjudged and not worse and '-PRM-' in ' '.join(failed) and '-PRM-' not in ' '.join(fails)
            self.note(part, name, good, 'could not be judged: ' + ', '.join(unjudged) if unjudged else 'failed %s, now %s' % (failed, fails))

    def tell(self) -> Dict[str, Dict[str, str]]:
        self.look('facts')
        survey = self.runs.play('mailops.sendmail.survey_queues', survey_queues_reports=['json'], survey_queues_directory='.')
        for name in self.names:
            self.note('survey', name, survey[name].get('host', {}).get('state') == 'healthy', said(survey[name]))
        self.break_and_submit('killed', False)
        self.look('MTA killed', lambda name, kind: 'hub_down' if '@' in kind.recipient else kind.cause)
        self.work('messages and debris')
        self.remediate('remediated')
        self.permissions('role sendmail_msp', 'sendmail_msp')
        self.permissions('permissions', 'permissions')
        self.everywhere(self.kill)
        self.deed('role sendmail_mta', 'sendmail_mta')
        self.flush('flush')
        self.break_and_submit('harmed', True)
        self.everywhere(lambda name, kind: inside(name, 'chown root:root %s; chmod 0755 %s' % (kind.queue, kind.queue)))
        # Of a packaging that is not known nobody knows whose the queue is.
        self.look('owner and runner', lambda name, kind: None if kind.platform == 'unknown' else 'permissions')
        before = self.controls()
        self.remediate('remediated again')
        self.mail()
        self.half_an_hour('half an hour')
        self.compliance('compliance', before)
        return self.table


def document(table: Dict[str, Dict[str, str]]) -> None:
    """Write the rows of these kinds into the table in docs/platforms.md; those of others stay. C(tree): the commit with which a host was last run."""
    page, columns = ROOT / 'docs' / 'platforms.md', PARTS + ('tree',)
    begin, end = '<!-- made by tests/kinds/run -->\n', '<!-- end -->'
    before, text = page.read_text().split(begin)
    old, after = text.split(end, 1)
    said = dict(re.findall(r'(?m)^(\d+)[.] (.*)$', old))
    header, *cells = [line.strip('| ').split(' | ') for line in old.splitlines() if line.startswith('| ')]
    stand = {row[0]: dict(zip(header, [re.sub(r'^refused \((\d+)\)$', lambda match: said[match.group(1)], one) for one in row])) for row in cells}
    rows = {name: [(table.get(name) or stand[kind.title]).get(column, '-') for column in columns] for name, kind in KINDS.items()
            if name in table or kind.title in stand}
    notes: List[str] = []

    def cell(found: str, column: str) -> str:
        if found.startswith('yes') or found == '-' or column == 'tree':
            return found
        for pattern, word in ((r'/ansible-tmp-[^/]+/', '/.../'), (r'process \d+', 'process N'), (r'\b\d[0-9A-Za-z]{7}\d{6}\b', 'ID'), (r'\s+', ' ')):
            found = re.sub(pattern, word, found)
        found = found.strip()
        if found not in notes:
            notes.append(found)
        return 'refused (%d)' % (notes.index(found) + 1)
    lines = ['| host | ' + ' | '.join(columns) + ' |', '|---|' + '---|' * len(columns)]
    lines += ['| %s | %s |' % (KINDS[name].title, ' | '.join(map(cell, row, columns))) for name, row in rows.items()]
    lines += [''] + ['%d. %s' % (number, one) for number, one in enumerate(notes, 1)]
    page.write_text('%s%s\n%s\n\n%s%s' % (before, begin, '\n'.join(lines).rstrip(), end, after))


def main() -> None:
    asked = [one for one in sys.argv[1:] if one != '--up'] or list(KINDS)
    names = [name for name in KINDS if any(name == one or name.startswith(one + '-') for one in asked)]
    if not names or [one for one in asked if not any(name == one or name.startswith(one + '-') for name in KINDS)]:
        raise SystemExit('there is no such kind; there are %s' % ', '.join(KINDS))
    began = time.monotonic()
    WORK.mkdir(exist_ok=True)
    tree = run('git', '-C', str(ROOT), 'rev-parse', '--short', 'HEAD').strip()
    hosts = dict({hub: Kind('mailops-trixie', ('hub', hub)) for hub in HUBS} if any('@' in KINDS[name].recipient for name in names) else {},
                 **{name: KINDS[name] for name in names})
    try:
        with ThreadPoolExecutor(4) as starting:
            list(starting.map(lambda name: up(name, hosts[name]), hosts))
        print('%d hosts are up (%d s)' % (len(hosts), time.monotonic() - began), flush=True)
        if '--up' in sys.argv:
            print(''.join('  tests/hosts/enter podman exec -it kind-%-18s sh   # %s\n' % (name, kind.title or 'a hub') for name, kind in hosts.items()))
            return
        table = Story(names).tell()
    finally:
        if not os.environ.get('KINDS_KEEP') and '--up' not in sys.argv:
            run(str(ROOT / 'tests/hosts/down'), *['kind-' + name for name in hosts])
    rows = {}
    bad = 0
    for name in names:
        print(name)
        wrong = bad
        for part in table[name]:
            expected, found = KINDS[name].refuses.get(part), table[name][part]
            good = re.search(expected, found) is not None if expected else found.startswith('yes')
            bad += not good
            print('  %s %-18s %s' % ('   ' if good else 'BAD', part, found))
        if bad == wrong:
            rows[name] = dict(table[name], tree=tree)
    document(rows)
    print('%d s' % (time.monotonic() - began))
    sys.exit(bad > 0)


if __name__ == '__main__':
    main()
