// swift-tools-version: 6.2
// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

// A user's package in small: scripts/test-dependent.sh builds and runs it.
let package = Package(
    name: "dependent",
    // Without the trait for the broker's store, and so without its database.
    dependencies: [.package(name: "swift-qpid-proton", path: "../..", traits: [])],
    targets: [
        .executableTarget(
            name: "dependent",
            dependencies: [.product(name: "Proton", package: "swift-qpid-proton")],
            swiftSettings: [.treatAllWarnings(as: .error)])
    ]
)
