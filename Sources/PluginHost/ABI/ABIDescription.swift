/// An ABI as its section declares it: `[abi compute/1]`. The host knows no call that a section does not declare.
public struct ABIDescription: Sendable, Hashable {
    public struct Alias: Sendable, Hashable {
        public var name: String
        public var type: ABIType
    }

    public var name: String
    /// The number behind the slash: the ABI's major.
    public var revision: Int
    public var aliases: [Alias]
    /// In the order of the table's slots.
    public var calls: [ABICall]

    /// `compute/1`
    public var title: String { "\(name)/\(revision)" }

    /// The newest minor that this host knows; drivers may be older.
    public var minor: Int { 0 }

    public func call(_ name: String) -> ABICall? { calls.first { $0.name == name } }

    /// The text that is hashed: one declaration a line, single spaces, in the order of the file.
    public var canonicalText: String {
        var lines = ["[abi \(title)]"]
        lines += aliases.map { "type \($0.name) = \($0.type.rawValue)" }
        lines += calls.map { "call \($0.name) = \($0.signature)" }
        return lines.joined(separator: "\n") + "\n"
    }

    /// FNV-1a (64 bits) of `canonicalText`: what drivers carry in their ELF note.
    public var hash: UInt64 {
        canonicalText.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
    }

    /// The hash as sixteen hexadecimal digits.
    public var hashText: String { hexadecimal(hash) }

    /// The hash that a driver of this minor carries; nil: this host does not know the minor.
    public func hash(minor: Int) -> UInt64? { minor == self.minor ? hash : nil }
}
