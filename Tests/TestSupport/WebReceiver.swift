import Foundation
import Synchronization

/// A web server that keeps each request and answers all of them alike. One after another, on a thread that ends with it.
public final class WebReceiver: Sendable {
    public let port: UInt16
    private let listener: Int32
    private let state: State

    private final class State: Sendable {
        let requests = Mutex<[String]>([])
        let status = Atomic<Int>(200)
    }

    /// Whole requests, head and body.
    public var requests: [String] { state.requests.withLock { $0 } }

    /// The status of every answer from now on.
    public func answers(_ status: Int) { state.status.store(status, ordering: .relaxed) }

    public init() throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(listener, pointer, size) == 0 && listen(listener, 64) == 0 && getsockname(listener, pointer, &size) == 0
            }
        }
        guard isBound else { throw CocoaError(.featureUnsupported) }
        self.listener = listener
        port = UInt16(bigEndian: address.sin_port)
        let state = State()
        self.state = state
        Thread.detachNewThread { WebReceiver.serve(listener, state) }
    }

    /// Closes the port; the thread ends by itself.
    public func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

    private static func serve(_ listener: Int32, _ state: State) {
        while true {
            let connection = accept(listener, nil, nil)
            guard connection >= 0 else { break }
            if let request = read(connection) {
                state.requests.withLock { $0.append(request) }
                let reply = "HTTP/1.1 \(state.status.load(ordering: .relaxed)) Said\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                _ = reply.withCString { send(connection, $0, strlen($0), Int32(MSG_NOSIGNAL)) }
            }
            close(connection)
        }
        close(listener)
    }

    private static func read(_ connection: Int32) -> String? {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(connection, &buffer, buffer.count, 0)
            guard count > 0 else { return nil }
            bytes += buffer[..<count]
            let text = String(decoding: bytes, as: UTF8.self)
            guard let head = text.range(of: "\r\n\r\n") else { continue }
            let length =
                text[..<head.lowerBound].split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }
                .flatMap { Int($0.split(separator: ":")[1].trimmingCharacters(in: .whitespaces)) } ?? 0
            if text[head.upperBound...].utf8.count >= length { return text }
        }
    }
}
