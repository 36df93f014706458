# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Sendmail needs so that an ordinary user can submit mail, looked at from outside the collection. Each look takes a while: few of them."""

RIGHT = """\
root smmsp 2755 /usr/libexec/sendmail/sendmail
smmsp smmsp 2770 /var/spool/mqueue-client
smmta smmsp 2750 /var/spool/mqueue
smmta smmsp 2755 /etc/mail
root smmsp 644 /etc/mail/submit.cf
root smmsp 644 /etc/mail/sendmail.cf
"""


def test_owners_groups_and_modes(host):
    paths = [line.split()[3] for line in RIGHT.splitlines()]
    assert host.check_output("stat -c '%U %G %a %n' " + " ".join(paths)) + "\n" == RIGHT


def test_an_upgrade_keeps_the_mode(host):
    assert host.check_output("dpkg-statoverride --list /usr/libexec/sendmail/sendmail") == RIGHT.splitlines()[0]


def test_an_ordinary_user_submits(host):
    sent = host.run("printf 'Subject: t\n\nbody\n' | runuser -u nobody -- timeout 300 sendmail -i root")
    assert (sent.rc, sent.stdout, sent.stderr) == (0, "", "")


def test_sendmail_accepts_submit_cf_and_no_mail_was_lost(host):
    done = host.run("timeout 300 sendmail -Ac -bt </dev/null >/dev/null && find /var/spool/mqueue-client -name 'Qf*'")
    assert (done.rc, done.stdout) == (0, "")
