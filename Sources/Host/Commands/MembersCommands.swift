import JSON
import Model

/// `berth members`
struct MembersCommand: Command {
    static let path = ["members"]
    static let summary = "list the other hosts of the federation: who is alive, and what they have for us"
    static let usage = "[-o json|name]"
    static let example = "berth members"
    static let options: [OptionSpec] = [.output]

    func run(_ arguments: Arguments) async throws -> ExitCode { try await MembersListCommand().run(arguments) }
}

/// `berth members list`
struct MembersListCommand: Command {
    static let path = ["members", "list"]
    static let summary = MembersCommand.summary
    static let usage = MembersCommand.usage
    static let example = "berth members list -o json"
    static let options: [OptionSpec] = MembersCommand.options

    func run(_ arguments: Arguments) async throws -> ExitCode {
        let members = try await HostAnswer.all(arguments, "member.list", "members", .object(JSON.Object()))
        switch try arguments.output() {
        case .json: print(JSON.array(members).pretty)
        case .name: for member in members { print(LeaseTables.text(member["name"])) }
        case .table where members.isEmpty:
            print("There are no members. On the other host: berth members invite; here: berth members accept LINE")
        case .table:
            var table = Table("NAME", "STATE", "HEARD", "CPUS IDLE", "MEMORY IDLE", "LENDS", "FREE FOR US", "HOLDS HERE", "ADDRESS")
            for member in members {
                table.add(
                    LeaseTables.text(member["name"]), LeaseTables.text(member["state"]),
                    member["heard_s"]?.int.map { "\($0) s ago" } ?? "-", LeaseTables.text(member["cpus"]?["idle"]),
                    LeaseTables.text(member["memory_mib"]?["idle"]), LeaseTables.text(member["lends"]),
                    MembersListCommand.amounts(member["free"]),
                    MembersListCommand.amounts(member["lent"]), LeaseTables.text(member["address"]))
            }
            print(table.text)
            for member in members {
                if let reason = member["reason"]?.string { print("\(LeaseTables.text(member["name"])): \(reason)") }
            }
        }
        return .done
    }

    /// `4 cpus, 8192 MiB`.
    static func amounts(_ json: JSON?) -> String {
        guard let json else { return "-" }
        var amounts = Resources(json)
        // Not everything is counted everywhere.
        if amounts.diskGiB >= Resources.unlimited >> 10 { amounts.diskGiB = 0 }
        if amounts.machines >= 1 << 30 { amounts.machines = 0 }
        return amounts.isZero ? "-" : amounts.description
    }
}

/// `berth members show NAME`
struct MembersShowCommand: Command {
    static let path = ["members", "show"]
    static let summary = "show all that is known of a member, and what it holds here"
    static let usage = "NAME [-o json|name]"
    static let example = "berth members show beta"
    static let options: [OptionSpec] = [.output]
    static let operands = 1...1

    func run(_ arguments: Arguments) async throws -> ExitCode {
        let answer = try await HostAnswer.ask(arguments, "member.show", ["name": JSON(arguments.operands[0])])
        let member = answer["member"] ?? .null
        switch try arguments.output() {
        case .json: print(member.pretty)
        case .name: print(LeaseTables.text(member["name"]))
        case .table:
            for field in member.object?.fields ?? []
            where !["capacity", "holds", "free", "lent"].contains(field.name) && !field.value.isNull {
                print("\(field.name.padded(to: 12))  \(field.value.string ?? field.value.text)")
            }
            print("\("free for us".padded(to: 12))  \(MembersListCommand.amounts(member["free"]))")
            print("\("holds here".padded(to: 12))  \(MembersListCommand.amounts(member["lent"]))")
            for lent in member["holds"]?.array ?? [] {
                print("  \(LeaseTables.text(lent["lease"]))  taken back in \(LeaseTables.text(lent["expires_s"])) s unless it renews")
            }
        }
        return .done
    }
}

