import Foundation
import JSON
import TestSupport
import Testing

/// Debian's Python with pyzmq; the `python3` on PATH may be another one.
enum Python {
    static let path: String? = ["/usr/bin/python3", "python3"].first { python in
        (try? Execution.run("/usr/bin/env", [python, "-c", "import zmq"]).status) == .exited(0)
    }

    /// Runs a script; nil, loudly, where there is no Python with pyzmq.
    static func run(
        _ file: String, _ arguments: [String] = [], environment: [String: String] = [:], within seconds: Double = 120
    ) async throws -> Execution.Result? {
        guard let path else {
            print("*** skipped: no python3 with zmq (apt-get install python3-zmq)")
            return nil
        }
        return try await Execution(
            "/usr/bin/env", [path, "-B", "\(Repository.root)/\(file)"] + arguments, environment: environment
        ).result(within: seconds)
    }
}

@Suite("clients")
struct ClientTests {
    @Test("the tests of clients/python/berth.py pass against a real host")
    func python() async throws {
        let directory = try TemporaryDirectory("host")
        try directory.write("plugins.conf", RunningHost.empty)
        for name in ["alice", "stranger"] {
            let made = try await Execution(
                Products.berth, ["keys", "new", name, "--out", directory("\(name).key")], environment: RunningHost.environment(directory)
            ).result()
            #expect(made.status == .exited(0))
        }
        let host = try await RunningHost("[host]\nname = test\nlisten = tcp://127.0.0.1:*\n", in: directory)
        #expect(try await host.berth("keys", "revoke", "stranger").status == .exited(0))
        let environment = [
            "BERTH_TEST_HOST": host.bus, "BERTH_TEST_TCP": try await host.endpoint("bus", "tcp://"),
            "BERTH_TEST_KEY": directory("alice.key"), "BERTH_TEST_STRANGER": directory("stranger.key"), "BERTH_KEY_FILE": "",
        ]
        guard let result = try await Python.run("clients/python/test_berth.py", environment: environment) else { return }
        #expect(result.status == .exited(0), "\(result.standardError.suffix(4000))")
        #expect(result.standardError.contains("OK"))
    }

    @Test("a Python client that follows events misses none over a restart of the host")
    func restart() async throws {
        let host = try await RunningHost(try RunningHost.shelf())
        try await host.isReady()
        guard let python = Python.path else { return print("*** skipped: no python3 with zmq (apt-get install python3-zmq)") }
        let follower = try Execution(
            "/usr/bin/env", [python, "-B", "\(Repository.root)/Tests/HostTests/Foreign/follow.py", host.bus, "6"],
            environment: ["PYTHONPATH": "\(Repository.root)/clients/python"])
        for number in 0..<3 { _ = try await host.call("lease.create", RunningHost.tomorrow("before-\(number)")) }
        try await eventually("three came: \(follower.standardError)") { follower.standardOutput.split(separator: "\n").count >= 3 }
        _ = try await host.stop()
        let again = try await RunningHost(try RunningHost.shelf(), in: host.directory)
        try await again.isReady()
        for number in 0..<3 { _ = try await again.call("lease.create", RunningHost.tomorrow("after-\(number)")) }
        let end = try await follower.result()
        #expect(end.status == .exited(0), "\(end.standardError)")
        let seen = end.standardOutput.split(separator: "\n").map(String.init)
        let all = try await again.call("events.since", ["after": 0, "topics": ["lease."], "limit": 1000])["events"]?.array ?? []
        #expect(seen == Array(all.map { "\($0["seq"]?.int ?? 0) \($0["topic"]?.string ?? "")" }.prefix(seen.count)))
    }

    enum Language: String, CaseIterable, Sendable { case python, c, swift }

    @Test("each example client lists plugins, sends a request and follows events", arguments: Language.allCases)
    func example(language: Language) async throws {
        let host = try await RunningHost(try RunningHost.shelf())
        try await host.isReady()
        let command: [String]
        switch language {
        case .python:
            guard let python = Python.path else { return print("*** skipped: no python3 with zmq (apt-get install python3-zmq)") }
            command = [python, "-B", "\(Repository.root)/Examples/clients/python/client.py"]
        case .c:
            let program = host.directory("client")
            try CCompiler.run(
                [
                    "-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "\(Repository.root)/Examples/clients/c/client.c", "-lzmq", "-o",
                    program,
                ])
            command = [program]
        case .swift: command = ["\(Products.directory)/ExampleClient"]
        }
        func run(_ words: String...) async throws -> Execution.Result {
            try await Execution("/usr/bin/env", command + [host.bus] + words).result()
        }
        #expect(try await run("plugins").standardOutput == "inventory ready\n")
        let pong = try await run("request", "host.ping", "{\"n\":1}")
        #expect(pong.status == .exited(0))
        #expect(try JSON(parsing: pong.standardOutput) == ["n": 1])
        #expect(try await run("request", "no.such-verb").status == .exited(1))
        for number in 0..<3 { _ = try await host.call("lease.create", RunningHost.tomorrow("l\(number)")) }
        let events = try await run("events", "0", language == .c ? "1" : "3")
        #expect(events.status == .exited(0), "\(events.standardError)")
        #expect(events.standardOutput.contains("lease."))
        #expect(events.standardOutput.contains(".scheduled"))
    }
}
