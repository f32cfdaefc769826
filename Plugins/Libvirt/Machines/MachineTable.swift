import CLibvirt
import PluginKit
import Synchronization

/// What is remembered of each machine between two calls: its record, its last known addresses, and the processor time of the last
/// look, for usage. Nothing here is the truth; forgetting all of it costs one read of each machine's XML.
final class MachineTable: Sendable {
    struct Entry: Sendable {
        var record: MachineRecord
        var addresses: [String] = []
        /// Processor time (ns) and when it was read (ms).
        var sample: (time: Int64, at: Int64)?
        var usage: Double?
        /// A disk's error, until the machine starts again.
        var failure: String?
        /// The look that saw it last.
        var seen = 0
    }

    private struct State {
        var entries: [MachineID: Entry] = [:]
        /// Counts the looks at all machines.
        var look = 0
        var generation = 0
    }

    private let state = Mutex(State())

    /// Forgets everything if the connection is another one than last time: events may have been missed in between.
    func use(generation: Int) {
        state.withLock { state in
            guard state.generation != generation else { return }
            state = State(generation: generation)
        }
    }

    subscript(id: MachineID) -> Entry? { state.withLock { $0.entries[id] } }

    func put(_ record: MachineRecord) {
        state.withLock { state in
            state.entries[record.id, default: Entry(record: record)].record = record
        }
    }

    func put(addresses: [String], of id: MachineID) {
        state.withLock { $0.entries[id]?.addresses = addresses }
    }

    func put(failure: String?, of id: MachineID) {
        state.withLock { $0.entries[id]?.failure = failure }
    }

    /// Its XML has changed, or it is gone: read it again when it is next seen.
    func forget(_ id: MachineID) {
        state.withLock { _ = $0.entries.removeValue(forKey: id) }
    }

    /// Goes through all machines with the lock held once; afterwards, entries that were not seen are dropped.
    func look<Result>(_ body: (inout Look) -> Result) -> Result {
        state.withLock { state in
            state.look += 1
            var look = Look(entries: state.entries, number: state.look)
            state.entries = [:]
            let result = body(&look)
            state.entries = look.entries.count == look.seen ? look.entries : look.entries.filter { $0.value.seen == look.number }
            return result
        }
    }

    /// One look at all machines.
    struct Look {
        fileprivate(set) var entries: [MachineID: Entry]
        fileprivate let number: Int
        fileprivate var seen = 0

        /// The entry of a machine that is there, with its processor's usage since the last look; nil where it is new.
        mutating func see(_ id: MachineID, cpuTime: Int64, at now: Int64, vcpus: Int64, isRunning: Bool) -> Entry? {
            guard let index = entries.index(forKey: id) else { return nil }
            return entries.values[index].see(number, &seen, cpuTime, now, vcpus, isRunning)
        }
    }
}

extension MachineTable.Entry {
    fileprivate mutating func see(
        _ look: Int, _ count: inout Int, _ cpuTime: Int64, _ now: Int64, _ vcpus: Int64, _ isRunning: Bool
    ) -> MachineTable.Entry {
        if seen != look {
            seen = look
            count += 1
        }
        guard isRunning, cpuTime >= 0 else {
            sample = nil
            usage = nil
            return self
        }
        guard let last = sample, cpuTime >= last.time else {
            sample = (cpuTime, now)
            return self
        }
        // Too short a time says nothing; the last figure stands.
        guard now - last.at >= 200 else { return self }
        let processors = Double(max(1, vcpus > 0 ? Int(vcpus) : record.vcpus))
        usage = min(1, Double(cpuTime - last.time) / (Double(now - last.at) * 1_000_000 * processors))
        sample = (cpuTime, now)
        return self
    }
}
