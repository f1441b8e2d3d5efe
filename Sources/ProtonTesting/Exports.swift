@_exported public import Proton
@_exported public import ProtonBroker