/// `berth members invite`
struct MembersInviteCommand: Command {
    static let path = ["members", "invite"]
    static let summary = "print the line with which another host takes this one into its federation"
    static let usage = "[--address tcp://HOST:PORT]"
    static let example = "berth members invite"
    static let options: [OptionSpec] = [
        .value("--address", value: "ENDPOINT", help: "where the other host reaches this one (default: address in [federation])"), .output,
    ]

    func run(_ arguments: Arguments) async throws -> ExitCode {
        var body: JSON = .object(JSON.Object())
        if let address = arguments.value("--address") { body["address"] = JSON(address) }
        let answer = try await HostAnswer.ask(arguments, "member.invite", body)
        print(try arguments.output() == .json ? answer.pretty : LeaseTables.text(answer["line"]))
        if try arguments.output() == .table, answer["address"]?.string == nil {
            Terminal.complain(
                "the line names no address, so this host can borrow and not lend; give --address, or listen and address in [federation]"
            )
        }
        return .done
    }
}

/// `berth members accept LINE`
struct MembersAcceptCommand: Command {
    static let path = ["members", "accept"]
    static let summary = "take another host into the federation, by the line that its berth members invite printed"
    static let usage = "LINE [--rendezvous] [--no-borrowing] [--offer AMOUNTS] [--accept AMOUNTS]"
    static let example = "berth members accept berth://beta@192.0.2.7:7411/3f0c… --offer cpus=8,memory_mib=16384"
    static let options: [OptionSpec] = [
        .flag("--rendezvous", help: "tell it that we are alive, and ask it who is"),
        .flag("--no-borrowing", help: "it lends to us, and gets nothing here"),
        .value("--offer", value: "AMOUNTS", help: "lend it at most so much: cpus=8,memory_mib=16384,disk_gib=100,machines=4"),
        .value("--accept", value: "AMOUNTS", help: "borrow from it at most so much"), .output,
    ]
    static let operands = 1...1

    func run(_ arguments: Arguments) async throws -> ExitCode {
        var body: JSON = ["line": JSON(arguments.operands[0])]
        if arguments.has("--rendezvous") { body["rendezvous"] = true }
        if arguments.has("--no-borrowing") { body["may_borrow"] = false }
        for option in ["offer", "accept"] {
            if let text = arguments.value("--\(option)") { body[option] = try amounts(text, "--\(option)") }
        }
        let answer = try await HostAnswer.ask(arguments, "member.accept", body)
        switch try arguments.output() {
        case .json: print(answer.pretty)
        case .name: print(LeaseTables.text(answer["name"]))
        case .table:
            let name = LeaseTables.text(answer["name"])
            print(
                "\(name) is a member. Unless it has accepted this host already, there:\n\n  berth members accept \(LeaseTables.text(answer["line"]))"
            )
        }
        return .done
    }

    private func amounts(_ text: String, _ option: String) throws -> JSON {
        var json: JSON = .object(JSON.Object())
        for part in text.split(separator: ",") {
            let sides = part.split(separator: "=", maxSplits: 1)
            guard sides.count == 2, let value = Double(sides[1]) else {
                throw UsageError("\(option) wants NAME=NUMBER with commas between, not '\(part)'")
            }
            json[String(sides[0].map { $0 == "-" ? "_" : $0 })] = value == value.rounded() ? JSON(Int(value)) : JSON(value)
        }
        return json
    }
}

/// `berth members remove NAME`
struct MembersRemoveCommand: Command {
    static let path = ["members", "remove"]
    static let summary = "take a member out: its key opens nothing any more, and what it holds here is taken back"
    static let usage = "NAME"
    static let example = "berth members remove beta"
    static let options: [OptionSpec] = [.output]
    static let operands = 1...1

    func run(_ arguments: Arguments) async throws -> ExitCode {
        let answer = try await HostAnswer.ask(arguments, "member.remove", ["name": JSON(arguments.operands[0])])
        print(try arguments.output() == .json ? answer.pretty : "\(LeaseTables.text(answer["name"])) is no member any more.")
        return .done
    }
}
