import Foundation
import TestSupport
import Testing

/// The units in Packaging/systemd, as `systemd-analyze` sees them.
@Suite("systemd units")
struct ServiceUnitTests {
    static let isHere = (try? Execution.run("/usr/bin/env", ["systemd-analyze", "--version"]).status) == .exited(0)

    private func unit(_ name: String, in directory: TemporaryDirectory) throws -> String {
        let text = try String(contentsOfFile: "\(Repository.root)/Packaging/systemd/\(name)", encoding: .utf8)
        // The program must exist for the check; where it is installed is the installer's business.
        return try directory.write(name, text.replacingOccurrences(of: "/usr/local/bin/berth", with: Products.berth))
    }

    @Test("systemd-analyze verify has nothing to say", arguments: ["berth.service", "berth-component@.service"])
    func verify(name: String) async throws {
        guard Self.isHere else { return print("*** skipped: systemd-analyze is not installed (apt-get install systemd)") }
        let directory = try TemporaryDirectory("unit")
        _ = try unit(name, in: directory)
        let instance = directory(name.replacingOccurrences(of: "@", with: "@status"))
        if instance != directory(name) {
            try FileManager.default.createSymbolicLink(atPath: instance, withDestinationPath: directory(name))
        }
        let result = try await Execution("/usr/bin/env", ["systemd-analyze", "verify", "--man=no", instance]).result()
        #expect(result.status == .exited(0))
        let complaints = result.standardError.split(separator: "\n").filter { $0.contains(directory.path) }
        #expect(complaints.isEmpty, "\(complaints)")
    }

    @Test("the hardening keeps its exposure low", arguments: [("berth.service", "30"), ("berth-component@.service", "25")])
    func exposure(name: String, threshold: String) async throws {
        guard Self.isHere else { return print("*** skipped: systemd-analyze is not installed (apt-get install systemd)") }
        let directory = try TemporaryDirectory("unit")
        let result = try await Execution(
            "/usr/bin/env",
            ["systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold=\(threshold)", try unit(name, in: directory)]
        ).result()
        #expect(result.status == .exited(0), "\(result.standardOutput.suffix(300))")
    }

    @Test("guests outlive the host's unit: it stops its own process alone")
    func killMode() throws {
        let text = try String(contentsOfFile: "\(Repository.root)/Packaging/systemd/berth.service", encoding: .utf8)
        let lines = Set(text.split(separator: "\n"))
        for line in ["KillMode=process", "Type=notify", "RuntimeDirectoryMode=0750", "StateDirectoryMode=0700", "NoNewPrivileges=yes"] {
            #expect(lines.contains(line[...]), "\(line)")
        }
        #expect(!text.contains("\nMemoryDenyWriteExecute=") && !text.contains("\nPrivateTmp="))
    }
}
