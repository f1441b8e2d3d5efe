// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// The topics and the selector of a subscriber.
struct Subscription: Sendable {
    /// The address of the topics, as the subscriber sent it.
    let address: String
    /// The text of its selector; nil for all messages.
    let selectorText: String?
    /// Whether it outlives the subscriber's link.
    let isDurable: Bool
    private let pattern: AddressPattern
    private let selector: Selector?

    init(to address: String, _ filter: SourceFilter?, isDurable: Bool) {
        self.init(to: address, filter.map { ($0.text, $0.selector) }, isDurable: isDurable)
    }

    private init(to address: String, _ selector: (text: String, Selector)?, isDurable: Bool) {
        self.address = address
        self.isDurable = isDurable
        selectorText = selector?.text
        self.selector = selector?.1
        pattern = AddressPattern(address)
    }

    func covers(_ topic: String) -> Bool { pattern.matches(topic) }

    func wants(_ bytes: [UInt8]) -> Bool {
        guard let selector else { return true }
        return selector.matches(MessageContent(bytes, selector.parts).subject(failures: 0))
    }

    /// Whether another subscription gets the same messages.
    func isSame(as other: Subscription) -> Bool {
        Address(address) == Address(other.address) && selectorText == other.selectorText
    }

    // MARK: Storage

    /// The details for the store.
    /// - Parameter owner: the owner; nil without one, which is stored in the form of brokers without users.
    func details(owner: UserName?) -> [UInt8] {
        let fields: [AMQPValue] = [.string(address), selectorText.map { .string($0) } ?? .null]
        // Strings of limited size can always be encoded.
        return (try? AMQPValue.list(fields + (owner.map { [.string($0.text)] } ?? [])).encoded()) ?? []
    }

    /// The owner of a subscription from a store; nil if it has none.
    static func owner(in details: [UInt8]) -> UserName? {
        guard !details.isEmpty, case .list(let fields)? = try? AMQPValue(decoding: details), fields.count == 3 else {
            return nil
        }
        return fields[2].stringValue.map { UserName($0) }
    }

    /// Decodes a subscription from a store; nil for other details.
    init?(details: [UInt8]) {
        guard case .list(let fields)? = try? AMQPValue(decoding: details), (2...3).contains(fields.count),
            case .string(let address) = fields[0]
        else { return nil }
        var selector: (String, Selector)?
        if let text = fields[1].stringValue {
            guard let known = try? Selector(text) else { return nil }
            selector = (text, known)
        }
        self.init(to: address, selector, isDurable: true)
    }
}
