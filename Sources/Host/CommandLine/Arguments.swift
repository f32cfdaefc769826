import Model

/// A wrong use of the command line: exit 2.
struct UsageError: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) {
        self.description = description
    }
}

/// The options and operands of one call, checked against what the command declares.
struct Arguments: Sendable {
    private(set) var operands: [String] = []
    private var values: [String: [String]] = [:]

    /// Reads `words`; `--name=value` and `--name value` are the same, `--` ends the options.
    init(_ words: some Collection<String>, options: [OptionSpec]) throws {
        var rest = Array(words)[...]
        while let word = rest.popFirst() {
            if word == "--" {
                operands += rest
                return
            }
            guard word.hasPrefix("-"), word.count > 1 else {
                operands.append(word)
                continue
            }
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard let option = options.first(where: { $0.names.contains(parts[0]) }) else {
                throw UsageError("there is no option \(parts[0])" + Arguments.suggestion(parts[0], options))
            }
            let key = option.names[0]
            if let placeholder = option.value {
                guard let value = parts.count > 1 ? parts[1] : rest.popFirst() else {
                    throw UsageError("\(parts[0]) wants a value: \(parts[0]) \(placeholder)")
                }
                guard option.repeats || values[key] == nil else { throw UsageError("\(parts[0]) is given twice") }
                values[key, default: []].append(value)
            } else {
                guard parts.count == 1 else { throw UsageError("\(parts[0]) takes no value") }
                values[key] = [""]
            }
        }
    }

    private static func suggestion(_ word: String, _ options: [OptionSpec]) -> String {
        nearest(word, among: options.flatMap(\.names)).map { "; did you mean \($0)?" } ?? ""
    }

    /// Whether the switch is given. `name` is the first of the option's names.
    func has(_ name: String) -> Bool { values[name] != nil }

    /// The value of the option, by the first of its names.
    func value(_ name: String) -> String? { values[name]?.last }

    /// All values of an option that repeats.
    func all(_ name: String) -> [String] { values[name] ?? [] }

    /// A whole number, or an error that says what is wrong.
    func integer(_ name: String) throws -> Int? {
        guard let text = value(name) else { return nil }
        guard let number = Int(text) else { throw UsageError("\(name) wants a whole number, not '\(text)'") }
        return number
    }

    enum Output: String { case table, json, name }

    func output() throws -> Output {
        guard let text = value("-o") else { return .table }
        guard let output = Output(rawValue: text) else { throw UsageError("-o wants table, json or name, not '\(text)'") }
        return output
    }
}
