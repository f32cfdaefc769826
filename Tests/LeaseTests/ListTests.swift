import Foundation
import JSON
import Model
import TestSupport
import Testing

/// What can be asked about leases, machines, flavors, images and templates.
@Suite("leases.list", .serialized)
struct ListTests {
    @Test("leases and machines page by cursor in the order of their making, and filter by state, owner and name")
    func pages() async throws {
        let host = try await LeaseHost.started([InventoryProvider(nodes: 4, cpus: 16)])
        for index in 0..<25 {
            _ = try await host.create(2, wait: false, ["name": JSON("l\(index)")], as: index < 20 ? nil : "uid:4242")
        }
        var names: [String] = []
        var after: JSON = .null
        var pages = 0
        repeat {
            let page = try await host.ask("lease.list", ["limit": 7, "after": after])
            names += page["leases"]?.array?.compactMap { $0["name"]?.string } ?? []
            after = page["next"] ?? .null
            pages += 1
        } while after != .null && pages < 10
        #expect(pages == 4)
        #expect(names == (0..<25).map { "l\($0)" })
        #expect(try await host.ask("lease.list", ["owner": "uid:4242"])["leases"]?.array?.count == 5)
        #expect(try await host.ask("lease.list", ["name": "l3"])["leases"]?.array?.map { $0["name"] } == ["l3"])
        let own = try await host.ask("lease.list", [:], as: "uid:4242")["leases"]?.array ?? []
        #expect(own.count == 5 && own.allSatisfy { $0["owner"] == "uid:4242" })
        _ = try await host.ask("lease.cancel", ["id": "l3", "wait": true])
        #expect(try await host.ask("lease.list", ["state": "cancelled"])["leases"]?.array?.map { $0["name"] } == ["l3"])
        let both = try await host.ask("lease.list", ["state": ["cancelled", "active", "preparing"], "limit": 1000])
        #expect(both["leases"]?.array?.count == 25)
        let (error, _) = try await host.refusal("lease.list", ["state": "activ"])
        #expect(error.code == .invalid && error.field == "state")

        var machines: Set<String> = []
        after = .null
        repeat {
            let page = try await host.ask("machine.list", ["limit": 9, "after": after, "provider": "shelf"])
            for machine in page["machines"]?.array ?? [] { #expect(machines.insert(machine.id).inserted) }
            after = page["next"] ?? .null
        } while after != .null
        #expect(machines.count == 48)
        let lease = try await host.ask("lease.list", ["name": "l5"])["leases"]?[0] ?? .null
        let own5 = try await host.ask("machine.list", ["lease": lease["id"] ?? .null])["machines"]?.array ?? []
        #expect(Set(own5.map(\.id)) == Set(lease.machines.map(\.id)))
    }

    @Test("somebody else's lease is not there: it cannot be seen, changed or cancelled")
    func privacy() async throws {
        let host = try await LeaseHost.started()
        let lease = try await host.create(1, ["name": "mine"], as: "uid:4242")
        for verb in ["lease.show", "lease.cancel", "lease.explain", "lease.suspend"] {
            for id in [lease.id, "mine"] {
                let (error, _) = try await host.refusal(verb, ["id": JSON(id)], as: "uid:4343")
                #expect(error.code == .notFound)
            }
        }
        let (machine, _) = try await host.refusal("machine.show", ["id": lease.machines[0]["id"] ?? .null], as: "uid:4343")
        #expect(machine.code == .notFound)
    }

    @Test("flavors say how many more of each fit now: so many can be made, and not one more")
    func flavors() async throws {
        let host = try await LeaseHost.started([
            InventoryProvider(nodes: 3, cpus: 3.5), InventoryProvider(name: "other", nodes: 2, cpus: 8, memory: 5000),
        ])
        _ = try await host.create(2, flavor: "medium")
        for (flavor, size) in [("small", 1.0), ("medium", 2.0)] {
            let flavors = try await host.ask("flavor.list")["flavors"]?.array ?? []
            let shown = try #require(flavors.first { $0["name"]?.string == flavor })
            #expect(shown["cpus"]?.double == size)
            for (provider, fits) in (shown["providers"]?.object?.fields ?? []).map({ ($0.name, $0.value.int ?? -1) }) {
                #expect(fits > 0)
                func body(_ count: Int) -> JSON {
                    [
                        "groups": [["count": JSON(count), "flavor": JSON(flavor), "requirements": JSON("provider == \"\(provider)\"")]],
                        "dry_run": true,
                    ]
                }
                #expect(try await host.ask("lease.create", body(fits))["decision"] == "placed")
                let (error, _) = try await host.refusal("lease.create", body(fits + 1))
                #expect(error.code == .exhausted)
            }
            let total = shown["fits"]?.int ?? 0
            #expect(total == shown["providers"]?.object?.fields.reduce(0) { $0 + ($1.value.int ?? 0) })
            // And for real.
            let all = try await host.create(total, flavor: flavor)
            #expect(all.state == "active")
            let (error, _) = try await host.refusal("lease.create", ["groups": [["flavor": JSON(flavor)]]])
            #expect(error.code == .exhausted)
            _ = try await host.ask("lease.cancel", ["id": all["id"] ?? .null, "wait": true])
        }
    }

    @Test("images and sizes come from the configuration and from providers' catalogs")
    func images() async throws {
        let host = try await LeaseHost.started()
        let images = try await eventually("the catalog is read") { () -> [JSON]? in
            let images = try await host.ask("image.list")["images"]?.array ?? []
            return images.count == 2 ? images : .none
        }
        #expect(images.map { $0["name"] } == ["debian-12", "empty"])
        #expect(images.map { $0["source"] } == ["configuration", "catalog"])
        #expect(images.allSatisfy { $0["providers"]?["shelf"] != nil })
    }

    @Test("a template is a whole request to start from; what is given goes before it; saving a lease makes one that a restart keeps")
    func templates() async throws {
        let host = try await LeaseHost.started(
            more: """
                [template pair]
                count = 2
                flavor = small
                duration = 1h
                persistent = yes
                """)
        let pair = try await host.ask("lease.create", ["template": "pair", "wait": true])["lease"] ?? .null
        #expect(pair.machines.count == 2 && pair["persistent"] == true && pair["duration_s"] == 3600 && pair["template"] == "pair")
        let own = try await host.ask("lease.create", ["template": "pair", "duration_s": 60, "name": "mine"])["lease"] ?? .null
        #expect(own["duration_s"] == 60 && own.machines.count == 2)
        let saved = try await host.ask("lease.save", ["id": "mine", "name": "short"])
        #expect(saved["template"] == "short" && saved["request"]?["duration_s"] == 60)
        let (taken, _) = try await host.refusal("lease.save", ["id": "mine", "name": "pair"])
        #expect(taken.code == .conflict)
        try await host.served.kill()
        try await host.served.start()
        let again = try await host.ask("lease.create", ["template": "short", "wait": true])["lease"] ?? .null
        #expect(again["duration_s"] == 60 && again["persistent"] == true && again.machines.count == 2 && again["template"] == "short")
        #expect(again["name"] != "mine")
    }
}
