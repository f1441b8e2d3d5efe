// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A client's SASL exchange (AMQP 1.0, 5.3): a state machine, independent of proton, threads and time.
struct SASLClient {
    enum State {
        /// Waiting for the server's mechanisms.
        case waiting
        /// Waiting for the program's credentials.
        case asking(offered: [SASLMechanism])
        /// Waiting for the server's next frame.
        case exchanging(SASLMechanism, any ClientExchange, steps: Int)
        /// Waiting for the next response, which is computed off the connection's thread.
        case computing(SASLMechanism, steps: Int)
        case succeeded
        case failed(LoginFailure)
    }

    enum Action {
        case none
        /// Request the program's credentials; `take` follows.
        case ask
        /// Send sasl-init.
        case begin(SASLMechanism, response: [UInt8]?)
        /// Send sasl-response.
        case respond([UInt8])
        /// Run this off the connection's thread; `computed` follows.
        case compute(@Sendable () async throws -> (next: any ClientExchange, response: [UInt8]?))
        /// End the connection.
        case fail(LoginFailure)
    }

    /// The maximum number of challenges from a server.
    static let maxSteps = 8
    /// The maximum size of a challenge, and of the data of an outcome, in bytes.
    static let maxChallengeSize = 16_384

    private(set) var state = State.waiting
    private var circumstances = MechanismChoice.Circumstances()

    /// Handles the server's mechanisms.
    /// - Parameter credentials: nil if they have to be requested.
    mutating func take(
        _ offered: [SASLMechanism], _ credentials: Credentials?, _ circumstances: MechanismChoice.Circumstances
    ) -> Action {
        guard case .waiting = state else { return violation("it offered its mechanisms twice") }
        self.circumstances = circumstances
        if let credentials { return choose(from: offered, with: credentials) }
        state = .asking(offered: offered)
        return .ask
    }

    /// Handles the program's credentials, or its error.
    mutating func take(_ credentials: Result<Credentials, any Error>) -> Action {
        guard case .asking(let offered) = state else { return .none }
        switch credentials {
        case .success(let credentials): return choose(from: offered, with: credentials)
        case .failure(let error): return fail(.credentials(error))
        }
    }

    private mutating func choose(from offered: [SASLMechanism], with credentials: Credentials) -> Action {
        switch MechanismChoice.choose(from: offered, with: credentials, circumstances) {
        case .failure(let failure): return fail(failure)
        case .success(let choice):
            var exchange = choice.exchange
            do {
                return proceed(try exchange.start(), exchange, choice.name, steps: 0)
            } catch {
                return fail(.untrusted(choice.name, error.text))
            }
        }
    }

    /// Handles a challenge from the server.
    mutating func challenge(_ bytes: [UInt8]) -> Action {
        guard case .exchanging(let name, var exchange, let steps) = state else {
            return violation("it sent a challenge that nothing had asked for")
        }
        guard steps < SASLClient.maxSteps, bytes.count <= SASLClient.maxChallengeSize else {
            return fail(.untrusted(name, "it sent more than \(SASLClient.maxSteps) challenges, or a very long one"))
        }
        do {
            return proceed(try exchange.respond(to: bytes), exchange, name, steps: steps + 1)
        } catch {
            return fail(.untrusted(name, error.text))
        }
    }

    /// Handles the result of `Action.compute`.
    mutating func computed(_ result: Result<(next: any ClientExchange, response: [UInt8]?), any Error>) -> Action {
        guard case .computing(let name, let steps) = state else { return .none }
        switch result {
        case .success(let (next, response)): return proceed(.send(response), next, name, steps: steps)
        case .failure(let error as SASLError): return fail(.untrusted(name, error.text))
        case .failure(let error): return fail(.credentials(error))
        }
    }

    private mutating func proceed(
        _ step: ClientStep, _ exchange: any ClientExchange, _ name: SASLMechanism, steps: Int
    ) -> Action {
        switch step {
        case .send(let response):
            state = .exchanging(name, exchange, steps: steps)
            return steps == 0 ? .begin(name, response: response) : .respond(response ?? [])
        case .later(let work):
            state = .computing(name, steps: steps)
            return .compute(work)
        }
    }

    /// Handles the server's outcome.
    /// - Parameters:
    ///   - code: 0 means success (AMQP 1.0, 5.3.3.6).
    ///   - data: the additional data of the outcome; nil if there is none.
    mutating func outcome(_ code: UInt8, _ data: [UInt8]?) -> Action {
        switch state {
        case .exchanging(let name, var exchange, _):
            guard code == 0 else { return fail(.refused(name, code: code)) }
            do throws(SASLError) {
                guard data?.count ?? 0 <= SASLClient.maxChallengeSize else {
                    throw SASLError("its outcome is very long")
                }
                try exchange.finish(data)
            } catch {
                return fail(.untrusted(name, error.text))
            }
            state = .succeeded
            return .none
        case .computing(let name, _) where code != 0: return fail(.refused(name, code: code))
        case .computing(let name, _): return fail(.untrusted(name, "it accepted a log-in before it was made"))
        case .waiting, .asking: return violation("it ended a log-in before it was begun")
        case .succeeded, .failed: return violation("it ended the log-in twice")
        }
    }

    private mutating func violation(_ text: String) -> Action {
        if case .failed = state { return .none }
        return fail(.untrusted(nil, text))
    }

    private mutating func fail(_ failure: LoginFailure) -> Action {
        state = .failed(failure)
        return .fail(failure)
    }
}
