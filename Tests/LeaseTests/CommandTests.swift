import Foundation
import JSON
import TestSupport
import Testing

/// `berth lease …` and its sisters as a person uses them.
@Suite("leases.command", .serialized)
struct CommandTests {
    @Test("create, list, show, update, suspend, resume, explain, save and cancel: each with its table, its JSON and its exit code")
    func life() async throws {
        let host = try await LeaseHost.started()
        let berth = host.served
        let created = try await berth.berth(
            "lease", "create", "--name", "web", "--count", "2", "--flavor", "small", "--duration", "4h", "--wait")
        #expect(created.status == .exited(0))
        #expect(created.standardOutput.contains("state       active") && created.standardOutput.contains("main: 2 × small"))
        let listed = try await berth.berth("lease", "list", "-o", "json")
        let lease = try #require(try JSON(parsing: listed.standardOutput)[0])
        #expect(lease["name"] == "web" && lease.machines.count == 2)
        #expect(try await berth.berth("lease", "list", "-o", "name").standardOutput == lease.id + "\n")
        let table = try await berth.berth("lease", "list").standardOutput
        #expect(table.contains("2/2") && table.contains("active"))
        #expect(try await berth.berth("lease", "show", "web").standardOutput.contains(lease.machines[1].id))
        let longer = try await berth.berth("lease", "update", "web", "--duration", "8h", "-o", "json")
        #expect(try JSON(parsing: longer.standardOutput)["duration_s"] == 28_800)
        #expect(try await berth.berth("lease", "suspend", "web", "--wait").standardOutput.contains("suspended"))
        #expect(try await berth.berth("lease", "resume", "web", "--wait").status == .exited(0))
        #expect(try await berth.berth("lease", "explain", "web").standardOutput.contains("web is active"))
        #expect(try await berth.berth("lease", "save", "web", "pair").standardOutput.contains("--template pair"))
        #expect(try await berth.berth("lease", "create", "--template", "pair", "--dry-run").standardOutput.contains("It would start at"))
        let machines = try await berth.berth("machines", "-o", "json")
        #expect(try JSON(parsing: machines.standardOutput).array?.count == 2)
        #expect(try await berth.berth("flavors").standardOutput.contains("shelf 6"))
        #expect(try await berth.berth("images").standardOutput.contains("debian-12"))
        #expect(try await berth.berth("lease", "cancel", "web", "--wait").status == .exited(0))
        #expect(try await berth.berth("lease", "list").standardOutput.contains("There are no leases"))
        #expect(try await berth.berth("lease", "list", "--all").standardOutput.contains("cancelled"))
    }

    @Test("a refusal is a table of the nodes and what would be possible, and ends with 1; a wrong use ends with 2; no host with 3")
    func refusals() async throws {
        let host = try await LeaseHost.started()
        let berth = host.served
        _ = try await host.create(8, ["duration_s": 3600])
        let refused = try await berth.berth("lease", "create", "--count", "2", "--flavor", "small", "--duration", "1h")
        #expect(refused.status == .exited(1))
        for word in ["NODE", "OBSTACLE", "HELD BY", "shelf/rack-1", "cpus", "earliest:"] {
            #expect(refused.standardError.contains(word), "\(refused.standardError)")
        }
        #expect(
            try await berth.berth("lease", "create", "--count", "2", "--flavor", "smal").standardError.contains("did you mean 'small'?"))
        #expect(try await berth.berth("lease", "create", "--cuont", "2").status == .exited(2))
        #expect(try await berth.berth("lease", "create", "--duration", "soon", "--flavor", "small").status == .exited(2))
        #expect(try await berth.berth("lease", "show", "none").status == .exited(1))
        try await berth.stop()
        #expect(try await berth.berth("lease", "list").status == .exited(3))
    }
}
