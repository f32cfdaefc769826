public import JSON
import Model
import Platform
import Synchronization

/// What an operator asks first of a provider: open it, then its health, capacity and machines. Each step needs the one before
/// it; the first that fails is the last.
public struct ProviderCheck: Sendable {
    private struct Step {
        var name: String
        var hasPassed: Bool
        var detail: String
    }

    private let host: ProviderHost
    private let section: ProviderSection
    private let inspection: PluginInspection
    private var steps: [Step] = []

    /// Of a provider whose worker runs, or is to be started.
    public init(_ host: ProviderHost, _ section: ProviderSection, _ inspection: PluginInspection) {
        self.host = host
        self.section = section
        self.inspection = inspection
    }

    /// `{"name","result":"passed|failed","steps":[{"name","result","detail"}]}`
    public static func run(_ host: ProviderHost, _ section: ProviderSection, _ inspection: PluginInspection) async -> JSON {
        var check = ProviderCheck(host, section, inspection)
        await check.run()
        return check.json
    }

    private mutating func run() async {
        let plugin = inspection.plugin.name
        guard inspection.state == .ready else {
            return note("plugin", false, "\(plugin) is \(inspection.state.rawValue): \(inspection.reason ?? "no reason known")")
        }
        note("plugin", true, "\(plugin) from \(inspection.file ?? "")")
        // Steps whose call the plugin's ABI does not declare are left out.
        let abi = host.state.withLock { $0.plan.abi }
        func declares(_ call: String) -> Bool { abi?.call(call) != nil }
        let isOpen = declares("health") ? await ask("health", "open") { _ in "answers" } : await open(abi?.title ?? "")
        guard isOpen else { return }
        let capabilities = host.status.capabilities
        if !capabilities.isEmpty { note("capabilities", true, capabilities.joined(separator: " ")) }
        if declares("capacity") { guard await ask("capacity", "capacity", Self.describeCapacity) else { return } }
        guard declares("list") else { return }
        _ = await ask("list", "list") { document in
            let lines = document.split(separator: UInt8(ascii: "\n"))
            return "\(lines.count) machine\(lines.count == 1 ? "" : "s")"
        }
    }

    /// An ABI without `health` says no more than that it is loaded and open.
    private mutating func open(_ abi: String) async -> Bool {
        let start = Clock.monotonic
        let patience = host.surroundings.loading + section.deadline(for: "open")
        while host.status.state != .ready {
            let status = host.status
            guard Clock.monotonic - start < patience, status.state == .starting || status.state == .restarting else {
                note("open", false, status.reason ?? status.death ?? "it is still \(status.state.rawValue)")
                return false
            }
            try? await Task.sleep(for: .milliseconds(2))
        }
        note("open", true, "loaded (\(Clock.monotonic - start) ms); \(abi) declares no health")
        return true
    }

    private mutating func ask(_ call: String, _ step: String, _ describe: ([UInt8]) -> String) async -> Bool {
        let start = Clock.monotonic
        let outcome = await host.call(DriverCall(call, deadline: start + section.deadline(for: call)))
        guard let error = outcome.error else {
            note(step, true, "\(describe(outcome.document)) (\(Clock.monotonic - start) ms)")
            return true
        }
        // What the provider's state says is nearer to the cause than the refusal of a call to it.
        let status = host.status
        var words = [error.description]
        if let reason = status.reason, !error.description.contains(reason) { words.append(reason) }
        if let death = outcome.death ?? status.death { words.append("the worker died: \(death)") }
        words += status.lastLines.suffix(3)
        note(step, false, words.joined(separator: "; "))
        return false
    }

    private mutating func note(_ name: String, _ hasPassed: Bool, _ detail: String) {
        steps.append(Step(name: name, hasPassed: hasPassed, detail: detail))
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

    private var json: JSON {
        func word(_ hasPassed: Bool) -> JSON { hasPassed ? "passed" : "failed" }
        return [
            "name": .string(section.name), "result": word(steps.allSatisfy(\.hasPassed)),
            "steps": .array(steps.map { ["name": .string($0.name), "result": word($0.hasPassed), "detail": .string($0.detail)] }),
        ]
    }
}
