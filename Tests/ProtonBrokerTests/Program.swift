import Dispatch
import Foundation

/// A program that a test runs, with what it printed; no wait for it is longer than 30 seconds.
final class Program {
    /// What a wait ends with that lasted too long; the program is killed.
    struct TimedOut: Error {}

    private let process = Process()
    private let output = Pipe()
    private let errors = Pipe()
    private let ended = DispatchSemaphore(value: 0)

    /// One of the programs of this package.
    static func path(ofTarget name: String) -> String {
        // Test bundles and programs are built side by side.
        URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().appendingPathComponent(name).path
    }

    init(_ path: String, _ arguments: [String] = []) throws {
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.standardOutput = output
        process.standardError = errors
        let ended = ended
        process.terminationHandler = { _ in ended.signal() }
        try process.run()
    }

    /// Starts one of Debian's Python examples of the binding.
    static func python(_ name: String, _ arguments: String...) throws -> Program {
        try Program("/usr/bin/python3", ["/usr/share/proton/examples/python/\(name)"] + arguments)
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    }

    /// The next bytes that it prints, as text; empty once it has ended.
    func readSome() -> String {
        String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
    }

    func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

    /// Waits for its end.
    /// - Returns: its exit code, and the rest of what it printed.
    func wait() throws -> (status: Int32, output: String, errors: String) {
        guard ended.wait(timeout: .now() + .seconds(30)) == .success else {
            kill(process.processIdentifier, SIGKILL)
            throw TimedOut()
        }
        let printed = [output, errors].map { String(decoding: $0.fileHandleForReading.availableData, as: UTF8.self) }
        return (process.terminationStatus, printed[0], printed[1])
    }
}
