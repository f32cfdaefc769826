import CSQLite
import Glibc

/// Bare SQLite that writes rows which a host has written, in groups as large as 64 clients can fill: one transaction and one fsync each.
enum LedgerBaseline {
    private enum Value {
        case null
        case int(Int64)
        case text(String)
        case blob([UInt8])
    }

    private static let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

    /// Rows a second, of leases with their event, for each round.
    static func grouped(_ ledger: String, in directory: String, rows: Int, rounds: Int, group: Int = 64) -> [Double] {
        var source: OpaquePointer?
        guard sqlite3_open_v2(ledger, &source, SQLITE_OPEN_READONLY, nil) == SQLITE_OK else { return [0] }
        defer { sqlite3_close_v2(source) }
        let leases = read(source, "SELECT id, state, owner, name, document FROM leases ORDER BY n LIMIT \(rows)", 5)
        let events = read(source, "SELECT seq, time, topic, subject, owner, change FROM events ORDER BY seq LIMIT \(rows)", 6)
        let schema = read(source, "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL", 1)
        return (0..<rounds).map { round in
            let path = "\(directory)/bare-\(round).db"
            var target: OpaquePointer?
            guard sqlite3_open_v2(path, &target, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nil) == SQLITE_OK else { return 0 }
            defer {
                sqlite3_close_v2(target)
                for suffix in ["", "-wal", "-shm"] { unlink(path + suffix) }
            }
            sqlite3_exec(
                target,
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -16384",
                nil, nil, nil)
            for case .text(let sql) in schema.map({ $0[0] }) { sqlite3_exec(target, sql, nil, nil, nil) }
            return time(target, leases, events, group)
        }
    }

    private static func time(_ target: OpaquePointer?, _ leases: [[Value]], _ events: [[Value]], _ group: Int) -> Double {
        var (lease, event): (OpaquePointer?, OpaquePointer?)
        sqlite3_prepare_v2(target, "INSERT INTO leases(id, state, owner, name, document) VALUES(?1, ?2, ?3, ?4, ?5)", -1, &lease, nil)
        sqlite3_prepare_v2(
            target, "INSERT INTO events(seq, time, topic, subject, owner, change) VALUES(?1, ?2, ?3, ?4, ?5, ?6)", -1, &event, nil)
        defer {
            sqlite3_finalize(lease)
            sqlite3_finalize(event)
        }
        let clock = ContinuousClock()
        let took = clock.measure {
            var next = 0
            while next < leases.count {
                sqlite3_exec(target, "BEGIN IMMEDIATE", nil, nil, nil)
                for index in next..<min(next + group, leases.count) {
                    insert(lease, leases[index])
                    if index < events.count { insert(event, events[index]) }
                }
                sqlite3_exec(target, "COMMIT", nil, nil, nil)
                next += group
            }
        }.components
        return Double(leases.count) / (Double(took.seconds) + Double(took.attoseconds) / 1e18)
    }

    private static func insert(_ statement: OpaquePointer?, _ row: [Value]) {
        for (index, value) in row.enumerated() {
            let number = Int32(index + 1)
            switch value {
            case .null: sqlite3_bind_null(statement, number)
            case .int(let int): sqlite3_bind_int64(statement, number, int)
            case .text(let text): sqlite3_bind_text(statement, number, text, -1, transient)
            case .blob(let bytes): sqlite3_bind_blob(statement, number, bytes, Int32(bytes.count), transient)
            }
        }
        sqlite3_step(statement)
        sqlite3_reset(statement)
    }

    private static func read(_ source: OpaquePointer?, _ sql: String, _ columns: Int32) -> [[Value]] {
        var statement: OpaquePointer?
        sqlite3_prepare_v2(source, sql, -1, &statement, nil)
        defer { sqlite3_finalize(statement) }
        var rows: [[Value]] = []
        while sqlite3_step(statement) == SQLITE_ROW {
            rows.append(
                (0..<columns).map { column in
                    switch sqlite3_column_type(statement, column) {
                    case SQLITE_INTEGER: return .int(sqlite3_column_int64(statement, column))
                    case SQLITE_TEXT: return .text(String(cString: sqlite3_column_text(statement, column)))
                    case SQLITE_BLOB:
                        let count = Int(sqlite3_column_bytes(statement, column))
                        return .blob(Array(UnsafeRawBufferPointer(start: sqlite3_column_blob(statement, column), count: count)))
                    default: return .null
                    }
                })
        }
        return rows
    }
}
