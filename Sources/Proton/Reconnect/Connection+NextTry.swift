// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import ProtonEngine

extension Connection {
    /// Changes where and how this connection is made again: from `onTransportError` or `onDisconnected`, for instance.
    ///
    /// With it even a failure that `ConnectionOptions.reconnectPolicy` calls final is tried again, once. To have no
    /// further try, close the connection.
    /// - Parameters:
    ///   - urls: the peers to try, in place of those given to `connect`; nil keeps them.
    ///   - change: changes options for the tries to come: user, password, mechanisms, limits, `reconnect`. What this side
    ///     says in its open frame (container id, capabilities, properties) is set on the connection itself.
    /// - Throws: `AMQPURLError`; `ProtonError.Code.invalidArgument` for options that make no sense, and for a connection
    ///   that a peer made.
    public func setNextTry(
        urls: [String]? = nil, _ change: (inout ConnectionOptions) -> Void = { _ in }
    ) throws {
        guard let context, var reconnection = context.reconnection else {
            throw ProtonError(.invalidArgument, "A connection that a peer made is not made again from here.")
        }
        // A copy, since what `change` calls may look at the one that is in use.
        try reconnection.change(urls: urls.map { try Container.parse($0) }, change)
        context.reconnection = reconnection
    }
}
