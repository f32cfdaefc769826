import Foundation
import TestSupport

/// What the inventory driver keeps in its file: the truth about which machines there are.
struct Shelf {
    struct Machine: Equatable {
        var id: String
        var milliCPUs: Int
        var key: String
        var state: String
        var node: String
        var name: String
        var image: String
    }

    var machines: [Machine]

    /// Reads the file. It is replaced with `rename`, so a reader sees one moment.
    init(_ path: String) {
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        machines = text.split(separator: "\n").dropFirst().compactMap { line in
            let words = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            let numbers = words[0].split(separator: " ").map(String.init)
            guard words.count == 6, numbers.count == 6 else { return nil }
            return Machine(
                id: numbers[0], milliCPUs: Int(numbers[1]) ?? 0, key: words[1], state: words[2], node: words[3], name: words[4],
                image: words[5])
        }
    }

    /// Takes a machine away behind everybody's back, as an administrator of the provider would.
    static func remove(_ id: String, from path: String) throws {
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n", omittingEmptySubsequences: false)
        try lines.filter { !$0.hasPrefix("\(id) ") }.joined(separator: "\n").write(
            toFile: path + ".edit", atomically: false, encoding: .utf8)
        guard rename(path + ".edit", path) == 0 else { throw CocoaError(.fileWriteUnknown) }
    }
}

/// A provider of the inventory driver, as a section of the configuration.
struct InventoryProvider {
    var name = "shelf"
    var nodes = 2
    var cpus = 4.0
    var memory = 16_384
    var threads = 4
    /// More `config.` keys.
    var config: [String: String] = [:]
    /// More keys of the section.
    var keys: [String: String] = [:]

    func section(_ directory: TemporaryDirectory) -> String {
        var lines = [
            "[provider \(name)]", "plugin = inventory", "threads = \(threads)", "config.file = \(directory(name))",
            "config.nodes = \(nodes)", "config.cpus = \(cpus)", "config.memory_mib = \(memory)",
        ]
        lines += config.sorted { $0.key < $1.key }.map { "config.\($0.key) = \($0.value)" }
        lines += keys.sorted { $0.key < $1.key }.map { "\($0.key) = \($0.value)" }
        return lines.joined(separator: "\n")
    }
}
