/// Whom a `ProviderHost` tells. All are called on the provider's own thread, one at a time, and must not block.
public struct ProviderListener: Sendable {
    /// The state, its reason or the worker changed.
    public var status: @Sendable (ProviderStatus) -> Void
    /// The driver reported something without a call. `resync`: events were lost, list again.
    public var event: @Sendable (DriverEvent) -> Void

    public init(status: @escaping @Sendable (ProviderStatus) -> Void, event: @escaping @Sendable (DriverEvent) -> Void) {
        self.status = status
        self.event = event
    }
}
