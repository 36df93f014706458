# Copyright (c) 2026, The mailops.sendmail contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

# PRIVATE to the mailops.sendmail collection: it can change or go in any release.

"""Compliance as metrics in the text format of Prometheus, for the textfile collector of node_exporter."""

_METRICS = (
    ('sendmail_compliance_host', 'What a host is: compliant, failing, error or unknown.'),
    ('sendmail_compliance_control', 'What a control of a host is: pass, fail, waived, not_applicable, error or unknown.'),
    ('sendmail_compliance_queue_messages', 'Messages in a queue by state.'),
    ('sendmail_compliance_queue_oldest_age_seconds', 'Age of the oldest waiting message, 0 without one.'),
    ('sendmail_compliance_queue_bytes', 'Bytes of the bodies in a queue.'),
    ('sendmail_compliance_timestamp_seconds', 'When this was written.'),
)


def _line(name, labels, value):
    shown = ','.join('%s="%s"' % (key, str(text).replace('\\', r'\\').replace('"', r'\"').replace('\n', r'\n')) for key, text in labels)
    return '%s%s %d' % (name, '{%s}' % shown if shown else '', value)


def exposition(hosts, now, named=True):
    """The text. C(hosts): as in the report, [{name, status, controls: [{id, severity, status}], queues}]; C(now): epoch seconds.

    C(named) False leaves the label C(host) out, for the file that a host writes about itself.
    """
    rows = dict((name, []) for name, _help in _METRICS)
    for host in hosts:
        own = [('host', host['name'])] if named else []
        rows['sendmail_compliance_host'].append((own + [('status', host['status'])], 1))
        for one in host['controls']:
            rows['sendmail_compliance_control'].append(
                (own + [('control', one['id']), ('severity', one['severity']), ('status', one['status'])], 1))
        for queue, about in sorted((host.get('queues') or {}).items()):
            label = own + [('queue', queue)]
            for state, count in sorted(about['messages'].items()):
                if state != 'total':
                    rows['sendmail_compliance_queue_messages'].append((label + [('state', state)], count))
            rows['sendmail_compliance_queue_oldest_age_seconds'].append((label, about['oldest_age'] or 0))
            rows['sendmail_compliance_queue_bytes'].append((label, about['bytes'] or 0))
    rows['sendmail_compliance_timestamp_seconds'].append(([], now))
    lines = []
    for name, text in _METRICS:
        if rows[name]:
            lines += ['# HELP %s %s' % (name, text), '# TYPE %s gauge' % name]
            lines += [_line(name, labels, value) for labels, value in rows[name]]
    return '\n'.join(lines) + '\n'
