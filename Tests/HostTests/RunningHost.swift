import Foundation
import JSON
import TestSupport
import Testing

/// A real `berth serve` in directories of its own. Killed, if it still runs, when its owner goes.
final class RunningHost: Sendable {
    let directory: TemporaryDirectory
    let execution: Execution
    let environment: [String: String]

    /// The configuration of a host that has nothing to manage.
    static let empty = "[host]\nname = test\n"

    /// Starts it and waits until it says that it is ready. Give `directory` to start one where another was.
    init(_ configuration: String = empty, _ arguments: [String] = [], in directory: TemporaryDirectory? = nil) async throws {
        let directory = try directory ?? TemporaryDirectory("host")
        try directory.write("plugins.conf", configuration)
        environment = RunningHost.environment(directory)
        execution = try Execution(Products.berth, ["serve"] + arguments, environment: environment)
        self.directory = directory
        try await eventually("the host is ready; it said: \(execution.standardError)") {
            try #require(execution.isRunning, "the host ended: \(execution.standardError)")
            return execution.standardError.contains("host ready")
        }
    }

    static func environment(_ directory: TemporaryDirectory) -> [String: String] {
        ["BERTH_CONFIG": directory("plugins.conf"), "BERTH_STATE": directory("state"), "BERTH_RUN": directory("run"), "BERTH_HOST": ""]
    }

    var bus: String { "ipc://\(directory("run"))/bus" }

    /// Runs another command of `berth` against it.
    func berth(_ arguments: String..., environment: [String: String] = [:]) async throws -> Execution.Result {
        try await Execution(Products.berth, arguments, environment: self.environment.merging(environment) { $1 }).result()
    }

    /// `berth call`, its answer read.
    func call(_ verb: String, _ body: JSON = [:]) async throws -> JSON {
        let result = try await berth("call", verb, body.text)
        try #require(result.status == .exited(0), "\(verb): \(result.standardError)")
        return try JSON(parsing: result.standardOutput)
    }

    /// SIGTERM, and its end.
    func stop() async throws -> Execution.Result {
        execution.send(SIGTERM)
        return try await execution.result()
    }

    /// The endpoint behind `name` in `host.info`, such as the port that `tcp://…:*` got.
    func endpoint(_ name: String, _ scheme: String) async throws -> String {
        let endpoints = try await call("host.info")["endpoints"]?[name]?.array?.compactMap(\.string) ?? []
        return try #require(endpoints.first { $0.hasPrefix(scheme) })
    }
}
