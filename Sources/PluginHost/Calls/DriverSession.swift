public import JSON

/// One open handle of a driver: builds what the ABI hands over, makes the calls, and collects what they leave.
///
/// Calls block the thread that makes them. A library that is not reentrant gets one call at a time: the caller sees to it.
public final class DriverSession: Sendable {
    public let library: DriverLibrary
    private let listener: DriverListener

    public init(_ library: DriverLibrary, listener: DriverListener) {
        self.library = library
        self.listener = listener
    }

    /// `open`, with settings that fit the schema. A failed one needs no `close`. Nothing to do where the ABI has no `open`.
    public func open(_ settings: JSON, _ control: CallControl) -> CallOutcome {
        CallOutcome(.unsupported)
    }

    /// Makes a call with the arguments that the host does not fill in by itself (handle, host, call), in the order of the
    /// signature: `call("create", [.string(key), .bytes(spec)], control)`.
    public func call(_ name: String, _ arguments: [CallArgument], _ control: CallControl) -> CallOutcome {
        CallOutcome(.unsupported)
    }

    /// `close`; no event or log line arrives after it returns. No call may be in flight.
    public func close() {}
}
