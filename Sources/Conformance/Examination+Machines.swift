import Glibc
import JSON
import Platform
import PluginABI
import Synchronization

extension Examination {
    /// A fresh key, remembered so that the machine it makes is destroyed at the end of the run, whatever happens.
    func newKey(_ name: String? = nil) -> String {
        let key = random.key()
        reporter.remember("key-\(key)", key)
        if let name { reporter.remember(name, key) }
        return key
    }

    /// A small machine: what `--spec` says, else an image and a size of the catalog if there is one.
    func spec(_ subject: Subject) -> String {
        var spec: JSON = ["name": .string("berth-check-\(seed % 100_000)"), "cpus": 1, "memory_mib": 256, "disk_gib": 0]
        let given = extraSpec?.object?.fields ?? []
        if subject.can("catalog"), !given.contains(where: { $0.name == "image" }) {
            let answer = subject.call("catalog") { subject.ops.catalog(subject.handle, $0) }
            let catalog = answer.isOK ? (try? JSON(parsing: answer.document)) ?? .null : .null
            if let image = catalog["images"]?[0]?["id"] { spec["image"] = image }
            if let size = catalog["sizes"]?[0] {
                for field in ["cpus", "memory_mib", "disk_gib"] { if let value = size[field] { spec[field] = value } }
            }
        }
        for field in given { spec[field.name] = field.value }
        return spec.text
    }

    func checkSame(_ subject: Subject, _ answer: Subject.Answer, _ id: String, _ when: String) {
        guard answer.isOK else {
            return found(
                52, .fail, "create with the same key, \(when), answers \(answer.words)", do: "answer the machine that the key made")
        }
        if let machine = subject.machine(answer.document, "create", rule: 43), machine.id != id {
            found(
                52, .fail, "create with the same key, \(when), makes '\(machine.id)' beside '\(id)'",
                do: "look the key up at the provider before you create")
        }
    }

    func checkOnlyOne(_ subject: Subject, _ key: String, _ id: String) {
        guard let machines = subject.list() else { return }
        let ours = machines.filter { $0.key == key }
        if ours.count > 1 {
            found(52, .fail, "\(ours.count) machines have the same key", do: "look the key up at the provider before you create")
        }
        if ours.isEmpty {
            let isThere = machines.contains { $0.id == id }
            found(
                53, .fail, isThere ? "list shows the machine without its key" : "list does not show the machine that create made",
                do: "store the key with the machine (metadata, tag, or its own UUID) and write it in list and inspect")
        }
        if let machine = subject.inspect(id), machine.key != key {
            found(53, .fail, "inspect shows the machine without its key", do: "write \"key\" wherever the machine is shown")
        }
    }

    func waitUntilBuilt(_ subject: Subject, _ id: String) {
        let isBuilt = settle(within: 120_000) { subject.inspect(id)?.state != "building" }
        if !isBuilt {
            found(
                55, .warn, "the machine is still building after two minutes", do: "answer error with a message when it cannot become more")
        }
    }

    /// Whether an event told of the machine, or that there is something to list.
    func checkEvent(_ subject: Subject, _ id: String) {
        let host = subject.host
        let came = settle(within: 5_000) {
            host.state.withLock { state in
                state.events.contains { $0.kind == 4 || $0.kind == 1 && String(decoding: $0.subject, as: UTF8.self) == id }
            }
        }
        if !came { found(61, .warn, "no event came within five seconds of create", do: "emit STATE, or do not list events") }
    }

    func doVerb(_ subject: Subject, _ id: String, _ verb: String, _ state: String) {
        let answer = subject.action(id, verb, deadline: 120_000)
        guard answer.isOK else {
            return found(55, .fail, "\(verb) is listed and answers \(answer.words)", do: "mend it, or do not list it")
        }
        var last = ""
        let arrived = settle(within: 60_000) {
            last = subject.inspect(id)?.state ?? "not there"
            return last == state
        }
        if !arrived {
            // A guest without an operating system does not hear that it should shut down.
            let outcome: CheckOutcome = verb == "stop" ? .warn : .fail
            found(55, outcome, "a minute after \(verb) the machine is \(last), not \(state)", do: "show the state that the provider shows")
        }
    }
}

extension Subject {
    func isGone(_ document: [UInt8]) -> Bool { (try? JSON(parsing: document))?["state"] == "gone" }

    /// Whether a cancelled call ended soon.
    func checkCancelled(_ name: String, _ answer: Answer, after cancel: Int64) {
        guard answer.milliseconds > cancel + 2_000 else { return }
        let late = answer.milliseconds - cancel
        reporter.finding(
            Finding(
                71, .warn, "\(name) ended \(late) ms after it was cancelled and asked \(answer.asked) times",
                do: "ask call->cancelled at least every second, and between the requests to the provider"))
    }
}
