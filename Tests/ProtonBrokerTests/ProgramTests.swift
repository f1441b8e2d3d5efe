import Foundation
import Proton
import ProtonBroker
import Testing

/// The programs `broker` and `demo`, run as a user would.
struct ProgramTests {
    private func startBroker(_ arguments: String...) throws -> (program: Program, address: String) {
        let program = try Program(Program.path(ofTarget: "broker"), arguments)
        let line = program.readSome()
        #expect(line.hasPrefix("listening on ") && line.hasSuffix("\n"))
        return (program, String(line.dropFirst("listening on ".count).dropLast()))
    }

    @Test(arguments: [SIGINT, SIGTERM])
    func endsGracefullyOnASignal(signal: Int32) throws {
        let (program, address) = try startBroker("127.0.0.1:0")
        let script = Script(address)
        // The broker's close ends the script; where it does not come, the script fails.
        script.connected = { program.send(signal) }
        try script.run { _, _ in }
        let (status, output, errors) = try program.wait()
        #expect(status == 0 && output.isEmpty && errors.isEmpty)
    }

    @Test func saysInOneLineThatAPortIsInUse() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let (status, output, errors) = try Program(Program.path(ofTarget: "broker"), ["-a", broker.address]).wait()
        #expect(status == 1 && output.isEmpty)
        #expect(errors.hasPrefix("Error: Cannot listen on \(broker.address): "))
        #expect(errors.filter { $0 == "\n" }.count == 1)
    }

    @Test(arguments: [["--port"], ["a:1", "b:2"], ["localhost:0", "--address", "localhost:0"]])
    func explainsWrongArguments(arguments: [String]) throws {
        let (status, output, errors) = try Program(Program.path(ofTarget: "broker"), arguments).wait()
        #expect(status == 64 && output.isEmpty)
        #expect(errors.contains("Usage: broker"))
    }

    @Test func demoPrintsItsGreeting() throws {
        let (status, output, errors) = try Program(Program.path(ofTarget: "demo")).wait()
        #expect(status == 0 && output == "Hello World!\n" && errors.isEmpty)
    }
}
