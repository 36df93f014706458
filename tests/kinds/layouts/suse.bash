#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Lay openSUSE's arrangement over the Sendmail of an upstream host, as its sendmail.spec has it: the submission program runs as mail, the
# MTA's file is /etc/sendmail.cf, and a path unit starts the runner once something lies in the client queue. The text of the units is ours.

set -euo pipefail
rm -f /etc/os-release
printf 'ID="opensuse-leap"\nID_LIKE="suse opensuse"\nVERSION_ID="15.6"\nPRETTY_NAME="laid out like openSUSE"\n' >/etc/os-release
chown root:mail /usr/sbin/sendmail /var/spool/clientmqueue
chmod 2555 /usr/sbin/sendmail
chmod 0770 /var/spool/clientmqueue
chown mail:mail /var/spool/clientmqueue/sm-client.st
chmod 0660 /var/spool/clientmqueue/sm-client.st
userdel smmsp 2>/dev/null || true
groupdel smmsp 2>/dev/null || true
sed -i -E 's/^O (RunAsUser|TrustedUser)=.*/O \1=mail/' /etc/mail/submit.cf
mkdir -p /var/lib/sendmail /etc/sysconfig /etc/mail/system /usr/lib/sendmail.d
mv /etc/mail/statistics /var/lib/sendmail/statistics
sed 's|^O StatusFile=.*|O StatusFile=/var/lib/sendmail/statistics|' /etc/mail/sendmail.cf >/etc/sendmail.cf
rm /etc/mail/sendmail.cf
# The program of the package looks there; ours was built with /etc/mail.
ln -s ../sendmail.cf /etc/mail/sendmail.cf
chown root:root /etc/mail/submit.cf /etc/sendmail.cf /var/lib/sendmail/statistics
chmod 0644 /etc/mail/submit.cf /etc/sendmail.cf
printf '#!/bin/sh\nexit 0\n' >/usr/lib/sendmail.d/update
chmod 755 /usr/lib/sendmail.d/update
printf 'MAIL_CREATE_CONFIG="yes"\n' >/etc/sysconfig/mail
printf 'SENDMAIL_ARGS="-L sendmail -Am -bd -q30m -om"\nSENDMAIL_CLIENT_ARGS="-L sendmail-client -Ac -qp30m"\n' >/etc/sysconfig/sendmail
cat >/usr/lib/systemd/system/sendmail.service <<'UNIT'
[Unit]
Description=MTA
After=network.target
[Service]
Type=forking
PIDFile=/run/sendmail.pid
Environment="SENDMAIL_ARGS=-L sendmail -Am -bd -q30m -om"
EnvironmentFile=-/etc/sysconfig/mail
EnvironmentFile=-/etc/sysconfig/sendmail
ExecStart=/usr/sbin/sendmail $SENDMAIL_ARGS
[Install]
WantedBy=multi-user.target
Also=sendmail-client.path
UNIT
cat >/usr/lib/systemd/system/sendmail-client.service <<'UNIT'
[Unit]
Description=Queue runner of the submission program
Requires=sendmail.service
After=sendmail.service
ConditionDirectoryNotEmpty=|/var/spool/clientmqueue
[Service]
ProtectSystem=full
Type=forking
Restart=on-success
PIDFile=/var/spool/clientmqueue/sm-client.pid
Environment="SENDMAIL_CLIENT_ARGS=-L sendmail-client -Ac -qp30m"
EnvironmentFile=-/etc/sysconfig/mail
EnvironmentFile=-/etc/sysconfig/sendmail
ExecStart=/usr/sbin/sendmail $SENDMAIL_CLIENT_ARGS
[Install]
WantedBy=multi-user.target
UNIT
cat >/usr/lib/systemd/system/sendmail-client.path <<'UNIT'
[Unit]
Description=Watches the client queue
[Path]
DirectoryNotEmpty=/var/spool/clientmqueue
[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --quiet sendmail.service sendmail-client.path
systemctl start sendmail.service sendmail-client.path
