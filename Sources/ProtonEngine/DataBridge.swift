// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import CProton

/// Converts between proton's `pn_data_t` fields and values, always through encoded bytes.
enum DataBridge {
    /// The encoded contents of a `pn_data_t`; empty if it has none or cannot be encoded.
    static func bytes(of data: OpaquePointer?) -> [UInt8] {
        guard let data, pn_data_size(data) > 0 else { return [] }
        let size = pn_data_encoded_size(data)
        guard size > 0 else { return [] }
        return [UInt8](unsafeUninitializedCapacity: Int(size)) { buffer, count in
            let written = buffer.withMemoryRebound(to: CChar.self) { pn_data_encode(data, $0.baseAddress, $0.count) }
            count = max(0, Int(written))
        }
    }

    /// The first value of a `pn_data_t`; nil if there is none, or if it does not decode within the limits.
    static func value(of data: OpaquePointer?, _ limits: DecodingLimits = .default) -> AMQPValue? {
        let bytes = bytes(of: data)
        return bytes.isEmpty ? nil : try? AMQPValue(decoding: bytes, limits: limits)
    }

    /// Stores a value in a `pn_data_t`, or clears it.
    static func set(_ value: AMQPValue?, in data: OpaquePointer?) {
        guard let data else { return }
        pn_data_clear(data)
        // A value that is too deep or too large to encode is omitted completely, as is one that proton has no room for.
        guard let value, let encoded = try? value.encoded() else { return }
        encoded.withUnsafeBytes { bytes in
            // Proton stores at most 65,535 nodes in a field: a larger value is omitted completely, never stored in part.
            var rest = bytes.bindMemory(to: CChar.self)[...]
            while !rest.isEmpty {
                let part = UnsafeBufferPointer(rebasing: rest)
                let used = pn_data_decode(data, part.baseAddress, part.count)
                guard used > 0 else {
                    pn_data_clear(data)
                    return
                }
                rest = rest.dropFirst(Int(used))
            }
        }
    }

    /// The symbols of a field that holds one symbol or an array of them (AMQP 1.0, 1.4: `multiple="true"`).
    static func symbols(of data: OpaquePointer?, _ limits: DecodingLimits = .default) -> [Symbol] {
        switch value(of: data, limits) {
        case .symbol(let symbol): [symbol]
        case .array(let array): array.elements.compactMap(\.symbolValue)
        case .list(let list): list.compactMap(\.symbolValue)
        default: []
        }
    }

    /// Stores symbols in a field as an array; an empty array clears the field.
    static func set(_ symbols: [Symbol], in data: OpaquePointer?) {
        set(symbols.isEmpty ? nil : .array(AMQPArray(symbols)), in: data)
    }

    /// A copy of a C string; nil for a null pointer.
    static func string(_ text: UnsafePointer<CChar>?) -> String? {
        text.map { String(cString: $0) }
    }
}

extension Condition {
    /// Creates the condition of a `pn_condition_t`; nil if none is set.
    init?(_ pointer: OpaquePointer?, _ limits: DecodingLimits = .default) {
        guard let pointer, pn_condition_is_set(pointer), let name = pn_condition_get_name(pointer) else { return nil }
        let info: AMQPMap =
            if case .map(let map) = DataBridge.value(of: pn_condition_info(pointer), limits) { map } else { [:] }
        self.init(
            Symbol(String(cString: name)), DataBridge.string(pn_condition_get_description(pointer)), info: info)
    }

    /// Stores a condition in a `pn_condition_t`; nil clears it.
    static func set(_ condition: Condition?, in pointer: OpaquePointer?) {
        guard let pointer else { return }
        pn_condition_clear(pointer)
        guard let condition else { return }
        pn_condition_set_name(pointer, condition.name.name)
        if let description = condition.description { pn_condition_set_description(pointer, description) }
        if !condition.info.isEmpty { DataBridge.set(.map(condition.info), in: pn_condition_info(pointer)) }
    }
}
