// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// The filter of a source that the broker applies: a selector (AMQP 1.0, 3.5.8).
///
/// Filters of other types, such as `apache.org:no-local-filter:list`, are not applied. The broker's answer contains only the
/// applied filters, so that the peer knows.
struct SourceFilter {
    let selector: Selector
    let text: String
    /// The filter as the peer sent it, for the answer, which confirms that it is applied.
    let echo: AMQPMap

    /// The filter's descriptor, which arrives in one of these two forms.
    private static let name: Symbol = "apache.org:selector-filter:string"
    private static let code: UInt64 = 0x0000_468C_0000_0004

    /// The selector of a source that a peer attaches to; nil if it has none.
    /// - Throws: `amqp:invalid-field` if the filters cannot be read; as ``find(in:)``.
    static func find(of source: Terminus) throws(ConditionError) -> SourceFilter? {
        if let problem = source.filterProblem {
            throw ConditionError(.invalidField, "The filter of the source is not valid: \(problem).")
        }
        return try find(in: source.filter)
    }

    /// Finds a selector among the filters of a source.
    /// - Returns: nil if there is none.
    /// - Throws: `amqp:invalid-field` if there are two, or it is invalid.
    static func find(in filters: AMQPMap) throws(ConditionError) -> SourceFilter? {
        var found: SourceFilter?
        for (key, value) in filters {
            guard case .described(let filter) = value else {
                if isMeantAsSelector(key, value) {
                    throw ConditionError(.invalidField, "A selector is a described value: this one has no descriptor.")
                }
                continue
            }
            guard isSelector(filter.descriptor) else { continue }
            guard found == nil else { throw ConditionError(.invalidField, "The source has more than one selector.") }
            guard case .string(let text) = filter.value else {
                throw ConditionError(.invalidField, "A selector is a string: this one is none.")
            }
            do throws(SelectorError) {
                found = SourceFilter(selector: try Selector(text), text: text, echo: [key: value])
            } catch {
                throw ConditionError(.invalidField, error.description)
            }
        }
        return found
    }

    /// Whether a value without a descriptor has a key that clients use for selectors.
    private static func isMeantAsSelector(_ key: AMQPValue, _ value: AMQPValue) -> Bool {
        guard value != .null, let key = key.symbolValue?.name ?? key.stringValue else { return false }
        return ["selector", "jms-selector", name.name].contains(key)
    }

    private static func isSelector(_ descriptor: AMQPValue) -> Bool {
        switch descriptor {
        case .symbol(let name): name == self.name
        case .ulong(let code): code == self.code
        default: false
        }
    }
}
