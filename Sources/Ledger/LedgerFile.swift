import CSQLite
import Glibc
public import Model
import Platform

/// The ledger's file before the writer thread has it: found or made, locked, checked for its version, migrated.
struct LedgerFile {
    var settings: LedgerSettings
    var schema: Schema

    /// What was found on opening.
    struct Opened: Sendable {
        var id: LedgerID
        /// Whether the last host ended without closing it.
        var wasUnclean: Bool
        var clock: SteadyClock
        var lastEvent: Int64
    }

    /// Makes the state directory and the ledger where there is none, brings an older one to this version after a backup, and marks it as in
    /// use. Whoever calls holds the lock.
    func open() throws(BerthError) -> Opened {
        try attempt { () throws(SQLiteError) in
            let connection = try Connection(settings.path, .create)
            try connection.configureWriter()
            return connection
        }.opened(self)
    }

    func attempt<Value>(_ body: () throws(SQLiteError) -> Value) throws(BerthError) -> Value {
        do throws(SQLiteError) {
            return try body()
        } catch {
            throw error.berthError(settings.path)
        }
    }

    /// The way back from a newer ledger: the newest backup of a version that this program knows.
    func newer(_ version: Int64, program: String?) -> BerthError {
        let back = newestBackup(upTo: schema.version)
        return BerthError(
            .newerLedger,
            "the ledger at \(settings.path) has schema \(version), written by berth \(program ?? "of a newer release"); "
                + "this is berth \(settings.program), which knows up to \(schema.version)",
            hint: "run the newer berth, or go back to the state before: "
                + (back.map { "berth ledger restore \($0)" } ?? "berth ledger restore BACKUP (none lies in \(settings.backups))"))
    }

    private func newestBackup(upTo version: Int64) -> String? {
        Files.names(in: settings.backups).filter { $0.hasSuffix(".db") }.sorted().reversed().map { "\(settings.backups)/\($0)" }
            .first { path in
                guard let connection = try? Connection(path, .read), let found = try? Schema.version(of: connection) else { return false }
                return (1...version).contains(found)
            }
    }
}

extension Connection {
    /// What the writer wants of SQLite: a write-ahead log, and an `fsync` of it with each commit.
    func configureWriter() throws(SQLiteError) {
        try execute("PRAGMA locking_mode = NORMAL")
        let mode = try texts("PRAGMA journal_mode = WAL").first ?? ""
        guard mode == "wal" else {
            throw SQLiteError(code: SQLITE_READONLY, message: "journal mode is \(mode), not wal", context: path)
        }
        try execute(
            """
            PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA secure_delete = OFF; PRAGMA temp_store = MEMORY;
            PRAGMA cache_size = -16384; PRAGMA journal_size_limit = 67108864;
            """)
        watchLog()
    }

    /// Checks and migrates what was opened, and marks it as in use.
    fileprivate consuming func opened(_ file: LedgerFile) throws(BerthError) -> LedgerFile.Opened {
        let connection = self
        let version = try file.attempt { () throws(SQLiteError) in try Schema.version(of: connection) }
        if version > file.schema.version {
            throw file.newer(version, program: try? connection.meta("program"))
        }
        if version > 0, version < file.schema.version {
            let backup = "\(file.settings.backups)/\(Files.stamp())-schema-\(version).db"
            _ = try Backup.copy(connection, to: backup)
            Log.info("ledger backed up before its migration", ["backup": backup, "from": "\(version)", "to": "\(file.schema.version)"])
        }
        return try file.attempt { () throws(SQLiteError) in
            try file.schema.migrate(connection, from: version, program: file.settings.program)
            if version == 0 { Files.sync(directory: file.settings.directory) }
            return try connection.takeIntoUse(file.settings.program)
        }
    }

    private func takeIntoUse(_ program: String) throws(SQLiteError) -> LedgerFile.Opened {
        let wasUnclean = try meta("clean") == "0"
        let boot = Clock.boot
        let bootID = Clock.bootID
        let clock = SteadyClock(after: try mark(), boot: boot, bootID: bootID, real: Clock.real)
        let id = try meta("id").flatMap { LedgerID($0) } ?? LedgerID(rawValue: .random(in: 1...UInt32.max))
        try transaction { () throws(SQLiteError) in
            try set("id", id.description)
            try set("clean", "0")
            try set("program", program)
            try write(SteadyClock.Mark(steady: clock.steady(boot: boot), boot: boot, bootID: bootID, real: Clock.real))
        }
        let last = max(try number("SELECT max(seq) FROM events"), Int64(try meta("events-before") ?? "") ?? 0)
        return LedgerFile.Opened(id: id, wasUnclean: wasUnclean, clock: clock, lastEvent: last)
    }
}

extension BerthError.Code {
    /// A ledger that a newer program wrote: the command line exits with 2.
    public static let newerLedger = BerthError.Code(rawValue: "newer-ledger")
}
