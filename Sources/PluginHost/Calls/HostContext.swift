import Glibc
import Model
import Platform
import PluginABI
import Synchronization

/// The host as one open driver sees it: its `berth_host_t`, and where events and log lines go.
///
/// Never freed: a driver whose threads go on after `close` finds a host that takes nothing.
final class HostContext: Sendable {
    static let largestEvent = 1 << 20

    /// Nil after `close`. The lock is held while the listener is told, so that it hears nothing later.
    private let listener: Mutex<DriverListener?>
    nonisolated(unsafe) let pointer: UnsafeMutablePointer<berth_host_t>

    init(_ listener: DriverListener, version: String, major: Int, minor: Int) {
        self.listener = Mutex(listener)
        pointer = .allocate(capacity: 1)
        pointer.initialize(to: berth_host_t())
        pointer.pointee = berth_host_t(
            size: UInt32(MemoryLayout<berth_host_t>.size), abi_major: UInt16(major), abi_minor: UInt16(minor), name: strdup("berth"),
            version: strdup(version), ctx: Unmanaged.passRetained(self).toOpaque(), emit: { HostContext.of($0)?.emit($1) ?? false },
            log: { HostContext.of($0)?.log($1, $2) })
    }

    private static func of(_ host: UnsafePointer<berth_host_t>?) -> HostContext? {
        guard let context = host?.pointee.ctx else { return nil }
        return Unmanaged<HostContext>.fromOpaque(context).takeUnretainedValue()
    }

    func close() { listener.withLock { $0 = nil } }

    /// Copies an event, whose `size` says how much of it the driver knows.
    private func emit(_ pointer: UnsafePointer<berth_event_t>?) -> Bool {
        guard let pointer else { return false }
        let size = min(Int(UnsafeRawPointer(pointer).load(as: UInt32.self)), MemoryLayout<berth_event_t>.size)
        var event = berth_event_t()
        memcpy(&event, pointer, size)
        guard event.data_size <= HostContext.largestEvent else {
            log(Log.Level.warning.rawValue, "an event of \(event.data_size) bytes is refused: at most \(HostContext.largestEvent)")
            return false
        }
        guard let kind = DriverEvent.Kind(rawValue: event.kind) else {
            // A later minor may know more kinds.
            log(Log.Level.debug.rawValue, "an event of the unknown kind \(event.kind) is passed over")
            return true
        }
        let copy = DriverEvent(
            kind: kind, time: event.time_ms == 0 ? Clock.real : event.time_ms, subject: text(event.subject, atMost: 1 << 10) ?? "",
            data: event.data.map { [UInt8](UnsafeRawBufferPointer(start: $0, count: event.data_size)) } ?? [])
        return listener.withLock { $0?.event(copy) ?? false }
    }

    private func log(_ level: Int32, _ message: UnsafePointer<CChar>?) {
        log(level, text(message, atMost: 16 << 10) ?? "")
    }

    private func log(_ level: Int32, _ message: String) {
        listener.withLock { $0?.log(level, message) }
    }
}
