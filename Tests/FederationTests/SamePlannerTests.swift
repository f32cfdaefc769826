import Federation
import Foundation
import JSON
import Ledger
import Model
import Planner
import Scheduler
import TestSupport
import Testing

@testable import Simulator

/// What `berth simulate` decides about members is what a host decides: the Scheduler is told of them as the Federation tells it, with the
/// capacity documents that the Federation makes.
@Suite("members, simulated and live")
struct SamePlannerTests {
    private static let sizes = [1, 2, 1, 3, 4, 2, 5, 1, 2, 3]
    private static let node = Resources(milliCPUs: 2000, memoryMiB: 4096, diskGiB: 0, machines: 100)

    /// The Scheduler's core with what is answered to its calls.
    private struct Live {
        let core: SchedulerCore
        let now = Now(real: Instant(milliseconds: 1_800_000_000_000), steady: 0)
        var nodes: [String: JSON] = [:]
        var replies: [Int: CoreReply] = [:]

        /// Answers until nothing is asked any more; machines are never made, as only their places count here.
        mutating func pump() {
            for _ in 0..<1000 {
                let step = core.take(now: now)
                for (token, reply) in step.replies { replies[token] = reply }
                for call in step.calls {
                    switch call.slot {
                    case .list: core.receive(.answer(call.number, .lines([])), now: now)
                    case .capacity: core.receive(.answer(call.number, .document(nodes[call.provider] ?? .null)), now: now)
                    default: break
                    }
                }
                if let batch = step.batch { core.receive(.committed(.success(batch.events)), now: now) }
                if step.batch == nil, step.calls.isEmpty { return }
            }
        }

        mutating func places(_ token: Int, machines: Int) -> [String]? {
            let group: JSON = ["count": JSON(machines), "cpus": 1, "memory_mib": 512]
            let body: JSON = ["kind": "best-effort", "groups": [group], "duration_s": 3600, "where": "anywhere"]
            core.receive(.request(CoreRequest(token: token, verb: "lease.create", body: body, owner: "uid:1")), now: now)
            pump()
            guard case .ok(let answer)? = replies[token] else { return nil }
            return answer["lease"]?["machines"]?.array?.compactMap { machine in
                guard let provider = machine["provider"]?.string, let node = machine["node"]?.string else { return nil }
                return "\(provider)/\(node)"
            }.sorted()
        }
    }

    @Test("the same leases go to the same nodes of the same members, in a simulation and in the Scheduler")
    func same() throws {
        var model = SimulationModel(.noVM)
        model.nodes = 3
        model.node = Self.node
        model.members = [.init("beta", nodes: 2), .init("gamma", nodes: 4)]
        let settings = Settings(policy: .fifo)
        let jobs = Self.sizes.enumerated().map { index, machines in
            Workload.Job(
                id: "j\(index)", owner: "1", submit: 0, start: nil, requested: 3_600_000, real: 3_600_000, machines: machines,
                each: .machine(cpus: 1, memoryMiB: 512))
        }
        var simulation = Simulation(Workload(jobs: jobs), model: model, settings: settings)
        simulation.keepsTurns = true
        let names = Simulation.world(model, settings).snapshot().nodes.map { $0.id.description }
        let result = simulation.run()

        var scheduler = SchedulerSettings()
        scheduler.plan = settings
        scheduler.providers = [ProviderSettings(name: "sim")]
        var live = Live(
            core: try SchedulerCore(
                settings: scheduler, ledger: SimulatedLedger(), ids: IdentifierSource(ledger: LedgerID(rawValue: 1)),
                now: Now(real: Instant(milliseconds: 1_800_000_000_000), steady: 0)))
        func document(_ count: Int) -> JSON { Offer.document((0..<count).map { Offer.Node(id: "n\($0)", free: Self.node) }) }
        live.nodes = ["sim": document(3), "beta": document(2), "gamma": document(4)]
        for (rank, name) in ["sim", "beta", "gamma"].enumerated() {
            let change = ProviderChange(
                name: name, state: "ready", capabilities: ["create", "list"], member: rank == 0 ? nil : name, rank: rank == 0 ? nil : rank)
            live.core.receive(.provider(change), now: live.now)
        }
        live.pump()
        var members: Set<String> = []
        for (index, record) in result.records.enumerated() {
            let simulated = record.begins.first == 0 ? (record.turns.first ?? []).map { names[$0] }.sorted() : nil
            let placed = live.places(index, machines: Self.sizes[index])
            if let simulated {
                #expect(placed == simulated, "lease \(index)")
                members.formUnion(simulated.map { String($0.prefix { $0 != "/" }) })
            } else {
                // There was no room for it at once: in the Scheduler it waits too.
                #expect(placed?.isEmpty == true, "lease \(index): \(placed ?? [])")
            }
        }
        #expect(members == ["sim", "beta", "gamma"], "the leases must reach all of them, or nothing is shown")
    }

    @Test("with members a workload waits less, and reservations stay here")
    func members() {
        var model = SimulationModel(.noVM)
        model.nodes = 4
        let jobs = (0..<40).map { index in
            Workload.Job(
                id: "j\(index)", owner: "1", submit: Int64(index) * 60_000, start: index % 10 == 9 ? Int64(index) * 60_000 + 600_000 : nil,
                requested: 600_000, real: 600_000, machines: 1 + index % 3, each: .machine(cpus: 1, memoryMiB: 512))
        }
        let alone = Simulation(Workload(jobs: jobs), model: model, settings: Settings()).run()
        model.members = [.init("beta", nodes: 4)]
        let names = Simulation.world(model, Settings()).snapshot().nodes.map(\.id.provider)
        var simulation = Simulation(Workload(jobs: jobs), model: model, settings: Settings())
        simulation.keepsTurns = true
        let together = simulation.run()
        #expect(together.meanWait < alone.meanWait, "\(together.meanWait) s and \(alone.meanWait) s")
        let reserved = together.records.filter(\.isReservation).flatMap { $0.turns.flatMap { $0 } }
        #expect(!reserved.isEmpty && reserved.allSatisfy { names[$0] == "sim" })
        #expect(together.records.contains { $0.turns.contains { $0.contains { names[$0] == "beta" } } })
    }
}
