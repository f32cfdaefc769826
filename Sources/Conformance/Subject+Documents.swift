import Glibc
import JSON
import PluginABI
import Synchronization

extension Subject {
    /// A machine as `list` or `inspect` shows it.
    struct Seen {
        var id: String
        var key: String?
        var name: String?
        var state: String
    }

    /// `list`, each line against the schema. `nil`: it failed.
    func list() -> [Seen]? {
        let answer = call("list") { ops.list(handle, $0) }
        guard answer.isOK else { return nil }
        var machines: [Seen] = []
        var problems = 0
        for (number, line) in answer.document.split(separator: 0x0A).enumerated() {
            let seen = machine(line, "line \(number + 1) of list", rule: 42, quiet: problems > 3)
            if let seen { machines.append(seen) } else { problems += 1 }
        }
        return machines
    }

    /// `inspect`; nil where the machine is not there or the document does not fit.
    func inspect(_ id: String) -> Seen? {
        let answer = call("inspect") { ops.inspect(handle, $0, id) }
        return answer.isOK ? machine(answer.document, "inspect", rule: 43) : nil
    }

    /// A machine document, if it fits its schema; otherwise a finding.
    func machine(_ bytes: some Collection<UInt8>, _ what: String, rule: Int, quiet: Bool = false) -> Seen? {
        let problems = check(bytes, DocumentSchema.machine, what, rule: rule, quiet: quiet)
        guard problems.isEmpty, let json = try? JSON(parsing: bytes), let id = json["id"]?.string, let state = json["state"]?.string else {
            return nil
        }
        return Seen(id: id, key: json["key"]?.string, name: json["name"]?.string, state: state)
    }

    /// A document against its schema; what is wrong with it becomes a finding.
    @discardableResult
    func check(
        _ bytes: some Collection<UInt8>, _ schema: DocumentSchema, _ what: String, rule: Int, quiet: Bool = false
    ) -> [String] {
        if String(validating: bytes, as: UTF8.self) == nil {
            if !quiet {
                reporter.finding(
                    Finding(44, .fail, "\(what) is no UTF-8: \(excerpt(bytes))", do: "convert the provider's text, or replace what is none")
                )
            }
            return ["is no UTF-8"]
        }
        let problems = schema.problems(of: bytes)
        if !problems.isEmpty, !quiet {
            let more = problems.count > 3 ? " and \(problems.count - 3) more" : ""
            let seen = "\(what): \(problems.prefix(3).joined(separator: "; "))\(more), in \(excerpt(bytes, 120))"
            reporter.finding(Finding(rule, .fail, seen, do: "write what docs/schema/\(schema.name).json says"))
        }
        return problems
    }

    /// All events so far against their schemas.
    func checkEvents() {
        for event in host.state.withLock({ $0.events }) {
            let subject = String(decoding: event.subject, as: UTF8.self)
            switch event.kind {
            case 1:
                if let seen = machine(event.data, "a STATE event", rule: 60), seen.id != subject {
                    reporter.finding(
                        Finding(60, .fail, "a STATE event of '\(subject)' tells of '\(seen.id)'", do: "the subject is the machine's id"))
                }
            case 2: check(event.data, DocumentSchema.usage, "a STATS event", rule: 60)
            case 3: check(event.data, DocumentSchema.health, "a HEALTH event", rule: 60)
            case 4: break
            default: reporter.finding(Finding(60, .fail, "an event of kind \(event.kind)", do: "kinds are 1 to 4, BERTH_EVENT_…"))
            }
        }
    }

    func action(_ id: String, _ verb: String, _ arguments: String = "{}", deadline: Int64 = 30_000) -> Answer {
        call("action", deadline: deadline) { ops.action(handle, $0, id, verb, arguments, arguments.utf8.count) }
    }

    func create(_ key: String, _ spec: String, deadline: Int64 = 60_000, cancelAfter: Int64? = nil) -> Answer {
        call("create", deadline: deadline, cancelAfter: cancelAfter) { ops.create(handle, $0, key, spec, spec.utf8.count) }
    }
}
