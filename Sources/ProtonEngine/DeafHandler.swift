/// The handler of a connection that is over.
final class DeafHandler: EventHandler, Sendable {
    static let shared = DeafHandler()

    func handle(_ event: EngineEvent) {}
}
