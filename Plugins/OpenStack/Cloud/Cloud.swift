import DriverHTTP
import Glibc
import JSON
import PluginKit
import Synchronization

/// One cloud with one login: sends requests to its services with a token that is always fresh. Any number of threads.
final class Cloud: Sendable {
    let settings: CloudSettings
    private let http: HTTPClient
    private let token = Mutex<Token?>(nil)
    private let logins = Shared<Token>()
    private let computeMicroversion = Mutex<Microversion?>(nil)
    private let negotiations = Shared<Microversion>()
    /// How far the cloud's clock is ahead of ours, in milliseconds.
    private let clockAhead = Atomic<Int64>(0)

    init(_ settings: CloudSettings) {
        self.settings = settings
        var options = HTTPOptions()
        options.certificateAuthority = settings.certificateAuthority
        options.certificate = settings.certificate
        options.key = settings.key
        options.verifiesServer = settings.verifiesServer
        options.connectTimeout = Int64(settings.connectSeconds) * 1000
        options.stallTimeout = Int64(settings.stallSeconds) * 1000
        options.userAgent = "berth-openstack"
        options.recorder = settings.recordFolder.map(HTTPRecorder.init)
        http = HTTPClient(options)
    }

    enum Service: String, Sendable {
        case compute, image, network, volume

        /// The names that catalogs give it.
        var types: [String] {
            switch self {
            case .compute: ["compute"]
            case .image: ["image"]
            case .network: ["network"]
            case .volume: ["block-storage", "volumev3", "volume"]
            }
        }

        var name: String {
            switch self {
            case .compute: "Nova"
            case .image: "Glance"
            case .network: "Neutron"
            case .volume: "Cinder"
            }
        }

        /// What the catalog's address lacks: some clouds give it with the version, some without.
        var version: String {
            switch self {
            case .compute: "/v2.1"
            case .image: "/v2"
            case .network: "/v2.0"
            case .volume: "/v3"
            }
        }
    }

    // MARK: Requests

    /// Sends a request to a service and returns any answer below 400. A token that is refused is renewed once, however many
    /// calls it was refused to.
    @discardableResult
    func send(_ method: String, _ service: Service, _ path: String, json: JSON? = nil, _ patience: HTTPPatience) throws(DriverError)
        -> HTTPResponse
    {
        var token = try currentToken(patience)
        for attempt in 0... {
            let url = path.hasPrefix("http") ? path : try endpoint(service, token) + path
            var headers = [(name: "X-Auth-Token", value: token.value), (name: "Accept", value: "application/json")]
            if service == .compute {
                headers.append((name: "OpenStack-API-Version", value: "compute \(try microversion(token, patience))"))
            }
            let request = json.map { HTTPRequest(method, url, headers: headers, json: $0) } ?? HTTPRequest(method, url, headers: headers)
            let response = try answer(request, patience)
            if response.status == 401, attempt == 0 {
                token = try renewed(insteadOf: token.value, patience)
                continue
            }
            guard response.status < 400 else { throw Fault(response, from: service.name, url: url).error }
            return response
        }
        throw .broken("unreachable")
    }

    func get(_ service: Service, _ path: String, _ patience: HTTPPatience) throws(DriverError) -> JSON {
        let response = try send("GET", service, path, patience)
        do { return try response.json() } catch { throw .broken("\(service.name) answers no JSON", native: error.message) }
    }

    /// Walks all pages of a list; `item` sees each element.
    func pages(
        _ service: Service, _ path: String, _ field: String, _ patience: HTTPPatience, _ item: (JSON) throws(DriverError) -> Void
    ) throws(DriverError) {
        var next: String? = path
        var seen = 0
        while let path = next {
            let page = try get(service, path, patience)
            guard let items = page[field]?.array else {
                throw .broken("\(service.name)'s list has no '\(field)'", native: String(page.text.prefix(200)))
            }
            for element in items { try item(element) }
            seen += 1
            guard seen < 10_000 else { throw .broken("\(service.name)'s list of '\(field)' has no end") }
            next = try Self.next(after: page, field).map { (link) throws(DriverError) in try absolute(link, service, patience) }
        }
    }

    /// Nova and Neutron put a link beside the list, Glance a path in `next`.
    private static func next(after page: JSON, _ field: String) -> String? {
        if let path = page["next"]?.string { return path }
        return page["\(field)_links"]?.array?.first { $0["rel"]?.string == "next" }?["href"]?.string
    }

    /// A link as the catalog's address says it: services behind a proxy often link to themselves by another name. Only the
    /// part from the version on is taken.
    private func absolute(_ link: String, _ service: Service, _ patience: HTTPPatience) throws(DriverError) -> String {
        guard let range = link.firstRange(of: service.version + "/") else { throw .broken("a page of \(service.name) links to \(link)") }
        return "/" + link[range.upperBound...]
    }

    private func answer(_ request: HTTPRequest, _ patience: HTTPPatience) throws(DriverError) -> HTTPResponse {
        let response: HTTPResponse
        do { response = try http.send(request, patience) } catch { throw DriverError(error) }
        if let date = response.date { clockAhead.store(date - Self.clock, ordering: .relaxed) }
        return response
    }

