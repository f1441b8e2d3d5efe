import Proton
import ProtonBroker
import Testing

/// Debian's Python programs as clients of the broker.
struct PythonTests {
    @Test func sendsAndReceives() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let url = "\(broker.address)/q"
        let sender = try Program.python("simple_send.py", "-a", url, "-m", "100").wait()
        #expect(sender.status == 0 && sender.output == "all messages confirmed\n")
        let receiver = try Program.python("simple_recv.py", "-a", url, "-m", "100").wait()
        #expect(receiver.status == 0)
        #expect(receiver.output == (1...100).map { "{'sequence': \($0)}\n" }.joined())
    }

    @Test func receivesWhatWeSend() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        try broker.send((1...3).map { Message(id: MessageID($0), body: ["sequence": .long(Int64($0))]) }, to: "q")
        let receiver = try Program.python("simple_recv.py", "-a", "\(broker.address)/q", "-m", "3").wait()
        #expect(receiver.output == "{'sequence': 1}\n{'sequence': 2}\n{'sequence': 3}\n")
    }
}
