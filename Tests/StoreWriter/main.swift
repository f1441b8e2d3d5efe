import Glibc
import Proton
import ProtonBroker
import ProtonBrokerStore
import ProtonUtilities

// What the store's tests start and kill:
//
//   store_writer write FILE SEED     changes a store by a script, and prints how many changes are written, as they are
//   store_writer serve FILE THREADS [PORT]
//                                    serves as a broker with a store, and prints the port that it listens on
//   store_writer open FILE           opens a store as a user without rights, and prints what comes of that

func write(_ path: String, _ seed: UInt64) throws {
    let store = try SQLiteStore(path)
    var items: [StoredItem] = []
    try store.recover { items.append($0) }
    let written = Monitor(UInt64(0))
    try store.start { number in
        var line = Array("\(number)\n".utf8)
        Glibc.write(STDOUT_FILENO, &line, line.count)
        written.withLock { $0 = number }
    }
    var script = StoreScript(seed: seed, StoreModel(items))
    while true {
        let changes = script.next()
        var last: UInt64 = 0
        store.atomically { for change in changes { last = store.write(change) } }
        // The parent ends this long before.
        guard written.wait(until: Deadline(after: .seconds(20)), { last < $0 + StoreScript.window ? () : nil }) != nil
        else {
            throw ProtonError(.timedOut, "The store writes nothing for 20 seconds.")
        }
    }
}

func serve(_ path: String, threads: Int, port: Int) throws {
    var options = BrokerOptions()
    options.store = try SQLiteStore(path)
    options.threads = threads
    let broker = try Broker("127.0.0.1:\(port)", options: options)
    try broker.run {
        print(broker.port)
        fflush(nil)
    }
}

func open(_ path: String) throws {
    // Root may do everything; user 65534 is nobody.
    if geteuid() == 0, setegid(65_534) != 0 || seteuid(65_534) != 0 {
        throw ProtonError(.invalidArgument, "Cannot become nobody.")
    }
    try SQLiteStore(path).close()
    print("opened")
}

do {
    let arguments = CommandLine.arguments
    if arguments.count == 4, arguments[1] == "write", let seed = UInt64(arguments[3]) {
        try write(arguments[2], seed)
    } else if arguments.count == 4 || arguments.count == 5, arguments[1] == "serve", let threads = Int(arguments[3]),
        let port = arguments.count == 4 ? 0 : Int(arguments[4])
    {
        try serve(arguments[2], threads: threads, port: port)
    } else if arguments.count == 3, arguments[1] == "open" {
        try open(arguments[2])
    } else {
        throw ProtonError(
            .invalidArgument, "usage: store_writer write FILE SEED | serve FILE THREADS [PORT] | open FILE")
    }
} catch {
    print("\(error)")
    exit(1)
}
