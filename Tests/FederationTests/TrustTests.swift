import Bus
import Federation
import Foundation
import Glibc
import JSON
import Model
import TestSupport
import Testing

/// Who gets in, what they may ask, and what the log says of those who may not.
@Suite("trust between members", .serialized, .timeLimit(.minutes(3)))
struct TrustTests {
    /// A client that knocks at a host as a member whose keys it has.
    private func client(_ keys: CurveKeys, at host: FederatedHost) async throws -> BusClient {
        let line = try Invitation(parsing: try await host.ask("member.invite")["line"]?.string ?? "")
        return try BusClient(ClientEndpoint(host.address, keys: keys, hostKey: line.key))
    }

    /// What a host's own pair is, as its key directory has it.
    private func keys(of host: FederatedHost) throws -> CurveKeys {
        let file = try JSON(parsing: [UInt8](Data(contentsOf: URL(filePath: host.directory("state/keys/host.json")))))
        return CurveKeys(publicKey: file["public"]?.string ?? "", secretKey: file["secret"]?.string ?? "")
    }

    @Test("a member with another key is nobody, and the log names the key")
    func wrongKey() async throws {
        try await Fleet.start(1).run { fleet in
            let right = try CurveKeys.generate()
            let line = Invitation(name: "beta", address: nil, key: right.publicKey)
            try await fleet[0].ask("member.accept", ["line": JSON(line.description)])
            let good = try await client(right, at: fleet[0])
            defer { good.close() }
            #expect(try await good.request("federation.who", [:], ClientOptions(deadline: 20_000))["members"] != nil)

            let wrong = try CurveKeys.generate()
            let bad = try await client(wrong, at: fleet[0])
            defer { bad.close() }
            await #expect(throws: BerthError.self) { try await bad.request("federation.who", [:], ClientOptions(deadline: 2000)) }
            try await eventually("the log names it: \(fleet[0].log)") {
                fleet[0].log.contains("a connection with an unknown key was refused") && fleet[0].log.contains(wrong.publicKey)
            }
            // Taken out, the right key opens nothing either, also on its open connection.
            try await fleet[0].ask("member.remove", ["name": "beta"])
            try await eventually("the key is revoked") {
                do {
                    _ = try await good.request("federation.who", [:], ClientOptions(deadline: 2000))
                    return false
                } catch {
                    return true
                }
            }
        }
    }

