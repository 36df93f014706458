#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# kill_when.bash HOST CONDITION COMMAND...: kill the command as soon as the condition, a line of shell, holds on the host. Prints "killed", or
# "ended" when the command was done before that was seen; fails when it was done and the condition does not hold.
set -euo pipefail
host=$1 condition=$2
shift 2
holds() { podman exec "$host" sh -c "$condition" >/dev/null 2>&1; }

# A process group of its own: the workers go with it.
set -m
"$@" >&2 </dev/null &
until holds; do
    kill -0 $! 2>/dev/null || {
        holds && echo ended
        exit
    }
    sleep 0.1
done
if kill -KILL -- -$! 2>/dev/null; then echo killed; else echo ended; fi
