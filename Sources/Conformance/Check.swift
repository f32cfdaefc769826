import JSON

/// One thing to try with a driver, in a process of its own.
struct Check: Sendable {
    /// What it looks at, in the order of the run: `file`, `entry`, `open`, …
    var name: String
    /// From which level on it runs: 1 looks and loads, 2 asks the provider, 3 makes and destroys machines, 4 does so at length.
    var level: Int
    /// Whether it needs settings that lead to a provider.
    var needsSettings = true
    /// What the driver must be able to do.
    var needs: [String] = []
    /// The calls it makes: not tried again where one of them crashed or hung before.
    var calls: [String] = []
    /// How long the child may take, in milliseconds.
    var limit: Int64 = 60_000
    var run: @Sendable (Examination) throws(CheckStop) -> Void

    static let all: [Check] = fileChecks + entryChecks + handleChecks + documentChecks + timeChecks + fuzzChecks + machineChecks

    static func named(_ name: String) -> Check? { all.first { $0.name == name } }
}

/// What a check runs with: in the child.
final class Examination {
    let path: String
    let settings: JSON?
    /// What `--spec` adds to the machines that the checks make.
    let extraSpec: JSON?
    let level: Int
    let seed: UInt64
    let reporter: Reporter
    let watchdog: Watchdog
    var random: SeededRandom
    /// What earlier checks of this run left, such as the key of a machine.
    let memory: [String: String]

    init(_ request: CheckRequest, _ reporter: Reporter) {
        path = request.path
        settings = request.settings
        extraSpec = request.spec
        level = request.level
        seed = request.seed
        memory = request.memory
        // Another sequence for each check: keys must not meet.
        random = SeededRandom(request.check.utf8.reduce(request.seed) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 })
        self.reporter = reporter
        watchdog = Watchdog(reporter)
    }

    func found(_ rule: Int, _ outcome: CheckOutcome, _ seen: String, do advice: String) {
        reporter.finding(Finding(rule, outcome, seen, do: advice))
    }

    /// The driver, loaded.
    func load() throws(CheckStop) -> Subject { try Subject(path, reporter, watchdog) }

    /// The driver, loaded and open.
    func open() throws(CheckStop) -> Subject {
        let subject = try load()
        try subject.mustOpen(settings ?? [:])
        return subject
    }
}

/// What the parent asks its child to do. It goes through a socket: settings may hold secrets.
struct CheckRequest {
    var path: String
    var check: String
    var settings: JSON?
    var spec: JSON?
    var level: Int
    var seed: UInt64
    var memory: [String: String]

    var json: JSON {
        var memory: JSON = [:]
        for (name, value) in self.memory { memory[name] = JSON(value) }
        return [
            "path": JSON(path), "check": JSON(check), "settings": settings ?? .null, "spec": spec ?? .null,
            "level": JSON(level), "seed": .string("\(seed)"),
            "memory": memory,
        ]
    }
}

extension CheckRequest {
    init?(_ json: JSON) {
        guard let path = json["path"]?.string, let check = json["check"]?.string, let level = json["level"]?.int,
            let seed = json["seed"]?.string.flatMap({ UInt64($0) })
        else { return nil }
        let settings = json["settings"].flatMap { $0.isNull ? nil : $0 }
        let spec = json["spec"].flatMap { $0.isNull ? nil : $0 }
        var memory: [String: String] = [:]
        for field in json["memory"]?.object?.fields ?? [] { memory[field.name] = field.value.string }
        self.init(path: path, check: check, settings: settings, spec: spec, level: level, seed: seed, memory: memory)
    }
}
