import Bus
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
        let plugins = try await Plugins(arguments)
        defer { plugins.close() }
        if let name = arguments.value("--why") {
            let details = try await plugins.details(name)
            print(try arguments.output() == .json ? details.pretty : Plugins.steps(details))
            return .done
        }
        let rows = try await plugins.listing()
        switch try arguments.output() {
        case .json: print(JSON.array(rows).pretty)
        case .name: for row in rows { print(row["name"]?.string ?? "") }
        case .table:
            let states = try await plugins.providerStates()
            var table = Table("NAME", "STATE", "ABI", "VERSION", "PROVIDERS", "MODULE", "REASON")
            for row in rows {
                let providers = (row["providers"]?.array ?? []).compactMap { $0.string }
                let shown = providers.map { name in states[name].map { $0.state == "ready" ? name : "\(name) (\($0.state))" } ?? name }
                let cells = ["name", "state", "abi", "version"].map { row[$0]?.string ?? "-" }
                let reason =
                    row["reason"]?.string ?? providers.lazy.compactMap { name in states[name]?.reason.map { "\(name): \($0)" } }.first
                table.add(
                    cells[0], cells[1], cells[2], cells[3], shown.isEmpty ? "-" : shown.joined(separator: ","),
                    row["module"]?.string ?? "-", reason ?? "")
            }
            print(table.text)
        }
        return .done
    }
}

/// The plugins of a configuration, as the host that runs with it sees them, or as this command finds them itself.
struct Plugins {
    private let client: BusClient?
    private let places: Places
    /// A host named by the caller may have another configuration than the one that lies here.
    private let isNamed: Bool

    init(_ arguments: Arguments) async throws {
        places = Places(arguments)
        isNamed = ConfiguredHost.isNamed(arguments)
        client = try await ConfiguredHost.find(arguments)
    }

    func close() { client?.close() }

    /// What `plugin.list` answers, and behind it what was dropped in since the host has read its configuration.
    func listing() async throws -> [JSON] {
        guard let client else {
            let configuration = try places.load()
            return configuration.plugins.map { PluginInspection($0, in: configuration).listing(in: configuration) }
        }
        let known = try await ConfiguredHost.all(client, "plugin.list", "plugins")
        guard !isNamed, let configuration = try? places.load() else { return known }
        let names = known.map { $0["name"]?.string }
        let new = configuration.plugins.filter { !names.contains($0.name) }.map { plugin in
            var row = PluginInspection(plugin, in: configuration).listing(in: configuration)
            if row["reason"]?.isNull ?? true { row["reason"] = "new; the running host takes it with: berth plugins reload" }
            return row
        }
        return known + new
    }

    /// What `plugin.show` answers.
    func details(_ name: String) async throws -> JSON {
        if let client { return try await client.request("plugin.show", ["name": JSON(name)])["plugin"] ?? .null }
        let configuration = try places.load()
        return try Plugins.inspection(name, configuration).details(in: configuration)
    }

    /// The providers' states, of a host that runs.
    func providerStates() async throws -> [String: (state: String, reason: String?)] {
        guard let client else { return [:] }
        let providers = try await ConfiguredHost.all(client, "provider.list", "providers")
        return Dictionary(
            providers.map { ($0["name"]?.string ?? "", ($0["state"]?.string ?? "", $0["reason"]?.string)) }, uniquingKeysWith: { $1 })
    }

    static func inspection(_ name: String, _ configuration: Configuration) throws(BerthError) -> PluginInspection {
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
