/// Names a lease: `l-` and a UUID.
public struct LeaseID: Sendable, Hashable, Comparable, CustomStringConvertible {
    public var uuid: UUID128

    public init(uuid: UUID128) {
        self.uuid = uuid
    }

    public init?(_ text: some StringProtocol) {
        guard text.hasPrefix("l-"), let uuid = UUID128(text.dropFirst(2)) else { return nil }
        self.uuid = uuid
    }

    public static func < (left: LeaseID, right: LeaseID) -> Bool { left.uuid < right.uuid }
    public var description: String { uuid.text(prefix: UInt8(ascii: "l")) }
}

/// Names a machine: `m-` and its key, the UUID under which the provider knows it too.
public struct MachineID: Sendable, Hashable, Comparable, CustomStringConvertible {
    public var key: UUID128

    public init(key: UUID128) {
        self.key = key
    }

    public init?(_ text: some StringProtocol) {
        guard text.hasPrefix("m-"), let key = UUID128(text.dropFirst(2)) else { return nil }
        self.key = key
    }

    /// The ledger whose machine this is: hosts that share a cloud touch only the keys of their own ledger.
    public var ledger: LedgerID { LedgerID(of: key) }

    public static func < (left: MachineID, right: MachineID) -> Bool { left.key < right.key }
    public var description: String { key.text(prefix: UInt8(ascii: "m")) }
}

/// Names a ledger: 32 bits, drawn once when it is made. They stand at the start of the key of each of its machines.
public struct LedgerID: Sendable, Hashable, CustomStringConvertible {
    public var rawValue: UInt32

    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// The ledger that made a key.
    public init(of key: UUID128) {
        rawValue = UInt32(truncatingIfNeeded: key.high >> 32)
    }

    /// Reads eight hexadecimal digits.
    public init?(_ text: String) {
        guard text.utf8.count == 8, let value = UInt32(text, radix: 16) else { return nil }
        rawValue = value
    }

    /// Whether a key that a provider shows is one of ours (version 8, our 32 bits).
    public func owns(_ key: UUID128) -> Bool { key.version == 8 && LedgerID(of: key) == self }

    public var description: String {
        let digits = String(rawValue, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }
}
