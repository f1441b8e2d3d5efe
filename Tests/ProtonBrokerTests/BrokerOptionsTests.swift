// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import Testing

@testable import ProtonBroker

/// What options mean and which are refused, without a broker.
struct BrokerOptionsTests {
    @Test("Options that make no sense are named", arguments: BrokerOptionsTests.wrong)
    func wrongOption(message: String, change: @Sendable (inout BrokerOptions) -> Void) throws {
        var options = BrokerOptions()
        try options.validate()
        change(&options)
        let error = #expect(throws: ProtonError.self) { try options.validate() }
        #expect(error?.code == .invalidArgument && error?.message == message)
    }

    private static let wrong: [(String, @Sendable (inout BrokerOptions) -> Void)] = [
        ("redelivery.maxDeliveries is 0: it must be at least 1.", { $0.redelivery.maxDeliveries = 0 }),
        (
            "redelivery.delay is -1.0 seconds: it must be from zero to a day.",
            { $0.redelivery.delay = .seconds(-1) }
        ),
        (
            "redelivery.maxDelay is 0.05 seconds: it must be from the delay to a day.",
            { $0.redelivery.maxDelay = .milliseconds(50) }
        ),
        (
            "redelivery.maxDelay is 86401.0 seconds: it must be from the delay to a day.",
            { $0.redelivery.maxDelay = .seconds(86_401) }
        ),
        ("deadLetterAddress: The address is empty.", { $0.deadLetterAddress = "" }),
        ("deadLetterAddress: '*' alone would be the queue itself.", { $0.deadLetterAddress = "*" }),
        ("deadLetterAddress: '*' may come once in 'a/*/*'.", { $0.deadLetterAddress = "a/*/*" }),
        (
            "subscriptionPolicy is withholdCredit: it must be dropOldest or reject.",
            { $0.subscriptionPolicy = .withholdCredit }
        ),
        (
            "queues: redelivery of a.maxDeliveries is 0: it must be at least 1.",
            { $0.queues = [QueueDeclaration("a", redelivery: RedeliveryPolicy(maxDeliveries: 0))] }
        ),
        (
            "queues: deadLetterAddress of a: The address is empty.",
            { $0.queues = [QueueDeclaration("a", deadLetterAddress: "")] }
        ),
    ]

    @Test(
        "Redeliveries after failures",
        arguments: [
            (RedeliveryPolicy(), 1, .deliver(after: .zero)),
            (RedeliveryPolicy(), 2, .deliver(after: .zero)),
            (RedeliveryPolicy(), 3, .deliver(after: .milliseconds(100))),
            (RedeliveryPolicy(), 4, .deliver(after: .milliseconds(200))),
            (RedeliveryPolicy(), 9, .deliver(after: .milliseconds(6_400))),
            (RedeliveryPolicy(), 10, .deliver(after: .seconds(10))),
            (RedeliveryPolicy(), .max, .deliver(after: .seconds(10))),
            (RedeliveryPolicy(delay: .zero), .max, .deliver(after: .zero)),
            (RedeliveryPolicy(maxDeliveries: 1), 0, .deliver(after: .zero)),
            (RedeliveryPolicy(maxDeliveries: 1), 1, .deadLetter),
            (RedeliveryPolicy(maxDeliveries: 4), 3, .deliver(after: .milliseconds(100))),
            (RedeliveryPolicy(maxDeliveries: 4), 5, .deadLetter),
        ] as [(RedeliveryPolicy, UInt32, RedeliveryPolicy.Decision)])
    func redelivery(policy: RedeliveryPolicy, failures: UInt32, decision: RedeliveryPolicy.Decision) throws {
        try policy.validate("redelivery")
        #expect(policy.decision(afterFailures: failures) == decision)
    }

    @Test(
        "Addresses of dead letters",
        arguments: [
            ("dead", "orders", "dead"),
            ("dead", "dead", nil),
            ("dead/*", "orders", "dead/orders"),
            ("dead/*", "a*b", "dead/a*b"),
            ("dead/*", "dead/", "dead/dead/"),
            ("dead/*", "dead/orders", nil),
            ("*.dead", "orders", "orders.dead"),
            ("*.dead", "orders.dead", nil),
            ("x*x", "x", "xxx"),
            ("x*x", "xxx", nil),
        ])
    func deadLetterAddress(pattern: String, queue: String, address: String?) throws {
        try DeadLetterAddress.validate(pattern, "deadLetterAddress")
        #expect(DeadLetterAddress(pattern).address(for: queue) == address)
    }
}
