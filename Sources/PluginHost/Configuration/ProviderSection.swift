/// `[provider NAME]`: a plugin put to use with settings.
public struct ProviderSection: Sendable, Equatable {
    public var name: String
    public var location: SourceLocation
    public var isEnabled: Bool
    /// The plugin's name.
    public var plugin: String
    public var isolation: Isolation
    public var restart: RestartBudget
    /// Calls in flight at most; one unless the driver is reentrant.
    public var threads: Int
    /// Private memory of the worker in bytes, watched from outside.
    public var memory: Int?
    /// Open descriptors of the worker (`RLIMIT_NOFILE`).
    public var descriptors: Int?
    /// `overcommit.cpus = 1.5`: how much more than there is may be given away, by resource.
    public var overcommit: [String: Double]
    /// `env.NAME`: the only variables that reach the driver.
    public var environment: [Setting]
    /// `config.*` as written: see `settings(for:)`, which types them by the driver's schema.
    public var settings: [Setting]
    /// The section itself, for the keys of other rooms (periods, prices).
    public var section: Section

    /// How long a call may take, in milliseconds: `deadline.CALL`, else `deadline`, else 30 s; actions also by their
    /// verb (`deadline.suspend`).
    public func deadline(for call: String, verb: String? = nil) -> Int64 {
        let keys = [verb.map { "deadline.\($0)" }, "deadline.\(call)", "deadline"].compactMap { $0 }
        return keys.lazy.compactMap { section.duration($0) }.first ?? 30_000
    }

    /// One `config.NAME` or `env.NAME`.
    public struct Setting: Sendable, Equatable {
        public var name: String
        public var value: SettingValue
        public var location: SourceLocation
    }
}

extension ProviderSection {
    /// A provider of a plugin with nothing said about it: enough to ask the plugin who it is.
    init(asking plugin: PluginSection) {
        let section = Section(kind: "provider", name: "", location: plugin.location, entries: [])
        self.init(
            name: "", location: plugin.location, isEnabled: true, plugin: plugin.name, isolation: .process, restart: .standard, threads: 1,
            memory: nil, descriptors: nil, overcommit: [:], environment: [], settings: [], section: section)
    }
}

/// A value that may be a reference to a secret. Only `resolve` ever reads the secret; every other way shows the reference.
public enum SettingValue: Sendable, Equatable, CustomStringConvertible {
    case literal(String)
    /// `@file:PATH`: what the file holds, without a newline at its end.
    case file(String)
    /// `@env:NAME`: a variable of the host's environment.
    case environment(String)
    /// A secret that was read already, on its way to the worker. Shown as `(secret)`.
    case secret(String)

    /// A relative path is seen from `folder`, the configuration's.
    public init(_ text: String, in folder: String = "") {
        if text.hasPrefix("@file:") {
            self = .file(join(folder, String(text.dropFirst(6))))
        } else if text.hasPrefix("@env:") {
            self = .environment(String(text.dropFirst(5)))
        } else {
            self = .literal(text)
        }
    }

    public var isSecret: Bool {
        if case .literal = self { false } else { true }
    }

    public var description: String {
        switch self {
        case .literal(let text): text
        case .file(let path): "@file:\(path)"
        case .environment(let name): "@env:\(name)"
        case .secret: "(secret)"
        }
    }
}
