import CShim
import Glibc
public import Model
import Platform

/// What `berth ledger` does to a ledger's file, with or without a running host.
public enum LedgerMaintenance {
    /// Copies a ledger, in use or not, into a new file; returns its size in bytes.
    public static func backup(_ settings: LedgerSettings, to path: String) throws(BerthError) -> Int64 {
        try Backup.copy(try existing(settings.path), to: path)
    }

    /// Looks for damage in a ledger or a backup: one line for each thing that is wrong.
    public static func check(_ path: String) throws(BerthError) -> [String] {
        _ = try existing(path)
        return try LedgerCheck.run(path)
    }

    /// Puts a backup in the place of the ledger; the host must be stopped. What was there is kept, under the returned name. The ledger
    /// remembers that it was restored: machines newer than the backup are only listed until an operator accepts.
    public static func restore(_ backup: String, _ settings: LedgerSettings) throws(BerthError) -> String? {
        try Files.make(directory: settings.directory)
        let lock = try LedgerLock(settings)
        defer { lock.release() }
        let source = try existing(backup)
        let file = LedgerFile(settings: settings, schema: .current)
        let version = try file.attempt { () throws(SQLiteError) in try Schema.version(of: source) }
        guard version <= file.schema.version else { throw file.newer(version, program: try? source.meta("program")) }
        let problems = try LedgerCheck.run(backup)
        if let first = problems.first {
            throw BerthError(
                .broken, "\(backup) is damaged itself: \(first)", hint: "take another backup; 'berth ledger check FILE' looks at one")
        }
        let fresh = settings.path + ".restoring"
        remove(fresh)
        _ = try Backup.copy(source, to: fresh)
        try file.attempt { () throws(SQLiteError) in try mark(fresh, after: lastEvent(settings.path)) }
        let kept = try setAside(settings)
        guard rename(fresh, settings.path) == 0 else {
            throw BerthError(.broken, "\(fresh) cannot be renamed to \(settings.path): \(Files.reason(cshim_errno()))")
        }
        Files.sync(directory: settings.directory)
        return kept
    }

    private static func existing(_ path: String) throws(BerthError) -> Connection {
        guard Files.exists(path) else {
            throw BerthError(.notFound, "there is no ledger at \(path)", hint: "name another with --state-dir")
        }
        do throws(SQLiteError) {
            return try Connection(path, .read)
        } catch {
            throw error.berthError(path)
        }
    }

    /// Marks a copy as restored. Events go on after the last number that anybody may have seen, so that no number means two things.
    private static func mark(_ path: String, after last: Int64) throws(SQLiteError) {
        let connection = try Connection(path, .write)
        let own = try connection.number("SELECT coalesce(max(seq), 0) FROM events")
        try connection.execute("PRAGMA synchronous = FULL")
        try connection.transaction { () throws(SQLiteError) in
            try connection.set("restored", "\(Clock.real)")
            try connection.set("events-before", "\(max(own, last))")
            try connection.set("clean", "1")
        }
    }

    /// The last event of the ledger that is replaced; 0 where it cannot be read any more.
    private static func lastEvent(_ path: String) -> Int64 {
        guard Files.exists(path), let connection = try? Connection(path, .read) else { return 0 }
        let last = (try? connection.number("SELECT coalesce(max(seq), 0) FROM events")) ?? 0
        return max(last, (try? connection.meta("events-before")).flatMap { $0 }.flatMap { Int64($0) } ?? 0)
    }

    /// Keeps the ledger that is replaced, with its log. The log must be away before the new file has the name: SQLite would read it.
    private static func setAside(_ settings: LedgerSettings) throws(BerthError) -> String? {
        guard Files.exists(settings.path) else { return nil }
        try Files.make(directory: settings.backups)
        let kept = "\(settings.backups)/\(Files.stamp())-replaced.db"
        guard link(settings.path, kept) == 0 else {
            throw BerthError(
                .broken, "the ledger cannot be kept as \(kept): \(Files.reason(cshim_errno()))", hint: "free that name or some space")
        }
        let log = settings.path + "-wal"
        guard !Files.exists(log) || rename(log, kept + "-wal") == 0 else {
            throw BerthError(.broken, "\(log) cannot be moved to \(settings.backups): \(Files.reason(cshim_errno()))")
        }
        remove(settings.path + "-shm")
        Files.sync(directory: settings.backups)
        Files.sync(directory: settings.directory)
        return kept
    }
}
