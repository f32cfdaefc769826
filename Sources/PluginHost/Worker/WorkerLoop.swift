import JSON
import Model
import Platform
import Synchronization

/// The worker's side of the socket pair: loads the driver, opens it, makes the calls that arrive and answers each.
///
/// One thread more than the driver takes calls reads in turns (`ReadingTurn`): whoever reads a call makes it, so a call crosses
/// no queue, and one thread is always there for cancellations and for the host's end. The same loop runs in the host itself
/// where the isolation is `thread`.
final class WorkerLoop: Sendable {
    let channel: WorkerChannel
    private let turn: ReadingTurn
    private let outbox = WorkerOutbox()
    private let state = Mutex(State())

    private struct State {
        var library: DriverLibrary?
        var session: DriverSession?
        var isOpen = false
        var settings: JSON = .null
        var lock: WorkerLock?
        /// The calls that run, for `worker.cancel`.
        var controls: [UInt64: CallControl] = [:]
    }

    /// Called when nothing can be sent any more, by whoever wanted to: a driver that closed the descriptor leaves the thread
    /// that reads asleep on the old socket.
    private let lost: @Sendable (End) -> Void

    /// Nil: the system has no descriptor left.
    init?(_ channel: WorkerChannel, lost: @escaping @Sendable (End) -> Void) {
        guard let turn = ReadingTurn(socket: channel.descriptor) else { return nil }
        self.channel = channel
        self.turn = turn
        self.lost = lost
    }

    /// Why a loop ended.
    enum End: Sendable, Equatable {
        /// The host said so, and the driver is closed.
        case stopped
        /// The host is gone.
        case hungUp
        case stolen
        case misunderstood
    }

    /// Serves until the end, with a thread of its own for what is sent unasked. `prepare` sees the order before the driver
    /// is loaded. `closesAtEnd`: a driver that is open still is closed, which a process need not do before it exits.
    func run(closesAtEnd: Bool = false, prepare: (WorkerOrder) -> Void) -> End {
        let sender = OSThread("berth-events") { [outbox, channel] in outbox.run(channel) }
        let end = begin(prepare)
        if closesAtEnd { close() }
        outbox.close()
        channel.shutDown()
        sender?.join()
        state.withLock { $0.lock?.release() }
        return end
    }

    /// The first frame is the order; after it, all threads serve.
    private func begin(_ prepare: (WorkerOrder) -> Void) -> End {
        let first: WorkerFrame
        do throws(WorkerChannel.Failure) {
            first = try channel.receive { _ in false }.frame
        } catch {
            return WorkerLoop.end(for: error)
        }
        let threads: Int
        do throws(BerthError) {
            guard first.header.verb == "worker.start", let json = try? JSON(parsing: first.body) else { return .misunderstood }
            let order = try WorkerOrder(json)
            prepare(order)
            try load(order)
            threads = order.section.threads
        } catch {
            answer(first.header.id, with: error)
            // Stays until the host has read the reason and hangs up.
            return serve()
        }
        answerLoaded(first.header.id)
        let others = (0..<threads).compactMap { number in
            OSThread("berth-call-\(number + 1)") { [self] in
                // The host is gone, and another thread may be in a call that never ends.
                if serve() == .hungUp { lost(.hungUp) }
            }
        }
        let end = serve()
        for other in others { other.join() }
        return end
    }

    private func load(_ order: WorkerOrder) throws(BerthError) {
        if let path = order.lock {
            let lock = try WorkerLoop.take(path, for: order.provider)
            state.withLock { $0.lock = lock }
        }
        let library = try WorkerLoop.library(order)
        let settings = try order.section.settings(for: library.schema)
        let listener = DriverListener(
            event: { [outbox] event in outbox.event(event) },
            log: { [outbox] level, line in outbox.log(level, line) })
        state.withLock { state in
            state.library = library
            state.settings = settings
            state.session = DriverSession(library, version: order.hostVersion, listener: listener)
        }
    }

    /// A file that does not load stays so until somebody changes it: `unsupported`, with the step that failed.
    private static func library(_ order: WorkerOrder) throws(BerthError) -> DriverLibrary {
        do throws(BerthError) {
            return try DriverLibrary(loading: order.inspection, abi: order.abi)
        } catch {
            throw BerthError(.unsupported, (error.field.map { "\($0): " } ?? "") + error.message, hint: error.hint)
        }
    }

    private static func take(_ path: String, for provider: String) throws(BerthError) -> WorkerLock {
        do throws(WorkerLock.Failure) {
            return try WorkerLock(path, until: Clock.monotonic + 5_000)
        } catch {
            switch error {
            case .held(let process):
                throw BerthError(
                    .conflict, "process \(process) holds the lock of provider \(provider)",
                    hint: "one worker at a time opens a provider: end that process, or wait for it")
            case .impossible(let error):
                throw BerthError(.broken, "cannot lock \(path): errno \(error)", hint: "see who owns the state directory, and its disk")
            }
        }
    }

    private func answerLoaded(_ id: UInt64) {
        guard let library = state.withLock({ $0.library }) else { return }
        let identity = library.identity
        let body: JSON = [
            "id": JSON(identity.id), "name": JSON(identity.name), "version": JSON(identity.version), "vendor": JSON(identity.vendor),
            "license": JSON(identity.license), "url": JSON(identity.url), "capabilities": JSON(library.capabilities),
            "calls": JSON(library.calls.keys.sorted()),
        ]
        send(WorkerFrame(header: WorkerHeader("ok", id), body: body.bytes))
    }

