import Glibc
import Testing

@testable import PluginHost

/// What goes over the socket pair.
@Suite("worker frames")
struct WorkerFrameTests {
    /// Both ends of a socket pair, closed at the end.
    final class Pair {
        let ends: [Int32]

        init() {
            var ends: [Int32] = [-1, -1]
            socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends)
            self.ends = ends
        }

        deinit { for end in ends { close(end) } }

        func send(_ bytes: [UInt8]) { _ = bytes.withUnsafeBytes { write(ends[0], $0.baseAddress, $0.count) } }
    }

    @Test("a frame comes out as it went in, whatever pieces the stream makes of it")
    func pieces() throws {
        let frames = [
            WorkerFrame(header: WorkerHeader("call.create", 42, ["deadline": "12345", "values": "s3,b4"]), body: Array("keyspec!".utf8)),
            WorkerFrame(header: WorkerHeader("ok", .max)), WorkerFrame(header: WorkerHeader("piece", 7), body: [0, 255, 10, 13]),
        ]
        let bytes = frames.flatMap(\.bytes)
        for size in [1, 3, 7, bytes.count] {
            let pair = Pair()
            var stream = FrameStream()
            var read: [WorkerFrame] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                pair.send(Array(bytes[start..<min(start + size, bytes.count)]))
                #expect(stream.fill(from: pair.ends[1], flags: Int32(MSG_DONTWAIT)) == .some)
                while let frame = try stream.next() { read.append(frame) }
            }
            #expect(read == frames)
            #expect(stream.fill(from: pair.ends[1], flags: Int32(MSG_DONTWAIT)) == .wouldBlock)
        }
    }

    @Test("a body of several megabytes passes, and the next frame behind it")
    func large() async throws {
        let pair = Pair()
        let large = WorkerFrame(header: WorkerHeader("ok", 1), body: (0..<(5 << 20)).map { UInt8(truncatingIfNeeded: $0) })
        let small = WorkerFrame(header: WorkerHeader("ok", 2))
        let writer = Task.detached { [bytes = large.bytes + small.bytes, end = pair.ends[0]] in
            var rest = bytes[...]
            while !rest.isEmpty { rest = rest.dropFirst(rest.withUnsafeBytes { write(end, $0.baseAddress, $0.count) }) }
        }
        var stream = FrameStream()
        var read: [WorkerFrame] = []
        while read.count < 2 {
            #expect(stream.fill(from: pair.ends[1], flags: 0) == .some)
            while let frame = try stream.next() { read.append(frame) }
        }
        await writer.value
        #expect(read == [large, small])
    }

    @Test(
        "what is no frame is an error, never a crash",
        arguments: [
            [255, 255, 255, 255, 0, 0, 0, 0], [0, 0, 0, 0, 255, 255, 255, 255], [4, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4],
            [1, 0, 0, 0, 0, 0, 0, 0, 10],
        ] as [[UInt8]])
    func nonsense(bytes: [UInt8]) {
        let pair = Pair()
        pair.send(bytes)
        var stream = FrameStream()
        #expect(stream.fill(from: pair.ends[1], flags: 0) == .some)
        #expect(throws: WorkerProtocolError.self) { _ = try stream.next() }
    }

    @Test("random bytes never trap")
    func random() {
        for _ in 0..<2_000 {
            let pair = Pair()
            pair.send((0..<Int.random(in: 1..<200)).map { _ in Bool.random() ? UInt8.random(in: 0...255) : 0 })
            var stream = FrameStream()
            _ = stream.fill(from: pair.ends[1], flags: 0)
            while let frame = try? stream.next() { _ = try? CallArgument.decode(frame.header["values"] ?? "", frame.body) }
        }
    }

    @Test("arguments of every kind survive the journey")
    func arguments() throws {
        let arguments: [CallArgument] = [
            .void, .bool(true), .bool(false), .int(.min), .uint(.max), .double(-0.1), .double(.infinity), .string(""), .string("naïve, 東京"),
            .bytes([]), .bytes([0, 1, 255]),
        ]
        let (list, body) = CallArgument.encode(arguments)
        let (read, rest) = try CallArgument.decode(list, body + [9, 9])
        #expect(read == arguments)
        #expect(rest == body.count)
    }

    @Test(
        "a list that promises more bytes than there are is an error",
        arguments: ["s5", "b5", "s-1", "i", "x1", "d", "b99999999999999999999"])
    func lies(list: String) {
        #expect(throws: WorkerProtocolError.self) { _ = try CallArgument.decode(list, [1, 2, 3]) }
    }
}
