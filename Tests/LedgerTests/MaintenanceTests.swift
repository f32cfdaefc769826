import CSQLite
import Foundation
import Model
import Testing

@testable import Ledger

@Suite("ledger maintenance")
struct MaintenanceTests {
    let directory = TemporaryDirectory()

    /// A ledger with some leases in it, closed.
    func filled(_ count: Int = 300) async throws -> [StoredLease] {
        let ledger = try SQLiteLedger.open(directory.settings)
        var maker = Maker(ledger.id)
        var all: [StoredLease] = []
        for _ in 0..<count {
            let stored = try maker.lease()
            all.append(stored)
            try await ledger.commit(maker.batch(stored))
        }
        ledger.close()
        return all
    }

    /// Overwrites a leaf page of a table.
    func damage(_ table: String) throws {
        let connection = try Connection(directory.settings.path, .write)
        let page = try connection.number("SELECT pageno FROM dbstat WHERE name = '\(table)' AND pagetype = 'leaf' LIMIT 1 OFFSET 1")
        #expect(page > 1)
        let file = try FileHandle(forUpdating: URL(filePath: directory.settings.path))
        try file.seek(toOffset: UInt64(page - 1) * 4096)
        try file.write(contentsOf: Data(repeating: 0xA5, count: 4096))
        try file.close()
    }

    @Test("a backup taken while the ledger is in use holds everything that was committed before it")
    func backup() async throws {
        let ledger = try SQLiteLedger.open(directory.settings)
        var maker = Maker(ledger.id)
        let first = try maker.lease()
        try await ledger.commit(maker.batch(first))
        let path = directory.path + "/copy/one.db"
        #expect(try ledger.backup(to: path) > 0)
        #expect(try LedgerMaintenance.check(path) == [])
        #expect {
            _ = try ledger.backup(to: path)
        } throws: { ($0 as? BerthError)?.code == .conflict }
        let connection = try Connection(path, .read)
        #expect(try connection.lease(first.lease.id) == first)
    }

    @Test("a restored ledger is the backup, says that it was restored, and its events go on after the last number seen")
    func restore() async throws {
        let old = try await filled(20)
        let path = directory.path + "/copy.db"
        _ = try LedgerMaintenance.backup(directory.settings, to: path)
        var ledger = try SQLiteLedger.open(directory.settings)
        var maker = Maker(ledger.id, seed: 2)
        let newer = try maker.lease()
        try await ledger.commit(maker.batch(newer))
        #expect {
            _ = try LedgerMaintenance.restore(path, directory.settings)
        } throws: { ($0 as? BerthError)?.code == .conflict }
        ledger.close()

        let kept = try #require(try LedgerMaintenance.restore(path, directory.settings))
        #expect(try LedgerMaintenance.check(kept) == [])
        ledger = try SQLiteLedger.open(directory.settings)
        let snapshot = try ledger.load()
        #expect(snapshot.leases == old.map { $0.lease })
        #expect(snapshot.restored != nil)
        #expect(try ledger.lease(newer.lease.id) == nil)
        let commit = try await ledger.commit(maker.batch(try maker.lease()))
        #expect(commit.events.map { $0.seq } == [22])
        #expect(try ledger.check() == [])
        var accept = Batch()
        accept.acceptsRestore = true
        try await ledger.commit(accept)
        #expect(try ledger.load().restored == nil)
    }

    @Test("a damaged page is found by the check, refused with the way out, and a backup brings everything back")
    func damaged() async throws {
        let all = try await filled()
        let path = directory.path + "/copy.db"
        _ = try LedgerMaintenance.backup(directory.settings, to: path)
        try damage("leases")
        #expect(try !LedgerMaintenance.check(directory.settings.path).isEmpty)
        let ledger = try SQLiteLedger.open(directory.settings)
        #expect {
            _ = try ledger.load()
        } throws: { error in
            let error = error as? BerthError
            return error?.code == .broken && error?.hint?.contains("berth ledger restore") == true
        }
        // A reader found it, so promises are refused from now on; another moment, or the restored ledger, will take them.
        #expect(await eventually { ledger.health != .ready })
        var maker = Maker(ledger.id, seed: 3)
        let batch = maker.batch(try maker.lease())
        await #expect {
            try await ledger.commit(batch)
        } throws: { ($0 as? BerthError)?.code == .retry }
        ledger.close()
        _ = try LedgerMaintenance.restore(path, directory.settings)
        let restored = try SQLiteLedger.open(directory.settings)
        #expect(try restored.load().leases == all.map { $0.lease })
    }

    @Test("after an unclean end, damage is found in the background")
    func uncleanDamage() async throws {
        _ = try await filled()
        try damage("events")
        let connection = try Connection(directory.settings.path, .write)
        try connection.set("clean", "0")
        let ledger = try SQLiteLedger.open(directory.settings)
        #expect(ledger.wasUnclean)
        #expect(await eventually { ledger.health != .ready })
    }

    @Test("a newer ledger is refused, and the message names the backup to go back to")
    func newer() async throws {
        _ = try await filled(3)
        let next = Schema(versions: Schema.current.versions + ["ALTER TABLE leases ADD COLUMN colour TEXT"])
        var settings = directory.settings
        settings.program = "0.2.0"
        let migrated = try SQLiteLedger(settings, schema: next)
        #expect(try migrated.load().leases.count == 3)
        migrated.close()
        let backup = try #require(Files.names(in: directory.settings.backups).first)
        #expect {
            _ = try SQLiteLedger.open(directory.settings)
        } throws: { error in
            let error = error as? BerthError
            return error?.code == .newerLedger && error?.message.contains("0.2.0") == true && error?.hint?.contains(backup) == true
        }
        _ = try LedgerMaintenance.restore("\(directory.settings.backups)/\(backup)", directory.settings)
        #expect(try SQLiteLedger.open(directory.settings).load().leases.count == 3)
    }

    @Test("another program's database is refused")
    func foreign() throws {
        let connection = try Connection(directory.settings.path, .create)
        try connection.execute("CREATE TABLE t(x)")
        #expect(throws: BerthError.self) { try SQLiteLedger.open(directory.settings) }
    }

    @Test("the steady clock goes on over restarts and reboots, and no set clock moves it back")
    func steady() {
        let mark = SteadyClock.Mark(steady: 5000, boot: 100, bootID: "a", real: 1_000_000)
        #expect(SteadyClock(after: nil, boot: 70, bootID: "a", real: 0).steady(boot: 80) == 10)
        // Same boot: real time does not matter.
        #expect(SteadyClock(after: mark, boot: 400, bootID: "a", real: 9).steady(boot: 400) == 5300)
        // Another boot: as long as real time says, and never less than nothing.
        #expect(SteadyClock(after: mark, boot: 7, bootID: "b", real: 1_060_000).steady(boot: 7) == 65_000)
        #expect(SteadyClock(after: mark, boot: 7, bootID: "b", real: 5).steady(boot: 7) == 5000)
    }
}
