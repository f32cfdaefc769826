import Foundation
import JSON
import Synchronization
import TestSupport

/// A stand-in cloud that answers with what a real one answered (`Tests/Recorded/openstack`), all services on one port. A test
/// may put answers of its own in front.
final class RecordedCloud: Sendable {
    typealias Override = @Sendable (StandIn.Request, Int) -> StandIn.Reply?

    let server: StandIn

    /// The answers that count, by the name of the recording.
    private static let routes: [(method: String, path: String, file: String)] = [
        ("POST", "/v3/auth/tokens", "03-auth-password-scoped"), ("GET", "/v2.1/", "15-nova-v2.1"), ("GET", "/v2.1/limits", "23-limits"),
        ("GET", "/v2.1/flavors/detail", "21-flavors-detail"), ("GET", "/v2/images", "17-images"), ("GET", "/v2.0/networks", "28-networks"),
        ("GET", "/v2.1/servers/detail", "36-servers-detail-2.93"),
        ("GET", "/v2.1/os-hypervisors/statistics", "64-hypervisor-stats-as-demo-403"),
        ("POST", "/v2.1/servers", "30-server-create"),
    ]

    /// One recorded response, its addresses turned to `url`.
    static func recorded(_ file: String, url: String = "") throws -> (status: Int, headers: [String: String], body: String) {
        let text = try String(contentsOfFile: "\(Repository.root)/Tests/Recorded/openstack/\(file).json", encoding: .utf8)
        let response = try JSON(parsing: text)["response"] ?? [:]
        var headers: [String: String] = [:]
        for pair in response["headers"]?.array ?? [] {
            guard let name = pair[0]?.string, !["Content-Length", "Connection", "Transfer-Encoding"].contains(name) else { continue }
            headers[name] = pair[1]?.string
        }
        var body = response["body"].map { $0.string ?? $0.text } ?? ""
        for port in [5000, 8774, 8778, 9292, 9696] { body = body.replacingOccurrences(of: "http://127.0.0.1:\(port)", with: url) }
        return (response["status"]?.int ?? 500, headers, body)
    }

    init(_ override: @escaping Override = { _, _ in nil }) throws {
        let address = Mutex<String>("")
        let box = Address(address)
        server = try StandIn { request, before in
            if let reply = override(request, before) { return reply }
            let path = String(request.path.prefix { $0 != "?" })
            guard let route = Self.routes.first(where: { $0.method == request.method && $0.path == path }),
                var answer = try? Self.recorded(route.file, url: box.get())
            else { return .answer(404, body: "{\"itemNotFound\":{\"code\":404,\"message\":\"not recorded: \(request.method) \(path)\"}}") }
            // The recording's lifetime lies in the past: what counts is the time between its two ends.
            if path == "/v3/auth/tokens" { answer.headers["X-Subject-Token"] = "token-\(before)" }
            return .answer(answer.status, headers: answer.headers, body: answer.body)
        }
        box.set(server.url)
    }

    private final class Address: Sendable {
        private let value: Mutex<String>
        init(_ value: consuming sending Mutex<String>) { self.value = value }
        func get() -> String { value.withLock { $0 } }
        func set(_ text: String) { value.withLock { $0 = text } }
    }

    var settings: JSON {
        [
            "auth_url": .string(server.url), "username": "demo", "password": "demo-secret", "project": "demo", "poll_s": 0, "settle_s": 1,
        ]
    }

    func provider(_ more: JSON = [:]) throws -> Provider {
        var settings = settings
        for field in more.object?.fields ?? [] { settings[field.name] = field.value }
        return try Provider(settings)
    }

    var logins: [StandIn.Request] { server.requests.filter { $0.path.hasPrefix("/v3/auth/tokens") } }
    func stop() { server.stop() }
}
