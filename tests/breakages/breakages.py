# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Break the collection on purpose, one small change at a time, and see whether the test that has to notice does.

breakages.yml has the breakages and the plays of scenarios that notice them. Each is put into a copy of the checkout, and exactly one test is run there:
some unit tests, or some plays of a scenario on one fresh host. Noticed means that the test passes without the breakage, and with it fails in a task
or an assertion of its own. What cannot be loaded any more is no breakage, and does not count.

MAILOPS_HOSTS is a prefix for the names of the hosts and copies: with another one, a second run at the same time is not in the way."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
WORK = ROOT / '.cache/breakages'
PART = 'extensions/molecule/%s/breakage.yml'
SECONDS = 1200    # a test that takes longer hangs, and has noticed nothing
# The program could not be started or the change cannot be read: that says nothing about the test.
CRASHES = re.compile(r'SyntaxError|IndentationError|ImportError|ModuleNotFoundError|NameError|ERROR collecting|TemplateSyntaxError'
                     r'|template error while templating'
                     r'|Syntax error in template|YAML parsing failed|is not a valid attribute|no such file|conflicting action statements')
# Of ansible-playbook, also of one that a task of a scenario runs: the first task that failed, and what it said. Of pytest: the line that it points at.
FAILED = re.compile(r'(?ms)^TASK \[([^\n]*)\] \*+\n(?:(?!^TASK \[|^PLAY ).)*?^(?:fatal|failed): \[[^\n]*?FAILED! =>[^\n]*\n((?:[ ]+[^\n]*\n)*)')
SAID = re.compile(r'(?m)^ +(?:assertion|msg|stderr): *(?:[>|][-+]?\n)? *(.*)')


def breakages(words):
    read = yaml.safe_load((HERE / 'breakages.yml').read_text(encoding='utf-8'))
    found = [one for one in read['breakages'] if not words or any(word in one['name'] or word in one['noticed_by'] or word in one['file'] for word in words)]
    for one in found:
        text = (ROOT / one['file']).read_text(encoding='utf-8')
        if text.count(one['find']) != 1:
            sys.exit(f"breakages: {one['name']!r} does not apply: its text is {text.count(one['find'])} times in {one['file']}. Correct the entry.")
        if '.py' not in one['noticed_by'] and one['noticed_by'] not in read['cases']:
            sys.exit(f"breakages: {one['name']!r} names no unit test and no case: {one['noticed_by']!r}.")
    return found, read['cases']


