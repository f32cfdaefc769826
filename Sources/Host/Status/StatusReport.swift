import JSON
import Model

/// What is wrong with a host, since when, and what to do: made of what its components answered. Pure, so that it can be tested alone.
struct StatusReport {
    /// One thing that is wrong.
    struct Problem: Equatable {
        /// `provider lab`
        var what: String
        var state: String
        /// RFC 3339; nil where nobody knows.
        var since: String?
        var reason: String?
        /// What an operator does about it.
        var action: String

        var json: JSON {
            ["what": .string(what), "state": .string(state), "since": JSON(since), "reason": JSON(reason), "do": .string(action)]
        }
    }

    /// What was asked, by verb; an answer that is missing or an error is a problem of its own where the verb must be there.
    var answers: [String: Result<JSON, BerthError>]
    var now: Instant

    /// A lease that takes longer than this to end, or to get or lose its machines, is worth a look: ten minutes.
    static let patience: Int64 = 600_000

    private func list(_ verb: String, _ field: String) -> [JSON] {
        guard case .success(let body)? = answers[verb] else { return [] }
        return body[field]?.array ?? []
    }

    var problems: [Problem] { unanswered + ledger + components + plugins + providers + leases + members }

    /// The body of `host.status`.
    var json: JSON {
        let info = (try? answers["host.info"]?.get()) ?? .null
        let providers = list("provider.list", "providers")
        return [
            "host": info["name"] ?? .null, "version": info["version"] ?? .null, "started": info["started"] ?? .null,
            "providers": JSON(providers.count), "ready": JSON(providers.filter { $0["state"] == "ready" }.count),
            "problems": .array(problems.map(\.json)),
        ]
    }

    // MARK: - What can be wrong

    /// Verbs that nobody has are no problem: not every host runs every component.
    private var unanswered: [Problem] {
        answers.sorted { $0.key < $1.key }.compactMap { verb, answer in
            guard case .failure(let error) = answer, error.code != .unsupported else { return nil }
            return Problem(
                what: "verb \(verb)", state: error.code.rawValue, reason: error.message,
                action: "berth support FILE, and report it if it stays")
        }
    }

    private var ledger: [Problem] {
        guard case .success(let body)? = answers["ledger.health"], let state = body["state"]?.string, state != "ready" else { return [] }
        return [
            Problem(
                what: "ledger", state: state, since: body["since"]?.string, reason: body["reason"]?.string,
                action: "free space or mend the mount; if it is damaged: berth ledger check (docs/operations.md)")
        ]
    }

    private var components: [Problem] {
        list("host.info", "components").compactMap { component in
            guard component["state"] == "absent", let name = component["name"]?.string else { return nil }
            return Problem(what: "component \(name)", state: "absent", reason: "nobody runs it", action: "berth serve --only \(name)")
        }
    }

    private var plugins: [Problem] {
        list("plugin.list", "plugins").compactMap { plugin in
            guard let name = plugin["name"]?.string, let state = plugin["state"]?.string, !["ready", "disabled"].contains(state) else {
                return nil
            }
            return Problem(what: "plugin \(name)", state: state, reason: plugin["reason"]?.string, action: "berth plugins --why \(name)")
        }
    }

    private var providers: [Problem] {
        list("provider.list", "providers").compactMap { provider in
            guard let name = provider["name"]?.string, let state = provider["state"]?.string else { return nil }
            let since = provider["since"]?.string
            guard let action = StatusReport.action(state, name, provider["retry"]?.string, isLate(since)) else { return nil }
            return Problem(what: "provider \(name)", state: state, since: since, reason: provider["reason"]?.string, action: action)
        }
    }

    private func isLate(_ since: String?) -> Bool {
        guard let since = since.flatMap(Instant.init) else { return false }
        return now.milliseconds - since.milliseconds > StatusReport.patience
    }

    /// Nil: the state is nothing to worry about.
    private static func action(_ state: String, _ name: String, _ retry: String?, _ isLate: Bool) -> String? {
        let again = retry.map { "tried again at \($0)" } ?? "tried again by itself"
        switch state {
        case "ready", "disabled", "draining": return nil
        case "starting", "restarting": return isLate ? "berth providers show \(name)" : nil
        case "quarantined": return "mend the cause, then: berth plugins reset \(name); \(again)"
        case "unreachable": return "see whether it runs and can be reached; \(again)"
        case "unconfigured": return "mend plugins.conf (berth config check), then: berth plugins reload"
        default: return "berth providers show \(name)"
        }
    }

    private var leases: [Problem] {
        list("lease.list", "leases").compactMap { lease in
            guard let id = lease["id"]?.string, let name = lease["name"]?.string, let state = lease["state"]?.string else { return nil }
            let times = ["end", "start", "created"].compactMap { lease[$0]?.string }.compactMap(Instant.init).filter { $0 < now }
            guard let since = times.max(), isLate(since.description) else { return nil }
            let machines = lease["machines"]?.array ?? []
            let reason = machines.compactMap { $0["message"]?.string }.first ?? lease["reason"]?.string
            return Problem(
                what: "lease \(name)", state: state, since: since.description, reason: reason,
                action: state == "ending"
                    ? "berth lease show \(id); machines that are gone for good: berth machines" : "berth lease show \(id)")
        }
    }

    private var members: [Problem] {
        list("member.list", "members").compactMap { member in
            guard member["state"] == "expired", let name = member["name"]?.string else { return nil }
            return Problem(
                what: "member \(name)", state: "expired", since: member["since"]?.string, reason: "it has not said that it is alive",
                action: "berth members show \(name)")
        }
    }
}
