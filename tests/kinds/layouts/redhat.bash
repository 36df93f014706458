#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Lay Red Hat's arrangement over the Sendmail of an upstream host, as sendmail.spec of el9 has it: the program beside alternatives, both
# units, one SENDMAIL_OPTS for both, pid and statistics files, owners and modes. What its units do is theirs, their text is ours.

set -euo pipefail
printf 'ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.5"\nPRETTY_NAME="laid out like Red Hat"\n' >/etc/os-release.new
rm -f /etc/os-release
mv /etc/os-release.new /etc/os-release
mv /usr/sbin/sendmail /usr/sbin/sendmail.sendmail
chmod 2755 /usr/sbin/sendmail.sendmail
update-alternatives --quiet --install /usr/sbin/sendmail mta /usr/sbin/sendmail.sendmail 90
usermod -d /var/spool/mqueue smmsp
chgrp mail /var/spool/mqueue
mkdir -p /var/log/mail /etc/sysconfig
mv /etc/mail/statistics /var/log/mail/statistics
chgrp root /var/log/mail/statistics
chmod 0660 /var/spool/clientmqueue/sm-client.st
sed -i 's|^O StatusFile=.*|O StatusFile=/var/log/mail/statistics|' /etc/mail/sendmail.cf
sed -i 's|^O PidFile=.*|O PidFile=/run/sm-client.pid|' /etc/mail/submit.cf
chown root:root /etc/mail/*.cf
chmod 0644 /etc/mail/*.cf
printf '#!/bin/sh\nexit 0\n' >/etc/mail/make
chmod 755 /etc/mail/make
echo 'SENDMAIL_OPTS="-q1h"' >/etc/sysconfig/sendmail
cat >/usr/lib/systemd/system/sendmail.service <<'UNIT'
[Unit]
Description=MTA
After=network.target
Wants=sm-client.service
[Service]
Type=forking
PIDFile=/run/sendmail.pid
Environment=SENDMAIL_OPTS=-q1h
EnvironmentFile=-/etc/sysconfig/sendmail
ExecStartPre=-/etc/mail/make
ExecStart=/usr/sbin/sendmail -bd $SENDMAIL_OPTS $SENDMAIL_OPTARG
[Install]
WantedBy=multi-user.target
Also=sm-client.service
UNIT
cat >/usr/lib/systemd/system/sm-client.service <<'UNIT'
[Unit]
Description=Queue runner of the submission program
After=network.target sendmail.service
BindTo=sendmail.service
[Service]
Type=forking
PIDFile=/run/sm-client.pid
Environment=SENDMAIL_OPTS=-q1h
EnvironmentFile=-/etc/sysconfig/sendmail
ExecStartPre=/bin/touch /run/sm-client.pid
ExecStartPre=/bin/chown smmsp:smmsp /run/sm-client.pid
ExecStartPre=-/etc/mail/make
ExecStart=/usr/sbin/sendmail -L sm-msp-queue -Ac $SENDMAIL_OPTS $SENDMAIL_OPTARG
[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --quiet sendmail.service
systemctl start sendmail.service
