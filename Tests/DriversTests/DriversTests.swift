import Bus
import Foundation
import JSON
import Model
import TestSupport
import Testing

/// Plugins and providers on a real bus, with real workers.
@Suite("drivers on the bus", .serialized)
struct DriversTests {
    /// The inventory driver as provider `lab`, with its file beside the state.
    private func inventory(_ lines: String = "", file: String = "${state}/shelf") throws -> String {
        """
        [plugin inventory]
        module = \(try ExampleDrivers.inventory())
        [provider lab]
        plugin = inventory
        config.file = \(file)
        \(lines)
        """
    }

    private func zoo(_ zoo: Zoo, _ lines: String = "") throws -> String {
        "[plugin zoo]\nmodule = \(try zoo.build())\n[provider lab]\nplugin = zoo\n\(lines)\n"
    }

    private func failure(_ work: () async throws -> JSON) async -> BerthError? {
        do {
            _ = try await work()
            return nil
        } catch {
            return error as? BerthError
        }
    }

    // MARK: driver.call

    @Test("a component creates, inspects, lists and destroys a machine, each answer being the driver's document")
    func calls() async throws {
        let bus = try DriversBus(try inventory())
        defer { bus.end() }
        try await bus.becomes("ready")
        let key = UUID().uuidString.lowercased()
        let made = try await bus.call(["provider": "lab", "call": "create", "key": JSON(key), "spec": ["name": "web", "cpus": 2]])
        #expect(made["document"]?["key"] == JSON(key))
        let id = try #require(made["document"]?["id"]?.string)
        #expect(try await bus.call(["provider": "lab", "call": "inspect", "id": JSON(id)])["document"]?["cpus"] == 2)
        let listed = try await bus.call(["provider": "lab", "call": "list"])["lines"]?.array
        #expect(listed?.map { $0["id"]?.string } == [id])
        _ = try await bus.call(["provider": "lab", "call": "action", "id": JSON(id), "verb": "destroy"])
        #expect(try await bus.call(["provider": "lab", "call": "list"])["lines"] == [])
        let gone = await failure { try await bus.call(["provider": "lab", "call": "inspect", "id": JSON(id)]) }
        #expect(gone?.code == .notFound)
    }

    @Test("what a driver reports by itself reaches the components as driver.NAME.state with the driver's document")
    func events() async throws {
        let bus = try DriversBus(try inventory())
        defer { bus.end() }
        try await bus.becomes("ready")
        _ = try await bus.call(["provider": "lab", "call": "create", "key": "k-1", "spec": ["name": "web"]])
        let body = try await eventually("an event of the machine") { bus.heard.first("driver.lab.state") }
        #expect(body["provider"] == "lab" && body["subject"] == "1" && body["document"]?["key"] == "k-1")
        #expect(bus.heard.topics.contains("provider.lab.ready"))
    }

    @Test("a worker that dies under a create says so, and whether the driver saw the call")
    func crash() async throws {
        let bus = try DriversBus(try zoo(.crashCreate))
        defer { bus.end() }
        try await bus.becomes("ready")
        let body: JSON = ["provider": "lab", "call": "create", "key": "k", "spec": [:]]
        let answer: Answer = await withCheckedContinuation { continuation in
            bus.client.send("test.driver-call", body.bytes, ClientOptions(deadline: 60_000)) { continuation.resume(returning: $0) }
        }
        #expect(answer.error?.code == .broken)
        #expect(answer.body["crashed"] == true && answer.body["started"] == true)
        #expect(answer.body["death"]?.string?.contains("signal") == true)
    }

    @Test("no client reaches driver.call")
    func closed() async throws {
        let bus = try DriversBus(try inventory())
        defer { bus.end() }
        #expect(await failure { try await bus.ask("driver.call", ["provider": "lab", "call": "list"]) }?.code == .unsupported)
    }

    // MARK: showing

