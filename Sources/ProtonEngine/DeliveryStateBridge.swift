// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import CProton

extension DeliveryState {
    /// Creates the state that proton stores for one side of a delivery; nil if it stores none.
    ///
    /// Proton 0.37 ignores a state in a disposition or a transfer if its descriptor is a symbol, and keeps the state before. For
    /// a listener's peers, `FrameScanner` replaces the symbol by a number. An outcome within a transactional state may have
    /// either descriptor.
    init?(_ code: UInt64, _ disposition: OpaquePointer?, _ limits: DecodingLimits) {
        let state: DeliveryState
        switch code {
        case UInt64(PN_ACCEPTED): state = .accepted
        case UInt64(PN_RELEASED): state = .released
        case UInt64(PN_REJECTED): state = .rejected(Condition(pn_disposition_condition(disposition), limits))
        case UInt64(PN_MODIFIED):
            let annotations = DataBridge.value(of: pn_disposition_annotations(disposition), limits)?.mapValue
            state = .modified(
                deliveryFailed: pn_disposition_is_failed(disposition),
                undeliverableHere: pn_disposition_is_undeliverable(disposition),
                annotations: annotations.flatMap { Annotations($0) } ?? [:])
        case UInt64(PN_RECEIVED):
            state = .received(
                sectionNumber: pn_disposition_get_section_number(disposition),
                sectionOffset: pn_disposition_get_section_offset(disposition))
        case 0: return nil
        default:
            let fields = DeliveryState.fields(of: disposition, limits) ?? []
            if MessageFormat.format(of: code) != nil {
                guard let state = fields.first.flatMap({ try? DeliveryState(described: $0) }) else { return nil }
                self = state
                return
            }
            self = DeliveryState(code: code, fields: fields) ?? .custom(code: code, fields: fields)
            return
        }
        self = state.hasNoFields ? DeliveryState.withTransfer(code, disposition, limits) ?? state : state
    }

    /// The state of a transfer, of which proton keeps all fields unchanged; nil if the transfer had none.
    private static func withTransfer(
        _ code: UInt64, _ disposition: OpaquePointer?, _ limits: DecodingLimits
    ) -> DeliveryState? {
        fields(of: disposition, limits).flatMap { DeliveryState(code: code, fields: $0) }
    }

    /// The fields that proton keeps unchanged.
    private static func fields(of disposition: OpaquePointer?, _ limits: DecodingLimits) -> [AMQPValue]? {
        DataBridge.value(of: pn_disposition_data(disposition), limits)?.listValue
    }

    /// Creates a state from its fields; nil if they are not those of a known state.
    private init?(code: UInt64, fields: [AMQPValue]) {
        let value = AMQPValue.described(Described(descriptor: .ulong(code), value: .list(fields)))
        guard let state = try? DeliveryState(described: value) else { return nil }
        self = state
    }

    /// Whether all fields of the state are the same as if they were absent.
    private var hasNoFields: Bool {
        switch self {
        case .outcome(.rejected(nil)), .received(sectionNumber: 0, sectionOffset: 0): true
        case .outcome(.modified(false, false, let annotations)): annotations.isEmpty
        default: false
        }
    }

    /// Sets the state as this side's state of a delivery.
    func set(in delivery: OpaquePointer) {
        pn_delivery_update(delivery, put(in: pn_delivery_local(delivery)))
    }

    /// Stores the state in proton's disposition.
    /// - Returns: the code of the state.
    private func put(in disposition: OpaquePointer?) -> UInt64 {
        switch self {
        case .received(let sectionNumber, let sectionOffset):
            pn_disposition_set_section_number(disposition, sectionNumber)
            pn_disposition_set_section_offset(disposition, sectionOffset)
            return UInt64(PN_RECEIVED)
        case .outcome(.accepted): return UInt64(PN_ACCEPTED)
        case .outcome(.released): return UInt64(PN_RELEASED)
        case .outcome(.rejected(let condition)):
            Condition.set(condition, in: pn_disposition_condition(disposition))
            return UInt64(PN_REJECTED)
        case .outcome(.modified(let deliveryFailed, let undeliverableHere, let annotations)):
            pn_disposition_set_failed(disposition, deliveryFailed)
            pn_disposition_set_undeliverable(disposition, undeliverableHere)
            // Otherwise those of an earlier state would remain.
            DataBridge.set(
                annotations.isEmpty ? nil : .map(AMQPMap(annotations)), in: pn_disposition_annotations(disposition))
            return UInt64(PN_MODIFIED)
        case .declared(let id):
            DataBridge.set([.binary(id)], in: pn_disposition_data(disposition))
            return 0x33
        case .transactional(let id, let outcome):
            DataBridge.set(
                .list([.binary(id)] + (outcome.map { [$0.described] } ?? [])), in: pn_disposition_data(disposition))
            return 0x34
        case .custom(let code, let fields):
            DataBridge.set(.list(fields), in: pn_disposition_data(disposition))
            return code
        }
    }
}
