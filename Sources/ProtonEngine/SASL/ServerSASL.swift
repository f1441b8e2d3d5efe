// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP

/// A listener's SASL exchange on a transport.
final class ServerSASL: SASLContext, @unchecked Sendable {
    private var server: SASLServer
    private let authenticator: (any Authenticator)?

    init(
        frames: FrameLayer?, tls: TLSSession?, trace: FrameTrace?, maxFrameSize: UInt32, _ workQueue: WorkQueue,
        _ server: SASLServer, _ authenticator: (any Authenticator)?
    ) {
        (self.server, self.authenticator) = (server, authenticator)
        super.init(
            isServer: true, frames: frames, tls: tls, trace: trace, maxFrameSize: maxFrameSize, workQueue)
    }

    override func offers(_ layer: SASLLayer) -> [SASLMechanism] {
        requireTLS(layer)
        return server.offers(to: layer.peer)
    }

    override func take(_ frame: SASLFrame, _ layer: SASLLayer) -> Bool {
        switch frame {
        case .initialize(let name, let response):
            requireTLS(layer)
            let name = SASLMechanism(rawValue: name)
            mechanism = name
            perform(server.begin(name, response, layer.peer), name, layer)
        case .response(let response):
            perform(server.respond(response, layer.peer), mechanism ?? SASLMechanism(rawValue: ""), layer)
        case .mechanisms, .challenge, .outcome: return false
        }
        return true
    }

    /// Disables authentication over a connection that must be encrypted and is not.
    private func requireTLS(_ layer: SASLLayer) {
        if let tls, tls.requiresTLS, !layer.isEncrypted { server.forbid() }
    }

    private func perform(_ action: SASLServer.Action, _ name: SASLMechanism, _ layer: SASLLayer) {
        let (peer, authenticator) = (layer.peer, authenticator)
        switch action {
        case .none: break
        case .challenge(let bytes): post(.challenge(bytes), layer)
        case .check(let exchange, let response):
            elsewhere {
                await SASLServer.check(exchange, response, name, peer, authenticator)
            } then: { [weak self] layer, result in
                guard let self else { return }
                perform(server.checked(result), name, layer)
            }
        case .report(let attempt):
            elsewhere {
                await authenticator?.refused(attempt)
            } then: { [weak self] layer, _ in
                guard let self else { return }
                perform(server.reported(attempt), name, layer)
            }
        case .end(let verdict): end(verdict, layer)
        }
    }

    private func end(_ verdict: SASLServer.Verdict, _ layer: SASLLayer) {
        // The result is too late if the peer has violated the protocol in the meantime.
        guard isUnderWay else { return }
        switch verdict {
        case .success(let user, let authorization, let data):
            post(.outcome(code: 0, data: data), layer)
            succeed(layer, user: user, authorization: authorization)
        case .failure(let attempt):
            failure = .attempt(attempt)
            post(.outcome(code: attempt.outcome == .unavailable ? 4 : 1, data: nil), layer)
            fail(
                Condition(
                    .unauthorizedAccess,
                    "Failed to authenticate client [mech=\(mechanism?.rawValue.prefix(64) ?? "none")]"))
        }
    }
}