    @Test("plugin.list and provider.list show everything, page by page, and filter")
    func lists() async throws {
        let bus = try DriversBus(
            try inventory() + "\n[provider other]\nplugin = inventory\nconfig.file = ${state}/other\n[plugin none]\nmodule = none.so\n")
        defer { bus.end() }
        try await bus.becomes("ready")
        try await bus.becomes("ready", "other")
        let plugins = try await bus.ask("plugin.list")["plugins"]?.array ?? []
        #expect(plugins.map { $0["name"]?.string } == ["inventory", "none"])
        #expect(plugins.map { $0["state"]?.string } == ["ready", "missing"])
        #expect(plugins[0]["providers"] == ["lab", "other"])
        let first = try await bus.ask("provider.list", ["limit": 1])
        #expect(first["providers"]?.array?.count == 1 && first["next"] == "lab")
        let second = try await bus.ask("provider.list", ["limit": 1, "after": "lab"])
        #expect(second["providers"]?[0]?["name"] == "other" && second["next"] == .null)
        #expect(try await bus.ask("plugin.list", ["state": "missing"])["plugins"]?.array?.count == 1)
        #expect(await failure { try await bus.ask("provider.list", ["limmit": 1]) }?.field == "limmit")
        let shown = try await eventually("its nodes are known") {
            let shown = try await bus.provider()
            return shown["nodes"] == 1 ? shown : JSON?.none
        }
        #expect(shown["cpus"] == 16 && shown["plugin"] == "inventory" && shown["isolation"] == "process")
        let plugin = try await bus.ask("plugin.show", ["name": "inventory"])["plugin"]
        #expect(plugin?["steps"]?.array?.isEmpty == false)
        #expect(plugin?["in_use"]?[1]?["name"] == "other")
    }

    @Test("provider.check names each step of an open provider")
    func checks() async throws {
        let bus = try DriversBus(try inventory())
        defer { bus.end() }
        try await bus.becomes("ready")
        let steps = try await bus.ask("provider.check", ["name": "lab"])["steps"]?.array ?? []
        #expect(steps.map { $0["name"]?.string } == ["plugin", "open", "capabilities", "capacity", "list"])
        #expect(steps.allSatisfy { $0["result"] == "passed" })
    }

    // MARK: plugin.call

    @Test("plugin.call makes a declared call of a library that knows nothing of Berth, and says how it is called")
    func declared() async throws {
        let directory = try TemporaryDirectory("flat")
        try directory.write(
            "flat.c", "long legacy_add(int a, long b) { return a + b; }\nconst char *legacy_name(void) { return \"old\"; }\n")
        try CCompiler.run(["-shared", "-fPIC", directory("flat.c"), "-o", directory("flat.so")])
        let bus = try DriversBus(
            """
            [plugin legacy]
            module = \(directory("flat.so"))
            style = flat
            call legacy.add = i64 (i32 a, i64 b)
            call legacy.name = cstring ()
            [provider lab]
            plugin = legacy
            """)
        defer { bus.end() }
        try await bus.becomes("ready")
        #expect(try await bus.ask("plugin.call", ["provider": "lab", "call": "legacy.add", "args": [40, 2]])["value"] == 42)
        #expect(try await bus.ask("plugin.call", ["provider": "lab", "call": "legacy.name"])["value"] == "old")
        let few = await failure { try await bus.ask("plugin.call", ["provider": "lab", "call": "legacy.add", "args": [40]]) }
        #expect(few?.message.contains("i64 (i32 a, i64 b)") == true)
        let wrong = await failure { try await bus.ask("plugin.call", ["provider": "lab", "call": "legacy.add", "args": ["x", 2]]) }
        #expect(wrong?.code == .invalid && wrong?.field == "args")
        let wide = await failure {
            try await bus.ask("plugin.call", ["provider": "lab", "call": "legacy.add", "args": [5_000_000_000, 2]])
        }
        #expect(wide?.code == .invalid)
        #expect(await failure { try await bus.ask("plugin.call", ["provider": "lab", "call": "legacy.none"]) }?.code == .notFound)
    }

    // MARK: drain, reset, reload

    @Test("a drained provider stays so when its host starts again, until it is resumed; a node is the Scheduler's matter")
    func drains() async throws {
        let bus = try DriversBus(try inventory())
        defer { bus.end() }
        try await bus.becomes("ready")
        _ = try await bus.ask("provider.drain", ["name": "lab"])
        try await bus.becomes("draining")
        try bus.write(try inventory("restart = 9 in 60s"))
        #expect(try await bus.ask("plugin.reload")["replaced"] == ["lab"])
        try await bus.becomes("draining")
        _ = try await bus.ask("provider.resume", ["name": "lab"])
        try await bus.becomes("ready")
        let node = try await bus.ask("provider.drain", ["name": "lab", "node": "rack-1"])
        #expect(node["asked"] == ["provider": "lab", "node": "rack-1", "drained": true])
        #expect(await failure { try await bus.ask("provider.drain", ["name": "lap"]) }?.code == .notFound)
    }

