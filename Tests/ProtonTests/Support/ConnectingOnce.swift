import Proton

extension ConnectionOptions {
    /// For tests of what comes of one connection: it is not made again.
    static let once = ConnectionOptions(reconnect: nil)
}
