# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# On a test host: make the damage that controls are about. Sourced by the steps of damages.yml.

# shellcheck source=../diagnosis/lab.bash
. /root/lab.bash

# A host on which every control passes: a runner that does not come in the middle of the test, and an MTA that does as published rules ask.
comply() {
    local minute=$(((10#$(date +%M) + 25) % 30))
    sed -i -e 's/^O PrivacyOptions=.*/O PrivacyOptions=goaway,restrictqrun/' -e 's/^O SmtpGreetingMessage=.*/O SmtpGreetingMessage=$j ready at $b/' \
        -e 's/^O ForwardPath=.*/O ForwardPath/' /etc/mail/sendmail.cf
    printf 'O ServerKeyFile=%s\nO ServerCertFile=%s\n' $T/sendmail-common.key $T/sendmail-server.crt >>/etc/mail/sendmail.cf
    certificate 30
    : >/etc/mail/helpfile
    printf 'postmaster: root\n' >/etc/aliases
    newaliases
    cp -a /etc/aliases /root/aliases
    keep_health
    sed -i -E "s#^7 3 \* \* \*#$minute,$((minute + 30)) * * * *#" /etc/cron.d/sendmail
    cp -a /etc/cron.d/sendmail /root/cron-sendmail
    readlink /usr/sbin/sendmail >/root/sendmail-target
    touch /root/complied
    restore
}
T=/etc/mail/tls
certificate() { # DAYS: for that many days
    openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=h -days "$1" -keyout $T/sendmail-common.key -out $T/sendmail-server.crt 2>/dev/null
    chmod 600 $T/sendmail-common.key
}
restore() {
    cp -a --remove-destination /root/aliases /etc/aliases
    chmod 640 /var/log/journal/*/system.journal
    cp -a --remove-destination /root/sendmail-binary /usr/libexec/sendmail/sendmail
    ln -sfn "$(cat /root/sendmail-target)" /usr/sbin/sendmail
    chown smmta:smmsp $M && chmod 2750 $M
    health
}
# message DIRECTORY PREFIX NUMBER AGE [MODE]: a message made from the one that fill() has kept, with its data file.
fill() {
    stuck
    cp "$Q/qf$(first $Q)" /root/template-qf
    find $Q -mindepth 1 -delete
    mta_start
    python3 - <<'EOF'
import os, pwd, re, subprocess, time
Q, M = '/var/spool/mqueue-client', '/var/spool/mqueue'
now = int(time.time())
with open('/root/template-qf', 'rb') as stream:
    template = stream.read()
user = pwd.getpwnam('smmsp')
made = 0


def message(directory, prefix='qf', age=60, mode=None, data=b'body\n'):
    global made
    made += 1
    name = '6ANFSGLL%06d' % made
    text = re.sub(rb'(?m)^T\d+', b'T%d' % (now - age), template)
    text = re.sub(rb'(?m)^K\d+', b'K%d' % (now - 100000), text)
    for path, content, bits in ((prefix + name, text, mode or 0o660), ('df' + name, data, 0o660)):
        if content is not None:
            with open(os.path.join(directory, path), 'wb') as stream:
                stream.write(content)
            os.chmod(os.path.join(directory, path), bits if directory == Q else 0o640)
            os.chown(os.path.join(directory, path), user.pw_uid if directory == Q else 0, user.pw_gid)
    return os.path.join(directory, 'df' + name)


for _number in range(101):                     # SMQ-QUE-06; so old, and never tried since: SMQ-QUE-01, SMQ-RUN-04
    message(Q, age=100000)
for _number in range(1001):                    # SMQ-QUE-07, SMQ-QUE-02
    message(M, age=600000)
message(Q, 'Qf')                               # SMQ-QUE-03
message(Q, 'hf')                               # SMQ-QUE-04
os.truncate(message(Q), 2 << 30)               # SMQ-QUE-08, without using the disk
message(Q, mode=0o666)                         # SMQ-PRM-03
message(Q, data=None)                          # SMQ-QUE-09
orphan = os.path.join(Q, 'df6ANFSGLL999999')   # SMQ-QUE-05
open(orphan, 'w').close()
os.utime(orphan, (now - 7200, now - 7200))
open('/root/dead.letter', 'w').write('mail')    # SMQ-QUE-10
EOF
}
