import CSQLite
import Model
import Platform
import Synchronization

/// The writer thread's own state.
struct WriterLoop {
    private let writer: Writer
    private var connection: Connection
    private var nextSeq: Int64
    private var oldestSeq: Int64
    private var pending: [Pending] = []
    /// Facts that could not be written yet, in order. They go first when writing works again.
    private var waiting: [Pending] = []
    private var trouble: Trouble?
    private var nextMark: Int64
    private var isClosing = false

    private struct Pending {
        var batch: Batch
        var completion: Writer.Completion
    }

    /// Why promises are refused.
    private struct Trouble {
        var reason: BerthError
        /// Damage stays until the ledger is restored: facts are still tried, promises are not.
        var isDamage: Bool
        var reopens: Bool
        var nextTry: Int64
        var pause: Int64 = 100
    }

    /// How many batches go into one transaction at most: bounds the time that the first of them waits.
    private static let mostBatches = 4096
    /// Pages in the log (4 KiB each) from which they are copied into the database.
    private static let checkpointPages: Int32 = 4000
    private static let mostWaiting = 100_000

    init(_ writer: Writer) throws(SQLiteError) {
        self.writer = writer
        connection = try WriterLoop.open(writer.settings)
        nextSeq = writer.lastEvent.load(ordering: .relaxed) + 1
        let oldest = try connection.number("SELECT min(seq) FROM events")
        oldestSeq = oldest == 0 ? nextSeq : oldest
        nextMark = Clock.monotonic + writer.settings.markEvery
    }

    private static func open(_ settings: LedgerSettings) throws(SQLiteError) -> Connection {
        let connection = try Connection(settings.path, .write)
        try connection.configureWriter()
        return connection
    }

    mutating func run() {
        var submissions: [Writer.Submission] = []
        while !isClosing {
            writer.mailbox.wake.wait(milliseconds: Int32(clamping: max(0, nextDue - Clock.monotonic)))
            writer.mailbox.wake.clear()
            writer.mailbox.take(into: &submissions)
            for submission in submissions { receive(submission) }
            submissions.removeAll(keepingCapacity: true)
            recoverIfDue()
            commitPending()
            markIfDue()
            checkpoint(from: WriterLoop.checkpointPages)
        }
        finish()
    }

    private var nextDue: Int64 { min(nextMark, trouble?.nextTry ?? .max) }

    private mutating func receive(_ submission: Writer.Submission) {
        switch submission {
        case .close: isClosing = true
        case .damage(let reason):
            enter(SQLiteError(code: SQLITE_CORRUPT, message: reason, context: "found by a reader"))
        case .batch(let batch, let completion):
            pending.append(Pending(batch: batch, completion: completion))
        }
    }

    // MARK: Committing

    private mutating func commitPending() {
        var rest = pending[...]
        pending = []
        while !rest.isEmpty {
            if let trouble {
                for one in rest { hold(one, trouble) }
                break
            }
            let group = rest.prefix(WriterLoop.mostBatches)
            rest = rest.dropFirst(WriterLoop.mostBatches)
            commitOrSplit(Array(group))
        }
    }

    /// In trouble: promises are refused at once, facts wait.
    private mutating func hold(_ one: Pending, _ trouble: Trouble) {
        if one.batch.weight == .fact, waiting.count < WriterLoop.mostWaiting {
            waiting.append(one)
        } else {
            writer.shared.withLock { $0.statistics.refused += 1 }
            one.completion(.failure(trouble.reason))
        }
        let count = waiting.count
        writer.shared.withLock { $0.statistics.waiting = count }
    }

