/// A condition on where a machine may run: `cpus >= 2 && provider != "esx2" && tag.gpu == "yes"`.
///
/// Parsed once, then only compared: nothing is ever evaluated as code. Names are those of `Requirement.names`, `tag.NAME`, and
/// `resource.NAME` for named resources; Fogbow's Glue2 names are aliases. A comparison with something unknown is false, except `!=`.
public struct Requirement: Sendable, Hashable {
    /// What a name stands for at one node, or for one flavor.
    public enum Value: Sendable, Hashable {
        case number(Double)
        case text(String)
        case truth(Bool)
    }

    public enum Comparison: String, Sendable, Hashable {
        case equal = "=="
        case unequal = "!="
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="
    }

    public enum Operand: Sendable, Hashable {
        case name(String)
        case value(Value)
    }

    public indirect enum Term: Sendable, Hashable {
        case compare(Operand, Comparison, Operand)
        case not(Term)
        case all([Term])
        case any([Term])
        case holds(Operand)
    }

    /// The names that every node may answer.
    public static let names = [
        "cpus", "memory_mib", "disk_gib", "machines", "provider", "plugin", "node", "member", "arch", "cpu_vendor", "cpu_mhz", "price",
        "local",
    ]

    /// Fogbow's Glue2 names and the short forms that people write.
    public static let aliases = [
        "Glue2vCPU": "cpus", "Glue2RAM": "memory_mib", "Glue2Disk": "disk_gib", "Glue2CloudComputeManagerID": "member",
        "memory": "memory_mib", "disk": "disk_gib",
    ]

    public let term: Term
    /// The expression in its one spelling: the same for all ways to write the same condition with other spaces or aliases.
    public let text: String

    public init(_ term: Term) {
        self.term = term
        text = term.text(outer: 0)
    }

    /// The conditions that all must hold, one by one: an explanation names the one that did not.
    public var conjuncts: [Requirement] {
        if case .all(let terms) = term { return terms.map { Requirement($0) } }
        return [self]
    }

    /// Every name that the condition asks about.
    public var mentioned: Set<String> { term.mentioned }

    /// Whether the condition holds where `lookup` tells what each name stands for; nil is "unknown".
    public func holds(_ lookup: (String) -> Value?) -> Bool {
        term.holds(lookup)
    }
}

extension Requirement: CustomStringConvertible {
    public var description: String { text }
}

extension Requirement.Term {
    fileprivate var mentioned: Set<String> {
        switch self {
        case .compare(let left, _, let right): [left, right].reduce(into: []) { if case .name(let name) = $1 { $0.insert(name) } }
        case .holds(let operand): if case .name(let name) = operand { [name] } else { [] }
        case .not(let term): term.mentioned
        case .all(let terms), .any(let terms): terms.reduce(into: []) { $0.formUnion($1.mentioned) }
        }
    }

    fileprivate func holds(_ lookup: (String) -> Requirement.Value?) -> Bool {
        switch self {
        case .not(let term): !term.holds(lookup)
        case .all(let terms): terms.allSatisfy { $0.holds(lookup) }
        case .any(let terms): terms.contains { $0.holds(lookup) }
        case .holds(let operand): operand.value(lookup)?.isTrue ?? false
        case .compare(let left, let comparison, let right):
            Requirement.Value.compare(left.value(lookup), comparison, right.value(lookup))
        }
    }

    /// `outer`: 0 stands alone, 1 inside `||`, 2 inside `&&`, 3 behind `!`.
    fileprivate func text(outer: Int) -> String {
        switch self {
        case .compare(let left, let comparison, let right):
            let text = "\(left.text) \(comparison.rawValue) \(right.text)"
            return outer == 3 ? "(\(text))" : text
        case .holds(let operand): return operand.text
        case .not(let term): return "!" + term.text(outer: 3)
        case .all(let terms):
            let text = terms.map { $0.text(outer: 2) }.joined(separator: " && ")
            return outer >= 2 ? "(\(text))" : text
        case .any(let terms):
            let text = terms.map { $0.text(outer: 1) }.joined(separator: " || ")
            return outer >= 1 ? "(\(text))" : text
        }
    }
}

extension Requirement.Operand {
    fileprivate func value(_ lookup: (String) -> Requirement.Value?) -> Requirement.Value? {
        switch self {
        case .value(let value): value
        case .name(let name): lookup(name)
        }
    }

    fileprivate var text: String {
        switch self {
        case .name(let name): name
        case .value(.number(let number)): Requirement.spell(number)
        case .value(.truth(let truth)): truth ? "true" : "false"
        case .value(.text(let text)): "\"" + text.reduce(into: "") { $0 += $1 == "\"" || $1 == "\\" ? "\\\($1)" : String($1) } + "\""
        }
    }
}

extension Requirement {
    /// A number as a person writes it: no `.0` behind whole numbers.
    static func spell(_ number: Double) -> String {
        number == number.rounded() && abs(number) < 1e15 ? String(Int64(number)) : String(number)
    }
}

extension Requirement.Value {
    fileprivate var isTrue: Bool {
        switch self {
        case .truth(let truth): truth
        case .number(let number): number != 0
        case .text(let text): ["yes", "true", "1", "on"].contains(text)
        }
    }

    /// As a number, also where a tag says it in letters.
    private var number: Double? {
        switch self {
        case .number(let number): number
        case .text(let text): Double(text)
        case .truth: nil
        }
    }

    private var text: String {
        switch self {
        case .text(let text): text
        case .number(let number): Requirement.spell(number)
        case .truth(let truth): truth ? "true" : "false"
        }
    }

    /// Numbers compare as numbers where both sides are numbers, all else as text, and only for being equal or not.
    fileprivate static func compare(_ left: Self?, _ comparison: Requirement.Comparison, _ right: Self?) -> Bool {
        guard let left, let right else { return comparison == .unequal }
        if case .truth = left { return compare(left.isTrue, comparison, right.isTrue) }
        if case .truth = right { return compare(left.isTrue, comparison, right.isTrue) }
        if let left = left.number, let right = right.number {
            return switch comparison {
            case .equal: left == right
            case .unequal: left != right
            case .less: left < right
            case .lessOrEqual: left <= right
            case .greater: left > right
            case .greaterOrEqual: left >= right
            }
        }
        return switch comparison {
        case .equal: left.text == right.text
        case .unequal: left.text != right.text
        default: false
        }
    }

    private static func compare(_ left: Bool, _ comparison: Requirement.Comparison, _ right: Bool) -> Bool {
        switch comparison {
        case .equal: left == right
        case .unequal: left != right
        default: false
        }
    }
}
