// swift-tools-version: 6.2
// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

/// Every target is built the same way: Swift Evolution's SE-0335, SE-0444, SE-0409 and SE-0461.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

/// The example programs: those of the Python and C++ bindings by the same names, those with async/await, and `demo`, which
/// `make demo` runs.
let examples: [Target] = [
    "abstract_server", "async_helloworld", "async_recv", "async_rpc", "async_send", "async_server", "async_worker",
    "client",
    "colour_send", "connection_options", "demo", "direct_recv", "direct_send",
    "encode_decode", "flow_control", "helloworld", "helloworld_blocking", "helloworld_direct",
    "helloworld_direct_events", "helloworld_events", "message_properties",
    "multithreaded_client", "queue_browser", "reconnect_client", "recurring_timer", "scheduled_send", "selected_recv",
    "server", "server_direct", "server_tx", "service_bus", "simple_recv", "simple_send", "ssl", "ssl_client_cert",
    "sync_client", "tx_recv", "tx_recv_interactive", "tx_send",
].map { name in
    .executableTarget(
        name: name,
        dependencies: [
            "Proton", "ProtonBroker", .product(name: "ArgumentParser", package: "swift-argument-parser"),
        ] + (name.hasPrefix("async_") ? ["ExampleSignals"] : []),
        path: "Examples/\(name)",
        swiftSettings: settings)
}

/// What only some programs need: without its trait a module has nothing in it, and the packages that it rests on are not
/// fetched.
let traits: [String: String] = [
    "Configuration": "ProtonConfiguration: clients by swift-configuration's ConfigReader.",
    "DurableBroker": "ProtonBrokerStore: the broker's durable messages in an SQLite file, by GRDB.",
    "NIO": "ProtonNIO: SwiftNIO's ByteBuffer as a message's body.",
    "ServiceLifecycle": "ProtonServiceLifecycle: clients and servers as services of swift-service-lifecycle.",
    "Tracing": "ProtonTracing: spans of swift-distributed-tracing.",
]

/// None by default. The Swift Package Index sets the variable where it builds the documentation, of all modules.
let defaultTraits: Set<String> = Context.environment["SPI_GENERATE_DOCS"] == nil ? [] : Set(traits.keys)

