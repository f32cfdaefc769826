public import Model

/// How a call ended.
public struct CallOutcome: Sendable, Equatable {
    public var status: CallStatus
    /// What the driver wrote: one JSON document, or JSON Lines from `list`.
    public var document: [UInt8] = []
    /// Why it failed, for a person.
    public var message: String?
    /// The provider's own words.
    public var native: String?
    /// What a call returns whose result is no `status`.
    public var value: CallArgument?
    /// The `out` and `inout` values, in the order of the signature.
    public var outputs: [CallArgument] = []
    /// How the worker died under this call (`signal 11 (SIGSEGV)`); nil: it did not. The outcome is unknown then.
    public var death: String?
    /// Whether that death came from outside (somebody's `kill`, the kernel out of memory) and not from the driver.
    public var isOutsideDeath = false
    /// False: the driver never saw the call, so nothing has happened.
    public var hasRun = true
    /// How long the driver's function took.
    public var nanoseconds: Int64 = 0

    public init(_ status: CallStatus, message: String? = nil) {
        self.status = status
        self.message = message
    }

    /// The failure as the bus reports it; nil when the call went well.
    public var error: BerthError? {
        guard let code = status.code else { return nil }
        return BerthError(code, message ?? "the driver gives no reason", native: native)
    }
}
