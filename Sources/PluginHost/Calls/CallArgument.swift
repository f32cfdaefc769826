/// A value that goes into a call, or comes out of one.
public enum CallArgument: Sendable, Equatable {
    case void
    case bool(Bool)
    case int(Int64)
    case uint(UInt64)
    case double(Double)
    /// For `cstring`; one with a NUL inside is refused.
    case string(String)
    case bytes([UInt8])
}
