import Foundation
import FoundationNetworking
import Synchronization

/// Passes connections on to a real server until told to cut: then the next request with that method goes through to the
/// server, and its answer is thrown away with the connection.
final class CutProxy: Sendable {
    private let server: StandIn

    var url: String { server.url }

    /// `target` is scheme, host and port of the real one.
    init(_ target: String) throws {
        let state = Box()
        server = try StandIn { request, _ in
            guard let url = URL(string: target + request.path) else { return .hangUp }
            var forwarded = URLRequest(url: url, timeoutInterval: 120)
            forwarded.httpMethod = request.method
            if !request.body.isEmpty { forwarded.httpBody = Data(request.body.utf8) }
            for (name, value) in request.headers where !["host", "content-length", "connection", "accept-encoding"].contains(name) {
                forwarded.setValue(value, forHTTPHeaderField: name)
            }
            let answer = Self.fetch(forwarded)
            if state.takesCut(request) { return .hangUp }
            return .answer(answer.status, headers: answer.headers, body: answer.body)
        }
        box = state
    }

    private let box: Box

    private final class Box: Sendable {
        private let armed = Mutex<(method: String, path: String)?>(nil)

        func arm(_ method: String, _ path: String) { armed.withLock { $0 = (method, path) } }

        func takesCut(_ request: StandIn.Request) -> Bool {
            armed.withLock { armed in
                guard let wanted = armed, wanted.method == request.method, request.path.hasSuffix(wanted.path) else { return false }
                armed = nil
                return true
            }
        }
    }

    func cutNext(_ method: String, _ path: String) { box.arm(method, path) }
    var requests: [StandIn.Request] { server.requests }
    func stop() { server.stop() }

    private static func fetch(_ request: URLRequest) -> (status: Int, headers: [String: String], body: String) {
        let done = DispatchSemaphore(value: 0)
        let result = Mutex<(Int, [String: String], String)>((502, [:], ""))
        let holder = Holder(result: result)
        URLSession.shared.dataTask(with: request) { data, response, _ in
            if let response = response as? HTTPURLResponse {
                var headers: [String: String] = [:]
                for (name, value) in response.allHeaderFields {
                    let name = "\(name)".lowercased()
                    if !["content-length", "connection", "transfer-encoding", "content-encoding"].contains(name) {
                        headers[name] = "\(value)"
                    }
                }
                holder.set((response.statusCode, headers, String(decoding: data ?? Data(), as: UTF8.self)))
            }
            done.signal()
        }.resume()
        done.wait()
        return holder.get()
    }

    private final class Holder: Sendable {
        private let result: Mutex<(Int, [String: String], String)>
        init(result: consuming sending Mutex<(Int, [String: String], String)>) { self.result = result }
        func set(_ value: (Int, [String: String], String)) { result.withLock { $0 = value } }
        func get() -> (Int, [String: String], String) { result.withLock { $0 } }
    }
}
