/// The key of an ``OrderedMap``.
public protocol MapKey: AMQPValueConvertible, Sendable, Hashable {}

extension String: MapKey {}

extension AMQPValue: MapKey {}

extension AnnotationKey: MapKey {}
