import Bus
import JSON
import Model
import Platform
import PluginHost

/// `berth support FILE`
struct SupportCommand: Command {
    static let path = ["support"]
    static let summary = "pack configuration (without secrets), logs, events and state into a tar file for a bug report"
    static let usage = "FILE.tar"
    static let example = "berth support berth-support.tar"
    static let options: [OptionSpec] = []
    static let operands = 1...1

    func run(_ arguments: Arguments) async throws -> ExitCode {
        let places = Places(arguments)
        let file = arguments.operands[0]
        var configuration: Configuration?
        var errors: ConfigurationErrors?
        do throws(ConfigurationErrors) {
            configuration = try places.load()
        } catch {
            errors = error
        }
        var bundle = SupportBundle(configuration)
        if let errors { bundle.add("configuration-errors.txt", errors.problems.map { "\($0)\n" }.joined()) }
        bundle.addConfiguration(configuration?.files ?? [places.configuration])
        bundle.addSystem()
        bundle.addDisk(places.state)
        let client = try BusClient(try HostConnection.endpoint(arguments))
        defer { client.close() }
        await bundle.addHost(client)
        let missing = bundle.missing
        do {
            try Files.write(file, bundle.finish(), mode: 0o600)
        } catch {
            throw BerthError(.denied, "cannot write \(file)", native: "\(error)")
        }
        print("\(file): look through it before you send it.")
        for item in missing { print("missing: \(item)") }
        return .done
    }
}
