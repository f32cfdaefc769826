import CCurl
import Glibc

/// One libcurl easy handle: a connection that is kept alive between requests. Used by one thread at a time.
struct Transfer: ~Copyable {
    private let handle: UnsafeMutableRawPointer

    init?() {
        guard let handle = curl_easy_init() else { return nil }
        self.handle = handle
        // A transfer that cannot go anywhere makes the handle open what it keeps open.
        CloseOnExec.mark {
            berth_curl_string(handle, CURLOPT_PROTOCOLS_STR, "http")
            berth_curl_string(handle, CURLOPT_URL, "file:///")
            curl_easy_perform(handle)
        }
    }

    deinit {
        curl_easy_cleanup(handle)
    }

    /// What the callbacks of one request write into. Lives as long as `perform` runs.
    private final class Sink {
        var status = 0
        var headers: [(name: String, value: String)] = []
        var body: [UInt8] = []
        let limit: Int
        var overflowed = false
        let patience: HTTPPatience

        init(limit: Int, patience: HTTPPatience) {
            self.limit = limit
            self.patience = patience
        }

        /// A header line; a new status line starts over (after `100 Continue`, say).
        func header(_ line: String) {
            if line.hasPrefix("HTTP/") {
                headers = []
                return
            }
            guard let colon = line.firstIndex(of: ":") else { return }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            headers.append((line[..<colon].lowercased(), String(value.prefix { !$0.isNewline })))
        }
    }

    /// `curl_easy_perform`: sends the request and waits for the whole answer.
    borrowing func perform(_ request: HTTPRequest, _ options: HTTPOptions, _ patience: HTTPPatience) throws(HTTPError) -> HTTPResponse {
        guard patience.remaining > 0 else { throw HTTPError(.deadline, "the deadline passed before the request was sent", wasSent: false) }
        if patience.isCancelled() { throw HTTPError(.cancelled, "cancelled", wasSent: false) }

        curl_easy_reset(handle)
        prepare(request, options, patience)
        var list: UnsafeMutablePointer<curl_slist>?
        for header in request.headers { list = curl_slist_append(list, "\(header.name): \(header.value)") ?? list }
        // Without this libcurl waits a second for a `100 Continue` before it sends a large body.
        list = curl_slist_append(list, "Expect:") ?? list
        defer { curl_slist_free_all(list) }
        berth_curl_headers(handle, list)

        let sink = Sink(limit: options.maximumBody, patience: patience)
        let context = Unmanaged.passUnretained(sink).toOpaque()
        berth_curl_callbacks(handle, context, Self.onBody, Self.onHeader, Self.onProgress)
        berth_curl_sockets(handle, CloseOnExec.onSocket)
        let code = withExtendedLifetime(sink) { curl_easy_perform(handle) }
        guard code == CURLE_OK else { throw failure(code, request, sink) }
        let status = Int(berth_curl_info_long(handle, CURLINFO_RESPONSE_CODE))
        return HTTPResponse(status: status, headers: sink.headers, body: sink.body)
    }

