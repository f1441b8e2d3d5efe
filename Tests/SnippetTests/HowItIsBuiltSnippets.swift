// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

// The snippet of HowItIsBuilt.md, compiled.
import Proton

/// A value of `AMQP`, a code of `ProtonEngine`, and a client of `Proton`, by one import.
func threeModules() throws -> (Message, ProtonError.Code, AMQPClient) {
    (Message(body: "hello"), .closed, try AMQPClient("localhost"))
}
