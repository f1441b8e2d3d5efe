@_exported public import AMQP
