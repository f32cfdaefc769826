import Glibc
import PluginABI
import Synchronization

/// A `berth_host_t` that keeps what a driver emits and logs, also after it should have stopped. Never freed, as
/// ``ProbeCall``.
final class ProbeHost: Sendable {
    struct Emitted: Sendable {
        var size: UInt32
        var kind: Int32
        var subject: [UInt8]
        var data: [UInt8]
    }

    struct State {
        var events: [Emitted] = []
        var emitted = 0
        var logged = 0
        var isClosed = false
        var usesAfterClose = 0
        var badLines = 0
    }

    let state = Mutex(State())
    /// What `emit` answers.
    let takesEvents = Atomic<Bool>(true)
    nonisolated(unsafe) let raw: UnsafeMutablePointer<berth_host_t>

    init() {
        raw = .allocate(capacity: 1)
        raw.initialize(
            to: berth_host_t(
                size: UInt32(MemoryLayout<berth_host_t>.size), abi_major: UInt16(BERTH_ABI_MAJOR), abi_minor: UInt16(BERTH_ABI_MINOR),
                name: UnsafePointer(strdup("berth-check")), version: UnsafePointer(strdup("1")), ctx: nil,
                emit: { host, event in ProbeHost.of(host)?.emit(event) ?? false },
                log: { host, level, message in ProbeHost.of(host)?.log(level, message) }))
        raw.pointee.ctx = Unmanaged.passRetained(self).toOpaque()
    }

    private static func of(_ host: UnsafePointer<berth_host_t>?) -> ProbeHost? {
        guard let context = host?.pointee.ctx else { return nil }
        return Unmanaged<ProbeHost>.fromOpaque(context).takeUnretainedValue()
    }

    private func emit(_ event: UnsafePointer<berth_event_t>?) -> Bool {
        guard let event = event?.pointee else { return false }
        let subject = event.subject.map { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) } ?? []
        let data = event.data.map { Array(UnsafeRawBufferPointer(start: $0, count: min(event.data_size, 1 << 20))) } ?? []
        let takes = takesEvents.load(ordering: .relaxed)
        return state.withLock { state in
            if state.isClosed { state.usesAfterClose += 1 }
            state.emitted += 1
            // Kept only up to a number: a storm must not fill the memory of the check itself.
            if state.events.count < 10_000 {
                state.events.append(Emitted(size: event.size, kind: event.kind, subject: subject, data: data))
            }
            return takes
        }
    }

    private func log(_ level: Int32, _ message: UnsafePointer<CChar>?) {
        let isText = message.map { String(validatingCString: $0) != nil } ?? false
        state.withLock { state in
            if state.isClosed { state.usesAfterClose += 1 }
            state.logged += 1
            if !isText || !(0...7).contains(level) { state.badLines += 1 }
        }
    }
}
