/// What one message on the bus may hold. Written down in docs/protocol.md.
public enum Limits {
    /// Bytes of a whole message: header and body. More closes the connection (`ZMQ_MAXMSGSIZE`) or is `invalid`.
    public static let message = 16 << 20
    /// Bytes of a header line.
    public static let header = 1024
    public static let verb = 64
    public static let id = 64
    public static let key = 128
    public static let account = 64
    public static let traceparent = 128
    /// The longest deadline in milliseconds: a week.
    public static let deadline = 604_800_000
}
