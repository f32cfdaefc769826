public import Model

/// What this host has lent, and until when without a word from the holder: a pure state machine.
///
/// The machine behind each entry is a lease of our own Scheduler, which knows its true end. This is about the holder: who does not renew
/// within the time to live has it taken back. After a restart each holder gets a whole time to live again, since nobody could hear it.
public struct Lending: Sendable {
    public struct Entry: Sendable, Equatable {
        /// The lease here that holds the machine.
        public var lease: String
        public var member: String
        /// The borrower's key for the machine.
        public var key: String
        public var takes: Resources
        /// The node for which the borrower planned it, as we named it to them.
        public var node: String?
        /// Steady milliseconds.
        public var expires: Int64
        /// It is over here, and the holder has not said yet that it knows: why.
        public var ended: String?
        /// It was told to end.
        public var isReclaimed = false

        public init(lease: String, member: String, key: String, takes: Resources, node: String?, expires: Int64) {
            self.lease = lease
            self.member = member
            self.key = key
            self.takes = takes
            self.node = node
            self.expires = expires
        }
    }

    public private(set) var entries: [String: Entry] = [:]

    public init() {}

    public subscript(lease: String) -> Entry? { entries[lease] }

    /// A machine is lent, or known again after a restart.
    public mutating func lend(_ entry: Entry) {
        guard entries[entry.lease] == nil else { return }
        entries[entry.lease] = entry
    }

    /// The holder renews; false: it holds no such machine, or that one is being taken back.
    public mutating func renew(_ lease: String, by member: String, ttl: Int64, now: Int64) -> Bool {
        guard let entry = entries[lease], entry.member == member, !entry.isReclaimed, entry.ended == nil else { return false }
        entries[lease]?.expires = max(entry.expires, now + ttl)
        return true
    }

    /// The lease is over. One that failed is kept until its holder has seen why, or its time to live is over.
    public mutating func ended(_ lease: String, failure: String?) {
        guard let failure else {
            entries[lease] = nil
            return
        }
        entries[lease]?.ended = failure
    }

    /// The holder has given it back and knows that it is gone.
    public mutating func forget(_ lease: String) { entries[lease] = nil }

    /// Those whose time to live is over: to be taken back. Each is answered once; ended ones are forgotten.
    public mutating func due(now: Int64) -> [Entry] {
        let late = entries.values.filter { $0.expires <= now && !$0.isReclaimed }.sorted { $0.lease < $1.lease }
        for entry in late {
            if entry.ended == nil { entries[entry.lease]?.isReclaimed = true } else { entries[entry.lease] = nil }
        }
        return late.filter { $0.ended == nil }
    }

    /// Taking it back did not work: to be tried again then.
    public mutating func retry(_ lease: String, at time: Int64) {
        entries[lease]?.isReclaimed = false
        entries[lease]?.expires = time
    }

    public func held(by member: String) -> [Entry] {
        entries.values.filter { $0.member == member && $0.ended == nil }.sorted { $0.lease < $1.lease }
    }

    public var total: Resources { sum(entries.values.filter { $0.ended == nil }) }
    public func total(of member: String) -> Resources { sum(held(by: member)) }

    private func sum(_ entries: [Entry]) -> Resources { entries.reduce(.zero) { $0 + $1.takes } }
}
