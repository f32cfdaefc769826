extension JSON {
    /// Why a text is no JSON, and at which byte.
    public struct ParseError: Error, Sendable, Equatable, CustomStringConvertible {
        public var message: String
        public var offset: Int

        public var description: String { "\(message) at byte \(offset)" }
    }

    /// Parses one value with nothing but white space around it. Strict: no comments, no duplicate fields, valid UTF-8,
    /// at most 64 levels deep.
    public init(parsing bytes: some Collection<UInt8>) throws(ParseError) {
        let result = bytes.withContiguousStorageIfAvailable { JSON.parse(UnsafeBufferPointer(rebasing: $0[...])) }
        self = try (result ?? Array(bytes).withUnsafeBufferPointer { JSON.parse($0) }).get()
    }

    public init(parsing text: String) throws(ParseError) {
        var text = text
        self = try text.withUTF8 { JSON.parse($0) }.get()
    }

    private static func parse(_ bytes: UnsafeBufferPointer<UInt8>) -> Result<JSON, ParseError> {
        var parser = Parser(bytes: bytes)
        do throws(ParseError) {
            return .success(try parser.document())
        } catch {
            return .failure(error)
        }
    }
}

private struct Parser {
    let bytes: UnsafeBufferPointer<UInt8>
    var at = 0
    var depth = 0

    static let deepest = 64

    init(bytes: UnsafeBufferPointer<UInt8>) {
        self.bytes = bytes
    }

    var next: UInt8? { at < bytes.count ? bytes[at] : nil }

    func failure(_ message: String) -> JSON.ParseError {
        JSON.ParseError(message: message, offset: at)
    }

    mutating func document() throws(JSON.ParseError) -> JSON {
        space()
        let value = try value()
        space()
        guard at == bytes.count else { throw failure("text after the value") }
        return value
    }

