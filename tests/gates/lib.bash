# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What the gates share. Sourced, never run.
#
# A gate runs checks, some at a time, and prints one line for each: its seconds when it passed, its whole output when it
# did not. Logs of the last run stay in .cache/gates.

set -euo pipefail
export LC_ALL=C.UTF-8

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
cache=$root/.cache
logs=$cache/gates/${0##*/}
certificates=${PIP_CERT:-${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}}
[ ! -e "$certificates" ] || export SSL_CERT_FILE=$certificates
HOME=${HOME:-$cache/home}
# What the tools leave at home stays in the checkout. pip keeps its settings and downloads: in files, because ansible-test takes
# nearly all of the environment away.
export UV_CACHE_DIR=${UV_CACHE_DIR:-$HOME/.cache/uv}
mkdir -p "$cache/home/.pip" "$cache/home/.config"
[ ! -e "$HOME/.config/pip" ] || [ "$HOME" = "$cache/home" ] || ln -sfn "$HOME/.config/pip" "$cache/home/.config/pip"
{
    echo '[global]'
    echo "cache-dir = ${PIP_CACHE_DIR:-$HOME/.cache/pip}"
    [ ! -e "$certificates" ] || echo "cert = $certificates"
} >"$cache/home/.pip/pip.conf"
python_homes=("$cache/python/usr/bin" /usr/bin "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin "$HOME"/.local/share/uv/python/*/bin)
PATH=$root/.venv/bin:$PATH
export HOME=$cache/home PYTHONDONTWRITEBYTECODE=1 ANSIBLE_NOCOLOR=1 NO_COLOR=1
unset VIRTUAL_ENV ANSIBLE_CONFIG ANSIBLE_COLLECTIONS_PATH
rm -rf "$logs"
mkdir -p "$logs"

# check NAME COMMAND...: run it in the background, at most $at_once at a time; only those in $only where that is set.
at_once=2
check() {
    [ -z "${only:-}" ] || [[ " $only " == *" $1 "* ]] || return 0
    while [ "$(jobs -rp | wc -l)" -ge $at_once ]; do wait -n || true; done
    run "$@" &
}

run() {
    local name=$1 log=$logs/${1// /-} begin=$EPOCHREALTIME outcome=ok seconds
    shift
    # A separate shell-level status: set -e does not reach into the command of a condition, so checks are programs or
    # functions whose last command decides, or that end with `|| return`.
    "$@" >"$log" 2>&1 </dev/null || outcome=FAILED
    seconds=$(awk "BEGIN {printf \"%.1f\", $EPOCHREALTIME - $begin}")
    if [ "$outcome" = ok ]; then
        printf 'ok      %-42s %6s s\n' "$name" "$seconds"
    else
        touch "$log.failed"
        # In one piece, so that two failures do not mix.
        printf '%s\n' "FAILED  $(printf '%-42s %6s s' "$name" "$seconds")" "$(sed 's/^/    /' "$log")"
    fi
}

# Wait for the checks; the gate's exit status is theirs.
finish() {
    wait
    ! compgen -G "$logs/*.failed" >/dev/null
}

# copy_checkout DIRECTORY: what git knows or would add, in DIRECTORY/ansible_collections/mailops/sendmail. Tools that insist
# on that path get it, two of them never share their output directory, and nobody's edit changes a file under a running check.
copy_checkout() {
    local to=$1/ansible_collections/mailops/sendmail
    mkdir -p "$to" && rm -rf "$1/output" || return
    if [ -e "$to/tests/output" ]; then mv "$to/tests/output" "$1/output" || return; fi
    rm -rf "$to" && mkdir -p "$to" || return
    (cd "$root" && git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
        if [ -e "$file" ] || [ -L "$file" ]; then printf '%s\0' "$file"; fi
    done | xargs -0 cp -P --parents --preserve=mode,timestamps -t "$to") || return
    if [ -e "$1/output" ]; then mkdir -p "$to/tests" && mv "$1/output" "$to/tests/output" || return; fi
    # A repository of its own, or the tools would take the checkout around it, which ignores all of .cache.
    git -C "$to" init -q
}

# The Python 3 interpreters of this machine, `3.N PATH` a line, oldest first, one for each minor version from 3.6 on.
interpreters() {
    local directory file version
    IFS=: read -r -a path <<<"$PATH"
    for directory in "${python_homes[@]}" "${path[@]}"; do
        for file in "$directory"/python3.[0-9] "$directory"/python3.[0-9][0-9]; do
            version=${file##*/python}
            [ -x "$file" ] && [ "${version#3.}" -ge 6 ] && printf '%s %s\n' "$version" "$file"
        done
    done | sort -t. -k2,2n -s | while read -r version file; do
        # The version managers put stand-ins on the PATH that only say that a version is not chosen.
        [ "$version" != "${last:-}" ] && "$file" -c '' 2>/dev/null && printf '%s %s\n' "$version" "$file" && last=$version
    done
    true
}

# environment DIRECTORY PYTHON REQUIREMENT...: a virtual environment, made anew when what is asked of it changes.
environment() {
    local directory=$1 python=$2 bytecode=--compile-bytecode
    shift 2
    # uv compiles with the Python of the environment, from 3.7 on.
    [[ $python != */python3.6 ]] || bytecode=--no-compile-bytecode
    # shellcheck disable=SC2094
    if [ "$(cat "$directory/requirements" 2>/dev/null)" != "$python $*" ]; then
        uv venv --quiet --clear --python "$python" "$directory" &&
            uv pip install --quiet $bytecode --python "$directory/bin/python" "$@" &&
            printf '%s\n' "$python $*" >"$directory/requirements"
    fi
}

# For the unit tests: what ansible-test would install, hypothesis, and what ansible-core itself needs where it runs on that Python.
target_environment() {
    environment "$cache/python-$1" "$2" pytest pytest-xdist pytest-mock pytest-forked mock PyYAML 'hypothesis>=6.31' \
        jinja2 packaging resolvelib setuptools
}

# The files of unit tests are in memory where there is room (containers often have 64 MiB): much of what they test waits for a disk at each step.
files_in_memory() {
    if [ -w /dev/shm ] && [ "$(df --output=avail /dev/shm | tail -n 1)" -gt 1000000 ]; then export PYTEST_DEBUG_TEMPROOT=/dev/shm; fi
}

# The unit tests on the Python of .venv, in two halves.
check_unit_tests() {
    local floors=tests/unit/plugins/module_utils
    files_in_memory
    check "unit tests, module_utils" python -m pytest -q "$floors"
    check "unit tests, the others" python -m pytest -q --ignore "$floors"
}
