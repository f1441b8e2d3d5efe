import Testing

@testable import ProtonBroker
