import Ledger
import Model
import Synchronization

/// The ledger of a simulated host: what is applied is durable, what is not applied when the host crashes is lost.
final class SimulatedLedger: Ledger {
    let id = LedgerID(rawValue: 0xBE47)

    private struct State {
        var leases: [LeaseID: Lease] = [:]
        var machines: [MachineID: Machine] = [:]
        var intents: [Int64: Intent] = [:]
        var records: [String: Record] = [:]
        var answers: [String: AnsweredRequest] = [:]
        var lastEvent: Int64 = 0
        var highestIntent: Int64 = 0
        var steady: Int64 = 0
    }

    private let state = Mutex(State())

    var steadyNow: Int64 {
        get { state.withLock { $0.steady } }
        set { state.withLock { $0.steady = newValue } }
    }

    var health: LedgerHealth { .ready }
    var lastEvent: Int64 { state.withLock { $0.lastEvent } }

    /// Makes a batch durable.
    func apply(_ batch: Batch) -> [Event] {
        state.withLock { state in
            for lease in batch.leases { state.leases[lease.id] = lease }
            for machine in batch.machines { state.machines[machine.id] = machine }
            for intent in batch.intents {
                state.highestIntent = max(state.highestIntent, intent.id)
                state.intents[intent.id] = intent.state == .closed ? nil : intent
            }
            for record in batch.records { state.records[record.kind + "/" + record.id] = record }
            for removed in batch.removedRecords { state.records[removed.kind + "/" + removed.id] = nil }
            for answer in batch.answers { state.answers[answer.account + "/" + answer.key] = answer }
            return batch.events.map { event in
                var event = event
                state.lastEvent += 1
                event.seq = state.lastEvent
                return event
            }
        }
    }

    func submit(_ batch: Batch, _ completion: @escaping @Sendable (Result<Commit, BerthError>) -> Void) {
        completion(.success(Commit(events: apply(batch))))
    }

    func load() throws(BerthError) -> LedgerSnapshot {
        state.withLock { state in
            var snapshot = LedgerSnapshot()
            snapshot.leases = state.leases.values.filter { !$0.isFinal }.sorted { $0.id < $1.id }
            let living = Set(snapshot.leases.map(\.id))
            snapshot.machines = state.machines.values.filter { living.contains($0.lease) }.sorted { $0.id < $1.id }
            snapshot.intents = state.intents.values.sorted { $0.id < $1.id }
            snapshot.records = state.records.values.sorted { $0.id < $1.id }
            snapshot.nextIntent = state.highestIntent + 1
            return snapshot
        }
    }

    func lease(_ id: LeaseID) throws(BerthError) -> StoredLease? {
        state.withLock { state in
            state.leases[id].map { lease in
                StoredLease(lease: lease, machines: state.machines.values.filter { $0.lease == id }.sorted { $0.id < $1.id })
            }
        }
    }

    func machine(_ id: MachineID) throws(BerthError) -> Machine? { state.withLock { $0.machines[id] } }

    func hasTemplate(_ name: String) -> Bool { state.withLock { $0.records["template/" + name] != nil } }

    var allLeases: [Lease] { state.withLock { $0.leases.values.sorted { $0.id < $1.id } } }
    var allMachines: [Machine] { state.withLock { $0.machines.values.sorted { $0.id < $1.id } } }
    var allIntents: [Intent] { state.withLock { $0.intents.values.sorted { $0.id < $1.id } } }

    func leases(_ query: LeaseQuery) throws(BerthError) -> Page<StoredLease> { Page(elements: [], next: nil) }
    func machines(_ query: MachineQuery) throws(BerthError) -> Page<Machine> { Page(elements: [], next: nil) }
    func events(_ query: EventQuery) throws(BerthError) -> EventPage { EventPage(events: [], next: query.after) }
    func onEvents(_ hook: @escaping @Sendable (Int64) -> Void) {}
    func onHealth(_ hook: @escaping @Sendable (LedgerHealth) -> Void) {}

    func answer(account: String, key: String) throws(BerthError) -> AnsweredRequest? {
        state.withLock { $0.answers[account + "/" + key] }
    }

    func backup(to path: String) throws(BerthError) -> Int64 { throw BerthError(.unsupported, "a simulated ledger has no file") }
    func check() throws(BerthError) -> [String] { [] }
    func close() {}
}
