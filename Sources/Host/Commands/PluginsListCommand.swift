import JSON
import Model
import PluginHost

/// `berth plugins`, the same as `berth plugins list`
struct PluginsCommand: Command {
    static let path = ["plugins"]
    static let summary = "list the plugins, and why one is not ready; runs none of their code"
    static let usage = "[--why NAME] [-o json|name]"
    static let example = "berth plugins --why libvirt"
    static let options: [OptionSpec] = [
        .value("--why", value: "NAME", help: "each loading step of one plugin, and what it found"), .output,
    ]

    func run(_ arguments: Arguments) async throws -> ExitCode { try await PluginsListCommand().run(arguments) }
}

/// `berth plugins list`
struct PluginsListCommand: Command {
    static let path = ["plugins", "list"]
    static let summary = PluginsCommand.summary
    static let usage = PluginsCommand.usage
    static let example = "berth plugins list -o json"
    static let options = PluginsCommand.options

    func run(_ arguments: Arguments) async throws -> ExitCode {
        let plugins = try Plugins(arguments)
        if let name = arguments.value("--why") {
            let details = try plugins.details(name)
            print(try arguments.output() == .json ? details.pretty : Plugins.steps(details))
            return .done
        }
        let rows = plugins.listing
        switch try arguments.output() {
        case .json: print(JSON.array(rows).pretty)
        case .name: for row in rows { print(row["name"]?.string ?? "") }
        case .table:
            var table = Table("NAME", "STATE", "ABI", "VERSION", "PROVIDERS", "MODULE", "REASON")
            for row in rows {
                let providers = (row["providers"]?.array ?? []).compactMap { $0.string }.joined(separator: ",")
                let cells = ["name", "state", "abi", "version"].map { row[$0]?.string ?? "-" }
                table.add(
                    cells[0], cells[1], cells[2], cells[3], providers.isEmpty ? "-" : providers, row["module"]?.string ?? "-",
                    row["reason"]?.string ?? "")
            }
            print(table.text)
        }
        return .done
    }
}

/// The plugins of a configuration, as the commands show them.
struct Plugins {
    let configuration: Configuration

    init(_ arguments: Arguments) throws {
        configuration = try Places(arguments).load()
    }

    /// What `plugin.list` answers.
    var listing: [JSON] {
        configuration.plugins.map { PluginInspection($0, in: configuration).listing(in: configuration) }
    }

    /// What `plugin.show` answers.
    func details(_ name: String) throws(BerthError) -> JSON { try inspection(name).details(in: configuration) }

    func inspection(_ name: String) throws(BerthError) -> PluginInspection {
        guard let plugin = configuration.plugin(name) else {
            let names = configuration.plugins.map(\.name)
            let meant = nearest(name, among: names).map { "did you mean '\($0)'?" }
            throw BerthError(.notFound, "there is no plugin '\(name)'", hint: meant ?? "known: \(names.joined(separator: ", "))")
        }
        return PluginInspection(plugin, in: configuration)
    }

    /// The loading steps for people.
    static func steps(_ details: JSON) -> String {
        var table = Table("STEP", "OUTCOME", "DETAIL")
        for step in details["steps"]?.array ?? [] {
            table.add(step["name"]?.string ?? "", step["outcome"]?.string ?? "", step["detail"]?.string ?? "")
        }
        return "\(details["name"]?.string ?? ""): \(details["state"]?.string ?? "")\n\(table.text)"
    }
}
