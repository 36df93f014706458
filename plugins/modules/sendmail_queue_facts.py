#!/usr/bin/python
# Copyright (c) 2026, The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
module: sendmail_queue_facts
short_description: Report what is in Sendmail's queues and who serves them
version_added: 1.0.0
description:
  - One look at a host, returned as the fact C(sendmail_queue). It says which Sendmail is installed, whether an MTA answers where the mail
    submission program hands its mail to, which queue runners there are, and bounded figures about the client queue and the MTA's queue.
  - The result is a few kilobytes, whatever the queues hold. For single messages there is M(mailops.sendmail.sendmail_message_info).
  - The module reads the control files itself. It does not call C(mailq), which is not read-only, and takes no lock, so that a listing
    never makes a queue runner pass over a message.
options:
  level:
    description:
      - With V(totals) every control file of a waiting message is opened once, for everything that is returned.
      - With V(summary) only file names are read, which is several times faster warm and far more so on a cold disk. Counts, the oldest
        message and the age buckets come from the queue ids, which are creation times; recipients, sizes, attempts and
        RV(ansible_facts.sendmail_queue.queues.msp.top)
        are not there. This is for monitors.
    type: str
    choices: [totals, summary]
    default: totals
extends_documentation_fragment:
  - mailops.sendmail.attributes
  - mailops.sendmail.attributes.facts_module
  - mailops.sendmail.queues
seealso:
  - module: mailops.sendmail.sendmail_message_info
  - module: mailops.sendmail.sendmail_queue
author:
  - The mailops.sendmail contributors (@mailops)
"""

EXAMPLES = r"""
- name: Look at both queues
  mailops.sendmail.sendmail_queue_facts:

- name: Say how much waits in the client queue, and why
  ansible.builtin.debug:
    msg: >-
      {{ ansible_facts.sendmail_queue.queues.msp.messages.queued }} messages wait,
      mostly because of {{ ansible_facts.sendmail_queue.queues.msp.top.reasons[0].reason | default('nothing') }}

- name: Count a very large queue by names only
  mailops.sendmail.sendmail_queue_facts:
    queue: msp
    level: summary

- name: Look into a copy of a spool
  mailops.sendmail.sendmail_queue_facts:
    queue_directories:
      - /srv/rescued/mqueue-client