    /// Commits a group; if one batch of it is wrong in itself, each goes alone, so that it fails alone.
    private mutating func commitOrSplit(_ group: [Pending]) {
        do throws(SQLiteError) {
            try commit(group)
        } catch {
            if error.meaning != .wrong {
                enter(error)
                let trouble = trouble
                for one in group { if let trouble { hold(one, trouble) } }
            } else if group.count == 1 {
                Log.error("the ledger refused a batch", ["reason": error.description])
                group[0].completion(.failure(error.berthError(writer.settings.path)))
            } else {
                for one in group {
                    if let trouble { hold(one, trouble) } else { commitOrSplit([one]) }
                }
            }
        }
    }

    private mutating func commit(_ group: [Pending]) throws(SQLiteError) {
        var seq = nextSeq
        var oldest = oldestSeq
        var committed: [[Event]] = []
        committed.reserveCapacity(group.count)
        let keep = writer.settings.keepEvents
        try connection.transaction { () throws(SQLiteError) in
            for one in group { committed.append(try connection.write(one.batch, seq: &seq)) }
            oldest = try connection.prune(from: oldest, next: seq, keep: keep, added: seq - nextSeq)
        }
        let hasEvents = seq > nextSeq
        nextSeq = seq
        oldestSeq = oldest
        writer.lastEvent.store(seq - 1, ordering: .releasing)
        let hooks = writer.shared.withLock { shared in
            shared.statistics.groups += 1
            shared.statistics.batches += Int64(group.count)
            return hasEvents ? shared.eventHooks : []
        }
        for (one, events) in zip(group, committed) { one.completion(.success(Commit(events: events))) }
        for hook in hooks { hook(seq - 1) }
    }

    // MARK: Trouble

    private mutating func enter(_ error: SQLiteError) {
        let isDamage = error.meaning == .damaged || trouble?.isDamage == true
        if trouble == nil || error.meaning == .damaged {
            Log.error(
                "the ledger takes no promises", ["reason": error.reason(writer.settings.path), "native": "\(error.code) \(error.context)"])
        }
        trouble = Trouble(
            reason: WriterLoop.refusal(error, writer.settings.path), isDamage: isDamage, reopens: error.meaning != .full,
            nextTry: Clock.monotonic + 100)
        show(.degraded(error.reason(writer.settings.path)))
    }

    /// What a promise is refused with: always `retry`, since another moment or the restored ledger will take it.
    private static func refusal(_ error: SQLiteError, _ path: String) -> BerthError {
        var refusal = error.berthError(path)
        refusal.code = .retry
        return refusal
    }

    private func show(_ health: LedgerHealth) {
        let hooks = writer.shared.withLock { shared in
            guard shared.health != health else { return [] as [@Sendable (LedgerHealth) -> Void] }
            shared.health = health
            return shared.healthHooks
        }
        for hook in hooks { hook(health) }
    }

    /// Tries to write what waits, or a mark where nothing does; out of trouble if that works.
    private mutating func recoverIfDue() {
        guard var trouble, isClosing || Clock.monotonic >= trouble.nextTry else { return }
        do throws(SQLiteError) {
            if trouble.reopens { connection = try WriterLoop.open(writer.settings) }
            if waiting.isEmpty { try mark() }
            while !waiting.isEmpty {
                let group = Array(waiting.prefix(WriterLoop.mostBatches))
                try commitFacts(group)
                waiting.removeFirst(group.count)
            }
            writer.shared.withLock { $0.statistics.waiting = 0 }
            guard !trouble.isDamage else {
                trouble.nextTry = Clock.monotonic + 5000
                self.trouble = trouble
                return
            }
            self.trouble = nil
            Log.info("the ledger takes promises again", ["path": writer.settings.path])
            show(.ready)
        } catch {
            trouble.pause = min(trouble.pause * 2, 1000)
            trouble.nextTry = Clock.monotonic + trouble.pause
            trouble.reason = WriterLoop.refusal(error, writer.settings.path)
            trouble.isDamage = trouble.isDamage || error.meaning == .damaged
            trouble.reopens = error.meaning != .full
            self.trouble = trouble
            show(.degraded(error.reason(writer.settings.path)))
        }
    }

