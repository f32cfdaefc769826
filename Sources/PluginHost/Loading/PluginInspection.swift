/// What is known of a plugin without running any of its code: the loading steps up to the ELF note, each with its
/// outcome.
public struct PluginInspection: Sendable {
    public enum State: String, Sendable {
        case ready
        case disabled
        case missing
        case notADriver = "not-a-driver"
        case incompatible
        case refused
    }

    /// One loading step and how it went.
    public struct Step: Sendable, Equatable {
        public enum Outcome: String, Sendable {
            case passed, failed, skipped
        }

        /// `resolve`, `permissions`, `sha256`, `elf`, `note`, `abi`.
        public var name: String
        public var outcome: Outcome
        /// What was found, or why it failed and what to do.
        public var detail: String
    }

    public var plugin: PluginSection
    public var state: State
    public var steps: [Step]
    /// Why it is not ready, with what to do about it; nil when it is.
    public var reason: String?
    /// The module's file, resolved and absolute.
    public var file: String?
    /// What the driver says of itself; absent for flat libraries.
    public var note: DriverNote?
}

extension PluginInspection {
    /// Takes the steps for one plugin. Reads files, maps nothing.
    public init(_ plugin: PluginSection, in configuration: Configuration) {
        self.init(plugin: plugin, state: .missing, steps: [], reason: "not looked for yet", file: nil, note: nil)
    }
}
