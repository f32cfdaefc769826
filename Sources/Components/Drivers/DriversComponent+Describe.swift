import JSON
import Model
import PluginHost

extension DriversComponent {
    /// A plugin as `plugin.list` and `berth plugins -o json` show it.
    func describe(_ section: PluginSection) -> JSON { describe(section, withSteps: false) }

    func describe(_ section: PluginSection, withSteps: Bool) -> JSON {
        let inspection = plugins[section.name]
        let users = providers.filter { $0.section.plugin == section.name }
        var plugin: JSON = [
            "name": JSON(section.name), "state": JSON(inspection?.state.rawValue ?? "missing"), "abi": JSON(section.abi),
            "version": JSON(inspection?.note?.version), "providers": JSON(users.map(\.host.name)),
            "module": JSON(inspection?.file ?? section.module),
            "reason": JSON(inspection?.reason),
        ]
        guard withSteps else { return plugin }
        plugin["steps"] = .array(
            (inspection?.steps ?? []).map { ["name": JSON($0.name), "outcome": JSON($0.outcome.rawValue), "detail": JSON($0.detail)] })
        if let status = users.lazy.map(\.host.status).first(where: { $0.identity != nil }) {
            plugin["capabilities"] = JSON(status.capabilities)
        }
        return plugin
    }

    /// A provider as `provider.list` and `berth providers -o json` show it.
    func describe(_ provider: Provider, _ status: ProviderStatus? = nil, inFull: Bool = false) -> JSON {
        let status = status ?? provider.host.status
        let nodes = provider.capacity["nodes"]?.array
        func sum(_ name: String, of kind: String) -> JSON {
            guard let nodes else { return .null }
            return .double(nodes.compactMap { $0[kind]?[name]?.double }.reduce(0, +))
        }
        var body: JSON = [
            "name": JSON(status.name), "plugin": JSON(status.plugin), "state": JSON(status.state.rawValue),
            "isolation": JSON(status.isolation.rawValue), "nodes": JSON(nodes?.count), "cpus": sum("cpus", of: "total"),
            "memory": sum("memory_mib", of: "total"), "machines": sum("machines", of: "used"), "reason": JSON(status.reason),
            "since": JSON("\(status.since)"), "retry": JSON(status.retry.map { "\($0)" }), "capabilities": JSON(status.capabilities),
            "restarts": JSON(status.restarts), "pid": JSON(status.process.map(Int.init)),
        ]
        guard inFull else { return body }
        body["death"] = JSON(status.death)
        body["calls_at_death"] = JSON(status.callsAtDeath)
        body["last_lines"] = JSON(status.lastLines)
        body["driver"] = JSON(status.identity.map { "\($0.id) \($0.version)" })
        body["capacity"] = provider.capacity
        return body
    }
}
