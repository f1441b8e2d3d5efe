// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine

extension AMQPValue {
    /// Whether a value matches the expected one: of a described list, only parts whose expected value is not null are compared.
    ///
    /// A missing value matches false, because every boolean of AMQP that may be omitted is false by default.
    func matches(_ wanted: AMQPValue) -> Bool {
        if isNull, wanted == false { return true }
        guard case .described(let wanted) = wanted, case .described(let own) = self,
            case .list(let wantedParts) = wanted.value, case .list(let parts) = own.value
        else { return self == wanted }
        return own.descriptor == wanted.descriptor
            && wantedParts.indices.allSatisfy { index in
                wantedParts[index].isNull
                    || (index < parts.count ? parts[index] : .null).matches(wantedParts[index])
            }
    }
}

extension Frame.Kind {
    /// The fields of the performative; nil for a frame without one.
    var shape: ListShape? { ListShape.named(rawValue) }
}
