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

# containers NAME [OPTION...]: the identifier of the container with exactly this name, if there is one. Where a command of podman
# finds no such name, it takes the container whose identifier begins with it.
containers() {
    local name=$1
    shift
    podman ps -a -q --no-trunc --filter "name=^$name\$" "$@"
}

# The Debian mirror this machine uses, as apt tells it; nothing when it uses none (then mmdebstrap knows one).
mirror() {
    local suite=$1
    apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null | sort -u | awk -v suite="$suite" '
        $1 == "Debian" && !debian {debian = $2}
        $1 == "Debian-Security" && !security {security = $2}
        END {
            if (!debian || !security) exit
            print "deb " debian " " suite " main"
            print "deb " debian " " suite "-updates main"
            print "deb " security " " suite "-security main"
        }'
}

# Remove hosts, images and the namespace, also when the checkout they were made for has gone.
forget() {
    local graphroot pid
    CONTAINERS_CONF=$state/containers.conf CONTAINERS_STORAGE_CONF=$state/storage.conf nsenter --mount="$state/namespace" --wd=/ \
        podman rm -a -f -t 0 >/dev/null || for pid in $(cat "$state"/pids/* 2>/dev/null); do
        # The storage has gone with the checkout.
        [ "$(cat "/proc/$pid/comm" 2>/dev/null)" != systemd ] || kill -KILL "$pid"
    done
    graphroot=$(sed -n 's/^graphroot = "\(.*\)"$/\1/p' "$state/storage.conf")
    # Overlay mounts of the storage live in the namespace and go with it.
    umount "$state/namespace"
    umount "$state"
    rm -rf --one-file-system "$state" "$graphroot"
}