    @Test("a provider that died too often is quarantined; reset tries it again at once, and so does another file in the old one's place")
    func quarantine() async throws {
        let directory = try TemporaryDirectory("module")
        let module = directory("driver.so")
        try FileManager.default.copyItem(atPath: try Zoo.crashOpen.build(), toPath: module)
        let bus = try DriversBus("[plugin zoo]\nmodule = \(module)\n[provider lab]\nplugin = zoo\nrestart = 1 in 60s\n")
        defer { bus.end() }
        try await bus.becomes("quarantined")
        let restarts = try #require(try await bus.provider()["restarts"]?.int)
        #expect(try await bus.ask("plugin.reset", ["name": "zoo"])["reset"] == ["lab"])
        try await eventually("it is tried again") { try await bus.provider()["restarts"]?.int ?? 0 > restarts }
        try await bus.becomes("quarantined")
        // The upgrade that mends it: nobody has to say so.
        try FileManager.default.copyItem(atPath: try Zoo.good.build(), toPath: directory("new.so"))
        #expect(rename(directory("new.so"), module) == 0)
        try await bus.becomes("ready")
        #expect(await failure { try await bus.ask("plugin.reset", ["name": "nobody"]) }?.code == .notFound)
    }

    @Test("a reload starts new providers, ends those that are gone, replaces those that changed, and leaves the others alone")
    func reloads() async throws {
        let bus = try DriversBus(try inventory() + "\n[provider same]\nplugin = inventory\nconfig.file = ${state}/same\n")
        defer { bus.end() }
        try await bus.becomes("ready")
        try await bus.becomes("ready", "same")
        let pid = try await bus.provider("same")["pid"]
        let changed = try inventory("config.nodes = 3") + "\n[provider same]\nplugin = inventory\nconfig.file = ${state}/same\npoll = 5s\n"
        try bus.write(changed + "[provider new]\nplugin = inventory\nconfig.file = ${state}/new\n")
        #expect(try await bus.ask("plugin.reload")["replaced"] == ["lab", "new"])
        try await bus.becomes("ready", "new")
        try await eventually("lab has three nodes") { try await bus.provider()["nodes"] == 3 }
        #expect(try await bus.provider("same")["pid"] == pid)
        try bus.write(changed)
        #expect(try await bus.ask("plugin.reload")["replaced"] == ["new"])
        #expect(await failure { try await bus.provider("new") }?.code == .notFound)
        try await eventually("others hear that it is gone") { bus.heard.topics.contains("provider.new.gone") }
        #expect(bus.heard.topics.contains("host.reload"))
        try bus.write("[provider lab]\nplugin = inventory\nthreads = many\n")
        let refused = await failure { try await bus.ask("plugin.reload") }
        #expect(refused?.code == .invalid && refused?.message.contains("threads") == true)
        #expect(try await bus.provider("same")["pid"] == pid)
    }

    @Test("another isolation means another host for the provider, in both directions")
    func isolation() async throws {
        let bus = try DriversBus(try inventory())
        defer { bus.end() }
        try await bus.becomes("ready")
        _ = try await bus.call(["provider": "lab", "call": "create", "key": "k-1", "spec": ["name": "web"]])
        for isolation in ["thread", "process"] {
            try bus.write(try inventory("isolation = \(isolation)"))
            #expect(try await bus.ask("plugin.reload")["replaced"] == ["lab"])
            try await eventually("it runs with isolation = \(isolation)") {
                let shown = try await bus.provider()
                return shown["isolation"] == JSON(isolation) && shown["state"] == "ready"
                    && (shown["pid"] == .null) == (isolation == "thread")
            }
            #expect(try await bus.call(["provider": "lab", "call": "list"])["lines"]?.array?.count == 1)
        }
    }

    @Test("SIGHUP's notice has the configuration read again")
    func hangUp() async throws {
        let bus = try DriversBus(try inventory())
        defer { bus.end() }
        try await bus.becomes("ready")
        try bus.write(try inventory("config.nodes = 2"))
        bus.bus.notify("host.reload", ["configuration": "plugins.conf"])
        try await eventually("lab has two nodes") { try await bus.provider()["nodes"] == 2 }
    }
}
