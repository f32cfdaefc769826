import CSodium

/// Idempotency: which keys are in flight, so that the same request joins, and which were answered `ok` a while ago.
struct KeyTable {
    /// A key belongs to an owner and a verb.
    struct Name: Hashable {
        var owner: String
        var verb: String
        var key: String
    }

    struct Entry {
        /// Of the body: the same key with another body is a conflict.
        var digest: [UInt8]
        var state: State
    }

    enum State {
        case inFlight(UInt64)
        case remembered(Answer, until: Int64)
    }

    /// How long an answer is remembered, in milliseconds, and how many and how large ones.
    static let memory: Int64 = 600_000
    static let most = 4096
    static let largest = 64 << 10

    private var entries: [Name: Entry] = [:]
    private var remembered: [(name: Name, until: Int64)] = []

    var count: Int { entries.count }

    subscript(name: Name) -> Entry? { entries[name] }

    mutating func begin(_ name: Name, digest: [UInt8], flight: UInt64) {
        entries[name] = Entry(digest: digest, state: .inFlight(flight))
    }

    /// The flight has ended. Only `ok` is remembered, and only where the component does not do so itself.
    mutating func end(_ name: Name, _ answer: Answer, remember: Bool, now: Int64) {
        forget(now)
        guard remember, answer.isOK, answer.bytes.count <= KeyTable.largest, let entry = entries[name] else {
            entries[name] = nil
            return
        }
        if remembered.count >= KeyTable.most { drop(remembered.removeFirst()) }
        let until = now + KeyTable.memory
        entries[name] = Entry(digest: entry.digest, state: .remembered(answer, until: until))
        remembered.append((name, until))
    }

    /// Forgets what is older than `memory`.
    mutating func forget(_ now: Int64) {
        let old = remembered.prefix { $0.until <= now }
        for item in old { drop(item) }
        remembered.removeFirst(old.count)
    }

    /// The name may have been begun again since: then it stays.
    private mutating func drop(_ item: (name: Name, until: Int64)) {
        if case .remembered(_, item.until)? = entries[item.name]?.state { entries[item.name] = nil }
    }

    /// BLAKE2b of a body (`crypto_generichash`).
    static func digest(_ body: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        crypto_generichash(&digest, 32, body, UInt64(body.count), nil, 0)
        return digest
    }
}
