import Foundation
import Synchronization

/// An HTTP server for what a real cloud does not do on demand. One thread a connection; it answers as the script says and
/// remembers every request.
final class StandIn: Sendable {
    struct Request: Sendable {
        var method: String
        var path: String
        var headers: [String: String]
        var body: String
        /// Which connection it came over, counted from 1.
        var connection: Int
    }

    enum Reply: Sendable {
        case answer(Int, headers: [String: String] = [:], body: String = "")
        /// Says that the body is longer than what comes, then closes.
        case half(String)
        /// One byte of the body each 200 ms.
        case slow(String)
        /// Closes without a word, the request read.
        case hangUp
        /// Reads the request and says nothing, until the other side is gone.
        case silence
    }

    typealias Script = @Sendable (Request, Int) -> Reply

    let port: UInt16
    private let listener: Int32
    private let script: Script
    private let seen = Mutex<[Request]>([])
    private let connections = Mutex<Set<Int32>>([])
    private let accepted = Atomic<Int>(0)

    var url: String { "http://127.0.0.1:\(port)" }
    var requests: [Request] { seen.withLock { $0 } }
    var connectionCount: Int { accepted.load(ordering: .relaxed) }

    /// `script` gets each request and how many came before it.
    init(_ script: @escaping Script) throws {
        self.script = script
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let fd = listener
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(fd, pointer, size) == 0 && listen(fd, 64) == 0 && getsockname(fd, pointer, &size) == 0
            }
        }
        guard bound else { throw CocoaError(.featureUnsupported) }
        port = UInt16(bigEndian: address.sin_port)
        Thread.detachNewThread { [self] in accept() }
    }

    /// Closes everything; the threads end by themselves.
    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        connections.withLock { $0.forEach { shutdown($0, Int32(SHUT_RDWR)) } }
    }

    private func accept() {
        while true {
            let fd = Glibc.accept(listener, nil, nil)
            guard fd >= 0 else { break }
            let number = accepted.add(1, ordering: .relaxed).newValue
            connections.withLock { _ = $0.insert(fd) }
            Thread.detachNewThread { [self] in serve(fd, number) }
        }
        close(listener)
    }

    private func serve(_ fd: Int32, _ number: Int) {
        defer {
            connections.withLock { _ = $0.remove(fd) }
            close(fd)
        }
        var buffer = Data()
        while let request = read(fd, &buffer, number) {
            let before = seen.withLock { seen in
                seen.append(request)
                return seen.count - 1
            }
            guard answer(script(request, before), fd) else { return }
        }
    }

    private func read(_ fd: Int32, _ buffer: inout Data, _ connection: Int) -> Request? {
        while true {
            if let end = buffer.firstRange(of: Data("\r\n\r\n".utf8)) {
                let head = String(decoding: buffer[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
                let words = head[0].split(separator: " ").map(String.init)
                var headers: [String: String] = [:]
                for line in head.dropFirst() {
                    let parts = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
                    if parts.count == 2 { headers[parts[0].lowercased()] = parts[1] }
                }
                let length = Int(headers["content-length"] ?? "0") ?? 0
                if buffer.endIndex - end.upperBound >= length, words.count > 1 {
                    let body = String(decoding: buffer[end.upperBound..<end.upperBound + length], as: UTF8.self)
                    buffer = Data(buffer[(end.upperBound + length)...])
                    return Request(method: words[0], path: words[1], headers: headers, body: body, connection: connection)
                }
            }
            var chunk = [UInt8](repeating: 0, count: 1 << 16)
            let count = recv(fd, &chunk, chunk.count, 0)
            guard count > 0 else { return nil }
            buffer.append(contentsOf: chunk[..<count])
        }
    }

    /// Whether the connection stays open.
    private func answer(_ reply: Reply, _ fd: Int32) -> Bool {
        switch reply {
        case .answer(let status, let headers, let body):
            let lines = headers.map { "\($0.key): \($0.value)\r\n" }.joined()
            return write(fd, "HTTP/1.1 \(status) Word\r\n\(lines)Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
        case .half(let body):
            _ = write(fd, "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count * 2)\r\n\r\n\(body)")
            return false
        case .slow(let body):
            guard write(fd, "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n") else { return false }
            for byte in body.utf8 {
                guard write(fd, String(UnicodeScalar(byte))) else { return false }
                usleep(200_000)
            }
            return true
        case .hangUp:
            return false
        case .silence:
            var byte: UInt8 = 0
            while recv(fd, &byte, 1, 0) > 0 {}
            return false
        }
    }

    private func write(_ fd: Int32, _ text: String) -> Bool {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(fd, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }
}
