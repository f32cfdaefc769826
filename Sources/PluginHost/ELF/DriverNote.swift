/// The ELF note in `.note.berth`: who a driver is, readable without mapping its code. `berth_note_t` in driver.h.
public struct DriverNote: Sendable, Equatable {
    /// The ABI's name: `compute`.
    public var abi: String
    public var major: Int
    public var minor: Int
    /// Of the ABI's canonical text as of that minor.
    public var hash: UInt64
    public var id: String
    public var version: String
}
