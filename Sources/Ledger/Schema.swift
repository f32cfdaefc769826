import CSQLite
import Model

/// The tables, by version. A new version is a new element at the end; those before it never change.
struct Schema {
    /// What each version does to the one before it.
    var versions: [String]

    var version: Int64 { Int64(versions.count) }

    /// `BRTH`: what `PRAGMA application_id` says in every ledger.
    static let applicationID: Int64 = 0x4252_5448

    /// States and verbs are kept as words and documents as text, so that `sqlite3 ledger.db` answers questions at night.
    /// Ids are sixteen bytes. All of them grow with time, so every index grows at its end.
    static let current = Schema(versions: [
        """
        CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
        CREATE TABLE leases(
            n INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, state TEXT NOT NULL, owner TEXT NOT NULL, name TEXT NOT NULL,
            document TEXT NOT NULL) STRICT;
        CREATE INDEX leases_by_state ON leases(state);
        CREATE INDEX leases_by_owner ON leases(owner, state);
        CREATE TABLE machines(
            n INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, lease BLOB NOT NULL, state TEXT NOT NULL, observed TEXT NOT NULL,
            provider TEXT, document TEXT NOT NULL) STRICT;
        CREATE INDEX machines_by_lease ON machines(lease);
        CREATE INDEX machines_by_state ON machines(state);
        CREATE INDEX machines_by_provider ON machines(provider);
        CREATE TABLE intents(
            id INTEGER PRIMARY KEY, verb TEXT NOT NULL, state TEXT NOT NULL, machine BLOB NOT NULL, lease BLOB NOT NULL,
            provider TEXT NOT NULL, document TEXT NOT NULL) STRICT;
        CREATE TABLE events(
            seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, topic TEXT NOT NULL, subject TEXT NOT NULL, owner TEXT, change TEXT NOT NULL) STRICT;
        CREATE TABLE answers(
            n INTEGER PRIMARY KEY, account TEXT NOT NULL, key TEXT NOT NULL, verb TEXT NOT NULL, hash INTEGER NOT NULL,
            time INTEGER NOT NULL, answer TEXT NOT NULL, UNIQUE(account, key)) STRICT;
        CREATE TABLE records(
            kind TEXT NOT NULL, id TEXT NOT NULL, document TEXT NOT NULL, PRIMARY KEY(kind, id)) STRICT, WITHOUT ROWID;
        """
    ])

    /// The version of an open database: 0 where it is empty. Throws for a file that is no ledger.
    static func version(of connection: Connection) throws(SQLiteError) -> Int64 {
        let application = try connection.number("PRAGMA application_id")
        let version = try connection.number("PRAGMA user_version")
        let tables = try connection.number("SELECT count(*) FROM sqlite_schema")
        guard application == applicationID || (application == 0 && version == 0 && tables == 0) else {
            throw SQLiteError(code: SQLITE_NOTADB, message: "a database, but no ledger of Berth", context: connection.path)
        }
        return version
    }

    /// Brings the database to this version, in one transaction.
    func migrate(_ connection: Connection, from version: Int64, program: String) throws(SQLiteError) {
        guard version < self.version else { return }
        try connection.transaction { () throws(SQLiteError) in
            for step in versions[Int(version)...] { try connection.execute(step) }
            try connection.execute("PRAGMA application_id = \(Schema.applicationID)")
            try connection.execute("PRAGMA user_version = \(self.version)")
            try connection.set("program", program)
        }
    }
}

extension Connection {
    /// A value of the table `meta`.
    func meta(_ name: String) throws(SQLiteError) -> String? {
        let statement = try statement("SELECT value FROM meta WHERE name = ?1").bind(1, name)
        defer { statement.reset() }
        return try statement.step() ? statement.text(0) : nil
    }

    func set(_ name: String, _ value: String?) throws(SQLiteError) {
        guard let value else {
            return try statement("DELETE FROM meta WHERE name = ?1").bind(1, name).run()
        }
        try statement("INSERT INTO meta(name, value) VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET value = excluded.value")
            .bind(1, name).bind(2, value).run()
    }
}