    @Test("a member has the verbs between hosts and no others: it makes no lease beside what it is lent")
    func verbs() async throws {
        try await Fleet.start(1).run { fleet in
            let pair = try CurveKeys.generate()
            try await fleet[0].ask("member.accept", ["line": JSON(Invitation(name: "beta", address: nil, key: pair.publicKey).description)])
            let beta = try await client(pair, at: fleet[0])
            defer { beta.close() }
            for verb in ["lease.create", "lease.list", "member.list", "plugin.list", "federation.call", "scheduler.room", "events.since"] {
                let refused = await #expect(throws: BerthError.self, "\(verb)") {
                    try await beta.request(verb, [:], ClientOptions(deadline: 20_000))
                }
                #expect(refused?.code == .unsupported, "\(verb)")
            }
            let other = await #expect(throws: BerthError.self) {
                let presence = Presence(name: "gamma", address: nil, sequence: 1, period: 1000)
                return try await beta.request("federation.alive", presence.json, ClientOptions(deadline: 20_000))
            }
            #expect(other?.code == .denied && fleet[0].log.contains("a member says that it is another"))
        }
    }

    @Test("a lent machine is nobody's but its holder's: another member's question is refused and named in the log")
    func foreign() async throws {
        try await Fleet.start(2).run { fleet in
            let body = request(1, ["where": "beta", "wait": true])
            try await fleet[0].ask("lease.create", body)
            let lent = try #require(try await fleet[1].leases(owner: "member:alpha").first?["id"])
            let pair = try CurveKeys.generate()
            try await fleet[1].ask(
                "member.accept", ["line": JSON(Invitation(name: "mallory", address: nil, key: pair.publicKey).description)])
            let mallory = try await client(pair, at: fleet[1])
            defer { mallory.close() }
            func lend(_ question: JSON) async throws -> JSON {
                try await mallory.request("federation.lend", question, ClientOptions(deadline: 20_000))
            }
            for question: JSON in [
                ["call": "inspect", "id": lent], ["call": "action", "id": lent, "verb": "destroy"],
                ["call": "action", "id": lent, "verb": "suspend"],
            ] {
                let refused = await #expect(throws: BerthError.self) { try await lend(question) }
                #expect(refused?.code == .denied)
            }
            let renewed = try await lend(["call": "renew", "machines": [["id": lent]]])
            #expect(renewed["renewed"] == 0 && renewed["refused"]?[0]?["reason"]?.string?.contains("not held by mallory") == true)
            #expect(try await lend(["call": "list"])["lines"] == [])
            #expect(fleet[1].shelf.count == 1)
            let lines = fleet[1].log.split(separator: "\n").filter { $0.contains("not its own") && $0.contains("mallory") }
            #expect(lines.count == 4 && lines.allSatisfy { $0.contains(lent.string ?? "?") }, "\(lines)")
        }
    }

    @Test("a replayed request makes nothing: the same machine while it lives, refused and named in the log when it is over")
    func replay() async throws {
        try await Fleet.start(1).run { fleet in
            let pair = try CurveKeys.generate()
            try await fleet[0].ask("member.accept", ["line": JSON(Invitation(name: "beta", address: nil, key: pair.publicKey).description)])
            let beta = try await client(pair, at: fleet[0])
            defer { beta.close() }
            func lend(_ question: JSON) async throws -> JSON {
                try await beta.request("federation.lend", question, ClientOptions(deadline: 20_000))
            }
            let key = "00000001-0000-8000-8000-000000000001"
            var create: JSON = ["call": "create", "key": JSON(key), "spec": ["name": "m", "cpus": 1, "memory_mib": 64], "seconds": 600]
            let first = try await lend(create)["document"]?["id"]
            #expect(try await lend(create)["document"]?["id"] == first)
            // Also when it comes with other words, from a host whose clock has gone on.
            create["seconds"] = 500
            #expect(try await lend(create)["document"]?["id"] == first)
            try await eventually("it is made") { fleet[0].shelf.count == 1 }
            _ = try await lend(["call": "action", "id": first ?? .null, "verb": "destroy"])
            #expect(fleet[0].shelf.isEmpty)
            for seconds in [500, 600] {
                create["seconds"] = JSON(seconds)
                let refused = await #expect(throws: BerthError.self) { try await lend(create) }
                #expect(refused?.code == .conflict)
            }
            #expect(fleet[0].shelf.isEmpty && fleet[0].log.contains("a replayed create") && fleet[0].log.contains(key))

            let presence = Presence(name: "beta", address: nil, sequence: 5, period: 1000)
            _ = try await beta.request("federation.alive", presence.json, ClientOptions(deadline: 20_000))
            let refused = await #expect(throws: BerthError.self) {
                try await beta.request("federation.alive", presence.json, ClientOptions(deadline: 20_000))
            }
            #expect(refused?.code == .conflict && fleet[0].log.contains("a replayed sign of life"))
        }
    }

    @Test("a member is lent no more than it is offered, and nothing where it may not borrow")
    func limits() async throws {
        let fleet = try await Fleet.start(2, joined: false)
        try await fleet.run { fleet in
            func line(_ host: FederatedHost) async throws -> JSON { try await host.ask("member.invite")["line"] ?? .null }
            try await fleet[0].ask("member.accept", ["line": try await line(fleet[1])])
            try await fleet[1].ask("member.accept", ["line": try await line(fleet[0]), "offer": ["cpus": 2, "machines": 2]])
            try await fleet.ready()
            #expect(try await fleet[0].member("beta")["free"]?["cpus"] == 2)
            let refused = await #expect(throws: BerthError.self) { try await fleet[0].ask("lease.create", request(3, ["where": "beta"])) }
            #expect(refused?.code == .exhausted)
            try await fleet[0].ask("lease.create", request(2, name: "two", ["where": "beta", "wait": true]))
            #expect(fleet[1].shelf.count == 2)
            // A host that asks for more than it was shown is refused by the lender itself.
            let keys = try keys(of: fleet[0])
            let alpha = try await client(keys, at: fleet[1])
            defer { alpha.close() }
            let more = await #expect(throws: BerthError.self) {
                let spec: JSON = ["name": "m", "cpus": 1, "memory_mib": 64]
                let body: JSON = ["call": "create", "key": "00000001-0000-8000-8000-000000000002", "spec": spec]
                return try await alpha.request("federation.lend", body, ClientOptions(deadline: 20_000))
            }
            #expect(more?.code == .exhausted, "\(more?.description ?? "")")

            try await fleet[1].ask("member.accept", ["line": try await line(fleet[0]), "may_borrow": false])
            try await eventually("beta offers nothing more") {
                let beta = try await fleet[0].member("beta")
                return beta["free"]?["cpus"] == 0 && beta["reason"]?.string?.contains("does not lend") == true
            }
            let denied = await #expect(throws: BerthError.self) {
                let spec: JSON = ["name": "m", "cpus": 1, "memory_mib": 64]
                let body: JSON = ["call": "create", "key": "00000001-0000-8000-8000-000000000003", "spec": spec]
                return try await alpha.request("federation.lend", body, ClientOptions(deadline: 20_000))
            }
            #expect(denied?.code == .denied && fleet[1].shelf.count == 2)
        }
    }

    @Test("a member that is taken out has what it holds taken back, and its provider is gone")
    func removed() async throws {
        try await Fleet.start(2).run { fleet in
            try await fleet[0].ask("lease.create", request(1, name: "one", ["where": "beta", "wait": true]))
            let result = try await fleet[1].berth("members", "remove", "alpha")
            #expect(result.status == .exited(0), "\(result.standardError)")
            try await eventually("beta has it back") { fleet[1].shelf.isEmpty }
            #expect(try await fleet[1].ask("member.list")["members"] == [])
            let listed = try await fleet[0].berth("members", "list")
            #expect(listed.status == .exited(0) && listed.standardOutput.contains("beta"), "\(listed)")
        }
    }
}
