import Foundation
import Synchronization

/// A host of a test's own: `berth serve` as a process, with everything it keeps below a temporary directory. Tests that use it depend on
/// the target `Host`.
public final class ServedHost: Sendable {
    public let directory: TemporaryDirectory
    private let process = Mutex<Execution?>(nil)

    /// Writes the configuration; `start` runs the host. Name the state directory where the test needs it elsewhere.
    public init(_ configuration: String, state: String? = nil) throws {
        directory = try TemporaryDirectory("host")
        self.state = state ?? directory("state")
        try directory.write("plugins.conf", configuration)
    }

    /// Where the host keeps what must survive.
    public let state: String
    public var endpoint: String { "ipc://\(directory("run/bus"))" }

    public var places: [String: String] {
        ["BERTH_CONFIG": directory("plugins.conf"), "BERTH_STATE": state, "BERTH_RUN": directory("run")]
    }

    /// Runs `berth serve` and waits until it is ready.
    public func start(_ environment: [String: String] = [:], arguments: [String] = [], within seconds: Double = 60) async throws {
        let execution = try begin(environment, arguments: arguments)
        do {
            try await eventually("the host is ready", within: seconds) {
                execution.standardError.contains("host ready") || !execution.isRunning
            }
        } catch {
            throw NeverHappened(description: "\(error): \(log)")
        }
        guard execution.isRunning else { throw NeverHappened(description: "the host ended at once: \(log)") }
    }

    /// Runs `berth serve` and waits for nothing.
    @discardableResult
    public func begin(_ environment: [String: String] = [:], arguments: [String] = []) throws -> Execution {
        let execution = try Execution(Products.berth, ["serve"] + arguments, environment: places.merging(environment) { $1 })
        process.withLock { $0 = execution }
        return execution
    }

    public var pid: Int32? { process.withLock { $0?.pid } }
    public var isRunning: Bool { process.withLock { $0?.isRunning == true } }
    /// What the running host, or the last one, wrote to its log.
    public var log: String { process.withLock { $0?.standardError } ?? "" }

    /// The workers of the running host, by their parent.
    public var workers: [Int32] {
        guard let pid else { return [] }
        let children = (try? String(contentsOfFile: "/proc/\(pid)/task/\(pid)/children", encoding: .utf8)) ?? ""
        let own = children.split(separator: " ").compactMap { Int32($0) }
        if !own.isEmpty { return own }
        // Another thread may have started it.
        let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")) ?? []
        return tasks.flatMap { task in
            ((try? String(contentsOfFile: "/proc/\(pid)/task/\(task)/children", encoding: .utf8)) ?? "").split(separator: " ")
                .compactMap { Int32($0) }
        }
    }

    /// `kill -9`, and waits until it is gone.
    public func kill() async throws {
        guard let execution = process.withLock({ $0 }) else { return }
        execution.send(SIGKILL)
        _ = try await execution.result()
    }

    /// Ends it as an operator would, and answers how it ended.
    @discardableResult
    public func stop() async throws -> Execution.Status {
        guard let execution = process.withLock({ $0 }) else { return .exited(0) }
        execution.send(SIGTERM)
        return try await execution.result().status
    }

    /// Runs a command against it.
    public func berth(_ words: String...) async throws -> Execution.Result {
        try await berth(words)
    }

    public func berth(_ words: [String], within seconds: Double = 60) async throws -> Execution.Result {
        try await Execution(Products.berth, words, environment: places).result(within: seconds)
    }
}
