import Model
import Synchronization

/// Connections for reading. Each is used by one thread at a time; a reader never waits for the writer, nor the writer for a reader.
final class Readers: Sendable {
    private final class Reader: Sendable {
        let connection = Mutex<Connection?>(nil)
    }

    private let path: String
    private let readers = (0..<4).map { _ in Reader() }
    private let damaged: @Sendable (String) -> Void
    private let turn = Atomic(0)

    init(_ path: String, damaged: @escaping @Sendable (String) -> Void) {
        self.path = path
        self.damaged = damaged
    }

    /// Runs `body` with a connection that nobody else uses meanwhile.
    func read<Value: Sendable>(_ body: @Sendable (Connection) throws(SQLiteError) -> Value) throws(BerthError) -> Value {
        for reader in readers {
            if let result = reader.connection.withLockIfAvailable({ read(&$0, body) }) { return try finish(result) }
        }
        let reader = readers[turn.wrappingAdd(1, ordering: .relaxed).newValue & 3]
        return try finish(reader.connection.withLock { read(&$0, body) })
    }

    private func read<Value: Sendable>(
        _ slot: inout Connection?, _ body: @Sendable (Connection) throws(SQLiteError) -> Value
    ) -> Result<Value, SQLiteError> {
        do throws(SQLiteError) {
            let connection = if let slot { slot } else { try Connection(path, .read) }
            slot = connection
            return .success(try body(connection))
        } catch {
            // A new one next time: after an error of the disk, what it remembers may be wrong.
            slot = nil
            return .failure(error)
        }
    }

    private func finish<Value>(_ result: Result<Value, SQLiteError>) throws(BerthError) -> Value {
        switch result {
        case .success(let value): return value
        case .failure(let error):
            if error.meaning == .damaged { damaged(error.message) }
            throw error.berthError(path)
        }
    }

    func close() {
        for reader in readers { reader.connection.withLock { $0 = nil } }
    }
}

extension Connection {
    /// Runs several reads on one moment of the ledger.
    func consistently<Value>(_ body: () throws(SQLiteError) -> Value) throws(SQLiteError) -> Value {
        try execute("BEGIN")
        defer { rollBack() }
        return try body()
    }
}
