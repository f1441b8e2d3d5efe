// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

extension Link {
    /// A description of the link for messages: `sender to examples`, or its name if it has no address.
    package final var title: String {
        let (here, there) = isSender ? (target, remoteTarget) : (source, remoteSource)
        if isSender, target.kind == .coordinator || remoteTarget.kind == .coordinator { return "link for transactions" }
        guard let address = here.address ?? there.address, !address.isEmpty else { return "link \(name)" }
        return isSender ? "sender to \(address)" : "receiver from \(address)"
    }
}
