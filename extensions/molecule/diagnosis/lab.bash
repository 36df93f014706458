# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# On a test host: make one fault of the client queue, or return to health. Sourced by the steps of faults.yml.

set -eu
Q=/var/spool/mqueue-client
M=/var/spool/mqueue
sendmail=/usr/sbin/sendmail

# The daemon as Debian starts it, without the seconds that the init script sleeps, and without the queue run that it begins.
mta_start() {
    "$sendmail" -L sm-mta -bd -q1h "$@"
    within 30 greets "${at:-127.0.0.1}"
}
within() { # SECONDS COMMAND...: wait until it succeeds; the seconds are those of a quiet machine, and a busy one gets ten times as many
    local end=$((SECONDS + 10 * $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || { echo "this did not come true: $*" >&2; return 1; }
        sleep 0.1
    done
}
silent() { ! greets "$1"; }
greets() { timeout 2 bash -c "exec 3<>/dev/tcp/$1/25 && head -c 3 <&3 | grep -q 220" 2>/dev/null; }
mta_stop() {
    pkill -KILL -f '^(sendmail: MTA|/usr/sbin/sendmail -L sm-mta)' || true
    rm -f /run/sendmail/mta/sendmail.pid
    within 30 sh -c "! pgrep -f '^sendmail: MTA' >/dev/null"
    # A child that has just been forked still has the socket: who connects then gets a reset instead of a refusal.
    within 30 sh -c "! ss -Hltnp 'sport = :25' | grep -q sendmail"
}
# submit COUNT [RECIPIENT [OPTION...]]: as alice, who does not see what becomes of it.
submit() {
    local count=$1 to=${2:-bob}
    shift "$(($# < 2 ? $# : 2))"
    for _ in $(seq "$count"); do
        printf 'Subject: test\n\nbody\n' | runuser -u alice -- "$sendmail" -i "$@" "$to" >/dev/null 2>&1 || true
    done
}
# A message that waits because nobody answered; then the MTA is back.
stuck() {
    mta_stop
    submit "${1:-1}"
    [ -n "$(ls $Q)" ]
}
first() { (cd "$1" && ls -- qf* | head -n 1 | cut -c3-); }
# edit ID SED-SCRIPT: change a control file in place, owner and inode kept.
edit() { sed "$2" "$Q/qf$1" >/root/edited && cat /root/edited >"$Q/qf$1"; }
# peer ADDRESS [GREETING]: another program takes port 25 there, and says nothing or this.
peer() {
    mta_stop
    cat >/root/peer.py <<'END'
import socket, sys
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind((sys.argv[1], 25))
listener.listen(5)
kept = []
while True:
    kept.append(listener.accept()[0])
    if sys.argv[2:]:
        kept.pop().sendall(sys.argv[2].encode() + b"\r\n")
END
    cat >/etc/systemd/system/other-mta.service <<END
[Service]
ExecStart=python3 /root/peer.py "$1"${2:+ "$2"}
[Install]
WantedBy=multi-user.target
END
    systemctl daemon-reload
    systemctl start other-mta
    within 30 connects "$1"
}
connects() { bash -c "exec 3<>/dev/tcp/$1/25" 2>/dev/null; }
# A queue run that hangs on a relay that says nothing, begun as long ago as the clock of the kernel is made to say.
hang() {
    peer 127.0.0.8
    mta_start
    sed 's/^D{MTAHost}.*/D{MTAHost}[127.0.0.8]/' /etc/mail/submit.cf >/root/hang.cf
    setsid -f "$sendmail" -C/root/hang.cf -Ac -qf >/dev/null 2>&1 </dev/null
    within 30 pgrep -f 'sendmail: MSP: .*127.0.0.8' >/dev/null
    awk -v old="$1" '/^btime/ { $2 -= old } { print }' /proc/stat >/root/stat
    mount --bind /root/stat /proc/stat
}
load() {
    echo "$1 $1 $1 1/100 1000" >/root/loadavg
    mount --bind /root/loadavg /proc/loadavg
}
# /etc/hosts and /etc/resolv.conf are mounts in a container: they can be written, not replaced.
forget_own_name() { grep -v example.test /root/hosts >/etc/hosts; }
resolver() { printf '%s\n' "$@" >/etc/resolv.conf; }
tmpfs_on() { # DIRECTORY SIZE: with what is in it, and its owner and mode
    mkdir -p /root/kept && rm -rf /root/kept/* && cp -a "$1/." /root/kept/
    mount -t tmpfs -o "size=$2,mode=$(stat -c %a "$1"),uid=$(stat -c %u "$1"),gid=$(stat -c %g "$1")" tmpfs "$1"
    cp -a /root/kept/. "$1/"
}

# Before the first fault: keep what health is. Cron's own run of the queue must not come in between.
keep_health() {
    sed -i -E 's#^[^#]*(smmsp.*cron-msp)#7 3 * * *\t\1#' /etc/cron.d/sendmail
    cp -a /etc/mail /root/etc-mail
    cp -a /etc/resolv.conf /root/resolv.conf
    cp -a /etc/hosts /root/hosts
    cp -a /etc/hosts.allow /etc/hosts.deny /root/
    cp -a /etc/passwd /root/passwd
    cp -a /etc/cron.d/sendmail /root/cron-sendmail
    cp -a /usr/libexec/sendmail/sendmail /root/sendmail-binary
    hostname >/root/hostname
}
health() {
    if [ -e /etc/systemd/system/other-mta.service ]; then
        systemctl stop other-mta
        rm -f /etc/systemd/system/other-mta.service /etc/systemd/system/*/other-mta.service
        systemctl daemon-reload
    fi
    pkill -KILL -f '^sendmail: (MSP: )?\./' || true
    iptables -F
    umount /proc/stat $Q $M 2>/dev/null || true
    # The first is that of every test host (tests/hosts/enter).
    while [ "$(grep -c ' /proc/loadavg ' /proc/self/mounts)" -gt 1 ]; do umount /proc/loadavg; done
    mount -o remount,rw $Q 2>/dev/null || true
    hostname "$(cat /root/hostname)"
    cat /root/resolv.conf >/etc/resolv.conf
    cat /root/hosts >/etc/hosts
    cat /root/passwd >/etc/passwd
    cp -a /root/hosts.allow /root/hosts.deny /etc/
    [ ! -e /root/sendmail-link ] || mv -f /root/sendmail-link /usr/sbin/sendmail
    cp -a /root/etc-mail/. /etc/mail/
    cp -a /root/cron-sendmail /etc/cron.d/sendmail
    rm -f /etc/systemd/system/sendmail.service /home/*/dead.letter /root/dead.letter /var/lib/sendmail/dead.letter
    rm -f /etc/cron.d/second
    pkill -KILL -f '^sendmail: .*Queue runner@' || true
    chown smmta:smmsp /etc/mail && chmod 2755 /etc/mail
    mkdir -p $Q $M
    chown smmta:smmsp $M && chmod 2750 $M
    chown smmsp:smmsp $Q && chmod 2770 $Q
    chown root:smmsp /usr/libexec/sendmail/sendmail && chmod 2755 /usr/libexec/sendmail/sendmail
    find $Q $M -mindepth 1 -delete
    systemctl is-active --quiet cron || systemctl start cron
    mta_stop
    mta_start
}
