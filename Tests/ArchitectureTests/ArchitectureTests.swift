import Foundation
import Testing

/// Who may import whom: DESIGN's house, kept by a test. Departures are written down in docs/decisions.
@Suite("architecture")
struct ArchitectureTests {
    static let leaves: Set<String> = ["JSON", "Platform", "CShim"]

    /// What each room may import of ours. Rooms that are not here may import nothing of ours.
    static let allowed: [String: Set<String>] = [
        "JSON": [],
        "Platform": ["CShim"],
        "PluginKit": ["PluginABI", "JSON"],
        "PluginKitMacros": ["PluginABI", "JSON"],
        "DriverHTTP": ["PluginKit", "JSON", "CCurl"],
        "Model": ["JSON"],
        "Planner": ["Model"],
        "Frames": ["JSON", "Model"],
        "PluginHost": leaves.union(["PluginABI", "Model", "Frames", "CFFI", "CSodium"]),
        "Conformance": leaves.union(["PluginABI", "PluginHost", "Model"]),
        "Bus": leaves.union(["Model", "Frames", "CZMQ", "CSodium"]),
        "Ledger": leaves.union(["Model", "CSQLite"]),
        "Scheduler": leaves.union(["Model", "Planner", "Ledger", "Frames", "Bus"]),
        "Monitor": leaves.union(["Model", "Frames", "Bus"]),
        "Drivers": leaves.union(["Model", "Frames", "Bus", "PluginHost"]),
        "Federation": leaves.union(["Model", "Frames", "Bus"]),
        "Simulator": leaves.union(["Model", "Planner", "Ledger", "Frames", "Bus", "Scheduler", "Monitor"]),
        "Libvirt": ["PluginABI", "PluginKit", "JSON", "CLibvirt", "CLibXML2"],
        "OpenStack": ["PluginABI", "PluginKit", "JSON", "DriverHTTP", "CYAML"],
    ]

    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    struct Import: Sendable, CustomStringConvertible {
        var file: String
        var room: String
        var module: String
        var description: String { "\(file) imports \(module)" }
    }

    /// Every import of every Swift file below Sources and Plugins.
    static func imports() throws -> [Import] {
        var found: [Import] = []
        for top in ["Sources", "Plugins"] {
            let files = FileManager.default.enumerator(atPath: root.appending(path: top).path)
            while let file = files?.nextObject() as? String {
                guard file.hasSuffix(".swift") else { continue }
                let folders = file.split(separator: "/")
                let room = folders[0] == "Components" || folders[0] == "System" ? folders[1] : folders[0]
                let text = try String(contentsOf: root.appending(path: "\(top)/\(file)"), encoding: .utf8)
                for line in text.split(separator: "\n") where line.contains("import ") {
                    let words = line.split(separator: " ").drop {
                        ["public", "package", "internal", "private", "@testable", "@preconcurrency"].contains($0)
                    }
                    guard words.first == "import", let last = words.last else { continue }
                    found.append(Import(file: "\(top)/\(file)", room: String(room), module: String(last.split(separator: ".")[0])))
                }
            }
        }
        return found
    }

    /// The rooms of this package, as they stand in the folders.
    static var ours: Set<String> {
        Set(allowed.keys).union([
            "PluginABI", "Host", "CShim", "CFFI", "CZMQ", "CSQLite", "CSodium", "CLibvirt", "CCurl", "CLibXML2", "CYAML",
        ])
    }

    @Test("every room imports only the rooms that it may")
    func rooms() throws {
        let wrong = try Self.imports().filter { $0.room != "Host" && Self.ours.contains($0.module) }
            .filter { !Self.allowed[$0.room, default: []].contains($0.module) }
        #expect(wrong.isEmpty, "\(wrong)")
    }

    @Test("nothing that the host links imports Foundation, FoundationNetworking or a C library of the drivers")
    func foundation() throws {
        let drivers: Set<String> = ["Libvirt", "OpenStack", "DriverHTTP", "PluginKit"]
        let banned: Set<String> = ["Foundation", "FoundationNetworking", "FoundationXML", "CLibvirt", "CCurl", "CLibXML2"]
        let wrong = try Self.imports().filter { !drivers.contains($0.room) && banned.contains($0.module) }
        #expect(wrong.isEmpty, "\(wrong)")
    }

    @Test("the test sees the files at all")
    func notEmpty() throws {
        #expect(try Self.imports().count > 5)
    }
}
