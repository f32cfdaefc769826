import Conformance
import Glibc
import JSON
import Model
import PluginHost

/// `berth plugins check PATH`: the conformance kit for authors of drivers.
struct PluginsCheckCommand: Command {
    static let path = ["plugins", "check"]
    static let summary = "try a driver against the rules of the ABI, each check in a process of its own"
    static let usage = "PATH [--provider NAME | --set KEY=VALUE]... [--level N] [--seed N] [--only CHECK]..."
    static let example = "berth plugins check ./inventory.so --set file=/tmp/shelf --level 3"
    static let operands = 1...1
    static let options: [OptionSpec] = [
        .value("--provider", value: "NAME", help: "take settings and environment of this provider of the configuration"),
        .value("--set", value: "KEY=VALUE", help: "a setting, without config. before it; @file: and @env: work", repeats: true),
        .value("--spec", value: "JSON", help: "fields for the machines that are made, such as {\"image\":\"debian-12\"}"),
        .value("--level", value: "N", help: "1 looks and loads, 2 asks the provider (default), 3 makes and destroys machines, 4 at length"),
        .value("--seed", value: "N", help: "repeats what was random in an earlier run"),
        .value("--only", value: "CHECK", help: "run this check alone, after the driver was loaded; -v names them all", repeats: true),
        .flag("-v", "--verbose", help: "show every check, not only those that found something"),
        .output,
    ]

    func run(_ arguments: Arguments) async throws -> ExitCode {
        let output = try arguments.output()
        var checker = Checker(path: arguments.operands[0], seed: UInt64.random(in: 1...999_999))
        if let seed = arguments.value("--seed") {
            guard let number = UInt64(seed) else { throw UsageError("--seed wants a whole number, not '\(seed)'") }
            checker.seed = number
        }
        checker.level = try arguments.integer("--level") ?? 2
        guard (1...4).contains(checker.level) else { throw UsageError("--level is 1, 2, 3 or 4") }
        if let spec = arguments.value("--spec") {
            guard let json = try? JSON(parsing: spec), json.object != nil else { throw UsageError("--spec wants a JSON object") }
            checker.spec = json
        }
        for name in arguments.all("--only") where !Checker.checkNames.contains(name) {
            let meant = nearest(name, among: Checker.checkNames).map { "; did you mean '\($0)'?" } ?? ""
            throw UsageError("there is no check '\(name)'\(meant)")
        }
        checker.only = Set(arguments.all("--only"))
        if let name = checker.only.sorted().first(where: { Checker.level(of: $0) > checker.level }) {
            throw UsageError("the check '\(name)' is of level \(Checker.level(of: name)); say --level \(Checker.level(of: name))")
        }
        try giveSettings(arguments, &checker)
        let isVerbose = arguments.has("-v")
        let report = try PluginsCheckCommand.report(checker) { result in
            if output == .table { show(result, isVerbose: isVerbose) }
        }
        switch output {
        case .json: print(report.json.pretty)
        case .name: for result in report.results where result.outcome >= .fail { print(result.name) }
        case .table: print(CheckSummary(report: report).text)
        }
        return report.outcome >= .fail ? .failed : .done
    }

    private static func report(_ checker: Checker, each: (CheckResult) -> Void) throws -> CheckReport {
        do throws(BerthError) {
            return try checker.run(each: each)
        } catch {
            // Settings that do not fit, and a file that is not there: a wrong use, not a bad driver.
            guard error.code != .invalid, error.code != .notFound else { throw UsageError(error.description) }
            throw error
        }
    }

    /// Settings of `--provider` or `--set`; without either the checks that need some are skipped.
    private func giveSettings(_ arguments: Arguments, _ checker: inout Checker) throws {
        let pairs = try arguments.all("--set").map { text in
            guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
                throw UsageError("--set wants KEY=VALUE, not '\(text)'")
            }
            return (name: String(text[..<equals]), value: String(text[text.index(after: equals)...]))
        }
        guard let name = arguments.value("--provider") else {
            if !pairs.isEmpty { checker.settings = .pairs(pairs) }
            return
        }
        guard pairs.isEmpty else { throw UsageError("give --provider or --set, not both") }
        let configuration = try Places(arguments).load()
        guard let provider = configuration.provider(name) else {
            let meant = nearest(name, among: configuration.providers.map(\.name)).map { "; did you mean '\($0)'?" } ?? ""
            throw UsageError("there is no provider '\(name)'\(meant)")
        }
        checker.settings = .provider(provider)
        checker.environment = try provider.environment.map { "\($0.name)=\(try $0.value.resolve())" }
    }

    private func show(_ result: CheckResult, isVerbose: Bool) {
        if isVerbose || !result.findings.isEmpty {
            let time = result.outcome == .skip ? result.reason ?? "" : "\(result.milliseconds) ms"
            print("\(result.outcome.rawValue.uppercased().padded(to: 5))  \(result.name.padded(to: 20))  \(time)")
        }
        for finding in result.findings {
            print("       rule \(finding.rule): \(finding.seen)")
            print("       do: \(finding.advice)")
        }
        fflush(nil)
    }
}

/// The last lines of a report for people.
private struct CheckSummary {
    let report: CheckReport

    var text: String {
        var lines: [String] = []
        if let id = report.identity["id"]?.string, let version = report.identity["version"]?.string {
            lines.append("\(id) \(version): \(report.identity["name"]?.string ?? "")")
        }
        let skipped = report.results.filter { $0.outcome == .skip }
        let reasons = Dictionary(grouping: skipped) { $0.reason ?? "" }.map { "\($0.value.count) (\($0.key))" }.sorted()
        let counts = [
            "\(report.count(.pass)) passed", "\(report.count(.warn)) warned", "\(report.count(.fail)) failed",
            "\(report.count(.crash)) crashed",
        ]
        lines.append(
            counts.joined(separator: ", ") + (skipped.isEmpty ? "" : ", \(skipped.count) skipped: \(reasons.joined(separator: ", "))"))
        lines.append("level \(report.level), seed \(report.seed); the rules stand in docs/abi.md")
        return lines.joined(separator: "\n")
    }
}
