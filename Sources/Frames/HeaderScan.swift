/// Where the words of a request's header line lie: nothing is copied and nothing allocated, because the broker does this for
/// every message, and answers some of them without ever making strings of it.
public struct HeaderScan: Sendable {
    public private(set) var verb = Slice()
    public private(set) var id = Slice()
    public private(set) var deadline: Int?
    public private(set) var key: Slice?
    public private(set) var actingFor: Slice?
    public private(set) var traceparent: Slice?
    private var progress: Bool?
    public var wantsProgress: Bool { progress ?? false }
    /// Which account a component acts for; only between the broker and its components.
    public private(set) var owner: Slice?
    public private(set) var role: Slice?

    /// A stretch of the line.
    public struct Slice: Sendable {
        var start: UInt16 = 0
        var end: UInt16 = 0

        public func string(in bytes: UnsafeRawBufferPointer) -> String {
            String(decoding: self.bytes(in: bytes), as: UTF8.self)
        }

        public func bytes(in bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
            UnsafeRawBufferPointer(rebasing: bytes[Int(start)..<Int(end)])
        }

        public func equals(_ word: StaticString, in bytes: UnsafeRawBufferPointer) -> Bool {
            let count = Int(end - start)
            guard count == word.utf8CodeUnitCount else { return false }
            for index in 0..<count where bytes[Int(start) + index] != word.utf8Start[index] { return false }
            return true
        }

        func allSatisfy(in bytes: UnsafeRawBufferPointer, _ holds: (UInt8) -> Bool) -> Bool {
            self.bytes(in: bytes).allSatisfy(holds)
        }
    }

    /// Who sent the line: some options are for components only.
    public enum Sender: Sendable { case client, component }

    /// Reads a header line; strict. After a failure `HeaderScan.id(of:)` may still find an id to answer to.
    public init(_ bytes: UnsafeRawBufferPointer, from sender: Sender = .client) throws(HeaderError) {
        var reader = HeaderReader(bytes: bytes)
        try reader.start()
        verb = try reader.word(.verb, limit: Limits.verb)
        guard HeaderScan.isVerb(verb, bytes) else { throw .malformed(.verb) }
        id = try reader.word(.id, limit: Limits.id)
        guard !id.equals("-", in: bytes) else { throw .malformed(.id) }
        while !reader.isAtEnd { try option(&reader, bytes, sender) }
    }

    /// The id of a line that is wrong elsewhere, so that its sender learns which request it was.
    public static func id(of bytes: UnsafeRawBufferPointer) -> String? {
        var reader = HeaderReader(bytes: bytes)
        do throws(HeaderError) {
            try reader.start()
            _ = try reader.word(.verb, limit: Limits.header)
            let id = try reader.word(.id, limit: Limits.id)
            return id.equals("-", in: bytes) ? nil : id.string(in: bytes)
        } catch {
            return nil
        }
    }

    private static func isVerb(_ verb: Slice, _ bytes: UnsafeRawBufferPointer) -> Bool {
        var parts = 1
        var previous = UInt8(ascii: ".")
        for byte in verb.bytes(in: bytes) {
            if byte == UInt8(ascii: ".") {
                guard previous != byte else { return false }
                parts += 1
            } else if !HeaderReader.isName(byte) {
                return false
            }
            previous = byte
        }
        return parts > 1 && previous != UInt8(ascii: ".")
    }

    private mutating func option(_ reader: inout HeaderReader, _ bytes: UnsafeRawBufferPointer, _ sender: Sender) throws(HeaderError) {
        let (name, value) = try reader.option()
        if name.equals("deadline", in: bytes) {
            guard deadline == nil else { throw .twice("deadline") }
            deadline = try HeaderScan.milliseconds(value, bytes)
        } else if name.equals("key", in: bytes) {
            try HeaderScan.set(&key, value, "key", limit: Limits.key)
        } else if name.equals("as", in: bytes) {
            try HeaderScan.set(&actingFor, value, "as", limit: Limits.account)
        } else if name.equals("traceparent", in: bytes) {
            try HeaderScan.set(&traceparent, value, "traceparent", limit: Limits.traceparent)
        } else if name.equals("progress", in: bytes) {
            guard progress == nil else { throw .twice("progress") }
            guard value.equals("yes", in: bytes) || value.equals("no", in: bytes) else { throw .value("progress") }
            progress = value.equals("yes", in: bytes)
        } else if sender == .component, name.equals("owner", in: bytes) {
            try HeaderScan.set(&owner, value, "owner", limit: Limits.account)
        } else if sender == .component, name.equals("role", in: bytes) {
            try HeaderScan.set(&role, value, "role", limit: Limits.account)
        } else {
            throw .unknownOption(name.string(in: bytes))
        }
    }

    private static func set(_ slot: inout Slice?, _ value: Slice, _ name: String, limit: Int) throws(HeaderError) {
        guard slot == nil else { throw .twice(name) }
        guard value.end > value.start, Int(value.end - value.start) <= limit else { throw .value(name) }
        slot = value
    }

    private static func milliseconds(_ value: Slice, _ bytes: UnsafeRawBufferPointer) throws(HeaderError) -> Int {
        var number = 0
        guard value.end > value.start, value.end - value.start <= 9 else { throw .value("deadline") }
        for byte in value.bytes(in: bytes) {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { throw .value("deadline") }
            number = number * 10 + Int(byte - UInt8(ascii: "0"))
        }
        guard number <= Limits.deadline else { throw .value("deadline") }
        return number
    }
}
