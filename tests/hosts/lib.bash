# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What the programs in this directory share. Sourced, never run.
#
# shellcheck disable=SC2034  # the variables are for those who source this

set -euo pipefail
export LC_ALL=C.UTF-8

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
hosts=$root/tests/hosts
cache=$root/.cache
# Every checkout has its own podman (storage, locks, network): two checkouts, or the podman the owner of the
# machine uses for other things, never see one another's containers.
id=$(printf %s "$root" | sha256sum | cut -c1-8)
state=/run/mailops-sendmail-$id
network=mailops-$id
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# Hosts boot systemd and change network and mount namespaces; that is not given to a rootless podman.
need_root() {
    [ "$(id -u)" = 0 ] || die "test hosts need root: run this with sudo (units, lint and sanity do not need it)"
}

# Go on inside the shared namespace, see enter.
inside() {
    [ "$(readlink /proc/self/ns/mnt)" = "$(cat "$state/id" 2>/dev/null)" ] && [ -n "${CONTAINERS_CONF:-}" ] ||
        exec "$hosts/enter" "$0" "$@"
}
