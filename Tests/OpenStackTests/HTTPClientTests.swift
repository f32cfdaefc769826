import DriverHTTP
import Foundation
import JSON
import Synchronization
import TestSupport
import Testing

@Suite("HTTP for drivers")
struct HTTPClientTests {
    /// A server that follows the script, for as long as `body` runs.
    private func with(_ script: @escaping StandIn.Script, _ body: (StandIn) throws -> Void) throws {
        let server = try StandIn(script)
        defer { server.stop() }
        try body(server)
    }

    private var patience: HTTPPatience { HTTPPatience(after: 30_000) }

    @Test("one connection serves request after request")
    func keptConnection() throws {
        try with({ _, _ in .answer(200, body: "{}") }) { (server) throws in
            let client = HTTPClient()
            for _ in 0..<10 { #expect(try client.send(HTTPRequest("GET", server.url), patience).status == 200) }
            #expect(server.connectionCount == 1)
        }
    }

    @Test("429 is waited out for as long as Retry-After says, a POST too")
    func tooMany() throws {
        try with({ _, before in before == 0 ? .answer(429, headers: ["Retry-After": "1"]) : .answer(202) }) { (server) throws in
            let start = ContinuousClock.now
            #expect(try HTTPClient().send(HTTPRequest("POST", server.url, json: [:]), patience).status == 202)
            #expect(ContinuousClock.now - start >= .milliseconds(900))
            #expect(server.requests.count == 2)
        }
    }

    @Test("Retry-After may be a time, by the server's own clock")
    func retryDate() throws {
        let headers = ["Date": "Wed, 25 Nov 2026 17:30:00 GMT", "Retry-After": "Wed, 25 Nov 2026 17:30:02 GMT"]
        try with({ _, before in before == 0 ? .answer(503, headers: headers) : .answer(200) }) { (server) throws in
            let start = ContinuousClock.now
            #expect(try HTTPClient().send(HTTPRequest("GET", server.url), patience).status == 200)
            #expect(ContinuousClock.now - start >= .milliseconds(1900))
            #expect(server.requests.count == 2)
        }
    }

    @Test("a connection that never comes to stand is given up after its own time, and nothing was sent", arguments: ["http", "https"])
    func connecting(scheme: String) throws {
        // Over TLS the other side accepts and then says nothing.
        try with({ _, _ in .silence }) { (server) throws in
            var options = HTTPOptions()
            options.connectTimeout = 700
            options.retries = 0
            let full = try FullServer()
            let url = scheme == "http" ? "http://127.0.0.1:\(full.port)" : "https://127.0.0.1:\(server.port)"
            #expect {
                try HTTPClient(options).send(HTTPRequest("POST", url, json: [:]), patience)
            } throws: {
                ($0 as? HTTPError)?.kind == .unreachable && ($0 as? HTTPError)?.wasSent == false
            }
        }
    }

    @Test("a GET is tried again after 500, 502, 503 and 504", arguments: [500, 502, 503, 504])
    func failing(status: Int) throws {
        try with({ _, before in .answer(before < 2 ? status : 200) }) { (server) throws in
            #expect(try HTTPClient().send(HTTPRequest("GET", server.url), patience).status == 200)
            #expect(server.requests.count == 3)
        }
    }

    @Test("a POST is sent once, whatever the server answers", arguments: [500, 502, 503, 504])
    func postOnce(status: Int) throws {
        try with({ _, _ in .answer(status) }) { (server) throws in
            #expect(try HTTPClient().send(HTTPRequest("POST", server.url, json: [:]), patience).status == status)
            #expect(server.requests.count == 1)
        }
    }

