import Glibc
internal import PluginABI

/// One request of the host. Valid until the method that got it returns; any thread may use it until then.
public struct Call: Sendable {
    // The host guarantees it until the operation returns, for any thread ([any] in berth/driver.h).
    nonisolated(unsafe) let raw: UnsafePointer<berth_call_t>

    init(_ raw: UnsafePointer<berth_call_t>) {
        self.raw = raw
    }

    /// The request's number, as it stands in the host's logs and traces.
    public var id: UInt64 { raw.pointee.id }

    /// When the host gives up, in milliseconds of `CLOCK_MONOTONIC`; 0: never.
    public var deadline: Int64 { raw.pointee.deadline_ms }

    /// Milliseconds until the deadline: for the timeouts of a client library. 0 when it has passed.
    public var remaining: Int64 {
        guard deadline != 0 else { return .max }
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return max(0, deadline - (Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000))
    }

    /// Whether the host no longer wants the answer. Cheap; ask often. Behind it: `berth_call_t.cancelled`.
    public var isCancelled: Bool { raw.pointee.cancelled(raw) }

    /// Throws `cancelled` or `deadline` where there is no point in going on.
    public func check() throws(DriverError) {
        if isCancelled { throw .cancelled("the host no longer wants the answer") }
        if remaining == 0 { throw .deadline("the deadline of the call passed") }
    }

    /// How far the call is (0 to 1) and with what. Behind it: `berth_call_t.progress`.
    public func progress(_ fraction: Double, _ what: String) {
        what.withCString { raw.pointee.progress(raw, fraction, $0) }
    }

    /// Appends bytes to the result document. Behind it: `berth_call_t.write`.
    public func write(_ bytes: UnsafeRawBufferPointer) throws(DriverError) {
        guard raw.pointee.write(raw, bytes.baseAddress, bytes.count) else {
            throw isCancelled
                ? .cancelled("the host no longer takes the document")
                : .broken("the result document is larger than the host takes (64 MiB)")
        }
    }

    /// Ends the operation with an error. Behind it: `berth_call_t.fail`.
    func fail(_ error: DriverError) -> berth_status_t {
        guard let native = error.native else { return raw.pointee.fail(raw, error.status.rawValue, error.message, nil) }
        return raw.pointee.fail(raw, error.status.rawValue, error.message, native)
    }
}