    mutating func space() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { at += 1 }
    }

    mutating func value() throws(JSON.ParseError) -> JSON {
        switch next {
        case UInt8(ascii: "{"): return try object()
        case UInt8(ascii: "["): return try array()
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "-")?, (UInt8(ascii: "0")...UInt8(ascii: "9"))?: return try number()
        case nil: throw failure("the text ends where a value should be")
        default: throw failure("no value starts like this")
        }
    }

    mutating func word(_ word: StaticString, _ value: JSON) throws(JSON.ParseError) -> JSON {
        let matches = word.withUTF8Buffer { bytes[at...].starts(with: $0) }
        guard matches else { throw failure("no value starts like this") }
        at += word.utf8CodeUnitCount
        return value
    }

    mutating func enter() throws(JSON.ParseError) {
        depth += 1
        guard depth <= Parser.deepest else { throw failure("more than \(Parser.deepest) levels deep") }
        at += 1
        space()
    }

    mutating func array() throws(JSON.ParseError) -> JSON {
        try enter()
        defer { depth -= 1 }
        var values: [JSON] = []
        if next == UInt8(ascii: "]") {
            at += 1
            return .array(values)
        }
        while true {
            space()
            values.append(try value())
            space()
            if try ends(with: UInt8(ascii: "]"), of: "array") { return .array(values) }
        }
    }

    mutating func object() throws(JSON.ParseError) -> JSON {
        try enter()
        defer { depth -= 1 }
        var object = JSON.Object()
        var seen: Set<String> = []
        if next == UInt8(ascii: "}") {
            at += 1
            return .object(object)
        }
        while true {
            space()
            guard next == UInt8(ascii: "\"") else { throw failure("a field's name in quotes should be here") }
            let start = at
            let name = try string()
            let double = object.count < 12 ? object[name] != nil : isDouble(name, of: object, &seen)
            guard !double else { throw JSON.ParseError(message: "field '\(name.prefix(64))' a second time", offset: start) }
            space()
            guard next == UInt8(ascii: ":") else { throw failure("a colon should be here") }
            at += 1
            space()
            object.append(name, try value())
            space()
            if try ends(with: UInt8(ascii: "}"), of: "object") { return .object(object) }
        }
    }

    /// Large objects keep a set of their names: walking the fields for each would take the square of their number.
    func isDouble(_ name: String, of object: JSON.Object, _ seen: inout Set<String>) -> Bool {
        if seen.isEmpty { seen = Set(object.names) }
        return !seen.insert(name).inserted
    }

    mutating func ends(with close: UInt8, of kind: String) throws(JSON.ParseError) -> Bool {
        switch next {
        case close:
            at += 1
            return true
        case UInt8(ascii: ","):
            at += 1
            return false
        case nil: throw failure("the text ends inside an \(kind)")
        default: throw failure("a comma or the end of the \(kind) should be here")
        }
    }

    mutating func number() throws(JSON.ParseError) -> JSON {
        let start = at
        var whole = true
        if next == UInt8(ascii: "-") { at += 1 }
        let digits = at
        try skipDigits()
        guard bytes[digits] != UInt8(ascii: "0") || at == digits + 1 else { throw failure("a number does not start with 0") }
        if next == UInt8(ascii: ".") {
            whole = false
            at += 1
            try skipDigits()
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            whole = false
            at += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { at += 1 }
            try skipDigits()
        }
        if whole, let value = integer(start) { return .int(value) }
        let text = String(decoding: bytes[start..<at], as: UTF8.self)
        guard let value = Double(text), value.isFinite else { throw failure("a number too large") }
        return .double(value)
    }

    func integer(_ start: Int) -> Int64? {
        let negative = bytes[start] == UInt8(ascii: "-")
        var value: Int64 = 0
        for byte in bytes[(negative ? start + 1 : start)..<at] {
            let (shifted, first) = value.multipliedReportingOverflow(by: 10)
            let (next, second) = shifted.subtractingReportingOverflow(Int64(byte - UInt8(ascii: "0")))
            guard !first, !second else { return nil }
            value = next
        }
        if negative { return value }
        return value == .min ? nil : -value
    }

    mutating func skipDigits() throws(JSON.ParseError) {
        let start = at
        while let byte = next, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { at += 1 }
        guard at > start else { throw failure("a digit should be here") }
    }

    mutating func string() throws(JSON.ParseError) -> String {
        at += 1
        let start = at
        while at < bytes.count {
            let byte = bytes[at]
            if byte == UInt8(ascii: "\"") {
                let text = try utf8(bytes[start..<at])
                at += 1
                return text
            }
            if byte == UInt8(ascii: "\\") { return try escapedString(from: start) }
            guard byte >= 0x20 else { throw failure("a control character in a string") }
            at += 1
        }
        throw failure("the text ends inside a string")
    }

    mutating func escapedString(from start: Int) throws(JSON.ParseError) -> String {
        var text = Array(bytes[start..<at])
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\""):
                at += 1
                return try utf8(text)
            case UInt8(ascii: "\\"):
                at += 1
                try escape(&text)
            case ..<0x20:
                throw failure("a control character in a string")
            default:
                text.append(byte)
                at += 1
            }
        }
        throw failure("the text ends inside a string")
    }

    mutating func escape(_ text: inout [UInt8]) throws(JSON.ParseError) {
        guard let byte = next else { throw failure("the text ends inside a string") }
        at += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"): text.append(contentsOf: String(Character(try scalar())).utf8)
        default: throw failure("no such escape")
        }
    }

    /// The scalar of `\uXXXX`, or of a pair of them.
    mutating func scalar() throws(JSON.ParseError) -> Unicode.Scalar {
        let high = try hex()
        if let scalar = Unicode.Scalar(high) { return scalar }
        guard high < 0xDC00, next == UInt8(ascii: "\\"), at + 1 < bytes.count, bytes[at + 1] == UInt8(ascii: "u") else {
            throw failure("half a surrogate pair")
        }
        at += 2
        let low = try hex()
        guard (0xDC00...0xDFFF).contains(low), let scalar = Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00)) else {
            throw failure("half a surrogate pair")
        }
        return scalar
    }

    mutating func hex() throws(JSON.ParseError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw failure("four hexadecimal digits should be here")
            }
            value = value << 4 | UInt32(digit)
            at += 1
        }
        return value
    }

    func utf8(_ slice: some Collection<UInt8>) throws(JSON.ParseError) -> String {
        guard let text = String(validating: slice, as: UTF8.self) else { throw failure("a string that is not UTF-8") }
        return text
    }
}
