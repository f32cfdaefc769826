import CLibvirt
import Glibc
import PluginKit
import Synchronization

/// Open serial consoles (`virDomainOpenConsole`): a stream each, read into a buffer by the event loop, so that what a guest
/// says between two reads is there at the next.
final class Consoles: Sendable {
    /// What nobody reads for so long is closed.
    private static let idle: Int64 = 120_000
    private static let most = 64

    private struct State {
        var sessions: [String: Console] = [:]
        var next = 0
    }

    private let state = Mutex(State())

    func open(_ domain: Domain, _ connection: Connection, isForced: Bool) throws -> String {
        closeIdle()
        guard state.withLock({ $0.sessions.count < Consoles.most }) else {
            throw DriverError.exhausted("\(Consoles.most) consoles are open already")
        }
        let console = try Console(domain, connection, isForced: isForced)
        return state.withLock { state in
            state.next += 1
            let name = "c\(state.next)-\(String(UInt32.random(in: .min ... .max), radix: 16))"
            state.sessions[name] = console
            return name
        }
    }

    func read(_ session: String, limit: Int, waitMilliseconds: Int64, _ errand: Errand) throws -> (data: [UInt8], isClosed: Bool) {
        let console = try find(session)
        let end = monotonicMilliseconds() + waitMilliseconds
        while true {
            let (data, isClosed) = console.take(limit)
            let left = end - monotonicMilliseconds()
            if !data.isEmpty || isClosed || left <= 0 || errand.isAbandoned {
                if isClosed, data.isEmpty { close(session) }
                return (data, isClosed && data.isEmpty)
            }
            console.wait(milliseconds: min(left, 200))
        }
    }

    func write(_ session: String, _ data: [UInt8]) throws {
        try find(session).send(data)
    }

    func close(_ session: String) {
        state.withLock { $0.sessions.removeValue(forKey: session) }?.close()
    }

    func closeAll() {
        for console in state.withLock({ state in
            defer { state.sessions = [:] }
            return Array(state.sessions.values)
        }) { console.close() }
    }

    private func find(_ session: String) throws(DriverError) -> Console {
        guard let console = state.withLock({ $0.sessions[session] }) else {
            throw .notFound("there is no console session '\(session)': it was closed, or nobody read it for two minutes")
        }
        return console
    }

    private func closeIdle() {
        let now = monotonicMilliseconds()
        let old = state.withLock { state in state.sessions.filter { now - $0.value.lastUse > Consoles.idle }.map(\.key) }
        for session in old { close(session) }
    }
}

/// One open console.
final class Console: Sendable {
    /// What a reader has not fetched; older bytes go first.
    private static let room = 1 << 20

    private struct State {
        var buffer: [UInt8] = []
        var isClosed = false
        var lastUse = monotonicMilliseconds()
    }

    nonisolated(unsafe) private let stream: virStreamPtr
    private let state = Mutex(State())
    private let signal = Signal()

    init(_ domain: Domain, _ connection: Connection, isForced: Bool) throws {
        stream = try must("open a stream", virStreamNew(connection.raw, VIR_STREAM_NONBLOCK.rawValue))
        let flags = isForced ? VIR_DOMAIN_CONSOLE_FORCE.rawValue : VIR_DOMAIN_CONSOLE_SAFE.rawValue
        guard virDomainOpenConsole(domain.raw, nil, stream, flags) >= 0 else {
            let error = LibvirtError(doing: "open the console of '\(domain.name)'")
            virStreamFree(stream)
            // A hypervisor that cannot keep two readers apart is asked without.
            throw error.is(VIR_ERR_OPERATION_FAILED)
                ? DriverError.conflict("somebody else reads the console of '\(domain.name)' (force takes it)", native: error.message)
                : error.driverError
        }
        let opaque = Unmanaged.passRetained(self).toOpaque()
        let events = Int32(
            bitPattern: VIR_STREAM_EVENT_READABLE.rawValue | VIR_STREAM_EVENT_ERROR.rawValue | VIR_STREAM_EVENT_HANGUP.rawValue)
        let added = virStreamEventAddCallback(
            stream, events,
            { _, events, opaque in
                if let opaque { Unmanaged<Console>.fromOpaque(opaque).takeUnretainedValue().happened(events) }
            }, opaque,
            { opaque in
                if let opaque { Unmanaged<Console>.fromOpaque(opaque).release() }
            })
        guard added >= 0 else {
            Unmanaged<Console>.fromOpaque(opaque).release()
            throw LibvirtError(doing: "watch the console of '\(domain.name)'").driverError
        }
    }

    deinit {
        virStreamFree(stream)
    }

    var lastUse: Int64 { state.withLock { $0.lastUse } }

    /// On the event loop's thread.
    private func happened(_ events: Int32) {
        var isClosed = UInt32(bitPattern: events) & (VIR_STREAM_EVENT_ERROR.rawValue | VIR_STREAM_EVENT_HANGUP.rawValue) != 0
        var chunk = [CChar](repeating: 0, count: 4096)
        while true {
            let got = Int(virStreamRecv(stream, &chunk, chunk.count))
            if got == -2 { break }
            guard got > 0 else {
                isClosed = true
                break
            }
            let bytes = chunk[..<got].map(UInt8.init(bitPattern:))
            state.withLock { state in
                state.buffer += bytes
                if state.buffer.count > Console.room { state.buffer.removeFirst(state.buffer.count - Console.room) }
            }
        }
        if isClosed {
            virStreamEventRemoveCallback(stream)
            state.withLock { $0.isClosed = true }
        }
        signal.notify()
    }

    func take(_ limit: Int) -> (data: [UInt8], isClosed: Bool) {
        state.withLock { state in
            state.lastUse = monotonicMilliseconds()
            let data = Array(state.buffer.prefix(limit))
            state.buffer.removeFirst(data.count)
            return (data, state.isClosed)
        }
    }

    func wait(milliseconds: Int64) {
        _ = signal.wait(milliseconds: milliseconds) { state.withLock { !$0.buffer.isEmpty || $0.isClosed } }
    }

    func send(_ data: [UInt8]) throws {
        var rest = data[...]
        let end = monotonicMilliseconds() + 5000
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes { virStreamSend(stream, $0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count) }
            if sent > 0 {
                rest = rest.dropFirst(Int(sent))
                continue
            }
            guard sent == -2, monotonicMilliseconds() < end else { throw LibvirtError(doing: "type on a console").driverError }
            usleep(10_000)
        }
    }

    func close() {
        let wasOpen = state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
        if wasOpen {
            virStreamEventRemoveCallback(stream)
            virStreamAbort(stream)
        }
        signal.notify()
    }
}
