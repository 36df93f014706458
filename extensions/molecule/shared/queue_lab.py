# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scenarios about queues do on a host, outside of Ansible and of the collection: submit, look, lock, break.

Installed as /usr/local/sbin/queue_lab by install_queue_lab.yml. Prints JSON.
"""
import fcntl
import glob
import hashlib
import json
import mailbox
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

# Debian's own name, or Sendmail's.
MSP = next(path for path in ('/var/spool/mqueue-client', '/var/spool/clientmqueue') if os.path.isdir(path))
MTA, HOLD = '/var/spool/mqueue', '/var/spool/queue_lab'
# Statistics and pid file of the submission program, which upstream keeps in the queue (cf/feature/msp.m4).
KEPT = ('sm-client.st', 'sm-client.pid')
# How sendmail/SECURITY starts the MTA, where no service does it.
BY_HAND = ('/usr/sbin/sendmail', '-L', 'sm-mta', '-bd', '-q1h')
SUBMIT_CF, ORIGINAL = '/etc/mail/submit.cf', '/var/lib/queue_lab.submit.cf'


def run(*argv, check=True, **more):
    return subprocess.run(argv, check=check, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace', **more).stdout


def files(directory):
    return sorted(path for path in glob.glob(directory + '/**', recursive=True) if not os.path.isdir(path) or os.path.islink(path))


def contents(path):
    """Without changing the access time."""
    if os.path.islink(path) or not os.path.isfile(path):
        return b''
    with open(os.open(path, os.O_RDONLY | os.O_NOATIME), 'rb') as stream:
        return stream.read()


def snapshot():
    """Everything about every file and directory in the queues that somebody could change, access times included."""
    found = {}
    for path in [MSP, MTA] + sorted(glob.glob(MSP + '/**', recursive=True) + glob.glob(MTA + '/**', recursive=True)):
        about = os.lstat(path)
        content = hashlib.sha256(contents(path)).hexdigest()
        times = [about.st_mtime_ns, about.st_ctime_ns] + ([] if os.path.isdir(path) else [about.st_atime_ns])
        found[path] = [about.st_ino, '%o' % about.st_mode, about.st_uid, about.st_gid, about.st_nlink, about.st_size, times, content]
    return found


def ids(directory=MSP, prefix='qf'):
    """{id: subject} of the control files."""
    found = {}
    for path in files(directory):
        name = os.path.basename(path)
        if name[:2] == prefix:
            subject = re.search(rb'(?m)^H\?\?Subject: (.*)$', contents(path))
            found[name[2:]] = subject.group(1).decode('latin-1') if subject else None
    return found


def submit(count, user, prefix, *arguments):
    """Real mail by a real user, one call of sendmail each; the subjects are PREFIX-1 ... Returns {id: subject} of what is new in the client queue."""
    before = ids()
    command = ('for i in $(seq %s); do printf "Subject: %s-%%s\\n\\nThe body of %%s.\\n" $i $i | /usr/sbin/sendmail -i "$@"; done'
               % (int(count), prefix))
    said = run('runuser', '-u', user, '--', 'sh', '-c', command, 'sh', *arguments)
    return {'new': {key: value for key, value in ids().items() if key not in before}, 'said': said}


def lock_kind():
    told = run('sendmail', '-d0.13', '-bt', check=False, stdin=subprocess.DEVNULL)
    return 'flock' if 'HASFLOCK' in told else 'fcntl'


def lock(path):
    """Hold the lock that this build of Sendmail uses, until killed."""
    with open(path, 'r+b') as stream:
        (fcntl.flock if lock_kind() == 'flock' else fcntl.lockf)(stream, fcntl.LOCK_EX)
        ready('lock')
        signal.pause()


def silent():
    """An MTA that accepts connections and never says a word."""
    server = socket.create_server(('127.0.0.1', 25), backlog=50)
    ready('silent')
    kept = []
    while True:
        kept.append(server.accept())


def ready(name):
    with open('/run/queue-lab-%s.ready' % name, 'w'):
        pass


def background(name, *arguments):
    """Start lock, silent or arrive, and return when it has come so far that it does what it is for."""
    unit, sign = 'queue-lab-' + name, '/run/queue-lab-%s.ready' % name
    run('systemctl', 'reset-failed', unit, check=False)
    if os.path.exists(sign):
        os.unlink(sign)
    run('systemd-run', '--unit=' + unit, '--quiet', sys.executable, os.path.abspath(__file__), name, *arguments)
    wait(lambda: os.path.exists(sign))


def wait(condition, seconds=300):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit('this did not come true within %s seconds' % seconds)
        time.sleep(0.05)


def greets():
    try:
        with socket.create_connection(('127.0.0.1', 25), 5) as peer:
            peer.settimeout(10)
            return peer.recv(3) == b'220'
    except OSError:
        return False


def mta(wanted):
    """Stop the MTA, or start it without the run of the client queue that comes with a start."""
    if run('systemctl', 'show', '-P', 'LoadState', 'sendmail').strip() == 'not-found':
        if wanted == 'down' and greets():
            with open('/run/sendmail.pid') as stream:
                os.kill(int(stream.readline()), signal.SIGTERM)
            wait(lambda: not greets())
        elif wanted == 'up' and not greets():
            run(*BY_HAND)
            wait(greets)
    elif wanted == 'down':
        run('systemctl', 'stop', 'sendmail')
    elif not greets():
        os.makedirs(HOLD, exist_ok=True)
        run('chown', '--reference=' + MSP, HOLD)
        kept = [path for path in glob.glob(MSP + '/*') if not os.path.ismount(path)]
        for path in kept:
            os.rename(path, os.path.join(HOLD, os.path.basename(path)))
        run('systemctl', 'start', 'sendmail')
        wait(greets)
        # The run that comes with the start goes on in the background.
        for _attempt in range(600):
            if not run('pgrep', '-f', '^[^ ]*sendmail.*( -Ac |sm-msp|MSP|running queue)', check=False):
                break
            time.sleep(0.1)
        for path in kept:
            os.rename(os.path.join(HOLD, os.path.basename(path)), path)
    return greets()


def clear():
    """Empty queues and mailboxes, the configuration as it was installed, no rule, lock or load of an earlier case."""
    for unit in ('queue-lab-lock', 'queue-lab-silent', 'queue-lab-arrive', 'cron'):
        run('systemctl', 'stop', unit, check=False)
    # Every test host has a load average of its own (tests/hosts/enter); what is mounted over it is of an earlier case.
    for mount, own in (('/proc/loadavg', 1), (MSP, 0)):
        while open('/proc/self/mounts').read().split().count(mount) > own:
            run('umount', mount)
    run('iptables', '-F')
    if os.path.exists(ORIGINAL):
        shutil.copy(ORIGINAL, SUBMIT_CF)
    else:
        shutil.copy(SUBMIT_CF, ORIGINAL)
    for directory in (MSP, MTA):
        for path in glob.glob(directory + '/*'):
            if os.path.basename(path) in KEPT:
                continue
            shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
    run('chown', 'smmsp:smmsp', MSP)
    os.chmod(MSP, 0o2770 if MSP == '/var/spool/mqueue-client' else 0o770)
    # What the MTA has in hand is delivered yet although its files are gone: the titles of such processes name a message.
    for _attempt in range(100):
        if not run('pgrep', '-f', '^[^ ]*sendmail: .*[0-9A-Za-x]{8}[0-9]{6}|mail[.]local|procmail', check=False):
            break
        time.sleep(0.1)
    for box in glob.glob('/var/mail/*'):
        os.truncate(box, 0)


def tried(path):
    """Whether an attempt to deliver has come to its end and left the message; one that has just gone is asked about again."""
    try:
        return re.search(rb'(?m)^N[1-9]', contents(path)) is not None
    except FileNotFoundError:
        return False


def settle():
    """Wait until the MTA has nothing left to deliver that it can deliver."""
    wait(lambda: all(tried(path) for path in glob.glob(MTA + '/qf*')))


def mail():
    """{user: [[subject, the Subject lines inside of a report], ...]}"""
    found = {}
    for box in sorted(glob.glob('/var/mail/*')):
        messages = mailbox.mbox(box)
        found[os.path.basename(box)] = [[message['Subject'], sorted(set(re.findall(r'(?m)^Subject: (\S+-\d+)$', message.as_string())) - {message['Subject']})]
                                        for message in messages]
    return found


def arrive(count):
    """Mail that comes while a queue is run: wait until two messages have left, the canary and one of the run, then submit.

    A runner renames itself too soon to be found by its name.
    """
    waiting = len(glob.glob(MSP + '/qf*'))
    ready('arrive')
    for _attempt in range(6000):
        if len(glob.glob(MSP + '/qf*')) < waiting - 1:
            break
        time.sleep(0.01)
    new = submit(count, 'bob', 'arrived', '-odq', 'alice')['new']
    with open('/run/arrived.part', 'w') as stream:
        json.dump(new, stream)
    os.rename('/run/arrived.part', '/run/arrived.json')


def edit(pattern, replacement):
    """Change the client configuration."""
    with open(SUBMIT_CF) as stream:
        text = stream.read()
    changed = re.sub('(?m)' + pattern, replacement.replace('\\n', '\n'), text)
    with open(SUBMIT_CF, 'w') as stream:
        stream.write(changed)


def access(*entries):
    """Set the MTA's access map."""
    with open('/etc/mail/access', 'w') as stream:
        stream.writelines(entry.replace('=', '\t', 1) + '\n' for entry in entries)
    with open('/etc/mail/access') as stream:
        run('makemap', 'hash', '/etc/mail/access', stdin=stream)


