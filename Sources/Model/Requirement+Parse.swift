extension Requirement {
    /// Longer or deeper than this is refused: no person wrote it.
    static let longest = 4096
    static let deepest = 64

    /// Reads an expression. `||` binds weaker than `&&`, `!` strongest; `and`, `or`, `not` are words for them.
    public init(parsing text: String) throws(BerthError) {
        guard text.utf8.count <= Requirement.longest else {
            throw BerthError(.invalid, "the requirement is longer than \(Requirement.longest) bytes", field: "requirements")
        }
        var parser = Parser(text)
        let term = try parser.disjunction(depth: 0)
        guard parser.token == .end else { throw parser.unexpected("an operator or the end") }
        self.init(term)
    }

    private struct Parser {
        enum Token: Equatable {
            case name(String), number(Double), text(String), symbol(String), end
        }

        let bytes: [UInt8]
        var position = 0
        var start = 0
        var token = Token.end
        var problem: BerthError?

        init(_ text: String) {
            bytes = Array(text.utf8)
            advance()
        }

        mutating func disjunction(depth: Int) throws(BerthError) -> Term {
            var terms = [try conjunction(depth: depth)]
            while token == .symbol("||") || token == .name("or") {
                advance()
                terms.append(try conjunction(depth: depth))
            }
            return terms.count == 1 ? terms[0] : .any(flattened(terms) { if case .any(let inner) = $0 { inner } else { nil } })
        }

        mutating func conjunction(depth: Int) throws(BerthError) -> Term {
            var terms = [try unary(depth: depth)]
            while token == .symbol("&&") || token == .name("and") {
                advance()
                terms.append(try unary(depth: depth))
            }
            return terms.count == 1 ? terms[0] : .all(flattened(terms) { if case .all(let inner) = $0 { inner } else { nil } })
        }

        func flattened(_ terms: [Term], _ inner: (Term) -> [Term]?) -> [Term] {
            terms.flatMap { inner($0) ?? [$0] }
        }

        mutating func unary(depth: Int) throws(BerthError) -> Term {
            guard depth < Requirement.deepest else {
                throw BerthError(.invalid, "the requirement nests deeper than \(Requirement.deepest) levels", field: "requirements")
            }
            if token == .symbol("!") || token == .name("not") {
                advance()
                return .not(try unary(depth: depth + 1))
            }
            if token == .symbol("(") {
                advance()
                let term = try disjunction(depth: depth + 1)
                guard token == .symbol(")") else { throw unexpected("')'") }
                advance()
                return term
            }
            let left = try operand()
            guard case .symbol(let symbol) = token, let comparison = Comparison(rawValue: symbol == "=" ? "==" : symbol) else {
                if case .value(.number) = left { throw unexpected("a comparison") }
                if case .value(.text) = left { throw unexpected("a comparison") }
                return .holds(left)
            }
            advance()
            return .compare(left, comparison, try operand())
        }

        mutating func operand() throws(BerthError) -> Operand {
            if let problem { throw problem }
            let operand: Operand
            switch token {
            case .number(let number): operand = .value(.number(number))
            case .text(let text): operand = .value(.text(text))
            case .name("true"): operand = .value(.truth(true))
            case .name("false"): operand = .value(.truth(false))
            case .name(let name): operand = .name(try known(name))
            default: throw unexpected("a name, a number or a quoted text")
            }
            advance()
            return operand
        }

        func known(_ name: String) throws(BerthError) -> String {
            let name = Requirement.aliases[name] ?? name
            for prefix in ["tag.", "resource."] where name.hasPrefix(prefix) && name.utf8.count > prefix.utf8.count { return name }
            guard Requirement.names.contains(name) else {
                throw BerthError(
                    .invalid, "the requirement asks about '\(name)' at byte \(start), which no node knows",
                    hint:
                        "the names are \(Requirement.names.joined(separator: ", ")), tag.NAME and resource.NAME; quote texts: \"\(name)\"",
                    field: "requirements")
            }
            return name
        }

        func unexpected(_ wanted: String) -> BerthError {
            if let problem { return problem }
            let found =
                switch token {
                case .end: "the end"
                case .name(let name): "'\(name)'"
                case .number(let number): "'\(Requirement.spell(number))'"
                case .text(let text): "\"\(text)\""
                case .symbol(let symbol): "'\(symbol)'"
                }
            return BerthError(.invalid, "the requirement has \(found) at byte \(start), where \(wanted) belongs", field: "requirements")
        }

        mutating func advance() {
            while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) { position += 1 }
            start = position
            guard position < bytes.count else { return token = .end }
            let byte = bytes[position]
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "'"): quoted(byte)
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."): number()
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"): name()
            default: symbol()
            }
        }

        mutating func quoted(_ quote: UInt8) {
            position += 1
            var content: [UInt8] = []
            while position < bytes.count, bytes[position] != quote {
                if bytes[position] == UInt8(ascii: "\\"), position + 1 < bytes.count { position += 1 }
                content.append(bytes[position])
                position += 1
            }
            if position == bytes.count {
                problem = BerthError(.invalid, "the requirement has an open quote at byte \(start)", field: "requirements")
            }
            position += 1
            token = .text(String(decoding: content, as: UTF8.self))
        }

        mutating func number() {
            position += 1
            while position < bytes.count, (0x30...0x39).contains(bytes[position]) || bytes[position] == UInt8(ascii: ".") { position += 1 }
            let text = String(decoding: bytes[start..<position], as: UTF8.self)
            guard let number = Double(text) else {
                problem =
                    problem
                    ?? BerthError(.invalid, "the requirement has '\(text)' at byte \(start), which is no number", field: "requirements")
                return token = .number(0)
            }
            token = .number(number)
        }

        mutating func name() {
            while position < bytes.count, Parser.isName(bytes[position]) { position += 1 }
            token = .name(String(decoding: bytes[start..<position], as: UTF8.self))
        }

        static func isName(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            case UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "/"), UInt8(ascii: ":"): true
            default: false
            }
        }

        mutating func symbol() {
            for symbol in ["&&", "||", "==", "!=", "<=", ">="] where bytes[position...].starts(with: symbol.utf8) {
                position += 2
                return token = .symbol(symbol)
            }
            let rest = String(decoding: bytes[position...], as: UTF8.self)
            let character = rest.first.map(String.init) ?? ""
            position = min(bytes.count, position + max(1, character.utf8.count))
            token = .symbol(character)
        }
    }
}
