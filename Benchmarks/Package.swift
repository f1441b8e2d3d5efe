// swift-tools-version: 6.2
// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let dependencies: [Target.Dependency] = [
    .product(name: "Proton", package: "swift-qpid-proton"),
    .product(name: "ArgumentParser", package: "swift-argument-parser"),
]

let package = Package(
    name: "Benchmarks",
    dependencies: [
        .package(name: "swift-qpid-proton", path: ".."),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    ],
    targets: [
        .executableTarget(
            name: "bench-broker", dependencies: [.product(name: "ProtonBroker", package: "swift-qpid-proton")],
            swiftSettings: settings),
        .executableTarget(name: "codec", dependencies: dependencies, swiftSettings: settings),
        .executableTarget(name: "throughput", dependencies: dependencies, swiftSettings: settings),
    ]
)
