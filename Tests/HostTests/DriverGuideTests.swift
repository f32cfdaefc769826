import Foundation
import TestSupport
import Testing

/// docs/driver-guide.md, done as it says.
@Suite("the driver guide")
struct DriverGuideTests {
    /// The blocks of a language, in order.
    static func blocks(of text: String) -> [(language: String, lines: [String])] {
        var blocks: [(language: String, lines: [String])] = []
        var isOpen = false
        for line in text.components(separatedBy: "\n") {
            if line.hasPrefix("```") {
                isOpen.toggle()
                if isOpen { blocks.append((String(line.dropFirst(3)), [])) }
            } else if isOpen {
                blocks[blocks.count - 1].lines.append(line)
            }
        }
        return blocks
    }

    @Test("leads from nothing to a listed driver: every command of it works, and shows what it says", .timeLimit(.minutes(5)))
    func guide() async throws {
        let text = try String(contentsOfFile: "\(Repository.root)/docs/driver-guide.md", encoding: .utf8)
        let blocks = Self.blocks(of: text)
        var script = "set -euo pipefail\n"
        for (number, block) in blocks.enumerated() where block.language == "sh" {
            script += "echo '=== \(number)'\n" + block.lines.joined(separator: "\n") + "\n"
        }
        let directory = try TemporaryDirectory("guide")
        try directory.write("guide.sh", script)
        let result = try await Execution(
            "/bin/bash", ["guide.sh"], environment: try Installation.environment(), directory: directory.path
        ).result(within: 240)
        try #require(result.status == .exited(0), "\(result.standardOutput.suffix(3000))\n\(result.standardError.suffix(3000))")

        var shown = 0
        for (number, block) in blocks.enumerated() where block.language == "text" {
            let output = try #require(
                result.standardOutput.components(separatedBy: "=== ").first { $0.hasPrefix("\(number - 1)\n") })
            let words = output.components(separatedBy: "\n").map(Self.squeezed)
            for line in block.lines.map(Self.squeezed) {
                #expect(words.contains { $0.contains(line) }, "'\(line)' is not in the output:\n\(output)")
                shown += 1
            }
        }
        #expect(shown > 8)
    }

    /// Columns are as wide as their content: one space is as good as ten.
    static func squeezed(_ line: String) -> String { line.split(separator: " ").joined(separator: " ") }
}
