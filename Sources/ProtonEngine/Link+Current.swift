import AMQP
import CProton

/// The delivery of a receiver that is to be read next.
///
/// Proton 0.37 puts one that comes to be the next on its list of work although it has been settled before, out of order,
/// and an assertion of its fails when it writes the next frames (`pn_full_settle`). So those are passed over at once.
extension Link {
    /// Settles a delivery of a receiver's.
    @inline(__always)
    static func settleReceived(_ delivery: OpaquePointer, on link: OpaquePointer) {
        if let current = pn_link_current(link), current != delivery { Delivery.markSettled(delivery) }
        pn_delivery_settle(delivery)
        passSettled(on: link)
    }

    /// Goes on to the next delivery of a receiver's.
    @inline(__always)
    static func goOn(on link: OpaquePointer) {
        pn_link_advance(link)
        passSettled(on: link)
    }

    @inline(__always)
    private static func passSettled(on link: OpaquePointer) {
        while let current = pn_link_current(link), Delivery.isMarkedSettled(current) { pn_link_advance(link) }
    }

    /// Settles what has come on a link that is about to be freed, in order.
    func settleUnread(on link: OpaquePointer) {
        guard isReceiver else { return }
        while let current = pn_link_current(link) {
            Link.settleReceived(current, on: link)
            if pn_link_current(link) == current { Link.goOn(on: link) }
            if pn_link_current(link) == current { return }
        }
    }
}
