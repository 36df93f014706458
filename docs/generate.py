# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the pages that stand in a table or in a program: python docs/generate.py

controls.md from _controls.py, troubleshooting.md from _causes.py, playbooks.md from the comments at the head of the playbooks, and a dashboard of Grafana from
the metrics of _exposition.py; and, into the pages of the roles, their variables, and the tables of decisions that the tests of their filters go through.
"""

from __future__ import annotations

import functools
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def head(source: str, title: str) -> list[str]:
    return ['<!--', 'SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors', 'SPDX-License-Identifier: GPL-3.0-or-later', '',
            f'Made by docs/generate.py from {source}. Change it there.', '-->', '', f'# {title}', '']


def fixer(kind: str, name: str | None) -> str:
    return f'{kind} `{name}`' if name else 'hand'


def controls() -> str:
    from ansible_collections.mailops.sendmail.plugins.module_utils import _controls
    from ansible_collections.mailops.sendmail.plugins.plugin_utils import _rules
    lines = head('plugins/module_utils/_controls.py and plugins/plugin_utils/_rules.py', 'Controls')
    lines += [
        f'What a compliant Sendmail host satisfies: {len(_controls.CONTROLS)} controls, judged by `mailops.sendmail.sendmail_compliance_info` in one call.',
        'An id keeps its meaning for ever. Severity, thresholds and whether a control is judged at all can be set for each host, and a control may be',
        'waived for a while; [Compliance and waivers](compliance.md) says how.',
        'Those of the [profile](compliance.md#profiles) `stig` are judged only where it is chosen.', '',
        'A restart of the MTA runs its queue, and on Debian the client queue too. While SMQ-PRM-03 or SMQ-QUE-09 fails a run loses mail: fix these first.', '',
        'CCI and NIST SP 800-53 (Revision 5) come from the published rules that ask for the same fact. Where these cells are empty, we know of none.', '',
        '| id | severity | profile | control | fixed by | CCI | NIST |', '|---|---|---|---|---|---|---|']
    for one in _controls.CONTROLS:
        about = _rules.of(one.id)
        lines.append(f'| [{one.id}](#{one.id.lower()}) | {one.severity} | {one.profile} | {one.title} | {fixer(one.remedy, one.name)} '
                     f'| {", ".join(about["cci"])} | {", ".join(about["nist"])} |')
    for one in _controls.CONTROLS:
        lines += ['', f'## {one.id}', '', f'**{one.title}** ({one.severity}). {one.rationale}', '',
                  f'Fixed by {fixer(one.remedy, one.name)}: {one.text}', '', 'From: ' + '; '.join(one.references) + '.']
        rules = _rules.RULES.get(one.id, ())
        lines += ['', 'Asked for by:', ''] if rules else []
        lines += [f'- {rule.benchmark}, {", ".join(filter(None, (rule.id, rule.rule, rule.version, rule.cci)))}: {rule.title.rstrip(".")}' for rule in rules]
    return '\n'.join(lines) + '\n'


def troubleshooting() -> str:
    from ansible_collections.mailops.sendmail.plugins.module_utils import _causes
    titles = {one.id: one.title for one in _causes.CAUSES}
    lines = head('plugins/module_utils/_causes.py', 'Troubleshooting: why mail stays')
    lines += [
        f'The {len(titles)} causes that `mailops.sendmail.sendmail_diagnosis_info` and `mailops.sendmail.survey_queues` know, the most fundamental first.',
        'Several can hold at once; begin with the first. Critical: mail is refused or lost. High: nothing moves. Medium: some mail stays.',
        'Low: worth knowing.', '',
        '| cause | severity | what is wrong | fixed by |', '|---|---|---|---|']
    lines += [f'| [{one.id}](#{one.id}) | {one.severity} | {one.title} | {fixer(one.fix, one.name)} |' for one in _causes.CAUSES]
    lines += ['', '## From what Sendmail says', '',
              '`mailq -Ac` shows the status of each message, and so does the field `status` of `mailops.sendmail.sendmail_message_info`.',
              '`sendmail_queue_facts` counts the messages by the class of that status, in `top.reasons`. A status is from the last attempt: what it names',
              'may have passed since. Where the host has a log, the newest line of it that a cause has left is evidence too.', '',
              '| class of the status | cause |', '|---|---|']
    lines += [f'| `{reason}` | {", ".join(f"[{name}](#{name})" for name in names)} |' for reason, names in _causes.EXPLAINED.items()]
    for one in _causes.CAUSES:
        reasons = [reason for reason, names in _causes.EXPLAINED.items() if one.id in names]
        lines += ['', f'## {one.id}', '', f'**{one.title}** ({one.severity}).', '', f'Fixed by {fixer(one.fix, one.name)}: {one.text}']
        for text in dict.fromkeys(one.reasons.values()):
            lines += ['', ', '.join(f'`{reason}`' for reason, advice in one.reasons.items() if advice == text) + f': {text}']
        if one.because_of:
            lines += ['', 'Look first at: ' + ', '.join(f'[{name}](#{name}) ({titles[name]})' for name in one.because_of) + '.']
        if reasons:
            lines += ['', 'Seen in the status of messages as: ' + ', '.join(f'`{reason}`' for reason in reasons) + '.']
        if one.log:
            lines += ['', f'Looked for in the log: `{one.log.decode()}`.']
    return '\n'.join(lines) + '\n'


def playbooks() -> str:
    lines = head('the comments at the head of playbooks/*.yml', 'Playbooks')
    lines += ['Each runs by its name from the installed collection. Variables are given with `-e` or stand in the inventory. All of them need root on the',
              'hosts: log in as root, or add `--become`. Without it a host is one that could not be examined.', '',
              '## Exit status', '',
              'The rule is the same for all: 0 only when every host that was meant was reached and judged, and is as the playbook wants it, which its',
              'section says. A host that was not reached, where the login user is not root, or whose work broke off is never 0. Each such host has',
              '`failed=1` in the recap and a sentence in the last task, and the others are done all the same.', '',
              '| status | meaning |', '|---|---|',
              '| 0 | all hosts are as wanted |',
              '| 2 | at least one is not, or is not known |',
              '| 4 | `ensure_submission` did not reach a host: `unreachable=1` in the recap |',
              '| 1 or 4, without a recap | nothing was begun: `target` or `--limit` matches no host, or a variable cannot be read |']
    for path in sorted((ROOT / 'playbooks').glob('*.yml')):
        comment = re.search(r'(?m)^---\n((?:#.*\n)+)', path.read_text(encoding='utf-8')).group(1)
        lines += ['', f'## {path.stem}']
        for paragraph in re.sub(r'(?m)^# ?', '', comment).strip().split('\n\n'):
            if paragraph.startswith('  '):
                lines += ['', '```console', *('$ ' + line.strip() for line in paragraph.splitlines()), '```']
                continue
            # A variable is what stands before a colon where a sentence begins; what is said of roles is about all of them.
            before, *named = re.split(r'(?:^|(?<=\. ))([a-z_]+): ', paragraph.replace('\n', ' '))
            text, found, rest = (named[-1] if named else before).partition('Variables of the role')
            if named:
                named[-1] = text
                lines += ['', *(f'- `{name}`: {about.strip()}' for name, about in zip(named[::2], named[1::2]))]
            lines += ['', found + rest if named else before] if found or not named else []
    return '\n'.join(lines) + '\n'


# How the words of a plan read in a table. What is not here says no more than the rest of its plan.
DEEDS = {'errors': 'error: … {} …', 'first': 'error: … {} …', 'restart': 'starts or restarts the MTA: {}', 'reasons': 'sets up the runner and starts it',
         'alternative': 'gives the name back to Sendmail', 'install': 'installs the packages', 'unmask': 'unmasks the unit', 'create': 'writes a unit',
         'ask': 'restarts it only if it fails to look names up', 'generate': 'regenerates the cron file', 'foreign': 'reports {}'}


# How each metric is drawn: title, kind of panel, query, legend, unit. C($instance) is what the reader chose.
PANELS = {
    'sendmail_compliance_timestamp_seconds':
        ('Age of what is shown', 'stat', 'time() - {name}{{instance=~"$instance"}}', '{{{{instance}}}}', 's'),
    'sendmail_compliance_queue_oldest_age_seconds':
        ('Oldest waiting message', 'timeseries', '{name}{{instance=~"$instance"}}', '{{{{instance}}}} {{{{queue}}}}', 's'),
    'sendmail_compliance_host': ('Hosts by verdict', 'stat', 'sum by (status) ({name}{{instance=~"$instance"}})', '{{{{status}}}}', 'none'),
    'sendmail_compliance_control':
        ('Controls that do not pass', 'table', 'sum by (instance, control, severity, status) ({name}{{instance=~"$instance"}})', '', 'none'),
    'sendmail_compliance_queue_messages':
        ('Messages', 'timeseries', 'sum by (queue, state) ({name}{{instance=~"$instance"}})', '{{{{queue}}}} {{{{state}}}}', 'none'),
    'sendmail_compliance_queue_bytes':
        ('Bytes of the bodies', 'timeseries', 'sum by (queue) ({name}{{instance=~"$instance"}})', '{{{{queue}}}}', 'bytes'),
    'sendmail_compliance_controls':
        ('Controls by status', 'timeseries', 'sum by (status) ({name}{{instance=~"$instance"}})', '{{{{status}}}}', 'none'),
    # From the file of a report, which has no instance of its own.
    'sendmail_compliance_hosts': ('Hosts of the report by verdict', 'stat', 'sum by (status) ({name})', '{{{{status}}}}', 'none'),
    'sendmail_compliance_control_hosts':
        ('Hosts of the report on which a control does not pass', 'table', 'sum by (control, severity, status) ({name})', '', 'none'),
}


def dashboard() -> str:
    from ansible_collections.mailops.sendmail.plugins.module_utils import _exposition
    source = {'type': 'prometheus', 'uid': '${datasource}'}
    panels = []
    for number, (name, about) in enumerate(_exposition._METRICS):
        title, kind, query, legend, unit = PANELS[name]
        target = {'refId': 'A', 'datasource': source, 'expr': query.format(name=name), 'legendFormat': legend.format(),
                  **({'format': 'table', 'instant': True} if kind == 'table' else {})}
        panels.append({'id': number + 1, 'type': kind, 'title': title, 'description': about, 'datasource': source,
                       'gridPos': {'x': number % 2 * 12, 'y': number // 2 * 8, 'w': 12, 'h': 8}, 'targets': [target],
                       'fieldConfig': {'defaults': {'unit': unit}, 'overrides': []}, 'options': {}})
    made = {
        'uid': 'mailops-sendmail', 'title': 'Sendmail queues', 'tags': ['sendmail', 'mail'], 'schemaVersion': 39, 'editable': True, 'refresh': '5m',
        'time': {'from': 'now-24h', 'to': 'now'},
        'templating': {'list': [
            {'name': 'datasource', 'type': 'datasource', 'query': 'prometheus', 'label': 'Prometheus'},
            {'name': 'instance', 'type': 'query', 'datasource': source, 'label': 'Host', 'multi': True, 'includeAll': True, 'allValue': '.*', 'refresh': 2,
             'query': 'label_values(sendmail_compliance_timestamp_seconds, instance)', 'current': {'text': 'All', 'value': '$__all'}}]},
        'panels': panels}
    return json.dumps(made, indent=1) + '\n'


def deed(key: str, value: object) -> str:
    if key == 'stop':
        return 'stops and disables ' + ' and '.join(one['service'] for one in value)
    if key == 'settings':
        return 'sets ' + ' and '.join(f'{one["name"]}="{one["value"]}"' for one in value)
    if key == 'leave':
        return 'takes down ' + ' and '.join(value)
    if key == 'remove':
        return 'removes it'
    return DEEDS.get(key, '').format(value)


def does(plan: dict) -> str:
    # With an error nothing else of the plan is done.
    keys = [key for key in ('errors', 'first') if key in plan] or [key for key in plan if not (key == 'foreign' and 'remove' in plan)]
    return '; '.join(filter(None, (deed(key, plan[key]) for key in keys))) or 'nothing'


def cell(text: str) -> str:
    return re.sub(r'(?<![\w`./])((?:/[\w.@-]+)+|sendmail_\w+(?:: \w+)?|[A-Z_]+="\w+")(?![\w`])', r'`\1`', text.replace('|', '\\|').replace('<', '&lt;'))


def mta_decisions() -> list[str]:
    from ansible_collections.mailops.sendmail.tests.unit import planned_mta
    return ['| host | the role | from |', '|---|---|---|',
            *(f'| {cell(row.host)} | {cell(does(row.plan))} | {cell(row.source)} |' for row in planned_mta.ROWS)]


def queue_runner_decisions() -> list[str]:
    from ansible_collections.mailops.sendmail.tests.unit import planned_queue_runner
    return ['| host | method | the role | from |', '|---|---|---|---|',
            *(f'| {cell(row.host)} | {row.method} | {cell(does(row.plan))} | {cell(row.source)} |' for row in planned_queue_runner.ROWS)]


# What each step of a remediation does.
STEPS = {'msp': 'applies `sendmail_msp`', 'permissions': 'corrects owners and modes', 'restore': 'returns lost messages to the queue',
         'debris': 'moves debris into an archive', 'resolvers': 'writes `/etc/resolv.conf`', 'mta': 'applies `sendmail_mta`',
         'runner': 'applies `sendmail_queue_runner`, behind the flush'}


def remediation_decisions() -> list[str]:
    from ansible_collections.mailops.sendmail.plugins.filter import remediation_plan
    from ansible_collections.mailops.sendmail.plugins.module_utils import _causes
    from ansible_collections.mailops.sendmail.tests.unit import planned_remediation
    titles = {cause.id: cause.title for cause in _causes.CAUSES}
    given = {'resolvers': '`sendmail_remediate_resolvers`', 'replace_other': '`sendmail_mta_replace_other`', 'healthy': 'the host was healthy before'}

    def found(row):
        return '; '.join(f'{cell(titles[name])} (`{name}`)' for name in row.causes) or 'Nothing'

    def options(row):
        return '; '.join(given.get(name) or '`sendmail_remediate_causes`: ' + ', '.join(f'`{one}`' for one in row.options[name]) for name in row.options)

    def steps(row):
        # What nothing is done about is left to the flush, or to somebody who reads the report.
        return '; '.join(STEPS[name] for name in row.steps) or (
            'nothing' if not row.causes or 'healthy' in row.options else
            'flushes' if set(row.causes) <= set(remediation_plan.FLUSH) else 'reports it: it needs attention')
    return ['| the diagnosis finds | with | the role |', '|---|---|---|',
            *(f'| {found(row)} | {options(row)} | {steps(row)} |' for row in planned_remediation.ROWS)]


def plain(text: str) -> str:
    """Ansible's markup as Markdown."""
    text = re.sub(r'\bO\((?:\w+\.){2}(\w+)#module:(\w+)\)', r'`\2` of `\1`', text)
    return re.sub(r'\b[CVOMP]\(([^)#=]+)(?:#\w+)?(?:=([^)]*))?\)', lambda found: f'`{": ".join(filter(None, found.groups()))}`', text)


