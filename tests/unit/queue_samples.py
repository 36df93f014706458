# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sample queues and the queue generator for the tests. Python 3.6 syntax: the floors are tested with it."""
import importlib.util
import os
import re
import sys

import pytest

UNIT = os.path.dirname(os.path.abspath(__file__))
QUEUES = os.path.join(UNIT, 'samples', 'queue')
GENERATOR = os.path.join(UNIT, '..', 'benchmark', 'spool.py')
# The generator is a tool of the controller and written for its Python.
needs_generator = pytest.mark.skipif(sys.version_info < (3, 10), reason='the queue generator needs Python 3.10')


class Sample:
    """One queue of a real Sendmail."""

    def __init__(self, release, name):
        self.release, self.name = release, name
        self.path = os.path.join(QUEUES, release, name)
        self.files = {file[:-4]: self.read(file) for file in sorted(os.listdir(self.path)) if file.endswith('.bin')}
        self.sizes = {}
        for line in self.read('LISTING').decode('ascii').splitlines():
            _mode, _owner, size, file = line.split()
            self.sizes[file] = int(size)

    def __repr__(self):
        return '%s/%s' % (self.release, self.name)

    def read(self, file):
        with open(os.path.join(self.path, file), 'rb') as handle:
            return handle.read()

    def listed(self):
        """What the program itself said of the messages: {id: Listed}, of all its verbose listings."""
        found = {}
        for file in ('mailq-v.txt', 'mailq-qQ.txt'):
            if os.path.exists(os.path.join(self.path, file)):
                found.update(listed(self.read(file).decode('latin-1')))
        return found

    def write(self, path):
        """Make the queue again: control files as they were, the others as long as they were."""
        path.mkdir()
        for file, size in self.sizes.items():
            (path / file).write_bytes(self.files.get(file, b'x' * size))
        return path


class Listed:
    """One entry of `sendmail -bp -v`."""

    def __init__(self, mark, size, priority, warned, sender):
        self.mark, self.size, self.priority, self.warned, self.sender = mark, int(size), int(priority), warned == '+', sender
        self.quarantine_reason = self.body_type = self.status = ''
        self.recipients, self.users, self.own = [], [], {}


_ENTRY = re.compile(r'(\w{14})([ *X?-]) *(\d+) +(\d+)([+ ])\w{3} +\d+ \d\d:\d\d (.*)')


def listed(text):
    """{id: Listed} of a verbose listing, column by column."""
    entries = {}
    for line in text.splitlines():
        entry = _ENTRY.match(line)
        if entry:
            one = entries[entry.group(1)] = Listed(*entry.groups()[1:])
        elif line.startswith('     QUARANTINE: '):
            one.quarantine_reason = line[17:]
        elif line.startswith('    '):
            one.body_type, one.status = line[4:14].strip(), line[18:-1]
        elif line.startswith('\t\t (') and one.recipients:
            one.own[len(one.recipients) - 1] = line[4:-1]
        elif line.startswith('\t\t\t\t\t\t(---'):
            one.users.append(line[10:-4])
        elif line.startswith('\t\t\t\t\t\t'):
            # The program writes bytes that it takes for unprintable in octal.
            one.recipients.append(re.sub(r'\\([0-7]{3})', lambda match: chr(int(match.group(1), 8)), line[6:]))
    return entries


SAMPLES = [Sample(release, name) for release in ('8.15.2', '8.17.1.9', '8.18.1') for name in sorted(os.listdir(os.path.join(QUEUES, release)))]
RELEASES = sorted(set(one.release for one in SAMPLES))


def _said_of(one, test, *arguments):
    try:
        test(*arguments)
    except AssertionError as error:
        raise AssertionError('sample %s: %s' % (one, error))


# One test for each release and not for each sample: seven hundred tests more, on every Python, cost more than what they look at.

def each_control_file(test):
    """Call a test as C(test(sample, file name, bytes)) for every control file."""
    def of_release(release):
        for one in SAMPLES:
            if one.release == release:
                for file, data in one.files.items():
                    _said_of(one, test, one, file, data)
    return pytest.mark.parametrize('release', RELEASES)(of_release)


def each_sample(test):
    """Call a test as C(test(sample, empty directory)) for every sample."""
    def of_release(release, tmp_path):
        for one in SAMPLES:
            if one.release == release:
                place = tmp_path / one.name
                place.mkdir()
                _said_of(one, test, one, place)
    return pytest.mark.parametrize('release', RELEASES)(of_release)


def sample(name, release='8.17.1.9'):
    """The sample whose name begins with a number: C(sample('05'))."""
    return next(one for one in SAMPLES if one.release == release and one.name.startswith(name))


def generator():
    """The module that makes queues of any size and says what is in them; import it only where needs_generator stands."""
    spec = importlib.util.spec_from_file_location('queue_generator', GENERATOR)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
