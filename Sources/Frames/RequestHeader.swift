/// The first frame of a request: `BERTH/1 VERB ID [NAME=VALUE]…`.
public struct RequestHeader: Sendable, Equatable {
    /// What is asked: `lease.create`.
    public var verb: String
    /// Chosen by who asks, echoed in every reply.
    public var id: String
    /// Milliseconds that the asker will wait, from when the request arrives.
    public var deadline: Int?
    /// The idempotency key.
    public var key: String?
    /// `as`: the account that an operator acts for.
    public var actingFor: String?
    /// The W3C trace context, carried along unread.
    public var traceparent: String?
    /// `progress=yes`: the asker wants `progress` replies before the last one.
    public var wantsProgress = false

    public init(verb: String, id: String, deadline: Int? = nil, key: String? = nil, actingFor: String? = nil) {
        self.verb = verb
        self.id = id
        self.deadline = deadline
        self.key = key
        self.actingFor = actingFor
    }

    /// Reads a header line; strict.
    public init(parsing bytes: [UInt8]) throws(HeaderError) {
        let result: Result<RequestHeader, HeaderError> = bytes.withUnsafeBytes { raw in
            do throws(HeaderError) {
                return .success(RequestHeader(try HeaderScan(raw), of: raw))
            } catch {
                return .failure(error)
            }
        }
        self = try result.get()
    }

    /// Makes strings of what a scan found in `bytes`.
    public init(_ scan: HeaderScan, of bytes: UnsafeRawBufferPointer) {
        verb = scan.verb.string(in: bytes)
        id = scan.id.string(in: bytes)
        deadline = scan.deadline
        key = scan.key?.string(in: bytes)
        actingFor = scan.actingFor?.string(in: bytes)
        traceparent = scan.traceparent?.string(in: bytes)
        wantsProgress = scan.wantsProgress
    }

    /// The line as it goes out.
    public var bytes: [UInt8] {
        var line = "BERTH/1 \(verb) \(id)"
        if let deadline { line += " deadline=\(deadline)" }
        if let key { line += " key=\(key)" }
        if let actingFor { line += " as=\(actingFor)" }
        if let traceparent { line += " traceparent=\(traceparent)" }
        if wantsProgress { line += " progress=yes" }
        return Array(line.utf8)
    }
}
