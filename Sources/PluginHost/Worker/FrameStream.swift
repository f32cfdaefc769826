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
    var bytes: [UInt8] {
        let line = header.bytes
        var bytes: [UInt8] = []
        bytes.reserveCapacity(8 + line.count + body.count)
        WorkerFrame.append(UInt32(line.count), to: &bytes)
        WorkerFrame.append(UInt32(body.count), to: &bytes)
        bytes += line
        bytes += body
        return bytes
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
