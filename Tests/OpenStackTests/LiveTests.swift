import Foundation
import JSON
import PluginHost
import TestSupport
import Testing

/// Against a real Keystone, Nova, Glance, Placement and Neutron, with tokens that live 30 seconds.
@Suite("OpenStack, for real", .serialized, .enabled(if: OpenStackStack.isRunning))
struct LiveTests {
    /// So many at once; the whole fifty of docs/openstack.md take minutes on two processors that run the cloud as well.
    private static let crowd = ProcessInfo.processInfo.environment["BERTH_OPENSTACK_SERVERS"].flatMap { Int($0) } ?? 20

    @Test("the whole life of many servers at once, every fifth on a network, for longer than a token lives, without one failed call")
    func wholeLife() async throws {
        let logins = try CutProxy("http://127.0.0.1:5000")
        defer { logins.stop() }
        let provider = try Provider.stack("demo", ["networks": [], "auth_url": .string(logins.url + "/v3"), "settle_s": 900])
        defer { provider.close() }
        let started = ContinuousClock.now
        let times = Stopwatch()
        let failed = await onThreads(Self.crowd + 1) { index -> String? in
            do {
                guard index > 0 else { return try asked(provider, until: started + .seconds(40)) }
                var spec = Provider.tiny
                if index % 5 == 0 { spec["networks"] = ["private"] }
                let made = times.time("create") { provider.create(spec, within: 900) }
                guard made.status == .ok, let id = try JSON(parsing: made.document)["id"]?.string else { return "create: \(made)" }
                for (verb, state) in [
                    ("stop", "stopped"), ("start", "running"), ("pause", "paused"), ("unpause", "running"), ("suspend", "suspended"),
                    ("resume", "running"), ("reboot", "running"),
                ] {
                    let outcome = times.time(verb) { provider.action(id, verb) }
                    guard outcome.status == .ok, try JSON(parsing: outcome.document)["state"]?.string == state else {
                        return "\(verb): \(outcome)"
                    }
                }
                let destroyed = times.time("destroy") { provider.action(id, "destroy") }
                return destroyed.status == .ok ? nil : "destroy: \(destroyed)"
            } catch {
                return "\(error)"
            }
        }
        let failures = failed.compactMap { $0 }
        #expect(failures.isEmpty, "\(failures.count) failed, such as \(failures.first ?? "")")
        #expect(try provider.list().isEmpty)
        let took = ContinuousClock.now - started
        print("\(Self.crowd) servers lived in \(took.formatted()): \(times.summary)")
        // A token of 30 seconds is renewed after 20: so often, however many calls needed it, and no more often.
        let renewals = logins.requests.filter { $0.method == "POST" }.count
        #expect(renewals >= 2)
        #expect(renewals <= Int(took.components.seconds) / 19 + 2)
    }

    /// Asks the provider again and again; what failed.
    private func asked(_ provider: Provider, until end: ContinuousClock.Instant) throws -> String? {
        while ContinuousClock.now < end {
            let outcome = provider.call("health")
            guard outcome.status == .ok else { return "health: \(outcome)" }
            usleep(200_000)
        }
        return nil
    }

    @Test("a repeated create finds the first server, and a new one after it was destroyed would be another")
    func repeated() throws {
        let provider = try Provider.stack()
        defer { provider.close() }
        let key = UUID().uuidString.lowercased()
        let first = try #require(try JSON(parsing: provider.create(Provider.tiny, key: key).document)["id"]?.string)
        let second = try #require(try JSON(parsing: provider.create(Provider.tiny, key: key).document)["id"]?.string)
        #expect(first == second)
        #expect(try provider.list().compactMap { $0["key"]?.string } == [key])
        #expect(provider.action(first, "destroy").status == .ok)
        #expect(provider.call("inspect", [.string(first)]).status == .notFound)
    }

