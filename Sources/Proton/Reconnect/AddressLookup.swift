// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import ProtonUtilities

/// Looks up the addresses of a host's name, on another thread than the loop's: `getaddrinfo` may block.
enum AddressLookup {
    /// The result of a lookup: addresses in proton's form (`host:port`), or the system's error text.
    enum Result: Sendable {
        case found([String])
        case failed(String)
    }

    /// Whether a host is an address already, so that no lookup is needed.
    static func isNumeric(_ host: String) -> Bool {
        var address = in6_addr()
        let name = host.prefix { $0 != "%" }
        return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, String(name), &address) == 1
    }

    /// Looks a host up on a new thread, and calls `completion` there.
    static func start(_ host: String, port: Int, _ completion: @escaping @Sendable (Result) -> Void) {
        let thread = Thread.start { completion(addresses(of: host, port: port)) }
        guard let thread else { return completion(.failed("no thread can be started to look its address up")) }
        thread.detach()
    }

    private static func addresses(of host: String, port: Int) -> Result {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_ADDRCONFIG | AI_V4MAPPED
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, nil, &hints, &list)
        defer { if let list { freeaddrinfo(list) } }
        guard code == 0 else { return .failed(String(cString: gai_strerror(code))) }
        var found: [String] = []
        for entry in sequence(first: list, next: { $0?.pointee.ai_next }).prefix(while: { $0 != nil }) {
            guard let info = entry?.pointee else { continue }
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let result = getnameinfo(
                info.ai_addr, info.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
            guard result == 0 else { continue }
            let address = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if !found.contains("\(address):\(port)") { found.append("\(address):\(port)") }
        }
        return found.isEmpty ? .failed("it has no address") : .found(found)
    }
}
