/// A part of the host with a thread and verbs of its own. Components never meet but on the bus.
///
/// All calls come on the component's own thread, one at a time: plain stored state needs no lock. The object is made on that
/// thread too (`ComponentDescription.make`), so it need not be `Sendable`.
public protocol Component: AnyObject {
    /// Everything that waited, oldest first. Each request is answered exactly once, now or later, from any thread.
    func handle(_ batch: [Request])
    /// The last call: stop what was begun, answer what can be answered, flush. Blocking is fine; the thread ends after it.
    func stop()
}

extension Component {
    public func stop() {}
}

/// What the host must know of a component before it runs.
public struct ComponentDescription: Sendable {
    /// One word: `scheduler`. `berth serve --only NAME` runs it alone.
    public var name: String
    public var verbs: [Verb]
    /// Holds ledger state: runs once, in the host's process.
    public var isSingle: Bool
    /// How many requests may wait for it; the next one is answered `busy`.
    public var queue: Int
    /// Makes the component, on its own thread. The bus answers its requests once all components are made.
    public var make: @Sendable (any ComponentContext) throws -> any Component

    public init(
        name: String, verbs: [Verb], isSingle: Bool = false, queue: Int = 16_384,
        make: @escaping @Sendable (any ComponentContext) throws -> any Component
    ) {
        self.name = name
        self.verbs = verbs
        self.isSingle = isSingle
        self.queue = queue
        self.make = make
    }
}

/// A verb that a component answers.
public struct Verb: Sendable, Hashable {
    public var name: String
    public var access: Access
    /// The component remembers idempotency keys itself, durably; the broker then only joins requests that are in flight.
    public var keepsKeys: Bool

    /// Who may use a verb; the others get `denied`.
    public enum Access: String, Sendable, Hashable {
        /// Clients and operators; the component shows clients only what is theirs.
        case everyone
        case operators
        /// Only other components: unknown to everybody else.
        case components
        /// Hosts of the federation, and components.
        case members
    }

    /// Whether the verb exists for somebody of this role. What is for operators exists for clients too, and is denied.
    func isKnown(to role: Account.Role) -> Bool {
        switch role {
        case .component: true
        case .member: access == .members
        case .client, .operator: access == .everyone || access == .operators
        }
    }

    public init(_ name: String, _ access: Access = .everyone, keepsKeys: Bool = false) {
        self.name = name
        self.access = access
        self.keepsKeys = keepsKeys
    }
}
