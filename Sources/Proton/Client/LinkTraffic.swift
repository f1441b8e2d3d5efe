// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine

/// The messages of a client's link: what it does with the link in its connection's domain.
protocol LinkTraffic: AnyObject, Sendable {
    /// How many messages wait here: for credit, or for the program.
    var waitingCount: Int { get }
    /// The peer has attached the link, for the first time or after the connection was lost.
    func attached(_ link: Link)
    /// The link's credit has changed.
    func flow(_ link: Link)
    /// A message, or news of one, has come.
    func arrived(_ delivery: Delivery)
    /// The connection is lost, and its deliveries with it; it is being made again.
    func interrupted(_ error: ProtonError)
    /// The program wants no more messages, and goes on with those that have come. Called on any thread, perhaps again.
    func finish(_ link: ClientLink)
    /// The link is being closed, by the program or by the peer, and is still there.
    func closing(_ link: Link)
    /// The link has ended: nothing more will be heard. Called on any thread, once.
    func ended(_ error: ProtonError)
}

extension LinkTraffic {
    /// What is not a receiver of the program's goes on.
    func finish(_ link: ClientLink) {}
}
