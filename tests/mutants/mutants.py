# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many mutants of the judging floors their own unit tests kill. Started by tests/mutants/run.

A mutant is a floor with one small change (cosmic-ray makes it). It never lies on the disk: this program has pytest loaded, and each mutant is
a child of it that imports the changed text for the floor, runs the tests until one fails, and is ended when that takes too long.
"""

import argparse
import importlib.abc
import importlib.util
import os
import random
import resource
import signal
import sys
import time
from pathlib import Path

import hypothesis
import pytest
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import MutationVisitor
from cosmic_ray.plugins import get_operator

FLOORS = Path('plugins/module_utils')
TESTS = Path('tests/unit/plugins/module_utils')
LEAST = 85  # per cent
# The floors, and whose tests are theirs.
TESTED_BY = {'archive': ['archive'], 'causes': ['causes'], 'checks': ['checks', 'causes', 'controls'], 'controls': ['controls'], 'hazards': ['hazards'],
             'ledger': ['ledger'], 'route': ['route'], 'schedule': ['schedule'], 'selection': ['selection'],
             'shell': ['shell']}
# One change of a kind: cosmic-ray has eleven for each %, and any of those on a sentence only raises TypeError, which flatters.
COMPARISONS = ('Eq_NotEq', 'NotEq_Eq', 'Lt_LtE', 'Lt_Gt', 'LtE_Lt', 'LtE_Gt', 'Gt_GtE', 'Gt_Lt', 'GtE_Gt', 'GtE_Lt', 'Is_IsNot', 'IsNot_Is')
ARITHMETIC = ('Add_Sub', 'Sub_Add', 'Mul_FloorDiv', 'FloorDiv_Mul', 'Mod_FloorDiv', 'BitAnd_BitOr', 'BitOr_BitAnd')
CHANGES = (['core/ReplaceComparisonOperator_' + name for name in COMPARISONS] + ['core/ReplaceBinaryOperator_' + name for name in ARITHMETIC]
           + ['core/' + name for name in (
               'AddNot', 'ExceptionReplacer', 'NumberReplacer', 'RemoveDecorator', 'ReplaceAndWithOr', 'ReplaceBreakWithContinue',
               'ReplaceContinueWithBreak', 'ReplaceFalseWithTrue', 'ReplaceOrWithAnd', 'ReplaceTrueWithFalse', 'ReplaceUnaryOperator_Delete_Not',
               'ReplaceUnaryOperator_USub_UAdd', 'ZeroIterationForLoop')])


class Changed(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Imports one floor from a text."""

    def __init__(self, path, text):
        self.path, self.text = str(path), text

    def find_spec(self, name, _path=None, _target=None):
        return importlib.util.spec_from_file_location(name, self.path, loader=self) if name.rpartition('.')[2] == Path(self.path).stem else None

    def get_filename(self, _name):
        return self.path

    def get_source(self, _name):
        return self.text


class Quick:
    """A plugin of pytest: a test of hypothesis tells whether it fails, and looks for no shorter example."""

    @staticmethod
    def pytest_sessionstart():
        hypothesis.settings.register_profile('mutants', max_examples=30, phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate])
        hypothesis.settings.load_profile('mutants')


def mutants(tree):
    """All of a parsed text as (line, change, which one)."""
    nodes = list(ast_nodes(tree))
    found = []
    for change in CHANGES:
        number = 0
        for node in nodes:
            for start, _end in get_operator(change)().mutation_positions(node):
                # A % behind a string is no arithmetic.
                if not ('Mod_' in change and (node.get_previous_leaf().type == 'string' or node.get_previous_leaf().value == ')')):
                    found.append((start[0], change, number))
                number += 1
    return found


def changed(tree, mutant):
    """The text of a mutant. It changes the tree: for a process that ends afterwards, or a tree that is not used again."""
    _line, change, number = mutant
    return MutationVisitor(number, get_operator(change)()).walk(tree).get_code()


