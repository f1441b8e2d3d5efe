// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine
import ProtonUtilities

/// A link that a peer has attached, until the program has decided about it.
final class IncomingLink: Sendable {
    let attach: AMQPAttach
    /// Whether the peer sends on it.
    let peerSends: Bool
    let core: ClientConnection
    private let isDecided = UncheckedMutex(false)
    /// The link itself, until it is answered. Used in the connection's domain.
    private let link: UncheckedMutex<Link?>

    /// Called in the connection's domain.
    init(_ link: Link, _ core: ClientConnection) {
        attach = AMQPAttach(link)
        peerSends = link.isReceiver
        self.core = core
        self.link = UncheckedMutex(link)
    }

    deinit {
        // Also reached by a link that was accepted, and released before it was answered.
        guard let link = link.withLock({ $0 }) else { return }
        let refused = UncheckedMutex<Link?>(link)
        _ = core.post { _ in
            if let link = refused.withLock({ exchange(&$0, with: nil) }) {
                link.refuse(Condition(.resourceLimitExceeded, "Nobody here takes the link."))
            }
        }
    }

    /// The answer to a link that was accepted.
    struct Answer: Sendable {
        let link: IncomingLink
        let address: String?
        let options: LinkOption

        /// The address, unless it was generated for a dynamic node.
        var chosenAddress: String? {
            (link.peerSends ? link.attach.target : link.attach.source).isDynamic ? nil : address
        }

        /// The link's description in messages.
        var title: String {
            let name = "\"\(link.attach.name.escapedForLog(upTo: 200))\""
            return link.peerSends
                ? "receiver of the peer's link \(name) to \(address?.escapedForLog(upTo: 200) ?? "no address")"
                : "sender on the peer's link \(name) from \(address?.escapedForLog(upTo: 200) ?? "no address")"
        }

        /// Attaches the link on this side; called in the connection's domain.
        func attach(_ handler: any ProtonHandler) throws -> Link {
            guard let attached = link.takeLink(), attached.isLocalUninitialized, !attached.isRemoteClosed else {
                throw ProtonError(.closed, "The peer has closed the link.")
            }
            attached.handler = handler
            attached.answer(with: address)
            options.apply(to: attached)
            attached.open()
            return attached
        }
    }

    /// Accepts the link.
    /// - Throws: `ProtonError.Code.invalidArgument` if it was accepted or refused before.
    func accept(_ address: String?, _ options: [LinkOption]) throws(ProtonError) -> Answer {
        guard decide() else {
            throw ProtonError(.invalidArgument, "The link was accepted or refused before.")
        }
        let node = peerSends ? attach.target : attach.source
        let made = node.isDynamic ? AMQPUUID.random().description : node.address
        return Answer(link: self, address: address ?? made, options: LinkOption(options))
    }

    /// Refuses the link.
    func refuse(_ condition: Condition) {
        guard decide() else { return }
        _ = core.post { [self] _ in takeLink()?.refuse(condition) }
    }

    private func decide() -> Bool { !isDecided.withLock { exchange(&$0, with: true) } }

    private func takeLink() -> Link? { link.withLock { exchange(&$0, with: nil) } }
}

extension Link {
    /// Sets the fields of this side's attach: the peer's source and target, with the node's address, and without the features
    /// that the program has not confirmed.
    fileprivate func answer(with address: String?) {
        copyRemoteTermini()
        receiverSettleMode = isSender ? remoteReceiverSettleMode : .first
        let node = isSender ? source : target
        node.address = address
        for terminus in [source, target] {
            terminus.durability = .none
            terminus.expiryPolicy = .sessionEnd
            terminus.timeout = 0
            terminus.capabilities = []
        }
        source.filter = [:]
    }

    /// Answers with a null source and target, and closes the link with the reason (AMQP 1.0, 2.6.3).
    func refuse(_ condition: Condition) {
        guard isLocalUninitialized else { return }
        source.kind = .unspecified
        target.kind = .unspecified
        open()
        close(condition)
    }
}
