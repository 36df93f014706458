# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""fuzz_control_files.py HOST COUNT [SEED]: compare our verdict about changed control files with what the Sendmail of a test host does to them.

Takes the samples of real queues, changes each at random, gives them to control_files.py on the host in batches of one queue directory and one run,
and prints every difference. HOST was started by `up`; the queue of the host is emptied.
"""
import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BATCH = 400
HARM = {'lost': {'unknown_letter', 'newer_version', 'behind_dot', 'from_line', 'body_type', 'auth', 'data_directory'}, 'aborted': {'no_sender'},
        'removed': {'no_recipient', 'one_line', 'recipient'}, 'empty': set(), 'hangs': set()}
PIECES = [b'\0', b'\r', b'\n', b' ', b'\t', b'.', b'.\n', b'\n.\n', b'\x81', b'\xff', b'(', b')', b'<', b'>', b'"', b'\\', b':', b'+', b'=', b'R', b'S',

          b'From ', b'V9', b'V8', b'B', b'B7BIT', b'A', b'Aa+4', b'Ax=y', b'd.', b'd/tmp', b'q', b'T', b'H', b'H?', b'$', b'${', b'!',
          b'x' * 300, b'\r\n', b'RPFD:', b'C:',
          b'Mx', b'Q', b'r', b'X', b'L1', b'D', b'E', b'I', b'K', b'N', b'P', b'Z', b'F', b'\n\n', b'\n ']


def bases():
    """The samples whose mail is for users of the host, so that no name is looked up, with a mark in header and body."""
    found = []
    for path in sorted((ROOT / 'tests/unit/samples/queue').glob('*/*/[qh]f*.bin')):
        data = path.read_bytes()
        lines = data.split(b'\n')
        if data.endswith(b'\n.\n') and len(data) < 4000 and not any(b'@' in line for line in lines if line[:1] in b'RSC' and line):
            found.append(re.sub(rb'\nT\d+', b'\nT1795000000', data[:-2]) + b'H??X-Case: CASE\n.\n')
    return sorted(set(found))


def changed(data, chance):
    for _each in range(chance.choice((1, 1, 1, 2, 3, 5))):
        lines = data.split(b'\n')
        last = next((number for number, line in enumerate(lines) if line[:1] == b'H'), len(lines)) if chance.random() < 0.8 else len(lines)
        at = chance.randrange(max(1, last))
        what = chance.randrange(10)
        if what == 0:
            del lines[at]
        elif what == 1:
            lines.insert(at, lines[chance.randrange(len(lines))])
        elif what == 2:
            lines.insert(at, chance.choice(PIECES))
        elif what == 3:
            other = chance.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        elif what in (4, 5):
            place = chance.randrange(len(lines[at]) + 1)
            lines[at] = lines[at][:place] + chance.choice(PIECES) + lines[at][place:]
        elif what == 6 and lines[at]:
            place = chance.randrange(len(lines[at]))
            lines[at] = lines[at][:place] + bytes([chance.randrange(256)]) + lines[at][place + 1:]
        elif what == 7 and lines[at]:
            lines[at] = bytes([chance.choice(b'VTKNPdIBqMFS$ZA!CQrRHDEL.XYGtcfv')]) + lines[at][1:]
        elif what == 8:
            lines[at] = lines[at][:chance.randrange(len(lines[at]) + 1)]
        else:
            return b'\n'.join(lines)[:chance.randrange(len(data) + 1)]
        data = b'\n'.join(lines)
    return data


def differences(_qf, _hazards, case, fate):
    data = case['control'].encode('latin-1')
    if not data:
        return []
    envelope = _qf.parse(data)
    codes = {hazard.code for hazard in _hazards.content_hazards(data, envelope, 0, {b'.': None})}
    if b'\nq' in data and fate['fate'] in ('stays', 'quarantined'):
        return []      # no run tries it
    if b'\n!' in data and fate['fate'] in ('removed', 'bounced'):
        return []      # the sender had set a time for the delivery, which is over
    if fate['fate'] in HARM:
        return [] if codes & HARM[fate['fate']] else ['it was %s, and our reader finds %s' % (fate['fate'], sorted(codes) or 'nothing')]
    if codes and not (codes == {'recipient'} and len(fate['recipients']) < max(1, data.count(b'R'))):
        return ['it was %s to %d, and our reader finds %s' % (fate['fate'], len(fate['recipients']), sorted(codes))]
    return []


def main():
    host, count, seed = sys.argv[1], int(sys.argv[2]), int((sys.argv[3:] or ['1'])[0])
    with tempfile.TemporaryDirectory() as place:
        (pathlib.Path(place) / 'ansible_collections/mailops').mkdir(parents=True)
        (pathlib.Path(place) / 'ansible_collections/mailops/sendmail').symlink_to(ROOT)
        sys.path.insert(0, place)
        from ansible_collections.mailops.sendmail.plugins.module_utils import _hazards, _qf
    chance, samples, done, wrong, fates = random.Random(seed), bases(), 0, 0, {}  # noqa: S311
    program = (ROOT / 'extensions/molecule/shared/control_files.py').read_text()
    while done < count:
        cases = {'%06d' % number: {'control': changed(chance.choice(samples), chance).decode('latin-1'), 'body': 'CASE\n'}
                 for number in range(min(BATCH, count - done))}
        answer = subprocess.run([str(ROOT / 'tests/hosts/enter'), 'podman', 'exec', '-i', host, 'python3', '-c', program],
                                input=json.dumps(cases).encode(), stdout=subprocess.PIPE, check=True).stdout
        for name, fate in json.loads(answer.decode())['fates'].items():
            fates[fate['fate']] = fates.get(fate['fate'], 0) + 1
            for text in differences(_qf, _hazards, cases[name], fate):
                wrong += 1
                print('%s: %r' % (text, cases[name]['control'].encode('latin-1')), flush=True)
        done += len(cases)
        print('%d files, %d differences, %s' % (done, wrong, sorted(fates.items())), flush=True)
    return wrong > 0


if __name__ == '__main__':
    sys.exit(main())
