import Foundation
import JSON
import Model
import TestSupport
import Testing

/// What can be done with a lease after its promise.
@Suite("leases.change", .serialized)
struct ChangeTests {
    @Test("an active lease is made longer, shorter and wider; its machines stay, and new ones come")
    func active() async throws {
        let host = try await LeaseHost.started()
        let lease = try await host.create(2, ["duration_s": 600])
        let id = lease["id"] ?? .null
        let start = try #require(lease["start"]?.instant)
        var changed = try await host.ask("lease.update", ["id": id, "duration_s": 1200])["lease"] ?? .null
        #expect(changed["end"]?.instant == start + 1_200_000)
        changed = try await host.ask("lease.update", ["id": id, "duration_s": 300])["lease"] ?? .null
        #expect(changed["end"]?.instant == start + 300_000)
        _ = try await host.ask("lease.update", ["id": id, "count": 4])
        changed = try await eventually("four machines") { () -> JSON? in
            let lease = try await host.show(lease)
            return lease.state == "active" && lease.standing.count == 4 ? lease : .none
        }
        #expect(Set(lease.machines.map(\.id)).isSubset(of: Set(changed.machines.map(\.id))))
        #expect(host.shelf().machines.count == 4)
        _ = try await host.ask("lease.update", ["id": id, "count": 1])
        try await eventually("one machine") { host.shelf().machines.count == 1 }
        #expect(try await host.show(lease).standing.map(\.id) == [lease.machines[0].id])
    }

    @Test("a change without room is refused with its explanation, and nothing is changed")
    func refused() async throws {
        let host = try await LeaseHost.started()
        let lease = try await host.create(4, ["duration_s": 60])
        _ = try await host.create(
            8, wait: false, ["kind": "advance", "start": LeaseHost.at(120_000), "duration_s": 600])
        let before = try await host.show(lease)
        let id = lease["id"] ?? .null
        let (longer, body) = try await host.refusal("lease.update", ["id": id, "duration_s": 600])
        #expect(longer.code == .exhausted && body["explanation"]?["nodes"]?.array?.isEmpty == false)
        let (wider, _) = try await host.refusal("lease.update", ["id": id, "count": 9])
        #expect(wider.code == .exhausted)
        let (both, _) = try await host.refusal("lease.update", ["id": id, "count": 5, "duration_s": 600])
        #expect(both.code == .exhausted)
        #expect(try await host.show(lease) == before)
        #expect(host.shelf().machines.count == 4)
    }

    @Test("a reservation is moved to another time, and its old room is free again")
    func retime() async throws {
        let host = try await LeaseHost.started()
        let lease = try await host.create(8, wait: false, ["kind": "advance", "start": LeaseHost.at(60_000), "duration_s": 600])
        let later = LeaseHost.at(7_200_000)
        let changed = try await host.ask("lease.update", ["id": lease["id"] ?? .null, "start": later])["lease"] ?? .null
        #expect(changed["start"] == later && changed.state == "scheduled")
        let end = try #require(changed["end"]?.instant)
        let start = try #require(changed["start"]?.instant)
        #expect(end - start == 600_000)
        let second = try await host.create(8, wait: false, ["kind": "advance", "start": LeaseHost.at(60_000), "duration_s": 600])
        #expect(second.state == "scheduled")
        let (error, _) = try await host.refusal("lease.update", ["id": lease["id"] ?? .null, "start": LeaseHost.at(300_000)])
        #expect(error.code == .exhausted)
        #expect(try await host.show(lease)["start"] == later)
    }