    // MARK: serving

    private func serve() -> End {
        var hasTurn = false
        while true {
            if !hasTurn, let end = turn.take() { return end }
            if let end = serveOne() {
                turn.end(end)
                return end
            }
            hasTurn = turn.reclaim()
        }
    }

    /// Reads a frame and does what it says; not nil: it was the last.
    private func serveOne() -> End? {
        let frame: WorkerFrame
        let hasMore: Bool
        do throws(WorkerChannel.Failure) {
            (frame, hasMore) = try channel.receive(takesCancellation)
        } catch {
            return WorkerLoop.end(for: error)
        }
        switch frame.header.verb {
        case "worker.stop":
            close()
            return .stopped
        case "worker.open":
            turn.offer(hasMore: hasMore)
            open(frame)
        case let verb where verb.hasPrefix("call."):
            turn.offer(hasMore: hasMore)
            call(String(verb.dropFirst(5)), frame)
        default: return .misunderstood
        }
        return nil
    }

    /// A cancellation overtakes every call that was not read yet.
    private func takesCancellation(_ frame: WorkerFrame) -> Bool {
        guard frame.header.verb == "worker.cancel" else { return false }
        state.withLock { $0.controls[frame.header.id] }?.cancel()
        return true
    }

    private static func end(for failure: WorkerChannel.Failure) -> End {
        switch failure {
        case .closed: .hungUp
        case .stolen: .stolen
        case .misunderstood: .misunderstood
        }
    }

    // MARK: calls

    private func open(_ frame: WorkerFrame) {
        run(frame) { session, control, settings in
            let outcome = session.open(settings, control)
            if outcome.status == .ok { state.withLock { $0.isOpen = true } }
            return outcome
        }
    }

    /// Once; a session that never opened has nothing to close.
    private func close() {
        let session = state.withLock { state in
            defer { state.session = nil }
            return state.isOpen ? state.session : nil
        }
        session?.close()
    }

    private func call(_ name: String, _ frame: WorkerFrame) {
        let arguments: [CallArgument]
        do throws(WorkerProtocolError) {
            arguments = try CallArgument.decode(frame.header["values"] ?? "", frame.body).arguments
        } catch {
            return answer(frame.header.id, with: BerthError(.broken, error.description))
        }
        run(frame) { session, control, _ in session.call(name, arguments, control) }
    }

    private func run(_ frame: WorkerFrame, _ make: (DriverSession, CallControl, JSON) -> CallOutcome) {
        let id = frame.header.id
        let (session, settings) = state.withLock { ($0.session, $0.settings) }
        guard let session else { return answer(id, with: BerthError(.broken, "the driver is not loaded")) }
        let deadline = frame.header["deadline"].flatMap { Int64($0) } ?? Int64.max
        let wantsProgress = frame.header["progress"] == "yes"
        let report: @Sendable (Double, String) -> Void = { [outbox] fraction, what in outbox.progress(id, fraction, what) }
        let control = CallControl(id: id, deadline: deadline, progress: wantsProgress ? report : nil)
        state.withLock { $0.controls[id] = control }
        let outcome = make(session, control, settings)
        state.withLock { _ = $0.controls.removeValue(forKey: id) }
        if wantsProgress { outbox.flush(id, channel) }
        answer(id, outcome)
    }

    // MARK: answers

    /// Documents larger than this go in pieces, so that short answers of other calls need not wait for the whole.
    static let piece = 256 << 10

    private func answer(_ id: UInt64, _ outcome: CallOutcome) {
        guard let code = outcome.status.code else { return answerOK(id, outcome) }
        answer(id, with: BerthError(code, outcome.message ?? "", native: outcome.native), nanoseconds: outcome.nanoseconds)
    }

    private func answerOK(_ id: UInt64, _ outcome: CallOutcome) {
        var header = WorkerHeader("ok", id, ["ns": "\(outcome.nanoseconds)"])
        var body: [UInt8] = []
        if outcome.value != nil || !outcome.outputs.isEmpty {
            let (list, bytes) = CallArgument.encode([outcome.value ?? .void] + outcome.outputs)
            header["values"] = list
            body = bytes
        }
        guard outcome.document.count > WorkerLoop.piece else {
            // A document alone is not copied.
            if body.isEmpty { body = outcome.document } else { body += outcome.document }
            return send(WorkerFrame(header: header, body: body))
        }
        var rest = outcome.document[...]
        while rest.count > WorkerLoop.piece {
            send(WorkerFrame(header: WorkerHeader("piece", id), body: Array(rest.prefix(WorkerLoop.piece))))
            rest = rest.dropFirst(WorkerLoop.piece)
        }
        body += rest
        send(WorkerFrame(header: header, body: body))
    }

    private func answer(_ id: UInt64, with error: BerthError, nanoseconds: Int64 = 0) {
        var body: JSON = ["message": JSON(error.message)]
        if let hint = error.hint { body["hint"] = JSON(hint) }
        if let native = error.native { body["native"] = JSON(native) }
        if let cause = error.cause { body["cause"] = JSON(cause) }
        send(WorkerFrame(header: WorkerHeader(error.code.rawValue, id, ["ns": "\(nanoseconds)"]), body: body.bytes))
    }

    private func send(_ frame: WorkerFrame) {
        do throws(WorkerChannel.Failure) {
            try channel.send(frame)
        } catch {
            lost(WorkerLoop.end(for: error))
        }
    }
}
