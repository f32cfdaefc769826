import Foundation

/// A grammar in ABNF (RFC 5234, with case-sensitive strings): says whether a text fits, and makes texts that do.
struct Grammar {
    indirect enum Node {
        case text([UInt8])
        case range(ClosedRange<UInt8>)
        case rule(String)
        case sequence([Node])
        case either([Node])
        case times(Node, ClosedRange<Int>)
    }

    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    private var rules: [String: Node] = [
        "SP": .text([0x20]), "DIGIT": .range(0x30...0x39), "VCHAR": .range(0x21...0x7E),
    ]
    var names: [String] { rules.keys.sorted() }

    init(_ text: String) throws {
        var lines: [String] = []
        for line in text.split(separator: "\n") {
            // No string of ours holds a semicolon.
            let line = String(line.prefix { $0 != ";" })
            guard !line.allSatisfy(\.isWhitespace) else { continue }
            if line.first?.isWhitespace == true, !lines.isEmpty { lines[lines.count - 1] += line } else { lines.append(line) }
        }
        for line in lines {
            let parts = line.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else { throw Failure(description: "no rule: \(line)") }
            var reader = Reader(rest: Substring(parts[1]))
            rules[parts[0].trimmingCharacters(in: .whitespaces)] = try reader.alternatives()
            guard reader.isAtEnd else { throw Failure(description: "cannot read '\(reader.rest)' of: \(line)") }
        }
    }

    private func node(_ name: String) -> Node { rules[name] ?? .either([]) }

    /// Names that rules use and none defines.
    var undefined: Set<String> {
        func used(_ node: Node) -> Set<String> {
            switch node {
            case .text, .range: []
            case .rule(let name): [name]
            case .sequence(let nodes), .either(let nodes): nodes.reduce(into: []) { $0.formUnion(used($1)) }
            case .times(let node, _): used(node)
            }
        }
        return rules.values.reduce(into: Set()) { $0.formUnion(used($1)) }.subtracting(rules.keys)
    }

    // MARK: - Does it fit?

    func matches(_ name: String, _ text: [UInt8]) -> Bool { ends(node(name), text, 0).contains(text.count) }

    /// Where a match that begins at `start` may end.
    private func ends(_ node: Node, _ text: [UInt8], _ start: Int) -> Set<Int> {
        switch node {
        case .text(let word): return text[start...].starts(with: word) ? [start + word.count] : []
        case .range(let range): return start < text.count && range.contains(text[start]) ? [start + 1] : []
        case .rule(let name): return ends(self.node(name), text, start)
        case .sequence(let nodes):
            return nodes.reduce([start]) { starts, node in starts.reduce(into: []) { $0.formUnion(ends(node, text, $1)) } }
        case .either(let nodes): return nodes.reduce(into: []) { $0.formUnion(ends($1, text, start)) }
        case .times(let node, let count):
            var reached: Set<Int> = count.lowerBound == 0 ? [start] : []
            var now: Set<Int> = [start]
            var round = 0
            while round < count.upperBound, !now.isEmpty {
                round += 1
                now = now.reduce(into: Set()) { $0.formUnion(ends(node, text, $1)) }
                if round >= count.lowerBound {
                    now.subtract(reached)
                    reached.formUnion(now)
                }
            }
            return reached
        }
    }

    // MARK: - One that does

    func make(_ name: String, _ random: inout some RandomNumberGenerator) -> [UInt8] { make(node(name), &random) }

    private func make(_ node: Node, _ random: inout some RandomNumberGenerator) -> [UInt8] {
        switch node {
        case .text(let word): return word
        case .range(let range): return [UInt8.random(in: range, using: &random)]
        case .rule(let name): return make(self.node(name), &random)
        case .sequence(let nodes): return nodes.flatMap { make($0, &random) }
        case .either(let nodes): return nodes.randomElement(using: &random).map { make($0, &random) } ?? []
        case .times(let node, let count):
            // Short ones mostly, and now and then the longest.
            let most = Int.random(in: 0..<20, using: &random) == 0 ? count.upperBound : count.lowerBound + 6
            let wanted = Int.random(in: count.lowerBound...max(count.lowerBound, min(most, count.upperBound, 200)), using: &random)
            return (0..<wanted).flatMap { _ in make(node, &random) }
        }
    }

    // MARK: - Reading ABNF

    private struct Reader {
        var rest: Substring
        var isAtEnd: Bool { rest.allSatisfy(\.isWhitespace) }

        private mutating func skip() { rest = rest.drop { $0.isWhitespace } }

        private mutating func take(_ text: String) -> Bool {
            skip()
            guard rest.hasPrefix(text) else { return false }
            rest = rest.dropFirst(text.count)
            return true
        }

        mutating func alternatives() throws -> Node {
            var choices = [try sequence()]
            while take("/") { choices.append(try sequence()) }
            return choices.count == 1 ? choices[0] : .either(choices)
        }

        private mutating func sequence() throws -> Node {
            var nodes: [Node] = []
            skip()
            while let next = rest.first, !"/)]".contains(next) {
                nodes.append(try repetition())
                skip()
            }
            return .sequence(nodes)
        }

        private mutating func number() -> Int? {
            let digits = rest.prefix { $0.isNumber }
            rest = rest.dropFirst(digits.count)
            return Int(digits)
        }

        private mutating func repetition() throws -> Node {
            skip()
            let least = number()
            guard rest.first == "*" else {
                return try least.map { .times(try element(), $0...$0) } ?? element()
            }
            rest = rest.dropFirst()
            let most = number()
            return .times(try element(), (least ?? 0)...(most ?? 1024))
        }

        private mutating func element() throws -> Node {
            if take("(") {
                let inner = try alternatives()
                guard take(")") else { throw Failure(description: "no ')' before '\(rest)'") }
                return inner
            }
            if take("\"") {
                let word = rest.prefix { $0 != "\"" }
                rest = rest.dropFirst(word.count + 1)
                return .text(Array(word.utf8))
            }
            if take("%x") {
                let words = rest.prefix { $0.isHexDigit || $0 == "-" }
                rest = rest.dropFirst(words.count)
                let bounds = words.split(separator: "-").compactMap { UInt8($0, radix: 16) }
                guard let low = bounds.first, let high = bounds.last, low <= high else { throw Failure(description: "no range: \(words)") }
                return .range(low...high)
            }
            let name = rest.prefix { $0.isLetter || $0 == "-" }
            guard !name.isEmpty else { throw Failure(description: "cannot read '\(rest)'") }
            rest = rest.dropFirst(name.count)
            return .rule(String(name))
        }
    }
}
