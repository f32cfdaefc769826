import Glibc
import JSON
import PluginABI

extension Check {
    /// What the provider has and shows, and what is answered to questions about what it does not have.
    static let documentChecks = [
        Check(name: "capacity", level: 2, calls: ["open", "capacity"]) { (examination) throws(CheckStop) in
            let subject = try examination.open()
            let answer = subject.call("capacity") { subject.ops.capacity(subject.handle, $0) }
            guard answer.isOK else { throw .failed(Finding(40, .fail, "capacity answers \(answer.words)", do: "every driver has nodes")) }
            if subject.check(answer.document, DocumentSchema.capacity, "capacity", rule: 40).isEmpty {
                let nodes = (try? JSON(parsing: answer.document))?["nodes"]?.array ?? []
                let ids = nodes.compactMap { $0["id"]?.string }
                if Set(ids).count != ids.count { examination.found(40, .fail, "two nodes have the same id", do: "make ids unique") }
                if nodes.isEmpty {
                    examination.found(40, .warn, "there is no node", do: "nothing can be placed on a provider without nodes")
                }
                Check.checkRoom(nodes, examination)
            }
            subject.close()
            subject.audit()
        },
        Check(name: "catalog", level: 2, needs: ["catalog"], calls: ["open", "catalog"]) { (examination) throws(CheckStop) in
            let subject = try examination.open()
            let answer = subject.call("catalog") { subject.ops.catalog(subject.handle, $0) }
            guard answer.isOK else {
                throw .failed(Finding(41, .fail, "catalog is listed and answers \(answer.words)", do: "mend it, or do not list it"))
            }
            subject.check(answer.document, DocumentSchema.catalog, "catalog", rule: 41)
            subject.close()
        },
        Check(name: "list", level: 2, calls: ["open", "list", "inspect"]) { (examination) throws(CheckStop) in
            let subject = try examination.open()
            guard let machines = subject.list() else {
                let answer = subject.call("list") { subject.ops.list(subject.handle, $0) }
                throw .failed(
                    Finding(42, .fail, "list answers \(answer.words)", do: "list every machine of the provider; none is an empty document"))
            }
            for (what, values) in [("id", machines.map(\.id)), ("key", machines.compactMap(\.key))] where Set(values).count != values.count
            {
                examination.found(42, .fail, "two machines have the same \(what)", do: "make each \(what) unique")
            }
            for machine in machines.prefix(20) {
                let answer = subject.call("inspect") { subject.ops.inspect(subject.handle, $0, machine.id) }
                if answer.status == BERTH_NOT_FOUND { continue }  // it may have gone meanwhile
                guard answer.isOK else {
                    examination.found(43, .fail, "inspect of a listed machine answers \(answer.words)", do: "inspect takes the ids of list")
                    break
                }
                let seen = subject.machine(answer.document, "inspect", rule: 43)
                if let seen, seen.id != machine.id {
                    examination.found(
                        43, .fail, "inspect of '\(machine.id)' answers '\(seen.id)'", do: "answer the machine that was asked for")
                    break
                }
                if let seen, seen.key != machine.key {
                    examination.found(
                        53, .fail, "list and inspect show different keys of '\(machine.id)'", do: "show the stored key in both")
                    break
                }
            }
            subject.close()
            subject.audit()
        },
        Check(name: "unknown", level: 2, calls: ["open", "inspect", "action"]) { (examination) throws(CheckStop) in
            let subject = try examination.open()
            let ids = [
                "berth-check-no-such-machine", "0", "-1", "../../etc/passwd", "%s%n", "\u{1F6A2}", String(repeating: "x", count: 10_000),
            ]
            let listed = Set((subject.list() ?? []).flatMap { [$0.id, $0.name ?? ""] })
            for id in ids where !listed.contains(id) {
                let answer = subject.call("inspect") { subject.ops.inspect(subject.handle, $0, id) }
                if answer.isOK {
                    examination.found(
                        50, .fail, "inspect of the unknown id '\(excerpt(id.utf8, 30))' answers OK", do: "answer BERTH_NOT_FOUND")
                    break
                }
                if answer.status != BERTH_NOT_FOUND {
                    examination.found(
                        50, .warn, "inspect of the unknown id '\(excerpt(id.utf8, 30))' answers \(answer.words)",
                        do: "answer BERTH_NOT_FOUND")
                    break
                }
            }
            for verb in ["berth-check.dance", "", "DESTROY", String(repeating: "v", count: 3000)] {
                let answer = subject.action("berth-check-no-such-machine", verb)
                if answer.isOK {
                    examination.found(
                        51, .fail, "action answers OK to a verb and a machine that there are not", do: "answer BERTH_UNSUPPORTED")
                    break
                }
            }
            if let machine = (subject.list() ?? []).first {
                let answer = subject.action(machine.id, "berth-check.dance")
                if answer.isOK {
                    examination.found(51, .fail, "action answers OK to a verb that is not listed", do: "answer BERTH_UNSUPPORTED")
                } else if answer.status != BERTH_UNSUPPORTED {
                    examination.found(
                        51, .warn, "action answers \(answer.words) to a verb that is not listed", do: "answer BERTH_UNSUPPORTED")
                }
            }
            subject.close()
            subject.audit()
        },
    ]

    /// Nodes that use more than they have: allowed (overcommitted), and mostly a mistake of units.
    private static func checkRoom(_ nodes: [JSON], _ examination: Examination) {
        for node in nodes {
            for field in ["memory_mib", "disk_gib"] {
                guard let total = node["total"]?[field]?.double, let used = node["used"]?[field]?.double, total > 0, used > total * 16
                else { continue }
                examination.found(
                    40, .warn, "node '\(node["id"]?.string ?? "")' uses \(used / total) times its \(field)",
                    do: "memory is in MiB, disk in GiB")
            }
        }
    }
}
