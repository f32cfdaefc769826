import JSON
import Model
import PluginHost

/// `berth providers check NAME`
struct ProvidersCheckCommand: Command {
    static let path = ["providers", "check"]
    static let summary = "put one provider to use: open it, ask for its health, capacity and machines; name the step that fails"
    static let usage = "NAME [-o json]"
    static let example = "berth providers check lab"
    static let operands = 1...1
    static let options: [OptionSpec] = [.output]

    func run(_ arguments: Arguments) async throws -> ExitCode {
        let name = arguments.operands[0]
        // A host that runs holds the provider already: it is asked. Else a worker is started for as long as the check runs.
        let answer =
            HostConnection.isThere(arguments)
            ? try await HostAnswer.ask(arguments, "provider.check", ["name": .string(name)], wait: true)
            : try await alone(name, Places(arguments))
        if try arguments.output() == .json {
            print(answer.pretty)
        } else {
            var table = Table("STEP", "RESULT", "DETAIL")
            for step in answer["steps"]?.array ?? [] {
                table.add(step["name"]?.string ?? "", step["result"]?.string ?? "", step["detail"]?.string ?? "")
            }
            print(table.text)
        }
        return answer["result"] == "passed" ? .done : .failed
    }

    private func alone(_ name: String, _ places: Places) async throws -> JSON {
        let configuration = try places.load()
        guard let provider = configuration.provider(name) else {
            let names = configuration.providers.map { $0.name }
            let meant = nearest(name, among: names).map { "did you mean '\($0)'?" }
            throw BerthError(.notFound, "there is no provider '\(name)'", hint: meant ?? "known: \(names.joined(separator: ", "))")
        }
        guard let plugin = configuration.plugin(provider.plugin) else {
            throw BerthError(.notFound, "[provider \(name)] names the plugin '\(provider.plugin)', which no section declares")
        }
        let inspection = PluginInspection(plugin, in: configuration)
        let host = ProviderHost(
            provider, plugin: inspection, abi: configuration.abi(plugin.abi),
            in: ProviderHost.Surroundings(stateDirectory: places.state, hostVersion: Berth.version),
            listener: ProviderListener(status: { _ in }, event: { _ in }))
        if inspection.state == .ready { host.start() }
        let answer = await ProviderCheck.run(host, provider, inspection)
        if inspection.state == .ready { await host.stop() }
        return answer
    }
}
