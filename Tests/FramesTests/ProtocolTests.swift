import Foundation
import Frames
import JSON
import Model
import Platform
import Testing

/// docs/protocol.md and the codec say the same.
@Suite("protocol page")
struct ProtocolTests {
    let page: ProtocolPage

    init() throws { page = try ProtocolPage() }

    @Test("every request on the page is read, and written again as it stands there")
    func requests() throws {
        let examples = page.messages("request")
        #expect(examples.count >= 4)
        for example in examples {
            let header = try RequestHeader(parsing: Array(example.line.utf8))
            #expect(String(decoding: header.bytes, as: UTF8.self) == example.line)
            #expect(try example.body.isEmpty || JSON(parsing: example.body).object != nil)
        }
    }

    @Test("every reply on the page is read, and written again as it stands there; error bodies come back as errors")
    func replies() throws {
        let examples = page.messages("reply")
        #expect(examples.count >= 4)
        for example in examples {
            let header = try ReplyHeader(parsing: Array(example.line.utf8))
            #expect(String(decoding: header.bytes, as: UTF8.self) == example.line)
            let body = try JSON(parsing: example.body)
            #expect(body.object != nil)
            guard let code = header.status.code else { continue }
            #expect(Status.errors.contains(code))
            let error = BerthError(code, body: body)
            for (name, value) in error.body.object?.fields.map({ ($0.name, $0.value) }) ?? [] { #expect(body[name] == value) }
        }
    }

    @Test("every malformed line on the page is refused with the words that stand there")
    func malformed() throws {
        let requests = page.refusals("malformed-request")
        #expect(requests.count >= 15)
        for refusal in requests {
            let error = #expect(throws: HeaderError.self, "\(refusal.line)") { try RequestHeader(parsing: Array(refusal.line.utf8)) }
            #expect(error?.description == refusal.reason, "\(refusal.line)")
        }
        let replies = page.refusals("malformed-reply")
        #expect(replies.count >= 3)
        for refusal in replies {
            let error = #expect(throws: HeaderError.self, "\(refusal.line)") { try ReplyHeader(parsing: Array(refusal.line.utf8)) }
            #expect(error?.description == refusal.reason, "\(refusal.line)")
        }
    }

    @Test("the page lists the error classes that the bus knows, in the same order, in grammar and table")
    func classes() throws {
        let text = page.blocks("abnf").flatMap(\.lines).joined(separator: "\n")
        let rule = try #require(text.range(of: "error        =")).upperBound
        let words = text[rule...].split(whereSeparator: { !($0.isLetter || $0 == "-") }).map(String.init)
        #expect(words == Status.errors.map(\.rawValue))
    }
}

@Suite("protocol grammar")
struct GrammarTests {
    let grammar: Grammar

    init() throws { grammar = try ProtocolPage().grammar() }

    /// A line as the codec sees it, beyond what a grammar can say: lengths and numbers.
    private func isWithinLimits(_ line: [UInt8]) -> Bool {
        let words = line.split(separator: 0x20)
        let options = words.dropFirst(3).map { $0.split(separator: 0x3D, maxSplits: 1) }
        let names = options.map { $0[0] }
        let deadline = options.first { Array($0[0]) == Array("deadline".utf8) }.flatMap { Int(String(decoding: $0[1], as: UTF8.self)) }
        return line.count <= Limits.header && words[1].count <= Limits.verb && Set(names.map(Array.init)).count == names.count
            && (deadline ?? 0) <= Limits.deadline
    }

    @Test("every name in the grammar has a rule")
    func complete() {
        #expect(grammar.undefined == [])
        #expect(grammar.names.contains("request"))
    }

    @Test("five thousand lines made by the grammar are read, and written again the same but for the order of options")
    func fits() throws {
        var random = SplitMix(state: 1)
        var read = 0
        for _ in 0..<5000 {
            let line = grammar.make("request", &random)
            guard isWithinLimits(line) else {
                #expect(throws: HeaderError.self) { try RequestHeader(parsing: line) }
                continue
            }
            let header = try RequestHeader(parsing: line)
            #expect(try RequestHeader(parsing: header.bytes) == header)
            read += 1
        }
        #expect(read > 1500)
        for _ in 0..<5000 {
            let line = grammar.make("reply", &random)
            #expect(try ReplyHeader(parsing: line).bytes == line)
        }
    }

    @Test("of five thousand lines with one byte changed, the codec reads exactly those that fit the grammar")
    func mutated() {
        var random = SplitMix(state: 2)
        var (right, wrong) = (0, 0)
        for _ in 0..<5000 {
            var line = grammar.make("request", &random)
            guard line.count <= 200 else { continue }
            let at = Int.random(in: 0..<line.count, using: &random)
            switch Int.random(in: 0..<3, using: &random) {
            case 0: line.remove(at: at)
            case 1: line.insert([0x20, 0x3D, 0x2E, 0x2D, 0x41, 0x00, 0xC3].randomElement(using: &random) ?? 0, at: at)
            default: line[at] = UInt8.random(in: 0...255, using: &random)
            }
            let fits = grammar.matches("request", line) && isWithinLimits(line)
            #expect(((try? RequestHeader(parsing: line)) != nil) == fits, "\(String(decoding: line, as: UTF8.self))")
            if fits { right += 1 } else { wrong += 1 }
        }
        #expect(right > 500 && wrong > 500)
    }
}
