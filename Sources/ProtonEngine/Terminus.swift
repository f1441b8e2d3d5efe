// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import CProton

/// One end of a link, a source or a target, as one of the peers declares it (AMQP 1.0, 3.5; `pn_terminus_t`).
///
/// A terminus is a view: its properties read and set those of the link. This side's properties must be set before the link is
/// opened; the peer's cannot be set.
public struct Terminus {
    enum Role {
        case source, target, remoteSource, remoteTarget
    }

    let link: Link
    let role: Role

    private var pointer: OpaquePointer? {
        guard let link = link.confined() else { return nil }
        return switch role {
        case .source: pn_link_source(link)
        case .target: pn_link_target(link)
        case .remoteSource: pn_link_remote_source(link)
        case .remoteTarget: pn_link_remote_target(link)
        }
    }

    /// Proton's terminus if it can be changed: this side's, not the peer's.
    private var changeable: OpaquePointer? {
        switch role {
        case .source, .target: pointer
        case .remoteSource, .remoteTarget: nil
        }
    }

    /// The limits for decoding a field.
    private var limits: DecodingLimits { link.connection.limits.decoding }

    /// The kind of a terminus (`pn_terminus_type_t`).
    public enum Kind: Sendable, Hashable {
        /// A null source or target. A peer that answers with one refuses the link.
        case unspecified
        /// A source of messages.
        case source
        /// A target of messages.
        case target
        /// The coordinator of transactions (AMQP 1.0, 4.5.1).
        case coordinator
    }

    /// The kind of the terminus.
    public var kind: Kind {
        get {
            switch pointer.map({ pn_terminus_get_type($0) }) {
            case PN_SOURCE: .source
            case PN_TARGET: .target
            case PN_COORDINATOR: .coordinator
            default: .unspecified
            }
        }
        nonmutating set {
            let code =
                switch newValue {
                case .unspecified: PN_UNSPECIFIED
                case .source: PN_SOURCE
                case .target: PN_TARGET
                case .coordinator: PN_COORDINATOR
                }
            changeable.use { pn_terminus_set_type($0, code) }
        }
    }

    /// The address of the node; nil if it has none.
    public var address: String? {
        get { pointer.flatMap { DataBridge.string(pn_terminus_get_address($0)) } }
        nonmutating set { changeable.use { pn_terminus_set_address($0, newValue) } }
    }

    /// Whether the peer is requested to create a node for this link and to send its address (AMQP 1.0, 3.5.10).
    public var isDynamic: Bool {
        get { pointer.map { pn_terminus_is_dynamic($0) } ?? false }
        nonmutating set { changeable.use { pn_terminus_set_dynamic($0, newValue) } }
    }

    /// Which state of the terminus is stored durably, so that it outlives its container (AMQP 1.0, 3.5.5).
    public enum Durability: UInt32, Sendable, Hashable {
        /// No state.
        case none = 0
        /// Its existence and configuration.
        case configuration = 1
        /// Its existence and configuration, and its unsettled deliveries.
        case unsettledState = 2
    }

    /// Which state of the terminus is stored durably.
    public var durability: Durability {
        get { pointer.flatMap { Durability(rawValue: pn_terminus_get_durability($0).rawValue) } ?? .none }
        nonmutating set { changeable.use { pn_terminus_set_durability($0, pn_durability_t(newValue.rawValue)) } }
    }

    /// When the expiry timer of a terminus starts (AMQP 1.0, 3.5.6).
    public enum ExpiryPolicy: Sendable, Hashable {
        /// When the link is detached.
        case linkDetach
        /// When the session ends; the default.
        case sessionEnd
        /// When the connection closes.
        case connectionClose
        /// Never.
        case never
    }

    /// When the expiry timer of the terminus starts.
    public var expiryPolicy: ExpiryPolicy {
        get {
            switch pointer.map({ pn_terminus_get_expiry_policy($0) }) {
            case PN_EXPIRE_WITH_LINK: .linkDetach
            case PN_EXPIRE_WITH_CONNECTION: .connectionClose
            case PN_EXPIRE_NEVER: .never
            default: .sessionEnd
            }
        }
        nonmutating set {
            let code =
                switch newValue {
                case .linkDetach: PN_EXPIRE_WITH_LINK
                case .sessionEnd: PN_EXPIRE_WITH_SESSION
                case .connectionClose: PN_EXPIRE_WITH_CONNECTION
                case .never: PN_EXPIRE_NEVER
                }
            changeable.use { pn_terminus_set_expiry_policy($0, code) }
        }
    }

