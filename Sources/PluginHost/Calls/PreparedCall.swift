/// A function and its signature, prepared once for `ffi_call` and unchanged since.
public final class PreparedCall: Sendable {
    public let call: ABICall

    init(_ call: ABICall) {
        self.call = call
    }
}
