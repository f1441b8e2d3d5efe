public import ProtonEngine

/// Something to set on a link before it is opened.
public struct LinkOption: Sendable {
    private let body: @Sendable (Link) -> Void

    /// Creates an option of the program's own.
    public init(_ body: @escaping @Sendable (Link) -> Void) {
        self.body = body
    }

    /// Sets the option on a link that is not open yet.
    public func apply(to link: Link) {
        body(link)
    }

    /// Messages are sent settled: each arrives once or not at all, and no outcome comes back.
    public static let atMostOnce = LinkOption { $0.senderSettleMode = .settled }

    /// Messages are sent unsettled, and settled when their outcome is known: each arrives once or more.
    public static let atLeastOnce = LinkOption {
        $0.senderSettleMode = .unsettled
        $0.receiverSettleMode = .first
    }
}
