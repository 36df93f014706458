#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# null RELAY [PORT]: a Debian host that submits to a hub and has no MTA of its own.

set -euo pipefail
systemctl -q disable --now sendmail
sed -i "s/^D{MTAHost}.*/D{MTAHost}$1/" /etc/mail/submit.cf
[ $# = 1 ] || sed -i "s/A=TCP \\\$h\$/A=TCP \$h $2/" /etc/mail/submit.cf