    @Test("a POST whose answer is lost is not sent again, and the error says that the server may have seen it")
    func lostAnswer() throws {
        try with({ request, _ in request.method == "GET" ? .answer(200) : .hangUp }) { (server) throws in
            let client = HTTPClient()
            // A kept connection first: on one of those libcurl would send again by itself.
            _ = try client.send(HTTPRequest("GET", server.url), patience)
            #expect {
                try client.send(HTTPRequest("POST", server.url, json: ["a": 1]), patience)
            } throws: {
                ($0 as? HTTPError)?.kind == .unreachable && ($0 as? HTTPError)?.wasSent == true
            }
            #expect(server.requests.filter { $0.method == "POST" }.count == 1)
        }
    }

    @Test("where nobody listens, the error promises that nothing was sent")
    func nobody() throws {
        let server = try StandIn { _, _ in .hangUp }
        server.stop()
        #expect {
            try HTTPClient().send(HTTPRequest("POST", server.url, json: [:]), HTTPPatience(after: 2000))
        } throws: {
            ($0 as? HTTPError)?.kind == .unreachable && ($0 as? HTTPError)?.wasSent == false
        }
    }

    @Test("half a body is no answer, and a GET is tried again")
    func halfBody() throws {
        try with({ _, before in before == 0 ? .half("{\"a\":") : .answer(200, body: "{}") }) { (server) throws in
            #expect(try HTTPClient().send(HTTPRequest("GET", server.url), patience).json() == [:])
        }
    }

    @Test("a body that trickles ends at the deadline")
    func slowBody() throws {
        try with({ _, _ in .slow(String(repeating: "x", count: 1000)) }) { (server) throws in
            #expect {
                try HTTPClient().send(HTTPRequest("GET", server.url), HTTPPatience(after: 700))
            } throws: {
                ($0 as? HTTPError)?.kind == .deadline
            }
        }
    }

    @Test("a cancelled request ends at once")
    func cancelled() throws {
        try with({ _, _ in .silence }) { (server) throws in
            let start = ContinuousClock.now
            let patience = HTTPPatience(after: 60_000) { ContinuousClock.now - start > .milliseconds(200) }
            #expect {
                try HTTPClient().send(HTTPRequest("GET", server.url), patience)
            } throws: {
                ($0 as? HTTPError)?.kind == .cancelled
            }
            #expect(ContinuousClock.now - start < .seconds(20))
        }
    }

    @Test("a silent server is given up after the stall time")
    func silent() throws {
        try with({ _, _ in .silence }) { (server) throws in
            var options = HTTPOptions()
            options.stallTimeout = 1000
            options.retries = 0
            #expect {
                try HTTPClient(options).send(HTTPRequest("GET", server.url), patience)
            } throws: {
                ($0 as? HTTPError)?.kind == .unreachable
            }
        }
    }

    @Test("an answer larger than the limit is refused")
    func huge() throws {
        try with({ _, _ in .answer(200, body: String(repeating: "x", count: 3 << 20)) }) { (server) throws in
            var options = HTTPOptions()
            options.maximumBody = 1 << 20
            #expect {
                try HTTPClient(options).send(HTTPRequest("GET", server.url), patience)
            } throws: {
                ($0 as? HTTPError)?.kind == .tooLarge
            }
        }
    }

    @Test("what is no JSON is an error that shows how it starts")
    func notJSON() throws {
        try with({ _, _ in .answer(200, body: "<html>proxy</html>") }) { (server) throws in
            let response = try HTTPClient().send(HTTPRequest("GET", server.url), patience)
            #expect {
                try response.json()
            } throws: {
                ($0 as? HTTPError)?.message.contains("<html>proxy") == true
            }
        }
    }

    @Test("a redirect on the same server is followed, one to another server is not: the headers carry the token")
    func redirects() throws {
        try with({ request, _ in .answer(200, body: "\"\(request.headers["x-auth-token"] ?? "none")\"") }) { (other) throws in
            try with({ request, _ in
                switch request.path {
                case "/here": .answer(302, headers: ["Location": "/there"])
                case "/away": .answer(302, headers: ["Location": "\(other.url)/"])
                case "/circle": .answer(302, headers: ["Location": "/circle"])
                default: .answer(200, body: "\"there\"")
                }
            }) { (server) throws in
                let client = HTTPClient()
                let headers = [(name: "X-Auth-Token", value: "secret")]
                #expect(try client.send(HTTPRequest("GET", server.url + "/here", headers: headers), patience).json() == "there")
                #expect(throws: HTTPError.self) { try client.send(HTTPRequest("GET", server.url + "/away", headers: headers), patience) }
                #expect(throws: HTTPError.self) { try client.send(HTTPRequest("GET", server.url + "/circle"), patience) }
                #expect(other.requests.isEmpty)
            }
        }
    }

    @Test("many threads share a client")
    func threads() async throws {
        let server = try StandIn { request, _ in .answer(200, body: "\"\(request.path)\"") }
        defer { server.stop() }
        let client = HTTPClient()
        let patience = patience
        let answers = await onThreads(200) { index in
            (try? client.send(HTTPRequest("GET", "\(server.url)/\(index)"), patience).json()) == .string("/\(index)")
        }
        #expect(answers.filter { $0 }.count == 200)
        #expect(server.connectionCount <= 200)
    }

    @Test("the recorder keeps each exchange and hides what is secret")
    func recorder() throws {
        let folder = try TemporaryDirectory("record")
        try with({ _, _ in .answer(201, headers: ["X-Subject-Token": "t0ps3cret"], body: "{\"adminPass\":\"t0ps3cret\",\"id\":1}") }) {
            server in
            var options = HTTPOptions()
            options.recorder = HTTPRecorder(folder: folder.path)
            let request = HTTPRequest(
                "POST", server.url, headers: [("X-Auth-Token", "t0ps3cret")], json: ["password": "t0ps3cret", "name": "n"])
            _ = try HTTPClient(options).send(request, patience)
        }
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        #expect(files == ["00001.json"])
        let text = try String(contentsOfFile: folder("00001.json"), encoding: .utf8)
        #expect(!text.contains("t0ps3cret"))
        #expect(text.contains("\"name\": \"n\""))
    }
}
