// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine

/// The traffic of a blocking receiver that was created with a handler, which receives the messages.
final class HandlerTraffic: LinkTraffic {
    private let credit: Int

    /// - Parameter credit: the credit to give at each attach, if the handler has given less.
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

/// Calls a program's handler of a blocking link, and then the link's own handler.
final class CombinedHandler: ProtonHandler {
    let handlers: [any ProtonHandler]

    init(_ program: any ProtonHandler, by link: any ProtonHandler) {
        handlers = [program, link]
    }
}
