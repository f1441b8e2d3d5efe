// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Options as text, without the password: it appears in no description, mirror or dump.
extension ConnectionOptions: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private var parts: [(label: String?, value: Any)] {
        [
            ("user", user ?? "none"), ("password", password == nil ? "none" : "(hidden)"), ("usesSASL", usesSASL),
            ("credentials", credentials.map { $0.description } ?? "none"), ("allowedMechanisms", allowedMechanisms),
            ("allowsInsecureMechanisms", allowsInsecureMechanisms),
            ("clientMechanisms", clientMechanisms.map { $0.name.description }),
            ("allowsPeersWithoutSASL", allowsPeersWithoutSASL),
            ("tls", tls.map { $0 as Any } ?? "the default"),
            ("virtualHost", virtualHost ?? "the URL's"), ("containerID", containerID ?? "the container's"),
            ("offeredCapabilities", offeredCapabilities), ("desiredCapabilities", desiredCapabilities),
            ("properties", properties), ("reconnect", reconnect.map { $0 as Any } ?? "none"),
            ("reconnectPolicy", reconnectPolicy), ("limits", limits),
        ]
    }

    /// The options with their names, such as `ConnectionOptions(user: guest, password: (hidden), …)`.
    public var description: String {
        "ConnectionOptions(\(parts.map { "\($0.label ?? ""): \($0.value)" }.joined(separator: ", ")))"
    }

    /// The same as `description`, so that the debug output of a value that contains options does not show the password either.
    public var debugDescription: String { description }

    /// The options with their names, without the password.
    public var customMirror: Mirror { Mirror(self, children: parts) }
}
