# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is true on a host that had no Sendmail, and no cron, after the playbook; also after everything was broken."""
import re
import uuid

GREET = "import socket; s = socket.create_connection(('127.0.0.1', 25), 5); print(s.recv(999).decode()); s.sendall(b'QUIT\\r\\n'); s.recv(99)"


def test_the_mta_answers_and_starts_at_boot(host):
    assert "ESMTP Sendmail" in host.check_output("python3 -c %s", GREET)
    assert host.run("systemctl is-enabled sendmail").rc == 0


def test_an_ordinary_user_can_submit_and_it_arrives(host):
    mark = "probe-%s" % uuid.uuid4()
    submitted = host.run("printf 'Subject: %s\\n\\nbody\\n' | setpriv --reuid 65534 --regid 65534 --clear-groups /usr/sbin/sendmail -i root", mark)
    assert submitted.rc == 0 and not submitted.stderr
    assert host.run("timeout 300 sh -c 'until grep -qs %s /var/mail/*; do sleep 0.2; done'", mark).rc == 0


def test_one_process_runs_the_queue_every_half_hour(host):
    """There is no cron on these hosts, so it is Debian's other way."""
    assert re.findall(r"Queue runner@(\S+)", host.check_output("ps axo args= | grep '[Q]ueue runner@'")) == ["00:30:00"]
    conf = host.file("/etc/mail/sendmail.conf").content_string
    assert re.findall(r"(?m)^MSP_INTERVAL=.*", conf) == ['MSP_INTERVAL="30m";']
    assert set(re.findall(r"(?m)^MSP_MODE=.*", conf)) == {'MSP_MODE="Daemon";'}


def test_owners_and_modes(host):
    queue = host.file("/var/spool/mqueue-client")
    assert (queue.user, queue.group, queue.mode) == ("smmsp", "smmsp", 0o2770)
    binary = host.file("/usr/libexec/sendmail/sendmail")
    assert (binary.user, binary.group, binary.mode) == ("root", "smmsp", 0o2755)
