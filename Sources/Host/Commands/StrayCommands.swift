import JSON
import Model

/// `berth machines adopt ID`
struct MachinesAdoptCommand: Command {
    static let path = ["machines", "adopt"]
    static let summary = "make a lease of a stray machine, so that it is looked after again (operators)"
    static let usage = "ID [--owner OWNER] [--name NAME]"
    static let example = "berth machines adopt m-0000be47-0cee-87d5-b54a-dcfbd127ef3a --owner uid:1000"
    static let options: [OptionSpec] = [
        .value("--owner", value: "OWNER", help: "whose lease it is to be (you)"), .value("--name", value: "NAME", help: "what to call it"),
        .output,
    ]
    static let operands = 1...1

    func run(_ arguments: Arguments) async throws -> ExitCode {
        var body: JSON = ["id": JSON(arguments.operands[0])]
        if let owner = arguments.value("--owner") { body["owner"] = JSON(owner) }
        if let name = arguments.value("--name") { body["name"] = JSON(name) }
        return try LeaseOutput.show(arguments, try await HostAnswer.ask(arguments, "machine.adopt", body))
    }
}

/// `berth machines remove ID`
struct MachinesRemoveCommand: Command {
    static let path = ["machines", "remove"]
    static let summary = "destroy a stray machine (operators)"
    static let usage = "ID"
    static let example = "berth machines remove m-0000be47-0cee-87d5-b54a-dcfbd127ef3a"
    static let options: [OptionSpec] = [.output]
    static let operands = 1...1

    func run(_ arguments: Arguments) async throws -> ExitCode {
        let answer = try await HostAnswer.ask(arguments, "machine.remove", ["id": JSON(arguments.operands[0])])
        switch try arguments.output() {
        case .json: print(answer.pretty)
        case .name: print(LeaseTables.text(answer["machine"]))
        case .table: print("\(LeaseTables.text(answer["machine"])) at \(LeaseTables.text(answer["provider"])) is being destroyed.")
        }
        return .done
    }
}

/// `berth ledger accept`
struct LedgerAcceptCommand: Command {
    static let path = ["ledger", "accept"]
    static let summary = "go on with a ledger that was restored from a backup (operators)"
    static let usage = ""
    static let example = "berth ledger accept"
    static let options: [OptionSpec] = [.output]

    func run(_ arguments: Arguments) async throws -> ExitCode {
        let answer = try await HostAnswer.ask(arguments, "ledger.accept", [:])
        guard try arguments.output() == .table else {
            print(answer.pretty)
            return .done
        }
        print("The host goes on from the backup, as it was restored at \(LeaseTables.text(answer["restored"])).")
        if let strays = answer["strays"]?.int, strays > 0 {
            print("\(strays) stray machines are left as they are: berth machines --strays")
        }
        let unseen = answer["unseen"]?.array?.compactMap(\.string) ?? []
        if !unseen.isEmpty { print("Not seen yet, strays may still show up there: \(unseen.joined(separator: ", "))") }
        return .done
    }
}
