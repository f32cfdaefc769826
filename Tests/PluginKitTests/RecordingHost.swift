import Glibc
import PluginABI
import PluginKit

/// A host that calls a driver through its table, as the real one does, and keeps what the driver leaves.
final class RecordingHost {
    struct Failure: Equatable {
        var status: Int32
        var message: String
        var native: String?
    }

    struct EmittedEvent: Equatable {
        var kind: Int32
        var subject: String
        var data: String
    }

    private(set) var document: [UInt8] = []
    private(set) var writes = 0
    private(set) var failure: Failure?
    private(set) var progress: [String] = []
    private(set) var events: [EmittedEvent] = []
    private(set) var lines: [String] = []
    var isCancelled = false
    var room = Int.max
    var deadline: Int64 = 0

    let host: UnsafeMutablePointer<berth_host_t>
    let name = strdup("recording")

    init() {
        host = .allocate(capacity: 1)
        host.initialize(
            to: berth_host_t(
                size: UInt32(MemoryLayout<berth_host_t>.size), abi_major: 1, abi_minor: 0, name: name, version: name, ctx: nil,
                emit: { host, event in
                    guard let host, let event = event?.pointee else { return false }
                    let data = UnsafeRawBufferPointer(start: event.data, count: event.data_size)
                    RecordingHost.of(host.pointee.ctx).events.append(
                        EmittedEvent(kind: event.kind, subject: String(cString: event.subject), data: String(decoding: data, as: UTF8.self))
                    )
                    return true
                },
                log: { host, level, message in
                    guard let host, let message else { return }
                    RecordingHost.of(host.pointee.ctx).lines.append("\(level) \(String(cString: message))")
                }))
        host.pointee.ctx = Unmanaged.passUnretained(self).toOpaque()
    }

    deinit {
        host.deallocate()
        free(name)
    }

    private static func of(_ context: UnsafeMutableRawPointer) -> RecordingHost {
        Unmanaged<RecordingHost>.fromOpaque(context).takeUnretainedValue()
    }

    var text: String { String(decoding: document, as: UTF8.self) }

    /// Makes one call and answers its status.
    func call(_ body: (UnsafePointer<berth_call_t>) -> berth_status_t) -> berth_status_t {
        document = []
        writes = 0
        failure = nil
        var call = berth_call_t(
            size: UInt32(MemoryLayout<berth_call_t>.size), flags: 0, id: 42, deadline_ms: deadline,
            ctx: Unmanaged.passUnretained(self).toOpaque(),
            cancelled: { call in call.map { RecordingHost.of($0.pointee.ctx).isCancelled } ?? true },
            progress: { call, fraction, what in
                guard let call, let what else { return }
                RecordingHost.of(call.pointee.ctx).progress.append("\(fraction) \(String(cString: what))")
            },
            write: { call, data, size in
                guard let call else { return false }
                let host = RecordingHost.of(call.pointee.ctx)
                guard host.document.count + size <= host.room else { return false }
                host.document += UnsafeRawBufferPointer(start: data, count: size)
                host.writes += 1
                return true
            },
            fail: { call, status, message, native in
                guard let call else { return status }
                RecordingHost.of(call.pointee.ctx).failure = Failure(
                    status: status, message: message.map { String(cString: $0) } ?? "", native: native.map { String(cString: $0) })
                return status
            })
        return body(&call)
    }
}