let package = Package(
    name: "swift-qpid-proton",
    products: [
        .library(name: "Proton", targets: ["Proton"]),
        .library(name: "ProtonBroker", targets: ["ProtonBroker"]),
        .library(name: "ProtonTesting", targets: ["ProtonTesting"]),
        .library(name: "ProtonBrokerStore", targets: ["ProtonBrokerStore"]),
        .library(name: "ProtonServiceLifecycle", targets: ["ProtonServiceLifecycle"]),
        .library(name: "ProtonMetrics", targets: ["ProtonMetrics"]),
        .library(name: "ProtonTracing", targets: ["ProtonTracing"]),
        .library(name: "ProtonFoundation", targets: ["ProtonFoundation"]),
        .library(name: "ProtonNIO", targets: ["ProtonNIO"]),
        .library(name: "ProtonConfiguration", targets: ["ProtonConfiguration"]),
        .executable(name: "amqp", targets: ["AMQPCommand"]),
    ],
    traits: Set(traits.map { .trait(name: $0.key, description: $0.value) } + [.default(enabledTraits: defaultTraits)]),
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        // Without its trait for JSON files: only those who read such files need it.
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: []),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.9.0"),
    ],
    targets: examples + [
        .executableTarget(
            name: "broker",
            dependencies: ["BrokerProgram", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            path: "Examples/broker",
            swiftSettings: settings),
        // The broker as a command, for the program `broker` and whatever else has it as a subcommand.
        .target(
            name: "BrokerProgram",
            dependencies: [
                "ProtonUtilities",
                "Proton", "ProtonBroker",
                .target(name: "ProtonBrokerStore", condition: .when(traits: ["DurableBroker"])),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "small_broker",
            dependencies: [
                "Proton",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "HeapModule", package: "swift-collections"),
            ],
            path: "Examples/small_broker",
            swiftSettings: settings),
        // Control-C for the examples with async/await.
        .target(
            name: "ExampleSignals", dependencies: ["ProtonUtilities"], path: "Examples/ExampleSignals",
            swiftSettings: settings),
        .systemLibrary(name: "CProton"),
        .systemLibrary(name: "COpenSSL"),
        .target(name: "AMQP", swiftSettings: settings),
        // What the floors share, for this package only: locks, threads, signals, files of settings.
        .target(name: "ProtonUtilities", swiftSettings: settings),
        .target(
            name: "ProtonEngine", dependencies: ["AMQP", "CProton", "COpenSSL", "ProtonUtilities"],
            swiftSettings: settings),
        .target(
            name: "Proton",
            dependencies: [
                "ProtonUtilities",
                "AMQP", "ProtonEngine",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HeapModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        .target(
            name: "ProtonBroker",
            dependencies: [
                "ProtonUtilities",
                "Proton",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HeapModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        .target(
            name: "ProtonTesting", dependencies: ["ProtonUtilities", "AMQP", "Proton", "ProtonBroker"],
            swiftSettings: settings),
        .target(
            name: "ProtonBrokerStore",
            dependencies: [
                "ProtonUtilities",
                "Proton", "ProtonBroker",
                .product(name: "GRDB", package: "GRDB.swift", condition: .when(traits: ["DurableBroker"])),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        // The async client for programs of services, with metrics and with traces: each a product, whose dependencies only
        // those who use it build.
        .target(
            name: "ProtonServiceLifecycle",
            dependencies: [
                "Proton",
                .product(
                    name: "ServiceLifecycle", package: "swift-service-lifecycle",
                    condition: .when(traits: ["ServiceLifecycle"])),
            ],
            swiftSettings: settings),
        .target(
            name: "ProtonMetrics",
            dependencies: ["ProtonUtilities", "Proton", .product(name: "CoreMetrics", package: "swift-metrics")],
            swiftSettings: settings),
        .target(
            name: "ProtonTracing",
            dependencies: [
                "Proton",
                .product(name: "Tracing", package: "swift-distributed-tracing", condition: .when(traits: ["Tracing"])),
            ],
            swiftSettings: settings),
        .target(name: "ProtonFoundation", dependencies: ["AMQP"], swiftSettings: settings),
        .target(
            name: "ProtonNIO",
            dependencies: ["AMQP", .product(name: "NIOCore", package: "swift-nio", condition: .when(traits: ["NIO"]))],
            swiftSettings: settings),
        .target(
            name: "ProtonConfiguration",
            dependencies: [
                "Proton",
                .product(
                    name: "Configuration", package: "swift-configuration", condition: .when(traits: ["Configuration"])),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        // The program `amqp`, in a library so that tests reach its parts; the executable's directory has another name than the
        // library `AMQP`'s where case does not count.
        .executableTarget(name: "AMQPCommand", dependencies: ["AMQPTool"], swiftSettings: settings),
        .target(
            name: "AMQPTool",
            dependencies: [
                "BrokerProgram", "ProtonUtilities",
                "Proton", "ProtonEngine",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        .testTarget(name: "AMQPTests", dependencies: ["AMQP", "CProton"], swiftSettings: settings),
        .testTarget(
            name: "ProtonEngineTests",
            dependencies: ["ProtonUtilities", "ProtonEngine", "ProtonTesting", "TestCertificates"],
            swiftSettings: settings),
        .testTarget(
            name: "ProtonTests",
            dependencies: [
                "ProtonUtilities", "Proton", "ProtonTesting", "TestCertificates", "TestPrograms",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "ProtonBrokerTests",
            dependencies: [
                "ProtonUtilities",
                "ProtonBroker", "ProtonTesting", "TestCertificates", "TestPrograms",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "MetricsTestKit", package: "swift-metrics"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "BrokerProgramTests", dependencies: ["BrokerProgram", "Proton", "ProtonBroker"],
            swiftSettings: settings),
        .testTarget(
            name: "ProtonTestingTests", dependencies: ["ProtonUtilities", "Proton", "ProtonBroker", "ProtonTesting"],
            swiftSettings: settings),
        .testTarget(
            name: "ProtonBrokerStoreTests",
            dependencies: [
                "ProtonUtilities",
                "Proton", "ProtonBroker", "ProtonBrokerStore", "ProtonTesting", "TestPrograms", "store_writer",
                .product(name: "GRDB", package: "GRDB.swift", condition: .when(traits: ["DurableBroker"])),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "ProtonServiceLifecycleTests",
            dependencies: [
                "Proton", "ProtonServiceLifecycle", "ProtonTesting",
                .product(name: "Logging", package: "swift-log"),
                .product(
                    name: "ServiceLifecycle", package: "swift-service-lifecycle",
                    condition: .when(traits: ["ServiceLifecycle"])),
                .product(
                    name: "ServiceLifecycleTestKit", package: "swift-service-lifecycle",
                    condition: .when(traits: ["ServiceLifecycle"])),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "ProtonMetricsTests",
            dependencies: [
                "Proton", "ProtonMetrics", "ProtonTesting",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "MetricsTestKit", package: "swift-metrics"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "ProtonTracingTests",
            dependencies: [
                "Proton", "ProtonTesting", "ProtonTracing", "TestPrograms",
                .product(
                    name: "InMemoryTracing", package: "swift-distributed-tracing", condition: .when(traits: ["Tracing"])
                ),
                .product(name: "Tracing", package: "swift-distributed-tracing", condition: .when(traits: ["Tracing"])),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "ProtonFoundationTests",
            dependencies: ["AMQP", "Proton", "ProtonFoundation", "ProtonTesting", "TestPrograms"],
            swiftSettings: settings),
        .testTarget(
            name: "ProtonNIOTests",
            dependencies: [
                "AMQP", "Proton", "ProtonNIO",
                .product(name: "NIOCore", package: "swift-nio", condition: .when(traits: ["NIO"])),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "ProtonConfigurationTests",
            dependencies: [
                "ProtonUtilities", "Proton", "ProtonConfiguration", "ProtonTesting",
                .product(
                    name: "Configuration", package: "swift-configuration", condition: .when(traits: ["Configuration"])),
            ],
            swiftSettings: settings),
        // The snippets of the articles, compiled.
        .testTarget(
            name: "SnippetTests",
            dependencies: [
                "Proton", "ProtonBroker", "ProtonBrokerStore", "ProtonMetrics", "ProtonServiceLifecycle",
                "ProtonTesting",
                "ProtonTracing",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Logging", package: "swift-log"),
                .product(
                    name: "ServiceLifecycle", package: "swift-service-lifecycle",
                    condition: .when(traits: ["ServiceLifecycle"])),
                .product(
                    name: "UnixSignals", package: "swift-service-lifecycle",
                    condition: .when(traits: ["ServiceLifecycle"])),
            ],
            swiftSettings: settings),
        // Certificates for the tests, which are made as they run.
        .target(
            name: "TestCertificates", dependencies: ["TestPrograms"], path: "Tests/TestCertificates",
            swiftSettings: settings),
        // How tests start programs.
        .target(name: "TestPrograms", path: "Tests/TestPrograms", swiftSettings: settings),
        // What the store's tests kill as it writes.
        .executableTarget(
            name: "store_writer",
            dependencies: [
                "ProtonUtilities",
                "Proton", "ProtonBroker", "ProtonBrokerStore",
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Tests/StoreWriter", swiftSettings: settings),
        // Random frames against the engine, the broker and clients: scripts/fuzz.sh.
        .executableTarget(
            name: "frame_fuzzer",
            dependencies: ["AMQP", "ProtonEngine", "ProtonTesting"],
            path: "Tests/Fuzz/FrameFuzzer", swiftSettings: settings),
        // Runs the programs that are built beside it, as a user would: it needs none of their code, but a peer for them.
        .testTarget(
            name: "ExampleTests", dependencies: ["ProtonTesting", "TestCertificates", "TestPrograms"],
            swiftSettings: settings),
        // The parts of the program `amqp`, and the program, which is built beside the tests.
        .testTarget(
            name: "AMQPToolTests",
            dependencies: [
                "AMQPTool", "Proton", "ProtonBroker", "ProtonTesting", "TestCertificates", "TestPrograms",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings),
        // Needs brokers to be started: scripts/interop.sh.
        .testTarget(name: "InteropTests", dependencies: ["Proton", "TestPrograms"], swiftSettings: settings),
    ]
)

// Warnings are errors for `make lint` and `make test` only: those of a newer compiler must not break our users' builds.
if Context.environment["SWIFT_QPID_PROTON_STRICT"] != nil {
    for target in package.targets where target.type != .system {
        target.swiftSettings = (target.swiftSettings ?? []) + [.treatAllWarnings(as: .error)]
    }
}

// One target of tests with what it needs, for runs that take long to build: scripts/sanitize.sh.
if let wanted = Context.environment["SWIFT_QPID_PROTON_TESTS"] {
    package.targets.removeAll { $0.type == .executable || ($0.type == .test && $0.name != wanted) }
    package.products.removeAll { $0 is Product.Executable }
}
