public import Model

/// The clocks, read once for a step: the core has none of its own, so that a simulation can give it any.
public struct Now: Sendable, Hashable {
    /// Real time: what start and end of advance and deadline leases mean.
    public var real: Instant
    /// The ledger's steady time in milliseconds (`SteadyClock`): what all other durations and all time-outs count.
    public var steady: Int64

    public init(real: Instant, steady: Int64) {
        self.real = real
        self.steady = steady
    }
}
