import Foundation
import TestSupport
import Testing

/// Either side is killed at random moments, while leases come and go. BERTH_FEDERATION_KILLS says how often, BERTH_SEED where chance begins.
@Suite("kill -9 of members", .serialized, .timeLimit(.minutes(30)))
struct KillTests {
    static let kills = ProcessInfo.processInfo.environment["BERTH_FEDERATION_KILLS"].flatMap(Int.init) ?? 8
    static let seed = ProcessInfo.processInfo.environment["BERTH_SEED"].flatMap(UInt64.init) ?? 1

    @Test("whoever is killed, no machine is made twice, none is left, and both sides tell the same")
    func kills() async throws {
        let fleet = try await Fleet.start(3) { _, configuration in
            configuration.create = 40
            configuration.ttl = 3000
        }
        try await fleet.run { fleet in
            var storm = Storm(fleet, seed: Self.seed)
            for _ in 0..<Self.kills {
                let victims = fleet.hosts.shuffled(using: &storm.generator).prefix(Int.random(in: 1...2, using: &storm.generator))
                try await storm.round {
                    for victim in victims { try await victim.kill() }
                    for victim in victims { try await victim.start() }
                }
            }
            try await storm.settle()
            let (leases, lent, ended) = try await storm.tally()
            print("\(Self.kills) rounds of kills, seed \(Self.seed): \(leases) leases, \(lent) machines lent, \(ended)")
            // A storm in which nothing happens shows nothing.
            #expect(leases >= Self.kills / 2 && lent >= Self.kills / 2)
            try await storm.clear()
        }
    }
}
