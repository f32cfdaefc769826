import CSQLite
import Model

/// What SQLite said, sorted by what follows from it.
struct SQLiteError: Error, CustomStringConvertible {
    /// The extended result code: `SQLITE_IOERR_FSYNC`.
    var code: Int32
    var message: String
    /// Which file, or which step.
    var context: String

    var primary: Int32 { code & 0xFF }

    var description: String { "\(message) (SQLite \(code)) \(context)" }

    enum Meaning: Equatable {
        /// No room: goes on when there is some.
        case full
        /// The disk, its mount or its rights: may get better; the connection is opened anew before the next try.
        case failing
        /// Another process holds the file.
        case locked
        /// The file is damaged: stays so until it is restored.
        case damaged
        /// The statement or its values: our fault, and of this batch alone.
        case wrong
    }

    var meaning: Meaning {
        switch primary {
        case SQLITE_FULL: .full
        case SQLITE_CORRUPT, SQLITE_NOTADB: .damaged
        case SQLITE_BUSY, SQLITE_LOCKED: .locked
        case SQLITE_IOERR, SQLITE_READONLY, SQLITE_CANTOPEN, SQLITE_PERM, SQLITE_AUTH, SQLITE_NOMEM, SQLITE_PROTOCOL, SQLITE_NOLFS: .failing
        default: .wrong
        }
    }

    /// For an operator: what is the matter with the ledger in that file.
    func reason(_ path: String) -> String {
        switch meaning {
        case .full: "no space left for the ledger at \(path)"
        case .failing where primary == SQLITE_READONLY: "the ledger at \(path) is read-only"
        case .failing: "the ledger at \(path) cannot be read or written: \(message)"
        case .locked: "another process holds the ledger at \(path)"
        case .damaged: "the ledger at \(path) is damaged: \(message)"
        case .wrong: "the ledger refused a change: \(message)"
        }
    }

    func berthError(_ path: String) -> BerthError {
        switch meaning {
        case .full: BerthError(.retry, reason(path), hint: "free some space; the host goes on by itself", native: native)
        case .failing: BerthError(.retry, reason(path), hint: "look at the disk and its mount; the host goes on by itself", native: native)
        case .locked: BerthError(.retry, reason(path), hint: "end the other process", native: native)
        case .damaged:
            BerthError(
                .broken, reason(path), hint: "run 'berth ledger check'; then stop the host and run 'berth ledger restore BACKUP'",
                native: native)
        case .wrong: BerthError(.broken, reason(path), hint: "please report this", native: native)
        }
    }

    private var native: String { "SQLite \(code) \(context)" }
}
