# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages agree with what they are about, with the tests they name, and with one another."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(path for pattern in ('*.md', 'docs/*.md', 'roles/*/README.md', 'extensions/**/README.md') for path in ROOT.glob(pattern)
               if path.name != 'CHANGELOG.md')


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GALAXY = yaml.safe_load((ROOT / 'galaxy.yml').read_text())
generate = load(ROOT / 'docs/generate.py')
typed = load(ROOT / 'tests/demo/commands.py')


@pytest.mark.parametrize('name', sorted(generate.PAGES))
def test_a_made_page_is_what_it_is_made_from(name):
    assert (ROOT / 'docs' / name).read_text() == generate.PAGES[name](), 'run python docs/generate.py'


@pytest.mark.parametrize('name', sorted(generate.TABLES))
def test_a_table_of_a_role_is_what_it_is_made_from(name):
    assert (ROOT / name).read_text() == generate.with_tables(name), 'run python docs/generate.py'


def test_a_table_that_differs_is_found(tmp_path, monkeypatch):
    name = 'roles/sendmail_mta/README.md'
    page = (ROOT / name).read_text()
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / 'roles/sendmail_mta/meta').symlink_to(ROOT / 'roles/sendmail_mta/meta')
    (tmp_path / name).write_text(page.replace('| nothing |', '| something |', 1).replace('| `false` |', '| `true` |', 1))
    monkeypatch.setattr(generate, 'ROOT', tmp_path)
    assert generate.with_tables(name) == page != (tmp_path / name).read_text()


def test_how_a_plan_reads():
    assert generate.does({}) == 'nothing'
    assert generate.does({'errors': 'no', 'settings': [{'name': 'A', 'value': 'b'}]}) == 'error: … no …'
    assert generate.does({'settings': [{'name': 'A', 'value': 'b'}], 'generate': True}) == 'sets A="b"; regenerates the cron file'
    assert generate.does({'foreign': 'x', 'remove': [{}]}) == 'removes it'
    assert generate.cell('/etc/mail|x; sendmail_mta_unmask') == '`/etc/mail`\\|x; `sendmail_mta_unmask`'


@pytest.mark.parametrize('text, markdown', [
    ('the name C(sendmail)', 'the name `sendmail`'), ('with O(a_b=archive) or V(30m)', 'with `a_b: archive` or `30m`'),
    ('as in O(mailops.sendmail.sendmail_queue#module:spread)', 'as in `spread` of `sendmail_queue`'),
    ('the role P(mailops.sendmail.sendmail_mta#role)', 'the role `mailops.sendmail.sendmail_mta`'),
    ('a DAEMON(x)', 'a DAEMON(x)')])
def test_how_the_markup_of_a_specification_reads(text, markdown):
    assert generate.plain(text) == markdown


def prose(page):
    """The text without fenced blocks, where nothing is a link or a heading."""
    return re.sub(r'(?ms)^```.*?^```$', '', page.read_text())


