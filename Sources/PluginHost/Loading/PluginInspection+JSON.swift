public import JSON

extension PluginInspection {
    /// One element of `berth plugins -o json` and of `plugin.list`.
    public func listing(in configuration: Configuration) -> JSON {
        [
            "name": JSON(plugin.name), "state": JSON(state.rawValue), "abi": JSON(plugin.abi), "version": JSON(note?.version),
            "providers": JSON(configuration.providers.filter { $0.plugin == plugin.name }.map(\.name)),
            "module": JSON(file ?? plugin.module),
            "reason": JSON(reason),
        ]
    }

    /// `berth plugins show NAME -o json` and `plugin.show`: the same with everything else that is known.
    public func details(in configuration: Configuration) -> JSON {
        var details = listing(in: configuration)
        details["style"] = JSON(plugin.style.rawValue)
        details["id"] = JSON(note?.id)
        details["sha256"] = JSON(plugin.sha256)
        details["declared"] = JSON("\(plugin.location)")
        details["calls"] = .array(plugin.extraCalls.map { ["name": JSON($0.name), "signature": JSON($0.signature)] })
        details["steps"] = .array(steps.map { ["name": JSON($0.name), "outcome": JSON($0.outcome.rawValue), "detail": JSON($0.detail)] })
        return details
    }
}
