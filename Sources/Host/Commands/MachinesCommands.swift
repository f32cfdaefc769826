import JSON
import Model

/// `berth machines`
struct MachinesCommand: Command {
    static let path = ["machines"]
    static let summary = "list machines; with --strays, those that carry a key of ours and belong to nothing"
    static let usage = "[--lease ID] [--provider NAME] [--all] [--strays]"
    static let example = "berth machines --provider lab"
    static let options: [OptionSpec] = [
        .value("--lease", value: "ID", help: "only those of a lease"),
        .value("--provider", value: "NAME", help: "only those at a provider"),
        .value("--state", value: "STATE", help: "open, spawning, fulfilled, suspended, deleted, closed or failed"),
        .flag("--all", help: "those that are over too"),
        .flag("--strays", help: "machines with a key of ours that nobody knows (operators)"),
        .value("--limit", value: "N", help: "at most so many"),
        .value("--as", value: "OWNER", help: "act for another account (operators)"), .output,
    ]

    func run(_ arguments: Arguments) async throws -> ExitCode {
        var body: JSON = .object(JSON.Object())
        for (option, field) in [("--lease", "lease"), ("--provider", "provider"), ("--state", "state")] {
            if let value = arguments.value(option) { body[field] = JSON(value) }
        }
        if arguments.has("--all") { body["all"] = true }
        if arguments.has("--strays") { body["strays"] = true }
        let machines = try await HostAnswer.all(arguments, "machine.list", "machines", body)
        switch try arguments.output() {
        case .json: print(JSON.array(machines).pretty)
        case .name: for machine in machines { print(LeaseTables.text(machine["id"] ?? machine["native_id"])) }
        case .table where arguments.has("--strays"):
            var table = Table("PROVIDER", "NATIVE ID", "KEY", "OBSERVED", "CREATED", "NAME")
            for machine in machines {
                table.rows.append(["provider", "native_id", "key", "observed", "created", "name"].map { LeaseTables.text(machine[$0]) })
            }
            print(machines.isEmpty ? "There are no strays." : table.text)
        case .table: print(machines.isEmpty ? "There are no machines." : LeaseTables.machines(machines))
        }
        return .done
    }
}

/// `berth machines action ID VERB [JSON]`
struct MachinesActionCommand: Command {
    static let path = ["machines", "action"]
    static let summary = "do something with a machine: reboot, stop, start, pause, unpause, snapshot …"
    static let usage = "ID VERB [JSON]"
    static let example = "berth machines action m-0000be47-0cee-87d5-b54a-dcfbd127ef3a reboot"
    static let options: [OptionSpec] = [.value("--as", value: "OWNER", help: "act for another account (operators)"), .output]
    static let operands = 2...3

    func run(_ arguments: Arguments) async throws -> ExitCode {
        var body: JSON = ["id": JSON(arguments.operands[0]), "verb": JSON(arguments.operands[1])]
        if arguments.operands.count == 3 {
            guard let given = try? JSON(parsing: arguments.operands[2]) else { throw UsageError("the arguments are no JSON") }
            body["args"] = given
        }
        let answer = try await HostAnswer.ask(arguments, "machine.action", body)
        switch try arguments.output() {
        case .json: print(answer.pretty)
        case .name: print(arguments.operands[0])
        case .table: print(answer["result"].flatMap { $0.isNull ? nil : $0.pretty } ?? "\(arguments.operands[1]): done")
        }
        return .done
    }
}

/// `berth machines forget ID`
struct MachinesForgetCommand: Command {
    static let path = ["machines", "forget"]
    static let summary = "wait for a machine no longer, on your word that it is gone; it is written down (operators)"
    static let usage = "ID"
    static let example = "berth machines forget m-0000be47-0cee-87d5-b54a-dcfbd127ef3a"
    static let options: [OptionSpec] = [.output]
    static let operands = 1...1

    func run(_ arguments: Arguments) async throws -> ExitCode {
        let answer = try await HostAnswer.ask(arguments, "machine.forget", ["id": JSON(arguments.operands[0])])
        switch try arguments.output() {
        case .json: print((answer["machine"] ?? .null).pretty)
        case .name: print(arguments.operands[0])
        case .table: print(LeaseTables.machines([answer["machine"] ?? .null]))
        }
        return .done
    }
}

/// `berth flavors`
struct FlavorsCommand: Command {
    static let path = ["flavors"]
    static let summary = "list sizes, and how many more machines of each fit now"
    static let usage = "[-o json|name]"
    static let example = "berth flavors"
    static let options: [OptionSpec] = [.output]

    func run(_ arguments: Arguments) async throws -> ExitCode {
        let flavors = try await HostAnswer.ask(arguments, "flavor.list", [:])["flavors"]?.array ?? []
        switch try arguments.output() {
        case .json: print(JSON.array(flavors).pretty)
        case .name: for flavor in flavors { print(LeaseTables.text(flavor["name"])) }
        case .table:
            var table = Table("NAME", "CPUS", "MEMORY MIB", "DISK GIB", "FITS", "PROVIDERS")
            for flavor in flavors {
                let providers = (flavor["providers"]?.object?.fields ?? []).map { "\($0.name) \($0.value.text)" }.joined(separator: ", ")
                table.add(
                    LeaseTables.text(flavor["name"]), LeaseTables.text(flavor["cpus"]), LeaseTables.text(flavor["memory_mib"]),
                    LeaseTables.text(flavor["disk_gib"]), LeaseTables.text(flavor["fits"]), providers)
            }
            print(flavors.isEmpty ? "There are no flavors: add a [flavor NAME] to the configuration." : table.text)
        }
        return .done
    }
}

/// `berth images`
struct ImagesCommand: Command {
    static let path = ["images"]
    static let summary = "list images, and which providers have them"
    static let usage = "[-o json|name]"
    static let example = "berth images"
    static let options: [OptionSpec] = [.output]

    func run(_ arguments: Arguments) async throws -> ExitCode {
        let images = try await HostAnswer.ask(arguments, "image.list", [:])["images"]?.array ?? []
        switch try arguments.output() {
        case .json: print(JSON.array(images).pretty)
        case .name: for image in images { print(LeaseTables.text(image["name"])) }
        case .table:
            var table = Table("NAME", "SOURCE", "PROVIDERS")
            for image in images {
                let providers = (image["providers"]?.object?.names ?? []).joined(separator: ", ")
                table.add(LeaseTables.text(image["name"]), LeaseTables.text(image["source"]), providers)
            }
            print(images.isEmpty ? "There are no images: add an [image NAME] to the configuration." : table.text)
        }
        return .done
    }
}