class Copy:
    """A copy of what git knows, with the changes that are not committed yet, as the collection that Ansible finds."""

    def __init__(self, name):
        self.name, self.collections = name, WORK / name
        self.place = self.collections / 'ansible_collections/mailops/sendmail'
        shutil.rmtree(self.collections, ignore_errors=True)
        files = subprocess.run(['git', '-C', ROOT, 'ls-files', '--cached', '--others', '--exclude-standard', '-z'], stdout=subprocess.PIPE, check=True).stdout
        for file in files.decode().strip('\0').split('\0'):
            if (ROOT / file).exists():
                (self.place / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / file, self.place / file, follow_symlinks=False)
        # Hosts live where the checkout has them.
        for program in ('up', 'down', 'enter'):
            (self.place / 'tests/hosts' / program).write_text(f'#!/bin/sh\nexec {ROOT}/tests/hosts/{program} "$@"\n', encoding='utf-8')

    def run(self, command, **environment):
        """(exit status, output). Namespaces of processes are not needed: what the command started ends with it."""
        environment = dict(os.environ, HOME=str(self.collections), ANSIBLE_COLLECTIONS_PATH=str(self.collections), **environment)
        try:
            done = subprocess.run(command, cwd=self.place, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  text=True, errors='replace', timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return None, ''
        return done.returncode, done.stdout

    def unit(self, test):
        return self.run([sys.executable, '-m', 'pytest', '-q', '-x', '-p', 'no:cacheprovider', '-p', 'no:randomly', '--tb=short', *test.split()],
                        PYTEST_DEBUG_TEMPROOT='/dev/shm')   # noqa: S108 - of tests/README.md

    def scenario(self, case):
        """Some plays of a scenario, by their names, after its prepare.yml, on one host."""
        directory = self.place / 'extensions/molecule' / case['scenario']
        plays = [{'name': 'Prepare', 'ansible.builtin.import_playbook': 'prepare.yml'}]
        for file in ('converge.yml', 'side_effect.yml'):
            if (directory / file).exists():
                plays += [play for play in yaml.safe_load((directory / file).read_text(encoding='utf-8')) if play['name'] in case['plays']]
        # A round of the scenario remediate is of several runs.
        for play in plays:
            play.get('vars', {}).update({name: value for name, value in case.get('vars', {}).items() if name in play.get('vars', {})})
        missing = set(case['plays']) - {play['name'] for play in plays}
        if missing:
            sys.exit(f"breakages: the scenario {case['scenario']} has no play {sorted(missing)[0]!r}.")
        if case.get('verify'):
            plays.append({'name': 'Verify', 'ansible.builtin.import_playbook': 'verify.yml'})
        (directory / 'breakage.yml').write_text(yaml.safe_dump(plays, sort_keys=False, width=1000), encoding='utf-8')
        self.inventory(case)
        return self.run(['ansible-playbook', '-i', 'extensions/molecule/inventory.yml', PART % case['scenario']], MAILOPS_HOSTS=f'{self.name}-',
                        MOLECULE_SCENARIO_NAME=case['scenario'], ANSIBLE_PIPELINING='true', ANSIBLE_RETRY_FILES_ENABLED='false',
                        ANSIBLE_CALLBACK_RESULT_FORMAT='yaml', ANSIBLE_PYTHON_INTERPRETER='/usr/bin/python3')

    def inventory(self, case):
        """That of the scenarios, with one host. Where the installation is not what is tested, a bare host has Sendmail already."""
        path = self.place / 'extensions/molecule/inventory.yml'
        read = yaml.safe_load((ROOT / 'extensions/molecule/inventory.yml').read_text(encoding='utf-8'))
        release = case.get('release', 'trixie')
        for group in read['all']['children'].values():
            group['hosts'] = {host: about for host, about in group['hosts'].items() if host.endswith(release)}
            if not case.get('bare'):
                group['vars'] = {'image': f'mailops-{release}'}
        path.write_text(yaml.safe_dump(read, sort_keys=False), encoding='utf-8')

    def test(self, by, cases):
        return self.unit(by) if '.py' in by else self.scenario(cases[by])


def failure(output):
    """The line of a test that failed: (where, what it said)."""
    pointed = re.findall(r'(?m)^(?:E  .*|FAILED tests.*)', output)
    if pointed:
        return ' '.join(pointed[0][1:].split())[:110]
    found = FAILED.findall(output)
    # The last one is of the test; a role that is to fail and is rescued comes before it.
    for task, said in reversed(found):
        words = SAID.search(said)
        return f'{task}: {" ".join(words.group(1).split()) if words else ""}'[:140]
    return ''


def outcome(passed, status, output, by):
    """Whether the breakage was noticed, and the line that says so."""
    if not passed:
        return 'cannot say', 'The test fails without the breakage.'
    if status is None:
        return 'not noticed', f'The test did not end within {SECONDS} s.'
    if status == 0:
        return 'not noticed', ''
    where = failure(output)
    if CRASHES.search(output if '.py' in by else where) or (status != 1 and '.py' in by) or status == 4:
        return 'crashed', where or output[-200:]
    return ('noticed', where) if where else ('crashed', ' '.join(output[-200:].split()))


def log(name, output):
    (WORK / 'logs').mkdir(exist_ok=True)
    (WORK / 'logs' / f'{plain_name(name)}.log').write_text(output, encoding='utf-8')


def plain_name(name):
    return re.sub(r'[^A-Za-z0-9]+', '-', name)[:90]


def row(result):
    said = re.sub(r'([\\|<*_\[])', r'\\\1', textwrap.shorten(result['where'].replace('`', "'"), 100, placeholder=' ...'))
    return f"| {result['does']} | `{result['file']}` | {result['outcome']} | `{result['noticed_by']}` | {said} | {result['seconds']:.0f} |"


def commit():
    found = subprocess.run(['git', '-C', ROOT, 'rev-parse', '--short', 'HEAD'], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    changed = subprocess.run(['git', '-C', ROOT, 'diff', '--quiet', 'HEAD', '--', 'roles', 'playbooks', 'plugins', 'extensions', 'tests/unit'], check=False)
    return found + ('+' if changed.returncode else '')


def keep(result):
    """The last outcome of each breakage, for the table."""
    (WORK / 'results').mkdir(exist_ok=True)
    (WORK / 'results' / f"{plain_name(result['name'])}.json").write_text(json.dumps(result), encoding='utf-8')


def document():
    found, _cases = breakages(())
    paths = [WORK / 'results' / f"{plain_name(one['name'])}.json" for one in found]
    results = [json.loads(path.read_text(encoding='utf-8')) for path in paths if path.exists()]
    noticed = sum(one['outcome'] == 'noticed' for one in results)
    commits = Counter(one['commit'] for one in results)
    said = (f'{noticed} of {len(results)} noticed ({100 * noticed / max(1, len(results)):.1f} %), {len(found) - len(results)} of the {len(found)} not run. '
            f"Run at {', '.join(f'{name} ({count})' for name, count in commits.most_common())}; together they took "
            f"{sum(one['seconds'] for one in results) / 60:.0f} minutes, several at a time.")
    rest = [one['name'] for one, path in zip(found, paths) if not path.exists()]
    said += f" Not run: {', '.join(rest)}." if rest else ''
    page = HERE / 'README.md'
    head = page.read_text(encoding='utf-8').partition('<!-- the table -->')[0]
    table = '\n'.join(['| what it does to a host | file | outcome | test | what the test said | s |', '|---|---|---|---|---|---:|', *map(row, results)])
    page.write_text(f'{head}<!-- the table -->\n{said}\n\n{table}\n', encoding='utf-8')


def main():
    parser = argparse.ArgumentParser(prog='run', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('words', nargs='*', metavar='WORD', help='only breakages whose name, file or test has one of these words')
    parser.add_argument('--hosts', type=int, default=2, help='how many tests at a time')
    parser.add_argument('--units', action='store_true', help='only those that unit tests have to notice')
    parser.add_argument('--scenarios', action='store_true', help='only those that scenarios have to notice')
    parser.add_argument('--document', action='store_true', help='write the table into README.md, of the last outcome of each')
    given = parser.parse_args()
    chosen, cases = breakages(given.words)
    chosen = [one for one in chosen if not (given.units and '.py' not in one['noticed_by']) and not (given.scenarios and '.py' in one['noticed_by'])]
    if not chosen:
        sys.exit(f"breakages: none matches {' '.join(given.words)!r}.")
    WORK.mkdir(parents=True, exist_ok=True)
    begin, results, copies, at = time.monotonic(), [], {}, commit()

    def one_test(by):
        """All breakages that one test has to notice, behind that test without any."""
        name = f"{os.environ.get('MAILOPS_HOSTS', 'break')}{threading.current_thread().name.rpartition('_')[2]}"
        copy = copies.get(name) or copies.setdefault(name, Copy(name))
        status, output = copy.test(by, cases)
        passed = status == 0
        log(by, output)
        if not passed:
            print(f'FAILS WITHOUT A BREAKAGE: {by}: {failure(output)}', flush=True)
        for breakage in [one for one in chosen if one['noticed_by'] == by]:
            started, path = time.monotonic(), copy.place / breakage['file']
            whole = path.read_text(encoding='utf-8')
            path.write_text(whole.replace(breakage['find'], breakage['put']), encoding='utf-8')
            try:
                status, output = copy.test(by, cases) if passed else (1, '')
            finally:
                path.write_text(whole, encoding='utf-8')
            what, where = outcome(passed, status, output, by)
            log('broken ' + breakage['name'], output)
            result = dict(breakage, outcome=what, where=where, seconds=time.monotonic() - started, commit=at)
            results.append(result)
            keep(result)
            print(f"{what:12} {result['seconds']:5.0f} s  {breakage['name']}: {where}", flush=True)

    try:
        with ThreadPoolExecutor(given.hosts, thread_name_prefix='of') as pool:
            for future in [pool.submit(one_test, by) for by in dict.fromkeys(one['noticed_by'] for one in chosen)]:
                future.result()
    finally:
        for name in copies:
            for host in ('bullseye', 'bookworm', 'trixie', 'noinit', 'redhat'):
                for prefix in ('', 'bare-'):
                    subprocess.run([ROOT / 'tests/hosts/down', f'{name}-{prefix}{host}'], stdout=subprocess.DEVNULL, check=False)
    noticed = sum(one['outcome'] == 'noticed' for one in results)
    print(f'\n{noticed} of {len(results)} breakages noticed, in {(time.monotonic() - begin) / 60:.0f} minutes, {given.hosts} at a time.')
    if given.document:
        document()
    return 0 if noticed >= 0.95 * len(results) else 1


if __name__ == '__main__':
    sys.exit(main())
