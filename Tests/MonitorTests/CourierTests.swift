import Foundation
import JSON
import Platform
import Synchronization
import TestSupport
import Testing

@testable import Monitor

/// Messages carried by real processes.
@Suite("courier", .serialized)
struct CourierTests {
    private let directory: TemporaryDirectory
    private let message = Message(
        id: "mail:7", notifier: "mail", occasion: .start, lease: "l-1",
        event: ["seq": 7, "name": "a \"quoted\" \\ name\nwith a line", "state": "active", "reason": "it's é"],
        details: ["owner": "uid:1000"])

    init() throws {
        directory = try TemporaryDirectory("courier")
    }

    private func run(_ way: NotifierSettings.Way, within milliseconds: Int64 = 60_000, interrupt: Wake = Wake()) -> String? {
        var settings = NotifierSettings(name: "mail", way: way)
        settings.timeout = milliseconds
        return Errand(settings, message).run(until: Clock.monotonic + milliseconds, interrupt: interrupt.descriptor)
    }

    @Test("a command gets the message on its standard input and the main things in variables, and nothing of our environment")
    func command() throws {
        let out = directory("out")
        #expect(run(.command("cat >\(out); env >\(out).env")) == nil)
        let body = try JSON(parsing: String(contentsOfFile: out, encoding: .utf8))
        #expect(body["id"] == "mail:7" && body["what"] == "start" && body["event"]?["name"] == message.event["name"])
        let environment = try String(contentsOfFile: "\(out).env", encoding: .utf8)
        #expect(environment.contains("BERTH_WHAT=start\n") && environment.contains("BERTH_OWNER=uid:1000\n"))
        #expect(environment.contains("BERTH_REASON=it's é\n") && !environment.contains("HOME="))
    }

    @Test("a command that fails says how, with its last words")
    func fails() {
        #expect(run(.command("echo first; echo no mail today >&2; exit 3")) == "exit 3: no mail today")
        #expect(run(.command("kill -9 $$"))?.hasPrefix("signal 9") == true)
    }

    @Test("a command that does not end is killed with its children, when its time is up and when the host stops")
    func hangs() async throws {
        let mark = directory("child")
        #expect(run(.command("sleep 600 & echo $! >\(mark); wait"), within: 1_000) == "it took too long")
        let child = try #require(Int32(try String(contentsOfFile: mark, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)))
        try await eventually("the child is gone") {
            let status = (try? String(contentsOfFile: "/proc/\(child)/stat", encoding: .utf8)) ?? ""
            return status.isEmpty || status.contains(") Z ")
        }
        let wake = Wake()
        wake.signal()
        #expect(run(.command("sleep 600"), interrupt: wake) == "the host is stopping")
    }

    @Test("a URL gets a POST with the message and its id; a server that refuses or is away is a failure with its reason")
    func url() throws {
        let server = try WebReceiver()
        defer { server.stop() }
        #expect(run(.url("http://127.0.0.1:\(server.port)/hook")) == nil)
        let request = try #require(server.requests.first)
        #expect(request.hasPrefix("POST /hook HTTP/1.1\r\n"))
        #expect(request.contains("Idempotency-Key: mail:7\r\n") && request.contains("Content-Type: application/json\r\n"))
        let end = try #require(request.range(of: "\r\n\r\n"))
        #expect(try JSON(parsing: String(request[end.upperBound...])) == message.json)
        server.answers(503)
        #expect(run(.url("http://127.0.0.1:\(server.port)/hook"))?.contains("503") == true)
        #expect(run(.url("http://127.0.0.1:1/"))?.hasPrefix("exit 7") == true)
        #expect(run(.url("file:///etc/passwd")) != nil)
    }

    @Test("stopping a courier ends what it carries")
    func stops() async throws {
        let ended = Mutex<[String?]>([])
        let courier = Courier(NotifierSettings(name: "mail", way: .command("touch \(directory("began")); sleep 600"))) { failure in
            ended.withLock { $0.append(failure) }
        }
        courier.carry(message)
        try await eventually("it runs") { FileManager.default.fileExists(atPath: directory("began")) }
        courier.stop()
        #expect(ended.withLock { $0 } == ["the host is stopping"])
    }
}
