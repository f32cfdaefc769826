import CShim
import Glibc
public import JSON
public import Model
public import PluginHost

/// Tries a driver against the rules, each check in a process of its own.
public struct Checker {
    public var path: String
    public var level = 2
    public var seed: UInt64
    /// What `--spec` adds to the machines that are made.
    public var spec: JSON?
    public var settings = GivenSettings.none
    /// Only these checks, and the descriptor's; empty: all.
    public var only: Set<String> = []
    /// `NAME=VALUE`, as a worker would have them.
    public var environment: [String] = []
    /// What runs `CheckChild.run`.
    public var program = "/proc/self/exe"
    public var arguments = ["check-driver"]

    public init(path: String, seed: UInt64) {
        self.path = path
        self.seed = seed
    }

    /// Where the settings come from. They are typed once the driver's schema is known.
    public enum GivenSettings {
        /// None: the checks that need some are skipped.
        case none
        /// `--set NAME=VALUE`.
        case pairs([(name: String, value: String)])
        case provider(ProviderSection)
    }

    /// The names of all checks, in the order of the run.
    public static var checkNames: [String] { Check.all.map(\.name) }

    /// The level from which a check runs; 0 for a name that is none.
    public static func level(of name: String) -> Int { Check.all.first { $0.name == name }?.level ?? 0 }

    /// Runs all checks; `each` hears of one as it ends.
    public func run(each: (CheckResult) -> Void = { _ in }) throws(BerthError) -> CheckReport {
        guard let resolved = realpath(path, nil) else {
            throw BerthError(.notFound, "there is no file \(path)", hint: "give the path of a shared library")
        }
        defer { free(resolved) }
        var run = Run(checker: self, file: String(cString: resolved), report: CheckReport(path: path, seed: seed, level: level))
        for check in Check.all where check.level <= level && (only.isEmpty || only.contains(check.name) || check.name == "descriptor") {
            let result = try run.result(of: check)
            run.report.results.append(result)
            each(result)
        }
        return run.report
    }

    /// What is known while the checks run.
    private struct Run {
        let checker: Checker
        let file: String
        var report: CheckReport
        var capabilities: [String]?
        var schema: JSON.Schema?
        var settings: JSON?
        /// Calls that crashed or hung, and why nothing that needs them is tried.
        var broken: [String: String] = [:]
        var memory: [String: String] = [:]

        mutating func result(of check: Check) throws(BerthError) -> CheckResult {
            if let reason = try reasonToSkip(check) {
                return CheckResult(name: check.name, outcome: .skip, reason: reason)
            }
            guard let heard = try start(check) else {
                throw BerthError(.broken, "the check's process does not start", hint: "is \(checker.program) there?")
            }
            memory.merge(heard.memory) { $1 }
            var findings = heard.findings
            let ending = heard.ending(seed: checker.seed)
            if let ending { findings.append(ending) }
            if check.name == "open.wrong-settings" {
                // What wrong settings do to open says nothing of the right ones.
            } else if let ending {
                broken[heard.step] = "\(heard.step) \(ending.outcome == .crash ? "crashes" : "does not end") (\(check.name))"
            } else if findings.contains(where: { [70, 72, 10].contains($0.rule) && $0.outcome == .fail }) {
                broken[heard.step] = "\(heard.step) does not end (\(check.name))"
            } else if heard.printed > 0 {
                findings.append(
                    Finding(85, .warn, "the driver printed \(heard.printed) bytes: \(excerpt(heard.lastOutput, 60))", do: "use host->log"))
            }
            if let identity = heard.identity { try learn(identity) }
            let outcome = findings.map(\.outcome).max() ?? (heard.skipped == nil ? .pass : .skip)
            if outcome >= .fail, ["entry", "descriptor", "open"].contains(check.name) {
                broken[check.name] = broken[check.name] ?? "\(check.name) failed"
            }
            return CheckResult(
                name: check.name, outcome: outcome, reason: heard.skipped, findings: findings, milliseconds: heard.milliseconds)
        }

        private mutating func reasonToSkip(_ check: Check) throws(BerthError) -> String? {
            if check.level > 1 {
                guard let capabilities else { return "the driver does not load" }
                if let missing = check.needs.first(where: { !capabilities.contains($0) }) { return "the driver does not list \(missing)" }
            }
            if check.needsSettings {
                if settings == nil, let schema { settings = try resolve(schema) }
                guard settings != nil else { return "needs settings: --provider NAME or --set key=value" }
            }
            let needed = check.calls + (check.level > 1 ? ["load", "entry", "descriptor"] : [])
            return needed.compactMap { broken[$0] }.first
        }

        private func resolve(_ schema: JSON.Schema) throws(BerthError) -> JSON? {
            switch checker.settings {
            case .none: return schema.properties.isEmpty ? [:] : nil
            case .pairs(let pairs): return try SettingsText.document(pairs, schema)
            case .provider(let provider): return try provider.settings(for: schema)
            }
        }

        private mutating func learn(_ identity: JSON) throws(BerthError) {
            capabilities = (identity["capabilities"]?.array ?? []).compactMap(\.string)
            schema = identity["config_schema"].flatMap { try? JSON.Schema($0) }
            var shown = identity
            shown["config_schema"] = nil
            report.identity = shown
        }

        private func start(_ check: Check) throws(BerthError) -> CheckProcess.Report? {
            var template = Array("/tmp/berth-check-XXXXXX".utf8CString)
            guard mkdtemp(&template) != nil else {
                throw BerthError(.broken, "cannot make a directory below /tmp", hint: "is it full?")
            }
            let directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
            defer { Directory.remove(directory) }
            let process = CheckProcess(
                program: checker.program, arguments: checker.arguments, environment: checker.environment + ["SWIFT_BACKTRACE=enable=no"],
                directory: directory)
            let request = CheckRequest(
                path: file, check: check.name, settings: check.needsSettings ? settings : nil, spec: checker.spec, level: checker.level,
                seed: checker.seed, memory: memory)
            return process.run(request, limit: check.limit)
        }
    }
}

/// The working directory of a check, with what the driver left in it.
private enum Directory {
    static func remove(_ path: String) {
        guard let stream = opendir(path) else { return }
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard name != ".", name != ".." else { continue }
            let below = "\(path)/\(name)"
            if unlink(below) != 0 { remove(below) }
        }
        closedir(stream)
        rmdir(path)
    }
}
