import AMQP

extension Condition {
    /// The condition in messages for people: `amqp:not-found: no such queue`, or its name alone.
    var text: String { description.map { "\(name): \($0)" } ?? "\(name)" }
}
