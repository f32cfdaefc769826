import CZMQ
import Glibc

/// A `zmq_msg_t` at a fixed address, used again for one message after another.
struct Frame: ~Copyable {
    let message: UnsafeMutablePointer<zmq_msg_t>

    init() {
        message = .allocate(capacity: 1)
        message.initialize(to: zmq_msg_t())
        zmq_msg_init(message)
    }

    deinit {
        zmq_msg_close(message)
        message.deallocate()
    }

    var count: Int { zmq_msg_size(message) }

    /// The content, until the next use of the frame.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: zmq_msg_data(message), count: zmq_msg_size(message)) }

    var array: [UInt8] { Array(bytes) }

    /// Fills it with a copy; up to 33 bytes need no memory of their own.
    borrowing func fill(_ source: UnsafeRawBufferPointer) {
        prepare(source.count)
        if let base = source.baseAddress, !source.isEmpty { memcpy(zmq_msg_data(message), base, source.count) }
    }

    borrowing func fill(_ source: [UInt8]) {
        source.withUnsafeBytes { fill($0) }
    }

    borrowing func fill(_ text: StaticString) {
        fill(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Makes it `count` bytes of room (`zmq_msg_init_size`) to be filled through the buffer.
    @discardableResult
    borrowing func prepare(_ count: Int) -> UnsafeMutableRawBufferPointer {
        zmq_msg_close(message)
        if zmq_msg_init_size(message, count) != 0 { zmq_msg_init(message) }
        return UnsafeMutableRawBufferPointer(start: zmq_msg_data(message), count: zmq_msg_size(message))
    }

    /// The account that ZAP gave the sender's connection (`zmq_msg_gets`, `User-Id`); nil: none did.
    var user: UnsafePointer<CChar>? { zmq_msg_gets(message, "User-Id") }
}
