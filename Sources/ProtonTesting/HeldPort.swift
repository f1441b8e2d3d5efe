// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import ProtonEngine

/// A loopback port that has no listener and that no other process can take, while this process can listen on it later.
///
/// Its socket is bound but does not listen. Linux lets another socket bind the same port if both have SO_REUSEADDR set, as
/// proton's listeners do, and never assigns such a port to a socket that asks for any free one.
package final class HeldPort {
    package let number: Int
    private let descriptor: Int32

    package var address: String { "127.0.0.1:\(number)" }

    /// - Throws: `ProtonError.Code.listenFailed` if no port is free.
    package init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var allows: Int32 = 1
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let isBound = withUnsafeMutablePointer(to: &address) { [descriptor] pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &allows, socklen_t(MemoryLayout<Int32>.size)) == 0
                    && bind(descriptor, address, size) == 0 && getsockname(descriptor, address, &size) == 0
            }
        }
        number = Int(UInt16(bigEndian: address.sin_port))
        guard isBound else { throw ProtonError(.listenFailed, "No port of this machine can be held.") }
    }

    deinit { close(descriptor) }
}
