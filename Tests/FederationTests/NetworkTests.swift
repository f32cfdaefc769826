import Foundation
import JSON
import TestSupport
import Testing

/// Three hosts in network namespaces. BERTH_FEDERATION_KILLS says how many rounds the storms have, BERTH_SEED where chance begins.
@Suite("members with a network between them", .serialized, .timeLimit(.minutes(30)))
struct NetworkTests {
    static let rounds = ProcessInfo.processInfo.environment["BERTH_FEDERATION_KILLS"].flatMap(Int.init) ?? 4

    @Test("a lease too large for one completes on the others; cut off for a while it lives on, cut off for longer it is taken back")
    func partition() async throws {
        guard let (fleet, network) = try await Fleet.startInNetworks(3, { _, configuration in configuration.ttl = 15_000 }) else { return }
        try await fleet.run { fleet in
            let lease = try await fleet[0].ask("lease.create", request(10, name: "wide", ["wait": true]))["lease"] ?? .null
            #expect(lease.places.values.sorted() == [2, 4, 4])
            let before = fleet.hosts.map { $0.shelf.sorted() }

            try network.cut(0)
            try await eventually("alpha sees nobody") {
                for name in ["beta", "gamma"] where try await fleet[0].member(name)["lends"] != "unreachable" { return false }
                return true
            }
            try network.heal(0)
            try await fleet.ready()
            try await eventually("all ten run again") {
                let machines = try await fleet[0].lease(lease["id"]?.string)["machines"]?.array ?? []
                return machines.allSatisfy { $0["observed"] == "running" && $0["state"] == "fulfilled" }
            }
            #expect(fleet.hosts.map { $0.shelf.sorted() } == before)

            try network.cut(0)
            try await eventually("the lenders have taken back what is theirs", within: 60) {
                fleet[1].shelf.isEmpty && fleet[2].shelf.isEmpty
            }
            // What alpha asks for meanwhile, it can only do by itself; what it gives back, it remembers.
            try await fleet[0].ask("lease.cancel", ["id": "wide"])
            let own = try await fleet[0].ask("lease.create", request(2, name: "own", ["wait": true]), deadline: 60_000)["lease"] ?? .null
            #expect(own.places == ["shelf-alpha": 2])
            try network.heal(0)
            try await fleet.ready()
            try await eventually("the lease is over for both sides") {
                try await fleet[0].lease(lease["id"]?.string)["state"] == "cancelled"
            }
            #expect(fleet[0].shelf.count == 2 && fleet[1].shelf.isEmpty && fleet[2].shelf.isEmpty)
            for host in [fleet[1], fleet[2]] { #expect(try await host.leases().isEmpty) }
        }
        _ = network
    }

    @Test("with three of ten packets lost, what is asked for is there once, and what is cancelled is gone")
    func loss() async throws {
        guard let (fleet, network) = try await Fleet.startInNetworks(3, { _, configuration in configuration.ttl = 20_000 }) else { return }
        try await fleet.run { fleet in
            do {
                try network.lose(percent: 30)
            } catch {
                return print("*** SKIPPED: packets cannot be lost here: \(error)")
            }
            var storm = Storm(fleet, seed: KillTests.seed)
            for _ in 0..<Self.rounds { try await storm.round {} }
            try network.loseNothing()
            try await fleet.ready()
            try await storm.settle()
            let (leases, lent, ended) = try await storm.tally()
            print("30 % loss, \(Self.rounds) rounds: \(leases) leases, \(lent) machines lent, \(ended)")
            try await storm.clear()
        }
        _ = network
    }

    @Test("cut off, killed and with packets lost at random moments, both sides tell the same in the end and nothing is there twice")
    func storm() async throws {
        guard
            let (fleet, network) = try await Fleet.startInNetworks(
                3,
                { _, configuration in
                    configuration.ttl = 3000
                    configuration.create = 30
                })
        else { return }
        try await fleet.run { fleet in
            let mayLose = (try? network.lose(percent: 10)) != nil
            var storm = Storm(fleet, seed: KillTests.seed)
            for _ in 0..<Self.rounds {
                let victim = Int.random(in: 0..<3, using: &storm.generator)
                let killed = Bool.random(using: &storm.generator) ? Int.random(in: 0..<3, using: &storm.generator) : nil
                let pause = Int.random(in: 0...1500, using: &storm.generator)
                try await storm.round {
                    try network.cut(victim)
                    if let killed { try await fleet[killed].kill() }
                    try await Task.sleep(for: .milliseconds(pause))
                    if let killed { try await fleet[killed].start() }
                    try network.heal(victim)
                }
            }
            if mayLose { try network.loseNothing() }
            try await fleet.ready()
            try await storm.settle()
            let (leases, lent, ended) = try await storm.tally()
            print("partitions, \(mayLose ? "10 %" : "no") loss and kills, \(Self.rounds) rounds: \(leases) leases, \(lent) lent, \(ended)")
            try await storm.clear()
        }
        _ = network
    }
}
