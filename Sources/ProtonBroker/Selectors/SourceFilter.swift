import Proton

/// The filter of a source that the broker applies: a selector (AMQP 1.0, 3.5.8).
struct SourceFilter {
    let selector: Selector
    let text: String
    /// The filter as the peer sent it, to be sent back: that says that it is applied.
    let echo: AMQPMap

    /// The filter's descriptor, which comes as either of the two.
    private static let name: Symbol = "apache.org:selector-filter:string"
    private static let code: UInt64 = 0x0000_468C_0000_0004

    /// Finds a selector among the filters of a source. Others are not applied, which their absence in the answer tells.
    /// - Returns: nil where there is none.
    /// - Throws: where there are two, or the selector is wrong.
    static func find(in filters: AMQPMap) throws(Refusal) -> SourceFilter? {
        var found: SourceFilter?
        for (key, value) in filters {
            guard case .described(let filter) = value, isSelector(filter.descriptor) else { continue }
            guard found == nil else { throw Refusal(.invalidField, "The source has more than one selector.") }
            guard case .string(let text) = filter.value else {
                throw Refusal(.invalidField, "A selector is a string: this one is none.")
            }
            do throws(SelectorError) {
                found = SourceFilter(selector: try Selector(text), text: text, echo: [key: value])
            } catch {
                throw Refusal(.invalidField, error.description)
            }
        }
        return found
    }

    private static func isSelector(_ descriptor: AMQPValue) -> Bool {
        switch descriptor {
        case .symbol(let name): name == self.name
        case .ulong(let code): code == self.code
        default: false
        }
    }
}
