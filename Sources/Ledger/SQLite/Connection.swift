import CSQLite

/// A connection to a database file. Used by one thread at a time; closed with its last reference.
final class Connection {
    let handle: OpaquePointer
    let path: String
    private var statements: [String: Statement] = [:]
    /// Pages in the log after the last commit (`sqlite3_wal_hook`).
    var logPages: Int32 = 0

    enum Mode {
        case create, write, read

        var flags: Int32 {
            switch self {
            case .create: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
            case .write: SQLITE_OPEN_READWRITE
            case .read: SQLITE_OPEN_READONLY
            }
        }
    }

    /// Opens a file (`sqlite3_open_v2`), without SQLite's own mutex: a connection has one user.
    init(_ path: String, _ mode: Mode) throws(SQLiteError) {
        var handle: OpaquePointer?
        let status = sqlite3_open_v2(path, &handle, mode.flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nil)
        guard status == SQLITE_OK, let handle else {
            let message = handle.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
            sqlite3_close_v2(handle)
            throw SQLiteError(code: status, message: message, context: "opening \(path)")
        }
        self.handle = handle
        self.path = path
        sqlite3_busy_timeout(handle, 5000)
    }

    /// Keeps `logPages`. SQLite calls back on the thread that commits.
    func watchLog() {
        sqlite3_wal_hook(
            handle,
            { context, _, _, pages in
                guard let context else { return SQLITE_OK }
                Unmanaged<Connection>.fromOpaque(context).takeUnretainedValue().logPages = pages
                return SQLITE_OK
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    deinit {
        statements = [:]
        sqlite3_close_v2(handle)
    }

    func error(_ code: Int32, _ context: String) -> SQLiteError {
        SQLiteError(code: code, message: String(cString: sqlite3_errmsg(handle)), context: context)
    }

    /// Runs statements without values (`sqlite3_exec`).
    func execute(_ sql: String) throws(SQLiteError) {
        let status = sqlite3_exec(handle, sql, nil, nil, nil)
        guard status == SQLITE_OK else { throw error(status, "in \(sql.prefix(60))") }
    }

    /// The statement for a text, prepared once and ready for new values.
    func statement(_ sql: String) throws(SQLiteError) -> Statement {
        if let known = statements[sql] {
            known.reset()
            return known
        }
        let fresh = try Statement(self, sql)
        statements[sql] = fresh
        return fresh
    }

    /// The first column of the first row as a number.
    func number(_ sql: String) throws(SQLiteError) -> Int64 {
        let statement = try Statement(self, sql)
        return try statement.step() ? statement.int(0) : 0
    }

    /// The first column of every row as a text.
    func texts(_ sql: String) throws(SQLiteError) -> [String] {
        let statement = try Statement(self, sql)
        var texts: [String] = []
        while try statement.step() { texts.append(statement.text(0) ?? "") }
        return texts
    }

    /// Runs `body` in a transaction of its own: committed if it returns, rolled back if it throws.
    func transaction(_ body: () throws(SQLiteError) -> Void) throws(SQLiteError) {
        try execute("BEGIN IMMEDIATE")
        do throws(SQLiteError) {
            try body()
            try execute("COMMIT")
        } catch {
            rollBack()
            throw error
        }
    }

    /// Rolls back what is open; SQLite itself did so already after some errors.
    func rollBack() {
        if sqlite3_get_autocommit(handle) == 0 { sqlite3_exec(handle, "ROLLBACK", nil, nil, nil) }
    }
}
