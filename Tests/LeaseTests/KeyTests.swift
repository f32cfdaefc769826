import Bus
import Foundation
import JSON
import Model
import TestSupport
import Testing

/// Idempotency keys.
@Suite("leases.keys", .serialized)
struct KeyTests {
    @Test("the same key sent by fifty clients at once, and again after the host was killed: one lease")
    func fifty() async throws {
        let host = try await LeaseHost.started()
        let body: JSON = ["groups": [["count": 2, "flavor": "small"]]]
        let ids = try await withThrowingTaskGroup(of: String.self) { tasks in
            for _ in 0..<50 {
                tasks.addTask { (try await host.ask("lease.create", body, key: "once")["lease"] ?? .null).id }
            }
            var ids: Set<String> = []
            for try await id in tasks { ids.insert(id) }
            return ids
        }
        #expect(ids.count == 1)
        try await host.served.kill()
        try await host.served.start()
        let again = try await host.ask("lease.create", body, key: "once")["lease"] ?? .null
        #expect(again.id == ids.first)
        try await host.lease(again, becomes: "active")
        #expect(try await host.ask("lease.list")["leases"]?.array?.count == 1)
        #expect(host.shelf().machines.count == 2)
        // Another body is a conflict, another account another lease.
        let (error, _) = try await host.refusal("lease.create", ["groups": [["flavor": "small"]]], key: "once")
        #expect(error.code == .conflict)
        let client = try host.client()
        defer { client.close() }
        let other = try await client.request("lease.create", body, ClientOptions(deadline: 60_000, key: "once", actingFor: "uid:4242"))
        #expect(other["lease"]?.id != again.id)
    }

    @Test("a refusal is not remembered: with room, the same key makes the lease; the other verbs answer a key again too")
    func refusals() async throws {
        let host = try await LeaseHost.started()
        let full = try await host.create(8)
        let body: JSON = ["groups": [["flavor": "small"]]]
        let (error, _) = try await host.refusal("lease.create", body, key: "later")
        #expect(error.code == .exhausted)
        let cancel = try await host.ask("lease.cancel", ["id": full["id"] ?? .null, "wait": true], key: "cancel")
        let lease = try await host.ask("lease.create", body, key: "later")["lease"] ?? .null
        #expect(lease.id.hasPrefix("l-"))
        let again = try await host.ask("lease.cancel", ["id": full["id"] ?? .null, "wait": true], key: "cancel")
        #expect(again["lease"]?.id == cancel["lease"]?.id)
    }
}
