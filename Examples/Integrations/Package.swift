// swift-tools-version: 6.2
// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

// The examples with dependencies that users of the library need not resolve: a package of its own.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

/// The programs that keep messages in an SQLite database, by GRDB.
let databasePrograms: [Target] = ["db_send", "db_recv", "db_ctrl"].map { name in
    .executableTarget(
        name: name,
        dependencies: [
            "DatabaseSupport",
            .product(name: "ArgumentParser", package: "swift-argument-parser"),
            .product(name: "GRDB", package: "GRDB.swift"),
            .product(name: "Proton", package: "swift-qpid-proton"),
        ],
        path: name,
        swiftSettings: settings)
}

let package = Package(
    name: "Integrations",
    dependencies: [
        .package(name: "swift-qpid-proton", path: "../..", traits: ["ServiceLifecycle"]),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.16.0"),
        .package(url: "https://github.com/swhitty/FlyingFox", from: "0.27.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.9.0"),
    ],
    targets: databasePrograms + [
        .executableTarget(
            name: "client_http",
            dependencies: [
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "FlyingFox", package: "FlyingFox"),
                .product(name: "FlyingSocks", package: "FlyingFox"),
                .product(name: "Proton", package: "swift-qpid-proton"),
            ],
            path: "client_http",
            swiftSettings: settings),
        .executableTarget(
            name: "publish_http",
            dependencies: [
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Proton", package: "swift-qpid-proton"),
                .product(name: "ProtonServiceLifecycle", package: "swift-qpid-proton"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            path: "publish_http",
            swiftSettings: settings),
        .executableTarget(
            name: "worker_service",
            dependencies: [
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Proton", package: "swift-qpid-proton"),
                .product(name: "ProtonServiceLifecycle", package: "swift-qpid-proton"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            path: "worker_service",
            swiftSettings: settings),
        .executableTarget(
            name: "shop_service",
            dependencies: [
                "PrometheusSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Proton", package: "swift-qpid-proton"),
                .product(name: "ProtonBroker", package: "swift-qpid-proton"),
                .product(name: "ProtonMetrics", package: "swift-qpid-proton"),
                .product(name: "ProtonServiceLifecycle", package: "swift-qpid-proton"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            path: "shop_service",
            swiftSettings: settings),
        .executableTarget(
            name: "webhook_sender",
            dependencies: [
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Proton", package: "swift-qpid-proton"),
                .product(name: "ProtonServiceLifecycle", package: "swift-qpid-proton"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            path: "webhook_sender",
            swiftSettings: settings),
        .executableTarget(
            name: "work_queue",
            dependencies: [
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Proton", package: "swift-qpid-proton"),
                .product(name: "ProtonServiceLifecycle", package: "swift-qpid-proton"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            path: "work_queue",
            swiftSettings: settings),
        .target(
            name: "PrometheusSupport", dependencies: [.product(name: "CoreMetrics", package: "swift-metrics")],
            path: "PrometheusSupport", swiftSettings: settings),
        .target(
            name: "DatabaseSupport",
            dependencies: [
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Proton", package: "swift-qpid-proton"),
            ],
            path: "DatabaseSupport",
            swiftSettings: settings),
    ]
)
