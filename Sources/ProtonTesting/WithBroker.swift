// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import Proton
public import ProtonBroker
import ProtonUtilities

/// Runs a body with a broker of its own on a free port of loopback, and stops that whatever the body does.
///
///     try withBroker { broker in
///         try Container(HelloWorld(server: broker.address)).run()
///     }
///
/// The broker runs on a thread of its own. Its messages are gone when the body is over. Blocks until the broker has
/// ended, for `BrokerOptions.stopGrace` and a second more at most.
/// - Parameters:
///   - options: how the broker treats its peers.
///   - clock: what its times go by, such as a `TestClock`; nil, the default, is the system's clock.
///   - body: what is done with the broker; it may stop it itself.
/// - Returns: what the body returns.
/// - Throws: what the body throws; as `Broker.start`; `ProtonError.Code.timedOut` where the broker does not end in time.
public func withBroker<Result>(
    options: BrokerOptions = BrokerOptions(), clock: (any ContainerClock)? = nil,
    _ body: (Broker) throws -> Result
) throws -> Result {
    let broker = try Broker.start(options: options, clock: clock)
    let result: Result
    do {
        result = try body(broker)
    } catch {
        broker.stop()
        throw error
    }
    try checkEnd(broker.stop(), options)
    return result
}

/// Runs an async body with a broker of its own on a free port of loopback, and stops that whatever the body does.
///
/// As the form without `async`, and blocks no thread of the caller's: also where the task is cancelled this returns
/// when the broker has ended. For calls that block, such as `Container.run`, there is `onThread`.
/// - Parameters:
///   - options: how the broker treats its peers.
///   - clock: what its times go by, such as a `TestClock`; nil, the default, is the system's clock.
///   - body: what is done with the broker; it may stop it itself.
/// - Returns: what the body returns.
/// - Throws: what the body throws; as `Broker.start`; `ProtonError.Code.timedOut` where the broker does not end in time.
public func withBroker<Result>(
    options: BrokerOptions = BrokerOptions(), clock: (any ContainerClock)? = nil,
    _ body: (Broker) async throws -> Result
) async throws -> Result {
    let broker = try Broker.start(options: options, clock: clock)
    let result: Result
    do {
        result = try await body(broker)
    } catch {
        _ = await stop(broker)
        throw error
    }
    try checkEnd(await stop(broker), options)
    return result
}

/// Stops a broker and waits for its end, on a thread that may block.
private func stop(_ broker: Broker) async -> Bool {
    await withCheckedContinuation { continuation in
        let thread = Thread.start { continuation.resume(returning: broker.stop()) }
        guard let thread else { return continuation.resume(returning: broker.stop()) }
        thread.detach()
    }
}

private func checkEnd(_ hasEnded: Bool, _ options: BrokerOptions) throws {
    guard !hasEnded else { return }
    throw ProtonError(
        .timedOut,
        "The broker did not end within \(options.stopGrace) and a second: something holds up its thread.")
}
