/// What holds for every request of a client.
public struct HTTPOptions: Sendable {
    /// A file of certificates to trust instead of the system's.
    public var certificateAuthority: String?
    /// A client certificate and its key, both PEM files.
    public var certificate: String?
    public var key: String?
    /// Off: any certificate is believed. The driver warns at each start.
    public var verifiesServer = true
    public var connectTimeout: Int64 = 10_000
    /// No byte for so long means that the other side is gone.
    public var stallTimeout: Int64 = 60_000
    /// A larger answer is an error.
    public var maximumBody = 64 << 20
    public var userAgent = "berth-driver"
    public var retries = 4
    /// Where to keep a copy of each exchange, for tests; secrets are replaced.
    public var recorder: HTTPRecorder?

    public init() {}
}
