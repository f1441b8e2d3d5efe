// swift-tools-version: 6.2
// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

let settings: [SwiftSetting] = [.treatAllWarnings(as: .error)]

// A user's package in small: scripts/test-dependent.sh builds and runs it.
let package = Package(
    name: "dependent",
    // No trait, and so none of the packages that the traits bring.
    dependencies: [.package(name: "swift-qpid-proton", path: "../..")],
    targets: [
        .executableTarget(
            name: "dependent",
            dependencies: [.product(name: "Proton", package: "swift-qpid-proton")],
            swiftSettings: settings),
        // The modules of the traits, which are there without them, and say what they need.
        .target(
            name: "WithoutTraits",
            dependencies: [
                "ProtonBrokerStore", "ProtonConfiguration", "ProtonNIO", "ProtonServiceLifecycle", "ProtonTracing",
            ].map { .product(name: $0, package: "swift-qpid-proton") },
            swiftSettings: settings),
    ]
)
