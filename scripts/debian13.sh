#!/usr/bin/env bash
# Copyright the swift-qpid-proton authors
# SPDX-License-Identifier: Apache-2.0
#
# A Debian 13 in .build/debian13, made once, for what Debian 12 has in an older version: RabbitMQ, Go, glibc.
#   scripts/debian13.sh make PACKAGE...   makes it, with these packages; does nothing where it is there with them
#   scripts/debian13.sh run COMMAND...    runs a command in it; this package is at /src, with a .build of its own
#   scripts/debian13.sh test              builds this package in it, and runs what `make test` runs
# Needs root, and the first time a network. All mounts are in a mount namespace that ends with the command, so that
# `rm -rf .build` finds none of them. No service is started.
set -euo pipefail
cd "$(dirname "$0")/.."

self=$PWD/scripts/debian13.sh
folder=$PWD/.build/debian13
root=$folder/root
mirror=http://deb.debian.org/debian

give_up() {
    echo "debian13: $*" >&2
    exit 1
}

check_system() {
    ((EUID == 0)) || give_up "making and entering a Debian 13 needs root: run this as root, or by sudo"
    command -v debootstrap >/dev/null || give_up "debootstrap is missing: apt-get install debootstrap"
    unshare --mount true 2>/dev/null ||
        give_up "a Debian 13 cannot be entered: unshare --mount is not allowed here (no CAP_SYS_ADMIN?)"
}

# bounded LOG SECONDS COMMAND...: runs a command up to three times; what it writes goes to the log.
bounded() {
    local log=$1 seconds=$2 try
    shift 2
    for try in 1 2 3; do
        if timeout -k 10 "$seconds" "$@" >"$log" 2>&1; then return 0; fi
        echo "debian13: try $try of 3 has failed: $*" >&2
    done
    tail -n 15 "$log" >&2
    return 1
}

make_base() {
    [[ -e $folder/base.stamp ]] && return
    echo "debian13: making a Debian 13 in ${root#"$PWD/"} from $mirror"
    mkdir -p "$folder"
    # In the host's namespace, where nothing is mounted below it.
    rm -rf --one-file-system "$root" "$folder"/*.stamp
    bounded "$folder/debootstrap.log" 900 unshare --mount --propagation private \
        debootstrap --variant=minbase trixie "$root" "$mirror" ||
        give_up "debootstrap has failed (see above): is there a network, and does it reach $mirror?"
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    printf '%s\n' force-unsafe-io 'path-exclude=/usr/share/doc/*' 'path-include=/usr/share/doc/*/copyright' \
        'path-exclude=/usr/share/man/*' 'path-exclude=/usr/share/locale/*' >"$root/etc/dpkg/dpkg.cfg.d/scratch"
    echo '127.0.0.1 localhost' >"$root/etc/hosts"
    touch "$folder/base.stamp"
}

make_root() {
    local stamp
    stamp=$folder/$(printf '%s\n' "$@" | sort | sha256sum | cut -c 1-16).stamp
    [[ -e $folder/base.stamp && -e $stamp ]] && return
    check_system
    # Several runs at once wait for the first one.
    mkdir -p "$folder"
    exec 9>"$folder/lock"
    flock -w 1200 9 || give_up "another run has been making it for twenty minutes"
    make_base
    echo "debian13: installing $* there"
    local apt=(apt-get -qq -o Dpkg::Use-Pty=0 -o Acquire::Retries=2 -o Acquire::http::Timeout=30)
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    bounded "$folder/update.log" 300 "$self" run "${apt[@]}" -o APT::Update::Error-Mode=any update ||
        give_up "the package lists could not be fetched (see above): is there a network, and does it reach $mirror?"
    bounded "$folder/install.log" 900 "$self" run env DEBIAN_FRONTEND=noninteractive \
        "${apt[@]}" install -y --no-install-recommends "$@" ||
        give_up "the packages could not be installed (see above)"
    "$self" run apt-get clean
    touch "$stamp"
    exec 9>&-
}

# Runs in the namespace: mounts what the command needs, and becomes the command. MOUNTS has folders of the host that are
# shown at their own path, a line each, and PREPEND what comes first in PATH.
inside() {
    local path
    mount -t proc proc "$root/proc"
    mkdir -p "$root/src" "$folder/build" "$folder/integrations" Examples/Integrations/.build .build
    mount --bind "$PWD" "$root/src"
    mount --bind "$folder/build" "$root/src/.build"
    mount --bind "$folder/integrations" "$root/src/Examples/Integrations/.build"
    while read -r path; do
        [[ -n $path ]] || continue
        mkdir -p "$root$path"
        mount --bind "$path" "$root$path"
        mount -o remount,bind,ro "$root$path"
    done <<<"${MOUNTS-}"
    exec chroot "$root" /usr/bin/env -i -C /src HOME=/root LANG=C.UTF-8 \
        "PATH=${PREPEND-}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" "$@"
}

run() {
    exec unshare --mount --propagation private "$self" inside "$@"
}

# The host's Swift toolchain, and what its git reads other addresses from, are there at their own paths.
run_tests() {
    local resources toolchain key base mounts=()
    resources=$(swift -print-target-info | sed -n 's/.*"runtimeResourcePath": "\(.*\)".*/\1/p')
    toolchain=${resources%/usr/lib/swift}
    [[ -n $toolchain && $toolchain != "$resources" ]] ||
        give_up "the Swift toolchain is in no folder of its own: install one from https://www.swift.org/install/linux/"
    mounts+=("$toolchain")
    # What a toolchain of swift.org needs, and Debian's minimum lacks.
    make_root ca-certificates git make gcc g++ binutils libc6-dev libstdc++-14-dev libcurl4t64 libedit2 libncurses6 \
        libxml2 libsqlite3-0 zlib1g procps tzdata
    {
        printf '[safe]\n\tdirectory = *\n'
        while read -r key base; do
            key=${key#url.}
            key=${key%.insteadof}
            printf '[url "%s"]\n\tinsteadOf = %s\n' "$key" "$base"
            [[ $key == /* && -d $key ]] && mounts+=("${key%/}")
        done < <(git config --get-regexp '^url\..*\.insteadof$' || true)
    } >"$root/etc/gitconfig"
    MOUNTS=$(printf '%s\n' "${mounts[@]}" | sort -u) PREPEND=$toolchain/usr/bin: run make test
}

command=${1-}
shift || true
case $command in
    make) make_root "$@" ;;
    run)
        check_system
        run "$@"
        ;;
    inside) inside "$@" ;;
    test)
        check_system
        run_tests
        ;;
    *)
        echo "usage: debian13.sh make PACKAGE... | run COMMAND... | test" >&2
        exit 2
        ;;
esac
