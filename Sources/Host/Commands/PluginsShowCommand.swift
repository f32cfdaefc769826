import JSON
import Model
import PluginHost

/// `berth plugins show`
struct PluginsShowCommand: Command {
    static let path = ["plugins", "show"]
    static let summary = "show one plugin; --example prints a provider section ready to fill in"
    static let usage = "NAME [--why] [--example] [-o json|name]"
    static let example = "berth plugins show openstack --example >> conf.d/cloud.conf"
    static let options: [OptionSpec] = [
        .flag("--why", help: "each loading step, and what it found"),
        .flag("--example", help: "a [provider] section made from the driver's schema; asks the driver, in a process of its own"), .output,
    ]
    static let operands = 1...1

    func run(_ arguments: Arguments) async throws -> ExitCode {
        let name = arguments.operands[0]
        if arguments.has("--example") {
            let configuration = try Places(arguments).load()
            let inspection = try Plugins.inspection(name, configuration)
            guard let abi = configuration.abi(inspection.plugin.abi) else { return .failed }
            let description = try PluginDescription(asking: inspection, abi: abi)
            print(try arguments.output() == .json ? description.json.pretty : description.example)
            return .done
        }
        let plugins = try await Plugins(arguments)
        defer { plugins.close() }
        let details = try await plugins.details(name)
        switch try arguments.output() {
        case .json: print(details.pretty)
        case .name: print(name)
        case .table where arguments.has("--why"): print(Plugins.steps(details))
        case .table:
            var table = Table("KEY", "VALUE")
            for field in details.object?.fields ?? [] where field.name != "steps" && !field.value.isNull {
                table.add(field.name, field.value.string ?? field.value.array.map(PluginsShowCommand.words) ?? field.value.text)
            }
            print(table.text.split(separator: "\n").dropFirst().joined(separator: "\n"))
        }
        return .done
    }

    private static func words(_ values: [JSON]) -> String {
        values.map { value in
            if let word = value.string { return word }
            let name = value["name"]?.string ?? ""
            guard let state = value["state"]?.string else { return "\(name) = \(value["signature"]?.string ?? "")" }
            return "\(name) (\(state)" + (value["reason"]?.string.map { ": \($0))" } ?? ")")
        }.joined(separator: ", ")
    }
}
