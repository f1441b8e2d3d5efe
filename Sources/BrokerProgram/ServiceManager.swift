// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The service manager that has started the program, such as systemd, by the protocol of sd_notify(3).
enum ServiceManager {
    /// Tells it a state, as in `READY=1`; does nothing where nobody wants to know.
    static func tell(_ state: String) {
        guard let variable = getenv("NOTIFY_SOCKET") else { return }
        var name = Array(String(cString: variable).utf8)
        // An abstract name begins with a zero byte, which the variable has as @.
        if name.first == UInt8(ascii: "@") { name[0] = 0 }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let room = MemoryLayout.size(ofValue: address.sun_path) - 1
        guard !name.isEmpty, name.count <= room else { return }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let size = socklen_t(MemoryLayout.size(ofValue: address) - room - 1 + name.count)
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let bytes = Array(state.utf8)
        _ = withUnsafeBytes(of: &address) { raw in
            sendto(
                descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT),
                raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), size)
        }
    }
}
