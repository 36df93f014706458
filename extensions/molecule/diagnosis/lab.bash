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
# peer ADDRESS MODE [TEXT]: another program takes port 25 there, see peer.py; "in hub" in front puts it on another host.
peer() {
    mta_stop
    other "" "$@"
    within 30 connects "$1"
}
other() { # [COMMAND] ADDRESS MODE [TEXT]
    local in=$1 text=${4:-}
    shift
    cat >/etc/systemd/system/other-mta.service <<END
[Unit]
StartLimitIntervalSec=0
[Service]
ExecStart=$in /usr/bin/python3 /root/peer.py "$1" $2 "$text"
[Install]
WantedBy=multi-user.target
END
    systemctl daemon-reload
    systemctl restart other-mta
}
# hub [MODE [TEXT]]: another host, 198.51.100.2, which is the relay of submit.cf now; without a mode nothing listens there.
hub() {
    ip netns add hub
    ip link add hub0 type veth peer name eth0 netns hub
    ip address add 198.51.100.1/24 dev hub0
    ip link set hub0 up
    ip -n hub address add 198.51.100.2/24 dev eth0
    ip -n hub link set eth0 up
    relay "[198.51.100.2]"
    [ $# -eq 0 ] || { other "$(command -v ip) netns exec hub" 198.51.100.2 "$@"; within 30 connects 198.51.100.2; }
}
# own_line WORDS: a line of cron with these behind its schedule is all that runs the client queue.
own_line() {
    sed -i 's/^MSP_MODE=.*/MSP_MODE="None";/' /etc/mail/sendmail.conf
    rm /etc/cron.d/sendmail
    echo "*/20 * * * * $1" >/etc/cron.d/second
}
relay() { sed -i "s/^D{MTAHost}.*/D{MTAHost}$1/" /etc/mail/submit.cf; }
# A server with a certificate, and options that may break the handshake.
tls() {
    # Debian's own key is for a group too, which Sendmail refuses unless it is told not to.
    install -m 600 /etc/mail/tls/sendmail-common.key /root/tls.key
    {
        printf 'O CACertFile=%s\n' /etc/mail/tls/sendmail-server.crt
        printf 'O CACertPath=/etc/ssl/certs\nO ServerCertFile=%s\n' /etc/mail/tls/sendmail-server.crt
        printf 'O ServerKeyFile=%s\n' /root/tls.key
        [ $# -eq 0 ] || printf 'O %s\n' "$@"
    } >>/etc/mail/sendmail.cf
}
# certificate DAYS: the MTA has one for that long, which the client trusts; no days have passed as soon as it is made.
certificate() {
    openssl req -new -newkey rsa:2048 -nodes -keyout /root/own.key -out /root/own.csr -subj /CN=own 2>/root/openssl.log
    openssl x509 -req -in /root/own.csr -signkey /root/own.key -days "$1" -out /root/own.crt 2>>/root/openssl.log
    chmod 600 /root/own.key
    printf 'O %s\n' ServerCertFile=/root/own.crt ServerKeyFile=/root/own.key CACertFile=/root/own.crt CACertPath=/etc/ssl/certs >>/etc/mail/sendmail.cf
    install -m 644 /root/own.crt /etc/mail/own.crt
    printf 'O %s\n' CACertFile=/etc/mail/own.crt CACertPath=/etc/ssl/certs >>/etc/mail/submit.cf
}
# The client wants a certificate that proves who the server is, in the words of cf/m4/proto.m4.
verify() {
    sed -i '/^STLS_connection/a ROK\t$@ OK\nRFAIL\t$#error $@ 4.7.1 $: "403 authentication failed"\nRNONE\t$#error $@ 4.7.1 $: "403 other side does not support STARTTLS"' /etc/mail/submit.cf
}
# hold COUNT: that many connections to the MTA, until health.
hold() {
    systemd-run -q --unit=held python3 -c "
import socket, time
kept = []
while len(kept) < $1:
    try:
        kept.append(socket.create_connection(('127.0.0.1', 25)))
    except OSError:
        time.sleep(0.1)
time.sleep(600)"
    within 60 sh -c "[ \$(ss -Htnp state established 'dport = :25' | grep -c python3) = $1 ]"
}
# One message for each class of statuses that a server can make: the recipient is called like the class that the status must have.
classes() {
    relay "[127.0.0.8]"
    while read -r class mode text; do
        peer 127.0.0.8 "$mode" "$text"
        submit 1 "$class"
    done <<END
connection_lost accept-close
connection_lost accept-reset
connection_lost garbage
connection_lost ehlo-reset
connection_lost mail-close
connection_lost rcpt-close
connection_lost data-close
connection_lost dot-close
sender_domain mail-reply 451 4.1.8 Domain of sender address a@nosuch.invalid does not resolve
mta_disk_full mail-reply 452 4.4.5 Insufficient disk space; try again later
mta_disk_full mail-reply 452 4.3.1 Insufficient system storage
mta_queue dot-reply 421 4.3.0 collect: Cannot write ./dfX (bfcommit, uid=0, gid=104): No such file or directory
limit greeting 421 4.3.2 Connection rate limit exceeded.
limit rcpt-reply 452 4.5.3 Too many recipients
milter mail-reply 451 4.3.2 Please try again later
map_lookup rcpt-reply 451 4.3.0 Temporary system failure. Please try again later.
auth mail-reply 454 4.7.0 Temporary authentication failure
mailbox rcpt-reply 452 4.2.2 Mailbox full
temporary_reply rcpt-reply 450 4.7.1 Greylisting in action, please come back later
temporary_reply rcpt-reply 450 4.7.1 Connection refused by policy
END
    peer 127.0.0.7 ok
    submit 1 connection_refused
    iptables -I OUTPUT -d 127.0.0.8 -p tcp --dport 25 -j DROP
    submit 1 connection_timeout
    iptables -F
    iptables -I OUTPUT -d 127.0.0.8 -p tcp --dport 25 -j REJECT --reject-with icmp-host-prohibited
    submit 1 no_route
    iptables -F
    submit 1 never_tried -odq
    relay "[127.0.0.1]"
}
connects() { bash -c "exec 3<>/dev/tcp/$1/25" 2>/dev/null; }
# A queue run that hangs on a relay that says nothing, begun as long ago as the clock of the kernel is made to say.
hang() {
    peer 127.0.0.8 silent
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
    stat -c %U:%G $M >/root/mqueue-owner
}
health() {
    if [ -e /etc/systemd/system/other-mta.service ]; then
        systemctl stop other-mta
        rm -f /etc/systemd/system/other-mta.service /etc/systemd/system/*/other-mta.service
        systemctl daemon-reload
    fi
    pkill -KILL -f '^sendmail: (MSP: )?\./' || true
    systemctl stop held 2>/dev/null || true
    systemctl reset-failed held 2>/dev/null || true
    ip netns delete hub 2>/dev/null || true
    ip link delete hub0 2>/dev/null || true
    ip link set lo up
    iptables -F
    umount /proc/stat $Q $M /usr/libexec/sendmail /var/mail 2>/dev/null || true
    chmod 644 /usr/lib/*/libdb-*.so
    [ ! -e /root/lockfile-create ] || mv /root/lockfile-create /usr/bin/
    # The first is that of every test host (tests/hosts/enter).
    while [ "$(grep -c ' /proc/loadavg ' /proc/self/mounts)" -gt 1 ]; do umount /proc/loadavg; done
    mount -o remount,rw $Q 2>/dev/null || true
    hostname "$(cat /root/hostname)"
    cat /root/resolv.conf >/etc/resolv.conf
    cat /root/hosts >/etc/hosts
    cat /root/passwd >/etc/passwd
    chage -d 20000 smmsp
    chmod 2775 /run/sendmail/stampdir
    cp -a /root/hosts.allow /root/hosts.deny /etc/
    [ ! -e /root/sendmail-link ] || mv -f /root/sendmail-link /usr/sbin/sendmail
    cp -a /root/etc-mail/. /etc/mail/
    cp -a /root/cron-sendmail /etc/cron.d/sendmail
    rm -f /etc/systemd/system/sendmail.service /home/*/dead.letter /root/dead.letter /var/lib/sendmail/dead.letter
    rm -f /etc/cron.d/second /root/run /var/log/runs
    sed -i /pam_access/d /etc/pam.d/cron
    sed -i /^-:smmsp/d /etc/security/access.conf
    pkill -KILL -f '^sendmail: .*Queue runner@' || true
    chown smmta:smmsp /etc/mail && chmod 2755 /etc/mail
    for place in $Q $M; do [ ! -L $place ] || rm $place; done
    mkdir -p $Q $M
    chown "$(cat /root/mqueue-owner)" $M && chmod 2750 $M
    chown smmsp:smmsp $Q && chmod 2770 $Q
    chown root:smmsp /usr/libexec/sendmail/sendmail && chmod 2755 /usr/libexec/sendmail/sendmail
    find $Q $M -mindepth 1 -delete
    systemctl is-active --quiet cron || systemctl start cron
    mta_stop
    mta_start
}
