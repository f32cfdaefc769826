/// Who asks, and what they may do. Looked up for every message.
public struct Account: Sendable, Hashable {
    /// Whose things these are: `uid:1000` over ipc, `key:NAME` over TCP, `member:NAME` for another host of the federation,
    /// `component:NAME` for the host's own.
    public var owner: String
    public var role: Role

    public enum Role: String, Sendable, Hashable {
        /// Sees and does everything, and may act for another (`as=OWNER`).
        case `operator`
        /// Sees and does only what is its own.
        case client
        /// A part of the host.
        case component
        /// Another host of the federation: it has the verbs between hosts, and no others.
        case member
    }

    public init(owner: String, role: Role) {
        self.owner = owner
        self.role = role
    }

    /// Whether things of every owner are seen.
    public var seesAll: Bool { role == .operator || role == .component }

    /// Whether things of `owner` are seen.
    public func sees(_ owner: String) -> Bool { seesAll || owner == self.owner }
}
