public import Frames
public import JSON
public import Model

/// The last reply to a request.
public struct Answer: Sendable {
    public var status: Status
    public var bytes: [UInt8]

    public init(status: Status, bytes: [UInt8]) {
        self.status = status
        self.bytes = bytes
    }

    public init(ok body: JSON) {
        self.init(status: .ok, bytes: body.bytes)
    }

    public init(_ error: BerthError, details: JSON = .null) {
        self.init(status: Status(error.code), bytes: error.body(with: details).bytes)
    }

    public var isOK: Bool { status == .ok }

    /// The body; `{}` where there is none, null where it is no JSON.
    public var body: JSON {
        bytes.isEmpty ? .object(JSON.Object()) : (try? JSON(parsing: bytes)) ?? .null
    }

    /// The error; nil if the request was done.
    public var error: BerthError? {
        status.code.map { BerthError($0, body: body) }
    }

    /// The body of an `ok`, or the error.
    public func get() throws(BerthError) -> JSON {
        if let error { throw error }
        return body
    }
}

extension BerthError {
    /// The error's body with more fields beside the message: `explanation`, `earliest`, `crashed`.
    func body(with details: JSON) -> JSON {
        var body = self.body
        for field in details.object?.fields ?? [] { body[field.name] = field.value }
        return body
    }
}
