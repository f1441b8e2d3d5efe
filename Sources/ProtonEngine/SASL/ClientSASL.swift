import CProton

/// A client's SASL exchange on a transport.
final class ClientSASL: SASLContext, @unchecked Sendable {
    private var client = SASLClient()
    private let source: CredentialSource
    private let attempt: Int
    private let circumstances: MechanismChoice.Circumstances
    private let allowsInsecure: Allowance

    /// - Parameter attempt: how many tries of the connection came before.
    init(
        frames: FrameLayer?, tls: TLSSession?, _ workQueue: WorkQueue, _ source: CredentialSource, attempt: Int,
        _ circumstances: MechanismChoice.Circumstances, _ allowsInsecure: Allowance
    ) {
        (self.source, self.attempt) = (source, attempt)
        (self.circumstances, self.allowsInsecure) = (circumstances, allowsInsecure)
        super.init(frames: frames, tls: tls, workQueue)
    }

    override func take(_ layer: SASLLayer, offered: [String]) {
        var circumstances = circumstances
        circumstances.isProtected = layer.isEncrypted || allowsInsecure.includes(isLoopback: layer.isLoopback)
        let names = offered.map { SASLMechanism(rawValue: $0) }
        let credentials: Credentials? = if case .fixed(let credentials) = source { credentials } else { nil }
        perform(client.take(names, credentials, circumstances), layer)
    }

    override func challenge(_ layer: SASLLayer, _ challenge: [UInt8]) { perform(client.challenge(challenge), layer) }

    override func outcome(_ layer: SASLLayer, _ code: UInt8, _ data: [UInt8]?) -> Bool {
        if case .fail(let failure) = client.outcome(code, data) {
            self.failure = failure
            return false
        }
        return code == 0
    }

    /// The largest response that is sent, in bytes. An assertion of proton's fails where one fills its 8 KiB for output but
    /// for a few bytes and the server's outcome has come with its mechanisms.
    static let maxResponseSize = 6_000

    private func perform(_ action: SASLClient.Action, _ layer: SASLLayer) {
        switch action {
        case .none: break
        case .begin(_, let response?) where response.count > ClientSASL.maxResponseSize,
            .respond(let response) where response.count > ClientSASL.maxResponseSize:
            failure = .credentials(
                ProtonError(
                    .invalidArgument,
                    "The password or token is too long: a response of SASL has \(ClientSASL.maxResponseSize) bytes at most."
                ))
            layer.giveUp()
        case .ask: ask()
        case .begin(let mechanism, let response):
            layer.select(mechanism)
            layer.post(SASL_POSTED_INIT, response.map { keep($0, as: .bytes) })
        case .respond(let response): layer.post(SASL_POSTED_RESPONSE, keep(response, as: .bytes))
        case .compute(let work):
            elsewhere {
                do {
                    return Result<_, any Error>.success(try await work())
                } catch {
                    return .failure(error)
                }
            } then: { [weak self] layer, result in
                guard let self else { return }
                perform(client.computed(result), layer)
            }
        case .fail(let failure):
            self.failure = failure
            layer.giveUp()
        }
    }

    /// Asks the program for its credentials.
    private func ask() {
        guard case .provider(let provide) = source else { return }
        let attempt = attempt
        elsewhere {
            do {
                return Result<_, any Error>.success(try await provide(attempt))
            } catch {
                return .failure(error)
            }
        } then: { [weak self] layer, result in
            guard let self else { return }
            user = (try? result.get())?.user
            perform(client.take(result), layer)
        }
    }
}
