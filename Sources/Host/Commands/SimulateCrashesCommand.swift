import JSON
import Model
import Platform
import Simulator

/// `berth simulate crashes`
struct SimulateCrashesCommand: Command {
    static let path = ["simulate", "crashes"]
    static let summary = "run the scheduler through seeded crashes, lost answers and set clocks, and check what must hold"
    static let usage = "[--seeds N] [--seed FIRST] [--threads N]"
    static let example = "berth simulate crashes --seeds 1000000"
    static let options: [OptionSpec] = [
        .value("--seeds", value: "N", help: "how many (10000)"),
        .value("--seed", value: "FIRST", help: "the first of them (1); one alone prints what happened"),
        .value("--threads", value: "N", help: "how many at a time (2)"), .output,
    ]

    func run(_ arguments: Arguments) async throws -> ExitCode {
        Log.level = .error
        let count = try arguments.integer("--seeds") ?? (arguments.has("--seed") ? 1 : 10_000)
        let first = UInt64(max(0, try arguments.integer("--seed") ?? 1))
        let clock = ContinuousClock()
        let began = clock.now
        let shows = Terminal.isInteractive
        let result = CrashCampaign.run(first: first, count: count, threads: try arguments.integer("--threads") ?? 2) { done in
            if shows { HostAnswer.complain("\r\u{1B}[K\(done) of \(count) seeds …") }
        }
        if shows, count >= 1000 { HostAnswer.complain("\r\u{1B}[K") }
        let took = began.duration(to: clock.now).components
        let seconds = Double(took.seconds) + Double(took.attoseconds) / 1e18
        switch try arguments.output() {
        case .json:
            print(
                JSON([
                    ("seeds", JSON(result.seeds)), ("steps", JSON(result.steps)), ("crashes", JSON(result.crashes)),
                    ("leases", JSON(result.leases)), ("machines", JSON(result.machines)), ("seconds", JSON(seconds)),
                    ("failed", .array(result.failed.map { ["seed": JSON($0.seed), "failures": JSON($0.failures)] })),
                ]).pretty)
        case .name: for outcome in result.failed { print(outcome.seed) }
        case .table:
            print(
                "\(result.seeds) seeds from \(first) in \(Int(seconds)) s: \(result.steps) steps, \(result.crashes) crashes of the host, "
                    + "\(result.leases) leases, \(result.machines) machines")
            for outcome in result.failed {
                for failure in outcome.failures.prefix(3) { print("FAILED: \(failure)") }
                if count == 1 {
                    print(outcome.trace.joined(separator: "\n"))
                } else {
                    print("  see: berth simulate crashes --seed \(outcome.seed)")
                }
            }
            if result.failed.isEmpty { print("Everything held.") }
        }
        return result.failed.isEmpty ? .done : .failed
    }
}

extension JSON {
    fileprivate init(_ fields: [(String, JSON)]) {
        self = .object(JSON.Object(fields: fields.map { JSON.Object.Field(name: $0.0, value: $0.1) }))
    }
}
