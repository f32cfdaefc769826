import Foundation
import Platform
import Synchronization
import TestSupport

@testable import PluginHost

/// One provider put to use by a test, with all that it said. Stopped by `end`.
final class Bench: Sendable {
    let directory: TemporaryDirectory
    let host: ProviderHost
    let heard: Heard

    final class Heard: Sendable {
        let statuses = Mutex<[ProviderStatus]>([])
        let events = Mutex<[DriverEvent]>([])

        /// The states that it went through.
        var states: [ProviderState] { statuses.withLock { $0.map(\.state) } }
        var eventCount: Int { events.withLock { $0.count } }
    }

    /// A provider `lab` of a driver; `settings` are lines of its section.
    init(
        module: String, isolation: Isolation = .process, plugin: String = "", settings: String = "", name: String = "lab",
        change: (inout ProviderHost.Surroundings) -> Void = { _ in }
    ) throws {
        directory = try TemporaryDirectory("worker")
        heard = Heard()
        var surroundings = ProviderHost.Surroundings(stateDirectory: directory("state"), hostVersion: "test")
        surroundings.workerProgram = Products.berth
        surroundings.grace = 300
        change(&surroundings)
        let (section, inspection, abi) = try Bench.plan(
            module: module, isolation: isolation, plugin: plugin, settings: settings, name: name)
        host = ProviderHost(
            section, plugin: inspection, abi: abi, in: surroundings,
            listener: ProviderListener(
                status: { [heard] status in heard.statuses.withLock { $0.append(status) } },
                event: { [heard] event in heard.events.withLock { $0.append(event) } }))
        host.start()
    }

    convenience init(_ zoo: Zoo, isolation: Isolation = .process, settings: String = "") throws {
        try self.init(module: try zoo.build(), isolation: isolation, settings: settings)
    }

    static func plan(
        module: String, isolation: Isolation = .process, plugin: String = "", settings: String = "", name: String = "lab"
    ) throws -> (ProviderSection, PluginInspection, ABIDescription) {
        let text = """
            [plugin p]
            module = \(module)
            \(plugin)
            [provider \(name)]
            plugin = p
            isolation = \(isolation.rawValue)
            \(settings)
            """
        let configuration = try read(text)
        let plugin = configuration.plugins[0]
        guard let abi = configuration.abi(plugin.abi) else { throw FileError(reason: "no abi") }
        return (configuration.providers[0], PluginInspection(plugin, in: configuration), abi)
    }

    func end() async {
        await host.stop(within: 3_000)
    }

    // MARK: asking

    func call(_ name: String, _ arguments: [CallArgument] = [], within milliseconds: Int64 = 60_000) async -> CallOutcome {
        await host.call(DriverCall(name, arguments, deadline: Clock.monotonic + milliseconds))
    }

    func list(within milliseconds: Int64 = 60_000) async -> CallOutcome { await call("list", within: milliseconds) }

    func create(_ key: String) async -> CallOutcome { await call("create", [.string(key), .bytes(Array(#"{"name":"web"}"#.utf8))]) }

    func becomes(_ state: ProviderState) async throws {
        try await eventually("\(host.name) becomes \(state); it is \(host.status)") { host.status.state == state }
    }

    /// The worker's process, once it is there.
    func process() async throws -> Int32 {
        try await eventually("a worker process of \(host.name)") { host.status.process }
    }
}

extension CallOutcome {
    var lineCount: Int { document.count { $0 == UInt8(ascii: "\n") } }
}

/// What this process holds, to see that nothing is left over.
struct Holdings: Equatable {
    var descriptors: Int
    var threads: Int
    var children: Int

    static var now: Holdings {
        func count(_ path: String) -> Int { (try? FileManager.default.contentsOfDirectory(atPath: path).count) ?? 0 }
        let children = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task"))?.reduce(0) { sum, task in
            let text = (try? String(contentsOfFile: "/proc/self/task/\(task)/children", encoding: .utf8)) ?? ""
            return sum + text.split(separator: " ").count
        }
        return Holdings(descriptors: count("/proc/self/fd"), threads: count("/proc/self/task"), children: children ?? 0)
    }

    /// What the descriptors are, for the message of a test that fails.
    static var open: [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        return names.compactMap { try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)") }.sorted()
    }
}
