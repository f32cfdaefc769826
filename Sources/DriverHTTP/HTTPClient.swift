import CCurl
import Synchronization

/// HTTP for drivers, over libcurl: kept connections, retries, deadlines, cancellation, TLS. Any number of threads may use
/// one client at once; each request takes a connection from the pool, or makes one.
public final class HTTPClient: Sendable {
    private let options: HTTPOptions
    private let pool = Mutex<[Pooled]>([])

    private final class Pooled: Sendable {
        private let transfer: Mutex<Transfer>

        init?() {
            guard let transfer = Transfer() else { return nil }
            self.transfer = Mutex(transfer)
        }

        func perform(_ request: HTTPRequest, _ options: HTTPOptions, _ patience: HTTPPatience) -> Result<HTTPResponse, HTTPError> {
            transfer.withLock { transfer in
                do throws(HTTPError) { return .success(try transfer.perform(request, options, patience)) } catch { return .failure(error) }
            }
        }
    }

    private static let initialized: Bool = berth_curl_global() == CURLE_OK

    public init(_ options: HTTPOptions = HTTPOptions()) {
        self.options = options
    }

    /// Sends the request until there is an answer to keep: failures that may pass are tried again, as often as the options
    /// say and as long as there is patience. Any status is an answer; 429, and 503 where it may be repeated, are waited out first.
    public func send(_ request: HTTPRequest, _ patience: HTTPPatience) throws(HTTPError) -> HTTPResponse {
        var request = request
        var attempt = 0
        var hops = 0
        while true {
            attempt += 1
            let result = once(request, patience)
            if case .success(let response) = result, let target = try redirect(response, of: request) {
                hops += 1
                guard hops <= 5 else { throw HTTPError(.garbage, "\(request.url) redirects in a circle", wasSent: true) }
                request.url = target
                continue
            }
            guard attempt <= options.retries, let pause = pause(after: result, of: request, attempt), pause < patience.remaining,
                patience.wait(milliseconds: pause)
            else { return try result.get() }
        }
    }

    private func once(_ request: HTTPRequest, _ patience: HTTPPatience) -> Result<HTTPResponse, HTTPError> {
        guard Self.initialized, let pooled = pool.withLock({ $0.popLast() }) ?? Pooled() else {
            return .failure(HTTPError(.unreachable, "libcurl could not be initialised", wasSent: false))
        }
        defer { pool.withLock { $0.append(pooled) } }
        let result = pooled.perform(request, options, patience)
        if let recorder = options.recorder, case .success(let response) = result { recorder.record(request, response) }
        return result
    }

    /// Milliseconds to wait before the request is sent again; nil: keep the answer.
    private func pause(after result: Result<HTTPResponse, HTTPError>, of request: HTTPRequest, _ attempt: Int) -> Int64? {
        let backOff = min(5000, Int64(100) << Int64(attempt))
        switch result {
        case .success(let response) where response.status == 429 || response.status == 503 && request.isRepeatable:
            return response.retryAfter ?? backOff
        case .success(let response):
            return [500, 502, 504].contains(response.status) && request.isRepeatable ? backOff : nil
        case .failure(let error):
            return error.kind == .unreachable && (request.isRepeatable || !error.wasSent) ? backOff : nil
        }
    }

    /// Where a redirect leads: only on the same server, since the headers carry credentials, and only without a body.
    private func redirect(_ response: HTTPResponse, of request: HTTPRequest) throws(HTTPError) -> String? {
        guard [301, 302, 303, 307, 308].contains(response.status), let location = response.header("location") else { return nil }
        let origin = Self.origin(request.url)
        let target = location.hasPrefix("/") ? origin + location : location
        guard Self.origin(target) == origin, request.method == "GET" else {
            throw HTTPError(
                .garbage,
                "\(request.method) \(Self.withoutQuery(request.url)) is redirected to \(Self.withoutQuery(target)): set that address instead",
                wasSent: true)
        }
        return target
    }

    /// Scheme, host and port of a URL.
    static func origin(_ url: String) -> String {
        let parts = url.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
        return parts.prefix(3).joined(separator: "/").lowercased()
    }

    /// A URL as a message may show it.
    static func withoutQuery(_ url: String) -> String {
        String(url.prefix { $0 != "?" })
    }
}
