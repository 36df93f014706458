#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Lay Gentoo's arrangement over the Sendmail of an upstream host whose init is OpenRC, as the ebuilds of mail-mta/sendmail have it: one
# script and one conf.d for both daemons. What the script does is theirs, its text is ours.

set -euo pipefail
rm -f /etc/os-release
printf 'ID="gentoo"\nPRETTY_NAME="laid out like Gentoo"\n' >/etc/os-release
mkdir -p /var/db/pkg/mail-mta/sendmail-8.17.1.9 /etc/conf.d
chown root:root /etc/mail/*.cf
chmod 0644 /etc/mail/sendmail.cf
printf 'SENDMAIL_OPTS="-bd -q30m -L sm-mta"\nCLIENTMQUEUE_OPTS="-Ac -q1h -L sm-cm"\nKILL_OPTS=""\n' >/etc/conf.d/sendmail
cat >/etc/init.d/sendmail <<'SCRIPT'
#!/sbin/openrc-run
depend() {
    use net dns logger
    provide mta
}
start() {
    ebegin "Starting sendmail"
    /usr/sbin/sendmail $SENDMAIL_OPTS >/dev/null 2>&1
    /usr/sbin/sendmail $CLIENTMQUEUE_OPTS >/dev/null 2>&1
    eend $?
}
stop() {
    ebegin "Stopping sendmail"
    kill $KILL_OPTS $(head -n 1 /run/sendmail.pid)
    kill $KILL_OPTS $(head -n 1 /var/spool/clientmqueue/sm-client.pid)
    eend $?
}
SCRIPT
chmod 755 /etc/init.d/sendmail
rc-update -q add sendmail default
rc-service sendmail start
