/// The first frame of a reply: `BERTH/1 STATUS ID`.
public struct ReplyHeader: Sendable, Equatable {
    public var status: Status
    public var id: String

    public init(status: Status, id: String) {
        self.status = status
        self.id = id
    }

    /// Reads a header line; strict. The id `-` stands for a request that had none.
    public init(parsing bytes: [UInt8]) throws(HeaderError) {
        let result: Result<ReplyHeader, HeaderError> = bytes.withUnsafeBytes { raw in
            do throws(HeaderError) {
                return .success(try ReplyHeader.read(raw))
            } catch {
                return .failure(error)
            }
        }
        self = try result.get()
    }

    private static func read(_ bytes: UnsafeRawBufferPointer) throws(HeaderError) -> ReplyHeader {
        var reader = HeaderReader(bytes: bytes)
        try reader.start()
        let status = try reader.word(.status, limit: Limits.verb)
        guard status.allSatisfy(in: bytes, HeaderReader.isName) else { throw .malformed(.status) }
        let id = try reader.word(.id, limit: Limits.id)
        guard reader.isAtEnd else { throw .option(at: reader.at) }
        return ReplyHeader(status: Status(rawValue: status.string(in: bytes)), id: id.string(in: bytes))
    }

    public var bytes: [UInt8] { Array("BERTH/1 \(status) \(id)".utf8) }
}
