// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

let message = try Message(decoding: Message(id: 1, body: "Hello World!").encoded())
print(message.body)
