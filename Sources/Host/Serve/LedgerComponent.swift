import Bus
import JSON
import Ledger
import Model
import Platform
import Synchronization

/// The ledger's verbs on the bus: `ledger.health` for components, `ledger.check` and `ledger.backup` for operators.
///
/// The two long ones run one at a time on a thread of their own, so that health is always known.
final class LedgerComponent: Component {
    static func description(_ ledger: any Ledger) -> ComponentDescription {
        ComponentDescription(
            name: "ledger",
            verbs: [Verb("ledger.health", .components), Verb("ledger.check", .operators), Verb("ledger.backup", .operators)],
            isSingle: true
        ) { LedgerComponent($0, ledger) }
    }

    private let ledger: any Ledger
    private let jobs = Mailbox<Job>()
    private let worker: OSThread?
    /// When the ledger stopped taking promises; of this run of the host.
    private let trouble = Trouble()

    private enum Job: Sendable {
        case request(Request)
        case stop
    }

    /// Set on the ledger's thread, read on ours.
    private final class Trouble: Sendable {
        let since = Mutex<Instant?>(nil)

        func changed(_ health: LedgerHealth) {
            since.withLock { $0 = health == .ready ? nil : $0 ?? Instant(milliseconds: Clock.real) }
        }
    }

    init(_ context: any ComponentContext, _ ledger: any Ledger) {
        self.ledger = ledger
        let (jobs, trouble) = (jobs, trouble)
        ledger.onHealth { trouble.changed($0) }
        trouble.changed(ledger.health)
        worker = OSThread("berth-ledger-job") { LedgerComponent.work(jobs, ledger) }
    }

    func handle(_ batch: [Request]) {
        for request in batch {
            if request.verb == "ledger.health" {
                request.ok(health)
            } else {
                jobs.put(.request(request))
            }
        }
    }

    func stop() {
        jobs.put(.stop)
        worker?.join()
    }

    private var health: JSON {
        let health = ledger.health
        return [
            "state": health == .ready ? "ready" : "degraded", "reason": JSON(health.reason),
            "since": JSON(trouble.since.withLock { $0?.description }),
        ]
    }

    private static func work(_ jobs: Mailbox<Job>, _ ledger: any Ledger) {
        var taken: [Job] = []
        while true {
            jobs.wake.wait(milliseconds: -1)
            jobs.wake.clear()
            jobs.take(into: &taken)
            for job in taken {
                guard case .request(let request) = job else { return }
                do throws(BerthError) {
                    request.ok(try run(request, ledger))
                } catch {
                    request.fail(error)
                }
            }
            taken.removeAll()
        }
    }

    private static func run(_ request: Request, _ ledger: any Ledger) throws(BerthError) -> JSON {
        let body = try request.json()
        let known = request.verb == "ledger.backup" ? ["file"] : []
        if let other = body.object?.names.first(where: { !known.contains($0) }) {
            throw BerthError(.invalid, "\(request.verb) has no field '\(other)'", field: other)
        }
        guard request.verb == "ledger.backup" else { return ["problems": JSON(try ledger.check())] }
        guard let file = body["file"]?.string, file.hasPrefix("/") else {
            throw BerthError(.invalid, "ledger.backup wants an absolute path, at the host", field: "file")
        }
        return ["file": .string(file), "bytes": JSON(try ledger.backup(to: file))]
    }
}