    /// The time that the terminus is kept after its expiry timer starts, in seconds.
    public var timeout: UInt32 {
        get { pointer.map { pn_terminus_get_timeout($0) } ?? 0 }
        nonmutating set { changeable.use { pn_terminus_set_timeout($0, newValue) } }
    }

    /// Whether messages are moved or copied from a source (AMQP 1.0, 3.5.7).
    public enum DistributionMode: Sendable, Hashable {
        /// The node decides.
        case unspecified
        /// Messages stay at the node: browsing.
        case copy
        /// Messages are removed from the node when they are acquired.
        case move
    }

    /// Whether messages are moved or copied from the source.
    public var distributionMode: DistributionMode {
        get {
            switch pointer.map({ pn_terminus_get_distribution_mode($0) }) {
            case PN_DIST_MODE_COPY: .copy
            case PN_DIST_MODE_MOVE: .move
            default: .unspecified
            }
        }
        nonmutating set {
            let code =
                switch newValue {
                case .unspecified: PN_DIST_MODE_UNSPECIFIED
                case .copy: PN_DIST_MODE_COPY
                case .move: PN_DIST_MODE_MOVE
                }
            changeable.use { pn_terminus_set_distribution_mode($0, code) }
        }
    }

    /// The capabilities that the node has, or that are requested of it.
    public var capabilities: [Symbol] {
        get { DataBridge.symbols(of: pointer.flatMap(pn_terminus_capabilities), limits) }
        nonmutating set { DataBridge.set(newValue, in: changeable.flatMap(pn_terminus_capabilities)) }
    }

    /// The outcomes that a source supports (AMQP 1.0, 3.5.3), as descriptors such as `amqp:accepted:list`; may be empty.
    public var outcomes: [Symbol] {
        get { DataBridge.symbols(of: pointer.flatMap(pn_terminus_outcomes), limits) }
        nonmutating set { DataBridge.set(newValue, in: changeable.flatMap(pn_terminus_outcomes)) }
    }

    /// The properties of a node that is created for the link.
    public var properties: AMQPMap {
        get { DataBridge.value(of: pointer.flatMap(pn_terminus_properties), limits)?.mapValue ?? [:] }
        nonmutating set { set(newValue, in: changeable.flatMap(pn_terminus_properties)) }
    }

    /// The filters that select messages of a source, as a map of names to filter descriptions (AMQP 1.0, 3.5.8).
    public var filter: AMQPMap {
        get { DataBridge.value(of: pointer.flatMap(pn_terminus_filter), limits)?.mapValue ?? [:] }
        nonmutating set { set(newValue, in: changeable.flatMap(pn_terminus_filter)) }
    }

    /// The reason why ``filter`` is empty although there is a filter: it is not a map, or does not decode within the limits.
    ///
    /// Nil if the filter is valid, or if there is none.
    package var filterProblem: String? {
        guard let data = pointer.flatMap(pn_terminus_filter), pn_data_size(data) > 0 else { return nil }
        do throws(CodecError) {
            switch try AMQPValue(decoding: DataBridge.bytes(of: data), limits: limits) {
            case .map, .null: return nil
            default: return "It is not a map"
            }
        } catch {
            return error.description
        }
    }

    private func set(_ map: AMQPMap, in data: OpaquePointer?) {
        DataBridge.set(map.isEmpty ? nil : .map(map), in: data)
    }

    /// Copies all fields of another terminus, as in the answer to a peer's attach.
    public func copy(_ other: Terminus) {
        guard let changeable, let source = other.pointer else { return }
        pn_terminus_copy(changeable, source)
    }
}

extension Optional where Wrapped == OpaquePointer {
    /// Calls `body` with the pointer unless it is nil; the result, proton's error code, is ignored.
    func use<Result>(_ body: (OpaquePointer) -> Result) {
        if let self { _ = body(self) }
    }
}
