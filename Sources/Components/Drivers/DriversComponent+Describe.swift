import JSON
import Model
import PluginHost

extension DriversComponent {
    /// A plugin as `plugin.list` and `berth plugins -o json` show it; in full, with its loading steps and what the open driver
    /// says of itself, as `plugin.show` does.
    func describe(_ section: PluginSection, inFull: Bool = false) -> JSON {
        let inspection = plugins[section.name] ?? PluginInspection(section, in: configuration)
        guard inFull else { return inspection.listing(in: configuration) }
        var plugin = inspection.details(in: configuration)
        let users = providers.filter { $0.section.plugin == section.name }.map(\.host.status)
        if let status = users.first(where: { $0.identity != nil }) { plugin["capabilities"] = JSON(status.capabilities) }
        plugin["in_use"] = .array(
            users.map { ["name": JSON($0.name), "state": JSON($0.state.rawValue), "reason": JSON($0.reason)] })
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
