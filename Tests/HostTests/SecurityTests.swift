import Foundation
import JSON
import TestSupport
import Testing

/// Who may see what, tried by foreign clients (Foreign/*.py: plain pyzmq, nothing of ours).
@Suite("security")
struct SecurityTests {
    /// A host over TCP with keys that were made before it started.
    private func host(keys: [String]) async throws -> RunningHost {
        let directory = try TemporaryDirectory("host")
        try directory.write("plugins.conf", RunningHost.empty)
        for name in keys {
            let made = try await Execution(
                Products.berth, ["keys", "new", name, "--out", directory("\(name).key")], environment: RunningHost.environment(directory)
            ).result()
            try #require(made.status == .exited(0), "\(made.standardError)")
        }
        let host = try await RunningHost(
            try RunningHost.shelf("listen = tcp://127.0.0.1:*\nlisten-events = tcp://127.0.0.1:*"), in: directory)
        try await host.isReady()
        return host
    }

    private func endpoints(_ host: RunningHost) async throws -> [String] {
        [try await host.endpoint("bus", "tcp://"), try await host.endpoint("events", "tcp://")]
    }

    @Test("no key, a wrong key, a revoked key: no verb answers and no event comes")
    func strangers() async throws {
        let host = try await host(keys: ["alice", "gone"])
        #expect(try await host.berth("keys", "revoke", "gone").status == .exited(0))
        let words = try await endpoints(host) + [host.directory("alice.key"), host.directory("gone.key")]
        guard let result = try await Python.run("Tests/HostTests/Foreign/strangers.py", words) else { return }
        #expect(result.status == .exited(0), "\(result.standardError)")
        #expect(result.standardOutput == "nobody was answered\n")
        #expect(try await host.call("host.metrics")["rejected"]?.int ?? 0 > 0)
    }

    @Test("two owners with a thousand leases each see not one of the other's, by any verb or event")
    func owners() async throws {
        let host = try await host(keys: ["alice", "bob"])
        let count = ProcessInfo.processInfo.environment["BERTH_TEST_OWNERS"] ?? "1000"
        let words = try await endpoints(host) + [host.directory("alice.key"), host.directory("bob.key"), count]
        guard let result = try await Python.run("Tests/HostTests/Foreign/owners.py", words, within: 300) else { return }
        #expect(result.status == .exited(0), "\(result.standardError)")
        #expect(result.standardOutput == "nothing was seen\n")
    }

    @Test("over ipc the account is the user that the peer runs as, whatever it says of itself")
    func user() async throws {
        guard getuid() == 0 else { return print("*** skipped: only root can become another user") }
        let host = try await RunningHost()
        // The directory is for the host's group; a process that left root keeps the group.
        #expect(chmod(host.directory.path, 0o755) == 0)
        guard let own = try await Python.run("Tests/HostTests/Foreign/uid.py", [host.bus, "0"]),
            let other = try await Python.run("Tests/HostTests/Foreign/uid.py", [host.bus, "12345"])
        else { return }
        #expect(own.standardOutput == "ok uid:0 operator\nok None None\n", "\(own.standardError)")
        #expect(other.standardOutput == "ok uid:12345 client\ndenied None None\n", "\(other.standardError)")
    }

    @Test("a key that is revoked loses the events it subscribed and the requests of its open connection")
    func revoked() async throws {
        let host = try await host(keys: ["alice"])
        guard let python = Python.path else { return print("*** skipped: no python3 with zmq (apt-get install python3-zmq)") }
        let words = try await endpoints(host) + [host.directory("alice.key"), host.directory("revoked")]
        let follower = try Execution("/usr/bin/env", [python, "-B", "\(Repository.root)/Tests/HostTests/Foreign/revoked.py"] + words)
        try await eventually("it is answered and subscribed; \(follower.standardError)") { follower.standardOutput.contains("subscribed") }
        #expect(try await host.berth("keys", "revoke", "alice").status == .exited(0))
        try await eventually("the host obeyed") { host.execution.standardError.contains("keys were revoked or changed") }
        _ = try await host.call("lease.create", RunningHost.tomorrow("l"))
        try host.directory.write("revoked", "now")
        let end = try await follower.result()
        #expect(end.status == .exited(0), "\(end.standardError)")
        #expect(end.standardOutput.contains("nothing more came"))
    }
}
