import Model

/// Why a declaration is refused, in words; the reader adds file and line.
struct DeclarationError: Error, Equatable {
    var message: String
    var hint: String?

    init(_ message: String, hint: String? = nil) {
        self.message = message
        self.hint = hint
    }
}

/// Reads `TYPE ( [in|out|inout] TYPE [name], … )`.
struct SignatureParser {
    private var words: ArraySlice<String>
    private let aliases: [ABIDescription.Alias]

    /// Parses one signature. `scalarsOnly` is for the extra calls of a plugin: nothing may point into the host.
    static func call(_ name: String, _ text: String, aliases: [ABIDescription.Alias], isExtra: Bool = false) throws(DeclarationError)
        -> ABICall
    {
        try check(name: name, isExtra: isExtra)
        var parser = SignatureParser(words: try words(text)[...], aliases: aliases)
        let call = try parser.signature(name)
        try isExtra ? checkExtra(call) : checkPointers(call)
        return call
    }

    static func alias(_ name: String, _ text: String, known: [ABIDescription.Alias]) throws(DeclarationError) -> ABIDescription.Alias {
        guard isName(name) else { throw DeclarationError("'\(name)' is no name for a type", hint: "use a-z, 0-9 and _") }
        guard ABIType(rawValue: name) == nil, reserved[name] == nil else { throw DeclarationError("'\(name)' is a type already") }
        guard !known.contains(where: { $0.name == name }) else { throw DeclarationError("type '\(name)' is declared a second time") }
        guard let type = ABIType(rawValue: text), type != .void, type != .bytes else {
            throw try unknownType(text, known: [], of: "an alias stands for a built-in type of one machine word or less")
        }
        return ABIDescription.Alias(name: name, type: type)
    }

    // MARK: grammar

    private mutating func signature(_ name: String) throws(DeclarationError) -> ABICall {
        let result = try type()
        guard result.type != .bytes else {
            throw DeclarationError(
                "a call cannot return bytes: nothing says how many", hint: "write to the call's document, or return cstring")
        }
        try expect("(")
        var parameters: [ABICall.Parameter] = []
        if words.first == ")" {
            words.removeFirst()
        } else {
            repeat {
                parameters.append(try parameter())
            } while try isFollowedByAnother()
        }
        guard words.isEmpty else { throw DeclarationError("'\(words.joined(separator: " "))' after the closing parenthesis") }
        guard parameters.count <= ABICall.mostParameters else {
            throw DeclarationError(
                "\(parameters.count) arguments; at most \(ABICall.mostParameters) are allowed", hint: "put them into a document")
        }
        let names = parameters.compactMap(\.name)
        if let double = names.first(where: { name in names.count { $0 == name } > 1 }) {
            throw DeclarationError("two arguments are called '\(double)'")
        }
        return ABICall(name: name, result: result, parameters: parameters)
    }

    private mutating func parameter() throws(DeclarationError) -> ABICall.Parameter {
        var direction = ABICall.Parameter.Direction.in
        if let word = words.first, let stated = ABICall.Parameter.Direction(rawValue: word) {
            direction = stated
            words.removeFirst()
        }
        if words.first == "void", words.dropFirst().first == ")" {
            throw DeclarationError("void is no argument", hint: "write () for none")
        }
        let type = try type()
        guard words.first != "(" else { throw SignatureParser.callback }
        guard type.type != .void else { throw DeclarationError("void is no type of an argument") }
        if direction != .in, type.type == .bytes {
            throw DeclarationError(
                "\(direction.rawValue) bytes is refused: nothing says how many, or who frees them", hint: "write to the call's document")
        }
        if direction == .inout, type.type == .cstring {
            throw DeclarationError("inout cstring is refused: nothing says who frees which", hint: "use an in and an out argument")
        }
        var name: String?
        if let word = words.first, Self.isName(word) {
            name = word
            words.removeFirst()
        }
        return ABICall.Parameter(direction: direction, type: type, name: name)
    }

    private mutating func type() throws(DeclarationError) -> ABITypeName {
        guard let word = words.popFirst() else { throw DeclarationError("the signature ends where a type should be") }
        if let type = ABIType(rawValue: word) { return ABITypeName(name: word, type: type) }
        if let alias = aliases.first(where: { $0.name == word }) { return ABITypeName(name: word, type: alias.type) }
        throw try Self.unknownType(word, known: aliases.map(\.name), of: "")
    }

    private mutating func isFollowedByAnother() throws(DeclarationError) -> Bool {
        switch words.popFirst() {
        case ",": return true
        case ")": return false
        case "*": throw DeclarationError("pointers in the manner of C are refused", hint: "write ptr")
        case "(": throw SignatureParser.callback
        case let word?: throw DeclarationError("'\(word)' where a comma or the closing parenthesis should be")
        case nil: throw DeclarationError("the closing parenthesis is missing")
        }
    }

