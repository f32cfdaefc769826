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
        let plugins = try Plugins(arguments)
        let inspection = try plugins.inspection(arguments.operands[0])
        let details = inspection.details(in: plugins.configuration)
        if arguments.has("--example") {
            guard let abi = plugins.configuration.abi(inspection.plugin.abi) else { return .failed }
            let description = try PluginDescription(asking: inspection, abi: abi)
            print(try arguments.output() == .json ? description.json.pretty : description.example)
            return .done
        }
        switch try arguments.output() {
        case .json: print(details.pretty)
        case .name: print(inspection.plugin.name)
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
        values.map { $0.string ?? "\($0["name"]?.string ?? "") = \($0["signature"]?.string ?? "")" }.joined(separator: ", ")
    }
}
