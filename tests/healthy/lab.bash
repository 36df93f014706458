# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What the kinds of kinds.yml are made with. Sourced on the host, never run.
# shellcheck shell=bash

set -euo pipefail
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
mail=/etc/mail own=$(hostname -f)

connects() { timeout 5 bash -c "exec 3<>/dev/tcp/$1/${2:-25}" 2>/dev/null; }
within() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || { echo "not within its time: $*" >&2; return 1; }
        sleep 0.2
    done
}
packages() { apt-get -qq update && apt-get -qq --yes --no-install-recommends install "$@" >/dev/null 2>&1; }
refresh() { for name in sendmail submit; do m4 $mail/$name.mc >$mail/$name.cf; done; }
start() { systemctl restart sendmail; }
stop() { systemctl stop sendmail; }

# Lines for sendmail.mc, in front of its mailers, and for the end of submit.mc.
mta() {
    printf '%s\n' "$@" >/root/lines
    awk 'FNR == NR {lines = lines $0 "\n"; next} /^MAILER_DEFINITIONS/ {printf "%s", lines} {print}' /root/lines $mail/sendmail.mc >/root/mc
    cat /root/mc >$mail/sendmail.mc
    refresh
}
msp() { printf '%s\n' "$@" >>$mail/submit.mc; refresh; }
# Where the MTA listens, one argument for each socket.
listen() {
    sed -i '/^DAEMON_OPTIONS/d' $mail/sendmail.mc
    mta "${@/*/DAEMON_OPTIONS(\`&\')dnl}"
}
# relay HOST [PORT]: msp.m4 itself knows no port but that of the MSA.
relay() {
    sed -i "s/^FEATURE(.msp.*/define(\`RELAY_MAILER_ARGS', \`TCP \$h ${2:-25}')dnl\nFEATURE(\`msp', \`$1')dnl/" $mail/submit.mc
    refresh
}
# Ten looks and two submissions in a minute are more than Debian lets other addresses than 127.0.0.1 do.
unlimited() { sed -i '/^GreetPause:\t/d; /^ClientRate:\t/d; /^ClientConn:\t/d' $mail/access; makemap hash $mail/access <$mail/access; }
# setting NAME VALUE of sendmail.conf, which is in force at once.
setting() { sed -i "s/^$1=.*/$1=\"$2\";/" $mail/sendmail.conf; /usr/share/sendmail/update_sys >/dev/null 2>&1 || true; }
no_cron_line() { setting MSP_MODE None; rm -f /etc/cron.d/sendmail; }
load() { echo "$1 $1 $1 1/100 1000" >/root/load; mount --bind /root/load /proc/loadavg; }
# unit NAME LINE...: a unit of systemd.
unit() { local name=$1; shift; printf '%s\n' "$@" >"/etc/systemd/system/$name"; systemctl daemon-reload; }
