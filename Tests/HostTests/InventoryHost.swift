import Foundation
import JSON
import TestSupport
import Testing

/// A real host with the inventory driver: its machines are lines of a file that outlives it.
struct InventoryHost {
    let host: RunningHost

    /// `provider` are lines of `[provider lab]`, `rest` other sections.
    static func configuration(provider: String = "", rest: String = "", module: String? = nil) throws -> String {
        """
        [host]
        name = test
        [plugin inventory]
        module = \(try module ?? ExampleDrivers.inventory())
        [provider lab]
        plugin = inventory
        config.file = ${state}/lab.shelf
        \(provider)
        \(rest)
        """
    }

    init(in directory: TemporaryDirectory? = nil, module: String? = nil, provider: String = "", rest: String = "") async throws {
        host = try await RunningHost(try Self.configuration(provider: provider, rest: rest, module: module), in: directory)
        try await becomes("ready")
    }

    var directory: TemporaryDirectory { host.directory }

    func provider(_ name: String = "lab") async throws -> JSON {
        try await host.call("provider.show", ["name": JSON(name)])["provider"] ?? .null
    }

    func becomes(_ state: String, _ name: String = "lab") async throws {
        try await eventually("\(name) becomes \(state)", every: 50) { try await provider(name)["state"]?.string == state }
    }

    /// `lease.create`, answered when it is acknowledged.
    func create(_ body: JSON) async throws -> JSON {
        var body = body
        if body["groups"] == nil { body["groups"] = [["cpus": 1, "memory_mib": 512]] }
        return try await host.call("lease.create", body)["lease"] ?? .null
    }

    func lease(_ id: String) async throws -> JSON { try await host.call("lease.show", ["id": JSON(id)])["lease"] ?? .null }

    func lease(_ id: String, becomes state: String) async throws -> JSON {
        var last = JSON.null
        do {
            return try await eventually("\(id) becomes \(state)", every: 50) {
                last = try await lease(id)
                return last["state"]?.string == state ? last : JSON?.none
            }
        } catch {
            throw NeverHappened(description: "\(error); it is \(last.text); the host says: \(host.execution.standardError.suffix(3000))")
        }
    }

    /// The machines of the provider's file, a line each: what is really there.
    func shelf(_ name: String = "lab") -> [String] {
        let text = (try? String(contentsOfFile: directory("state/\(name).shelf"), encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map(String.init).filter { $0.first?.isNumber == true && $0.contains("\t") }
    }

    func events(_ topic: String) async throws -> [JSON] {
        try await host.call("events.since", ["after": 0, "topics": [JSON(topic)], "limit": 1000])["events"]?.array ?? []
    }
}
