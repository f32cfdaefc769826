public import JSON

/// How a check ended, best first.
public enum CheckOutcome: String, Sendable, Comparable {
    case pass, skip, warn, fail, crash

    private var rank: Int {
        switch self {
        case .pass: 0
        case .skip: 1
        case .warn: 2
        case .fail: 3
        case .crash: 4
        }
    }

    public static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }
}

/// A rule that was seen broken.
public struct Finding: Sendable, Equatable {
    public var rule: Int
    public var outcome: CheckOutcome
    /// What was seen.
    public var seen: String
    /// What the author should do.
    public var advice: String

    public init(_ rule: Int, _ outcome: CheckOutcome, _ seen: String, do advice: String) {
        self.rule = rule
        self.outcome = outcome
        self.seen = seen
        self.advice = advice
    }

    var json: JSON { ["rule": JSON(rule), "result": JSON(outcome.rawValue), "seen": JSON(seen), "do": JSON(advice)] }

    init?(_ json: JSON) {
        guard let rule = json["rule"]?.int, let outcome = json["result"]?.string.flatMap(CheckOutcome.init(rawValue:)),
            let seen = json["seen"]?.string, let advice = json["do"]?.string
        else { return nil }
        self.init(rule, outcome, seen, do: advice)
    }
}

/// One check and what it found.
public struct CheckResult: Sendable {
    public var name: String
    public var outcome: CheckOutcome
    /// Why it was skipped.
    public var reason: String?
    public var findings: [Finding] = []
    public var milliseconds: Int64 = 0

    public var json: JSON {
        [
            "name": JSON(name), "result": JSON(outcome.rawValue), "reason": JSON(reason), "milliseconds": .int(milliseconds),
            "findings": .array(findings.map(\.json)),
        ]
    }
}

/// All that `berth plugins check` says about one file.
public struct CheckReport: Sendable {
    public var path: String
    public var seed: UInt64
    public var level: Int
    /// What the driver says of itself, as far as it got.
    public var identity: JSON = .null
    public var results: [CheckResult] = []

    public var outcome: CheckOutcome {
        results.map(\.outcome).filter { $0 != .skip }.max() ?? .pass
    }

    public func count(_ outcome: CheckOutcome) -> Int { results.count { $0.outcome == outcome } }

    public var json: JSON {
        let outcomes: [CheckOutcome] = [.pass, .warn, .fail, .crash, .skip]
        var summary: JSON = [:]
        for outcome in outcomes { summary[outcome.rawValue] = JSON(count(outcome)) }
        return [
            "path": JSON(path), "result": JSON(outcome.rawValue), "driver": identity, "level": JSON(level),
            "seed": .string("\(seed)"), "summary": summary, "checks": .array(results.map(\.json)),
        ]
    }
}
