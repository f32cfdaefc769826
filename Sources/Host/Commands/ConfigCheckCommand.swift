import Glibc
import JSON
import PluginHost

/// `berth config check`
struct ConfigCheckCommand: Command {
    static let path = ["config", "check"]
    static let summary = "read the configuration and report everything that is wrong with it"
    static let usage = "[-o json]"
    static let example = "berth config check --config /etc/berth/plugins.conf"
    static let options: [OptionSpec] = [.output]

    func run(_ arguments: Arguments) async throws -> ExitCode {
        let places = Places(arguments)
        var errors: [ConfigurationErrors.Problem] = []
        var configuration: Configuration?
        do throws(ConfigurationErrors) {
            configuration = try places.load()
        } catch {
            errors = error.problems
        }
        let warnings = (configuration?.warnings ?? []) + (configuration?.unreadableSecrets ?? [])
        switch try arguments.output() {
        case .json:
            let report: JSON = [
                "path": JSON(places.configuration), "files": JSON(configuration?.files ?? []),
                "errors": .array(errors.map(ConfigCheckCommand.json)),
                "warnings": .array(warnings.map(ConfigCheckCommand.json)),
            ]
            print(report.pretty)
        case .name, .table:
            for error in errors { print("error: \(error)") }
            for warning in warnings { print("warning: \(warning)") }
            if let configuration {
                let counts = [
                    ("file", configuration.files.count), ("plugin", configuration.plugins.count),
                    ("provider", configuration.providers.count),
                    ("flavor", configuration.flavors.count), ("image", configuration.images.count),
                ]
                print("\(places.configuration): no errors; " + counts.map { "\($1) \($0)\($1 == 1 ? "" : "s")" }.joined(separator: ", "))
            } else {
                print("\(places.configuration): \(errors.count) error\(errors.count == 1 ? "" : "s")")
            }
        }
        return errors.isEmpty ? .done : .usage
    }

    private static func json(_ problem: ConfigurationErrors.Problem) -> JSON {
        [
            "file": JSON(problem.location.file), "line": JSON(problem.location.line), "message": JSON(problem.message),
            "hint": JSON(problem.hint),
        ]
    }
}
