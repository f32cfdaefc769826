import Foundation
import JSON
import TestSupport
import Testing

@Suite("berth serve")
struct ServeTests {
    @Test("a host answers, ends on SIGTERM with 0, and leaves no socket and no lock")
    func lifetime() async throws {
        let host = try await RunningHost()
        #expect(try await host.call("host.ping", ["n": 1]) == ["n": 1])
        let info = try await host.call("host.info")
        #expect(info["name"] == "test")
        #expect(info["account"]?["owner"]?.string == "uid:\(getuid())")
        #expect(try FileManager.default.attributesOfItem(atPath: host.directory("run"))[.posixPermissions] as? Int == 0o750)
        let end = try await host.stop()
        #expect(end.status == .exited(0))
        #expect(end.standardError.contains("host stopped"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: host.directory("run")) == [])
        #expect(!FileManager.default.fileExists(atPath: host.directory("state/host.lock")))
        let late = try await host.berth("call", "host.ping")
        #expect(late.status == .exited(3))
        #expect(late.standardError.contains("berth serve"))
    }

    @Test("a second host on the same directories is refused, with the process that has them")
    func second() async throws {
        let host = try await RunningHost()
        for other in [[:], ["BERTH_RUN": host.directory("run2")], ["BERTH_STATE": host.directory("state2")]] {
            let result = try await host.berth("serve", environment: other)
            #expect(result.status == .exited(1))
            #expect(result.standardError.contains("another host (process \(host.execution.pid))"))
        }
        #expect(try await host.call("host.ping") == [:])
    }

    @Test("a host that was killed leaves nothing that keeps the next one from starting")
    func killed() async throws {
        let first = try await RunningHost()
        first.execution.send(SIGKILL)
        #expect(try await first.execution.result().status == .signalled(SIGKILL))
        let second = try await RunningHost(in: first.directory)
        #expect(try await second.call("host.ping") == [:])
    }

    @Test("TCP without a key is refused with 2, says how to do it right, and leaves nothing behind")
    func withoutCurve() async throws {
        let directory = try TemporaryDirectory("host")
        try directory.write("plugins.conf", "[host]\nlisten = tcp://127.0.0.1:*\n")
        let result = try await Execution(Products.berth, ["serve"], environment: RunningHost.environment(directory)).result()
        #expect(result.status == .exited(2))
        #expect(result.standardError.contains("without CURVE"))
        #expect(result.standardError.contains("berth keys new"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory("run")) == [])
    }

    @Test("SIGHUP reads the configuration again; one with errors is not taken over and the host goes on")
    func hangUp() async throws {
        let host = try await RunningHost()
        #expect(try await host.berth("log-level").standardOutput == "info\n")
        try host.directory.write("plugins.conf", "[host]\nlog-level = debug\n")
        host.execution.send(SIGHUP)
        try await eventually("the level changes") { try await host.berth("log-level").standardOutput == "debug\n" }
        try host.directory.write("plugins.conf", "[host]\nlog-levle = error\n")
        host.execution.send(SIGHUP)
        try await eventually("the log has the error") { host.execution.standardError.contains("the configuration is not taken over") }
        #expect(host.execution.standardError.contains("log-level"))
        #expect(try await host.berth("log-level", "warning").standardOutput == "warning\n")
    }

    @Test("a run directory that others could read is tightened; one too long for a socket is refused")
    func runDirectory() async throws {
        let directory = try TemporaryDirectory("host")
        try FileManager.default.createDirectory(
            atPath: directory("run"), withIntermediateDirectories: true, attributes: [.posixPermissions: 0o777])
        let host = try await RunningHost(in: directory)
        #expect(host.execution.standardError.contains("tightened to 0750"))
        #expect(try FileManager.default.attributesOfItem(atPath: directory("run"))[.posixPermissions] as? Int == 0o750)
        let long = directory("run/\(String(repeating: "x", count: 100))")
        let result = try await host.berth("serve", environment: ["BERTH_RUN": long, "BERTH_STATE": directory("state2")])
        #expect(result.status == .exited(1))
        #expect(result.standardError.contains("--run-dir"))
    }

    @Test("systemd is told READY=1 and STOPPING=1")
    func readiness() async throws {
        let directory = try TemporaryDirectory("host")
        let listener = try NotifySocket(directory("notify"))
        setenv("NOTIFY_SOCKET", listener.path, 1)
        defer { unsetenv("NOTIFY_SOCKET") }
        let host = try await RunningHost(in: directory)
        #expect(listener.next().contains("READY=1"))
        _ = try await host.stop()
        #expect(listener.next().contains("STOPPING=1"))
    }

    @Test("a client over TCP with its key is its own account; after revoke it is answered no more")
    func curve() async throws {
        let directory = try TemporaryDirectory("host")
        let file = directory("alice.key")
        try directory.write("plugins.conf", RunningHost.empty)
        let made = try await Execution(
            Products.berth, ["keys", "new", "alice", "--out", file], environment: RunningHost.environment(directory)
        ).result()
        #expect(made.status == .exited(0), "\(made.standardError)")
        let host = try await RunningHost("[host]\nlisten = tcp://127.0.0.1:*\n", in: directory)
        let there = ["BERTH_HOST": try await host.endpoint("bus", "tcp://"), "BERTH_KEY_FILE": file]
        let info = try JSON(parsing: try await host.berth("call", "host.info", environment: there).standardOutput)
        #expect(info["account"] == ["owner": "key:alice", "role": "client", "topics": "@key:alice/"])
        #expect(try await host.berth("log-level", environment: there).standardError.contains("operators"))
        #expect(try await host.berth("keys", "list", "-o", "name").standardOutput == "alice\n")
        #expect(try await host.berth("keys", "revoke", "alice").status == .exited(0))
        let late = try await host.berth("call", "host.ping", "--deadline", "1500", environment: there)
        #expect(late.status != .exited(0))
        #expect(late.standardOutput == "")
    }
}

/// What systemd would listen on: a datagram socket.
final class NotifySocket: Sendable {
    let path: String
    private let descriptor: Int32

    init(_ path: String) throws {
        self.path = path
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
        try #require(bound == 0)
        var patience = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    /// The next datagram; empty if none comes.
    func next() -> String {
        var buffer = [UInt8](repeating: 0, count: 512)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    }

    deinit { close(descriptor) }
}
