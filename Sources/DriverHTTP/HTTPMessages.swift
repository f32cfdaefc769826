import CCurl
public import JSON

/// One request. One that may be repeated is tried again after a failure; another only when it is sure that the server never
/// acted on it.
public struct HTTPRequest: Sendable {
    public var method: String
    public var url: String
    public var headers: [(name: String, value: String)]
    public var body: [UInt8]?
    /// Whether sending it twice does no harm. From the method: not for `POST` and `PATCH`.
    public var isRepeatable: Bool

    public init(_ method: String, _ url: String, headers: [(name: String, value: String)] = [], body: [UInt8]? = nil) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        isRepeatable = method != "POST" && method != "PATCH"
    }

    /// A request that carries a JSON document.
    public init(_ method: String, _ url: String, headers: [(name: String, value: String)] = [], json: JSON) {
        self.init(method, url, headers: headers + [("Content-Type", "application/json")], body: json.bytes)
    }
}

/// What the server answered.
public struct HTTPResponse: Sendable {
    public var status: Int
    /// In order of arrival; names in lower case.
    public var headers: [(name: String, value: String)]
    public var body: [UInt8]

    public init(status: Int, headers: [(name: String, value: String)] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The first header of that name (in lower case).
    public func header(_ name: String) -> String? {
        headers.first { $0.name == name }?.value
    }

    /// The server's clock as it answered, in milliseconds since 1970.
    public var date: Int64? {
        header("date").flatMap { curl_getdate($0, nil) }.flatMap { $0 < 0 ? nil : Int64($0) * 1000 }
    }

    /// Milliseconds that the server wants to be left alone: `Retry-After` is a number of seconds or a time by its own clock.
    public var retryAfter: Int64? {
        guard let text = header("retry-after") else { return nil }
        if let seconds = Int64(text) { return min(max(0, seconds), 86_400) * 1000 }
        let time = Int64(curl_getdate(text, nil)) * 1000
        guard time > 0, let date else { return nil }
        return max(0, time - date)
    }

    public var isSuccess: Bool { (200..<300).contains(status) }

    /// The body as JSON, or an error that shows how it starts.
    public func json() throws(HTTPError) -> JSON {
        do {
            return try JSON(parsing: body)
        } catch {
            throw HTTPError(.garbage, "the answer is no JSON (\(error)): \(excerpt)", wasSent: true)
        }
    }

    /// The start of the body, for a message.
    public var excerpt: String {
        let text = String(decoding: body.prefix(200), as: UTF8.self)
        return text.split(whereSeparator: \.isNewline).joined(separator: " ")
    }
}

/// Why there is no answer.
public struct HTTPError: Error, Sendable, CustomStringConvertible {
    public enum Kind: Sendable, Equatable {
        case unreachable
        case tls
        case deadline
        case cancelled
        case tooLarge
        case garbage
        case invalid
    }

    public var kind: Kind
    public var message: String
    /// Whether the server may have seen the request. False is a promise.
    public var wasSent: Bool

    public init(_ kind: Kind, _ message: String, wasSent: Bool) {
        self.kind = kind
        self.message = message
        self.wasSent = wasSent
    }

    public var description: String { message }
}

/// How long a request may take and who may stop it.
public struct HTTPPatience: Sendable {
    /// `CLOCK_MONOTONIC` in milliseconds.
    public var deadline: Int64
    public var isCancelled: @Sendable () -> Bool

    public init(deadline: Int64, isCancelled: @escaping @Sendable () -> Bool = { false }) {
        self.deadline = deadline
        self.isCancelled = isCancelled
    }

    /// Milliseconds left, never negative.
    public var remaining: Int64 { max(0, deadline - Monotonic.now) }

    /// Waits, in slices, and says false where the deadline or a cancellation comes first.
    public func wait(milliseconds: Int64) -> Bool {
        let end = Monotonic.now + milliseconds
        while true {
            if isCancelled() || Monotonic.now >= deadline { return false }
            let rest = min(end, deadline) - Monotonic.now
            if rest <= 0 { return Monotonic.now < deadline }
            Monotonic.pause(milliseconds: min(rest, 50))
        }
    }
}

extension HTTPPatience {
    /// Patience for so many milliseconds from now.
    public init(after milliseconds: Int64, isCancelled: @escaping @Sendable () -> Bool = { false }) {
        self.init(deadline: Monotonic.now + milliseconds, isCancelled: isCancelled)
    }
}
