import CSQLite
public import Model
import Platform
import Synchronization

/// The ledger in a file of SQLite: a write-ahead log with full synchronisation, one writer thread, and connections of their own for readers,
/// which never hold up the writer.
public final class SQLiteLedger: Ledger {
    public let id: LedgerID
    /// Whether the last host ended without closing the ledger; then it is checked in the background.
    public let wasUnclean: Bool
    public let settings: LedgerSettings

    private let lock: LedgerLock
    private let writer: Writer
    private let readers: Readers
    private let checker: BackgroundCheck?

    /// Opens the ledger in a state directory, or makes one. Throws `newer-ledger` for one of a newer release, `conflict` where another host
    /// has it.
    public static func open(_ settings: LedgerSettings) throws(BerthError) -> SQLiteLedger {
        try SQLiteLedger(settings, schema: .current)
    }

    init(_ settings: LedgerSettings, schema: Schema) throws(BerthError) {
        try Files.make(directory: settings.directory)
        self.settings = settings
        lock = try LedgerLock(settings)
        let opened = try LedgerFile(settings: settings, schema: schema).open()
        id = opened.id
        wasUnclean = opened.wasUnclean
        let writer = try Writer(settings, clock: opened.clock, lastEvent: opened.lastEvent)
        self.writer = writer
        readers = Readers(settings.path) { writer.mailbox.put(.damage($0)) }
        checker = wasUnclean ? BackgroundCheck(settings.path) { writer.mailbox.put(.damage($0)) } : nil
    }

    deinit { close() }

    public var health: LedgerHealth { writer.shared.withLock { $0.health } }
    public var statistics: LedgerStatistics { writer.shared.withLock { $0.statistics } }
    public var lastEvent: Int64 { writer.lastEvent.load(ordering: .acquiring) }
    public var steadyNow: Int64 { writer.clock.steady(boot: Clock.boot) }

    public func onHealth(_ hook: @escaping @Sendable (LedgerHealth) -> Void) {
        writer.shared.withLock { $0.healthHooks.append(hook) }
    }

    public func onEvents(_ hook: @escaping @Sendable (Int64) -> Void) {
        writer.shared.withLock { $0.eventHooks.append(hook) }
    }

    public func submit(_ batch: Batch, _ completion: @escaping @Sendable (Result<Commit, BerthError>) -> Void) {
        writer.submit(batch, completion)
    }

    public func close() {
        checker?.stop()
        readers.close()
        writer.close()
        lock.release()
    }

    // MARK: Reading

    public func load() throws(BerthError) -> LedgerSnapshot {
        try readers.read { connection throws(SQLiteError) in
            try connection.consistently { () throws(SQLiteError) in try connection.snapshot() }
        }
    }

    public func lease(_ id: LeaseID) throws(BerthError) -> StoredLease? {
        try readers.read { connection throws(SQLiteError) in
            try connection.consistently { () throws(SQLiteError) in try connection.lease(id) }
        }
    }

    public func machine(_ id: MachineID) throws(BerthError) -> Machine? {
        try readers.read { connection throws(SQLiteError) in try connection.machine(id) }
    }

    public func leases(_ query: LeaseQuery) throws(BerthError) -> Page<StoredLease> {
        try readers.read { connection throws(SQLiteError) in
            try connection.consistently { () throws(SQLiteError) in try connection.leases(query) }
        }
    }

    public func machines(_ query: MachineQuery) throws(BerthError) -> Page<Machine> {
        try readers.read { connection throws(SQLiteError) in
            try connection.consistently { () throws(SQLiteError) in try connection.machines(query) }
        }
    }

    public func events(_ query: EventQuery) throws(BerthError) -> EventPage {
        let last = lastEvent
        guard query.after < last else { return EventPage(events: [], next: query.after) }
        let (page, oldest) = try readers.read { connection throws(SQLiteError) in
            try connection.consistently { () throws(SQLiteError) in
                (try connection.events(query), try connection.number("SELECT min(seq) FROM events"))
            }
        }
        guard query.after + 1 >= oldest else { throw EventPage.tooOld(query.after, oldest: oldest) }
        return page
    }

    public func answer(account: String, key: String) throws(BerthError) -> AnsweredRequest? {
        try readers.read { connection throws(SQLiteError) in try connection.answer(account: account, key: key) }
    }

    public func backup(to path: String) throws(BerthError) -> Int64 {
        let source: Connection
        do throws(SQLiteError) {
            source = try Connection(settings.path, .read)
        } catch {
            throw error.berthError(settings.path)
        }
        return try Backup.copy(source, to: path)
    }

    public func check() throws(BerthError) -> [String] {
        let problems = try LedgerCheck.run(settings.path)
        if let first = problems.first { writer.mailbox.put(.damage(first)) }
        return problems
    }
}

extension EventPage {
    /// DESIGN §5: older than retention is `not-found` with the oldest held.
    static func tooOld(_ after: Int64, oldest: Int64) -> BerthError {
        BerthError(
            .notFound, "events after \(after) are no longer kept; the oldest kept is \(oldest)",
            hint: "list what there is now, and go on with after=\(oldest - 1)", native: "oldest=\(oldest)")
    }
}