def variables(role: str) -> list[str]:
    """The variables of a role: the first sentence of each."""
    import yaml
    specs = yaml.safe_load((ROOT / 'roles' / role / 'meta/argument_specs.yml').read_text(encoding='utf-8'))['argument_specs']

    def described(option):
        first = option['description'] if isinstance(option['description'], str) else option['description'][0]
        return plain(re.split(r'(?<=\.) ', first)[0])

    def default(option):
        return option['default'] if option['default'] and isinstance(option['default'], str) else json.dumps(option['default'])
    return ['| variable | default | description |', '|---|---|---|',
            *(f'| `{name}` | `{default(option)}` | {described(option)} |' for name, option in specs['main']['options'].items())]


BEGIN, END = '<!-- Made by docs/generate.py from {}. Change it there. -->', '<!-- End of what docs/generate.py makes. -->'
DECISIONS = {'sendmail_mta': ('tests/unit/planned_mta.py', mta_decisions),
             'sendmail_queue_runner': ('tests/unit/planned_queue_runner.py', queue_runner_decisions),
             'sendmail_remediate': ('tests/unit/planned_remediation.py', remediation_decisions)}
# For the page of each role: where a table comes from, and its rows.
TABLES = {f'roles/{role.name}/README.md': [('meta/argument_specs.yml', functools.partial(variables, role.name)), *filter(None, [DECISIONS.get(role.name)])]
          for role in sorted((ROOT / 'roles').iterdir())}


def with_tables(name: str) -> str:
    """The page with its tables made anew."""
    page = (ROOT / name).read_text(encoding='utf-8')
    for source, rows in TABLES[name]:
        before, begin, rest = page.partition(BEGIN.format(source))
        _old, end, after = rest.partition(END)
        if not begin or not end:
            raise ValueError(f'{name} has no place for the table from {source}')
        page = '\n'.join([before + begin, '', *rows(), '', end]) + after
    return page


PAGES = {'controls.md': controls, 'troubleshooting.md': troubleshooting, 'playbooks.md': playbooks,
         '../extensions/monitoring/sendmail.dashboard.json': dashboard}

if __name__ == '__main__':
    sys.path.insert(0, str(ROOT / 'tests/unit'))
    __import__('conftest')  # makes the checkout importable by the name of the collection
    for name, made in PAGES.items():
        (ROOT / 'docs' / name).write_text(made(), encoding='utf-8')
    for name in TABLES:
        (ROOT / name).write_text(with_tables(name), encoding='utf-8')
