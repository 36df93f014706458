# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is true on every host after the role with its defaults, whatever was broken before."""
import re

RUN = re.compile(r"sendmail(?:-msp)?\s.*-Ac.*-q|-q.*-Ac|cron-msp|runq")


def lines(text):
    return [line for line in text.splitlines() if RUN.search(line) and not line.startswith("#")]


def test_debians_cron_file_has_one_line_every_half_hour(host):
    found = lines(host.file("/etc/cron.d/sendmail").content_string)
    assert len(found) == 1
    assert found[0].split()[:6] == ["*/30", "*", "*", "*", "*", "smmsp"]


def test_nothing_else_runs_the_queue(host):
    assert lines(host.check_output("cat /etc/crontab /var/spool/cron/crontabs/* 2>/dev/null || true")) == []
    assert host.check_output("grep -lE 'sendmail|runq' /etc/cron.d/*").split() == ["/etc/cron.d/sendmail"]
    assert host.check_output("ls /etc/systemd/system").find("sendmail-client-queue") == -1
    assert host.run("pgrep -f '[Q]ueue runner@'").rc == 1


def test_the_setting_is_what_the_generator_reads_again(host):
    conf = host.file("/etc/mail/sendmail.conf").content_string
    assert re.findall(r"(?m)^MSP_(?:MODE|INTERVAL)=.*", conf) == ['MSP_MODE="Cron";', 'MSP_INTERVAL="30m";']


def test_a_copy_is_kept_of_what_was_changed(host):
    assert 'MSP_INTERVAL="20m";' in host.check_output("cat /etc/mail/sendmail.conf.*~")


def test_the_line_works(host):
    """What cron would do is done: as its user, with the helper."""
    command = lines(host.file("/etc/cron.d/sendmail").content_string)[0].split(None, 6)[6]
    assert host.run("runuser -u smmsp -- /bin/sh -c %s", command).rc == 0
