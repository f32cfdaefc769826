import Foundation
import JSON
import Model
import TestSupport
import Testing

/// `lease.create` against a real host and a driver with machines in a file.
@Suite("leases.create", .serialized)
struct CreateTests {
    @Test("an immediate lease becomes active with its machines, each in the provider's file under its own key")
    func immediate() async throws {
        let host = try await LeaseHost.started()
        let lease = try await host.create(3, ["name": "web"])
        #expect(lease.state == "active" && lease["kind"] == "immediate" && lease["end"] == .null)
        #expect(lease.machines.map(\.state) == ["fulfilled", "fulfilled", "fulfilled"])
        let shelf = host.shelf()
        #expect(Set(shelf.machines.map { "m-\($0.key)" }) == Set(lease.machines.map(\.id)))
        #expect(shelf.machines.allSatisfy { $0.state == "running" && $0.name.hasPrefix("web-") })
        #expect(Set(lease.machines.map { $0["native_id"]?.string ?? "" }) == Set(shelf.machines.map(\.id)))
    }

    @Test("a machine that comes up later is fulfilled when its driver says so, and not before")
    func boots() async throws {
        let host = try await LeaseHost.started([InventoryProvider(config: ["boot_ms": "400"])])
        let lease = try await host.create(1)
        #expect(lease.state == "active")
        let events = try await host.ask("events.since", ["after": 0, "topics": ["machine.\(lease.machines[0].id)"]])["events"]?.array ?? []
        #expect(events.map { $0["observed"]?.string } == ["unknown", "building", "running", "running"])
        #expect(events.map(\.state) == ["spawning", "spawning", "spawning", "fulfilled"])
    }

