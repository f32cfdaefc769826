import Glibc
import PluginKit
import Synchronization

/// Runs what may block in libvirt on threads of its own, so that a call of the host always ends by its deadline, or soon
/// after it was cancelled, whatever state the connection is in.
///
/// libvirt's calls have no deadline. An errand that overstays is left behind: its thread comes back when libvirt answers
/// or the keep-alive ends the connection, and its result is dropped. An errand therefore never touches the host's
/// `Call`; it returns values, and asks its ``Errand`` whether anybody still waits.
final class Errands: Sendable {
    /// So many threads may be stuck before every call is refused at once.
    static let most = 64

    private struct State {
        var waiting: [@Sendable () -> Void] = []
        var idle = 0
        var threads = 0
        var isClosed = false
    }

    private let state = Mutex(State())
    private let signal = Signal()

    /// Runs `body` and waits for it as long as `call` lasts.
    func run<Result: Sendable>(
        _ call: Call, _ doing: String, _ body: @escaping @Sendable (Errand) throws -> Result
    ) throws(DriverError) -> Result {
        let errand = Errand()
        let box = Box<Result>()
        try start {
            let result: Swift.Result<Result, DriverError>
            do {
                result = .success(try body(errand))
            } catch let error as DriverError {
                result = .failure(error)
            } catch let error as LibvirtError {
                result = .failure(error.driverError)
            } catch {
                result = .failure(.broken("the driver failed", native: "\(error)"))
            }
            box.signal.notify { box.result.withLock { $0 = result } }
        }
        while true {
            let isReady = box.signal.wait(milliseconds: min(50, max(1, call.remaining - Errands.margin))) {
                box.result.withLock { $0 != nil }
            }
            if isReady, let result = box.result.withLock({ $0 }) { return try result.get() }
            if call.isCancelled {
                errand.abandon()
                throw .cancelled("the host cancelled: \(doing)")
            }
            if call.remaining <= Errands.margin {
                errand.abandon()
                throw .deadline("no answer in time: \(doing)")
            }
            if let fraction = errand.takeProgress() { call.progress(fraction.fraction, fraction.what) }
        }
    }

    /// Answering a little early beats being killed for answering late.
    private static let margin: Int64 = 50

    private final class Box<Value: Sendable>: Sendable {
        let result = Mutex<Swift.Result<Value, DriverError>?>(nil)
        let signal = Signal()
    }

    private func start(_ job: @escaping @Sendable () -> Void) throws(DriverError) {
        enum Place { case idle, new, none }
        let place = state.withLock { state -> Place in
            if state.isClosed { return .none }
            if state.idle > state.waiting.count {
                state.waiting.append(job)
                return .idle
            }
            guard state.threads < Errands.most else { return .none }
            state.threads += 1
            state.waiting.append(job)
            return .new
        }
        switch place {
        case .idle:
            signal.notify()
        case .new:
            guard Thread.start({ [self] in work() }) else {
                state.withLock { $0.threads -= 1 }
                throw .retry("the system has no thread left")
            }
        case .none:
            throw .unreachable("\(Errands.most) calls are stuck in libvirt: the connection does not answer")
        }
    }

    /// What each thread does: jobs until there are none for ten seconds.
    private func work() {
        while true {
            if let job = state.withLock({ $0.waiting.isEmpty ? nil : $0.waiting.removeFirst() }) {
                job()
                continue
            }
            state.withLock { $0.idle += 1 }
            let isReady = signal.wait(milliseconds: 10_000) { state.withLock { !$0.waiting.isEmpty || $0.isClosed } }
            let ends = state.withLock { state in
                state.idle -= 1
                let ends = state.waiting.isEmpty && (!isReady || state.isClosed)
                if ends { state.threads -= 1 }
                return ends
            }
            if ends {
                signal.notify()
                return
            }
        }
    }

    /// Ends the idle threads and waits up to `milliseconds` for the others. Whether all are gone.
    func close(milliseconds: Int64) -> Bool {
        signal.notify { state.withLock { $0.isClosed = true } }
        return signal.wait(milliseconds: milliseconds) { state.withLock { $0.threads == 0 } }
    }
}

/// One piece of work on an errand's thread, as the work itself sees it.
final class Errand: Sendable {
    struct Progress: Sendable {
        var fraction: Double
        var what: String
    }

    private struct State {
        var isAbandoned = false
        var progress: Progress?
    }

    private let state = Mutex(State())

    /// Whether nobody waits any more: the work ends at its next safe step.
    var isAbandoned: Bool { state.withLock { $0.isAbandoned } }

    func abandon() {
        state.withLock { $0.isAbandoned = true }
    }

    func check() throws(DriverError) {
        if isAbandoned { throw .cancelled("nobody waits for it any more") }
    }

    /// How far the work is; the host's thread passes it on.
    func progress(_ fraction: Double, _ what: String) {
        state.withLock { $0.progress = Progress(fraction: fraction, what: what) }
    }

    func takeProgress() -> Progress? {
        state.withLock { state in
            defer { state.progress = nil }
            return state.progress
        }
    }
}
