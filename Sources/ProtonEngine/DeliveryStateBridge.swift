import AMQP
import CProton

extension DeliveryState {
    /// The state that proton holds for one side of a delivery; nil where none is set, or one that has no name here.
    init?(_ code: UInt64, _ disposition: OpaquePointer?) {
        switch code {
        case UInt64(PN_ACCEPTED): self = .accepted
        case UInt64(PN_RELEASED): self = .released
        case UInt64(PN_REJECTED): self = .rejected(Condition(pn_disposition_condition(disposition)))
        case UInt64(PN_MODIFIED):
            let annotations = DataBridge.value(of: pn_disposition_annotations(disposition))?.mapValue
            self = .modified(
                deliveryFailed: pn_disposition_is_failed(disposition),
                undeliverableHere: pn_disposition_is_undeliverable(disposition),
                annotations: annotations.flatMap { Annotations($0) } ?? [:])
        case UInt64(PN_RECEIVED):
            self = .received(
                sectionNumber: pn_disposition_get_section_number(disposition),
                sectionOffset: pn_disposition_get_section_offset(disposition))
        case 0: return nil
        default: self = DeliveryState(code: code, fields: pn_disposition_data(disposition))
        }
    }

    /// A state whose fields proton keeps as they came.
    private init(code: UInt64, fields data: OpaquePointer?) {
        let fields: [AMQPValue] = if case .list(let list)? = DataBridge.value(of: data) { list } else { [] }
        let value = AMQPValue.described(Described(descriptor: .ulong(code), value: .list(fields)))
        self = (try? DeliveryState(described: value)) ?? .custom(code: code, fields: fields)
    }

    /// Puts the state in a delivery as this side's.
    func set(in delivery: OpaquePointer) {
        pn_delivery_update(delivery, put(in: pn_delivery_local(delivery)))
    }

    /// Fills proton's disposition in.
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
            // Those of an earlier state would stay.
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
