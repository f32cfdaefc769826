import DriverHTTP
import Foundation
import JSON
import TestSupport
import Testing

enum HTTP2Server {
    static let python = "/usr/bin/python3"

    static let isPossible: Bool = {
        let there = (try? Execution.run(python, ["-c", "import h2.connection"]).status) == .exited(0)
        if !there { print("\n*** SKIPPED: HTTP/2: Debian's python3-h2 is missing\n") }
        return there
    }()
}

/// Against an HTTP/2 server with a certificate of its own.
@Suite("HTTP/2 for drivers", .enabled(if: HTTP2Server.isPossible))
struct HTTP2Tests {
    private let folder: TemporaryDirectory
    private let server: Execution
    private let url: String

    init() async throws {
        folder = try TemporaryDirectory("h2")
        let made = try Execution.run(
            "/usr/bin/env",
            [
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                "/CN=localhost",
                "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder("key.pem"), "-out", folder("cert.pem"),
            ])
        try #require(made.status == .exited(0), "\(made.standardError)")
        let server = try Execution(
            HTTP2Server.python, ["\(Repository.root)/Tests/Stacks/h2/h2server.py", folder("cert.pem"), folder("key.pem")])
        let port = try await eventually("the server listens") { server.standardOutput.split(separator: "\n").first.flatMap { UInt16($0) } }
        self.server = server
        url = "https://127.0.0.1:\(port)"
    }

    private var options: HTTPOptions {
        var options = HTTPOptions()
        options.certificateAuthority = folder("cert.pem")
        return options
    }

    @Test("a stream that the server resets is tried again for a GET")
    func resetGet() throws {
        let response = try HTTPClient(options).send(HTTPRequest("GET", url + "/get"), HTTPPatience(after: 30_000))
        #expect(response.status == 200)
        #expect(server.standardOutput.split(separator: "\n").filter { $0 == "GET /get" }.count == 2)
    }

    @Test("a POST whose stream is reset is not sent again")
    func resetPost() throws {
        #expect {
            try HTTPClient(options).send(HTTPRequest("POST", url + "/post", json: [:]), HTTPPatience(after: 30_000))
        } throws: {
            ($0 as? HTTPError)?.kind == .unreachable && ($0 as? HTTPError)?.wasSent == true
        }
        #expect(server.standardOutput.split(separator: "\n").filter { $0 == "POST /post" }.count == 1)
    }

    @Test("a certificate that nobody vouches for is refused, unless the settings say that any will do")
    func certificate() throws {
        #expect {
            try HTTPClient().send(HTTPRequest("GET", url + "/c"), HTTPPatience(after: 30_000))
        } throws: {
            ($0 as? HTTPError)?.kind == .tls
        }
        var insecure = HTTPOptions()
        insecure.verifiesServer = false
        #expect(try HTTPClient(insecure).send(HTTPRequest("GET", url + "/d"), HTTPPatience(after: 30_000)).status == 200)
    }

    @Test("the driver believes the certificate that `cacert` names, and no other")
    func cacert() throws {
        func opening(_ more: JSON) -> String {
            var settings: JSON = ["auth_url": .string(url), "username": "u", "password": "p", "project": "x", "poll_s": 0]
            for field in more.object?.fields ?? [] { settings[field.name] = field.value }
            do {
                try Provider(settings).close()
                return "opened"
            } catch {
                return "\(error)"
            }
        }
        #expect(opening([:]).contains("TLS"))
        // It is no Keystone, but it was reached.
        #expect(!opening(["cacert": .string(folder("cert.pem"))]).contains("TLS"))
        #expect(server.standardOutput.contains("POST /v3/auth/tokens"))
    }
}
