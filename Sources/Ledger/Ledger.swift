public import Model

/// The durable record of leases, machines, intents and events: one protocol, so that nothing outside this room knows how it is kept.
/// `SQLiteLedger` is the one that hosts use.
///
/// One thread submits (the Scheduler's); reads may come from any thread and see what is committed.
public protocol Ledger: AnyObject, Sendable {
    /// Stands in the key of each machine of ours.
    var id: LedgerID { get }

    /// Whether promises can be kept right now.
    var health: LedgerHealth { get }

    /// Has `hook` called, on a thread of the ledger's, whenever that changes.
    func onHealth(_ hook: @escaping @Sendable (LedgerHealth) -> Void)

    /// Hands a batch over to be committed; returns at once. Batches commit in the order of their submission, many of them with one
    /// `fsync`. `completion` runs once, on the ledger's writer thread, in the same order, after the batch is durable, with what it became;
    /// or with `retry`, and then nothing of the batch is stored. It must be quick and must not wait for the ledger.
    func submit(_ batch: Batch, _ completion: @escaping @Sendable (Result<Commit, BerthError>) -> Void)

    /// Everything that is not final: what a host needs to go on where it stopped.
    func load() throws(BerthError) -> LedgerSnapshot

    /// A lease with its machines, final or not.
    func lease(_ id: LeaseID) throws(BerthError) -> StoredLease?
    func machine(_ id: MachineID) throws(BerthError) -> Machine?
    /// A page of leases, in the order of their making.
    func leases(_ query: LeaseQuery) throws(BerthError) -> Page<StoredLease>
    /// A page of machines, in the order of their making.
    func machines(_ query: MachineQuery) throws(BerthError) -> Page<Machine>

    /// Committed events after a number. Throws `not-found` where they are older than what is kept; its hint names the oldest.
    func events(_ query: EventQuery) throws(BerthError) -> EventPage
    /// The number of the last committed event.
    var lastEvent: Int64 { get }
    /// Has `hook` called on the writer thread after each commit with events, with the last number: what long polls wait for.
    func onEvents(_ hook: @escaping @Sendable (Int64) -> Void)

    /// The answer that was given under a key, while it is kept.
    func answer(account: String, key: String) throws(BerthError) -> AnsweredRequest?

    /// Time for durations: never steps, goes on over restarts.
    var steadyNow: Int64 { get }

    /// Copies the ledger into a new file while it is in use (`sqlite3_backup_init`); returns its size in bytes.
    func backup(to path: String) throws(BerthError) -> Int64
    /// Looks for damage (`PRAGMA integrity_check` and what the tables must agree on): one line for each, none if it is sound.
    func check() throws(BerthError) -> [String]

    /// Commits what is queued, marks the end as clean, and returns when the writer thread is gone. Later submissions fail with `retry`.
    func close()
}

/// Whether the ledger can take promises.
public enum LedgerHealth: Sendable, Equatable {
    case ready
    /// It cannot write (full, read-only, failing) or is damaged. Promises are refused with `retry`, facts wait, reads go on; it comes back
    /// by itself when writing works again.
    case degraded(String)

    public var reason: String? {
        if case .degraded(let reason) = self { reason } else { nil }
    }
}
