import Model

/// What a value must look like.
public enum ValueType: Sendable, Equatable {
    case text
    /// `yes` or `no`.
    case bool
    case duration
    case size
    case integer(ClosedRange<Int>)
    case number(ClosedRange<Double>)
    /// `5 in 60s`
    case budget
    /// One of these.
    case word([String])
    /// Words with commas between.
    case list
    /// 64 hexadecimal digits.
    case sha256
    /// A secret by reference, never literal.
    case secret
    /// Text, or a secret by reference.
    case setting

    /// What is wrong with a value; nil: nothing. Does not repeat what may be a secret.
    func problem(_ value: String) -> (message: String, hint: String?)? {
        let fits =
            switch self {
            case .text, .setting: true
            case .bool: ValueParser.bool(value) != nil
            case .duration: ValueParser.duration(value) != nil
            case .size: ValueParser.size(value) != nil
            case .integer(let range): ValueParser.integer(value).map(range.contains) ?? false
            case .number(let range): ValueParser.number(value).map(range.contains) ?? false
            case .budget: RestartBudget(value) != nil
            case .word(let words): words.contains(value)
            case .list: !ValueParser.list(value).contains("")
            case .sha256: value.utf8.count == 64 && value.allSatisfy { $0.isASCII && $0.isHexDigit }
            case .secret: SettingValue(value).isSecret
            }
        guard !fits else { return nil }
        if self == .secret { return ("wants a secret by reference", "write @file:PATH or @env:NAME") }
        let near: String? = if case .word(let words) = self { nearest(value, among: words) } else { nil }
        return ("wants \(wanted), not '\(value.prefix(60))'", near.map { "did you mean '\($0)'?" })
    }

    private var wanted: String {
        switch self {
        case .text, .setting, .secret: "text"
        case .bool: "yes or no"
        case .duration: "a duration such as 30s, 10m or 4h"
        case .size: "a size such as 512M or 2G"
        case .integer(let range):
            range.upperBound == .max
                ? "a whole number from \(range.lowerBound)" : "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .number(let range):
            range.upperBound.isFinite ? "a number from \(range.lowerBound) to \(range.upperBound)" : "a number from \(range.lowerBound)"
        case .budget: "a count and a time such as 5 in 60s"
        case .word(let words): "one of \(words.joined(separator: ", "))"
        case .list: "words with commas between"
        case .sha256: "64 hexadecimal digits"
        }
    }
}