    @Test("an immediate lease that cannot be is refused node by node, with who holds the rest until when, the earliest time, and offers")
    func refused() async throws {
        let host = try await LeaseHost.started()
        let first = try await host.create(3, flavor: "medium", ["duration_s": 600])
        let (error, body) = try await host.refusal(
            "lease.create", ["groups": [["count": 2, "flavor": "medium"]], "duration_s": 60])
        #expect(error.code == .exhausted)
        let earliest = try #require(body["earliest"]?.instant)
        let end = try #require(first["end"]?.instant)
        #expect(abs(earliest - end) < 2000)
        let nodes = try #require(body["explanation"]?["nodes"]?.array)
        #expect(nodes.count == 2)
        for node in nodes {
            #expect(node["provider"] == "shelf")
            if node["fits"] == 0 { #expect(node["constraint"] == "cpus" && node["asked"] == 2 && node["free"] == 0) }
            #expect(node["holders"]?.array?.allSatisfy { $0["lease"] == first["id"] && $0["until"]?.instant == end } == true)
        }
        #expect(nodes.map { $0["fits"]?.int ?? -1 }.sorted() == [0, 1])
        #expect(nodes.contains { $0["holders"]?.array?.isEmpty == false })
        #expect(body["offers"]?.array?.contains { $0["change"] == "fewer" && $0["machines"] == 1 } == true)
        #expect(try await host.ask("lease.list")["leases"]?.array?.count == 1)
    }

    @Test("a request too large for any node says so, and one whose requirement no node meets names the requirement")
    func impossible() async throws {
        let host = try await LeaseHost.started()
        let (size, sizes) = try await host.refusal("lease.create", ["groups": [["cpus": 64, "memory_mib": 512]]])
        #expect(size.code == .exhausted && sizes["earliest"] == .null)
        #expect(sizes["explanation"]?["nodes"]?[0]?["obstacle"]?.string?.contains("too small") == true)
        let (_, body) = try await host.refusal(
            "lease.create", ["groups": [["flavor": "small", "requirements": "cpus >= 2 && provider == \"other\""]]])
        #expect(body["explanation"]?["nodes"]?[0]?["constraint"] == "requirements")
        #expect(body["explanation"]?["nodes"]?[0]?["obstacle"]?.string?.contains("other") == true)
    }

    @Test(
        "a request that is wrong is invalid and names the field",
        arguments: [
            (#"{"groups":[{"flavor":"smal"}]}"#, "groups[0].flavor", "small"), (#"{"groups":[]}"#, "groups", nil),
            (#"{"groups":[{"flavor":"small","imge":"x"}]}"#, "groups[0].imge", "image"),
            (#"{"groups":[{"flavor":"small","image":"debian-13"}]}"#, "groups[0].image", "debian-12"),
            (#"{"groups":[{"flavor":"small","requirements":"cpus >"}]}"#, "groups[0].requirements", nil),
            (#"{"kind":"advance","groups":[{"flavor":"small"}],"duration_s":60}"#, "start", nil),
            (#"{"kind":"advance","groups":[{"flavor":"small"}],"duration_s":60,"start":"2001-01-01T00:00:00Z"}"#, "start", nil),
            (#"{"groups":[{"flavor":"small"}],"elastic":{"min":2,"max":4}}"#, "elastic", nil),
            (#"{"groups":[{"flavor":"small"}],"valid_until":"2001-01-01T00:00:00Z"}"#, "valid_until", nil),
            (#"{"groups":[{"flavor":"small"}],"template":"none"}"#, "template", nil),
        ])
    func invalid(body: String, field: String, hint: String?) async throws {
        let (error, answer) = try await LeaseHost.started().refusal("lease.create", try JSON(parsing: body))
        #expect(error.code == .invalid)
        #expect(answer["field"]?.string == field)
        if let hint { #expect(error.hint?.contains(hint) == true, "\(error.hint ?? "none")") }
    }

    @Test("a best-effort lease waits for room, is explained while it waits, and starts when room is given back")
    func bestEffort() async throws {
        let host = try await LeaseHost.started()
        let first = try await host.create(8)
        let second = try await host.create(2, wait: false, ["kind": "best-effort", "duration_s": 600])
        #expect(second.state == "queued")
        let explained = try await host.ask("lease.explain", ["id": second["id"] ?? .null])
        let holders = explained["explanation"]?["nodes"]?.array?.flatMap { $0["holders"]?.array ?? [] } ?? []
        #expect(holders.contains { $0["lease"] == first["id"] })
        _ = try await host.ask("lease.cancel", ["id": first["id"] ?? .null, "wait": true])
        let active = try await host.lease(second, becomes: "active")
        #expect(active.machines.allSatisfy { $0.state == "fulfilled" })
    }

    @Test("an advance lease is scheduled, refused where another was promised the room, starts at its time and ends at its end")
    func advance() async throws {
        let host = try await LeaseHost.started()
        let lease = try await host.create(
            8, wait: false, ["kind": "advance", "start": LeaseHost.at(3000), "duration_s": 3])
        #expect(lease.state == "scheduled" && host.shelf().machines.isEmpty)
        // The whole room is promised from then on: what would reach into it is refused, what ends before is taken.
        let (error, body) = try await host.refusal("lease.create", ["groups": [["flavor": "small"]], "duration_s": 60])
        #expect(error.code == .exhausted)
        #expect(body["earliest"]?.instant == lease["end"]?.instant)
        let active = try await host.lease(lease, becomes: "active")
        #expect(host.shelf().machines.count == 8)
        #expect(active["start"] == lease["start"])
        try await host.lease(lease, becomes: "done")
        #expect(host.shelf().machines.isEmpty)
    }

    @Test("a deadline lease is placed so that it ends in time, or refused")
    func deadline() async throws {
        let host = try await LeaseHost.started()
        let first = try await host.create(8, wait: false, ["duration_s": 30])
        let lease = try await host.create(
            8, wait: false, ["kind": "deadline", "deadline": LeaseHost.at(100_000), "duration_s": 60])
        #expect(lease.state == "scheduled")
        let start = try #require(lease["start"]?.instant)
        let end = try #require(first["end"]?.instant)
        #expect(start >= end)
        let (error, _) = try await host.refusal(
            "lease.create",
            ["groups": [["count": 8, "flavor": "small"]], "kind": "deadline", "deadline": LeaseHost.at(60_000), "duration_s": 50])
        #expect(error.code == .exhausted)
    }

    @Test("two groups are placed and named, and a flavor, an image and a spread go where they were asked")
    func groups() async throws {
        let host = try await LeaseHost.started()
        let lease =
            try await host.ask(
                "lease.create",
                [
                    "wait": true,
                    "groups": [
                        ["name": "front", "count": 2, "flavor": "small", "image": "debian-12", "spread": true],
                        ["name": "back", "count": 1, "flavor": "medium"],
                    ],
                ])["lease"] ?? .null
        #expect(lease.machines.map { $0["group"]?.string } == ["front", "front", "back"])
        let front = lease.machines.filter { $0["group"] == "front" }
        #expect(Set(front.map { $0["node"]?.string }).count == 2)
        let shelf = host.shelf().machines
        #expect(shelf.filter { $0.image == "debian-12" }.count == 2)
        #expect(shelf.filter { $0.milliCPUs == 2000 }.count == 1)
    }

    @Test("a dry run says what would come of a request, and nothing comes of it")
    func dryRun() async throws {
        let host = try await LeaseHost.started()
        let answer = try await host.ask("lease.create", ["groups": [["count": 2, "flavor": "small"]], "dry_run": true])
        #expect(answer["decision"] == "placed" && answer["machines"]?.array?.count == 2)
        #expect(answer["machines"]?[0]?["provider"] == "shelf")
        let (error, body) = try await host.refusal(
            "lease.create", ["groups": [["count": 9, "flavor": "small"]], "dry_run": true])
        #expect(error.code == .exhausted && body["explanation"]?["nodes"]?.array?.count == 2)
        let queued = try await host.ask(
            "lease.create", ["groups": [["count": 8, "flavor": "small"]], "kind": "best-effort", "dry_run": true])
        #expect(["placed", "queued"].contains(queued["decision"]?.string))
        #expect(try await host.ask("lease.list")["leases"] == .array([]))
        #expect(try await host.ask("events.since", ["after": 0, "topics": ["lease."]])["events"] == .array([]))
        #expect(host.shelf().machines.isEmpty)
    }

    @Test("an atomic lease of which one machine definitely fails is unwound, and says which one and why; a partial one goes on without it")
    func unwound() async throws {
        // The file has one cpu less than the driver told the host: somebody else was quicker.
        let host = try LeaseHost([InventoryProvider(nodes: 1, cpus: 4, config: ["create_ms": "300"])])
        try await host.served.start()
        let atomic = try await host.create(4, wait: false)
        try Self.takeRoom(host)
        let failed = try await host.lease(atomic, becomes: "failed")
        let broken = failed.machines.filter { $0.state == "failed" }
        #expect(!broken.isEmpty)
        let reason = failed["reason"]?.string ?? ""
        #expect(broken.contains { reason.contains($0.id) })
        #expect(reason.contains("no rack has room"), "\(reason)")
        try await eventually("only the other's machine is left") { host.shelf().machines.map(\.key) == ["somebody-else"] }

        let partial = try await host.create(3, ["atomic": false])
        // Active with the first of them; the others follow.
        #expect(partial.state == "active" && partial.machines.contains { $0.state == "fulfilled" })
        try await eventually("three machines") { try await host.show(partial).machines.allSatisfy { $0.state == "fulfilled" } }
    }

    /// Puts a machine of somebody else's into the file.
    private static func takeRoom(_ host: LeaseHost) throws {
        let path = host.files("shelf")
        var lines = ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "inventory 1 1\n")
            .split(separator: "\n").map(String.init)
        lines[0] = "inventory 1 1000"
        lines.append("999 1000 512 0 1 1\tsomebody-else\trunning\track-1\tother\t-")
        try (lines.joined(separator: "\n") + "\n").write(toFile: path + ".edit", atomically: false, encoding: .utf8)
        guard rename(path + ".edit", path) == 0 else { throw CocoaError(.fileWriteUnknown) }
    }
}
