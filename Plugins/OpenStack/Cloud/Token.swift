import DriverHTTP
import JSON
import PluginKit

/// What a login brings: the token, until when it holds, the project, and where the services are.
struct Token: Sendable {
    var value: String
    /// `CLOCK_MONOTONIC` in milliseconds after which it is renewed: some time before its end.
    var renewAfter: Int64
    var projectID: String?
    private var catalog: [JSON]

    /// Reads the answer of `POST /v3/auth/tokens`. The lifetime is taken from the answer alone, so a clock of the cloud's
    /// that runs ahead or behind does no harm.
    init(_ response: HTTPResponse, now: Int64) throws(DriverError) {
        guard let value = response.header("x-subject-token") else {
            throw .broken("Keystone's answer has no token", native: response.excerpt)
        }
        let body: JSON
        do { body = try response.json() } catch { throw .broken("Keystone's answer is no JSON", native: error.message) }
        guard let token = body["token"] else { throw .broken("Keystone's answer has no token", native: response.excerpt) }
        self.value = value
        projectID = token["project"]?["id"]?.string
        catalog = token["catalog"]?.array ?? []
        let issued = token["issued_at"]?.string.flatMap(CloudTime.milliseconds) ?? 0
        let expires = token["expires_at"]?.string.flatMap(CloudTime.milliseconds) ?? issued + 3_600_000
        let life = max(2000, expires - issued)
        renewAfter = now + life - min(life / 3, 120_000)
    }

    /// The address of a service, for one of its names ("compute", "image" …), in the region and of the interface asked for.
    func endpoint(_ types: [String], region: String?, interface: String) -> String? {
        for service in catalog where types.contains(service["type"]?.string ?? "") {
            for endpoint in service["endpoints"]?.array ?? [] {
                guard endpoint["interface"]?.string == interface else { continue }
                let itsRegion = endpoint["region_id"]?.string ?? endpoint["region"]?.string
                guard region == nil || itsRegion == region, var url = endpoint["url"]?.string else { continue }
                while url.hasSuffix("/") { url.removeLast() }
                return url
            }
        }
        return nil
    }

    /// The regions that the catalog names.
    var regions: [String] {
        let all = catalog.flatMap { $0["endpoints"]?.array ?? [] }.compactMap { $0["region_id"]?.string }
        return Array(Set(all)).sorted()
    }
}

/// OpenStack's several ways to write a time, all of them UTC: with and without a `Z`, with and without microseconds.
enum CloudTime {
    static func milliseconds(_ text: String) -> Int64? {
        let numbers = text.split { !$0.isNumber }.map(String.init)
        guard numbers.count >= 6, numbers[0].count == 4 else { return nil }
        let parts = numbers.prefix(6).compactMap { Int64($0) }
        guard parts.count == 6 else { return nil }
        let fraction = numbers.count > 6 ? Int64(numbers[6].prefix(3).padding(toLength: 3)) ?? 0 : 0
        return (days(parts[0], parts[1], parts[2]) * 86_400 + parts[3] * 3600 + parts[4] * 60 + parts[5]) * 1000 + fraction
    }

    /// As documents want it.
    static func rfc3339(_ text: String) -> String? {
        milliseconds(text).map { PluginKit.rfc3339(unixMilliseconds: $0) }
    }

    /// Days since 1970, counted from a March that starts the year.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let ofEra = shifted - era * 400
        let ofYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468
    }
}

extension Substring {
    fileprivate func padding(toLength length: Int) -> String {
        self + String(repeating: "0", count: Swift.max(0, length - count))
    }
}
