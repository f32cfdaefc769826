public import JSON
public import Model

/// A driver's code, mapped into this process and checked: `dlopen`, entry and descriptor, or the symbols of a flat
/// library. Never unloaded (`RTLD_NODELETE`). Only a worker, the checker's child, or a host with `isolation = thread`
/// may make one.
public final class DriverLibrary: Sendable {
    /// What the descriptor says, copied.
    public struct Identity: Sendable, Equatable {
        public var id = ""
        public var name = ""
        public var version = ""
        public var vendor = ""
        public var license = ""
        public var url = ""
    }

    public let identity: Identity
    public let abi: ABIDescription
    public let capabilities: [String]
    /// The JSON Schema of the settings; nil: the library takes none.
    public let schema: JSON.Schema?
    /// The calls of the ABI that are there, and the extra declared ones, by name.
    public let calls: [String: PreparedCall]

    public var isReentrant: Bool { capabilities.contains("reentrant") }

    /// Maps and checks the file of an inspection that is `ready`. The error names the step that failed.
    public init(loading inspection: PluginInspection, abi: ABIDescription) throws(BerthError) {
        throw BerthError(.unsupported, "not yet")
    }
}
