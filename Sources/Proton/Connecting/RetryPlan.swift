/// Which of several URLs to try next, and when: a state machine without a clock or a socket.
struct RetryPlan {
    /// What is known of a connection that was lost, or never made.
    enum Loss {
        /// It was never open, or for a moment only, which does not count: a peer that takes connections and drops them
        /// would be tried without a pause.
        case failedTry
        /// It was open for a while.
        case drop
    }

    /// nil connects once: each URL is tried, and a connection that was open is not made again.
    var backoff: Backoff?
    /// The URL to try.
    private(set) var urlIndex = 0
    /// How many rounds through the URLs have failed in a row.
    private(set) var failedRounds = 0

    init(_ backoff: Backoff?) {
        self.backoff = backoff
    }

    /// Goes on to the next try.
    /// - Parameter elapsed: the time since the first of the tries that have failed in a row, or since the loss.
    /// - Returns: how long to wait before it; nil where there is none.
    mutating func next(
        after loss: Loss, urlCount: Int, elapsed: Duration = .zero, chance: Double
    ) -> Duration? {
        switch loss {
        case .drop:
            guard let backoff else { return nil }
            (urlIndex, failedRounds) = (0, 0)
            return backoff.delay(before: 0, chance: chance)
        case .failedTry:
            if urlIndex + 1 < urlCount {
                urlIndex += 1
                return .zero
            }
            urlIndex = 0
            failedRounds += 1
            return backoff?.delay(before: failedRounds, elapsed: elapsed, chance: chance)
        }
    }

    /// Begins with the first of new URLs, as if nothing had failed yet.
    mutating func restart() {
        (urlIndex, failedRounds) = (0, 0)
    }
}
