import Conformance
import JSON
import TestSupport
import Testing

/// The example driver against every check: it is what authors start from.
@Suite("conformance.inventory")
struct InventoryCheckTests {
    @Test("the inventory driver is green at the longest level")
    func green() throws {
        let directory = try TemporaryDirectory("inv")
        let report = try Checking.run(
            ExampleDrivers.inventory(), level: 4,
            settings: ["file": directory("shelf"), "sync": "false", "create_ms": "15", "boot_ms": "50"])
        #expect(report.outcome == .pass, "\(report.words)")
        #expect(report.count(.skip) == 0)
    }

    @Test("a crash after the machine was made is found by the next create", .timeLimit(.minutes(2)))
    func crashAfter() throws {
        let directory = try TemporaryDirectory("inv")
        let report = try Checking.run(
            ExampleDrivers.inventory(), level: 3, settings: ["file": directory("shelf"), "crash_at": "create-after"], only: ["create"])
        #expect(report.findings(80).first?.outcome == .crash, "\(report.words)")
    }

    @Test(
        "settings that do not fit never reach open and name the setting",
        arguments: [("nodse", "1", "nodes"), ("nodes", "many", "integer"), ("nodes", "0", "less")])
    func badSettings(name: String, value: String, word: String) throws {
        #expect {
            try Checking.run(ExampleDrivers.inventory(), settings: ["file": "/tmp/x", name: value])
        } throws: { error in
            "\(error)".contains(word)
        }
    }
}
