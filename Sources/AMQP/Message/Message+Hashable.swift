// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

extension Message: Hashable {
    /// Whether all fields of two messages are equal, whatever their encodings.
    public static func == (a: Message, b: Message) -> Bool {
        if a.draft == nil, b.draft == nil, a.encoding.isIdentical(to: b.encoding) { return true }
        return a.header == b.header && a.standardProperties == b.standardProperties
            && a.deliveryAnnotations == b.deliveryAnnotations && a.annotations == b.annotations
            && a.properties == b.properties && a.body == b.body && a.footer == b.footer
    }

    /// Feeds the properties and the body to a hasher.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(standardProperties)
        hasher.combine(properties)
        hasher.combine(body)
    }
}
