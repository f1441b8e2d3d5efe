@_exported public import AMQP
@_exported public import ProtonEngine
