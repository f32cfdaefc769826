internal import PluginABI

/// The host, as a driver sees it: takes events and log lines from any thread until ``Driver/close()`` returns.
public struct Host: Sendable {
    // The host guarantees it until close returns, for any thread ([any] in berth/driver.h).
    nonisolated(unsafe) let raw: UnsafePointer<berth_host_t>

    init(_ raw: UnsafePointer<berth_host_t>) {
        self.raw = raw
    }

    /// The host's version.
    public var version: String { String(cString: raw.pointee.version) }

    /// Tells of something that happened without a call. Never blocks; false: the host's queue is full, and it will list
    /// again by itself. Behind it: `berth_host_t.emit`.
    @discardableResult
    public func emit(_ event: Event) -> Bool {
        var writer = DocumentWriter()
        event.write(to: &writer)
        return writer.withBytes { bytes in
            event.subject.withCString { subject in
                var raw = berth_event_t()
                raw.size = UInt32(MemoryLayout<berth_event_t>.size)
                raw.kind = event.kind
                raw.time_ms = event.time
                raw.subject = subject
                raw.data = bytes.isEmpty ? nil : bytes.baseAddress
                raw.data_size = bytes.count
                return self.raw.pointee.emit(self.raw, &raw)
            }
        }
    }

    /// The levels of a log line; the numbers are syslog's.
    public enum Level: Int32, Sendable {
        case error = 3
        case warning = 4
        case info = 6
        case debug = 7
    }

    /// One line for the host's log, without secrets. Behind it: `berth_host_t.log`.
    public func log(_ level: Level, _ message: String) {
        raw.pointee.log(raw, level.rawValue, message)
    }

    public func error(_ message: String) { log(.error, message) }
    public func warning(_ message: String) { log(.warning, message) }
    public func info(_ message: String) { log(.info, message) }
    public func debug(_ message: String) { log(.debug, message) }
}

/// Something that happened at the provider without a call.
public struct Event: Sendable {
    enum Content: Sendable {
        case state(Machine)
        case stats(Usage)
        case health(isUp: Bool, message: String?)
        case resync
    }

    var content: Content
    /// The machine's id, or `""` for the provider itself.
    var subject: String
    /// Milliseconds since 1970; 0: now.
    var time: Int64 = 0

    /// A machine appeared, changed or went (state ``MachineState/gone``).
    public static func state(_ machine: Machine, time: Int64 = 0) -> Event {
        Event(content: .state(machine), subject: machine.id, time: time)
    }

    /// What a machine uses.
    public static func stats(_ id: String, _ usage: Usage, time: Int64 = 0) -> Event {
        Event(content: .stats(usage), subject: id, time: time)
    }

    /// The provider came or went.
    public static func health(isUp: Bool, _ message: String? = nil, time: Int64 = 0) -> Event {
        Event(content: .health(isUp: isUp, message: message), subject: "", time: time)
    }

    /// Events were missed: the host lists again.
    public static var resync: Event { Event(content: .resync, subject: "") }

    /// `BERTH_EVENT_…`
    var kind: Int32 {
        switch content {
        case .state: 1
        case .stats: 2
        case .health: 3
        case .resync: 4
        }
    }

    func write(to writer: inout DocumentWriter) {
        switch content {
        case .state(let machine): machine.write(to: &writer)
        case .stats(let usage): usage.write(to: &writer)
        case .health(let isUp, let message):
            writer.beginObject()
            writer.field("state", isUp ? "up" : "down")
            if let message { writer.field("message", message) }
            writer.endObject()
        case .resync: break
        }
    }
}
