import Bus
import JSON
import Model

/// `berth plugins reload [NAME]`
struct PluginsReloadCommand: Command {
    static let path = ["plugins", "reload"]
    static let summary = "have the running host read its configuration and plugins again; with NAME, replace that plugin's workers"
    static let usage = "[NAME] [-o json|name]"
    static let example = "berth plugins reload libvirt"
    static let options: [OptionSpec] = [.output]
    static let operands = 0...1

    func run(_ arguments: Arguments) async throws -> ExitCode {
        try await changeProviders(
            arguments, "plugin.reload", field: "replaced", nothing: "nothing has changed: no provider needs another worker",
            done: "workers replaced")
    }
}

/// `berth plugins reset NAME`
struct PluginsResetCommand: Command {
    static let path = ["plugins", "reset"]
    static let summary = "forget the deaths of a plugin's or provider's workers, and try a quarantined one again at once"
    static let usage = "NAME [-o json|name]"
    static let example = "berth plugins reset lab"
    static let options: [OptionSpec] = [.output]
    static let operands = 1...1

    func run(_ arguments: Arguments) async throws -> ExitCode {
        try await changeProviders(arguments, "plugin.reset", field: "reset", nothing: "no provider uses it", done: "tried again")
    }
}

/// Sends the verb with the name given, and shows the providers that it touched.
private func changeProviders(
    _ arguments: Arguments, _ verb: String, field: String, nothing: String, done: String
) async throws -> ExitCode {
    var body: JSON = [:]
    if let name = arguments.operands.first { body["name"] = JSON(name) }
    let (output, sent) = (try arguments.output(), body)
    let answer = try await HostConnection.with(arguments) { try await $0.request(verb, sent, ClientOptions(deadline: 60_000)) }
    let names = (answer[field]?.array ?? []).compactMap(\.string)
    switch output {
    case .json: print(answer.pretty)
    case .name: for name in names { print(name) }
    case .table: print(names.isEmpty ? nothing : "\(done): \(names.joined(separator: ", "))")
    }
    return .done
}
