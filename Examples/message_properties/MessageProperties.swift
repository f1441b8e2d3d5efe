// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// Application properties of a message: setting them, reading them by type, and as a whole.
@main
struct MessageProperties {
    static func main() {
        var message = Message()
        message.properties["short"] = Int16(123)
        message.properties["string"] = "foo"
        message.properties["symbol"] = Symbol("sym")

        // Each type has an accessor, which is nil where the value is of another type.
        if case .short(let short)? = message.properties["short"],
            let string = message.properties["string"]?.stringValue,
            let symbol = message.properties["symbol"]?.symbolValue
        {
            print("by type: short=\(short) string=\(string) symbol=\(symbol.name)")
        }

        // `intValue` takes any integer type, and nothing else.
        print("as Int: short=\(message.properties["short"]?.intValue ?? 0)")
        print("as Int: string=\(message.properties["string"]?.intValue.map(String.init) ?? "no integer")")

        // The properties are an ordered map: they come as they were set.
        for (name, value) in message.properties {
            print("properties[\(name)]=\(value)")
        }
        var properties = message.properties
        properties["string"] = "bar"
        properties["short"] = 42
        message.properties = properties
        print("short=\(properties["short"] ?? .null) string=\(properties["string"] ?? .null)")
    }
}
