import Bus
import Foundation
import JSON
import TestSupport
import Testing

/// What the bus must survive, done to it by foreign clients (Foreign/*.py: plain pyzmq and raw sockets).
@Suite("bus hardness")
struct HardnessTests {
    private static func number(_ variable: String, _ usual: Int) -> Int {
        ProcessInfo.processInfo.environment[variable].flatMap { Int($0) } ?? usual
    }

    /// Memory of a process that nobody else has, in MiB.
    private func resident(_ pid: Int32) throws -> Int {
        let words = try String(contentsOfFile: "/proc/\(pid)/statm", encoding: .utf8).split(separator: " ")
        return ((Int(words[1]) ?? 0) - (Int(words[2]) ?? 0)) * 4 / 1024
    }

    @Test("malformed messages of every kind harm no other client, at ipc or TCP, and fill no memory")
    func garbage() async throws {
        let directory = try TemporaryDirectory("host")
        try directory.write("plugins.conf", RunningHost.empty)
        let made = try await Execution(
            Products.berth, ["keys", "new", "alice", "--out", directory("alice.key")], environment: RunningHost.environment(directory)
        ).result()
        try #require(made.status == .exited(0))
        let host = try await RunningHost("[host]\nname = test\nlisten = tcp://127.0.0.1:*\n", in: directory)
        let count = Self.number("BERTH_TEST_GARBAGE", 20_000)
        let words = [host.bus, try await host.endpoint("bus", "tcp://"), directory("alice.key"), "\(count)", "1"]
        guard let result = try await Python.run("Tests/HostTests/Foreign/garbage.py", words, within: 60 + Double(count) / 200) else {
            return
        }
        #expect(result.status == .exited(0), "\(result.standardError)")
        print(result.standardOutput, terminator: "")
        #expect((try await host.call("host.metrics")["malformed"]?.int ?? 0) > count / 2)
        #expect(try resident(host.execution.pid) < 200)
        #expect(try await host.stop().status == .exited(0))
    }

    @Test("a component that is killed under load and started again: each request has one answer")
    func killed() async throws {
        guard let python = Python.path else { return print("*** skipped: no python3 with zmq (apt-get install python3-zmq)") }
        let host = try await RunningHost()
        let token = try await host.berth("keys", "token", "far").standardOutput.trimmingCharacters(in: .whitespacesAndNewlines)
        func component() throws -> Execution {
            try Execution(
                "/usr/bin/env",
                [
                    python, "-B", "\(Repository.root)/Tests/HostTests/Foreign/component.py", "ipc://\(host.directory("run"))/backend",
                    token,
                    "far",
                ])
        }
        var far = try component()
        try await eventually("the component joined; \(far.standardError)") { far.standardOutput.contains("joined") }
        let count = Self.number("BERTH_TEST_KILLED", 20_000)
        let load = try Execution(
            "/usr/bin/env", [python, "-B", "\(Repository.root)/Tests/HostTests/Foreign/load.py", host.bus, "far.say", "\(count)", "200"])
        var kills = 0
        while load.isRunning, kills < 200 {
            let before = try await host.call("host.metrics")["answers"]?.int ?? 0
            try await eventually("it works", every: 20) {
                guard load.isRunning else { return true }
                return (try await host.call("host.metrics")["answers"]?.int ?? 0) > before + 300
            }
            guard load.isRunning else { break }
            far.send(SIGKILL)
            kills += 1
            far = try component()
        }
        let end = try await load.result(within: 300)
        #expect(end.status == .exited(0), "\(end.standardError)")
        let kinds = try JSON(parsing: end.standardOutput)
        print("killed \(kills) times; answers: \(kinds.text)")
        #expect(kills >= 1)
        #expect((kinds["ok"]?.int ?? 0) > 0 && (kinds["retry"]?.int ?? 0) > 0)
        #expect(try await host.call("host.metrics")["in_flight"] == 0)
    }

    @Test("a subscriber that is killed again and again and goes on with events.since misses no event")
    func survivor() async throws {
        guard let python = Python.path else { return print("*** skipped: no python3 with zmq (apt-get install python3-zmq)") }
        let host = try await RunningHost(try RunningHost.shelf())
        try await host.isReady()
        let file = host.directory("seen")
        func subscriber() throws -> Execution {
            try Execution("/usr/bin/env", [python, "-B", "\(Repository.root)/Tests/HostTests/Foreign/survivor.py", host.bus, file])
        }
        func seen() -> [Int] {
            let text = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
            return text.split(separator: "\n", omittingEmptySubsequences: true).compactMap { Int($0) }
        }
        let wanted = Self.number("BERTH_TEST_EVENTS", 4000)
        // Each lease is promised and cancelled at once: a handful of events.
        let client = try BusClient(ClientEndpoint(host.bus))
        defer { client.close() }
        var follower = try subscriber()
        var last = 0
        while last < wanted {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<100 {
                    group.addTask {
                        let lease = try await client.request("lease.create", RunningHost.tomorrow("l\(number)"))
                        let id: JSON = ["id": lease["lease"]?["id"] ?? .null]
                        _ = try await client.request("lease.cancel", id)
                    }
                }
                try await group.waitForAll()
            }
            follower.send(SIGKILL)
            _ = try await follower.result()
            follower = try subscriber()
            last = try await client.request("events.since", ["after": -1])["next"]?.int ?? 0
        }
        try await eventually("the subscriber has seen event \(last); \(follower.standardError)", within: 120, every: 100) {
            seen().last == last
        }
        let numbers = seen()
        print("\(numbers.count) events, the subscriber was killed again and again")
        #expect(Set(numbers) == Set(1...last))
        #expect(numbers.count == last, "some were seen twice")
    }
}