    @Test(
        "an update that contradicts the lease is invalid and names the field",
        arguments: [
            (#"{"start":"2040-01-01T00:00:00Z"}"#, "start"), (#"{"duration_s":60,"end":"2040-01-01T00:00:00Z"}"#, "end"),
            (#"{"counts":1}"#, "counts"), (#"{"groups":[{"name":"none","count":1}]}"#, "groups[0].name"),
            (#"{"end":"2001-01-01T00:00:00Z"}"#, "end"),
        ])
    func invalid(body: String, field: String) async throws {
        let host = try await LeaseHost.started()
        let lease = try await host.create(1, ["duration_s": 600])
        var update = try JSON(parsing: body)
        update["id"] = lease["id"]
        let (error, answer) = try await host.refusal("lease.update", update)
        #expect(error.code == .invalid && answer["field"]?.string == field, "\(error)")
        #expect(try await host.show(lease) == lease)
    }

    @Test("all machines of a lease sleep together, its room goes to others, and it runs again with the same machines")
    func suspended() async throws {
        let host = try await LeaseHost.started()
        let lease = try await host.create(8, ["duration_s": 3600])
        let id = lease["id"] ?? .null
        let asleep = try await host.ask("lease.suspend", ["id": id, "wait": true])["lease"] ?? .null
        #expect(asleep.state == "suspended" && asleep.machines.allSatisfy { $0.state == "suspended" })
        #expect(host.shelf().machines.allSatisfy { $0.state == "suspended" })
        let awake = try await host.ask("lease.resume", ["id": id, "wait": true])["lease"] ?? .null
        #expect(awake.state == "active" && awake.machines.map(\.id) == lease.machines.map(\.id))
        #expect(host.shelf().machines.allSatisfy { $0.state == "running" })
        let (error, _) = try await host.refusal("lease.resume", ["id": "l-0"])
        #expect(error.code == .notFound)
    }

    @Test("a cancelled lease ends cancelled, its machines are gone, and it stays to be looked at")
    func cancelled() async throws {
        let host = try await LeaseHost.started()
        let lease = try await host.create(2)
        let over = try await host.ask("lease.cancel", ["id": lease["id"] ?? .null, "wait": true])["lease"] ?? .null
        #expect(over.state == "cancelled" && over.machines.allSatisfy { $0.state == "deleted" && $0["observed"] == "gone" })
        #expect(host.shelf().machines.isEmpty)
        #expect(try await host.show(lease).state == "cancelled")
        let (error, _) = try await host.refusal("lease.cancel", ["id": lease["id"] ?? .null])
        #expect(error.code == .conflict && error.message.contains("cancelled"))
    }

    @Test(
        "when its time is up, a lease is done and its machines are as on_end says",
        arguments: [("destroy", [String]()), ("stop", ["stopped"]), ("suspend", ["suspended"])])
    func onEnd(word: String, states: [String]) async throws {
        let host = try await LeaseHost.started()
        let lease = try await host.create(1, ["duration_s": 1, "on_end": JSON(word)])
        try await host.lease(lease, becomes: "done")
        #expect(host.shelf().machines.map(\.state) == states)
        // And so they stay, over a restart too.
        try await host.served.kill()
        try await host.served.start()
        _ = try await host.create(1)
        #expect(host.shelf().machines.map(\.state) == states + ["running"])
    }

    @Test("a machine that vanishes is made again where the lease is persistent, and else its loss is in the reason")
    func vanished() async throws {
        let host = try await LeaseHost.started()
        let persistent = try await host.create(1, ["persistent": true])
        let other = try await host.create(2)
        let gone = persistent.machines[0]["native_id"]?.string ?? ""
        try Shelf.remove(gone, from: host.files("shelf"))
        let again = try await eventually("another machine") { () -> JSON? in
            let lease = try await host.show(persistent)
            return lease.state == "active" && lease.standing.first.map { $0.id != persistent.machines[0].id } == true ? lease : .none
        }
        #expect(again.machines.count == 2 && again.machines[0].state == "closed")
        let lost = other.machines[1]
        try Shelf.remove(lost["native_id"]?.string ?? "", from: host.files("shelf"))
        let left = try await eventually("the loss is noticed") { () -> JSON? in
            let lease = try await host.show(other)
            return lease["reason"]?.string?.contains(lost.id) == true ? lease : .none
        }
        #expect(left.state == "active" && left.machines.map(\.state) == ["fulfilled", "closed"])
        try Shelf.remove(other.machines[0]["native_id"]?.string ?? "", from: host.files("shelf"))
        try await host.lease(other, becomes: "failed")
    }

    @Test("an elastic lease keeps to its bounds, and reserve keeps room for the most")
    func elastic() async throws {
        let host = try await LeaseHost.started()
        let lease = try await host.create(2, ["elastic": ["min": 1, "max": 6, "reserve": true]])
        #expect(lease.machines.filter { $0.state == "fulfilled" }.count == 2 && host.shelf().machines.count == 2)
        // Two of eight places are left for others, though only two machines run.
        let (error, _) = try await host.refusal("lease.create", ["groups": [["count": 3, "flavor": "small"]]])
        #expect(error.code == .exhausted)
        _ = try await host.create(2)
        let (bounds, _) = try await host.refusal("lease.update", ["id": lease["id"] ?? .null, "count": 7])
        #expect(bounds.code == .invalid && bounds.field == "count")
        _ = try await host.ask("lease.update", ["id": lease["id"] ?? .null, "count": 6])
        try await eventually("six and two machines") { host.shelf().machines.count == 8 }
        _ = try await host.ask("lease.update", ["id": lease["id"] ?? .null, "count": 1])
        try await eventually("one and two machines") { host.shelf().machines.count == 3 }
        let (still, _) = try await host.refusal("lease.create", ["groups": [["count": 1, "flavor": "small"]]])
        #expect(still.code == .exhausted)
    }
}
