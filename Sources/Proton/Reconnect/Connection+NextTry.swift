// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import ProtonEngine

extension Connection {
    /// Changes where and how this connection is made again; for use in `onTransportError` or `onDisconnected`, for instance.
    ///
    /// After that, one more attempt follows even an error that `ConnectionOptions.reconnectPolicy` calls final. To stop further
    /// attempts, close the connection.
    /// - Parameters:
    ///   - urls: the peers to try, in place of those passed to `connect`; nil keeps them.
    ///   - change: changes the options of later attempts: user, password, mechanisms, limits, `reconnect`. The fields of this
    ///     side's open frame (container id, capabilities, properties) are set on the connection itself.
    /// - Throws: `AMQPURLError`; `ProtonError.Code.invalidArgument` for invalid options, and for a connection that a peer made.
    public func setNextTry(
        urls: [String]? = nil, _ change: (inout ConnectionOptions) -> Void = { _ in }
    ) throws {
        guard let context, var reconnection = context.reconnection else {
            throw ProtonError(.invalidArgument, "A connection that a peer made is not made again from here.")
        }
        // A copy, since functions that `change` calls may read the one that is in use.
        try reconnection.change(urls: urls.map { try Container.parse($0) }, change)
        context.reconnection = reconnection
    }
}