    private borrowing func prepare(_ request: HTTPRequest, _ options: HTTPOptions, _ patience: HTTPPatience) {
        berth_curl_string(handle, CURLOPT_URL, request.url)
        berth_curl_string(handle, CURLOPT_CUSTOMREQUEST, request.method)
        berth_curl_string(handle, CURLOPT_PROTOCOLS_STR, "http,https")
        berth_curl_string(handle, CURLOPT_USERAGENT, options.userAgent)
        berth_curl_string(handle, CURLOPT_ACCEPT_ENCODING, "")
        berth_curl_long(handle, CURLOPT_NOSIGNAL, 1)
        berth_curl_long(handle, CURLOPT_TCP_NODELAY, 1)
        berth_curl_long(handle, CURLOPT_TCP_KEEPALIVE, 1)
        berth_curl_long(handle, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_2TLS))
        berth_curl_long(handle, CURLOPT_CONNECTTIMEOUT_MS, Int(min(options.connectTimeout, patience.remaining)))
        berth_curl_long(handle, CURLOPT_TIMEOUT_MS, Int(patience.remaining))
        berth_curl_long(handle, CURLOPT_LOW_SPEED_LIMIT, 1)
        berth_curl_long(handle, CURLOPT_LOW_SPEED_TIME, Int(max(1, options.stallTimeout / 1000)))
        if let body = request.body {
            body.withUnsafeBytes { _ = berth_curl_body(handle, $0.baseAddress, curl_off_t($0.count)) }
        }
        if request.method == "HEAD" { berth_curl_long(handle, CURLOPT_NOBODY, 1) }
        // On a kept connection that turns out dead libcurl sends again by itself. What must not happen twice goes out on a fresh one.
        if !request.isRepeatable { berth_curl_long(handle, CURLOPT_FRESH_CONNECT, 1) }
        if let file = options.certificateAuthority { berth_curl_string(handle, CURLOPT_CAINFO, file) }
        if let file = options.certificate { berth_curl_string(handle, CURLOPT_SSLCERT, file) }
        if let file = options.key { berth_curl_string(handle, CURLOPT_SSLKEY, file) }
        if !options.verifiesServer {
            berth_curl_long(handle, CURLOPT_SSL_VERIFYPEER, 0)
            berth_curl_long(handle, CURLOPT_SSL_VERIFYHOST, 0)
        }
    }

    private borrowing func failure(_ code: CURLcode, _ request: HTTPRequest, _ sink: Sink) -> HTTPError {
        let wasSent = berth_curl_info_long(handle, CURLINFO_REQUEST_SIZE) > 0
        let words = String(cString: curl_easy_strerror(code))
        let what = "\(request.method) \(HTTPClient.withoutQuery(request.url))"
        switch code {
        case CURLE_ABORTED_BY_CALLBACK where sink.patience.remaining > 0 && sink.patience.isCancelled():
            return HTTPError(.cancelled, "\(what): cancelled", wasSent: wasSent)
        case CURLE_ABORTED_BY_CALLBACK:
            return HTTPError(.deadline, "\(what): the deadline passed", wasSent: wasSent)
        // libcurl counts in its own milliseconds: it may stop a moment before our deadline.
        case CURLE_OPERATION_TIMEDOUT where sink.patience.remaining < 100:
            return HTTPError(.deadline, "\(what): the deadline passed", wasSent: wasSent)
        case CURLE_WRITE_ERROR where sink.overflowed:
            return HTTPError(.tooLarge, "\(what): the answer is larger than \(sink.limit >> 20) MiB", wasSent: wasSent)
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER:
            return HTTPError(.tls, "\(what): TLS: \(words)", wasSent: wasSent)
        case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL:
            return HTTPError(.invalid, "\(what): \(words)", wasSent: false)
        default:
            return HTTPError(.unreachable, "\(what): \(words)", wasSent: wasSent)
        }
    }

    private static let onBody: curl_write_callback = { bytes, size, count, context in
        guard let bytes, let context else { return 0 }
        let sink = Unmanaged<Sink>.fromOpaque(context).takeUnretainedValue()
        guard sink.body.count + size * count <= sink.limit else {
            sink.overflowed = true
            return 0
        }
        bytes.withMemoryRebound(to: UInt8.self, capacity: size * count) {
            sink.body.append(contentsOf: UnsafeBufferPointer(start: $0, count: size * count))
        }
        return size * count
    }

    private static let onHeader: curl_write_callback = { bytes, size, count, context in
        guard let bytes, let context else { return 0 }
        let line = UnsafeRawBufferPointer(start: bytes, count: size * count)
        Unmanaged<Sink>.fromOpaque(context).takeUnretainedValue().header(String(decoding: line, as: UTF8.self))
        return size * count
    }

    private static let onProgress: berth_curl_progress_callback = { context, _, _, _, _ in
        guard let context else { return 0 }
        let patience = Unmanaged<Sink>.fromOpaque(context).takeUnretainedValue().patience
        return patience.isCancelled() || patience.remaining == 0 ? 1 : 0
    }
}
