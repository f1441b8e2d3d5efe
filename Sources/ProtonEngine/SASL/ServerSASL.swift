import CProton
import Glibc

/// A listener's SASL exchange on a transport.
final class ServerSASL: SASLContext, @unchecked Sendable {
    private var server: SASLServer
    private let authenticator: (any Authenticator)?
    /// The copy that proton has made of the mechanism that the client chose.
    private var chosen: UnsafePointer<CChar>?

    init(
        frames: FrameLayer?, tls: TLSSession?, _ workQueue: WorkQueue, _ server: SASLServer,
        _ authenticator: (any Authenticator)?
    ) {
        (self.server, self.authenticator) = (server, authenticator)
        super.init(frames: frames, tls: tls, workQueue)
    }

    override func offers(_ layer: SASLLayer) -> UnsafePointer<CChar>? {
        requireTLS(layer)
        let names = server.offers(to: layer.peer).map(\.rawValue).joined(separator: " ")
        return keep(names.utf8, as: .mechanisms).baseAddress
    }

    override func initialize(_ layer: SASLLayer, _ mechanism: String, _ response: [UInt8]?) {
        forgetEarlierChoice(layer)
        requireTLS(layer)
        let peer = layer.peer
        let name = SASLMechanism(rawValue: mechanism)
        perform(server.begin(name, response, peer), name, layer)
    }

    /// Lets nobody log in over a connection that has to be encrypted, and is not.
    private func requireTLS(_ layer: SASLLayer) {
        if let tls, tls.requiresTLS, !layer.isEncrypted { server.forbid() }
    }

    /// Frees the mechanism of an earlier sasl-init: proton has put another in its place, and nobody else has the address.
    private func forgetEarlierChoice(_ layer: SASLLayer) {
        let latest = pnx_sasl_get_selected_mechanism(layer.transport)
        if let chosen, chosen != latest { free(UnsafeMutableRawPointer(mutating: chosen)) }
        chosen = latest
    }

    override func respond(_ layer: SASLLayer, _ response: [UInt8]) {
        let name = SASLMechanism(rawValue: chosen.map { String(cString: $0) } ?? "")
        perform(server.respond(response, layer.peer), name, layer)
    }

    private func perform(_ action: SASLServer.Action, _ name: SASLMechanism, _ layer: SASLLayer) {
        let (peer, authenticator) = (layer.peer, authenticator)
        switch action {
        case .none: break
        case .challenge(let bytes): layer.post(SASL_POSTED_CHALLENGE, keep(bytes, as: .bytes))
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
        switch verdict {
        // A peer that has not taken what it was offered has not read it: what it sends behind this would pass the layer by.
        case .success where !layer.canWrite:
            pn_sasl_done(pn_sasl(layer.transport), PN_SASL_TEMP)
            layer.post(SASL_POSTED_OUTCOME, nil)
        case .success(let user, let authorization, let data):
            succeed(layer)
            pnx_sasl_set_succeeded(
                layer.transport, keep(user.utf8, as: .user).baseAddress,
                keep(authorization.utf8, as: .authorization).baseAddress)
            layer.post(SASL_POSTED_OUTCOME, data.map { keep($0, as: .bytes) })
        case .failure(let attempt):
            failure = .attempt(attempt)
            pn_sasl_done(pn_sasl(layer.transport), attempt.outcome == .unavailable ? PN_SASL_TEMP : PN_SASL_AUTH)
            layer.post(SASL_POSTED_OUTCOME, nil)
        }
    }
}
