import Glibc
import JSON
import PluginABI

extension Check {
    /// Questions that no host asks, from a seed that repeats them.
    static let fuzzChecks = [
        Check(name: "fuzz", level: 2, calls: ["open", "inspect", "action", "list"], limit: 600_000) { (examination) throws(CheckStop) in
            let subject = try examination.open()
            // Never an id or a name that is somebody's: the verbs here include those that destroy.
            let taken = Set((subject.list() ?? []).flatMap { [$0.id, $0.name ?? "", $0.key ?? ""] })
            let verbs = examination.level >= 3 ? subject.capabilities.filter { $0 != "create" } + ["x"] : ["x", "vendor.verb"]
            for _ in 0..<examination.rounds {
                let id = "\(examination.random.text())~"
                guard !taken.contains(id) else { continue }
                let inspected = subject.call("inspect") { subject.ops.inspect(subject.handle, $0, id) }
                if inspected.isOK {
                    examination.found(
                        50, .fail, "inspect of '\(excerpt(id.utf8, 40))' answers OK (seed \(examination.seed))",
                        do: "answer BERTH_NOT_FOUND")
                    break
                }
                let verb =
                    Bool.random(using: &examination.random)
                    ? verbs.randomElement(using: &examination.random) ?? "x" : examination.random.text()
                let acted = subject.action(id, verb, examination.random.json())
                if acted.isOK, !verb.isEmpty {
                    examination.found(
                        51, .fail, "action '\(excerpt(verb.utf8, 30))' on '\(excerpt(id.utf8, 30))' answers OK (seed \(examination.seed))",
                        do: "answer BERTH_NOT_FOUND or BERTH_UNSUPPORTED")
                    break
                }
            }
            subject.close()
            subject.audit()
        },
        Check(name: "fuzz.create", level: 4, needs: ["create", "destroy"], calls: ["open", "create", "action", "list"], limit: 1_200_000) {
            (examination) throws(CheckStop) in
            let subject = try examination.open()
            for _ in 0..<examination.rounds / 10 {
                let key = examination.newKey()
                let answer = subject.create(key, examination.random.json())
                if answer.isOK, let machine = subject.machine(answer.document, "create", rule: 43) {
                    _ = subject.action(machine.id, "destroy", deadline: 60_000)
                } else if Status.promisesNothing(answer.status), (subject.list() ?? []).contains(where: { $0.key == key }) {
                    examination.found(
                        54, .fail, "create answers \(answer.words), and the machine is there (seed \(examination.seed))",
                        do: "undo it, or answer RETRY")
                    break
                }
            }
            subject.close()
            subject.audit()
        },
    ]
}

extension Examination {
    /// How often the fuzz asks.
    fileprivate var rounds: Int {
        switch level {
        case ...2: 300
        case 3: 1_000
        default: 10_000
        }
    }
}
