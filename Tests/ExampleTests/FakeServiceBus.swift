// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import Synchronization

/// What the example `service_bus` needs of Azure Service Bus: TLS, PLAIN, and one queue whose messages are received by session.
final class FakeServiceBus: Sendable {
    let port: Int
    private let thread: ContainerThread

    /// Listens on a free port, for the user `policy` with the password `s3cret`.
    init(_ certificate: TLSCertificate) throws {
        let options = ConnectionOptions(
            allowedMechanisms: ["PLAIN"], authentication: .required(OnePolicy()), reconnect: nil)
        let container = try Container(Queue(), options: options)
        port =
            try container.listen("amqps://127.0.0.1:0", tls: TLSServerOptions(certificate: certificate)).port ?? 0
        thread = try ContainerThread(container)
    }

    /// Waits for its end.
    func stop() async throws {
        thread.container.stop()
        try await onThread { [thread] in try thread.wait(timeout: .seconds(10)) }
    }

    private struct OnePolicy: Authenticator {
        var mechanisms: Set<SASLMechanism> { [.plain] }

        func verify(_ login: PasswordLogin) async -> Bool { login.user == "policy" && login.password == "s3cret" }

        func scramCredential(for user: String, hash: SCRAMHash) async -> SCRAMCredential? { nil }
    }

    private final class Queue: MessagingHandler {
        private var messages: [Message] = []

        func onMessage(_ event: MessageEvent) { messages.append(event.message) }

        func onLinkOpening(_ event: LinkEvent) {
            guard let sender = event.sender else { return }
            let key = Symbol("com.microsoft:session-filter")
            let wanted = sender.remoteSource.filter[key]?.stringValue ?? messages.first?.groupID
            // Where nothing waits, the link is attached once something does: never, here.
            if let wanted { sender.source.filter = [.symbol(key): .string(wanted)] }
        }

        func onSendable(_ event: SenderEvent) throws {
            let session = event.sender.source.filter[Symbol("com.microsoft:session-filter")]?.stringValue
            while event.sender.credit > 0, let index = messages.firstIndex(where: { $0.groupID == session }) {
                try event.sender.send(messages.remove(at: index))
            }
        }

        func onTransportError(_ event: TransportEvent) {}
    }
}
