import CSQLite
import JSON
import Model

/// A prepared statement. Values are bound by their number from 1, columns read by theirs from 0, as in SQLite.
final class Statement {
    private let handle: OpaquePointer
    private unowned let connection: Connection
    private let sql: String

    /// `SQLITE_TRANSIENT`: SQLite copies what is bound.
    private static var transient: sqlite3_destructor_type { unsafeBitCast(-1, to: sqlite3_destructor_type.self) }

    /// Prepares a statement that is kept (`sqlite3_prepare_v3`).
    init(_ connection: Connection, _ sql: String) throws(SQLiteError) {
        var handle: OpaquePointer?
        let status = sqlite3_prepare_v3(connection.handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &handle, nil)
        guard status == SQLITE_OK, let handle else { throw connection.error(status, "preparing \(sql.prefix(60))") }
        self.handle = handle
        self.connection = connection
        self.sql = sql
    }

    deinit { sqlite3_finalize(handle) }

    func reset() {
        sqlite3_reset(handle)
    }

    /// True: there is a row. False: done, and the statement is ready for new values.
    func step() throws(SQLiteError) -> Bool {
        let status = sqlite3_step(handle)
        switch status {
        case SQLITE_ROW: return true
        case SQLITE_DONE:
            sqlite3_reset(handle)
            return false
        default:
            let error = connection.error(status, "in \(sql.prefix(60))")
            sqlite3_reset(handle)
            throw error
        }
    }

    /// Runs to the end, for statements without rows.
    func run() throws(SQLiteError) {
        while try step() {}
    }

    // MARK: Values

    @discardableResult func bind(_ index: Int32, _ value: Int64) -> Statement {
        sqlite3_bind_int64(handle, index, value)
        return self
    }

    @discardableResult func bind(_ index: Int32, _ value: String?) -> Statement {
        guard var value else {
            sqlite3_bind_null(handle, index)
            return self
        }
        _ = value.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                sqlite3_bind_text(handle, index, $0.baseAddress, Int32($0.count), Statement.transient)
            }
        }
        return self
    }

    @discardableResult func bind(_ index: Int32, _ uuid: UUID128) -> Statement {
        var words = (uuid.high.bigEndian, uuid.low.bigEndian)
        sqlite3_bind_blob(handle, index, &words, 16, Statement.transient)
        return self
    }

    /// Binds a document as its text.
    @discardableResult func bind(_ index: Int32, _ document: JSON) -> Statement {
        let bytes = document.bytes
        bytes.withUnsafeBufferPointer { bytes in
            _ = bytes.withMemoryRebound(to: CChar.self) {
                sqlite3_bind_text(handle, index, $0.baseAddress, Int32($0.count), Statement.transient)
            }
        }
        return self
    }

    // MARK: Columns

    func int(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

    func text(_ column: Int32) -> String? {
        guard let text = sqlite3_column_text(handle, column) else { return nil }
        return String(decoding: UnsafeBufferPointer(start: text, count: Int(sqlite3_column_bytes(handle, column))), as: UTF8.self)
    }

    func uuid(_ column: Int32) throws(SQLiteError) -> UUID128 {
        guard let blob = sqlite3_column_blob(handle, column), sqlite3_column_bytes(handle, column) == 16 else {
            throw damage("an id that is none")
        }
        let high = UInt64(bigEndian: blob.loadUnaligned(as: UInt64.self))
        return UUID128(high: high, low: UInt64(bigEndian: blob.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
    }

    func document(_ column: Int32) throws(SQLiteError) -> JSON {
        guard let text = sqlite3_column_text(handle, column) else { throw damage("a document is missing") }
        do throws(JSON.ParseError) {
            return try JSON(parsing: UnsafeBufferPointer(start: text, count: Int(sqlite3_column_bytes(handle, column))))
        } catch {
            throw damage("a document is no JSON: \(error)")
        }
    }

    /// A row that does not hold what it must: damage that SQLite could not see.
    func damage(_ message: String) -> SQLiteError {
        SQLiteError(code: SQLITE_CORRUPT, message: message, context: "in \(sql.prefix(60))")
    }
}
