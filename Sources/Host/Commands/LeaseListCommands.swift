import JSON
import Model

/// `berth lease list`
struct LeaseListCommand: Command {
    static let path = ["lease", "list"]
    static let summary = "list leases: those that live, or all"
    static let usage = "[--state STATE] [--all]"
    static let example = "berth lease list --state active -o name"
    static let options: [OptionSpec] = [
        .value("--state", value: "STATE", help: "only those: queued, scheduled, preparing, active, suspended …", repeats: true),
        .flag("--all", help: "those that are over too"),
        .value("--owner", value: "OWNER", help: "only this account's (operators)"),
        .value("--limit", value: "N", help: "at most so many"),
        .value("--as", value: "OWNER", help: "act for another account (operators)"), .output,
    ]

    func run(_ arguments: Arguments) async throws -> ExitCode {
        var body: JSON = .object(JSON.Object())
        let states = arguments.all("--state")
        if !states.isEmpty {
            body["state"] = JSON(states)
        } else if !arguments.has("--all") {
            body["state"] = JSON(LeaseState.allCases.filter { !$0.isFinal && $0 != .new }.map(\.rawValue))
        }
        if let owner = arguments.value("--owner") { body["owner"] = JSON(owner) }
        let leases = try await HostAnswer.all(arguments, "lease.list", "leases", body)
        switch try arguments.output() {
        case .json: print(JSON.array(leases).pretty)
        case .name: for lease in leases { print(LeaseTables.text(lease["id"])) }
        case .table: print(leases.isEmpty ? "There are no leases. Make one: berth lease create --help" : LeaseTables.leases(leases))
        }
        return .done
    }
}

/// `berth lease show ID`
struct LeaseShowCommand: Command {
    static let path = ["lease", "show"]
    static let summary = "show a lease with its machines"
    static let usage = "ID"
    static let example = "berth lease show web"
    static let options: [OptionSpec] = [.value("--as", value: "OWNER", help: "act for another account (operators)"), .output]
    static let operands = 1...1

    func run(_ arguments: Arguments) async throws -> ExitCode {
        let answer = try await HostAnswer.ask(arguments, "lease.show", ["id": JSON(arguments.operands[0])])
        return try LeaseOutput.show(arguments, answer)
    }
}

/// What commands about one lease print.
enum LeaseOutput {
    static func show(_ arguments: Arguments, _ answer: JSON) throws -> ExitCode {
        let lease = answer["lease"] ?? .null
        switch try arguments.output() {
        case .json: print(lease.pretty)
        case .name: print(LeaseTables.text(lease["id"]))
        case .table: print(LeaseTables.lease(lease))
        }
        return .done
    }
}

/// `berth lease explain ID`
struct LeaseExplainCommand: Command {
    static let path = ["lease", "explain"]
    static let summary = "why a lease is where it is, or why it waits: node by node"
    static let usage = "ID"
    static let example = "berth lease explain web"
    static let options: [OptionSpec] = [.value("--as", value: "OWNER", help: "act for another account (operators)"), .output]
    static let operands = 1...1

    func run(_ arguments: Arguments) async throws -> ExitCode {
        let answer = try await HostAnswer.ask(arguments, "lease.explain", ["id": JSON(arguments.operands[0])])
        guard try arguments.output() == .table else {
            print(answer.pretty)
            return .done
        }
        let lease = answer["lease"] ?? .null
        print(
            "\(LeaseTables.text(lease["name"])) is \(LeaseTables.text(lease["state"]))" + (lease["reason"]?.string.map { ": \($0)" } ?? ""))
        if let expected = answer["expected"]?.string { print("start: \(expected) (\(LeaseTimes.distance(to: expected)))") }
        let text = LeaseTables.explanation(answer["explanation"] ?? .null)
        if !text.isEmpty { print(text) }
        return .done
    }
}
