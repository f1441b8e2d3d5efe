// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import Proton
public import ProtonBroker
import ProtonUtilities

/// Runs a body with a broker of its own on a free loopback port, and stops the broker when the body returns or throws.
///
///     try withBroker { broker in
///         try Container(HelloWorld(server: broker.address)).run()
///     }
///
/// The broker runs on a thread of its own. Its messages are deleted at the end. After the body, this blocks until the broker has
/// ended, at most for `BrokerOptions.stopGrace` and one second.
/// - Parameters:
///   - options: the broker's options.
///   - clock: the broker's clock, such as a `TestClock`; nil, the default, means the system's clock.
///   - body: a closure that uses the broker; it may stop the broker itself.
/// - Returns: the result of the body.
/// - Throws: any error that the body throws; the errors of `Broker.start`; `ProtonError.Code.timedOut` if the broker does not end
///   in time.
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

/// Runs an async body with a broker of its own on a free loopback port, and stops the broker when the body returns or throws.
///
/// Works as the form without `async`, and blocks no thread of the caller: it returns when the broker has ended, also if the task
/// is cancelled. For calls that block, such as `Container.run`, use `onThread`.
/// - Parameters:
///   - options: the broker's options.
///   - clock: the broker's clock, such as a `TestClock`; nil, the default, means the system's clock.
///   - body: a closure that uses the broker; it may stop the broker itself.
/// - Returns: the result of the body.
/// - Throws: any error that the body throws; the errors of `Broker.start`; `ProtonError.Code.timedOut` if the broker does not end
///   in time.
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
