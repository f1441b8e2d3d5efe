import Proton

/// Which messages of which topics a subscriber gets.
struct Subscription: Sendable {
    /// The addresses of the topics, as the subscriber names them.
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

    /// Whether another one gives the same messages.
    func isSame(as other: Subscription) -> Bool {
        Address(address) == Address(other.address) && selectorText == other.selectorText
    }

    // MARK: In a store

    /// What the store keeps of it.
    var details: [UInt8] {
        // Two strings of limited size can always be encoded.
        (try? AMQPValue.list([.string(address), selectorText.map { .string($0) } ?? .null]).encoded()) ?? []
    }

    /// The subscription that a store has kept; nil of what is none.
    init?(details: [UInt8]) {
        guard case .list(let fields)? = try? AMQPValue(decoding: details), fields.count == 2,
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
