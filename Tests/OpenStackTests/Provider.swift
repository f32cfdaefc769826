import Foundation
import JSON
import Platform
import PluginHost
import Synchronization
import TestSupport

/// The driver as the host loads it, opened in this process.
final class Provider: Sendable {
    private let session: DriverSession
    private let directory: TemporaryDirectory
    private let ids = Atomic<UInt64>(0)
    let events: Events

    final class Events: Sendable {
        private let seen = Mutex<[DriverEvent]>([])
        private let lines = Mutex<[String]>([])
        var all: [DriverEvent] { seen.withLock { $0 } }
        var log: [String] { lines.withLock { $0 } }
        func add(_ event: DriverEvent) { seen.withLock { $0.append(event) } }
        func add(_ line: String) { lines.withLock { $0.append(line) } }
    }

    struct Refused: Error, CustomStringConvertible {
        var outcome: CallOutcome
        var description: String { "\(outcome.status): \(outcome.message ?? "") \(outcome.native ?? "")" }
    }

    /// Against the real stack, as one of its users.
    static func stack(_ user: String = "demo", _ more: JSON = [:]) throws -> Provider {
        var settings: JSON = [
            "auth_url": "http://127.0.0.1:5000/v3", "username": .string(user), "password": .string("\(user)-secret"),
            "project": .string(user),
            "networks": ["private"], "poll_s": 0, "settle_s": 120,
        ]
        for field in more.object?.fields ?? [] { settings[field.name] = field.value }
        return try Provider(settings)
    }

    init(_ settings: JSON) throws {
        directory = try TemporaryDirectory("openstack")
        let file = try directory.write(
            "plugins.conf", "[host]\nplugin-path = \(Products.directory)\n[plugin openstack]\nmodule = OpenStack.so\nabi = compute/1\n")
        let configuration = try Configuration.load(file, state: directory.path)
        guard let plugin = configuration.plugin("openstack"), let abi = configuration.abi("compute/1") else {
            throw CocoaError(.coderInvalidValue)
        }
        let library = try DriverLibrary(loading: PluginInspection(plugin, in: configuration), abi: abi)
        let events = Events()
        self.events = events
        session = DriverSession(
            library,
            listener: DriverListener(
                event: {
                    events.add($0)
                    return true
                }, log: { events.add($1) }))
        let outcome = session.open(settings, control(60))
        guard outcome.status == .ok else { throw Refused(outcome: outcome) }
    }

    func close() { session.close() }

    func control(_ seconds: Double) -> CallControl {
        CallControl(id: ids.add(1, ordering: .relaxed).newValue, deadline: Clock.monotonic + Int64(seconds * 1000))
    }

    func call(_ name: String, _ arguments: [CallArgument] = [], within seconds: Double = 300) -> CallOutcome {
        session.call(name, arguments, control(seconds))
    }

    /// The document of a call that must go well.
    func document(_ name: String, _ arguments: [CallArgument] = [], within seconds: Double = 300) throws -> JSON {
        let outcome = call(name, arguments, within: seconds)
        guard outcome.status == .ok else { throw Refused(outcome: outcome) }
        return outcome.document.isEmpty ? nil : try JSON(parsing: outcome.document)
    }

    func create(_ spec: JSON, key: String = UUID().uuidString.lowercased(), within seconds: Double = 300) -> CallOutcome {
        call("create", [.string(key), .bytes(spec.bytes)], within: seconds)
    }

    func action(_ id: String, _ verb: String, _ arguments: JSON = [:], within seconds: Double = 300) -> CallOutcome {
        call("action", [.string(id), .string(verb), .bytes(arguments.bytes)], within: seconds)
    }

    func list() throws -> [JSON] {
        let outcome = call("list")
        guard outcome.status == .ok else { throw Refused(outcome: outcome) }
        return try outcome.document.split(separator: UInt8(ascii: "\n")).map { try JSON(parsing: $0) }
    }

    static let tiny: JSON = ["name": "t", "cpus": 1, "memory_mib": 64, "image": "tiny-1m"]
}

/// Runs blocking work on as many threads as there are items, and waits for all.
func onThreads<Result: Sendable>(_ count: Int, _ body: @escaping @Sendable (Int) -> Result) async -> [Result] {
    await withCheckedContinuation { continuation in
        let results = Mutex<[Int: Result]>([:])
        let shared = Shared(results: results)
        for index in 0..<count {
            Thread.detachNewThread {
                let result = body(index)
                let all = shared.add(index, result)
                if all.count == count { continuation.resume(returning: all.sorted { $0.key < $1.key }.map { $0.value }) }
            }
        }
    }
}

private final class Shared<Result: Sendable>: Sendable {
    private let results: Mutex<[Int: Result]>

    init(results: consuming sending Mutex<[Int: Result]>) {
        self.results = results
    }

    func add(_ index: Int, _ result: Result) -> [Int: Result] {
        results.withLock { results in
            results[index] = result
            return results
        }
    }
}