    /// The cloud's clock in milliseconds since 1970, as its answers show it: to a second or so.
    var now: Int64 { Self.clock + clockAhead.load(ordering: .relaxed) }

    private static var clock: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }

    // MARK: Token

    /// The project that we are in.
    func projectID(_ patience: HTTPPatience) throws(DriverError) -> String? {
        try currentToken(patience).projectID
    }

    /// Logs in anew, whatever there is.
    func renew(_ patience: HTTPPatience) throws(DriverError) {
        let old = token.withLock { $0?.value }
        _ = try renewed(insteadOf: old, patience)
    }

    private func currentToken(_ patience: HTTPPatience) throws(DriverError) -> Token {
        let held = token.withLock { $0 }
        if let held, Monotonic.now < held.renewAfter { return held }
        return try renewed(insteadOf: held?.value, patience)
    }

    /// One login however many calls want one: they share what comes of it, a refusal too, so that a wrong password is not tried
    /// once for each of them.
    private func renewed(insteadOf old: String?, _ patience: HTTPPatience) throws(DriverError) -> Token {
        if let held = token.withLock({ $0 }), held.value != old { return held }
        return try logins.get(patience) { () throws(DriverError) in
            if let held = token.withLock({ $0 }), held.value != old { return held }
            let fresh = try login(patience)
            token.withLock { $0 = fresh }
            return fresh
        }
    }

    /// `POST /v3/auth/tokens`
    private func login(_ patience: HTTPPatience) throws(DriverError) -> Token {
        let url = settings.authURL + "/auth/tokens"
        let started = Monotonic.now
        var request = HTTPRequest("POST", url, headers: [(name: "Accept", value: "application/json")], json: Keystone.login(settings))
        request.isRepeatable = true
        let response = try answer(request, patience)
        guard response.status == 201 || response.status == 200 else {
            if response.status == 404 {
                // Keystone says 404, not 401, to a token that has ended.
                if case .token = settings.credential { throw .denied("the token of config.token has ended", native: response.excerpt) }
                throw .invalid("there is no Keystone v3 at \(settings.authURL)", native: response.excerpt)
            }
            throw Fault(response, from: "Keystone", url: url).error
        }
        return try Token(response, now: started)
    }

    // MARK: Catalog and versions

    private func endpoint(_ service: Service, _ token: Token) throws(DriverError) -> String {
        if let url = settings.endpoints[service.rawValue] { return Self.versioned(url, service) }
        guard let url = token.endpoint(service.types, region: settings.region, interface: settings.interface) else {
            let place = settings.region.map { "region '\($0)'" } ?? "any region"
            throw .invalid(
                "the cloud's catalog has no \(settings.interface) address of \(service.name) in \(place)",
                native: "it knows the regions: \(token.regions.joined(separator: ", "))")
        }
        return Self.versioned(url, service)
    }

    /// The address with a version: some catalogs give one, some do not.
    private static func versioned(_ url: String, _ service: Service) -> String {
        let hasVersion = url.split(separator: "/").dropFirst(2).contains { $0.first == "v" && $0.dropFirst().first?.isNumber == true }
        return hasVersion ? url : url + service.version
    }

    /// Whether the catalog has the service at all.
    func has(_ service: Service, _ patience: HTTPPatience) throws(DriverError) -> Bool {
        if settings.endpoints[service.rawValue] != nil { return true }
        return try currentToken(patience).endpoint(service.types, region: settings.region, interface: settings.interface) != nil
    }

    /// The version of Nova's API that both sides speak, asked for once.
    private func microversion(_ token: Token, _ patience: HTTPPatience) throws(DriverError) -> Microversion {
        if let known = computeMicroversion.withLock({ $0 }) { return known }
        return try negotiations.get(patience) { () throws(DriverError) in
            let chosen = try negotiated(token, patience)
            computeMicroversion.withLock { $0 = chosen }
            return chosen
        }
    }

    /// `GET /v2.1/`
    private func negotiated(_ token: Token, _ patience: HTTPPatience) throws(DriverError) -> Microversion {
        let url = try endpoint(.compute, token)
        let root = url.split(separator: "/", omittingEmptySubsequences: false).reduce(into: [Substring]()) { parts, part in
            // What follows the version is the project, in old catalogs.
            if parts.last.map({ $0.hasPrefix("v2") }) != true { parts.append(part) }
        }.joined(separator: "/")
        let response = try answer(HTTPRequest("GET", root + "/", headers: [(name: "X-Auth-Token", value: token.value)]), patience)
        guard response.isSuccess, let body = try? response.json(), let version = body["version"] else {
            throw Fault(response, from: "Nova", url: root).error
        }
        return try Microversion.choose(minimum: version["min_version"]?.string ?? "", maximum: version["version"]?.string ?? "")
    }

    /// The version in use, for what depends on it.
    func computeVersion(_ patience: HTTPPatience) throws(DriverError) -> Microversion {
        try microversion(currentToken(patience), patience)
    }
}
