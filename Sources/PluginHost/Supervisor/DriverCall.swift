/// One call to a provider's driver, as whoever wants it describes it.
public struct DriverCall: Sendable {
    /// As the ABI or the plugin's section declares it: `create`.
    public var name: String
    /// What the host does not fill in by itself (handle, host, call), in the order of the signature.
    public var arguments: [CallArgument]
    /// `CLOCK_MONOTONIC` in milliseconds. Past it the driver is told to stop; past a grace its worker is killed.
    public var deadline: Int64
    /// Called on the provider's own thread, never after the call is answered; nil: nobody wants to know.
    public var progress: (@Sendable (_ fraction: Double, _ what: String) -> Void)?

    public init(
        _ name: String, _ arguments: [CallArgument] = [], deadline: Int64,
        progress: (@Sendable (_ fraction: Double, _ what: String) -> Void)? = nil
    ) {
        self.name = name
        self.arguments = arguments
        self.deadline = deadline
        self.progress = progress
    }

    /// Whether the driver may see the call twice without harm: what only reads. Such calls survive a reload; `create`
    /// is repeated by whoever holds its key.
    var isRepeatable: Bool {
        ["health", "capacity", "catalog", "list", "inspect"].contains(name)
    }
}

/// Names a call that was handed to a `ProviderHost`, to take it back.
public struct CallTicket: Sendable, Hashable {
    /// Also the call's id in log lines and in the driver.
    public let id: UInt64
}
