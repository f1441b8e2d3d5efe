// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import BrokerProgram

/// The program `broker`, whose code is the library target `BrokerProgram`.
@main
enum Main {
    static func main() {
        BrokerCommand.main()
    }
}