def run_child(path, tree, mutant, tests, seconds):
    """The process that runs the tests with this mutant of the floor, or with none, and has so many seconds of a processor."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.setpgid(0, 0)
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        quiet = os.open(os.environ['TMPDIR'] + '/output' if mutant is None else os.devnull, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for descriptor in (1, 2):
            os.dup2(quiet, descriptor)
        if mutant is not None:
            sys.meta_path.insert(0, Changed(path, changed(tree, mutant)))
        code = int(pytest.main(['-x', '-q', '--hypothesis-seed=0', *map(str, tests)], plugins=[Quick]))
    finally:
        os._exit(code)


def end(child):
    try:
        os.killpg(child, signal.SIGKILL)
    except ProcessLookupError:
        pass


def at_work(child):
    """A value that differs from one look to the next while a process has something to do: a runnable one is at work, whoever has the processor."""
    state, *fields = Path('/proc/%d/stat' % child).read_text().rpartition(')')[2].split()
    return time.monotonic() if state == 'R' else fields[10:12]  # processor time, of the user and of the kernel


def judge(path, tree, tests, chosen, jobs):
    """(survivors, how many were ended by time) of the chosen mutants."""
    _child, status, used = os.wait4(run_child(path, tree, None, tests, 600), 0)
    if status:
        sys.exit('%s\nmutants: the tests of %s fail without a mutant.' % (Path(os.environ['TMPDIR'], 'output').read_text(), path))
    # One that loops has used its time; one that waits for ever, for a FIFO or a lock, does nothing for two minutes.
    seconds = 5 + 5 * int(used.ru_utime + used.ru_stime + 1)
    waiting, running, survivors, late = list(chosen), {}, [], 0
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            running[run_child(path, tree, mutant, tests, seconds)] = [mutant, None, time.monotonic()]
        for child, one in list(running.items()):
            mutant, before, since = one
            now = at_work(child)
            if now != before:
                one[1:] = now, time.monotonic()
            patient = now != before or time.monotonic() < since + 120
            if not patient:
                end(child)
            ended, status = os.waitpid(child, os.WNOHANG if patient else 0)
            if ended:
                end(child)  # what it started
                del running[child]
                late += os.WIFSIGNALED(status)
                if status == 0:
                    survivors.append(mutant)
                    tell(path, mutant)
        time.sleep(0.01)
    return survivors, late


def tell(path, mutant):
    """Print the line of a survivor, as it is and as it was changed."""
    text = path.read_text()
    for before, after in zip(text.splitlines(), changed(get_ast(text), mutant).splitlines()):
        if before != after:
            print('%s:%d %s\n  - %s\n  + %s' % (path, mutant[0], mutant[1].partition('/')[2], before.strip(), after.strip()), flush=True)
            break


def main():
    parser = argparse.ArgumentParser(prog='mutants', description=__doc__.splitlines()[0])
    parser.add_argument('floors', nargs='*', metavar='FLOOR', help='of these floors: %s' % ' '.join(TESTED_BY))
    parser.add_argument('--each', type=int, default=100, metavar='N', help='as many mutants of each floor (100, some ten minutes on two cores)')
    parser.add_argument('--all', action='store_true', help='all mutants, not a sample')
    parser.add_argument('--seed', default='1', help='which sample (1)')
    parser.add_argument('--jobs', type=int, default=os.cpu_count(), metavar='N', help='at a time (one for each core)')
    arguments = parser.parse_args()
    unknown = set(arguments.floors) - set(TESTED_BY)
    if unknown:
        parser.error('there is no floor %s here' % ', '.join(sorted(unknown)))
    poor, began_all = [], time.monotonic()
    for floor in arguments.floors or TESTED_BY:
        began = time.monotonic()
        path = FLOORS / ('_%s.py' % floor)
        tree = get_ast(path.read_text())
        every = mutants(tree)
        chosen = every if arguments.all else random.Random('%s %s' % (arguments.seed, floor)).sample(every, min(len(every), arguments.each))
        survivors, late = judge(path, tree, [TESTS / ('test__%s.py' % name) for name in TESTED_BY[floor]], chosen, arguments.jobs)
        killed = len(chosen) - len(survivors)
        rate = 100 * killed / len(chosen)
        if rate < LEAST:
            poor.append('_' + floor)
        print('%-10s %4d of %4d killed, %5.1f %%, %3d by time, of %d that there are, %4.0f s' % (
            floor, killed, len(chosen), rate, late, len(every), time.monotonic() - began), flush=True)
    print('%.1f minutes, seed %s' % ((time.monotonic() - began_all) / 60, arguments.seed))
    if poor:
        sys.exit('mutants: fewer than %d %% killed of %s.' % (LEAST, ', '.join(poor)))


main()
