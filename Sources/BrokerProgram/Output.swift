// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc

extension String {
    /// Writes the text to a descriptor, in one go where that takes it; where nobody reads any more, it is lost.
    ///
    /// Nothing is kept in a buffer: one that nobody empties would hold up the end of the program.
    func write(to descriptor: Int32) {
        var rest = Array(utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR {
                return
            }
        }
    }
}