    @Test("an answer that was cut off after the server was made leaves one server, not two")
    func cutAnswer() throws {
        let proxy = try CutProxy("http://127.0.0.1:8774")
        defer { proxy.stop() }
        let provider = try Provider.stack("demo", ["endpoints": ["compute": .string(proxy.url + "/v2.1")]])
        defer { provider.close() }
        let key = UUID().uuidString.lowercased()
        proxy.cutNext("POST", "/servers")
        let lost = provider.create(Provider.tiny, key: key)
        #expect(lost.status == .unreachable)
        let again = provider.create(Provider.tiny, key: key)
        #expect(again.status == .ok)
        let servers = try provider.list()
        #expect(servers.count == 1)
        for server in servers { #expect(provider.action(server["id"]?.string ?? "", "destroy").status == .ok) }
    }

    @Test("a quota that is used up is `exhausted`, in the cloud's own words, and nothing is left behind")
    func quota() async throws {
        let provider = try Provider.stack("tight")
        defer { provider.close() }
        // In parallel Nova says yes to all, and then fails some.
        let outcomes = await onThreads(3) { _ in provider.create(Provider.tiny) }
        let refused = outcomes.filter { $0.status != .ok }
        #expect(refused.allSatisfy { $0.status == .exhausted && $0.native?.lowercased().contains("quota") == true }, "\(outcomes)")
        #expect(refused.count >= 2)
        #expect(provider.create(Provider.tiny).status == (refused.count == 3 ? .ok : .exhausted))
        let left = try provider.list()
        #expect(left.count == 1)
        for server in left { #expect(provider.action(server["id"]?.string ?? "", "destroy").status == .ok) }
        #expect(try provider.list().isEmpty)
    }

    @Test("what the cloud does not have is `invalid`, and the error names what it has")
    func unknownNames() throws {
        let provider = try Provider.stack()
        defer { provider.close() }
        var spec = Provider.tiny
        spec["image"] = "no-such-image"
        let image = provider.create(spec)
        #expect(image.status == .invalid && image.native?.contains("tiny-1m") == true)
        spec = Provider.tiny
        spec["cpus"] = 64
        let flavor = provider.create(spec)
        #expect(flavor.status == .invalid && flavor.native?.contains("m1.medium") == true)
        spec = Provider.tiny
        spec["networks"] = ["no-such-network"]
        let network = provider.create(spec)
        #expect(network.status == .invalid && network.native?.contains("private") == true)
        #expect(try provider.list().isEmpty)
    }

    @Test("Nova killed and started again in between: calls fail as passing, and the same key makes one server")
    func restart() async throws {
        let provider = try Provider.stack()
        defer { provider.close() }
        let key = UUID().uuidString.lowercased()
        try await OpenStackStack.end("nova-api")
        let away = provider.create(Provider.tiny, key: key, within: 20)
        #expect([.unreachable, .retry, .deadline].contains(away.status), "\(away)")
        #expect(provider.call("health", within: 5).status != .ok)
        try OpenStackStack.restart("nova-api")
        #expect(provider.create(Provider.tiny, key: key).status == .ok)
        let servers = try provider.list()
        #expect(servers.count == 1)
        for server in servers { #expect(provider.action(server["id"]?.string ?? "", "destroy").status == .ok) }
    }

    @Test("resize, snapshot, restore, console log and a floating address work, and destroy takes along what came with it")
    func richerVerbs() throws {
        let provider = try Provider.stack("demo", ["floating_network": "public"])
        defer { provider.close() }
        var spec = Provider.tiny
        spec["public_keys"] = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGq1Xyf0B0kY0mYx2Hk3w8gqZ0Zx4r3m3q0e1u0R2z0P a@b"]
        spec["user_data"] = "#!/bin/sh\n"
        let made = provider.create(spec)
        let id = try #require(try JSON(parsing: made.document)["id"]?.string, "\(made)")
        let resized = provider.action(id, "resize", ["memory_mib": 512])
        #expect(resized.status == .ok, "\(resized)")
        #expect(try JSON(parsing: resized.document)["memory_mib"] == 512)
        let snapshot = try JSON(parsing: provider.action(id, "snapshot", ["name": "before"]).document)
        #expect(snapshot["image"]?.string?.isEmpty == false)
        // The fake compute driver makes the image but uploads nothing, so it is another one that the server is put back to.
        let restored = provider.action(id, "restore", ["image": "tiny-1m"])
        #expect(restored.status == .ok, "\(restored)")
        #expect(try JSON(parsing: provider.action(id, "console", ["kind": "log"]).document)["output"]?.string?.isEmpty == false)
        #expect(provider.action(id, "openstack.attach-address").status == .ok)
        #expect(provider.action(id, "destroy").status == .ok)
        #expect((try OpenStackStack.client("demo", ["floating", "ip", "list", "-f", "json"]) as? [Any])?.isEmpty == true)
        #expect((try OpenStackStack.client("demo", ["keypair", "list", "-f", "json"]) as? [Any])?.isEmpty == true)
        try OpenStackStack.client("demo", ["image", "delete", snapshot["image"]?.string ?? ""])
    }

    @Test("what Debian's own client sees agrees with what the driver reports, field by field")
    func agreement() throws {
        let provider = try Provider.stack()
        defer { provider.close() }
        #expect(provider.create(Provider.tiny).status == .ok)
        let listed = try provider.list()
        let theirs = try #require(try OpenStackStack.client("demo", ["server", "list", "--long", "-f", "json"]) as? [[String: Any]])
        #expect(listed.count == theirs.count)
        for machine in listed {
            let server = try #require(theirs.first { $0["ID"] as? String == machine["id"]?.string })
            #expect(server["Name"] as? String == machine["name"]?.string)
            #expect(server["Status"] as? String == machine["native"]?["status"]?.string)
            #expect(server["Image ID"] as? String == machine["image"]?.string)
            #expect(server["Availability Zone"] as? String == machine["node"]?.string)
            #expect(server["Flavor Name"] as? String ?? server["Flavor"] as? String == machine["native"]?["flavor"]?.string)
            let addresses = (server["Networks"] as? [String: [String]])?.values.flatMap { $0 } ?? []
            #expect(Set(addresses) == Set(machine["addresses"]?.array?.compactMap { $0.string } ?? []))
            #expect(provider.action(machine["id"]?.string ?? "", "destroy").status == .ok)
        }
    }

    @Test("a change made behind our back becomes an event, a deletion too")
    func events() async throws {
        let provider = try Provider.stack("demo", ["poll_s": 1])
        defer { provider.close() }
        let id = try #require(try JSON(parsing: provider.create(Provider.tiny).document)["id"]?.string)
        func states() -> [String] {
            provider.events.all.filter { $0.subject == id }.compactMap { try? JSON(parsing: $0.data)["state"]?.string }
        }
        try await eventually("running is told") { states().contains("running") }
        try OpenStackStack.client("demo", ["server", "stop", id])
        try await eventually("stopped is told") { states().last == "stopped" }
        try OpenStackStack.client("demo", ["server", "delete", id])
        try await eventually("gone is told") { states().last == "gone" }
    }

    @Test("a wrong password is `denied` when the provider is opened, and the password is in no message")
    func wrongPassword() throws {
        #expect {
            try Provider.stack("demo", ["password": "not-this-one"])
        } throws: { error in
            guard let refused = error as? Provider.Refused else { return false }
            return refused.outcome.status == .denied && !refused.description.contains("not-this-one")
        }
    }
}