    /// Facts after trouble: one that is wrong in itself must not hold up the others.
    private mutating func commitFacts(_ group: [Pending]) throws(SQLiteError) {
        do throws(SQLiteError) {
            try commit(group)
        } catch  where error.meaning == .wrong {
            if group.count == 1 {
                group[0].completion(.failure(error.berthError(writer.settings.path)))
            } else {
                for one in group { try commitFacts([one]) }
            }
        }
    }

    // MARK: By the clock

    private func mark() throws(SQLiteError) {
        let boot = Clock.boot
        try connection.transaction { () throws(SQLiteError) in
            try connection.write(
                SteadyClock.Mark(steady: writer.clock.steady(boot: boot), boot: boot, bootID: Clock.bootID, real: Clock.real))
        }
    }

    /// Each minute: a mark of the steady clock, and answers past their time are dropped.
    private mutating func markIfDue() {
        guard trouble == nil, Clock.monotonic >= nextMark else { return }
        nextMark = Clock.monotonic + writer.settings.markEvery
        do throws(SQLiteError) {
            try mark()
            try connection.dropAnswers(before: Clock.real - writer.settings.keepAnswers)
        } catch {
            enter(error)
        }
    }

    /// Copies the log into the database (`sqlite3_wal_checkpoint_v2`), so that it does not grow. A failure loses nothing: the log stays.
    private func checkpoint(from pages: Int32) {
        guard connection.logPages >= pages, trouble == nil else { return }
        let status = sqlite3_wal_checkpoint_v2(connection.handle, nil, SQLITE_CHECKPOINT_PASSIVE, nil, nil)
        connection.logPages = 0
        writer.shared.withLock { $0.statistics.checkpoints += 1 }
        if status != SQLITE_OK {
            Log.warning("the ledger's log could not be copied into it yet", ["reason": connection.error(status, "checkpoint").description])
        }
    }

    /// After the last submission: a last try for facts, and the mark of a clean end.
    private mutating func finish() {
        for one in waiting { one.completion(.failure(WriterLoop.closed)) }
        let late = writer.shared.withLock { shared in
            shared.hasEnded = true
            var late: [Writer.Submission] = []
            writer.mailbox.take(into: &late)
            return late
        }
        for case .batch(_, let completion) in late { completion(.failure(WriterLoop.closed)) }
        guard trouble == nil else { return }
        do throws(SQLiteError) {
            try mark()
            try connection.transaction { () throws(SQLiteError) in try connection.set("clean", "1") }
            sqlite3_wal_checkpoint_v2(connection.handle, nil, SQLITE_CHECKPOINT_TRUNCATE, nil, nil)
        } catch {
            Log.error("the ledger could not be closed cleanly; nothing acknowledged is lost", ["reason": error.description])
        }
    }

    static let closed = BerthError(.retry, "the ledger is closed: the host is ending", hint: "try again when it is back")
}

extension Connection {
    /// Removes the oldest events past `keep`, a few more than were added, so that the table shrinks without a long transaction. Returns the
    /// oldest that is left.
    func prune(from oldest: Int64, next: Int64, keep: Int64, added: Int64) throws(SQLiteError) -> Int64 {
        guard next - oldest > keep, added > 0 else { return oldest }
        let target = min(next - keep, oldest + 2 * added + 16)
        try statement("DELETE FROM events WHERE seq < ?1").bind(1, target).run()
        return target
    }

    /// Removes answers that are older, a thousand in a transaction.
    func dropAnswers(before time: Int64) throws(SQLiteError) {
        while true {
            try transaction { () throws(SQLiteError) in
                try statement("DELETE FROM answers WHERE n IN (SELECT n FROM answers ORDER BY n LIMIT 1000) AND time < ?1").bind(1, time)
                    .run()
            }
            guard sqlite3_changes(handle) == 1000 else { return }
        }
    }
}
