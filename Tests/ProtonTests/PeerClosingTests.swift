// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import Testing

@testable import Proton

/// Handlers to which a peer that closes is an error: what counts as that, and what does not.
@Suite(.timeLimit(.minutes(1)))
struct PeerClosingTests {
    /// Receives, and closes the connection where it is told to.
    private final class Client: MessagingHandler {
        let url: String
        let closes: Bool
        let options: HandlerOptions

        init(_ url: String, closes: Bool, _ options: HandlerOptions) {
            (self.url, self.closes, self.options) = (url, closes, options)
        }

        func onStart(_ event: ContainerEvent) throws {
            try event.container.createReceiver(event.container.connect(url), "a")
        }

        func onLinkOpened(_ event: LinkEvent) { if closes { event.connection.close() } }
    }

    private static let strict = HandlerOptions(treatsPeerCloseAsError: true)

    @Test(
        "A link or session that the peer ends after this side has closed the connection is no error",
        arguments: [PeerFailure.closesTheLink, .detachesWithoutClosing, .endsTheSession])
    func afterTheClose(failure: PeerFailure) async throws {
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            let attach = try peer.attachNext()
            try peer.expect(.close, skipping: .flow)
            try failure.play(on: peer, handle: attach.handle)
            try peer.send(.close())
            try peer.expectEnd()
        } client: { address in
            try Container(Client(address, closes: true, Self.strict), options: .once).run()
        }
    }

    @Test(
        "A link that the peer detaches without a reason is an error where a close is",
        arguments: [true, false])
    func detached(isStrict: Bool) async throws {
        let error = try await withScriptedServer { server in
            let peer = try server.acceptSession()
            let attach = try peer.attachNext()
            try peer.send(.detach(handle: attach.handle, ["closed": false]))
            guard !isStrict else {
                _ = try peer.receiveAll()
                return
            }
            try peer.expect(.detach, ["closed": .boolean(false)], skipping: .flow)
            try peer.send(.close())
        } client: { address -> ProtonError? in
            do {
                let options = isStrict ? Self.strict : HandlerOptions()
                try Container(Client(address, closes: false, options), options: .once).run()
                return nil
            } catch {
                guard let error = error as? ProtonError else { throw error }
                #expect(error.message == "\(address) detached the receiver from a: no reason was given")
                return error
            }
        }
        #expect(error?.code == (isStrict ? .linkError : nil))
    }
}
