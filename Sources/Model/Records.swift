public import JSON

/// A request that was answered `ok` under a key: the same account with the same key, verb and body gets the same answer again.
public struct AnsweredRequest: Sendable, Equatable {
    public var account: String
    public var key: String
    public var verb: String
    /// `AnsweredRequest.hash(body)`: another body under the same key is a conflict.
    public var bodyHash: UInt64
    public var answer: JSON
    public var time: Instant

    public init(account: String, key: String, verb: String, bodyHash: UInt64, answer: JSON, time: Instant) {
        self.account = account
        self.key = key
        self.verb = verb
        self.bodyHash = bodyHash
        self.answer = answer
        self.time = time
    }

    /// FNV-1a over the bytes of a body, the same on every machine and in every release.
    public static func hash(_ body: some Sequence<UInt8>) -> UInt64 {
        body.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}

/// A document of some component that must survive a restart and is neither lease nor machine: an account, a template made by `lease.save`,
/// a notification still to be delivered, a provider that is draining.
public struct Record: Sendable, Equatable {
    public var kind: String
    public var id: String
    public var document: JSON

    public init(kind: String, id: String, document: JSON) {
        self.kind = kind
        self.id = id
        self.document = document
    }
}