def anchors(page):
    """As the forges make them: small letters, hyphens for blanks, other marks left out."""
    return {re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-') for heading in re.findall(r'(?m)^#+ (.*)$', prose(page))}


def links(page):
    return re.findall(r'!?\[[^\]]*\]\(([^)\s]+)\)', prose(page))


OURS = re.compile(re.escape(GALAXY['repository']) + r'/(?:blob|tree)/main/|https://raw\.githubusercontent\.com/mailops/ansible-collection-sendmail/main/')


def broken(page):
    for link in links(page):
        name, _hash, anchor = link.partition('#')
        ours = OURS.match(name)
        if ours:
            target = ROOT / name[ours.end():]
        elif re.match(r'[a-z]+:', link):
            continue
        else:
            target = (page.parent / name).resolve() if name else page
        if not target.exists():
            yield f'{link}: there is no such file'
        elif anchor and anchor not in anchors(target):
            yield f'{link}: there is no such heading'


@pytest.mark.parametrize('page', PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    assert list(broken(page)) == []


def test_links_of_the_first_page_are_whole():
    """Galaxy shows it without the files beside it."""
    found = links(ROOT / 'README.md')
    assert [link for link in found if not link.startswith('https://')] == []
    assert any(OURS.match(link) for link in found)


def test_a_broken_link_is_found(tmp_path):
    page = tmp_path / 'page.md'
    page.write_text('# Here\n[one](#here) [two](#there) [three](other.md) [four](https://example.com)\n'
                    '[six](https://github.com/mailops/ansible-collection-sendmail/blob/main/no.md)\n```\n[five](five.md)\n```\n')
    assert list(broken(page)) == ['#there: there is no such heading', 'other.md: there is no such file',
                                  'https://github.com/mailops/ansible-collection-sendmail/blob/main/no.md: there is no such file']


def test_every_guide_is_in_the_site():
    index = (ROOT / 'docs/docsite/index.rst').read_text()
    listed = set(re.findall(r'(?m)^   (?:.* <)?((?:docs|roles)/[^\s>]+)>?$', index))
    assert listed == {str(page.relative_to(ROOT).with_suffix('')) for page in PAGES if page.parts[len(ROOT.parts)] in ('docs', 'roles')}


def missing(name):
    """What there is not of PATH or PATH::Class::function."""
    path, *inner = name.split('::')
    if not (ROOT / path).is_file():
        return path
    nodes = ast.parse((ROOT / path).read_text()).body if inner else []
    for part in inner:
        found = [node for node in nodes if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.name == part]
        if not found:
            return part
        nodes = found[0].body
    return None


def test_each_promise_names_tests_that_are_there():
    page = prose(ROOT / 'docs/safety.md')
    promises = re.findall(r'(?m)^## \d\..*\n((?:(?!## ).*\n)*)', page)
    assert len(promises) == 7
    for promise in promises:
        named = re.findall(r'`((?:tests|extensions)/\S+)`', promise)
        assert named
        assert [name for name in named if missing(name)] == []


@pytest.mark.parametrize('name', ['tests/unit/nowhere.py', 'tests/unit/test_documentation.py::test_nothing'])
def test_a_test_that_is_not_there_is_found(name):
    assert missing(name)


def test_no_page_starts_a_target_of_make():
    """Such a target is a step of its own, or takes too long for one, and the test of the commands would start it by the way."""
    pages = [page for page in PAGES if page.parent != ROOT or page.name == 'README.md']
    assert [command for page in pages for command in typed.to_run(page.read_text()) if command.startswith('make ')] == []


def test_commands_of_a_page():
    text = ('Type `ansible-doc one` or `make\ndemo`, not `ansible`.\n```console\n$ ansible-playbook two\nok: `ansible-doc three`\n# make four\n```\n'
            '```yaml\n# make five\n```\n')
    assert typed.commands(text) == ['ansible-doc one', 'make demo', 'ansible-playbook two', 'make four']
    assert typed.to_run(text) == ['ansible-doc one', 'ansible-playbook two', 'make four']


def test_what_is_not_run_is_there_and_is_no_more_than_that():
    all_typed = {command for page in PAGES for command in typed.commands(page.read_text())}
    assert set(typed.NOT_RUN) <= all_typed
    targets = set(re.findall(r'(?m)^([a-z-]+):', (ROOT / 'Makefile').read_text()))
    assert {command.split()[1] for command in all_typed if command.startswith('make ')} <= targets


def test_every_panel_of_the_dashboard_asks_for_what_a_host_or_a_report_writes():
    from ansible_collections.mailops.sendmail.plugins.module_utils import _exposition
    from ansible_collections.mailops.sendmail.tests.unit import fleet
    one = next(found for found in fleet.fleet(50).values() if 'controls' in found and found['summary']['fail'])
    totals = {'summary': {'hosts': {'compliant': 1}}, 'hosts': [],
              'controls': [{'id': 'SMQ-RUN-01', 'severity': 'high', 'hosts': {'fail': 1}}]}
    written = _exposition.own('failing', one['controls'], one['host']['queues'], 1) + _exposition.fleet(totals, 1)
    labels = {}
    for name, found in re.findall(r'^(\w+)(?:\{(.*)\})? ', written, re.M):
        labels.setdefault(name, {'instance'}).update(re.findall(r'(\w+)="', found))
    panels = json.loads(generate.dashboard())['panels']
    asked = set()
    for panel in panels:
        (target,) = panel['targets']
        (name,) = re.findall(r'sendmail_\w+', target['expr'])
        wanted = re.findall(r'\{\{(\w+)\}\}', target['legendFormat']) + ', '.join(re.findall(r'by \((.*?)\)', target['expr'])).split(', ')
        assert set(wanted) - {''} <= labels[name], panel['title']
        asked.add(name)
    assert asked == set(labels)
    cells = {(panel['gridPos']['x'], panel['gridPos']['y']) for panel in panels}
    assert len(cells) == len(panels) == len({panel['id'] for panel in panels})
    assert 'timestamp' in panels[0]['targets'][0]['expr']      # age comes first
