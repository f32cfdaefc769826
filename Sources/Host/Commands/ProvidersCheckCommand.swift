import JSON
import Model
import Platform
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
        let places = Places(arguments)
        let check = try ProviderCheck(arguments.operands[0], in: places.load(), state: places.state)
        await check.run()
        if try arguments.output() == .json { print(check.json.pretty) } else { print(check.text) }
        return check.hasFailed ? .failed : .done
    }
}

/// One provider put to use in a worker of its own, for as long as the check runs.
private final class ProviderCheck {
    struct Step {
        var name: String
        var failure: String?
        var detail: String
    }

    private let provider: ProviderSection
    private let inspection: PluginInspection
    private let host: ProviderHost
    private var steps: [Step] = []
    var hasFailed: Bool { steps.contains { $0.failure != nil } }

    init(_ name: String, in configuration: Configuration, state: String) throws {
        guard let provider = configuration.provider(name) else {
            let names = configuration.providers.map { $0.name }
            let meant = nearest(name, among: names).map { "did you mean '\($0)'?" }
            throw BerthError(.notFound, "there is no provider '\(name)'", hint: meant ?? "known: \(names.joined(separator: ", "))")
        }
        guard let plugin = configuration.plugin(provider.plugin) else {
            throw BerthError(.notFound, "[provider \(name)] names the plugin '\(provider.plugin)', which no section declares")
        }
        self.provider = provider
        inspection = PluginInspection(plugin, in: configuration)
        host = ProviderHost(
            provider, plugin: inspection, abi: configuration.abi(plugin.abi),
            in: ProviderHost.Surroundings(stateDirectory: state, hostVersion: Berth.version),
            listener: ProviderListener(status: { _ in }, event: { _ in }))
    }

    /// Each step needs the one before it; the first that fails is the last.
    func run() async {
        guard inspection.state == .ready else {
            return fail("plugin", "\(inspection.plugin.name) is \(inspection.state.rawValue): \(inspection.reason ?? "no reason known")")
        }
        steps.append(Step(name: "plugin", detail: "\(inspection.plugin.name) from \(inspection.file ?? "")"))
        host.start()
        await use()
        await host.stop()
    }

    private func use() async {
        guard await ask("health", "open", { _ in "answers" }) != nil else { return }
        let capabilities = host.status.capabilities
        steps.append(Step(name: "capabilities", detail: capabilities.joined(separator: " ")))
        guard await ask("capacity", "capacity", Self.describeCapacity) != nil else { return }
        _ = await ask("list", "list") { document in
            let lines = document.split(separator: UInt8(ascii: "\n"))
            return "\(lines.count) machine\(lines.count == 1 ? "" : "s")"
        }
    }

    private func ask(_ call: String, _ step: String, _ describe: ([UInt8]) -> String) async -> CallOutcome? {
        let start = Clock.monotonic
        let outcome = await host.call(DriverCall(call, deadline: start + provider.deadline(for: call)))
        guard let error = outcome.error else {
            steps.append(Step(name: step, detail: "\(describe(outcome.document)) (\(Clock.monotonic - start) ms)"))
            return outcome
        }
        // What the provider's state says is nearer to the cause than the refusal of a call to it.
        let status = host.status
        var words = [error.description]
        if let reason = status.reason, !error.description.contains(reason) { words.append(reason) }
        if let death = outcome.death ?? status.death { words.append("the worker died: \(death)") }
        words += status.lastLines.suffix(3)
        fail(step, words.joined(separator: "; "))
        return nil
    }

    private func fail(_ step: String, _ why: String) {
        steps.append(Step(name: step, failure: why, detail: why))
    }

    private static func describeCapacity(_ document: [UInt8]) -> String {
        guard let nodes = try? JSON(parsing: document)["nodes"]?.array else { return "no capacity document" }
        return nodes.map { node in
            let total = node["total"] ?? [:]
            let used = node["used"] ?? [:]
            func amount(_ name: String, _ unit: String) -> String {
                "\(used[name]?.text ?? "?") of \(total[name]?.text ?? "?") \(unit)"
            }
            return "\(node["id"]?.string ?? "?"): \(amount("cpus", "cpus")), \(amount("memory_mib", "MiB")) used"
        }.joined(separator: "; ")
    }

    var text: String {
        var table = Table("STEP", "RESULT", "DETAIL")
        for step in steps { table.add(step.name, step.failure == nil ? "passed" : "failed", step.detail) }
        return table.text
    }

    var json: JSON {
        [
            "name": .string(provider.name), "result": hasFailed ? "failed" : "passed",
            "steps": .array(
                steps.map { step in
                    ["name": .string(step.name), "result": step.failure == nil ? "passed" : "failed", "detail": .string(step.detail)]
                }),
        ]
    }
}
