// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

package import AMQP
package import ArgumentParser

/// The options that say what a message has besides its body.
package struct MessageArguments: ParsableArguments, Sendable {
    @Flag(help: "The broker keeps the message on its disk.")
    package var durable = false

    @Option(help: ArgumentHelp("0 to 255: higher goes first; default 4.", valueName: "number"))
    package var priority: UInt8?

    @Option(help: ArgumentHelp("How long the message is of use, such as 30s.", valueName: "time"))
    package var ttl: TimeSpan?

    @Option(help: ArgumentHelp("The message's id.", valueName: "id"))
    package var id: String?

    @Option(help: ArgumentHelp("The type of --id: string, ulong, uuid or binary (base64).", valueName: "type"))
    package var idType = "string"

    @Option(help: ArgumentHelp("What the message is about.", valueName: "text"))
    package var subject: String?

    @Option(help: ArgumentHelp("Where replies go to.", valueName: "address"))
    package var replyTo: String?

    @Option(help: ArgumentHelp("What the message belongs to.", valueName: "id"))
    package var correlationID: String?

    @Option(help: ArgumentHelp("The type of --correlation-id, as of --id-type.", valueName: "type"))
    package var correlationIDType = "string"

    @Option(help: ArgumentHelp("The media type of the body, such as application/json.", valueName: "type"))
    package var contentType: String?

    @Option(help: ArgumentHelp("How the body is encoded besides, such as gzip.", valueName: "encoding"))
    package var contentEncoding: String?

    @Option(help: ArgumentHelp("The message's field 'to'.", valueName: "address"))
    package var to: String?

    @Option(help: ArgumentHelp("The message's field 'user-id': on many brokers the log-in's name.", valueName: "name"))
    package var userID: String?

    @Option(help: ArgumentHelp("The group that the message belongs to.", valueName: "id"))
    package var groupID: String?

    @Option(help: ArgumentHelp("The message's place in its group.", valueName: "number"))
    package var groupSequence: UInt32?

    @Option(help: ArgumentHelp("The group that replies belong to.", valueName: "id"))
    package var replyToGroupID: String?

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "An application property, as name=text or name:type=value; types: \(TypedValue.typeNames).",
            valueName: "name=value"))
    package var property: [String] = []

    @Option(
        help: ArgumentHelp("A message annotation, as name:type=value: x-opt-delay:int=5.", valueName: "name=value"))
    package var annotation: [String] = []

    @Option(help: ArgumentHelp("A delivery annotation.", valueName: "name=value"))
    package var deliveryAnnotation: [String] = []

    @Option(help: ArgumentHelp("An entry of the footer.", valueName: "name=value"))
    package var footer: [String] = []

    package init() {}

    package func validate() throws {
        // Says what is wrong before anything is connected to.
        _ = try message(body: .null, number: 1)
    }

    /// Makes a message.
    /// - Throws: as `apply`.
    package func message(body: Message.Body, number: Int?) throws -> Message {
        var message = Message(body: body)
        try apply(to: &message, number: number)
        return message
    }

    /// Sets what the options say; the rest of the message stays.
    /// - Parameter number: what stands for `{n}` in texts; nil leaves them as they are.
    /// - Throws: `ValidationError` that names the option that is wrong.
    package func apply(to message: inout Message, number: Int?) throws {
        func text(_ text: String?) -> String? { text?.numbered(number) }
        if durable { message.isDurable = true }
        if let priority { message.priority = priority }
        if let ttl { message.timeToLive = ttl.duration }
        if let id = text(id) { message.id = try messageID(id, idType, "--id") }
        if let id = text(correlationID) {
            message.correlationID = try messageID(id, correlationIDType, "--correlation-id")
        }
        if let subject = text(subject) { message.subject = subject }
        if let replyTo { message.replyTo = replyTo }
        if let to { message.address = to }
        if let contentType { message.contentType = try symbol(contentType, "--content-type") }
        if let contentEncoding { message.contentEncoding = try symbol(contentEncoding, "--content-encoding") }
        if let userID { message.userID = Array(userID.utf8) }
        if let groupID = text(groupID) { message.groupID = groupID }
        if let groupSequence { message.groupSequence = groupSequence }
        if let replyToGroupID { message.replyToGroupID = replyToGroupID }
        for argument in property {
            let (name, value) = try pair(argument.numbered(number), "--property")
            message.properties[name] = value
        }
        for argument in annotation {
            let (key, value) = try annotation(argument.numbered(number), "--annotation")
            message.annotations[key] = value
        }
        for argument in deliveryAnnotation {
            let (key, value) = try annotation(argument.numbered(number), "--delivery-annotation")
            message.deliveryAnnotations[key] = value
        }
        for argument in footer {
            let (key, value) = try annotation(argument.numbered(number), "--footer")
            message.footer[key] = value
        }
    }

    private func messageID(_ text: String, _ type: String, _ option: String) throws -> MessageID {
        guard ["string", "ulong", "uuid", "binary"].contains(type) else {
            throw ValidationError("\(option)-type: '\(type)' is none of string, ulong, uuid, binary.")
        }
        do {
            switch try TypedValue.value(text, type: type) {
            case .ulong(let number): return .ulong(number)
            case .uuid(let uuid): return .uuid(uuid)
            case .binary(let bytes): return .binary(bytes)
            default: return .string(text)
            }
        } catch {
            throw ValidationError("\(option): \(error)")
        }
    }

    private func symbol(_ text: String, _ option: String) throws -> Symbol {
        guard let symbol = Symbol(exactly: text) else { throw ValidationError("\(option): '\(text)' is not ASCII.") }
        return symbol
    }

    private func pair(_ argument: String, _ option: String) throws -> (name: String, value: AMQPValue) {
        do { return try TypedValue.pair(argument) } catch { throw ValidationError("\(option): \(error)") }
    }

    private func annotation(_ argument: String, _ option: String) throws -> (AnnotationKey, AMQPValue) {
        let (name, value) = try pair(argument, option)
        guard let symbol = Symbol(exactly: name) else { throw ValidationError("\(option): '\(name)' is not ASCII.") }
        return (.symbol(symbol), value)
    }
}

extension String {
    /// The text with a number in the place of `{n}`; without one it stays as it is.
    func numbered(_ number: Int?) -> String {
        guard let number, contains("{n}") else { return self }
        var (text, rest) = ("", self[...])
        while let range = rest.firstRange(of: "{n}") {
            text += rest[..<range.lowerBound] + String(number)
            rest = rest[range.upperBound...]
        }
        return text + rest
    }
}
