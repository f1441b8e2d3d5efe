// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import ProtonEngine

/// A setting of a link that is applied before the link is opened.
///
/// Settings for receivers do nothing on a sender, as in the Python binding.
public struct LinkOption: Sendable {
    private let body: @Sendable (Link) -> Void

    /// Creates an option from a closure.
    public init(_ body: @escaping @Sendable (Link) -> Void) {
        self.body = body
    }

    /// Sets the option on a link that is not open yet.
    public func apply(to link: Link) {
        body(link)
    }

    // MARK: Settlement

    /// Messages are sent settled: each arrives once or not at all, without an outcome.
    public static let atMostOnce = LinkOption { $0.senderSettleMode = .settled }

    /// Messages are sent unsettled, and settled when their outcome is known: each arrives once or more.
    public static let atLeastOnce = LinkOption {
        $0.senderSettleMode = .unsettled
        $0.receiverSettleMode = .first
    }

    /// Whether the sender settles messages when it sends them (AMQP 1.0, 2.8.2).
    public static func senderSettleMode(_ mode: SenderSettleMode) -> LinkOption {
        LinkOption { $0.senderSettleMode = mode }
    }

    /// When the receiver settles (AMQP 1.0, 2.8.3).
    public static func receiverSettleMode(_ mode: ReceiverSettleMode) -> LinkOption {
        LinkOption { $0.receiverSettleMode = mode }
    }

    /// Generates the delivery tags of messages that are sent without one, see `Sender.makeTag`; for senders.
    public static func tags(_ makeTag: @escaping @Sendable () -> [UInt8]) -> LinkOption {
        LinkOption { ($0 as? Sender)?.makeTag = makeTag }
    }

    // MARK: The link

    /// The link properties, with symbols as keys; keys that are strings are sent as symbols.
    public static func properties(_ properties: AMQPMap) -> LinkOption {
        LinkOption { $0.properties = properties.keyedBySymbols }
    }

    /// The maximum message size that this side accepts, in bytes; nil sets no limit. See `Link.maxMessageSize`.
    public static func maxMessageSize(_ size: Int?) -> LinkOption {
        LinkOption { $0.maxMessageSize = size }
    }

    // MARK: Source and target

    /// Sets fields of this side's source, as in `.source { $0.timeout = 60 }`.
    public static func source(_ body: @escaping @Sendable (Terminus) -> Void) -> LinkOption {
        LinkOption { body($0.source) }
    }

    /// Sets fields of this side's target, as in `.target { $0.capabilities = ["queue"] }`.
    public static func target(_ body: @escaping @Sendable (Terminus) -> Void) -> LinkOption {
        LinkOption { body($0.target) }
    }

    /// Receives only messages that match a JMS selector, such as `colour = 'green'`; for receivers.
    ///
    /// A peer that does not support selectors omits it in its answer: see `remoteSource.filter`.
    /// - Parameters:
    ///   - selector: the condition, in the selector language of JMS.
    ///   - name: the filter's name, for a source that has several.
    public static func selector(_ selector: String, name: Symbol = "selector") -> LinkOption {
        let filter = Described(descriptor: .symbol("apache.org:selector-filter:string"), value: .string(selector))
        return .filter([.symbol(name): .described(filter)])
    }

    /// Adds filters by name to the source (AMQP 1.0, 3.5.8); for receivers.
    ///
    /// Keys that are strings are sent as symbols. The values are described values, as peers define them.
    public static func filter(_ filters: AMQPMap) -> LinkOption {
        receiver { receiver in
            var all = receiver.source.filter
            for (name, filter) in filters.keyedBySymbols { all[name] = filter }
            receiver.source.filter = all
        }
    }

    /// Messages stay at the node for other receivers (browsing); for receivers.
    public static let copy = receiver { $0.source.distributionMode = .copy }

    /// Messages that are taken are removed from the node; for receivers.
    public static let move = receiver { $0.source.distributionMode = .move }

    /// The source and its messages are kept while no receiver is attached; for receivers.
    ///
    /// They are kept until a receiver of the same name from the same container closes the link rather than detaches it. The async
    /// client has `AMQPConnection.subscription` for this.
    public static let durableSubscription = receiver {
        $0.source.durability = .unsettledState
        $0.source.expiryPolicy = .never
    }

    /// The properties of the node that the peer creates (AMQP 1.0, 3.5.10), as in `["lifetime-policy": …]`.
    ///
    /// For a receiver's source and a sender's target. Keys that are strings are sent as symbols.
    public static func dynamicNodeProperties(_ properties: AMQPMap) -> LinkOption {
        LinkOption { link in
            let terminus = link.isReceiver ? link.source : link.target
            terminus.properties = properties.keyedBySymbols
        }
    }

    private static func receiver(_ body: @escaping @Sendable (Receiver) -> Void) -> LinkOption {
        LinkOption { link in
            if let receiver = link as? Receiver { body(receiver) }
        }
    }
}

extension AMQPMap {
    /// The map with symbols in place of string keys, which literals create.
    fileprivate var keyedBySymbols: AMQPMap {
        AMQPMap(
            map { key, value in
                if case .string(let name) = key { (.symbol(Symbol(name)), value) } else { (key, value) }
            })
    }
}
