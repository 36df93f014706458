# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the real Sendmail does to control files: makes them, runs the client queue as a runner would, and says what became of each.

Run on a host, outside of Ansible and of the collection: control_files [COMMAND ARGUMENT...] < CASES > FATES. CASES is a JSON object
{name: case}; a case has control (the control file's bytes), and may have body (those of the data file, none for no such file) and kind (of
the data file: file, fifo, directory, link). Bytes are latin-1 text; CASE in them becomes the number of the case, DIRECTORY the queue's path.
COMMAND is asked about the files before the run; its output goes into the answer.

A fate is {fate, recipients}: delivered, empty (without its body), bounced (the sender was told), lost (Qf), aborted (the runner ended on it),
quarantined (hf), removed (gone without a word), stays, hangs. A sink that takes everything is the MTA.
"""
import json
import os
import re
import shutil
import socketserver
import subprocess
import sys
import threading

QUEUE = '/var/spool/mqueue-client'
CASE = re.compile(rb'case-(\d+)-end')
arrived = []          # (recipients, data)


class Sink(socketserver.StreamRequestHandler):
    """An MTA that takes everything."""

    def handle(self):
        def say(text):
            self.wfile.write(text + b'\r\n')
        say(b'220 sink ESMTP')
        recipients = []
        while True:
            line = self.rfile.readline()
            if not line:
                return
            verb = line[:4].upper()
            if verb == b'EHLO':
                say(b'250-sink\r\n250-8BITMIME\r\n250-DSN\r\n250-SIZE\r\n250-AUTH PLAIN\r\n250 ENHANCEDSTATUSCODES')
            elif verb == b'RCPT':
                recipients.append(line.decode('latin-1').strip())
                say(b'250 2.1.5 ok')
            elif verb == b'DATA':
                say(b'354 go on')
                data = b''
                while True:
                    part = self.rfile.readline()
                    if part in (b'.\r\n', b''):
                        break
                    data += part
                arrived.append((recipients, data))
                recipients = []
                say(b'250 2.0.0 taken')
            elif verb == b'QUIT':
                say(b'221 2.0.0 bye')
                return
            else:
                say(b'250 2.0.0 ok')


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True


def owned(path):
    shutil.chown(path, 'smmsp', 'smmsp')


def make(identifier, case):
    control, data = '%s/qf%s' % (QUEUE, identifier), '%s/df%s' % (QUEUE, identifier)
    with open(control, 'wb') as stream:
        stream.write(case['control'].encode('latin-1'))
    os.chmod(control, 0o660)
    owned(control)
    kind = case.get('kind', 'file')
    if kind == 'fifo':
        os.mkfifo(data, 0o660)
    elif kind == 'directory':
        os.mkdir(data)
    elif kind == 'link':
        os.symlink('/etc/passwd', data)
    elif case.get('body') is not None:
        with open(data, 'wb') as stream:
            stream.write(case['body'].encode('latin-1'))
        os.chmod(data, 0o660)
    if os.path.lexists(data) and kind != 'link':
        owned(data)


def run(*more):
    try:
        return subprocess.run(['sendmail', '-Ac', '-qf', '-O', 'QueueLA=9999', '-O', 'MinQueueAge=0'] + list(more), check=False,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                              timeout=30 if more else 900).returncode
    except subprocess.TimeoutExpired:
        return 'hangs'


def clean():
    for name in os.listdir(QUEUE):
        path = os.path.join(QUEUE, name)
        shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)


def fates(cases, identifiers, alone):
    """Run and say; C(alone): with one run for each."""
    found = {}
    if alone:
        for name in cases:
            status = run('-qI' + identifiers[name])
            if status == 'hangs':
                found[name] = {'fate': 'hangs', 'recipients': []}
            elif status not in (0, 67) and status in (134, -6):
                found[name] = {'fate': 'aborted', 'recipients': []}
    elif run() in (134, -6, 'hangs'):
        return fates(cases, identifiers, True)
    run()      # what bounced goes out
    seen = {}
    for recipients, data in arrived:
        match = CASE.search(data)
        if match:
            report = b'multipart/report' in data
            fate = 'bounced' if report else 'delivered' if CASE.search(re.sub(rb'(?i)subject:.*', b'', data)) else 'empty'
            seen.setdefault(match.group(1).decode(), []).append((fate, recipients))
    for number, name in enumerate(sorted(cases)):
        if name in found:
            continue
        said = seen.get('%d' % number, [])
        identifier = identifiers[name]
        if os.path.lexists('%s/Qf%s' % (QUEUE, identifier)):
            fate = 'lost'
        elif os.path.lexists('%s/hf%s' % (QUEUE, identifier)):
            fate = 'quarantined'
        elif said:
            fate = sorted(said)[-1][0] if len(said) == 1 or 'delivered' not in [one[0] for one in said] else 'delivered'
        else:
            fate = 'stays' if os.path.lexists('%s/qf%s' % (QUEUE, identifier)) else 'removed'
        found[name] = {'fate': fate, 'recipients': [one for _fate, recipients in said for one in recipients]}
    return found


def main():
    cases = json.load(sys.stdin)
    clean()
    subprocess.run(['systemctl', 'stop', 'sendmail', 'cron'], check=False, stderr=subprocess.DEVNULL)
    server = Server(('127.0.0.1', 25), Sink)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    identifiers = {}
    for number, name in enumerate(sorted(cases)):
        identifiers[name] = '6AN0' + 'abcd' + '%06d' % number
        case = dict(cases[name])
        for part in ('control', 'body'):
            if case.get(part) is not None:
                case[part] = case[part].replace('CASE', 'case-%d-end' % number).replace('DIRECTORY', QUEUE)
        make(identifiers[name], case)
    listing = None
    if len(sys.argv) > 1:      # a command to ask about these files before the run; its output goes into the answer
        listing = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, check=False).stdout.decode()
    found = fates(cases, identifiers, len(cases) < 60)
    clean()
    server.shutdown()
    json.dump({'fates': found, 'ids': identifiers, 'asked': listing}, sys.stdout, sort_keys=True)


if __name__ == '__main__':
    main()
