#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A hub takes mail for its own users from everybody, on both ports.

set -euo pipefail
sed -i 's/^O DaemonPortOptions=.*//' /etc/mail/sendmail.cf
printf 'O DaemonPortOptions=Family=inet, Name=MTA-v4, Port=smtp\nO DaemonPortOptions=Family=inet, Name=MSP-v4, Port=submission, M=E\n' >/tmp/options
sed -i '/^# SMTP daemon options/r /tmp/options' /etc/mail/sendmail.cf
printf 'localhost\nhub.example.test\n%s\n' "$(hostname -f)" >/etc/mail/local-host-names
# The story connects more often than Debian lets one client: ten times a minute.
sed -i '/^GreetPause:\t/d; /^ClientRate:\t/d; /^ClientConn:\t/d' /etc/mail/access
makemap hash /etc/mail/access </etc/mail/access
systemctl restart sendmail
