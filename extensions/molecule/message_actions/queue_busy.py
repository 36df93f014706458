# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep the client queue busy with submissions and runners, and find out where each message has come to. Prints JSON."""
import glob
import json
import os
import re
import subprocess
import sys
import tarfile
import time

QUEUES, ARCHIVES, MAIL = ('/var/spool/mqueue-client', '/var/spool/mqueue'), '/var/backups/sendmail-queue', '/var/mail'


def submit(number):
    """One message; every tenth cannot be delivered and comes back as a bounce."""
    to = 'nosuchuser' if number % 10 == 0 else 'bob'
    subprocess.run(['runuser', '-u', 'alice', '--', '/usr/sbin/sendmail', '-i', '-odq', to], check=True,
                   input=b'Subject: busy-%d\n\n%s\nend-%d\n' % (number, b'body ' * (number % 5 * 1000), number))


def run(seconds):
    """Submit and run the queue, with three runners at a time, for so many seconds. Returns how many were submitted."""
    end, count, runners = time.monotonic() + float(seconds), 0, []
    while time.monotonic() < end or count < 40:
        count += 1
        submit(count)
        runners = [one for one in runners if one.poll() is None]
        if count % 5 == 0 and len(runners) < 3:
            runners.append(subprocess.Popen(['/usr/sbin/sendmail', '-Ac', '-qf', '-OQueueLA=9999', '-OMinQueueAge=0'],
                                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    for one in runners:
        one.wait(300)
    return count


def subjects(data):
    return re.findall(rb'(?m)^(?:H\?\?)?Subject: busy-(\d+)\r?$', data)


def places():
    """{number: [where, ...]} of all messages: mailbox, bounce, queue, archive. A data file that is not whole is a place called broken."""
    found = {}

    def add(number, where):
        found.setdefault(int(number), []).append(where)
    for box, where in (('bob', 'mailbox'), ('alice', 'bounce')):
        path = os.path.join(MAIL, box)
        if os.path.exists(path):
            with open(path, 'rb') as stream:
                for message in re.split(rb'(?m)^From ', stream.read())[1:]:
                    for number in set(subjects(message)):
                        add(number, where if where == 'bounce' or b'\nend-%s\n' % number in message else 'broken')
    for queue in QUEUES:
        for path in glob.glob(queue + '/[qhQ]f*'):
            with open(path, 'rb') as control:
                data = control.read()
            try:
                with open(os.path.join(queue, 'df' + os.path.basename(path)[2:]), 'rb') as stream:
                    body = stream.read()
            except FileNotFoundError:
                body = b''
            for number in set(subjects(data)):
                add(number, 'queue' if b'end-' + number in body else 'broken')
    for part in glob.glob(ARCHIVES + '/*/*.tar.gz'):
        restored = open(part + '.restored', 'rb').read().split() if os.path.exists(part + '.restored') else []
        with tarfile.open(part) as archive:
            files = {os.path.basename(member.name): archive.extractfile(member).read() for member in archive if member.isreg()}
        for name, data in files.items():
            if name[:2] in ('qf', 'hf', 'Qf') and os.fsencode(name[2:]) not in restored:
                for number in set(subjects(data)):
                    add(number, 'archive' if b'end-' + number in files['df' + name[2:]] else 'broken')
    return found


def account(count):
    """What is not in exactly one place, and how many are in each place. Waits until the MTA has delivered what it can."""
    for _attempt in range(600):
        if not glob.glob(QUEUES[1] + '/?f*'):
            break
        time.sleep(0.2)
    found = places()
    wrong = {number: found.get(number, []) for number in range(1, int(count) + 1) if len(found.get(number, [])) != 1 or 'broken' in found[number]}
    total = {}
    for where in found.values():
        for one in where:
            total[one] = total.get(one, 0) + 1
    return {'wrong': wrong, 'total': total}


if __name__ == '__main__':
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
