import Bus
import JSON
import Model

/// `berth providers`, the same as `berth providers list`
struct ProvidersCommand: Command {
    static let path = ["providers"]
    static let summary = "list the providers of the running host: their states, room and machines"
    static let usage = "[-o json|name]"
    static let example = "berth providers -o json"
    static let options: [OptionSpec] = [.output]

    func run(_ arguments: Arguments) async throws -> ExitCode { try await ProvidersListCommand().run(arguments) }
}

/// `berth providers list`
struct ProvidersListCommand: Command {
    static let path = ["providers", "list"]
    static let summary = ProvidersCommand.summary
    static let usage = ProvidersCommand.usage
    static let example = "berth providers list"
    static let options = ProvidersCommand.options

    func run(_ arguments: Arguments) async throws -> ExitCode {
        let rows = try await HostConnection.with(arguments) { try await ConfiguredHost.all($0, "provider.list", "providers") }
        switch try arguments.output() {
        case .json: print(JSON.array(rows).pretty)
        case .name: for row in rows { print(row["name"]?.string ?? "") }
        case .table:
            var table = Table("NAME", "PLUGIN", "STATE", "ISOLATION", "NODES", "CPUS", "MEMORY", "MACHINES", "REASON")
            for row in rows {
                let words = ["name", "plugin", "state", "isolation"].map { row[$0]?.string ?? "-" }
                let numbers = ["nodes", "cpus", "memory", "machines"].map { ProvidersListCommand.number(row[$0]) }
                table.rows.append(words + numbers + [row["reason"]?.string ?? ""])
            }
            print(table.text)
        }
        return .done
    }

    static func number(_ value: JSON?) -> String {
        guard let value = value?.double else { return "-" }
        return value == value.rounded() ? "\(Int(value))" : "\((value * 1000).rounded() / 1000)"
    }
}

/// `berth providers show NAME`
struct ProvidersShowCommand: Command {
    static let path = ["providers", "show"]
    static let summary = "show one provider: its state and why, its worker, its nodes and what is free there"
    static let usage = "NAME [-o json|name]"
    static let example = "berth providers show lab"
    static let options: [OptionSpec] = [.output]
    static let operands = 1...1

    func run(_ arguments: Arguments) async throws -> ExitCode {
        let name = arguments.operands[0]
        let answer = try await HostConnection.with(arguments) { try await $0.request("provider.show", ["name": JSON(name)]) }
        let provider = answer["provider"] ?? .null
        switch try arguments.output() {
        case .json: print(provider.pretty)
        case .name: print(provider["name"]?.string ?? "")
        case .table: print(ProvidersShowCommand.text(provider))
        }
        return .done
    }

    private static func text(_ provider: JSON) -> String {
        var table = Table("KEY", "VALUE")
        for field in provider.object?.fields ?? [] where !field.value.isNull && !["capacity", "last_lines"].contains(field.name) {
            if field.value.array?.isEmpty == true { continue }
            let words = field.value.array?.compactMap(\.string).joined(separator: " ")
            table.add(field.name, words ?? field.value.string ?? field.value.text)
        }
        var parts = [table.text.split(separator: "\n").dropFirst().joined(separator: "\n")]
        if let nodes = provider["capacity"]?["nodes"]?.array, !nodes.isEmpty {
            var table = Table("NODE", "STATE", "CPUS", "MEMORY MIB", "DISK GIB", "MACHINES")
            for node in nodes {
                func amount(_ name: String) -> String {
                    "\(ProvidersListCommand.number(node["used"]?[name])) of \(ProvidersListCommand.number(node["total"]?[name]))"
                }
                table.add(
                    node["id"]?.string ?? "", node["state"]?.string ?? "", amount("cpus"), amount("memory_mib"), amount("disk_gib"),
                    amount("machines"))
            }
            parts.append(table.text)
        }
        let lines = (provider["last_lines"]?.array ?? []).compactMap(\.string)
        if !lines.isEmpty { parts.append((["the last worker's last lines:"] + lines.map { "  \($0)" }).joined(separator: "\n")) }
        return parts.joined(separator: "\n\n")
    }
}

/// `berth providers drain NAME[/NODE]`
struct ProvidersDrainCommand: Command {
    static let path = ["providers", "drain"]
    static let summary = "put nothing new on a provider, or on one of its nodes; what runs there goes on"
    static let usage = "NAME[/NODE] [-o json|name]"
    static let example = "berth providers drain lab"
    static let options: [OptionSpec] = [.output]
    static let operands = 1...1

    func run(_ arguments: Arguments) async throws -> ExitCode {
        try await tellProvider(arguments, "provider.drain") { name, _ in
            "\(name) takes nothing new; berth providers resume \(name) ends that"
        }
    }
}

/// `berth providers resume NAME[/NODE]`
struct ProvidersResumeCommand: Command {
    static let path = ["providers", "resume"]
    static let summary = "end the drain of a provider, or of one of its nodes"
    static let usage = "NAME[/NODE] [-o json|name]"
    static let example = "berth providers resume lab"
    static let options: [OptionSpec] = [.output]
    static let operands = 1...1

    func run(_ arguments: Arguments) async throws -> ExitCode {
        try await tellProvider(arguments, "provider.resume") { name, _ in "\(name) takes new machines again" }
    }
}

/// `berth providers lost NAME[/NODE]`
struct ProvidersLostCommand: Command {
    static let path = ["providers", "lost"]
    static let summary = "say that the machines of a provider, or of one of its nodes, are gone for good; persistent leases start elsewhere"
    static let usage = "NAME[/NODE] --yes [-o json|name]"
    static let example = "berth providers lost lab/rack-2 --yes"
    static let options: [OptionSpec] = [
        .flag("--yes", help: "I know that nothing runs there any more: should a machine come back, it is destroyed"), .output,
    ]
    static let operands = 1...1

    func run(_ arguments: Arguments) async throws -> ExitCode {
        guard arguments.has("--yes") else {
            throw UsageError(
                "this gives up every machine of \(arguments.operands[0]), and destroys those that come back; if nothing runs there any more, say so with --yes"
            )
        }
        return try await tellProvider(arguments, "provider.lost") { name, answer in
            let machines = (answer["machines"]?.array ?? []).compactMap(\.string)
            guard !machines.isEmpty else { return "no machine was at \(name)" }
            return "given up: \(machines.joined(separator: " "))"
        }
    }
}

/// Sends an operator's word about a provider or one of its nodes.
private func tellProvider(
    _ arguments: Arguments, _ verb: String, _ words: @Sendable (String, JSON) -> String
) async throws -> ExitCode {
    let named = arguments.operands[0]
    let parts = named.split(separator: "/", maxSplits: 1).map(String.init)
    guard let name = parts.first, !named.hasPrefix("/"), !named.hasSuffix("/") else {
        throw UsageError("which provider? NAME or NAME/NODE")
    }
    var body: JSON = ["name": JSON(name)]
    if parts.count > 1 { body["node"] = JSON(parts[1]) }
    let (output, sent) = (try arguments.output(), body)
    let answer = try await HostConnection.with(arguments) { try await $0.request(verb, sent, ClientOptions(deadline: 60_000)) }
    switch output {
    case .json: print(answer.pretty)
    case .name: print(named)
    case .table: print(words(named, answer))
    }
    return .done
}
