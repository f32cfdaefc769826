import Glibc
import JSON
import Ledger
import Model
import Platform
import Synchronization

/// `berth-bench ledger`: the ledger's writer alone, with batches from 64 submitters, against bare SQLite with the same rows in groups of 64.
enum LedgerBenchmark {
    static func run(quick: Bool) -> JSON {
        var template = Array("/var/tmp/berth-bench-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { return ["error": "no directory to write in"] }
        let directory = String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { _ = BusBench.output("rm -rf '\(directory)'") }
        let (count, rounds) = quick ? (5_000, 1) : (40_000, 5)
        do {
            let ledger = try SQLiteLedger.open(LedgerSettings(directory: directory, program: "bench"))
            var rates: [Double] = []
            for _ in 0..<rounds { rates.append(try commit(count, ledger)) }
            let statistics = ledger.statistics
            let path = ledger.settings.path
            ledger.close()
            let bare = LedgerBaseline.grouped(path, in: directory, rows: min(20_000, count), rounds: rounds)
            let (median, bareMedian) = (BusBench.median(rates), BusBench.median(bare))
            return [
                "batches_per_second": JSON(median.rounded()), "bare_sqlite_per_second": JSON(bareMedian.rounded()),
                "ratio": JSON((median / max(1, bareMedian) * 1000).rounded() / 1000),
                "batches_per_group": JSON(Double(statistics.batches) / Double(max(1, statistics.groups))),
            ]
        } catch {
            return ["error": JSON("\(error)")]
        }
    }

    /// Sixty-four batches are under way at any time; each is one lease and its event.
    private static func commit(_ count: Int, _ ledger: SQLiteLedger) throws(BerthError) -> Double {
        var ids = IdentifierSource(ledger: ledger.id)
        var batches: [Batch] = []
        for _ in 0..<count {
            let now = Instant(milliseconds: Clock.real)
            var terms = LeaseTerms(kind: .advance, groups: [Group(name: "main", count: 1, size: Size(milliCPUs: 1000, memoryMiB: 1))])
            terms.start = now + 86_400_000
            terms.duration = 3600
            var lease = Lease(id: ids.lease(at: now), owner: "uid:0", project: "uid:0", terms: terms, created: now)
            try lease.move(to: .scheduled)
            var batch = Batch()
            batch.leases = [lease]
            batch.events = [
                Event(
                    time: now, topic: "lease.\(lease.id).scheduled", subject: lease.id.description, owner: "uid:0",
                    change: ["state": "scheduled", "name": JSON(lease.name)])
            ]
            batches.append(batch)
        }
        let room = Semaphore64()
        let clock = ContinuousClock()
        let took = clock.measure {
            for batch in batches {
                room.take()
                ledger.submit(batch) { _ in room.give() }
            }
            for _ in 0..<64 { room.take() }
        }.components
        return Double(count) / (Double(took.seconds) + Double(took.attoseconds) / 1e18)
    }
}

/// Sixty-four places.
private final class Semaphore64: Sendable {
    private let places = Mailbox<Bool>()
    private let taken = Mutex<[Bool]>(Array(repeating: true, count: 64))

    func take() {
        while true {
            let one = taken.withLock { $0.popLast() }
            if one != nil { return }
            places.wake.wait(milliseconds: 1000)
            places.wake.clear()
            taken.withLock { places.take(into: &$0) }
        }
    }

    func give() { places.put(true) }
}
