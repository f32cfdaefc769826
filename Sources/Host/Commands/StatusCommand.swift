import Bus
import JSON
import Model

/// `berth status`
struct StatusCommand: Command {
    static let path = ["status"]
    static let summary = "say what is wrong, since when, and what to do; exit 1 if anything is"
    static let usage = "[-o json|name]"
    static let example = "berth status"
    static let options: [OptionSpec] = [.output]

    func run(_ arguments: Arguments) async throws -> ExitCode {
        let output = try arguments.output()
        let status = try await HostConnection.with(arguments) { try await $0.request("host.status", [:], ClientOptions(deadline: 10_000)) }
        let problems = status["problems"]?.array ?? []
        switch output {
        case .json: print(status.pretty)
        case .name: for problem in problems { print(problem["what"]?.string ?? "") }
        case .table: print(StatusCommand.screen(status, problems))
        }
        return problems.isEmpty ? .done : .failed
    }

    private static func screen(_ status: JSON, _ problems: [JSON]) -> String {
        func text(_ value: JSON?) -> String { value?.string ?? "-" }
        let (ready, all) = (status["ready"]?.int ?? 0, status["providers"]?.int ?? 0)
        let head =
            "\(text(status["host"])): Berth \(text(status["version"])), up since \(text(status["started"])), \(ready) of \(all) providers ready"
        guard !problems.isEmpty else { return head + "\nnothing is wrong" }
        var table = Table("WHAT", "STATE", "SINCE", "DO")
        for problem in problems.prefix(40) {
            table.add(text(problem["what"]), text(problem["state"]), text(problem["since"]), text(problem["do"]))
        }
        var lines = [head, "", table.text, ""]
        for problem in problems.prefix(40) {
            if let reason = problem["reason"]?.string { lines.append("\(text(problem["what"])): \(reason)") }
        }
        if problems.count > 40 { lines.append("and \(problems.count - 40) more: berth status -o json") }
        return lines.joined(separator: "\n")
    }
}
