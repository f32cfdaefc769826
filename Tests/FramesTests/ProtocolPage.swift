import Foundation
import TestSupport

/// docs/protocol.md as its readers see it: fenced blocks by the word behind the fence.
struct ProtocolPage {
    struct Block {
        var kind: String
        var lines: [String]
    }

    let blocks: [Block]

    init() throws {
        let text = try String(contentsOfFile: "\(Repository.root)/docs/protocol.md", encoding: .utf8)
        var blocks: [Block] = []
        var open: Block?
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
            guard line.hasPrefix("```") else {
                open?.lines.append(line)
                continue
            }
            if let block = open {
                blocks.append(block)
                open = nil
            } else {
                open = Block(kind: String(line.dropFirst(3)), lines: [])
            }
        }
        self.blocks = blocks
    }

    func blocks(_ kind: String) -> [Block] { blocks.filter { $0.kind == kind } }

    /// The header line and the body of each example.
    func messages(_ kind: String) -> [(line: String, body: String)] {
        blocks(kind).map { ($0.lines[0], $0.lines.dropFirst().joined(separator: "\n")) }
    }

    /// Each malformed line with the words that it is refused with.
    func refusals(_ kind: String) -> [(line: String, reason: String)] {
        blocks(kind).flatMap { block in
            stride(from: 0, to: block.lines.count - 1, by: 2).map { (block.lines[$0], String(block.lines[$0 + 1].dropFirst(2))) }
        }
    }

    func grammar() throws -> Grammar {
        try Grammar(blocks("abnf").flatMap(\.lines).joined(separator: "\n"))
    }
}
