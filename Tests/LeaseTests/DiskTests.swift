import CSQLite
import Foundation
import JSON
import Model
import TestSupport
import Testing

/// A disk that is full or read-only, and a ledger that is damaged or newer, through the real host.
@Suite("leases.disk", .serialized)
struct DiskTests {
    /// A small file system of its own, mounted in a namespace that lives as long as a process in it. Nil: this machine allows none.
    final class SmallDisk: Sendable {
        let directory: TemporaryDirectory
        let path: String

        init?(mebibytes: Int) throws {
            directory = try TemporaryDirectory("disk")
            path = directory("small")
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            let result = try Execution.run("/usr/bin/mount", ["-t", "tmpfs", "-o", "size=\(mebibytes)m", "tmpfs", path])
            guard result.status == .exited(0) else { return nil }
        }

        func remount(_ options: String) throws {
            let result = try Execution.run("/usr/bin/mount", ["-o", "remount,\(options)", path])
            guard result.status == .exited(0) else { throw NeverHappened(description: result.standardError) }
        }

        deinit { _ = try? Execution.run("/usr/bin/umount", ["-l", path]) }
    }

    private static let far: JSON = ["kind": "advance", "start": LeaseHost.at(86_400_000), "duration_s": 60]

    @Test(
        "a full disk: promises are refused with retry and the reason, reads go on, nothing acknowledged is lost, and it goes on by itself")
    func full() async throws {
        guard let disk = try SmallDisk(mebibytes: 6) else { return print("SKIPPED: no small file system can be mounted here") }
        let host = try LeaseHost(
            [InventoryProvider(nodes: 1, cpus: 100_000, memory: 100_000_000, config: ["machines": "1000000"])], state: disk.path + "/state")
        try await host.served.start()
        try await host.untilReady()
        var made: [JSON] = [try await host.create(1, wait: false, Self.far)]
        try Data(repeating: 0, count: 3 << 20).write(to: URL(filePath: disk.path + "/filler"))
        var refused: BerthError?
        for _ in 0..<3000 where refused == nil {
            do {
                made.append(try await host.create(1, wait: false, Self.far))
            } catch let error as BerthError {
                refused = error
            }
        }
        let error = try #require(refused)
        #expect(error.code == .retry && error.message.contains("no space left for the ledger at \(disk.path)"), "\(error)")
        #expect(error.hint?.contains("free some space") == true)
        #expect(try await host.show(made[0]).state == "scheduled")
        #expect(try await host.ask("lease.list", ["limit": 1])["leases"]?.array?.count == 1)
        #expect(host.served.log.contains("the ledger takes no promises"))
        try FileManager.default.removeItem(atPath: disk.path + "/filler")
        let after = try await eventually("promises are taken again") { try? await host.create(1, wait: false, Self.far) }
        try await host.served.kill()
        try await host.served.start()
        for lease in made + [after] { #expect(try await host.show(lease).state == "scheduled") }
        try await host.served.stop()
    }

    @Test("a disk that becomes read-only: the same; and a host that is started on one says so")
    func readOnly() async throws {
        guard let disk = try SmallDisk(mebibytes: 32) else { return print("SKIPPED: no small file system can be mounted here") }
        let host = try LeaseHost(state: disk.path + "/state")
        try await host.served.start()
        try await host.untilReady()
        let lease = try await host.create(1)
        #expect(lease.state == "active")
        try await host.served.stop()
        try disk.remount("ro")
        let execution = try host.served.begin()
        let result = try await execution.result()
        #expect(result.status == .exited(1) || result.status == .exited(2), "\(result)")
        #expect(result.standardError.lowercased().contains("read-only"), "\(result.standardError)")
        try disk.remount("rw")
        try await host.served.start()
        #expect(try await host.show(lease).state == "active")
        try await host.served.stop()
    }

    @Test("a damaged page: the host says so and what to do, promises are refused, and a restored backup brings everything back")
    func damaged() async throws {
        let host = try LeaseHost([InventoryProvider(nodes: 1, cpus: 100_000, memory: 100_000_000, config: ["machines": "1000000"])])
        try await host.served.start()
        try await host.untilReady()
        var made: [JSON] = []
        for _ in 0..<120 { made.append(try await host.create(1, wait: false, Self.far)) }
        let backup = host.served.directory("backup.db")
        #expect(try await host.served.berth("ledger", "backup", backup).status == .exited(0))
        try await host.served.stop()
        try Self.damage(host.served.state + "/ledger.db", "events")
        let check = try await host.served.berth("ledger", "check")
        #expect(check.status == .exited(1) && !check.standardOutput.isEmpty)
        try await host.served.start()
        let (error, _) = try await host.refusal("events.since", ["after": 0])
        #expect(error.code == .broken && error.message.contains("damaged") && error.hint?.contains("berth ledger restore") == true)
        let refused = try await eventually("promises are refused with that reason") { () -> BerthError? in
            do {
                _ = try await host.create(1, wait: false, Self.far)
                return nil
            } catch let error as BerthError {
                return error.message.contains("damaged") ? error : nil
            }
        }
        #expect(refused.code == .retry)
        #expect(try await host.show(made[0]).state == "scheduled")
        try await host.served.stop()
        #expect(try await host.served.berth("ledger", "restore", backup).status == .exited(0))
        try await host.served.start()
        #expect(try await host.served.berth("ledger", "accept").status == .exited(0))
        for lease in made { #expect(try await host.show(lease).state == "scheduled") }
    }

    /// Overwrites a leaf page of a table, as a failing disk would.
    private static func damage(_ path: String, _ table: String) throws {
        var database: OpaquePointer?
        guard sqlite3_open(path, &database) == SQLITE_OK else { throw CocoaError(.fileReadUnknown) }
        defer { sqlite3_close(database) }
        var statement: OpaquePointer?
        sqlite3_prepare_v2(
            database, "SELECT pageno FROM dbstat WHERE name = '\(table)' AND pagetype = 'leaf' LIMIT 1 OFFSET 1", -1, &statement, nil)
        defer { sqlite3_finalize(statement) }
        guard sqlite3_step(statement) == SQLITE_ROW else { throw CocoaError(.fileReadCorruptFile) }
        let page = sqlite3_column_int64(statement, 0)
        let file = try FileHandle(forUpdating: URL(filePath: path))
        try file.seek(toOffset: UInt64(page - 1) * 4096)
        try file.write(contentsOf: Data(repeating: 0xA5, count: 4096))
        try file.close()
    }

    @Test("a ledger of a newer release is refused with exit 2, and the way back is named")
    func newer() async throws {
        let host = try await LeaseHost.started()
        let lease = try await host.create(1)
        try await host.served.stop()
        let backups = host.served.state + "/backups"
        try FileManager.default.createDirectory(atPath: backups, withIntermediateDirectories: true)
        #expect(try await host.served.berth("ledger", "backup", backups + "/20260101T000000Z-schema-1.db").status == .exited(0))
        var database: OpaquePointer?
        #expect(sqlite3_open(host.served.state + "/ledger.db", &database) == SQLITE_OK)
        sqlite3_exec(database, "PRAGMA user_version = 99; UPDATE meta SET value = '9.9.9' WHERE name = 'program'", nil, nil, nil)
        sqlite3_close(database)
        let result = try await host.served.begin().result()
        #expect(result.status == .exited(2))
        for word in ["schema 99", "9.9.9", "berth ledger restore", "20260101T000000Z-schema-1.db"] {
            #expect(result.standardError.contains(word), "\(result.standardError)")
        }
        #expect(try await host.served.berth("ledger", "restore", backups + "/20260101T000000Z-schema-1.db").status == .exited(0))
        try await host.served.start()
        #expect(try await host.show(lease).state == "active")
    }

    @Test("the ledger of release 0.1 opens: its leases, machines, templates and answers are there")
    func release() async throws {
        let fixture = "\(Repository.root)/Tests/Recorded/ledger/ledger-0.1.sql"
        let host = try LeaseHost()
        try FileManager.default.createDirectory(atPath: host.served.state, withIntermediateDirectories: true)
        var database: OpaquePointer?
        #expect(sqlite3_open(host.served.state + "/ledger.db", &database) == SQLITE_OK)
        // Root made it; here its owner is whoever runs the tests.
        let sql = try String(contentsOfFile: fixture, encoding: .utf8).replacingOccurrences(of: "uid:0", with: "uid:\(getuid())")
        #expect(sqlite3_exec(database, sql, nil, nil, nil) == SQLITE_OK, "\(String(cString: sqlite3_errmsg(database)))")
        sqlite3_close(database)
        try await host.served.start()
        let leases = try await host.ask("lease.list")["leases"]?.array ?? []
        let names = leases.map { "\($0["name"]?.string ?? "") \($0["kind"]?.string ?? "")" }
        #expect(names == ["web immediate", "night advance", "over best-effort"])
        let over = try #require(leases.last)
        #expect(over.state == "cancelled" && over.machines.count == 1 && over.machines[0].state == "deleted")
        #expect(leases[1].state == "scheduled" || leases[1].state == "failed")
        let again = try await host.ask("lease.create", ["groups": [["flavor": "small"]], "name": "web"], key: "fixture")["lease"] ?? .null
        #expect(again.id == leases[0].id)
        let template = try await host.ask("lease.create", ["template": "pair", "start": "2040-01-01T00:00:00Z", "dry_run": true])
        #expect(template["decision"] == "placed")
        #expect(try await host.served.berth("ledger", "check").status == .exited(0))
    }
}
