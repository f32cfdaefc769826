/// `[host]`: what holds for every plugin and provider unless they say otherwise.
public struct HostSection: Sendable, Equatable {
    /// Folders where modules are looked up, absolute.
    public var pluginPath: [String]
    public var isolation: Isolation
    public var restart: RestartBudget
    /// The section itself, for the keys of other rooms; nil where the file has none.
    public var section: Section?
}

/// Where a driver's code runs.
public enum Isolation: String, Sendable, CaseIterable {
    /// In a worker process, one a provider.
    case process
    /// In the host itself.
    case thread
}

/// `restart = 5 in 60s`: so many deaths in so long, and the provider is quarantined.
public struct RestartBudget: Sendable, Equatable {
    public var count: Int
    public var milliseconds: Int64

    public init(count: Int, milliseconds: Int64) {
        self.count = count
        self.milliseconds = milliseconds
    }

    public static let standard = RestartBudget(count: 5, milliseconds: 60_000)

    /// Reads `5 in 60s`.
    public init?(_ text: String) {
        let words = text.split(separator: " ")
        guard words.count == 3, words[1] == "in", let count = ValueParser.integer(String(words[0])), count > 0,
            let milliseconds = ValueParser.duration(String(words[2])), milliseconds > 0
        else { return nil }
        self.init(count: count, milliseconds: milliseconds)
    }
}

extension HostSection {
    /// Where modules are looked up unless `plugin-path` says otherwise: beside the configuration, where `make install`
    /// and the distribution put them, and where the build leaves them, which is beside the program.
    static func defaultPluginPath(besides configuration: String) -> [String] {
        var path = [join(folder(of: configuration), "plugins"), "/usr/lib/berth/plugins"]
        if let program = realPath("/proc/self/exe") {
            path += [join(folder(of: program), "../lib/berth/plugins"), folder(of: program)]
        }
        return path
    }
}
