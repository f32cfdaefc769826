import Bus
import Foundation
import JSON
import Model
import Platform
import PluginHost
import Synchronization
import TestSupport
import Testing

@testable import Drivers

/// The Drivers component on a real bus, with a component beside it that listens and may call drivers. Ended by `end`.
final class DriversBus: Sendable {
    let directory: TemporaryDirectory
    let bus: Bus
    let client: BusClient
    let heard = Heard()

    /// What Drivers told the other components.
    final class Heard: Sendable {
        private let notices = Mutex<[Notice]>([])

        func add(_ notice: Notice) { notices.withLock { $0.append(notice) } }
        var topics: [String] { notices.withLock { $0.map(\.topic) } }
        func first(_ topic: String) -> JSON? { notices.withLock { $0.first { $0.topic == topic }?.body } }
    }

    init(_ configuration: String) throws {
        directory = try TemporaryDirectory("drv")
        try directory.write("plugins.conf", configuration)
        let path = directory("plugins.conf")
        let state = directory("state")
        var surroundings = ProviderHost.Surroundings(stateDirectory: state, hostVersion: "test")
        surroundings.workerProgram = Products.berth
        surroundings.grace = 300
        surroundings.reloadPatience = 300
        let settings = DriversComponent.Settings(
            configuration: try Configuration.load(path, state: state), surroundings: surroundings,
            reread: { try Configuration.load(path, state: state) })
        var bus = BusSettings(runDirectory: directory.path)
        bus.keysDirectory = directory("keys")
        self.bus = try Bus(bus, components: [DriversComponent.description(settings), Listener.description(heard)])
        client = try BusClient(ClientEndpoint("ipc://\(directory.path)/bus"))
    }

    func end() {
        client.close()
        bus.stop()
    }

    func ask(_ verb: String, _ body: JSON = [:]) async throws -> JSON {
        try await client.request(verb, body, ClientOptions(deadline: 60_000))
    }

    /// `driver.call`, as components make it.
    func call(_ body: JSON) async throws -> JSON { try await ask("test.driver-call", body) }

    func provider(_ name: String = "lab") async throws -> JSON {
        try await ask("provider.show", ["name": JSON(name)])["provider"] ?? .null
    }

    func becomes(_ state: String, _ name: String = "lab") async throws {
        var last = JSON.null
        do {
            try await eventually("\(name) becomes \(state)") {
                last = try await provider(name)
                return last["state"]?.string == state
            }
        } catch {
            throw NeverHappened(description: "\(error); it is \(last.text)")
        }
    }

    func write(_ configuration: String) throws { try directory.write("plugins.conf", configuration) }
}

/// A component that hears everything and passes driver calls on for the tests.
private final class Listener: Component {
    private let context: any ComponentContext

    static func description(_ heard: DriversBus.Heard) -> ComponentDescription {
        ComponentDescription(name: "listener", verbs: [Verb("test.driver-call"), Verb("scheduler.drain", .components)]) { context in
            for prefix in ["provider.", "driver.", "host."] { context.subscribe(prefix) { heard.add($0) } }
            return Listener(context)
        }
    }

    init(_ context: any ComponentContext) { self.context = context }

    func handle(_ batch: [Request]) {
        for request in batch {
            if request.verb == "scheduler.drain" {
                request.ok(["name": "drained", "asked": (try? request.json()) ?? .null])
                continue
            }
            let options = RequestOptions(deadline: request.remaining.map { Int($0) })
            context.request("driver.call", request.body, options) { request.answer($0) }
        }
    }
}
