import Glibc
import JSON
import Platform
import PluginABI

extension Check {
    /// Making machines, and doing to them what the driver lists. They are named `berth-check-…` and destroyed at the end.
    static let machineChecks =
        [
            Check(name: "create", level: 3, needs: ["create"], calls: ["open", "create", "list", "inspect"], limit: 300_000) {
                (examination) throws(CheckStop) in
                let subject = try examination.open()
                let (key, spec) = (examination.newKey(), examination.spec(subject))
                let first = subject.create(key, spec)
                guard first.isOK else {
                    throw .failed(
                        Finding(
                            54, .fail, "create answers \(first.words)",
                            do: "if the spec does not suit the provider, give one: --spec '{\"image\":…}'"))
                }
                guard let machine = subject.machine(first.document, "create", rule: 43) else { return }
                if machine.key != key { examination.found(53, .fail, "create answers a machine without its key", do: "write \"key\"") }
                examination.checkOnlyOne(subject, key, machine.id)
                examination.waitUntilBuilt(subject, machine.id)
                if subject.can("events") { examination.checkEvent(subject, machine.id) }
                let again = subject.create(key, spec)
                examination.checkSame(subject, again, machine.id, "called again")
                subject.close()
                try subject.mustOpen(examination.settings ?? [:])
                examination.checkSame(subject, subject.create(key, spec), machine.id, "called again after close and open")
                examination.checkOnlyOne(subject, key, machine.id)
                subject.checkEvents()
                subject.close()
                subject.audit()
            },
            Check(name: "create.bad-spec", level: 3, needs: ["create"], calls: ["open", "create", "list"], limit: 300_000) {
                (examination) throws(CheckStop) in
                let subject = try examination.open()
                let wrong: [(String, JSON)] = [
                    ("cpus", -1), ("cpus", "two"), ("memory_mib", 9_007_199_254_740_991), ("memory_mib", 1.5), ("disk_gib", -5),
                    ("node", "berth-check-nowhere"), ("name", 7),
                ]
                for (field, value) in wrong {
                    var spec = (try? JSON(parsing: examination.spec(subject))) ?? [:]
                    spec[field] = value
                    let key = examination.newKey()
                    let answer = subject.create(key, spec.text)
                    if answer.status == BERTH_BROKEN {
                        examination.found(
                            54, .warn, "create with \(field) = \(value.text) answers \(answer.words)", do: "answer INVALID or EXHAUSTED")
                    }
                    let made = (subject.list() ?? []).contains { $0.key == key }
                    if Status.promisesNothing(answer.status), made {
                        examination.found(
                            54, .fail, "create answers \(answer.words), and the machine is there", do: "undo it, or answer RETRY")
                    }
                }
                subject.close()
                subject.audit()
            },
            Check(name: "create.cancelled", level: 3, needs: ["create"], calls: ["open", "create", "list"], limit: 300_000) {
                (examination) throws(CheckStop) in
                let subject = try examination.open()
                let (key, spec) = (examination.newKey(), examination.spec(subject))
                subject.checkCancelled("create", subject.create(key, spec, cancelAfter: 20), after: 20)
                let second = subject.create(key, spec)
                guard second.isOK, let machine = subject.machine(second.document, "create", rule: 43) else { return }
                examination.checkOnlyOne(subject, key, machine.id)
                subject.close()
                subject.audit()
            },
        ] + (1...6).flatMap(crashChecks) + [
            Check(name: "verbs", level: 3, needs: ["create"], calls: ["open", "create", "inspect", "action"], limit: 600_000) {
                (examination) throws(CheckStop) in
                let subject = try examination.open()
                let answer = subject.create(examination.newKey(), examination.spec(subject))
                guard answer.isOK, let machine = subject.machine(answer.document, "create", rule: 43) else {
                    throw .skipped("create answers \(answer.words)")
                }
                examination.waitUntilBuilt(subject, machine.id)
                for (verb, state) in [
                    ("stop", "stopped"), ("start", "running"), ("pause", "paused"), ("unpause", "running"), ("suspend", "suspended"),
                    ("resume", "running"), ("reboot", "running"),
                ] where subject.can(verb) {
                    examination.doVerb(subject, machine.id, verb, state)
                }
                subject.close()
                subject.audit()
            },
            Check(name: "destroy", level: 3, needs: ["create", "destroy"], calls: ["open", "list", "action"], limit: 600_000) {
                (examination) throws(CheckStop) in
                let subject = try examination.open()
                let keys = Set(examination.memory.filter { $0.key.hasPrefix("key-") }.values)
                let ours = (subject.list() ?? []).filter { $0.key.map(keys.contains) == true && $0.state != "gone" }
                for machine in ours {
                    let answer = subject.action(machine.id, "destroy", deadline: 60_000)
                    if !answer.isOK {
                        examination.found(
                            56, .fail, "destroy answers \(answer.words)", do: "the machine '\(machine.id)' of this check is still there")
                        continue
                    }
                    let isGone = settle(within: 60_000) {
                        let inspected = subject.call("inspect") { subject.ops.inspect(subject.handle, $0, machine.id) }
                        return inspected.status == BERTH_NOT_FOUND || subject.isGone(inspected.document)
                    }
                    if !isGone {
                        examination.found(
                            56, .fail, "'\(machine.id)' is still there a minute after destroy",
                            do: "let inspect answer NOT_FOUND once it is gone")
                    }
                }
                let left = (subject.list() ?? []).filter { $0.key.map(keys.contains) == true && $0.state != "gone" }
                if !left.isEmpty {
                    examination.found(56, .fail, "list still shows \(left.count) destroyed machines", do: "leave them out, or say gone")
                }
                if let first = ours.first {
                    let answer = subject.action(first.id, "destroy")
                    if !answer.isOK, answer.status != BERTH_NOT_FOUND {
                        examination.found(
                            50, .warn, "destroy of a machine that is gone answers \(answer.words)", do: "answer BERTH_NOT_FOUND")
                    }
                }
                subject.checkEvents()
                subject.close()
                subject.audit()
            },
        ]

