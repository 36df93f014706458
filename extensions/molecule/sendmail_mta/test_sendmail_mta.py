# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is true on every host after the role, whatever was broken before."""
import uuid

GREET = "import socket; s = socket.create_connection(('127.0.0.1', 25), 5); print(s.recv(999).decode()); s.sendall(b'QUIT\\r\\n'); s.recv(99)"


def test_sendmail_greets_where_submit_cf_hands_mail_to(host):
    assert "[127.0.0.1]" in host.file("/etc/mail/submit.cf").content_string
    greeting = host.check_output("python3 -c %s", GREET)
    assert greeting.startswith("220 ")
    assert "ESMTP Sendmail" in greeting


def test_one_daemon_and_it_is_younger_than_the_resolver(host):
    pids = host.check_output("pgrep -f '[M]TA: accepting connections'").split()
    assert len(pids) == 1
    age = int(host.check_output("ps -o etimes= -p %s", pids[0]))
    started = int(host.check_output("date +%s")) - age
    assert started + 1 >= int(host.check_output("stat -L -c %Y /etc/resolv.conf"))


def test_it_starts_at_boot(host):
    assert host.run("systemctl is-enabled sendmail").rc == 0
    assert not host.file("/etc/systemd/system/sendmail.service").exists


def test_the_name_belongs_to_sendmail(host):
    assert host.check_output("readlink -f /usr/sbin/sendmail") == "/usr/libexec/sendmail/sendmail"


def test_what_the_role_remembers_is_for_root_alone(host):
    """Whoever can write it decides whether the MTA is restarted."""
    assert host.check_output("stat -c '%a %U:%G' /run/mailops-sendmail-mta.json") == "600 root:root"


def test_mail_is_delivered(host):
    """All the way to a mailbox, which needs what Debian's sendmail-bin alone does not bring."""
    mark = "probe-%s" % uuid.uuid4()
    assert host.run("printf 'Subject: %s\\n\\nbody\\n' | /usr/sbin/sendmail -i root", mark).rc == 0
    assert host.run("timeout 300 sh -c 'until grep -qs %s /var/mail/*; do sleep 0.2; done'", mark).rc == 0
