import Foundation
import JSON
import Model
import TestSupport
import Testing

/// Real hosts on the loopback, with CURVE, and machines in files.
@Suite("borrowing and lending", .serialized, .timeLimit(.minutes(4)))
struct BorrowTests {
    @Test("a lease too large for one host is completed by the others, shown like any other, and cancelled whole")
    func spills() async throws {
        try await Fleet.start(3).run { fleet in
            let lease = try await fleet[0].ask("lease.create", request(10, name: "big", ["wait": true]))["lease"] ?? .null
            #expect(lease["state"] == "active", "\(lease.pretty)")
            // Here first; then the member with most room, full, and the rest at the last one.
            #expect(lease.places["shelf-alpha"] == 4 && lease.places.values.sorted() == [2, 4, 4], "\(lease.places)")
            for host in fleet.hosts { #expect(host.shelf.count == (lease.places[host.name] ?? lease.places["shelf-\(host.name)"])) }
            let machines = lease["machines"]?.array ?? []
            #expect(machines.allSatisfy { $0["observed"] == "running" && $0["native_id"]?.string != nil })

            let lent = try await fleet[1].leases(owner: "member:alpha")
            #expect(lent.count == lease.places["beta"])
            #expect(lent.allSatisfy { $0["tags"]?["federation.lease"] == lease["id"] && $0["state"] == "active" })
            let explanation = try await fleet[0].ask("lease.explain", ["id": lease["id"] ?? .null])
            let nodes = explanation["explanation"]?["nodes"]?.array ?? []
            let named = Set(nodes.compactMap { $0["provider"]?.string })
            #expect(named == ["shelf-alpha", "beta", "gamma"])

            try await fleet[0].ask("lease.cancel", ["id": "big", "wait": true])
            #expect(fleet.hosts.allSatisfy { $0.shelf.isEmpty }, "\(fleet.hosts.map(\.shelf))")
            for host in fleet.hosts { #expect(try await host.leases().isEmpty) }
            #expect(try await fleet[0].lease(lease["id"]?.string)["state"] == "cancelled")
        }
    }

    @Test("one that need not be whole is placed machine by machine; one that must be is refused whole and leaves nothing")
    func atomic() async throws {
        try await Fleet.start(2).run { fleet in
            let refused = await #expect(throws: BerthError.self) { try await fleet[0].ask("lease.create", request(10)) }
            #expect(refused?.code == .exhausted)
            #expect(fleet.hosts.allSatisfy { $0.shelf.isEmpty })
            for host in fleet.hosts { #expect(try await host.leases(all: true).isEmpty) }

            let body = request(10, name: "some", ["atomic": false, "wait": true])
            let lease = try await fleet[0].ask("lease.create", body)["lease"] ?? .null
            try await eventually("all eight that have room are there") {
                let places = try await fleet[0].lease(lease["id"]?.string).places
                return places == ["shelf-alpha": 4, "beta": 4]
            }
            #expect(fleet[0].shelf.count == 4 && fleet[1].shelf.count == 4)
            try await fleet[0].ask("lease.cancel", ["id": "some", "wait": true])
            #expect(fleet.hosts.allSatisfy { $0.shelf.isEmpty })
        }
    }

    @Test("a member's machine is extended, suspended and resumed like one of ours, and renewed past its time to live")
    func life() async throws {
        let fleet = try await Fleet.start(2) { index, configuration in configuration.ttl = index == 0 ? 60_000 : 4000 }
        try await fleet.run { fleet in
            let body = request(2, name: "away", ["where": "beta", "wait": true, "duration_s": 600])
            let lease = try await fleet[0].ask("lease.create", body)["lease"] ?? .null
            #expect(lease.places == ["beta": 2])
            let end = try #require(try await fleet[1].leases(owner: "member:alpha").first?["end"]?.string.flatMap { Instant($0) })

            try await fleet[0].ask("lease.update", ["id": "away", "duration_s": 7200])
            try await eventually("beta's lease follows") {
                let ends = try await fleet[1].leases(owner: "member:alpha").compactMap { $0["end"]?.string.flatMap { Instant($0) } }
                return ends.count == 2 && ends.allSatisfy { $0 - end > 6_000_000 }
            }
            try await fleet[0].ask("lease.suspend", ["id": "away", "wait": true])
            #expect(try await fleet[1].leases(owner: "member:alpha").allSatisfy { $0["state"] == "suspended" })
            try await fleet[0].ask("lease.resume", ["id": "away", "wait": true])
            #expect(try await fleet[1].leases(owner: "member:alpha").allSatisfy { $0["state"] == "active" })
            // Two times to live later it is still there.
            let begun = ContinuousClock.now
            try await eventually("two times to live are over") { ContinuousClock.now - begun > .seconds(8) }
            #expect(fleet[1].shelf.count == 2)
            #expect(try await fleet[0].lease(lease["id"]?.string)["state"] == "active")
        }
    }

    @Test("a borrower that is gone has its machines taken back within their time to live, and finds the truth when it comes again")
    func reclaims() async throws {
        let fleet = try await Fleet.start(2) { _, configuration in configuration.ttl = 4000 }
        try await fleet.run { fleet in
            let body = request(6, name: "left", ["wait": true])
            let lease = try await fleet[0].ask("lease.create", body)["lease"] ?? .null
            #expect(fleet[1].shelf.count == 2)
            try await fleet[0].kill()
            try await eventually("beta has taken its machines back") { fleet[1].shelf.isEmpty }
            #expect(fleet[1].log.contains("taking a lent machine back"))
            try await eventually("beta's leases say why") {
                let lent = try await fleet[1].leases(all: true, owner: "member:alpha")
                return lent.count == 2
                    && lent.allSatisfy { $0["state"] == "cancelled" && $0["reason"]?.string?.contains("did not renew") == true }
            }

            try await fleet[0].start()
            try await eventually("alpha knows that the two are gone") {
                let machines = try await fleet[0].lease(lease["id"]?.string)["machines"]?.array ?? []
                let away = machines.filter { $0["provider"] == "beta" }
                return away.count == 2 && away.allSatisfy { $0["state"] == "closed" }
            }
            #expect(try await fleet[0].lease(lease["id"]?.string)["state"] == "active" && fleet[0].shelf.count == 4)
        }
    }

    @Test("a lender that is killed comes back with its borrowers' machines, and makes none a second time")
    func lenderDies() async throws {
        try await Fleet.start(2).run { fleet in
            let lease = try await fleet[0].ask("lease.create", request(6, name: "on", ["wait": true]))["lease"] ?? .null
            let before = fleet[1].shelf.sorted()
            try await fleet[1].kill()
            try await eventually("alpha sees that beta is gone", within: 30) {
                let beta = try await fleet[0].member("beta")
                return beta["lends"] == "unreachable" && beta["state"] == "expired"
            }
            let unknown = try await fleet[0].lease(lease["id"]?.string)["machines"]?.array?.filter { $0["provider"] == "beta" } ?? []
            #expect(unknown.count == 2 && unknown.allSatisfy { $0["observed"] == "unknown" && $0["state"] == "fulfilled" })
            try await fleet[1].start()
            try await eventually("alpha sees them run again") {
                let machines = try await fleet[0].lease(lease["id"]?.string)["machines"]?.array ?? []
                return machines.count == 6 && machines.allSatisfy { $0["observed"] == "running" }
            }
            #expect(fleet[1].shelf.sorted() == before)
            // The log of events knows it too.
            let events = try await fleet[0].ask("events.since", ["after": 0, "topics": ["member."], "limit": 1000])["events"]?.array ?? []
            let topics = events.compactMap { $0["topic"]?.string }
            #expect(
                topics.contains("member.beta.accepted") && topics.contains("member.beta.alive") && topics.contains("member.beta.expired"))
        }
    }

    @Test("a lender that says no has its machine back: its operator cancels, and the borrower sees it closed")
    func saysNo() async throws {
        try await Fleet.start(2).run { fleet in
            let lease = try await fleet[0].ask("lease.create", request(5, name: "part", ["wait": true]))["lease"] ?? .null
            let lent = try #require(try await fleet[1].leases(owner: "member:alpha").first?["id"])
            try await fleet[1].ask("lease.cancel", ["id": lent, "reason": "beta needs it itself", "wait": true])
            try await eventually("alpha knows") {
                let machines = try await fleet[0].lease(lease["id"]?.string)["machines"]?.array ?? []
                return machines.contains { $0["provider"] == "beta" && $0["state"] == "closed" }
            }
            #expect(fleet[1].shelf.isEmpty && fleet[0].shelf.count == 4)
        }
    }
}
