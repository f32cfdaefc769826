import Glibc
import Platform
import PluginABI
import Synchronization

/// What a driver holds while a call runs: the `berth_call_t` that it gets, and what its functions collect.
///
/// A driver may keep the pointer and use it after its call returned. It must not hurt the host then, so contexts are
/// never freed, and one that ended answers "cancelled" and takes nothing until `Graveyard.depth` further calls ended.
final class CallContext: Sendable {
    /// A result document may have at most so many bytes.
    static let largestDocument = 64 << 20

    struct State {
        /// Nil: the call has ended.
        var control: CallControl?
        var document: [UInt8] = []
        var isTooLarge = false
        var message: String?
        var native: String?
    }

    let state = Mutex(State())
    nonisolated(unsafe) let pointer: UnsafeMutablePointer<berth_call_t>

    private init() {
        pointer = .allocate(capacity: 1)
        pointer.initialize(to: berth_call_t())
        pointer.pointee = berth_call_t(
            size: UInt32(MemoryLayout<berth_call_t>.size), flags: 0, id: 0, deadline_ms: 0, ctx: Unmanaged.passRetained(self).toOpaque(),
            cancelled: { CallContext.of($0)?.isCancelled ?? true },
            progress: { CallContext.of($0)?.progress($1, $2) },
            write: { CallContext.of($0)?.write($1, $2) ?? false },
            fail: { call, status, message, native in
                CallContext.of(call)?.fail(message, native)
                return status
            })
    }

    private static func of(_ call: UnsafePointer<berth_call_t>?) -> CallContext? {
        guard let context = call?.pointee.ctx else { return nil }
        return Unmanaged<CallContext>.fromOpaque(context).takeUnretainedValue()
    }

    // MARK: life

    /// A context for a call that begins now.
    static func begin(_ control: CallControl) -> CallContext {
        let context = graveyard.withLock { $0.free.popLast() } ?? CallContext()
        context.pointer.pointee.id = control.id
        context.pointer.pointee.deadline_ms = control.deadline
        context.state.withLock { $0.control = control }
        return context
    }

    /// Ends the call and hands over what was collected. From here on the context is a tombstone.
    func end() -> State {
        let left = state.withLock { state in
            defer { state = State() }
            return state
        }
        CallContext.graveyard.withLock { $0.bury(self) }
        return left
    }

    /// Contexts whose calls have ended, oldest first, and those that rested long enough to be used again.
    private struct Graveyard {
        static let depth = 1024
        var resting: [CallContext] = []
        var oldest = 0
        var free: [CallContext] = []

        mutating func bury(_ context: CallContext) {
            guard resting.count == Graveyard.depth else { return resting.append(context) }
            free.append(resting[oldest])
            resting[oldest] = context
            oldest = (oldest + 1) % Graveyard.depth
        }
    }

    private static let graveyard = Mutex(Graveyard())

    // MARK: what the driver calls

    private var isCancelled: Bool {
        state.withLock { state in
            guard let control = state.control else { return true }
            return control.isCancelled || Clock.monotonic >= control.deadline
        }
    }

    /// Within the lock, so that no progress arrives after the call's end.
    private func progress(_ fraction: Double, _ what: UnsafePointer<CChar>?) {
        let text = text(what, atMost: 1 << 10) ?? ""
        state.withLock { $0.control?.progress?(fraction.isFinite ? min(max(fraction, 0), 1) : 0, text) }
    }

    private func write(_ data: UnsafeRawPointer?, _ size: Int) -> Bool {
        state.withLock { state in
            guard state.control != nil, !state.isTooLarge else { return false }
            guard size <= CallContext.largestDocument - state.document.count else {
                state.isTooLarge = true
                state.document = []
                return false
            }
            guard let data else { return size == 0 }
            state.document.append(contentsOf: UnsafeRawBufferPointer(start: data, count: size))
            return true
        }
    }

    private func fail(_ message: UnsafePointer<CChar>?, _ native: UnsafePointer<CChar>?) {
        let (message, native) = (text(message, atMost: 4 << 10), text(native, atMost: 16 << 10))
        state.withLock { state in
            guard state.control != nil else { return }
            state.message = message
            state.native = native
        }
    }
}

/// A driver's text, copied; what is not UTF-8 is replaced, and what is too long is cut.
func text(_ pointer: UnsafePointer<CChar>?, atMost limit: Int) -> String? {
    guard let pointer else { return nil }
    let length = strnlen(pointer, limit)
    let bytes = UnsafeRawBufferPointer(start: pointer, count: length)
    return String(decoding: bytes, as: UTF8.self)
}
