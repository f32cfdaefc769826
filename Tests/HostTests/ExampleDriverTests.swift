import Foundation
import JSON
import TestSupport
import Testing

/// Drivers by "somebody else": built outside of the tree, with what is installed, and dropped in with one file.
@Suite("example drivers", .serialized)
struct ExampleDriverTests {
    /// A copy of an example outside of the tree.
    private func copy(_ example: String, into directory: TemporaryDirectory) throws -> String {
        try FileManager.default.copyItem(atPath: "\(Repository.root)/Examples/\(example)", toPath: directory(example))
        return directory(example)
    }

    private func make(_ words: [String], in folder: String) async throws {
        let result = try await Execution(
            "/usr/bin/make", ["-s"] + words, environment: try Installation.environment(), directory: folder
        ).result(within: 120)
        try #require(result.status == .exited(0), "\(result.standardError)")
    }

    @Test("the inventory driver builds with the installed header through pkg-config, and is found where it installs itself")
    func inventory() async throws {
        let sources = try TemporaryDirectory("example")
        let prefix = try Installation.prefix()
        try await make(["install"], in: try copy("inventory-driver", into: sources))
        defer { try? FileManager.default.removeItem(atPath: "\(prefix)/lib/berth/plugins/inventory.so") }

        let place = try Workplace(program: "\(prefix)/bin/berth")
        try place.dropIn("inventory-driver")
        let row = try JSON(parsing: try await place.berth("plugins", "-o", "json").standardOutput)[0]
        #expect(row?["state"] == "ready" && row?["version"] == "1.0", "\(row?.text ?? "")")
        #expect(row?["module"]?.string?.hasSuffix("/lib/berth/plugins/inventory.so") == true)
        let check = try await place.berth("providers", "check", "shelf")
        #expect(check.status == .exited(0) && check.standardOutput.contains("0 machines"), "\(check)")
    }

    @Test("a plain C library is put to use as it is: its ABI stands in the file that was dropped in")
    func flat() async throws {
        let place = try Workplace()
        let sources = try TemporaryDirectory("example")
        try await make(["install", "PLUGINS=\(place.directory("plugins"))"], in: try copy("flat-driver", into: sources))
        try place.dropIn("flat-driver")
        let row = try JSON(parsing: try await place.berth("plugins", "-o", "json").standardOutput)[0]
        #expect(row?["state"] == "ready" && row?["abi"] == "strip/1", "\(row?.text ?? "")")
        let check = try await place.berth("providers", "check", "rack-power")
        #expect(check.status == .exited(0) && check.standardOutput.contains("strip/1 declares no health"), "\(check)")

        let host = try await RunningHost("include = conf.d/*.conf\n", in: place.directory)
        func call(_ name: String, _ arguments: JSON...) async throws -> JSON {
            try await host.call("plugin.call", ["provider": "rack-power", "call": .string(name), "args": .array(arguments)])
        }
        #expect(try await call("switch", 3, true)["value"] == 0)
        #expect(try await call("measure", 3)["outputs"] == [true, 47.5])
        #expect(try await call("label", 9)["value"] == .null, "it answers NULL")
        #expect(try await host.stop().status == .exited(0))
    }

    @Test(
        "a driver in Swift from a package of its own is dropped in: ready at once, green, and no other worker is touched",
        .timeLimit(.minutes(10)))
    func swift() async throws {
        let module = try await SwiftExample.build()
        let place = try Workplace()
        try place.install(try ExampleDrivers.inventory(), as: "inventory.so")
        try place.dropIn("inventory-driver")
        let host = try await RunningHost("include = conf.d/*.conf\n", in: place.directory)
        let before = try await host.ready("shelf")

        try place.install(module)
        try place.dropIn("swift-driver")
        let listed = try await place.berth("plugins", "-o", "json").standardOutput
        #expect(try JSON(parsing: listed).array?.first { $0["name"] == "desk" }?["state"] == "ready", "\(listed)")
        _ = try await host.call("plugin.reload")
        _ = try await host.ready("lab-desk")
        let after = try await host.ready("shelf")
        #expect(after["pid"] == before["pid"] && after["restarts"] == 0, "\(before.text) \(after.text)")
        let steps = try await place.berth("providers", "check", "lab-desk")
        #expect(steps.status == .exited(0) && steps.standardOutput.contains("0 machines"), "\(steps)")
        #expect(try await host.stop().status == .exited(0))

        let check = try await place.berth(
            "plugins", "check", "--set", "folder=\(place.directory("cards"))", "--set", "boards=50", "--level", "3", "-o", "json",
            place.directory("plugins/libDesk.so"))
        #expect(check.status == .exited(0), "\(check.standardOutput)\(check.standardError)")
        let symbols = try Execution.run("/usr/bin/env", ["nm", "-D", "--defined-only", module]).standardOutput
        let exported = symbols.split(separator: "\n").map { $0.split(separator: " ") }.filter {
            $0.dropFirst().first?.first?.isUppercase == true
        }
        #expect(exported.compactMap(\.last) == ["berth_driver_entry"], "\(symbols)")
    }
}

/// `Examples/swift-driver`, built by SwiftPM as its author would. What is built is kept for the next run.
private enum SwiftExample {
    static func build() async throws -> String {
        let swift = try Execution.run("\(Repository.root)/Scripts/find-swift").standardOutput.trimmingCharacters(in: .newlines)
        let scratch = "\(Products.directory)/swift-driver"
        let result = try await Execution(
            swift,
            [
                "build", "--package-path", "\(Repository.root)/Examples/swift-driver", "--scratch-path", scratch, "-j", "2",
                "--disable-sandbox",
            ]
        ).result(within: 540)
        try #require(result.status == .exited(0), "\(result.standardOutput.suffix(3000))\(result.standardError.suffix(3000))")
        return "\(scratch)/debug/libDesk.so"
    }
}

extension RunningHost {
    /// Waits until a provider is ready and answers how it is.
    func ready(_ provider: String) async throws -> JSON {
        try await eventually("\(provider) is ready", every: 50) {
            let shown = try await self.call("provider.show", ["name": .string(provider)])["provider"] ?? .null
            // JSON is a nil literal too.
            return shown["state"] == "ready" ? shown : JSON?.none
        }
    }
}
