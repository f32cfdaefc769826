import Bus
import Foundation
import JSON
import Model
import TestSupport

/// A real host with inventory providers, and ways to ask it: over the bus and with the command.
final class LeaseHost: Sendable {
    let served: ServedHost
    let files: TemporaryDirectory

    /// The flavors that every configuration here has: one cpu and one GiB, two and two, all of a node.
    static let flavors = """
        [flavor small]
        cpus = 1
        memory-mib = 1024
        [flavor medium]
        cpus = 2
        memory-mib = 2048
        [image debian-12]
        shelf = debian-12
        """

    init(
        _ providers: [InventoryProvider] = [InventoryProvider()], host: String = "restart = 1000 in 1s", more: String = "",
        state: String? = nil
    ) throws {
        files = try TemporaryDirectory("shelf")
        let driver = try ExampleDrivers.inventory()
        let folder = (driver as NSString).deletingLastPathComponent
        served = try ServedHost(
            """
            [host]
            plugin-path = \(folder)
            \(host)
            [plugin inventory]
            module = \((driver as NSString).lastPathComponent)
            \(providers.map { [files] in $0.section(files) }.joined(separator: "\n"))
            \(Self.flavors)
            \(more)
            """, state: state)
    }

    /// A host that serves, with all its providers ready.
    static func started(
        _ providers: [InventoryProvider] = [InventoryProvider()], host: String = "restart = 1000 in 1s", more: String = ""
    ) async throws -> LeaseHost {
        let host = try LeaseHost(providers, host: host, more: more)
        try await host.served.start()
        try await host.untilReady(providers.map(\.name))
        return host
    }

    /// Waits until these providers are ready and have told of their nodes.
    func untilReady(_ names: [String] = ["shelf"]) async throws {
        try await eventually("\(names) have room") {
            let fits = try await ask("flavor.list")["flavors"]?[0]?["providers"]
            return names.allSatisfy { fits?[$0]?.int ?? 0 > 0 }
        }
    }

    func shelf(_ provider: String = "shelf") -> Shelf { Shelf(files(provider)) }

    func client() throws -> BusClient { try BusClient(ClientEndpoint(served.endpoint)) }

    /// One question on a connection of its own.
    func ask(_ verb: String, _ body: JSON = [:], key: String? = nil, as owner: String? = nil, deadline: Int? = 60_000) async throws -> JSON
    {
        let client = try client()
        defer { client.close() }
        return try await client.request(verb, body, ClientOptions(deadline: deadline, key: key, actingFor: owner))
    }

    /// One question that must be refused: the answer with all it explains.
    func refusal(_ verb: String, _ body: JSON, key: String? = nil, as owner: String? = nil) async throws -> (BerthError, JSON) {
        let client = try client()
        defer { client.close() }
        let options = ClientOptions(deadline: 60_000, key: key, actingFor: owner)
        let answer = await withCheckedContinuation { continuation in
            client.send(verb, body.bytes, options) { continuation.resume(returning: $0) }
        }
        guard let error = answer.error else { throw NeverHappened(description: "\(verb) was not refused: \(answer.body.text)") }
        return (error, answer.body)
    }

    /// Asks for machines of one cpu and answers the lease.
    @discardableResult
    func create(_ count: Int = 1, flavor: String = "small", wait: Bool = true, _ more: JSON = [:], as owner: String? = nil) async throws
        -> JSON
    {
        var body: JSON = ["groups": [["count": JSON(count), "flavor": JSON(flavor)]]]
        for field in more.object?.fields ?? [] { body[field.name] = field.value }
        if wait { body["wait"] = true }
        return try await ask("lease.create", body, as: owner)["lease"] ?? .null
    }

    func show(_ lease: JSON) async throws -> JSON {
        try await ask("lease.show", ["id": lease["id"] ?? .null])["lease"] ?? .null
    }

    /// Waits until a lease is in one of some states, and answers it.
    @discardableResult
    func lease(_ lease: JSON, becomes states: String..., within seconds: Double = 60) async throws -> JSON {
        var last = JSON.null
        do {
            return try await eventually("the lease is \(states.joined(separator: " or "))", within: seconds) { () -> JSON? in
                last = try await show(lease)
                return states.contains(last["state"]?.string ?? "") ? last : .none
            }
        } catch {
            throw NeverHappened(description: "\(error): \(last.text)\n\(served.log.suffix(2000))")
        }
    }

    /// RFC 3339, so many milliseconds from now.
    static func at(_ milliseconds: Int64) -> JSON {
        JSON(Instant(milliseconds: Int64(Date().timeIntervalSince1970 * 1000) + milliseconds).description)
    }
}

extension JSON {
    var state: String { self["state"]?.string ?? "" }
    var id: String { self["id"]?.string ?? "" }
    var machines: [JSON] { self["machines"]?.array ?? [] }
    /// The machines that it has, without those that are over.
    var standing: [JSON] { machines.filter { !["deleted", "closed", "failed"].contains($0.state) } }
    var instant: Instant? { string.flatMap { Instant($0) } }
}