"""

RETURN = r"""
ansible_facts:
  description: The facts to add to the host.
  returned: success
  type: dict
  contains:
    sendmail_queue:
      description: One look at Sendmail on this host.
      type: dict
      contains:
        level:
          description: The O(level) of the look.
          type: str
          sample: totals
        partial:
          description:
            - Whether the module did not run as root. Then C(mta), C(runners) and C(services) are V(none), and files that the user may not read
              count as V(unreadable).
          type: bool
        installation:
          description: Which Sendmail is installed, and whether it is one.
          type: dict
          contains:
            installed:
              description: Whether there is a program C(sendmail) that really is Sendmail.
              type: bool
            absence:
              description: Where there is no Sendmail, a sentence that says so, what installs it, and where mail is left. V(none) where there is one.
              type: str
            program:
              description: The program as it is called, V(none) where there is no such program.
              type: str
              sample: /usr/sbin/sendmail
            binary:
              description: The file behind the name, with links of the alternatives system followed.
              type: str
              sample: /usr/libexec/sendmail/sendmail
            owner:
              description: The owner of C(binary).
              type: str
              sample: root
            group:
              description: The group of C(binary).
              type: str
              sample: smmsp
            mode:
              description: The mode of C(binary).
              type: str
              sample: "2755"
            contexts:
              description: The SELinux contexts of C(binary), the queue directories and pid files, by path.
              type: dict
              sample: {/var/spool/clientmqueue: "system_u:object_r:mqueue_spool_t:s0"}
            other_mta:
              description: Another MTA that owns the name, such as V(postfix) or V(exim).
              type: str
            version:
              description: The version that is compiled into the binary.
              type: str
              sample: 8.18.1
            lock_kind:
              description: How this build locks queue files, V(flock) or V(fcntl). The two do not see each other.
              type: str
              sample: flock
            platform:
              description:
                - The packaging of the Sendmail that is installed, by its own files and the name of the distribution together. V(debian), V(redhat),
                  V(suse), V(gentoo), V(arch) or V(freebsd); V(upstream) for one that was built and installed by hand, on any distribution.
                - Where there is none, the one that the distribution would install.
                - V(unknown) means that its owners and modes are not known here. Then nothing changes or judges them.
              type: str
              sample: debian
            submit_cf:
              description: The configuration file of the mail submission program, with what Sendmail would refuse in it.
              type: dict
              sample:
                path: /etc/mail/submit.cf
                exists: true
                error: null
                owner: root
                group: smmsp
                mode: "0644"
                changed: 1795447696
                problems: []
            sendmail_cf:
              description: The configuration file of the MTA.
              type: dict
              sample:
                path: /etc/mail/sendmail.cf
                exists: true
                error: null
                owner: root
                group: smmsp
                mode: "0644"
                changed: 1795447696
                problems: []
            sendmail_conf:
              description: How Debian's C(/etc/mail/sendmail.conf) has the daemons run, intervals in seconds; V(none) on other platforms.
              type: dict
              sample:
                daemon_mode: daemon
                queue_mode: daemon
                msp_mode: cron
                queue_interval: 600
                msp_interval: 1200
                hands_off: false
                exists: true
            msp_user:
              description: The user that the mail submission program runs as, and whether the host knows it.
              type: dict
              sample: {"name": "smmsp", "uid": 105}
            msp_group:
              description: The group that the mail submission program runs with.
              type: dict
              sample: {"name": "smmsp", "gid": 108}
        services:
          description: What starts services, and what is known about those that mail needs without asking it.
          type: dict
          contains:
            init:
              description: What starts services, V(systemd), V(openrc), V(rc) on FreeBSD, V(sysv), or V(none) as in a container.
              type: str
              sample: systemd
            mta:
              description:
                - The service of the MTA. V(unit) and V(init_script) are its files, V(none) where there is none; V(unit) is what a mask hides. V(enabled) is
                  whether it starts at boot, V(none) without either file; V(masked) whether systemd, where it runs, refuses to start it, or
                  C(sendmail_enable) is NONE in FreeBSD's C(rc.conf). V(started_as) is the command in its pid file, and
                  V(command) what its unit of systemd starts.
              type: dict
              sample: {"name": "sendmail", "unit": null, "init_script": "/etc/init.d/sendmail", "enabled": true, "masked": false, "started_as": null,
                       "command": null}
            msp:
              description: The service of the queue runner, where it has its own.
              type: dict
              sample: {"name": "sm-client", "unit": "/usr/lib/systemd/system/sm-client.service", "init_script": null, "enabled": true, "masked": false}
            cron:
              description:
                - What starts cron lines. V(running) is whether there is such a process, or the target of systemd-cron is active.
              type: dict
              sample:
                name: cron
                unit: /usr/lib/systemd/system/cron.service
                init_script: /etc/init.d/cron
                enabled: true
                masked: false
                running: true
        mta:
          description: The MTA as the mail submission program meets it.
          type: dict
          contains:
            processes:
              description: Sendmail's processes, at most 20.
              type: list
              elements: dict
              sample: [{"pid": 412, "user": "root", "role": "daemon", "title": "sendmail: MTA: accepting connections", "started": 1795447696}]
            listeners:
              description: Sockets that listen on the relay's port.
              type: list
              elements: dict
              sample: [{"address": "127.0.0.1", "port": 25}]
            relay:
              description: Where C(submit.cf) hands mail to, and who answers there. V(none) where the file names no relay.
              type: dict
              contains:
                host:
                  description: The first relay that the file names, without brackets.
                  type: str
                  sample: 127.0.0.1
                port:
                  description: The port of the relays.
                  type: int
                  sample: 25
                hosts:
                  description: All relays that the file names, in the order in which Sendmail tries them.
                  type: list
                  elements: str
                  sample: [127.0.0.1]
                literal:
                  description: Whether the first is an address.
                  type: bool
                mx:
                  description: Whether Sendmail asks for the mail exchangers of the first relay, which has no brackets then.
                  type: bool
                mailer:
                  description: The mailer that takes the mail there.
                  type: str
                  sample: relay
                path:
                  description: The socket in the file system that takes the mail instead of a host.
                  type: str
                places:
                  description:
                    - The connections that Sendmail would try, in order, one for each address.
                    - V(this_host) is whether the address is one of this host, V(listener) the socket of this host that such a connection reaches, and
                      V(answers) who answers there, as for the relay.
                  type: list
                  elements: dict
                  sample:
                    - host: "[127.0.0.1]"
                      address: 127.0.0.1
                      port: 25
                      this_host: true
                      fallback: false
                      listener: {"address": "127.0.0.1", "port": 25, "pid": 412, "name": "sendmail-mta", "sendmail": true}
                      answers: sendmail
                this_host:
                  description: Whether the relay is this host. V(none) where some of several are, or where no address is known.
                  type: bool
                listener:
                  description: The socket of this host that the connection reaches, with the process that holds it as far as that can be seen.
                  type: dict
                  sample: {"address": "127.0.0.1", "port": 25, "pid": 412, "name": "sendmail-mta", "sendmail": true}
                answers:
                  description:
                    - Who answers. V(sendmail), V(inetd) (Sendmail for which inetd or systemd holds the socket), V(other_mta), V(stranger) for a program that
                      is no mail server, V(mta) for a mail server of another host, V(nobody), or V(none) where that is not known.
                  type: str
                  sample: sendmail
                mta_wanted:
                  description: Whether the settings of the host start an MTA. False for a null client, with C(DAEMON_MODE) none; V(none) where nothing says.
                  type: bool
                hosts_file:
                  description: Lines of C(/etc/hosts) that say where a relay is which goes by a name of this host.
                  type: list
                  elements: str
            greeting:
              description:
                - What answers there now, of the first place that takes the connection. It may take a minute, for a server can make its clients wait.
                - V(refusal) is what it says when it would take no mail from this host, V(deferral) when it takes none now, V(denied) what
                  it says to each recipient that it was asked about, V(farewell) what to QUIT.
              type: dict
              sample:
                connected: true
                answered: true
                code: 220
                text: 220 mail.example.org ESMTP Sendmail 8.18.1
                error: null
                seconds: 0.01
                refusal: null
                deferral: null
                denied: []
                farewell: 221 2.0.0 mail.example.org closing connection
            refuses_for_load:
              description: Whether the MTA says that it refuses connections because of the load average.
              type: bool
            load_average:
              description: The load average of the last minute.
              type: float
            resolver_changed:
              description: When C(/etc/resolv.conf) was changed, in seconds of the epoch. A daemon reads it when it starts, and not again.
              type: int
        runners:
          description:
            - Everything on the host that runs the client queue, whether it works or not.
            - V(interval) is in seconds, of the largest gap where gaps differ (V(uneven)), V(none) where it cannot be told. V(detail) says why one that is
              set up does nothing (V(active) is false). V(partial) ones run only a part of the queue. V(bound_to) is the unit of an MTA whose end took it
              down, V(script) the file that cron runs, or another command in the same line or unit.
          type: list
          elements: dict
          sample:
            - source: debian_cron
              path: /etc/cron.d/sendmail
              line: 52
              user: smmsp
              interval: 1200
              uneven: false
              active: false
              detail: no cron daemon is running
              pid: null
              unit: null
              partial: false
              bound_to: null
              script: null
        queues:
          description:
            - The queues, under V(msp) and V(mta).
            - Of a queue of which nothing could be seen, because its directory is not known or cannot be read, C(errors) says why, and each number is V(none).
          type: dict
          contains:
            msp:
              description: The client queue.
              type: dict
              contains: &queue
                directories:
                  description: Queue directories, at most 20, as the configuration names them.
                  type: list
                  elements: dict
                  sample: [{"path": "/var/spool/mqueue-client", "group": "mqueue", "messages": 3, "split": false, "link": false}]
                directories_total:
                  description: Number of queue directories.
                  type: int
                messages:
                  description:
                    - Control files by state. V(total) is their sum.
                    - V(incomplete) ends early, because it is being written or was damaged; V(unreadable) is no control file or cannot be opened. Both are
                      there with O(level=totals) only.
                  type: dict
                  sample: {"total": 4, "queued": 3, "quarantined": 1, "lost": 0, "incomplete": 0, "unreadable": 0}
                delivering:
                  description: Messages that somebody has locked for writing now, V(none) where the system does not tell.
                  type: int
                vanished:
                  description: Messages that left the queue while it was read.
                  type: int
                recipients:
                  description: Recipients that V(queued) messages still wait for.
                  returned: when O(level=totals)
                  type: int
                bytes:
                  description: Size of the bodies of V(queued) messages.
                  returned: when O(level=totals)
                  type: int
                oldest_age:
                  description: Age of the oldest V(queued) message in seconds, V(none) when there is none.
                  type: int
                never_tried:
                  description: V(queued) messages without any delivery attempt.
                  returned: when O(level=totals)
                  type: int
                last_attempt_age:
                  description: Seconds since a V(queued) message was last tried.
                  returned: when O(level=totals)
                  type: int
                untried_age:
                  description: Seconds since the V(queued) message that waits longest for an attempt was tried, or came if it never was.
                  returned: when O(level=totals)
                  type: int
                ages:
                  description: V(queued) messages by age. The key is an upper bound in minutes, as in C(qshape).
                  type: dict
                  sample: {"5": 1, "10": 0, "20": 0, "40": 2, "80": 0, "160": 0, "320": 0, "640": 0, "1280": 0, "1280+": 0}
                debris:
                  description: Files that belong to no deliverable message, by kind.
                  type: dict
                  sample: {"data_without_control": 0, "control_without_data": 0, "temporary": 0, "pushed_aside": 0, "transcript": 0, "foreign": 0, "special": 0}
                top:
                  description: The ten heaviest of each kind among V(queued) messages.
                  returned: when O(level=totals)
                  type: dict
                  contains:
                    reasons:
                      description: Classes of deferral reasons with an example of the text.
                      type: list
                      elements: dict
                      sample: [{"reason": "connection_refused", "messages": 3, "example": "Deferred: Connection refused by [127.0.0.1]"}]
                    domains:
                      description: Domains of waiting recipients.
                      type: list
                      elements: dict
                      sample: [{"domain": "example.org", "recipients": 3}]
                    senders:
                      description: Envelope senders.
                      type: list
                      elements: dict
                      sample: [{"sender": "root", "messages": 3}]
                    users:
                      description: Local users who submitted the message.
                      type: list
                      elements: dict
                      sample: [{"user": "root", "messages": 3}]
                    cut:
                      description: Whether there were so many different names that the rarest were dropped while counting.
                      type: bool
                errors:
                  description: Files and directories that could not be read, the first ten.
                  type: list
                  elements: dict
                  sample: [{"path": "/var/spool/mqueue-client/qf6ANFSGsD000240", "error": "it is not a regular file"}]
                errors_cut:
                  description: How many more there were.
                  type: int
            mta:
              description: The queue of the MTA.
              type: dict
              contains: *queue
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mailops.sendmail.plugins.module_utils import _look, _readcf, _services, _summary, _text


def main():
    module = AnsibleModule(
        argument_spec=dict(_look.OPTIONS, level=dict(type='str', choices=['totals', 'summary'], default='totals')),
        supports_check_mode=True)
    _text.answer(module, lambda: {'ansible_facts': {'sendmail_queue': _summary.told(_summary.facts(
        _readcf.judged(_services.served(_look.look('program', module.params['queue'], module.params['queue_directories']))), module.params['level']))}})


if __name__ == '__main__':
    main()
