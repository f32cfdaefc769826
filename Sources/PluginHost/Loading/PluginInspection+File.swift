extension PluginInspection {
    /// Inspects a file that no configuration names, as a driver of `compute/1`: for `berth plugins check PATH`.
    public init(file: String) {
        let plugin = PluginSection(
            name: "check", location: SourceLocation(file: file, line: 0), isEnabled: true, module: file, abi: "compute/1", sha256: nil,
            style: .table, symbols: [:], capabilities: [], extraCalls: [])
        let host = HostSection(pluginPath: [], isolation: .process, restart: .standard, section: nil)
        self.init(plugin, in: Configuration(path: file, host: host))
    }
}
