// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine

/// The messages of a blocking receiver that was made with a handler: they are the handler's.
final class HandlerTraffic: LinkTraffic {
    private let credit: Int

    /// - Parameter credit: what to give the peer at each attach, where the handler has given less.
    init(credit: Int) {
        self.credit = credit
    }

    var waitingCount: Int { 0 }

    func attached(_ link: Link) {
        guard let receiver = link as? Receiver, receiver.credit <= credit / 2, credit > receiver.credit else { return }
        receiver.grant(credit - receiver.credit)
    }

    func flow(_ link: Link) {}
    func arrived(_ delivery: Delivery) {}
    func interrupted(_ error: ProtonError) {}
    func closing(_ link: Link) {}
    func ended(_ error: ProtonError) {}
}

/// A program's handler of a blocking link, followed by that of the calls that wait.
final class Accompanied: ProtonHandler {
    let handlers: [any ProtonHandler]

    init(_ program: any ProtonHandler, by link: any ProtonHandler) {
        handlers = [program, link]
    }
}
