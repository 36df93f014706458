#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Lay the arrangement of Red Hat 6 over the Sendmail of an upstream host whose init is sysvinit, as sendmail.spec and sendmail.init of el6
# have it: one script and one file of settings for both daemons. No os-release, as there. What the script does is theirs, its text is ours.

set -euo pipefail
rm -f /etc/os-release /usr/lib/os-release
mv /usr/sbin/sendmail /usr/sbin/sendmail.sendmail
chmod 2755 /usr/sbin/sendmail.sendmail
update-alternatives --quiet --install /usr/sbin/sendmail mta /usr/sbin/sendmail.sendmail 90
usermod -d /var/spool/mqueue smmsp
chgrp mail /var/spool/mqueue
mkdir -p /var/log/mail /var/lock/subsys /etc/sysconfig /etc/rc.d/init.d
mv /etc/mail/statistics /var/log/mail/statistics
chgrp root /var/log/mail/statistics
chmod 0660 /var/spool/clientmqueue/sm-client.st
sed -i 's|^O StatusFile=.*|O StatusFile=/var/log/mail/statistics|' /etc/mail/sendmail.cf
sed -i 's|^O PidFile=.*|O PidFile=/var/run/sm-client.pid|' /etc/mail/submit.cf
chown root:root /etc/mail/*.cf
chmod 0644 /etc/mail/*.cf
printf 'DAEMON=yes\nQUEUE=1h\n' >/etc/sysconfig/sendmail
cat >/etc/rc.d/init.d/sendmail <<'SCRIPT'
#!/bin/bash
### BEGIN INIT INFO
# Provides: sendmail
# Required-Start: $local_fs $network
# Required-Stop: $local_fs $network
# Default-Start: 2 3 4 5
# Default-Stop: 0 1 6
# Short-Description: MTA
### END INIT INFO
pid_of() { head -n 1 "/var/run/$1.pid" 2>/dev/null; }
alive() { local pid; pid=$(pid_of "$1") && [ -n "$pid" ] && [ -d "/proc/$pid" ]; }
# Of initscripts: TERM, a few seconds later KILL, and the pid file goes.
end() {
    local pid times
    if alive "$1"; then
        pid=$(pid_of "$1")
        kill "$pid"
        for times in 1 2 3 4 5; do [ ! -d "/proc/$pid" ] || sleep 1; done
        [ ! -d "/proc/$pid" ] || kill -KILL "$pid"
    fi
    rm -f "/var/run/$1.pid"
}
if [ -f /etc/sysconfig/sendmail ]; then . /etc/sysconfig/sendmail; else DAEMON=no; QUEUE=1h; fi
SMQUEUE=${SMQUEUE:-${QUEUE:-1h}}
start() {
    local bad=0
    alive sendmail || /usr/sbin/sendmail $([ "$DAEMON" != yes ] || echo -bd) ${QUEUE:+-q$QUEUE} $SENDMAIL_OPTARG || bad=1
    # A pid file that is left over keeps it from starting the runner.
    if [ ! -f /var/run/sm-client.pid ]; then
        touch /var/run/sm-client.pid
        chown smmsp:smmsp /var/run/sm-client.pid
        /usr/sbin/sendmail -L sm-msp-queue -Ac -q$SMQUEUE $SENDMAIL_OPTARG || bad=1
    fi
    return $bad
}
stop() { [ ! -f /var/run/sm-client.pid ] || end sm-client; end sendmail; }
alive sendmail || alive sm-client
running=$?
case $1 in
    start) [ $running -eq 0 ] || start ;;
    stop) [ $running -ne 0 ] || stop ;;
    restart) stop; start ;;
    condrestart) [ $running -ne 0 ] || { stop; start; } ;;
    status) alive sendmail && alive sm-client ;;
    *) exit 2 ;;
esac
SCRIPT
chmod 755 /etc/rc.d/init.d/sendmail
ln -s ../rc.d/init.d/sendmail /etc/init.d/sendmail
update-rc.d sendmail defaults
/etc/init.d/sendmail start
