import CShim
import Glibc

/// The two frames of the bus on a byte stream: a header line and a body. In front of them stand their sizes, each a
/// little-endian `u32`, since a stream keeps no borders.
struct WorkerFrame: Sendable, Equatable {
    var header: WorkerHeader
    var body: [UInt8] = []

    /// A body holds at most a whole result document, or a request of the bus.
    static let largestBody = 64 << 20
    static let largestHeader = 4 << 10

    /// The bytes that go over the stream.
    var bytes: [UInt8] { head + body }

    /// Those in front of the body.
    private var head: [UInt8] {
        let line = header.bytes
        var bytes: [UInt8] = []
        bytes.reserveCapacity(8 + line.count)
        WorkerFrame.append(UInt32(line.count), to: &bytes)
        WorkerFrame.append(UInt32(body.count), to: &bytes)
        bytes += line
        return bytes
    }

    /// Sends the frame with `sendmsg`, its body from where it is; answers what the socket did not take, and the error if there was one.
    func send(to socket: Int32, flags: Int32) -> (rest: ArraySlice<UInt8>, error: Int32) {
        var head = head
        let size = head.count
        var error: Int32 = 0
        var sent = 0
        head.withUnsafeMutableBytes { head in
            body.withUnsafeBytes { body in
                while sent < size + body.count, error == 0 {
                    let inBody = max(0, sent - size)
                    var parts = [
                        iovec(iov_base: head.baseAddress.map { $0 + min(sent, size) }, iov_len: max(0, size - sent)),
                        iovec(
                            iov_base: body.baseAddress.map { UnsafeMutableRawPointer(mutating: $0 + inBody) }, iov_len: body.count - inBody),
                    ]
                    let count = parts.withUnsafeMutableBufferPointer { parts in
                        var message = msghdr()
                        message.msg_iov = parts.baseAddress
                        message.msg_iovlen = parts.count
                        return sendmsg(socket, &message, Int32(MSG_NOSIGNAL) | flags)
                    }
                    if count > 0 {
                        sent += count
                    } else if count == 0 || cshim_errno() != EINTR {
                        error = count == 0 ? EPIPE : cshim_errno()
                    }
                }
            }
        }
        if sent == size + body.count { return ([], 0) }
        return (sent < size ? (head + body)[sent...] : body[(sent - size)...], error)
    }

    private static func append(_ number: UInt32, to bytes: inout [UInt8]) {
        for shift in stride(from: UInt32(0), to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: number >> shift)) }
    }
}

/// Why a peer is no longer understood. The connection ends: nothing behind the fault can be trusted.
struct WorkerProtocolError: Error, Equatable, CustomStringConvertible {
    var description: String
}

/// Cuts frames out of what a descriptor delivers. One that is half there waits for the rest.
struct FrameStream: Sendable {
    enum Fill: Equatable {
        case some
        case wouldBlock
        case end
        case failed(Int32)
    }

    private var storage: [UInt8] = Array(repeating: 0, count: FrameStream.usual)
    private var start = 0
    private var end = 0

    /// The last read took all that there was room for: more may be there.
    private(set) var isFilledUp = false

    private static let usual = 64 << 10

    /// Reads what is there with one `recv`.
    mutating func fill(from descriptor: Int32, flags: Int32) -> Fill {
        makeRoom()
        while true {
            let count = storage.withUnsafeMutableBytes { bytes in
                recv(descriptor, bytes.baseAddress.map { $0 + end }, bytes.count - end, flags)
            }
            if count > 0 {
                end += count
                isFilledUp = end == storage.count
                return .some
            }
            if count == 0 { return .end }
            switch cshim_errno() {
            case EINTR: continue
            case EAGAIN: return .wouldBlock
            case let error: return .failed(error)
            }
        }
    }

    /// The next whole frame; nil: more bytes are needed.
    mutating func next() throws(WorkerProtocolError) -> WorkerFrame? {
        guard let (header, body) = try sizes(), end - start >= 8 + header + body else { return nil }
        let bodyStart = start + 8 + header
        guard let line = WorkerHeader(storage[(start + 8)..<bodyStart]) else {
            throw WorkerProtocolError(description: "a header line that is none")
        }
        let frame = WorkerFrame(header: line, body: Array(storage[bodyStart..<(bodyStart + body)]))
        start = bodyStart + body
        return frame
    }

    /// Whether a whole frame, or one that is wrong, was read and not taken out.
    var hasNext: Bool {
        guard let sizes = try? sizes() else { return end - start >= 8 }
        return end - start >= 8 + sizes.header + sizes.body
    }

    /// The sizes in front of the next frame, if they are there.
    private func sizes() throws(WorkerProtocolError) -> (header: Int, body: Int)? {
        guard end - start >= 8 else { return nil }
        let header = number(at: start)
        let body = number(at: start + 4)
        guard header <= WorkerFrame.largestHeader, body <= WorkerFrame.largestBody else {
            throw WorkerProtocolError(description: "a frame of \(header) and \(body) bytes")
        }
        return (header, body)
    }

    private func number(at index: Int) -> Int {
        (0..<4).reduce(0) { $0 | Int(storage[index + $1]) << ($1 * 8) }
    }

    /// Moves what is left to the front, and grows for a frame that does not fit; shrinks again when that is over.
    private mutating func makeRoom() {
        if start == end {
            start = 0
            end = 0
            if storage.count > FrameStream.usual * 16 { storage = Array(repeating: 0, count: FrameStream.usual) }
        }
        let known = try? sizes()
        let wanted = known.map { 8 + $0.header + $0.body } ?? 8
        guard storage.count - start < wanted || end == storage.count else { return }
        storage.withUnsafeMutableBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            memmove(base, base + start, end - start)
        }
        end -= start
        start = 0
        if storage.count < wanted { storage += Array(repeating: 0, count: max(wanted, storage.count * 2) - storage.count) }
    }
}
