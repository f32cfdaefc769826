public import Model

/// Who is alive, as a rendezvous knows it: a pure state machine over signs of life and time.
///
/// Entries come from members themselves (`alive`), from another rendezvous (`merge`), and from any answer of a member (`touch`). An
/// entry ends three of its periods after it was last heard of.
public struct Registry: Sendable {
    public struct Entry: Sendable, Equatable {
        public var presence: Presence
        /// Steady milliseconds at which it was last heard of, by us or by another rendezvous.
        public var heard: Int64

        public var end: Int64 { heard + 3 * presence.period }
    }

    public private(set) var entries: [String: Entry] = [:]
    /// The newest sequence of each member, by whatever way, kept beyond its entry so that old news cannot bring it back.
    private var newest: [String: Int64] = [:]
    /// The last that it said itself: one that does not count on is a replay.
    private var said: [String: Int64] = [:]

    public init() {}

    public func isAlive(_ name: String) -> Bool { entries[name] != nil }

    /// A member says that it is alive. True: it was not before. An old sequence is a replay (or the member's clock was set back): the
    /// error's `native` says after which number it may go on. A rendezvous may have been quicker with what it said later: then this is
    /// only another sign that it lives.
    public mutating func alive(_ presence: Presence, now: Int64) throws(BerthError) -> Bool {
        if let last = said[presence.name], presence.sequence <= last {
            throw BerthError(
                .conflict, "the sign of life \(presence.sequence) of \(presence.name) is a replay", hint: "the last one was \(last)",
                native: "\(last)", field: "sequence")
        }
        said[presence.name] = presence.sequence
        if entries[presence.name] != nil, presence.sequence < newest[presence.name] ?? .min {
            entries[presence.name]?.heard = now
            return false
        }
        return enter(Entry(presence: presence, heard: now))
    }

    /// What another rendezvous heard, so long ago. Only news count. True: it was not alive before.
    public mutating func merge(_ presence: Presence, age: Int64, now: Int64) -> Bool {
        let heard = now - max(0, age)
        guard heard + 3 * presence.period > now else { return false }
        guard presence.sequence >= newest[presence.name] ?? .min else { return false }
        if let known = entries[presence.name], known.presence.sequence == presence.sequence {
            if heard > known.heard { entries[presence.name]?.heard = heard }
            return false
        }
        guard presence.sequence > newest[presence.name] ?? .min else { return false }
        return enter(Entry(presence: presence, heard: heard))
    }

    private mutating func enter(_ entry: Entry) -> Bool {
        newest[entry.presence.name] = max(newest[entry.presence.name] ?? .min, entry.presence.sequence)
        return entries.updateValue(entry, forKey: entry.presence.name) == nil
    }

    /// It answered us: it is alive, whatever the rendezvous say. True: it was not before.
    public mutating func touch(_ name: String, address: String?, period: Int64, now: Int64) -> Bool {
        if entries[name] != nil {
            entries[name]?.heard = now
            return false
        }
        entries[name] = Entry(presence: Presence(name: name, address: address, sequence: newest[name] ?? 0, period: period), heard: now)
        return true
    }

    /// Takes out who was not heard of for three periods, and answers them.
    public mutating func expire(now: Int64) -> [Entry] {
        let gone = entries.values.filter { $0.end <= now }.sorted { $0.presence.name < $1.presence.name }
        for entry in gone { entries[entry.presence.name] = nil }
        return gone
    }

    public mutating func remove(_ name: String) {
        entries[name] = nil
        newest[name] = nil
        said[name] = nil
    }

    /// A page of who is alive, by name, after the one named; `next` is where the following page starts, nil for the last one.
    public func page(after: String?, limit: Int, where isShown: (String) -> Bool = { _ in true }) -> (entries: [Entry], next: String?) {
        let names = entries.keys.filter { $0 > after ?? "" && isShown($0) }.sorted()
        let shown = names.prefix(max(1, limit))
        return (shown.compactMap { entries[$0] }, shown.count < names.count ? shown.last : nil)
    }
}
