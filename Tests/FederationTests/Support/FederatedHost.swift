import Bus
import Foundation
import Glibc
import JSON
import Model
import Synchronization
import TestSupport
import Testing

/// A real `berth serve` with machines in a file, that can be killed and started again.
final class FederatedHost: Sendable {
    let name: String
    let directory: TemporaryDirectory
    /// Where the others reach it.
    let address: String
    /// The network namespace that it lives in; nil: the machine's own.
    let namespace: String?
    private let running = Mutex<Execution?>(nil)
    private let logs = Mutex("")

    /// What a host has and says.
    struct Configuration {
        var cpus = 4.0
        var memory = 8192
        var nodes = 1
        var create = 0
        var federation = "rendezvous = yes\n"
        var period = 300
        /// Long, so that a busy machine loses nothing; tests of its end make it short.
        var ttl = 20_000
        var more = ""
    }

    init(_ name: String, address: String, namespace: String? = nil, _ configuration: Configuration = Configuration()) throws {
        self.name = name
        self.address = address
        self.namespace = namespace
        directory = try TemporaryDirectory("fed-\(name)")
        let driver = try ExampleDrivers.inventory()
        try directory.write("plugins/.keep", "")
        try FileManager.default.copyItem(atPath: driver, toPath: directory("plugins/inventory.so"))
        try directory.write("plugins.conf", text(configuration))
    }

    func text(_ configuration: Configuration) -> String {
        """
        [host]
        plugin-path = \(directory("plugins"))
        [plugin inventory]
        module = inventory.so
        abi    = compute/1
        [provider shelf-\(name)]
        plugin            = inventory
        threads           = 4
        config.file       = \(directory("shelf"))
        config.sync       = no
        config.nodes      = \(configuration.nodes)
        config.cpus       = \(configuration.cpus)
        config.memory_mib = \(configuration.memory)
        config.create_ms  = \(configuration.create)
        [federation]
        name   = \(name)
        listen = \(address)
        period = \(configuration.period)ms
        ttl    = \(configuration.ttl)ms
        \(configuration.federation)
        \(configuration.more)
        """
    }

    private var environment: [String: String] {
        ["BERTH_CONFIG": directory("plugins.conf"), "BERTH_STATE": directory("state"), "BERTH_RUN": directory("run"), "BERTH_HOST": ""]
    }

    // MARK: - Life

    func start() async throws {
        for _ in 0..<20 {
            if try await begin() { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        Issue.record("\(name) does not start: \(log.suffix(1000))")
    }

    /// False: what was killed a moment ago still has its locks, in a child that was just being born.
    private func begin() async throws -> Bool {
        let words = ["serve"]
        let execution =
            try namespace.map { try Execution("/usr/sbin/ip", ["netns", "exec", $0, Products.berth] + words, environment: environment) }
            ?? Execution(Products.berth, words, environment: environment)
        running.withLock { $0 = execution }
        var isBusy = false
        try await eventually("\(name) is ready; it said: \(execution.standardError)") {
            if !execution.isRunning, execution.standardError.contains("another process uses") {
                isBusy = true
                return true
            }
            try #require(execution.isRunning, "\(name) ended: \(execution.standardError)")
            return execution.standardError.contains("host ready")
        }
        return !isBusy
    }

    /// `kill -9`, and waits until it is gone with its worker: the next one could not lock the provider before.
    func kill() async throws {
        guard let execution = running.withLock({ $0 }) else { return }
        execution.send(SIGKILL)
        _ = try await execution.result()
        keepLog(execution)
    }

    func stop() async throws {
        guard let execution = running.withLock({ $0 }), execution.isRunning else { return }
        execution.send(SIGTERM)
        _ = try await execution.result()
        keepLog(execution)
    }

    /// SIGHUP: it reads its configuration again.
    func hangUp() { running.withLock { $0 }?.send(SIGHUP) }

    private func keepLog(_ execution: Execution) {
        logs.withLock { $0 += execution.standardError }
        running.withLock { $0 = nil }
    }

    /// Everything that all its lives have said.
    var log: String { logs.withLock { $0 } + (running.withLock { $0 }?.standardError ?? "") }

    // MARK: - Asking

    /// Asks over ZeroMQ, as any client would.
    @discardableResult
    func ask(_ verb: String, _ body: JSON = [:], deadline: Int = 30_000, key: String? = nil) async throws -> JSON {
        let client = try BusClient(ClientEndpoint("ipc://\(directory("run"))/bus"))
        defer { client.close() }
        return try await client.request(verb, body, ClientOptions(deadline: deadline, key: key))
    }

    /// Runs a command of `berth` against it.
    func berth(_ arguments: String...) async throws -> Execution.Result {
        try await Execution(Products.berth, arguments, environment: environment).result()
    }

    /// The leases that live, or all of them.
    func leases(all: Bool = false, owner: String? = nil) async throws -> [JSON] {
        var body: JSON = ["limit": 1000]
        if !all { body["state"] = JSON(LeaseState.allCases.filter { !$0.isFinal && $0 != .new }.map(\.rawValue)) }
        if let owner { body["owner"] = JSON(owner) }
        return try await ask("lease.list", body)["leases"]?.array ?? []
    }

    func lease(_ id: String?) async throws -> JSON {
        try await ask("lease.show", ["id": JSON(id)])["lease"] ?? .null
    }

    func member(_ name: String) async throws -> JSON {
        try await ask("member.show", ["name": JSON(name)])["member"] ?? .null
    }

    /// The keys of the machines in its file, whatever the host thinks.
    var shelf: [String] {
        let text = (try? String(contentsOfFile: directory("shelf"), encoding: .utf8)) ?? ""
        return text.split(separator: "\n").dropFirst().compactMap { line in
            line.split(whereSeparator: { $0 == "\t" || $0 == " " }).map(String.init).first { UUID128($0) != nil }
        }
    }
}
