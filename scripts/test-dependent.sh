#!/usr/bin/env bash
# Copyright the swift-qpid-proton authors
# SPDX-License-Identifier: Apache-2.0
#
# Builds the packages that depend on this one by path, as a user's would, and runs one: no warning of the compiler or of
# SwiftPM may come of it. Their build directories stay in .build, so that a second run is quick.
set -euo pipefail
cd "$(dirname "$0")/.."
unset SWIFT_QPID_PROTON_STRICT # as at a user's

# build PACKAGE NAME [CONFIGURATION]: builds it into .build/NAME.
build() {
    local log=.build/$2.log
    mkdir -p .build
    # The plan of the build: SwiftPM keeps an old one, and fails, when a source file of a path dependency is gone.
    local configuration=${3:-debug}
    rm -f ".build/$2/$configuration.yaml"
    swift build -c "$configuration" --package-path "$1" --scratch-path ".build/$2" 2>&1 | tee "$log"
    if grep -n 'warning:' "$log"; then
        echo "test-dependent: $1, which depends on this package by path, builds with the warnings above" >&2
        exit 1
    fi
}

build Tests/DependentPackage dependent
output=$(timeout 30 .build/dependent/debug/dependent)
if [[ $output != "Hello World!" ]]; then
    echo "test-dependent: expected Hello World!, got: $output" >&2
    exit 1
fi
# What a trait brings is not fetched for a package that asks for none.
for package in GRDB.swift swift-async-algorithms swift-configuration swift-distributed-tracing swift-nio \
    swift-service-lifecycle; do
    if [[ -e .build/dependent/checkouts/$package ]]; then
        echo "test-dependent: $package was fetched for Tests/DependentPackage, which has no trait" >&2
        exit 1
    fi
done
# needs_trait TRAIT MODULE CODE: the compiler's error of a program that uses a module without its trait names the trait.
needs_trait() {
    local file=.build/dependent/needs-trait.swift log
    printf 'import Proton\nimport ProtonBroker\nimport %s\nfunc f(_ value: [Int]) throws { %s }\n' "$2" "$3" >"$file"
    log=$(swiftc -typecheck -swift-version 6 -I .build/dependent/debug/Modules -I Sources/CProton -I Sources/COpenSSL \
        "$file" 2>&1) && log="it compiles"
    if [[ $log != *"is unavailable: "*"traits: [\"$1\"]"* ]]; then
        echo "test-dependent: $2 does not say that it needs the trait $1: $3: $log" >&2
        exit 1
    fi
}
needs_trait DurableBroker ProtonBrokerStore 'var options = BrokerOptions(); options.store = try SQLiteStore("messages.sqlite")'
needs_trait ServiceLifecycle ProtonServiceLifecycle '_ = AMQPService(try AMQPClient("host")) { _ in }'
needs_trait ServiceLifecycle ProtonServiceLifecycle '_ = AMQPServerService(try AMQPServer("host")) { _ in }'
needs_trait Tracing ProtonTracing 'var client = try AMQPClient("host"); client.instruments = [AMQPTracing()]'
needs_trait NIO ProtonNIO '_ = Message(body: .data(value))'
needs_trait NIO ProtonNIO '_ = Message().bodyBuffer'
needs_trait Configuration ProtonConfiguration '_ = try AMQPClient(config: value)'
needs_trait Configuration ProtonConfiguration '_ = try ConnectionOptions(config: value)'
# As they are measured, so that they need not be built a second time for that.
build Benchmarks benchmarks release
