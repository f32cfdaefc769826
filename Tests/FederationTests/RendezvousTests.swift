import Federation
import Foundation
import JSON
import TestSupport
import Testing

@Suite("rendezvous", .serialized, .timeLimit(.minutes(3)))
struct RendezvousTests {
    /// Takes `other` into `host`: with its address, or only by name and key.
    private func accept(_ host: FederatedHost, _ other: FederatedHost, address: Bool = true, rendezvous: Bool = false) async throws {
        var line = try Invitation(parsing: try await other.ask("member.invite")["line"]?.string ?? "")
        if !address { line.place = "" }
        try await host.ask("member.accept", ["line": JSON(line.description), "rendezvous": JSON(rendezvous)])
    }

    @Test("two members that know each other by name and key alone meet through two rendezvous that tell each other")
    func meet() async throws {
        let fleet = try await Fleet.start(4, joined: false) { index, configuration in
            configuration.federation = index < 2 ? "rendezvous = yes" : ""
        }
        try await fleet.run { fleet in
            let (one, two, gamma, delta) = (fleet[0], fleet[1], fleet[2], fleet[3])
            // The rendezvous know everybody; they cannot reach gamma and delta by themselves either.
            for (host, other) in [(one, two), (two, one)] { try await accept(host, other, rendezvous: true) }
            for host in [one, two] { for other in [gamma, delta] { try await accept(host, other, address: false) } }
            // Gamma speaks to the one, delta to the other.
            try await accept(gamma, one, rendezvous: true)
            try await accept(delta, two, rendezvous: true)
            try await accept(gamma, delta, address: false)
            try await accept(delta, gamma, address: false)
            for (host, other) in [(gamma, delta), (delta, gamma)] {
                try await eventually("\(host.name) finds \(other.name): \(host.log.suffix(2000))", every: 50) {
                    let member = try await host.member(other.name)
                    return member["lends"] == "ready" && member["address"]?.string == other.address
                }
            }
            let shown = try await gamma.member("delta")
            #expect(shown["cpus"]?["idle"] == 4 && shown["memory_mib"]?["idle"] == 8192, "\(shown.pretty)")
            try await gamma.ask("lease.create", request(3, name: "there", ["where": "delta", "wait": true]))
            #expect(delta.shelf.count == 3)
            try await eventually("what delta has in use is told all the way round") {
                let cpus = try await gamma.member("delta")["cpus"]
                return cpus?["idle"] == 1 && cpus?["in_use"] == 3
            }

            // Without any rendezvous those who have met go on: an answer is a sign of life.
            try await one.kill()
            try await two.kill()
            try await eventually("the rendezvous have expired", within: 30) {
                let (first, second) = (try await gamma.member("alpha"), try await delta.member("beta"))
                return first["state"] == "expired" && second["state"] == "expired"
            }
            #expect(try await gamma.member("delta")["lends"] == "ready")
            try await gamma.ask("lease.cancel", ["id": "there", "wait": true])
            #expect(delta.shelf.isEmpty)
        }
    }

    @Test("a host with an allow-list hears only those who are on it, and names the others in its log")
    func allowList() async throws {
        let fleet = try await Fleet.start(3, joined: false) { index, configuration in
            if index == 0 { configuration.federation = "rendezvous = yes\naccept = beta" }
        }
        try await fleet.run { fleet in
            for other in [fleet[1], fleet[2]] {
                try await accept(fleet[0], other, rendezvous: false)
                try await accept(other, fleet[0], rendezvous: true)
            }
            try await eventually("beta is heard") { try await fleet[0].member("beta")["state"] == "alive" }
            try await eventually("gamma is refused") {
                fleet[0].log.contains("the member is not on the allow-list") && fleet[0].log.contains("member=gamma")
            }
            let free = try await fleet[2].member("alpha")
            #expect(free["lends"] == "unreachable" && free["reason"]?.string?.contains("allow-list") == true, "\(free.pretty)")
        }
    }

    @Test("members of the configuration are taken as they stand there, and the command line leaves them alone")
    func configured() async throws {
        let fleet = try await Fleet.start(2, joined: false)
        try await fleet.run { fleet in
            let line = try Invitation(parsing: try await fleet[1].ask("member.invite")["line"]?.string ?? "")
            let key = line.description.suffix(64)
            try await fleet[0].stop()
            var configuration = FederatedHost.Configuration()
            configuration.more = "[member beta]\nkey = \(key)\naddress = \(fleet[1].address)\naccept.cpus = 1\n"
            try fleet[0].directory.write("plugins.conf", fleet[0].text(configuration))
            try await fleet[0].start()
            try await accept(fleet[1], fleet[0])
            try await fleet.ready()
            #expect(try await fleet[0].member("beta")["free"]?["cpus"] == 1)
            let refused = try await fleet[0].berth("members", "remove", "beta")
            #expect(refused.status == .exited(1) && refused.standardError.contains("[member beta]"), "\(refused)")
            // Taken out of the file, it is none any more.
            try fleet[0].directory.write("plugins.conf", fleet[0].text(FederatedHost.Configuration()))
            fleet[0].hangUp()
            try await eventually("beta is gone") { try await fleet[0].ask("member.list")["members"] == [] }
        }
    }
}
