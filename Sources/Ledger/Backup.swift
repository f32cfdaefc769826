import CSQLite
import CShim
import Glibc
import Model
import Platform

/// Copies of the ledger.
enum Backup {
    /// Copies what is committed into a new file while others go on (`sqlite3_backup_init`, in one step: one moment of the ledger), makes it
    /// durable, and returns its size. An existing file is never overwritten.
    static func copy(_ source: Connection, to path: String) throws(BerthError) -> Int64 {
        guard !Files.exists(path) else {
            throw BerthError(.conflict, "\(path) exists already", hint: "name a new file: a backup overwrites nothing")
        }
        try Files.make(directory: Files.directory(of: path))
        let partial = path + ".partial"
        do throws(SQLiteError) {
            try copy(source, toDatabase: partial)
        } catch {
            remove(partial)
            throw error.berthError(path)
        }
        guard rename(partial, path) == 0 else {
            throw BerthError(.broken, "\(partial) cannot be renamed to \(path): \(Files.reason(cshim_errno()))")
        }
        Files.sync(directory: Files.directory(of: path))
        return Files.size(path)
    }

    private static func copy(_ source: Connection, toDatabase path: String) throws(SQLiteError) {
        remove(path)
        let target = try Connection(path, .create)
        try target.execute("PRAGMA synchronous = FULL")
        guard let backup = sqlite3_backup_init(target.handle, "main", source.handle, "main") else {
            throw target.error(sqlite3_errcode(target.handle), "starting a backup")
        }
        let status = sqlite3_backup_step(backup, -1)
        let finished = sqlite3_backup_finish(backup)
        guard status == SQLITE_DONE, finished == SQLITE_OK else { throw target.error(finished, "backing up to \(path)") }
        // One file, readable without the log beside it.
        try target.execute("PRAGMA journal_mode = DELETE")
        guard try target.texts("PRAGMA quick_check(1)") == ["ok"] else {
            throw SQLiteError(code: SQLITE_CORRUPT, message: "the copy is damaged, as is probably the ledger", context: path)
        }
    }
}
