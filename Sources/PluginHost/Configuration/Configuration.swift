/// A whole configuration, read and checked: `plugins.conf` and what it includes.
public struct Configuration: Sendable {
    /// The file that was read.
    public var path: String
    /// That file and every one it includes, in the order of reading.
    public var files: [String] = []
    /// Every section in the order of the files, also those that have a type of their own below.
    public var sections: [Section] = []
    public var host: HostSection
    /// The declared ABIs; `compute/1` is always among them.
    public var abis: [ABIDescription] = [.compute]
    public var plugins: [PluginSection] = []
    public var providers: [ProviderSection] = []
    public var flavors: [FlavorSection] = []
    public var images: [ImageSection] = []
    /// What is allowed and yet looks like a mistake.
    public var warnings: [ConfigurationErrors.Problem] = []

    /// The sections of one kind, for components that read their own: `sections("notify")`.
    public func sections(_ kind: String) -> [Section] { sections.filter { $0.kind == kind } }

    /// The one section without a name, such as `section("scheduler")`; nil where the file has none.
    public func section(_ kind: String) -> Section? { sections.first { $0.kind == kind && $0.name.isEmpty } }

    public func plugin(_ name: String) -> PluginSection? { plugins.first { $0.name == name } }
    public func provider(_ name: String) -> ProviderSection? { providers.first { $0.name == name } }

    /// The ABI that a section calls `compute/1`.
    public func abi(_ title: String) -> ABIDescription? { abis.first { $0.title == title } }
}
