import Foundation
import JSON
import TestSupport
import Testing

/// `berth plugins` and `berth providers` through a running host.
@Suite("plugins and providers of a host", .serialized)
struct PluginCommandTests {
    private func rows(_ host: RunningHost, _ arguments: String...) async throws -> [JSON] {
        let result = try await Execution(Products.berth, arguments + ["-o", "json"], environment: host.environment).result()
        try #require(result.status == .exited(0), "\(arguments): \(result.standardError)")
        return try JSON(parsing: result.standardOutput).array ?? []
    }

    @Test("berth plugins shows the same with a host as without one, and with one the states of the providers too")
    func plugins() async throws {
        let host = try await InventoryHost(rest: "[plugin none]\nmodule = none.so\n[provider off]\nplugin = none\n").host
        let table = try await host.berth("plugins")
        #expect(table.standardOutput.contains("off (unconfigured)") && table.standardOutput.contains("  lab  "))
        let live = try await rows(host, "plugins")
        #expect(live.map { $0["state"] } == ["ready", "missing"])
        #expect(try await host.berth("plugins", "-o", "name").standardOutput == "inventory\nnone\n")
        let why = try await host.berth("plugins", "list", "--why", "none")
        #expect(why.status == .exited(0) && why.standardOutput.hasPrefix("none: missing\nSTEP"))
        let shown = try await host.berth("plugins", "show", "inventory")
        #expect(shown.standardOutput.contains("lab (ready)"))
        #expect(try await host.berth("plugins", "show", "nobody").status == .exited(1))
        _ = try await host.stop()
        #expect(try await rows(host, "plugins") == live)
        #expect(try await host.berth("providers").status == .exited(3))
        #expect(try await host.berth("plugins", "reload").status == .exited(3))
    }

    @Test("a host with another configuration is not asked about this one, unless it is named")
    func otherConfiguration() async throws {
        let host = try await InventoryHost().host
        let other = try host.directory.write("other.conf", "[plugin only]\nmodule = only.so\n")
        #expect(try await host.berth("plugins", "--config", other, "-o", "name").standardOutput == "only\n")
        #expect(try await host.berth("plugins", "--config", other, "--host", host.bus, "-o", "name").standardOutput == "inventory\n")
    }

    @Test("berth providers lists and shows; drain and resume change the state; wrong names are refused with a suggestion of what to do")
    func providers() async throws {
        let inventory = try await InventoryHost()
        let host = inventory.host
        let listed = try await eventually("its nodes are known") {
            let listed = try await rows(host, "providers")
            return listed.first?["nodes"] == 1 ? listed : nil
        }
        #expect(listed[0]["name"] == "lab" && listed[0]["plugin"] == "inventory" && listed[0]["cpus"] == 16)
        #expect(try await host.berth("providers").standardOutput.hasPrefix("NAME  PLUGIN     STATE  ISOLATION  NODES  CPUS"))
        #expect(try await host.berth("providers", "-o", "name").standardOutput == "lab\n")
        let shown = try await host.berth("providers", "show", "lab")
        #expect(shown.standardOutput.contains("rack-1") && shown.standardOutput.contains("0 of 16"))
        #expect(try await host.berth("providers", "drain", "lab").status == .exited(0))
        try await inventory.becomes("draining")
        #expect(try await host.berth("providers", "resume", "lab", "-o", "name").standardOutput == "lab\n")
        try await inventory.becomes("ready")
        let wrong = try await host.berth("providers", "show", "lap")
        #expect(wrong.status == .exited(1) && wrong.standardError.contains("berth providers"))
        #expect(try await host.berth("providers", "drain", "/").status == .exited(2))
        let check = try await host.berth("providers", "check", "lab")
        #expect(check.status == .exited(0) && check.standardOutput.contains("capacity"))
    }

    @Test(
        "a new file for a plugin and berth plugins reload: its workers are replaced, others are not touched, and calls under way are answered"
    )
    func upgrade() async throws {
        let directory = try TemporaryDirectory("host")
        let built = try ExampleDrivers.inventory()
        for name in ["one.so", "two.so"] { try FileManager.default.copyItem(atPath: built, toPath: directory(name)) }
        let host = try await InventoryHost(
            in: directory, module: directory("one.so"), provider: "config.list_ms = 700\nthreads = 4",
            rest: """
                [plugin second]
                module = \(directory("two.so"))
                [provider other]
                plugin = second
                config.file = ${state}/other.shelf
                """)
        try await host.becomes("ready", "other")
        let (first, other) = (try await host.provider()["pid"], try await host.provider("other")["pid"])
        // Four lists under way that take longer than what follows.
        let calls = (0..<4).map { _ in
            Task { try await host.host.call("plugin.call", ["provider": "lab", "call": "list"]) }
        }
        try FileManager.default.copyItem(atPath: built, toPath: directory("new.so"))
        try #require(rename(directory("new.so"), directory("one.so")) == 0)
        let reload = try await host.host.berth("plugins", "reload")
        #expect(reload.standardOutput == "workers replaced: lab\n")
        for call in calls { #expect(try await call.value["outputs"] == []) }
        try await eventually("lab has another worker") {
            let shown = try await host.provider()
            return shown["state"] == "ready" && shown["pid"] != first && shown["pid"] != .null
        }
        #expect(try await host.provider("other")["pid"] == other)
        #expect(try await host.host.berth("plugins", "reload").standardOutput.hasPrefix("nothing has changed"))
        #expect(try await host.host.berth("plugins", "reload", "second", "-o", "name").standardOutput == "other\n")
        try await eventually("other has another worker") { try await host.provider("other")["pid"] != other }
        #expect(try await host.host.berth("plugins", "reset", "lab").standardOutput == "tried again: lab\n")
    }

    @Test("SIGHUP takes a new provider of the file into use, for leases too")
    func hangUp() async throws {
        let host = try await InventoryHost()
        let more =
            "[provider more]\nplugin = inventory\nconfig.file = ${state}/more.shelf\nconfig.cpus = 64\n[flavor huge]\ncpus = 60\nmemory-mib = 64\n"
        try host.directory.write("plugins.conf", try InventoryHost.configuration(rest: more))
        host.host.execution.send(SIGHUP)
        try await eventually("the new provider is there") {
            try await rows(host.host, "providers").contains { $0["name"] == "more" && $0["state"] == "ready" }
        }
        let lease = try await eventually("there is room for the new flavor") {
            try? await host.create(["groups": [["flavor": "huge"]]])
        }
        let active = try await host.lease(try #require(lease["id"]?.string), becomes: "active")
        #expect(active["machines"]?[0]?["provider"] == "more")
    }
}
