import Foundation
import Model
import TestSupport
import Testing

@testable import Ledger

/// Real processes, killed and starved.
@Suite("ledger under duress", .serialized)
struct CrashTests {
    let directory = TemporaryDirectory()

    /// A lease that the process said was acknowledged.
    struct Acknowledged {
        var id: LeaseID
        var seq: Int64

        init?(_ line: Substring) {
            let words = line.split(separator: " ")
            guard words.count == 2, let id = LeaseID(words[0]), let seq = Int64(words[1]) else { return nil }
            self.id = id
            self.seq = seq
        }
    }

    func start(_ program: String, _ arguments: [String]) throws -> (Process, FileHandle) {
        let process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        try process.run()
        return (process, pipe.fileHandleForReading)
    }

    @Test("killed at random points, a writer loses nothing that it acknowledged, and events have no gaps")
    func killed() async throws {
        var acknowledged: [Acknowledged] = []
        for round in 0..<12 {
            let (process, output) = try start("\(Products.directory)/LedgerVictim", [directory.path])
            // At least one acknowledgement, then a random moment.
            var text = output.availableData
            usleep(UInt32.random(in: 0...(round < 6 ? 5_000 : 80_000)))
            kill(process.processIdentifier, SIGKILL)
            text += output.readDataToEndOfFile()
            process.waitUntilExit()
            // The kill may have cut the last line.
            let whole = String(decoding: text, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            acknowledged += whole.compactMap { Acknowledged($0) }

            let ledger = try SQLiteLedger.open(directory.settings)
            #expect(ledger.wasUnclean)
            var events: [Event] = []
            while let page = try? ledger.events(EventQuery(after: events.last?.seq ?? 0, limit: 10_000)), !page.events.isEmpty {
                events += page.events
            }
            #expect(events.map { $0.seq } == Array(1...Int64(events.count)))
            let leases = Set(try ledger.load().leases.map { $0.id })
            #expect(acknowledged.allSatisfy { leases.contains($0.id) })
            #expect(acknowledged.allSatisfy { events[Int($0.seq) - 1].subject == $0.id.description })
            #expect(events.count == leases.count * 2)
            #expect(try ledger.check() == [])
            // Left as a crash would leave it: the next round starts from an unclean end too.
            ledger.close()
        }
        #expect(acknowledged.count > 12)
    }

    /// What a starved writer must have said, and what must be in its ledger afterwards.
    func verify(_ text: String) throws {
        let lines = text.split(separator: "\n")
        #expect(lines.contains("refused retry"))
        #expect(lines.contains { $0.hasPrefix("degraded ") && $0.contains(directory.path) })
        #expect(lines.contains("reads"))
        #expect(lines.last == "recovered")
        let acknowledged = lines.compactMap { Acknowledged($0) }
        #expect(acknowledged.count > 10)
    }

    @Test("writes that fail: promises are refused with retry, reads go on, facts are kept, and it recovers without a restart")
    func failing() throws {
        let (process, output) = try start("\(Products.directory)/LedgerVictim", [directory.path, "limit"])
        let text = String(decoding: output.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        try verify(text)
        let ledger = try SQLiteLedger.open(directory.settings)
        let leases = Set(try ledger.load().leases.map { $0.id })
        let lost = text.split(separator: "\n").compactMap { Acknowledged($0) }.filter { !leases.contains($0.id) }
        #expect(lost.isEmpty)
        #expect(!ledger.wasUnclean)
    }

    @Test("a full disk: the same, on a small file system of its own")
    func full() throws {
        let script = """
            mount -t tmpfs -o size=3m tmpfs "$1" || exit 77
            head -c 1000000 /dev/zero > "$1/filler"
            "$2" "$1" full || exit 1
            mount -o remount,ro "$1" && "$2" "$1" full 2>&1 | grep -o 'read-only file system' | head -1
            exit 0
            """
        let (process, output) = try start(
            "/usr/bin/unshare", ["-rm", "sh", "-c", script, "sh", directory.path, "\(Products.directory)/LedgerVictim"])
        let text = String(decoding: output.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus != 77, process.terminationStatus != 1 || !text.isEmpty else {
            print("SKIPPED: no mount namespace here, so no small file system to fill")
            return
        }
        #expect(process.terminationStatus == 0)
        let lines = text.split(separator: "\n")
        #expect(lines.contains("refused retry"))
        #expect(lines.contains { $0.hasPrefix("degraded no space left for the ledger") })
        #expect(lines.contains("reads"))
        #expect(lines.contains("recovered"))
        // Then the file system was made read-only, and the next start said so.
        #expect(lines.contains("read-only file system"))
    }
}
