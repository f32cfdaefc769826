/// How arguments and results travel beside a header: an option lists their kinds in order (`s36,b120,i-5`), the bytes of
/// strings and documents stand one behind the other in the body.
extension CallArgument {
    /// The option's value, and the body.
    static func encode(_ arguments: [CallArgument]) -> (list: String, body: [UInt8]) {
        // A document alone is not copied.
        if arguments.count == 1, case .bytes(let value) = arguments[0] { return ("b\(value.count)", value) }
        var body: [UInt8] = []
        let words = arguments.map { argument in
            switch argument {
            case .void: return "v"
            case .bool(let value): return value ? "t" : "f"
            case .int(let value): return "i\(value)"
            case .uint(let value): return "u\(value)"
            case .double(let value): return "d\(value.bitPattern)"
            case .string(let value):
                let before = body.count
                body += value.utf8
                return "s\(body.count - before)"
            case .bytes(let value):
                body += value
                return "b\(value.count)"
            }
        }
        return (words.joined(separator: ","), body)
    }

    /// The arguments, and where in the body the bytes behind them begin.
    static func decode(_ list: String, _ body: [UInt8]) throws(WorkerProtocolError) -> (arguments: [CallArgument], rest: Int) {
        var at = 0
        var arguments: [CallArgument] = []
        for word in list.split(separator: ",") {
            guard let argument = decode(word, body, &at) else {
                throw WorkerProtocolError(description: "an argument that is none: \(word.prefix(20))")
            }
            arguments.append(argument)
        }
        return (arguments, at)
    }

    private static func decode(_ word: Substring, _ body: [UInt8], _ at: inout Int) -> CallArgument? {
        let rest = word.dropFirst()
        switch word.first {
        case "v": return .void
        case "t": return .bool(true)
        case "f": return .bool(false)
        case "i": return Int64(rest).map(CallArgument.int)
        case "u": return UInt64(rest).map(CallArgument.uint)
        case "d": return UInt64(rest).map { .double(Double(bitPattern: $0)) }
        case "s", "b":
            guard let size = Int(rest), size >= 0, size <= body.count - at else { return nil }
            if word.first == "b", size == body.count {
                at = size
                return .bytes(body)
            }
            let bytes = body[at..<(at + size)]
            at += size
            if word.first == "b" { return .bytes(Array(bytes)) }
            return String(validating: bytes, as: UTF8.self).map(CallArgument.string)
        default: return nil
        }
    }
}
