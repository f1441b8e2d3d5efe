import Proton

/// What a store keeps of a message that was delivered in vain, apart from its bytes: how often, and the annotations that
/// consumers want added.
extension QueuedMessage {
    var hasAddedAnnotations: Bool { extras?.annotations.isEmpty == false }

    /// What the store keeps; empty of a message that is as it came.
    var details: [UInt8] {
        if failures == 0, !hasAddedAnnotations { return [] }
        let annotations = AMQPMap(extras?.annotations ?? Annotations())
        // Annotations that were added have been encoded before.
        return (try? AMQPValue.list([.uint(failures), .map(annotations)]).encoded()) ?? []
    }

    /// Takes in what a store has kept. What cannot be read is left out: the message is worth more than that.
    mutating func restore(_ details: [UInt8]) {
        guard !details.isEmpty, case .list(let fields)? = try? AMQPValue(decoding: details), fields.count == 2,
            case .uint(let failures) = fields[0], case .map(let map) = fields[1]
        else { return }
        self.failures = failures
        if let annotations = Annotations(map), !annotations.isEmpty { extras = Extras(annotations: annotations) }
    }
}
