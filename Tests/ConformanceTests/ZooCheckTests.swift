import Conformance
import JSON
import TestSupport
import Testing

/// What the checker says of each driver of the zoo.
@Suite("conformance.zoo")
struct ZooCheckTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var zoo: Zoo
        var rule: Int
        var outcome: CheckOutcome
        var level = 2
        var settings = ["machines": "3"]
        var only: Set<String>
        var testDescription: String { "\(zoo) breaks rule \(rule)" }
    }

    @Test("a good driver is green at every level but the longest", arguments: [Zoo.good, .reentrant, .longStructZero])
    func good(zoo: Zoo) throws {
        // Machines of the zoo live in memory: a crash between two creates loses them, so those checks are the inventory's.
        let checks = Set(Checker.checkNames).subtracting(Checker.checkNames.filter { $0.contains("crash") } + ["create"])
        let report = try Checking.run(zoo.build(), level: 3, settings: ["machines": "3"], only: checks)
        #expect(report.outcome == .pass, "\(report.words)")
        #expect(report.count(.pass) >= 15)
        #expect(report.identity["id"]?.string == zoo.id)
    }

    @Test("what needs no settings is checked without any")
    func withoutSettings() throws {
        let report = try Checking.run(Zoo.good.build())
        #expect(report.outcome == .pass, "\(report.words)")
        #expect(report.count(.pass) == 5)
        #expect(report.results.filter { $0.outcome == .skip }.allSatisfy { $0.reason?.isEmpty == false })
    }

    static let static_: [Case] = [
        Case(zoo: .noNote, rule: 2, outcome: .fail, level: 1, only: ["file"]),
        Case(zoo: .wrongMajor, rule: 2, outcome: .fail, level: 1, only: ["file"]),
        Case(zoo: .newerMinor, rule: 2, outcome: .fail, level: 1, only: ["file"]),
        Case(zoo: .wrongMachine, rule: 1, outcome: .fail, level: 1, only: ["file"]),
        Case(zoo: .wrongSignature, rule: 7, outcome: .fail, level: 1, only: ["file"]),
        Case(zoo: .missingSymbol, rule: 6, outcome: .fail, level: 1, only: ["entry"]),
        Case(zoo: .missingDependency, rule: 6, outcome: .fail, level: 1, only: ["entry"]),
        Case(zoo: .missingEntry, rule: 3, outcome: .fail, level: 1, only: ["file.exports"]),
        Case(zoo: .extraExports, rule: 3, outcome: .warn, level: 1, only: ["file.exports"]),
        Case(zoo: .refusesHost, rule: 12, outcome: .fail, level: 1, only: ["entry"]),
        Case(zoo: .noteDisagrees, rule: 14, outcome: .fail, level: 1, only: ["descriptor"]),
        Case(zoo: .shortStruct, rule: 13, outcome: .fail, level: 1, only: ["descriptor"]),
        Case(zoo: .shortTable, rule: 13, outcome: .fail, level: 1, only: ["descriptor"]),
        Case(zoo: .longStructNonzero, rule: 13, outcome: .fail, level: 1, only: ["descriptor"]),
        Case(zoo: .emptySlot, rule: 18, outcome: .fail, level: 1, only: ["descriptor"]),
        Case(zoo: .badSchema, rule: 17, outcome: .fail, level: 1, only: ["descriptor"]),
        Case(zoo: .crashEntry, rule: 80, outcome: .crash, level: 1, only: ["entry"]),
        Case(zoo: .hangEntry, rule: 10, outcome: .fail, level: 1, only: ["entry"]),
    ]

    static let calls: [Case] = [
        Case(zoo: .crashOpen, rule: 80, outcome: .crash, only: ["open"]),
        Case(zoo: .crashClose, rule: 80, outcome: .crash, only: ["open"]),
        Case(zoo: .crashHealth, rule: 80, outcome: .crash, only: ["open"]),
        Case(zoo: .crashList, rule: 80, outcome: .crash, only: ["list"]),
        Case(zoo: .crashCreate, rule: 80, outcome: .crash, level: 3, only: ["create"]),
        Case(zoo: .failsOpen, rule: 22, outcome: .fail, only: ["open"]),
        Case(zoo: .unknownStatus, rule: 30, outcome: .fail, only: ["open"]),
        Case(zoo: .hangList, rule: 70, outcome: .fail, only: ["deadline"]),
        Case(zoo: .ignoresCancel, rule: 71, outcome: .warn, only: ["cancel"]),
        Case(zoo: .invalidUTF8, rule: 44, outcome: .fail, only: ["list"]),
        Case(zoo: .garbageDocuments, rule: 42, outcome: .fail, only: ["list"]),
        Case(zoo: .garbageDocuments, rule: 40, outcome: .fail, only: ["capacity"]),
        Case(zoo: .result100MB, rule: 35, outcome: .fail, only: ["list"]),
        Case(zoo: .leaky, rule: 21, outcome: .fail, only: ["open.again"]),
        Case(zoo: .writesAfterReturn, rule: 32, outcome: .fail, only: ["list"]),
        Case(zoo: .callsExit, rule: 81, outcome: .crash, only: ["list"]),
        Case(zoo: .forks, rule: 86, outcome: .warn, only: ["list"]),
        Case(zoo: .closesDescriptors, rule: 82, outcome: .fail, only: ["list"]),
        Case(zoo: .printsMegabyte, rule: 85, outcome: .warn, only: ["list"]),
        Case(zoo: .createsTwice, rule: 52, outcome: .fail, level: 3, only: ["create"]),
        Case(zoo: .forgetsKey, rule: 53, outcome: .fail, level: 3, only: ["create"]),
        Case(zoo: .inventsMachines, rule: 50, outcome: .fail, only: ["unknown"]),
        Case(zoo: .takesAnyVerb, rule: 51, outcome: .fail, only: ["unknown"]),
    ]

    @Test("a driver that cannot be loaded is told why", arguments: static_)
    func files(_ bad: Case) throws { try expect(bad) }

    @Test("a driver that misbehaves in calls is told the rule", arguments: calls)
    func misbehaviour(_ bad: Case) throws { try expect(bad) }

    func expect(_ bad: Case) throws {
        let report = try Checking.run(bad.zoo.build(), level: bad.level, settings: bad.settings, only: bad.only)
        let found = report.findings(bad.rule)
        #expect(found.contains { $0.outcome == bad.outcome }, "rule \(bad.rule) should be \(bad.outcome); found:\n\(report.words)")
        #expect(found.allSatisfy { !$0.seen.isEmpty && !$0.advice.isEmpty })
        #expect((report.outcome >= .fail) == (bad.outcome >= .fail), "\(report.words)")
    }

    @Test("a storm of events is borne, and close ends it")
    func eventStorm() throws {
        let report = try Checking.run(Zoo.eventStorm.build(), settings: ["machines": "3"], only: ["open", "events", "list"])
        #expect(report.outcome == .pass, "\(report.words)")
    }

    @Test("what needs open is not tried once open has crashed")
    func crashOpen() throws {
        let report = try Checking.run(Zoo.crashOpen.build(), settings: ["machines": "3"])
        #expect(report.count(.crash) == 1)
        #expect(report.results.filter { $0.name == "list" }.first?.reason?.contains("open crashes") == true)
    }

    @Test("nothing of a check is left: no process, no directory")
    func leavesNothing() throws {
        _ = try Checking.run(Zoo.forks.build(), settings: ["machines": "3"], only: ["list"])
        let running = try Execution.run("/bin/sh", ["-c", "grep -l zoo-forks /proc/[0-9]*/maps 2>/dev/null || true"])
        #expect(running.standardOutput.isEmpty)
    }
}
