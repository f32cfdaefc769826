import CZMQ
public import Model

/// A ZeroMQ context: its I/O threads and its `inproc` names. Ends (`zmq_ctx_term`) with its last owner, after all its sockets.
public final class ZMQContext: Sendable {
    nonisolated(unsafe) let pointer: UnsafeMutableRawPointer

    public init(ioThreads: Int = 1) throws(BerthError) {
        guard let pointer = zmq_ctx_new() else { throw ZMQ.error("cannot make a ZeroMQ context") }
        self.pointer = pointer
        zmq_ctx_set(pointer, ZMQ_IO_THREADS, Int32(ioThreads))
        zmq_ctx_set(pointer, ZMQ_MAX_SOCKETS, 1 << 14)
    }

    deinit { zmq_ctx_term(pointer) }
}

/// The library's own words.
enum ZMQ {
    /// `zmq_errno` and `zmq_strerror`, read at once.
    static func error(_ message: String, hint: String? = nil) -> BerthError {
        let code = zmq_errno()
        return BerthError(.unreachable, message, hint: hint, native: String(cString: zmq_strerror(code)))
    }
}
