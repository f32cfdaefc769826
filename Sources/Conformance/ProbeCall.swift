import Glibc
import PluginABI
import Synchronization

/// A `berth_call_t` that keeps all that a driver does with it, also what it must not do. It is never freed, so that a driver
/// which uses it too late is found out and not crashed.
final class ProbeCall: Sendable {
    struct State {
        var document: [UInt8] = []
        var isOver = false
        var usesAfterEnd = 0
        var foreignWrites = 0
        var writesAfterRefusal = 0
        var isRefusing = false
        var failures: [(status: Int32, message: [UInt8], native: [UInt8])] = []
        var progress: [Double] = []
        var asked = 0
    }

    let state = Mutex(State())
    let cancelled = Atomic<Bool>(false)
    private let thread = pthread_self()
    private let limit: Int
    nonisolated(unsafe) let raw: UnsafeMutablePointer<berth_call_t>

    init(id: UInt64, deadline: Int64, limit: Int = Int(BERTH_DOCUMENT_MAX)) {
        self.limit = limit
        raw = .allocate(capacity: 1)
        raw.initialize(
            to: berth_call_t(
                size: UInt32(MemoryLayout<berth_call_t>.size), flags: 0, id: id, deadline_ms: deadline, ctx: nil,
                cancelled: { call in ProbeCall.of(call)?.isCancelled ?? true },
                progress: { call, fraction, what in ProbeCall.of(call)?.progress(fraction, what) },
                write: { call, data, size in ProbeCall.of(call)?.write(data, size) ?? false },
                fail: { call, status, message, native in
                    ProbeCall.of(call)?.fail(status, message, native)
                    return status
                }))
        raw.pointee.ctx = Unmanaged.passRetained(self).toOpaque()
    }

    private static func of(_ call: UnsafePointer<berth_call_t>?) -> ProbeCall? {
        guard let context = call?.pointee.ctx else { return nil }
        return Unmanaged<ProbeCall>.fromOpaque(context).takeUnretainedValue()
    }

    /// The call has returned: whatever comes now comes too late.
    func end() -> State {
        state.withLock { state in
            state.isOver = true
            return state
        }
    }

    private var isCancelled: Bool {
        state.withLock { state in
            state.asked += 1
            if state.isOver { state.usesAfterEnd += 1 }
        }
        return cancelled.load(ordering: .relaxed)
    }

    private func progress(_ fraction: Double, _ what: UnsafePointer<CChar>?) {
        state.withLock { state in
            if state.isOver { state.usesAfterEnd += 1 }
            if state.progress.count < 1000 { state.progress.append(fraction) }
        }
    }

    private func write(_ data: UnsafeRawPointer?, _ size: Int) -> Bool {
        let isForeign = pthread_equal(pthread_self(), thread) == 0
        return state.withLock { state in
            guard !state.isOver else {
                state.usesAfterEnd += 1
                return false
            }
            if isForeign { state.foreignWrites += 1 }
            if state.isRefusing { state.writesAfterRefusal += 1 }
            guard !state.isRefusing, size <= limit - state.document.count else {
                state.isRefusing = true
                return false
            }
            if size > 0, let data { state.document += UnsafeRawBufferPointer(start: data, count: size) }
            return true
        }
    }

    private func fail(_ status: Int32, _ message: UnsafePointer<CChar>?, _ native: UnsafePointer<CChar>?) {
        let message = ProbeCall.bytes(message)
        let native = ProbeCall.bytes(native)
        state.withLock { state in
            if state.isOver { state.usesAfterEnd += 1 }
            if state.failures.count < 100 { state.failures.append((status, message, native)) }
        }
    }

    private static func bytes(_ text: UnsafePointer<CChar>?) -> [UInt8] {
        guard let text else { return [] }
        return Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
    }
}
