// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP

/// A client's SASL exchange on a transport.
final class ClientSASL: SASLContext, @unchecked Sendable {
    private var client = SASLClient()
    private let source: CredentialSource
    private let attempt: Int
    private let circumstances: MechanismChoice.Circumstances
    private let allowsInsecure: Allowance

    /// - Parameter attempt: the number of earlier tries to connect.
    init(
        frames: FrameLayer?, tls: TLSSession?, trace: FrameTrace?, maxFrameSize: UInt32, _ workQueue: WorkQueue,
        _ source: CredentialSource, attempt: Int, _ circumstances: MechanismChoice.Circumstances,
        _ allowsInsecure: Allowance
    ) {
        (self.source, self.attempt) = (source, attempt)
        (self.circumstances, self.allowsInsecure) = (circumstances, allowsInsecure)
        super.init(
            isServer: false, frames: frames, tls: tls, trace: trace, maxFrameSize: maxFrameSize, workQueue)
    }

    override func take(_ frame: SASLFrame, _ layer: SASLLayer) -> Bool {
        switch frame {
        case .mechanisms(let names):
            var circumstances = circumstances
            circumstances.isProtected = layer.isEncrypted || allowsInsecure.includes(isLoopback: layer.isLoopback)
            let credentials: Credentials? = if case .fixed(let credentials) = source { credentials } else { nil }
            perform(client.take(names.map { SASLMechanism(rawValue: $0) }, credentials, circumstances), layer)
        case .challenge(let challenge): perform(client.challenge(challenge), layer)
        case .outcome(let code, let data):
            switch client.outcome(code, data) {
            case .fail(let failure): giveUp(failure)
            case _ where code == 0: succeed(layer, user: nil, authorization: nil)
            default: return false
            }
        case .initialize, .response: return false
        }
        return true
    }

    /// The maximum size of a response, in bytes: AMQP 1.0 limits SASL frames to 512 bytes (5.3.1), and few servers accept much
    /// more.
    static let maxResponseSize = 6_000

    private func perform(_ action: SASLClient.Action, _ layer: SASLLayer) {
        switch action {
        case .none: break
        case .begin(_, let response?) where response.count > ClientSASL.maxResponseSize,
            .respond(let response) where response.count > ClientSASL.maxResponseSize:
            giveUp(
                .credentials(
                    ProtonError(
                        .invalidArgument,
                        "The password or token is too long: a response of SASL has \(ClientSASL.maxResponseSize) bytes at most."
                    )))
        case .ask: ask()
        case .begin(let mechanism, let response):
            self.mechanism = mechanism
            post(.initialize(mechanism: mechanism.rawValue, response: response), layer)
        case .respond(let response): post(.response(response), layer)
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
        case .fail(let failure): giveUp(failure)
        }
    }

    /// Ends the connection because authentication has failed.
    private func giveUp(_ failure: LoginFailure) {
        self.failure = failure
        fail(Condition(.unauthorizedAccess, "Authentication failed [mech=\(mechanism?.rawValue ?? "none")]"))
    }

    /// Requests the credentials from the program.
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
