# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This fragment is PRIVATE to the collection and may change at any time.

from __future__ import annotations


class ModuleDocFragment:
    # Which queues. A module with another default for O(queue) restates that one key.
    DOCUMENTATION = r"""
options:
  queue:
    description:
      - The queue to look at.
      - V(msp) is the queue of the mail submission program, which holds what local users and jobs submitted and the MTA has not
        accepted yet; it is often called the client queue.
      - V(mta) is the queue of the mail transfer agent, with its queue groups.
      - V(all) means both.
    type: str
    choices: [msp, mta, all]
    default: all
  queue_directories:
    description:
      - Read these directories instead of the ones that the configuration files name, for example an archived or copied spool.
      - A directory with C(qf), C(df) or C(xf) subdirectories is read as Sendmail reads it.
      - Without root the module looks into nothing else, and fails where the user may not look into one of them.
      - They are reported as the queue that O(queue) names, and as V(msp) when that is V(all).
    type: list
    elements: path
"""

    # Which messages in them.
    SELECT = r"""
options:
  select:
    description:
      - Which messages to take; all of them when it is not given or empty.
      - A message must satisfy every key that is given. Where a key is a list, one of its entries is enough; an empty list is refused.
    type: dict
    suboptions:
      ids:
        description: Queue ids, exactly as they stand in the records and in the logs.
        type: list
        elements: str
      senders:
        description:
          - Envelope senders, as shell patterns (C(*), C(?), C([...])) for the whole address, without regard to case.
          - The empty string or V(<>) is the null sender, which bounces have. An address may stand in angle brackets, as C(mailq) and logs show it.
        type: list
        elements: str
      recipients:
        description:
          - Addresses of recipients who still wait for the message, as shell patterns for the whole address, without regard to case.
          - One such recipient is enough.
        type: list
        elements: str
      domains:
        description:
          - Domains of recipients who still wait for the message, as shell patterns, without regard to case.
          - V(example.org) does not include its subdomains; V(*.example.org) is for those.
          - V((local\)) is for recipients without a domain, which no pattern matches.
        type: list
        elements: str
      older_than:
        description:
          - Only messages that were queued longer ago than this.
          - A number with one of the units C(s), C(m), C(h), C(d), C(w), or several of them together, such as V(36h) or V(1d12h). A bare number means
            seconds.
        type: str
      newer_than:
        description: Only messages that were queued more recently than this, written as O(select.older_than) is.
        type: str
      larger_than:
        description:
          - Only messages whose body file is larger than this.
          - Bytes, or a number with one of the units C(K), C(M), C(G), which count in steps of 1024, such as V(10M).
        type: str
      status:
        description:
          - A regular expression (Python) to be found in the status text of the message or of a recipient, without regard to case,
            such as V(connection refused).
        type: str
      reason:
        description:
          - Classes of the reason why the message waits, made from its status text.
          - V(tls) and V(auth) are about encryption and authentication, V(connection_lost) about a server that hangs up or says nothing, V(not_permitted)
            about a packet filter or a security module on this host, V(limit) about connection limits and rates, V(mta_queue) about an MTA that cannot
            write to its own queue, V(mailbox) about a local mailbox or program, and V(resources) about memory and files of this host.
          - V(warned) is for messages whose status only says that they have waited for long, V(temporary_reply) for any other reply of the server,
            V(never_tried) for messages that no queue run has tried yet, and V(other) for a text that fits no class.
        type: list
        elements: str
        choices:
          - connection_refused
          - connection_timeout
          - connection_lost
          - no_route
          - not_permitted
          - host_lookup
          - relay_lookup
          - sender_domain
          - tls
          - auth
          - limit
          - mta_disk_full
          - mta_queue
          - milter
          - map_lookup
          - alias_database
          - mailbox
          - loop
          - resources
          - temporary_reply
          - warned
          - never_tried
          - other
      states:
        description:
          - What the message is. V(queued) ones are waiting for delivery, V(quarantined) ones (C(hf)) and V(lost) ones (C(Qf)) are not tried by queue runs.
          - V(incomplete) means a control file that ends early, V(unreadable) one that cannot be read or is no control file at all.
        type: list
        elements: str
        choices: [queued, quarantined, lost, incomplete, unreadable]
"""

    # What belongs to no message.
    DEBRIS = r"""
options:
  queue:
    description:
      - The queue to search. V(msp) is the client queue, V(mta) the queue of the mail transfer agent, V(all) both.
    type: str
    choices: [msp, mta, all]
    default: all
  older_than:
    description:
      - Leave alone what has changed more recently than this. A body that is being received has no control file yet, and may take hours.
      - A number with one of the units C(s), C(m), C(h), C(d), C(w), or a number of seconds.
    type: str
    default: 1d
  kinds:
    description:
      - What to look for, everything by default. An empty list is refused.
      - V(data_without_control) is a data file (C(df)) without any control file, V(control_without_data) a control file whose data file is missing.
      - V(incomplete) is a control file that is empty or cut short. Its data file is moved with it.
      - V(temporary) is a C(tf) file left by a rewrite, for which a queue run waits 465 seconds, V(pushed_aside) a C(Tf) file, V(transcript) an C(xf)
        file without its message. The only complete control file of an id is never moved.
      - V(lost) is a C(Qf) file.
      - V(foreign) is a file without the name of a queue file, V(special) a link, FIFO or device with the name of one. Foreign files,
        other links, directories and sockets are only reported.
    type: list
    elements: str
    choices: [data_without_control, control_without_data, incomplete, temporary, pushed_aside, transcript, lost, foreign, special]
"""
