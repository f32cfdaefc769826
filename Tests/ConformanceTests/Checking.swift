import Conformance
import JSON
import TestSupport

/// Runs the checker on a driver, with the built `berth` as its children.
enum Checking {
    static func run(
        _ path: String, level: Int = 2, settings: [String: String]? = nil, only: Set<String> = [], seed: UInt64 = 7
    ) throws -> CheckReport {
        var checker = Checker(path: path, seed: seed)
        checker.program = Products.berth
        checker.level = level
        checker.only = only
        if let settings { checker.settings = .pairs(settings.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }) }
        return try checker.run()
    }
}

extension CheckReport {
    /// The findings of a rule.
    func findings(_ rule: Int) -> [Finding] { results.flatMap(\.findings).filter { $0.rule == rule } }

    /// Everything that was found, for the message of a failed test.
    var words: String {
        results.filter { !$0.findings.isEmpty }.map { result in
            "\(result.name) \(result.outcome): "
                + result.findings.map { "rule \($0.rule) \($0.outcome): \($0.seen)" }.joined(separator: "; ")
        }.joined(separator: "\n")
    }
}
