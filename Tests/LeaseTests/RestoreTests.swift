import Foundation
import JSON
import Model
import TestSupport
import Testing

/// A ledger that was restored from a backup, through the real host.
@Suite("leases.restore", .serialized)
struct RestoreTests {
    @Test(
        "after a restore nothing is made or destroyed; newer machines are adopted or removed on an operator's word, then the host goes on")
    func restored() async throws {
        let host = try await LeaseHost.started()
        let served = host.served
        let old = try await host.create(1, ["name": "old"])
        #expect(try await served.berth("ledger", "backup", served.directory("backup.db")).status == .exited(0))
        let newer = try await host.create(2, ["name": "newer"])
        _ = try await host.ask("lease.cancel", ["id": old["id"] ?? .null, "wait": true])
        try await served.stop()
        let restored = try await served.berth("ledger", "restore", served.directory("backup.db"))
        #expect(restored.status == .exited(0), "\(restored.standardError)")
        try await served.start()
        let strays = try await eventually("both newer machines are strays") { () -> [JSON]? in
            let strays = try await host.ask("machine.list", ["strays": true])["machines"]?.array ?? []
            return strays.count == 2 ? strays : .none
        }
        #expect(Set(strays.map { "m-\($0["key"]?.string ?? "")" }) == Set(newer.machines.map(\.id)))
        #expect(host.shelf().machines.count == 2)
        // Nobody is promised anything meanwhile, and the way on is named.
        let (error, _) = try await host.refusal("lease.create", ["groups": [["flavor": "small"]]])
        #expect(error.code == .retry && error.hint?.contains("berth ledger accept") == true)
        let (client, _) = try await host.refusal("machine.adopt", ["id": newer.machines[0]["id"] ?? .null], as: "uid:4242")
        #expect(client.code == .denied)

        let adopted = try await served.berth(
            "machines", "adopt", newer.machines[0].id, "--owner", "uid:4242", "--name", "kept", "-o", "json")
        let lease = try JSON(parsing: adopted.standardOutput)
        #expect(lease.state == "active" && lease["owner"] == "uid:4242" && lease.machines.map(\.id) == [newer.machines[0].id])
        #expect(try await served.berth("machines", "remove", newer.machines[1].id).status == .exited(0))
        try await eventually("one is gone") { host.shelf().machines.map { "m-\($0.key)" } == [newer.machines[0].id] }
        #expect(try await served.berth("ledger", "accept").status == .exited(0))
        // The old lease had a machine in the backup, and it is there no more.
        try await host.lease(old, becomes: "failed")
        let again = try await host.create(1)
        #expect(again.state == "active" && host.shelf().machines.count == 2)
        _ = try await host.ask("lease.cancel", ["id": lease["id"] ?? .null, "wait": true])
        #expect(host.shelf().machines.map { "m-\($0.key)" } == again.machines.map(\.id))
        let (twice, _) = try await host.refusal("ledger.accept", [:])
        #expect(twice.code == .conflict)
        #expect(try await served.berth("ledger", "check").status == .exited(0))
        // And so it stays.
        try await served.kill()
        try await served.start()
        try await host.untilReady()
        #expect(try await host.ask("machine.list", ["strays": true])["machines"] == .array([]))
        #expect(try await host.create(1).state == "active")
    }

    @Test("what an operator says is lost is reported, persistent leases begin anew elsewhere, and a copy that comes back is destroyed")
    func lost() async throws {
        let host = try await LeaseHost.started([
            InventoryProvider(nodes: 1), InventoryProvider(name: "other", nodes: 1),
        ])
        let persistent =
            try await host.ask(
                "lease.create",
                [
                    "groups": [["flavor": "small", "requirements": "provider == \"shelf\" || provider == \"other\""]], "persistent": true,
                    "wait": true,
                ]
            )["lease"] ?? .null
        let machine = persistent.machines[0]
        let provider = machine["provider"]?.string ?? ""
        let text = try String(contentsOfFile: host.files(provider), encoding: .utf8)
        let report = try await host.ask("provider.lost", ["name": JSON(provider)])
        #expect(report["machines"] == [machine["id"] ?? .null])
        let events = try await host.ask("events.since", ["after": 0, "topics": ["provider.\(provider).lost"]])["events"]?.array ?? []
        #expect(events.count == 1 && events.first?["machines"] == [machine["id"] ?? .null])
        let again = try await eventually("another machine") { () -> JSON? in
            let lease = try await host.show(persistent)
            return lease.state == "active" && lease.standing.first.map { $0.id != machine.id } == true ? lease : .none
        }
        // The node comes back with its copy, and its driver says that something changed.
        #expect(again.standing.count == 1)
        try text.write(toFile: host.files(provider) + ".edit", atomically: false, encoding: .utf8)
        guard rename(host.files(provider) + ".edit", host.files(provider)) == 0 else { throw CocoaError(.fileWriteUnknown) }
        try await eventually("the copy is destroyed") {
            !Shelf(host.files(provider)).machines.contains { "m-\($0.key)" == machine.id }
        }
        let (unknown, _) = try await host.refusal("provider.lost", ["name": "nobody"])
        #expect(unknown.code == .notFound)
    }
}
