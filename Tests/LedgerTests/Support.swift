import Foundation
import JSON
import Model
import Platform
import Synchronization

@testable import Ledger

/// A directory that is gone with its owner.
final class TemporaryDirectory: Sendable {
    let path: String

    init() {
        path = FileManager.default.temporaryDirectory.appending(path: "berth-ledger-\(UUID().uuidString)").path
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    var settings: LedgerSettings { LedgerSettings(directory: path, program: "0.1.0") }
}

/// Makes leases and machines for tests, the same ones from the same seed.
struct Maker {
    var ids: IdentifierSource
    var now = Instant(milliseconds: 1_795_615_585_000)

    init(_ ledger: LedgerID, seed: UInt64 = 1) {
        ids = IdentifierSource(ledger: ledger, random: SplitMix(state: seed))
    }

    mutating func lease(_ state: LeaseState = .scheduled, owner: String = "alice", name: String? = nil, machines: Int = 1) throws
        -> StoredLease
    {
        now = now + 1
        var terms = LeaseTerms(
            kind: .advance, groups: [Group(name: "main", count: machines, size: Size(milliCPUs: 2000, memoryMiB: 2048), image: "debian-12")]
        )
        terms.name = name
        terms.start = now + 3_600_000
        terms.duration = 3600
        var lease = Lease(id: ids.lease(at: now), owner: owner, project: "test", terms: terms, created: now)
        for step in Maker.way(to: state) { try lease.move(to: step) }
        let made = (0..<machines).map { ordinal in
            Machine(
                id: ids.machine(at: now), lease: lease.id, group: "main", ordinal: ordinal, name: "web-\(ordinal)",
                size: Size(milliCPUs: 2000, memoryMiB: 2048), created: now)
        }
        return StoredLease(lease: lease, machines: made)
    }

    /// The shortest way from `new` to a state.
    static func way(to state: LeaseState) -> [LeaseState] {
        var ways: [[LeaseState]] = [[.new]]
        while let way = ways.first {
            ways.removeFirst()
            guard let last = way.last, last != state else { return Array(way.dropFirst()) }
            for next in last.successors where !way.contains(next) { ways.append(way + [next]) }
        }
        return []
    }

    func event(_ stored: StoredLease) -> Event {
        Event(
            time: now, topic: "lease.\(stored.lease.id).\(stored.lease.state.rawValue)", subject: stored.lease.id.description,
            owner: stored.lease.owner, change: ["state": JSON(stored.lease.state.rawValue)])
    }

    func batch(_ stored: StoredLease) -> Batch {
        var batch = Batch()
        batch.leases = [stored.lease]
        batch.machines = stored.machines
        batch.events = [event(stored)]
        return batch
    }
}

extension Ledger {
    /// Submits and waits for the outcome.
    @discardableResult func commit(_ batch: Batch) async throws -> Commit {
        try await withCheckedContinuation { continuation in submit(batch) { continuation.resume(returning: $0) } }.get()
    }
}

/// Waits for a condition; false: it did not come true in time.
func eventually(within seconds: Double = 30, _ condition: () throws -> Bool) async rethrows -> Bool {
    let end = Date().addingTimeInterval(seconds)
    while Date() < end {
        if try condition() { return true }
        await Task.yield()
        usleep(2000)
    }
    return try condition()
}
