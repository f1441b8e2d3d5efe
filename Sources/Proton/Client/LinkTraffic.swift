// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine

/// The messages of a client's link: handles the link's events in its connection's domain.
protocol LinkTraffic: AnyObject, Sendable {
    /// How many messages wait here: for credit, or for the program.
    var waitingCount: Int { get }
    /// The peer has attached the link, for the first time or after the connection was lost.
    func attached(_ link: Link)
    /// The link's credit has changed.
    func flow(_ link: Link)
    /// A message, or an update of a delivery, has arrived.
    func arrived(_ delivery: Delivery)
    /// The connection is lost, and its deliveries with it; it is being made again.
    func interrupted(_ error: ProtonError)
    /// The program wants no more messages, and still handles those that have arrived. Called on any thread, perhaps repeatedly.
    func finish(_ link: ClientLink)
    /// The link is being closed, by the program or by the peer, and can still be used.
    func closing(_ link: Link)
    /// The link has ended: no more events follow. Called on any thread, once.
    func ended(_ error: ProtonError)
}

extension LinkTraffic {
    /// Does nothing: only receivers of the program can finish.
    func finish(_ link: ClientLink) {}
}