    private static let callback = DeclarationError("callbacks are refused: libffi would have to make code at run time", hint: "pass a ptr")

    private mutating func expect(_ word: String) throws(DeclarationError) {
        guard words.first == word else {
            if words.first == "*" { throw DeclarationError("pointers in the manner of C are refused", hint: "write ptr") }
            throw DeclarationError("'\(word)' should follow the type", hint: "write TYPE (TYPE name, …)")
        }
        words.removeFirst()
    }

    // MARK: words

    private static let reserved: [String: String] = [
        "int": "i32", "short": "i16", "long": "i64", "char": "i8 or u8", "signed": "i32", "unsigned": "u32", "size_t": "usize",
        "ssize_t": "isize",
        "float": "f32", "double": "f64", "int8_t": "i8", "int16_t": "i16", "int32_t": "i32", "int64_t": "i64", "uint8_t": "u8",
        "uint16_t": "u16", "uint32_t": "u32", "uint64_t": "u64", "string": "cstring", "pointer": "ptr",
    ]

    private static func unknownType(_ word: String, known: [String], of why: String) throws(DeclarationError) -> DeclarationError {
        switch word {
        case "...":
            return DeclarationError(
                "variadic calls are refused: the types of the rest are not known", hint: "declare one call for each use")
        case "struct", "union":
            return DeclarationError("a \(word) by value is refused: its layout is not declared", hint: "pass a ptr, or bytes")
        case "enum": return DeclarationError("an enum has no fixed size", hint: "write i32")
        case "const": return DeclarationError("const says nothing here", hint: "leave it out")
        default: break
        }
        if let meant = reserved[word] {
            let isC = ["int", "short", "long", "char", "signed", "unsigned"].contains(word)
            return DeclarationError(
                isC ? "the size of '\(word)' is not the same everywhere" : "there is no type '\(word)'", hint: "write \(meant)")
        }
        if !why.isEmpty, ABIType(rawValue: word) != nil { return DeclarationError("\(word) cannot have an alias", hint: why) }
        let meant = nearest(word, among: ABIType.allCases.map(\.rawValue) + known)
        let advice = why.isEmpty ? "declare it: type \(word) = …" : why
        return DeclarationError("there is no type '\(word)'", hint: meant.map { "did you mean '\($0)'?" } ?? advice)
    }

    private static func words(_ text: String) throws(DeclarationError) -> [String] {
        var words: [String] = []
        var rest = text[...]
        while let first = rest.first {
            if first == " " || first == "\t" {
                rest.removeFirst()
            } else if rest.hasPrefix("...") || first == "…" {
                words.append("...")
                rest = rest.dropFirst(first == "…" ? 1 : 3)
            } else if "(),*".contains(first) {
                words.append(String(first))
                rest.removeFirst()
            } else {
                let word = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
                guard !word.isEmpty else { throw DeclarationError("'\(first)' has no place in a signature") }
                words.append(String(word))
                rest = rest.dropFirst(word.count)
            }
        }
        return words
    }

    static func isName(_ word: String) -> Bool {
        word.utf8.first.map { !(0x30...0x39).contains($0) } == true
            && word.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F }
    }

    private static func check(name: String, isExtra: Bool) throws(DeclarationError) {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.allSatisfy({ isName(String($0)) }), isExtra || parts.count == 1 else {
            throw DeclarationError(
                "'\(name)' is no name for a call", hint: isExtra ? "use a-z, 0-9, _ and dots between" : "use a-z, 0-9 and _")
        }
    }

    /// The host can fill in three pointers: its own struct, the call's, and the handle that the driver gave.
    private static func checkPointers(_ call: ABICall) throws(DeclarationError) {
        guard call.result.type != .ptr else { throw DeclarationError("a call returns no pointer", hint: "write out handle NAME") }
        for parameter in call.parameters where parameter.type.type == .ptr {
            let isHandle = parameter.type.name == "handle" && parameter.direction != .inout
            let isOurs = parameter.type.name == "ptr" && parameter.direction == .in && ["host", "call"].contains(parameter.name)
            guard !isHandle, !isOurs else { continue }
            let written = [parameter.type.name, parameter.name].compactMap { $0 }.joined(separator: " ")
            throw DeclarationError("the host has nothing for '\(written)' to point to", hint: "write ptr host, ptr call, or a handle")
        }
    }

    private static func checkExtra(_ call: ABICall) throws(DeclarationError) {
        for type in [call.result] + call.parameters.map(\.type) where type.type == .ptr {
            throw DeclarationError("an extra call takes and returns no pointers ('\(type.name)')", hint: "use scalars, cstring and bytes")
        }
    }
}
