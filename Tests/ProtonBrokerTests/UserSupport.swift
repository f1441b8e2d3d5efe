// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Logging
import Proton
import ProtonBroker

/// Users whose password is their name backwards.
struct TestUsers: Authenticator {
    let mechanisms: Set<SASLMechanism> = [.plain]

    func verify(_ login: PasswordLogin) async throws -> Bool { login.password == String(login.user.reversed()) }
    func scramCredential(for user: String, hash: SCRAMHash) async throws -> SCRAMCredential? { nil }
}

extension Broker {
    /// Starts a broker with users, and with rules where there are any.
    static func startWithUsers(
        rules: String? = nil, log: LogLines = LogLines(), _ change: (inout BrokerOptions) -> Void = { _ in }
    ) throws -> Broker {
        var options = BrokerOptions()
        options.users = TestUsers()
        options.rules = try rules.map { try AccessRules($0) }
        options.logger = Logger(label: "test") { _ in log }
        change(&options)
        return try Broker.start(options: options)
    }

    /// Where a user connects to.
    func url(_ user: String, password: String? = nil) -> String {
        "amqp://\(user):\(password ?? String(user.reversed()))@\(address)"
    }

    /// Attaches a durable subscriber, takes so many messages, and detaches or closes.
    /// - Parameter user: nil comes without a log-in.
    @discardableResult
    func subscribe(
        as user: String?, to address: String = "topic/a", id: String = "id", count: Int = 0, closes: Bool = false
    ) throws -> [String] {
        let script = Script(user.map { url($0) } ?? self.address, prefetch: 10, autoAccepts: true)
        var texts: [String] = []
        func leave(_ link: Link) { if closes { link.close() } else { link.detach() } }
        script.linkOpened = { if count == 0 { leave($0) } }
        script.message = { event in
            texts.append(event.message.text)
            if texts.count == count { leave(event.receiver) }
        }
        script.linkDetached = { _ in script.finish() }
        script.linkClosed = { _ in script.finish() }
        try script.run(containerID: id) {
            try $0.createReceiver($1, address, name: "link", options: .durableSubscription)
        }
        return texts
    }
}
