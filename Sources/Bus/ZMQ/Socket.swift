import CShim
import CZMQ
import Glibc
import Model

/// A ZeroMQ socket: one owner, one thread. Closed when it goes.
struct Socket: ~Copyable {
    let pointer: UnsafeMutableRawPointer
    /// Outlives the socket: `zmq_ctx_term` waits for all that are open.
    private let context: ZMQContext
    /// Readable when something may have happened; edge-triggered (`ZMQ_FD`).
    let descriptor: Int32

    enum Kind {
        case router, dealer, xpub, sub, reply, pair

        var number: Int32 {
            switch self {
            case .router: ZMQ_ROUTER
            case .dealer: ZMQ_DEALER
            case .xpub: ZMQ_XPUB
            case .sub: ZMQ_SUB
            case .reply: ZMQ_REP
            case .pair: ZMQ_PAIR
            }
        }
    }

    /// `zmq_socket`. Nothing lingers when it is closed unless told otherwise.
    init(_ kind: Kind, in context: ZMQContext) throws(BerthError) {
        guard let pointer = zmq_socket(context.pointer, kind.number) else { throw ZMQ.error("cannot make a ZeroMQ socket") }
        self.pointer = pointer
        self.context = context
        var descriptor: Int32 = -1
        var size = MemoryLayout<Int32>.size
        zmq_getsockopt(pointer, ZMQ_FD, &descriptor, &size)
        self.descriptor = descriptor
        set(ZMQ_LINGER, Int32(0))
    }

    deinit { zmq_close(pointer) }

    /// `zmq_setsockopt` with a number.
    @discardableResult
    borrowing func set(_ option: Int32, _ value: Int32) -> Bool {
        var value = value
        return zmq_setsockopt(pointer, option, &value, MemoryLayout<Int32>.size) == 0
    }

    @discardableResult
    borrowing func set(_ option: Int32, _ value: Int64) -> Bool {
        var value = value
        return zmq_setsockopt(pointer, option, &value, MemoryLayout<Int64>.size) == 0
    }

    @discardableResult
    borrowing func set(_ option: Int32, _ bytes: some Collection<UInt8>) -> Bool {
        let bytes = Array(bytes)
        return zmq_setsockopt(pointer, option, bytes, bytes.count) == 0
    }

    @discardableResult
    borrowing func set(_ option: Int32, _ text: String) -> Bool { set(option, text.utf8) }

    /// `zmq_bind`.
    borrowing func bind(_ endpoint: String) throws(BerthError) {
        guard zmq_bind(pointer, endpoint) == 0 else {
            throw ZMQ.error(
                "cannot listen at \(endpoint)", hint: zmq_errno() == EADDRINUSE ? "another program listens there; end it" : nil)
        }
    }

    borrowing func connect(_ endpoint: String) throws(BerthError) {
        guard zmq_connect(pointer, endpoint) == 0 else { throw ZMQ.error("cannot connect to \(endpoint)") }
    }

    /// The endpoint bound last (`ZMQ_LAST_ENDPOINT`): tells the port where `tcp://…:*` was asked for.
    borrowing func lastEndpoint() -> String {
        var buffer = [UInt8](repeating: 0, count: 512)
        var size = buffer.count
        guard zmq_getsockopt(pointer, ZMQ_LAST_ENDPOINT, &buffer, &size) == 0 else { return "" }
        return String(decoding: buffer.prefix(max(0, size - 1)), as: UTF8.self)
    }

    /// Whether the message has more frames after the one received last.
    borrowing func hasMore(_ frame: borrowing Frame) -> Bool { zmq_msg_more(frame.message) != 0 }

    /// Receives a frame without waiting (`zmq_msg_recv`); false: there is none.
    borrowing func receive(_ frame: borrowing Frame) -> Bool {
        while true {
            if zmq_msg_recv(frame.message, pointer, ZMQ_DONTWAIT) >= 0 { return true }
            guard zmq_errno() == EINTR else { return false }
        }
    }

    /// Sends a frame without waiting (`zmq_msg_send`), which empties it; 0, or the error. A failed send leaves it as it was.
    borrowing func send(_ frame: borrowing Frame, more: Bool) -> Int32 {
        while true {
            if zmq_msg_send(frame.message, pointer, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)) >= 0 { return 0 }
            let code = zmq_errno()
            guard code == EINTR else { return code }
        }
    }

    /// Reads and forgets what is left of a message.
    borrowing func skipRest(after frame: borrowing Frame) {
        while hasMore(frame), receive(frame) {}
    }
}
