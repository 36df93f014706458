#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# unknown PLACE [NAME]: a distribution that no table knows, and a Sendmail that lives in PLACE, with nothing of it in /usr/sbin. NAME is a link to it.

set -euo pipefail
place=$1
rm -f /etc/os-release
printf 'ID="nowhere"\nPRETTY_NAME="a distribution that nobody knows"\n' >/etc/os-release
mkdir -p "$place"
mv /usr/sbin/sendmail "$place/sendmail"
find /usr/bin /usr/sbin /usr/lib -lname '*sbin/sendmail' -exec ln -sfn "$place/sendmail" {} \;
[ $# = 1 ] || ln -sfn "$place/sendmail" "$2"
"$place/sendmail" -L sm-mta -bd -q1h
"$place/sendmail" -L sm-msp-queue -Ac -q1h
