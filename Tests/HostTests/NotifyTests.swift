import Foundation
import JSON
import TestSupport
import Testing

/// `[notify NAME]` of a real host: commands and a web server that are really told.
@Suite("notify in a host", .serialized)
struct NotifyTests {
    private func start(_ rest: String, in directory: TemporaryDirectory? = nil) async throws -> InventoryHost {
        try await InventoryHost(in: directory, rest: rest)
    }

    private func lines(_ path: String) -> [String] {
        ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").split(separator: "\n").map(String.init)
    }

    @Test("a command is told of start and end, with the lease on its standard input")
    func command() async throws {
        let directory = try TemporaryDirectory("host")
        let out = directory("told")
        let host = try await start("[notify mail]\ncommand = echo $BERTH_WHAT $BERTH_LEASE >>\(out); cat >>\(out).json\n", in: directory)
        let id = try #require(try await host.create(["name": "web"])["id"]?.string)
        _ = try await host.lease(id, becomes: "active")
        try await eventually("the start is told") { lines(out) == ["start \(id)"] }
        let body = try JSON(parsing: lines("\(out).json")[0])
        #expect(body["lease"]?["machines"]?[0]?["provider"] == "lab" && body["lease"]?["name"] == "web" && body["what"] == "start")
        _ = try await host.host.call("lease.cancel", ["id": JSON(id)])
        try await eventually("the end is told") { lines(out) == ["start \(id)", "end \(id)"] }
    }

    @Test("a URL is told of a failure, before an end, and of what it is for alone")
    func url() async throws {
        let server = try WebReceiver()
        defer { server.stop() }
        let host = try await start(
            "[notify hook]\nurl = http://127.0.0.1:\(server.port)/berth\non = failure, before-end\nbefore-end = 1h\n")
        let never: JSON = ["cpus": 1, "memory_mib": 512, "ready": "tcp:1", "ready_timeout_s": 1]
        let failed = try #require(try await host.create(["groups": [never]])["id"]?.string)
        _ = try await host.lease(failed, becomes: "failed")
        let ends = try #require(try await host.create(["duration_s": 1800])["id"]?.string)
        try await eventually("both are told") { server.requests.count >= 2 }
        let told = try server.requests.map { request in
            let end = try #require(request.range(of: "\r\n\r\n"))
            let body = try JSON(parsing: String(request[end.upperBound...]))
            return "\(body["what"]?.string ?? "") \(body["lease"]?["id"]?.string ?? "")"
        }
        #expect(Set(told) == ["failure \(failed)", "before-end \(ends)"])
    }

    @Test("a lease that must make room is told of as preempted")
    func preemption() async throws {
        let directory = try TemporaryDirectory("host")
        let out = directory("told")
        let host = try await start(
            "[notify mail]\ncommand = echo $BERTH_WHAT $BERTH_LEASE_NAME >>\(out)\non = preemption\n", in: directory)
        let big: JSON = ["cpus": 16, "memory_mib": 512]
        let weak = try await host.create([
            "name": "weak", "kind": "best-effort", "preemptible": true, "duration_s": 3600, "groups": [big],
        ])
        _ = try await host.lease(try #require(weak["id"]?.string), becomes: "active")
        _ = try await host.create(["name": "strong", "duration_s": 600, "groups": [big]])
        try await eventually("the preemption is told") { lines(out) == ["preemption weak"] }
    }

    @Test("what could not be delivered before the host was killed is delivered after, and nothing twice")
    func survives() async throws {
        let directory = try TemporaryDirectory("host")
        let out = directory("told")
        let gate = directory("gate")
        let rest = "[notify mail]\ncommand = test -e \(gate) && echo $BERTH_ID >>\(out)\nretry = 200ms\non = start\n"
        let host = try await start(rest, in: directory)
        for _ in 0..<3 {
            let id = try #require(try await host.create([:])["id"]?.string)
            _ = try await host.lease(id, becomes: "active")
        }
        try await eventually("it was tried") { host.host.execution.standardError.contains("a notification is not delivered yet") }
        host.host.execution.send(SIGKILL)
        _ = try await host.host.execution.result()
        try "".write(toFile: gate, atomically: true, encoding: .utf8)
        let again = try await start(rest, in: directory)
        try await eventually("all three are told") { lines(out).count >= 3 }
        let late = try #require(try await again.create([:])["id"]?.string)
        _ = try await again.lease(late, becomes: "active")
        try await eventually("the fourth is told") { lines(out).count >= 4 }
        #expect(lines(out).count == 4 && Set(lines(out)).count == 4)
        let status = try await again.host.call("monitor.status")["notifiers"]?[0]
        #expect(status?["name"] == "mail" && status?["failure"] == .null)
    }
}
