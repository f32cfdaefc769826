import Foundation
import JSON
import Model
import TestSupport
import Testing

@testable import Host

@Suite("status")
struct StatusTests {
    private let now = Instant("2026-11-25T12:00:00Z") ?? Instant(milliseconds: 0)

    private func problems(_ answers: [String: JSON]) -> [StatusReport.Problem] {
        StatusReport(answers: answers.mapValues { .success($0) }, now: now).problems
    }

    @Test("a host with nothing wrong has no problems; what an operator did on purpose is none")
    func well() {
        let found = problems([
            "provider.list": [
                "providers": [["name": "a", "state": "ready"], ["name": "b", "state": "draining"], ["name": "c", "state": "disabled"]]
            ],
            "plugin.list": ["plugins": [["name": "p", "state": "ready"]]], "ledger.health": ["state": "ready"],
            "host.info": ["components": [["name": "events", "state": "running"]]],
        ])
        #expect(found == [])
    }

    @Test("a provider in trouble is named with since when, why, and what to do")
    func provider() throws {
        let found = problems([
            "provider.list": [
                "providers": [
                    [
                        "name": "lab", "state": "quarantined", "since": "2026-11-25T11:00:00.000Z", "reason": "signal 11",
                        "retry": "2026-11-25T12:05:00.000Z",
                    ]
                ]
            ]
        ])
        let problem = try #require(found.first)
        #expect(problem.what == "provider lab")
        #expect(problem.since == "2026-11-25T11:00:00.000Z")
        #expect(problem.reason == "signal 11")
        #expect(problem.action.contains("berth plugins reset lab"))
        #expect(problem.action.contains("12:05"))
    }

    @Test(
        "a provider that is starting is a problem only after ten minutes",
        arguments: [("2026-11-25T11:59:00Z", 0), ("2026-11-25T11:00:00Z", 1)])
    func starting(since: String, count: Int) {
        let provider: JSON = ["name": "lab", "state": "starting", "since": .string(since)]
        #expect(problems(["provider.list": ["providers": [provider]]]).count == count)
    }

    @Test("a ledger that takes no promises, an absent component, a plugin that is missing and a silent member are problems")
    func others() {
        let found = problems([
            "ledger.health": ["state": "degraded", "reason": "disk full", "since": "2026-11-25T11:00:00.000Z"],
            "host.info": ["components": [["name": "monitor", "state": "absent"]]],
            "plugin.list": ["plugins": [["name": "p", "state": "missing", "reason": "no file"]]],
            "member.list": ["members": [["name": "m", "state": "expired"]]],
        ])
        #expect(found.map(\.what) == ["ledger", "component monitor", "plugin p", "member m"])
        #expect(found.allSatisfy { !$0.action.isEmpty })
    }

    @Test("a lease that has been ending for long is a problem, with its machine's message")
    func lease() {
        let lease: JSON = [
            "id": "l-1", "name": "web", "state": "ending", "created": "2026-11-25T08:00:00Z", "end": "2026-11-25T10:00:00Z",
            "machines": [["message": "the provider refuses"]],
        ]
        let found = problems(["lease.list": ["leases": [lease]]])
        #expect(found.first?.since == "2026-11-25T10:00:00Z")
        #expect(found.first?.reason == "the provider refuses")
    }

    @Test("a verb that answers with an error is a problem; one that nobody has is none")
    func unanswered() {
        let report = StatusReport(
            answers: [
                "provider.list": .failure(BerthError(.deadline, "not in time")),
                "member.list": .failure(BerthError(.unsupported, "no verb")),
            ], now: now)
        #expect(report.problems.map(\.what) == ["verb provider.list"])
    }

    @Test("berth status ends with 0 where nothing is wrong, and with 1 and the reason where something is")
    func command() async throws {
        let well = try await RunningHost()
        let good = try await well.berth("status")
        #expect(good.status == .exited(0), "\(good.standardOutput)\(good.standardError)")
        #expect(good.standardOutput.contains("nothing is wrong"))
        #expect(good.standardOutput.contains("test: Berth"))
        let ill = try await RunningHost("[host]\nname = test\n[plugin ghost]\nmodule = ghost.so\nabi = compute/1\n")
        let bad = try await ill.berth("status")
        #expect(bad.status == .exited(1))
        #expect(bad.standardOutput.contains("plugin ghost"))
        #expect(bad.standardOutput.contains("missing"))
        #expect(bad.standardOutput.contains("berth plugins --why ghost"))
        #expect(try await ill.berth("status", "-o", "name").standardOutput == "plugin ghost\n")
        _ = try await well.stop()
        #expect(try await well.berth("status").status == .exited(3))
    }

    @Test("a component of its own process joins over TCP with its key and token, answers, and when killed leaves the other to answer")
    func only() async throws {
        let directory = try TemporaryDirectory("host")
        let environment = RunningHost.environment(directory)
        try directory.write("plugins.conf", RunningHost.empty)
        _ = try await Execution(
            Products.berth, ["keys", "new", "mover", "--component", "--out", directory("mover.key")], environment: environment
        ).result()
        let token = try await Execution(Products.berth, ["keys", "token", "status"], environment: environment).result()
        try directory.write("token", token.standardOutput)
        let host = try await RunningHost("[host]\nname = test\nlisten-backend = tcp://127.0.0.1:*\n", in: directory)
        let elsewhere = try TemporaryDirectory("else")
        try elsewhere.write("plugins.conf", RunningHost.empty)
        var there = RunningHost.environment(elsewhere)
        there["BERTH_KEY_FILE"] = directory("mover.key")
        let backend = try await host.endpoint("backend", "tcp://")
        let component = try Execution(
            Products.berth, ["serve", "--only", "status", "--backend", backend, "--token-file", directory("token")], environment: there)
        func count() async throws -> Int? {
            let components = try await host.call("host.info")["components"]?.array ?? []
            return components.first { $0["name"] == "status" }?["elsewhere"]?.int
        }
        try await eventually("it joined: \(component.standardError)") { try await count() == 1 }
        for _ in 0..<6 { #expect(try await host.call("host.status")["problems"] == []) }
        component.send(SIGKILL)
        try await eventually("it is given up") { try await count() == 0 }
        #expect(try await host.call("host.status")["problems"] == [])
        let stranger = try await Execution(
            Products.berth, ["serve", "--only", "status", "--backend", backend], environment: there
        ).result()
        #expect(stranger.status == .exited(1))
        #expect(stranger.standardError.contains("token"))
    }

    @Test("the ledger is checked and backed up through the host, by operators alone")
    func ledger() async throws {
        let host = try await RunningHost()
        #expect(try await host.call("ledger.check") == ["problems": []])
        let copy = try await host.call("ledger.backup", ["file": .string(host.directory("copy.db"))])
        #expect((copy["bytes"]?.int ?? 0) > 0)
        #expect(FileManager.default.fileExists(atPath: host.directory("copy.db")))
        #expect(try await host.berth("call", "ledger.backup", "{\"file\":\"copy.db\"}").standardError.contains("absolute"))
        #expect(try await host.berth("call", "ledger.health").standardError.contains("there is no verb"))
    }
}
