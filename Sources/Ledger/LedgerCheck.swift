import CSQLite
import Model
import Platform
import Synchronization

/// Looks for damage: SQLite's own check of every page and index, then what the tables must agree on.
enum LedgerCheck {
    private static let most = 100

    /// One line for each thing that is wrong.
    static func run(_ path: String, stop: StopFlag? = nil) throws(BerthError) -> [String] {
        do throws(SQLiteError) {
            let connection = try Connection(path, .read)
            if let stop { connection.interruptible(by: stop) }
            _ = try Schema.version(of: connection)
            let pages = try connection.texts("PRAGMA integrity_check(\(most))").filter { $0 != "ok" }
            guard pages.isEmpty else { return pages }
            return try connection.consistently { () throws(SQLiteError) in try contents(connection) }
        } catch {
            guard error.meaning == .damaged else { throw error.berthError(path) }
            return [error.message]
        }
    }

    private static func contents(_ connection: Connection) throws(SQLiteError) -> [String] {
        var problems: [String] = []
        problems += try unreadable(connection, "SELECT \(Connection.leaseColumns) FROM leases", Connection.lease)
        problems += try unreadable(connection, "SELECT \(Connection.machineColumns) FROM machines", Connection.machine)
        problems += try unreadable(connection, "SELECT \(Connection.intentColumns) FROM intents", Connection.intent)
        problems += try unreadable(connection, "SELECT \(Connection.eventColumns) FROM events", Connection.event)
        let orphans = try connection.number(
            "SELECT count(*) FROM machines m WHERE NOT EXISTS (SELECT 1 FROM leases l WHERE l.id = m.lease)")
        if orphans > 0 { problems.append("\(orphans) machines belong to no lease") }
        let lost = try connection.number(
            "SELECT count(*) FROM intents i WHERE i.verb <> 'destroy' AND NOT EXISTS (SELECT 1 FROM machines m WHERE m.key = i.machine)")
        if lost > 0 { problems.append("\(lost) intents are for no machine") }
        let missing = try connection.number(
            "SELECT coalesce(max(seq) - min(seq) + 1 - count(*), 0) FROM events WHERE seq > (\(eventsBefore))")
        if missing > 0 { problems.append("\(missing) events are missing") }
        return problems
    }

    /// The last event's number before the latest restore, after which numbers go on.
    private static let eventsBefore = "SELECT coalesce(max(CAST(value AS INTEGER)), 0) FROM meta WHERE name = 'events-before'"

    private static func unreadable<Value>(
        _ connection: Connection, _ sql: String, _ read: (Statement) throws(SQLiteError) -> Value
    ) throws(SQLiteError) -> [String] {
        let row = try connection.statement(sql)
        defer { row.reset() }
        var problems: [String] = []
        while problems.count < most, try row.step() {
            do throws(SQLiteError) {
                _ = try read(row)
            } catch {
                problems.append(error.message)
            }
        }
        return problems
    }
}

/// Set once, by whoever wants a long statement to end early.
final class StopFlag: Sendable {
    private let flag = Atomic(false)

    var isSet: Bool { flag.load(ordering: .relaxed) }
    func set() { flag.store(true, ordering: .relaxed) }
}

/// The check after an unclean end, on a thread of its own while the host already works.
final class BackgroundCheck: Sendable {
    private let stopFlag = StopFlag()
    private let thread: Mutex<OSThread?>

    init(_ path: String, damaged: @escaping @Sendable (String) -> Void) {
        let stop = stopFlag
        let thread = OSThread("ledger-check") {
            do throws(BerthError) {
                let problems = try LedgerCheck.run(path, stop: stop)
                guard !stop.isSet else { return }
                if let first = problems.first {
                    Log.error("the ledger is damaged", ["path": path, "problems": "\(problems.count)", "first": first])
                    damaged(first)
                } else {
                    Log.info("the ledger is sound after an unclean end", ["path": path])
                }
            } catch {
                if !stop.isSet { Log.warning("the ledger could not be checked", ["reason": error.description]) }
            }
        }
        self.thread = Mutex(thread)
    }

    func stop() {
        stopFlag.set()
        let thread = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        thread?.join()
    }
}

extension Connection {
    /// Has long statements end early when the flag is set (`sqlite3_progress_handler`). The flag must outlive the connection.
    func interruptible(by flag: StopFlag) {
        sqlite3_progress_handler(
            handle, 10_000,
            { context in
                guard let context else { return 0 }
                return Unmanaged<StopFlag>.fromOpaque(context).takeUnretainedValue().isSet ? 1 : 0
            }, Unmanaged.passUnretained(flag).toOpaque())
    }
}