def load(value):
    with open('/run/loadavg', 'w') as stream:
        stream.write('%s %s %s 1/100 1000\n' % (value, value, value))
    run('mount', '--bind', '/run/loadavg', '/proc/loadavg')


def small(option):
    """The client queue on a file system of its own that is full or read-only, with the messages in it."""
    messages = [(os.path.basename(path), os.stat(path), contents(path)) for path in files(MSP)]
    run('mount', '-t', 'tmpfs', '-o', 'size=64k,mode=2770,uid=%d,gid=%d' % (os.stat(MSP).st_uid, os.stat(MSP).st_gid), 'tmpfs', MSP)
    for name, about, data in messages:
        path = os.path.join(MSP, name)
        with open(path, 'wb') as stream:
            stream.write(data)
        os.chown(path, about.st_uid, about.st_gid)
        os.chmod(path, about.st_mode & 0o7777)
    if option == 'ro':
        run('mount', '-o', 'remount,ro', MSP)


def age(identifier, seconds):
    """Make a message older; returns the new creation time."""
    path = '%s/qf%s' % (MSP, identifier)
    with open(path, 'r+b') as stream:
        data = stream.read()
        created = int(re.search(rb'(?m)^T(\d+)', data).group(1)) - int(seconds)
        stream.seek(0)
        stream.write(re.sub(rb'(?m)^T\d+', b'T%d' % created, data, count=1))
    return created


