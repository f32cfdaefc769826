import CSQLite
import Model
import Platform
import Synchronization

/// The ledger's writer: one thread with the only connection that writes. What is queued when it looks becomes one transaction, so that many
/// requests share one `fsync`.
final class Writer: Sendable {
    typealias Completion = @Sendable (Result<Commit, BerthError>) -> Void

    enum Submission: Sendable {
        case batch(Batch, Completion)
        /// The file was found damaged by somebody who reads.
        case damage(String)
        case close
    }

    /// What other threads see.
    struct Shared {
        var health = LedgerHealth.ready
        var statistics = LedgerStatistics()
        var eventHooks: [@Sendable (Int64) -> Void] = []
        var healthHooks: [@Sendable (LedgerHealth) -> Void] = []
        /// The thread takes nothing any more.
        var hasEnded = false
    }

    let settings: LedgerSettings
    let clock: SteadyClock
    let mailbox = Mailbox<Submission>()
    let shared = Mutex(Shared())
    let lastEvent: Atomic<Int64>
    private let isClosed = Atomic(false)
    private let thread = Mutex<OSThread?>(nil)

    /// Returns when the thread has its connection.
    init(_ settings: LedgerSettings, clock: SteadyClock, lastEvent: Int64) throws(BerthError) {
        self.settings = settings
        self.clock = clock
        self.lastEvent = Atomic(lastEvent)
        let started = Handover<BerthError?>()
        let thread = OSThread("ledger") { [self] in
            do throws(SQLiteError) {
                var loop = try WriterLoop(self)
                started.give(nil)
                loop.run()
            } catch {
                started.give(error.berthError(settings.path))
            }
        }
        guard let thread else { throw BerthError(.broken, "no thread for the ledger: the system refuses one more") }
        if let error = started.take() {
            thread.join()
            throw error
        }
        self.thread.withLock { $0 = thread }
    }

    func submit(_ batch: Batch, _ completion: @escaping Completion) {
        let isTaken = shared.withLock { shared in
            if !shared.hasEnded { mailbox.put(.batch(batch, completion)) }
            return !shared.hasEnded
        }
        if !isTaken { completion(.failure(WriterLoop.closed)) }
    }

    /// Returns when everything queued before is committed or refused and the thread is gone.
    func close() {
        guard !isClosed.exchange(true, ordering: .acquiringAndReleasing) else { return }
        mailbox.put(.close)
        thread.withLock { $0 }?.join()
    }
}

/// What the writer did since it started.
public struct LedgerStatistics: Sendable, Equatable {
    /// Batches committed.
    public var batches: Int64 = 0
    /// Transactions they went into: one `fsync` each.
    public var groups: Int64 = 0
    /// Batches refused because the disk was full or failing.
    public var refused: Int64 = 0
    public var checkpoints: Int64 = 0
    /// Facts that wait for the disk.
    public var waiting = 0

    public init() {}
}
