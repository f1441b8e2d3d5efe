import Proton

/// What a peer is to do: the options of the command line as plain values, which cost nothing to read in a loop.
struct Settings {
    /// How the messages that are sent are made.
    enum Mode: String, CaseIterable {
        case raw, msg, msgp
    }

    var host: String
    var port: Int
    var address: String
    var count: Int
    var bodySize: Int
    var mode: Mode
    var isSettled: Bool
    var window: Int
    var connections: Int
    var listens: Bool
    var echoes: Bool
    /// How many messages may be unsettled at once; 0 is as many as there is credit.
    var inFlight: Int

    var linkOption: LinkOption { isSettled ? .atMostOnce : .atLeastOnce }
    var hostAndPort: String { "\(host):\(port)" }
    var url: String { "\(hostAndPort)/\(address)" }
}