def listed():
    """What Sendmail itself counts in the client queue (its listing is not read-only where files are damaged)."""
    found = {}
    for state, option in (('queued', ()), ('quarantined', ('-qQ',)), ('lost', ('-qL',))):
        text = run('sendmail', '-bp', '-Ac', *option, check=False)
        total = re.search(r'Total requests: (\d+)', text)
        found[state] = int(total.group(1)) if total else 0
    return found


def verbose():
    """The messages of the client queue as Sendmail lists them: {id: [mark, size, priority, sender, [recipients], status]}."""
    found, last = {}, None
    for line in run('sendmail', '-bp', '-Ac', '-v', check=False).splitlines():
        head = re.match(r'(\w{14,})([ *X-]) *(\d+) +(-?\d+)[ +]\w{3} \d+ \d\d:\d\d (.*)', line)
        if head:
            last = found[head.group(1)] = [head.group(2), int(head.group(3)), int(head.group(4)), head.group(5).strip(), [], '']
        elif last and re.match(r'\t{4,} *[^(\s]', line):
            last[4].append(line.strip())
        elif last and re.match(r' +.*\(\w', line) and not last[5]:
            last[5] = re.sub(r'^\s*(?:7BIT|8BITMIME)?\s*\((.*)\)$', r'\1', line)
    return found


if __name__ == '__main__':
    result = globals()[sys.argv[1]](*sys.argv[2:])
    if result is not None:
        print(json.dumps(result, sort_keys=True))