    /// A create whose process dies, and what the next one finds. The first dies when create has returned, the others
    /// somewhere within.
    private static func crashChecks(_ number: Int) -> [Check] {
        let level = number == 1 ? 3 : 4
        let suffix = number == 1 ? "" : "-\(number)"
        return [
            Check(name: "create.crash\(suffix)", level: level, needs: ["create"], calls: ["open", "create"]) {
                (examination) throws(CheckStop) in
                let subject = try examination.open()
                let (key, spec) = (examination.newKey("crash"), examination.spec(subject))
                examination.reporter.willDie()
                if number > 1 {
                    examination.watchdog.killAt(Clock.monotonic + Int64(examination.random.next() % UInt64(20 * number)))
                }
                _ = subject.create(key, spec)
                kill(getpid(), SIGKILL)
            },
            Check(name: "create.after-crash\(suffix)", level: level, needs: ["create"], calls: ["open", "create", "list"]) {
                (examination) throws(CheckStop) in
                guard let key = examination.memory["crash"] else { throw .skipped("no create was interrupted") }
                let subject = try examination.open()
                let before = (subject.list() ?? []).filter { $0.key == key }
                let answer = subject.create(key, examination.spec(subject))
                guard answer.isOK, let machine = subject.machine(answer.document, "create", rule: 43) else {
                    throw .failed(
                        Finding(52, .fail, "create with the key of an interrupted one answers \(answer.words)", do: "look the key up first")
                    )
                }
                if let first = before.first, first.id != machine.id {
                    examination.found(
                        52, .fail, "create makes a second machine after a crash", do: "look the key up at the provider before you create")
                }
                examination.checkOnlyOne(subject, key, machine.id)
                subject.close()
            },
        ]
    }
}
