// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQPTool

@main
struct Main {
    static func main() async {
        await RootCommand.runAndExit()
    }
}
