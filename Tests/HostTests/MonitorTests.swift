import Foundation
import JSON
import TestSupport
import Testing

/// What the Monitor makes a real host do, with machines that are really there.
@Suite("monitor in a host", .serialized)
struct MonitorHostTests {
    /// Looks often, so that no test waits long.
    private static let often = "[monitor]\npoll = 500ms\npoll.inspect = 200ms\npoll.usage = 300ms\nsettle = 1s\n"

    private func start(_ provider: String = "", _ rest: String = "", in directory: TemporaryDirectory? = nil) async throws -> InventoryHost
    {
        try await InventoryHost(in: directory, provider: provider, rest: Self.often + rest)
    }

    /// Changes the provider's file behind everybody's back, as an administrator of the provider would.
    private func edit(_ host: InventoryHost, _ name: String = "lab", _ change: (String) -> String?) throws {
        let path = host.directory("state/\(name).shelf")
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
        let kept = lines.compactMap { $0.contains("\t") ? change($0) : $0 }
        try (kept.joined(separator: "\n") + "\n").write(toFile: path, atomically: true, encoding: .utf8)
    }

    private func id(_ lease: JSON) throws -> String { try #require(lease["id"]?.string) }

    // MARK: drift

    @Test("a machine that vanishes behind our back ends a lease that had only it, and a persistent one gets another")
    func vanishes() async throws {
        let host = try await start()
        let plain = try id(try await host.create([:]))
        let persistent = try id(try await host.create(["persistent": true]))
        _ = try await host.lease(plain, becomes: "active")
        let before = try await host.lease(persistent, becomes: "active")
        try edit(host) { _ in nil }
        let failed = try await host.lease(plain, becomes: "failed")
        #expect(failed["reason"]?.string?.contains("vanished") == true)
        try await eventually("the persistent lease has another machine") {
            let lease = try await host.lease(persistent)
            let live = (lease["machines"]?.array ?? []).filter { $0["state"] == "fulfilled" }
            return lease["state"] == "active" && live.count == 1 && live[0]["id"] != before["machines"]?[0]?["id"]
        }
        #expect(host.shelf().count == 1)
    }

    @Test("a machine that is stopped behind our back is told of, and a persistent lease starts it again")
    func stopped() async throws {
        let host = try await start()
        let plain = try await host.lease(try id(try await host.create([:])), becomes: "active")
        let persistent = try await host.lease(try id(try await host.create(["persistent": true])), becomes: "active")
        try edit(host) { $0.replacingOccurrences(of: "\trunning\t", with: "\tstopped\t") }
        let stopped = try #require(plain["machines"]?[0]?["id"]?.string)
        let again = try #require(persistent["machines"]?[0]?["id"]?.string)
        try await eventually("the event of the stop") {
            try await host.events("machine.\(stopped).").contains { $0["observed"] == "stopped" }
        }
        try await eventually("the persistent lease's machine runs again") {
            host.shelf().contains { $0.contains("\t\(again.dropFirst(2))\trunning\t") }
        }
        #expect(try await host.lease(try id(plain))["state"] == "active")
    }

    @Test("a machine that is changed behind our back is told of with what changed")
    func changed() async throws {
        let host = try await start()
        let lease = try await host.lease(try id(try await host.create([:])), becomes: "active")
        let machine = try #require(lease["machines"]?[0]?["id"]?.string)
        try await eventually("it was looked at") { try await host.provider()["machines"] == 1 }
        try edit(host) { line in
            var words = line.split(separator: " ").map(String.init)
            words[2] = "2048"
            return words.joined(separator: " ")
        }
        try await eventually("the event of the change") {
            try await host.events("machine.\(machine).").contains { $0["drift"] == "memory 512 → 2048 MiB" }
        }
    }

    // MARK: readiness

    @Test("ready = tcp:PORT: the lease is active once the port accepts, and not before")
    func tcp() async throws {
        let server = try WebReceiver()
        defer { server.stop() }
        let host = try await start("config.address = 127.0.0.1")
        let group: JSON = ["cpus": 1, "memory_mib": 512, "ready": JSON("tcp:\(server.port)")]
        _ = try await host.lease(try id(try await host.create(["groups": [group]])), becomes: "active")
        let closed: JSON = ["cpus": 1, "memory_mib": 512, "ready": "tcp:1", "ready_timeout_s": 3]
        let late = try id(try await host.create(["groups": [closed]]))
        try await eventually("why it waits is shown") {
            try await host.lease(late)["machines"]?[0]?["message"]?.string?.contains("Connection refused") == true
        }
        #expect(try await host.lease(late)["state"] == "preparing")
        let failed = try await host.lease(late, becomes: "failed")
        let reason = failed["reason"]?.string ?? ""
        #expect(reason.contains("not ready (tcp:1) within 3 s") && reason.contains("Connection refused"), "\(reason)")
        try await eventually("its machine is gone") { host.shelf().count == 1 }
    }

    @Test("a machine that never gets ready is replaced where the lease lets it, three times, and then the lease fails")
    func replaced() async throws {
        let host = try await start("config.address = 127.0.0.1")
        let never: JSON = ["name": "g", "cpus": 1, "memory_mib": 512, "ready": "tcp:1", "ready_timeout_s": 1]
        let lease = try id(try await host.create(["atomic": false, "groups": [never]]))
        let failed = try await host.lease(lease, becomes: "failed")
        #expect(failed["machines"]?.array?.count == 4)
        try await eventually("none is left") { host.shelf().isEmpty }
    }

    @Test("ready = agent: the driver is asked until the agent answers; ready = address: until there is one")
    func agent() async throws {
        let host = try await start("config.address = 127.0.0.1\nconfig.agent_ms = 700")
        for ready in ["agent", "address"] {
            let group: JSON = ["cpus": 1, "memory_mib": 512, "ready": JSON(ready)]
            _ = try await host.lease(try id(try await host.create(["groups": [group]])), becomes: "active")
        }
    }

    // MARK: credentials, load

    @Test("credentials are renewed before they end, again and again, and the provider never notices")
    func credentials() async throws {
        let host = try await start("config.credentials_s = 4")
        try await eventually("three renewals") {
            host.host.execution.standardError.split(separator: "\n").count { $0.contains("credentials renewed") } >= 3
        }
        #expect(try await host.provider()["state"] == "ready")
        #expect(!host.host.execution.standardError.contains("degraded"))
    }

    @Test("an elastic lease grows under load up to its maximum, and shrinks to its minimum without")
    func elastic() async throws {
        let directory = try TemporaryDirectory("host")
        let load = try directory.write("load", "0.97")
        let host = try await start("config.load_file = \(load)", in: directory)
        let lease = try id(try await host.create(["elastic": ["min": 1, "max": 3], "groups": [["cpus": 1, "memory_mib": 512]]]))
        _ = try await host.lease(lease, becomes: "active")
        try await eventually("three machines") { host.shelf().count == 3 }
        try "0.02".write(toFile: load, atomically: true, encoding: .utf8)
        try await eventually("one machine") { host.shelf().count == 1 }
        #expect(try await host.lease(lease, becomes: "active")["state"] == "active")
        #expect(try await host.events("lease.\(lease).").contains { $0["because"]?.string?.contains("97 %") == true })
    }

    // MARK: providers that are away

    @Test("a provider that is away makes its machines unknown, never gone; when it is back they are what they were")
    func unreachable() async throws {
        let host = try await start()
        let lease = try await host.lease(try id(try await host.create(["persistent": true])), becomes: "active")
        let path = host.directory("state/lab.shelf")
        let content = try String(contentsOfFile: path, encoding: .utf8)
        try "nonsense\n".write(toFile: path, atomically: true, encoding: .utf8)
        try await host.becomes("unreachable")
        try await eventually("its machine is unknown") { try await host.lease(try id(lease))["machines"]?[0]?["observed"] == "unknown" }
        #expect(try await host.lease(try id(lease))["state"] == "active")
        try content.write(toFile: path, atomically: true, encoding: .utf8)
        try await host.becomes("ready")
        try await eventually("its machine runs") { try await host.lease(try id(lease))["machines"]?[0]?["observed"] == "running" }
        #expect(try await host.lease(try id(lease))["machines"]?.array?.count == 1)
        let states = try await host.events("provider.lab.").compactMap { $0["state"]?.string }
        #expect(states.contains("unreachable") && states.last == "ready")
    }

    @Test("providers lost: a persistent lease opens elsewhere, and when the lost provider comes back its copy is stopped and reported")
    func lost() async throws {
        let other = "[provider spare]\nplugin = inventory\nconfig.file = ${state}/spare.shelf\n"
        let host = try await start("", other)
        try await host.becomes("ready", "spare")
        let created = try await host.create(["persistent": true, "groups": [["cpus": 1, "memory_mib": 512, "requirements": "cpus >= 1"]]])
        let lease = try await host.lease(try id(created), becomes: "active")
        let first = try #require(lease["machines"]?[0]?["provider"]?.string)
        let second = first == "lab" ? "spare" : "lab"
        let path = host.directory("state/\(first).shelf")
        let content = try String(contentsOfFile: path, encoding: .utf8)
        try "nonsense\n".write(toFile: path, atomically: true, encoding: .utf8)
        try await host.becomes("unreachable", first)
        let refused = try await host.host.berth("providers", "lost", first)
        #expect(refused.status == .exited(2) && refused.standardError.contains("--yes"))
        let said = try await host.host.berth("providers", "lost", first, "--yes")
        #expect(said.status == .exited(0) && said.standardOutput.contains("m-"))
        try await eventually("it runs elsewhere") { host.shelf(second).count == 1 }
        _ = try await host.lease(try id(lease), becomes: "active")
        try content.write(toFile: path, atomically: true, encoding: .utf8)
        try await host.becomes("ready", first)
        try await eventually("the old copy is destroyed") { host.shelf(first).isEmpty }
        try await eventually("it is reported") {
            try await host.events("machine.").contains { event in
                event["topic"]?.string?.hasSuffix(".stray") == true && event["provider"] == JSON(first)
            }
        }
        #expect(host.shelf(second).count == 1)
    }

    @Test("a drained node takes nothing new, also after a restart, until it is resumed")
    func drainedNode() async throws {
        let host = try await start()
        #expect(try await host.host.berth("providers", "drain", "lab/rack-1").status == .exited(0))
        #expect(try await host.host.berth("lease", "create", "--cpus", "1", "--memory", "512").status == .exited(1))
        _ = try await host.host.stop()
        let again = try await InventoryHost(in: host.directory, rest: Self.often)
        #expect(try await again.host.berth("lease", "create", "--cpus", "1", "--memory", "512").status == .exited(1))
        let wrong = try await again.host.berth("providers", "drain", "lab/rack-9")
        #expect(wrong.status == .exited(1) && wrong.standardError.contains("rack-1"))
        #expect(try await again.host.berth("providers", "resume", "lab/rack-1").status == .exited(0))
        _ = try await again.lease(try id(try await again.create([:])), becomes: "active")
    }

    @Test("the Monitor runs in a process of its own: killed and started again, it goes on watching")
    func apart() async throws {
        let server = try WebReceiver()
        defer { server.stop() }
        let host = try await InventoryHost(provider: "config.address = 127.0.0.1", rest: Self.often + "here = no\n")
        let group: JSON = ["cpus": 1, "memory_mib": 512, "ready": JSON("tcp:\(server.port)")]
        for _ in 0..<2 {
            let id = try id(try await host.create(["groups": [group]]))
            try await eventually("it waits for somebody to connect") {
                try await host.lease(id)["machines"]?[0]?["observed"] == "running"
            }
            #expect(try await host.lease(id)["state"] == "preparing")
            let monitor = try Execution(Products.berth, ["serve", "--only", "monitor"], environment: host.host.environment)
            _ = try await host.lease(id, becomes: "active")
            monitor.send(SIGKILL)
            _ = try await monitor.result()
        }
    }
}
