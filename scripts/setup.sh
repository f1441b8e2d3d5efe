#!/usr/bin/env bash
# Copyright the swift-qpid-proton authors
# SPDX-License-Identifier: Apache-2.0
#
# Installs the Debian packages that are missing for a purpose:
# scripts/setup.sh build|demo|test|interop|debian13|bench|bench-check|docs|make ...
# Runs nothing but file checks where all is there. Says what it installs and why, or what you have to do.
set -euo pipefail

missing=()

# need PACKAGE REASON FILE...: the package is there when one of the files is; a file may be a pattern.
need() {
    local package=$1 reason=$2 file
    shift 2
    for file in "$@"; do
        [[ -e $file ]] && return
    done
    [[ " ${missing[*]-} " == *" $package "* ]] && return
    missing+=("$package")
    echo "setup: $package is missing: $reason"
}

need_swift() {
    command -v swift >/dev/null && return
    echo "setup: no Swift toolchain found; install Swift 6.2 or newer from https://www.swift.org/install/linux/" >&2
    exit 1
}

need_build() {
    need_swift
    need libqpid-proton11-dev "the AMQP engine that this package binds" \
        /usr/lib/*/libqpid-proton.so /usr/lib*/libqpid-proton.so /usr/local/lib/libqpid-proton.so
    need libssl-dev "OpenSSL, which the engine's TLS is made of" /usr/include/openssl/ssl.h
}

# What `make demo` does not build.
need_all() {
    need_build
    need libsqlite3-dev "the database of the broker's store, and of examples in Examples/Integrations" \
        /usr/include/sqlite3.h
}

need_test() {
    need_all
    # Debian's own Python only: another python3 that comes first in PATH has no binding of proton.
    need python3-qpid-proton "the Python binding that the tests exchange messages with" \
        /usr/lib/python3/dist-packages/proton/__init__.py
    need libqpid-proton11-dev-examples "proton's own examples, the other side of those tests" \
        /usr/share/proton/examples/python/broker.py
    need openssl "makes the certificates of the tests, and is a peer of theirs" /usr/bin/openssl
    need python3-prometheus-client "reads the broker's metrics in a test" \
        /usr/lib/python3/dist-packages/prometheus_client/parser.py
    need systemd "checks the broker's unit in a test (systemd-analyze)" /usr/bin/systemd-analyze
}

need_peers() {
    need_test
    need gcc "builds proton's C programs" /usr/bin/gcc
    need g++ "builds proton's C++ programs" /usr/bin/g++
    need libqpid-proton-cpp12-dev "proton's C++ binding" /usr/lib/*/libqpid-proton-cpp.so
}

need_debian13() {
    need_swift
    need debootstrap "makes a Debian 13, for RabbitMQ 4 and go-amqp, and to test in" /usr/sbin/debootstrap
}

need_interop() {
    need_peers
    need rabbitmq-server "a broker to try every feature on" /usr/lib/rabbitmq/bin/rabbitmq-server
    need python3-uamqp "a client library to try on our broker" /usr/lib/python3/dist-packages/uamqp/__init__.py
    need socat "speaks TLS to it, and plain AMQP to our broker" /usr/bin/socat
    need_debian13
    need procps "ends the brokers (pkill)" /usr/bin/pkill
}

need_sanitize() {
    need_test
    need valgrind "sees what happens inside of proton's library" /usr/bin/valgrind
}

need_counts() {
    need_build
    need gcc "builds proton's C programs" /usr/bin/gcc
    need openssl "makes the certificate of the peers" /usr/bin/openssl
    need python3 "runs the measurements" /usr/bin/python3
    need valgrind "counts the instructions a message" /usr/bin/valgrind
}

need_docs() {
    need_all
    need git "lists the files whose links are checked" /usr/bin/git
    need python3 "checks links and comments" /usr/bin/python3
}

need_bench() {
    need_peers
    need_counts
}

for purpose in "$@"; do
    case $purpose in
        demo) need_build ;;
        sanitize) need_sanitize ;;
        build) need_all ;;
        test) need_test ;;
        interop) need_interop ;;
        debian13) need_debian13 ;;
        bench) need_bench ;;
        bench-check) need_counts ;;
        docs) need_docs ;;
        make) need make "runs the commands of this project" /usr/bin/make ;;
        *)
            echo "usage: setup.sh build|demo|test|interop|debian13|bench|bench-check|docs|make ..." >&2
            exit 2
            ;;
    esac
done
((${#missing[@]} == 0)) && exit 0

command="apt-get install -y --no-install-recommends ${missing[*]}"
give_up() {
    echo "setup: $1" >&2
    echo "setup: install what is missing yourself, then try again: $2" >&2
    exit 1
}

command -v apt-get >/dev/null ||
    give_up "this is no Debian (no apt-get)" "what Debian calls ${missing[*]}"
as_root=()
if ((EUID != 0)); then
    command -v sudo >/dev/null || give_up "not root, and no sudo" "$command (as root)"
    as_root=(sudo)
    [[ -t 0 ]] || as_root=(sudo -n) # nobody there to type a password
    "${as_root[@]}" true || give_up "sudo was refused" "sudo $command"
fi

apt() {
    # A bounded wait for another apt's lock and for a silent mirror.
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 \
        -o APT::Update::Error-Mode=any -o Acquire::Retries=2 -o Acquire::http::Timeout=30 -o Dpkg::Use-Pty=0 "$@"
}
install() { apt install -y --no-install-recommends "${missing[@]}" >/dev/null; }

# Debian starts a service as it installs it, unless this file says no; RabbitMQ is wanted here for the tests only.
policy=/usr/sbin/policy-rc.d
if [[ " ${missing[*]} " == *" rabbitmq-server "* && ! -e $policy ]]; then
    echo "setup: keeping the system's RabbitMQ from being started ($policy, until it is installed)"
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod 755 "$policy"
fi

echo "setup: $command"
# The lists of a fresh image are empty, those of an old one name versions that are gone: update only then.
if ! install 2>/dev/null; then
    echo "setup: apt-get update (the package lists are missing or old)"
    apt update || give_up "the package lists could not be fetched; is there a network?" "$command"
    install || give_up "apt could not install (see above)" "$command"
fi
