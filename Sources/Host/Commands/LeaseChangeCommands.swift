import JSON
import Model

private let actingFor = OptionSpec.value("--as", value: "OWNER", help: "act for another account (operators)")

/// A verb on one lease that answers with it.
private func change(_ arguments: Arguments, _ verb: String, _ more: JSON = [:], goal: Set<String>) async throws -> ExitCode {
    var body: JSON = ["id": JSON(arguments.operands[0])]
    for field in more.object?.fields ?? [] { body[field.name] = field.value }
    let waits = arguments.has("--wait")
    if waits { body["wait"] = true }
    let answer: JSON
    do {
        answer = try await HostAnswer.ask(arguments, verb, body, wait: waits)
    } catch is HostAnswer.Refused {
        return .failed
    }
    _ = try LeaseOutput.show(arguments, answer)
    guard waits, let state = answer["lease"]?["state"]?.string else { return .done }
    return goal.contains(state) ? .done : .failed
}

/// `berth lease update ID`
struct LeaseUpdateCommand: Command {
    static let path = ["lease", "update"]
    static let summary = "give a lease other times or another number of machines: all of it, or nothing"
    static let usage = "ID [--duration TIME] [--end WHEN] [--start WHEN] [--count N] [--name NAME]"
    static let example = "berth lease update web --duration 8h"
    static let options: [OptionSpec] = [
        .value("--start", value: "WHEN", help: "a new start, for a reservation that has not begun"),
        .value("--end", value: "WHEN", help: "a new end"),
        .value("--duration", value: "TIME", help: "a new duration, counted from its start"),
        .value("--count", value: "N", help: "so many machines (leases with one group)"),
        .value("--name", value: "NAME", help: "another name"), actingFor, .output,
    ]
    static let operands = 1...1

    func run(_ arguments: Arguments) async throws -> ExitCode {
        var more: JSON = .object(JSON.Object())
        if let text = arguments.value("--start") { more["start"] = JSON(try LeaseTimes.instant(text, option: "--start").description) }
        if let text = arguments.value("--end") { more["end"] = JSON(try LeaseTimes.instant(text, option: "--end").description) }
        if let text = arguments.value("--duration") { more["duration_s"] = JSON(try LeaseTimes.seconds(text, option: "--duration")) }
        if let count = try arguments.integer("--count") { more["count"] = JSON(count) }
        if let name = arguments.value("--name") { more["name"] = JSON(name) }
        guard more.object?.isEmpty == false else {
            throw UsageError("nothing to change: give --duration, --end, --start, --count or --name")
        }
        return try await change(arguments, "lease.update", more, goal: [])
    }
}

/// `berth lease cancel ID`
struct LeaseCancelCommand: Command {
    static let path = ["lease", "cancel"]
    static let summary = "end a lease now; its machines are destroyed"
    static let usage = "ID [--wait]"
    static let example = "berth lease cancel web --wait"
    static let options: [OptionSpec] = [.flag("--wait", help: "until its machines are gone"), actingFor, .output]
    static let operands = 1...1

    func run(_ arguments: Arguments) async throws -> ExitCode {
        try await change(arguments, "lease.cancel", goal: ["cancelled"])
    }
}

/// `berth lease suspend ID`
struct LeaseSuspendCommand: Command {
    static let path = ["lease", "suspend"]
    static let summary = "put all machines of a lease to sleep together; its room is free for others"
    static let usage = "ID [--wait]"
    static let example = "berth lease suspend web --wait"
    static let options: [OptionSpec] = [.flag("--wait", help: "until all sleep"), actingFor, .output]
    static let operands = 1...1

    func run(_ arguments: Arguments) async throws -> ExitCode {
        try await change(arguments, "lease.suspend", goal: ["suspended"])
    }
}

/// `berth lease resume ID`
struct LeaseResumeCommand: Command {
    static let path = ["lease", "resume"]
    static let summary = "wake a suspended lease as soon as there is room"
    static let usage = "ID [--wait]"
    static let example = "berth lease resume web --wait"
    static let options: [OptionSpec] = [.flag("--wait", help: "until all run"), actingFor, .output]
    static let operands = 1...1

    func run(_ arguments: Arguments) async throws -> ExitCode {
        try await change(arguments, "lease.resume", goal: ["active"])
    }
}

/// `berth lease save ID NAME`
struct LeaseSaveCommand: Command {
    static let path = ["lease", "save"]
    static let summary = "make a template of a lease, to start others from"
    static let usage = "ID NAME"
    static let example = "berth lease save web web-template"
    static let options: [OptionSpec] = [actingFor, .output]
    static let operands = 2...2

    func run(_ arguments: Arguments) async throws -> ExitCode {
        let name = arguments.operands[1]
        let answer = try await HostAnswer.ask(arguments, "lease.save", ["id": JSON(arguments.operands[0]), "name": JSON(name)])
        switch try arguments.output() {
        case .json: print(answer.pretty)
        case .name: print(name)
        case .table: print("Saved. Use it: berth lease create --template \(name)")
        }
        return .done
    }
}
