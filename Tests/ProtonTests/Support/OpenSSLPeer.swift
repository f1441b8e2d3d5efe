import Foundation
import Glibc
import ProtonTesting

/// `openssl s_server`: a peer of TLS that is neither ours nor proton's, on a free port.
final class OpenSSLPeer {
    let port: Int
    private let process = Process()
    private let (input, output) = (Pipe(), Pipe())
    private var said = Data()

    /// Starts it, and waits until it listens.
    /// - Parameter arguments: other than where to listen.
    init(_ arguments: [String]) throws {
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = ["s_server", "-accept", "127.0.0.1:0"] + arguments
        (process.standardInput, process.standardOutput, process.standardError) = (input, output, output)
        try process.run()
        var port: Int?
        while port == nil {
            let more = output.fileHandleForReading.availableData
            guard !more.isEmpty else { throw TestError("openssl s_server: \(String(decoding: said, as: UTF8.self))") }
            said += more
            port = String(decoding: said, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
                .dropLast()
                .first { $0.hasPrefix("ACCEPT ") }?.split(separator: ":").last.flatMap { Int($0) }
        }
        self.port = port ?? 0
    }

    deinit { kill() }

    /// Threads of ours block the signal that `terminate` sends, and so does what they start.
    private func kill() { _ = Glibc.kill(process.processIdentifier, SIGKILL) }

    /// Ends it.
    /// - Returns: all that it has said: what it received, and what it knows of the handshake.
    func end() -> String {
        kill()
        said += output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: said, as: UTF8.self)
    }
}
